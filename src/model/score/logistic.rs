//! Logistic regression over columns.
//!
//! ```text
//!  sums  = intercept                       one buffer for the batch
//!  sums += weight₀ · (column₀ - mean₀)     column by column, in the order of the features
//!  sums += weight₁ · (column₁ - mean₁)
//!  score = 1 / (1 + exp(-sums))
//! ```

use arrow::buffer::BooleanBuffer;

use crate::model::file::{Feature, Scaling};

/// The compiled parameters.
#[derive(Debug, Clone)]
pub(super) struct Logistic {
    intercept: f64,
    terms: Vec<Term>,
}

/// What one feature adds to the log-odds: `weight · (x - mean)`.
#[derive(Debug, Clone, Copy)]
struct Term {
    mean: f64,
    weight: f64,
}

impl Logistic {
    pub(super) fn new(intercept: f64, coefficients: &[f64], features: &[Feature]) -> Self {
        let terms = features.iter().zip(coefficients).map(|(feature, coefficient)| {
            let Scaling { mean, scale } = feature.scaling.unwrap_or(Scaling::NONE);
            Term { mean, weight: coefficient / scale }
        });
        Self { intercept, terms: terms.collect() }
    }

    /// A score for each row, and which of them are known: `None` where all are.
    pub(super) fn score(&self, columns: &[&[f64]], rows: usize) -> (Vec<f64>, Option<BooleanBuffer>) {
        let mut sums = vec![self.intercept; rows];
        for (&Term { mean, weight }, column) in self.terms.iter().zip(columns) {
            for (sum, value) in sums.iter_mut().zip(*column) {
                *sum += weight * (value - mean);
            }
        }
        // A value that is not finite makes its sum infinite or NaN, and no later addition can repair that.
        let known = (sums.iter().any(|sum| !sum.is_finite()))
            .then(|| BooleanBuffer::collect_bool(rows, |row| sums[row].is_finite()));
        for sum in &mut sums {
            *sum = sigmoid(*sum);
        }
        (sums, known)
    }
}

/// The probability that belongs to log-odds.
fn sigmoid(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}
