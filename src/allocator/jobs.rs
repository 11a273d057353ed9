//! The table of live jobs, and the memory of ended ones.
//!
//! Promises that a job number is recognised while the job lives and for a bounded number of jobs after it ended.
//! Leaves all decisions to the pass.

use std::collections::{BTreeSet, VecDeque};

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use super::class::{ClassId, ClassTable};
use super::job::{JobId, JobRequest, JobState};
use super::messages::{AllocationId, Answer, StopReason};
use super::scheduler::queue::Place;
use crate::quantum::DeviceId;
use crate::time::Time;

/// Index of a live job; reused after the job has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobSlot(pub u32);

/// A live job.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    /// What it asks for.
    pub request: Arc<JobRequest>,
    /// Where it stands.
    pub state: JobState,
    /// Its place in every queue.
    pub place: Place,
    /// When it came.
    pub submitted: Time,
    /// Jobs that are placed alike.
    #[serde(skip)]
    pub class: ClassId,
    /// The device in whose queue it waits.
    pub queue: Option<DeviceId>,
    /// Its qubits are counted as taken although it has none yet (head of line by count).
    pub counted: bool,
    /// Not to be tried before this time.
    pub retry_at: Option<Time>,
    /// When it stops waiting.
    pub expires: Option<Time>,
    /// Starts so far.
    pub attempts: u32,
    /// Its current allocation.
    pub allocation: Option<AllocationId>,
    /// Why it was asked to stop.
    pub stop: Option<StopReason>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Ended {
    fingerprint: u64,
    answer: Answer,
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
    pub fn end(&mut self, slot: JobSlot, answer: Answer, remember: u32) -> Job {
        let job = self.slots[slot.0 as usize].take().expect("only live jobs have slots");
        self.free.push(slot);
        self.live.swap_remove(&job.request.id);
        self.remember(&job.request, answer, remember);
        job
    }

    /// Remembers a job that ended, or never lived, forgetting the oldest beyond `limit`.
    pub fn remember(&mut self, request: &JobRequest, answer: Answer, limit: u32) {
        if limit > 0 {
            self.ended.insert(request.id, Ended { fingerprint: request.fingerprint(), answer });
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

    /// Makes every live job a member of its class again.
    pub(super) fn rejoin(&mut self, classes: &mut ClassTable) {
        for job in self.slots.iter_mut().flatten() {
            job.class = classes.join(&job.request);
        }
    }

    /// Number of live jobs.
    pub fn len(&self) -> usize {
        self.live.len()
    }

    /// Whether no job is live.
    pub fn is_empty(&self) -> bool {
        self.live.is_empty()
    }

    /// Live jobs in order of their slots, to be changed.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Job> {
        self.slots.iter_mut().flatten()
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
