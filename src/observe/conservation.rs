//! What must add up: jobs, waiting time (Little's law) and qubit time, each counted in two independent ways.
//!
//! Promises exact comparison in whole nanoseconds: a level integrated over time on one side, the sum over jobs on
//! the other. A difference means that the core lost something, or that the metrics did.

use serde::Serialize;

use crate::time::Time;

/// A level (waiting jobs, held qubits) and its integral over time.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Level {
    value: u64,
    since: Time,
    integral_ns: u128,
}

impl Level {
    /// The level now.
    pub(super) fn value(&self) -> u64 {
        self.value
    }

    /// The integral until `now`.
    pub(super) fn integral_at(&self, now: Time) -> u128 {
        self.integral_ns + u128::from(self.value) * u128::from(now.since(self.since).0)
    }

    /// Integrates until `now`.
    pub(super) fn settle(&mut self, now: Time) {
        self.integral_ns = self.integral_at(now);
        self.since = self.since.max(now);
    }

    /// Starts a new integral at `now`.
    pub(super) fn restart(&mut self, now: Time) {
        self.since = now;
        self.integral_ns = 0;
    }

    /// Raises the level at `now`.
    pub(super) fn add(&mut self, now: Time, by: u64) {
        self.settle(now);
        self.value += by;
    }

    /// Lowers the level at `now`.
    pub(super) fn take(&mut self, now: Time, by: u64) {
        self.settle(now);
        self.value = self.value.saturating_sub(by);
    }
}

/// Something that does not add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, thiserror::Error)]
pub enum ConservationError {
    /// Jobs appeared or vanished.
    #[error("{submitted} jobs were submitted, but {waiting} wait, {running} run and {ended} ended")]
    Jobs {
        /// Jobs queued or rejected since measuring began.
        submitted: u64,
        /// Those that wait.
        waiting: u64,
        /// Those that run.
        running: u64,
        /// Those in a final state.
        ended: u64,
    },
    /// Little's law: the number of waiting jobs over time is not the sum of their waiting times.
    #[error("the queue integrates to {integral_ns} ns, but the waiting times add up to {sum_ns} ns")]
    WaitingTime {
        /// Integral of the queue length over the measured interval.
        integral_ns: u128,
        /// Sum over jobs of the time waited within it.
        sum_ns: u128,
    },
    /// The number of running allocations over time is not the sum of their durations.
    #[error("running allocations integrate to {integral_ns} ns, but their durations add up to {sum_ns} ns")]
    RunningTime {
        /// Integral of the number of allocations over the measured interval.
        integral_ns: u128,
        /// Sum over allocations of the time run within it.
        sum_ns: u128,
    },
    /// The held qubits over time are not the sum over allocations.
    #[error(
        "held qubits integrate to {integral_ns} qubit ns, but the allocations add up to {sum_ns} qubit ns"
    )]
    QubitTime {
        /// Integral of the held qubits of all devices over the measured interval.
        integral_ns: u128,
        /// Sum over allocations of qubits times the time held within it.
        sum_ns: u128,
    },
    /// What the tenants are charged, or have back, is not what the devices have lent.
    #[error("devices have lent {lent_ns} qubit ns, but the accounts add up to {charged_ns} qubit ns")]
    Charges {
        /// Qubits held or kept idle over time, over the measured interval.
        lent_ns: u128,
        /// Charged and refunded, all accounts together.
        charged_ns: u128,
    },
    /// What is charged, refunded, idle or under calibration is not what was in service.
    #[error(
        "{capacity_ns} qubit ns were in service, but what is charged, refunded, idle and under calibration adds up to \
         {accounted_ns} qubit ns"
    )]
    Capacity {
        /// Qubits in service over time, over the measured interval.
        capacity_ns: u128,
        /// All that became of them.
        accounted_ns: u128,
    },
    /// What was in service or not is not what was there.
    #[error(
        "the fleet had {present_ns} qubit ns, but {capacity_ns} were in service and {outage_ns} were not"
    )]
    Fleet {
        /// Qubits of all devices over time, over the measured interval.
        present_ns: u128,
        /// Those in service.
        capacity_ns: u128,
        /// Those out of service.
        outage_ns: u128,
    },
}

/// The sums over jobs and allocations, to be compared with the integrals of levels.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sums {
    /// Time waited, by jobs that have left the queue.
    pub(super) waited_ns: u128,
    /// Time run, by ended allocations.
    pub(super) ran_ns: u128,
    /// Qubits times time held, by ended allocations.
    pub(super) held_ns: u128,
}
