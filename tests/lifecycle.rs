//! The life of a job, story by story: every event with its instant, as text.
//!
//! Promises that what a log shows is what the documents say. Leaves who is placed where to `scheduling.rs`.

use resource_manager::allocator::Allocator;
use resource_manager::allocator::config::{
    AllocatorConfig, Group, HeadOfLine, Isolation, Queue, Quota, Retry, Tenants, Walltime, WalltimeExceeded,
};
use resource_manager::allocator::protocol::{
    AllocationId, Answer, Command, CommandError, Event, IsolationLevel, JobId, JobRequest, Outcome, Status,
    StatusReason, Target, Tenant, Topology,
};
use resource_manager::allocator::state::State;
use resource_manager::quantum::{CouplerId, DeviceId, PhysicalQubit};
use resource_manager::random::{Purpose, StreamFamily};
use resource_manager::time::{Span, Time};

mod world;

use world::{World, config, grid, job, line, per_device, spec};

/// Strict order, so that whoever is overtaken shows.
fn strict() -> AllocatorConfig {
    AllocatorConfig { queue: Queue::global(0), stop_timeout: Span(20), ..config() }
}

fn chain(id: u64, qubits: u32) -> JobRequest {
    job(id, qubits, Topology::Line)
}

fn timed(request: JobRequest, walltime: u64) -> JobRequest {
    JobRequest { estimated_duration: Some(Span(walltime)), ..request }
}

/// Everything that a driver may say of an attempt.
fn words_of(allocation: AllocationId) -> [Command; 3] {
    let (outcome, shots_done) = (Outcome::Success, 1);
    [
        Command::Finished { allocation, outcome, shots_done },
        Command::Progress { allocation, shots_done },
        Command::StopAcknowledged { allocation, shots_done },
    ]
}

/// A stopped job keeps its qubits until the driver says that it has stopped.
#[test]
fn a_stop_at_the_walltime_is_acknowledged() {
    let mut world = World::new(strict(), &[("a", line(4))]);
    world.submit(timed(chain(1, 4), 10));
    world.submit(chain(2, 3));
    world.wait(15);
    let allocation = world.allocation(1);
    world.tell(Command::StopAcknowledged { allocation, shots_done: 0 });
    insta::assert_snapshot!(world.log, @"
     1  a joins
     2  1 queued: the global queue
     2  1 starts: a [0 1 2 3], attempt 1
     3  2 queued: the global queue
    12  1 asked to stop by 32: Walltime
    19  1 failed: it ran beyond its walltime
    19  2 starts: a [0 1 2], attempt 1
    ");
}

/// The time of grace comes on top of the walltime.
#[test]
fn a_walltime_has_its_grace() {
    let walltime = Walltime { grace: Span(5), ..Walltime::default() };
    let mut world = World::new(AllocatorConfig { walltime, ..strict() }, &[("a", line(4))]);
    world.submit(timed(chain(1, 4), 10));
    world.wait(14);
    assert!(!world.log.contains("asked to stop"), "{}", world.log);
    world.wait(1);
    assert!(world.log.ends_with(" 17  1 asked to stop by 37: Walltime\n"), "{}", world.log);
}

/// Nobody acknowledges: the core takes the qubits back, and a late word changes nothing.
#[test]
fn a_stop_without_an_answer_times_out() {
    let mut world = World::new(strict(), &[("a", line(4))]);
    world.submit(timed(chain(1, 4), 10));
    world.submit(chain(2, 3));
    world.wait(5);
    let allocation = world.allocation(1);
    world.wait(30);
    let before = world.log.clone();
    let late = world.say(Command::StopAcknowledged { allocation, shots_done: 1 });
    assert_eq!(late, Answer::Ignored);
    let late = world.say(Command::Finished { allocation, outcome: Outcome::Success, shots_done: 1 });
    assert_eq!(late, Answer::Ignored);
    assert_eq!(world.log, before);
    insta::assert_snapshot!(world.log, @"
     1  a joins
     2  1 queued: the global queue
     2  1 starts: a [0 1 2 3], attempt 1
     3  2 queued: the global queue
    12  1 asked to stop by 32: Walltime
    32  1 failed: it ran beyond its walltime
    32  2 starts: a [0 1 2], attempt 1
    ");
}

/// Who lost its device waits at its old place: before those that came later.
#[test]
fn a_requeued_job_keeps_its_place() {
    let mut world = World::new(strict(), &[("a", line(4))]);
    for id in 1..=3 {
        world.submit(chain(id, 4));
    }
    world.down(Target::Device(DeviceId(0)));
    world.up(Target::Device(DeviceId(0)));
    world.finish(1);
    insta::assert_snapshot!(world.log, @"
    1  a joins
    2  1 queued: the global queue
    2  1 starts: a [0 1 2 3], attempt 1
    3  2 queued: the global queue
    4  3 queued: the global queue
    5  a: Online -> Offline (Fault)
    5  1 requeued: the global queue (DeviceLost)
    6  a: Offline -> Online (Repair)
    6  1 starts: a [0 1 2 3], attempt 2
    7  1 finished
    7  2 starts: a [0 1 2 3], attempt 1
    ");
}

#[test]
fn too_many_attempts_fail() {
    let mut world = World::new(AllocatorConfig { max_attempts: 2, ..strict() }, &[("a", line(4))]);
    world.submit(chain(1, 3));
    world.submit(chain(2, 4));
    for _ in 0..2 {
        world.down(Target::Device(DeviceId(0)));
        world.up(Target::Device(DeviceId(0)));
    }
    insta::assert_snapshot!(world.log, @"
    1  a joins
    2  1 queued: the global queue
    2  1 starts: a [0 1 2], attempt 1
    3  2 queued: the global queue
    4  a: Online -> Offline (Fault)
    4  1 requeued: the global queue (DeviceLost)
    5  a: Offline -> Online (Repair)
    5  1 starts: a [0 1 2], attempt 2
    6  a: Online -> Offline (Fault)
    6  1 failed: it lost its device more often than max_attempts allows
    7  a: Offline -> Online (Repair)
    7  2 starts: a [0 1 2 3], attempt 1
    ");
}

/// Held jobs block nobody, and keep their place.
#[test]
fn a_held_job_blocks_nobody() {
    let mut world = World::new(strict(), &[("a", line(4))]);
    for id in 1..=4 {
        world.submit(chain(id, 4));
    }
    world.tell(Command::Hold { job: JobId(2) });
    world.finish(1);
    world.tell(Command::ReleaseHold { job: JobId(2) });
    world.finish(3);
    insta::assert_snapshot!(world.log, @"
    1  a joins
    2  1 queued: the global queue
    2  1 starts: a [0 1 2 3], attempt 1
    3  2 queued: the global queue
    4  3 queued: the global queue
    5  4 queued: the global queue
    6  2 held
    7  1 finished
    7  3 starts: a [0 1 2 3], attempt 1
    8  2 released
    9  3 finished
    9  2 starts: a [0 1 2 3], attempt 1
    ");
}

/// Whom a held job kept waiting starts at once.
#[test]
fn a_hold_lets_the_next_one_start() {
    let mut world = World::new(strict(), &[("a", line(4))]);
    world.submit(chain(1, 2));
    world.submit(chain(2, 4));
    world.submit(chain(3, 2));
    assert_eq!(world.why(3), "waits behind job 2");
    world.tell(Command::Hold { job: JobId(2) });
    assert_eq!(world.why(3), "does not wait");
}

/// Qubits come free at 10: who waits until 9 has expired, until 10 or 11 starts.
#[test]
fn a_job_may_start_at_the_very_end_of_its_patience() {
    for (patience, starts) in [(6, false), (7, true), (8, true)] {
        let mut world = World::new(strict(), &[("a", line(4))]);
        world.submit(chain(1, 4));
        world.submit(JobRequest { max_wait_time: Some(Span(patience)), ..chain(2, 4) });
        world.wait(6);
        world.finish(1);
        assert_eq!(world.log.contains(" 10  2 starts"), starts, "{}", world.log);
        assert_eq!(world.log.contains("  9  2 expired after 6"), !starts, "{}", world.log);
    }
}

/// The same jobs: a star that finds no place holds up the others, or is counted and lets them try. Then they may
/// take what the star needs.
#[test]
fn the_head_waits_for_a_placement_or_for_a_number_of_qubits() {
    let run = |head_of_line| {
        let config = AllocatorConfig { queue: per_device(head_of_line), ..config() };
        let mut world = World::new(config, &[("a", grid(3, 3))]);
        world.submit(chain(1, 2));
        world.submit(job(2, 5, Topology::Star));
        world.submit(chain(3, 2));
        world.finish(1);
        world.log
    };
    insta::assert_snapshot!(run(HeadOfLine::Placement), @"
    1  a joins
    2  1 queued: a
    2  1 starts: a [5 8], attempt 1
    3  2 queued: a
    4  3 queued: a
    5  1 finished
    5  2 starts: a [1 3 4 5 7], attempt 1
    ");
    insta::assert_snapshot!(run(HeadOfLine::Count), @"
    1  a joins
    2  1 queued: a
    2  1 starts: a [5 8], attempt 1
    3  2 queued: a
    4  3 queued: a
    4  3 starts: a [1 2], attempt 1
    5  1 finished
    ");
}

/// Held, a job keeps no qubits counted that others could use; released, it is counted again when its turn comes.
#[test]
fn a_held_job_counts_no_qubits() {
    let config = AllocatorConfig { queue: per_device(HeadOfLine::Count), ..config() };
    let mut world = World::new(config, &[("a", grid(2, 3))]);
    world.submit(chain(1, 2));
    world.submit(job(2, 4, Topology::Star));
    world.submit(chain(3, 2));
    assert_eq!(world.why(3), "asks for 2 qubits, at most 0 are free on one device");
    world.tell(Command::Hold { job: JobId(2) });
    world.tell(Command::ReleaseHold { job: JobId(2) });
    world.finish(1);
    world.finish(3);
    insta::assert_snapshot!(world.log, @"
    1  a joins
    2  1 queued: a
    2  1 starts: a [2 5], attempt 1
    3  2 queued: a
    4  3 queued: a
    5  2 held
    5  3 starts: a [0 3], attempt 1
    6  2 released
    7  1 finished
    8  3 finished
    8  2 starts: a [0 1 2 4], attempt 1
    ");
}

/// Waiting and held jobs go at once, running ones in two phases; ended ones stay as they are.
#[test]
fn a_cancel_in_every_state() {
    let mut world = World::new(strict(), &[("a", line(4))]);
    for id in 1..=4 {
        world.submit(chain(id, 4));
    }
    world.tell(Command::Hold { job: JobId(3) });
    for id in [2, 3, 1, 1] {
        world.tell(Command::Cancel { job: JobId(id) });
    }
    let allocation = world.allocation(1);
    world.tell(Command::StopAcknowledged { allocation, shots_done: 0 });
    assert_eq!(world.say(Command::Cancel { job: JobId(1) }), Answer::Ignored);
    let unknown = world.core.handle(world.now, Command::Cancel { job: JobId(9) }, &mut Vec::new());
    assert_eq!(unknown, Err(CommandError::UnknownJob(JobId(9))));
    insta::assert_snapshot!(world.log, @"
     1  a joins
     2  1 queued: the global queue
     2  1 starts: a [0 1 2 3], attempt 1
     3  2 queued: the global queue
     4  3 queued: the global queue
     5  4 queued: the global queue
     6  3 held
     7  2 cancelled
     8  3 cancelled
     9  1 asked to stop by 29: Cancelled
    11  1 cancelled
    11  4 starts: a [0 1 2 3], attempt 1
    ");
}

/// What the device says first counts: the work was done before the stop reached it.
#[test]
fn a_finish_while_stopping_finishes() {
    let mut world = World::new(strict(), &[("a", line(4))]);
    world.submit(timed(chain(1, 4), 10));
    world.wait(15);
    world.finish(1);
    world.wait(30);
    insta::assert_snapshot!(world.log, @"
     1  a joins
     2  1 queued: the global queue
     2  1 starts: a [0 1 2 3], attempt 1
    12  1 asked to stop by 32: Walltime
    18  1 finished
    ");
}

/// The qubits of a job with a temporal separation rest after it; those of another device do not.
#[test]
fn a_guard_closes_the_qubits_after_the_end() {
    let mut world = World::new(strict(), &[("a", line(4)), ("b", line(3))]);
    let mut guarded = chain(1, 4);
    guarded.isolation.temporal_separation = Some(Span(10));
    world.submit(guarded);
    world.finish(1);
    world.submit(chain(2, 3));
    world.submit(chain(3, 3));
    world.wait(10);
    insta::assert_snapshot!(world.log, @"
     1  a joins
     2  b joins
     3  1 queued: the global queue
     3  1 starts: a [0 1 2 3], attempt 1
     4  guard of allocation 1 on a until 14
     4  1 finished
     5  2 queued: the global queue
     5  2 starts: b [0 1 2], attempt 1
     6  3 queued: the global queue
    14  guard of allocation 1 on a ends
    14  3 starts: a [0 1 2], attempt 1
    ");
}

/// Running jobs of a device that drains may end, no job starts; one that leaves loses them.
#[test]
fn a_device_drains_comes_back_and_leaves() {
    let mut world = World::new(strict(), &[("a", line(4))]);
    let target = Target::Device(DeviceId(0));
    for id in 1..=3 {
        world.submit(chain(id, 4));
    }
    let (status, reason) = (Status::Draining, StatusReason::Operator);
    world.tell(Command::SetStatus { target, status, reason });
    world.finish(1);
    world.up(target);
    world.tell(Command::RemoveDevice { device: DeviceId(0) });
    world.join("b", line(5));
    insta::assert_snapshot!(world.log, @"
    1  a joins
    2  1 queued: the global queue
    2  1 starts: a [0 1 2 3], attempt 1
    3  2 queued: the global queue
    4  3 queued: the global queue
    5  a: Online -> Draining (Operator)
    6  1 finished
    7  a: Draining -> Online (Repair)
    7  2 starts: a [0 1 2 3], attempt 1
    8  2 requeued: the global queue (DeviceLost)
    8  a leaves
    9  b joins
    9  2 starts: b [0 1 2 3], attempt 2
    ");
}

/// The same jobs under another kind of queue: nobody is forgotten, and all keep their places.
#[test]
fn a_change_of_queues_keeps_the_order() {
    let mut world = World::new(strict(), &[("a", line(4))]);
    for id in 1..=4 {
        world.submit(chain(id, 4));
    }
    world.tell(Command::Hold { job: JobId(2) });
    let queue = per_device(HeadOfLine::Placement);
    world.tell(Command::Reconfigure(Box::new(AllocatorConfig { queue, ..strict() })));
    world.finish(1);
    world.tell(Command::ReleaseHold { job: JobId(2) });
    world.tell(Command::Reconfigure(Box::new(strict())));
    world.finish(3);
    world.finish(2);
    insta::assert_snapshot!(world.log, @"
     1  a joins
     2  1 queued: the global queue
     2  1 starts: a [0 1 2 3], attempt 1
     3  2 queued: the global queue
     4  3 queued: the global queue
     5  4 queued: the global queue
     6  2 held
     7  2 moves: a
     7  3 moves: a
     7  4 moves: a
     8  1 finished
     8  3 starts: a [0 1 2 3], attempt 1
     9  2 released
    10  2 moves: the global queue
    10  4 moves: the global queue
    11  3 finished
    11  2 starts: a [0 1 2 3], attempt 1
    12  2 finished
    12  4 starts: a [0 1 2 3], attempt 1
    ");
}

/// Tried again at once when qubits come free, or on a timer that counts from the last attempt.
#[test]
fn a_retry_comes_with_an_event_or_on_a_timer() {
    let run = |retry| {
        let mut world = World::new(AllocatorConfig { retry, ..strict() }, &[("a", line(4))]);
        world.submit(chain(1, 4));
        world.submit(chain(2, 4));
        world.wait(12);
        world.finish(1);
        world.wait(20);
        world.log
    };
    insta::assert_snapshot!(run(Retry::Event), @"
     1  a joins
     2  1 queued: the global queue
     2  1 starts: a [0 1 2 3], attempt 1
     3  2 queued: the global queue
    16  1 finished
    16  2 starts: a [0 1 2 3], attempt 1
    ");
    insta::assert_snapshot!(run(Retry::Every(Span(10))), @"
     1  a joins
     2  1 queued: the global queue
     2  1 starts: a [0 1 2 3], attempt 1
     3  2 queued: the global queue
    16  1 finished
    23  2 starts: a [0 1 2 3], attempt 1
    ");
}

/// Only the job on the dead qubit loses its place on the device.
#[test]
fn a_dead_qubit_ends_the_attempt_that_uses_it() {
    let mut world = World::new(strict(), &[("a", line(8))]);
    for id in 1..=3 {
        world.submit(chain(id, 3));
    }
    let layout = world.core.allocation(world.allocation(1)).unwrap().layout.clone();
    world.down(Target::Qubit(DeviceId(0), layout[0]));
    world.finish(2);
    world.up(Target::Qubit(DeviceId(0), layout[0]));
    insta::assert_snapshot!(world.log, @"
    1  a joins
    2  1 queued: the global queue
    2  1 starts: a [0 1 2], attempt 1
    3  2 queued: the global queue
    3  2 starts: a [5 6 7], attempt 1
    4  3 queued: the global queue
    5  qubit 0 of a: Online -> Offline (Fault)
    5  1 requeued: the global queue (ElementLost)
    5  1 starts: a [1 2 3], attempt 2
    6  2 finished
    6  3 starts: a [5 6 7], attempt 1
    7  qubit 0 of a: Offline -> Online (Repair)
    ");
}

/// What the device says of an attempt that was lost is not said of the next one.
#[test]
fn a_late_word_of_a_lost_attempt_changes_nothing() {
    let mut world = World::new(strict(), &[("a", line(4))]);
    world.submit(chain(1, 4));
    let lost = world.allocation(1);
    world.down(Target::Device(DeviceId(0)));
    for command in words_of(lost) {
        assert_eq!(world.say(command), Answer::Ignored);
    }
    world.up(Target::Device(DeviceId(0)));
    for command in words_of(lost) {
        assert_eq!(world.say(command), Answer::Ignored);
    }
    world.finish(1);
    insta::assert_snapshot!(world.log, @"
    1  a joins
    2  1 queued: the global queue
    2  1 starts: a [0 1 2 3], attempt 1
    3  a: Online -> Offline (Fault)
    3  1 requeued: the global queue (DeviceLost)
    4  a: Offline -> Online (Repair)
    4  1 starts: a [0 1 2 3], attempt 2
    5  1 finished
    ");
}

/// Shots of an attempt never shrink and are never more than the job's; the next attempt begins anew.
#[test]
fn reported_shots_only_grow() {
    let mut world = World::new(strict(), &[("a", line(4))]);
    world.submit(JobRequest { shots: 100, ..chain(1, 4) });
    let report = |world: &mut World, shots_done| {
        let allocation = world.allocation(1);
        let mut events = Vec::new();
        let said = world.core.handle(world.now, Command::Progress { allocation, shots_done }, &mut events);
        (said.is_ok(), events.len())
    };
    assert_eq!(report(&mut world, 40), (true, 1));
    assert_eq!(report(&mut world, 40), (true, 0));
    assert_eq!(report(&mut world, 39), (false, 0));
    assert_eq!(report(&mut world, 101), (false, 0));
    world.down(Target::Device(DeviceId(0)));
    world.up(Target::Device(DeviceId(0)));
    assert_eq!(report(&mut world, 1), (true, 1));
    let allocation = world.allocation(1);
    world.tell(Command::Finished { allocation, outcome: Outcome::Error, shots_done: 2 });
    insta::assert_snapshot!(world.log, @"
    1  a joins
    2  1 queued: the global queue
    2  1 starts: a [0 1 2 3], attempt 1
    3  a: Online -> Offline (Fault)
    3  1 requeued: the global queue (DeviceLost)
    4  a: Offline -> Online (Repair)
    4  1 starts: a [0 1 2 3], attempt 2
    5  1 failed: the device reported an error
    ");
}

/// A job that is held before it was ever looked at does not start, and starts on release.
#[test]
fn a_hold_before_the_first_pass() {
    for queue in [Queue::default(), per_device(HeadOfLine::Placement), per_device(HeadOfLine::Count)] {
        let mut world = World::new(AllocatorConfig { queue, ..config() }, &[("a", line(4))]);
        world.say(Command::Submit(std::sync::Arc::new(chain(1, 4))));
        world.tell(Command::Hold { job: JobId(1) });
        world.wait(5);
        assert!(!world.log.contains("starts"), "{}", world.log);
        world.tell(Command::ReleaseHold { job: JobId(1) });
        assert!(world.log.ends_with("1 released\n  8  1 starts: a [0 1 2 3], attempt 1\n"), "{}", world.log);
    }
}

/// A job for which qubits are counted takes the count with it when it is cancelled or gives up waiting.
#[test]
fn the_count_ends_with_the_job() {
    for ends in ["cancelled", "expired"] {
        let queue = per_device(HeadOfLine::Count);
        let mut world = World::new(AllocatorConfig { queue, ..config() }, &[("a", grid(2, 3))]);
        world.submit(chain(1, 2));
        world.submit(JobRequest { max_wait_time: Some(Span(9)), ..job(2, 4, Topology::Star) });
        world.submit(chain(3, 4));
        assert_eq!(world.why(3), "asks for 4 qubits, at most 0 are free on one device");
        if ends == "cancelled" {
            world.tell(Command::Cancel { job: JobId(2) });
        } else {
            world.wait(10);
        }
        assert!(world.log.contains(&format!("2 {ends}")), "{}", world.log);
        assert!(world.log.contains("3 starts: a"), "{}", world.log);
    }
}

/// Only a coupler that a running job uses ends its attempt.
#[test]
fn a_dead_coupler_ends_the_attempt_that_uses_it() {
    let mut world = World::new(strict(), &[("a", line(8))]);
    world.submit(chain(1, 3));
    world.submit(chain(2, 3));
    // Between the two jobs, then inside the first one.
    for coupler in [3, 0] {
        world.down(Target::Coupler(DeviceId(0), CouplerId(coupler)));
    }
    insta::assert_snapshot!(world.log, @"
    1  a joins
    2  1 queued: the global queue
    2  1 starts: a [0 1 2], attempt 1
    3  2 queued: the global queue
    3  2 starts: a [5 6 7], attempt 1
    4  coupler 3 of a: Online -> Offline (Fault)
    5  coupler 0 of a: Online -> Offline (Fault)
    5  1 requeued: the global queue (ElementLost)
    5  1 starts: a [1 2 3], attempt 2
    ");
}

/// What lost its device leaves a guard as well; a device that is gone guards nothing.
#[test]
fn a_guard_after_a_loss_and_a_removal() {
    let mut world = World::new(strict(), &[("a", line(4)), ("b", line(4))]);
    let mut guarded = chain(1, 4);
    guarded.isolation.temporal_separation = Some(Span(10));
    guarded.preferred_devices = [DeviceId(0)].into_iter().collect();
    world.submit(guarded.clone());
    world.down(Target::Qubit(DeviceId(0), PhysicalQubit(0)));
    world.up(Target::Qubit(DeviceId(0), PhysicalQubit(0)));
    world.finish(1);
    world.tell(Command::RemoveDevice { device: DeviceId(1) });
    world.submit(chain(2, 4));
    world.wait(20);
    insta::assert_snapshot!(world.log, @"
     1  a joins
     2  b joins
     3  1 queued: the global queue
     3  1 starts: a [0 1 2 3], attempt 1
     4  qubit 0 of a: Online -> Offline (Fault)
     4  guard of allocation 1 on a until 14
     4  1 requeued: the global queue (ElementLost)
     4  1 starts: b [0 1 2 3], attempt 2
     5  qubit 0 of a: Offline -> Online (Repair)
     6  guard of allocation 2 on b until 16
     6  1 finished
     7  b leaves
     8  2 queued: the global queue
    14  guard of allocation 1 on a ends
    14  2 starts: a [0 1 2 3], attempt 1
    ");
}

/// Jobs at level strong rest for the guard of the configuration.
#[test]
fn level_strong_has_the_guard_of_the_configuration() {
    let isolation = Isolation { guard: Span(7), ..strict().isolation };
    let mut world = World::new(AllocatorConfig { isolation, ..strict() }, &[("a", line(4))]);
    let mut strong = chain(1, 2);
    strong.isolation.level = Some(IsolationLevel::Strong);
    world.submit(strong);
    world.submit(chain(2, 4));
    world.finish(1);
    world.wait(10);
    insta::assert_snapshot!(world.log, @"
     1  a joins
     2  1 queued: the global queue
     2  1 starts: a [0 1], attempt 1
     3  2 queued: the global queue
     4  guard of allocation 1 on a until 11
     4  1 finished
    11  guard of allocation 1 on a ends
    11  2 starts: a [0 1 2 3], attempt 1
    ");
}

/// A job beyond its walltime may run on where the configuration says so.
#[test]
fn a_walltime_that_stops_nobody() {
    let walltime = Walltime { exceeded: WalltimeExceeded::Continue, ..Walltime::default() };
    let mut world = World::new(AllocatorConfig { walltime, ..strict() }, &[("a", line(4))]);
    world.submit(timed(chain(1, 4), 10));
    world.wait(100);
    world.finish(1);
    assert!(!world.log.contains("asked to stop"), "{}", world.log);
    assert!(world.log.ends_with("1 finished\n"), "{}", world.log);
}

/// With queues per device a requeued job keeps its place, held ones block nobody, a drained device keeps its queue, and
/// patience ends there as anywhere.
#[test]
fn the_same_stories_with_a_queue_per_device() {
    for head_of_line in [HeadOfLine::Placement, HeadOfLine::Count] {
        let config = AllocatorConfig { queue: per_device(head_of_line), ..strict() };
        let mut world = World::new(config, &[("a", line(4))]);
        for id in 1..=3 {
            world.submit(chain(id, 4));
        }
        world.submit(JobRequest { max_wait_time: Some(Span(4)), ..chain(4, 4) });
        world.down(Target::Device(DeviceId(0)));
        world.tell(Command::Hold { job: JobId(2) });
        world.up(Target::Device(DeviceId(0)));
        let (target, status) = (Target::Device(DeviceId(0)), Status::Draining);
        world.tell(Command::SetStatus { target, status, reason: StatusReason::Operator });
        world.finish(1);
        world.tell(Command::ReleaseHold { job: JobId(2) });
        world.up(target);
        world.finish(2);
        world.finish(3);
        let log = world.log.clone();
        insta::allow_duplicates! {
            insta::assert_snapshot!(log, @"
             1  a joins
             2  1 queued: a
             2  1 starts: a [0 1 2 3], attempt 1
             3  2 queued: a
             4  3 queued: a
             5  4 queued: a
             6  a: Online -> Offline (Fault)
             6  1 requeued: a (DeviceLost)
             7  2 held
             8  a: Offline -> Online (Repair)
             8  1 starts: a [0 1 2 3], attempt 2
             9  a: Online -> Draining (Operator)
             9  4 expired after 4
            10  1 finished
            11  2 released
            12  a: Draining -> Online (Repair)
            12  2 starts: a [0 1 2 3], attempt 1
            13  2 finished
            13  3 starts: a [0 1 2 3], attempt 1
            14  3 finished
            ");
        }
    }
}

/// Whoever speaks of attempts that never were, or sets what cannot be, is told so, and nothing changes.
#[test]
fn senseless_commands_change_nothing() {
    let mut world = World::new(strict(), &[("a", line(4))]);
    world.submit(chain(1, 4));
    let hash = world.core.state_hash();
    for number in [0, 2, u64::MAX] {
        let allocation = AllocationId(number);
        for command in words_of(allocation) {
            let said = world.core.handle(world.now, command, &mut Vec::new());
            assert_eq!(said, Err(CommandError::UnknownAllocation(allocation)));
        }
    }
    let none = AllocatorConfig { max_attempts: 0, ..strict() };
    let said = world.core.handle(world.now, Command::Reconfigure(Box::new(none)), &mut Vec::new());
    assert!(matches!(said, Err(CommandError::InvalidConfig(_))), "{said:?}");
    let coupler = Target::Coupler(DeviceId(0), CouplerId(3));
    let (status, reason) = (Status::Offline, StatusReason::Fault);
    let offline = Command::SetStatus { target: coupler, status, reason };
    assert_eq!(
        world.core.handle(world.now, offline, &mut Vec::new()),
        Err(CommandError::UnknownElement(DeviceId(0)))
    );
    assert_eq!(world.core.state_hash(), hash);
}

/// A device is known by its number and by what it is. Told again, nothing happens; another one under its number is refused.
#[test]
fn a_device_is_registered_once() {
    let mut world = World::new(strict(), &[("a", line(4))]);
    let hash = world.core.state_hash();
    let mut say = |map| {
        let again = Command::RegisterDevice { device: DeviceId(0), spec: spec("a", map) };
        let mut events = Vec::new();
        let said = world.core.handle(world.now, again, &mut events);
        assert_eq!((events.len(), world.core.state_hash()), (0, hash));
        said
    };
    assert_eq!(say(line(4)), Ok(Answer::Applied));
    assert_eq!(say(line(5)), Err(CommandError::AlreadyExists));
}

/// What a job holds is not calibrated under it; what nobody holds is, beside it.
#[test]
fn what_is_in_use_is_not_calibrated() {
    let mut world = World::new(strict(), &[("a", line(4))]);
    world.submit(chain(1, 2));
    let id = DeviceId(0);
    let mut say = |target| {
        let (status, reason) = (Status::Calibrating, StatusReason::Operator);
        world.core.handle(world.now, Command::SetStatus { target, status, reason }, &mut Vec::new())
    };
    for busy in [Target::Device(id), Target::Qubit(id, PhysicalQubit(1)), Target::Coupler(id, CouplerId(0))] {
        assert_eq!(say(busy), Err(CommandError::Busy(id)), "{busy:?}");
    }
    for idle in [Target::Qubit(id, PhysicalQubit(3)), Target::Coupler(id, CouplerId(2))] {
        assert_eq!(say(idle), Ok(Answer::Applied), "{idle:?}");
    }
    world.finish(1);
    world.tell(Command::SetStatus {
        target: Target::Device(id),
        status: Status::Calibrating,
        reason: StatusReason::Operator,
    });
    assert!(world.log.ends_with(" 4  a: Online -> Calibrating (Operator)\n"), "{}", world.log);
}

/// Settings that leave the queues as they are move nobody.
#[test]
fn other_settings_move_nobody() {
    for queue in [per_device(HeadOfLine::Placement), per_device(HeadOfLine::Count), strict().queue] {
        let settings = AllocatorConfig { queue, ..strict() };
        let mut world = World::new(settings.clone(), &[("a", line(4)), ("b", line(4))]);
        (1..=5).for_each(|id| world.submit(chain(id, 4)));
        let (log, waits) =
            (world.log.len(), |world: &World| [3, 4, 5].map(|id| world.core.job(JobId(id)).unwrap().queue()));
        let before = waits(&world);
        world.tell(Command::Reconfigure(Box::new(AllocatorConfig { max_attempts: 7, ..settings })));
        assert_eq!((&world.log[log..], waits(&world)), ("", before), "{queue:?}");
    }
}

/// What is counted for one job is not there for the next one, in one and the same pass.
#[test]
fn the_counts_of_one_pass_add_up() {
    let queue = per_device(HeadOfLine::Count);
    let mut world = World::new(AllocatorConfig { queue, ..config() }, &[("a", line(7))]);
    for (id, qubits) in [(1, 3), (2, 1), (3, 3)] {
        world.submit(chain(id, qubits));
    }
    assert!(world.log.contains("3 starts: a [3 4 5]"), "{}", world.log);
    world.finish(1);
    world.finish(2);
    // Three and one are free: by count there is room for four, and then for nobody.
    for (id, qubits) in [(4, 4), (5, 3)] {
        world.say(Command::Submit(std::sync::Arc::new(chain(id, qubits))));
    }
    world.pass();
    assert!(!world.log.contains("4 starts") && !world.log.contains("5 starts"), "{}", world.log);
}

/// Who waits for a timer when timers are given up is tried as soon as something changes.
#[test]
fn a_change_of_retries_forgets_the_old_timers() {
    let mut world =
        World::new(AllocatorConfig { retry: Retry::Every(Span(90)), ..strict() }, &[("a", line(4))]);
    world.submit(chain(1, 4));
    world.submit(chain(2, 4));
    world.tell(Command::Reconfigure(Box::new(strict())));
    world.finish(1);
    assert!(world.log.ends_with("  5  1 finished\n  5  2 starts: a [0 1 2 3], attempt 1\n"), "{}", world.log);
}

/// A driver that wakes late finds that patience has ended before the qubits came free.
#[test]
fn patience_ends_at_its_time_however_late_the_driver_is() {
    let mut world = World::new(strict(), &[("a", line(4))]);
    world.submit(chain(1, 4));
    world.submit(JobRequest { max_wait_time: Some(Span(4)), ..chain(2, 4) });
    let (allocation, outcome) = (world.allocation(1), Outcome::Success);
    world.now = resource_manager::time::Time(9);
    world.say(Command::Finished { allocation, outcome, shots_done: 1 });
    world.pass();
    assert!(world.log.contains("2 expired") && !world.log.contains("2 starts"), "{}", world.log);
}

/// The core knows its last ended jobs, as many as it is told to, and no more.
#[test]
fn the_last_ended_jobs_are_remembered() {
    for remember_ended_jobs in [0, 1, 2] {
        let config = AllocatorConfig { remember_ended_jobs, ..strict() };
        let mut world = World::new(config, &[("a", line(4))]);
        for id in 1..=4 {
            world.submit(chain(id, 4));
            world.finish(id);
        }
        let mut known = 0;
        for id in 1..=4 {
            let said = world.core.handle(world.now, Command::Cancel { job: JobId(id) }, &mut Vec::new());
            known += u32::from(said == Ok(Answer::Ignored));
            assert!(said == Ok(Answer::Ignored) || said == Err(CommandError::UnknownJob(JobId(id))));
        }
        assert_eq!(known, remember_ended_jobs);
    }
}

/// Figures that bring dead qubits back let in who waited for them.
#[test]
fn new_figures_revive_dead_qubits() {
    let mut world = World::new(strict(), &[("a", line(4))]);
    let good = world.core.device(DeviceId(0)).unwrap().spec.calibration.clone();
    let mut bad = (*good).clone();
    bad.qubits[0].dead = true;
    let device = DeviceId(0);
    world.submit(chain(1, 4));
    world.tell(Command::Recalibrate { device, calibration: std::sync::Arc::new(bad) });
    world.submit(chain(2, 3));
    world.finish(1);
    world.submit(JobRequest { max_wait_time: None, ..chain(3, 1) });
    world.finish(2);
    world.finish(3);
    world.tell(Command::Recalibrate { device, calibration: good });
    world.submit(chain(4, 4));
    assert!(world.log.contains("2 starts: a [1 2 3]"), "{}", world.log);
    assert!(world.log.contains("4 starts: a [0 1 2 3]"), "{}", world.log);
}

/// A pass counts whom no region of the shape was found for.
#[test]
fn what_a_pass_counts() {
    let mut world = World::new(config(), &[("a", grid(2, 3))]);
    world.submit(chain(1, 2));
    let held = world.core.allocation(world.allocation(1)).unwrap();
    assert!(held.explanation.strategy.is_some());
    world.say(Command::Submit(std::sync::Arc::new(job(2, 4, Topology::Star))));
    world.say(Command::Wake);
    let tally = world.core.last_pass();
    assert_eq!((tally.attempts, tally.started, tally.blocked_by_shape), (1, 0, 1));

    // A head for which there is no room by count was looked at, too.
    let queue = per_device(HeadOfLine::Count);
    let mut world = World::new(AllocatorConfig { queue, ..config() }, &[("a", line(4))]);
    world.submit(chain(1, 4));
    world.say(Command::Submit(std::sync::Arc::new(chain(2, 4))));
    world.say(Command::Wake);
    let tally = world.core.last_pass();
    assert_eq!((tally.attempts, tally.started, tally.blocked_by_shape), (1, 0, 0));
}

/// A core that goes on from a fold knows what time it is.
#[test]
fn a_resumed_core_goes_no_step_back() {
    let mut world = World::new(strict(), &[("a", line(4))]);
    world.submit(chain(1, 4));
    let draws = StreamFamily::new(1, 0, Purpose::DeviceSelection);
    let mut resumed = Allocator::resume(world.core.state().clone(), Time(50), draws);
    let cancel = Command::Cancel { job: JobId(1) };
    let said = resumed.handle(Time(49), cancel.clone(), &mut Vec::new());
    assert!(matches!(said, Err(CommandError::TimeRunsBackwards { .. })), "{said:?}");
    assert_eq!(resumed.handle(Time(50), cancel, &mut Vec::new()), Ok(Answer::Applied));
}

fn after(request: JobRequest, others: &[u64]) -> JobRequest {
    JobRequest { after: others.iter().copied().map(JobId).collect(), ..request }
}

fn after_success(request: JobRequest, others: &[u64]) -> JobRequest {
    JobRequest { after_success: others.iter().copied().map(JobId).collect(), ..request }
}

fn fail(world: &mut World, job: u64) {
    let allocation = world.allocation(job);
    world.tell(Command::Finished { allocation, outcome: Outcome::Error, shots_done: 1 });
}

/// Who follows others is in no queue: it blocks nobody. It enters at the place where it came, before those that came later.
#[test]
fn a_job_waits_for_others_to_end() {
    let mut world = World::new(strict(), &[("a", line(4))]);
    world.submit(chain(1, 3));
    world.submit(chain(2, 4));
    world.submit(after(chain(3, 4), &[1, 2]));
    world.submit(chain(4, 4));
    let why = world.why(3);
    world.finish(1);
    fail(&mut world, 2);
    insta::assert_snapshot!(world.log, @"
    1  a joins
    2  1 queued: the global queue
    2  1 starts: a [0 1 2], attempt 1
    3  2 queued: the global queue
    4  3 queued: the global queue
    5  4 queued: the global queue
    6  1 finished
    6  2 starts: a [0 1 2 3], attempt 1
    7  2 failed: the device reported an error
    7  3 ready: the global queue
    7  3 starts: a [0 1 2 3], attempt 1
    ");
    insta::assert_snapshot!(why, @"
    waits for the end of job 1
    ");
}

/// Who needs the success of a job goes with it when it fails, is cancelled or refused, and so do those who need that one's;
/// those who only follow go on.
#[test]
fn a_chain_of_jobs_breaks() {
    let mut world = World::new(strict(), &[("a", line(4))]);
    world.submit(chain(1, 4));
    world.submit(after_success(chain(2, 4), &[1]));
    world.submit(after_success(chain(3, 4), &[2]));
    world.submit(after(chain(4, 4), &[3]));
    fail(&mut world, 1);
    // Told at once of what is known already.
    world.submit(after_success(chain(5, 4), &[3]));
    world.submit(after(chain(6, 1), &[3]));
    world.submit(after(chain(7, 1), &[99]));
    world.finish(4);
    insta::assert_snapshot!(world.log, @"
     1  a joins
     2  1 queued: the global queue
     2  1 starts: a [0 1 2 3], attempt 1
     3  2 queued: the global queue
     4  3 queued: the global queue
     5  4 queued: the global queue
     6  1 failed: the device reported an error
     6  2 cancelled because of 1
     6  3 cancelled because of 2
     6  4 ready: the global queue
     6  4 starts: a [0 1 2 3], attempt 1
     7  5 rejected: job 3 has not completed, on whose success it depends
     8  6 queued: the global queue
     9  7 rejected: it is to follow job 99, which was never submitted or ended longer ago than is remembered; hint: remember_ended_jobs
    10  4 finished
    10  6 starts: a [0], attempt 1
    ");
}

/// A hold and a dependence keep a job each for itself, in whatever order they end.
#[test]
fn a_job_may_be_held_and_follow_another() {
    let mut world = World::new(strict(), &[("a", line(4))]);
    for follower in [2, 4] {
        let first = follower - 1;
        world.submit(chain(first, 4));
        world.submit(after_success(chain(follower, 2), &[first]));
        world.tell(Command::Hold { job: JobId(follower) });
        if follower == 2 {
            world.finish(first);
            world.tell(Command::ReleaseHold { job: JobId(follower) });
        } else {
            world.tell(Command::ReleaseHold { job: JobId(follower) });
            world.finish(first);
        }
        world.finish(follower);
    }
    insta::assert_snapshot!(world.log, @"
     1  a joins
     2  1 queued: the global queue
     2  1 starts: a [0 1 2 3], attempt 1
     3  2 queued: the global queue
     4  2 held
     5  1 finished
     5  2 ready: the global queue
     6  2 released
     6  2 starts: a [0 1], attempt 1
     7  2 finished
     8  3 queued: the global queue
     8  3 starts: a [0 1 2 3], attempt 1
     9  4 queued: the global queue
    10  4 held
    11  4 released
    12  3 finished
    12  4 ready: the global queue
    12  4 starts: a [0 1], attempt 1
    13  4 finished
    ");
}

/// The longest wait begins when the others have ended; a deadline ends it before.
#[test]
fn patience_begins_when_the_others_have_ended() {
    let mut world = World::new(AllocatorConfig { reject_if_late: true, ..strict() }, &[("a", line(4))]);
    world.submit(chain(1, 4));
    world.submit(JobRequest { max_wait_time: Some(Span(5)), ..after(chain(2, 4), &[1]) });
    world.submit(JobRequest { deadline: Some(Time(30)), ..after(chain(3, 4), &[1]) });
    world.wait(40);
    world.submit(chain(4, 4));
    world.tell(Command::Hold { job: JobId(2) });
    world.finish(1);
    world.wait(10);
    insta::assert_snapshot!(world.log, @"
     1  a joins
     2  1 queued: the global queue
     2  1 starts: a [0 1 2 3], attempt 1
     3  2 queued: the global queue
     4  3 queued: the global queue
    29  3 rejected: it could no longer end by its deadline, at 30ns
    45  4 queued: the global queue
    46  2 held
    47  1 finished
    47  2 ready: the global queue
    47  4 starts: a [0 1 2 3], attempt 1
    52  2 expired after 49
    ");
}

/// With a queue per device a job gets its home when it is ready, by what the devices are then.
#[test]
fn a_home_is_chosen_when_the_others_have_ended() {
    let config = AllocatorConfig { queue: per_device(HeadOfLine::Count), ..config() };
    let mut world = World::new(config, &[("a", line(4)), ("b", line(4))]);
    world.submit(chain(1, 4));
    world.submit(after(chain(2, 4), &[1]));
    world.down(Target::Device(DeviceId(0)));
    world.finish(1);
    insta::assert_snapshot!(world.log, @"
    1  a joins
    2  b joins
    3  1 queued: a
    3  1 starts: a [0 1 2 3], attempt 1
    4  2 queued: the global queue
    5  a: Online -> Offline (Fault)
    5  1 requeued: b (DeviceLost)
    5  1 starts: b [0 1 2 3], attempt 2
    6  1 finished
    6  2 ready: b
    6  2 starts: b [0 1 2 3], attempt 1
    ");
}

/// Who follows others waits by the quota of its group, before and after it is ready.
#[test]
fn who_follows_others_counts_as_waiting() {
    let group = Group { quota: Quota { waiting: Some(1), ..Quota::default() }, ..Group::default() };
    let tenants = Tenants { groups: [("0".to_owned(), group)].into() };
    let mut world = World::new(AllocatorConfig { tenants, ..strict() }, &[("a", line(4))]);
    world.submit(chain(1, 4));
    world.submit(after(chain(2, 4), &[1]));
    world.submit(after(chain(3, 4), &[1]));
    world.tell(Command::Hold { job: JobId(2) });
    world.finish(1);
    world.submit(JobRequest { tenant: Tenant { group: 1, ..Tenant::default() }, ..chain(4, 4) });
    world.submit(chain(5, 4));
    world.tell(Command::Cancel { job: JobId(2) });
    world.submit(chain(6, 4));
    insta::assert_snapshot!(world.log, @"
     1  a joins
     2  1 queued: the global queue
     2  1 starts: a [0 1 2 3], attempt 1
     3  2 queued: the global queue
     4  3 queued: the global queue
     4  3 rejected: its group has as many waiting jobs as it may: 1
     5  2 held
     6  1 finished
     6  2 ready: the global queue
     7  4 queued: the global queue
     7  4 starts: a [0 1 2 3], attempt 1
     8  5 queued: the global queue
     8  5 rejected: its group has as many waiting jobs as it may: 1
     9  2 cancelled
    10  6 queued: the global queue
    ");
}

/// Whoever is made anew from the events up to the very end of a job goes on with those who followed it.
#[test]
fn a_core_made_anew_goes_on_with_those_who_followed() {
    let mut core = world::core(strict());
    let mut told = Vec::new();
    let at = |now: u64| Time(now);
    let requests = [
        chain(1, 4),
        after_success(chain(2, 4), &[1]),
        after_success(chain(3, 4), &[2]),
        after(chain(4, 4), &[1]),
    ];
    let mut commands = vec![Command::RegisterDevice { device: DeviceId(0), spec: spec("a", line(4)) }];
    commands.extend(requests.map(|request| Command::Submit(request.into())));
    commands.push(Command::Wake);
    let (allocation, outcome) = (AllocationId(1), Outcome::Error);
    commands.push(Command::Finished { allocation, outcome, shots_done: 1 });
    for command in commands {
        let mut events = Vec::new();
        core.handle(at(1), command, &mut events).unwrap();
        told.extend(events);
    }
    let end = told.iter().position(|event| matches!(event, Event::JobFailed { .. })).unwrap();
    let (before, rest) = told.split_at(end + 1);
    let mut state = State::new(strict());
    before.iter().for_each(|event| state.apply(at(1), event).unwrap());
    let mut resumed = Allocator::resume(state, at(1), StreamFamily::new(1, 0, Purpose::DeviceSelection));
    assert_eq!(resumed.next_wakeup(), Some(at(1)));
    let mut events = Vec::new();
    resumed.handle(at(1), Command::Wake, &mut events).unwrap();
    assert_eq!(rest.len(), 3, "{rest:?}");
    assert_eq!(events[..rest.len()], *rest);
}

/// A lost device ends an attempt, not the job: those who follow it go on waiting.
#[test]
fn a_requeued_job_has_not_ended() {
    let mut world = World::new(strict(), &[("a", line(4))]);
    world.submit(chain(1, 4));
    world.submit(after(chain(2, 4), &[1]));
    world.down(Target::Device(DeviceId(0)));
    world.up(Target::Device(DeviceId(0)));
    assert!(!world.log.contains("2 ready"), "{}", world.log);
    world.finish(1);
    assert!(
        world.log.ends_with("2 ready: the global queue\n  6  2 starts: a [0 1 2 3], attempt 1\n"),
        "{}",
        world.log
    );
}

/// A chain of a hundred thousand breaks in one go, on no deeper a stack and in time that grows with its length alone.
#[test]
fn a_long_chain_breaks() {
    let config = AllocatorConfig { max_queue_length: None, remember_ended_jobs: 200_000, ..strict() };
    let mut core = world::core(config);
    let mut events = Vec::new();
    let spec = spec("a", line(4));
    core.handle(Time(0), Command::RegisterDevice { device: DeviceId(0), spec }, &mut events).unwrap();
    const LENGTH: u64 = 100_000;
    for id in 0..LENGTH {
        let request = after_success(chain(id, 4), id.checked_sub(1).as_slice());
        core.handle(Time(0), Command::Submit(request.into()), &mut events).unwrap();
    }
    core.handle(Time(0), Command::Wake, &mut events).unwrap();
    events.clear();
    core.handle(Time(1), Command::Cancel { job: JobId(0) }, &mut events).unwrap();
    let allocation = core.jobs().find_map(|job| job.allocation()).unwrap();
    core.handle(Time(2), Command::StopAcknowledged { allocation, shots_done: 0 }, &mut events).unwrap();
    let cancelled = events.iter().filter(|event| matches!(event, Event::JobCancelled { .. })).count();
    assert_eq!((cancelled as u64, core.jobs().count()), (LENGTH, 0));
}
