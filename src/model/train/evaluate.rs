//! A trained model on other data: the measures of the card, for rows the model need not have seen.

use std::collections::BTreeSet;

use arrow::record_batch::RecordBatch;

use super::{Split, TrainError, TrainingSet, part, set};
use crate::model::file::{ModelFile, Part};
use crate::model::score::CompiledModel;
use crate::schema::MACHINE_ID;

/// How a model does on some data.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// The rows that were used, and how the scores fit their labels.
    pub part: Part,
    /// Rows left out because their label is NULL.
    pub rows_without_label: usize,
    /// Labelled rows left out because a feature of the model is NULL or not finite: they have no score.
    pub rows_without_feature: usize,
}

/// Scores the rows of `batches` (one schema, with `machine_id`, the label and the model's features) and measures
/// the scores against the label. With `held_out`, only those machines count that training on the same data holds
/// out.
pub fn evaluate(
    model: &ModelFile,
    batches: &[RecordBatch],
    label: &str,
    held_out: bool,
) -> Result<Evaluation, TrainError> {
    let schema = batches.first().map(RecordBatch::schema).ok_or(TrainError::NoRow)?;
    let names = [MACHINE_ID, label].into_iter().chain(model.features().iter().map(|f| f.name.as_str()));
    let columns = names.map(|name| set::position(&schema, name)).collect::<Result<Vec<_>, _>>()?;
    let batches = batches.iter().map(|batch| batch.project(&columns)).collect::<Result<Vec<_>, _>>()?;
    let set = TrainingSet::read(&batches, label)?;
    let rows: Vec<usize> = if held_out {
        Split::by_machine(&set, label)?.held_out
    } else {
        let positives = set.labels.iter().filter(|&&label| label).count();
        if positives == 0 || positives == set.labels.len() {
            let (label, value, rows) = (label.to_owned(), u8::from(positives > 0), set.labels.len());
            return Err(TrainError::OneClass { label, value, rows });
        }
        (0..set.labels.len()).collect()
    };
    let machines = rows.iter().map(|&row| set.machines[row]).collect::<BTreeSet<_>>().len();
    Ok(Evaluation {
        part: part(&set, &CompiledModel::new(model), &rows, machines)?,
        rows_without_label: set.rows_without_label,
        rows_without_feature: set.rows_without_feature,
    })
}
