//! The tables of a merged sweep: every cell, means with intervals, and what was expected.
//!
//! Promises bytes that depend on the list and the cells alone, and beside every mean that does not stand for all jobs in
//! many worlds why it does not. Leaves reading and writing files to [`super::merge`].

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::listing::{Expected, Listing};
use crate::experiment::evidence::NoVerdict;
use crate::experiment::notes::{Course, Note};
use crate::experiment::statistics::{Interval, LEVEL_95, Moments};
use crate::observe::metrics::MetricDef;

/// What the tables need of a cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The metrics of the list, in its order; `None` where nothing was observed.
    pub values: Vec<Option<f64>>,
    /// How the replication went.
    pub course: Course,
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
    /// 95 % t interval of the mean; `None` below two, where nothing scatters, and where there is a flaw.
    pub ci95: Option<Interval>,
    /// Why the mean does not stand for all jobs in many worlds.
    pub flaw: Option<NoVerdict>,
}

impl Summary {
    /// The summary of what replications with these courses observed.
    fn of(metric: &str, values: &[Option<f64>], courses: &[Course]) -> Self {
        let observed: Vec<f64> = values.iter().copied().flatten().collect();
        let moments = Moments::of(&observed);
        let flaw = NoVerdict::alone(metric, courses, observed.len());
        let scatters = |interval: &Interval| interval.low < interval.high;
        Self {
            count: moments.count(),
            mean: moments.mean(),
            standard_deviation: moments.standard_deviation().filter(|_| flaw.is_none()),
            ci95: moments.interval(LEVEL_95).filter(|interval| flaw.is_none() && scatters(interval)),
            flaw,
        }
    }

    /// Whether the mean is not even that of what it claims to be.
    pub fn is_spoiled(&self) -> bool {
        self.flaw.is_some_and(NoVerdict::spoils_the_mean)
    }
}

/// An expected value and what came out.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// What was expected, and where.
    pub expected: Expected,
    /// What came out.
    pub found: Summary,
    /// Whether the mean is within the tolerance; without a mean, or with one of survivors, it is not.
    pub reached: bool,
}

impl Check {
    /// How far the mean is from the expected value, as a share of it; `None` without a mean or when 0 is expected.
    pub fn deviation(&self) -> Option<f64> {
        let mean = self.found.mean.filter(|_| !self.found.is_spoiled())?;
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
    /// What whoever reads the numbers of a combination must know.
    pub notes: Vec<Vec<Note>>,
}

impl Merged {
    /// Merges cells by name; `None` if one is missing.
    pub fn new(listing: Listing, cells: &BTreeMap<String, Row>) -> Option<Self> {
        let (mut summaries, mut notes) = (Vec::new(), Vec::new());
        for combination in &listing.combinations {
            let rows: Vec<&Row> =
                combination.cells.iter().map(|cell| cells.get(cell)).collect::<Option<_>>()?;
            let courses: Vec<Course> = rows.iter().map(|row| row.course).collect();
            let summary = |(index, metric): (usize, &String)| {
                let values = rows.iter().map(|row| row.values.get(index).copied().flatten());
                Summary::of(metric, &values.collect::<Vec<_>>(), &courses)
            };
            summaries.push(listing.metrics.iter().enumerate().map(summary).collect::<Vec<_>>());
            notes.push(combination.premises.notes_without_traces(&courses));
        }
        let check = |expected: &Expected| {
            let metric = listing.metrics.iter().position(|metric| *metric == expected.metric)?;
            let found: Summary = *summaries.get(expected.combination)?.get(metric)?;
            let near = |mean: f64| (mean - expected.value).abs() <= expected.tolerance;
            let reached = !found.is_spoiled() && found.mean.is_some_and(near);
            Some(Check { expected: expected.clone(), found, reached })
        };
        let checks = listing.expected.iter().map(check).collect::<Option<Vec<_>>>()?;
        Some(Self { listing, summaries, checks, notes })
    }

    /// The notes, each once, with the names of the combinations that it is about.
    pub fn notes_by_text(&self) -> Vec<(Vec<String>, &Note)> {
        let mut grouped: Vec<(Vec<String>, &Note)> = Vec::new();
        for (combination, notes) in self.listing.combinations.iter().zip(&self.notes) {
            for note in notes {
                let name = self.listing.name_of(combination);
                match grouped.iter_mut().find(|(_, known)| known.text == note.text) {
                    Some((names, _)) => names.push(name),
                    None => grouped.push((vec![name], note)),
                }
            }
        }
        grouped
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
            writer.write_record(names.chain(["replication", "cell"]).chain(metrics).chain(["ending"]))?;
            for combination in &listing.combinations {
                for (replication, cell) in combination.cells.iter().enumerate() {
                    let Some(Row { values, course }) = cells.get(cell) else { continue };
                    let labels = combination.labels.iter().cloned();
                    let row = labels.chain([replication.to_string(), cell.clone()]);
                    let values = values.iter().map(|value| text(*value));
                    writer.write_record(row.chain(values).chain([course.word().to_owned()]))?;
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
            let columns = [
                "metric",
                "unit",
                "mean",
                "ci95_low",
                "ci95_high",
                "standard_deviation",
                "replications",
                "flaw",
                "notes",
            ];
            writer.write_record(names.chain(columns))?;
            for ((combination, summaries), notes) in
                listing.combinations.iter().zip(&self.summaries).zip(&self.notes)
            {
                let notes: Vec<&str> = notes.iter().map(|note| note.kind.as_str()).collect();
                for (metric, summary) in listing.metrics.iter().zip(summaries) {
                    let unit = MetricDef::find(metric).map_or("", |found| found.0.unit);
                    let labels = combination.labels.iter().cloned();
                    writer.write_record(labels.chain([
                        metric.clone(),
                        unit.to_owned(),
                        text(summary.mean),
                        text(summary.ci95.map(|interval| interval.low)),
                        text(summary.ci95.map(|interval| interval.high)),
                        text(summary.standard_deviation),
                        summary.count.to_string(),
                        summary.flaw.map_or("", NoVerdict::as_str).to_owned(),
                        notes.join(" "),
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
                        "flaw": summary.flaw,
                    });
                    (metric.clone(), value)
                })
                .collect();
            json!({
                "labels": labels(index),
                "notes": self.notes[index],
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
                "flaw": check.found.flaw,
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

fn table(rows: impl FnOnce(&mut csv::Writer<Vec<u8>>) -> csv::Result<()>) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    rows(&mut writer).expect("writing to memory cannot fail");
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}
