//! In which order waiting jobs are looked at: a key per job, the lower the earlier.
//!
//! A key is given when the job comes, and anew when another configuration is in force; it does not change while the job
//! waits, so that a hundred thousand waiting jobs cost nothing to keep in order. Jobs with equal keys go in order of
//! submission. Leaves the question who may overtake to the scheduling pass.

pub mod job_order;
pub mod own;
pub mod shipped;

pub use job_order::JobOrder;
