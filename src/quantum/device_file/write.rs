//! Writes a device as YAML: one line per qubit and coupler, and once what all of them share.
//!
//! Promises that [`DeviceSpec::from_yaml`] reads the same device back (times to the nanosecond, figures exactly).
//! Leaves rounding to [`super::rounding`], which importers and generators apply before.

use std::fmt::Write;

use crate::quantum::calibration::QubitCalibration;
use crate::quantum::device::DeviceSpec;
use crate::time::Span;

/// A figure of an element as text, or nothing when it is unknown or what all elements share.
struct Column {
    key: &'static str,
    cells: Vec<Option<String>>,
}

impl Column {
    fn new(key: &'static str, cells: impl Iterator<Item = Option<String>>) -> Self {
        Self { key, cells: cells.collect() }
    }

    /// Takes out the value that all elements share.
    fn take_shared(&mut self) -> Option<String> {
        let shared = self.cells.first()?.clone()?;
        if self.cells.iter().any(|cell| cell.as_ref() != Some(&shared)) {
            return None;
        }
        self.cells.fill(None);
        Some(shared)
    }
}

pub(super) fn to_yaml(device: &DeviceSpec) -> String {
    let figures = &device.calibration;
    let errors = |get: fn(&QubitCalibration) -> f64| figures.qubits.iter().map(move |q| Some(number(get(q))));
    let times = |get: fn(&QubitCalibration) -> f64| figures.qubits.iter().map(move |q| span(get(q)));
    let mut qubits = [
        Column::new("t1", times(|q| q.t1_s)),
        Column::new("t2", times(|q| q.t2_s)),
        Column::new("readout_error", errors(|q| q.readout_error)),
        Column::new("one_qubit_error", errors(|q| q.one_qubit_error)),
        Column::new("one_qubit_duration", times(|q| q.one_qubit_duration_s)),
        Column::new("readout_duration", times(|q| q.readout_duration_s)),
        Column::new("dead", figures.qubits.iter().map(|q| q.dead.then(|| "true".to_owned()))),
    ];
    let mut couplers = [
        Column::new("two_qubit_error", figures.couplers.iter().map(|c| Some(number(c.two_qubit_error)))),
        Column::new("two_qubit_duration", figures.couplers.iter().map(|c| span(c.two_qubit_duration_s))),
        Column::new("dead", figures.couplers.iter().map(|c| c.dead.then(|| "true".to_owned()))),
    ];
    let columns = qubits.iter_mut().chain(&mut couplers).filter(|column| column.key != "dead");
    let shared: Vec<String> = columns
        .filter_map(|column| column.take_shared().map(|value| format!("{}: {value}", column.key)))
        .collect();
    let qubit_names: Vec<String> = (0..figures.qubits.len()).map(|q| format!("qubit: {q}")).collect();
    let pairs = device.coupling_map.couplers().iter();
    let coupler_names: Vec<String> = pairs.map(|(a, b)| format!("qubits: [{}, {}]", a.0, b.0)).collect();

    let mut text = head(device);
    if !shared.is_empty() {
        push(&mut text, format_args!("noise_profile: {{{}}}", shared.join(", ")));
    }
    if device.coupling_map.is_complete() {
        push(&mut text, format_args!("topology: all_to_all"));
    }
    push_rows(&mut text, "qubit_calibration", &qubit_names, &qubits, false);
    if !device.coupling_map.is_alike() {
        push_rows(&mut text, "couplers", &coupler_names, &couplers, !device.coupling_map.is_complete());
    }
    text
}

/// Everything but the figures.
fn head(device: &DeviceSpec) -> String {
    let mut text = format!("schema: {}\n", super::form::SCHEMA);
    push(&mut text, format_args!("name: {}", quoted(&device.name)));
    push(&mut text, format_args!("vendor: {}", quoted(&device.vendor)));
    push(&mut text, format_args!("technology: {}", variant(&device.technology)));
    push(&mut text, format_args!("granularity: {}", variant(&device.granularity)));
    push(&mut text, format_args!("source: {}", quoted(&device.source)));
    if let Some(at) = &device.calibrated_at {
        push(&mut text, format_args!("calibrated_at: {}", quoted(at)));
    }
    let gates: Vec<String> = device.native_gates.iter().map(|gate| quoted(gate)).collect();
    push(&mut text, format_args!("native_gates: [{}]", gates.join(", ")));
    let speed = &device.speed;
    let mut constants = vec![
        format!("job_overhead: {}", decimal(speed.job_overhead)),
        format!("circuit_overhead: {}", decimal(speed.circuit_overhead)),
        format!("repetition_delay: {}", decimal(speed.repetition_delay)),
        format!("layer: {}", decimal(speed.layer)),
    ];
    constants.extend(speed.clops.map(|clops| format!("clops: {clops}")));
    constants.extend(speed.quantum_volume.map(|volume| format!("quantum_volume: {volume}")));
    push(&mut text, format_args!("speed: {{{}}}", constants.join(", ")));
    let mut limits = Vec::new();
    limits.extend(device.limits.max_concurrent_tasks.map(|tasks| format!("max_concurrent_tasks: {tasks}")));
    limits.push(format!("min_qubit_separation: {}", device.limits.min_qubit_separation));
    limits.extend(
        device.limits.calibration_interval.map(|span| format!("calibration_interval: {}", decimal(span))),
    );
    limits.push(format!("reconfiguration_time: {}", decimal(device.limits.reconfiguration_time)));
    push(&mut text, format_args!("limits: {{{}}}", limits.join(", ")));
    if let Some(price) = device.price {
        let (time, shot) = (price.per_second, price.per_shot);
        push(&mut text, format_args!("price: {{per_second: {time}, per_shot: {shot}}}"));
    }
    push(&mut text, format_args!("qubits: {}", device.coupling_map.qubits()));
    text
}

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{line}");
}

/// A list with one flow mapping per element; elements without figures of their own are left out unless `all`.
fn push_rows(text: &mut String, key: &str, names: &[String], columns: &[Column], all: bool) {
    let mut rows = String::new();
    for (index, name) in names.iter().enumerate() {
        let cell =
            |column: &Column| column.cells[index].as_ref().map(|value| format!(", {}: {value}", column.key));
        let cells: String = columns.iter().filter_map(cell).collect();
        if all || !cells.is_empty() {
            push(&mut rows, format_args!("  - {{{name}{cells}}}"));
        }
    }
    if !rows.is_empty() {
        push(text, format_args!("{key}:"));
        text.push_str(&rows);
    } else if all {
        push(text, format_args!("{key}: []"));
    }
}

/// The name that serde gives a unit variant.
fn variant(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

/// A number that reads back to the same bits, short in its usual range.
fn number(value: f64) -> String {
    if value != 0.0 && value.abs() < 1e-3 { format!("{value:e}") } else { format!("{value}") }
}

fn span(seconds: f64) -> Option<String> {
    seconds.is_finite().then(|| decimal(Span::from_secs_f64(seconds)))
}

/// A span in one unit with a decimal fraction, `48.81us`; whole minutes and more as `1h 30m`.
fn decimal(span: Span) -> String {
    let ns = span.0;
    let unit = [(1_000_000_000, 9, "s"), (1_000_000, 6, "ms"), (1_000, 3, "us")]
        .into_iter()
        .find(|unit| ns >= unit.0);
    match unit {
        None if ns == 0 => "0s".to_owned(),
        None => format!("{ns}ns"),
        Some((size, _, "s")) if ns.is_multiple_of(size) => span.to_string(),
        Some((size, digits, name)) => {
            let fraction = format!("{:0digits$}", ns % size);
            let fraction = fraction.trim_end_matches('0');
            let point = if fraction.is_empty() { "" } else { "." };
            format!("{}{point}{fraction}{name}", ns / size)
        }
    }
}

/// A text as a YAML scalar: plain where nobody could read it as anything else.
fn quoted(text: &str) -> String {
    const READ_OTHERWISE: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && !text.ends_with(' ')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ' '))
        && !READ_OTHERWISE.contains(&text.to_ascii_lowercase().as_str());
    // JSON's double quotes are YAML's.
    if plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn decimal_spans_read_back(ns: u64) {
            prop_assert_eq!(decimal(Span(ns)).parse::<Span>(), Ok(Span(ns)));
            prop_assert_eq!(decimal(Span(ns >> 30)).parse::<Span>(), Ok(Span(ns >> 30)));
        }
    }
}
