//! Jobs in the simulation: they arrive, run on the hardware, and end.

use std::fmt::Display;
use std::ops::Range;
use std::sync::Arc;

use super::happening::{Happening, class};
use super::{Attempt, JobPoint, Simulation, SimulationError};
use crate::allocator::protocol::{
    Allocation, AllocationId, Command, FinalState, JobId, JobRequest, Outcome, Waited,
};
use crate::quantum::hardware::truth::true_success;
use crate::quantum::program::PlacedProgram;
use crate::quantum::success::success_probability;
use crate::simulator::job_book::Planned;
use crate::simulator::program::Copies;
use crate::simulator::scenario::{Horizon, WarmUp};
use crate::simulator::site::{CalibrationPhase, Site};
use crate::simulator::workload::Arrival;
use crate::simulator::workload::jobs::{GeneratedJob, PlannedOutcome};
use crate::time::{Span, Time};

/// Predicted and true success of a completed attempt: the mean over its shots, which the copies share evenly, the first
/// ones doing one more where they do not come out even. `factors` holds those of all copies in turn.
fn fidelity_of(
    site: &mut Site,
    now: Time,
    copies: &[PlacedProgram],
    factors: &[f64],
    shots: u64,
) -> (f64, f64) {
    let (published, layer_s) = (site.published().clone(), site.layer_s());
    let truth = site.hardware.truth(now);
    let mut rest = factors;
    let (mut predicted, mut actual) = (0.0, 0.0);
    let count = copies.len().max(1) as u64;
    for (index, copy) in (0..).zip(copies) {
        let own;
        (own, rest) = rest.split_at(copy.couplers.len().min(rest.len()));
        let done = shots / count + u64::from(index < shots % count);
        let share = done as f64 / shots as f64;
        let program = copy.on(layer_s);
        predicted += share * success_probability(&published, &program);
        actual += share * true_success(truth, &program, own);
    }
    (predicted, actual)
}

/// Arrivals, attempts and ends of jobs.
impl Simulation<'_, '_> {
    pub(super) fn schedule_next_arrival(&mut self) {
        let next = match self.scenario.horizon {
            Horizon::Jobs(jobs) => self.stream.next().filter(|_| self.arrivals < jobs),
            Horizon::Time(span) => self.stream.next().filter(|arrival| arrival.at < Time::ZERO + span),
        };
        if let Some(arrival) = next {
            self.schedule(arrival.at, class::ARRIVAL, Happening::Arrival(arrival));
            return;
        }
        self.arrivals_are_over();
    }

    /// A job arrives, or an array of jobs that are all alike.
    pub(super) fn arrive(&mut self, arrival: Arrival) -> Result<(), SimulationError> {
        let number = self.arrivals;
        let mut generated = self.scenario.workload.draw(&self.attributes, arrival, number);
        if let Horizon::Jobs(jobs) = self.scenario.horizon {
            let left = jobs.saturating_sub(number);
            generated.array = generated.array.min(u32::try_from(left).unwrap_or(u32::MAX)).max(1);
        }
        let numbers = number..number + u64::from(generated.array);
        self.arrivals = numbers.end;
        self.progress_of_run.moved_at = self.now;
        if let Some(factor) = generated.walltime_factor {
            let walltime = self.walltime(&generated.request, generated.execution_time, factor);
            generated.request.estimated_duration = Some(walltime);
        }
        match self.scenario.warm_up {
            // In the middle of an array: those before are not measured.
            WarmUp::Jobs(jobs) if numbers.contains(&jobs) => {
                self.submit(arrival, &generated, numbers.start..jobs)?;
                self.start_measuring();
                self.submit(arrival, &generated, jobs..numbers.end)?;
            }
            _ => self.submit(arrival, &generated, numbers.clone())?,
        }
        if numbers.start.div_ceil(1024) < numbers.end.div_ceil(1024)
            && let Some(progress) = self.progress
        {
            progress(self.arrivals, self.now);
        }
        self.schedule_next_arrival();
        Ok(())
    }

    /// Those with these numbers of an arrival, which are all alike.
    fn submit(
        &mut self,
        arrival: Arrival,
        generated: &GeneratedJob,
        numbers: Range<u64>,
    ) -> Result<(), SimulationError> {
        let altered = self.alter.as_ref().is_some_and(|alter| numbers.contains(&alter.job.0));
        let together = numbers.end - numbers.start > 1 && !altered;
        for id in numbers.clone() {
            let mut request = JobRequest { id: JobId(id), ..generated.request.clone() };
            if let Some(alter) = self.alter.as_ref().filter(|alter| alter.job == request.id) {
                (alter.change)(&mut request);
            }
            let request = Arc::new(request);
            self.expect(arrival, generated, &request);
            // One of an array that asks for something else is none of it; it stands between the others all the same.
            if !together {
                self.command(Command::Submit(request))?;
            }
        }
        if together {
            let first = Arc::new(JobRequest { id: JobId(numbers.start), ..generated.request.clone() });
            let count = (numbers.end - numbers.start) as u32;
            self.command(Command::SubmitArray { first, count })?;
        }
        Ok(())
    }

    /// Notes how a job will go that is about to be submitted.
    fn expect(&mut self, arrival: Arrival, generated: &GeneratedJob, request: &Arc<JobRequest>) {
        let mut error_at = None;
        match generated.outcome {
            PlannedOutcome::Completes => {}
            PlannedOutcome::FailsAt(share) => error_at = Some(share),
            PlannedOutcome::CancelledAfter(delay) => {
                self.schedule(self.now + delay, class::CANCEL, Happening::Cancel(request.id));
            }
        }
        if let Some(collected) = &mut self.collected {
            collected.met.push((self.now, u32::try_from(self.jobs.live()).unwrap_or(u32::MAX)));
        }
        self.jobs.insert(Planned {
            request: Arc::clone(request),
            submitted: self.now,
            measured: self.measuring,
            source: arrival.source,
            template: generated.template,
            execution_time: generated.execution_time,
            error_at,
            promised_start: None,
            estimated: None,
            waited: Waited::default(),
            first_start: None,
            last_start: None,
            attempts: 0,
            allocation: None,
            execution: Span::ZERO,
        });
    }

    /// A walltime of so many times what the job takes on the slowest device of the fleet: its owner does not know
    /// yet where it will run.
    pub(super) fn walltime(&self, request: &JobRequest, own: Option<Span>, factor: f64) -> Span {
        let on = |index: &usize| {
            let hardware = &self.sites[*index].hardware;
            hardware.execution_time(request.circuits, request.shots, request.depth, own)
        };
        let slowest = self.speeds.iter().map(on).max().unwrap_or(Span::ZERO);
        Span::from_secs_f64(slowest.as_secs_f64() * factor)
    }

    pub(super) fn start_attempt(&mut self, allocation: Arc<Allocation>) -> Result<(), SimulationError> {
        let site = &mut self.sites[allocation.device.index()];
        let planned = self.jobs.started(allocation.job, &allocation, self.now);
        let request = &planned.request;
        let own = planned.execution_time;
        let whole = site.hardware.shared_execution_time(
            allocation.copies,
            request.circuits,
            request.shots,
            request.depth,
            own,
        );
        let slow = self.outages.slowdown(site.id);
        let whole = if slow == 1.0 { whole } else { Span::from_secs_f64(whole.as_secs_f64() * slow) };
        let (execution, outcome) = match planned.error_at {
            Some(share) => (Span((whole.0 as f64 * share) as u64), Outcome::Error),
            None => (whole, Outcome::Success),
        };
        let mut copies = Copies::new();
        let mut factors = Vec::new();
        if self.scenario.output.fidelity {
            let spec = site.hardware.spec();
            copies = self.programs.place(request, &allocation, &spec.coupling_map, site.published());
            site.crosstalk_of(&copies, &mut factors);
            copies.iter().for_each(|copy| site.drive(copy.coupler_ids()));
        }
        site.running += 1;
        let id = allocation.id;
        let end = self.end_of(execution, || format!("job {}", allocation.job.0))?;
        let ticket = self.schedule(end, class::RELEASE, Happening::AttemptEnds(id));
        self.progress_of_run.moved_at = self.now;
        self.attempts.insert(id, Attempt { allocation, copies, execution, outcome, ticket, factors });
        Ok(())
    }

    pub(super) fn attempt_ends(&mut self, id: AllocationId) -> Result<(), SimulationError> {
        let Some(attempt) = self.attempts.get(&id) else { return Ok(()) };
        let outcome = attempt.outcome;
        let shots_done = self.shots_done(attempt);
        self.command(Command::Finished { allocation: id, outcome, shots_done })
    }

    /// Shots done by now, taking them to be spread evenly over the attempt.
    pub(super) fn shots_done(&self, attempt: &Attempt) -> u64 {
        let Some(planned) = self.jobs.get(attempt.allocation.job) else { return 0 };
        let all = planned.request.shots.saturating_mul(u64::from(planned.request.circuits));
        if attempt.outcome == Outcome::Success && self.now >= attempt.allocation.started + attempt.execution {
            return all;
        }
        let elapsed = u128::from(self.now.since(attempt.allocation.started).0);
        let done = elapsed * u128::from(all) / u128::from(attempt.execution.0.max(1));
        (done as u64).min(all)
    }

    /// The device stops an attempt at the end of the shot that is under way.
    pub(super) fn stop_attempt(&mut self, id: AllocationId) {
        let Some(attempt) = self.attempts.get(&id) else { return };
        let ends = attempt.ticket;
        let planned = self.jobs.get(attempt.allocation.job);
        let shots =
            planned.map_or(1, |job| job.request.shots.saturating_mul(u64::from(job.request.circuits)));
        // Copies do theirs side by side.
        let rounds = shots.div_ceil(u64::from(attempt.allocation.copies));
        let shot = (attempt.execution.0 / rounds.max(1)).max(1);
        let elapsed = self.now.since(attempt.allocation.started).0;
        let rest = shot - elapsed % shot;
        self.unschedule(ends);
        let ticket = self.schedule(self.now + Span(rest), class::RELEASE, Happening::StopDone(id));
        if let Some(attempt) = self.attempts.get_mut(&id) {
            attempt.ticket = ticket;
        }
    }

    pub(super) fn stop_done(&mut self, id: AllocationId) -> Result<(), SimulationError> {
        let Some(attempt) = self.attempts.get(&id) else { return Ok(()) };
        let shots_done = self.shots_done(attempt);
        self.command(Command::StopAcknowledged { allocation: id, shots_done })
    }

    /// The hardware no longer works for an attempt. Returns its predicted and true success if it was completed.
    pub(super) fn end_attempt(&mut self, id: AllocationId, completed: bool) -> Option<(f64, f64)> {
        let attempt = self.attempts.swap_remove(&id)?;
        self.unschedule(attempt.ticket);
        let site = &mut self.sites[attempt.allocation.device.index()];
        site.running -= 1;
        self.jobs.attempt_ended(attempt.allocation.job, self.now);
        let mut fidelity = None;
        if self.scenario.output.fidelity {
            attempt.copies.iter().for_each(|copy| site.release(copy.coupler_ids()));
            if completed {
                // Neighbours come and go: the mean of the factors at the start and at the end stands for the whole run.
                site.crosstalk_of(&attempt.copies, &mut self.factors);
                for (end, start) in self.factors.iter_mut().zip(&attempt.factors) {
                    *end = 0.5 * (*end + *start);
                }
                let shots = self.jobs.get(attempt.allocation.job).map_or(1, |job| job.request.shots);
                fidelity = Some(fidelity_of(site, self.now, &attempt.copies, &self.factors, shots));
            }
        }
        if site.phase == CalibrationPhase::Draining && site.running == 0 && !site.down {
            let index = attempt.allocation.device.0;
            self.start_calibration(index);
        }
        fidelity
    }

    pub(super) fn end_job(
        &mut self,
        job: JobId,
        state: FinalState,
        fidelity: Option<(f64, f64)>,
        reason: Option<&dyn Display>,
    ) -> Result<(), SimulationError> {
        if let Some((predicted, actual)) = fidelity {
            self.observer.metrics.record_fidelity(job, predicted, actual);
        }
        let Some(planned) = self.jobs.remove(job) else { return Ok(()) };
        self.progress_of_run.moved_at = self.now;
        self.waits.add(&planned);
        let explanation = planned.allocation.as_ref().map(|allocation| allocation.explanation);
        let missed = explanation.and_then(|explanation| explanation.quality?.missed);
        let reason = reason.or(missed.as_ref().map(|missed| missed as &dyn Display));
        if let Some(collected) = &mut self.collected {
            collected.jobs.push(JobPoint::of(&planned, self.now, fidelity));
        }
        if let Some(traces) = &mut self.traces {
            traces.job(&planned, Some(state), self.now, fidelity, reason)?;
        }
        Ok(())
    }
}
