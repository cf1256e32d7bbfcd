//! The data path in memory, step by step and whole: JSON bytes → columns → windows → scores → alarms.
//!
//! One thread, 25 machines of one Kafka partition (200 machines over 8 partitions), one reading a second, in
//! batches as the source makes them. Throughput is in readings. Run with `make bench`.

#![allow(clippy::expect_used, reason = "a bench that cannot start should say so and stop")]
#![allow(missing_docs, reason = "the group is made by a macro")]

use std::path::Path;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Float64Type;
use coldstream::alarm::{AlarmPlan, RuleFile, StreamRows, WatchedPartition};
use coldstream::dataflow::sql::Extensions;
use coldstream::dataflow::{Graph, Partition, Query, Timing};
use coldstream::history::{model_extensions, model_versions};
use coldstream::model::{CompiledModel, Registry};
use coldstream::schema::ReadingSchema;
use coldstream::simulate::{Fleet, FleetConfig};
use coldstream::source::decode::Decoder;
use coldstream::source::raw::RawBatch;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

mod formats;

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const MACHINES: u32 = 25;
const BATCH: usize = 8_192;
const BATCHES: usize = 12;
fn timing() -> Timing {
    Timing::new(5_000_000)
}

/// Consecutive batches of messages.
fn messages() -> Vec<RawBatch> {
    let config = FleetConfig { machines: MACHINES, ..FleetConfig::default() };
    let mut fleet = Fleet::new(&config).expect("a valid fleet");
    let mut json = Vec::new();
    let mut batches = vec![RawBatch::default()];
    let mut offset = 0;
    while batches.len() <= BATCHES {
        for reading in fleet.step().expect("an endless run") {
            json.clear();
            reading.write_json(&mut json);
            if batches.last().is_some_and(|batch| batch.len() == BATCH) {
                batches.push(RawBatch::default());
            }
            if let Some(batch) = batches.last_mut() {
                batch.push(&json, offset, reading.timestamp);
            }
            offset += 1;
        }
    }
    batches.truncate(BATCHES);
    batches
}

fn decoder() -> Decoder {
    Decoder::new("readings", &ReadingSchema::default(), 600_000_000)
}

fn project(folder: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)
}

fn graph(scored: bool) -> (Arc<Graph>, Arc<Registry>) {
    let registry = Arc::new(Registry::load_dir(&project("models")).expect("the shipped models"));
    let mut queries = Query::load_dir(&project("queries")).expect("the shipped queries");
    queries.retain(|query| scored || query.name == "features");
    let source = ReadingSchema::default().arrow();
    let extensions = if scored { model_extensions(&registry) } else { Extensions::default() };
    let graph = Graph::plan(queries, &source, &extensions, &model_versions(&registry));
    (Arc::new(graph.expect("a plan")), registry)
}

fn data_path(criterion: &mut Criterion) {
    let raw = messages();
    let rows = (BATCH * BATCHES) as u64;
    let bytes: usize = raw.iter().map(RawBatch::byte_len).sum();
    println!("{rows} readings, {} bytes each on average", bytes as u64 / rows);
    let mut decode = decoder();
    let readings: Vec<RecordBatch> =
        raw.iter().map(|batch| decode.decode(0, batch).expect("columns").readings).collect();

    let mut group = criterion.benchmark_group("data_path");
    group.throughput(Throughput::Elements(rows)).sample_size(10);
    group.bench_function("json_to_columns", |bencher| {
        bencher.iter(|| {
            raw.iter().map(|b| decode.decode(0, b).expect("columns").readings.num_rows()).sum::<usize>()
        });
    });
    for (name, (mut decode, raw)) in
        [("avro", formats::avro(&readings)), ("protobuf", formats::protobuf(&readings))]
    {
        for (raw, expected) in raw.iter().zip(&readings) {
            assert_eq!(decode.decode(0, raw).expect("columns").readings, *expected, "{name}");
        }
        group.bench_function(format!("{name}_to_columns"), |bencher| {
            bencher.iter(|| {
                raw.iter().map(|b| decode.decode(0, b).expect("columns").readings.num_rows()).sum::<usize>()
            });
        });
    }
    let (features, _) = graph(false);
    group.bench_function("columns_to_windows", |bencher| {
        bencher.iter_batched(
            || Partition::new(&features, timing()).expect("a partition"),
            |mut partition| {
                readings.iter().map(|b| partition.process(b).expect("rows").streams.len()).sum::<usize>()
            },
            BatchSize::PerIteration,
        );
    });
    for (name, sql) in [
        (
            "columns_to_columns",
            "SELECT timestamp, machine_id, temp_evaporator, compressor_current FROM readings",
        ),
        (
            "columns_joined_with_machines",
            "SELECT r.timestamp, r.machine_id, r.temp_evaporator, r.compressor_current, m.refrigerant, m.altitude, \
             m.pressure_reference, m.rated_current FROM readings r JOIN machines m USING (machine_id)",
        ),
    ] {
        let query = Query { name: name.into(), file: format!("{name}.sql"), sql: sql.into() };
        let source = ReadingSchema::default().arrow();
        let plain = Arc::new(Graph::plan(vec![query], &source, &Extensions::default(), "").expect("a plan"));
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || Partition::new(&plain, timing()).expect("a partition"),
                |mut partition| {
                    readings.iter().map(|b| partition.process(b).expect("rows").streams.len()).sum::<usize>()
                },
                BatchSize::PerIteration,
            );
        });
    }
    let (scored, registry) = graph(true);
    group.bench_function("json_to_scored_windows", |bencher| {
        bencher.iter_batched(
            || Partition::new(&scored, timing()).expect("a partition"),
            |mut partition| {
                let process = |batch| {
                    let readings = decode.decode(0, batch).expect("columns").readings;
                    partition.process(&readings).expect("rows").streams.len()
                };
                raw.iter().map(process).sum::<usize>()
            },
            BatchSize::PerIteration,
        );
    });
    for set in ["classic", "default"] {
        let rules = RuleFile::load(set).expect("a shipped set");
        let extensions = model_extensions(&registry);
        let plan = AlarmPlan::compile(&rules, &StreamRows::of(&scored), &extensions).expect("rules that fit");
        let plan = Arc::new(plan);
        group.bench_function(format!("json_to_alarms_{set}"), |bencher| {
            bencher.iter_batched(
                || WatchedPartition::new(&scored, &plan, timing()).expect("a partition"),
                |mut partition| {
                    let process = |batch| {
                        let readings = decode.decode(0, batch).expect("columns").readings;
                        partition.process(&readings).expect("rows").alarms.episodes.len()
                    };
                    raw.iter().map(process).sum::<usize>()
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
    score(criterion, &scored, &registry, &readings);
}

/// The scorers alone, over the features of the run.
fn score(criterion: &mut Criterion, graph: &Arc<Graph>, registry: &Registry, readings: &[RecordBatch]) {
    let mut partition = Partition::new(graph, timing()).expect("a partition");
    let features: Vec<RecordBatch> = readings
        .iter()
        .flat_map(|batch| partition.process(batch).expect("rows").streams)
        .filter(|(stream, _)| &*graph.streams()[*stream].name == "features")
        .map(|(_, batch)| batch)
        .collect();
    let rows: usize = features.iter().map(RecordBatch::num_rows).sum();
    let mut group = criterion.benchmark_group("score");
    group.throughput(Throughput::Elements(rows as u64));
    for (name, model) in [("logistic", "failure"), ("forest", "failure_forest")] {
        let model: &Arc<CompiledModel> = registry.get(model).expect("a shipped model");
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                for batch in &features {
                    let column = |name: &String| {
                        batch.column_by_name(name).expect("a feature").as_primitive::<Float64Type>()
                    };
                    let columns: Vec<_> = model.features().iter().map(column).collect();
                    std::hint::black_box(model.score(&columns).expect("scores"));
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, data_path);
criterion_main!(benches);
