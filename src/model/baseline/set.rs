//! The rows of a baseline's training query, machine by machine in order of time.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray, Float64Array, Int64Array, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, SchemaRef};

use crate::model::train::{TrainError, as_float, feature_columns, machine_values, position};
use crate::schema::MACHINE_ID;

/// The usable rows: with a label, and with every condition.
#[derive(Debug)]
pub(super) struct BaselineSet {
    /// Names of the conditions, in the order of the query's columns.
    pub(super) conditions: Vec<String>,
    /// The rows of each machine, sorted by time.
    pub(super) machines: BTreeMap<String, Vec<Row>>,
    pub(super) rows_without_label: usize,
    pub(super) rows_without_condition: usize,
}

/// One row.
#[derive(Debug, Clone)]
pub(super) struct Row {
    time: i64,
    pub(super) label: f64,
    pub(super) conditions: Vec<f64>,
}

impl BaselineSet {
    /// Reads the batches, which share one schema. The first column of time is the time of a row.
    pub(super) fn read(batches: &[RecordBatch], label: &str) -> Result<Self, TrainError> {
        let schema = batches.first().map(RecordBatch::schema).ok_or(TrainError::NoRow)?;
        let label_at = position(&schema, label)?;
        let machine_at = position(&schema, MACHINE_ID)?;
        let time_at = time_column(&schema)?;
        let at = feature_columns(&schema, label_at);
        if at.is_empty() {
            return Err(TrainError::NoFeature);
        }
        let conditions = at.iter().map(|&at| schema.field(at).name().clone()).collect();
        let mut set =
            Self { conditions, machines: BTreeMap::new(), rows_without_label: 0, rows_without_condition: 0 };
        for batch in batches {
            let label = as_float(batch.column(label_at))?;
            let machines = machine_values(batch, machine_at)?;
            let times = cast(batch.column(time_at), &DataType::Int64)?.as_primitive::<Int64Type>().clone();
            let columns = at.iter().map(|&at| as_float(batch.column(at))).collect::<Result<Vec<_>, _>>()?;
            for row in 0..batch.num_rows() {
                if machines.is_null(row) {
                    return Err(TrainError::NoMachine);
                }
                set.take(machines.value(row), row, &times, &label, &columns);
            }
        }
        if set.machines.is_empty() && set.rows_without_condition + set.rows_without_label == 0 {
            return Err(TrainError::NoRow);
        }
        for rows in set.machines.values_mut() {
            // By everything: a query gives its rows in any order, and training twice must give one file.
            rows.sort_by(|a, b| {
                let values = |row: &Row| -> Vec<f64> { [&[row.label][..], &row.conditions].concat() };
                let (of_a, of_b) = (values(a), values(b));
                let pairs = of_a.iter().zip(&of_b).map(|(a, b)| a.total_cmp(b));
                a.time.cmp(&b.time).then(pairs.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then))
            });
        }
        Ok(set)
    }

    fn take(
        &mut self,
        machine: &str,
        row: usize,
        times: &Int64Array,
        label: &Float64Array,
        columns: &[Float64Array],
    ) {
        if label.is_null(row) || !label.value(row).is_finite() || times.is_null(row) {
            self.rows_without_label += 1;
            return;
        }
        if columns.iter().any(|column| column.is_null(row) || !column.value(row).is_finite()) {
            self.rows_without_condition += 1;
            return;
        }
        let conditions = columns.iter().map(|column| column.value(row)).collect();
        let row = Row { time: times.value(row), label: label.value(row), conditions };
        match self.machines.get_mut(machine) {
            Some(rows) => rows.push(row),
            None => drop(self.machines.insert(machine.to_owned(), vec![row])),
        }
    }
}

fn time_column(schema: &SchemaRef) -> Result<usize, TrainError> {
    let is_time = |data_type: &DataType| matches!(data_type, DataType::Timestamp(_, _));
    schema.fields().iter().position(|field| is_time(field.data_type())).ok_or(TrainError::NoTime)
}
