//! A job as the books of sharing know it.

use std::sync::Arc;

use crate::allocator::protocol::{Allocation, OrderKey, Tenant};
use crate::quantum::DeviceId;

/// What orders the jobs of a queue: the key, then who came first.
pub(super) type Place = (OrderKey, u64);

/// The numbers of a tenant, from the group down.
pub(super) fn path(tenant: Tenant) -> [u32; 3] {
    [tenant.group, tenant.project, tenant.user]
}

pub(super) fn tenant([group, project, user]: [u32; 3]) -> Tenant {
    Tenant { user, group, project }
}

/// A job that has not ended.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) tenant: Tenant,
    /// With fewer it cannot start.
    pub(super) qubits: u32,
    pub(super) place: Place,
    pub(super) queue: Option<DeviceId>,
    pub(super) held: bool,
    /// Others must end first.
    pub(super) dependent: bool,
    /// While it runs.
    pub(super) allocation: Option<Arc<Allocation>>,
    pub(super) started: bool,
    pub(super) promised: bool,
    pub(super) measured: bool,
}

impl Job {
    /// Whether it is in the order of its queue.
    pub(super) fn waits(&self) -> bool {
        !self.held && !self.dependent && self.allocation.is_none()
    }
}
