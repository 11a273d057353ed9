//! Device selectors of the user's own, under names of their own.

use std::sync::{Arc, RwLock};

use super::selector::DeviceSelector;
use crate::allocator::config::Selection;
use crate::allocator::own::{Kind, OwnName, OwnNameError, give_name};

/// Makes a selector: one for each allocator.
pub type MakeSelector = dyn Fn() -> Box<dyn DeviceSelector> + Send + Sync;

static MAKERS: RwLock<Vec<(OwnName, Arc<MakeSelector>)>> = RwLock::new(Vec::new());

/// Lets `allocator.selection` have a name of one's own, in this program, for as long as it runs.
pub fn register(
    name: &str,
    make: impl Fn() -> Box<dyn DeviceSelector> + Send + Sync + 'static,
) -> Result<Selection, OwnNameError> {
    let name = give_name(Kind::Selector, name, Selection::SHIPPED.map(|(name, _)| name))?;
    MAKERS.write().unwrap_or_else(std::sync::PoisonError::into_inner).push((name, Arc::new(make)));
    Ok(Selection::Own(name))
}

/// The selector of that name.
pub(super) fn selector(name: OwnName) -> Box<dyn DeviceSelector> {
    let makers = MAKERS.read().unwrap_or_else(std::sync::PoisonError::into_inner);
    let known = makers.iter().find(|(known, _)| *known == name).map(|(_, make)| Arc::clone(make));
    drop(makers);
    known.expect("a name is given together with its maker")()
}
