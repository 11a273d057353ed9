//! The keys of a plan file, their meaning and their defaults: what the schema and the editors show.
//!
//! Promises types and spelling. Leaves what needs more than one key, or the base scenario, to [`super::plan`].

use std::fmt;
use std::path::Path;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::config_file::{Kind, YamlFile};

/// What errors about plans show.
pub const PLAN: Kind = Kind {
    name: "plan",
    example: "scenarios/sweeps/buffers.yaml",
    empty_hint: "see scenarios/quickstart.yaml, or `rmsim schema` for all keys",
    second_hint: "one scenario per file",
    too_large: "too many values for a scenario",
    keys: &[("sweep", "sweep: my-first"), ("base", "base: quickstart, or base: ../saturated.yaml")],
    synonyms: &[],
};

/// A plan of a sweep: every combination of settings, each in several replications.
///
/// Paths of settings are written as after `--set`: keys separated by dots, list items by number.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Plan")]
pub struct PlanFile {
    /// Name of the sweep: letters, digits, `-` and `_`.
    #[schemars(regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"))]
    pub sweep: String,
    /// What it asks, for people.
    #[serde(default)]
    pub description: String,
    /// The scenario that the settings change: a path relative to the plan, or `quickstart`, which is built in.
    pub base: String,
    /// Root of all randomness. Replication r is the same world in every combination whose settings leave the world as it
    /// is. Default: the base scenario's.
    #[serde(default)]
    pub seed: Option<u64>,
    /// Independent repetitions of every combination. Default: the base scenario's.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub replications: Option<u32>,
    /// Settings of all combinations, by path.
    #[serde(default)]
    pub set: IndexMap<String, Value>,
    /// Named groups of settings, such as strategies; each is combined with the whole matrix.
    #[serde(default)]
    pub variants: Vec<VariantFile>,
    /// Settings that vary, by path; all values of one are combined with all values of the others.
    #[serde(default)]
    pub matrix: IndexMap<String, AxisFile>,
    /// Combinations of the matrix that are left out: those which match all names of an entry.
    #[serde(default)]
    pub exclude: Vec<IndexMap<String, Choice>>,
    /// Combinations beside the matrix, after `exclude`: a value for every name, one of its own or a new one.
    #[serde(default)]
    pub include: Vec<IndexMap<String, Value>>,
    /// Metrics of the tables, as in `waiting_time_s.p95` or `qubit_utilization[ibm_fez]`. Default: all of the fleet.
    #[serde(default)]
    pub metrics: Vec<String>,
    /// Plots of one metric against another over the first axis that has numbers: what has to be given up of one for the other.
    #[serde(default)]
    pub trade_offs: Vec<TradeOffFile>,
    /// Where the expected values come from, for tables and plots.
    #[serde(default)]
    pub reference: String,
    /// Values that means over the replications are compared with.
    #[serde(default)]
    pub expected: Vec<ExpectedFile>,
}

/// Two metrics in one plot.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TradeOffFile {
    /// The metric that runs from left to right, as under `metrics`.
    pub x: String,
    /// The metric that runs upwards.
    pub y: String,
}

/// A named group of settings.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VariantFile {
    /// Its name in tables and plots.
    pub name: String,
    /// Its settings, by path. Default: none, which is the base scenario as it is.
    #[serde(default)]
    pub set: IndexMap<String, Value>,
}

/// A setting that varies.
#[derive(Debug, Clone, PartialEq)]
pub struct AxisFile {
    /// Its name in tables, plots and conditions; `None` for the last key of its path.
    pub name: Option<String>,
    /// Its values with their labels; `None` for the value itself.
    pub values: Vec<(Option<String>, Value)>,
}

/// An axis with a name.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NamedAxis {
    /// Name in tables, plots and conditions. Default: the last key of the path.
    #[serde(default)]
    name: Option<String>,
    /// The values: a list, or labels with values.
    values: AxisValues,
}

/// A list of values, or labels with values.
#[derive(Debug)]
struct AxisValues(Vec<(Option<String>, Value)>);

impl<'de> Deserialize<'de> for AxisFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AxisVisitor;

        impl<'de> Visitor<'de> for AxisVisitor {
            type Value = AxisFile;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of values, or {name: ..., values: ...}")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<AxisFile, A::Error> {
                let AxisValues(values) = AxisValues::deserialize(SeqAccessDeserializer::new(seq))?;
                Ok(AxisFile { name: None, values })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<AxisFile, A::Error> {
                let axis = NamedAxis::deserialize(MapAccessDeserializer::new(map))?;
                Ok(AxisFile { name: axis.name, values: axis.values.0 })
            }
        }

        deserializer.deserialize_any(AxisVisitor)
    }
}

impl<'de> Deserialize<'de> for AxisValues {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ValuesVisitor;

        impl<'de> Visitor<'de> for ValuesVisitor {
            type Value = AxisValues;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of values, or labels with values")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<AxisValues, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = seq.next_element()? {
                    values.push((None, value));
                }
                Ok(AxisValues(values))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<AxisValues, A::Error> {
                let mut values = Vec::new();
                while let Some((label, value)) = map.next_entry()? {
                    values.push((Some(label), value));
                }
                Ok(AxisValues(values))
            }
        }

        deserializer.deserialize_any(ValuesVisitor)
    }
}

impl JsonSchema for AxisFile {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Axis".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let named = generator.subschema_for::<NamedAxis>();
        schemars::json_schema!({
            "description": "The values of a setting: a list, or a name and values with labels.",
            "anyOf": [{ "type": "array", "minItems": 1 }, named],
        })
    }
}

impl JsonSchema for AxisValues {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "AxisValues".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A list of values, or labels with values.",
            "type": ["array", "object"],
            "minItems": 1,
            "minProperties": 1,
        })
    }
}

/// A label, or several of which any will do.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice(pub Vec<Value>);

impl<'de> Deserialize<'de> for Choice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Value::deserialize(deserializer)? {
            Value::Array(list) => Self(list),
            one => Self(vec![one]),
        })
    }
}

impl JsonSchema for Choice {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Choice".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "description": "A label, or a list of labels of which any will do." })
    }
}

/// A value that a mean over the replications is compared with.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectedFile {
    /// The combinations that it holds for: a label, or a list of them, by name. Default: all.
    #[serde(default, rename = "where")]
    pub at: IndexMap<String, Choice>,
    /// The metric, as under `metrics`.
    pub metric: String,
    /// The value, in the unit of the metric.
    pub value: f64,
    /// How far the mean may be away: a share of the value such as `1.5%`, or a number in the unit of the metric.
    pub tolerance: Tolerance,
}

/// How far a mean may be from the expected value; finite, not below 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tolerance {
    /// In the unit of the metric.
    Absolute(f64),
    /// As a share of the expected value: 0.015 for 1.5 %.
    Relative(f64),
}

impl Tolerance {
    /// The same in the unit of the metric.
    pub fn around(self, value: f64) -> f64 {
        match self {
            Self::Absolute(tolerance) => tolerance,
            Self::Relative(share) => share * value.abs(),
        }
    }
}

impl<'de> Deserialize<'de> for Tolerance {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let found = match &value {
            Value::Number(number) => number.as_f64().map(Self::Absolute),
            Value::String(text) => text
                .trim()
                .strip_suffix('%')
                .and_then(|percent| percent.trim().parse::<f64>().ok())
                .map(|percent| Self::Relative(percent / 100.0)),
            _ => None,
        };
        let ok = |tolerance: &Self| {
            let (Self::Absolute(value) | Self::Relative(value)) = *tolerance;
            value.is_finite() && value >= 0.0
        };
        found.filter(ok).ok_or_else(|| {
            let shown: String = value.to_string().chars().take(40).collect();
            serde::de::Error::custom(format!(
                "`{shown}` is no tolerance; hint: a share of the value such as 1.5%, or a number of 0 or more"
            ))
        })
    }
}

impl JsonSchema for Tolerance {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Tolerance".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A share of the value such as 1.5%, or a number in the unit of the metric.",
            "anyOf": [
                { "type": "number", "minimum": 0 },
                { "type": "string", "pattern": "^\\s*[0-9.]+\\s*%\\s*$" },
            ],
        })
    }
}

/// Whether the file at `path` is a plan; a file that cannot be read is none, and its reader will say why. A pipe,
/// which can be read only once, is taken for a scenario.
pub fn is_plan(path: &Path) -> bool {
    path.is_file() && YamlFile::load(path, &PLAN).is_ok_and(|file| file.has("sweep"))
}

/// The JSON Schema of plan files, as it is committed in `scenarios/sweeps/schema.json`.
pub fn schema_text() -> String {
    format!("{:#}\n", schemars::schema_for!(PlanFile).to_value())
}
