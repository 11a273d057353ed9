//! A core, its auditor, and what happened as text: the scaffolding of tests that tell a story event by event.
//!
//! Promises that `log` has every event but ends of passes, with its instant, and that the auditor sees no violation.
//! `moves` is the same without instants, for tests of who starts where. Leaves the stories to the tests.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::fmt::Write as _;
use std::sync::Arc;

use resource_manager::allocator::Allocator;
use resource_manager::allocator::config::{AllocatorConfig, HeadOfLine, Isolation, Queue};
use resource_manager::allocator::protocol::{
    AllocationId, Answer, Command, Event, IsolationLevel, JobId, JobRequest, Outcome, StartPromise, Status,
    StatusReason, Target, Topology,
};
use resource_manager::observe::auditor::Auditor;
use resource_manager::quantum::DeviceId;
use resource_manager::quantum::calibration::{CouplerCalibration, QubitCalibration};
use resource_manager::quantum::coupling_map::CouplingMap;
use resource_manager::quantum::device::{DeviceLimits, DeviceSpec, Granularity, Speed, Technology};
use resource_manager::quantum::synthetic::Averages;
use resource_manager::random::{Purpose, StreamFamily};
use resource_manager::time::{Span, Time};

/// A core, its auditor, and what happened as text.
pub struct World {
    pub core: Allocator,
    pub auditor: Auditor,
    pub now: Time,
    /// Every event but ends of passes, with its instant.
    pub log: String,
    /// Who starts and moves where, without instants.
    pub moves: String,
    pub names: Vec<String>,
}

pub fn config() -> AllocatorConfig {
    let isolation = Isolation { default_level: IsolationLevel::Weak, ..Isolation::default() };
    AllocatorConfig { isolation, ..AllocatorConfig::default() }
}

pub fn core(config: AllocatorConfig) -> Allocator {
    Allocator::new(config, StreamFamily::new(1, 0, Purpose::DeviceSelection)).unwrap()
}

impl World {
    pub fn new(config: AllocatorConfig, devices: &[(&str, CouplingMap)]) -> Self {
        Self::of(core(config), devices)
    }

    pub fn of(core: Allocator, devices: &[(&str, CouplingMap)]) -> Self {
        let auditor = Auditor::under(core.config());
        let mut world = Self {
            core,
            auditor,
            now: Time::ZERO,
            log: String::new(),
            moves: String::new(),
            names: Vec::new(),
        };
        for (name, map) in devices {
            world.join(name, map.clone());
        }
        world
    }

    pub fn join(&mut self, name: &str, map: CouplingMap) {
        let id = DeviceId(self.names.len() as u32);
        self.names.push(name.to_owned());
        self.tell(Command::RegisterDevice { device: id, spec: spec(name, map) });
    }

    /// One command, without a pass.
    pub fn say(&mut self, command: Command) -> Answer {
        let mut events = Vec::new();
        let answer = self.core.handle(self.now, command, &mut events).unwrap();
        for event in &events {
            self.auditor.observe(self.now, event);
            self.note(event);
            self.note_move(event);
        }
        assert_eq!(self.auditor.violations(), []);
        answer
    }

    /// Passes until nothing is due now.
    pub fn pass(&mut self) {
        let mut passes = 0;
        while self.core.next_wakeup().is_some_and(|at| at <= self.now) {
            self.say(Command::Wake);
            passes += 1;
            assert!(passes < 10, "passes without end:\n{}", self.log);
        }
    }

    /// One command at an instant of its own, and what it brings about.
    pub fn tell(&mut self, command: Command) {
        self.now = Time(self.now.0 + 1);
        self.say(command);
        self.pass();
    }

    pub fn submit(&mut self, request: JobRequest) {
        self.tell(Command::Submit(Arc::new(request)));
    }

    pub fn finish(&mut self, job: u64) {
        let job = self.core.job(JobId(job)).expect("it lives");
        let allocation = job.allocation().expect("it runs");
        self.tell(Command::Finished { allocation, outcome: Outcome::Success, shots_done: 1 });
    }

    pub fn down(&mut self, target: Target) {
        self.tell(Command::SetStatus { target, status: Status::Offline, reason: StatusReason::Fault });
    }

    pub fn wait(&mut self, span: u64) {
        let until = Time(self.now.0 + span);
        while let Some(at) = self.core.next_wakeup().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.say(Command::Wake);
        }
        self.now = until;
    }

    /// One line of the log: the instant, and what happened.
    fn note(&mut self, event: &Event) {
        let name = |id: DeviceId| self.names[id.index()].as_str();
        let queue = |home: Option<DeviceId>| home.map_or("the global queue", name);
        let part = |target: Target| match target {
            Target::Device(id) => name(id).to_owned(),
            Target::Qubit(id, qubit) => format!("qubit {} of {}", qubit.0, name(id)),
            Target::Coupler(id, coupler) => format!("coupler {} of {}", coupler.0, name(id)),
        };
        let kept = |promise: &StartPromise| {
            let qubits: Vec<String> = promise.layout.iter().map(|qubit| qubit.0.to_string()).collect();
            let at = promise.not_later_than.map_or("when it is free".to_owned(), |at| format!("at {}", at.0));
            format!("{} [{}] {at}", name(promise.device), qubits.join(" "))
        };
        let text = match event {
            Event::DeviceRegistered { device, .. } => format!("{} joins", name(*device)),
            Event::DeviceRemoved { device } => format!("{} leaves", name(*device)),
            Event::Recalibrated { device, epoch, .. } => {
                format!("{} is calibrated: epoch {}", name(*device), epoch.0)
            }
            Event::StatusChanged { target, from, to, reason } => {
                format!("{}: {from:?} -> {to:?} ({reason:?})", part(*target))
            }
            Event::JobQueued { job, device, .. } => format!("{} queued: {}", job.id.0, queue(*device)),
            Event::JobRejected { job, reason } => format!("{} rejected: {reason}", job.id.0),
            Event::JobHeld { job } => format!("{} held", job.0),
            Event::JobReleased { job } => format!("{} released", job.0),
            Event::JobReady { job, device } => format!("{} ready: {}", job.0, queue(*device)),
            Event::JobTransferred { job, device } => format!("{} moves: {}", job.0, queue(*device)),
            Event::JobStarted { allocation } => {
                let qubits: Vec<String> = allocation.held.iter().map(|qubit| qubit.0.to_string()).collect();
                let (job, device) = (allocation.job.0, name(allocation.device));
                format!("{job} starts: {device} [{}], attempt {}", qubits.join(" "), allocation.attempt)
            }
            Event::StartPromised { job, promise } => format!("{} is promised: {}", job.0, kept(promise)),
            Event::PromiseMoved { job, promise, cause } => match promise {
                Some(promise) => format!("{} is promised, since {cause}: {}", job.0, kept(promise)),
                None => format!("{} is promised nothing, since {cause}", job.0),
            },
            Event::ShotsCredited { job, shots_done, .. } => format!("{} has done {shots_done} shots", job.0),
            Event::StopRequested { job, reason, until, .. } => {
                format!("{} asked to stop by {}: {reason:?}", job.0, until.0)
            }
            Event::JobRequeued { job, reason, device, .. } => {
                format!("{} requeued: {} ({reason:?})", job.0, queue(*device))
            }
            Event::JobFinished { job, .. } => format!("{} finished", job.0),
            Event::JobFailed { job, reason, .. } => format!("{} failed: {reason}", job.0),
            Event::JobCancelled { job, because_of: Some(other), .. } => {
                format!("{} cancelled because of {}", job.0, other.0)
            }
            Event::JobCancelled { job, .. } => format!("{} cancelled", job.0),
            Event::CalibrationRequested { device, epoch, job } => {
                format!("{} asks for a calibration of {} after epoch {}", job.0, name(*device), epoch.0)
            }
            Event::JobExpired { job, waited } => format!("{} expired after {}", job.0, waited.0),
            Event::GuardStarted { allocation, device, until } => {
                format!("guard of allocation {} on {} until {}", allocation.0, name(*device), until.0)
            }
            Event::GuardEnded { allocation, device } => {
                format!("guard of allocation {} on {} ends", allocation.0, name(*device))
            }
            // Books that the core keeps for itself.
            Event::Reconfigured { .. }
            | Event::DeviceLeaving { .. }
            | Event::JobCounted { .. }
            | Event::JobRanked { .. }
            | Event::JobWaited { .. }
            | Event::RetrySet { .. } => return,
        };
        writeln!(self.log, "{:>3}  {text}", self.now.0).unwrap();
    }

    /// The allocation of a running job.
    pub fn allocation(&self, job: u64) -> AllocationId {
        self.core.job(JobId(job)).and_then(|job| job.allocation()).expect("it runs")
    }

    pub fn up(&mut self, target: Target) {
        self.tell(Command::SetStatus { target, status: Status::Online, reason: StatusReason::Repair });
    }

    fn note_move(&mut self, event: &Event) {
        let name = |device: &Option<DeviceId>| {
            device.map_or("nowhere", |id| self.names[id.index()].as_str()).to_owned()
        };
        let log = &mut self.moves;
        match event {
            Event::JobStarted { allocation } => {
                writeln!(log, "{} starts on {}", allocation.job.0, name(&Some(allocation.device)))
            }
            Event::JobQueued { job, device: Some(home), .. } => {
                writeln!(log, "{} waits for {}", job.id.0, name(&Some(*home)))
            }
            Event::JobTransferred { job, device } => writeln!(log, "{} moves to {}", job.0, name(device)),
            Event::JobRequeued { job, .. } => writeln!(log, "{} is requeued", job.0),
            Event::JobRejected { job, reason } => writeln!(log, "{} rejected: {reason}", job.id.0),
            Event::JobFinished { job, .. } => writeln!(log, "{} finished", job.0),
            Event::JobCancelled { job, .. } => writeln!(log, "{} cancelled", job.0),
            Event::DeviceRemoved { device } => writeln!(log, "{} leaves", name(&Some(*device))),
            _ => Ok(()),
        }
        .unwrap();
    }

    pub fn why(&mut self, job: u64) -> String {
        self.core.why_waiting(JobId(job)).map_or("does not wait".to_owned(), |why| why.to_string())
    }
}

pub fn spec(name: &str, map: CouplingMap) -> Arc<DeviceSpec> {
    let qubit = QubitCalibration {
        t1_s: 100e-6,
        t2_s: 80e-6,
        readout_error: 0.01,
        one_qubit_error: 3e-4,
        one_qubit_duration_s: 35e-9,
        readout_duration_s: 1e-6,
        dead: false,
    };
    let coupler = CouplerCalibration { two_qubit_error: 0.005, two_qubit_duration_s: 70e-9, dead: false };
    Arc::new(DeviceSpec {
        name: name.to_owned(),
        vendor: "test".to_owned(),
        technology: Technology::Superconducting,
        granularity: Granularity::Synthetic,
        source: "made for this test".to_owned(),
        calibrated_at: None,
        native_gates: Vec::new(),
        calibration: Arc::new(Averages { qubit, coupler }.uniform(&map)),
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
    })
}

pub fn line(qubits: u32) -> CouplingMap {
    CouplingMap::line(qubits).unwrap()
}

pub fn grid(rows: u32, columns: u32) -> CouplingMap {
    CouplingMap::grid(rows, columns).unwrap()
}

pub fn job(id: u64, qubits: u32, topology: Topology) -> JobRequest {
    JobRequest { shots: 1, ..JobRequest::new(JobId(id), qubits, topology) }
}

/// Never routed.
pub fn square(id: u64) -> JobRequest {
    JobRequest { max_swap_operations: Some(0), ..job(id, 4, Topology::Grid { rows: 2, columns: 2 }) }
}

pub fn preferring(request: JobRequest, devices: &[u32]) -> JobRequest {
    JobRequest { preferred_devices: devices.iter().copied().map(DeviceId).collect(), ..request }
}

/// Strict order on each device.
pub fn per_device(head_of_line: HeadOfLine) -> Queue {
    Queue::per_device(0, head_of_line)
}
