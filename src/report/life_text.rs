//! The life of a job in plain words, and as JSON.
//!
//! Promises times from the job's arrival on beside those of the run, and the causes in the words of
//! [`crate::allocator::explain`]. Leaves printing to the command line.

use std::fmt::Write;

use serde_json::{Value, json};

use super::table::{duration, percent};
use crate::allocator::explain::{Certainty, Obstacle, WaitReason};
use crate::allocator::protocol::{
    Allocation, JobRequest, PromiseCause, Rejection, RequeueReason, StartPromise, StopReason, Topology,
    WaitCause, Waited,
};
use crate::experiment::explain::{Chapter, Explained, Life, What, WouldBe};
use crate::quantum::DeviceId;
use crate::simulator::scenario::Scenario;
use crate::time::{Span, Time};

/// Names the devices of a scenario.
struct Names<'s>(&'s Scenario);

impl Names<'_> {
    fn of(&self, id: DeviceId) -> String {
        let device = self.0.fleet.get(id.index());
        device.map_or_else(|| format!("device {}", id.0), |device| device.spec.name.clone())
    }

    fn reason(&self, reason: &WaitReason) -> String {
        match reason {
            WaitReason::Device { device, obstacle } => format!("{}: {obstacle}", self.of(*device)),
            reason => reason.to_string(),
        }
    }
}

/// An instant of the run to the millisecond: hours, minutes and seconds, after days where there are any.
fn clock(at: Time) -> String {
    let ms = at.0 / 1_000_000;
    let (days, hours, minutes) = (ms / 86_400_000, ms / 3_600_000 % 24, ms / 60_000 % 60);
    let days = if days > 0 { format!("{days}d ") } else { String::new() };
    format!("{days}{hours:02}:{minutes:02}:{:02}.{:03}", ms / 1000 % 60, ms % 1000)
}

fn seconds(span: Span) -> String {
    duration(Some(span.as_secs_f64()))
}

/// What a job waits for, in words that need no further explanation.
pub fn meaning(cause: WaitCause) -> &'static str {
    match cause {
        WaitCause::Unplaceable => "no device could take it even if it were empty",
        WaitCause::Quota => "its group, project or user has as much as it may",
        WaitCause::Held => "held",
        WaitCause::Dependency => "other jobs must end first",
        WaitCause::Retry => "tried in vain, and to be tried again later",
        WaitCause::Order => "jobs are before it in the order of the queue",
        WaitCause::Promise => "a device would take it, but for what is promised to others",
        WaitCause::Quality => "no free place that is good enough",
        WaitCause::Shape => "no free region of its shape",
        WaitCause::UsableQubits => "too few free qubits far enough from others and within its limits",
        WaitCause::FreeQubits => "too few free qubits",
        WaitCause::FullDevice => "devices take no more jobs",
        WaitCause::OutOfService => "no device large enough in service",
        WaitCause::Pass => "no pass has looked at it yet",
        WaitCause::Unrecorded => "nobody knows why",
    }
}

/// The life of a job, as `rmsim explain` prints it.
pub fn text(scenario: &Scenario, replication: u32, explained: &Explained) -> String {
    let names = Names(scenario);
    let life = &explained.life;
    let mut text = String::new();
    // Writing to a string cannot fail, here and below.
    let _ = writeln!(text, "job {} of {}, replication {replication}", life.job().0, scenario.name);
    if let Some(request) = life.request() {
        let _ = writeln!(text, "asks for {}", asks_for(request, &names));
    }
    text.push('\n');
    for chapter in &life.chapters {
        if let Some(line) = line_of(chapter, life, &names) {
            let since = chapter.at.since(life.came().unwrap_or(Time::ZERO));
            let _ =
                writeln!(text, "{:>14}  {:>10}  {line}", clock(chapter.at), format!("+{}", seconds(since)));
        }
    }
    if !life.has_ended() {
        let _ = writeln!(text, "{:>14}  {:>10}  the run ends; it has not ended", clock(life.seen), "");
    }
    text.push('\n');
    text.push_str(&sums(life));
    text.push_str(&would_be(explained));
    text
}

fn asks_for(request: &JobRequest, names: &Names<'_>) -> String {
    let mut parts = Vec::new();
    let qubits = match (request.min_qubits, request.max_qubits) {
        (1, 1) => "1 qubit".to_owned(),
        (min, max) if max > min => format!("{min} to {max} qubits"),
        (min, _) => format!("{min} qubits"),
    };
    parts.push(format!("{qubits}, {}", shape(&request.topology)));
    let circuits =
        if request.circuits == 1 { String::new() } else { format!("{} circuits of ", request.circuits) };
    parts.push(format!("{circuits}{} shots", request.shots));
    if let Some(walltime) = request.estimated_duration {
        parts.push(format!("walltime {}", seconds(walltime)));
    }
    if request.priority.0 != 0 {
        parts.push(format!("priority {}", request.priority.0));
    }
    if let Some(deadline) = request.deadline {
        parts.push(format!("deadline {}", clock(deadline)));
    }
    if let Some(distance) = request.isolation.buffer_distance {
        parts.push(format!("buffer distance {distance}"));
    }
    if let Some(level) = request.isolation.level {
        parts.push(format!("isolation {level:?}").to_lowercase());
    }
    let list = |ids: &[DeviceId]| ids.iter().map(|id| names.of(*id)).collect::<Vec<_>>().join(", ");
    if !request.preferred_devices.is_empty() {
        parts.push(format!("prefers {}", list(&request.preferred_devices)));
    }
    if !request.excluded_devices.is_empty() {
        parts.push(format!("excludes {}", list(&request.excluded_devices)));
    }
    parts.join(", ")
}

fn shape(topology: &Topology) -> String {
    match topology {
        Topology::Any => "any connected region".to_owned(),
        Topology::Line => "a line".to_owned(),
        Topology::Ring => "a ring".to_owned(),
        Topology::Star => "a star".to_owned(),
        Topology::Tree => "a tree".to_owned(),
        Topology::Grid { rows, columns } => format!("a grid of {rows} x {columns}"),
        Topology::HeavyHex => "a heavy-hex lattice".to_owned(),
        Topology::Complete => "all connected with all".to_owned(),
        Topology::Custom(_) => "a graph of its own".to_owned(),
        Topology::Circuit(_) => "the graph of its circuit".to_owned(),
    }
}

fn line_of(chapter: &Chapter, life: &Life, names: &Names<'_>) -> Option<String> {
    Some(match &chapter.what {
        What::Came(_) => "comes".to_owned(),
        What::Rejected(reason) => format!("is refused: {reason}"),
        What::Queued(None) => return None,
        What::Queued(Some(device)) => format!("stands in the queue of {}", names.of(*device)),
        What::Waits { cause, until, why, devices } => {
            let span = until.unwrap_or(life.seen).since(chapter.at);
            waits(*cause, span, why.as_ref(), devices, names)
        }
        What::Promised(promise, cause) => promised(promise.as_deref(), *cause, names),
        What::Held => "is held".to_owned(),
        What::Released => "is released".to_owned(),
        What::Waited(_) => return None,
        What::Started(allocation) => started(allocation, names),
        What::StopRequested(StopReason::Cancelled) => "is asked to stop: its owner cancels it".to_owned(),
        What::StopRequested(StopReason::Walltime) => "is asked to stop: its walltime is over".to_owned(),
        What::Requeued(RequeueReason::DeviceLost) => {
            "loses its device, which goes out of service; waits again at its old place".to_owned()
        }
        What::Requeued(RequeueReason::ElementLost) => {
            "loses a qubit or coupler, which goes out of service; waits again at its old place".to_owned()
        }
        What::Finished(shots) => format!("is done, with {shots} shots"),
        What::Failed(reason) => format!("fails: {reason}"),
        What::Ready => "may start: those have ended that it depended on".to_owned(),
        What::Cancelled(None) => "is cancelled by its owner".to_owned(),
        What::Cancelled(Some(other)) => {
            format!("is cancelled: {}", Rejection::DependencyFailed(*other))
        }
        What::Expired(waited) => {
            format!("gives up: it has waited {} and wants to wait no longer", seconds(*waited))
        }
    })
}

fn waits(
    cause: WaitCause,
    span: Span,
    why: Option<&WaitReason>,
    devices: &[(Obstacle, u32)],
    names: &Names<'_>,
) -> String {
    let mut line = format!("waits {}: {}", seconds(span), meaning(cause));
    if let Some(why) = why {
        let _ = write!(line, "; at first, {}", names.reason(why));
    }
    // One device says no more than the reason; of many, how many are kept by what.
    let all: u32 = devices.iter().map(|(_, count)| count).sum();
    if all > 1 && !matches!(cause, WaitCause::Held | WaitCause::Dependency) {
        let parts: Vec<String> =
            devices.iter().map(|(obstacle, count)| format!("{count} {}", obstacle.cause().name())).collect();
        let _ = write!(line, " (devices: {})", parts.join(", ").replace('_', " "));
    }
    line
}

fn promised(promise: Option<&StartPromise>, cause: Option<PromiseCause>, names: &Names<'_>) -> String {
    let since = cause.map_or(String::new(), |cause| format!(", since {cause}"));
    match promise {
        None => format!("is promised nothing any more{since}"),
        Some(promise) => {
            let at = promise.not_later_than.map_or_else(
                || "when those who are there have ended".to_owned(),
                |at| format!("at {} at the latest", clock(at)),
            );
            format!("is promised {} qubits of {} {at}{since}", promise.layout.len(), names.of(promise.device))
        }
    }
}

fn started(allocation: &Allocation, names: &Names<'_>) -> String {
    let qubits: Vec<String> = allocation.layout.iter().take(12).map(|qubit| qubit.0.to_string()).collect();
    let more = allocation.layout.len().saturating_sub(qubits.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let why = &allocation.explanation;
    let success = percent(Some(libm::exp(-why.cost)));
    let proved = match why.certainty {
        Certainty::Optimal => "the best place that was free",
        Certainty::Gap(Some(_)) => "a good place, with a bound on how much better another could be",
        Certainty::Gap(None) => "a place of which nothing is proved",
        Certainty::FirstFound => "the first place that was found",
    };
    let tried = match why.devices_tried {
        0 => String::new(),
        1 => ", after 1 other device was asked".to_owned(),
        tried => format!(", after {tried} other devices were asked"),
    };
    let attempt =
        if allocation.attempt > 1 { format!(" (attempt {})", allocation.attempt) } else { String::new() };
    format!(
        "starts{attempt} on {}, qubits {}{more}: {proved}{tried}; predicted success {success}",
        names.of(allocation.device),
        qubits.join(" "),
    )
}

fn sums(life: &Life) -> String {
    let Some(waited) = life.first_wait().filter(|waited| waited.total().0 > 0) else {
        let text = if life.first_start().is_some() { "It started at once.\n" } else { "It never waited.\n" };
        return text.to_owned();
    };
    let total = waited.total();
    let until = if life.first_start().is_some() { "before its first start" } else { "and never started" };
    let mut text = format!("It waited {} {until}:\n", seconds(total));
    for (cause, span) in longest_first(waited) {
        let share = percent(Some(span.0 as f64 / total.0 as f64));
        let _ = writeln!(text, "{:>12} {:>8}  {:<15} {}", seconds(span), share, cause.name(), meaning(cause));
    }
    text
}

fn longest_first(waited: &Waited) -> Vec<(WaitCause, Span)> {
    let mut all: Vec<(WaitCause, Span)> = waited.iter().collect();
    all.sort_by_key(|(cause, span)| (std::cmp::Reverse(span.0), *cause));
    all
}

fn outcome(would_be: WouldBe) -> String {
    match would_be {
        WouldBe::Earlier { by: Some(by), .. } => format!("{} earlier", seconds(by)),
        WouldBe::Earlier { by: None, wait } => format!("it would have started, after {}", seconds(wait)),
        WouldBe::NoEarlier => "no earlier".to_owned(),
        WouldBe::Later { by: Some(by) } => {
            format!("{} later, since others take another course, too", seconds(by))
        }
        WouldBe::Later { by: None } => "not at all before the run ends".to_owned(),
        WouldBe::Impossible => "the settings would not be valid".to_owned(),
    }
}

fn would_be(explained: &Explained) -> String {
    if explained.would_be.is_empty() {
        return String::new();
    }
    let mut text = "\nWhat if, each run again with nothing else changed:\n".to_owned();
    for (change, would_be) in &explained.would_be {
        let _ = writeln!(text, "  if {}: {}", change.text(), outcome(*would_be));
    }
    text
}

/// The same as JSON.
pub fn json(scenario: &Scenario, replication: u32, explained: &Explained) -> Value {
    let names = Names(scenario);
    let life = &explained.life;
    let story = life.chapters.iter().filter_map(|chapter| {
        let text = line_of(chapter, life, &names)?;
        Some(json!({"time_s": chapter.at.as_secs_f64(), "text": text}))
    });
    let causes = |waited: &Waited| -> Value {
        let all = waited.iter().map(|(cause, span)| (cause.name().to_owned(), json!(span.as_secs_f64())));
        Value::Object(all.collect())
    };
    let what_if = explained.would_be.iter().map(|(change, would_be)| {
        let earlier_s = match would_be {
            WouldBe::Earlier { by: Some(by), .. } => json!(by.as_secs_f64()),
            WouldBe::Later { by: Some(by) } => json!(-by.as_secs_f64()),
            WouldBe::NoEarlier => json!(0.0),
            _ => Value::Null,
        };
        json!({"if": change.text(), "earlier_s": earlier_s, "outcome": outcome(*would_be)})
    });
    json!({
        "job": life.job().0,
        "scenario": scenario.name,
        "replication": replication,
        "came_s": life.came().map(Time::as_secs_f64),
        "started_s": life.first_start().map(Time::as_secs_f64),
        "ended": life.has_ended(),
        "story": story.collect::<Vec<Value>>(),
        "waited_s": life.first_wait().map(|waited| waited.total().as_secs_f64()),
        "waited_for_s": life.first_wait().map(causes),
        "what_if": what_if.collect::<Vec<Value>>(),
    })
}
