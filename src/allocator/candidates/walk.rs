//! The devices to ask for one job, each once: those that it prefers, in its order, then those that the selector names, and
//! those at the end whose load is too high.
//!
//! Promises an end whatever the selector does, and that no device which meets the need is left out but those that the
//! selector leaves out and those that the job excludes.

use std::collections::VecDeque;

use super::index::FleetIndex;
use super::named::Named;
use super::selection::{Ask, DeviceSelector};
use crate::allocator::protocol::JobRequest;
use crate::quantum::DeviceId;

/// The state of one search through the fleet.
#[derive(Debug)]
pub struct Walk<'r> {
    request: &'r JobRequest,
    /// What the selector is asked.
    ask: Ask,
    /// Preferred devices that were looked at.
    preferred: usize,
    /// Named by the selector, whose place in its order must not depend on what the job prefers.
    named: Named,
    /// All that were given out, or come later.
    tried: Named,
    /// The order of a selector that looks at all devices at once, the next one at the back.
    ranked: Option<Vec<DeviceId>>,
    /// The largest load, in millionths, of a device that need not wait for its turn.
    most_load_ppm: Option<u64>,
    /// Devices that come last because of their load, in the order in which they were named; the next one is the first.
    overloaded: VecDeque<DeviceId>,
    /// Only those are left.
    only_overloaded: bool,
}

impl<'r> Walk<'r> {
    /// Nothing was tried yet.
    pub fn new(request: &'r JobRequest, ask: Ask) -> Self {
        Self {
            request,
            ask,
            preferred: 0,
            named: Named::default(),
            tried: Named::default(),
            ranked: None,
            most_load_ppm: None,
            overloaded: VecDeque::new(),
            only_overloaded: false,
        }
    }

    /// In an order that is known: what the selector would name one by one.
    pub fn in_order(mut self, mut order: Vec<DeviceId>) -> Self {
        order.reverse();
        self.ranked = Some(order);
        self
    }

    /// Devices of a higher load come after all others.
    pub fn avoiding(mut self, most_load_ppm: Option<u64>) -> Self {
        self.most_load_ppm = most_load_ppm;
        self
    }

    /// Whether the last device was given out because no other was left, its load being too high.
    pub fn is_at_overloaded(&self) -> bool {
        self.only_overloaded
    }

    /// The next device to ask.
    pub fn next(&mut self, index: &FleetIndex, selector: &dyn DeviceSelector) -> Option<DeviceId> {
        loop {
            let (id, preferred) = match self.next_preferred(index) {
                Some(id) => (id, true),
                None => match self.next_named(index, selector) {
                    Some(id) => (id, false),
                    None => {
                        self.only_overloaded = true;
                        return self.overloaded.pop_front();
                    }
                },
            };
            if self.request.excluded_devices.contains(&id) || !self.tried.insert(id) {
                continue;
            }
            let too_much = self.most_load_ppm.is_some_and(|most| index.load(id).load_ppm > most);
            if preferred || !too_much {
                return Some(id);
            }
            self.overloaded.push_back(id);
        }
    }

    fn next_named(&mut self, index: &FleetIndex, selector: &dyn DeviceSelector) -> Option<DeviceId> {
        if let Some(order) = &mut self.ranked {
            return order.pop();
        }
        let id = selector.next(index, &self.ask, &self.named)?;
        self.named.insert(id).then_some(id)
    }

    fn next_preferred(&mut self, index: &FleetIndex) -> Option<DeviceId> {
        let rest = &self.request.preferred_devices[self.preferred..];
        let skipped = rest.iter().position(|id| index.meets(*id, self.ask.need));
        self.preferred += skipped.map_or(rest.len(), |skipped| skipped + 1);
        skipped.map(|skipped| rest[skipped])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::allocator::candidates::index::{Load, Need};
    use crate::allocator::candidates::selection::configured;
    use crate::allocator::candidates::served::Served;
    use crate::allocator::config::{AllocatorConfig, Selection};
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
            index.set_served(DeviceId(id as u32), Some(Served::never(startable % 4)));
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
        let mut candidates = Walk::new(request, ask);
        std::iter::from_fn(|| candidates.next(index, selector)).map(|id| id.0).collect()
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
            for (_, selection) in Selection::SHIPPED {
                let config = AllocatorConfig { selection, ..AllocatorConfig::default() };
                let asked = all(&request, &index, &*configured(&config), draw, last.map(DeviceId));
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
