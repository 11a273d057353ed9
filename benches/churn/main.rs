//! How long a placement takes on devices where jobs come and go: exact quantiles over 10,000 steps.
//!
//! The placement call alone is timed, CPU time of the thread without the cost of the clock, the least of three
//! replays of the sequence with caches emptied in between. States depend on the seed alone. Devices and patterns come
//! from a file of instances; without one, from the small file of the tests, which knows one of the devices. `--dump`
//! writes a sample of the states as such a file, for other tools to place on.

mod dump;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use dump::Dump;
use resource_manager::allocator::config::Strategy;
use resource_manager::allocator::placement::{DEFAULT_BUDGET, strategy};
use resource_manager::experiment::cpu_clock::CpuClock;
use resource_manager::experiment::placements::churn::{Churn, States, patterns, quantiles, shapes};
use resource_manager::experiment::placements::{InstanceFile, Outcome};
use resource_manager::report::table::{Align, Cell, Table, number};

/// Devices on which jobs come and go, with the share that is held and the buffer between jobs.
const RUNS: [(&str, &str, f64, u32); 6] = [
    ("fez156", "churn70", 0.7, 0),
    ("fez156", "churn50b1", 0.5, 1),
    ("condor1121", "churn70", 0.7, 0),
    ("condor1121", "churn50b1", 0.5, 1),
    ("grid400", "churn70", 0.7, 0),
    ("grid400", "churn50b1", 0.5, 1),
];

/// Latency of placement on devices where jobs come and go
#[derive(Parser)]
struct Args {
    /// The file with devices and patterns
    #[arg(long, value_name = "FILE")]
    instances: Option<PathBuf>,
    /// Number of steps
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    steps: u32,
    /// Root of all choices
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How often each sequence is replayed; the least time of each step counts
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    replays: u32,
    /// Where to write a sample of the states, as a file of instances
    #[arg(long, value_name = "FILE")]
    dump: Option<PathBuf>,
    /// How many states of each run are written, evenly spaced
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..))]
    dump_states: u32,
    /// Where to write the time of every step
    #[arg(long, value_name = "CSV")]
    out: Option<PathBuf>,
    /// Passed by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &Args) -> Result<(), String> {
    let small = include_str!("../../tests/data/placement_instances.json");
    let file = match &args.instances {
        Some(path) => InstanceFile::load(path),
        None => InstanceFile::parse(small, "tests/data/placement_instances.json"),
    };
    let file = file.map_err(|error| error.to_string())?;
    let clock = CpuClock::new();
    let mut table = table();
    let mut dump = Dump::default();
    let mut rows = String::from("device,run,step,pattern,outcome,us\n");
    for (device, name, share, buffer) in RUNS {
        let Some(epoch) = file.devices.get(device) else {
            eprintln!("{device} {name}: left out, the file does not have the device");
            continue;
        };
        let names = match shapes(&file, device) {
            Ok(names) => names,
            Err(missing) => {
                eprintln!("{device} {name}: left out, the file lacks the patterns {}", missing.join(", "));
                continue;
            }
        };
        let patterns = patterns(&file, &names);
        let (steps, seed) = (args.steps as usize, args.seed);
        let churn = Churn { share, buffer, steps, seed, budget: DEFAULT_BUDGET };
        let mut strategy = strategy(Strategy::NoiseAware);
        let states = churn.states(epoch, &patterns, strategy.as_mut());
        let times = churn.times(epoch, &patterns, &states, strategy.as_mut(), args.replays, &clock);
        table.row(row(device, name, &states, &times));
        dump.add(&file, device, name, &names, &states, args.dump_states as usize);
        for (step, (state, time)) in states.states.iter().zip(&times).enumerate() {
            let (pattern, us) = (&names[state.pattern], time.as_secs_f64() * 1e6);
            rows += &format!("{device},{name},{step},{pattern},{},{us:.3}\n", state.outcome.name());
        }
    }
    println!("{}", table.render(false));
    println!(
        "CPU microseconds of a placement; {} steps, seed {}, least of {} replays; open: not proved; \
         the clock takes {:.2} us, subtracted",
        args.steps,
        args.seed,
        args.replays,
        clock.overhead().as_secs_f64() * 1e6
    );
    let write = |path: &PathBuf, text: String| {
        std::fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
    };
    if let Some(path) = &args.out {
        write(path, rows)?;
    }
    match &args.dump {
        Some(path) => write(path, dump.into_json(&file).to_string()),
        None => Ok(()),
    }
}

fn table() -> Table {
    let left = ["device", "run"].map(|name| (name, Align::Left));
    let right = ["held", "placed", "infeasible", "open", "p50", "p90", "p99", "max"];
    let infeasible = ["infeasible: p50", "p99", "max"];
    let right = right.into_iter().chain(infeasible).map(|name| (name, Align::Right));
    Table::new(&left.into_iter().chain(right).collect::<Vec<_>>())
}

fn row(device: &str, run: &str, states: &States, times: &[std::time::Duration]) -> Vec<Cell> {
    let count = |wanted: &[Outcome]| {
        let states = states.states.iter().filter(|state| wanted.contains(&state.outcome));
        Cell::from(number(Some(states.count() as f64)))
    };
    let mut row: Vec<Cell> = vec![
        device.into(),
        run.into(),
        format!("{:.3}", states.occupancy).into(),
        count(&[Outcome::Optimal, Outcome::Feasible]),
        count(&[Outcome::ProvedInfeasible]),
        count(&[Outcome::Feasible, Outcome::BudgetExhausted]),
    ];
    let us = |value: Option<f64>| Cell::from(value.map_or("-".to_owned(), |value| format!("{value:.2}")));
    let all = quantiles(states, times, |_| true);
    row.extend([all.map(|q| q.p50), all.map(|q| q.p90), all.map(|q| q.p99), all.map(|q| q.max)].map(us));
    let none = quantiles(states, times, |outcome| outcome == Outcome::ProvedInfeasible);
    row.extend([none.map(|q| q.p50), none.map(|q| q.p99), none.map(|q| q.max)].map(us));
    row
}
