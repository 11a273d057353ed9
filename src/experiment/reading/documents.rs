//! The JSON files of a folder of results, as far as readers need them.
//!
//! Promises to accept files of later versions with more keys. Leaves the meaning of metrics to the registry.

use std::path::Path;

use indexmap::IndexMap;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::ReadError;
use crate::experiment::accounts::AccountsSummary;
use crate::experiment::notes::Note;
use crate::experiment::run::MetricSummary;
use crate::experiment::statistics::Interval;
use crate::input_file;
use crate::observe::metrics::MetricDef;
use crate::quantum::coupling_map::CouplingMap;

/// `manifest.json` of a run or a comparison.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Manifest {
    /// Identity of the run.
    pub run: String,
    /// What wrote it.
    pub program: Program,
    /// Name of the scenario.
    pub scenario: String,
    /// BLAKE3 of the resolved scenario and its devices, hexadecimal; runs only.
    pub scenario_hash: Option<String>,
    /// Root of all randomness.
    pub seed: u64,
    /// Independent repetitions.
    pub replications: u32,
    /// The random generator.
    pub generator: Option<String>,
    /// Civil time of the simulation's start.
    pub simulated_start: Option<String>,
    /// Where it ran.
    pub host: Host,
    /// When it started, RFC 3339.
    pub started_at: Option<String>,
    /// When it finished, RFC 3339; `None` when it did not.
    pub finished_at: Option<String>,
    /// What whoever reads the numbers must know; runs only.
    pub notes: Vec<Note>,
    /// The fleet, in order; runs only.
    pub devices: Vec<ManifestDevice>,
    /// The scenario with all defaults; runs only.
    pub resolved_scenario: Option<serde_json::Value>,
    /// What was compared; comparisons only.
    pub variants: Vec<ManifestVariant>,
}

/// A program and its version.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Program {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// A kind of machine.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Host {
    /// Operating system.
    pub os: String,
    /// Processor architecture.
    pub architecture: String,
}

/// A device of the fleet.
#[derive(Debug, Clone, Deserialize)]
pub struct ManifestDevice {
    /// Unique name.
    pub name: String,
    /// Number of qubits, dead ones included.
    pub qubits: u32,
    /// Number of its first qubit in the whole fleet, as `allocated_resources` counts.
    pub first_qubit: u32,
    /// When its figures were measured.
    pub calibrated_at: Option<String>,
    /// Where its figures come from.
    #[serde(default)]
    pub source: String,
    /// Its couplers as `0-1 1-2`, or `complete`; `None` in files that do not say.
    pub coupling_map: Option<String>,
    /// Qubits that were dead at the start, as ranges: `3 17-18`.
    #[serde(default)]
    pub dead_qubits: String,
}

/// A variant of a comparison.
#[derive(Debug, Clone, Deserialize)]
pub struct ManifestVariant {
    /// Its name.
    pub name: String,
    /// Identity of its run.
    pub run: String,
}

/// Most qubits of a device that a reader draws; a damaged file must not exhaust the memory.
const QUBITS_MAX: u32 = 100_000;

impl ManifestDevice {
    /// The coupling map; `None` when the file does not say. Errors name the device.
    pub fn map(&self) -> Result<Option<CouplingMap>, String> {
        let Some(text) = &self.coupling_map else { return Ok(None) };
        let failed = |message: String| format!("device `{}`: {message}", self.name);
        if self.qubits > QUBITS_MAX {
            return Err(failed(format!("{} qubits; hint: at most {QUBITS_MAX} are read", self.qubits)));
        }
        if text == COMPLETE {
            // The couplers of a complete map of this size would fill the memory for nothing.
            return match self.qubits {
                0..=2_000 => {
                    CouplingMap::all_to_all(self.qubits).map(Some).map_err(|error| failed(error.to_string()))
                }
                _ => Ok(None),
            };
        }
        let pairs = text.split_ascii_whitespace().map(|pair| {
            let (a, b) = pair.split_once('-')?;
            Some((a.parse().ok()?, b.parse().ok()?))
        });
        let pairs: Option<Vec<(u32, u32)>> = pairs.collect();
        let Some(pairs) = pairs else {
            return Err(failed("`coupling_map` is no list of couplers; hint: as in 0-1 1-2".to_owned()));
        };
        CouplingMap::new(self.qubits, pairs).map(Some).map_err(|error| failed(error.to_string()))
    }
}

/// The word for a map in which every qubit is coupled with every other.
const COMPLETE: &str = "complete";

/// A coupling map as one short text: `0-1 1-2`, or `complete`. [`ManifestDevice::map`] reads it.
pub fn coupling_text(map: &CouplingMap) -> String {
    if map.is_complete() && map.qubits() > 2 {
        return COMPLETE.to_owned();
    }
    let pairs = map.couplers().iter().map(|(a, b)| format!("{}-{}", a.0, b.0));
    pairs.collect::<Vec<_>>().join(" ")
}

/// Values by name, of `summary.json` or `performance.json`.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Summary {
    /// Of the fleet.
    pub metrics: IndexMap<String, MeasuredValue>,
    /// Of devices, as `name[device]`.
    #[serde(default)]
    pub device_metrics: IndexMap<String, MeasuredValue>,
    /// What whoever reads the numbers must know; none in performance figures and in files of earlier versions.
    #[serde(default)]
    pub notes: Vec<Note>,
    /// What everybody was charged, and what became of all qubits; none in files of earlier versions.
    #[serde(default)]
    pub accounts: Option<AccountsSummary>,
}

/// A mean and its interval.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct MeasuredValue {
    /// Mean over the replications; `None` without observations.
    pub mean: Option<f64>,
    /// Its 95 % interval; `None` with one replication, and where all are alike.
    pub ci95: Option<Interval>,
    /// Why the value is not what its name says, if it is not.
    #[serde(default)]
    pub remark: Option<String>,
}

/// Values of known metrics, in the order of the file; names of other versions are left out.
pub fn known_metrics(values: &IndexMap<String, MeasuredValue>) -> Vec<MetricSummary> {
    let known = values.iter().filter_map(|(name, value)| {
        let (def, _) = MetricDef::find(name).ok()?;
        Some(MetricSummary {
            name: name.clone(),
            def,
            mean: value.mean,
            ci95: value.ci95,
            remark: value.remark.clone(),
        })
    });
    known.collect()
}

/// Largest JSON file of a run: the manifest of a fleet of a million qubits.
const BYTES_MAX: usize = 1 << 30;

/// Reads a JSON file.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, ReadError> {
    let bytes = input_file::bytes(path, BYTES_MAX).map_err(|source| ReadError::io(path, source))?;
    let mut deserializer = serde_json::Deserializer::from_slice(&bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let key = error.path().to_string();
        let inner = error.inner();
        let text = inner.to_string();
        // The place is given in front, as for all files.
        let text = text.split(" at line ").next().unwrap_or_default();
        let message = if key == "." { text.to_owned() } else { format!("`{key}`: {text}") };
        ReadError::Json { path: path.to_owned(), line: inner.line(), column: inner.column().max(1), message }
    })?;
    deserializer.end().map_err(|error| ReadError::Json {
        path: path.to_owned(),
        line: error.line(),
        column: error.column(),
        message: "more text after the end".to_owned(),
    })?;
    Ok(value)
}
