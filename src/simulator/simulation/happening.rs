//! What happens in a run, and in which order at one instant. Leaves what it leads to to the simulation.

use crate::allocator::protocol::{AllocationId, JobId};
use crate::quantum::hardware::failures::Outage;
use crate::simulator::workload::Arrival;

/// The order at one instant, see "Order at one instant" in the architecture guide.
pub(super) mod class {
    /// The measured interval is half-open: what happens at the instant at which it begins is measured.
    pub const MEASURE: u8 = 0;
    pub const RELEASE: u8 = 1;
    /// After the ends of jobs: a job that ends at the instant of its cancellation has ended.
    pub const CANCEL: u8 = 2;
    pub const REPAIR: u8 = 3;
    pub const FAILURE: u8 = 4;
    pub const CALIBRATION: u8 = 5;
    pub const ARRIVAL: u8 = 6;
    /// The scheduling pass is not on the agenda: it runs between the classes before and after it.
    pub const PASS: u8 = 7;
    pub const ESTIMATE: u8 = 8;
    pub const SAMPLE: u8 = 9;
    pub const END: u8 = 10;
}

/// What is on the agenda.
#[derive(Debug, Clone, Copy)]
pub(super) enum Happening {
    AttemptEnds(AllocationId),
    StopDone(AllocationId),
    Cancel(JobId),
    Arrival(Arrival),
    Joins(u32),
    Leaves(u32),
    OutageBegins(Outage),
    OutageEnds(Outage),
    CalibrationDue(u32),
    CalibrationWanted(u32, u64),
    CalibrationEnds(u32),
    StartMeasuring,
    Estimate,
    Sample,
    HorizonOver,
    End,
}

/// Whether a happening could let a job start, or end one.
pub(super) fn moves_jobs(happening: &Happening) -> bool {
    !matches!(
        happening,
        Happening::Estimate
            | Happening::Sample
            | Happening::StartMeasuring
            | Happening::HorizonOver
            | Happening::End
    )
}
