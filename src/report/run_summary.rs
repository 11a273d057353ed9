//! What a run says on the terminal: the numbers that people look for first, then one line per device.

use super::accounts_table;
use super::table::{Align, Cell, Table, Tone, duration, number, percent, with_interval};
use crate::experiment::accounts;
use crate::experiment::run::{MetricSummary, Replication, summarize};
use crate::observe::metrics::Metric;
use crate::simulator::scenario::Scenario;

/// The lines of the summary table: what, which metric, and how it is shown.
const LINES: &[(&str, &str, Show)] = &[
    ("jobs submitted", "jobs_submitted", Show::Number),
    ("jobs completed", "jobs_completed", Show::Number),
    ("jobs failed", "jobs_failed", Show::Number),
    ("jobs cancelled", "jobs_cancelled", Show::Number),
    ("jobs rejected", "jobs_rejected", Show::Number),
    ("jobs expired", "jobs_expired", Show::Number),
    ("jobs unfinished", "jobs_unfinished", Show::Number),
    ("allocation success rate", "allocation_success_rate", Show::Percent),
    ("qubit utilization", "qubit_utilization", Show::Percent),
    ("with buffers", "effective_utilization", Show::Percent),
    ("fragmentation", "fragmentation", Show::Percent),
    ("blocked by shape", "blocked_by_shape", Show::Percent),
    ("waiting time, mean", "waiting_time_s.mean", Show::Duration),
    ("waiting time, p50", "waiting_time_s.p50", Show::Duration),
    ("waiting time, p95", "waiting_time_s.p95", Show::Duration),
    ("turnaround, p95", "turnaround_time_s.p95", Show::Duration),
    ("queue length, mean", "queue_length", Show::Number),
    ("fidelity predicted, mean", "fidelity_predicted.mean", Show::Number),
    ("fidelity true, mean", "fidelity_true.mean", Show::Number),
    ("reallocations", "reallocation_count", Show::Number),
    ("load imbalance", "load_imbalance", Show::Number),
    ("isolation violations", "isolation_violations", Show::Violations),
    ("farthest from its share", "share_gap", Show::PercentIfAny),
    ("stopped by quotas, job seconds", "quota_stopped_job_s", Show::NumberIfAny),
    ("started as promised", "promised_share", Show::PercentIfAny),
    ("started before an earlier job", "backfilled_share", Show::PercentIfAny),
    ("promises missed", "promises_missed", Show::ViolationsIfPromised),
    ("start told before, of those > 10 s", "estimated_share", Show::PercentIfAny),
    ("of these within p10 to p90", "estimate_coverage", Show::PercentIfAny),
];

#[derive(Clone, Copy)]
enum Show {
    Number,
    Percent,
    Duration,
    /// A number that should be 0.
    Violations,
    /// The same, not shown where nothing was promised.
    ViolationsIfPromised,
    /// Not shown where there is none of it.
    NumberIfAny,
    /// The same.
    PercentIfAny,
}

impl Show {
    /// How it is shown, if it is.
    fn of(self, metric: &MetricSummary, fleet: &[MetricSummary]) -> Option<Self> {
        let any = |metric: &MetricSummary| metric.mean.is_some_and(|mean| mean > 0.0);
        match self {
            Self::NumberIfAny => any(metric).then_some(Self::Number),
            Self::PercentIfAny => any(metric).then_some(Self::Percent),
            Self::ViolationsIfPromised => {
                let given = fleet.iter().find(|metric| metric.name == "promises_given");
                given.is_some_and(any).then_some(Self::Violations)
            }
            shown => Some(shown),
        }
    }
}

/// One line of the summary: what people call it, the metric behind it, and its value in words.
#[derive(Debug, Clone)]
pub struct SummaryLine<'a> {
    /// What people call it.
    pub label: &'static str,
    /// The metric behind it.
    pub metric: &'a MetricSummary,
    /// Its value with unit, and with `±` the half width of its 95 % interval if it has one.
    pub value: String,
    /// Both ends of the interval, if it has one.
    pub interval: Option<[String; 2]>,
    /// Why the value is not what its name says, if it is not.
    pub remark: Option<&'a str>,
    /// Whether the value is good or bad news.
    pub tone: Tone,
}

/// One line per device: its name, qubits, and what was measured of it, in the order of [`DEVICE_COLUMNS`].
#[derive(Debug, Clone)]
pub struct DeviceLine<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its qubits, dead ones included.
    pub qubits: usize,
    /// Values in words.
    pub values: [String; 4],
    /// The same as numbers.
    pub numbers: [Option<f64>; 4],
}

/// What [`DeviceLine::values`] are.
pub const DEVICE_COLUMNS: [(&str, Metric); 4] = [
    ("utilization", Metric::QubitUtilization),
    ("with buffers", Metric::EffectiveUtilization),
    ("fragmentation", Metric::Fragmentation),
    ("jobs at a time", Metric::ActiveAllocations),
];

/// The summary of a run as lines of text.
pub fn run_summary(scenario: &Scenario, replications: &[Replication], color: bool) -> String {
    let fleet = summarize(replications, |replication| &replication.summary);
    let mut text = table(&fleet, color);
    let devices = summarize(replications, |replication| &replication.per_device);
    text.push('\n');
    text.push_str(&device_table(scenario, &devices, color));
    if scenario.allocator.shares_count() {
        let accounts = replications.iter().filter_map(|one| one.accounts.as_ref());
        if let Some(summary) = accounts::summary(&scenario.allocator, accounts) {
            text.push('\n');
            text.push_str(&accounts_table::accounts_table(&summary, color));
        }
    }
    text
}

/// The lines of the summary, for the metrics that are there.
pub fn summary_lines(fleet: &[MetricSummary]) -> Vec<SummaryLine<'_>> {
    let mut lines = Vec::with_capacity(LINES.len());
    for &(label, name, show) in LINES {
        let Some(metric) = fleet.iter().find(|metric| metric.name == name) else { continue };
        let Some(show) = show.of(metric, fleet) else { continue };
        // Replications that agree to the bit are a fact, not a precision.
        let ci95 = metric.ci95.filter(|interval| interval.low < interval.high);
        let value = match (ci95, show) {
            (Some(ci), Show::Percent) => {
                format!("{} ± {}", percent(metric.mean), percent(Some(ci.half_width())))
            }
            (Some(ci), Show::Duration) => {
                format!("{} ± {}", duration(metric.mean), duration(Some(ci.half_width())))
            }
            (Some(_), _) => with_interval(metric.mean, ci95),
            (None, Show::Percent) => percent(metric.mean),
            (None, Show::Duration) => duration(metric.mean),
            (None, _) => number(metric.mean),
        };
        let end = |value: f64| match show {
            Show::Percent => percent(Some(value)),
            Show::Duration => duration(Some(value)),
            _ => number(Some(value)),
        };
        let interval = ci95.map(|ci| [end(ci.low), end(ci.high)]);
        let tone = match show {
            Show::Violations if metric.mean == Some(0.0) => Tone::Good,
            Show::Violations if metric.mean.is_some() => Tone::Bad,
            _ => Tone::Plain,
        };
        lines.push(SummaryLine { label, metric, value, interval, remark: metric.remark.as_deref(), tone });
    }
    lines
}

/// The lines of some devices, given by name and number of qubits.
pub fn device_lines<'a>(
    devices: impl IntoIterator<Item = (&'a str, usize)>,
    values: &[MetricSummary],
) -> Vec<DeviceLine<'a>> {
    let line = |(name, qubits): (&'a str, usize)| {
        let mean = |metric: Metric| {
            let of_device = |value: &&MetricSummary| {
                value.def.metric == metric
                    && value
                        .name
                        .strip_suffix(']')
                        .and_then(|rest| rest.split_once('['))
                        .is_some_and(|n| n.1 == name)
            };
            values.iter().find(of_device).and_then(|value| value.mean)
        };
        let numbers = DEVICE_COLUMNS.map(|(_, metric)| mean(metric));
        let [utilization, effective, fragmentation, active] = numbers;
        let values = [percent(utilization), percent(effective), percent(fragmentation), number(active)];
        DeviceLine { name, qubits, values, numbers }
    };
    devices.into_iter().map(line).collect()
}

fn table(fleet: &[MetricSummary], color: bool) -> String {
    let lines = summary_lines(fleet);
    let mut columns = vec![("fleet", Align::Left), ("value", Align::Right)];
    if lines.iter().any(|line| line.remark.is_some()) {
        columns.push(("but", Align::Left));
    }
    let mut table = Table::new(&columns);
    for line in lines {
        let remark = Cell::new(line.remark.unwrap_or_default(), Tone::Warning);
        table.row([Cell::from(line.label), Cell::new(line.value, line.tone), remark]);
    }
    table.render(color)
}

fn device_table(scenario: &Scenario, values: &[MetricSummary], color: bool) -> String {
    /// A terminal is no place for a thousand lines; `summary.csv` has them all.
    const SHOWN: usize = 24;
    let mut columns = vec![("device", Align::Left), ("qubits", Align::Right)];
    columns.extend(DEVICE_COLUMNS.map(|(name, _)| (name, Align::Right)));
    let mut table = Table::new(&columns);
    let shown = scenario.fleet.iter().take(SHOWN);
    let shown = shown.map(|device| (device.spec.name.as_str(), device.spec.coupling_map.qubits()));
    for line in device_lines(shown, values) {
        let own = [Cell::from(line.name), Cell::from(line.qubits.to_string())];
        table.row(own.into_iter().chain(line.values.map(Cell::from)));
    }
    let mut text = table.render(color);
    if scenario.fleet.len() > SHOWN {
        text.push_str(&format!("... and {} more, see summary.csv\n", scenario.fleet.len() - SHOWN));
    }
    text
}

/// The names of [`LINES`] must be metrics.
#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::metrics::{MetricDef, Statistic};

    #[test]
    fn every_line_is_a_metric() {
        for (label, name, _) in LINES {
            assert!(MetricDef::find(name).is_ok(), "{label}: {name}");
        }
        assert_eq!(Statistic::P95.name(), "p95");
    }
}
