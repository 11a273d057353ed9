//! The columns of `jobs.csv` and the metrics of the summary, computed anew from the books of the checker.
//!
//! Promises a finding for every cell and metric that differs by more than rounding. Leaves out metrics that need figures
//! which no trace shows (fidelities, couplers, fragmentation).

use std::collections::{BTreeMap, BTreeSet};

use super::check::{Books, Finding, Job, Phase};
use super::tables::{JobRow, interval_set};
use super::world::World;

const SECOND: f64 = 1e9;

/// What differs between the books and the table of jobs.
pub fn rows(world: &World, books: &Books, rows: &[JobRow], found: &mut Vec<Finding>) {
    let mut known = BTreeSet::new();
    for row in rows {
        let id = row.number("job_id");
        let Some(job) = books.jobs.get(&id) else {
            found.push(finding("column job_id", format!("no event tells of job {id}")));
            continue;
        };
        if !known.insert(id) {
            found.push(finding("column job_id", format!("job {id} has two rows")));
        }
        row_of(world, books, id, job, row, found);
    }
    for id in books.jobs.keys().filter(|id| !known.contains(id)) {
        found.push(finding("column job_id", format!("job {id} has no row")));
    }
}

fn finding(kind: &'static str, text: String) -> Finding {
    Finding { kind, text }
}

fn row_of(world: &World, books: &Books, id: u64, job: &Job, row: &JobRow, found: &mut Vec<Finding>) {
    let mut differ = |kind: &'static str, right: String| {
        let column = kind.trim_start_matches("column ");
        found.push(finding(kind, format!("job {id}: `{}`, right is {right}", row.text(column))));
    };
    let (state, ended) = match job.phase {
        Phase::Ended { state, at, .. } => (state, Some(at)),
        _ => ("unfinished", None),
    };
    if row.text("final_state") != state {
        differ("column final_state", state.to_owned());
    }
    if row.text("success") != if state == "completed" { "true" } else { "false" } {
        differ("column success", state.to_owned());
    }
    let execution = match (job.last_start, job.let_go, ended) {
        (Some(start), Some(end), Some(_)) => Some(end - start),
        _ => None,
    };
    let times = [
        ("column submission_time", Some(job.submitted)),
        ("column starting_time", job.last_start),
        ("column finish_time", ended),
        ("column waiting_time", job.first_start.map(|start| start - job.submitted)),
        ("column turnaround_time", ended.map(|end| end - job.submitted)),
        ("column execution_time", execution),
    ];
    for (kind, right) in times {
        if row.time(kind.trim_start_matches("column ")) != right {
            differ(kind, format!("{right:?} ns"));
        }
    }
    let stretch = ended.zip(execution.filter(|execution| *execution > 0));
    let stretch = stretch.map(|(end, execution)| (end - job.submitted) as f64 / execution as f64);
    if !near(row.real("stretch"), stretch) {
        differ("column stretch", format!("{stretch:?}"));
    }
    if row.number("attempts") != job.attempts {
        differ("column attempts", job.attempts.to_string());
    }
    let device = job.device.map(|index| &world.devices[index]);
    if row.text("device") != device.map_or("", |device| &device.name) {
        differ("column device", format!("{:?}", device.map(|device| &device.name)));
    }
    let offset = device.map_or(0, |device| device.offset);
    let held: Vec<usize> = job.held.iter().map(|qubit| qubit + offset).collect();
    if interval_set(row.text("allocated_resources")) != Some(held.clone()) {
        differ("column allocated_resources", format!("{held:?}"));
    }
    let kind = world.kinds.get(row.text("workload_name"));
    if let (Some(kind), Some(device)) = (kind, device) {
        let buffer = kind.buffer.max(device.separation);
        if row.number("buffer_distance") != u64::from(buffer) {
            differ("column buffer_distance", buffer.to_string());
        }
    }
    let kept = row.time("deadline").and_then(|within| kept(job, within, books.ended));
    if row.text("deadline_kept") != kept.map_or(String::new(), |kept| kept.to_string()) {
        differ("column deadline_kept", format!("{kept:?}"));
    }
    let measured = books.from.is_some_and(|(_, sequence)| job.submission >= sequence);
    if (row.text("measured") == "1") != measured {
        differ("column measured", measured.to_string());
    }
    let ran = job.runs.iter().map(|(from, until, _)| until - from).max();
    if let (Some(most), Some(walltime)) = (world.overrun_ns, row.time("requested_time"))
        && ran.is_some_and(|ran| ran > walltime.saturating_add(most))
    {
        found.push(finding("beyond the walltime", format!("job {id} ran {ran:?} ns of {walltime}")));
    }
    if let (Some(fixed), "completed", 1) = (world.run_time_ns, state, job.copies)
        && execution != Some(fixed)
    {
        found.push(finding("run time", format!("job {id} took {execution:?} ns instead of {fixed}")));
    }
}

/// Whether a job completed within so much time of its submission; not known of what is not over, and not asked of what was
/// cancelled before.
fn kept(job: &Job, within: u64, ended: u64) -> Option<bool> {
    match job.phase {
        Phase::Ended { state: "completed", at, .. } => Some(at - job.submitted <= within),
        Phase::Ended { state: "cancelled", at, .. } => (at - job.submitted > within).then_some(false),
        Phase::Ended { .. } => Some(false),
        _ => (ended - job.submitted > within).then_some(false),
    }
}

/// Equal but for rounding.
fn near(left: Option<f64>, right: Option<f64>) -> bool {
    match (left, right) {
        (Some(left), Some(right)) => (left - right).abs() <= 1e-8 + 1e-7 * right.abs(),
        (None, None) => true,
        _ => false,
    }
}

/// What differs between the books and the summary.
pub fn metrics(
    world: &World,
    books: &Books,
    rows: &[JobRow],
    summary: &[(String, Option<f64>)],
    found: &mut Vec<Finding>,
) {
    let Some((from, sequence)) = books.from else {
        let given = summary.iter().find(|(name, value)| !name.starts_with("isolation_v") && value.is_some());
        if let Some((name, value)) = given {
            found.push(finding("metric in the warm-up", format!("{name} is {value:?}")));
        }
        return;
    };
    let right = metrics_of(world, books, rows, from, sequence);
    for (name, right) in right {
        let Some((_, given)) = summary.iter().find(|(known, _)| *known == name) else {
            found.push(finding("metric missing", name));
            continue;
        };
        if !near(*given, right) {
            let stem = METRICS.iter().find(|stem| name.starts_with(**stem));
            let kind = stem.copied().unwrap_or("metric");
            found.push(finding(kind, format!("{name} is {given:?}, right is {right:?}")));
        }
    }
}

const METRICS: [&str; 19] = [
    "jobs_",
    "waiting_time",
    "turnaround_time",
    "execution_time",
    "slowdown",
    "bounded_slowdown",
    "queue_length",
    "active_allocations",
    "qubit_utilization",
    "allocation_success",
    "allocation_failure",
    "reallocation_count",
    "throughput",
    "makespan",
    "jain_fairness",
    "fidelity_predicted",
    "fidelity_true",
    "load_imbalance",
    "isolation_violations",
];

fn metrics_of(
    world: &World,
    books: &Books,
    rows: &[JobRow],
    from: u64,
    sequence: u64,
) -> Vec<(String, Option<f64>)> {
    let end = books.ended;
    let length = (end > from).then(|| (end - from) as f64);
    let measured: Vec<&Job> = books.jobs.values().filter(|job| job.submission >= sequence).collect();
    let state = |job: &Job| match job.phase {
        Phase::Ended { state, .. } => state,
        _ => "unfinished",
    };
    let count = |wanted: &str| measured.iter().filter(|job| state(job) == wanted).count() as f64;
    let mut right: Vec<(String, Option<f64>)> = Vec::new();
    let mut scalar = |name: &str, value: Option<f64>| right.push((name.to_owned(), value));
    scalar("jobs_submitted", Some(measured.len() as f64));
    for name in ["completed", "failed", "cancelled", "rejected", "expired", "unfinished"] {
        scalar(&format!("jobs_{name}"), Some(count(name)));
    }
    let in_time: Vec<bool> = rows
        .iter()
        .filter_map(|row| {
            let job = books.jobs.get(&row.number("job_id")).filter(|job| job.submission >= sequence)?;
            kept(job, row.time("deadline")?, books.ended)
        })
        .collect();
    let missed = in_time.iter().filter(|kept| !**kept).count() as f64;
    scalar("deadlines_missed", Some(missed));
    scalar("deadline_miss_share", (!in_time.is_empty()).then(|| missed / in_time.len() as f64));
    let started = measured.iter().filter(|job| job.first_start.is_some()).count() as f64;
    let undone = |job: &&&Job| job.first_start.is_none() && ["expired", "failed"].contains(&state(job));
    let undone = measured.iter().filter(undone).count() as f64 + count("rejected");
    let decided = Some(started + undone).filter(|all| *all > 0.0);
    scalar("allocation_success_rate", decided.map(|all| started / all));
    scalar("allocation_failure_rate", decided.map(|all| undone / all));
    let requeues = books.requeues.iter().filter(|number| **number >= sequence).count();
    scalar("reallocation_count", Some(requeues as f64));
    let done = |job: &&Job| matches!(job.phase, Phase::Ended { state: "completed", sequence: at, .. } if at >= sequence);
    let completions = books.jobs.values().filter(done).count() as f64;
    scalar("throughput_jobs_per_s", length.map(|length| completions / length * SECOND));
    let ends = measured.iter().filter_map(|job| match job.phase {
        Phase::Ended { state, at, .. } if state != "rejected" => Some(at),
        _ => None,
    });
    let first = measured.iter().map(|job| job.submitted).min();
    scalar("makespan_s", ends.max().zip(first).map(|(last, first)| (last - first) as f64 / SECOND));
    let clip = |low: u64, high: u64| high.saturating_sub(low.max(from)) as f64;
    let (mut waited, mut ran) = (0.0, 0.0);
    let mut usage: BTreeMap<u64, f64> = BTreeMap::new();
    let projects: BTreeMap<u64, u64> =
        rows.iter().map(|row| (row.number("job_id"), row.number("project"))).collect();
    for (id, job) in &books.jobs {
        let mut here = job.waits.iter().map(|(low, high)| clip(*low, *high)).sum::<f64>();
        let (mut held, mut runs) = (0.0, job.runs.clone());
        match job.phase {
            Phase::Waiting { since } | Phase::Dependent { since } => here += clip(since, end),
            Phase::Running { .. } => {
                runs.push((job.last_start.unwrap_or(end), end, job.held.len() as u64));
            }
            Phase::Ended { .. } => {}
        }
        for (low, high, qubits) in runs {
            ran += clip(low, high);
            held += clip(low, high) * qubits as f64;
        }
        waited += here;
        if here > 0.0 || held > 0.0 || job.submission >= sequence {
            *usage.entry(projects.get(id).copied().unwrap_or(0)).or_default() += held;
        }
    }
    scalar("queue_length", length.map(|length| waited / length));
    scalar("active_allocations", length.map(|length| ran / length));
    let (sum, squares) =
        usage.values().fold((0.0, 0.0), |(sum, squares), used| (sum + used, squares + used * used));
    // By shares it is of what was charged, guards and buffers included, which the books do not follow.
    if !world.shares_count {
        let jain = || sum * sum / (usage.len() as f64 * squares);
        scalar("jain_fairness", (usage.len() > 1 && squares > 0.0).then(jain));
    }
    scalar("isolation_violations", Some(0.0));
    if books.service_known {
        let of = |held: u128, service: u128| (service > 0).then(|| held as f64 / service as f64);
        scalar("qubit_utilization", of(books.held_ns.iter().sum(), books.service_ns.iter().sum()));
        for (index, device) in world.devices.iter().enumerate() {
            if device.joins_ns <= end && device.joins_ns == 0 {
                let value = of(books.held_ns[index], books.service_ns[index]);
                scalar(&format!("qubit_utilization[{}]", device.name), value);
            }
        }
    }
    distributions(&measured, &mut right);
    fidelities(books, rows, sequence, &mut right);
    right
}

/// Slowdowns are kept in thousand-millionths, of which no more fit: a job of a nanosecond that waited for 19 seconds.
const SLOWDOWN_MAX: f64 = u64::MAX as f64 / 1e9;

fn distributions(measured: &[&Job], right: &mut Vec<(String, Option<f64>)>) {
    let completed: Vec<(f64, f64)> = measured
        .iter()
        .filter_map(|job| match (&job.phase, job.last_start) {
            (Phase::Ended { state: "completed", at, .. }, Some(start)) => {
                Some(((at - job.submitted) as f64, (at - start) as f64))
            }
            _ => None,
        })
        .collect();
    let waits = measured.iter().filter_map(|job| Some((job.first_start? - job.submitted) as f64 / SECOND));
    let lists: [(&str, Vec<f64>); 5] = [
        ("waiting_time_s", waits.collect()),
        ("turnaround_time_s", completed.iter().map(|one| one.0 / SECOND).collect()),
        ("execution_time_s", completed.iter().map(|one| one.1 / SECOND).collect()),
        (
            "slowdown",
            completed.iter().filter(|one| one.1 > 0.0).map(|one| (one.0 / one.1).min(SLOWDOWN_MAX)).collect(),
        ),
        (
            "bounded_slowdown",
            completed.iter().map(|one| (one.0 / one.1.max(10.0 * SECOND)).max(1.0)).collect(),
        ),
    ];
    for (name, mut values) in lists {
        values.sort_by(f64::total_cmp);
        let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
        right.push((format!("{name}.mean"), (!values.is_empty()).then_some(mean)));
        // Nearest rank.
        for (statistic, share) in [("p50", 500), ("p95", 950), ("p99", 990), ("max", 1000)] {
            let rank = (values.len() * share).div_ceil(1000).max(1);
            right.push((format!("{name}.{statistic}"), values.get(rank - 1).copied()));
        }
    }
}

/// Means of what the table says of completed jobs.
fn fidelities(books: &Books, rows: &[JobRow], sequence: u64, right: &mut Vec<(String, Option<f64>)>) {
    for column in ["fidelity_predicted", "fidelity_true"] {
        let counted = rows.iter().filter(|row| {
            let job = books.jobs.get(&row.number("job_id")).map(|job| &job.phase);
            matches!(job, Some(Phase::Ended { state: "completed", sequence: at, .. }) if *at >= sequence)
        });
        let values: Vec<f64> = counted.filter_map(|row| row.real(column)).collect();
        let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
        right.push((format!("{column}.mean"), (!values.is_empty()).then_some(mean)));
    }
}
