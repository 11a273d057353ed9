//! The devices to ask for one job, each once: those that it prefers, in its order, then those that the selector names.
//!
//! Promises an end whatever the selector does, and that no device which meets the need is left out but those that the
//! selector leaves out and those that the job excludes.

use super::index::FleetIndex;
use super::named::Named;
use super::selection::{Ask, DeviceSelector};
use crate::allocator::protocol::JobRequest;
use crate::quantum::DeviceId;

/// The state of one search through the fleet.
#[derive(Debug)]
pub struct Walk<'r> {
    request: &'r JobRequest,
    /// Preferred devices that were looked at.
    preferred: usize,
    /// Named by the selector, whose place in its order must not depend on what the job prefers.
    named: Named,
    /// All that were given out.
    tried: Named,
}

impl<'r> Walk<'r> {
    /// Nothing was tried yet.
    pub fn new(request: &'r JobRequest) -> Self {
        Self { request, preferred: 0, named: Named::default(), tried: Named::default() }
    }

    /// The next device to ask.
    pub fn next(&mut self, index: &FleetIndex, selector: &dyn DeviceSelector, ask: &Ask) -> Option<DeviceId> {
        loop {
            let id = match self.next_preferred(index, ask) {
                Some(id) => id,
                None => {
                    let id = selector.next(index, ask, &self.named)?;
                    if !self.named.insert(id) {
                        return None;
                    }
                    id
                }
            };
            if !self.request.excluded_devices.contains(&id) && self.tried.insert(id) {
                return Some(id);
            }
        }
    }

    fn next_preferred(&mut self, index: &FleetIndex, ask: &Ask) -> Option<DeviceId> {
        let rest = &self.request.preferred_devices[self.preferred..];
        let skipped = rest.iter().position(|id| index.meets(*id, ask.need));
        self.preferred += skipped.map_or(rest.len(), |skipped| skipped + 1);
        skipped.map(|skipped| rest[skipped])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::allocator::candidates::index::{Load, Need};
    use crate::allocator::candidates::selection::selector;
    use crate::allocator::config::Selection;
    use crate::allocator::protocol::{JobId, Topology};

    /// Names the same device for ever.
    struct Stubborn;

    impl DeviceSelector for Stubborn {
        fn next(&self, _: &FleetIndex, _: &Ask, _: &Named) -> Option<DeviceId> {
            Some(DeviceId(1))
        }
    }

    fn index(startable: &[u32]) -> FleetIndex {
        let mut index = FleetIndex::default();
        for (id, &startable) in startable.iter().enumerate() {
            let load_ppm = 1_000_000 / u64::from(startable + 1);
            index.set(DeviceId(id as u32), Load { startable, capacity: 9, load_ppm });
        }
        index
    }

    fn all(
        request: &JobRequest,
        index: &FleetIndex,
        selector: &dyn DeviceSelector,
        draw: u64,
        last_chosen: Option<DeviceId>,
    ) -> Vec<u32> {
        let ask = Ask { need: Need::Free(request.min_qubits), draw, last_chosen };
        let mut candidates = Walk::new(request);
        std::iter::from_fn(|| candidates.next(index, selector, &ask)).map(|id| id.0).collect()
    }

    proptest! {
        /// Whatever a job prefers and excludes, in whatever order: preferred ones first, then all others, each once.
        #[test]
        fn every_device_that_could_take_the_job_is_asked_once(
            startable in proptest::collection::vec(0_u32..9, 1..80),
            preferred in proptest::collection::vec(0_u32..90, 0..5),
            excluded in proptest::collection::vec(0_u32..90, 0..5),
            last in proptest::option::of(0_u32..100),
            draw: u64,
        ) {
            let index = index(&startable);
            let ids = |numbers: &[u32]| numbers.iter().copied().map(DeviceId).collect();
            let request = JobRequest {
                preferred_devices: ids(&preferred),
                excluded_devices: ids(&excluded),
                ..JobRequest::new(JobId(1), 4, Topology::Any)
            };
            let fits = |id: &u32| startable.get(*id as usize).is_some_and(|free| *free >= 4) && !excluded.contains(id);
            let mut first: Vec<u32> = preferred.iter().copied().filter(fits).collect();
            let mut seen = std::collections::BTreeSet::new();
            first.retain(|id| seen.insert(*id));
            let expected: std::collections::BTreeSet<u32> = (0..startable.len() as u32).filter(fits).collect();
            for selection in [
                Selection::First,
                Selection::Random,
                Selection::RoundRobin,
                Selection::LeastLoaded,
                Selection::BestFidelity,
            ] {
                let asked = all(&request, &index, &*selector(selection), draw, last.map(DeviceId));
                prop_assert_eq!(&asked[..first.len()], &first[..], "{:?}", selection);
                let once: std::collections::BTreeSet<u32> = asked.iter().copied().collect();
                prop_assert_eq!(once.len(), asked.len(), "{:?}", selection);
                prop_assert_eq!(&once, &expected, "{:?}", selection);
            }
        }
    }

    #[test]
    fn a_selector_that_repeats_itself_ends() {
        let request = JobRequest::new(JobId(1), 4, Topology::Any);
        assert_eq!(all(&request, &index(&[5, 5, 5]), &Stubborn, 0, None), [1]);
    }
}
