//! The life of one job: every decision about it, what it waited for, and what would have started it earlier.
//!
//! Promises what the run itself did: it is run again, under the same seed, and the core is asked while it decides. What would have
//! been is run as well, one change at a time. Leaves words to [`crate::report`].

mod change;
mod life;

use std::ops::ControlFlow;

use crate::allocator::Allocator;
use crate::allocator::protocol::{Event, JobId};
use crate::simulator::scenario::Scenario;
use crate::simulator::simulation::{Alter, Instruments, Simulation, SimulationError, Watch};
use crate::time::{Span, Time};

pub use change::{Change, changes_for};
pub use life::{Chapter, Life, What};

/// The life of a job, and what would have been.
#[derive(Debug, Clone)]
pub struct Explained {
    /// Its life.
    pub life: Life,
    /// What was changed, one thing at a time, and what came of it.
    pub would_be: Vec<(Change, WouldBe)>,
}

/// What came of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WouldBe {
    /// The job starts so much earlier than it did or, where it never started, at all: after so long a wait.
    Earlier {
        /// By how much; `None` where it never started.
        by: Option<Span>,
        /// How long it waits.
        wait: Span,
    },
    /// It starts when it did, or not at all as before.
    NoEarlier,
    /// It starts later, since others take another course as well.
    Later {
        /// By how much; `None`: not before the run ends.
        by: Option<Span>,
    },
    /// The changed scenario is not valid, or contradicts itself.
    Impossible,
}

/// Why a job cannot be explained.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// The replication has no such job.
    #[error("replication {replication} has no job {}: its jobs are 0 to {last}", job.0)]
    NoJob {
        /// Which one.
        job: JobId,
        /// Of which replication.
        replication: u32,
        /// Number of its last job.
        last: u64,
    },
    /// No job came at all.
    #[error("in replication {0} no job came")]
    NoJobs(u32),
    /// The run failed.
    #[error(transparent)]
    Simulation(#[from] Box<SimulationError>),
}

/// Runs a replication again and follows one of its jobs. `what_if`: also with changes that might have started it earlier.
pub fn explain(
    scenario: &Scenario,
    replication: u32,
    job: JobId,
    what_if: bool,
) -> Result<Explained, ExplainError> {
    let mut life = Life::of(job);
    let arrivals = run(scenario, replication, &mut life, None)?;
    let Some(came) = life.came() else {
        let last = arrivals.checked_sub(1).ok_or(ExplainError::NoJobs(replication))?;
        return Err(ExplainError::NoJob { job, replication, last });
    };
    let started = life.first_start();
    let mut would_be = Vec::new();
    if what_if && started != Some(came) {
        for change in changes_for(scenario, &life) {
            let outcome = try_change(scenario, replication, job, &change, (came, started))?;
            would_be.push((change, outcome));
        }
    }
    Ok(Explained { life, would_be })
}

/// Runs a replication under a change until the job starts or ends.
fn try_change(
    scenario: &Scenario,
    replication: u32,
    job: JobId,
    change: &Change,
    (came, started): (Time, Option<Time>),
) -> Result<WouldBe, ExplainError> {
    let Some(changed) = change.scenario(scenario) else { return Ok(WouldBe::Impossible) };
    let mut first = FirstStart { job, start: None };
    let alter = change.alter(job);
    run(&changed, replication, &mut first, alter)?;
    Ok(match (first.start, started) {
        (Some(at), Some(before)) if at < before => {
            WouldBe::Earlier { by: Some(before.since(at)), wait: at.since(came) }
        }
        (Some(at), None) => WouldBe::Earlier { by: None, wait: at.since(came) },
        (Some(at), Some(before)) if at > before => WouldBe::Later { by: Some(at.since(before)) },
        (None, Some(_)) => WouldBe::Later { by: None },
        _ => WouldBe::NoEarlier,
    })
}

/// Runs a replication that is watched; answers how many jobs came.
fn run(
    scenario: &Scenario,
    replication: u32,
    watch: &mut dyn Watch,
    alter: Option<Alter>,
) -> Result<u64, ExplainError> {
    let instruments = Instruments { watch: Some(watch), alter, ..Instruments::default() };
    let simulation = Simulation::new(scenario, replication, instruments).map_err(Box::new)?;
    Ok(simulation.run().map_err(Box::new)?.arrivals)
}

/// Waits for the first start of a job.
struct FirstStart {
    job: JobId,
    start: Option<Time>,
}

impl Watch for FirstStart {
    fn after(&mut self, now: Time, _core: &mut Allocator, events: &[Event]) -> ControlFlow<()> {
        for event in events {
            match event {
                Event::JobStarted { allocation } if allocation.job == self.job => {
                    self.start = Some(now);
                    return ControlFlow::Break(());
                }
                Event::JobCancelled { job, .. } | Event::JobExpired { job, .. } if *job == self.job => {
                    return ControlFlow::Break(());
                }
                Event::JobRejected { job, .. } if job.id == self.job => return ControlFlow::Break(()),
                _ => {}
            }
        }
        ControlFlow::Continue(())
    }
}
