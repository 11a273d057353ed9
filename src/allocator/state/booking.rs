//! What is booked of a device: by whom, from when until when, and what others must keep away from it.
//!
//! Promises one rule for every two bookings: those of one party come as near as the device allows, all others keep the larger
//! buffer of both. Leaves the masks that follow to the calendar.

use serde::{Deserialize, Serialize};

use super::place::{AccountId, Rank};
use crate::allocator::protocol::{Allocation, PartyTerms, StartPromise};
use crate::quantum::QubitSet;
use crate::time::{Span, Time};

/// Why qubits are booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum BookingKind {
    /// An attempt of a job runs on them.
    Allocation,
    /// They rest after an attempt.
    Guard,
}

/// One booking. The allocation that it is of and the kind, or the job that it is promised to, are its key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Booking {
    /// The booked qubits.
    pub qubits: QubitSet,
    /// Idle qubits kept around them, in couplers: nobody else may come closer, but those of its party.
    pub buffer_distance: u32,
    /// Most crosstalk on the couplers between them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_crosstalk: Option<f64>,
    /// Whose other jobs it is not kept apart from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub party: Option<PartyTerms>,
    /// Since when.
    pub from: Time,
    /// Until when at most; `None` when nobody knows.
    pub until: Option<Time>,
    /// How long its qubits rest afterwards; of a promise, how much of its end is rest that its party need not keep.
    #[serde(default, skip_serializing_if = "Span::is_zero")]
    pub guard: Span,
}

impl Booking {
    /// That of an allocation.
    pub fn of(allocation: &Allocation) -> Self {
        let Allocation { isolation, held, started, expected_end, .. } = allocation;
        Self {
            qubits: held.clone(),
            buffer_distance: isolation.buffer_distance,
            max_crosstalk: isolation.max_crosstalk,
            party: isolation.party,
            from: *started,
            until: *expected_end,
            guard: isolation.guard,
        }
    }

    /// What is kept for a promise, on a device with so many qubits.
    pub fn of_promise(promise: &StartPromise, qubits: usize) -> Self {
        let StartPromise { layout, not_later_than, until, isolation, .. } = promise;
        Self {
            qubits: QubitSet::from_qubits(qubits, layout.iter().copied()),
            buffer_distance: isolation.buffer_distance,
            max_crosstalk: isolation.max_crosstalk,
            party: isolation.party,
            // Nobody new enters a place without an instant, from now on.
            from: not_later_than.unwrap_or(Time::ZERO),
            until: *until,
            guard: isolation.spared(),
        }
    }

    /// Of a promise: whether it is a place without an instant.
    pub fn is_place(&self) -> bool {
        self.from == Time::ZERO && self.until.is_none()
    }

    /// When its qubits have rested; `None` when nobody knows.
    pub fn rested(&self) -> Option<Time> {
        self.until.map(|until| until + self.guard)
    }

    /// Whether it is that of an allocation.
    pub(super) fn is_of(&self, allocation: &Allocation) -> bool {
        let Self { qubits, buffer_distance, max_crosstalk, party, from, until, guard } = self;
        let Allocation { isolation, held, started, expected_end, .. } = allocation;
        (qubits, buffer_distance, from, until) == (held, &isolation.buffer_distance, started, expected_end)
            && (*max_crosstalk, *party, *guard) == (isolation.max_crosstalk, isolation.party, isolation.guard)
    }

    /// Whether it is of a party.
    pub fn is_fellow(&self, party: Option<PartyTerms>) -> bool {
        PartyTerms::are_one(self.party, party)
    }

    /// Whether its qubits rest for nobody of a party.
    pub fn spares(&self, party: Option<PartyTerms>) -> bool {
        self.is_fellow(party) && self.party.is_some_and(|terms| !terms.rests)
    }

    /// How far a job with such a promise must keep away from it, where both hold qubits.
    pub fn apart(&self, buffer_distance: u32, party: Option<PartyTerms>) -> u32 {
        match self.party.zip(party).filter(|(own, other)| own.party == other.party) {
            Some((own, other)) => own.buffer_distance.max(other.buffer_distance),
            None => self.buffer_distance.max(buffer_distance),
        }
    }
}

/// What is kept for a job that waits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// On whose account it will run.
    pub account: AccountId,
    /// Where it stands among those of that account.
    pub rank: Rank,
    /// The qubits, and for when.
    pub booking: Booking,
}
