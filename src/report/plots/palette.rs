//! Colours, dashes and markers that stay distinct for colour-blind readers and in grey.
//!
//! Promises twelve styles of which no two share colour, dash and marker. The colours are those of Okabe and Ito
//! (2008), the yellow left out because it vanishes on white. Leaves their use to the plots.

use plotters::prelude::RGBColor;

pub(super) const INK: RGBColor = RGBColor(33, 37, 41);
pub(super) const SOFT: RGBColor = RGBColor(95, 102, 110);
pub(super) const GRID: RGBColor = RGBColor(226, 229, 233);
pub(super) const FRAME: RGBColor = RGBColor(150, 156, 163);
pub(super) const BLUE: RGBColor = RGBColor(0, 114, 178);
pub(super) const ORANGE: RGBColor = RGBColor(230, 159, 0);
pub(super) const GREEN: RGBColor = RGBColor(0, 158, 115);
pub(super) const RED: RGBColor = RGBColor(213, 94, 0);
/// A red that stays darker than the darkest density cell in grey.
pub(super) const RUST: RGBColor = RGBColor(140, 50, 0);
pub(super) const PINK: RGBColor = RGBColor(204, 121, 167);
pub(super) const SKY: RGBColor = RGBColor(86, 180, 233);

const COLORS: [RGBColor; 7] = [BLUE, RED, GREEN, PINK, ORANGE, SKY, INK];

/// The pattern of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dash {
    Solid,
    Long,
    Short,
    Dots,
    Mixed,
}

/// The shape at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marker {
    Circle,
    Square,
    Triangle,
    Diamond,
    Down,
    Ring,
    Frame,
}

/// What tells one series from the others.
#[derive(Debug, Clone, Copy)]
pub(super) struct SeriesStyle {
    pub color: RGBColor,
    pub dash: Dash,
    pub marker: Marker,
    pub width: f64,
}

/// The style of series number `index`; repeats after 35 of them.
pub(super) fn style(index: usize) -> SeriesStyle {
    use Dash::{Dots, Long, Mixed, Short, Solid};
    use Marker::{Circle, Diamond, Down, Frame, Ring, Square, Triangle};
    let dashes = [Solid, Long, Short, Mixed, Dots];
    let markers = [Circle, Square, Triangle, Diamond, Down, Ring, Frame];
    SeriesStyle {
        color: COLORS[index % COLORS.len()],
        dash: dashes[index % dashes.len()],
        marker: markers[(index + index / 7) % markers.len()],
        width: 2.6,
    }
}

/// Longest line, in pixels, that is cut into dashes.
const LONGEST: f64 = 1e6;

impl Dash {
    /// Lengths drawn and skipped, in turn, for a line of `width` pixels.
    fn pattern(self, width: f64) -> Vec<f64> {
        let unit = width.max(1.5);
        let parts: &[f64] = match self {
            Self::Solid => &[],
            Self::Long => &[6.0, 3.0],
            Self::Short => &[3.0, 2.0],
            Self::Dots => &[1.2, 1.8],
            Self::Mixed => &[6.0, 2.0, 1.5, 2.0],
        };
        parts.iter().map(|part| part * unit).collect()
    }

    /// The visible pieces of a line; of one that is far longer than any picture is wide, the whole.
    pub fn cut(self, points: &[(f64, f64)], width: f64) -> Vec<Vec<(f64, f64)>> {
        let pattern = self.pattern(width);
        let spans = points.windows(2).map(|pair| (pair[1].0 - pair[0].0).hypot(pair[1].1 - pair[0].1));
        if pattern.is_empty() || spans.sum::<f64>() > LONGEST {
            return vec![points.to_vec()];
        }
        let mut pieces = Vec::new();
        let mut piece = vec![points[0]];
        let (mut part, mut left) = (0, pattern[0]);
        for pair in points.windows(2) {
            let (mut from, to) = (pair[0], pair[1]);
            loop {
                let length = (to.0 - from.0).hypot(to.1 - from.1);
                let drawn = part % 2 == 0;
                if length <= left {
                    left -= length;
                    if drawn {
                        piece.push(to);
                    }
                    break;
                }
                let share = left / length;
                from = (from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share);
                if drawn {
                    piece.push(from);
                    pieces.push(std::mem::take(&mut piece));
                } else {
                    piece = vec![from];
                }
                part = (part + 1) % pattern.len();
                left = pattern[part];
            }
        }
        if piece.len() > 1 {
            pieces.push(piece);
        }
        pieces
    }
}

impl Marker {
    /// Whether the inside is white.
    pub fn is_hollow(self) -> bool {
        matches!(self, Self::Ring | Self::Frame)
    }

    /// The corners of an angular marker around (x, y).
    pub fn outline(self, x: f64, y: f64, r: f64) -> Vec<(f64, f64)> {
        match self {
            Self::Triangle => vec![(x, y - 1.2 * r), (x + 1.1 * r, y + 0.8 * r), (x - 1.1 * r, y + 0.8 * r)],
            Self::Down => vec![(x, y + 1.2 * r), (x - 1.1 * r, y - 0.8 * r), (x + 1.1 * r, y - 0.8 * r)],
            Self::Diamond => vec![(x, y - 1.3 * r), (x + 1.3 * r, y), (x, y + 1.3 * r), (x - 1.3 * r, y)],
            Self::Circle | Self::Ring | Self::Square | Self::Frame => {
                let s = 0.9 * r;
                vec![(x - s, y - s), (x + s, y - s), (x + s, y + s), (x - s, y + s)]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_cover_their_share_of_a_line() {
        let points: Vec<(f64, f64)> = (0..=100).map(|x| (f64::from(x) * 3.0, 0.0)).collect();
        let drawn: f64 =
            Dash::Long.cut(&points, 2.0).iter().map(|piece| piece[piece.len() - 1].0 - piece[0].0).sum();
        assert!((drawn / 300.0 - 2.0 / 3.0).abs() < 0.03, "{drawn}");
    }

    #[test]
    fn twelve_series_are_told_apart_without_colour() {
        let styles: Vec<_> = (0..12).map(|i| format!("{:?} {:?}", style(i).dash, style(i).marker)).collect();
        let mut unique = styles.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), 12, "{styles:?}");
    }
}
