//! Whether jobs keep away from each other: buffers, and rest between one and the next.
//!
//! Promises a search from the qubits of one job outwards, as far as any promise reaches. Leaves who is whose fellow to
//! [`super::super::parties`].

use smallvec::SmallVec;

use super::super::violation::Breach;
use super::{AuditedDevice, Breaches, NOBODY};
use crate::allocator::protocol::{Allocation, AllocationId, Party};
use crate::quantum::PhysicalQubit;
use crate::time::{Span, Time};

impl AuditedDevice {
    /// The party of an attempt that holds qubits.
    pub(in crate::observe::auditor) fn party_of(&self, id: AllocationId) -> Option<Party> {
        self.parties.iter().find(|(of, _)| *of == id).map(|(_, party)| *party)
    }

    /// Whether two attempts are of one party.
    pub(super) fn are_fellows(&self, a: AllocationId, b: AllocationId) -> bool {
        let party = self.party_of(a);
        party.is_some() && party == self.party_of(b)
    }

    /// What the device itself demands between two jobs: idle qubits, and rest.
    pub(in crate::observe::auditor) fn demands(&self) -> (u32, Span) {
        (self.limits.min_qubit_separation, self.limits.reconfiguration_time)
    }

    /// The qubits of an attempt that has ended begin to rest.
    pub(super) fn rest(&mut self, now: Time, allocation: &Allocation) {
        let party = self.party_of(allocation.id);
        let demanded = self.limits.reconfiguration_time;
        let guard = allocation.isolation.guard.max(demanded);
        for qubit in &allocation.held {
            if let Some(rest) = self.rests.get_mut(qubit.index()) {
                rest.begin(now, guard, party, demanded);
            }
        }
    }

    /// Qubits must have rested, for whoever they rest for.
    pub(super) fn check_guard(&self, now: Time, allocation: &Allocation, found: &mut Breaches) {
        let party = self.party_of(allocation.id);
        let until = |qubit: PhysicalQubit| self.rests.get(qubit.index()).map(|rest| rest.until_for(party));
        let broken =
            allocation.held.iter().find_map(|qubit| Some((qubit, until(qubit).filter(|at| now < *at)?)));
        if let Some((qubit, until)) = broken {
            found.push(Breach::GuardBroken { device: self.id, qubit, allocation: allocation.id, until });
        }
    }

    /// Looks for other allocations from the held qubits outwards, as far as any promise reaches. One violation per
    /// pair: the nearest meeting.
    pub(super) fn check_neighbours(&mut self, allocation: &Allocation, found: &mut Breaches) {
        let own = allocation.isolation.buffer_distance.max(self.limits.min_qubit_separation);
        let reach = self.active.iter().map(|other| other.isolation.buffer_distance).fold(own, u32::max);
        let mut met: SmallVec<[AllocationId; 4]> = SmallVec::new();
        self.search += 1;
        self.rim.clear();
        for qubit in &allocation.held {
            if qubit.index() < self.owner.len() {
                self.seen[qubit.index()] = self.search;
                self.rim.push(qubit);
            }
        }
        for distance in 0..=reach {
            for &qubit in &self.rim {
                let other = self.owner[qubit.index()];
                if other != NOBODY && !met.contains(&other) {
                    let theirs = self.active.iter().find(|active| active.id == other);
                    let required = match theirs {
                        Some(other) if self.are_fellows(allocation.id, other.id) => {
                            self.limits.min_qubit_separation
                        }
                        Some(other) => own.max(other.isolation.buffer_distance),
                        None => own,
                    };
                    if distance <= required {
                        met.push(other);
                        found.push(if distance == 0 {
                            Breach::DoubleHold { device: self.id, qubit, allocation: allocation.id, other }
                        } else {
                            Breach::BufferTooNarrow {
                                device: self.id,
                                allocation: allocation.id,
                                other,
                                distance,
                                required: required + 1,
                            }
                        });
                    }
                }
            }
            if distance == reach {
                break;
            }
            self.next_rim.clear();
            if self.map.is_alike() {
                // One step leads everywhere.
                let everywhere = (0..self.owner.len()).filter(|&qubit| self.seen[qubit] != self.search);
                self.next_rim.extend(everywhere.map(|qubit| PhysicalQubit(qubit as u32)));
                self.next_rim.iter().for_each(|qubit| self.seen[qubit.index()] = self.search);
                self.rim.clear();
            }
            for &qubit in &self.rim {
                for &(to, _) in self.map.neighbours(qubit) {
                    if self.seen[to.index()] != self.search {
                        self.seen[to.index()] = self.search;
                        self.next_rim.push(to);
                    }
                }
            }
            std::mem::swap(&mut self.rim, &mut self.next_rim);
        }
    }
}
