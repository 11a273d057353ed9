//! The scheduling pass: goes through the queues in order, selects a device for each job, places it and starts it.
//!
//! Promises the order of the queues as far as the configuration says, that a job which stays could not have started
//! when it was looked at and, where starts are promised ([`super::promises`]), that nobody starts to whom that would be worse. Leaves the search for qubits to [`crate::allocator::placement`].

use smallvec::SmallVec;

use super::kind_walk::KindWalk;
use super::plan::{Plan, Step};
use super::promises::{self, Renewed};
use super::queue_walk::QueueWalk;
use super::walked::Walked;
use super::{commit, homes, joint};
use crate::allocator::candidates::judge::closed;
use crate::allocator::candidates::kind_lines::KindLines;
use crate::allocator::candidates::memo::KindId;
use crate::allocator::candidates::select::{Found, Refused};
use crate::allocator::config::{HeadOfLine, Overtaking, Queue, Retry};
use crate::allocator::protocol::{JobRequest, JobState, PromiseCause, WaitCause};
use crate::allocator::state::State;
use crate::allocator::state::jobs::Job;
use crate::allocator::state::place::JobSlot;
use crate::allocator::turn::Turn;
use crate::quantum::{DeviceId, QubitSet};
use crate::time::Time;

/// What a scheduling pass did: a measurement, which is neither an event nor state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PassTally {
    /// Waiting jobs that it looked at, those included that it passed over since they would have been refused like others
    /// before them.
    pub attempts: u32,
    /// Jobs that it started.
    pub started: u32,
    /// Jobs that no device took although one had enough free qubits within the job's limits and far enough from other
    /// jobs: no region of the shape was found among them. Where starts are promised, the first of those that are placed
    /// alike stands for all of them.
    pub blocked_by_shape: u32,
}

/// Runs what is due.
pub fn run(turn: &mut Turn<'_>) -> PassTally {
    // 1. Jobs get homes, if they need them.
    let due = std::mem::take(&mut turn.state.agenda_mut().due);
    let queue = turn.state.config().queue;
    let mut devices = due.devices;
    if matches!(queue, Queue::PerDevice { .. }) {
        if due.homes {
            homes::move_on(turn);
        }
        if due.global {
            homes::assign_parked(turn);
            // No device could take those that are left, even if it were empty.
            let mut looked = turn.times.look(turn.now, None, false);
            looked.all_of(None, WaitCause::Unplaceable);
            looked.finish(turn.state, &mut turn.judge.memo);
        }
        let moved = std::mem::take(&mut turn.state.agenda_mut().due);
        devices.extend(moved.devices);
        // Who has lost a home, after those without one were looked at.
        turn.state.agenda_mut().due.global = moved.global && !due.global;
    }
    let plan = Plan::new(turn.state, turn.now);
    let mut pass = Pass { plan, tally: PassTally::default(), turn };
    // 2. Queues are walked, and starts planned.
    match queue {
        Queue::Global { .. } if due.global => pass.walk(None),
        Queue::Global { .. } => {}
        Queue::PerDevice { head_of_line, .. } => {
            for device in devices {
                match head_of_line {
                    HeadOfLine::Placement => pass.walk(Some(device)),
                    HeadOfLine::Count => pass.count(device),
                }
            }
        }
    }
    let Pass { mut plan, tally, turn } = pass;
    // 3. Those that start at one instant on one device are placed jointly.
    let mut changed = if tally.started > 1 { joint::rearrange(turn, &mut plan) } else { SmallVec::new() };
    let stayed = tally.attempts > tally.started;
    if stayed {
        changed.extend(plan.changed_on().filter(|id| has_limits_on_crosstalk(turn, *id)));
    }
    let promises = plan.makes_promises();
    // 4. The plan becomes decisions.
    commit::commit(turn, plan);
    // What is free has a new shape for those that stayed.
    for device in changed.into_iter().filter(|_| stayed) {
        turn.state.mark_due(device);
    }
    // Who has started fell behind, and those that were looked at may not be those that stand first now.
    if stayed && tally.started > 0 && turn.state.accounts().count() {
        turn.state.mark_reordered();
    }
    // Who is stopped by a quota since then leaves the order, also that of other queues, and others are looked at in its
    // place.
    let elsewhere = matches!(queue, Queue::PerDevice { .. });
    if tally.started > 0 && (stayed || elsewhere) || promises && elsewhere {
        turn.state.mark_all_due_by_quota();
    }
    tally
}

/// Whether a job on the device, a planned one included, limits the crosstalk from others. Around such a job qubits stay
/// idle from which it might be disturbed too much, fewer when others have taken some of them: a start may make room.
fn has_limits_on_crosstalk(turn: &Turn<'_>, id: DeviceId) -> bool {
    turn.state.fleet().get(id).is_some_and(|device| device.calendar.limits_crosstalk())
}

/// In which order jobs are looked at.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one at a time, on the stack")]
enum Order {
    /// Everybody.
    Jobs(QueueWalk),
    /// All but those who would be refused like others before them.
    Kinds(KindWalk),
}

impl Order {
    fn close(&mut self, kind: KindId, state: &State, lines: &KindLines) {
        if let Self::Kinds(walk) = self {
            walk.close(kind, state, lines);
        }
    }
}

/// A pass under way.
struct Pass<'p, 't> {
    turn: &'p mut Turn<'t>,
    plan: Plan,
    tally: PassTally,
}

impl Pass<'_, '_> {
    fn may_be_tried(&self, job: &Job) -> bool {
        job.wait().and_then(|wait| wait.retry_at).is_none_or(|at| at <= self.turn.now)
    }

    /// Goes through one queue.
    fn walk(&mut self, device: Option<DeviceId>) {
        match self.turn.state.config().queue.overtaking() {
            Overtaking::SkipAhead(skip_ahead) => self.skip(device, skip_ahead),
            Overtaking::Promises(depth) => {
                let mut walked = Walked::default();
                while self.promise(device, depth, &mut walked) {}
                let Turn { state, judge, times, now, .. } = &mut *self.turn;
                let mut looked = times.look(*now, device, true);
                for (kind, seen) in &walked.kinds {
                    seen.cause.into_iter().for_each(|cause| looked.all_of(Some(*kind), cause));
                }
                walked.alone.iter().for_each(|(slot, cause)| looked.one(*slot, *cause));
                looked.finish(state, &mut judge.memo);
                judge.end_look(state, device, walked.alone.iter().map(|(slot, _)| *slot));
            }
        }
    }

    /// Tries all jobs of one queue in order; of those that had to stay, the first `depth` are promised a start. Whether
    /// something has changed since that helps those who were looked at before: then once more.
    ///
    /// Comes to an end, since every round but the last starts a job or makes the promise of one earlier, at most at the cost of
    /// those that stand behind it.
    fn promise(&mut self, device: Option<DeviceId>, depth: u32, walked: &mut Walked) -> bool {
        let mut again = false;
        let mut promised: SmallVec<[JobSlot; 4]> = SmallVec::new();
        let mut stayed = false;
        let mut is_past_them = false;
        let mut withdrawn = self.plan.withdrawn;
        let mut order = self.order_of(device, walked.rounds == 0);
        loop {
            if promised.len() >= depth as usize {
                self.narrow(device, &mut order);
            }
            let Some(slot) = self.next(device, &mut order) else { break };
            let job = &self.turn.state.jobs()[slot];
            if job.state() == JobState::Held || walked.started.contains(&slot) {
                continue;
            }
            // Those before may take what others give up.
            if self.plan.withdrawn > withdrawn {
                withdrawn = self.plan.withdrawn;
                again |= stayed;
            }
            let job = &self.turn.state.jobs()[slot];
            let has_promise = job.promise.is_some();
            // Those who stand first and are promised a start come forward until nothing moves, before anybody else is looked at.
            if !has_promise && !std::mem::replace(&mut is_past_them, true) && again {
                walked.look_again(promised);
                return true;
            }
            let request = job.request.clone();
            let kind = self.turn.judge.memo.kind_of(slot, &request);
            let is_tried = has_promise || self.may_be_tried(job);
            if self.is_stopped(slot) {
                // It leaves the order as long as its tenant has so much.
                if has_promise {
                    self.plan.promise(self.turn.state, slot, None, PromiseCause::QuotaReached);
                }
                if walked.rounds == 0 && is_tried {
                    walked.kinds.entry(kind).or_default().stayed += 1;
                }
                walked.alone.push((slot, self.cause_of_stopped(kind)));
                continue;
            }
            if is_tried {
                let refused = self.try_placed_alike(slot, kind, &request, device).err();
                let mut starts = refused.is_none() || has_promise && self.start_in_its_place(slot);
                if !starts && promises::make_room(self.turn, &mut self.plan, &promised, &request) {
                    // There is room for those before as well.
                    again |= stayed;
                    starts = self.try_placed_alike(slot, kind, &request, device).is_ok();
                }
                if !starts
                    && promises::make_room_by_number(self.turn, &mut self.plan, slot, kind, &request, device)
                {
                    starts = self.try_placed_alike(slot, kind, &request, device).is_ok();
                }
                let seen = walked.kinds.entry(kind).or_default();
                if walked.rounds == 0 {
                    *(if starts { &mut seen.started } else { &mut seen.stayed }) += 1;
                }
                if let Some(Refused { cause, by_shape }) = refused.filter(|_| !starts) {
                    seen.by_shape.get_or_insert(by_shape);
                    seen.cause = Some(cause);
                    if !self.turn.judge.selector.names_all() {
                        // Others of its kind may be refused by other devices.
                        walked.alone.push((slot, cause));
                    }
                }
                if starts {
                    walked.started.insert(slot);
                    again |= has_promise && stayed;
                    continue;
                }
                if walked.rounds == 0 && !walked.stayed_before.contains(&slot) {
                    self.stay(slot);
                }
            }
            if !is_tried {
                walked.alone.push((slot, WaitCause::Retry));
            }
            if device.is_none() && !self.turn.judge.is_feasible(self.turn.state, kind) {
                walked.alone.push((slot, WaitCause::Unplaceable));
                if has_promise {
                    promises::give_up(self.turn, &mut self.plan, slot, kind, &request);
                }
                // As little could those be taken who are placed like it.
                walked.kinds.entry(kind).or_default().cause = Some(WaitCause::Unplaceable);
                order.close(kind, self.turn.state, self.turn.judge.lines.of(device));
                continue;
            }
            let others_stayed = std::mem::replace(&mut stayed, true);
            if promised.len() < depth as usize {
                let renewed = promises::renew(self.turn, &mut self.plan, slot, kind, &request, device);
                // Whoever is promised a start is tried, whenever it is to be tried again, and once more when others have made
                // way for another promise.
                if renewed == Renewed::Changed
                    && (self.start_in_its_place(slot)
                        || self.try_placed_alike(slot, kind, &request, device).is_ok())
                {
                    walked.started.insert(slot);
                    continue;
                }
                if renewed != Renewed::None {
                    again |= renewed == Renewed::Changed && has_promise && others_stayed;
                    promised.push(slot);
                }
            } else if has_promise {
                self.plan.promise(self.turn.state, slot, None, PromiseCause::OrderChanged);
                again |= others_stayed;
            } else if is_tried {
                self.pass_others_over(device, kind, &request, &mut order, walked);
            }
        }
        again |= self.plan.withdrawn > withdrawn && stayed;
        if walked.rounds == 0 {
            self.count_walk(device, &order, walked);
        }
        walked.rounds += 1;
        again
    }

    /// In which order the jobs of a queue are looked at, and who may be passed over.
    fn order_of(&mut self, queue: Option<DeviceId>, is_first: bool) -> Order {
        let Turn { state, judge, .. } = &mut *self.turn;
        // Whoever is tried again on a timer of its own must be tried.
        if state.config().retry != Retry::Event {
            return Order::Jobs(QueueWalk::of(queue, state));
        }
        judge.lines.follow(queue, state, &mut judge.memo);
        if is_first {
            judge.begin_look(state, queue);
        }
        Order::Kinds(KindWalk::of(queue, state, judge.lines.of(queue)))
    }

    /// Nobody behind is promised anything new: whoever would be refused as at the last look need not be looked at.
    fn narrow(&mut self, queue: Option<DeviceId>, order: &mut Order) {
        let Order::Kinds(walk) = order else { return };
        if !walk.is_narrow() {
            let able = self.turn.judge.able(self.turn.state, queue);
            walk.narrow(able, self.turn.state);
        }
    }

    fn next(&mut self, queue: Option<DeviceId>, order: &mut Order) -> Option<JobSlot> {
        let Turn { state, judge, .. } = &mut *self.turn;
        match order {
            Order::Jobs(walk) => walk.next(state),
            Order::Kinds(walk) => {
                if walk.is_stale(state) {
                    let able = if walk.is_narrow() { judge.able(state, queue) } else { None };
                    walk.open_again(able, state);
                }
                walk.next(state, judge.lines.of(queue))
            }
        }
    }

    /// A job was refused: passes those over who would be refused as well.
    fn pass_others_over(
        &mut self,
        queue: Option<DeviceId>,
        kind: KindId,
        request: &JobRequest,
        order: &mut Order,
        walked: &mut Walked,
    ) {
        let Order::Kinds(walk) = order else { return };
        let Turn { state, judge, now, .. } = &mut *self.turn;
        if !judge.refuses_others(state, *now, kind, request, queue) {
            return;
        }
        let lines = judge.lines.of(queue);
        walk.close(kind, state, lines);
        // Those whose quota keeps them wait for that.
        if !state.quotas().is_empty() {
            let rest = walk.rest_of(kind, lines);
            let cause = self.cause_of_stopped(kind);
            walked
                .alone
                .extend(rest.into_iter().filter(|slot| self.is_stopped(*slot)).map(|slot| (slot, cause)));
        }
    }

    /// Counts what the first round through a queue has looked at, those who were passed over included.
    fn count_walk(&mut self, queue: Option<DeviceId>, order: &Order, walked: &Walked) {
        let Self { turn, tally, .. } = self;
        if matches!(order, Order::Jobs(_)) {
            for seen in walked.kinds.values() {
                tally.attempts += seen.started + seen.stayed;
                tally.blocked_by_shape += if seen.by_shape == Some(true) { seen.stayed } else { 0 };
            }
            return;
        }
        let lines = turn.judge.lines.of(queue);
        let mut started = 0;
        for (kind, seen) in &walked.kinds {
            let by_shape = seen.by_shape == Some(true);
            lines.note_by_shape(*kind, by_shape);
            started += if by_shape { seen.started } else { 0 };
        }
        tally.attempts += lines.len_of_all() as u32;
        tally.blocked_by_shape += (lines.len_by_shape() as u32).saturating_sub(started);
    }

    /// Plans the start of a job on the very qubits that it is promised, if they are free now: the search that found them
    /// need not find them among more of them.
    fn start_in_its_place(&mut self, slot: JobSlot) -> bool {
        let Self { turn, plan, tally, .. } = self;
        let job = &turn.state.jobs()[slot];
        let Some(known) = &job.promise else { return false };
        let (id, request) = (known.promise.device, job.request.clone());
        let Some(device) = turn.state.fleet().get(id) else { return false };
        let layout = known.promise.layout.iter().copied();
        let region = QubitSet::from_qubits(device.spec.coupling_map.qubits(), layout);
        // Others may have used more of a period since than they were taken to.
        let allowed = turn.state.quota_allows(slot, region.len() as u32).is_ok();
        if !allowed || !device.calendar.is_free(&region, known.promise.isolation.party) {
            return false;
        }
        let kind = turn.judge.memo.kind_of(slot, &request);
        let Ok(fit) = turn.judge.ask_within(turn.state, turn.now, kind, &request, id, &region) else {
            return false;
        };
        tally.started += 1;
        plan.start(turn.state, slot, kind, &request, Found { device: id, fit }, 0);
        true
    }

    /// Tries the jobs of one queue in order until more than `skip_ahead` of them had to stay.
    fn skip(&mut self, device: Option<DeviceId>, skip_ahead: u32) {
        let mut stayed = 0;
        let mut alone: Vec<(JobSlot, WaitCause)> = Vec::new();
        let mut order = QueueWalk::of(device, self.turn.state);
        while stayed <= skip_ahead {
            let Some(slot) = order.next(self.turn.state) else { break };
            let job = &self.turn.state.jobs()[slot];
            if job.state() == JobState::Held {
                continue;
            }
            let kind = self.turn.judge.memo.kind_of(slot, &job.request);
            if self.is_stopped(slot) {
                alone.push((slot, self.cause_of_stopped(kind)));
                continue;
            }
            // A job that no device could take even when empty (elements died since) must not block the others; one that
            // only its own device could not take has moved on.
            let job = &self.turn.state.jobs()[slot];
            if self.may_be_tried(job) {
                let Err(Refused { cause, .. }) = self.try_and_count(slot, device) else { continue };
                self.stay(slot);
                let blocks = device.is_some() || self.turn.judge.is_feasible(self.turn.state, kind);
                alone.push((slot, if blocks { cause } else { WaitCause::Unplaceable }));
                stayed += u32::from(blocks);
            } else if device.is_some() || self.turn.judge.is_feasible(self.turn.state, kind) {
                alone.push((slot, WaitCause::Retry));
                stayed += 1;
            } else {
                alone.push((slot, WaitCause::Unplaceable));
            }
        }
        self.wait_behind(device, &alone);
    }

    /// All who wait in a queue wait for those before them, but for some.
    fn wait_behind(&mut self, queue: Option<DeviceId>, alone: &[(JobSlot, WaitCause)]) {
        let Turn { state, judge, times, now, .. } = &mut *self.turn;
        let mut looked = times.look(*now, queue, false);
        looked.all_of(None, WaitCause::Order);
        alone.iter().for_each(|(slot, cause)| looked.one(*slot, *cause));
        looked.finish(state, &mut judge.memo);
    }

    /// What a job waits for that is stopped by a quota.
    fn cause_of_stopped(&mut self, kind: KindId) -> WaitCause {
        let feasible = self.turn.judge.is_feasible(self.turn.state, kind);
        if feasible { WaitCause::Quota } else { WaitCause::Unplaceable }
    }

    /// Whether the quota of its user, its project or its group keeps a job: it blocks nobody then.
    fn is_stopped(&self, slot: JobSlot) -> bool {
        let state = &*self.turn.state;
        !state.quotas().is_empty() && state.quota_allows(slot, state.jobs()[slot].request.min_qubits).is_err()
    }

    /// One device under the discipline of a counting semaphore, see [`HeadOfLine::Count`].
    fn count(&mut self, id: DeviceId) {
        let Some(device) = self.turn.state.fleet().get(id) else { return };
        let mut counted = device.counted;
        let mut alone: Vec<(JobSlot, WaitCause)> = Vec::new();
        let admitted: SmallVec<[JobSlot; 16]> = device.admitted.iter().copied().collect();
        for slot in admitted {
            let job = &self.turn.state.jobs()[slot];
            let qubits = job.request.min_qubits;
            if job.state() == JobState::Held {
                continue;
            }
            let cause = match self.may_be_tried(job) {
                _ if self.is_stopped(slot) => Some(WaitCause::Quota),
                true => None,
                false => Some(WaitCause::Retry),
            };
            if let Some(cause) = cause {
                alone.push((slot, cause));
                continue;
            }
            match self.try_and_count(slot, Some(id)) {
                Ok(()) => counted -= qubits,
                Err(Refused { cause, .. }) => {
                    alone.push((slot, cause));
                    self.stay(slot);
                }
            }
        }
        let mut order = QueueWalk::of(Some(id), self.turn.state);
        while let Some(slot) = order.next(self.turn.state) {
            let job = &self.turn.state.jobs()[slot];
            let qubits = job.request.min_qubits;
            if job.state() == JobState::Held {
                continue;
            }
            if self.is_stopped(slot) {
                alone.push((slot, WaitCause::Quota));
                continue;
            }
            let Some(device) = self.turn.state.fleet().get(id) else { break };
            let full = closed(device).map(|obstacle| obstacle.cause());
            let cause = full.or((counted + qubits > device.free_len()).then_some(WaitCause::FreeQubits));
            if let Some(cause) = cause {
                alone.push((slot, cause));
                self.tally.attempts += 1;
                break;
            }
            self.plan.steps.push(Step::Count(slot, id));
            if let Err(Refused { cause, .. }) = self.try_and_count(slot, Some(id)) {
                alone.push((slot, cause));
                counted += qubits;
                self.stay(slot);
            }
        }
        self.wait_behind(Some(id), &alone);
    }

    /// Notes when a job that was not started will be tried again, if not as soon as something changes.
    fn stay(&mut self, slot: JobSlot) {
        if let Retry::Every(every) = self.turn.state.config().retry {
            // Once more at the end of its patience, lest it is sent away beside a device that could take it.
            let ends = self.turn.state.jobs()[slot].wait().and_then(|wait| wait.expires);
            let at: Time = (self.turn.now + every).min(ends.unwrap_or(Time::MAX));
            // At the end of time there is no later.
            if at > self.turn.now {
                self.plan.steps.push(Step::Retry(slot, at));
            }
        }
    }

    /// Plans the start of a job, see [`Self::try_start`], and counts the attempt; whether it starts.
    fn try_and_count(&mut self, slot: JobSlot, only: Option<DeviceId>) -> Result<(), Refused> {
        self.tally.attempts += 1;
        let tried = self.try_start(slot, only);
        self.tally.blocked_by_shape += u32::from(tried.as_ref().is_err_and(|refused| refused.by_shape));
        tried
    }

    /// Plans the start of a job on `only`, or on the first (or best) device that can place it.
    fn try_start(&mut self, slot: JobSlot, only: Option<DeviceId>) -> Result<(), Refused> {
        let request = self.turn.state.jobs()[slot].request.clone();
        let kind = self.turn.judge.memo.kind_of(slot, &request);
        self.try_placed_alike(slot, kind, &request, only)
    }

    /// The same for a job whose kind is known.
    fn try_placed_alike(
        &mut self,
        slot: JobSlot,
        kind: KindId,
        request: &JobRequest,
        only: Option<DeviceId>,
    ) -> Result<(), Refused> {
        let found = self.find(slot, kind, request, only)?;
        let held = found.0.fit.placement.layout.len() as u32;
        if held > request.min_qubits && self.turn.state.quota_allows(slot, held).is_err() {
            // So many are too many for its quota: then the least.
            let least = JobRequest { max_qubits: request.min_qubits, ..request.clone() };
            let kind = self.turn.judge.memo.join(&least);
            self.plan.kinds.push(kind);
            let found = self.find(slot, kind, &least, only)?;
            self.start(slot, kind, request, found);
        } else {
            self.start(slot, kind, request, found);
        }
        Ok(())
    }

    /// Where a job could start, and how many devices were asked before.
    fn find(
        &mut self,
        slot: JobSlot,
        kind: KindId,
        request: &JobRequest,
        only: Option<DeviceId>,
    ) -> Result<(Found, u32), Refused> {
        let Self { turn, plan, .. } = self;
        let attempts = turn.state.jobs()[slot].attempts;
        match only {
            None => turn.judge.select(turn.state, turn.now, kind, request, attempts, plan.last_chosen),
            Some(device) => match turn.judge.ask(turn.state, turn.now, kind, request, device, false) {
                Ok(fit) => Ok((Found { device, fit }, 0)),
                Err(obstacle) => Err(Refused::by_one(turn.state, device, obstacle)),
            },
        }
    }

    fn start(&mut self, slot: JobSlot, kind: KindId, request: &JobRequest, found: (Found, u32)) {
        let (found, devices_tried) = found;
        self.tally.started += 1;
        self.plan.start(self.turn.state, slot, kind, request, found, devices_tried);
    }
}
