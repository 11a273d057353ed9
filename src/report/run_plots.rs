//! The plots of a run, from what its first replication collected.
//!
//! Promises that a figure beside a plot is that of the summary: of the measured interval, and of its jobs. Leaves drawing to [`super::plots`] and collecting to the simulator.

use super::plots::{
    CausesPlot, CausesRow, DistributionPlot, EstimatePoint, EstimatesPlot, FidelityPlot, FidelityPoint,
    Measured, Plot, Quantity, Series, TimelinePlot, ViolationsPlot,
};
use crate::allocator::config::Queue;
use crate::experiment::run::Replication;
use crate::experiment::waits;
use crate::observe::auditor::ViolationKind;
use crate::observe::metrics::{MetricValue, TimelineSample};
use crate::quantum::DeviceId;
use crate::simulator::scenario::Scenario;
use crate::simulator::simulation::Collected;
use crate::simulator::wait_tally::CauseSums;
use crate::time::Time;

/// Devices whose series are looked at for a plot.
const DEVICES_CONSIDERED: usize = 64;

/// All plots of a run with their file names; empty when nothing was collected.
pub fn run_plots(scenario: &Scenario, replication: &Replication) -> Vec<(&'static str, Plot)> {
    let Some(collected) = &replication.collected else { return Vec::new() };
    // Plots of several replications would show none of them.
    let number = match scenario.replications {
        0 | 1 => String::new(),
        all => format!(" (replication {} of {all})", replication.number),
    };
    let subtitle = format!(
        "scenario {}, seed {}{number}, {} jobs on {} devices, {} placement, {} selection",
        scenario.name,
        scenario.seed,
        replication.course.arrivals,
        scenario.fleet.len(),
        name_of(&scenario.allocator.strategy),
        name_of(&scenario.allocator.selection),
    );
    let until_s = replication.ended.as_secs_f64();
    let measured_from_s = collected.measured_from.as_secs_f64();
    let timeline =
        |(title, axis): (&str, &str), metric, quantity, value: fn(&TimelineSample) -> Option<f64>| {
            let series =
                |name: &str, device, mean| Measured { series: series(collected, name, device, value), mean };
            // A plot shows a dozen devices; a fleet of thousands need not be sorted out for that.
            let devices = scenario.fleet.iter().take(DEVICES_CONSIDERED);
            let devices = devices.map(|device| {
                let name = &device.spec.name;
                series(name, Some(device.id), value_of(&replication.per_device, &format!("{metric}[{name}]")))
            });
            Plot::Timeline(TimelinePlot {
                title: title.to_owned(),
                subtitle: subtitle.clone(),
                axis: axis.to_owned(),
                quantity,
                until_s,
                measured_from_s,
                fleet: Some(series("fleet", None, value_of(&replication.summary, metric))),
                devices: devices.collect(),
            })
        };
    let mut queue_length =
        timeline(("Queue length", "waiting jobs"), "queue_length", Quantity::Count, |sample| {
            Some(sample.queue_length as f64)
        });
    if let (Plot::Timeline(plot), Queue::Global { .. }) = (&mut queue_length, scenario.allocator.queue) {
        // Nobody waits for a device in particular.
        plot.devices.clear();
    }
    let mut plots = vec![
        (
            "utilization",
            timeline(
                ("Qubit utilization", "utilization (share of qubits in service)"),
                "qubit_utilization",
                Quantity::Share,
                |sample| sample.utilization,
            ),
        ),
        ("queue_length", queue_length),
        (
            "running_jobs",
            timeline(("Running jobs", "running jobs"), "active_allocations", Quantity::Count, |sample| {
                Some(sample.running as f64)
            }),
        ),
        ("waiting_time_cdf", Plot::Distribution(waiting(scenario, replication, collected, &subtitle))),
        ("waiting_causes", Plot::Causes(waiting_causes(scenario, replication, &subtitle))),
        ("isolation_violations", Plot::Violations(violations(scenario, replication, &subtitle))),
    ];
    if scenario.output.fragmentation {
        plots.push((
            "fragmentation",
            timeline(
                ("Fragmentation of the free qubits", "1 - largest free region / free qubits"),
                "fragmentation",
                Quantity::Share,
                |sample| sample.fragmentation,
            ),
        ));
    }
    if scenario.output.estimates.is_some() {
        let measured = collected.jobs.iter().filter(|job| job.measured);
        let points = measured.filter_map(|job| {
            let (made, range) = job.told?;
            let start = job.submitted + job.waited?;
            let after = |at: Time| at.since(made).as_secs_f64();
            Some(EstimatePoint { told: [range.p10, range.p50, range.p90].map(after), came: after(start) })
        });
        plots.push((
            "start_estimates",
            Plot::Estimates(EstimatesPlot {
                title: "First estimates of starts, and what came".to_owned(),
                subtitle: subtitle.clone(),
                points: points.collect(),
            }),
        ));
    }
    if scenario.output.fidelity {
        // Fidelities count by the end of a job, times by its submission.
        let measured = collected.jobs.iter().filter(|job| job.ended >= collected.measured_from);
        let points = measured.filter_map(|job| {
            let (predicted, actual) = job.fidelity?;
            Some(FidelityPoint { time_s: job.ended.as_secs_f64(), predicted, actual })
        });
        plots.push((
            "fidelity",
            Plot::Fidelity(FidelityPlot {
                title: "Predicted and true success probability".to_owned(),
                subtitle: subtitle.clone(),
                until_s,
                points: points.collect(),
            }),
        ));
    }
    plots
}

/// The name of a choice as it is written in scenario files.
fn name_of(choice: &impl serde::Serialize) -> String {
    let name = serde_json::to_value(choice).ok();
    name.as_ref().and_then(|name| name.as_str()).unwrap_or("own").to_owned()
}

fn series(
    collected: &Collected,
    name: &str,
    device: Option<DeviceId>,
    value: fn(&TimelineSample) -> Option<f64>,
) -> Series {
    let samples = collected.timeline.iter().filter(|sample| sample.device == device);
    // A device out of service has no utilization: a gap, not a zero.
    let points = samples.map(|sample| (sample.time.as_secs_f64(), value(sample).unwrap_or(f64::NAN)));
    Series { name: name.to_owned(), points: points.collect() }
}

/// The value of a metric, if it was measured.
fn value_of(values: &[MetricValue], name: &str) -> Option<f64> {
    values.iter().find(|value| value.name == name).and_then(|value| value.value)
}

fn waiting(
    scenario: &Scenario,
    replication: &Replication,
    collected: &Collected,
    subtitle: &str,
) -> DistributionPlot {
    let waits = |device: Option<DeviceId>| {
        let jobs = collected.jobs.iter().filter(|job| job.measured);
        let jobs = jobs.filter(move |job| device.is_none() || job.device == device);
        jobs.filter_map(|job| Some(job.waited?.as_secs_f64())).collect::<Vec<f64>>()
    };
    let of_summary = |statistic: &str| value_of(&replication.summary, &format!("waiting_time_s.{statistic}"));
    let mut series = vec![("fleet".to_owned(), waits(None))];
    if scenario.fleet.len() <= 12 {
        let devices = scenario.fleet.iter().map(|device| (device.spec.name.clone(), waits(Some(device.id))));
        series.extend(devices.filter(|(_, waits)| !waits.is_empty()));
    }
    DistributionPlot {
        title: "Waiting time".to_owned(),
        subtitle: subtitle.to_owned(),
        axis: "waiting time from submission to the first start, without the warm-up".to_owned(),
        series,
        first: Some([of_summary("p50"), of_summary("p95")]),
    }
}

/// For what all jobs waited, and those of each template, those who waited longest first.
fn waiting_causes(scenario: &Scenario, replication: &Replication, subtitle: &str) -> CausesPlot {
    let row = |name: String, sums: &CauseSums| CausesRow {
        name,
        jobs: sums.jobs,
        seconds: waits::causes().map(|(cause, _)| sums.of(cause) as f64 / 1e9).collect(),
    };
    let named = waits::by_name(&replication.waits, &scenario.workload.template_names());
    let mut templates: Vec<(String, CauseSums)> = named.into_iter().collect();
    templates.sort_by(|a, b| b.1.total().cmp(&a.1.total()).then_with(|| a.0.cmp(&b.0)));
    let mut rows = vec![row("all jobs".to_owned(), &replication.waits.all())];
    if templates.len() > 1 {
        rows.extend(templates.iter().map(|(name, sums)| row(name.clone(), sums)));
    }
    CausesPlot {
        title: "What jobs waited for before their first start".to_owned(),
        subtitle: subtitle.to_owned(),
        causes: waits::causes().map(|(_, name)| name.to_owned()).collect(),
        rows,
    }
}

fn violations(scenario: &Scenario, replication: &Replication, subtitle: &str) -> ViolationsPlot {
    let isolation = ViolationKind::ALL.iter().filter(|kind| kind.is_isolation());
    let mut kinds: Vec<(String, Vec<f64>)> =
        isolation.map(|kind| (kind.name().replace('_', " "), Vec::new())).collect();
    for violation in replication.violations.iter().filter(|violation| violation.is_isolation()) {
        let name = violation.kind().name().replace('_', " ");
        if let Some((_, times)) = kinds.iter_mut().find(|(known, _)| *known == name) {
            times.push(violation.time.as_secs_f64());
        }
    }
    ViolationsPlot {
        title: "Isolation violations found by the auditor".to_owned(),
        subtitle: subtitle.to_owned(),
        until_s: replication.ended.as_secs_f64(),
        watched: format!("{} jobs on {} devices", replication.course.arrivals, scenario.fleet.len()),
        kinds,
    }
}
