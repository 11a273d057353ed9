//! What is known of the devices that meet the need of a job: when it would end there, what it would cost, how well it
//! would go.
//!
//! Promises figures that follow from the state alone. A start is expected now where the job is to start now; where it is to
//! wait, when what runs and waits there is done: an estimate by areas, to compare devices, not a promise. Leaves
//! the order to [`super::ranking`], and real promises to [`super::forecast`].

use smallvec::SmallVec;

use super::index::Need;
use super::judge::Judge;
use super::memo::{KindId, WhenEmpty};
use super::ranking::{Candidate, Figures};
use crate::allocator::placement::cost::in_parts;
use crate::allocator::protocol::JobRequest;
use crate::allocator::state::State;
use crate::allocator::state::fleet::Device;
use crate::allocator::state::run_times::ReportedTimes;
use crate::quantum::DeviceId;
use crate::time::{Span, Time};

impl Judge {
    /// All devices that meet a need and that the job does not exclude, with what is asked of them.
    pub(super) fn candidates(
        &mut self,
        state: &State,
        now: Time,
        kind: KindId,
        request: &JobRequest,
        need: Need,
        figures: Figures,
    ) -> Vec<Candidate> {
        let mut candidates = Vec::new();
        for id in state.fleet().index.meeting(need, 0) {
            let Some(device) = state.fleet().get(id).filter(|_| !request.excluded_devices.contains(&id))
            else {
                continue;
            };
            candidates.push(Candidate {
                id,
                load_ppm: state.fleet().index.load(id).load_ppm,
                end: figures.end.then(|| expected_end(state, now, device, request, need)),
                price: if figures.price { price(state, now, device, request) } else { None },
                loss: if figures.loss { self.loss(state, kind, id) } else { None },
            });
        }
        candidates
    }

    /// How much fidelity a job of a kind would lose on a device if it were empty, in the parts of [`in_parts`].
    fn loss(&mut self, state: &State, kind: KindId, id: DeviceId) -> Option<u64> {
        match self.when_empty(state, kind, id) {
            WhenEmpty::Possible(cost) => cost.map(in_parts),
            WhenEmpty::Never | WhenEmpty::BelowBound(_) => None,
        }
    }
}

/// How fast a device is, as far as anybody can tell.
struct Pace<'s> {
    device: &'s Device,
    reported: &'s ReportedTimes,
    /// The job that is latest on a device of which nothing was reported has run for the first time, the second was expected.
    late: (Span, Span),
}

impl<'s> Pace<'s> {
    fn of(state: &'s State, now: Time, device: &'s Device) -> Self {
        let reported = state.fleet().reported_of(device);
        let mut pace = Self { device, reported, late: (Span(1), Span(1)) };
        if device.reported_times.is_empty() {
            // Who runs longer than the others did is the first to tell that this device is slower.
            let running = device.calendar.allocations().filter_map(|(id, _)| state.running(id));
            let late = running.map(|running| {
                let allocation = &running.allocation;
                let request = &state.jobs()[running.slot].request;
                let published = device.published(request, allocation.copies);
                (now.since(allocation.started), reported.corrected(published).max(Span(1)))
            });
            let slower = late.filter(|(ran, expected)| ran > expected);
            let ratio = |of: &(Span, Span)| u128::from(of.0.0) * u128::from(PARTS) / u128::from(of.1.0);
            pace.late = slower.max_by_key(ratio).unwrap_or(pace.late);
        }
        pace
    }

    /// How long a job takes in so many copies, whatever it states itself: what it states holds for all devices alike.
    fn run(&self, request: &JobRequest, copies: u32) -> Span {
        let corrected = self.reported.corrected(self.device.published(request, copies)).max(Span(1));
        Span(u64::try_from(self.slowed(u128::from(corrected.0))).unwrap_or(u64::MAX))
    }

    fn slowed(&self, expected: u128) -> u128 {
        let (ran, while_expected) = self.late;
        if ran == while_expected {
            return expected;
        }
        let whole = u128::from(while_expected.0);
        (expected / whole).saturating_mul(u128::from(ran.0)) + expected % whole * u128::from(ran.0) / whole
    }
}

/// Parts in which ratios of run times are compared.
const PARTS: u64 = 1 << 16;

/// What a job is expected to cost on a device, if its price is known.
fn price(state: &State, now: Time, device: &Device, request: &JobRequest) -> Option<u128> {
    let price = device.spec.price?;
    Some(price.of(Pace::of(state, now, device).run(request, 1), request.circuits, request.shots))
}

/// When a job is expected to end on a device.
fn expected_end(state: &State, now: Time, device: &Device, request: &JobRequest, need: Need) -> Time {
    let pace = Pace::of(state, now, device);
    let start = match need {
        Need::Free(_) => now,
        Need::Capacity(qubits) => expected_start(state, now, &pace, qubits),
    };
    Time(start.0.saturating_add(pace.run(request, 1).0))
}

/// When a job of so many qubits is expected to start that joins the queue of a device.
fn expected_start(state: &State, now: Time, pace: &Pace<'_>, qubits: u32) -> Time {
    let device = pace.device;
    let waits = !device.backlog.is_empty();
    if !waits && device.accepts_starts() && device.free_len() >= qubits {
        return now;
    }
    let mut rests: SmallVec<[(Span, u32); 16]> = SmallVec::new();
    for (id, booking) in device.calendar.allocations() {
        let rest = match state.running(id) {
            Some(running) => {
                let request = &state.jobs()[running.slot].request;
                (booking.from + pace.run(request, running.allocation.copies)).since(now)
            }
            // It is only planned.
            None => booking.until.map_or(Span::ZERO, |until| until.since(now)),
        };
        rests.push((rest, booking.qubits.len() as u32));
    }
    let most = device.spec.limits.max_concurrent_tasks;
    let wait =
        if waits { behind_all(pace, &rests, most) } else { until_free(device, &mut rests, qubits, most) };
    Time(now.0.saturating_add(wait))
}

/// How long it takes until all is done that runs and waits, if all qubits are in use until then; or all places, where
/// there are only so many.
fn behind_all(pace: &Pace<'_>, rests: &[(Span, u32)], most: Option<u32>) -> u64 {
    let (time, area) = pace.device.backlog.expected(pace.reported);
    let (mut time, mut area) = (pace.slowed(time), pace.slowed(area));
    for (rest, qubits) in rests {
        time = time.saturating_add(u128::from(rest.0));
        area = area.saturating_add(u128::from(rest.0) * u128::from(*qubits));
    }
    let by_qubits = area / (pace.device.epoch.usable.len() as u128).max(1);
    let by_places = most.map_or(0, |most| time / u128::from(most.max(1)));
    u64::try_from(by_qubits.max(by_places)).unwrap_or(u64::MAX)
}

/// How long it takes until so many qubits, and a place, are free by number.
fn until_free(device: &Device, rests: &mut [(Span, u32)], qubits: u32, most: Option<u32>) -> u64 {
    rests.sort_unstable();
    let mut free = device.free_len();
    let mut running = rests.len() as u32;
    for (rest, held) in rests.iter() {
        free += held;
        running -= 1;
        if free >= qubits && most.is_none_or(|most| running < most) {
            return rest.0;
        }
    }
    // Something else is in the way, such as a calibration: nobody knows for how long.
    rests.last().map_or(0, |(rest, _)| rest.0)
}
