//! Placement strategies of the user's own, under names of their own.

use std::sync::Arc;

use super::strategy::PlacementStrategy;
use crate::allocator::config::Strategy;
use crate::allocator::own::{Kind, Makers, OwnName, OwnNameError};

static MAKERS: Makers<dyn PlacementStrategy> = Makers::new();

/// Lets `allocator.strategy` have a name of one's own, in this program, for as long as it runs. What `make` gives is as new
/// each time: an answer must not depend on what another allocator has asked.
pub fn register(
    name: &str,
    make: impl Fn() -> Box<dyn PlacementStrategy> + Send + Sync + 'static,
) -> Result<Strategy, OwnNameError> {
    let shipped = Strategy::SHIPPED.map(|(name, _)| name);
    MAKERS.register(Kind::Strategy, name, shipped, Arc::new(make)).map(Strategy::Own)
}

/// The strategy of that name.
pub(super) fn strategy(name: OwnName) -> Box<dyn PlacementStrategy> {
    MAKERS.make(name)
}
