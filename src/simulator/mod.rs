//! The discrete-event simulator: drives the allocator core with a simulated clock.

pub mod csv_row;
