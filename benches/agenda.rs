//! How fast the future event list is: the hold model next to the standard library's heap, and a bare M/M/10 queue.
//!
//! Promises that no random number is drawn within a measured hold. Leaves the simulator as a whole to other benches.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rand::{RngExt, SeedableRng};
use rand_distr::Exp1;
use rand_pcg::Pcg64Dxsm;
use resource_manager::agenda::{Agenda, Ticket};
use resource_manager::time::Time;

/// Events per measured iteration.
const BATCH: u64 = 200_000;
const MEAN_INCREMENT_NS: f64 = 1e9;

/// Exponential increments, drawn before anything is measured and used over and over.
struct Increments {
    ns: Vec<u64>,
    next: usize,
}

impl Increments {
    fn new() -> Self {
        let mut random = Pcg64Dxsm::seed_from_u64(1);
        let draw = |_| (random.sample::<f64, _>(Exp1) * MEAN_INCREMENT_NS) as u64;
        Self { ns: (0..1 << 18).map(draw).collect(), next: 0 }
    }

    fn draw(&mut self) -> u64 {
        self.next = (self.next + 1) & (self.ns.len() - 1);
        self.ns[self.next]
    }
}

/// Class and sequence number in one word, so that the standard heap orders alike with elements as small.
fn rank(class: u32, scheduled: u64) -> u64 {
    u64::from(class) << 56 | scheduled
}

fn hold(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hold");
    group.throughput(Throughput::Elements(BATCH));
    for pending in [100_u32, 10_000, 1_000_000] {
        group.bench_function(BenchmarkId::new("agenda", pending), |bencher| {
            let mut increments = Increments::new();
            let mut agenda = Agenda::new();
            for job in 0..pending {
                agenda.schedule(Time(increments.draw()), (job % 4) as u8, u64::from(job));
            }
            bencher.iter(|| {
                for _ in 0..BATCH {
                    if let Some((Time(now), class, job)) = agenda.pop() {
                        black_box(agenda.schedule(Time(now + increments.draw()), class, black_box(job)));
                    }
                }
            });
        });
        group.bench_function(BenchmarkId::new("agenda, 10% cancelled", pending), |bencher| {
            let mut increments = Increments::new();
            let mut agenda = Agenda::new();
            let mut tickets: Vec<Ticket> = (0..pending)
                .map(|job| agenda.schedule(Time(increments.draw()), (job % 4) as u8, u64::from(job)))
                .collect();
            bencher.iter(|| {
                for step in 0..BATCH {
                    let Some((Time(now), class, job)) = agenda.pop() else {
                        continue;
                    };
                    let increment = increments.draw();
                    tickets[job as usize] = agenda.schedule(Time(now + increment), class, job);
                    if step % 10 == 0 {
                        let other = increment % u64::from(pending);
                        let cancelled = agenda.cancel(tickets[other as usize]);
                        debug_assert_eq!(cancelled, Some(other));
                        tickets[other as usize] =
                            agenda.schedule(Time(now + increments.draw()), class, other);
                    }
                }
            });
        });
        group.bench_function(BenchmarkId::new("BinaryHeap", pending), |bencher| {
            let mut increments = Increments::new();
            let mut scheduled = 0_u64;
            let mut heap = BinaryHeap::new();
            for job in 0..pending {
                heap.push(Reverse((increments.draw(), rank(job % 4, scheduled), u64::from(job))));
                scheduled += 1;
            }
            bencher.iter(|| {
                for _ in 0..BATCH {
                    if let Some(Reverse((now, old, job))) = heap.pop() {
                        let rank = rank((old >> 56) as u32, scheduled);
                        heap.push(Reverse((now + increments.draw(), rank, black_box(job))));
                        scheduled += 1;
                    }
                }
            });
        });
    }
    group.finish();
}

const SERVERS: usize = 10;
const UTILIZATION: f64 = 0.9;
const CUSTOMERS: u64 = 100_000;
const MEAN_SERVICE_NS: f64 = 1e9;

enum Step {
    Departure,
    Arrival,
}

/// One queue, ten servers, first come first served; returns the summed waiting time.
fn mm10(random: &mut Pcg64Dxsm) -> u64 {
    let mean_gap_ns = MEAN_SERVICE_NS / (SERVERS as f64 * UTILIZATION);
    let mut agenda = Agenda::with_capacity(SERVERS + 1);
    let mut waiting: VecDeque<u64> = VecDeque::new();
    let mut idle = SERVERS;
    let mut arrived = 0;
    let mut waited_ns = 0;
    agenda.schedule(Time::ZERO, 1, Step::Arrival);
    while let Some((Time(now), _, step)) = agenda.pop() {
        match step {
            Step::Arrival => {
                arrived += 1;
                if arrived < CUSTOMERS {
                    let gap = (random.sample::<f64, _>(Exp1) * mean_gap_ns) as u64;
                    agenda.schedule(Time(now + gap), 1, Step::Arrival);
                }
                if idle == 0 {
                    waiting.push_back(now);
                    continue;
                }
                idle -= 1;
            }
            Step::Departure => match waiting.pop_front() {
                Some(since) => waited_ns += now - since,
                None => {
                    idle += 1;
                    continue;
                }
            },
        }
        let service = (random.sample::<f64, _>(Exp1) * MEAN_SERVICE_NS) as u64;
        agenda.schedule(Time(now + service), 0, Step::Departure);
    }
    waited_ns
}

fn queue(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("queue");
    group.throughput(Throughput::Elements(CUSTOMERS));
    let mut random = Pcg64Dxsm::seed_from_u64(2);
    group.bench_function("M/M/10, customers", |bencher| bencher.iter(|| black_box(mm10(&mut random))));
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .without_plots();
    targets = hold, queue
}
criterion_main!(benches);
