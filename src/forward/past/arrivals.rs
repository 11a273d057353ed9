//! Which jobs came, and when: the next ones are drawn from them, a stretch of time after the other, so that who comes in bursts
//! goes on to.

use std::sync::Arc;

use smallvec::SmallVec;

use super::kept::Kept;
use crate::allocator::protocol::{JobId, JobRequest};
use crate::time::{Span, Time};

/// The time that is remembered is cut into so many stretches.
const STRETCHES: u64 = 16;

/// Jobs that came at fewer instants than this say nothing of those to come.
const FEW: usize = 8;

/// So many stretches without any arrival in a row: nobody comes.
const EMPTY_MAX: u32 = 1000;

#[derive(Debug, Clone)]
struct Arrival {
    at: Time,
    request: Arc<JobRequest>,
}

#[derive(Debug, Default)]
pub(super) struct Seen {
    kept: Kept<Arrival>,
}

impl Seen {
    pub(super) fn came(&mut self, now: Time, request: &Arc<JobRequest>) {
        self.kept.add(Arrival { at: now, request: request.clone() });
    }

    pub(super) fn known(&self, now: Time) -> Arrivals {
        let mut instants: Vec<Time> = self.kept.iter().map(|arrival| arrival.at).collect();
        instants.dedup();
        let first = self.kept.first().map_or(now, |arrival| arrival.at);
        let kept = if instants.len() < FEW { Vec::new() } else { self.kept.iter().cloned().collect() };
        Arrivals { kept, first, window: now.since(first).max(Span(1)) }
    }
}

/// What arrivals are drawn from: all of a window of time, taken as a circle.
#[derive(Debug)]
pub(in crate::forward) struct Arrivals {
    kept: Vec<Arrival>,
    first: Time,
    window: Span,
}

/// The arrivals of one future.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::forward) struct Comings {
    /// Where the stretch begins, in the window and in the future.
    from: Span,
    begins: Time,
    /// The next arrival in the window, beyond its end counted on.
    next: usize,
    /// How many stretches were drawn.
    drawn: u64,
}

impl Arrivals {
    /// The arrivals from an instant on.
    pub(in crate::forward) fn comings(&self, now: Time) -> Comings {
        // The first stretch begins when this one, of no arrivals, ends.
        let begins = Time(now.0.saturating_sub(self.stretch().0));
        Comings { begins, next: usize::MAX, ..Comings::default() }
    }

    fn stretch(&self) -> Span {
        Span((self.window.0 / STRETCHES).max(1))
    }

    /// The next one: when, and what it asks for, under a number of its own. `lot` draws anew, 0..1.
    pub(in crate::forward) fn next(
        &self,
        comings: &mut Comings,
        id: JobId,
        lot: impl Fn(u64) -> f64,
    ) -> Option<(Time, Arc<JobRequest>)> {
        if self.kept.is_empty() {
            return None;
        }
        let stretch = self.stretch();
        for _ in 0..EMPTY_MAX {
            let rounds = (comings.next / self.kept.len()) as u64;
            if let Some(Arrival { at: was, request }) =
                (rounds < 2).then(|| &self.kept[comings.next % self.kept.len()])
            {
                let in_window = was.since(self.first).0.saturating_add(rounds.saturating_mul(self.window.0));
                let after = Span(in_window.saturating_sub(comings.from.0));
                if after < stretch {
                    comings.next += 1;
                    let at = comings.begins.checked_add(after)?;
                    let mut request = JobRequest { id, ..(**request).clone() };
                    request.deadline = request.deadline.map(|deadline| at + deadline.since(*was));
                    // Whom it followed, those to come do not follow.
                    (request.after, request.after_success) = (SmallVec::new(), SmallVec::new());
                    return Some((at, Arc::new(request)));
                }
            }
            comings.begins = comings.begins.checked_add(stretch)?;
            comings.drawn += 1;
            comings.from = Span((lot(comings.drawn) * self.window.0 as f64) as u64);
            comings.next = self.kept.partition_point(|arrival| arrival.at.since(self.first) < comings.from);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::allocator::protocol::Topology;

    fn at(secs: u64) -> Time {
        Time::ZERO + Span::from_secs(secs)
    }

    /// Forty jobs, one every ten seconds; of growing size.
    fn forty() -> Seen {
        let mut seen = Seen::default();
        for number in 0..40 {
            let request = JobRequest {
                deadline: Some(at(10 * number + 5)),
                ..JobRequest::new(JobId(number), 2 + number as u32, Topology::Line)
            };
            seen.came(at(10 * number), &Arc::new(request));
        }
        seen
    }

    #[test]
    fn those_to_come_are_like_those_that_came_in_stretches_and_under_numbers_of_their_own() {
        let known = forty().known(at(400));
        let mut comings = known.comings(at(1000));
        let (mut whens, mut sizes) = (Vec::new(), Vec::new());
        for number in 0..6 {
            // From 295 s on for 25 s, then from 395 s on, around the end.
            let lot = |stretch| if stretch == 1 { 295.0 / 400.0 } else { 395.0 / 400.0 };
            let (when, request) = known.next(&mut comings, JobId(1000 + number), lot).unwrap();
            assert_eq!(request.id, JobId(1000 + number));
            assert_eq!(request.deadline, Some(when + Span::from_secs(5)));
            whens.push(when.since(at(1000)).as_secs_f64());
            sizes.push(request.min_qubits);
        }
        assert_eq!(whens, [5.0, 15.0, 30.0, 40.0, 55.0, 65.0]);
        assert_eq!(sizes, [32, 33, 2, 3, 2, 3]);
    }

    #[test]
    fn as_many_come_as_came() {
        let known = forty().known(at(400));
        let mut comings = known.comings(at(0));
        let mut count = 0;
        // A lot that is spread evenly.
        let lot = |stretch: u64| (stretch as f64 * 0.618_033_988_75).fract();
        while known.next(&mut comings, JobId(7), lot).is_some_and(|(when, _)| when < at(40_000)) {
            count += 1;
        }
        assert!((3_950..4_050).contains(&count), "{count}");
    }

    #[test]
    fn a_crowd_at_one_instant_says_nothing_of_others_to_come() {
        let mut seen = Seen::default();
        for number in 0..100 {
            seen.came(at(1), &Arc::new(JobRequest::new(JobId(number), 2, Topology::Line)));
        }
        let known = seen.known(at(2));
        assert!(known.next(&mut known.comings(at(2)), JobId(7), |_| 0.5).is_none());
    }
}
