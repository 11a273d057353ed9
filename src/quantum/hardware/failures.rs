//! When devices, qubits and couplers fail, and when they are back: a calendar fixed before anything runs.
//!
//! Promises outages in order of their beginning that depend on (seed, configuration, fleet) alone, made as they are
//! asked for. Leaves to the driver what a failure does to a running job. Outages of one target may overlap; whoever
//! needs "is it up" counts them with [`ActiveOutages`].

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use rand::Rng;

use super::draws::{exponential, log_normal};
use crate::quantum::device::DeviceSpec;
use crate::quantum::{CouplerId, DeviceId, PhysicalQubit};
use crate::random::{Stream, StreamFamily};
use crate::time::{Span, Time};

mod active;
mod config;
mod error;
mod process;

use process::Process;

pub use active::ActiveOutages;
pub use config::{
    Effect, FailAt, FailEvery, FailFlapping, FailMtbf, FailureClass, FailureConfig, TargetConfig,
};
pub use error::FailureError;
pub use process::Cause;

/// What is out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// A whole device.
    Device(DeviceId),
    /// One qubit.
    Qubit(DeviceId, PhysicalQubit),
    /// One coupler.
    Coupler(DeviceId, CouplerId),
}

impl Target {
    /// The device that is concerned.
    pub fn device(self) -> DeviceId {
        match self {
            Self::Device(device) | Self::Qubit(device, _) | Self::Coupler(device, _) => device,
        }
    }
}

/// One entry of the calendar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outage {
    /// What is out.
    pub target: Target,
    /// When it begins.
    pub from: Time,
    /// When it ends; [`Time::MAX`] for never. Later than `from`.
    pub until: Time,
    /// Why.
    pub cause: Cause,
    /// What it does to the target.
    pub effect: Effect,
    /// The entry of the configuration that made it, counted from 0.
    pub entry: u32,
}

/// A list of failures, resolved against a fleet.
#[derive(Debug, Clone)]
pub struct FailureModel {
    sources: Vec<Source>,
}

/// One process: an entry of the configuration on one device, or on all of its devices at once.
#[derive(Debug, Clone)]
struct Source {
    entry: u32,
    /// Key of its stream next to the entry: the device, or `u32::MAX` for all at once.
    key: u32,
    targets: Vec<Aim>,
    effect: Effect,
    cause: Cause,
    process: Process,
}

/// A target, or how to draw one.
#[derive(Debug, Clone, Copy)]
enum Aim {
    Fixed(Target),
    AnyQubit(DeviceId, u32),
    AnyCoupler(DeviceId, u32),
}

impl FailureModel {
    /// Checks the configuration against the fleet: every name, qubit and coupler.
    pub fn new(entries: &[FailureConfig], fleet: &[(DeviceId, &DeviceSpec)]) -> Result<Self, FailureError> {
        let mut sources = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            let (process, cause) = entry.process(index)?;
            let effect = entry.effect();
            effect.check(index)?;
            let devices = chosen(entry.devices(), fleet, index)?;
            let aims = devices
                .into_iter()
                .map(|(id, device)| aim(entry.target(), id, device, index))
                .collect::<Result<Vec<_>, _>>()?;
            let source = |key, targets| Source { entry: index as u32, key, targets, effect, cause, process };
            if entry.together() {
                sources.push(source(u32::MAX, aims.into_iter().map(|(_, aim)| aim).collect()));
            } else {
                sources.extend(aims.into_iter().map(|(id, aim)| source(id.0, vec![aim])));
            }
        }
        Ok(Self { sources })
    }

    /// The calendar of one replication; `streams` are those of [`crate::random::Purpose::Failures`].
    pub fn calendar(&self, streams: StreamFamily) -> FailureCalendar {
        let mut calendar = FailureCalendar {
            running: Vec::with_capacity(self.sources.len()),
            agenda: BinaryHeap::with_capacity(self.sources.len()),
            ready: VecDeque::new(),
        };
        for source in &self.sources {
            let stream = streams.stream(u64::from(source.entry) << 32 | u64::from(source.key), 0);
            calendar.running.push(Running { source: source.clone(), stream, clock: Time::ZERO });
            calendar.plan(calendar.running.len() - 1);
        }
        calendar
    }
}

/// The devices that an entry names; all of them when it names none. In order of the fleet, each once.
fn chosen<'a>(
    names: &[String],
    fleet: &[(DeviceId, &'a DeviceSpec)],
    entry: usize,
) -> Result<Vec<(DeviceId, &'a DeviceSpec)>, FailureError> {
    if let Some(name) = names.iter().find(|name| !fleet.iter().any(|(_, device)| matches(name, &device.name)))
    {
        let known =
            fleet.iter().map(|(_, device)| device.name.as_str()).take(20).collect::<Vec<_>>().join(", ");
        return Err(FailureError::UnknownDevice { entry, name: name.clone(), known });
    }
    let named =
        |device: &DeviceSpec| names.is_empty() || names.iter().any(|name| matches(name, &device.name));
    Ok(fleet.iter().copied().filter(|(_, device)| named(device)).collect())
}

/// Whether a name fits a pattern in which `*` stands for any text. Linear in practice: the text between two stars is
/// looked for once, leftmost.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut name) = name.strip_prefix(head) else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let tail = parts.pop().unwrap_or("");
    for part in parts {
        let Some(at) = name.find(part) else { return false };
        name = &name[at + part.len()..];
    }
    name.ends_with(tail)
}

fn aim(
    target: TargetConfig,
    id: DeviceId,
    device: &DeviceSpec,
    entry: usize,
) -> Result<(DeviceId, Aim), FailureError> {
    let map = &device.coupling_map;
    let check = |qubit: u32| {
        if (qubit as usize) < map.qubits() {
            return Ok(PhysicalQubit(qubit));
        }
        Err(FailureError::UnknownQubit { entry, qubit, device: device.name.clone(), last: map.qubits() - 1 })
    };
    let aim = match target {
        TargetConfig::Device => Aim::Fixed(Target::Device(id)),
        TargetConfig::Qubit(qubit) => Aim::Fixed(Target::Qubit(id, check(qubit)?)),
        TargetConfig::Coupler(a, b) => {
            let (first, second) = (check(a)?, check(b)?);
            if map.is_alike() {
                let hint = "all pairs of so large an all-to-all device share one coupler".to_owned();
                return Err(FailureError::UnknownCoupler { entry, a, b, device: device.name.clone(), hint });
            }
            let coupler = map.coupler(first, second).ok_or_else(|| {
                let partners: Vec<String> =
                    map.neighbours(first).iter().map(|(q, _)| q.0.to_string()).collect();
                let hint = format!("qubit {a} is coupled with {}", partners.join(", "));
                FailureError::UnknownCoupler { entry, a, b, device: device.name.clone(), hint }
            })?;
            Aim::Fixed(Target::Coupler(id, coupler))
        }
        TargetConfig::RandomQubit => Aim::AnyQubit(id, map.qubits() as u32),
        TargetConfig::RandomCoupler if map.couplers().is_empty() => {
            return Err(FailureError::OutOfRange {
                entry,
                key: "target",
                value: "random_coupler".to_owned(),
                hint: "a chosen device has no couplers of its own",
            });
        }
        TargetConfig::RandomCoupler => Aim::AnyCoupler(id, map.couplers().len() as u32),
    };
    Ok((id, aim))
}

/// All outages of one replication, earliest first; at one instant in order of the entries, then of the fleet.
#[derive(Debug, Clone)]
pub struct FailureCalendar {
    running: Vec<Running>,
    /// Next outage of each source: (from, source, until).
    agenda: BinaryHeap<Reverse<(Time, usize, Time)>>,
    /// Outages already due, of a source with several targets.
    ready: VecDeque<Outage>,
}

#[derive(Debug, Clone)]
struct Running {
    source: Source,
    stream: Stream,
    /// End of the last outage, from which the next time to failure counts.
    clock: Time,
}

impl FailureCalendar {
    /// When the next outage begins; `None` when no more come.
    pub fn peek(&self) -> Option<Time> {
        self.ready.front().map(|outage| outage.from).or(self.agenda.peek().map(|Reverse((from, ..))| *from))
    }

    /// The next outage that begins after `now`. Passes over earlier ones: the calendar does not turn back.
    pub fn next_after(&mut self, now: Time) -> Option<Outage> {
        self.find(|outage| outage.from > now)
    }

    fn plan(&mut self, index: usize) {
        if let Some((from, until)) = self.running[index].next() {
            self.agenda.push(Reverse((from, index, until)));
        }
    }
}

impl Iterator for FailureCalendar {
    type Item = Outage;

    fn next(&mut self) -> Option<Outage> {
        if self.ready.is_empty() {
            let Reverse((from, index, until)) = self.agenda.pop()?;
            let Running { source, stream, .. } = &mut self.running[index];
            for aim in &source.targets {
                let mut any = |count: u32| ((u64::from(count) * (stream.next_u64() >> 32)) >> 32) as u32;
                let target = match *aim {
                    Aim::Fixed(target) => target,
                    Aim::AnyQubit(device, count) => Target::Qubit(device, PhysicalQubit(any(count))),
                    Aim::AnyCoupler(device, count) => Target::Coupler(device, CouplerId(any(count))),
                };
                let Source { cause, effect, entry, .. } = *source;
                self.ready.push_back(Outage { target, from, until, cause, effect, entry });
            }
            self.plan(index);
        }
        self.ready.pop_front()
    }
}

impl Running {
    /// Draws the next outage of the source; `None` when there is none before the end of time.
    fn next(&mut self) -> Option<(Time, Time)> {
        let stream = &mut self.stream;
        let mut some_time = |mean: Span| scaled(mean, exponential(stream.next_u64()));
        let (from, until) = match &mut self.source.process {
            Process::Once { at, length } => {
                let from = std::mem::replace(at, Time::MAX);
                (from, end(from, *length))
            }
            Process::Regular { next, interval, length } => {
                let from = *next;
                *next += *interval;
                (from, end(from, *length))
            }
            Process::Renewal { up, repair_median, repair_log_sd } => {
                let from = self.clock + some_time(*up);
                let repair = scaled(*repair_median, log_normal(stream.next_u64(), *repair_log_sd));
                (from, end(from, Some(repair)))
            }
            Process::Flapping { quiet, flaps, down, up, left } => {
                let gap = if *left == 0 { *quiet } else { *up };
                *left = if *left == 0 { *flaps } else { *left } - 1;
                let from = self.clock + some_time(gap);
                (from, end(from, Some(some_time(*down))))
            }
        };
        self.clock = until;
        (from < Time::MAX).then_some((from, until))
    }
}

/// The end of an outage: at least a nanosecond later, never without a length.
fn end(from: Time, length: Option<Span>) -> Time {
    length.map_or(Time::MAX, |length| from + length.max(Span(1)))
}

fn scaled(span: Span, factor: f64) -> Span {
    Span::from_secs_f64(span.as_secs_f64() * factor)
}

#[cfg(test)]
mod tests;
