//! Observation: everything that watches the core through its events alone, for the simulator and the service alike.
//!
//! Promises that what is reported about the core does not come from the core's own bookkeeping: [`auditor`] checks
//! its promises, [`metrics`] measures it. Leaves files and plots to the layers below.

pub mod auditor;
#[cfg(test)]
mod fixture;
