//! Hand-made devices, jobs and events for the tests of the observers.

use std::collections::BTreeMap;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::allocator::config::{Selection, Strategy};
use crate::allocator::explain::{Certainty, CostTerms, Explanation};
use crate::allocator::protocol::{
    Allocation, AllocationId, EpochNumber, Event, Fence, JobId, JobRequest, OrderKey, PromisedIsolation,
    RequeueReason, Status, StatusReason, Target, Tenant, Topology, WaitCause, Waited,
};
use crate::quantum::calibration::{Calibration, CouplerCalibration, QubitCalibration};
use crate::quantum::coupling_map::CouplingMap;
use crate::quantum::device::{DeviceLimits, DeviceSpec, Granularity, Speed, Technology};
use crate::quantum::{DeviceId, PhysicalQubit, QubitSet};
use crate::time::{Span, Time};

pub(super) const DEVICE: DeviceId = DeviceId(0);

/// An instant so many seconds after the start.
pub(super) fn at(seconds: u64) -> Time {
    Time::ZERO + Span::from_secs(seconds)
}

/// Good figures for every element.
pub(super) fn calibration(map: &CouplingMap) -> Calibration {
    let qubit = QubitCalibration {
        t1_s: 200e-6,
        t2_s: 150e-6,
        readout_error: 0.01,
        one_qubit_error: 2e-4,
        one_qubit_duration_s: 3e-8,
        readout_duration_s: 1e-6,
        dead: false,
    };
    let coupler = CouplerCalibration { two_qubit_error: 3e-3, two_qubit_duration_s: 7e-8, dead: false };
    Calibration { qubits: vec![qubit; map.qubits()], couplers: vec![coupler; map.couplers().len()] }
}

pub(super) fn spec(name: &str, map: CouplingMap) -> DeviceSpec {
    DeviceSpec {
        name: name.to_owned(),
        vendor: "test".to_owned(),
        technology: Technology::Superconducting,
        granularity: Granularity::Synthetic,
        source: "test".to_owned(),
        calibrated_at: None,
        native_gates: Vec::new(),
        calibration: Arc::new(calibration(&map)),
        coupling_map: Arc::new(map),
        speed: Speed {
            job_overhead: Span::ZERO,
            circuit_overhead: Span::ZERO,
            repetition_delay: Span::ZERO,
            layer: Span(1),
            clops: None,
            quantum_volume: None,
        },
        limits: DeviceLimits::default(),
        price: None,
    }
}

pub(super) fn registered(device: DeviceId, spec: DeviceSpec) -> Event {
    Event::DeviceRegistered { device, spec: Arc::new(spec) }
}

pub(super) fn line_job(id: u64, qubits: u32) -> JobRequest {
    JobRequest { shots: 100, ..JobRequest::new(JobId(id), qubits, Topology::Line) }
}

pub(super) fn queued(job: JobRequest) -> Event {
    Event::JobQueued { job: Arc::new(job), device: None, key: OrderKey::default(), key_until: None }
}

/// A grant of `layout` on [`DEVICE`] with a buffer of one qubit; allocation and fence have the same number.
pub(super) fn grant(now: Time, job: u64, id: u64, map: &CouplingMap, layout: &[u32]) -> Allocation {
    let layout: SmallVec<[PhysicalQubit; 8]> = layout.iter().copied().map(PhysicalQubit).collect();
    let known = layout.iter().copied().filter(|qubit| qubit.index() < map.qubits());
    let held = QubitSet::from_qubits(map.qubits(), known);
    let mut blocked = map.dilate(&held, 1);
    blocked.subtract(&held);
    Allocation {
        id: AllocationId(id),
        fence: Fence(id),
        job: JobId(job),
        tenant: Tenant::default(),
        attempt: 1,
        device: DEVICE,
        epoch: EpochNumber(1),
        copies: 1,
        layout,
        swaps: None,
        held,
        blocked,
        isolation: PromisedIsolation {
            buffer_distance: 1,
            party: None,
            guard: Span::ZERO,
            hardware_reset: false,
            max_crosstalk: None,
        },
        started: now,
        expected_end: None,
        lease_end: None,
        driver_actions: SmallVec::new(),
        explanation: Explanation {
            strategy: Some(Strategy::FirstFit),
            selection: Selection::First,
            devices_tried: 0,
            certainty: Certainty::FirstFound,
            cost: 0.0,
            terms: CostTerms::default(),
            quality: None,
        },
    }
}

pub(super) fn started(allocation: Allocation) -> Event {
    Event::JobStarted { allocation: Arc::new(allocation) }
}

pub(super) fn finished(job: u64, allocation: u64) -> Event {
    Event::JobFinished { job: JobId(job), allocation: AllocationId(allocation), shots_done: 100 }
}

pub(super) fn requeued(job: u64, allocation: u64) -> Event {
    let (job, allocation) = (JobId(job), AllocationId(allocation));
    Event::JobRequeued { job, allocation, reason: RequeueReason::DeviceLost, device: None }
}

pub(super) fn status(target: Target, from: Status, to: Status) -> Event {
    Event::StatusChanged { target, from, to, reason: StatusReason::Operator }
}

/// A legal run of a small core on a line of 24 qubits with buffers of one qubit: every number of `choices` decides
/// one step and how much time passes before it.
pub(super) fn legal_run(choices: &[u32]) -> Vec<(Time, Event)> {
    let map = CouplingMap::line(24).unwrap();
    let mut now = Time::ZERO;
    let mut events = vec![(now, registered(DEVICE, spec("line", map.clone())))];
    let mut waiting: Vec<(u64, u32, u32)> = Vec::new();
    let mut running: Vec<(u64, u32, u32, Allocation)> = Vec::new();
    let (mut next_job, mut next_allocation) = (0, 0);
    for &choice in choices {
        now += Span(u64::from(choice >> 8 & 0xff) * 1_000_000_007);
        let pick = (choice >> 16) as usize;
        match choice % 8 {
            0..=2 => {
                let qubits = 1 + (choice >> 24 & 3);
                let mut job = line_job(next_job, qubits);
                job.tenant.project = choice >> 16 & 3;
                waiting.push((next_job, qubits, job.tenant.project));
                events.push((now, queued(job)));
                next_job += 1;
            }
            3 | 4 if !waiting.is_empty() => {
                let (job, qubits, project) = waiting[pick % waiting.len()];
                let mut free = QubitSet::full(24);
                for (.., allocation) in &running {
                    free.subtract(&allocation.held);
                    free.subtract(&allocation.blocked);
                }
                let fits = |first: &u32| (*first..first + qubits).all(|q| free.contains(PhysicalQubit(q)));
                let Some(first) = (0..24 - qubits).find(fits) else {
                    continue;
                };
                let layout: Vec<u32> = (first..first + qubits).collect();
                let mut allocation = grant(now, job, next_allocation, &map, &layout);
                next_allocation += 1;
                let lost =
                    |event: &Event| matches!(event, Event::JobRequeued { job: lost, .. } if lost.0 == job);
                allocation.attempt = events.iter().filter(|(_, event)| lost(event)).count() as u32 + 1;
                allocation.tenant.project = project;
                waiting.retain(|entry| entry.0 != job);
                running.push((job, qubits, project, allocation.clone()));
                events.push((now, started(allocation)));
            }
            5 | 6 if !running.is_empty() => {
                let (job, qubits, project, allocation) = running.swap_remove(pick % running.len());
                let event = match choice >> 24 & 7 {
                    0 => {
                        waiting.push((job, qubits, project));
                        requeued(job, allocation.id.0)
                    }
                    1 => Event::JobCancelled {
                        job: JobId(job),
                        allocation: Some(allocation.id),
                        because_of: None,
                    },
                    _ => finished(job, allocation.id.0),
                };
                events.push((now, event));
            }
            7 if !waiting.is_empty() && choice >> 24 & 3 == 0 => {
                let (job, ..) = waiting.swap_remove(pick % waiting.len());
                events
                    .push((now, Event::JobCancelled { job: JobId(job), allocation: None, because_of: None }));
            }
            _ => {}
        }
    }
    events
}

/// Tells for what jobs of a made-up course waited, as a core does: for too few free qubits, all of the time.
#[derive(Debug, Default)]
pub(super) struct TellsWaits {
    since: BTreeMap<JobId, Time>,
}

impl TellsWaits {
    /// An event, and before it the wait that it ends.
    pub(super) fn each(&mut self, now: Time, event: &Event, mut observe: impl FnMut(&Event)) {
        match event {
            Event::JobQueued { job, .. } => {
                self.since.insert(job.id, now);
            }
            Event::JobRequeued { job, .. } => {
                self.since.insert(*job, now);
            }
            _ => {}
        }
        let ends = match event {
            Event::JobStarted { allocation } => Some(allocation.job),
            Event::JobCancelled { job, allocation: None, .. } | Event::JobExpired { job, .. } => Some(*job),
            Event::JobRejected { job, .. } => Some(job.id),
            _ => None,
        };
        let waited = ends.and_then(|job| Some((job, self.since.remove(&job)?)));
        if let Some((job, since)) = waited.filter(|(_, since)| *since < now) {
            let mut of = [0; WaitCause::COUNT];
            of[WaitCause::FreeQubits.index()] = now.since(since).0;
            observe(&Event::JobWaited { job, waited: Waited::from_nanoseconds(&of) });
        }
        observe(event);
    }
}
