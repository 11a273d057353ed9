//! Told against true starts: how far the first estimates of jobs were from what came.
//!
//! Promises to show all jobs that were told a range, also those that started at once. Leaves the estimates to
//! [`crate::forward`].

use plotters::prelude::DrawingBackend;

use super::axes::{Frame, LABEL_SIZE, Scale, heading, log_time_ticks, share_ticks, thousands, y_name};
use super::canvas::{Anchor, Canvas, Drawing, Lettering, Pen};
use super::density::{density, density_key};
use super::palette::{BLUE, Dash, INK, Marker, RUST, SOFT};

/// Groups of jobs by the time to wait that they were told.
const GROUPS: usize = 10;
/// So many jobs in each at least.
const GROUP_MIN: usize = 20;
/// Times below it are shown as this one, seconds.
const SHORTEST: f64 = 1.0;

/// One job that was told when it would start, and started. Seconds from the estimate on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EstimatePoint {
    /// The tenth, fiftieth and ninetieth percent of the range.
    pub told: [f64; 3],
    /// When it started.
    pub came: f64,
}

/// First estimates of jobs and their first starts.
#[derive(Debug, Clone, PartialEq)]
pub struct EstimatesPlot {
    /// What it is.
    pub title: String,
    /// Scenario, strategy, seed; one line.
    pub subtitle: String,
    /// One per job, in any order.
    pub points: Vec<EstimatePoint>,
}

impl Drawing for EstimatesPlot {
    fn size(&self) -> (u32, u32) {
        (1600, 900)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &mut Canvas<'_, DB>) {
        heading(canvas, &self.title, &self.subtitle);
        let finite =
            |point: &EstimatePoint| point.came.is_finite() && point.told.iter().all(|at| at.is_finite());
        let mut points: Vec<EstimatePoint> = self.points.iter().copied().filter(finite).collect();
        if points.is_empty() {
            let (width, height) = canvas.size();
            let style = Lettering::new(SOFT, 26.0, Anchor::Middle);
            canvas.text("no job was told its start before it started", (width / 2.0, height / 2.0), style);
            return;
        }
        points.sort_by(|a, b| a.told[1].total_cmp(&b.told[1]).then(a.came.total_cmp(&b.came)));
        plane(canvas, &points);
        shares(canvas, &points);
    }
}

fn longest(points: &[EstimatePoint]) -> f64 {
    let all = points.iter().flat_map(|point| [point.told[1], point.came]);
    all.fold(10.0 * SHORTEST, f64::max) * 1.1
}

/// Left: density over (told, came), the diagonal.
fn plane<DB: DrawingBackend>(canvas: &mut Canvas<'_, DB>, points: &[EstimatePoint]) {
    let high = longest(points);
    let scale = Scale::logarithmic(SHORTEST, high);
    let frame = Frame { left: 130.0, top: 150.0, right: 790.0, bottom: 810.0, x: scale, y: scale };
    let ticks = log_time_ticks(SHORTEST, high);
    frame.draw(canvas, &ticks, &ticks);
    frame.x_labels(canvas, &ticks);
    frame.y_labels(canvas, &ticks);
    frame.x_name(canvas, "told time to the start, median");
    y_name(canvas, "time to the start", (42.0, (frame.top + frame.bottom) / 2.0));
    density(
        canvas,
        &frame,
        points.iter().map(|point| (point.told[1].max(SHORTEST), point.came.max(SHORTEST))),
    );
    canvas.line(
        &[frame.at((SHORTEST, SHORTEST)), frame.at((high, high))],
        Pen::solid(INK, 1.8).dashed(Dash::Long),
    );
    let y = frame.top - 27.0;
    let x = frame.left + density_key(canvas, (frame.left, y), "jobs (darker: more)");
    canvas.line(&[(x, y), (x + 36.0, y)], Pen::solid(INK, 1.8).dashed(Dash::Long));
    canvas.text("as told", (x + 44.0, y), Lettering::new(INK, 17.0, Anchor::Start));
}

/// Right: which share started by the ends of the ranges, by the time that was told.
fn shares<DB: DrawingBackend>(canvas: &mut Canvas<'_, DB>, points: &[EstimatePoint]) {
    let high = longest(points);
    let frame = Frame {
        left: 960.0,
        top: 150.0,
        right: 1560.0,
        bottom: 810.0,
        x: Scale::logarithmic(SHORTEST, high),
        y: Scale::linear(0.0, 1.0),
    };
    let (x, y) = (log_time_ticks(SHORTEST, high), share_ticks(0.0, 1.0, 10));
    frame.draw(canvas, &x, &y);
    frame.x_labels(canvas, &x);
    frame.y_labels(canvas, &y);
    frame.x_name(canvas, "told time to the start, median");
    y_name(canvas, "share of jobs that started by then", (862.0, (frame.top + frame.bottom) / 2.0));
    let groups = GROUPS.min(points.len() / GROUP_MIN).max(1);
    let series = [
        (0, 0.1, "p10", BLUE, Marker::Circle),
        (1, 0.5, "p50", INK, Marker::Square),
        (2, 0.9, "p90", RUST, Marker::Triangle),
    ];
    for (end, right, name, color, marker) in series {
        let level = frame.y_at(right);
        canvas.line(&[(frame.left, level), (frame.right, level)], Pen::solid(color, 1.4).dashed(Dash::Long));
        let mut line = Vec::with_capacity(groups);
        for group in 0..groups {
            let of = &points[group * points.len() / groups..(group + 1) * points.len() / groups];
            let by = of.iter().filter(|point| point.came <= point.told[end]).count();
            let told = of[of.len() / 2].told[1].max(SHORTEST);
            line.push(frame.at((told, by as f64 / of.len() as f64)));
        }
        canvas.line(&line, Pen::solid(color, 2.4));
        line.iter().for_each(|point| canvas.marker(marker, *point, 5.5, color));
        let style = Lettering::new(color, LABEL_SIZE, Anchor::End);
        canvas.text(name, (frame.right - 6.0, level - 16.0), style);
    }
    let within =
        points.iter().filter(|point| point.told[0] <= point.came && point.came <= point.told[2]).count();
    let share = thousands(within as f64 / points.len() as f64 * 100.0, 1);
    let text = format!(
        "{share} % within p10 to p90 of {} jobs; dashed: as it should be",
        thousands(points.len() as f64, 0)
    );
    canvas.text(&text, (frame.left, frame.top - 27.0), Lettering::new(INK, LABEL_SIZE, Anchor::Start));
}
