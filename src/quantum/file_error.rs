//! What is wrong with a file of devices or circuits, and where: origin, line, column, the line itself, and what would
//! be right.
//!
//! Promises one line of words, with the place before and the line below it. Leaves the choice between printing and
//! wrapping to the caller.

use std::fmt;

use crate::config_file::fault::{Fault, Mark};
use crate::config_file::shown::{LINE_CHARS_MAX, window};

/// Why a file is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileError {
    origin: String,
    position: Option<(u64, u64)>,
    message: String,
    snippet: Option<String>,
}

impl FileError {
    /// An error of the file `origin` as a whole.
    pub fn whole(origin: &str, message: impl Into<String>) -> Self {
        Self { origin: origin.to_owned(), position: None, message: message.into(), snippet: None }
    }

    /// An error at a line and column of `text`, both from 1.
    pub(super) fn at(
        origin: &str,
        text: &str,
        (line, column): (u64, u64),
        message: impl Into<String>,
    ) -> Self {
        Self {
            position: Some((line, column)),
            snippet: snippet(text, line, column),
            ..Self::whole(origin, message)
        }
    }

    /// What the YAML reader, or a check after it, finds wrong with `text`.
    pub(super) fn of_fault(origin: &str, text: &str, fault: Fault) -> Self {
        let message = match fault.hint {
            Some(hint) => format!("{}; hint: {hint}", fault.message),
            None => fault.message,
        };
        match fault.mark {
            Some(Mark::File { line, column, .. }) => {
                Self::at(origin, text, (line.into(), column.into()), message)
            }
            Some(Mark::Set(_)) | None => Self::whole(origin, message),
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

impl std::error::Error for FileError {}

impl fmt::Display for FileError {
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

/// The line with a mark below the column, cropped around it.
fn snippet(text: &str, line: u64, column: u64) -> Option<String> {
    let shown = text.lines().nth(usize::try_from(line).ok()?.checked_sub(1)?)?;
    let column = usize::try_from(column).ok()?.saturating_sub(1);
    let start = column.saturating_sub(LINE_CHARS_MAX / 2);
    let gutter = " ".repeat(line.to_string().len());
    let mark = " ".repeat(column - start);
    Some(format!("{gutter} |\n{line} | {}\n{gutter} | {mark}^", window(shown, start)))
}
