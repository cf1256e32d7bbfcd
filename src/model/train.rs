//! Training: record batches of a training query in, a [`ModelFile`] with its card out.
//!
//! 1. [`TrainingSet`] reads the rows: which columns are features, which rows can be used.
//! 2. [`Split`] holds a quarter of the machines out. Never random rows: neighbouring windows of one machine are
//!    almost copies, so a test on random rows measures memory and flatters every model.
//! 3. The features are standardised with the training machines' means and standard deviations, smartcore fits,
//!    and the compiled scorer, the one that will run on the stream, is measured on both parts.
//!
//! The result depends on the rows as a set and not on their order: query engines hand rows over in any order,
//! and training twice must give one file.

mod set;
mod split;

use arrow::array::Float64Array;
use arrow::record_batch::RecordBatch;
use smartcore::linalg::basic::arrays::Array;
use smartcore::linalg::basic::matrix::DenseMatrix;
use smartcore::linear::logistic_regression::{LogisticRegression, LogisticRegressionParameters};

pub use self::set::TrainingSet;
pub use self::split::Split;
use super::file::{Algorithm, Card, Feature, Invalid, ModelFile, Part, sha256_hex, tidy};
use super::metrics::Metrics;
use super::score::{CompiledModel, ScoreError};

#[cfg(test)]
mod tests;

/// Which algorithm to train.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum AlgorithmKind {
    /// Logistic regression: one weight per feature, easy to explain.
    Logistic,
}

/// What to train, besides the rows.
#[derive(Debug, Clone)]
pub struct TrainOptions {
    /// Name of the model in SQL.
    pub name: String,
    /// The label column: boolean, or a number that is 0 or 1.
    pub label: String,
    /// Text of the training query, for the card.
    pub query: String,
    /// What the data is, in words, for the card.
    pub data: String,
    /// The algorithm.
    pub algorithm: AlgorithmKind,
    /// Weight of the L2 penalty `alpha/2 · Σ coefficient²`, against the log-loss summed over the rows; 0 or more.
    pub alpha: f64,
}

/// Trains a model on the rows of `batches`, which share one schema.
///
/// Features are all numeric columns except the label, `machine_id` and Kafka's two columns; columns of time,
/// text or another type are no features. Rows without label, and rows with a feature that is NULL or not
/// finite, are left out and counted on the card. A feature that never varies is an error: it is a mistake in
/// the query or a dead sensor, and a model that quietly ignored it would hide that.
pub fn train(batches: &[RecordBatch], options: &TrainOptions) -> Result<ModelFile, TrainError> {
    if !(options.alpha >= 0.0 && options.alpha.is_finite()) {
        return Err(TrainError::Alpha(options.alpha));
    }
    let set = TrainingSet::read(batches, &options.label)?;
    let split = Split::by_machine(&set, &options.label)?;
    let features = standardisation(&set, &split)?;
    let algorithm = match options.algorithm {
        AlgorithmKind::Logistic => fit_logistic(&set, &split.training, &features, options.alpha)?,
    };

    let scorer = CompiledModel::compile(&options.name, "", &algorithm, &features);
    let card = Card {
        label: options.label.clone(),
        data: options.data.clone(),
        query: options.query.clone(),
        query_sha: sha256_hex(options.query.as_bytes()),
        alpha: options.alpha,
        machines: split.training_machines + split.held_out_machines,
        rows: set.labels.len(),
        positives: set.labels.iter().filter(|&&label| label).count(),
        rows_without_label: set.rows_without_label,
        rows_without_feature: set.rows_without_feature,
        split: Split::DESCRIPTION.into(),
        training: part(&set, &scorer, &split.training, split.training_machines)?,
        held_out: part(&set, &scorer, &split.held_out, split.held_out_machines)?,
    };
    Ok(ModelFile::new(&options.name, algorithm, features, card)?)
}

/// Mean and population standard deviation of each feature over the training rows.
fn standardisation(set: &TrainingSet, split: &Split) -> Result<Vec<Feature>, TrainError> {
    let rows = split.training.len() as f64;
    let mut features = Vec::with_capacity(set.features.len());
    for (name, column) in set.features.iter().zip(&set.columns) {
        let values = || split.training.iter().map(|&row| column[row]);
        let mean = values().sum::<f64>() / rows;
        let variance = values().map(|value| (value - mean) * (value - mean)).sum::<f64>() / rows;
        let varies = values().any(|value| value != column[split.training[0]]);
        let scale = tidy(variance.sqrt());
        if !varies || scale == 0.0 {
            return Err(TrainError::Constant(name.clone()));
        }
        features.push(Feature { name: name.clone(), mean: tidy(mean), scale });
    }
    Ok(features)
}

/// Logistic regression over the given rows, standardised.
fn fit_logistic(
    set: &TrainingSet,
    rows: &[usize],
    features: &[Feature],
    alpha: f64,
) -> Result<Algorithm, TrainError> {
    let x = standardised(set, rows, features)?;
    let y: Vec<u32> = rows.iter().map(|&row| u32::from(set.labels[row])).collect();
    let parameters = LogisticRegressionParameters::default().with_alpha(alpha);
    let fitted = LogisticRegression::fit(&x, &y, parameters).map_err(TrainError::Fit)?;
    let coefficients = (0..features.len()).map(|at| tidy(*fitted.coefficients().get((0, at)))).collect();
    Ok(Algorithm::Logistic { intercept: tidy(*fitted.intercept().get((0, 0))), coefficients })
}

/// The rows as a matrix of standardised features, row after row in memory: smartcore walks it by rows.
fn standardised(
    set: &TrainingSet,
    rows: &[usize],
    features: &[Feature],
) -> Result<DenseMatrix<f64>, TrainError> {
    let mut values = Vec::with_capacity(rows.len() * features.len());
    for &row in rows {
        let of_row = features.iter().zip(&set.columns);
        values.extend(of_row.map(|(feature, column)| (column[row] - feature.mean) / feature.scale));
    }
    DenseMatrix::new(rows.len(), features.len(), values, false).map_err(TrainError::Fit)
}

/// Measures the scorer on one part of the data.
fn part(
    set: &TrainingSet,
    scorer: &CompiledModel,
    rows: &[usize],
    machines: usize,
) -> Result<Part, TrainError> {
    let columns: Vec<Float64Array> =
        set.columns.iter().map(|column| rows.iter().map(|&row| column[row]).collect()).collect();
    let scores = scorer.score(&columns.iter().collect::<Vec<_>>())?;
    let labels: Vec<bool> = rows.iter().map(|&row| set.labels[row]).collect();
    let metrics = Metrics::measure(scores.values(), &labels).ok_or(TrainError::OneClassPart)?;
    let positives = labels.iter().filter(|&&label| label).count();
    Ok(Part { machines, rows: rows.len(), positives, metrics })
}

/// Why a model cannot be trained.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The penalty cannot be used.
    #[error("alpha {0}: the weight of the penalty must be a number of 0 or more")]
    Alpha(f64),
    /// The query gave nothing.
    #[error("the training query gives no row")]
    NoRow,
    /// A column the trainer needs is not there.
    #[error("the training query has no column `{column}`; it has: {}", columns.join(", "))]
    MissingColumn {
        /// The column that is wanted.
        column: String,
        /// The columns there are.
        columns: Vec<String>,
    },
    /// The machine of a row is not known.
    #[error("`machine_id` is NULL in a training row")]
    NoMachine,
    /// A type the trainer cannot use in that place.
    #[error("column `{column}` has type {kind}, which cannot be {wanted}")]
    Type {
        /// The column.
        column: String,
        /// Its type.
        kind: String,
        /// What it should serve as.
        wanted: &'static str,
    },
    /// A label that is neither 0 nor 1.
    #[error("label `{label}` is {value} in a row: a label is 0 or 1, or boolean")]
    NotALabel {
        /// The label column.
        label: String,
        /// The value found.
        value: f64,
    },
    /// Nothing to learn from.
    #[error("the training query has no numeric column besides label and machine_id")]
    NoFeature,
    /// Every row lacks a feature.
    #[error(
        "no row can be used: column `{column}` is NULL or not finite in {missing} of {rows} labelled rows"
    )]
    NoCompleteRow {
        /// The column that is missing most often.
        column: String,
        /// Labelled rows without it.
        missing: usize,
        /// Labelled rows.
        rows: usize,
    },
    /// No row has a label.
    #[error("label `{0}` is NULL in every row")]
    NoLabel(String),
    /// Only one class in the whole set.
    #[error("label `{label}` is {value} in all {rows} usable rows: there is nothing to tell apart")]
    OneClass {
        /// The label column.
        label: String,
        /// The only value, 0 or 1.
        value: u8,
        /// Usable rows.
        rows: usize,
    },
    /// The machines cannot be divided.
    #[error("label `{label}` is 1 on {positive} of {machines} machines: too few to hold some out")]
    TooFewMachines {
        /// The label column.
        label: String,
        /// Machines with a positive row.
        positive: usize,
        /// All machines.
        machines: usize,
    },
    /// Only one class in a part.
    #[error("the training machines or the held-out machines have rows of one class only")]
    OneClassPart,
    /// A feature says nothing.
    #[error("feature `{0}` has the same value in every training row")]
    Constant(String),
    /// The library's own complaint.
    #[error("the model cannot be fitted: {0}")]
    Fit(smartcore::error::Failed),
    /// The parameters are not usable, such as infinite ones.
    #[error("the fitted model cannot be used: {0}")]
    Invalid(#[from] Invalid),
    /// The scorer refused the rows.
    #[error("the fitted model cannot be measured: {0}")]
    Score(#[from] ScoreError),
    /// A column cannot be converted.
    #[error("the rows of the training query cannot be read: {0}")]
    Arrow(#[from] arrow::error::ArrowError),
}

impl TrainError {
    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoRow => "check the query's WHERE, and that the tables hold rows",
            Self::MissingColumn { .. } | Self::Type { .. } => {
                "change the training query, or name another column with --label"
            }
            Self::NotALabel { .. } => "make the label with CASE WHEN … THEN 1 ELSE 0 END",
            Self::NoFeature => "select the columns the model may look at",
            Self::NoCompleteRow { .. } | Self::Constant(_) => "take that column out of the training query",
            Self::OneClass { .. } | Self::TooFewMachines { .. } | Self::OneClassPart => {
                "train on more machines or a longer time, with faults on at least two machines"
            }
            Self::Invalid(Invalid::Name(_)) => "give a plain name with --name",
            Self::Invalid(_) => {
                "raise --alpha: without penalty, classes that are easy to tell apart have no fit"
            }
            Self::NoMachine => "leave such rows out: WHERE machine_id IS NOT NULL",
            Self::Alpha(_) | Self::NoLabel(_) | Self::Fit(_) | Self::Score(_) | Self::Arrow(_) => {
                return None;
            }
        };
        Some(hint.into())
    }
}
