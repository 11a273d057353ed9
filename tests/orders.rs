//! In which order waiting jobs are looked at, and jobs that are too late, shown event by event.

use std::sync::Arc;

use resource_manager::allocator::Allocator;
use resource_manager::allocator::config::{
    Aging, AllocatorConfig, HeadOfLine, OrderWeights, Promises, Queue, QueueOrder, Retry,
};
use resource_manager::allocator::order::JobOrder;
use resource_manager::allocator::protocol::{
    Answer, Command, JobId, JobRequest, OrderKey, Priority, Rejection, Target, Topology,
};
use resource_manager::quantum::DeviceId;
use resource_manager::time::{Span, Time};

use world::{World, config, core, job, line};

mod world;

/// A job that needs the whole device.
fn whole(id: u64) -> JobRequest {
    job(id, 4, Topology::Line)
}

fn urgent(id: u64, priority: i32) -> JobRequest {
    JobRequest { priority: Priority(priority), ..whole(id) }
}

fn brief(id: u64, walltime: u64) -> JobRequest {
    JobRequest { estimated_duration: Some(Span(walltime)), ..whole(id) }
}

fn due(id: u64, at: u64) -> JobRequest {
    JobRequest { deadline: Some(Time(at)), ..whole(id) }
}

fn with(order: QueueOrder, priority_aging: Aging) -> AllocatorConfig {
    let queue = Queue::global(0);
    AllocatorConfig { order, priority_aging, queue, ..config() }
}

const DEVICE: [(&str, u32); 1] = [("a", 4)];

fn on_one_device(config: AllocatorConfig) -> World {
    World::new(config, &DEVICE.map(|(name, qubits)| (name, line(qubits))))
}

/// The jobs in the order in which they start, one after the other has finished.
fn starts(world: &mut World) -> Vec<u64> {
    let mut order = Vec::new();
    loop {
        let running = world.core.jobs().find(|job| job.allocation().is_some()).map(|job| job.request.id.0);
        let Some(running) = running else { return order };
        order.push(running);
        world.finish(running);
    }
}

#[test]
fn priorities_go_first_and_rise_with_waiting() {
    let submit = |aging| {
        let mut world = on_one_device(with(QueueOrder::Priority, aging));
        for request in [whole(1), urgent(2, -2), whole(3), urgent(4, 2), urgent(5, 2), urgent(6, 9)] {
            world.submit(request);
        }
        starts(&mut world)
    };
    assert_eq!(submit(Aging::Off), [1, 6, 4, 5, 3, 2]);
    // A nanosecond is worth a step: one who came two before, and is two less urgent, is as urgent, and came first.
    assert_eq!(submit(Aging::Every(Span(1))), [1, 6, 4, 3, 5, 2]);
    // An hour is worth a step: as good as none here.
    assert_eq!(submit(Aging::Every(Span::from_secs(3_600))), [1, 6, 4, 5, 3, 2]);
}

/// Without aging a stream of urgent jobs starves a low one; with it the low one starts when those that come are no longer
/// more urgent than it has become.
#[test]
fn aging_ends_the_wait_of_low_priorities() {
    let served_after = |aging| {
        let mut world = on_one_device(with(QueueOrder::Priority, aging));
        world.submit(whole(1));
        world.submit(urgent(2, -10));
        for id in 3..203 {
            world.submit(whole(id));
            let running = world.core.jobs().find(|job| job.allocation().is_some()).unwrap().request.id.0;
            if running == 2 {
                return Some(id);
            }
            world.finish(running);
        }
        None
    };
    assert_eq!(served_after(Aging::Off), None);
    let with_aging = served_after(Aging::Every(Span(4))).expect("it starts");
    assert!((20..30).contains(&with_aging), "ten steps of 4 ns, two of which pass per job: {with_aging}");
}

/// Two steps of 10 ns at most: who has risen so far is passed by one that came later, and is more urgent by one, once that
/// one has risen one step; before that it is passed by nobody. Neither queues of devices, nor holds, nor a restart change
/// that.
#[test]
fn who_has_risen_to_the_cap_is_passed_by_those_who_still_rise() {
    let capped = Aging::Capped { every: Span(10), at_most: 2 };
    let queues = [
        Queue::global(0),
        Queue::per_device(0, HeadOfLine::Placement),
        Queue::per_device(0, HeadOfLine::Count),
    ];
    for (queue, restarts) in queues.into_iter().flat_map(|queue| [(queue, false), (queue, true)]) {
        let order = |aging, wait| {
            let mut world = on_one_device(AllocatorConfig { queue, ..with(QueueOrder::Priority, aging) });
            world.submit(whole(1));
            world.submit(whole(2));
            world.wait(20);
            world.submit(urgent(3, 1));
            if restarts {
                world.tell(Command::Hold { job: JobId(3) });
                world.core = Allocator::restore(&world.core.snapshot()).unwrap();
                world.tell(Command::ReleaseHold { job: JobId(3) });
            }
            world.wait(wait);
            starts(&mut world)
        };
        assert_eq!(order(capped, 4), [1, 2, 3], "job 3 has come at 24 and rises until 34");
        assert_eq!(order(capped, 20), [1, 3, 2]);
        assert_eq!(order(Aging::Every(Span(10)), 20), [1, 2, 3], "job 2 came two steps before it");
        assert_eq!(order(Aging::Off, 4), [1, 3, 2]);
    }
}

/// Who runs rises as well, and stands where it would if it had waited; who is at the cap sets no timer any more, nor does
/// anybody under another order, nor who has ended.
#[test]
fn nobody_wakes_up_for_those_at_the_cap() {
    let capped = with(QueueOrder::Priority, Aging::Capped { every: Span(10), at_most: 2 });
    let mut world = on_one_device(capped.clone());
    world.submit(whole(1));
    world.submit(whole(2));
    assert_eq!(world.core.next_wakeup(), Some(Time(12)));
    world.wait(20);
    assert_eq!((world.now, world.core.next_wakeup()), (Time(23), None));
    world.submit(urgent(3, 1));
    world.wait(20);
    world.down(Target::Device(DeviceId(0)));
    world.up(Target::Device(DeviceId(0)));
    assert_eq!(starts(&mut world), [3, 1, 2], "{}", world.log);

    let mut world = on_one_device(capped.clone());
    world.submit(whole(1));
    world.submit(whole(2));
    world.tell(Command::Cancel { job: JobId(2) });
    assert_eq!(world.core.next_wakeup(), Some(Time(12)), "that of job 1, which runs");
    world.tell(Command::Reconfigure(Box::new(with(QueueOrder::Priority, Aging::Off))));
    assert_eq!(world.core.next_wakeup(), None);
    // Back again, halfway through a step.
    world.wait(12);
    world.tell(Command::Reconfigure(Box::new(capped)));
    assert_eq!((world.now, world.core.next_wakeup()), (Time(18), Some(Time(22))));
}

/// A job is promised a start, until one comes forward that is promised it instead.
#[test]
fn a_promise_goes_to_who_comes_forward() {
    let queue = Queue::Global { skip_ahead: None, promises: Some(Promises::Easy) };
    let aging = Aging::Capped { every: Span(10), at_most: 2 };
    let mut world = on_one_device(AllocatorConfig { queue, ..with(QueueOrder::Priority, aging) });
    world.submit(brief(1, 100));
    world.submit(brief(2, 50));
    world.wait(20);
    world.submit(JobRequest { priority: Priority(1), ..brief(3, 50) });
    world.wait(20);
    assert_eq!(
        format!("\n{}", world.log),
        "
  1  a joins
  2  1 queued: the global queue
  2  1 starts: a [0 1 2 3], attempt 1
  3  2 queued: the global queue
  3  2 is promised: a [0 1 2 3] at 102
 24  3 queued: the global queue
 34  3 is promised: a [0 1 2 3] at 102
 34  2 is promised nothing, since others are before it now
"
    );
}

#[test]
fn the_shortest_and_the_most_pressing_go_first() {
    let mut world = on_one_device(with(QueueOrder::ShortestFirst, Aging::Off));
    for request in [whole(1), whole(2), brief(3, 500), brief(4, 100), brief(5, 100)] {
        world.submit(request);
    }
    assert_eq!(starts(&mut world), [1, 4, 5, 3, 2]);
    let mut world = on_one_device(with(QueueOrder::EarliestDeadline, Aging::Off));
    for request in [whole(1), whole(2), due(3, 900), due(4, 800), due(5, 900)] {
        world.submit(request);
    }
    assert_eq!(starts(&mut world), [1, 4, 3, 5, 2]);
}

/// Every weight, alone and turned round; together they add up, and without any jobs go in order of submission.
#[test]
fn the_most_points_go_first() {
    let hours = |hours: u64| hours * 3_600_000_000_000;
    let order = |order_weights| {
        let weighted = with(QueueOrder::Weighted, Aging::default());
        let mut world = on_one_device(AllocatorConfig { order_weights, ..weighted });
        world.submit(whole(1));
        world.submit(brief(2, hours(2)));
        world.submit(JobRequest { priority: Priority(3), ..brief(3, hours(1)) });
        world.submit(JobRequest { estimated_duration: Some(Span(hours(3))), ..job(4, 2, Topology::Line) });
        world.submit(JobRequest { estimated_duration: Some(Span(hours(4))), ..due(5, hours(5)) });
        starts(&mut world)
    };
    let none = OrderWeights::default();
    assert_eq!(order(none), [1, 2, 3, 4, 5]);
    assert_eq!(order(OrderWeights { priority: 1, ..none }), [1, 3, 2, 4, 5]);
    assert_eq!(order(OrderWeights { priority: -1, ..none }), [1, 2, 4, 5, 3]);
    assert_eq!(order(OrderWeights { age: 1, ..none }), [1, 2, 3, 4, 5]);
    assert_eq!(order(OrderWeights { age: -1, ..none }), [1, 5, 4, 3, 2]);
    assert_eq!(order(OrderWeights { qubits: 1, ..none }), [1, 2, 3, 5, 4]);
    assert_eq!(order(OrderWeights { qubits: -1, ..none }), [1, 4, 2, 3, 5]);
    assert_eq!(order(OrderWeights { walltime: 1, ..none }), [1, 5, 4, 2, 3]);
    assert_eq!(order(OrderWeights { walltime: -1, ..none }), [1, 3, 2, 4, 5]);
    assert_eq!(order(OrderWeights { deadline: 1, ..none }), [1, 5, 2, 3, 4]);
    assert_eq!(order(OrderWeights { deadline: -1, ..none }), [1, 4, 3, 2, 5]);
    // Of hours and qubits, 2 and 3 points each: job 4 has 12, job 3 has 14, job 2 has 16, job 5 has 20.
    let short_and_narrow = OrderWeights { walltime: -2, qubits: -3, ..none };
    assert_eq!(order(short_and_narrow), [1, 4, 3, 2, 5]);
    assert_eq!(order(OrderWeights { priority: 2, ..short_and_narrow }), [1, 3, 4, 2, 5]);
}

/// Queues of devices have the order, too; who was held or has lost its device stands where it stood.
#[test]
fn held_and_requeued_jobs_keep_their_ranks() {
    for queue in [
        Queue::global(0),
        Queue::per_device(0, HeadOfLine::Placement),
        Queue::per_device(0, HeadOfLine::Count),
    ] {
        let mut world = on_one_device(AllocatorConfig { queue, ..with(QueueOrder::Priority, Aging::Off) });
        world.submit(urgent(1, 5));
        world.submit(urgent(2, 7));
        world.submit(urgent(3, 9));
        world.submit(urgent(4, 3));
        world.tell(Command::Hold { job: JobId(2) });
        world.down(Target::Device(DeviceId(0)));
        world.tell(Command::ReleaseHold { job: JobId(2) });
        world.up(Target::Device(DeviceId(0)));
        assert_eq!(starts(&mut world), [3, 2, 1, 4], "{queue:?}:\n{}", world.log);
    }
}

/// Another order is in force at once for those who wait already, those who run and come back, and after a restart.
#[test]
fn another_order_moves_those_who_wait() {
    let mut world = on_one_device(with(QueueOrder::Fifo, Aging::Off));
    for request in [urgent(1, 4), urgent(2, 1), urgent(3, 5), urgent(4, 3)] {
        world.submit(request);
    }
    world.tell(Command::Reconfigure(Box::new(with(QueueOrder::Priority, Aging::Off))));
    let bytes = world.core.snapshot();
    world.core = Allocator::restore(&bytes).unwrap();
    // The one that runs loses its device.
    world.down(Target::Device(DeviceId(0)));
    world.up(Target::Device(DeviceId(0)));
    assert_eq!(starts(&mut world), [3, 1, 4, 2], "{}", world.log);
    // And back.
    let mut world = on_one_device(with(QueueOrder::Priority, Aging::Off));
    for request in [whole(1), urgent(2, 1), urgent(3, 5)] {
        world.submit(request);
    }
    world.tell(Command::Reconfigure(Box::new(with(QueueOrder::Fifo, Aging::Off))));
    assert_eq!(starts(&mut world), [1, 2, 3]);
}

/// Why a job waits names who stands before it in the order in force.
#[test]
fn the_reason_names_who_is_ahead() {
    let mut world = on_one_device(with(QueueOrder::Priority, Aging::Off));
    for request in [whole(1), whole(2), urgent(3, 5)] {
        world.submit(request);
    }
    assert_eq!(world.why(2), "waits behind job 3");
    assert_eq!(world.why(3), "asks for 4 qubits, at most 0 are free on one device");
}

#[test]
fn who_is_too_late_is_refused_where_so_configured() {
    let refusing = AllocatorConfig { reject_if_late: true, ..with(QueueOrder::Fifo, Aging::Off) };
    let mut world = on_one_device(refusing);
    world.submit(JobRequest { deadline: Some(Time(300)), ..brief(1, 100) });
    // On arrival: 100 ns of work, 40 ns left.
    let late = JobRequest { deadline: Some(Time(world.now.0 + 41)), ..brief(2, 100) };
    world.submit(late);
    // While it waits: it could start until 60.
    world.submit(JobRequest { deadline: Some(Time(100)), ..brief(3, 40) });
    // Without a walltime of its own it takes at least a nanosecond.
    world.submit(due(4, 70));
    // Patience ends first.
    world.submit(JobRequest { max_wait_time: Some(Span(10)), ..due(5, 90) });
    world.wait(90);
    assert_eq!(
        format!("\n{}", world.log),
        "
  1  a joins
  2  1 queued: the global queue
  2  1 starts: a [0 1 2 3], attempt 1
  3  2 rejected: it could no longer end by its deadline, at 43ns
  4  3 queued: the global queue
  5  4 queued: the global queue
  6  5 queued: the global queue
 16  5 expired after 10
 60  3 rejected: it could no longer end by its deadline, at 100ns
 69  4 rejected: it could no longer end by its deadline, at 70ns
"
    );
    // A repeated submission gets the same answer.
    let again = Arc::new(JobRequest { deadline: Some(Time(100)), ..brief(3, 40) });
    assert_eq!(world.say(Command::Submit(again)), Answer::Rejected(Rejection::TooLate(Time(100))));
}

/// Whoever can start at the last instant does; who has started once is not refused any more; and the setting counts from the
/// instant at which it is made.
#[test]
fn the_last_instant_is_early_enough() {
    let refusing = AllocatorConfig { reject_if_late: true, ..with(QueueOrder::Fifo, Aging::Off) };
    let mut world = on_one_device(refusing.clone());
    world.submit(whole(1));
    world.submit(JobRequest { deadline: Some(Time(100)), ..brief(2, 60) });
    world.now = Time(39);
    world.finish(1);
    assert!(world.log.ends_with(" 40  1 finished\n 40  2 starts: a [0 1 2 3], attempt 1\n"), "{}", world.log);
    world.down(Target::Device(DeviceId(0)));
    world.wait(200);
    assert!(world.log.ends_with("2 requeued: the global queue (DeviceLost)\n"), "{}", world.log);

    let mut world = on_one_device(with(QueueOrder::Fifo, Aging::Off));
    world.submit(whole(1));
    world.submit(due(2, 20));
    world.submit(due(3, 60));
    world.wait(40);
    world.tell(Command::Reconfigure(Box::new(refusing)));
    world.wait(0);
    assert!(
        world.log.ends_with(" 45  2 rejected: it could no longer end by its deadline, at 20ns\n"),
        "{}",
        world.log
    );
    world.tell(Command::Reconfigure(Box::new(with(QueueOrder::Fifo, Aging::Off))));
    world.wait(100);
    assert!(
        world.log.ends_with(" 45  2 rejected: it could no longer end by its deadline, at 20ns\n"),
        "{}",
        world.log
    );
}

/// A job that is tried again on a timer is tried once more when its time ends: nobody is sent away beside an idle device.
#[test]
fn timers_of_retries_do_not_outlast_patience() {
    for by_deadline in [true, false] {
        let retry = Retry::Every(Span(50));
        let refusing = AllocatorConfig { reject_if_late: true, retry, ..with(QueueOrder::Fifo, Aging::Off) };
        let mut world = on_one_device(refusing);
        world.submit(whole(1));
        world.submit(match by_deadline {
            true => JobRequest { deadline: Some(Time(40)), ..brief(2, 10) },
            false => JobRequest { max_wait_time: Some(Span(27)), ..whole(2) },
        });
        world.wait(5);
        world.finish(1);
        world.wait(40);
        assert!(world.log.contains(" 30  2 starts: a [0 1 2 3], attempt 1\n"), "{}", world.log);
    }
}

/// An order of one's own: those with an odd number first.
struct OddFirst;

impl JobOrder for OddFirst {
    fn key(&self, job: &JobRequest, _: Time) -> OrderKey {
        OrderKey(i128::from(job.id.0.is_multiple_of(2)))
    }
}

/// Another one: those with an even number come forward when they have waited for 50 ns. Asked later than that, it says a time
/// that is over, and means never.
struct EvenInTheEnd;

impl JobOrder for EvenInTheEnd {
    fn key(&self, _: &JobRequest, _: Time) -> OrderKey {
        OrderKey::default()
    }

    fn key_at(&self, job: &JobRequest, submitted: Time, now: Time) -> (OrderKey, Option<Time>) {
        let comes = submitted + Span(50);
        let even = job.id.0.is_multiple_of(2);
        (OrderKey(-i128::from(even && comes <= now)), even.then_some(comes))
    }
}

#[test]
fn an_order_of_ones_own_may_change_its_mind() {
    let order = |wait| {
        let core = core(with(QueueOrder::Fifo, Aging::Off)).with_order(Box::new(EvenInTheEnd));
        let mut world = World::of(core, &[("a", line(4))]);
        for id in 1..7 {
            world.submit(whole(id));
        }
        world.wait(wait);
        starts(&mut world)
    };
    assert_eq!(order(10), [1, 2, 3, 4, 5, 6]);
    // Jobs 2 and 4 have come forward by 56; each that ends takes a nanosecond, which lets job 6 come in time.
    assert_eq!(order(48), [1, 2, 4, 6, 3, 5]);
}

/// An order that the program brings along; what it said is part of the state, so that a core that is restored without it
/// keeps those who wait in their places.
#[test]
fn an_order_of_ones_own_survives_settings_and_restarts() {
    let core = core(with(QueueOrder::Fifo, Aging::Off)).with_order(Box::new(OddFirst));
    let mut world = World::of(core, &[("a", line(4))]);
    for id in 1..7 {
        world.submit(whole(id));
    }
    world.tell(Command::Reconfigure(Box::new(with(QueueOrder::EarliestDeadline, Aging::Off))));
    world.core = Allocator::restore(&world.core.snapshot()).unwrap();
    assert_eq!(starts(&mut world), [1, 3, 5, 2, 4, 6]);
}
