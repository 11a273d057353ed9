//! What an order of waiting jobs is: who is asked for the key of a job.

use crate::allocator::protocol::{JobRequest, OrderKey};
use crate::time::Time;

/// An order of waiting jobs. Implement it in your own crate to try your own; most orders need [`JobOrder::key`] alone.
pub trait JobOrder: Send {
    /// The key of a job that came at `submitted`: a function of these two and nothing else. Lower is earlier.
    fn key(&self, job: &JobRequest, submitted: Time) -> OrderKey;

    /// The key at `now`, from `submitted` on, and until when it holds: a later instant, or `None` for good, as it is for
    /// orders that leave this alone. A function of these three and nothing else. Each change of a key costs an event and,
    /// where it changes who stands before whom, a pass: what rises for all alike belongs to a key that does not change.
    fn key_at(&self, job: &JobRequest, submitted: Time, _now: Time) -> (OrderKey, Option<Time>) {
        (self.key(job, submitted), None)
    }
}
