//! Placements chosen by a learned model: the allocator with [`Ranked`] candidates beside the allocator on its own.
//!
//! Starts the same programs with both on an empty device and prints the success probability of each, idle decay
//! included, which the allocator's own objective leaves out and the network has learned from simulated outcomes.

mod network;

use std::error::Error;
use std::sync::Arc;

use network::{LearnedScorer, Network};
use resource_manager::allocator::Allocator;
use resource_manager::allocator::config::AllocatorConfig;
use resource_manager::allocator::protocol::{Command, Event, JobId, JobRequest, Topology};
use resource_manager::allocator::placement::exact::NoiseAware;
use resource_manager::allocator::placement::ranked::Ranked;
use resource_manager::quantum::device::DeviceSpec;
use resource_manager::quantum::success::{CouplerUse, ProgramUse, QubitUse, layer_s, log_success};
use resource_manager::quantum::{DeviceId, PhysicalQubit, catalogue};
use resource_manager::random::{Purpose, StreamFamily};
use resource_manager::time::Time;

/// Layers of every program; half of them hold two-qubit gates.
const DEPTH: u32 = 60;
/// Qubits of the programs, all of them lines.
const LINES: [u32; 10] = [4, 5, 6, 7, 8, 5, 6, 4, 7, 5];
/// Placements among which the network chooses.
const CANDIDATES: usize = 12;

fn main() -> Result<(), Box<dyn Error>> {
    let weights = concat!(env!("CARGO_MANIFEST_DIR"), "/weights.json");
    let network = Network::read(&std::fs::read_to_string(weights)?)?;
    let (own, learned) = compare(network)?;
    println!("program  by noise  by network   (success probability)");
    for (index, (own, learned)) in own.iter().zip(&learned).enumerate() {
        println!("line {:2}  {own:8.4}  {learned:10.4}", LINES[index]);
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    println!("mean     {:8.4}  {:10.4}", mean(&own), mean(&learned));
    Ok(())
}

/// Success probabilities of all programs, each alone on the device: placed by the allocator, and with the network.
fn compare(network: Network) -> Result<(Vec<f64>, Vec<f64>), Box<dyn Error>> {
    let device = Arc::new(catalogue::load("ibm_brisbane")?);
    let allocator = || Allocator::new(AllocatorConfig::default(), StreamFamily::new(1, 0, Purpose::DeviceSelection));
    let ranked = Ranked::new(NoiseAware::default(), LearnedScorer(network), CANDIDATES);
    let own = run(allocator()?, &device)?;
    let learned = run(allocator()?.with_strategy(Box::new(ranked)), &device)?;
    Ok((own, learned))
}

fn run(mut allocator: Allocator, device: &Arc<DeviceSpec>) -> Result<Vec<f64>, Box<dyn Error>> {
    let mut events = Vec::new();
    let register = Command::RegisterDevice { device: DeviceId(0), spec: device.clone() };
    allocator.handle(Time::ZERO, register, &mut events)?;
    let mut found = Vec::new();
    for (number, &qubits) in LINES.iter().enumerate() {
        let mut job = JobRequest::new(JobId(number as u64), qubits, Topology::Line);
        job.depth = DEPTH;
        events.clear();
        allocator.handle(Time::ZERO, Command::Submit(Arc::new(job)), &mut events)?;
        allocator.handle(Time::ZERO, Command::Wake, &mut events)?;
        let started = events.iter().find_map(|event| match event {
            Event::JobStarted { allocation } => Some(allocation.clone()),
            _ => None,
        });
        let allocation = started.ok_or("a program was not started")?;
        found.push(success(device, &allocation.layout));
        allocator.handle(Time::ZERO, Command::Cancel { job: allocation.job }, &mut events)?;
        let stop = Command::StopAcknowledged { allocation: allocation.id, shots_done: 0 };
        allocator.handle(Time::ZERO, stop, &mut events)?;
    }
    Ok(found)
}

/// A line of alternating layers: each coupler has a gate in every fourth layer.
fn success(device: &DeviceSpec, layout: &[PhysicalQubit]) -> f64 {
    let gates = f64::from(DEPTH) / 4.0;
    let pairs = layout.windows(2).filter_map(|pair| device.coupling_map.coupler(pair[0], pair[1]));
    let couplers: Vec<CouplerUse> = pairs.map(|coupler| CouplerUse { coupler, gates }).collect();
    let qubits: Vec<QubitUse> = (0..layout.len())
        .map(|v| QubitUse {
            qubit: layout[v],
            one_qubit_gates: f64::from(DEPTH) / 2.0,
            two_qubit_gates: if v == 0 || v + 1 == layout.len() { gates } else { 2.0 * gates },
            measured: true,
        })
        .collect();
    let layers = f64::from(DEPTH);
    let layer_s = layer_s(&device.calibration);
    let program = ProgramUse { couplers: &couplers, qubits: &qubits, layers, layer_s };
    log_success(&device.calibration, &program).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_learned_helps() {
        let network = Network::read(include_str!("../weights.json")).unwrap();
        let (own, learned) = compare(network).unwrap();
        assert!(learned.iter().sum::<f64>() > own.iter().sum::<f64>(), "{own:?} {learned:?}");
    }

    #[test]
    fn weights_that_do_not_fit_are_refused() {
        let text = r#"{"hidden": [[1, 2, 3, 4, 5, 6]], "hidden_bias": [], "output": [1], "output_bias": 0}"#;
        assert!(Network::read(text).is_err());
    }
}
