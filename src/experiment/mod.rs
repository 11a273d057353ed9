//! Experiments: replications, comparisons and the statistics that turn them into verdicts.
//!
//! Reading order: [`run`] (replications of a scenario), [`notes`] (what misleads whoever reads the numbers without it),
//! [`folder`] (the files of a run), [`writing`] (one writer at a time), [`reading`] (reading them again), [`variants`]
//! and [`compare`] (variants on the same worlds), [`comparison`], [`evidence`], [`statistics`] and [`bootstrap`]
//! (verdicts), [`warm_up`], [`explain`] (the life of one job), [`waits`] and [`accounts`] (tables), [`check`] (verdicts for continuous integration), [`determinism`], [`timing`], [`sweep`] (many
//! combinations, also on many machines); apart from those [`placements`] (placement problems without jobs) and its
//! [`cpu_clock`].

pub mod accounts;
pub mod bootstrap;
pub mod check;
pub mod compare;
pub mod comparison;
pub mod cpu_clock;
pub mod determinism;
pub mod evidence;
pub mod explain;
pub mod folder;
pub mod notes;
pub mod placements;
pub mod reading;
pub mod replay;
pub mod run;
pub mod statistics;
pub mod sweep;
pub mod timing;
pub mod variants;
pub mod version;
pub mod waits;
pub mod warm_up;
pub mod writing;
