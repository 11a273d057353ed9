//! A cell: one replication of one combination, in a folder named by everything that decides its content.
//!
//! Promises that a folder with a cell's name holds the whole cell or is found to be damaged: cells are written aside
//! and renamed, and carry a check sum. Leaves which cells there are to [`super::plan`].

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::SweepError;
use crate::experiment::notes::Course;
use crate::experiment::run::Replication;
use crate::experiment::version::VERSION;
use crate::input_file;
use crate::simulator::csv_row::RowWriter;
use crate::simulator::scenario::Scenario;

/// Largest file of a cell: some metrics of some thousand devices.
const FILE_BYTES_MAX: usize = 64 << 20;

/// Hex digits of a name: 96 bits, so that a million cells do not meet by chance.
const NAME_DIGITS: usize = 24;

/// The metrics of a cell. CSV, since the digits of a number read back to the same bits.
const METRICS_FILE: &str = "metrics.csv";

/// What made the cell.
const MANIFEST_FILE: &str = "manifest.json";

/// The name of a cell: a hash of the scenario with its settings and seed, the replication, and this version.
pub fn cell_name(scenario_digest: &[u8; 32], replication: u32) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"cell");
    hasher.update(scenario_digest);
    hasher.update(&replication.to_le_bytes());
    hasher.update(VERSION.as_bytes());
    hasher.finalize().to_hex()[..NAME_DIGITS].to_owned()
}

/// What one cell measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// All metrics, of the fleet and of each device; `None` where nothing was observed.
    pub metrics: IndexMap<String, Option<f64>>,
    /// What made it.
    pub manifest: Manifest,
}

/// What made a cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The name of the cell.
    pub cell: String,
    /// Version of the program.
    pub version: String,
    /// Name of the scenario.
    pub scenario: String,
    /// Root of all randomness.
    pub seed: u64,
    /// Number of the replication, from 0.
    pub replication: u32,
    /// How the replication went.
    pub course: Course,
    /// BLAKE3 of the metrics file.
    pub metrics_hash: String,
    /// Wall-clock time that it took; of no influence on any table.
    pub wall_s: f64,
    /// The scenario with all settings and defaults.
    pub resolved_scenario: serde_json::Value,
}

/// The place of a cell in the folder of a sweep.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The folder of all cells.
    pub cells: &'a Path,
    /// The name of the cell.
    pub name: &'a str,
}

/// What stands at the place of a cell.
#[derive(Debug)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// Something that is not a whole cell, and what is wrong with it.
    Damaged(String),
    /// The cell.
    Whole(Box<Cell>),
}

impl Cell {
    /// The cell of a replication that has run.
    pub fn of(name: &str, scenario: &Scenario, replication: &Replication, wall_s: f64) -> Self {
        let values = replication.summary.iter().chain(&replication.per_device);
        let metrics: IndexMap<String, Option<f64>> =
            values.map(|metric| (metric.name.clone(), metric.value)).collect();
        let manifest = Manifest {
            cell: name.to_owned(),
            version: VERSION.to_owned(),
            scenario: scenario.name.clone(),
            seed: scenario.seed,
            replication: replication.number,
            course: replication.course,
            metrics_hash: hash(write_metrics(&metrics).as_bytes()),
            wall_s,
            resolved_scenario: scenario.resolved.clone(),
        };
        Self { metrics, manifest }
    }
}

impl Place<'_> {
    fn folder(&self) -> PathBuf {
        self.cells.join(self.name)
    }

    /// Reads the cell, and checks that it is what its name says.
    pub fn read(&self) -> Found {
        let folder = self.folder();
        if !folder.exists() {
            return Found::Nothing;
        }
        match self.checked(&folder) {
            Ok(cell) => Found::Whole(Box::new(cell)),
            Err(reason) => Found::Damaged(reason),
        }
    }

    fn checked(&self, folder: &Path) -> Result<Cell, String> {
        let bytes = |name: &str| {
            input_file::bytes(&folder.join(name), FILE_BYTES_MAX).map_err(|error| format!("{name}: {error}"))
        };
        let manifest: Manifest = serde_json::from_slice(&bytes(MANIFEST_FILE)?)
            .map_err(|error| format!("{MANIFEST_FILE}: {error}"))?;
        if manifest.cell != self.name {
            return Err(format!(
                "it is the cell {}",
                manifest.cell.chars().take(NAME_DIGITS).collect::<String>()
            ));
        }
        let metrics = bytes(METRICS_FILE)?;
        if hash(&metrics) != manifest.metrics_hash {
            return Err(format!("{METRICS_FILE} does not have its check sum"));
        }
        let metrics = read_metrics(&metrics).ok_or_else(|| format!("{METRICS_FILE} cannot be read"))?;
        Ok(Cell { metrics, manifest })
    }

    /// Writes the cell aside and renames it into its place, over a damaged one or an older one of the same content.
    pub fn write(&self, cell: &Cell) -> Result<(), SweepError> {
        // Another process that was started by mistake may work on the same cell and clear it away: once more, then.
        self.attempt(cell)
            .or_else(|_| self.attempt(cell))
            .map_err(|source| SweepError::Write { path: self.folder(), source })
    }

    fn attempt(&self, cell: &Cell) -> io::Result<()> {
        let aside = self.cells.join(format!(".{}.{}", self.name, std::process::id()));
        fs::create_dir_all(&aside)?;
        fs::write(aside.join(METRICS_FILE), write_metrics(&cell.metrics))?;
        fs::write(aside.join(MANIFEST_FILE), format!("{:#}\n", serde_json::to_value(&cell.manifest)?))?;
        let folder = self.folder();
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::rename(&aside, &folder)
    }
}

/// Removes what killed processes left aside below the folder of all cells, of the cells that `is_mine` picks.
pub fn clear_leftovers(cells: &Path, is_mine: impl Fn(&str) -> bool) -> io::Result<()> {
    for entry in fs::read_dir(cells)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let cell = name.strip_prefix('.').and_then(|rest| rest.split_once('.')).map(|(cell, _)| cell);
        if cell.is_some_and(&is_mine) {
            // It may be gone already.
            let _ = fs::remove_dir_all(&path);
        }
    }
    Ok(())
}

fn hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

fn write_metrics(metrics: &IndexMap<String, Option<f64>>) -> String {
    let mut writer = RowWriter::new(Vec::new());
    let mut rows = || -> io::Result<()> {
        writer.record(["metric", "value"])?;
        for (name, value) in metrics {
            writer.record([name.as_str(), &value.map_or_else(String::new, |value| value.to_string())])?;
        }
        Ok(())
    };
    rows().expect("writing to memory cannot fail");
    String::from_utf8(writer.finish().unwrap_or_default()).unwrap_or_default()
}

fn read_metrics(bytes: &[u8]) -> Option<IndexMap<String, Option<f64>>> {
    let mut metrics = IndexMap::new();
    for row in csv::Reader::from_reader(bytes).into_records() {
        let row = row.ok()?;
        let value = match row.get(1)? {
            "" => None,
            text => Some(text.parse().ok()?),
        };
        metrics.insert(row.get(0)?.to_owned(), value);
    }
    Some(metrics)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(name: &str) -> Cell {
        let metrics = IndexMap::from([
            ("waiting_time_s.mean".to_owned(), Some(0.1 + 0.2)),
            ("fidelity_true.mean".to_owned(), None),
            ("qubit_utilization[a, \"b\"]".to_owned(), Some(1.0 / 3.0)),
        ]);
        let metrics_hash = hash(write_metrics(&metrics).as_bytes());
        let manifest = Manifest {
            cell: name.to_owned(),
            version: VERSION.to_owned(),
            scenario: "s".to_owned(),
            seed: 1,
            replication: 3,
            course: crate::experiment::notes::course(),
            metrics_hash,
            wall_s: 0.5,
            resolved_scenario: serde_json::json!({"scenario": "s"}),
        };
        Cell { metrics, manifest }
    }

    #[test]
    fn a_cell_reads_back_to_the_bit_or_is_found_damaged() {
        let base = tempfile::tempdir().unwrap();
        let name = cell_name(&[7; 32], 3);
        let place = Place { cells: base.path(), name: &name };
        assert!(matches!(place.read(), Found::Nothing));
        let written = cell(&name);
        place.write(&written).unwrap();
        let Found::Whole(read) = place.read() else { panic!("{:?}", place.read()) };
        assert_eq!(*read, written);
        let metrics = base.path().join(&name).join(METRICS_FILE);
        let manifest = base.path().join(&name).join(MANIFEST_FILE);
        let damages: [&dyn Fn(); 4] = [
            &|| fs::write(&metrics, "metric,value\nwaiting_time_s.mean,0.4\n").unwrap(),
            &|| fs::remove_file(&metrics).unwrap(),
            &|| fs::write(&manifest, "{").unwrap(),
            &|| place.write(&cell("0123456789abcdef01234567")).unwrap(),
        ];
        for damage in damages {
            damage();
            assert!(matches!(place.read(), Found::Damaged(_)), "{:?}", place.read());
            place.write(&written).unwrap();
            assert!(matches!(place.read(), Found::Whole(_)));
        }
        fs::create_dir(base.path().join(format!(".{name}.1"))).unwrap();
        clear_leftovers(base.path(), |cell| cell == name).unwrap();
        assert_eq!(fs::read_dir(base.path()).unwrap().count(), 1);
    }
}
