//! The Eigen OS Resource Manager: an allocator core for shared quantum devices, and the drivers around it.
//!
//! The layers, each importing only from those above it:
//!
//! - [`time`], [`random`], [`input_file`], [`label`]: instants, spans, keyed random streams; files within bounds; names.
//! - [`config_file`]: YAML files in which every key and value knows where it stands; errors with the valid choices.
//! - [`agenda`]: the future event list, for every driver whose clock is simulated.
//! - [`quantum`]: hardware and programs; [`quantum::hardware`] is what a device truly does.
//! - [`allocator`]: the core: commands in, events out.
//! - [`forward`]: when waiting jobs will start: copies of the core are run forward.
//! - [`observe`]: watches the core through its events: the auditor, every metric.
//! - [`simulator`]: drives the core with a simulated clock, from a scenario file.
//! - [`experiment`]: replications, comparisons, statistics.
//! - [`report`]: tables, plots and pictures; [`report::into_folder`] runs an experiment into a whole folder.
//! - [`cli`]: the whole command line, for programs that bring policies of their own.

pub mod agenda;
pub mod allocator;
pub mod cli;
pub mod config_file;
pub mod experiment;
pub mod fixed_point;
pub mod forward;
pub mod input_file;
pub mod label;
pub mod observe;
pub mod quantum;
pub mod random;
pub mod report;
pub mod simulator;
pub mod time;
