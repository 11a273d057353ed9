//! Names that people give, and what they may hold to be safe wherever they are shown: in tables, XML, HTML, paths.
//!
//! Promises that two names which look alike are alike, and that no accepted name needs more than the usual quoting.
//! Leaves which of the rules counts where to the caller.

/// Longest name in characters.
pub const CHARS_MAX: usize = 200;

/// Names of devices that stand for something else: the row of all devices in `timeline.csv`.
const RESERVED: [&str; 1] = ["fleet"];

/// Why a text is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// Nothing, or spaces.
    #[error("a name is not empty")]
    Empty,
    /// Spaces that nobody sees.
    #[error("a name does not begin or end with a space")]
    OuterSpace,
    /// Longer than a table can show.
    #[error("a name has at most {CHARS_MAX} characters")]
    Long,
    /// Line breaks and the like, which XML forbids, too.
    #[error("a name has no control character (U+{0:04X}): it is one line of text")]
    Control(u32),
    /// Characters that nobody sees, or that turn the others around.
    #[error("a name has no invisible character (U+{0:04X}): it would look like another name")]
    Invisible(u32),
    /// A character that ends or splits the name where it is used.
    #[error(
        "a device name has no `{0}`: it becomes part of metric names such as qubit_utilization[NAME], of lists and paths"
    )]
    Delimiter(char),
    /// A name that is taken.
    #[error("no device can be called `{0}`: tables use that name for all devices")]
    Reserved(&'static str),
}

/// Checks a name that is shown only: of a job, a variant, a label of a sweep.
pub fn check(name: &str) -> Result<(), LabelError> {
    if name.trim().is_empty() {
        return Err(LabelError::Empty);
    }
    if name.chars().count() > CHARS_MAX {
        return Err(LabelError::Long);
    }
    for c in name.chars() {
        // U+FFFE and U+FFFF are the characters beyond the control characters that XML 1.0 forbids.
        if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}') {
            return Err(LabelError::Control(c.into()));
        }
        if is_invisible(c) {
            return Err(LabelError::Invisible(c.into()));
        }
    }
    if name.trim() != name {
        return Err(LabelError::OuterSpace);
    }
    Ok(())
}

/// Checks the name of a device, which becomes part of metric names, of lists and of paths.
pub fn check_device(name: &str) -> Result<(), LabelError> {
    check(name)?;
    if let Some(c) = name.chars().find(|c| matches!(c, '*' | '/' | '\\' | ',' | '[' | ']')) {
        return Err(LabelError::Delimiter(c));
    }
    match RESERVED.into_iter().find(|reserved| *reserved == name) {
        Some(reserved) => Err(LabelError::Reserved(reserved)),
        None => Ok(()),
    }
}

/// Characters without a width, and those that change the direction of the text around them.
pub fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_break_something_are_refused_by_their_rule() {
        for good in ["ibm_fez", "my.device", "Garching 2", "=1+1", "日本", "a\"b<c>&'d"] {
            assert_eq!(check_device(good), Ok(()), "{good}");
        }
        let long = "x".repeat(CHARS_MAX + 1);
        let bad = [
            "",
            " ",
            " a",
            "a\nb",
            "a\u{1}b",
            "a\u{ffff}",
            "a\u{202e}b",
            "a\u{200b}",
            "a[b]",
            "a/b",
            "a\\b",
            "a,b",
            "a*",
            "fleet",
            &long,
        ];
        let messages = bad.map(|name| check_device(name).unwrap_err().to_string());
        insta::assert_snapshot!(messages.join("\n"));
        for shown in ["a[b]", "a/b", "fleet", "a, b"] {
            assert_eq!(check(shown), Ok(()), "{shown}");
        }
    }
}
