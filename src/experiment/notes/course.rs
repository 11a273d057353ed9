//! How one replication went: what its values rest on, and which of them only the survivors decide.
//!
//! The rule of censoring, as `docs/metrics.md` states it. A value is *censored* when it rests on the jobs that happened
//! to be done rather than on all jobs that were to be measured:
//!
//! * a replication that ended before its warm-up measured nothing, so that every value of it is;
//! * one that was cut off or got stuck has no times and fates of jobs that are not;
//! * in one that ended as the scenario asked, values over started jobs are censored when more than 1 % of the measured
//!   jobs never started ([`ONE_MISSING_IN`]), values over ended jobs when more than 1 % had not ended;
//! * integrals over time are censored only where no job was submitted in the measured interval.

use serde::{Deserialize, Serialize};

use crate::allocator::explain::WaitReason;
use crate::allocator::protocol::JobId;
use crate::observe::metrics::{Fates, Metric, MetricValue};
use crate::simulator::simulation::Ending;
use crate::time::{Span, Time};

/// A value over jobs stands without reserve as long as at most one measured job in so many is missing from it.
pub const ONE_MISSING_IN: u64 = 100;

/// How one replication went.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Course {
    /// Why it ended.
    pub ending: Ending,
    /// Whether the warm-up was over before the run was.
    pub warmed_up: bool,
    /// Jobs that arrived in the whole run.
    pub arrivals: u64,
    /// Jobs of the whole run that had not ended.
    pub unfinished: u64,
    /// Jobs measured: submitted in the measured interval.
    pub submitted: u64,
    /// Of these, started at least once.
    pub started: u64,
    /// Of these, completed.
    pub completed: u64,
    /// Of these, failed.
    pub failed: u64,
    /// Of these, cancelled.
    pub cancelled: u64,
    /// Of these, never admitted.
    pub rejected: u64,
    /// Of these, gone because they waited too long.
    pub expired: u64,
    /// Of these, neither started nor ended at the end.
    pub waiting: u64,
    /// Of these, started but not ended at the end.
    pub running: u64,
    /// The first job that still waited at the end, and what kept it.
    #[serde(default)]
    pub kept: Option<(JobId, WaitReason)>,
    /// A job that later ones passed too often and for too long: how many, and how long; see [`super::starved`].
    #[serde(default)]
    pub starved: Option<(JobId, u64, Span)>,
    /// The same for replications in which everything came out alike, to the bit; see [`all_alike`].
    pub fingerprint: u64,
}

/// What a metric is made of.
enum Basis {
    /// Jobs that started.
    Starts,
    /// Jobs that ended.
    Ends,
    /// What became of jobs.
    Fates,
    /// The measured interval.
    Interval,
    /// The whole run, warm-up included.
    Run,
    /// Counts that are what they are, however the run ended.
    Facts,
}

fn basis(metric: Metric) -> Basis {
    use Metric as M;
    match metric {
        M::WaitingTime
        | M::AllocationSuccessRate
        | M::AllocationFailureRate
        | M::JobsBelowSoftBound
        | M::BelowSoftBoundShare
        | M::PromisedShare
        | M::BackfilledShare
        | M::EstimatedShare
        | M::EstimateCoverage
        | M::EstimateError
        | M::EstimateWidth
        | M::PlanStability
        | M::PlacementErrorPerQubit => Basis::Starts,
        M::TurnaroundTime
        | M::ExecutionTime
        | M::Slowdown
        | M::BoundedSlowdown
        | M::FidelityPredicted
        | M::FidelityTrue
        | M::FidelityGap
        | M::Makespan => Basis::Ends,
        M::DeadlinesMissed
        | M::DeadlineMissShare
        | M::JobsCompleted
        | M::JobsFailed
        | M::JobsCancelled
        | M::JobsRejected
        | M::JobsExpired => Basis::Fates,
        M::QubitUtilization
        | M::EffectiveUtilization
        | M::CouplerUtilization
        | M::Fragmentation
        | M::IsolationOverhead
        | M::LoadImbalance
        | M::JainFairness
        | M::ShareGap
        | M::QuotaStoppedTime
        | M::PromisesGiven
        | M::PromisesMoved
        | M::PromisesMovedEarlier
        | M::PromisesMovedDeviceLost
        | M::PromisesMovedElementLost
        | M::PromisesMovedRecalibrated
        | M::PromisesMovedOverrun
        | M::PromisesMovedOrderChanged
        | M::PromisesMovedQuotaReached
        | M::PromisesMovedNotFoundAgain
        | M::PromisesMissed
        | M::QueueLength
        | M::ActiveAllocations
        | M::BlockedByShape
        | M::ReallocationCount
        | M::CalibrationRequestCount
        | M::Throughput => Basis::Interval,
        M::IsolationViolations => Basis::Run,
        M::JobsSubmitted | M::JobsUnfinished => Basis::Facts,
    }
}

impl Course {
    /// The course of a replication with these `values` that ended at `ended`. Of `unfinished` and `arrivals`, all jobs
    /// of the run count.
    pub fn new<'v>(
        ending: Ending,
        warmed_up: bool,
        (arrivals, unfinished): (u64, u64),
        fates: Fates,
        ended: Time,
        values: impl IntoIterator<Item = &'v MetricValue>,
    ) -> Self {
        Self {
            ending,
            warmed_up,
            arrivals,
            unfinished,
            submitted: fates.submitted,
            started: fates.started,
            completed: fates.completed,
            failed: fates.failed,
            cancelled: fates.cancelled,
            rejected: fates.rejected,
            expired: fates.expired,
            waiting: fates.waiting,
            running: fates.running,
            kept: None,
            starved: None,
            fingerprint: fingerprint(arrivals, ended, values),
        }
    }

    /// Whether this replication's value of a metric is censored, see the head of this file.
    pub fn censors(&self, metric: Metric) -> bool {
        if !self.warmed_up {
            return true;
        }
        let severed = self.ending != Ending::Complete;
        match basis(metric) {
            Basis::Starts => severed || self.is_many(self.waiting),
            Basis::Ends => severed || self.is_many(self.waiting + self.running),
            Basis::Fates => severed,
            Basis::Interval => self.submitted == 0,
            Basis::Run => self.arrivals == 0,
            Basis::Facts => false,
        }
    }

    /// How it ended, in one word.
    pub fn word(&self) -> &'static str {
        match self.ending {
            Ending::CutOff => "cut_off",
            Ending::Stuck => "stuck",
            Ending::Complete if !self.warmed_up => "ended_in_warm_up",
            Ending::Complete if self.submitted == 0 => "nothing_measured",
            Ending::Complete => "complete",
        }
    }

    /// Whether it measured nothing: it ended before its warm-up, or no job came after that.
    pub fn is_empty(&self) -> bool {
        !self.warmed_up || self.submitted == 0
    }

    /// Whether so many jobs are too many to be missing.
    pub(super) fn is_many(&self, missing: u64) -> bool {
        u128::from(missing) * u128::from(ONE_MISSING_IN) > u128::from(self.submitted)
    }

    /// Measured jobs that had not ended.
    pub(super) fn left(&self) -> u64 {
        self.waiting + self.running
    }
}

/// The courses that `what` picks, in words: `2 of 5 replications`, or nothing when it picks none.
pub(super) fn some_of(courses: &[Course], what: impl Fn(&Course) -> bool) -> Option<(String, Vec<&Course>)> {
    let picked: Vec<&Course> = courses.iter().filter(|course| what(course)).collect();
    let words = match (picked.len(), courses.len()) {
        (0, _) => return None,
        (1, 1) => "the run".to_owned(),
        (some, all) => format!("{some} of {all} replications"),
    };
    Some((words, picked))
}

/// Why the mean of a metric over these replications is not what its name says, in two words or so for a table; `None`
/// where it is.
pub fn remark(metric: Metric, courses: &[Course]) -> Option<String> {
    let censored = || courses.iter().filter(|course| course.censors(metric));
    let empty = censored().filter(|course| !course.warmed_up || course.submitted == 0).count();
    let all = courses.len();
    let (words, some) = match (empty, censored().count()) {
        (_, 0) => return None,
        (0, some) => ("survivors only", some),
        (some, _) => ("not measured", some),
    };
    Some(if some == all { words.to_owned() } else { format!("{words} in {some} of {all}") })
}

/// Whether all replications came out alike to the bit, although there are several and jobs were measured: nothing in
/// them is random, and together they say no more than one.
pub fn all_alike(courses: &[Course]) -> bool {
    let alike = courses.windows(2).all(|pair| pair[0] == pair[1]);
    courses.len() > 1 && alike && courses[0].submitted > 0
}

/// 52 bits, so that whoever reads JSON numbers as doubles reads them exactly.
fn fingerprint<'v>(arrivals: u64, ended: Time, values: impl IntoIterator<Item = &'v MetricValue>) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&arrivals.to_le_bytes());
    hasher.update(&ended.0.to_le_bytes());
    for value in values {
        // No value is a not-a-number of these bits.
        hasher.update(&value.value.map_or(u64::MAX, f64::to_bits).to_le_bytes());
    }
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    u64::from_le_bytes(bytes) >> 12
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::observe::metrics::METRICS;

    /// A replication of 1,000 measured jobs that all completed.
    pub(crate) fn course() -> Course {
        Course {
            ending: Ending::Complete,
            warmed_up: true,
            arrivals: 1_100,
            unfinished: 0,
            submitted: 1_000,
            started: 1_000,
            completed: 1_000,
            failed: 0,
            cancelled: 0,
            rejected: 0,
            expired: 0,
            waiting: 0,
            running: 0,
            kept: None,
            starved: None,
            fingerprint: 1,
        }
    }

    fn censored(course: Course) -> String {
        let names = METRICS.iter().filter(|def| course.censors(def.metric)).map(|def| def.name);
        names.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_value_is_censored_where_it_rests_on_survivors() {
        let base = course();
        assert_eq!(censored(base), "");
        assert_eq!(censored(Course { waiting: 10, ..base }), "", "one in a hundred may be missing");
        assert_eq!(censored(Course { waiting: 5, running: 5, ..base }), "");
        assert_eq!(
            censored(Course { running: 11, ..base }),
            "turnaround_time_s execution_time_s slowdown bounded_slowdown fidelity_predicted fidelity_true \
             fidelity_gap makespan_s"
        );
        let waiting = censored(Course { waiting: 11, ..base });
        assert_eq!(
            waiting,
            "promised_share backfilled_share waiting_time_s turnaround_time_s execution_time_s slowdown bounded_slowdown \
             allocation_success_rate allocation_failure_rate jobs_below_soft_bound below_soft_bound_share \
             estimated_share estimate_coverage estimate_error_s estimate_width plan_stability \
             fidelity_predicted fidelity_true fidelity_gap placement_error_per_qubit makespan_s"
        );
        let cut = censored(Course { ending: Ending::CutOff, ..base });
        let of_fates =
            format!("{waiting} jobs_completed jobs_failed jobs_cancelled jobs_rejected jobs_expired");
        assert_eq!(
            cut,
            of_fates.replace(" estimated_share", " deadlines_missed deadline_miss_share estimated_share")
        );
        assert_eq!(censored(Course { ending: Ending::Stuck, ..base }), cut);
        let empty = Course { submitted: 0, started: 0, completed: 0, ..base };
        assert!(empty.censors(Metric::QubitUtilization) && !empty.censors(Metric::IsolationViolations));
        let cold = Course { warmed_up: false, ..base };
        assert!(METRICS.iter().all(|def| cold.censors(def.metric)));
    }

    #[test]
    fn a_remark_says_how_many_replications_it_is_about() {
        let base = course();
        let cut = Course { ending: Ending::CutOff, ..base };
        let cold = Course { warmed_up: false, submitted: 0, ..base };
        let said = |courses: &[Course]| remark(Metric::WaitingTime, courses);
        assert_eq!(said(&[base, base]), None);
        assert_eq!(said(&[cut, cut]).as_deref(), Some("survivors only"));
        assert_eq!(said(&[base, cut]).as_deref(), Some("survivors only in 1 of 2"));
        assert_eq!(said(&[cold, cut, base]).as_deref(), Some("not measured in 1 of 3"));
        assert_eq!(said(&[cold]).as_deref(), Some("not measured"));
        assert_eq!(remark(Metric::QubitUtilization, &[cut]), None);
    }

    #[test]
    fn alike_are_equal_courses_of_several_replications_that_measured_something() {
        let base = course();
        let other = Course { fingerprint: 2, ..base };
        let empty = Course { submitted: 0, ..base };
        let cases: [&[Course]; 5] =
            [&[], &[base], &[base, base, base], &[base, base, other], &[empty, empty]];
        assert_eq!(cases.map(all_alike), [false, false, true, false, false]);
    }

    #[test]
    fn a_course_survives_its_file() {
        let text = serde_json::to_string(&course()).unwrap();
        assert_eq!(serde_json::from_str::<Course>(&text).unwrap(), course());
        assert!(text.contains(r#""ending":"complete""#), "{text}");
    }
}
