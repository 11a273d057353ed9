//! `rmsim validate` and `rmsim schema`.

use crate::experiment::notes;
use crate::experiment::sweep::file;
use crate::quantum::device_file;
use crate::report::table::number;
use crate::simulator::scenario::{Horizon, schema_text};

use super::args::{SchemaArgs, SchemaKind, ValidateArgs};
use super::console::{Console, print};
use super::failure::Failure;
use super::{input, run, sweep};

pub fn validate(args: &ValidateArgs, console: &Console) -> Result<(), Failure> {
    if let Some(path) = args.scenario.as_deref().filter(|path| file::is_plan(path)) {
        if !args.set.is_empty() {
            return Err(Failure::input("--set changes scenarios, not plans; hint: the plan has a key `set`"));
        }
        return sweep::validate(path, args.resolved);
    }
    let scenario = input::load(args.scenario.as_deref(), &input::parse_sets(&args.set)?)?;
    console.detail(format!("scenario hash {}", blake3::Hash::from(scenario.digest()).to_hex()));
    print(|out| {
        if args.resolved {
            return writeln!(out, "{:#}", scenario.resolved);
        }
        let qubits: usize = scenario.fleet.iter().map(|device| device.spec.coupling_map.qubits()).sum();
        let horizon = match scenario.horizon {
            Horizon::Jobs(jobs) => format!("{} jobs", number(Some(jobs as f64))),
            Horizon::Time(span) => span.to_string(),
        };
        writeln!(
            out,
            "{}: valid (devices: {}, qubits: {qubits}, horizon: {horizon}, seed: {}, replications: {})",
            scenario.name,
            scenario.fleet.len(),
            scenario.seed,
            scenario.replications,
        )?;
        notes::of_lengths(&scenario).iter().try_for_each(|text| writeln!(out, "{text}"))
    })?;
    run::say(&notes::before_run(&scenario), console);
    Ok(())
}

pub fn schema(args: &SchemaArgs, _console: &Console) -> Result<(), Failure> {
    print(|out| match args.kind {
        SchemaKind::Scenario => write!(out, "{}", schema_text()),
        SchemaKind::Plan => write!(out, "{}", file::schema_text()),
        SchemaKind::Device => writeln!(out, "{:#}", device_file::json_schema()),
    })
}
