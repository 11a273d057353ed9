//! Runs and comparisons written whole: figures, plots and the page, as the command line writes them.
//!
//! Promises the same folder for the same scenario and version, but for wall-clock figures, and a finished
//! manifest only beside whole files. Leaves opening the folder to [`RunFolder`], finding a warm-up to
//! [`crate::experiment::warm_up`], and printing to the caller.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::comparison_plots::comparison_plots;
use super::html::{self, Options};
use super::plots::{self, PlotError};
use super::run_plots::run_plots;
use crate::experiment::compare::{CompareError, Compared, Plan, Prepared, compare};
use crate::experiment::comparison::replications_csv;
use crate::experiment::folder::{FolderError, RunFolder};
use crate::experiment::notes::{self, Note};
use crate::experiment::reading::{ReadError, Results};
use crate::experiment::run::{Replication, RunError, Settings, courses, run_with_journal};
use crate::experiment::timing::Timing;
use crate::experiment::writing::{self, Named};
use crate::simulator::scenario::Scenario;
use crate::simulator::traces::Sink;
use crate::time::Time;

/// Name of the page in a folder of results.
pub const PAGE: &str = "report.html";

/// How a page begins: a file at its place that begins otherwise is somebody else's.
pub const PAGE_BEGINS: &[u8] = b"<!DOCTYPE html>";

/// What is drawn beside the figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pictures {
    /// Nothing.
    None,
    /// Plots.
    Plots,
    /// Plots, and the page.
    PlotsAndPage,
}

/// Told from time to time: jobs that have arrived in all replications, and the latest simulated time.
pub type Progress<'a> = dyn Fn(u64, Time) + Sync + 'a;

/// How a run is written.
pub struct RunInto<'a> {
    /// Threads; replications are spread over them.
    pub threads: usize,
    /// What is drawn.
    pub pictures: Pictures,
    /// Where the first replication writes its journal instead of where the scenario says; over whatever is
    /// there.
    pub journal: Option<&'a Path>,
    /// How far the replications are.
    pub progress: Option<&'a Progress<'a>>,
}

/// What a run came to.
#[derive(Debug)]
pub struct Ran {
    /// The replications, by number.
    pub replications: Vec<Replication>,
    /// What misleads whoever reads the numbers without it.
    pub notes: Vec<Note>,
    /// Wall-clock times of all replications together.
    pub timing: Timing,
}

/// How a comparison is written.
pub struct CompareInto<'a> {
    /// Threads; replications are spread over them.
    pub threads: usize,
    /// What is drawn.
    pub pictures: Pictures,
    /// The two metrics that are drawn against each other.
    pub trade_off: (String, String),
    /// How far the replications of the present variant are.
    pub progress: Option<&'a Progress<'a>>,
}

/// Why a folder of results is not whole.
#[derive(Debug, thiserror::Error)]
pub enum IntoFolderError {
    /// A replication could not be run, or its traces not be written.
    #[error(transparent)]
    Run(#[from] RunError),
    /// Variants could not be run or compared.
    #[error(transparent)]
    Compare(#[from] CompareError),
    /// A file could not be written, or the folder is no longer ours.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A plot could not be drawn or written.
    #[error(transparent)]
    Plot(#[from] PlotError),
    /// What was written for the page could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Something else lies where the page belongs.
    #[error(
        "the page {} exists and is no page; hint: choose another file, or remove it first", .0.display()
    )]
    NoPage(PathBuf),
    /// The page could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Page {
        /// Where.
        path: PathBuf,
        /// Why it could not be.
        source: io::Error,
    },
}

/// Runs all replications of a scenario and writes all files of the run.
///
/// The folder was opened for this scenario, and its warm-up is found.
pub fn run_into(folder: &RunFolder, scenario: &Scenario, how: &RunInto<'_>) -> Result<Ran, IntoFolderError> {
    let RunInto { threads, pictures, journal, progress } = *how;
    let collect = pictures != Pictures::None;
    let sinks = |replication| folder.sinks(scenario, replication);
    let settings = Settings { threads, sinks: &sinks, collect, timing: true, progress };
    let journal = |replication: u32| -> io::Result<Option<Sink>> {
        match journal {
            Some(path) if replication == 0 => {
                let file = writing::create_alone(path).map_err(|error| writing::named(path, &error))?;
                Ok(Some(Box::new(Named::new(path.to_path_buf(), file))))
            }
            Some(_) => Ok(None),
            None => folder.journal(scenario, replication),
        }
    };
    let simulate = || run_with_journal(scenario, &settings, &journal);
    let write_worlds = || folder.write_worlds(scenario);
    // What depends on no decision is written meanwhile, where there is a processor for it.
    let (replications, worlds) = match threads {
        1 => (simulate(), write_worlds()),
        _ => rayon::join(simulate, write_worlds),
    };
    let replications = replications?;
    worlds?;
    folder.join_traces(scenario)?;
    let notes = notes::of_run(scenario, &courses(&replications));
    folder.write_summary(scenario, &replications, &notes)?;
    folder.write_accounts(scenario, &replications)?;
    folder.write_waits(scenario, &replications)?;
    let timing = folder.write_timing(scenario, &replications, threads)?;
    folder.write_manifest(scenario, &notes)?;
    if collect && let Some(first) = replications.first() {
        // Two processors, two tasks: drawing the plots takes about as long as reading the traces for the
        // page.
        let (plots, page) = rayon::join(
            || plots::write_all(folder.path(), &run_plots(scenario, first)),
            || if pictures == Pictures::PlotsAndPage { write_page(folder.path()) } else { Ok(()) },
        );
        plots?;
        page?;
    }
    Ok(Ran { replications, notes, timing })
}

/// Runs and compares variants of `base`, and writes all files of the comparison. `before` is told of each
/// variant before replications of it run, and which.
///
/// The folder was opened for these variants, and their warm-up is found.
pub fn compare_into(
    folder: &RunFolder,
    base: &Scenario,
    plan: &Plan<'_>,
    how: &CompareInto<'_>,
    before: impl FnMut(&Prepared, Range<u32>),
) -> Result<Compared, IntoFolderError> {
    let draw = how.pictures != Pictures::None;
    let settings = Settings {
        threads: how.threads,
        sinks: &|_| Ok(None),
        collect: draw,
        timing: false,
        progress: how.progress,
    };
    let compared = compare(plan, &settings, before)?;
    let comparison = &compared.comparison;
    folder.write("comparison.csv", comparison.to_csv().as_bytes())?;
    folder.write("comparison.json", comparison.to_json().as_bytes())?;
    folder.write("replications.csv", replications_csv(&compared.variants).as_bytes())?;
    if draw {
        let subtitle =
            format!("scenario {}, seed {}, {} replications", base.name, base.seed, comparison.replications);
        plots::write_all(folder.path(), &comparison_plots(&compared, &how.trade_off, &subtitle))?;
    }
    folder.write_comparison_manifest(plan.variants, comparison.replications)?;
    if how.pictures == Pictures::PlotsAndPage {
        write_page(folder.path())?;
    }
    Ok(compared)
}

/// Writes the page of a folder of results into it.
pub fn write_page(folder: &Path) -> Result<(), IntoFolderError> {
    let results = Results::open(folder)?;
    let page = html::page(&results, &Options::default())?;
    let path = folder.join(PAGE);
    if !writing::is_free_for(&path, PAGE_BEGINS) {
        return Err(IntoFolderError::NoPage(path));
    }
    writing::replace(&path, page.html.as_bytes()).map_err(|source| IntoFolderError::Page { path, source })
}
