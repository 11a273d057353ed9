//! `rmsim circuit`.

use std::path::Path;

use crate::quantum::generators;
use crate::report::circuit_table;

use super::args::{CircuitArgs, CircuitCommand};
use super::console::print;
use super::failure::Failure;

pub fn circuit(args: &CircuitArgs) -> Result<(), Failure> {
    match &args.command {
        CircuitCommand::List => print(|out| write!(out, "{}", circuit_table::list())),
        CircuitCommand::Show { circuit, qasm: true, .. } => {
            if generators::is_path(circuit) {
                let message = format!("{circuit} is a file; hint: --qasm prints generated circuits");
                return Err(Failure::input(message));
            }
            let program = generators::generate(circuit).map_err(Failure::input)?;
            print(|out| write!(out, "{}", program.to_qasm(circuit)))
        }
        CircuitCommand::Show { circuit, json, .. } => {
            let profile = generators::resolve(circuit, Path::new("")).map_err(Failure::input)?;
            match json {
                true => print(|out| writeln!(out, "{}", circuit_table::json(circuit, &profile))),
                false => print(|out| write!(out, "{}", circuit_table::show(circuit, &profile))),
            }
        }
    }
}
