//! `rmsim`: simulates fleets of quantum devices from scenario files and compares ways to manage them.

use std::process::ExitCode;

fn main() -> ExitCode {
    resource_manager::cli::CommandLine::new().main()
}
