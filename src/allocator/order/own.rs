//! Orders of waiting jobs of the user's own, under names of their own.

use std::sync::Arc;

use super::job_order::JobOrder;
use crate::allocator::config::QueueOrder;
use crate::allocator::own::{Kind, Makers, OwnName, OwnNameError};

static MAKERS: Makers<dyn JobOrder> = Makers::new();

/// Lets `allocator.order` have a name of one's own, in this program, for as long as it runs.
pub fn register(
    name: &str,
    make: impl Fn() -> Box<dyn JobOrder> + Send + Sync + 'static,
) -> Result<QueueOrder, OwnNameError> {
    let shipped = QueueOrder::SHIPPED.iter().map(|(name, _)| *name);
    MAKERS.register(Kind::Order, name, shipped, Arc::new(make)).map(QueueOrder::Own)
}

/// The order of that name.
pub(super) fn order(name: OwnName) -> Box<dyn JobOrder> {
    MAKERS.make(name)
}
