//! A line of a plot.
//!
//! Promises nothing: plain values. Leaves how it looks to the plots.

/// Named points, x ascending.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Series {
    /// Name in the legend.
    pub name: String,
    /// (x, y); on time axes x is in seconds since the start. A y that is no number is a gap in the line.
    pub points: Vec<(f64, f64)>,
}
