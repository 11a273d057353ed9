//! The workload in a scenario file: when jobs come, what they ask for, whose they are and how they end.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::jobs::JobTemplate;
pub use super::outcomes::OutcomesFile;
pub use super::preset::Preset;
use super::replay::{CsvFile, PathOr, SwfFile, TraceFile};
use crate::simulator::workload::Chain;
use crate::simulator::workload::arrivals::Arrivals;
use crate::time::Span;

/// The jobs and when they come.
///
/// `arrivals` and `jobs` describe the usual case of one source; `sources` adds others, which use `jobs` unless they
/// have their own. Instead, `csv`, `swf` or `trace` alone replays jobs from a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkloadFile {
    /// When jobs come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrivals: Option<Arrivals>,
    /// When the arrivals begin. Default: at the start.
    #[serde(default)]
    pub start_after: Span,
    /// After which time no more jobs come. Default: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_after: Option<Span>,
    /// Whether jobs that come at one instant (arrivals in batches or bursts, or at the start) follow one another. Default none.
    #[serde(default)]
    pub chain: Chain,
    /// What they ask for: a list of weighted templates, or `ibm_like`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobs: Option<JobsFile>,
    /// Further sources of jobs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<SourceFile>,
    /// Whose jobs they are. Default: all of one tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenants: Option<TenantsFile>,
    /// How jobs end. Default: all completed; with `jobs: ibm_like` 5.8 % cancelled and 3.1 % in error, as measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcomes: Option<OutcomesFile>,
    /// Jobs from a table, one row per job: the path of a CSV file; the columns are those of `rmsim workload columns`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub csv: Option<PathOr<CsvFile>>,
    /// Jobs from a trace in the standard workload format (SWF): its path, or settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swf: Option<PathOr<SwfFile>>,
    /// The jobs of a finished run: the path of its `jobs.csv`, or settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<PathOr<TraceFile>>,
}

/// A further source of jobs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceFile {
    /// When jobs come.
    pub arrivals: Arrivals,
    /// When they begin. Default: at the start.
    #[serde(default)]
    pub start_after: Span,
    /// After which time no more jobs come. Default: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_after: Option<Span>,
    /// Whether those that come at one instant follow one another. Default none.
    #[serde(default)]
    pub chain: Chain,
    /// What they ask for. Default: the `jobs` of the workload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobs: Option<JobsFile>,
}

/// What jobs ask for.
#[derive(Debug, Clone, PartialEq)]
pub enum JobsFile {
    /// A mix that comes with the program.
    Preset(Preset),
    /// Templates, chosen by weight.
    Templates(Vec<JobTemplate>),
}

impl Serialize for JobsFile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Preset(preset) => preset.serialize(serializer),
            Self::Templates(templates) => templates.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for JobsFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct JobsVisitor;

        impl<'de> serde::de::Visitor<'de> for JobsVisitor {
            type Value = JobsFile;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of job templates, or ibm_like")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<JobsFile, E> {
                let name = serde::de::value::StrDeserializer::new(text);
                Preset::deserialize(name).map(JobsFile::Preset)
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, seq: A) -> Result<JobsFile, A::Error> {
                let list = serde::de::value::SeqAccessDeserializer::new(seq);
                Vec::deserialize(list).map(JobsFile::Templates)
            }
        }

        deserializer.deserialize_any(JobsVisitor)
    }
}

impl JsonSchema for JobsFile {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Jobs".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let preset = generator.subschema_for::<Preset>();
        let template = generator.subschema_for::<JobTemplate>();
        schemars::json_schema!({
            "description": "Weighted job templates, or the name of a mix that comes with the program.",
            "anyOf": [preset, { "type": "array", "items": template, "minItems": 1 }],
        })
    }
}

/// Whose jobs they are: each job's user is drawn, groups and projects follow from the user.
///
/// User u belongs to group u mod groups and to project u mod projects, counted from `first` on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TenantsFile {
    /// Number of users.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub users: u32,
    /// Number of groups. Default 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub groups: u32,
    /// Number of projects. Default 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub projects: u32,
    /// Exponent of the activity: user of rank r submits in proportion to 1 / r^zipf; 0 for equal shares. Default 1.
    #[serde(default = "default_zipf")]
    #[schemars(range(min = 0, max = 10))]
    pub zipf: f64,
    /// The number of the first user, the first group and the first project. 0 is nobody where `allocator.isolation.between` is
    /// `users`, `projects` or `groups`: then 1 numbers everybody. Default 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schemars(range(max = 1_000_000))]
    pub first: u32,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn one() -> u32 {
    1
}

fn default_zipf() -> f64 {
    1.0
}
