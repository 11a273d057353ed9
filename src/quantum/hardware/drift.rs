//! How a device's true errors and coherence times move between calibrations.
//!
//! Promises a truth that is a function of (seed, device, element, grid step) alone: whatever a strategy does, and
//! however often anybody looks, the same values come. Leaves to the driver when to calibrate, and to
//! [`super::failures`] what switches a whole device off.

use std::sync::Arc;

use rand::Rng;

use super::draws::{exponential, standard_normal};
use crate::quantum::calibration::{Calibration, DEAD_ERROR};
use crate::quantum::{CouplerId, DeviceId, PhysicalQubit};
use crate::random::StreamFamily;
use crate::time::{Span, Time};

mod law;

use law::Law;
pub use law::{DriftConfig, DriftError, KindConfig};

const DAY_S: f64 = 86_400.0;

/// Drift alone brings no element to [`DEAD_ERROR`]: elements die by a process of their own.
const WORST_LIVE_ERROR: f64 = 0.499;

/// Shortest coherence time that drift leaves, seconds.
const SHORTEST_COHERENCE_S: f64 = 1e-9;

/// Key spaces of one element's draws next to its grid steps, which stay far below.
const INITIAL_DRAWS: u64 = 1 << 62;
const EVENT_DRAWS: u64 = 1 << 63;

/// Most deaths and revivals of a coupler per day.
const CHANGES_PER_DAY_MAX: f64 = 86_400.0;

/// What can drift: the element and which of its figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Element {
    /// Two-qubit gate error of a coupler.
    TwoQubitError(CouplerId),
    /// One-qubit gate error of a qubit.
    OneQubitError(PhysicalQubit),
    /// Readout error of a qubit.
    ReadoutError(PhysicalQubit),
    /// Relaxation time of a qubit.
    T1(PhysicalQubit),
    /// Dephasing time of a qubit.
    T2(PhysicalQubit),
}

impl Element {
    /// Kind (part of the key of its draws: never renumber) and index.
    fn parts(self) -> (usize, u32) {
        match self {
            Self::TwoQubitError(coupler) => (0, coupler.0),
            Self::OneQubitError(qubit) => (1, qubit.0),
            Self::ReadoutError(qubit) => (2, qubit.0),
            Self::T1(qubit) => (3, qubit.0),
            Self::T2(qubit) => (4, qubit.0),
        }
    }
}

/// Key of the life and death of couplers, next to the five kinds of [`Element`].
const COUPLER_LIFE: usize = 5;

/// One element's deviation and the next jump to come.
#[derive(Debug, Clone, Copy)]
struct State {
    deviation: f64,
    /// Deviation at the start, where the truth is the base.
    start: f64,
    /// Days since the epoch; infinite without jumps.
    next_jump: f64,
    jumps: u32,
}

/// A coupler's life: dead or alive until `next_change` (days since the epoch).
#[derive(Debug, Clone, Copy)]
struct Life {
    dead: bool,
    next_change: f64,
    changes: u32,
}

/// An offset that a re-tune added to one element; fades as every deviation does.
#[derive(Debug, Clone, Copy)]
struct Retune {
    kind: usize,
    index: u32,
    log_offset: f64,
    step: u64,
}

/// The true values of one device on the grid.
///
/// Each logarithm is a stationary Ornstein-Uhlenbeck process driven by Gaussian noise and by Poisson jumps for the
/// worse, which stand for two-level systems that come into resonance with one qubit: jumps of different elements are
/// independent. The truth at step 0 is the base calibration: an element's mean level is the base less a deviation
/// drawn from the stationary law, so that a good or bad day of the base is not taken for the element's nature.
/// (Medians stay; as for any variable whose logarithm spreads, means rise, for two-qubit errors by about 9 %.)
///
/// Nothing is computed before the first step is asked for, so that a large fleet costs what is looked at.
#[derive(Debug, Clone)]
pub struct DriftModel {
    laws: [Law; 5],
    streams: StreamFamily,
    device: DeviceId,
    base: Arc<Calibration>,
    enabled: bool,
    scale: f64,
    measurement_noise: f64,
    /// Deaths per day of a living coupler, revivals per day of a dead one.
    life_rates: [f64; 2],
    step_ns: u64,
    step_days: f64,
    step: u64,
    /// Per kind, per element; empty until the first step.
    states: [Vec<State>; 5],
    lives: Vec<Life>,
    retunes: Vec<Retune>,
    /// Error of a coupler that was dead at the start and came back; `None` when no coupler ever lived.
    revived: Option<(f64, f64)>,
    truth: Calibration,
    fresh: bool,
}

impl DriftModel {
    /// The model of one device; `streams` are those of [`crate::random::Purpose::Drift`].
    pub fn new(
        config: &DriftConfig,
        streams: StreamFamily,
        device: DeviceId,
        base: Arc<Calibration>,
    ) -> Result<Self, DriftError> {
        if config.step == Span::ZERO {
            return Err(DriftError::ZeroStep);
        }
        for (key, value) in [
            ("scale", config.scale),
            ("coupler_death_per_day", config.coupler_death_per_day),
            ("coupler_revival_per_day", config.coupler_revival_per_day),
            ("measurement_noise", config.measurement_noise),
        ] {
            if !value.is_finite() || value < 0.0 {
                return Err(DriftError::OutOfRange(key, value, "at or above 0"));
            }
            // Beyond a change per second the steps of the calendar are smaller than a double can tell apart.
            if key.ends_with("_per_day") && value > CHANGES_PER_DAY_MAX {
                return Err(DriftError::OutOfRange(key, value, "at or below 86400, one per second"));
            }
        }
        let step_days = config.step.as_secs_f64() / DAY_S;
        let kinds =
            [&config.two_qubit_error, &config.one_qubit_error, &config.readout_error, &config.t1, &config.t2];
        let law = |kind: usize| Law::new(kind, kinds[kind], step_days);
        Ok(Self {
            laws: [law(0)?, law(1)?, law(2)?, law(3)?, law(4)?],
            streams,
            device,
            enabled: config.enabled,
            scale: config.scale,
            measurement_noise: config.measurement_noise,
            life_rates: [config.coupler_death_per_day, config.coupler_revival_per_day],
            step_ns: config.step.0,
            step_days,
            step: 0,
            states: Default::default(),
            lives: Vec::new(),
            retunes: Vec::new(),
            revived: median_coupler(&base),
            truth: Calibration::clone(&base),
            fresh: true,
            base,
        })
    }

    /// The grid step that holds at `now`.
    pub fn step_at(&self, now: Time) -> u64 {
        now.0 / self.step_ns
    }

    /// The current grid step.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Moves on to `step`; a step that has passed already changes nothing. Constant time per step and element.
    pub fn advance_to(&mut self, step: u64) {
        if step <= self.step {
            return;
        }
        if self.enabled {
            if self.states.iter().all(Vec::is_empty) {
                self.start();
            }
            for kind in 0..5 {
                if self.laws[kind].moves() {
                    self.advance_kind(kind, step);
                }
            }
            self.advance_lives(step);
            self.fresh = false;
        }
        self.step = step;
    }

    /// The truth at `step`, or at the current step if that is later.
    pub fn true_at(&mut self, step: u64) -> &Calibration {
        self.advance_to(step);
        if !self.fresh {
            self.refresh();
            self.fresh = true;
        }
        &self.truth
    }

    /// What calibration number `number` reads at the current step: the truth, with the configured measurement noise.
    /// Moves nothing. `streams` are those of [`crate::random::Purpose::Calibration`].
    pub fn measure(&mut self, number: u64, streams: &StreamFamily) -> Calibration {
        let noise = self.measurement_noise;
        let device = self.device;
        let mut read = self.true_at(0).clone();
        if noise == 0.0 {
            return read;
        }
        for_each_value(&mut read, |kind, index, value| {
            *value *=
                libm::exp(noise * standard_normal(streams.draw(entity(device, kind, index as u32), number)));
        });
        clamp(&mut read);
        read
    }

    /// A re-tune: adds `log_offset` to the logarithm of one figure from now on, fading like any deviation.
    /// Negative makes errors smaller and times shorter. Elements that do not exist are ignored.
    pub fn retune(&mut self, element: Element, log_offset: f64) {
        let (kind, index) = element.parts();
        let count = if kind == 0 { self.base.couplers.len() } else { self.base.qubits.len() };
        if (index as usize) < count && log_offset.is_finite() {
            self.retunes.push(Retune { kind, index, log_offset, step: self.step });
            self.fresh = false;
        }
    }

    /// A sudden shift of the whole device: all its errors `factor` times as large (above 0), fading as a re-tune does.
    pub fn shift_errors(&mut self, factor: f64) {
        let offset = libm::log(factor);
        for coupler in 0..self.base.couplers.len() as u32 {
            self.retune(Element::TwoQubitError(CouplerId(coupler)), offset);
        }
        for qubit in (0..self.base.qubits.len() as u32).map(PhysicalQubit) {
            self.retune(Element::OneQubitError(qubit), offset);
            self.retune(Element::ReadoutError(qubit), offset);
        }
    }

    /// Draws the stationary deviations at step 0.
    fn start(&mut self) {
        for kind in 0..5 {
            let law = self.laws[kind];
            let count = if kind == 0 { self.base.couplers.len() } else { self.base.qubits.len() };
            self.states[kind] = (0..count as u32)
                .map(|index| {
                    let entity = entity(self.device, kind, index);
                    let mut stream = self.streams.stream(entity, INITIAL_DRAWS);
                    let mut deviation = law.gaussian_sd * standard_normal(stream.next_u64());
                    if law.jumps_per_day > 0.0 {
                        // Past jumps have faded by e^-12 where the sum is cut.
                        let mut age = exponential(stream.next_u64()) / law.jumps_per_day;
                        while age < 12.0 / law.return_rate {
                            deviation += law.jump * libm::exp(-law.return_rate * age);
                            age += exponential(stream.next_u64()) / law.jumps_per_day;
                        }
                    }
                    let next_jump = self.gap(entity, 0, law.jumps_per_day);
                    State { deviation, start: deviation, next_jump, jumps: 0 }
                })
                .collect();
        }
        self.lives = (0..self.base.couplers.len())
            .map(|index| {
                let dead = self.base.couplers[index].dead;
                let next_change = self.life(index, dead, 0);
                Life { dead, next_change, changes: 0 }
            })
            .collect();
    }

    /// Days until event number `number` of an entity, from the event before.
    fn gap(&self, entity: u64, number: u32, per_day: f64) -> f64 {
        if per_day > 0.0 {
            exponential(self.streams.draw(entity, EVENT_DRAWS | u64::from(number))) / per_day
        } else {
            f64::INFINITY
        }
    }

    fn life(&self, index: usize, dead: bool, number: u32) -> f64 {
        if dead && self.revived.is_none() {
            return f64::INFINITY;
        }
        self.gap(entity(self.device, COUPLER_LIFE, index as u32), number, self.life_rates[usize::from(dead)])
    }

    fn advance_kind(&mut self, kind: usize, step: u64) {
        let law = self.laws[kind];
        let mut states = std::mem::take(&mut self.states[kind]);
        for (index, state) in states.iter_mut().enumerate() {
            let entity = entity(self.device, kind, index as u32);
            for step in self.step + 1..=step {
                state.deviation = law.keep * state.deviation
                    + law.innovation * standard_normal(self.streams.draw(entity, step));
                let now = step as f64 * self.step_days;
                while state.next_jump <= now {
                    state.deviation += law.jump * libm::exp(-law.return_rate * (now - state.next_jump));
                    state.jumps += 1;
                    state.next_jump += self.gap(entity, state.jumps, law.jumps_per_day);
                }
            }
        }
        self.states[kind] = states;
    }

    fn advance_lives(&mut self, step: u64) {
        let now = step as f64 * self.step_days;
        for index in 0..self.lives.len() {
            while self.lives[index].next_change <= now {
                let Life { dead, next_change, changes } = self.lives[index];
                let gap = self.life(index, !dead, changes + 1);
                self.lives[index] =
                    Life { dead: !dead, next_change: next_change + gap, changes: changes + 1 };
            }
        }
    }

    /// Computes the truth from the deviations.
    fn refresh(&mut self) {
        self.truth.clone_from(&self.base);
        for (index, life) in self.lives.iter().enumerate() {
            let coupler = &mut self.truth.couplers[index];
            if life.dead {
                (coupler.two_qubit_error, coupler.dead) = (1.0, true);
            } else if coupler.dead
                && let Some((error, duration_s)) = self.revived
            {
                coupler.dead = false;
                coupler.two_qubit_error = error;
                if coupler.two_qubit_duration_s <= 0.0 {
                    coupler.two_qubit_duration_s = duration_s;
                }
            }
        }
        let mut truth =
            std::mem::replace(&mut self.truth, Calibration { qubits: Vec::new(), couplers: Vec::new() });
        for_each_value(&mut truth, |kind, index, value| {
            if let Some(state) = self.states[kind].get(index) {
                *value *= factor(self.scale * (state.deviation - state.start));
            }
        });
        self.retunes.retain(|retune| {
            let keep = libm::pow(self.laws[retune.kind].keep, (self.step - retune.step) as f64);
            if let Some(value) = value_of(&mut truth, retune.kind, retune.index as usize) {
                *value *= factor(retune.log_offset * keep);
            }
            keep > 1e-12
        });
        clamp(&mut truth);
        self.truth = truth;
    }
}

/// The key of one element's draws.
fn entity(device: DeviceId, kind: usize, index: u32) -> u64 {
    u64::from(device.0) << 32 | (kind as u64) << 28 | u64::from(index)
}

/// `e^exponent`, kept where a product with zero or infinity is still a number.
fn factor(exponent: f64) -> f64 {
    libm::exp(exponent.clamp(-200.0, 200.0))
}

/// Visits every figure of living elements with its kind and index.
fn for_each_value(calibration: &mut Calibration, mut visit: impl FnMut(usize, usize, &mut f64)) {
    for (index, coupler) in calibration.couplers.iter_mut().enumerate() {
        if !coupler.dead {
            visit(0, index, &mut coupler.two_qubit_error);
        }
    }
    for (index, qubit) in calibration.qubits.iter_mut().enumerate() {
        if !qubit.dead {
            visit(1, index, &mut qubit.one_qubit_error);
            visit(2, index, &mut qubit.readout_error);
            visit(3, index, &mut qubit.t1_s);
            visit(4, index, &mut qubit.t2_s);
        }
    }
}

fn value_of(calibration: &mut Calibration, kind: usize, index: usize) -> Option<&mut f64> {
    if kind == 0 {
        return calibration
            .couplers
            .get_mut(index)
            .filter(|coupler| !coupler.dead)
            .map(|c| &mut c.two_qubit_error);
    }
    let qubit = calibration.qubits.get_mut(index).filter(|qubit| !qubit.dead)?;
    Some(match kind {
        1 => &mut qubit.one_qubit_error,
        2 => &mut qubit.readout_error,
        3 => &mut qubit.t1_s,
        _ => &mut qubit.t2_s,
    })
}

/// Brings living elements back into range.
fn clamp(calibration: &mut Calibration) {
    const { assert!(WORST_LIVE_ERROR < DEAD_ERROR) };
    for coupler in calibration.couplers.iter_mut().filter(|coupler| !coupler.dead) {
        coupler.two_qubit_error = coupler.two_qubit_error.min(WORST_LIVE_ERROR);
    }
    for qubit in calibration.qubits.iter_mut().filter(|qubit| !qubit.dead) {
        qubit.one_qubit_error = qubit.one_qubit_error.min(WORST_LIVE_ERROR);
        qubit.readout_error = qubit.readout_error.min(WORST_LIVE_ERROR);
        qubit.t1_s = qubit.t1_s.max(SHORTEST_COHERENCE_S);
        qubit.t2_s = qubit.t2_s.clamp(SHORTEST_COHERENCE_S, 2.0 * qubit.t1_s);
    }
}

/// Median error and duration of the living couplers.
fn median_coupler(calibration: &Calibration) -> Option<(f64, f64)> {
    let living = || calibration.couplers.iter().filter(|coupler| !coupler.dead);
    let median = |mut values: Vec<f64>| {
        values.sort_unstable_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    };
    let error = median(living().map(|coupler| coupler.two_qubit_error).collect())?;
    Some((error, median(living().map(|coupler| coupler.two_qubit_duration_s).collect())?))
}

#[cfg(test)]
mod tests;
