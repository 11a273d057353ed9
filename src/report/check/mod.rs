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

/// Cases that the table shows: of regressions only those that say something.
fn shown(report: &Report, all: bool) -> impl Iterator<Item = &Case> {
    report.cases.iter().filter(move |case| {
        let quiet = case.group == Group::Regression && case.outcome == Outcome::Met && case.note.is_empty();
        all || !quiet
    })
}

fn hidden(report: &Report, all: bool) -> usize {
    report.cases.len() - shown(report, all).count()
}

/// How it ended, in one line.
pub fn conclusion(report: &Report) -> String {
    let mut text = match report.failures() {
        0 => format!("passed: none of {} checks failed", report.cases.len()),
        failures => format!("failed: {failures} of {} checks", report.cases.len()),
    };
    if report.open() > 0 {
        let _ = write!(text, ", {} inconclusive", report.open());
    }
    text
}

fn tone(case: &Case) -> Tone {
    match case.outcome {
        _ if case.fails => Tone::Bad,
        Outcome::Inconclusive | Outcome::Missed => Tone::Warning,
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
    if hidden(report, all) > 0 {
        let _ = writeln!(text, "and {} metrics no worse than the baseline", hidden(report, all));
    }
    let _ = writeln!(text, "{}", conclusion(report));
    text
}

/// A page in Markdown, for step summaries and comments.
pub fn markdown(report: &Report) -> String {
    let mut text = format!("### {} {}\n\n", if report.passed { "✅" } else { "❌" }, report.scenario);
    let _ = writeln!(
        text,
        "{} ({} replications, seed {}, version {})\n",
        conclusion(report),
        report.replications,
        report.seed,
        report.version
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
        // `<` begins a tag and `|` a cell.
        let cells = cells.map(|cell| cell.replace('<', "&lt;").replace('|', "\\|").replace('\n', " "));
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    if hidden(report, false) > 0 {
        let _ = writeln!(text, "\n{} metrics are no worse than the baseline.", hidden(report, false));
    }
    for note in &report.notes {
        let _ = writeln!(text, "\nNote: {note}.");
    }
    text
}

#[cfg(test)]
mod tests;
