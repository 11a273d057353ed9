//! Shares beside usage, what became of all qubits, and what promises came to.
//!
//! Promises the figures of `summary.json`, means over all replications. Leaves tenants of one replication to
//! [`super::tenants`].

use maud::{Markup, html};

use crate::experiment::accounts::{AccountsSummary, CapacityRow, Row};
use crate::experiment::run::MetricSummary;
use crate::report::table::{duration, number, percent};

/// Most groups and projects with bars.
const ROWS_MAX: usize = 24;

/// The causes for which promises move, as in the names of metrics, in words.
const CAUSES: [(&str, &str); 8] = [
    ("promises_moved_earlier", "to no later start"),
    ("promises_moved_device_lost", "device lost"),
    ("promises_moved_element_lost", "qubit or coupler lost"),
    ("promises_moved_recalibrated", "recalibrated"),
    ("promises_moved_overrun", "walltime overrun"),
    ("promises_moved_order_changed", "others came before"),
    ("promises_moved_quota_reached", "quota reached"),
    ("promises_moved_not_found_again", "not found again"),
];

/// The body of the section.
pub(super) fn section(accounts: &AccountsSummary, fleet: &[MetricSummary]) -> Markup {
    let value = |name: &str| fleet.iter().find(|metric| metric.name == name).and_then(|metric| metric.mean);
    let rows: Vec<&Row> =
        accounts.tenants.iter().filter(|row| matches!(&*row.level, "group" | "project")).collect();
    html! {
        h3 { "Where the qubits went" }
        (capacity(&accounts.capacity))
        h3 { "Due and charged" }
        p.note {
            "Each bar is a part of what a group has beside the other groups, or a project beside those of its group; "
            (accounts.usage) "."
        }
        div.shares {
            div.legend {
                span { i.due {} " due by shares" }
                span { i.used {} " charged" }
            }
            @for row in rows.iter().take(ROWS_MAX) { (pair(row)) }
        }
        @if rows.len() > ROWS_MAX {
            p.note { (rows.len() - ROWS_MAX) " more are in " code { "accounts.csv" } "." }
        }
        @if value("promises_given").is_some_and(|given| given > 0.0) { (promises(&value)) }
        @if value("estimated_share").is_some() { (estimates(&value)) }
    }
}

/// One group or project.
fn pair(row: &Row) -> Markup {
    let (kind, name) = match (&row.group, &row.project) {
        (Some(group), None) => ("group", group),
        (_, Some(project)) => ("project", project),
        (None, None) => return html! {},
    };
    let stopped = Some(row.quota_stopped_job_s).filter(|stopped| *stopped > 0.0);
    let width = |share: Option<f64>| format!("--share:{:.4}", share.unwrap_or(0.0));
    html! {
        div.pair.inner[kind == "project"] {
            div.who { span.kind { (kind) " " } (name) }
            div.bars {
                span.wide.due style=(width(row.due_share)) {}
                span.wide.used style=(width(row.charged_share)) {}
            }
            div.said {
                (percent(row.due_share)) " due, " b { (percent(row.charged_share)) " charged" }
                small {
                    (number(Some(row.jobs))) " jobs"
                    @if row.waiting_time_mean_s.is_some() {
                        ", mean wait " (duration(row.waiting_time_mean_s))
                    }
                    @if stopped.is_some() { ", stopped by quotas " (duration(stopped)) " in all" }
                }
            }
        }
    }
}

/// All qubits over time.
fn capacity(row: &CapacityRow) -> Markup {
    let all = row.capacity_qubit_s + row.outage_qubit_s;
    let parts = [
        ("charged to jobs, kept idle around them included", row.charged_qubit_s),
        ("refunded: the hardware ended the job", row.refunded_qubit_s),
        ("kept idle by more than 16 jobs, charged to nobody", row.undivided_qubit_s),
        ("idle", row.idle_qubit_s),
        ("idle under calibration", row.calibration_qubit_s),
        ("outage: dead or offline", row.outage_qubit_s),
    ];
    html! {
        div.scroll tabindex="0" role="region" aria-label="Capacity table" {
            table {
                thead { tr {
                    th scope="col" { "what" }
                    th scope="col" { "qubit-seconds" }
                    th scope="col" { "of all" }
                } }
                tbody {
                    @for (name, value) in parts {
                        @if value > 0.0 {
                            @let share = if all > 0.0 { value / all } else { 0.0 };
                            tr {
                                th scope="row" { (name) }
                                td { (number(Some(value))) }
                                td {
                                    (percent(Some(share)))
                                    span.bar aria-hidden="true" style={ "--share:" (format!("{share:.4}")) } {}
                                }
                            }
                        }
                    }
                    tr {
                        th scope="row" { "all qubits" }
                        td { (number(Some(all))) }
                        td { (percent(Some(1.0).filter(|_| all > 0.0))) }
                    }
                }
            }
        }
        p.note {
            "Every run checks, in whole parts of qubit-nanoseconds, that these lines add up; capacity is all of them but outage."
        }
    }
}

/// What was told of the starts of waiting jobs, and what came.
fn estimates(value: &impl Fn(&str) -> Option<f64>) -> Markup {
    let share = |name: &str| percent(value(name));
    html! {
        h3 { "Start estimates" }
        dl.figures {
            div { dt { "told before they started" } dd { (share("estimated_share")) " of the jobs that waited for more than 10 s" } }
            div { dt { "started within p10 to p90" } dd { (share("estimate_coverage")) " of these; 80 % is right" } }
            div { dt { "median error of the first estimate" } dd { (duration(value("estimate_error_s.p50"))) } }
            div {
                dt { "width of the range" }
                dd { (share("estimate_width.p50")) " of that of past waits of like jobs" }
            }
            div { dt { "started as planned 30 s before" } dd { (share("plan_stability")) } }
        }
        p.note { code { "estimates.csv" } " has every estimate, " code { "start_estimates.png" } " draws the first one of each job." }
    }
}

fn promises(value: &impl Fn(&str) -> Option<f64>) -> Markup {
    let missed = value("promises_missed").unwrap_or(0.0);
    let share = |name: &str| percent(value(name));
    html! {
        h3 { "Promised starts" }
        dl.figures {
            div { dt { "promised" } dd { (number(value("promises_given"))) } }
            div { dt { "started with a promise" } dd { (share("promised_share")) " of the started jobs" } }
            div { dt { "started before an earlier job" } dd { (share("backfilled_share")) " of the started jobs" } }
            div.good[missed == 0.0].bad[missed > 0.0] {
                dt { "missed" }
                dd {
                    (number(Some(missed)))
                    @if missed > 0.0 { span.flag { " should be 0" } }
                }
            }
            @for (name, words) in CAUSES {
                @if value(name).is_some_and(|moved| moved > 0.0) {
                    div { dt { "moved: " (words) } dd { (number(value(name))) } }
                }
            }
        }
    }
}
