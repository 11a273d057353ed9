//! Plots of a run and of a comparison, each as SVG and PNG from one drawing function.
//!
//! Promises axes with units, legends, legibility in grey and for colour-blind readers, a bounded number of drawn
//! points, and the same bytes for the same data. Leaves collecting the data to its callers.

mod axes;
mod canvas;
mod causes;
mod comparison;
mod density;
mod distribution;
mod estimates;
mod fidelity;
mod figure;
mod palette;
mod raster;
mod response;
mod series;
mod timeline;
mod tradeoff;
mod violations;

use std::path::Path;

use rayon::prelude::*;

pub use causes::{CausesPlot, CausesRow};
pub use comparison::ForestPlot;
pub use distribution::DistributionPlot;
pub use estimates::{EstimatePoint, EstimatesPlot};
pub use fidelity::{FidelityPlot, FidelityPoint};
pub use figure::{Figure, PlotError};
pub use response::{ResponsePlot, ResponsePoint, ResponseSeries};
pub use series::Series;
pub use timeline::{Measured, Quantity, TimelinePlot};
pub use tradeoff::{TradeoffPlot, TradeoffPoint, TradeoffSeries};
pub use violations::ViolationsPlot;

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
    /// Told against true starts.
    Estimates(EstimatesPlot),
    /// What time was spent on.
    Causes(CausesPlot),
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
            Self::Estimates(plot) => canvas::render(plot),
            Self::Causes(plot) => canvas::render(plot),
        }
    }
}

/// Draws and writes all plots into an existing directory, in parallel; each is a file name without ending and a plot.
pub fn write_all(dir: &Path, plots: &[(&str, Plot)]) -> Result<(), PlotError> {
    plots.par_iter().map(|(name, plot)| plot.render()?.write(dir, name)).collect()
}

#[cfg(test)]
mod tests;
