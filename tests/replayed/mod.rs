//! A trace in the standard workload format, replayed by the simulator on one device of 64 processors.
//!
//! Promises that every job starts, and that the auditor sees no violation. Leaves to the tests what is right.

use std::io;
use std::sync::{Arc, Mutex};

use resource_manager::simulator::scenario::file::replay::SwfFile;
use resource_manager::simulator::scenario::replay::{Hashed, read_swf};
use resource_manager::simulator::scenario::{Horizon, Scenario};
use resource_manager::simulator::simulation::{Instruments, Simulation};
use resource_manager::simulator::traces::{Sinks, Traces};
use resource_manager::simulator::workload::Workload;

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl io::Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Submission and start of every job of a trace, in seconds, in order of submission.
pub fn starts(base: &Scenario, settings: &SwfFile, trace: &str) -> Vec<(u64, u64)> {
    let (replay, _) = read_swf(&mut Hashed::new(trace.as_bytes()), settings).unwrap();
    let mut scenario = base.clone();
    scenario.horizon = Horizon::Jobs(replay.len() as u64);
    scenario.workload = Workload { sources: Vec::new(), replay: Some(Arc::new(replay)) };
    let jobs = Shared::default();
    let sinks =
        Sinks { jobs: Box::new(jobs.clone()), timeline: Box::new(io::sink()), events: None, estimates: None };
    let traces = Traces::new(
        0,
        [("machine".to_owned(), 64)],
        scenario.workload.template_names(),
        &scenario.allocator,
        sinks,
        true,
    );
    let instruments = Instruments { traces: Some(traces.unwrap()), ..Instruments::default() };
    let outcomes = Simulation::new(&scenario, 0, instruments).unwrap().run().unwrap();
    assert_eq!((outcomes.unfinished, outcomes.observer.auditor.total()), (0, 0));
    outcomes.traces.unwrap().finish().unwrap();
    let bytes = jobs.0.lock().unwrap().clone();
    let mut rows = csv::Reader::from_reader(&bytes[..]);
    let headers = rows.headers().unwrap().clone();
    let column = |name| headers.iter().position(|found| found == name).unwrap();
    let columns = ["job_id", "submission_time", "starting_time"].map(column);
    let mut found: Vec<(u64, u64, u64)> = rows
        .records()
        .map(|row| {
            let row = row.unwrap();
            let [id, submit, start] = columns.map(|column| row[column].parse().expect("whole seconds"));
            (id, submit, start)
        })
        .collect();
    found.sort_unstable();
    found.into_iter().map(|(_, submit, start)| (submit, start)).collect()
}
