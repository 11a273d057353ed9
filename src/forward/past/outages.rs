//! How devices went out of service and came back: the next outages are drawn from them.

use std::collections::BTreeMap;

use super::kept::Kept;
use crate::allocator::protocol::Status;
use crate::forward::lot::fall_on;
use crate::quantum::DeviceId;
use crate::time::{Span, Time};

/// A device is out of service from then on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::forward) struct Spell {
    /// For how long.
    pub lasts: Span,
    /// Its running jobs are lost.
    pub lost: bool,
}

/// A spell that is over, and how long the device had been in service before.
#[derive(Debug, Clone, Copy)]
struct Over {
    up: Span,
    spell: Spell,
}

#[derive(Debug)]
struct Now {
    since: Time,
    /// Out of service, at some time with its jobs lost; `None`: in service.
    down: Option<bool>,
    /// How long it was in service before.
    up: Span,
}

#[derive(Debug, Default)]
pub(super) struct Seen {
    now: BTreeMap<DeviceId, Now>,
    over: BTreeMap<DeviceId, Kept<Over>>,
    all: Kept<Over>,
}

impl Seen {
    pub(super) fn joined(&mut self, now: Time, device: DeviceId) {
        self.now.insert(device, Now { since: now, down: None, up: Span::ZERO });
    }

    pub(super) fn left(&mut self, device: DeviceId) {
        self.now.remove(&device);
        self.over.remove(&device);
    }

    pub(super) fn changed(&mut self, now: Time, device: DeviceId, to: Status) {
        let Some(is) = self.now.get_mut(&device) else { return };
        match (is.down, to) {
            (None, Status::Online) => {}
            (None, _) => {
                let up = now.since(is.since);
                *is = Now { since: now, down: Some(to == Status::Offline), up };
            }
            (Some(lost), Status::Online) => {
                let over = Over { up: is.up, spell: Spell { lasts: now.since(is.since), lost } };
                *is = Now { since: now, down: None, up: Span::ZERO };
                for kept in [self.over.entry(device).or_default(), &mut self.all] {
                    kept.add(over);
                }
            }
            (Some(lost), _) => is.down = Some(lost || to == Status::Offline),
        }
    }

    pub(super) fn known(&self, now: Time) -> Outages {
        let all: Vec<Over> = self.all.iter().copied().collect();
        let devices = self.now.iter().map(|(device, is)| {
            // What few outages of its own say is less than what those of all do.
            let own = self.over.get(device).filter(|own| own.len() >= 3);
            let of = own.map_or_else(|| all.clone(), |own| own.iter().copied().collect());
            (*device, Device { since: now.since(is.since), down: is.down, of })
        });
        Outages { devices: devices.collect() }
    }
}

#[derive(Debug)]
struct Device {
    /// For how long it is as it is.
    since: Span,
    down: Option<bool>,
    of: Vec<Over>,
}

/// What outages are drawn from.
#[derive(Debug)]
pub(in crate::forward) struct Outages {
    devices: BTreeMap<DeviceId, Device>,
}

impl Outages {
    /// The devices.
    pub(in crate::forward) fn devices(&self) -> impl Iterator<Item = DeviceId> {
        self.devices.keys().copied()
    }

    /// After how long a device that is out of service comes back; `None` if it is in service.
    pub(in crate::forward) fn comes_back(&self, device: DeviceId, lot: f64) -> Option<Span> {
        let device = self.devices.get(&device)?;
        let lost = device.down?;
        // Of those of the same sort, if there were any.
        let alike = |over: &&Over| over.spell.lost == lost;
        let some = device.of.iter().any(|over| alike(&over));
        let mut longer: Vec<Span> = device
            .of
            .iter()
            .filter(|over| alike(over) || !some)
            .map(|over| over.spell.lasts)
            .filter(|lasts| *lasts > device.since)
            .collect();
        longer.sort_unstable();
        let drawn = fall_on(&longer, lot).copied();
        // None was so long: up to as long again, and a minute.
        let as_long = || (device.since.0 as f64 * lot) as u64 + Span::from_secs(60).0;
        Some(drawn.map_or_else(|| Span(as_long()), |lasts| Span(lasts.0 - device.since.0)))
    }

    /// After how long in service a device is out of it next, and how; `None` if none ever was. `first`: it has been in
    /// service for a while, if it is now.
    pub(in crate::forward) fn goes_out(
        &self,
        device: DeviceId,
        first: bool,
        lot: f64,
    ) -> Option<(Span, Spell)> {
        let device = self.devices.get(&device)?;
        let elapsed = if first && device.down.is_none() { device.since } else { Span::ZERO };
        let mut longer: Vec<&Over> = device.of.iter().filter(|over| over.up > elapsed).collect();
        longer.sort_by_key(|over| (over.up, over.spell.lasts));
        match fall_on(&longer, lot) {
            Some(over) => Some((Span(over.up.0 - elapsed.0), over.spell)),
            // None stayed in service so long: up to as long again.
            None => {
                let last = device.of.last()?;
                Some((Span((elapsed.0 as f64 * lot) as u64 + 1), last.spell))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outages_are_like_those_that_were() {
        let at = |secs| Time::ZERO + Span::from_secs(secs);
        let device = DeviceId(3);
        let mut seen = Seen::default();
        seen.joined(at(0), device);
        assert_eq!(seen.known(at(50)).goes_out(device, true, 0.5), None, "none ever was");
        for number in 0..4 {
            seen.changed(at(1000 * number + 900), device, Status::Draining);
            seen.changed(at(1000 * number + 950), device, Status::Calibrating);
            seen.changed(at(1000 * number + 1000), device, Status::Online);
        }
        let known = seen.known(at(4600));
        let spell = Spell { lasts: Span::from_secs(100), lost: false };
        assert_eq!(known.goes_out(device, true, 0.5), Some((Span::from_secs(300), spell)));
        assert_eq!(known.goes_out(device, false, 0.5), Some((Span::from_secs(900), spell)));
        assert_eq!(known.comes_back(device, 0.5), None, "it is in service");
        seen.changed(at(4700), device, Status::Offline);
        let known = seen.known(at(4730));
        // None of that sort was seen.
        assert_eq!(known.comes_back(device, 0.5), Some(Span::from_secs(70)));
        let known = seen.known(at(4820));
        assert_eq!(known.comes_back(device, 0.5), Some(Span::from_secs(120)), "longer than any");
    }
}
