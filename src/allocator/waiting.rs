//! Why a job waits, worked out from the state when somebody asks.
//!
//! Promises the first reason in the order of [`WaitReason`] and, among devices, of [`Obstacle`], over all devices that
//! might take the job; neither what was remembered nor which device was asked last makes a difference.

use super::candidates::index::Need;
use super::candidates::judge::{Judge, Search, closed};
use super::candidates::memo::KindId;
use super::config::{HeadOfLine, Overtaking, Queue};
use super::explain::{Obstacle, WaitReason};
use super::protocol::{JobId, JobRequest, JobState};
use super::scheduler::queue_walk::QueueWalk;
use super::state::State;
use super::state::jobs::Stage;
use crate::allocator::state::place::JobSlot;
use crate::quantum::DeviceId;
use crate::time::Time;

/// Why a waiting job does not start now; `None` when no such job waits. May search, as a pass would.
pub(super) fn why(state: &mut State, judge: &mut Judge, id: JobId) -> Option<WaitReason> {
    Inquiry { now: state.agenda().now, state, judge }.why(id)
}

/// What keeps a waiting job from each device that might take it.
pub(super) fn obstacles(state: &mut State, judge: &mut Judge, id: JobId) -> Vec<(DeviceId, Obstacle)> {
    let now = state.agenda().now;
    let Some((slot, job)) = state.find(id).filter(|(_, job)| job.wait().is_some()) else {
        return Vec::new();
    };
    let (request, attempts, queue) = (job.request.clone(), job.attempts, job.queue());
    let mut inquiry = Inquiry { now, state, judge };
    let kind = inquiry.judge.memo.kind_of(slot, &request);
    let devices = match queue {
        Some(device) => vec![device],
        None => inquiry.considered(kind, &request, attempts),
    };
    let ask = |id| Some((id, inquiry.judge.ask(inquiry.state, now, kind, &request, id, true).err()?));
    devices.into_iter().filter_map(ask).collect()
}

struct Inquiry<'a> {
    now: Time,
    state: &'a mut State,
    judge: &'a mut Judge,
}

impl Inquiry<'_> {
    fn why(&mut self, id: JobId) -> Option<WaitReason> {
        let (slot, job) = self.state.find(id)?;
        let stage = job.stage();
        let (wait, counted) = (job.wait()?, job.is_counted());
        let request = job.request.clone();
        let kind = self.judge.memo.kind_of(slot, &request);
        if !self.judge.is_feasible(self.state, kind) {
            let shortfall = self.judge.best_shortfall(self.state, kind);
            return Some(shortfall.map_or(WaitReason::NowhereToPlace, WaitReason::QualityOutOfReach));
        }
        if let Stage::Dependent { held: false, .. } = stage {
            let open = request.dependencies().find(|other| self.state.find(*other).is_some());
            return Some(open.map_or(WaitReason::PassDue, WaitReason::Dependency));
        }
        if let Err(reached) = self.state.quota_allows(slot, request.min_qubits) {
            return Some(WaitReason::Quota(reached));
        }
        if matches!(stage, Stage::Held(_) | Stage::Dependent { .. }) {
            return Some(WaitReason::Held);
        }
        if let Some(at) = wait.retry_at.filter(|at| *at > self.now) {
            return Some(WaitReason::NotBefore(at));
        }
        let queue = wait.queue;
        let overtaking = self.state.config().queue.overtaking();
        Some(match self.state.config().queue {
            Queue::Global { .. } => self.behind(slot, None, overtaking).unwrap_or_else(|| self.nearest(slot)),
            Queue::PerDevice { head_of_line, .. } => match queue {
                // Parked: it could be placed somewhere, and the next pass gives it a home there.
                None => WaitReason::PassDue,
                Some(device) if counted => self.at(slot, device),
                Some(device) => match head_of_line {
                    HeadOfLine::Placement => {
                        let behind = self.behind(slot, Some(device), overtaking);
                        behind.unwrap_or_else(|| self.at(slot, device))
                    }
                    HeadOfLine::Count => {
                        let behind = self.behind(slot, Some(device), Overtaking::SkipAhead(0));
                        behind.unwrap_or_else(|| self.uncounted(slot, device))
                    }
                },
            },
        })
    }

    /// Whom a job waits for, if so many jobs of its queue are before it that nobody looks at it.
    fn behind(
        &mut self,
        slot: JobSlot,
        device: Option<DeviceId>,
        overtaking: Overtaking,
    ) -> Option<WaitReason> {
        // With promises everybody is looked at.
        let Overtaking::SkipAhead(skip_ahead) = overtaking else { return None };
        let standing = self.state.standing(slot);
        let mut head = None;
        let mut ahead = 0;
        let mut walk = QueueWalk::of(device, self.state);
        loop {
            let other = walk.next(self.state).filter(|other| self.state.standing(*other) < standing)?;
            let job = &self.state.jobs()[other];
            let (number, held) = (job.request.id, job.state() == JobState::Held);
            let qubits = job.request.min_qubits;
            let kind = self.judge.memo.kind_of(other, &job.request);
            let stopped = self.state.quota_allows(other, qubits).is_err();
            if !held && !stopped && (device.is_some() || self.judge.is_feasible(self.state, kind)) {
                head = head.or(Some(number));
                ahead += 1;
                if ahead > skip_ahead {
                    return head.map(WaitReason::Behind);
                }
            }
        }
    }

    /// What keeps the first job that is not yet counted on a device.
    fn uncounted(&self, slot: JobSlot, id: DeviceId) -> WaitReason {
        let asked = self.state.jobs()[slot].request.min_qubits;
        let Some(device) = self.state.fleet().get(id) else { return WaitReason::PassDue };
        if let Some(obstacle) = closed(device) {
            return WaitReason::Device { device: id, obstacle };
        }
        let free = device.free_len().saturating_sub(device.counted);
        if asked > free { WaitReason::NotEnoughFree { asked, free } } else { WaitReason::PassDue }
    }

    /// Whether a device would take a job: where its quota allows no more, with the fewest qubits.
    fn ask(
        &mut self,
        slot: JobSlot,
        kind: KindId,
        request: &JobRequest,
        device: DeviceId,
    ) -> Result<(), Obstacle> {
        let fit = self.judge.ask(self.state, self.now, kind, request, device, true)?;
        let held = fit.placement.layout.len() as u32;
        if held <= request.min_qubits || self.state.quota_allows(slot, held).is_ok() {
            return Ok(());
        }
        let least = JobRequest { max_qubits: request.min_qubits, ..request.clone() };
        let kind = self.judge.memo.join(&least);
        let answer = self.judge.ask(self.state, self.now, kind, &least, device, true).map(drop);
        self.judge.memo.leave(kind);
        answer
    }

    /// What keeps a job from one device.
    fn at(&mut self, slot: JobSlot, device: DeviceId) -> WaitReason {
        let request = self.state.jobs()[slot].request.clone();
        let kind = self.judge.memo.kind_of(slot, &request);
        match self.ask(slot, kind, &request, device) {
            Ok(()) => WaitReason::PassDue,
            Err(obstacle) => reason(&request, device, obstacle),
        }
    }

    /// What keeps a job from the device that is nearest to taking it.
    fn nearest(&mut self, slot: JobSlot) -> WaitReason {
        let job = &self.state.jobs()[slot];
        let (request, attempts) = (job.request.clone(), job.attempts);
        let kind = self.judge.memo.kind_of(slot, &request);
        let mut nearest: Option<(DeviceId, Obstacle)> = None;
        for id in self.considered(kind, &request, attempts) {
            match self.ask(slot, kind, &request, id) {
                Ok(()) => return WaitReason::PassDue,
                Err(obstacle) if nearest.is_none_or(|(_, best)| obstacle.is_before(best)) => {
                    nearest = Some((id, obstacle));
                }
                Err(_) => {}
            }
        }
        let (asked, free) = (request.min_qubits, self.state.fleet().index.most_free());
        let nobody = WaitReason::NotEnoughFree { asked, free };
        nearest.map_or(nobody, |(device, obstacle)| reason(&request, device, obstacle))
    }

    /// The devices that might take a job: all large ones that it does not exclude or, with a selector that leaves some out, those
    /// that it names.
    fn considered(&mut self, kind: KindId, request: &JobRequest, attempts: u32) -> Vec<DeviceId> {
        if self.judge.selector.names_all() {
            let least = request.min_qubits as usize;
            let all = self.state.fleet().iter();
            let large = all.filter(|device| device.spec.coupling_map.qubits() >= least);
            let large = large.map(|device| device.id);
            return large.filter(|id| !request.excluded_devices.contains(id)).collect();
        }
        let (need, last_chosen) = (Need::Free(request.min_qubits), self.state.last_chosen());
        let search = Search { now: self.now, kind, attempts, need, last_chosen };
        let mut walk = self.judge.walk(self.state, request, search);
        let (index, selector) = (&self.state.fleet().index, &*self.judge.selector);
        std::iter::from_fn(|| walk.next(index, selector)).collect()
    }
}

fn reason(request: &JobRequest, device: DeviceId, obstacle: Obstacle) -> WaitReason {
    match obstacle {
        Obstacle::TooFewFree { free } => WaitReason::NotEnoughFree { asked: request.min_qubits, free },
        obstacle => WaitReason::Device { device, obstacle },
    }
}
