//! Who waits where, by placement kind: so a pass looks at the first of those that are placed alike, and passes the others over
//! where they would be refused as well.
//!
//! A cache that follows the queues of the state by their counts of changes. Leaves to the judge whether others would be
//! refused.

use std::collections::BTreeMap;
use std::ops::Bound;

use smallvec::SmallVec;

use super::memo::{KindId, Length, Memo};
use crate::allocator::config::WalltimeEstimate;
use crate::allocator::protocol::{JobRequest, JobState};
use crate::allocator::state::State;
use crate::allocator::state::place::{AccountId, JobSlot, Rank};
use crate::quantum::DeviceId;
use crate::time::Span;

/// Values, each as often as it was added.
#[derive(Debug)]
struct Counted<T>(BTreeMap<T, u32>);

impl<T> Default for Counted<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T: Ord + Copy> Counted<T> {
    fn add(&mut self, value: T) {
        *self.0.entry(value).or_default() += 1;
    }

    fn take(&mut self, value: T) {
        if let Some(count) = self.0.get_mut(&value) {
            *count -= 1;
            if *count == 0 {
                self.0.remove(&value);
            }
        }
    }

    fn least(&self) -> Option<T> {
        self.0.first_key_value().map(|(value, _)| *value)
    }
}

/// How long the jobs of a line stay.
#[derive(Debug, Default)]
struct Lengths {
    stated: Counted<Span>,
    circuits: Counted<u32>,
    shots: Counted<u64>,
    depths: Counted<u32>,
}

impl Lengths {
    fn add(&mut self, length: Length) {
        match length {
            Length::Stated(span) => self.stated.add(span),
            Length::Estimated { circuits, shots, depth } => {
                self.circuits.add(circuits);
                self.shots.add(shots);
                self.depths.add(depth);
            }
            Length::Unknown => {}
        }
    }

    fn take(&mut self, length: Length) {
        match length {
            Length::Stated(span) => self.stated.take(span),
            Length::Estimated { circuits, shots, depth } => {
                self.circuits.take(circuits);
                self.shots.take(shots);
                self.depths.take(depth);
            }
            Length::Unknown => {}
        }
    }
}

/// The waiting jobs of one kind.
#[derive(Debug, Default)]
struct Line {
    members: BTreeMap<Rank, JobSlot>,
    lengths: Lengths,
}

/// The waiting jobs of one queue that are not held.
#[derive(Debug, Default)]
pub struct KindLines {
    /// The queue's count of changes, as far as they were followed.
    followed: Option<u64>,
    kinds: BTreeMap<Rank, (KindId, Length)>,
    lines: BTreeMap<KindId, Line>,
}

impl KindLines {
    /// Number of jobs of a kind.
    pub fn len_of(&self, kind: KindId) -> usize {
        self.lines.get(&kind).map_or(0, |line| line.members.len())
    }

    /// The kinds of which anybody waits.
    pub fn kinds(&self) -> impl Iterator<Item = KindId> {
        self.lines.keys().copied()
    }

    /// The first of a kind after a place, or of all.
    pub fn next_of(&self, kind: KindId, after: Option<Rank>) -> Option<(Rank, JobSlot)> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let (rank, slot) = self.lines.get(&kind)?.members.range((from, Bound::Unbounded)).next()?;
        Some((*rank, *slot))
    }

    /// Requests like one of a kind for jobs that stay no longer than any of the kind.
    pub fn shortest_of(&self, kind: KindId, like: &JobRequest) -> SmallVec<[JobRequest; 2]> {
        let Some(Line { lengths, .. }) = self.lines.get(&kind) else { return SmallVec::new() };
        let stated = lengths.stated.least();
        let stated = stated.map(|span| JobRequest { estimated_duration: Some(span), ..like.clone() });
        let least = lengths.circuits.least().zip(lengths.shots.least()).zip(lengths.depths.least());
        let estimated = least.map(|((circuits, shots), depth)| JobRequest {
            estimated_duration: None,
            circuits,
            shots,
            depth,
            ..like.clone()
        });
        let mut requests: SmallVec<_> = stated.into_iter().chain(estimated).collect();
        if requests.is_empty() {
            // Nobody knows how long any of them stays.
            requests.push(like.clone());
        }
        requests
    }

    fn insert(&mut self, rank: Rank, slot: JobSlot, kind: KindId, length: Length) {
        self.kinds.insert(rank, (kind, length));
        let line = self.lines.entry(kind).or_default();
        line.members.insert(rank, slot);
        line.lengths.add(length);
    }

    fn remove(&mut self, rank: Rank) {
        let Some((kind, length)) = self.kinds.remove(&rank) else { return };
        if let Some(line) = self.lines.get_mut(&kind) {
            line.members.remove(&rank);
            line.lengths.take(length);
            if line.members.is_empty() {
                self.lines.remove(&kind);
            }
        }
    }

    /// Follows a queue in which everybody has the same account.
    fn follow(&mut self, queue: Option<DeviceId>, state: &State, memo: &mut Memo) {
        let Some(waiting) = state.queue_of(queue) else { return };
        let estimate: WalltimeEstimate = state.config().estimate();
        let mut add = |lines: &mut Self, rank: Rank, slot: JobSlot| {
            let job = &state.jobs()[slot];
            if job.state() != JobState::Held {
                let kind = memo.kind_of(slot, &job.request);
                lines.insert(rank, slot, kind, Length::of(&job.request, estimate));
            }
        };
        match self.followed.and_then(|followed| waiting.changed_since(followed)) {
            Some(changed) => {
                for (_, rank) in changed {
                    self.remove(rank);
                    if let Some(slot) = waiting.at(AccountId::ALL, rank) {
                        add(self, rank, slot);
                    }
                }
            }
            None => {
                *self = Self::default();
                waiting.places().for_each(|(_, rank, slot)| add(self, rank, slot));
            }
        }
        self.followed = Some(waiting.changes());
    }
}

/// Those of all queues.
#[derive(Debug, Default)]
pub struct Lines {
    queues: BTreeMap<Option<DeviceId>, KindLines>,
}

impl Lines {
    /// Those of one queue as it is now.
    pub fn follow(&mut self, queue: Option<DeviceId>, state: &State, memo: &mut Memo) {
        self.queues.entry(queue).or_default().follow(queue, state, memo);
    }

    /// Those of one queue as it was followed last.
    pub fn of(&mut self, queue: Option<DeviceId>) -> &mut KindLines {
        self.queues.entry(queue).or_default()
    }

    /// Nothing is known of the queue of a device, whose number may be used again.
    pub fn forget_queue(&mut self, device: DeviceId) {
        self.queues.remove(&Some(device));
    }

    /// Nothing is known.
    pub fn forget(&mut self) {
        self.queues.clear();
    }
}
