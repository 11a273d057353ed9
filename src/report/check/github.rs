//! Annotations of GitHub Actions: messages beside the line of the scenario file.
//!
//! Promises one line per case that fails or stays open, and per note on what the verdicts rest on, with all characters escaped that would end a message early. Leaves
//! the step summary to [`super::markdown`].

use std::fmt::Write as _;

use super::sentence;
use crate::experiment::check::{Case, Group, Outcome, Report};

/// The commands of the workflow's log, one per line.
pub fn annotations(report: &Report) -> String {
    let mut text = String::new();
    for case in &report.cases {
        let Some(level) = level(case) else { continue };
        let _ = write!(text, "::{level} ");
        if let Some(file) = &report.file {
            let _ = write!(text, "file={},", property(file));
        }
        if let Some(line) = case.line {
            let _ = write!(text, "line={line},");
        }
        let title = format!("{} {}: {}", case.group.as_str(), case.outcome.as_str(), case.name);
        let _ = writeln!(text, "title={}::{}", property(&title), message(&sentence(case)));
    }
    for note in &report.notes {
        let _ = write!(text, "::notice ");
        if let Some(file) = &report.file {
            let _ = write!(text, "file={},", property(file));
        }
        let _ = writeln!(text, "title={}::{}", property(&report.scenario), message(note));
    }
    text
}

/// An error for what fails, a warning for targets that stay open; open regressions are the normal case.
fn level(case: &Case) -> Option<&'static str> {
    match (case.fails, case.outcome, case.group) {
        (true, ..) => Some("error"),
        (false, Outcome::Inconclusive, Group::Target | Group::Speed) => Some("warning"),
        _ => None,
    }
}

fn message(text: &str) -> String {
    let text = text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    text.replace(|c: char| c.is_control(), "\u{fffd}")
}

fn property(text: &str) -> String {
    message(text).replace(':', "%3A").replace(',', "%2C")
}
