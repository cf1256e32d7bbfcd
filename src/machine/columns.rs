//! The columns of the table `machines`: names, types, and rows of them.

use std::sync::{Arc, LazyLock};

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;

use super::quantity::Quantity;
use super::{Machine, Machines};
use crate::schema::{KAFKA_PARTITION, MACHINE_ID, timestamp_type};

/// Event time of a partition from which on a row holds; NULL where it holds from the beginning.
pub const VALID_FROM: &str = "valid_from";
/// Which of a partition's versions a row belongs to, counted from 1.
pub const VERSION: &str = "version";
/// When the row was made, wall clock.
pub const RECORDED_AT: &str = "recorded_at";
/// Whether the file knows the machine.
pub const KNOWN: &str = "known";

/// A column of text.
type Text = (&'static str, fn(&Machine) -> Option<&str>);

const TEXTS: [Text; 5] = [
    ("site", |machine| machine.site.as_deref()),
    ("name", |machine| machine.name.as_deref()),
    ("refrigerant", |machine| machine.refrigerant.map(|refrigerant| refrigerant.name())),
    ("pressure_reference", |machine| machine.pressure_reference.map(|reference| reference.name())),
    ("application", |machine| machine.application.map(|application| application.name())),
];

/// The columns that a stream's SQL sees.
pub fn schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let mut fields =
            vec![Field::new(MACHINE_ID, DataType::Utf8, false), Field::new(KNOWN, DataType::Boolean, false)];
        fields.extend(TEXTS.iter().map(|(name, _)| Field::new(*name, DataType::Utf8, true)));
        let quantities = Quantity::ALL.iter().map(|quantity| quantity.spec().column);
        fields.extend(quantities.map(|name| Field::new(name, DataType::Float64, true)));
        Arc::new(Schema::new(fields))
    });
    Arc::clone(&SCHEMA)
}

/// The same with `valid_from` and `version`: rows of a partition.
pub fn version_schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let mut fields: Vec<FieldRef> = schema().fields().iter().cloned().collect();
        fields.push(Arc::new(Field::new(VALID_FROM, timestamp_type(), true)));
        fields.push(Arc::new(Field::new(VERSION, DataType::Int64, false)));
        Arc::new(Schema::new(fields))
    });
    Arc::clone(&SCHEMA)
}

/// The same with where and when a row was made: the table of the archive.
pub fn archive_schema() -> SchemaRef {
    let mut fields: Vec<FieldRef> = version_schema().fields().iter().cloned().collect();
    fields.push(Arc::new(Field::new(KAFKA_PARTITION, DataType::Int32, false)));
    fields.push(Arc::new(Field::new(RECORDED_AT, timestamp_type(), false)));
    Arc::new(Schema::new(fields))
}

/// Rows of a partition as the archive has them. `recorded_at` in microseconds since the epoch.
pub fn stamped(rows: &RecordBatch, partition: i32, recorded_at: i64) -> Result<RecordBatch, ArrowError> {
    let mut columns = rows.columns().to_vec();
    columns.push(Arc::new(arrow::array::Int32Array::from_value(partition, rows.num_rows())));
    let times = TimestampMicrosecondArray::from_value(recorded_at, rows.num_rows());
    columns.push(Arc::new(times.with_timezone("UTC")));
    RecordBatch::try_new(archive_schema(), columns)
}

impl Machines {
    /// The rows of the machines with these ids, in their order ([`schema`]).
    pub fn rows(&self, ids: &[&str]) -> Result<RecordBatch, ArrowError> {
        let machines: Vec<(&Machine, bool)> = ids.iter().map(|id| self.machine(id)).collect();
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from_iter_values(ids)),
            Arc::new(machines.iter().map(|(_, known)| Some(*known)).collect::<BooleanArray>()),
        ];
        for (_, get) in TEXTS {
            columns.push(Arc::new(machines.iter().map(|(machine, _)| get(machine)).collect::<StringArray>()));
        }
        for quantity in Quantity::ALL {
            let values = machines.iter().map(|(machine, _)| machine.get(quantity));
            columns.push(Arc::new(values.collect::<Float64Array>()));
        }
        RecordBatch::try_new(schema(), columns)
    }
}

/// Rows of [`schema`] as those of one version ([`version_schema`]).
pub(super) fn of_version(
    rows: &RecordBatch,
    valid_from: Option<i64>,
    version: i64,
) -> Result<RecordBatch, ArrowError> {
    let mut columns = rows.columns().to_vec();
    let times: TimestampMicrosecondArray = std::iter::repeat_n(valid_from, rows.num_rows()).collect();
    columns.push(Arc::new(times.with_timezone("UTC")));
    columns.push(Arc::new(Int64Array::from_value(version, rows.num_rows())));
    RecordBatch::try_new(version_schema(), columns)
}
