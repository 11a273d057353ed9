//! What each project, group and user got.
//!
//! Promises figures of all attempts of all jobs of one replication, warm-up included: who asks about a tenant asks about all
//! its jobs, and qubits that were lost with a device were held all the same.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::distributions::{quantile, sorted};
use crate::experiment::reading::JobRow;
use crate::report::table::{duration, number, percent};

/// Most tenants of a table; those with most jobs are shown.
const ROWS_MAX: usize = 250;

/// Kinds of tenants, as in the columns of `jobs.csv`.
const KINDS: [(&str, &str); 3] = [("project", "Projects"), ("group", "Groups"), ("user", "Users")];

/// Names by kind and number.
pub(super) type Names = [BTreeMap<u32, String>; 3];

/// All tenants, by kind and number.
#[derive(Debug, Default)]
pub(super) struct Tenants {
    by_kind: [BTreeMap<u32, Tenant>; 3],
    names: Names,
}

#[derive(Debug, Default)]
struct Tenant {
    jobs: u64,
    completed: u64,
    qubit_seconds: f64,
    /// Qubits of attempts that still run, and their qubits times their starts.
    running: (f64, f64),
    waits: Vec<f64>,
    stretches: Vec<f64>,
}

/// Qubits that were held, in seconds; `end` is `None` for what still runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ran {
    pub start: f64,
    pub end: Option<f64>,
    pub qubits: u64,
}

impl Tenant {
    fn held(&mut self, ran: Ran) {
        let qubits = ran.qubits as f64;
        match ran.end {
            Some(end) => self.qubit_seconds += qubits * (end - ran.start).max(0.0),
            None => {
                self.running.0 += qubits;
                self.running.1 += qubits * ran.start;
            }
        }
    }
}

impl Tenants {
    /// Counts a job, and its last attempt.
    pub fn add(&mut self, row: &JobRow, last: Option<Ran>) {
        let cells = [&row.project, &row.group, &row.user];
        for ((tenants, names), cell) in self.by_kind.iter_mut().zip(&mut self.names).zip(cells) {
            let tenant = tenants.entry(cell.number).or_insert_with(|| {
                names.extend(cell.name.clone().map(|name| (cell.number, name)));
                Tenant::default()
            });
            tenant.jobs += 1;
            tenant.completed += u64::from(row.final_state == "completed");
            if let Some(ran) = last {
                tenant.held(ran);
            }
            tenant.waits.extend(row.waiting_time);
            tenant.stretches.extend(row.stretch);
        }
    }

    /// Counts an earlier attempt of a job that was counted.
    pub fn attempt(&mut self, tenant: [u32; 3], ran: Ran) {
        for (tenants, number) in self.by_kind.iter_mut().zip(tenant) {
            tenants.entry(number).or_default().held(ran);
        }
    }

    /// The run ended at `until`: what still ran had run as long.
    pub fn close(&mut self, until: f64) {
        for tenant in self.by_kind.iter_mut().flat_map(BTreeMap::values_mut) {
            let (qubits, starts) = std::mem::take(&mut tenant.running);
            tenant.qubit_seconds += (qubits * until - starts).max(0.0);
        }
    }

    /// Whether there is any.
    pub fn is_empty(&self) -> bool {
        self.by_kind[0].is_empty()
    }

    /// The names of those that have one.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Tables that can be sorted, one per kind; the first is shown, the others on demand.
    pub fn tables(&self) -> Markup {
        html! {
            div.controls {
                label { "Tenants: " select #tenant-kind {
                    @for (kind, name) in KINDS { option value=(kind) { (name) } }
                } }
            }
            @for (((kind, name), tenants), names) in KINDS.iter().zip(&self.by_kind).zip(&self.names) {
                div.tenants data-kind=(kind) hidden[*kind != KINDS[0].0] { (table(kind, name, tenants, names)) }
            }
        }
    }
}

/// Number of qubits of an interval set; text that is none counts as nothing.
pub(super) fn qubits_in(ranges: &str) -> u64 {
    let size = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last) = (first.parse::<u64>().ok()?, last.parse::<u64>().ok()?);
        (last.checked_sub(first)?).checked_add(1)
    };
    ranges.split_ascii_whitespace().filter_map(size).fold(0, u64::saturating_add)
}

fn table(kind: &str, name: &str, tenants: &BTreeMap<u32, Tenant>, names: &BTreeMap<u32, String>) -> Markup {
    let total: f64 = tenants.values().map(|tenant| tenant.qubit_seconds).sum();
    let mut order: Vec<(&u32, &Tenant)> = tenants.iter().collect();
    order.sort_by(|a, b| b.1.jobs.cmp(&a.1.jobs).then(a.0.cmp(b.0)));
    let left_out = order.len().saturating_sub(ROWS_MAX);
    order.truncate(ROWS_MAX);
    let columns = [
        kind,
        "jobs",
        "completed",
        "share of qubit-seconds",
        "waiting time, mean",
        "waiting time, p95",
        "stretch, mean",
        "stretch, p95",
    ];
    html! {
        div.scroll tabindex="0" role="region" aria-label={ (name) " table" } {
            table.sortable {
                thead { tr { @for column in columns { th scope="col" { (column) } } } }
                tbody {
                    @for (number_of, tenant) in order {
                        @let waits = sorted(tenant.waits.clone());
                        @let stretches = sorted(tenant.stretches.clone());
                        @let share = if total > 0.0 { tenant.qubit_seconds / total } else { 0.0 };
                        tr {
                            th scope="row" data-v=(names.get(number_of).cloned().unwrap_or_else(|| number_of.to_string())) {
                                @match names.get(number_of) {
                                    Some(name) => { (name) }
                                    None => { (kind) " " (number_of) }
                                }
                            }
                            (cell(Some(tenant.jobs as f64), number))
                            (cell(Some(tenant.completed as f64), number))
                            td data-v=(share) {
                                (percent(Some(share)))
                                span.bar aria-hidden="true" style={ "--share:" (format!("{:.4}", share)) } {}
                            }
                            (cell(mean(&waits), duration))
                            (cell(p95(&waits), duration))
                            (cell(mean(&stretches), number))
                            (cell(p95(&stretches), number))
                        }
                    }
                }
            }
        }
        @if left_out > 0 {
            p.note { (left_out) " more with fewer jobs are left out; " code { "jobs.csv" } " has them all." }
        }
    }
}

fn cell(value: Option<f64>, show: impl Fn(Option<f64>) -> String) -> Markup {
    html! { td data-v=[value] { (show(value)) } }
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn p95(sorted: &[f64]) -> Option<f64> {
    (!sorted.is_empty()).then(|| quantile(sorted, 0.95))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interval_sets_are_counted() {
        let counted = ["", "3", "0-4 7 9-9", "4-3", "x", "0-18446744073709551615 5"].map(qubits_in);
        assert_eq!(counted, [0, 1, 7, 0, 0, 1]);
    }
}
