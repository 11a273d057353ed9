//! Random commands against the core: every invariant is checked after each one.
//!
//! The fleet is small and odd on purpose (a dead qubit, a dead coupler, an ion trap, a limit on jobs), so that
//! commands collide often. The auditor and the metrics watch the same events with their own books, which must agree
//! with those of the core.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use resource_manager::allocator::Allocator;
use resource_manager::allocator::config::{
    Aging, AllocatorConfig, Batch, Between, Borrow, FairShare, FixedRegionsConfig, Group, HeadOfLine,
    Isolation, OrderWeights, Overtaking, PlacementConfig, Project, Promises, QubitSeconds, Queue, QueueOrder,
    Quota, Retry, RoutingPolicy, SearchMemory, Selection, Starts, Strategy as Placing, Tenants, User,
    Walltime, WalltimeEstimate,
};
use resource_manager::allocator::protocol::{
    Allocation, AllocationId, Answer, Command, CommandError, Elasticity, Event, JobId, JobRequest, JobState,
    Outcome, Priority, QualityBound, Status, StatusReason, Target, Tenant, Topology, WaitCause,
};
use resource_manager::allocator::state::State;
use resource_manager::allocator::state::calendar::BookingKind;
use resource_manager::allocator::state::fleet::Device;
use resource_manager::allocator::state::jobs::Job;
use resource_manager::fixed_point::Fixed;
use resource_manager::observe::Observer;
use resource_manager::observe::metrics::MetricsOptions;
use resource_manager::quantum::calibration::{Calibration, CouplerCalibration, QubitCalibration};
use resource_manager::quantum::coupling_map::CouplingMap;
use resource_manager::quantum::device::{DeviceLimits, DeviceSpec, Granularity, Speed, Technology};
use resource_manager::quantum::price::Price;
use resource_manager::quantum::{CouplerId, DeviceId, PhysicalQubit, QubitSet};
use resource_manager::random::{Purpose, StreamFamily};
use resource_manager::time::{Span, Time};

fn calibration(map: &CouplingMap, salt: u32) -> Calibration {
    let error = |index: usize| 0.001 + f64::from((index as u32 * 7 + salt * 13) % 23) * 0.001;
    let qubit = |index: usize| QubitCalibration {
        t1_s: 100e-6,
        t2_s: 80e-6,
        readout_error: error(index),
        one_qubit_error: 3e-4,
        one_qubit_duration_s: 35e-9,
        readout_duration_s: 1e-6,
        dead: index == 4 && map.qubits() == 12,
    };
    let coupler = |index: usize| CouplerCalibration {
        two_qubit_error: error(index + 3),
        two_qubit_duration_s: 70e-9,
        dead: index == 2 && map.qubits() == 12,
    };
    Calibration {
        qubits: (0..map.qubits()).map(qubit).collect(),
        couplers: (0..map.couplers().len()).map(coupler).collect(),
    }
}

fn device(name: &str, map: CouplingMap, limits: DeviceLimits) -> Arc<DeviceSpec> {
    Arc::new(DeviceSpec {
        name: name.to_owned(),
        vendor: "test".to_owned(),
        technology: Technology::Superconducting,
        granularity: Granularity::Synthetic,
        source: "made for this test".to_owned(),
        calibrated_at: None,
        native_gates: Vec::new(),
        calibration: Arc::new(calibration(&map, 0)),
        coupling_map: Arc::new(map),
        speed: Speed {
            job_overhead: Span::ZERO,
            circuit_overhead: Span::ZERO,
            repetition_delay: Span::ZERO,
            layer: Span(1),
            clops: None,
            quantum_volume: None,
        },
        // Nobody knows what the trap costs.
        price: match name {
            "grid" => Some(Price { per_second: Fixed(2), per_shot: Fixed(1) }),
            "line" => Some(Price { per_second: Fixed(1), per_shot: Fixed(2) }),
            _ => None,
        },
        limits,
    })
}

fn fleet() -> [Arc<DeviceSpec>; 3] {
    let free = DeviceLimits::default();
    let slow = DeviceLimits { reconfiguration_time: Span(3), ..free };
    let few = DeviceLimits { max_concurrent_tasks: Some(2), min_qubit_separation: 1, ..free };
    [
        device("grid", CouplingMap::grid(3, 4).unwrap(), free),
        device("trap", CouplingMap::all_to_all(5).unwrap(), slow),
        device("line", CouplingMap::line(9).unwrap(), few),
    ]
}

#[derive(Debug, Clone)]
enum Op {
    Submit {
        topology: u8,
        qubits: u32,
        buffer: Option<u32>,
        wait: Option<u64>,
        walltime: Option<u64>,
        avoid: u8,
        more: u32,
        copies: bool,
        quality: Option<(u8, u8, bool)>,
        crosstalk: Option<u8>,
        /// How long its qubits rest.
        guard: Option<u8>,
        urgency: u8,
        /// Jobs that must have ended, or completed, before: so many before it.
        follows: Vec<(u8, bool)>,
    },
    Resubmit {
        pick: u16,
        other_body: bool,
    },
    Finish {
        pick: u16,
        fails: bool,
    },
    Progress {
        pick: u16,
        shots: u64,
    },
    Acknowledge {
        pick: u16,
    },
    Cancel {
        pick: u16,
    },
    Hold {
        pick: u16,
        release: bool,
    },
    Status {
        device: u8,
        element: u8,
        status: u8,
    },
    Recalibrate {
        device: u8,
        salt: u8,
        wrong_size: bool,
    },
    Membership {
        device: u8,
        joins: bool,
    },
    /// Devices come and go at one instant.
    Fleet {
        present: u8,
    },
    Reconfigure {
        config: u32,
    },
    Wait {
        span: u64,
    },
    Back,
}

fn op() -> impl Strategy<Value = Op> {
    let maybe = |range: std::ops::Range<u64>| proptest::option::of(range);
    prop_oneof![
        8 => (
            (0_u8..8, 1_u32..8, proptest::option::of(0_u32..3), maybe(1..40), maybe(1..30), 0_u8..12),
            (prop_oneof![3 => Just(0), 1 => 1_u32..9], any::<bool>()),
            proptest::option::weighted(0.4, (0_u8..5, 0_u8..20, any::<bool>())),
            (proptest::option::weighted(0.3, 0_u8..12), proptest::option::weighted(0.3, 1_u8..20), 0_u8..16),
            prop_oneof![4 => Just(Vec::new()), 1 => proptest::collection::vec((1_u8..6, any::<bool>()), 1..4)],
        ).prop_map(|((topology, qubits, buffer, wait, walltime, avoid), (more, copies), quality, (crosstalk, guard, urgency), follows)| {
            Op::Submit { topology, qubits, buffer, wait, walltime, avoid, more, copies, quality, crosstalk, guard, urgency, follows }
        }),
        1 => (any::<u16>(), any::<bool>()).prop_map(|(pick, other_body)| Op::Resubmit { pick, other_body }),
        5 => (any::<u16>(), any::<bool>()).prop_map(|(pick, fails)| Op::Finish { pick, fails }),
        1 => (any::<u16>(), 0_u64..12).prop_map(|(pick, shots)| Op::Progress { pick, shots }),
        2 => any::<u16>().prop_map(|pick| Op::Acknowledge { pick }),
        2 => any::<u16>().prop_map(|pick| Op::Cancel { pick }),
        1 => (any::<u16>(), any::<bool>()).prop_map(|(pick, release)| Op::Hold { pick, release }),
        2 => (0_u8..4, 0_u8..16, 0_u8..5).prop_map(|(device, element, status)| Op::Status { device, element, status }),
        1 => (0_u8..4, any::<u8>(), any::<bool>()).prop_map(|(device, salt, wrong_size)| Op::Recalibrate { device, salt, wrong_size }),
        1 => (0_u8..3, any::<bool>()).prop_map(|(device, joins)| Op::Membership { device, joins }),
        1 => (0_u8..16).prop_map(|present| Op::Fleet { present }),
        1 => any::<u32>().prop_map(|config| Op::Reconfigure { config }),
        6 => (0_u64..12).prop_map(|span| Op::Wait { span }),
        1 => Just(Op::Back),
    ]
}

/// Every combination of settings, by number.
fn config(number: u32) -> AllocatorConfig {
    // There are more combinations than numbers: the last choices are made by what a number is mixed to (SplitMix64).
    let mixed = (u64::from(number) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mut rest = u128::from(number) | u128::from(mixed ^ (mixed >> 27)) << 32;
    let mut one_of = |choices: u32| {
        let choice = rest % u128::from(choices);
        rest /= u128::from(choices);
        choice as u32
    };
    let promising = |promises| Queue::Global { skip_ahead: None, promises: Some(promises) };
    let queue = match one_of(10) {
        0 => Queue::global(3),
        1 => Queue::global(0),
        2 => Queue::per_device(0, HeadOfLine::Placement),
        3 => Queue::per_device(1, HeadOfLine::Placement),
        4 => Queue::per_device(0, HeadOfLine::Count),
        5 => promising(Promises::Easy),
        6 => promising(Promises::Conservative),
        7 => promising(Promises::Depth(2)),
        8 => Queue::PerDevice {
            skip_ahead: None,
            promises: Some(Promises::Easy),
            head_of_line: HeadOfLine::Placement,
        },
        _ => Queue::global(64),
    };
    let (_, selection) = Selection::SHIPPED[one_of(Selection::SHIPPED.len() as u32) as usize];
    let strategy = [
        Placing::TopologyAware,
        Placing::FirstFit,
        Placing::NoiseAware,
        Placing::FixedRegions,
        Placing::Region,
    ][one_of(5) as usize];
    AllocatorConfig {
        strategy,
        selection,
        queue,
        placement: PlacementConfig {
            routing: [RoutingPolicy::WhenImpossible, RoutingPolicy::Always, RoutingPolicy::Never]
                [one_of(3) as usize],
            noise_weight: f64::from(one_of(3).min(1)),
            fixed_regions: FixedRegionsConfig {
                sizes: vec![4, 3],
                gap: one_of(2),
                count: None,
                joined: one_of(2) == 0,
            },
            fragmentation_weight: f64::from(one_of(3)) * 0.02,
            crosstalk_weight: f64::from(one_of(3)) * 2.0,
            memory: match one_of(3) {
                0 => SearchMemory::default(),
                1 => SearchMemory::Bounded { max_mib: 1, max_age: Span(20) },
                _ => SearchMemory::Off,
            },
        },
        retry: if one_of(3) == 2 { Retry::Every(Span(4)) } else { Retry::Event },
        starts: if one_of(4) == 3 { Starts::WhenEmpty } else { Starts::AnyTime },
        batch: if one_of(2) == 0 { Batch::Joint { max_jobs: 3 } } else { Batch::Sequential },
        max_queue_length: [Some(MOST_WAITING), None][one_of(2) as usize],
        stop_timeout: Span(6),
        max_attempts: 3,
        remember_ended_jobs: 40,
        order: [
            QueueOrder::Fifo,
            QueueOrder::Priority,
            QueueOrder::EarliestDeadline,
            QueueOrder::ShortestFirst,
            QueueOrder::Weighted,
        ][one_of(5) as usize],
        order_weights: [
            OrderWeights::default(),
            OrderWeights { priority: 1, age: 1_000_000, qubits: -3, ..OrderWeights::default() },
            OrderWeights { walltime: -7, deadline: 40, ..OrderWeights::default() },
        ][one_of(3) as usize],
        priority_aging: [
            Aging::Off,
            Aging::Every(Span(2)),
            Aging::default(),
            Aging::Capped { every: Span(3), at_most: 4 },
        ][one_of(4) as usize],
        reject_if_late: one_of(2) == 1,
        fair_share: match one_of(5) {
            4 => FairShare::Window { length: Span(40) },
            3 => FairShare::Tree { half_life: Span(20) },
            _ => FairShare::Off,
        },
        tenants: tenants(one_of(5)),
        walltime: Walltime {
            estimate: match one_of(3) {
                0 => WalltimeEstimate::None,
                1 => WalltimeEstimate::Model(1.5),
                _ => WalltimeEstimate::Model(0.05),
            },
            ..Walltime::default()
        },
        isolation: Isolation { between: between(one_of(6)), ..Isolation::default() },
        ..AllocatorConfig::default()
    }
}

/// Half of the time, and a bit more, isolation is between all jobs, or between users.
fn between(which: u32) -> Between {
    Between::ALL[which as usize % Between::ALL.len()]
}

/// Every choice of sharing comes about, also those that are drawn last.
#[test]
fn all_settings_are_drawn() {
    let mut seen = HashSet::new();
    for config in (0..4_000_u32).map(|number| config(number.wrapping_mul(0x9e37_79b9))) {
        let tenants = (0..5).find(|which| tenants(*which) == config.tenants).expect("one of five");
        let walltime = format!("{:?}", config.walltime.estimate);
        let between = format!("{:?}", config.isolation.between);
        seen.insert((std::mem::discriminant(&config.fair_share), tenants, walltime, between));
    }
    assert_eq!(seen.len(), 3 * 5 * 3 * 4);
}

/// The first group has three shares, or one as everybody else; or the groups have quotas, of which the first one may borrow, or
/// of qubit-seconds in periods that are much shorter than jobs say they are.
fn tenants(which: u32) -> Tenants {
    let quota = |qubits, jobs, waiting, borrow| Quota {
        qubits: Some(qubits),
        jobs: Some(jobs),
        waiting,
        borrow: Borrow { qubits: borrow, jobs: borrow / 4 },
        ..Quota::default()
    };
    let in_period = |per, at_most| Quota {
        qubit_seconds: Some(QubitSeconds { per: Span(per), at_most }),
        ..Quota::default()
    };
    let user = User { quota: quota(6, 1, None, 0), ..User::default() };
    let project = Project { users: [("4".to_owned(), user)].into(), ..Project::default() };
    let of = |quota, projects| Group { quota, projects, ..Group::default() };
    let groups = match which {
        0 => BTreeMap::new(),
        1 => [("0".to_owned(), Group { shares: 3, ..Group::default() })].into(),
        2 => [("0".to_owned(), of(quota(7, 2, Some(2), 0), BTreeMap::new()))].into(),
        3 => {
            let user = User { quota: in_period(70, 1), ..User::default() };
            let users = [("4".to_owned(), user)].into();
            let project = Project { users, quota: in_period(9, 2), ..Project::default() };
            let both = Quota { qubits: Some(6), ..in_period(40, 3) };
            [
                ("0".to_owned(), of(both, [("0".to_owned(), project)].into())),
                ("1".to_owned(), of(in_period(25, 2), BTreeMap::new())),
            ]
            .into()
        }
        _ => [
            ("0".to_owned(), of(quota(5, 2, None, 8), [("0".to_owned(), project)].into())),
            ("1".to_owned(), of(quota(9, 3, Some(4), 0), BTreeMap::new())),
        ]
        .into(),
    };
    Tenants { groups }
}

/// Shots of every job.
const SHOTS: u64 = 10;

/// The limit on queues, where there is one.
const MOST_WAITING: u32 = 5;

/// The core, its observer, and what a driver would remember.
struct World {
    core: Allocator,
    /// A core restored from a snapshot of the other, which must do the same from then on.
    twin: Option<Allocator>,
    /// The fold of all events.
    folded: State,
    /// The twin forgets before every command whatever it remembers, and must still do the same.
    twin_forgets: bool,
    observer: Observer,
    now: Time,
    /// The time of the last command that was taken.
    last: Time,
    submitted: Vec<(Arc<JobRequest>, Answer)>,
    allocations: Vec<AllocationId>,
    /// Shots that attempts are known to have done.
    credited: HashMap<AllocationId, u64>,
    /// The limit on queues, if there was the same one all the time.
    limited_since_the_start: Option<u32>,
    /// No pass has looked at anybody since the last start.
    unseen_since_a_start: bool,
}

impl World {
    fn new(number: u32) -> Self {
        let draws = StreamFamily::new(1, 0, Purpose::DeviceSelection);
        let mut world = Self {
            core: Allocator::new(config(number), draws).unwrap(),
            twin: None,
            folded: State::new(config(number)),
            twin_forgets: false,
            observer: Observer::under(&config(number), MetricsOptions::default()),
            now: Time::ZERO,
            last: Time::ZERO,
            submitted: Vec::new(),
            allocations: Vec::new(),
            credited: HashMap::new(),
            limited_since_the_start: config(number).max_queue_length,
            unseen_since_a_start: false,
        };
        for (id, spec) in fleet().into_iter().enumerate() {
            world.apply(Command::RegisterDevice { device: DeviceId(id as u32), spec }).unwrap();
        }
        world
    }

    fn apply(&mut self, command: Command) -> Result<(Answer, usize), CommandError> {
        let before = self.core.state_hash();
        let wakes = matches!(command, Command::Wake);
        let mut events = Vec::new();
        let answer = self.core.handle(self.now, command.clone(), &mut events);
        if let Some(twin) = &mut self.twin {
            let mut same = Vec::new();
            if self.twin_forgets {
                twin.forget();
            }
            let passes = matches!(command, Command::Wake);
            assert_eq!(twin.handle(self.now, command, &mut same), answer);
            assert_eq!(same, events);
            assert_eq!(twin.next_wakeup(), self.core.next_wakeup());
            assert_eq!(twin.state_hash(), self.core.state_hash());
            if passes && answer.is_ok() {
                assert_eq!(twin.last_pass(), self.core.last_pass());
            }
            let ids: Vec<JobId> = self.core.jobs().map(|job| job.request.id).collect();
            for id in ids {
                assert_eq!(twin.why_waiting(id), self.core.why_waiting(id), "why job {} waits", id.0);
                let causes = [&*twin, &self.core].map(|core| (core.waits_for(id), core.waited(id, self.now)));
                assert_eq!(causes[0], causes[1], "for what job {} waited", id.0);
            }
        }
        match answer {
            Ok(answer) => {
                self.last = self.now;
                let pass = self.core.last_pass();
                if wakes && pass.attempts > 0 {
                    self.unseen_since_a_start = pass.started > 0;
                }
                for event in &events {
                    self.folded.apply(self.now, event).expect("it has happened");
                    self.observer.observe(self.now, event);
                    match event {
                        Event::JobStarted { allocation } => self.allocations.push(allocation.id),
                        Event::ShotsCredited { allocation, shots_done, .. } => {
                            let before = self.credited.insert(*allocation, *shots_done);
                            assert!(before.is_none_or(|before| before < *shots_done), "shots are lost");
                        }
                        // What came when the queue was full is answered so from now on.
                        Event::JobRejected { job, reason } => {
                            if let Some(known) = self.submitted.get_mut(job.id.0 as usize) {
                                known.1 = Answer::Rejected(*reason);
                            }
                        }
                        _ => {}
                    }
                }
                assert_eq!(self.folded.hash(), self.core.state_hash(), "the state is the fold of its events");
                self.check();
                if wakes {
                    self.check_turns(&events);
                    self.check_order(&events);
                }
                let told = events.iter().filter(|event| !matches!(event, Event::JobWaited { .. }));
                Ok((answer, told.count()))
            }
            Err(error) => {
                assert!(events.is_empty(), "an error with events: {error}");
                assert_eq!(before, self.core.state_hash(), "an error changed the state: {error}");
                Err(error)
            }
        }
    }

    fn pick<T: Clone>(list: &[T], pick: u16) -> Option<T> {
        (!list.is_empty()).then(|| list[pick as usize % list.len()].clone())
    }

    /// Many jobs in one request are what they are one by one; sent again, nothing happens.
    fn run_array(&mut self, first: Arc<JobRequest>, count: u32) {
        let mut apart = self.core.fork(None).expect("nobody's own rules");
        let one = |id| Arc::new(JobRequest { id: JobId(id), ..(*first).clone() });
        let jobs: Vec<Arc<JobRequest>> = (first.id.0..).map(one).take(count as usize).collect();
        let mut told = Vec::new();
        let answers: Vec<Answer> = jobs
            .iter()
            .map(|job| apart.handle(self.now, Command::Submit(job.clone()), &mut told).expect("a new number"))
            .collect();
        let array = Command::SubmitArray { first: first.clone(), count };
        let (answer, events) = self.apply(array.clone()).expect("new numbers");
        assert_eq!(self.core.state_hash(), apart.state_hash(), "together as one by one");
        assert_eq!(answers, vec![answer; answers.len()]);
        assert_eq!(events, told.iter().filter(|event| !matches!(event, Event::JobWaited { .. })).count());
        self.submitted.extend(jobs.iter().cloned().map(|job| (job, answer)));
        assert_eq!(self.apply(array), Ok((answer, 0)));
        assert_eq!(self.apply(Command::Submit(jobs[jobs.len() - 1].clone())), Ok((answer, 0)));
        // One of them is something else: none is taken, not even those that are new.
        let other = JobRequest { shots: SHOTS + 1, ..(*first).clone() };
        let other = Command::SubmitArray { first: Arc::new(other), count: count + 1 };
        assert_eq!(self.apply(other), Err(CommandError::AlreadyExists));
    }

    fn run(&mut self, op: Op) {
        match op {
            Op::Submit {
                topology,
                qubits,
                buffer,
                wait,
                walltime,
                avoid,
                more,
                copies,
                quality,
                crosstalk,
                guard,
                urgency,
                follows,
            } => {
                let topology = match topology {
                    0 => Topology::Any,
                    1 => Topology::Line,
                    2 => Topology::Ring,
                    3 => Topology::Star,
                    4 => Topology::Tree,
                    5 => Topology::Complete,
                    6 => Topology::Grid { rows: 2, columns: 2 },
                    _ => Topology::HeavyHex,
                };
                let id = JobId(self.submitted.len() as u64);
                let mut request = JobRequest { shots: SHOTS, ..JobRequest::new(id, qubits, topology) };
                request.isolation.buffer_distance = buffer;
                // Errors are 0.1 to 2.3 %, and neighbours add a third to one and a half of that. Without a buffer the
                // limit is all that keeps jobs apart.
                request.isolation.max_crosstalk = crosstalk.map(|limit| f64::from(limit) * 0.001);
                if crosstalk.is_some() || qubits % 2 == 0 {
                    request.isolation.buffer_distance = buffer.or(Some(0));
                }
                request.isolation.temporal_separation = guard.map(|guard| Span(guard.into()));
                request.max_qubits += more;
                request.elasticity = if copies { Elasticity::Copies } else { Elasticity::Largest };
                // Around what such programs reach on these devices.
                match quality {
                    Some((0, level, hard)) => {
                        let at_least = 1.0 - f64::from(level) * 0.01;
                        request.min_success_probability = Some(QualityBound { at_least, hard });
                    }
                    Some((1, level, hard)) => {
                        let at_least = 1.0 - f64::from(level) * 0.001;
                        request.fidelity_requirement = Some(QualityBound { at_least, hard });
                    }
                    Some((2, level, _)) => request.noise_budget = Some(f64::from(level) * 0.01),
                    // Qubits or couplers that others may use, and this job may not.
                    Some((3, level, _)) => {
                        request.limits.max_readout_error = 0.004 + f64::from(level) * 0.001
                    }
                    Some((_, level, _)) => {
                        request.limits.max_two_qubit_error = 0.004 + f64::from(level) * 0.001
                    }
                    None => {}
                }
                request.max_wait_time = wait.map(Span);
                let number = self.submitted.len() as u32;
                request.tenant = Tenant { group: number % 2, project: number % 3, user: number % 5 };
                request.priority = Priority([0, 5, -3, 100][usize::from(urgency % 4)]);
                request.deadline = [None, Some(25), Some(10), Some(2)][usize::from(urgency / 4)]
                    .map(|within| self.now + Span(within));
                request.max_swap_operations = buffer.map(|buffer| 2 * buffer);
                // So long that quotas of qubit-seconds stop somebody.
                let periods =
                    self.core.config().tenants.quotas().any(|(_, quota)| quota.qubit_seconds.is_some());
                let step = if periods { 20_000_000 } else { 1 };
                request.estimated_duration = walltime.map(|walltime| Span(walltime * step));
                for (back, success) in follows {
                    let Some(other) = id.0.checked_sub(back.into()) else { continue };
                    let others = if success { &mut request.after_success } else { &mut request.after };
                    others.push(JobId(other));
                }
                if avoid < 3 {
                    request.excluded_devices.push(DeviceId(u32::from(avoid)));
                } else {
                    // One, or two in either order: what is tried last must not hide what is to be tried next.
                    let orders = [&[0][..], &[1], &[2], &[2, 1], &[1, 0], &[2, 0, 2], &[0, 2]];
                    let order = orders.get(usize::from(avoid) - 3).copied().unwrap_or(&[]);
                    request.preferred_devices.extend(order.iter().copied().map(DeviceId));
                }
                let request = Arc::new(request);
                if urgency % 4 == 3 {
                    return self.run_array(request, 1 + more % 4);
                }
                let (answer, _) = self.apply(Command::Submit(request.clone())).expect("a new number");
                self.submitted.push((request.clone(), answer));
                // Once more, as after a lost answer: the same answer, and nothing happens.
                assert_eq!(self.apply(Command::Submit(request)), Ok((answer, 0)));
            }
            Op::Resubmit { pick, other_body } => {
                let Some((request, answer)) = Self::pick(&self.submitted, pick) else { return };
                // Older jobs may have been forgotten, and then are new ones.
                if self.submitted.len() as u64 - request.id.0 > 30 {
                    return;
                }
                if other_body {
                    let other = JobRequest { shots: 11, ..(*request).clone() };
                    assert_eq!(
                        self.apply(Command::Submit(Arc::new(other))),
                        Err(CommandError::AlreadyExists)
                    );
                } else {
                    assert_eq!(self.apply(Command::Submit(request)), Ok((answer, 0)));
                }
            }
            Op::Finish { pick, fails } => {
                let Some(allocation) = Self::pick(&self.allocations, pick) else { return };
                let outcome = if fails { Outcome::Error } else { Outcome::Success };
                let live = self.core.allocation(allocation).is_some();
                let command = Command::Finished { allocation, outcome, shots_done: 10 };
                let (answer, events) = self.apply(command.clone()).expect("all shots is a sensible number");
                assert_eq!(answer == Answer::Applied, live);
                assert_eq!(events > 0, live);
                assert_eq!(self.apply(command), Ok((Answer::Ignored, 0)), "finished twice");
            }
            Op::Progress { pick, shots } => {
                let Some(allocation) = Self::pick(&self.allocations, pick) else { return };
                let live = self.core.allocation(allocation).is_some();
                let credited = live.then(|| self.credited.get(&allocation).copied().unwrap_or(0));
                let right = match credited {
                    None => Ok(Answer::Ignored),
                    Some(credited) if shots < credited || shots > SHOTS => {
                        Err(CommandError::WrongShots(allocation))
                    }
                    Some(_) => Ok(Answer::Applied),
                };
                let answered = self.apply(Command::Progress { allocation, shots_done: shots });
                assert_eq!(answered.map(|(answer, _)| answer), right);
            }
            Op::Acknowledge { pick } => {
                let Some(allocation) = Self::pick(&self.allocations, pick) else { return };
                let right = match self.core.allocation(allocation).map(|live| live.job) {
                    None => Ok(Answer::Ignored),
                    Some(job) if self.state_of(job) == Some(JobState::Stopping) => Ok(Answer::Applied),
                    Some(job) => Err(CommandError::WrongState(job)),
                };
                let answered = self.apply(Command::StopAcknowledged { allocation, shots_done: SHOTS });
                assert_eq!(answered.map(|(answer, _)| answer), right);
                assert!(self.core.allocation(allocation).is_none() || right.is_err());
            }
            Op::Cancel { pick } => {
                let Some((request, answer)) = Self::pick(&self.submitted, pick) else { return };
                let before = self.state_of(request.id);
                let depends = |job: &Job| job.request.dependencies().any(|on| on == request.id);
                let followed = self.core.jobs().any(depends);
                let answered = self.apply(Command::Cancel { job: request.id });
                match before {
                    Some(JobState::Queued | JobState::Held | JobState::Dependent) => {
                        // Those who depend on it go on, or go as well.
                        let others = answered.expect("it lives").1 - 1;
                        assert!(followed || others == 0);
                        assert_eq!(self.state_of(request.id), None);
                    }
                    Some(JobState::Running) => {
                        assert_eq!(answered, Ok((Answer::Applied, 1)));
                        assert_eq!(self.state_of(request.id), Some(JobState::Stopping));
                    }
                    Some(JobState::Stopping) => assert_eq!(answered, Ok((Answer::Applied, 0))),
                    None => self.check_ended(answered, request.id),
                }
                assert!(!matches!(answer, Answer::Rejected(_)) || before.is_none());
            }
            Op::Hold { pick, release } => {
                let Some((request, _)) = Self::pick(&self.submitted, pick) else { return };
                let job = request.id;
                let before = self.state_of(job);
                let answered =
                    self.apply(if release { Command::ReleaseHold { job } } else { Command::Hold { job } });
                let held = |state: JobState| match state {
                    JobState::Held => Some(true),
                    JobState::Queued | JobState::Dependent => Some(false),
                    JobState::Running | JobState::Stopping => None,
                };
                match before.map(held) {
                    Some(Some(held)) => {
                        assert_eq!(answered, Ok((Answer::Applied, usize::from(held == release))));
                    }
                    Some(None) => assert_eq!(answered, Err(CommandError::WrongState(job))),
                    None => self.check_ended(answered, job),
                }
                assert!(
                    before.and_then(held).is_none() || self.state_of(job).and_then(held) == Some(!release)
                );
            }
            Op::Status { device, element, status } => {
                let device = DeviceId(u32::from(device));
                let target = match element {
                    0..8 => Target::Device(device),
                    8..12 => Target::Qubit(device, PhysicalQubit(u32::from(element))),
                    _ => Target::Coupler(device, CouplerId(u32::from(element) - 9)),
                };
                let all = [
                    Status::Online,
                    Status::Draining,
                    Status::Calibrating,
                    Status::Quarantined,
                    Status::Offline,
                ];
                let status = all[status as usize];
                let right = self.answer_to_status(target, status);
                let answered =
                    self.apply(Command::SetStatus { target, status, reason: StatusReason::Operator });
                assert_eq!(answered.map(|(answer, _)| answer), right);
            }
            Op::Recalibrate { device, salt, wrong_size } => {
                let id = DeviceId(u32::from(device));
                let Some(known) = self.core.device(id) else { return };
                let map = if wrong_size {
                    CouplingMap::line(3).unwrap()
                } else {
                    (*known.spec.coupling_map).clone()
                };
                let calibration = Arc::new(calibration(&map, u32::from(salt)));
                let answered = self.apply(Command::Recalibrate { device: id, calibration });
                assert_eq!(answered.is_err(), wrong_size);
            }
            Op::Membership { device, joins } => {
                let id = DeviceId(u32::from(device));
                let spec = fleet()[device as usize].clone();
                let known = self.core.device(id).is_some();
                let answered = self.apply(if joins {
                    Command::RegisterDevice { device: id, spec }
                } else {
                    Command::RemoveDevice { device: id }
                });
                match (joins, known) {
                    (true, true) => assert_eq!(answered, Ok((Answer::Applied, 0))),
                    (false, false) => assert_eq!(answered, Err(CommandError::UnknownDevice(id))),
                    _ => assert_eq!(answered.map(|(answer, _)| answer), Ok(Answer::Applied)),
                }
                assert_eq!(self.core.device(id).is_some(), joins);
            }
            Op::Fleet { present } => {
                // One of two times all come back.
                let present = if present > 7 { 7 } else { present };
                for device in 0..3_u8 {
                    let (id, joins) = (DeviceId(u32::from(device)), present >> device & 1 == 1);
                    if self.core.device(id).is_some() != joins {
                        self.run(Op::Membership { device, joins });
                    }
                }
            }
            Op::Reconfigure { config: number } => {
                let config = config(number);
                if config.max_queue_length.is_none() {
                    self.limited_since_the_start = None;
                }
                self.apply(Command::Reconfigure(Box::new(config))).expect("all of them are valid");
            }
            Op::Wait { span } => {
                let until = self.now + Span(span);
                while let Some(at) = self.core.next_wakeup().filter(|at| *at <= until) {
                    self.now = self.now.max(at);
                    self.apply(Command::Wake).unwrap();
                }
                self.now = until;
                self.check_quiet();
            }
            Op::Back => {
                if self.now > Time::ZERO {
                    let last = self.last;
                    self.now = Time(self.now.0 - 1);
                    let answered = self.apply(Command::Wake);
                    match self.now < last {
                        true => {
                            assert_eq!(answered, Err(CommandError::TimeRunsBackwards { now: self.now, last }))
                        }
                        false => assert!(answered.is_ok()),
                    }
                    self.now = Time(self.now.0 + 1);
                }
            }
        }
    }

    fn state_of(&self, job: JobId) -> Option<JobState> {
        self.core.job(job).map(|job| job.state())
    }

    /// The answer about a job that has ended, and may have been forgotten since.
    fn check_ended(&self, answered: Result<(Answer, usize), CommandError>, job: JobId) {
        let age = self.submitted.len() as u64 - job.0;
        match answered {
            Ok((Answer::Ignored, 0)) => {}
            Err(CommandError::UnknownJob(unknown)) => {
                assert!(unknown == job && age > 30, "forgotten too early")
            }
            other => panic!("{other:?}"),
        }
    }

    /// What must be answered when somebody sets a status.
    fn answer_to_status(&self, target: Target, to: Status) -> Result<Answer, CommandError> {
        let id = target.device();
        let device = self.core.device(id).ok_or(CommandError::UnknownDevice(id))?;
        let map = &device.spec.coupling_map;
        let on_it = |used: &dyn Fn(&QubitSet) -> bool| {
            device
                .calendar
                .bookings()
                .any(|(_, kind, entry)| kind == BookingKind::Allocation && used(&entry.qubits))
        };
        let (exists, busy) = match target {
            Target::Device(_) => (true, device.running() > 0),
            Target::Qubit(_, qubit) => {
                let exists = qubit.index() < map.qubits();
                (exists, exists && on_it(&|held| held.contains(qubit)))
            }
            Target::Coupler(_, coupler) => match map.couplers().get(coupler.index()) {
                None => (false, false),
                Some(&(a, b)) => (true, on_it(&|held| held.contains(a) && held.contains(b))),
            },
        };
        if !exists {
            return Err(CommandError::UnknownElement(id));
        }
        match to == Status::Calibrating && busy && device.status_of(target) != to {
            true => Err(CommandError::Busy(id)),
            false => Ok(Answer::Applied),
        }
    }

    /// Everything that must hold after every command.
    fn check(&mut self) {
        let ids: Vec<(JobId, JobState)> = self.core.jobs().map(|job| (job.request.id, job.state())).collect();
        for (id, state) in ids {
            let waits = matches!(state, JobState::Queued | JobState::Held | JobState::Dependent);
            assert_eq!(self.core.why_waiting(id).is_some(), waits);
        }
        assert_eq!(self.observer.auditor.violations(), &[], "the auditor objects");
        assert_eq!(self.observer.metrics.check_conservation(), Ok(()));
        let samples = self.observer.metrics.clone().sample(self.now).to_vec();
        for device in self.core.devices() {
            let sample =
                samples.iter().find(|sample| sample.device == Some(device.id)).expect("every device");
            let (held, running) = (device.calendar.held().len() as u64, u64::from(device.running()));
            assert_eq!((sample.held, sample.running), (held, running));
            if device.status != Status::Offline {
                // What a job with a party keeps idle, others of its party may take.
                let free = u64::from(device.free_len());
                let parties = device.calendar.bookings().any(|(_, _, booking)| booking.party.is_some());
                assert!(sample.free == free || parties && sample.free < free, "free qubits");
            }
        }
        let mut live = 0;
        for device in self.core.devices() {
            let map = &device.spec.coupling_map;
            let jobs: Vec<_> =
                device.calendar.bookings().filter(|(_, kind, _)| *kind == BookingKind::Allocation).collect();
            live += jobs.len();
            assert_eq!(jobs.len() as u32, device.running());
            let mut held = QubitSet::new(map.qubits());
            for (index, (_, _, a)) in jobs.iter().enumerate() {
                assert!(held.is_disjoint(&a.qubits), "a qubit is held twice");
                held.union_with(&a.qubits);
                for (_, _, b) in &jobs[index + 1..] {
                    let fellows = a.party.zip(b.party).filter(|(a, b)| a.party == b.party);
                    let needed = match fellows {
                        Some(_) => device.spec.limits.min_qubit_separation + 1,
                        None => a.buffer_distance.max(b.buffer_distance) + 1,
                    };
                    assert!(map.distance(&a.qubits, &b.qubits).is_none_or(|d| d >= needed), "too close");
                }
            }
            assert_eq!(&held, device.calendar.held());
            let usable = &device.epoch.usable;
            let blocked = device.calendar.blocked().intersection_len(usable);
            let mut dead = QubitSet::full(map.qubits());
            dead.subtract(usable);
            dead.subtract(&held);
            let all = device.free_len() as usize + held.len() + blocked + dead.len();
            assert_eq!(all, map.qubits(), "free + held + blocked + dead");
            let counted: u32 = device.admitted.len() as u32;
            assert_eq!(counted == 0, device.counted == 0);
        }
        let mut running = 0;
        let mut waiting = 0;
        self.check_ranks();
        for job in self.core.jobs() {
            // Decided as soon as the others have ended.
            let waits_for_others = job.request.dependencies().any(|on| self.state_of(on).is_some());
            assert_eq!(job.dependence().is_some(), waits_for_others, "job {}", job.request.id.0);
            match job.state() {
                JobState::Queued | JobState::Held | JobState::Dependent => {
                    waiting += 1;
                    let late = job.attempts == 0
                        && self.core.config().reject_if_late
                        && job.request.deadline.is_some_and(|deadline| {
                            self.last + job.request.estimated_duration.unwrap_or_default().max(Span(1))
                                > deadline
                        });
                    // Its time ends with the next pass.
                    let ends = self.core.next_wakeup().is_some_and(|at| at <= self.now);
                    assert!(!late || ends, "job {} is too late, and waits", job.request.id.0);
                    assert!(job.allocation().is_none_or(|id| self.core.allocation(id).is_none()));
                    assert!(job.stop().is_none());
                }
                JobState::Running | JobState::Stopping => {
                    running += 1;
                    let id = job.allocation().expect("a running job holds qubits");
                    let allocation = self.core.allocation(id).expect("and its allocation lives");
                    assert_eq!((allocation.job, allocation.attempt), (job.request.id, job.attempts));
                    assert_eq!(job.stop().is_some(), job.state() == JobState::Stopping);
                }
            }
        }
        assert_eq!(running, live);
        assert_eq!(samples.last().map(|fleet| fleet.queue_length), Some(waiting as u64));
    }

    /// Whether a device, empty and online but with its dead elements, starts a job that is alone with it, and routes it
    /// then. A core of its own, so that what the other one does not try, or tries in a wrong order, shows.
    fn alone(&self, job: &Job, id: DeviceId) -> Option<bool> {
        let device = self.core.device(id)?;
        let config = AllocatorConfig {
            queue: Queue::global(0),
            selection: Selection::First,
            retry: Retry::Event,
            max_queue_length: None,
            ..self.core.config().clone()
        };
        let mut core = Allocator::new(config, StreamFamily::new(1, 0, Purpose::DeviceSelection)).unwrap();
        let mut events = Vec::new();
        let request = JobRequest {
            max_wait_time: None,
            after: Vec::new().into(),
            after_success: Vec::new().into(),
            preferred_devices: Vec::new().into(),
            ..(*job.request).clone()
        };
        let offline = |target, status| Command::SetStatus { target, status, reason: StatusReason::Operator };
        let mut commands = vec![
            Command::RegisterDevice { device: id, spec: device.spec.clone() },
            Command::Recalibrate { device: id, calibration: device.epoch.calibration.clone() },
        ];
        commands
            .extend(device.qubit_status.iter().map(|(qubit, to)| offline(Target::Qubit(id, *qubit), *to)));
        let couplers = device.coupler_status.iter();
        commands.extend(couplers.map(|(coupler, to)| offline(Target::Coupler(id, *coupler), *to)));
        commands.extend([Command::Submit(Arc::new(request)), Command::Wake]);
        for command in commands {
            core.handle(self.now, command, &mut events).unwrap();
        }
        events.iter().find_map(|event| match event {
            Event::JobStarted { allocation } => Some(allocation.swaps.is_some()),
            _ => None,
        })
    }

    /// The devices that could take a job for sure if they were empty and online, and those that perhaps could.
    fn able(&self, job: &Job) -> (Vec<DeviceId>, Vec<DeviceId>) {
        let config = self.core.config();
        let alone = self.core.devices().filter_map(|device| Some((device.id, self.alone(job, device.id)?)));
        let alone: Vec<(DeviceId, bool)> = alone.collect();
        let request = &job.request;
        // A program that fits somewhere as it is is not routed elsewhere, also if it is not good enough there.
        let anywhere =
            config.placement.routing == RoutingPolicy::Always || config.strategy == Placing::Region;
        let bounded = request.fidelity_requirement.is_some()
            || request.min_success_probability.is_some()
            || request.noise_budget.is_some();
        let perhaps = anywhere || bounded || alone.iter().all(|(_, routed)| *routed);
        let of =
            |routable: bool| alone.iter().filter(move |(_, routed)| !routed || routable).map(|(id, _)| *id);
        (of(perhaps && (anywhere || !bounded)).collect(), of(perhaps).collect())
    }

    fn may_be_routed(&self, job: &Job) -> bool {
        let config = self.core.config();
        let shaped = job.request.topology != Topology::Any;
        let asked =
            job.request.max_swap_operations != Some(0) && config.placement.routing != RoutingPolicy::Never;
        shaped
            && match config.strategy {
                Placing::FirstFit | Placing::NoiseAware => false,
                Placing::TopologyAware | Placing::FixedRegions => asked,
                Placing::Region | Placing::Own(_) => true,
            }
    }

    fn is_idle(&self, id: DeviceId) -> bool {
        let device = self.core.device(id).expect("it is there");
        device.accepts_starts() && device.calendar.bookings().next().is_none()
    }

    /// Whether a device, as it is now, starts a job without SWAPs when no other device and no other job is tried before. Two
    /// in the same state answer the same.
    ///
    /// False where answers do not follow from one another: what a router, or a strategy that does not minimise, refused
    /// for a bound or a shape may be there on fewer qubits, which is no reason to try again.
    fn starts_now(&self, job: &Job, id: DeviceId) -> bool {
        let request = &job.request;
        let bounded = request.fidelity_requirement.is_some()
            || request.min_success_probability.is_some()
            || request.noise_budget.is_some();
        let minimises = matches!(self.core.config().strategy, Placing::NoiseAware | Placing::TopologyAware);
        if self.may_be_routed(job) || bounded && !minimises {
            return false;
        }
        let mut core = Allocator::restore(&self.core.snapshot()).unwrap();
        let config = AllocatorConfig {
            queue: Queue::global(64),
            retry: Retry::Event,
            max_queue_length: None,
            ..core.config().clone()
        };
        let mut events = Vec::new();
        let others: Vec<DeviceId> =
            core.devices().map(|device| device.id).filter(|other| *other != id).collect();
        let mut commands: Vec<Command> =
            others.into_iter().map(|device| Command::RemoveDevice { device }).collect();
        commands.push(Command::Reconfigure(Box::new(config)));
        for command in commands {
            core.handle(self.now, command, &mut events).unwrap();
        }
        let queued =
            core.jobs().filter(|other| other.state() == JobState::Queued).map(|other| other.request.id);
        let queued: Vec<JobId> = queued.filter(|other| *other != job.request.id).collect();
        for other in queued {
            core.handle(self.now, Command::Hold { job: other }, &mut events).unwrap();
        }
        core.handle(self.now, Command::Wake, &mut events).unwrap();
        events.iter().any(|event| match event {
            Event::JobStarted { allocation } => {
                allocation.job == job.request.id && allocation.swaps.is_none()
            }
            _ => false,
        })
    }

    /// What the configured order goes by.
    fn key(&self, job: &Job) -> i128 {
        let config = self.core.config();
        let submitted = i128::from(job.submitted.0);
        let priority = i128::from(job.request.priority.0);
        match config.order {
            QueueOrder::Fifo | QueueOrder::FairShare => 0,
            QueueOrder::ShortestFirst => {
                job.request.estimated_duration.map_or(i128::MAX, |walltime| walltime.0.into())
            }
            QueueOrder::Priority => match config.priority_aging {
                Aging::Off => -priority,
                Aging::Every(step) => submitted - priority * i128::from(step.0),
                Aging::Capped { every, at_most } => {
                    let step = i128::from(every.0);
                    let (age, cap) = (i128::from(self.now.0) - submitted, step * i128::from(at_most));
                    // Whoever comes to where others are kept passes them.
                    -2 * (priority * step + age.min(cap)) - i128::from(age < cap)
                }
            },
            QueueOrder::EarliestDeadline => job.request.deadline.map_or(i128::MAX, |at| at.0.into()),
            QueueOrder::Weighted => {
                let OrderWeights { priority: per_step, age, qubits, walltime, deadline } =
                    config.order_weights;
                let hours = |hours: i128| hours * 3_600_000_000_000;
                let due = submitted + hours(30 * 24);
                let due = job.request.deadline.map_or(due, |at| due.min(at.0.into()));
                let runs = job.request.estimated_duration.map_or(hours(24), |span| span.0.into());
                i128::from(age) * submitted + i128::from(deadline) * due
                    - i128::from(walltime) * runs.min(hours(24))
                    - hours(i128::from(per_step) * priority)
                    - hours(i128::from(qubits) * i128::from(job.request.min_qubits))
            }
            QueueOrder::Own(_) => unreachable!("none is registered"),
        }
    }

    /// Everybody stands where the order says, unless the core has not been woken up since that changed.
    fn check_ranks(&self) {
        let due = |job: &&Job| job.key_until.is_some_and(|at| at <= self.now);
        if self.core.jobs().any(|job| due(&job)) {
            assert!(self.core.next_wakeup().is_some_and(|at| at <= self.now), "nobody wakes it up");
            return;
        }
        let mut ranks: Vec<_> =
            self.core.jobs().map(|job| ((job.key.0, job.place), (self.key(job), job.place), job)).collect();
        ranks.sort_unstable_by_key(|(theirs, ..)| *theirs);
        for pair in ranks.windows(2) {
            let number = pair[1].2.request.id.0;
            assert!(pair[0].1 < pair[1].1, "job {number} stands where it does not belong");
        }
    }

    /// The jobs of one queue that start in one pass start in order.
    fn check_order(&self, events: &[Event]) {
        let queue = self.core.config().queue;
        // Where a promise moves, those are tried again who stand before it.
        if matches!(queue, Queue::PerDevice { head_of_line: HeadOfLine::Count, .. }) || queue.makes_promises()
        {
            return;
        }
        // Who has started falls behind: `tests/fair_share.rs` keeps books of its own.
        let shared = self.core.config().fair_share() != FairShare::Off;
        let mut last: HashMap<(Option<DeviceId>, Tenant), (i128, u64)> = HashMap::new();
        for event in events {
            let Event::JobStarted { allocation } = event else { continue };
            let job = self.core.job(allocation.job).expect("it runs");
            let of = matches!(queue, Queue::PerDevice { .. }).then_some(allocation.device);
            let rank = (self.key(job), job.place);
            let account = if shared { job.request.tenant } else { Tenant::default() };
            let before = last.insert((of, account), rank);
            let number = job.request.id.0;
            assert!(
                before.is_none_or(|before| before < rank),
                "job {number} starts after who stood behind it"
            );
        }
    }

    /// What must hold when nothing is due: nobody waits for a device that could never take it, or beside one that could,
    /// unless others stand before.
    fn check_places(&self) {
        let waits = |job: &&Job| job.state() == JobState::Queued;
        let mut waiting: Vec<&Job> = self.core.jobs().filter(waits).collect();
        if self.core.config().fair_share() == FairShare::Off {
            waiting.sort_by_key(|job| (self.key(job), job.place));
        } else {
            let queues = self.core.devices().map(|device| Some(device.id)).chain([None]);
            let line: Vec<JobId> = queues.flat_map(|queue| self.core.in_line(queue)).collect();
            // Those who are counted stand in no line.
            let position = |job: &Job| line.iter().position(|id| *id == job.request.id);
            waiting.sort_by_key(|job| (position(job), job.place));
        }
        let mut before: HashMap<Option<DeviceId>, u32> = HashMap::new();
        for job in waiting.into_iter().take(6) {
            let slot = self.core.state().find(job.request.id).map(|(slot, _)| slot).expect("it lives");
            if self.core.state().quota_allows(slot, job.request.min_qubits).is_err() {
                // Its tenant has as much as it may: it blocks nobody.
                continue;
            }
            let ahead = before.entry(job.queue()).or_default();
            *ahead += 1;
            let (number, ahead) = (job.request.id.0, *ahead - 1);
            if job.wait().is_some_and(|wait| wait.retry_at.is_some_and(|at| at > self.now)) {
                continue;
            }
            let (able, perhaps) = self.able(job);
            let queue = self.core.config().queue;
            let looked_at = match (queue, queue.overtaking()) {
                (Queue::PerDevice { head_of_line: HeadOfLine::Count, .. }, _) => job.is_counted(),
                (_, Overtaking::SkipAhead(skip_ahead)) => ahead <= skip_ahead,
                // Where something is promised to others, the pass of a core that remembers nothing says more.
                (_, Overtaking::Promises(_)) => {
                    ahead == 0 || self.core.devices().all(|device| device.calendar.has_no_promises())
                }
            };
            let online = |id: &DeviceId| {
                let device = self.core.device(*id);
                device.is_some_and(|device| device.status == Status::Online)
                    && job.queue().is_none_or(|home| home == *id)
            };
            if queue.makes_promises() && ahead == 0 && !self.may_be_routed(job) {
                let promised = job.promise.is_some() || !able.iter().any(online);
                let text = || {
                    let devices = self.core.devices().map(|device| {
                        (
                            device.id,
                            device.status,
                            &device.calendar,
                            &device.qubit_status,
                            &device.coupler_status,
                        )
                    });
                    let devices: Vec<_> = devices.collect();
                    format!("{:?}\n{job:?}\n{devices:?}\n{able:?}", self.core.config())
                };
                assert!(
                    promised,
                    "job {number} is the first that waits, and is promised nothing: {}",
                    text()
                );
            }
            // A core that promises nothing says nothing of one that does.
            let starts_now = |id| {
                let device = self.core.device(id).expect("it is there");
                device.calendar.has_no_promises() && self.starts_now(job, id)
            };
            let beside = match (self.core.config().queue, job.queue()) {
                (Queue::Global { .. }, _) => {
                    let takes = |id: &DeviceId| able.contains(id) && self.is_idle(*id);
                    let mut all = self.core.devices().map(|device| device.id);
                    all.find(|id| looked_at && (takes(id) || starts_now(*id)))
                }
                (_, None) => {
                    assert!(able.is_empty(), "job {number} waits for nobody, {able:?} could take it");
                    None
                }
                (_, Some(home)) => {
                    // Where the router gives up, the device is not excluded for that.
                    let excluded = !self.may_be_routed(job) && !perhaps.contains(&home);
                    let right = able.is_empty() || !excluded;
                    assert!(right, "job {number} waits for {home:?} for ever, {able:?} could take it");
                    let takes = able.contains(&home) && self.is_idle(home);
                    (looked_at && (takes || starts_now(home))).then_some(home)
                }
            };
            if let Some(id) = beside {
                panic!("job {number} waits beside {id:?}, which could take it");
            }
        }
    }

    /// Round robin with a queue per device: whoever gets a home in one pass leaves out no device.
    fn check_turns(&self, events: &[Event]) {
        let config = self.core.config();
        if config.selection != Selection::RoundRobin || !matches!(config.queue, Queue::PerDevice { .. }) {
            return;
        }
        let moves = events.iter().filter_map(|event| match event {
            Event::JobTransferred { job, device } => Some((self.core.job(*job)?, (*device)?)),
            _ => None,
        });
        let online =
            |id: DeviceId| self.core.device(id).is_some_and(|device| device.status == Status::Online);
        let moves: Vec<(&Job, DeviceId)> = moves.collect();
        for pair in moves.windows(2) {
            let ((_, last), (job, home)) = (pair[0], pair[1]);
            if self.may_be_routed(job)
                || !job.request.preferred_devices.is_empty()
                || !online(last)
                || !online(home)
            {
                continue;
            }
            let (able, _) = self.able(job);
            let steps = |id: DeviceId| (id.0 + 2 - last.0) % 3;
            let missed = able.iter().find(|id| online(**id) && steps(**id) < steps(home));
            let number = job.request.id.0;
            assert_eq!(missed, None, "job {number} left out a device between {last:?} and {home:?}");
        }
    }

    /// What must hold when nothing is due: nobody waits who could start, and queues are as long as they may be.
    fn check_quiet(&mut self) {
        if self.core.next_wakeup().is_some_and(|at| at <= self.now) {
            return;
        }
        let waiting = |job: &&Job| job.wait().is_some() && job.attempts == 0;
        if let Some(limit) = self.limited_since_the_start {
            assert!(
                self.core.jobs().filter(waiting).count() <= limit as usize,
                "the limit holds for submissions"
            );
        }
        self.check_places();
        self.check_causes();
        if self.core.config().queue.makes_promises() {
            return self.check_settled();
        }
        // A core that remembers nothing, in which everything is due, and whose settings are the same.
        let snapshot = self.core.snapshot();
        let mut fresh = Allocator::restore(&snapshot).unwrap();
        let mut config = fresh.config().clone();
        config.remember_ended_jobs += 1;
        let mut events = Vec::new();
        fresh.handle(self.now, Command::Reconfigure(Box::new(config)), &mut events).unwrap();
        fresh.handle(self.now, Command::Wake, &mut events).unwrap();
        for event in &events {
            match event {
                Event::JobStarted { allocation } => {
                    let job = self.core.job(allocation.job).expect("it waits");
                    let routed = self.answers_vary(job, allocation);
                    assert!(
                        routed,
                        "job {} waited although it could start: {allocation:?}",
                        allocation.job.0
                    );
                }
                Event::JobTransferred { job, .. } => panic!("job {} waited in the wrong queue", job.0),
                _ => {}
            }
        }
    }
}

impl World {
    /// What the passes put waits down to is what keeps the jobs, as it is worked out anew for each of them. A start may change
    /// what keeps those who were looked at before it, which shows when somebody is looked at again.
    fn check_causes(&mut self) {
        if self.unseen_since_a_start {
            return;
        }
        let waiting = self.core.jobs().filter(|job| job.wait().is_some());
        let (held, others): (Vec<&Job>, Vec<&Job>) = waiting.partition(|job| job.state() == JobState::Held);
        // Time under a hold is put down to it, whatever else there is.
        assert!(held.iter().all(|job| self.core.waits_for(job.request.id) == Some(WaitCause::Held)));
        let (dependent, others): (Vec<&Job>, Vec<&Job>) =
            others.into_iter().partition(|job| job.state() == JobState::Dependent);
        let waits_for = |job: &&Job| self.core.waits_for(job.request.id);
        assert!(dependent.iter().all(|job| waits_for(job) == Some(WaitCause::Dependency)));
        let ids: Vec<JobId> = others.into_iter().map(|job| job.request.id).collect();
        for id in ids {
            let seen = self.core.waits_for(id).expect("it waits");
            let why = self.core.why_waiting(id).expect("it waits");
            // A batch that begins at this instant is full in the next one.
            let begins =
                |device: &Device| device.calendar.allocations().any(|(_, booking)| booking.from == self.last);
            let batch = self.core.config().starts == Starts::WhenEmpty && self.core.devices().any(begins);
            // Nobody looks at who stands too far behind, whatever else keeps it.
            let unseen = matches!(seen, WaitCause::Order | WaitCause::Retry)
                && matches!(why.cause(), WaitCause::Quota | WaitCause::Unplaceable);
            // A search that gave up may find a place once others have taken some of what it looked at.
            let gives_up = matches!(self.core.config().strategy, Placing::Region | Placing::FixedRegions);
            let gave_up = gives_up && (seen, why.cause()) == (WaitCause::Shape, WaitCause::Pass);
            assert!(
                batch || unseen || gave_up || seen == why.cause(),
                "job {} waits for {seen:?}: {why}",
                id.0
            );
        }
    }

    /// With promises: one more pass, by a core that remembers nothing, starts nobody and promises nothing else.
    fn check_settled(&self) {
        let id = JobId(self.submitted.len() as u64);
        let mut homes: Vec<Option<DeviceId>> = vec![None];
        homes.extend(self.core.devices().map(|device| Some(device.id)));
        let limits_crosstalk = self.core.devices().any(|device| device.calendar.limits_crosstalk());
        for home in homes {
            let mut fresh = Allocator::restore(&self.core.snapshot()).unwrap();
            let mut events = Vec::new();
            // Comes and goes, so that its queue is due.
            let mut request = JobRequest::new(id, 1, Topology::Any);
            request.preferred_devices.extend(home);
            fresh.handle(self.now, Command::Submit(Arc::new(request)), &mut events).unwrap();
            fresh.handle(self.now, Command::Cancel { job: id }, &mut events).unwrap();
            events.clear();
            fresh.handle(self.now, Command::Wake, &mut events).unwrap();
            let settled = |event: &Event| match event {
                Event::JobStarted { allocation } => {
                    let job = self.core.job(allocation.job).expect("it waits");
                    let device = self.core.device(allocation.device).expect("it is there");
                    // Which promises a job meets depends on when it starts; beside more of them less is open from which
                    // it, or another one, could be disturbed.
                    let limited =
                        device.calendar.limits_crosstalk() || allocation.isolation.max_crosstalk.is_some();
                    limited || self.answers_vary(job, allocation)
                }
                // Whom it keeps qubits from follows from who started last, and it moves when somebody asks: to other qubits
                // at the same instant.
                Event::PromiseMoved { job, promise: Some(promise), .. } if !limits_crosstalk => {
                    let known = self.core.job(*job).and_then(|job| job.promise.as_deref());
                    known.is_some_and(|known| {
                        let known = &known.promise;
                        (known.device, known.not_later_than, known.until)
                            == (promise.device, promise.not_later_than, promise.until)
                    })
                }
                Event::StartPromised { .. } | Event::PromiseMoved { .. } => limits_crosstalk,
                _ => true,
            };
            if let Some(event) = events.iter().find(|event| !settled(event)) {
                panic!("nothing was due, but then {event:?}");
            }
        }
    }

    /// Whether it is no reason to try again that a search finds something.
    fn answers_vary(&self, job: &Job, allocation: &Allocation) -> bool {
        // Answers of the router are not monotone in what is free, also where they need no SWAP in the end.
        let shape = &job.request.topology;
        let strategy = allocation.explanation.strategy;
        let routed =
            allocation.swaps.is_some() || strategy == Some(Placing::Region) && *shape != Topology::Any;
        // Nor is what strategies offer that do not minimise, where a bound may refuse their one answer.
        let bounded = allocation.explanation.quality.is_some()
            && !matches!(strategy, Some(Placing::NoiseAware | Placing::TopologyAware));
        // Nor are regions, which are grown and proved the best up to three qubits only.
        let grown = allocation.explanation.quality.is_some()
            && *shape == Topology::Any
            && allocation.layout.len() / allocation.copies as usize > 3;
        routed || bounded || grown
    }
}

/// Histories per test; `RM_HISTORIES=10000 cargo test --test core_properties` is the long form.
fn cases() -> u32 {
    std::env::var("RM_HISTORIES").map_or(150, |number| number.parse().expect("RM_HISTORIES is a number"))
}

/// The same histories every time in the short form, others in every run of the long one.
fn seed() -> RngSeed {
    if std::env::var_os("RM_HISTORIES").is_some() { RngSeed::Random } else { RngSeed::Fixed(20_261_126) }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), rng_seed: seed(), ..ProptestConfig::default() })]

    #[test]
    fn invariants_hold_after_every_command(
        number: u32,
        eager: bool,
        ops in proptest::collection::vec(op(), 1..120),
    ) {
        let mut world = World::new(number);
        for op in ops {
            world.run(op);
            if eager {
                // Before the next command wakes whom this one forgot.
                world.run(Op::Wait { span: 0 });
            }
        }
    }

    /// A core restored from a snapshot, with empty caches, goes on as the one that was saved: same events, same counts,
    /// same reasons, also when it forgets all the time. So does a copy, whose searches may remember those of an earlier copy.
    #[test]
    fn a_restored_core_does_the_same(
        number: u32,
        forgets: bool,
        copied: bool,
        ops in proptest::collection::vec(op(), 1..100),
        at in any::<prop::sample::Index>(),
    ) {
        let mut world = World::new(number);
        let at = at.index(ops.len());
        let mut spent = None;
        for (index, op) in ops.into_iter().enumerate() {
            if index == at / 2 && copied {
                spent = world.core.fork(None);
                // It has searched something, and is not where the core is any more.
                let copy = spent.as_mut().unwrap();
                let waiting: Vec<JobId> = copy.jobs().map(|job| job.request.id).collect();
                waiting.into_iter().for_each(|id| drop(copy.obstacles(id)));
                copy.handle(world.now, Command::Wake, &mut Vec::new()).unwrap();
            }
            if index == at {
                let bytes = world.core.snapshot();
                let twin = match copied {
                    true => world.core.fork(spent.take()).unwrap(),
                    false => Allocator::restore(&bytes).unwrap(),
                };
                prop_assert_eq!(twin.state_hash(), world.core.state_hash());
                prop_assert_eq!(twin.snapshot(), bytes);
                world.twin = Some(twin);
                world.twin_forgets = forgets;
            }
            world.run(op);
        }
    }

    /// Jobs that have lost all devices get new ones in turn, under every configuration of round robin.
    #[test]
    fn jobs_without_a_home_take_turns(
        rest in 0_u32..100_000,
        sizes in proptest::collection::vec(1_u32..8, 2..12),
        back in 3_u8..8,
    ) {
        let mut world = World::new(2 + 10 * (2 + 5 * rest));
        for qubits in sizes {
            world.run(simple(0, qubits, None, 11));
        }
        for op in [
            Op::Wait { span: 0 },
            Op::Fleet { present: 0 },
            Op::Wait { span: 0 },
            Op::Fleet { present: back },
            Op::Wait { span: 0 },
        ] {
            world.run(op);
        }
    }

    /// The same commands give the same events and states, bit for bit.
    #[test]
    fn replay_is_exact(number: u32, ops in proptest::collection::vec(op(), 1..60)) {
        let mut a = World::new(number);
        let mut b = World::new(number);
        for op in ops {
            a.run(op.clone());
            b.run(op);
            prop_assert_eq!(a.core.state_hash(), b.core.state_hash());
        }
        prop_assert_eq!(a.allocations, b.allocations);
    }
}

/// A job of any shape that avoids a device (0 to 2), or prefers some.
fn simple(topology: u8, qubits: u32, walltime: Option<u64>, avoid: u8) -> Op {
    let (buffer, wait, more, copies, quality, crosstalk) = (None, None, 0, false, None, None);
    let (guard, urgency, follows) = (None, 0, Vec::new());
    Op::Submit {
        topology,
        qubits,
        buffer,
        wait,
        walltime,
        avoid,
        more,
        copies,
        quality,
        crosstalk,
        guard,
        urgency,
        follows,
    }
}

/// Histories that were wrong once, under every 97th configuration.
#[test]
fn histories_that_were_wrong_once() {
    let (join, leave) = (true, false);
    let histories: [&[Op]; 5] = [
        &[
            simple(0, 1, None, 1),
            simple(0, 1, None, 0),
            Op::Status { device: 0, element: 8, status: 1 },
            Op::Wait { span: 0 },
        ],
        &[
            simple(0, 1, None, 0),
            Op::Status { device: 0, element: 8, status: 1 },
            simple(0, 1, None, 1),
            Op::Wait { span: 0 },
        ],
        &[
            Op::Reconfigure { config: 2 },
            simple(0, 3, None, 5),
            Op::Wait { span: 0 },
            simple(0, 1, Some(1), 1),
            Op::Membership { device: 1, joins: leave },
            simple(1, 3, None, 4),
            Op::Wait { span: 3 },
            Op::Status { device: 2, element: 13, status: 2 },
            Op::Wait { span: 4 },
        ],
        // The only device that could take the first job leaves; the second must not wait behind it for ever.
        &[
            simple(5, 5, None, 0),
            simple(0, 2, None, 1),
            Op::Status { device: 0, element: 0, status: 4 },
            Op::Wait { span: 1 },
            Op::Membership { device: 1, joins: leave },
            Op::Wait { span: 9 },
            Op::Membership { device: 1, joins: join },
            Op::Status { device: 0, element: 0, status: 0 },
            Op::Wait { span: 9 },
        ],
        // Who waits to be tried again on a device that leaves had two timers afterwards, one of them for ever.
        &[
            Op::Status { device: 0, element: 14, status: 1 },
            simple(0, 1, Some(1), 0),
            Op::Reconfigure { config: 902276974 },
            simple(3, 5, None, 0),
            simple(0, 1, None, 0),
            simple(0, 1, None, 0),
            simple(0, 1, None, 0),
            Op::Wait { span: 0 },
            simple(0, 1, None, 0),
            Op::Wait { span: 0 },
            simple(0, 1, None, 0),
            simple(2, 3, None, 1),
            simple(0, 1, None, 0),
            simple(0, 1, None, 0),
            Op::Wait { span: 5 },
            Op::Membership { device: 0, joins: leave },
            Op::Wait { span: 0 },
        ],
    ];
    for history in histories {
        for number in (0..40_000).step_by(97) {
            let mut world = World::new(number);
            for op in history {
                world.run(op.clone());
            }
        }
    }
}
