//! What shares and queues do to somebody: quotas of nothing, and jobs that others pass again and again.

use super::course::{Course, some_of};
use super::note::{Note, NoteKind, grouped, roughly};
use crate::allocator::protocol::JobId;
use crate::observe::metrics::Overtaken;
use crate::simulator::scenario::Scenario;
use crate::time::Span;

/// A job that more later ones have passed than a whole `skip_ahead` of 64, as long published runs had it, did not merely let
/// one pass go first.
const PASSED_BY_MAX: u64 = 64;

/// A wait of more than ten times the mean of those who started is no common one: of exponential waits, one in 22,000 is longer.
const TIMES_THE_MEAN: f64 = 10.0;

/// Whoever waits less has no reason to complain, however short the others' waits are.
const SHORT: Span = Span::from_secs(60);

/// The job that starved, if the one that was overtaken most often did: too often, and for too long, where no start is promised.
pub fn starved(
    scenario: &Scenario,
    overtaken: Option<Overtaken>,
    mean_wait_s: Option<f64>,
) -> Option<(JobId, u64, Span)> {
    let promises = scenario.allocator.queue.makes_promises();
    let Overtaken { job, by, ns } = overtaken.filter(|_| !promises)?;
    let long = Span::from_secs_f64(TIMES_THE_MEAN * mean_wait_s.unwrap_or(0.0)).max(SHORT);
    (by > PASSED_BY_MAX && Span(ns) > long).then_some((job, by, Span(ns)))
}

/// The job that starved most, in words.
pub(super) fn of_starved(courses: &[Course]) -> Option<Note> {
    let (some, picked) = some_of(courses, |course| course.starved.is_some())?;
    let (job, by, span) = picked.iter().filter_map(|course| course.starved).max_by_key(|one| one.1)?;
    let text = format!(
        "jobs starve in {some}: job {} was the first of those that could not start while {} later ones did, for {}",
        job.0,
        grouped(by),
        roughly(span)
    );
    let hint = "a queue that promises starts (the default) lets nobody pass to its loss; the column `reason` of jobs.csv \
                says what kept it";
    Some(Note::new(NoteKind::Starved, text).hint(hint))
}

/// Quotas with which nobody ever starts.
pub(super) fn of_quotas(scenario: &Scenario) -> Vec<Note> {
    let tenants = &scenario.allocator.tenants;
    let listed = tenants.paths().zip(tenants.quotas());
    let nothing = listed.filter_map(|((group, project, user), (_, quota))| {
        let none = |own: Option<u32>, more: u32| own == Some(0) && more == 0;
        let of = match () {
            () if none(quota.qubits, quota.borrow.qubits) => "qubits",
            () if none(quota.jobs, quota.borrow.jobs) => "jobs",
            () => return None,
        };
        let who = match (project, user) {
            (_, Some(user)) => format!("user `{user}`"),
            (Some(project), None) => format!("project `{project}`"),
            (None, None) => format!("group `{group}`"),
        };
        let text = format!("{who} has a quota of 0 {of} and may borrow none: its jobs never start");
        let hint = format!("allocator.tenants ... quota: {{{of}: 1}} at least, or no quota");
        Some(Note::new(NoteKind::QuotaOfNothing, text).hint(hint))
    });
    nothing.collect()
}
