//! What is wrong with a scenario whose values are right one by one.
//!
//! Promises the key that it is about. Leaves its place in the file to whoever has the file.

use crate::config_file::fault::Fault;
use crate::time::Span;

/// Shortest interval of anything that repeats for the whole run: shorter ones only slow it down.
pub(super) const SHORTEST: Span = Span::from_secs(1);

/// What is wrong, and with which key (keys separated by dots).
pub(in crate::simulator::scenario) struct Problem {
    pub(in crate::simulator::scenario) path: String,
    pub(in crate::simulator::scenario) fault: Fault,
}

impl Problem {
    pub(super) fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), fault: Fault::new(message) }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.fault = self.fault.with_hint(hint);
        self
    }
}

pub(super) fn too_short(path: &str, what: &str, span: Span) -> Problem {
    Problem::new(path, format!("{what} is {span}, the shortest is {SHORTEST}"))
}
