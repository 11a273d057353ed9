//! Which plots a comparison gets, and from which of its numbers.
//!
//! Promises a plot only where there is something to show. Leaves drawing to [`super::plots`].

use super::plots::{DistributionPlot, ForestPlot, Plot, TradeoffPlot, TradeoffPoint, TradeoffSeries};
use crate::experiment::compare::Compared;
use crate::experiment::comparison::Variant;
use crate::experiment::statistics::mean;
use crate::observe::metrics::METRICS;

/// The plots of a comparison by file name: differences, waiting times, and the two metrics of `trade_off` against each
/// other.
pub fn comparison_plots(
    compared: &Compared,
    trade_off: &(String, String),
    subtitle: &str,
) -> Vec<(&'static str, Plot)> {
    let comparison = compared.comparison.clone();
    let title = format!("Compared with {}", comparison.baseline);
    let mut plots =
        vec![("comparison", Plot::Forest(ForestPlot { title, subtitle: subtitle.to_owned(), comparison }))];
    let waits: Vec<(String, Vec<f64>)> = compared
        .variants
        .iter()
        .zip(&compared.first)
        .filter_map(|(variant, collected)| {
            let jobs = &collected.as_ref()?.jobs;
            let waits = jobs.iter().filter_map(|job| Some(job.waited?.as_secs_f64())).collect();
            Some((variant.name.clone(), waits))
        })
        .collect();
    if !waits.is_empty() {
        plots.push((
            "waiting_time_cdf",
            Plot::Distribution(DistributionPlot {
                title: "Waiting time".to_owned(),
                subtitle: format!("{subtitle}; jobs of the first replication, warm-up included"),
                axis: "waiting time".to_owned(),
                series: waits,
            }),
        ));
    }
    let points = compared.variants.iter().filter_map(|variant| {
        let at = (mean_of(variant, &trade_off.0)?, mean_of(variant, &trade_off.1)?);
        let evidence = &variant.evidence;
        let spoiled = evidence.cold
            || [&trade_off.0, &trade_off.1].iter().any(|name| evidence.censored.contains(*name));
        let label = if spoiled { format!("{} (censored)", variant.name) } else { variant.name.clone() };
        Some(TradeoffPoint { label, at })
    });
    let points: Vec<TradeoffPoint> = points.collect();
    if points.len() > 1 {
        plots.push((
            "trade_off",
            Plot::Tradeoff(TradeoffPlot {
                title: "Trade-off".to_owned(),
                subtitle: format!("{subtitle}; means over the replications"),
                x_name: axis_name(&trade_off.0),
                y_name: axis_name(&trade_off.1),
                series: vec![TradeoffSeries { name: "variants".to_owned(), joined: false, points }],
            }),
        ));
    }
    plots
}

fn mean_of(variant: &Variant, metric: &str) -> Option<f64> {
    let values = variant.replications.iter().filter_map(|values| values.get(metric).copied().flatten());
    mean(&values.collect::<Vec<f64>>())
}

/// The metric in words, as far as its name tells: `waiting time, mean (s)`.
fn axis_name(metric: &str) -> String {
    let (name, statistic) = metric.split_once('.').unwrap_or((metric, ""));
    let unit = METRICS.iter().find(|def| def.name == name).map_or("", |def| def.unit);
    let name = name.strip_suffix(&format!("_{unit}")).unwrap_or(name).replace('_', " ");
    let statistic = if statistic.is_empty() { String::new() } else { format!(", {statistic}") };
    let unit = if unit.is_empty() { String::new() } else { format!(" ({unit})") };
    format!("{name}{statistic}{unit}")
}
