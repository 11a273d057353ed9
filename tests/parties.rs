//! Parties: who is kept apart from whom, and what jobs of one user, project or group are spared.
//!
//! Promises a story for each thing that keeps jobs apart: buffers, guards, limits on crosstalk, what a device demands, promised
//! starts; charges worked out by hand; and that the auditor sees it when a party is given what it is not due.

use std::collections::BTreeMap;
use std::sync::Arc;

use resource_manager::allocator::Allocator;
use resource_manager::allocator::config::{
    AllocatorConfig, Batch, Between, Isolation, Promises, Queue, Strategy, Walltime,
};
use resource_manager::allocator::protocol::{
    Allocation, Command, Event, IsolationLevel, JobId, JobRequest, Outcome, Party, PartyTerms, Tenant,
    Topology,
};
use resource_manager::allocator::state::State;
use resource_manager::observe::Observer;
use resource_manager::observe::auditor::{Auditor, ViolationKind};
use resource_manager::observe::metrics::MetricsOptions;
use resource_manager::quantum::DeviceId;
use resource_manager::quantum::coupling_map::CouplingMap;
use resource_manager::quantum::device::{DeviceLimits, DeviceSpec};
use resource_manager::random::{Purpose, StreamFamily};
use resource_manager::time::{Span, Time};

mod world;

use world::{World, job, line, spec};

fn of(group: u32, project: u32, user: u32) -> Tenant {
    Tenant { user, group, project }
}

/// One idle qubit between jobs; who may come next to whom, `between` says.
fn apart(between: Between) -> AllocatorConfig {
    let isolation =
        Isolation { default_level: IsolationLevel::Medium, buffer_distance: 1, guard: Span(10), between };
    AllocatorConfig { isolation, ..world::config() }
}

fn chain(id: u64, tenant: Tenant, qubits: u32) -> JobRequest {
    JobRequest { tenant, ..job(id, qubits, Topology::Line) }
}

/// Its qubits rest afterwards.
fn strong(mut request: JobRequest) -> JobRequest {
    request.isolation.level = Some(IsolationLevel::Strong);
    request.isolation.buffer_distance = Some(0);
    request
}

fn timed(request: JobRequest, walltime: u64) -> JobRequest {
    JobRequest { estimated_duration: Some(Span(walltime)), ..request }
}

/// A device of its own kind.
fn limited(name: &str, map: CouplingMap, limits: DeviceLimits) -> Arc<DeviceSpec> {
    Arc::new(DeviceSpec { limits, ..(*spec(name, map)).clone() })
}

fn world_with(config: AllocatorConfig, spec: Arc<DeviceSpec>) -> World {
    let mut world = World::new(config, &[]);
    world.names.push(spec.name.clone());
    world.tell(Command::RegisterDevice { device: DeviceId(0), spec });
    world
}

/// Two jobs that fill a line of eight without a qubit to spare: both run at a time where neither needs a buffer.
#[test]
fn who_may_be_neighbours_the_setting_says() {
    let pairs = [
        ("one user", of(1, 1, 1), of(1, 1, 1)),
        ("one project", of(1, 1, 1), of(1, 1, 2)),
        ("one user of two projects", of(1, 1, 1), of(1, 2, 1)),
        ("one group", of(1, 1, 1), of(1, 2, 2)),
        ("projects of one number", of(1, 1, 1), of(2, 1, 1)),
        ("nobody", of(0, 0, 0), of(0, 0, 0)),
        ("no user", of(1, 1, 0), of(1, 1, 0)),
        ("no project", of(1, 0, 1), of(1, 0, 1)),
    ];
    let mut table = String::new();
    for between in Between::ALL {
        let side_by_side = pairs.iter().filter(|(_, first, second)| {
            let mut world = World::new(apart(between), &[("a", line(8))]);
            world.submit(chain(1, *first, 4));
            world.submit(chain(2, *second, 4));
            world.moves.ends_with("2 starts on a\n")
        });
        let names: Vec<&str> = side_by_side.map(|(name, ..)| *name).collect();
        let names = if names.is_empty() { "none of them".to_owned() } else { names.join(", ") };
        table += &format!("{between:?}: {names}\n");
    }
    insta::assert_snapshot!(table, @"
    Jobs: none of them
    Users: one user, no project
    Projects: one user, one project, no user
    Groups: one user, one project, one user of two projects, one group, no user, no project
    ");
}

/// A buffer is kept from others, also beside a neighbour, and whatever those ask for themselves.
#[test]
fn a_neighbour_opens_no_gap_for_others() {
    let mut world = World::new(apart(Between::Users), &[("a", line(12))]);
    let (ada, bob) = (of(1, 1, 1), of(1, 1, 2));
    world.submit(chain(1, ada, 4));
    world.submit(chain(2, bob, 4));
    let mut near = chain(3, bob, 1);
    near.isolation.buffer_distance = Some(0);
    world.submit(near.clone());
    world.submit(JobRequest { tenant: ada, ..JobRequest { id: JobId(4), ..near.clone() } });
    world.submit(JobRequest { id: JobId(5), ..near });
    insta::assert_snapshot!(world.log, @"
     1  a joins
     2  1 queued: the global queue
     2  1 starts: a [8 9 10 11], attempt 1
     3  2 queued: the global queue
     3  2 starts: a [0 1 2 3], attempt 1
     4  3 queued: the global queue
     4  3 starts: a [4], attempt 1
     5  4 queued: the global queue
     5  4 starts: a [7], attempt 1
     6  5 queued: the global queue
     6  5 starts: a [5], attempt 1
    ");
}

/// Qubits are handed on at once within a party. For others they rest as long as they were to, whoever had them since.
#[test]
fn guards_are_spared_within_a_party_and_kept_for_others() {
    let queue = Queue::global(8);
    let mut world = World::new(AllocatorConfig { queue, ..apart(Between::Users) }, &[("a", line(4))]);
    let (ada, bob) = (of(1, 1, 1), of(1, 1, 2));
    let short = |request| {
        let mut request: JobRequest = request;
        request.isolation.level = Some(IsolationLevel::Weak);
        request
    };
    world.submit(strong(chain(1, ada, 4)));
    world.submit(short(chain(2, bob, 4)));
    world.finish(1);
    let keeps =
        "device 0: of the free qubits, only 0 are within the limits of the job and far enough from others";
    assert_eq!(world.why(2), keeps);
    world.submit(short(chain(3, ada, 4)));
    world.wait(2);
    world.finish(3);
    world.submit(strong(chain(4, ada, 3)));
    world.finish(4);
    world.wait(30);
    insta::assert_snapshot!(world.log, @"
     1  a joins
     2  1 queued: the global queue
     2  1 starts: a [0 1 2 3], attempt 1
     3  2 queued: the global queue
     4  guard of allocation 1 on a until 14
     4  1 finished
     5  3 queued: the global queue
     5  3 starts: a [0 1 2 3], attempt 1
     8  3 finished
     9  4 queued: the global queue
     9  4 starts: a [0 1 2], attempt 1
    10  guard of allocation 3 on a until 20
    10  4 finished
    14  guard of allocation 1 on a ends
    20  guard of allocation 3 on a ends
    20  2 starts: a [0 1 2 3], attempt 1
    ");
}

/// What a device demands itself, its physics or its control, holds between all jobs.
#[test]
fn what_the_device_demands_holds_within_a_party() {
    let ada = of(1, 1, 1);
    let limits = DeviceLimits { min_qubit_separation: 1, ..DeviceLimits::default() };
    let mut config = apart(Between::Users);
    config.isolation.buffer_distance = 3;
    let mut world = world_with(config.clone(), limited("separated", line(9), limits));
    world.submit(chain(1, ada, 4));
    world.submit(chain(2, ada, 4));
    let limits = DeviceLimits { reconfiguration_time: Span(5), ..DeviceLimits::default() };
    world.names.push("slow".to_owned());
    world.tell(Command::RegisterDevice { device: DeviceId(1), spec: limited("slow", line(8), limits) });
    world.submit(chain(3, ada, 4));
    world.submit(chain(4, ada, 4));
    world.submit(chain(5, ada, 4));
    world.finish(3);
    world.wait(6);
    insta::assert_snapshot!(world.log, @"
     1  separated joins
     2  1 queued: the global queue
     2  1 starts: separated [5 6 7 8], attempt 1
     3  2 queued: the global queue
     3  2 starts: separated [0 1 2 3], attempt 1
     4  slow joins
     5  3 queued: the global queue
     5  3 starts: slow [4 5 6 7], attempt 1
     6  4 queued: the global queue
     6  4 starts: slow [0 1 2 3], attempt 1
     7  5 queued: the global queue
     7  5 is promised: separated [5 6 7 8] at 1502
     8  guard of allocation 3 on slow until 13
     8  3 finished
     8  5 is promised, since it is no later: slow [4 5 6 7] at 13
    13  guard of allocation 3 on slow ends
    13  5 starts: slow [4 5 6 7], attempt 1
    ");
}

/// Gates of the own party count against nobody's limit, neither of who comes nor of who is there.
#[test]
fn limits_on_crosstalk_hold_between_parties() {
    let quiet = |request| {
        let mut request: JobRequest = request;
        request.isolation.buffer_distance = Some(0);
        request.isolation.max_crosstalk = Some(0.0);
        request
    };
    let loud = |request| {
        let mut request: JobRequest = request;
        request.isolation.buffer_distance = Some(0);
        request
    };
    let runs = |between: Between, second: Tenant, first_is_quiet: bool| {
        let mut world = World::new(apart(between), &[("a", line(8))]);
        let (first, second) = (chain(1, of(1, 1, 1), 4), chain(2, second, 4));
        let (first, second) =
            if first_is_quiet { (quiet(first), loud(second)) } else { (loud(first), quiet(second)) };
        world.submit(first);
        world.submit(second);
        world.moves.ends_with("2 starts on a\n")
    };
    for first_is_quiet in [false, true] {
        assert!(!runs(Between::Jobs, of(1, 1, 1), first_is_quiet));
        assert!(runs(Between::Users, of(1, 1, 1), first_is_quiet));
        assert!(!runs(Between::Users, of(1, 1, 2), first_is_quiet));
        assert!(runs(Between::Projects, of(1, 1, 2), first_is_quiet));
        assert!(!runs(Between::Groups, of(2, 1, 1), first_is_quiet));
    }
}

fn promising(between: Between) -> AllocatorConfig {
    let queue = Queue::Global { skip_ahead: None, promises: Some(Promises::Easy) };
    let walltime = Walltime {
        exceeded: resource_manager::allocator::config::WalltimeExceeded::Continue,
        ..Walltime::default()
    };
    AllocatorConfig { queue, walltime, ..apart(between) }
}

/// Who is promised a start: right after its party's own job, and after the rest of anybody else's.
#[test]
fn promises_count_no_rest_within_a_party() {
    let promised = |between: Between, second: Tenant| {
        let mut world = World::new(promising(between), &[("a", line(4))]);
        world.submit(timed(strong(chain(1, of(1, 1, 1), 4)), 100));
        world.submit(timed(chain(2, second, 4), 100));
        world.log.lines().last().unwrap().to_owned()
    };
    let lines = [
        promised(Between::Jobs, of(1, 1, 1)),
        promised(Between::Users, of(1, 1, 1)),
        promised(Between::Users, of(1, 1, 2)),
    ];
    insta::assert_snapshot!(lines.join("\n"), @"
    3  2 is promised: a [0 1 2 3] at 112
    3  2 is promised: a [0 1 2 3] at 102
    3  2 is promised: a [0 1 2 3] at 112
    ");
}

/// Who may pass a promise: a job of its party may run next to the promised qubits and up to the promised instant, with its
/// rest left out; anybody else's keeps its distance and its rest.
#[test]
fn fellows_may_pass_where_others_would_be_in_the_way() {
    let starts = |between: Between, passes: JobRequest| {
        let mut world = World::new(promising(between), &[("a", line(8))]);
        let ada = of(1, 1, 1);
        world.submit(timed(chain(1, ada, 4), 100));
        // Needs all of it, from 102 on.
        world.submit(timed(chain(2, ada, 8), 100));
        let id = passes.id;
        world.submit(passes);
        world.core.job(id).is_some_and(|job| job.allocation().is_some())
    };
    let (ada, bob) = (of(1, 1, 1), of(1, 1, 2));
    // From 4 to 102, and 10 of rest.
    let until_then = |tenant| timed(strong(chain(3, tenant, 3)), 98);
    assert!(starts(Between::Users, until_then(ada)));
    assert!(!starts(Between::Users, until_then(bob)));
    assert!(!starts(Between::Jobs, until_then(ada)));
    let rested = |tenant| timed(strong(chain(3, tenant, 3)), 88);
    assert!(starts(Between::Users, rested(bob)));
    assert!(!starts(Between::Users, timed(strong(chain(3, ada, 3)), 99)));
    // Next to the promised qubits, for longer: the second job needs five of twelve.
    let beside = |between: Between, tenant: Tenant| {
        let mut world = World::new(promising(between), &[("a", line(8))]);
        world.submit(timed(chain(1, ada, 5), 100));
        world.submit(timed(chain(2, ada, 5), 100));
        let mut third = timed(chain(3, tenant, 3), 1_000);
        third.isolation.buffer_distance = Some(0);
        world.submit(third);
        world.core.job(JobId(3)).is_some_and(|job| job.allocation().is_some())
    };
    assert!(beside(Between::Users, ada));
    assert!(!beside(Between::Users, bob));
    assert!(!beside(Between::Jobs, ada));
}

/// Other settings change nothing for who runs: it was promised what it was promised. Jobs that started under two settings are
/// kept apart, whoever they belong to.
#[test]
fn another_setting_holds_for_those_who_start() {
    let mut world = World::new(apart(Between::Users), &[("a", line(11))]);
    let (ada, bob) = (of(1, 1, 1), of(1, 1, 2));
    world.submit(chain(1, ada, 4));
    world.submit(chain(2, ada, 4));
    // Waits beside Ada's.
    world.submit(chain(3, bob, 3));
    world.tell(Command::Reconfigure(Box::new(apart(Between::Projects))));
    world.submit(chain(4, ada, 3));
    world.finish(2);
    world.submit(chain(5, bob, 3));
    world.tell(Command::Reconfigure(Box::new(apart(Between::Jobs))));
    world.finish(1);
    world.tell(Command::Reconfigure(Box::new(apart(Between::Users))));
    insta::assert_snapshot!(world.log, @"
     1  a joins
     2  1 queued: the global queue
     2  1 starts: a [7 8 9 10], attempt 1
     3  2 queued: the global queue
     3  2 starts: a [0 1 2 3], attempt 1
     4  3 queued: the global queue
     4  3 is promised: a [7 8 9] at 1502
     5  3 is promised: a [7 8 9] at 1502
     6  4 queued: the global queue
     7  2 finished
     7  3 starts: a [0 1 2], attempt 1
     7  4 starts: a [3 4 5], attempt 1
     8  5 queued: the global queue
     8  5 is promised: a [3 4 5] at 11
     9  5 is promised: a [3 4 5] at 11
    10  1 finished
    10  5 starts: a [8 9 10], attempt 1
    ");
}

/// A core and its observer, step by step.
struct Books {
    core: Allocator,
    observer: Observer,
    events: Vec<(Time, Event)>,
    now: Time,
}

impl Books {
    fn new(config: AllocatorConfig, map: CouplingMap) -> Self {
        let options = MetricsOptions { accounts: true, ..MetricsOptions::default() };
        let observer = Observer::under(&config, options);
        let mut books = Self { core: world::core(config), observer, events: Vec::new(), now: Time::ZERO };
        books.tell(0, Command::RegisterDevice { device: DeviceId(0), spec: spec("a", map) });
        books
    }

    fn tell(&mut self, at: u64, command: Command) {
        while let Some(due) = self.core.next_wakeup().filter(|due| due.0 < at) {
            self.now = due;
            self.handle(Command::Wake);
        }
        self.now = Time(at);
        self.handle(command);
        while self.core.next_wakeup().is_some_and(|due| due <= self.now) {
            self.handle(Command::Wake);
        }
        assert_eq!(self.observer.metrics.check_conservation(), Ok(()));
    }

    fn handle(&mut self, command: Command) {
        let mut events = Vec::new();
        self.core.handle(self.now, command, &mut events).unwrap();
        for event in events {
            self.observer.observe(self.now, &event);
            self.events.push((self.now, event));
        }
        assert_eq!(self.observer.auditor.violations(), []);
    }

    fn submit(&mut self, at: u64, request: JobRequest) {
        self.tell(at, Command::Submit(Arc::new(request)));
    }

    fn finish(&mut self, at: u64, job: u64) {
        let allocation = self.core.job(JobId(job)).and_then(|job| job.allocation()).expect("it runs");
        self.tell(at, Command::Finished { allocation, outcome: Outcome::Success, shots_done: 1 });
    }

    /// What each user was charged: for qubits held, and kept idle, in qubit-nanoseconds times 60.
    fn charged(&self) -> BTreeMap<u32, (u128, u128)> {
        let accounts = self.observer.metrics.accounts().unwrap();
        let sixtieths = 720_720 / 60;
        accounts
            .iter()
            .map(|(tenant, account)| {
                let usage = account.charged;
                (tenant.user, (usage.held / sixtieths, usage.kept_idle / sixtieths))
            })
            .collect()
    }
}

/// Two neighbours in the middle of a line of twelve: between them nothing is idle; what a neighbour holds is not kept idle.
#[test]
fn neighbours_are_charged_for_the_buffers_that_are_left() {
    let mut books =
        Books::new(AllocatorConfig { strategy: Strategy::FirstFit, ..apart(Between::Users) }, line(12));
    let (ada, bob) = (of(1, 1, 1), of(1, 1, 2));
    books.submit(0, chain(1, ada, 4));
    books.submit(0, chain(2, ada, 4));
    books.submit(0, chain(3, bob, 3));
    let held: Vec<String> = books
        .core
        .device(DeviceId(0))
        .unwrap()
        .calendar
        .allocations()
        .map(|(_, booking)| format!("{:?}", booking.qubits.iter().map(|q| q.0).collect::<Vec<_>>()))
        .collect();
    // One idle qubit between Ada's and Bob's jobs, paid by both.
    insta::assert_snapshot!(held.join(" "), @"[0, 1, 2, 3] [4, 5, 6, 7] [9, 10, 11]");
    books.finish(100, 1);
    books.finish(100, 2);
    books.finish(100, 3);
    let by_hand = [(1, (8 * 100 * 60, 100 * 60 / 2)), (2, (3 * 100 * 60, 100 * 60 / 2))];
    assert_eq!(books.charged(), BTreeMap::from(by_hand));
}

/// A guard is paid by whom the qubits rest for, but not for as long as a job of the party holds them; what rests after two of
/// them is paid by both.
#[test]
fn a_guard_is_paid_for_while_nobody_holds_the_qubits() {
    let mut config = apart(Between::Projects);
    config.isolation.guard = Span(50);
    let mut books = Books::new(config, line(4));
    let (ada, bob) = (of(1, 1, 1), of(1, 1, 2));
    books.submit(0, strong(chain(1, ada, 4)));
    books.finish(100, 1);
    // Rests from 100 to 150: Bob's job holds three of the four from 110 to 130, and these rest until 180.
    books.submit(110, strong(chain(2, bob, 3)));
    books.finish(130, 2);
    books.submit(500, chain(3, bob, 1));
    books.finish(500, 3);
    // Ada: 4 for 10; 1 for 20; then 1 alone and half of 3 for 20. Bob: half of 3 for 20, 3 for 30.
    let ada = (4 * 100 * 60, (4 * 10 + 20 + 20 + 30) * 60);
    let bob = (3 * 20 * 60, (30 + 3 * 30) * 60);
    assert_eq!(books.charged(), BTreeMap::from([(1, ada), (2, bob)]));
}

/// Restored from a snapshot, or folded from events, in the middle of a guard under a job of the party: all goes on the same.
#[test]
fn snapshots_and_folds_know_whose_guards_are_whose() {
    let mut books = Books::new(apart(Between::Users), line(4));
    let (ada, bob) = (of(1, 1, 1), of(1, 1, 2));
    books.submit(1, strong(chain(1, ada, 4)));
    books.finish(5, 1);
    books.submit(6, strong(chain(2, ada, 3)));
    books.submit(7, chain(3, bob, 2));
    let calendar = &books.core.device(DeviceId(0)).unwrap().calendar;
    assert_eq!((calendar.bookings().count(), calendar.allocations_len()), (2, 1));
    let mut folded = State::new(apart(Between::Users));
    for (at, event) in &books.events {
        folded.apply(*at, event).unwrap();
    }
    assert_eq!(folded.hash(), books.core.state_hash());
    let draws = StreamFamily::new(1, 0, Purpose::DeviceSelection);
    let mut cores = [
        Allocator::restore(&books.core.snapshot()).unwrap(),
        books.core.fork(None).unwrap(),
        Allocator::resume(folded, books.now, draws),
    ];
    let allocation = books.core.job(JobId(2)).and_then(|job| job.allocation()).unwrap();
    let before = books.events.len();
    let finished = Command::Finished { allocation, outcome: Outcome::Success, shots_done: 1 };
    books.tell(8, finished.clone());
    books.tell(40, Command::Wake);
    let told = |event: &Event| (!matches!(event, Event::JobWaited { .. })).then(|| format!("{event:?}"));
    let expected: Vec<String> = books.events[before..].iter().filter_map(|(_, event)| told(event)).collect();
    for core in &mut cores {
        let mut events = Vec::new();
        core.handle(Time(8), finished.clone(), &mut events).unwrap();
        while let Some(at) = core.next_wakeup() {
            core.handle(at.max(Time(8)), Command::Wake, &mut events).unwrap();
        }
        let events: Vec<String> = events.iter().filter_map(told).collect();
        assert_eq!(events, expected);
    }
    let started =
        |event: &(Time, Event)| matches!(&event.1, Event::JobStarted { allocation } if allocation.job.0 == 3);
    let start = books.events.iter().find(|event| started(event)).expect("it starts after the last guard");
    assert_eq!(start.0, Time(18));
}

/// Jobs of one party that start at one instant are placed jointly as neighbours: on a ring of costs where the best places touch.
#[test]
fn joint_placement_lets_a_party_be_neighbours() {
    let both = |between: Between| {
        let batch = Batch::Joint { max_jobs: 4 };
        let config = AllocatorConfig { batch, strategy: Strategy::NoiseAware, ..apart(between) };
        let mut world = World::new(config, &[("a", line(8))]);
        world.now = Time(5);
        for id in 1..=2 {
            world.say(Command::Submit(Arc::new(chain(id, of(1, 1, 1), 4))));
        }
        world.pass();
        let device = world.core.device(DeviceId(0)).unwrap();
        device.calendar.held().len()
    };
    assert_eq!((both(Between::Users), both(Between::Jobs)), (8, 4));
}

/// The auditor knows parties from tenants and settings: neighbours are a violation where isolation is between all jobs, a
/// party that is not the job's own is one everywhere, and so is a start in a guard of somebody else.
#[test]
fn the_auditor_sees_whoever_is_no_fellow() {
    let mut books = Books::new(apart(Between::Users), line(8));
    let (ada, bob) = (of(1, 1, 1), of(1, 1, 2));
    books.submit(1, strong(chain(1, ada, 4)));
    books.submit(1, chain(2, ada, 4));
    books.finish(5, 1);
    books.submit(6, chain(3, ada, 4));
    let audited = |config: &AllocatorConfig, change: &dyn Fn(&mut JobRequest, &mut Option<PartyTerms>)| {
        let mut auditor = Auditor::under(config);
        let mut requests: BTreeMap<JobId, JobRequest> = BTreeMap::new();
        for (at, event) in &books.events {
            let event = match event {
                Event::JobQueued { job, device, key, key_until } => {
                    let mut request = (**job).clone();
                    change(&mut request, &mut None);
                    requests.insert(job.id, request.clone());
                    Event::JobQueued {
                        job: Arc::new(request),
                        device: *device,
                        key: *key,
                        key_until: *key_until,
                    }
                }
                Event::JobStarted { allocation } => {
                    let mut allocation: Allocation = (**allocation).clone();
                    let mut request = requests[&allocation.job].clone();
                    change(&mut request, &mut allocation.isolation.party);
                    allocation.tenant = request.tenant;
                    Event::JobStarted { allocation: Arc::new(allocation) }
                }
                other => other.clone(),
            };
            auditor.observe(*at, &event);
        }
        let kinds =
            [ViolationKind::BufferTooNarrow, ViolationKind::GuardBroken, ViolationKind::PromiseTooWeak];
        (kinds.map(|kind| auditor.count(kind)), auditor.total(), auditor.isolation_violations())
    };
    let as_it_was = |_: &mut JobRequest, _: &mut Option<PartyTerms>| {};
    assert_eq!(audited(&apart(Between::Users), &as_it_was), ([0, 0, 0], 0, 0));
    assert_eq!(audited(&apart(Between::Projects), &as_it_was).0, [0, 0, 3]);
    // Each of three starts names a party, two are next to another one, one is in a guard: once for each of its four qubits or
    // for the first of them.
    let found = audited(&apart(Between::Jobs), &as_it_was);
    assert_eq!(found, ([2, 1, 3], 6, 3));
    // The second job was another user's all the time.
    let stolen = |request: &mut JobRequest, _: &mut Option<PartyTerms>| {
        if request.id.0 == 2 {
            request.tenant = bob;
        }
    };
    assert_eq!(audited(&apart(Between::Users), &stolen).0, [2, 0, 1]);
    // It says the right party, but keeps nobody away: the distance counts.
    let honest = |request: &mut JobRequest, party: &mut Option<PartyTerms>| {
        stolen(request, party);
        if let Some(terms) = party.as_mut().filter(|_| request.id.0 == 2) {
            terms.party = Party::User { group: 1, project: 1, user: 2 };
        }
    };
    assert_eq!(audited(&apart(Between::Users), &honest).0, [2, 0, 0]);
    // Jobs that name nobody have no fellows.
    let nameless = |request: &mut JobRequest, party: &mut Option<PartyTerms>| {
        request.tenant = of(1, 1, 0);
        *party = None;
    };
    assert_eq!(audited(&apart(Between::Users), &nameless).0, [2, 1, 0]);
    // The third job was another user's, and comes in the guard of the first.
    let third = |request: &mut JobRequest, party: &mut Option<PartyTerms>| {
        if request.id.0 == 3 {
            request.tenant = bob;
            *party = None;
        }
    };
    assert_eq!(audited(&apart(Between::Users), &third).0, [1, 1, 0]);
}
