//! The columns of a reading: name, type, unit.
//!
//! A reading is one row of the stream `readings`. Its first two columns, `timestamp` and `machine_id`, are
//! always there; the sensor columns come from the built-in set of this file and from `[[columns]]` of
//! `coldstream.toml`; `kafka_partition` and `kafka_offset`, where it came from, are last.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;

/// Name of the source stream and of its table.
pub const READINGS: &str = "readings";
/// Table of the messages that are not readings, with the reason.
pub const DEAD_LETTERS: &str = "dead_letters";
/// Table of the readings that came after every window they belong to was closed.
pub const LATE_READINGS: &str = "late_readings";
/// Table of the messages that were gone before they were read.
pub const GAPS: &str = "gaps";
/// Table of the transitions of alarms.
pub const ALARMS: &str = "alarms";
/// Table of the machines. In SQL it has one row a machine, as it is now; a stream joins what held at each row's time.
pub const MACHINES: &str = "machines";
/// All rows of the table of the machines: each with the time from which on it holds.
pub const MACHINE_VERSIONS: &str = "machine_versions";
/// Event time of a reading.
pub const TIMESTAMP: &str = "timestamp";
/// The partition key of every stream.
pub const MACHINE_ID: &str = "machine_id";
/// Kafka partition a reading was read from.
pub const KAFKA_PARTITION: &str = "kafka_partition";
/// Kafka offset a reading was read from.
pub const KAFKA_OFFSET: &str = "kafka_offset";
/// Event time of a windowed row: one microsecond before `window_end`.
pub const WINDOW_TIME: &str = "window_time";

/// Microseconds since the epoch, UTC: the one type of time in Coldstream.
pub fn timestamp_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// What a sensor column may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// A measured quantity.
    Float64,
    /// A count or a code.
    Int64,
    /// A word, such as an operating mode.
    Text,
    /// A state that is on or off.
    Boolean,
}

impl ColumnType {
    /// Its name, as `coldstream.toml` writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Float64 => "float64",
            Self::Int64 => "int64",
            Self::Text => "text",
            Self::Boolean => "boolean",
        }
    }

    /// The Arrow type of the column.
    pub fn arrow(self) -> DataType {
        match self {
            Self::Float64 => DataType::Float64,
            Self::Int64 => DataType::Int64,
            Self::Text => DataType::Utf8,
            Self::Boolean => DataType::Boolean,
        }
    }
}

/// One sensor column of a reading.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Name: the key in the JSON and the column in SQL.
    pub name: String,
    /// Type of its values.
    #[serde(rename = "type")]
    pub kind: ColumnType,
    /// Unit, as people write it (`°C`, `bar`); empty where there is none.
    #[serde(default)]
    pub unit: String,
}

/// The built-in sensors, in the order of their columns.
const BUILT_IN: &[(&str, ColumnType, &str)] = &[
    ("operating_mode", ColumnType::Text, ""),
    ("temp_evaporator", ColumnType::Float64, "°C"),
    ("temp_condenser", ColumnType::Float64, "°C"),
    ("pressure_high", ColumnType::Float64, "bar"),
    ("pressure_low", ColumnType::Float64, "bar"),
    ("superheat", ColumnType::Float64, "K"),
    ("subcooling", ColumnType::Float64, "K"),
    ("compressor_current", ColumnType::Float64, "A"),
    ("vibration", ColumnType::Float64, "g"),
    ("efficiency", ColumnType::Float64, ""),
    ("temp_discharge", ColumnType::Float64, "°C"),
    ("temp_suction", ColumnType::Float64, "°C"),
    ("temp_ambient", ColumnType::Float64, "°C"),
    ("temp_room", ColumnType::Float64, "°C"),
    ("temp_product", ColumnType::Float64, "°C"),
    ("power", ColumnType::Float64, "kW"),
    ("fan_speed", ColumnType::Float64, "%"),
    ("compressor_speed", ColumnType::Float64, "%"),
    ("valve_opening", ColumnType::Float64, "%"),
];

/// The columns of `readings`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadingSchema {
    columns: Vec<Column>,
}

impl Default for ReadingSchema {
    fn default() -> Self {
        let columns = BUILT_IN
            .iter()
            .map(|&(name, kind, unit)| Column { name: name.into(), kind, unit: unit.into() })
            .collect();
        Self { columns }
    }
}

impl ReadingSchema {
    /// The built-in columns and then `extra`. An extra column with a built-in's name is refused, and so is a
    /// name that is not a plain SQL identifier in lower case.
    pub fn with_extra(extra: &[Column]) -> Result<Self, SchemaError> {
        let mut schema = Self::default();
        for column in extra {
            let reserved = [TIMESTAMP, MACHINE_ID, KAFKA_PARTITION, KAFKA_OFFSET, "date"];
            let plain = column.name.starts_with(|c: char| c.is_ascii_lowercase())
                && column.name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
            if !plain {
                return Err(SchemaError::BadName(column.name.clone()));
            }
            if reserved.contains(&column.name.as_str())
                || schema.columns.iter().any(|c| c.name == column.name)
            {
                return Err(SchemaError::Taken(column.name.clone()));
            }
            schema.columns.push(column.clone());
        }
        Ok(schema)
    }

    /// These sensors and no others: a small schema for tests.
    #[cfg(test)]
    pub(crate) fn only(columns: Vec<Column>) -> Self {
        Self { columns }
    }

    /// The sensor columns: all but `timestamp`, `machine_id` and the two of Kafka.
    pub fn sensors(&self) -> &[Column] {
        &self.columns
    }

    /// The Arrow schema: `timestamp`, `machine_id`, the sensors, `kafka_partition`, `kafka_offset`.
    /// A sensor's unit is in its field's metadata under `unit`.
    pub fn arrow(&self) -> SchemaRef {
        let mut fields = vec![
            Field::new(TIMESTAMP, timestamp_type(), false),
            Field::new(MACHINE_ID, DataType::Utf8, false),
        ];
        for column in &self.columns {
            fields.push(Field::new(&column.name, column.kind.arrow(), true));
        }
        fields.push(Field::new(KAFKA_PARTITION, DataType::Int32, false));
        fields.push(Field::new(KAFKA_OFFSET, DataType::Int64, false));
        Arc::new(Schema::new(fields))
    }
}

/// The columns of `schema`, from a batch that may lack some of the nullable ones or have them in other types.
pub fn aligned(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let column = |field: &FieldRef| -> Result<ArrayRef, ArrowError> {
        match batch.column_by_name(field.name()) {
            Some(column) => cast(column, field.data_type()),
            None => Ok(new_null_array(field.data_type(), batch.num_rows())),
        }
    };
    let columns = schema.fields().iter().map(column).collect::<Result<Vec<_>, _>>()?;
    RecordBatch::try_new(Arc::clone(schema), columns)
}

/// A column set that cannot be.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SchemaError {
    /// Not a lower-case SQL identifier.
    #[error("column `{0}`: a name starts with a lower-case letter and holds only a-z, 0-9 and _")]
    BadName(String),
    /// A built-in or reserved name.
    #[error("column `{0}` exists already: choose another name")]
    Taken(String),
}
