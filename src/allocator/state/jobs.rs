//! The jobs that have not ended, each in one stage, and the memory of those that have.
//!
//! All transitions of a stage are here, and nowhere else. Promises that a job number is recognised while the job lives
//! and for a bounded number of jobs after it ended. Leaves what a transition means for queues, qubits and timers to
//! `apply`, and whether it happens to the lifecycle and the scheduler.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};

use super::impossible::Impossible;
use super::place::{AccountId, JobSlot, Place, Rank};
use crate::allocator::protocol::{
    AllocationId, Answer, JobId, JobRequest, JobState, OrderKey, StartPromise, StopReason,
};
use crate::quantum::DeviceId;
use crate::time::Time;

/// Where a job waits, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// Since when it waits: since it came, or was requeued.
    pub since: Time,
    /// The device in whose queue it is; `None`: the global one or, with queues per device, none yet.
    pub queue: Option<DeviceId>,
    /// It was tried in vain, and is not tried again before this time.
    pub retry_at: Option<Time>,
    /// When it stops waiting.
    pub expires: Option<Time>,
}

/// What keeps a job out of every queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependence {
    /// How many of the jobs that it named have not ended.
    pub open: u32,
    /// One that should have completed, and ended otherwise.
    pub broken: Option<JobId>,
}

/// Where a live job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// In no queue yet: other jobs must end first.
    Dependent {
        /// How it waits.
        wait: Wait,
        /// Not to be started until it is released, when they have.
        held: bool,
        /// On whom it depends.
        on: Dependence,
    },
    /// In a queue, but not to be started until it is released.
    Held(Wait),
    /// In a queue.
    Waiting(Wait),
    /// Its qubits are counted as taken on the device of its queue, although it has none yet (head of line by count).
    Counted(Wait),
    /// Its attempt holds qubits.
    Running {
        /// The qubits.
        allocation: AllocationId,
    },
    /// Its attempt was asked to stop, and holds its qubits until it has.
    Stopping {
        /// The qubits.
        allocation: AllocationId,
        /// What follows: its end for this reason.
        reason: StopReason,
    },
}

/// A live job.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    /// What it asks for.
    pub request: Arc<JobRequest>,
    /// When it came, among all jobs.
    pub place: Place,
    /// Whose account it is charged to.
    #[serde(default)]
    pub account: AccountId,
    /// What it is ordered by among those of its account, in every queue.
    pub key: OrderKey,
    /// When that changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_until: Option<Time>,
    /// When it came.
    pub submitted: Time,
    /// From when on its longest wait counts: when it came or, if others had to end first, when they had.
    pub ready: Time,
    /// Starts so far.
    pub attempts: u32,
    /// What it is promised while it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promise: Option<Box<Promised>>,
    stage: Stage,
}

/// What a job is promised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Promised {
    /// The start.
    pub promise: StartPromise,
    /// The device as it was looked at, see [`crate::allocator::placement::cost::Epoch::revision`].
    pub revision: u64,
}

impl Job {
    /// A job that has just come, in no queue yet.
    pub(super) fn new(
        request: Arc<JobRequest>,
        account: AccountId,
        rank: Rank,
        now: Time,
        expires: Option<Time>,
    ) -> Self {
        let Rank { key, place } = rank;
        let stage = Stage::Waiting(Wait { since: now, queue: None, retry_at: None, expires });
        Self {
            request,
            account,
            place,
            key,
            key_until: None,
            submitted: now,
            ready: now,
            attempts: 0,
            promise: None,
            stage,
        }
    }

    /// Where it stands among those of its account.
    pub fn rank(&self) -> Rank {
        Rank { key: self.key, place: self.place }
    }

    /// Where it stands.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// The stage without its data.
    pub fn state(&self) -> JobState {
        match self.stage {
            Stage::Dependent { held: false, .. } => JobState::Dependent,
            Stage::Held(_) | Stage::Dependent { held: true, .. } => JobState::Held,
            Stage::Waiting(_) | Stage::Counted(_) => JobState::Queued,
            Stage::Running { .. } => JobState::Running,
            Stage::Stopping { .. } => JobState::Stopping,
        }
    }

    /// Where it waits; `None` when it holds qubits.
    pub fn wait(&self) -> Option<Wait> {
        match self.stage {
            Stage::Held(wait)
            | Stage::Waiting(wait)
            | Stage::Counted(wait)
            | Stage::Dependent { wait, .. } => Some(wait),
            Stage::Running { .. } | Stage::Stopping { .. } => None,
        }
    }

    /// On whom it depends, while it is in no queue for that.
    pub fn dependence(&self) -> Option<Dependence> {
        match self.stage {
            Stage::Dependent { on, .. } => Some(on),
            _ => None,
        }
    }

    /// The device in whose queue it waits.
    pub fn queue(&self) -> Option<DeviceId> {
        self.wait().and_then(|wait| wait.queue)
    }

    /// Its allocation, while it holds qubits.
    pub fn allocation(&self) -> Option<AllocationId> {
        match self.stage {
            Stage::Running { allocation } | Stage::Stopping { allocation, .. } => Some(allocation),
            Stage::Held(_) | Stage::Waiting(_) | Stage::Counted(_) | Stage::Dependent { .. } => None,
        }
    }

    /// Why it was asked to stop, while it stops.
    pub fn stop(&self) -> Option<StopReason> {
        match self.stage {
            Stage::Stopping { reason, .. } => Some(reason),
            _ => None,
        }
    }

    /// Whether its qubits are counted as taken although it has none yet.
    pub fn is_counted(&self) -> bool {
        matches!(self.stage, Stage::Counted(_))
    }

    pub(super) fn hold(&mut self) -> Result<(), Impossible> {
        self.stage = match self.stage {
            Stage::Waiting(wait) => Stage::Held(wait),
            Stage::Dependent { wait, held: false, on } => Stage::Dependent { wait, held: true, on },
            _ => return Err(Impossible("a hold of a job that does not wait")),
        };
        Ok(())
    }

    pub(super) fn release(&mut self) -> Result<(), Impossible> {
        self.stage = match self.stage {
            Stage::Held(wait) => Stage::Waiting(wait),
            Stage::Dependent { wait, held: true, on } => Stage::Dependent { wait, held: false, on },
            _ => return Err(Impossible("a release of a job that is not held")),
        };
        Ok(())
    }

    /// Is kept out of its queue until so many others have ended.
    pub(super) fn depend(&mut self, open: u32) -> Result<(), Impossible> {
        let Stage::Waiting(wait) = self.stage else {
            return Err(Impossible("a job that does not wait has others to wait for"));
        };
        self.stage = Stage::Dependent { wait, held: false, on: Dependence { open, broken: None } };
        Ok(())
    }

    /// One of those has ended, perhaps as it should not have (`broken`). Whether that decides what becomes of the job.
    pub(super) fn one_has_ended(&mut self, broken: Option<JobId>) -> bool {
        let Stage::Dependent { on, .. } = &mut self.stage else { return false };
        on.open = on.open.saturating_sub(1);
        let decided = on.broken.is_some();
        on.broken = on.broken.or(broken);
        !decided && (on.open == 0 || on.broken.is_some())
    }

    /// All of those have ended as they should have.
    pub(super) fn get_ready(&mut self, now: Time) -> Result<(), Impossible> {
        let Stage::Dependent { wait, held, on: Dependence { open: 0, broken: None } } = self.stage else {
            return Err(Impossible("a job is ready that has others to wait for, or never had"));
        };
        self.stage = if held { Stage::Held(wait) } else { Stage::Waiting(wait) };
        self.ready = now;
        Ok(())
    }

    /// Moves to another queue, where it may be tried at once, and is not counted.
    pub(super) fn move_to(&mut self, queue: Option<DeviceId>) -> Result<(), Impossible> {
        self.stage = match self.stage {
            Stage::Held(wait) => Stage::Held(Wait { queue, retry_at: None, ..wait }),
            Stage::Waiting(wait) | Stage::Counted(wait) => {
                Stage::Waiting(Wait { queue, retry_at: None, ..wait })
            }
            Stage::Dependent { .. } => {
                return Err(Impossible("a job moves to a queue before others have ended"));
            }
            Stage::Running { .. } | Stage::Stopping { .. } => {
                return Err(Impossible("a job that holds qubits moves to a queue"));
            }
        };
        Ok(())
    }

    pub(super) fn count(&mut self) -> Result<(), Impossible> {
        let Stage::Waiting(wait) = self.stage else {
            return Err(Impossible("a job is counted that does not wait"));
        };
        self.stage = Stage::Counted(wait);
        Ok(())
    }

    pub(super) fn retry_at(&mut self, at: Option<Time>) -> Result<(), Impossible> {
        match &mut self.stage {
            Stage::Held(wait) | Stage::Waiting(wait) | Stage::Counted(wait) => {
                wait.retry_at = at;
                Ok(())
            }
            Stage::Dependent { .. } | Stage::Running { .. } | Stage::Stopping { .. } => {
                Err(Impossible("a job that is in no queue is to be tried again"))
            }
        }
    }

    /// Waits no longer than until `at`.
    pub(super) fn expire_at(&mut self, at: Option<Time>) {
        if let Stage::Held(wait)
        | Stage::Waiting(wait)
        | Stage::Counted(wait)
        | Stage::Dependent { wait, .. } = &mut self.stage
        {
            wait.expires = at;
        }
    }

    pub(super) fn start(&mut self, allocation: AllocationId, attempt: u32) -> Result<(), Impossible> {
        if !matches!(self.stage, Stage::Waiting(_) | Stage::Counted(_)) {
            return Err(Impossible("a start of a job that does not wait"));
        }
        self.stage = Stage::Running { allocation };
        self.attempts = attempt;
        Ok(())
    }

    pub(super) fn request_stop(&mut self, reason: StopReason) -> Result<(), Impossible> {
        let Stage::Running { allocation } = self.stage else {
            return Err(Impossible("a stop of a job that does not run"));
        };
        self.stage = Stage::Stopping { allocation, reason };
        Ok(())
    }

    /// Waits again after its attempt has ended; how long, nobody asks any more.
    pub(super) fn requeue(&mut self, now: Time) -> Result<(), Impossible> {
        let Stage::Running { .. } = self.stage else {
            return Err(Impossible("a job is requeued that does not run"));
        };
        self.stage = Stage::Waiting(Wait { since: now, queue: None, retry_at: None, expires: None });
        Ok(())
    }
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Ended {
    fingerprint: u64,
    answer: Answer,
    completed: bool,
}

/// All jobs that the core knows.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct JobTable {
    slots: Vec<Option<Job>>,
    free: Vec<JobSlot>,
    live: IndexMap<JobId, JobSlot, FxBuildHasher>,
    ended: IndexMap<JobId, Ended, FxBuildHasher>,
    /// Ended jobs, the first to be forgotten in front.
    order: VecDeque<JobId>,
}

/// What is known of a job number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// Never seen, or forgotten.
    Unknown,
    /// The job lives.
    Live(JobSlot),
    /// The job ended; this was the answer to its submission.
    Ended(Answer),
    /// The number belongs to a job with another body.
    OtherBody,
}

impl JobTable {
    /// Looks a number up.
    pub fn find(&self, id: JobId) -> Known {
        match self.live.get(&id) {
            Some(slot) => Known::Live(*slot),
            None => self.ended.get(&id).map_or(Known::Unknown, |ended| Known::Ended(ended.answer)),
        }
    }

    /// Looks a number up and compares the body.
    pub fn find_body(&self, request: &JobRequest) -> Known {
        match self.live.get(&request.id) {
            Some(slot) if *self[*slot].request == *request => Known::Live(*slot),
            Some(_) => Known::OtherBody,
            None => match self.ended.get(&request.id) {
                Some(ended) if ended.fingerprint == request.fingerprint() => Known::Ended(ended.answer),
                Some(_) => Known::OtherBody,
                None => Known::Unknown,
            },
        }
    }

    /// Whether an ended job had completed; `None`: it lives, was forgotten, or never came.
    pub fn has_completed(&self, id: JobId) -> Option<bool> {
        self.ended.get(&id).map(|ended| ended.completed)
    }

    /// Adds a live job.
    pub fn insert(&mut self, job: Job) -> JobSlot {
        let id = job.request.id;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            JobSlot(self.slots.len() as u32 - 1)
        });
        self.slots[slot.0 as usize] = Some(job);
        self.live.insert(id, slot);
        slot
    }

    /// Takes an ended job out and remembers it, and what its submission is answered from now on.
    pub fn end(&mut self, slot: JobSlot, answer: Answer, completed: bool, remember: u32) -> Job {
        let job = self.slots[slot.0 as usize].take().expect("only live jobs have slots");
        self.free.push(slot);
        self.live.swap_remove(&job.request.id);
        self.remember_end(&job.request, answer, completed, remember);
        job
    }

    /// Remembers a job that never lived, forgetting the oldest beyond `limit`.
    pub fn remember(&mut self, request: &JobRequest, answer: Answer, limit: u32) {
        self.remember_end(request, answer, false, limit);
    }

    fn remember_end(&mut self, request: &JobRequest, answer: Answer, completed: bool, limit: u32) {
        if limit > 0 {
            self.ended.insert(request.id, Ended { fingerprint: request.fingerprint(), answer, completed });
            self.order.push_back(request.id);
        }
        while self.order.len() > limit as usize {
            if let Some(oldest) = self.order.pop_front() {
                self.ended.swap_remove(&oldest);
            }
        }
    }

    /// Whether numbers, slots and memory fit together, as they do unless the table was read from damaged bytes.
    pub(super) fn is_consistent(&self) -> bool {
        let at = |slot: &JobSlot| self.slots.get(slot.0 as usize);
        let lives = |(id, slot): (&JobId, &JobSlot)| {
            at(slot).is_some_and(|job| job.as_ref().is_some_and(|job| job.request.id == *id))
        };
        let vacant: BTreeSet<JobSlot> = self.free.iter().copied().collect();
        self.live.iter().all(lives)
            && vacant.len() == self.free.len()
            && self.free.iter().all(|slot| at(slot).is_some_and(Option::is_none))
            && self.slots.len() == self.live.len() + self.free.len()
            && self.order.len() >= self.ended.len()
    }

    /// Whether a slot holds a live job.
    pub(super) fn is_live(&self, slot: JobSlot) -> bool {
        matches!(self.slots.get(slot.0 as usize), Some(Some(_)))
    }

    /// Number of live jobs.
    pub fn len(&self) -> usize {
        self.live.len()
    }

    /// Whether no job is live.
    pub fn is_empty(&self) -> bool {
        self.live.is_empty()
    }

    /// Live jobs in order of their slots.
    pub fn iter(&self) -> impl Iterator<Item = (JobSlot, &Job)> {
        let slots = self.slots.iter().enumerate();
        slots.filter_map(|(index, job)| job.as_ref().map(|job| (JobSlot(index as u32), job)))
    }
}

impl std::ops::Index<JobSlot> for JobTable {
    type Output = Job;
    fn index(&self, slot: JobSlot) -> &Job {
        self.slots[slot.0 as usize].as_ref().expect("only live jobs have slots")
    }
}

impl std::ops::IndexMut<JobSlot> for JobTable {
    fn index_mut(&mut self, slot: JobSlot) -> &mut Job {
        self.slots[slot.0 as usize].as_mut().expect("only live jobs have slots")
    }
}
