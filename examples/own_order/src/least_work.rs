//! The least work first: qubits times executions, which every job states, unlike its walltime. A day of waiting is worth as
//! much as a million of them, so that large jobs come to the front in the end.

use resource_manager::allocator::order::JobOrder;
use resource_manager::allocator::protocol::{JobRequest, OrderKey};
use resource_manager::time::Time;

/// Nanoseconds of waiting that weigh as much as the execution of one qubit: a day for a million.
const NS_PER_EXECUTION: i128 = 86_400_000_000_000 / 1_000_000;

/// The order.
#[derive(Debug)]
pub struct LeastWork;

impl JobOrder for LeastWork {
    fn key(&self, job: &JobRequest, submitted: Time) -> OrderKey {
        let executions = i128::from(job.circuits) * i128::from(job.shots) * i128::from(job.min_qubits);
        OrderKey(i128::from(submitted.0) + executions * NS_PER_EXECUTION)
    }
}
