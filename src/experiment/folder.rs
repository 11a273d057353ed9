//! The folder of a run: where it lies, who may overwrite it, and what its files hold.
//!
//! Promises that no path holds a time stamp, that another run is never overwritten unasked, that one run at a time writes
//! into a folder (a finished manifest says that all files beside it are of that run), and that everything but the
//! wall-clock files and the time stamps of `manifest.json` depends on scenario, seed and version alone.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Map, Value, json};

use super::compare::Prepared;
use super::notes::Note;
use super::reading::coupling_text;
use super::run::{MetricSummary, Replication, search_memory, summarize};
use super::statistics::Interval;
use super::timing::Timing;
use super::version::VERSION;
use super::writing::{self, Claim, Named};
use super::{accounts, waits};
use crate::input_file;
use crate::quantum::calibration::Calibration;
use crate::simulator::csv_row::RowWriter;
use crate::simulator::scenario::{Scenario, Traces};
use crate::simulator::simulation::SimulationError;
use crate::simulator::traces::{Sink, Sinks, interval_set};
use crate::simulator::world::write_world;

/// The folder of one run.
#[derive(Debug, Clone)]
pub struct RunFolder {
    path: PathBuf,
    id: String,
    /// Distinguishes this writer from any other, see [`Self::write_last`].
    writer: String,
    /// When it was opened.
    started: jiff::Timestamp,
    /// Held as long as somebody may write; the system drops it with the process.
    _lock: Option<Arc<File>>,
}

/// Why a folder cannot be used, or a file not written.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The folder holds something else.
    #[error("{} holds another run; hint: choose another --out, or overwrite it with --force", .0.display())]
    OtherRun(PathBuf),
    /// The folder holds files that are no run.
    #[error("{} is not empty and holds no run; hint: choose another --out, or write there with --force", .0.display())]
    NoRun(PathBuf),
    /// Another process writes into the folder at this moment.
    #[error(
        "another run is writing into {}; hint: wait until it has ended, or choose another --out", .0.display()
    )]
    Busy(PathBuf),
    /// Another process has written into the folder meanwhile.
    #[error(
        "another run has written into {} meanwhile, so that its files are of both; hint: run again, each into a folder \
         of its own", .0.display()
    )]
    Mixed(PathBuf),
    /// The path is a file.
    #[error("{} is a file; hint: --out names a folder", .0.display())]
    IsFile(PathBuf),
    /// The file system refused.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// What was to be written.
        path: PathBuf,
        /// Why it could not be.
        source: io::Error,
    },
    /// The world could not be made.
    #[error(transparent)]
    World(#[from] SimulationError),
}

const MANIFEST: &str = "manifest.json";
/// Largest manifest that is read: a fleet of a thousand large devices needs a tenth.
const MANIFEST_BYTES_MAX: usize = 256 << 20;

/// A name that no other writer of any folder has, now or later.
fn writer_name() -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!("{}-{number}-{}", std::process::id(), jiff::Timestamp::now().as_nanosecond())
}

/// The name of a run: the first 12 hex digits of the hash of scenario, seed and version.
pub fn run_id(scenario: &Scenario) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&scenario.digest());
    hasher.update(&scenario.seed.to_le_bytes());
    hasher.update(VERSION.as_bytes());
    hasher.finalize().to_hex()[..12].to_owned()
}

/// The name of a comparison: the first 12 hex digits of the hash of its variants' runs, in their order.
pub fn comparison_id(variants: &[Prepared]) -> String {
    let mut hasher = blake3::Hasher::new();
    for variant in variants {
        hasher.update(run_id(&variant.scenario).as_bytes());
    }
    hasher.finalize().to_hex()[..12].to_owned()
}

impl RunFolder {
    /// Opens the folder of a scenario's run: `out` itself, or `results/<scenario>/<run>`.
    pub fn open(scenario: &Scenario, out: Option<&Path>, force: bool) -> Result<Self, FolderError> {
        let id = run_id(scenario);
        let path = out.map_or_else(|| Path::new("results").join(&scenario.name).join(&id), Path::to_path_buf);
        Self::claim(path, id, force)
    }

    /// Opens the folder of a comparison of variants of `base`: `out` itself, or `results/<base>/compare-<id>`.
    pub fn open_comparison(
        base: &Scenario,
        variants: &[Prepared],
        out: Option<&Path>,
        force: bool,
    ) -> Result<Self, FolderError> {
        let id = comparison_id(variants);
        let usual = || Path::new("results").join(&base.name).join(format!("compare-{id}"));
        Self::claim(out.map_or_else(usual, Path::to_path_buf), id, force)
    }

    /// Opens a folder for something with the given identity.
    fn claim(path: PathBuf, id: String, force: bool) -> Result<Self, FolderError> {
        if path.is_file() {
            return Err(FolderError::IsFile(path));
        }
        let failed = |source| FolderError::Write { path: path.clone(), source };
        fs::create_dir_all(&path).map_err(failed)?;
        // Before anything is looked at: what is there must not change any more.
        let lock = match writing::claim_folder(&path).map_err(failed)? {
            Claim::Ours(lock) => lock.map(Arc::new),
            Claim::Taken => return Err(FolderError::Busy(path)),
        };
        let counts = |entry: &fs::DirEntry| entry.file_name() != writing::LOCK_FILE;
        let empty =
            fs::read_dir(&path).map_or(true, |entries| !entries.flatten().any(|entry| counts(&entry)));
        if !empty && !force {
            let manifest = input_file::bytes(&path.join(MANIFEST), MANIFEST_BYTES_MAX).ok();
            let manifest: Option<Value> = manifest.and_then(|bytes| serde_json::from_slice(&bytes).ok());
            match manifest.as_ref().and_then(|manifest| manifest.get("run")?.as_str()) {
                Some(run) if run == id => {}
                Some(_) => return Err(FolderError::OtherRun(path)),
                None => return Err(FolderError::NoRun(path)),
            }
        }
        let folder = Self { path, id, writer: writer_name(), started: jiff::Timestamp::now(), _lock: lock };
        // From now on the folder is known for what it is, even if this run is interrupted: no moment at which a finished
        // manifest stands beside a part of its files.
        let begun = json!({"run": folder.id, "finished_at": null, "writer": folder.writer});
        folder.write_json(MANIFEST, &begun)?;
        folder.clear()?;
        Ok(folder)
    }

    /// Removes the files of an earlier run, and nothing else: what one folder holds belongs to one run.
    fn clear(&self) -> Result<(), FolderError> {
        let failed = |source| FolderError::Write { path: self.path.clone(), source };
        for entry in fs::read_dir(&self.path).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            let stem = name.split('.').next().unwrap_or(name);
            if name != MANIFEST && is_file_of_a_run(stem, name) && path.is_file() {
                fs::remove_file(&path).map_err(|source| FolderError::Write { path: path.clone(), source })?;
            }
        }
        Ok(())
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The identity of the run.
    pub fn id(&self) -> &str {
        &self.id
    }

    fn create(&self, name: &str) -> Result<BufWriter<File>, FolderError> {
        let path = self.path.join(name);
        let file = File::create(&path).map_err(|source| FolderError::Write { path, source })?;
        Ok(BufWriter::with_capacity(1 << 18, file))
    }

    /// A file to be written as the run goes on; errors name it.
    fn sink(&self, name: &str) -> io::Result<Named<File>> {
        let path = self.path.join(name);
        let file = File::create(&path).map_err(|error| writing::named(&path, &error))?;
        Ok(Named::new(path, file))
    }

    /// Writes a file, whole or not at all.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), FolderError> {
        let path = self.path.join(name);
        writing::replace(&path, bytes).map_err(|source| FolderError::Write { path, source })
    }

    /// Writes the manifest of what is finished, unless somebody else has begun to write here: file systems without locks
    /// keep nobody out, and a folder may be removed and made again while a run goes on.
    fn write_last(&self, manifest: &Value) -> Result<(), FolderError> {
        let begun = input_file::bytes(&self.path.join(MANIFEST), MANIFEST_BYTES_MAX).ok();
        let begun: Option<Value> = begun.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let ours = |begun: Value| begun.get("writer").and_then(Value::as_str) == Some(self.writer.as_str());
        if !begun.is_some_and(ours) {
            return Err(FolderError::Mixed(self.path.clone()));
        }
        self.write_json(MANIFEST, manifest)
    }

    fn write_json(&self, name: &str, value: &Value) -> Result<(), FolderError> {
        let mut text = format!("{value:#}");
        text.push('\n');
        self.write(name, text.as_bytes())
    }

    /// The sinks of a replication's traces. The first replication writes the files themselves, the others write parts
    /// that [`Self::join_traces`] appends.
    pub fn sinks(&self, scenario: &Scenario, replication: u32) -> io::Result<Option<Sinks>> {
        let wanted = match scenario.output.traces {
            Traces::None => false,
            Traces::First => replication == 0,
            Traces::All => true,
        };
        if !wanted {
            return Ok(None);
        }
        let open = |name: &str| -> io::Result<Sink> {
            Ok(Box::new(BufWriter::with_capacity(1 << 18, self.sink(&part_name(name, replication))?)))
        };
        Ok(Some(Sinks {
            jobs: open("jobs.csv")?,
            timeline: open("timeline.csv")?,
            events: if scenario.output.events { Some(open("events.csv")?) } else { None },
            estimates: if scenario.output.estimates.is_some() { Some(open("estimates.csv")?) } else { None },
        }))
    }

    /// The sink of the journal, which the first replication writes if the scenario asks for it.
    pub fn journal(&self, scenario: &Scenario, replication: u32) -> io::Result<Option<Sink>> {
        if !scenario.output.journal || replication > 0 {
            return Ok(None);
        }
        Ok(Some(Box::new(self.sink("journal.jsonl")?)))
    }

    /// Appends the traces of all replications in order.
    pub fn join_traces(&self, scenario: &Scenario) -> Result<(), FolderError> {
        let replications = traced(scenario);
        if replications == 0 {
            return Ok(());
        }
        for (name, written) in [
            ("jobs.csv", true),
            ("timeline.csv", true),
            ("events.csv", scenario.output.events),
            ("estimates.csv", scenario.output.estimates.is_some()),
        ] {
            let whole = self.path.join(name);
            if !written {
                continue;
            }
            let failed = |source| FolderError::Write { path: whole.clone(), source };
            let mut sink = fs::OpenOptions::new().append(true).open(&whole).map_err(failed)?;
            for replication in 1..replications {
                let part = self.path.join(part_name(name, replication));
                let mut source = File::open(&part).map_err(failed)?;
                io::copy(&mut source, &mut sink).map_err(failed)?;
                fs::remove_file(&part).map_err(failed)?;
            }
        }
        Ok(())
    }

    /// Writes the worlds of all replications whose traces are written: they do not depend on any decision.
    pub fn write_worlds(&self, scenario: &Scenario) -> Result<(), FolderError> {
        if traced(scenario) == 0 {
            return Ok(());
        }
        let mut sink = self.create("world.csv")?;
        for replication in 0..traced(scenario) {
            write_world(scenario, replication, &mut sink, replication == 0)?;
        }
        sink.flush().map_err(|source| FolderError::Write { path: self.path.join("world.csv"), source })
    }

    /// Writes `accounts.csv`.
    pub fn write_accounts(
        &self,
        scenario: &Scenario,
        replications: &[Replication],
    ) -> Result<(), FolderError> {
        let mut sink = self.create("accounts.csv")?;
        let all = replications.iter().filter_map(|one| Some((one.number, one.accounts.as_ref()?)));
        accounts::write(&mut sink, &scenario.allocator.tenants, all)
            .map_err(|source| FolderError::Write { path: self.path.join("accounts.csv"), source })
    }

    /// Writes `waits.csv`.
    pub fn write_waits(&self, scenario: &Scenario, replications: &[Replication]) -> Result<(), FolderError> {
        let mut sink = self.create("waits.csv")?;
        let all = replications.iter().map(|one| (one.number, &one.waits));
        waits::write(&mut sink, &scenario.workload.template_names(), &scenario.allocator.tenants, all)
            .map_err(|source| FolderError::Write { path: self.path.join("waits.csv"), source })
    }

    /// Writes `summary.json` and `summary.csv`.
    pub fn write_summary(
        &self,
        scenario: &Scenario,
        replications: &[Replication],
        notes: &[Note],
    ) -> Result<Vec<MetricSummary>, FolderError> {
        let fleet = summarize(replications, |replication| &replication.summary);
        let devices = summarize(replications, |replication| &replication.per_device);
        let metrics: Map<String, Value> =
            fleet.iter().map(|metric| (metric.name.clone(), summary_value(metric))).collect();
        let per_device: Map<String, Value> =
            devices.iter().map(|metric| (metric.name.clone(), summary_value(metric))).collect();
        self.write_json(
            "summary.json",
            &json!({
                "scenario": scenario.name,
                "seed": scenario.seed,
                "replications": scenario.replications,
                "notes": notes,
                "metrics": metrics,
                "device_metrics": per_device,
                "accounts": accounts::summary(
                    &scenario.allocator,
                    replications.iter().filter_map(|one| one.accounts.as_ref()),
                ),
            }),
        )?;
        let mut csv = RowWriter::new(Vec::new());
        let failed = |source: io::Error| FolderError::Write { path: self.path.join("summary.csv"), source };
        csv.record(["metric", "unit", "mean", "ci95_low", "ci95_high", "replications"]).map_err(failed)?;
        for metric in fleet.iter().chain(&devices) {
            let text = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
            csv.record([
                metric.name.as_str(),
                metric.def.unit,
                &text(metric.mean),
                &text(metric.ci95.map(|ci| ci.low)),
                &text(metric.ci95.map(|ci| ci.high)),
                &scenario.replications.to_string(),
            ])
            .map_err(failed)?;
        }
        let bytes = csv.finish().map_err(failed)?;
        self.write("summary.csv", &bytes)?;
        Ok(fleet)
    }

    /// Writes `performance.json` and `latency.csv`: wall-clock figures, which differ from run to run, and what placement
    /// searches remembered, which changes nothing but these.
    pub fn write_timing(
        &self,
        scenario: &Scenario,
        replications: &[Replication],
        threads: usize,
    ) -> Result<Timing, FolderError> {
        let mut all = Timing::default();
        for timing in replications.iter().filter_map(|replication| replication.timing.as_ref()) {
            all.add(timing);
        }
        let mut metrics = Map::new();
        for (name, histogram) in [
            ("allocation_latency_us", &all.placement),
            ("pass_latency_us", &all.pass),
            ("command_latency_us", &all.command),
            ("estimate_round_us", &all.round),
        ] {
            let us = |ns: u64| Some(ns as f64 / 1e3).filter(|_| !histogram.is_empty());
            let mean = Some(histogram.mean() / 1e3).filter(|_| !histogram.is_empty());
            metrics.insert(format!("{name}.mean"), metric_value(mean, None));
            for (statistic, quantile) in [("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1.0)] {
                let value = us(histogram.value_at_quantile(quantile));
                metrics.insert(format!("{name}.{statistic}"), metric_value(value, None));
            }
        }
        let wall_s = all.wall.as_secs_f64();
        let share = |part: f64| Some(part / wall_s).filter(|share| share.is_finite());
        let allocator = all.allocator.as_secs_f64();
        let observation = all.observation.as_secs_f64();
        let estimates = all.estimates.as_secs_f64();
        let rounds = all.round.len();
        let of_estimates = |value: f64| Some(value).filter(|value| rounds > 0 && value.is_finite());
        for (name, value) in [
            ("jobs_per_s", share(all.jobs as f64)),
            ("wall_s", Some(wall_s)),
            ("allocator_share", share(allocator)),
            ("observation_share", share(observation)),
            ("estimates_share", share(estimates)),
            ("rest_share", share(wall_s - allocator - observation - estimates)),
            ("estimate_us_per_job", of_estimates(estimates * 1e6 / all.effort.jobs as f64)),
            ("estimate_commands_per_job", of_estimates(all.effort.commands as f64 / all.effort.jobs as f64)),
            ("estimate_futures_cut", of_estimates(all.effort.cut as f64 / all.effort.futures as f64)),
            ("threads", Some(threads as f64)),
        ] {
            metrics.insert(name.to_owned(), metric_value(value, None));
        }
        let memory = search_memory(replications);
        for (name, value) in [
            ("requests", Some(memory.requests as f64)),
            ("hits", Some(memory.hits as f64)),
            ("misses", Some(memory.misses as f64)),
            ("hit_rate", memory.hit_rate()),
            ("entries", Some(memory.entries as f64)),
            ("bytes", Some(memory.bytes as f64)),
            ("bytes_peak", Some(memory.bytes_peak as f64)),
            ("entry_bytes_max", Some(memory.entry_bytes_max as f64)),
        ] {
            metrics.insert(format!("search_memory.{name}"), metric_value(value, None));
        }
        self.write_json(
            "performance.json",
            &json!({
                "scenario": scenario.name,
                "seed": scenario.seed,
                "replications": scenario.replications,
                "metrics": metrics,
            }),
        )?;
        let mut sink = self.create("latency.csv")?;
        let mut rows = || -> io::Result<()> {
            writeln!(sink, "kind,latency_us,count,cumulative_share")?;
            for (kind, histogram) in
                [("placement", &all.placement), ("pass", &all.pass), ("command", &all.command)]
            {
                let mut seen = 0;
                for bucket in histogram.iter_recorded() {
                    seen += bucket.count_since_last_iteration();
                    let us = bucket.value_iterated_to() as f64 / 1e3;
                    let share = seen as f64 / histogram.len() as f64;
                    writeln!(sink, "{kind},{us},{},{share}", bucket.count_since_last_iteration())?;
                }
            }
            sink.flush()
        };
        rows().map_err(|source| FolderError::Write { path: self.path.join("latency.csv"), source })?;
        Ok(all)
    }

    /// Writes `manifest.json`, last of all: it says that the files beside it are whole.
    pub fn write_manifest(&self, scenario: &Scenario, notes: &[Note]) -> Result<(), FolderError> {
        let mut offset = 0;
        let devices: Vec<Value> = scenario
            .fleet
            .iter()
            .map(|device| {
                let qubits = device.spec.coupling_map.qubits();
                let value = json!({
                    "name": device.spec.name,
                    "qubits": qubits,
                    "first_qubit": offset,
                    "calibrated_at": device.spec.calibrated_at,
                    "source": device.spec.source,
                    "coupling_map": coupling_text(&device.spec.coupling_map),
                    "dead_qubits": dead_qubits(&device.spec.calibration),
                });
                offset += qubits;
                value
            })
            .collect();
        self.write_last(&json!({
            "run": self.id,
            "program": {"name": env!("CARGO_PKG_NAME"), "version": VERSION},
            "scenario": scenario.name,
            "scenario_hash": blake3::Hash::from(scenario.digest()).to_hex().as_str(),
            "seed": scenario.seed,
            "replications": scenario.replications,
            "generator": "PCG64 DXSM, streams keyed by BLAKE3 of (seed, replication, purpose)",
            "simulated_start": scenario.start.to_string(),
            "host": {"os": std::env::consts::OS, "architecture": std::env::consts::ARCH},
            "started_at": self.started.to_string(),
            "finished_at": jiff::Timestamp::now().to_string(),
            "notes": notes,
            "devices": devices,
            "resolved_scenario": scenario.resolved,
        }))
    }
}

impl RunFolder {
    /// Writes `manifest.json` of a comparison.
    pub fn write_comparison_manifest(
        &self,
        variants: &[Prepared],
        replications: usize,
    ) -> Result<(), FolderError> {
        let list = variants.iter().map(|variant| {
            json!({
                "name": variant.name,
                "run": run_id(&variant.scenario),
                "resolved_scenario": variant.scenario.resolved,
            })
        });
        let first = variants.first().map(|variant| &variant.scenario);
        self.write_last(&json!({
            "run": self.id,
            "program": {"name": env!("CARGO_PKG_NAME"), "version": VERSION},
            "scenario": first.map(|scenario| scenario.name.as_str()),
            "seed": first.map(|scenario| scenario.seed),
            "replications": replications,
            "started_at": self.started.to_string(),
            "finished_at": jiff::Timestamp::now().to_string(),
            "variants": list.collect::<Vec<Value>>(),
        }))
    }
}

/// `{"mean": ..., "ci95": [low, high]}`, null where unknown.
fn metric_value(mean: Option<f64>, ci95: Option<Interval>) -> Value {
    json!({"mean": mean, "ci95": ci95.map(|ci| [ci.low, ci.high])})
}

/// The same with the reason why a value is not what its name says, where it is not.
fn summary_value(metric: &MetricSummary) -> Value {
    let mut value = metric_value(metric.mean, metric.ci95);
    if let (Some(remark), Value::Object(value)) = (&metric.remark, &mut value) {
        value.insert("remark".to_owned(), json!(remark));
    }
    value
}

/// Whether a run or a comparison writes such a file.
fn is_file_of_a_run(stem: &str, name: &str) -> bool {
    const TABLES: [&str; 12] = [
        "accounts",
        "waits",
        "jobs",
        "timeline",
        "events",
        "estimates",
        "world",
        "latency",
        "summary",
        "comparison",
        "replications",
        "performance",
    ];
    const PLOTS: [&str; 11] = [
        "utilization",
        "queue_length",
        "running_jobs",
        "waiting_time_cdf",
        "waiting_causes",
        "start_estimates",
        "isolation_violations",
        "fragmentation",
        "fidelity",
        "comparison",
        "trade_off",
    ];
    let journal = name == "journal.jsonl";
    let table = TABLES.contains(&stem) && (name.contains(".csv") || name.ends_with(".json"));
    let plot = PLOTS.contains(&stem) && (name.ends_with(".svg") || name.ends_with(".png"));
    // What a writer that was killed had put beside a file.
    let left_behind = name.starts_with('.') && name.ends_with(".part");
    table || plot || journal || left_behind || name == MANIFEST || name == "report.html"
}

/// The qubits that the calibration calls dead, as ranges.
fn dead_qubits(calibration: &Calibration) -> String {
    let dead = (0_u32..).zip(&calibration.qubits).filter(|(_, qubit)| qubit.dead);
    let mut text = String::new();
    interval_set(dead.map(|(qubit, _)| qubit), &mut text);
    text
}

/// How many replications write traces.
fn traced(scenario: &Scenario) -> u32 {
    match scenario.output.traces {
        Traces::None => 0,
        Traces::First => 1,
        Traces::All => scenario.replications,
    }
}

fn part_name(name: &str, replication: u32) -> String {
    if replication == 0 { name.to_owned() } else { format!("{name}.part-{replication}") }
}
