//! Predicted against true fidelity: what the published calibrations promised and what the hardware gave.
//!
//! Promises to show density instead of overplotted points, medians with their spread, and how the gap changes with
//! time since drift began. Leaves the definition of both fidelities to the metrics.

use plotters::prelude::DrawingBackend;

use super::axes::{Frame, LABEL_SIZE, Scale, heading, linear_ticks, thousands, time_ticks, y_name};
use super::canvas::{Anchor, Canvas, Drawing, Lettering, Pen};
use super::density::{density, density_key};
use super::palette::{Dash, INK, Marker, RUST, SOFT};
use crate::experiment::statistics::quantile;
use crate::report::rank::nearest_rank;

/// Groups of jobs with a median each, by prediction and by time.
const GROUPS: [usize; 2] = [16, 28];

/// One job.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FidelityPoint {
    /// When it finished, seconds since the start.
    pub time_s: f64,
    /// Success probability by the published calibration, 0 to 1.
    pub predicted: f64,
    /// Success probability by the true state of the hardware, 0 to 1.
    pub actual: f64,
}

/// Predicted against true success probability of all finished jobs.
#[derive(Debug, Clone, PartialEq)]
pub struct FidelityPlot {
    /// What it is: `Predicted and true fidelity`.
    pub title: String,
    /// Scenario, strategy, seed; one line.
    pub subtitle: String,
    /// End of the time axis in seconds.
    pub until_s: f64,
    /// One per job, in any order.
    pub points: Vec<FidelityPoint>,
}

impl Drawing for FidelityPlot {
    fn size(&self) -> (u32, u32) {
        (1600, 900)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &mut Canvas<'_, DB>) {
        heading(canvas, &self.title, &self.subtitle);
        let points: Vec<FidelityPoint> = self
            .points
            .iter()
            .copied()
            .filter(|point| {
                point.predicted.is_finite() && point.actual.is_finite() && point.time_s.is_finite()
            })
            .collect();
        if points.is_empty() {
            let (width, height) = canvas.size();
            let style = Lettering::new(SOFT, 26.0, Anchor::Middle);
            canvas.text("no job finished", (width / 2.0, height / 2.0), style);
            return;
        }
        plane(canvas, &points);
        gap_over_time(canvas, &points, self.until_s);
    }
}

/// Left: density over (predicted, true), the diagonal, medians.
fn plane<DB: DrawingBackend>(canvas: &mut Canvas<'_, DB>, points: &[FidelityPoint]) {
    let both = || points.iter().flat_map(|point| [point.predicted, point.actual]);
    // Start the axes at a round value below almost all points: high fidelities deserve the room.
    let mut values: Vec<f64> = both().collect();
    values.sort_unstable_by(f64::total_cmp);
    let low = quantile(&values, 0.001).unwrap_or(0.0);
    let step = if low > 0.9 { 0.02 } else { 0.1 };
    let low = (((low / step).floor()) * step).clamp(0.0, 1.0 - step);
    let scale = Scale::linear(low, 1.0);
    let frame = Frame { left: 130.0, top: 150.0, right: 790.0, bottom: 810.0, x: scale, y: scale };
    let ticks = linear_ticks(low, 1.0, 6, false);
    frame.draw(canvas, &ticks, &ticks);
    frame.x_labels(canvas, &ticks);
    frame.y_labels(canvas, &ticks);
    frame.x_name(canvas, "predicted success probability");
    y_name(canvas, "true success probability", (42.0, (frame.top + frame.bottom) / 2.0));
    density(canvas, &frame, points.iter().map(|point| (point.predicted, point.actual)));
    canvas.line(&[frame.at((low, low)), frame.at((1.0, 1.0))], Pen::solid(INK, 1.8).dashed(Dash::Long));
    let mut ordered: Vec<(f64, f64)> = points.iter().map(|point| (point.predicted, point.actual)).collect();
    ordered.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    spread(canvas, &frame, &ordered, GROUPS[0]);
    legend(canvas, (frame.left, frame.top - 27.0), "jobs (darker: more)");
}

/// Right: the gap by time.
fn gap_over_time<DB: DrawingBackend>(canvas: &mut Canvas<'_, DB>, points: &[FidelityPoint], until_s: f64) {
    let mut ordered: Vec<(f64, f64)> =
        points.iter().map(|point| (point.time_s, point.predicted - point.actual)).collect();
    ordered.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut gaps: Vec<f64> = ordered.iter().map(|&(_, gap)| gap).collect();
    gaps.sort_unstable_by(f64::total_cmp);
    let low = quantile(&gaps, 0.001).unwrap_or(0.0).min(0.0);
    let high = quantile(&gaps, 0.999).unwrap_or(0.0).max(0.0);
    let margin = ((high - low) * 0.08).max(0.005);
    let (low, high) = (low - margin, high + margin);
    let frame = Frame {
        left: 960.0,
        top: 150.0,
        right: 1560.0,
        bottom: 810.0,
        x: Scale::linear(0.0, until_s),
        y: Scale::linear(low, high),
    };
    let (x, unit) = time_ticks(0.0, until_s, 8);
    let y = linear_ticks(low, high, 7, false);
    frame.draw(canvas, &x, &y);
    frame.x_labels(canvas, &x);
    frame.y_labels(canvas, &y);
    frame.x_name(canvas, &format!("simulated time ({unit})"));
    y_name(canvas, "predicted − true", (862.0, (frame.top + frame.bottom) / 2.0));
    density(canvas, &frame, ordered.iter().copied());
    let zero = frame.y_at(0.0);
    canvas.line(&[(frame.left, zero), (frame.right, zero)], Pen::solid(INK, 1.8).dashed(Dash::Long));
    spread(canvas, &frame, &ordered, GROUPS[1]);
    let median = nearest_rank(&gaps, 0.5).unwrap_or(0.0);
    let tail = nearest_rank(&gaps, 0.95).unwrap_or(0.0);
    let text = format!("gap: median {}, p95 {}", thousands(median, 4), thousands(tail, 4));
    let style = Lettering::new(INK, LABEL_SIZE, Anchor::Start);
    canvas.text(&text, (frame.left, frame.top - 27.0), style);
}

/// Medians of at most `most` equally large groups along x, with whiskers from the 5th to the 95th percentile.
fn spread<DB: DrawingBackend>(
    canvas: &mut Canvas<'_, DB>,
    frame: &Frame,
    ordered: &[(f64, f64)],
    most: usize,
) {
    let groups = most.min(ordered.len() / 10);
    let mut medians = Vec::with_capacity(groups);
    for group in 0..groups {
        let members = &ordered[group * ordered.len() / groups..(group + 1) * ordered.len() / groups];
        let mut values: Vec<f64> = members.iter().map(|&(_, y)| y).collect();
        values.sort_unstable_by(f64::total_cmp);
        let at = |probability| quantile(&values, probability).unwrap_or(0.0);
        let x = frame.x_at(members[members.len() / 2].0);
        medians.push((x, frame.y_at(at(0.5))));
        canvas.line(&[(x, frame.y_at(at(0.05))), (x, frame.y_at(at(0.95)))], Pen::solid(RUST, 2.0));
    }
    canvas.line(&medians, Pen::solid(RUST, 2.4));
    for point in medians {
        canvas.marker(Marker::Circle, point, 5.5, RUST);
    }
}

fn legend<DB: DrawingBackend>(canvas: &mut Canvas<'_, DB>, (left, y): (f64, f64), cells: &str) {
    let style = Lettering::new(INK, 17.0, Anchor::Start);
    let mut x = left + density_key(canvas, (left, y), cells);
    canvas.line(&[(x, y), (x + 34.0, y)], Pen::solid(RUST, 2.4));
    canvas.marker(Marker::Circle, (x + 17.0, y), 5.5, RUST);
    x += 42.0;
    x += canvas.text("median, p5 to p95", (x, y), style) + 26.0;
    canvas.line(&[(x, y), (x + 36.0, y)], Pen::solid(INK, 1.8).dashed(Dash::Long));
    canvas.text("as predicted", (x + 44.0, y), style);
}
