//! Quotas of groups, projects and users, seen from outside with books of their own.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use resource_manager::allocator::Allocator;
use resource_manager::allocator::config::{
    AllocatorConfig, Borrow, Group, HeadOfLine, Project, Promises, QubitSeconds, Queue, Quota, Tenants, User,
    Walltime, WalltimeExceeded,
};
use resource_manager::allocator::protocol::{
    Answer, Command, Elasticity, Event, JobId, JobRequest, JobState, Outcome, Rejection, Status,
    StatusReason, Target, Tenant, Topology,
};
use resource_manager::observe::auditor::{Auditor, ViolationKind};
use resource_manager::quantum::DeviceId;
use resource_manager::time::{Span, Time};
use world::{World, config, grid, job, line};

mod world;

fn of(group: u32, project: u32, user: u32) -> Tenant {
    Tenant { user, group, project }
}

fn asks(id: u64, tenant: Tenant, qubits: u32) -> JobRequest {
    JobRequest { tenant, estimated_duration: Some(Span(100)), ..job(id, qubits, Topology::Any) }
}

fn qubits(most: u32) -> Quota {
    Quota { qubits: Some(most), ..Quota::default() }
}

fn borrowing(most: u32, more: u32) -> Quota {
    Quota { borrow: Borrow { qubits: more, jobs: 0 }, ..qubits(most) }
}

/// Groups 0, 1, ... with these quotas.
fn groups(quotas: &[Quota]) -> Tenants {
    let group = |quota: Quota| Group { quota, ..Group::default() };
    let named = (0..).map(|number: u32| number.to_string()).zip(quotas.iter().map(|&quota| group(quota)));
    Tenants { groups: named.collect() }
}

fn under(tenants: Tenants, queue: Queue) -> AllocatorConfig {
    // Nobody is stopped.
    let walltime = Walltime { exceeded: WalltimeExceeded::Continue, ..Walltime::default() };
    AllocatorConfig { tenants, queue, walltime, ..config() }
}

const EASY: Queue = Queue::Global { skip_ahead: None, promises: Some(Promises::Easy) };

fn runs(world: &World, id: u64) -> bool {
    world.core.job(JobId(id)).is_some_and(|job| job.allocation().is_some())
}

/// Whoever is stopped by its quota blocks nobody, also where the head of the queue blocks all others, and starts when
/// somebody of its tenant has ended, wherever that was.
#[test]
fn who_has_enough_lets_others_pass() {
    for queue in [Queue::global(0), EASY, Queue::per_device(0, HeadOfLine::Placement)] {
        let config = under(groups(&[qubits(4)]), queue);
        let mut world = World::new(config, &[("a", line(6)), ("b", line(6))]);
        world.submit(asks(0, of(0, 0, 0), 3));
        world.submit(asks(1, of(0, 1, 7), 2));
        world.submit(asks(2, of(1, 0, 0), 3));
        world.submit(asks(3, of(0, 1, 7), 1));
        assert_eq!([0, 1, 2, 3].map(|id| runs(&world, id)), [true, false, true, true], "{}", world.log);
        assert_eq!(world.why(1), "its group has 4 of 4 qubits at a time");
        assert!(world.core.job(JobId(1)).unwrap().promise.is_none());
        world.finish(0);
        assert!(runs(&world, 1), "{queue:?}\n{}", world.log);
    }
}

/// Every level counts, and so do jobs.
#[test]
fn users_projects_and_groups_have_quotas() {
    let jobs = |most| Quota { jobs: Some(most), ..Quota::default() };
    let user = User { quota: jobs(1), ..User::default() };
    let project = Project { quota: qubits(4), users: [("7".to_owned(), user)].into(), ..Project::default() };
    let group = Group { quota: jobs(3), projects: [("5".to_owned(), project)].into(), ..Group::default() };
    let tenants = Tenants { groups: [("0".to_owned(), group)].into() };
    let mut world = World::new(under(tenants, EASY), &[("a", line(20))]);
    let mut why = Vec::new();
    for (id, tenant, qubits) in [
        (0, of(0, 5, 7), 2),
        (1, of(0, 5, 7), 1),
        (2, of(0, 5, 8), 3),
        (3, of(0, 5, 8), 2),
        (4, of(0, 6, 7), 9),
        (5, of(0, 6, 9), 1),
        // The same user in a group that nobody limits.
        (6, of(1, 5, 7), 3),
    ] {
        world.submit(asks(id, tenant, qubits));
        if !runs(&world, id) {
            why.push(format!("{id}: {}", world.why(id)));
        }
    }
    insta::assert_snapshot!(why.join("\n"), @"
    1: its user has 1 of 1 jobs at a time
    2: its project has 2 of 4 qubits at a time
    5: its group has 3 of 3 jobs at a time
    ");
    assert_eq!([0, 3, 4, 6].map(|id| runs(&world, id)), [true; 4], "{}", world.log);
}

/// A job that can never have what it asks for is refused, and says why; the latest of too many that wait as well.
#[test]
fn who_asks_for_too_much_is_refused() {
    let waiting = Quota { waiting: Some(1), ..borrowing(4, 2) };
    let mut world = World::new(under(groups(&[waiting]), EASY), &[("a", line(20))]);
    world.submit(asks(0, of(0, 0, 0), 7));
    world.submit(asks(1, of(0, 0, 0), 4));
    world.submit(asks(2, of(0, 0, 1), 3));
    world.submit(asks(3, of(0, 0, 2), 2));
    world.submit(asks(4, of(1, 0, 0), 9));
    insta::assert_snapshot!(world.log, @"
    1  a joins
    2  0 rejected: the job asks for 7 qubits, but its group may have 4 at a time
    3  1 queued: the global queue
    3  1 starts: a [16 17 18 19], attempt 1
    4  2 queued: the global queue
    5  3 queued: the global queue
    5  3 rejected: its group has as many waiting jobs as it may: 1
    6  4 queued: the global queue
    6  4 starts: a [0 1 2 3 4 5 6 7 8], attempt 1
    ");
}

/// What siblings leave may be borrowed; who has lent waits until it is given back.
#[test]
fn what_siblings_leave_may_be_borrowed() {
    let mut world = World::new(under(groups(&[borrowing(4, 3), qubits(4)]), EASY), &[("a", line(20))]);
    world.submit(asks(0, of(0, 0, 0), 3));
    world.submit(asks(1, of(0, 0, 0), 4));
    // It has all that it may borrow.
    world.submit(asks(2, of(0, 0, 0), 1));
    // One of eight is left.
    world.submit(asks(3, of(1, 0, 0), 2));
    world.submit(asks(4, of(1, 0, 0), 1));
    // Nobody has lent anything of theirs.
    world.submit(asks(5, of(2, 0, 0), 9));
    let why = [2, 3].map(|id| world.why(id)).join("\n");
    insta::assert_snapshot!(why, @"
    its group has 7 of 7 qubits at a time
    together with those beside it, its group has 8 of 8 qubits at a time
    ");
    assert_eq!([0, 1, 4, 5].map(|id| runs(&world, id)), [true; 4], "{}", world.log);
    world.finish(0);
    assert_eq!([2, 3].map(|id| runs(&world, id)), [true; 2], "{}", world.log);
}

/// The quota of whom all of them belong to bounds what is borrowed.
#[test]
fn nobody_borrows_beyond_the_quota_above() {
    let project = |quota| Project { quota, ..Project::default() };
    let projects = [("0".to_owned(), project(borrowing(2, 9))), ("1".to_owned(), project(qubits(2)))];
    let group = Group { quota: qubits(6), projects: projects.into(), ..Group::default() };
    let tenants = Tenants { groups: [("0".to_owned(), group)].into() };
    let mut world = World::new(under(tenants, EASY), &[("a", line(20))]);
    world.submit(asks(0, of(0, 0, 0), 5));
    world.submit(asks(1, of(0, 0, 0), 2));
    world.submit(asks(2, of(0, 1, 0), 1));
    assert_eq!([0, 1, 2].map(|id| runs(&world, id)), [true, false, true], "{}", world.log);
    assert_eq!(world.why(1), "its group has 6 of 6 qubits at a time");
}

/// A job that takes as many qubits as there are takes the least that it asks for where its quota has no more.
#[test]
fn elastic_jobs_take_the_least_where_their_quota_ends() {
    let mut world = World::new(under(groups(&[qubits(5)]), EASY), &[("a", line(20))]);
    let elastic = |id| JobRequest {
        max_qubits: 4,
        elasticity: Elasticity::Largest,
        topology: Topology::Line,
        ..asks(id, of(0, 0, 0), 2)
    };
    world.submit(elastic(0));
    world.submit(asks(1, of(0, 0, 0), 1));
    world.finish(1);
    world.submit(elastic(2));
    assert!(!runs(&world, 2), "{}", world.log);
    let mut world = World::new(under(groups(&[qubits(7)]), EASY), &[("a", line(20))]);
    world.submit(elastic(0));
    world.submit(elastic(1));
    let held = |id| {
        let allocation = world.core.job(JobId(id)).unwrap().allocation().unwrap();
        world.core.allocation(allocation).unwrap().held.len()
    };
    assert_eq!([held(0), held(1)], [4, 2], "{}", world.log);
}

/// A ring has no place on a grid but for an even number of qubits: it takes the most that its quota ever allows, waits until
/// it allows so many, and is refused where none of those that it allows has a place.
#[test]
fn elastic_jobs_take_what_their_quota_allows() {
    let ring = |id, shots| JobRequest {
        max_qubits: 9,
        elasticity: Elasticity::Largest,
        topology: Topology::Ring,
        max_swap_operations: Some(0),
        shots,
        ..asks(id, of(0, 0, 0), 5)
    };
    for queue in [EASY, Queue::per_device(0, HeadOfLine::Placement)] {
        let mut world = World::new(under(groups(&[qubits(5)]), queue), &[("a", grid(4, 5))]);
        world.submit(ring(0, 1));
        assert!(
            world
                .log
                .ends_with("0 rejected: the job asks for 6 qubits, but its group may have 5 at a time\n"),
            "{}",
            world.log
        );
        let mut world = World::new(under(groups(&[qubits(7)]), queue), &[("a", grid(4, 5)), ("b", line(20))]);
        world.submit(asks(0, of(0, 0, 0), 2));
        world.submit(ring(1, 1));
        assert!(!runs(&world, 1), "{}", world.log);
        // Of another group, which no quota bounds.
        world.submit(JobRequest { tenant: of(1, 0, 0), ..ring(2, 1) });
        world.finish(0);
        let held = |id| {
            let allocation = world.core.job(JobId(id)).unwrap().allocation().unwrap();
            world.core.allocation(allocation).unwrap().held.len()
        };
        assert_eq!([held(1), held(2)], [6, 8], "{}", world.log);
    }
    // A quota for a time: 600 qubit-ns for a job of 100 ns.
    let per = Quota {
        qubit_seconds: Some(QubitSeconds { at_most: 7, per: Span(1_000_000_000) }),
        ..Quota::default()
    };
    let mut world = World::new(under(groups(&[per]), EASY), &[("a", grid(4, 5))]);
    world.submit(JobRequest { estimated_duration: Some(Span(1_000_000_000)), ..ring(0, 1) });
    assert!(world.log.contains("0 starts"), "{}", world.log);
    let mut world = World::new(under(groups(&[per]), EASY), &[("a", grid(4, 5))]);
    world.submit(JobRequest { estimated_duration: Some(Span(1_200_000_000)), ..ring(0, 1) });
    assert!(world.log.contains("0 rejected: the job asks for 8 qubit-seconds"), "{}", world.log);
}

/// What is promised counts, for those that stand behind: whoever stands before takes it.
#[test]
fn promises_count_for_those_behind() {
    let mut world = World::new(under(groups(&[qubits(8)]), EASY), &[("a", line(10)), ("b", line(3))]);
    world.submit(asks(0, of(1, 0, 0), 9));
    // Promised all that its group may have.
    world.submit(asks(1, of(0, 0, 0), 8));
    world.submit(asks(2, of(0, 0, 0), 2));
    assert_eq!((runs(&world, 1), runs(&world, 2)), (false, false), "{}", world.log);
    assert_eq!(world.why(2), "its group has 8 of 8 qubits at a time");
    world.finish(0);
    assert_eq!((runs(&world, 1), runs(&world, 2)), (true, false), "{}", world.log);
    world.finish(1);
    assert!(runs(&world, 2), "{}", world.log);
}

/// Other quotas are in force at once, for those who start.
#[test]
fn quotas_may_change() {
    let mut world = World::new(under(groups(&[qubits(4)]), EASY), &[("a", line(10))]);
    world.submit(asks(0, of(0, 0, 0), 4));
    world.submit(asks(1, of(0, 0, 0), 2));
    world.tell(Command::Reconfigure(Box::new(under(groups(&[qubits(3)]), EASY))));
    assert_eq!(world.why(1), "its group has 4 of 3 qubits at a time");
    world.tell(Command::Reconfigure(Box::new(under(groups(&[qubits(6)]), EASY))));
    assert!(runs(&world, 1), "{}", world.log);
}

/// The auditor sees a core that has other quotas than it should.
#[test]
fn the_auditor_sees_quotas_that_are_exceeded() {
    let mut world = World::new(under(Tenants::default(), EASY), &[]);
    let mut auditors = [groups(&[qubits(4)]), groups(&[qubits(5)]), groups(&[borrowing(4, 1), qubits(0)])]
        .map(|tenants| Auditor::under(&under(tenants, EASY)));
    let mut events = Vec::new();
    let mut tell = |world: &mut World, command| {
        let before = events.len();
        world.core.handle(world.now, command, &mut events).unwrap();
        for event in &events[before..] {
            auditors.iter_mut().for_each(|auditor| auditor.observe(world.now, event));
        }
    };
    let spec = world::spec("a", line(9));
    tell(&mut world, Command::RegisterDevice { device: DeviceId(0), spec });
    for id in 0..5 {
        tell(&mut world, Command::Submit(Arc::new(asks(id, of(0, 0, 0), 1))));
        tell(&mut world, Command::Wake);
    }
    let found = auditors.map(|auditor| (auditor.total(), auditor.count(ViolationKind::QuotaExceeded)));
    // What the third may borrow, nobody leaves.
    assert_eq!(found, [(1, 1), (0, 0), (1, 1)]);
}

#[derive(Debug, Clone)]
enum Op {
    Submit { tenant: (u32, u32, u32), qubits: u32, walltime: Option<u64>, more: u32 },
    Finish(u16),
    Cancel(u16),
    Hold(u16, bool),
    Device(u32, bool),
    Reconfigure(u32),
    Wait(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let tenant = (0_u32..3, 0_u32..2, 0_u32..3);
    prop_oneof![
        8 => (tenant, 1_u32..6, proptest::option::weighted(0.6, 1_u64..30), 0_u32..3)
            .prop_map(|(tenant, qubits, walltime, more)| Op::Submit { tenant, qubits, walltime, more }),
        6 => any::<u16>().prop_map(Op::Finish),
        1 => any::<u16>().prop_map(Op::Cancel),
        1 => (any::<u16>(), any::<bool>()).prop_map(|(pick, release)| Op::Hold(pick, release)),
        1 => (0_u32..2, any::<bool>()).prop_map(|(device, online)| Op::Device(device, online)),
        1 => any::<u32>().prop_map(Op::Reconfigure),
        2 => (0_u64..8).prop_map(Op::Wait),
    ]
}

/// All kinds of quotas in a small tree, by number.
fn any_tenants(number: u32) -> Tenants {
    let mut rest = number;
    let mut below = |choices: u32| {
        let choice = rest % choices;
        rest /= choices;
        choice
    };
    let mut quota = |most: u32| Quota {
        qubits: (below(3) > 0).then(|| most - below(3)),
        jobs: (below(4) == 0).then_some(2),
        waiting: (below(6) == 0).then_some(3),
        ..Quota::default()
    };
    let mut groups = BTreeMap::new();
    for group in 0..2_u32 {
        let mut of = Group { quota: quota(9), ..Group::default() };
        for project in 0..2_u32 {
            let users = [("1".to_owned(), User { quota: quota(4), ..User::default() })].into();
            let project_of = Project { quota: quota(6), users, ..Project::default() };
            of.projects.insert(project.to_string(), project_of);
        }
        groups.insert(group.to_string(), of);
    }
    let mut borrow = |quota: &mut Quota| {
        quota.borrow.qubits = if quota.qubits.is_some() { below(3) * 2 } else { 0 };
        quota.borrow.jobs = if quota.jobs.is_some() { below(2) } else { 0 };
    };
    for group in groups.values_mut() {
        borrow(&mut group.quota);
        group.projects.values_mut().for_each(|project| borrow(&mut project.quota));
    }
    Tenants { groups }
}

fn any_config(number: u32) -> AllocatorConfig {
    let queues = [
        EASY,
        Queue::Global { skip_ahead: None, promises: Some(Promises::Conservative) },
        Queue::Global { skip_ahead: None, promises: Some(Promises::Depth(2)) },
        Queue::global(0),
        Queue::global(64),
        Queue::per_device(1, HeadOfLine::Placement),
        Queue::per_device(0, HeadOfLine::Count),
        Queue::PerDevice {
            skip_ahead: None,
            promises: Some(Promises::Easy),
            head_of_line: HeadOfLine::Placement,
        },
    ];
    under(any_tenants(number / 8), queues[number as usize % queues.len()])
}

/// Books by hand: what everybody has, against what is written down.
fn exceeded(core: &Allocator) -> Vec<String> {
    let mut had: BTreeMap<Vec<u32>, [u64; 2]> = BTreeMap::new();
    for job in core.jobs() {
        let Some(allocation) = job.allocation().and_then(|id| core.allocation(id)) else { continue };
        let Tenant { user, group, project } = job.request.tenant;
        for path in [vec![group], vec![group, project], vec![group, project, user]] {
            let had = had.entry(path).or_default();
            had[0] += allocation.held.len() as u64;
            had[1] += 1;
        }
    }
    let has = |path: &[u32], what: usize| had.get(path).map_or(0, |had| had[what]);
    let of = |quota: &Quota, what: usize| [quota.qubits, quota.jobs][what].map(u64::from);
    let more = |quota: &Quota, what: usize| u64::from([quota.borrow.qubits, quota.borrow.jobs][what]);
    let mut found = Vec::new();
    // (path, its quota, quotas below)
    type Below<'a> = Vec<(Vec<u32>, &'a Quota)>;
    let mut check = |path: Vec<u32>, quota: Option<&Quota>, below: Below<'_>| {
        for what in 0..2 {
            let most = quota.and_then(|quota| Some(of(quota, what)? + more(quota, what)));
            if most.is_some_and(|most| has(&path, what) > most) {
                found.push(format!("{path:?} has {} of {most:?}", has(&path, what)));
            }
            let lends = below.iter().any(|(_, quota)| more(quota, what) > 0);
            if lends && quota.and_then(|quota| of(quota, what)).is_none() {
                let stated = || below.iter().filter(|(_, quota)| of(quota, what).is_some());
                let together: u64 = stated().map(|(path, _)| has(path, what)).sum();
                let most: u64 = stated().filter_map(|(_, quota)| of(quota, what)).sum();
                if together > most {
                    found.push(format!("below {path:?} they have {together} of {most}"));
                }
            }
        }
    };
    let number = |key: &String| key.parse::<u32>().unwrap();
    let tenants = &core.config().tenants;
    check(vec![], None, tenants.groups.iter().map(|(key, of)| (vec![number(key)], &of.quota)).collect());
    for (group, of_group) in &tenants.groups {
        let own = vec![number(group)];
        let path = |key: &String| [own.clone(), vec![number(key)]].concat();
        let below = of_group.projects.iter().map(|(key, of)| (path(key), &of.quota)).collect();
        check(own.clone(), Some(&of_group.quota), below);
        for (project, of_project) in &of_group.projects {
            let own = path(project);
            let path = |key: &String| [own.clone(), vec![number(key)]].concat();
            let below: Below<'_> = of_project.users.iter().map(|(key, of)| (path(key), &of.quota)).collect();
            for (user, quota) in &below {
                check(user.clone(), Some(quota), vec![]);
            }
            check(own, Some(&of_project.quota), below);
        }
    }
    found
}

/// One history. After every command: whoever started exceeds no quota; a core that remembers nothing would start nobody
/// else; the auditor has nothing to say. At the end everybody who may ever start does.
fn history(number: u32, ops: Vec<Op>) -> Result<(), TestCaseError> {
    let mut world = World::new(any_config(number), &[]);
    let mut auditor = Auditor::under(world.core.config());
    let mut told = Vec::new();
    let mut submitted = 0;
    let mut step =
        |world: &mut World, command: Command, submitted: u64| -> Result<Option<Answer>, TestCaseError> {
            let before = exceeded(&world.core);
            let reconfigures = matches!(command, Command::Reconfigure(_));
            let mut events = Vec::new();
            let answer = world.core.handle(world.now, command, &mut events).ok();
            let mut passes = 0;
            while world.core.next_wakeup().is_some_and(|at| at <= world.now) {
                world.core.handle(world.now, Command::Wake, &mut events).unwrap();
                passes += 1;
                prop_assert!(passes < 40, "passes without end");
            }
            for event in &events {
                auditor.observe(world.now, event);
            }
            told.extend(events.iter().map(|event| format!("{} {event:?}", world.now.0)));
            let after = exceeded(&world.core);
            // What quotas that came later find exceeded is not given back, but it becomes no more.
            let starts = events.iter().any(|event| matches!(event, Event::JobStarted { .. }));
            if !reconfigures && starts {
                let new: Vec<_> = after.iter().filter(|one| !before.contains(one)).collect();
                prop_assert!(
                    before.len() >= after.len() && (new.is_empty() || !before.is_empty()),
                    "{new:?}\n{}",
                    told.join("\n")
                );
            }
            prop_assert_eq!(auditor.total(), 0, "{:?}\n{}", auditor.violations(), told.join("\n"));
            // A core that remembers nothing, asked about everything.
            let mut fresh = Allocator::restore(&world.core.snapshot()).unwrap();
            let mut events = Vec::new();
            let homes = std::iter::once(None).chain(world.core.devices().map(|device| Some(device.id)));
            for (index, home) in homes.enumerate() {
                let id = submitted + 1 + index as u64;
                let nobody =
                    JobRequest { preferred_devices: home.into_iter().collect(), ..asks(id, of(9, 9, 9), 1) };
                fresh.handle(world.now, Command::Submit(Arc::new(nobody)), &mut events).unwrap();
                fresh.handle(world.now, Command::Cancel { job: JobId(id) }, &mut events).unwrap();
            }
            events.clear();
            fresh.handle(world.now, Command::Wake, &mut events).unwrap();
            let started = events.iter().find(|event| matches!(event, Event::JobStarted { .. }));
            prop_assert!(started.is_none(), "nothing was due, but {started:?}\n{}", told.join("\n"));
            Ok(answer)
        };
    for (index, map) in [line(9), grid(2, 4)].into_iter().enumerate() {
        let spec = world::spec(["a", "b"][index], map);
        step(&mut world, Command::RegisterDevice { device: DeviceId(index as u32), spec }, 0)?;
    }
    let pick = |world: &World, state: &dyn Fn(JobState) -> bool, pick: u16| {
        let mut ids: Vec<JobId> =
            world.core.jobs().filter(|job| state(job.state())).map(|job| job.request.id).collect();
        ids.sort_unstable();
        (!ids.is_empty()).then(|| ids[usize::from(pick) % ids.len()])
    };
    let finish = |world: &World, id: JobId| Command::Finished {
        allocation: world.core.job(id).unwrap().allocation().unwrap(),
        outcome: Outcome::Success,
        shots_done: 1,
    };
    for op in ops {
        let command = match op {
            Op::Submit { tenant: (group, project, user), qubits, walltime, more } => {
                submitted += 1;
                Command::Submit(Arc::new(JobRequest {
                    estimated_duration: walltime.map(Span),
                    max_qubits: qubits + more,
                    ..asks(submitted, of(group, project, user), qubits)
                }))
            }
            Op::Finish(which) => match pick(&world, &|state| state == JobState::Running, which) {
                Some(id) => finish(&world, id),
                None => continue,
            },
            Op::Cancel(which) => match pick(&world, &|state| state == JobState::Queued, which) {
                Some(job) => Command::Cancel { job },
                None => continue,
            },
            Op::Hold(which, release) => {
                let wanted = if release { JobState::Held } else { JobState::Queued };
                match pick(&world, &|state| state == wanted, which) {
                    Some(job) if release => Command::ReleaseHold { job },
                    Some(job) => Command::Hold { job },
                    None => continue,
                }
            }
            Op::Device(device, online) => Command::SetStatus {
                target: Target::Device(DeviceId(device)),
                status: if online { Status::Online } else { Status::Offline },
                reason: StatusReason::Operator,
            },
            Op::Reconfigure(number) => Command::Reconfigure(Box::new(any_config(number))),
            Op::Wait(span) => {
                let until = Time(world.now.0 + span);
                while let Some(at) = world.core.next_wakeup().filter(|at| *at <= until) {
                    world.now = at;
                    step(&mut world, Command::Wake, submitted)?;
                }
                world.now = until;
                continue;
            }
        };
        step(&mut world, command, submitted)?;
    }
    // Liveness.
    for device in 0..2 {
        let target = Target::Device(DeviceId(device));
        let online = Command::SetStatus { target, status: Status::Online, reason: StatusReason::Operator };
        step(&mut world, online, submitted)?;
    }
    while let Some(job) = pick(&world, &|state| state == JobState::Held, 0) {
        step(&mut world, Command::ReleaseHold { job }, submitted)?;
    }
    while let Some(id) = pick(&world, &|state| state == JobState::Running, 0) {
        world.now = Time(world.now.0 + 1);
        let command = finish(&world, id);
        step(&mut world, command, submitted)?;
    }
    for job in world.core.jobs() {
        let never = world.core.state().quotas().never(&job.request).is_some();
        prop_assert!(never, "job {} waits for ever: {:?}", job.request.id.0, told.join("\n"));
    }
    Ok(())
}

fn histories() -> u32 {
    std::env::var("RM_HISTORIES").ok().and_then(|text| text.parse().ok()).unwrap_or(300)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: histories(),
        rng_seed: RngSeed::Fixed(20_261_127),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn quotas_are_never_exceeded(number: u32, ops in proptest::collection::vec(op(), 1..100)) {
        history(number, ops)?;
    }
}

/// What a job is told.
#[test]
fn a_refusal_names_the_quota() {
    let refusals = [
        Rejection::BeyondQuota {
            level: resource_manager::allocator::protocol::Level::Project,
            asked: 9,
            most: 4,
        },
        Rejection::TooManyWaiting { level: resource_manager::allocator::protocol::Level::User, most: 2 },
    ];
    insta::assert_snapshot!(refusals.map(|refusal| refusal.to_string()).join("\n"), @"
    the job asks for 9 qubits, but its project may have 4 at a time
    its user has as many waiting jobs as it may: 2
    ");
}
