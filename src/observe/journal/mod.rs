//! The journal of a core: every command that it was given, with what it decided, one line of JSON each.
//!
//! Promises that a fresh core which is given the commands of a journal decides the same again, and that a state to which
//! its events are applied is the state of the core that wrote it. Leaves comparing to [`crate::experiment`].
//!
//! The form:
//!
//! ```text
//! {"journal":5,"program":"0.1.0","scenario":"quickstart","scenario_hash":"..","seed":1,"replication":0,"allocator":{..}}
//! {"seq":1,"now":0,"command":{"register_device":{..}},"events":[{"device_registered":{..}}]}
//! {"seq":2,"now":1500000000,"command":{"submit":{"id":0,"min_qubits":5,..}},"events":[{"job_queued":{..}}]}
//! {"seq":3,"now":1500000000,"command":"wake","events":[{"job_started":{..}}, ..]}
//! {"end":{"commands":3,"events":4,"state_hash":".."}}
//! ```
//!
//! `now` counts nanoseconds. The first line holds all that is needed to build the core: its configuration and the key
//! of its random choices. Commands and events have the form of [`crate::allocator::protocol::wire`]. A journal without
//! the last line was cut off.

mod decision;
mod reader;
mod writer;

use serde::{Deserialize, Serialize};

use crate::allocator::Allocator;
use crate::allocator::config::{AllocatorConfig, ConfigError};
use crate::allocator::protocol::{Command, Event};
use crate::allocator::state::State;
use crate::random::{Purpose, StreamFamily};
use crate::time::Time;

pub use decision::describe;
pub use reader::{JournalError, Reader};
pub use writer::Writer;

/// Rises with every change of the form that older programs cannot read.
pub const VERSION: u32 = 12;

/// What a journal is of: all that is needed to build the core again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Version of the form, [`VERSION`].
    pub journal: u32,
    /// Version of the program that wrote it.
    pub program: String,
    /// Name of the scenario.
    pub scenario: String,
    /// Hash of the scenario, for people: replaying does not need the scenario.
    pub scenario_hash: String,
    /// Root of all randomness.
    pub seed: u64,
    /// Which repetition.
    pub replication: u32,
    /// How the core decides.
    pub allocator: AllocatorConfig,
}

impl Header {
    /// A core as it was when the journal began.
    pub fn core(&self) -> Result<Allocator, ConfigError> {
        self.core_with(self.allocator.clone())
    }

    /// The state of the core when the journal began, to which its events can be applied.
    pub fn state(&self) -> State {
        State::new(self.allocator.clone())
    }

    /// The same core under another configuration.
    pub fn core_with(&self, config: AllocatorConfig) -> Result<Allocator, ConfigError> {
        Allocator::new(config, StreamFamily::new(self.seed, self.replication, Purpose::DeviceSelection))
    }
}

/// One command with what was decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Line in the file, from 1.
    pub line: u64,
    /// When the command was given.
    pub now: Time,
    /// The command.
    pub command: Command,
    /// What the core decided.
    pub events: Vec<Event>,
}

/// How a journal ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// Number of commands.
    pub commands: u64,
    /// Number of events.
    pub events: u64,
    /// Hash of the state of the core after the last command, in hex.
    pub state_hash: String,
}

/// The last line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EndLine {
    end: End,
}

#[cfg(test)]
mod tests;
