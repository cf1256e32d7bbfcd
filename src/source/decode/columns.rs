//! The columns of a batch of readings, filled row by row.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Float64Builder, Int32Array, Int64Array, Int64Builder, RecordBatch,
    StringBuilder, TimestampMicrosecondArray,
};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;

use super::super::cell::Cell;
use super::row::Row;
use crate::schema::ColumnType;

/// The columns under construction.
pub(super) struct Columns {
    timestamp: Vec<i64>,
    machine_id: StringBuilder,
    sensors: Vec<SensorBuilder>,
    offset: Vec<i64>,
}

enum SensorBuilder {
    Float(Float64Builder),
    Int(Int64Builder),
    Text(StringBuilder),
    Bool(BooleanBuilder),
}

impl Columns {
    pub(super) fn new(sensors: &[(String, ColumnType)], rows: usize) -> Self {
        let sensors = sensors
            .iter()
            .map(|(_, kind)| match kind {
                ColumnType::Float64 => SensorBuilder::Float(Float64Builder::with_capacity(rows)),
                ColumnType::Int64 => SensorBuilder::Int(Int64Builder::with_capacity(rows)),
                ColumnType::Text => SensorBuilder::Text(StringBuilder::with_capacity(rows, rows * 8)),
                ColumnType::Boolean => SensorBuilder::Bool(BooleanBuilder::with_capacity(rows)),
            })
            .collect();
        Self {
            timestamp: Vec::with_capacity(rows),
            machine_id: StringBuilder::with_capacity(rows, rows * 8),
            sensors,
            offset: Vec::with_capacity(rows),
        }
    }

    pub(super) fn push(&mut self, timestamp: i64, row: &Row, offset: i64) {
        self.timestamp.push(timestamp);
        self.offset.push(offset);
        match &row.machine_id {
            Cell::Text(id) => self.machine_id.append_value(id),
            // A number was made text when it was read; nothing else gets here.
            _ => self.machine_id.append_value(""),
        }
        for (builder, cell) in self.sensors.iter_mut().zip(&row.sensors) {
            match (builder, cell) {
                (SensorBuilder::Float(b), Cell::Float(v)) => b.append_value(*v),
                (SensorBuilder::Int(b), Cell::Int(v)) => b.append_value(*v),
                (SensorBuilder::Text(b), Cell::Text(v)) => b.append_value(v),
                (SensorBuilder::Bool(b), Cell::Bool(v)) => b.append_value(*v),
                (SensorBuilder::Float(b), _) => b.append_null(),
                (SensorBuilder::Int(b), _) => b.append_null(),
                (SensorBuilder::Text(b), _) => b.append_null(),
                (SensorBuilder::Bool(b), _) => b.append_null(),
            }
        }
    }

    pub(super) fn finish(mut self, schema: &SchemaRef, partition: i32) -> Result<RecordBatch, ArrowError> {
        let rows = self.timestamp.len();
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(TimestampMicrosecondArray::from(self.timestamp).with_timezone("UTC")),
            Arc::new(self.machine_id.finish()),
        ];
        for builder in &mut self.sensors {
            columns.push(match builder {
                SensorBuilder::Float(b) => Arc::new(b.finish()),
                SensorBuilder::Int(b) => Arc::new(b.finish()),
                SensorBuilder::Text(b) => Arc::new(b.finish()),
                SensorBuilder::Bool(b) => Arc::new(b.finish()),
            });
        }
        columns.push(Arc::new(Int32Array::from_value(partition, rows)));
        columns.push(Arc::new(Int64Array::from(self.offset)));
        RecordBatch::try_new(Arc::clone(schema), columns)
    }
}
