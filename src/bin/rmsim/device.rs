//! `rmsim device`.

use std::path::{Path, PathBuf};

use resource_manager::experiment::writing;
use resource_manager::quantum::catalogue;
use resource_manager::quantum::import::qiskit;
use resource_manager::report::{device_picture, device_table};

use crate::args::{DeviceArgs, DeviceCommand, ImportFormat};
use crate::console::{Console, print};
use crate::failure::Failure;

pub fn device(args: &DeviceArgs, console: &Console) -> Result<(), Failure> {
    match &args.command {
        DeviceCommand::List => list(),
        DeviceCommand::Show { device, picture, no_picture } => {
            show(device, picture.as_deref(), *no_picture, console)
        }
        DeviceCommand::Import { format: ImportFormat::Qiskit { conf, props, output, source, force } } => {
            let imported = qiskit::import_files(conf, props, source).map_err(Failure::input)?;
            for warning in &imported.warnings {
                console.detail(format!("{warning}"));
            }
            if output.exists() && !force {
                let path = output.display();
                return Err(Failure::input(format!("{path} exists; hint: overwrite it with --force")));
            }
            let device = &imported.device;
            write(output, device.to_yaml().as_bytes())?;
            console.note(format!(
                "{}: {} qubits, {} couplers, {} value(s) corrected or left out (see -v)",
                device.name,
                device.coupling_map.qubits(),
                device.coupling_map.couplers().len(),
                imported.warnings.len(),
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
    write(&file("svg"), svg.as_bytes())?;
    device_picture::write_png(&device, &[], &file("png")).map_err(Failure::failed)?;
    console.note(format!("picture in {} and {}", file("svg").display(), file("png").display()));
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    writing::replace(path, bytes)
        .map_err(|error| Failure::failed(format!("cannot write {}: {error}", path.display())))
}
