//! What is wrong with a file, where, and what would be right.
//!
//! Promises an error that prints the line with a mark below the place, or the override that caused it, and a
//! hint with the valid choices. Leaves exit codes to the command line.

use std::fmt;
use std::path::Path;

use super::fault::{Fault, Mark};
use super::kind::Kind;
use super::set::SetOverride;
use super::shown::{LINE_CHARS_MAX, window};

/// Why a text is not of its kind: no scenario, no plan. Prints as several lines, of which the first begins
/// with `error: `.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFileError {
    message: String,
    hint: Option<String>,
    origin: String,
    place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// The file as a whole.
    Whole,
    /// A line of the file.
    Line { line: u32, column: u32, width: u32, text: String },
    /// An override: its number among those given, and how it was written.
    Set(usize, String),
}

impl ConfigFileError {
    /// Joins a fault with the `text` of the file `origin` and the overrides that were applied to it.
    pub(crate) fn new(fault: Fault, kind: &Kind, origin: &str, text: &str, sets: &[SetOverride]) -> Self {
        let place = match fault.mark {
            None => Place::Whole,
            Some(Mark::Set(index)) => {
                sets.get(index).map_or(Place::Whole, |set| Place::Set(index, set.to_string()))
            }
            Some(Mark::File { line, column, width }) => Place::Line {
                line,
                column,
                width,
                text: text.lines().nth(line.saturating_sub(1) as usize).unwrap_or_default().to_owned(),
            },
        };
        let example = || Some(format!("as in {}", kind.example_of(fault.missing?)?));
        Self { message: fault.message, hint: fault.hint.or_else(example), origin: origin.to_owned(), place }
    }

    /// The file at `path`, which is to be of this kind, cannot be read.
    pub(super) fn unreadable(path: &Path, kind: &Kind, reason: &str) -> Self {
        let shown = path.display().to_string();
        let Kind { name, example, .. } = kind;
        Self {
            message: format!("cannot read the {name} `{shown}`: {reason}"),
            hint: Some(format!("a {name} is a YAML file, such as {example}")),
            origin: shown,
            place: Place::Whole,
        }
    }

    /// What is wrong, without place and hint.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What would be right.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Line and column in the file, from 1; `None` for an error of the whole file or of an override.
    pub fn position(&self) -> Option<(u32, u32)> {
        match self.place {
            Place::Line { line, column, .. } => Some((line, column)),
            _ => None,
        }
    }

    /// The number of the override that is to blame, among those that were given.
    pub fn blamed_override(&self) -> Option<usize> {
        match self.place {
            Place::Set(index, _) => Some(index),
            _ => None,
        }
    }
}

impl std::error::Error for ConfigFileError {}

impl fmt::Display for ConfigFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        match &self.place {
            Place::Whole => write!(f, "\n --> {}", self.origin)?,
            Place::Set(_, set) => write!(f, "\n --> {set}")?,
            Place::Line { line, column, width, text } => {
                let gutter = " ".repeat(line.to_string().len());
                // The window starts late enough to show the place in a very long line.
                let at = column.saturating_sub(1) as usize;
                let start = if at < LINE_CHARS_MAX * 3 / 4 { 0 } else { at - LINE_CHARS_MAX / 2 };
                let window = window(text, start);
                let room = window.chars().count().saturating_sub(at - start).max(1);
                let carets = "^".repeat((*width as usize).clamp(1, room));
                write!(f, "\n{gutter}--> {}:{line}:{column}", self.origin)?;
                write!(f, "\n{gutter} |\n{line} | {window}\n{gutter} | {}{carets}", " ".repeat(at - start))?;
            }
        }
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}
