//! Devices for the page: where their qubits lie, what couples them, and which job held which qubits when.
//!
//! Promises qubit numbers of the device itself, checked against its size.

use std::path::Path;

use serde::Serialize;

use super::collect::{Collected, device_order};
use super::schedule::Scheduled;
use super::shell::rounded;
use crate::experiment::reading::{ManifestDevice, ReadError};
use crate::report::layout;

/// Largest device whose map is drawn; larger ones have a schedule only.
const DRAWN_MAX: u32 = 2_000;

/// A device as the scripts draw it.
#[derive(Serialize)]
pub(super) struct Drawn {
    name: String,
    qubits: u32,
    /// Places in units of about one coupler; empty when there is no map to draw.
    x: Vec<f64>,
    y: Vec<f64>,
    /// Pairs of qubits, one after the other; empty for a complete map.
    couplers: Vec<u32>,
    complete: bool,
    dead: Vec<u32>,
    /// Jobs that ran on it in the whole run.
    ran: u64,
    jobs: Vec<Row>,
}

/// An attempt of a job: number, start, end, qubits, buffer, workload, state, project, group, user, attempts, submission,
/// predicted and true success probability, which attempt. An array, since names would double the size of the file.
type Row = (
    u64,
    f64,
    Option<f64>,
    String,
    Option<u32>,
    usize,
    usize,
    u32,
    u32,
    u32,
    u32,
    f64,
    Option<f64>,
    Option<f64>,
    u32,
);

/// The devices with most jobs.
pub(super) fn drawn(
    manifest: (&Path, &[ManifestDevice]),
    jobs: &Path,
    collected: &Collected,
) -> Result<Vec<Drawn>, ReadError> {
    let (manifest, devices) = manifest;
    let contradiction =
        |path: &Path, message: String| ReadError::Contradiction { path: path.to_owned(), message };
    let draw = |index: usize| {
        let device = &devices[index];
        let map = device.map().map_err(|message| contradiction(manifest, message))?;
        let map = map.filter(|_| device.qubits <= DRAWN_MAX);
        let places = map.as_ref().map(layout::positions).unwrap_or_default();
        let complete = map.as_ref().is_some_and(|map| map.is_complete() && map.qubits() > 3);
        let couplers = map.as_ref().filter(|_| !complete).map_or(&[][..], |map| map.couplers());
        let dead = numbers(&device.dead_qubits, 0, device.qubits)
            .map_err(|message| contradiction(manifest, format!("device `{}`: {message}", device.name)))?;
        let rows = collected.schedules.per_device[index].iter().map(|job| {
            row(job, device).map_err(|message| contradiction(jobs, format!("job {}: {message}", job.id)))
        });
        Ok(Drawn {
            name: device.name.clone(),
            qubits: device.qubits,
            x: places.iter().map(|place| rounded(place.0, 3)).collect(),
            y: places.iter().map(|place| rounded(place.1, 3)).collect(),
            couplers: couplers.iter().flat_map(|(a, b)| [a.0, b.0]).collect(),
            complete,
            dead,
            ran: collected.counts[index],
            jobs: rows.collect::<Result<_, _>>()?,
        })
    };
    device_order(&collected.counts).into_iter().map(draw).collect()
}

fn row(job: &Scheduled, device: &ManifestDevice) -> Result<Row, String> {
    // Checked number by number, so that the scripts need not.
    let ranges = ranges(&job.qubits, device.first_qubit, device.qubits)?;
    let text = ranges.iter().map(
        |&(first, last)| {
            if first == last { first.to_string() } else { format!("{first}-{last}") }
        },
    );
    let (predicted, actual) = job.fidelity.unzip();
    let [project, group, user] = job.tenant;
    Ok((
        job.id,
        rounded(job.start, 3),
        job.end.map(|end| rounded(end, 3)),
        text.collect::<Vec<_>>().join(" "),
        job.buffer,
        job.name,
        job.state,
        project,
        group,
        user,
        job.attempts,
        rounded(job.submitted, 3),
        predicted.map(|value| rounded(value, 4)),
        actual.map(|value| rounded(value, 4)),
        job.attempt,
    ))
}

/// The ranges of an interval set of fleet-wide numbers, as numbers of the device.
fn ranges(text: &str, offset: u32, qubits: u32) -> Result<Vec<(u32, u32)>, String> {
    let range = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let number = |text: &str| text.parse::<u32>().ok()?.checked_sub(offset).filter(|&q| q < qubits);
        number(first).zip(number(last)).filter(|(first, last)| first <= last)
    };
    let ranges = text.split_ascii_whitespace().map(|text| {
        range(text).ok_or_else(|| {
            let last = u64::from(offset) + u64::from(qubits.max(1)) - 1;
            format!("`{text}` is no range of the device's qubits {offset}-{last}")
        })
    });
    ranges.collect()
}

fn numbers(text: &str, offset: u32, qubits: u32) -> Result<Vec<u32>, String> {
    Ok(ranges(text, offset, qubits)?.into_iter().flat_map(|(first, last)| first..=last).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_the_device() {
        assert_eq!(ranges("156-158 160", 156, 20), Ok(vec![(0, 2), (4, 4)]));
        let wrong = ["155", "176", "158-157", "a", "157-"].map(|text| ranges(text, 156, 20).unwrap_err());
        insta::assert_snapshot!(wrong.join("\n"), @"
        `155` is no range of the device's qubits 156-175
        `176` is no range of the device's qubits 156-175
        `158-157` is no range of the device's qubits 156-175
        `a` is no range of the device's qubits 156-175
        `157-` is no range of the device's qubits 156-175
        ");
    }
}
