//! The plots of a run, from what its first replication collected.
//!
//! Leaves drawing to [`super::plots`] and collecting to the simulator.

use super::plots::{
    DistributionPlot, FidelityPlot, FidelityPoint, Plot, Quantity, Series, TimelinePlot, ViolationsPlot,
};
use crate::allocator::config::Queue;
use crate::experiment::run::Replication;
use crate::observe::auditor::ViolationKind;
use crate::observe::metrics::TimelineSample;
use crate::quantum::DeviceId;
use crate::simulator::scenario::Scenario;
use crate::simulator::simulation::Collected;

/// All plots of a run with their file names; empty when nothing was collected.
pub fn run_plots(scenario: &Scenario, replication: &Replication) -> Vec<(&'static str, Plot)> {
    let Some(collected) = &replication.collected else { return Vec::new() };
    let subtitle = format!(
        "scenario {}, seed {}, {} jobs on {} devices, {} placement, {} selection",
        scenario.name,
        scenario.seed,
        replication.course.arrivals,
        scenario.fleet.len(),
        name_of(&scenario.allocator.strategy),
        name_of(&scenario.allocator.selection),
    );
    let until_s = replication.ended.as_secs_f64();
    let timeline = |title: &str, axis: &str, quantity, value: fn(&TimelineSample) -> Option<f64>| {
        Plot::Timeline(TimelinePlot {
            title: title.to_owned(),
            subtitle: subtitle.clone(),
            axis: axis.to_owned(),
            quantity,
            until_s,
            fleet: Some(series(collected, "fleet", None, value)),
            devices: per_device(scenario, collected, value),
        })
    };
    let mut queue_length =
        timeline("Queue length", "waiting jobs", Quantity::Count, |sample| Some(sample.queue_length as f64));
    if let (Plot::Timeline(plot), Queue::Global { .. }) = (&mut queue_length, scenario.allocator.queue) {
        // Nobody waits for a device in particular.
        plot.devices.clear();
    }
    let mut plots = vec![
        (
            "utilization",
            timeline(
                "Qubit utilization",
                "utilization (share of qubits in service)",
                Quantity::Share,
                |sample| sample.utilization,
            ),
        ),
        ("queue_length", queue_length),
        (
            "running_jobs",
            timeline("Running jobs", "running jobs", Quantity::Count, |sample| Some(sample.running as f64)),
        ),
        ("waiting_time_cdf", Plot::Distribution(waiting(scenario, collected, &subtitle))),
        ("isolation_violations", Plot::Violations(violations(scenario, replication, &subtitle))),
    ];
    if scenario.output.fragmentation {
        plots.push((
            "fragmentation",
            timeline(
                "Fragmentation of the free qubits",
                "1 - largest free region / free qubits",
                Quantity::Share,
                |sample| sample.fragmentation,
            ),
        ));
    }
    if scenario.output.fidelity {
        let points = collected.jobs.iter().filter_map(|job| {
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

fn per_device(
    scenario: &Scenario,
    collected: &Collected,
    value: fn(&TimelineSample) -> Option<f64>,
) -> Vec<Series> {
    // A plot shows a dozen devices; a fleet of thousands need not be sorted out for that.
    const CONSIDERED: usize = 64;
    let devices = scenario.fleet.iter().take(CONSIDERED);
    devices.map(|device| series(collected, &device.spec.name, Some(device.id), value)).collect()
}

fn waiting(scenario: &Scenario, collected: &Collected, subtitle: &str) -> DistributionPlot {
    let waits = |device: Option<DeviceId>| {
        let jobs = collected.jobs.iter().filter(move |job| device.is_none() || job.device == device);
        jobs.filter_map(|job| Some(job.waited?.as_secs_f64())).collect::<Vec<f64>>()
    };
    let mut series = vec![("fleet".to_owned(), waits(None))];
    if scenario.fleet.len() <= 12 {
        let devices = scenario.fleet.iter().map(|device| (device.spec.name.clone(), waits(Some(device.id))));
        series.extend(devices.filter(|(_, waits)| !waits.is_empty()));
    }
    DistributionPlot {
        title: "Waiting time".to_owned(),
        subtitle: subtitle.to_owned(),
        axis: "waiting time from submission to the first start".to_owned(),
        series,
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
