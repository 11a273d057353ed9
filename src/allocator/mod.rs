//! The core: a deterministic state machine that takes commands and answers with events.
#![deny(clippy::disallowed_types, clippy::disallowed_methods)]

pub mod config;
pub mod explain;
pub mod job;
pub mod messages;
pub mod placement;
