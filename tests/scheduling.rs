//! Who is started when and where, shown event by event: what jobs prefer, queues that must not stand still, homes that
//! must change, limits on queues, and strategies and selectors that misbehave.

use std::sync::Arc;

use resource_manager::allocator::Allocator;
use resource_manager::allocator::candidates::index::FleetIndex;
use resource_manager::allocator::candidates::named::Named;
use resource_manager::allocator::candidates::selection::{Ask, DeviceSelector};
use resource_manager::allocator::config::{
    AllocatorConfig, FixedRegionsConfig, HeadOfLine, PlacementConfig, Queue, Retry, Selection, Starts,
    Strategy,
};
use resource_manager::allocator::placement::{
    Placed, Placement, PlacementOutcome, PlacementRequest, PlacementStrategy,
};
use resource_manager::allocator::protocol::{
    Answer, Command, JobId, JobRequest, QualityBound, Status, StatusReason, Target, Topology,
};
use resource_manager::quantum::coupling_map::CouplingMap;
use resource_manager::quantum::{CouplerId, DeviceId, PhysicalQubit};
use resource_manager::time::{Span, Time};

use world::{World, config, core, grid, job, line, per_device, preferring, spec, square};

mod world;

/// Preferred devices in any order, none of which has the shape, and the one that has it busy: the job waits, and starts
/// when it is free.
#[test]
fn preferences_in_any_order_end() {
    for (_, selection) in Selection::SHIPPED {
        for order in [&[1, 0][..], &[0, 1], &[1], &[2, 1, 0], &[1, 1, 9]] {
            let devices = [("a", line(8)), ("b", line(8)), ("c", grid(2, 3))];
            let mut world = World::new(AllocatorConfig { selection, ..config() }, &devices);
            world.submit(job(1, 4, Topology::Star));
            world.submit(preferring(job(2, 4, Topology::Star), order));
            world.finish(1);
            assert_eq!(
                world.moves, "1 starts on c\n1 finished\n2 starts on c\n",
                "{selection:?}, preferring {order:?}"
            );
        }
    }
}

/// A preferred device without the shape must not hide those before it.
#[test]
fn every_device_is_asked_whatever_is_preferred() {
    for (_, selection) in Selection::SHIPPED {
        for home in [Queue::default(), per_device(HeadOfLine::Placement), per_device(HeadOfLine::Count)] {
            let mut devices: Vec<(&str, CouplingMap)> = vec![("a", grid(2, 3)), ("b", line(8))];
            devices.extend(std::iter::repeat_n(("more", line(8)), 70));
            let queue = home;
            let mut world = World::new(AllocatorConfig { selection, queue, ..config() }, &devices);
            for first in [1, 40, 71] {
                let id = u64::from(first);
                world.submit(preferring(job(id, 4, Topology::Star), &[first]));
                assert!(
                    world.moves.ends_with(&format!("{id} starts on a\n")),
                    "{selection:?}: {}",
                    world.moves
                );
                world.finish(id);
            }
        }
    }
}

/// The head of the queue could only run on a device that leaves. It must not block the others.
#[test]
fn a_device_that_leaves_unblocks_who_waits_behind_its_jobs() {
    for retry in [Retry::Event, Retry::Every(Span(5))] {
        let queue = Queue::global(0);
        let config = AllocatorConfig { queue, retry, ..config() };
        let mut world = World::new(config, &[("big", line(12)), ("small", line(5))]);
        world.down(Target::Device(DeviceId(0)));
        world.submit(job(1, 10, Topology::Line));
        world.submit(job(2, 3, Topology::Line));
        world.wait(20);
        assert_eq!(world.moves, "", "two waits for its turn");
        world.tell(Command::RemoveDevice { device: DeviceId(0) });
        world.wait(20);
        assert_eq!(world.moves, "big leaves\n2 starts on small\n", "{retry:?}");
        world.join("bigger", line(20));
        world.wait(20);
        assert!(world.moves.ends_with("1 starts on bigger\n"), "{retry:?}: {}", world.moves);
    }
}

/// What no device can do any more must not block others either while it waits for its next attempt.
#[test]
fn a_job_that_fits_nowhere_blocks_nobody_between_two_attempts() {
    let queue = Queue::global(0);
    let config = AllocatorConfig { queue, retry: Retry::Every(Span(50)), ..config() };
    let mut world = World::new(config, &[("a", grid(2, 2)), ("b", line(4))]);
    world.submit(square(1));
    world.submit(square(2));
    world.down(Target::Coupler(DeviceId(0), CouplerId(0)));
    world.wait(3);
    world.submit(job(3, 4, Topology::Line));
    assert_eq!(world.moves, "1 starts on a\n1 is requeued\n3 starts on a\n");
}

/// A device whose element dies: its head can never run there again. It moves on, the others run.
#[test]
fn jobs_move_on_from_a_device_that_can_no_longer_take_them() {
    for head_of_line in [HeadOfLine::Placement, HeadOfLine::Count] {
        let queue = per_device(head_of_line);
        let mut world =
            World::new(AllocatorConfig { queue, ..config() }, &[("a", grid(2, 2)), ("b", grid(2, 2))]);
        world.submit(preferring(square(1), &[0]));
        world.submit(preferring(square(2), &[0]));
        for id in 3..6 {
            world.submit(preferring(job(id, 2, Topology::Line), &[0]));
        }
        let before = world.moves.len();
        world.down(Target::Coupler(DeviceId(0), CouplerId(0)));
        let mut lines: Vec<&str> = world.moves[before..].lines().collect();
        lines.sort_unstable();
        // Two run at a time; the requeued square waits behind the other one.
        let expected = ["1 is requeued", "1 starts on b", "2 moves to b", "3 starts on a", "4 starts on a"];
        assert_eq!(lines, expected, "{head_of_line:?}");
        world.finish(3);
        assert!(world.moves.ends_with("5 starts on a\n"), "{head_of_line:?}: {}", world.moves);
        world.finish(1);
        assert!(world.moves.ends_with("2 starts on b\n"), "{head_of_line:?}: {}", world.moves);
    }
}

/// Nobody can take it: it waits apart, and comes back with the repair.
#[test]
fn jobs_without_a_home_come_back_with_a_repair() {
    for head_of_line in [HeadOfLine::Placement, HeadOfLine::Count] {
        let queue = per_device(head_of_line);
        let mut world = World::new(AllocatorConfig { queue, ..config() }, &[("a", grid(2, 2))]);
        world.submit(job(1, 4, Topology::Line));
        world.submit(square(2));
        world.submit(job(3, 2, Topology::Line));
        world.down(Target::Coupler(DeviceId(0), CouplerId(0)));
        let target = Target::Coupler(DeviceId(0), CouplerId(0));
        world.finish(1);
        world.tell(Command::SetStatus { target, status: Status::Online, reason: StatusReason::Repair });
        world.finish(3);
        assert!(world.moves.contains("2 moves to nowhere\n"), "{head_of_line:?}: {}", world.moves);
        assert!(world.moves.contains("2 moves to a\n"), "{head_of_line:?}: {}", world.moves);
        assert!(world.moves.ends_with("3 finished\n2 starts on a\n"), "{head_of_line:?}: {}", world.moves);
    }
}

/// Whether a program may be routed depends on the whole fleet: where its last fitting device loses an element, every
/// queue must look again, not only that of the device.
#[test]
fn what_becomes_routable_anywhere_is_tried_everywhere() {
    let queue = Queue::global(0);
    let mut world = World::new(AllocatorConfig { queue, ..config() }, &[("a", grid(2, 2)), ("b", line(6))]);
    world.down(Target::Device(DeviceId(0)));
    world.submit(JobRequest { max_swap_operations: Some(9), ..square(1) });
    assert_eq!(world.moves, "", "it fits a as it is, and waits for it");
    world.down(Target::Coupler(DeviceId(0), CouplerId(0)));
    assert_eq!(world.moves, "1 starts on b\n");
}

/// And where a device comes that needs no routing, jobs that were to be routed move there.
#[test]
fn who_was_to_be_routed_moves_to_a_device_that_needs_no_routing() {
    for head_of_line in [HeadOfLine::Placement, HeadOfLine::Count] {
        let queue = per_device(head_of_line);
        let mut world = World::new(AllocatorConfig { queue, ..config() }, &[("b", line(6))]);
        world.submit(job(1, 6, Topology::Line));
        world.submit(JobRequest { max_swap_operations: Some(9), ..square(2) });
        world.join("a", grid(2, 2));
        let expected = "1 waits for b\n1 starts on b\n2 waits for b\n2 moves to a\n2 starts on a\n";
        assert_eq!(world.moves, expected, "{head_of_line:?}");
    }
}

/// Where a search gives up on the empty device it would give up for ever: such a device is nobody's home while another
/// one is known to do, whatever is preferred and whichever comes first.
#[test]
fn a_home_where_the_search_gives_up_is_the_last_resort() {
    for strategy in [Strategy::Region, Strategy::FixedRegions] {
        for (_, selection) in Selection::SHIPPED {
            let fixed_regions =
                FixedRegionsConfig { sizes: vec![4], gap: 0, ..FixedRegionsConfig::default() };
            let placement = PlacementConfig { fixed_regions, ..PlacementConfig::default() };
            let queue = per_device(HeadOfLine::Placement);
            let config = AllocatorConfig { strategy, selection, queue, placement, ..config() };
            let mut world = World::new(config, &[("a", line(8)), ("b", grid(2, 2))]);
            world.submit(preferring(square(1), &[0]));
            let expected = "1 waits for b\n1 starts on b\n";
            let why = world.why(1);
            assert_eq!(world.moves, expected, "{strategy:?}, {selection:?}: {why}");
        }
    }
}

/// What was proved of an element that is down says nothing of the same free qubits once it is up again.
#[test]
fn a_proof_ends_with_the_repair() {
    for strategy in [Strategy::FirstFit, Strategy::NoiseAware, Strategy::TopologyAware] {
        let mut world = World::new(AllocatorConfig { strategy, ..config() }, &[("a", grid(2, 2))]);
        world.submit(square(1));
        world.down(Target::Coupler(DeviceId(0), CouplerId(0)));
        assert_eq!(world.why(1), "no device could place it even if it were empty");
        world.up(Target::Coupler(DeviceId(0), CouplerId(0)));
        let expected = "1 starts on a\n1 is requeued\n1 starts on a\n";
        assert_eq!(world.moves, expected, "{strategy:?}");
    }
}

/// The time of the next attempt is that of a queue: who moves to another one is tried there at once.
#[test]
fn a_move_waits_for_no_timer() {
    let queue = per_device(HeadOfLine::Placement);
    let config = AllocatorConfig { queue, retry: Retry::Every(Span(50)), ..config() };
    let mut world = World::new(config, &[("a", grid(2, 2)), ("b", grid(2, 2))]);
    world.submit(preferring(job(1, 4, Topology::Line), &[0]));
    world.submit(preferring(square(2), &[0]));
    world.down(Target::Coupler(DeviceId(0), CouplerId(0)));
    assert!(world.moves.contains("2 moves to b\n1 starts on a\n2 starts on b\n"), "{}", world.moves);
}

/// With queues per device the limit is one on all who wait.
#[test]
fn the_limit_counts_all_queues() {
    let config =
        AllocatorConfig { max_queue_length: Some(2), queue: per_device(HeadOfLine::Placement), ..config() };
    let mut world = World::new(config, &[("a", line(4)), ("b", line(4))]);
    for id in 1..=6 {
        world.say(Command::Submit(Arc::new(preferring(job(id, 4, Topology::Line), &[id as u32 % 2]))));
    }
    world.pass();
    let full = "rejected: the queue holds 2 jobs already, which is its limit\n";
    assert!(world.moves.ends_with(&format!("6 {full}5 {full}")), "{}", world.moves);
    assert_eq!(world.moves.matches("starts").count(), 2, "{}", world.moves);
}

/// Apart or not at all: who asks for an empty neighbourhood starts when its neighbours have ended.
#[test]
fn a_device_that_starts_jobs_when_empty_takes_a_batch_at_a_time() {
    let config = AllocatorConfig { starts: Starts::WhenEmpty, ..config() };
    let mut world = World::new(config, &[("a", line(8))]);
    for id in 1..=2 {
        world.say(Command::Submit(Arc::new(job(id, 3, Topology::Line))));
    }
    world.pass();
    world.submit(job(3, 2, Topology::Line));
    world.finish(1);
    assert!(world.moves.ends_with("1 finished\n"), "{}", world.moves);
    world.finish(2);
    assert!(world.moves.ends_with("2 finished\n3 starts on a\n"), "{}", world.moves);
}

/// All wait apart until four equal devices join: each gets a quarter.
#[test]
fn round_robin_shares_parked_jobs_equally() {
    let config = AllocatorConfig {
        queue: per_device(HeadOfLine::Placement),
        selection: Selection::RoundRobin,
        ..config()
    };
    let mut world = World::new(config, &[("a", line(4))]);
    for id in 0..41 {
        world.submit(job(id, 4, Topology::Line));
    }
    world.tell(Command::RemoveDevice { device: DeviceId(0) });
    world.now = Time(world.now.0 + 1);
    for name in ["b", "c", "d", "e"] {
        let id = DeviceId(world.names.len() as u32);
        world.names.push(name.to_owned());
        world.say(Command::RegisterDevice { device: id, spec: spec(name, line(4)) });
    }
    world.pass();
    let came = |name: &str| world.moves.matches(&format!("moves to {name}\n")).count();
    let shares = ["b", "c", "d", "e"].map(came);
    assert_eq!(shares.iter().sum::<usize>(), 41);
    assert!(shares.iter().all(|share| (10..=11).contains(share)), "{shares:?}");
}

/// With a queue per device the turn is that of the queues: who starts meanwhile must not move it.
#[test]
fn round_robin_turns_with_submissions_only() {
    let config = AllocatorConfig {
        queue: per_device(HeadOfLine::Placement),
        selection: Selection::RoundRobin,
        ..config()
    };
    let mut world = World::new(config, &[("a", line(4)), ("b", line(4)), ("c", line(4))]);
    for id in 0..6 {
        world.submit(job(id, 4, Topology::Line));
    }
    // 3 waits for a and starts there now; the turn was at a, and stays there.
    world.finish(0);
    world.submit(job(6, 4, Topology::Line));
    let homes: Vec<&str> =
        world.moves.lines().filter_map(|line| line.split_once(" waits for ").map(|words| words.1)).collect();
    assert_eq!(homes.join(""), "abcabca");
}

/// A core that was restored goes on with the turn of the one that was saved.
#[test]
fn round_robin_goes_on_after_a_restart() {
    for queue in [Queue::default(), per_device(HeadOfLine::Placement)] {
        let config = AllocatorConfig { queue, selection: Selection::RoundRobin, ..config() };
        let mut world = World::new(config, &[("a", line(4)), ("b", line(4)), ("c", line(4))]);
        world.submit(job(1, 2, Topology::Line));
        world.core = Allocator::restore(&world.core.snapshot()).unwrap();
        world.submit(job(2, 2, Topology::Line));
        assert!(world.moves.ends_with("2 starts on b\n"), "{}", world.moves);
    }
}

/// Whoever waits is told of the device that is nearest to taking it, whatever others lack.
#[test]
fn the_nearest_device_is_named() {
    let mut world = World::new(config(), &[("a", line(6)), ("b", line(6))]);
    world.down(Target::Device(DeviceId(1)));
    world.submit(job(1, 4, Topology::Line));
    world.submit(job(2, 4, Topology::Line));
    assert_eq!(world.why(2), "asks for 4 qubits, at most 2 are free on one device");
}

/// Too few qubits far enough from others is no lack of a region of the shape.
#[test]
fn too_few_qubits_are_no_shape() {
    let mut world = World::new(config(), &[("a", line(6))]);
    world.submit(job(1, 2, Topology::Line));
    let mut apart = job(2, 4, Topology::Line);
    apart.isolation.buffer_distance = Some(1);
    world.submit(apart);
    let why =
        "device 0: of the free qubits, only 3 are within the limits of the job and far enough from others";
    assert_eq!(world.why(2), why);
    assert_eq!(world.core.last_pass().blocked_by_shape, 0);
}

/// Jobs that are counted under one head of line are in no queue; under the other they must be again.
#[test]
fn a_change_of_the_head_of_line_forgets_nobody() {
    let counting = AllocatorConfig { queue: per_device(HeadOfLine::Count), ..config() };
    let mut world = World::new(counting.clone(), &[("a", grid(2, 3))]);
    world.submit(job(1, 2, Topology::Line));
    // Four qubits are free, but not as a star: it is counted, and waits.
    world.submit(job(2, 4, Topology::Star));
    world.submit(job(3, 5, Topology::Line));
    let placing = AllocatorConfig { queue: per_device(HeadOfLine::Placement), ..counting.clone() };
    world.tell(Command::Reconfigure(Box::new(placing)));
    world.finish(1);
    assert!(world.moves.ends_with("1 finished\n2 starts on a\n"), "{}", world.moves);
    world.tell(Command::Reconfigure(Box::new(counting)));
    world.finish(2);
    assert!(world.moves.ends_with("2 finished\n3 starts on a\n"), "{}", world.moves);
}

/// The limit on the queue is for those who wait when all who can start have started, and the latest have to go.
#[test]
fn a_full_queue_turns_the_latest_away_after_the_pass() {
    let config = AllocatorConfig { max_queue_length: Some(1), ..config() };
    let mut world = World::new(config, &[("a", line(8))]);
    for id in 1..=6 {
        world.say(Command::Submit(Arc::new(job(id, 4, Topology::Line))));
    }
    world.pass();
    let full = "rejected: the queue holds 1 jobs already, which is its limit\n";
    assert_eq!(world.moves, format!("1 starts on a\n2 starts on a\n6 {full}5 {full}4 {full}"));
    // Asked again, it is answered as it was decided.
    let again = world.say(Command::Submit(Arc::new(job(5, 4, Topology::Line))));
    assert!(matches!(again, Answer::Rejected(_)), "{again:?}");
    // Two lose their device and wait again: nobody who was let in is turned away, nobody new is let in.
    world.down(Target::Device(DeviceId(0)));
    world.submit(job(7, 1, Topology::Line));
    assert!(world.moves.ends_with(&format!("1 is requeued\n2 is requeued\n7 {full}")), "{}", world.moves);
    assert_eq!(world.core.jobs().count(), 3);
}

#[test]
fn a_limit_of_zero_lets_in_who_can_start() {
    let config = AllocatorConfig { max_queue_length: Some(0), ..config() };
    let mut world = World::new(config, &[("a", line(8))]);
    for id in 1..=3 {
        world.say(Command::Submit(Arc::new(job(id, 3, Topology::Line))));
    }
    world.say(Command::Hold { job: JobId(1) });
    world.pass();
    let full = "rejected: the queue holds 0 jobs already, which is its limit\n";
    assert_eq!(world.moves, format!("2 starts on a\n3 starts on a\n1 {full}"));
}

/// Names the first two devices in turn for ever, and never the third.
struct Stubborn;

impl DeviceSelector for Stubborn {
    fn next(&self, _: &FleetIndex, _: &Ask, named: &Named) -> Option<DeviceId> {
        Some(DeviceId(named.len() as u32 % 2))
    }
}

/// Names one device per job, another one for each.
struct Picky;

impl DeviceSelector for Picky {
    fn next(&self, _: &FleetIndex, ask: &Ask, named: &Named) -> Option<DeviceId> {
        named.is_empty().then_some(DeviceId((ask.draw % 3) as u32))
    }
}

#[test]
fn a_selector_that_repeats_itself_hangs_nobody() {
    let devices = [("a", line(4)), ("b", line(4)), ("c", grid(2, 2))];
    let mut world = World::of(core(config()).with_selector(Box::new(Stubborn)), &devices);
    world.submit(square(1));
    assert_eq!(world.moves, "");
    assert_eq!(world.why(1), "device 0: enough qubits are free, but no region of the shape");
}

/// What one job was refused where its selector looked says nothing of where it looks for the next one.
#[test]
fn a_selector_that_names_few_is_asked_for_every_job() {
    let devices = [("a", line(4)), ("b", line(4)), ("c", grid(2, 2))];
    let mut world = World::of(core(config()).with_selector(Box::new(Picky)), &devices);
    for id in 0..20 {
        world.submit(square(id));
    }
    assert!(world.moves.contains("starts on c"), "{}", world.moves);
}

/// Answers with qubits that it was not offered, or twice with the same.
struct Thief(bool);

impl PlacementStrategy for Thief {
    fn place(&mut self, request: &PlacementRequest<'_>) -> Placed {
        let second = u32::from(!self.0);
        let layout = [0, second].map(PhysicalQubit).into_iter().take(request.pattern.qubits()).collect();
        let placement = Placement { layout, cost: 0, objective: 0, routing: None };
        Placed { outcome: PlacementOutcome::Feasible { placement, gap: None }, steps: 1 }
    }
}

#[test]
fn a_strategy_that_answers_with_others_qubits_books_nothing() {
    for twice in [false, true] {
        let mut world = World::of(core(config()).with_strategy(Box::new(Thief(twice))), &[("a", line(6))]);
        world.submit(job(1, 2, Topology::Line));
        world.submit(job(2, 2, Topology::Line));
        let started = usize::from(!twice);
        assert_eq!(world.moves.matches("starts").count(), started, "{}", world.moves);
        assert!(world.why(2).contains("defect of the strategy"), "{}", world.why(2));
    }
}

/// The limit on the queue is for those who still wait when nobody can start any more at this instant, whatever it takes
/// to find that out.
#[test]
fn nobody_is_turned_away_who_could_start_at_this_instant() {
    let queue = Queue::global(0);
    let config = AllocatorConfig { max_queue_length: Some(1), queue, ..config() };
    let mut world = World::new(config, &[("a", line(3))]);
    world.submit(job(1, 1, Topology::Line));
    world.submit(JobRequest { max_wait_time: Some(Span(7)), ..job(2, 3, Topology::Line) });
    world.wait(7);
    // At this instant its patience ends, two jobs come that it kept waiting, and there is room for both.
    for id in [3, 4] {
        world.say(Command::Submit(Arc::new(job(id, 1, Topology::Line))));
    }
    world.pass();
    assert_eq!(world.moves, "1 starts on a\n3 starts on a\n4 starts on a\n");
}

/// Of those whose patience ends at one instant, who was only kept waiting by another of them starts.
#[test]
fn patience_ends_one_job_at_a_time() {
    let queue = Queue::global(0);
    let mut world = World::new(AllocatorConfig { queue, ..config() }, &[("a", line(3))]);
    world.submit(job(1, 1, Topology::Line));
    world.submit(JobRequest { max_wait_time: Some(Span(8)), ..job(7, 3, Topology::Line) });
    world.submit(JobRequest { max_wait_time: Some(Span(7)), ..job(3, 2, Topology::Line) });
    world.wait(20);
    assert_eq!(world.moves, "1 starts on a\n3 starts on a\n");
    assert!(world.log.contains(" 11  7 expired after 8\n 11  3 starts: a"), "{}", world.log);
}

/// A limit that comes after a job, at the same instant, is one for this job, too.
#[test]
fn a_new_limit_is_for_all_who_came_since_the_last_pass() {
    let mut world = World::new(config(), &[("a", line(3))]);
    world.say(Command::Submit(Arc::new(job(1, 3, Topology::Line))));
    world.say(Command::Submit(Arc::new(job(2, 3, Topology::Line))));
    world.say(Command::Reconfigure(Box::new(AllocatorConfig { max_queue_length: Some(0), ..config() })));
    world.pass();
    let full = "2 rejected: the queue holds 0 jobs already, which is its limit\n";
    assert_eq!(world.moves, format!("1 starts on a\n{full}"));
}

/// At the end of time there is no later attempt, and no end of attempts either.
#[test]
fn retries_end_with_time() {
    let config = AllocatorConfig { retry: Retry::Every(Span(10)), ..config() };
    let mut world = World::new(config, &[("a", line(3))]);
    world.down(Target::Device(DeviceId(0)));
    world.now = Time(u64::MAX - 15);
    world.submit(job(1, 3, Topology::Line));
    for _ in 0..3 {
        if let Some(at) = world.core.next_wakeup() {
            world.now = at;
            world.say(Command::Wake);
        }
    }
    assert_eq!(world.core.next_wakeup(), None);
}

/// A bound that nothing meets is no way out of the regions, though the best couplers lie across two of them.
#[test]
fn fixed_regions_hold_whatever_a_job_demands() {
    let fixed_regions = FixedRegionsConfig { sizes: vec![4], gap: 0, ..FixedRegionsConfig::default() };
    let placement = PlacementConfig { fixed_regions, ..PlacementConfig::default() };
    let config = AllocatorConfig { strategy: Strategy::FixedRegions, placement, ..config() };
    for hard in [None, Some(false), Some(true)] {
        let mut spec = (*spec("a", line(8))).clone();
        let mut calibration = (*spec.calibration).clone();
        for (coupler, figures) in calibration.couplers.iter_mut().enumerate() {
            figures.two_qubit_error = if (1..4).contains(&coupler) { 0.001 } else { 0.03 };
        }
        spec.calibration = Arc::new(calibration);
        let mut world = World::new(config.clone(), &[]);
        world.names.push("a".to_owned());
        world.tell(Command::RegisterDevice { device: DeviceId(0), spec: Arc::new(spec) });
        for id in [1, 2] {
            let mut job = job(id, 4, Topology::Line);
            job.min_success_probability = hard.map(|hard| QualityBound { at_least: 0.99, hard });
            world.submit(job);
        }
        if hard == Some(true) {
            assert!(world.moves.contains("1 rejected"), "{}", world.moves);
            continue;
        }
        let regions = [[0, 1, 2, 3], [4, 5, 6, 7]].map(|region| region.map(PhysicalQubit));
        for id in [1, 2] {
            let held = &world.core.allocation(world.allocation(id)).unwrap().held;
            assert!(
                regions.iter().any(|region| held.iter().all(|qubit| region.contains(&qubit))),
                "{hard:?}"
            );
        }
    }
}
