//! YAML read straight into types, without a tree between: for large files of many figures.
//!
//! Promises the same limits and the same care as a tree: every error has its place, and the valid choices
//! where a name is wrong. Places that later checks need are kept by [`Spanned`] fields. Leaves the form of
//! errors to the caller.

use serde::de::DeserializeOwned;
use serde_yaml::budget::BudgetBreach;
use serde_yaml::{DefaultMessageFormatter, Error as YamlError, MessageFormatter};
pub(crate) use serde_yaml::{Location, Spanned};

use super::document::mark;
use super::fault::Fault;
use super::kind::Kind;
use super::shown::{LINE_CHARS_MAX, choices, escaped};

/// The most of everything that a file may hold.
pub(crate) struct Limits {
    /// Levels of nesting.
    pub(crate) depth: usize,
    /// Aliases, and anchors that they name.
    pub(crate) aliases: usize,
    /// Keys and values, aliases expanded.
    pub(crate) nodes: usize,
    /// Bytes of all keys and values.
    pub(crate) bytes: usize,
}

/// Reads one YAML document into a `T`.
pub(crate) fn read<T: DeserializeOwned>(text: &str, kind: &Kind, limits: &Limits) -> Result<T, Fault> {
    let options = serde_yaml::options! {
        with_snippet: false,
        emit_comments: false,
        budget: serde_yaml::budget! {
            max_depth: limits.depth,
            flow_nesting_limit: limits.depth,
            max_documents: 1,
            max_aliases: limits.aliases,
            max_anchors: limits.aliases,
            max_events: 2 * limits.nodes,
            max_nodes: limits.nodes,
            max_total_scalar_bytes: limits.bytes,
        },
    };
    serde_yaml::from_str_with_options(text, options).map_err(|error| fault(text, kind, &error))
}

/// What is wrong with the key or value at `location`.
pub(crate) fn at(location: Location, message: impl Into<String>) -> Fault {
    let fault = Fault::new(message);
    if location == Location::UNKNOWN { fault } else { fault.or_at(mark(location)) }
}

/// Translates what the YAML reader found.
fn fault(text: &str, kind: &Kind, error: &YamlError) -> Fault {
    let location = error.location().unwrap_or(Location::UNKNOWN);
    let message = match error.without_snippet() {
        YamlError::InvalidScalar { ty, .. } => {
            format!("found `{}`, expected {}", token(text, location), called(ty))
        }
        other => message(other, kind),
    };
    at(location, message)
}

fn message(error: &YamlError, kind: &Kind) -> String {
    match error {
        YamlError::SerdeUnknownField { field, expected, .. } => {
            format!("unknown key `{}`; hint: {}", escaped(field), choices(field, "known keys are", expected))
        }
        YamlError::SerdeUnknownVariant { variant, expected, .. } => {
            let hint = choices(variant, "choose one of", expected);
            format!("unknown value `{}`; hint: {hint}", escaped(variant))
        }
        YamlError::SerdeMissingField { field, .. } => format!("the key `{field}` is missing"),
        YamlError::DuplicateMappingKey { key: Some(key), .. } => {
            format!("the key `{}` is given twice; hint: keep one of them", escaped(key))
        }
        YamlError::SerdeInvalidType { unexpected, expected, .. }
        | YamlError::SerdeInvalidValue { unexpected, expected, .. } => {
            format!("found {}, expected {}", escaped(unexpected), called(expected))
        }
        YamlError::Unexpected { expected: "mapping start", .. } => match kind.keys.first() {
            Some((_, example)) => format!("expected keys with values, as in `{example}`"),
            None => "expected keys with values".to_owned(),
        },
        YamlError::Budget { breach: BudgetBreach::Documents { .. }, .. } => {
            format!("a second document begins here; hint: {}", kind.second_hint)
        }
        YamlError::Budget { breach, .. } => {
            format!("{} ({})", kind.too_large, escaped(&format!("{breach:?}")))
        }
        YamlError::AliasError { error, .. } => message(error, kind),
        other => escaped(&DefaultMessageFormatter.format_message(other)),
    }
}

/// What a reader's type is called outside of programs.
fn called(ty: &str) -> &str {
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
    let rest = line.chars().skip(index(location.column())).take(LINE_CHARS_MAX);
    rest.take_while(|c| !matches!(c, ',' | '}' | ']' | '#') && !c.is_control())
        .collect::<String>()
        .trim()
        .to_owned()
}
