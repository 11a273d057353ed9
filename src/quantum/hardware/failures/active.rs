//! Which outages hold right now: a target is up again only when all of its outages have ended.
//!
//! Promises to report each change of a target once, however outages nest or overlap. Leaves the agenda to the driver:
//! it calls [`ActiveOutages::begin`] at `from` and [`ActiveOutages::end`] at `until`.

use super::{Effect, Outage, Target};
use crate::quantum::DeviceId;

/// The outages that have begun and not ended. Few at a time, so a list is enough.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ActiveOutages {
    active: Vec<Outage>,
}

impl ActiveOutages {
    /// An outage begins; true when it takes its target from up to down.
    pub fn begin(&mut self, outage: Outage) -> bool {
        let was_down = self.is_down(outage.target);
        self.active.push(outage);
        !was_down && self.is_down(outage.target)
    }

    /// An outage ends; true when its target is up again. An outage that never began changes nothing.
    pub fn end(&mut self, outage: &Outage) -> bool {
        let Some(index) = self.active.iter().position(|active| active == outage) else {
            return false;
        };
        let was_down = self.is_down(outage.target);
        self.active.remove(index);
        was_down && !self.is_down(outage.target)
    }

    /// Whether an outage of exactly this target holds. A qubit of a device that is down has none of its own.
    pub fn is_down(&self, target: Target) -> bool {
        self.active
            .iter()
            .any(|outage| outage.target == target && outage.effect == Effect::Down)
    }

    /// How many times as long jobs on the device take: the product over slow drivers, 1 without.
    pub fn slowdown(&self, device: DeviceId) -> f64 {
        let slow = self
            .active
            .iter()
            .filter(|outage| outage.target.device() == device);
        slow.map(|outage| {
            if let Effect::Slow(factor) = outage.effect {
                factor
            } else {
                1.0
            }
        })
        .product()
    }

    /// The outages that hold, in order of their beginning.
    pub fn iter(&self) -> impl Iterator<Item = &Outage> {
        self.active.iter()
    }
}
