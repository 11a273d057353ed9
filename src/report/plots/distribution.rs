//! Cumulative distributions of times on a logarithmic axis: which share of the jobs waited at most how long.
//!
//! Promises a legend that carries median and 95th percentile, and dashes and markers beside the colours.
//! Leaves the choice of series (devices, classes, variants) to its callers.

use plotters::prelude::DrawingBackend;

use super::axes::{Frame, LABEL_SIZE, Scale, fitted, heading, log_time_ticks, share_ticks, y_name};
use super::canvas::{Anchor, Canvas, Drawing, Lettering, Pen};
use super::palette::{Dash, FRAME, INK, SOFT, SeriesStyle, style};
use crate::report::rank::nearest_rank;
use crate::report::table::duration;

/// Series in the legend; more would not be told apart.
const MAX_SERIES: usize = 14;

/// Times below this share of the largest are drawn at the left edge: five decades are what an eye can use.
const DECADES: f64 = 1e-5;

/// Cumulative distributions of one time, one curve per series.
#[derive(Debug, Clone, PartialEq)]
pub struct DistributionPlot {
    /// What it is: `Waiting time`.
    pub title: String,
    /// Scenario, strategy, seed; one line.
    pub subtitle: String,
    /// Name of the horizontal axis: `waiting time`; its labels carry their units.
    pub axis: String,
    /// Name and times in seconds, in any order; the first series is drawn strongest (the fleet, the baseline).
    pub series: Vec<(String, Vec<f64>)>,
    /// Median and 95th percentile of the first series as they stand elsewhere: large runs count times in classes, whose
    /// percentiles differ a little from those of the times.
    pub first: Option<[Option<f64>; 2]>,
}

impl Drawing for DistributionPlot {
    fn size(&self) -> (u32, u32) {
        (1600, 900)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &mut Canvas<'_, DB>) {
        heading(canvas, &self.title, &self.subtitle);
        let (width, height) = canvas.size();
        let sorted: Vec<(&str, Vec<f64>)> = self
            .series
            .iter()
            .take(MAX_SERIES)
            .map(|(name, times)| {
                let mut times: Vec<f64> = times.iter().copied().filter(|time| time.is_finite()).collect();
                times.sort_unstable_by(f64::total_cmp);
                (name.as_str(), times)
            })
            .collect();
        let positive = || sorted.iter().flat_map(|(_, times)| times).copied().filter(|&time| time > 0.0);
        let longest = positive().reduce(f64::max).unwrap_or(60.0);
        let shortest = positive().fold(longest, f64::min).max(longest * DECADES);
        let frame = Frame {
            left: 130.0,
            top: 120.0,
            right: width - 530.0,
            bottom: height - 80.0,
            x: Scale::logarithmic(shortest.min(longest / 10.0) * 0.8, longest * 1.1),
            y: Scale::linear(0.0, 1.0),
        };
        let x = log_time_ticks(frame.x.value(0.0), frame.x.value(1.0));
        let y = share_ticks(0.0, 1.0, 5);
        frame.draw(canvas, &x, &y);
        frame.x_labels(canvas, &x);
        frame.y_labels(canvas, &y);
        frame.x_name(canvas, &format!("{} (logarithmic)", self.axis));
        y_name(canvas, "cumulative share of jobs", (42.0, (frame.top + frame.bottom) / 2.0));
        for (level, name) in [(0.5, "median"), (0.95, "p95")] {
            let at = frame.y_at(level);
            canvas.line(&[(frame.left, at), (frame.right, at)], Pen::solid(FRAME, 1.2).dashed(Dash::Long));
            // On the right and below the line, where curves have risen beyond it.
            canvas.text(name, (frame.right - 8.0, at + 15.0), Lettering::new(SOFT, 16.0, Anchor::End));
        }
        if positive().next().is_none() {
            let jobs = sorted.iter().any(|(_, times)| !times.is_empty());
            let text = if jobs { "all started at once" } else { "no job that counts has started" };
            let middle = ((frame.left + frame.right) / 2.0, frame.y_at(0.7));
            canvas.text(text, middle, Lettering::new(SOFT, 26.0, Anchor::Middle));
        }
        // The first series last, so that it lies on top.
        for (index, (_, times)) in sorted.iter().enumerate().rev() {
            let mut look = style(index);
            if index == 0 {
                look.width = 4.0;
            }
            curve(canvas, &frame, times, look, index);
        }
        self.legend(canvas, &sorted, (frame.right + 45.0, frame.top + 8.0));
    }
}

impl DistributionPlot {
    fn legend<DB: DrawingBackend>(
        &self,
        canvas: &mut Canvas<'_, DB>,
        sorted: &[(&str, Vec<f64>)],
        (left, top): (f64, f64),
    ) {
        let right = canvas.size().0 - 40.0;
        let (median_at, tail_at) = (right - 100.0, right);
        let head = Lettering::new(SOFT, 16.0, Anchor::End);
        canvas.text("median", (median_at, top), head);
        canvas.text("p95", (tail_at, top), head);
        for (index, (name, times)) in sorted.iter().enumerate() {
            let y = top + 36.0 + 38.0 * index as f64;
            let look = style(index);
            let width = if index == 0 { 4.0 } else { look.width };
            let pen = Pen::solid(look.color, width).dashed(look.dash);
            canvas.line(&[(left, y), (left + 46.0, y)], pen);
            canvas.marker(look.marker, (left + 23.0, y), 6.5, look.color);
            let name = fitted(name, LABEL_SIZE, median_at - 85.0 - (left + 56.0));
            canvas.text(&name, (left + 56.0, y), Lettering::new(INK, LABEL_SIZE, Anchor::Start));
            let value = Lettering::new(INK, 17.0, Anchor::End);
            let known = self.first.filter(|_| index == 0);
            let [median, tail] =
                known.unwrap_or_else(|| [nearest_rank(times, 0.5), nearest_rank(times, 0.95)]);
            canvas.text(&duration(median), (median_at, y), value);
            canvas.text(&duration(tail), (tail_at, y), value);
        }
        let mut notes = Vec::new();
        if let Some((_, times)) = sorted.first().filter(|(_, times)| !times.is_empty()) {
            let zeros = times.partition_point(|&time| time <= 0.0);
            let share = zeros as f64 / times.len() as f64 * 100.0;
            notes.push(format!("{share:.1} % started at once ({})", sorted[0].0));
        }
        if self.series.len() > MAX_SERIES {
            notes.push(format!("{MAX_SERIES} of {} series shown", self.series.len()));
        }
        for (index, note) in notes.iter().enumerate() {
            let y = top + 52.0 + 38.0 * sorted.len() as f64 + 26.0 * index as f64;
            let note = fitted(note, 16.0, right - left);
            canvas.text(&note, (left, y), Lettering::new(SOFT, 16.0, Anchor::Start));
        }
    }
}

/// One curve, sampled every two pixels, with its markers at shares that differ from curve to curve.
fn curve<DB: DrawingBackend>(
    canvas: &mut Canvas<'_, DB>,
    frame: &Frame,
    sorted: &[f64],
    look: SeriesStyle,
    index: usize,
) {
    if sorted.is_empty() {
        return;
    }
    let share = |time: f64| sorted.partition_point(|&other| other <= time) as f64 / sorted.len() as f64;
    let columns = (frame.width() / 2.0) as usize;
    let mut line = Vec::with_capacity(columns + 1);
    for column in 0..=columns {
        let position = column as f64 / columns as f64;
        let here = share(frame.x.value(position));
        line.push((frame.left + position * frame.width(), frame.y_at(here)));
        // Beyond its end a curve says nothing, unless it has no beginning either.
        if here >= 1.0 && line[0].1 > frame.top {
            break;
        }
    }
    canvas.line(&line, Pen::solid(look.color, look.width).dashed(look.dash));
    for step in 0..5 {
        let probability = 0.1 + 0.2 * f64::from(step) + 0.035 * (index % 5) as f64 - 0.05;
        if let Some(time) = nearest_rank(sorted, probability).filter(|&time| time > frame.x.value(0.0)) {
            canvas.marker(look.marker, frame.at((time, share(time))), 6.5, look.color);
        }
    }
}
