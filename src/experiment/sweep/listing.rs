//! The list of all combinations and cells of a sweep, as it lies in its folder.
//!
//! Promises that merging needs nothing but this list and the cells: neither the plan nor the scenario. Leaves the
//! content of cells to [`super::cell`].

use serde::{Deserialize, Serialize};

use crate::experiment::notes::Premises;

/// Everything about a sweep that is known before its first cell has run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listing {
    /// Name of the sweep.
    pub sweep: String,
    /// What it asks, for people.
    pub description: String,
    /// Path of the plan as it was given; not part of what the sweep is.
    pub plan: String,
    /// Version of the program that the cells are for.
    pub version: String,
    /// Name of the base scenario.
    pub scenario: String,
    /// Root of all randomness.
    pub seed: u64,
    /// Replications of every combination.
    pub replications: u32,
    /// What varies: the variants, if there are any, then the axes of the matrix.
    pub dimensions: Vec<Dimension>,
    /// All combinations, in the order of the tables.
    pub combinations: Vec<Listed>,
    /// Full names of the metrics of the tables.
    pub metrics: Vec<String>,
    /// Whether the plan named these metrics, or they are all there are.
    pub metrics_chosen: bool,
    /// Full names of metrics that are drawn against each other: from left to right, and upwards.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trade_offs: Vec<(String, String)>,
    /// Where the expected values come from.
    pub reference: String,
    /// Values that means are compared with.
    pub expected: Vec<Expected>,
}

/// Something that varies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dimension {
    /// Its name in tables and plots.
    pub name: String,
    /// The setting; `None` for the variants.
    pub path: Option<String>,
    /// The labels of all its values, in the order of the plan.
    pub labels: Vec<String>,
}

/// One combination.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// A label for every dimension.
    pub labels: Vec<String>,
    /// Names of its cells, by replication.
    pub cells: Vec<String>,
    /// What notes on it are made of, beside its cells.
    #[serde(default)]
    pub premises: Premises,
}

/// A value that the mean of one combination is compared with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// Number of the combination.
    pub combination: usize,
    /// Full name of the metric.
    pub metric: String,
    /// The value, in the unit of the metric.
    pub value: f64,
    /// How far the mean may be away, in the unit of the metric.
    pub tolerance: f64,
}

impl Listing {
    /// What a combination is called: `variant=first_fit load=3`.
    pub fn name_of(&self, combination: &Listed) -> String {
        name_of(&self.dimensions, &combination.labels)
    }

    /// The names of all cells, each once, with their combination and replication: combinations that come to the same
    /// scenario share their cells.
    pub fn cells(&self) -> Vec<(&str, usize, u32)> {
        let mut seen = std::collections::BTreeSet::new();
        let mut cells = Vec::new();
        for (index, combination) in self.combinations.iter().enumerate() {
            for (replication, cell) in (0..).zip(&combination.cells) {
                if seen.insert(cell.as_str()) {
                    cells.push((cell.as_str(), index, replication));
                }
            }
        }
        cells
    }

    /// Whether both list the same cells for the same tables.
    pub fn is_same(&self, other: &Self) -> bool {
        Self { plan: String::new(), ..self.clone() } == Self { plan: String::new(), ..other.clone() }
    }
}

/// What a combination is called; a sweep of one combination has no dimensions.
pub(super) fn name_of(dimensions: &[Dimension], labels: &[String]) -> String {
    if labels.is_empty() {
        return "the base scenario".to_owned();
    }
    let parts = dimensions.iter().zip(labels).map(|(dimension, label)| format!("{}={label}", dimension.name));
    parts.collect::<Vec<_>>().join(" ")
}
