//! Training: record batches of a training query in, a [`ModelFile`] with its card out.
//!
//! 1. [`TrainingSet`] reads the rows: which columns are features, which rows can be used.
//! 2. [`Split`] holds a quarter of the machines out. Never random rows: neighbouring windows of one machine are
//!    almost copies, so a test on random rows measures memory and flatters every model.
//! 3. smartcore fits, and the compiled scorer, the one that will run on the stream, is measured on both parts.
//!    Logistic regression gets features that are standardised with the training machines' means and standard
//!    deviations; a forest gets them as they are, in single precision.
//!
//! The result depends on the rows as a set and not on their order: query engines hand rows over in any order,
//! and training twice must give one file.

mod error;
mod evaluate;
mod forest;
mod logistic;
mod set;
mod split;

use arrow::array::Float64Array;
use arrow::record_batch::RecordBatch;

pub use self::error::TrainError;
pub use self::evaluate::{Evaluation, evaluate};
pub use self::set::TrainingSet;
pub(in crate::model) use self::set::{as_float, feature_columns, machine_values, position};
pub use self::split::Split;
use super::file::{Card, LARGEST_FOREST, ModelFile, Part, Settings, sha256_hex};
use super::metrics::Metrics;
use super::score::CompiledModel;

#[cfg(test)]
mod tests;

/// Most questions between the root of a tree and a leaf: a file of deeper trees is large and has learned rows by
/// heart.
pub const DEEPEST: u16 = 15;

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
    /// The algorithm and how it is trained.
    pub settings: Settings,
}

/// Trains a model on the rows of `batches`, which share one schema.
///
/// Features are all numeric columns except the label, `machine_id` and Kafka's two columns; columns of time,
/// text or another type are no features. Rows without label, and rows with a feature that is NULL or not
/// finite, are left out and counted on the card. A feature that never varies is an error: it is a mistake in
/// the query or a dead sensor, and a model that quietly ignored it would hide that.
pub fn train(batches: &[RecordBatch], options: &TrainOptions) -> Result<ModelFile, TrainError> {
    check(options.settings)?;
    let set = TrainingSet::read(batches, &options.label)?;
    let split = Split::by_machine(&set, &options.label)?;
    for (name, column) in set.features.iter().zip(&set.columns) {
        if split.training.iter().all(|&row| column[row] == column[split.training[0]]) {
            return Err(TrainError::Constant(name.clone()));
        }
    }
    let (algorithm, features) = match options.settings {
        Settings::Logistic { alpha } => logistic::fit(&set, &split.training, alpha)?,
        Settings::Forest { .. } => forest::fit(&set, &split.training, options.settings)?,
    };

    let scorer = CompiledModel::compile(&options.name, "", &algorithm, &features);
    let card = Card {
        label: options.label.clone(),
        data: options.data.clone(),
        query: options.query.clone(),
        query_sha: sha256_hex(options.query.as_bytes()),
        settings: options.settings,
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

/// Whether the settings are sensible.
fn check(settings: Settings) -> Result<(), TrainError> {
    match settings {
        Settings::Logistic { alpha } if !(alpha >= 0.0 && alpha.is_finite()) => Err(TrainError::Alpha(alpha)),
        Settings::Forest { trees, .. } if trees.is_multiple_of(2) || usize::from(trees) > LARGEST_FOREST => {
            Err(TrainError::Trees(trees))
        }
        Settings::Forest { depth, .. } if !(1..=DEEPEST).contains(&depth) => Err(TrainError::Depth(depth)),
        Settings::Forest { min_leaf: 0, .. } => Err(TrainError::MinLeaf),
        _ => Ok(()),
    }
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
