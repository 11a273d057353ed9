//! Whether those who are placed like a job that was refused would be refused as well.
//!
//! Promises no more than it knows: where a search could answer otherwise, they must be asked.

use smallvec::SmallVec;

use super::index::Need;
use super::judge::Judge;
use super::memo::KindId;
use crate::allocator::isolation;
use crate::allocator::protocol::JobRequest;
use crate::allocator::state::State;
use crate::quantum::DeviceId;
use crate::time::Time;

impl Judge {
    /// A job of a kind was refused, by `only` or by all devices: whether the others of its kind behind it in its queue would
    /// be refused, as long as nothing changes.
    ///
    /// Where nothing is promised, jobs of one kind are answered alike. Where something is, whoever stands behind, and stays
    /// as long or longer, meets as many promises or more.
    pub fn refuses_others(
        &mut self,
        state: &mut State,
        now: Time,
        kind: KindId,
        request: &JobRequest,
        only: Option<DeviceId>,
    ) -> bool {
        let asked: SmallVec<[DeviceId; 4]> = match only {
            Some(device) => SmallVec::from_iter([device]),
            None if self.selector.names_all() => {
                let need = Need::Free(request.min_qubits);
                let takes_part = |id: &DeviceId| {
                    state.fleet().index.meets(*id, need) && !request.excluded_devices.contains(id)
                };
                state.fleet().promising().filter(takes_part).collect()
            }
            None => return false,
        };
        // Where nothing is promised, all of a kind are answered alike.
        let promises =
            |id: &DeviceId| state.fleet().get(*id).is_some_and(|device| !device.calendar.has_no_promises());
        let asked: SmallVec<[DeviceId; 4]> = asked.into_iter().filter(promises).collect();
        if asked.is_empty() {
            return true;
        }
        if !asked.iter().all(|id| self.less_room_holds_no_more(state, kind, request, *id)) {
            return false;
        }
        let queue = state.find(request.id).and_then(|(_, job)| job.queue());
        let shortest = self.lines.of(queue).shortest_of(kind, request);
        asked.iter().all(|id| {
            shortest.iter().all(|probe| {
                self.surely_refuses(state, now, kind, probe, *id)
                    && !self.has_room_by_number(state, now, kind, probe, *id)
            })
        })
    }

    /// Whether what does not fit on some qubits of a device fits on no part of them either: a search that merely gives up, a
    /// router or a limit on crosstalk may answer otherwise.
    fn less_room_holds_no_more(
        &mut self,
        state: &State,
        kind: KindId,
        request: &JobRequest,
        id: DeviceId,
    ) -> bool {
        let Some(device) = state.fleet().get(id) else { return true };
        let promised = isolation::promise(request, &state.config().isolation, &device.spec.limits);
        let limited = promised.max_crosstalk.is_some() || device.calendar.limits_crosstalk();
        let proves = self.strategy.capabilities().proves_absence;
        if limited || !proves {
            return false;
        }
        let max_swaps = self.max_swaps(state, kind);
        let known = &self.memo[kind];
        (max_swaps == Some(0) || known.pattern.is_region()) && known.demands.least_decides()
    }
}
