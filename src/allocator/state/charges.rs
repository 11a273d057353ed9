//! What each attempt is charged: the qubits that it holds and those that nobody else may take because of it, times how long.
//!
//! Isolation is paid for: idle qubits around a job are charged to it, and split evenly where they lie between several; a
//! guard after it, too, as long as no job of its party holds the qubits. Promises exact sums: a qubit that up to 16 jobs keep idle is charged once, to the nanosecond. An
//! attempt that its hardware ended is charged nothing. What is charged is weighted by device (`charge_weights`), as it was
//! said at the start. Leaves to [`super::accounts`] who has used how much.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::accounts::{Accounts, Expected};
use super::calendar::{Booking, BookingKind};
use super::fleet::Device;
use super::place::AccountId;
use crate::allocator::config::AllocatorConfig;
use crate::allocator::protocol::{AllocationId, JobRequest, Status};
use crate::quantum::{DeviceId, QubitSet};
use crate::time::{Span, Time};

/// Charges are counted in so many parts of a qubit-nanosecond: it can be divided by all numbers up to 16.
pub const PARTS: u64 = 720_720;

/// What an attempt is charged so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Charge {
    account: AccountId,
    device: DeviceId,
    began: Time,
    /// Charged at the start, in parts, weighted.
    expected: u128,
    /// What a part counts for on this device, in thousandths.
    weight: u32,
    /// Used until `since`, in parts.
    used: u128,
    since: Time,
    /// Parts per nanosecond since then.
    rate: u64,
    /// Its hardware ended it: it pays nothing.
    refunded: bool,
}

impl Charge {
    fn expected(&self) -> Expected {
        Expected { account: self.account, units: self.expected, began: self.began }
    }

    fn meter(&mut self, now: Time) {
        let passed = now.0.saturating_sub(self.since.0);
        self.used = self.used.saturating_add(u128::from(self.rate) * u128::from(passed));
        self.since = now;
    }
}

/// The charges of all attempts whose qubits are not free yet.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Charges {
    open: BTreeMap<AllocationId, Charge>,
}

/// What parts count for on a device with a weight, in thousandths.
fn counted(parts: u128, weight: u32) -> u128 {
    parts.saturating_mul(u128::from(weight)) / 1_000
}

/// What an attempt that starts, and is booked, is expected to use at most, in parts, weighted: as if it kept its neighbourhood
/// idle alone.
pub fn expected(
    config: &AllocatorConfig,
    device: &Device,
    id: AllocationId,
    request: &JobRequest,
    copies: u32,
) -> u128 {
    let booked = device.calendar.booking(id, BookingKind::Allocation);
    let Some(booking) = booked else { return 0 };
    let rate = PARTS * alone(device, booking).len() as u64;
    let stated = request.estimated_duration;
    let Span(run) = stated.unwrap_or_else(|| device.published(request, copies));
    let parts = u128::from(rate) * (u128::from(run) + u128::from(booking.guard.0));
    counted(parts, config.charge_weights.of(&device.spec.name))
}

/// The qubits that nobody else could take, if there were no other job.
fn alone(device: &Device, booking: &Booking) -> QubitSet {
    let mut taken = booking.qubits.clone();
    if booking.buffer_distance > 0 {
        let mut around = device.spec.coupling_map.dilate(&booking.qubits, booking.buffer_distance);
        around.intersect_with(&device.epoch.usable);
        taken.union_with(&around);
    }
    taken
}

/// What a booking uses now, in parts per nanosecond. What is out of service cannot be used by anybody: nobody pays for keeping
/// it idle.
fn rate_of(device: &Device, kind: BookingKind, booking: &Booking) -> u64 {
    let Device { calendar, epoch, .. } = device;
    let in_service = device.status != Status::Offline;
    match kind {
        BookingKind::Guard if in_service => {
            // What a job of its party holds meanwhile is paid by that one; what rests after several, by all of them.
            let mut rests = booking.qubits.clone();
            rests.intersect_with(&epoch.usable);
            rests.subtract(calendar.held());
            let split = |qubit| PARTS / u64::from(calendar.rests_after(qubit).max(1));
            rests.iter().map(split).sum()
        }
        BookingKind::Guard => 0,
        BookingKind::Allocation => {
            let held = booking.qubits.len() as u64 * PARTS;
            if booking.buffer_distance == 0 || !in_service {
                return held;
            }
            let mut idle = alone(device, booking);
            idle.intersect_with(&calendar.kept_idle());
            let split = |qubit| PARTS / u64::from(calendar.kept_idle_by(qubit).max(1));
            held + idle.iter().map(split).sum::<u64>()
        }
    }
}

impl Charges {
    /// What all of them are expected to use.
    pub(super) fn expected(&self) -> impl Iterator<Item = Expected> + Clone {
        self.open.values().map(Charge::expected)
    }

    /// Begins to charge an attempt whose qubits are booked what it is expected to use, on a device whose parts count for so many
    /// thousandths.
    pub(super) fn begin(
        &mut self,
        accounts: &mut Accounts,
        device: &Device,
        id: AllocationId,
        expected: Expected,
        weight: u32,
    ) {
        let Expected { account, units, began } = expected;
        accounts.charge(expected, self.expected(), began);
        let charge = Charge {
            account,
            device: device.id,
            began,
            expected: units,
            weight,
            used: 0,
            since: began,
            rate: 0,
            refunded: false,
        };
        self.open.insert(id, charge);
        self.meter(device, began);
    }

    /// Takes account of what has changed on a device: from now on it is used otherwise.
    pub(super) fn meter(&mut self, device: &Device, now: Time) {
        if self.open.is_empty() {
            return;
        }
        for (holder, kind, booking) in device.calendar.bookings() {
            if let Some(charge) = self.open.get_mut(&holder) {
                let rate = rate_of(device, kind, booking);
                if charge.rate != rate {
                    charge.meter(now);
                    charge.rate = rate;
                }
            }
        }
    }

    /// The hardware of an attempt has ended it.
    pub(super) fn refund(&mut self, id: AllocationId) {
        if let Some(charge) = self.open.get_mut(&id) {
            charge.refunded = true;
        }
    }

    /// Charges an attempt whose qubits are free again what it has used instead of what was expected; says whose account
    /// that was.
    pub(super) fn settle(
        &mut self,
        accounts: &mut Accounts,
        id: AllocationId,
        now: Time,
    ) -> Option<AccountId> {
        let charge = self.open.get_mut(&id)?;
        charge.meter(now);
        let used = if charge.refunded { 0 } else { counted(charge.used, charge.weight) };
        let expected = charge.expected();
        accounts.settle(expected, used, self.expected(), now);
        let charge = self.open.remove(&id)?;
        Some(charge.account)
    }

    /// The same for all that is left of a device that leaves.
    pub(super) fn settle_all_on(&mut self, accounts: &mut Accounts, device: DeviceId, now: Time) {
        let of = self.open.iter().filter(|(_, charge)| charge.device == device);
        let left: Vec<AllocationId> = of.map(|(id, _)| *id).collect();
        for id in left {
            self.settle(accounts, id, now);
        }
    }

    /// The attempts that are charged.
    pub(super) fn open(&self) -> impl Iterator<Item = (AllocationId, AccountId, DeviceId)> {
        self.open.iter().map(|(id, charge)| (*id, charge.account, charge.device))
    }
}
