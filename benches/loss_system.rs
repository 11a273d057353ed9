//! The trade-off between accepting jobs and placing them well: a loss system on one 156-qubit device.
//!
//! `cargo bench --bench loss_system -- [DIR] [WEIGHT...]` plays the arrivals of `scenarios/loss_fez.yaml` straight to
//! the placement strategies: a job that finds no place is lost. Once with one gate per interaction, and once with the
//! depths that jobs have on IBM's devices, placed for their success or, to compare, as if every interaction took place
//! once. Writes `loss_system.csv` and plots to DIR. Figures but for the times are the same on every machine.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use rand::RngExt;
use resource_manager::allocator::config::{PlacementConfig, Strategy};
use resource_manager::allocator::placement::cost::{Epoch, nats_of_cost};
use resource_manager::allocator::placement::pattern::Pattern;
use resource_manager::allocator::placement::surcharge::Surcharges;
use resource_manager::allocator::placement::uses::{Uses, placed_depth};
use resource_manager::allocator::placement::{
    PlacementOutcome, PlacementRequest, placement_of_layout, strategy,
};
use resource_manager::allocator::protocol::{EpochNumber, Topology};
use resource_manager::quantum::calibration::{Calibration, DEAD_ERROR};
use resource_manager::quantum::coupling_map::CouplingMap;
use resource_manager::quantum::{PhysicalQubit, QubitSet, VirtualQubit, catalogue};
use resource_manager::random::{Purpose, StreamFamily};
use resource_manager::report::plots::{Plot, TradeoffPlot, TradeoffPoint, TradeoffSeries};
use resource_manager::simulator::scenario::Scenario;
use resource_manager::simulator::workload::Workload;
use resource_manager::time::{Span, Time};

const SCENARIO: &str = "scenarios/loss_fez.yaml";
const JOBS: usize = 20_000;
const SEEDS: u64 = 8;
/// Default weights of fragmentation, nats per free neighbour of a job of 10 qubits.
const WEIGHTS: [f64; 6] = [0.0, 0.003, 0.005, 0.008, 0.015, 0.03];
/// The best single points known before: accepted share, error per qubit.
const KNOWN: [(f64, f64); 2] = [(0.746, 0.01522), (0.764, 0.01660)];

/// Depths of programs on IBM's devices, as quantiles: as in the preset `ibm_like`.
const DEPTHS: [(f64, f64); 4] = [(0.25, 32.0), (0.5, 114.0), (0.9, 487.0), (0.99, 4_672.0)];

/// One job of the arrival sequence.
struct Arrival {
    at: Time,
    span: Span,
    pattern: usize,
}

/// A program: what it is placed by, and what its success is predicted by.
#[derive(PartialEq)]
struct Program {
    placed_by: Pattern,
    judged_by: Pattern,
}

/// How deep programs are, and what they are placed for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Programs {
    /// One gate per interaction, and nothing else.
    OneGate,
    /// Depths as on IBM's devices, placed for their success.
    DeepBySuccess,
    /// The same, placed as if every interaction took place once.
    DeepByShape,
}

impl Programs {
    const ALL: [Self; 3] = [Self::OneGate, Self::DeepBySuccess, Self::DeepByShape];

    fn name(self) -> &'static str {
        match self {
            Self::OneGate => "one_gate",
            Self::DeepBySuccess => "deep_by_success",
            Self::DeepByShape => "deep_by_shape",
        }
    }

    fn program(self, topology: &Topology, qubits: u32, depth: u32) -> Program {
        let plain = Pattern::new(topology, qubits);
        if self == Self::OneGate {
            return Program { placed_by: plain.clone(), judged_by: plain };
        }
        // Graphs, too, are shapes here: their interactions take turns.
        let degrees: Vec<u32> = (0..qubits).map(|v| plain.neighbours(VirtualQubit(v)).len() as u32).collect();
        let weights: Vec<u64> = degrees.iter().copied().map(u64::from).collect();
        let depth = placed_depth(&Topology::Line, depth);
        let deep = plain.clone().with_uses(Uses::new(&Topology::Line, depth, &degrees, &weights));
        let placed_by = if self == Self::DeepBySuccess { deep.clone() } else { plain };
        Program { placed_by, judged_by: deep }
    }
}

/// The depth at a rank among all jobs, 0..1: straight lines through the quantiles in the logarithm.
fn depth_at(rank: f64) -> u32 {
    let mut before = (0.0, 1.0);
    for (share, depth) in DEPTHS.into_iter().chain([(1.0, 10_000.0)]) {
        if rank <= share {
            let (from, to) = (libm::log(before.1), libm::log(depth));
            return libm::exp(from + (to - from) * (rank - before.0) / (share - before.0)).round() as u32;
        }
        before = (share, depth);
    }
    10_000
}

/// What came out of one or several sequences.
struct Outcome {
    accepted: Vec<f64>,
    error_per_qubit: Vec<f64>,
    micros: Vec<f64>,
}

fn arrivals(scenario: &Scenario, seed: u64, kind: Programs, programs: &mut Vec<Program>) -> Vec<Arrival> {
    let depths = StreamFamily::new(seed, 0, Purpose::SyntheticDevice);
    let streams = Workload::attributes(seed, 0);
    let numbered = scenario.workload.arrivals(seed, 0).take(JOBS).zip(0..);
    let jobs = numbered.map(|(arrival, number)| {
        let at = arrival.at;
        let job = scenario.workload.draw(&streams, arrival, number);
        let depth = depth_at(depths.stream(number, 0).random());
        let program = kind.program(&job.request.topology, job.request.min_qubits, depth);
        let index = programs.iter().position(|known| *known == program).unwrap_or_else(|| {
            programs.push(program);
            programs.len() - 1
        });
        Arrival { at, span: job.execution_time.expect("the scenario gives it"), pattern: index }
    });
    jobs.collect()
}

/// Plays one sequence of arrivals and adds what came of it to `outcome`.
fn play(
    epoch: &Epoch,
    arrivals: &[Arrival],
    programs: &[Program],
    chosen: Strategy,
    weights: &PlacementConfig,
    outcome: &mut Outcome,
) {
    let mut strategy = strategy(chosen);
    let mut surcharges = Surcharges::default();
    let mut free = epoch.usable.clone();
    let mut running: Vec<(Time, Vec<PhysicalQubit>)> = Vec::new();
    let (mut accepted, mut errors) = (0_u32, 0.0);
    for arrival in arrivals {
        running.retain(|(end, qubits)| {
            let stays = *end > arrival.at;
            if !stays {
                for &qubit in qubits {
                    free.insert(qubit);
                }
            }
            stays
        });
        let Program { placed_by, judged_by } = &programs[arrival.pattern];
        let started = Instant::now();
        let mut request = PlacementRequest::new(epoch, &free, placed_by);
        request.objective = surcharges.objective(weights, &request, std::iter::empty());
        let placed = strategy.place(&request);
        outcome.micros.push(started.elapsed().as_secs_f64() * 1e6);
        if let PlacementOutcome::Optimal(placement) | PlacementOutcome::Feasible { placement, .. } =
            placed.outcome
        {
            accepted += 1;
            let judged = PlacementRequest::new(epoch, &free, judged_by);
            let judged = placement_of_layout(&judged, placement.layout.clone()).expect("it is legal");
            // By what a program of one gate per interaction has: deep ones must not drown the others.
            let unit = judged_by.qubits() as f64 * epoch.relative_noise(judged_by);
            errors += nats_of_cost(judged.cost) / unit;
            for &qubit in &placement.layout {
                free.remove(qubit);
            }
            running.push((arrival.at + arrival.span, placement.layout.to_vec()));
        }
    }
    outcome.accepted.push(f64::from(accepted) / arrivals.len() as f64);
    outcome.error_per_qubit.push(errors / f64::from(accepted.max(1)));
}

impl Outcome {
    /// Its columns: shares and errors with their standard errors, quantiles of times.
    fn cells(&mut self) -> String {
        self.micros.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| self.micros[(share * (self.micros.len() - 1) as f64) as usize];
        let (accepted, error) = (mean(&self.accepted), mean(&self.error_per_qubit));
        let (accepted_se, error_se) = (standard_error(&self.accepted), standard_error(&self.error_per_qubit));
        format!("{accepted:.5},{accepted_se:.5},{error:.6},{error_se:.6},{:.1},{:.1}", at(0.5), at(0.99))
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn standard_error(values: &[f64]) -> f64 {
    let middle = mean(values);
    let square: f64 = values.iter().map(|value| (value - middle).powi(2)).sum();
    (square / (values.len() as f64 - 1.0).max(1.0) / values.len() as f64).sqrt()
}

/// The device as calibrated, or with all errors within 1 % of their mean.
fn epoch(map: &Arc<CouplingMap>, calibration: &Calibration, nearly_equal: bool) -> Epoch {
    let mut calibration = calibration.clone();
    if nearly_equal {
        let compress = |errors: Vec<&mut f64>| {
            let mut errors: Vec<&mut f64> = errors.into_iter().filter(|error| **error < DEAD_ERROR).collect();
            let middle = errors.iter().map(|error| **error).sum::<f64>() / errors.len() as f64;
            let widest = errors.iter().map(|error| (**error - middle).abs()).fold(0.0, f64::max);
            for error in &mut errors {
                **error = middle * (1.0 + 0.01 * (**error - middle) / widest);
            }
        };
        compress(calibration.qubits.iter_mut().map(|qubit| &mut qubit.readout_error).collect());
        compress(calibration.couplers.iter_mut().map(|coupler| &mut coupler.two_qubit_error).collect());
    }
    let none = QubitSet::new(map.qubits());
    Epoch::new(EpochNumber(1), map.clone(), Arc::new(calibration), &none, &[])
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let folder = words.first().map(PathBuf::from);
    let mut weights: Vec<f64> = words.iter().skip(1).filter_map(|word| word.parse().ok()).collect();
    if weights.is_empty() {
        weights = WEIGHTS.to_vec();
    }
    let scenario = Scenario::load(Path::new(SCENARIO), &[]).unwrap_or_else(|error| panic!("{error}"));
    let device = catalogue::load("ibm_fez").unwrap_or_else(|error| panic!("{error}"));
    let mut csv = String::from(
        "programs,noise,strategy,fragmentation_weight,accepted_share,accepted_share_se,error_per_qubit,\
         error_per_qubit_se,p50_us,p99_us\n",
    );
    let mut drawn: Vec<(Programs, Vec<TradeoffPoint>, Vec<TradeoffPoint>)> = Vec::new();
    for kind in Programs::ALL {
        let mut programs = Vec::new();
        let worlds: Vec<Vec<Arrival>> =
            (1..=SEEDS).map(|seed| arrivals(&scenario, seed, kind, &mut programs)).collect();
        let (mut curve, mut first_fit) = (Vec::new(), Vec::new());
        for (noise, nearly_equal) in [("calibrated", false), ("within_1_percent", true)] {
            let epoch = epoch(&device.coupling_map, &device.calibration, nearly_equal);
            let exact = weights.iter().map(|&weight| (Strategy::NoiseAware, weight));
            for (chosen, weight) in std::iter::once((Strategy::FirstFit, 0.0)).chain(exact) {
                let config = PlacementConfig { fragmentation_weight: weight, ..PlacementConfig::default() };
                let mut outcome =
                    Outcome { accepted: Vec::new(), error_per_qubit: Vec::new(), micros: Vec::new() };
                for world in &worlds {
                    play(&epoch, world, &programs, chosen, &config, &mut outcome);
                }
                let first = chosen == Strategy::FirstFit;
                let name = if first { "first_fit" } else { "noise_aware" };
                let row = format!("{},{noise},{name},{weight},{}", kind.name(), outcome.cells());
                println!("{row}");
                csv.push_str(&row);
                csv.push('\n');
                if !nearly_equal {
                    let label = if first { String::new() } else { weight.to_string() };
                    let at = (mean(&outcome.error_per_qubit), mean(&outcome.accepted));
                    let list = if first { &mut first_fit } else { &mut curve };
                    list.push(TradeoffPoint { label, at });
                }
            }
        }
        drawn.push((kind, curve, first_fit));
    }
    let Some(folder) = folder else { return };
    std::fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut deep = Vec::new();
    for (kind, curve, first_fit) in drawn {
        match kind {
            Programs::OneGate => {
                draw(&folder, "loss_system", "one gate per interaction", one_gate(curve, first_fit))
            }
            Programs::DeepBySuccess => deep.extend([
                joined("placed for success, by fragmentation weight", curve),
                alone("first fit", first_fit),
            ]),
            Programs::DeepByShape => deep.push(joined("placed as if each gate came once, by weight", curve)),
        }
    }
    draw(&folder, "loss_system_deep", "depths as on IBM's devices", deep);
    let path = folder.join("loss_system.csv");
    std::fs::write(&path, csv).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

fn joined(name: &str, points: Vec<TradeoffPoint>) -> TradeoffSeries {
    TradeoffSeries { name: name.to_owned(), joined: true, points }
}

fn alone(name: &str, points: Vec<TradeoffPoint>) -> TradeoffSeries {
    TradeoffSeries { name: name.to_owned(), joined: false, points }
}

fn one_gate(curve: Vec<TradeoffPoint>, first_fit: Vec<TradeoffPoint>) -> Vec<TradeoffSeries> {
    let unlabelled = |at| TradeoffPoint { label: String::new(), at };
    let noise_only = curve.iter().filter(|point| point.label == "0").map(|point| unlabelled(point.at));
    let noise_only = noise_only.collect();
    let known = KNOWN.map(|(accepted, error)| unlabelled((error, accepted)));
    vec![
        joined("exact, by fragmentation weight", curve),
        alone("first fit", first_fit),
        alone("noise only", noise_only),
        alone("best known before", known.to_vec()),
    ]
}

fn draw(folder: &Path, file: &str, programs: &str, series: Vec<TradeoffSeries>) {
    let plot = Plot::Tradeoff(TradeoffPlot {
        title: "Loss system: accepted share against error per qubit".to_owned(),
        subtitle: format!(
            "ibm_fez, load 0.9, {programs}, {},000 jobs, mean of {SEEDS} seeds; upper left is better",
            JOBS / 1_000
        ),
        x_name: "error per qubit of accepted jobs (nats, as of one gate per interaction)".to_owned(),
        y_name: "accepted share of jobs".to_owned(),
        series,
    });
    let figure = plot.render().unwrap_or_else(|error| panic!("{error}"));
    figure.write(folder, file).unwrap_or_else(|error| panic!("{error}"));
}
