//! The compiled scorer: whole Arrow columns in, one column of scores out.
//!
//! ```text
//!  sums  = intercept                       one buffer for the batch
//!  sums += weight₀ · (column₀ - mean₀)     column by column, in the order of the features
//!  sums += weight₁ · (column₁ - mean₁)
//!  score = 1 / (1 + exp(-sums))
//! ```
//!
//! Each row goes through the same additions in the same order whatever batch it lies in, so cutting a stream
//! into other batches changes no bit.

use arrow::array::{Array, Float64Array};
use arrow::buffer::{BooleanBuffer, NullBuffer};

use super::file::{Algorithm, Feature, ModelFile};

#[cfg(test)]
mod tests;

/// A model ready to score batches.
#[derive(Debug, Clone)]
pub struct CompiledModel {
    name: String,
    version: String,
    features: Vec<String>,
    intercept: f64,
    terms: Vec<Term>,
}

/// What one feature adds to the log-odds: `weight · (x - mean)`.
#[derive(Debug, Clone, Copy)]
struct Term {
    mean: f64,
    weight: f64,
}

impl CompiledModel {
    /// Compiles a model.
    pub fn new(file: &ModelFile) -> Self {
        Self::compile(file.name(), file.version(), file.algorithm(), file.features())
    }

    /// Compiles parameters that are not a file yet: training measures them before it writes the card.
    pub(super) fn compile(name: &str, version: &str, algorithm: &Algorithm, features: &[Feature]) -> Self {
        let Algorithm::Logistic { intercept, coefficients } = algorithm;
        let terms = features.iter().zip(coefficients);
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            features: features.iter().map(|feature| feature.name.clone()).collect(),
            intercept: *intercept,
            terms: terms
                .map(|(feature, coefficient)| Term {
                    mean: feature.mean,
                    weight: coefficient / feature.scale,
                })
                .collect(),
        }
    }

    /// The model's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The model's version.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The columns [`score`](Self::score) wants, in its order.
    pub fn features(&self) -> &[String] {
        &self.features
    }

    /// The probability (0 to 1) of each row. `columns` are the features in the order of
    /// [`features`](Self::features), all of one length.
    ///
    /// A row's score is NULL where a feature is NULL or not finite, or where the features are so far out that
    /// their sum is not finite: such a row says nothing, and neither does the model.
    pub fn score(&self, columns: &[&Float64Array]) -> Result<Float64Array, ScoreError> {
        if columns.len() != self.terms.len() {
            return Err(ScoreError::Columns { wanted: self.terms.len(), got: columns.len() });
        }
        let rows = columns.first().map_or(0, |column| column.len());
        let mut sums = vec![self.intercept; rows];
        let mut nulls: Option<NullBuffer> = None;
        for (&Term { mean, weight }, column) in self.terms.iter().zip(columns) {
            if column.len() != rows {
                return Err(ScoreError::Lengths { first: rows, other: column.len() });
            }
            // Slots that are NULL hold any number; their sums are masked below.
            for (sum, value) in sums.iter_mut().zip(column.values()) {
                *sum += weight * (value - mean);
            }
            nulls = NullBuffer::union(nulls.as_ref(), column.nulls());
        }
        // A value that is not finite makes its sum infinite or NaN, and no later addition can repair that.
        if sums.iter().any(|sum| !sum.is_finite()) {
            let finite = BooleanBuffer::collect_bool(rows, |row| sums[row].is_finite());
            nulls = NullBuffer::union(nulls.as_ref(), Some(&NullBuffer::new(finite)));
        }
        for sum in &mut sums {
            *sum = sigmoid(*sum);
        }
        Ok(Float64Array::new(sums.into(), nulls))
    }
}

/// The probability that belongs to log-odds.
fn sigmoid(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}

/// Columns that do not fit the model.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ScoreError {
    /// Not one column for each feature.
    #[error("the model has {wanted} features and was given {got} columns")]
    Columns {
        /// Features of the model.
        wanted: usize,
        /// Columns given.
        got: usize,
    },
    /// The columns are not parts of one batch.
    #[error("columns of one batch with {first} and {other} rows")]
    Lengths {
        /// Rows of the first column.
        first: usize,
        /// Rows of the other.
        other: usize,
    },
}
