//! The tables of a merged sweep: every cell, means with intervals, and what was expected.
//!
//! Promises bytes that depend on the list and the cells alone. Leaves reading and writing files to [`super::merge`].

use std::collections::BTreeMap;
use std::io;

use serde_json::{Map, Value, json};

use super::listing::{Expected, Listing};
use crate::experiment::statistics::{Interval, LEVEL_95, Moments};
use crate::observe::metrics::MetricDef;
use crate::simulator::csv_row::RowWriter;

/// What the tables need of a cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The metrics of the list, in its order; `None` where nothing was observed.
    pub values: Vec<Option<f64>>,
    /// Whether the run was cut off while it waited for its last jobs.
    pub cut_off: bool,
    /// Whether it ended before its warm-up.
    pub cold: bool,
}

/// A metric of a combination over its replications.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// Replications that observed it.
    pub count: u64,
    /// Their mean.
    pub mean: Option<f64>,
    /// Their standard deviation; `None` below two.
    pub standard_deviation: Option<f64>,
    /// 95 % t interval of the mean; `None` below two.
    pub ci95: Option<Interval>,
}

/// An expected value and what came out.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// What was expected, and where.
    pub expected: Expected,
    /// What came out.
    pub found: Summary,
    /// Whether the mean is within the tolerance; without a mean it is not.
    pub reached: bool,
}

impl Check {
    /// How far the mean is from the expected value, as a share of it; `None` without a mean or when 0 is expected.
    pub fn deviation(&self) -> Option<f64> {
        let mean = self.found.mean?;
        (self.expected.value != 0.0).then(|| (mean - self.expected.value) / self.expected.value.abs())
    }
}

/// A merged sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct Merged {
    /// What was swept.
    pub listing: Listing,
    /// By combination, then by metric of the list.
    pub summaries: Vec<Vec<Summary>>,
    /// Every expected value.
    pub checks: Vec<Check>,
    /// Runs of each combination that were cut off, and that ended before their warm-up.
    pub flawed: Vec<(usize, usize)>,
}

impl Merged {
    /// Merges cells by name; `None` if one is missing.
    pub fn new(listing: Listing, cells: &BTreeMap<String, Row>) -> Option<Self> {
        let mut summaries = Vec::new();
        let mut flawed = Vec::new();
        for combination in &listing.combinations {
            let rows: Vec<&Row> =
                combination.cells.iter().map(|cell| cells.get(cell)).collect::<Option<_>>()?;
            let summary = |metric: usize| {
                let observed: Vec<f64> =
                    rows.iter().filter_map(|row| row.values.get(metric).copied().flatten()).collect();
                let moments = Moments::of(&observed);
                Summary {
                    count: moments.count(),
                    mean: moments.mean(),
                    standard_deviation: moments.standard_deviation(),
                    ci95: moments.interval(LEVEL_95),
                }
            };
            summaries.push((0..listing.metrics.len()).map(summary).collect::<Vec<_>>());
            let count = |what: fn(&Row) -> bool| rows.iter().filter(|row| what(row)).count();
            flawed.push((count(|row| row.cut_off), count(|row| row.cold)));
        }
        let check = |expected: &Expected| {
            let metric = listing.metrics.iter().position(|metric| *metric == expected.metric)?;
            let found: Summary = *summaries.get(expected.combination)?.get(metric)?;
            let near = |mean: f64| (mean - expected.value).abs() <= expected.tolerance;
            Some(Check { expected: expected.clone(), found, reached: found.mean.is_some_and(near) })
        };
        let checks = listing.expected.iter().map(check).collect::<Option<Vec<_>>>()?;
        Some(Self { listing, summaries, checks, flawed })
    }

    /// Expected values that were missed.
    pub fn missed(&self) -> usize {
        self.checks.iter().filter(|check| !check.reached).count()
    }

    /// `sweep.csv`: one row per combination and replication, a column per metric.
    pub fn cells_csv(&self, cells: &BTreeMap<String, Row>) -> String {
        let listing = &self.listing;
        table(|writer| {
            let names = listing.dimensions.iter().map(|dimension| dimension.name.as_str());
            let metrics = listing.metrics.iter().map(String::as_str);
            writer.record(names.chain(["replication", "cell"]).chain(metrics))?;
            for combination in &listing.combinations {
                for (replication, cell) in combination.cells.iter().enumerate() {
                    let values = cells.get(cell).map(|row| row.values.as_slice()).unwrap_or_default();
                    let labels = combination.labels.iter().cloned();
                    let row = labels.chain([replication.to_string(), cell.clone()]);
                    writer.record(row.chain(values.iter().map(|value| text(*value))))?;
                }
            }
            Ok(())
        })
    }

    /// `sweep_summary.csv`: one row per combination and metric.
    pub fn summary_csv(&self) -> String {
        let listing = &self.listing;
        table(|writer| {
            let names = listing.dimensions.iter().map(|dimension| dimension.name.as_str());
            let columns =
                ["metric", "unit", "mean", "ci95_low", "ci95_high", "standard_deviation", "replications"];
            writer.record(names.chain(columns))?;
            for (combination, summaries) in listing.combinations.iter().zip(&self.summaries) {
                for (metric, summary) in listing.metrics.iter().zip(summaries) {
                    let unit = MetricDef::find(metric).map_or("", |found| found.0.unit);
                    let labels = combination.labels.iter().cloned();
                    writer.record(labels.chain([
                        metric.clone(),
                        unit.to_owned(),
                        text(summary.mean),
                        text(summary.ci95.map(|interval| interval.low)),
                        text(summary.ci95.map(|interval| interval.high)),
                        text(summary.standard_deviation),
                        summary.count.to_string(),
                    ]))?;
                }
            }
            Ok(())
        })
    }

    /// `sweep.json`: the same, with what was expected.
    pub fn to_json(&self) -> Value {
        let listing = &self.listing;
        let labels = |combination: usize| {
            let labels = &listing.combinations[combination].labels;
            let pairs = listing.dimensions.iter().zip(labels);
            pairs.map(|(dimension, label)| (dimension.name.clone(), json!(label))).collect::<Map<_, _>>()
        };
        let combinations = (0..listing.combinations.len()).map(|index| {
            let metrics = listing.metrics.iter().zip(&self.summaries[index]);
            let metrics: Map<String, Value> = metrics
                .map(|(metric, summary)| {
                    let value = json!({
                        "mean": summary.mean,
                        "ci95": summary.ci95,
                        "standard_deviation": summary.standard_deviation,
                        "replications": summary.count,
                    });
                    (metric.clone(), value)
                })
                .collect();
            let (cut_off, cold) = self.flawed[index];
            json!({
                "labels": labels(index),
                "cut_off": cut_off,
                "ended_before_warm_up": cold,
                "metrics": metrics,
            })
        });
        let expected = self.checks.iter().map(|check| {
            json!({
                "labels": labels(check.expected.combination),
                "metric": check.expected.metric,
                "value": check.expected.value,
                "tolerance": check.expected.tolerance,
                "mean": check.found.mean,
                "ci95": check.found.ci95,
                "deviation": check.deviation(),
                "reached": check.reached,
            })
        });
        json!({
            "sweep": listing.sweep,
            "description": listing.description,
            "version": listing.version,
            "scenario": listing.scenario,
            "seed": listing.seed,
            "replications": listing.replications,
            "dimensions": listing.dimensions,
            "combinations": combinations.collect::<Vec<_>>(),
            "reference": listing.reference,
            "expected": expected.collect::<Vec<_>>(),
        })
    }
}

fn text(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

fn table(rows: impl FnOnce(&mut RowWriter<Vec<u8>>) -> io::Result<()>) -> String {
    let mut writer = RowWriter::new(Vec::new());
    rows(&mut writer).expect("writing to memory cannot fail");
    String::from_utf8(writer.finish().unwrap_or_default()).unwrap_or_default()
}
