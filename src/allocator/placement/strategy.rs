//! What a placement strategy is, and what it says of itself. Leaves the strategies to files of their own.

use super::memory::MemoryUse;
use super::outcome::Placed;
use super::problem::PlacementRequest;
use crate::time::Time;

/// What a placement strategy can do; the core asks, and never looks at its name. The default is what can be said of any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Surcharges make a difference to what it answers; where they do not, nobody computes them.
    pub minimises: bool,
    /// It finds the placement of least noise of programs that embed, where nothing but noise counts.
    pub least_noise: bool,
    /// It may answer with a placement that needs routing.
    pub routes: bool,
    /// It looks for placements that need no routing before it answers with one that does.
    pub embeds: bool,
    /// It may use whatever is free. Where it does not, no other search stands in for it.
    pub anywhere: bool,
    /// It finds a connected region wherever there is one.
    pub finds_regions: bool,
    /// A search with more steps goes the way of one with fewer, only further.
    pub steady: bool,
    /// Its [`ProvedInfeasible`](super::PlacementOutcome::ProvedInfeasible) means that no placement without SWAPs exists on
    /// what is free: then none exists on any part of it either, and nobody asks again for a part.
    pub proves_absence: bool,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self {
            minimises: true,
            least_noise: false,
            routes: true,
            embeds: true,
            anywhere: true,
            finds_regions: false,
            steady: false,
            proves_absence: false,
        }
    }
}

impl Capabilities {
    /// Those of a search for the placement of least cost that comes to an end, or finds something on its way there.
    pub const EXACT: Self = Self {
        minimises: true,
        least_noise: true,
        routes: false,
        embeds: true,
        anywhere: true,
        finds_regions: true,
        steady: true,
        proves_absence: true,
    };
}

/// A way to choose qubits on a device. Implement it in your own crate to try your own.
pub trait PlacementStrategy: Send {
    /// Finds a placement. Must be a function of the request alone.
    fn place(&mut self, request: &PlacementRequest<'_>) -> Placed;

    /// What it can do.
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    /// Whether it can be told at once that there is no placement, whatever the objective: spares the caller the
    /// surcharges. May well be false when there is none.
    fn excludes(&mut self, request: &PlacementRequest<'_>) -> bool {
        let _ = request;
        false
    }

    /// Drops whatever is remembered from earlier requests. Answers do not change, only the time they take.
    fn forget(&mut self) {}

    /// Tells what time it is in the core, so that what was not used for long can be dropped. Answers do not change.
    fn advance(&mut self, _now: Time) {}

    /// What is remembered from earlier requests, and how often it helped.
    fn memory(&self) -> MemoryUse {
        MemoryUse::default()
    }
}
