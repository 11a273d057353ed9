//! Whether a scenario gives the same course twice.
//!
//! Promises to name the first event that differs. Compares the event traces of two runs of the first replication,
//! whatever the scenario says of traces.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use super::run::{RunError, Settings, run};
use crate::simulator::scenario::Scenario;
use crate::simulator::traces::{Sink, Sinks};

/// The first line in which two runs differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Which trace: `events.csv`, `jobs.csv` or `timeline.csv`.
    pub file: &'static str,
    /// Its line, from 1.
    pub line: usize,
    /// What the first run wrote; empty at the end of the trace.
    pub first: String,
    /// What the second run wrote.
    pub second: String,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: first `{}`, then `{}`", self.file, self.line, self.first, self.second)
    }
}

/// Bytes that outlive their writer.
#[derive(Debug, Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut all = self.0.lock().map_err(|_| io::Error::other("poisoned"))?;
        all.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn text(&self) -> String {
        self.0.lock().map_or_else(|_| String::new(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Runs the first replication of a scenario twice, on one thread and on `threads`; `None` when nothing differs.
pub fn check(scenario: &Scenario, threads: usize) -> Result<Option<Difference>, RunError> {
    let [first, second] = [1, threads].map(|threads| traces(scenario, threads));
    let (first, second) = (first?, second?);
    let files = ["events.csv", "jobs.csv", "timeline.csv", "estimates.csv"];
    Ok(files.into_iter().zip(first.iter().zip(&second)).find_map(|(file, (a, b))| difference(file, a, b)))
}

fn traces(scenario: &Scenario, threads: usize) -> Result<[String; 4], RunError> {
    let mut scenario = scenario.clone();
    scenario.replications = 1;
    let [events, jobs, timeline, estimates] = std::array::from_fn(|_| Shared::default());
    let sinks = |_| {
        let boxed = |shared: &Shared| Box::new(shared.clone()) as Sink;
        Ok(Some(Sinks {
            jobs: boxed(&jobs),
            timeline: boxed(&timeline),
            events: Some(boxed(&events)),
            estimates: Some(boxed(&estimates)),
        }))
    };
    run(&scenario, &Settings { threads, sinks: &sinks, collect: false, timing: false, progress: None })?;
    Ok([events.text(), jobs.text(), timeline.text(), estimates.text()])
}

fn difference(file: &'static str, a: &str, b: &str) -> Option<Difference> {
    if a == b {
        return None;
    }
    let (mut a, mut b) = (a.lines(), b.lines());
    for line in 1.. {
        let (first, second) = (a.next(), b.next());
        if first != second {
            let owned = |text: Option<&str>| text.unwrap_or_default().to_owned();
            return Some(Difference { file, line, first: owned(first), second: owned(second) });
        }
        if first.is_none() {
            break;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_named() {
        assert_eq!(difference("events.csv", "a\nb\n", "a\nb\n"), None);
        let found = difference("events.csv", "a\nb\nc\n", "a\nB\n").unwrap();
        assert_eq!(found.to_string(), "events.csv:2: first `b`, then `B`");
        let shorter = difference("events.csv", "a\nb\n", "a\n").unwrap();
        assert_eq!((shorter.line, shorter.first.as_str(), shorter.second.as_str()), (2, "b", ""));
    }
}
