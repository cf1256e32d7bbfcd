//! The compiled scorer: whole Arrow columns in, one column of scores out.
//!
//! Each algorithm has a kernel of its own. All keep one promise: a row goes through the same operations in the
//! same order whatever batch it lies in, so cutting a stream into other batches changes no bit.

mod forest;
mod logistic;

use arrow::array::{Array, Float64Array};
use arrow::buffer::NullBuffer;

use self::forest::Forest;
use self::logistic::Logistic;
use super::file::{Algorithm, Feature, ModelFile};

#[cfg(test)]
mod tests;

/// A model ready to score batches.
#[derive(Debug, Clone)]
pub struct CompiledModel {
    name: String,
    version: String,
    features: Vec<String>,
    kernel: Kernel,
}

/// How the scores are computed.
#[derive(Debug, Clone)]
enum Kernel {
    Logistic(Logistic),
    Forest(Forest),
}

impl CompiledModel {
    /// Compiles a model.
    pub fn new(file: &ModelFile) -> Self {
        Self::compile(file.name(), file.version(), file.algorithm(), file.features())
    }

    /// Compiles parameters that are not a file yet: training measures them before it writes the card.
    pub(super) fn compile(name: &str, version: &str, algorithm: &Algorithm, features: &[Feature]) -> Self {
        let kernel = match algorithm {
            Algorithm::Logistic { intercept, coefficients } => {
                Kernel::Logistic(Logistic::new(*intercept, coefficients, features))
            }
            Algorithm::Forest { trees } => Kernel::Forest(Forest::new(trees)),
        };
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            features: features.iter().map(|feature| feature.name.clone()).collect(),
            kernel,
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
    /// A row's score is NULL where a feature is NULL or not finite, or so far out that it cannot be calculated
    /// with (a logistic sum or a single-precision value that is not finite): such a row says nothing, and neither
    /// does the model.
    pub fn score(&self, columns: &[&Float64Array]) -> Result<Float64Array, ScoreError> {
        if columns.len() != self.features.len() {
            return Err(ScoreError::Columns { wanted: self.features.len(), got: columns.len() });
        }
        let rows = columns.first().map_or(0, |column| column.len());
        if let Some(other) = columns.iter().find(|column| column.len() != rows) {
            return Err(ScoreError::Lengths { first: rows, other: other.len() });
        }
        // Slots that are NULL hold any number; what the kernel makes of them is masked here.
        let values: Vec<&[f64]> = columns.iter().map(|column| &**column.values()).collect();
        let (scores, known) = match &self.kernel {
            Kernel::Logistic(logistic) => logistic.score(&values, rows),
            Kernel::Forest(forest) => forest.score(&values, rows),
        };
        let nulls = columns.iter().fold(known.map(NullBuffer::new), |nulls, column| {
            NullBuffer::union(nulls.as_ref(), column.nulls())
        });
        Ok(Float64Array::new(scores.into(), nulls))
    }
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
