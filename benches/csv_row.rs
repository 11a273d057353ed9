//! Cost of a CSV field: rows as wide as those of `jobs.csv`. Goal: 10 ns per field.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use resource_manager::simulator::csv_row::RowWriter;
use resource_manager::time::Time;

const FIELDS: u64 = 25;
const ROWS: u64 = 1_000;

fn rows(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("csv_row");
    group.throughput(Throughput::Elements(ROWS * FIELDS));
    group.bench_function("jobs", |bencher| {
        bencher.iter(|| {
            let mut writer = RowWriter::new(std::io::sink());
            for row in 0..ROWS {
                let ns = black_box(row * 1_234_567_891_011);
                writer.u64(row).text("vqe-12").text("chemistry").text("fez").bool(row % 2 == 0);
                for field in 0..8 {
                    writer.seconds(Time(ns + field * 7_000_000_000));
                }
                for field in 0..6_u64 {
                    writer.f64(black_box((row * 6 + field) as f64 / 977.0));
                }
                for field in 0..4 {
                    writer.u64(row * field);
                }
                writer.empty().empty();
                writer.end_row().expect("a sink takes all");
            }
            writer.finish()
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    // plotters has no font here, and a number is what the goal asks for.
    config = Criterion::default().without_plots();
    targets = rows
}
criterion_main!(benches);
