//! Why: typed reasons of decisions, without strings, so that they cost nothing on the hot path.
//!
//! An allocation carries why this device and region; a waiting job carries which constraint bound it last.

use serde::{Deserialize, Serialize};

use super::config::{Selection, Strategy};
use super::job::JobId;
use super::messages::Status;
use super::quality::{Assessment, Shortfall};
use crate::quantum::DeviceId;

/// How sure a placement is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Certainty {
    /// No better placement exists on the free qubits of the device.
    Optimal,
    /// A better one may exist; its cost is at most this much lower (natural log of success), if known.
    Gap(Option<f64>),
    /// The strategy does not look for the best.
    FirstFound,
}

/// Why an allocation is where it is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The strategy that placed it; `None` for one that the user brought.
    pub strategy: Option<Strategy>,
    /// The selection that ordered the devices.
    pub selection: Selection,
    /// Other devices on which a placement was sought now, in vain or with a worse result.
    pub devices_tried: u32,
    /// How sure the placement is.
    pub certainty: Certainty,
    /// Minus natural log of the probability that one use of every coupler and one readout of every qubit succeed; with
    /// the SWAP gates, where the program must be routed.
    pub cost: f64,
    /// The part of `cost` that is due to SWAP gates.
    pub routing_cost: f64,
    /// How good it is, of jobs that bound it; says which soft bound it misses.
    pub quality: Option<Assessment>,
}

/// The constraint that kept a job from starting when it was last tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Bound {
    /// Not tried yet.
    #[error("not tried yet")]
    Untried,
    /// Held by its owner or an operator.
    #[error("held")]
    Held,
    /// Another job is ahead and blocks the queue.
    #[error("waits behind job {}", .0.0)]
    Behind(JobId),
    /// No device in service has so many qubits free.
    #[error("asks for {asked} qubits, at most {free} are free on one device")]
    NotEnoughFree {
        /// Asked qubits.
        asked: u32,
        /// Most free qubits of a device.
        free: u32,
    },
    /// Enough qubits were free, but they have no region of the shape (`device`: the last one tried).
    #[error("enough qubits are free on device {}, but no region of the shape", device.0)]
    NoPlacement {
        /// The last device tried.
        device: DeviceId,
    },
    /// The search gave up before it found or excluded a placement.
    #[error("the search on device {} ended without an answer; hint: raise placement_budget", device.0)]
    BudgetExhausted {
        /// The last device tried.
        device: DeviceId,
    },
    /// The strategy answered with qubits that it was not offered, which is a defect of the strategy.
    #[error("the strategy answered for device {} with qubits that are not free; hint: that is a defect of the strategy", device.0)]
    IllegalPlacement {
        /// The last device tried.
        device: DeviceId,
    },
    /// The best placement on what is free is not good enough (`device`: the last one tried).
    #[error("the best placement on what is free of device {} has {shortfall}", device.0)]
    BelowBound {
        /// The last device tried.
        device: DeviceId,
        /// The demand that it misses.
        shortfall: Shortfall,
    },
    /// The device runs as many jobs as it allows.
    #[error("device {} runs as many jobs as it allows", device.0)]
    MaxConcurrentTasks {
        /// The last device tried.
        device: DeviceId,
    },
    /// The device takes new jobs when all that run on it have ended.
    #[error("device {} takes new jobs when all that run on it have ended", device.0)]
    BatchRunning {
        /// The last device tried.
        device: DeviceId,
    },
    /// The device is not in service.
    #[error("device {} is {status:?}", device.0)]
    NotInService {
        /// The device.
        device: DeviceId,
        /// Its status.
        status: Status,
    },
}
