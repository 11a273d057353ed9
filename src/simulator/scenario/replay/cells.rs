//! What single cells mean: times, counts, shapes, bounds, outcomes.
//!
//! Promises messages that say what a cell must look like; leaves where the cell is to its callers.

use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use crate::allocator::config::number_of;
use crate::allocator::protocol::{IsolationLevel, Priority, QualityBound, Topology};
use crate::config_file::shown::crop;
use crate::label;
use crate::quantum::circuit::{CircuitProfile, InteractionGraph};
use crate::quantum::generators;
use crate::simulator::workload::jobs::PlannedOutcome;
use crate::time::{SecondsError, Span, SpanError};

/// Most qubits of a shape given edge by edge.
const MAX_CUSTOM_QUBITS: u32 = 10_000;

/// Seconds, exact to the nanosecond, or a duration with a unit.
pub(super) fn span(text: &str) -> Result<Span, String> {
    match Span::from_decimal_seconds(text) {
        Ok(span) => Ok(span),
        Err(SecondsError::NotANumber) => Span::from_str(text).map_err(|error| match error {
            SpanError::Invalid(_, why) if why.contains("584 years") => format!("`{}` is {why}", crop(text)),
            _ => {
                format!("`{}` is no time; hint: seconds such as 12.5, or with a unit such as 5m", crop(text))
            }
        }),
        Err(SecondsError::TooLong) => Err(format!(
            "`{}` seconds are longer than 584 years, more than a time can hold; hint: another unit? times are seconds, or \
             carry a unit such as 5ms",
            crop(text)
        )),
        Err(error) => Err(format!("`{}` is {error}; hint: seconds such as 12.5", crop(text))),
    }
}

/// A group, a project or a user: by number, or by name.
pub(super) fn tenant(text: &str) -> Result<u32, String> {
    let numeric = |first: char| first.is_ascii_digit() || matches!(first, '-' | '+' | '.');
    match text.chars().next() {
        Some(first) if !numeric(first) => Ok(number_of(text)),
        _ => whole(text, 0),
    }
}

/// A whole number from `least` on.
pub(super) fn whole<T: FromStr + PartialOrd + std::fmt::Display + Copy>(
    text: &str,
    least: T,
) -> Result<T, String> {
    // Tables that went through a program of statistics say `5.0`.
    let plain = text.split_once('.').filter(|(_, places)| places.bytes().all(|digit| digit == b'0'));
    match plain.map_or(text, |(whole, _)| whole).parse::<T>() {
        Ok(number) if number >= least => Ok(number),
        Ok(_) => Err(format!("`{}` is too small; hint: {least} or more", crop(text))),
        Err(_) => Err(format!("`{}` is no whole number, or too large; hint: {least} or more", crop(text))),
    }
}

/// A name that is shown in results.
pub(super) fn name(text: &str) -> Result<&str, String> {
    label::check(text).map(|()| text).map_err(|error| format!("`{}` is no name: {error}", crop(text)))
}

/// A probability.
pub(super) fn probability(text: &str) -> Result<f64, String> {
    text.parse::<f64>()
        .ok()
        .filter(|value| (0.0..=1.0).contains(value))
        .ok_or_else(|| format!("`{}` is no probability; hint: a number from 0 to 1", crop(text)))
}

/// A bound such as `0.9`, or `0.9 soft`.
pub(super) fn bound(text: &str) -> Result<QualityBound, String> {
    let (number, hard) = match text.strip_suffix("soft") {
        Some(number) => (number.trim_end(), false),
        None => (text, true),
    };
    probability(number)
        .map(|at_least| QualityBound { at_least, hard })
        .map_err(|_| format!("`{}` is no bound; hint: a number from 0 to 1, or as in `0.9 soft`", crop(text)))
}

/// A priority by name or number.
pub(super) fn priority(text: &str) -> Result<Priority, String> {
    Ok(match text {
        "low" => Priority::LOW,
        "normal" => Priority::NORMAL,
        "high" => Priority::HIGH,
        "critical" => Priority::CRITICAL,
        _ => Priority(whole(text, i32::MIN).map_err(|_| {
            format!(
                "`{}` is no priority; hint: low, normal, high, critical, or a whole number from {} to {}",
                crop(text),
                i32::MIN,
                i32::MAX
            )
        })?),
    })
}

/// An isolation level by name.
pub(super) fn level(text: &str) -> Result<IsolationLevel, String> {
    Ok(match text {
        "weak" => IsolationLevel::Weak,
        "medium" | "spatial" => IsolationLevel::Medium,
        "strong" | "spatial_temporal" => IsolationLevel::Strong,
        _ => return Err(format!("`{}` is no isolation level; hint: weak, medium or strong", crop(text))),
    })
}

pub(super) fn level_name(level: IsolationLevel) -> &'static str {
    match level {
        IsolationLevel::Weak => "weak",
        IsolationLevel::Medium => "medium",
        IsolationLevel::Strong => "strong",
    }
}

/// `true` or `false`.
pub(super) fn flag(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| format!("`{}` is neither true nor false", crop(text)))
}

/// How a job ends: `completed`, `error 0.5` (share of its run time), `cancelled 30` (seconds after its submission).
pub(super) fn outcome(text: &str) -> Result<PlannedOutcome, String> {
    let (kind, rest) = text.split_once(' ').unwrap_or((text, ""));
    let rest = rest.trim();
    match kind {
        "completed" if rest.is_empty() => Ok(PlannedOutcome::Completes),
        "error" if rest.is_empty() => Ok(PlannedOutcome::FailsAt(1.0)),
        "error" => probability(rest).map(PlannedOutcome::FailsAt),
        "cancelled" => span(rest).map(PlannedOutcome::CancelledAfter),
        _ => Err(format!(
            "`{}` is no outcome; hint: completed, error 0.5 (share of its run time), or cancelled 30 (seconds after \
             its submission)",
            crop(text)
        )),
    }
}

/// A shape by name, `grid 2x3`, or `edges:0-1,1-2*3` (one gate, then three); `qubits` as far as they are known.
pub(super) fn topology(text: &str, qubits: Option<u32>) -> Result<Topology, String> {
    Ok(match text {
        "any" => Topology::Any,
        "line" | "linear" => Topology::Line,
        "ring" => Topology::Ring,
        "star" => Topology::Star,
        "tree" => Topology::Tree,
        "heavy_hex" => Topology::HeavyHex,
        "complete" => Topology::Complete,
        _ => {
            if let Some(size) = text.strip_prefix("grid") {
                let size = size.trim_start_matches([' ', ':']);
                let sides = size.split_once('x').and_then(|(rows, columns)| {
                    Some((rows.trim().parse::<u32>().ok()?, columns.trim().parse::<u32>().ok()?))
                });
                let (rows, columns) =
                    sides.filter(|(rows, columns)| *rows > 0 && *columns > 0).ok_or_else(|| {
                        format!("`{}` is no grid; hint: rows and columns, as in `grid 2x3`", crop(text))
                    })?;
                Topology::Grid { rows, columns }
            } else if let Some(list) = text.strip_prefix("edges:") {
                edges(list, qubits)?
            } else {
                return Err(format!(
                    "`{}` is no shape; hint: any, line, ring, star, tree, grid 2x3, heavy_hex, complete, or edges:0-1,1-2; \
                     circuits have a column of their own",
                    crop(text)
                ));
            }
        }
    })
}

fn edges(list: &str, qubits: Option<u32>) -> Result<Topology, String> {
    let edge = |text: &str| {
        let (pair, times) = text.split_once('*').unwrap_or((text, "1"));
        let (a, b) = pair.split_once('-')?;
        Some((
            a.trim().parse::<u32>().ok()?,
            b.trim().parse::<u32>().ok()?,
            times.trim().parse::<u32>().ok()?,
        ))
    };
    let mut all = Vec::new();
    let mut size = qubits.unwrap_or(1);
    for text in list.split(',').filter(|text| !text.trim().is_empty()) {
        let found = edge(text).ok_or_else(|| {
            format!("`{}` is no edge; hint: two qubits, as in 0-1, or 0-1*3 for three gates", crop(text))
        })?;
        size = size.max(found.0.max(found.1).saturating_add(1));
        all.push(found);
    }
    if size > MAX_CUSTOM_QUBITS {
        return Err(format!("a shape given by its edges has at most {MAX_CUSTOM_QUBITS} qubits, not {size}"));
    }
    InteractionGraph::new(size, all)
        .map(|graph| Topology::Custom(Arc::new(graph)))
        .map_err(|error| error.to_string())
}

/// What [`topology`] reads back, if it can.
pub(super) fn topology_text(topology: &Topology) -> Option<String> {
    Some(match topology {
        Topology::Any => "any".to_owned(),
        Topology::Line => "line".to_owned(),
        Topology::Ring => "ring".to_owned(),
        Topology::Star => "star".to_owned(),
        Topology::Tree => "tree".to_owned(),
        Topology::HeavyHex => "heavy_hex".to_owned(),
        Topology::Complete => "complete".to_owned(),
        Topology::Grid { rows, columns } => format!("grid {rows}x{columns}"),
        Topology::Custom(graph) => {
            let edges = graph.edges().iter().map(|(a, b, times)| match times {
                1 => format!("{}-{}", a.0, b.0),
                _ => format!("{}-{}*{times}", a.0, b.0),
            });
            format!("edges:{}", edges.collect::<Vec<_>>().join(","))
        }
        Topology::Circuit(_) => return None,
    })
}

/// A circuit by name or path.
pub(super) fn circuit(reference: &str, base_dir: &Path) -> Result<CircuitProfile, String> {
    generators::resolve(reference, base_dir).map_err(|error| {
        // The first line says what and where; the snippet of the other file has no place here.
        error.to_string().lines().next().unwrap_or_default().to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_exact_to_the_nanosecond() {
        let read = |text| span(text).map(|span| span.0);
        assert_eq!(read("0"), Ok(0));
        assert_eq!(read("12"), Ok(12_000_000_000));
        assert_eq!(read("3600.000000001"), Ok(3_600_000_000_001));
        assert_eq!(read("123456789.987654321"), Ok(123_456_789_987_654_321));
        assert_eq!(read("1e3"), Ok(1_000_000_000_000));
        assert_eq!(read("5m"), Ok(300_000_000_000));
        assert_eq!(read(".5"), Ok(500_000_000));
        assert_eq!(read("1700000000.000000003"), Ok(1_700_000_000_000_000_003));
        assert_eq!(read("18446744073.709551615"), Ok(u64::MAX));
        for wrong in ["18446744073.709551616", "600y", "-1", "", "x", "1e99", "nan", "5 parsecs"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn whole_numbers_may_end_in_zeros_behind_a_point() {
        assert_eq!(whole("5.0", 1_u32), Ok(5));
        assert_eq!(whole("5.", 1_u32), Ok(5));
        let messages = ["0", "5.5", "-1", "99999999999", ".0"].map(|text| whole(text, 1_u32).unwrap_err());
        insta::assert_snapshot!(messages.join("\n"), @"
        `0` is too small; hint: 1 or more
        `5.5` is no whole number, or too large; hint: 1 or more
        `-1` is no whole number, or too large; hint: 1 or more
        `99999999999` is no whole number, or too large; hint: 1 or more
        `.0` is no whole number, or too large; hint: 1 or more
        ");
    }

    #[test]
    fn shapes_are_read_back() {
        for text in
            ["any", "line", "ring", "star", "tree", "heavy_hex", "complete", "grid 2x3", "edges:0-1,1-2*3"]
        {
            let read = topology(text, None).unwrap();
            assert_eq!(topology_text(&read).as_deref(), Some(text));
        }
        assert_eq!(topology("edges:0-1", Some(4)).unwrap().fixed_qubits(), Some(4));
        for wrong in ["grid", "grid 0x3", "edges:0-0", "edges:0-99999", "edges:a", "ghz:5"] {
            assert!(topology(wrong, None).is_err(), "{wrong}");
        }
    }
}
