//! Checks what was told of the starts of waiting jobs: in every round of all of them, once, in order, and not of the past.

use std::collections::{BTreeMap, BTreeSet};

use super::check::{Books, Finding};
use super::tables::{self, JobRow};

/// Whether anything was told.
pub fn check(books: &Books, text: &str, ended: u64, found: &mut Vec<Finding>) -> bool {
    let mut wrong = |text: String| found.push(Finding { kind: "estimates", text });
    let rows = match tables::estimates(text) {
        Ok(rows) => rows,
        Err(error) => {
            wrong(error);
            return false;
        }
    };
    let mut rounds: BTreeMap<u64, Vec<&JobRow>> = BTreeMap::new();
    for row in &rows {
        let Some(at) = row.time("time_s").filter(|at| *at <= ended) else {
            wrong(format!("a time that is none: {}", row.text("time_s")));
            return true;
        };
        rounds.entry(at).or_default().push(row);
    }
    for (at, round) in &rounds {
        let told: BTreeSet<u64> = round.iter().map(|row| row.number("job_id")).collect();
        let waits = |job: &super::check::Job| {
            let still = match job.phase {
                super::check::Phase::Waiting { since } => since <= *at,
                _ => false,
            };
            let waits = still || job.waits.iter().any(|(since, until)| since <= at && at < until);
            // Nothing is told to whoever has others to wait for.
            waits && job.ready <= *at
        };
        let waiting: BTreeSet<u64> =
            books.jobs.iter().filter(|(_, job)| waits(job)).map(|(id, _)| *id).collect();
        if told != waiting || told.len() != round.len() {
            wrong(format!("at {at} {waiting:?} wait, and of {told:?} it is told, in {} rows", round.len()));
        }
        for row in round {
            let of = |column: &str| row.time(column);
            for name in ["start", "drawn"] {
                let range = ["p10", "p50", "p90"].map(|part| of(&format!("{name}_{part}")));
                let some = range.iter().flatten().count();
                if some % 3 != 0 || !range.is_sorted() || range[0].is_some_and(|first| first < *at) {
                    wrong(format!("at {at} of job {}: {name} {range:?}", row.text("job_id")));
                }
            }
            let plan = ["planned_start", "planned_device", "planned_resources"];
            let given = plan.iter().filter(|column| !row.text(column).is_empty()).count();
            if given % 3 != 0
                || of("planned_start").is_some_and(|start| start < *at)
                || row.number("position") == 0
            {
                wrong(format!("at {at} of job {}: a plan that is none", row.text("job_id")));
            }
        }
    }
    !rounds.is_empty()
}
