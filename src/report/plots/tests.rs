//! Every plot with ordinary, hostile and no data: it must be drawn, the same way each time, and stay small.

use super::*;
use crate::experiment::comparison::{Comparison, Metric, MetricValues, Variant};

/// One plot of each kind around the same values.
fn plots(values: &[f64], until_s: f64) -> Vec<Plot> {
    let points: Vec<(f64, f64)> = (0..values.len())
        .map(|index| (until_s * index as f64 / values.len() as f64, values[index]))
        .collect();
    let series = |name: &str| Series { name: name.to_owned(), points: points.clone() };
    let text = |text: &str| text.to_owned();
    let timeline = |quantity, devices: usize| {
        Plot::Timeline(TimelinePlot {
            title: text("a <title> & more"),
            subtitle: text("µ"),
            axis: text("axis"),
            quantity,
            until_s,
            measured_from_s: until_s / 4.0,
            fleet: (devices != 1).then(|| Measured { series: series("fleet"), mean: None }),
            devices: (0..devices)
                .map(|index| Measured {
                    series: series(&format!("device {index}")),
                    mean: values.first().copied(),
                })
                .collect(),
        })
    };
    let variant = |name: &str, shift: f64| {
        let values = values.iter().take(10);
        let values =
            values.map(|value| MetricValues::from([(text("waiting_time_s.mean"), Some(value + shift))]));
        Variant::new(text(name), values.collect())
    };
    let comparison = Comparison::new(
        &[Metric::lower("waiting_time_s.mean")],
        &[variant("a", 0.0), variant("b", 0.25)],
        0,
        1,
    );
    let fidelity = points.iter().map(|&(time_s, predicted)| FidelityPoint {
        time_s,
        predicted,
        actual: predicted * 0.9,
    });
    vec![
        timeline(Quantity::Share, 0),
        timeline(Quantity::Count, 1),
        timeline(Quantity::Share, 30),
        Plot::Distribution(DistributionPlot {
            title: text("waiting"),
            subtitle: String::new(),
            axis: text("waiting time"),
            series: (0..20).map(|index| (format!("series {index}"), values.to_vec())).collect(),
            first: None,
        }),
        Plot::Fidelity(FidelityPlot {
            title: text("fidelity"),
            subtitle: String::new(),
            until_s,
            points: fidelity.collect(),
        }),
        Plot::Violations(ViolationsPlot {
            title: text("violations"),
            subtitle: String::new(),
            until_s,
            watched: text("nothing"),
            kinds: vec![(text("kind"), points.iter().map(|point| point.0).collect())],
        }),
        Plot::Estimates(EstimatesPlot {
            title: text("estimates"),
            subtitle: String::new(),
            points: points
                .iter()
                .map(|&(x, y)| EstimatePoint { told: [x / 2.0, x, 2.0 * x], came: y })
                .collect(),
        }),
        Plot::Causes(CausesPlot {
            title: text("causes"),
            subtitle: String::new(),
            causes: vec![text("one"), text("two_words")],
            rows: (0..20)
                .map(|index| CausesRow {
                    name: format!("a row with a long name {index}"),
                    jobs: index,
                    seconds: values.iter().copied().take(2).collect(),
                })
                .collect(),
        }),
        Plot::Response(ResponsePlot {
            title: text("response"),
            subtitle: String::new(),
            x_name: text("load"),
            x_labels: None,
            y_name: text("waiting_time_s.mean (s)"),
            series: (0..30)
                .map(|index| ResponseSeries {
                    name: format!("series {index}"),
                    points: points
                        .iter()
                        .map(|&(x, mean)| ResponsePoint {
                            x,
                            mean,
                            interval: Some((mean - 0.1, mean + 0.1)),
                            reserved: x < 3.0,
                        })
                        .collect(),
                    expected: points.iter().map(|&(x, value)| (x, value, 0.05)).collect(),
                })
                .collect(),
            reference: text("a <paper>"),
        }),
        Plot::Forest(ForestPlot {
            title: text("forest"),
            subtitle: String::new(),
            comparison: comparison.expect("paired variants"),
        }),
    ]
}

#[test]
fn the_same_data_give_the_same_bytes_as_text_and_as_a_bitmap() {
    plots(&[0.2, 0.9, 0.4, 0.7, 0.5], 3_600.0).par_iter().for_each(|plot| {
        let figure = plot.render().unwrap();
        assert_eq!(figure, plot.render().unwrap());
        assert!(figure.svg.starts_with("<svg width=\"1600\" ") && figure.svg.ends_with("</svg>\n"));
        assert!(
            figure.svg.contains("<text") && !figure.svg.contains("a <title> &"),
            "text stays text, escaped"
        );
        assert!(figure.png.starts_with(b"\x89PNG"));
    });
}

#[test]
fn hostile_data_are_drawn_all_the_same() {
    let cases: [(&[f64], f64); 4] = [
        (&[], 0.0),
        (&[0.0; 12], 1e-9),
        (&[f64::NAN, f64::INFINITY, -1.0, 0.3, f64::NEG_INFINITY], 60.0),
        (&[1e300, -1e300, 1e-300], 1e18),
    ];
    for (values, until_s) in cases {
        plots(values, until_s).par_iter().for_each(|plot| {
            assert!(plot.render().is_ok(), "{values:?} until {until_s}: {plot:?}");
        });
    }
}

#[test]
fn a_million_samples_make_a_small_file() {
    let values: Vec<f64> = (0..1_000_000_u64).map(|index| (index * 7_919 % 1_000) as f64 / 1_000.0).collect();
    let points = values.iter().enumerate().map(|(index, &value)| (index as f64, value)).collect();
    let plot = Plot::Timeline(TimelinePlot {
        title: "many".to_owned(),
        subtitle: String::new(),
        axis: "share".to_owned(),
        quantity: Quantity::Share,
        until_s: 1e6,
        measured_from_s: 0.0,
        fleet: Some(Measured { series: Series { name: "fleet".to_owned(), points }, mean: None }),
        devices: Vec::new(),
    });
    let bytes = plot.render().unwrap().svg.len();
    assert!(bytes < 100_000, "{bytes} bytes");
}
