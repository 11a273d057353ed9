//! Writes a journal as a run goes on.

use std::io::{self, Write};

use serde::Serialize;

use super::{End, EndLine, Header};
use crate::allocator::Allocator;
use crate::allocator::protocol::{Command, Event};
use crate::time::Time;

/// Bytes gathered before the sink is asked.
const FLUSH_AT: usize = 1 << 16;

/// Writes a journal: [`Self::command`] before the core handles a command, [`Self::decided`] after, [`Self::finish`] at
/// the end.
pub struct Writer {
    sink: Box<dyn Write + Send>,
    line: Vec<u8>,
    commands: u64,
    events: u64,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("commands", &self.commands).finish_non_exhaustive()
    }
}

impl Writer {
    /// A journal that begins with `header`.
    pub fn new(header: &Header, sink: Box<dyn Write + Send>) -> io::Result<Self> {
        let mut writer = Self { sink, line: Vec::with_capacity(2 * FLUSH_AT), commands: 0, events: 0 };
        json(&mut writer.line, header)?;
        writer.line.push(b'\n');
        Ok(writer)
    }

    /// The core is about to be given a command.
    pub fn command(&mut self, now: Time, command: &Command) -> io::Result<()> {
        self.commands += 1;
        write!(self.line, "{{\"seq\":{},\"now\":{},\"command\":", self.commands, now.0)?;
        json(&mut self.line, command)
    }

    /// The core has answered the command.
    pub fn decided(&mut self, events: &[Event]) -> io::Result<()> {
        self.line.extend_from_slice(b",\"events\":[");
        for (index, event) in events.iter().enumerate() {
            if index > 0 {
                self.line.push(b',');
            }
            json(&mut self.line, event)?;
            self.events += 1;
        }
        self.line.extend_from_slice(b"]}\n");
        if self.line.len() >= FLUSH_AT {
            self.sink.write_all(&self.line)?;
            self.line.clear();
        }
        Ok(())
    }

    /// The run is over, and the core is as it is.
    pub fn finish(mut self, core: &Allocator) -> io::Result<()> {
        let end = End {
            commands: self.commands,
            events: self.events,
            state_hash: blake3::Hash::from(core.state_hash()).to_hex().to_string(),
        };
        json(&mut self.line, &EndLine { end })?;
        self.line.push(b'\n');
        self.sink.write_all(&self.line)?;
        self.sink.flush()
    }
}

fn json(line: &mut Vec<u8>, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(line, value).map_err(io::Error::other)
}
