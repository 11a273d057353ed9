//! The discrete-event simulator: drives the core with a simulated clock.
//!
//! Promises that a run depends on its scenario and seed alone. Leaves decisions to the core and hardware truth to
//! [`crate::quantum::hardware`].
//!
//! Reading order: [`scenario`] (what is asked), [`workload`] (jobs and when they come), [`simulation`] (the event
//! loop; what comes next is on the [`crate::agenda`]), [`traces`] and [`world`] (what is written).
#![deny(clippy::disallowed_types, clippy::disallowed_methods)]

pub mod csv_reader;
pub mod csv_row;
pub mod job_book;
pub mod program;
pub mod scenario;
pub mod simulation;
pub mod site;
pub mod traces;
pub mod wait_tally;
pub mod workload;
pub mod world;
