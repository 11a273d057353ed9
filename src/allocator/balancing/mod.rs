//! Which device of the fleet a job goes to.

pub mod candidates;
pub mod index;
pub mod named;
pub mod selection;
