//! Who waits where, by placement kind and account: so a pass looks at the first of those that are placed alike, and passes the others over
//! where they would be refused as well.
//!
//! A cache that follows the queues of the state by their counts of changes. Leaves to the judge whether others would be
//! refused.

use std::collections::BTreeMap;
use std::ops::Bound;

use fixedbitset::FixedBitSet;
use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
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
    /// By account; none of them empty.
    members: BTreeMap<AccountId, BTreeMap<Rank, JobSlot>>,
    len: usize,
    lengths: Lengths,
    /// Qubits that each of them asks for at least.
    need: u32,
    /// Whether a device has refused them for want of a region of the shape when somebody looked last.
    by_shape: bool,
}

/// What is known of a waiting job at its place.
type Places = IndexMap<(AccountId, Rank), (KindId, Length), FxBuildHasher>;

/// The waiting jobs of one queue that are not held.
#[derive(Debug, Default)]
pub struct KindLines {
    /// The queue's count of changes, as far as they were followed.
    followed: Option<u64>,
    places: Places,
    lines: BTreeMap<KindId, Line>,
    /// The kinds of each account's jobs.
    kinds: BTreeMap<AccountId, FixedBitSet>,
    /// The kinds by the qubits that they ask for at least.
    by_need: BTreeMap<u32, FixedBitSet>,
    /// The kinds of those who came since everybody was looked at.
    came: FixedBitSet,
    /// How many wait of the kinds that were refused for want of a region of the shape.
    by_shape: usize,
}

impl KindLines {
    /// Number of jobs of a kind.
    pub fn len_of(&self, kind: KindId) -> usize {
        self.lines.get(&kind).map_or(0, |line| line.len)
    }

    /// Number of jobs.
    pub fn len_of_all(&self) -> usize {
        self.places.len()
    }

    /// Number of jobs of kinds that were refused for want of a region of the shape when somebody looked last.
    pub fn len_by_shape(&self) -> usize {
        self.by_shape
    }

    /// Notes whether those of a kind are refused for want of a region of the shape.
    pub fn note_by_shape(&mut self, kind: KindId, by_shape: bool) {
        let Some(line) = self.lines.get_mut(&kind) else { return };
        match (std::mem::replace(&mut line.by_shape, by_shape), by_shape) {
            (false, true) => self.by_shape += line.len,
            (true, false) => self.by_shape -= line.len,
            _ => {}
        }
    }

    /// The kinds that ask for no more than so many qubits, and those of whoever came since everybody was looked at.
    pub fn asking_at_most(&self, qubits: u32) -> FixedBitSet {
        let mut kinds = self.came.clone();
        self.by_need.range(..=qubits).for_each(|(_, asking)| kinds.union_with(asking));
        kinds
    }

    /// The kinds of which anybody waits.
    pub fn all_kinds(&self) -> FixedBitSet {
        self.lines.keys().map(|kind| kind.0 as usize).collect()
    }

    /// Everybody was looked at.
    pub fn forget_who_came(&mut self) {
        self.came.clear();
    }

    /// Those of a kind are to be looked at next time, as if they had just come.
    pub fn keep_looking(&mut self, kind: KindId) {
        self.came.grow_and_insert(kind.0 as usize);
    }

    /// The accounts of which anybody waits.
    pub fn accounts(&self) -> impl Iterator<Item = AccountId> {
        self.kinds.keys().copied()
    }

    /// Those kinds of an account's jobs that are `open`.
    pub fn kinds_of<'a>(
        &'a self,
        account: AccountId,
        open: &'a FixedBitSet,
    ) -> impl Iterator<Item = KindId> + 'a {
        let kinds = self.kinds.get(&account).into_iter();
        kinds.flat_map(|kinds| kinds.intersection(open)).map(|kind| KindId(kind as u32))
    }

    /// The first job of an account and a kind after a place, or of all.
    pub fn next_of(&self, account: AccountId, kind: KindId, after: Option<Rank>) -> Option<(Rank, JobSlot)> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let line = self.lines.get(&kind)?.members.get(&account)?;
        let (rank, slot) = line.range((from, Bound::Unbounded)).next()?;
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

    fn insert(
        &mut self,
        account: AccountId,
        rank: Rank,
        slot: JobSlot,
        kind: KindId,
        length: Length,
        need: u32,
    ) {
        self.places.insert((account, rank), (kind, length));
        self.came.grow_and_insert(kind.0 as usize);
        let line = self.lines.entry(kind).or_default();
        if line.len == 0 {
            line.need = need;
            self.by_need.entry(need).or_default().grow_and_insert(kind.0 as usize);
        }
        self.by_shape += usize::from(line.by_shape);
        let members = line.members.entry(account).or_default();
        if members.is_empty() {
            self.kinds.entry(account).or_default().grow_and_insert(kind.0 as usize);
        }
        members.insert(rank, slot);
        line.len += 1;
        line.lengths.add(length);
    }

    fn remove(&mut self, account: AccountId, rank: Rank) {
        let Some((kind, length)) = self.places.swap_remove(&(account, rank)) else { return };
        let Some(line) = self.lines.get_mut(&kind) else { return };
        line.len -= 1;
        self.by_shape -= usize::from(line.by_shape);
        line.lengths.take(length);
        let Some(members) = line.members.get_mut(&account) else { return };
        members.remove(&rank);
        if !members.is_empty() {
            return;
        }
        line.members.remove(&account);
        if line.len == 0 {
            if let Some(asking) = self.by_need.get_mut(&line.need) {
                asking.remove(kind.0 as usize);
            }
            self.lines.remove(&kind);
        }
        let Some(kinds) = self.kinds.get_mut(&account) else { return };
        kinds.remove(kind.0 as usize);
        if kinds.is_clear() {
            self.kinds.remove(&account);
        }
    }

    /// Follows a queue.
    fn follow(&mut self, queue: Option<DeviceId>, state: &State, memo: &mut Memo) {
        let Some(waiting) = state.queue_of(queue) else { return };
        let estimate: WalltimeEstimate = state.config().estimate();
        let mut add = |lines: &mut Self, account: AccountId, rank: Rank, slot: JobSlot| {
            let job = &state.jobs()[slot];
            if job.state() != JobState::Held {
                let kind = memo.kind_of(slot, &job.request);
                let (length, need) = (Length::of(&job.request, estimate), job.request.min_qubits);
                lines.insert(account, rank, slot, kind, length, need);
            }
        };
        match self.followed.and_then(|followed| waiting.changed_since(followed)) {
            Some(changed) => {
                for (account, rank) in changed {
                    self.remove(account, rank);
                    if let Some(slot) = waiting.at(account, rank) {
                        add(self, account, rank, slot);
                    }
                }
            }
            None => {
                *self = Self::default();
                waiting.places().for_each(|(account, rank, slot)| add(self, account, rank, slot));
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
