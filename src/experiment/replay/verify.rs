//! Gives a core the commands of a journal and compares what it decides.
//!
//! Promises the first decision that differs. Leaves other configurations to [`super::what_if`].

use std::fmt;
use std::io::BufRead;

use crate::allocator::Allocator;
use crate::allocator::config::ConfigError;
use crate::allocator::protocol::{Command, Event, Target};
use crate::observe::journal::{Entry, JournalError, Reader, describe};
use crate::time::Time;

/// What a comparison found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Every decision is the same.
    Identical {
        /// Number of commands.
        commands: u64,
        /// Number of decisions.
        decisions: u64,
    },
    /// They differ.
    Differs(Box<Difference>),
}

/// The first decision that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Line of the journal, from 1.
    pub line: u64,
    /// When the command was given.
    pub now: Time,
    /// The command, in short.
    pub command: String,
    /// Number of the decision within the command, from 1.
    pub decision: usize,
    /// What the journal says; `None` where it says nothing more.
    pub recorded: Option<String>,
    /// What the core decided now; `None` where it decided nothing more.
    pub replayed: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |text: &Option<String>| text.clone().unwrap_or_else(|| "nothing".to_owned());
        writeln!(
            f,
            "line {}: decision {} of `{}` at {} s differs",
            self.line,
            self.decision,
            self.command,
            self.now.as_secs_f64()
        )?;
        writeln!(f, "  recorded: {}", side(&self.recorded))?;
        write!(f, "  replayed: {}", side(&self.replayed))
    }
}

/// Why a journal could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum ReplayFailure {
    /// It is damaged.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Its configuration, or the one asked for, is not valid.
    #[error("allocator: {0}")]
    Config(#[from] ConfigError),
    /// The configuration asked for gives weights to devices that are none.
    #[error("allocator.{0}")]
    Weights(String),
    /// It does not replay under its own configuration, so that nothing can be learned from it.
    #[error("the journal does not replay under its own configuration: {0}")]
    Differs(Box<Difference>),
}

/// Compares decision by decision.
pub fn verify<R: BufRead>(reader: &mut Reader<R>) -> Result<Verdict, ReplayFailure> {
    let mut replayed = Redriven::new(reader.header().core()?);
    while let Some(entry) = reader.next_entry()? {
        if let Err(difference) = replayed.step(&entry) {
            return Ok(Verdict::Differs(difference));
        }
    }
    Ok(match replayed.check_end(reader) {
        Some(difference) => Verdict::Differs(difference),
        None => Verdict::Identical { commands: replayed.commands, decisions: replayed.decisions },
    })
}

/// A core that is given recorded commands.
pub(super) struct Redriven {
    pub(super) core: Allocator,
    pub(super) events: Vec<Event>,
    commands: u64,
    decisions: u64,
}

impl Redriven {
    pub(super) fn new(core: Allocator) -> Self {
        Self { core, events: Vec::new(), commands: 0, decisions: 0 }
    }

    /// Gives one command; what it decided is in `events` afterwards.
    pub(super) fn step(&mut self, entry: &Entry) -> Result<(), Box<Difference>> {
        self.events.clear();
        self.commands += 1;
        let handled = self.core.handle(entry.now, entry.command.clone(), &mut self.events);
        let differs = |decision, recorded: Option<&Event>, replayed: Option<String>| {
            Box::new(Difference {
                line: entry.line,
                now: entry.now,
                command: short(&entry.command),
                decision,
                recorded: recorded.map(text),
                replayed,
            })
        };
        if let Err(error) = handled {
            return Err(differs(1, entry.events.first(), Some(format!("refused: {error}"))));
        }
        for (index, event) in self.events.iter().enumerate() {
            let recorded = entry.events.get(index);
            if recorded != Some(event) {
                return Err(differs(index + 1, recorded, Some(text(event))));
            }
        }
        self.decisions += self.events.len() as u64;
        match entry.events.get(self.events.len()) {
            Some(more) => Err(differs(self.events.len() + 1, Some(more), None)),
            None => Ok(()),
        }
    }

    /// Whether the state at the end is another one, after the same decisions.
    pub(super) fn check_end<R: BufRead>(&self, reader: &Reader<R>) -> Option<Box<Difference>> {
        let recorded = &reader.end()?.state_hash;
        let replayed = blake3::Hash::from(self.core.state_hash()).to_hex().to_string();
        (*recorded != replayed).then(|| {
            Box::new(Difference {
                line: reader.line(),
                now: Time::ZERO,
                command: "end".to_owned(),
                decision: 1,
                recorded: Some(format!("state {recorded}")),
                replayed: Some(format!("state {replayed}")),
            })
        })
    }
}

fn text(event: &Event) -> String {
    let mut text = String::new();
    describe(event, &mut text);
    text
}

/// A command in a few words.
fn short(command: &Command) -> String {
    match command {
        Command::RegisterDevice { device, spec } => format!("register device {} {}", device.0, spec.name),
        Command::RemoveDevice { device } => format!("remove device {}", device.0),
        Command::Recalibrate { device, .. } => format!("recalibrate device {}", device.0),
        Command::SetStatus { target, status, .. } => match target {
            Target::Device(device) => format!("device {} is {status:?}", device.0),
            Target::Qubit(device, qubit) => format!("qubit {} of device {} is {status:?}", qubit.0, device.0),
            Target::Coupler(device, coupler) => {
                format!("coupler {} of device {} is {status:?}", coupler.0, device.0)
            }
        },
        Command::Submit(request) => format!("submit job {}", request.id.0),
        Command::SubmitArray { first, count } => {
            format!("submit an array of {count} jobs, the first {}", first.id.0)
        }
        Command::Cancel { job } => format!("cancel job {}", job.0),
        Command::Hold { job } => format!("hold job {}", job.0),
        Command::ReleaseHold { job } => format!("release job {}", job.0),
        Command::Finished { allocation, outcome, .. } => {
            format!("allocation {} ended: {outcome:?}", allocation.0)
        }
        Command::Progress { allocation, .. } => format!("progress of allocation {}", allocation.0),
        Command::StopAcknowledged { allocation, .. } => format!("allocation {} stopped", allocation.0),
        Command::Reconfigure(_) => "reconfigure".to_owned(),
        Command::Wake => "wake".to_owned(),
    }
}
