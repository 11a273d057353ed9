//! A merged sweep as people read it: a table of means, the expected values, and plots over what was varied.
//!
//! Promises the metrics that the plan names, or the few that matter most, and a mark on every mean that does not stand for
//! all jobs in many worlds. Leaves the files to the merge.

use std::collections::BTreeMap;

use super::plots::{Plot, ResponsePlot, ResponsePoint, ResponseSeries};
use super::table::{Align, Cell, Table, Tone, number, percent, with_interval};
use crate::experiment::evidence::NoVerdict;
use crate::experiment::sweep::listing::Dimension;
use crate::experiment::sweep::plan::VARIANT;
use crate::experiment::sweep::tables::{Merged, Summary};
use crate::observe::metrics::MetricDef;

/// Shown when the plan names none.
const MAIN_METRICS: [&str; 4] =
    ["jobs_completed", "qubit_utilization", "waiting_time_s.mean", "fidelity_true.mean"];

/// Columns of metrics that fit on a screen.
const MAX_COLUMNS: usize = 6;

/// Rows that are printed; more are better read in the file.
const MAX_ROWS: usize = 60;

/// Plots that are drawn.
const MAX_PLOTS: usize = 12;

/// Numbers of the metrics to show, at most so many: those of the plan, or else expected ones and those that matter.
fn metrics_to_show(merged: &Merged, most: usize) -> Vec<usize> {
    let listing = &merged.listing;
    let chosen = |name: &str| {
        listing.metrics_chosen
            || MAIN_METRICS.contains(&name)
            || listing.expected.iter().any(|expected| expected.metric == name)
    };
    let numbers = listing.metrics.iter().enumerate().filter(|(_, name)| chosen(name));
    numbers.map(|(number, _)| number).take(most).collect()
}

/// Means with intervals, one row per combination; then the expected values.
pub fn sweep_table(merged: &Merged, color: bool) -> String {
    let listing = &merged.listing;
    let shown = metrics_to_show(merged, MAX_COLUMNS);
    let names = listing.dimensions.iter().map(|dimension| (dimension.name.as_str(), Align::Left));
    let metrics = shown.iter().map(|&metric| (listing.metrics[metric].as_str(), Align::Right));
    let mut table = Table::new(&names.chain(metrics).collect::<Vec<_>>());
    for (combination, summaries) in listing.combinations.iter().zip(&merged.summaries).take(MAX_ROWS) {
        let labels = combination.labels.iter().map(|label| label.as_str().into());
        let values = shown.iter().map(|&metric| mean_cell(&summaries[metric]));
        table.row(labels.chain(values));
    }
    let mut text = table.render(color);
    let summaries = merged.summaries.iter().take(MAX_ROWS);
    let flaws = summaries.flat_map(|row| shown.iter().filter_map(|&metric| row[metric].flaw));
    text.push_str(&legend(&flaws.collect::<Vec<_>>()));
    let hidden = (listing.combinations.len().saturating_sub(MAX_ROWS), listing.metrics.len() - shown.len());
    if hidden != (0, 0) {
        text.push_str(&format!(
            "{} more combinations and {} more metrics in sweep_summary.csv\n",
            hidden.0, hidden.1
        ));
    }
    if merged.checks.is_empty() {
        return text;
    }
    let names = listing.dimensions.iter().map(|dimension| (dimension.name.as_str(), Align::Left));
    let columns = [
        ("metric", Align::Left),
        ("expected", Align::Right),
        ("tolerance", Align::Right),
        ("mean", Align::Right),
        ("deviation", Align::Right),
        ("", Align::Left),
    ];
    let mut table = Table::new(&names.chain(columns).collect::<Vec<_>>());
    for check in &merged.checks {
        let labels = &listing.combinations[check.expected.combination].labels;
        let verdict = match (check.reached, check.found.flaw) {
            (true, _) => Cell::new("reached", Tone::Good),
            (false, Some(flaw)) if check.found.is_spoiled() => {
                Cell::new(format!("missed: {}", flaw.short()), Tone::Bad)
            }
            (false, _) => Cell::new("missed", Tone::Bad),
        };
        let signed = |share: f64| format!("{}{}", if share > 0.0 { "+" } else { "" }, percent(Some(share)));
        let values = [
            check.expected.metric.as_str().into(),
            number(Some(check.expected.value)).into(),
            format!("± {}", number(Some(check.expected.tolerance))).into(),
            with_interval(check.found.mean, check.found.ci95).into(),
            check.deviation().map_or_else(|| "-".to_owned(), signed).into(),
            verdict,
        ];
        table.row(labels.iter().map(|label| label.as_str().into()).chain(values));
    }
    text.push('\n');
    text.push_str(&table.render(color));
    text
}

/// A mean with its interval, or with why it must not be taken at its word.
fn mean_cell(summary: &Summary) -> Cell {
    let text = with_interval(summary.mean, summary.ci95);
    match summary.flaw {
        Some(flaw) if summary.is_spoiled() => Cell::new(format!("{text} ({})", flaw.short()), Tone::Warning),
        _ => text.into(),
    }
}

/// What the words beside means say, each once.
fn legend(flaws: &[NoVerdict]) -> String {
    let there = NoVerdict::ALL.into_iter().filter(|flaw| flaw.spoils_the_mean() && flaws.contains(flaw));
    there.map(|flaw| format!("({}): {}\n", flaw.short(), flaw.alone_sentence())).collect()
}

/// The plots with their file names: every metric to show over the first axis that has numbers, or else the first one, and
/// those of one metric against another.
pub fn sweep_plots(merged: &Merged) -> Vec<(String, Plot)> {
    let listing = &merged.listing;
    let subtitle = format!(
        "sweep {}, scenario {}, seed {}, {} replications, 95 % intervals",
        listing.sweep, listing.scenario, listing.seed, listing.replications
    );
    let axes: Vec<(Option<Vec<f64>>, String)> = listing.dimensions.iter().map(numbers).collect();
    let axis = |dimension: &Dimension| dimension.name != VARIANT;
    let numeric = (0..axes.len()).find(|&index| axis(&listing.dimensions[index]) && axes[index].0.is_some());
    let first = || listing.dimensions.iter().position(axis);
    let Some(along) = numeric.or_else(first).or((!axes.is_empty()).then_some(0)) else {
        return Vec::new();
    };
    let plot = |&metric: &usize| {
        let name = &listing.metrics[metric];
        let dimension = &listing.dimensions[along];
        let (positions, x_unit) = &axes[along];
        let plot = ResponsePlot {
            title: name.clone(),
            subtitle: subtitle.clone(),
            x_name: with_unit(&dimension.name, x_unit),
            x_labels: positions.is_none().then(|| dimension.labels.clone()),
            y_name: with_its_unit(name),
            series: series(merged, metric, along, positions.as_deref()),
            reference: listing.reference.clone(),
        };
        (format!("sweep_{}", file_part(name)), Plot::Response(plot))
    };
    let against = |(x, y): &(String, String)| {
        let number = |name: &String| listing.metrics.iter().position(|known| known == name);
        let dimension = &listing.dimensions[along];
        let plot = ResponsePlot {
            title: format!("{y} against {x}, over {}", with_unit(&dimension.name, &axes[along].1)),
            subtitle: subtitle.clone(),
            x_name: with_its_unit(x),
            x_labels: None,
            y_name: with_its_unit(y),
            series: trade_off(merged, number(x)?, number(y)?, along, axes[along].0.as_deref()),
            reference: String::new(),
        };
        Some((format!("sweep_{}_against_{}", file_part(y), file_part(x)), Plot::Response(plot)))
    };
    let responses = metrics_to_show(merged, MAX_PLOTS);
    responses.iter().map(plot).chain(listing.trade_offs.iter().filter_map(against)).collect()
}

/// A name as a part of the name of a file.
fn file_part(name: &str) -> String {
    let file: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    file.trim_end_matches('_').to_owned()
}

/// A metric with its unit.
fn with_its_unit(name: &str) -> String {
    with_unit(name, MetricDef::find(name).map_or("", |found| found.0.unit))
}

fn with_unit(name: &str, unit: &str) -> String {
    if unit.is_empty() { name.to_owned() } else { format!("{name} ({unit})") }
}

/// The points of one metric against another, joined in the order of the dimension `along`.
fn trade_off(
    merged: &Merged,
    x: usize,
    y: usize,
    along: usize,
    positions: Option<&[f64]>,
) -> Vec<ResponseSeries> {
    let mut lines = series(merged, y, along, positions);
    let across = series(merged, x, along, positions);
    for (line, across) in lines.iter_mut().zip(across) {
        line.expected.clear();
        let found = std::mem::take(&mut line.points).into_iter();
        line.points = found
            .filter_map(|point| {
                let at = across.points.iter().find(|other| other.x == point.x)?;
                Some(ResponsePoint { x: at.mean, reserved: point.reserved || at.reserved, ..point })
            })
            .collect();
    }
    lines
}

/// One line per combination of everything but the dimension `along`.
fn series(merged: &Merged, metric: usize, along: usize, positions: Option<&[f64]>) -> Vec<ResponseSeries> {
    let listing = &merged.listing;
    let mut lines: Vec<ResponseSeries> = Vec::new();
    let mut line_of: BTreeMap<String, usize> = BTreeMap::new();
    for (index, combination) in listing.combinations.iter().enumerate() {
        let others = listing.dimensions.iter().zip(&combination.labels).enumerate();
        let others = others.filter(|(number, _)| *number != along).map(|(_, (dimension, label))| {
            if dimension.name == VARIANT { label.clone() } else { format!("{} {label}", dimension.name) }
        });
        let name = others.collect::<Vec<_>>().join(", ");
        let line = *line_of.entry(name.clone()).or_insert_with(|| {
            lines.push(ResponseSeries { name, points: Vec::new(), expected: Vec::new() });
            lines.len() - 1
        });
        let label = &combination.labels[along];
        let Some(position) = listing.dimensions[along].labels.iter().position(|known| known == label) else {
            continue;
        };
        let x = positions.map_or(position as f64, |positions| positions[position]);
        let summary = merged.summaries[index][metric];
        if let Some(mean) = summary.mean {
            let interval = summary.ci95.map(|interval| (interval.low, interval.high));
            lines[line].points.push(ResponsePoint { x, mean, interval, reserved: summary.is_spoiled() });
        }
        for check in &merged.checks {
            let expected = &check.expected;
            if expected.combination == index && expected.metric == listing.metrics[metric] {
                lines[line].expected.push((x, expected.value, expected.tolerance));
            }
        }
    }
    for line in &mut lines {
        line.points.sort_by(|a, b| a.x.total_cmp(&b.x));
    }
    lines
}

/// The labels of a dimension as numbers, and their common unit: `30s`, `60s` are 30 and 60 `s`. `None` if one of them
/// is no number or has another unit.
fn numbers(dimension: &Dimension) -> (Option<Vec<f64>>, String) {
    let split = |label: &String| {
        let end = label.find(|c: char| !(c.is_ascii_digit() || "+-.eE".contains(c))).unwrap_or(label.len());
        let value: f64 = label[..end].parse().ok()?;
        value.is_finite().then(|| (value, label[end..].trim().to_owned()))
    };
    let found: Option<Vec<(f64, String)>> = dimension.labels.iter().map(split).collect();
    let unit =
        found.as_ref().and_then(|found| found.first()).map(|first| first.1.clone()).unwrap_or_default();
    let same = found.filter(|found| found.len() > 1 && found.iter().all(|(_, other)| *other == unit));
    match same {
        Some(found) => (Some(found.into_iter().map(|found| found.0).collect()), unit),
        None => (None, String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_numbers_where_all_of_them_are() {
        let found = |labels: &[&str]| {
            let labels = labels.iter().map(|label| (*label).to_owned()).collect();
            numbers(&Dimension { name: "x".to_owned(), path: None, labels })
        };
        assert_eq!(found(&["0.5/m", "1/m", "1e1/m"]), (Some(vec![0.5, 1.0, 10.0]), "/m".to_owned()));
        assert_eq!(found(&["3", "-2"]).0, Some(vec![3.0, -2.0]));
        for none in [&["30s", "1m"][..], &["1", "two"], &["fast"], &["5"], &["1", "inf"]] {
            assert_eq!(found(none).0, None, "{none:?}");
        }
    }
}
