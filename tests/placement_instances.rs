//! Placements on measured devices, scored from the file rather than by the code under test.
//!
//! Source: placement benchmark v1, calibrations from qiskit-ibm-runtime fake_provider. Optima and infeasibility were
//! proved by two independent solvers.

mod instances;

use instances::{Best, Instances};
use resource_manager::allocator::config::Strategy;
use resource_manager::allocator::placement::{PlacementOutcome, PlacementRequest, strategy};

/// Every instance: same outcome as known, best score reached, and first fit never better and never illegal.
#[test]
fn known_optima_are_found_and_proved() {
    let all = Instances::parse(include_str!("data/placement_instances.json"));
    let mut exact = strategy(Strategy::NoiseAware);
    let mut first_fit = strategy(Strategy::FirstFit);
    let mut lines = Vec::new();
    for (name, device) in &all.devices {
        let epoch = device.epoch();
        for instance in all.instances.iter().filter(|instance| &instance.device == name) {
            let label = format!("{name}/{} {}", instance.busy, instance.pattern);
            let free = all.free(name, &instance.busy);
            let pattern = all.pattern(&instance.pattern);
            let request = PlacementRequest::new(&epoch, &free, &pattern);
            let graph = &all.patterns[&instance.pattern];
            assert!(instance.proved, "{label}");
            let placed = exact.place(&request);
            let first = first_fit.place(&request).outcome;
            match (&instance.best_known, placed.outcome, first) {
                (
                    Best::Score(best),
                    PlacementOutcome::Optimal(placement),
                    PlacementOutcome::Feasible { placement: first, .. },
                ) => {
                    let score = device.score(&free, graph, &placement.layout).expect(&label);
                    assert!((score / best - 1.0).abs() < 1e-6, "{label}: {score}, known {best}");
                    let of_first = device.score(&free, graph, &first.layout).expect(&label);
                    assert!(of_first <= score * (1.0 + 1e-6), "{label}");
                    lines.push(format!(
                        "{label}: {score:.6} in {} steps, first fit {of_first:.6}",
                        placed.steps
                    ));
                }
                (
                    Best::Infeasible(_),
                    PlacementOutcome::ProvedInfeasible,
                    PlacementOutcome::ProvedInfeasible,
                ) => lines.push(format!("{label}: infeasible, {} steps", placed.steps)),
                (_, exact, first) => panic!("{label}: {exact:?}, first fit {first:?}"),
            }
        }
    }
    insta::assert_snapshot!(lines.join("\n"), @"
    fez156/empty line5: 0.962204 in 7 steps, first fit 0.935174
    fez156/empty line20: 0.810006 in 210 steps, first fit 0.720186
    fez156/empty ring12: 0.874447 in 90 steps, first fit 0.835900
    fez156/empty star4: 0.969875 in 7 steps, first fit 0.954168
    fez156/empty grid2x3: infeasible, 0 steps
    fez156/empty guad16: 0.832409 in 115 steps, first fit 0.775172
    fez156/empty hh27: 0.668920 in 446 steps, first fit 0.590085
    fez156/empty rand20@fez156: 0.806958 in 73 steps, first fit 0.715930
    fez156/rand50 line10: infeasible, 0 steps
    fez156/rand50 ring12: infeasible, 91 steps
    fez156/rand50 treeH7: infeasible, 0 steps
    fez156/rand70 line20: infeasible, 48 steps
    fez156/clump50 line20: 0.611578 in 267 steps, first fit 0.605095
    fez156/clump50 planted20@fez156/clump50: 0.642215 in 68 steps, first fit 0.642215
    fez156/clump30b1 treeT6: 0.948824 in 9 steps, first fit 0.925263
    fez156/clump30b1 hh27: infeasible, 237 steps
    guadalupe16/empty line10: 0.746140 in 11 steps, first fit 0.706133
    guadalupe16/empty ring12: 0.666179 in 12 steps, first fit 0.666179
    guadalupe16/empty star5: infeasible, 0 steps
    guadalupe16/empty guad16: infeasible, 0 steps
    guadalupe16/empty badtail16: infeasible, 0 steps
    guadalupe16/rand50 line5: infeasible, 0 steps
    ");
}
