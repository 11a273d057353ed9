//! One device as the simulation drives it: its hardware, what is published of it, and why it is in or out of service.
//!
//! Promises that the status told to the core is always the gravest of the reasons that hold. Leaves times to the
//! event loop.

use std::sync::Arc;

use crate::agenda::Ticket;
use crate::allocator::protocol::{Status, StatusReason};
use crate::quantum::calibration::Calibration;
use crate::quantum::hardware::Hardware;
use crate::quantum::program::PlacedProgram;
use crate::quantum::success::layer_s;
use crate::quantum::{CouplerId, DeviceId};
use crate::time::Time;

/// Where the calibration of a device stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CalibrationPhase {
    /// Not due.
    Idle,
    /// Due: running jobs may end, none may start.
    Draining,
    /// Under way.
    Measuring,
}

/// The couplers that disturb one, with their factors.
type Disturbers = Box<[(CouplerId, f64)]>;

/// One device of the simulated fleet.
#[derive(Debug)]
pub struct Site {
    /// Its number.
    pub id: DeviceId,
    /// What it truly is and does.
    pub hardware: Hardware,
    /// What was published last.
    published: Arc<Calibration>,
    /// How long a layer of a program is by it, seconds.
    layer_s: f64,
    /// Whether it is part of the fleet.
    pub member: bool,
    /// Whether an outage of the whole device holds.
    pub down: bool,
    /// Where its calibration stands.
    pub phase: CalibrationPhase,
    /// The end of the calibration under way, on the agenda.
    pub calibration_end: Option<Ticket>,
    /// Whether the calibration that is due or under way was requested, and is not the next one of the plan.
    pub unplanned: bool,
    /// When its figures were published last; the start, before the first calibration.
    pub calibrated_at: Time,
    /// Number of the next calibration.
    pub calibrations: u64,
    /// Number of running attempts.
    pub running: u32,
    /// How many running programs drive each coupler.
    driven: Vec<u16>,
    /// Number of couplers that are driven, each as often as it is.
    driving: u64,
    /// Per coupler: what disturbs it, see [`Crosstalk::disturbers`](crate::quantum::hardware::crosstalk::Crosstalk);
    /// found when a program first uses it.
    disturbers: Vec<Option<Disturbers>>,
    told: Status,
}

impl Site {
    /// A device that has not joined yet.
    pub fn new(id: DeviceId, hardware: Hardware) -> Self {
        let published = hardware.spec().calibration.clone();
        let couplers = hardware.spec().coupling_map.coupler_figures();
        Self {
            id,
            hardware,
            layer_s: layer_s(&published),
            published,
            member: false,
            down: false,
            phase: CalibrationPhase::Idle,
            calibration_end: None,
            unplanned: false,
            calibrated_at: Time::ZERO,
            calibrations: 0,
            running: 0,
            driven: vec![0; couplers],
            driving: 0,
            disturbers: vec![None; couplers],
            told: Status::Online,
        }
    }

    /// New figures are published.
    pub fn publish(&mut self, calibration: Arc<Calibration>) {
        self.layer_s = layer_s(&calibration);
        self.published = calibration;
    }

    /// What was published last.
    pub fn published(&self) -> &Arc<Calibration> {
        &self.published
    }

    /// How long a layer of a program is by what was published last, seconds.
    pub fn layer_s(&self) -> f64 {
        self.layer_s
    }

    /// The status to tell the core, if it is not what it was told last.
    pub fn news(&mut self, reason: StatusReason) -> Option<(Status, StatusReason)> {
        let status = match (self.down, self.phase) {
            (true, _) => Status::Offline,
            (false, CalibrationPhase::Measuring) => Status::Calibrating,
            (false, CalibrationPhase::Draining) => Status::Draining,
            (false, CalibrationPhase::Idle) => Status::Online,
        };
        (std::mem::replace(&mut self.told, status) != status).then_some((status, reason))
    }

    /// The device is registered anew: the core takes it to be online.
    pub fn joined(&mut self) {
        self.member = true;
        self.told = Status::Online;
    }

    /// A program starts to drive its couplers.
    pub fn drive(&mut self, couplers: impl Iterator<Item = CouplerId>) {
        for coupler in couplers {
            self.driven[coupler.index()] += 1;
            self.driving += 1;
        }
    }

    /// A program no longer drives its couplers.
    pub fn release(&mut self, couplers: impl Iterator<Item = CouplerId>) {
        for coupler in couplers {
            self.driven[coupler.index()] -= 1;
            self.driving -= 1;
        }
    }

    /// Crosstalk factors of couplers while the other running programs drive theirs.
    pub fn crosstalk(&mut self, couplers: impl Iterator<Item = CouplerId>, factors: &mut Vec<f64>) {
        let Self { driving, driven, disturbers, hardware, .. } = self;
        factors.clear();
        factors.extend(couplers.map(|coupler| {
            if *driving == 0 {
                return 1.0;
            }
            let map = &hardware.spec().coupling_map;
            let find = || hardware.crosstalk().disturbers(map, coupler).into_boxed_slice();
            let known = disturbers[coupler.index()].get_or_insert_with(find);
            let active = known.iter().filter(|(other, _)| driven[other.index()] > 0);
            active.fold(1.0, |most, (_, factor)| factor.max(most))
        }));
    }

    /// Crosstalk factors of the couplers of copies of one job, copy by copy, while the others among them and the other
    /// running programs drive theirs. The copies themselves must not be driving.
    pub fn crosstalk_of(&mut self, copies: &[PlacedProgram], factors: &mut Vec<f64>) {
        if let [only] = copies {
            return self.crosstalk(only.coupler_ids(), factors);
        }
        copies.iter().for_each(|copy| self.drive(copy.coupler_ids()));
        let (mut all, mut own) = (Vec::new(), std::mem::take(factors));
        for copy in copies {
            self.release(copy.coupler_ids());
            self.crosstalk(copy.coupler_ids(), &mut own);
            all.extend_from_slice(&own);
            self.drive(copy.coupler_ids());
        }
        copies.iter().for_each(|copy| self.release(copy.coupler_ids()));
        *factors = all;
    }
}
