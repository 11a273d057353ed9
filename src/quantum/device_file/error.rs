//! What the YAML reader finds wrong with a device file, in words of device files.
//!
//! Promises the valid choices where a name is wrong. Leaves place, snippet and form to [`FileError`].

use serde_yaml::budget::BudgetBreach;
use serde_yaml::{DefaultMessageFormatter, Error as YamlError, Location, MessageFormatter};

use crate::quantum::file_error::{FileError, SHOWN, crop, near};

/// An error at a place in `text`.
pub(super) fn at(origin: &str, text: &str, location: Location, message: impl Into<String>) -> FileError {
    if location == Location::UNKNOWN {
        return FileError::whole(origin, message);
    }
    FileError::at(origin, text, (location.line(), location.column()), message)
}

/// Translates what the YAML reader found.
pub(super) fn from_yaml(origin: &str, text: &str, error: &YamlError) -> FileError {
    let location = error.location().unwrap_or(Location::UNKNOWN);
    let found = token(text, location);
    let message = match error.without_snippet() {
        YamlError::InvalidScalar { ty, .. } => format!("found `{found}`, expected {}", kind(ty)),
        other => message(other),
    };
    at(origin, text, location, message)
}

fn message(error: &YamlError) -> String {
    match error {
        YamlError::SerdeUnknownField { field, expected, .. } => {
            format!("unknown key `{}`; hint: {}", crop(field), choices("known keys are", field, expected))
        }
        YamlError::SerdeUnknownVariant { variant, expected, .. } => {
            format!(
                "unknown value `{}`; hint: {}",
                crop(variant),
                choices("choose one of", variant, expected)
            )
        }
        YamlError::SerdeMissingField { field, .. } => format!("the key `{field}` is missing"),
        YamlError::DuplicateMappingKey { key: Some(key), .. } => {
            format!("the key `{}` is given twice; hint: keep one of them", crop(key))
        }
        YamlError::SerdeInvalidType { unexpected, expected, .. }
        | YamlError::SerdeInvalidValue { unexpected, expected, .. } => {
            format!("found {}, expected {}", crop(unexpected), kind(expected))
        }
        YamlError::Unexpected { expected: "mapping start", .. } => {
            "expected keys with values, as in `name: ibm_fez`".to_owned()
        }
        YamlError::Budget { breach: BudgetBreach::Documents { .. }, .. } => {
            "a second document begins here; hint: one device per file, or a list `devices:`".to_owned()
        }
        YamlError::Budget { breach, .. } => {
            format!("nested too deeply or too large for a device file ({})", crop(&format!("{breach:?}")))
        }
        YamlError::AliasError { error, .. } => message(error),
        other => crop(&DefaultMessageFormatter.format_message(other)),
    }
}

/// What a reader's type is called outside of programs.
fn kind(ty: &str) -> &str {
    match ty {
        "u32" | "u64" => "a whole number of 0 or more",
        "a nonzero u32" => "a whole number of 1 or more",
        "floating point" => "a number",
        "boolean" => "true or false",
        other => other,
    }
}

/// The scalar that begins at `location`.
fn token(text: &str, location: Location) -> String {
    let index = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).saturating_sub(1);
    let line = text.lines().nth(index(location.line())).unwrap_or_default();
    let rest = line.chars().skip(index(location.column())).take(SHOWN);
    rest.take_while(|c| !matches!(c, ',' | '}' | ']' | '#') && !c.is_control())
        .collect::<String>()
        .trim()
        .to_owned()
}

/// `hint`, or the nearest known name first where one is near.
fn choices(hint: &str, name: &str, known: &[&'static str]) -> String {
    let list = known.join(", ");
    match near(name, known.iter().copied()).first() {
        Some(nearest) => format!("did you mean `{nearest}`? {hint} {list}"),
        None => format!("{hint} {list}"),
    }
}
