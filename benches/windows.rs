//! What windows cost: a reading by the length of its windows, and a checkpoint by the number of machines. One core.
//!
//! `make bench` runs it. The queries are the shipped ones.

#![allow(clippy::expect_used)] // a bench may stop at once

use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use coldstream::dataflow::checkpoint::Content;
use coldstream::dataflow::sql::Extensions;
use coldstream::dataflow::{Graph, Partition, Query, Timing};
use coldstream::schema::ReadingSchema;
use coldstream::simulate::{Fleet, FleetConfig};
use coldstream::source::decode::Decoder;
use coldstream::source::raw::RawBatch;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BATCH: usize = 8_192;

fn timing() -> Timing {
    Timing::new(5_000_000)
}

/// Rows of a batch: as the source makes them, but no more than ten seconds of readings.
fn rows_of_batch(machines: u32) -> usize {
    BATCH.min(machines as usize * 10)
}

/// Readings of so many machines for so many seconds, one a second each.
fn readings(machines: u32, seconds: usize) -> Vec<RecordBatch> {
    let config = FleetConfig { machines, ..FleetConfig::default() };
    let mut fleet = Fleet::new(&config).expect("a valid fleet");
    let mut decoder = Decoder::new("readings", &ReadingSchema::default(), 600_000_000);
    let mut batches = Vec::new();
    let (mut raw, mut json, mut offset) = (RawBatch::default(), Vec::new(), 0);
    for _ in 0..seconds {
        for reading in fleet.step().expect("an endless run") {
            json.clear();
            reading.write_json(&mut json);
            raw.push(&json, offset, reading.timestamp);
            offset += 1;
            if raw.len() == rows_of_batch(machines) {
                batches.push(decoder.decode(0, &std::mem::take(&mut raw)).expect("columns").readings);
            }
        }
    }
    batches
}

/// The shipped features over windows of `size` seconds every 10 s.
fn features(size: u32) -> Arc<Graph> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("queries");
    let mut queries = Query::load_dir(&path).expect("the shipped queries");
    queries.retain(|query| query.name == "features");
    let shipped = "INTERVAL '60 seconds'";
    for query in &mut queries {
        assert!(query.sql.contains(shipped), "the shipped windows are 60 s long");
        query.sql = query.sql.replace(shipped, &format!("INTERVAL '{size} seconds'"));
    }
    let source = ReadingSchema::default().arrow();
    Arc::new(Graph::plan(queries, &source, &Extensions::default(), "").expect("a plan"))
}

/// An hour of readings in which the longest windows fill, and then an hour and a half that is measured, so that every size
/// is in its steady state. Machines as one of eight partitions of a fleet of 2,000 has them.
fn hop(criterion: &mut Criterion) {
    let readings = readings(250, 9_000);
    let (filling, readings) = readings.split_at(readings.len() * 2 / 5);
    let rows: usize = readings.iter().map(RecordBatch::num_rows).sum();
    let mut group = criterion.benchmark_group("hop");
    group.throughput(Throughput::Elements(rows as u64)).sample_size(10);
    for panes in [6u32, 60, 360] {
        let graph = features(panes * 10);
        group.bench_function(format!("size_over_slide_{panes}"), |bencher| {
            bencher.iter_batched(
                || {
                    let mut partition = Partition::new(&graph, timing()).expect("a partition");
                    filling.iter().for_each(|batch| drop(partition.process(batch).expect("rows")));
                    partition
                },
                |mut partition| {
                    let mut windows = 0;
                    for batch in readings {
                        let outputs = partition.process(batch).expect("rows");
                        windows += outputs.streams.iter().map(|(_, rows)| rows.num_rows()).sum::<usize>();
                    }
                    (windows, partition)
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

/// Ten seconds of live readings, and the checkpoint that follows: what it takes beside them.
fn checkpoint(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("checkpoint");
    group.sample_size(10);
    for machines in [100u32, 1_000, 10_000] {
        let seconds = 80;
        let readings = readings(machines, seconds);
        let graph = features(60);
        let ten_seconds = (machines as usize * 10).div_ceil(rows_of_batch(machines));
        let (first, rest) = readings.split_at(readings.len() - ten_seconds);
        let prepared = || {
            let mut partition = Partition::new(&graph, timing()).expect("a partition");
            first.iter().for_each(|batch| drop(partition.process(batch).expect("rows")));
            partition.checkpoint().expect("a checkpoint");
            rest.iter().for_each(|batch| drop(partition.process(batch).expect("rows")));
            partition
        };
        let written: usize = (prepared().checkpoint().expect("a checkpoint").iter())
            .map(|part| match &part.content {
                Content::Fresh(bytes) | Content::Lasting(bytes) => bytes.len(),
                Content::Kept => 0,
            })
            .sum();
        println!("{machines} machines: {written} bytes written by the checkpoint of 10 s");
        group.bench_function(format!("{machines}_machines"), |bencher| {
            bencher.iter_batched(
                prepared,
                |mut partition| (partition.checkpoint().expect("a checkpoint").len(), partition),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, hop, checkpoint);
criterion_main!(benches);
