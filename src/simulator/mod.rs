//! The discrete-event simulator: drives the core with a simulated clock.
//!
//! Promises that a run depends on its scenario and seed alone. Leaves decisions to the core and hardware truth to
//! [`crate::quantum::hardware`].
pub mod agenda;
