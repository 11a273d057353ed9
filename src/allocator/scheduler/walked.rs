//! What a pass has seen of one queue in which starts are promised, round by round.
//!
//! Promises that the first round counts everybody once, also where it was broken off. Leaves to [`super::pass`] when that is.

use std::collections::{BTreeMap, BTreeSet};

use crate::allocator::candidates::memo::KindId;
use crate::allocator::protocol::WaitCause;
use crate::allocator::state::place::JobSlot;

/// What the rounds through one queue have done so far.
#[derive(Debug, Default)]
pub struct Walked {
    /// How many rounds have come to their end.
    pub rounds: u32,
    /// A planned start takes no job out of its queue.
    pub started: BTreeSet<JobSlot>,
    /// What the first round has seen of each kind.
    pub kinds: BTreeMap<KindId, SeenOfKind>,
    /// Who waits for something of its own.
    pub alone: Vec<(JobSlot, WaitCause)>,
    /// Who had to stay in a first round that was broken off.
    pub stayed_before: BTreeSet<JobSlot>,
}

impl Walked {
    /// A round is broken off in which those had to stay: they are looked at again in the next one.
    pub fn look_again(&mut self, stayed: impl IntoIterator<Item = JobSlot>) {
        if self.rounds == 0 {
            self.stayed_before.extend(stayed);
            self.kinds.values_mut().for_each(|seen| seen.stayed = 0);
        }
    }
}

/// What the first round through a queue has seen of one placement kind.
#[derive(Debug, Clone, Copy, Default)]
pub struct SeenOfKind {
    /// How many have started.
    pub started: u32,
    /// How many had to stay.
    pub stayed: u32,
    /// Why the first one that stayed did.
    pub by_shape: Option<bool>,
    /// What those of the kind wait for, as it was found last.
    pub cause: Option<WaitCause>,
}
