//! Places programs by an interaction graph each, and prints what routing is expected to cost: the allocator's side of
//! `benches/peers/routing.py`.
//!
//! Reads JSON from the standard input: `{"strategy": "region", "programs": [{"id", "device", "qubits", "edges":
//! [[a, b, gates], ...]}]}`; writes CSV.

use std::error::Error;
use std::io::Read;
use std::time::Instant;

use resource_manager::allocator::config::Strategy;
use resource_manager::allocator::placement::cost::{Epoch, nats_of_cost};
use resource_manager::allocator::placement::pattern::Pattern;
use resource_manager::allocator::placement::{PlacementOutcome, PlacementRequest, strategy};
use resource_manager::allocator::protocol::EpochNumber;
use resource_manager::quantum::{QubitSet, VirtualQubit, catalogue};

#[derive(serde::Deserialize)]
struct Input {
    strategy: Strategy,
    programs: Vec<Program>,
}

#[derive(serde::Deserialize)]
struct Program {
    id: String,
    device: String,
    qubits: u32,
    edges: Vec<(u32, u32, u32)>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let input: Input = serde_json::from_str(&text)?;
    println!("id,outcome,swaps,cost,routing_cost,steps,time_us,layout");
    for program in &input.programs {
        let device = catalogue::load(&program.device)?;
        let (map, calibration) = (device.coupling_map.clone(), device.calibration.clone());
        let epoch =
            Epoch::new(EpochNumber(1), map, calibration, &QubitSet::new(device.coupling_map.qubits()), &[]);
        let edges = program.edges.iter().map(|&(a, b, gates)| (VirtualQubit(a), VirtualQubit(b), gates));
        let pattern = Pattern::from_edges(program.qubits, edges.collect(), false);
        let request = PlacementRequest::new(&epoch, &epoch.usable, &pattern);
        let mut strategy = strategy(input.strategy);
        let begun = Instant::now();
        let placed = strategy.place(&request);
        let time_us = begun.elapsed().as_secs_f64() * 1e6;
        match placed.outcome {
            PlacementOutcome::Optimal(found) | PlacementOutcome::Feasible { placement: found, .. } => {
                let layout: Vec<String> = found.layout.iter().map(|qubit| qubit.0.to_string()).collect();
                let (swaps, added) = found.routing.map_or((0, 0), |routing| (routing.swaps, routing.cost));
                println!(
                    "{},placed,{swaps},{:.9},{:.9},{},{time_us:.1},{}",
                    program.id,
                    nats_of_cost(found.cost),
                    nats_of_cost(added),
                    placed.steps,
                    layout.join(" ")
                );
            }
            other => println!("{},{other:?},,,,{},{time_us:.1},", program.id, placed.steps),
        }
    }
    Ok(())
}
