//! The simulator: drives the core with a simulated clock.

pub mod scenario;
pub mod workload;
