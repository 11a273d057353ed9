//! How a pass goes through the jobs of a queue: in the order in which they stand, which is looked up anew whenever somebody
//! is charged for a start.
//!
//! Promises each job once, also while the pass plans starts: a planned start takes no job out of its queue.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use smallvec::SmallVec;

use crate::allocator::state::State;
use crate::allocator::state::place::{AccountId, JobSlot, Rank, Standing};
use crate::quantum::DeviceId;

/// Jobs of an account that are listed at a time, where there is one account only.
const JOBS_LISTED: usize = 16;

/// A walk through one queue.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one at a time, on the stack")]
pub enum QueueWalk {
    /// Everybody stands in one line.
    Line(LineWalk),
    /// Each account has a line of its own.
    Accounts(AccountsWalk),
}

impl QueueWalk {
    /// From the head of the queue of a device, or of the global one.
    pub fn of(queue: Option<DeviceId>, state: &State) -> Self {
        if state.accounts().count() {
            Self::Accounts(AccountsWalk { queue, begun: false, heads: BinaryHeap::new() })
        } else {
            Self::Line(LineWalk { queue, rank: None, listed: SmallVec::new() })
        }
    }

    /// The next job.
    pub fn next(&mut self, state: &State) -> Option<JobSlot> {
        match self {
            Self::Line(walk) => walk.next(state),
            Self::Accounts(walk) => walk.next(state),
        }
    }
}

/// A walk through the line of everybody.
#[derive(Debug)]
pub struct LineWalk {
    queue: Option<DeviceId>,
    rank: Option<Rank>,
    /// The next ones, the first at the end.
    listed: SmallVec<[(Rank, JobSlot); JOBS_LISTED]>,
}

impl LineWalk {
    fn next(&mut self, state: &State) -> Option<JobSlot> {
        if self.listed.is_empty() {
            let jobs = state.queue_of(self.queue)?.after(AccountId::ALL, self.rank);
            self.listed.extend(jobs.take(JOBS_LISTED));
            self.listed.reverse();
        }
        let (rank, slot) = self.listed.pop()?;
        self.rank = Some(rank);
        Some(slot)
    }
}

/// A walk through the lines of all accounts: always to the one that has used least.
#[derive(Debug)]
pub struct AccountsWalk {
    queue: Option<DeviceId>,
    begun: bool,
    /// The first job of each account that was not passed yet, who stands first on top. Who was charged since stands further
    /// back: nobody comes forward during a walk.
    heads: BinaryHeap<Reverse<(Standing, AccountId, JobSlot)>>,
}

impl AccountsWalk {
    fn next(&mut self, state: &State) -> Option<JobSlot> {
        let queue = state.queue_of(self.queue)?;
        let accounts = state.accounts();
        let head = |account: AccountId, passed: Option<Rank>| {
            let (rank, slot) = queue.after(account, passed).next()?;
            Some(Reverse((Standing { used: accounts.used(account), rank }, account, slot)))
        };
        if !std::mem::replace(&mut self.begun, true) {
            self.heads = queue.accounts().filter_map(|account| head(account, None)).collect();
        }
        loop {
            let Reverse((standing, account, slot)) = self.heads.pop()?;
            let used = accounts.used(account);
            if used != standing.used {
                self.heads.push(Reverse((Standing { used, ..standing }, account, slot)));
                continue;
            }
            self.heads.extend(head(account, Some(standing.rank)));
            return Some(slot);
        }
    }
}
