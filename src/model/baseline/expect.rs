//! What is expected, for whole batches.

use std::collections::HashMap;

use arrow::array::{Array, Float64Array, StringArray};

use super::expand;
use super::file::{BaselineFile, Condition, MachineBaseline};

/// A baseline, ready for batches.
#[derive(Debug)]
pub struct Expectation {
    name: String,
    version: String,
    conditions: Vec<Condition>,
    numbers: HashMap<String, usize>,
    machines: Vec<MachineBaseline>,
}

impl Expectation {
    /// Makes ready a baseline.
    pub fn new(file: &BaselineFile) -> Self {
        let parameters = file.parameters();
        Self {
            name: file.name().to_owned(),
            version: file.version().to_owned(),
            conditions: parameters.conditions.clone(),
            numbers: parameters.machines.keys().cloned().enumerate().map(|(i, name)| (name, i)).collect(),
            machines: parameters.machines.values().cloned().collect(),
        }
    }

    /// The name SQL knows it by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version of the file.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The columns it needs, in order.
    pub fn conditions(&self) -> impl ExactSizeIterator<Item = &str> {
        self.conditions.iter().map(|condition| condition.name.as_str())
    }

    fn machine(&self, machines: &StringArray, row: usize) -> Option<&MachineBaseline> {
        if machines.is_null(row) {
            return None;
        }
        self.numbers.get(machines.value(row)).map(|&at| &self.machines[at])
    }

    /// What each row's machine should show under its conditions, in the unit of the label. NULL for a machine without
    /// baseline, and where a condition is NULL, not finite or outside of what the training saw.
    ///
    /// The columns are those of [`Self::conditions`], as long as `machines`.
    pub fn expected(&self, machines: &StringArray, columns: &[&Float64Array]) -> Float64Array {
        let (mut standardised, mut terms) = (vec![0.0; self.conditions.len()], Vec::new());
        let mut expected = |row: usize| -> Option<f64> {
            let machine = self.machine(machines, row)?;
            for ((by, column), slot) in self.conditions.iter().zip(columns).zip(&mut standardised) {
                let value = column.is_valid(row).then(|| column.value(row))?;
                // NaN is in no range.
                if !(by.low..=by.high).contains(&value) {
                    return None;
                }
                *slot = (value - by.mean) / by.scale;
            }
            expand(&standardised, &mut terms);
            Some(terms.iter().zip(&machine.coefficients).map(|(term, by)| term * by).sum())
        };
        (0..machines.len()).map(&mut expected).collect()
    }

    /// By how much a measurement of each row's machine differs from the expectation when all is well: root mean square,
    /// in the unit of the label. NULL for a machine without baseline.
    pub fn error(&self, machines: &StringArray) -> Float64Array {
        (0..machines.len()).map(|row| self.machine(machines, row).map(|machine| machine.error)).collect()
    }
}
