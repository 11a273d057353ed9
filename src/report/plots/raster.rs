//! Anti-aliased filling of polygons and glyphs: from outlines to the share of each pixel that they cover.
//!
//! Promises the non-zero winding rule (overlapping strokes are a union) and the same coverage on every machine.
//! Leaves colours and blending to the canvas. plotters' own rasterizer aliases wide lines and breaks at sharp turns.

use std::sync::LazyLock;

use ab_glyph::{Font, FontRef, PxScale, ScaleFont, point};

use crate::report::font;

/// Sample lines per pixel row; exact coverage along the row makes four enough.
const ROWS: i64 = 4;

/// Gathers closed outlines in pixel coordinates, then reports coverage.
#[derive(Debug, Default)]
pub(super) struct Filler {
    /// Where an outline crosses a sample line.
    crossings: Vec<Crossing>,
}

/// A place where an outline crosses a sample line, packed so that numbers are ordered by line, then by x: sorting
/// crossings is most of the work of filling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Crossing(u64);

impl Crossing {
    /// Lines beyond are above or below any picture.
    const LINES: i64 = 1 << 30;
    const SIGN: u32 = 1 << 31;

    fn new(line: i64, x: f32, downwards: bool) -> Self {
        let line = (line.clamp(-Self::LINES, Self::LINES - 1) + Self::LINES) as u64;
        // The bits of positive floats are ordered as they are, those of negative ones the other way round.
        let bits = x.to_bits();
        let ordered = if bits & Self::SIGN == 0 { bits | Self::SIGN } else { !bits };
        Self(line << 33 | u64::from(ordered) << 1 | u64::from(downwards))
    }

    fn line(self) -> i64 {
        (self.0 >> 33) as i64 - Self::LINES
    }

    fn x(self) -> f32 {
        let ordered = (self.0 >> 1) as u32;
        f32::from_bits(if ordered & Self::SIGN == 0 { !ordered } else { ordered ^ Self::SIGN })
    }

    fn winding(self) -> i32 {
        if self.0 & 1 == 1 { 1 } else { -1 }
    }
}

impl Filler {
    /// Adds a closed polygon. All polygons of one filling should turn the same way, or they cut holes.
    pub fn polygon(&mut self, corners: &[(f64, f64)]) {
        for (index, &from) in corners.iter().enumerate() {
            self.edge(from, corners[(index + 1) % corners.len()]);
        }
    }

    /// Adds the stroke of a polyline: one quadrilateral per segment and a round-ish joint at each inner point.
    pub fn stroke(&mut self, points: &[(f64, f64)], width: f64) {
        let half = width / 2.0;
        for pair in points.windows(2) {
            let [(x0, y0), (x1, y1)] = [pair[0], pair[1]];
            let length = (x1 - x0).hypot(y1 - y0);
            if length < 1e-9 {
                continue;
            }
            let (dx, dy) = ((y1 - y0) / length * half, -(x1 - x0) / length * half);
            self.polygon(&[(x0 + dx, y0 + dy), (x1 + dx, y1 + dy), (x1 - dx, y1 - dy), (x0 - dx, y0 - dy)]);
        }
        if width > 1.2 && points.len() > 2 {
            for &(x, y) in &points[1..points.len() - 1] {
                self.polygon(&circle(x, y, half, 8));
            }
        }
    }

    fn edge(&mut self, from: (f64, f64), to: (f64, f64)) {
        let (top, bottom, downwards) = if from.1 <= to.1 { (from, to, true) } else { (to, from, false) };
        let scale = ROWS as f64;
        // Sample lines lie in the middle of their slice of the pixel row.
        let first = (top.1 * scale - 0.5).ceil() as i64;
        let last = (bottom.1 * scale - 0.5).ceil() as i64;
        if first >= last {
            return;
        }
        let slope = (bottom.0 - top.0) / (bottom.1 - top.1);
        for line in first..last {
            let y = (line as f64 + 0.5) / scale;
            let x = top.0 + (y - top.1) * slope;
            self.crossings.push(Crossing::new(line, x as f32, downwards));
        }
    }

    /// Reports every touched pixel (x, y, share covered in 0..=1) inside `width` x `height`, and forgets the outlines.
    pub fn fill(&mut self, width: u32, height: u32, mut pixel: impl FnMut(i32, i32, f32)) {
        self.crossings.sort_unstable();
        let mut covered = vec![0.0_f32; width as usize + 1];
        let mut rest = self.crossings.as_slice();
        while let Some(first) = rest.first() {
            let row = first.line().div_euclid(ROWS);
            let (mut low, mut high) = (usize::MAX, 0);
            while let Some(line) = rest.first().map(|crossing| crossing.line())
                && line.div_euclid(ROWS) == row
            {
                let count = rest.iter().take_while(|crossing| crossing.line() == line).count();
                let (here, later) = rest.split_at(count);
                rest = later;
                let mut winding = 0;
                for pair in here.windows(2) {
                    winding += pair[0].winding();
                    if winding != 0 {
                        let span = (pair[0].x().max(0.0), pair[1].x().min(width as f32));
                        add_span(&mut covered, span, &mut low, &mut high);
                    }
                }
            }
            if low <= high {
                for (offset, share) in covered[low..=high].iter_mut().enumerate() {
                    if *share > 0.0 && (0..i64::from(height)).contains(&row) && low + offset < width as usize
                    {
                        pixel((low + offset) as i32, row as i32, share.min(1.0));
                    }
                    *share = 0.0;
                }
            }
        }
        self.crossings.clear();
    }
}

/// Adds one sample line's span to the coverage of its row.
fn add_span(covered: &mut [f32], (from, to): (f32, f32), low: &mut usize, high: &mut usize) {
    if to <= from {
        return;
    }
    let weight = 1.0 / ROWS as f32;
    let (first, last) = (from as usize, to as usize);
    *low = first.min(*low);
    *high = last.max(*high);
    if first == last {
        covered[first] += (to - from) * weight;
        return;
    }
    covered[first] += (first as f32 + 1.0 - from) * weight;
    for share in &mut covered[first + 1..last] {
        *share += weight;
    }
    covered[last] += (to - last as f32) * weight;
}

/// A regular polygon that stands for a circle.
pub(super) fn circle(x: f64, y: f64, radius: f64, corners: usize) -> Vec<(f64, f64)> {
    (0..corners)
        .map(|corner| {
            let angle = corner as f64 / corners as f64 * std::f64::consts::TAU;
            (x + radius * libm::cos(angle), y + radius * libm::sin(angle))
        })
        .collect()
}

static FONT: LazyLock<Option<FontRef<'static>>> = LazyLock::new(|| FontRef::try_from_slice(font::SANS).ok());

/// The scale at which ab_glyph, which counts from ascent to descent, draws an em of `size` pixels.
fn scale(font: &FontRef<'_>, size: f64) -> PxScale {
    let units = font.units_per_em().unwrap_or(2048.0);
    PxScale::from(size as f32 * font.height_unscaled() / units)
}

/// The width of a text in the embedded font at `size` pixels per em.
pub(super) fn text_width(text: &str, size: f64) -> f64 {
    let Some(font) = FONT.as_ref() else { return 0.0 };
    let font = font.as_scaled(scale(font, size));
    let advances = text.chars().map(|c| f64::from(font.h_advance(font.glyph_id(c))));
    advances.sum()
}

/// Draws a text whose baseline starts at (x, baseline); `turned` text runs upwards.
pub(super) fn glyphs(
    text: &str,
    size: f64,
    (x, baseline): (f64, f64),
    turned: bool,
    mut pixel: impl FnMut(i32, i32, f32),
) {
    let Some(font) = FONT.as_ref() else { return };
    let scale = scale(font, size);
    let scaled = font.as_scaled(scale);
    // A turned text is drawn level at a whole pixel and rotated pixel by pixel, which keeps it crisp.
    let origin = if turned { (0.0, 0.0) } else { (x, baseline.round()) };
    let mut pen = origin.0 as f32;
    for c in text.chars() {
        let id = font.glyph_id(c);
        let glyph = id.with_scale_and_position(scale, point(pen, origin.1 as f32));
        pen += scaled.h_advance(id);
        let Some(outline) = font.outline_glyph(glyph) else {
            continue;
        };
        let bounds = outline.px_bounds();
        let (left, top) = (bounds.min.x as i32, bounds.min.y as i32);
        outline.draw(|column, row, share| {
            let (right, down) = (left + column as i32, top + row as i32);
            if turned {
                pixel(x.round() as i32 + down, baseline.round() as i32 - right, share.min(1.0));
            } else {
                pixel(right, down, share.min(1.0));
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(filler: &mut Filler) -> f32 {
        let mut sum = 0.0;
        filler.fill(100, 100, |_, _, share| sum += share);
        sum
    }

    #[test]
    fn coverage_adds_up_to_the_area() {
        let mut filler = Filler::default();
        filler.polygon(&[(10.25, 10.0), (20.75, 10.0), (20.75, 12.5), (10.25, 12.5)]);
        assert!((area(&mut filler) - 26.25).abs() < 1e-3);
        filler.polygon(&circle(50.0, 50.0, 20.0, 64));
        assert!((area(&mut filler) - 1254.6).abs() < 3.0);
    }

    #[test]
    fn overlapping_strokes_are_a_union_and_clip_at_the_border() {
        let mut filler = Filler::default();
        filler.stroke(&[(10.0, 50.0), (60.0, 50.0)], 4.0);
        filler.stroke(&[(20.0, 50.0), (60.0, 50.0)], 4.0);
        assert!((area(&mut filler) - 200.0).abs() < 1e-2);
        filler.stroke(&[(-50.0, 50.0), (150.0, 50.0)], 4.0);
        assert!((area(&mut filler) - 400.0).abs() < 1e-2);
    }

    #[test]
    fn the_embedded_font_measures_text() {
        let width = text_width("utilization", 20.0);
        assert!((80.0..130.0).contains(&width), "{width}");
    }
}
