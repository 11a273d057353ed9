//! Commands and events as text: devices with all their figures, job requests without what is the default.
//!
//! The one form of both in journals, and wherever else they leave the process. Promises that what is written is read back
//! bit for bit (floats in the shortest text that reads back the same, infinite coherence times as `"inf"`), and that
//! what was changed by hand is refused with a reason, or makes sense. Made for JSON. A change of the form is a change of
//! [`VERSION`].

use std::sync::{Arc, LazyLock};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::ids::JobId;
use super::request::{JobRequest, Topology};
use crate::quantum::DeviceId;
use crate::quantum::calibration::{Calibration, CouplerCalibration, QubitCalibration};
use crate::quantum::circuit::InteractionGraph;
use crate::quantum::device::DeviceSpec;

/// Rises with every change of the form that older programs cannot read.
pub const VERSION: u32 = 4;

/// A device with its figures.
pub(super) mod device {
    use super::{Arc, Calibration, Deserialize, Deserializer, DeviceSpec, Figures, Serialize, Serializer};
    use serde::de::Error as _;

    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Form {
        /// Without figures.
        #[serde(deserialize_with = "super::spec_of_sane_size")]
        spec: Box<DeviceSpec>,
        figures: Figures,
    }

    pub fn serialize<S: Serializer>(spec: &Arc<DeviceSpec>, serializer: S) -> Result<S::Ok, S::Error> {
        let none = Arc::new(Calibration { qubits: Vec::new(), couplers: Vec::new() });
        let bare = DeviceSpec { calibration: none, ..DeviceSpec::clone(spec) };
        let figures = Figures::from(&*spec.calibration);
        Form { spec: Box::new(bare), figures }.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<DeviceSpec>, D::Error> {
        let Form { spec, figures } = Form::deserialize(deserializer)?;
        let calibration = Arc::new(figures.calibration().map_err(D::Error::custom)?);
        let (qubits, couplers) = (spec.coupling_map.qubits(), spec.coupling_map.coupler_figures());
        if (calibration.qubits.len(), calibration.couplers.len()) != (qubits, couplers) {
            let message = format!("the figures do not fit a device of {qubits} qubits, {couplers} couplers");
            return Err(D::Error::custom(message));
        }
        Ok(Arc::new(DeviceSpec { calibration, ..*spec }))
    }
}

/// The figures of a device.
pub(super) mod figures {
    use super::{Arc, Calibration, Deserialize, Deserializer, Figures, Serialize, Serializer};
    use serde::de::Error as _;

    pub fn serialize<S: Serializer>(
        calibration: &Arc<Calibration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        Figures::from(&**calibration).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<Calibration>, D::Error> {
        Figures::deserialize(deserializer)?.calibration().map(Arc::new).map_err(D::Error::custom)
    }
}

/// What a job asks for.
pub(super) mod request {
    use super::{Arc, Deserialize, Deserializer, JobRequest, RequestForm, Serialize, Serializer, sound};
    use serde::de::Error as _;

    pub fn serialize<S: Serializer>(request: &Arc<JobRequest>, serializer: S) -> Result<S::Ok, S::Error> {
        RequestForm(request.clone()).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<JobRequest>, D::Error> {
        let RequestForm(request) = RequestForm::deserialize(deserializer)?;
        sound(&request.topology).map_err(D::Error::custom)?;
        Ok(request)
    }
}

/// The number of a device that joins.
pub(super) fn number_of_device<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DeviceId, D::Error> {
    let id = DeviceId::deserialize(deserializer)?;
    if u64::from(id.0) > QUBITS_MAX {
        return Err(D::Error::custom(format_args!("a device has a number up to {QUBITS_MAX}")));
    }
    Ok(id)
}

/// Most qubits of a device that is read, and highest number of a device: a changed digit must not fill the memory.
const QUBITS_MAX: u64 = 1_000_000;

fn spec_of_sane_size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Box<DeviceSpec>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let qubits = value.get("coupling_map").and_then(|map| map.get("qubits")?.as_u64());
    if qubits.is_none_or(|qubits| qubits > QUBITS_MAX) {
        return Err(D::Error::custom(format_args!("a device has at most {QUBITS_MAX} qubits")));
    }
    serde_json::from_value(value).map_err(D::Error::custom)
}

/// Checks what the readers of shapes elsewhere check: a journal may have been changed by hand.
fn sound(topology: &Topology) -> Result<(), String> {
    let graph: &InteractionGraph = match topology {
        Topology::Custom(graph) => graph,
        Topology::Circuit(profile) => {
            let qubits = profile.interactions.qubits() as usize;
            if (profile.one_qubit_gates.len(), profile.measured.len()) != (qubits, qubits) {
                return Err(format!(
                    "the circuit does not say of all its {qubits} qubits what is done to them"
                ));
            }
            &profile.interactions
        }
        _ => return Ok(()),
    };
    let edges = graph.edges().iter().map(|(a, b, times)| (a.0, b.0, *times));
    match InteractionGraph::new(graph.qubits(), edges) {
        Ok(sound) if sound == *graph => Ok(()),
        Ok(_) => Err("the interactions are not in order".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// A job request; fields that are as in [`JobRequest::new`] are left out.
#[derive(Debug)]
struct RequestForm(Arc<JobRequest>);

/// All fields of a request that asks for nothing.
static PLAIN: LazyLock<Map<String, Value>> =
    LazyLock::new(|| match serde_json::to_value(JobRequest::new(JobId(0), 1, Topology::Any)) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    });

impl Serialize for RequestForm {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value = serde_json::to_value(&*self.0).map_err(serde::ser::Error::custom)?;
        let Value::Object(mut fields) = value else {
            return Err(serde::ser::Error::custom("a request is no object"));
        };
        fields.retain(|key, value| key == "id" || PLAIN.get(key) != Some(&*value));
        fields.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RequestForm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let given = Map::<String, Value>::deserialize(deserializer)?;
        if !given.contains_key("id") {
            return Err(D::Error::missing_field("id"));
        }
        let mut fields = PLAIN.clone();
        for (key, value) in given {
            match fields.get_mut(&key) {
                Some(field) => *field = value,
                None => return Err(D::Error::custom(format_args!("a job request has no field `{key}`"))),
            }
        }
        serde_json::from_value(Value::Object(fields))
            .map(|request| Self(Arc::new(request)))
            .map_err(D::Error::custom)
    }
}

/// The figures of a calibration, one list per kind of figure.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Figures {
    t1_s: Vec<Number>,
    t2_s: Vec<Number>,
    readout_error: Vec<Number>,
    one_qubit_error: Vec<Number>,
    one_qubit_duration_s: Vec<Number>,
    readout_duration_s: Vec<Number>,
    /// Numbers of the qubits that are dead.
    dead_qubits: Vec<u32>,
    two_qubit_error: Vec<Number>,
    two_qubit_duration_s: Vec<Number>,
    /// Numbers of the couplers that are dead.
    dead_couplers: Vec<u32>,
}

/// A float as JSON, which knows no infinity.
#[derive(Debug, Clone, Copy)]
struct Number(f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_finite() { serializer.serialize_f64(self.0) } else { serializer.collect_str(&self.0) }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Finite(f64),
            Text(String),
        }
        match Either::deserialize(deserializer)? {
            Either::Finite(value) => Ok(Self(value)),
            Either::Text(text) if text == "inf" => Ok(Self(f64::INFINITY)),
            Either::Text(_) => Err(D::Error::custom("a figure is a number, or \"inf\"")),
        }
    }
}

impl From<&Calibration> for Figures {
    fn from(calibration: &Calibration) -> Self {
        let qubits = &calibration.qubits;
        let couplers = &calibration.couplers;
        let of =
            |pick: fn(&QubitCalibration) -> f64| qubits.iter().map(|qubit| Number(pick(qubit))).collect();
        let between = |pick: fn(&CouplerCalibration) -> f64| {
            couplers.iter().map(|coupler| Number(pick(coupler))).collect()
        };
        let dead = |(index, dead): (u32, bool)| dead.then_some(index);
        Self {
            t1_s: of(|qubit| qubit.t1_s),
            t2_s: of(|qubit| qubit.t2_s),
            readout_error: of(|qubit| qubit.readout_error),
            one_qubit_error: of(|qubit| qubit.one_qubit_error),
            one_qubit_duration_s: of(|qubit| qubit.one_qubit_duration_s),
            readout_duration_s: of(|qubit| qubit.readout_duration_s),
            dead_qubits: (0..).zip(qubits.iter().map(|qubit| qubit.dead)).filter_map(dead).collect(),
            two_qubit_error: between(|coupler| coupler.two_qubit_error),
            two_qubit_duration_s: between(|coupler| coupler.two_qubit_duration_s),
            dead_couplers: (0..).zip(couplers.iter().map(|coupler| coupler.dead)).filter_map(dead).collect(),
        }
    }
}

impl Figures {
    fn calibration(self) -> Result<Calibration, String> {
        let (qubits, couplers) = (self.t1_s.len(), self.two_qubit_error.len());
        let lists = [
            &self.t2_s,
            &self.readout_error,
            &self.one_qubit_error,
            &self.one_qubit_duration_s,
            &self.readout_duration_s,
        ];
        if lists.iter().any(|list| list.len() != qubits) || self.two_qubit_duration_s.len() != couplers {
            return Err("the lists of figures are of different lengths".to_owned());
        }
        let errors = [&self.readout_error, &self.one_qubit_error, &self.two_qubit_error];
        if errors.into_iter().flatten().any(|error| !(0.0..=1.0).contains(&error.0)) {
            return Err("an error lies outside of 0 to 1".to_owned());
        }
        let times = [
            &self.t1_s,
            &self.t2_s,
            &self.one_qubit_duration_s,
            &self.readout_duration_s,
            &self.two_qubit_duration_s,
        ];
        if times.into_iter().flatten().any(|time| time.0.is_nan() || time.0 < 0.0) {
            return Err("a time is below zero".to_owned());
        }
        let mut calibration = Calibration {
            qubits: (0..qubits)
                .map(|index| QubitCalibration {
                    t1_s: self.t1_s[index].0,
                    t2_s: self.t2_s[index].0,
                    readout_error: self.readout_error[index].0,
                    one_qubit_error: self.one_qubit_error[index].0,
                    one_qubit_duration_s: self.one_qubit_duration_s[index].0,
                    readout_duration_s: self.readout_duration_s[index].0,
                    dead: false,
                })
                .collect(),
            couplers: (0..couplers)
                .map(|index| CouplerCalibration {
                    two_qubit_error: self.two_qubit_error[index].0,
                    two_qubit_duration_s: self.two_qubit_duration_s[index].0,
                    dead: false,
                })
                .collect(),
        };
        for qubit in self.dead_qubits {
            calibration.qubits.get_mut(qubit as usize).ok_or("a dead qubit that does not exist")?.dead = true;
        }
        for coupler in self.dead_couplers {
            calibration
                .couplers
                .get_mut(coupler as usize)
                .ok_or("a dead coupler that does not exist")?
                .dead = true;
        }
        Ok(calibration)
    }
}
