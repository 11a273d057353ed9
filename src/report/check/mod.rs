//! The verdicts of a check for people: a table for the terminal, Markdown for pages.
//!
//! Promises one line per case with what was required, found and concluded. Leaves JUnit to [`junit`] and the annotations
//! of GitHub to [`github`].

pub mod github;
pub mod junit;

use std::fmt::Write as _;

use super::table::{Align, Cell, Table, Tone, number, with_interval};
use crate::experiment::check::{Case, Group, Outcome, Report};
use crate::experiment::statistics::Interval;

/// What was found, in words: `0.4036 ± 0.0021`, or `12.3 (+4.1 % to +5.2 %)` against a baseline.
pub fn found(case: &Case) -> String {
    match (case.group, case.baseline) {
        (Group::Target, _) => with_interval(case.value, case.interval),
        (_, None) => number(case.value),
        (_, Some(_)) => match case.interval {
            None => number(case.value),
            Some(interval) => format!("{} ({})", number(case.value), change(interval)),
        },
    }
}

/// A relative change with its interval.
fn change(Interval { low, high }: Interval) -> String {
    let percent = |share: f64| match share * 100.0 {
        percent if percent.abs() < 5e-4 => "0 %".to_owned(),
        percent if percent.abs() < 0.1 => format!("{percent:+.3} %"),
        percent if percent.abs() < 100.0 => format!("{percent:+.1} %"),
        percent => format!("{percent:+.0} %"),
    };
    let (low, high) = (percent(low), percent(high));
    if low == high { low } else { format!("{low} to {high}") }
}

/// One sentence about a case: what a message beside the code says.
pub fn sentence(case: &Case) -> String {
    let mut text = format!("{}: {} required, {} found", case.name, case.requirement, found(case));
    if let Some(baseline) = case.baseline {
        let _ = write!(text, ", baseline {}", number(Some(baseline)));
    }
    let _ = write!(text, ": {}", case.outcome.as_str());
    if !case.note.is_empty() {
        let _ = write!(text, " ({})", case.note);
    }
    text
}

/// Whether a case says nothing that anybody asked for: a metric no worse than the baseline, or one that was never observed.
fn is_quiet(case: &Case) -> bool {
    let regression = case.group == Group::Regression && !case.fails;
    let unmoved = case.outcome == Outcome::Met && !case.note.contains("better");
    regression && (unmoved || (case.outcome == Outcome::NotJudged && case.value.is_none()))
}

/// Cases that the table shows: of regressions only those that say something.
fn shown(report: &Report, all: bool) -> impl Iterator<Item = &Case> {
    report.cases.iter().filter(move |case| all || !is_quiet(case))
}

/// What was left out, in words; nothing when nothing was.
fn hidden(report: &Report, all: bool) -> Vec<String> {
    let quiet = || report.cases.iter().filter(|case| !all && is_quiet(case));
    let (met, open) = (
        quiet().filter(|case| case.outcome == Outcome::Met).count(),
        quiet().filter(|case| case.outcome == Outcome::NotJudged).count(),
    );
    let mut lines = Vec::new();
    if met > 0 {
        lines.push(format!("{met} metrics no worse than the baseline"));
    }
    if open > 0 {
        lines.push(format!("{open} metrics not judged, since they were never observed"));
    }
    lines
}

/// How it ended, in one line.
pub fn conclusion(report: &Report) -> String {
    let mut text = match report.failures() {
        0 if report.one_world => {
            format!("holds in the one world that there is: none of {} checks failed", report.cases.len())
        }
        0 => format!("passed: none of {} checks failed", report.cases.len()),
        failures => format!("failed: {failures} of {} checks", report.cases.len()),
    };
    for (count, word) in [(report.open(), Outcome::Inconclusive), (report.not_judged(), Outcome::NotJudged)] {
        if count > 0 {
            let _ = write!(text, ", {count} {}", word.as_str());
        }
    }
    text
}

fn tone(case: &Case) -> Tone {
    match case.outcome {
        _ if case.fails => Tone::Bad,
        Outcome::Inconclusive | Outcome::Missed | Outcome::NotJudged => Tone::Warning,
        Outcome::Met => Tone::Good,
    }
}

/// The table of the terminal; metrics that stayed as they were only with `all`.
pub fn table(report: &Report, all: bool, color: bool) -> String {
    let mut table = Table::new(&[
        ("check", Align::Left),
        ("metric", Align::Left),
        ("required", Align::Left),
        ("found", Align::Left),
        ("baseline", Align::Right),
        ("verdict", Align::Left),
        ("", Align::Left),
    ]);
    for case in shown(report, all) {
        table.row([
            case.group.as_str().into(),
            case.name.clone().into(),
            case.requirement.clone().into(),
            found(case).into(),
            case.baseline.map_or_else(String::new, |value| number(Some(value))).into(),
            Cell::new(case.outcome.as_str(), tone(case)),
            Cell::new(case.note.clone(), Tone::Dim),
        ]);
    }
    let mut text = table.render(color);
    for line in hidden(report, all) {
        let _ = writeln!(text, "and {line}");
    }
    let _ = writeln!(text, "{}", conclusion(report));
    text
}

/// A text for a cell or a line of Markdown: `<` begins a tag, `|` a cell, and a line break ends both.
fn plain(text: &str) -> String {
    text.replace('<', "&lt;").replace('|', "\\|").replace(|c: char| c.is_control(), " ")
}

/// A page in Markdown, for step summaries and comments.
pub fn markdown(report: &Report) -> String {
    let sign = if report.passed { "✅" } else { "❌" };
    let mut text = format!("### {sign} {}\n\n", plain(&report.scenario));
    let _ = writeln!(
        text,
        "{} ({} replications, seed {}, version {})\n",
        conclusion(report),
        report.replications,
        report.seed,
        plain(&report.version)
    );
    text.push_str("| check | metric | required | found | baseline | verdict |\n|---|---|---|---|---|---|\n");
    for case in shown(report, false) {
        let sign = match (case.fails, case.outcome) {
            (true, _) => "❌",
            (false, Outcome::Met) => "✅",
            (false, _) => "⚠️",
        };
        let baseline = case.baseline.map_or_else(String::new, |value| number(Some(value)));
        let note = if case.note.is_empty() { String::new() } else { format!(": {}", case.note) };
        let cells = [
            case.group.as_str().to_owned(),
            format!("`{}`", case.name),
            case.requirement.clone(),
            found(case),
            baseline,
            format!("{sign} {}{note}", case.outcome.as_str()),
        ];
        let cells = cells.map(|cell| plain(&cell));
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    for line in hidden(report, false) {
        let _ = writeln!(text, "\nAnd {line}.");
    }
    for note in &report.notes {
        let _ = writeln!(text, "\nNote: {}.", plain(note));
    }
    text
}

#[cfg(test)]
mod tests;
