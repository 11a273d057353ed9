//! The metrics glossary, from the registry of metrics.

use std::fmt::Write as _;

use resource_manager::observe::metrics::{Better, METRICS, Metric, MetricDef};

/// What the project's requirement documents call a metric. Of several names the first documents' comes first.
fn required_names(metric: Metric) -> &'static [&'static str] {
    match metric {
        Metric::QubitUtilization => &[
            "qubit_utilization",
            "device_utilization",
            "rm_qubit_utilization",
            "resource_manager_device_utilization",
            "resource_manager_qubit_allocated_seconds_total",
        ],
        Metric::CouplerUtilization => &["gate_utilization"],
        Metric::Fragmentation => &["fragmentation_level"],
        Metric::IsolationOverhead => &["isolation_overhead"],
        Metric::IsolationViolations => {
            &["isolation_violations", "resource_manager_isolation_violations_total"]
        }
        Metric::LoadImbalance => &["load_imbalance_score"],
        Metric::WaitingTime => &["job_wait_time_p95"],
        Metric::ActiveAllocations => &["active_allocations"],
        Metric::AllocationSuccessRate => {
            &["allocation_success_rate", "allocation_successes", "resource_manager_allocations_success_total"]
        }
        Metric::AllocationFailureRate => &["allocation_failure_rate", "allocation_failures"],
        Metric::ReallocationCount => &["reallocation_count"],
        Metric::JobsSubmitted => {
            &["allocation_requests", "rm_allocation_requests_total", "resource_manager_allocations_total"]
        }
        _ => &[],
    }
}

/// Wall-clock figures of `performance.json`: name, meaning, names in the requirement documents.
const WALL_CLOCK: &[(&str, &str, &str)] = &[
    (
        "allocation_latency_us",
        "one search for a placement",
        "`average_allocation_time_ms`, `allocation_latency`, `rm_allocation_latency_seconds`, \
         `resource_manager_allocation_duration_seconds`",
    ),
    ("pass_latency_us", "one scheduling pass over all waiting jobs", "`decision_making_time`"),
    ("command_latency_us", "any other command of the core", ""),
    ("estimate_round_us", "one round of estimates of the starts of all waiting jobs", ""),
    (
        "estimate_us_per_job, estimate_commands_per_job, estimate_futures_cut",
        "what an estimate of one job takes, in wall-clock time and in commands to copies of the core; share of futures that were \
         broken off before every job had started",
        "",
    ),
    ("jobs_per_s", "jobs that arrived / wall-clock time of a replication, per thread", ""),
    ("wall_s", "wall-clock time of all replications, added up", ""),
    (
        "allocator_share, observation_share, estimates_share, rest_share",
        "where the time went: core, auditor and metrics, estimates of starts, the rest",
        "",
    ),
    ("threads", "threads over which replications were spread", ""),
    (
        "search_memory.hit_rate",
        "searches that used what earlier ones had found / searches that could",
        "`cache_hit_rate`",
    ),
    (
        "search_memory.(requests, hits, misses, entries, bytes, bytes_peak, entry_bytes_max)",
        "how much searches remembered, and how often it helped",
        "",
    ),
];

/// The page.
pub fn page() -> String {
    let mut page = "\
# Metrics

<!-- Made by tests/generated_docs from src/observe/metrics/registry.rs; UPDATE_DOCS=1 cargo test --test generated_docs -->

Every simulated metric, as it stands in `summary.json`, `summary.csv` and comparisons. A distribution has a suffix
(`waiting_time_s.p95`), a scalar has none. What is given per device as well stands in `summary.csv` as
`name[device]`. All values are of the measured interval (the run without its warm-up) unless the text says otherwise.
With several replications a file gives the mean over them and its 95 % interval (`ci95`; `null` with one replication, and
where all replications are alike because nothing in them is random). `mean` is `null` where nothing was observed.

**The measured interval is half-open**: a job submitted at the instant at which the warm-up ends is measured, one that
would be submitted at the horizon never comes. With `warm_up: {jobs: n}` the interval begins with the submission of the
next job. Integrals over time (utilization, queue length, fragmentation) cover the same interval, up to the end of the
run. What ends or starts at the instant of the end has ended or started. The column `measured` of `jobs.csv` is 1 for the
jobs that count and 0 for those of the warm-up: counts, times and rates are over the former. Fidelities are over the jobs
that complete in the interval, whenever they were submitted.

**Percentiles are nearest rank**: the smallest observed value that at least 95 % of all values do not exceed,
never something between two values. Above 256 values they are exact to a part in 128 or better.

**Censored values.** A value may rest on the jobs that happened to be done rather than on all that were measured, and then
flatters whoever leaves the hard ones undone. The table, `summary.json` and the report mark it (`remark`): `survivors
only` when a run was cut off or stuck, when more than 1 % of the measured jobs had not started (values over started jobs)
or had not ended (values over ended jobs); `not measured` when the run ended before its warm-up or no job was submitted
after it. `notes` in `summary.json` and `manifest.json` say why. Comparisons and checks give no verdict on such values.

*Better* decides verdicts: of a metric without a better way, a comparison gives no verdict. The last column has the
names of the same quantity in the project's requirement documents.

| metric | better | meaning | required as |
|---|---|---|---|
"
    .to_owned();
    for def in METRICS {
        let required: Vec<String> =
            required_names(def.metric).iter().map(|name| format!("`{name}`")).collect();
        let better = match def.better {
            Better::Higher => "higher",
            Better::Lower => "lower",
            Better::Neutral => "-",
        };
        let meaning = escaped(def.description);
        let _ = writeln!(page, "| {} | {better} | {meaning} | {} |", name(def), required.join(", "));
    }
    page.push_str(
        "
## Wall-clock figures

Measured, not simulated: they differ from run to run and machine to machine, stand in `performance.json` (and
`latency.csv`, the whole distributions), and never in files that are compared byte by byte. `_us` are microseconds, with
`.mean .p50 .p95 .p99 .max`.

| figure | meaning | required as |
|---|---|---|
",
    );
    for (name, meaning, required) in WALL_CLOCK {
        let _ = writeln!(page, "| `{name}` | {meaning} | {required} |");
    }
    page.push_str(
        "
## What a pass counts

A scheduling pass goes through the queues that are due and looks at waiting jobs in order. What it counts follows from the
state of the core alone, not from what it remembers of earlier passes:

- An *attempt* is one look at one waiting job. Held jobs are passed over, and jobs that wait to be tried again at a time.
- A job is *blocked by shape* when no device took it although one that it may use had enough free qubits within the job's
  limits and far enough from other jobs: no region of the shape was found among them (or the search gave up). Placements
  that exist but are not good enough do not count.
- *Devices tried* (`devices_tried` in `jobs.csv`) are the other devices with enough free qubits that the job preferred or the
  selection named before the one that it got; with `best_fidelity`, which compares all, all others.
- The *reason* for which a job waits is the first of these that holds: no device could take it even if it were empty; it is
  held; it is tried again at a time; others are ahead; then, of the device that is nearest to taking it: quality, a defect of
  the strategy, a search that gave up, shape, too few usable qubits, too few free qubits, others that must end first, the
  number of jobs at a time, its status.

## Required, but not measured yet

`rebalance_operations`, `rebalance_latency` and the rebalancing overhead: jobs do not move between devices yet. The names
for Prometheus (`rm_...`, `resource_manager_...`) belong to the service, which is not there yet; the tables show which
metric each of them will be.
",
    );
    page
}

/// The name as in files, with unit, statistics and whether it is given per device.
fn name(def: &MetricDef) -> String {
    let mut text = format!("`{}`", def.name);
    if !def.statistics.is_empty() {
        let statistics: Vec<&str> = def.statistics.iter().map(|statistic| statistic.name()).collect();
        let _ = write!(text, " .{}", statistics.join(" ."));
    }
    if !def.unit.is_empty() {
        let _ = write!(text, " ({})", def.unit);
    }
    if def.per_device {
        text.push_str(", per device");
    }
    text
}

fn escaped(text: &str) -> String {
    text.replace('|', "\\|")
}
