//! What must add up: see [`crate::observe::conservation`]; and what became of all qubits over time.
//!
//! Promises comparison in whole parts of qubit-nanoseconds, without any tolerance. Each side is counted on its own: what is
//! charged by allocation, what lies idle by device, and what there is by the devices that joined and left.

use super::accounts::{PARTS, Usage};
use super::{ConservationError, Metrics, Phase};

/// What became of all qubits of the fleet in the measured interval, in [`PARTS`] of qubit-nanoseconds.
///
/// `charged + refunded + undivided + idle + calibrating` is the capacity: qubits in service, and held ones, whatever became
/// of them meanwhile. Capacity and `outage` are all there was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capacity {
    /// What tenants are charged; attempts that still run included, until the end.
    pub charged: Usage,
    /// What attempts had that their hardware ended.
    pub refunded: Usage,
    /// Kept idle by more than 16 attempts at a time, which cannot be divided among them without a rest.
    pub undivided: u128,
    /// In service, and neither held nor kept idle; also where no job may start, because the device drains or is quarantined.
    pub idle: u128,
    /// The same under calibration.
    pub calibrating: u128,
    /// Dead by the figures, or offline, and not held.
    pub outage: u128,
    /// Qubits in service, or held.
    pub capacity: u128,
    /// All qubits of the devices that were there.
    pub present: u128,
}

impl Capacity {
    /// What is counted as capacity, summed up.
    fn accounted(&self) -> u128 {
        self.charged.parts() + self.refunded.parts() + self.undivided + self.idle + self.calibrating
    }

    /// Counts another run's figures as well.
    pub fn add(&mut self, other: &Self) {
        self.charged.add(other.charged);
        self.refunded.add(other.refunded);
        self.undivided += other.undivided;
        self.idle += other.idle;
        self.calibrating += other.calibrating;
        self.outage += other.outage;
        self.capacity += other.capacity;
        self.present += other.present;
    }
}

impl Metrics {
    /// What became of all qubits in the measured interval, up to the last event; `None` where no accounts are kept.
    pub fn capacity(&self) -> Option<Capacity> {
        let total = self.accounts.as_ref()?.total(self.now);
        let parts = u128::from(PARTS);
        let mut capacity = Capacity {
            charged: total.charged,
            refunded: total.refunded,
            present: self.present.integral_at(self.now) * parts,
            ..Capacity::default()
        };
        for meter in self.devices.values() {
            let totals = self.measured(meter);
            capacity.undivided += totals.undivided;
            capacity.idle += totals.idle * parts;
            capacity.calibrating += totals.calibrating * parts;
            capacity.outage += totals.outage * parts;
            capacity.capacity += totals.qubits * parts;
        }
        Some(capacity)
    }

    fn check_capacity(&self) -> Result<(), ConservationError> {
        let Some(found) = self.capacity() else { return Ok(()) };
        let lent = |meter| {
            let totals = self.measured(meter);
            (totals.held + totals.lost) * u128::from(PARTS) - totals.undivided
        };
        let lent: u128 = self.devices.values().map(lent).sum();
        let charged = found.charged.parts() + found.refunded.parts();
        let ns = |parts: u128| parts / u128::from(PARTS);
        if lent != charged {
            return Err(ConservationError::Charges { lent_ns: ns(lent), charged_ns: ns(charged) });
        }
        let (capacity_ns, accounted_ns) = (ns(found.capacity), ns(found.accounted()));
        if found.capacity != found.accounted() {
            return Err(ConservationError::Capacity { capacity_ns, accounted_ns });
        }
        if found.present != found.capacity + found.outage {
            let (present_ns, outage_ns) = (ns(found.present), ns(found.outage));
            return Err(ConservationError::Fleet { present_ns, capacity_ns, outage_ns });
        }
        Ok(())
    }

    /// Checks that jobs, waiting time (Little's law), running time and qubit time add up exactly, up to the last
    /// event, sample or [`Metrics::finish`].
    pub fn check_conservation(&self) -> Result<(), ConservationError> {
        let (mut waiting, mut running, mut sums) = (0, 0, self.sums);
        for job in self.jobs.values() {
            match &job.phase {
                Phase::Waiting { since, .. } => {
                    waiting += u64::from(job.measured);
                    sums.waited_ns += u128::from(self.clip(*since).0);
                }
                Phase::Running { allocation, .. } => {
                    running += u64::from(job.measured);
                    let ran = u128::from(self.clip(allocation.started).0);
                    sums.ran_ns += ran;
                    sums.held_ns += ran * allocation.held.len() as u128;
                }
            }
        }
        let (submitted, ended) = (self.counts.submitted, self.counts.ended());
        if submitted != waiting + running + ended {
            return Err(ConservationError::Jobs { submitted, waiting, running, ended });
        }
        let (integral_ns, sum_ns) = (self.waiting.integral_at(self.now), sums.waited_ns);
        if integral_ns != sum_ns {
            return Err(ConservationError::WaitingTime { integral_ns, sum_ns });
        }
        let (integral_ns, sum_ns) = (self.running.integral_at(self.now), sums.ran_ns);
        if integral_ns != sum_ns {
            return Err(ConservationError::RunningTime { integral_ns, sum_ns });
        }
        let held = self.devices.values().map(|meter| meter.totals_at(self.now).since(&meter.base).held);
        let (integral_ns, sum_ns) = (held.sum(), sums.held_ns);
        if integral_ns != sum_ns {
            return Err(ConservationError::QubitTime { integral_ns, sum_ns });
        }
        self.check_capacity()
    }
}
