//! Observation: everything that watches the core through its events alone, for the simulator and the service alike.
//!
//! Promises that what is reported about the core does not come from the core's own bookkeeping: [`auditor`] checks
//! its promises, [`metrics`] measures it, [`journal`] keeps what it was told and what it decided. Leaves files and plots to the layers below.
#![deny(clippy::disallowed_types, clippy::disallowed_methods)]

pub mod auditor;
mod conservation;
#[cfg(test)]
mod fixture;
pub mod journal;
pub mod metrics;
mod quotas;

use crate::allocator::config::AllocatorConfig;
use crate::allocator::protocol::Event;
use crate::time::Time;
use auditor::Auditor;
use metrics::{Metrics, MetricsOptions};

/// The auditor and the metrics of one run, side by side.
#[derive(Debug, Clone)]
pub struct Observer {
    /// Checks the promises of the core.
    pub auditor: Auditor,
    /// Measures the run.
    pub metrics: Metrics,
}

impl Observer {
    /// An observer of a run that begins at time zero.
    pub fn new(options: MetricsOptions) -> Self {
        Self { auditor: Auditor::new(), metrics: Metrics::new(options) }
    }

    /// The same of a core that begins with this configuration.
    pub fn under(config: &AllocatorConfig, options: MetricsOptions) -> Self {
        Self { auditor: Auditor::under(config), metrics: Metrics::under(config, options) }
    }

    /// Takes one event of the core.
    pub fn observe(&mut self, now: Time, event: &Event) {
        let before = self.auditor.total();
        self.auditor.observe(now, event);
        self.metrics.observe(now, event);
        if self.auditor.total() != before {
            self.metrics.take_violations(&self.auditor);
        }
    }

    /// Ends the observation at `now`.
    pub fn finish(&mut self, now: Time) {
        self.auditor.finish(now);
        self.metrics.finish(now);
        self.metrics.take_violations(&self.auditor);
    }
}
