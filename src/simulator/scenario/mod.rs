//! Scenario files: one YAML that describes a fleet, a workload and how the allocator decides.
//!
//! Promises that a [`Scenario`] is checked: whatever can be known before the first job arrives is an error with line,
//! snippet and valid choices. Leaves running it to the event loop and judging its targets to the experiments.
#![deny(clippy::disallowed_types, clippy::disallowed_methods)]

mod allocator_only;
pub mod file;
mod kind;
mod model;
mod presets;
pub mod replay;
mod resolve;
mod schema;

use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;

use crate::allocator::protocol::{JobId, JobRequest, Topology};
use crate::config_file::document::Node;
use crate::config_file::fault::{Fault, Mark};
use crate::config_file::{ConfigFileError, read_text};
use crate::quantum::calibration::Calibration;
use crate::simulator::workload::jobs::GeneratedJob;
use crate::simulator::workload::{Arrival, Workload};
use crate::time::Time;

use file::ScenarioFile;
use file::targets;

pub use crate::config_file::SetOverride;
pub use allocator_only::allocator_with_sets;
pub use file::targets::{Bound, Comparison, Latency, Measure, OnInconclusive};
pub use file::{CalibrationMode, DrainLimit, Horizon, Traces, WarmUp};
pub use kind::SCENARIO;
pub use model::{CalibrationPlan, FleetDevice, Output, Scenario, Target};
pub use schema::{schema, schema_text};

/// The scenario that runs when none is named.
pub const QUICKSTART: &str = include_str!("../../../scenarios/quickstart.yaml");

impl Scenario {
    /// Reads the scenario file at `path`, with overrides.
    pub fn load(path: &Path, sets: &[SetOverride]) -> Result<Self, ConfigFileError> {
        let text = read_text(path, &SCENARIO)?;
        let base_dir = path.parent().unwrap_or(Path::new(""));
        Self::from_yaml(&text, &path.display().to_string(), base_dir, sets)
    }

    /// All jobs of a replication that come within the horizon, with their arrivals: one after the other, those of arrays, too.
    pub fn jobs(&self, replication: u32) -> impl Iterator<Item = (Arrival, GeneratedJob)> {
        let mut arrivals = self.workload.arrivals(self.seed, replication);
        let attributes = Workload::attributes(self.seed, replication);
        let mut number = 0;
        // What is left of the array that came last.
        let mut array: Option<(Arrival, GeneratedJob)> = None;
        std::iter::from_fn(move || {
            if array.as_ref().is_none_or(|(_, job)| job.array == 0) {
                let arrival = arrivals.next()?;
                array = Some((arrival, self.workload.draw(&attributes, arrival, number)));
            }
            let (arrival, next) = array.as_mut()?;
            let is_over = match self.horizon {
                Horizon::Jobs(jobs) => number >= jobs,
                Horizon::Time(span) => arrival.at >= Time::ZERO + span,
            };
            if is_over {
                return None;
            }
            next.array -= 1;
            let request = JobRequest { id: JobId(number), ..next.request.clone() };
            number += 1;
            Some((*arrival, GeneratedJob { request, array: 1, ..next.clone() }))
        })
    }

    /// The scenario that runs when none is named, with overrides.
    pub fn quickstart(sets: &[SetOverride]) -> Result<Self, ConfigFileError> {
        Self::from_yaml(QUICKSTART, "scenarios/quickstart.yaml (built in)", Path::new(""), sets)
    }

    /// Reads the scenario in `text`, with overrides. `origin` names it in errors; paths of device files are relative to
    /// `base_dir`.
    pub fn from_yaml(
        text: &str,
        origin: &str,
        base_dir: &Path,
        sets: &[SetOverride],
    ) -> Result<Self, ConfigFileError> {
        Self::read(text, base_dir, sets)
            .map_err(|fault| ConfigFileError::new(fault, &SCENARIO, origin, text, sets))
    }

    fn read(text: &str, base_dir: &Path, sets: &[SetOverride]) -> Result<Self, Fault> {
        let tree = Node::read(text, &SCENARIO)?;
        // The file alone first: an override must not hide that the file is broken, nor be blamed for it.
        ScenarioFile::deserialize(&tree)?;
        let sets: Vec<(usize, &SetOverride)> = sets.iter().enumerate().collect();
        Self::with_sets(&tree, base_dir, &sets).map_err(|fault| match fault.mark {
            Some(Mark::Set(_)) => fault,
            // Two keys that contradict each other are reported at one of them. The last override without which the
            // scenario would be right is to blame.
            _ => (0..sets.len())
                .rev()
                .find(|index| {
                    let others: Vec<_> = sets.iter().copied().filter(|(other, _)| other != index).collect();
                    Self::with_sets(&tree, base_dir, &others).is_ok()
                })
                .map_or(fault.clone(), |index| Fault { mark: Some(Mark::Set(index)), ..fault }),
        })
    }

    fn with_sets(tree: &Node, base_dir: &Path, sets: &[(usize, &SetOverride)]) -> Result<Self, Fault> {
        let mut tree = tree.clone();
        for (index, set) in sets {
            set.apply(&mut tree, *index, &SCENARIO)?;
        }
        let file = ScenarioFile::deserialize(&tree)?;
        let mut scenario = resolve::scenario(file, base_dir)
            .map_err(|problem| problem.fault.or_at(tree.nearest(tree.steps(&problem.path))))?;
        for target in &mut scenario.targets {
            target.line = targets::line_of(&tree, &target.measure.to_string());
        }
        scenario.sections = tree.sections();
        Ok(scenario)
    }

    /// Jobs of all replications, where the horizon says how many.
    pub fn expected_jobs(&self) -> Option<u64> {
        match self.horizon {
            Horizon::Jobs(jobs) => Some(jobs.saturating_mul(u64::from(self.replications))),
            Horizon::Time(_) => None,
        }
    }

    /// A hash of everything that decides the outcome besides the program itself: the resolved scenario and the figures
    /// of its devices.
    pub fn digest(&self) -> [u8; 32] {
        self.hash(self.resolved.to_string())
    }

    /// A hash of the figures of the devices and circuits, which the scenario only names.
    pub fn figures_digest(&self) -> [u8; 32] {
        self.hash(String::new())
    }

    fn hash(&self, first: String) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        let mut part = |text: String| {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        };
        part(first);
        let mut last: Option<&Arc<Calibration>> = None;
        for device in &self.fleet {
            let figures = &device.spec.calibration;
            // Copies of one device share their figures and need to be written once; all else is in the scenario.
            if !last.is_some_and(|last| Arc::ptr_eq(last, figures)) {
                part(device.spec.to_yaml());
            }
            last = Some(figures);
        }
        // The scenario holds only the names of circuits, which may be files.
        let mixes = self.workload.sources.iter().map(|source| &source.mix);
        for template in mixes.flat_map(|mix| mix.templates()) {
            if let Topology::Circuit(profile) = &template.base.topology {
                part(format!("{profile:?}"));
            }
        }
        if let Some(replay) = &self.workload.replay {
            part(blake3::Hash::from(replay.digest()).to_hex().to_string());
            // As above: the file holds only the names of circuits.
            replay.circuits().iter().for_each(|(profile, _)| part(format!("{profile:?}")));
        }
        *hasher.finalize().as_bytes()
    }
}

#[cfg(test)]
mod tests;
