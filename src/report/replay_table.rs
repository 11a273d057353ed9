//! What a replayed journal showed, for the terminal and as JSON.
//!
//! Promises to say which rules the figures rest on. Leaves printing to the binary.

use std::fmt::Write;

use serde_json::{Value, json};

use super::table::{Align, Cell, Table, duration, number};
use crate::allocator::protocol::FinalState;
use crate::experiment::replay::{Changes, Difference, Moved, Side};
use crate::simulator::traces::state_name;

fn state(state: Option<FinalState>) -> &'static str {
    state.map_or("unfinished", state_name)
}

/// The table of `rmsim replay --set`.
pub fn text(changes: &Changes) -> String {
    let mut text = String::new();
    let of = |count: u64| format!("{} of {}", number(Some(count as f64)), number(Some(changes.jobs as f64)));
    let moved = |moved: Moved| match moved.mean_s {
        Some(seconds) => format!("{}, by {} on average", of(moved.jobs), duration(Some(seconds))),
        None => of(0),
    };
    let mut facts = vec![
        ("on another device", of(changes.other_device)),
        ("on other qubits of the device", of(changes.other_qubits)),
        ("start earlier", moved(changes.earlier)),
        ("start later", moved(changes.later)),
        ("started only now", of(changes.only_now)),
        ("started only in the record", of(changes.only_recorded)),
    ];
    for (from, to, count) in &changes.states {
        facts.push((
            "end otherwise",
            format!("{} {} instead of {}", number(Some(*count as f64)), state(*to), state(*from)),
        ));
    }
    let width = facts.iter().map(|(key, _)| key.len()).max().unwrap_or(0);
    for (key, value) in facts {
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(text, "{key:<width$}  {value}");
    }
    let mut table = Table::new(&[("", Align::Left), ("recorded", Align::Right), ("now", Align::Right)]);
    let (then, now) = (&changes.recorded, &changes.now);
    let count = |count: u64| number(Some(count as f64));
    for (name, then, now) in [
        ("jobs started", count(then.started), count(now.started)),
        ("jobs completed", count(then.completed), count(now.completed)),
        ("jobs unfinished", count(then.unfinished), count(now.unfinished)),
        ("waiting time, mean", duration(then.mean_wait_s), duration(now.mean_wait_s)),
        ("placement cost, mean", number(then.mean_cost), number(now.mean_cost)),
        ("last end", duration(Some(then.last_end.as_secs_f64())), duration(Some(now.last_end.as_secs_f64()))),
    ] {
        table.row([name.to_owned(), then, now].map(Cell::from));
    }
    text.push('\n');
    text.push_str(&table.render(false));
    let _ = writeln!(
        text,
        "\njobs and devices come as recorded; a job works as long as it did there, wherever it is placed now ({} had to be \
         estimated); {} recorded commands made no sense any more",
        count(changes.estimated),
        count(changes.left_out)
    );
    for note in notes(changes) {
        let _ = writeln!(text, "note: {note}");
    }
    text
}

/// Where the answer may differ from that of a run under the same settings.
fn notes(changes: &Changes) -> Vec<String> {
    let count = |count: u64| number(Some(count as f64));
    let mut notes = Vec::new();
    if changes.calibrations_moved > 0 {
        notes.push(format!(
            "{} calibration(s) begin at another time than recorded; each finds what it found in the record, though the \
             noise may have drifted meanwhile",
            count(changes.calibrations_moved)
        ));
    }
    if changes.calibrations_estimated > 0 {
        notes.push(format!(
            "{} calibration(s) are not in the record, or not to their end: they come and last as is usual there, and find \
             nothing new",
            count(changes.calibrations_estimated)
        ));
    }
    if changes.calibrations_on_request {
        notes.push(
            "calibrations that the core asked for come at their recorded times, whatever it asks for now"
                .to_owned(),
        );
    }
    let until = duration(Some(changes.recorded_until.as_secs_f64()));
    if changes.ended_later > 0 || changes.given_up > 0 {
        notes.push(format!(
            "{} job(s) end after the record, which ends at {until}: outages, joins and leaves of devices after that are \
             not in it, so that they run as if there were none",
            count(changes.ended_later + changes.given_up)
        ));
    }
    if changes.given_up > 0 {
        notes.push(format!(
            "{} job(s) had not ended 30 days after the record, where the run was given up",
            count(changes.given_up)
        ));
    }
    notes
}

fn side(side: &Side) -> Value {
    json!({
        "started": side.started,
        "completed": side.completed,
        "unfinished": side.unfinished,
        "waiting_time_s_mean": side.mean_wait_s,
        "placement_cost_mean": side.mean_cost,
        "last_end_s": side.last_end.as_secs_f64(),
    })
}

/// The same as JSON.
pub fn json(changes: &Changes) -> Value {
    let moved = |moved: Moved| json!({"jobs": moved.jobs, "mean_s": moved.mean_s});
    let states: Vec<Value> = changes
        .states
        .iter()
        .map(|(from, to, count)| json!({"recorded": state(*from), "now": state(*to), "jobs": count}))
        .collect();
    json!({
        "jobs": changes.jobs,
        "other_device": changes.other_device,
        "other_qubits": changes.other_qubits,
        "earlier": moved(changes.earlier),
        "later": moved(changes.later),
        "started_only_now": changes.only_now,
        "started_only_in_record": changes.only_recorded,
        "other_ends": states,
        "recorded": side(&changes.recorded),
        "now": side(&changes.now),
        "estimated_run_times": changes.estimated,
        "commands_left_out": changes.left_out,
        "calibrations_moved": changes.calibrations_moved,
        "estimated_calibrations": changes.calibrations_estimated,
        "calibrations_on_request": changes.calibrations_on_request,
        "recorded_until_s": changes.recorded_until.as_secs_f64(),
        "ended_after_record": changes.ended_later,
        "given_up": changes.given_up,
        "notes": notes(changes),
    })
}

/// An identical replay as JSON.
pub fn identical_json(commands: u64, decisions: u64) -> Value {
    json!({"identical": true, "commands": commands, "decisions": decisions})
}

/// The first difference as JSON.
pub fn difference_json(difference: &Difference) -> Value {
    json!({
        "identical": false,
        "line": difference.line,
        "time_s": difference.now.as_secs_f64(),
        "command": difference.command,
        "decision": difference.decision,
        "recorded": difference.recorded,
        "replayed": difference.replayed,
    })
}
