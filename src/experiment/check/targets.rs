//! The targets of a scenario, judged on its replications.
//!
//! Promises that `==` holds only where every replication says so, that any other bound is met or missed only by the whole
//! 95 % interval of the mean over the replications, and that a target fails which cannot be judged, since its value is
//! missing or rests on survivors. Leaves too few replications to [`super::ready`].

use hdrhistogram::Histogram;

use super::{Case, FEWEST_REPLICATIONS, Group, Outcome};
use crate::experiment::notes::{Course, all_alike};
use crate::experiment::run::{Replication, courses};
use crate::experiment::statistics::{Interval, LEVEL_95, mean, mean_interval};
use crate::observe::metrics::Statistic;
use crate::simulator::scenario::{Bound, Comparison, Latency, Measure, OnInconclusive, Scenario, Target};

/// Whether a target is judged replication by replication, without an interval.
pub(super) fn is_exact(target: &Target) -> bool {
    target.bound.comparison == Comparison::Equal
}

/// The verdicts on the promises of the allocator and on all targets, in the order of the file.
pub fn targets(scenario: &Scenario, replications: &[Replication]) -> Vec<Case> {
    let courses = courses(replications);
    let judged = scenario.targets.iter().map(|target| {
        let values = replications.iter().map(|replication| value(replication, &target.measure));
        judge(target, &values.collect::<Vec<_>>(), &Evidence::of(target, &courses), scenario.on_inconclusive)
    });
    std::iter::once(promises(replications)).chain(judged).collect()
}

/// No run may break a promise, whatever the targets say.
fn promises(replications: &[Replication]) -> Case {
    let broken: u64 = replications.iter().map(|replication| replication.violations_total).sum();
    let first = replications.iter().flat_map(|replication| &replication.violations).next();
    Case {
        group: Group::Promises,
        name: "broken_promises".to_owned(),
        requirement: "== 0".to_owned(),
        value: Some(broken as f64),
        baseline: None,
        interval: None,
        outcome: if broken == 0 { Outcome::Met } else { Outcome::Missed },
        fails: broken > 0,
        note: first.map_or_else(String::new, |violation| format!("the first: {violation}")),
        line: None,
    }
}

/// The value of a measure in one replication; `None` without observations.
fn value(replication: &Replication, measure: &Measure) -> Option<f64> {
    let values = match measure {
        Measure::Simulated { device: None, .. } => &replication.summary,
        Measure::Simulated { device: Some(_), .. } => &replication.per_device,
        Measure::WallClock(latency, statistic) => {
            let timing = replication.timing.as_ref()?;
            let histogram = match latency {
                Latency::Allocation => &timing.placement,
                Latency::Pass => &timing.pass,
                Latency::Command => &timing.command,
            };
            return microseconds(histogram, *statistic);
        }
    };
    let name = measure.to_string();
    values.iter().find(|value| value.name == name)?.value
}

fn microseconds(histogram: &Histogram<u64>, statistic: Statistic) -> Option<f64> {
    if histogram.is_empty() {
        return None;
    }
    let at = |quantile| histogram.value_at_quantile(quantile) as f64;
    let ns = match statistic {
        Statistic::Mean => histogram.mean(),
        Statistic::P50 => at(0.5),
        Statistic::P95 => at(0.95),
        Statistic::P99 => at(0.99),
        Statistic::Max => at(1.0),
    };
    Some(ns / 1e3)
}

/// What the values of a target rest on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Evidence {
    /// Replications that measured nothing: they ended before their warm-up, or no job came after it.
    pub empty: usize,
    /// Replications in which the value rests on survivors.
    pub censored: usize,
    /// Whether all replications are copies of one.
    pub copies: bool,
}

impl Evidence {
    fn of(target: &Target, courses: &[Course]) -> Self {
        let Measure::Simulated { def, .. } = target.measure else { return Self::default() };
        let count = |what: &dyn Fn(&Course) -> bool| courses.iter().filter(|course| what(course)).count();
        Self {
            empty: count(&Course::is_empty),
            censored: count(&|course| course.censors(def.metric)),
            copies: all_alike(courses),
        }
    }

    /// Why a value that was observed in so many of all replications is not judged.
    fn hinders(&self, observed: usize, all: usize) -> Option<String> {
        let of = |some: usize| format!("{some} of {all} replications");
        if self.empty > 0 {
            return Some(format!("nothing was measured in {}", of(self.empty)));
        }
        if self.censored > 0 {
            return Some(format!("censored in {}: they ended with jobs that had not", of(self.censored)));
        }
        match observed {
            0 => Some("never observed".to_owned()),
            some if some < all => Some(format!("observed in {} only", of(some))),
            _ => None,
        }
    }
}

/// The verdict on a target whose measure had these values, one per replication.
pub fn judge(target: &Target, values: &[Option<f64>], evidence: &Evidence, open: OnInconclusive) -> Case {
    let observed: Vec<f64> = values.iter().copied().flatten().collect();
    let interval = mean_interval(&observed, LEVEL_95);
    let (outcome, note) = match evidence.hinders(observed.len(), values.len()) {
        Some(why) => (Outcome::NotJudged, why),
        None if is_exact(target) => exactly(target.bound.value, &observed),
        None => match interval.filter(|_| observed.len() >= FEWEST_REPLICATIONS as usize) {
            Some(interval) => (decide(target.bound, interval), String::new()),
            None => {
                let few = format!("{} replications, it takes {FEWEST_REPLICATIONS}", values.len());
                (Outcome::NotJudged, few)
            }
        },
    };
    let alone = evidence.copies && outcome != Outcome::NotJudged;
    let exact = alone.then_some("nothing is random: exact, for this one world");
    let notes = [Some(note.as_str()).filter(|note| !note.is_empty()), exact];
    // What does not scatter has no interval, and a value that is not judged none that could be trusted.
    let scatters = interval.filter(|interval| interval.low < interval.high && outcome != Outcome::NotJudged);
    Case {
        group: Group::Target,
        name: target.measure.to_string(),
        requirement: target.bound.to_string(),
        value: mean(&observed),
        baseline: None,
        interval: scatters,
        outcome,
        fails: match outcome {
            Outcome::Met => false,
            Outcome::Missed | Outcome::NotJudged => true,
            Outcome::Inconclusive => open == OnInconclusive::Fail,
        },
        note: notes.into_iter().flatten().collect::<Vec<_>>().join("; "),
        line: target.line,
    }
}

/// Whether every value is the wanted one.
fn exactly(wanted: f64, values: &[f64]) -> (Outcome, String) {
    match values.iter().filter(|value| **value != wanted).count() {
        0 => (Outcome::Met, String::new()),
        other => (Outcome::Missed, format!("not so in {other} of {} replications", values.len())),
    }
}

fn decide(bound: Bound, interval: Interval) -> Outcome {
    let Interval { low, high } = interval;
    let value = bound.value;
    let (met, missed) = match bound.comparison {
        Comparison::Below => (high < value, low >= value),
        Comparison::AtMost => (high <= value, low > value),
        Comparison::Above => (low > value, high <= value),
        Comparison::AtLeast => (low >= value, high < value),
        Comparison::Equal => (low == value && high == value, high < value || low > value),
    };
    match (met, missed) {
        (true, _) => Outcome::Met,
        (_, true) => Outcome::Missed,
        _ => Outcome::Inconclusive,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::observe::metrics::METRICS;

    fn target(bound: &str) -> Target {
        let measure = Measure::Simulated { def: &METRICS[0], statistic: None, device: None };
        Target { measure, bound: bound.parse().unwrap(), line: Some(7) }
    }

    fn verdict(bound: &str, values: &[f64]) -> String {
        let values: Vec<Option<f64>> =
            values.iter().map(|value| Some(*value).filter(|value| value.is_finite())).collect();
        let sound = Evidence::default();
        let case = judge(&target(bound), &values, &sound, OnInconclusive::Pass);
        assert_eq!(case.fails, matches!(case.outcome, Outcome::Missed | Outcome::NotJudged));
        let strict = judge(&target(bound), &values, &sound, OnInconclusive::Fail);
        assert_eq!(strict.fails, case.outcome != Outcome::Met);
        format!("{bound}: {} {}", case.outcome.as_str(), case.note)
    }

    /// Five values of mean 10 and standard deviation 1.5811: 10 +- 1.963.
    const TEN: [f64; 5] = [8.0, 9.0, 10.0, 11.0, 12.0];

    #[test]
    fn the_whole_interval_decides() {
        let bounds = ["< 11.97", "< 11.95", "< 8.0", "> 8.0", "> 8.1", "> 12", "<= 10", ">= 12", "== 10"];
        let found: Vec<String> = bounds.iter().map(|bound| verdict(bound, &TEN)).collect();
        insta::assert_snapshot!(found.join("\n"), @"
        < 11.97: met 
        < 11.95: inconclusive 
        < 8.0: missed 
        > 8.0: met 
        > 8.1: inconclusive 
        > 12: missed 
        <= 10: inconclusive 
        >= 12: missed 
        == 10: missed not so in 4 of 5 replications
        ");
    }

    #[test]
    fn without_scatter_the_bound_itself_decides() {
        let same = [3.0; 5];
        let bounds = ["< 3", "<= 3", "> 3", ">= 3", "== 3", "== 0"];
        let found: Vec<String> = bounds.iter().map(|bound| verdict(bound, &same)).collect();
        insta::assert_snapshot!(found.join("\n"), @"
        < 3: missed 
        <= 3: met 
        > 3: missed 
        >= 3: met 
        == 3: met 
        == 0: missed not so in 5 of 5 replications
        ");
    }

    /// k6 and others let a threshold pass for which no sample ever came: here it fails, and says why.
    #[test]
    fn what_cannot_be_judged_fails_whatever_the_bound() {
        let nan = f64::NAN;
        let few = [
            verdict("< 99", &[1.0, 2.0, 3.0, 4.0, 5.0, nan]),
            verdict("< 99", &[1.0, 2.0, 3.0, 4.0]),
            verdict("< 99", &[nan; 6]),
            verdict("== 0", &[0.0, nan]),
            verdict("== 0", &[0.0, nan, 1.0]),
        ];
        let judged = |evidence: Evidence, bound: &str| {
            let values: Vec<Option<f64>> = TEN.into_iter().map(Some).collect();
            let case = judge(&target(bound), &values, &evidence, OnInconclusive::Pass);
            format!("{} {:?} {}, fails: {}", case.outcome.as_str(), case.interval, case.note, case.fails)
        };
        let sound = Evidence::default();
        let more = [
            judged(Evidence { censored: 1, ..sound }, "< 99"),
            judged(Evidence { censored: 1, ..sound }, "< 1"),
            judged(Evidence { censored: 2, ..sound }, "== 10"),
            judged(Evidence { empty: 5, censored: 5, ..sound }, "< 99"),
            judged(Evidence { copies: true, ..sound }, "< 99"),
        ];
        insta::assert_snapshot!(few.into_iter().chain(more).collect::<Vec<_>>().join("\n"), @"
        < 99: not judged observed in 5 of 6 replications only
        < 99: not judged 4 replications, it takes 5
        < 99: not judged never observed
        == 0: not judged observed in 1 of 2 replications only
        == 0: not judged observed in 2 of 3 replications only
        not judged None censored in 1 of 5 replications: they ended with jobs that had not, fails: true
        not judged None censored in 1 of 5 replications: they ended with jobs that had not, fails: true
        not judged None censored in 2 of 5 replications: they ended with jobs that had not, fails: true
        not judged None nothing was measured in 5 of 5 replications, fails: true
        met Some(Interval { low: 8.036756838522441, high: 11.963243161477559 }) nothing is random: exact, for this one world, fails: false
        ");
    }

    proptest! {
        /// A verdict and its opposite agree: what is met by `<` is missed by `>=`.
        #[test]
        fn opposite_bounds_have_opposite_verdicts(
            values in prop::collection::vec(-10.0..10.0_f64, 5..12), bound in -10.0..10.0_f64,
        ) {
            let values: Vec<Option<f64>> = values.into_iter().map(Some).collect();
            for (sign, opposite) in [("<", ">="), ("<=", ">")] {
                let outcome = |sign: &str| {
                    let target = target(&format!("{sign} {bound}"));
                    judge(&target, &values, &Evidence::default(), OnInconclusive::Pass).outcome
                };
                let turned = match outcome(opposite) {
                    Outcome::Met => Outcome::Missed,
                    Outcome::Missed => Outcome::Met,
                    open => open,
                };
                prop_assert_eq!(outcome(sign), turned);
            }
        }
    }
}
