//! The trade-off between accepting jobs and placing them well: a loss system on one 156-qubit device.
//!
//! `cargo bench --bench loss_system -- [DIR] [WEIGHT...]` plays the arrivals of `scenarios/loss_fez.yaml` straight to
//! the placement strategies: a job that finds no place is lost. Writes `loss_system.csv` and a plot to DIR. Figures
//! but for the times are the same on every machine.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use resource_manager::allocator::config::{PlacementConfig, Strategy};
use resource_manager::allocator::placement::cost::{Epoch, nats_of_cost};
use resource_manager::allocator::placement::pattern::Pattern;
use resource_manager::allocator::placement::surcharge::Surcharges;
use resource_manager::allocator::placement::{PlacementOutcome, PlacementRequest, strategy};
use resource_manager::allocator::protocol::EpochNumber;
use resource_manager::quantum::calibration::{Calibration, DEAD_ERROR};
use resource_manager::quantum::coupling_map::CouplingMap;
use resource_manager::quantum::{PhysicalQubit, QubitSet, catalogue};
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

/// One job of the arrival sequence.
struct Arrival {
    at: Time,
    span: Span,
    pattern: usize,
}

/// What came out of one or several sequences.
struct Outcome {
    accepted: Vec<f64>,
    error_per_qubit: Vec<f64>,
    micros: Vec<f64>,
}

fn arrivals(scenario: &Scenario, seed: u64, patterns: &mut Vec<Pattern>) -> Vec<Arrival> {
    let streams = Workload::attributes(seed, 0);
    let numbered = scenario.workload.arrivals(seed, 0).take(JOBS).zip(0..);
    let jobs = numbered.map(|(arrival, number)| {
        let at = arrival.at;
        let job = scenario.workload.draw(&streams, arrival, number);
        let pattern = Pattern::new(&job.request.topology, job.request.min_qubits);
        let index = patterns.iter().position(|known| *known == pattern).unwrap_or_else(|| {
            patterns.push(pattern);
            patterns.len() - 1
        });
        Arrival { at, span: job.execution_time.expect("the scenario gives it"), pattern: index }
    });
    jobs.collect()
}

/// Plays one sequence of arrivals and adds what came of it to `outcome`.
fn play(
    epoch: &Epoch,
    arrivals: &[Arrival],
    patterns: &[Pattern],
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
        let pattern = &patterns[arrival.pattern];
        let started = Instant::now();
        let mut request = PlacementRequest::new(epoch, &free, pattern);
        request.objective = surcharges.objective(weights, &request, std::iter::empty());
        let placed = strategy.place(&request);
        outcome.micros.push(started.elapsed().as_secs_f64() * 1e6);
        if let PlacementOutcome::Optimal(placement) | PlacementOutcome::Feasible { placement, .. } =
            placed.outcome
        {
            accepted += 1;
            errors += nats_of_cost(placement.cost) / pattern.qubits() as f64;
            for &qubit in &placement.layout {
                free.remove(qubit);
            }
            running.push((arrival.at + arrival.span, placement.layout.to_vec()));
        }
    }
    outcome.accepted.push(f64::from(accepted) / arrivals.len() as f64);
    outcome.error_per_qubit.push(errors / f64::from(accepted.max(1)));
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
    let mut patterns = Vec::new();
    let worlds: Vec<Vec<Arrival>> =
        (1..=SEEDS).map(|seed| arrivals(&scenario, seed, &mut patterns)).collect();
    let device = catalogue::load("ibm_fez").unwrap_or_else(|error| panic!("{error}"));
    let mut csv = String::from(
        "noise,strategy,fragmentation_weight,accepted_share,accepted_share_se,error_per_qubit,\
         error_per_qubit_se,p50_us,p99_us\n",
    );
    let mut curve = Vec::new();
    let mut first_fit = Vec::new();
    for (noise, nearly_equal) in [("calibrated", false), ("within_1_percent", true)] {
        let epoch = epoch(&device.coupling_map, &device.calibration, nearly_equal);
        let exact = weights.iter().map(|&weight| (Strategy::NoiseAware, weight));
        for (chosen, weight) in std::iter::once((Strategy::FirstFit, 0.0)).chain(exact) {
            let config = PlacementConfig { fragmentation_weight: weight, ..PlacementConfig::default() };
            let mut outcome =
                Outcome { accepted: Vec::new(), error_per_qubit: Vec::new(), micros: Vec::new() };
            for world in &worlds {
                play(&epoch, world, &patterns, chosen, &config, &mut outcome);
            }
            outcome.micros.sort_unstable_by(f64::total_cmp);
            let at = |share: f64| outcome.micros[(share * (outcome.micros.len() - 1) as f64) as usize];
            let (accepted, error) = (mean(&outcome.accepted), mean(&outcome.error_per_qubit));
            let name = if chosen == Strategy::FirstFit { "first_fit" } else { "noise_aware" };
            let mut row = String::new();
            let (accepted_se, error_se) =
                (standard_error(&outcome.accepted), standard_error(&outcome.error_per_qubit));
            let _ = write!(
                row,
                "{noise},{name},{weight},{accepted:.5},{accepted_se:.5},{error:.6},{error_se:.6}"
            );
            let _ = write!(row, ",{:.1},{:.1}", at(0.5), at(0.99));
            println!("{row}");
            csv.push_str(&row);
            csv.push('\n');
            if !nearly_equal {
                let label = if name == "first_fit" { String::new() } else { weight.to_string() };
                let list = if name == "first_fit" { &mut first_fit } else { &mut curve };
                list.push(TradeoffPoint { label, at: (error, accepted) });
            }
        }
    }
    let Some(folder) = folder else { return };
    let noise_only = curve
        .iter()
        .find(|point| point.label == "0")
        .cloned()
        .map(|point| TradeoffPoint { label: String::new(), ..point });
    let alone = |name: &str, points: Vec<TradeoffPoint>| TradeoffSeries {
        name: name.to_owned(),
        joined: false,
        points,
    };
    let known = KNOWN.map(|(accepted, error)| TradeoffPoint { label: String::new(), at: (error, accepted) });
    let series = vec![
        TradeoffSeries { name: "exact, by fragmentation weight".to_owned(), joined: true, points: curve },
        alone("first fit", first_fit),
        alone("noise only", noise_only.into_iter().collect()),
        alone("best known before", known.to_vec()),
    ];
    let plot = Plot::Tradeoff(TradeoffPlot {
        title: "Loss system: accepted share against error per qubit".to_owned(),
        subtitle: format!("ibm_fez, load 0.9, {JOBS} jobs, mean of {SEEDS} seeds; upper left is better"),
        x_name: "error per qubit of accepted jobs (nats)".to_owned(),
        y_name: "accepted share of jobs".to_owned(),
        series,
    });
    std::fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let figure = plot.render().unwrap_or_else(|error| panic!("{error}"));
    figure.write(&folder, "loss_system").unwrap_or_else(|error| panic!("{error}"));
    let path = folder.join("loss_system.csv");
    std::fs::write(&path, csv).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
