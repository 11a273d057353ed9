//! Which job held which qubits when: what the schedules of the page show.
//!
//! Promises memory that is bounded: of all that ran in the wanted time only the [`HELD_MAX`] that ran nearest to a chosen
//! moment are kept, and those without gaps. Leaves drawing to the scripts.

use std::collections::BinaryHeap;

/// Most lines in the schedules of one page: some 80 bytes each.
pub(super) const HELD_MAX: usize = 24_000;

/// An attempt of a job on a device. Times in seconds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scheduled {
    /// Number of the job.
    pub id: u64,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// How many attempts the job had.
    pub attempts: u32,
    pub start: f64,
    /// Its end; `None` when it still ran.
    pub end: Option<f64>,
    /// Ranges of qubits, fleet-wide numbers.
    pub qubits: Box<str>,
    pub buffer: Option<u32>,
    pub name: usize,
    pub state: usize,
    pub tenant: [u32; 3],
    pub submitted: f64,
    pub fidelity: Option<(f64, f64)>,
}

/// The part of the run that is shown, in seconds: from, until. What runs at any moment of it belongs to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Window {
    pub from: f64,
    pub until: f64,
}

impl Window {
    /// Everything.
    pub const ALL: Self = Self { from: f64::NEG_INFINITY, until: f64::INFINITY };

    /// Whether something that held qubits from `start` to `end` (`None`: to the end of the run) did so in the window. Both
    /// are half-open; what took no time counts at its instant.
    pub fn meets(self, start: f64, end: Option<f64>) -> bool {
        let end = end.unwrap_or(f64::INFINITY);
        start < self.until && (end > self.from || (end == start && start >= self.from))
    }
}

/// Gathers what ran in a window.
#[derive(Debug)]
pub(super) struct Keeper {
    window: Window,
    /// Around this moment things are kept when there are too many.
    centre: f64,
    kept: BinaryHeap<Kept>,
    nearest_left_out: f64,
    /// How many ran in the window, kept or not.
    pub within: u64,
}

/// What was kept.
#[derive(Debug)]
pub(super) struct Schedules {
    /// By device, by start.
    pub per_device: Vec<Vec<Scheduled>>,
    /// How many ran in the window, kept or not.
    pub within: u64,
    /// Between which moments everything is there, when something was left out.
    pub complete: Option<(f64, f64)>,
}

impl Keeper {
    pub fn new(window: Window, centre: f64) -> Self {
        Self { window, centre, kept: BinaryHeap::new(), nearest_left_out: f64::INFINITY, within: 0 }
    }

    /// Takes one, if it ran in the window.
    pub fn offer(&mut self, device: usize, one: Scheduled) {
        if !self.window.meets(one.start, one.end) {
            return;
        }
        self.within += 1;
        let end = one.end.unwrap_or(f64::INFINITY);
        // None for what runs at that moment.
        let distance = (one.start - self.centre).max(self.centre - end).max(0.0);
        if self.kept.len() == HELD_MAX
            && self.kept.peek().is_some_and(|farthest| farthest.distance <= distance)
        {
            self.nearest_left_out = self.nearest_left_out.min(distance);
            return;
        }
        self.kept.push(Kept { distance, device, one });
        if self.kept.len() > HELD_MAX
            && let Some(farthest) = self.kept.pop()
        {
            self.nearest_left_out = self.nearest_left_out.min(farthest.distance);
        }
    }

    /// What was kept, of that many devices; the run ended at `until`.
    pub fn finish(self, devices: usize, until: f64) -> Schedules {
        let Self { window, centre, kept, nearest_left_out, within } = self;
        let mut per_device: Vec<Vec<Scheduled>> = vec![Vec::new(); devices];
        for Kept { distance, device, one } in kept {
            // Beside one that was left out others of the same distance may be missing: keep what is complete. Of more than
            // can be shown at the moment itself some are better than none.
            if distance < nearest_left_out || nearest_left_out == 0.0 {
                per_device[device].push(one);
            }
        }
        for list in &mut per_device {
            list.sort_by(|a, b| {
                a.start.total_cmp(&b.start).then(a.id.cmp(&b.id)).then(a.attempt.cmp(&b.attempt))
            });
        }
        let complete = nearest_left_out.is_finite().then(|| {
            let from = (centre - nearest_left_out).max(window.from).max(0.0);
            (from, (centre + nearest_left_out).min(window.until).min(until))
        });
        Schedules { per_device, within, complete }
    }
}

/// One with its distance from the moment around which things are kept.
#[derive(Debug, PartialEq)]
struct Kept {
    distance: f64,
    device: usize,
    one: Scheduled,
}

impl Eq for Kept {}

impl PartialOrd for Kept {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Kept {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let key = |kept: &Self| (kept.one.id, kept.one.attempt);
        self.distance.total_cmp(&other.distance).then_with(|| key(self).cmp(&key(other)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_holds_what_runs_in_it() {
        let window = Window { from: 100.0, until: 200.0 };
        let cases = [
            (0.0, Some(100.0), false),
            (0.0, Some(100.5), true),
            (0.0, Some(900.0), true),
            (0.0, None, true),
            (100.0, Some(100.0), true),
            (199.9, Some(300.0), true),
            (200.0, Some(300.0), false),
            (200.0, None, false),
        ];
        for (start, end, meets) in cases {
            assert_eq!(window.meets(start, end), meets, "{start} to {end:?}");
        }
        assert!(Window::ALL.meets(0.0, Some(0.0)));
    }
}
