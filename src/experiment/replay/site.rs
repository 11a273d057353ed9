//! A device of a what-if: what takes it out of service, and where its calibration stands.
//!
//! Promises the same steps as a device of the simulator: drained when a calibration is due, measured when the last job has
//! left, measured again from the beginning after a failure. Leaves times to the driver.

use super::calibrations::Coming;
use crate::allocator::protocol::Status;

/// Where the calibration of a device stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Phase {
    #[default]
    Idle,
    Draining,
    Measuring,
}

#[derive(Debug)]
pub(super) struct Site {
    pub(super) member: bool,
    pub(super) down: bool,
    pub(super) phase: Phase,
    /// Attempts that its hardware works for.
    pub(super) running: usize,
    /// Which stay in the fleet this is, from 1.
    pub(super) stay: u32,
    /// Number of its next calibration, in the plan of the record.
    pub(super) next: usize,
    /// The calibration that is due or under way.
    pub(super) calibration: Option<Coming>,
    /// Rises with every measurement that begins or is lost: steps of earlier ones mean nothing.
    pub(super) measurement: u64,
    pub(super) told: Status,
}

impl Default for Site {
    fn default() -> Self {
        Self {
            member: false,
            down: false,
            phase: Phase::Idle,
            running: 0,
            stay: 0,
            next: 0,
            calibration: None,
            measurement: 0,
            told: Status::Online,
        }
    }
}

impl Site {
    /// The device joins the fleet, which takes it to be online.
    pub(super) fn joined(&mut self) {
        self.member = true;
        self.down = false;
        self.stay += 1;
        self.told = Status::Online;
    }

    /// The device leaves the fleet.
    pub(super) fn left(&mut self) {
        self.member = false;
        self.phase = Phase::Idle;
        self.calibration = None;
        self.measurement += 1;
    }

    /// A failure begins or ends.
    pub(super) fn set_down(&mut self, down: bool) {
        self.down = down;
        if down && self.phase == Phase::Measuring {
            // What was measured so far is lost.
            self.phase = Phase::Draining;
            self.measurement += 1;
        }
    }

    /// Whether the calibration that is due can begin.
    pub(super) fn is_ready(&self) -> bool {
        self.member && self.phase == Phase::Draining && self.running == 0 && !self.down
    }

    /// The status to tell the core, if it is not what it was told last.
    pub(super) fn news(&mut self) -> Option<Status> {
        let status = match (self.down, self.phase) {
            (true, _) => Status::Offline,
            (false, Phase::Measuring) => Status::Calibrating,
            (false, Phase::Draining) if self.calibration.as_ref().is_some_and(|one| !one.drains) => self.told,
            (false, Phase::Draining) => Status::Draining,
            (false, Phase::Idle) => Status::Online,
        };
        let changed = self.member && std::mem::replace(&mut self.told, status) != status;
        changed.then_some(status)
    }
}
