//! What is chosen by name: strategies, selections and orders, those that are shipped and those of the user's own.
//!
//! Promises that a typo is an error that lists the choices. Leaves what a name stands for to [`crate::allocator::placement`],
//! [`crate::allocator::candidates`] and [`crate::allocator::order`].

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::allocator::own::{self, OwnName};

/// Lets a choice be written and read by its name.
macro_rules! by_name {
    ($choice:ident, $kind:ident) => {
        impl Serialize for $choice {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl<'de> Deserialize<'de> for $choice {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                own::read(deserializer, own::Kind::$kind, &Self::SHIPPED, Self::Own)
            }
        }
    };
}

by_name!(Strategy, Strategy);
by_name!(Selection, Selector);
by_name!(QueueOrder, Order);

/// How qubits are chosen on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum Strategy {
    /// The first placement in order of qubit numbers: a breadth-first connected region, or the first embedding.
    FirstFit,
    /// The placement with the best predicted fidelity, by exact search; never one that needs routing.
    NoiseAware,
    /// As `noise_aware`; where no placement exists and the job may be routed, as `region`.
    #[default]
    TopologyAware,
    /// A connected region with a layout that needs few SWAP gates, also for programs that would fit without any.
    Region,
    /// The smallest free one of fixed regions of the device that can take the job: how published systems share a
    /// device. Inside the region as `topology_aware`. Each copy of a job with `elasticity: copies` takes a region of its own.
    FixedRegions,
    /// One of the user's own, see [`crate::allocator::placement::own`].
    #[schemars(skip)]
    Own(OwnName),
}

impl Strategy {
    /// All that are shipped, with their names in files.
    pub const SHIPPED: [(&str, Self); 5] = [
        ("first_fit", Self::FirstFit),
        ("noise_aware", Self::NoiseAware),
        ("topology_aware", Self::TopologyAware),
        ("region", Self::Region),
        ("fixed_regions", Self::FixedRegions),
    ];

    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::FirstFit => "first_fit",
            Self::NoiseAware => "noise_aware",
            Self::TopologyAware => "topology_aware",
            Self::Region => "region",
            Self::FixedRegions => "fixed_regions",
            Self::Own(name) => name.as_str(),
        }
    }
}

/// In which order devices are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum Selection {
    /// In order of registration.
    First,
    /// Uniformly at random among the devices that have enough free qubits.
    Random,
    /// Each device in turn.
    RoundRobin,
    /// The device with the smallest share of its qubits in use or asked for first.
    #[default]
    LeastLoaded,
    /// Each device in turn, as often as its weight says, see `weights`; evenly spread. A device that was out of service
    /// or could not take what came catches up on one turn.
    WeightedRoundRobin,
    /// The less loaded of two devices that are drawn, then the other one, then the rest from the least loaded on.
    PowerOfTwo,
    /// The device where the job is expected to end first: by the published run time of the job there, corrected by what
    /// finished jobs have reported, from now on or, with queues per device, after what runs and waits there. Looks
    /// at all devices.
    EarliestCompletion,
    /// The device with the lowest price of the job, by its `price` and the expected run time; those without a known price last.
    /// Looks at all devices.
    Cheapest,
    /// The device with the lowest sum of load, loss of fidelity, expected end and price, see `score`. Looks at all devices,
    /// and searches a placement on each, as if it were empty, for jobs of a kind that it has not seen.
    WeightedScore,
    /// The device whose placement has the best predicted fidelity; of those within a thousandth the least loaded one.
    BestFidelity,
    /// One of the user's own, see [`crate::allocator::candidates::own`].
    #[schemars(skip)]
    Own(OwnName),
}

impl Selection {
    /// All that are shipped, with their names in files.
    pub const SHIPPED: [(&str, Self); 10] = [
        ("first", Self::First),
        ("random", Self::Random),
        ("round_robin", Self::RoundRobin),
        ("least_loaded", Self::LeastLoaded),
        ("weighted_round_robin", Self::WeightedRoundRobin),
        ("power_of_two", Self::PowerOfTwo),
        ("earliest_completion", Self::EarliestCompletion),
        ("cheapest", Self::Cheapest),
        ("weighted_score", Self::WeightedScore),
        ("best_fidelity", Self::BestFidelity),
    ];

    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Random => "random",
            Self::RoundRobin => "round_robin",
            Self::LeastLoaded => "least_loaded",
            Self::WeightedRoundRobin => "weighted_round_robin",
            Self::PowerOfTwo => "power_of_two",
            Self::EarliestCompletion => "earliest_completion",
            Self::Cheapest => "cheapest",
            Self::WeightedScore => "weighted_score",
            Self::BestFidelity => "best_fidelity",
            Self::Own(name) => name.as_str(),
        }
    }
}

/// In which order waiting jobs are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum QueueOrder {
    /// First in, first out.
    #[default]
    Fifo,
    /// The shortest stated walltime (`estimated_duration`) first; jobs that state none come last.
    ShortestFirst,
    /// The highest priority first; it rises with the time since submission, see `priority_aging`. Also `priority_based`.
    Priority,
    /// The earliest deadline first; jobs without one come last.
    EarliestDeadline,
    /// Whoever has used least of their share first, see `fair_share`; the jobs of one user first in, first out.
    FairShare,
    /// The most points first, for priority, age, qubits, walltime and deadline, see `order_weights`.
    Weighted,
    /// One of the user's own, see [`crate::allocator::order::own`].
    #[schemars(skip)]
    Own(OwnName),
}

impl QueueOrder {
    /// All that are shipped, with their names in files.
    pub const SHIPPED: [(&str, Self); 7] = [
        ("fifo", Self::Fifo),
        ("shortest_first", Self::ShortestFirst),
        ("priority", Self::Priority),
        ("priority_based", Self::Priority),
        ("earliest_deadline", Self::EarliestDeadline),
        ("fair_share", Self::FairShare),
        ("weighted", Self::Weighted),
    ];

    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fifo => "fifo",
            Self::ShortestFirst => "shortest_first",
            Self::Priority => "priority",
            Self::EarliestDeadline => "earliest_deadline",
            Self::FairShare => "fair_share",
            Self::Weighted => "weighted",
            Self::Own(name) => name.as_str(),
        }
    }
}
