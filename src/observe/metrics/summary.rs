//! The values of all metrics, as they go to the summary of a run.

use serde::Serialize;

use super::deadlines::Deadlines;
use super::distribution::PER_UNIT;
use super::meter::{Meter, Totals, UNIT};
use super::registry::{METRICS, Metric, MetricDef, Statistic};
use super::sharing::promises::CAUSES;
use super::{Distribution, Metrics};
use crate::allocator::protocol::PromiseCause;

/// One value of a summary.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MetricValue {
    /// As in `waiting_time_s.p95`, `qubit_utilization` or `qubit_utilization[ibm_fez]`.
    pub name: String,
    /// Its definition.
    #[serde(skip)]
    pub def: &'static MetricDef,
    /// The value; `None` without observations.
    pub value: Option<f64>,
}

impl Metrics {
    /// The values of the whole fleet, in the order of [`METRICS`].
    pub fn summary(&self) -> Vec<MetricValue> {
        let mut values = Vec::new();
        for def in METRICS {
            if def.statistics.is_empty() {
                let value = self.scalar(def.metric);
                values.push(MetricValue { name: def.full_name(None), def, value });
            }
            for &statistic in def.statistics {
                let value = self.statistic(def.metric, statistic);
                values.push(MetricValue { name: def.full_name(Some(statistic)), def, value });
            }
        }
        values
    }

    /// The values of each device, metric by metric, devices in order of registration.
    pub fn summary_per_device(&self) -> Vec<MetricValue> {
        let mut values = Vec::new();
        for def in METRICS.iter().filter(|def| def.per_device) {
            for meter in self.devices.values() {
                let name = format!("{}[{}]", def.name, meter.name);
                values.push(MetricValue { name, def, value: self.of_device(def.metric, meter) });
            }
        }
        values
    }

    /// One value by its name, as in files: of the fleet, or of a device as `name[device]`. `None` without
    /// observations, and for names that are no metric (see [`MetricDef::find`]).
    pub fn value(&self, name: &str) -> Option<f64> {
        let (def, statistic) = MetricDef::find(name).ok()?;
        if let Some((_, device)) = name.split_once('[') {
            let device = device.strip_suffix(']')?;
            let meter = self.devices.values().find(|meter| meter.name == device)?;
            return self.of_device(def.metric, meter);
        }
        match statistic {
            Some(statistic) => self.statistic(def.metric, statistic),
            None => self.scalar(def.metric),
        }
    }

    pub(super) fn measured(&self, meter: &Meter) -> Totals {
        meter.totals_at(self.now).since(&meter.base)
    }

    fn of_device(&self, metric: Metric, meter: &Meter) -> Option<f64> {
        let totals = self.measured(meter);
        match metric {
            Metric::QubitUtilization => ratio(totals.held, totals.qubits),
            Metric::EffectiveUtilization => ratio(totals.effective, totals.qubits),
            Metric::CouplerUtilization => ratio(totals.couplers_held, totals.couplers),
            Metric::Fragmentation => self.fragmentation(&totals),
            Metric::IsolationOverhead => ratio(totals.lost, totals.held),
            Metric::IsolationViolations => Some(meter.isolation_violations as f64),
            Metric::ActiveAllocations => self.mean_over_time(totals.active),
            _ => None,
        }
    }

    fn fragmentation(&self, totals: &Totals) -> Option<f64> {
        let mean = ratio(totals.fragmentation, totals.service).map(|mean| mean / UNIT as f64);
        mean.filter(|_| self.options.fragmentation)
    }

    fn mean_over_time(&self, integral_ns: u128) -> Option<f64> {
        ratio(integral_ns, u128::from(self.now.since(self.from).0))
    }

    fn sum(&self, part: impl Fn(&Totals) -> u128) -> u128 {
        self.devices.values().map(|meter| part(&self.measured(meter))).sum()
    }

    fn scalar(&self, metric: Metric) -> Option<f64> {
        let counts = &self.counts;
        let decided = u128::from(counts.started + counts.undone + counts.rejected);
        match metric {
            Metric::QubitUtilization => ratio(self.sum(|t| t.held), self.sum(|t| t.qubits)),
            Metric::EffectiveUtilization => ratio(self.sum(|t| t.effective), self.sum(|t| t.qubits)),
            Metric::CouplerUtilization => ratio(self.sum(|t| t.couplers_held), self.sum(|t| t.couplers)),
            Metric::Fragmentation => self.fleet_fragmentation(),
            Metric::IsolationOverhead => ratio(self.sum(|t| t.lost), self.sum(|t| t.held)),
            Metric::IsolationViolations => {
                let violations: u64 = self.devices.values().map(|meter| meter.isolation_violations).sum();
                Some(violations as f64)
            }
            Metric::LoadImbalance => self.load_imbalance(),
            Metric::JainFairness => self.jain_fairness(),
            Metric::ShareGap => self.share_gap(),
            Metric::QuotaStoppedTime => Some(self.quota_stopped_s()),
            Metric::PromisedShare
            | Metric::BackfilledShare
            | Metric::PromisesGiven
            | Metric::PromisesMoved
            | Metric::PromisesMovedEarlier
            | Metric::PromisesMovedDeviceLost
            | Metric::PromisesMovedElementLost
            | Metric::PromisesMovedRecalibrated
            | Metric::PromisesMovedOverrun
            | Metric::PromisesMovedOrderChanged
            | Metric::PromisesMovedQuotaReached
            | Metric::PromisesMovedNotFoundAgain
            | Metric::PromisesMissed => self.of_starts(metric),
            Metric::QueueLength => self.mean_over_time(self.waiting.integral_at(self.now)),
            Metric::ActiveAllocations => self.mean_over_time(self.running.integral_at(self.now)),
            Metric::AllocationSuccessRate => ratio(u128::from(counts.started), decided),
            Metric::AllocationFailureRate => ratio(u128::from(counts.undone + counts.rejected), decided),
            Metric::BlockedByShape => ratio(u128::from(self.blocked_by_shape), u128::from(self.attempts)),
            Metric::ReallocationCount => Some(self.requeues as f64),
            Metric::JobsBelowSoftBound => Some(counts.below_soft_bound as f64),
            Metric::BelowSoftBoundShare => {
                ratio(u128::from(counts.below_soft_bound), u128::from(counts.started_with_soft_bound))
            }
            Metric::CalibrationRequestCount => Some(self.calibration_requests as f64),
            Metric::DeadlinesMissed => Some(self.deadlines().missed as f64),
            Metric::DeadlineMissShare => {
                let Deadlines { kept, missed } = self.deadlines();
                ratio(u128::from(missed), u128::from(kept + missed))
            }
            Metric::EstimatedShare | Metric::EstimateCoverage | Metric::PlanStability => {
                self.of_estimates(metric)
            }
            Metric::Makespan => {
                let first = self.first_submission?;
                self.last_end.map(|last| last.since(first).as_secs_f64())
            }
            Metric::Throughput => {
                self.mean_over_time(u128::from(self.completions)).map(|per_ns| per_ns * 1e9)
            }
            Metric::JobsSubmitted => Some(counts.submitted as f64),
            Metric::JobsCompleted => Some(counts.completed as f64),
            Metric::JobsFailed => Some(counts.failed as f64),
            Metric::JobsCancelled => Some(counts.cancelled as f64),
            Metric::JobsRejected => Some(counts.rejected as f64),
            Metric::JobsExpired => Some(counts.expired as f64),
            Metric::JobsUnfinished => Some((counts.submitted - counts.ended()) as f64),
            Metric::WaitingTime
            | Metric::TurnaroundTime
            | Metric::ExecutionTime
            | Metric::Slowdown
            | Metric::BoundedSlowdown
            | Metric::FidelityPredicted
            | Metric::FidelityTrue
            | Metric::FidelityGap
            | Metric::PlacementErrorPerQubit
            | Metric::EstimateError
            | Metric::EstimateWidth => None,
        }
    }

    /// How long quotas stopped waiting jobs, all together.
    fn quota_stopped_s(&self) -> f64 {
        let all: u128 = self.sharing.stopped(self.now).map(|(_, ns)| ns).sum();
        all as f64 / 1e9
    }

    fn of_starts(&self, metric: Metric) -> Option<f64> {
        let starts = self.starts();
        let moved = |cause: PromiseCause| {
            let index = CAUSES.iter().position(|known| *known == cause)?;
            Some(starts.moved[index] as f64)
        };
        match metric {
            Metric::PromisedShare => ratio(u128::from(starts.promised), u128::from(starts.started)),
            Metric::BackfilledShare => ratio(u128::from(starts.backfilled), u128::from(starts.started)),
            Metric::PromisesGiven => Some(starts.given as f64),
            Metric::PromisesMoved => Some(starts.moved.iter().sum::<u64>() as f64),
            Metric::PromisesMovedEarlier => moved(PromiseCause::Earlier),
            Metric::PromisesMovedDeviceLost => moved(PromiseCause::DeviceLost),
            Metric::PromisesMovedElementLost => moved(PromiseCause::ElementLost),
            Metric::PromisesMovedRecalibrated => moved(PromiseCause::Recalibrated),
            Metric::PromisesMovedOverrun => moved(PromiseCause::Overrun),
            Metric::PromisesMovedOrderChanged => moved(PromiseCause::OrderChanged),
            Metric::PromisesMovedQuotaReached => moved(PromiseCause::QuotaReached),
            Metric::PromisesMovedNotFoundAgain => moved(PromiseCause::NotFoundAgain),
            Metric::PromisesMissed => Some(starts.missed as f64),
            _ => None,
        }
    }

    fn of_estimates(&self, metric: Metric) -> Option<f64> {
        let estimates = self.estimates.as_ref();
        let share = |part: u64, whole: u64| ratio(u128::from(part), u128::from(whole));
        match metric {
            _ if !estimates.is_on() => None,
            Metric::EstimatedShare => share(estimates.estimated, estimates.judged),
            Metric::EstimateCoverage => share(estimates.covered, estimates.estimated),
            Metric::PlanStability => share(estimates.as_planned, estimates.planned),
            _ => None,
        }
    }

    /// Deadlines kept and missed so far.
    fn deadlines(&self) -> Deadlines {
        let mut deadlines = self.counts.deadlines;
        for job in self.jobs.values().filter(|job| job.measured) {
            deadlines.count(job.deadline, None, self.now);
        }
        deadlines
    }

    fn statistic(&self, metric: Metric, statistic: Statistic) -> Option<f64> {
        match metric {
            Metric::WaitingTime => of(&self.waits, statistic),
            Metric::TurnaroundTime => of(&self.turnarounds, statistic),
            Metric::ExecutionTime => of(&self.executions, statistic),
            Metric::Slowdown => of(&self.slowdowns, statistic),
            Metric::BoundedSlowdown => of(&self.bounded_slowdowns, statistic),
            Metric::FidelityPredicted => of(&self.predicted, statistic),
            Metric::FidelityTrue => of(&self.actual, statistic),
            Metric::PlacementErrorPerQubit => of(&self.placement_errors, statistic),
            Metric::EstimateError => of(&self.estimates.errors, statistic),
            Metric::EstimateWidth => of(&self.estimates.narrowings, statistic),
            Metric::FidelityGap if self.predicted.count() > 0 => {
                let gap = self.predicted.sum() as i128 - self.actual.sum() as i128;
                Some(gap as f64 / self.predicted.count() as f64 / PER_UNIT as f64)
            }
            _ => None,
        }
    }

    fn fleet_fragmentation(&self) -> Option<f64> {
        let (mut weighted, mut weight) = (0.0, 0.0);
        for meter in self.devices.values().filter(|meter| !meter.map.is_complete()) {
            let totals = self.measured(meter);
            if let Some(fragmentation) = self.fragmentation(&totals) {
                weighted += fragmentation * totals.qubits as f64;
                weight += totals.qubits as f64;
            }
        }
        (weight > 0.0).then(|| weighted / weight)
    }

    fn load_imbalance(&self) -> Option<f64> {
        let utilization = |meter| self.of_device(Metric::QubitUtilization, meter);
        let loads: Vec<f64> = self.devices.values().filter_map(utilization).collect();
        let mean = loads.iter().sum::<f64>() / loads.len() as f64;
        let variance =
            loads.iter().map(|load| (load - mean) * (load - mean)).sum::<f64>() / loads.len() as f64;
        (mean > 0.0).then(|| libm::sqrt(variance) / mean)
    }
}

/// A statistic in units, of values in 1e-9 units.
fn of(distribution: &Distribution, statistic: Statistic) -> Option<f64> {
    let value = match statistic {
        Statistic::Mean => return distribution.mean().map(|mean| mean / PER_UNIT as f64),
        Statistic::P50 => distribution.quantile(500),
        Statistic::P95 => distribution.quantile(950),
        Statistic::P99 => distribution.quantile(990),
        Statistic::Max => distribution.max(),
    };
    value.map(|value| value as f64 / PER_UNIT as f64)
}

fn ratio(part: u128, whole: u128) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
