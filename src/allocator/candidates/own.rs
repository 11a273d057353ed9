//! Device selectors of the user's own, under names of their own.

use std::sync::Arc;

use super::selector::DeviceSelector;
use crate::allocator::config::Selection;
use crate::allocator::own::{Kind, Makers, OwnName, OwnNameError};

static MAKERS: Makers<dyn DeviceSelector> = Makers::new();

/// Lets `allocator.selection` have a name of one's own, in this program, for as long as it runs.
pub fn register(
    name: &str,
    make: impl Fn() -> Box<dyn DeviceSelector> + Send + Sync + 'static,
) -> Result<Selection, OwnNameError> {
    let shipped = Selection::SHIPPED.map(|(name, _)| name);
    MAKERS.register(Kind::Selector, name, shipped, Arc::new(make)).map(Selection::Own)
}

/// The selector of that name.
pub(super) fn selector(name: OwnName) -> Box<dyn DeviceSelector> {
    MAKERS.make(name)
}
