//! JSON as Python writes it: with `NaN`, `Infinity` and `-Infinity`, which JSON does not have.
//!
//! Promises a text in which only these words, outside of quotes, became `null`, and their number. Leaves reading it to
//! the importer.

use std::borrow::Cow;

/// The text without numbers that are none, and how many there were.
pub(super) fn without_nan(text: &str) -> (Cow<'_, str>, u32) {
    // Without one of the words, which is the usual case, nothing is copied.
    if !text.contains("NaN") && !text.contains("Infinity") {
        return (Cow::Borrowed(text), 0);
    }
    let mut plain = String::with_capacity(text.len());
    let (mut found, mut rest) = (0, text);
    while let Some(at) = rest.find(['"', 'N', 'I', '-']) {
        let (before, from) = rest.split_at(at);
        plain.push_str(before);
        if from.starts_with('"') {
            let end = end_of_text(from);
            plain.push_str(&from[..end]);
            rest = &from[end..];
            continue;
        }
        match ["NaN", "-Infinity", "Infinity"].into_iter().find(|word| from.starts_with(word)) {
            Some(word) => {
                plain.push_str("null");
                found += 1;
                rest = &from[word.len()..];
            }
            None => {
                plain.push_str(&from[..1]);
                rest = &from[1..];
            }
        }
    }
    plain.push_str(rest);
    (Cow::Owned(plain), found)
}

/// Where a text in quotes ends, the closing quote included.
fn end_of_text(quoted: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in quoted.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    quoted.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_are_replaced() {
        let cases = [
            (r#"{"a": NaN, "b": -Infinity, "c": Infinity}"#, r#"{"a": null, "b": null, "c": null}"#, 3),
            (r#"{"NaN": "Infinity \" NaN", "x": -1}"#, r#"{"NaN": "Infinity \" NaN", "x": -1}"#, 0),
            (r#"{"a": 1}"#, r#"{"a": 1}"#, 0),
            (r#"["NaN"#, r#"["NaN"#, 0),
        ];
        for (text, plain, found) in cases {
            assert_eq!(without_nan(text), (Cow::Borrowed(plain), found), "{text}");
        }
    }
}
