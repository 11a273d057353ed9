//! Files of placement instances: devices with measured errors, sets of free qubits, patterns, and which pattern is
//! to be placed on which device beside what.
//!
//! Promises that what is read is in range and fits together, and errors that name the file and the path of the key
//! (`devices.fez156.edges[3]`). The form is that of the placement benchmark v1; keys it has beyond ours are left alone.

use std::fmt;
use std::marker::PhantomData;
use std::path::Path;
use std::sync::Arc;

use indexmap::IndexMap;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::allocator::placement::cost::Epoch;
use crate::allocator::placement::pattern::Pattern;
use crate::allocator::protocol::EpochNumber;
use crate::config_file::shown::near;
use crate::input_file;
use crate::quantum::calibration::{Calibration, CouplerCalibration, QubitCalibration};
use crate::quantum::circuit::InteractionGraph;
use crate::quantum::coupling_map::CouplingMap;
use crate::quantum::{PhysicalQubit, QubitSet};

/// Largest file that is read, bytes; the public benchmark has 0.3 MB.
pub const MAX_BYTES: usize = 256 << 20;

/// Most qubits of a device or a pattern: guards against a mistyped number filling the memory.
const MAX_QUBITS: u32 = 100_000;

/// A file of instances, checked.
#[derive(Debug, Clone)]
pub struct InstanceFile {
    /// The devices as the search sees them, in order of the file.
    pub devices: IndexMap<String, Epoch>,
    /// Free qubits under `device/busy`; dead ones may be among them.
    pub free: IndexMap<String, QubitSet>,
    /// The programs.
    pub patterns: IndexMap<String, InteractionGraph>,
    /// What is to be placed where.
    pub instances: Vec<Instance>,
}

/// A pattern to be placed on a device on which some qubits are busy.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    /// Name of the device.
    pub device: String,
    /// Name of the set of free qubits, without the device.
    pub busy: String,
    /// Name of the pattern.
    pub pattern: String,
    /// What is known of the best placement, if the file says so.
    pub best_known: Option<BestKnown>,
    /// Whether that was proved.
    pub proved: bool,
}

/// What is known of the best placement of an instance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum BestKnown {
    /// The best score that anybody found.
    Score(f64),
    /// There is none.
    Infeasible,
}

/// Why a file holds no instances.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InstanceFileError {
    /// It cannot be read.
    #[error("{path}: cannot read: {message}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system says.
        message: String,
    },
    /// It is no JSON, or something in it has the wrong form.
    #[error("{origin}:{line}:{column}: {key}: {message}")]
    Form {
        /// The file.
        origin: String,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// Path of the key, `.` at the top.
        key: String,
        /// What is wrong.
        message: String,
    },
    /// Something is out of range or does not fit the rest.
    #[error("{origin}: {key}: {message}")]
    Meaning {
        /// The file.
        origin: String,
        /// Path of the key.
        key: String,
        /// What is wrong.
        message: String,
    },
}

impl InstanceFile {
    /// Reads the file at `path`.
    pub fn load(path: &Path) -> Result<Self, InstanceFileError> {
        let origin = path.display().to_string();
        let failed = |message: String| InstanceFileError::Unreadable { path: origin.clone(), message };
        let text = input_file::text(path, MAX_BYTES).map_err(|error| failed(error.to_string()))?;
        Self::parse(&text, &origin)
    }

    /// Reads the instances in `text`; `origin` names it in errors.
    pub fn parse(text: &str, origin: &str) -> Result<Self, InstanceFileError> {
        let mut json = serde_json::Deserializer::from_str(text);
        let form: FileForm = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let key = error.path().to_string();
            form_error(origin, key, error.inner())
        })?;
        json.end().map_err(|error| form_error(origin, ".".to_owned(), &error))?;
        let wrong = |(key, message): (String, String)| InstanceFileError::Meaning {
            origin: origin.to_owned(),
            key,
            message,
        };
        form.checked().map_err(wrong)
    }

    /// The free qubits of an instance.
    pub fn free_of(&self, instance: &Instance) -> Option<&QubitSet> {
        self.free.get(&format!("{}/{}", instance.device, instance.busy))
    }
}

/// Compiles a program for the search; edges are required, so that no program is a mere region.
pub fn pattern_of(graph: &InteractionGraph) -> Pattern {
    Pattern::from_edges(graph.qubits(), graph.edges().to_vec(), false)
}

fn form_error(origin: &str, key: String, error: &serde_json::Error) -> InstanceFileError {
    let (line, column) = (error.line(), error.column());
    let message = error.to_string();
    let place = format!(" at line {line} column {column}");
    let message = message.strip_suffix(&place).unwrap_or(&message).to_owned();
    InstanceFileError::Form { origin: origin.to_owned(), line, column, key, message }
}

/// A key path and what is wrong there.
type Wrong = (String, String);

#[derive(Deserialize)]
struct FileForm {
    devices: Unique<DeviceForm>,
    free: Unique<Vec<u32>>,
    patterns: Unique<PatternForm>,
    instances: Vec<InstanceForm>,
}

#[derive(Deserialize)]
struct DeviceForm {
    num_qubits: u32,
    edges: Vec<(u32, u32, f64)>,
    readout: Vec<f64>,
}

#[derive(Deserialize)]
struct PatternForm {
    n: u32,
    edges: Vec<(u32, u32, u32)>,
}

#[derive(Deserialize)]
struct InstanceForm {
    device: String,
    busy: String,
    pattern: String,
    #[serde(default)]
    best_known: Option<BestKnown>,
    #[serde(default)]
    proved: bool,
}

impl FileForm {
    fn checked(self) -> Result<InstanceFile, Wrong> {
        let mut devices = IndexMap::new();
        for (name, form) in self.devices.0 {
            let epoch = form.epoch(&format!("devices.{name}"))?;
            devices.insert(name, epoch);
        }
        let mut free = IndexMap::new();
        for (name, qubits) in self.free.0 {
            let key = format!("free.{name}");
            let set = free_qubits(&devices, &name, &qubits).map_err(|message| (key, message))?;
            free.insert(name, set);
        }
        let mut patterns = IndexMap::new();
        for (name, form) in self.patterns.0 {
            let key = format!("patterns.{name}");
            if form.n > MAX_QUBITS {
                return Err((format!("{key}.n"), format!("{} is more than {MAX_QUBITS} qubits", form.n)));
            }
            let graph = InteractionGraph::new(form.n, form.edges)
                .map_err(|error| (format!("{key}.edges"), error.to_string()))?;
            patterns.insert(name, graph);
        }
        for (index, instance) in self.instances.iter().enumerate() {
            let at = |key: &str| format!("instances[{index}].{key}");
            known("device", &instance.device, devices.keys()).map_err(|message| (at("device"), message))?;
            known("pattern", &instance.pattern, patterns.keys())
                .map_err(|message| (at("pattern"), message))?;
            let prefix = format!("{}/", instance.device);
            if !free.contains_key(&format!("{prefix}{}", instance.busy)) {
                let others = free.keys().filter_map(|name| name.strip_prefix(&prefix));
                let unknown = unknown("list of free qubits of this device", &instance.busy, others);
                return Err((at("busy"), unknown));
            }
            if let Some(BestKnown::Score(score)) = instance.best_known
                && !(0.0..=1.0).contains(&score)
            {
                return Err((at("best_known"), format!("{score} is no probability; hint: 0 to 1")));
            }
        }
        let instances = self.instances.into_iter().map(|form| Instance {
            device: form.device,
            busy: form.busy,
            pattern: form.pattern,
            best_known: form.best_known,
            proved: form.proved,
        });
        Ok(InstanceFile { instances: instances.collect(), devices, free, patterns })
    }
}

impl DeviceForm {
    fn epoch(&self, key: &str) -> Result<Epoch, Wrong> {
        if self.num_qubits > MAX_QUBITS {
            let message = format!("{} is more than {MAX_QUBITS} qubits", self.num_qubits);
            return Err((format!("{key}.num_qubits"), message));
        }
        let probability = |error: f64| {
            if (0.0..=1.0).contains(&error) {
                Ok(error)
            } else {
                Err(format!("{error} is no error probability; hint: 0 to 1, and 0.5 or more means dead"))
            }
        };
        let edge = |index: usize| format!("{key}.edges[{index}]");
        let mut errors = IndexMap::new();
        for (index, &(a, b, error)) in self.edges.iter().enumerate() {
            let error = probability(error).map_err(|message| (edge(index), message))?;
            if errors.insert((a.min(b), a.max(b)), error).is_some() {
                return Err((edge(index), format!("[{a}, {b}] is there twice; hint: one error per coupler")));
            }
            CouplingMap::new(self.num_qubits, [(a, b)]).map_err(|error| (edge(index), error.to_string()))?;
        }
        let map = CouplingMap::new(self.num_qubits, errors.keys().copied())
            .map_err(|error| (format!("{key}.num_qubits"), error.to_string()))?;
        let (given, wanted) = (self.readout.len(), self.num_qubits as usize);
        if given != wanted {
            let message = format!("{given} readout errors for {wanted} qubits; hint: one per qubit");
            return Err((format!("{key}.readout"), message));
        }
        let mut qubits = Vec::with_capacity(wanted);
        for (index, &error) in self.readout.iter().enumerate() {
            let readout_error =
                probability(error).map_err(|message| (format!("{key}.readout[{index}]"), message))?;
            qubits.push(QubitCalibration::with_readout_error(readout_error));
        }
        let couplers =
            map.couplers().iter().map(|(a, b)| CouplerCalibration::with_error(errors[&(a.0, b.0)]));
        let calibration = Calibration { qubits, couplers: couplers.collect() };
        let offline = QubitSet::new(map.qubits());
        Ok(Epoch::new(EpochNumber(0), Arc::new(map), Arc::new(calibration), &offline, &[]))
    }
}

fn free_qubits(devices: &IndexMap<String, Epoch>, name: &str, qubits: &[u32]) -> Result<QubitSet, String> {
    let Some((device, _)) = name.split_once('/') else {
        return Err("no device in the name; hint: write `device/name`".to_owned());
    };
    known("device", device, devices.keys())?;
    let capacity = devices[device].qubits();
    let mut set = QubitSet::new(capacity);
    for &qubit in qubits {
        if qubit as usize >= capacity {
            return Err(format!(
                "qubit {qubit} is out of range; hint: {device} has qubits 0 to {}",
                capacity - 1
            ));
        }
        if !set.insert(PhysicalQubit(qubit)) {
            return Err(format!("qubit {qubit} is there twice"));
        }
    }
    Ok(set)
}

fn known<'a>(what: &str, name: &str, names: impl Iterator<Item = &'a String> + Clone) -> Result<(), String> {
    if names.clone().any(|known| known == name) {
        return Ok(());
    }
    Err(unknown(what, name, names.map(String::as_str)))
}

/// Most names that an error lists.
const NAMES_SHOWN: usize = 12;

fn unknown<'a>(what: &str, name: &str, names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    let close = near(name, names.iter().copied());
    let mut listed = names.iter().take(NAMES_SHOWN).copied().collect::<Vec<_>>().join(", ");
    if names.len() > NAMES_SHOWN {
        listed += &format!(" and {} more", names.len() - NAMES_SHOWN);
    }
    let hint = match (&close[..], names.is_empty()) {
        (_, true) => "there are none".to_owned(),
        ([], _) => format!("there are {listed}"),
        (close, _) => format!("did you mean {}? there are {listed}", close.join(" or ")),
    };
    format!("no {what} is called `{name}`; hint: {hint}")
}

impl<'de> Deserialize<'de> for BestKnown {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl Visitor<'_> for Form {
            type Value = BestKnown;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a score or \"infeasible\"")
            }
            fn visit_f64<E: serde::de::Error>(self, score: f64) -> Result<BestKnown, E> {
                Ok(BestKnown::Score(score))
            }
            fn visit_u64<E: serde::de::Error>(self, score: u64) -> Result<BestKnown, E> {
                Ok(BestKnown::Score(score as f64))
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<BestKnown, E> {
                match text {
                    "infeasible" => Ok(BestKnown::Infeasible),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
                }
            }
        }
        deserializer.deserialize_any(Form)
    }
}

/// A map in which no key comes twice.
struct Unique<T>(IndexMap<String, T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Unique<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Form<T> {
            type Value = Unique<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of names")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Unique<T>, A::Error> {
                let mut all = IndexMap::new();
                while let Some(name) = map.next_key::<String>()? {
                    let value = map.next_value()?;
                    if all.contains_key(&name) {
                        return Err(serde::de::Error::custom(format_args!("`{name}` is there twice")));
                    }
                    all.insert(name, value);
                }
                Ok(Unique(all))
            }
        }
        deserializer.deserialize_map(Form(PhantomData))
    }
}
