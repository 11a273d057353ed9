//! A job template in a scenario file: the whole job request, every number constant or drawn.

use std::fmt;

use schemars::JsonSchema;
use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::outcomes::OutcomesFile;
use super::preset::Preset;
use crate::allocator::protocol::{Attributes, Elasticity, IsolationLevel};
use crate::simulator::workload::distribution::Draw;
use crate::time::Span;

/// What a job asks for. Values marked "drawn" are constants or distributions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct JobTemplate {
    /// Name, for results. Default: `job-` and the number of the template.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A mix that comes with the program, as the default for what is left out here. Default none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preset: Option<Preset>,
    /// How often, relative to the other templates. Default 1.
    #[schemars(range(min = 0))]
    pub weight: f64,
    /// How many jobs that are all alike come with each arrival, in one request, drawn; from 1 to 10,000, to which larger
    /// draws are cut. Each is a job of its own, with a number of its own; all else is drawn once. Rates, numbers of arrivals and
    /// weights of templates count arrays, not their jobs. Default 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub array: Option<Draw<u32>>,
    /// Number of qubits, drawn. May be left out where the topology fixes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qubits: Option<Draw<u32>>,
    /// Least number of qubits, drawn; instead of `qubits`, with `max_qubits`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_qubits: Option<Draw<u32>>,
    /// Largest number of qubits, drawn; with `min_qubits`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_qubits: Option<Draw<u32>>,
    /// What becomes of qubits beyond the least number. Default largest.
    pub elasticity: Elasticity,
    /// Which qubits interact. Default any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topology: Option<TopologyFile>,
    /// Number of circuits, drawn. Default 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub circuits: Option<Draw<u32>>,
    /// Shots per circuit, drawn. Default 4000, the median on IBM's devices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shots: Option<Draw<u64>>,
    /// Layers per circuit, drawn; 0: unknown, every interaction counts once. Default: that of the circuit of `topology`,
    /// else 114, the median on IBM's devices. Shapes are placed for the nearest power of two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depth: Option<Draw<u32>>,
    /// The job's own time on the device, drawn, for `hardware: {runtime: distribution}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_time: Option<Draw<Span>>,
    /// The walltime that the job states. Default none.
    pub estimated_duration: EstimateFile,
    /// How urgent: low (-100), normal (0), high (100), critical (1000), or a number; larger is more urgent. Looked at where
    /// `allocator.order` is `priority`. Default normal.
    pub priority: PriorityFile,
    /// How separate from other jobs: weak, medium, strong, or each demand by itself. Default: the allocator's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub isolation: Option<IsolationFile>,
    /// Devices to try first, in this order: names of the fleet, in which `*` stands for any text, vendors (`IBM`),
    /// technologies (`trapped_ion`) and `aliases`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub device_preference: Vec<String>,
    /// Devices never to use, named in the same way.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub excluded_devices: Vec<String>,
    /// Longest time in the queue, drawn; then the job expires. Default: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_wait_time: Option<Draw<Span>>,
    /// Time from arrival by which the job must have ended, drawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Draw<Span>>,
    /// Bound on the mean fidelity per gate, 0 to 1; a number is a hard bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fidelity_requirement: Option<QualityFile>,
    /// Bound on the estimated success probability, 0 to 1; a number is a hard bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_success_probability: Option<QualityFile>,
    /// Allowed 1 - estimated success probability, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise_budget: Option<f64>,
    /// Least T1 and T2 of the qubits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coherence_time_required: Option<Span>,
    /// Limits on the elements that may be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<ElementLimitsFile>,
    /// Most SWAP gates that routing may add.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_swap_operations: Option<u32>,
    /// Time between two checkpoints.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint_interval: Option<Span>,
    /// Number of independent executions. Default 1.
    #[schemars(range(min = 1))]
    pub redundancy: u32,
    /// Facts for policies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attributes: Option<Attributes>,
    /// Whose jobs these are. Default: drawn from `tenants` of the workload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantFile>,
    /// How these jobs end. Default: `outcomes` of the workload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcomes: Option<OutcomesFile>,
}

impl Default for JobTemplate {
    fn default() -> Self {
        Self {
            name: None,
            preset: None,
            weight: 1.0,
            array: None,
            qubits: None,
            min_qubits: None,
            max_qubits: None,
            elasticity: Elasticity::Largest,
            topology: None,
            circuits: None,
            shots: None,
            depth: None,
            execution_time: None,
            estimated_duration: EstimateFile::None,
            priority: PriorityFile::Named(PriorityName::Normal),
            isolation: None,
            device_preference: Vec::new(),
            excluded_devices: Vec::new(),
            max_wait_time: None,
            deadline: None,
            fidelity_requirement: None,
            min_success_probability: None,
            noise_budget: None,
            coherence_time_required: None,
            limits: None,
            max_swap_operations: None,
            checkpoint_interval: None,
            redundancy: 1,
            attributes: None,
            tenant: None,
            outcomes: None,
        }
    }
}

/// Which qubits of a job interact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum TopologyFile {
    /// Any connected region.
    Any,
    /// A chain.
    #[serde(alias = "linear")]
    Line,
    /// A closed chain, at least 3 qubits.
    Ring,
    /// One centre with all others around it.
    Star,
    /// A balanced binary tree.
    Tree,
    /// A square lattice.
    Grid {
        /// Number of rows.
        rows: u32,
        /// Number of columns.
        columns: u32,
    },
    /// The first qubits of a heavy-hex lattice.
    HeavyHex,
    /// Every qubit with every other.
    Complete,
    /// Given edge by edge, or as a connectivity matrix.
    Custom {
        /// Pairs of interacting qubits, numbered from 0.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        edges: Option<Vec<(u32, u32)>>,
        /// Instead of edges: row a, column b is the number of two-qubit gates between a and b; symmetric.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        matrix: Option<Vec<Vec<u32>>>,
    },
    /// Those of a circuit, which also gives gates and depth: a generated one such as `ghz:20` or
    /// `qaoa_ring:12,layers=3` (see `rmsim circuit list`), or the path of an OpenQASM file, relative to the scenario,
    /// which contains `/` or ends in `.qasm`.
    Circuit(String),
    /// One of several shapes, by weight: `[[line, 2], [ring, 1]]`. A ring of fewer than 3 qubits becomes a line.
    Choice(Vec<(TopologyFile, f64)>),
}

/// The walltime that a job states.
#[derive(Debug, Clone, PartialEq)]
pub enum EstimateFile {
    /// None.
    None,
    /// So many times the time it takes on the slowest device of the fleet: its owner does not know where it will run.
    TimesExecution(Draw<f64>),
    /// Given by itself.
    Span(Draw<Span>),
}

/// The form of [`EstimateFile`] with a key.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum EstimateKeyed {
    /// No estimate.
    None,
    /// So many times the time the job takes on the slowest device of the fleet, drawn: its owner does not know where it
    /// will run.
    TimesExecution(Draw<f64>),
    /// A duration of its own, drawn.
    Span(Draw<Span>),
}

impl Serialize for EstimateFile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => EstimateKeyed::None.serialize(serializer),
            Self::TimesExecution(factor) => {
                EstimateKeyed::TimesExecution(factor.clone()).serialize(serializer)
            }
            Self::Span(Draw::Constant(span)) => span.serialize(serializer),
            Self::Span(span) => EstimateKeyed::Span(span.clone()).serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for EstimateFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EstimateVisitor;

        impl<'de> Visitor<'de> for EstimateVisitor {
            type Value = EstimateFile;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a duration such as 5m, {times_execution: 1.5}, {span: {uniform: [1m, 5m]}}, or none",
                )
            }

            fn visit_unit<E>(self) -> Result<EstimateFile, E> {
                Ok(EstimateFile::None)
            }

            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<EstimateFile, E> {
                self.visit_str(&value.to_string())
            }

            fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<EstimateFile, E> {
                self.visit_str(&value.to_string())
            }

            fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<EstimateFile, E> {
                self.visit_str(&value.to_string())
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<EstimateFile, E> {
                if text == "none" {
                    return Ok(EstimateFile::None);
                }
                let span = text.parse().map_err(E::custom)?;
                Ok(EstimateFile::Span(Draw::Constant(span)))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<EstimateFile, A::Error> {
                Ok(match EstimateKeyed::deserialize(MapAccessDeserializer::new(map))? {
                    EstimateKeyed::None => EstimateFile::None,
                    EstimateKeyed::TimesExecution(factor) => EstimateFile::TimesExecution(factor),
                    EstimateKeyed::Span(span) => EstimateFile::Span(span),
                })
            }
        }

        deserializer.deserialize_any(EstimateVisitor)
    }
}

impl JsonSchema for EstimateFile {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Estimate".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let span = generator.subschema_for::<Span>();
        let keyed = EstimateKeyed::json_schema(generator);
        schemars::json_schema!({
            "description": "A duration, {times_execution: factor}, {span: drawn duration}, or none.",
            "anyOf": [keyed, span],
        })
    }
}

/// How urgent a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PriorityFile {
    /// By name.
    Named(PriorityName),
    /// As a number; larger is more urgent, normal is 0.
    Number(i32),
}

/// A priority by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PriorityName {
    /// -100.
    Low,
    /// 0.
    Normal,
    /// 100.
    High,
    /// 1000.
    Critical,
}

impl Serialize for PriorityFile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Named(name) => name.serialize(serializer),
            Self::Number(number) => number.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for PriorityFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const OUT_OF_RANGE: &str = "a priority lies between -2147483648 and 2147483647";

        struct PriorityVisitor;

        impl Visitor<'_> for PriorityVisitor {
            type Value = PriorityFile;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("low, normal, high, critical or a whole number")
            }

            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<PriorityFile, E> {
                i32::try_from(value).map(PriorityFile::Number).map_err(|_| E::custom(OUT_OF_RANGE))
            }

            fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<PriorityFile, E> {
                i32::try_from(value).map(PriorityFile::Number).map_err(|_| E::custom(OUT_OF_RANGE))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<PriorityFile, E> {
                PriorityName::deserialize(StrDeserializer::new(text)).map(PriorityFile::Named)
            }
        }

        deserializer.deserialize_any(PriorityVisitor)
    }
}

impl JsonSchema for PriorityFile {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Priority".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let name = generator.subschema_for::<PriorityName>();
        let number = schemars::json_schema!({ "type": "integer", "minimum": i32::MIN, "maximum": i32::MAX });
        schemars::json_schema!({ "anyOf": [name, number] })
    }
}

/// How separate a job is from others: each demand by itself.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IsolationDemands {
    /// The level. Default: the allocator's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<IsolationLevel>,
    /// Idle qubits between this job and any other. Default: that of the level.
    #[serde(alias = "spatial_separation", skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 16))]
    pub buffer_distance: Option<u32>,
    /// Time during which the qubits stay blocked after the job. Default: that of the level.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temporal_separation: Option<Span>,
    /// Whether the qubits are reset before the start. Default: that of the level.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hardware_reset: Option<bool>,
    /// Largest error that other jobs are expected to add to a two-qubit gate by crosstalk, 0 to 1. Jobs that start later
    /// keep to it as well. Matters without a buffer, on superconducting devices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_crosstalk: Option<f64>,
}

/// How separate a job is from others: a level, or each demand by itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct IsolationFile(pub IsolationDemands);

impl Serialize for IsolationFile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for IsolationFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IsolationVisitor;

        impl<'de> Visitor<'de> for IsolationVisitor {
            type Value = IsolationFile;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("weak, medium, strong, or demands such as {buffer_distance: 2}")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<IsolationFile, E> {
                let level = IsolationLevel::deserialize(StrDeserializer::new(text))?;
                Ok(IsolationFile(IsolationDemands { level: Some(level), ..IsolationDemands::default() }))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<IsolationFile, A::Error> {
                IsolationDemands::deserialize(MapAccessDeserializer::new(map)).map(IsolationFile)
            }
        }

        deserializer.deserialize_any(IsolationVisitor)
    }
}

impl JsonSchema for IsolationFile {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Isolation demands".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let level = generator.subschema_for::<IsolationLevel>();
        let demands = generator.subschema_for::<IsolationDemands>();
        schemars::json_schema!({ "anyOf": [level, demands] })
    }
}

/// A bound on a quality.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct QualityFile {
    /// Least value, 0 to 1.
    pub at_least: f64,
    /// Whether missing it forbids the start, or only flags the job. Default true.
    #[schemars(default = "yes")]
    pub hard: bool,
}

fn yes() -> bool {
    true
}

impl<'de> Deserialize<'de> for QualityFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Keyed {
            at_least: f64,
            #[serde(default = "yes")]
            hard: bool,
        }

        struct QualityVisitor;

        impl<'de> Visitor<'de> for QualityVisitor {
            type Value = QualityFile;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number from 0 to 1, or {at_least: 0.99, hard: false}")
            }

            fn visit_f64<E>(self, at_least: f64) -> Result<QualityFile, E> {
                Ok(QualityFile { at_least, hard: true })
            }

            fn visit_u64<E>(self, value: u64) -> Result<QualityFile, E> {
                Ok(QualityFile { at_least: value as f64, hard: true })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<QualityFile, A::Error> {
                let Keyed { at_least, hard } = Keyed::deserialize(MapAccessDeserializer::new(map))?;
                Ok(QualityFile { at_least, hard })
            }
        }

        deserializer.deserialize_any(QualityVisitor)
    }
}

/// Limits on the elements that a job may use.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ElementLimitsFile {
    /// Least T1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_t1: Option<Span>,
    /// Least T2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_t2: Option<Span>,
    /// Largest error of a one-qubit gate, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_one_qubit_error: Option<f64>,
    /// Largest error of a two-qubit gate, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_two_qubit_error: Option<f64>,
    /// Largest readout error, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_readout_error: Option<f64>,
}

/// Whose job it is. A name must be listed under `allocator.tenants`; whose group or project is left out there follows from
/// the name of its project or user.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TenantFile {
    /// The person, by name or number. Default 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<TenantKey>,
    /// The group, by name or number. Default 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<TenantKey>,
    /// The project, by name or number. Default 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<TenantKey>,
}

/// A group, a project or a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TenantKey {
    /// By number.
    Number(u32),
    /// By name.
    Name(String),
}

impl Serialize for TenantKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Name(name) => name.serialize(serializer),
            Self::Number(number) => number.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for TenantKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;

        impl Visitor<'_> for KeyVisitor {
            type Value = TenantKey;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name, or a number from 0 to 4294967295")
            }

            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<TenantKey, E> {
                let number = u32::try_from(value);
                number
                    .map(TenantKey::Number)
                    .map_err(|_| E::invalid_value(Unexpected::Unsigned(value), &self))
            }

            fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<TenantKey, E> {
                let number = u32::try_from(value);
                number.map(TenantKey::Number).map_err(|_| E::invalid_value(Unexpected::Signed(value), &self))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<TenantKey, E> {
                Ok(TenantKey::Name(text.to_owned()))
            }
        }

        deserializer.deserialize_any(KeyVisitor)
    }
}

impl JsonSchema for TenantKey {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TenantKey".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "anyOf": [{ "type": "string" }, { "type": "integer", "minimum": 0, "maximum": u32::MAX }],
        })
    }
}
