//! When something fails, for how long, and why.
//!
//! Promises nothing: plain values. Leaves drawing to the calendar.

use crate::time::{Span, Time};

/// Why something is out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Written into the scenario at an instant, or at regular ones.
    Scheduled,
    /// A soft fault, repaired by software.
    Soft,
    /// A hard fault, repaired by people.
    Hard,
    /// One flap of a burst.
    Flapping,
}

/// When a source strikes and for how long.
#[derive(Debug, Clone, Copy)]
pub(super) enum Process {
    Once {
        at: Time,
        length: Option<Span>,
    },
    Regular {
        next: Time,
        interval: Span,
        length: Option<Span>,
    },
    /// Up for an exponential time, out for a log-normal one.
    Renewal {
        up: Span,
        repair_median: Span,
        repair_log_sd: f64,
    },
    /// Bursts of `flaps` outages after exponential times; `left` of the current burst remain.
    Flapping {
        quiet: Span,
        flaps: u32,
        down: Span,
        up: Span,
        left: u32,
    },
}
