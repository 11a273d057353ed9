//! Qubit-seconds per period: who may start, when usage leaves, and what counts, seen from outside with books of their own.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use resource_manager::allocator::Allocator;
use resource_manager::allocator::config::{
    AllocatorConfig, Group, Project, Promises, QubitSeconds, Queue, Quota, Retry, Tenants, User, Walltime,
    WalltimeExceeded,
};
use resource_manager::allocator::protocol::{
    Allocation, AllocationId, Command, Event, JobId, JobRequest, Outcome, Status, StatusReason, Target,
    Tenant, Topology, WaitCause,
};
use resource_manager::allocator::state::State;
use resource_manager::observe::auditor::{Auditor, ViolationKind};
use resource_manager::quantum::DeviceId;
use resource_manager::time::{Span, Time};
use world::{World, config, job, line};

mod world;

const SECOND: u64 = 1_000_000_000;

fn of(group: u32, project: u32, user: u32) -> Tenant {
    Tenant { user, group, project }
}

/// A job that states how many seconds it takes.
fn asks(id: u64, tenant: Tenant, qubits: u32, seconds: u64) -> JobRequest {
    let estimated_duration = Some(Span::from_secs(seconds));
    JobRequest { tenant, estimated_duration, ..job(id, qubits, Topology::Any) }
}

fn in_period(seconds: u64, at_most: u64) -> Quota {
    let per = Span::from_secs(seconds);
    Quota { qubit_seconds: Some(QubitSeconds { per, at_most }), ..Quota::default() }
}

/// Group 0 has a quota.
fn group(quota: Quota) -> Tenants {
    Tenants { groups: [("0".to_owned(), Group { quota, ..Group::default() })].into() }
}

const EASY: Queue = Queue::Global { skip_ahead: None, promises: Some(Promises::Easy) };

fn under(tenants: Tenants, queue: Queue) -> AllocatorConfig {
    // Nobody is stopped.
    let walltime = Walltime { exceeded: WalltimeExceeded::Continue, ..Walltime::default() };
    AllocatorConfig { tenants, queue, walltime, ..config() }
}

fn with(quota: Quota) -> World {
    World::new(under(group(quota), EASY), &[("a", line(20))])
}

/// A nanosecond after a second: the device joins at the first one.
fn instant(second: u64) -> Time {
    Time(second * SECOND + 1)
}

/// What comes at a second, in one instant.
fn at(world: &mut World, second: u64, jobs: impl IntoIterator<Item = JobRequest>) {
    world.now = instant(second);
    for job in jobs {
        world.say(Command::Submit(Arc::new(job)));
    }
    world.pass();
}

fn ends(world: &mut World, second: u64, id: u64) {
    let allocation = world.allocation(id);
    world.now = instant(second);
    world.say(Command::Finished { allocation, outcome: Outcome::Success, shots_done: 1 });
    world.pass();
}

fn runs(world: &World, id: u64) -> bool {
    world.core.job(JobId(id)).is_some_and(|job| job.allocation().is_some())
}

/// A start counts for what its job states, and for what it held when it has ended; others pass whoever is stopped.
#[test]
fn a_start_is_charged_at_once_and_trued_up() {
    for queue in [Queue::global(0), EASY] {
        let mut world = World::new(under(group(in_period(32, 100)), queue), &[("a", line(20))]);
        let jobs = [
            asks(0, of(0, 0, 0), 4, 20),
            asks(1, of(0, 3, 7), 4, 10),
            asks(2, of(1, 0, 0), 9, 90),
            asks(3, of(0, 0, 0), 2, 10),
        ];
        at(&mut world, 0, jobs);
        // 80 and 20 are no more than 100; the 40 of the second job were.
        assert_eq!([0, 1, 2, 3].map(|id| runs(&world, id)), [true, false, true, true], "{}", world.log);
        assert_eq!(world.why(1), "its group has used 100 of 100 qubit-seconds in 32s");
        assert_eq!(world.core.waits_for(JobId(1)), Some(WaitCause::Quota));
        // The first one has used 20 instead of 80.
        ends(&mut world, 5, 0);
        assert!(runs(&world, 1), "{}", world.log);
    }
}

/// Usage leaves the period with its 32nd part of it, and whoever waits for it starts then; nobody else is woken.
#[test]
fn who_waits_starts_when_usage_leaves() {
    for queue in [EASY, Queue::per_device(0, resource_manager::allocator::config::HeadOfLine::Placement)] {
        let mut world = World::new(under(group(in_period(32, 100)), queue), &[("a", line(20))]);
        at(&mut world, 3, [asks(0, of(0, 0, 0), 5, 20)]);
        ends(&mut world, 23, 0);
        assert_eq!(world.core.next_wakeup(), None, "nobody waits");
        at(&mut world, 24, [asks(1, of(1, 0, 0), 5, 90), asks(2, of(0, 0, 0), 1, 1)]);
        assert!(!runs(&world, 2));
        // It began in the part that ends at 4.
        let leaves = Time(36 * SECOND);
        assert_eq!(world.core.next_wakeup(), Some(leaves));
        assert!(!world.core.only_retries());
        let mut restored = Allocator::restore(&world.core.snapshot()).unwrap();
        assert_eq!(restored.next_wakeup(), Some(leaves));
        world.now = Time(leaves.0 - 1);
        world.say(Command::Wake);
        assert!(!runs(&world, 2), "{}", world.log);
        world.now = leaves;
        world.pass();
        assert!(runs(&world, 2), "{}", world.log);
        restored.handle(leaves, Command::Wake, &mut Vec::new()).unwrap();
        assert!(restored.job(JobId(2)).unwrap().allocation().is_some());
    }
}

/// Jobs are tried again when usage has left, also where they are tried at fixed times only.
#[test]
fn a_period_is_not_slept_through() {
    let config = AllocatorConfig {
        retry: Retry::Every(Span::from_secs(1_000)),
        ..under(group(in_period(32, 100)), EASY)
    };
    let mut world = World::new(config, &[("a", line(20))]);
    at(&mut world, 0, [asks(0, of(0, 0, 0), 5, 20), asks(1, of(0, 0, 0), 1, 1)]);
    assert!(!runs(&world, 1));
    world.wait(33 * SECOND);
    assert!(runs(&world, 1), "{}", world.log);
}

/// The user, the project and the group each have periods of their own.
#[test]
fn every_level_has_its_period() {
    let user = User { quota: in_period(10, 20), ..User::default() };
    let users = [("7".to_owned(), user)].into();
    let project = Project { quota: in_period(100, 50), users, ..Project::default() };
    let group = Group {
        quota: in_period(1_000, 90),
        projects: [("5".to_owned(), project)].into(),
        ..Group::default()
    };
    let tenants = Tenants { groups: [("0".to_owned(), group)].into() };
    let mut world = World::new(under(tenants, EASY), &[("a", line(20))]);
    let jobs = [
        asks(0, of(0, 5, 7), 2, 10),
        asks(1, of(0, 5, 7), 1, 1),
        asks(2, of(0, 5, 8), 3, 10),
        asks(3, of(0, 5, 8), 1, 1),
        asks(4, of(0, 6, 7), 4, 10),
        asks(5, of(0, 6, 9), 1, 1),
        // The same user in a group that nobody limits.
        asks(6, of(1, 5, 7), 3, 100),
    ];
    let mut why = Vec::new();
    for (job, second) in jobs.into_iter().zip(0..) {
        let id = job.id.0;
        at(&mut world, second, [job]);
        if !runs(&world, id) {
            why.push(format!("{id}: {}", world.why(id)));
        }
    }
    insta::assert_snapshot!(why.join("\n"), @"
    1: its user has used 20 of 20 qubit-seconds in 10s
    3: its project has used 50 of 50 qubit-seconds in 1m 40s
    5: its group has used 90 of 90 qubit-seconds in 16m 40s
    ");
}

/// Whoever asks for more than it may ever use is refused; who states no time starts if anything is left, and may use more.
#[test]
fn jobs_without_a_time_start_as_long_as_anything_is_left() {
    let mut world = with(in_period(32, 100));
    let unstated = |id| JobRequest { estimated_duration: None, ..asks(id, of(0, 0, 0), 4, 0) };
    at(&mut world, 0, [asks(0, of(0, 0, 0), 4, 26), asks(1, of(0, 0, 0), 9, 11), unstated(2)]);
    assert_eq!([1, 2].map(|id| runs(&world, id)), [true; 2], "{}", world.log);
    assert!(
        world
            .log
            .contains("0 rejected: the job asks for 104 qubit-seconds, but its group may use 100 in 32s")
    );
    ends(&mut world, 5, 2);
    // 99 and 20.
    at(&mut world, 6, [unstated(3)]);
    assert_eq!(world.why(3), "its group has used 119 of 100 qubit-seconds in 32s");
    let mut world = with(in_period(32, 100));
    at(&mut world, 0, [asks(0, of(0, 0, 0), 10, 10), unstated(1)]);
    assert_eq!([0, 1].map(|id| runs(&world, id)), [true, false], "{}", world.log);
}

/// A walltime that is exceeded counts when the job has ended; what hardware takes does not, what its owner takes does.
#[test]
fn what_counts_is_what_was_held() {
    let mut world = with(in_period(1_000, 100));
    at(&mut world, 0, [asks(0, of(0, 0, 0), 2, 10)]);
    at(&mut world, 1, [asks(1, of(0, 0, 0), 2, 30)]);
    ends(&mut world, 40, 0);
    // 80 and 60.
    at(&mut world, 41, [asks(2, of(0, 0, 0), 1, 1)]);
    assert_eq!(world.why(2), "its group has used 140 of 100 qubit-seconds in 16m 40s");
    // Its hardware ends the other one, which starts anew.
    world.down(Target::Device(DeviceId(0)));
    world.now = Time(50 * SECOND);
    world.up(Target::Device(DeviceId(0)));
    // 80 and 1: 60 more would be too many.
    assert_eq!([1, 2].map(|id| runs(&world, id)), [false, true], "{}", world.log);
    assert_eq!(world.why(1), "its group has used 81 of 100 qubit-seconds in 16m 40s");
    let allocation = world.allocation(2);
    world.now = instant(60);
    world.say(Command::Cancel { job: JobId(2) });
    world.say(Command::StopAcknowledged { allocation, shots_done: 0 });
    world.pass();
    assert_eq!(world.why(1), "its group has used 90 of 100 qubit-seconds in 16m 40s");
}

/// What is promised counts for those who stand behind.
#[test]
fn those_behind_leave_what_is_promised() {
    let mut world = with(in_period(1_000, 100));
    at(&mut world, 0, [asks(0, of(1, 0, 0), 15, 50)]);
    at(
        &mut world,
        1,
        [asks(1, of(0, 0, 0), 10, 6), asks(2, of(0, 0, 0), 1, 45), asks(3, of(0, 0, 0), 1, 40)],
    );
    assert!(world.core.job(JobId(1)).unwrap().promise.is_some());
    assert_eq!([1, 2, 3].map(|id| runs(&world, id)), [false, false, true], "{}", world.log);
    assert_eq!(world.why(2), "its group has used 100 of 100 qubit-seconds in 16m 40s");
    ends(&mut world, 10, 0);
    assert!(runs(&world, 1), "{}", world.log);
}

/// Another limit keeps what was used; so does another period, to a part of the old one; a new one begins with what runs.
#[test]
fn periods_may_change() {
    let mut world = with(in_period(32, 100));
    at(&mut world, 0, [asks(0, of(0, 0, 0), 3, 20), asks(1, of(0, 0, 0), 2, 20)]);
    ends(&mut world, 10, 0);
    let mut change = |second: u64, quota: Quota| {
        world.now = instant(second);
        world.say(Command::Reconfigure(Box::new(under(group(quota), EASY))));
        at(&mut world, second, [asks(second, of(0, 0, 0), 1, 1)]);
        let why = if runs(&world, second) { "it starts".to_owned() } else { world.why(second) };
        world.say(Command::Cancel { job: JobId(second) });
        why
    };
    let said = [
        change(11, in_period(32, 70)),
        change(12, in_period(64, 70)),
        // In 64 seconds parts are of 2: until 66.
        change(65, in_period(64, 70)),
        change(66, in_period(64, 70)),
        change(67, Quota::default()),
        change(68, in_period(1_000, 40)),
    ];
    // What runs when a limit comes into force counts: 2 qubits for 20 s, and two that are being stopped.
    insta::assert_snapshot!(said.join("\n"), @"
    its group has used 70 of 70 qubit-seconds in 32s
    its group has used 70 of 70 qubit-seconds in 1m 4s
    its group has used 70 of 70 qubit-seconds in 1m 4s
    it starts
    it starts
    its group has used 42 of 40 qubit-seconds in 16m 40s
    ");
}

/// The auditor sees a core that has other quotas than it should.
#[test]
fn the_auditor_sees_periods_that_are_exceeded() {
    let mut world = World::new(under(Tenants::default(), EASY), &[]);
    let mut auditors = [in_period(32, 10), in_period(32, 11), in_period(8, 10)]
        .map(|quota| Auditor::under(&under(group(quota), EASY)));
    let mut events = Vec::new();
    let mut tell = |world: &mut World, second: u64, command| {
        let before = events.len();
        world.now = Time(second * SECOND);
        world.core.handle(world.now, command, &mut events).unwrap();
        for event in &events[before..] {
            auditors.iter_mut().for_each(|auditor| auditor.observe(world.now, event));
        }
    };
    let spec = world::spec("a", line(9));
    tell(&mut world, 0, Command::RegisterDevice { device: DeviceId(0), spec });
    for (id, second) in [(0, 0), (1, 1), (2, 9)] {
        tell(&mut world, second, Command::Submit(Arc::new(asks(id, of(0, 0, 0), 1, 5))));
        tell(&mut world, second, Command::Wake);
        let allocation = world.allocation(id);
        tell(
            &mut world,
            second + 1,
            Command::Finished { allocation, outcome: Outcome::Success, shots_done: 1 },
        );
    }
    tell(&mut world, 20, Command::Submit(Arc::new(asks(3, of(0, 0, 0), 2, 4))));
    tell(&mut world, 20, Command::Wake);
    let found = auditors.map(|auditor| (auditor.total(), auditor.count(ViolationKind::QuotaExceeded)));
    // 3 and 8 within 32 seconds; within 8 only the 8.
    assert_eq!(found, [(1, 1), (0, 0), (0, 0)]);
}

#[derive(Debug, Clone)]
enum Op {
    /// Tenths of a second.
    Submit {
        tenant: (u32, u32, u32),
        qubits: u32,
        tenths: u64,
    },
    Finish {
        pick: u16,
        fails: bool,
    },
    Cancel {
        pick: u16,
    },
    Lose,
    Wait {
        tenths: u64,
    },
}

fn op() -> impl Strategy<Value = Op> {
    let tenant = (0_u32..2, 0_u32..2, 0_u32..2);
    prop_oneof![
        6 => (tenant, 1_u32..4, 1_u64..60)
            .prop_map(|(tenant, qubits, tenths)| Op::Submit { tenant, qubits, tenths }),
        4 => (any::<u16>(), prop::bool::weighted(0.2)).prop_map(|(pick, fails)| Op::Finish { pick, fails }),
        1 => any::<u16>().prop_map(|pick| Op::Cancel { pick }),
        1 => Just(Op::Lose),
        4 => (0_u64..70).prop_map(|tenths| Op::Wait { tenths }),
    ]
}

/// Every charge that was ever made, and who waits.
#[derive(Default)]
struct Books {
    /// By attempt: whose, when it began, qubit-nanoseconds.
    charges: BTreeMap<AllocationId, (Tenant, u64, u128)>,
    running: BTreeMap<AllocationId, Arc<Allocation>>,
    known: BTreeMap<JobId, Arc<JobRequest>>,
    waiting: BTreeMap<JobId, Arc<JobRequest>>,
}

fn units(request: &JobRequest) -> u128 {
    u128::from(request.min_qubits) * u128::from(request.estimated_duration.unwrap().0)
}

impl Books {
    /// Whether all periods leave room for a job: every charge is gone through.
    fn leave_room_for(&self, tenants: &Tenants, request: &JobRequest, now: u64) -> bool {
        tenants.quotas().all(|(path, quota)| {
            let Some(QubitSeconds { per, at_most }) = quota.qubit_seconds else { return true };
            let is_of = |whose: Tenant| [whose.group, whose.project, whose.user].starts_with(&path);
            let part = per.0.div_ceil(32);
            let counts = |began: u64| now < (began / part + 1) * part + per.0;
            let of = self.charges.values().filter(|(whose, began, _)| is_of(*whose) && counts(*began));
            let used: u128 = of.map(|(.., units)| units).sum();
            !is_of(request.tenant) || used + units(request) <= u128::from(at_most) * u128::from(SECOND)
        })
    }

    fn learn(&mut self, now: u64, event: &Event) {
        match event {
            Event::JobQueued { job, .. } => {
                self.known.insert(job.id, Arc::clone(job));
                self.waiting.insert(job.id, Arc::clone(job));
            }
            Event::JobStarted { allocation } => {
                let request = self.waiting.remove(&allocation.job).unwrap();
                self.charges.insert(allocation.id, (allocation.tenant, now, units(&request)));
                self.running.insert(allocation.id, Arc::clone(allocation));
            }
            Event::JobFinished { allocation, .. } => {
                let ended = self.running.remove(allocation).unwrap();
                let held = ended.held.len() as u128 * u128::from(now - ended.started.0);
                self.charges.get_mut(allocation).unwrap().2 = held;
            }
            Event::JobRequeued { job, allocation, .. } => {
                self.running.remove(allocation);
                self.charges.remove(allocation);
                self.waiting.insert(*job, Arc::clone(&self.known[job]));
            }
            Event::JobFailed { job, allocation, .. } => {
                self.running.remove(allocation);
                self.charges.remove(allocation);
                self.waiting.remove(job);
            }
            Event::JobCancelled { job, allocation: None, .. } => {
                self.waiting.remove(job);
            }
            _ => {}
        }
    }
}

/// Runs a history in which nothing but periods keeps anybody: at every instant those wait who would exceed one, and nobody else.
fn history(tenants: &Tenants, ops: &[Op]) -> Result<usize, TestCaseError> {
    let config = under(tenants.clone(), Queue::global(0));
    let mut core = world::core(config.clone());
    let mut folded = State::new(config.clone());
    let mut auditor = Auditor::under(&config);
    let mut books = Books::default();
    let (mut now, mut submitted, mut stopped) = (0, 0, 0);
    let mut step = |core: &mut Allocator, books: &mut Books, now: u64, commands: Vec<Command>| {
        let mut events = Vec::new();
        for command in commands {
            core.handle(Time(now), command, &mut events).unwrap();
        }
        while core.next_wakeup().is_some_and(|due| due <= Time(now)) {
            core.handle(Time(now), Command::Wake, &mut events).unwrap();
        }
        for event in &events {
            books.learn(now, event);
            auditor.observe(Time(now), event);
            folded.apply(Time(now), event).unwrap();
        }
        prop_assert_eq!(auditor.total(), 0, "{:?}", auditor.violations());
        prop_assert_eq!(folded.hash(), core.state_hash());
        for request in books.waiting.values() {
            prop_assert!(!books.leave_room_for(tenants, request, now), "{} waits at {now}", request.id.0);
        }
        // A snapshot at any instant changes nothing.
        if now.is_multiple_of(7) {
            *core = Allocator::restore(&core.snapshot()).unwrap();
        }
        stopped += usize::from(!books.waiting.is_empty());
        Ok(())
    };
    let spec = world::spec("a", line(260));
    step(&mut core, &mut books, 0, vec![Command::RegisterDevice { device: DeviceId(0), spec }])?;
    for op in ops {
        now += 1;
        let commands = match *op {
            Op::Submit { tenant: (group, project, user), qubits, tenths } => {
                submitted += 1;
                let request = asks(submitted, of(group, project, user), qubits, 0);
                let estimated_duration = Some(Span(tenths * SECOND / 10));
                vec![Command::Submit(Arc::new(JobRequest { estimated_duration, ..request }))]
            }
            Op::Finish { pick, fails } if !books.running.is_empty() => {
                let allocation = *books.running.keys().nth(usize::from(pick) % books.running.len()).unwrap();
                let outcome = if fails { Outcome::Error } else { Outcome::Success };
                vec![Command::Finished { allocation, outcome, shots_done: 1 }]
            }
            Op::Cancel { pick } if !books.waiting.is_empty() => {
                let job = *books.waiting.keys().nth(usize::from(pick) % books.waiting.len()).unwrap();
                vec![Command::Cancel { job }]
            }
            Op::Wait { tenths } => {
                let until = now + tenths * SECOND / 10;
                while let Some(at) = core.next_wakeup().filter(|at| at.0 <= until) {
                    now = at.0;
                    step(&mut core, &mut books, now, Vec::new())?;
                }
                now = until;
                Vec::new()
            }
            Op::Lose => {
                let target = Target::Device(DeviceId(0));
                let set = |status| Command::SetStatus { target, status, reason: StatusReason::Fault };
                [Status::Offline, Status::Online].map(set).into()
            }
            Op::Finish { .. } | Op::Cancel { .. } => Vec::new(),
        };
        step(&mut core, &mut books, now, commands)?;
    }
    // Nobody waits for ever.
    loop {
        let running = books.running.keys().next().copied();
        let next = core.next_wakeup();
        let commands = match running {
            Some(allocation) => {
                now += 1;
                vec![Command::Finished { allocation, outcome: Outcome::Success, shots_done: 1 }]
            }
            None if books.waiting.is_empty() => break,
            None => match next {
                Some(at) => {
                    now = now.max(at.0);
                    Vec::new()
                }
                None => break,
            },
        };
        step(&mut core, &mut books, now, commands)?;
    }
    let waiting: Vec<JobId> = books.waiting.keys().copied().collect();
    prop_assert!(waiting.is_empty(), "{waiting:?} wait for ever");
    Ok(stopped)
}

fn tenants_of(limits: &[(u64, u64)]) -> Tenants {
    let quota = |index: usize| match limits[index] {
        (_, 0) => Quota::default(),
        (tenths, at_most) => Quota {
            qubit_seconds: Some(QubitSeconds { per: Span(tenths * SECOND / 10 + 7), at_most }),
            ..Quota::default()
        },
    };
    let user = User { quota: quota(2), ..User::default() };
    let project = Project { quota: quota(1), users: [("0".to_owned(), user)].into(), ..Project::default() };
    let first = Group { quota: quota(0), projects: [("0".to_owned(), project)].into(), ..Group::default() };
    let second = Group { quota: quota(3), ..Group::default() };
    Tenants { groups: [("0".to_owned(), first), ("1".to_owned(), second)].into() }
}

fn histories() -> u32 {
    std::env::var("RM_HISTORIES").ok().and_then(|text| text.parse().ok()).unwrap_or(200)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: histories(),
        rng_seed: RngSeed::Fixed(20_261_128),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// At every instant those wait whom a period stops, by books that go through all charges, and nobody else; and in the end
    /// nobody does.
    #[test]
    fn those_wait_whom_a_period_stops(
        limits in prop::collection::vec((1_u64..300, prop_oneof![Just(0_u64), 18_u64..40]), 4),
        ops in prop::collection::vec(op(), 1..80),
    ) {
        history(&tenants_of(&limits), &ops)?;
    }
}

/// The histories stop somebody.
#[test]
fn histories_stop_somebody() {
    let submit = |qubits| Op::Submit { tenant: (0, 0, 0), qubits, tenths: 50 };
    let ops = [submit(3), submit(3), Op::Wait { tenths: 10 }, submit(1), Op::Finish { pick: 0, fails: true }];
    let stopped = history(&tenants_of(&[(100, 20), (1, 0), (1, 0), (1, 0)]), &ops).unwrap();
    assert!(stopped > 1, "{stopped}");
}
