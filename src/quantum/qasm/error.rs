//! Faults in a circuit while it is read: a message and the piece of the text that it is about.
//!
//! Promises that every fault can be joined with its text to a [`FileError`] with line and column.

use crate::quantum::file_error::FileError;

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

/// An error on its way to becoming a [`FileError`]: not yet joined with the text.
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

    /// The fault joined with the text it was found in.
    pub(super) fn in_text(self, origin: &str, text: &str) -> FileError {
        let Some(span) = self.span else { return FileError::whole(origin, self.message) };
        let before = text.get(..span.start as usize).unwrap_or(text);
        let line = before.matches('\n').count() as u64 + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() as u64 + 1;
        FileError::at(origin, text, (line, column), self.message)
    }
}
