//! Plots of a run and of a comparison, each as SVG and PNG from one drawing function.
//!
//! Promises axes with units, legends, legibility in grey and for colour-blind readers, a bounded number of drawn
//! points, and the same bytes for the same data. Leaves collecting the data to its callers.

mod axes;
mod canvas;
mod comparison;
mod distribution;
mod fidelity;
mod palette;
mod raster;
mod response;
mod timeline;
mod tradeoff;
mod violations;

use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::experiment::writing;

pub use comparison::ForestPlot;
pub use distribution::DistributionPlot;
pub use fidelity::{FidelityPlot, FidelityPoint};
pub use response::{ResponsePlot, ResponsePoint, ResponseSeries};
pub use timeline::{Quantity, TimelinePlot};
pub use tradeoff::{TradeoffPlot, TradeoffPoint, TradeoffSeries};
pub use violations::ViolationsPlot;

/// Named points, x ascending.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Series {
    /// Name in the legend.
    pub name: String,
    /// (x, y); on time axes x is in seconds since the start. A y that is no number is a gap in the line.
    pub points: Vec<(f64, f64)>,
}

/// Any plot. All of them can be drawn from several threads.
#[derive(Debug, Clone, PartialEq)]
pub enum Plot {
    /// A quantity over time, for the fleet and each device.
    Timeline(TimelinePlot),
    /// Cumulative distributions of times.
    Distribution(DistributionPlot),
    /// Predicted against true fidelity.
    Fidelity(FidelityPlot),
    /// Isolation violations over time.
    Violations(ViolationsPlot),
    /// Paired differences with intervals.
    Forest(ForestPlot),
    /// Two quantities against each other.
    Tradeoff(TradeoffPlot),
    /// A metric against what was varied.
    Response(ResponsePlot),
}

/// A finished plot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// The vector picture; text is text.
    pub svg: String,
    /// The bitmap, an encoded PNG.
    pub png: Vec<u8>,
}

/// Why a plot could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PlotError {
    /// The backend failed.
    #[error("plot could not be drawn: {0}")]
    Drawing(String),
    /// A file could not be written.
    #[error("plot could not be written to {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Plot {
    /// Draws the plot, as SVG and as PNG.
    pub fn render(&self) -> Result<Figure, PlotError> {
        match self {
            Self::Timeline(plot) => canvas::render(plot),
            Self::Distribution(plot) => canvas::render(plot),
            Self::Fidelity(plot) => canvas::render(plot),
            Self::Violations(plot) => canvas::render(plot),
            Self::Forest(plot) => canvas::render(plot),
            Self::Tradeoff(plot) => canvas::render(plot),
            Self::Response(plot) => canvas::render(plot),
        }
    }
}

impl Figure {
    /// Writes `<dir>/<name>.svg` and `<dir>/<name>.png`.
    pub fn write(&self, dir: &Path, name: &str) -> Result<(), PlotError> {
        for (ending, bytes) in [("svg", self.svg.as_bytes()), ("png", self.png.as_slice())] {
            let path = dir.join(format!("{name}.{ending}"));
            writing::replace(&path, bytes).map_err(|source| PlotError::Write { path, source })?;
        }
        Ok(())
    }
}

/// Draws and writes all plots into an existing directory, in parallel; each is a file name without ending and a plot.
pub fn write_all(dir: &Path, plots: &[(&str, Plot)]) -> Result<(), PlotError> {
    plots.par_iter().map(|(name, plot)| plot.render()?.write(dir, name)).collect()
}

#[cfg(test)]
mod tests;
