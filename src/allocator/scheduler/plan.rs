//! What a pass means to do, before any of it is decided.
//!
//! The starts of a plan are booked in the calendars of their devices, so that later jobs see them, and may be moved or
//! taken back. Nothing else of the state knows of them: [`super::commit`] makes decisions out of a plan.

use smallvec::SmallVec;

use crate::allocator::candidates::judge::manners;
use crate::allocator::candidates::memo::KindId;
use crate::allocator::candidates::select::Found;
use crate::allocator::config::Starts;
use crate::allocator::isolation;
use crate::allocator::placement::Placement;
use crate::allocator::protocol::{
    AllocationId, JobId, JobRequest, PromiseCause, PromisedIsolation, StartPromise, Tenant,
};
use crate::allocator::sizing::Fit;
use crate::allocator::state::State;
use crate::allocator::state::accounts::Expected;
use crate::allocator::state::calendar::{Booking, Kept};
use crate::allocator::state::charges;
use crate::allocator::state::fleet::TakenTurn;
use crate::allocator::state::jobs::Promised;
use crate::allocator::state::outlook::{Counting, Window};
use crate::allocator::state::place::{JobSlot, Standing};
use crate::allocator::state::quotas::{self, Had};
use crate::quantum::{DeviceId, QubitSet};
use crate::time::Time;

/// A start that is booked and not decided.
#[derive(Debug, Clone)]
pub struct PlannedStart {
    /// Who starts.
    pub slot: JobSlot,
    /// How it is placed.
    pub kind: KindId,
    /// The number that its allocation will have.
    pub allocation: AllocationId,
    /// Where.
    pub device: DeviceId,
    /// On which qubits, and how good they are.
    pub fit: Fit,
    /// The qubits.
    pub held: QubitSet,
    /// The separation that it is promised.
    pub promised: PromisedIsolation,
    /// When it will be asked to stop, or is expected to end.
    pub expected_end: Option<Time>,
    /// Other devices that were asked before.
    pub devices_tried: u32,
}

/// One thing that a pass means to do.
#[derive(Debug, Clone)]
pub enum Step {
    /// Counts the qubits of a job as taken.
    Count(JobSlot, DeviceId),
    /// Starts a job.
    Start(Box<PlannedStart>),
    /// Tries a job again at a time.
    Retry(JobSlot, Time),
    /// Promises a job something else.
    Promise(Box<ChangedPromise>),
}

/// A promise that changes.
#[derive(Debug, Clone)]
pub struct ChangedPromise {
    /// Whose.
    pub slot: JobSlot,
    /// What it was.
    pub from: Option<StartPromise>,
    /// What it is.
    pub to: Option<StartPromise>,
    /// Why, where it is worse.
    pub cause: PromiseCause,
}

/// What a pass means to do, in order.
#[derive(Debug)]
pub struct Plan {
    /// The steps.
    pub steps: Vec<Step>,
    /// What those jobs were promised before the pass whose promises it changes.
    pub promised_before: Vec<(JobSlot, Option<Box<Promised>>)>,
    /// What was charged for the starts.
    pub charged: Vec<Expected>,
    /// What they take of quotas.
    pub taken: Vec<(Tenant, Had)>,
    /// How often somebody was promised nothing any more for the sake of those before.
    pub withdrawn: u32,
    /// Kinds of starts of fewer qubits than their jobs would take, each with a member.
    pub kinds: Vec<KindId>,
    /// The device that was chosen last, planned starts included.
    pub last_chosen: Option<DeviceId>,
    /// Turns that devices have taken for the starts.
    pub turns: Vec<TakenTurn>,
    next_allocation: AllocationId,
    now: Time,
}

impl Plan {
    /// Nothing to do yet.
    pub fn new(state: &State, now: Time) -> Self {
        let (last_chosen, next_allocation) = (state.last_chosen(), state.next_allocation());
        Self {
            steps: Vec::new(),
            promised_before: Vec::new(),
            charged: Vec::new(),
            taken: Vec::new(),
            withdrawn: 0,
            kinds: Vec::new(),
            last_chosen,
            turns: Vec::new(),
            next_allocation,
            now,
        }
    }

    /// The devices on which somebody starts or is promised something, or is no longer, each as often.
    pub fn changed_on(&self) -> impl Iterator<Item = DeviceId> {
        self.steps
            .iter()
            .flat_map(|step| match step {
                Step::Start(start) => [Some(start.device), None],
                Step::Promise(changed) => {
                    [&changed.from, &changed.to].map(|of| of.as_ref().map(|of| of.device))
                }
                Step::Count(..) | Step::Retry(..) => [None, None],
            })
            .flatten()
    }

    /// Whether somebody is promised a start who was not.
    pub fn makes_promises(&self) -> bool {
        let mut steps = self.steps.iter();
        steps.any(
            |step| matches!(step, Step::Promise(changed) if changed.from.is_none() && changed.to.is_some()),
        )
    }

    /// Promises a job something else, or nothing; `cause` says why, where that is worse.
    pub fn promise(
        &mut self,
        state: &mut State,
        slot: JobSlot,
        promise: Option<StartPromise>,
        cause: PromiseCause,
    ) {
        let from = state.jobs()[slot].promise.as_ref().map(|known| known.promise.clone());
        self.remember(state, slot);
        match self.steps.last_mut() {
            // Nobody has seen what was between.
            Some(Step::Promise(changed)) if changed.slot == slot => {
                changed.to.clone_from(&promise);
                if cause != PromiseCause::Earlier {
                    changed.cause = cause;
                }
            }
            _ => {
                let to = promise.clone();
                self.steps.push(Step::Promise(Box::new(ChangedPromise { slot, from, to, cause })));
            }
        }
        let kept = promise.as_ref().map(|promise| promise.device);
        state.promise(slot, promise);
        if let Some(id) = kept {
            self.make_way(state, slot, id, None);
            self.make_way_by_quota(state, slot);
        }
    }

    /// Promises jobs other qubits at the instants that they have; together nobody is in the way of anybody.
    pub fn rearrange(&mut self, state: &mut State, moved: Vec<(JobSlot, StartPromise)>) {
        for (slot, to) in moved {
            let from = state.jobs()[slot].promise.as_ref().map(|known| known.promise.clone());
            self.remember(state, slot);
            state.promise(slot, Some(to.clone()));
            let (to, cause) = (Some(to), PromiseCause::Earlier);
            self.steps.push(Step::Promise(Box::new(ChangedPromise { slot, from, to, cause })));
        }
    }

    /// Withdraws what is promised to those behind a job, the last one first, as long as they and it together have more than
    /// they may.
    fn make_way_by_quota(&mut self, state: &mut State, slot: JobSlot) {
        while let Some(other) = state.beyond_quota_behind(slot) {
            self.withdrawn += 1;
            self.promise(state, other, None, PromiseCause::QuotaReached);
        }
    }

    /// Withdraws the instants that are promised on a device to those behind a job, where they are in the way of what it is
    /// promised, or of where it starts.
    /// Those who are to begin at the instant `together` begin together with it.
    fn make_way(&mut self, state: &mut State, slot: JobSlot, id: DeviceId, together: Option<Time>) {
        let standing = state.standing(slot);
        let Some(device) = state.fleet().get(id) else { return };
        let map = &device.spec.coupling_map;
        let manners = manners(state.config(), &device.spec.limits);
        let mut behind: SmallVec<[JobId; 4]> = SmallVec::new();
        for (job, Kept { account, rank, booking: kept }) in device.calendar.promises() {
            let theirs = Standing { used: state.accounts().used(*account), rank: *rank };
            if theirs <= standing || kept.is_place() || Some(kept.from) == together {
                continue;
            }
            let window = Window { from: kept.from, until: kept.until, rest: kept.guard };
            let outlook = state.outlook(device, self.now, Counting::Earlier(theirs), kept.party);
            let free = outlook.free_during(window, kept.buffer_distance, &kept.qubits, map);
            if free.len() < kept.qubits.len() || !outlook.takes_one_more(window, manners) {
                behind.push(job);
            }
        }
        for job in behind {
            if let Some((other, _)) = state.find(job) {
                self.withdrawn += 1;
                self.promise(state, other, None, PromiseCause::OrderChanged);
            }
        }
    }

    /// Notes what a job was promised before the pass.
    fn remember(&mut self, state: &State, slot: JobSlot) {
        if self.promised_before.iter().all(|(known, _)| *known != slot) {
            self.promised_before.push((slot, state.jobs()[slot].promise.clone()));
        }
    }

    /// Plans a start, and books its qubits; what the job was promised is free.
    pub fn start(
        &mut self,
        state: &mut State,
        slot: JobSlot,
        kind: KindId,
        request: &JobRequest,
        found: Found,
        devices_tried: u32,
    ) {
        let Found { device: id, fit } = found;
        let Some(device) = state.fleet().get(id) else { return };
        let config = state.config();
        let promised = isolation::promise(request, &config.isolation, &device.spec.limits);
        let planned = device.planned(config, request, fit.copies);
        let expected_end = planned.map(|planned| self.now + planned);
        let allocation = self.next_allocation;
        self.next_allocation = AllocationId(allocation.0 + 1);
        self.last_chosen = Some(id);
        let layout = fit.placement.layout.iter().copied();
        let held = QubitSet::from_qubits(device.spec.coupling_map.qubits(), layout);
        let start = PlannedStart {
            slot,
            kind,
            allocation,
            device: id,
            fit,
            held,
            promised,
            expected_end,
            devices_tried,
        };
        self.turns.extend(state.take_turn(id));
        let mut together = None;
        if let Some(known) = &state.jobs()[slot].promise {
            let here = known.promise.device == id && state.config().starts == Starts::WhenEmpty;
            together = known.promise.not_later_than.filter(|_| here);
            self.remember(state, slot);
            state.promise(slot, None);
        }
        self.book(state, &start);
        if !state.quotas().is_empty() {
            let taken = (request.tenant, quotas::planned(request, start.held.len(), planned));
            state.plan_quota(taken.0, taken.1, true);
            self.taken.push(taken);
            self.make_way_by_quota(state, slot);
        }
        // Before the start, so that nobody is seen to enter what is promised.
        if state.config().queue.makes_promises() {
            self.make_way(state, slot, id, together);
        }
        // Afterwards: it goes before those that it is behind from now on.
        self.charge(state, &start, request);
        self.steps.push(Step::Start(Box::new(start)));
    }

    /// Charges a planned start, so that its account falls behind at once.
    fn charge(&mut self, state: &mut State, start: &PlannedStart, request: &JobRequest) {
        if !state.accounts().count() {
            return;
        }
        let Some(device) = state.fleet().get(start.device) else { return };
        let units = charges::expected(state.config(), device, start.allocation, request, start.fit.copies);
        let account = state.jobs()[start.slot].account;
        let expected = Expected { account, units, began: self.now };
        state.expect(expected);
        self.charged.push(expected);
    }

    /// Moves a planned start to other qubits of its device; it must have been taken back.
    pub fn replace(&self, state: &mut State, start: &mut PlannedStart, placement: Placement) {
        start.held = QubitSet::from_qubits(start.held.capacity(), placement.layout.iter().copied());
        start.fit.placement = placement;
        self.book(state, start);
    }

    /// Books what a planned start holds.
    pub fn book(&self, state: &mut State, start: &PlannedStart) {
        let booking = Booking {
            qubits: start.held.clone(),
            buffer_distance: start.promised.buffer_distance,
            max_crosstalk: start.promised.max_crosstalk,
            party: start.promised.party,
            from: self.now,
            until: start.expected_end,
            guard: start.promised.guard,
        };
        state.plan(start.device, start.allocation, booking);
    }
}
