//! Comparison of variants (strategies, settings, versions) that ran in the same worlds.
//!
//! Promises one row per metric and variant, each with a verdict and the evidence for it, or the reason why there is none,
//! and files whose bytes depend on the values alone. Leaves running the variants to the runner, what their values rest on
//! to [`super::evidence`] and the terminal table to the report.

use std::io;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::bootstrap::mean_interval_bca;
use super::evidence::{Evidence, NoVerdict, NoteOn};
use super::notes::Note;
use super::statistics::{
    Difference, Direction, Interval, LEVEL_95, Spread, Verdict, holm, independent_difference, mean,
    paired_difference,
};
use crate::random::{Purpose, StreamFamily};
use crate::simulator::csv_row::{RowWriter, cell};

/// The values of one replication by metric name; `None` where the metric had no observation.
pub type MetricValues = IndexMap<String, Option<f64>>;

/// One variant and what it measured, one entry per replication, in order: entry r of all variants is the same world,
/// unless the evidence says otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// Name in tables, files and plots.
    pub name: String,
    /// The metrics of each replication.
    pub replications: Vec<MetricValues>,
    /// What they rest on.
    pub evidence: Evidence,
}

impl Variant {
    /// A variant whose replications ran to their end in worlds of their own, the same as the baseline's.
    pub fn new(name: impl Into<String>, replications: Vec<MetricValues>) -> Self {
        Self { name: name.into(), replications, evidence: Evidence::default() }
    }

    /// The finite values of a metric, by replication.
    fn column(&self, metric: &str) -> Vec<Option<f64>> {
        let values = self.replications.iter().map(|values| values.get(metric).copied().flatten());
        values.map(|value| value.filter(|number| number.is_finite())).collect()
    }
}

/// A metric to compare by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metric {
    /// Its name in [`MetricValues`], with its unit at the end.
    pub name: String,
    /// Which way is good.
    pub direction: Direction,
}

impl Metric {
    /// A metric of which less is better.
    pub fn lower(name: impl Into<String>) -> Self {
        Self { name: name.into(), direction: Direction::LowerIsBetter }
    }

    /// A metric of which more is better.
    pub fn higher(name: impl Into<String>) -> Self {
        Self { name: name.into(), direction: Direction::HigherIsBetter }
    }
}

/// All differences from the baseline: what `comparison.json` holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Name of the variant that the others are compared with.
    pub baseline: String,
    /// Names of the others.
    pub variants: Vec<String>,
    /// Replications per variant.
    pub replications: usize,
    /// Confidence level of intervals and verdicts.
    pub level: f64,
    /// When replications were added until the differences were known well enough: how that ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopping: Option<Stopped>,
    /// What the reader should know of the evidence, by variant.
    #[serde(default)]
    pub notes: Vec<NoteOn>,
    /// By metric, then by variant.
    pub rows: Vec<Row>,
}

/// One metric of one variant against the baseline.
///
/// Means and difference are taken over the replications in which both have a value; `None` when there is none. Without a
/// verdict there are neither intervals nor p-values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Name of the metric.
    pub metric: String,
    /// Which way is good.
    pub direction: Direction,
    /// Name of the variant.
    pub variant: String,
    /// Replications in which both have a value.
    pub pairs: usize,
    /// Mean of the baseline.
    pub baseline_mean: Option<f64>,
    /// Mean of the variant.
    pub variant_mean: Option<f64>,
    /// The baseline by itself: its mean over all replications in which it has a value.
    #[serde(default)]
    pub baseline_own: Own,
    /// The variant by itself.
    #[serde(default)]
    pub variant_own: Own,
    /// Mean of variant - baseline.
    pub difference: Option<f64>,
    /// 95 % t interval of the difference (at [`Comparison::level`]); `None` where differences do not scatter.
    pub ci95: Option<Interval>,
    /// 95 % bootstrap interval (BCa) of the difference; of quantiles and maxima only, whose differences need not be
    /// normal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bootstrap95: Option<Interval>,
    /// What the evidence says, from `p_adjusted`.
    pub verdict: Option<Verdict>,
    /// Why there is no verdict.
    #[serde(default)]
    pub no_verdict: Option<NoVerdict>,
    /// Two-sided p-value of the paired t test; of Welch's where the worlds are others than the baseline's.
    pub p_value: Option<f64>,
    /// The same after Holm's correction over the variants of this metric.
    pub p_adjusted: Option<f64>,
    /// Cohen's d of the paired differences.
    pub effect_size: Option<f64>,
    /// How many times fewer replications this took than independent runs would.
    pub variance_reduction: Option<f64>,
}

/// A mean of one side over all replications in which it has a value.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Own {
    /// The mean; `None` without a value.
    pub mean: Option<f64>,
    /// In how many replications there is a value.
    pub replications: usize,
}

impl Own {
    fn of(column: &[Option<f64>]) -> Self {
        let values: Vec<f64> = column.iter().copied().flatten().collect();
        Self { mean: mean(&values), replications: values.len() }
    }
}

impl Row {
    /// Whether further replications are of no use: there is a verdict with a sign or none that they could bring, or the
    /// interval is no wider than `precision` (a share of the baseline's mean) on either side.
    pub fn is_decided(&self, precision: f64) -> bool {
        let width = self.ci95.zip(self.baseline_mean);
        let narrow = width.is_some_and(|(interval, mean)| interval.half_width() <= precision * mean.abs());
        self.verdict != Some(Verdict::Inconclusive) || narrow
    }

    /// The word of the verdict; `n/a` where there is none.
    pub fn verdict_word(&self) -> &'static str {
        self.verdict.map_or("n/a", Verdict::as_str)
    }
}

/// How the adding of replications ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stopped {
    /// The precision asked for, as a share of the baseline's mean.
    pub precision: f64,
    /// Most replications that were allowed.
    pub maximum: u32,
    /// Differences (metric and variant) that are neither decided nor known that precisely.
    pub open: Vec<(String, String)>,
}

/// Why variants cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ComparisonError {
    /// Fewer than two variants.
    #[error("{0} variant(s) to compare; hint: name a baseline and at least one other strategy")]
    TooFew(usize),
    /// The baseline is not among the variants.
    #[error("baseline number {index} of {variants} variants; hint: count from 0")]
    NoBaseline {
        /// The index asked for.
        index: usize,
        /// How many there are.
        variants: usize,
    },
    /// Pairs cannot be formed.
    #[error(
        "`{variant}` has {found} replications, the baseline `{baseline}` has {expected}; hint: paired differences need the same worlds"
    )]
    Unpaired {
        /// The variant.
        variant: String,
        /// Its replications.
        found: usize,
        /// The baseline.
        baseline: String,
        /// Its replications.
        expected: usize,
    },
}

impl Comparison {
    /// Compares all variants with the one at index `baseline`, by the listed metrics, at the 95 % level; `seed` is
    /// that of the resampling.
    ///
    /// A metric that no replication holds gives rows without values.
    pub fn new(
        metrics: &[Metric],
        variants: &[Variant],
        baseline: usize,
        seed: u64,
    ) -> Result<Self, ComparisonError> {
        if variants.len() < 2 {
            return Err(ComparisonError::TooFew(variants.len()));
        }
        let base = variants
            .get(baseline)
            .ok_or(ComparisonError::NoBaseline { index: baseline, variants: variants.len() })?;
        let others: Vec<&Variant> = variants
            .iter()
            .enumerate()
            .filter(|&(index, _)| index != baseline)
            .map(|(_, variant)| variant)
            .collect();
        if let Some(odd) = others.iter().find(|variant| variant.replications.len() != base.replications.len())
        {
            return Err(ComparisonError::Unpaired {
                variant: odd.name.clone(),
                found: odd.replications.len(),
                baseline: base.name.clone(),
                expected: base.replications.len(),
            });
        }
        Ok(Self {
            baseline: base.name.clone(),
            variants: others.iter().map(|variant| variant.name.clone()).collect(),
            replications: base.replications.len(),
            level: LEVEL_95,
            stopping: None,
            notes: others_and_base(base, &others),
            rows: metrics.iter().flat_map(|metric| rows_of(metric, base, &others, seed)).collect(),
        })
    }

    /// Whether there are too few replications for any verdict.
    pub fn is_single(&self) -> bool {
        self.replications < 2
    }

    /// The notes, each once, with the variants that it is about.
    pub fn notes_by_text(&self) -> Vec<(String, &Note)> {
        let mut grouped: IndexMap<&str, (Vec<&str>, &Note)> = IndexMap::new();
        for NoteOn { variant, note } in &self.notes {
            grouped.entry(&note.text).or_insert_with(|| (Vec::new(), note)).0.push(variant);
        }
        let all = self.variants.len() + 1;
        let who = |names: &[&str]| match names.len() == all {
            true => "all variants".to_owned(),
            false => names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
        };
        grouped.into_values().map(|(names, note)| (who(&names), note)).collect()
    }

    /// The reasons why rows have no verdict, each once, with the number of rows.
    pub fn reasons(&self) -> Vec<(NoVerdict, usize)> {
        let count = |reason| self.rows.iter().filter(|row| row.no_verdict == Some(reason)).count();
        let all = NoVerdict::ALL.into_iter().map(|reason| (reason, count(reason)));
        all.filter(|(_, rows)| *rows > 0).collect()
    }

    /// The rows as CSV with a header (`comparison.csv`); absent values are empty fields.
    pub fn to_csv(&self) -> String {
        let mut text = String::from(
            "metric,variant,baseline,replications,pairs,baseline_mean,variant_mean,baseline_own_mean,\
             baseline_own_replications,variant_own_mean,variant_own_replications,difference,ci95_low,ci95_high,\
             bootstrap95_low,bootstrap95_high,verdict,no_verdict,p_value,p_adjusted,effect_size,variance_reduction\n",
        );
        let mut buffer = zmij::Buffer::new();
        let mut number = |value: Option<f64>| match value {
            Some(value) => {
                let digits = buffer.format(value);
                digits.strip_suffix(".0").unwrap_or(digits).to_owned()
            }
            None => String::new(),
        };
        for row in &self.rows {
            let fields = [
                cell(&row.metric),
                cell(&row.variant),
                cell(&self.baseline),
                self.replications.to_string(),
                row.pairs.to_string(),
                number(row.baseline_mean),
                number(row.variant_mean),
                number(row.baseline_own.mean),
                row.baseline_own.replications.to_string(),
                number(row.variant_own.mean),
                row.variant_own.replications.to_string(),
                number(row.difference),
                number(row.ci95.map(|interval| interval.low)),
                number(row.ci95.map(|interval| interval.high)),
                number(row.bootstrap95.map(|interval| interval.low)),
                number(row.bootstrap95.map(|interval| interval.high)),
                row.verdict.map_or("", Verdict::as_str).to_owned(),
                row.no_verdict.map_or("", NoVerdict::as_str).to_owned(),
                number(row.p_value),
                number(row.p_adjusted),
                number(row.effect_size),
                number(row.variance_reduction),
            ];
            text.push_str(&fields.join(","));
            text.push('\n');
        }
        text
    }

    /// The whole comparison as indented JSON (`comparison.json`), absent values `null`.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

/// Whether a metric is a quantile or a maximum.
fn is_quantile(metric: &str) -> bool {
    [".p50", ".p95", ".p99", ".max"].iter().any(|suffix| metric.ends_with(suffix))
}

fn others_and_base(base: &Variant, others: &[&Variant]) -> Vec<NoteOn> {
    let all = std::iter::once(base).chain(others.iter().copied());
    let notes = all.flat_map(|variant| {
        variant.evidence.notes.iter().map(|note| NoteOn { variant: variant.name.clone(), note: note.clone() })
    });
    notes.collect()
}

/// One metric of one variant before Holm's correction.
struct Compared {
    before: Vec<Option<f64>>,
    after: Vec<Option<f64>>,
    found: Option<Difference>,
    no_verdict: Option<NoVerdict>,
}

impl Compared {
    fn new(metric: &str, base: &Variant, variant: &Variant) -> Self {
        let (before, after) = (base.column(metric), variant.column(metric));
        let found = match variant.evidence.is_elsewhere() {
            false => paired_difference(&before, &after, LEVEL_95),
            true => independent_difference(&before, &after, LEVEL_95),
        };
        let pairs = found.map_or(0, |found| found.pairs);
        let no_verdict = NoVerdict::of(metric, (&base.evidence, &variant.evidence), before.len(), pairs);
        Self { before, after, found, no_verdict }
    }

    fn p_value(&self) -> Option<f64> {
        self.found.filter(|_| self.no_verdict.is_none())?.p_value
    }

    /// Differences of the worlds, for resampling.
    fn changes(&self) -> Vec<f64> {
        let pairs = self.before.iter().zip(&self.after);
        pairs.filter_map(|(before, after)| Some((*after)? - (*before)?)).collect()
    }
}

fn rows_of(metric: &Metric, base: &Variant, others: &[&Variant], seed: u64) -> Vec<Row> {
    let compared: Vec<Compared> =
        others.iter().map(|variant| Compared::new(&metric.name, base, variant)).collect();
    let mut adjusted = holm(&compared.iter().filter_map(Compared::p_value).collect::<Vec<_>>()).into_iter();
    let mut first = [0; 8];
    first.copy_from_slice(&blake3::hash(metric.name.as_bytes()).as_bytes()[..8]);
    let entity = u64::from_le_bytes(first);
    let resampling = StreamFamily::new(seed, 0, Purpose::Resampling);
    let mut rows = Vec::with_capacity(others.len());
    for (index, (variant, compared)) in others.iter().zip(&compared).enumerate() {
        let p_value = compared.p_value();
        let p_adjusted = p_value.and_then(|_| adjusted.next());
        let judged = compared.found.filter(|_| compared.no_verdict.is_none());
        // Where nothing scatters, an interval without width would promise a certainty that few worlds do not give.
        let scattered = judged.filter(|found| found.spread == Spread::Scattered);
        let paired = scattered.filter(|_| !variant.evidence.is_elsewhere() && is_quantile(&metric.name));
        let bootstrap95 = paired.and_then(|_| {
            let mut stream = resampling.stream(entity, index as u64);
            mean_interval_bca(&compared.changes(), LEVEL_95, &mut stream)
        });
        rows.push(Row {
            metric: metric.name.clone(),
            direction: metric.direction,
            variant: variant.name.clone(),
            pairs: compared.found.map_or(0, |found| found.pairs),
            baseline_mean: compared.found.map(|found| found.baseline_mean),
            variant_mean: compared.found.map(|found| found.variant_mean),
            baseline_own: Own::of(&compared.before),
            variant_own: Own::of(&compared.after),
            difference: compared.found.map(|found| found.difference),
            ci95: scattered.and_then(|found| found.interval),
            bootstrap95,
            verdict: judged.and_then(|found| Verdict::of(&found, p_adjusted, metric.direction, LEVEL_95)),
            no_verdict: compared.no_verdict,
            p_value,
            p_adjusted,
            effect_size: judged.and_then(|found| found.effect_size),
            variance_reduction: judged.and_then(|found| found.variance_reduction),
        });
    }
    rows
}

/// Every value that goes into a comparison (`replications.csv`): one row per variant, replication and metric.
pub fn replications_csv(variants: &[Variant]) -> String {
    let mut writer = RowWriter::new(Vec::new());
    let mut rows = || -> io::Result<()> {
        writer.record(["variant", "replication", "metric", "value"])?;
        for variant in variants {
            for (replication, values) in variant.replications.iter().enumerate() {
                for (metric, value) in values {
                    let value = value.map_or_else(String::new, |value| value.to_string());
                    writer.record([&variant.name, &replication.to_string(), metric, &value])?;
                }
            }
        }
        Ok(())
    };
    rows().expect("writing to memory cannot fail");
    String::from_utf8(writer.finish().unwrap_or_default()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variant(name: &str, waits: &[Option<f64>]) -> Variant {
        let replications = waits
            .iter()
            .map(|&wait| {
                MetricValues::from([
                    ("waiting_time_s.mean".to_owned(), wait),
                    ("isolation_violations".to_owned(), Some(0.0)),
                ])
            })
            .collect();
        Variant::new(name, replications)
    }

    fn metrics() -> [Metric; 3] {
        [
            Metric::lower("waiting_time_s.mean"),
            Metric::lower("isolation_violations"),
            Metric::higher("absent"),
        ]
    }

    #[test]
    fn every_row_carries_its_evidence() {
        let comparison = Comparison::new(
            &metrics(),
            &[
                variant("first, fit", &[Some(10.0), Some(14.0), Some(12.0), Some(20.0)]),
                variant("exact", &[Some(8.0), Some(11.5), Some(10.0), Some(17.5)]),
                variant("random", &[Some(11.0), None, Some(10.0), Some(25.0)]),
            ],
            0,
            1,
        )
        .unwrap();
        insta::assert_snapshot!(comparison.to_csv(), @r#"
        metric,variant,baseline,replications,pairs,baseline_mean,variant_mean,baseline_own_mean,baseline_own_replications,variant_own_mean,variant_own_replications,difference,ci95_low,ci95_high,bootstrap95_low,bootstrap95_high,verdict,no_verdict,p_value,p_adjusted,effect_size,variance_reduction
        waiting_time_s.mean,exact,"first, fit",4,4,14,11.75,14,4,11.75,4,-2.25,-2.709346557759269,-1.7906534422407308,,,better,,0.0005736731093322048,0.0005736731093322048,-7.794228634059948,425
        waiting_time_s.mean,random,"first, fit",4,3,14,15.333333333333332,14,4,15.333333333333332,3,1.3333333333333333,,,,,,observed_in_some,,,,
        isolation_violations,exact,"first, fit",4,4,0,0,0,4,0,4,0,,,,,equal,,1,1,0,
        isolation_violations,random,"first, fit",4,4,0,0,0,4,0,4,0,,,,,equal,,1,1,0,
        absent,exact,"first, fit",4,0,,,,0,,0,,,,,,,not_observed,,,,
        absent,random,"first, fit",4,0,,,,0,,0,,,,,,,not_observed,,,,
        "#);
    }

    #[test]
    fn one_replication_gives_no_verdict() {
        let comparison = Comparison::new(
            &metrics()[..1],
            &[variant("first_fit", &[Some(10.0)]), variant("exact", &[Some(2.0)])],
            0,
            1,
        )
        .unwrap();
        assert!(comparison.is_single());
        insta::assert_snapshot!(comparison.to_json(), @r#"
        {
          "baseline": "first_fit",
          "variants": [
            "exact"
          ],
          "replications": 1,
          "level": 0.95,
          "notes": [],
          "rows": [
            {
              "metric": "waiting_time_s.mean",
              "direction": "lower_is_better",
              "variant": "exact",
              "pairs": 1,
              "baseline_mean": 10.0,
              "variant_mean": 2.0,
              "baseline_own": {
                "mean": 10.0,
                "replications": 1
              },
              "variant_own": {
                "mean": 2.0,
                "replications": 1
              },
              "difference": -8.0,
              "ci95": null,
              "verdict": null,
              "no_verdict": "one_replication",
              "p_value": null,
              "p_adjusted": null,
              "effect_size": null,
              "variance_reduction": null
            }
          ]
        }
        "#);
    }

    /// The mean over the pairs rests on survivors: the baseline alone has another one, and there is no verdict.
    #[test]
    fn means_of_survivors_stand_beside_those_of_all() {
        let base = variant("a", &[Some(2.0), Some(4.0), Some(6.0), Some(20.0)]);
        let some = variant("b", &[None, None, Some(16.0), Some(40.0)]);
        let comparison = Comparison::new(&metrics()[..1], &[base, some], 0, 1).unwrap();
        let row = &comparison.rows[0];
        assert_eq!((row.pairs, row.baseline_mean, row.variant_mean), (2, Some(13.0), Some(28.0)));
        assert_eq!(row.baseline_own, Own { mean: Some(8.0), replications: 4 });
        assert_eq!(row.variant_own, Own { mean: Some(28.0), replications: 2 });
        assert_eq!((row.verdict, row.no_verdict), (None, Some(NoVerdict::ObservedInSome)));
        assert_eq!((row.p_value, row.ci95, row.effect_size), (None, None, None));
    }

    #[test]
    fn what_cannot_be_paired_is_refused() {
        let a = variant("a", &[Some(1.0), Some(2.0)]);
        let b = variant("b", &[Some(1.0)]);
        let messages = [
            Comparison::new(&metrics(), std::slice::from_ref(&a), 0, 1),
            Comparison::new(&metrics(), &[a.clone(), b.clone()], 2, 1),
            Comparison::new(&metrics(), &[a, b], 0, 1),
        ]
        .map(|result| result.unwrap_err().to_string());
        insta::assert_snapshot!(messages.join("\n"), @"
        1 variant(s) to compare; hint: name a baseline and at least one other strategy
        baseline number 2 of 2 variants; hint: count from 0
        `b` has 1 replications, the baseline `a` has 2; hint: paired differences need the same worlds
        ");
    }
}
