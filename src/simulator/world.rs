//! The world of a replication as it would be without any allocator: arrivals, failures, repairs and true drift.
//!
//! Promises a file that depends on the seed and on what the scenario says of workload and hardware alone, so that two
//! strategies with the same `world.csv` have met the same conditions. Nothing here asks the core.

use std::io::{self, Write};

use super::csv_row::RowWriter;
use super::scenario::{Horizon, Scenario};
use super::simulation::SimulationError;
use crate::quantum::DeviceId;
use crate::quantum::calibration::Calibration;
use crate::quantum::device::DeviceSpec;
use crate::quantum::hardware::Hardware;
use crate::quantum::hardware::failures::{FailureModel, Outage, Target};
use crate::random::{Purpose, StreamFamily};
use crate::time::Time;

/// Columns of `world.csv`. Means are over living elements.
pub const WORLD_HEADER: &[&str] = &[
    "replication",
    "time_s",
    "kind",
    "job_id",
    "qubits",
    "circuits",
    "shots",
    "depth",
    "device",
    "element",
    "cause",
    "mean_two_qubit_error",
    "mean_one_qubit_error",
    "mean_readout_error",
    "mean_t1_s",
    "mean_t2_s",
    "dead_couplers",
];

/// Writes the world of replication `replication` until its last arrival or, with a horizon in time, until then.
pub fn write_world(
    scenario: &Scenario,
    replication: u32,
    sink: impl Write,
    header: bool,
) -> Result<(), SimulationError> {
    let mut row = RowWriter::new(sink);
    if header {
        row.header(WORLD_HEADER)?;
    }
    let until = arrivals(scenario, replication, &mut row)?;
    outages(scenario, replication, until, &mut row)?;
    drift(scenario, replication, until, &mut row)?;
    row.finish()?.flush()?;
    Ok(())
}

/// Writes the arrivals and returns the end of the world.
fn arrivals<W: Write>(scenario: &Scenario, replication: u32, row: &mut RowWriter<W>) -> io::Result<Time> {
    let mut last = Time::ZERO;
    for (arrival, job) in scenario.jobs(replication) {
        last = arrival.at;
        let request = job.request;
        row.u64(u64::from(replication)).seconds(arrival.at).text("arrival").u64(request.id.0);
        row.u64(u64::from(request.min_qubits)).u64(u64::from(request.circuits)).u64(request.shots);
        row.u64(u64::from(request.depth));
        blanks(row, 9);
        row.end_row()?;
    }
    Ok(match scenario.horizon {
        Horizon::Jobs(_) => last,
        Horizon::Time(span) => Time::ZERO + span,
    })
}

fn outages<W: Write>(
    scenario: &Scenario,
    replication: u32,
    until: Time,
    row: &mut RowWriter<W>,
) -> Result<(), SimulationError> {
    let specs: Vec<(DeviceId, &DeviceSpec)> =
        scenario.fleet.iter().map(|device| (device.id, &*device.spec)).collect();
    let streams = StreamFamily::new(scenario.seed, replication, Purpose::Failures);
    let calendar = FailureModel::new(&scenario.failures, &specs)?.calendar(streams);
    for outage in calendar.take_while(|outage| outage.from <= until) {
        let name = &scenario.fleet[outage.target.device().index()].spec.name;
        let mut change = |at: Time, kind: &str, outage: &Outage| {
            row.u64(u64::from(replication)).seconds(at).text(kind);
            blanks(row, 5);
            row.text(name);
            match outage.target {
                Target::Device(_) => row.empty(),
                Target::Qubit(_, qubit) => row.text(&format!("qubit {}", qubit.0)),
                Target::Coupler(_, coupler) => row.text(&format!("coupler {}", coupler.0)),
            };
            row.text(&format!("{:?} {:?}", outage.cause, outage.effect).to_lowercase());
            blanks(row, 6);
            row.end_row()
        };
        change(outage.from, "failure", &outage)?;
        if outage.until < Time::MAX {
            change(outage.until, "repair", &outage)?;
        }
    }
    Ok(())
}

fn drift<W: Write>(
    scenario: &Scenario,
    replication: u32,
    until: Time,
    row: &mut RowWriter<W>,
) -> Result<(), SimulationError> {
    if !scenario.hardware.drift.enabled {
        return Ok(());
    }
    for device in &scenario.fleet {
        let name = &device.spec.name;
        let spec = device.spec.clone();
        let mut hardware = Hardware::new(&scenario.hardware, spec, device.id, scenario.seed, replication)
            .map_err(|source| SimulationError::Hardware { device: name.clone(), source })?;
        let mut at = Time::ZERO;
        while at <= until {
            let means = Means::of(hardware.truth(at));
            row.u64(u64::from(replication)).seconds(at).text("drift");
            blanks(row, 5);
            row.text(name);
            blanks(row, 2);
            row.optional(means.two_qubit).optional(means.one_qubit).optional(means.readout);
            row.optional(means.t1_s).optional(means.t2_s).u64(means.dead_couplers);
            row.end_row()?;
            at += scenario.hardware.drift.step;
        }
    }
    Ok(())
}

fn blanks<W: Write>(row: &mut RowWriter<W>, count: usize) {
    for _ in 0..count {
        row.empty();
    }
}

/// Means over the living elements of a device; absent where there is none, or where a figure is unknown.
struct Means {
    two_qubit: Option<f64>,
    one_qubit: Option<f64>,
    readout: Option<f64>,
    t1_s: Option<f64>,
    t2_s: Option<f64>,
    dead_couplers: u64,
}

impl Means {
    fn of(truth: &Calibration) -> Self {
        let qubits = || truth.qubits.iter().filter(|qubit| !qubit.dead);
        let couplers = truth.couplers.iter().filter(|coupler| !coupler.dead);
        Self {
            two_qubit: mean(couplers.map(|coupler| coupler.two_qubit_error)),
            one_qubit: mean(qubits().map(|qubit| qubit.one_qubit_error)),
            readout: mean(qubits().map(|qubit| qubit.readout_error)),
            t1_s: mean(qubits().map(|qubit| qubit.t1_s)),
            t2_s: mean(qubits().map(|qubit| qubit.t2_s)),
            dead_couplers: truth.couplers.iter().filter(|coupler| coupler.dead).count() as u64,
        }
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (count, sum) = values.fold((0_u32, 0.0), |(count, sum), value| (count + 1, sum + value));
    let mean = sum / f64::from(count);
    mean.is_finite().then_some(mean)
}
