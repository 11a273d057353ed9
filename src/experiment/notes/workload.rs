//! What can be said of a scenario before it runs: jobs that are left out, and time in which nobody comes.
//!
//! Promises one pass over the jobs of a replayed workload, and none over drawn ones: of these the sources say enough.

use indexmap::IndexSet;

use super::jobs::some_jobs;
use super::note::{Note, NoteKind, count, grouped, roughly};
use crate::allocator::config::{QueueOrder, WalltimeEstimate};
use crate::allocator::protocol::{Priority, Topology};
use crate::experiment::check::FEWEST_REPLICATIONS;
use crate::quantum::hardware::runtime::RuntimeModel;
use crate::simulator::scenario::{Comparison, Horizon, Scenario, WarmUp};
use crate::simulator::workload::DEFAULT_DEPTH;
use crate::simulator::workload::jobs::{EstimateLaw, Template};
use crate::simulator::workload::replay::{Replay, ReplayedJob};
use crate::time::{Span, Time};

/// Shorter times in which nobody comes are no news.
const LATE: Span = Span::from_secs(86_400);

/// Shorter times between two jobs are no news: machines are away for maintenance, people for holidays.
const LONG: Span = Span::from_secs(30 * 86_400);

/// What is known of a scenario before it runs, the gravest first.
pub fn before_run(scenario: &Scenario) -> Vec<Note> {
    let mut notes = Vec::new();
    notes.extend(warm_up(scenario));
    notes.extend(fewer_jobs(scenario));
    notes.extend(of_workload(scenario));
    notes.extend(few_replications(scenario));
    notes
}

/// What the jobs and their times say.
pub(super) fn of_workload(scenario: &Scenario) -> Vec<Note> {
    let mut notes = Vec::new();
    let replay = scenario.workload.replay.as_deref();
    notes.extend(replay.and_then(left_out));
    let times = Times::of(scenario);
    notes.extend(times.late_start(scenario));
    notes.extend(times.long_gap());
    notes.extend(times.early_end(scenario));
    if depth_matters(scenario) {
        notes.extend(Depths::of(scenario).notes());
    }
    notes.extend(of_order(scenario));
    notes.extend(of_promises(scenario));
    notes.extend(super::sharing::of_quotas(scenario));
    notes.extend(super::parties::of_parties(scenario));
    notes
}

/// Whether times or places follow from how deep programs are. Of jobs that bring their times along to devices on which any
/// qubits will do, nobody wants to know.
fn depth_matters(scenario: &Scenario) -> bool {
    scenario.hardware.runtime == RuntimeModel::ShotsAndDepth
        || scenario.fleet.iter().any(|device| !device.spec.coupling_map.is_complete())
}

/// What is said of how deep programs are. Circuits have depths of their own.
struct Depths {
    /// Nobody says; of this and the next, names of templates, or how many recorded jobs.
    assumed: Option<String>,
    /// Said to be unknown.
    unknown: Option<String>,
    replayed: bool,
}

impl Depths {
    fn of(scenario: &Scenario) -> Self {
        let is_shape = |replay: &Replay, job: &ReplayedJob| {
            !matches!(replay.kind(job.kind).topology, Topology::Circuit(_))
        };
        Self {
            assumed: some_jobs(
                scenario,
                |template| template.circuit.is_none() && template.depth_assumed,
                |_, job| job.depth_assumed,
            ),
            unknown: some_jobs(
                scenario,
                |template| template.circuit.is_none() && template.depth.range().1 == 0,
                |replay, job| job.depth == 0 && is_shape(replay, job),
            ),
            replayed: scenario.workload.replay.is_some(),
        }
    }

    fn notes(self) -> impl Iterator<Item = Note> {
        let assumed = self.assumed.map(|some| {
            let text = format!(
                "nobody says how deep the programs of {some} are: {DEFAULT_DEPTH} layers are assumed, on which placements \
                 and predicted success depend"
            );
            let hint = match self.replayed {
                true => "a table of jobs has a column `depth`; 0 stands for unknown",
                false => "`depth` in the template; 0 stands for unknown",
            };
            Note::new(NoteKind::AssumedDepth, text).hint(hint)
        });
        let unknown = self.unknown.map(|some| {
            let text = format!(
                "the programs of {some} are of unknown depth: they are placed, and their success is predicted, as if \
                 every interaction took place once"
            );
            Note::new(NoteKind::UnknownDepth, text)
        });
        assumed.into_iter().chain(unknown)
    }
}

/// What is said of the order of the queue: jobs without the figure that it goes by, and figures that it does not look at.
/// Behind jobs that state no walltime nobody can be promised an instant.
fn of_promises(scenario: &Scenario) -> Option<Note> {
    let nobody_knows = scenario.allocator.walltime.estimate == WalltimeEstimate::None;
    if !(nobody_knows && scenario.allocator.queue.makes_promises()) {
        return None;
    }
    let lacking = walltimes(scenario, false)?;
    let text = format!(
        "starts are promised, but no estimated_duration is stated for {lacking}, and walltime.estimate is none: they never \
         pass a promise that they could meet, and behind them a promise is a place without an instant"
    );
    let hint = "`estimated_duration` of the jobs, as in `{times_execution: {uniform: [1.1, 2]}}`, or \
                `walltime: {estimate: {model: 1.5}}`";
    Some(Note::new(NoteKind::PlacesWithoutInstants, text).hint(hint))
}

/// What is said of how long jobs run that do not say so: recorded ones whose run time stands for it, and how long others are
/// taken to run where starts are promised.
pub fn of_lengths(scenario: &Scenario) -> Vec<String> {
    let replay = scenario.workload.replay.as_deref();
    let recorded = replay.and_then(|replay| {
        let of = |which: fn(&ReplayedJob) -> bool| replay.jobs().iter().filter(|job| which(job)).count() as u64;
        let (supplied, none) = (of(|job| job.walltime_supplied), of(|job| job.walltime.is_none()));
        let all = count(replay.len() as u64, "recorded job");
        match (supplied, none) {
            (0, 0) => None,
            (0, none) => Some(format!("{} of {all} state no walltime (missing_estimate: unlimited)", grouped(none))),
            (supplied, none) => {
                let rest = match none {
                    0 => String::new(),
                    none => format!("; {} have no run time either, and state none", grouped(none)),
                };
                let supplied = grouped(supplied);
                Some(format!(
                    "{supplied} of {all} had no walltime: they state the time that they ran (missing_estimate: \
                     run_time){rest}"
                ))
            }
        }
    });
    recorded.into_iter().chain(taken_to_run(scenario)).collect()
}

/// How long jobs are taken to run that state no walltime, where starts are promised.
fn taken_to_run(scenario: &Scenario) -> Option<String> {
    let WalltimeEstimate::Model(factor) = scenario.allocator.estimate() else { return None };
    let lacking = walltimes(scenario, false)?;
    Some(format!(
        "starts are promised; no estimated_duration is stated for {lacking}: taken to run {factor} times what their devices \
         take by published constants and reported run times"
    ))
}

/// The jobs that state a walltime, or those that state none.
fn walltimes(scenario: &Scenario, stated: bool) -> Option<String> {
    some_jobs(
        scenario,
        |template| matches!(template.estimate, EstimateLaw::None) != stated,
        |_, job| job.walltime.is_some() == stated,
    )
}

fn of_order(scenario: &Scenario) -> Vec<Note> {
    let (order, weights) = (scenario.allocator.order, scenario.allocator.order_weights);
    let nothing = |what: &str, lacking: Option<String>, having: Option<String>| {
        let behind = match having {
            Some(_) => "they come last",
            None => "all go in order of submission",
        };
        let text = format!(
            "allocator.order is {}, but no {what} is stated for {}: {behind}",
            order.name(),
            lacking?
        );
        let hint = format!("`{what}` of the jobs, or another order");
        Some(Note::new(NoteKind::NothingToOrderBy, text).hint(hint))
    };
    let deadlines = |stated: bool| {
        let of_template = |template: &Template| template.deadline.is_some() == stated;
        some_jobs(scenario, of_template, |_, job| job.deadline.is_some() == stated)
    };
    let priorities = priorities(scenario);
    let by_figure = match order {
        QueueOrder::ShortestFirst => {
            nothing("estimated_duration", walltimes(scenario, false), walltimes(scenario, true))
        }
        QueueOrder::EarliestDeadline => nothing("deadline", deadlines(false), deadlines(true)),
        QueueOrder::Priority if priorities.len() < 2 => {
            let text =
                "allocator.order is priority, but all jobs have the same: they go in order of submission";
            Some(Note::new(NoteKind::NothingToOrderBy, text).hint("`priority` of the jobs, or another order"))
        }
        QueueOrder::Weighted if weights.is_nothing() => {
            let text =
                "allocator.order is weighted, but all order_weights are 0: jobs go in order of submission";
            let hint = "`order_weights: {priority: 1, age: 100}`, or another order";
            Some(Note::new(NoteKind::NothingToOrderBy, text).hint(hint))
        }
        QueueOrder::Priority
        | QueueOrder::Fifo
        | QueueOrder::FairShare
        | QueueOrder::Weighted
        | QueueOrder::Own(_) => None,
    };
    let looks = match order {
        QueueOrder::Priority | QueueOrder::Own(_) => true,
        QueueOrder::Weighted => weights.priority != 0,
        _ => false,
    };
    let ignored = (!looks && priorities.len() > 1).then(|| {
        let text = format!("nobody looks at the priorities of jobs: allocator.order is {}", order.name());
        Note::new(NoteKind::PriorityIgnored, text).hint("`order: priority`")
    });
    by_figure.into_iter().chain(ignored).collect()
}

/// The different priorities of jobs.
fn priorities(scenario: &Scenario) -> IndexSet<Priority> {
    if let Some(replay) = scenario.workload.replay.as_deref() {
        return replay.jobs().iter().map(|job| replay.kind(job.kind).priority).collect();
    }
    let templates = scenario.workload.sources.iter().flat_map(|source| source.mix.templates());
    templates.map(|template| template.base.priority).collect()
}

fn left_out(replay: &Replay) -> Option<Note> {
    let all: u64 = replay.left_out().iter().map(|(_, count)| count).sum();
    if all == 0 {
        return None;
    }
    let reasons = replay.left_out().iter().map(|(why, count)| format!("{} {why}", grouped(*count)));
    let reasons = reasons.collect::<Vec<_>>().join(", ");
    let text = format!(
        "{} of the recorded {} left out: {reasons}",
        grouped(all),
        count(all + replay.len() as u64, "job")
    );
    Some(Note::new(NoteKind::LeftOut, text).hint("`rmsim workload show FILE` shows what is in the file"))
}

/// The times in which jobs can come: instants, or stretches in which a source draws them.
struct Times {
    /// The first arrival.
    first: Time,
    /// The last one; `None` where jobs come until the horizon.
    last: Option<Time>,
    /// Time between arrivals that is [`LONG`] or longer, with the longest and when it begins.
    gaps: Span,
    longest: (Span, Time),
    /// Whether the jobs are recorded ones.
    replayed: bool,
}

impl Times {
    fn of(scenario: &Scenario) -> Self {
        let end = match scenario.horizon {
            Horizon::Time(span) => Time::ZERO + span,
            Horizon::Jobs(_) => Time::MAX,
        };
        match &scenario.workload.replay {
            Some(replay) => {
                let limit = match scenario.horizon {
                    Horizon::Jobs(jobs) => usize::try_from(jobs).unwrap_or(usize::MAX),
                    Horizon::Time(_) => usize::MAX,
                };
                let instants = replay.jobs().iter().take(limit).map(|job| job.at);
                Self::over(instants.take_while(|at| *at < end).map(|at| (at, Some(at))), true)
            }
            None => {
                let stretch = |source: &crate::simulator::workload::Source| {
                    let until = match source.arrivals.total() {
                        Some(_) => Some(source.from),
                        None => source.until,
                    };
                    (source.from, until)
                };
                let mut stretches: Vec<_> = scenario.workload.sources.iter().map(stretch).collect();
                stretches.retain(|(from, _)| *from < end);
                stretches.sort_by_key(|(from, _)| *from);
                Self::over(stretches, false)
            }
        }
    }

    /// From stretches in order of their beginnings.
    fn over(stretches: impl IntoIterator<Item = (Time, Option<Time>)>, replayed: bool) -> Self {
        let mut stretches = stretches.into_iter();
        let (first, mut last) = stretches.next().unwrap_or((Time::ZERO, None));
        let (mut gaps, mut longest) = (Span::ZERO, (Span::ZERO, Time::ZERO));
        for (from, until) in stretches {
            let Some(before) = last else { break };
            let gap = from.since(before);
            if gap >= LONG {
                gaps += gap;
            }
            longest = longest.max((gap, before));
            last = until.map(|until| until.max(before));
        }
        Self { first, last, gaps, longest, replayed }
    }

    /// The first job comes after a day or more, and after a longer time than from the first to the last. What the
    /// warm-up leaves out dilutes nothing.
    fn late_start(&self, scenario: &Scenario) -> Option<Note> {
        let begin = match scenario.warm_up {
            WarmUp::Time(span) => Time::ZERO + span,
            WarmUp::None => Time::ZERO,
            WarmUp::Jobs(_) | WarmUp::Auto => return None,
        };
        let lead = self.first.since(begin);
        let rest = match self.last.or(horizon(scenario)) {
            Some(last) => last.since(self.first),
            None => expected(scenario),
        };
        if lead < LATE || lead <= rest {
            return None;
        }
        let text = format!(
            "the first job comes {} after the beginning, which all means over time are diluted by",
            roughly(self.first.since(Time::ZERO))
        );
        let hint = match self.replayed {
            true => {
                "start_at_first_job: true lets the run begin with it; or the unit of the times is another"
            }
            false => "a smaller start_after, or a warm_up of that length",
        };
        Some(Note::new(NoteKind::LateStart, text).hint(hint))
    }

    /// More than half of the time from the first to the last job lies in long gaps.
    fn long_gap(&self) -> Option<Note> {
        let whole = self.last?.since(self.first);
        let (gap, since) = self.longest;
        if self.gaps.0 <= whole.0 / 2 {
            return None;
        }
        let text = format!(
            "nobody comes for {} after {}: {} of the {} from the first to the last job lie in such gaps, which dilute \
             all means over time",
            roughly(gap),
            roughly(since.since(Time::ZERO)),
            roughly(self.gaps),
            roughly(whole)
        );
        let hint = match self.replayed {
            true => "a distant time stamp may be a mistake; limit or a horizon leaves it out",
            false => "start_after and stop_after of the sources say when jobs come",
        };
        Some(Note::new(NoteKind::LongGap, text).hint(hint))
    }

    /// The horizon goes on for longer than a day after the last job, and for longer than jobs came.
    fn early_end(&self, scenario: &Scenario) -> Option<Note> {
        let (end, last) = (horizon(scenario)?, self.last?);
        let tail = end.since(last);
        if tail < LATE || tail <= last.since(Time::ZERO) {
            return None;
        }
        let text = format!(
            "the last job comes {} after the beginning, the horizon lasts {}: means over time are diluted by the rest",
            roughly(last.since(Time::ZERO)),
            roughly(end.since(Time::ZERO))
        );
        Some(Note::new(NoteKind::EarlyEnd, text).hint("a shorter horizon"))
    }
}

/// How long it takes until drawn jobs fill the horizon, on the average.
fn expected(scenario: &Scenario) -> Span {
    let Horizon::Jobs(jobs) = scenario.horizon else { return Span::MAX };
    let rates = scenario.workload.sources.iter().map(|source| source.arrivals.mean_rate_per_s());
    Span::from_secs_f64(jobs as f64 / rates.sum::<f64>())
}

fn horizon(scenario: &Scenario) -> Option<Time> {
    match scenario.horizon {
        Horizon::Time(span) => Some(Time::ZERO + span),
        Horizon::Jobs(_) => None,
    }
}

/// A warm-up that no job outlasts. One that no horizon can outlast is an error of the scenario already.
fn warm_up(scenario: &Scenario) -> Option<Note> {
    let jobs = jobs(scenario)?;
    let covered = match scenario.warm_up {
        WarmUp::Jobs(warm_up) => warm_up >= jobs,
        WarmUp::Time(span) => {
            let replay = scenario.workload.replay.as_deref()?;
            replay.jobs().get(jobs.checked_sub(1)? as usize).is_some_and(|job| job.at < Time::ZERO + span)
        }
        WarmUp::None | WarmUp::Auto => false,
    };
    covered.then(|| {
        let text = format!(
            "all {} come before the end of the warm-up, so that nothing is measured",
            count(jobs, "job")
        );
        Note::new(NoteKind::NothingMeasured, text).hint("shorten warm_up")
    })
}

/// How many jobs come, where that is known.
fn jobs(scenario: &Scenario) -> Option<u64> {
    let total = scenario.workload.total();
    match scenario.horizon {
        Horizon::Jobs(jobs) => Some(total.map_or(jobs, |total| total.min(jobs))),
        Horizon::Time(span) => {
            let replay = scenario.workload.replay.as_deref()?;
            Some(replay.jobs().partition_point(|job| job.at < Time::ZERO + span) as u64)
        }
    }
}

fn fewer_jobs(scenario: &Scenario) -> Option<Note> {
    let Horizon::Jobs(jobs) = scenario.horizon else { return None };
    let total = scenario.workload.total()?;
    (total < jobs).then(|| {
        let text = format!("the horizon is {}, but only {} ever come", count(jobs, "job"), grouped(total));
        Note::new(NoteKind::FewerArrivals, text)
    })
}

/// Bounds on means need an interval.
fn few_replications(scenario: &Scenario) -> Option<Note> {
    let means = scenario.targets.iter().filter(|target| target.bound.comparison != Comparison::Equal).count();
    (means > 0 && scenario.replications < FEWEST_REPLICATIONS).then(|| {
        let text = format!(
            "{} of the targets need at least {FEWEST_REPLICATIONS} replications, the scenario has {}",
            grouped(means as u64),
            scenario.replications
        );
        Note::new(NoteKind::FewReplications, text).hint(format!("--replications {FEWEST_REPLICATIONS}"))
    })
}
