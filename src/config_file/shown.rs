//! Pieces of files and lists of names as messages show them.
//!
//! Promises short texts that are safe to print, whatever the file holds. Leaves the sentence around them to
//! the caller.

use crate::label::is_invisible;

/// Longest piece of a line that is shown, in characters.
pub(crate) const LINE_CHARS_MAX: usize = 100;

/// A piece of the file that is safe and short enough to print.
pub(crate) fn crop(text: &str) -> String {
    const CHARS_MAX: usize = 160;
    let shown = |c: char| if c.is_control() || is_invisible(c) { '\u{fffd}' } else { c };
    let mut short: String = text.chars().take(CHARS_MAX).map(shown).collect();
    if text.chars().nth(CHARS_MAX).is_some() {
        short.push_str("...");
    }
    short
}

/// The same, longer, with escapes in place of what cannot be shown.
pub(crate) fn escaped(text: &str) -> String {
    const CHARS_MAX: usize = 300;
    let mut short: String = text.chars().take(CHARS_MAX).flat_map(printable).collect();
    if text.chars().nth(CHARS_MAX).is_some() {
        short.push_str("...");
    }
    short
}

fn printable(c: char) -> impl Iterator<Item = char> {
    let (plain, escaped) =
        if c.is_control() || is_invisible(c) { (None, Some(c.escape_debug())) } else { (Some(c), None) };
    plain.into_iter().chain(escaped.into_iter().flatten())
}

/// A line of a file, or a window of it, with a space for each character that would not show in its place.
pub(crate) fn window(line: &str, start: usize) -> String {
    let plain = |c: char| if c.is_control() || is_invisible(c) { ' ' } else { c };
    let mut window: String = line.chars().skip(start).take(LINE_CHARS_MAX).map(plain).collect();
    window.truncate(window.trim_end().len());
    window
}

/// The hint of an error about a wrong name: the nearest one where one is near, then all of them after `lead`.
pub(crate) fn choices(name: &str, lead: &str, known: &[&str]) -> String {
    let list = known.join(", ");
    match near(name, known.iter().copied()).first() {
        Some(nearest) => format!("did you mean `{nearest}`? {lead} {list}"),
        None => format!("{lead} {list}"),
    }
}

/// The names within two or three typing errors of `name`, nearest first, then in their order.
pub(crate) fn near<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    // Nothing is near a name longer than any of ours, and the comparison takes time with the product of the
    // lengths.
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
