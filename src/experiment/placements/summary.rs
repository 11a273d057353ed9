//! What the answers of a file of instances come to, device by device.
//!
//! Promises exact quantiles, and that every answer that differs from what is known is named. Leaves tables to the
//! reports.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde::Serialize;

use super::file::{BestKnown, InstanceFile};
use super::measure::{Measured, Outcome, significant};
use crate::experiment::statistics::quantile;

/// Scores this near each other, relatively, are equal.
pub const TOLERANCE: f64 = 1e-6;

/// A proof within this time counts as quick, microseconds.
pub const QUICK_US: f64 = 5_000.0;

/// Exact quantiles, linear between order statistics.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Quantiles {
    /// The median.
    pub p50: f64,
    /// Nine of ten are below.
    pub p90: f64,
    /// 99 of 100 are below.
    pub p99: f64,
    /// The largest.
    pub max: f64,
}

impl Quantiles {
    /// Of values in any order; `None` without values.
    pub fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let at = |probability| quantile(&values, probability);
        Some(Self { p50: at(0.5)?, p90: at(0.9)?, p99: at(0.99)?, max: at(1.0)? })
    }
}

/// How an answer relates to what the file knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Versus {
    /// As good, or as impossible.
    Equal,
    /// A better placement than any known.
    Above,
    /// A worse placement than known, or none within the budget.
    Below,
    /// One says that there is a placement, the other that there is none.
    Contradicts,
    /// Known to be infeasible, not found out within the budget.
    Open,
}

impl Versus {
    /// Compares an answer with what is known.
    pub fn of(measured: &Measured, known: BestKnown) -> Self {
        match (known, measured.score, measured.outcome) {
            (BestKnown::Score(best), Some(score), _) => {
                let difference = score - best;
                if difference.abs() <= TOLERANCE * best.abs().max(score.abs()) {
                    Self::Equal
                } else if difference > 0.0 {
                    Self::Above
                } else {
                    Self::Below
                }
            }
            (BestKnown::Infeasible, None, Outcome::ProvedInfeasible) => Self::Equal,
            (BestKnown::Infeasible, None, _) => Self::Open,
            (BestKnown::Score(_), None, Outcome::BudgetExhausted) => Self::Below,
            _ => Self::Contradicts,
        }
    }
}

/// An answer that is not what the file knows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// The device.
    pub device: String,
    /// Which qubits are busy.
    pub busy: String,
    /// The pattern.
    pub pattern: String,
    /// How they differ.
    pub versus: Versus,
    /// The answer: its score, or why there is none.
    pub found: String,
    /// What the file knows.
    pub best_known: String,
}

/// Of the instances of one device.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeviceSummary {
    /// Number of instances.
    pub instances: usize,
    /// How many had which outcome.
    pub outcomes: IndexMap<&'static str, usize>,
    /// CPU time, microseconds.
    pub proof_us: Quantiles,
    /// CPU time of the instances that were proved infeasible.
    pub infeasible_us: Option<Quantiles>,
    /// Share of instances proved, either way, within 5 ms of CPU time.
    pub proved_within_5_ms: f64,
    /// How many answers relate how to what is known; without instances of which nothing is known.
    pub versus_best_known: BTreeMap<Versus, usize>,
}

/// Of all instances.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// The strategy.
    pub strategy: String,
    /// Search steps allowed per placement.
    pub budget: u64,
    /// What reading the clock costs, microseconds; subtracted from every time.
    pub clock_us: f64,
    /// Per device, in order of the file.
    pub devices: IndexMap<String, DeviceSummary>,
    /// Answers that are not what is known, in order of the file.
    pub differences: Vec<Difference>,
}

impl Summary {
    /// Sums up the answers to the instances of `file`, one each and in their order.
    pub fn of(
        file: &InstanceFile,
        answers: &[Measured],
        strategy: String,
        budget: u64,
        clock_us: f64,
    ) -> Self {
        let pairs = || file.instances.iter().zip(answers);
        let mut devices = IndexMap::new();
        for name in file.devices.keys() {
            let own: Vec<_> = pairs().filter(|(instance, _)| &instance.device == name).collect();
            let times = |wanted: &dyn Fn(&Measured) -> bool| {
                Quantiles::of(
                    own.iter().filter(|(_, one)| wanted(one)).map(|(_, one)| one.proof_us()).collect(),
                )
            };
            let Some(proof_us) = times(&|_| true) else {
                continue;
            };
            let quick = |one: &Measured| one.outcome.is_proof() && one.proof_us() <= QUICK_US;
            let mut versus_best_known = BTreeMap::new();
            for (instance, answer) in &own {
                if let Some(known) = instance.best_known {
                    *versus_best_known.entry(Versus::of(answer, known)).or_insert(0) += 1;
                }
            }
            let count = |outcome| own.iter().filter(|(_, one)| one.outcome == outcome).count();
            let summary = DeviceSummary {
                instances: own.len(),
                outcomes: Outcome::ALL.map(|outcome| (outcome.name(), count(outcome))).into(),
                proof_us,
                infeasible_us: times(&|one| one.outcome == Outcome::ProvedInfeasible),
                proved_within_5_ms: own.iter().filter(|(_, one)| quick(one)).count() as f64
                    / own.len() as f64,
                versus_best_known,
            };
            devices.insert(name.clone(), summary);
        }
        let differences = pairs().filter_map(|(instance, answer)| {
            let known = instance.best_known?;
            let versus = Versus::of(answer, known);
            (versus != Versus::Equal).then(|| Difference {
                device: instance.device.clone(),
                busy: instance.busy.clone(),
                pattern: instance.pattern.clone(),
                versus,
                found: answer
                    .score
                    .map_or_else(|| answer.outcome.name().to_owned(), |score| significant(score, 9)),
                best_known: match known {
                    BestKnown::Score(score) => significant(score, 9),
                    BestKnown::Infeasible => "infeasible".to_owned(),
                },
            })
        });
        Self { differences: differences.collect(), devices, strategy, budget, clock_us }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn answer(outcome: Outcome, score: Option<f64>) -> Measured {
        let proof = Duration::from_micros(5);
        Measured { outcome, score, gap: None, proof, steps: 1, swaps: None, layout: Vec::new() }
    }

    #[test]
    fn answers_are_set_against_what_is_known() {
        use BestKnown::{Infeasible, Score};
        let cases = [
            (Outcome::Optimal, Some(0.9), Score(0.9)),
            (Outcome::Optimal, Some(0.900_000_5), Score(0.9)),
            (Outcome::Optimal, Some(0.900_002), Score(0.9)),
            (Outcome::Feasible, Some(0.899_998), Score(0.9)),
            (Outcome::BudgetExhausted, None, Score(0.9)),
            (Outcome::ProvedInfeasible, None, Score(0.9)),
            (Outcome::ProvedInfeasible, None, Infeasible),
            (Outcome::BudgetExhausted, None, Infeasible),
            (Outcome::Feasible, Some(0.9), Infeasible),
        ];
        let lines = cases.map(|(outcome, score, known)| {
            let versus = Versus::of(&answer(outcome, score), known);
            format!("{outcome:?} {score:?}, known {known:?}: {versus:?}")
        });
        insta::assert_snapshot!(lines.join("\n"), @"
        Optimal Some(0.9), known Score(0.9): Equal
        Optimal Some(0.9000005), known Score(0.9): Equal
        Optimal Some(0.900002), known Score(0.9): Above
        Feasible Some(0.899998), known Score(0.9): Below
        BudgetExhausted None, known Score(0.9): Below
        ProvedInfeasible None, known Score(0.9): Contradicts
        ProvedInfeasible None, known Infeasible: Equal
        BudgetExhausted None, known Infeasible: Open
        Feasible Some(0.9), known Infeasible: Contradicts
        ");
    }

    #[test]
    fn devices_are_summed_up_apart() {
        let text = include_str!("../../../tests/data/placement_instances.json");
        let file = InstanceFile::parse(text, "file").unwrap();
        let answers: Vec<Measured> = (0..file.instances.len() as u64)
            .map(|index| Measured {
                proof: Duration::from_micros(index * 1_000),
                ..answer(Outcome::ProvedInfeasible, None)
            })
            .collect();
        let summary = Summary::of(&file, &answers, "test".to_owned(), 1, 0.0);
        let sizes: Vec<usize> = summary.devices.values().map(|device| device.instances).collect();
        assert_eq!(sizes.iter().sum::<usize>(), answers.len());
        let quick =
            |name: &str| summary.devices[name].proved_within_5_ms * summary.devices[name].instances as f64;
        assert_eq!((quick("guadalupe16") + quick("fez156")).round(), 6.0, "0 to 5 ms of 0, 1, 2, ...");
        let feasible = file.instances.iter().filter(|one| one.best_known != Some(BestKnown::Infeasible));
        assert_eq!(summary.differences.len(), feasible.count(), "all that is placed elsewhere contradicts");
    }
}
