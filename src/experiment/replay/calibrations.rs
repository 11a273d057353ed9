//! The calibrations of a journal, as far as they do not follow from decisions: how long after the one before each was
//! due, how long it took, and what it found.
//!
//! Promises that a calibration which follows these plans from the same decisions comes when the journal has it. Leaves
//! when a device is idle to [`super::what_if`].

use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use crate::allocator::protocol::{Command, Event, Status, StatusReason, Target};
use crate::quantum::DeviceId;
use crate::quantum::calibration::Calibration as Figures;
use crate::time::{Span, Time};

/// One calibration.
#[derive(Debug, Clone)]
pub(super) struct Calibration {
    /// Which stay of the device in the fleet it belongs to, from 1.
    stay: u32,
    /// When it was due.
    due: Time,
    /// The same, from the end of the one before or from the joining of the device.
    after: Span,
    /// Since when the device was out of service, if that hid when it was due: not later than `due`.
    hidden_since: Option<Time>,
    /// Whether the device was drained for it.
    drains: bool,
    /// When it began the last time: one that a failure interrupts begins again.
    began: Option<Time>,
    /// How long it took from there; `None` when the record does not show its end.
    takes: Option<Span>,
    /// How long it was seen to take.
    seen: Span,
    /// What it found, and how long after its beginning.
    figures: Option<(Span, Arc<Figures>)>,
}

/// The calibrations of a device.
#[derive(Debug, Clone, Default)]
struct Plan {
    calibrations: Vec<Calibration>,
    /// The core asked for calibrations.
    asked: bool,
    /// They were granted: some came out of turn, so that their times follow from decisions in a way unknown here.
    out_of_turn: bool,
    /// From the end of one to the next, and the length of one.
    interval: Option<Span>,
    length: Option<Span>,
}

/// The calibrations of all devices.
#[derive(Debug, Default)]
pub(super) struct Plans {
    devices: IndexMap<DeviceId, Plan, FxBuildHasher>,
    interval: Option<Span>,
    length: Option<Span>,
}

/// The next calibration of a device.
#[derive(Debug, Clone)]
pub(super) struct Coming {
    pub(super) due: Time,
    pub(super) drains: bool,
    pub(super) takes: Span,
    pub(super) figures: Option<(Span, Arc<Figures>)>,
    /// When it began in the record.
    pub(super) began: Option<Time>,
    /// The record does not hold it, or not all of it.
    pub(super) guessed: bool,
}

impl Plans {
    /// Whether calibrations came out of turn in the record.
    pub(super) fn out_of_turn(&self) -> bool {
        self.devices.values().any(|plan| plan.out_of_turn)
    }

    /// Number of the first calibration of a stay.
    pub(super) fn first_of(&self, device: DeviceId, stay: u32) -> usize {
        let Some(plan) = self.devices.get(&device) else { return 0 };
        plan.calibrations.partition_point(|one| one.stay < stay)
    }

    /// Calibration `number` of a device, when the one before ended (or the device joined) at `since`.
    pub(super) fn coming(&self, device: DeviceId, stay: u32, number: usize, since: Time) -> Option<Coming> {
        let plan = self.devices.get(&device)?;
        let length = plan.length.or(self.length);
        let Some(one) = plan.calibrations.get(number).filter(|one| one.stay == stay) else {
            // Beyond the record; a device that was never calibrated there is not here, either.
            let (interval, takes) = (plan.interval.or(self.interval)?, length?);
            let due = since + interval;
            return Some(Coming { due, drains: true, takes, figures: None, began: None, guessed: true });
        };
        let due = if plan.out_of_turn { one.due.max(since) } else { since + one.after };
        let takes = one.takes.unwrap_or_else(|| length.unwrap_or_default().max(one.seen));
        Some(Coming {
            due,
            drains: one.drains,
            takes,
            figures: one.figures.clone(),
            began: one.began,
            guessed: one.takes.is_none(),
        })
    }
}

/// Where a calibration stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Phase {
    #[default]
    Idle,
    Draining,
    Measuring(Time),
}

#[derive(Debug, Default)]
struct Reading {
    plan: Plan,
    stay: u32,
    /// When the last calibration ended, or the device joined.
    since: Time,
    down_since: Option<Time>,
    phase: Phase,
}

/// Reads the plans from the commands of a journal, one after the other.
#[derive(Debug, Default)]
pub(super) struct PlanReader(IndexMap<DeviceId, Reading, FxBuildHasher>);

impl PlanReader {
    /// Takes a command; `true` if it is a step of a calibration, which is timed anew, and no event from outside.
    pub(super) fn take(&mut self, now: Time, command: &Command) -> bool {
        match command {
            Command::RegisterDevice { device, .. } => {
                let reading = self.0.entry(*device).or_default();
                reading.leave(now);
                reading.stay += 1;
                reading.since = now;
                reading.down_since = None;
                false
            }
            Command::RemoveDevice { device } => {
                self.0.entry(*device).or_default().leave(now);
                false
            }
            Command::Recalibrate { device, calibration } => {
                let reading = self.0.entry(*device).or_default();
                let Phase::Measuring(since) = reading.phase else { return false };
                if let Some(last) = reading.plan.calibrations.last_mut() {
                    last.figures = Some((now.since(since), calibration.clone()));
                }
                true
            }
            Command::SetStatus { target: Target::Device(device), status, reason } => {
                self.0.entry(*device).or_default().status(now, *status, *reason)
            }
            _ => false,
        }
    }

    /// Takes what the core answered.
    pub(super) fn observe(&mut self, event: &Event) {
        if let Event::CalibrationRequested { device, .. } = event {
            self.0.entry(*device).or_default().plan.asked = true;
        }
    }

    /// The plans; the record ends at `now`.
    pub(super) fn finish(self, now: Time) -> Plans {
        let mut plans = Plans::default();
        for (device, mut reading) in self.0 {
            reading.leave(now);
            reading.plan.complete();
            plans.interval = plans.interval.or(reading.plan.interval);
            plans.length = plans.length.or(reading.plan.length);
            if !reading.plan.calibrations.is_empty() {
                plans.devices.insert(device, reading.plan);
            }
        }
        plans
    }
}

impl Reading {
    fn status(&mut self, now: Time, status: Status, reason: StatusReason) -> bool {
        match (reason, status) {
            (StatusReason::Calibration, Status::Draining) => {
                if self.phase == Phase::Idle {
                    self.open(now, true, None);
                }
                self.phase = Phase::Draining;
                true
            }
            (StatusReason::Calibration, Status::Calibrating) => {
                if self.phase == Phase::Idle {
                    self.open(now, false, None);
                }
                self.phase = Phase::Measuring(now);
                if let Some(last) = self.plan.calibrations.last_mut() {
                    last.began = Some(now);
                }
                true
            }
            (StatusReason::Calibration, Status::Online) if self.phase != Phase::Idle => {
                self.measured(now, true);
                self.phase = Phase::Idle;
                self.since = now;
                true
            }
            (StatusReason::Fault, Status::Offline) => {
                self.down_since = Some(now);
                if let Phase::Measuring(_) = self.phase {
                    self.phase = Phase::Draining;
                }
                false
            }
            (StatusReason::Repair, _) => {
                let down_since = self.down_since.take();
                if status == Status::Draining && self.phase == Phase::Idle {
                    // It became due while the device was out of service, which nobody was told.
                    self.open(now, true, down_since);
                    self.phase = Phase::Draining;
                }
                false
            }
            _ => false,
        }
    }

    fn open(&mut self, now: Time, drains: bool, hidden_since: Option<Time>) {
        self.plan.calibrations.push(Calibration {
            stay: self.stay,
            due: now,
            after: now.since(self.since),
            hidden_since,
            drains,
            began: None,
            takes: None,
            seen: Span::ZERO,
            figures: None,
        });
    }

    /// The measurement under way ends, or is not seen any further.
    fn measured(&mut self, now: Time, ended: bool) {
        if let (Phase::Measuring(began), Some(last)) = (self.phase, self.plan.calibrations.last_mut()) {
            last.seen = now.since(began);
            last.takes = ended.then_some(last.seen);
        }
    }

    /// The device leaves, or the record ends.
    fn leave(&mut self, now: Time) {
        self.measured(now, false);
        self.phase = Phase::Idle;
    }
}

impl Plan {
    /// Finds what is usual, and when hidden calibrations were due if they were due in turn.
    fn complete(&mut self) {
        self.length = self.calibrations.iter().rev().find_map(|one| one.takes);
        let mut intervals = Vec::new();
        for pair in self.calibrations.windows(2) {
            if pair[0].stay == pair[1].stay && pair[1].hidden_since.is_none() {
                intervals.push(pair[1].after);
            }
        }
        self.interval = intervals.last().copied();
        self.out_of_turn = self.asked && intervals.iter().any(|one| Some(*one) != self.interval);
        let Some(interval) = self.interval else { return };
        for index in 1..self.calibrations.len() {
            let one = &mut self.calibrations[index];
            let since = Time(one.due.0 - one.after.0);
            if one.hidden_since.is_some_and(|down| down <= since + interval && since + interval <= one.due) {
                one.after = interval;
            }
        }
    }
}
