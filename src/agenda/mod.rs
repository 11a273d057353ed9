//! The future event list: what happens next, earliest first, in a fixed order at one instant.
//!
//! Promises exact order (time, class, insertion), exact cancellation, and constant amortized cost from ten to
//! millions of pending events (logarithmic where one instant is crowded). Leaves the meaning of events to its
//! caller: the simulator, or any other driver whose clock is simulated.
//!
//! # Order
//! Events leave by time; at one instant by class, lower first; within a class in the order of their scheduling.
//! The order is total, so it cannot depend on how the agenda is built inside. An event scheduled for the present
//! instant (while that instant's events are being popped) takes its place in this same order, and so does one
//! scheduled for the past.
//!
//! # How it works
//! ```text
//!   schedule ──► far: 8 levels x 256 buckets, unsorted ──refill──► near: sorted run + heap ──► pop
//!        └──────────── soon enough? straight into the heap ──────────────┘
//! ```
//! *Near* holds everything up to the end of a time window, *far* what comes later. A far event lies on the level
//! of the highest byte in which its time differs from the window's start, in the bucket of that byte (the layout of
//! a radix heap: Ahuja, Mehlhorn, Orlin, Tarjan 1990). When near runs empty, the earliest bucket becomes the next
//! window, after being split over the levels below for as long as it is large. When too many events are scheduled
//! into the window itself, it is narrowed. An event moves down at most eight levels, whatever the distribution of
//! times, and few pending events never leave near's heap.
//!
//! A heap of a million events waits for memory at every level. Here far is only appended to and read in sequence,
//! and near fits the cache; what remains is one visit per event to its slot.
//!
//! Events stay in a slot each while near and far order small keys. A cancelled event leaves an empty slot and a
//! stale key, which is dropped when it comes near, or when half of all keys are stale.
#![deny(clippy::disallowed_types, clippy::disallowed_methods)]

mod far;
mod near;
#[cfg(test)]
mod tests;

use crate::time::Time;
use far::{Far, FarKey};
use near::{Near, NearKey};

/// Up to so many keys come near at once; a larger bucket is split over the levels below. Sixteen times the number of
/// buckets per level, because then a split leaves sixteen keys per bucket on average: with a few only, the cost per
/// bucket outweighs the sorting that splitting saves (half the speed at worst, measured).
const RUN_MAX: usize = 4096;

/// Above so many keys in near's heap, near is narrowed. A heap of a thousand is slower than the way through far
/// (measured).
const HEAP_MAX: usize = 512;

/// Fewer stale keys than this are never worth a sweep.
const SWEEP_MIN: usize = 4096;

/// Sequence numbers take the lower bits of a rank: enough for 70 years at 30 million events per second.
const SEQUENCE_BITS: u32 = 56;

/// Where an event stays from its scheduling until its key is taken out, so that keys are small whatever events are.
#[derive(Debug, Clone)]
struct Slot<E> {
    /// Order at one instant: class above, sequence number below. No two events have the same.
    rank: u64,
    /// Absent when cancelled, popped, or vacant.
    event: Option<E>,
}

/// Names one scheduled event, for [`Agenda::cancel`]. Never names another one, however long it is kept; tickets of
/// one agenda mean nothing to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ticket {
    rank: u64,
    slot: u32,
}

/// The future event list; see the [module](self) for its order.
///
/// ```
/// use resource_manager::agenda::Agenda;
/// use resource_manager::time::Time;
///
/// let mut agenda = Agenda::new();
/// agenda.schedule(Time(7), 1, "arrival");
/// let timeout = agenda.schedule(Time(9), 0, "timeout");
/// agenda.schedule(Time(7), 0, "completion");
///
/// assert_eq!(agenda.cancel(timeout), Some("timeout"));
/// assert_eq!(agenda.pop(), Some((Time(7), 0, "completion")));
/// assert_eq!(agenda.pop(), Some((Time(7), 1, "arrival")));
/// assert_eq!(agenda.pop(), None);
/// ```
#[derive(Debug, Clone)]
pub struct Agenda<E> {
    slots: Vec<Slot<E>>,
    vacant: Vec<u32>,
    live: usize,
    scheduled: u64,
    near: Near,
    far: Far,
    /// When the last event left: nothing earlier is expected any more.
    now: u64,
    /// Size of near's heap above which near is narrowed next.
    narrow_at: usize,
}

impl<E> Default for Agenda<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E> Agenda<E> {
    /// An empty agenda.
    pub fn new() -> Self {
        Self::with_capacity(0)
    }

    /// An empty agenda with room for `capacity` pending events. In steady state the agenda allocates nothing anyway.
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            slots: Vec::with_capacity(capacity),
            vacant: Vec::new(),
            live: 0,
            scheduled: 0,
            near: Near::default(),
            far: Far::default(),
            now: 0,
            narrow_at: HEAP_MAX,
        }
    }

    /// The number of pending events; cancelled ones do not count.
    pub fn len(&self) -> usize {
        self.live
    }

    /// Whether nothing is pending.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds `event` at time `at`; at one instant lower classes come first, and within a class what was
    /// scheduled first.
    ///
    /// # Panics
    /// With 2^32 events pending, or after 2^56 events.
    pub fn schedule(&mut self, at: Time, class: u8, event: E) -> Ticket {
        assert!(self.scheduled < u64::MAX >> (64 - SEQUENCE_BITS), "an agenda takes at most 2^56 events");
        let rank = u64::from(class) << SEQUENCE_BITS | self.scheduled;
        self.scheduled += 1;
        self.live += 1;
        let occupied = Slot { rank, event: Some(event) };
        let slot = match self.vacant.pop() {
            Some(slot) => {
                self.slots[slot as usize] = occupied;
                slot
            }
            None => {
                let slot =
                    u32::try_from(self.slots.len()).expect("an agenda holds fewer than 2^32 pending events");
                self.slots.push(occupied);
                slot
            }
        };
        if self.far.is_beyond_window(at.0) {
            self.far.push(FarKey { at: at.0, slot });
        } else {
            self.near.push(NearKey { at: at.0, rank, slot });
            if self.near.heap_len() > self.narrow_at {
                self.narrow();
            }
        }
        Ticket { rank, slot }
    }

    /// Takes back a pending event and returns it; `None` when it has left or been cancelled already.
    pub fn cancel(&mut self, ticket: Ticket) -> Option<E> {
        let slot = self.slots.get_mut(ticket.slot as usize).filter(|slot| slot.rank == ticket.rank)?;
        let event = slot.event.take()?;
        self.live -= 1;
        let keys = self.near.len() + self.far.len();
        if keys - self.live > self.live.max(SWEEP_MIN) {
            self.sweep();
        }
        Some(event)
    }

    /// The time and class of the next event.
    ///
    /// Takes `&mut self` because it may have to bring events near. Correct at any moment, but fastest right
    /// before [`Agenda::pop`], when everything that the present event entails has been scheduled.
    pub fn peek(&mut self) -> Option<(Time, u8)> {
        loop {
            let Some(key) = self.near.peek() else {
                if !self.refill() {
                    return None;
                }
                continue;
            };
            if self.slots[key.slot as usize].event.is_some() {
                return Some((Time(key.at), (key.rank >> SEQUENCE_BITS) as u8));
            }
            self.near.pop();
            self.vacant.push(key.slot);
        }
    }

    /// The time of the next event; see [`Agenda::peek`].
    pub fn peek_time(&mut self) -> Option<Time> {
        self.peek().map(|(at, _)| at)
    }

    /// Removes the next event; returns its time, its class and itself.
    pub fn pop(&mut self) -> Option<(Time, u8, E)> {
        loop {
            let Some(key) = self.near.pop() else {
                if !self.refill() {
                    return None;
                }
                continue;
            };
            self.vacant.push(key.slot);
            if let Some(event) = self.slots[key.slot as usize].event.take() {
                self.live -= 1;
                self.now = key.at;
                return Some((Time(key.at), (key.rank >> SEQUENCE_BITS) as u8, event));
            }
        }
    }

    /// Brings the next window near, which is empty; false when no key is left at all.
    fn refill(&mut self) -> bool {
        self.narrow_at = HEAP_MAX;
        if self.far.len() == 0 {
            self.far.open_window();
            return false;
        }
        // Looking at all slots in a loop that does little else overlaps the cache misses, which popping would take one
        // by one. Hence no branch on stale keys, which popping drops.
        let slots = &self.slots;
        self.near.refill(|run| {
            self.far.take_window(HEAP_MAX / 2, RUN_MAX, |keys| {
                run.extend(keys.iter().map(|&FarKey { at, slot }| {
                    let Slot { rank, event } = &slots[slot as usize];
                    NearKey { at, rank: if event.is_some() { *rank } else { 0 }, slot }
                }));
            });
        });
        true
    }

    /// Moves the later part of near to far, because its heap has grown too large.
    #[cold]
    fn narrow(&mut self) {
        self.far.narrow_window(self.now, self.near.heap_times(), HEAP_MAX / 2);
        let far = &mut self.far;
        self.near.retain(|&NearKey { at, slot, .. }| {
            let leaves = far.is_beyond_window(at);
            if leaves {
                far.push(FarKey { at, slot });
            }
            !leaves
        });
        // One crowded instant cannot be narrowed: leave it to the heap, and do not try again for each event.
        self.narrow_at = HEAP_MAX.max(2 * self.near.heap_len());
    }

    /// Drops every stale key, so that memory follows the number of pending events.
    #[cold]
    fn sweep(&mut self) {
        let mut is_live = |slot: u32| {
            let live = self.slots[slot as usize].event.is_some();
            if !live {
                self.vacant.push(slot);
            }
            live
        };
        self.near.retain(|key| is_live(key.slot));
        self.far.retain(|key| is_live(key.slot));
    }
}
