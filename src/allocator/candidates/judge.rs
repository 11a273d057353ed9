//! Whether a device takes a job now, and where: a chain of small judges, each with its own reason.
//!
//! In order: is the device in service and open (eligible), are enough qubits free for this job (mask), is there a region
//! of the shape among them (search), is it good enough (quality). Promises answers that follow from the state alone.

use std::collections::BTreeMap;
use std::hash::Hasher;

use smallvec::SmallVec;

use super::index::Need;
use super::kind_lines::Lines;
use super::memo::{AsOf, KindId, Memo};
use super::promise_memo::PromiseMemo;
use super::ranking;
use super::selection::{self, Ask, DeviceSelector};
use super::settled::Settled;
use super::walk::Walk;
use crate::allocator::config::AllocatorConfig;
use crate::allocator::explain::Obstacle;
use crate::allocator::isolation;
use crate::allocator::isolation::crosstalk::CrosstalkLimits;
use crate::allocator::order::job_order::JobOrder;
use crate::allocator::order::shipped;
use crate::allocator::placement::memory::MemoryUse;
use crate::allocator::placement::surcharge::{self, Surcharges};
use crate::allocator::placement::{self, Objective, PlacementRequest, PlacementStrategy, exact::NoiseAware};
use crate::allocator::protocol::{Event, JobRequest, Status};
use crate::allocator::sizing::{Fit, Refusal, Sizes, Strategies};
use crate::allocator::state::State;
use crate::allocator::state::calendar::Booking;
use crate::allocator::state::fleet::Device;
use crate::allocator::state::outlook::{Counting, Manners, Window};
use crate::allocator::state::place::Standing;
use crate::quantum::device::DeviceLimits;
use crate::quantum::{DeviceId, QubitSet};
use crate::random::StreamFamily;
use crate::time::{Span, Time};

/// The strategies in force, and what is remembered to be quicker. Reads the state and never changes it.
pub struct Judge {
    /// Random choices, keyed by (job, attempt).
    draws: StreamFamily,
    pub(in crate::allocator) strategy: Box<dyn PlacementStrategy>,
    /// The strategy was brought by the user and survives a change of the configuration.
    own_strategy: bool,
    /// Judges what bounds on quality can be met where another strategy is in force.
    pub(in crate::allocator) exact: NoiseAware,
    pub(in crate::allocator) selector: Box<dyn DeviceSelector>,
    own_selector: bool,
    pub(in crate::allocator) order: Box<dyn JobOrder>,
    own_order: bool,
    pub(in crate::allocator) memo: Memo,
    pub(in crate::allocator) promised: PromiseMemo,
    pub(in crate::allocator) lines: Lines,
    /// What the last pass through each queue has left behind.
    pub(super) settled: BTreeMap<Option<DeviceId>, Settled>,
    /// Scratch: what placements cost besides noise.
    pub(in crate::allocator) surcharges: Surcharges,
    /// Scratch: what limits on crosstalk leave.
    crosstalk: CrosstalkLimits,
    /// Scratch: qubits free for the job that is being placed.
    pub(in crate::allocator) free: QubitSet,
}

/// What keeps every job from a device, as far as the device itself is concerned.
pub fn closed(device: &Device) -> Option<Obstacle> {
    if device.accepts_starts() {
        None
    } else if device.status == Status::Online {
        Some(Obstacle::MaxConcurrentTasks)
    } else {
        Some(Obstacle::NotInService(device.status))
    }
}

impl Judge {
    /// The strategies of a configuration, with nothing remembered.
    pub fn new(config: &AllocatorConfig, draws: StreamFamily) -> Self {
        Self {
            draws,
            strategy: placement::configured(config.strategy, &config.placement),
            own_strategy: false,
            exact: NoiseAware::with_memory(config.placement.memory),
            selector: selection::configured(config),
            own_selector: false,
            order: shipped::configured(config),
            own_order: false,
            memo: Memo::under(config),
            promised: PromiseMemo::default(),
            lines: Lines::default(),
            settled: BTreeMap::new(),
            surcharges: Surcharges::default(),
            crosstalk: CrosstalkLimits::default(),
            free: QubitSet::default(),
        }
    }

    /// Places with a strategy of the caller's own.
    pub fn use_strategy(&mut self, strategy: Box<dyn PlacementStrategy>) {
        (self.strategy, self.own_strategy) = (strategy, true);
    }

    /// Wraps the placement strategy in force.
    pub fn map_strategy(
        mut self,
        wrap: impl FnOnce(Box<dyn PlacementStrategy>) -> Box<dyn PlacementStrategy>,
    ) -> Self {
        self.strategy = wrap(self.strategy);
        self
    }

    /// Selects devices with a selector of the caller's own.
    pub fn use_selector(&mut self, selector: Box<dyn DeviceSelector>) {
        (self.selector, self.own_selector) = (selector, true);
    }

    /// Orders waiting jobs by the caller's own order.
    pub fn use_order(&mut self, order: Box<dyn JobOrder>) {
        (self.order, self.own_order) = (order, true);
    }

    /// The streams of random choices.
    pub fn draws(&self) -> StreamFamily {
        self.draws
    }

    /// Whether the strategy was brought by the user.
    pub fn is_own_strategy(&self) -> bool {
        self.own_strategy
    }

    /// Whether anything was brought by the user as a value.
    pub fn is_own(&self) -> bool {
        self.own_strategy || self.own_selector || self.own_order
    }

    /// For another state, under another configuration: what searches remember holds whatever the state.
    #[must_use]
    pub fn again(mut self, from: &AllocatorConfig, to: &AllocatorConfig) -> Self {
        self.memo = Memo::under(to);
        self.promised.clear();
        self.forget_waiting();
        self.reconfigure(from, to);
        self
    }

    /// Time goes on.
    pub fn advance(&mut self, now: Time) {
        self.strategy.advance(now);
        self.exact.advance(now);
    }

    /// Drops whatever is remembered to be quicker.
    pub fn forget(&mut self) {
        self.memo.forget();
        self.promised.clear();
        self.forget_waiting();
        self.strategy.forget();
        self.exact.forget();
    }

    /// Drops what is remembered of those who wait.
    fn forget_waiting(&mut self) {
        self.lines.forget();
        self.settled.clear();
    }

    /// What searches remember of earlier ones, and how often it helped.
    pub fn search_memory(&self) -> MemoryUse {
        self.strategy.memory().beside(self.exact.memory())
    }

    /// Other settings are about to be in force.
    pub fn reconfigure(&mut self, from: &AllocatorConfig, to: &AllocatorConfig) {
        if !self.own_strategy && (to.strategy, &to.placement) != (from.strategy, &from.placement) {
            self.strategy = placement::configured(to.strategy, &to.placement);
        }
        if to.placement.memory != from.placement.memory {
            self.exact = NoiseAware::with_memory(to.placement.memory);
        }
        if !self.own_selector && (to.selection, to.score) != (from.selection, from.score) {
            self.selector = selection::configured(to);
        }
        if !self.own_order {
            self.order = shipped::configured(to);
        }
    }

    /// Drops what an event has made untrue.
    pub fn watch(&mut self, event: &Event, state: &State) {
        self.memo.watch(event, state);
        match event {
            Event::Reconfigured { .. } => self.forget_waiting(),
            Event::DeviceRemoved { device } => {
                self.lines.forget_queue(*device);
                self.settled.remove(&Some(*device));
            }
            _ => {}
        }
        match event {
            Event::JobStarted { allocation } => self.promised.forget(allocation.job),
            Event::JobHeld { job }
            | Event::JobTransferred { job, .. }
            | Event::JobCancelled { job, .. }
            | Event::JobExpired { job, .. }
            | Event::PromiseMoved { job, promise: None, .. } => self.promised.forget(*job),
            Event::JobRejected { job, .. } => self.promised.forget(job.id),
            // Other promises count for it, or for others, than before.
            Event::JobRanked { job, .. } => self.promised.forget(*job),
            Event::Reconfigured { .. } | Event::DeviceRegistered { .. } | Event::DeviceRemoved { .. } => {
                self.promised.clear();
            }
            _ => {}
        }
    }

    /// The way through the fleet for a job.
    pub fn walk<'r>(&mut self, state: &State, request: &'r JobRequest, of: Search) -> Walk<'r> {
        let Search { now, kind, attempts, need, last_chosen } = of;
        let draw = self.draws.draw(request.id.0, u64::from(attempts));
        let walk = Walk::new(request, Ask { need, draw, last_chosen })
            .avoiding(state.config().avoid_overloaded_devices.most_ppm());
        let Some(figures) = self.selector.ranking().map(|ranking| ranking.looks_at()) else { return walk };
        let candidates = self.candidates(state, now, kind, request, need, figures);
        match self.selector.ranking() {
            Some(ranking) => walk.in_order(ranking::ranked(ranking, &candidates)),
            None => walk,
        }
    }

    /// Whether a device takes a job of a kind now, and where. `searched`: a search must have said so, even where
    /// something larger is known not to hold the job either (the search may merely give up).
    pub fn ask(
        &mut self,
        state: &mut State,
        now: Time,
        kind: KindId,
        request: &JobRequest,
        id: DeviceId,
        searched: bool,
    ) -> Result<Fit, Obstacle> {
        let met = self.met_promises(state, now, request, id)?;
        let answer = self.ask_beside(state, now, kind, request, id, searched, met);
        if answer.is_ok() || met == Met::Nothing {
            return answer;
        }
        match self.ask_beside(state, now, kind, request, id, searched, Met::Nothing) {
            // It would start, but for what is promised.
            Ok(_) => Err(Obstacle::Promised),
            refused => refused,
        }
    }

    /// The same beside such promises to others; for want of a placement beside them, whatever the search says.
    #[expect(clippy::too_many_arguments, reason = "one question, asked with and without promises")]
    fn ask_beside(
        &mut self,
        state: &mut State,
        now: Time,
        kind: KindId,
        request: &JobRequest,
        id: DeviceId,
        searched: bool,
        met: Met,
    ) -> Result<Fit, Obstacle> {
        let promises = match met {
            Met::Nothing => 0,
            Met::Some(hash) => hash,
            Met::TakesNoMore => return Err(Obstacle::Promised),
        };
        let Some(device) = state.fleet().get(id) else {
            return Err(Obstacle::NotInService(Status::Offline));
        };
        let (bookings, revision) = (device.calendar.changes(), device.epoch.revision);
        let max_swaps = self.max_swaps(state, kind);
        let as_of = AsOf { bookings, revision, max_swaps, promises };
        if let Some(known) = self.memo[kind].known(id, as_of, searched) {
            return known.clone();
        }
        let beside = met != Met::Nothing;
        let (found, derived) = match self.search(state, now, kind, request, id, searched, beside, None) {
            Ok(fit) => (Ok(fit), false),
            Err((obstacle, derived)) => (Err(obstacle), derived),
        };
        self.memo[kind].learn(id, as_of, found.clone(), derived);
        found
    }

    /// Whether it is proved that a device does not take a job of a kind now, by a search that was not broken off.
    pub fn surely_refuses(
        &mut self,
        state: &mut State,
        now: Time,
        kind: KindId,
        request: &JobRequest,
        id: DeviceId,
    ) -> bool {
        let Ok(met) = self.met_promises(state, now, request, id) else { return true };
        let answer = self.ask_beside(state, now, kind, request, id, false, met);
        answer.is_err_and(|obstacle| !matches!(obstacle, Obstacle::BudgetExhausted))
    }

    /// Whether a device takes a job of a kind now on some of its qubits, and where.
    pub fn ask_within(
        &mut self,
        state: &mut State,
        now: Time,
        kind: KindId,
        request: &JobRequest,
        id: DeviceId,
        region: &QubitSet,
    ) -> Result<Fit, Obstacle> {
        match self.met_promises(state, now, request, id)? {
            Met::TakesNoMore => Err(Obstacle::Promised),
            met => {
                let beside = met != Met::Nothing;
                let found = self.search(state, now, kind, request, id, true, beside, Some(region));
                found.map_err(|(obstacle, _)| obstacle)
            }
        }
    }

    /// Which promises to others a job would meet on a device; or why the device takes nobody.
    fn met_promises(
        &self,
        state: &State,
        now: Time,
        request: &JobRequest,
        id: DeviceId,
    ) -> Result<Met, Obstacle> {
        let Some(device) = state.fleet().get(id) else {
            return Err(Obstacle::NotInService(Status::Offline));
        };
        if let Some(obstacle) = closed(device) {
            return Err(obstacle);
        }
        let config = state.config();
        if !device.is_open(config.starts, now) {
            return Err(Obstacle::BatchRunning);
        }
        if device.calendar.has_no_promises() {
            return Ok(Met::Nothing);
        }
        let window = stay(request, config, device, now);
        let party = isolation::promise(request, &config.isolation, &device.spec.limits).party;
        let outlook = state.outlook(device, now, counting(state, request), party);
        let mut met = outlook.promises_in(window).peekable();
        if met.peek().is_none() {
            return Ok(Met::Nothing);
        }
        if !outlook.takes_one_more(window, manners(config, &device.spec.limits)) {
            return Ok(Met::TakesNoMore);
        }
        let mut hash = rustc_hash::FxHasher::default();
        met.for_each(|(job, _)| hash.write_u64(job.0));
        Ok(Met::Some(hash.finish() | 1))
    }

    /// Searches a placement for a kind on what is free of one device, or of a region of it, and not promised to others
    /// (`beside`). An obstacle comes with whether it follows from an earlier proof, which `searched` forbids.
    #[expect(clippy::too_many_arguments, reason = "one question, asked from two places of this file")]
    fn search(
        &mut self,
        state: &mut State,
        now: Time,
        kind: KindId,
        request: &JobRequest,
        id: DeviceId,
        searched: bool,
        beside: bool,
        region: Option<&QubitSet>,
    ) -> Result<Fit, (Obstacle, bool)> {
        let max_swaps = self.max_swaps(state, kind);
        let never_fits = self.never_fits(state, kind, id, max_swaps);
        let Some(device) = state.fleet().get(id) else {
            return Err((Obstacle::NotInService(Status::Offline), false));
        };
        let qubits = self.memo[kind].pattern.qubits() as u32;
        let free = device.free_len();
        if free < qubits {
            return Err((Obstacle::TooFewFree { free }, false));
        }
        let promised = isolation::promise(request, &state.config().isolation, &device.spec.limits);
        let epoch = device.epoch.clone();
        let (mask, _) = self.memo[kind].on_device(id, &epoch);
        state.free_for(id, &promised, &mask.qubits, &mut self.free);
        let Some(device) = state.fleet().get(id) else {
            return Err((Obstacle::NotInService(Status::Offline), false));
        };
        if beside {
            let window = stay(request, state.config(), device, now);
            let outlook = state.outlook(device, now, counting(state, request), promised.party);
            let map = &device.spec.coupling_map;
            outlook.subtract_promises(window, promised.buffer_distance, map, &mut self.free);
        }
        if let Some(region) = region {
            self.free.intersect_with(region);
        }
        let terms = Terms { max_swaps, never_fits, searched, when: When::Now { now, beside } };
        self.search_free(state, kind, request, id, terms)
    }

    /// Searches a placement for a kind on the qubits in `self.free` of one device.
    pub(super) fn search_free(
        &mut self,
        state: &State,
        kind: KindId,
        request: &JobRequest,
        id: DeviceId,
        terms: Terms<'_>,
    ) -> Result<Fit, (Obstacle, bool)> {
        let Terms { max_swaps, never_fits, searched, when } = terms;
        let Some(device) = state.fleet().get(id) else {
            return Err((Obstacle::NotInService(Status::Offline), false));
        };
        let (kind, refusals) = self.memo.with_refusals(kind);
        let qubits = kind.pattern.qubits() as u32;
        let config = state.config();
        let promised = isolation::promise(request, &config.isolation, &device.spec.limits);
        let pattern = kind.pattern.clone();
        let epoch = &device.epoch;
        let (mask, demands) = kind.on_device(id, epoch);
        let calendar = &device.calendar;
        let (limit, technology) = (promised.max_crosstalk, device.spec.technology);
        let barred = mask.barred_couplers.as_deref();
        let barred = match when {
            // Mostly nobody minds.
            _ if limit.is_none() && !calendar.limits_crosstalk() => barred,
            When::Now { now, beside } => {
                let window = stay(request, config, device, now);
                let outlook = state.outlook(device, now, counting(state, request), promised.party);
                let kept = outlook.promises_in(window).map(|(_, kept)| kept).filter(|_| beside);
                let jobs: SmallVec<[&Booking; 16]> = outlook.running_in(window).chain(kept).collect();
                self.crosstalk.apply(&promised, technology, epoch, &jobs, &mut self.free, barred)
            }
            When::Later { beside, .. } => {
                self.crosstalk.apply(&promised, technology, epoch, beside, &mut self.free, barred)
            }
        };
        let usable = self.free.len() as u32;
        if usable < qubits {
            return Err((Obstacle::TooFewUsable { usable }, false));
        }
        if never_fits {
            return Err((Obstacle::NoPlacement, false));
        }
        // What is found without SWAPs and without a limit that depends on the neighbours depends on the free qubits
        // alone, and does not exist on fewer of them if it does not exist on these.
        let can = self.strategy.capabilities();
        let provable = can.proves_absence
            && (max_swaps == Some(0) || pattern.is_region())
            && limit.is_none()
            && demands.least_decides();
        let (revision, nothing_fits) = (epoch.revision, refusals.on(id));
        if provable && !searched && nothing_fits.covers(revision, &self.free) {
            return Err((Obstacle::NoPlacement, true));
        }
        let weights = &config.placement;
        let mut problem = PlacementRequest {
            epoch,
            free: &self.free,
            barred_couplers: barred,
            pattern: &pattern,
            budget: config.placement_budget,
            objective: Objective::of(weights),
            max_swaps,
            when_empty: Some(&mask.qubits),
        };
        let mut strategies = Strategies { configured: &mut *self.strategy, exact: &mut self.exact };
        let found = match when {
            When::Later { prefer, .. } => {
                problem.objective.qubits = Some(prefer).filter(|_| can.minimises);
                // Whether there is a region, the first steps tell; how good it is, matters when the job starts.
                if pattern.is_region() && demands.bounds.is_none() {
                    problem.budget = problem.budget.min(STEPS_PER_PROMISED_QUBIT * u64::from(qubits));
                }
                // A promise is of the least number of qubits; more may be there when the time has come. Where more may fit
                // although the least does not, as with rings, it is of so many.
                let mut least = demands.clone();
                if demands.least_decides() {
                    least.sizes = Sizes::Exact;
                }
                strategies.place(&problem, &mut least)
            }
            When::Now { .. } => {
                let surcharged = weights.has_surcharges() && can.minimises;
                let excluded =
                    surcharged && demands.least_decides() && strategies.configured.excludes(&problem);
                if excluded {
                    Err(Refusal::NoPlacement)
                } else {
                    if surcharged {
                        let beside = surcharge::beside(&promised, technology, calendar);
                        problem.objective = self.surcharges.objective(weights, &problem, beside);
                    }
                    strategies.place(&problem, demands)
                }
            }
        };
        if provable && found == Err(Refusal::NoPlacement) {
            nothing_fits.learn(revision, &self.free);
        }
        found.map_err(|refusal| {
            let obstacle = match refusal {
                Refusal::NoPlacement => Obstacle::NoPlacement,
                Refusal::BudgetExhausted => Obstacle::BudgetExhausted,
                Refusal::Illegal => Obstacle::IllegalPlacement,
                Refusal::BelowBound(shortfall) => Obstacle::BelowBound(shortfall),
            };
            (obstacle, false)
        })
    }
}

/// For whom the fleet is searched.
#[derive(Debug, Clone, Copy)]
pub struct Search {
    /// What time it is.
    pub now: Time,
    /// What the job is alike to.
    pub kind: KindId,
    /// How often it was started.
    pub attempts: u32,
    /// What it needs.
    pub need: Need,
    /// The device that was chosen last for any job.
    pub last_chosen: Option<DeviceId>,
}

/// Search steps per qubit for a region that is promised.
const STEPS_PER_PROMISED_QUBIT: u64 = 8;

/// Which promises to others a job would meet where it started now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Met {
    /// None.
    Nothing,
    /// Some: a hash of whose they are, never 0.
    Some(u64),
    /// Some, beside which the device takes nobody, wherever.
    TakesNoMore,
}

/// How a placement is searched on what is free.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms<'a> {
    /// Most SWAPs.
    pub max_swaps: Option<u32>,
    /// Nothing fits even on the empty device.
    pub never_fits: bool,
    /// Earlier proofs do not count.
    pub searched: bool,
    /// For a start now, or later.
    pub when: When<'a>,
}

/// For when a placement is searched.
#[derive(Debug, Clone, Copy)]
pub(super) enum When<'a> {
    /// For a start now.
    Now {
        /// What time it is.
        now: Time,
        /// Beside what is promised to others.
        beside: bool,
    },
    /// For a promise.
    Later {
        /// The jobs that run with it then.
        beside: &'a [&'a Booking],
        /// What each qubit costs besides its noise.
        prefer: &'a [u64],
    },
}

/// Whose promises count for a job.
pub fn counting(state: &State, request: &JobRequest) -> Counting {
    match state.find(request.id) {
        Some((slot, job)) if job.promise.is_some() => Counting::EarlierAndTimed(state.standing(slot)),
        Some((slot, _)) => Counting::Earlier(state.standing(slot)),
        // One that is only asked about comes last.
        None => Counting::Earlier(Standing::LAST),
    }
}

/// How long a job that starts on a device at an instant is there, its guard included, as far as anybody knows: in one copy,
/// which takes longest.
pub fn stay(request: &JobRequest, config: &AllocatorConfig, device: &Device, from: Time) -> Window {
    let promised = isolation::promise(request, &config.isolation, &device.spec.limits);
    let planned = device.planned(config, request, 1);
    // Who states no time is in the way for an instant.
    Window {
        from,
        until: planned.map(|planned| from + planned.max(Span(1)) + promised.guard),
        rest: promised.spared(),
    }
}

/// How many jobs a device takes, and when.
pub fn manners(config: &AllocatorConfig, limits: &DeviceLimits) -> Manners {
    Manners { starts: config.starts, most: limits.max_concurrent_tasks }
}
