//! The tables as a stranger reads them: the transaction log and the Parquet files, without the Delta library.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, Int32Type, Int64Type, TimestampMicrosecondType};
use bytes::Bytes;
use object_store::memory::InMemory;
use object_store::{ObjectStoreExt, path::Path};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use super::oracle::{Rows, known, reading, window};

/// What has been read so far.
#[derive(Debug, Default)]
pub(super) struct Reader {
    pub(super) rows: Rows,
    /// Version of each table to read next.
    versions: BTreeMap<String, u64>,
    files: BTreeSet<String>,
}

impl Reader {
    /// Reads what was committed since the last time.
    ///
    /// # Errors
    /// A row or a file that is there twice.
    pub(super) async fn read_on(&mut self, objects: &InMemory, table: &str) -> Result<(), String> {
        loop {
            let version = *self.versions.entry(table.into()).or_default();
            let log = Path::from(format!("archive/{table}/_delta_log/{version:020}.json"));
            let Ok(found) = objects.get(&log).await else { return Ok(()) };
            self.versions.insert(table.into(), version + 1);
            let log = found.bytes().await.unwrap();
            for line in log.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                let action: Value = serde_json::from_slice(line).unwrap();
                let Some(path) = action["add"]["path"].as_str() else { continue };
                let path = format!("archive/{table}/{path}");
                let file = objects.get(&Path::from(path.as_str())).await;
                let file =
                    file.map_err(|_| format!("version {version} of {table} adds a file that is gone"))?;
                if !self.files.insert(path) {
                    return Err(format!("version {version} of {table} adds a file that is in it already"));
                }
                self.add_file(table, file.bytes().await.unwrap(), version)?;
            }
        }
    }

    fn add_file(&mut self, table: &str, bytes: Bytes, version: u64) -> Result<(), String> {
        let rows = self.rows.entry(table.into()).or_default();
        for batch in ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap().build().unwrap() {
            for (key, value) in texts(table, &batch.unwrap()) {
                if rows.contains_key(&key) {
                    return Err(format!("version {version} of {table} has row {key} a second time"));
                }
                rows.insert(key, value);
            }
        }
        Ok(())
    }
}

/// The rows of a batch, as the oracle writes them.
pub(super) fn texts(table: &str, batch: &RecordBatch) -> Vec<(String, String)> {
    let column = |name: &str| batch.column_by_name(name).unwrap();
    let text = |name: &str, row| column(name).as_string::<i32>().value(row).to_owned();
    let time = |name: &str, row| column(name).as_primitive::<TimestampMicrosecondType>().value(row);
    let float = |name: &str, row| {
        let values = column(name).as_primitive::<Float64Type>();
        values.is_valid(row).then(|| values.value(row))
    };
    let offset = |row| {
        let partition = column("kafka_partition").as_primitive::<Int32Type>().value(row);
        format!("{partition}/{}", column("kafka_offset").as_primitive::<Int64Type>().value(row))
    };
    let row = |row| match table {
        "dead_letters" => (offset(row), text("reason", row)),
        "readings" | "late_readings" => {
            let x = float("x", row).map(|x| x as i64);
            (offset(row), reading(time("timestamp", row), &text("machine_id", row), x))
        }
        "machines" => {
            let partition = column("kafka_partition").as_primitive::<Int32Type>().value(row);
            let version = column("version").as_primitive::<Int64Type>().value(row);
            let since = column("valid_from").is_valid(row).then(|| time("valid_from", row));
            let rated = float("rated_current", row);
            assert_eq!(column("known").as_boolean().value(row), rated.is_some());
            let key = format!("{partition}/{}/{version}", text("machine_id", row));
            (key, known(since, rated.map(|rated| rated as i64)))
        }
        _ => {
            let key = format!("{}/{}", text("machine_id", row), time("window_end", row));
            let n = column("n").as_primitive::<Int64Type>().value(row);
            (key, window(n, float("s", row), float("rated", row)))
        }
    };
    (0..batch.num_rows()).map(row).collect()
}
