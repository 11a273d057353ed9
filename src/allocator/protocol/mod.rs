//! The protocol of the core: commands in, answers and events out.
//!
//! Commands of features that are not there yet do not exist here; they arrive as new variants, never as a second protocol.

pub mod allocation;
pub mod command;
pub mod contradiction;
pub mod error;
pub mod event;
pub mod ids;
pub mod limit;
pub mod party;
pub mod promise;
pub mod request;
pub mod waited;
pub mod wire;

pub use allocation::{Allocation, DriverAction, PromisedIsolation};
pub use command::{Answer, Command, Outcome};
pub use contradiction::{Contradiction, DEPENDENCIES_MAX, Demand, FieldName, Shape};
pub use error::{CommandError, Rejection};
pub use event::{Event, FailureReason, RequeueReason, StopReason};
pub use ids::{
    ARRAY_MAX, AllocationId, EpochNumber, Fence, FinalState, JobId, JobState, OrderKey, Status, StatusReason,
    Target, Tenant,
};
pub use limit::{Level, LimitReached, Resource};
pub use party::{Party, PartyTerms};
pub use promise::{PromiseCause, StartPromise};
pub use request::{
    Attributes, Elasticity, ElementLimits, IsolationLevel, IsolationRequest, JobRequest, Priority,
    QualityBound, Topology,
};
pub use waited::{WaitCause, Waited};
