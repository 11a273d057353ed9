//! What is wrong with a scenario, where, and what would be right.
//!
//! Promises an error that prints the line with a mark below the place, or the override that caused it, and a hint with
//! the valid choices. Leaves exit codes to the command line.

use std::fmt;
use std::path::Path;

use serde::de::{Expected, Unexpected};

use super::document::{Mark, crop};
use super::set::SetOverride;
use crate::label::is_invisible;
use crate::quantum::file_error::near;

/// Longest piece of a line that is shown, in characters.
const SHOWN: usize = 100;

/// Why a text is no scenario, or no plan of a sweep. Prints as several lines, the first of them `error: ...`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScenarioError {
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

impl ScenarioError {
    pub(super) fn new(fault: Fault, origin: &str, text: &str, sets: &[SetOverride]) -> Self {
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
        Self { message: fault.message, hint: fault.hint, origin: origin.to_owned(), place }
    }

    /// The file at `path`, which is to be a `kind` such as `example`, cannot be read.
    pub(super) fn unreadable(path: &Path, kind: &str, example: &str, reason: &str) -> Self {
        let shown = path.display().to_string();
        Self {
            message: format!("cannot read the {kind} `{shown}`: {reason}"),
            hint: Some(format!("a {kind} is a YAML file, such as {example}")),
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

impl std::error::Error for ScenarioError {}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        match &self.place {
            Place::Whole => write!(f, "\n --> {}", self.origin)?,
            Place::Set(_, set) => write!(f, "\n --> {set}")?,
            Place::Line { line, column, width, text } => {
                let gutter = " ".repeat(line.to_string().len());
                // The window starts late enough to show the place in a very long line.
                let at = column.saturating_sub(1) as usize;
                let start = if at < SHOWN * 3 / 4 { 0 } else { at - SHOWN / 2 };
                let window: String = text
                    .chars()
                    .skip(start)
                    .take(SHOWN)
                    .map(|c| if c.is_control() || is_invisible(c) { ' ' } else { c })
                    .collect();
                let window = window.trim_end();
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

/// An error on its way to becoming a [`ScenarioError`]: not yet joined with the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) message: String,
    pub(super) hint: Option<String>,
    pub(super) mark: Option<Mark>,
}

impl Fault {
    /// A message in our form: what follows `; hint: ` is the hint.
    pub(super) fn new(message: impl Into<String>) -> Self {
        let message = message.into();
        match message.split_once("; hint: ") {
            Some((what, hint)) => Self { message: what.to_owned(), hint: Some(hint.to_owned()), mark: None },
            None => Self { message, hint: None, mark: None },
        }
    }

    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Keeps the innermost mark.
    pub(super) fn or_at(mut self, mark: Mark) -> Self {
        self.mark.get_or_insert(mark);
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

impl serde::de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!("expected {}, found {}", kind(&expected.to_string()), crop(&described(found))))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        Self::new(format!("expected {}, found {length} values", kind(&expected.to_string())))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!("unknown choice `{}`", crop(variant))).with_hint(choices(
            variant,
            "choose one of",
            expected,
        ))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!("unknown key `{}`", crop(field))).with_hint(choices(
            field,
            "valid keys are",
            expected,
        ))
    }

    fn missing_field(field: &'static str) -> Self {
        let fault = Self::new(format!("the key `{field}` is missing"));
        let example = match field {
            "scenario" => "scenario: my-first",
            "fleet" => "fleet: [{device: ibm_fez}]",
            "workload" => "workload: {arrivals: {poisson: {rate: 60/h}}, jobs: ibm_like}",
            "rate" => "rate: 60/h",
            "sweep" => "sweep: my-first",
            "base" => "base: quickstart, or base: ../saturated.yaml",
            _ => return fault,
        };
        fault.with_hint(format!("as in {example}"))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new(format!("the key `{field}` is given twice, under two spellings"))
            .with_hint("keep one of them")
    }
}

/// The nearest name first where one is near, then all names.
pub(super) fn choices(name: &str, lead: &str, known: &[&str]) -> String {
    let list = known.join(", ");
    match near(name, known.iter().copied()).first() {
        Some(nearest) => format!("did you mean `{nearest}`? {lead} {list}"),
        None => format!("{lead} {list}"),
    }
}

/// What a reader's type is called outside of programs.
fn kind(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number of 0 or more",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a string" => "a text",
        "a sequence" => "a list",
        "a map" => "keys with values",
        other => match other.strip_prefix("struct ") {
            Some(_) => "keys with values",
            None => other,
        },
    }
}

fn described(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Unit | Unexpected::Option => "nothing".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "keys with values".to_owned(),
        Unexpected::Bool(value) => format!("`{value}`"),
        Unexpected::Unsigned(value) => format!("`{value}`"),
        Unexpected::Signed(value) => format!("`{value}`"),
        Unexpected::Float(value) => format!("`{value}`"),
        Unexpected::Str(text) => format!("`{text}`"),
        other => other.to_string(),
    }
}
