//! How a pass goes through a queue in which starts are promised: in order, but for those who would be refused like others of
//! their kind before them.
//!
//! Where shares count, always to the account that has used least; a start during the walk sends its account back.
//!
//! Promises that whoever is passed over could not have started, and that everybody with a promise is looked at. Its cost grows
//! with the accounts and with the kinds that are looked at, not with the jobs that wait.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use fixedbitset::FixedBitSet;

use crate::allocator::candidates::kind_lines::KindLines;
use crate::allocator::candidates::memo::KindId;
use crate::allocator::state::State;
use crate::allocator::state::place::{AccountId, JobSlot, Rank, Standing};
use crate::quantum::DeviceId;

/// A walk through one queue.
#[derive(Debug)]
pub struct KindWalk {
    queue: Option<DeviceId>,
    /// The accounts with jobs that may be left to look at, each with a place before which none of them stands; on top who
    /// stands first. Who was charged since stands further back: nobody comes forward during a walk.
    next: BinaryHeap<Reverse<(Standing, AccountId)>>,
    accounts: BTreeMap<AccountId, AccountWalk>,
    /// How many are promised a start, and were not passed yet.
    promised: usize,
    /// The kinds that are looked at; `None`: all.
    open: Option<FixedBitSet>,
    /// The fleet's count of changes as of which others are passed over.
    as_of: u64,
    /// Whether those are passed over as well who would be refused as at the last look.
    is_narrow: bool,
    /// How often `open` was another.
    openings: u32,
}

/// A walk through the jobs of one account.
#[derive(Debug, Default)]
struct AccountWalk {
    passed: Option<Rank>,
    /// The first of each kind that was not passed yet, of those kinds that were open when they were listed.
    heads: BinaryHeap<Reverse<(Rank, JobSlot, KindId)>>,
    /// After how many openings heads were listed.
    listed: Option<u32>,
    /// Those who are promised a start, and were not passed yet.
    promised: BTreeMap<Rank, JobSlot>,
}

impl AccountWalk {
    /// Who stands first of those that are left and of an open kind, or promised a start.
    fn first(
        &mut self,
        account: AccountId,
        lines: &KindLines,
        open: &FixedBitSet,
        openings: u32,
    ) -> Option<(Rank, JobSlot)> {
        if self.listed != Some(openings) {
            self.listed = Some(openings);
            let head = |kind| {
                lines.next_of(account, kind, self.passed).map(|(rank, slot)| Reverse((rank, slot, kind)))
            };
            self.heads = lines.kinds_of(account, open).filter_map(head).collect();
        }
        while self.heads.peek().is_some_and(|Reverse((_, _, kind))| !open.contains(kind.0 as usize)) {
            self.heads.pop();
        }
        let head = self.heads.peek().map(|Reverse((rank, slot, _))| (*rank, *slot));
        let promised = self.promised.first_key_value().map(|(rank, slot)| (*rank, *slot));
        head.into_iter().chain(promised).min()
    }

    /// Passes whoever stands first; whether it was promised a start.
    fn pass(&mut self, rank: Rank, account: AccountId, lines: &KindLines) -> bool {
        if let Some(Reverse((_, _, kind))) = self.heads.peek().filter(|Reverse((head, ..))| *head == rank) {
            let kind = *kind;
            self.heads.pop();
            let next = lines.next_of(account, kind, Some(rank));
            self.heads.extend(next.map(|(rank, slot)| Reverse((rank, slot, kind))));
        }
        self.passed = Some(rank);
        self.promised.remove(&rank).is_some()
    }
}

impl KindWalk {
    /// From the head of a queue.
    pub fn of(queue: Option<DeviceId>, state: &State, lines: &KindLines) -> Self {
        let mut accounts: BTreeMap<AccountId, AccountWalk> =
            lines.accounts().map(|account| (account, AccountWalk::default())).collect();
        let devices = state.fleet().promising().filter_map(|id| state.fleet().get(id));
        let jobs = devices.flat_map(|device| device.calendar.promises().map(|(job, _)| job));
        let here = jobs.filter_map(|id| state.find(id)).filter(|(_, job)| job.queue() == queue);
        let mut promised = 0;
        for (slot, job) in here {
            let of_account = &mut accounts.entry(job.account).or_default().promised;
            promised += usize::from(of_account.insert(job.rank(), slot).is_none());
        }
        let (next, open) = (BinaryHeap::new(), None);
        let (as_of, is_narrow, openings) = (0, false, 0);
        let mut walk = Self { queue, next, accounts, promised, open, as_of, is_narrow, openings };
        walk.line_up(state);
        walk
    }

    /// Lines the accounts up.
    fn line_up(&mut self, state: &State) {
        let Some(queue) = state.queue_of(self.queue) else { return };
        let places = self.accounts.iter().filter_map(|(account, walk)| {
            let (rank, _) = queue.after(*account, walk.passed).next()?;
            let used = state.accounts().used(*account);
            Some(Reverse((Standing { used, rank }, *account)))
        });
        self.next = places.collect();
    }

    /// The next job.
    pub fn next(&mut self, state: &State, lines: &KindLines) -> Option<JobSlot> {
        let queue = state.queue_of(self.queue)?;
        loop {
            if self.promised == 0 && self.open.as_ref().is_some_and(FixedBitSet::is_clear) {
                return None;
            }
            let Reverse((standing, account)) = self.next.pop()?;
            let used = state.accounts().used(account);
            if used != standing.used {
                self.next.push(Reverse((Standing { used, ..standing }, account)));
                continue;
            }
            let Some(walk) = self.accounts.get_mut(&account) else { continue };
            let first = match &self.open {
                Some(open) => walk.first(account, lines, open, self.openings),
                None => queue.after(account, walk.passed).next(),
            };
            let Some((rank, slot)) = first else { continue };
            if rank == standing.rank && walk.pass(rank, account, lines) {
                self.promised -= 1;
            }
            // In its place until it is known who comes after.
            self.next.push(Reverse((Standing { used, rank }, account)));
            if rank == standing.rank {
                return Some(slot);
            }
        }
    }

    /// Whether something has changed since kinds were passed over, so that they are to be opened again.
    pub fn is_stale(&self, state: &State) -> bool {
        self.open.is_some() && self.as_of != state.fleet().changes()
    }

    /// Whether those are passed over as well who would be refused as at the last look.
    pub fn is_narrow(&self) -> bool {
        self.is_narrow
    }

    /// Kinds are passed over no longer, but for those that are not `able`.
    pub fn open_again(&mut self, able: Option<FixedBitSet>, state: &State) {
        self.open = able;
        self.as_of = state.fleet().changes();
        self.openings += 1;
        self.line_up(state);
    }

    /// From now on those are passed over whose kind is not `able`, besides those that are.
    pub fn narrow(&mut self, able: Option<FixedBitSet>, state: &State) {
        self.is_narrow = true;
        let Some(able) = able else { return };
        match &mut self.open {
            Some(open) => open.intersect_with(&able),
            None => {
                self.open = Some(able);
                self.as_of = state.fleet().changes();
                self.openings += 1;
            }
        }
    }

    /// Who of a kind is left to look at.
    pub fn rest_of(&self, kind: KindId, lines: &KindLines) -> Vec<JobSlot> {
        let of_account = |(account, walk): (&AccountId, &AccountWalk)| {
            let mut passed = walk.passed;
            let account = *account;
            std::iter::from_fn(move || {
                let (rank, slot) = lines.next_of(account, kind, passed)?;
                passed = Some(rank);
                Some(slot)
            })
        };
        self.accounts.iter().flat_map(of_account).collect()
    }

    /// All others of a kind would be refused, as long as nothing changes.
    pub fn close(&mut self, kind: KindId, state: &State, lines: &KindLines) {
        // What was closed before a change is opened by the next step, and this one with it.
        if self.is_stale(state) {
            return;
        }
        if self.open.is_none() {
            self.as_of = state.fleet().changes();
            self.openings += 1;
        }
        let open = self.open.get_or_insert_with(|| lines.all_kinds());
        if open.contains(kind.0 as usize) {
            open.remove(kind.0 as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::allocator::candidates::kind_lines::Lines;
    use crate::allocator::candidates::memo::Memo;
    use crate::allocator::config::{AllocatorConfig, FairShare};
    use crate::allocator::protocol::{Event, JobId, JobRequest, OrderKey, Tenant, Topology};
    use crate::allocator::state::accounts::Expected;
    use crate::quantum::catalogue;
    use crate::time::{Span, Time};

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
        loop {
            if walk.is_stale(&state) {
                walk.open_again(None, &state);
            }
            let Some(slot) = walk.next(&state, lines.of(None)) else { break };
            let request = state.jobs()[slot].request.clone();
            seen.push(request.id.0);
            match request.id.0 {
                0 => walk.close(memo.kind_of(slot, &request), &state, lines.of(None)),
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

    /// Jobs 0 to 5 of two kinds, by turns, two of each of three users: who is looked at when all kinds are open, and when only
    /// the second one is `able`.
    #[test]
    fn whoever_has_used_least_is_looked_at_first() {
        let fair_share = FairShare::Tree { half_life: Span::from_secs(3600) };
        let mut state = State::new(AllocatorConfig { fair_share, ..AllocatorConfig::default() });
        let (mut memo, mut lines) = (Memo::default(), Lines::default());
        for id in 0..6 {
            let topology = if id % 2 == 0 { Topology::Line } else { Topology::Any };
            let tenant = Tenant { user: id as u32 % 3, ..Tenant::default() };
            let job = JobRequest { tenant, ..JobRequest::new(JobId(id), 3, topology) }.into();
            let (device, key, key_until) = (None, OrderKey::default(), None);
            state.apply(Time::ZERO, &Event::JobQueued { job, device, key, key_until }).unwrap();
        }
        let charge = |state: &mut State, id: u64, units| {
            let account = state.find(JobId(id)).unwrap().1.account;
            state.expect(Expected { account, units, began: Time::ZERO });
        };
        charge(&mut state, 0, 5);
        charge(&mut state, 1, 2);
        lines.follow(None, &state, &mut memo);
        let second = state.find(JobId(1)).unwrap().0;
        let kind = memo.kind_of(second, &state.jobs()[second].request.clone());
        let able: FixedBitSet = std::iter::once(kind.0 as usize).collect();
        let mut walk = KindWalk::of(None, &state, lines.of(None));
        let mut seen = Vec::new();
        while let Some(slot) = walk.next(&state, lines.of(None)) {
            seen.push(state.jobs()[slot].request.id.0);
            match seen.len() {
                // The third user falls behind both others.
                1 => charge(&mut state, 2, 9),
                2 => walk.narrow(Some(able.clone()), &state),
                _ => {}
            }
        }
        // 2 is before all; of those behind, 4 is of the other kind, and so is 0.
        assert_eq!(seen, [2, 1, 3, 5]);
    }
}
