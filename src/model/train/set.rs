//! The rows of a training query, in columns and in an order of their own.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use arrow::array::{Array, AsArray, Float64Array, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, SchemaRef};
use arrow::record_batch::RecordBatch;

use super::TrainError;
use crate::schema::{KAFKA_OFFSET, KAFKA_PARTITION, MACHINE_ID};

/// The usable rows of a training query: labelled, and with every feature. They are sorted by machine, label
/// and features, so that sums over them do not depend on the order in which the query gave them.
#[derive(Debug)]
pub struct TrainingSet {
    /// Names of the features, in the order of the query's columns.
    pub features: Vec<String>,
    /// One column of values for each feature.
    pub columns: Vec<Vec<f64>>,
    /// Label of each row.
    pub labels: Vec<bool>,
    /// Machine of each row, as an index into `machine_names`.
    pub machines: Vec<usize>,
    /// The machines that have a usable row, in the order of their names.
    pub machine_names: Vec<String>,
    /// Rows left out because their label is NULL.
    pub rows_without_label: usize,
    /// Labelled rows left out because a feature is NULL or not finite.
    pub rows_without_feature: usize,
}

impl TrainingSet {
    /// Reads the batches, which share one schema.
    pub fn read(batches: &[RecordBatch], label: &str) -> Result<Self, TrainError> {
        let schema = batches.first().map(RecordBatch::schema).ok_or(TrainError::NoRow)?;
        if batches.iter().all(|batch| batch.num_rows() == 0) {
            return Err(TrainError::NoRow);
        }
        let label_at = position(&schema, label)?;
        let machine_at = position(&schema, MACHINE_ID)?;
        let feature_at = feature_columns(&schema, label_at);
        if feature_at.is_empty() {
            return Err(TrainError::NoFeature);
        }
        let features = feature_at.iter().map(|&at| schema.field(at).name().clone()).collect();
        let mut rows = Rows { missing: vec![0; feature_at.len()], ..Rows::default() };
        for batch in batches {
            let labels = label_values(batch, label_at)?;
            let machines = machine_values(batch, machine_at)?;
            let columns = feature_at
                .iter()
                .map(|&at| as_float(batch.column(at)))
                .collect::<Result<Vec<_>, TrainError>>()?;
            rows.take(label, &labels, &machines, &columns)?;
        }
        rows.into_set(label, features)
    }
}

/// Rows on their way into a [`TrainingSet`].
#[derive(Default)]
struct Rows {
    /// Row after row, the values of all features.
    values: Vec<f64>,
    labels: Vec<bool>,
    machines: Vec<usize>,
    /// Number of each machine, in the order in which they came.
    numbers: BTreeMap<String, usize>,
    without_label: usize,
    without_feature: usize,
    /// For each feature, labelled rows that lack it.
    missing: Vec<usize>,
}

impl Rows {
    /// Takes the usable rows of a batch.
    fn take(
        &mut self,
        label: &str,
        labels: &Float64Array,
        machines: &StringArray,
        columns: &[Float64Array],
    ) -> Result<(), TrainError> {
        for row in 0..labels.len() {
            if labels.is_null(row) {
                self.without_label += 1;
                continue;
            }
            let value = labels.value(row);
            if value != 0.0 && value != 1.0 {
                return Err(TrainError::NotALabel { label: label.to_owned(), value });
            }
            if machines.is_null(row) {
                return Err(TrainError::NoMachine);
            }
            let mut complete = true;
            for (column, missing) in columns.iter().zip(&mut self.missing) {
                if column.is_null(row) || !column.value(row).is_finite() {
                    *missing += 1;
                    complete = false;
                }
            }
            if !complete {
                self.without_feature += 1;
                continue;
            }
            self.values.extend(columns.iter().map(|column| column.value(row)));
            self.labels.push(value == 1.0);
            let name = machines.value(row);
            let number = match self.numbers.get(name) {
                Some(&number) => number,
                None => {
                    let number = self.numbers.len();
                    self.numbers.insert(name.to_owned(), number);
                    number
                }
            };
            self.machines.push(number);
        }
        Ok(())
    }

    /// Sorts the rows and turns them into columns.
    fn into_set(self, label: &str, features: Vec<String>) -> Result<TrainingSet, TrainError> {
        let rows = self.labels.len();
        if rows == 0 && self.without_feature == 0 {
            return Err(TrainError::NoLabel(label.to_owned()));
        }
        if rows == 0 {
            let worst = features.iter().zip(&self.missing).max_by_key(|(_, missing)| **missing);
            let (column, missing) = worst.ok_or(TrainError::NoFeature)?;
            let (column, missing, rows) = (column.clone(), *missing, self.without_feature);
            return Err(TrainError::NoCompleteRow { column, missing, rows });
        }
        // Machines are numbered anew in the order of their names.
        let mut ranks = vec![0; self.numbers.len()];
        for (rank, &number) in self.numbers.values().enumerate() {
            ranks[number] = rank;
        }
        let machine = |row: usize| ranks[self.machines[row]];
        let width = features.len();
        let values = |row: usize| &self.values[row * width..(row + 1) * width];
        let mut order: Vec<usize> = (0..rows).collect();
        order.sort_unstable_by(|&a, &b| {
            (machine(a), self.labels[a])
                .cmp(&(machine(b), self.labels[b]))
                .then_with(|| compare(values(a), values(b)))
        });
        Ok(TrainingSet {
            columns: (0..width).map(|at| order.iter().map(|&row| values(row)[at]).collect()).collect(),
            labels: order.iter().map(|&row| self.labels[row]).collect(),
            machines: order.iter().map(|&row| machine(row)).collect(),
            machine_names: self.numbers.into_keys().collect(),
            rows_without_label: self.without_label,
            rows_without_feature: self.without_feature,
            features,
        })
    }
}

/// Orders rows by their values, the first that differs decides.
fn compare(a: &[f64], b: &[f64]) -> Ordering {
    let pairs = a.iter().zip(b);
    pairs.map(|(a, b)| a.total_cmp(b)).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

pub(in crate::model) fn position(schema: &SchemaRef, column: &str) -> Result<usize, TrainError> {
    schema.index_of(column).map_err(|_| TrainError::MissingColumn {
        column: column.to_owned(),
        columns: schema.fields().iter().map(|field| field.name().clone()).collect(),
    })
}

/// The numeric columns that are neither label nor book-keeping.
pub(in crate::model) fn feature_columns(schema: &SchemaRef, label_at: usize) -> Vec<usize> {
    let fields = schema.fields().iter().enumerate();
    fields
        .filter(|(at, field)| {
            let reserved = [MACHINE_ID, KAFKA_PARTITION, KAFKA_OFFSET];
            *at != label_at && field.data_type().is_numeric() && !reserved.contains(&field.name().as_str())
        })
        .map(|(at, _)| at)
        .collect()
}

/// The label as a number; NULL stays NULL.
fn label_values(batch: &RecordBatch, at: usize) -> Result<Float64Array, TrainError> {
    let column = batch.column(at);
    let kind = column.data_type();
    if !(kind.is_numeric() || matches!(kind, DataType::Boolean | DataType::Null)) {
        let column = batch.schema().field(at).name().clone();
        return Err(TrainError::Type { column, kind: kind.to_string(), wanted: "a label" });
    }
    as_float(column)
}

/// `machine_id` as text: a number or text in the data.
pub(in crate::model) fn machine_values(batch: &RecordBatch, at: usize) -> Result<StringArray, TrainError> {
    let column = batch.column(at);
    let kind = column.data_type();
    if !(kind.is_integer() || kind.is_string()) {
        let column = MACHINE_ID.to_owned();
        return Err(TrainError::Type { column, kind: kind.to_string(), wanted: "a machine" });
    }
    Ok(cast(column, &DataType::Utf8)?.as_string::<i32>().clone())
}

pub(in crate::model) fn as_float(column: &dyn Array) -> Result<Float64Array, TrainError> {
    Ok(cast(column, &DataType::Float64)?.as_primitive::<Float64Type>().clone())
}
