//! A metric against what was varied: a line with intervals per group, and the values that were expected.
//!
//! Promises positions by number where the values are numbers and evenly spaced otherwise, and the same bytes for the
//! same data. Leaves choosing the axis and the groups to its callers.

use plotters::prelude::DrawingBackend;

use super::axes::{Frame, LABEL_SIZE, Scale, Tick, fitted, heading, linear_ticks, y_name};
use super::canvas::{Anchor, Canvas, Drawing, Lettering, Pen};
use super::palette::{INK, Marker, SOFT, style};
use super::raster::text_width;

/// A mean with its interval.
#[derive(Debug, Clone, PartialEq)]
pub struct ResponsePoint {
    /// Position: a value, or the number of a label.
    pub x: f64,
    /// The mean.
    pub mean: f64,
    /// Ends of the 95 % interval, where there is one.
    pub interval: Option<(f64, f64)>,
    /// Whether the mean does not stand for all jobs: it is drawn hollow.
    pub reserved: bool,
}

/// A line.
#[derive(Debug, Clone, PartialEq)]
pub struct ResponseSeries {
    /// Name in the legend; empty for none.
    pub name: String,
    /// Its points, in the order in which they are joined.
    pub points: Vec<ResponsePoint>,
    /// Values that were expected: position, value, tolerance.
    pub expected: Vec<(f64, f64, f64)>,
}

/// A metric against what was varied.
#[derive(Debug, Clone, PartialEq)]
pub struct ResponsePlot {
    /// What it is.
    pub title: String,
    /// Where the figures come from; one line.
    pub subtitle: String,
    /// Name and unit of what was varied.
    pub x_name: String,
    /// The labels at positions 0, 1, 2, ...; `None` if positions are numbers.
    pub x_labels: Option<Vec<String>>,
    /// Name and unit of the metric.
    pub y_name: String,
    /// The lines.
    pub series: Vec<ResponseSeries>,
    /// Where the expected values come from, for the legend.
    pub reference: String,
}

impl ResponseSeries {
    /// The points that have a place: dashes along a line to nowhere would never end.
    fn drawn(&self) -> impl Iterator<Item = &ResponsePoint> {
        let finite = |(low, high): (f64, f64)| low.is_finite() && high.is_finite();
        self.points.iter().filter(move |point| {
            point.x.is_finite() && point.mean.is_finite() && point.interval.is_none_or(finite)
        })
    }
}

/// Lines that a legend names; more cannot be told apart.
const NAMED: usize = 24;

impl Drawing for ResponsePlot {
    fn size(&self) -> (u32, u32) {
        (1600, 900)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &mut Canvas<'_, DB>) {
        heading(canvas, &self.title, &self.subtitle);
        let points = || self.series.iter().flat_map(ResponseSeries::drawn);
        let expected = || {
            let all = self.series.iter().flat_map(|series| &series.expected);
            all.filter(|(x, value, tolerance)| [x, value, tolerance].iter().all(|part| part.is_finite()))
        };
        let xs = points().map(|point| point.x).chain(expected().map(|at| at.0));
        let ys = points()
            .flat_map(|point| {
                let (low, high) = point.interval.unwrap_or((point.mean, point.mean));
                [point.mean, low, high]
            })
            .chain(expected().flat_map(|&(_, value, tolerance)| [value - tolerance, value + tolerance]));
        let (Some(x), Some(y)) = (ends(xs, 0.05), ends(ys, 0.08)) else {
            let (width, height) = canvas.size();
            let style = Lettering::new(SOFT, 26.0, Anchor::Middle);
            canvas.text("nothing to show", (width / 2.0, height / 2.0), style);
            return;
        };
        let legend = self.legend();
        let top = 150.0 + 30.0 * legend.last().map_or(0.0, |entry| entry.row as f64 + 1.0);
        let frame = Frame {
            left: 170.0,
            top,
            right: 1550.0,
            bottom: 800.0,
            x: Scale::linear(x.0, x.1),
            y: Scale::linear(y.0, y.1),
        };
        let x_ticks = match &self.x_labels {
            Some(labels) => {
                let room = frame.width() / labels.len().max(1) as f64 - 12.0;
                let tick = |(index, label): (usize, &String)| Tick {
                    value: index as f64,
                    label: fitted(label, super::axes::TICK_SIZE, room.max(60.0)),
                };
                labels.iter().enumerate().map(tick).collect()
            }
            None => linear_ticks(x.0, x.1, 9, false),
        };
        let y_ticks = linear_ticks(y.0, y.1, 7, false);
        frame.draw(canvas, &x_ticks, &y_ticks);
        frame.x_labels(canvas, &x_ticks);
        frame.y_labels(canvas, &y_ticks);
        frame.x_name(canvas, &self.x_name);
        y_name(canvas, &self.y_name, (46.0, (frame.top + frame.bottom) / 2.0));
        for (index, series) in self.series.iter().enumerate() {
            let look = style(index);
            let line: Vec<(f64, f64)> = series.drawn().map(|point| frame.at((point.x, point.mean))).collect();
            if line.len() > 1 {
                canvas.line(&line, Pen::solid(look.color, look.width).dashed(look.dash));
            }
            for point in series.drawn() {
                let at = frame.at((point.x, point.mean));
                if let Some((low, high)) = point.interval {
                    let (low, high) = (frame.y_at(low), frame.y_at(high));
                    let pen = Pen::solid(look.color, 2.0);
                    canvas.line(&[(at.0, low), (at.0, high)], pen);
                    for end in [low, high] {
                        canvas.line(&[(at.0 - 6.0, end), (at.0 + 6.0, end)], pen);
                    }
                }
                match point.reserved {
                    true => canvas.marker(Marker::Ring, at, 9.0, look.color),
                    false => canvas.marker(look.marker, at, 7.0, look.color),
                }
            }
        }
        // On top: what was expected must be seen where it hides behind what came out.
        for &(x, value, tolerance) in expected() {
            cross(canvas, frame.at((x, value)), frame.y_at(value - tolerance) - frame.y_at(value));
        }
        for entry in &legend {
            let y = 122.0 + 30.0 * entry.row as f64;
            match entry.mark {
                Mark::Series(index) => {
                    let look = style(index);
                    canvas.marker(look.marker, (entry.x + 10.0, y), 7.0, look.color);
                }
                Mark::Expected => cross(canvas, (entry.x + 10.0, y), 0.0),
                Mark::Reserved => canvas.marker(Marker::Ring, (entry.x + 10.0, y), 9.0, INK),
            }
            let text = Lettering::new(INK, LABEL_SIZE, Anchor::Start);
            canvas.text(&entry.text, (entry.x + 26.0, y), text);
        }
    }
}

/// What an entry of the legend explains.
#[derive(Clone, Copy)]
enum Mark {
    /// A line, by its number.
    Series(usize),
    /// Expected values.
    Expected,
    /// Means that do not stand for all jobs.
    Reserved,
}

/// An entry of the legend.
struct Entry {
    mark: Mark,
    text: String,
    x: f64,
    row: usize,
}

impl ResponsePlot {
    fn legend(&self) -> Vec<Entry> {
        let named = self.series.iter().enumerate().filter(|(_, series)| !series.name.is_empty());
        let mut texts: Vec<(Mark, String)> =
            named.take(NAMED).map(|(index, series)| (Mark::Series(index), series.name.clone())).collect();
        if self.series.iter().any(|series| !series.expected.is_empty()) {
            let text = match self.reference.is_empty() {
                true => "expected, with tolerance".to_owned(),
                false => format!("{}, with tolerance", self.reference),
            };
            texts.push((Mark::Expected, text));
        }
        if self.series.iter().flat_map(ResponseSeries::drawn).any(|point| point.reserved) {
            let text = "hollow: censored, or not observed in every replication; see the table";
            texts.push((Mark::Reserved, text.to_owned()));
        }
        let (mut x, mut row) = (170.0, 0);
        let place = |(mark, text): (Mark, String)| {
            let text = fitted(&text, LABEL_SIZE, 1300.0);
            let width = 26.0 + text_width(&text, LABEL_SIZE) + 30.0;
            if x > 170.0 && x + width > 1560.0 {
                (x, row) = (170.0, row + 1);
            }
            let entry = Entry { mark, text, x, row };
            x += width;
            entry
        };
        texts.into_iter().map(place).collect()
    }
}

/// The mark of an expected value: a hollow diamond, with whiskers as long as the tolerance.
fn cross<DB: DrawingBackend>(canvas: &mut Canvas<'_, DB>, (x, y): (f64, f64), whisker: f64) {
    if whisker.abs() > 10.0 {
        for side in [-whisker, whisker] {
            canvas.line(&[(x, y), (x, y + side)], Pen::solid(INK, 1.2));
            canvas.line(&[(x - 9.0, y + side), (x + 9.0, y + side)], Pen::solid(INK, 1.2));
        }
    }
    let mut corners = Marker::Diamond.outline(x, y, 10.0);
    corners.push(corners[0]);
    canvas.line(&corners, Pen::solid(INK, 2.0));
}

/// Least and greatest value with a margin; `None` without values.
fn ends(values: impl Iterator<Item = f64>, margin: f64) -> Option<(f64, f64)> {
    let (low, high) = values
        .filter(|value| value.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    let margin = ((high - low) * margin).max(high.abs() * 1e-3).max(1e-9);
    (low <= high).then_some((low - margin, high + margin))
}
