//! IBM's backend configuration and properties (`conf_NAME.json`, `props_NAME.json`), as Qiskit stores them.
//!
//! Promises a device in file precision that passes every check of a device file, and a warning for everything that
//! was clamped, assumed or taken out. Accepts files of all years since 2020. Leaves other vendors to other files.

mod zz;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use crate::quantum::calibration::{Calibration, CouplerCalibration, DEAD_ERROR, QubitCalibration};
use crate::quantum::coupling_map::{CouplingMap, CouplingMapError};
use crate::quantum::device::{DeviceLimits, DeviceSpec, Granularity, Speed, Technology};
use crate::quantum::device_file::{MAX_BYTES, rounded, typical_speed};
use crate::quantum::{CouplerId, PhysicalQubit};
use crate::time::Span;
use zz::zz;

/// A device with what its file cannot hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// The device.
    pub device: DeviceSpec,
    /// What was clamped, assumed or taken out, in order of the elements.
    pub warnings: Vec<ImportWarning>,
    /// Per coupler: (control, target) of the native gate; both orders are native for symmetric gates (the lower first).
    pub native_directions: Vec<(PhysicalQubit, PhysicalQubit)>,
    /// Static ZZ interaction of couplers in Hz, where published.
    pub zz_hz: BTreeMap<CouplerId, f64>,
}

/// A place where the device differs from what the files say, or the files say nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum ImportWarning {
    /// A qubit is marked dead.
    #[error("qubit {qubit} is dead: {why}")]
    DeadQubit { qubit: u32, why: &'static str },
    /// A coupler is marked dead.
    #[error("coupler [{a}, {b}] is dead: {why}")]
    DeadCoupler { a: u32, b: u32, why: &'static str },
    /// T2 was longer than physics allows.
    #[error("qubit {qubit}: T2 clamped to twice T1")]
    T2Clamped { qubit: u32 },
    /// Old files say nothing of the readout duration.
    #[error("readout duration of {qubits} qubits not given: {assumed} assumed")]
    ReadoutDurationAssumed { qubits: u32, assumed: Span },
    /// A gate without duration.
    #[error("gate duration of {elements} elements not given: {assumed} assumed")]
    GateDurationAssumed { elements: u32, assumed: Span },
    /// The date has no offset.
    #[error("the date `{date}` is no RFC 3339 time stamp and was left out")]
    DateLeftOut { date: String },
    /// A `zz_AB` entry that fits no coupler, or several.
    #[error("{entries} entries `zz_AB` fit no single coupler and were left out")]
    ZzLeftOut { entries: u32 },
    /// Qiskit's made-up devices.
    #[error("`{name}` is no real device: its figures were made up")]
    NotReal { name: String },
}

/// Why the two files are no device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// A file cannot be read.
    #[error("{path}: cannot read: {message}")]
    Read {
        /// The file.
        path: String,
        /// What the operating system says.
        message: String,
    },
    /// A file is no JSON, or lacks what every such file has.
    #[error(
        "{file}: {message}; hint: pass conf_NAME.json as configuration and props_NAME.json as properties"
    )]
    Json {
        /// `configuration` or `properties`, or the path.
        file: String,
        /// What the JSON reader says, with line and column.
        message: String,
    },
    /// The files are of different devices.
    #[error(
        "the configuration has {0} qubits, the properties have {1}; hint: both files must be of one device"
    )]
    Mismatch(u32, usize),
    /// A unit that is not known.
    #[error("{what}: the unit `{unit}` is not known; hint: s, ms, us, µs, ns")]
    Unit {
        /// The parameter.
        what: String,
        /// The unit as written.
        unit: String,
    },
    /// A gate names a qubit that the device does not have.
    #[error("gate `{gate}` names qubit {qubit}; hint: the device has {qubits} qubits")]
    GateOutOfRange {
        /// Name of the gate.
        gate: String,
        /// The qubit.
        qubit: u32,
        /// Qubits of the device.
        qubits: u32,
    },
    /// The coupling map is wrong.
    #[error("coupling map: {0}")]
    Map(#[from] CouplingMapError),
}

#[derive(Deserialize)]
struct Configuration {
    backend_name: String,
    n_qubits: u32,
    #[serde(default)]
    basis_gates: Vec<String>,
    coupling_map: Option<Vec<(u32, u32)>>,
    /// Microseconds.
    default_rep_delay: Option<f64>,
    // The three CLOPS figures may be numbers, null or the string "None".
    #[serde(default)]
    clops_h: Value,
    #[serde(default)]
    clops: Value,
    #[serde(default)]
    clops_v: Value,
    #[serde(default)]
    quantum_volume: Value,
}

#[derive(Deserialize)]
struct Properties {
    last_update_date: Option<String>,
    qubits: Vec<Vec<Parameter>>,
    #[serde(default)]
    gates: Vec<Gate>,
    #[serde(default)]
    general: Vec<Parameter>,
}

#[derive(Deserialize)]
struct Gate {
    gate: String,
    qubits: Vec<u32>,
    #[serde(default)]
    parameters: Vec<Parameter>,
}

#[derive(Deserialize)]
struct Parameter {
    name: String,
    #[serde(default)]
    unit: String,
    #[serde(default)]
    value: Value,
}

impl Parameter {
    fn number(&self) -> Option<f64> {
        self.value.as_f64().filter(|value| value.is_finite())
    }

    /// The value in seconds; `None` when it is missing or negative.
    fn seconds(&self) -> Result<Option<f64>, ImportError> {
        // Both µ: U+00B5 and U+03BC; an empty unit comes with an empty value.
        let scale = match self.unit.as_str() {
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "\u{b5}s" | "\u{3bc}s" => 1e-6,
            "ns" => 1e-9,
            _ if self.number().is_none() => return Ok(None),
            unit => {
                return Err(ImportError::Unit {
                    what: self.name.clone(),
                    unit: unit.chars().take(20).collect(),
                });
            }
        };
        Ok(self.number().map(|value| value * scale).filter(|&seconds| seconds >= 0.0))
    }
}

fn find<'a>(parameters: &'a [Parameter], name: &str) -> Option<&'a Parameter> {
    parameters.iter().find(|parameter| parameter.name == name)
}

/// One gate on one element.
#[derive(Debug, Clone, Copy)]
struct GateFigures {
    error: f64,
    duration_s: Option<f64>,
}

impl GateFigures {
    fn of(gate: &Gate) -> Result<Self, ImportError> {
        let error = find(&gate.parameters, "gate_error").and_then(Parameter::number);
        let broken = find(&gate.parameters, "operational").and_then(Parameter::number) == Some(0.0);
        let duration = find(&gate.parameters, "gate_length").map(Parameter::seconds).transpose()?.flatten();
        // A gate without error was not calibrated; IBM writes 1 for that elsewhere.
        let error = if broken { 1.0 } else { error.unwrap_or(1.0).clamp(0.0, 1.0) };
        Ok(Self { error, duration_s: duration })
    }
}

/// Readout of the devices of 2020, whose files do not say (0.7 to 4 us by generation).
const OLD_READOUT: Span = Span(4_000);
/// Gate durations of the devices whose files do not say.
const OLD_ONE_QUBIT: Span = Span(36);
const OLD_TWO_QUBIT: Span = Span(400);
/// Fixed time per job of the devices calibrated up to 2021: the middle of 19 to 33 s.
const OLD_JOB_OVERHEAD: Span = Span::from_secs(26);

/// Reads the two files. `source` says where they come from.
pub fn import_files(configuration: &Path, properties: &Path, source: &str) -> Result<Imported, ImportError> {
    let read = |path: &Path| {
        let failed = |message: String| ImportError::Read { path: path.display().to_string(), message };
        let size = std::fs::metadata(path).map_err(|error| failed(error.to_string()))?.len();
        if size > MAX_BYTES as u64 {
            return Err(failed(format!("larger than {} MiB", MAX_BYTES >> 20)));
        }
        std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))
    };
    import(&read(configuration)?, &read(properties)?, source)
}

/// Makes a device of the texts of a configuration and a properties file. `source` says where they come from.
pub fn import(configuration: &str, properties: &str, source: &str) -> Result<Imported, ImportError> {
    let conf: Configuration = json("configuration", configuration)?;
    let props: Properties = json("properties", properties)?;
    if props.qubits.len() != conf.n_qubits as usize {
        return Err(ImportError::Mismatch(conf.n_qubits, props.qubits.len()));
    }
    // Directed maps (ecr) and those that list both directions (cx, cz) give the same undirected edges.
    let map = CouplingMap::new(conf.n_qubits, conf.coupling_map.iter().flatten().copied())?;
    let mut warnings = Vec::new();
    if conf.backend_name.starts_with("fake_") {
        warnings.push(ImportWarning::NotReal { name: conf.backend_name.clone() });
    }
    let qubits = qubits(&props, &mut warnings)?;
    let (couplers, native_directions) = couplers(&props, &map, &mut warnings)?;
    let zz_hz = zz(&props.general, &map, &mut warnings);
    let calibrated_at = props.last_update_date.filter(|date| {
        let valid = date.parse::<jiff::Timestamp>().is_ok();
        if !valid {
            warnings.push(ImportWarning::DateLeftOut { date: date.chars().take(40).collect() });
        }
        valid
    });
    let device = DeviceSpec {
        name: device_name(&conf.backend_name),
        vendor: "IBM".to_owned(),
        technology: Technology::Superconducting,
        granularity: Granularity::PerElement,
        source: source.to_owned(),
        speed: speed(&conf, calibrated_at.as_deref()),
        calibrated_at,
        native_gates: conf.basis_gates.into_iter().filter(|gate| gate != "reset").collect(),
        coupling_map: Arc::new(map),
        calibration: Arc::new(rounded(&Calibration { qubits, couplers })),
        limits: DeviceLimits {
            calibration_interval: Some(Span::from_secs(86_400)),
            ..DeviceLimits::default()
        },
    };
    Ok(Imported { device, warnings, native_directions, zz_hz })
}

fn json<'a, T: Deserialize<'a>>(file: &str, text: &'a str) -> Result<T, ImportError> {
    serde_json::from_str(text).map_err(|error| ImportError::Json {
        file: file.to_owned(),
        message: error.to_string().to_lowercase(),
    })
}

/// `ibm_` for all, whatever IBM's prefix was; and nothing that a device name may not hold.
fn device_name(backend: &str) -> String {
    let name = backend.strip_prefix("ibmq_").map_or_else(|| backend.to_owned(), |rest| format!("ibm_{rest}"));
    let safe = |c: char| {
        if c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.') { c } else { '_' }
    };
    let name: String = name.chars().map(safe).take(64).collect();
    if name.is_empty() { "ibm".to_owned() } else { name }
}

fn speed(conf: &Configuration, calibrated_at: Option<&str>) -> Speed {
    let typical = typical_speed(Technology::Superconducting);
    let old = calibrated_at.is_some_and(|date| date < "2022");
    let delay = conf.default_rep_delay.filter(|us| us.is_finite() && *us >= 0.0);
    let clops = [&conf.clops_h, &conf.clops, &conf.clops_v].into_iter().find_map(|value| value.as_f64());
    Speed {
        job_overhead: if old { OLD_JOB_OVERHEAD } else { typical.job_overhead },
        repetition_delay: delay.map_or(typical.repetition_delay, |us| Span::from_secs_f64(us * 1e-6)),
        clops: clops.filter(|clops| *clops >= 1.0).map(f64::round),
        quantum_volume: conf.quantum_volume.as_u64().and_then(|v| u32::try_from(v).ok()).filter(|v| *v > 0),
        ..typical
    }
}

fn qubits(
    props: &Properties,
    warnings: &mut Vec<ImportWarning>,
) -> Result<Vec<QubitCalibration>, ImportError> {
    let count = props.qubits.len();
    let gates = one_qubit_gates(props)?;
    let measured = measure_durations(props)?;
    let mut without_readout = 0;
    let mut without_gate = 0;
    let mut qubits = Vec::with_capacity(count);
    for (index, (parameters, gate)) in props.qubits.iter().zip(gates).enumerate() {
        let qubit = index as u32;
        let seconds = |name| find(parameters, name).map(Parameter::seconds).transpose().map(Option::flatten);
        let positive = |seconds: &f64| *seconds > 0.0;
        let (t1, t2) = (seconds("T1")?.filter(positive), seconds("T2")?.filter(positive));
        let readout = find(parameters, "readout_error").and_then(Parameter::number);
        let broken = find(parameters, "operational").and_then(Parameter::number) == Some(0.0);
        let why = if broken {
            Some("not operational")
        } else if readout.is_none_or(|error| error >= DEAD_ERROR) {
            Some("readout not calibrated, or wrong half of the time")
        } else if gate.is_none_or(|gate| gate.error >= DEAD_ERROR) {
            Some("one-qubit gates not calibrated")
        } else if t1.is_none() {
            Some("no T1")
        } else {
            None
        };
        warnings.extend(why.map(|why| ImportWarning::DeadQubit { qubit, why }));
        let t1_s = t1.unwrap_or(f64::INFINITY);
        let t2_s = t2.unwrap_or(2.0 * t1_s);
        if t2_s > 2.0 * t1_s {
            warnings.push(ImportWarning::T2Clamped { qubit });
        }
        let readout_duration = seconds("readout_length")?.filter(positive).or(measured[index]);
        without_readout += u32::from(readout_duration.is_none());
        let gate_duration = gate.and_then(|gate| gate.duration_s).filter(positive);
        without_gate += u32::from(gate_duration.is_none());
        qubits.push(QubitCalibration {
            t1_s,
            t2_s: t2_s.min(2.0 * t1_s),
            readout_error: readout.unwrap_or(1.0).clamp(0.0, 1.0),
            one_qubit_error: gate.map_or(1.0, |gate| gate.error),
            one_qubit_duration_s: gate_duration.unwrap_or(OLD_ONE_QUBIT.as_secs_f64()),
            readout_duration_s: readout_duration.unwrap_or(OLD_READOUT.as_secs_f64()),
            dead: why.is_some(),
        });
    }
    if without_readout > 0 {
        warnings
            .push(ImportWarning::ReadoutDurationAssumed { qubits: without_readout, assumed: OLD_READOUT });
    }
    if without_gate > 0 {
        warnings.push(ImportWarning::GateDurationAssumed { elements: without_gate, assumed: OLD_ONE_QUBIT });
    }
    Ok(qubits)
}

/// Per qubit the gate that makes one pulse: sx, or u2 in old files. rz is virtual: no error, no time.
fn one_qubit_gates(props: &Properties) -> Result<Vec<Option<GateFigures>>, ImportError> {
    const BY_PREFERENCE: [&str; 6] = ["sx", "x", "u2", "u3", "rx", "id"];
    let mut best: Vec<Option<(usize, GateFigures)>> = vec![None; props.qubits.len()];
    for gate in &props.gates {
        let (&[qubit], Some(rank)) =
            (&gate.qubits[..], BY_PREFERENCE.iter().position(|name| *name == gate.gate))
        else {
            continue;
        };
        let slot = best.get_mut(qubit as usize).ok_or_else(|| out_of_range(gate, qubit, props))?;
        if slot.is_none_or(|(known, _)| rank < known) {
            *slot = Some((rank, GateFigures::of(gate)?));
        }
    }
    Ok(best.into_iter().map(|slot| slot.map(|(_, figures)| figures)).collect())
}

/// Newer files also give the readout as a gate `measure`.
fn measure_durations(props: &Properties) -> Result<Vec<Option<f64>>, ImportError> {
    let mut durations = vec![None; props.qubits.len()];
    for gate in props.gates.iter().filter(|gate| gate.gate == "measure") {
        if let &[qubit] = &gate.qubits[..] {
            let slot = durations.get_mut(qubit as usize).ok_or_else(|| out_of_range(gate, qubit, props))?;
            *slot = GateFigures::of(gate)?.duration_s;
        }
    }
    Ok(durations)
}

fn out_of_range(gate: &Gate, qubit: u32, props: &Properties) -> ImportError {
    ImportError::GateOutOfRange { gate: gate.gate.clone(), qubit, qubits: props.qubits.len() as u32 }
}

type Directions = Vec<(PhysicalQubit, PhysicalQubit)>;

/// Per coupler the better direction of its two-qubit gate. `rzz` is a gate of its own: its error says nothing of the
/// coupler's health (it is 1 for couplers that work).
fn couplers(
    props: &Properties,
    map: &CouplingMap,
    warnings: &mut Vec<ImportWarning>,
) -> Result<(Vec<CouplerCalibration>, Directions), ImportError> {
    let mut best: Vec<Option<(GateFigures, (PhysicalQubit, PhysicalQubit))>> =
        vec![None; map.couplers().len()];
    for gate in props.gates.iter().filter(|gate| gate.gate != "rzz") {
        let &[a, b] = &gate.qubits[..] else { continue };
        let qubits = map.qubits() as u32;
        if a.max(b) >= qubits {
            return Err(out_of_range(gate, a.max(b), props));
        }
        let direction = (PhysicalQubit(a), PhysicalQubit(b));
        let Some(coupler) = map.coupler(direction.0, direction.1) else {
            continue;
        };
        let figures = GateFigures::of(gate)?;
        // The reverse of a directed gate has the same error and takes longer: two more pulses.
        let key = |f: &GateFigures, (from, _): &(PhysicalQubit, PhysicalQubit)| {
            (f.error, f.duration_s.unwrap_or(f64::INFINITY), from.0)
        };
        let slot = &mut best[coupler.index()];
        if slot.as_ref().is_none_or(|(known, from)| key(&figures, &direction) < key(known, from)) {
            *slot = Some((figures, direction));
        }
    }
    let mut without_duration = 0;
    let mut calibrations = Vec::with_capacity(best.len());
    let mut directions = Vec::with_capacity(best.len());
    for (slot, &(a, b)) in best.into_iter().zip(map.couplers()) {
        let figures = slot.map(|(figures, _)| figures);
        directions.push(slot.map_or((a, b), |(_, direction)| direction));
        let error = figures.map_or(1.0, |figures| figures.error);
        let why = match figures {
            None => Some("it has no gate"),
            Some(figures) if figures.error >= DEAD_ERROR => Some("its gate is not calibrated"),
            Some(_) => None,
        };
        warnings.extend(why.map(|why| ImportWarning::DeadCoupler { a: a.0, b: b.0, why }));
        let duration = figures.and_then(|figures| figures.duration_s).filter(|seconds| *seconds > 0.0);
        without_duration += u32::from(duration.is_none());
        calibrations.push(CouplerCalibration {
            two_qubit_error: error,
            two_qubit_duration_s: duration.unwrap_or(OLD_TWO_QUBIT.as_secs_f64()),
            dead: why.is_some(),
        });
    }
    if without_duration > 0 {
        warnings
            .push(ImportWarning::GateDurationAssumed { elements: without_duration, assumed: OLD_TWO_QUBIT });
    }
    Ok((calibrations, directions))
}

impl fmt::Display for Imported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dead = self.device.calibration.qubits.iter().filter(|qubit| qubit.dead).count();
        let dead_couplers = self.device.calibration.couplers.iter().filter(|coupler| coupler.dead).count();
        write!(
            f,
            "{}: {} qubits ({dead} dead), {} couplers ({dead_couplers} dead), {} warnings",
            self.device.name,
            self.device.coupling_map.qubits(),
            self.device.coupling_map.couplers().len(),
            self.warnings.len()
        )
    }
}

#[cfg(test)]
mod tests;
