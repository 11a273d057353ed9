//! Experiments: replications, comparisons and the statistics that turn them into verdicts.

pub mod comparison;
pub mod statistics;
