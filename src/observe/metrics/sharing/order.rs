//! The waiting jobs in their order: who starts before an earlier one, and who is overtaken how often.
//!
//! A start counts as *backfilled* when, once everything of its instant is done, a job that comes before it in the order of
//! its queue still waits there. Jobs that are held, or that a quota of qubits or jobs stops, are not in the order. Where usage counts, events
//! do not carry the order between tenants (it is that of usage), and a job is compared with those of its own tenant alone.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::job::{Job, Place, path, tenant};
use crate::allocator::protocol::{JobId, Tenant};
use crate::observe::quotas::Quotas;
use crate::quantum::DeviceId;
use crate::time::Time;

/// The queue, and the tenant where it matters, and the size where quotas may stop jobs.
type Line = (Option<DeviceId>, Option<[u32; 3]>, u32);

/// A job that was overtaken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overtaken {
    /// Which one.
    pub job: JobId,
    /// How many later jobs of its queue started while it was the first of those that could not.
    pub by: u64,
    /// From the first of these until it started, left or the run ended, in nanoseconds.
    pub ns: u64,
}

/// A start of this instant.
#[derive(Debug, Clone, Copy)]
struct Start {
    queue: Option<DeviceId>,
    tenant: Tenant,
    place: Place,
    /// Whether it is the first start of a job that is measured.
    counts: bool,
}

/// All waiting jobs that may start.
#[derive(Debug, Clone, Default)]
pub(super) struct Order {
    lines: BTreeMap<Line, BTreeSet<(Place, JobId)>>,
    by_tenant: bool,
    by_size: bool,
    starts: Vec<Start>,
    overtaken: IndexMap<JobId, (Time, u64), FxBuildHasher>,
    worst: Option<Overtaken>,
    pub(super) backfilled: u64,
}

impl Order {
    /// Which differences between jobs matter; whoever waits must be entered again.
    pub(super) fn configure(&mut self, usage_counts: bool, quotas: bool) {
        self.lines.clear();
        (self.by_tenant, self.by_size) = (usage_counts, quotas);
    }

    fn line(&self, job: &Job) -> Line {
        let whose = (self.by_tenant || self.by_size).then(|| path(job.tenant));
        (job.queue, whose, if self.by_size { job.qubits } else { 0 })
    }

    pub(super) fn enter(&mut self, id: JobId, job: &Job) {
        self.lines.entry(self.line(job)).or_default().insert((job.place, id));
    }

    pub(super) fn leave(&mut self, id: JobId, job: &Job, now: Time) {
        let line = self.line(job);
        if let Some(waiting) = self.lines.get_mut(&line) {
            waiting.remove(&(job.place, id));
            if waiting.is_empty() {
                self.lines.remove(&line);
            }
        }
        if let Some((since, by)) = self.overtaken.swap_remove(&id) {
            self.judge(Overtaken { job: id, by, ns: now.since(since).0 });
        }
    }

    fn judge(&mut self, one: Overtaken) {
        if self.worst.is_none_or(|worst| one.by > worst.by) {
            self.worst = Some(one);
        }
    }

    pub(super) fn started(&mut self, job: &Job, counts: bool) {
        self.starts.push(Start { queue: job.queue, tenant: job.tenant, place: job.place, counts });
    }

    /// The instant is over: whoever still waits was overtaken by those of its starts that come after it.
    pub(super) fn close_instant(&mut self, at: Time, quotas: &Quotas) {
        for start in std::mem::take(&mut self.starts) {
            let Some((place, first)) = self.first(&start, quotas).filter(|(place, _)| *place < start.place)
            else {
                continue;
            };
            debug_assert!(place < start.place, "the first one is before it");
            self.backfilled += u64::from(start.counts);
            self.overtaken.entry(first).or_insert((at, 0)).1 += 1;
        }
    }

    /// The first job of the order to which a start belongs.
    fn first(&self, start: &Start, quotas: &Quotas) -> Option<(Place, JobId)> {
        let own = Some(path(start.tenant));
        let lines = match (self.by_tenant, self.by_size) {
            (true, _) => self.lines.range((start.queue, own, 0)..=(start.queue, own, u32::MAX)),
            (false, true) => {
                let last = Some([u32::MAX; 3]);
                self.lines.range((start.queue, None, 0)..=(start.queue, last, u32::MAX))
            }
            (false, false) => self.lines.range((start.queue, None, 0)..=(start.queue, None, 0)),
        };
        let stopped = |line: &Line| {
            let whose = line.1.filter(|_| self.by_size).map(tenant);
            whose.is_some_and(|tenant| quotas.room(tenant).is_some_and(|room| u64::from(line.2) > room))
        };
        let firsts = lines.filter_map(|(line, waiting)| Some((line, *waiting.first()?)));
        // Asked only of those that matter.
        let earlier = firsts.filter(|(_, first)| first.0 < start.place);
        earlier.filter(|(line, _)| !stopped(line)).map(|(_, first)| first).min()
    }

    /// The job that was overtaken most often, if any was.
    pub(super) fn worst(&self, now: Time) -> Option<Overtaken> {
        let open = self.overtaken.iter().map(|(job, (since, by))| Overtaken {
            job: *job,
            by: *by,
            ns: now.since(*since).0,
        });
        open.chain(self.worst).max_by_key(|one| (one.by, std::cmp::Reverse(one.job)))
    }

    /// Counts from here on.
    pub(super) fn restart(&mut self) {
        self.backfilled = 0;
        self.worst = None;
        for start in &mut self.starts {
            start.counts = false;
        }
    }
}
