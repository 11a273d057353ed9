//! What is remembered of patterns on whole devices: messages and roots as if every live qubit were free.
//!
//! What is free is part of the whole device, so that bounds for the whole hold for every part of it, and a request
//! costs nothing but its search. They get loose when much is busy: such a search ends early, and the caller computes
//! bounds for what is free. Promises that a complete search finds what the caller would have found.

use super::bound::Bounds;
use super::host::{Host, Part};
use super::plan::Plan;
use super::search::{Ending, Roots, Search, State, list_roots};
use crate::allocator::placement::PlacementRequest;

/// Bytes of messages and roots that are kept unless configured otherwise.
const BYTES_MAX: usize = 64 << 20;
/// Most steps of a search on a whole device.
const STEPS_MAX: u64 = 256;
/// One request in this many goes the way that has shown to be dearer, to see whether it still is.
const TRIAL: u64 = 32;

/// One pattern on one device.
#[derive(Debug)]
struct Entry {
    plan: u64,
    epoch: u128,
    /// Computed at the second request: many patterns never come again.
    known: Option<(Bounds, Vec<Roots>)>,
    bytes: usize,
    used: u64,
    requests: u64,
    /// Mean work of recent requests with a search on the whole device first, and without, in sixteenths of a step.
    with: u64,
    without: u64,
}

impl Entry {
    fn note(mean: &mut u64, work: u64) {
        *mean = if *mean == 0 { 16 * work } else { (7 * *mean + 16 * work) / 8 };
    }
}

/// The memory.
#[derive(Debug)]
pub(crate) struct Warm {
    entries: Vec<Entry>,
    part: Part,
    clock: u64,
    bytes: usize,
    /// Most bytes to keep; 0 remembers nothing.
    pub bytes_max: usize,
}

impl Default for Warm {
    fn default() -> Self {
        Self { part: Part::default(), entries: Vec::new(), clock: 0, bytes: 0, bytes_max: BYTES_MAX }
    }
}

/// Steps after which bounds for the whole device have shown to be too loose: they take about a third of the time of
/// bounds for what is free. A function of the request alone, because the answer depends on it.
fn patience(plan: &Plan, request: &PlacementRequest<'_>) -> u64 {
    let work = request.free.len() * (plan.classes.len() + 6);
    (work as u64 / 12).clamp(8, STEPS_MAX).min(request.budget)
}

impl Warm {
    /// Forgets everything.
    pub fn forget(&mut self) {
        *self = Self { bytes_max: self.bytes_max, ..Self::default() };
    }

    /// Searches if there is reason to expect an end; `serial` names the plan. `always`: whatever is expected.
    pub fn search(
        &mut self,
        serial: u64,
        plan: &Plan,
        request: &PlacementRequest<'_>,
        state: &mut State,
        always: bool,
    ) -> Option<Ending> {
        let epoch = request.epoch.fingerprint();
        self.clock += 1;
        let known = self.entries.iter().position(|entry| entry.plan == serial && entry.epoch == epoch);
        if known.is_none() && !always && self.bytes_max == 0 {
            return None;
        }
        let index = known.unwrap_or_else(|| {
            self.entries.push(Entry {
                plan: serial,
                epoch,
                known: None,
                bytes: 0,
                used: self.clock,
                requests: 0,
                with: 0,
                without: 0,
            });
            self.entries.len() - 1
        });
        let entry = &mut self.entries[index];
        entry.used = self.clock;
        entry.requests += 1;
        // The first request has shown the work without.
        let worth_it = (entry.with <= entry.without) != entry.requests.is_multiple_of(TRIAL);
        if !always && (known.is_none() || !worth_it) {
            return None;
        }
        if entry.known.is_none() {
            let mut bounds = Bounds::default();
            let whole = Host::whole(request.epoch, &request.epoch.graph().nodes);
            bounds.compute(plan, &whole);
            let mut roots = Vec::new();
            list_roots(plan, &whole, &bounds, &mut roots);
            entry.bytes = bounds.bytes() + roots.iter().map(Roots::bytes).sum::<usize>();
            self.bytes += entry.bytes;
            entry.known = Some((bounds, roots));
        }
        let (bounds, roots) = entry.known.as_mut()?;
        let host = Host::whole(request.epoch, self.part.list(request));
        let search = Search {
            plan,
            host: &host,
            bounds,
            state,
            roots,
            first_round: STEPS_MAX,
            budget: patience(plan, request),
        };
        let ending = search.run();
        self.shrink();
        Some(ending)
    }

    /// Notes what a request took: `steps` of a search on the whole device, if there was one, and the work without.
    pub fn note(
        &mut self,
        serial: u64,
        request: &PlacementRequest<'_>,
        steps: Option<u64>,
        without: Option<u64>,
    ) {
        let epoch = request.epoch.fingerprint();
        let known = self.entries.iter_mut().find(|entry| entry.plan == serial && entry.epoch == epoch);
        let Some(entry) = known else { return };
        if let Some(work) = without {
            Entry::note(&mut entry.without, work);
        }
        if let Some(steps) = steps {
            Entry::note(&mut entry.with, steps + without.unwrap_or(0));
        }
    }

    /// Drops what was not used for longest until the rest fits.
    fn shrink(&mut self) {
        while self.bytes > self.bytes_max {
            let Some(oldest) = (0..self.entries.len()).min_by_key(|&index| self.entries[index].used) else {
                break;
            };
            self.bytes -= self.entries.swap_remove(oldest).bytes;
        }
    }
}
