//! Placement problems by themselves, without jobs and queues: files of instances, how long each takes to prove, and
//! what the answers are worth.
//!
//! Promises scores computed from the figures of the file rather than from the search's own costs, and times of a
//! cold search in CPU time. Leaves printing to the reports, and the search to [`crate::allocator::placement`].

pub mod churn;
pub mod file;
pub mod measure;
pub mod shape;
pub mod summary;

pub use file::{BestKnown, InstanceFile, InstanceFileError};
pub use measure::{COLUMNS, Measured, Outcome, measure};
pub use summary::Summary;
