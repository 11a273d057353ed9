//! Devices in the simulation: they join, leave, fail, are repaired and calibrated.

use std::sync::Arc;

use super::happening::{Happening, class};
use super::{Simulation, SimulationError};
use crate::allocator::protocol::{self, Command, StatusReason};
use crate::quantum::DeviceId;
use crate::quantum::hardware::failures::{Effect, Outage, Target};
use crate::random::{Purpose, StreamFamily};
use crate::simulator::site::CalibrationPhase;
use crate::time::Time;

/// Devices that come, go, fail and are repaired.
impl Simulation<'_, '_> {
    pub(super) fn join(&mut self, index: u32) -> Result<(), SimulationError> {
        let id = DeviceId(index);
        let site = &mut self.sites[id.index()];
        let spec = site.hardware.spec().clone();
        site.joined();
        self.progress_of_run.joining =
            self.progress_of_run.joining.saturating_sub(u64::from(self.now > Time::ZERO));
        self.progress_of_run.moved_at = self.now;
        self.command(Command::RegisterDevice { device: id, spec })?;
        self.tell(index, StatusReason::Fault)?;
        self.tell_elements(id)?;
        let spec = self.sites[id.index()].hardware.spec();
        if let Some(first) = self.scenario.calibration.first_due(spec, id.index(), self.sites.len()) {
            let at = self.now + first.since(Time::ZERO);
            self.schedule(at, class::CALIBRATION, Happening::CalibrationDue(index));
        }
        Ok(())
    }

    pub(super) fn leave(&mut self, index: u32) -> Result<(), SimulationError> {
        let site = &mut self.sites[index as usize];
        site.member = false;
        site.phase = CalibrationPhase::Idle;
        site.unplanned = false;
        let calibration = site.calibration_end.take();
        if let Some(ticket) = calibration {
            self.unschedule(ticket);
        }
        self.command(Command::RemoveDevice { device: DeviceId(index) })
    }

    /// Tells the core which elements of a device that has just joined are down; it takes them to be up.
    fn tell_elements(&mut self, id: DeviceId) -> Result<(), SimulationError> {
        let mut down: Vec<protocol::Target> = Vec::new();
        for outage in self.outages.iter().filter(|outage| outage.effect == Effect::Down) {
            let target = match outage.target {
                Target::Qubit(device, qubit) if device == id => protocol::Target::Qubit(id, qubit),
                Target::Coupler(device, coupler) if device == id => protocol::Target::Coupler(id, coupler),
                Target::Device(_) | Target::Qubit(..) | Target::Coupler(..) => continue,
            };
            if !down.contains(&target) {
                down.push(target);
            }
        }
        for target in down {
            let (status, reason) = (protocol::Status::Offline, StatusReason::Fault);
            self.command(Command::SetStatus { target, status, reason })?;
        }
        Ok(())
    }

    pub(super) fn schedule_next_outage(&mut self) {
        if let Some(outage) = self.calendar.next() {
            self.schedule(outage.from, class::FAILURE, Happening::OutageBegins(outage));
        }
    }

    pub(super) fn outage_begins(&mut self, outage: Outage) -> Result<(), SimulationError> {
        self.schedule_next_outage();
        if let Some(traces) = &mut self.traces {
            traces.outage(self.now, &outage)?;
        }
        let index = outage.target.device().index();
        if let Effect::Drift(factor) = outage.effect {
            self.sites[index].hardware.truth(self.now);
            self.sites[index].hardware.drift_mut().shift_errors(factor);
        }
        if outage.until < Time::MAX {
            self.schedule(outage.until, class::REPAIR, Happening::OutageEnds(outage));
        }
        if self.outages.begin(outage) { self.element_changed(outage.target, true) } else { Ok(()) }
    }

    pub(super) fn outage_ends(&mut self, outage: &Outage) -> Result<(), SimulationError> {
        if outage.from <= self.progress_of_run.moved_at {
            self.progress_of_run.moved_at = self.now;
        }
        if self.outages.end(outage) { self.element_changed(outage.target, false) } else { Ok(()) }
    }

    /// A device, qubit or coupler goes down or comes up.
    pub(super) fn element_changed(&mut self, target: Target, down: bool) -> Result<(), SimulationError> {
        let reason = if down { StatusReason::Fault } else { StatusReason::Repair };
        let status = if down { protocol::Status::Offline } else { protocol::Status::Online };
        let site = &mut self.sites[target.device().index()];
        let target = match target {
            Target::Device(id) => {
                site.down = down;
                if down && site.phase == CalibrationPhase::Measuring {
                    // What was measured so far is lost; it begins again after the repair, and takes its full time.
                    site.phase = CalibrationPhase::Draining;
                    let lost = site.calibration_end.take();
                    if let Some(ticket) = lost {
                        self.unschedule(ticket);
                    }
                }
                self.tell(id.0, reason)?;
                let site = &self.sites[id.index()];
                if !down && site.phase == CalibrationPhase::Draining && site.running == 0 {
                    self.start_calibration(id.0);
                    return self.flush();
                }
                return Ok(());
            }
            Target::Qubit(id, qubit) => protocol::Target::Qubit(id, qubit),
            Target::Coupler(id, coupler) => protocol::Target::Coupler(id, coupler),
        };
        if site.member { self.command(Command::SetStatus { target, status, reason }) } else { Ok(()) }
    }

    /// Tells the core the status of a device if it has changed.
    pub(super) fn tell(&mut self, index: u32, reason: StatusReason) -> Result<(), SimulationError> {
        let site = &mut self.sites[index as usize];
        if !site.member {
            return Ok(());
        }
        let Some((status, reason)) = site.news(reason) else { return Ok(()) };
        let target = protocol::Target::Device(DeviceId(index));
        self.command(Command::SetStatus { target, status, reason })
    }
}

/// Calibrations: a device is drained, measured, and its figures are published.
impl Simulation<'_, '_> {
    pub(super) fn calibration_due(&mut self, index: u32) -> Result<(), SimulationError> {
        let site = &mut self.sites[index as usize];
        // One that was requested and is not over yet takes the place of the planned one.
        site.unplanned = false;
        if !site.member || site.phase != CalibrationPhase::Idle {
            return Ok(());
        }
        site.phase = CalibrationPhase::Draining;
        let ready = site.running == 0 && !site.down;
        self.tell(index, StatusReason::Calibration)?;
        if ready {
            self.start_calibration(index);
            self.flush()?;
        }
        Ok(())
    }

    /// The core asks for new figures. If the scenario says so, the device drains for a calibration beside the plan, but
    /// not before it has rested: a wish that no calibration can fulfil must not keep it from its work.
    pub(super) fn calibration_requested(&mut self, id: DeviceId) {
        let site = &self.sites[id.index()];
        let interval = self.scenario.calibration.interval_of(site.hardware.spec());
        if let Some(interval) = interval.filter(|_| self.scenario.calibration.on_request) {
            let at = self.now.max(site.calibrated_at + interval / 4);
            let wish = Happening::CalibrationWanted(id.0, site.calibrations);
            self.schedule(at, class::CALIBRATION, wish);
        }
    }

    /// A request for a better calibration than number `number` is to be followed, unless that came by itself.
    pub(super) fn calibration_wanted(&mut self, index: u32, number: u64) -> Result<(), SimulationError> {
        let site = &mut self.sites[index as usize];
        if site.calibrations != number || site.phase != CalibrationPhase::Idle {
            return Ok(());
        }
        self.calibration_due(index)?;
        let site = &mut self.sites[index as usize];
        // It may have left since.
        site.unplanned = site.phase != CalibrationPhase::Idle;
        Ok(())
    }

    /// The last job has left a draining device.
    pub(super) fn start_calibration(&mut self, index: u32) {
        let site = &mut self.sites[index as usize];
        site.phase = CalibrationPhase::Measuring;
        let streams = StreamFamily::new(self.scenario.seed, self.replication, Purpose::Calibration);
        // The top bit keeps these draws apart from the measurement noise of the same calibration.
        let mut stream = streams.stream(u64::from(index), site.calibrations | 1 << 63);
        let duration = self.scenario.calibration.duration.draw(&mut stream);
        let ends = Happening::CalibrationEnds(index);
        let ticket = self.schedule(self.now + duration, class::CALIBRATION, ends);
        let site = &mut self.sites[index as usize];
        site.calibration_end = Some(ticket);
        if let Some((status, reason)) = site.news(StatusReason::Calibration) {
            let target = protocol::Target::Device(DeviceId(index));
            self.todo.push_back(Command::SetStatus { target, status, reason });
        }
    }

    pub(super) fn calibration_ends(&mut self, index: u32) -> Result<(), SimulationError> {
        let site = &mut self.sites[index as usize];
        if !site.member || site.phase != CalibrationPhase::Measuring {
            return Ok(());
        }
        let calibration = Arc::new(site.hardware.calibrate(self.now, site.calibrations));
        site.calibrations += 1;
        site.publish(calibration.clone());
        site.phase = CalibrationPhase::Idle;
        site.calibration_end = None;
        site.calibrated_at = self.now;
        let planned = !std::mem::take(&mut site.unplanned);
        if let Some(interval) =
            self.scenario.calibration.interval_of(site.hardware.spec()).filter(|_| planned)
        {
            self.schedule(self.now + interval, class::CALIBRATION, Happening::CalibrationDue(index));
        }
        self.command(Command::Recalibrate { device: DeviceId(index), calibration })?;
        self.tell(index, StatusReason::Calibration)
    }
}
