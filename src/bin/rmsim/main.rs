//! `rmsim`: simulates fleets of quantum devices from scenario files and compares ways to manage them.
//!
//! Results go to stdout, everything else to stderr. Exit codes: 0 done, 1 failed, 2 wrong usage or invalid input,
//! 99 a check or an expected value that was missed, 130 interrupted.

mod args;
mod check;
mod circuit;
mod compare;
mod console;
mod device;
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

use args::{Cli, Command};
use console::Console;
use failure::Failure;

fn main() -> ExitCode {
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
