//! Merges the cells of one or several folders into tables.
//!
//! Promises the same bytes for the same plan, whatever shards, machines and interruptions the cells come from; a cell
//! that is nowhere whole is named. Leaves the numbers to [`super::tables`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::cell::{Cell, Found};
use super::listing::Listing;
use super::runner::Folder;
use super::tables::{Merged, Row};
use super::{SweepError, shown};

/// The files that a merge writes, beside plots.
pub const FILES: [&str; 3] = ["sweep.csv", "sweep_summary.csv", "sweep.json"];

/// Merges the cells of `folders` into the tables of `out`, or of the first of them. Cells from other folders are copied
/// there.
pub fn merge(folders: &[PathBuf], out: Option<&Path>) -> Result<Merged, SweepError> {
    let Some(first) = folders.first() else {
        let reason = "no folder is named".to_owned();
        return Err(SweepError::NoSweep { path: PathBuf::new(), reason });
    };
    let listing = Folder::at(first).listing()?;
    for other in &folders[1..] {
        if !Folder::at(other).listing()?.is_same(&listing) {
            return Err(SweepError::OtherPlan { first: first.clone(), second: other.clone() });
        }
    }
    let target = match out {
        Some(out) => Folder::open(out, &listing, false)?,
        None => Folder::at(first),
    };
    let sources: Vec<Folder> = folders.iter().map(|path| Folder::at(path)).collect();
    let names: Vec<(&str, usize, u32)> = listing.cells();
    let found: Vec<Result<Row, Gap>> = names
        .par_iter()
        .map(|(name, ..)| gather(name, &target, &sources).and_then(|cell| row(&listing, &cell)))
        .collect();
    let mut rows = BTreeMap::new();
    let mut missing = Vec::new();
    for ((name, combination, replication), found) in names.iter().zip(found) {
        match found {
            Ok(row) => {
                rows.insert((*name).to_owned(), row);
            }
            Err(Gap::Missing(reason)) => missing.push(format!(
                "{}, replication {replication}: cell {name}{reason}",
                listing.name_of(&listing.combinations[*combination])
            )),
            Err(Gap::Failed(error)) => return Err(error),
        }
    }
    let total = names.len();
    let gaps = |missing: &[String]| SweepError::Missing {
        missing: missing.len(),
        total,
        list: shown(missing),
        command: format!(
            "rmsim sweep {} --out {}",
            word(&listing.plan),
            word(&target.path().display().to_string())
        ),
    };
    if !missing.is_empty() {
        return Err(gaps(&missing));
    }
    let merged = Merged::new(listing.clone(), &rows).ok_or_else(|| gaps(&[]))?;
    target.write("sweep.csv", merged.cells_csv(&rows).as_bytes())?;
    target.write("sweep_summary.csv", merged.summary_csv().as_bytes())?;
    target.write("sweep.json", format!("{:#}\n", merged.to_json()).as_bytes())?;
    Ok(merged)
}

/// Why a cell has no row.
enum Gap {
    /// It is nowhere whole; why, if something is there.
    Missing(String),
    /// Something else went wrong.
    Failed(SweepError),
}

/// The cell from the target, or from the first folder that has it whole, which is then copied.
fn gather(name: &str, target: &Folder, sources: &[Folder]) -> Result<Cell, Gap> {
    let mut reason = String::new();
    for folder in [target].into_iter().chain(sources) {
        match folder.place(name).read() {
            Found::Nothing => {}
            Found::Damaged(what) => reason = format!(" is damaged ({what})"),
            Found::Whole(cell) => {
                if folder.path() != target.path() {
                    target.place(name).write(&cell).map_err(Gap::Failed)?;
                }
                return Ok(*cell);
            }
        }
    }
    Err(Gap::Missing(reason))
}

fn row(listing: &Listing, cell: &Cell) -> Result<Row, Gap> {
    let value = |metric: &String| match cell.metrics.get(metric) {
        Some(value) => Ok(*value),
        // Not every combination needs to have the device.
        None if metric.ends_with(']') => Ok(None),
        None => Err(Gap::Failed(SweepError::NoMetric {
            cell: cell.manifest.cell.clone(),
            metric: metric.clone(),
        })),
    };
    Ok(Row {
        values: listing.metrics.iter().map(value).collect::<Result<_, _>>()?,
        course: cell.manifest.course,
    })
}

/// A word of a shell command.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./+=:@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}
