//! File statistics for Delta's log, from the metadata that the Parquet writer returns anyway.

use arrow::datatypes::{DataType, Schema};
use chrono::{DateTime, Datelike};
use parquet::file::{metadata::ParquetMetaData, statistics::Statistics};
use serde_json::{Map, Value, json};

/// Delta readers use the statistics of the first 32 columns; more would only swell the log.
const INDEXED_COLUMNS: usize = 32;

/// The `stats` of an `add` action: `numRecords`, `minValues`, `maxValues`, `nullCount`. A column whose
/// bounds are not known for every row group has none.
pub(super) fn file_stats(schema: &Schema, metadata: &ParquetMetaData) -> String {
    let mut minima = Map::new();
    let mut maxima = Map::new();
    let mut nulls = Map::new();
    for field in schema.fields().iter().take(INDEXED_COLUMNS) {
        let column = ColumnStats::read(field.name(), field.data_type(), metadata);
        if let Some(count) = column.nulls {
            nulls.insert(field.name().clone(), json!(count));
        }
        if let (Some(min), Some(max)) = (column.min, column.max) {
            let (min, max) = (min.json(field.data_type()), max.json(field.data_type()));
            if !min.is_null() && !max.is_null() {
                minima.insert(field.name().clone(), min);
                maxima.insert(field.name().clone(), max);
            }
        }
    }
    let rows = metadata.file_metadata().num_rows();
    json!({ "numRecords": rows, "minValues": minima, "maxValues": maxima, "nullCount": nulls }).to_string()
}

/// One bound of a column.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
enum Bound {
    Integer(i64),
    Float(f64),
    Text(String),
}

impl Bound {
    /// In Delta's JSON; null where that has no word for it.
    fn json(&self, kind: &DataType) -> Value {
        let date_time = |seconds, nanos| {
            DateTime::from_timestamp(seconds, nanos).filter(|at| (1..=9999).contains(&at.year()))
        };
        match (self, kind) {
            (Self::Integer(micros), DataType::Timestamp(_, _)) => {
                // The protocol wants milliseconds, rounded down for both bounds; readers allow for it.
                let millis = micros.div_euclid(1000);
                let nanos = u32::try_from(millis.rem_euclid(1000)).unwrap_or_default() * 1_000_000;
                let at = date_time(millis.div_euclid(1000), nanos);
                at.map_or(Value::Null, |at| json!(at.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()))
            }
            (Self::Integer(day), DataType::Date32) => {
                let at = day.checked_mul(86_400).and_then(|seconds| date_time(seconds, 0));
                at.map_or(Value::Null, |at| json!(at.format("%Y-%m-%d").to_string()))
            }
            (Self::Integer(value), _) => json!(value),
            // JSON has no infinity: `json!` makes it null.
            (Self::Float(value), _) => json!(value),
            (Self::Text(value), _) => json!(value),
        }
    }
}

#[derive(Debug, Default)]
struct ColumnStats {
    nulls: Option<u64>,
    min: Option<Bound>,
    max: Option<Bound>,
}

impl ColumnStats {
    fn read(name: &str, kind: &DataType, metadata: &ParquetMetaData) -> Self {
        let mut all = Self { nulls: Some(0), ..Self::default() };
        for group in metadata.row_groups() {
            let chunk = group.columns().iter().find(|chunk| chunk.column_path().parts() == [name]);
            let Some(statistics) = chunk.and_then(|chunk| chunk.statistics()) else {
                return Self::default();
            };
            let nulls = statistics.null_count_opt();
            all.nulls = all.nulls.zip(nulls).map(|(sum, nulls)| sum + nulls);
            if nulls == u64::try_from(group.num_rows()).ok() {
                continue;
            }
            let Some((min, max)) = bounds(statistics, kind) else {
                return Self { nulls: all.nulls, ..Self::default() };
            };
            all.min = Some(all.min.filter(|old| *old <= min).unwrap_or(min));
            all.max = Some(all.max.filter(|old| *old >= max).unwrap_or(max));
        }
        all
    }
}

/// The bounds of one column chunk. Text is cut after 64 bytes, its maximum rounded up.
fn bounds(statistics: &Statistics, kind: &DataType) -> Option<(Bound, Bound)> {
    match (statistics, kind) {
        // Parquet's 32 bits may hold an unsigned value or a decimal; those kinds have no bounds here.
        (Statistics::Int32(s), DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Date32) => {
            Some((Bound::Integer(i64::from(*s.min_opt()?)), Bound::Integer(i64::from(*s.max_opt()?))))
        }
        (Statistics::Int64(s), DataType::Int64 | DataType::Timestamp(_, _)) => {
            Some((Bound::Integer(*s.min_opt()?), Bound::Integer(*s.max_opt()?)))
        }
        (Statistics::Double(s), _) => Some((Bound::Float(*s.min_opt()?), Bound::Float(*s.max_opt()?))),
        (Statistics::Float(s), _) => {
            Some((Bound::Float(f64::from(*s.min_opt()?)), Bound::Float(f64::from(*s.max_opt()?))))
        }
        (Statistics::ByteArray(s), DataType::Utf8) => Some((
            Bound::Text(s.min_opt()?.as_utf8().ok()?.to_owned()),
            Bound::Text(s.max_opt()?.as_utf8().ok()?.to_owned()),
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
