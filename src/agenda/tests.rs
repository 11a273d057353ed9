//! The agenda against an oracle that is obviously right, and the promises that an oracle does not show.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// An agenda and its oracle, a map in the promised order; every operation is done to both and compared.
#[derive(Default)]
struct Pair {
    agenda: Agenda<u64>,
    oracle: BTreeMap<(Time, u8, u64), Ticket>,
    /// Ticket and oracle key of every event ever scheduled, by its number.
    history: Vec<(Ticket, (Time, u8, u64))>,
    now: u64,
}

impl Pair {
    fn schedule(&mut self, at: u64, class: u8) {
        let number = self.history.len() as u64;
        let key = (Time(at), class, number);
        let ticket = self.agenda.schedule(Time(at), class, number);
        self.oracle.insert(key, ticket);
        self.history.push((ticket, key));
    }

    /// Cancels the event of that number, which may have left long ago.
    fn cancel(&mut self, number: usize) {
        if let Some((ticket, key)) = self.history.get(number) {
            let expected = self.oracle.remove(key).map(|_| key.2);
            assert_eq!(self.agenda.cancel(*ticket), expected);
            assert_eq!(self.agenda.cancel(*ticket), None);
        }
    }

    fn peek(&mut self) {
        let expected = self.oracle.keys().next().map(|key| (key.0, key.1));
        assert_eq!(self.agenda.peek(), expected);
        assert_eq!(self.agenda.peek_time(), expected.map(|(at, _)| at));
    }

    fn pop(&mut self) -> bool {
        let expected = self.oracle.pop_first().map(|(key, _)| key);
        let popped = self.agenda.pop();
        assert_eq!(popped, expected);
        assert_eq!(self.agenda.len(), self.oracle.len());
        if let Some((at, ..)) = popped {
            self.now = at.0;
        }
        popped.is_some()
    }

    /// Empties the agenda, and then tries every ticket there ever was.
    fn finish(mut self) {
        while self.pop() {}
        assert!(self.agenda.is_empty());
        for (ticket, _) in &self.history {
            assert_eq!(self.agenda.cancel(*ticket), None);
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// Events at `now + offset`, each `stride` later than the one before.
    Schedule {
        offset: u64,
        stride: u64,
        count: u64,
        classes: u8,
    },
    /// Events at a time that has nothing to do with now: mostly the past.
    ScheduleAt {
        at: u64,
        class: u8,
    },
    /// Every `every`th event of the last `count`, and one of all times.
    Cancel {
        count: usize,
        every: usize,
        any: usize,
    },
    Peek,
    Pop {
        count: usize,
    },
}

/// Lengths of time of every magnitude, with the short and the round ones more often.
fn span() -> impl Strategy<Value = u64> {
    prop_oneof![
        3 => 0_u64..4,
        2 => (0_u32..64, 0_u64..3).prop_map(|(bits, more)| (1_u64 << bits).wrapping_add(more).wrapping_sub(1)),
        2 => (any::<u64>(), 0_u32..64).prop_map(|(bits, shift)| bits >> shift),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let count = prop_oneof![4 => 1_u64..10, 1 => 1_u64..1_500];
    prop_oneof![
        4 => (span(), span(), count, 1_u8..4)
            .prop_map(|(offset, stride, count, classes)| Step::Schedule { offset, stride, count, classes }),
        1 => (span(), any::<u8>()).prop_map(|(at, class)| Step::ScheduleAt { at, class }),
        2 => (1_usize..1_500, 1_usize..8, any::<usize>())
            .prop_map(|(count, every, any)| Step::Cancel { count, every, any }),
        1 => Just(Step::Peek),
        3 => (1_usize..1_000).prop_map(|count| Step::Pop { count }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn agrees_with_a_sorted_map(steps in prop::collection::vec(step(), 1..40)) {
        let mut pair = Pair::default();
        for step in steps {
            match step {
                Step::Schedule { offset, stride, count, classes } => {
                    let mut at = pair.now.saturating_add(offset);
                    for index in 0..count {
                        pair.schedule(at, (index % u64::from(classes)) as u8);
                        at = at.saturating_add(stride);
                    }
                }
                Step::ScheduleAt { at, class } => pair.schedule(at, class),
                Step::Cancel { count, every, any } => {
                    let scheduled = pair.history.len();
                    for number in (scheduled.saturating_sub(count)..scheduled).step_by(every) {
                        pair.cancel(number);
                    }
                    pair.cancel(any % scheduled.max(1));
                }
                Step::Peek => pair.peek(),
                Step::Pop { count } => {
                    for _ in 0..count {
                        pair.pop();
                    }
                }
            }
        }
        pair.finish();
    }
}

/// Numbers without pattern, the same in every run.
fn scrambled(seed: u64) -> impl FnMut() -> u64 {
    let family = crate::random::StreamFamily::new(seed, 0, crate::random::Purpose::Arrivals);
    let mut index = 0;
    move || {
        index += 1;
        family.draw(index, 0)
    }
}

/// Sizes and shapes that lead through every regime: heap alone, bucket taken whole, bucket split, crowded instant.
#[test]
fn every_regime_keeps_the_order() {
    type Shape = fn(u64) -> u64;
    let shapes: [(&str, Shape); 6] = [
        ("all at once", |_| 0),
        ("two instants, far apart", |bits| (bits & 1) << 50),
        ("dense", |bits| bits >> 50),
        ("spread", |bits| bits >> 24),
        ("many magnitudes", |bits| bits >> 8 >> (bits & 63)),
        ("near and very far", |bits| if bits & 7 == 0 { bits >> 2 } else { bits >> 44 }),
    ];
    for (name, shape) in shapes {
        for pending in [10, 700, 5_000, 50_000] {
            let mut random = scrambled(pending);
            let mut pair = Pair::default();
            for _ in 0..pending {
                let bits = random();
                pair.schedule(shape(bits), (bits >> 61) as u8);
            }
            for _ in 0..pending {
                assert!(pair.pop(), "{name}, {pending} pending");
                let bits = random();
                pair.schedule(pair.now.saturating_add(shape(bits)), (bits >> 61) as u8);
                if bits & 0xF00 == 0 {
                    pair.cancel((random() % pair.history.len() as u64) as usize);
                    pair.peek();
                }
            }
            pair.finish();
        }
    }
}

#[test]
fn decreasing_times_leave_in_order() {
    let mut pair = Pair::default();
    for at in (0..20_000).rev() {
        pair.schedule(at * 1_000, 0);
    }
    pair.finish();
}

/// Peeking moves the window on to the next event; what is scheduled before it then must not confuse the buckets.
#[test]
fn peeking_ahead_and_filling_the_gap_keeps_the_order() {
    let mut random = scrambled(1);
    let mut pair = Pair::default();
    for _ in 0..20 {
        let base = pair.now + (1 << 40);
        for _ in 0..6_000 {
            pair.schedule(base + (random() >> 30), 0);
        }
        pair.peek();
        for _ in 0..3_000 {
            pair.schedule(pair.now + (random() >> 25), 0);
        }
        for _ in 0..7_000 {
            pair.pop();
        }
    }
    pair.finish();
}

#[test]
fn one_instant_has_a_fixed_order() {
    let mut agenda = Agenda::new();
    for (class, event) in [(2, "d"), (1, "b"), (2, "e"), (1, "c"), (0, "a")] {
        agenda.schedule(Time::MAX, class, event);
    }
    let mut order = String::new();
    while let Some((at, class, event)) = agenda.pop() {
        order += event;
        if event == "c" {
            // While their own instant is under way: first by class, last of the class.
            agenda.schedule(at, class, "C");
            agenda.schedule(at, 2, "f");
            agenda.schedule(at, 0, "!");
        }
    }
    assert_eq!(order, "abc!Cdef");
}

#[test]
fn a_stale_ticket_cancels_nothing() {
    let mut agenda = Agenda::new();
    let popped = agenda.schedule(Time(1), 0, "popped");
    assert_eq!(agenda.pop(), Some((Time(1), 0, "popped")));
    let cancelled = agenda.schedule(Time(1), 0, "cancelled");
    assert_eq!(agenda.cancel(cancelled), Some("cancelled"));
    assert_eq!(agenda.pop(), None);
    let pending = agenda.schedule(Time(1), 0, "pending");
    assert_eq!(
        [popped.slot, cancelled.slot],
        [pending.slot; 2],
        "the case of interest: one slot, three events"
    );

    assert_eq!(agenda.cancel(popped), None);
    assert_eq!(agenda.cancel(cancelled), None);
    assert_eq!(agenda.len(), 1);
    assert_eq!(agenda.cancel(pending), Some("pending"));
}

/// Time-outs far away that are nearly always cancelled must not pile up.
#[test]
fn cancelled_events_do_not_hold_memory() {
    let mut agenda = Agenda::new();
    for now in 0..100_000 {
        agenda.schedule(Time(now), 0, ());
        let timeout = agenda.schedule(Time(now + (1 << 40)), 1, ());
        assert_eq!(agenda.pop(), Some((Time(now), 0, ())));
        assert_eq!(agenda.cancel(timeout), Some(()));
    }
    assert!(agenda.is_empty());
    assert!(agenda.slots.len() <= SWEEP_MIN + 2, "{} slots", agenda.slots.len());
    assert!(agenda.far.len() + agenda.near.len() <= SWEEP_MIN + 1);
}
