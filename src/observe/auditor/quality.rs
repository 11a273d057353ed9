//! The quality of a started program, worked out anew from the published figures: is every bound of the job met?
//!
//! Promises arithmetic of its own (products of probabilities, where the core adds logarithms) on gate counts of its
//! own. The definitions are those of [`crate::allocator::quality`] and [`crate::quantum::program`].

use super::shape::Shapes;
use crate::allocator::protocol::{JobRequest, Topology};
use crate::allocator::quality::QualityDemand;
use crate::quantum::PhysicalQubit;
use crate::quantum::calibration::Calibration;
use crate::quantum::coupling_map::CouplingMap;

/// Below a bound by less than this is rounding.
const ROUNDING: f64 = 1e-9;

/// A two-qubit error cannot be worse than that of a gate that forgets its input.
const WORST: f64 = 0.75;

/// What one copy of a program has by published figures.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Quality {
    success: f64,
    gate_fidelity: f64,
}

/// What a job missed: a demand, and whether it is a hard one.
pub(super) type Missed = (QualityDemand, bool);

/// The bounds of a request that a copy with the given layout misses.
pub(super) fn missed(
    request: &JobRequest,
    layout: &[PhysicalQubit],
    map: &CouplingMap,
    calibration: &Calibration,
    shapes: &mut Shapes,
) -> impl Iterator<Item = Missed> {
    let quality = quality(request, layout, map, calibration, shapes);
    let success = request.min_success_probability.map(|bound| (bound.at_least, bound.hard));
    let fidelity = request.fidelity_requirement.map(|bound| (bound.at_least, bound.hard));
    let noise = request.noise_budget.map(|budget| (1.0 - budget, true));
    let bounds = [
        (QualityDemand::MinSuccessProbability, success, quality.success),
        (QualityDemand::FidelityRequirement, fidelity, quality.gate_fidelity),
        (QualityDemand::NoiseBudget, noise, quality.success),
    ];
    bounds.into_iter().filter_map(|(demand, bound, value)| {
        let (least, hard) = bound?;
        (value < least - ROUNDING).then_some((demand, hard))
    })
}

fn quality(
    request: &JobRequest,
    layout: &[PhysicalQubit],
    map: &CouplingMap,
    calibration: &Calibration,
    shapes: &mut Shapes,
) -> Quality {
    let depth = f64::from(request.depth);
    let uses = coupler_uses(request, layout, map, calibration, shapes);
    let (mut gates, mut good) = (0.0, 1.0);
    for &(a, b, times) in &uses {
        let coupler = layout.get(a).zip(layout.get(b)).and_then(|(a, b)| map.coupler(*a, *b));
        let Some(figures) = coupler.and_then(|coupler| calibration.couplers.get(coupler.index())) else {
            continue;
        };
        good *= libm::pow(1.0 - figures.two_qubit_error.min(WORST), times);
        gates += times;
    }
    let profile = match &request.topology {
        Topology::Circuit(profile) => Some(profile),
        _ => None,
    };
    let singles = |v: usize| {
        let counted = profile.and_then(|profile| profile.one_qubit_gates.get(v));
        counted.map_or(depth / 2.0, |gates| f64::from(*gates))
    };
    let mut single_gates = 0.0;
    let qubits = || {
        let known = layout.iter().map(|qubit| calibration.qubits.get(qubit.index()));
        known.enumerate().filter_map(|(v, figures)| Some((v, figures?)))
    };
    for (v, figures) in qubits() {
        single_gates += singles(v);
        good *= libm::pow(1.0 - figures.one_qubit_error, singles(v));
    }
    let layer_s = middle_duration_s(calibration);
    let gate_fidelity =
        if gates + single_gates > 0.0 { libm::pow(good, 1.0 / (gates + single_gates)) } else { 1.0 };
    for (v, figures) in qubits() {
        if profile.is_none_or(|profile| profile.measured.get(v).copied().unwrap_or(true)) {
            good *= 1.0 - figures.readout_error;
        }
        let pairs: f64 = if matches!(request.topology, Topology::Any) {
            // All take turns.
            2.0 * gates / layout.len() as f64
        } else {
            uses.iter().filter(|(a, b, _)| *a == v || *b == v).map(|(_, _, times)| times).sum()
        };
        let idle_s = (depth - pairs) * layer_s - singles(v) * figures.one_qubit_duration_s;
        if idle_s > 0.0 {
            good *= libm::exp(-idle_s / (2.0 * figures.t1_s)) * libm::exp(-idle_s / (2.0 * figures.t2_s));
        }
    }
    Quality { success: good, gate_fidelity }
}

/// How long a layer is: the lower of the two middle durations of the gates that there are, those on couplers first.
fn middle_duration_s(calibration: &Calibration) -> f64 {
    let pairs = calibration.couplers.iter().filter(|figures| !figures.dead);
    let singles = calibration.qubits.iter().filter(|figures| !figures.dead);
    let mut all: Vec<f64> = pairs.map(|figures| figures.two_qubit_duration_s).collect();
    if all.is_empty() {
        all = singles.map(|figures| figures.one_qubit_duration_s).collect();
    }
    all.sort_by(f64::total_cmp);
    if all.is_empty() { 0.0 } else { all[(all.len() - 1) / 2] }
}

/// Pairs of virtual qubits with their numbers of two-qubit gates.
fn coupler_uses(
    request: &JobRequest,
    layout: &[PhysicalQubit],
    map: &CouplingMap,
    calibration: &Calibration,
    shapes: &mut Shapes,
) -> Vec<(usize, usize, f64)> {
    let depth = f64::from(request.depth);
    let counted = match &request.topology {
        Topology::Custom(graph) => Some(graph.edges()),
        Topology::Circuit(profile) => Some(profile.interactions.edges()),
        _ => None,
    };
    if let Some(edges) = counted {
        return edges.iter().map(|(a, b, times)| (a.index(), b.index(), f64::from(*times))).collect();
    }
    let mut uses = Vec::new();
    let times = if matches!(request.topology, Topology::Any) {
        // The gates of a line, on the couplers of least error that hold the region together: each time the best of those
        // that lead to a qubit not reached yet (Prim; the program's own counts with Kruskal).
        let mut reached = vec![0];
        while reached.len() < layout.len() {
            let mut best: Option<(f64, usize, usize)> = None;
            for &a in &reached {
                for b in (0..layout.len()).filter(|b| !reached.contains(b)) {
                    let coupler = map.coupler(layout[a], layout[b]);
                    let figures = coupler.and_then(|coupler| calibration.couplers.get(coupler.index()));
                    let Some(figures) = figures.filter(|figures| !figures.dead) else { continue };
                    if best.is_none_or(|(error, ..)| figures.two_qubit_error < error) {
                        best = Some((figures.two_qubit_error, a, b));
                    }
                }
            }
            let Some((_, a, b)) = best else { break };
            uses.push((a, b, 0.0));
            reached.push(b);
        }
        if request.depth == 0 { 1.0 } else { depth / 4.0 }
    } else {
        let mut partners = vec![0_u32; layout.len()];
        shapes.visit_edges(&request.topology, layout.len() as u32, |a, b| {
            uses.push((a as usize, b as usize, 0.0));
            partners[a as usize] += 1;
            partners[b as usize] += 1;
        });
        // Two-qubit gates fill half of the layers, and the busiest qubit serves its partners in turn.
        let turns = f64::from(partners.into_iter().max().unwrap_or(0).max(1));
        // Of a program of unknown depth every interaction counts once.
        if request.depth == 0 { 1.0 } else { depth / 2.0 / turns }
    };
    uses.iter_mut().for_each(|used| used.2 = times);
    uses
}
