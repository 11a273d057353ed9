//! Which device of the fleet a job goes to.

pub mod index;
pub mod selection;
