//! A quantity over time: the fleet on top, every device in a small panel of the same scale below.
//!
//! Promises that a dozen devices stay readable and that any number of samples is drawn as at most one mean and one
//! range per three pixels. Leaves sampling to its callers.

use plotters::prelude::{Color, DrawingBackend, RGBColor};

use super::Series;
use super::axes::{
    Frame, Scale, TICK_SIZE, Tick, fitted, heading, linear_ticks, round_up, share_ticks, time_ticks, y_name,
};
use super::canvas::{Anchor, Canvas, Drawing, Lettering, Pen};
use super::palette::{BLUE, INK, RED, SOFT};
use super::raster::text_width;
use crate::report::table::{number, percent};

/// Panels below the fleet; more devices than this are left out, those with the highest mean shown.
const MAX_PANELS: usize = 12;

/// What the vertical axis counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// A share from 0 to 1, shown from 0 to 100 %.
    Share,
    /// Things, from 0 up to the largest.
    Count,
}

/// A quantity over time, per device and for the fleet.
#[derive(Debug, Clone, PartialEq)]
pub struct TimelinePlot {
    /// What it is: `Qubit utilization`.
    pub title: String,
    /// Scenario, strategy, seed; one line.
    pub subtitle: String,
    /// Name of the vertical axis with its unit: `utilization (share of qubits)`.
    pub axis: String,
    /// Kind of the values.
    pub quantity: Quantity,
    /// End of the time axis in seconds.
    pub until_s: f64,
    /// Beginning of the measured interval in seconds: means are over what follows.
    pub measured_from_s: f64,
    /// The whole fleet; `None` when the quantity has no fleet value.
    pub fleet: Option<Measured>,
    /// One series per device; may be empty.
    pub devices: Vec<Measured>,
}

/// A series, and its mean as the summary has it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Measured {
    /// What is drawn.
    pub series: Series,
    /// The mean over the measured interval; `None`: that of the samples in it.
    pub mean: Option<f64>,
}

impl Drawing for TimelinePlot {
    fn size(&self) -> (u32, u32) {
        (1600, 900)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &mut Canvas<'_, DB>) {
        heading(canvas, &self.title, &self.subtitle);
        let (width, height) = canvas.size();
        let shown = self.shown();
        let x = Scale::linear(0.0, self.until_s);
        let (left, right, bottom) = (130.0, width - 40.0, height - 80.0);
        let mut top = 138.0;
        if let Some(fleet) = &self.fleet {
            let end = if shown.is_empty() { bottom } else { 358.0 };
            let y = self.y_scale([&fleet.series]);
            let frame = Frame { left, top, right, bottom: end, x, y };
            let (ticks, unit) = time_ticks(0.0, self.until_s, 12);
            let marks = self.y_ticks(y, 5);
            frame.draw(canvas, &ticks, &marks);
            frame.x_labels(canvas, &ticks);
            frame.y_labels(canvas, &marks);
            for piece in pieces(&fleet.series) {
                let reduced = Reduced::new(&piece, &frame, fleet.series.points.len());
                reduced.draw_area(canvas, &frame, BLUE);
                reduced.draw(canvas, BLUE, 2.2);
            }
            self.caption(canvas, &frame, fleet, BLUE);
            if let Some(why) = too_few(&fleet.series) {
                let middle = ((left + right) / 2.0, (top + end) / 2.0);
                canvas.text(why, middle, Lettering::new(SOFT, 22.0, Anchor::Middle));
            }
            if shown.is_empty() {
                frame.x_name(canvas, &format!("simulated time ({unit})"));
                y_name(canvas, &self.axis, (42.0, (top + end) / 2.0));
            }
            top = 436.0;
        }
        if shown.is_empty() {
            return;
        }
        y_name(canvas, &self.axis, (42.0, (138.0 + bottom) / 2.0));
        let columns = match shown.len() {
            1 => 1,
            2 | 4 => 2,
            3 | 5 | 6 | 9 => 3,
            _ => 4,
        };
        let rows = shown.len().div_ceil(columns);
        let (gap_x, gap_y) = (32.0, 40.0);
        let panel_width = (right - left - gap_x * (columns - 1) as f64) / columns as f64;
        let panel_height = (bottom - top - gap_y * (rows - 1) as f64) / rows as f64;
        let (ticks, unit) = time_ticks(0.0, self.until_s, (panel_width / 75.0) as usize);
        let y = self.y_scale(shown.iter().map(|device| &device.series));
        let marks = self.y_ticks(y, if panel_height > 150.0 { 5 } else { 2 });
        for (index, device) in shown.iter().enumerate() {
            let (column, row) = ((index % columns) as f64, (index / columns) as f64);
            let (panel_left, panel_top) =
                (left + column * (panel_width + gap_x), top + row * (panel_height + gap_y));
            let frame = Frame {
                left: panel_left,
                top: panel_top,
                right: panel_left + panel_width,
                bottom: panel_top + panel_height,
                x,
                y,
            };
            frame.draw(canvas, &ticks, &marks);
            if index % columns == 0 {
                frame.y_labels(canvas, &marks);
            }
            if index + columns >= shown.len() {
                frame.x_labels(canvas, &ticks);
            }
            for piece in pieces(&device.series) {
                Reduced::new(&piece, &frame, device.series.points.len()).draw(canvas, RED, 2.0);
            }
            self.caption(canvas, &frame, device, RED);
        }
        let whole = Frame { left, top, right, bottom, x, y };
        whole.x_name(canvas, &format!("simulated time ({unit})"));
        self.notes(canvas, right, height - 28.0);
    }
}

impl TimelinePlot {
    /// The devices that get a panel, in the order given.
    fn shown(&self) -> Vec<&Measured> {
        let mut order: Vec<(usize, &Measured)> = self.devices.iter().enumerate().collect();
        if order.len() > MAX_PANELS {
            order.sort_by(|a, b| {
                let mean = |device: &Measured| self.mean_of(device).unwrap_or(f64::NEG_INFINITY);
                mean(b.1).total_cmp(&mean(a.1)).then(a.0.cmp(&b.0))
            });
            order.truncate(MAX_PANELS);
            order.sort_by_key(|&(index, _)| index);
        }
        order.into_iter().map(|(_, device)| device).collect()
    }

    /// The mean over the measured interval.
    fn mean_of(&self, shown: &Measured) -> Option<f64> {
        shown.mean.or_else(|| mean_of(&shown.series, self.measured_from_s))
    }

    /// Devices share one scale; the fleet has its own where it is the sum of them.
    fn y_scale<'a>(&self, series: impl IntoIterator<Item = &'a Series>) -> Scale {
        match self.quantity {
            Quantity::Share => Scale::linear(0.0, 1.0),
            Quantity::Count => {
                let values = series.into_iter().flat_map(|series| series.points.iter().map(|&(_, y)| y));
                Scale::linear(0.0, round_up(values.filter(|y| y.is_finite()).fold(0.0, f64::max)))
            }
        }
    }

    fn y_ticks(&self, scale: Scale, count: usize) -> Vec<Tick> {
        match self.quantity {
            Quantity::Share => share_ticks(0.0, 1.0, count),
            Quantity::Count => linear_ticks(0.0, scale.value(1.0), count.max(3), true),
        }
    }

    /// Name on the left and mean on the right, above the panel.
    fn caption<DB: DrawingBackend>(
        &self,
        canvas: &mut Canvas<'_, DB>,
        frame: &Frame,
        shown: &Measured,
        color: RGBColor,
    ) {
        // In the words of the summary, beside which it stands.
        let value = match (self.mean_of(shown), self.quantity) {
            (None, _) => "no samples".to_owned(),
            (mean, Quantity::Share) => format!("mean {}", percent(mean)),
            (mean, Quantity::Count) => format!("mean {}", number(mean)),
        };
        let y = frame.top - 14.0;
        let room = frame.width() - text_width(&value, TICK_SIZE) - 34.0;
        canvas.rectangle((frame.left, y - 6.0), (frame.left + 12.0, y + 6.0), color.to_rgba());
        let name = fitted(&shown.series.name, TICK_SIZE, room);
        canvas.text(&name, (frame.left + 19.0, y), Lettering::new(INK, TICK_SIZE, Anchor::Start));
        canvas.text(&value, (frame.right, y), Lettering::new(SOFT, TICK_SIZE, Anchor::End));
    }

    /// What line and band mean (right), and how many devices are missing (left).
    fn notes<DB: DrawingBackend>(&self, canvas: &mut Canvas<'_, DB>, right: f64, y: f64) {
        let size = TICK_SIZE - 2.0;
        let means = if self.measured_from_s > 0.0 { "means: without the warm-up; " } else { "" };
        let meaning = format!("{means}line: mean, band: lowest to highest");
        canvas.text(&meaning, (right, y), Lettering::new(SOFT, size, Anchor::End));
        if self.devices.len() > MAX_PANELS {
            let text =
                format!("{MAX_PANELS} of {} devices, those with the highest means", self.devices.len());
            canvas.text(&text, (40.0, y), Lettering::new(SOFT, size, Anchor::Start));
        }
    }
}

/// Why there is no line to see, if there is none.
fn too_few(series: &Series) -> Option<&'static str> {
    match series.points.iter().filter(|(x, y)| x.is_finite() && y.is_finite()).count() {
        0 => Some("no sample: the run was over before the first was due"),
        1 => Some("one sample, which makes no line"),
        _ => None,
    }
}

/// The time-weighted mean of the samples from `from` on, each holding until the next; `None` without samples. Gaps do not
/// count.
fn mean_of(series: &Series, from: f64) -> Option<f64> {
    let mut points = series.points.iter().filter(|(x, _)| x.is_finite() && *x >= from);
    let mut last = *points.next()?;
    let (mut area, mut span) = (0.0, 0.0);
    for &point in points {
        if last.1.is_finite() {
            area += last.1 * (point.0 - last.0);
            span += point.0 - last.0;
        }
        last = point;
    }
    if span > 0.0 { Some(area / span) } else { Some(last.1).filter(|y| y.is_finite()) }
}

/// The pieces of a series between its gaps: samples that are no numbers.
fn pieces(series: &Series) -> impl Iterator<Item = Series> {
    let finite = |&(x, y): &(f64, f64)| x.is_finite() && y.is_finite();
    let pieces = series.points.split(move |point| !finite(point)).filter(|piece| !piece.is_empty());
    pieces.map(|piece| Series { name: series.name.clone(), points: piece.to_vec() })
}

/// At most one mean and range per three pixels.
struct Reduced {
    line: Vec<(f64, f64)>,
    /// (x, lowest, highest); empty when the samples are drawn as they are.
    band: Vec<(f64, f64, f64)>,
}

impl Reduced {
    /// `samples` is the number of samples of the whole series, of which this may be a piece between gaps.
    fn new(series: &Series, frame: &Frame, samples: usize) -> Self {
        let points = series.points.iter().filter(|(x, y)| x.is_finite() && y.is_finite());
        let bins = (frame.width() / 3.0) as usize;
        if samples <= bins {
            return Self { line: points.map(|&point| frame.at(point)).collect(), band: Vec::new() };
        }
        let mut reduced = Self { line: Vec::with_capacity(bins), band: Vec::with_capacity(bins) };
        let mut current: Option<(usize, usize, f64, f64, f64)> = None;
        let mut close = |(bin, count, sum, low, high): (usize, usize, f64, f64, f64)| {
            let x = frame.left + (bin as f64 + 0.5) / bins as f64 * frame.width();
            reduced.line.push((x, frame.y_at(sum / count as f64)));
            reduced.band.push((x, frame.y_at(low), frame.y_at(high)));
        };
        for &(x, y) in points {
            let bin = ((frame.x.position(x) * bins as f64) as usize).min(bins - 1);
            current = Some(match current {
                Some((open, count, sum, low, high)) if open == bin => {
                    (bin, count + 1, sum + y, low.min(y), high.max(y))
                }
                other => {
                    if let Some(done) = other {
                        close(done);
                    }
                    (bin, 1, y, y, y)
                }
            });
        }
        if let Some(done) = current {
            close(done);
        }
        reduced
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &mut Canvas<'_, DB>, color: RGBColor, width: f64) {
        if self.band.len() > 1 {
            let above = self.band.iter().map(|&(x, _, high)| (x, high));
            let below = self.band.iter().rev().map(|&(x, low, _)| (x, low));
            let outline: Vec<_> = above.chain(below).collect();
            canvas.polygon(&outline, color.mix(0.28));
        }
        canvas.line(&self.line, Pen::solid(color, width));
    }

    /// A light area below the line.
    fn draw_area<DB: DrawingBackend>(&self, canvas: &mut Canvas<'_, DB>, frame: &Frame, color: RGBColor) {
        if let (Some(first), Some(last)) = (self.line.first(), self.line.last()) {
            let mut outline = self.line.clone();
            outline.extend([(last.0, frame.bottom), (first.0, frame.bottom)]);
            canvas.polygon(&outline, color.mix(0.10));
        }
    }
}
