//! Estimates of starts in the simulation: made at fixed times after the pass, told to metrics and traces.
//!
//! Leaves estimating to [`crate::forward`]; nothing that happens depends on it.

use super::happening::{Happening, class};
use super::{Part, Simulation, SimulationError};
use crate::forward::Forecaster;
use crate::random::{Purpose, StreamFamily};
use crate::time::Time;

impl Simulation<'_, '_> {
    /// With what estimates starts, if the scenario wants that.
    pub(super) fn with_forecaster(mut self, threads: usize) -> Result<Self, SimulationError> {
        if let Some(settings) = self.scenario.output.estimates {
            if self.core.fork(None).is_none() {
                return Err(SimulationError::NoCopies);
            }
            let draws = StreamFamily::new(self.scenario.seed, self.replication, Purpose::Futures);
            self.forecaster = Some(Box::new(Forecaster::new(settings, draws, threads)));
            self.observer.metrics.expect_estimates();
        }
        Ok(self)
    }

    pub(super) fn schedule_estimates(&mut self) {
        if let Some(forecaster) = &self.forecaster {
            let next = self.now + forecaster.every();
            if next < Time::MAX {
                self.schedule(next, class::ESTIMATE, Happening::Estimate);
            }
        }
    }

    pub(super) fn estimate(&mut self) -> Result<(), SimulationError> {
        let Some(forecaster) = &mut self.forecaster else { return Ok(()) };
        if let Some(probe) = &mut self.probe {
            probe.enter(Part::Estimates);
        }
        let (estimates, effort) = forecaster.estimate(self.now, &self.core);
        if let Some(probe) = &mut self.probe {
            probe.leave(Part::Estimates);
        }
        self.estimate_effort.add(effort);
        self.observer.metrics.record_estimates(self.now, &estimates);
        self.jobs.estimated(self.now, &estimates);
        if let Some(traces) = &mut self.traces {
            traces.estimates(self.now, &estimates)?;
        }
        self.schedule_estimates();
        Ok(())
    }
}
