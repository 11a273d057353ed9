//! Every metric with its value and what it means, from the registry: the one place where metrics are described.

use maud::{Markup, html};

use crate::experiment::run::MetricSummary;
use crate::observe::metrics::{Better, METRICS, MetricDef};
use crate::report::table::{duration, number, with_interval};

/// The anchor of a metric on the page.
pub(super) fn anchor(def: &MetricDef) -> String {
    format!("metric-{}", def.name)
}

/// Which way a metric improves, in words.
fn better(def: &MetricDef) -> &'static str {
    match def.better {
        Better::Higher => "more is better",
        Better::Lower => "less is better",
        Better::Neutral => "neither way is better",
    }
}

/// The glossary with the values of a run.
pub(super) fn with_values(values: &[MetricSummary]) -> Markup {
    let intervals = values.iter().any(|value| value.ci95.is_some());
    html! {
        div.controls {
            label { "Find: " input #metric-filter type="search" placeholder="waiting, fidelity, ..." autocomplete="off"; }
            span.count #metric-count aria-live="polite" {}
        }
        div.scroll tabindex="0" role="region" aria-label="Metrics table" {
            table.metrics {
                thead { tr {
                    th scope="col" { "metric" }
                    th scope="col" { @if intervals { "value ± 95 %" } @else { "value" } }
                    th scope="col" { "what it means" }
                } }
                tbody {
                    @for def in METRICS {
                        tr id=(anchor(def)) {
                            th scope="row" { code { (def.name) } }
                            td { (of(def, values)) }
                            td { (meaning(def)) }
                        }
                    }
                }
            }
        }
    }
}

/// The glossary alone, for some metrics.
pub(super) fn plain<'a>(names: impl IntoIterator<Item = &'a str>) -> Markup {
    let names: Vec<&str> = names.into_iter().collect();
    let mentioned = |def: &&MetricDef| {
        names.iter().any(|name| MetricDef::find(name).is_ok_and(|(found, _)| found.metric == def.metric))
    };
    html! {
        dl.glossary {
            @for def in METRICS.iter().filter(mentioned) {
                div id=(anchor(def)) { dt { code { (def.name) } } dd { (meaning(def)) } }
            }
        }
    }
}

fn meaning(def: &MetricDef) -> Markup {
    html! {
        (def.description)
        span.better { "; " @if !def.unit.is_empty() { "in " (def.unit) ", " } (better(def)) }
    }
}

/// All values of a metric: one, or one per statistic.
fn of(def: &MetricDef, values: &[MetricSummary]) -> Markup {
    let own = values.iter().filter(|value| value.def.metric == def.metric);
    html! {
        @for value in own {
            div.value {
                @if let Some((_, statistic)) = value.name.split_once('.') { span.statistic { (statistic) " " } }
                (show(value))
                @if let Some(remark) = &value.remark { span.flag { " " (remark) } }
            }
        }
    }
}

fn show(value: &MetricSummary) -> String {
    // Replications that agree to the bit are a fact, not a precision.
    match (value.def.unit, value.ci95.filter(|interval| interval.low < interval.high)) {
        ("s", None) => duration(value.mean),
        (_, None) => number(value.mean),
        (_, ci95) => with_interval(value.mean, ci95),
    }
}
