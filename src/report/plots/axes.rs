//! Scales, ticks and frames: from values to positions, and the labels that people read time and shares by.
//!
//! Promises round ticks, a unit on every axis and labels that do not touch. Leaves the data to the plots.

use plotters::prelude::DrawingBackend;

use super::canvas::{Anchor, Canvas, Lettering, Pen};
use super::palette::{FRAME, GRID, INK, SOFT};
use super::raster::text_width;

/// Pixels per em of labels at ticks.
pub(super) const TICK_SIZE: f64 = 18.0;
/// Pixels per em of names of axes and legends.
pub(super) const LABEL_SIZE: f64 = 19.0;

/// Where a value lies between two ends, 0 to 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    logarithmic: bool,
}

impl Scale {
    pub fn linear(low: f64, high: f64) -> Self {
        let high = if high > low { high } else { low + 1.0 };
        Self { low, high, logarithmic: false }
    }

    /// Both ends must be positive.
    pub fn logarithmic(low: f64, high: f64) -> Self {
        Self { logarithmic: true, ..Self::linear(libm::log10(low), libm::log10(high)) }
    }

    /// The position of a value, clamped to the ends.
    pub fn position(&self, value: f64) -> f64 {
        let value = if self.logarithmic { libm::log10(value.max(1e-300)) } else { value };
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    /// Whether a value lies between the ends.
    pub fn contains(&self, value: f64) -> bool {
        let value = if self.logarithmic { libm::log10(value.max(1e-300)) } else { value };
        self.low <= value && value <= self.high
    }

    /// The value at a position.
    pub fn value(&self, position: f64) -> f64 {
        let value = self.low + position * (self.high - self.low);
        if self.logarithmic { libm::pow(10.0, value) } else { value }
    }
}

/// A labelled position on an axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tick {
    pub value: f64,
    pub label: String,
}

/// A rectangle with a scale on each side.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
    pub x: Scale,
    pub y: Scale,
}

impl Frame {
    pub fn x_at(&self, value: f64) -> f64 {
        self.left + self.x.position(value) * self.width()
    }

    pub fn y_at(&self, value: f64) -> f64 {
        self.bottom - self.y.position(value) * self.height()
    }

    pub fn at(&self, (x, y): (f64, f64)) -> (f64, f64) {
        (self.x_at(x), self.y_at(y))
    }

    pub fn width(&self) -> f64 {
        self.right - self.left
    }

    pub fn height(&self) -> f64 {
        self.bottom - self.top
    }

    /// Grid lines at all ticks and the two axes.
    pub fn draw<DB: DrawingBackend>(&self, canvas: &mut Canvas<'_, DB>, x: &[Tick], y: &[Tick]) {
        for tick in y {
            let at = self.y_at(tick.value).round() + 0.5;
            canvas.line(&[(self.left, at), (self.right, at)], Pen::solid(GRID, 1.0));
        }
        for tick in x {
            let at = self.x_at(tick.value).round() + 0.5;
            canvas.line(&[(at, self.top), (at, self.bottom)], Pen::solid(GRID, 1.0));
            canvas.line(&[(at, self.bottom), (at, self.bottom + 5.0)], Pen::solid(FRAME, 1.0));
        }
        let (left, bottom) = (self.left.round() + 0.5, self.bottom.round() + 0.5);
        canvas.line(&[(left, self.top), (left, bottom)], Pen::solid(FRAME, 1.0));
        canvas.line(&[(left, bottom), (self.right, bottom)], Pen::solid(FRAME, 1.0));
    }

    /// Labels below the ticks, leaving out those that would touch their neighbour.
    pub fn x_labels<DB: DrawingBackend>(&self, canvas: &mut Canvas<'_, DB>, ticks: &[Tick]) {
        let style = Lettering::new(SOFT, TICK_SIZE, Anchor::Middle);
        let mut free_from = f64::NEG_INFINITY;
        for tick in ticks {
            let at = self.x_at(tick.value);
            let half = text_width(&tick.label, TICK_SIZE) / 2.0;
            if at - half >= free_from {
                canvas.text(&tick.label, (at, self.bottom + 21.0), style);
                free_from = at + half + 8.0;
            }
        }
    }

    /// Labels left of the ticks.
    pub fn y_labels<DB: DrawingBackend>(&self, canvas: &mut Canvas<'_, DB>, ticks: &[Tick]) {
        let style = Lettering::new(SOFT, TICK_SIZE, Anchor::End);
        for tick in ticks {
            canvas.text(&tick.label, (self.left - 9.0, self.y_at(tick.value)), style);
        }
    }

    /// The name of the horizontal axis, below its labels.
    pub fn x_name<DB: DrawingBackend>(&self, canvas: &mut Canvas<'_, DB>, name: &str) {
        let middle = (self.left + self.right) / 2.0;
        let style = Lettering::new(INK, LABEL_SIZE, Anchor::Middle);
        canvas.text(name, (middle, self.bottom + 52.0), style);
    }
}

/// The name of a vertical axis, running upwards around (x, y).
pub(super) fn y_name<DB: DrawingBackend>(canvas: &mut Canvas<'_, DB>, name: &str, at: (f64, f64)) {
    let mut style = Lettering::new(INK, LABEL_SIZE, Anchor::Middle);
    style.upwards = true;
    canvas.text(name, at, style);
}

/// Title and subtitle, top left.
pub(super) fn heading<DB: DrawingBackend>(canvas: &mut Canvas<'_, DB>, title: &str, subtitle: &str) {
    let room = canvas.size().0 - 80.0;
    let style = Lettering::new(INK, 30.0, Anchor::Start);
    canvas.text(&fitted(title, 30.0, room), (40.0, 42.0), style);
    let style = Lettering::new(SOFT, LABEL_SIZE, Anchor::Start);
    canvas.text(&fitted(subtitle, LABEL_SIZE, room), (40.0, 80.0), style);
}

/// The text, or as much of its beginning as fits into `room` pixels.
pub(super) fn fitted(text: &str, size: f64, room: f64) -> String {
    if text_width(text, size) <= room {
        return text.to_owned();
    }
    let mut short: Vec<char> = text.chars().collect();
    while short.pop().is_some() {
        let shown = format!("{}…", short.iter().collect::<String>().trim_end());
        if text_width(&shown, size) <= room {
            return shown;
        }
    }
    String::new()
}

/// The smallest of 1, 2, 5 times a power of ten that is at least `step`.
fn round_step(step: f64) -> f64 {
    let power = libm::pow(10.0, libm::floor(libm::log10(step)));
    let factors = [1.0, 2.0, 5.0, 10.0];
    let factor = factors.into_iter().find(|factor| factor * power >= step * 0.999_999);
    factor.unwrap_or(10.0) * power
}

/// Round ticks over [low, high], about `count` of them; whole numbers only if asked for.
pub(super) fn linear_ticks(low: f64, high: f64, count: usize, whole: bool) -> Vec<Tick> {
    let mut step = round_step((high - low).max(1e-12) / count.max(1) as f64);
    if whole {
        step = step.max(1.0).round();
    }
    let decimals = (-libm::floor(libm::log10(step))).clamp(0.0, 9.0) as usize;
    stepped(low, high, step).map(|value| Tick { value, label: thousands(value, decimals) }).collect()
}

/// Ticks of shares (0 to 1) labelled in percent.
pub(super) fn share_ticks(low: f64, high: f64, count: usize) -> Vec<Tick> {
    let mut ticks = linear_ticks(low * 100.0, high * 100.0, count, false);
    for tick in &mut ticks {
        tick.value /= 100.0;
        tick.label.push_str(" %");
    }
    ticks
}

/// Ticks of a time axis in seconds, and the unit of their labels (`hours`).
pub(super) fn time_ticks(low: f64, high: f64, count: usize) -> (Vec<Tick>, &'static str) {
    const UNITS: [(f64, &str, f64, &[f64]); 4] = [
        (200.0, "seconds", 1.0, &[1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0]),
        (3.0 * 3600.0, "minutes", 60.0, &[1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0]),
        (3.0 * 86400.0, "hours", 3600.0, &[0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 12.0, 24.0]),
        (f64::INFINITY, "days", 86400.0, &[0.5, 1.0, 2.0, 4.0, 7.0, 14.0, 28.0]),
    ];
    let span = high - low;
    let (_, name, unit, steps) = UNITS.into_iter().find(|&(until, ..)| span < until).unwrap_or(UNITS[3]);
    let least = span / unit / count.max(1) as f64;
    let fitting = steps.iter().copied().find(|&step| step >= least * 0.999_999);
    let step = match fitting {
        Some(step) if least >= steps[0] / 2.0 => step,
        _ => round_step(least.max(1e-9)),
    };
    let decimals = if step == 0.5 { 1 } else { (-libm::floor(libm::log10(step))).clamp(0.0, 9.0) as usize };
    let ticks = stepped(low / unit, high / unit, step)
        .map(|value| Tick { value: value * unit, label: thousands(value, decimals) });
    (ticks.collect(), name)
}

/// Ticks of a logarithmic time axis in seconds, at the durations that people know.
pub(super) fn log_time_ticks(low: f64, high: f64) -> Vec<Tick> {
    const KNOWN: [(f64, &str); 17] = [
        (1e-6, "1 µs"),
        (1e-5, "10 µs"),
        (1e-4, "100 µs"),
        (1e-3, "1 ms"),
        (1e-2, "10 ms"),
        (0.1, "100 ms"),
        (1.0, "1 s"),
        (10.0, "10 s"),
        (60.0, "1 min"),
        (600.0, "10 min"),
        (3600.0, "1 h"),
        (6.0 * 3600.0, "6 h"),
        (86400.0, "1 d"),
        (7.0 * 86400.0, "7 d"),
        (30.0 * 86400.0, "30 d"),
        (365.0 * 86400.0, "1 year"),
        (3650.0 * 86400.0, "10 years"),
    ];
    let within = KNOWN.into_iter().filter(|&(value, _)| low * 0.999 <= value && value <= high * 1.001);
    within.map(|(value, label)| Tick { value, label: label.to_owned() }).collect()
}

/// The upper end of an axis that starts at 0: the next round number above `high`.
pub(super) fn round_up(high: f64) -> f64 {
    if high <= 0.0 || !high.is_finite() {
        return 1.0;
    }
    let step = round_step(high / 5.0);
    (high / step - 1e-9).ceil() * step
}

fn stepped(low: f64, high: f64, step: f64) -> impl Iterator<Item = f64> {
    let (first, last) = ((low / step - 1e-9).ceil() as i64, (high / step + 1e-9).floor() as i64);
    // A broken range must not fill the memory with ticks.
    (first..=last.min(first.saturating_add(1_000))).map(move |index| index as f64 * step)
}

/// A number with a comma between thousands.
pub(super) fn thousands(value: f64, decimals: usize) -> String {
    let plain = format!("{:.decimals$}", value.abs());
    let (whole, fraction) = plain.split_at(plain.find('.').unwrap_or(plain.len()));
    let mut text = String::new();
    if value < 0.0 && plain.bytes().any(|byte| matches!(byte, b'1'..=b'9')) {
        text.push('\u{2212}');
    }
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text + fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ticks: &[Tick]) -> String {
        ticks.iter().map(|tick| tick.label.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn ticks_are_round_and_carry_human_units() {
        let shown = [
            labels(&linear_ticks(0.0, 1.0, 5, false)),
            labels(&linear_ticks(0.0, 3.0, 10, true)),
            labels(&linear_ticks(-2_000.0, 12_000.0, 7, false)),
            labels(&share_ticks(0.0, 1.0, 4)),
            labels(&log_time_ticks(0.5, 90_000.0)),
        ];
        insta::assert_snapshot!(shown.join("\n"), @"
        0.0 0.2 0.4 0.6 0.8 1.0
        0 1 2 3
        −2,000 0 2,000 4,000 6,000 8,000 10,000 12,000
        0 % 50 % 100 %
        1 s 10 s 1 min 10 min 1 h 6 h 1 d
        ");
        let times = [60.0, 5_400.0, 86_400.0, 7.0 * 86_400.0, 90.0 * 86_400.0].map(|high| {
            let (ticks, unit) = time_ticks(0.0, high, 8);
            format!("{} {unit}", labels(&ticks))
        });
        insta::assert_snapshot!(times.join("\n"), @"
        0 10 20 30 40 50 60 seconds
        0 15 30 45 60 75 90 minutes
        0 3 6 9 12 15 18 21 24 hours
        0 1 2 3 4 5 6 7 days
        0 14 28 42 56 70 84 days
        ");
        assert_eq!((round_up(0.0), round_up(7.3), round_up(4_321.0)), (1.0, 8.0, 5_000.0));
    }

    #[test]
    fn scales_turn_back() {
        for scale in [Scale::linear(-3.0, 9.0), Scale::logarithmic(0.1, 1e5)] {
            let value = scale.value(scale.position(7.5));
            assert!((value - 7.5).abs() < 1e-9, "{value}");
        }
        assert_eq!(Scale::linear(2.0, 2.0).position(5.0), 1.0);
    }
}
