//! What is wrong with a circuit file, and where: origin, line, column, the line itself, and what would be right.
//!
//! Promises short messages whatever the file holds (cropped, control characters escaped). Leaves the choice between
//! printing and wrapping to the caller.

use std::fmt;

use crate::quantum::device_file::snippet;

/// Why a text is no circuit that can be profiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QasmError {
    origin: String,
    position: Option<(u64, u64)>,
    message: String,
    snippet: Option<String>,
}

impl QasmError {
    /// An error of the file `origin` as a whole.
    pub(super) fn whole(origin: &str, message: impl Into<String>) -> Self {
        Self { origin: origin.to_owned(), position: None, message: message.into(), snippet: None }
    }

    /// A fault joined with the text it was found in.
    pub(super) fn new(origin: &str, text: &str, fault: Fault) -> Self {
        let Some(span) = fault.span else { return Self::whole(origin, fault.message) };
        let before = text.get(..span.start as usize).unwrap_or(text);
        let line = before.matches('\n').count() as u64 + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() as u64 + 1;
        Self {
            position: Some((line, column)),
            snippet: snippet(text, line, column),
            ..Self::whole(origin, fault.message)
        }
    }

    /// Line and column, both from 1, where known.
    pub fn position(&self) -> Option<(u64, u64)> {
        self.position
    }

    /// The message without place and snippet; what follows `; hint: ` says what would be right.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl std::error::Error for QasmError {}

impl fmt::Display for QasmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.origin)?;
        if let Some((line, column)) = self.position {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.message)?;
        match &self.snippet {
            Some(snippet) => write!(f, "\n{snippet}"),
            None => Ok(()),
        }
    }
}

/// A piece of the text, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Span {
    pub(super) fn of(self, text: &str) -> &str {
        text.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// From the start of this one to the end of the other.
    pub(super) fn to(self, other: Self) -> Self {
        Self { start: self.start, end: other.end.max(self.end) }
    }
}

/// An error on its way to becoming a [`QasmError`]: not yet joined with the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    span: Option<Span>,
    message: String,
}

impl Fault {
    pub(super) fn at(span: Span, message: impl Into<String>) -> Self {
        Self { span: Some(span), message: message.into() }
    }

    pub(super) fn whole(message: impl Into<String>) -> Self {
        Self { span: None, message: message.into() }
    }
}
