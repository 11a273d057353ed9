//! From fleet entries to devices: names resolved, synthetic ones made, overrides applied.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use super::problem::{Problem, SHORTEST, too_short};
use crate::config_file::shown::crop;
use crate::label;
use crate::quantum::DeviceId;
use crate::quantum::calibration::{Calibration, CouplerCalibration, DEAD_ERROR, QubitCalibration};
use crate::quantum::catalogue::{self, CatalogueError};
use crate::quantum::coupling_map::CouplingMap;
use crate::quantum::device::{DeviceLimits, DeviceSpec, Granularity, Technology};
use crate::quantum::device_file::typical_speed;
use crate::quantum::lattice;
use crate::quantum::synthetic::{Averages, LogSpread, resample};
use crate::random::{Purpose, StreamFamily};
use crate::simulator::scenario::FleetDevice;
use crate::simulator::scenario::file::fleet::{AveragesFile, FleetEntry, LatticeFile, NoiseFile};
use crate::time::Time;

/// Most devices, qubits of one device, and qubits of the whole fleet: guards against a mistyped number.
const MAX_DEVICES: u64 = 100_000;
const MAX_QUBITS: u64 = 100_000;
const MAX_FLEET_QUBITS: u64 = 20_000_000;

/// Devices already read, so that a device used many times is read once and shares its figures.
type Loaded = BTreeMap<String, Arc<DeviceSpec>>;

pub(super) fn fleet(entries: &[FleetEntry], base_dir: &Path) -> Result<Vec<FleetDevice>, Problem> {
    if entries.is_empty() {
        return Err(Problem::new("fleet", "the fleet is empty; hint: add a device, as in - device: ibm_fez"));
    }
    let mut loaded = Loaded::new();
    let mut names = BTreeSet::new();
    let mut fleet: Vec<FleetDevice> = Vec::new();
    let mut qubits = 0_u64;
    for (index, entry) in entries.iter().enumerate() {
        let at = |key: &str| format!("fleet.{index}.{key}");
        if entry.count == 0 {
            return Err(Problem::new(at("count"), "count is 0; hint: at least 1"));
        }
        if fleet.len() as u64 + u64::from(entry.count) > MAX_DEVICES {
            return Err(Problem::new(at("count"), format!("the fleet has more than {MAX_DEVICES} devices")));
        }
        if entry.leaves.is_some_and(|leaves| leaves <= entry.joins) {
            return Err(Problem::new(at("leaves"), "the device leaves before it joins"));
        }
        let models = models(entry, index, base_dir, &mut loaded)?;
        for (number, model) in models.into_iter().enumerate() {
            qubits += model.coupling_map.qubits() as u64;
            if qubits > MAX_FLEET_QUBITS {
                return Err(Problem::new(
                    at("count"),
                    format!("the fleet has more than {MAX_FLEET_QUBITS} qubits"),
                ));
            }
            let base = entry.name.as_deref().unwrap_or(&model.name);
            let name = match entry.count {
                1 => base.to_owned(),
                _ => format!("{base}-{}", number + 1),
            };
            label::check_device(&name).map_err(|error| {
                let message = format!("`{}` is no name for a device: {error}", crop(&name));
                Problem::new(at("name"), message)
            })?;
            if !names.insert(name.clone()) {
                let key = if entry.name.is_some() { at("name") } else { format!("fleet.{index}") };
                return Err(Problem::new(key, format!("two devices are called `{name}`"))
                    .hint("give one a `name`, or write them as one entry with `count`"));
            }
            let mut spec = DeviceSpec { name, ..DeviceSpec::clone(&model) };
            overrides(&mut spec, entry, index)?;
            if let Some(interval) = spec.limits.calibration_interval.filter(|interval| *interval < SHORTEST) {
                let own = entry.limits.as_ref().is_some_and(|limits| limits.calibration_interval.is_some());
                let key = if own { "limits.calibration_interval" } else { "device" };
                return Err(too_short(&at(key), "the time between calibrations", interval));
            }
            fleet.push(FleetDevice {
                id: DeviceId(fleet.len() as u32),
                spec: Arc::new(spec),
                joins: Time::ZERO + entry.joins,
                leaves: entry.leaves.map(|leaves| Time::ZERO + leaves),
            });
        }
    }
    Ok(fleet)
}

/// The devices of one entry, before names and overrides.
fn models(
    entry: &FleetEntry,
    index: usize,
    base_dir: &Path,
    loaded: &mut Loaded,
) -> Result<Vec<Arc<DeviceSpec>>, Problem> {
    let at = |key: &str| format!("fleet.{index}.{key}");
    match (&entry.device, &entry.synthetic) {
        (Some(_), Some(_)) => Err(Problem::new(
            at("synthetic"),
            "`device` and `synthetic` exclude each other; hint: keep one of them",
        )),
        (None, None) => Err(Problem::new(format!("fleet.{index}"), "an entry of the fleet without a device")
            .hint("add `device: ibm_fez`, or `synthetic: {grid: {rows: 4, columns: 4}}`")),
        (Some(reference), None) => {
            let synthetic_only = [
                ("noise", entry.noise.is_some()),
                ("noise_seed", entry.noise_seed.is_some()),
                ("technology", entry.technology.is_some()),
            ];
            if let Some((key, _)) = synthetic_only.into_iter().find(|(_, given)| *given) {
                return Err(Problem::new(at(key), format!("`{key}` is for synthetic devices only")));
            }
            let model =
                load(reference, base_dir, loaded).map_err(|message| Problem::new(at("device"), message))?;
            Ok(vec![model; entry.count as usize])
        }
        (None, Some(lattice)) => synthetic(entry, lattice, index, base_dir, loaded),
    }
}

fn load(reference: &str, base_dir: &Path, loaded: &mut Loaded) -> Result<Arc<DeviceSpec>, String> {
    if let Some(known) = loaded.get(reference) {
        return Ok(Arc::clone(known));
    }
    let spec = catalogue::resolve(reference, base_dir).map_err(|error| match error {
        CatalogueError::Unknown { .. } => error.to_string(),
        // Its own snippet would stand in the middle of ours.
        CatalogueError::File(error) => error.to_string().lines().next().unwrap_or_default().to_owned(),
    })?;
    let spec = Arc::new(spec);
    loaded.insert(reference.to_owned(), Arc::clone(&spec));
    Ok(spec)
}

fn synthetic(
    entry: &FleetEntry,
    lattice: &LatticeFile,
    index: usize,
    base_dir: &Path,
    loaded: &mut Loaded,
) -> Result<Vec<Arc<DeviceSpec>>, Problem> {
    let at = |key: &str| format!("fleet.{index}.{key}");
    let map = coupling_map(lattice).map_err(|message| Problem::new(at("synthetic"), message))?;
    let map = Arc::new(map);
    let streams = StreamFamily::new(entry.noise_seed.unwrap_or(1), 0, Purpose::SyntheticDevice);
    let technology = entry.technology.unwrap_or(Technology::Superconducting);
    let plain = |calibration: Calibration, source: &str| DeviceSpec {
        name: "synthetic".to_owned(),
        vendor: "synthetic".to_owned(),
        technology,
        granularity: Granularity::Synthetic,
        source: source.to_owned(),
        calibrated_at: None,
        native_gates: Vec::new(),
        coupling_map: Arc::clone(&map),
        calibration: Arc::new(calibration),
        speed: typical_speed(technology),
        limits: DeviceLimits::default(),
        price: None,
    };
    let default = NoiseFile::Averages(AveragesFile::default());
    let each =
        |make: &dyn Fn(u32) -> DeviceSpec| (0..entry.count).map(|number| Arc::new(make(number))).collect();
    match entry.noise.as_ref().unwrap_or(&default) {
        NoiseFile::Ideal => {
            let device = Arc::new(plain(ideal().uniform(&map), "synthetic: ideal"));
            Ok(vec![device; entry.count as usize])
        }
        NoiseFile::Averages(averages) => {
            let figures = checked(averages)
                .map_err(|(key, message)| Problem::new(at(&format!("noise.averages.{key}")), message))?;
            if !averages.spread {
                let device = Arc::new(plain(figures.uniform(&map), "synthetic: averages"));
                return Ok(vec![device; entry.count as usize]);
            }
            Ok(each(&|number| {
                let calibration = figures.sample(&map, LogSpread::TYPICAL, &streams, number);
                plain(calibration, "synthetic: drawn around averages")
            }))
        }
        NoiseFile::Like(reference) => {
            let template = load(reference, base_dir, loaded)
                .map_err(|message| Problem::new(at("noise.like"), message))?;
            Ok(each(&|number| {
                let device = resample(&template, "synthetic", Arc::clone(&map), &streams, number);
                DeviceSpec { technology: entry.technology.unwrap_or(device.technology), ..device }
            }))
        }
    }
}

fn coupling_map(lattice: &LatticeFile) -> Result<CouplingMap, String> {
    let at_most = |qubits: u64, most: u64| match qubits {
        0 => Err("a device needs at least one qubit".to_owned()),
        qubits if qubits > most => Err(format!("{qubits} qubits are too many; hint: at most {most}")),
        _ => Ok(()),
    };
    let map = match *lattice {
        LatticeFile::HeavyHex { rows: Some(rows), columns: Some(columns), qubits: None } => {
            at_most(u64::from(rows) * u64::from(columns), MAX_QUBITS)?;
            CouplingMap::heavy_hex(rows, columns)
        }
        LatticeFile::HeavyHex { rows: None, columns: None, qubits: Some(qubits) } => {
            return match lattice::heavy_hex_of_size(qubits) {
                Some(lattice) => Ok(lattice.map),
                None => {
                    let sizes = lattice::HEAVY_HEX_SIZES.map(|size| size.to_string()).join(", ");
                    Err(format!(
                        "IBM has built no heavy-hex device of {qubits} qubits; hint: {sizes}, or give rows and columns"
                    ))
                }
            };
        }
        LatticeFile::HeavyHex { .. } => {
            return Err("a heavy-hex lattice needs rows and columns, or qubits; hint: {heavy_hex: {rows: 8, columns: 16}} or {heavy_hex: {qubits: 156}}".to_owned());
        }
        LatticeFile::Grid { rows, columns } => {
            at_most(u64::from(rows) * u64::from(columns), MAX_QUBITS)?;
            CouplingMap::grid(rows, columns)
        }
        LatticeFile::Line { qubits } => {
            at_most(u64::from(qubits), MAX_QUBITS)?;
            CouplingMap::line(qubits)
        }
        LatticeFile::Ring { qubits } => {
            at_most(u64::from(qubits), MAX_QUBITS)?;
            CouplingMap::ring(qubits)
        }
        LatticeFile::AllToAll { qubits } => {
            at_most(u64::from(qubits), MAX_QUBITS)?;
            CouplingMap::all_to_all(qubits)
        }
    };
    map.map_err(|error| error.to_string())
}

/// No errors, no decay, no durations.
fn ideal() -> Averages {
    Averages {
        qubit: QubitCalibration::with_readout_error(0.0),
        coupler: CouplerCalibration::with_error(0.0),
    }
}

fn checked(averages: &AveragesFile) -> Result<Averages, (&'static str, String)> {
    for (key, error) in [
        ("readout_error", averages.readout_error),
        ("one_qubit_error", averages.one_qubit_error),
        ("two_qubit_error", averages.two_qubit_error),
    ] {
        if !(0.0..DEAD_ERROR).contains(&error) {
            return Err((key, format!("{key} is {error}; hint: an error lies in 0..{DEAD_ERROR}")));
        }
    }
    if averages.t2 > averages.t1 * 2 {
        return Err((
            "t2",
            format!("T2 of {} is longer than twice the T1 of {}; hint: T2 <= 2 T1", averages.t2, averages.t1),
        ));
    }
    if averages.t1.0 == 0 || averages.t2.0 == 0 {
        return Err(("t1", "T1 and T2 must be longer than zero".to_owned()));
    }
    Ok(Averages {
        qubit: QubitCalibration {
            t1_s: averages.t1.as_secs_f64(),
            t2_s: averages.t2.as_secs_f64(),
            readout_error: averages.readout_error,
            one_qubit_error: averages.one_qubit_error,
            one_qubit_duration_s: averages.one_qubit_duration.as_secs_f64(),
            readout_duration_s: averages.readout_duration.as_secs_f64(),
            dead: false,
        },
        coupler: CouplerCalibration {
            two_qubit_error: averages.two_qubit_error,
            two_qubit_duration_s: averages.two_qubit_duration.as_secs_f64(),
            dead: false,
        },
    })
}

fn overrides(spec: &mut DeviceSpec, entry: &FleetEntry, index: usize) -> Result<(), Problem> {
    let at = |key: &str| format!("fleet.{index}.{key}");
    spec.price = entry.price.or(spec.price);
    if let Some(limits) = &entry.limits {
        if limits.max_concurrent_tasks == Some(0) {
            return Err(Problem::new(
                at("limits.max_concurrent_tasks"),
                "max_concurrent_tasks is 0; hint: at least 1",
            ));
        }
        if limits.min_qubit_separation.is_some_and(|distance| distance > 16) {
            return Err(Problem::new(at("limits.min_qubit_separation"), "min_qubit_separation is above 16"));
        }
        let own = &mut spec.limits;
        own.max_concurrent_tasks = limits.max_concurrent_tasks.or(own.max_concurrent_tasks);
        own.min_qubit_separation = limits.min_qubit_separation.unwrap_or(own.min_qubit_separation);
        own.calibration_interval = limits.calibration_interval.or(own.calibration_interval);
        own.reconfiguration_time = limits.reconfiguration_time.unwrap_or(own.reconfiguration_time);
    }
    if let Some(speed) = &entry.speed {
        if let Some(clops) = speed.clops
            && !(clops.is_finite() && clops > 0.0)
        {
            return Err(Problem::new(at("speed.clops"), format!("clops is {clops}; hint: a number above 0")));
        }
        if speed.quantum_volume.is_some_and(|volume| volume < 2) {
            return Err(Problem::new(
                at("speed.quantum_volume"),
                "quantum_volume is below 2; hint: a power of two, as in 128",
            ));
        }
        let own = &mut spec.speed;
        own.job_overhead = speed.job_overhead.unwrap_or(own.job_overhead);
        own.circuit_overhead = speed.circuit_overhead.unwrap_or(own.circuit_overhead);
        own.repetition_delay = speed.repetition_delay.unwrap_or(own.repetition_delay);
        own.layer = speed.layer.unwrap_or(own.layer);
        own.clops = speed.clops.or(own.clops);
        own.quantum_volume = speed.quantum_volume.or(own.quantum_volume);
    }
    Ok(())
}
