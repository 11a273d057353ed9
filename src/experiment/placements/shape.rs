//! Programs and qubits as one writes them on a command line: `line:20`, `edges:0-1,1-2*3`, `3,4,10-20`.
//!
//! Promises errors that name the wrong piece and the valid forms, and sizes that cannot fill the memory. The same
//! shapes as in scenario files.

use std::sync::Arc;

use crate::allocator::placement::pattern::Pattern;
use crate::allocator::protocol::Topology;
use crate::config_file::shown::near;
use crate::quantum::circuit::InteractionGraph;
use crate::quantum::{PhysicalQubit, QubitSet};

/// Most qubits of a shape, and of a complete one, whose edges grow with the square.
const MAX_QUBITS: u32 = 10_000;
const MAX_COMPLETE: u32 = 1_000;

/// Most gates on one edge.
const MAX_WEIGHT: u32 = 1_000_000;

/// How shapes are written.
pub const FORMS: &str =
    "line:N, ring:N, star:N, tree:N, grid:RxC, heavy_hex:N, complete:N, any:N or edges:0-1,1-2*3";

const NAMES: [&str; 9] = ["line", "ring", "star", "tree", "grid", "heavy_hex", "complete", "any", "edges"];

/// Why a text is no shape or no list of qubits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}`: {message}")]
pub struct ShapeError {
    text: String,
    message: String,
}

impl ShapeError {
    fn new(text: &str, message: impl Into<String>) -> Self {
        Self { text: text.chars().take(80).collect(), message: message.into() }
    }
}

/// A program read from a text, before its edges are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// As it was written.
    pub name: String,
    /// Which qubits interact.
    pub topology: Topology,
    /// How many there are.
    pub qubits: u32,
}

impl std::str::FromStr for Shape {
    type Err = ShapeError;

    fn from_str(text: &str) -> Result<Self, ShapeError> {
        let wrong = |message: String| ShapeError::new(text, message);
        let Some((name, rest)) = text.split_once(':') else {
            return Err(wrong(format!("expected a shape and its size; hint: one of {FORMS}")));
        };
        let sized = |topology: Topology, least: u32| {
            let most = if topology == Topology::Complete { MAX_COMPLETE } else { MAX_QUBITS };
            let qubits = number(rest, least, most).map_err(|message| wrong(format!("size {message}")))?;
            Ok((topology, qubits))
        };
        let (topology, qubits) = match name {
            "line" => sized(Topology::Line, 1)?,
            "ring" => sized(Topology::Ring, 3)?,
            "star" => sized(Topology::Star, 1)?,
            "tree" => sized(Topology::Tree, 1)?,
            "heavy_hex" => sized(Topology::HeavyHex, 1)?,
            "complete" => sized(Topology::Complete, 1)?,
            "any" => sized(Topology::Any, 1)?,
            "grid" => {
                let (rows, columns) = rest
                    .split_once('x')
                    .ok_or_else(|| wrong("expected rows x columns; hint: as in grid:2x3".to_owned()))?;
                let side = |what: &str, text: &str| {
                    number(text, 1, MAX_QUBITS).map_err(|message| wrong(format!("{what} {message}")))
                };
                let (rows, columns) = (side("rows", rows)?, side("columns", columns)?);
                let qubits = rows.saturating_mul(columns);
                if qubits > MAX_QUBITS {
                    return Err(wrong(format!("{qubits} qubits are more than {MAX_QUBITS}")));
                }
                (Topology::Grid { rows, columns }, qubits)
            }
            "edges" => {
                let graph = edges(rest).map_err(wrong)?;
                let qubits = graph.qubits();
                (Topology::Custom(Arc::new(graph)), qubits)
            }
            other => {
                let close = near(other, NAMES);
                let meant = close.first().map_or_else(String::new, |close| format!("did you mean {close}? "));
                return Err(wrong(format!("no shape is called `{other}`; hint: {meant}one of {FORMS}")));
            }
        };
        Ok(Self { name: text.to_owned(), topology, qubits })
    }
}

/// The pattern of a program of unknown depth in which every edge counts `weight` times as often as the topology says.
pub fn weighted(topology: &Topology, qubits: u32, weight: u32) -> Pattern {
    let plain = Pattern::new(topology, qubits);
    let edges = plain.edges().iter().map(|&(a, b, times)| (a, b, times.saturating_mul(weight)));
    Pattern::from_edges(qubits, edges.collect(), plain.is_region())
}

/// A whole number in a range.
fn number(text: &str, least: u32, most: u32) -> Result<u32, String> {
    match text.trim().parse::<u32>() {
        Ok(value) if (least..=most).contains(&value) => Ok(value),
        Ok(value) => Err(format!("{value} is out of range; hint: {least} to {most}")),
        Err(_) => Err(format!("`{text}` is no whole number; hint: {least} to {most}")),
    }
}

/// `0-1,1-2*3`: pairs of qubits, with the number of gates where it is not 1.
fn edges(text: &str) -> Result<InteractionGraph, String> {
    let mut list = Vec::new();
    let mut qubits = 0;
    for piece in text.split(',') {
        let (pair, weight) = match piece.split_once('*') {
            None => (piece, 1),
            Some((pair, weight)) => {
                let weight = number(weight, 1, MAX_WEIGHT);
                (pair, weight.map_err(|message| format!("edge `{piece}`: number of gates {message}"))?)
            }
        };
        let Some((a, b)) = pair.split_once('-') else {
            return Err(format!("edge `{piece}` joins no two qubits; hint: as in 0-1 or 0-1*3"));
        };
        let end = |end: &str| {
            number(end, 0, MAX_QUBITS - 1).map_err(|message| format!("edge `{piece}`: qubit {message}"))
        };
        let (a, b) = (end(a)?, end(b)?);
        qubits = qubits.max(a.max(b) + 1);
        list.push((a, b, weight));
    }
    InteractionGraph::new(qubits, list).map_err(|error| error.to_string())
}

/// Reads qubits of a device of `capacity`: `3,4,10-20`, ranges with both ends.
pub fn qubits(text: &str, capacity: usize) -> Result<QubitSet, ShapeError> {
    let mut set = QubitSet::new(capacity);
    let most = capacity.saturating_sub(1) as u32;
    for piece in text.split(',').filter(|_| !text.trim().is_empty()) {
        let wrong = |message: String| ShapeError::new(text, format!("qubit {message}"));
        let (first, last) = piece.split_once('-').unwrap_or((piece, piece));
        let (first, last) = (number(first, 0, most).map_err(wrong)?, number(last, 0, most).map_err(wrong)?);
        if first > last {
            return Err(ShapeError::new(text, format!("the range {piece} runs backwards")));
        }
        for qubit in first..=last {
            set.insert(PhysicalQubit(qubit));
        }
    }
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_and_qubits_are_read_or_refused_with_the_choices() {
        let shape = |text: &str| match text.parse::<Shape>() {
            Ok(shape) => {
                let pattern = weighted(&shape.topology, shape.qubits, 2);
                let edges: Vec<String> =
                    pattern.edges().iter().map(|(a, b, times)| format!("{}-{}*{times}", a.0, b.0)).collect();
                format!("{text}: {} qubits [{}]", pattern.qubits(), edges.join(" "))
            }
            Err(error) => error.to_string(),
        };
        let busy = |text: &str| match qubits(text, 27) {
            Ok(set) => format!("{set:?}"),
            Err(error) => error.to_string(),
        };
        let shapes = [
            "line:3",
            "grid:2x2",
            "any:4",
            "edges:0-1,2-1*3,1-0",
            "line",
            "lines:3",
            "blob:3",
            "ring:2",
            "line:0",
            "line:many",
            "complete:99999",
            "grid:4",
            "grid:2x",
            "grid:9000x9000",
            "edges:",
            "edges:0-0",
            "edges:0,1",
            "edges:0-1*0",
            "edges:0-1*x",
            "edges:0-70000",
        ];
        let lists = ["3,4,10-12", "", "5-", "9-7", "27", "-1", "a"];
        let lines: Vec<String> = shapes.into_iter().map(shape).chain(lists.into_iter().map(busy)).collect();
        insta::assert_snapshot!(lines.join("\n"), @"
        line:3: 3 qubits [0-1*2 1-2*2]
        grid:2x2: 4 qubits [0-1*2 0-2*2 1-3*2 2-3*2]
        any:4: 4 qubits []
        edges:0-1,2-1*3,1-0: 3 qubits [0-1*4 1-2*6]
        `line`: expected a shape and its size; hint: one of line:N, ring:N, star:N, tree:N, grid:RxC, heavy_hex:N, complete:N, any:N or edges:0-1,1-2*3
        `lines:3`: no shape is called `lines`; hint: did you mean line? one of line:N, ring:N, star:N, tree:N, grid:RxC, heavy_hex:N, complete:N, any:N or edges:0-1,1-2*3
        `blob:3`: no shape is called `blob`; hint: one of line:N, ring:N, star:N, tree:N, grid:RxC, heavy_hex:N, complete:N, any:N or edges:0-1,1-2*3
        `ring:2`: size 2 is out of range; hint: 3 to 10000
        `line:0`: size 0 is out of range; hint: 1 to 10000
        `line:many`: size `many` is no whole number; hint: 1 to 10000
        `complete:99999`: size 99999 is out of range; hint: 1 to 1000
        `grid:4`: expected rows x columns; hint: as in grid:2x3
        `grid:2x`: columns `` is no whole number; hint: 1 to 10000
        `grid:9000x9000`: 81000000 qubits are more than 10000
        `edges:`: edge `` joins no two qubits; hint: as in 0-1 or 0-1*3
        `edges:0-0`: interaction [0, 0] joins a qubit with itself
        `edges:0,1`: edge `0` joins no two qubits; hint: as in 0-1 or 0-1*3
        `edges:0-1*0`: edge `0-1*0`: number of gates 0 is out of range; hint: 1 to 1000000
        `edges:0-1*x`: edge `0-1*x`: number of gates `x` is no whole number; hint: 1 to 1000000
        `edges:0-70000`: edge `0-70000`: qubit 70000 is out of range; hint: 0 to 9999
        {3-4 10-12}
        {}
        `5-`: qubit `` is no whole number; hint: 0 to 26
        `9-7`: the range 9-7 runs backwards
        `27`: qubit 27 is out of range; hint: 0 to 26
        `-1`: qubit `` is no whole number; hint: 0 to 26
        `a`: qubit `a` is no whole number; hint: 0 to 26
        ");
    }
}
