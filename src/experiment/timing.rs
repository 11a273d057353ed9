//! Wall-clock time of a run: how long the core takes per decision and per command, and where the time goes.
//!
//! Promises that measuring changes no decision: the strategy is wrapped, the event loop is watched. These figures
//! differ from run to run and therefore go to files of their own.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::allocator::placement::memory::MemoryUse;
use crate::allocator::placement::{Capabilities, Placed, PlacementRequest, PlacementStrategy};
use crate::forward::Effort;
use crate::simulator::simulation::{Part, Probe, WrapStrategy};
use crate::time::Time;

/// Latencies up to a minute, in nanoseconds, three significant digits.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("bounds are in order and the precision is 3")
}

/// What was measured of one run. The histograms are of a sample in long runs.
#[derive(Debug, Clone)]
pub struct Timing {
    /// Nanoseconds of single placement searches.
    pub placement: Histogram<u64>,
    /// Nanoseconds of scheduling passes.
    pub pass: Histogram<u64>,
    /// Nanoseconds of all other commands.
    pub command: Histogram<u64>,
    /// Nanoseconds of rounds of estimates.
    pub round: Histogram<u64>,
    /// Total time in the core.
    pub allocator: Duration,
    /// Total time in auditing, metrics and event traces.
    pub observation: Duration,
    /// Total time in estimates of starts.
    pub estimates: Duration,
    /// What they took.
    pub effort: Effort,
    /// Total time of the run.
    pub wall: Duration,
    /// Jobs that arrived.
    pub jobs: u64,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            placement: histogram(),
            pass: histogram(),
            command: histogram(),
            round: histogram(),
            allocator: Duration::ZERO,
            observation: Duration::ZERO,
            estimates: Duration::ZERO,
            effort: Effort::default(),
            wall: Duration::ZERO,
            jobs: 0,
        }
    }
}

impl Timing {
    /// Adds another run.
    pub fn add(&mut self, other: &Self) {
        for (sum, more) in [
            (&mut self.placement, &other.placement),
            (&mut self.pass, &other.pass),
            (&mut self.command, &other.command),
            (&mut self.round, &other.round),
        ] {
            sum.add(more).expect("same bounds");
        }
        self.allocator += other.allocator;
        self.observation += other.observation;
        self.estimates += other.estimates;
        self.effort.add(other.effort);
        self.wall += other.wall;
        self.jobs += other.jobs;
    }
}

/// So many parts are timed one by one; of the later ones one in [`SAMPLED`], because reading the clock would take a
/// noticeable share of a long run.
const TIMED_ALL: u64 = 400_000;
/// See [`TIMED_ALL`]; a prime, so that the sample does not follow a rhythm of the events.
const SAMPLED: u64 = 17;

/// Watches the event loop.
#[derive(Debug)]
pub struct Stopwatch {
    timing: Timing,
    parts: u64,
    /// How many parts the present one stands for; 0 when it is not timed.
    weight: u32,
    entered: Instant,
    started: Instant,
    searches: Arc<Mutex<Histogram<u64>>>,
}

impl Default for Stopwatch {
    fn default() -> Self {
        let now = Instant::now();
        let searches = Arc::new(Mutex::new(histogram()));
        Self { timing: Timing::default(), parts: 0, weight: 0, entered: now, started: now, searches }
    }
}

impl Stopwatch {
    /// A wrapper that times the searches of a strategy for this watch.
    pub fn wrapper(&self) -> WrapStrategy {
        let sink = self.searches.clone();
        Box::new(move |strategy| Box::new(Timed { strategy, calls: 0, searches: histogram(), sink }))
    }

    /// Stops the watch; the timed strategy must have been dropped.
    pub fn stop(mut self, jobs: u64, effort: Effort) -> Timing {
        self.timing.effort = effort;
        self.timing.wall = self.started.elapsed();
        self.timing.jobs = jobs;
        if let Ok(searches) = self.searches.lock() {
            self.timing.placement = searches.clone();
        }
        self.timing
    }
}

impl Probe for Stopwatch {
    fn enter(&mut self, part: Part) {
        self.parts += 1;
        self.weight = match self.parts {
            // Few and long: each is timed.
            _ if part == Part::Estimates => 1,
            0..=TIMED_ALL => 1,
            later if later.is_multiple_of(SAMPLED) => SAMPLED as u32,
            _ => 0,
        };
        if self.weight > 0 {
            self.entered = Instant::now();
        }
    }

    fn leave(&mut self, part: Part) {
        if self.weight == 0 {
            return;
        }
        let took = self.entered.elapsed();
        let (total, latencies) = match part {
            Part::Pass => (&mut self.timing.allocator, Some(&mut self.timing.pass)),
            Part::Command => (&mut self.timing.allocator, Some(&mut self.timing.command)),
            Part::Observation => (&mut self.timing.observation, None),
            Part::Estimates => (&mut self.timing.estimates, Some(&mut self.timing.round)),
        };
        *total += took * self.weight;
        if let Some(latencies) = latencies {
            latencies.saturating_record(took.as_nanos() as u64);
        }
    }
}

/// A strategy and how long its searches took.
struct Timed {
    strategy: Box<dyn PlacementStrategy>,
    calls: u64,
    searches: Histogram<u64>,
    sink: Arc<Mutex<Histogram<u64>>>,
}

impl PlacementStrategy for Timed {
    fn place(&mut self, request: &PlacementRequest<'_>) -> Placed {
        self.calls += 1;
        if self.calls > TIMED_ALL && !self.calls.is_multiple_of(SAMPLED) {
            return self.strategy.place(request);
        }
        let start = Instant::now();
        let placed = self.strategy.place(request);
        self.searches.saturating_record(start.elapsed().as_nanos() as u64);
        placed
    }

    fn capabilities(&self) -> Capabilities {
        self.strategy.capabilities()
    }

    fn excludes(&mut self, request: &PlacementRequest<'_>) -> bool {
        self.strategy.excludes(request)
    }

    fn forget(&mut self) {
        self.strategy.forget();
    }

    fn advance(&mut self, now: Time) {
        self.strategy.advance(now);
    }

    fn memory(&self) -> MemoryUse {
        self.strategy.memory()
    }
}

impl Drop for Timed {
    fn drop(&mut self) {
        if let Ok(mut sink) = self.sink.lock() {
            sink.add(&self.searches).expect("same bounds");
        }
    }
}
