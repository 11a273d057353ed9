//! How much each attribute of a job counts in the order of waiting jobs.
//!
//! Promises whole numbers, so that a sum is exact. Leaves what comes of them to [`crate::allocator::order`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Most that one attribute counts, either way.
const WEIGHT_MAX: i32 = 1_000_000;

/// How many points an attribute is worth with `order: weighted`: the job with the most points goes first, of equals the one
/// that came first. Whole numbers from -1,000,000 to 1,000,000; below 0 the opposite goes first. Points only rise with time as
/// those of all others do, so that who is ahead of a job when it comes stays ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OrderWeights {
    /// Points per step of `priority`: above 0 the highest first. Default 0.
    #[schemars(range(min = -1_000_000, max = 1_000_000))]
    pub priority: i32,
    /// Points per hour since submission: above 0 the oldest first. With `priority: 1`, 100 is what `priority_aging: {every:
    /// 36s}` is for `order: priority`. Default 0.
    #[schemars(range(min = -1_000_000, max = 1_000_000))]
    pub age: i32,
    /// Points per qubit that a job needs at least: above 0 the widest first, below the narrowest. Default 0.
    #[schemars(range(min = -1_000_000, max = 1_000_000))]
    pub qubits: i32,
    /// Points per hour of the walltime that a job states: above 0 the longest first, below the shortest. A job that states
    /// none counts as one of a day, and so does one that states more. Default 0.
    #[schemars(range(min = -1_000_000, max = 1_000_000))]
    pub walltime: i32,
    /// Points per hour by which a deadline is nearer: above 0 the earliest first. A job without one counts as due 30 days
    /// after it came, and so does one that is due later. Default 0.
    #[schemars(range(min = -1_000_000, max = 1_000_000))]
    pub deadline: i32,
}

impl OrderWeights {
    /// Whether nothing counts, so that jobs go in order of submission.
    pub fn is_nothing(self) -> bool {
        self == Self::default()
    }

    pub(super) fn validate(self) -> Result<(), OrderWeightError> {
        let Self { priority, age, qubits, walltime, deadline } = self;
        let weights = [
            ("order_weights.priority", priority),
            ("order_weights.age", age),
            ("order_weights.qubits", qubits),
            ("order_weights.walltime", walltime),
            ("order_weights.deadline", deadline),
        ];
        let beyond = weights.into_iter().find(|(_, weight)| !(-WEIGHT_MAX..=WEIGHT_MAX).contains(weight));
        beyond.map_or(Ok(()), |(key, value)| Err(OrderWeightError { key, value }))
    }
}

/// An attribute that counts beyond all measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{key} is {value}; hint: valid are -{WEIGHT_MAX} to {WEIGHT_MAX}")]
pub struct OrderWeightError {
    /// The setting, as a path below that of the allocator.
    pub key: &'static str,
    /// The value.
    pub value: i32,
}
