//! Job mixes that come with the program, and what a template means that leaves something out.
//!
//! Promises the marginal figures that were measured, with their source; says what is an assumption. Leaves tenants,
//! arrivals and anything else to the scenario.

use super::file::jobs::{JobTemplate, TopologyFile};
use super::file::workload::{JobsFile, OutcomesFile, Preset};
use crate::simulator::workload::distribution::{Draw, Law};

/// The list of templates, nothing left out that the preset or a default gives.
pub(super) fn expand(jobs: &JobsFile) -> Vec<JobTemplate> {
    match jobs {
        JobsFile::Preset(preset) => vec![of(*preset)],
        JobsFile::Templates(templates) => templates.iter().map(filled).collect(),
    }
}

fn filled(template: &JobTemplate) -> JobTemplate {
    let base = template.preset.map(of).unwrap_or_default();
    let circuit = matches!(template.topology, Some(TopologyFile::Circuit(_)));
    let fixed = template.topology.is_some() || template.min_qubits.is_some() || template.max_qubits.is_some();
    JobTemplate {
        // A shape that the template chooses may fix the size, and is asked first.
        qubits: template.qubits.clone().or_else(|| base.qubits.filter(|_| !fixed)),
        topology: Some(template.topology.clone().or(base.topology).unwrap_or(TopologyFile::Any)),
        circuits: Some(template.circuits.clone().or(base.circuits).unwrap_or(Draw::Constant(1))),
        shots: Some(template.shots.clone().or(base.shots).unwrap_or(Draw::Constant(4_000))),
        // Left out where neither says it: a circuit knows its own depth, and of other programs one is assumed.
        depth: template.depth.clone().or_else(|| base.depth.filter(|_| !circuit)),
        outcomes: template.outcomes.clone().or(base.outcomes),
        name: template.name.clone().or(base.name),
        preset: None,
        ..template.clone()
    }
}

fn of(preset: Preset) -> JobTemplate {
    match preset {
        Preset::IbmLike => filled(&ibm_like()),
    }
}

/// Jobs as measured on IBM's devices over two years (Ravi et al., IISWC'21).
///
/// Measured: shots median 4,000 with modes 1,000, 4,000 and 8,000; circuits median 1, p75 40, p90 80 to 100; qubits
/// median 5, p75 7, p99 19; depth median 114, p90 487, p99 4,672. Assumptions: what lies between and beyond these points
/// (the largest number of circuits is what IBM's devices accept; p99 is chosen so that the run time's is near its
/// measured 678 s), the shapes, and that the numbers are independent of each other.
fn ibm_like() -> JobTemplate {
    JobTemplate {
        name: Some("ibm_like".to_owned()),
        qubits: Some(Draw::Law(Law::Quantiles(vec![
            (0.0, 1),
            (0.25, 3),
            (0.5, 5),
            (0.75, 7),
            (0.9, 11),
            (0.99, 19),
            (1.0, 27),
        ]))),
        topology: Some(TopologyFile::Choice(vec![
            (TopologyFile::Any, 0.5),
            (TopologyFile::Line, 0.4),
            (TopologyFile::HeavyHex, 0.1),
        ])),
        circuits: Some(Draw::Law(Law::Quantiles(vec![
            (0.0, 1),
            (0.5, 1),
            (0.75, 40),
            (0.9, 90),
            (0.99, 300),
            (1.0, 900),
        ]))),
        shots: Some(Draw::Law(Law::Choice(vec![
            (100, 0.04),
            (1_000, 0.26),
            (2_000, 0.08),
            (4_000, 0.28),
            (5_000, 0.04),
            (8_000, 0.30),
        ]))),
        depth: Some(Draw::Law(Law::Quantiles(vec![
            (0.0, 3),
            (0.1, 24),
            (0.5, 114),
            (0.9, 487),
            (0.99, 4_672),
            (1.0, 10_000),
        ]))),
        outcomes: Some(OutcomesFile { cancelled: 0.058, error: 0.031, ..OutcomesFile::default() }),
        ..JobTemplate::default()
    }
}
