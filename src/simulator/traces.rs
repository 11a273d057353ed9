//! What a replication writes as it runs: `jobs.csv`, `timeline.csv`, `events.csv` and `estimates.csv`.
//!
//! Promises rows that depend on the simulated course alone: no wall-clock time, no addresses, a fixed order. The
//! column names of `jobs.csv` are those that tools for batch scheduling expect (seconds, without unit suffix). Its
//! column `measured` is 1 for jobs that count in the metrics of the run and 0 for those of the warm-up.

mod columns;

use std::fmt::Write as _;
use std::io::{self, Write};

use super::csv_row::RowWriter;
use super::job_book::Planned;
use crate::allocator::config::{AllocatorConfig, Tenants};
use crate::allocator::explain::{Certainty, CostTerms};
use crate::allocator::protocol::{Event, FinalState, Rejection, StartPromise, Target, Topology, WaitCause};
use crate::forward::Estimate;
use crate::observe::metrics::{TimelineSample, deadlines};
use crate::quantum::hardware::failures::Outage;
use crate::time::Time;

pub use columns::{ESTIMATES_HEADER, EVENTS_HEADER, JOBS_HEADER, JobColumn, TIMELINE_HEADER};

/// Where traces go.
pub type Sink = Box<dyn Write + Send>;

/// The traces of one replication.
pub struct Traces {
    replication: u64,
    /// Names of the devices, and the fleet-wide number of the first qubit of each.
    devices: Vec<(String, u32)>,
    /// Names of the templates of each source.
    templates: Vec<Vec<String>>,
    /// Names of groups, projects and users.
    tenants: Tenants,
    /// Whether starts are promised.
    promises: bool,
    jobs: RowWriter<Sink>,
    timeline: RowWriter<Sink>,
    events: Option<RowWriter<Sink>>,
    estimates: Option<RowWriter<Sink>>,
    sequence: u64,
    text: String,
}

impl std::fmt::Debug for Traces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Traces").field("replication", &self.replication).finish_non_exhaustive()
    }
}

/// The three files.
pub struct Sinks {
    /// For `jobs.csv`.
    pub jobs: Sink,
    /// For `timeline.csv`.
    pub timeline: Sink,
    /// For `events.csv`, if wanted.
    pub events: Option<Sink>,
    /// For `estimates.csv`, if wanted.
    pub estimates: Option<Sink>,
}

impl Traces {
    /// Traces of a replication of a fleet with the given device names and sizes; writes the headers if `headers`.
    pub fn new(
        replication: u32,
        fleet: impl IntoIterator<Item = (String, u32)>,
        templates: Vec<Vec<String>>,
        allocator: &AllocatorConfig,
        sinks: Sinks,
        headers: bool,
    ) -> io::Result<Self> {
        let mut first = 0;
        let devices = fleet.into_iter().map(|(name, qubits)| {
            let offset = first;
            first += qubits;
            (name, offset)
        });
        let mut traces = Self {
            replication: u64::from(replication),
            devices: devices.collect(),
            templates,
            tenants: allocator.tenants.clone(),
            promises: allocator.queue.makes_promises(),
            jobs: RowWriter::new(sinks.jobs),
            timeline: RowWriter::new(sinks.timeline),
            events: sinks.events.map(RowWriter::new),
            estimates: sinks.estimates.map(RowWriter::new),
            sequence: 0,
            text: String::new(),
        };
        if headers {
            traces.jobs.header(JOBS_HEADER)?;
            traces.timeline.header(TIMELINE_HEADER)?;
            if let Some(events) = &mut traces.events {
                events.header(EVENTS_HEADER)?;
            }
            if let Some(estimates) = &mut traces.estimates {
                estimates.header(ESTIMATES_HEADER)?;
            }
        }
        Ok(traces)
    }

    /// Flushes everything.
    pub fn finish(self) -> io::Result<()> {
        self.jobs.finish()?.flush()?;
        self.timeline.finish()?.flush()?;
        if let Some(events) = self.events {
            events.finish()?.flush()?;
        }
        if let Some(estimates) = self.estimates {
            estimates.finish()?.flush()?;
        }
        Ok(())
    }

    /// A job that ended, or had not ended when the run did (`None`); `reason` says why it was rejected or failed, which
    /// soft bound it missed, or what kept it waiting.
    pub fn job(
        &mut self,
        job: &Planned,
        state: Option<FinalState>,
        now: Time,
        fidelity: Option<(f64, f64)>,
        reason: Option<&dyn std::fmt::Display>,
    ) -> io::Result<()> {
        let request = &job.request;
        let ended = state.is_some();
        let template =
            self.templates.get(job.source as usize).and_then(|list| list.get(job.template as usize));
        let template = template.map_or("", String::as_str);
        let row = &mut self.jobs;
        row.u64(self.replication).u64(request.id.0).text(template).seconds(job.submitted);
        row.u64(u64::from(request.min_qubits));
        match request.estimated_duration {
            Some(span) => row.seconds(span),
            None => row.empty(),
        };
        row.bool(state == Some(FinalState::Completed)).text(state.map_or("unfinished", state_name));
        // Start and execution are those of the last attempt; waiting ends with the first, as in the metrics.
        match job.last_start {
            Some(start) => row.seconds(start),
            None => row.empty(),
        };
        // How long a job runs that still does is not known yet.
        match job.last_start.filter(|_| ended) {
            Some(_) => row.seconds(job.execution),
            None => row.empty(),
        };
        if ended {
            row.seconds(now)
        } else {
            row.empty()
        };
        match job.first_start {
            Some(start) => row.seconds(start.since(job.submitted)),
            None => row.empty(),
        };
        if ended {
            row.seconds(now.since(job.submitted))
        } else {
            row.empty()
        };
        let stretch = now.since(job.submitted).as_secs_f64() / job.execution.as_secs_f64();
        row.optional(Some(stretch).filter(|_| ended && job.execution.0 > 0));
        match &job.allocation {
            Some(allocation) => {
                let (name, offset) = &self.devices[allocation.device.index()];
                self.text.clear();
                interval_set(allocation.held.iter().map(|qubit| qubit.0 + offset), &mut self.text);
                row.text(&self.text).text(name);
            }
            None => {
                row.empty().empty();
            }
        }
        row.u64(u64::from(job.attempts));
        topology_name(&request.topology, row);
        row.u64(u64::from(request.circuits)).u64(request.shots).u64(u64::from(request.depth));
        let tenant = request.tenant;
        let (user, group) = (self.tenants.user_name(tenant.user), self.tenants.group_name(tenant.group));
        let project = self.tenants.project_name(tenant.project);
        for (name, number) in [(user, tenant.user), (group, tenant.group), (project, tenant.project)] {
            match name {
                Some(name) => row.text(name),
                None => row.u64(u64::from(number)),
            };
        }
        match &job.allocation {
            Some(allocation) => {
                let why = &allocation.explanation;
                let CostTerms { readout, one_qubit_gates, two_qubit_gates, decay, swaps, surcharges } =
                    why.terms;
                row.f64(why.cost).f64(readout).f64(one_qubit_gates).f64(two_qubit_gates);
                row.f64(decay).f64(swaps).f64(surcharges);
                row.bool(why.certainty == Certainty::Optimal);
                row.u64(u64::from(why.devices_tried)).u64(u64::from(allocation.swaps.unwrap_or(0)));
                row.u64(u64::from(allocation.isolation.buffer_distance));
            }
            None => {
                (0..JobColumn::BufferDistance as usize - JobColumn::PlacementCost as usize + 1).for_each(
                    |_| {
                        row.empty();
                    },
                );
            }
        }
        row.optional(fidelity.map(|both| both.0)).optional(fidelity.map(|both| both.1));
        match reason {
            Some(reason) => {
                self.text.clear();
                // Writing to a string cannot fail.
                let _ = write!(self.text, "{reason}");
                row.text(&self.text);
            }
            None => {
                row.empty();
            }
        }
        row.u64(u64::from(job.measured));
        // What a run of this trace needs: jobs that never started, or had not ended, have no other time.
        match job.execution_time {
            Some(own) => row.seconds(own),
            None => row.empty(),
        };
        row.i64(request.priority.0.into());
        match request.deadline {
            // As the scenario has it: from submission on.
            Some(deadline) => row.seconds(deadline.since(job.submitted)),
            None => row.empty(),
        };
        match request.deadline.and_then(|deadline| deadlines::kept(deadline, state, now)) {
            Some(kept) => row.bool(kept),
            None => row.empty(),
        };
        let range = job.estimated.as_ref().and_then(|first| first.start);
        for at in [
            job.promised_start,
            job.estimated.as_ref().map(|first| first.made),
            range.map(|range| range.p10),
            range.map(|range| range.p50),
            range.map(|range| range.p90),
            job.estimated.as_ref().and_then(|first| first.planned),
        ] {
            match at {
                Some(at) => row.seconds(at),
                None => row.empty(),
            };
        }
        // What a core does not know that was made anew, no simulated one has waited for.
        for (cause, _) in WaitCause::ALL.iter().filter(|(cause, _)| *cause != WaitCause::Unrecorded) {
            row.seconds(job.waited.of(*cause));
        }
        for others in [&request.after, &request.after_success] {
            self.text.clear();
            for (index, other) in others.iter().enumerate() {
                let _ = write!(self.text, "{}{}", if index > 0 { " " } else { "" }, other.0);
            }
            row.text(&self.text);
        }
        row.end_row()
    }

    /// One sample per device and one of the fleet.
    pub fn timeline(&mut self, samples: &[TimelineSample]) -> io::Result<()> {
        for sample in samples {
            let row = &mut self.timeline;
            row.u64(self.replication).seconds(sample.time);
            row.text(sample.device.map_or("fleet", |id| self.devices[id.index()].0.as_str()));
            row.u64(sample.qubits).u64(sample.held).u64(sample.blocked).u64(sample.free);
            row.u64(sample.largest_region).optional(sample.fragmentation).optional(sample.utilization);
            row.optional(sample.effective_utilization).u64(sample.running).u64(sample.queue_length);
            row.u64(sample.isolation_violations).end_row()?;
        }
        Ok(())
    }

    /// What was told of the starts of all waiting jobs.
    pub fn estimates(&mut self, now: Time, estimates: &[Estimate]) -> io::Result<()> {
        let Some(row) = &mut self.estimates else { return Ok(()) };
        for estimate in estimates {
            row.u64(self.replication).seconds(now).u64(estimate.job.0).u64(u64::from(estimate.position));
            for range in [estimate.start, estimate.drawn] {
                match range {
                    Some(range) => row.seconds(range.p10).seconds(range.p50).seconds(range.p90),
                    None => row.empty().empty().empty(),
                };
            }
            match &estimate.plan {
                Some(plan) => {
                    let (name, offset) = &self.devices[plan.device.index()];
                    let mut qubits: Vec<u32> = plan.layout.iter().map(|qubit| qubit.0 + offset).collect();
                    qubits.sort_unstable();
                    self.text.clear();
                    interval_set(qubits.into_iter(), &mut self.text);
                    row.seconds(plan.at).text(name).text(&self.text)
                }
                None => row.empty().empty().empty(),
            };
            row.end_row()?;
        }
        Ok(())
    }

    /// A failure of the hardware begins.
    pub fn outage(&mut self, now: Time, outage: &Outage) -> io::Result<()> {
        if self.events.is_none() {
            return Ok(());
        }
        self.text.clear();
        // Writing to a string cannot fail.
        let _ = write!(self.text, "{:?} {:?} until {}", outage.cause, outage.effect, outage.until);
        let device = outage.target.device().index();
        self.event_row(now, "outage", None, None, Some(device))
    }

    /// An event of the core.
    pub fn event(&mut self, now: Time, event: &Event) -> io::Result<()> {
        if self.events.is_none() {
            return Ok(());
        }
        self.text.clear();
        let text = &mut self.text;
        let queue = |device: &Option<crate::quantum::DeviceId>| device.map(|id| id.index());
        // Writing to a string cannot fail, hence the ignored results.
        let (name, job, allocation, device) = match event {
            Event::DeviceRegistered { device, .. } => ("device_registered", None, None, Some(device.index())),
            Event::DeviceRemoved { device } => ("device_removed", None, None, Some(device.index())),
            Event::Recalibrated { device, epoch, .. } => {
                let _ = write!(text, "epoch {}", epoch.0);
                ("recalibrated", None, None, Some(device.index()))
            }
            Event::StatusChanged { target, from, to, reason } => {
                let _ = match target {
                    Target::Device(_) => write!(text, "{from:?} to {to:?} ({reason:?})"),
                    Target::Qubit(_, qubit) => {
                        write!(text, "qubit {}: {from:?} to {to:?} ({reason:?})", qubit.0)
                    }
                    Target::Coupler(_, coupler) => {
                        write!(text, "coupler {}: {from:?} to {to:?} ({reason:?})", coupler.0)
                    }
                };
                ("status_changed", None, None, Some(target.device().index()))
            }
            Event::JobQueued { job, device, .. } => ("job_queued", Some(job.id), None, queue(device)),
            Event::JobRejected { job, reason } => {
                let _ = write!(text, "{reason}");
                ("job_rejected", Some(job.id), None, None)
            }
            Event::JobHeld { job } => ("job_held", Some(*job), None, None),
            Event::JobReleased { job } => ("job_released", Some(*job), None, None),
            Event::JobReady { job, device } => ("job_ready", Some(*job), None, queue(device)),
            Event::JobTransferred { job, device } => ("job_transferred", Some(*job), None, queue(device)),
            Event::StartPromised { job, promise } => {
                promise_text(promise, text);
                ("start_promised", Some(*job), None, Some(promise.device.index()))
            }
            Event::PromiseMoved { job, promise, cause } => {
                let _ = write!(text, "{cause}: ");
                match promise {
                    Some(promise) => promise_text(promise, text),
                    None => text.push_str("nothing is promised"),
                }
                let device = promise.as_ref().map(|promise| promise.device.index());
                ("promise_moved", Some(*job), None, device)
            }
            Event::JobWaited { job, waited } => {
                for (index, (cause, span)) in waited.iter().enumerate() {
                    let _ = write!(text, "{}{} {span}", if index > 0 { ", " } else { "" }, cause.name());
                }
                ("job_waited", Some(*job), None, None)
            }
            Event::JobStarted { allocation } => {
                let _ = write!(text, "attempt {} fence {} on", allocation.attempt, allocation.fence.0);
                for qubit in &allocation.layout {
                    let _ = write!(text, " {}", qubit.0);
                }
                if allocation.held.len() != allocation.layout.len() {
                    text.push_str(", holding");
                    interval_set(allocation.held.iter().map(|qubit| qubit.0), text);
                }
                if let Some(swaps) = allocation.swaps {
                    let cost = allocation.explanation.terms.swaps;
                    let _ = write!(text, ", to be routed with {swaps} SWAPs at {cost:.6} nats");
                }
                if allocation.copies > 1 {
                    let _ = write!(text, ", {} copies", allocation.copies);
                }
                if let Some(missed) = allocation.explanation.quality.and_then(|quality| quality.missed) {
                    let _ = write!(text, ", {missed}");
                }
                if let Some(end) = allocation.expected_end.filter(|_| self.promises) {
                    let _ = write!(text, ", taken to end at {end}");
                }
                let device = Some(allocation.device.index());
                ("job_started", Some(allocation.job), Some(allocation.id), device)
            }
            Event::ShotsCredited { job, allocation, shots_done } => {
                let _ = write!(text, "{shots_done} shots");
                ("shots_credited", Some(*job), Some(*allocation), None)
            }
            Event::StopRequested { job, allocation, reason, .. } => {
                let _ = write!(text, "{reason:?}");
                ("stop_requested", Some(*job), Some(*allocation), None)
            }
            Event::JobRequeued { job, allocation, reason, device } => {
                let _ = write!(text, "{reason:?}");
                ("job_requeued", Some(*job), Some(*allocation), queue(device))
            }
            Event::JobFinished { job, allocation, shots_done } => {
                let _ = write!(text, "{shots_done} shots");
                ("job_finished", Some(*job), Some(*allocation), None)
            }
            Event::JobFailed { job, allocation, reason } => {
                let _ = write!(text, "{reason:?}");
                ("job_failed", Some(*job), Some(*allocation), None)
            }
            Event::JobCancelled { job, allocation, because_of } => {
                if let Some(other) = because_of {
                    let _ = write!(text, "{}", Rejection::DependencyFailed(*other));
                }
                ("job_cancelled", Some(*job), *allocation, None)
            }
            Event::CalibrationRequested { device, epoch, job } => {
                let _ = write!(text, "epoch {}", epoch.0);
                ("calibration_requested", Some(*job), None, Some(device.index()))
            }
            Event::JobExpired { job, waited } => {
                let _ = write!(text, "waited {waited}");
                ("job_expired", Some(*job), None, None)
            }
            Event::GuardStarted { allocation, device, until } => {
                let _ = write!(text, "until {until}");
                ("guard_started", None, Some(*allocation), Some(device.index()))
            }
            Event::GuardEnded { allocation, device } => {
                ("guard_ended", None, Some(*allocation), Some(device.index()))
            }
            // Books that the core keeps for itself; they stand in the journal.
            Event::Reconfigured { .. }
            | Event::DeviceLeaving { .. }
            | Event::JobCounted { .. }
            | Event::JobRanked { .. }
            | Event::RetrySet { .. } => return Ok(()),
        };
        self.event_row(now, name, job.map(|job| job.0), allocation.map(|id| id.0), device)
    }

    fn event_row(
        &mut self,
        now: Time,
        name: &str,
        job: Option<u64>,
        allocation: Option<u64>,
        device: Option<usize>,
    ) -> io::Result<()> {
        let Some(row) = &mut self.events else { return Ok(()) };
        row.u64(self.replication).u64(self.sequence).seconds(now).text(name);
        self.sequence += 1;
        for number in [job, allocation] {
            match number {
                Some(number) => row.u64(number),
                None => row.empty(),
            };
        }
        match device {
            Some(index) => row.text(&self.devices[index].0),
            None => row.empty(),
        };
        if self.text.is_empty() {
            row.empty()
        } else {
            row.text(&self.text)
        };
        row.end_row()
    }
}

/// The name of a final state in files.
pub fn state_name(state: FinalState) -> &'static str {
    match state {
        FinalState::Completed => "completed",
        FinalState::Failed => "failed",
        FinalState::Cancelled => "cancelled",
        FinalState::Rejected => "rejected",
        FinalState::Expired => "expired",
    }
}

fn topology_name(topology: &Topology, row: &mut RowWriter<Sink>) {
    match topology {
        Topology::Any => row.text("any"),
        Topology::Line => row.text("line"),
        Topology::Ring => row.text("ring"),
        Topology::Star => row.text("star"),
        Topology::Tree => row.text("tree"),
        Topology::Grid { rows, columns } => row.text(&format!("grid {rows}x{columns}")),
        Topology::HeavyHex => row.text("heavy_hex"),
        Topology::Complete => row.text("complete"),
        Topology::Custom(_) => row.text("custom"),
        Topology::Circuit(_) => row.text("circuit"),
    };
}

/// What a job is promised, in words.
fn promise_text(promise: &StartPromise, text: &mut String) {
    // Writing to a string cannot fail.
    let _ = match promise.not_later_than {
        Some(at) => write!(text, "starts at {at} at the latest on"),
        None => write!(text, "starts when those are free on"),
    };
    for qubit in &promise.layout {
        let _ = write!(text, " {}", qubit.0);
    }
}

/// Appends ascending qubits as ranges, `12-14 17`: the interval sets of batch schedulers.
pub fn interval_set(qubits: impl Iterator<Item = u32>, text: &mut String) {
    let mut qubits = qubits.peekable();
    while let Some(first) = qubits.next() {
        let mut last = first;
        while qubits.next_if_eq(&(last + 1)).is_some() {
            last += 1;
        }
        if !text.is_empty() {
            text.push(' ');
        }
        let mut buffer = itoa::Buffer::new();
        text.push_str(buffer.format(first));
        if last > first {
            text.push('-');
            text.push_str(buffer.format(last));
        }
    }
}
