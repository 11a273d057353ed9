//! The forest plot of a comparison: every difference with its interval, in percent of the baseline.
//!
//! Promises that direction and certainty can be read without colour: marker, line and word say the same.
//! Leaves all numbers to the comparison.

use plotters::prelude::{Color, DrawingBackend, RGBColor};

use super::axes::{Frame, LABEL_SIZE, Scale, TICK_SIZE, fitted, heading, linear_ticks};
use super::canvas::{Anchor, Canvas, Drawing, Lettering, Pen};
use super::palette::{BLUE, Dash, INK, Marker, RED, SOFT};
use crate::experiment::comparison::{Comparison, Row};
use crate::experiment::statistics::{Direction, Verdict};
use crate::report::comparison_table::verdict as verdict_words;
use crate::report::table::{number, signed_with_interval};

const ROW_HEIGHT: f64 = 34.0;
const HEAD_HEIGHT: f64 = 40.0;
const TOP: f64 = 180.0;
/// Rows that are drawn; a picture longer than this is better read as a table.
const MAX_ROWS: usize = 90;

/// A comparison as a plot; its height grows with its rows.
#[derive(Debug, Clone, PartialEq)]
pub struct ForestPlot {
    /// What it is: `first_fit against exact`.
    pub title: String,
    /// Scenario, seed, replications; one line.
    pub subtitle: String,
    /// The numbers.
    pub comparison: Comparison,
}

/// A row in percent of the baseline; `None` where that is not defined.
struct Relative {
    difference: f64,
    interval: Option<(f64, f64)>,
}

fn relative(row: &Row) -> Option<Relative> {
    let (base, difference) = (row.baseline_mean?, row.difference?);
    if base == 0.0 {
        return (difference == 0.0).then_some(Relative { difference: 0.0, interval: None });
    }
    let share = |value: f64| value / base.abs() * 100.0;
    Some(Relative {
        difference: share(difference),
        interval: row.ci95.map(|interval| (share(interval.low), share(interval.high))),
    })
}

impl Drawing for ForestPlot {
    fn size(&self) -> (u32, u32) {
        let rows = self.rows().len() as f64;
        let height = TOP + rows * ROW_HEIGHT + self.groups() as f64 * HEAD_HEIGHT + 130.0;
        (1600, (height as u32).max(500))
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &mut Canvas<'_, DB>) {
        heading(canvas, &self.title, &self.subtitle);
        let (width, height) = canvas.size();
        let limit = self.limit();
        let frame = Frame {
            left: 400.0,
            top: TOP - 14.0,
            right: width - 520.0,
            bottom: height - 108.0,
            x: Scale::linear(-limit, limit),
            y: Scale::linear(0.0, 1.0),
        };
        let mut ticks = linear_ticks(-limit, limit, 6, false);
        for tick in &mut ticks {
            let sign = if tick.value > 1e-12 { "+" } else { "" };
            tick.label = format!("{sign}{} %", tick.label);
        }
        frame.draw(canvas, &ticks, &[]);
        frame.x_labels(canvas, &ticks);
        frame.x_name(
            canvas,
            &format!("difference from `{}` in percent of its mean", self.comparison.baseline),
        );
        let zero = frame.x_at(0.0).round() + 0.5;
        canvas.line(&[(zero, frame.top), (zero, frame.bottom)], Pen::solid(INK, 1.6));
        let column = [width - 400.0, width - 190.0, width - 170.0];
        let style = Lettering::new(SOFT, 16.0, Anchor::End);
        canvas.text("baseline mean", (column[0], TOP - 38.0), style);
        let name = if self.comparison.is_single() { "difference" } else { "difference ± 95 %" };
        canvas.text(name, (column[1], TOP - 38.0), style);
        canvas.text("verdict", (column[2], TOP - 38.0), Lettering::new(SOFT, 16.0, Anchor::Start));
        legend(canvas, (40.0, 126.0));

        let mut y = TOP;
        let mut last = "";
        for row in self.rows() {
            if row.metric != last {
                y += HEAD_HEIGHT;
                metric_head(canvas, row, (40.0, y - HEAD_HEIGHT / 2.0 + 4.0), frame.left - 60.0);
                last = &row.metric;
            }
            let middle = y + ROW_HEIGHT / 2.0;
            let name = fitted(&row.variant, TICK_SIZE, frame.left - 100.0);
            canvas.text(&name, (64.0, middle), Lettering::new(SOFT, TICK_SIZE, Anchor::Start));
            interval(canvas, &frame, row, middle, limit);
            let value = Lettering::new(INK, 17.0, Anchor::End);
            canvas.text(&number(row.baseline_mean), (column[0], middle), value);
            let difference = signed_with_interval(row.difference, row.ci95).replace('-', "\u{2212}");
            canvas.text(&difference, (column[1], middle), value);
            let (color, _) = look(row.verdict);
            let word = Lettering::new(color, TICK_SIZE, Anchor::Start);
            let room = width - column[2] - 8.0;
            canvas.text(&fitted(&verdict_words(row), TICK_SIZE, room), (column[2], middle), word);
            y += ROW_HEIGHT;
        }
        let note = if self.comparison.is_single() {
            "one replication: no interval, no verdict"
        } else {
            "95 % t intervals of differences; verdicts by Holm's correction over the variants of a metric; n/a: no \
             verdict, for the reason beside it"
        };
        let hidden = self.comparison.rows.len() - self.rows().len();
        let note = if hidden > 0 { format!("{note}; {hidden} more rows not shown") } else { note.to_owned() };
        canvas.text(&note, (40.0, height - 26.0), Lettering::new(SOFT, 16.0, Anchor::Start));
    }
}

impl ForestPlot {
    fn rows(&self) -> &[Row] {
        &self.comparison.rows[..self.comparison.rows.len().min(MAX_ROWS)]
    }

    fn groups(&self) -> usize {
        let rows = self.rows();
        let changes = rows.windows(2).filter(|pair| pair[0].metric != pair[1].metric).count();
        changes + usize::from(!rows.is_empty())
    }

    /// Half of the axis in percent: all intervals, but not at the price of squeezing most of them to nothing.
    fn limit(&self) -> f64 {
        let mut extents: Vec<f64> = self
            .comparison
            .rows
            .iter()
            .filter_map(relative)
            .map(|row| match row.interval {
                Some((low, high)) => low.abs().max(high.abs()),
                None => row.difference.abs(),
            })
            .filter(|extent| extent.is_finite() && *extent > 0.0)
            .collect();
        extents.sort_unstable_by(f64::total_cmp);
        let Some(&largest) = extents.last() else {
            return 1.0;
        };
        let typical = extents[extents.len() / 2];
        largest.min(6.0 * typical) * 1.12
    }
}

fn look(verdict: Option<Verdict>) -> (RGBColor, Marker) {
    match verdict {
        Some(Verdict::Better) => (BLUE, Marker::Circle),
        Some(Verdict::Worse) => (RED, Marker::Diamond),
        Some(Verdict::Equal) => (INK, Marker::Square),
        Some(Verdict::Inconclusive) => (SOFT, Marker::Frame),
        None => (SOFT, Marker::Ring),
    }
}

fn legend<DB: DrawingBackend>(canvas: &mut Canvas<'_, DB>, (mut x, y): (f64, f64)) {
    for verdict in Verdict::ALL.map(Some).into_iter().chain([None]) {
        let (color, marker) = look(verdict);
        canvas.marker(marker, (x + 10.0, y), 7.5, color);
        let style = Lettering::new(INK, TICK_SIZE, Anchor::Start);
        let word = verdict.map_or("n/a", Verdict::as_str);
        x += canvas.text(word, (x + 28.0, y), style) + 66.0;
    }
}

fn metric_head<DB: DrawingBackend>(canvas: &mut Canvas<'_, DB>, row: &Row, at: (f64, f64), room: f64) {
    let good = match row.direction {
        Direction::HigherIsBetter => "higher is better",
        Direction::LowerIsBetter => "lower is better",
    };
    let name = fitted(&row.metric, LABEL_SIZE, room - 110.0);
    let taken = canvas.text(&name, at, Lettering::new(INK, LABEL_SIZE, Anchor::Start));
    canvas.text(good, (at.0 + taken + 12.0, at.1), Lettering::new(SOFT, 14.0, Anchor::Start));
}

fn interval<DB: DrawingBackend>(canvas: &mut Canvas<'_, DB>, frame: &Frame, row: &Row, y: f64, limit: f64) {
    let (color, marker) = look(row.verdict);
    let Some(found) = relative(row) else {
        let text = match row.difference {
            Some(_) => "baseline is 0",
            None => "no values",
        };
        let style = Lettering::new(SOFT, 15.0, Anchor::Start);
        canvas.text(text, (frame.x_at(0.0) + 12.0, y), style);
        return;
    };
    if let Some((low, high)) = found.interval {
        let (from, to) = (frame.x_at(low), frame.x_at(high));
        let dash = if row.verdict == Some(Verdict::Inconclusive) { Dash::Short } else { Dash::Solid };
        canvas.line(&[(from, y), (to, y)], Pen::solid(color, 3.0).dashed(dash));
        for (value, x, side) in [(low, from, -1.0), (high, to, 1.0)] {
            if value.abs() > limit && value * side > 0.0 {
                // The interval goes on beyond the axis.
                let tip = [(x + side * 10.0, y), (x - side * 2.0, y - 7.0), (x - side * 2.0, y + 7.0)];
                canvas.polygon(&tip, color.to_rgba());
            } else {
                canvas.line(&[(x, y - 7.0), (x, y + 7.0)], Pen::solid(color, 2.0));
            }
        }
    }
    if found.difference.abs() <= limit {
        canvas.marker(marker, (frame.x_at(found.difference), y), 7.5, color);
    }
}
