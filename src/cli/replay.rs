//! `rmsim replay`.

use std::io::BufReader;

use crate::experiment::replay::{ReplayFailure, Verdict, verify, what_if};
use crate::experiment::version::VERSION;
use crate::input_file;
use crate::observe::journal::{JournalError, Reader};
use crate::report::replay_table;
use crate::simulator::scenario::allocator_with_sets;

use super::args::ReplayArgs;
use super::console::print;
use super::failure::Failure;
use super::input;

pub fn replay(args: &ReplayArgs) -> Result<(), Failure> {
    let shown = args.journal.display().to_string();
    let damaged =
        |error: &JournalError| Failure::input(format!("{shown}:{}: {}", error.line(), error.message()));
    let failed = |error: ReplayFailure| match error {
        ReplayFailure::Journal(error) => damaged(&error),
        ReplayFailure::Config(_) | ReplayFailure::Weights(_) => Failure::input(format!("{shown}: {error}")),
        ReplayFailure::Differs(_) => Failure::failed(format!("{shown}: {error}")),
    };
    let sets = input::parse_sets(&args.set)?;
    let file = input_file::open(&args.journal).map_err(|error| {
        Failure::input(format!(
            "cannot read the journal {shown}: {error}; hint: `rmsim run --journal FILE` writes one"
        ))
    })?;
    let mut reader = Reader::new(BufReader::with_capacity(1 << 18, file)).map_err(|error| damaged(&error))?;
    let program = reader.header().program.clone();
    if !sets.is_empty() {
        let config = allocator_with_sets(&reader.header().allocator, &sets, &shown)?;
        let changes = what_if(&mut reader, config).map_err(failed)?;
        return print(|out| match args.json {
            true => writeln!(out, "{:#}", replay_table::json(&changes)),
            false => write!(out, "{}", replay_table::text(&changes)),
        });
    }
    match verify(&mut reader).map_err(failed)? {
        Verdict::Identical { commands, decisions } => print(|out| match args.json {
            true => writeln!(out, "{:#}", replay_table::identical_json(commands, decisions)),
            false => writeln!(out, "identical: {commands} commands, {decisions} decisions"),
        }),
        Verdict::Differs(difference) => {
            if args.json {
                print(|out| writeln!(out, "{:#}", replay_table::difference_json(&difference)))?;
            }
            let note = match program == VERSION {
                true => String::new(),
                false => format!("\n  the journal was written by version {program}, this is {VERSION}"),
            };
            Err(Failure::failed(format!("{shown}: {difference}{note}")))
        }
    }
}
