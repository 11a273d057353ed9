//! One placement from cold: how long it takes to be found and proved, and what it is worth.
//!
//! Promises that every layout is checked and scored from the published figures, not from the costs of the search.
//! Time is CPU time of the thread with emptied caches; only the device's epoch exists beforehand.

use std::time::Duration;

use serde::Serialize;

use super::file::{InstanceFile, pattern_of};
use crate::allocator::placement::cost::{Epoch, nats_of_cost, probability_of_cost};
use crate::allocator::placement::pattern::Pattern;
use crate::allocator::placement::{Placed, PlacementOutcome, PlacementRequest, PlacementStrategy};
use crate::experiment::cpu_clock::CpuClock;
use crate::quantum::{PhysicalQubit, QubitSet, VirtualQubit};

/// The columns of the table of answers.
pub const COLUMNS: [&str; 9] =
    ["device", "busy", "pattern", "outcome", "score", "gap", "proof_us", "steps", "layout"];

/// Which of the four answers a search gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The best placement, proved.
    Optimal,
    /// A placement, not proved to be the best.
    Feasible,
    /// Proved that there is none.
    ProvedInfeasible,
    /// Neither found nor excluded within the budget.
    BudgetExhausted,
}

impl Outcome {
    /// All of them, in order.
    pub const ALL: [Self; 4] = [Self::Optimal, Self::Feasible, Self::ProvedInfeasible, Self::BudgetExhausted];

    /// The name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Optimal => "optimal",
            Self::Feasible => "feasible",
            Self::ProvedInfeasible => "proved_infeasible",
            Self::BudgetExhausted => "budget_exhausted",
        }
    }

    /// Whether nothing is left open.
    pub fn is_proof(self) -> bool {
        matches!(self, Self::Optimal | Self::ProvedInfeasible)
    }
}

/// An answer, what it is worth and what it took.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Which answer.
    pub outcome: Outcome,
    /// Success probability without surcharges: of the two-qubit gates and one readout per qubit, where no more is known of
    /// the program, of a shape at the depth that it is placed for; where it needs routing, as estimated with the SWAP
    /// gates.
    pub score: Option<f64>,
    /// Certified relative gap: the best score is at most `score / (1 - gap)`. 0 when optimal, absent when nothing
    /// is certified.
    pub gap: Option<f64>,
    /// CPU time of the search.
    pub proof: Duration,
    /// Search steps.
    pub steps: u64,
    /// SWAP gates, where the program needs routing, as estimated.
    pub swaps: Option<u32>,
    /// Physical qubit of each virtual qubit; empty without a placement.
    pub layout: Vec<PhysicalQubit>,
}

/// A strategy answered with a layout that is not legal: a defect of the strategy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the layout {layout} is not legal for {what}; hint: this is a defect of the strategy")]
pub struct IllegalLayout {
    /// What was to be placed where.
    pub what: String,
    /// The layout.
    pub layout: String,
}

/// How instances are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Search steps per placement.
    pub budget: u64,
    /// How often each is searched, each time from cold; the shortest time counts. At least 1.
    pub repeat: u32,
}

/// Places instance number `index` of a file.
pub fn measure(
    file: &InstanceFile,
    index: usize,
    strategy: &mut dyn PlacementStrategy,
    settings: Settings,
    clock: &CpuClock,
) -> Result<Measured, IllegalLayout> {
    let instance = &file.instances[index];
    let (epoch, graph) = (&file.devices[&instance.device], &file.patterns[&instance.pattern]);
    let free = file.free_of(instance).expect("the file was checked");
    let name = || format!("{} on {}/{}", instance.pattern, instance.device, instance.busy);
    cold(epoch, free, || pattern_of(graph), strategy, settings, clock)
        .map_err(|layout| IllegalLayout { what: name(), layout })
}

/// Places a program each time with empty caches; making the pattern is part of the measured time. `Err` with the
/// layout if it is not legal.
pub fn cold(
    epoch: &Epoch,
    free: &QubitSet,
    pattern: impl Fn() -> Pattern,
    strategy: &mut dyn PlacementStrategy,
    settings: Settings,
    clock: &CpuClock,
) -> Result<Measured, String> {
    let mut shortest: Option<(Placed, Duration)> = None;
    for _ in 0..settings.repeat.max(1) {
        strategy.forget();
        let (placed, took) = clock.time(|| {
            let pattern = pattern();
            let request =
                PlacementRequest { budget: settings.budget, ..PlacementRequest::new(epoch, free, &pattern) };
            strategy.place(&request)
        });
        if shortest.as_ref().is_none_or(|(_, least)| took < *least) {
            shortest = Some((placed, took));
        }
    }
    let (Placed { outcome, steps }, proof) = shortest.expect("placed at least once");
    let (outcome, placement, gap) = match outcome {
        PlacementOutcome::Optimal(placement) => (Outcome::Optimal, Some(placement), Some(0.0)),
        PlacementOutcome::Feasible { placement, gap } => {
            (Outcome::Feasible, Some(placement), gap.map(relative_gap))
        }
        PlacementOutcome::ProvedInfeasible => (Outcome::ProvedInfeasible, None, None),
        PlacementOutcome::BudgetExhausted => (Outcome::BudgetExhausted, None, None),
    };
    let Some(placement) = placement else {
        return Ok(Measured { outcome, score: None, gap, proof, steps, swaps: None, layout: Vec::new() });
    };
    let pattern = pattern();
    let score = match placement.routing {
        // Not all edges lie on couplers: there is an estimate, and nothing to check it with.
        Some(_) => Some(probability_of_cost(placement.cost)),
        // Which couplers connect a region is the search's own choice.
        None if pattern.is_region() => Some(probability_of_cost(placement.cost)),
        None => {
            let score = score(epoch, free, pattern.edges(), &placement.layout);
            // That of the gates and readouts is not all that counts where more is known.
            score.map(
                |score| if pattern.uses().is_plain() { score } else { probability_of_cost(placement.cost) },
            )
        }
    };
    if score.is_none() || placement.layout.len() != pattern.qubits() {
        return Err(layout_text(&placement.layout));
    }
    let swaps = placement.routing.map(|routing| routing.swaps);
    Ok(Measured { outcome, score, gap, proof, steps, swaps, layout: placement.layout.to_vec() })
}

/// Product of success probabilities over a layout: (1 - two-qubit error)^weight over the edges, and one readout of
/// every qubit. `None` unless the layout is legal: distinct free qubits, every edge on a live coupler.
pub fn score(
    epoch: &Epoch,
    free: &QubitSet,
    edges: &[(VirtualQubit, VirtualQubit, u32)],
    layout: &[PhysicalQubit],
) -> Option<f64> {
    let Epoch { map, calibration, usable, .. } = epoch;
    let mut taken = QubitSet::new(map.qubits());
    let mut log = 0.0;
    for &qubit in layout {
        if !free.contains(qubit) || !usable.contains(qubit) || !taken.insert(qubit) {
            return None;
        }
        log += libm::log1p(-calibration.qubits[qubit.index()].readout_error);
    }
    for &(a, b, weight) in edges {
        let coupler = map.coupler(*layout.get(a.index())?, *layout.get(b.index())?)?;
        if !epoch.is_usable(coupler) {
            return None;
        }
        log += f64::from(weight) * libm::log1p(-calibration.couplers[coupler.index()].two_qubit_error);
    }
    Some(libm::exp(log))
}

impl Measured {
    /// CPU time in microseconds.
    pub fn proof_us(&self) -> f64 {
        self.proof.as_secs_f64() * 1e6
    }

    /// The cells of [`COLUMNS`] after the three that name the instance.
    pub fn cells(&self) -> [String; 6] {
        [
            self.outcome.name().to_owned(),
            self.score.map_or_else(String::new, |score| significant(score, 9)),
            self.gap.map_or_else(String::new, |gap| significant(gap, 6)),
            format!("{:.3}", self.proof_us()),
            self.steps.to_string(),
            layout_text(&self.layout),
        ]
    }
}

/// A gap in cost as a share of the score that cannot be exceeded.
fn relative_gap(cost: u64) -> f64 {
    -libm::expm1(-nats_of_cost(cost))
}

/// `0:12 1:13 ...`: virtual and physical qubits.
pub fn layout_text(layout: &[PhysicalQubit]) -> String {
    named_layout_text((0..).map(VirtualQubit), layout)
}

/// As [`layout_text`], for virtual qubits of the given numbers.
pub fn named_layout_text(names: impl Iterator<Item = VirtualQubit>, layout: &[PhysicalQubit]) -> String {
    let pairs = names.zip(layout).map(|(name, qubit)| format!("{}:{}", name.0, qubit.0));
    pairs.collect::<Vec<_>>().join(" ")
}

/// A number with so many significant digits: decimal between 1e-4 and 1e9, otherwise with an exponent; 0 is `0`.
pub fn significant(value: f64, digits: usize) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let scientific = format!("{value:.*e}", digits.saturating_sub(1));
    let exponent: i32 = scientific.rsplit('e').next().and_then(|text| text.parse().ok()).unwrap_or(0);
    if !(-4..9).contains(&exponent) {
        return scientific;
    }
    let decimals = (digits as i32 - 1 - exponent).max(0) as usize;
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_significant_digits() {
        let shown = [0.962_203_9, 0.999_999_999_96, 0.000_123_456_789_123, 1.5e-7, 0.0, 1.0, 123.456]
            .map(|value| significant(value, 9));
        insta::assert_snapshot!(shown.join(" "), @"0.962203900 1.00000000 0.000123456789 1.50000000e-7 0 1.00000000 123.456000");
    }

    #[test]
    fn a_gap_in_cost_bounds_the_score() {
        let gap = relative_gap(crate::allocator::placement::cost::cost_of_error(0.25));
        assert!((gap - 0.25).abs() < 1e-11, "what a factor of 0.75 loses: {gap}");
        assert_eq!(relative_gap(0), 0.0);
    }
}
