//! Gives the commands of a journal to a fresh core, and compares what it decides.
//!
//! Promises to name the first decision that differs. [`what_if`] asks what would have happened under another
//! configuration. Leaves the form of journals to [`crate::observe::journal`].

mod calibrations;
mod changes;
mod course;
mod record;
mod site;
mod verify;
mod what_if;

pub use changes::{Changes, Moved};
pub use course::{Ended, Side};
pub use verify::{Difference, ReplayFailure, Verdict, verify};
pub use what_if::what_if;
