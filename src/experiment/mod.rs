//! Experiments: replications, comparisons and the statistics that turn them into verdicts.
//!
//! Reading order: [`run`] (replications of a scenario), [`folder`] (the files of a run), [`compare`] (variants on the
//! same worlds), [`comparison`] and [`statistics`] (verdicts), [`determinism`], [`timing`].

pub mod compare;
pub mod comparison;
pub mod determinism;
pub mod folder;
pub mod run;
pub mod statistics;
pub mod timing;
