//! The attempts that `jobs.csv` does not show: it has the last one of each job, `events.csv` has all.
//!
//! Promises one pass over the file, and memory for the jobs that were started more than once alone.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use super::schedule::Scheduled;
use crate::experiment::reading::{EventRow, Fields, ManifestDevice, ReadError, each_row_if};

/// What is known of a job that was started more than once.
#[derive(Debug)]
pub(super) struct Restarted {
    /// The last attempt, as the schedule shows it.
    pub last: Scheduled,
    /// Its device.
    pub device: usize,
}

/// An attempt under way.
struct Open {
    job: u64,
    device: usize,
    start: f64,
    qubits: Box<str>,
    attempt: u32,
}

/// Events that begin or end an attempt.
const EVENTS: [&str; 5] = ["job_started", "job_requeued", "job_finished", "job_failed", "job_cancelled"];

/// Hands over the attempts of `jobs` after which they waited again: the device, and the attempt.
pub(super) fn earlier(
    path: &Path,
    (devices, replication): (&[ManifestDevice], u32),
    jobs: &BTreeMap<u64, Restarted>,
    mut each: impl FnMut(usize, Scheduled),
) -> Result<(), ReadError> {
    let number = replication.to_string();
    let wanted = |fields: Fields<'_>| {
        let of = |column| fields.get(column).unwrap_or_default();
        EVENTS.contains(&of("event"))
            && of("replication") == number
            && of("job").parse().is_ok_and(|job: u64| jobs.contains_key(&job))
    };
    let mut open: BTreeMap<u64, Open> = BTreeMap::new();
    let mut wrong = None;
    let mut found: u64 = 0;
    each_row_if(path, wanted, |row: EventRow| {
        let (Some(job), Some(allocation)) = (row.job, row.allocation) else {
            return ControlFlow::Continue(());
        };
        if row.event == "job_started" {
            let Some(started) = started(&row, job, devices) else {
                wrong = Some((job, row.detail));
                return ControlFlow::Break(());
            };
            open.insert(allocation, started);
        } else if let Some(one) = open.remove(&allocation)
            && row.event == "job_requeued"
            && let Some(restarted) = jobs.get(&one.job)
        {
            let attempt = Scheduled {
                attempt: one.attempt,
                start: one.start,
                end: Some(row.time_s),
                qubits: one.qubits,
                fidelity: None,
                ..restarted.last.clone()
            };
            found += 1;
            each(one.device, attempt);
        }
        ControlFlow::Continue(())
    })?;
    let contradiction = |message: String| ReadError::Contradiction { path: path.to_owned(), message };
    if let Some((job, detail)) = wrong {
        return Err(contradiction(format!(
            "job {job}: `{detail}` is no start of an attempt on a device of manifest.json"
        )));
    }
    let expected: u64 = jobs.values().map(|job| u64::from(job.last.attempts) - 1).sum();
    if found != expected {
        return Err(contradiction(format!(
            "{found} of the {expected} attempts that jobs.csv counts before the last ones; hint: the file may be cut off"
        )));
    }
    Ok(())
}

/// Reads `attempt 2 fence 7 on 0 3 6, ..., holding 0-6, ...`: the qubits are those of the layout unless others are held,
/// too.
fn started(row: &EventRow, job: u64, devices: &[ManifestDevice]) -> Option<Open> {
    let device = devices.iter().position(|device| device.name == row.device)?;
    let rest = row.detail.strip_prefix("attempt ")?;
    let (attempt, rest) = rest.split_once(' ')?;
    let (_, rest) = rest.split_once(" on ")?;
    let mut parts = rest.split(", ");
    let layout = parts.next()?;
    let held = parts.find_map(|part| part.strip_prefix("holding ")).unwrap_or(layout);
    Some(Open {
        job,
        device,
        start: row.time_s,
        qubits: in_fleet(held, devices[device].first_qubit)?.into(),
        attempt: attempt.parse().ok()?,
    })
}

/// Ranges of qubits of a device as ranges of fleet-wide numbers.
fn in_fleet(ranges: &str, first: u32) -> Option<String> {
    let number = |text: &str| text.parse::<u32>().ok()?.checked_add(first);
    let mut numbers = Vec::new();
    for range in ranges.split_ascii_whitespace() {
        let (low, high) = range.split_once('-').unwrap_or((range, range));
        numbers.push((number(low)?, number(high)?));
    }
    numbers.sort_unstable();
    let text =
        numbers.iter().map(|(low, high)| if low == high { low.to_string() } else { format!("{low}-{high}") });
    Some(text.collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_of_attempts_are_read() {
        let device = |name: &str, first_qubit| ManifestDevice {
            name: name.to_owned(),
            qubits: 9,
            first_qubit,
            calibrated_at: None,
            source: String::new(),
            coupling_map: None,
            dead_qubits: String::new(),
        };
        let devices = [device("a", 0), device("b", 9)];
        let read = |detail: &str| {
            let row = EventRow {
                replication: 0,
                time_s: 5.0,
                event: "job_started".to_owned(),
                job: Some(1),
                allocation: Some(1),
                device: "b".to_owned(),
                detail: detail.to_owned(),
            };
            started(&row, 1, &devices).map(|open| (open.attempt, open.qubits.to_string()))
        };
        let said = [
            "attempt 1 fence 1 on 3 0 1",
            "attempt 2 fence 17 on 4, holding 3-5, to be routed with 2 SWAPs at 0.1 nats",
            "attempt 1 fence 1 on 0 1 2 3, 2 copies",
            "attempt one fence 1 on 0",
            "attempt 1 fence 1 on x",
        ]
        .map(|detail| format!("{:?}", read(detail)));
        insta::assert_snapshot!(said.join("\n"), @r#"
        Some((1, "9 10 12"))
        Some((2, "12-14"))
        Some((1, "9 10 11 12"))
        None
        None
        "#);
    }
}
