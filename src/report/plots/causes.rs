//! What time was spent on: one bar per row, cut into causes, as shares of the row's time.
//!
//! Promises bars in the order of the legend, with the share written into every piece that has room for it, so that they are
//! told apart without colours. Leaves the choice of rows to its callers.

use plotters::prelude::{Color, DrawingBackend, RGBColor};

use super::axes::{Frame, LABEL_SIZE, Scale, fitted, heading, share_ticks};
use super::canvas::{Anchor, Canvas, Drawing, Lettering, Pen};
use super::palette::{BLUE, FRAME, GREEN, INK, ORANGE, PINK, RED, RUST, SKY, SOFT};
use super::raster::text_width;
use crate::report::table::duration;

/// Bars of one plot.
const ROWS_MAX: usize = 14;

/// Pixels per em of the shares in the bars.
const SHARE_SIZE: f64 = 16.0;

/// One bar.
#[derive(Debug, Clone, PartialEq)]
pub struct CausesRow {
    /// What it stands for.
    pub name: String,
    /// How many jobs.
    pub jobs: u64,
    /// Seconds for each cause, in the order of [`CausesPlot::causes`].
    pub seconds: Vec<f64>,
}

/// Bars of causes.
#[derive(Debug, Clone, PartialEq)]
pub struct CausesPlot {
    /// What it is.
    pub title: String,
    /// Scenario, strategy, seed; one line.
    pub subtitle: String,
    /// Names of the causes.
    pub causes: Vec<String>,
    /// The bars from top to bottom, the sum of all first.
    pub rows: Vec<CausesRow>,
}

impl CausesRow {
    fn total(&self) -> f64 {
        self.seconds.iter().sum()
    }
}

/// The colour of a cause, and of the letters on it.
fn colours(index: usize) -> (RGBColor, RGBColor) {
    const WHITE: RGBColor = RGBColor(255, 255, 255);
    const ALL: [(RGBColor, RGBColor); 8] = [
        (BLUE, WHITE),
        (ORANGE, INK),
        (GREEN, WHITE),
        (RED, WHITE),
        (SKY, INK),
        (RUST, WHITE),
        (PINK, INK),
        (SOFT, WHITE),
    ];
    ALL[index % ALL.len()]
}

impl Drawing for CausesPlot {
    fn size(&self) -> (u32, u32) {
        (1600, 900)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &mut Canvas<'_, DB>) {
        heading(canvas, &self.title, &self.subtitle);
        let (width, height) = canvas.size();
        let rows = &self.rows[..self.rows.len().min(ROWS_MAX)];
        // What nobody waited for needs no colour.
        let used = |cause: &usize| {
            rows.iter().any(|row| row.seconds.get(*cause).is_some_and(|seconds| *seconds > 0.0))
        };
        let used: Vec<usize> = (0..self.causes.len()).filter(used).collect();
        let frame = Frame {
            left: 330.0,
            top: 130.0,
            right: width - 420.0,
            bottom: height - 80.0,
            x: Scale::linear(0.0, 1.0),
            y: Scale::linear(0.0, rows.len() as f64),
        };
        let x = share_ticks(0.0, 1.0, 5);
        frame.draw(canvas, &x, &[]);
        frame.x_labels(canvas, &x);
        frame.x_name(canvas, "share of the waiting time");
        let head = Lettering::new(SOFT, 16.0, Anchor::End);
        canvas.text("mean wait", (frame.left - 16.0, frame.top - 16.0), head);
        if used.is_empty() {
            let middle = ((frame.left + frame.right) / 2.0, (frame.top + frame.bottom) / 2.0);
            canvas.text("nobody waited", middle, Lettering::new(SOFT, 26.0, Anchor::Middle));
        }
        let pitch = (frame.bottom - frame.top) / rows.len().max(1) as f64;
        for (index, row) in rows.iter().enumerate() {
            let middle = frame.top + pitch * (index as f64 + 0.5);
            bar(canvas, &frame, row, &used, (middle, (pitch * 0.36).min(30.0)));
        }
        let sum = rows.first();
        legend(canvas, &self.causes, &used, sum, (frame.right + 45.0, frame.top + 8.0));
        if self.rows.len() > rows.len() {
            let note = format!("{} of {} bars shown", rows.len(), self.rows.len());
            let at = (frame.right + 45.0, frame.bottom);
            canvas.text(&note, at, Lettering::new(SOFT, 16.0, Anchor::Start));
        }
    }
}

fn bar<DB: DrawingBackend>(
    canvas: &mut Canvas<'_, DB>,
    frame: &Frame,
    row: &CausesRow,
    used: &[usize],
    (middle, half): (f64, f64),
) {
    let total = row.total();
    let mean = (row.jobs > 0).then(|| total / row.jobs as f64);
    let taken =
        canvas.text(&duration(mean), (frame.left - 16.0, middle), Lettering::new(SOFT, 17.0, Anchor::End));
    let name = fitted(&row.name, LABEL_SIZE, frame.left - 16.0 - taken - 60.0);
    canvas.text(&name, (40.0, middle), Lettering::new(INK, LABEL_SIZE, Anchor::Start));
    if !(total.is_finite() && total > 0.0) {
        return;
    }
    let mut before = 0.0;
    for (place, &cause) in used.iter().enumerate() {
        let share = row.seconds.get(cause).copied().unwrap_or(0.0) / total;
        if share <= 0.0 {
            continue;
        }
        let (from, to) = (frame.x_at(before), frame.x_at(before + share));
        let (fill, letters) = colours(place);
        canvas.rectangle((from, middle - half), (to, middle + half), fill.to_rgba());
        canvas.line(&[(to, middle - half), (to, middle + half)], Pen::solid(RGBColor(255, 255, 255), 1.5));
        let text = format!("{:.0} %", share * 100.0);
        if text_width(&text, SHARE_SIZE) + 8.0 < to - from {
            let at = ((from + to) / 2.0, middle);
            canvas.text(&text, at, Lettering::new(letters, SHARE_SIZE, Anchor::Middle));
        }
        before += share;
    }
    let corners = [
        (frame.left, middle - half),
        (frame.right, middle - half),
        (frame.right, middle + half),
        (frame.left, middle + half),
        (frame.left, middle - half),
    ];
    canvas.line(&corners, Pen::solid(FRAME, 1.0));
}

fn legend<DB: DrawingBackend>(
    canvas: &mut Canvas<'_, DB>,
    causes: &[String],
    used: &[usize],
    sum: Option<&CausesRow>,
    (left, top): (f64, f64),
) {
    let right = canvas.size().0 - 40.0;
    let total = sum.map_or(0.0, CausesRow::total);
    for (place, &cause) in used.iter().enumerate() {
        let y = top + 38.0 * place as f64;
        canvas.rectangle((left, y - 11.0), (left + 30.0, y + 11.0), colours(place).0.to_rgba());
        let share = sum.and_then(|sum| sum.seconds.get(cause)).filter(|_| total > 0.0);
        let share = share.map_or(String::new(), |seconds| format!("{:.1} %", seconds / total * 100.0));
        let taken = canvas.text(&share, (right, y), Lettering::new(INK, 17.0, Anchor::End));
        let name = fitted(&causes[cause].replace('_', " "), LABEL_SIZE, right - taken - left - 56.0);
        canvas.text(&name, (left + 42.0, y), Lettering::new(INK, LABEL_SIZE, Anchor::Start));
    }
}
