//! Devices that join, leave, change their status or are calibrated.

use std::sync::Arc;

use super::requeue;
use crate::allocator::config::Queue;
use crate::allocator::protocol::{
    Answer, CommandError, EpochNumber, Event, JobId, PromiseCause, RequeueReason, Status, StatusReason,
    Target,
};
use crate::allocator::scheduler::homes;
use crate::allocator::state::place::JobSlot;
use crate::allocator::turn::Turn;
use crate::quantum::DeviceId;
use crate::quantum::calibration::Calibration;
use crate::quantum::device::DeviceSpec;

/// A device joins the fleet.
pub fn register(turn: &mut Turn<'_>, id: DeviceId, spec: Arc<DeviceSpec>) -> Result<Answer, CommandError> {
    if let Some(known) = turn.state.fleet().get(id) {
        return if *known.spec == *spec { Ok(Answer::Applied) } else { Err(CommandError::AlreadyExists) };
    }
    turn.emit(Event::DeviceRegistered { device: id, spec });
    Ok(Answer::Applied)
}

/// A device leaves the fleet for good.
pub fn remove(turn: &mut Turn<'_>, id: DeviceId) -> Result<Answer, CommandError> {
    if turn.state.fleet().get(id).is_none() {
        return Err(CommandError::UnknownDevice(id));
    }
    turn.emit(Event::DeviceLeaving { device: id });
    requeue::users_of(turn, Target::Device(id), RequeueReason::DeviceLost);
    let device = turn.state.fleet().get(id);
    let waiting: Vec<JobSlot> = device
        .map(|device| device.admitted.iter().copied().chain(device.queue.slots()).collect())
        .unwrap_or_default();
    for slot in waiting {
        let home = match turn.state.config().queue {
            Queue::Global { .. } => None,
            Queue::PerDevice { .. } => homes::choose(turn, slot),
        };
        homes::transfer(turn, slot, home);
    }
    let kept = turn.state.fleet().get(id).into_iter().flat_map(|device| device.calendar.promises());
    let promised: Vec<JobId> = kept.map(|(job, ..)| job).collect();
    for job in promised {
        turn.emit(Event::PromiseMoved { job, promise: None, cause: PromiseCause::DeviceLost });
    }
    turn.emit(Event::DeviceRemoved { device: id });
    Ok(Answer::Applied)
}

/// New figures of a device are in force.
pub fn recalibrate(
    turn: &mut Turn<'_>,
    id: DeviceId,
    calibration: Arc<Calibration>,
) -> Result<Answer, CommandError> {
    let device = turn.state.fleet().get(id).ok_or(CommandError::UnknownDevice(id))?;
    let (qubits, couplers) = (calibration.qubits.len(), calibration.couplers.len());
    let map = &device.spec.coupling_map;
    if (qubits, couplers) != (map.qubits(), map.coupler_figures()) {
        return Err(CommandError::WrongSize { device: id, qubits, couplers });
    }
    let epoch = EpochNumber(device.epoch.number.0 + 1);
    turn.emit(Event::Recalibrated { device: id, epoch, calibration });
    Ok(Answer::Applied)
}

/// A device or one of its elements changed its status.
pub fn set_status(
    turn: &mut Turn<'_>,
    target: Target,
    to: Status,
    reason: StatusReason,
) -> Result<Answer, CommandError> {
    let id = target.device();
    let device = turn.state.fleet().get(id).ok_or(CommandError::UnknownDevice(id))?;
    if !device.has(target) {
        return Err(CommandError::UnknownElement(id));
    }
    let from = device.status_of(target);
    if from == to {
        return Ok(Answer::Applied);
    }
    let busy = match target {
        Target::Device(_) => device.running() > 0,
        Target::Qubit(..) | Target::Coupler(..) => !turn.state.fleet().users_of(target).is_empty(),
    };
    if to == Status::Calibrating && busy {
        return Err(CommandError::Busy(id));
    }
    turn.emit(Event::StatusChanged { target, from, to, reason });
    if to == Status::Offline {
        let lost = match target {
            Target::Device(_) => RequeueReason::DeviceLost,
            Target::Qubit(..) | Target::Coupler(..) => RequeueReason::ElementLost,
        };
        requeue::users_of(turn, target, lost);
    }
    Ok(Answer::Applied)
}
