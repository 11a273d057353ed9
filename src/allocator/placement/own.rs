//! Placement strategies of the user's own, under names of their own.

use std::sync::{Arc, RwLock};

use super::strategy::PlacementStrategy;
use crate::allocator::config::Strategy;
use crate::allocator::own::{Kind, OwnName, OwnNameError, give_name};

/// Makes a strategy: one for each allocator.
pub type MakeStrategy = dyn Fn() -> Box<dyn PlacementStrategy> + Send + Sync;

static MAKERS: RwLock<Vec<(OwnName, Arc<MakeStrategy>)>> = RwLock::new(Vec::new());

/// Lets `allocator.strategy` have a name of one's own, in this program, for as long as it runs. What `make` gives is as new
/// each time: an answer must not depend on what another allocator has asked.
pub fn register(
    name: &str,
    make: impl Fn() -> Box<dyn PlacementStrategy> + Send + Sync + 'static,
) -> Result<Strategy, OwnNameError> {
    let name = give_name(Kind::Strategy, name, Strategy::SHIPPED.map(|(name, _)| name))?;
    MAKERS.write().unwrap_or_else(std::sync::PoisonError::into_inner).push((name, Arc::new(make)));
    Ok(Strategy::Own(name))
}

/// The strategy of that name.
pub(super) fn strategy(name: OwnName) -> Box<dyn PlacementStrategy> {
    let makers = MAKERS.read().unwrap_or_else(std::sync::PoisonError::into_inner);
    let known = makers.iter().find(|(known, _)| *known == name).map(|(_, make)| Arc::clone(make));
    drop(makers);
    known.expect("a name is given together with its maker")()
}
