//! Runs the cells of a sweep, each for itself, over all processors; finds out which are there and how long the rest
//! takes.
//!
//! Promises that a cell is either whole or not there whenever the process ends, and that a shard looks at no other
//! shard's cells. Leaves tables to [`super::merge`].

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use rayon::prelude::*;

use super::cell::{Cell, Found, Place, clear_leftovers};
use super::listing::Listing;
use super::plan::Plan;
use super::{SweepError, shown};
use crate::experiment::run::run_one;
use crate::experiment::statistics::{Moments, mean};
use crate::input_file;
use crate::simulator::scenario::Scenario;

/// Largest list of cells that is read.
const LISTING_BYTES_MAX: usize = 1 << 30;

/// The list of cells in the folder of a sweep.
const LISTING_FILE: &str = "plan.json";

/// Where cells lie below the folder of a sweep.
const CELLS: &str = "cells";

/// What part of the horizon is run to find out how long a cell takes.
const PROBE_DIVISOR: u64 = 20;

/// Part `number` of `of` equal parts, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Which part, from 1.
    pub number: usize,
    /// How many parts there are.
    pub of: usize,
}

/// A text that is no shard.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no shard; hint: number and count with 1 <= number <= count, as in 2/7")]
pub struct ShardError(String);

impl Shard {
    /// All cells.
    pub const WHOLE: Self = Self { number: 1, of: 1 };

    /// Whether the cell at `index` of the list is part of it. Neighbours go to different shards: they take about as
    /// long, so that shards do, too.
    pub fn has(self, index: usize) -> bool {
        index % self.of == self.number - 1
    }
}

impl FromStr for Shard {
    type Err = ShardError;

    fn from_str(text: &str) -> Result<Self, ShardError> {
        let parts = text.split_once('/').and_then(|(number, of)| {
            Some(Self { number: number.trim().parse().ok()?, of: of.trim().parse().ok()? })
        });
        parts
            .filter(|shard| 1 <= shard.number && shard.number <= shard.of)
            .ok_or_else(|| ShardError(text.chars().take(40).collect()))
    }
}

/// The folder of a sweep.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
    cells: PathBuf,
}

impl Folder {
    /// Where a sweep lies unless somebody says otherwise: `results/sweeps/<sweep>`.
    pub fn usual(listing: &Listing) -> PathBuf {
        Path::new("results").join("sweeps").join(&listing.sweep)
    }

    /// The folder at `path`, which need not be there.
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_path_buf(), cells: path.join(CELLS) }
    }

    /// The folder at `path`, made for this sweep. A changed plan of the same name takes it over: cells that both share
    /// stay.
    pub fn open(path: &Path, listing: &Listing, force: bool) -> Result<Self, SweepError> {
        let folder = Self::at(path);
        folder.check(listing, force)?;
        let failed = |source| SweepError::Write { path: path.to_path_buf(), source };
        fs::create_dir_all(path).map_err(failed)?;
        if !folder.listing().is_ok_and(|there| there == *listing) {
            let text = serde_json::to_string_pretty(listing).map_err(|error| failed(error.into()))?;
            folder.write(LISTING_FILE, format!("{text}\n").as_bytes())?;
        }
        fs::create_dir_all(&folder.cells).map_err(failed)?;
        Ok(folder)
    }

    /// Refuses a folder that holds something else.
    pub fn check(&self, listing: &Listing, force: bool) -> Result<(), SweepError> {
        if self.path.is_file() {
            return Err(SweepError::IsFile(self.path.clone()));
        }
        if force {
            return Ok(());
        }
        match self.listing() {
            Ok(there) if there.sweep == listing.sweep => Ok(()),
            Ok(there) => Err(SweepError::OtherSweep {
                path: self.path.clone(),
                found: there.sweep,
                wanted: listing.sweep.clone(),
            }),
            // Another shard may be about to write its list, under a name with a dot.
            Err(_)
                if fs::read_dir(&self.path).is_ok_and(|entries| {
                    entries.flatten().any(|entry| !entry.file_name().to_string_lossy().starts_with('.'))
                }) && !self.path.join(LISTING_FILE).exists() =>
            {
                Err(SweepError::Foreign(self.path.clone()))
            }
            Err(_) => Ok(()),
        }
    }

    /// The list of its cells.
    pub fn listing(&self) -> Result<Listing, SweepError> {
        let path = self.path.join(LISTING_FILE);
        let unreadable = |reason: String| SweepError::NoSweep { path: self.path.clone(), reason };
        let bytes = input_file::bytes(&path, LISTING_BYTES_MAX)
            .map_err(|error| unreadable(format!("{LISTING_FILE}: {error}")))?;
        serde_json::from_slice(&bytes).map_err(|error| unreadable(format!("{LISTING_FILE}: {error}")))
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The place of a cell.
    pub fn place<'a>(&'a self, name: &'a str) -> Place<'a> {
        Place { cells: &self.cells, name }
    }

    /// Writes a file so that it is there as a whole or not at all.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), SweepError> {
        let path = self.path.join(name);
        let aside = self.path.join(format!(".{name}.{}", std::process::id()));
        fs::write(&aside, bytes)
            .and_then(|()| fs::rename(&aside, &path))
            .map_err(|source| SweepError::Write { path, source })
    }
}

/// A cell to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its name.
    pub cell: String,
    /// Number of its combination.
    pub combination: usize,
    /// Number of its replication, from 0.
    pub replication: u32,
}

/// What a shard has done and what is left.
#[derive(Debug, Clone, Default)]
pub struct Survey {
    /// Cells of the shard.
    pub total: usize,
    /// Cells that are there, with their combination and the wall-clock seconds they took.
    pub there: Vec<(Task, f64)>,
    /// Cells that are left.
    pub todo: Vec<Task>,
    /// Those of them whose folder holds something that is not the whole cell: name and what is wrong.
    pub damaged: Vec<(String, String)>,
}

impl Survey {
    /// Looks at the cells of a shard. With `force`, none counts as there.
    pub fn of(folder: &Folder, listing: &Listing, shard: Shard, force: bool) -> Self {
        let mine: Vec<Task> = (listing.cells().into_iter().enumerate())
            .filter(|(index, _)| shard.has(*index))
            .map(|(_, (cell, combination, replication))| Task {
                cell: cell.to_owned(),
                combination,
                replication,
            })
            .collect();
        let found: Vec<Found> = match force {
            true => mine.iter().map(|_| Found::Nothing).collect(),
            false => mine.par_iter().map(|task| folder.place(&task.cell).read()).collect(),
        };
        let mut survey = Self { total: mine.len(), ..Self::default() };
        for (task, found) in mine.into_iter().zip(found) {
            match found {
                Found::Whole(cell) => survey.there.push((task, cell.manifest.wall_s)),
                Found::Nothing => survey.todo.push(task),
                Found::Damaged(reason) => {
                    survey.damaged.push((task.cell.clone(), reason));
                    survey.todo.push(task);
                }
            }
        }
        survey
    }

    /// About how many seconds the rest takes on one thread: as long as cells of the same combination took, or else as
    /// other cells, or else what a short run of a few of them suggests.
    pub fn estimate_s(&self, plan: &Plan) -> Result<f64, SweepError> {
        if self.todo.is_empty() {
            return Ok(0.0);
        }
        let mut known: Vec<(usize, f64)> =
            self.there.iter().map(|(task, wall_s)| (task.combination, *wall_s)).collect();
        if known.is_empty() {
            let last = self.todo.len() - 1;
            let mut probes = vec![&self.todo[0], &self.todo[last / 2], &self.todo[last]];
            probes.dedup_by_key(|task| task.combination);
            for task in probes {
                let scenario = plan.short_scenario(task.combination, PROBE_DIVISOR)?;
                let started = Instant::now();
                run_one(&scenario, task.replication).map_err(|error| SweepError::Cells {
                    failed: 1,
                    list: format!("  {}: {error}", task.cell),
                })?;
                known.push((task.combination, started.elapsed().as_secs_f64() * PROBE_DIVISOR as f64));
            }
        }
        let overall = mean(&known.iter().map(|known| known.1).collect::<Vec<_>>()).unwrap_or(0.0);
        let mut by_combination = BTreeMap::<usize, Moments>::new();
        for (combination, wall_s) in &known {
            by_combination.entry(*combination).or_default().push(*wall_s);
        }
        let of =
            |task: &Task| by_combination.get(&task.combination).and_then(Moments::mean).unwrap_or(overall);
        Ok(self.todo.iter().map(of).sum())
    }
}

/// The scenario of a combination, kept while cells of it are to be run: reading one takes milliseconds, and keeping
/// all of them would fill the memory.
#[derive(Default)]
struct Kept {
    left: AtomicUsize,
    scenario: Mutex<Option<Arc<Scenario>>>,
}

/// Runs `todo` on so many threads. `done` is told of every cell that has come to its place.
///
/// A cell that cannot be run does not keep the others from running; all of them are in the error at the end.
pub fn run(
    plan: &Plan,
    folder: &Folder,
    todo: &[Task],
    threads: usize,
    done: &(dyn Fn(&Task) + Sync),
) -> Result<(), SweepError> {
    let mine: BTreeSet<&str> = todo.iter().map(|task| task.cell.as_str()).collect();
    clear_leftovers(&folder.cells, |cell| mine.contains(cell))
        .map_err(|source| SweepError::Write { path: folder.cells.clone(), source })?;
    let kept: Vec<Kept> = plan.listing().combinations.iter().map(|_| Kept::default()).collect();
    for task in todo {
        kept[task.combination].left.fetch_add(1, Ordering::Relaxed);
    }
    let threads = threads.clamp(1, todo.len().max(1));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(|_| SweepError::Threads(threads))?;
    let failures: Vec<String> = pool.install(|| {
        todo.par_iter()
            .with_max_len(1)
            .filter_map(|task| {
                let failure = cell(plan, folder, task, &kept[task.combination]).err();
                if failure.is_none() {
                    done(task);
                }
                failure.map(|failure| {
                    let combination = &plan.listing().combinations[task.combination];
                    let name = plan.listing().name_of(combination);
                    format!("{name}, replication {}: {failure}", task.replication)
                })
            })
            .collect()
    });
    match failures.is_empty() {
        true => Ok(()),
        false => Err(SweepError::Cells { failed: failures.len(), list: shown(&failures) }),
    }
}

fn cell(plan: &Plan, folder: &Folder, task: &Task, kept: &Kept) -> Result<(), String> {
    let scenario = {
        let mut held = kept.scenario.lock().unwrap_or_else(PoisonError::into_inner);
        let scenario = match &*held {
            Some(scenario) => Arc::clone(scenario),
            None => Arc::new(plan.scenario(task.combination).map_err(|error| error.to_string())?),
        };
        let last = kept.left.fetch_sub(1, Ordering::Relaxed) <= 1;
        *held = (!last).then(|| Arc::clone(&scenario));
        scenario
    };
    let started = Instant::now();
    let replication = run_one(&scenario, task.replication).map_err(|error| error.to_string())?;
    if let Some(first) = replication.violations.first() {
        let count = replication.violations_total;
        return Err(format!("the auditor found {count} broken promise(s) of the allocator, first {first}"));
    }
    let cell = Cell::of(&task.cell, &scenario, &replication, started.elapsed().as_secs_f64());
    folder.place(&task.cell).write(&cell).map_err(|error| error.to_string())
}
