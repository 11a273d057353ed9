//! Who waits, and in which order.

pub mod queue;
