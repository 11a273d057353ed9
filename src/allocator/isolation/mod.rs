//! Isolation: what separation a job is promised, given what it asks for, the configuration and the device.
//!
//! | level  | buffer distance             | guard after the job | reset before |
//! |--------|-----------------------------|---------------------|--------------|
//! | weak   | 0                           | none                | no           |
//! | medium | `isolation.buffer_distance` | none                | no           |
//! | strong | the same, at least 2        | `isolation.guard`   | yes          |
//!
//! All of it holds between parties ([`Between`](super::config::Between)); what the device demands, between all jobs.
//! A limit on crosstalk ([`crosstalk`]) is a demand of its own, whatever the level. What a job states explicitly replaces the level's value; what the device demands is a lower bound on both.

pub mod crosstalk;

use super::config::Isolation;
use super::protocol::{IsolationLevel, JobRequest, PartyTerms, PromisedIsolation};
use crate::quantum::device::DeviceLimits;
use crate::time::Span;

/// The separation that a job is promised on a device.
pub fn promise(request: &JobRequest, config: &Isolation, device: &DeviceLimits) -> PromisedIsolation {
    let asked = &request.isolation;
    let (buffer, guard, reset) = match asked.level.unwrap_or(config.default_level) {
        IsolationLevel::Weak => (0, Span::ZERO, false),
        IsolationLevel::Medium => (config.buffer_distance, Span::ZERO, false),
        IsolationLevel::Strong => (config.buffer_distance.max(2), config.guard, true),
    };
    PromisedIsolation {
        buffer_distance: asked.buffer_distance.unwrap_or(buffer).max(device.min_qubit_separation),
        guard: asked.temporal_separation.unwrap_or(guard).max(device.reconfiguration_time),
        hardware_reset: asked.hardware_reset.unwrap_or(reset),
        max_crosstalk: asked.max_crosstalk,
        party: config.between.party_of(request.tenant).map(|party| PartyTerms {
            party,
            buffer_distance: device.min_qubit_separation,
            rests: !device.reconfiguration_time.is_zero(),
        }),
    }
}
