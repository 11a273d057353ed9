//! Where the results come from: versions, hashes, seed, machine.

use maud::{Markup, html};

use crate::experiment::reading::{Manifest, Summary};
use crate::report::table::{duration, number, percent};

/// The manifest as a list, and the scenario in full.
pub(super) fn section(manifest: &Manifest, performance: Option<&Summary>) -> Markup {
    let program = format!("{} {}", manifest.program.name, manifest.program.version);
    let machine = format!("{} on {}", manifest.host.os, manifest.host.architecture);
    let or_unknown = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let mut facts = vec![
        ("run", manifest.run.clone()),
        ("scenario", manifest.scenario.clone()),
        ("seed", manifest.seed.to_string()),
        ("replications", manifest.replications.to_string()),
        ("program", program),
    ];
    if let Some(hash) = &manifest.scenario_hash {
        facts.push(("scenario hash (BLAKE3)", hash.clone()));
    }
    if let Some(generator) = &manifest.generator {
        facts.push(("random numbers", generator.clone()));
    }
    if let Some(start) = &manifest.simulated_start {
        facts.push(("simulated start", start.clone()));
    }
    if !manifest.host.os.is_empty() {
        facts.push(("machine", machine));
    }
    facts.push(("started", or_unknown(&manifest.started_at)));
    facts.push(("finished", or_unknown(&manifest.finished_at)));
    html! {
        dl.manifest {
            @for (name, value) in facts { div { dt { (name) } dd { code { (value) } } } }
        }
        @if let Some(performance) = performance { (speed(performance)) }
        @if !manifest.variants.is_empty() {
            details {
                summary { "Runs that were compared" }
                dl.manifest {
                    @for variant in &manifest.variants {
                        div { dt { (variant.name) } dd { code { (variant.run) } } }
                    }
                }
            }
        }
        @if !manifest.devices.is_empty() {
            details {
                summary { "Where the devices' figures come from" }
                dl.manifest {
                    @for device in &manifest.devices {
                        div {
                            dt { (device.name) }
                            dd {
                                (device.source)
                                @if let Some(when) = &device.calibrated_at { " (" (when) ")" }
                            }
                        }
                    }
                }
            }
        }
        @if let Some(scenario) = &manifest.resolved_scenario {
            details {
                summary { "The scenario with all defaults" }
                pre tabindex="0" { code { (format!("{scenario:#}")) } }
            }
        }
    }
}

/// The wall-clock figures that people ask for.
fn speed(performance: &Summary) -> Markup {
    const MICRO: f64 = 1e-6;
    let mean = |name: &str| performance.metrics.get(name).and_then(|value| value.mean);
    let time = |name: &str| duration(mean(name).map(|us| us * MICRO));
    let lines = [
        ("jobs simulated per second and thread", number(mean("jobs_per_s").map(f64::round))),
        ("wall-clock time of all replications", duration(mean("wall_s"))),
        ("spent in the allocator", percent(mean("allocator_share"))),
        ("one placement decision, p50", time("allocation_latency_us.p50")),
        ("one placement decision, p99", time("allocation_latency_us.p99")),
        ("one command, p99", time("command_latency_us.p99")),
    ];
    html! {
        h3 { "Speed of this run" }
        p.note { "Measured, not simulated: these figures differ from run to run." }
        dl.manifest { @for (name, value) in lines { div { dt { (name) } dd { (value) } } } }
    }
}
