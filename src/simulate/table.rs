//! Simulated readings and faults as Arrow columns.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float64Array, Float64Builder, Int32Array, Int64Array, RecordBatch, StringArray, StringBuilder,
    TimestampMicrosecondArray, TimestampMicrosecondBuilder, new_null_array,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;

use super::fault::Fault;
use super::reading::{Reading, Sensor};
use crate::schema::{KAFKA_OFFSET, KAFKA_PARTITION, MACHINE_ID, ReadingSchema, TIMESTAMP, timestamp_type};

/// Gathers readings into record batches of the built-in schema. Their Kafka partition is 0 and their offset
/// is the number of the row since the table was made.
#[derive(Debug)]
pub struct ReadingTable {
    schema: SchemaRef,
    rows: i64,
    timestamps: TimestampMicrosecondBuilder,
    machines: StringBuilder,
    modes: StringBuilder,
    sensors: [Float64Builder; Sensor::COUNT],
}

impl Default for ReadingTable {
    fn default() -> Self {
        Self {
            schema: ReadingSchema::default().arrow(),
            rows: 0,
            timestamps: TimestampMicrosecondBuilder::new(),
            machines: StringBuilder::new(),
            modes: StringBuilder::new(),
            sensors: std::array::from_fn(|_| Float64Builder::new()),
        }
    }
}

impl ReadingTable {
    /// The schema of the batches.
    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// Rows since the last batch.
    pub fn len(&self) -> usize {
        arrow::array::ArrayBuilder::len(&self.timestamps)
    }

    /// Whether no row came since the last batch.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds one row.
    pub fn push(&mut self, reading: &Reading) {
        self.timestamps.append_value(reading.timestamp);
        self.machines.append_value(reading.machine.to_string());
        self.modes.append_value(reading.mode.name());
        for (sensor, column) in Sensor::ALL.into_iter().zip(&mut self.sensors) {
            column.append_option(reading.value(sensor));
        }
    }

    /// Takes the rows so far. Columns that the simulator does not have are null.
    pub fn take(&mut self) -> Result<RecordBatch, ArrowError> {
        let rows = self.len();
        let first = self.rows;
        self.rows += rows as i64;
        let timestamps: ArrayRef = Arc::new(self.timestamps.finish().with_timezone("UTC"));
        let machines: ArrayRef = Arc::new(self.machines.finish());
        let modes: ArrayRef = Arc::new(self.modes.finish());
        let sensors = self.sensors.each_mut().map(|column| Arc::new(column.finish()) as ArrayRef);
        let columns = self.schema.fields().iter().map(|field| match field.name().as_str() {
            TIMESTAMP => timestamps.clone(),
            MACHINE_ID => machines.clone(),
            "operating_mode" => modes.clone(),
            KAFKA_PARTITION => Arc::new(Int32Array::from_value(0, rows)),
            KAFKA_OFFSET => Arc::new(Int64Array::from_iter_values(first..self.rows)),
            name => match Sensor::ALL.into_iter().position(|sensor| sensor.column() == name) {
                Some(at) => sensors[at].clone(),
                None => new_null_array(field.data_type(), rows),
            },
        });
        RecordBatch::try_new(self.schema.clone(), columns.collect())
    }
}

fn text(name: &str) -> Field {
    Field::new(name, DataType::Utf8, false)
}

fn time(name: &str) -> Field {
    Field::new(name, timestamp_type(), false)
}

fn times(times: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC"))
}

fn texts<T: AsRef<str>>(texts: impl Iterator<Item = T>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(texts))
}

/// Schema of the ground truth: `machine_id`, `fault`, `onset`, `failure`, `severity`, `repair`.
pub fn fault_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        text(MACHINE_ID),
        text("fault"),
        time("onset"),
        time("failure"),
        Field::new("severity", DataType::Float64, false),
        time("repair"),
    ]))
}

/// The ground truth as one record batch of [`fault_schema`]. Failures that the machines' safety switches bring about are known once
/// they have happened: take it after the run.
pub fn fault_table(faults: &[Fault]) -> Result<RecordBatch, ArrowError> {
    let columns = vec![
        texts(faults.iter().map(|fault| fault.machine.to_string())),
        texts(faults.iter().map(|fault| fault.kind.name())),
        times(faults.iter().map(|fault| fault.onset)),
        times(faults.iter().map(|fault| fault.failure)),
        Arc::new(Float64Array::from_iter_values(faults.iter().map(|fault| fault.severity))),
        times(faults.iter().map(|fault| fault.repair)),
    ];
    RecordBatch::try_new(fault_schema(), columns)
}

/// Schema of the work that people have done: `timestamp`, `machine_id`, `action`, `fault` (what they found), `comment`.
pub fn maintenance_schema() -> SchemaRef {
    let fields = [time(TIMESTAMP), text(MACHINE_ID), text("action"), text("fault"), text("comment")];
    Arc::new(Schema::new(fields.to_vec()))
}

/// The repairs up to `until` (microseconds since the epoch) as one record batch of [`maintenance_schema`], in the order of time.
pub fn maintenance_table(faults: &[Fault], until: i64) -> Result<RecordBatch, ArrowError> {
    let mut done: Vec<&Fault> = faults.iter().filter(|fault| fault.repair <= until).collect();
    done.sort_by_key(|fault| (fault.repair, fault.machine));
    let columns = vec![
        times(done.iter().map(|fault| fault.repair)),
        texts(done.iter().map(|fault| fault.machine.to_string())),
        texts(done.iter().map(|_| "repair")),
        texts(done.iter().map(|fault| fault.kind.name())),
        texts(done.iter().map(|fault| fault.kind.repair())),
    ];
    RecordBatch::try_new(maintenance_schema(), columns)
}
