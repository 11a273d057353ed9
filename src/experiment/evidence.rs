//! What the values of a variant rest on, and when that is no ground for a verdict.
//!
//! Promises one reason, the gravest, wherever a verdict would claim more than was measured: nothing ran to its end,
//! nothing was random, there was one world only, or the interval was another one. Leaves the statistics to
//! [`super::comparison`].

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::notes::{Course, Note, NoteKind, Premises, all_alike};
use super::run::{Replication, courses};
use crate::observe::metrics::{Metric, MetricDef, Statistic};
use crate::simulator::scenario::{Horizon, Scenario};

/// Sections of a scenario that change neither its worlds nor what of them is measured.
pub const NOT_OF_THE_WORLD: [&str; 7] =
    ["scenario", "description", "seed", "replications", "allocator", "output", "targets"];

/// Sections that say which part of the worlds is measured.
const OF_THE_INTERVAL: [&str; 4] = ["horizon", "drain", "drain_limit", "warm_up"];

/// Most keys that a note names.
const KEYS_NAMED: usize = 6;

/// Why a row has no verdict; the gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoVerdict {
    /// A replication ended before its warm-up, or no job came after it.
    NothingMeasured,
    /// A replication was cut off, or left jobs behind: its value rests on the survivors.
    Censored,
    /// No replication has a value on both sides.
    NotObserved,
    /// Only some of the replications have a value on both sides.
    ObservedInSome,
    /// There is one replication.
    OneReplication,
    /// All replications are copies of one.
    NothingRandom,
    /// A count or total, of another interval than the baseline's.
    OtherInterval,
}

impl NoVerdict {
    /// All reasons, in the order of legends.
    pub const ALL: [Self; 7] = [
        Self::NothingMeasured,
        Self::Censored,
        Self::NotObserved,
        Self::ObservedInSome,
        Self::OneReplication,
        Self::NothingRandom,
        Self::OtherInterval,
    ];

    /// The word in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NothingMeasured => "nothing_measured",
            Self::Censored => "censored",
            Self::NotObserved => "not_observed",
            Self::ObservedInSome => "observed_in_some",
            Self::OneReplication => "one_replication",
            Self::NothingRandom => "nothing_random",
            Self::OtherInterval => "other_interval",
        }
    }

    /// The same in two or three words, for tables.
    pub fn short(self) -> &'static str {
        match self {
            Self::NothingMeasured => "nothing measured",
            Self::Censored => "censored",
            Self::NotObserved => "not observed",
            Self::ObservedInSome => "in some worlds",
            Self::OneReplication => "one replication",
            Self::NothingRandom => "nothing random",
            Self::OtherInterval => "other interval",
        }
    }

    /// A sentence for legends.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::NothingMeasured => {
                "in a replication no job came after the warm-up, so that nothing was measured; hint: shorten warm_up"
            }
            Self::Censored => {
                "a replication ended with jobs that had not, so that the values rest on the others; hint: less load, or a \
                 run that lets them end"
            }
            Self::NotObserved => "no replication has a value on both sides",
            Self::ObservedInSome => {
                "only some replications have a value on both sides, and those are no fair sample; hint: a longer horizon"
            }
            Self::OneReplication => "one replication has no interval; hint: --replications 10 or more",
            Self::NothingRandom => {
                "all replications are copies of one, since nothing is random: one is enough, and its difference exact"
            }
            Self::OtherInterval => "counts and totals of another interval than the baseline's",
        }
    }

    /// The same where there are no pairs.
    pub fn alone_sentence(self) -> &'static str {
        match self {
            Self::NotObserved => "no replication has a value",
            Self::ObservedInSome => {
                "only some replications have a value, and those are no fair sample; hint: a longer horizon"
            }
            Self::NothingRandom => {
                "all replications are copies of one, since nothing is random: one is enough"
            }
            other => other.sentence(),
        }
    }

    /// The gravest reason for which a mean over replications with these courses, in so many of which the metric was
    /// observed, must not be taken for that of all jobs in many worlds.
    pub fn alone(metric: &str, courses: &[Course], observed: usize) -> Option<Self> {
        let censors =
            |course: &Course| MetricDef::find(metric).is_ok_and(|(def, _)| course.censors(def.metric));
        let reasons = [
            (courses.iter().any(Course::is_empty), Self::NothingMeasured),
            (courses.iter().any(censors), Self::Censored),
            (observed == 0, Self::NotObserved),
            (observed < courses.len(), Self::ObservedInSome),
            (courses.len() < 2, Self::OneReplication),
            (all_alike(courses), Self::NothingRandom),
        ];
        reasons.into_iter().find(|(holds, _)| *holds).map(|(_, reason)| reason)
    }

    /// Whether even the mean is not that of what it claims to be, rather than only of unknown precision.
    pub fn spoils_the_mean(self) -> bool {
        !matches!(self, Self::OneReplication | Self::NothingRandom | Self::OtherInterval)
    }

    /// The gravest reason why a metric with so many pairs in so many replications of baseline and variant has no verdict.
    pub fn of(
        metric: &str,
        (base, variant): (&Evidence, &Evidence),
        replications: usize,
        pairs: usize,
    ) -> Option<Self> {
        let reasons = [
            (base.cold || variant.cold, Self::NothingMeasured),
            (base.is_censored(metric) || variant.is_censored(metric), Self::Censored),
            (pairs == 0, Self::NotObserved),
            (pairs < replications, Self::ObservedInSome),
            (replications < 2, Self::OneReplication),
            (base.copies && variant.copies, Self::NothingRandom),
            (variant.other_interval && grows_with_the_interval(metric), Self::OtherInterval),
        ];
        reasons.into_iter().find(|(holds, _)| *holds).map(|(_, reason)| reason)
    }
}

/// What the values of a variant rest on. The default: replications that ran to their end, in worlds of their own, the
/// same as the baseline's.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Evidence {
    /// Metrics that are censored in at least one replication.
    pub censored: BTreeSet<String>,
    /// Whether a replication measured nothing.
    pub cold: bool,
    /// Whether all replications, two or more, are copies of one.
    pub copies: bool,
    /// Whether its replications are other worlds than the baseline's.
    pub other_worlds: bool,
    /// Whether another interval is measured than the baseline's.
    pub other_interval: bool,
    /// The same in words, and what else there is to say.
    pub notes: Vec<Note>,
}

impl Evidence {
    /// The evidence of replications of `scenario`, beside those of `baseline`.
    pub fn of(scenario: &Scenario, replications: &[Replication], baseline: &Scenario) -> Self {
        let courses = courses(replications);
        let mut evidence = Self {
            censored: censored(replications),
            cold: courses.iter().any(Course::is_empty),
            copies: all_alike(&courses),
            notes: Premises::of(scenario).notes_without_traces(&courses),
            ..Self::default()
        };
        evidence.beside(scenario, baseline);
        evidence
    }

    fn is_censored(&self, metric: &str) -> bool {
        self.censored.contains(metric)
    }

    /// Whether replication r is another world than the baseline's replication r.
    pub fn is_elsewhere(&self) -> bool {
        self.other_worlds
    }

    /// Says what makes the worlds, or what is measured of them, differ from the baseline's.
    fn beside(&mut self, scenario: &Scenario, baseline: &Scenario) {
        let keys = differing(&baseline.resolved, &scenario.resolved);
        let section = |key: &String| key.split(['.', '[']).next().unwrap_or_default().to_owned();
        let (interval, world): (Vec<String>, Vec<String>) =
            keys.into_iter().partition(|key| OF_THE_INTERVAL.contains(&section(key).as_str()));
        // Other jobs come at other times, so that the last of a number of them does, too.
        let by_jobs = matches!(scenario.horizon, Horizon::Jobs(_))
            && world.iter().any(|key| section(key) == "workload");
        self.other_worlds = !world.is_empty() || scenario.figures_digest() != baseline.figures_digest();
        self.other_interval = !interval.is_empty() || by_jobs;
        if self.other_worlds {
            let text = format!(
                "its worlds are not the baseline's: {}; replications are compared as two samples, not in pairs",
                listed(&world, "the figures of devices or circuits")
            );
            self.notes.push(Note::new(NoteKind::OtherWorlds, text));
        }
        if self.other_interval {
            let why = listed(&interval, "`workload`");
            let text = format!(
                "another interval is measured than the baseline's: {why}; counts and totals have no verdict"
            );
            self.notes.push(Note::new(NoteKind::OtherInterval, text));
        }
    }
}

/// Metrics, of the fleet and of devices, whose value is censored in at least one replication.
pub fn censored(replications: &[Replication]) -> BTreeSet<String> {
    let names = replications.iter().flat_map(|replication| {
        let values = replication.summary.iter().chain(&replication.per_device);
        let censored = values.filter(|value| replication.course.censors(value.def.metric));
        censored.map(|value| value.name.clone())
    });
    names.collect()
}

/// Whether a longer interval makes a metric larger by itself: counts, totals and maxima, not means and shares.
pub fn grows_with_the_interval(metric: &str) -> bool {
    let Ok((def, statistic)) = MetricDef::find(metric.split('[').next().unwrap_or(metric)) else {
        return true;
    };
    statistic == Some(Statistic::Max)
        || matches!(
            def.metric,
            Metric::IsolationViolations
                | Metric::ReallocationCount
                | Metric::JobsBelowSoftBound
                | Metric::CalibrationRequestCount
                | Metric::Makespan
                | Metric::JobsSubmitted
                | Metric::JobsCompleted
                | Metric::JobsFailed
                | Metric::JobsCancelled
                | Metric::JobsRejected
                | Metric::JobsExpired
                | Metric::JobsUnfinished
        )
}

/// Paths at which two resolved scenarios differ, without sections that change neither worlds nor interval.
pub fn differing(one: &Value, other: &Value) -> Vec<String> {
    let mut paths = Vec::new();
    let (Some(one), Some(other)) = (one.as_object(), other.as_object()) else { return paths };
    let keys: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    for key in keys.into_iter().filter(|key| !NOT_OF_THE_WORLD.contains(&key.as_str())) {
        walk(one.get(key), other.get(key), key.clone(), &mut paths);
    }
    paths
}

fn walk(one: Option<&Value>, other: Option<&Value>, path: String, paths: &mut Vec<String>) {
    match (one, other) {
        (one, other) if one == other => {}
        (Some(Value::Object(one)), Some(Value::Object(other))) => {
            let keys: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            // Another choice (`poisson` for `mmpp`) is one difference, not all of its keys.
            if one.keys().all(|key| !other.contains_key(key)) {
                paths.push(path);
                return;
            }
            for key in keys {
                walk(one.get(key), other.get(key), format!("{path}.{key}"), paths);
            }
        }
        (Some(Value::Array(one)), Some(Value::Array(other))) if one.len() == other.len() => {
            for (index, (one, other)) in one.iter().zip(other).enumerate() {
                walk(Some(one), Some(other), format!("{path}.{index}"), paths);
            }
        }
        _ => paths.push(path),
    }
}

/// `a`, `b` and 3 more; or else the other word.
fn listed(keys: &[String], otherwise: &str) -> String {
    if keys.is_empty() {
        return format!("{otherwise} differ");
    }
    let names: Vec<String> = keys.iter().take(KEYS_NAMED).map(|key| format!("`{key}`")).collect();
    let more = keys.len() - names.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more} differ{}", names.join(", "), if keys.len() == 1 { "s" } else { "" })
}

/// A note on one of several variants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoteOn {
    /// Name of the variant.
    pub variant: String,
    /// What there is to say.
    #[serde(flatten)]
    pub note: Note,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn differences_are_named_where_they_are() {
        let one = json!({
            "scenario": "a", "seed": 1, "allocator": {"strategy": "x"}, "warm_up": "none",
            "workload": {"arrivals": {"poisson": {"rate": "1/s"}}, "jobs": [{"qubits": 2}, {"qubits": 3}]},
        });
        let changed = |pointer: &str, value: Value| {
            let mut other = one.clone();
            *other.pointer_mut(pointer).unwrap() = value;
            differing(&one, &other).join(" ")
        };
        assert_eq!(changed("/allocator/strategy", json!("y")), "");
        assert_eq!(changed("/warm_up", json!({"time": "1h"})), "warm_up");
        assert_eq!(changed("/workload/jobs/1/qubits", json!(4)), "workload.jobs.1.qubits");
        assert_eq!(changed("/workload/arrivals", json!({"at_start": {"jobs": 3}})), "workload.arrivals");
        assert_eq!(changed("/workload/jobs", json!([])), "workload.jobs");
    }

    #[test]
    fn the_gravest_reason_is_given() {
        let sound = Evidence::default();
        let censored =
            Evidence { censored: BTreeSet::from(["waiting_time_s.mean".to_owned()]), ..sound.clone() };
        let copies = Evidence { copies: true, ..sound.clone() };
        let other = Evidence { other_interval: true, ..sound.clone() };
        let cold = Evidence { cold: true, ..censored.clone() };
        let of = |metric: &str, base: &Evidence, variant: &Evidence, pairs: usize| {
            NoVerdict::of(metric, (base, variant), 10, pairs).map_or("-", NoVerdict::as_str)
        };
        let wait = "waiting_time_s.mean";
        assert_eq!(of(wait, &sound, &sound, 10), "-");
        assert_eq!(of(wait, &censored, &sound, 10), "censored");
        assert_eq!(of(wait, &sound, &censored, 4), "censored");
        assert_eq!(of("qubit_utilization", &sound, &censored, 10), "-");
        assert_eq!(of(wait, &cold, &sound, 10), "nothing_measured");
        assert_eq!(of(wait, &sound, &sound, 4), "observed_in_some");
        assert_eq!(of(wait, &sound, &sound, 0), "not_observed");
        assert_eq!(of(wait, &copies, &copies, 10), "nothing_random");
        assert_eq!(of(wait, &sound, &copies, 10), "-");
        assert_eq!(of("jobs_completed", &sound, &other, 10), "other_interval");
        assert_eq!(of("waiting_time_s.max", &sound, &other, 10), "other_interval");
        assert_eq!(of(wait, &sound, &other, 10), "-");
        let one = NoVerdict::of(wait, (&sound, &sound), 1, 1);
        assert_eq!(one, Some(NoVerdict::OneReplication));
    }
}
