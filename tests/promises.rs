//! Stories of promised starts: who is promised what, who may pass whom, and why a promise changes.

mod world;

use std::sync::Arc;

use resource_manager::allocator::config::{
    AllocatorConfig, HeadOfLine, Promises, Queue, QueueOrder, Starts, Strategy, Walltime, WalltimeEstimate,
    WalltimeExceeded,
};
use resource_manager::allocator::protocol::{
    AllocationId, Answer, Command, ElementLimits, Event, IsolationLevel, IsolationRequest, JobId, JobRequest,
    OrderKey, Outcome, PromiseCause, StartPromise, Status, StatusReason, Target, Topology,
};
use resource_manager::observe::auditor::{Auditor, Violation, ViolationKind};
use resource_manager::quantum::coupling_map::CouplingMap;
use resource_manager::quantum::{DeviceId, PhysicalQubit, QubitSet};
use resource_manager::time::{Span, Time};
use world::{World, config, grid, job, line, spec};

/// Nobody knows how long jobs run that do not say so.
fn promising(promises: Promises) -> AllocatorConfig {
    let walltime = Walltime { estimate: WalltimeEstimate::None, ..Walltime::default() };
    AllocatorConfig {
        queue: Queue::Global { skip_ahead: None, promises: Some(promises) },
        walltime,
        ..config()
    }
}

/// They are taken to run twice as long as is published and was reported.
fn estimating(promises: Promises) -> AllocatorConfig {
    let walltime = Walltime { estimate: WalltimeEstimate::Model(2.0), ..Walltime::default() };
    AllocatorConfig { walltime, ..promising(promises) }
}

/// A job with a walltime.
fn timed(id: u64, qubits: u32, walltime: u64) -> JobRequest {
    JobRequest { estimated_duration: Some(Span(walltime)), ..job(id, qubits, Topology::Line) }
}

/// The lines of the log from the first one that says so.
fn from(world: &World, text: &str) -> String {
    let start = world.log.find(text).expect("it happened");
    let start = world.log[..start].rfind('\n').map_or(0, |line| line + 1);
    world.log[start..].to_owned()
}

/// A stream of jobs of two qubits never lets one of all qubits in when later jobs may pass it; with promises it starts when
/// those end that ran before it came, with walltimes and without.
#[test]
fn nobody_starves_behind_a_promise() {
    for walltime in [Some(Span(1_000)), None] {
        for (queue, starts) in [
            (Queue::global(64), false),
            (Queue::Global { skip_ahead: None, promises: Some(Promises::Easy) }, true),
            (Queue::Global { skip_ahead: None, promises: Some(Promises::Conservative) }, true),
            (Queue::Global { skip_ahead: None, promises: Some(Promises::Depth(3)) }, true),
        ] {
            let config = AllocatorConfig { queue, ..promising(Promises::Easy) };
            let mut world = World::new(config, &[("grid", grid(3, 4))]);
            let small = |id: u64| JobRequest { estimated_duration: walltime, ..job(id, 2, Topology::Line) };
            for id in 0..6 {
                world.submit(small(id));
            }
            world.submit(JobRequest { estimated_duration: walltime, ..job(1_000, 12, Topology::Any) });
            // Whoever ends is followed by another one.
            let runs =
                |world: &World, id| world.core.job(JobId(id)).is_some_and(|job| job.allocation().is_some());
            for next in 6..40 {
                let Some(first) = (0..next).find(|id| runs(&world, *id)) else { break };
                world.submit(small(next));
                world.finish(first);
            }
            assert_eq!(runs(&world, 1_000), starts, "{queue:?} with walltime {walltime:?}\n{}", world.log);
        }
    }
}

/// A line of six: 0 holds four until 11, 1 wants all and is promised 11. Of those behind it, the one that ends by then starts,
/// the one that does not waits.
#[test]
fn a_later_job_starts_if_it_ends_in_time() {
    let mut world = World::new(promising(Promises::Easy), &[("line", line(6))]);
    world.submit(timed(0, 4, 20));
    world.submit(timed(1, 6, 5));
    world.submit(timed(2, 2, 30));
    world.submit(timed(3, 2, 15));
    insta::assert_snapshot!(from(&world, "0 queued"), @"
    2  0 queued: the global queue
    2  0 starts: line [2 3 4 5], attempt 1
    3  1 queued: the global queue
    3  1 is promised: line [0 1 2 3 4 5] at 22
    4  2 queued: the global queue
    5  3 queued: the global queue
    5  3 starts: line [0 1], attempt 1
    ");
    world.wait(40);
    insta::assert_snapshot!(from(&world, "3 starts"), @"
     5  3 starts: line [0 1], attempt 1
    20  3 asked to stop by 60000000020: Walltime
    22  0 asked to stop by 60000000022: Walltime
    22  1 is promised, since a job there runs beyond its walltime: line [0 1 2 3 4 5] when it is free
    ");
}

/// The end of a walltime at the very instant of the promise is early enough.
#[test]
fn ending_at_the_instant_of_the_promise_is_early_enough() {
    let mut world = World::new(promising(Promises::Easy), &[("line", line(6))]);
    world.submit(timed(0, 4, 20));
    world.submit(timed(1, 6, 5));
    // It is 3, and 0 ends at 22.
    world.submit(timed(2, 2, 19));
    world.submit(timed(3, 2, 17));
    let runs = |id| world.core.job(JobId(id)).is_some_and(|job| job.allocation().is_some());
    assert_eq!((runs(2), runs(3)), (false, true), "{}", world.log);
}

/// Beside the promised qubits, and outside of the buffer around them, anybody may run as long as they like.
#[test]
fn a_later_job_may_stay_beside_the_promised_qubits() {
    let mut config = promising(Promises::Easy);
    config.isolation.default_level = IsolationLevel::Medium;
    let mut world = World::new(config, &[("line", line(12))]);
    // With its buffer it leaves seven of the twelve.
    world.submit(timed(0, 4, 50));
    world.submit(timed(1, 8, 5));
    world.submit(timed(2, 2, 900));
    world.submit(timed(3, 5, 900));
    insta::assert_snapshot!(from(&world, "1 queued"), @"
    3  1 queued: the global queue
    3  1 is promised: line [4 5 6 7 8 9 10 11] at 52
    4  2 queued: the global queue
    4  2 starts: line [0 1], attempt 1
    5  3 queued: the global queue
    ");
}

/// Behind jobs without a walltime a promise is a place: nobody new enters it, however short, and its instant is unknown.
#[test]
fn behind_jobs_without_walltimes_a_promise_is_a_place() {
    let mut world = World::new(promising(Promises::Easy), &[("line", line(6))]);
    world.submit(job(0, 2, Topology::Line));
    world.submit(job(1, 2, Topology::Line));
    world.submit(timed(2, 4, 5));
    world.submit(timed(3, 2, 1));
    insta::assert_snapshot!(from(&world, "2 queued"), @"
    4  2 queued: the global queue
    4  2 is promised: line [2 3 4 5] when it is free
    5  3 queued: the global queue
    ");
    world.finish(0);
    insta::assert_snapshot!(from(&world, "0 finished"), @"
    6  0 finished
    6  2 starts: line [2 3 4 5], attempt 1
    6  3 is promised: line [3 4] at 11
    ");
}

/// Jobs that state no walltime are taken to run so long as an estimate says. Nobody is stopped for it: who runs longer makes
/// a place of the promise behind it.
#[test]
fn jobs_without_walltimes_are_taken_to_run_as_long_as_an_estimate_says() {
    let mut world = World::new(estimating(Promises::Easy), &[("line", line(6))]);
    let device = world.core.device(DeviceId(0)).unwrap();
    let published = device.published(&job(0, 4, Topology::Line), 1);
    assert_eq!(published, Span(1_000), "one shot of a layer");
    world.submit(job(0, 4, Topology::Line));
    world.submit(timed(1, 6, 10));
    // Until the instant that is promised.
    world.submit(timed(2, 2, 1_999));
    world.submit(timed(3, 2, 1_990));
    // Beyond it.
    world.wait(2_010);
    insta::assert_snapshot!(from(&world, "0 queued"), @"
      2  0 queued: the global queue
      2  0 starts: line [2 3 4 5], attempt 1
      3  1 queued: the global queue
      3  1 is promised: line [0 1 2 3 4 5] at 2002
      4  2 queued: the global queue
      5  3 queued: the global queue
      5  3 starts: line [0 1], attempt 1
    1995  3 asked to stop by 60000001995: Walltime
    2002  1 is promised, since a job there runs beyond its walltime: line [0 1 2 3 4 5] when it is free
    ");
    assert!(world.core.job(JobId(0)).unwrap().allocation().is_some(), "it runs on");
    world.finish(0);
    world.finish(3);
    insta::assert_snapshot!(from(&world, "0 finished"), @"
    2016  0 finished
    2017  3 finished
    2017  1 starts: line [0 1 2 3 4 5], attempt 1
    2017  2 is promised: line [3 4] at 2027
    ");
}

/// What has been reported corrects what is published.
#[test]
fn estimates_follow_what_is_reported() {
    let mut world = World::new(estimating(Promises::Easy), &[("line", line(6))]);
    for id in 0..3 {
        let at = world.now;
        world.submit(job(2 * id, 6, Topology::Line));
        world.submit(timed(2 * id + 1, 6, 10));
        let promised = world.core.job(JobId(2 * id + 1)).unwrap().promise.clone().unwrap();
        let span = promised.promise.not_later_than.unwrap().since(Time(at.0 + 1));
        // Twice as long as the last ones took.
        assert_eq!(span, Span([2_000, 10_000, 10_000][id as usize]), "{}", world.log);
        // It reports nothing.
        world.tell(Command::Cancel { job: JobId(2 * id + 1) });
        world.wait(at.0 + 5_000 - world.now.0);
        world.finish(2 * id);
    }
}

/// Every cause for which a promise becomes worse, or ends.
#[test]
fn promises_change_for_a_cause() {
    let mut config = promising(Promises::Easy);
    config.walltime = Walltime { exceeded: WalltimeExceeded::Continue, ..config.walltime };
    let mut world = World::new(config, &[("line", line(6)), ("other", line(6))]);
    world.submit(timed(0, 6, 20));
    world.submit(timed(1, 6, 40));
    world.submit(timed(2, 6, 10));
    world.tell(Command::Hold { job: JobId(2) });
    world.tell(Command::ReleaseHold { job: JobId(2) });
    world.down(Target::Device(DeviceId(0)));
    world.up(Target::Device(DeviceId(0)));
    world.down(Target::Qubit(DeviceId(0), PhysicalQubit(2)));
    world.up(Target::Qubit(DeviceId(0), PhysicalQubit(2)));
    world.wait(60);
    world.finish(1);
    insta::assert_snapshot!(world.log, @"
     1  line joins
     2  other joins
     3  0 queued: the global queue
     3  0 starts: line [0 1 2 3 4 5], attempt 1
     4  1 queued: the global queue
     4  1 starts: other [0 1 2 3 4 5], attempt 1
     5  2 queued: the global queue
     5  2 is promised: line [0 1 2 3 4 5] at 23
     6  2 held
     7  2 released
     7  2 is promised: line [0 1 2 3 4 5] at 23
     8  line: Online -> Offline (Fault)
     8  0 requeued: the global queue (DeviceLost)
     8  0 is promised: other [0 1 2 3 4 5] at 44
     8  2 is promised nothing, since others are before it now
     9  line: Offline -> Online (Repair)
     9  0 starts: line [0 1 2 3 4 5], attempt 2
     9  2 is promised: line [0 1 2 3 4 5] at 29
    10  qubit 2 of line: Online -> Offline (Fault)
    10  0 requeued: the global queue (ElementLost)
    10  0 is promised: other [0 1 2 3 4 5] at 44
    10  2 is promised nothing, since others are before it now
    11  qubit 2 of line: Offline -> Online (Repair)
    11  0 starts: line [0 1 2 3 4 5], attempt 3
    11  2 is promised: line [0 1 2 3 4 5] at 31
    31  2 is promised, since a job there runs beyond its walltime: other [0 1 2 3 4 5] at 44
    44  2 is promised, since a job there runs beyond its walltime: line [0 1 2 3 4 5] when it is free
    72  1 finished
    72  2 starts: other [0 1 2 3 4 5], attempt 1
    ");
}

/// A promise to the second job moves when the first one ends early, and nobody loses by it.
#[test]
fn promises_move_forward() {
    let mut world = World::new(promising(Promises::Conservative), &[("line", line(6))]);
    world.submit(timed(0, 4, 50));
    world.submit(timed(1, 4, 50));
    world.submit(timed(2, 6, 50));
    world.submit(timed(3, 2, 200));
    world.finish(0);
    insta::assert_snapshot!(from(&world, "1 queued"), @"
    3  1 queued: the global queue
    3  1 is promised: line [2 3 4 5] at 52
    4  2 queued: the global queue
    4  2 is promised: line [0 1 2 3 4 5] at 102
    5  3 queued: the global queue
    5  3 is promised: line [3 4] at 152
    6  0 finished
    6  1 starts: line [2 3 4 5], attempt 1
    6  2 is promised, since it is no later: line [0 1 2 3 4 5] at 56
    6  3 is promised, since it is no later: line [3 4] at 106
    ");
}

/// Where all qubits couple, a job starts as soon as enough are free by number: what is promised to others moves to other
/// qubits at the same instant.
#[test]
fn others_are_promised_other_qubits_for_whoever_finds_room_by_number() {
    let ions = CouplingMap::all_to_all(4).unwrap();
    let mut world = World::new(promising(Promises::Conservative), &[("ions", ions)]);
    world.submit(timed(0, 1, 10));
    world.submit(timed(1, 3, 30));
    world.submit(timed(2, 3, 30));
    world.submit(timed(3, 1, 30));
    insta::assert_snapshot!(from(&world, "2 queued"), @"
    4  2 queued: the global queue
    4  2 is promised: ions [0 2 3] at 33
    5  3 queued: the global queue
    5  2 is promised, since it is no later: ions [1 2 3] at 33
    5  3 is promised: ions [0] at 12
    ");
}

/// An early end: whoever has a promise comes as far forward as it can, also into the place of one behind it who has come
/// forward, before a promise is made to whoever arrives at that instant.
#[test]
fn promises_come_forward_before_anybody_is_promised_anything_new() {
    let ions = CouplingMap::all_to_all(4).unwrap();
    let mut world = World::new(promising(Promises::Conservative), &[("ions", ions)]);
    world.submit(timed(0, 2, 100));
    world.submit(timed(1, 2, 60));
    world.submit(timed(2, 4, 50));
    world.submit(timed(3, 2, 35));
    world.now = Time(10);
    let allocation = world.allocation(0);
    world.say(Command::Finished { allocation, outcome: Outcome::Success, shots_done: 1 });
    world.say(Command::Submit(Arc::new(timed(4, 2, 45))));
    world.pass();
    insta::assert_snapshot!(from(&world, "2 queued"), @"
     4  2 queued: the global queue
     4  2 is promised: ions [0 1 2 3] at 102
     5  3 queued: the global queue
     5  3 is promised: ions [1 2] at 63
    10  0 finished
    10  4 queued: the global queue
    10  2 is promised, since it is no later: ions [0 1 2 3] at 98
    10  3 starts: ions [0 3], attempt 1
    10  2 is promised, since it is no later: ions [0 1 2 3] at 63
    10  4 is promised: ions [0 3] at 113
    ");
}

/// Whoever comes to stand before others takes their promise, where there is one only.
#[test]
fn a_job_that_comes_to_stand_before_others_takes_their_promise() {
    let mut config = promising(Promises::Easy);
    config.order = QueueOrder::ShortestFirst;
    let mut world = World::new(config, &[("line", line(6))]);
    world.submit(timed(0, 4, 50));
    world.submit(timed(1, 6, 40));
    world.submit(timed(2, 6, 10));
    insta::assert_snapshot!(from(&world, "1 queued"), @"
    3  1 queued: the global queue
    3  1 is promised: line [0 1 2 3 4 5] at 52
    4  2 queued: the global queue
    4  2 is promised: line [0 1 2 3 4 5] at 52
    4  1 is promised nothing, since others are before it now
    ");
}

/// Two jobs of a device that takes two at a time: the promise counts.
#[test]
fn promises_count_where_a_device_takes_few_jobs() {
    let mut spec = (*world::spec("line", line(8))).clone();
    spec.limits.max_concurrent_tasks = Some(2);
    let mut world = World::new(promising(Promises::Easy), &[]);
    world.names.push("line".to_owned());
    world.tell(Command::RegisterDevice { device: DeviceId(0), spec: Arc::new(spec) });
    world.submit(timed(0, 2, 20));
    world.submit(timed(1, 2, 40));
    // Promised 22; whoever comes later must leave it a turn.
    world.submit(timed(2, 2, 30));
    world.submit(timed(3, 2, 5));
    world.finish(1);
    insta::assert_snapshot!(from(&world, "1 queued"), @"
    3  1 queued: the global queue
    3  1 starts: line [6 7], attempt 1
    4  2 queued: the global queue
    4  2 is promised: line [0 1] at 22
    5  3 queued: the global queue
    6  1 finished
    6  2 starts: line [6 7], attempt 1
    6  3 is promised: line [0 1] at 22
    ");
}

/// Queues per device promise on their own device.
#[test]
fn queues_per_device_promise_their_own() {
    let queue = Queue::PerDevice {
        skip_ahead: None,
        promises: Some(Promises::Easy),
        head_of_line: HeadOfLine::Placement,
    };
    let mut world = World::new(AllocatorConfig { queue, ..config() }, &[("a", line(4)), ("b", line(4))]);
    for id in 0..6 {
        world.submit(timed(id, 3, 10 + 10 * id));
    }
    insta::assert_snapshot!(from(&world, "0 queued"), @"
    3  0 queued: a
    3  0 starts: a [0 1 2], attempt 1
    4  1 queued: b
    4  1 starts: b [0 1 2], attempt 1
    5  2 queued: a
    5  2 is promised: a [0 1 2] at 13
    6  3 queued: b
    6  3 is promised: b [0 1 2] at 24
    7  4 queued: a
    8  5 queued: b
    ");
}

/// A strongly isolated job rests after its walltime, and nobody is promised its qubits before.
#[test]
fn a_promise_waits_for_guards() {
    let mut world = World::new(promising(Promises::Easy), &[("line", line(4))]);
    let resting = IsolationRequest { temporal_separation: Some(Span(7)), ..IsolationRequest::default() };
    world.submit(JobRequest { isolation: resting, ..timed(0, 4, 20) });
    world.submit(timed(1, 4, 20));
    world.wait(18);
    world.finish(0);
    world.wait(60);
    insta::assert_snapshot!(from(&world, "0 queued"), @"
     2  0 queued: the global queue
     2  0 starts: line [0 1 2 3], attempt 1
     3  1 queued: the global queue
     3  1 is promised: line [0 1 2 3] at 29
    22  guard of allocation 1 on line until 29
    22  0 finished
    29  guard of allocation 1 on line ends
    29  1 starts: line [0 1 2 3], attempt 1
    49  1 asked to stop by 60000000049: Walltime
    ");
}

/// Where all qubits couple, most of them will do, but not where a coupler is too noisy for the job: then it is promised others.
#[test]
fn those_on_hand_may_not_do_although_all_qubits_couple() {
    let map = CouplingMap::all_to_all(5).unwrap();
    let config = AllocatorConfig { strategy: Strategy::FirstFit, ..promising(Promises::Easy) };
    let mut world = World::new(config, &[("trap", map.clone())]);
    let mut calibration = (*spec("trap", map.clone()).calibration).clone();
    let noisy = map.coupler(PhysicalQubit(0), PhysicalQubit(1)).unwrap();
    calibration.couplers[noisy.index()].two_qubit_error = 0.02;
    world.tell(Command::Recalibrate { device: DeviceId(0), calibration: Arc::new(calibration) });
    world.submit(timed(0, 3, 20));
    let limits = ElementLimits { max_two_qubit_error: 0.01, ..ElementLimits::NONE };
    world.submit(JobRequest { limits, ..job(1, 3, Topology::Complete) });
    insta::assert_snapshot!(from(&world, "0 queued"), @"
    3  0 queued: the global queue
    3  0 starts: trap [0 1 2], attempt 1
    4  1 queued: the global queue
    4  1 is promised: trap [0 2 3] at 23
    ");
}

/// A device in maintenance promises nothing, and takes part again when it is back.
#[test]
fn nothing_is_promised_on_a_device_that_is_not_in_service() {
    let mut world = World::new(promising(Promises::Easy), &[("a", line(4))]);
    world.tell(Command::SetStatus {
        target: Target::Device(DeviceId(0)),
        status: Status::Draining,
        reason: StatusReason::Operator,
    });
    let answer = world.say(Command::Submit(Arc::new(timed(0, 4, 20))));
    assert_eq!(answer, Answer::Queued);
    world.pass();
    assert!(!world.log.contains("promised"), "{}", world.log);
    world.up(Target::Device(DeviceId(0)));
    insta::assert_snapshot!(from(&world, "0 starts"), @"
      3  0 starts: a [0 1 2 3], attempt 1
    ");
}

/// What an auditor is told, and when.
type Told = Vec<(Time, Event)>;

/// What the core told in a short story with promises that are kept: 1 is promised 22, 2 starts beside it.
fn told() -> Told {
    let mut told = Vec::new();
    let mut core = world::core(promising(Promises::Easy));
    let mut tell = |now: u64, command: Command| {
        let mut events = Vec::new();
        core.handle(Time(now), command, &mut events).unwrap();
        while core.next_wakeup().is_some_and(|at| at <= Time(now)) {
            core.handle(Time(now), Command::Wake, &mut events).unwrap();
        }
        told.extend(events.into_iter().map(|event| (Time(now), event)));
    };
    tell(1, Command::RegisterDevice { device: DeviceId(0), spec: world::spec("line", line(6)) });
    tell(2, Command::Submit(Arc::new(timed(0, 4, 20))));
    tell(3, Command::Submit(Arc::new(timed(1, 5, 5))));
    tell(4, Command::Submit(Arc::new(timed(2, 1, 9))));
    tell(22, Command::Finished { allocation: AllocationId(1), outcome: Outcome::Success, shots_done: 1 });
    told
}

/// What an auditor finds in these events.
fn found(events: &[(Time, Event)]) -> Vec<ViolationKind> {
    let mut auditor = Auditor::new();
    for (now, event) in events {
        auditor.observe(*now, event);
    }
    auditor.finish(Time(100));
    auditor.violations().iter().map(Violation::kind).collect()
}

/// Each of the promises can be broken, and the auditor says which one was.
#[test]
fn broken_promises_are_caught() {
    let told = told();
    assert_eq!(found(&told), []);
    let promise = told.iter().find_map(|(_, event)| match event {
        Event::StartPromised { promise, .. } => Some((**promise).clone()),
        _ => None,
    });
    let promise = promise.expect("1 is promised a start");
    let at = told.iter().position(|(_, event)| matches!(event, Event::StartPromised { .. })).unwrap();
    let with = |change: &dyn Fn(&mut Told)| {
        let mut events = told.clone();
        change(&mut events);
        found(&events)
    };
    // It starts, but later than it was told.
    let late = with(&|events| {
        events[at].1 = Event::StartPromised {
            job: JobId(1),
            promise: Box::new(StartPromise { not_later_than: Some(Time(20)), ..promise.clone() }),
        };
    });
    assert_eq!(late, [ViolationKind::PromiseEntered, ViolationKind::PromiseBroken]);
    // 2 says that it runs for ever, where 1 is to start.
    let entered = with(&|events| {
        for (_, event) in events {
            if let Event::JobStarted { allocation } = event
                && allocation.job == JobId(2)
            {
                let mut longer = (**allocation).clone();
                longer.expected_end = None;
                // On a qubit that is promised and that 0 does not hold.
                let there = promise.layout.iter().find(|qubit| qubit.0 < 2).copied().expect("one of two");
                longer.layout = [there].into_iter().collect();
                longer.held = QubitSet::from_qubits(6, [there]);
                *event = Event::JobStarted { allocation: Arc::new(longer) };
            }
        }
    });
    assert!(entered.contains(&ViolationKind::PromiseEntered), "{entered:?}");
    // Worse, and nobody can see why; better, and then it is not kept.
    for (to, cause, right) in [
        (Some(40), PromiseCause::Earlier, ViolationKind::PromiseWorsened),
        (Some(40), PromiseCause::Overrun, ViolationKind::PromiseWorsened),
        (Some(40), PromiseCause::Recalibrated, ViolationKind::PromiseWorsened),
        (Some(40), PromiseCause::ElementLost, ViolationKind::PromiseWorsened),
        (Some(40), PromiseCause::OrderChanged, ViolationKind::PromiseWorsened),
        (None, PromiseCause::DeviceLost, ViolationKind::PromiseWorsened),
        (None, PromiseCause::NotFoundAgain, ViolationKind::PromiseWorsened),
        (Some(21), PromiseCause::Earlier, ViolationKind::PromiseBroken),
    ] {
        let moved = with(&|events| {
            let to = to.map(|at| {
                Box::new(StartPromise { not_later_than: Some(Time(at)), until: None, ..promise.clone() })
            });
            events.insert(at + 1, (Time(3), Event::PromiseMoved { job: JobId(1), promise: to, cause }));
        });
        assert!(moved.contains(&right), "{to:?} {cause:?}: {moved:?}");
    }
    // Two promises of one place, a second first promise, and one to somebody who runs.
    let twice = with(&|events| {
        let promise = Box::new(promise.clone());
        let began =
            |event: &Event| matches!(event, Event::JobStarted { allocation } if allocation.job == JobId(2));
        let after = events.iter().position(|(_, event)| began(event)).expect("2 starts") + 1;
        let key = OrderKey::default();
        let queued = Event::JobQueued { job: Arc::new(timed(9, 1, 9)), device: None, key, key_until: None };
        events.insert(after, (Time(4), queued));
        events.insert(after + 1, (Time(4), Event::StartPromised { job: JobId(9), promise }));
    });
    assert!(twice.contains(&ViolationKind::PromisesMeet), "{twice:?}");
    for job in [JobId(1), JobId(0)] {
        let senseless = with(&|events| {
            let event = Event::StartPromised { job, promise: Box::new(promise.clone()) };
            events.insert(at + 1, (Time(3), event));
        });
        assert!(senseless.contains(&ViolationKind::SenselessPromise), "{job:?}: {senseless:?}");
    }
}

/// Two jobs that are promised places without an instant on one device do not wait for each other: where it takes jobs when it
/// is empty, and where it takes one at a time.
#[test]
fn two_places_do_not_wait_for_each_other() {
    for (starts, most) in
        [(Starts::WhenEmpty, None), (Starts::AnyTime, Some(1)), (Starts::WhenEmpty, Some(1))]
    {
        for depth in [Promises::Easy, Promises::Depth(2), Promises::Conservative] {
            let mut spec = (*world::spec("line", line(4))).clone();
            spec.limits.max_concurrent_tasks = most;
            let mut world = World::new(AllocatorConfig { starts, ..promising(depth) }, &[]);
            world.names.push("line".to_owned());
            world.tell(Command::RegisterDevice { device: DeviceId(0), spec: Arc::new(spec) });
            for id in 0..5 {
                world.submit(job(id, 1, Topology::Any));
            }
            for _ in 0..5 {
                let running = (0..5)
                    .find(|id| world.core.job(JobId(*id)).is_some_and(|job| job.allocation().is_some()));
                let first = running
                    .unwrap_or_else(|| panic!("{depth:?} {starts:?} {most:?}: nobody runs\n{}", world.log));
                world.finish(first);
            }
            assert_eq!(world.core.jobs().count(), 0, "{}", world.log);
        }
    }
}

/// A device that takes jobs when it is empty: those that are promised to begin together begin together earlier when it is
/// empty earlier, and do not wait for each other until then.
#[test]
fn those_promised_together_begin_together_earlier() {
    let config = AllocatorConfig { starts: Starts::WhenEmpty, ..promising(Promises::Depth(2)) };
    let mut world = World::new(config, &[("line", line(4))]);
    world.submit(timed(0, 2, 50));
    world.submit(timed(1, 2, 60));
    world.submit(timed(2, 2, 70));
    world.finish(0);
    insta::assert_snapshot!(from(&world, "1 queued"), @"
    3  1 queued: the global queue
    3  1 is promised: line [0 1] at 52
    4  2 queued: the global queue
    4  2 is promised: line [2 3] at 52
    5  0 finished
    5  1 starts: line [0 1], attempt 1
    5  2 starts: line [2 3], attempt 1
    ");
}

/// Of two jobs that are placed alike the one that rests afterwards would meet what is promised, and the other one would not:
/// it starts although it stands behind.
#[test]
fn whoever_rests_longer_does_not_speak_for_others() {
    let mut world = World::new(promising(Promises::Easy), &[("a", line(8))]);
    world.submit(timed(1, 4, 100));
    world.submit(timed(2, 8, 100));
    assert!(world.log.ends_with("2 is promised: a [0 1 2 3 4 5 6 7] at 102\n"), "{}", world.log);
    let mut rests = timed(3, 3, 90);
    rests.isolation.temporal_separation = Some(Span(20));
    let mut alike = timed(4, 3, 90);
    alike.isolation.temporal_separation = Some(Span(1));
    // Both at one instant, so that one pass looks at both.
    world.now = Time(world.now.0 + 1);
    world.say(Command::Submit(Arc::new(rests)));
    world.say(Command::Submit(Arc::new(alike)));
    world.pass();
    assert!(world.moves.ends_with("4 starts on a\n") && !world.moves.contains("3 starts"), "{}", world.moves);
}
