//! IBM's backend configuration and properties (`conf_NAME.json`, `props_NAME.json`), as Qiskit stores them.
//!
//! Promises a device in file precision that passes every check of a device file, and a warning for everything that
//! was clamped, assumed or taken out. Accepts files of all years since 2020. Leaves other vendors to other files.

mod error;
mod parameter;
mod python_json;
mod warning;
mod zz;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use crate::config_file::shown::escaped;
use crate::input_file;
use crate::quantum::calibration::{Calibration, CouplerCalibration, DEAD_ERROR, QubitCalibration};
use crate::quantum::coupling_map::{CouplingMap, PAIRS_KEPT_MAX};
use crate::quantum::device::{DeviceLimits, DeviceSpec, Granularity, Speed, Technology};
use crate::quantum::device_file::{MAX_BYTES, rounded, typical_speed};
use crate::quantum::{CouplerId, PhysicalQubit};
use crate::time::Span;
use parameter::{Parameter, find};
use zz::zz;

pub use error::ImportError;
pub use warning::ImportWarning;

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

/// One gate on one element.
#[derive(Debug, Clone, Copy)]
struct GateFigures {
    error: f64,
    duration_s: Option<f64>,
}

impl GateFigures {
    fn of(gate: &Gate, warnings: &mut Vec<ImportWarning>) -> Result<Self, ImportError> {
        let what = || format!("gate_error of `{}` on {:?}", shortened(&gate.gate), gate.qubits);
        let error = find(&gate.parameters, "gate_error").and_then(|found| found.error(what, warnings));
        let broken = find(&gate.parameters, "operational").and_then(Parameter::number) == Some(0.0);
        let duration = find(&gate.parameters, "gate_length").map(Parameter::seconds).transpose()?.flatten();
        // A gate without error was not calibrated; IBM writes 1 for that elsewhere.
        let error = if broken { 1.0 } else { error.unwrap_or(1.0) };
        Ok(Self { error, duration_s: duration })
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
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
        input_file::text(path, MAX_BYTES).map_err(|error| failed(error.to_string()))
    };
    import(&read(configuration)?, &read(properties)?, source)
}

/// Makes a device of the texts of a configuration and a properties file. `source` says where they come from.
pub fn import(configuration: &str, properties: &str, source: &str) -> Result<Imported, ImportError> {
    let mut warnings = Vec::new();
    let conf: Configuration = json("configuration", configuration, &mut warnings)?;
    let props: Properties = json("properties", properties, &mut warnings)?;
    if props.qubits.len() != conf.n_qubits as usize {
        return Err(ImportError::Mismatch(conf.n_qubits, props.qubits.len()));
    }
    if conf.backend_name.starts_with("fake_") {
        warnings.push(ImportWarning::NotReal { name: shortened(&conf.backend_name) });
    }
    let name = device_name(&conf.backend_name, &mut warnings);
    repeated(&props, &mut warnings);
    let map = coupling_map(&conf, &props, &mut warnings)?;
    let qubits = qubits(&props, &mut warnings)?;
    let (couplers, native_directions) = couplers(&conf, &props, &map, &mut warnings)?;
    let zz_hz = zz(&props.general, &map, &mut warnings);
    let calibrated_at = props.last_update_date.filter(|date| {
        let valid = date.parse::<jiff::Timestamp>().is_ok();
        if !valid {
            warnings.push(ImportWarning::DateLeftOut { date: date.chars().take(40).collect() });
        }
        valid
    });
    let device = DeviceSpec {
        name,
        vendor: "IBM".to_owned(),
        technology: Technology::Superconducting,
        granularity: Granularity::PerElement,
        source: source.to_owned(),
        speed: speed(&conf, calibrated_at.as_deref(), &mut warnings),
        calibrated_at,
        native_gates: conf.basis_gates.into_iter().filter(|gate| gate != "reset").collect(),
        coupling_map: Arc::new(map),
        calibration: Arc::new(rounded(&Calibration { qubits, couplers })),
        price: None,
        limits: DeviceLimits {
            calibration_interval: Some(Span::from_secs(86_400)),
            ..DeviceLimits::default()
        },
    };
    Ok(Imported { device, warnings, native_directions, zz_hz })
}

fn json<T: serde::de::DeserializeOwned>(
    file: &'static str,
    text: &str,
    warnings: &mut Vec<ImportWarning>,
) -> Result<T, ImportError> {
    let (text, values) = python_json::without_nan(text);
    if values > 0 {
        warnings.push(ImportWarning::NotFinite { file, values });
    }
    serde_json::from_str(&text).map_err(|error| ImportError::Json {
        file: file.to_owned(),
        message: error.to_string().to_lowercase(),
    })
}

/// `ibm_` for all, whatever IBM's prefix was; and nothing that a device name may not hold.
fn device_name(backend: &str, warnings: &mut Vec<ImportWarning>) -> String {
    let name = backend.strip_prefix("ibmq_").map_or_else(|| backend.to_owned(), |rest| format!("ibm_{rest}"));
    let safe = |c: char| {
        if c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.') { c } else { '_' }
    };
    let mut used: String = name.chars().map(safe).take(64).collect();
    if used.is_empty() || used == "fleet" {
        "ibm".clone_into(&mut used);
    }
    if used != name {
        warnings.push(ImportWarning::NameChanged { name: escaped(&name), used: used.clone() });
    }
    used
}

/// What is given several times, of which only the first counts: figures of a qubit, gates on the same qubits.
fn repeated(props: &Properties, warnings: &mut Vec<ImportWarning>) {
    let mut again = |what: String, times: usize| {
        warnings.push(ImportWarning::Repeated { what, times: times as u32 });
    };
    for (qubit, parameters) in props.qubits.iter().enumerate() {
        for name in ["T1", "T2", "readout_error", "readout_length", "operational"] {
            let times = parameters.iter().filter(|parameter| parameter.name == name).count();
            if times > 1 {
                again(format!("{name} of qubit {qubit}"), times);
            }
        }
    }
    let mut gates: BTreeMap<(&str, &[u32]), usize> = BTreeMap::new();
    for gate in &props.gates {
        *gates.entry((&gate.gate, &gate.qubits)).or_default() += 1;
    }
    for ((gate, qubits), times) in gates.into_iter().filter(|(_, times)| *times > 1) {
        again(format!("gate `{}` on {qubits:?}", shortened(gate)), times);
    }
}

/// The couplers of the configuration and those of the gates. No map stands for all pairs of qubits, as in Qiskit.
fn coupling_map(
    conf: &Configuration,
    props: &Properties,
    warnings: &mut Vec<ImportWarning>,
) -> Result<CouplingMap, ImportError> {
    let Some(listed) = &conf.coupling_map else {
        if conf.n_qubits > PAIRS_KEPT_MAX {
            return Err(ImportError::NoCouplingMap(conf.n_qubits, PAIRS_KEPT_MAX));
        }
        return Ok(CouplingMap::all_to_all(conf.n_qubits)?);
    };
    // Directed maps (ecr) and those that list both directions (cx, cz) give the same undirected edges.
    let mut pairs: BTreeSet<(u32, u32)> = listed.iter().map(|(a, b)| (*a.min(b), *a.max(b))).collect();
    for gate in two_qubit_gates(props) {
        let (a, b) = (gate.qubits[0].min(gate.qubits[1]), gate.qubits[0].max(gate.qubits[1]));
        if b >= conf.n_qubits {
            return Err(out_of_range(gate, b, props));
        }
        if pairs.insert((a, b)) {
            warnings.push(ImportWarning::CouplerAdded { a, b });
        }
    }
    Ok(CouplingMap::new(conf.n_qubits, pairs)?)
}

/// `rzz` is a gate of its own: its error says nothing of the coupler's health (it is 1 for couplers that work).
fn two_qubit_gates(props: &Properties) -> impl Iterator<Item = &Gate> {
    props.gates.iter().filter(|gate| gate.gate != "rzz" && gate.qubits.len() == 2)
}

fn speed(conf: &Configuration, calibrated_at: Option<&str>, warnings: &mut Vec<ImportWarning>) -> Speed {
    let typical = typical_speed(Technology::Superconducting);
    let old = calibrated_at.is_some_and(|date| date < "2022");
    let delay = conf.default_rep_delay.filter(|us| us.is_finite() && *us >= 0.0);
    let clops = [&conf.clops_h, &conf.clops, &conf.clops_v].into_iter().find_map(|value| value.as_f64());
    let job_overhead = if old { OLD_JOB_OVERHEAD } else { typical.job_overhead };
    let mut what = format!(
        "{job_overhead} per job, {} per circuit, {} per layer",
        typical.circuit_overhead, typical.layer
    );
    if delay.is_none() {
        what += &format!(", {} between shots", typical.repetition_delay);
    }
    warnings.push(ImportWarning::SpeedAssumed { what });
    Speed {
        job_overhead,
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
    let gates = one_qubit_gates(props, warnings)?;
    let measured = measure_gates(props, warnings)?;
    let mut without_readout = 0;
    let mut without_gate = 0;
    let mut qubits = Vec::with_capacity(count);
    for (index, (parameters, gate)) in props.qubits.iter().zip(gates).enumerate() {
        let qubit = index as u32;
        let seconds = |name| find(parameters, name).map(Parameter::seconds).transpose().map(Option::flatten);
        let positive = |seconds: &f64| *seconds > 0.0;
        let (t1, t2) = (seconds("T1")?.filter(positive), seconds("T2")?.filter(positive));
        let what = || format!("readout_error of qubit {qubit}");
        let readout = find(parameters, "readout_error").and_then(|found| found.error(what, warnings));
        if readout.is_none() && measured[index].0.is_some() {
            warnings.push(ImportWarning::ReadoutErrorOfGate { qubit });
        }
        let readout = readout.or(measured[index].0);
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
        if t2.is_none() && why.is_none() {
            warnings.push(ImportWarning::T2Assumed { qubit });
        }
        if t2_s > 2.0 * t1_s {
            warnings.push(ImportWarning::T2Clamped { qubit });
        }
        let readout_duration = seconds("readout_length")?.filter(positive).or(measured[index].1);
        without_readout += u32::from(readout_duration.is_none());
        let gate_duration = gate.and_then(|gate| gate.duration_s).filter(positive);
        without_gate += u32::from(gate_duration.is_none());
        qubits.push(QubitCalibration {
            t1_s,
            t2_s: t2_s.min(2.0 * t1_s),
            readout_error: readout.unwrap_or(1.0),
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
fn one_qubit_gates(
    props: &Properties,
    warnings: &mut Vec<ImportWarning>,
) -> Result<Vec<Option<GateFigures>>, ImportError> {
    const BY_PREFERENCE: [&str; 6] = ["sx", "x", "u2", "u3", "rx", "id"];
    let mut best: Vec<Option<(usize, &Gate)>> = vec![None; props.qubits.len()];
    for gate in &props.gates {
        let (&[qubit], Some(rank)) =
            (&gate.qubits[..], BY_PREFERENCE.iter().position(|name| *name == gate.gate))
        else {
            continue;
        };
        let slot = best.get_mut(qubit as usize).ok_or_else(|| out_of_range(gate, qubit, props))?;
        if slot.is_none_or(|(known, _)| rank < known) {
            *slot = Some((rank, gate));
        }
    }
    best.into_iter().map(|slot| slot.map(|(_, gate)| GateFigures::of(gate, warnings)).transpose()).collect()
}

/// Error and duration of the gate `measure`, as which newer files also give the readout, in seconds. Its error is
/// known only where it is given: unlike other gates it has another place to stand.
type MeasureFigures = (Option<f64>, Option<f64>);

fn measure_gates(
    props: &Properties,
    warnings: &mut Vec<ImportWarning>,
) -> Result<Vec<MeasureFigures>, ImportError> {
    let mut all = vec![None; props.qubits.len()];
    for gate in props.gates.iter().filter(|gate| gate.gate == "measure") {
        if let &[qubit] = &gate.qubits[..] {
            let slot = all.get_mut(qubit as usize).ok_or_else(|| out_of_range(gate, qubit, props))?;
            if slot.is_none() {
                let figures = GateFigures::of(gate, warnings)?;
                let given = find(&gate.parameters, "gate_error").and_then(Parameter::number);
                *slot = Some((given.map(|_| figures.error), figures.duration_s));
            }
        }
    }
    Ok(all.into_iter().map(|slot| slot.unwrap_or_default()).collect())
}

fn out_of_range(gate: &Gate, qubit: u32, props: &Properties) -> ImportError {
    ImportError::GateOutOfRange { gate: gate.gate.clone(), qubit, qubits: props.qubits.len() as u32 }
}

type Directions = Vec<(PhysicalQubit, PhysicalQubit)>;

/// The gates of one coupler so far: the figures of the best, its direction, and whether another has another error.
#[derive(Clone, Copy)]
struct Best {
    figures: GateFigures,
    direction: (PhysicalQubit, PhysicalQubit),
    differs: bool,
}

impl Best {
    /// The reverse of a directed gate has the same error and takes longer: two more pulses.
    fn key(&self) -> (f64, f64, u32) {
        (self.figures.error, self.figures.duration_s.unwrap_or(f64::INFINITY), self.direction.0.0)
    }
}

/// Per coupler the best of its two-qubit gates, in either direction.
fn best_gates(
    props: &Properties,
    map: &CouplingMap,
    warnings: &mut Vec<ImportWarning>,
) -> Result<Vec<Option<Best>>, ImportError> {
    let mut best: Vec<Option<Best>> = vec![None; map.couplers().len()];
    let mut seen: BTreeSet<(&str, &[u32])> = BTreeSet::new();
    for gate in two_qubit_gates(props) {
        let (a, b) = (gate.qubits[0], gate.qubits[1]);
        if a.max(b) as usize >= map.qubits() {
            return Err(out_of_range(gate, a.max(b), props));
        }
        // Of a gate that is given twice the first counts.
        let Some(coupler) = map.coupler(PhysicalQubit(a), PhysicalQubit(b)) else { continue };
        if !seen.insert((&gate.gate, &gate.qubits)) {
            continue;
        }
        let figures = GateFigures::of(gate, warnings)?;
        let direction = (PhysicalQubit(a), PhysicalQubit(b));
        let mut new = Best { figures, direction, differs: false };
        let slot = &mut best[coupler.index()];
        if let Some(known) = slot {
            new.differs = known.differs || known.figures.error != figures.error;
            known.differs = new.differs;
        }
        if slot.is_none_or(|known| new.key() < known.key()) {
            *slot = Some(new);
        }
    }
    let wide = props.gates.iter().filter(|gate| gate.qubits.len() > 2).count();
    if wide > 0 {
        warnings.push(ImportWarning::WideGatesLeftOut { gates: wide as u32 });
    }
    let differ = best.iter().flatten().filter(|best| best.differs).count();
    if differ > 0 {
        warnings.push(ImportWarning::ErrorsDiffer { couplers: differ as u32 });
    }
    Ok(best)
}

fn couplers(
    conf: &Configuration,
    props: &Properties,
    map: &CouplingMap,
    warnings: &mut Vec<ImportWarning>,
) -> Result<(Vec<CouplerCalibration>, Directions), ImportError> {
    let best = best_gates(props, map, warnings)?;
    if conf.coupling_map.is_none() {
        // Told once: most pairs of an assumed map may have no gate.
        let dead = best.iter().filter(|slot| slot.is_none()).count() as u32;
        warnings.push(ImportWarning::CouplingMapAssumed { pairs: best.len() as u32, dead });
    }
    let mut without_duration = 0;
    let mut calibrations = Vec::with_capacity(best.len());
    let mut directions = Vec::with_capacity(best.len());
    for (slot, &(a, b)) in best.into_iter().zip(map.couplers()) {
        let figures = slot.map(|best| best.figures);
        directions.push(slot.map_or((a, b), |best| best.direction));
        let error = figures.map_or(1.0, |figures| figures.error);
        let why = match figures {
            None => Some("it has no gate"),
            Some(figures) if figures.error >= DEAD_ERROR => Some("its gate is not calibrated"),
            Some(_) => None,
        };
        if figures.is_some() || conf.coupling_map.is_some() {
            warnings.extend(why.map(|why| ImportWarning::DeadCoupler { a: a.0, b: b.0, why }));
        }
        let duration = figures.and_then(|figures| figures.duration_s).filter(|seconds| *seconds > 0.0);
        without_duration +=
            u32::from(duration.is_none() && (figures.is_some() || conf.coupling_map.is_some()));
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
