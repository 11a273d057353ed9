//! The speed of the allocator of two versions: wall-clock time of alternate runs, and counted instructions.
//!
//! Promises runs in the order A B B A, so that a machine that grows slower or faster favours neither, and verdicts by the
//! whole interval of the ratio. Other versions are other programs: they are run, and their `performance.json` is read.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::regression::LEVEL;
use super::{Case, Group, Outcome};
use crate::experiment::statistics::{Interval, quantile};
use crate::input_file;

/// Pairs of measurements when nothing is said: two outliers on either side change no verdict.
pub const DEFAULT_PAIRS: u32 = 20;

/// Fewest pairs that decide anything at 99.9 %: with ten, chance alone puts all on one side more often.
pub const FEWEST_PAIRS: u32 = 11;

/// Runs of one measurement, of which the fastest counts: whatever else the machine does only ever adds time.
const TRIES: u32 = 3;

/// The function whose instructions are counted, with all that it calls: the door of the core.
const CORE: &str = "resource_manager::allocator::Allocator::handle*";

/// Largest `performance.json` that is read: it has some hundred figures.
const PERFORMANCE_BYTES_MAX: usize = 64 << 20;
/// Largest file of counts that is read.
const COUNTS_BYTES_MAX: usize = 1 << 30;

/// The counting tool.
const VALGRIND: &str = "valgrind";

/// Why speed could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum SpeedError {
    /// A program does not start.
    #[error("cannot start {program}: {source}{hint}")]
    Start {
        /// Which one.
        program: String,
        /// Why.
        source: io::Error,
        /// What helps; empty or beginning with `; hint: `.
        hint: &'static str,
    },
    /// A program failed.
    #[error("{program} failed ({status}): {message}")]
    Failed {
        /// Which one.
        program: String,
        /// Its exit status.
        status: std::process::ExitStatus,
        /// The end of what it said.
        message: String,
    },
    /// A program left no figures.
    #[error("{program} left no usable {what}; hint: {hint}")]
    NoFigures {
        /// Which one.
        program: String,
        /// What was looked for.
        what: &'static str,
        /// What helps.
        hint: &'static str,
    },
    /// No room for the files of the runs.
    #[error("cannot use the folder for temporary files: {0}")]
    Temporary(io::Error),
}

/// What to run: a scenario with its settings, as arguments of `rmsim run`.
#[derive(Debug, Clone)]
pub struct Workload {
    arguments: Vec<OsString>,
}

impl Workload {
    /// One replication of the scenario at `path` (the built-in one without), with these arguments, in one thread.
    pub fn new(path: Option<&Path>, settings: &[OsString]) -> Self {
        let mut arguments = vec![OsString::from("run")];
        arguments.extend(path.map(|path| path.as_os_str().to_owned()));
        arguments.extend(settings.iter().cloned());
        let fixed =
            ["--replications", "1", "--threads", "1", "--traces", "none", "--no-plots", "--quiet", "--force"];
        arguments.extend(fixed.map(OsString::from));
        Self { arguments }
    }

    /// Microseconds per job that the allocator of `program` takes in one run.
    fn time_us(&self, program: &Path, folder: &Path) -> Result<f64, SpeedError> {
        let mut command = Command::new(program);
        command.args(&self.arguments).arg("--out").arg(folder);
        run(&mut command, "; hint: --against takes the path of an rmsim")?;
        let text = input_file::bytes(&folder.join("performance.json"), PERFORMANCE_BYTES_MAX).ok();
        let performance: Option<Value> = text.and_then(|text| serde_json::from_slice(&text).ok());
        let metric = |name: &str| performance.as_ref()?.get("metrics")?.get(name)?.get("mean")?.as_f64();
        let us = || Some(metric("allocator_share")? / metric("jobs_per_s")? * 1e6);
        us().filter(|us| us.is_finite() && *us > 0.0).ok_or_else(|| SpeedError::NoFigures {
            program: program.display().to_string(),
            what: "performance.json",
            hint: "is it an rmsim, and does the scenario have jobs?",
        })
    }
}

fn run(command: &mut Command, hint: &'static str) -> Result<(), SpeedError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let done = command.stdin(Stdio::null()).output().map_err(|source| SpeedError::Start {
        program: program.clone(),
        source,
        hint,
    })?;
    if done.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&done.stderr);
    let said = said.trim();
    let message = said.char_indices().rev().nth(600).map_or(said, |(at, _)| &said[at..]).to_owned();
    Err(SpeedError::Failed { program, status: done.status, message })
}

/// Runs both programs alternately and compares the time that their allocators take per job. `advance` is told of every
/// run.
pub fn against(
    older: &Path,
    newer: &Path,
    workload: &Workload,
    pairs: u32,
    margin: f64,
    mut advance: impl FnMut(),
) -> Result<Case, SpeedError> {
    let folder = tempfile::tempdir().map_err(SpeedError::Temporary)?;
    let (mut before, mut after) = (Vec::new(), Vec::new());
    // The first run of each reads the program from the disk and counts nowhere.
    for pair in 0..=pairs {
        let tries = if pair == 0 { 1 } else { TRIES };
        let mut fastest = [f64::INFINITY; 2];
        for run in 0..tries {
            let order = if (pair + run) % 2 == 0 { [0, 1] } else { [1, 0] };
            for which in order {
                let us = workload.time_us([older, newer][which], &folder.path().join("run"))?;
                fastest[which] = us.min(fastest[which]);
                advance();
            }
        }
        if pair > 0 {
            before.push(fastest[0]);
            after.push(fastest[1]);
        }
    }
    Ok(slower(&older.display().to_string(), &before, &after, margin))
}

/// Runs of both programs that `pairs` measurements of each take.
pub fn runs(pairs: u32) -> u64 {
    2 * (1 + u64::from(TRIES) * u64::from(pairs))
}

/// The interval of the median of values that need not be normal, from their order alone (the sign test turned round);
/// `None` when they are too few for the level.
fn median_interval(mut values: Vec<f64>, level: f64) -> Option<Interval> {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    // How probable it is that at most `left_out` of `n` values lie below the median.
    let mut probable = 0.5_f64.powi(i32::try_from(n).ok()?);
    let (mut sum, mut left_out, mut interval) = (probable, 0, None);
    while 2.0 * sum <= 1.0 - level && 2 * left_out + 1 < n {
        interval = Some(Interval { low: values[left_out], high: values[n - 1 - left_out] });
        left_out += 1;
        probable *= (n + 1 - left_out) as f64 / left_out as f64;
        sum += probable;
    }
    interval
}

/// The verdict on times per job of alternate runs, in microseconds, above zero: by the median of their ratios, because
/// the times of a busy machine are anything but normal.
pub fn slower(older: &str, before: &[f64], after: &[f64], margin: f64) -> Case {
    let changes: Vec<f64> = before.iter().zip(after).map(|(before, after)| after / before - 1.0).collect();
    let pairs = changes.len();
    let interval = median_interval(changes, LEVEL);
    let outcome = match interval {
        Some(interval) if interval.low > margin => Outcome::Missed,
        Some(interval) if interval.high <= margin => Outcome::Met,
        _ => Outcome::Inconclusive,
    };
    Case {
        group: Group::Speed,
        name: "allocator_us_per_job".to_owned(),
        requirement: format!("at most {} % slower", margin * 100.0),
        value: median(after),
        baseline: median(before),
        interval,
        outcome,
        fails: outcome == Outcome::Missed,
        note: format!("against {older}, {pairs} pairs of runs"),
        line: None,
    }
}

fn median(times: &[f64]) -> Option<f64> {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    quantile(&sorted, 0.5)
}

/// Counts the instructions that the allocator of `program` takes for one replication, by Callgrind: the same number,
/// within some ten, whatever else the machine does.
pub fn instructions(program: &Path, workload: &Workload) -> Result<u64, SpeedError> {
    let folder = tempfile::tempdir().map_err(SpeedError::Temporary)?;
    let counts: PathBuf = folder.path().join("counts");
    let option = |name: &str, value: &OsStr| {
        let mut option = OsString::from(name);
        option.push(value);
        option
    };
    let mut command = Command::new(VALGRIND);
    command
        .arg("--tool=callgrind")
        .arg(option("--callgrind-out-file=", counts.as_os_str()))
        .arg(option("--toggle-collect=", OsStr::new(CORE)))
        .arg(program)
        .args(&workload.arguments)
        .arg("--out")
        .arg(folder.path().join("run"));
    run(&mut command, "; hint: --instructions needs Valgrind (on Debian: apt-get install valgrind)")?;
    let text = input_file::text(&counts, COUNTS_BYTES_MAX).unwrap_or_default();
    total(&text).ok_or_else(|| SpeedError::NoFigures {
        program: program.display().to_string(),
        what: "count of instructions",
        hint: "it must not be stripped of its symbols (strip = false in the profile)",
    })
}

/// The total of a Callgrind file, above zero.
fn total(counts: &str) -> Option<u64> {
    let total = counts.lines().find_map(|line| line.strip_prefix("totals:"))?;
    total.split_whitespace().next()?.parse().ok().filter(|count| *count > 0)
}

/// The verdict on counted instructions.
pub fn more_instructions(what: &str, before: u64, after: u64, margin: f64) -> Case {
    let change = after as f64 / before as f64 - 1.0;
    let missed = after as f64 > before as f64 * (1.0 + margin);
    Case {
        group: Group::Speed,
        name: "allocator_instructions".to_owned(),
        requirement: format!("at most {} % more", margin * 100.0),
        value: Some(after as f64),
        baseline: Some(before as f64),
        interval: Some(Interval { low: change, high: change }),
        outcome: if missed { Outcome::Missed } else { Outcome::Met },
        fails: missed,
        note: format!("against {what}"),
        line: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slowdown_is_seen_through_noise_and_noise_is_none() {
        let before = [
            100.0, 104.0, 97.0, 430.0, 99.0, 101.0, 98.0, 103.0, 100.0, 96.0, 99.0, 102.0, 105.0, 98.0, 97.0,
            250.0, 101.0, 100.0, 99.0, 103.0,
        ];
        let shuffled: Vec<f64> = before.iter().rev().copied().collect();
        let twice: Vec<f64> = shuffled.iter().map(|us| us * 2.0).collect();
        let case = slower("old", &before, &twice, 0.1);
        assert!(case.fails && case.outcome == Outcome::Missed, "{case:?}");
        let case = slower("old", &before, &shuffled, 0.1);
        assert_eq!((case.outcome, case.fails), (Outcome::Met, false), "{case:?}");
        let few = slower("old", &before[..10], &twice[..10], 0.1);
        assert_eq!((few.outcome, few.interval), (Outcome::Inconclusive, None), "ten pairs decide nothing");
    }

    /// Tables of the sign test: of 11 values all count, of 20 two on either side are left out, of 30 five.
    #[test]
    fn the_interval_of_the_median_leaves_out_what_the_level_allows() {
        let interval = |n: usize| median_interval((0..n).map(|i| i as f64).collect(), LEVEL);
        assert_eq!(interval(10), None);
        assert_eq!(interval(11), Some(Interval { low: 0.0, high: 10.0 }));
        assert_eq!(interval(20), Some(Interval { low: 2.0, high: 17.0 }));
        assert_eq!(interval(30), Some(Interval { low: 5.0, high: 24.0 }));
        assert_eq!(interval(0), None);
    }

    #[test]
    fn counts_are_read_and_compared() {
        assert_eq!(total("events: Ir\nsummary: 12\ntotals: 12 3\n"), Some(12));
        assert_eq!(total("events: Ir\ntotals: 0\n"), None, "the core was never seen");
        assert_eq!(total(""), None);
        assert!(!more_instructions("old", 1000, 1010, 0.01).fails);
        assert!(more_instructions("old", 1000, 1011, 0.01).fails);
    }

    #[test]
    fn a_program_that_is_none_is_named() {
        let workload = Workload::new(None, &[]);
        let error =
            against(Path::new("/no/rmsim"), Path::new("/no/rmsim"), &workload, 5, 0.1, || {}).unwrap_err();
        assert!(error.to_string().starts_with("cannot start /no/rmsim: "), "{error}");
        assert!(error.to_string().contains("hint: --against"), "{error}");
    }
}
