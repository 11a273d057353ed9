//! The page of a run.

use maud::{Markup, html};
use serde::Serialize;

use super::collect::{Collected, Distributions, Fidelity, collect};
use super::shell::{Heading, Section, rounded};
use super::timeline::{Timeline, Timelines};
use super::{Options, Page, devices, glossary, manifest, shell};
use crate::experiment::reading::{Manifest, ReadError, RunFiles, known_metrics};
use crate::experiment::run::MetricSummary;
use crate::report::run_summary::{DEVICE_COLUMNS, device_lines, summary_lines};
use crate::report::table::{Tone, duration, number};

/// Devices whose series are in the charts.
const SERIES_MAX: usize = 12;

/// Devices in the table; `summary.csv` has them all.
const DEVICE_ROWS_MAX: usize = 200;

/// What the scripts draw.
#[derive(Serialize)]
struct Data<'a> {
    kind: &'static str,
    /// End of all time axes, seconds.
    until: f64,
    timeline: Vec<Timeline>,
    violations: &'a [(f64, u64)],
    waits: Option<&'a Distributions>,
    fidelity: Option<&'a Fidelity>,
    devices: Vec<devices::Drawn>,
    names: &'a [String],
    states: &'a [String],
}

/// The page of a run.
pub(super) fn page(files: &RunFiles, options: &Options) -> Result<Page, ReadError> {
    let manifest = &files.manifest;
    let fleet = known_metrics(&files.summary.metrics);
    let per_device = known_metrics(&files.summary.device_metrics);
    let mut missing = Vec::new();
    let replication = options.replication.unwrap_or(0);

    let first_devices: Vec<&str> =
        manifest.devices.iter().take(SERIES_MAX).map(|device| device.name.as_str()).collect();
    let timelines = match files.timeline() {
        Some(path) => Some(Timelines::read(&path, replication, &first_devices)?),
        None => {
            missing
                .push("no timeline.csv, so no charts over time; hint: rmsim run --traces first".to_owned());
            None
        }
    };
    let centre = centre_of(options, timelines.as_ref());
    let collected = match files.jobs() {
        Some(path) => Some((collect(&path, &manifest.devices, options, replication, centre)?, path)),
        None => {
            missing.push(
                "no jobs.csv, so no devices, schedules and tenants; hint: rmsim run --traces first"
                    .to_owned(),
            );
            None
        }
    };
    if let Some((collected, path)) = &collected
        && collected.jobs == 0
        && replication > 0
    {
        return Err(ReadError::Contradiction {
            path: path.clone(),
            message: format!("no jobs of replication {replication}; hint: rmsim run --traces all"),
        });
    }
    let drawn = match &collected {
        Some((collected, path)) => {
            devices::drawn((&files.manifest_path(), &manifest.devices), path, collected)?
        }
        None => Vec::new(),
    };
    let jobs = collected.as_ref().map(|(collected, _)| collected);
    let until = f64::max(
        timelines.as_ref().map_or(0.0, Timelines::until),
        jobs.map_or(0.0, |collected| collected.until),
    );
    let data = Data {
        kind: "run",
        until: rounded(until, 3),
        timeline: timelines.as_ref().map(Timelines::thinned).unwrap_or_default(),
        violations: timelines.as_ref().map_or(&[], |timelines| &timelines.violations_over_time),
        waits: jobs.map(|collected| &collected.waits),
        fidelity: jobs.map(|collected| &collected.fidelity).filter(|fidelity| !fidelity.is_empty()),
        devices: drawn,
        names: jobs.map_or(&[], |collected| &collected.names),
        states: jobs.map_or(&[], |collected| &collected.states),
    };
    let mut sections = vec![Section {
        id: "summary",
        title: "Summary",
        lead: Some(lead(manifest)),
        body: summary(files, &fleet, &per_device, &missing),
    }];
    if timelines.is_some() {
        sections.push(Section {
            id: "over-time",
            title: "Over time",
            lead: Some(format!(
                "Simulated time runs from left to right. {}Drag to zoom in, double-click to zoom out; devices are \
                 switched on and off below each chart.",
                if manifest.replications > 1 { format!("Shown is replication {replication}. ") } else { String::new() }
            )),
            body: over_time(&data, manifest.devices.len()),
        });
    }
    if let Some(collected) = jobs {
        sections.push(Section {
            id: "jobs",
            title: "Waiting and fidelity",
            lead: Some(format!(
                "All {} jobs{}, warm-up included.",
                number(Some(collected.jobs as f64)),
                of_replication(manifest, replication)
            )),
            body: distributions(collected),
        });
        sections.push(Section {
            id: "devices",
            title: "Devices and schedules",
            lead: Some("Which job held which qubits, and what was kept idle around it.".to_owned()),
            body: schedules(collected, &data.devices, files),
        });
        if !collected.tenants.is_empty() {
            sections.push(Section {
                id: "tenants",
                title: "Tenants",
                lead: Some(format!(
                    "What all jobs{} asked for and got, by tenant, warm-up included. Stretch is turnaround time / execution \
                     time. Click a column to sort.",
                    of_replication(manifest, replication)
                )),
                body: collected.tenants.tables(),
            });
        }
    }
    sections.push(Section {
        id: "metrics",
        title: "All metrics",
        lead: Some("What every metric means, and its value in this run.".to_owned()),
        body: glossary::with_values(&fleet),
    });
    sections.push(Section {
        id: "about",
        title: "About this run",
        lead: None,
        body: manifest::section(manifest, files.performance.as_ref()),
    });
    let description = manifest.resolved_scenario.as_ref();
    let description = description.and_then(|scenario| scenario.get("description")?.as_str());
    let facts = vec![
        ("run", manifest.run.clone()),
        ("seed", manifest.seed.to_string()),
        ("replications", manifest.replications.to_string()),
        ("devices", number(Some(manifest.devices.len() as f64))),
        ("simulated time", duration(Some(until).filter(|&until| until > 0.0))),
    ];
    let heading = Heading { kind: "Run", title: &manifest.scenario, description, facts };
    Ok(Page { html: shell::page(&heading, &sections, &data), missing })
}

/// Around which moment jobs are kept when there are too many: the middle of the wanted time, or the busiest moment.
fn centre_of(options: &Options, timelines: Option<&Timelines>) -> f64 {
    let seconds = |time: crate::time::Time| time.as_secs_f64();
    match (options.from.map(seconds), options.until.map(seconds)) {
        (Some(from), Some(until)) => f64::midpoint(from, until),
        (Some(from), None) => from,
        (None, Some(until)) => until,
        (None, None) => timelines.and_then(Timelines::busiest).unwrap_or(0.0),
    }
}

/// ` of replication 3`, where there are others.
fn of_replication(manifest: &Manifest, replication: u32) -> String {
    if manifest.replications > 1 { format!(" of replication {replication}") } else { String::new() }
}

fn lead(manifest: &Manifest) -> String {
    match manifest.replications {
        0 | 1 => "One replication: values without intervals. Each links to what it means.".to_owned(),
        many => format!(
            "Means over {many} replications, ± half of their 95 % intervals. Each links to what it means."
        ),
    }
}

fn summary(
    files: &RunFiles,
    fleet: &[MetricSummary],
    per_device: &[MetricSummary],
    missing: &[String],
) -> Markup {
    let lines = summary_lines(fleet);
    let (manifest, notes) = (&files.manifest, &files.summary.notes);
    let devices = manifest.devices.iter().take(DEVICE_ROWS_MAX);
    let devices =
        device_lines(devices.map(|device| (device.name.as_str(), device.qubits as usize)), per_device);
    html! {
        @for note in notes {
            p.notice {
                (note.text)
                @if let Some(hint) = &note.hint { " (hint: " (hint) ")" }
            }
        }
        @for one in missing { p.notice { (one) } }
        dl.figures {
            @for line in &lines {
                div.good[line.tone == Tone::Good].bad[line.tone == Tone::Bad] {
                    dt { a href={ "#" (glossary::anchor(line.metric.def)) } { (line.label) } }
                    dd {
                        (line.value)
                        @if line.tone == Tone::Bad { span.flag { " should be 0" } }
                        @if let Some(remark) = line.remark { span.flag { " " (remark) } }
                        @if let Some([low, high]) = &line.interval { small { (low) " to " (high) } }
                    }
                }
            }
        }
        h3 { "Devices" }
        div.scroll tabindex="0" role="region" aria-label="Devices table" {
            table.sortable {
                thead { tr {
                    th scope="col" { "device" }
                    th scope="col" { "qubits" }
                    @for (name, _) in DEVICE_COLUMNS { th scope="col" { (name) } }
                } }
                tbody {
                    @for line in &devices {
                        tr {
                            th scope="row" { (line.name) }
                            td data-v=(line.qubits) { (line.qubits) }
                            @for (index, (value, exact)) in line.values.iter().zip(&line.numbers).enumerate() {
                                td data-v=[exact] {
                                    (value)
                                    @if index < 3 && let Some(share) = exact {
                                        span.bar aria-hidden="true" style={ "--share:" (format!("{share:.4}")) } {}
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
        @if manifest.devices.len() > DEVICE_ROWS_MAX {
            p.note { (manifest.devices.len() - DEVICE_ROWS_MAX) " more devices are in " code { "summary.csv" } "." }
        }
    }
}

/// A place for a chart; the scripts fill it.
fn chart(id: &str, title: &str, note: &str) -> Markup {
    html! {
        figure.chart data-chart=(id) {
            figcaption { h3 { (title) } p.note { (note) } }
            div.plot {}
        }
    }
}

fn over_time(data: &Data<'_>, devices: usize) -> Markup {
    html! {
        div.charts {
            (chart("utilization", "Qubit utilization", "Share of the qubits in service held by running jobs."))
            (chart("effective", "Utilization with buffers", "The same, with qubits kept idle around jobs."))
            (chart("running", "Running jobs", "Jobs that hold qubits."))
            (chart("waiting", "Queue length", "Waiting jobs; with one queue for all devices only the fleet has any."))
            (chart("fragmentation", "Fragmentation", "1 - largest connected free region / free qubits."))
            @if data.violations.is_empty() {
                figure.chart {
                    figcaption { h3 { "Isolation violations" } }
                    p.good-news { "None: the auditor found no broken promise of isolation in the whole run." }
                }
            } @else {
                (chart("violations", "Isolation violations", "Found by the auditor until then."))
            }
        }
        @if devices > SERIES_MAX {
            p.note { "Charts show the fleet and the first " (SERIES_MAX) " of " (devices) " devices." }
        }
    }
}

fn distributions(collected: &Collected) -> Markup {
    html! {
        div.charts {
            (chart("waits", "Waiting time", "Share of the started jobs that waited at most so long."))
            @if collected.fidelity.is_empty() {
                p.note { "No fidelities were computed; hint: " code { "output: {fidelity: true}" } "." }
            } @else {
                (chart("fidelity", "Predicted and true success probability",
                    "One point per job; below the diagonal the published calibration promised too much."))
            }
        }
    }
}

fn schedules(collected: &Collected, devices: &[devices::Drawn], files: &RunFiles) -> Markup {
    let fleet = files.manifest.devices.len();
    if devices.is_empty() {
        return html! { p.note { "No job ran on any device." } };
    }
    html! {
        @if let Some((from, until)) = collected.window {
            p.notice {
                "Schedules hold the jobs that started between " (duration(Some(from))) " and " (duration(Some(until)))
                ", not all " (number(Some(collected.within as f64))) "; hint: "
                code { "rmsim report DIR --from 2h --until 3h" } " shows another time."
            }
        }
        div #device-view {}
        p.note {
            "Buffers are the free qubits within the promised distance of a running job. "
            @if collected.with_earlier_attempts > 0 {
                (number(Some(collected.with_earlier_attempts as f64)))
                " jobs had earlier attempts that ended early; the schedule shows only their last one"
                @if files.events().is_some() { ", " code { "events.csv" } " has all" } ". "
            }
            @if fleet > devices.len() {
                "Of " (fleet) " devices, the " (devices.len()) " with most jobs are here."
            }
        }
    }
}
