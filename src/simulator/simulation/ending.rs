//! When a run is over: at its horizon, with its last job, at the limit of its draining, or when nothing can start any
//! more.
//!
//! Promises that every run ends, and to say of one that drained why it did. Leaves to [`super`] what happens until then.

use super::happening::{Happening, class};
use super::{Ending, Simulation};
use crate::allocator::config::Retry;
use crate::simulator::scenario::{DrainLimit, Horizon};
use crate::time::{Span, Time};

/// A run in which no job runs, starts or ends for so long is stuck, whatever calibrations and failures come: whoever still
/// waits has seen thirty calibrations of a device that is calibrated daily.
const IDLE_MAX: Span = Span::from_secs(30 * 86_400);

impl Simulation<'_, '_> {
    /// The last arrival is behind us.
    pub(super) fn arrivals_are_over(&mut self) {
        self.progress_of_run.exhausted = true;
        if matches!(self.scenario.horizon, Horizon::Jobs(_)) {
            self.schedule(self.now, class::END, Happening::HorizonOver);
        }
    }

    /// The horizon has come: the end, unless the run drains.
    pub(super) fn horizon_over(&mut self) {
        self.progress_of_run.past_horizon = true;
        if !self.scenario.drain {
            self.progress_of_run.ending = Some(Ending::Complete);
            return;
        }
        self.progress_of_run.moved_at = self.now;
        if let DrainLimit::Time(limit) = self.scenario.drain_limit {
            self.schedule(self.now + limit, class::END, Happening::End);
        }
    }

    /// The limit of draining has come.
    pub(super) fn drained_long_enough(&mut self) {
        self.progress_of_run.ending = Some(self.ending_now(Ending::CutOff));
    }

    fn ending_now(&self, otherwise: Ending) -> Ending {
        if self.jobs.live() == 0 { Ending::Complete } else { otherwise }
    }

    /// Whether a draining run is over although nobody has said so, see [`Ending`].
    pub(super) fn ends_now(&mut self) -> Option<Ending> {
        let progress = &self.progress_of_run;
        if progress.ending.is_some() || !self.scenario.drain || !progress.past_horizon {
            return progress.ending;
        }
        if self.jobs.live() == 0 {
            return Some(Ending::Complete);
        }
        if !self.attempts.is_empty() {
            return None;
        }
        // Whoever joins or is repaired at a known time is waited for; no later failure is.
        let awaited = |from: Time, until: Time| from <= progress.moved_at && until < Time::MAX;
        let hopes = progress.joining > 0
            || self.outages.iter().any(|outage| awaited(outage.from, outage.until))
            || self.core.usage_leaves().is_some();
        let idle = self.now.since(progress.moved_at);
        let hopeless = progress.pending == 0 && self.core_awaits_nothing(idle);
        (hopeless || idle >= IDLE_MAX && !hopes).then_some(Ending::Stuck)
    }

    /// Whether the core has no plan of its own either, but to try again what was tried in vain when nothing had changed.
    fn core_awaits_nothing(&self, idle: Span) -> bool {
        match self.scenario.allocator.retry {
            Retry::Every(every) => idle > every * 2 && self.core.only_retries(),
            Retry::Event => self.core.next_wakeup().is_none(),
        }
    }
}
