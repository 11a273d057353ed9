//! The Eigen OS Resource Manager: an allocator core for shared quantum devices, and the drivers around it.
//!
//! The layers, each importing only from those above it:
//!
//! - [`time`], [`random`]: instants, spans and keyed random streams as plain values.
//! - [`quantum`]: hardware and programs; [`quantum::hardware`] is what a device truly does.
//! - [`allocator`]: the core: commands in, events out.
//! - [`simulator`]: the discrete-event simulator that drives the core with a simulated clock.
//! - [`experiment`]: replications, comparisons and their statistics.
//! - [`report`]: tables and plots.

pub mod allocator;
pub mod experiment;
pub mod quantum;
pub mod random;
pub mod report;
pub mod simulator;
pub mod time;
