use super::*;
use crate::allocator::protocol::{
    DriverAction, Elasticity, ElementLimits, EpochNumber, FailureReason, Fence, IsolationLevel, QualityBound,
    Rejection, RequeueReason, Status, WaitCause, Waited,
};
use crate::observe::fixture::*;
use crate::quantum::PhysicalQubit;
use crate::quantum::coupling_map::CouplingMap;
use crate::quantum::device::{DeviceSpec, Technology};
use crate::time::Span;

/// A run that can be bent at one place: two jobs on a line of twelve qubits, the second one elsewhere and later.
struct Story {
    spec: DeviceSpec,
    first: JobRequest,
    second: JobRequest,
    grants: [Allocation; 2],
    /// Replaces the events after the starts (at 10 s and 20 s), at 40 s.
    after: Vec<Event>,
    /// Comes between the two starts, at 15 s.
    between: Vec<Event>,
}

impl Story {
    fn legal() -> Self {
        let map = CouplingMap::line(12).unwrap();
        Self {
            grants: [grant(at(10), 1, 1, &map, &[0, 1, 2]), grant(at(20), 2, 2, &map, &[5, 6])],
            spec: spec("line", map),
            first: line_job(1, 3),
            second: line_job(2, 2),
            between: Vec::new(),
            after: vec![finished(1, 1), finished(2, 2)],
        }
    }

    fn place(&mut self, which: usize, layout: &[u32]) {
        let old = &self.grants[which];
        let new = grant(old.started, old.job.0, old.id.0, &self.spec.coupling_map, layout);
        self.grants[which] = new;
    }

    fn audit(self) -> Auditor {
        let mut auditor = Auditor::new();
        let mut tells = TellsWaits::default();
        let mut tell = |seconds, event: &Event| {
            tells.each(at(seconds), event, |event| auditor.observe(at(seconds), event));
        };
        tell(0, &registered(DEVICE, self.spec));
        tell(1, &queued(self.first));
        tell(2, &queued(self.second));
        let [first, second] = self.grants;
        tell(10, &started(first));
        self.between.iter().for_each(|event| tell(15, event));
        tell(20, &started(second));
        self.after.iter().for_each(|event| tell(40, event));
        auditor.finish(at(50));
        auditor
    }
}

fn bent(change: impl FnOnce(&mut Story)) -> String {
    let mut story = Story::legal();
    change(&mut story);
    let auditor = story.audit();
    let listed: Vec<String> = auditor.violations().iter().map(ToString::to_string).collect();
    assert_eq!(auditor.total(), listed.len() as u64);
    listed.join("\n")
}

fn coupler_dead(story: &mut Story, coupler: usize) {
    Arc::make_mut(&mut story.spec.calibration).couplers[coupler].dead = true;
}

#[test]
fn a_legal_run_has_no_violations() {
    assert_eq!(bent(|_| {}), "");
    let legal: [fn(&mut Story); 8] = [
        // Two idle qubits apart when the first asks for two, and a reset as promised.
        |story| {
            story.grants[0].isolation.buffer_distance = 2;
            story.grants[0].isolation.hardware_reset = true;
            story.grants[0].driver_actions.push(DriverAction::Reset);
        },
        // Requeued at the instant its device is lost, then started again.
        |story| {
            story.between = vec![
                status(Target::Device(DEVICE), Status::Online, Status::Offline),
                requeued(1, 1),
                status(Target::Device(DEVICE), Status::Offline, Status::Online),
            ];
            story.after = vec![finished(2, 2), {
                let mut again = grant(at(40), 1, 3, &story.spec.coupling_map, &[5, 6, 7]);
                again.attempt = 2;
                started(again)
            }];
        },
        // A region needs no particular couplers.
        |story| {
            story.first.topology = Topology::Any;
            story.place(0, &[2, 0, 1]);
        },
        // Limits that are just met.
        |story| story.first.limits = ElementLimits { max_readout_error: 0.01, ..ElementLimits::NONE },
        // Figures that became bad after the start do not end a run.
        |story| {
            let mut worse = (*story.spec.calibration).clone();
            worse.qubits[0].dead = true;
            let (device, epoch) = (DEVICE, EpochNumber(2));
            story.between = vec![Event::Recalibrated { device, epoch, calibration: Arc::new(worse) }];
            story.grants[1].epoch = epoch;
        },
        // Reuse at the end of the guard.
        |story| {
            story.grants[0].isolation.guard = Span::from_secs(5);
            story.between = vec![finished(1, 1)];
            story.place(1, &[0, 1]);
            story.after = vec![finished(2, 2)];
        },
        // A job that waits exactly as long as it may.
        |story| story.second.max_wait_time = Some(Span::from_secs(18)),
        // A draining device lets its jobs end.
        |story| story.after.insert(0, status(Target::Device(DEVICE), Status::Online, Status::Draining)),
    ];
    for (number, change) in legal.into_iter().enumerate() {
        assert_eq!(bent(change), "", "variant {number}");
    }
}

#[test]
fn isolation_is_audited() {
    let cases = [
        bent(|story| story.place(1, &[2, 3])),
        bent(|story| story.place(1, &[3, 4])),
        bent(|story| story.grants[0].isolation.buffer_distance = 3),
        bent(|story| story.spec.limits.min_qubit_separation = 4),
        bent(|story| {
            // A dead coupler still counts as an edge.
            coupler_dead(story, 2);
            story.place(1, &[3, 4]);
        }),
        bent(|story| {
            // On a complete device a buffer means exclusive use.
            story.spec = spec("ions", CouplingMap::all_to_all(12).unwrap());
        }),
        bent(|story| {
            story.grants[0].isolation.guard = Span::from_secs(6);
            story.between = vec![finished(1, 1)];
            story.place(1, &[2, 3]);
            story.after.remove(0);
        }),
        bent(|story| {
            story.spec.limits.reconfiguration_time = Span::from_secs(6);
            story.between = vec![finished(1, 1)];
            story.place(1, &[2, 3]);
            story.after.remove(0);
        }),
    ];
    insta::assert_snapshot!(cases.join("\n"), @"
    double_hold at 20s: allocations 2 and 1 both hold qubit 2 of device 0
    buffer_too_narrow at 20s: allocations 2 and 1 on device 0 are at distance 1, at least 2 is required
    buffer_too_narrow at 20s: allocations 2 and 1 on device 0 are at distance 3, at least 4 is required
    buffer_too_narrow at 20s: allocations 2 and 1 on device 0 are at distance 3, at least 5 is required
    buffer_too_narrow at 20s: allocations 2 and 1 on device 0 are at distance 1, at least 2 is required
    buffer_too_narrow at 20s: allocations 2 and 1 on device 0 are at distance 1, at least 2 is required
    guard_broken at 20s: allocation 2 uses qubit 2 of device 0, which is guarded until 21s
    guard_broken at 20s: allocation 2 uses qubit 2 of device 0, which is guarded until 21s
    ");
    let isolation =
        Story { spec: spec("ions", CouplingMap::all_to_all(12).unwrap()), ..Story::legal() }.audit();
    assert_eq!(isolation.isolation_violations(), 1);
    assert_eq!(isolation.isolation_violations_on(DEVICE), 1);
}

/// Two errors of 0.3 % side by side: each job drives one or two couplers beside the other's nearest one.
#[test]
fn crosstalk_is_audited() {
    let close = |story: &mut Story| {
        story.place(1, &[3, 4]);
        story.grants.iter_mut().for_each(|grant| grant.isolation.buffer_distance = 0);
    };
    let limited = |story: &mut Story, which: usize, asked: f64, promised: f64| {
        let job = if which == 0 { &mut story.first } else { &mut story.second };
        job.isolation.max_crosstalk = Some(asked);
        story.grants[which].isolation.max_crosstalk = Some(promised);
    };
    let cases = [
        bent(|story| {
            close(story);
            limited(story, 0, 0.0010, 0.0010);
        }),
        bent(|story| {
            close(story);
            limited(story, 1, 0.0010, 0.0010);
        }),
        bent(|story| limited(story, 1, 0.001, 0.002)),
        bent(|story| {
            close(story);
            limited(story, 1, 0.0010, 0.0010);
            story.second.topology = Topology::Any;
        }),
        bent(|story| {
            close(story);
            limited(story, 0, 0.0, 0.0);
            limited(story, 1, 0.0, 0.0);
        }),
    ];
    insta::assert_snapshot!(cases.join("\n"), @"
    too_much_crosstalk at 20s: the start of allocation 2 on device 0 breaks the limit of allocation 1 on crosstalk at qubit 1
    too_much_crosstalk at 20s: the start of allocation 2 on device 0 breaks the limit of allocation 2 on crosstalk at qubit 3
    promise_too_weak at 20s: allocation 2 promises job 2 less limit on crosstalk than it asked for
    too_much_crosstalk at 20s: the start of allocation 2 on device 0 breaks the limit of allocation 2 on crosstalk at qubit 3
    too_much_crosstalk at 20s: the start of allocation 2 on device 0 breaks the limit of allocation 2 on crosstalk at qubit 3
    too_much_crosstalk at 20s: the start of allocation 2 on device 0 breaks the limit of allocation 1 on crosstalk at qubit 1
    ");
    let legal: [fn(&mut Story); 2] = [
        // One driven coupler adds 0.338 of 0.3 %.
        |story| story.first.isolation.max_crosstalk = Some(0.00102),
        // Gates of ions do not disturb each other.
        |story| {
            story.first.isolation.max_crosstalk = Some(0.0);
            story.spec.technology = Technology::TrappedIon;
        },
    ];
    for (number, change) in legal.into_iter().enumerate() {
        let found = bent(|story| {
            close(story);
            change(story);
            story.grants[0].isolation.max_crosstalk = story.first.isolation.max_crosstalk;
        });
        assert_eq!(found, "", "variant {number}");
    }
}

#[test]
fn grants_are_audited() {
    let cases = [
        bent(|story| story.second.isolation.buffer_distance = Some(2)),
        bent(|story| story.second.isolation.level = Some(IsolationLevel::Strong)),
        bent(|story| story.second.isolation.temporal_separation = Some(Span(1))),
        bent(|story| story.second.isolation.hardware_reset = Some(true)),
        bent(|story| story.grants[1].isolation.hardware_reset = true),
        bent(|story| story.place(1, &[5, 6, 7])),
        bent(|story| story.grants[1].layout[1] = PhysicalQubit(5)),
        bent(|story| story.grants[1].layout[1] = PhysicalQubit(12)),
        bent(|story| story.grants[1].layout[1] = PhysicalQubit(7)),
        bent(|story| story.place(1, &[5, 7])),
        bent(|story| coupler_dead(story, 5)),
        bent(|story| {
            let coupler = story.spec.coupling_map.coupler(PhysicalQubit(5), PhysicalQubit(6)).unwrap();
            story.between =
                vec![status(Target::Coupler(DEVICE, coupler), Status::Online, Status::Quarantined)];
        }),
        bent(|story| {
            story.second.topology = Topology::Any;
            story.place(1, &[5, 7]);
        }),
        bent(|story| Arc::make_mut(&mut story.spec.calibration).qubits[6].readout_error = 0.5),
        bent(|story| {
            let qubit = Target::Qubit(DEVICE, PhysicalQubit(6));
            story.between = vec![status(qubit, Status::Online, Status::Draining)];
        }),
        bent(|story| story.second.limits.min_t2_s = 160e-6),
        bent(|story| story.second.limits.max_two_qubit_error = 2e-3),
        bent(|story| {
            story.between = vec![status(Target::Device(DEVICE), Status::Online, Status::Draining)];
        }),
        bent(|story| story.spec.limits.max_concurrent_tasks = Some(1)),
        bent(|story| story.second.excluded_devices.push(DEVICE)),
        bent(|story| story.grants[1].fence = Fence(1)),
        bent(|story| {
            story.grants[1].id = AllocationId(1);
            story.after[1] = finished(2, 1);
        }),
        bent(|story| story.grants[1].attempt = 2),
        bent(|story| story.grants[1].tenant.user = 7),
        bent(|story| story.grants[1].epoch = EpochNumber(2)),
        bent(|story| {
            let calibration = Arc::clone(&story.spec.calibration);
            story.between = vec![Event::Recalibrated { device: DEVICE, epoch: EpochNumber(1), calibration }];
        }),
    ];
    insta::assert_snapshot!(cases.join("\n"), @"
    promise_too_weak at 20s: allocation 2 promises job 2 less buffer distance than it asked for
    promise_too_weak at 20s: allocation 2 promises job 2 less buffer distance than it asked for
    promise_too_weak at 20s: allocation 2 promises job 2 less temporal separation than it asked for
    promise_too_weak at 20s: allocation 2 promises job 2 less hardware reset than it asked for
    reset_missing at 20s: allocation 2 promises a reset that no driver action makes
    wrong_size at 20s: allocation 2 has 3 qubits, but job 2 asks for 2 to 2
    illegal_layout at 20s: the layout of allocation 2 on device 0 names qubit 5 twice
    illegal_layout at 20s: the layout of allocation 2 on device 0 names qubit 12, which does not exist
    illegal_layout at 20s: the layout of allocation 2 on device 0 does not have the qubits that are held
    missing_coupler at 20s: allocation 2 needs a coupler between qubits 5 and 7 of device 0
    missing_coupler at 20s: allocation 2 needs a coupler between qubits 5 and 6 of device 0
    missing_coupler at 20s: allocation 2 needs a coupler between qubits 5 and 6 of device 0
    disconnected_region at 20s: the region of allocation 2 on device 0 is not connected
    unusable_qubit at 20s: allocation 2 uses qubit 6 of device 0, which is dead or not in service
    unusable_qubit at 20s: allocation 2 uses qubit 6 of device 0, which is dead or not in service
    limit_exceeded at 20s: allocation 2 breaks its limit on T2 at qubit 5 of device 0
    limit_exceeded at 20s: allocation 2 breaks its limit on T2 at qubit 6 of device 0
    limit_exceeded at 20s: allocation 2 breaks its limit on two-qubit error at qubit 5 of device 0
    device_not_online at 20s: allocation 2 starts on device 0, which is Draining
    too_many_tasks at 20s: allocation 2 is number 2 on device 0, which allows 1
    excluded_device at 20s: allocation 2 is on device 0, which job 2 excludes
    fence_not_rising at 20s: allocation 2 has fence 1 after fence 1 on device 0
    allocation_reused at 20s: the number 1 was given to an allocation before
    wrong_attempt at 20s: job 2 starts attempt 2, expected 1
    grant_mismatch at 20s: allocation 2 has another tenant or start than its job 2 and event
    stale_calibration at 20s: allocation 2 rests on calibration 2 of device 0, but 1 is in force
    epoch_not_rising at 15s: device 0 goes from calibration 1 to 1
    ");
}

#[test]
fn the_course_of_jobs_is_audited() {
    let stop =
        |reason| Event::StopRequested { job: JobId(2), allocation: AllocationId(2), reason, until: at(60) };
    let expired = |job| Event::JobExpired { job: JobId(job), waited: Span::from_secs(39) };
    let device_2 = DeviceId(2);
    let cases = [
        bent(|story| story.after.push(finished(2, 2))),
        bent(|story| story.after.push(finished(9, 9))),
        bent(|story| story.after.push(queued(line_job(1, 3)))),
        bent(|story| story.between = vec![queued(line_job(2, 2))]),
        bent(|story| story.between = vec![Event::JobHeld { job: JobId(2) }]),
        bent(|story| story.after.insert(0, Event::JobReleased { job: JobId(2) })),
        bent(|story| story.after.insert(0, Event::JobTransferred { job: JobId(2), device: None })),
        bent(|story| story.after.insert(0, expired(2))),
        bent(|story| story.after[1] = finished(2, 1)),
        bent(|story| {
            story.after[1] = Event::JobCancelled { job: JobId(2), allocation: None, because_of: None }
        }),
        bent(|story| story.after.insert(0, stop(StopReason::Walltime))),
        bent(|story| {
            story.second.estimated_duration = Some(Span::from_secs(20));
            story.after.splice(0..0, [stop(StopReason::Walltime), stop(StopReason::Walltime)]);
        }),
        bent(|story| {
            let reason = FailureReason::Walltime;
            story.after[1] = Event::JobFailed { job: JobId(2), allocation: AllocationId(2), reason };
        }),
        bent(|story| {
            story
                .after
                .push(queued(JobRequest { max_wait_time: Some(Span::from_secs(3)), ..line_job(3, 1) }));
            story.after.push(expired(3));
        }),
        bent(|story| story.second.max_wait_time = Some(Span::from_secs(17))),
        bent(|story| {
            story.after[1] =
                Event::JobFinished { job: JobId(2), allocation: AllocationId(2), shots_done: 101 }
        }),
        bent(|story| story.between = vec![status(Target::Device(device_2), Status::Online, Status::Offline)]),
        bent(|story| story.between = vec![registered(DEVICE, story.spec.clone())]),
        bent(|story| story.grants[1].device = device_2),
        bent(|story| {
            let qubit = Target::Qubit(DEVICE, PhysicalQubit(1));
            story.between = vec![status(qubit, Status::Online, Status::Offline)];
        }),
        bent(|story| {
            let coupler = story.spec.coupling_map.coupler(PhysicalQubit(0), PhysicalQubit(1)).unwrap();
            story.between = vec![status(Target::Coupler(DEVICE, coupler), Status::Online, Status::Offline)];
        }),
        bent(|story| {
            let requeued = |attempt: u64| Event::JobRequeued {
                job: JobId(attempt),
                allocation: AllocationId(attempt),
                reason: RequeueReason::DeviceLost,
                device: None,
            };
            story.after = vec![Event::DeviceRemoved { device: DEVICE }, requeued(1)];
        }),
        bent(|story| {
            story
                .after
                .push(Event::JobRejected { job: Arc::new(line_job(2, 2)), reason: Rejection::NoDevice });
        }),
    ];
    insta::assert_snapshot!(cases.join("\n"), @"
    illegal_transition at 40s: job 2 is ended and yet finishes
    illegal_transition at 40s: job 9 is unknown and yet finishes
    illegal_transition at 40s: job 1 is ended and yet is queued
    illegal_transition at 15s: job 2 is waiting and yet is queued
    wait_not_explained at 20s: job 2 waited, or was held, 5s, but 0s of it are accounted for
    illegal_transition at 20s: job 2 is held and yet starts
    illegal_transition at 40s: job 2 is running and yet is released
    illegal_transition at 40s: job 2 is running and yet is transferred
    illegal_transition at 40s: job 2 is running and yet expires
    wrong_allocation at 40s: job 2 holds allocation 2, but the event names 1
    wrong_allocation at 40s: job 2 holds allocation 2, but the event names none
    early_stop at 40s: allocation 2 of job 2 is stopped before its walltime is over
    illegal_transition at 40s: job 2 is stopping and yet is asked to stop
    early_stop at 40s: allocation 2 of job 2 is stopped before its walltime is over
    early_expiry at 40s: job 3 expires before its longest wait is over
    late_start at 20s: job 2 starts after its longest wait, which ended at 19s
    wrong_shots at 40s: allocation 2 of job 2 cannot have done 101 shots
    unknown_device at 15s: no device has the number 2
    device_in_use at 15s: device 0 joins, but the number is in use
    unknown_device at 20s: no device has the number 2
    still_running at 15s: allocation 1 outlives the loss of its qubits, couplers or of device 0
    still_running at 15s: allocation 1 outlives the loss of its qubits, couplers or of device 0
    still_running at 40s: allocation 2 outlives the loss of its qubits, couplers or of device 0
    illegal_transition at 40s: job 2 is ended and yet is rejected
    ");
}

/// A wait is told once, adds up, and time under a hold is put down to it.
#[test]
fn waits_are_audited() {
    let waited = |job, of: &[(WaitCause, u64)]| {
        let mut sums = [0; WaitCause::COUNT];
        of.iter().for_each(|(cause, seconds)| sums[cause.index()] = seconds * 1_000_000_000);
        Event::JobWaited { job: JobId(job), waited: Waited::from_nanoseconds(&sums) }
    };
    let ends = || Event::JobCancelled { job: JobId(1), allocation: None, because_of: None };
    let held = [(10, Event::JobHeld { job: JobId(1) }), (14, Event::JobReleased { job: JobId(1) })];
    let audit = |told: Vec<Event>| {
        let mut auditor = Auditor::new();
        auditor.observe(at(0), &queued(line_job(1, 1)));
        held.iter().for_each(|(seconds, event)| auditor.observe(at(*seconds), event));
        told.iter().for_each(|event| auditor.observe(at(20), event));
        auditor.observe(at(20), &ends());
        let listed: Vec<String> = auditor.violations().iter().map(ToString::to_string).collect();
        listed.join("; ")
    };
    use WaitCause::{FreeQubits, Held};
    assert_eq!(audit(vec![waited(1, &[(FreeQubits, 16), (Held, 4)])]), "");
    let cases = [
        audit(vec![]),
        audit(vec![waited(1, &[(FreeQubits, 15), (Held, 4)])]),
        audit(vec![waited(1, &[(FreeQubits, 17), (Held, 3)])]),
        audit(vec![waited(1, &[(FreeQubits, 16), (Held, 4)]), waited(1, &[(FreeQubits, 16), (Held, 4)])]),
        audit(vec![waited(1, &[(FreeQubits, 16), (Held, 4)]), waited(2, &[(FreeQubits, 1)])]),
    ];
    insta::assert_snapshot!(cases.join("\n"), @"
    wait_untold at 20s: the wait of job 1 ends untold, or is told although it does not wait
    wait_not_explained at 20s: job 1 waited, or was held, 20s, but 19s of it are accounted for
    wait_not_explained at 20s: job 1 waited, or was held, 4s, but 3s of it are accounted for
    wait_untold at 20s: the wait of job 1 ends untold, or is told although it does not wait
    wait_untold at 20s: the wait of job 2 ends untold, or is told although it does not wait
    ");
}

/// Nobody is ready or starts before those have ended that it follows, nor although one has failed that had to complete; and
/// whoever may go on is told so at once.
#[test]
fn dependencies_are_audited() {
    let ready = |job| (20, Event::JobReady { job: JobId(job), device: None });
    let cancelled = |seconds, job, because_of: Option<u64>| {
        let because_of = because_of.map(JobId);
        (seconds, Event::JobCancelled { job: JobId(job), allocation: None, because_of })
    };
    let waited = |seconds, job, of: &[(WaitCause, u64)]| {
        let mut sums = [0; WaitCause::COUNT];
        of.iter().for_each(|(cause, seconds)| sums[cause.index()] = seconds * 1_000_000_000);
        (seconds, Event::JobWaited { job: JobId(job), waited: Waited::from_nanoseconds(&sums) })
    };
    use WaitCause::{Dependency, FreeQubits};
    // Job 2 follows job 1, job 3 its success.
    let audit = |told: &[(u64, Event)]| {
        let mut auditor = Auditor::new();
        auditor.observe(at(0), &queued(line_job(1, 1)));
        auditor.observe(at(0), &queued(JobRequest { after: [JobId(1)].into(), ..line_job(2, 1) }));
        auditor.observe(at(0), &queued(JobRequest { after_success: [JobId(1)].into(), ..line_job(3, 1) }));
        told.iter().for_each(|(seconds, event)| auditor.observe(at(*seconds), event));
        auditor.finish(at(40));
        let listed: Vec<String> = auditor.violations().iter().map(ToString::to_string).collect();
        listed.join("; ")
    };
    let of_1 = || [waited(20, 1, &[(FreeQubits, 20)]), cancelled(20, 1, None)];
    let of_3 = || [waited(20, 3, &[(Dependency, 20)]), cancelled(20, 3, Some(1))];
    let told = |more: &[(u64, Event)]| audit(&[&of_1()[..], more].concat());
    assert_eq!(told(&[&[ready(2)][..], &of_3()[..]].concat()), "");
    let ends_2 = [waited(30, 2, &[(Dependency, 25), (FreeQubits, 5)]), cancelled(30, 2, None)];
    let failed = JobRequest { after_success: [JobId(1)].into(), ..line_job(4, 1) };
    let cases = [
        audit(&[ready(2)]),
        told(&of_3()),
        told(&[ready(2)]),
        told(&[ready(2), ready(3)]),
        told(&[&[ready(2), ready(2)][..], &of_3()[..]].concat()),
        told(&[ready(2), of_3()[0].clone(), cancelled(20, 3, Some(2))]),
        told(&[&[ready(2)][..], &of_3()[..], &ends_2[..]].concat()),
        told(&[&[ready(2), (20, queued(failed))][..], &of_3()[..]].concat()),
        audit(&[(5, Event::JobExpired { job: JobId(2), waited: Span::from_secs(5) })]),
    ];
    insta::assert_snapshot!(cases.join("\n"), @"
    dependency_ignored at 20s: job 2 goes on as job 1 does not allow, on which it depends
    dependant_forgotten at 20s: job 2 still waits for others that have ended
    dependant_forgotten at 20s: job 3 still waits for others that have ended
    dependency_ignored at 20s: job 3 goes on as job 1 does not allow, on which it depends
    dependency_ignored at 20s: job 2 goes on as job 2 does not allow, on which it depends
    dependency_ignored at 20s: job 3 goes on as job 2 does not allow, on which it depends
    wait_not_explained at 30s: job 2 waited, or was held, 20s, but 25s of it are accounted for
    dependency_ignored at 20s: job 4 goes on as job 1 does not allow, on which it depends
    early_expiry at 5s: job 2 expires before its longest wait is over; wait_untold at 5s: the wait of job 2 ends untold, or is told although it does not wait; early_expiry at 5s: job 2 expires before its longest wait is over
    ");
}

#[test]
fn time_must_not_run_backwards() {
    let mut auditor = Auditor::new();
    auditor.observe(at(5), &queued(line_job(1, 1)));
    auditor.observe(at(4), &queued(line_job(2, 1)));
    insta::assert_snapshot!(auditor.violations()[0], @"time_backwards at 5s: an event of 4s follows one of 5s");
    assert_eq!(auditor.total(), 1);
}

proptest::proptest! {
    #[test]
    fn random_legal_runs_have_no_violations(choices in proptest::collection::vec(proptest::prelude::any::<u32>(), 0..400)) {
        let mut auditor = Auditor::new();
        let mut end = Time::ZERO;
        let mut tells = TellsWaits::default();
        for (now, event) in legal_run(&choices) {
            tells.each(now, &event, |event| auditor.observe(now, event));
            end = now;
        }
        auditor.finish(end + Span(17));
        proptest::prop_assert_eq!(auditor.violations(), &[]);
    }
}

#[test]
fn copies_and_bounds_are_judged_one_by_one() {
    let copied = |layout: &'static [u32], copies| {
        bent(move |story| {
            story.second.elasticity = Elasticity::Copies;
            story.second.max_qubits = 6;
            story.place(1, layout);
            story.grants[1].copies = copies;
        })
    };
    let bounded = |at_least, hard| {
        bent(|story| story.second.min_success_probability = Some(QualityBound { at_least, hard }))
    };
    assert_eq!([copied(&[5, 6, 7, 8], 2), bounded(0.5, true)], ["", ""]);
    let cases = [
        copied(&[5, 6, 7, 8], 1),
        copied(&[5, 6, 8, 10], 2),
        bounded(0.99, true),
        bounded(0.99, false),
        bent(|story| story.second.noise_budget = Some(0.01)),
        bent(|story| story.second.fidelity_requirement = Some(QualityBound { at_least: 0.9999, hard: true })),
    ];
    insta::assert_snapshot!(cases.join("\n"), @"
    wrong_size at 20s: allocation 2 has 4 qubits, but job 2 asks for 2 to 6
    missing_coupler at 20s: allocation 2 needs a coupler between qubits 8 and 10 of device 0
    below_bound at 20s: allocation 2 misses the bound min_success_probability of job 2
    not_flagged at 20s: allocation 2 misses the soft bound min_success_probability of job 2 without a word
    below_bound at 20s: allocation 2 misses the bound 1 - noise_budget of job 2
    below_bound at 20s: allocation 2 misses the bound fidelity_requirement of job 2
    ");
}
