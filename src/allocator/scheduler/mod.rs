//! The scheduling pass, in numbered steps: jobs get homes, queues are walked in order and starts planned, starts of one
//! instant are placed jointly, and the plan becomes decisions.

pub mod commit;
pub mod homes;
pub mod joint;
pub mod kind_walk;
pub mod pass;
pub mod plan;
pub mod promises;
pub mod queue_walk;
pub mod walked;
