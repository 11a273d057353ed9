//! Reads a journal line by line.
//!
//! Promises that any bytes become entries or an error with the line; never holds more than one line.

use std::fmt;
use std::io::{BufRead, Read};

use serde::Deserialize;

use super::{End, EndLine, Entry, Header, VERSION};
use crate::allocator::protocol::{Command, Event};
use crate::time::Time;

/// Longest line: a device of some hundred thousand couplers.
const MAX_LINE: u64 = 1 << 28;

/// Why a journal cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalError {
    line: u64,
    message: String,
}

impl JournalError {
    fn new(line: u64, message: impl Into<String>) -> Self {
        Self { line, message: message.into() }
    }

    /// The line, from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// What is wrong.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl std::error::Error for JournalError {}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

/// One line.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryLine {
    seq: u64,
    now: Time,
    command: Command,
    events: Vec<Event>,
}

/// The entries of a journal, one after the other.
pub struct Reader<R> {
    input: R,
    header: Header,
    line: u64,
    commands: u64,
    events: u64,
    buffer: Vec<u8>,
    end: Option<End>,
}

impl<R> fmt::Debug for Reader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("line", &self.line).finish_non_exhaustive()
    }
}

impl<R: BufRead> Reader<R> {
    /// Reads the first line.
    pub fn new(input: R) -> Result<Self, JournalError> {
        #[derive(Deserialize)]
        struct Version {
            journal: u32,
        }
        let mut lines = Lines { input, line: 0, buffer: Vec::new() };
        if !lines.next()? {
            return Err(JournalError::new(1, "the file is empty"));
        }
        let foreign = |error: serde_json::Error| {
            JournalError::new(
                1,
                format!("this is no journal: {}; hint: `rmsim run --journal FILE` writes one", plain(&error)),
            )
        };
        // The version first: a later one may know other keys.
        let version: Version = serde_json::from_slice(&lines.buffer).map_err(foreign)?;
        if version.journal != VERSION {
            let message =
                format!("the journal has version {}, this program reads version {VERSION}", version.journal);
            return Err(JournalError::new(1, message));
        }
        let unreadable = |error: serde_json::Error| {
            let hint = "does it name a policy that this program does not have?";
            JournalError::new(1, format!("the header cannot be read: {}; hint: {hint}", plain(&error)))
        };
        let header: Header = serde_json::from_slice(&lines.buffer).map_err(unreadable)?;
        header
            .allocator
            .validate()
            .map_err(|error| JournalError::new(1, format!("the configuration is not valid: {error}")))?;
        let Lines { input, line, buffer } = lines;
        Ok(Self { input, header, line, commands: 0, events: 0, buffer, end: None })
    }

    /// What the journal is of.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// How the journal ends; known after the last entry.
    pub fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// The line that was read last, from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// The next entry; `None` after the last one.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, JournalError> {
        if self.end.is_some() {
            return Ok(None);
        }
        let mut lines =
            Lines { input: &mut self.input, line: self.line, buffer: std::mem::take(&mut self.buffer) };
        let more = lines.next()?;
        (self.line, self.buffer) = (lines.line, lines.buffer);
        let wrong = |message: String| JournalError::new(self.line, message);
        if !more {
            return Err(wrong("the journal ends without its last line: it was cut off here".to_owned()));
        }
        if self.buffer.starts_with(b"{\"end\"") {
            let EndLine { end } =
                serde_json::from_slice(&self.buffer).map_err(|error| wrong(plain(&error)))?;
            if (end.commands, end.events) != (self.commands, self.events) {
                return Err(wrong(format!(
                    "the last line counts {} commands and {} events, but there are {} and {}",
                    end.commands, end.events, self.commands, self.events
                )));
            }
            self.end = Some(end);
            return self.is_over().map(|()| None);
        }
        let entry: EntryLine = serde_json::from_slice(&self.buffer).map_err(|error| wrong(plain(&error)))?;
        self.commands += 1;
        self.events += entry.events.len() as u64;
        if entry.seq != self.commands {
            return Err(wrong(format!(
                "the line has number {}, but number {} is next: a line is missing, or out of place",
                entry.seq, self.commands
            )));
        }
        let EntryLine { now, command, events, .. } = entry;
        Ok(Some(Entry { line: self.line, now, command, events }))
    }

    /// Nothing may follow the last line: what nobody reads nobody has compared.
    fn is_over(&mut self) -> Result<(), JournalError> {
        let wrong = |message: String| Err(JournalError::new(self.line + 1, message));
        match self.input.fill_buf() {
            Ok([]) => Ok(()),
            Ok(_) => wrong(
                "something follows the last line of the journal: it is damaged, or two were joined"
                    .to_owned(),
            ),
            Err(error) => wrong(format!("cannot read: {error}")),
        }
    }
}

struct Lines<R> {
    input: R,
    line: u64,
    buffer: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    /// Reads the next line; false at the end.
    fn next(&mut self) -> Result<bool, JournalError> {
        self.line += 1;
        self.buffer.clear();
        let read = (&mut self.input).take(MAX_LINE).read_until(b'\n', &mut self.buffer);
        let wrong = |message| Err(JournalError::new(self.line, message));
        match read {
            Err(error) => wrong(format!("cannot read: {error}")),
            Ok(0) => Ok(false),
            Ok(count) if count as u64 == MAX_LINE => wrong("the line is too long for a journal".to_owned()),
            Ok(_) => Ok(true),
        }
    }
}

/// What the reader of JSON found: its own count of lines always is 1.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or(&text);
    let what: String = what.chars().take(300).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    format!("{what} (column {})", error.column())
}
