//! What the tests of the engine share: readings with one value, queries over them, and runs that differ in nothing that
//! may matter.

use std::sync::Arc;

use arrow::array::{
    Float64Array, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use proptest::prelude::*;

use super::checkpoint::stored;
use super::sql::Extensions;
use super::{DataflowError, Graph, Outputs, Partition, Query, Timing};
use crate::schema::{KAFKA_OFFSET, KAFKA_PARTITION, MACHINE_ID, TIMESTAMP, timestamp_type};

pub(crate) const SECOND: i64 = 1_000_000;

/// Event time in seconds, machine, value.
pub(crate) type Row = (i64, u8, Option<f64>);

pub(crate) fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new(TIMESTAMP, timestamp_type(), false),
        Field::new(MACHINE_ID, DataType::Utf8, false),
        Field::new("x", DataType::Float64, true),
        Field::new(KAFKA_PARTITION, DataType::Int32, false),
        Field::new(KAFKA_OFFSET, DataType::Int64, false),
    ]))
}

pub(crate) fn batch(rows: &[Row], first_offset: usize) -> RecordBatch {
    let times = rows.iter().map(|r| r.0 * SECOND).collect::<Vec<_>>();
    let ids = rows.iter().map(|r| Some(format!("m{}", r.1))).collect::<StringArray>();
    let offsets = (0..rows.len()).map(|i| (first_offset + i) as i64).collect::<Vec<_>>();
    RecordBatch::try_new(
        schema(),
        vec![
            Arc::new(TimestampMicrosecondArray::from(times).with_timezone("UTC")),
            Arc::new(ids),
            Arc::new(rows.iter().map(|r| r.2).collect::<Float64Array>()),
            Arc::new(Int32Array::from_value(0, rows.len())),
            Arc::new(Int64Array::from(offsets)),
        ],
    )
    .unwrap()
}

pub(crate) fn graph_of(queries: &[(&str, &str)]) -> Result<Graph, DataflowError> {
    let queries = queries
        .iter()
        .map(|(name, sql)| Query { name: (*name).into(), file: format!("{name}.sql"), sql: (*sql).into() })
        .collect();
    Graph::plan(queries, &schema(), &Extensions::default(), "")
}

/// What a run gave.
#[derive(Debug, PartialEq)]
pub(crate) struct Ran {
    /// Rows of each stream.
    pub(crate) streams: Vec<RecordBatch>,
    /// Rows given again, of each stream.
    pub(crate) revised: Vec<RecordBatch>,
    /// Late readings.
    pub(crate) late: Option<RecordBatch>,
    /// Readings that were there before.
    pub(crate) duplicates: u64,
}

/// Runs rows cut into batches of the given lengths; `restore` puts the state away and takes it out after each.
pub(crate) fn run(graph: &Arc<Graph>, rows: &[Row], cuts: &[usize], timing: Timing, restore: bool) -> Ran {
    let mut partition = Partition::new(graph, timing).unwrap();
    let mut pieces = Vec::new();
    let mut streams = vec![Vec::new(); graph.streams().len()];
    let mut revised = streams.clone();
    let mut late = Vec::new();
    let mut duplicates = 0;
    let mut at = 0;
    let mut cuts = cuts.iter().cycle();
    let mut collect = |outputs: Outputs| {
        outputs.streams.into_iter().for_each(|(i, b)| streams[i].push(b));
        outputs.revised.into_iter().for_each(|(i, b)| revised[i].push(b));
        late.extend(outputs.late);
        duplicates += outputs.duplicates;
    };
    while at < rows.len() {
        let length = (*cuts.next().unwrap()).clamp(1, rows.len() - at);
        collect(partition.process(&batch(&rows[at..at + length], at)).unwrap());
        at += length;
        if restore {
            pieces = stored(&pieces, partition.checkpoint().unwrap()).unwrap();
            partition = Partition::restore(graph, timing, &pieces).unwrap();
        }
    }
    collect(partition.finish().unwrap());
    let joined = |all: Vec<Vec<RecordBatch>>| {
        let streams = all.into_iter().zip(graph.streams());
        streams.map(|(batches, stream)| concat_batches(&stream.schema, &batches).unwrap()).collect()
    };
    let late = late.first().map(|first| concat_batches(&first.schema(), &late).unwrap());
    Ran { streams: joined(streams), revised: joined(revised), late, duplicates }
}

/// Rows that move on with jitter: late, duplicate, before 1970.
pub(crate) fn rows() -> impl Strategy<Value = Vec<Row>> {
    let step = (-40i64..30, 0u8..3, prop::option::weighted(0.9, (-20i32..20).prop_map(f64::from)));
    (prop::collection::vec(step, 1..120), -200i64..200).prop_map(|(steps, start)| {
        let mut now = start;
        steps
            .into_iter()
            .map(|(jump, machine, x)| {
                let ts = now + jump;
                now += 3;
                (ts, machine, x)
            })
            .collect()
    })
}
