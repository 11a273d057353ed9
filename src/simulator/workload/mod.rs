//! Jobs and when they come: arrival processes, distributions, job mixes, or a list of jobs to replay.
//!
//! Promises that arrivals and attributes depend on (seed, replication, job number) alone, never on what the allocator
//! does: all attributes of a job come from its own stream, in a fixed order. Leaves reading files to
//! [`super::scenario`].
#![deny(clippy::disallowed_types, clippy::disallowed_methods)]

pub mod arrivals;
pub mod census;
pub mod distribution;
pub mod jobs;
pub mod rate;
pub mod replay;
mod variates;

use std::sync::Arc;

use self::arrivals::{ArrivalProcess, Arrivals};
use self::jobs::{GeneratedJob, JobMix};
use self::replay::Replay;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::allocator::protocol::{JobId, Topology};
use crate::quantum::circuit::CircuitProfile;
use crate::random::{Purpose, StreamFamily};
use crate::time::Time;

/// Layers of a program of which nobody says how deep it is: the median on IBM's devices (Ravi et al., IISWC'21).
pub const DEFAULT_DEPTH: u32 = 114;

/// All sources of jobs.
#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    /// The sources; at least one in a validated scenario, unless jobs are replayed.
    pub sources: Vec<Source>,
    /// A list of jobs to replay instead; `sources` is empty then.
    pub replay: Option<Arc<Replay>>,
}

/// One source of jobs.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// When jobs come, counted from `from`.
    pub arrivals: Arrivals,
    /// When the source begins.
    pub from: Time,
    /// After which time no more jobs come.
    pub until: Option<Time>,
    /// What they ask for.
    pub mix: Arc<JobMix>,
    /// Whether those that come at one instant follow one another.
    pub chain: Chain,
}

/// How the jobs of a source that come at one instant depend on each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Chain {
    /// Not at all.
    #[default]
    None,
    /// Each may start when the one before it has ended, however it did.
    After,
    /// Each may start when the one before it has completed, and is cancelled when that ended otherwise.
    AfterSuccess,
}

/// One arrival: jobs are numbered in the order in which [`ArrivalStream`] gives them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arrival {
    /// When.
    pub at: Time,
    /// Index of the source.
    pub source: u32,
    /// Whether the job before it came at the same instant from the same source.
    pub continues: bool,
}

impl Workload {
    /// All arrivals of a replication in order of time; at one instant, the source with the lowest index first.
    pub fn arrivals(&self, seed: u64, replication: u32) -> ArrivalStream {
        let streams = StreamFamily::new(seed, replication, Purpose::Arrivals);
        let pending = |(index, source): (usize, &Source)| {
            let mut process = source.arrivals.instants(&streams, index as u32, source.from);
            let until = source.until.unwrap_or(Time::MAX);
            let next = process.next().filter(|at| *at <= until);
            Pending { process, until, next, last: None }
        };
        ArrivalStream {
            sources: self.sources.iter().enumerate().map(pending).collect(),
            replay: self.replay.clone().map(|replay| (replay, 0)),
        }
    }

    /// The streams from which [`Self::draw`] takes the attributes of the jobs of a replication.
    pub fn attributes(seed: u64, replication: u32) -> StreamFamily {
        StreamFamily::new(seed, replication, Purpose::JobAttributes)
    }

    /// The job with number `number` (counted over all sources), which is also its id; the next arrival brings the one after
    /// its array.
    pub fn draw(&self, streams: &StreamFamily, arrival: Arrival, number: u64) -> GeneratedJob {
        match &self.replay {
            Some(replay) => replay.draw(number),
            None => {
                let source = &self.sources[arrival.source as usize];
                let mut job = source.mix.draw(streams, number, arrival.at);
                let before = number.checked_sub(1).filter(|_| arrival.continues).map(JobId);
                match source.chain {
                    Chain::None => {}
                    Chain::After => job.request.after.extend(before),
                    Chain::AfterSuccess => job.request.after_success.extend(before),
                }
                job
            }
        }
    }

    /// The names that jobs of each source can have, for results.
    pub fn template_names(&self) -> Vec<Vec<String>> {
        match &self.replay {
            Some(replay) => vec![replay.names()],
            None => self.sources.iter().map(|source| source.mix.template_names()).collect(),
        }
    }

    /// The circuits that jobs bring, with the names under which they were given.
    pub fn circuits(&self) -> impl Iterator<Item = (&Arc<CircuitProfile>, &str)> {
        let replayed = self.replay.iter().flat_map(|replay| replay.circuits());
        let generated =
            self.sources.iter().flat_map(|source| source.mix.templates()).filter_map(|template| {
                match (&template.base.topology, &template.circuit) {
                    (Topology::Circuit(profile), Some(reference)) => Some((profile, reference.as_str())),
                    _ => None,
                }
            });
        replayed.map(|(profile, reference)| (profile, reference.as_str())).chain(generated)
    }

    /// How many jobs ever come, if that is limited by the processes themselves.
    pub fn total(&self) -> Option<u64> {
        match &self.replay {
            Some(replay) => Some(replay.len() as u64),
            None => self.sources.iter().map(|source| source.arrivals.total()).sum(),
        }
    }
}

/// The arrivals of all sources, merged.
#[derive(Debug, Clone)]
pub struct ArrivalStream {
    sources: Vec<Pending>,
    /// The replayed workload, and the number of its next job.
    replay: Option<(Arc<Replay>, u64)>,
}

#[derive(Debug, Clone)]
struct Pending {
    process: ArrivalProcess,
    until: Time,
    next: Option<Time>,
    /// When the last one came.
    last: Option<Time>,
}

impl Iterator for ArrivalStream {
    type Item = Arrival;

    #[inline]
    fn next(&mut self) -> Option<Arrival> {
        if let Some((replay, next)) = &mut self.replay {
            let at = replay.at(*next)?;
            *next += 1;
            return Some(Arrival { at, source: 0, continues: false });
        }
        let mut first: Option<Arrival> = None;
        for (index, source) in self.sources.iter().enumerate() {
            if let Some(at) = source.next
                && first.is_none_or(|found| at < found.at)
            {
                first = Some(Arrival { at, source: index as u32, continues: source.last == Some(at) });
            }
        }
        let found = first?;
        let source = &mut self.sources[found.source as usize];
        source.last = Some(found.at);
        source.next = source.process.next().filter(|at| *at <= source.until);
        Some(found)
    }
}

#[cfg(test)]
mod tests;
