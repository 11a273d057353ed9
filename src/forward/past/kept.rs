//! How much is remembered.

/// The latest so many attempts and outages of each device and of all, and as many arrivals.
pub const KEPT: usize = 256;
