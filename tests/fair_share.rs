//! Fair shares: whoever has used least for each of its shares comes first, seen from outside with books of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use resource_manager::allocator::Allocator;
use resource_manager::allocator::config::{
    AllocatorConfig, Batch, Between, DeviceWeights, FairShare, Group, Project, Promises, Queue, Tenants,
    User, Walltime, WalltimeEstimate,
};
use resource_manager::allocator::protocol::{
    Allocation, AllocationId, Command, Event, JobId, JobRequest, Outcome, Status, StatusReason, Target,
    Tenant, Topology,
};
use resource_manager::fixed_point::Fixed;
use resource_manager::observe::Observer;
use resource_manager::observe::metrics::MetricsOptions;
use resource_manager::observe::metrics::accounts::Account;
use resource_manager::quantum::coupling_map::CouplingMap;
use resource_manager::quantum::{DeviceId, PhysicalQubit};
use resource_manager::time::{Span, Time};
use smallvec::smallvec;
use world::{World, config, core, job, line};

mod world;

const HALF_LIFE: u64 = 1_000;

fn of(group: u32, project: u32, user: u32) -> Tenant {
    Tenant { user, group, project }
}

/// A job of a group that says how long it runs.
fn asks(id: u64, tenant: Tenant, qubits: u32, walltime: u64) -> JobRequest {
    let estimated_duration = Some(Span(walltime));
    JobRequest { tenant, estimated_duration, ..job(id, qubits, Topology::Any) }
}

/// Groups by number with so many shares.
fn groups(shares: &[u32]) -> Tenants {
    let group = |shares: u32| Group { shares, ..Group::default() };
    Tenants {
        groups: (0..).map(|number: u32| number.to_string()).zip(shares.iter().map(|&s| group(s))).collect(),
    }
}

fn sharing(tenants: Tenants) -> AllocatorConfig {
    let fair_share = FairShare::Tree { half_life: Span(HALF_LIFE) };
    let walltime = resource_manager::allocator::config::Walltime {
        exceeded: resource_manager::allocator::config::WalltimeExceeded::Continue,
        ..Default::default()
    };
    AllocatorConfig { fair_share, tenants, walltime, queue: Queue::global(0), ..config() }
}

/// For stories in which everything counts alike, however long ago it was.
fn remembering(tenants: Tenants) -> AllocatorConfig {
    let fair_share = FairShare::Tree { half_life: Span(1 << 50) };
    AllocatorConfig { fair_share, ..sharing(tenants) }
}

/// Submits jobs in one instant.
fn bring(world: &mut World, jobs: impl IntoIterator<Item = JobRequest>) {
    world.now = Time(world.now.0 + 1);
    for job in jobs {
        world.say(Command::Submit(Arc::new(job)));
    }
    world.pass();
}

/// Every job needs the whole device: they run one after the other, each for what it says.
fn starts(world: &mut World) -> Vec<u64> {
    let mut order = Vec::new();
    loop {
        let running = world.core.jobs().find(|job| job.allocation().is_some()).map(|job| job.request.clone());
        let Some(running) = running else { return order };
        order.push(running.id.0);
        world.now = Time(world.now.0 + running.estimated_duration.unwrap().0 - 1);
        world.finish(running.id.0);
    }
}

#[test]
fn groups_take_turns_however_many_jobs_they_bring() {
    let mut world = World::new(remembering(groups(&[1, 1])), &[("a", line(4))]);
    let many = (0..6).map(|id| asks(id, of(0, 0, 0), 4, 100));
    bring(&mut world, many.chain((6..9).map(|id| asks(id, of(1, 0, 0), 4, 100))));
    assert_eq!(starts(&mut world), [0, 6, 1, 7, 2, 8, 3, 4, 5]);
}

#[test]
fn whoever_has_three_shares_gets_three_times_as_much() {
    let mut world = World::new(remembering(groups(&[3, 1])), &[("a", line(4))]);
    bring(&mut world, (0..40).map(|id| asks(id, of((id % 2) as u32, 0, 0), 4, 10)));
    let order = starts(&mut world);
    let of_first = order[..24].iter().filter(|id| *id % 2 == 0).count();
    assert_eq!(of_first, 18, "{order:?}");
}

/// Time on one device counts three times, on the other one not at all.
fn weighted_devices() -> AllocatorConfig {
    let weights = [("a", 3_000), ("b", 0)].map(|(name, weight)| (name.to_owned(), Fixed(weight)));
    AllocatorConfig { charge_weights: DeviceWeights(weights.into()), ..remembering(groups(&[1, 1])) }
}

/// Both groups have used as much of a device: the one whose device counts falls behind, and nobody does for time that is free.
#[test]
fn time_counts_by_the_weight_of_its_device() {
    let mut world = World::new(weighted_devices(), &[("a", line(4)), ("b", line(3))]);
    let elsewhere = |id, group| {
        let excluded_devices = smallvec![DeviceId(0)];
        JobRequest { excluded_devices, ..asks(id, of(group, 0, 0), 3, 100) }
    };
    let jobs = [asks(0, of(0, 0, 0), 4, 100), elsewhere(1, 1)];
    let later = (2..10).map(|id| asks(id, of((id % 2) as u32, 0, 0), 4, 10));
    bring(&mut world, jobs.into_iter().chain(later));
    world.now = Time(101);
    world.finish(1);
    world.finish(0);
    // Both have used their device for 100. Four jobs of the odd numbers use less than that on the device that counts.
    assert_eq!(starts(&mut world), [3, 5, 7, 9, 2, 4, 6, 8]);
    let usage = |group| world.core.state().usage_of(of(group, 0, 0)) >> 24;
    assert_eq!([usage(0), usage(1)], [100 + 4 * 10, 4 * 10].map(|held| 3 * 4 * held * 720_720));
}

/// What runs counts by the weight that was said when it started, what starts by that of today; the books outside say the same.
#[test]
fn what_runs_counts_as_when_it_started() {
    let config = weighted_devices();
    let options = MetricsOptions { accounts: true, ..MetricsOptions::default() };
    let mut observer = Observer::under(&config, options);
    let (mut core, mut events) = (core(config.clone()), Vec::new());
    let mut tell = |now, command| {
        core.handle(Time(now), command, &mut events).unwrap();
        core.handle(Time(now), Command::Wake, &mut events).unwrap();
        events.drain(..).for_each(|event| observer.observe(Time(now), &event));
        core.jobs().filter_map(|job| job.allocation()).collect::<Vec<_>>()
    };
    let submit = |id| Command::Submit(Arc::new(asks(id, of(0, 0, 0), 2, 100)));
    let end = |allocation| Command::Finished { allocation, outcome: Outcome::Success, shots_done: 1 };
    tell(0, Command::RegisterDevice { device: DeviceId(0), spec: world::spec("a", line(4)) });
    let first = tell(0, submit(0))[0];
    let dearer = DeviceWeights(BTreeMap::from([("a".to_owned(), Fixed(5_000))]));
    tell(50, Command::Reconfigure(Box::new(AllocatorConfig { charge_weights: dearer, ..config })));
    let second = tell(50, submit(1))[1];
    tell(100, end(first));
    tell(100, end(second));
    let counted = 720_720 * (2 * 100 * 3 + 2 * 50 * 5);
    assert_eq!(core.state().usage_of(of(0, 0, 0)) >> 24, counted);
    assert_eq!(observer.metrics.accounts().unwrap()[&of(0, 0, 0)].counted, counted);
}

/// A group that is ahead of another one is ahead with all its projects and users, whatever each of these has used.
#[test]
fn a_group_is_ahead_with_everybody_in_it() {
    let mut world = World::new(remembering(groups(&[1, 1])), &[("a", line(4))]);
    // User 0 of group 0 uses much; user 0 of group 1 uses more.
    let jobs = [
        asks(0, of(0, 0, 0), 4, 100),
        asks(1, of(1, 0, 0), 4, 200),
        asks(2, of(1, 0, 1), 4, 50),
        asks(3, of(0, 0, 0), 4, 10),
        asks(4, of(0, 0, 1), 4, 10),
    ];
    bring(&mut world, jobs);
    // User 1 of group 1 has used nothing at all, and waits for both users of group 0.
    assert_eq!(starts(&mut world), [0, 1, 4, 3, 2]);
}

/// Users of one project share by their own shares, and only with each other.
#[test]
fn projects_and_users_have_shares_of_their_own() {
    let user = |shares| User { shares, ..User::default() };
    let users: BTreeMap<String, User> = [("7".to_owned(), user(2)), ("8".to_owned(), user(1))].into();
    let projects = [("5".to_owned(), Project { users, ..Project::default() })].into();
    let tenants = Tenants { groups: [("0".to_owned(), Group { projects, ..Group::default() })].into() };
    let mut world = World::new(remembering(tenants), &[("a", line(4))]);
    bring(&mut world, (0..24).map(|id| asks(id, of(0, 5, 7 + (id % 2) as u32), 4, 10)));
    let order = starts(&mut world);
    let of_first = order[..15].iter().filter(|id| *id % 2 == 0).count();
    assert_eq!(of_first, 10, "{order:?}");
}

/// Ten thousand jobs in one instant gain at most one: the first start is charged at once.
#[test]
fn a_flood_in_one_instant_gains_at_most_one_job() {
    let mut world = World::new(sharing(groups(&[1, 1])), &[("a", CouplingMap::all_to_all(64).unwrap())]);
    for id in 0..10_000 {
        world.say(Command::Submit(Arc::new(asks(id, of(0, 0, 0), 1, 100))));
    }
    for id in 10_000..10_040 {
        world.say(Command::Submit(Arc::new(asks(id, of(1, 0, 0), 1, 100))));
    }
    world.pass();
    let of = |group: u32| {
        world
            .core
            .jobs()
            .filter(|job| job.allocation().is_some() && job.request.tenant.group == group)
            .count()
    };
    assert_eq!((of(0), of(1)), (32, 32));
}

/// Whoever is alone may use everything: shares order, and never hold.
#[test]
fn an_idle_fleet_serves_anybody() {
    let mut world = World::new(sharing(groups(&[1, 1_000])), &[("a", CouplingMap::all_to_all(8).unwrap())]);
    for id in 0..8 {
        world.submit(asks(id, of(0, 0, 0), 1, 100));
    }
    assert_eq!(world.core.jobs().filter(|job| job.allocation().is_some()).count(), 8);
}

/// Who is ahead may start where somebody is promised a start who is behind; that one is told so before.
#[test]
fn promises_make_way_for_who_has_used_less() {
    let queue = Queue::Global { skip_ahead: None, promises: Some(Promises::Easy) };
    let walltime = Walltime { estimate: WalltimeEstimate::None, ..Walltime::default() };
    let config = AllocatorConfig { queue, walltime, ..remembering(groups(&[1, 1])) };
    let mut world = World::new(config, &[("a", CouplingMap::all_to_all(4).unwrap())]);
    world.submit(asks(0, of(0, 0, 0), 2, 100));
    world.submit(asks(1, of(0, 0, 0), 4, 100));
    // Its group has used nothing, and nobody knows when it ends.
    // It will have used more than the other one as soon as it has started.
    world.submit(JobRequest { estimated_duration: None, shots: 1_000_000, ..asks(2, of(1, 0, 0), 1, 1) });
    let told: Vec<&str> =
        world.log.lines().filter(|line| line.contains("promised") || line.contains("starts:")).collect();
    insta::assert_snapshot!(told.join("\n"), @"
      2  0 starts: a [0 3], attempt 1
      3  1 is promised: a [0 1 2 3] at 102
      4  1 is promised nothing, since others are before it now
      4  2 starts: a [2], attempt 1
      4  1 is promised: a [0 1 2 3] when it is free
    ");
}

/// What hardware ends is not charged; what its owner cancels is.
#[test]
fn hardware_pays_for_what_it_ends() {
    let next = |end: &dyn Fn(&mut World)| {
        let mut world = World::new(remembering(groups(&[1, 1])), &[("a", line(4))]);
        let jobs = [
            asks(0, of(0, 0, 0), 4, 100),
            asks(1, of(1, 0, 0), 4, 50),
            asks(2, of(0, 0, 0), 4, 10),
            asks(3, of(1, 0, 0), 4, 10),
        ];
        bring(&mut world, jobs);
        world.now = Time(80);
        end(&mut world);
        starts(&mut world)
    };
    let cancelled = next(&|world| {
        let allocation = world.allocation(0);
        world.tell(Command::Cancel { job: JobId(0) });
        world.tell(Command::StopAcknowledged { allocation, shots_done: 0 });
    });
    // Group 0 has used 80, group 1 uses 50 and 10 before it has used more.
    assert_eq!(cancelled, [1, 3, 2]);
    let fails = next(&|world| {
        let allocation = world.allocation(0);
        world.tell(Command::Finished { allocation, outcome: Outcome::Error, shots_done: 0 });
    });
    // Group 0 has used nothing: its 10 go before the other 10 of group 1.
    assert_eq!(fails, [1, 2, 3]);
    let lost = next(&|world| {
        world.down(Target::Device(DeviceId(0)));
        world.up(Target::Device(DeviceId(0)));
    });
    // It starts again in its old place, and is charged for what it uses then.
    assert_eq!(lost, [0, 1, 3, 2]);
}

/// After ten half-lives of work for everybody, what each has used for each of its shares is the same, but for the largest
/// charge: equal and unequal shares, a late joiner, one who was idle for long, and jobs of very different sizes.
#[test]
fn usage_for_each_share_is_even_while_everybody_has_work() {
    for (shares, sizes, joins) in [
        (vec![1, 1, 1], vec![4, 4, 4], vec![0, 0, 0]),
        (vec![5, 2, 1], vec![4, 4, 4], vec![0, 0, 0]),
        (vec![1, 1, 2], vec![1, 4, 16], vec![0, 0, 0]),
        (vec![3, 1, 1], vec![8, 2, 1], vec![0, 4_000, 9_000]),
    ] {
        let books = even_work(&shares, &sizes, &joins);
        let most = books.largest;
        let used: Vec<f64> =
            books.used.iter().zip(&shares).map(|(used, share)| used / f64::from(*share)).collect();
        let mean = used.iter().sum::<f64>() / used.len() as f64;
        for one in &used {
            assert!(
                (one - mean).abs() <= most,
                "{shares:?} {sizes:?} {joins:?}: {used:?}, largest charge {most}"
            );
        }
    }
}

struct Books {
    /// Decayed usage of each group, in qubit-nanoseconds, worked out from the events alone.
    used: Vec<f64>,
    /// The largest charge per share.
    largest: f64,
}

/// Each group always has three jobs in the queue, from its own instant on.
fn even_work(shares: &[u32], sizes: &[u32], joins: &[u64]) -> Books {
    let mut core = core(sharing(groups(shares)));
    let mut events = Vec::new();
    let device = Command::RegisterDevice {
        device: DeviceId(0),
        spec: world::spec("a", CouplingMap::all_to_all(16).unwrap()),
    };
    core.handle(Time::ZERO, device, &mut events).unwrap();
    let end = 24 * HALF_LIFE;
    let mut number = 0;
    let mut charged: Vec<(u64, u32, f64)> = Vec::new();
    let mut running: Vec<(u64, Arc<Allocation>)> = Vec::new();
    let mut waiting = vec![0_u32; shares.len()];
    for now in 0..end {
        let at = Time(now);
        let ended: Vec<_> = running.extract_if(.., |(until, _)| *until == now).collect();
        for (_, allocation) in ended {
            let finished =
                Command::Finished { allocation: allocation.id, outcome: Outcome::Success, shots_done: 1 };
            core.handle(at, finished, &mut events).unwrap();
        }
        for group in 0..shares.len() {
            while joins[group] <= now && waiting[group] < 3 {
                waiting[group] += 1;
                number += 1;
                let walltime = 7 + (number * 5) % 11;
                let request = asks(number, of(group as u32, 0, 0), sizes[group], walltime);
                core.handle(at, Command::Submit(Arc::new(request)), &mut events).unwrap();
            }
        }
        while core.next_wakeup().is_some_and(|due| due <= at) {
            core.handle(at, Command::Wake, &mut events).unwrap();
        }
        for event in events.drain(..) {
            if let Event::JobStarted { allocation } = event {
                let group = allocation.tenant.group;
                waiting[group as usize] -= 1;
                let until = allocation.expected_end.unwrap().0;
                charged.push((now, group, allocation.held.len() as f64 * (until - now) as f64));
                running.push((until, allocation));
            }
        }
    }
    let weight = |began: u64| 0.5_f64.powf((end - began) as f64 / HALF_LIFE as f64);
    let of = |group: u32| charged.iter().filter(move |(_, of, _)| *of == group);
    let used =
        (0..shares.len() as u32).map(|group| of(group).map(|(began, _, units)| units * weight(*began)).sum());
    let largest = charged.iter().map(|(_, group, units)| units / f64::from(shares[*group as usize]));
    Books { used: used.collect(), largest: largest.fold(0.0, f64::max) }
}

/// How many random histories; `RM_HISTORIES` asks for more.
fn histories() -> u32 {
    std::env::var("RM_HISTORIES").ok().and_then(|number| number.parse().ok()).unwrap_or(256)
}

/// The same histories every time in the short form, others in every run of the long one.
fn seed() -> RngSeed {
    if std::env::var_os("RM_HISTORIES").is_some() { RngSeed::Random } else { RngSeed::Fixed(20_261_127) }
}

/// Books kept by hand, in floating point.
#[derive(Default)]
struct Model {
    /// Usage counts so long, instead of by half-lives.
    window: Option<u64>,
    shares: Vec<u32>,
    /// By allocation: whose, from when on, qubit-nanoseconds.
    charges: BTreeMap<AllocationId, (Tenant, u64, f64)>,
    waiting: BTreeMap<JobId, (Arc<JobRequest>, usize)>,
    known: BTreeMap<JobId, (Arc<JobRequest>, usize)>,
    running: BTreeMap<AllocationId, Arc<Allocation>>,
}

impl Model {
    /// Usage per share of the group, the project and the user of a tenant.
    fn used(&self, tenant: Tenant, now: u64) -> [f64; 3] {
        let mut used = [0.0; 3];
        for (of, began, units) in self.charges.values() {
            let weight = match self.window {
                // Until the end of the part in which the job began, and the length from there.
                Some(length) => {
                    let part = length.div_ceil(32);
                    f64::from(now < (began / part + 1) * part + length)
                }
                None => 0.5_f64.powf((now - began) as f64 / HALF_LIFE as f64),
            };
            let weighted = units * weight;
            let same = [of.group == tenant.group, of.project == tenant.project, of.user == tenant.user];
            for level in 0..3 {
                if same[..=level].iter().all(|same| *same) {
                    used[level] += weighted;
                }
            }
        }
        used[0] /= f64::from(self.shares.get(tenant.group as usize).copied().unwrap_or(1));
        used
    }

    /// Whether one waiting job stands before another for sure; not where floating point could be mistaken.
    fn is_before(&self, a: JobId, b: JobId, now: u64) -> bool {
        let ((first, came), (second, came_too)) = (&self.waiting[&a], &self.waiting[&b]);
        if first.tenant != second.tenant {
            let (of_first, of_second) = (self.used(first.tenant, now), self.used(second.tenant, now));
            // With a window the users of a project share one line.
            let levels = if self.window.is_some() { 2 } else { 3 };
            for (x, y) in of_first.into_iter().zip(of_second).take(levels) {
                if x == 0.0 && y == 0.0 {
                    continue;
                }
                return x < y * (1.0 - 1e-6);
            }
        }
        came < came_too
    }
}

#[derive(Debug, Clone)]
enum Op {
    Submit { tenant: u8, qubits: u32, walltime: u64 },
    Finish { pick: u16, fails: bool },
    Cancel { pick: u16 },
    Wait { span: u64 },
    Lose { times: u8 },
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (0_u8..12, 1_u32..10, 1_u64..400)
            .prop_map(|(tenant, qubits, walltime)| Op::Submit { tenant, qubits, walltime }),
        5 => (any::<u16>(), prop::bool::weighted(0.2)).prop_map(|(pick, fails)| Op::Finish { pick, fails }),
        1 => any::<u16>().prop_map(|pick| Op::Cancel { pick }),
        2 => (0_u64..900).prop_map(|span| Op::Wait { span }),
        1 => (0_u8..3).prop_map(|times| Op::Lose { times }),
    ]
}

/// Runs a history and compares every start with the books; how many starts could be judged.
fn follows_the_books(queue: Queue, window: Option<u64>, shares: &[u32], ops: &[Op]) -> usize {
    let mut config = AllocatorConfig { queue, batch: Batch::Sequential, ..sharing(groups(shares)) };
    if let Some(length) = window {
        config.fair_share = FairShare::Window { length: Span(length) };
    }
    let mut core = core(config);
    let mut events = Vec::new();
    let device = Command::RegisterDevice {
        device: DeviceId(0),
        spec: world::spec("a", CouplingMap::all_to_all(16).unwrap()),
    };
    core.handle(Time::ZERO, device, &mut events).unwrap();
    let mut model = Model { window, shares: shares.to_vec(), ..Model::default() };
    let (mut now, mut came, mut judged) = (0, 0, 0);
    let skips = queue != Queue::global(0);
    for op in ops {
        now += 1;
        let mut commands = Vec::new();
        match *op {
            Op::Submit { tenant, qubits, walltime } => {
                let tenant = of(u32::from(tenant % 2), u32::from(tenant / 2 % 2), u32::from(tenant / 4));
                commands.push(Command::Submit(Arc::new(asks(came as u64, tenant, qubits, walltime))));
            }
            Op::Finish { pick, fails } if !model.running.is_empty() => {
                let allocation = *model.running.keys().nth(usize::from(pick) % model.running.len()).unwrap();
                let outcome = if fails { Outcome::Error } else { Outcome::Success };
                commands.push(Command::Finished { allocation, outcome, shots_done: 1 });
            }
            Op::Cancel { pick } if !model.waiting.is_empty() => {
                let job = *model.waiting.keys().nth(usize::from(pick) % model.waiting.len()).unwrap();
                commands.push(Command::Cancel { job });
            }
            Op::Wait { span } => now += span,
            Op::Lose { times } => {
                let target = Target::Device(DeviceId(0));
                for _ in 0..times {
                    for status in [Status::Offline, Status::Online] {
                        commands.push(Command::SetStatus { target, status, reason: StatusReason::Fault });
                    }
                }
            }
            Op::Finish { .. } | Op::Cancel { .. } => {}
        }
        let at = Time(now);
        for command in commands {
            core.handle(at, command, &mut events).unwrap();
        }
        while core.next_wakeup().is_some_and(|due| due <= at) {
            core.handle(at, Command::Wake, &mut events).unwrap();
        }
        for event in events.drain(..) {
            match event {
                Event::JobQueued { job, .. } => {
                    model.known.insert(job.id, (job.clone(), came));
                    model.waiting.insert(job.id, (job, came));
                    came += 1;
                }
                Event::JobCancelled { job, .. } => {
                    model.waiting.remove(&job);
                }
                Event::JobFinished { allocation, .. } | Event::JobFailed { allocation, .. } => {
                    let ended = model.running.remove(&allocation).unwrap();
                    let fails = matches!(event, Event::JobFailed { .. });
                    let held = if fails { 0.0 } else { ended.held.len() as f64 };
                    model.charges.get_mut(&allocation).unwrap().2 = held * (now - ended.started.0) as f64;
                }
                Event::JobRequeued { job, allocation, .. } => {
                    model.running.remove(&allocation);
                    model.charges.remove(&allocation);
                    // At its old place.
                    let known = model.known[&job].clone();
                    model.waiting.insert(job, known);
                }
                Event::JobStarted { allocation } => {
                    let job = allocation.job;
                    let held: usize = model.running.values().map(|running| running.held.len()).sum();
                    let free = 16 - held;
                    for (&other, (request, _)) in &model.waiting {
                        if other == job || !model.is_before(other, job, now) {
                            continue;
                        }
                        let fits = request.min_qubits as usize <= free;
                        assert!(skips && !fits, "{} starts before {} at {now}", job.0, other.0);
                    }
                    judged += usize::from(model.waiting.len() > 1);
                    model.waiting.remove(&job);
                    let until = allocation.expected_end.unwrap().0;
                    let units = allocation.held.len() as f64 * (until - now) as f64;
                    model.charges.insert(allocation.id, (allocation.tenant, now, units));
                    model.running.insert(allocation.id, allocation);
                }
                _ => {}
            }
        }
    }
    judged
}

proptest! {
    #![proptest_config(ProptestConfig { cases: histories(), rng_seed: seed(), ..ProptestConfig::default() })]
    /// Nobody starts before somebody who has used less, where that one could start instead.
    #[test]
    fn starts_follow_the_books(
        skip_ahead in prop_oneof![Just(0_u32), Just(64)],
        window in prop_oneof![Just(None), (100_u64..3_000).prop_map(Some)],
        shares in prop::collection::vec(1_u32..5, 2),
        ops in prop::collection::vec(op(), 1..120),
    ) {
        follows_the_books(Queue::global(skip_ahead), window, &shares, &ops);
    }
}

/// Two groups of one share each, whose usage counts for 3,200.
fn within_a_window() -> AllocatorConfig {
    AllocatorConfig { fair_share: FairShare::Window { length: Span(3_200) }, ..sharing(groups(&[1, 1])) }
}

/// What was used long ago counts in full until it leaves the window; then whoever used it goes first again, though nothing else
/// happens: the job at the head of the line does not fit, and nobody ends.
#[test]
fn usage_leaves_the_window() {
    let config = within_a_window();
    let mut world = World::new(config, &[("a", line(4))]);
    // Group 0 uses 4 x 50 in the first part of time, group 1 holds 2 qubits from the second one on.
    bring(&mut world, [asks(0, of(0, 0, 0), 4, 50)]);
    world.now = Time(50);
    world.finish(0);
    world.now = Time(110);
    bring(&mut world, [asks(1, of(1, 0, 0), 2, 1)]);
    // Group 1 has used less: its wide job is the head, and the narrow one of group 0 waits behind it.
    bring(&mut world, [asks(2, of(1, 0, 9), 4, 1), asks(3, of(0, 0, 0), 2, 10)]);
    let runs = |world: &World, id| world.core.job(JobId(id)).unwrap().allocation().is_some();
    assert!(!runs(&world, 3) && !runs(&world, 2));
    // The first part ends at 100.
    assert_eq!(world.core.next_wakeup(), Some(Time(3_300)));
    world.now = Time(3_299);
    world.pass();
    assert!(!runs(&world, 3));
    let restored = Allocator::restore(&world.core.snapshot()).unwrap();
    assert_eq!((restored.next_wakeup(), restored.only_retries()), (Some(Time(3_300)), false));
    world.now = Time(3_300);
    world.pass();
    assert!(runs(&world, 3) && !runs(&world, 2));
    // Usage of group 1 leaves a part later; nobody else waits, and the order stays what it is.
    world.now = Time(3_310);
    world.finish(3);
    assert!(runs(&world, 1));
    assert_eq!(world.core.next_wakeup(), None);
    assert!(world.core.only_retries());
}

/// Usage leaves when nobody but one group waits, and the order changes with who comes next.
#[test]
fn usage_leaves_unseen() {
    let config = within_a_window();
    let mut world = World::new(config, &[("a", line(4))]);
    // Both have used something, group 1 more and later.
    bring(&mut world, [asks(0, of(0, 0, 0), 4, 50)]);
    world.now = Time(50);
    world.finish(0);
    world.now = Time(200);
    bring(&mut world, [asks(1, of(1, 0, 0), 4, 3_500)]);
    bring(&mut world, [asks(2, of(0, 0, 0), 4, 10)]);
    assert_eq!(world.core.next_wakeup(), None);
    // Everything has left when the machine is free: both are even, and who came first goes first, though nobody has looked.
    world.now = Time(3_700);
    bring(&mut world, [asks(3, of(1, 0, 0), 4, 10), asks(4, of(0, 0, 0), 4, 10)]);
    world.finish(1);
    assert_eq!(starts(&mut world), [2, 3, 4]);
}

/// Users of one project stand in one line: a second user gains nothing.
#[test]
fn a_window_merges_the_users_of_a_project() {
    let order = |fair_share| {
        let config = AllocatorConfig { fair_share, ..sharing(groups(&[1, 1])) };
        let mut world = World::new(config, &[("a", line(4))]);
        let users = [(0, 0), (1, 0), (2, 0), (3, 1)];
        bring(&mut world, users.map(|(id, user)| asks(id, of(0, 0, user), 4, 10)));
        starts(&mut world)
    };
    assert_eq!(order(FairShare::Window { length: Span(10_000) }), [0, 1, 2, 3]);
    assert_eq!(order(FairShare::Tree { half_life: Span(10_000) }), [0, 3, 1, 2]);
}

/// Two jobs of equal length: who keeps others off three qubits besides its own two has used more than who holds four.
#[test]
fn isolation_is_paid_for() {
    let mut world = World::new(remembering(groups(&[1, 1])), &[("a", line(5))]);
    let mut apart = asks(0, of(0, 0, 0), 2, 100);
    apart.topology = Topology::Line;
    apart.isolation.buffer_distance = Some(3);
    let jobs =
        [apart, asks(1, of(1, 0, 0), 4, 100), asks(2, of(0, 0, 0), 5, 10), asks(3, of(1, 0, 0), 5, 10)];
    bring(&mut world, jobs);
    assert_eq!(starts(&mut world), [0, 1, 3, 2]);
}

#[derive(Debug, Clone)]
enum Deed {
    Submit { user: u8, qubits: u32, buffer: u32, guard: u64 },
    End { pick: u16, fails: bool },
    Toggle { qubit: u8 },
    Lose,
    Wait { span: u64 },
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        6 => (0_u8..6, 1_u32..6, 0_u32..3, 0_u64..40)
            .prop_map(|(user, qubits, buffer, guard)| Deed::Submit { user, qubits, buffer, guard }),
        4 => (any::<u16>(), prop::bool::weighted(0.2)).prop_map(|(pick, fails)| Deed::End { pick, fails }),
        2 => (0_u8..25).prop_map(|qubit| Deed::Toggle { qubit }),
        1 => Just(Deed::Lose),
        3 => (0_u64..60).prop_map(|span| Deed::Wait { span }),
    ]
}

/// Runs a history to its end on a device with a weight in thousandths; what the core has charged every user, and what was seen
/// from outside, unweighted and weighted, in parts of qubit nanoseconds.
fn bills(deeds: &[Deed], between: Between, weight: u64) -> Vec<(Tenant, u128, [u128; 2])> {
    // So long a half-life that every charge has the same weight.
    let fair_share = FairShare::Tree { half_life: Span(1 << 60) };
    let mut config = AllocatorConfig { fair_share, queue: Queue::global(64), ..sharing(Tenants::default()) };
    config.isolation.between = between;
    config.charge_weights = DeviceWeights(BTreeMap::from([("a".to_owned(), Fixed(weight))]));
    let options = MetricsOptions { accounts: true, ..MetricsOptions::default() };
    let mut observer = Observer::under(&config, options);
    let mut core = core(config);
    let mut now = 0;
    let mut live: Vec<AllocationId> = Vec::new();
    let mut dead = [false; 25];
    let mut number = 0;
    let mut tell = |core: &mut Allocator, live: &mut Vec<AllocationId>, now: u64, commands: Vec<Command>| {
        let mut events = Vec::new();
        for command in commands {
            core.handle(Time(now), command, &mut events).unwrap();
        }
        while core.next_wakeup().is_some_and(|due| due <= Time(now)) {
            core.handle(Time(now), Command::Wake, &mut events).unwrap();
        }
        for event in &events {
            observer.observe(Time(now), event);
            if let Event::JobStarted { allocation } = event {
                live.push(allocation.id);
            }
        }
        assert_eq!(observer.metrics.check_conservation(), Ok(()));
        live.retain(|id| core.allocation(*id).is_some());
    };
    let map = world::grid(5, 5);
    let join = Command::RegisterDevice { device: DeviceId(0), spec: world::spec("a", map) };
    tell(&mut core, &mut live, 0, vec![join]);
    let set = |target, online: bool| Command::SetStatus {
        target,
        status: if online { Status::Online } else { Status::Offline },
        reason: StatusReason::Fault,
    };
    let finish = |allocation, fails: bool| Command::Finished {
        allocation,
        outcome: if fails { Outcome::Error } else { Outcome::Success },
        shots_done: 1,
    };
    for deed in deeds {
        now += 1;
        let commands = match *deed {
            Deed::Submit { user, qubits, buffer, guard } => {
                number += 1;
                let mut job =
                    asks(number, of(u32::from(user % 2), u32::from(user % 3), user.into()), qubits, 50);
                job.isolation.buffer_distance = Some(buffer);
                job.isolation.temporal_separation = Some(Span(guard));
                vec![Command::Submit(Arc::new(job))]
            }
            Deed::End { pick, fails } if !live.is_empty() => {
                vec![finish(live[usize::from(pick) % live.len()], fails)]
            }
            Deed::Toggle { qubit } => {
                let state = &mut dead[usize::from(qubit)];
                *state = !*state;
                vec![set(Target::Qubit(DeviceId(0), PhysicalQubit(qubit.into())), !*state)]
            }
            Deed::Lose => [false, true].map(|online| set(Target::Device(DeviceId(0)), online)).into(),
            Deed::Wait { span } => {
                let until = now + span;
                while let Some(at) = core.next_wakeup().filter(|at| at.0 <= until) {
                    now = at.0;
                    tell(&mut core, &mut live, now, Vec::new());
                }
                now = until;
                Vec::new()
            }
            Deed::End { .. } => Vec::new(),
        };
        tell(&mut core, &mut live, now, commands);
    }
    // Everybody is sent away, and everything rests.
    let waiting: Vec<JobId> =
        core.jobs().filter(|job| job.allocation().is_none()).map(|job| job.request.id).collect();
    let all = waiting.into_iter().map(|job| Command::Cancel { job });
    let all = all.chain(live.clone().into_iter().map(|id| finish(id, false))).collect();
    now += 7;
    tell(&mut core, &mut live, now, all);
    while let Some(at) = core.next_wakeup() {
        now = now.max(at.0);
        tell(&mut core, &mut live, now, Vec::new());
    }
    let accounts = observer.metrics.accounts().unwrap();
    let charged = |tenant: Tenant| core.state().usage_of(tenant) >> 24;
    let seen = |account: &Account| [account.charged.held + account.charged.kept_idle, account.counted];
    accounts.iter().map(|(tenant, account)| (*tenant, charged(*tenant), seen(account))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: histories(), rng_seed: seed(), ..ProptestConfig::default() })]
    /// What the core charges is what was used, seen from outside: to the nanosecond, whatever is lost on the way, and whoever
    /// is kept apart from whom.
    #[test]
    fn the_core_charges_what_was_used(
        deeds in prop::collection::vec(deed(), 1..80),
        between in prop::sample::select(Between::ALL.to_vec()),
        weight in prop::sample::select(vec![1_000_u64, 0, 1, 333, 2_500, 1_000_000]),
    ) {
        for (tenant, charged, [used, counted]) in bills(&deeds, between, weight) {
            prop_assert_eq!(charged, counted, "{:?}", tenant);
            // Each attempt may lose a part of a qubit-nanosecond.
            let due = used * u128::from(weight) / 1_000;
            prop_assert!((due.saturating_sub(80)..=due).contains(&counted), "{:?}: {} of {}", tenant, counted, due);
        }
    }
}
