//! Which device is chosen: that each selection is another one, that the best by a figure is the best by an independent
//! computation, that turns follow weights, and that names of devices mean what they say.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use resource_manager::allocator::Allocator;
use resource_manager::allocator::config::{
    AllocatorConfig, AvoidOverloaded, DeviceWeights, HeadOfLine, Queue, ScoreWeights, Selection,
};
use resource_manager::allocator::protocol::{Command, Event, JobId, JobRequest, Outcome, Topology};
use resource_manager::fixed_point::Fixed;
use resource_manager::observe::auditor::Auditor;
use resource_manager::quantum::DeviceId;
use resource_manager::quantum::calibration::Calibration;
use resource_manager::quantum::coupling_map::CouplingMap;
use resource_manager::quantum::device::{DeviceSpec, Speed};
use resource_manager::quantum::price::Price;
use resource_manager::simulator::scenario::{Scenario, SetOverride};
use resource_manager::time::{Span, Time};

use world::{config, core, job, per_device, spec};

mod world;

/// A device whose jobs take `layer` ns for each layer and `shot` ns for each shot, at a price in millionths.
fn device(name: &str, qubits: u32, layer: u64, price: Option<(u64, u64)>) -> Arc<DeviceSpec> {
    // All qubits couple, so that whatever is free by number is free.
    let plain = spec(name, CouplingMap::all_to_all(qubits).unwrap());
    Arc::new(DeviceSpec {
        speed: Speed { layer: Span(layer), ..plain.speed },
        price: price.map(|(second, shot)| Price { per_second: Fixed(second), per_shot: Fixed(shot) }),
        ..DeviceSpec::clone(&plain)
    })
}

/// The same with another readout error.
fn noisy(of: &DeviceSpec, readout_error: f64) -> Arc<DeviceSpec> {
    let mut calibration = Calibration::clone(&of.calibration);
    calibration.qubits.iter_mut().for_each(|qubit| qubit.readout_error = readout_error);
    Arc::new(DeviceSpec { calibration: Arc::new(calibration), ..of.clone() })
}

/// A core, its auditor, and where jobs go.
struct Fleet {
    core: Allocator,
    auditor: Auditor,
    now: Time,
    /// Where each job went in order: home, or start with a global queue.
    went: Vec<DeviceId>,
}

impl Fleet {
    fn new(config: AllocatorConfig, devices: &[Arc<DeviceSpec>]) -> Self {
        let auditor = Auditor::under(&config);
        let mut fleet = Self { core: core(config), auditor, now: Time::ZERO, went: Vec::new() };
        for (id, spec) in devices.iter().enumerate() {
            fleet.say(Command::RegisterDevice { device: DeviceId(id as u32), spec: spec.clone() });
        }
        fleet.pass();
        fleet
    }

    fn say(&mut self, command: Command) {
        let mut events = Vec::new();
        self.core.handle(self.now, command, &mut events).unwrap();
        let global = matches!(self.core.config().queue, Queue::Global { .. });
        for event in &events {
            self.auditor.observe(self.now, event);
            match event {
                Event::JobQueued { device, .. } if !global => self.went.extend(*device),
                Event::JobStarted { allocation } if global => self.went.push(allocation.device),
                _ => {}
            }
        }
        assert_eq!(self.auditor.violations(), []);
    }

    fn pass(&mut self) {
        while self.core.next_wakeup().is_some_and(|at| at <= self.now) {
            self.say(Command::Wake);
        }
    }

    fn submit(&mut self, request: JobRequest) {
        self.say(Command::Submit(Arc::new(request)));
        self.pass();
    }

    fn finish(&mut self, id: u64) {
        let allocation = self.core.job(JobId(id)).and_then(|job| job.allocation());
        if let Some(allocation) = allocation {
            self.say(Command::Finished { allocation, outcome: Outcome::Success, shots_done: 1 });
            self.pass();
        }
    }

    fn letters(&self) -> String {
        self.went.iter().map(|id| char::from(b'a' + id.0 as u8)).collect()
    }
}

fn weights(of: &[(&str, u64)]) -> DeviceWeights {
    DeviceWeights(of.iter().map(|(name, weight)| ((*name).to_owned(), Fixed::whole(*weight))).collect())
}

fn waiting_per_device(selection: Selection) -> AllocatorConfig {
    AllocatorConfig {
        selection,
        weights: weights(&[("a", 1), ("b", 3), ("c", 2), ("d", 1)]),
        queue: per_device(HeadOfLine::Placement),
        ..config()
    }
}

/// Four devices on which no two selections send twelve jobs alike.
#[test]
fn every_selection_is_another_one() {
    let devices = [
        noisy(&device("a", 12, 40, Some((9, 3))), 0.05),
        device("b", 8, 10, Some((8, 2))),
        noisy(&device("c", 20, 25, Some((1, 1))), 0.02),
        device("d", 9, 30, None),
    ];
    let mut seen: Vec<(&str, String)> = Vec::new();
    for (name, selection) in Selection::SHIPPED {
        let mut fleet = Fleet::new(waiting_per_device(selection), &devices);
        for id in 0..12 {
            fleet.submit(JobRequest { depth: 20, shots: 10, ..job(id, 3 + (id % 3) as u32, Topology::Line) });
        }
        let went = fleet.letters();
        if let Some((other, _)) = seen.iter().find(|(_, other)| *other == went) {
            panic!("{name} and {other} both send jobs to {went}");
        }
        seen.push((name, went));
    }
    let went = |of: &str| seen.iter().find(|(name, _)| *name == of).map(|(_, went)| went.as_str()).unwrap();
    assert_eq!(went("first"), "aaaaaaaaaaaa");
    assert_eq!(went("round_robin"), "abcdabcdabcd");
    assert_eq!(went("cheapest"), "cccccccccccc");
    // Turns at 1/2, 1/6 3/6 5/6, 1/4 3/4 and 1/2.
    assert_eq!(went("weighted_round_robin"), "bcabdcbbcabd");
    assert!(went("earliest_completion").starts_with('b'));
}

/// What a device is in the random fleets below: qubits, layer, price.
type Drawn = (u32, u64, Option<(u64, u64)>);

fn fleets() -> impl Strategy<Value = Vec<Drawn>> {
    let price = proptest::option::of((0_u64..9, 0_u64..3));
    proptest::collection::vec((3_u32..12, 1_u64..60, price), 1..7)
}

/// The jobs of the random histories: qubits, depth, shots, how many of the earlier ones end before.
fn jobs() -> impl Strategy<Value = Vec<(u32, u32, u64, u64)>> {
    proptest::collection::vec((1_u32..10, 0_u32..50, 1_u64..40, 0_u64..3), 1..30)
}

fn made(drawn: &[Drawn]) -> Vec<Arc<DeviceSpec>> {
    let made = drawn.iter().enumerate();
    made.map(|(id, (qubits, layer, price))| device(&format!("d{id}"), *qubits, *layer, *price)).collect()
}

/// How long a job runs by the definition of the test's devices: a layer takes so long, a shot 1 us for its readout.
fn run_time(of: &Drawn, request: &JobRequest) -> u64 {
    let each = 1_000 + of.1 * u64::from(request.depth);
    (u64::from(request.circuits) * request.shots * each).max(1)
}

/// When a job that joins the queue of a device would end: counted job by job, from the jobs themselves.
fn end_in_queue(fleet: &Fleet, id: DeviceId, of: &Drawn, request: &JobRequest) -> u64 {
    let now = fleet.now.0;
    let mut waiting: u128 = 0;
    let mut running: Vec<(u64, u32)> = Vec::new();
    let mut somebody_waits = false;
    for one in fleet.core.jobs() {
        if let Some(allocation) = one.allocation().and_then(|id| fleet.core.allocation(id)) {
            if allocation.device == id {
                let end = allocation.started.0 + run_time(of, &one.request);
                running.push((end.saturating_sub(now), one.request.min_qubits));
            }
        } else if one.queue() == Some(id) {
            somebody_waits = true;
            waiting += u128::from(run_time(of, &one.request)) * u128::from(one.request.min_qubits);
        }
    }
    let mut free = of.0 - running.iter().map(|(_, qubits)| qubits).sum::<u32>();
    let wait = if somebody_waits {
        let area: u128 = running.iter().map(|(rest, qubits)| u128::from(*rest) * u128::from(*qubits)).sum();
        ((waiting + area) / u128::from(of.0)) as u64
    } else {
        running.sort_unstable();
        let mut wait = 0;
        for (rest, qubits) in running {
            if free >= request.min_qubits {
                break;
            }
            (free, wait) = (free + qubits, rest);
        }
        wait
    };
    now + wait + run_time(of, request)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// With a queue per device a job goes where it ends first by a count of every job that runs and waits there.
    #[test]
    fn earliest_completion_is_the_earliest_by_counting(drawn in fleets(), jobs in jobs(), wait in 0_u64..90_000) {
        let queue = per_device(HeadOfLine::Placement);
        // What is reported is what is published: jobs end when they should.
        let config = AllocatorConfig { selection: Selection::EarliestCompletion, queue, ..config() };
        let mut fleet = Fleet::new(config, &made(&drawn));
        for (id, (qubits, depth, shots, _)) in jobs.iter().enumerate() {
            let request = JobRequest { depth: *depth, shots: *shots, ..job(id as u64, *qubits, Topology::Line) };
            let ends = |of: usize| end_in_queue(&fleet, DeviceId(of as u32), &drawn[of], &request);
            let able = (0..drawn.len()).filter(|of| drawn[*of].0 >= *qubits);
            let earliest = able.map(ends).min();
            let before = fleet.went.len();
            let known: Vec<u64> = (0..drawn.len()).map(ends).collect();
            fleet.submit(request);
            let home = fleet.went.get(before);
            prop_assert_eq!(home.map(|home| known[home.index()]), earliest, "job {} to {:?}", id, home);
            fleet.now = Time(fleet.now.0 + wait);
            finish_due(&mut fleet, &drawn);
        }
    }

    /// The price of a job there is the lowest of all devices that can take it; those without a price come last.
    #[test]
    fn cheapest_is_the_cheapest_by_counting(drawn in fleets(), jobs in jobs(), global: bool) {
        let queue = if global { Queue::global(64) } else { per_device(HeadOfLine::Placement) };
        let config = AllocatorConfig { selection: Selection::Cheapest, queue, ..config() };
        let mut fleet = Fleet::new(config, &made(&drawn));
        for (id, (qubits, depth, shots, ends)) in jobs.iter().enumerate() {
            let request = JobRequest { depth: *depth, shots: *shots, ..job(id as u64, *qubits, Topology::Line) };
            let price = |of: usize| match drawn[of].2 {
                Some((second, shot)) => {
                    u128::from(run_time(&drawn[of], &request)) * u128::from(second)
                        + u128::from(request.shots) * u128::from(shot) * 1_000_000_000
                }
                None => u128::MAX,
            };
            let free = |of: usize| fleet.core.device(DeviceId(of as u32)).unwrap().free_len();
            let room = |of: &usize| if global { free(*of) >= *qubits } else { drawn[*of].0 >= *qubits };
            let nobody_waits = !fleet.core.jobs().any(|job| job.allocation().is_none());
            let able: Vec<usize> = (0..drawn.len()).filter(room).collect();
            let lowest = able.iter().map(|of| price(*of)).min();
            let before = fleet.went.len();
            let prices: Vec<u128> = (0..drawn.len()).map(price).collect();
            fleet.submit(request);
            if !global || nobody_waits {
                let went = fleet.went.get(before).map(|id| prices[id.index()]);
                prop_assert_eq!(went, lowest, "job {}", id);
            }
            (0..*ends).for_each(|_| finish_first(&mut fleet));
        }
    }

    /// A sum in which one thing counts is that thing.
    #[test]
    fn a_score_of_one_figure_is_that_figure(drawn in fleets(), jobs in jobs(), which in 0_usize..3) {
        let none = ScoreWeights { load: 0, fidelity: 0, completion: 0, price: 0 };
        // On a scale of a thousand steps figures may tie that are not the same: few jobs of one size keep them apart.
        let (alone, score) = [
            (Selection::LeastLoaded, ScoreWeights { load: 1, ..none }),
            (Selection::EarliestCompletion, ScoreWeights { completion: 7, ..none }),
            (Selection::Cheapest, ScoreWeights { price: 1_000, ..none }),
        ][which];
        let queue = per_device(HeadOfLine::Placement);
        let run = |selection| {
            let config = AllocatorConfig { selection, score, queue, ..config() };
            let mut fleet = Fleet::new(config, &made(&drawn));
            let (qubits, depth, shots, _) = jobs[0];
            fleet.submit(JobRequest { depth, shots, ..job(0, qubits, Topology::Line) });
            fleet.went
        };
        let [scored, single] = [run(Selection::WeightedScore), run(alone)];
        if scored != single {
            // A tie on the scale: then they are near each other.
            let request = JobRequest { depth: jobs[0].1, shots: jobs[0].2, ..job(0, jobs[0].0, Topology::Line) };
            let figure = |id: DeviceId| match which {
                0 => 0.0,
                1 => run_time(&drawn[id.index()], &request) as f64,
                _ => drawn[id.index()].2.map_or(f64::INFINITY, |(second, shot)| {
                    run_time(&drawn[id.index()], &request) as f64 * second as f64 + (request.shots * shot) as f64 * 1e9
                }),
            };
            let most = (0..drawn.len() as u32).map(|id| figure(DeviceId(id))).filter(|of| of.is_finite()).fold(0.0, f64::max);
            prop_assert!(figure(scored[0]) - figure(single[0]) <= most / 1_000.0, "{:?} {:?}", scored, single);
        }
    }
}

/// Ends all jobs that should have ended by now, each at its time.
fn finish_due(fleet: &mut Fleet, drawn: &[Drawn]) {
    let until = fleet.now;
    loop {
        let due = fleet.core.jobs().filter_map(|one| {
            let allocation = fleet.core.allocation(one.allocation()?)?;
            let end = allocation.started.0 + run_time(&drawn[allocation.device.index()], &one.request);
            (end <= until.0).then_some((end, one.request.id.0))
        });
        let Some((_, id)) = due.min() else { break };
        // At the instant at which all of them are looked at: reports say more than is published then.
        fleet.finish_unreported(id);
    }
}

fn finish_first(fleet: &mut Fleet) {
    let first = fleet.core.jobs().filter(|job| job.allocation().is_some()).map(|job| job.request.id.0).min();
    if let Some(id) = first {
        fleet.finish_unreported(id);
    }
}

impl Fleet {
    /// Ends a job in a way from which nothing is learnt of how long jobs take.
    fn finish_unreported(&mut self, id: u64) {
        self.say(Command::Cancel { job: JobId(id) });
        let allocation = self.core.job(JobId(id)).and_then(|job| job.allocation());
        if let Some(allocation) = allocation {
            self.say(Command::StopAcknowledged { allocation, shots_done: 0 });
        }
        self.pass();
    }
}

/// A device that takes three times as long as it says is found out by its first job; as long as nothing was reported of
/// another one, it is taken to be as wrong about itself.
#[test]
fn what_jobs_report_changes_where_the_next_one_is_expected_to_end() {
    let devices = [device("a", 4, 10, None), device("b", 4, 20, None)];
    let config = AllocatorConfig { selection: Selection::EarliestCompletion, ..config() };
    let mut fleet = Fleet::new(config, &devices);
    let mut run = |id, excluded: Option<u32>, took| {
        let excluded_devices = excluded.into_iter().map(DeviceId).collect();
        fleet.submit(JobRequest { depth: 1_000, shots: 10, excluded_devices, ..job(id, 2, Topology::Line) });
        fleet.now = Time(fleet.now.0 + took);
        fleet.finish(id);
        fleet.letters()
    };
    // 110 us and 210 us as published; the first reports 330 us, and so the second is expected to take 630 us.
    assert_eq!(run(0, None, 330_000), "a");
    assert_eq!(run(1, None, 330_000), "aa");
    // It takes as long as it says.
    assert_eq!(run(2, Some(0), 210_000), "aab");
    assert_eq!(run(3, None, 210_000), "aabb");
}

/// A device whose first job runs for longer than expected is taken to be slow for the jobs that would wait there as well.
#[test]
fn who_runs_late_tells_that_a_device_is_slow() {
    let devices = [device("a", 4, 10, None), device("b", 4, 20, None)];
    let queue = per_device(HeadOfLine::Placement);
    let config = AllocatorConfig { selection: Selection::EarliestCompletion, queue, ..config() };
    let mut fleet = Fleet::new(config, &devices);
    let whole = |id| JobRequest { depth: 1_000, shots: 10, ..job(id, 4, Topology::Line) };
    // 110 us here, 210 us there; then 220 us here, 210 us there.
    (0..2).for_each(|id| fleet.submit(whole(id)));
    assert_eq!(fleet.letters(), "ab");
    // The second one reports 440 us. By that the first one should have ended after 230 us, and still runs: the next one is
    // expected to take 440 us there as well, where nothing is free.
    fleet.now = Time(440_000);
    fleet.finish(1);
    fleet.submit(whole(2));
    assert_eq!(fleet.letters(), "abb");
}

/// Many starts of one pass, and a core that was saved in between, take turns as if they came one by one.
#[test]
fn turns_follow_weights_within_a_pass_and_over_a_restart() {
    let devices = ["a", "b", "c"].map(|name| device(name, 60, 1, None));
    for queue in [Queue::global(0), per_device(HeadOfLine::Placement)] {
        let config = AllocatorConfig {
            selection: Selection::WeightedRoundRobin,
            weights: weights(&[("a", 1), ("b", 4), ("c", 2)]),
            queue,
            ..config()
        };
        let mut one_by_one = Fleet::new(config.clone(), &devices);
        let mut at_once = Fleet::new(config, &devices);
        for id in 0..21 {
            let request = job(id, 1, Topology::Line);
            one_by_one.submit(request.clone());
            at_once.say(Command::Submit(Arc::new(request)));
            if id == 10 {
                at_once.pass();
                at_once.core = Allocator::restore(&at_once.core.snapshot()).unwrap();
            }
        }
        at_once.pass();
        assert_eq!(at_once.letters(), one_by_one.letters());
        let of = |device: char| one_by_one.letters().chars().filter(|one| *one == device).count();
        assert_eq!([of('a'), of('b'), of('c')], [3, 12, 6]);
    }
}

/// Two devices, one almost full: the first selection goes there, avoiding it does not, unless it is all there is or wanted.
#[test]
fn overloaded_devices_are_tried_last() {
    for (name, selection) in Selection::SHIPPED {
        let devices = [device("a", 10, 1, Some((1, 1))), device("b", 10, 50, None)];
        let start = |avoid_overloaded_devices| {
            let config = AllocatorConfig { selection, avoid_overloaded_devices, ..config() };
            let mut fleet = Fleet::new(config, &devices);
            let only = |id, qubits, other| JobRequest {
                excluded_devices: [DeviceId(other)].into_iter().collect(),
                ..job(id, qubits, Topology::Line)
            };
            fleet.submit(only(0, 7, 1));
            fleet.submit(only(1, 1, 0));
            fleet.submit(JobRequest { depth: 100, ..job(2, 2, Topology::Line) });
            fleet.submit(world::preferring(job(3, 1, Topology::Line), &[0]));
            fleet
        };
        let avoiding = start(AvoidOverloaded::Above(Fixed(600)));
        assert_eq!(avoiding.letters(), "abba", "{name}");
        if matches!(selection, Selection::First | Selection::EarliestCompletion | Selection::Cheapest) {
            assert_eq!(start(AvoidOverloaded::Off).letters(), "abaa", "{name}");
        }
        // Both are: then as if nothing were said.
        let mut both = avoiding;
        both.submit(job(4, 6, Topology::Line));
        both.submit(job(5, 1, Topology::Line));
        assert_eq!(both.went.len(), 6, "{name}");
    }
}

const NAMED: &str = "
scenario: named
horizon: {jobs: 10}
fleet:
- {device: ibm_fez}
- {device: ibm_torino, price: {per_second: 1.6, per_shot: 0.00035}}
- {device: ionq_aria}
- {device: rigetti_aspen_m}
- {synthetic: {line: {qubits: 20}}, noise: ideal, name: own}
aliases: {good: [ionq_aria, 'ibm_t*'], mixed: [IBM, trapped_ion]}
workload:
  arrivals: {poisson: {rate: 60/h}}
  jobs: [{qubits: 2}]
allocator: {selection: weighted_round_robin}
";

fn scenario(sets: &[&str]) -> Result<Scenario, String> {
    let sets: Vec<SetOverride> = sets.iter().map(|set| set.parse().unwrap()).collect();
    Scenario::from_yaml(NAMED, "named.yaml", Path::new(""), &sets).map_err(|error| error.to_string())
}

/// Jobs may name devices by name, pattern, vendor in any case, technology and alias.
#[test]
fn devices_are_called_by_many_names() {
    for (names, expected) in [
        ("[ibm_torino]", &[1][..]),
        ("['ibm_*']", &[0, 1]),
        ("[ibm]", &[0, 1]),
        ("[RIGETTI]", &[3]),
        ("[ibm_quantum, own]", &[0, 1, 4]),
        ("[rigetti_aspen]", &[3]),
        ("[ionq]", &[2]),
        ("[trapped_ion]", &[2]),
        ("[good]", &[1, 2]),
        ("[ionq_aria, mixed]", &[2, 0, 1]),
    ] {
        for key in ["device_preference", "excluded_devices"] {
            let read = scenario(&[&format!("workload.jobs.0.{key}={names}")]).unwrap();
            let base = read.workload.sources[0].mix.templates()[0].base.clone();
            let found =
                if key == "excluded_devices" { base.excluded_devices } else { base.preferred_devices };
            let found: Vec<u32> = found.iter().map(|id| id.0).collect();
            assert_eq!(found, expected, "{key} {names}");
        }
    }
}

#[test]
fn weights_are_of_the_closest_name() {
    let read = scenario(&[
        "allocator.weights={superconducting: 9, ibm_quantum: 0.3, 'ibm_*': 2, ibm_torino: 5, ionq: 0.25}",
    ]);
    let weights = read.unwrap().allocator.weights;
    let of = ["ibm_fez", "ibm_torino", "ionq_aria", "rigetti_aspen_m", "own"].map(|name| weights.of(name));
    assert_eq!(of, [2_000, 5_000, 250, 9_000, 9_000]);
    // The weights of the requirement documents, where the fleet has such devices.
    let read = scenario(&[
        "allocator.weights={ibm_quantum: 0.3, rigetti: 0.25, ionq: 0.25}",
        "allocator.selection=round_robin",
    ]);
    assert_eq!(read.unwrap().allocator.weights.of("own"), 1_000);
    // What time counts for is said in the same names.
    let read = scenario(&["allocator.charge_weights={superconducting: 2, 'ibm_*': 0.5, own: 0}"]);
    let weights = read.unwrap().allocator.charge_weights;
    let of = ["ibm_fez", "ionq_aria", "rigetti_aspen_m", "own"].map(|name| weights.of(name));
    assert_eq!(of, [500, 1_000, 2_000, 0]);
}

/// Errors say which name, and what would be right.
#[test]
fn names_that_mean_nothing_are_errors() {
    for (set, message) in [
        ("allocator.weights={simulator: 0.2}", "no device of the fleet is called `simulator`"),
        (
            "allocator.weights={ionqq: 1}",
            "did you mean `ionq`? devices are ibm_fez, ibm_torino, ionq_aria, rigetti_aspen_m, own",
        ),
        ("allocator.weights={'ibm_*': 1, '*_fez': 2}", "`*_fez` and `ibm_*` give `ibm_fez` two weights"),
        ("allocator.weights={'*': 0}", "all devices of the fleet have weight 0"),
        ("allocator.charge_weights={ionqq: 1}", "did you mean `ionq`?"),
        ("allocator.charge_weights={'*': 0}", "all devices of the fleet have weight 0"),
        ("allocator.weights={own: 0.12345}", "a number from 0 to 1000 with at most 3 decimals"),
        ("allocator.weights={own: -1}", "a number from 0 to 1000 with at most 3 decimals"),
        ("workload.jobs.0.device_preference=[simulator]", "vendors, technologies and aliases are"),
        ("aliases={own: [ibm_fez]}", "`own` is the name of a device"),
        ("aliases={fast: []}", "alias `fast` stands for nothing"),
        ("aliases={fast: [ibm_fezz]}", "did you mean `ibm_fez`?"),
        ("aliases={fast: [good], good: [own]}", "no device of the fleet is called `good`"),
        ("aliases={'a*': [own]}", "is no name for several devices"),
        ("allocator.score={load: 0, fidelity: 0, completion: 0, price: 0}", "all weights of score are 0"),
        ("allocator.score={load: 1001}", "score.load is 1001"),
        ("allocator.algorithm=weighted_roundrobin", "did you mean `weighted_round_robin`?"),
        ("fleet.0.price={per_shot: 0.0000001}", "at most 6 decimals"),
    ] {
        let error = match scenario(&[set]) {
            Ok(_) => panic!("{set} was accepted"),
            Err(error) => error,
        };
        assert!(error.contains(message), "{set}:\n{error}");
    }
}

#[test]
fn both_names_of_the_selection_are_read_and_the_price_is_exact() {
    let read = scenario(&["allocator.algorithm=power_of_two"]);
    // One of two names is written already: the other one replaces it.
    assert_eq!(read.unwrap().allocator.selection, Selection::PowerOfTwo);
    let read = scenario(&[]).unwrap();
    let price = read.fleet[1].spec.price.unwrap();
    assert_eq!((price.per_second.0, price.per_shot.0), (1_600_000, 350));
    let again = DeviceSpec::from_yaml(&read.fleet[1].spec.to_yaml(), "again").unwrap();
    assert_eq!(again.price, Some(price));
    let names: BTreeSet<&str> = Selection::SHIPPED.iter().map(|(name, _)| *name).collect();
    assert_eq!(names.len(), 10);
}

/// Devices that are all alike for a job share their jobs, although no two of their elements cost just the same: by load, as if
/// nobody had looked at fidelity. A thousandth more in readout errors changes that.
#[test]
fn devices_that_lose_alike_are_told_apart_by_load() {
    let lines = |sizes: [u32; 3]| sizes.map(|qubits| device("line", qubits, 10, None));
    let none = ScoreWeights { load: 0, fidelity: 0, completion: 0, price: 0 };
    let by_load_first = |selection, score, queue, devices: &[Arc<DeviceSpec>]| {
        let mut fleet = Fleet::new(AllocatorConfig { selection, score, queue, ..config() }, devices);
        for id in 0..9 {
            // Of three widths, so that the best place is another one for each.
            fleet.submit(JobRequest { shots: 10, ..job(id, 3 + (id % 3) as u32, Topology::Line) });
        }
        fleet.letters()
    };
    for queue in [per_device(HeadOfLine::Placement), Queue::default()] {
        for sizes in [[40, 40, 40], [40, 41, 43]] {
            let by_load =
                by_load_first(Selection::LeastLoaded, ScoreWeights::default(), queue, &lines(sizes));
            let sum = ScoreWeights { load: 1, fidelity: 1, ..none };
            let summed = by_load_first(Selection::WeightedScore, sum, queue, &lines(sizes));
            let best = by_load_first(Selection::BestFidelity, ScoreWeights::default(), queue, &lines(sizes));
            assert_eq!(summed, by_load, "{sizes:?}");
            assert_eq!(best, by_load, "{sizes:?}");
            let [a, b, c] = lines(sizes);
            let worse = [noisy(&a, 0.012), noisy(&b, 0.01), noisy(&c, 0.011)];
            let best = by_load_first(Selection::BestFidelity, ScoreWeights::default(), queue, &worse);
            assert!(best.starts_with("bbb"), "{best}");
        }
    }
}
