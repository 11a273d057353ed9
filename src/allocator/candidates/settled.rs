//! What a pass through a queue has left behind: as of when it has looked at those who stay, and how the devices stood then.
//!
//! A cache. Leaves what follows from it to [`super::able`].

use std::collections::BTreeMap;

use crate::allocator::candidates::kind_lines::KindLines;
use crate::allocator::protocol::WaitCause;
use crate::quantum::DeviceId;

/// How a device stands, as far as it matters to a job that asks for more qubits than are free there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stood {
    /// Qubits free for a start, at most.
    pub startable: u32,
    /// What keeps every job from it.
    pub closed: Option<WaitCause>,
}

/// A look at all who wait in a queue.
#[derive(Debug, Clone, Default)]
pub(super) struct Look {
    /// The fleet's count of changes when it began.
    pub changes: u64,
    /// The fleet's count of epochs then.
    pub epochs: u64,
    /// How the devices stood then that had changed since the look before.
    pub stood: BTreeMap<DeviceId, Stood>,
    /// Whether those are all.
    pub is_whole: bool,
}

/// What is known of a queue.
#[derive(Debug, Default)]
pub struct Settled {
    look: Option<Look>,
    begun: Option<Look>,
}

impl Settled {
    /// The last look that has come to its end.
    pub(super) fn look(&self) -> Option<&Look> {
        self.look.as_ref()
    }

    /// A look begins.
    pub(super) fn begin(&mut self, look: Look) {
        self.begun = Some(look);
    }

    /// It has come to its end: all who came before it were looked at. `now`: how a device stands since.
    pub(super) fn end(&mut self, lines: &mut KindLines, now: impl Fn(DeviceId) -> Option<Stood>) {
        let Some(begun) = self.begun.take() else { return };
        lines.forget_who_came();
        let mut look = self.look.take().filter(|_| !begun.is_whole).unwrap_or_default();
        (look.changes, look.epochs) = (begun.changes, begun.epochs);
        for (id, before) in begun.stood {
            match now(id).filter(|now| now.closed == before.closed) {
                Some(now) => {
                    let startable = before.startable.max(now.startable);
                    look.stood.insert(id, Stood { startable, ..before });
                }
                // Some were refused for one reason, others for another.
                None => {
                    look.stood.remove(&id);
                }
            }
        }
        self.look = Some(look);
    }
}
