//! What an order of waiting jobs is: who is asked for the key of a job.

use crate::allocator::protocol::{JobRequest, OrderKey};
use crate::time::Time;

/// An order of waiting jobs. Implement it in your own crate to try your own.
pub trait JobOrder: Send {
    /// The key of a job that came at `submitted`: a function of these two and nothing else. Lower is earlier.
    fn key(&self, job: &JobRequest, submitted: Time) -> OrderKey;
}
