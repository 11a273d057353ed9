//! Two quantities against each other: curves over a setting, and single points to compare them with.
//!
//! Promises axes that hold all points, a label at every point that has one, and the same bytes for the same data.
//! Leaves the meaning of the axes to its callers.

use plotters::prelude::{DrawingBackend, RGBColor};

use super::axes::{Frame, LABEL_SIZE, Scale, heading, linear_ticks, y_name};
use super::canvas::{Anchor, Canvas, Drawing, Lettering, Pen};
use super::palette::{INK, Marker, SOFT, style};

/// A labelled point.
#[derive(Debug, Clone, PartialEq)]
pub struct TradeoffPoint {
    /// What stands beside it; may be empty.
    pub label: String,
    /// Where it lies.
    pub at: (f64, f64),
}

/// Points that belong together.
#[derive(Debug, Clone, PartialEq)]
pub struct TradeoffSeries {
    /// Name in the legend.
    pub name: String,
    /// Whether a line joins them, in their order.
    pub joined: bool,
    /// The points.
    pub points: Vec<TradeoffPoint>,
}

/// One quantity against another.
#[derive(Debug, Clone, PartialEq)]
pub struct TradeoffPlot {
    /// What it is.
    pub title: String,
    /// Where the figures come from; one line.
    pub subtitle: String,
    /// Name and unit of the axis to the right.
    pub x_name: String,
    /// Name and unit of the axis upwards.
    pub y_name: String,
    /// What is shown.
    pub series: Vec<TradeoffSeries>,
}

impl Drawing for TradeoffPlot {
    fn size(&self) -> (u32, u32) {
        (1400, 900)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &mut Canvas<'_, DB>) {
        heading(canvas, &self.title, &self.subtitle);
        let all = || self.series.iter().flat_map(|series| series.points.iter().map(|point| point.at));
        let (Some(x), Some(y)) = (ends(all().map(|at| at.0)), ends(all().map(|at| at.1))) else {
            let (width, height) = canvas.size();
            canvas.text(
                "nothing to show",
                (width / 2.0, height / 2.0),
                Lettering::new(SOFT, 26.0, Anchor::Middle),
            );
            return;
        };
        let (x_scale, y_scale) = (Scale::linear(x.0, x.1), Scale::linear(y.0, y.1));
        let frame = Frame { left: 150.0, top: 175.0, right: 1350.0, bottom: 800.0, x: x_scale, y: y_scale };
        let (x_ticks, y_ticks) = (linear_ticks(x.0, x.1, 8, false), linear_ticks(y.0, y.1, 7, false));
        frame.draw(canvas, &x_ticks, &y_ticks);
        frame.x_labels(canvas, &x_ticks);
        frame.y_labels(canvas, &y_ticks);
        frame.x_name(canvas, &self.x_name);
        y_name(canvas, &self.y_name, (46.0, (frame.top + frame.bottom) / 2.0));
        let mut legend = frame.left;
        for (index, series) in self.series.iter().enumerate() {
            let look = style(index);
            let pen = Pen::solid(look.color, 2.6).dashed(look.dash);
            let at = |point: &TradeoffPoint| frame.at(point.at);
            if series.joined {
                let line: Vec<(f64, f64)> = series.points.iter().map(at).collect();
                canvas.line(&line, pen);
            }
            for point in &series.points {
                mark(canvas, look.marker, at(point), look.color, &point.label);
            }
            let y = frame.top - 32.0;
            canvas.marker(look.marker, (legend + 10.0, y), 7.0, look.color);
            let text = Lettering::new(INK, LABEL_SIZE, Anchor::Start);
            legend += 26.0 + canvas.text(&series.name, (legend + 26.0, y), text) + 30.0;
        }
    }
}

fn mark<DB: DrawingBackend>(
    canvas: &mut Canvas<'_, DB>,
    marker: Marker,
    (x, y): (f64, f64),
    color: RGBColor,
    label: &str,
) {
    canvas.marker(marker, (x, y), 7.0, color);
    canvas.text(label, (x + 12.0, y + 14.0), Lettering::new(SOFT, 16.0, Anchor::Start));
}

/// Least and greatest value with a margin; `None` without values.
fn ends(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let (low, high) = values
        .filter(|value| value.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    let margin = ((high - low) * 0.08).max(1e-9);
    (low <= high).then_some((low - margin, high + margin))
}
