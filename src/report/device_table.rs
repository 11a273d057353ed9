//! Tables of devices for the terminal.
//!
//! Promises plain text without colour, aligned, at most one line per device or figure. Leaves printing to the binary.

use crate::quantum::calibration::Calibration;
use crate::quantum::device::{DeviceSpec, Granularity, Technology};

/// Six numbers of a sorted column: lowest, quartiles, highest, mean.
struct Summary {
    low: f64,
    quarter: f64,
    median: f64,
    three_quarters: f64,
    high: f64,
    mean: f64,
}

impl Summary {
    /// Of finite values; none when there are none.
    fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = values.filter(|value| value.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().checked_sub(1)?;
        // The value at a share of the way, between two neighbours in proportion.
        let at = |share: f64| {
            let place = share * last as f64;
            let (below, rest) = (place.floor() as usize, place.fract());
            sorted[below] + (sorted[(below + 1).min(last)] - sorted[below]) * rest
        };
        let mean = sorted.iter().sum::<f64>() / sorted.len() as f64;
        Some(Self {
            low: at(0.0),
            quarter: at(0.25),
            median: at(0.5),
            three_quarters: at(0.75),
            high: at(1.0),
            mean,
        })
    }
}

/// The table of `rmsim device list`: one line per device, medians over its live elements.
pub fn list<'a>(devices: impl IntoIterator<Item = &'a DeviceSpec>) -> String {
    let mut rows = vec![
        [
            "name",
            "vendor",
            "technology",
            "qubits",
            "couplers",
            "dead",
            "2q error",
            "readout",
            "T1",
            "calibrated",
        ]
        .map(str::to_owned),
    ];
    for device in devices {
        let figures = &device.calibration;
        let (dead_qubits, dead_couplers) = dead(figures);
        let median = |values: Option<Summary>, show: fn(f64) -> String| {
            values.map_or("-".to_owned(), |v| show(v.median))
        };
        let date = device.calibrated_at.as_deref().map(|at| at.get(..10).unwrap_or(at));
        rows.push([
            device.name.clone(),
            device.vendor.clone(),
            technology(device.technology).to_owned(),
            device.coupling_map.qubits().to_string(),
            device.coupling_map.pairs().to_string(),
            format!("{dead_qubits}+{dead_couplers}"),
            median(two_qubit_errors(figures), percent),
            median(readout_errors(figures), percent),
            median(Summary::of(figures.qubits.iter().filter(|q| !q.dead).map(|q| q.t1_s)), seconds),
            date.unwrap_or(granularity(device.granularity)).to_owned(),
        ]);
    }
    aligned(&rows, 3)
}

/// The table of `rmsim device show NAME`: what the device is, and how its figures are spread.
pub fn show(device: &DeviceSpec) -> String {
    let figures = &device.calibration;
    let (dead_qubits, dead_couplers) = dead(figures);
    let limits = &device.limits;
    let speed = &device.speed;
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let facts = [
        ("name", device.name.clone()),
        ("vendor", device.vendor.clone()),
        ("technology", technology(device.technology).to_owned()),
        ("qubits", format!("{} ({dead_qubits} dead)", device.coupling_map.qubits())),
        ("couplers", format!("{} ({dead_couplers} dead)", device.coupling_map.pairs())),
        ("native gates", device.native_gates.join(", ")),
        ("figures", granularity(device.granularity).to_owned()),
        ("calibrated", or_none(device.calibrated_at.clone())),
        ("source", device.source.clone()),
        ("overhead", format!("{} per job, {} per circuit", speed.job_overhead, speed.circuit_overhead)),
        ("per shot", format!("{} delay, {} per layer", speed.repetition_delay, speed.layer)),
        ("CLOPS", or_none(speed.clops.map(|clops| clops.to_string()))),
        ("quantum volume", or_none(speed.quantum_volume.map(|volume| volume.to_string()))),
        (
            "jobs at a time",
            limits.max_concurrent_tasks.map_or("as many as fit".to_owned(), |tasks| tasks.to_string()),
        ),
        ("idle qubits between jobs", limits.min_qubit_separation.to_string()),
        ("calibration interval", or_none(limits.calibration_interval.map(|span| span.to_string()))),
        ("reconfiguration", limits.reconfiguration_time.to_string()),
    ];
    let facts: Vec<[String; 2]> = facts.into_iter().map(|(key, value)| [key.to_owned(), value]).collect();
    let mut rows = vec![["", "lowest", "25 %", "median", "75 %", "highest", "mean"].map(str::to_owned)];
    let mut push = |name: &str, values: Option<Summary>, show: fn(f64) -> String| {
        rows.push(match values {
            None => [name, "-", "-", "-", "-", "-", "-"].map(str::to_owned),
            Some(v) => {
                let [a, b, c, d, e, f] =
                    [v.low, v.quarter, v.median, v.three_quarters, v.high, v.mean].map(show);
                [name.to_owned(), a, b, c, d, e, f]
            }
        });
    };
    let live = || figures.qubits.iter().filter(|q| !q.dead);
    push("two-qubit error", two_qubit_errors(figures), percent);
    push("one-qubit error", Summary::of(live().map(|q| q.one_qubit_error)), percent);
    push("readout error", readout_errors(figures), percent);
    push("T1", Summary::of(live().map(|q| q.t1_s)), seconds);
    push("T2", Summary::of(live().map(|q| q.t2_s)), seconds);
    let couplers = figures.couplers.iter().filter(|c| !c.dead);
    push("two-qubit gate", Summary::of(couplers.map(|c| c.two_qubit_duration_s)), seconds);
    push("one-qubit gate", Summary::of(live().map(|q| q.one_qubit_duration_s)), seconds);
    push("readout", Summary::of(live().map(|q| q.readout_duration_s)), seconds);
    format!("{}\n{}", aligned(&facts, 2), aligned(&rows, 1))
}

fn dead(figures: &Calibration) -> (usize, usize) {
    let qubits = figures.qubits.iter().filter(|qubit| qubit.dead).count();
    (qubits, figures.couplers.iter().filter(|coupler| coupler.dead).count())
}

fn two_qubit_errors(figures: &Calibration) -> Option<Summary> {
    Summary::of(figures.couplers.iter().filter(|c| !c.dead).map(|c| c.two_qubit_error))
}

fn readout_errors(figures: &Calibration) -> Option<Summary> {
    Summary::of(figures.qubits.iter().filter(|q| !q.dead).map(|q| q.readout_error))
}

fn technology(technology: Technology) -> &'static str {
    match technology {
        Technology::Superconducting => "superconducting",
        Technology::TrappedIon => "trapped ion",
        Technology::NeutralAtom => "neutral atom",
        Technology::Simulator => "simulator",
    }
}

fn granularity(granularity: Granularity) -> &'static str {
    match granularity {
        Granularity::PerElement => "per element",
        Granularity::DeviceAverage => "averages",
        Granularity::Synthetic => "synthetic",
    }
}

/// A probability in percent, three significant digits.
fn percent(value: f64) -> String {
    format!("{} %", three_digits(value * 100.0))
}

/// A length of time, three significant digits.
fn seconds(value: f64) -> String {
    let units = [(1.0, "s"), (1e-3, "ms"), (1e-6, "us")];
    let (size, unit) = units.into_iter().find(|(size, _)| value >= *size).unwrap_or((1e-9, "ns"));
    format!("{} {unit}", three_digits(value / size))
}

fn three_digits(value: f64) -> String {
    let short: f64 = format!("{value:.2e}").parse().unwrap_or(value);
    format!("{short}")
}

/// Columns two spaces apart; the first `left` aligned to the left, the others to the right.
pub(super) fn aligned<const N: usize>(rows: &[[String; N]], left: usize) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
            let gap = if column == 0 { "" } else { "  " };
            line += gap;
            line += &if column < left { format!("{cell:<width$}") } else { format!("{cell:>width$}") };
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantum::catalogue;

    #[test]
    fn tables_of_shipped_devices() {
        let devices: Vec<DeviceSpec> =
            catalogue::names().map(|name| catalogue::load(name).unwrap()).collect();
        insta::assert_snapshot!(list(&devices), @"
        name             vendor      technology       qubits  couplers  dead  2q error  readout       T1  calibrated
        google_willow    Google      superconducting     105       182   0+0   0.275 %   0.73 %  70.2 us  2024-08-16
        ibm_berlin       IBM         superconducting     120       218   0+6   0.211 %   2.08 %   324 us  2026-04-17
        ibm_boston       IBM         superconducting     156       176   1+1   0.127 %  0.513 %   293 us  2026-04-17
        ibm_brisbane     IBM         superconducting     127       144   0+1   0.768 %      2 %   232 us  2025-02-26
        ibm_fez          IBM         superconducting     156       176   0+7   0.382 %  0.757 %   145 us  2025-02-26
        ibm_guadalupe    IBM         superconducting      16        16   0+0    1.01 %   1.62 %  71.9 us  2021-04-20
        ibm_kingston     IBM         superconducting     156       176   5+7    0.18 %  0.952 %   284 us  2026-04-15
        ibm_marrakesh    IBM         superconducting     156       176  0+13   0.323 %  0.952 %   197 us  2025-02-26
        ibm_miami        IBM         superconducting     120       218   0+7   0.293 %   1.79 %   330 us  2026-04-17
        ibm_montreal     IBM         superconducting      27        28   0+0   0.899 %   1.58 %  99.6 us  2021-03-15
        ibm_sherbrooke   IBM         superconducting     127       144   1+9    0.75 %   1.97 %   278 us  2025-02-26
        ibm_torino       IBM         superconducting     133       150  1+11   0.408 %    2.3 %   185 us  2025-02-26
        ionq_aria        IonQ        trapped ion          25       300   0+0     0.4 %   0.39 %     10 s    averages
        ionq_forte       IonQ        trapped ion          36       630   0+0    0.75 %   0.45 %    188 s    averages
        ionq_harmony     IonQ        trapped ion          11        55   0+0       3 %   0.39 %     10 s    averages
        iqm_garnet       IQM         superconducting      20        30   0+0   0.388 %   1.59 %  33.6 us    averages
        local_simulator  local       simulator            32       496   0+0     0.1 %    0.1 %        -    averages
        quantinuum_h1    Quantinuum  trapped ion          20       190   0+0   0.093 %   0.25 %        -    averages
        quantinuum_h2    Quantinuum  trapped ion          56      1540   0+0    0.11 %   0.12 %        -    averages
        rigetti_ankaa_3  Rigetti     superconducting      82       143   0+0    1.08 %   2.55 %  36.3 us    averages
        rigetti_aspen_m  Rigetti     superconducting      80       106   0+0    10.6 %   2.96 %  25.2 us    averages
        ");
        insta::assert_snapshot!(show(&devices[5]), @"
        name                      ibm_guadalupe
        vendor                    IBM
        technology                superconducting
        qubits                    16 (0 dead)
        couplers                  16 (0 dead)
        native gates              id, rz, sx, x, cx
        figures                   per element
        calibrated                2021-04-20T07:26:31+02:00
        source                    PyPI qiskit-ibm-runtime 0.51.0 (Apache-2.0), fake_provider snapshot of guadalupe
        overhead                  26s per job, 88ms per circuit
        per shot                  250us delay, 229ns per layer
        CLOPS                     -
        quantum volume            32
        jobs at a time            as many as fit
        idle qubits between jobs  0
        calibration interval      1d
        reconfiguration           0s

                          lowest      25 %    median      75 %  highest      mean
        two-qubit error  0.676 %   0.768 %    1.01 %    1.27 %   1.99 %    1.08 %
        one-qubit error  0.022 %  0.0254 %  0.0306 %  0.0387 %  0.175 %  0.0403 %
        readout error     1.06 %    1.42 %    1.62 %    2.04 %   6.05 %    1.98 %
        T1               38.9 us   48.4 us   71.9 us   85.2 us   119 us   70.2 us
        T2               14.6 us     73 us   88.3 us    102 us   142 us   88.1 us
        two-qubit gate    263 ns    329 ns    359 ns    426 ns   548 ns    376 ns
        one-qubit gate     36 ns     36 ns     36 ns     36 ns    36 ns     36 ns
        readout          5.35 us   5.35 us   5.35 us   5.35 us  5.35 us   5.35 us
        ");
    }
}
