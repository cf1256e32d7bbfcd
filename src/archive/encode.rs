//! Record batches to Parquet: one file for each UTC day of event time.
//!
//! Encoding is pure CPU work on the hot path, so nothing here looks at single values but the split by day
//! (skipped when a batch lies within one day) and the search for NaN.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
    sync::Arc,
};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt32Array};
use arrow::compute::{CastOptions, cast_with_options, take_record_batch};
use arrow::datatypes::{DataType, Float32Type, Float64Type, Schema, SchemaRef, TimestampMicrosecondType};
use bytes::Bytes;
use chrono::DateTime;
use parquet::{
    arrow::{ArrowWriter, arrow_writer::ArrowWriterOptions},
    basic::{Compression, Encoding, ZstdLevel},
    errors::ParquetError,
    file::properties::{EnabledStatistics, WriterProperties},
    schema::types::ColumnPath,
};
use serde::{Deserialize, Serialize};

use super::{error::ArchiveError, stats::file_stats};

/// Name of the partition column.
pub const DATE: &str = "date";
/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;
/// 0001-01-01 to 9999-12-31 in days since the epoch: a date outside has no agreed text.
const DAYS: RangeInclusive<i32> = -719_162..=2_932_896;
/// How Delta and Hive write a partition value that is NULL into a path.
const NULL_PARTITION: &str = "__HIVE_DEFAULT_PARTITION__";

/// A Parquet file that lies in the store: what Delta's `add` action says about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataFile {
    /// Path relative to the table.
    pub path: String,
    /// Length in bytes.
    pub size: u64,
    /// Number of rows.
    pub rows: u64,
    /// UTC day of the rows' event time, `YYYY-MM-DD`; none where that is NULL or outside the years 1 to 9999.
    pub date: Option<String>,
    /// When it was written, milliseconds since the epoch.
    pub modified: i64,
    /// Statistics in Delta's JSON: record count, bounds and NULL counts of the columns.
    pub stats: String,
}

/// How the rows of one table are written.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    /// Table name, for errors.
    pub(super) table: String,
    /// Columns of a file: those of the table but `date`, in the types Delta has.
    pub(super) schema: SchemaRef,
    /// Name of the event-time column.
    pub(super) event_time: String,
}

/// A file ready to be put.
#[derive(Debug)]
pub(super) struct Encoded {
    pub(super) file: DataFile,
    pub(super) bytes: Bytes,
}

impl Layout {
    /// Encodes all rows. Files come in the order of their days; no rows, no file.
    pub(super) fn encode(&self, batches: &[RecordBatch]) -> Result<Vec<Encoded>, ArchiveError> {
        let mut days: BTreeMap<Option<i32>, Vec<RecordBatch>> = BTreeMap::new();
        for batch in batches.iter().filter(|batch| batch.num_rows() > 0) {
            let batch = self.conform(batch)?;
            for (day, rows) in self.split(&batch)? {
                days.entry(day).or_default().push(rows);
            }
        }
        days.iter().map(|(day, batches)| self.encode_day(*day, batches)).collect()
    }

    /// The batch in the types of the table.
    fn conform(&self, batch: &RecordBatch) -> Result<RecordBatch, ArchiveError> {
        if batch.num_columns() != self.schema.fields().len() {
            let extra =
                batch.schema_ref().fields().iter().find(|f| self.schema.column_with_name(f.name()).is_none());
            if let Some(field) = extra {
                return Err(self.misfit(format!("no column `{}` in the table", field.name())));
            }
        }
        let options = CastOptions { safe: false, ..CastOptions::default() };
        let column = |field: &arrow::datatypes::FieldRef| -> Result<ArrayRef, ArchiveError> {
            let column = batch
                .column_by_name(field.name())
                .ok_or_else(|| self.misfit(format!("column `{}` is missing", field.name())))?;
            if column.data_type() == field.data_type() {
                return Ok(column.clone());
            }
            cast_with_options(column, field.data_type(), &options)
                .map_err(|e| self.misfit(format!("column `{}`: {e}", field.name())))
        };
        let columns = self.schema.fields().iter().map(column).collect::<Result<_, _>>()?;
        RecordBatch::try_new(self.schema.clone(), columns).map_err(|e| self.misfit(e.to_string()))
    }

    fn misfit(&self, reason: String) -> ArchiveError {
        ArchiveError::BadRows { table: self.table.clone(), reason }
    }

    /// The rows of each day, in their order.
    fn split(&self, batch: &RecordBatch) -> Result<Vec<(Option<i32>, RecordBatch)>, ArchiveError> {
        let times = batch
            .column_by_name(&self.event_time)
            .and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>())
            .ok_or_else(|| self.misfit(format!("column `{}` is no timestamp", self.event_time)))?;
        if times.null_count() == 0
            && let (Some(min), Some(max)) = (arrow::compute::min(times), arrow::compute::max(times))
            && let Some(day) = day_of(min).filter(|day| Some(*day) == day_of(max))
        {
            return Ok(vec![(Some(day), batch.clone())]);
        }
        let mut rows: BTreeMap<Option<i32>, Vec<u32>> = BTreeMap::new();
        for (row, time) in (0u32..).zip(times) {
            rows.entry(time.and_then(day_of)).or_default().push(row);
        }
        let take = |(day, rows): (Option<i32>, Vec<u32>)| {
            let batch = take_record_batch(batch, &UInt32Array::from(rows));
            Ok((day, batch.map_err(|e| self.misfit(e.to_string()))?))
        };
        rows.into_iter().map(take).collect()
    }

    fn encode_day(&self, day: Option<i32>, batches: &[RecordBatch]) -> Result<Encoded, ArchiveError> {
        let failed = |source: ParquetError| ArchiveError::Encode { table: self.table.clone(), source };
        let options = ArrowWriterOptions::new()
            .with_properties(properties(&self.schema, &columns_with_nan(batches)))
            // The table's schema rules; a copy of ours in each file could only contradict it.
            .with_skip_arrow_metadata(true);
        let mut bytes = Vec::new();
        let mut writer =
            ArrowWriter::try_new_with_options(&mut bytes, self.schema.clone(), options).map_err(failed)?;
        for batch in batches {
            writer.write(batch).map_err(failed)?;
        }
        let metadata = writer.close().map_err(failed)?;
        let bytes = Bytes::from(bytes);
        let rows = u64::try_from(metadata.file_metadata().num_rows()).unwrap_or_default();
        let date = day.and_then(date_text);
        let folder = date.as_deref().unwrap_or(NULL_PARTITION);
        let file = DataFile {
            path: format!("{DATE}={folder}/{}.parquet", uuid::Uuid::new_v4()),
            size: bytes.len() as u64,
            rows,
            modified: chrono::Utc::now().timestamp_millis(),
            stats: file_stats(&self.schema, &metadata),
            date,
        };
        Ok(Encoded { file, bytes })
    }
}

/// Days since the epoch; none outside [`DAYS`].
fn day_of(micros: i64) -> Option<i32> {
    i32::try_from(micros.div_euclid(DAY)).ok().filter(|day| DAYS.contains(day))
}

fn date_text(day: i32) -> Option<String> {
    let midnight = DateTime::from_timestamp(i64::from(day) * 86_400, 0)?;
    Some(midnight.format("%Y-%m-%d").to_string())
}

/// Float columns that hold a NaN. SQL orders NaN above every number, Parquet's bounds leave it out: with
/// bounds, a reader would skip the file and lose the row.
fn columns_with_nan(batches: &[RecordBatch]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for batch in batches {
        for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
            let nan = match column.data_type() {
                // No early exit, so that the loop is vectorised; NaN is rare.
                DataType::Float64 => column
                    .as_primitive::<Float64Type>()
                    .values()
                    .iter()
                    .fold(false, |nan, v| nan | v.is_nan()),
                DataType::Float32 => column
                    .as_primitive::<Float32Type>()
                    .values()
                    .iter()
                    .fold(false, |nan, v| nan | v.is_nan()),
                _ => false,
            };
            if nan {
                found.insert(field.name().clone());
            }
        }
    }
    found
}

fn properties(schema: &Schema, without_bounds: &BTreeSet<String>) -> WriterProperties {
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::Chunk);
    for field in schema.fields() {
        let path = || ColumnPath::from(field.name().as_str());
        // Times and counters nearly always grow: a dictionary of them is as long as the column.
        if matches!(field.data_type(), DataType::Timestamp(_, _) | DataType::Int64) {
            builder = builder
                .set_column_dictionary_enabled(path(), false)
                .set_column_encoding(path(), Encoding::DELTA_BINARY_PACKED);
        }
        if without_bounds.contains(field.name()) {
            builder = builder.set_column_statistics_enabled(path(), EnabledStatistics::None);
        }
    }
    builder.build()
}

/// The schema of the files of a table: all its columns but the partition column.
pub(super) fn file_schema(table: &Schema) -> SchemaRef {
    let fields: Vec<_> = table.fields().iter().filter(|f| f.name() != DATE).cloned().collect();
    Arc::new(Schema::new(fields))
}

#[cfg(test)]
mod tests;
