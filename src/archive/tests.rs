//! The archive on a local folder, as its users see it.

use std::collections::BTreeMap;

use arrow::{
    array::{AsArray, Float64Array, StringArray, TimestampMicrosecondArray},
    compute::concat_batches,
    datatypes::{DataType, Field, Int64Type, Schema, SchemaRef},
};
use datafusion::prelude::SessionContext;

use super::*;
use crate::dataflow::checkpoint::Content;
use crate::schema::timestamp_type;

mod crash;
mod crossing;
mod fencing;
mod probe;
mod tables;

const TOPIC: &str = "readings";
const DAY: i64 = 86_400_000_000;

/// One row: time, machine, value.
type Row = (i64, &'static str, Option<f64>);

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("timestamp", timestamp_type(), false),
        Field::new("machine_id", DataType::Utf8, false),
        Field::new("value", DataType::Float64, true),
    ]))
}

fn spec(name: &str) -> TableSpec {
    TableSpec { name: name.to_owned(), schema: schema(), event_time: "timestamp".to_owned() }
}

fn batch(rows: &[Row]) -> RecordBatch {
    let times = TimestampMicrosecondArray::from_iter_values(rows.iter().map(|r| r.0)).with_timezone("UTC");
    let machines = StringArray::from_iter_values(rows.iter().map(|r| r.1));
    let values = Float64Array::from_iter(rows.iter().map(|r| r.2));
    RecordBatch::try_new(schema(), vec![Arc::new(times), Arc::new(machines), Arc::new(values)]).unwrap()
}

fn manifest(partition: i32, epoch: u64, files: BTreeMap<String, Vec<DataFile>>) -> EpochManifest {
    EpochManifest {
        format: MANIFEST_FORMAT,
        topic: TOPIC.to_owned(),
        partition,
        epoch: Epoch(epoch),
        next_offset: 1000 * i64::try_from(epoch).unwrap(),
        watermark: Some(17),
        fingerprint: "queries".to_owned(),
        written_at: 42,
        files,
        state: Vec::new(),
    }
}

fn state(text: &'static str) -> Vec<StatePart> {
    let content = Content::Fresh(Bytes::from_static(text.as_bytes()));
    vec![StatePart { name: "features.0".to_owned(), content }]
}

/// The same as it is read back.
fn held(text: &'static str) -> Vec<StateBlob> {
    vec![StateBlob { name: "features.0".to_owned(), bytes: Bytes::from_static(text.as_bytes()) }]
}

/// A folder with an archive and some tables.
struct Fixture {
    dir: tempfile::TempDir,
    archive: Archive,
}

impl Fixture {
    async fn new(tables: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let fixture = Self { archive: open(&dir).await, dir };
        for table in tables {
            fixture.archive.ensure_table(&spec(table)).await.unwrap();
        }
        fixture
    }

    /// The archive as another process sees it.
    async fn reopen(&self) -> Archive {
        open(&self.dir).await
    }
}

async fn open(dir: &tempfile::TempDir) -> Archive {
    Archive::open(dir.path().to_str().unwrap(), &StoreOptions::default()).await.unwrap()
}

/// Writes one row for each table under `time`, without committing it.
async fn write(archive: &Archive, partition: i32, epoch: u64, tables: &[&str], time: i64) -> EpochManifest {
    let mut files = BTreeMap::new();
    for table in tables {
        let rows = batch(&[(time, "m", Some(1.0))]);
        files.insert((*table).to_owned(), archive.write_files(&spec(table), &[rows]).await.unwrap());
    }
    manifest(partition, epoch, files)
}

async fn sql(archive: &Archive, table: &str, query: &str) -> RecordBatch {
    let context = SessionContext::new();
    context.register_table(table, archive.table_provider(table).await.unwrap()).unwrap();
    let frame = context.sql(query).await.unwrap();
    let schema = Arc::new(frame.schema().as_arrow().clone());
    concat_batches(&schema, &frame.collect().await.unwrap()).unwrap()
}

/// Event times of a table, sorted: with one time for each row, this shows what is lost or doubled.
async fn times(archive: &Archive, table: &str) -> Vec<i64> {
    let query = format!("SELECT CAST(timestamp AS BIGINT) FROM {table} ORDER BY 1");
    sql(archive, table, &query).await.column(0).as_primitive::<Int64Type>().values().to_vec()
}
