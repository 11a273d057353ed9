//! What becomes of a job that is ordered by something else than before.

use super::impossible::Impossible;
use super::place::{JobSlot, Rank};
use super::{State, Timer};
use crate::allocator::protocol::OrderKey;
use crate::time::Time;

impl State {
    /// Orders a live job by `key`, wherever it waits, and whatever it is promised. Those of its queue are looked at again if
    /// anybody stands before or behind others than before.
    pub(super) fn rank(&mut self, slot: JobSlot, key: OrderKey) -> Result<(), Impossible> {
        let job = &self.jobs[slot];
        let (account, old) = (job.account, job.rank());
        let new = Rank { key, ..old };
        if new == old {
            return Ok(());
        }
        // Who is counted has left the order of its queue; who depends on others has yet to enter it.
        let queued = job.wait().filter(|_| !job.is_counted() && job.dependence().is_none());
        let (id, promised_on) = (job.request.id, job.promise.as_ref().map(|known| known.promise.device));
        self.jobs[slot].key = key;
        if let Some(device) = promised_on.and_then(|device| self.fleet.get_mut(device)) {
            device.calendar.rerank(id, new);
        }
        promised_on.into_iter().for_each(|device| self.fleet.refresh(device));
        let Some(wait) = queued else { return Ok(()) };
        let queue = match wait.queue {
            None => &mut self.queue,
            Some(id) => {
                let device = self.fleet.get_mut(id).ok_or(Impossible("a job waits for no device"))?;
                &mut device.queue
            }
        };
        let passes = queue.rerank(account, old, new);
        let passes = passes.ok_or(Impossible("a job moves in a queue in which it is not"))?;
        // Those of other accounts may have used as much.
        if passes || self.accounts.count() {
            self.mark_queue_due(wait.queue);
        }
        // What a quota leaves goes by the order of all queues.
        self.mark_all_due_by_quota();
        Ok(())
    }

    /// The key of a live job holds until `until`, which is to come.
    pub(super) fn rank_until(
        &mut self,
        slot: JobSlot,
        now: Time,
        until: Option<Time>,
    ) -> Result<(), Impossible> {
        if until.is_some_and(|at| at <= now) {
            return Err(Impossible("a key that holds until a time that is over"));
        }
        let job = &mut self.jobs[slot];
        let timer = Timer::Rank(job.request.id);
        let old = std::mem::replace(&mut job.key_until, until);
        old.into_iter().for_each(|at| {
            self.agenda.timers.remove(&(at, timer));
        });
        self.agenda.timers.extend(until.map(|at| (at, timer)));
        Ok(())
    }
}
