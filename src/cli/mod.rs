//! The whole command line of `rmsim`, for programs that bring policies of their own.
//!
//! ```no_run
//! use resource_manager::cli::CommandLine;
//! use resource_manager::allocator::placement::first_fit::FirstFit;
//!
//! fn main() -> std::process::ExitCode {
//!     // `allocator.strategy: mine`, in scenario files and in `--vary allocator.strategy=first_fit,mine`.
//!     CommandLine::new().strategy("mine", || Box::<FirstFit>::default()).main()
//! }
//! ```
//!
//! Results go to stdout, everything else to stderr. Exit codes: 0 done, 1 failed, 2 wrong usage or invalid input,
//! 99 a check or an expected value that was missed, 130 interrupted.

mod args;
mod check;
mod circuit;
mod compare;
mod console;
mod device;
mod explain;
mod failure;
mod input;
mod output;
mod place;
mod replay;
mod report;
mod run;
mod sweep;
mod validate;
mod workload;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::allocator::candidates::selector::DeviceSelector;
use crate::allocator::order::{self, JobOrder};
use crate::allocator::own::OwnNameError;
use crate::allocator::placement::PlacementStrategy;
use crate::allocator::{candidates, placement};
use args::{Cli, Command};
use console::Console;
use failure::Failure;

/// The command line, with what it knows beyond what is shipped.
#[derive(Debug, Default)]
pub struct CommandLine {
    wrong: Option<OwnNameError>,
}

impl CommandLine {
    /// That of `rmsim`.
    pub fn new() -> Self {
        Self::default()
    }

    /// Knows a placement strategy under a name of its own, see [`own`](placement::own::register).
    #[must_use]
    pub fn strategy(
        mut self,
        name: &str,
        make: impl Fn() -> Box<dyn PlacementStrategy> + Send + Sync + 'static,
    ) -> Self {
        self.note(placement::own::register(name, make).err());
        self
    }

    /// Knows a device selector under a name of its own, see [`own`](candidates::own::register).
    #[must_use]
    pub fn selector(
        mut self,
        name: &str,
        make: impl Fn() -> Box<dyn DeviceSelector> + Send + Sync + 'static,
    ) -> Self {
        self.note(candidates::own::register(name, make).err());
        self
    }

    /// Knows an order of waiting jobs under a name of its own, see [`own`](order::own::register).
    #[must_use]
    pub fn order(mut self, name: &str, make: impl Fn() -> Box<dyn JobOrder> + Send + Sync + 'static) -> Self {
        self.note(order::own::register(name, make).err());
        self
    }

    /// Keeps the first error, which ends the program before it reads its arguments.
    fn note(&mut self, error: Option<OwnNameError>) {
        self.wrong = self.wrong.take().or(error);
    }

    /// Does what the arguments of the program say.
    pub fn main(self) -> ExitCode {
        match self.wrong {
            None => run_command(),
            Some(error) => {
                eprintln!("error: {error}");
                ExitCode::from(2)
            }
        }
    }
}

fn run_command() -> ExitCode {
    let cli = Cli::parse();
    let console = Console::new(&cli.global);
    console::exit_on_interrupt();
    let done = match cli.command {
        Command::Run(args) => run::run(&args, &console),
        Command::Compare(args) => compare::compare(&args, &console),
        Command::Check(args) => check::check(&args, &console),
        Command::Sweep(args) => sweep::sweep(&args, &console),
        Command::Merge(args) => sweep::merge_folders(&args, &console),
        Command::Report(args) => report::report(&args, &console),
        Command::Replay(args) => replay::replay(&args),
        Command::Explain(args) => explain::explain(&args, &console),
        Command::Workload(args) => workload::workload(&args, &console),
        Command::Validate(args) => validate::validate(&args, &console),
        Command::Schema(args) => validate::schema(&args, &console),
        Command::Device(args) => device::device(&args, &console),
        Command::Place(args) => place::place(&args, &console),
        Command::Circuit(args) => circuit::circuit(&args),
        Command::Completions { shell } => completions(shell),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            console.error(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}

fn completions(shell: clap_complete::Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "rmsim", &mut script);
    console::print(|out| out.write_all(&script))
}
