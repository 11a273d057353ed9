//! How long attempts hold their qubits, in proportion to what is known of them before they start.
//!
//! Three things are known: what the device publishes, the walltime that the job states, and nothing, which is the proportion to one
//! second. Of attempts of about the same published length on the same device the one goes by which they differ least.

use std::collections::BTreeMap;

use super::kept::Kept;
use crate::allocator::protocol::JobRequest;
use crate::allocator::state::fleet::Device;
use crate::allocator::state::run_times::{class_of, published};
use crate::forward::lot::fall_on;
use crate::quantum::DeviceId;
use crate::time::Span;

/// Fewer attempts than this say nothing of their own.
const FEW: usize = 8;

/// Where next to nothing was seen: as published, give or take a factor of two. An assumption.
const UNSEEN: [f64; 5] = [-1.0, -0.5, 0.0, 0.5, 1.0];

/// What can be known beforehand of an attempt.
#[derive(Debug, Clone, Copy)]
pub(in crate::forward) struct Work {
    device: DeviceId,
    published: Span,
    stated: Option<Span>,
}

impl Work {
    /// Of an attempt of a job on a device, in so many copies.
    pub(in crate::forward) fn of(request: &JobRequest, device: &Device, copies: u32) -> Self {
        let published = published(&device.published_time, request, copies);
        Self { device: device.id, published, stated: request.estimated_duration }
    }

    /// What it is measured by, in order of preference where all are as good.
    fn measures(&self) -> [Option<Span>; 3] {
        [Some(self.published), self.stated, Some(Span::from_secs(1))].map(|by| by.filter(|by| by.0 > 0))
    }

    fn class(&self) -> u8 {
        class_of(self.published)
    }
}

/// Binary logarithms of the proportions of one attempt.
#[derive(Debug, Clone, Copy)]
struct Ended {
    class: u8,
    by: [Option<f64>; 3],
}

#[derive(Debug, Default)]
pub(super) struct Seen {
    by_device: BTreeMap<DeviceId, Kept<Ended>>,
    all: Kept<Ended>,
}

impl Seen {
    pub(super) fn ended(&mut self, work: &Work, took: Span) {
        let by = work.measures().map(|by| {
            let ratio = took.0.max(1) as f64 / by?.0 as f64;
            Some(libm::log2(ratio))
        });
        let ended = Ended { class: work.class(), by };
        for kept in [self.by_device.entry(work.device).or_default(), &mut self.all] {
            kept.add(ended);
        }
    }

    pub(super) fn left(&mut self, device: DeviceId) {
        self.by_device.remove(&device);
    }

    pub(super) fn known(&self) -> RunTimes {
        let mut classes = BTreeMap::new();
        let mut devices = BTreeMap::new();
        for (device, kept) in &self.by_device {
            let mut by_class: BTreeMap<u8, Vec<Ended>> = BTreeMap::new();
            kept.iter().for_each(|ended| by_class.entry(ended.class).or_default().push(*ended));
            for (class, of) in by_class.iter().filter(|(_, of)| of.len() >= FEW) {
                classes.insert((*device, *class), Pool::new(of.iter()));
            }
            if kept.len() >= FEW {
                devices.insert(*device, Pool::new(kept.iter()));
            }
        }
        let mut all = Pool::new(self.all.iter());
        if self.all.len() < FEW {
            all.by[0].logs.extend(UNSEEN);
            all.by[0].sort();
        }
        RunTimes { classes, devices, all }
    }
}

/// The proportions by one measure, the lowest first.
#[derive(Debug, Default)]
struct Sorted {
    logs: Vec<f64>,
    variance: f64,
}

impl Sorted {
    fn sort(&mut self) {
        self.logs.sort_by(f64::total_cmp);
        let mean = self.logs.iter().sum::<f64>() / self.logs.len().max(1) as f64;
        let squares = self.logs.iter().map(|log| (log - mean) * (log - mean)).sum::<f64>();
        self.variance = squares / self.logs.len().max(1) as f64;
    }
}

#[derive(Debug)]
struct Pool {
    by: [Sorted; 3],
}

impl Pool {
    fn new<'e>(of: impl Iterator<Item = &'e Ended>) -> Self {
        let mut by = [const { Sorted { logs: Vec::new(), variance: 0.0 } }; 3];
        for ended in of {
            for (sorted, log) in by.iter_mut().zip(ended.by) {
                sorted.logs.extend(log);
            }
        }
        by.iter_mut().for_each(Sorted::sort);
        Self { by }
    }

    /// The measure of a work by which attempts differed least, and how.
    fn best(&self, work: &Work) -> Option<(Span, &[f64])> {
        let mut best: Option<(f64, Span, &[f64])> = None;
        for (sorted, by) in self.by.iter().zip(work.measures()) {
            let Some(by) = by.filter(|_| !sorted.logs.is_empty()) else { continue };
            // One that few have cannot be told to be better.
            let tried = best.is_none() || sorted.logs.len() >= FEW;
            if tried && best.is_none_or(|(variance, ..)| sorted.variance < variance) {
                best = Some((sorted.variance, by, &sorted.logs));
            }
        }
        best.map(|(_, by, logs)| (by, logs))
    }
}

/// What run times are drawn from.
#[derive(Debug)]
pub(in crate::forward) struct RunTimes {
    classes: BTreeMap<(DeviceId, u8), Pool>,
    devices: BTreeMap<DeviceId, Pool>,
    all: Pool,
}

impl RunTimes {
    /// How long an attempt holds its qubits that has held them for `elapsed`; longer than that. `lot` says which of all
    /// attempts like it, 0..1 from the shortest to the longest.
    pub(in crate::forward) fn draw(&self, work: &Work, elapsed: Span, lot: f64) -> Span {
        let pools = [self.classes.get(&(work.device, work.class())), self.devices.get(&work.device)];
        let found = pools.into_iter().flatten().chain([&self.all]).find_map(|pool| pool.best(work));
        let (by, logs) = found.unwrap_or((Span::from_secs(1), &UNSEEN));
        let length = |log: f64| Span((by.0 as f64 * libm::exp2(log)) as u64);
        let shorter = logs.partition_point(|log| length(*log) <= elapsed);
        let longer = &logs[shorter..];
        match fall_on(longer, lot) {
            Some(log) => length(*log),
            // Nobody took so long: up to as long again.
            None => Span(elapsed.0.saturating_add((elapsed.0 as f64 * lot) as u64).saturating_add(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(published: u64, stated: Option<u64>) -> Work {
        let stated = stated.map(Span::from_secs);
        Work { device: DeviceId(0), published: Span::from_secs(published), stated }
    }

    #[test]
    fn the_measure_goes_by_which_attempts_differ_least() {
        let mut seen = Seen::default();
        // By what is published anything may come, but everybody states twice what it takes.
        for (number, took) in [3, 50, 7, 900, 20, 4, 31, 400].into_iter().enumerate() {
            seen.ended(&work(10 + number as u64 % 2, Some(2 * took)), Span::from_secs(took));
        }
        let known = seen.known();
        for lot in [0.0, 0.5, 0.99] {
            let drawn = known.draw(&work(10, Some(60)), Span::ZERO, lot).as_secs_f64();
            assert!((drawn - 30.0).abs() < 1e-6, "{drawn}");
        }
        // Who states nothing is like the others.
        let drawn = |lot| known.draw(&work(10, None), Span::ZERO, lot).as_secs_f64();
        assert!(drawn(0.0) < 4.0 && drawn(0.99) > 300.0);
    }

    #[test]
    fn who_runs_already_takes_longer_than_that() {
        let mut seen = Seen::default();
        for took in 1..=10 {
            seen.ended(&work(10, None), Span::from_secs(took));
        }
        let known = seen.known();
        for lot in [0.0, 0.3, 0.999] {
            for elapsed in [0, 1, 9, 10, 1000] {
                let elapsed = Span::from_secs(elapsed);
                let drawn = known.draw(&work(10, None), elapsed, lot);
                assert!(drawn > elapsed, "{drawn} after {elapsed}");
            }
        }
        assert_eq!(known.draw(&work(10, None), Span::from_secs(8), 0.9).as_secs_f64().round(), 10.0);
    }

    #[test]
    fn nothing_seen_is_as_published_give_or_take_a_factor_of_two() {
        let known = Seen::default().known();
        let drawn = |lot| known.draw(&work(40, None), Span::ZERO, lot).as_secs_f64();
        assert_eq!([drawn(0.0), drawn(0.5), drawn(0.99)], [20.0, 40.0, 80.0]);
    }
}
