//! Device files: YAML in one versioned schema, from a few lines with averages to figures of every element.
//!
//! Promises that what is read is complete, in range and fits together, that a bad file gives an error with its line
//! and what would be right, and that any file, however large or deep, is answered quickly. Leaves names without a
//! path to [`super::catalogue`].

mod form;
mod rounding;
mod write;

use std::path::Path;
use std::sync::Arc;

use super::calibration::{Calibration, CouplerCalibration, DEAD_ERROR, QubitCalibration};
use super::coupling_map::{CouplingMap, CouplingMapError, PAIRS_KEPT_MAX};
use super::device::{DeviceLimits, DeviceSpec, Granularity, Speed, Technology};
use super::file_error::FileError;
use super::lattice;
use super::synthetic::{Averages, LogSpread};
use crate::config_file::Kind;
use crate::config_file::typed::{self, Limits, Location, Spanned};
use crate::input_file;
use crate::random::{Purpose, StreamFamily};
use crate::time::Span;
pub use form::SCHEMA;
use form::{
    CouplerForm, DeviceForm, DeviceListForm, NoiseProfile, Probability, QubitForm, SpreadForm, Topology,
};
pub(crate) use rounding::rounded;

/// Largest device file that is read, bytes; 1,000 qubits take about 200 kB.
pub const MAX_BYTES: usize = 64 << 20;

/// What errors say about device files.
const KIND: Kind = Kind {
    name: "device file",
    example: "devices/ibm_fez.yaml",
    empty_hint: "start with `schema: 1` and `name:`",
    second_hint: "one device per file, or a list `devices:`",
    too_large: "nested too deeply or too large for a device file",
    keys: &[("name", "name: ibm_fez")],
    synonyms: &[],
};

/// Depth 5 is the most that a device file uses; the rest is room for 100,000 elements with figures.
const LIMITS: Limits = Limits { depth: 16, aliases: 1_000, nodes: 3_000_000, bytes: MAX_BYTES };

/// Most qubits of one device, and most couplers: guards against a mistyped number filling the memory.
const MAX_QUBITS: u32 = 100_000;

impl DeviceSpec {
    /// Reads the device in `text`. `origin` names it in errors, usually the path.
    ///
    /// A list `devices:` is accepted when it holds exactly one device.
    pub fn from_yaml(text: &str, origin: &str) -> Result<Self, FileError> {
        let mut devices = Self::list_from_yaml(text, origin)?;
        match (devices.pop(), devices.len()) {
            (Some(device), 0) => Ok(device),
            (_, more) => {
                let message = format!("expected one device, found {}; hint: one file per device", more + 1);
                Err(FileError::whole(origin, message))
            }
        }
    }

    /// Reads one device, or all devices of a list `devices:`; at least one.
    pub fn list_from_yaml(text: &str, origin: &str) -> Result<Vec<Self>, FileError> {
        if text.len() > MAX_BYTES {
            return Err(too_large(origin));
        }
        let file = File { text, origin };
        if text.lines().all(|line| line.trim_start().is_empty() || line.trim_start().starts_with('#')) {
            return Err(FileError::whole(origin, format!("the file is empty; hint: {}", KIND.empty_hint)));
        }
        if !text.lines().any(|line| line.starts_with("devices:")) {
            return Ok(vec![file.device(file.parse::<DeviceForm>()?)?]);
        }
        let list = file.parse::<DeviceListForm>()?.devices;
        if list.is_empty() {
            return Err(FileError::whole(origin, "the list `devices` is empty"));
        }
        list.into_iter().map(|form| file.device(form)).collect()
    }

    /// Reads the device file at `path`.
    pub fn from_file(path: &Path) -> Result<Self, FileError> {
        let origin = path.display().to_string();
        let failed = |error: std::io::Error| FileError::whole(&origin, format!("cannot read: {error}"));
        let bytes = input_file::bytes(path, MAX_BYTES).map_err(|error| match error.kind() {
            std::io::ErrorKind::FileTooLarge => too_large(&origin),
            _ => failed(error),
        })?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let place = error.utf8_error().valid_up_to();
            FileError::whole(&origin, format!("not UTF-8 from byte {place} on; hint: save it as UTF-8"))
        })?;
        Self::from_yaml(&text, &origin)
    }

    /// The device as a file that [`DeviceSpec::from_yaml`] reads back: errors exactly, times to the nanosecond.
    pub fn to_yaml(&self) -> String {
        write::to_yaml(self)
    }
}

/// JSON Schema of a device file, for editors.
pub fn json_schema() -> serde_json::Value {
    schemars::schema_for!(DeviceForm).to_value()
}

fn too_large(origin: &str) -> FileError {
    let limit = MAX_BYTES >> 20;
    FileError::whole(origin, format!("larger than {limit} MiB; hint: that is no device file"))
}

/// A text under examination.
struct File<'a> {
    text: &'a str,
    origin: &'a str,
}

impl File<'_> {
    fn parse<T: serde::de::DeserializeOwned>(&self) -> Result<T, FileError> {
        typed::read(self.text, &KIND, &LIMITS)
            .map_err(|fault| FileError::of_fault(self.origin, self.text, fault))
    }

    fn error(&self, location: Location, message: impl Into<String>) -> FileError {
        FileError::of_fault(self.origin, self.text, typed::at(location, message))
    }

    /// Checks what depends on several keys, and fills in what is left out.
    fn device(&self, form: DeviceForm) -> Result<DeviceSpec, FileError> {
        if let Some(schema) = form.schema.as_ref().filter(|schema| schema.value != SCHEMA) {
            let message =
                format!("schema {} is not known; hint: this version reads schema {SCHEMA}", schema.value);
            return Err(self.error(schema.referenced, message));
        }
        self.check_name(&form.name)?;
        if let Some(at) =
            form.calibrated_at.as_ref().filter(|at| at.value.parse::<jiff::Timestamp>().is_err())
        {
            let message = "not a time stamp; hint: RFC 3339 with offset, as in 2025-02-26T15:16:25-05:00";
            return Err(self.error(at.referenced, message));
        }
        let map = self.coupling_map(&form)?;
        let averages = self.averages(&form.noise_profile, form.technology)?;
        let mut calibration = match &form.noise_profile.spread {
            None => averages.uniform(&map),
            Some(spread) => {
                let streams = StreamFamily::new(spread.seed, 0, Purpose::SyntheticDevice);
                averages.sample(&map, log_spread(spread), &streams, 0)
            }
        };
        self.calibrate_qubits(&form.qubit_calibration, &mut calibration)?;
        self.calibrate_couplers(form.couplers.as_deref().unwrap_or_default(), &map, &mut calibration)?;
        for qubit in &mut calibration.qubits {
            qubit.dead |= qubit.readout_error >= DEAD_ERROR || qubit.one_qubit_error >= DEAD_ERROR;
        }
        for coupler in &mut calibration.couplers {
            coupler.dead |= coupler.two_qubit_error >= DEAD_ERROR;
        }
        let own_figures = form.couplers.iter().flatten().any(|c| c.value.two_qubit_error.is_some());
        let granularity = if own_figures || !form.qubit_calibration.is_empty() {
            Granularity::PerElement
        } else {
            Granularity::DeviceAverage
        };
        Ok(DeviceSpec {
            vendor: form.vendor.unwrap_or_else(|| "unknown".to_owned()),
            technology: form.technology,
            granularity: form.granularity.unwrap_or(granularity),
            // Never where the file lies: the same device elsewhere is the same device.
            source: form.source.unwrap_or_else(|| "unknown".to_owned()),
            calibrated_at: form.calibrated_at.map(|at| at.value),
            native_gates: form.native_gates,
            coupling_map: Arc::new(map),
            calibration: Arc::new(calibration),
            speed: speed(&form.speed, form.technology),
            limits: DeviceLimits {
                max_concurrent_tasks: form.limits.max_concurrent_tasks.map(Into::into),
                min_qubit_separation: form.limits.min_qubit_separation,
                calibration_interval: form.limits.calibration_interval,
                reconfiguration_time: form.limits.reconfiguration_time,
            },
            price: form.price,
            name: form.name.value,
        })
    }

    /// Names become parts of file names and of metric labels.
    fn check_name(&self, name: &Spanned<String>) -> Result<(), FileError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if (1..=64).contains(&name.value.len()) && name.value.chars().all(allowed) {
            return Ok(());
        }
        let message = "not a device name; hint: up to 64 letters, digits, `_`, `-` and `.`, as in ibm_fez";
        Err(self.error(name.referenced, message))
    }

    fn coupling_map(&self, form: &DeviceForm) -> Result<CouplingMap, FileError> {
        let qubits = form.qubits.value;
        let at_qubits = |message: String| self.error(form.qubits.referenced, message);
        if qubits == 0 || qubits > MAX_QUBITS {
            return Err(at_qubits(format!("{qubits} qubits; hint: from 1 to {MAX_QUBITS}")));
        }
        let Some(topology) = &form.topology else {
            return self.listed_map(form);
        };
        let shape =
            form.lattice.as_ref().map(|lattice| (lattice.value.rows.get(), lattice.value.columns.get()));
        if let Some((rows, columns)) = shape
            && u64::from(rows) * u64::from(columns) > u64::from(MAX_QUBITS)
        {
            return Err(at_qubits(format!(
                "a lattice of {rows} x {columns}; hint: at most {MAX_QUBITS} qubits"
            )));
        }
        let named = |message: String| self.error(topology.referenced, message);
        let map = match (topology.value, shape) {
            (Topology::Line, _) => CouplingMap::line(qubits),
            (Topology::Ring, _) => CouplingMap::ring(qubits),
            (Topology::AllToAll, _) => CouplingMap::all_to_all(qubits),
            (Topology::Grid, Some((rows, columns))) => CouplingMap::grid(rows, columns),
            (Topology::HeavyHex, Some((rows, columns))) => CouplingMap::heavy_hex(rows, columns),
            (Topology::Grid, None) => {
                let side = qubits.isqrt();
                if side * side != qubits {
                    return Err(named(format!(
                        "{qubits} qubits make no square grid; hint: add `lattice: {{rows: R, columns: C}}`"
                    )));
                }
                CouplingMap::grid(side, side)
            }
            (Topology::HeavyHex, None) => match lattice::heavy_hex_of_size(qubits) {
                Some(lattice) => Ok(lattice.map),
                None => {
                    let sizes = lattice::HEAVY_HEX_SIZES.map(|size| size.to_string()).join(", ");
                    return Err(named(format!(
                        "no heavy_hex device has {qubits} qubits; hint: {sizes}, or add `lattice: {{rows: R, columns: C}}`"
                    )));
                }
            },
        };
        let map = map.map_err(|error| named(error.to_string()))?;
        if map.qubits() != qubits as usize {
            return Err(at_qubits(format!("{qubits} qubits, but the lattice has {}", map.qubits())));
        }
        Ok(map)
    }

    fn listed_map(&self, form: &DeviceForm) -> Result<CouplingMap, FileError> {
        if let Some(lattice) = &form.lattice {
            let message = "`lattice` without `topology`; hint: add `topology: grid` or `topology: heavy_hex`";
            return Err(self.error(lattice.referenced, message));
        }
        let qubits = form.qubits.value;
        let Some(couplers) = &form.couplers else {
            if qubits == 1 {
                return CouplingMap::line(1)
                    .map_err(|error| self.error(form.qubits.referenced, error.to_string()));
            }
            let hint = "heavy_hex, grid, line, ring, all_to_all";
            let message =
                format!("neither `topology` nor `couplers`; hint: list the couplers or name one of {hint}");
            return Err(self.error(form.name.referenced, message));
        };
        // One by one, so that the error has the line of its coupler.
        for coupler in couplers {
            let (a, b) = coupler.value.qubits;
            let wrong = match (a.max(b) >= qubits, a == b) {
                (true, _) => CouplingMapError::OutOfRange(a, b, qubits - 1),
                (_, true) => CouplingMapError::Loop(a),
                (false, false) => continue,
            };
            return Err(self.error(coupler.referenced, wrong.to_string()));
        }
        CouplingMap::new(qubits, couplers.iter().map(|coupler| coupler.value.qubits))
            .map_err(|error| self.error(form.qubits.referenced, error.to_string()))
    }

    fn averages(&self, profile: &NoiseProfile, technology: Technology) -> Result<Averages, FileError> {
        if let (Some(t1), Some(t2)) = (profile.t1, &profile.t2) {
            self.check_t2(t1, t2)?;
        }
        let typical = typical(technology);
        let (t1_s, t2_s) =
            coherence(profile.t1, profile.t2.as_ref().map(|t2| t2.value), f64::INFINITY, f64::INFINITY);
        let duration = |own: Option<Span>, default: f64| own.map_or(default, Span::as_secs_f64);
        let error = |own: Option<Probability>, default: f64| own.map_or(default, |error| error.0);
        Ok(Averages {
            qubit: QubitCalibration {
                t1_s,
                t2_s,
                readout_error: error(profile.readout_error, typical.qubit.readout_error),
                one_qubit_error: error(profile.one_qubit_error, typical.qubit.one_qubit_error),
                one_qubit_duration_s: duration(
                    profile.one_qubit_duration,
                    typical.qubit.one_qubit_duration_s,
                ),
                readout_duration_s: duration(profile.readout_duration, typical.qubit.readout_duration_s),
                dead: false,
            },
            coupler: CouplerCalibration {
                two_qubit_error: error(profile.two_qubit_error, typical.coupler.two_qubit_error),
                two_qubit_duration_s: duration(
                    profile.two_qubit_duration,
                    typical.coupler.two_qubit_duration_s,
                ),
                dead: false,
            },
        })
    }

    fn check_t2(&self, t1: Span, t2: &Spanned<Span>) -> Result<(), FileError> {
        if t2.value <= t1 * 2 {
            return Ok(());
        }
        let message = format!("T2 of {} is longer than twice the T1 of {t1}; hint: T2 <= 2 T1", t2.value);
        Err(self.error(t2.referenced, message))
    }

    fn calibrate_qubits(&self, rows: &[QubitForm], calibration: &mut Calibration) -> Result<(), FileError> {
        let count = calibration.qubits.len();
        let mut seen = vec![false; count];
        for row in rows {
            let number = row.qubit.value;
            let Some(qubit) = calibration.qubits.get_mut(number as usize) else {
                let message =
                    format!("qubit {number} is out of range; hint: the device has qubits 0..={}", count - 1);
                return Err(self.error(row.qubit.referenced, message));
            };
            if std::mem::replace(&mut seen[number as usize], true) {
                return Err(self.error(row.qubit.referenced, format!("qubit {number} is given twice")));
            }
            if let (Some(t1), Some(t2)) = (row.t1, &row.t2) {
                self.check_t2(t1, t2)?;
            }
            (qubit.t1_s, qubit.t2_s) =
                coherence(row.t1, row.t2.as_ref().map(|t2| t2.value), qubit.t1_s, qubit.t2_s);
            set(&mut qubit.readout_error, row.readout_error.map(|error| error.0));
            set(&mut qubit.one_qubit_error, row.one_qubit_error.map(|error| error.0));
            set(&mut qubit.one_qubit_duration_s, row.one_qubit_duration.map(Span::as_secs_f64));
            set(&mut qubit.readout_duration_s, row.readout_duration.map(Span::as_secs_f64));
            qubit.dead = row.dead;
        }
        Ok(())
    }

    fn calibrate_couplers(
        &self,
        rows: &[Spanned<CouplerForm>],
        map: &CouplingMap,
        calibration: &mut Calibration,
    ) -> Result<(), FileError> {
        let mut seen = vec![false; calibration.couplers.len()];
        for row in rows {
            let (a, b) = row.value.qubits;
            let pair = (super::PhysicalQubit(a.min(b)), super::PhysicalQubit(a.max(b)));
            if map.is_alike() {
                let message = format!(
                    "coupler [{a}, {b}] of an all_to_all device of more than {PAIRS_KEPT_MAX} qubits; hint: all its pairs have the \
                     figures of `noise_profile`"
                );
                return Err(self.error(row.referenced, message));
            }
            let Ok(index) = map.couplers().binary_search(&pair) else {
                let message = format!(
                    "the topology has no coupler [{a}, {b}]; hint: drop `topology` to list all couplers"
                );
                return Err(self.error(row.referenced, message));
            };
            if std::mem::replace(&mut seen[index], true) {
                return Err(self.error(row.referenced, format!("coupler [{a}, {b}] is given twice")));
            }
            let coupler = &mut calibration.couplers[index];
            set(&mut coupler.two_qubit_error, row.value.two_qubit_error.map(|error| error.0));
            set(&mut coupler.two_qubit_duration_s, row.value.two_qubit_duration.map(Span::as_secs_f64));
            coupler.dead = row.value.dead;
        }
        Ok(())
    }
}

fn set(figure: &mut f64, own: Option<f64>) {
    if let Some(own) = own {
        *figure = own;
    }
}

/// T1 and T2 in seconds from own figures and averages. An average T2 gives way to an own T1, T2 of unknown length
/// is as long as T1 allows.
fn coherence(t1: Option<Span>, t2: Option<Span>, average_t1_s: f64, average_t2_s: f64) -> (f64, f64) {
    let t1_s = t1.map_or(average_t1_s, Span::as_secs_f64);
    // Twice in whole nanoseconds, so that a written file reads back to the same bits.
    let twice = |t1_s: f64| (Span::from_secs_f64(t1_s) * 2).as_secs_f64();
    let longest_s = if t1_s.is_finite() { twice(t1_s) } else { f64::INFINITY };
    (t1_s, t2.map_or(average_t2_s, Span::as_secs_f64).min(longest_s))
}

fn log_spread(form: &SpreadForm) -> LogSpread {
    let typical = LogSpread::TYPICAL;
    let own = |own: Option<form::LogSd>, default: f64| own.map_or(default, |sd| sd.0);
    LogSpread {
        t1: own(form.t1, typical.t1),
        t2: own(form.t2, typical.t2),
        readout_error: own(form.readout_error, typical.readout_error),
        one_qubit_error: own(form.one_qubit_error, typical.one_qubit_error),
        two_qubit_error: own(form.two_qubit_error, typical.two_qubit_error),
    }
}

/// Figures for what a file leaves out: about the medians of IBM Heron devices; IonQ Forte's data sheet; for atoms the
/// two-qubit gate of Evered et al. (Nature 622, 268, 2023), the rest an assumption; and a perfect simulator.
fn typical(technology: Technology) -> Averages {
    let (readout_error, one_qubit_error, two_qubit_error, one_ns, two_ns, readout_ns) = match technology {
        Technology::Superconducting => (1e-2, 3e-4, 5e-3, 36, 84, 1_200),
        Technology::TrappedIon => (4.5e-3, 1e-4, 7.5e-3, 63_000, 650_000, 250_000),
        Technology::NeutralAtom => (1e-2, 1e-3, 5e-3, 1_000, 270, 500_000),
        Technology::Simulator => (0.0, 0.0, 0.0, 10, 10, 10),
    };
    Averages {
        qubit: QubitCalibration {
            t1_s: f64::INFINITY,
            t2_s: f64::INFINITY,
            readout_error,
            one_qubit_error,
            one_qubit_duration_s: Span(one_ns).as_secs_f64(),
            readout_duration_s: Span(readout_ns).as_secs_f64(),
            dead: false,
        },
        coupler: CouplerCalibration {
            two_qubit_error,
            two_qubit_duration_s: Span(two_ns).as_secs_f64(),
            dead: false,
        },
    }
}

/// Constants of the run-time models where a file gives none.
///
/// Superconducting: fitted to 7,449 IBM jobs (3.1 s per job, 88 ms per circuit, 250 us between shots, 0.229 us per
/// layer). The cloud overheads of the others are assumed to be the same; ions reset in 150 us and spend a two-qubit
/// gate per layer (IonQ Forte); atoms are loaded anew for each shot (assumption).
pub(crate) fn typical_speed(technology: Technology) -> Speed {
    let (job, circuit, delay, layer) = match technology {
        Technology::Superconducting => {
            (Span::from_millis(3_100), Span::from_millis(88), Span(250_000), Span(229))
        }
        Technology::TrappedIon => {
            (Span::from_millis(3_100), Span::from_millis(88), Span(400_000), Span(650_000))
        }
        Technology::NeutralAtom => {
            (Span::from_millis(3_100), Span::from_millis(88), Span::from_millis(200), Span(1_000))
        }
        Technology::Simulator => (Span::from_millis(10), Span::from_millis(1), Span::ZERO, Span(10_000)),
    };
    Speed {
        job_overhead: job,
        circuit_overhead: circuit,
        repetition_delay: delay,
        layer,
        clops: None,
        quantum_volume: None,
    }
}

fn speed(form: &form::SpeedForm, technology: Technology) -> Speed {
    let typical = typical_speed(technology);
    Speed {
        job_overhead: form.job_overhead.unwrap_or(typical.job_overhead),
        circuit_overhead: form.circuit_overhead.unwrap_or(typical.circuit_overhead),
        repetition_delay: form.repetition_delay.unwrap_or(typical.repetition_delay),
        layer: form.layer.unwrap_or(typical.layer),
        clops: form.clops.map(|clops| f64::from(clops.get())),
        quantum_volume: form.quantum_volume.map(Into::into),
    }
}

#[cfg(test)]
mod tests;
