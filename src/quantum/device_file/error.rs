//! What is wrong with a device file, and where: origin, line, column, the line itself, and what would be right.
//!
//! Promises short messages whatever the file holds (cropped, control characters escaped). Leaves the choice between
//! printing and wrapping to the caller.

use std::fmt;

use serde_yaml::budget::BudgetBreach;
use serde_yaml::{DefaultMessageFormatter, Error as YamlError, Location, MessageFormatter};

/// Longest piece of a file that is shown, in characters.
const SHOWN: usize = 100;

/// Why a text is no device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceFileError {
    origin: String,
    position: Option<(u64, u64)>,
    message: String,
    snippet: Option<String>,
}

impl DeviceFileError {
    /// An error of the file `origin` as a whole.
    pub fn whole(origin: &str, message: impl Into<String>) -> Self {
        Self { origin: origin.to_owned(), position: None, message: message.into(), snippet: None }
    }

    /// An error at a place in `text`.
    pub(super) fn at(origin: &str, text: &str, location: Location, message: impl Into<String>) -> Self {
        if location == Location::UNKNOWN {
            return Self::whole(origin, message);
        }
        let (line, column) = (location.line(), location.column());
        Self {
            position: Some((line, column)),
            snippet: snippet(text, line, column),
            ..Self::whole(origin, message)
        }
    }

    /// Translates what the YAML reader found.
    pub(super) fn from_yaml(origin: &str, text: &str, error: &YamlError) -> Self {
        let location = error.location().unwrap_or(Location::UNKNOWN);
        let found = token(text, location);
        let message = match error.without_snippet() {
            YamlError::InvalidScalar { ty, .. } => format!("found `{found}`, expected {}", kind(ty)),
            other => message(other),
        };
        Self::at(origin, text, location, message)
    }

    /// Line and column, both from 1, where known.
    pub fn position(&self) -> Option<(u64, u64)> {
        self.position
    }

    /// The message without place and snippet.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl std::error::Error for DeviceFileError {}

impl fmt::Display for DeviceFileError {
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
pub(crate) fn snippet(text: &str, line: u64, column: u64) -> Option<String> {
    let shown = text.lines().nth(usize::try_from(line).ok()?.checked_sub(1)?)?;
    let column = usize::try_from(column).ok()?.saturating_sub(1);
    let start = column.saturating_sub(SHOWN / 2);
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let window: String = shown.chars().skip(start).take(SHOWN).map(plain).collect();
    let gutter = " ".repeat(line.to_string().len());
    let mark = " ".repeat(column - start);
    Some(format!("{gutter} |\n{line} | {}\n{gutter} | {mark}^", window.trim_end()))
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

/// A piece of the file that is safe to print.
pub(crate) fn crop(text: &str) -> String {
    let mut short: String = text.chars().take(3 * SHOWN).flat_map(printable).collect();
    if text.chars().nth(3 * SHOWN).is_some() {
        short.push_str("...");
    }
    short
}

fn printable(c: char) -> impl Iterator<Item = char> {
    let (plain, escaped) = if c.is_control() { (None, Some(c.escape_debug())) } else { (Some(c), None) };
    plain.into_iter().chain(escaped.into_iter().flatten())
}

/// The names within two or three typing errors of `name`, nearest first, then in their order.
pub(crate) fn near<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    // Nothing is near a name longer than any of ours, and the comparison takes time with the product of the lengths.
    if name.chars().count() > 64 {
        return Vec::new();
    }
    let lower = name.to_lowercase();
    let allowed = if lower.chars().count() < 6 { 1 } else { 3 };
    let mut found: Vec<(usize, &str)> = known
        .into_iter()
        .map(|candidate| (strsim::levenshtein(&lower, candidate), candidate))
        .filter(|&(distance, _)| distance <= allowed)
        .collect();
    found.sort_by_key(|&(distance, _)| distance);
    found.into_iter().map(|(_, candidate)| candidate).collect()
}
