//! The page of a comparison: verdicts with their evidence, and the values behind them.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use indexmap::IndexMap;
use maud::{Markup, html};
use serde::Serialize;

use super::shell::{Heading, Section};
use super::{Page, glossary, manifest, shell};
use crate::experiment::comparison::{Comparison, Own, Row};
use crate::experiment::reading::{ComparisonFiles, ReadError, ReplicationRow, each_row};
use crate::experiment::statistics::{Direction, Verdict};
use crate::report::comparison_table::verdict as verdict_words;
use crate::report::table::{number, signed_with_interval};

/// Most values per metric in the plot of replications.
const VALUES_MAX: usize = 4_000;

/// Most rows of the table: a thousand variants have no readable table.
const ROWS_MAX: usize = 3_000;

/// What the scripts draw.
#[derive(Debug, Serialize)]
struct Data<'a> {
    kind: &'static str,
    baseline: &'a str,
    variants: &'a [String],
    rows: Vec<Drawn<'a>>,
    /// By metric, then by variant: one value per replication.
    replications: IndexMap<String, BTreeMap<usize, Vec<Option<f64>>>>,
}

/// A row as the scripts draw it.
#[derive(Debug, Serialize)]
struct Drawn<'a> {
    metric: &'a str,
    variant: &'a str,
    /// `none` where there is none.
    verdict: &'static str,
    /// The verdict in words, with the reason where there is none.
    says: String,
    pairs: usize,
    lower_is_better: bool,
    baseline: Option<f64>,
    mean: Option<f64>,
    difference: Option<f64>,
    ci95: Option<[f64; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bootstrap95: Option<[f64; 2]>,
}

/// The page of a comparison.
pub(super) fn page(files: &ComparisonFiles) -> Result<Page, ReadError> {
    let comparison = &files.comparison;
    let manifest = &files.manifest;
    let mut missing = Vec::new();
    let replications = match files.replications() {
        Some(path) => {
            let mut values: IndexMap<String, BTreeMap<usize, Vec<Option<f64>>>> =
                comparison.rows.iter().map(|row| (row.metric.clone(), BTreeMap::new())).collect();
            let names: Vec<&String> =
                std::iter::once(&comparison.baseline).chain(&comparison.variants).collect();
            each_row(&path, |row: ReplicationRow| {
                let variant = names.iter().position(|name| **name == row.variant);
                if let (Some(of_metric), Some(variant)) = (values.get_mut(&row.metric), variant) {
                    let list = of_metric.entry(variant).or_default();
                    if list.len() < VALUES_MAX / names.len().max(1) {
                        list.push(row.value);
                    }
                }
                ControlFlow::Continue(())
            })?;
            values
        }
        None => {
            missing.push("no replications.csv, so no values of single replications".to_owned());
            IndexMap::new()
        }
    };
    let rows = &comparison.rows[..comparison.rows.len().min(ROWS_MAX)];
    let data = Data {
        kind: "comparison",
        baseline: &comparison.baseline,
        variants: &comparison.variants,
        rows: rows.iter().map(drawn).collect(),
        replications,
    };
    let sections = [
        Section {
            id: "verdicts",
            title: "Verdicts",
            lead: Some(lead(comparison)),
            body: verdicts(comparison, rows, &missing),
        },
        Section {
            id: "differences",
            title: "Differences",
            lead: Some(format!(
                "Paired differences from {} in percent of its mean, with 95 % intervals. The good side is right for \
                 metrics of which more is better, and left for the others; the marks say which verdict was reached.",
                comparison.baseline
            )),
            body: differences(),
        },
        Section {
            id: "replications",
            title: "Replications",
            lead: Some(
                "Every replication of every variant; lines join the same world. Where lines run in parallel, pairing \
                 pays."
                    .to_owned(),
            ),
            body: html! {
                div.controls { label { "Metric: " select #metric-choice {} } }
                figure.chart data-chart="replications" { div.plot {} }
            },
        },
        Section {
            id: "trade-off",
            title: "Trade-off",
            lead: Some(
                "Means of two metrics against each other, one point per variant: what one gains, what it pays.".to_owned(),
            ),
            body: html! {
                div.controls {
                    label { "Across: " select #trade-off-x {} }
                    label { "Up: " select #trade-off-y {} }
                }
                figure.chart data-chart="trade-off" { div.plot {} }
            },
        },
        Section {
            id: "metrics",
            title: "What the metrics mean",
            lead: None,
            body: glossary::plain(rows.iter().map(|row| row.metric.as_str())),
        },
        Section { id: "about", title: "About this comparison", lead: None, body: manifest::section(manifest, None) },
    ];
    let facts = vec![
        ("run", manifest.run.clone()),
        ("seed", manifest.seed.to_string()),
        ("replications", comparison.replications.to_string()),
        ("variants", (comparison.variants.len() + 1).to_string()),
        ("baseline", comparison.baseline.clone()),
    ];
    let heading = Heading { kind: "Comparison", title: &manifest.scenario, description: None, facts };
    Ok(Page { html: shell::page(&heading, &sections, &data), missing })
}

fn drawn(row: &Row) -> Drawn<'_> {
    Drawn {
        metric: &row.metric,
        variant: &row.variant,
        verdict: word(row.verdict),
        says: verdict_words(row),
        pairs: row.pairs,
        lower_is_better: row.direction == Direction::LowerIsBetter,
        baseline: row.baseline_mean,
        mean: row.variant_mean,
        difference: row.difference,
        ci95: row.ci95.map(Into::into),
        bootstrap95: row.bootstrap95.map(Into::into),
    }
}

/// The word by which rows are filtered and styled.
fn word(verdict: Option<Verdict>) -> &'static str {
    verdict.map_or("none", Verdict::as_str)
}

fn lead(comparison: &Comparison) -> String {
    if comparison.replications < 2 {
        return "One replication: no interval and no verdict; hint: --replications 10 or more.".to_owned();
    }
    format!(
        "Differences from {} over {} replications, with 95 % intervals; pairs are those in which both have a value. p is \
         adjusted for {} variant(s) (Holm), d is the effect size, vrf says how many times fewer replications the same \
         worlds take. Equal means the same in every world; n/a that there is no verdict, and why.",
        comparison.baseline,
        comparison.replications,
        comparison.variants.len()
    )
}

/// A sign and a word: verdicts must not be told by colour alone.
fn badge(verdict: Option<Verdict>, words: &str) -> Markup {
    let sign = match verdict {
        Some(Verdict::Better) => "▲",
        Some(Verdict::Worse) => "▼",
        Some(Verdict::Equal) => "=",
        Some(Verdict::Inconclusive) => "○",
        None => "–",
    };
    html! { span class={ "verdict " (word(verdict)) } { span aria-hidden="true" { (sign) } " " (words) } }
}

/// What every reader must know before the numbers: notes on the variants, and why rows have no verdict.
fn notices(comparison: &Comparison) -> Markup {
    html! {
        @for (who, note) in comparison.notes_by_text() {
            p.notice { strong { (who) } ": " (note) }
        }
        @for (reason, rows) in comparison.reasons() {
            p.notice { strong { "n/a (" (reason.short()) ")" } ", " (rows) " row(s): " (reason.sentence()) }
        }
    }
}

/// A mean over the pairs; where it is not the one over all replications with a value, that one, too.
fn mean_cell(mean: Option<f64>, own: Own, pairs: usize) -> Markup {
    html! {
        (number(mean))
        @if own.replications > pairs {
            br; span.note { "by itself " (number(own.mean)) " over " (own.replications) }
        }
    }
}

fn verdicts(comparison: &Comparison, rows: &[Row], missing: &[String]) -> Markup {
    let count = |variant: &str, verdict: Option<Verdict>| {
        comparison.rows.iter().filter(|row| row.variant == variant && row.verdict == verdict).count()
    };
    let p_value = |row: &Row| match row.p_adjusted {
        Some(p) if p < 0.001 => "<0.001".to_owned(),
        Some(p) => format!("{p:.3}"),
        None => "-".to_owned(),
    };
    let decimals = |value: Option<f64>, decimals: usize| {
        value.map_or_else(|| "-".to_owned(), |value| format!("{value:.decimals$}"))
    };
    html! {
        @for one in missing { p.notice { (one) } }
        (notices(comparison))
        dl.figures {
            @for variant in comparison.variants.iter().take(24) {
                div {
                    dt { (variant) }
                    dd.tally {
                        @for verdict in Verdict::ALL.map(Some).into_iter().chain([None]) {
                            span { (count(variant, verdict)) " " (badge(verdict, verdict.map_or("n/a", Verdict::as_str))) }
                        }
                    }
                }
            }
        }
        div.controls #comparison-controls {
            label { "Variant: " select #variant-filter {
                option value="" { "all" }
                @for variant in &comparison.variants { option { (variant) } }
            } }
            label { "Verdict: " select #verdict-filter {
                option value="" { "all" }
                option value="decided" { "better or worse" }
                @for verdict in Verdict::ALL { option { (verdict.as_str()) } }
                option value="none" { "n/a" }
            } }
            span.count #row-count aria-live="polite" {}
        }
        div.scroll tabindex="0" role="region" aria-label="Comparison table" {
            table.sortable #comparison {
                thead { tr {
                    @for name in ["metric", "variant", "pairs", "baseline", "variant mean", "difference", "p", "d", "vrf", "verdict"] {
                        th scope="col" { (name) }
                    }
                } }
                tbody {
                    @for row in rows {
                        tr data-variant=(row.variant) data-verdict=(word(row.verdict)) {
                            th scope="row" { a href={ "#" (anchor(&row.metric)) } { (row.metric) } }
                            td.text { (row.variant) }
                            td data-v=(row.pairs) { (row.pairs) }
                            td data-v=[row.baseline_mean] { (mean_cell(row.baseline_mean, row.baseline_own, row.pairs)) }
                            td data-v=[row.variant_mean] { (mean_cell(row.variant_mean, row.variant_own, row.pairs)) }
                            td data-v=[row.difference] { (signed_with_interval(row.difference, row.ci95)) }
                            td data-v=[row.p_adjusted] { (p_value(row)) }
                            td data-v=[row.effect_size] { (decimals(row.effect_size, 2)) }
                            td data-v=[row.variance_reduction] { (decimals(row.variance_reduction, 1)) }
                            td.text { (badge(row.verdict, &verdict_words(row))) }
                        }
                    }
                }
            }
        }
        @if comparison.rows.len() > rows.len() {
            p.note { (comparison.rows.len() - rows.len()) " more rows are in " code { "comparison.csv" } "." }
        }
    }
}

fn anchor(metric: &str) -> String {
    format!("metric-{}", metric.split(['.', '[']).next().unwrap_or(metric))
}

fn differences() -> Markup {
    html! {
        div.controls { label { "Variant: " select #forest-variant {} } }
        figure.chart data-chart="forest" { div.plot {} }
    }
}
