//! How a pass goes through a queue in which starts are promised: in order, but for those who would be refused like others of
//! their kind before them.
//!
//! Promises that whoever is passed over could not have started, and that everybody with a promise is looked at.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use crate::allocator::candidates::kind_lines::KindLines;
use crate::allocator::candidates::memo::KindId;
use crate::allocator::state::State;
use crate::allocator::state::place::{JobSlot, Rank};
use crate::quantum::DeviceId;

/// A walk through one queue in which everybody has the same account.
#[derive(Debug)]
pub struct KindWalk {
    passed: Option<Rank>,
    /// The first of each kind that was not passed yet, of those kinds that are looked at.
    heads: BinaryHeap<Reverse<(Rank, JobSlot, KindId)>>,
    /// Those who are promised a start, and were not passed yet.
    promised: BTreeMap<Rank, JobSlot>,
    /// Kinds that are passed over as long as nothing changes; of some the head is left above, of others not.
    closed: BTreeSet<KindId>,
    headless: Vec<KindId>,
    /// The fleet's count of changes when a kind was closed last.
    closed_at: u64,
}

impl KindWalk {
    /// From the head of a queue.
    pub fn of(queue: Option<DeviceId>, state: &State, lines: &KindLines) -> Self {
        let head = |kind| lines.next_of(kind, None).map(|(rank, slot)| Reverse((rank, slot, kind)));
        let jobs = state.fleet().promising().filter_map(|id| state.fleet().get(id));
        let jobs = jobs.flat_map(|device| device.calendar.promises().map(|(job, _)| job));
        let here = jobs.filter_map(|id| state.find(id)).filter(|(_, job)| job.queue() == queue);
        Self {
            passed: None,
            heads: lines.kinds().filter_map(head).collect(),
            promised: here.map(|(slot, job)| (job.rank(), slot)).collect(),
            closed: BTreeSet::new(),
            headless: Vec::new(),
            closed_at: 0,
        }
    }

    /// The next job.
    pub fn next(&mut self, state: &State, lines: &KindLines) -> Option<JobSlot> {
        if !self.closed.is_empty() && state.fleet().changes() != self.closed_at {
            self.closed.clear();
            for kind in self.headless.drain(..) {
                let head = lines.next_of(kind, self.passed);
                self.heads.extend(head.map(|(rank, slot)| Reverse((rank, slot, kind))));
            }
        }
        loop {
            let promised = self.promised.first_key_value().map(|(rank, slot)| (*rank, *slot));
            let head = self.heads.peek().map(|Reverse(head)| *head);
            let (rank, slot, kind) = match (head, promised) {
                (None, None) => return None,
                (Some((rank, ..)), Some((own, slot))) if own < rank => (own, slot, None),
                (None, Some((own, slot))) => (own, slot, None),
                (Some((rank, slot, kind)), _) => (rank, slot, Some(kind)),
            };
            let is_promised = self.promised.remove(&rank).is_some();
            if let Some(kind) = kind {
                self.heads.pop();
                if self.closed.contains(&kind) {
                    self.headless.push(kind);
                    if !is_promised {
                        continue;
                    }
                } else {
                    let next = lines.next_of(kind, Some(rank));
                    self.heads.extend(next.map(|(rank, slot)| Reverse((rank, slot, kind))));
                }
            }
            self.passed = Some(rank);
            return Some(slot);
        }
    }

    /// All others of a kind would be refused, as long as nothing changes.
    pub fn close(&mut self, kind: KindId, state: &State) {
        let changes = state.fleet().changes();
        // What was closed before a change is opened by the next step, and this one with it.
        if self.closed.is_empty() || self.closed_at == changes {
            self.closed_at = changes;
            self.closed.insert(kind);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::allocator::candidates::kind_lines::Lines;
    use crate::allocator::candidates::memo::Memo;
    use crate::allocator::config::AllocatorConfig;
    use crate::allocator::protocol::{Event, JobId, JobRequest, OrderKey, Topology};
    use crate::quantum::catalogue;
    use crate::time::Time;

    fn joins(state: &mut State, device: u32) {
        let spec = catalogue::load("iqm_garnet").unwrap().into();
        state.apply(Time::ZERO, &Event::DeviceRegistered { device: DeviceId(device), spec }).unwrap();
    }

    /// Jobs of two kinds, one after the other, and their numbers in the order of a walk that closes the first kind at its
    /// first member, while `meanwhile` happens.
    fn walked(meanwhile: impl FnOnce(&mut State)) -> Vec<u64> {
        let mut state = State::new(AllocatorConfig::default());
        joins(&mut state, 0);
        let (mut memo, mut lines) = (Memo::default(), Lines::default());
        for id in 0..6 {
            let topology = if id % 2 == 0 { Topology::Line } else { Topology::Any };
            let job = JobRequest::new(JobId(id), 3, topology).into();
            state
                .apply(
                    Time::ZERO,
                    &Event::JobQueued { job, device: None, key: OrderKey::default(), key_until: None },
                )
                .unwrap();
        }
        lines.follow(None, &state, &mut memo);
        let mut walk = KindWalk::of(None, &state, lines.of(None));
        let mut seen = Vec::new();
        let mut meanwhile = Some(meanwhile);
        while let Some(slot) = walk.next(&state, lines.of(None)) {
            let request = state.jobs()[slot].request.clone();
            seen.push(request.id.0);
            match request.id.0 {
                0 => walk.close(memo.kind_of(slot, &request), &state),
                3 => meanwhile.take().expect("once")(&mut state),
                _ => {}
            }
        }
        seen
    }

    #[test]
    fn a_kind_is_passed_over_until_something_changes() {
        assert_eq!(walked(|_| {}), [0, 1, 3, 5]);
        assert_eq!(walked(|state| joins(state, 1)), [0, 1, 3, 4, 5]);
    }
}
