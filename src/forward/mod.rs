//! When waiting jobs will start: the core is run forward, many times, from where it stands.
//!
//! A copy of the core meets futures that are drawn from what was seen so far: how long attempts held their qubits in proportion
//! to what is known of them beforehand, which jobs came and how far apart, how devices went out of service and came back. The
//! starts of one job over all futures are its estimate, corrected by how earlier estimates turned out.
//!
//! Promises that the core itself is left as it is, the same estimates for the same past and the same seed on any number of
//! threads, and that nothing is known here which events have not told: neither true run times nor the jobs to come. Leaves
//! clocks and files to its drivers.
//!
//! Reading order: [`Forecaster`], `past/` (what was seen), `future` (one course that things may take), `outcomes` (how
//! earlier estimates turned out).
#![deny(clippy::disallowed_types, clippy::disallowed_methods)]

mod estimate;
mod future;
mod latest;
mod lot;
mod outcomes;
mod past;
mod settings;
mod threads;

pub use estimate::{Estimate, Plan, StartRange};
pub use settings::Estimates;

use std::collections::BTreeMap;

use crate::allocator::Allocator;
use crate::allocator::protocol::{Event, JobId, WaitCause};
use crate::random::StreamFamily;
use crate::time::{Span, Time};
use estimate::Spread;
use future::{Future, Lots};
use outcomes::Outcomes;
use past::Past;

/// Foretells the starts of waiting jobs of one core.
#[derive(Debug)]
pub struct Forecaster {
    settings: Estimates,
    draws: StreamFamily,
    threads: usize,
    past: Past,
    outcomes: Outcomes,
    /// Cores of earlier futures, whose searches remember something.
    spent: Vec<Allocator>,
    made: u64,
    /// Something has happened since the last round.
    happened: bool,
    /// What was told last.
    told: BTreeMap<JobId, Estimate>,
}

/// What rounds of estimates took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Effort {
    /// Jobs whose starts were estimated, once for every round.
    pub jobs: u64,
    /// Futures that were drawn.
    pub futures: u64,
    /// Commands that copies of the core were given in them.
    pub commands: u64,
    /// Futures that were broken off before every job had started.
    pub cut: u64,
}

impl Effort {
    /// And more.
    pub fn add(&mut self, more: Self) {
        self.jobs += more.jobs;
        self.futures += more.futures;
        self.commands += more.commands;
        self.cut += more.cut;
    }
}

impl Forecaster {
    /// Nothing was seen yet. `draws` are the streams of the futures, which are spread over so many threads.
    pub fn new(settings: Estimates, draws: StreamFamily, threads: usize) -> Self {
        let (past, outcomes) = (Past::default(), Outcomes::default());
        let told = BTreeMap::new();
        let (spent, threads) = (Vec::new(), threads.max(1));
        Self { settings, draws, threads, past, outcomes, spent, made: 0, happened: false, told }
    }

    /// Time between two rounds.
    pub fn every(&self) -> Span {
        self.settings.every
    }

    /// What the core answered to a command at `now`: all events, after every command.
    pub fn observe(&mut self, now: Time, core: &Allocator, events: &[Event]) {
        self.happened |= !events.is_empty();
        for event in events {
            self.past.observe(now, core, event);
            match event {
                Event::JobStarted { allocation } => self.outcomes.started(allocation.job, now),
                Event::JobCancelled { job, .. }
                | Event::JobExpired { job, .. }
                | Event::JobFailed { job, .. }
                | Event::JobFinished { job, .. } => self.outcomes.ended(*job),
                Event::JobRejected { job, .. } => self.outcomes.ended(job.id),
                _ => {}
            }
        }
    }

    /// The estimates of all waiting jobs in the order of their numbers, after the pass of this instant; none if the core has a
    /// strategy, selector or order that was handed to it as a value and that nobody can copy.
    pub fn estimate(&mut self, now: Time, core: &Allocator) -> (Vec<Estimate>, Effort) {
        let waiting: BTreeMap<JobId, u32> = positions(core);
        if waiting.is_empty() {
            return (Vec::new(), Effort::default());
        }
        // Who cannot start whatever comes is not waited for in any future.
        let hopes =
            |job: &JobId| !matches!(core.waits_for(*job), Some(WaitCause::Held | WaitCause::Unplaceable));
        let awaited: Vec<JobId> = waiting.keys().copied().filter(hopes).collect();
        // Where nothing runs and nothing has happened, time alone changes nothing.
        let still =
            !std::mem::take(&mut self.happened) && core.state().waiting_len() == core.state().jobs().len();
        if awaited.is_empty() || still {
            let told = waiting.into_iter().map(|(job, position)| match self.told.get(&job) {
                Some(told) if still => Estimate { position, ..told.not_before(now) },
                _ => Estimate { job, position, start: None, drawn: None, plan: None },
            });
            let told: Vec<Estimate> = told.collect();
            let effort = Effort { jobs: told.len() as u64, ..Effort::default() };
            return (told, effort);
        }
        self.made += 1;
        let known = self.past.known(now);
        let mut cores = Vec::new();
        for _ in 0..=self.settings.draws {
            let Some(copy) = core.fork(self.spent.pop()) else { return (Vec::new(), Effort::default()) };
            cores.push(copy);
        }
        let until = now.checked_add(self.settings.horizon).unwrap_or(Time::MAX);
        let one = |(number, core): (usize, Allocator)| {
            // The first one is what is to be expected: no chance in it.
            let lots = Lots::new(self.draws, self.made, number as u32);
            Future::new(core, now, &known, lots, awaited.iter().copied()).run(until)
        };
        let courses = threads::each(cores, self.threads, one);
        let mut effort =
            Effort { jobs: waiting.len() as u64, futures: courses.len() as u64, ..Effort::default() };
        let mut plans = BTreeMap::new();
        let mut spreads: BTreeMap<JobId, Spread> = BTreeMap::new();
        for (number, (course, core)) in courses.into_iter().enumerate() {
            effort.commands += course.commands;
            effort.cut += u64::from(course.cut);
            if number == 0 {
                plans = course.starts;
            } else {
                for (job, start) in course.starts {
                    spreads.entry(job).or_default().add(start.at);
                }
            }
            self.spent.push(core);
        }
        let estimates = waiting.into_iter().map(|(job, position)| {
            let drawn = spreads.remove(&job).unwrap_or_default().range(self.settings.draws);
            let start = drawn.map(|drawn| self.outcomes.corrected(now, drawn));
            self.outcomes.estimated(job, now, drawn);
            let plan = plans.remove(&job);
            Estimate { job, position, drawn, start, plan }
        });
        let estimates: Vec<Estimate> = estimates.collect();
        self.told = estimates.iter().map(|estimate| (estimate.job, estimate.clone())).collect();
        (estimates, effort)
    }
}

/// Where each waiting job stands in its queue, from 1. Those whose qubits are counted already stand before all others.
fn positions(core: &Allocator) -> BTreeMap<JobId, u32> {
    let jobs = core.state().jobs();
    let of_devices = core.devices().flat_map(|device| {
        let counted = device.admitted.iter().map(|slot| jobs[*slot].request.id);
        counted.chain(core.in_line(Some(device.id))).zip(1..)
    });
    core.in_line(None).into_iter().zip(1..).chain(of_devices).collect()
}
