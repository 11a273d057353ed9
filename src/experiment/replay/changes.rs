//! What another configuration changes, job by job.

use super::course::{Courses, Ended, Side};
use crate::allocator::protocol::FinalState;
use crate::time::Time;

/// Jobs that start at another time, and by how much.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Moved {
    /// How many.
    pub jobs: u64,
    /// By how many seconds on average.
    pub mean_s: Option<f64>,
}

/// What another configuration changes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Changes {
    /// Jobs submitted.
    pub jobs: u64,
    /// Jobs started in both, on another device.
    pub other_device: u64,
    /// Jobs started in both, on the same device, on other qubits.
    pub other_qubits: u64,
    /// Jobs started earlier than recorded.
    pub earlier: Moved,
    /// Jobs started later than recorded.
    pub later: Moved,
    /// Jobs started only now.
    pub only_now: u64,
    /// Jobs started only in the record.
    pub only_recorded: u64,
    /// Jobs that end otherwise: recorded state, state now (`None`: not ended), how many.
    pub states: Vec<(Option<FinalState>, Option<FinalState>, u64)>,
    /// Figures of the record.
    pub recorded: Side,
    /// Figures now.
    pub now: Side,
    /// Jobs whose working time is an estimate, because the record does not show it.
    pub estimated: u64,
    /// Recorded commands that made no sense any more.
    pub left_out: u64,
    /// Calibrations that begin at another time than recorded; they find what those of the record found.
    pub calibrations_moved: u64,
    /// Calibrations whose time, length or figures are an estimate, because the record does not show them.
    pub calibrations_estimated: u64,
    /// The core asked for calibrations, and got them in the record: they come at their recorded times, whatever is asked
    /// for now.
    pub calibrations_on_request: bool,
    /// When the record ends. What would have happened to devices later is not in it.
    pub recorded_until: Time,
    /// Jobs that end after that.
    pub ended_later: u64,
    /// Jobs that had not ended 30 days later, where the run was given up; 0 where it ended with the record.
    pub given_up: u64,
}

/// Compares two runs of the same jobs.
pub(super) fn changes(recorded: &Courses, now: &Courses) -> Changes {
    let mut all = Changes {
        jobs: recorded.jobs.len() as u64,
        recorded: recorded.side(),
        now: now.side(),
        ..Changes::default()
    };
    let (mut earlier_s, mut later_s) = (0.0, 0.0);
    for (id, before) in &recorded.jobs {
        let Some(after) = now.jobs.get(id) else { continue };
        match (before.first_start, after.first_start) {
            (Some(then), Some(start)) if start < then => {
                all.earlier.jobs += 1;
                earlier_s += then.since(start).as_secs_f64();
            }
            (Some(then), Some(start)) if start > then => {
                all.later.jobs += 1;
                later_s += start.since(then).as_secs_f64();
            }
            (Some(_), None) => all.only_recorded += 1,
            (None, Some(_)) => all.only_now += 1,
            _ => {}
        }
        if let (Some(then), Some(place)) = (&before.allocation, &after.allocation) {
            all.other_device += u64::from(then.device != place.device);
            all.other_qubits += u64::from(then.device == place.device && then.layout != place.layout);
        }
        let state = |ended: Option<Ended>| ended.map(|(state, _)| state);
        let (then, state) = (state(before.ended), state(after.ended));
        if then != state {
            match all.states.iter_mut().find(|(from, to, _)| (*from, *to) == (then, state)) {
                Some((_, _, count)) => *count += 1,
                None => all.states.push((then, state, 1)),
            }
        }
    }
    all.states.sort_unstable();
    let mean = |total: f64, jobs: u64| (jobs > 0).then(|| total / jobs as f64);
    all.earlier.mean_s = mean(earlier_s, all.earlier.jobs);
    all.later.mean_s = mean(later_s, all.later.jobs);
    all
}
