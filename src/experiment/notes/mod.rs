//! Notes: what misleads whoever reads the numbers of a run without them.
//!
//! Promises notes from plain values alone (the scenario and the course of each replication), in the order of their
//! weight, so that a run, a comparison, a check, a sweep and a report say the same. Leaves showing them to those.

mod course;
mod jobs;
mod note;
mod parties;
mod sharing;
mod workload;

use serde::{Deserialize, Serialize};

use crate::simulator::scenario::{Horizon, Scenario};
use crate::simulator::simulation::Ending;

use course::some_of;
#[cfg(test)]
pub(crate) use course::tests::course;
pub use course::{Course, ONE_MISSING_IN, all_alike, remark};
pub use note::{Note, NoteKind};
use note::{count, grouped};
pub use sharing::starved;
pub use workload::{before_run, of_lengths};

/// What whoever reads the numbers of a run must know, the gravest first. The courses are those of all replications that
/// the numbers are made of.
pub fn of_run(scenario: &Scenario, courses: &[Course]) -> Vec<Note> {
    Premises::of(scenario).notes(courses)
}

/// What of a scenario notes are made of, beside the courses: for whoever has the courses, but no longer the scenario.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Premises {
    /// Jobs of the horizon, where it is given by jobs.
    pub jobs: Option<u64>,
    /// Whether the run goes on until all jobs have ended.
    pub drain: bool,
    /// What the jobs and their times say.
    pub workload: Vec<Note>,
}

impl Premises {
    /// Those of a scenario.
    pub fn of(scenario: &Scenario) -> Self {
        let jobs = match scenario.horizon {
            Horizon::Jobs(jobs) => Some(jobs),
            Horizon::Time(_) => None,
        };
        Self { jobs, drain: scenario.drain, workload: workload::of_workload(scenario) }
    }

    /// As [`of_run`].
    pub fn notes(&self, courses: &[Course]) -> Vec<Note> {
        let mut notes: Vec<Note> = [
            cut_off(courses),
            stuck(courses),
            ended_in_warm_up(courses),
            nothing_measured(courses),
            unfinished(self.drain, courses),
        ]
        .into_iter()
        .flatten()
        .collect();
        notes.extend(fates(courses));
        notes.extend(sharing::of_starved(courses));
        notes.extend(self.jobs.and_then(|jobs| fewer_arrivals(jobs, courses)));
        notes.extend(self.workload.iter().cloned());
        notes.extend(repetition(courses));
        notes
    }

    /// The same for commands that write no traces and fix the number of replications themselves: without hints that would
    /// lead nowhere.
    pub fn notes_without_traces(&self, courses: &[Course]) -> Vec<Note> {
        let mut notes = self.notes(courses);
        for note in &mut notes {
            if note.hint.as_ref().is_some_and(|hint| hint.contains("jobs.csv")) {
                let hint = "`rmsim run` writes jobs.csv, whose columns say what became of each job and why";
                note.hint = Some(hint.to_owned());
            }
            if note.kind == NoteKind::NoRandomness {
                note.hint = None;
            }
        }
        notes
    }
}

fn sum(courses: &[&Course], what: impl Fn(&Course) -> u64) -> u64 {
    courses.iter().map(|course| what(course)).sum()
}

fn cut_off(courses: &[Course]) -> Option<Note> {
    let (some, cut) = some_of(courses, |course| course.ending == Ending::CutOff)?;
    let left = count(sum(&cut, |course| course.unfinished), "job");
    let text = format!(
        "not finished: {some} {} cut off at drain_limit with {left} unfinished{}; times and fates of jobs \
         are those of the others",
        if courses.len() == 1 { "was" } else { "were" },
        first_kept(&cut)
    );
    let hint = "drain_limit: none waits for them; the column `reason` of jobs.csv says what kept each";
    Some(Note::new(NoteKind::CutOff, text).hint(hint))
}

fn stuck(courses: &[Course]) -> Option<Note> {
    let (some, stuck) = some_of(courses, |course| course.ending == Ending::Stuck)?;
    let left = count(sum(&stuck, |course| course.unfinished), "job");
    let text = format!(
        "not finished: {some} ended with {left} unfinished that nothing would ever have let start{}; times and fates \
         of jobs are those of the others",
        first_kept(&stuck)
    );
    Some(Note::new(NoteKind::Stuck, text).hint("the column `reason` of jobs.csv says what kept them"))
}

/// What keeps the first job that waits, in words.
fn first_kept(courses: &[&Course]) -> String {
    let kept = courses.iter().find_map(|course| course.kept);
    kept.map_or(String::new(), |(job, why)| format!(", the first of them job {}: {why}", job.0))
}

fn ended_in_warm_up(courses: &[Course]) -> Option<Note> {
    let (some, _) = some_of(courses, |course| !course.warmed_up)?;
    let text = format!("nothing was measured: {some} ended before the warm-up");
    Some(Note::new(NoteKind::EndedInWarmUp, text).hint("shorten warm_up, or lengthen the horizon"))
}

fn nothing_measured(courses: &[Course]) -> Option<Note> {
    let (some, empty) = some_of(courses, |course| course.warmed_up && course.submitted == 0)?;
    let arrived = sum(&empty, |course| course.arrivals);
    if arrived == 0 {
        let text = format!("nothing was measured: no job arrived in {some}");
        let hint = "`rmsim validate` shows the horizon; `start_after` and the time stamps of jobs say when they come";
        return Some(Note::new(NoteKind::NothingMeasured, text).hint(hint));
    }
    let arrived = count(arrived, "job");
    let text = format!("nothing was measured: all {arrived} of {some} came before the end of the warm-up");
    Some(Note::new(NoteKind::NothingMeasured, text).hint("shorten warm_up, or lengthen the horizon"))
}

/// Runs that ended as they were to, with too many jobs left for what is said of jobs.
fn unfinished(drain: bool, courses: &[Course]) -> Option<Note> {
    let ended = |course: &Course| course.warmed_up && course.ending == Ending::Complete;
    let (some, left) = some_of(courses, |course| ended(course) && course.is_many(course.left()))?;
    let waiting = sum(&left, |course| course.waiting);
    let text = format!(
        "{} of {} had not ended at the end of {some} ({} had not started): times of jobs are those of the others, \
         which waited and ran less long",
        grouped(sum(&left, |course| course.left())),
        count(sum(&left, |course| course.submitted), "measured job"),
        grouped(waiting),
    );
    let note = Note::new(NoteKind::Unfinished, text);
    Some(match drain {
        true => note,
        false => note.hint("drain: true lets them end; a queue that grows all the time needs less load"),
    })
}

/// Most of the measured jobs met the same sad fate: what is said of jobs is said of the others.
fn fates(courses: &[Course]) -> Vec<Note> {
    type Pick = fn(&Course) -> u64;
    let kinds: [(NoteKind, &str, &str, Pick); 4] = [
        (NoteKind::MostlyRejected, "rejected", "the column `reason` of jobs.csv says why", |c| c.rejected),
        (NoteKind::MostlyExpired, "expired while they waited", "a longer max_wait_time, or less load", |c| {
            c.expired
        }),
        (NoteKind::MostlyFailed, "failed", "the column `reason` of jobs.csv says why", |c| c.failed),
        (
            NoteKind::MostlyCancelled,
            "cancelled, by their owners or for a job whose success they needed",
            "the column `final_state` of jobs.csv says which",
            |c| c.cancelled,
        ),
    ];
    let mut notes = Vec::new();
    for (kind, words, hint, pick) in kinds {
        let most = |course: &Course| course.warmed_up && 2 * pick(course) > course.submitted;
        let Some((some, picked)) = some_of(courses, most) else { continue };
        let (met, all) = (sum(&picked, pick), sum(&picked, |course| course.submitted));
        let text = format!(
            "{} of {} of {some} were {words}: times and fidelities of jobs are those of the others",
            grouped(met),
            count(all, "measured job"),
        );
        let text = if kind == NoteKind::MostlyFailed || kind == NoteKind::MostlyExpired {
            text.replace(" were ", " ")
        } else {
            text
        };
        notes.push(Note::new(kind, text).hint(hint));
    }
    notes
}

fn fewer_arrivals(jobs: u64, courses: &[Course]) -> Option<Note> {
    let (some, short) = some_of(courses, |course| course.arrivals < jobs)?;
    let fewest = short.iter().map(|course| course.arrivals).min().unwrap_or(0);
    let text = format!(
        "in {some} fewer jobs arrived than the horizon of {}: {} at least",
        count(jobs, "job"),
        grouped(fewest)
    );
    Some(Note::new(NoteKind::FewerArrivals, text))
}

fn repetition(courses: &[Course]) -> Option<Note> {
    if all_alike(courses) {
        let text = format!(
            "all {} replications are equal, since nothing in them is random: there are no intervals, one is enough",
            courses.len()
        );
        return Some(Note::new(NoteKind::NoRandomness, text).hint("replications: 1"));
    }
    (courses.len() == 1).then(|| {
        let text = "one replication: no interval says how much of a value is chance";
        Note::new(NoteKind::OneReplication, text).hint("as in --replications 5")
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::note::roughly;
    use super::*;
    use crate::time::Span;

    const SCENARIO: &str = "
scenario: s
horizon: {jobs: 1100}
fleet: [{synthetic: {line: {qubits: 3}}, name: a}]
workload: {arrivals: {poisson: {rate: 1/s}}, jobs: [{qubits: 2, depth: 1}]}
";

    fn scenario() -> Scenario {
        Scenario::from_yaml(SCENARIO, "s.yaml", Path::new(""), &[]).unwrap()
    }

    fn said(courses: &[Course]) -> String {
        let notes = of_run(&scenario(), courses);
        notes.iter().map(|note| format!("{}: {note}", note.kind.as_str())).collect::<Vec<_>>().join("\n")
    }

    fn pair(changed: Course) -> [Course; 2] {
        [course(), Course { fingerprint: 2, ..changed }]
    }

    #[test]
    fn a_run_as_it_should_be_needs_no_note() {
        assert_eq!(said(&pair(course())), "");
        assert_eq!(
            said(&[course()]),
            "one_replication: one replication: no interval says how much of a value is chance; hint: as in \
             --replications 5"
        );
    }

    #[test]
    fn every_way_to_mislead_has_its_note() {
        let base = course();
        let found = [
            said(&pair(Course { ending: Ending::CutOff, unfinished: 1_200, ..base })),
            said(&pair(Course { ending: Ending::Stuck, unfinished: 1, ..base })),
            said(&pair(Course { warmed_up: false, submitted: 0, ..base })),
            said(&pair(Course { submitted: 0, ..base })),
            said(&pair(Course { submitted: 0, arrivals: 0, ..base })),
            said(&pair(Course { waiting: 300, running: 20, ..base })),
            said(&pair(Course { rejected: 501, ..base })),
            said(&pair(Course { expired: 501, ..base })),
            said(&pair(Course { failed: 501, ..base })),
            said(&pair(Course { cancelled: 501, ..base })),
            said(&pair(Course { arrivals: 1_000, ..base })),
            said(&[base; 5]),
        ];
        insta::assert_snapshot!(found.join("\n"));
    }

    #[test]
    fn the_word_of_a_kind_is_that_of_the_files() {
        for kind in
            [NoteKind::CutOff, NoteKind::EndedInWarmUp, NoteKind::MostlyRejected, NoteKind::NoRandomness]
        {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        let note = Note::new(NoteKind::Stuck, "a").hint("b");
        let json = serde_json::to_string(&note).unwrap();
        assert_eq!(json, r#"{"kind":"stuck","text":"a","hint":"b"}"#);
        assert_eq!(serde_json::from_str::<Note>(&json).unwrap(), note);
    }

    #[test]
    fn numbers_and_lengths_of_time_are_easy_to_read() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        let spans = [0, 90, 86_400, 3 * 86_400, 43 * 31_557_600].map(|s| roughly(Span::from_secs(s)));
        assert_eq!(spans, ["0.0 seconds", "90.0 seconds", "24.0 hours", "3.0 days", "43.0 years"]);
    }
}
