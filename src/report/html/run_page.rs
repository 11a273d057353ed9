//! The page of a run.

use std::path::Path;

use maud::{Markup, html};
use serde::Serialize;

use super::collect::{Collected, Fidelity, Wanted, collect};
use super::distributions::Distributions;
use super::schedule::Window;
use super::shell::{Heading, Section, rounded};
use super::tenants::Names;
use super::timeline::{Timeline, Timelines};
use super::{Options, Page, devices, glossary, manifest, shares, shell};
use crate::experiment::reading::{Manifest, ReadError, RunFiles, known_metrics};
use crate::experiment::run::MetricSummary;
use crate::report::run_summary::{DEVICE_COLUMNS, device_lines, summary_lines};
use crate::report::table::{Tone, duration, number};
use crate::time::{Span, Time};

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
    /// Which part of it the schedules show, if not all.
    window: Option<(f64, f64)>,
    timeline: Vec<Timeline>,
    violations: &'a [(f64, u64)],
    waits: Option<&'a Distributions>,
    fidelity: Option<&'a Fidelity>,
    devices: Vec<devices::Drawn>,
    names: &'a [String],
    states: &'a [String],
    /// Names of projects, groups and users by their numbers.
    tenants: Option<&'a Names>,
}

/// The tables of a run, as far as there are any.
struct Tables {
    replication: u32,
    timelines: Option<Timelines>,
    collected: Option<Collected>,
    devices: Vec<devices::Drawn>,
    /// When the run ended, seconds.
    until: f64,
    window: Option<Window>,
    /// What the page lacks, and how to get it.
    missing: Vec<String>,
}

impl Tables {
    fn read(files: &RunFiles, options: &Options) -> Result<Self, ReadError> {
        let manifest = &files.manifest;
        let replication = options.replication.unwrap_or(0);
        let mut missing = Vec::new();
        let first_devices: Vec<&str> =
            manifest.devices.iter().take(SERIES_MAX).map(|device| device.name.as_str()).collect();
        let timelines = match files.timeline() {
            Some(path) => Some(Timelines::read(&path, replication, &first_devices)?),
            None => {
                missing.push(
                    "no timeline.csv, so no charts over time; hint: rmsim run --traces first".to_owned(),
                );
                None
            }
        };
        let ended = f64::max(
            timelines.as_ref().map_or(0.0, Timelines::until),
            horizon(manifest).filter(|_| files.jobs().is_some()).unwrap_or(0.0),
        );
        let window = window_of(options);
        let Some(path) = files.jobs() else {
            missing.push(
                "no jobs.csv, so no devices, schedules and tenants; hint: rmsim run --traces first"
                    .to_owned(),
            );
            check_window(options, ended, None)?;
            return Ok(Self {
                replication,
                timelines,
                collected: None,
                devices: Vec::new(),
                until: ended,
                window,
                missing,
            });
        };
        let events = files.events();
        let wanted = Wanted {
            devices: &manifest.devices,
            replication,
            window: window.unwrap_or(Window::ALL),
            centre: centre_of(options, timelines.as_ref()),
            ended,
            events: events.as_deref(),
        };
        let collected = collect(&path, &wanted)?;
        complete(files, &path, replication, &collected)?;
        check_window(options, collected.until, Some(&collected))?;
        if !collected.all_attempts {
            missing.push(format!(
                "no events.csv, so of {} jobs that were started again only the last attempt is in schedules and in the \
                 tenants' shares; hint: output: {{events: true}}",
                collected.restarted
            ));
        }
        missing.extend(timelines.as_ref().and_then(|timelines| timelines.ends_early(collected.until)));
        let devices = devices::drawn((&files.manifest_path(), &manifest.devices), &path, &collected)?;
        Ok(Self {
            replication,
            until: collected.until,
            timelines,
            collected: Some(collected),
            devices,
            window,
            missing,
        })
    }

    fn data(&self, devices: Vec<devices::Drawn>) -> Data<'_> {
        let until = rounded(self.until, 3);
        let jobs = self.collected.as_ref();
        Data {
            kind: "run",
            until,
            window: self
                .window
                .map(|window| (rounded(window.from.max(0.0), 3), rounded(window.until.min(self.until), 3))),
            timeline: self.timelines.as_ref().map(Timelines::thinned).unwrap_or_default(),
            violations: self.timelines.as_ref().map_or(&[], |timelines| &timelines.violations_over_time),
            waits: jobs.map(|collected| &collected.waits).filter(|waits| !waits.is_empty()),
            fidelity: jobs.map(|collected| &collected.fidelity).filter(|fidelity| !fidelity.is_empty()),
            devices,
            names: jobs.map_or(&[], |collected| &collected.names),
            states: jobs.map_or(&[], |collected| &collected.states),
            tenants: jobs.map(|collected| collected.tenants.names()),
        }
    }
}

/// The page of a run.
pub(super) fn page(files: &RunFiles, options: &Options) -> Result<Page, ReadError> {
    let manifest = &files.manifest;
    let fleet = known_metrics(&files.summary.metrics);
    let per_device = known_metrics(&files.summary.device_metrics);
    let mut tables = Tables::read(files, options)?;
    let (replication, until) = (tables.replication, tables.until);
    let missing = std::mem::take(&mut tables.missing);
    let drawn = std::mem::take(&mut tables.devices);
    let data = tables.data(drawn);

    let mut sections = vec![Section {
        id: "summary",
        title: "Summary",
        lead: Some(lead(manifest)),
        body: summary(files, &fleet, &per_device, &missing),
    }];
    if let Some(timelines) = &tables.timelines {
        sections.push(Section {
            id: "over-time",
            title: "Over time",
            lead: Some(format!(
                "Simulated time runs from left to right, warm-up included. {}Drag to zoom in, double-click to zoom out; \
                 devices are switched on and off below each chart.",
                if manifest.replications > 1 { format!("Shown is {}. ", numbered(manifest, replication)) } else { String::new() }
            )),
            body: over_time(&data, timelines, manifest.devices.len()),
        });
    }
    if let Some(accounts) = &files.summary.accounts {
        sections.push(Section {
            id: "shares",
            title: "Shares and promises",
            lead: Some("Over the measured interval; means over all replications.".to_owned()),
            body: shares::section(accounts, &fleet),
        });
    }
    if let Some(collected) = &tables.collected {
        sections.extend(sections_of_jobs(files, collected, &data, replication));
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

/// Waiting and fidelity, schedules, tenants.
fn sections_of_jobs(
    files: &RunFiles,
    collected: &Collected,
    data: &Data<'_>,
    replication: u32,
) -> Vec<Section> {
    let manifest = &files.manifest;
    let of_replication = of_replication(manifest, replication);
    let count = |jobs: u64| number(Some(jobs as f64));
    let mut sections = vec![
        Section {
            id: "jobs",
            title: "Waiting and fidelity",
            lead: Some(match collected.measured {
                Some(measured) => format!(
                    "Waiting times of the {} of {} jobs{of_replication} that were submitted in the measured interval, as in \
                     the summary; fidelities of all that were completed, warm-up included.",
                    count(measured),
                    count(collected.jobs)
                ),
                None => format!("All {} jobs{of_replication}, warm-up included.", count(collected.jobs)),
            }),
            body: distributions(collected),
        },
        Section {
            id: "devices",
            title: "Devices and schedules",
            lead: Some(match data.window {
                Some((from, until)) => format!(
                    "Which job held which qubits between {} and {}, and what was kept idle around it.",
                    duration(Some(from)),
                    duration(Some(until))
                ),
                None => "Which job held which qubits, and what was kept idle around it.".to_owned(),
            }),
            body: schedules(collected, &data.devices, manifest.devices.len()),
        },
    ];
    if !collected.tenants.is_empty() {
        let attempts = match collected.all_attempts {
            true => "all attempts of a job count",
            false => "of jobs that were started again only the last attempt counts, for want of events.csv",
        };
        sections.push(Section {
            id: "tenants",
            title: "Tenants",
            lead: Some(format!(
                "What all jobs{of_replication} asked for and got, by tenant, warm-up included; in qubit-seconds {attempts}. \
                 Stretch is turnaround time / execution time. Click a column to sort."
            )),
            body: collected.tenants.tables(),
        });
    }
    sections
}

/// The end of a run that its scenario names: the horizon of one that does not wait for its last jobs.
fn horizon(manifest: &Manifest) -> Option<f64> {
    let scenario = manifest.resolved_scenario.as_ref()?;
    let drains = scenario.get("drain").and_then(serde_json::Value::as_bool).unwrap_or(false);
    let span = scenario.get("horizon")?.get("time")?.as_str()?.parse::<Span>().ok()?;
    (!drains).then(|| span.as_secs_f64())
}

/// The window that was asked for, if any was.
fn window_of(options: &Options) -> Option<Window> {
    let seconds = |time: Time| time.as_secs_f64();
    (options.from.is_some() || options.until.is_some()).then(|| Window {
        from: options.from.map_or(Window::ALL.from, seconds),
        until: options.until.map_or(Window::ALL.until, seconds),
    })
}

/// A window must lie in the run, and something must have run in it.
fn check_window(options: &Options, ended: f64, collected: Option<&Collected>) -> Result<(), ReadError> {
    let Some(window) = window_of(options) else { return Ok(()) };
    let shown = |seconds: f64| duration(Some(seconds));
    // Without traces nobody knows.
    let span = if ended > 0.0 {
        format!("the run spans 0 s to {}", shown(ended))
    } else {
        "the run has no traces".to_owned()
    };
    if window.from >= window.until {
        return Err(ReadError::Window(format!("--from is not before --until; {span}")));
    }
    if window.from >= ended {
        return Err(ReadError::Window(format!(
            "--from {} is not within the run: {span}",
            shown(window.from)
        )));
    }
    if window.until <= 0.0 {
        return Err(ReadError::Window(format!(
            "--until {} is not within the run: {span}",
            shown(window.until)
        )));
    }
    let Some(collected) = collected.filter(|collected| collected.schedules.within == 0) else {
        return Ok(());
    };
    let ran = match collected.ran {
        Some((first, last)) => format!("jobs ran between {} and {}", shown(first), shown(last)),
        None => "no job ran at all".to_owned(),
    };
    Err(ReadError::Window(format!(
        "no job holds any qubit between {} and {}; {span}, {ran}",
        shown(window.from.max(0.0)),
        shown(window.until.min(ended))
    )))
}

/// A table that was cut off between two rows reads like a whole one; the summary knows better.
fn complete(files: &RunFiles, path: &Path, replication: u32, collected: &Collected) -> Result<(), ReadError> {
    let contradiction = |message: String| ReadError::Contradiction { path: path.to_owned(), message };
    if collected.jobs == 0 && replication > 0 {
        return Err(contradiction(format!(
            "no jobs of replication {replication}; hint: rmsim run --traces all"
        )));
    }
    // Of several replications the summary holds means alone.
    if files.manifest.replications > 1 {
        return Ok(());
    }
    let submitted = files.summary.metrics.get("jobs_submitted").and_then(|value| value.mean);
    match (submitted, collected.measured) {
        (Some(submitted), Some(measured)) if submitted != measured as f64 => Err(contradiction(format!(
            "{measured} jobs were submitted in the measured interval, but summary.json counts {submitted}; hint: the file \
             may be cut off, or of another run"
        ))),
        _ => Ok(()),
    }
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

/// `replication 3 of 10`; they are numbered from 0.
fn numbered(manifest: &Manifest, replication: u32) -> String {
    format!("replication {replication} of {}", manifest.replications)
}

/// ` of replication 3 of 10`, where there are others.
fn of_replication(manifest: &Manifest, replication: u32) -> String {
    match manifest.replications {
        0 | 1 => String::new(),
        _ => format!(" of {}", numbered(manifest, replication)),
    }
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

fn over_time(data: &Data<'_>, timelines: &Timelines, devices: usize) -> Markup {
    html! {
        @if let Some(why) = timelines.too_few() { p.notice { (why) } }
        div.charts {
            (chart("utilization", "Qubit utilization", "Share of the qubits in service held by running jobs."))
            (chart("effective", "Utilization with buffers", "The same, with qubits kept idle around jobs."))
            (chart("running", "Running jobs", "Jobs that hold qubits."))
            (chart("waiting", "Queue length", "Waiting jobs; with one queue for all devices only the fleet has any."))
            (chart("fragmentation", "Fragmentation", "1 - largest connected free region / free qubits; those kept idle by buffers are not free."))
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
            @if collected.waits.is_empty() {
                p.note { "No job that counts has started, so no waiting time is known." }
            } @else {
                (chart("waits", "Waiting time", "Share of the started jobs that waited at most so long."))
            }
            @if collected.fidelity.is_empty() {
                p.note { "No fidelities were computed; hint: " code { "output: {fidelity: true}" } "." }
            } @else {
                (chart("fidelity", "Predicted and true success probability",
                    "One point per job; below the diagonal the published calibration promised too much."))
            }
        }
    }
}

fn schedules(collected: &Collected, devices: &[devices::Drawn], fleet: usize) -> Markup {
    if collected.ran.is_none() || devices.is_empty() {
        return html! { p.note { "No job ran on any device." } };
    }
    html! {
        @if let Some((from, until)) = collected.schedules.complete {
            p.notice {
                "Schedules hold what ran between " (duration(Some(from))) " and " (duration(Some(until)))
                ", not all of " (number(Some(collected.schedules.within as f64))) " attempts; hint: "
                code { "rmsim report DIR --from 2h --until 3h" } " shows another time."
            }
        }
        div #device-view {}
        p.note {
            "Buffers are the free qubits within the promised distance of a running job. "
            @if collected.restarted > 0 {
                (number(Some(collected.restarted as f64))) " jobs were started again after an attempt that ended early; "
                @if collected.all_attempts {
                    "the schedule shows all attempts. "
                } @else {
                    "the schedule shows only their last one, for want of " code { "events.csv" } ". "
                }
            }
            @if fleet > devices.len() {
                "Of " (fleet) " devices, the " (devices.len()) " with most jobs are here."
            }
        }
    }
}
