//! In which order waiting jobs are looked at: a key per job, the lower the earlier.
//!
//! A key is given when the job comes, and anew when another configuration is in force. With most orders it does not change
//! while the job waits, so that a hundred thousand waiting jobs cost nothing to keep in order; an order may also say when
//! a key changes next ([`JobOrder::key_at`]). Jobs with equal keys go in order of submission. Leaves the question who may
//! overtake to the scheduling pass.

mod aging;
pub mod job_order;
pub mod own;
pub mod shipped;
mod weighted;

pub use job_order::JobOrder;

use super::protocol::{JobRequest, OrderKey};
use crate::time::Time;

/// The key of a job at `now`, and until when: never a time that is over, whatever an order says.
pub(super) fn key_at(
    order: &dyn JobOrder,
    job: &JobRequest,
    submitted: Time,
    now: Time,
) -> (OrderKey, Option<Time>) {
    let (key, until) = order.key_at(job, submitted, now);
    (key, until.filter(|at| *at > now))
}
