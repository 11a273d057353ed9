//! Best fit over a fleet: first the device with the fewest free qubits that still suffice, so that large gaps are left for
//! large jobs.

use resource_manager::allocator::candidates::index::FleetIndex;
use resource_manager::allocator::candidates::named::Named;
use resource_manager::allocator::candidates::selector::{Ask, DeviceSelector};
use resource_manager::quantum::DeviceId;

/// The selector.
#[derive(Debug)]
pub struct Tightest;

impl DeviceSelector for Tightest {
    fn next(&self, index: &FleetIndex, ask: &Ask, named: &Named) -> Option<DeviceId> {
        let open = index.meeting(ask.need, 0).filter(|id| !named.contains(*id));
        // Of several with as many free qubits the first: an order without ties is one that repeats.
        open.min_by_key(|id| (index.load(*id).startable, *id))
    }

    fn names_all(&self) -> bool {
        true
    }
}
