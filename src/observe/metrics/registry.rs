//! Every metric by name: unit, statistics, which way is better, and what it means.
//!
//! Promises one table for the files, the documentation, the targets and the verdicts of comparisons. Wall-clock
//! figures are not here: they are measured by the drivers.

use serde::Serialize;

/// Which way a metric improves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
    /// Neither: a difference is a fact without a verdict.
    Neutral,
}

/// One number of a distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Statistic {
    /// Arithmetic mean.
    Mean,
    /// Median.
    P50,
    /// 95 % of all values are at or below.
    P95,
    /// 99 % of all values are at or below.
    P99,
    /// Largest value.
    Max,
}

impl Statistic {
    /// All of them, in the order of the files.
    pub const ALL: [Self; 5] = [Self::Mean, Self::P50, Self::P95, Self::P99, Self::Max];

    /// The suffix in names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::P50 => "p50",
            Self::P95 => "p95",
            Self::P99 => "p99",
            Self::Max => "max",
        }
    }
}

/// The metrics. What each means is in [`METRICS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "every variant is described in METRICS")]
pub enum Metric {
    QubitUtilization,
    EffectiveUtilization,
    CouplerUtilization,
    Fragmentation,
    IsolationOverhead,
    IsolationViolations,
    LoadImbalance,
    JainFairness,
    ShareGap,
    QuotaStoppedTime,
    PromisedShare,
    BackfilledShare,
    PromisesGiven,
    PromisesMoved,
    PromisesMovedEarlier,
    PromisesMovedDeviceLost,
    PromisesMovedElementLost,
    PromisesMovedRecalibrated,
    PromisesMovedOverrun,
    PromisesMovedOrderChanged,
    PromisesMovedQuotaReached,
    PromisesMovedNotFoundAgain,
    PromisesMissed,
    WaitingTime,
    TurnaroundTime,
    ExecutionTime,
    Slowdown,
    BoundedSlowdown,
    QueueLength,
    ActiveAllocations,
    AllocationSuccessRate,
    AllocationFailureRate,
    BlockedByShape,
    ReallocationCount,
    JobsBelowSoftBound,
    BelowSoftBoundShare,
    CalibrationRequestCount,
    DeadlinesMissed,
    DeadlineMissShare,
    EstimatedShare,
    EstimateCoverage,
    EstimateError,
    EstimateWidth,
    PlanStability,
    FidelityPredicted,
    FidelityTrue,
    FidelityGap,
    PlacementErrorPerQubit,
    Makespan,
    Throughput,
    JobsSubmitted,
    JobsCompleted,
    JobsFailed,
    JobsCancelled,
    JobsRejected,
    JobsExpired,
    JobsUnfinished,
}

impl Metric {
    /// Whether it is measured only where starts are estimated.
    pub fn is_of_estimates(self) -> bool {
        matches!(
            self,
            Self::EstimatedShare
                | Self::EstimateCoverage
                | Self::EstimateError
                | Self::EstimateWidth
                | Self::PlanStability
        )
    }
}

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct MetricDef {
    /// Which one.
    pub metric: Metric,
    /// Its name in files, without statistic.
    pub name: &'static str,
    /// Its unit; empty for shares, ratios and counts.
    pub unit: &'static str,
    /// What is given of it; empty for a scalar.
    pub statistics: &'static [Statistic],
    /// Whether it is given per device as well, as `name[device]`.
    pub per_device: bool,
    /// Which way is better.
    pub better: Better,
    /// What it means, one sentence.
    pub description: &'static str,
}

const ALL: &[Statistic] = &Statistic::ALL;
const MEAN: &[Statistic] = &[Statistic::Mean];
const MEDIAN: &[Statistic] = &[Statistic::P50];
const ERRORS: &[Statistic] = &[Statistic::P50, Statistic::P95];
const SCALAR: &[Statistic] = &[];

const fn def(
    metric: Metric,
    name: &'static str,
    unit: &'static str,
    statistics: &'static [Statistic],
    better: Better,
    description: &'static str,
) -> MetricDef {
    MetricDef { metric, name, unit, statistics, per_device: false, better, description }
}

const fn per_device(def: MetricDef) -> MetricDef {
    MetricDef { per_device: true, ..def }
}

/// All metrics, in the order of the files.
pub const METRICS: &[MetricDef] = {
    use Better::{Higher, Lower, Neutral};
    use Metric as M;
    &[
        per_device(def(
            M::QubitUtilization,
            "qubit_utilization",
            "",
            SCALAR,
            Higher,
            "qubit-seconds held by running jobs / qubit-seconds of qubits in service (dead qubits and offline time excluded; calibrations count as service)",
        )),
        per_device(def(
            M::EffectiveUtilization,
            "effective_utilization",
            "",
            SCALAR,
            Neutral,
            "as qubit_utilization, with buffer qubits counted as used",
        )),
        per_device(def(
            M::CouplerUtilization,
            "coupler_utilization",
            "",
            SCALAR,
            Higher,
            "coupler-seconds inside held regions / coupler-seconds of couplers in service",
        )),
        per_device(def(
            M::Fragmentation,
            "fragmentation",
            "",
            SCALAR,
            Lower,
            "1 - largest connected free region / free usable qubits, where qubits kept idle by buffers or guards are not free, and 0 where none is; time-weighted; fleet: weighted by qubits in service, all-to-all devices left out",
        )),
        per_device(def(
            M::IsolationOverhead,
            "isolation_overhead",
            "",
            SCALAR,
            Lower,
            "qubit-seconds lost to buffers and guards / qubit-seconds held",
        )),
        per_device(def(
            M::IsolationViolations,
            "isolation_violations",
            "",
            SCALAR,
            Lower,
            "pairs of jobs too close, qubits held twice and broken guards, found by the auditor in the whole run, warm-up included",
        )),
        def(
            M::LoadImbalance,
            "load_imbalance",
            "",
            SCALAR,
            Lower,
            "standard deviation of the devices' qubit utilizations / their mean",
        ),
        def(
            M::JainFairness,
            "jain_fairness",
            "",
            SCALAR,
            Higher,
            "Jain's index of the qubit-seconds of all projects that had jobs; where anybody has a share, of what each was charged, by the weights of devices, for each of its shares. 1 is even, and who only waited counts as 0; none with fewer than two projects",
        ),
        def(
            M::ShareGap,
            "share_gap",
            "",
            SCALAR,
            Lower,
            "largest distance of anybody's part of what its siblings were charged, by the weights of devices, from its part of their shares, over groups, projects and users; only siblings count that had jobs waiting in at least half of the measured interval, which are at least two. None where nobody has a share",
        ),
        def(
            M::QuotaStoppedTime,
            "quota_stopped_job_s",
            "job s",
            SCALAR,
            Lower,
            "time for which waiting jobs were stopped by a quota, summed over jobs: what attempts of the group, the project and the user hold leaves no room for the smallest number of qubits with which the job can start. Held jobs do not count, nor what is only promised to others, nor qubit-seconds of a period: it is a lower bound",
        ),
        def(
            M::PromisedShare,
            "promised_share",
            "",
            SCALAR,
            Neutral,
            "jobs that had been promised a start before their first one / jobs that started, of those submitted in the measured interval",
        ),
        def(
            M::BackfilledShare,
            "backfilled_share",
            "",
            SCALAR,
            Neutral,
            "jobs whose first start was before that of an earlier one of their queue, which still waited at the end of the instant / jobs that started, of those submitted in the measured interval. Earlier is by the key of the order, then by submission; held jobs and those that a quota of qubits or jobs stops are not in the order (those that one of qubit-seconds stops are); under fair shares only jobs of the same user, project and group are compared",
        ),
        def(
            M::PromisesGiven,
            "promises_given",
            "promises",
            SCALAR,
            Neutral,
            "starts promised in the measured interval to waiting jobs that had no promise",
        ),
        def(
            M::PromisesMoved,
            "promises_moved",
            "promises",
            SCALAR,
            Neutral,
            "how often promises were moved in the measured interval, for whatever cause",
        ),
        def(
            M::PromisesMovedEarlier,
            "promises_moved_earlier",
            "promises",
            SCALAR,
            Neutral,
            "of these, to a start that is no later",
        ),
        def(
            M::PromisesMovedDeviceLost,
            "promises_moved_device_lost",
            "promises",
            SCALAR,
            Lower,
            "of these, because the device was not in service any more",
        ),
        def(
            M::PromisesMovedElementLost,
            "promises_moved_element_lost",
            "promises",
            SCALAR,
            Lower,
            "of these, because a qubit or coupler was not in service any more",
        ),
        def(
            M::PromisesMovedRecalibrated,
            "promises_moved_recalibrated",
            "promises",
            SCALAR,
            Lower,
            "of these, because by new figures the qubits would not do",
        ),
        def(
            M::PromisesMovedOverrun,
            "promises_moved_overrun",
            "promises",
            SCALAR,
            Lower,
            "of these, because a job on the device ran beyond its walltime",
        ),
        def(
            M::PromisesMovedOrderChanged,
            "promises_moved_order_changed",
            "promises",
            SCALAR,
            Neutral,
            "of these, because others were before the job by then",
        ),
        def(
            M::PromisesMovedQuotaReached,
            "promises_moved_quota_reached",
            "promises",
            SCALAR,
            Neutral,
            "of these, because jobs before it took what its quota allows",
        ),
        def(
            M::PromisesMovedNotFoundAgain,
            "promises_moved_not_found_again",
            "promises",
            SCALAR,
            Lower,
            "of these, because the search did not find the placement again",
        ),
        def(
            M::PromisesMissed,
            "promises_missed",
            "promises",
            SCALAR,
            Lower,
            "promises whose time passed in the measured interval while the job still waited for them; one without a move is a fault of the core",
        ),
        def(
            M::WaitingTime,
            "waiting_time_s",
            "s",
            ALL,
            Lower,
            "first start - submission, of the jobs submitted in the measured interval that started",
        ),
        def(
            M::TurnaroundTime,
            "turnaround_time_s",
            "s",
            ALL,
            Lower,
            "finish - submission, of the jobs submitted in the measured interval that completed",
        ),
        def(
            M::ExecutionTime,
            "execution_time_s",
            "s",
            ALL,
            Neutral,
            "finish - last start, of the jobs submitted in the measured interval that completed",
        ),
        def(
            M::Slowdown,
            "slowdown",
            "",
            ALL,
            Lower,
            "turnaround time / execution time, of the jobs submitted in the measured interval that completed; at most 1.8e10",
        ),
        def(
            M::BoundedSlowdown,
            "bounded_slowdown",
            "",
            ALL,
            Lower,
            "turnaround time / max(execution time, 10 s), at least 1, of the jobs submitted in the measured interval that completed",
        ),
        def(M::QueueLength, "queue_length", "jobs", SCALAR, Lower, "mean number of waiting jobs over time"),
        per_device(def(
            M::ActiveAllocations,
            "active_allocations",
            "",
            SCALAR,
            Neutral,
            "mean number of allocations that hold qubits over time",
        )),
        def(
            M::AllocationSuccessRate,
            "allocation_success_rate",
            "",
            SCALAR,
            Higher,
            "jobs started / jobs started, rejected or expired",
        ),
        def(
            M::AllocationFailureRate,
            "allocation_failure_rate",
            "",
            SCALAR,
            Lower,
            "jobs rejected or expired before a start / jobs started, rejected or expired",
        ),
        def(
            M::BlockedByShape,
            "blocked_by_shape",
            "",
            SCALAR,
            Lower,
            "share of looks at waiting jobs in which a device had enough usable qubits free, but none a region of the shape; where starts are promised, the first of those that are placed alike stands for all in a pass",
        ),
        def(
            M::ReallocationCount,
            "reallocation_count",
            "",
            SCALAR,
            Lower,
            "attempts that ended early and put their job back into the queue",
        ),
        def(
            M::JobsBelowSoftBound,
            "jobs_below_soft_bound",
            "jobs",
            SCALAR,
            Lower,
            "jobs that first started below a soft bound of theirs on success probability or fidelity, by published figures",
        ),
        def(
            M::BelowSoftBoundShare,
            "below_soft_bound_share",
            "",
            SCALAR,
            Lower,
            "jobs_below_soft_bound / jobs with a soft bound that started",
        ),
        def(
            M::CalibrationRequestCount,
            "calibration_request_count",
            "",
            SCALAR,
            Neutral,
            "calibrations that the allocator asked for because a job started below its soft bound; at most one per published calibration",
        ),
        def(
            M::DeadlinesMissed,
            "deadlines_missed",
            "jobs",
            SCALAR,
            Lower,
            "jobs with a deadline that did not complete by it, of those submitted in the measured interval; neither jobs that were cancelled before it, nor those whose deadline is still to come at the end",
        ),
        def(
            M::DeadlineMissShare,
            "deadline_miss_share",
            "",
            SCALAR,
            Lower,
            "deadlines_missed / jobs that completed by their deadline or missed it",
        ),
        def(
            M::EstimatedShare,
            "estimated_share",
            "",
            SCALAR,
            Higher,
            "jobs whose start was estimated before it / jobs that waited for more than 10 s, of those submitted in the measured interval that started. This and the next four: none where nothing is estimated",
        ),
        def(
            M::EstimateCoverage,
            "estimate_coverage",
            "",
            SCALAR,
            Neutral,
            "of these, jobs that started within the range from the tenth to the ninetieth percent of their first estimate; 0.8 is right",
        ),
        def(
            M::EstimateError,
            "estimate_error_s",
            "s",
            ERRORS,
            Lower,
            "distance of the first start from the median of the first estimate, of the same jobs",
        ),
        def(
            M::EstimateWidth,
            "estimate_width",
            "",
            MEDIAN,
            Lower,
            "width of the range of the first estimate / width of the same range of the latest 256 waits of jobs of the same shape and size that were longer than it had waited, where there were 20; of the same jobs",
        ),
        def(
            M::PlanStability,
            "plan_stability",
            "",
            SCALAR,
            Higher,
            "jobs that started on the device and the qubits that were planned last at least 30 s before / jobs that waited for more than 10 s and had such a plan, of those submitted in the measured interval that started",
        ),
        def(
            M::FidelityPredicted,
            "fidelity_predicted",
            "",
            ALL,
            Higher,
            "success probability as estimated from the published calibration, of the jobs that completed in the measured interval, also if they were submitted before",
        ),
        def(
            M::FidelityTrue,
            "fidelity_true",
            "",
            ALL,
            Higher,
            "success probability by the hardware model, drift and crosstalk included, of the jobs that completed in the measured interval, also if they were submitted before",
        ),
        def(
            M::FidelityGap,
            "fidelity_gap",
            "",
            MEAN,
            Neutral,
            "fidelity_predicted - fidelity_true; positive when the published calibration promises too much",
        ),
        def(
            M::PlacementErrorPerQubit,
            "placement_error_per_qubit",
            "nats",
            MEAN,
            Lower,
            "-ln of the success probability of a placement (readouts, and couplers as often as the topology says) / its qubits, of started jobs, by the published calibration",
        ),
        def(
            M::Makespan,
            "makespan_s",
            "s",
            SCALAR,
            Lower,
            "last end of a job - first submission, of the jobs submitted in the measured interval",
        ),
        def(
            M::Throughput,
            "throughput_jobs_per_s",
            "jobs/s",
            SCALAR,
            Higher,
            "jobs completed within the measured interval / its length",
        ),
        def(
            M::JobsSubmitted,
            "jobs_submitted",
            "jobs",
            SCALAR,
            Neutral,
            "jobs submitted within the measured interval, rejected ones included; those of the warm-up are not",
        ),
        def(
            M::JobsCompleted,
            "jobs_completed",
            "jobs",
            SCALAR,
            Higher,
            "of these, jobs that did all their shots",
        ),
        def(
            M::JobsFailed,
            "jobs_failed",
            "jobs",
            SCALAR,
            Lower,
            "of these, jobs that ended with an error or beyond their walltime",
        ),
        def(
            M::JobsCancelled,
            "jobs_cancelled",
            "jobs",
            SCALAR,
            Neutral,
            "of these, jobs that were cancelled, by their owners or for a job whose success they needed",
        ),
        def(
            M::JobsRejected,
            "jobs_rejected",
            "jobs",
            SCALAR,
            Lower,
            "of these, jobs that were never admitted",
        ),
        def(
            M::JobsExpired,
            "jobs_expired",
            "jobs",
            SCALAR,
            Lower,
            "of these, jobs that waited longer than they wanted to",
        ),
        def(
            M::JobsUnfinished,
            "jobs_unfinished",
            "jobs",
            SCALAR,
            Lower,
            "of these, jobs that wait or run at the end",
        ),
    ]
};

/// A name that is no metric.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownMetric {
    /// No metric is called so.
    #[error("unknown metric `{name}`; hint: metrics are {}", names())]
    Name {
        /// The name as it was given, without statistic.
        name: String,
    },
    /// The metric is a scalar, or a distribution of which this is not given.
    #[error("metric `{name}` has no statistic `{statistic}`; hint: {}", choices(name))]
    Statistic {
        /// The metric.
        name: &'static str,
        /// The statistic as it was given.
        statistic: String,
    },
}

fn names() -> String {
    METRICS.iter().map(|def| def.name).collect::<Vec<_>>().join(", ")
}

fn choices(name: &str) -> String {
    let statistics = METRICS.iter().find(|def| def.name == name).map_or(SCALAR, |def| def.statistics);
    if statistics.is_empty() {
        "it is a single number".to_owned()
    } else {
        let names: Vec<_> = statistics.iter().map(|statistic| statistic.name()).collect();
        format!("it has {}", names.join(", "))
    }
}

impl MetricDef {
    /// The metric and statistic of a name such as `waiting_time_s.p95`, `waiting_time_s` or
    /// `qubit_utilization[ibm_fez]`. A bare distribution means its mean; a scalar has no statistic.
    pub fn find(name: &str) -> Result<(&'static Self, Option<Statistic>), UnknownMetric> {
        let bare = name.split('[').next().unwrap_or(name);
        let (stem, suffix) = match bare.split_once('.') {
            Some((stem, suffix)) => (stem, Some(suffix)),
            None => (bare, None),
        };
        let Some(def) = METRICS.iter().find(|def| def.name == stem) else {
            return Err(UnknownMetric::Name { name: stem.to_owned() });
        };
        let Some(suffix) = suffix else {
            return Ok((def, def.statistics.first().copied()));
        };
        match def.statistics.iter().find(|statistic| statistic.name() == suffix) {
            Some(statistic) => Ok((def, Some(*statistic))),
            None => Err(UnknownMetric::Statistic { name: def.name, statistic: suffix.to_owned() }),
        }
    }

    /// The name with a statistic, as in files.
    pub fn full_name(&self, statistic: Option<Statistic>) -> String {
        match statistic {
            Some(statistic) => format!("{}.{}", self.name, statistic.name()),
            None => self.name.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_and_mistakes_explained() {
        let found = |name| MetricDef::find(name).map(|(def, statistic)| (def.metric, statistic));
        assert_eq!(found("waiting_time_s.p95"), Ok((Metric::WaitingTime, Some(Statistic::P95))));
        assert_eq!(found("slowdown"), Ok((Metric::Slowdown, Some(Statistic::Mean))));
        assert_eq!(found("qubit_utilization[ibm_fez]"), Ok((Metric::QubitUtilization, None)));
        let mistakes = ["waiting_time.p95", "slowdown.p90", "makespan_s.mean"]
            .map(|name| MetricDef::find(name).unwrap_err().to_string());
        insta::assert_snapshot!(mistakes.join("\n"), @"
        unknown metric `waiting_time`; hint: metrics are qubit_utilization, effective_utilization, coupler_utilization, fragmentation, isolation_overhead, isolation_violations, load_imbalance, jain_fairness, share_gap, quota_stopped_job_s, promised_share, backfilled_share, promises_given, promises_moved, promises_moved_earlier, promises_moved_device_lost, promises_moved_element_lost, promises_moved_recalibrated, promises_moved_overrun, promises_moved_order_changed, promises_moved_quota_reached, promises_moved_not_found_again, promises_missed, waiting_time_s, turnaround_time_s, execution_time_s, slowdown, bounded_slowdown, queue_length, active_allocations, allocation_success_rate, allocation_failure_rate, blocked_by_shape, reallocation_count, jobs_below_soft_bound, below_soft_bound_share, calibration_request_count, deadlines_missed, deadline_miss_share, estimated_share, estimate_coverage, estimate_error_s, estimate_width, plan_stability, fidelity_predicted, fidelity_true, fidelity_gap, placement_error_per_qubit, makespan_s, throughput_jobs_per_s, jobs_submitted, jobs_completed, jobs_failed, jobs_cancelled, jobs_rejected, jobs_expired, jobs_unfinished
        metric `slowdown` has no statistic `p90`; hint: it has mean, p50, p95, p99, max
        metric `makespan_s` has no statistic `mean`; hint: it is a single number
        ");
    }

    #[test]
    fn the_table_has_every_metric_in_the_order_of_the_enum() {
        assert_eq!(METRICS.len(), Metric::JobsUnfinished as usize + 1);
        assert!(METRICS.windows(2).all(|pair| pair[0].metric < pair[1].metric));
    }
}
