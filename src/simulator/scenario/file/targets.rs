//! The targets of a scenario: bounds on metrics, and what an open verdict means.
//!
//! Promises that every name is a metric with that statistic, or an error at the name with the choices. Leaves the
//! devices in `metric[device]` to `resolve`, and verdicts to the experiments.

use std::fmt;
use std::str::FromStr;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::de::{DeserializeSeed, Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};

use crate::config_file::document::Node;
use crate::config_file::shown::{choices, crop};
use crate::observe::metrics::{METRICS, MetricDef, Statistic};

/// The key beside the metrics.
const ON_INCONCLUSIVE: &str = "on_inconclusive";

/// Bounds by metric and statistic.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TargetsFile {
    /// What a target means that the replications do not decide.
    pub on_inconclusive: OnInconclusive,
    /// In the order of the file, by full name: `waiting_time_s.p95`.
    pub bounds: IndexMap<String, (Measure, Bound)>,
}

/// What a target means that the replications do not decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnInconclusive {
    /// A warning. The default: more replications decide, not a failure by chance.
    #[default]
    Pass,
    /// A failure.
    Fail,
}

/// Wall-clock time of the core, in microseconds, as in `performance.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Latency {
    /// Of one search for a placement.
    Allocation,
    /// Of one scheduling pass.
    Pass,
    /// Of any other command.
    Command,
}

impl Latency {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Allocation, Self::Pass, Self::Command];

    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Allocation => "allocation_latency_us",
            Self::Pass => "pass_latency_us",
            Self::Command => "command_latency_us",
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::Allocation => "wall-clock time of one search for a placement, in microseconds",
            Self::Pass => "wall-clock time of one scheduling pass, in microseconds",
            Self::Command => "wall-clock time of one command to the core other than a pass, in microseconds",
        }
    }
}

/// What a target is about.
#[derive(Debug, Clone, PartialEq)]
pub enum Measure {
    /// A simulated metric, the same for the same seed.
    Simulated {
        /// Which one.
        def: &'static MetricDef,
        /// Which number of it; `None` for a scalar.
        statistic: Option<Statistic>,
        /// Of this device instead of the fleet.
        device: Option<String>,
    },
    /// Wall-clock time, different in every run.
    WallClock(Latency, Statistic),
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Simulated { def, device: Some(device), .. } => write!(f, "{}[{device}]", def.name),
            Self::Simulated { def, statistic, .. } => f.write_str(&def.full_name(*statistic)),
            Self::WallClock(latency, statistic) => write!(f, "{}.{}", latency.name(), statistic.name()),
        }
    }
}

/// A name without statistic and device.
#[derive(Clone, Copy)]
enum Stem {
    Simulated(&'static MetricDef),
    WallClock(Latency),
}

/// The line of the bound on a metric, however its name is written: whole, or with the statistic below it.
pub(crate) fn line_of(scenario: &Node, name: &str) -> Option<u32> {
    let targets = scenario.below("targets")?;
    let parted = || {
        let (stem, statistic) = name.split_once('.')?;
        let metric = targets.below(stem)?;
        Some(metric.below(statistic).unwrap_or(metric))
    };
    targets.below(name).or_else(parted)?.mark.line()
}

impl Stem {
    fn find(name: &str) -> Result<Self, String> {
        let simulated = METRICS.iter().find(|def| def.name == name).map(Stem::Simulated);
        let timed = || Latency::ALL.into_iter().find(|one| one.name() == name).map(Stem::WallClock);
        simulated.or_else(timed).ok_or_else(|| {
            let known: Vec<&str> = METRICS
                .iter()
                .map(|def| def.name)
                .chain(Latency::ALL.map(Latency::name))
                .chain([ON_INCONCLUSIVE])
                .collect();
            format!("unknown metric `{}`; hint: {}", crop(name), choices(name, "metrics are", &known))
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Simulated(def) => def.name,
            Self::WallClock(latency) => latency.name(),
        }
    }

    fn statistics(self) -> &'static [Statistic] {
        match self {
            Self::Simulated(def) => def.statistics,
            Self::WallClock(_) => &Statistic::ALL,
        }
    }

    /// The number that a bare bound is about.
    fn bare(self) -> Measure {
        match self {
            Self::Simulated(def) => {
                Measure::Simulated { def, statistic: def.statistics.first().copied(), device: None }
            }
            Self::WallClock(latency) => Measure::WallClock(latency, Statistic::Mean),
        }
    }

    fn with(self, name: &str) -> Result<Measure, String> {
        let statistic = self.statistics().iter().copied().find(|statistic| statistic.name() == name);
        let Some(statistic) = statistic else {
            let known: Vec<&str> = self.statistics().iter().map(|statistic| statistic.name()).collect();
            let hint = match known.is_empty() {
                true => format!("it is a single number, as in {}: \"< 1\"", self.name()),
                false => choices(name, "it has", &known),
            };
            return Err(format!("metric `{}` has no statistic `{}`; hint: {hint}", self.name(), crop(name)));
        };
        Ok(match self {
            Self::Simulated(def) => Measure::Simulated { def, statistic: Some(statistic), device: None },
            Self::WallClock(latency) => Measure::WallClock(latency, statistic),
        })
    }

    fn of_device(self, device: &str) -> Result<Measure, String> {
        match self {
            Self::Simulated(def) if def.per_device => {
                Ok(Measure::Simulated { def, statistic: None, device: Some(device.to_owned()) })
            }
            _ => {
                let known = METRICS.iter().filter(|def| def.per_device).map(|def| def.name);
                let known = known.collect::<Vec<_>>().join(", ");
                Err(format!("`{}` is not known per device; hint: per device are {known}", self.name()))
            }
        }
    }
}

/// A key of `targets`.
enum Key {
    OnInconclusive,
    /// A metric, whose statistics may follow below.
    Open(Stem),
    /// A metric with its statistic or device.
    Whole(Measure),
}

impl FromStr for Key {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == ON_INCONCLUSIVE {
            return Ok(Self::OnInconclusive);
        }
        if let Some((stem, device)) = text.split_once('[') {
            let device = device.strip_suffix(']').ok_or_else(|| {
                format!("`{}` lacks a bracket; hint: as in qubit_utilization[ibm_fez]", crop(text))
            })?;
            return Stem::find(stem)?.of_device(device).map(Self::Whole);
        }
        match text.split_once('.') {
            Some((stem, statistic)) => Stem::find(stem)?.with(statistic).map(Self::Whole),
            None => Stem::find(text).map(Self::Open),
        }
    }
}

/// Reads a text by a function, so that an error stands at that text.
struct Text<F>(F);

impl<'de, T, F: FnOnce(&str) -> Result<T, String>> DeserializeSeed<'de> for Text<F> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        (self.0)(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// Reads what stands below a metric.
struct Below(Stem);

impl<'de> DeserializeSeed<'de> for Below {
    type Value = Vec<(Measure, Bound)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Below {
    type Value = Vec<(Measure, Bound)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a bound such as \"< 600\", or statistics with bounds such as {p95: \"< 600\"}")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(vec![(self.0.bare(), text.parse().map_err(E::custom)?)])
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut bounds = Vec::new();
        while let Some(measure) = map.next_key_seed(Text(|name: &str| self.0.with(name)))? {
            bounds.push((measure, map.next_value()?));
        }
        Ok(bounds)
    }
}

impl<'de> Deserialize<'de> for TargetsFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TargetsVisitor;

        impl<'de> Visitor<'de> for TargetsVisitor {
            type Value = TargetsFile;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("metrics with bounds such as waiting_time_s: {p95: \"< 600\"}")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<TargetsFile, A::Error> {
                let mut targets = TargetsFile::default();
                while let Some(key) = map.next_key_seed(Text(|name: &str| name.parse::<Key>()))? {
                    let bounds = match key {
                        Key::OnInconclusive => {
                            targets.on_inconclusive = map.next_value()?;
                            continue;
                        }
                        Key::Open(stem) => map.next_value_seed(Below(stem))?,
                        Key::Whole(measure) => vec![(measure, map.next_value()?)],
                    };
                    for (measure, bound) in bounds {
                        let name = measure.to_string();
                        if targets.bounds.contains_key(&name) {
                            return Err(A::Error::custom(format!(
                                "two bounds on `{name}`; hint: keep one of them"
                            )));
                        }
                        targets.bounds.insert(name, (measure, bound));
                    }
                }
                Ok(targets)
            }
        }

        deserializer.deserialize_map(TargetsVisitor)
    }
}

impl Serialize for TargetsFile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = IndexMap::new();
        if self.on_inconclusive != OnInconclusive::default() {
            let word = serde_json::to_value(self.on_inconclusive).map_err(serde::ser::Error::custom)?;
            map.insert(ON_INCONCLUSIVE, word);
        }
        for (name, (_, bound)) in &self.bounds {
            map.insert(name, Value::String(bound.to_string()));
        }
        map.serialize(serializer)
    }
}

impl JsonSchema for TargetsFile {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Targets".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let bound = generator.subschema_for::<Bound>();
        let open = generator.subschema_for::<OnInconclusive>();
        let metrics = METRICS.iter().map(|def| (def.name, def.description, def.statistics, def.per_device));
        let timed = Latency::ALL.map(|one| (one.name(), one.description(), &Statistic::ALL[..], false));
        let (mut keys, mut patterns) = (Map::new(), Map::new());
        let about = "Whether a check fails when an interval lies across its bound.";
        keys.insert(ON_INCONCLUSIVE.to_owned(), json!({"description": about, "anyOf": [open]}));
        for (name, description, statistics, per_device) in metrics.chain(timed) {
            let below: Map<String, Value> =
                statistics.iter().map(|statistic| (statistic.name().to_owned(), json!(bound))).collect();
            let forms = match below.is_empty() {
                true => json!([bound]),
                false => {
                    let names = below.keys().cloned().collect::<Vec<_>>().join("|");
                    patterns.insert(format!("^{name}\\.({names})$"), json!(bound));
                    json!([bound, {"type": "object", "properties": below, "additionalProperties": false}])
                }
            };
            if per_device {
                patterns.insert(format!("^{name}\\[.+\\]$"), json!(bound));
            }
            keys.insert(name.to_owned(), json!({"description": description, "anyOf": forms}));
        }
        schemars::json_schema!({
            "description": "Bounds by metric and statistic; `==` must hold in every replication, all others on average over the replications.",
            "type": "object",
            "properties": keys,
            "patternProperties": patterns,
            "additionalProperties": false,
        })
    }
}

/// A comparison with a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bound {
    /// How the metric compares.
    pub comparison: Comparison,
    /// With what; finite.
    pub value: f64,
}

/// How a metric compares with its bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `>`
    Above,
    /// `>=`
    AtLeast,
    /// `==`
    Equal,
}

/// Two-character signs first: `<=` begins with `<`.
const COMPARISONS: [(&str, Comparison); 5] = [
    ("<=", Comparison::AtMost),
    (">=", Comparison::AtLeast),
    ("==", Comparison::Equal),
    ("<", Comparison::Below),
    (">", Comparison::Above),
];

/// A text that is no bound.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a bound; hint: write a comparison (<, <=, >, >=, ==) and a number, as in \"< 600\"")]
pub struct BoundError(String);

impl FromStr for Bound {
    type Err = BoundError;

    fn from_str(text: &str) -> Result<Self, BoundError> {
        let trimmed = text.trim();
        let found = COMPARISONS.iter().find_map(|(sign, comparison)| {
            let value: f64 = trimmed.strip_prefix(sign)?.trim().parse().ok()?;
            value.is_finite().then_some(Self { comparison: *comparison, value })
        });
        found.ok_or_else(|| BoundError(trimmed.chars().take(40).collect()))
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = COMPARISONS
            .iter()
            .find(|(_, comparison)| *comparison == self.comparison)
            .map_or("", |found| found.0);
        write!(f, "{sign} {}", self.value)
    }
}

impl Serialize for Bound {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Bound {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Bound {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Bound".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A comparison and a number: \"< 600\", \">= 0.95\", \"== 0\".",
            "pattern": "^\\s*(<=|>=|==|<|>)\\s*[-+0-9.eE]+\\s*$",
        })
    }
}
