//! What a device selector is: who is asked which device to try next for a job.
//!
//! Leaves the selectors that are shipped to [`super::selection`].

use crate::allocator::candidates::index::{FleetIndex, Need};
use crate::allocator::candidates::named::Named;
use crate::allocator::candidates::ranking::Ranking;
use crate::quantum::DeviceId;

/// What is asked of a selector.
#[derive(Debug, Clone, Copy)]
pub struct Ask {
    /// What the job needs.
    pub need: Need,
    /// A random number of this job and attempt, for selectors that draw.
    pub draw: u64,
    /// The device that was chosen last for any job: to run it or, with queues per device, to wait for.
    pub last_chosen: Option<DeviceId>,
}

/// An order of devices: a function of what is asked and nothing else. Implement it in your own crate to try your own.
pub trait DeviceSelector: Send {
    /// The next device to try; `named` are those that this selector named before for the same ask, and none else.
    /// To name one of them again ends the ask, as `None` does.
    fn next(&self, index: &FleetIndex, ask: &Ask, named: &Named) -> Option<DeviceId>;

    /// Whether every device that meets the need is named in the end, whatever the order. If so, a job that was tried in
    /// vain is tried only where something has changed since.
    fn names_all(&self) -> bool {
        false
    }

    /// The order in which it tries devices where it must look at all of them at once; [`Self::next`] is not asked then.
    fn ranking(&self) -> Option<&dyn Ranking> {
        None
    }

    /// Whether all named devices are tried and the one with the best placement wins, instead of the first that can.
    fn compares_all(&self) -> bool {
        false
    }
}
