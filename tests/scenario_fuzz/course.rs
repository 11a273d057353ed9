//! Runs a scenario in memory, with a time-out.
//!
//! Promises an answer within [`PATIENCE`]: an endless loop or a panic is an answer. Leaves what the texts mean to
//! [`super::check`].

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use resource_manager::experiment::run::{Settings, run_with_journal};
use resource_manager::simulator::scenario::Scenario;
use resource_manager::simulator::simulation::Ending;
use resource_manager::simulator::traces::Sinks;

use super::draw::{Drawn, yaml};
use super::memory::Memory;

/// A run takes milliseconds; whoever takes so long never ends.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// What a replication left.
pub struct Left {
    pub events: String,
    pub jobs: String,
    pub timeline: String,
    pub journal: String,
    pub estimates: String,
    pub summary: Vec<(String, Option<f64>)>,
    pub ended_ns: u64,
    pub ending: Ending,
    pub warmed_up: bool,
    pub broken: Vec<String>,
}

impl Left {
    /// The first event or sample that is another in another run.
    pub fn decided_otherwise(&self, other: &Self) -> Option<String> {
        let texts = [(&self.events, &other.events), (&self.timeline, &other.timeline)];
        let (here, there) = texts.into_iter().find(|(here, there)| here != there)?;
        let line = here.lines().zip(there.lines()).find(|(here, there)| here != there);
        Some(format!("{line:?}"))
    }

    /// The first difference to another run of the same scenario.
    pub fn differs(&self, other: &Self) -> Option<String> {
        let texts = [
            ("events", &self.events, &other.events),
            ("jobs", &self.jobs, &other.jobs),
            ("timeline", &self.timeline, &other.timeline),
            ("journal", &self.journal, &other.journal),
            ("estimates", &self.estimates, &other.estimates),
        ];
        if let Some((name, here, there)) = texts.into_iter().find(|(_, here, there)| here != there) {
            let line = here.lines().zip(there.lines()).find(|(here, there)| here != there);
            return Some(format!("{name}: {line:?}"));
        }
        let pairs = self.summary.iter().zip(&other.summary);
        let bits = |value: &Option<f64>| value.map(f64::to_bits);
        let metric = pairs.into_iter().find(|(here, there)| bits(&here.1) != bits(&there.1));
        metric.map(|(here, there)| format!("{here:?} and {there:?}"))
    }
}

/// Why a scenario left nothing.
pub enum Fault {
    /// The reader refused it.
    Refused(String),
    /// The run ended with an error.
    Error(String),
    /// It panicked.
    Panic,
    /// It did not end in time.
    TimeOut,
}

/// Reads the scenario; files are written to a folder of their own.
pub fn read(drawn: &Drawn) -> Result<Scenario, String> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in &drawn.files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    read_at(drawn, folder.path())
}

fn read_at(drawn: &Drawn, folder: &Path) -> Result<Scenario, String> {
    Scenario::from_yaml(&yaml(&drawn.tree), "fuzz.yaml", folder, &[]).map_err(|error| error.to_string())
}

/// Runs a scenario on so many threads.
pub fn run(drawn: &Drawn, threads: usize) -> Result<(Arc<Scenario>, Vec<Left>), Fault> {
    let (tell, told) = channel();
    let drawn = drawn.clone();
    // Not joined: whoever never ends would be waited for.
    std::thread::spawn(move || {
        let answer = match read(&drawn) {
            Err(error) => Err(Fault::Refused(error)),
            Ok(scenario) => run_read(Arc::new(scenario), threads).map_err(Fault::Error),
        };
        // Nobody listens after the time-out.
        let _ = tell.send(answer);
    });
    match told.recv_timeout(PATIENCE) {
        Ok(answer) => answer,
        Err(RecvTimeoutError::Timeout) => Err(Fault::TimeOut),
        Err(RecvTimeoutError::Disconnected) => Err(Fault::Panic),
    }
}

fn run_read(scenario: Arc<Scenario>, threads: usize) -> Result<(Arc<Scenario>, Vec<Left>), String> {
    let count = scenario.replications as usize;
    let files: Vec<[Memory; 5]> = (0..count).map(|_| Default::default()).collect();
    let sinks = |number: u32| {
        let [jobs, timeline, events, _, estimates] = &files[number as usize];
        Ok(Some(Sinks {
            jobs: jobs.sink(),
            timeline: timeline.sink(),
            events: Some(events.sink()),
            estimates: Some(estimates.sink()),
        }))
    };
    let journal = |number: u32| Ok(Some(files[number as usize][3].sink()));
    let settings = Settings { threads, sinks: &sinks, collect: false, timing: false, progress: None };
    let replications = run_with_journal(&scenario, &settings, &journal).map_err(|error| error.to_string())?;
    let left =
        replications.iter().zip(&files).map(|(one, [jobs, timeline, events, journal, estimates])| Left {
            events: events.text(),
            jobs: jobs.text(),
            timeline: timeline.text(),
            journal: journal.text(),
            estimates: estimates.text(),
            summary: one
                .summary
                .iter()
                .chain(&one.per_device)
                .map(|value| (value.name.clone(), value.value))
                .collect(),
            ended_ns: one.ended.0,
            ending: one.course.ending,
            warmed_up: one.course.warmed_up,
            broken: one.violations.iter().map(ToString::to_string).collect(),
        });
    let left = left.collect();
    Ok((scenario, left))
}
