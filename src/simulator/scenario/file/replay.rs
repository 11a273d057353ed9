//! Workloads that are replayed from a file: a table of jobs, a trace of a computing centre, or an earlier run.

use std::fmt;
use std::marker::PhantomData;

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A file by its path alone, or with settings: `csv: jobs.csv`, or `csv: {file: jobs.csv, limit: 1000}`.
#[derive(Debug, Clone, PartialEq)]
pub struct PathOr<T>(pub T);

/// Settings of which only the path must be given.
pub trait OfPath {
    /// The settings of a file of which nothing but the path is said.
    fn of_path(file: String) -> Self;
}

/// Jobs from a CSV file with one row per job; the columns are those that `rmsim workload export` writes, in any order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CsvFile {
    /// Path relative to the scenario; may be compressed by gzip.
    pub file: String,
    /// Whether time begins with the first job instead of the file's own zero, as for times since 1970. Default false.
    #[serde(default)]
    pub start_at_first_job: bool,
    /// Only the first jobs by submission. Default: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub limit: Option<u64>,
    /// What a job states as its walltime of which none was recorded. Default unlimited.
    #[serde(default)]
    pub missing_estimate: MissingEstimate,
    /// Factor on all times of submission, above 0: 0.5 doubles the load. Default 1.
    #[serde(default = "one")]
    pub time_scale: f64,
}

/// Jobs from a trace in the standard workload format (SWF) of the Parallel Workloads Archive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SwfFile {
    /// Path relative to the scenario; may be compressed by gzip.
    pub file: String,
    /// What becomes of processors and run times. Default as_is.
    #[serde(default)]
    pub jobs: SwfJobs,
    /// Whether a job waits for the end of its preceding job, where the trace names one (field 17). Default ignore.
    #[serde(default)]
    pub preceding_jobs: PrecedingJobs,
    /// What becomes of jobs that ran longer than they had requested. Default keep.
    #[serde(default)]
    pub overrun: Overrun,
    /// Whether time begins with the first job instead of the trace's own zero. Default false.
    #[serde(default)]
    pub start_at_first_job: bool,
    /// Only the first jobs by submission. Default: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub limit: Option<u64>,
    /// What a job states as its walltime of which none was recorded. Default unlimited.
    #[serde(default)]
    pub missing_estimate: MissingEstimate,
    /// Factor on all times of submission, above 0: 0.5 doubles the load. Default 1.
    #[serde(default = "one")]
    pub time_scale: f64,
}

/// What becomes of processors and run times of a trace.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SwfJobs {
    /// A processor is a qubit of an all-to-all device, a job takes as long as it took. Needs
    /// `hardware: {runtime: distribution}`.
    #[default]
    AsIs,
    /// Quantum jobs: widths by rank of the processors, executions by run time (264 us each), shapes by application.
    Quantum(QuantumMap),
}

/// How jobs of a trace become quantum jobs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct QuantumMap {
    /// Quantiles of the number of qubits, linear between them: the job at rank p by processors gets the width at p.
    /// Default [[0, 1], [0.25, 3], [0.5, 5], [0.75, 7], [0.9, 11], [0.99, 19], [1, 27]], as measured on IBM's devices.
    pub widths: Vec<(f64, u32)>,
}

impl Default for QuantumMap {
    fn default() -> Self {
        Self { widths: vec![(0.0, 1), (0.25, 3), (0.5, 5), (0.75, 7), (0.9, 11), (0.99, 19), (1.0, 27)] }
    }
}

/// What the preceding job of a job means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PrecedingJobs {
    /// Nothing: its submission, as recorded, came after the other's end, if it was to.
    #[default]
    Ignore,
    /// It may start when that job has ended, however it did. One that is left out, or is submitted later, nobody waits
    /// for; the think time after it (field 18) is not added.
    Follow,
}

/// What becomes of jobs that ran longer than they had requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Overrun {
    /// They run as long as they did; their walltime is raised to that.
    #[default]
    Keep,
    /// They end with their walltime.
    Cut,
}

/// The jobs of a finished run, from its `jobs.csv`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TraceFile {
    /// Path relative to the scenario; may be compressed by gzip.
    pub file: String,
    /// Which replication of that run. Default 0.
    #[serde(default)]
    pub replication: u32,
    /// What becomes of shapes of which the trace holds only that there was one (custom ones, circuits). Default refuse.
    #[serde(default)]
    pub lost_shapes: LostShapes,
    /// Whether time begins with the first job instead of the file's own zero, as for times since 1970. Default false.
    #[serde(default)]
    pub start_at_first_job: bool,
    /// Only the first jobs by submission. Default: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub limit: Option<u64>,
    /// What a job states as its walltime of which none was recorded. Default unlimited.
    #[serde(default)]
    pub missing_estimate: MissingEstimate,
    /// Factor on all times of submission, above 0: 0.5 doubles the load. Default 1.
    #[serde(default = "one")]
    pub time_scale: f64,
}

/// What becomes of shapes that a trace does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LostShapes {
    /// The trace is refused; `rmsim workload export` writes a file with all shapes.
    #[default]
    Refuse,
    /// They become any connected region of the same size.
    Any,
}

/// What a recorded job states as its walltime of which none was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MissingEstimate {
    /// None: it is never stopped; where starts are promised it is taken to run as long as `allocator.walltime.estimate` says,
    /// and with `order: shortest_first` it comes last.
    #[default]
    Unlimited,
    /// The time that it ran, as if its owner had known; none where that was not recorded either. With `walltime: {exceeded:
    /// stop}` it is stopped where it runs longer here, as on a device that is slowed down.
    RunTime,
}

fn one() -> f64 {
    1.0
}

impl OfPath for CsvFile {
    fn of_path(file: String) -> Self {
        Self {
            file,
            start_at_first_job: false,
            limit: None,
            missing_estimate: MissingEstimate::default(),
            time_scale: 1.0,
        }
    }
}

impl OfPath for SwfFile {
    fn of_path(file: String) -> Self {
        Self {
            file,
            jobs: SwfJobs::default(),
            preceding_jobs: PrecedingJobs::Ignore,
            overrun: Overrun::default(),
            start_at_first_job: false,
            limit: None,
            missing_estimate: MissingEstimate::default(),
            time_scale: 1.0,
        }
    }
}

impl OfPath for TraceFile {
    fn of_path(file: String) -> Self {
        Self {
            file,
            replication: 0,
            lost_shapes: LostShapes::default(),
            start_at_first_job: false,
            limit: None,
            missing_estimate: MissingEstimate::default(),
            time_scale: 1.0,
        }
    }
}

impl<T: Serialize> Serialize for PathOr<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: OfPath + Deserialize<'de>> Deserialize<'de> for PathOr<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PathVisitor<T>(PhantomData<T>);

        impl<'de, T: OfPath + Deserialize<'de>> serde::de::Visitor<'de> for PathVisitor<T> {
            type Value = PathOr<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the path of a file, or {file: path} with settings")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<PathOr<T>, E> {
                Ok(PathOr(T::of_path(text.to_owned())))
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<PathOr<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(PathOr)
            }
        }

        deserializer.deserialize_any(PathVisitor(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for PathOr<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("Path or {}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let keyed = generator.subschema_for::<T>();
        schemars::json_schema!({ "anyOf": [{ "type": "string" }, keyed] })
    }
}
