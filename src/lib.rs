//! The Eigen OS Resource Manager: an allocator core for shared quantum devices, and the drivers around it.
//!
//! The layers, each importing only from those above it:
//!
//! - [`time`], [`random`]: instants, spans and keyed random streams as plain values.
//! - [`quantum`]: hardware and programs; [`quantum::hardware`] is what a device truly does.
//! - [`allocator`]: the core: commands in, events out.
//! - [`simulator`]: drives the core with a simulated clock; scenarios and workloads.

pub mod allocator;
pub mod quantum;
pub mod random;
pub mod simulator;
pub mod time;
