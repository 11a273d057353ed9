//! `rmsim workload`.

use std::io::{BufWriter, Read};
use std::path::Path;

use crate::config_file::SetOverride;
use crate::experiment::writing;
use crate::report::workload_table;
use crate::simulator::scenario::file::replay::{LostShapes, OfPath, SwfFile};
use crate::simulator::scenario::replay::{
    ExportError, Surroundings, SwfHeader, Taken, TraceSettings, export, is_trace, read_csv, read_swf,
    read_trace, with_file,
};
use crate::simulator::workload::census::Census;

use super::args::{WorkloadArgs, WorkloadCommand, WorkloadFormat};
use super::console::{Console, print};
use super::failure::Failure;
use super::input;

pub fn workload(args: &WorkloadArgs, console: &Console) -> Result<(), Failure> {
    match &args.command {
        WorkloadCommand::Export { scenario, out, replication, seed, set, force } => {
            let mut sets = input::parse_sets(set)?;
            if let Some(seed) = seed {
                sets.push(SetOverride::new("seed", seed.to_string())?.written_as("--seed"));
            }
            if scenario.as_ref().is_some_and(|input| writing::is_same_file(input, out)) {
                return Err(Failure::input(format!(
                    "--out {} is the scenario itself; hint: choose another file",
                    out.display()
                )));
            }
            let scenario = input::load(scenario.as_deref(), &sets)?;
            if out.is_file() && !force {
                return Err(Failure::input(format!(
                    "{} exists; hint: overwrite it with --force",
                    out.display()
                )));
            }
            // Half a table is worse than none, and worse than the one that was there.
            let jobs = writing::replace_by(out, |file| export(&scenario, *replication, BufWriter::new(file)))
                .map_err(|error| match error {
                    ExportError::Write(_) => {
                        Failure::failed(format!("cannot write {}: {error}", out.display()))
                    }
                    ExportError::Runtime(_) | ExportError::Circuit(_) => Failure::input(&error),
                })?;
            console.note(format!(
                "{jobs} jobs in {}; replay them with `workload: {{csv: FILE}}`",
                out.display()
            ));
            Ok(())
        }
        WorkloadCommand::Show { file, format, json } => {
            let (census, header) = census(file, *format)?;
            print(|out| match json {
                true => writeln!(out, "{:#}", workload_table::json(&census, &header)),
                false => write!(out, "{}", workload_table::text(&census, &header)),
            })
        }
        WorkloadCommand::Columns => print(|out| write!(out, "{}", workload_table::columns())),
    }
}

fn census(file: &Path, format: Option<WorkloadFormat>) -> Result<(Census, SwfHeader), Failure> {
    let format = match format {
        Some(format) => format,
        None => guess(file)?,
    };
    let base_dir = file.parent().unwrap_or(Path::new(""));
    let read = match format {
        WorkloadFormat::Swf => {
            with_file(file, |input| read_swf(input, &SwfFile::of_path(file.display().to_string())))
        }
        WorkloadFormat::Csv => with_file(file, |input| {
            read_csv(input, Taken::ALL, Surroundings { names: None, base_dir })
                .map(|replay| (replay, SwfHeader::default()))
        }),
        WorkloadFormat::Trace => with_file(file, |input| {
            // Whether a job without a time of its own can run depends on the run-time model, which a file does not have.
            let settings = TraceSettings { replication: 0, lost_shapes: LostShapes::Any, own_times: false };
            read_trace(input, Taken::ALL, settings).map(|replay| (replay, SwfHeader::default()))
        }),
    };
    let (replay, header) = read.map_err(Failure::input)?;
    Ok((Census::of(&replay), header))
}

/// What kind of file it is: traces end in `.swf`, or `.swf.gz`; tables name their columns.
fn guess(file: &Path) -> Result<WorkloadFormat, Failure> {
    let name = file.to_string_lossy().to_lowercase();
    if name.ends_with(".swf") || name.ends_with(".swf.gz") {
        return Ok(WorkloadFormat::Swf);
    }
    let start = with_file(file, |input| {
        let mut start = Vec::new();
        // What cannot be read here is named when the whole file is.
        let _ = input.take(256).read_to_end(&mut start);
        Ok(start)
    });
    let start = start.map_err(Failure::input)?;
    let start = String::from_utf8_lossy(&start);
    match is_trace(start.lines().next().unwrap_or_default()) {
        true => Ok(WorkloadFormat::Trace),
        false => Ok(WorkloadFormat::Csv),
    }
}
