//! What placements without jobs say on the terminal: a table of a file of instances, and one placement in full.
//!
//! Promises that every answer that differs from what the file knows is listed. Leaves the figures to
//! [`crate::experiment::placements`].

use std::fmt::Write;

use super::table::{Align, Cell, Table, Tone, duration, number, percent};
use crate::experiment::placements::summary::{Quantiles, Summary, TOLERANCE, Versus};
use crate::experiment::placements::{Measured, Outcome};

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

/// One placement in full: `what` was placed `place`.
pub fn placement(what: &str, place: &str, measured: &Measured) -> String {
    let [outcome, score, gap, _, steps, layout] = measured.cells();
    let meaning = match measured.outcome {
        Outcome::Optimal => "optimal: the best there is, proved",
        Outcome::Feasible if measured.gap.is_some() => "feasible: not proved to be the best",
        Outcome::Feasible => "feasible: the first found",
        Outcome::ProvedInfeasible => "proved infeasible: there is no placement",
        Outcome::BudgetExhausted => "budget exhausted: neither found nor excluded; hint: raise --budget",
    };
    let gap = match measured.gap {
        Some(share) if share > 0.0 => {
            let best = measured.score.map_or(1.0, |score| (score / (1.0 - share)).min(1.0));
            format!("{gap} (no placement scores above {best:.6})")
        }
        _ => gap,
    };
    let time = duration(Some(measured.proof.as_secs_f64()));
    let lines = [
        ("pattern", what),
        ("device", place),
        ("outcome", if meaning.is_empty() { &outcome } else { meaning }),
        ("score", &score),
        ("gap", &gap),
        ("steps", &steps),
        ("time", &time),
        ("layout", &layout),
    ];
    let mut text = String::new();
    for (name, value) in lines.iter().filter(|(_, value)| !value.is_empty()) {
        let _ = writeln!(text, "{name:<9}{value}");
    }
    text
}
