//! Events as texts: one line per event of the core, for people to read.
//!
//! Promises that two events with the same text are the same in everything that they promise. Floats are written so that
//! they read back the same; job requests and calibrations, which are part of commands, as a short number of their own.

use std::fmt::Write;

use crate::allocator::explain::{CostTerms, Explanation};
use crate::allocator::protocol::{
    Allocation, Event, Party, PartyTerms, PromisedIsolation, StartPromise, Target,
};
use crate::quantum::calibration::{Calibration, CouplerCalibration, QubitCalibration};
use crate::quantum::{DeviceId, QubitSet};
use crate::time::Time;

/// Writes what an event says.
pub fn describe(event: &Event, text: &mut String) {
    // Writing to a string cannot fail.
    let _ = write_event(event, text);
}

fn write_event(event: &Event, to: &mut String) -> std::fmt::Result {
    match event {
        Event::DeviceRegistered { device, spec } => {
            write!(
                to,
                "device_registered {} {} figures {:016x} device {:016x}",
                device.0,
                spec.name,
                number_of(&spec.calibration),
                // Its file, which holds everything else: couplers, speed, limits.
                first_word(blake3::hash(spec.to_yaml().as_bytes()))
            )
        }
        // Every setting by name, as in the command.
        Event::Reconfigured { config } => write!(to, "reconfigured {config:?}"),
        Event::DeviceLeaving { device } => write!(to, "device_leaving {}", device.0),
        Event::JobCounted { job, device } => write!(to, "job_counted {} on device {}", job.0, device.0),
        Event::RetrySet { job, at } => write!(to, "retry_set {} at {}", job.0, at.0),
        Event::DeviceRemoved { device } => write!(to, "device_removed {}", device.0),
        Event::Recalibrated { device, epoch, calibration } => {
            write!(to, "recalibrated {} epoch {} figures {:016x}", device.0, epoch.0, number_of(calibration))
        }
        Event::StatusChanged { target, from, to: status, reason } => {
            to.push_str("status_changed ");
            match target {
                Target::Device(device) => write!(to, "{}", device.0)?,
                Target::Qubit(device, qubit) => write!(to, "{} qubit {}", device.0, qubit.0)?,
                Target::Coupler(device, coupler) => write!(to, "{} coupler {}", device.0, coupler.0)?,
            }
            write!(to, " from {from:?} to {status:?} ({reason:?})")
        }
        Event::JobQueued { job, device, key, key_until } => {
            write!(to, "job_queued {} body {:016x}", job.id.0, job.fingerprint())?;
            queue(*device, to)?;
            if key.is_plain() { Ok(()) } else { write!(to, " key {}", key.0) }?;
            until(*key_until, to)
        }
        Event::JobRanked { job, key, key_until } => {
            write!(to, "job_ranked {} key {}", job.0, key.0)?;
            until(*key_until, to)
        }
        Event::JobRejected { job, reason } => {
            write!(to, "job_rejected {} body {:016x}: {reason:?}", job.id.0, job.fingerprint())
        }
        Event::JobHeld { job } => write!(to, "job_held {}", job.0),
        Event::JobReleased { job } => write!(to, "job_released {}", job.0),
        Event::JobReady { job, device } => {
            write!(to, "job_ready {}", job.0)?;
            queue(*device, to)
        }
        Event::JobTransferred { job, device } => {
            write!(to, "job_transferred {}", job.0)?;
            queue(*device, to)
        }
        Event::StartPromised { job, promise } => {
            write!(to, "start_promised {}", job.0)?;
            kept(promise, to)
        }
        Event::PromiseMoved { job, promise, cause } => {
            write!(to, "promise_moved {} ({cause:?})", job.0)?;
            match promise {
                Some(promise) => kept(promise, to),
                None => Ok(()),
            }
        }
        Event::JobWaited { job, waited } => {
            write!(to, "job_waited {} for", job.0)?;
            waited.iter().try_for_each(|(cause, span)| write!(to, " {} {}", cause.name(), span.0))
        }
        Event::JobStarted { allocation } => started(allocation, to),
        Event::ShotsCredited { job, allocation, shots_done } => {
            write!(to, "shots_credited {} allocation {} shots {shots_done}", job.0, allocation.0)
        }
        Event::StopRequested { job, allocation, reason, until } => {
            write!(to, "stop_requested {} allocation {} ({reason:?}) until {}", job.0, allocation.0, until.0)
        }
        Event::JobRequeued { job, allocation, reason, device } => {
            write!(to, "job_requeued {} allocation {} ({reason:?})", job.0, allocation.0)?;
            queue(*device, to)
        }
        Event::JobFinished { job, allocation, shots_done } => {
            write!(to, "job_finished {} allocation {} shots {shots_done}", job.0, allocation.0)
        }
        Event::JobFailed { job, allocation, reason } => {
            write!(to, "job_failed {} allocation {} ({reason:?})", job.0, allocation.0)
        }
        Event::JobCancelled { job, allocation: Some(allocation), .. } => {
            write!(to, "job_cancelled {} allocation {}", job.0, allocation.0)
        }
        Event::JobCancelled { job, allocation: None, because_of } => {
            write!(to, "job_cancelled {}", job.0)?;
            because_of.map_or(Ok(()), |other| write!(to, " because of {}", other.0))
        }
        Event::CalibrationRequested { device, epoch, job } => {
            write!(to, "calibration_requested {} epoch {} for job {}", device.0, epoch.0, job.0)
        }
        Event::JobExpired { job, waited } => write!(to, "job_expired {} after {}", job.0, waited.0),
        Event::GuardStarted { allocation, device, until } => {
            write!(to, "guard_started allocation {} on {} until {}", allocation.0, device.0, until.0)
        }
        Event::GuardEnded { allocation, device } => {
            write!(to, "guard_ended allocation {} on {}", allocation.0, device.0)
        }
    }
}

fn kept(promise: &StartPromise, to: &mut String) -> std::fmt::Result {
    // Every field by name: a new one must be decided upon.
    let StartPromise { device, epoch, layout, not_later_than, until, isolation } = promise;
    write!(to, " device {} epoch {} qubits", device.0, epoch.0)?;
    for qubit in layout {
        write!(to, " {}", qubit.0)?;
    }
    if let Some(at) = not_later_than {
        write!(to, " at {}", at.0)?;
    }
    if let Some(until) = until {
        write!(to, " until {}", until.0)?;
    }
    promised(isolation, to)
}

fn until(at: Option<Time>, to: &mut String) -> std::fmt::Result {
    match at {
        Some(at) => write!(to, " until {}", at.0),
        None => Ok(()),
    }
}

fn queue(device: Option<DeviceId>, to: &mut String) -> std::fmt::Result {
    match device {
        Some(device) => write!(to, " for device {}", device.0),
        None => Ok(()),
    }
}

fn started(allocation: &Allocation, to: &mut String) -> std::fmt::Result {
    // Every field by name: a new one must be decided upon.
    let Allocation {
        id,
        fence,
        job,
        tenant,
        attempt,
        device,
        epoch,
        copies,
        layout,
        swaps,
        // The layout again, as a set.
        held: _,
        blocked,
        isolation,
        // The instant of the line.
        started: _,
        expected_end,
        lease_end,
        driver_actions,
        explanation,
    } = allocation;
    write!(to, "job_started {} attempt {attempt} allocation {} on device {} qubits", job.0, id.0, device.0)?;
    for qubit in layout {
        write!(to, " {}", qubit.0)?;
    }
    if *copies > 1 {
        write!(to, " in {copies} copies")?;
    }
    if let Some(swaps) = swaps {
        write!(to, " with {swaps} SWAPs")?;
    }
    explained(explanation, to)?;
    write!(to, ", fence {} epoch {}", fence.0, epoch.0)?;
    write!(to, ", tenant {} {} {}", tenant.user, tenant.group, tenant.project)?;
    promised(isolation, to)?;
    if !driver_actions.is_empty() {
        write!(to, " first {driver_actions:?}")?;
    }
    if let Some(end) = expected_end {
        write!(to, ", ends {}", end.0)?;
    }
    if let Some(end) = lease_end {
        write!(to, ", lease ends {}", end.0)?;
    }
    to.push_str(", blocks");
    ranges(blocked, to)
}

fn explained(explanation: &Explanation, to: &mut String) -> std::fmt::Result {
    let Explanation { strategy, selection, devices_tried, certainty, cost, terms, quality } = explanation;
    match strategy {
        Some(strategy) => write!(to, ", by {strategy:?}")?,
        None => to.push_str(", by its own strategy"),
    }
    let CostTerms { readout, one_qubit_gates, two_qubit_gates, decay, swaps, surcharges } = terms;
    write!(
        to,
        " among {selection:?}, cost {cost:?}: readout {readout:?} one-qubit gates {one_qubit_gates:?}"
    )?;
    write!(to, " two-qubit gates {two_qubit_gates:?} decay {decay:?} swaps {swaps:?}")?;
    write!(to, ", surcharges {surcharges:?},")?;
    write!(to, " {certainty:?} after {devices_tried} devices")?;
    match quality {
        Some(quality) => write!(to, ", {quality:?}"),
        None => Ok(()),
    }
}

fn promised(isolation: &PromisedIsolation, to: &mut String) -> std::fmt::Result {
    let PromisedIsolation { buffer_distance, guard, hardware_reset, max_crosstalk, party } = isolation;
    write!(to, ", buffer {buffer_distance} guard {}", guard.0)?;
    if *hardware_reset {
        to.push_str(" reset");
    }
    if let Some(limit) = max_crosstalk {
        write!(to, " crosstalk {limit:?}")?;
    }
    let Some(PartyTerms { party, buffer_distance, rests }) = party else { return Ok(()) };
    match party {
        Party::User { group, project, user } => write!(to, " but for user {group} {project} {user}")?,
        Party::Project { group, project } => write!(to, " but for project {group} {project}")?,
        Party::Group(group) => write!(to, " but for group {group}")?,
    }
    if *buffer_distance > 0 {
        write!(to, " buffer {buffer_distance}")?;
    }
    if *rests { write!(to, " guard") } else { Ok(()) }
}

/// Qubits as ranges: ` 12-14 17`.
fn ranges(qubits: &QubitSet, to: &mut String) -> std::fmt::Result {
    let mut qubits = qubits.iter().map(|qubit| qubit.0).peekable();
    while let Some(first) = qubits.next() {
        let mut last = first;
        while qubits.next_if_eq(&(last + 1)).is_some() {
            last += 1;
        }
        match last {
            _ if last == first => write!(to, " {first}")?,
            _ => write!(to, " {first}-{last}")?,
        }
    }
    Ok(())
}

/// A number that two different calibrations practically never share.
fn number_of(calibration: &Calibration) -> u64 {
    let mut hasher = blake3::Hasher::new();
    let Calibration { qubits, couplers } = calibration;
    for qubit in qubits {
        // Every field by name, here and below: a new one must be decided upon.
        let QubitCalibration {
            t1_s,
            t2_s,
            readout_error,
            one_qubit_error,
            one_qubit_duration_s,
            readout_duration_s,
            dead,
        } = qubit;
        for value in [t1_s, t2_s, readout_error, one_qubit_error, one_qubit_duration_s, readout_duration_s] {
            hasher.update(&value.to_bits().to_le_bytes());
        }
        hasher.update(&[u8::from(*dead)]);
    }
    for coupler in couplers {
        let CouplerCalibration { two_qubit_error, two_qubit_duration_s, dead } = coupler;
        for value in [two_qubit_error, two_qubit_duration_s] {
            hasher.update(&value.to_bits().to_le_bytes());
        }
        hasher.update(&[u8::from(*dead)]);
    }
    first_word(hasher.finalize())
}

fn first_word(hash: blake3::Hash) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&hash.as_bytes()[..8]);
    u64::from_le_bytes(first)
}
