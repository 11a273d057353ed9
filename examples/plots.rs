//! Draws every plot from made-up data, to look at them: `cargo run --release --example plots -- DIR`.

use std::path::PathBuf;
use std::time::Instant;

use rand::RngExt;
use rand_distr::{Distribution, Exp1, StandardNormal};
use resource_manager::experiment::comparison::{Comparison, Metric, MetricValues, Variant};
use resource_manager::random::{Purpose, Stream, StreamFamily};
use resource_manager::report::plots::{
    DistributionPlot, FidelityPlot, FidelityPoint, ForestPlot, Plot, Quantity, Series, TimelinePlot,
    ViolationsPlot, write_all,
};

const DAY: f64 = 86_400.0;
const NAMES: [&str; 12] = [
    "fez",
    "marrakesh",
    "torino",
    "brisbane",
    "kyiv",
    "sherbrooke",
    "aachen",
    "berlin_square_120",
    "forte-enterprise-1",
    "h2-1",
    "garnet",
    "ankaa-3",
];

fn normal(stream: &mut Stream) -> f64 {
    StandardNormal.sample(stream)
}

/// A bounded random walk with a daily rhythm.
fn walk(stream: &mut Stream, name: &str, level: f64, samples: usize, until: f64) -> Series {
    let mut noise = 0.0;
    let points = (0..samples).map(|sample| {
        let time = until * sample as f64 / samples as f64;
        noise = 0.97 * noise + 0.03 * normal(stream);
        let rhythm = 0.18 * (time / DAY * std::f64::consts::TAU - 1.5).sin();
        (time, (level + rhythm + noise + 0.02 * normal(stream)).clamp(0.0, 1.0))
    });
    Series { name: name.to_owned(), points: points.collect() }
}

fn timeline(stream: &mut Stream, devices: usize, samples: usize, until_s: f64, quantity: Quantity) -> Plot {
    let factor = if quantity == Quantity::Share { 1.0 } else { 140.0 };
    let scaled = |mut series: Series, factor: f64| {
        for point in &mut series.points {
            point.1 = if factor == 1.0 { point.1 } else { (point.1 * factor).round() };
        }
        series
    };
    let list: Vec<Series> = (0..devices)
        .map(|device| {
            let name =
                NAMES.get(device).map_or_else(|| format!("device-{device}"), |name| (*name).to_owned());
            let level = 0.25 + 0.6 * ((device * 5 % 12) as f64 / 12.0);
            scaled(walk(stream, &name, level, samples, until_s), factor)
        })
        .collect();
    Plot::Timeline(TimelinePlot {
        title: if quantity == Quantity::Share { "Qubit utilization" } else { "Jobs waiting" }.to_owned(),
        subtitle: "quickstart, exact placement, seed 42, replication 1 of 10".to_owned(),
        axis: if quantity == Quantity::Share {
            "utilization (share of qubits in service)"
        } else {
            "waiting jobs"
        }
        .to_owned(),
        quantity,
        until_s,
        fleet: Some(scaled(walk(stream, "fleet", 0.6, samples, until_s), factor * 1.0)),
        devices: list,
    })
}

fn waits(stream: &mut Stream, count: usize, scale: f64, instant: f64) -> Vec<f64> {
    (0..count)
        .map(|_| {
            if stream.random::<f64>() < instant {
                return 0.0;
            }
            let exponential: f64 = Exp1.sample(stream);
            scale * exponential * (1.1 * normal(stream)).exp()
        })
        .collect()
}

fn fidelity(stream: &mut Stream, count: usize) -> Plot {
    let points = (0..count).map(|_| {
        let time_s = 7.0 * DAY * stream.random::<f64>();
        let predicted: f64 = (0.9 - 0.25 * stream.random::<f64>().powi(2) + 0.02 * normal(stream)).min(0.99);
        let age = time_s / DAY % 1.0;
        let actual =
            (predicted - 0.03 * age - 0.02 * (normal(stream)).abs() + 0.006 * normal(stream)).clamp(0.0, 1.0);
        FidelityPoint { time_s, predicted, actual }
    });
    Plot::Fidelity(FidelityPlot {
        title: "Predicted and true fidelity".to_owned(),
        subtitle: "quickstart, exact placement, seed 42; 20,000 finished jobs, 3.1 % below their requirement"
            .to_owned(),
        until_s: 7.0 * DAY,
        points: points.collect(),
    })
}

fn forest(stream: &mut Stream, replications: usize) -> Plot {
    let names = ["first_fit", "exact", "region", "fixed_regions"];
    let metrics = [
        Metric::lower("waiting_time_s.mean"),
        Metric::lower("waiting_time_s.p95"),
        Metric::higher("qubit_utilization"),
        Metric::lower("fragmentation"),
        Metric::higher("fidelity_true.mean"),
        Metric::lower("isolation_violations"),
    ];
    let worlds: Vec<f64> = (0..replications).map(|_| normal(stream)).collect();
    let variants = names.iter().enumerate().map(|(index, name)| {
        let replications = worlds.iter().map(|world| {
            let effect = [0.0, -0.12, -0.04, 0.3][index];
            let mut value = |base: f64, share: f64| {
                Some(base * (1.0 + share * effect + 0.2 * world + 0.03 * normal(stream)))
            };
            MetricValues::from([
                ("waiting_time_s.mean".to_owned(), value(420.0, 1.0)),
                ("waiting_time_s.p95".to_owned(), value(1_900.0, 1.6)),
                ("qubit_utilization".to_owned(), value(0.55, -0.2)),
                ("fragmentation".to_owned(), value(0.31, 0.5)),
                ("fidelity_true.mean".to_owned(), value(0.88, -0.3)),
                ("isolation_violations".to_owned(), Some(if index == 3 { 2.0 } else { 0.0 })),
            ])
        });
        Variant::new(*name, replications.collect())
    });
    let variants: Vec<Variant> = variants.collect();
    Plot::Forest(ForestPlot {
        title: "Placement strategies against first_fit".to_owned(),
        subtitle: format!("quickstart, seed 42, {replications} replications, common random numbers"),
        comparison: Comparison::new(&metrics, &variants, 0, 1).expect("paired variants"),
    })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "results/plots".to_owned()));
    std::fs::create_dir_all(&dir)?;
    let mut stream = StreamFamily::new(1, 0, Purpose::Resampling).stream(0, 0);
    let stream = &mut stream;
    let wait = |series: Vec<(String, Vec<f64>)>| {
        Plot::Distribution(DistributionPlot {
            title: "Waiting time".to_owned(),
            subtitle: "quickstart, exact placement, seed 42; 20,000 started jobs".to_owned(),
            axis: "waiting time".to_owned(),
            series,
        })
    };
    let mut by_device = vec![("fleet".to_owned(), waits(stream, 20_000, 120.0, 0.2))];
    for (index, name) in NAMES.iter().enumerate() {
        by_device.push(((*name).to_owned(), waits(stream, 1_700, 20.0 * (index + 1) as f64, 0.1)));
    }
    let violations = |kinds: Vec<(String, Vec<f64>)>| {
        Plot::Violations(ViolationsPlot {
            title: "Isolation violations".to_owned(),
            subtitle: "quickstart, exact placement, seed 42".to_owned(),
            until_s: 7.0 * DAY,
            watched: "18,204 allocations on 12 devices".to_owned(),
            kinds,
        })
    };
    let kinds = ["buffer distance", "crosstalk budget", "temporal guard"];
    let mut some: Vec<(String, Vec<f64>)> = kinds
        .iter()
        .zip([40, 13, 0])
        .map(|(kind, count)| {
            let mut times: Vec<f64> = (0..count).map(|_| 7.0 * DAY * stream.random::<f64>()).collect();
            times.sort_by(f64::total_cmp);
            ((*kind).to_owned(), times)
        })
        .collect();
    some[1].1.truncate(13);
    let plots = [
        ("utilization", timeline(stream, 12, 60_480, 7.0 * DAY, Quantity::Share)),
        ("utilization_one_day", timeline(stream, 3, 1_440, DAY, Quantity::Share)),
        ("utilization_fleet", timeline(stream, 0, 300, 3_600.0, Quantity::Share)),
        ("queue", timeline(stream, 9, 20_160, 7.0 * DAY, Quantity::Count)),
        ("queue_many", timeline(stream, 40, 2_016, 14.0 * DAY, Quantity::Count)),
        ("waiting", wait(by_device)),
        (
            "waiting_two",
            wait(vec![
                ("first_fit".to_owned(), waits(stream, 5_000, 2.0, 0.4)),
                ("exact".to_owned(), waits(stream, 5_000, 1.2, 0.5)),
            ]),
        ),
        ("waiting_none", wait(vec![("fleet".to_owned(), vec![0.0; 10])])),
        ("fidelity", fidelity(stream, 20_000)),
        ("fidelity_few", fidelity(stream, 60)),
        ("violations", violations(some)),
        ("violations_none", violations(kinds.iter().map(|kind| ((*kind).to_owned(), vec![])).collect())),
        ("comparison", forest(stream, 10)),
        ("comparison_single", forest(stream, 1)),
    ];
    for (name, plot) in &plots {
        let start = Instant::now();
        let figure = plot.render()?;
        println!(
            "{name:22} {:5} ms  svg {:4} kB  png {:4} kB",
            start.elapsed().as_millis(),
            figure.svg.len() / 1000,
            figure.png.len() / 1000
        );
    }
    let start = Instant::now();
    write_all(&dir, &plots)?;
    println!("all {} plots in parallel: {} ms", plots.len(), start.elapsed().as_millis());
    Ok(())
}
