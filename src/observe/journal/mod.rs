//! The journal of a core: every command that it was given, with what it decided, one line of JSON each.
//!
//! Promises that a fresh core which is given the commands of a journal decides the same again, and that decisions are
//! written so completely that two equal texts mean two equal decisions. Leaves comparing to [`crate::experiment`].
//!
//! The form:
//!
//! ```text
//! {"journal":3,"program":"0.1.0","scenario":"quickstart","scenario_hash":"..","seed":1,"replication":0,"allocator":{..}}
//! {"seq":1,"now":0,"command":{"register_device":{..}},"decisions":["device_registered 0 ibm_fez ..", ..]}
//! {"seq":2,"now":1500000000,"command":{"submit":{"id":0,"min_qubits":5,..}},"decisions":["job_queued 0 .."]}
//! {"seq":3,"now":1500000000,"command":"wake","decisions":["job_started 0 ..", ..]}
//! {"end":{"commands":3,"decisions":4,"state_hash":".."}}
//! ```
//!
//! `now` counts nanoseconds. The first line holds all that is needed to build the core: its configuration and the key
//! of its random choices. A journal without the last line was cut off.

mod command;
mod decision;
mod reader;
mod writer;

use serde::{Deserialize, Serialize};

use crate::allocator::Allocator;
use crate::allocator::config::{AllocatorConfig, ConfigError};
use crate::allocator::protocol::Command;
use crate::random::{Purpose, StreamFamily};
use crate::time::Time;

pub use decision::describe;
pub use reader::{JournalError, Reader};
pub use writer::Writer;

/// Rises with every change of the form that older programs cannot read.
pub const VERSION: u32 = 3;

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
    /// What the core answered, as [`describe`] puts it.
    pub decisions: Vec<String>,
}

/// How a journal ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// Number of commands.
    pub commands: u64,
    /// Number of decisions.
    pub decisions: u64,
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
