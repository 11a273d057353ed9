//! What cannot have happened is refused by the state, whoever says so: one event changed in one way each. A journal or a
//! database that was tampered with must not become a state.

use std::sync::Arc;

use resource_manager::allocator::config::{AllocatorConfig, HeadOfLine};
use resource_manager::allocator::protocol::{
    Allocation, AllocationId, Command, EpochNumber, Event, FailureReason, Fence, JobId, OrderKey,
    RequeueReason, Status, StatusReason, StopReason, Target, Topology,
};
use resource_manager::allocator::state::State;
use resource_manager::quantum::calibration::Calibration;
use resource_manager::quantum::{CouplerId, DeviceId, PhysicalQubit};
use resource_manager::time::{Span, Time};

use world::{World, config, job, line, per_device, preferring};

mod world;

const A: DeviceId = DeviceId(0);
const B: DeviceId = DeviceId(1);
const NOBODY: DeviceId = DeviceId(9);

/// Changes a start; told the number of an allocation that was given before.
type Change = fn(&mut Allocation, AllocationId);

/// Two jobs run on `a`, one after the other waits for it; `b` is idle but for a guard and a waiting job.
fn busy() -> World {
    let config = AllocatorConfig { queue: per_device(HeadOfLine::Placement), ..config() };
    let mut world = World::new(config, &[("a", line(6)), ("b", line(4))]);
    let mut guarded = preferring(job(9, 2, Topology::Line), &[1]);
    guarded.isolation.temporal_separation = Some(Span(1_000));
    world.submit(guarded);
    world.finish(9);
    world.submit(preferring(job(1, 3, Topology::Line), &[0]));
    world.submit(preferring(job(2, 3, Topology::Line), &[0]));
    world.submit(preferring(job(3, 3, Topology::Line), &[0]));
    world.submit(preferring(job(4, 4, Topology::Line), &[1]));
    world
}

fn verdict(state: &State, event: &Event) -> bool {
    state.clone().apply(Time(100), event).is_ok()
}

fn status(target: Target) -> Event {
    let (from, to, reason) = (Status::Online, Status::Offline, StatusReason::Fault);
    Event::StatusChanged { target, from, to, reason }
}

#[test]
fn what_devices_cannot_do() {
    let world = busy();
    let state = world.core.state();
    let spec = state.fleet().get(B).unwrap().spec.clone();
    let figures = |qubits: usize, couplers: usize| {
        let mut calibration = Calibration::clone(&spec.calibration);
        calibration.qubits.truncate(qubits);
        calibration.couplers.truncate(couplers);
        Arc::new(calibration)
    };
    let recalibrated = |device, epoch, calibration| Event::Recalibrated { device, epoch, calibration };
    for (possible, event) in [
        (true, Event::DeviceRegistered { device: NOBODY, spec: spec.clone() }),
        (false, Event::DeviceRegistered { device: B, spec: spec.clone() }),
        (true, Event::DeviceLeaving { device: B }),
        (false, Event::DeviceLeaving { device: NOBODY }),
        // With jobs that run, with jobs that wait, and not at all.
        (false, Event::DeviceRemoved { device: A }),
        (false, Event::DeviceRemoved { device: B }),
        (false, Event::DeviceRemoved { device: NOBODY }),
        (true, recalibrated(B, EpochNumber(2), figures(4, 3))),
        (false, recalibrated(B, EpochNumber(1), figures(4, 3))),
        (false, recalibrated(B, EpochNumber(3), figures(4, 3))),
        (false, recalibrated(B, EpochNumber(2), figures(3, 3))),
        (false, recalibrated(B, EpochNumber(2), figures(4, 2))),
        (false, recalibrated(NOBODY, EpochNumber(1), figures(4, 3))),
        (true, status(Target::Qubit(B, PhysicalQubit(3)))),
        (false, status(Target::Qubit(B, PhysicalQubit(4)))),
        (true, status(Target::Coupler(B, CouplerId(2)))),
        (false, status(Target::Coupler(B, CouplerId(3)))),
        (false, status(Target::Device(NOBODY))),
    ] {
        assert_eq!(verdict(state, &event), possible, "{event:?}");
    }
    // A device with running jobs alone, too.
    let mut world = world;
    world.tell(Command::Cancel { job: JobId(3) });
    assert!(!verdict(world.core.state(), &Event::DeviceRemoved { device: A }));
}

#[test]
fn what_jobs_cannot_do() {
    let world = busy();
    let state = world.core.state();
    let first = world.allocation(1);
    let reason = StopReason::Cancelled;
    let stop =
        |job, allocation| Event::StopRequested { job: JobId(job), allocation, reason, until: Time(200) };
    let finished = |job, allocation| Event::JobFinished { job: JobId(job), allocation, shots_done: 1 };
    let requeued = |job, allocation| {
        let (reason, device) = (RequeueReason::DeviceLost, Some(A));
        Event::JobRequeued { job: JobId(job), allocation, reason, device }
    };
    let request = |id| Arc::new(job(id, 2, Topology::Line));
    let unfit = AllocatorConfig { max_attempts: 0, ..config() };
    for (possible, event) in [
        (
            true,
            Event::JobQueued { job: request(5), device: Some(B), key: OrderKey::default(), key_until: None },
        ),
        (
            false,
            Event::JobQueued { job: request(3), device: Some(B), key: OrderKey::default(), key_until: None },
        ),
        (
            false,
            Event::JobQueued { job: request(9), device: Some(B), key: OrderKey::default(), key_until: None },
        ),
        (
            false,
            Event::JobQueued {
                job: request(5),
                device: Some(NOBODY),
                key: OrderKey::default(),
                key_until: None,
            },
        ),
        (true, stop(1, first)),
        (false, stop(2, first)),
        (false, stop(3, first)),
        (false, stop(1, AllocationId(77))),
        (true, finished(1, first)),
        (false, finished(2, first)),
        (false, finished(1, AllocationId(77))),
        (true, requeued(1, first)),
        (false, requeued(2, first)),
        (false, Event::JobFailed { job: JobId(2), allocation: first, reason: FailureReason::Execution }),
        (true, Event::JobHeld { job: JobId(3) }),
        (false, Event::JobHeld { job: JobId(1) }),
        (false, Event::JobReleased { job: JobId(3) }),
        (false, Event::JobTransferred { job: JobId(1), device: Some(B) }),
        (false, Event::JobExpired { job: JobId(1), waited: Span(1) }),
        (false, Event::ShotsCredited { job: JobId(1), allocation: AllocationId(77), shots_done: 1 }),
        (true, Event::Reconfigured { config: Box::new(config()) }),
        (false, Event::Reconfigured { config: Box::new(unfit) }),
    ] {
        assert_eq!(verdict(state, &event), possible, "{event:?}");
    }
}

#[test]
fn what_cannot_start() {
    let mut world = busy();
    let fourth = Allocation::clone(world.core.allocation(world.allocation(1)).unwrap());
    let next = world.core.state().next_allocation();
    world.finish(1);
    // It started as the third did, with other numbers: as it is now free to.
    world.finish(3);
    let state = world.core.state();
    let free = Allocation {
        id: AllocationId(next.0 + 1),
        job: JobId(5),
        fence: Fence(fourth.fence.0 + 3),
        ..fourth.clone()
    };
    let mut state = state.clone();
    let waits = Arc::new(preferring(job(5, 3, Topology::Line), &[0]));
    state
        .apply(
            Time(99),
            &Event::JobQueued { job: waits, device: Some(A), key: OrderKey::default(), key_until: None },
        )
        .unwrap();
    let held_by_other = world.core.allocation(world.allocation(2)).unwrap().held.clone();
    let second = world.allocation(2);
    let changes: [(bool, Change); 9] = [
        (true, |_, _| {}),
        (false, |start, second| start.id = second),
        (false, |start, _| start.id = AllocationId(u64::MAX)),
        (false, |start, _| start.attempt = 2),
        (false, |start, _| start.fence = Fence(1)),
        (false, |start, _| start.fence = Fence(u64::MAX)),
        (false, |start, _| start.device = NOBODY),
        (false, |start, _| start.job = JobId(77)),
        (false, |start, _| start.job = JobId(2)),
    ];
    for (number, (possible, change)) in changes.into_iter().enumerate() {
        let mut start = free.clone();
        change(&mut start, second);
        let event = Event::JobStarted { allocation: Arc::new(start) };
        let said = state.clone().apply(Time(100), &event);
        assert_eq!(said.is_ok(), possible, "change {number}: {said:?}");
    }
    let taken = Allocation { held: held_by_other, ..free };
    assert!(!verdict(&state, &Event::JobStarted { allocation: Arc::new(taken) }));
}
