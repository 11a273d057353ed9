//! One device as the metrics follow it: what is in service, held, blocked and guarded, and their integrals over time.
//!
//! Promises exact integrals in whole qubit-nanoseconds, brought up to date only when the device changes, so that
//! events of other devices cost nothing here.

use std::sync::Arc;

use crate::allocator::protocol::{Allocation, Status, Target};
use crate::quantum::calibration::{Calibration, DEAD_ERROR};
use crate::quantum::coupling_map::CouplingMap;
use crate::quantum::device::DeviceSpec;
use crate::quantum::{Adjacency, Part, PhysicalQubit, QubitSet};
use crate::time::{Span, Time};

/// Usage is counted in so many parts of a qubit-nanosecond: it can be divided by all numbers up to 16.
pub const PARTS: u64 = 720_720;

/// Fractions are integrated in units of 2^-32.
pub(super) const UNIT: u64 = 1 << 32;

/// Levels of one device that hold until the next change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Rates {
    /// 1 while in service.
    pub(super) service: u64,
    /// Qubits alive on a device that is not offline, and held ones.
    pub(super) qubits: u64,
    /// Qubits held by running jobs.
    pub(super) held: u64,
    /// Qubits in service that are held or blocked as buffers.
    pub(super) effective: u64,
    /// Qubits in service that are blocked as buffers or guards, but not held.
    pub(super) lost: u64,
    /// Qubits in service that are neither held nor blocked, and not under calibration.
    pub(super) idle: u64,
    /// The same under calibration.
    pub(super) calibrating: u64,
    /// Qubits neither in service nor held: dead by the figures, or offline.
    pub(super) outage: u64,
    /// In [`PARTS`] of a qubit: what the division of blocked qubits among more than 16 attempts leaves over.
    pub(super) undivided: u64,
    /// Couplers alive and in service.
    pub(super) couplers: u64,
    /// Couplers inside held regions.
    pub(super) couplers_held: u64,
    /// Allocations that hold qubits.
    pub(super) active: u64,
    /// [`UNIT`] times the fragmentation.
    pub(super) fragmentation: u64,
}

/// Integrals of [`Rates`] over time, in nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) service: u128,
    pub(super) qubits: u128,
    pub(super) held: u128,
    pub(super) effective: u128,
    pub(super) lost: u128,
    pub(super) idle: u128,
    pub(super) calibrating: u128,
    pub(super) outage: u128,
    pub(super) undivided: u128,
    pub(super) couplers: u128,
    pub(super) couplers_held: u128,
    pub(super) active: u128,
    pub(super) fragmentation: u128,
}

impl Totals {
    fn add(&mut self, rates: &Rates, time: Span) {
        let ns = u128::from(time.0);
        self.service += u128::from(rates.service) * ns;
        self.qubits += u128::from(rates.qubits) * ns;
        self.held += u128::from(rates.held) * ns;
        self.effective += u128::from(rates.effective) * ns;
        self.lost += u128::from(rates.lost) * ns;
        self.idle += u128::from(rates.idle) * ns;
        self.calibrating += u128::from(rates.calibrating) * ns;
        self.outage += u128::from(rates.outage) * ns;
        self.undivided += u128::from(rates.undivided) * ns;
        self.couplers += u128::from(rates.couplers) * ns;
        self.couplers_held += u128::from(rates.couplers_held) * ns;
        self.active += u128::from(rates.active) * ns;
        self.fragmentation += u128::from(rates.fragmentation) * ns;
    }

    /// What was added since `earlier`.
    pub(super) fn since(&self, earlier: &Self) -> Self {
        Self {
            service: self.service - earlier.service,
            qubits: self.qubits - earlier.qubits,
            held: self.held - earlier.held,
            effective: self.effective - earlier.effective,
            lost: self.lost - earlier.lost,
            idle: self.idle - earlier.idle,
            calibrating: self.calibrating - earlier.calibrating,
            outage: self.outage - earlier.outage,
            undivided: self.undivided - earlier.undivided,
            couplers: self.couplers - earlier.couplers,
            couplers_held: self.couplers_held - earlier.couplers_held,
            active: self.active - earlier.active,
            fragmentation: self.fragmentation - earlier.fragmentation,
        }
    }
}

/// Qubits covered by any number of overlapping sets.
#[derive(Debug, Clone, Default)]
struct Cover {
    times: Vec<u32>,
    set: QubitSet,
    /// Qubits that more sets cover than all of [`PARTS`]' divisors reach.
    crowded: u32,
}

/// So many can share a qubit without a rest.
const SHARED_MAX: u32 = 16;

impl Cover {
    fn new(qubits: usize) -> Self {
        Self { times: vec![0; qubits], set: QubitSet::new(qubits), crowded: 0 }
    }

    fn add(&mut self, more: &QubitSet) {
        for qubit in more {
            if let Some(times) = self.times.get_mut(qubit.index()) {
                *times = times.saturating_add(1);
                self.crowded += u32::from(*times == SHARED_MAX + 1);
                self.set.insert(qubit);
            }
        }
    }

    /// What each of those who cover a qubit keeps of it idle, in [`PARTS`].
    fn part_of(&self, qubit: usize) -> u64 {
        PARTS / u64::from(self.times[qubit].max(1))
    }

    fn take(&mut self, less: &QubitSet) {
        for qubit in less {
            if let Some(times) = self.times.get_mut(qubit.index()) {
                self.crowded -= u32::from(*times == SHARED_MAX + 1);
                *times = times.saturating_sub(1);
                if *times == 0 {
                    self.set.remove(qubit);
                }
            }
        }
    }
}

/// A device of the fleet.
#[derive(Debug, Clone)]
pub(super) struct Meter {
    pub(super) name: String,
    pub(super) map: Arc<CouplingMap>,
    calibration: Arc<Calibration>,
    /// Whether it is part of the fleet.
    present: bool,
    status: Status,
    qubit_status: Vec<Status>,
    coupler_status: Vec<Status>,
    in_service: QubitSet,
    startable: QubitSet,
    calibrating: QubitSet,
    live_couplers: Vec<bool>,
    adjacency: Adjacency,
    held: QubitSet,
    blocked: Cover,
    guarded: Cover,
    pub(super) rates: Rates,
    /// Whether regions are searched as time passes, for the fragmentation.
    regions: bool,
    /// Whether the fragmentation must be worked out again before time passes.
    stale: bool,
    largest_region: u64,
    since: Time,
    pub(super) totals: Totals,
    /// The totals when measuring began.
    pub(super) base: Totals,
    /// The totals at the last sample.
    pub(super) mark: Totals,
    /// Jobs in its own queue.
    pub(super) waiting: u64,
    pub(super) isolation_violations: u64,
    /// Work space of the search for regions.
    left: QubitSet,
    part: Part,
}

impl Meter {
    pub(super) fn new(now: Time, spec: &DeviceSpec, regions: bool) -> Self {
        let qubits = spec.coupling_map.qubits();
        let couplers = spec.coupling_map.coupler_figures();
        let mut meter = Self {
            name: spec.name.clone(),
            map: Arc::clone(&spec.coupling_map),
            calibration: Arc::clone(&spec.calibration),
            present: true,
            status: Status::Online,
            qubit_status: vec![Status::Online; qubits],
            coupler_status: vec![Status::Online; couplers],
            in_service: QubitSet::new(qubits),
            startable: QubitSet::new(qubits),
            calibrating: QubitSet::new(qubits),
            live_couplers: vec![false; couplers],
            adjacency: Adjacency::default(),
            held: QubitSet::new(qubits),
            blocked: Cover::new(qubits),
            guarded: Cover::new(qubits),
            rates: Rates::default(),
            regions,
            stale: true,
            largest_region: 0,
            since: now,
            totals: Totals::default(),
            base: Totals::default(),
            mark: Totals::default(),
            waiting: 0,
            isolation_violations: 0,
            left: QubitSet::new(qubits),
            part: Part::default(),
        };
        meter.refresh();
        meter
    }

    /// Joins again after it was removed, maybe as another device. What was measured stays.
    pub(super) fn rejoin(&mut self, now: Time, spec: &DeviceSpec) {
        self.settle(now);
        let fresh = Self::new(now, spec, self.regions);
        *self = Self {
            totals: self.totals,
            base: self.base,
            mark: self.mark,
            waiting: self.waiting,
            isolation_violations: self.isolation_violations,
            ..fresh
        };
    }

    /// Whether it is part of the fleet.
    pub(super) fn is_present(&self) -> bool {
        self.present
    }

    pub(super) fn remove(&mut self, now: Time) {
        self.settle(now);
        self.present = false;
        self.guarded = Cover::new(self.map.qubits());
        self.refresh();
    }

    pub(super) fn recalibrate(&mut self, now: Time, calibration: &Arc<Calibration>) {
        self.settle(now);
        self.calibration = Arc::clone(calibration);
        self.refresh();
    }

    pub(super) fn set_status(&mut self, now: Time, target: Target, to: Status) {
        self.settle(now);
        match target {
            Target::Device(_) => self.status = to,
            Target::Qubit(_, qubit) => {
                if let Some(status) = self.qubit_status.get_mut(qubit.index()) {
                    *status = to;
                }
            }
            Target::Coupler(_, coupler) => {
                if let Some(status) = self.coupler_status.get_mut(coupler.index()) {
                    *status = to;
                }
            }
        }
        self.refresh();
    }

    /// Whether every pair of qubits in service has a live coupler.
    fn all_pairs_live(&self) -> bool {
        match self.map.is_alike() {
            true => self.live_couplers[0],
            false => self.map.is_complete() && self.rates.couplers == self.map.pairs(),
        }
    }

    /// Lets an allocation hold its qubits; answers how many couplers lie inside.
    pub(super) fn hold(&mut self, now: Time, allocation: &Allocation) -> u64 {
        self.settle(now);
        let held = &allocation.held;
        let mut couplers = 0;
        if self.all_pairs_live() {
            couplers = pairs_among(held.intersection_len(&self.in_service) as u64);
        } else {
            for &qubit in allocation.layout.iter().filter(|qubit| qubit.index() < self.map.qubits()) {
                for &(to, coupler) in self.map.neighbours(qubit) {
                    couplers +=
                        u64::from(to > qubit && held.contains(to) && self.live_couplers[coupler.index()]);
                }
            }
        }
        self.held.union_with(held);
        self.blocked.add(&allocation.blocked);
        self.rates.active += 1;
        self.rates.couplers_held += couplers;
        self.recount();
        couplers
    }

    /// Takes back what [`Self::hold`] gave.
    pub(super) fn release(&mut self, now: Time, allocation: &Allocation, couplers: u64) {
        self.settle(now);
        self.held.subtract(&allocation.held);
        self.blocked.take(&allocation.blocked);
        self.rates.active = self.rates.active.saturating_sub(1);
        self.rates.couplers_held = self.rates.couplers_held.saturating_sub(couplers);
        self.recount();
    }

    pub(super) fn guard(&mut self, now: Time, qubits: &QubitSet) {
        self.settle(now);
        self.guarded.add(qubits);
        self.recount();
    }

    pub(super) fn unguard(&mut self, now: Time, qubits: &QubitSet) {
        self.settle(now);
        self.guarded.take(qubits);
        self.recount();
    }

    /// How many qubits an attempt holds, and how many it keeps idle, in [`PARTS`]: those around it, or when it `rests` those
    /// that it had; split evenly among those who keep them idle.
    pub(super) fn use_of(&self, allocation: &Allocation, rests: bool) -> (u64, u64) {
        let words = self.in_service.words().iter().zip(self.held.words()).zip(self.guarded.set.words());
        if rests {
            let mut resting = allocation.held.clone();
            resting.intersect_with(&self.in_service);
            resting.subtract(&self.held);
            return (0, resting.iter().map(|qubit| self.guarded.part_of(qubit.index())).sum());
        }
        let mut around = 0;
        for (index, (own, ((serves, held), rest))) in allocation.blocked.words().iter().zip(words).enumerate()
        {
            let mut left = own & serves & !held & !rest;
            while left != 0 {
                around += self.blocked.part_of(64 * index + left.trailing_zeros() as usize);
                left &= left - 1;
            }
        }
        (allocation.held.len() as u64, around)
    }

    /// What all of them leave over.
    fn undivided(&self) -> u64 {
        let mut left = 0;
        for (cover, others) in [(&self.guarded, None), (&self.blocked, Some(&self.guarded.set))] {
            if cover.crowded == 0 {
                continue;
            }
            let mut around = cover.set.clone();
            around.intersect_with(&self.in_service);
            around.subtract(&self.held);
            others.into_iter().for_each(|others| around.subtract(others));
            left +=
                around.iter().map(|qubit| PARTS % u64::from(cover.times[qubit.index()].max(1))).sum::<u64>();
        }
        left
    }

    /// The integrals until `now`; that of the fragmentation only until the last [`Self::settle`].
    pub(super) fn totals_at(&self, now: Time) -> Totals {
        let mut totals = self.totals;
        totals.add(&self.rates, now.since(self.since));
        totals
    }

    /// Integrates until `now`.
    pub(super) fn settle(&mut self, now: Time) {
        let time = now.since(self.since);
        if time == Span::ZERO {
            return;
        }
        if self.stale && self.regions {
            self.measure_regions();
        }
        self.totals.add(&self.rates, time);
        self.since = now;
    }

    fn refresh(&mut self) {
        let open = self.present && self.status != Status::Offline;
        self.in_service.clear();
        self.startable.clear();
        self.calibrating.clear();
        let all_calibrate = self.status == Status::Calibrating;
        for (q, figures) in self.calibration.qubits.iter().enumerate().take(self.map.qubits()) {
            let alive = !figures.dead && figures.readout_error < DEAD_ERROR;
            if open && alive && self.qubit_status[q] != Status::Offline {
                self.in_service.insert(PhysicalQubit(q as u32));
                if self.qubit_status[q] == Status::Online {
                    self.startable.insert(PhysicalQubit(q as u32));
                }
                if all_calibrate || self.qubit_status[q] == Status::Calibrating {
                    self.calibrating.insert(PhysicalQubit(q as u32));
                }
            }
        }
        let mut couplers = 0;
        for (c, &(a, b)) in self.map.couplers().iter().enumerate() {
            let alive = self
                .calibration
                .couplers
                .get(c)
                .is_some_and(|figures| !figures.dead && figures.two_qubit_error < DEAD_ERROR);
            let ends = self.in_service.contains(a) && self.in_service.contains(b);
            self.live_couplers[c] = alive && ends && self.coupler_status[c] != Status::Offline;
            couplers += u64::from(self.live_couplers[c]);
        }
        if self.map.is_alike() {
            let figures = self.calibration.couplers.first();
            let alive = figures.is_some_and(|figures| !figures.dead && figures.two_qubit_error < DEAD_ERROR);
            self.live_couplers[0] = alive && self.coupler_status[0] != Status::Offline;
            couplers = if self.live_couplers[0] { pairs_among(self.in_service.len() as u64) } else { 0 };
        }
        self.adjacency = Adjacency::new(self.map.qubits(), |qubit| {
            let live =
                self.map.neighbours(qubit).iter().filter(|(_, coupler)| self.live_couplers[coupler.index()]);
            live.map(|&(to, _)| to)
        });
        self.rates.couplers = couplers;
        self.rates.service = u64::from(open);
        self.recount();
    }

    /// Counts qubits after a change. Held qubits count as in service until they are let go, whatever became of them
    /// meanwhile: a job does use them.
    fn recount(&mut self) {
        let (mut qubits, mut held, mut effective, mut lost) = (0, 0, 0, 0);
        let (mut idle, mut calibrating) = (0, 0);
        let blocked = self.blocked.set.words().iter().zip(self.guarded.set.words());
        let serving = self.in_service.words().iter().zip(self.calibrating.words());
        let words = serving.zip(self.held.words()).zip(blocked);
        for (((in_service, calibrates), holds), (blocked, guarded)) in words {
            let free = in_service & !(holds | blocked | guarded);
            qubits += (in_service | holds).count_ones();
            held += holds.count_ones();
            effective += (in_service & blocked | holds).count_ones();
            lost += (in_service & (blocked | guarded) & !holds).count_ones();
            idle += (free & !calibrates).count_ones();
            calibrating += (free & calibrates).count_ones();
        }
        self.rates.qubits = u64::from(qubits);
        self.rates.held = u64::from(held);
        self.rates.effective = u64::from(effective);
        self.rates.lost = u64::from(lost);
        self.rates.idle = u64::from(idle);
        self.rates.calibrating = u64::from(calibrating);
        let all = if self.present { self.map.qubits() as u64 } else { 0 };
        self.rates.outage = all.saturating_sub(self.rates.qubits);
        self.rates.undivided = self.undivided();
        self.stale = true;
    }

    /// Free qubits, and how many of them lie in the largest region that live couplers connect.
    pub(super) fn measure_regions(&mut self) -> (u64, u64) {
        self.left.clone_from(&self.startable);
        self.left.subtract(&self.held);
        self.left.subtract(&self.blocked.set);
        self.left.subtract(&self.guarded.set);
        let free = self.left.len() as u64;
        if self.stale {
            self.largest_region = self.search_regions(free);
            self.rates.fragmentation = ((free - self.largest_region) * UNIT).checked_div(free).unwrap_or(0);
            self.stale = false;
        }
        (free, self.largest_region)
    }

    /// Size of the largest region of `left`, which is used up.
    fn search_regions(&mut self, free: u64) -> u64 {
        if self.all_pairs_live() {
            return free;
        }
        let (mut largest, mut unseen) = (0, free);
        while let Some(root) = self.left.first() {
            // No region among the rest can be larger.
            if unseen <= largest {
                break;
            }
            let from = root.index() / 64;
            let size = self.adjacency.take_part(self.left.words_mut(), from, &mut self.part) as u64;
            unseen -= size;
            largest = largest.max(size);
        }
        largest
    }
}

/// How many pairs so many qubits make.
fn pairs_among(qubits: u64) -> u64 {
    qubits * qubits.saturating_sub(1) / 2
}
