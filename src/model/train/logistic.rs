//! Logistic regression over standardised features.

use smartcore::linalg::basic::arrays::Array;
use smartcore::linalg::basic::matrix::DenseMatrix;
use smartcore::linear::logistic_regression::{LogisticRegression, LogisticRegressionParameters};

use super::{TrainError, TrainingSet};
use crate::model::file::{Algorithm, Feature, Scaling, tidy};

/// Fits the given rows.
pub(super) fn fit(
    set: &TrainingSet,
    rows: &[usize],
    alpha: f64,
) -> Result<(Algorithm, Vec<Feature>), TrainError> {
    let scalings = scalings(set, rows)?;
    let x = standardised(set, rows, &scalings)?;
    let y: Vec<u32> = rows.iter().map(|&row| u32::from(set.labels[row])).collect();
    let parameters = LogisticRegressionParameters::default().with_alpha(alpha);
    let fitted = LogisticRegression::fit(&x, &y, parameters).map_err(TrainError::Fit)?;
    let coefficients = (0..scalings.len()).map(|at| tidy(*fitted.coefficients().get((0, at)))).collect();
    let algorithm = Algorithm::Logistic { intercept: tidy(*fitted.intercept().get((0, 0))), coefficients };
    let features = set.features.iter().zip(scalings);
    let features = features.map(|(name, by)| Feature { name: name.clone(), scaling: Some(by) });
    Ok((algorithm, features.collect()))
}

/// Mean and population standard deviation of each feature over the rows.
fn scalings(set: &TrainingSet, rows: &[usize]) -> Result<Vec<Scaling>, TrainError> {
    let count = rows.len() as f64;
    let mut scalings = Vec::with_capacity(set.features.len());
    for (name, column) in set.features.iter().zip(&set.columns) {
        let values = || rows.iter().map(|&row| column[row]);
        let mean = values().sum::<f64>() / count;
        let variance = values().map(|value| (value - mean) * (value - mean)).sum::<f64>() / count;
        let scale = tidy(variance.sqrt());
        if scale == 0.0 {
            return Err(TrainError::Constant(name.clone()));
        }
        scalings.push(Scaling { mean: tidy(mean), scale });
    }
    Ok(scalings)
}

/// The rows as a matrix of standardised features, row after row in memory: smartcore walks it by rows.
pub(super) fn standardised(
    set: &TrainingSet,
    rows: &[usize],
    scalings: &[Scaling],
) -> Result<DenseMatrix<f64>, TrainError> {
    let mut values = Vec::with_capacity(rows.len() * scalings.len());
    for &row in rows {
        let of_row = scalings.iter().zip(&set.columns);
        values.extend(of_row.map(|(by, column)| (column[row] - by.mean) / by.scale));
    }
    DenseMatrix::new(rows.len(), scalings.len(), values, false).map_err(TrainError::Fit)
}
