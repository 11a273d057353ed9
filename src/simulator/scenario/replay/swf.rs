//! Traces in the standard workload format (SWF 2.2) of the Parallel Workloads Archive.
//!
//! Promises to take what real traces hold: comments anywhere, any bytes in them, -1 for unknown, fractions, more than
//! 18 numbers, jobs out of order. Leaves out what never ran, and says how often and why.
//!
//! The rules:
//! - Processors: those requested (field 8), or else those used (field 5). None: left out.
//! - Run time: field 4. Unknown: left out. Zero: left out and counted apart, for it stands for less than half a second,
//!   and which part of it nobody knows; with status 5 the job was cancelled before it started.
//! - Submission: field 2; unknown: left out. Jobs are sorted by it, equal ones as they stand in the file.
//! - Times are exact to the nanosecond. A time beyond a hundred years is an error: its unit is not the second.
//! - Status 2, 3 and 4 are parts of jobs that another line holds as a whole: left out. Status 0 (failed) and 5
//!   (cancelled while it ran) hold their processors as long as they did, and end with an error.
//! - Requested time (field 9) becomes the walltime, raised to the run time or cut there, as asked for.
//! - User and group become tenant numbers, group is the project, too; unknown: 0. Queue and partition are ignored, for
//!   priorities are not honoured yet. Preceding jobs (field 17) are waited for where the scenario asks for it.
//! - `quantum`: circuits of at most 8,000 shots, so many that shots x circuits x 264 us is the run time; the shape by
//!   application modulo 4: line, ring, star, tree; any region where it is unknown.

use std::io::{BufRead, Read};

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::{Hashed, ReplayError, Taken, ends, push};
use crate::allocator::protocol::{JobId, JobRequest, Tenant, Topology};
use crate::config_file::shown::crop;
use crate::simulator::scenario::file::replay::{Overrun, PrecedingJobs, QuantumMap, SwfFile, SwfJobs};
use crate::simulator::workload::DEFAULT_DEPTH;
use crate::simulator::workload::jobs::PlannedOutcome;
use crate::simulator::workload::replay::{Replay, ReplayBuilder, ReplayedJob};
use crate::time::{SecondsError, Span, Time};

/// Numbers per line.
const FIELDS: usize = 18;

/// Longest line.
const MAX_LINE: u64 = 1 << 16;

/// No trace reaches farther: about a hundred years.
const LONGEST: Span = Span::from_secs(3_200_000_000);

/// Time of one execution of a circuit on IBM's devices: the default repetition delay of 250 us and the readout (Ravi et
/// al., IISWC'21).
const SECONDS_PER_SHOT: f64 = 264e-6;

/// Shots of a circuit at most: the largest of the three modes on IBM's devices.
const MAX_SHOTS: f64 = 8_000.0;

/// What the comments at the head of a trace say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SwfHeader {
    /// Keys and values, `MaxProcs: 128`, in order.
    pub entries: Vec<(String, String)>,
}

impl SwfHeader {
    /// The value of a key, whatever its case.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.entries
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(key))
            .map(|(_, value)| value.as_str())
    }

    fn comment(&mut self, line: &str) {
        let text = line.trim_start_matches([';', ' ', '\t']);
        if let Some((key, value)) = text.split_once(':')
            && !key.is_empty()
            && key.chars().all(|c| c.is_ascii_alphanumeric())
            && self.entries.len() < 1_000
        {
            self.entries.push((key.to_owned(), crop(value.trim())));
        }
    }
}

/// Reads a trace.
pub fn read<R: BufRead>(
    input: &mut Hashed<R>,
    settings: &SwfFile,
) -> Result<(Replay, SwfHeader), ReplayError> {
    let taken = Taken {
        limit: settings.limit,
        start_at_first_job: settings.start_at_first_job,
        missing_estimate: settings.missing_estimate,
        time_scale: settings.time_scale,
    };
    let mut header = SwfHeader::default();
    let mut builder = ReplayBuilder::default();
    let mut kinds = Kinds::default();
    let mut lines = Lines::new(input);
    let follows = settings.preceding_jobs == PrecedingJobs::Follow;
    // Jobs by their numbers, and the number of the one that each follows.
    let (mut numbers, mut preceding) = (IndexMap::<u64, usize, FxBuildHasher>::default(), Vec::new());
    while let Some((number, line)) = lines.next()? {
        // A mark that some editors put at the start of a file.
        let line = line.strip_prefix(b"\xef\xbb\xbf").filter(|_| number == 1).unwrap_or(line).trim_ascii();
        if line.is_empty() {
            continue;
        }
        if line.starts_with(b";") {
            header.comment(&String::from_utf8_lossy(line));
            continue;
        }
        let fields = Fields::read(line, number)?;
        match job(&fields, settings, &mut builder, &mut kinds) {
            Ok(job) if !ends(&job, job.at) => {
                let message =
                    "the job would end later than 584 years after the beginning, more than a time can hold";
                return Err(ReplayError::at(number, message).in_column(9, NAMES[8]));
            }
            Ok(job) => {
                push(&mut builder, job, number)?;
                if follows {
                    let index = builder.jobs_mut().len() - 1;
                    // Of two jobs of one number, who knows which is meant: the first.
                    numbers.entry(fields.values[0] as u64).or_insert(index);
                    preceding.push(Some(fields.values[16]).filter(|before| *before > 0.0));
                }
            }
            Err(why) => builder.leave_out(why),
        }
    }
    if let SwfJobs::Quantum(map) = &settings.jobs {
        widths(builder.jobs_mut(), map);
        // A ring of fewer than three is a line.
        for job in builder.jobs_mut().iter_mut().filter(|job| job.min_qubits < 3) {
            job.kind = kinds.lines.filter(|_| Some(job.kind) == kinds.rings).unwrap_or(job.kind);
        }
    }
    for (job, before) in preceding.into_iter().enumerate() {
        let Some(&on) = before.and_then(|before| numbers.get(&(before as u64))) else { continue };
        let jobs = builder.jobs_mut();
        if (jobs[on].at, on) < (jobs[job].at, job) {
            builder.follow(job, on, false);
        }
    }
    let digest = lines.input.digest();
    Ok((taken.of(builder, digest)?, header))
}

/// Lines as bytes, none of them endless.
struct Lines<'a, R> {
    input: &'a mut Hashed<R>,
    buffer: Vec<u8>,
    rest: std::ops::Range<usize>,
    line: Vec<u8>,
    number: u64,
}

impl<'a, R: BufRead> Lines<'a, R> {
    fn new(input: &'a mut Hashed<R>) -> Self {
        Self { input, buffer: vec![0; 1 << 16], rest: 0..0, line: Vec::new(), number: 0 }
    }

    fn next(&mut self) -> Result<Option<(u64, &[u8])>, ReplayError> {
        self.line.clear();
        self.number += 1;
        let wrong = |number, message: String| Err(ReplayError::at(number, message));
        loop {
            if self.rest.is_empty() {
                let count = match self.input.read(&mut self.buffer) {
                    Ok(count) => count,
                    Err(error) => return wrong(self.number, format!("cannot read: {error}")),
                };
                if count == 0 {
                    return Ok((!self.line.is_empty()).then_some((self.number, self.line.as_slice())));
                }
                self.rest = 0..count;
            }
            let chunk = &self.buffer[self.rest.clone()];
            let end = chunk.iter().position(|byte| *byte == b'\n');
            self.line.extend_from_slice(&chunk[..end.unwrap_or(chunk.len())]);
            if self.line.len() as u64 > MAX_LINE {
                return wrong(
                    self.number,
                    format!("the line is longer than {MAX_LINE} bytes; hint: is it a trace?"),
                );
            }
            match end {
                None => self.rest = 0..0,
                Some(end) => {
                    self.rest.start += end + 1;
                    return Ok(Some((self.number, self.line.as_slice())));
                }
            }
        }
    }
}

/// What a line says.
struct Fields {
    /// The first 18 numbers; unknown ones are below zero.
    values: [f64; FIELDS],
    /// Time of submission, run time and time requested: the numbers that a double may not hold.
    submit: Option<Span>,
    run: Option<Span>,
    requested: Option<Span>,
}

impl Fields {
    fn read(line: &[u8], number: u64) -> Result<Self, ReplayError> {
        let mut fields = Self { values: [0.0; FIELDS], submit: None, run: None, requested: None };
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        for (index, name) in NAMES.iter().enumerate() {
            let Some(word) = words.next() else {
                let message =
                    format!("the line has {index} numbers; hint: the standard workload format has {FIELDS}");
                return Err(ReplayError::at(number, message));
            };
            let shown = || crop(&String::from_utf8_lossy(word));
            let wrong = |message: String| ReplayError::at(number, message).in_column(index + 1, name);
            let text = str::from_utf8(word).unwrap_or("");
            let value = text.parse().ok().filter(|value: &f64| value.is_finite());
            fields.values[index] =
                value.ok_or_else(|| wrong(format!("`{}` is no number; hint: -1 means unknown", shown())))?;
            let (time, longest) = match index {
                1 => (&mut fields.submit, LONGEST),
                3 => (&mut fields.run, LONGEST),
                8 => (&mut fields.requested, Span::MAX),
                _ => continue,
            };
            *time = match Span::from_decimal_seconds(text) {
                Ok(span) if span <= longest => Some(span),
                // All other numbers are below zero.
                Err(SecondsError::Negative | SecondsError::NotANumber) => None,
                Ok(_) | Err(_) => {
                    let message = "seconds are more than a hundred years; hint: times are seconds in this format, are \
                                   these milliseconds?";
                    return Err(wrong(format!("{} {message}", shown())));
                }
            };
        }
        Ok(fields)
    }
}

const NAMES: [&str; FIELDS] = [
    "job number",
    "submit time",
    "wait time",
    "run time",
    "processors used",
    "CPU time",
    "memory used",
    "processors requested",
    "time requested",
    "memory requested",
    "status",
    "user",
    "group",
    "application",
    "queue",
    "partition",
    "preceding job",
    "think time",
];

#[derive(Default)]
struct Kinds {
    /// By application modulo 4, or 4 for unknown.
    shapes: IndexMap<u32, u32, FxBuildHasher>,
    lines: Option<u32>,
    rings: Option<u32>,
}

impl Kinds {
    fn of(&mut self, application: f64, quantum: bool, builder: &mut ReplayBuilder) -> u32 {
        let shape = if quantum && application >= 0.0 { application as u64 % 4 } else { 4 } as u32;
        // Narrow rings become lines.
        if shape == 1 && self.lines.is_none() {
            self.of(0.0, true, builder);
        }
        if let Some(kind) = self.shapes.get(&shape) {
            return *kind;
        }
        let topology = match shape {
            0 => Topology::Line,
            1 => Topology::Ring,
            2 => Topology::Star,
            3 => Topology::Tree,
            _ => Topology::Any,
        };
        let kind = builder.kind(JobRequest::new(JobId(0), 1, topology));
        match shape {
            0 => self.lines = Some(kind),
            1 => self.rings = Some(kind),
            _ => {}
        }
        self.shapes.insert(shape, kind);
        kind
    }
}

/// The job of a line, with processors for qubits, or why there is none.
fn job(
    fields: &Fields,
    settings: &SwfFile,
    builder: &mut ReplayBuilder,
    kinds: &mut Kinds,
) -> Result<ReplayedJob, &'static str> {
    let [_, _, _, _, used, _, _, requested, _, _, status, user, group, application, ..] = fields.values;
    if matches!(status as i64, 2..=4) {
        return Err("part of a job that another line holds as a whole");
    }
    let submit = fields.submit.ok_or("without a time of submission")?;
    let mut run = match fields.run {
        Some(Span::ZERO) if status as i64 == 5 => return Err("cancelled before the start"),
        Some(Span::ZERO) => return Err("with a run time of less than half a second, given as 0"),
        run => run.ok_or("without a run time")?,
    };
    let processors = if requested >= 1.0 { requested } else { used };
    if processors < 1.0 {
        return Err("without processors");
    }
    let qubits = processors as u32;
    let walltime = match (fields.requested.filter(|asked| *asked > Span::ZERO), settings.overrun) {
        (None, _) => None,
        (Some(stated), Overrun::Keep) => Some(stated.max(run)),
        (Some(stated), Overrun::Cut) => {
            run = run.min(stated);
            Some(stated)
        }
    };
    let quantum = matches!(settings.jobs, SwfJobs::Quantum(_));
    let number = |value: f64| if value >= 0.0 { value as u32 } else { 0 };
    let (mut circuits, mut shots) = (1, 1);
    if quantum {
        let executions = (run.as_secs_f64() / SECONDS_PER_SHOT).max(1.0);
        let count = (executions / MAX_SHOTS).ceil();
        (circuits, shots) = (count as u32, ((executions / count).round() as u64).max(1));
    }
    let name = if application >= 0.0 { format!("app-{}", application as u64) } else { "job".to_owned() };
    Ok(ReplayedJob {
        at: Time::ZERO + submit,
        kind: kinds.of(application, quantum, builder),
        name: builder.name(&name),
        min_qubits: qubits,
        max_qubits: qubits,
        circuits,
        depth: DEFAULT_DEPTH,
        // Jobs that are taken as they are have no programs.
        depth_assumed: quantum,
        shots,
        tenant: Tenant { user: number(user), group: number(group), project: number(group) },
        execution_time: Some(run),
        walltime,
        walltime_supplied: false,
        max_wait_time: None,
        deadline: None,
        outcome: match status as i64 {
            0 | 5 => PlannedOutcome::FailsAt(1.0),
            _ => PlannedOutcome::Completes,
        },
    })
}

/// Gives every job the width at the rank of its processors: the middle of the ranks of all jobs with as many.
fn widths(jobs: &mut [ReplayedJob], map: &QuantumMap) {
    let mut order: Vec<u32> = jobs.iter().map(|job| job.min_qubits).collect();
    order.sort_unstable();
    let all = order.len() as f64;
    let mut known: IndexMap<u32, u32, FxBuildHasher> = IndexMap::default();
    for job in jobs {
        let width = *known.entry(job.min_qubits).or_insert_with(|| {
            let below = order.partition_point(|other| *other < job.min_qubits);
            let upto = order.partition_point(|other| *other <= job.min_qubits);
            width_at((below + upto) as f64 / (2.0 * all), &map.widths)
        });
        (job.min_qubits, job.max_qubits) = (width, width);
    }
}

/// The width at a share of jobs; quantiles rise from 0 to 1.
fn width_at(share: f64, quantiles: &[(f64, u32)]) -> u32 {
    let after = quantiles.partition_point(|(at, _)| *at < share).clamp(1, quantiles.len() - 1);
    let ((from, low), (to, high)) = (quantiles[after - 1], quantiles[after]);
    let part = if to > from { ((share - from) / (to - from)).clamp(0.0, 1.0) } else { 0.0 };
    (f64::from(low) + part * (f64::from(high) - f64::from(low))).round() as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::scenario::file::replay::OfPath;

    const TRACE: &str = "; Version: 2.2\n;MaxProcs: 128\n; a comment \u{e4}\n\
        1 100 5 60 4 -1 -1 8 120 -1 1 3 2 7 1 -1 -1 -1 99\n\
        2 50 0 30.5 2 -1 -1 -1 10 -1 0 -1 -1 -1 -1 -1 -1 -1\n\
        3 60 0 0 2 -1 -1 2 10 -1 1 1 1 1 -1 -1 -1 -1\n\
        4 60 -1 -1 -1 -1 -1 2 10 -1 5 1 1 1 -1 -1 -1 -1\n\
        ; MaxProcs: 64\n\
        5 70 0 5 0 -1 -1 -1 10 -1 1 1 1 1 -1 -1 -1 -1\n\
        6 70 0 5 1 -1 -1 1 -1 -1 3 1 1 1 -1 -1 -1 -1\n\
        7 -1 0 5 1 -1 -1 1 -1 -1 1 1 1 1 -1 -1 -1 -1\n\
        8 100 0 7 1 -1 -1 1 7 -1 5 1 1 1 -1 -1 -1 -1";

    fn read_text(text: &[u8], change: impl FnOnce(&mut SwfFile)) -> Result<(Replay, SwfHeader), ReplayError> {
        let mut settings = SwfFile::of_path(String::new());
        change(&mut settings);
        read(&mut Hashed::new(text), &settings)
    }

    fn shown(replay: &Replay) -> String {
        let rows = replay.jobs().iter().map(|job| {
            let time =
                |span: Option<Span>| span.map_or("-".to_owned(), |span| span.as_secs_f64().to_string());
            format!(
                "at {} {} qubits, runs {}, asks {}, {} x {} shots, user {} project {}, {:?}",
                job.at.as_secs_f64(),
                job.min_qubits,
                time(job.execution_time),
                time(job.walltime),
                job.circuits,
                job.shots,
                job.tenant.user,
                job.tenant.project,
                job.outcome,
            )
        });
        rows.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_oddities_of_real_traces() {
        let (replay, header) = read_text(TRACE.as_bytes(), |_| {}).unwrap();
        insta::assert_snapshot!(shown(&replay), @"
        at 50 2 qubits, runs 30.5, asks 30.5, 1 x 1 shots, user 0 project 0, FailsAt(1.0)
        at 100 8 qubits, runs 60, asks 120, 1 x 1 shots, user 3 project 2, Completes
        at 100 1 qubits, runs 7, asks 7, 1 x 1 shots, user 1 project 1, FailsAt(1.0)
        ");
        assert_eq!((header.get("maxprocs"), header.get("version")), (Some("128"), Some("2.2")));
        insta::assert_debug_snapshot!(replay.left_out(), @r#"
        [
            (
                "with a run time of less than half a second, given as 0",
                1,
            ),
            (
                "without a run time",
                1,
            ),
            (
                "without processors",
                1,
            ),
            (
                "part of a job that another line holds as a whole",
                1,
            ),
            (
                "without a time of submission",
                1,
            ),
        ]
        "#);
        let (cut, _) = read_text(TRACE.as_bytes(), |settings| {
            (settings.overrun, settings.start_at_first_job, settings.limit) = (Overrun::Cut, true, Some(2));
        })
        .unwrap();
        insta::assert_snapshot!(shown(&cut), @"
        at 0 2 qubits, runs 10, asks 10, 1 x 1 shots, user 0 project 0, FailsAt(1.0)
        at 50 8 qubits, runs 60, asks 120, 1 x 1 shots, user 3 project 2, Completes
        ");
        let marked = [b"\xef\xbb\xbf".as_slice(), TRACE.as_bytes()].concat();
        assert_eq!(read_text(&marked, |_| {}).unwrap().1, header);
        let latin = [b"; Computer: M\xfcnchen\n".as_slice(), TRACE.as_bytes()].concat();
        assert_eq!(read_text(&latin, |_| {}).unwrap().0.jobs(), replay.jobs());
        for (text, message) in [
            ("1 2 3", ":1: the line has 3 numbers; hint: the standard workload format has 18"),
            (
                "1 1356996147000 0 5 1 -1 -1 1 -1 -1 1 1 1 1 -1 -1 -1 -1",
                ":1: column 2 (`submit time`): 1356996147000 seconds are more than a hundred years; hint: times are \
                 seconds in this format, are these milliseconds?",
            ),
            (";\n1 2 x 4", ":2: column 3 (`wait time`): `x` is no number; hint: -1 means unknown"),
        ] {
            assert_eq!(read_text(text.as_bytes(), |_| {}).unwrap_err().to_string(), message);
        }
    }

    /// A double holds nanoseconds for 104 days; time stamps since 1970 have 56 years.
    #[test]
    fn times_are_exact_and_begin_with_the_first_job_where_asked() {
        let text = "1 1700000000.000000003 0 2.000000001 1 -1 -1 1 3.000000002 -1 1 1 1 1 -1 -1 -1 -1\n\
                    2 1700000000.000000001 0 1 1 -1 -1 1 -1 -1 1 1 1 1 -1 -1 -1 -1\n\
                    3 1700000000.000000002 0 0 1 -1 -1 1 -1 -1 5 1 1 1 -1 -1 -1 -1";
        let (replay, _) = read_text(text.as_bytes(), |_| {}).unwrap();
        let times = |replay: &Replay| replay.jobs().iter().map(|job| job.at.0).collect::<Vec<_>>();
        assert_eq!(times(&replay), [1_700_000_000_000_000_001, 1_700_000_000_000_000_003]);
        let last = replay.jobs()[1];
        assert_eq!(
            (last.execution_time, last.walltime),
            (Some(Span(2_000_000_001)), Some(Span(3_000_000_002)))
        );
        assert_eq!(replay.left_out(), [("cancelled before the start", 1)]);
        let (shifted, _) = read_text(text.as_bytes(), |settings| settings.start_at_first_job = true).unwrap();
        assert_eq!(times(&shifted), [0, 2]);
    }

    #[test]
    fn processors_become_qubits_by_rank() {
        let lines = (0..200).map(|job| {
            format!("{job} {job} 0 {} 1 -1 -1 {} -1 -1 1 1 1 {} 1 1 -1 -1", job + 1, 1 << (job % 8), job % 5)
        });
        let text = lines.collect::<Vec<_>>().join("\n");
        let (replay, _) =
            read_text(text.as_bytes(), |settings| settings.jobs = SwfJobs::Quantum(QuantumMap::default()))
                .unwrap();
        let mut widths: Vec<u32> = replay.jobs().iter().map(|job| job.min_qubits).collect();
        widths.sort_unstable();
        widths.dedup();
        insta::assert_debug_snapshot!(widths, @"
        [
            2,
            3,
            4,
            5,
            6,
            7,
            9,
            14,
        ]
        ");
        for job in replay.jobs() {
            let run = f64::from(job.circuits) * job.shots as f64 * SECONDS_PER_SHOT;
            let told = job.execution_time.unwrap().as_secs_f64();
            assert!((run - told).abs() < 1e-3 * told && job.shots <= 8_000, "{job:?}");
            assert_eq!(replay.draw(0).request.validate(), Ok(()));
        }
    }
}
