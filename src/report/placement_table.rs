//! What placements without jobs say on the terminal: a table of a file of instances, and one placement in full.
//!
//! Promises that every answer that differs from what the file knows is listed. Leaves the figures to
//! [`crate::experiment::placements`].

use std::fmt::Write;

use super::table::{Align, Cell, Table, Tone, duration, number, percent};
use crate::experiment::placements::measure::significant;
use crate::experiment::placements::summary::{Quantiles, Summary, TOLERANCE, Versus};
use crate::experiment::placements::{Measured, Outcome};
use crate::quantum::success::SuccessFactors;

/// The summary of a file of instances.
pub fn summary(summary: &Summary, color: bool) -> String {
    let mut text = outcomes(summary, color);
    text.push('\n');
    text += &times(summary, color);
    let _ = writeln!(
        text,
        "CPU time of cold searches, {:.2} us for reading the clock subtracted; {}, at most {} steps",
        summary.clock_us,
        summary.strategy,
        number(Some(summary.budget as f64)),
    );
    if !summary.differences.is_empty() {
        text.push('\n');
        text += &differences(summary, color);
    }
    text
}

fn outcomes(summary: &Summary, color: bool) -> String {
    let mut columns = vec![("device", Align::Left), ("instances", Align::Right)];
    columns.extend(
        [
            "optimal",
            "feasible",
            "infeasible",
            "exhausted",
            "as known",
            "above",
            "below",
            "open",
            "contradicts",
        ]
        .map(|name| (name, Align::Right)),
    );
    let mut table = Table::new(&columns);
    for (name, device) in &summary.devices {
        let count = |count: usize| number(Some(count as f64));
        let mut row: Vec<Cell> = vec![name.as_str().into(), count(device.instances).into()];
        row.extend(Outcome::ALL.map(|outcome| {
            let bad = outcome == Outcome::BudgetExhausted;
            toned(device.outcomes.get(outcome.name()).copied().unwrap_or(0), bad)
        }));
        for versus in [Versus::Equal, Versus::Above, Versus::Below, Versus::Open, Versus::Contradicts] {
            let bad = matches!(versus, Versus::Below | Versus::Contradicts);
            row.push(toned(device.versus_best_known.get(&versus).copied().unwrap_or(0), bad));
        }
        table.row(row);
    }
    table.render(color)
}

/// A count that is bad news unless it is 0.
fn toned(count: usize, bad: bool) -> Cell {
    let text = number(Some(count as f64));
    if bad && count > 0 { Cell::new(text, Tone::Bad) } else { text.into() }
}

fn times(summary: &Summary, color: bool) -> String {
    let mut columns = vec![("device", Align::Left), ("proved in 5 ms", Align::Right)];
    columns.extend(["p50", "p90", "p99", "max"].map(|name| (name, Align::Right)));
    columns.extend(["infeasible: p50", "p99", "max"].map(|name| (name, Align::Right)));
    let mut table = Table::new(&columns);
    let us = |value: Option<f64>| Cell::from(duration(value.map(|us| us * 1e-6)));
    for (name, device) in &summary.devices {
        let Quantiles { p50, p90, p99, max } = device.proof_us;
        let mut row: Vec<Cell> = vec![name.as_str().into(), percent(Some(device.proved_within_5_ms)).into()];
        row.extend([p50, p90, p99, max].map(|value| us(Some(value))));
        let none = device.infeasible_us;
        row.extend([none.map(|q| q.p50), none.map(|q| q.p99), none.map(|q| q.max)].map(us));
        table.row(row);
    }
    table.render(color)
}

fn differences(summary: &Summary, color: bool) -> String {
    let columns = ["answer", "device", "busy", "pattern", "found", "best known"];
    let mut table = Table::new(&columns.map(|name| (name, Align::Left)));
    for one in &summary.differences {
        let (text, tone) = match one.versus {
            Versus::Equal => ("as known", Tone::Plain),
            Versus::Above => ("above", Tone::Good),
            Versus::Below => ("below", Tone::Bad),
            Versus::Contradicts => ("contradicts", Tone::Bad),
            Versus::Open => ("open", Tone::Plain),
        };
        let cells = [&one.device, &one.busy, &one.pattern, &one.found, &one.best_known];
        table.row(std::iter::once(Cell::new(text, tone)).chain(cells.map(|cell| cell.as_str().into())));
    }
    format!("{}scores within {TOLERANCE:e} of each other, relatively, count as known\n", table.render(color))
}

/// The success that is predicted of a placed program.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Predicted {
    /// Its probability.
    pub success: f64,
    /// What that is the product of.
    pub factors: SuccessFactors,
}

/// A program that was placed, in words.
#[derive(Debug, Clone)]
pub struct PlacedText<'a> {
    /// The program.
    pub what: &'a str,
    /// The device and what of it was free.
    pub place: &'a str,
    /// What is known of its layers.
    pub depth: &'a str,
    /// The power of two for which a shape with a depth was placed.
    pub placed_for: Option<u32>,
    /// Predicted success probability, where more is known than shape and gates.
    pub success: Option<&'a Predicted>,
    /// Virtual and physical qubits.
    pub layout: &'a str,
    /// Whether SWAP gates might help where there is no placement.
    pub may_route: bool,
}

/// One placement in full.
pub fn placement(text: &PlacedText<'_>, measured: &Measured) -> String {
    let &PlacedText { what, place, depth, placed_for, success, layout, may_route } = text;
    let [_, score, gap, _, steps, _] = measured.cells();
    let of_depth = placed_for.map_or_else(String::new, |depth| format!(" for depth {depth}"));
    let outcome = match measured.outcome {
        Outcome::Optimal => format!("optimal: the best there is{of_depth}, proved"),
        Outcome::Feasible if measured.gap.is_some() => "feasible: not proved to be the best".to_owned(),
        Outcome::Feasible => "feasible: the first found".to_owned(),
        Outcome::ProvedInfeasible if !may_route => "proved infeasible: there is no placement".to_owned(),
        Outcome::ProvedInfeasible => {
            "proved infeasible: there is no placement; hint: --strategy region estimates it with SWAP gates"
                .to_owned()
        }
        Outcome::BudgetExhausted => {
            "budget exhausted: neither found nor excluded; hint: raise --budget".to_owned()
        }
    };
    let gap = match measured.gap {
        Some(share) if share > 0.0 => {
            let best = measured.score.map_or(1.0, |score| (score / (1.0 - share)).min(1.0));
            format!("{gap} (no placement scores above {best:.6})")
        }
        _ => gap,
    };
    let swaps = measured.swaps.map_or_else(String::new, |swaps| format!("{swaps}, estimated"));
    let time = duration(Some(measured.proof.as_secs_f64()));
    let score = match placed_for {
        Some(depth) if measured.score.is_some() => format!("{score} (at depth {depth})"),
        _ => score,
    };
    let factors = success.map_or_else(String::new, |predicted| {
        let SuccessFactors { readout, one_qubit_gates, two_qubit_gates, decay } = predicted.factors;
        let named = [
            ("readout", readout),
            ("one-qubit gates", one_qubit_gates),
            ("two-qubit gates", two_qubit_gates),
            ("decay", decay),
        ];
        named.map(|(name, factor)| format!("{} {name}", significant(factor, 4))).join(" x ")
    });
    let success = success
        .map_or_else(String::new, |predicted| format!("{} (predicted)", significant(predicted.success, 9)));
    let lines = [
        ("program", what),
        ("depth", depth),
        ("device", place),
        ("outcome", &outcome),
        ("success", &success),
        ("factors", &factors),
        // Of a program of which all is known it is the success.
        ("score", if success.is_empty() || placed_for.is_some() { &score } else { "" }),
        ("gap", &gap),
        ("swaps", &swaps),
        ("steps", &steps),
        ("time", &time),
        ("layout", layout),
    ];
    let mut text = String::new();
    for (name, value) in lines.iter().filter(|(_, value)| !value.is_empty()) {
        let _ = writeln!(text, "{name:<9}{value}");
    }
    text
}
