//! Many points as a density: cells, darker where more of them fall.

use plotters::prelude::{Color, DrawingBackend};

use super::axes::Frame;
use super::canvas::{Anchor, Canvas, Lettering};
use super::palette::{BLUE, INK};

/// Side of a cell in pixels.
const CELL: f64 = 8.0;

/// Cells of [`CELL`] pixels, darker where more points fall (logarithmic); points beyond the axes are left out.
pub(super) fn density<DB: DrawingBackend>(
    canvas: &mut Canvas<'_, DB>,
    frame: &Frame,
    points: impl Iterator<Item = (f64, f64)>,
) {
    let (columns, rows) = ((frame.width() / CELL).ceil() as usize, (frame.height() / CELL).ceil() as usize);
    let mut counts = vec![0_u32; columns * rows];
    let shown = |&(x, y): &(f64, f64)| frame.x.contains(x) && frame.y.contains(y);
    for (x, y) in points.filter(shown) {
        let column = ((frame.x.position(x) * frame.width() / CELL) as usize).min(columns - 1);
        let row = ((frame.y.position(y) * frame.height() / CELL) as usize).min(rows - 1);
        counts[row * columns + column] += 1;
    }
    let most = counts.iter().copied().max().unwrap_or(1).max(1);
    for (index, &count) in counts.iter().enumerate().filter(|&(_, &count)| count > 0) {
        let (column, row) = ((index % columns) as f64, (index / columns) as f64);
        let (left, bottom) = (frame.left + column * CELL, frame.bottom - row * CELL);
        let strength = libm::log(1.0 + f64::from(count)) / libm::log(1.0 + f64::from(most));
        let (right, top) = ((left + CELL).min(frame.right), (bottom - CELL).max(frame.top));
        canvas.rectangle((left, top), (right, bottom), BLUE.mix(0.12 + 0.68 * strength));
    }
}

/// The key of a density, with what its points are; how wide it is, with some room after it.
pub(super) fn density_key<DB: DrawingBackend>(
    canvas: &mut Canvas<'_, DB>,
    (left, y): (f64, f64),
    points: &str,
) -> f64 {
    for (index, strength) in [0.25, 0.5, 0.8].into_iter().enumerate() {
        let from = left + 9.0 * index as f64;
        canvas.rectangle((from, y - 6.0), (from + 9.0, y + 6.0), BLUE.mix(strength));
    }
    let style = Lettering::new(INK, 17.0, Anchor::Start);
    35.0 + canvas.text(points, (left + 35.0, y), style) + 26.0
}
