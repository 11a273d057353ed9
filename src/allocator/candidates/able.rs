//! Which placement kinds could start of those who were all refused at the last look: those only that ask for no more qubits
//! than are free where something has changed since.
//!
//! Promises that whoever is left out would be refused as at the last look, and for the same reason, so that a pass after one
//! release need not look at everybody who waits. Knows nothing where that may depend on more than on the devices: on quotas, on
//! the instant, or on a selector that leaves devices out.

use std::collections::BTreeMap;

use fixedbitset::FixedBitSet;

use super::judge::{Judge, closed};
use super::settled::{Look, Stood};
use crate::allocator::config::{Retry, Starts};
use crate::allocator::state::State;
use crate::allocator::state::place::JobSlot;
use crate::quantum::DeviceId;

fn stood(state: &State, id: DeviceId) -> Option<Stood> {
    let device = state.fleet().get(id)?;
    let closed = closed(device).map(|obstacle| obstacle.cause());
    Some(Stood { startable: state.fleet().index.load(id).startable, closed })
}

impl Judge {
    /// Whether refusals depend on the devices, on what is promised there, and on nothing else.
    fn devices_decide(&self, state: &State) -> bool {
        let config = state.config();
        config.starts == Starts::AnyTime
            && config.retry == Retry::Event
            && state.quotas().is_empty()
            && self.selector.names_all()
    }

    /// A pass begins to look at those who wait in a queue.
    pub fn begin_look(&mut self, state: &State, queue: Option<DeviceId>) {
        let fleet = state.fleet();
        let settled = self.settled.entry(queue).or_default();
        let before = settled.look().filter(|look| look.epochs == fleet.epochs);
        let changed = before.and_then(|look| fleet.changed_since(look.changes));
        let is_whole = changed.is_none();
        let ids: Vec<DeviceId> = match (changed, queue) {
            (Some(changed), None) => changed.collect(),
            (Some(changed), Some(own)) => changed.filter(|id| *id == own).collect(),
            (None, Some(own)) => vec![own],
            (None, None) => fleet.iter().map(|device| device.id).collect(),
        };
        let stood: BTreeMap<DeviceId, Stood> =
            ids.into_iter().filter_map(|id| Some((id, stood(state, id)?))).collect();
        settled.begin(Look { changes: fleet.changes(), epochs: fleet.epochs, stood, is_whole });
    }

    /// It has looked at all of them, or knows of them; at those who wait for something of their own it looks every time.
    pub fn end_look(&mut self, state: &State, queue: Option<DeviceId>, alone: impl Iterator<Item = JobSlot>) {
        let lines = self.lines.of(queue);
        self.settled.entry(queue).or_default().end(lines, |id| stood(state, id));
        for slot in alone {
            let request = &state.jobs()[slot].request;
            lines.keep_looking(self.memo.kind_of(slot, request));
        }
    }

    /// The kinds in a queue of which anybody might start, or was not looked at; `None`: maybe all.
    pub fn able(&mut self, state: &State, queue: Option<DeviceId>) -> Option<FixedBitSet> {
        if !self.devices_decide(state) {
            return None;
        }
        let fleet = state.fleet();
        let look = self.settled.get(&queue)?.look().filter(|look| look.epochs == fleet.epochs)?;
        let mut most = 0;
        // Who stands before whom something is promised to changes, and with it who may start there.
        let concerned = fleet.changed_since(look.changes)?.chain(fleet.promising());
        for id in concerned.filter(|id| queue.is_none_or(|own| own == *id)) {
            let device = fleet.get(id)?;
            let now = stood(state, id)?;
            let free = match look.stood.get(&id) {
                Some(then) if then.closed == now.closed => then.startable.max(now.startable),
                // It opens or closes: those are concerned as well who ask for more than is free.
                _ => device.spec.coupling_map.qubits() as u32,
            };
            most = most.max(free);
        }
        Some(self.lines.of(queue).asking_at_most(most))
    }
}
