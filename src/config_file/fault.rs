//! What is wrong with a value, and where it was written.
//!
//! Promises the words that people use for what a program calls a type, and the innermost place. Leaves the
//! text around it, and what only the kind of file knows, to [`super::ConfigFileError`].

use std::fmt;

use serde::de::{Expected, Unexpected};

use super::shown::{choices, crop};

/// Where a key or value was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// In the file: line and column from 1, width in characters.
    File { line: u32, column: u32, width: u32 },
    /// In the override with this index.
    Set(usize),
}

impl Mark {
    /// The line in the file, from 1; `None` for an override.
    pub(crate) fn line(self) -> Option<u32> {
        match self {
            Self::File { line, .. } => Some(line),
            Self::Set(_) => None,
        }
    }
}

/// An error on its way to becoming a [`super::ConfigFileError`]: not yet joined with the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    pub(crate) mark: Option<Mark>,
    /// The key that is missing: the kind of file knows an example.
    pub(crate) missing: Option<&'static str>,
}

impl Fault {
    /// A message in our form: what follows `; hint: ` is the hint.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        let message = message.into();
        match message.split_once("; hint: ") {
            Some((what, hint)) => {
                Self { message: what.to_owned(), hint: Some(hint.to_owned()), mark: None, missing: None }
            }
            None => Self { message, hint: None, mark: None, missing: None },
        }
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Keeps the innermost mark.
    pub(crate) fn or_at(mut self, mark: Mark) -> Self {
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
        Self { missing: Some(field), ..Self::new(format!("the key `{field}` is missing")) }
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new(format!("the key `{field}` is given twice, under two spellings"))
            .with_hint("keep one of them")
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
