//! Which jobs came, and how far apart: the next ones are drawn from them, several in a row, so that who comes in bursts goes on to.

use std::collections::VecDeque;
use std::sync::Arc;

use super::KEPT;
use crate::allocator::protocol::{JobId, JobRequest};
use crate::time::{Span, Time};

/// So many are taken in a row.
const ROW: usize = 16;

/// Fewer than this say nothing of those to come.
const FEW: usize = 8;

#[derive(Debug, Clone)]
struct Arrival {
    /// Since the one before.
    gap: Span,
    at: Time,
    request: Arc<JobRequest>,
}

#[derive(Debug, Default)]
pub(super) struct Seen {
    kept: VecDeque<Arrival>,
    last: Option<Time>,
}

impl Seen {
    pub(super) fn came(&mut self, now: Time, request: &Arc<JobRequest>) {
        if let Some(last) = self.last {
            if self.kept.len() == KEPT {
                self.kept.pop_front();
            }
            self.kept.push_back(Arrival { gap: now.since(last), at: now, request: request.clone() });
        }
        self.last = Some(now);
    }

    pub(super) fn known(&self, now: Time) -> Arrivals {
        let kept = if self.kept.len() < FEW { Vec::new() } else { self.kept.iter().cloned().collect() };
        Arrivals { kept, since_last: self.last.map_or(Span::ZERO, |last| now.since(last)) }
    }
}

/// What arrivals are drawn from.
#[derive(Debug)]
pub(in crate::forward) struct Arrivals {
    kept: Vec<Arrival>,
    since_last: Span,
}

/// The arrivals of one future.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::forward) struct Comings {
    index: usize,
    left: usize,
    drawn: u64,
}

impl Arrivals {
    /// The next one: how long after the last, and what it asks for, under a number of its own, as of `at`. `lot` draws anew,
    /// 0..1.
    pub(in crate::forward) fn next(
        &self,
        comings: &mut Comings,
        id: JobId,
        after: Time,
        mut lot: impl FnMut(u64) -> f64,
    ) -> Option<(Time, Arc<JobRequest>)> {
        if self.kept.is_empty() {
            return None;
        }
        let first = comings.drawn == 0;
        let mut draw = || {
            comings.drawn += 1;
            lot(comings.drawn)
        };
        if comings.left == 0 {
            comings.index = ((draw() * self.kept.len() as f64) as usize).min(self.kept.len() - 1);
            comings.left = ROW;
        }
        let Arrival { gap, at: was, request } = &self.kept[comings.index];
        let gap = match first {
            // Some of it is over.
            true => self.rest_of_a_gap(draw()),
            false => *gap,
        };
        comings.index = (comings.index + 1) % self.kept.len();
        comings.left -= 1;
        let at = after.checked_add(gap)?;
        let mut request = JobRequest { id, ..(**request).clone() };
        request.deadline = request.deadline.map(|deadline| at + deadline.since(*was));
        Some((at, Arc::new(request)))
    }

    /// What is left of the gap that has lasted since the last arrival.
    fn rest_of_a_gap(&self, lot: f64) -> Span {
        let mut longer: Vec<Span> =
            self.kept.iter().map(|one| one.gap).filter(|gap| *gap > self.since_last).collect();
        longer.sort_unstable();
        let drawn = longer.get((lot * longer.len() as f64) as usize).copied();
        // Nobody stayed away so long: up to as long again.
        drawn.map_or_else(
            || Span((self.since_last.0 as f64 * lot) as u64),
            |gap| Span(gap.0 - self.since_last.0),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::allocator::protocol::Topology;

    #[test]
    fn those_to_come_are_like_those_that_came_in_a_row_and_under_numbers_of_their_own() {
        let at = |secs| Time::ZERO + Span::from_secs(secs);
        let mut seen = Seen::default();
        for number in 0..40 {
            let request = JobRequest {
                deadline: Some(at(10 * number + 5)),
                ..JobRequest::new(JobId(number), 2 + number as u32, Topology::Line)
            };
            seen.came(at(10 * number), &Arc::new(request));
        }
        let known = seen.known(at(394));
        let mut comings = Comings::default();
        let mut after = at(394);
        let mut sizes = Vec::new();
        for number in 0..20 {
            let (when, request) = known.next(&mut comings, JobId(1000 + number), after, |_| 0.3).unwrap();
            assert_eq!(request.id, JobId(1000 + number));
            assert_eq!(request.deadline, Some(when + Span::from_secs(5)));
            assert_eq!(when.since(after).as_secs_f64(), if number == 0 { 6.0 } else { 10.0 });
            sizes.push(request.min_qubits);
            after = when;
        }
        let row: Vec<u32> = (14..30).collect();
        assert_eq!((&sizes[..16], &sizes[16..]), (&row[..], &row[..4]));
        // Who saw next to nobody expects nobody.
        let mut seen = Seen::default();
        seen.came(at(1), &Arc::new(JobRequest::new(JobId(1), 2, Topology::Line)));
        assert!(seen.known(at(2)).next(&mut Comings::default(), JobId(7), at(2), |_| 0.5).is_none());
    }
}
