//! Parties as the auditor knows them: whose jobs need not be kept apart, and until when qubits rest for whom.
//!
//! Promises that parties follow from the tenants of jobs and from the settings, not from what allocations say.

use crate::allocator::config::Between;
use crate::allocator::protocol::{Party, Tenant};
use crate::time::{Span, Time};

/// Whose jobs need not be kept apart from those of a tenant.
pub(super) fn party_of(between: Between, tenant: Tenant) -> Option<Party> {
    let Tenant { user, group, project } = tenant;
    let (party, number) = match between {
        Between::Jobs => return None,
        Between::Users => (Party::User { group, project, user }, user),
        Between::Projects => (Party::Project { group, project }, project),
        Between::Groups => (Party::Group(group), group),
    };
    // Number 0 names nobody.
    if number > 0 { Some(party) } else { None }
}

/// Until when a qubit rests after the latest attempts that had it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rest {
    until: Time,
    /// Of whom all of them were.
    party: Option<Party>,
    /// Until when for these.
    until_for_party: Time,
}

impl Rest {
    /// It has rested.
    pub(super) const OVER: Self = Self { until: Time::ZERO, party: None, until_for_party: Time::ZERO };

    /// Until when for anybody.
    pub(super) fn until(&self) -> Time {
        self.until
    }

    /// Until when for a job of a party.
    pub(super) fn until_for(&self, party: Option<Party>) -> Time {
        if party.is_some() && party == self.party { self.until_for_party } else { self.until }
    }

    /// One more attempt has ended, of a party, which need not wait longer than the device demands.
    pub(super) fn begin(&mut self, now: Time, guard: Span, party: Option<Party>, demanded: Span) {
        let next = Self { until: now + guard, party, until_for_party: now + demanded };
        *self = match self.until > now {
            false => next,
            true => Self {
                until: self.until.max(next.until),
                party: party.filter(|_| party == self.party),
                until_for_party: self.until_for_party.max(next.until_for_party),
            },
        };
    }
}
