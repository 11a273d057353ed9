//! The verdict on one metric against a baseline.
//!
//! Promises `missed` only when the whole interval lies beyond the margin on the bad side, and no verdict where values are
//! missing, rest on survivors or mean something else. Leaves which metrics there are to [`super::baseline`].

use super::{Case, FEWEST_REPLICATIONS, Group, Outcome};
use crate::experiment::comparison::Metric;
use crate::experiment::statistics::{
    Difference, Direction, Interval, independent_difference, mean, paired_difference,
};

/// Confidence level of regressions: dozens of metrics are judged at every change, and few alarms may be false.
pub const LEVEL: f64 = 0.999;

/// The values of one side, by replication.
#[derive(Debug, Clone, Copy)]
pub struct Side<'v> {
    /// The values; `None` without observations.
    pub values: &'v [Option<f64>],
    /// Whether one of them rests on survivors.
    pub censored: bool,
}

impl Side<'_> {
    fn observed(&self) -> usize {
        self.values.iter().flatten().count()
    }

    fn mean(&self) -> Option<f64> {
        mean(&self.values.iter().copied().flatten().collect::<Vec<_>>())
    }
}

/// What both sides rest on, whatever the metric.
#[derive(Debug, Clone, Copy)]
pub struct Ground {
    /// Whether replication r of both is the same world.
    pub same_worlds: bool,
    /// Whether a replication broke off: it was cut off, got stuck, or measured nothing.
    pub broken: bool,
    /// Whether nothing is random, so that the difference is exact.
    pub copies: bool,
}

/// Why a metric is not judged, and whether that fails though nobody asked for it.
struct NotJudged {
    why: String,
    fails: bool,
}

impl NotJudged {
    fn quietly(why: impl Into<String>) -> Self {
        Self { why: why.into(), fails: false }
    }

    fn of([before, after]: [Side<'_>; 2], ground: Ground, same_meaning: bool) -> Option<Self> {
        let (all, was, is) = (before.values.len(), before.observed(), after.observed());
        let mut patterns = before.values.iter().zip(after.values);
        let same_pattern = patterns.all(|(before, after)| before.is_some() == after.is_some());
        if !same_meaning {
            return Some(Self::quietly("the metric means something else since the baseline"));
        }
        if before.censored || after.censored {
            let side = match (before.censored, after.censored) {
                (true, true) => "in the baseline and now",
                (true, false) => "in the baseline",
                _ => "now",
            };
            let why = format!("censored {side}: replications ended with jobs that had not");
            return Some(Self { why, fails: ground.broken });
        }
        if (was, is) == (0, 0) {
            return Some(Self::quietly("never observed"));
        }
        if !same_pattern {
            let why = format!("observed in {was} of {all} replications of the baseline, now in {is}");
            return Some(Self { why, fails: ground.same_worlds });
        }
        (was < all).then(|| Self::quietly(format!("observed in {was} of {all} replications only")))
    }
}

/// The verdict on one metric of which both sides have as many replications; `margin` is a share of the baseline's mean.
/// What was `asked` for by name fails where it cannot be judged.
pub fn regression(
    metric: &Metric,
    sides: [Side<'_>; 2],
    ground: Ground,
    same_meaning: bool,
    asked: bool,
    margin: f64,
) -> Case {
    let [before, after] = sides;
    let case = Case {
        group: Group::Regression,
        name: metric.name.clone(),
        requirement: format!("at most {} % worse", margin * 100.0),
        value: after.mean(),
        baseline: before.mean(),
        interval: None,
        outcome: Outcome::NotJudged,
        fails: false,
        note: String::new(),
        line: None,
    };
    if let Some(not) = NotJudged::of(sides, ground, same_meaning) {
        return Case { fails: asked || not.fails, note: not.why, ..case };
    }
    let found = match ground.same_worlds {
        true => paired_difference(before.values, after.values, LEVEL),
        false => independent_difference(before.values, after.values, LEVEL),
    };
    let enough = found.filter(|found| found.pairs >= FEWEST_REPLICATIONS as usize);
    let Some((found, interval)) = enough.and_then(|found| Some((found, found.interval?))) else {
        let pairs = found.map_or(0, |found| found.pairs);
        let note = format!("{pairs} replication(s) to compare, it takes {FEWEST_REPLICATIONS}");
        return Case { fails: asked, note, ..case };
    };
    let (outcome, better) = decide(metric.direction, &found, interval, margin);
    let scale = found.baseline_mean.abs();
    let mut notes: Vec<&str> = Vec::new();
    notes.extend(better.then_some("better"));
    notes.extend(ground.copies.then_some("nothing is random: exact, for this one world"));
    Case {
        value: Some(found.variant_mean),
        baseline: Some(found.baseline_mean),
        interval: (scale > 0.0).then(|| Interval { low: interval.low / scale, high: interval.high / scale }),
        outcome,
        // An open question is no regression: the rule is to fail on proof only.
        fails: outcome == Outcome::Missed,
        note: notes.join("; "),
        ..case
    }
}

/// What the interval says, and whether all of it is beyond the margin on the good side.
fn decide(direction: Direction, found: &Difference, interval: Interval, margin: f64) -> (Outcome, bool) {
    let limit = margin * found.baseline_mean.abs();
    // Of what is bad: (least, most).
    let (least, most) = match direction {
        Direction::LowerIsBetter => (interval.low, interval.high),
        Direction::HigherIsBetter => (-interval.high, -interval.low),
    };
    let outcome = match (least > limit, most <= limit) {
        (true, _) => Outcome::Missed,
        (_, true) => Outcome::Met,
        _ => Outcome::Inconclusive,
    };
    (outcome, most < -limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUND: Ground = Ground { same_worlds: true, broken: false, copies: false };

    fn said(before: &[f64], after: &[f64], ground: Ground, censored: bool) -> String {
        let values = |values: &[f64]| -> Vec<Option<f64>> {
            values.iter().map(|value| Some(*value).filter(|value| value.is_finite())).collect()
        };
        let (before, after) = (values(before), values(after));
        let sides = [Side { values: &before, censored: false }, Side { values: &after, censored }];
        let of = |asked| regression(&Metric::lower("waiting_time_s.mean"), sides, ground, true, asked, 0.01);
        let (case, asked) = (of(false), of(true));
        assert_eq!(case.outcome, asked.outcome);
        assert_eq!(asked.fails, matches!(case.outcome, Outcome::Missed | Outcome::NotJudged));
        format!("{}, fails {}: {}", case.outcome.as_str(), case.fails, case.note)
    }

    #[test]
    fn what_cannot_be_judged_is_no_pass() {
        const NAN: f64 = f64::NAN;
        let base = [10.0, 11.0, 12.0, 13.0, 14.0, 15.0];
        let some = [10.0, NAN, 12.0, 13.0, 14.0, 15.0];
        let broken = Ground { broken: true, ..GROUND };
        let other = Ground { same_worlds: false, ..GROUND };
        let found = [
            said(&base, &base, GROUND, false),
            said(&base, &base.map(|value| value * 1.5), GROUND, false),
            said(&base, &base.map(|value| value * 1.5), other, false),
            said(&base, &base, GROUND, true),
            said(&base, &base, broken, true),
            said(&[NAN; 6], &[NAN; 6], GROUND, false),
            said(&base, &some, GROUND, false),
            said(&base, &some, other, false),
            said(&some, &some, GROUND, false),
            said(&base[..4], &base[..4], GROUND, false),
            said(&[3.0; 6], &[3.0; 6], Ground { copies: true, ..GROUND }, false),
        ];
        insta::assert_snapshot!(found.join("\n"), @"
        met, fails false: 
        missed, fails true: 
        inconclusive, fails false: 
        not judged, fails false: censored now: replications ended with jobs that had not
        not judged, fails true: censored now: replications ended with jobs that had not
        not judged, fails false: never observed
        not judged, fails true: observed in 6 of 6 replications of the baseline, now in 5
        not judged, fails false: observed in 6 of 6 replications of the baseline, now in 5
        not judged, fails false: observed in 5 of 6 replications only
        not judged, fails false: 4 replication(s) to compare, it takes 5
        met, fails false: nothing is random: exact, for this one world
        ");
    }
}
