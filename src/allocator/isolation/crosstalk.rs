//! Crosstalk between jobs: what to expect of it, and the limits that jobs set on it (`isolation.max_crosstalk`).
//!
//! The crosstalk on a coupler is what the couplers beside it, inside regions of other jobs, are expected to add to its
//! two-qubit error, by published figures. Promises that no start breaks a limit: not that of the job that starts, nor
//! that of one that runs. Leaves what happens between starts (new figures, revived couplers) to the next start.

use smallvec::SmallVec;

use crate::allocator::placement::cost::{Epoch, bit};
use crate::allocator::protocol::{PartyTerms, PromisedIsolation};
use crate::allocator::state::calendar::Booking;
use crate::quantum::device::Technology;
use crate::quantum::{CouplerId, PhysicalQubit, QubitSet};

/// Expected addition to the factor on a two-qubit error by so many driven couplers at distance 1, from none to eight;
/// more count as eight. The mean of the largest of that many independent factors: 90 % of pairs 1.0 to 1.3, 8 %
/// 1.5 to 3, 2 % 3 to 11, the last evenly in the logarithm (Murali et al., ASPLOS'20; Cirq calibration files of Google
/// Weber), since no vendor publishes a map of pairs. Couplers farther away add less than that is uncertain, and count
/// nothing.
const EXPECTED: [f64; 9] = [0.0, 0.338, 0.556, 0.739, 0.902, 1.053, 1.195, 1.328, 1.455];

/// What `driven` couplers beside a coupler are expected to add to its two-qubit error, as a share of that error.
pub fn expected_share(driven: usize) -> f64 {
    EXPECTED[driven.min(EXPECTED.len() - 1)]
}

/// Whether gates of one job disturb those of another at all.
pub fn is_expected(technology: Technology) -> bool {
    technology == Technology::Superconducting
}

/// Who holds which qubit: jobs by their place in a list. What is promised to one may be held by another that ends before.
#[derive(Debug, Default)]
pub(crate) struct Holders {
    holders: Vec<SmallVec<[u32; 2]>>,
}

impl Holders {
    /// Takes the qubits of each job.
    pub fn load<'q>(&mut self, qubits: usize, jobs: impl Iterator<Item = &'q QubitSet>) {
        self.holders.iter_mut().for_each(SmallVec::clear);
        self.holders.resize(qubits, SmallVec::new());
        for (job, qubits) in (0_u32..).zip(jobs) {
            for qubit in qubits {
                self.holders[qubit.index()].push(job);
            }
        }
    }

    /// The jobs that hold any of these qubits.
    fn of(&self, qubits: &QubitSet) -> SmallVec<[u32; 4]> {
        let mut found: SmallVec<[u32; 4]> = SmallVec::new();
        for qubit in qubits {
            for &job in &self.holders[qubit.index()] {
                if !found.contains(&job) {
                    found.push(job);
                }
            }
        }
        found
    }

    /// Number of couplers inside regions of jobs, but for those `left_out`, that are one coupler away from the coupler
    /// (a, b). A dead coupler drives nothing, but leads to others all the same. Jobs that follow one another on the same
    /// qubits count together: no instant has more.
    pub fn driven_beside(
        &self,
        epoch: &Epoch,
        a: PhysicalQubit,
        b: PhysicalQubit,
        left_out: &[u32],
    ) -> usize {
        let mut driven: SmallVec<[CouplerId; 16]> = SmallVec::new();
        for_each_beside(epoch, a, b, |near, far, coupler| {
            let far = &self.holders[far.index()];
            let drives = |job: &u32| far.contains(job) && !left_out.contains(job);
            if self.holders[near.index()].iter().any(drives) && !driven.contains(&coupler) {
                driven.push(coupler);
            }
        });
        driven.len()
    }
}

/// Visits the live couplers (near, far), with `near` next to one end of (a, b), and neither end on it.
fn for_each_beside(
    epoch: &Epoch,
    a: PhysicalQubit,
    b: PhysicalQubit,
    mut visit: impl FnMut(PhysicalQubit, PhysicalQubit, CouplerId),
) {
    for end in [a, b] {
        for &(near, _) in epoch.map.neighbours(end) {
            if near == a || near == b {
                continue;
            }
            for link in epoch.links(near) {
                if link.to != a && link.to != b {
                    visit(near, link.to, link.coupler);
                }
            }
        }
    }
}

/// The places of those jobs that are of a party.
fn fellows_of(party: Option<PartyTerms>, jobs: &[&Booking]) -> SmallVec<[u32; 4]> {
    let all = (0_u32..).zip(jobs);
    all.filter(|(_, job)| PartyTerms::are_one(job.party, party)).map(|(place, _)| place).collect()
}

/// Applies limits on crosstalk to what a job may use; holds buffers that the answers do not depend on.
#[derive(Debug, Default)]
pub struct CrosstalkLimits {
    holders: Holders,
    barred: Vec<u64>,
    taken_out: Vec<PhysicalQubit>,
}

impl CrosstalkLimits {
    /// What a job with the given promise may use beside `jobs`, those that run with it: takes qubits out of `free` on which it might
    /// disturb others too much, and returns the couplers on which it would be disturbed too much itself, together with
    /// those `barred` anyway.
    ///
    /// Qubits are taken out where any placement on what is free could break a limit: then all free neighbours of the
    /// coupler, so that a job with a limit that nothing can meet keeps one idle qubit around it. What jobs of one party add
    /// for each other counts against no limit. Linear in the couplers of the jobs with limits, and in those that are free if
    /// the job has one itself.
    pub fn apply<'a>(
        &'a mut self,
        promised: &PromisedIsolation,
        technology: Technology,
        epoch: &Epoch,
        jobs: &[&Booking],
        free: &mut QubitSet,
        barred: Option<&'a [u64]>,
    ) -> Option<&'a [u64]> {
        let PromisedIsolation { max_crosstalk: limit, party, .. } = *promised;
        let limited = jobs.iter().any(|booking| booking.max_crosstalk.is_some());
        if !is_expected(technology) || !limited && limit.is_none() {
            return barred;
        }
        self.holders.load(epoch.qubits(), jobs.iter().map(|booking| &booking.qubits));
        for booking in jobs.iter().filter(|booking| !PartyTerms::are_one(booking.party, party)) {
            if let Some(limit) = booking.max_crosstalk {
                let fellows = fellows_of(booking.party, jobs);
                self.protect(&booking.qubits, limit, epoch, free, &fellows);
            }
        }
        let Some(limit) = limit else { return barred };
        let fellows = fellows_of(party, jobs);
        self.barred.clear();
        self.barred.resize(epoch.usable_couplers.len(), 0);
        let mut any = false;
        for (index, &(a, b)) in epoch.map.couplers().iter().enumerate() {
            let coupler = CouplerId(index as u32);
            let is_barred = barred.is_some_and(|bits| bit(bits, coupler));
            let is_open = free.contains(a) && free.contains(b) && epoch.is_usable(coupler);
            if is_barred || is_open && self.is_above(limit, epoch, coupler, &fellows, 0) {
                self.barred[index / 64] |= 1 << (index % 64);
                any = true;
            }
        }
        any.then_some(&self.barred)
    }

    /// Takes qubits out of `free` from which couplers inside a job could be disturbed beyond its limit, whose party has
    /// these other jobs.
    fn protect(&mut self, held: &QubitSet, limit: f64, epoch: &Epoch, free: &mut QubitSet, fellows: &[u32]) {
        // The job itself, and whoever comes to its qubits before or after it: they never disturb it.
        let mut own = self.holders.of(held);
        own.extend(fellows.iter().copied());
        for qubit in held {
            for link in epoch.links(qubit).iter().filter(|link| link.to > qubit && held.contains(link.to)) {
                let mut more: SmallVec<[CouplerId; 16]> = SmallVec::new();
                self.taken_out.clear();
                for_each_beside(epoch, qubit, link.to, |near, far, coupler| {
                    if free.contains(near) && free.contains(far) {
                        self.taken_out.push(near);
                        if !more.contains(&coupler) {
                            more.push(coupler);
                        }
                    }
                });
                if !more.is_empty() && self.is_above(limit, epoch, link.coupler, &own, more.len()) {
                    self.taken_out.iter().for_each(|&qubit| {
                        free.remove(qubit);
                    });
                }
            }
        }
    }

    /// Whether the crosstalk on a coupler is above a limit, with so many more couplers driven beside it.
    fn is_above(&self, limit: f64, epoch: &Epoch, coupler: CouplerId, own: &[u32], more: usize) -> bool {
        // None where all pairs share one coupler: nothing is beside it.
        let Some(&(a, b)) = epoch.map.couplers().get(coupler.index()) else { return false };
        let driven = self.holders.driven_beside(epoch, a, b, own) + more;
        let error = epoch.calibration.couplers[coupler.index()].two_qubit_error;
        expected_share(driven) * error > limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::allocator::placement::testing::epoch;
    use crate::allocator::protocol::{AllocationId, Party};
    use crate::allocator::state::calendar::{BookingKind, Calendar};
    use crate::quantum::coupling_map::CouplingMap;
    use crate::time::{Span, Time};

    /// Of nobody's party, with such a limit.
    fn limited(max_crosstalk: Option<f64>) -> PromisedIsolation {
        let (buffer_distance, guard, hardware_reset) = (0, Span::ZERO, false);
        PromisedIsolation { buffer_distance, guard, hardware_reset, max_crosstalk, party: None }
    }

    /// The table is what its source says: the mean of the largest of n factors, by integrating 1 - F(x)^n.
    #[test]
    fn the_table_follows_from_the_published_shares() {
        let below = |x: f64| {
            let within = |low: f64, high: f64| move |x: f64| ((x - low) / (high - low)).clamp(0.0, 1.0);
            // The tail is wide, and spread evenly over orders of magnitude.
            let tail = within(3.0_f64.ln(), 11.0_f64.ln());
            let tail = if x < 3.0 { 0.0 } else { tail(x.ln()) };
            0.9 * within(1.0, 1.3)(x) + 0.08 * within(1.5, 3.0)(x) + 0.02 * tail
        };
        for driven in 0..EXPECTED.len() {
            let step = 1e-4;
            let beyond =
                (0..100_000).map(|i| 1.0 - below(1.0 + (f64::from(i) + 0.5) * step).powi(driven as i32));
            let mean = beyond.sum::<f64>() * step;
            assert!((mean - expected_share(driven)).abs() < 6e-4, "{driven}: {mean}");
        }
        assert_eq!(expected_share(100), expected_share(8));
    }

    /// A line of twelve with a job on qubits 4 to 6 and errors of 1 %: one driven coupler adds 0.338 %.
    #[test]
    fn limits_bar_couplers_and_take_qubits_out() {
        let map = CouplingMap::line(12).unwrap();
        let epoch = epoch(map.clone(), &[0.01; 12], &[0.01; 11]);
        let set = |qubits: &[u32]| QubitSet::from_qubits(12, qubits.iter().copied().map(PhysicalQubit));
        let mut limits = CrosstalkLimits::default();
        let mut ask = |theirs: Option<f64>, own: Option<f64>, technology| {
            let mut calendar = Calendar::new(12);
            let booking = Booking {
                qubits: set(&[4, 5, 6]),
                buffer_distance: 0,
                max_crosstalk: theirs,
                party: None,
                from: Time::ZERO,
                until: None,
                guard: Span::ZERO,
            };
            calendar.book(AllocationId(1), BookingKind::Allocation, booking, &map);
            let mut free = set(&[0, 1, 2, 3, 7, 9, 10, 11]);
            let jobs: Vec<&Booking> = calendar.allocations().map(|(_, booking)| booking).collect();
            let barred = limits.apply(&limited(own), technology, &epoch, &jobs, &mut free, None);
            let barred: Vec<usize> =
                (0..11).filter(|c| barred.is_some_and(|bits| bit(bits, CouplerId(*c as u32)))).collect();
            format!("{:?} without {barred:?}", free.iter().map(|qubit| qubit.0).collect::<Vec<_>>())
        };
        let on = Technology::Superconducting;
        let lines = [
            ask(None, None, on),
            ask(None, Some(0.003), on),
            ask(None, Some(0.004), on),
            // Nobody can drive a coupler at qubit 7: its other neighbour is busy.
            ask(Some(0.003), None, on),
            ask(Some(0.004), None, on),
            ask(Some(0.0), Some(0.0), on),
            ask(Some(0.0), Some(0.0), Technology::TrappedIon),
        ];
        insta::assert_snapshot!(lines.join("\n"), @"
        [0, 1, 2, 3, 7, 9, 10, 11] without []
        [0, 1, 2, 3, 7, 9, 10, 11] without [2]
        [0, 1, 2, 3, 7, 9, 10, 11] without []
        [0, 1, 2, 7, 9, 10, 11] without []
        [0, 1, 2, 3, 7, 9, 10, 11] without []
        [0, 1, 2, 7, 9, 10, 11] without []
        [0, 1, 2, 3, 7, 9, 10, 11] without []
        ");
    }

    /// What is promised where others still run hides nobody: a line of twelve, a job on qubits 4 to 6, and one that is to
    /// come to qubits 5 to 7 when it has ended, or to come and accepts little.
    #[test]
    fn those_who_follow_one_another_both_count() {
        let map = CouplingMap::line(12).unwrap();
        let epoch = epoch(map, &[0.01; 12], &[0.01; 11]);
        let set = |qubits: &[u32]| QubitSet::from_qubits(12, qubits.iter().copied().map(PhysicalQubit));
        let booking = |qubits: &[u32], max_crosstalk| Booking {
            qubits: set(qubits),
            buffer_distance: 0,
            max_crosstalk,
            party: None,
            from: Time::ZERO,
            until: None,
            guard: Span::ZERO,
        };
        let mut limits = CrosstalkLimits::default();
        let mut ask = |own: Option<f64>, theirs: Option<f64>| {
            let (runs, comes) = (booking(&[4, 5, 6], None), booking(&[5, 6, 7], theirs));
            let mut free = set(&[0, 1, 2, 3, 8, 9, 10, 11]);
            let on = Technology::Superconducting;
            let barred = limits.apply(&limited(own), on, &epoch, &[&runs, &comes], &mut free, None);
            let barred: Vec<usize> =
                (0..11).filter(|c| barred.is_some_and(|bits| bit(bits, CouplerId(*c as u32)))).collect();
            format!("{:?} without {barred:?}", free.iter().map(|qubit| qubit.0).collect::<Vec<_>>())
        };
        let lines = [ask(Some(0.003), None), ask(None, Some(0.003)), ask(None, Some(0.004))];
        insta::assert_snapshot!(lines.join("\n"), @"
        [0, 1, 2, 3, 8, 9, 10, 11] without [2, 8]
        [0, 1, 2, 3, 9, 10, 11] without []
        [0, 1, 2, 3, 8, 9, 10, 11] without []
        ");
    }

    /// A line of twelve; a job of party 1 on qubits 4 to 6, which accepts little or asks somebody else's party.
    #[test]
    fn a_party_is_left_out_of_its_own_limits() {
        let map = CouplingMap::line(12).unwrap();
        let epoch = epoch(map, &[0.01; 12], &[0.01; 11]);
        let set = |qubits: &[u32]| QubitSet::from_qubits(12, qubits.iter().copied().map(PhysicalQubit));
        let of = |group| Some(PartyTerms { party: Party::Group(group), buffer_distance: 0, rests: false });
        let booking = |qubits: &[u32], max_crosstalk, group| Booking {
            qubits: set(qubits),
            buffer_distance: 0,
            max_crosstalk,
            party: of(group),
            from: Time::ZERO,
            until: None,
            guard: Span::ZERO,
        };
        let mut limits = CrosstalkLimits::default();
        let mut ask = |own: Option<f64>, theirs: Option<f64>, group, others: &[&Booking]| {
            let runs = booking(&[4, 5, 6], theirs, 1);
            let jobs: Vec<&Booking> = std::iter::once(&runs).chain(others.iter().copied()).collect();
            let mut free = set(&[0, 1, 2, 3, 7, 8, 9]);
            let promised = PromisedIsolation { party: of(group), ..limited(own) };
            let on = Technology::Superconducting;
            let barred = limits.apply(&promised, on, &epoch, &jobs, &mut free, None);
            let barred: Vec<usize> =
                (0..11).filter(|c| barred.is_some_and(|bits| bit(bits, CouplerId(*c as u32)))).collect();
            format!("{:?} without {barred:?}", free.iter().map(|qubit| qubit.0).collect::<Vec<_>>())
        };
        // Of its own limit, and of that of the other.
        let fellow = booking(&[10, 11], None, 1);
        let lines = [
            ask(Some(0.003), None, 1, &[]),
            ask(Some(0.003), None, 2, &[]),
            ask(None, Some(0.003), 1, &[]),
            ask(None, Some(0.003), 2, &[]),
            // The party's own job on 10 and 11 is left out for the first, and counts for the second.
            ask(Some(0.003), None, 1, &[&fellow]),
            ask(Some(0.003), None, 2, &[&fellow]),
        ];
        insta::assert_snapshot!(lines.join("\n"), @"
        [0, 1, 2, 3, 7, 8, 9] without []
        [0, 1, 2, 3, 7, 8, 9] without [2, 7]
        [0, 1, 2, 3, 7, 8, 9] without []
        [0, 1, 2, 8, 9] without []
        [0, 1, 2, 3, 7, 8, 9] without []
        [0, 1, 2, 3, 7, 8, 9] without [2, 7, 8]
        ");
    }
}
