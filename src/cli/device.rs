//! `rmsim device`.

use std::path::{Path, PathBuf};

use crate::experiment::writing;
use crate::quantum::catalogue;
use crate::quantum::import::qiskit;
use crate::report::{device_picture, device_table};

use super::args::{DeviceArgs, DeviceCommand, ImportFormat};
use super::console::{Console, print};
use super::failure::Failure;
use super::output::{self, Kind};

/// Warnings of an import that are shown without `--verbose`.
const WARNINGS_SHOWN: usize = 20;

pub fn device(args: &DeviceArgs, console: &Console) -> Result<(), Failure> {
    match &args.command {
        DeviceCommand::List => list(),
        DeviceCommand::Show { device, picture, no_picture } => {
            show(device, picture.as_deref(), *no_picture, console)
        }
        DeviceCommand::Import { format: ImportFormat::Qiskit { conf, props, output, source, force } } => {
            let imported = qiskit::import_files(conf, props, source).map_err(Failure::input)?;
            // All of them with -v; a device of a thousand dead elements must not hide its first warnings.
            for (number, warning) in imported.warnings.iter().enumerate() {
                match number < WARNINGS_SHOWN {
                    true => console.warning(format!("{warning}")),
                    false => console.detail(format!("{warning}")),
                }
            }
            if output.exists() && !force {
                let path = output.display();
                return Err(Failure::input(format!("{path} exists; hint: overwrite it with --force")));
            }
            let device = &imported.device;
            // Over whatever is there: --force was asked for.
            writing::replace(output, device.to_yaml().as_bytes())
                .map_err(|error| output::unwritten(output, &error))?;
            console.note(format!(
                "{}: {} qubits, {} couplers, {} value(s) corrected, assumed or left out{}",
                device.name,
                device.coupling_map.qubits(),
                device.coupling_map.pairs(),
                imported.warnings.len(),
                if imported.warnings.len() > WARNINGS_SHOWN { " (all with -v)" } else { "" },
            ));
            print(|out| writeln!(out, "{}", output.display()))
        }
    }
}

fn list() -> Result<(), Failure> {
    let mut devices = Vec::new();
    for name in catalogue::names() {
        devices.push(catalogue::load(name).map_err(Failure::failed)?);
    }
    print(|out| write!(out, "{}", device_table::list(&devices)))
}

fn show(reference: &str, picture: Option<&Path>, no_picture: bool, console: &Console) -> Result<(), Failure> {
    let device = catalogue::resolve(reference, Path::new("")).map_err(Failure::input)?;
    print(|out| write!(out, "{}", device_table::show(&device)))?;
    if no_picture {
        return Ok(());
    }
    let base = picture.map_or_else(|| PathBuf::from(&device.name), |path| path.with_extension(""));
    let svg = device_picture::svg(&device, &[]).map_err(Failure::failed)?;
    // The name may hold dots, which `with_extension` would cut.
    let file = |ending: &str| PathBuf::from(format!("{}.{ending}", base.display()));
    let png = device_picture::png(&device, &[]).map_err(Failure::failed)?;
    // Both or none.
    output::free(&file("svg"), Kind::Svg, "picture")?;
    output::write(&file("png"), &png, Kind::Png, "picture")?;
    output::write(&file("svg"), svg.as_bytes(), Kind::Svg, "picture")?;
    console.note(format!("picture in {} and {}", file("svg").display(), file("png").display()));
    Ok(())
}
