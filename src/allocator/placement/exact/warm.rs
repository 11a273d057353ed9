//! What is remembered of patterns on whole devices: messages and roots as if every live qubit were free.
//!
//! What is free is part of the whole device, so that bounds for the whole hold for every part of it, and a request
//! costs nothing but its search. They get loose when much is busy: such a search ends early, and the caller computes
//! bounds for what is free. Promises that a complete search finds what the caller would have found.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::bound::Bounds;
use super::host::{Host, Part};
use super::plan::Plan;
use super::search::{Ending, Roots, Search, State, list_roots};
use crate::allocator::config::SearchMemory;
use crate::allocator::placement::PlacementRequest;
use crate::allocator::placement::memory::MemoryUse;
use crate::allocator::placement::noise::Noise;
use crate::time::{Span, Time};

/// Most steps of a search on a whole device.
const STEPS_MAX: u64 = 256;
/// One request in this many goes the way that has shown to be dearer, to see whether it still is.
const TRIAL: u64 = 32;

/// One pattern on one device.
#[derive(Debug, Default)]
struct Entry {
    /// Computed at the second request: many patterns never come again.
    known: Option<(Noise, Bounds, Vec<Roots>)>,
    bytes: usize,
    /// The number of the search that used it last, and the core time of that.
    used: u64,
    used_at: Time,
    requests: u64,
    /// Mean work of recent requests with a search on the whole device first, and without, in sixteenths of a step.
    with: u64,
    without: u64,
}

/// The plan, by its serial number, and the fingerprint of the calibration epoch.
type Key = (u64, u128);

/// What an entry takes before anything was computed for it.
const ENTRY_BYTES: usize = size_of::<Entry>() + size_of::<Key>();

impl Entry {
    fn note(mean: &mut u64, work: u64) {
        *mean = if *mean == 0 { 16 * work } else { (7 * *mean + 16 * work) / 8 };
    }
}

/// How much is kept for how long; nothing where `bytes` is 0.
#[derive(Debug, Clone, Copy)]
struct Limits {
    bytes: usize,
    age: Span,
}

impl From<SearchMemory> for Limits {
    fn from(config: SearchMemory) -> Self {
        match config {
            SearchMemory::Off => Self { bytes: 0, age: Span::ZERO },
            SearchMemory::Bounded { max_mib, max_age } => {
                Self { bytes: (max_mib as usize).saturating_mul(1 << 20), age: max_age }
            }
        }
    }
}

/// The memory.
#[derive(Debug)]
pub(crate) struct Warm {
    entries: IndexMap<Key, Entry, FxBuildHasher>,
    part: Part,
    limits: Limits,
    /// Searches so far.
    clock: u64,
    /// Core time.
    now: Time,
    /// No entry is too old before.
    too_old_from: Time,
    bytes: usize,
    counted: MemoryUse,
}

impl Default for Warm {
    fn default() -> Self {
        Self::new(SearchMemory::default())
    }
}

/// Steps after which bounds for the whole device have shown to be too loose: they take about a third of the time of
/// bounds for what is free. A function of the request alone, because the answer depends on it.
fn patience(plan: &Plan, request: &PlacementRequest<'_>) -> u64 {
    let work = request.free.len() * (plan.classes.len() + 6);
    (work as u64 / 12).clamp(8, STEPS_MAX).min(request.budget)
}

impl Warm {
    /// A memory with the given limits.
    pub fn new(config: SearchMemory) -> Self {
        Self {
            entries: IndexMap::default(),
            part: Part::default(),
            limits: config.into(),
            clock: 0,
            now: Time::ZERO,
            too_old_from: Time::ZERO,
            bytes: 0,
            counted: MemoryUse::default(),
        }
    }

    /// Forgets everything but how often it helped.
    pub fn forget(&mut self) {
        self.entries.clear();
        self.bytes = 0;
    }

    /// Forgets a plan that will not come again under its serial number.
    pub fn forget_plan(&mut self, serial: u64) {
        let bytes = &mut self.bytes;
        self.entries.retain(|&(plan, _), entry| {
            let keep = plan != serial;
            *bytes -= if keep { 0 } else { entry.bytes };
            keep
        });
    }

    /// Takes note of the core time and drops what was not used for too long.
    pub fn advance(&mut self, now: Time) {
        self.now = now;
        if now < self.too_old_from {
            return;
        }
        let (bytes, age) = (&mut self.bytes, self.limits.age);
        let mut oldest = now;
        self.entries.retain(|_, entry| {
            let keep = now.since(entry.used_at) < age;
            if keep {
                oldest = oldest.min(entry.used_at);
            } else {
                *bytes -= entry.bytes;
            }
            keep
        });
        self.too_old_from = oldest + age;
    }

    /// What is remembered, and how often it helped.
    pub fn used(&self) -> MemoryUse {
        MemoryUse { entries: self.entries.len() as u64, bytes: self.bytes as u64, ..self.counted }
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
        if self.limits.bytes == 0 && !always {
            return None;
        }
        let key = (serial, request.epoch.fingerprint());
        self.clock += 1;
        let known = self.entries.get_index_of(&key);
        let remembered = known.is_some_and(|index| self.entries[index].known.is_some());
        // With `always` it is the second look of one request.
        if self.limits.bytes > 0 && !always {
            self.counted.requests += 1;
            self.counted.misses += u64::from(!remembered);
        }
        let index = known.unwrap_or_else(|| {
            self.bytes += ENTRY_BYTES;
            self.entries.insert_full(key, Entry { bytes: ENTRY_BYTES, ..Entry::default() }).0
        });
        let entry = &mut self.entries[index];
        (entry.used, entry.used_at) = (self.clock, self.now);
        entry.requests += 1;
        // The first request has shown the work without.
        let worth_it = (entry.with <= entry.without) != entry.requests.is_multiple_of(TRIAL);
        if !always && (known.is_none() || !worth_it) {
            self.shrink();
            return None;
        }
        self.counted.hits += u64::from(remembered && !always);
        if entry.known.is_none() {
            let mut bounds = Bounds::default();
            let noise = Noise::new(request);
            let whole = Host::whole(request.epoch, &request.epoch.graph().nodes, &noise);
            bounds.compute(plan, &whole);
            let mut roots = Vec::new();
            list_roots(plan, &whole, &bounds, &mut roots);
            let bytes = noise.bytes() + bounds.bytes() + roots.iter().map(Roots::bytes).sum::<usize>();
            entry.bytes += bytes;
            self.bytes += bytes;
            if self.limits.bytes > 0 {
                self.counted.entry_bytes_max = self.counted.entry_bytes_max.max(entry.bytes as u64);
            }
            entry.known = Some((noise, bounds, roots));
        }
        let (noise, bounds, roots) = entry.known.as_mut()?;
        let host = Host::whole(request.epoch, self.part.list(request), noise);
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
        let Some(entry) = self.entries.get_mut(&(serial, request.epoch.fingerprint())) else { return };
        if let Some(work) = without {
            Entry::note(&mut entry.without, work);
        }
        if let Some(steps) = steps {
            Entry::note(&mut entry.with, steps + without.unwrap_or(0));
        }
    }

    /// Drops what was not used for longest until the rest fits.
    fn shrink(&mut self) {
        if self.limits.bytes > 0 {
            self.counted.bytes_peak = self.counted.bytes_peak.max(self.bytes as u64);
        }
        while self.bytes > self.limits.bytes {
            let Some(oldest) = (0..self.entries.len()).min_by_key(|&index| self.entries[index].used) else {
                break;
            };
            let dropped = self.entries.swap_remove_index(oldest);
            self.bytes -= dropped.map_or(0, |(_, entry)| entry.bytes);
        }
    }
}
