//! From text to tokens of OpenQASM 2 and 3.
//!
//! Promises tokens that lie within the text, in order, and an error for whatever is no token. Leaves the meaning of
//! names, also of keywords, to the parser: most keywords of version 3 are plain names in version 2.

use super::error::{Fault, Span};
use crate::config_file::shown::escaped;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    /// A name or a keyword.
    Name,
    /// A whole number of 0 or more; one beyond 64 bits is a [`Kind::Real`].
    Integer(u64),
    /// A number with a point or an exponent.
    Real(f64),
    /// A number with a unit of time: `100ns`, `3dt`.
    Duration,
    /// Text in quotes, also a string of bits.
    Text,
    /// A qubit of the hardware: `$3`.
    Hardware(u32),
    /// Punctuation.
    Symbol(&'static str),
    /// The end of the text.
    End,
}

/// A token and its place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) span: Span,
}

/// Longest first, so that `**` is not read as two `*`.
const SYMBOLS: [&str; 50] = [
    "**=", "<<=", ">>=", "->", "==", "!=", "<=", ">=", "&&", "||", "<<", ">>", "**", "++", "+=", "-=", "*=",
    "/=", "%=", "&=", "|=", "^=", "~=", "[", "]", "{", "}", "(", ")", ":", ";", ",", "=", "+", "-", "*", "/",
    "%", "&", "|", "^", "~", "!", "<", ">", "@", ".", "#", "?", "\\",
];

const UNITS: [&str; 6] = ["dt", "ns", "us", "µs", "ms", "s"];

/// Reads one token after the other.
#[derive(Debug, Clone)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        // A mark that some editors put at the start of a file.
        let at = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        Self { text, at }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn span(&self, start: usize) -> Span {
        Span { start: start as u32, end: self.at as u32 }
    }

    /// Leaves out the rest of the line, for comments.
    fn skip_line(&mut self) {
        self.at += self.rest().find('\n').unwrap_or(self.rest().len());
    }

    /// Steps over the line from `start` on, for annotations and pragmas, which end with it.
    pub(super) fn line_from(&mut self, start: u32) -> Span {
        self.skip_line();
        let text = self.text.get(start as usize..self.at).unwrap_or_default();
        Span { start, end: start + text.trim_end().len() as u32 }
    }

    fn skip_space(&mut self) -> Result<(), Fault> {
        loop {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start().len();
            let rest = self.rest();
            if rest.starts_with("//") {
                self.skip_line();
            } else if rest.starts_with("/*") {
                let start = self.at;
                let Some(end) = rest.find("*/") else {
                    self.at += 2;
                    return Err(Fault::at(
                        self.span(start),
                        "the comment never ends; hint: close it with */",
                    ));
                };
                self.at += end + 2;
            } else {
                return Ok(());
            }
        }
    }

    /// The next token; [`Kind::End`] again and again at the end.
    pub(super) fn token(&mut self) -> Result<Token, Fault> {
        self.skip_space()?;
        let start = self.at;
        let rest = self.rest();
        let kind = match rest.chars().next() {
            None => Kind::End,
            Some(c) if c.is_alphabetic() || c == '_' => {
                self.at += rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
                Kind::Name
            }
            Some(c) if c.is_ascii_digit() || (c == '.' && next_is_digit(rest)) => self.number()?,
            Some(quote @ ('"' | '\'')) => {
                let inside = rest.get(1..).unwrap_or_default();
                match inside.find([quote, '\n']) {
                    Some(end) if inside[end..].starts_with(quote) => self.at += end + 2,
                    _ => {
                        self.at += 1;
                        let message = "the text in quotes does not end on its line";
                        return Err(Fault::at(self.span(start), message));
                    }
                }
                Kind::Text
            }
            Some('$') => {
                let digits = rest[1..].find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len() - 1);
                self.at += 1 + digits;
                match rest[1..1 + digits].parse() {
                    Ok(number) => Kind::Hardware(number),
                    Err(_) => {
                        let message = "`$` stands before the number of a hardware qubit; hint: as in $0, up to 9 digits";
                        return Err(Fault::at(self.span(start), message));
                    }
                }
            }
            Some(c) => match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
                Some(symbol) => {
                    self.at += symbol.len();
                    Kind::Symbol(symbol)
                }
                None => {
                    self.at += c.len_utf8();
                    let shown = escaped(&c.to_string());
                    return Err(Fault::at(self.span(start), format!("`{shown}` is no part of OpenQASM")));
                }
            },
        };
        Ok(Token { kind, span: self.span(start) })
    }

    fn number(&mut self) -> Result<Kind, Fault> {
        let start = self.at;
        let rest = self.rest();
        let bytes = rest.as_bytes();
        for (prefix, radix) in [("0x", 16), ("0X", 16), ("0b", 2), ("0B", 2), ("0o", 8)] {
            if let Some(digits) = rest.strip_prefix(prefix) {
                let length =
                    digits.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(digits.len());
                self.at += 2 + length;
                let plain = digits[..length].replace('_', "");
                return u64::from_str_radix(&plain, radix).map(Kind::Integer).map_err(|_| self.bad(start));
            }
        }
        let digits = |mut at: usize| {
            while bytes.get(at).is_some_and(|byte| byte.is_ascii_digit() || *byte == b'_') {
                at += 1;
            }
            at
        };
        let mut length = digits(0);
        let mut whole = true;
        if bytes.get(length) == Some(&b'.') {
            whole = false;
            length = digits(length + 1);
        }
        if matches!(bytes.get(length), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(length + 1), Some(b'+' | b'-')));
            let end = digits(length + 1 + sign);
            if end > length + 1 + sign {
                whole = false;
                length = end;
            }
        }
        self.at += length;
        let unit = self.rest();
        let unit = &unit[..unit.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(unit.len())];
        if !unit.is_empty() {
            self.at += unit.len();
            return if UNITS.contains(&unit) { Ok(Kind::Duration) } else { Err(self.bad(start)) };
        }
        let plain = rest[..length].replace('_', "");
        match (whole, plain.parse::<u64>(), plain.parse::<f64>()) {
            (true, Ok(integer), _) => Ok(Kind::Integer(integer)),
            (_, _, Ok(real)) if real.is_finite() => Ok(Kind::Real(real)),
            _ => Err(self.bad(start)),
        }
    }

    fn bad(&self, start: usize) -> Fault {
        let span = self.span(start);
        let shown = escaped(span.of(self.text));
        Fault::at(
            span,
            format!("`{shown}` is no number; hint: as in 3, 0.5, 2.5e-3, or a duration as in 100ns"),
        )
    }
}

fn next_is_digit(text: &str) -> bool {
    text.as_bytes().get(1).is_some_and(u8::is_ascii_digit)
}
