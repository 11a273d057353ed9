//! Isolation violations over time, cumulative, by kind.
//!
//! Promises that "none" is as plain to see as many. Leaves finding violations to the auditor.

use plotters::prelude::DrawingBackend;

use super::axes::{
    Frame, LABEL_SIZE, Scale, fitted, heading, linear_ticks, round_up, thousands, time_ticks, y_name,
};
use super::canvas::{Anchor, Canvas, Drawing, Lettering, Pen};
use super::palette::{GREEN, INK, SOFT, style};

/// When violations happened.
#[derive(Debug, Clone, PartialEq)]
pub struct ViolationsPlot {
    /// What it is: `Isolation violations`.
    pub title: String,
    /// Scenario, strategy, seed; one line.
    pub subtitle: String,
    /// End of the time axis in seconds.
    pub until_s: f64,
    /// What was watched, for the sentence under a zero: `18,204 placements on 9 devices`.
    pub watched: String,
    /// Name of each kind and the instants in seconds, ascending; kinds without any may be included.
    pub kinds: Vec<(String, Vec<f64>)>,
}

impl Drawing for ViolationsPlot {
    fn size(&self) -> (u32, u32) {
        (1600, 900)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &mut Canvas<'_, DB>) {
        heading(canvas, &self.title, &self.subtitle);
        let (width, height) = canvas.size();
        let most = self.kinds.iter().map(|(_, times)| times.len()).max().unwrap_or(0) as f64;
        let top = if most == 0.0 { 10.0 } else { round_up(most * 1.04) };
        let frame = Frame {
            left: 130.0,
            top: 120.0,
            right: width - 430.0,
            bottom: height - 80.0,
            x: Scale::linear(0.0, self.until_s),
            y: Scale::linear(0.0, top),
        };
        let (x, unit) = time_ticks(0.0, self.until_s, 11);
        let y = linear_ticks(0.0, top, 6, true);
        // No grid behind the large letters of a zero.
        let rows = if most == 0.0 { &y[..0] } else { &y[..] };
        let columns = if most == 0.0 { &x[..0] } else { &x[..] };
        frame.draw(canvas, columns, rows);
        frame.x_labels(canvas, &x);
        frame.y_labels(canvas, &y);
        frame.x_name(canvas, &format!("simulated time ({unit})"));
        y_name(canvas, "violations so far", (42.0, (frame.top + frame.bottom) / 2.0));
        if most == 0.0 {
            self.nothing(canvas, &frame);
        }
        for (index, (_, times)) in self.kinds.iter().enumerate().rev() {
            let look = style(index);
            let line = steps(&frame, times);
            canvas.line(&line, Pen::solid(look.color, 3.0).dashed(look.dash));
            if let Some(&end) = line.last().filter(|_| most > 0.0) {
                canvas.marker(look.marker, end, 7.0, look.color);
            }
        }
        let (left, right) = (frame.right + 45.0, width - 40.0);
        let head = Lettering::new(SOFT, 16.0, Anchor::End);
        canvas.text("total", (right, frame.top + 8.0), head);
        for (index, (name, times)) in self.kinds.iter().enumerate() {
            let (look, y) = (style(index), frame.top + 44.0 + 38.0 * index as f64);
            let pen = Pen::solid(look.color, 3.0).dashed(look.dash);
            canvas.line(&[(left, y), (left + 46.0, y)], pen);
            canvas.marker(look.marker, (left + 23.0, y), 6.5, look.color);
            let total = thousands(times.len() as f64, 0);
            let taken = canvas.text(&total, (right, y), Lettering::new(INK, LABEL_SIZE, Anchor::End));
            let name = fitted(name, LABEL_SIZE, right - taken - left - 70.0);
            canvas.text(&name, (left + 56.0, y), Lettering::new(INK, LABEL_SIZE, Anchor::Start));
        }
    }
}

impl ViolationsPlot {
    /// The good news in large letters.
    fn nothing<DB: DrawingBackend>(&self, canvas: &mut Canvas<'_, DB>, frame: &Frame) {
        let (x, y) = ((frame.left + frame.right) / 2.0, (frame.top + frame.bottom) / 2.0);
        canvas.text("0 violations", (x, y - 22.0), Lettering::new(GREEN, 54.0, Anchor::Middle));
        let sentence = format!("the auditor found none in {}", self.watched);
        let sentence = fitted(&sentence, 22.0, 700.0);
        canvas.text(&sentence, (x, y + 38.0), Lettering::new(INK, 22.0, Anchor::Middle));
    }
}

/// The counting function: one step per instant, at most two points per pixel column.
fn steps(frame: &Frame, times: &[f64]) -> Vec<(f64, f64)> {
    let mut line = vec![(frame.left, frame.bottom)];
    let mut before = frame.bottom;
    for (index, &time) in times.iter().enumerate() {
        let x = frame.x_at(time);
        let same_column = times.get(index + 1).is_some_and(|&next| frame.x_at(next) - x < 0.5);
        if same_column {
            continue;
        }
        line.push((x, before));
        before = frame.y_at((index + 1) as f64);
        line.push((x, before));
    }
    line.push((frame.right, before));
    line
}
