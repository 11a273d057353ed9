//! Quantities over time for the charts: at most [`BINS`] means per series, with the range of what they stand for.
//!
//! Promises the same values for the same file. Gaps (a device out of service) stay gaps.

use std::ops::ControlFlow;
use std::path::Path;

use serde::Serialize;

use super::shell::rounded;
use crate::experiment::reading::{Fields, ReadError, TimelineRow, each_row_if};
use crate::report::table::duration;

/// Most points of a series.
const BINS: usize = 360;

/// The name of the fleet in `timeline.csv`.
const FLEET: &str = "fleet";

/// A device, or the fleet, over time.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Timeline {
    name: String,
    /// Seconds.
    t: Vec<f64>,
    utilization: Curve,
    effective: Curve,
    fragmentation: Curve,
    waiting: Curve,
    running: Curve,
}

/// Means, and where samples were put together their range.
#[derive(Debug, Clone, Default, Serialize)]
struct Curve {
    mean: Vec<Option<f64>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    low: Vec<Option<f64>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    high: Vec<Option<f64>>,
}

/// One sample: the five quantities in the order of [`Timeline`].
type Sample = [Option<f64>; 5];

/// What `timeline.csv` says of one replication.
#[derive(Debug, Default)]
pub(super) struct Timelines {
    names: Vec<String>,
    samples: Vec<Vec<(f64, Sample)>>,
    /// Violations found until the end.
    pub violations: u64,
    /// When they were found: seconds, number so far; changes only.
    pub violations_over_time: Vec<(f64, u64)>,
}

impl Timelines {
    /// Reads the fleet and the named devices.
    pub fn read(path: &Path, replication: u32, devices: &[&str]) -> Result<Self, ReadError> {
        let mut names = vec![FLEET.to_owned()];
        names.extend(devices.iter().map(|&name| name.to_owned()));
        let mut all = Self { samples: vec![Vec::new(); names.len()], names, ..Self::default() };
        let number = replication.to_string();
        let names = all.names.clone();
        let wanted = |fields: Fields<'_>| {
            fields.get("replication").is_none_or(|found| found == number)
                && fields.get("device").is_none_or(|name| names.iter().any(|known| known == name))
        };
        each_row_if(path, wanted, |row: TimelineRow| {
            all.add(&row);
            ControlFlow::Continue(())
        })?;
        Ok(all)
    }

    fn add(&mut self, row: &TimelineRow) {
        let Some(index) = self.names.iter().position(|name| *name == row.device) else { return };
        let sample = [
            row.utilization,
            row.effective_utilization,
            row.fragmentation,
            Some(row.waiting_jobs as f64),
            Some(row.running_jobs as f64),
        ];
        self.samples[index].push((row.time_s, sample));
        if index == 0 && row.isolation_violations != self.violations {
            self.violations = row.isolation_violations;
            self.violations_over_time.push((rounded(row.time_s, 3), row.isolation_violations));
        }
    }

    /// When most jobs ran at a time, seconds; the first such time.
    pub fn busiest(&self) -> Option<f64> {
        let mut best: Option<(f64, f64)> = None;
        for (time, sample) in self.samples.first()? {
            let running = sample[4].unwrap_or(0.0);
            if best.is_none_or(|(_, most)| running > most) {
                best = Some((*time, running));
            }
        }
        best.map(|(time, _)| time)
    }

    /// When the last sample was taken, seconds.
    pub fn until(&self) -> f64 {
        let last = self.samples.iter().filter_map(|samples| samples.last());
        last.map(|(time, _)| *time).fold(0.0, f64::max)
    }

    /// Why the charts are empty, if they are.
    pub fn too_few(&self) -> Option<&'static str> {
        match self.samples.first().map_or(0, Vec::len) {
            0 => Some(
                "The timeline has no sample: the run was over before the first was due; hint: \
                 output: {timeline_every: 1s} takes more.",
            ),
            1 => Some(
                "The timeline has one sample only, so that charts show a point; hint: \
                 output: {timeline_every: 1s} takes more.",
            ),
            _ => None,
        }
    }

    /// A warning if the file ends long before the run did.
    pub fn ends_early(&self, ended: f64) -> Option<String> {
        let times: Vec<f64> = self.samples.first()?.iter().map(|sample| sample.0).collect();
        let Some(&last) = times.last() else {
            return Some(
                "timeline.csv has no samples of this replication, so there are no charts over time; hint: the file may \
                 be cut off"
                    .to_owned(),
            );
        };
        // Samples may become rarer towards the end, each time by half; of a single one nobody knows the step.
        let step = times.len().checked_sub(2).map_or(ended / 8.0, |index| last - times[index]);
        (ended - last > 4.0 * step).then(|| {
            format!(
                "timeline.csv ends at {} of {}, so that charts are not complete; hint: the file may be cut off",
                duration(Some(last)),
                duration(Some(ended))
            )
        })
    }

    /// The series for the charts.
    pub fn thinned(&self) -> Vec<Timeline> {
        let until = self.until();
        self.names.iter().zip(&self.samples).map(|(name, samples)| thinned(name, samples, until)).collect()
    }
}

fn thinned(name: &str, samples: &[(f64, Sample)], until: f64) -> Timeline {
    let bin_of = |time: f64| ((time / until.max(1e-9) * BINS as f64) as usize).min(BINS - 1);
    let mut bins: Vec<&[(f64, Sample)]> = Vec::new();
    if samples.len() <= BINS {
        bins.extend(samples.chunks(1));
    } else {
        bins.extend(samples.chunk_by(|a, b| bin_of(a.0) == bin_of(b.0)));
    }
    let put_together = bins.len() < samples.len();
    let mean = |values: &mut dyn Iterator<Item = f64>| {
        let (mut sum, mut count) = (0.0, 0.0);
        for value in values {
            sum += value;
            count += 1.0;
        }
        (count > 0.0).then(|| sum / count)
    };
    let t = bins.iter().filter_map(|bin| mean(&mut bin.iter().map(|sample| sample.0)));
    let t = t.map(|time| rounded(time, 1)).collect();
    let curve = |quantity: usize| {
        let mut curve = Curve::default();
        for bin in &bins {
            let values = || bin.iter().filter_map(|sample| sample.1[quantity]);
            let keep = |value: f64| rounded(value, 4);
            curve.mean.push(mean(&mut values()).map(keep));
            if put_together {
                curve.low.push(values().min_by(f64::total_cmp).map(keep));
                curve.high.push(values().max_by(f64::total_cmp).map(keep));
            }
        }
        curve
    };
    Timeline {
        name: name.to_owned(),
        t,
        utilization: curve(0),
        effective: curve(1),
        fragmentation: curve(2),
        waiting: curve(3),
        running: curve(4),
    }
}
