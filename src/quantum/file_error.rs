//! What is wrong with a file that people write (devices, circuits), and where: origin, line, column, the line itself,
//! and what would be right.
//!
//! Promises short messages whatever the file holds (cropped, control characters escaped). Leaves the choice between
//! printing and wrapping to the caller.

use std::fmt;

use crate::label::is_invisible;

/// Longest piece of a file that is shown, in characters.
pub(super) const SHOWN: usize = 100;

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
    let start = column.saturating_sub(SHOWN / 2);
    let plain = |c: char| if c.is_control() || is_invisible(c) { ' ' } else { c };
    let window: String = shown.chars().skip(start).take(SHOWN).map(plain).collect();
    let gutter = " ".repeat(line.to_string().len());
    let mark = " ".repeat(column - start);
    Some(format!("{gutter} |\n{line} | {}\n{gutter} | {mark}^", window.trim_end()))
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
    let (plain, escaped) =
        if c.is_control() || is_invisible(c) { (None, Some(c.escape_debug())) } else { (Some(c), None) };
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
