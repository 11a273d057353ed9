//! How the core decides: strategies, queues, isolation, limits and the seed, as plain settings.
//!
//! Promises a documented default for everything. Leaves what is chosen by name to `choices`, who waits where to
//! `queueing`, and how long jobs are taken to run to `walltime`.

mod between;
mod choices;
mod ordering;
mod queueing;
mod quota;
mod selecting;
mod sharing;
mod walltime;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::protocol::IsolationLevel;
use crate::time::Span;
pub use between::Between;
pub use choices::{QueueOrder, Selection, Strategy};
pub use ordering::{OrderWeightError, OrderWeights};
pub use queueing::{Aging, HeadOfLine, Overtaking, Promises, Queue, Retry};
pub use quota::{Borrow, QubitSeconds, Quota};
pub use selecting::{AvoidOverloaded, DeviceWeights, ScoreError, ScoreWeights};
pub use sharing::{FairShare, Group, Project, Tenants, TenantsError, User, number_of};
pub use walltime::{Walltime, WalltimeEstimate, WalltimeExceeded};

/// All settings of the core.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AllocatorConfig {
    /// How qubits are chosen on a device.
    #[serde(alias = "default_strategy")]
    pub strategy: Strategy,
    /// What makes one placement better than another, and what becomes of programs that do not embed.
    pub placement: PlacementConfig,
    /// In which order devices are tried.
    #[serde(alias = "algorithm")]
    pub selection: Selection,
    /// How many turns each device gets with `selection: weighted_round_robin`, in proportion to the others: `{ibm_fez: 3,
    /// ionq: 0.5}`. Keys are names of devices, patterns, vendors, technologies and aliases; values are 0 to 1,000 with at
    /// most 3 decimals, for each device that is called so. A device of weight 0 gets what no other can take. Default 1 each.
    #[serde(skip_serializing_if = "DeviceWeights::is_empty")]
    pub weights: DeviceWeights,
    /// What counts how much with `selection: weighted_score`.
    #[serde(skip_serializing_if = "is_default")]
    pub score: ScoreWeights,
    /// Which devices are tried only when no other one could place a job, whatever `selection` says; those that a job prefers
    /// are tried first all the same. With `best_fidelity` they are compared where no other can. Default off.
    #[serde(skip_serializing_if = "is_default")]
    pub avoid_overloaded_devices: AvoidOverloaded,
    /// Who waits where, and who may overtake.
    pub queue: Queue,
    /// In which order waiting jobs are looked at. Jobs that it does not tell apart go in order of submission. How strict it
    /// is, `queue` says: `skip_ahead` lets later jobs that fit pass those that do not.
    pub order: QueueOrder,
    /// What counts how much with `order: weighted`.
    #[serde(skip_serializing_if = "is_default")]
    pub order_weights: OrderWeights,
    /// Whether the jobs of those come first who have used least of their share, before `order` counts. With `order:
    /// fair_share`, `{tree: {}}`. Default off.
    pub fair_share: FairShare,
    /// What a qubit-second counts for on each device when usage orders the queue: `{ibm_fez: 2, simulator: 0}`. Keys and
    /// values as in `weights`; time on a device of weight 0 is free. What a job runs on when this changes counts by what was
    /// said when it started. Quotas of qubit-seconds know of no weights. Default 1 each.
    #[serde(skip_serializing_if = "DeviceWeights::is_empty")]
    pub charge_weights: DeviceWeights,
    /// Groups, projects and users by name, with their shares. Default: nobody is listed, all have one share each.
    #[serde(skip_serializing_if = "Tenants::is_empty")]
    pub tenants: Tenants,
    /// How long after its submission the priority of a job has risen by one step. With the default a low one (-100) that
    /// came an hour ago is as urgent as a normal one (0) that has just come. It keeps jobs of low priority from standing
    /// behind others for ever; those that `skip_ahead` lets pass may still keep them waiting. `{capped: {every: 36s, at_most:
    /// 100}}` ends the rise after 100 steps. Default `{every: 36s}`.
    pub priority_aging: Aging,
    /// Whether a job that cannot end by its deadline any more is refused, on arrival and while it waits for its first
    /// start: when less than the walltime that it states is left, or the deadline has come if it states none. Otherwise, and
    /// once it has started, it runs late. Default no.
    pub reject_if_late: bool,
    /// When a job that could not start is tried again.
    pub retry: Retry,
    /// How jobs are kept apart.
    pub isolation: Isolation,
    /// How long jobs are taken to run, and what happens to those that run longer.
    pub walltime: Walltime,
    /// How often a job may be started before it fails for good. Default 10.
    #[schemars(range(min = 1))]
    pub max_attempts: u32,
    /// How long the core waits for a driver to acknowledge a stop before it takes the qubits back. Default 60s.
    pub stop_timeout: Span,
    /// Search steps per placement before the search gives up with the best it has. Default 200,000.
    #[schemars(range(min = 1))]
    pub placement_budget: u64,
    /// When a device takes new jobs.
    pub starts: Starts,
    /// How jobs that start at one instant on one device share its qubits.
    pub batch: Batch,
    /// Most jobs that may still wait when those that can start have started; the latest beyond are rejected, whatever the
    /// order of the queue. Jobs that
    /// wait again after they lost their device count, but are not rejected. Default: no limit.
    pub max_queue_length: Option<u32>,
    /// Ended jobs whose numbers are remembered, to recognise repeated submissions. Default 100,000.
    pub remember_ended_jobs: u32,
}

impl Default for AllocatorConfig {
    fn default() -> Self {
        Self {
            strategy: Strategy::default(),
            placement: PlacementConfig::default(),
            selection: Selection::default(),
            weights: DeviceWeights::default(),
            score: ScoreWeights::default(),
            avoid_overloaded_devices: AvoidOverloaded::default(),
            queue: Queue::default(),
            order: QueueOrder::default(),
            order_weights: OrderWeights::default(),
            fair_share: FairShare::default(),
            charge_weights: DeviceWeights::default(),
            tenants: Tenants::default(),
            priority_aging: Aging::default(),
            reject_if_late: false,
            retry: Retry::default(),
            isolation: Isolation::default(),
            walltime: Walltime::default(),
            max_attempts: 10,
            stop_timeout: Span::from_secs(60),
            placement_budget: 200_000,
            starts: Starts::default(),
            batch: Batch::default(),
            max_queue_length: None,
            remember_ended_jobs: 100_000,
        }
    }
}

impl AllocatorConfig {
    /// Checks ranges that the types do not.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.max_attempts == 0 {
            return Err(ConfigError::Zero("max_attempts"));
        }
        if self.placement_budget == 0 {
            return Err(ConfigError::Zero("placement_budget"));
        }
        if matches!(self.batch, Batch::Joint { max_jobs: 0 | 1 }) {
            return Err(ConfigError::LoneBatch);
        }
        if matches!(self.retry, Retry::Every(span) if span == Span::ZERO) {
            return Err(ConfigError::Zero("retry.every"));
        }
        match self.priority_aging {
            Aging::Every(Span::ZERO) => return Err(ConfigError::Zero("priority_aging.every")),
            Aging::Capped { every: Span::ZERO, .. } => {
                return Err(ConfigError::Zero("priority_aging.capped.every"));
            }
            Aging::Off | Aging::Every(_) | Aging::Capped { .. } => {}
        }
        if self.isolation.buffer_distance > 16 {
            return Err(ConfigError::BufferTooWide(self.isolation.buffer_distance));
        }
        if matches!(self.fair_share, FairShare::Tree { half_life: Span::ZERO }) {
            return Err(ConfigError::Zero("fair_share.tree.half_life"));
        }
        if matches!(self.fair_share, FairShare::Window { length: Span::ZERO }) {
            return Err(ConfigError::Zero("fair_share.window.length"));
        }
        self.tenants.validate()?;
        self.score.validate()?;
        self.order_weights.validate()?;
        validate_queue(&self.queue)?;
        validate_walltime(&self.walltime)?;
        self.placement.validate()
    }

    /// Whether anybody has a share: accounts are of interest then.
    pub fn shares_count(&self) -> bool {
        self.fair_share() != FairShare::Off || !self.tenants.is_empty()
    }

    /// How long jobs that state no walltime are taken to run: of no interest where no starts are promised.
    pub fn estimate(&self) -> WalltimeEstimate {
        if self.queue.makes_promises() { self.walltime.estimate } else { WalltimeEstimate::None }
    }

    /// Whose usage counts, `order: fair_share` included.
    pub fn fair_share(&self) -> FairShare {
        match (self.fair_share, self.order) {
            (FairShare::Off, QueueOrder::FairShare) => FairShare::TREE,
            (fair_share, _) => fair_share,
        }
    }
}

/// Whether a setting need not be written.
fn is_default<T: Default + PartialEq>(setting: &T) -> bool {
    *setting == T::default()
}

/// Checks what the types of a queue do not.
fn validate_queue(queue: &Queue) -> Result<(), ConfigError> {
    let (name, skip_ahead, promises) = match *queue {
        Queue::Global { skip_ahead, promises } => ("global", skip_ahead, promises),
        Queue::PerDevice { skip_ahead, promises, .. } => ("per_device", skip_ahead, promises),
    };
    if promises.is_some() && skip_ahead.is_some() {
        return Err(ConfigError::BothOvertake(name));
    }
    if promises == Some(Promises::Depth(0)) {
        return Err(ConfigError::NoPromises(name));
    }
    match queue {
        Queue::PerDevice { promises: Some(_), head_of_line: HeadOfLine::Count, .. } => {
            Err(ConfigError::CountedPromises)
        }
        _ => Ok(()),
    }
}

/// Checks what the types of walltimes do not.
fn validate_walltime(walltime: &Walltime) -> Result<(), ConfigError> {
    match walltime.estimate {
        WalltimeEstimate::Model(factor) if !(0.01..=1000.0).contains(&factor) => {
            Err(ConfigError::EstimateFactor { bits: factor.to_bits() })
        }
        _ => Ok(()),
    }
}

impl ConfigError {
    /// The setting, as a path below that of the allocator.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Zero(key) => key,
            Self::BufferTooWide(_) => "isolation.buffer_distance",
            Self::LoneBatch => "batch.joint.max_jobs",
            Self::BothOvertake("global") => "queue.global.skip_ahead",
            Self::BothOvertake(_) => "queue.per_device.skip_ahead",
            Self::NoPromises("global") => "queue.global.promises.depth",
            Self::NoPromises(_) => "queue.per_device.promises.depth",
            Self::CountedPromises => "queue.per_device.promises",
            Self::Weight { key, .. } => key,
            Self::Score(error) => error.key(),
            Self::OrderWeight(error) => error.key,
            Self::NoRegions => "placement.fixed_regions.sizes",
            Self::GapTooWide(_) => "placement.fixed_regions.gap",
            Self::Tenants(_) => "tenants",
            Self::NoMemory => "placement.memory.bounded.max_mib",
            Self::EstimateFactor { .. } => "walltime.estimate.model",
        }
    }
}

/// A setting out of range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, thiserror::Error)]
pub enum ConfigError {
    /// A setting that must not be zero.
    #[error("{0} must be at least 1")]
    Zero(&'static str),
    /// Batches of a single job.
    #[error("batch.joint.max_jobs must be at least 2; hint: `batch: sequential` places jobs one by one")]
    LoneBatch,
    /// Two ways to overtake at once.
    #[error(
        "queue.{0} has both skip_ahead and promises, which exclude each other; hint: skip_ahead lets later jobs delay \
         those that they pass, promises do not"
    )]
    BothOvertake(&'static str),
    /// Promises to nobody.
    #[error(
        "queue.{0}.promises.depth must be at least 1; hint: without `promises` nobody is promised anything"
    )]
    NoPromises(&'static str),
    /// Promises where jobs take qubits by number.
    #[error(
        "queue.per_device.promises cannot be kept with head_of_line: count; hint: `head_of_line: placement`"
    )]
    CountedPromises,
    /// A buffer wider than any device is useful for.
    #[error("isolation.buffer_distance is {0}, the largest is 16")]
    BufferTooWide(u32),
    /// A weight outside of its range.
    #[error("{key} is {value}; hint: valid are 0 to {most}", value = f64::from_bits(*.bits))]
    Weight {
        /// The setting.
        key: &'static str,
        /// The value, as bits.
        bits: u64,
        /// Largest valid value.
        most: u32,
    },
    /// A score that is none.
    #[error(transparent)]
    Score(#[from] ScoreError),
    /// A weight of the order out of range.
    #[error(transparent)]
    OrderWeight(#[from] OrderWeightError),
    /// A fixed region without qubits, or none at all.
    #[error("placement.fixed_regions.sizes needs at least one size, and none of them 0")]
    NoRegions,
    /// Idle qubits between fixed regions beyond any use.
    #[error("placement.fixed_regions.gap is {0}, the largest is 16")]
    GapTooWide(u32),
    /// Shares that are none.
    #[error(transparent)]
    Tenants(#[from] TenantsError),
    /// An estimate that is none.
    #[error(
        "walltime.estimate.model is {value}; hint: valid are 0.01 to 1,000, and `estimate: none`",
        value = f64::from_bits(*.bits)
    )]
    EstimateFactor {
        /// The factor, as bits.
        bits: u64,
    },
    /// A memory without room.
    #[error("placement.memory.bounded.max_mib must be at least 1; hint: `memory: off` remembers nothing")]
    NoMemory,
}

/// What makes one placement better than another, and what becomes of programs that do not embed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PlacementConfig {
    /// Weight of the noise, 0 to 1; 0: connectivity only, all placements are alike. In thousandths. Default 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub noise_weight: f64,
    /// Cost of every free neighbour that a chosen qubit has before the placement, 0 to 10 nats, for a job of 10 qubits
    /// and in proportion for others; what lies beyond the neighbour adds to it. Keeps what is left in one piece.
    /// Default 0.005: with programs as deep as on IBM's devices 1.6 points more jobs are accepted than by first fit, at
    /// 12 % less error per qubit; beyond, accepted jobs cost more and more error, see `results/reference/loss_system`.
    #[schemars(range(min = 0.0, max = 10.0))]
    pub fragmentation_weight: f64,
    /// Weight of the crosstalk that is expected from jobs next to a coupler, 0 to 1,000; 1: at its published
    /// strength. Default 0.
    #[schemars(range(min = 0.0, max = 1000.0))]
    pub crosstalk_weight: f64,
    /// Which programs are started although a router must add SWAP gates to them.
    pub routing: RoutingPolicy,
    /// How `fixed_regions` divides a device.
    pub fixed_regions: FixedRegionsConfig,
    /// What searches remember of earlier ones. Changes how long they take, never what they find.
    pub memory: SearchMemory,
}

impl Default for PlacementConfig {
    fn default() -> Self {
        Self {
            noise_weight: 1.0,
            fragmentation_weight: 0.005,
            crosstalk_weight: 0.0,
            routing: RoutingPolicy::default(),
            fixed_regions: FixedRegionsConfig::default(),
            memory: SearchMemory::default(),
        }
    }
}

impl PlacementConfig {
    /// Whether something besides the noise counts.
    pub fn has_surcharges(&self) -> bool {
        self.fragmentation_weight > 0.0 || self.crosstalk_weight > 0.0
    }

    fn validate(&self) -> Result<(), ConfigError> {
        let weights = [
            ("placement.noise_weight", self.noise_weight, 1),
            ("placement.fragmentation_weight", self.fragmentation_weight, 10),
            ("placement.crosstalk_weight", self.crosstalk_weight, 1_000),
        ];
        for (key, value, most) in weights {
            if !(0.0..=f64::from(most)).contains(&value) {
                return Err(ConfigError::Weight { key, bits: value.to_bits(), most });
            }
        }
        let regions = &self.fixed_regions;
        if regions.sizes.is_empty() || regions.sizes.contains(&0) {
            return Err(ConfigError::NoRegions);
        }
        if regions.count == Some(0) {
            return Err(ConfigError::Zero("placement.fixed_regions.count"));
        }
        if regions.gap > 16 {
            return Err(ConfigError::GapTooWide(regions.gap));
        }
        match self.memory {
            SearchMemory::Bounded { max_mib: 0, .. } => Err(ConfigError::NoMemory),
            SearchMemory::Bounded { max_age: Span::ZERO, .. } => {
                Err(ConfigError::Zero("placement.memory.bounded.max_age"))
            }
            SearchMemory::Bounded { .. } | SearchMemory::Off => Ok(()),
        }
    }
}

/// Which programs are started although their interactions do not all lie on couplers, so that a router must add SWAP
/// gates. Concerns strategies that can route; a job with `max_swap_operations: 0` is never routed.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum RoutingPolicy {
    /// None.
    Never,
    /// Those for which no device that they may use has a placement without SWAPs even when it is empty; all others
    /// wait. Strategy `region`, which does not look for such placements, takes it for `always`.
    #[default]
    WhenImpossible,
    /// All that have no placement without SWAPs at the moment.
    Always,
}

/// How `fixed_regions` divides a device: into connected regions, the same for as long as the device exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FixedRegionsConfig {
    /// Qubits of each region, in the order in which they are cut out; the last size is repeated as often as it fits.
    /// Programs wider than the widest region are refused, unless regions may be
    /// `joined`. Default `[27]`.
    #[schemars(length(min = 1))]
    pub sizes: Vec<u32>,
    /// Idle qubits between two regions, 0 to 16. Less than the buffer distance between jobs makes neighbouring
    /// regions exclude each other. Default 1.
    #[schemars(range(max = 16))]
    pub gap: u32,
    /// Most regions of one device. Default: as many as fit.
    #[schemars(range(min = 1))]
    pub count: Option<u32>,
    /// Whether a program that is wider than any region gets several neighbouring ones, with the idle qubits between
    /// them. Default no.
    pub joined: bool,
}

impl Default for FixedRegionsConfig {
    fn default() -> Self {
        Self { sizes: vec![27], gap: 1, count: None, joined: false }
    }
}

/// What searches for the placement of least cost remember of earlier ones: bounds for programs on whole devices, of
/// one calibration. Used where nothing but noise counts (no weights of fragmentation or crosstalk, no limits on
/// two-qubit errors), and for what devices could do if they were empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SearchMemory {
    /// Nothing.
    Off,
    /// What was used last.
    Bounded {
        /// Most memory of each of the core's two searches (the strategy's, and the one that judges bounds on quality),
        /// in MiB. Default 64.
        #[serde(default = "memory_max_mib")]
        #[schemars(range(min = 1))]
        max_mib: u32,
        /// How long something is kept that is not used. Default 1h.
        #[serde(default = "memory_max_age")]
        max_age: Span,
    },
}

impl Default for SearchMemory {
    fn default() -> Self {
        Self::Bounded { max_mib: memory_max_mib(), max_age: memory_max_age() }
    }
}

fn memory_max_mib() -> u32 {
    64
}

fn memory_max_age() -> Span {
    Span::from_secs(3_600)
}

/// When a device takes new jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Starts {
    /// Whenever there is room.
    #[default]
    AnyTime,
    /// When it is empty: as many as fit at that instant, and no more until all of them have ended. So do devices that run
    /// one combined circuit at a time.
    WhenEmpty,
}

/// How jobs that start at one instant on one device share its qubits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Batch {
    /// Each job gets the best that those before it in the queue have left.
    #[default]
    Sequential,
    /// The same jobs start, but where each of them runs is chosen for the least total of all, surcharges included. No
    /// job that met its bounds on quality moves to where it misses one; jobs that need SWAP gates keep the places that
    /// the queue gives them. With strategies `noise_aware` and `topology_aware`; the others stay sequential.
    Joint {
        /// Most jobs placed jointly; of more, the next ones are the next batch. Default 16.
        #[serde(default = "batch_max_jobs")]
        #[schemars(range(min = 2))]
        max_jobs: u32,
    },
}

fn batch_max_jobs() -> u32 {
    16
}

/// How jobs are kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Isolation {
    /// The level of jobs that do not ask for one. Default medium.
    pub default_level: IsolationLevel,
    /// Idle qubits between two jobs at level medium. Default 1.
    #[serde(alias = "spatial_separation", alias = "minimum_distance")]
    #[schemars(range(max = 16))]
    pub buffer_distance: u32,
    /// Time during which the qubits of a job at level strong stay blocked after it. Default 10us.
    pub guard: Span,
    /// Who is kept apart from whom. What a device itself demands (`min_qubit_separation`, `reconfiguration_time`) holds between
    /// all jobs. Default jobs.
    #[serde(skip_serializing_if = "is_default")]
    pub between: Between,
}

impl Default for Isolation {
    fn default() -> Self {
        Self {
            default_level: IsolationLevel::Medium,
            buffer_distance: 1,
            guard: Span(10_000),
            between: Between::Jobs,
        }
    }
}
