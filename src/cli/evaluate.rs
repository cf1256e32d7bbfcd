//! `coldstream evaluate`: a model on given data.

use std::path::PathBuf;

use clap::Args;
use datafusion::prelude::SessionContext;

use super::train::{SUMMARY_HEAD, TrainError, rows, summary_row};
use crate::model::ModelFile;
use crate::model::train::{Evaluation, evaluate as measure};

#[cfg(test)]
mod tests;

/// Measure a trained model on given data
///
/// The query is that of a training: one SELECT that gives `machine_id`, the label and at least the features of
/// the model.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:\n  coldstream evaluate --model models/failure.json \\\n    \
    --query queries/training/failure.sql --input data/training/tables --held-out")]
pub struct EvaluateArgs {
    /// The model file
    #[arg(long, value_name = "FILE")]
    pub model: PathBuf,
    /// The query: a file with one SELECT
    #[arg(long, value_name = "FILE")]
    pub query: PathBuf,
    /// The label column [default: the one the model was trained on]
    #[arg(long, value_name = "COLUMN")]
    pub label: Option<String>,
    /// The archive whose tables the query reads
    #[arg(long, value_name = "URL", required_unless_present = "input", conflicts_with = "input")]
    pub archive: Option<String>,
    /// A file or a folder of tables the query reads, as `backtest --out` and `simulate --faults` write them
    #[arg(long, value_name = "PATH")]
    pub input: Option<PathBuf>,
    /// Only the machines that `train` holds out of its training when it is given the same data
    #[arg(long)]
    pub held_out: bool,
}

/// Runs the query in `ctx`, where the tables are registered, and prints how the model does on its rows.
pub async fn evaluate(ctx: &SessionContext, args: &EvaluateArgs) -> Result<Evaluation, TrainError> {
    let model = ModelFile::load(&args.model)?;
    let (_, rows) = rows(ctx, &args.query).await?;
    let label = args.label.as_deref().unwrap_or(&model.card().label);
    let evaluation = measure(&model, &rows, label, args.held_out)?;
    println!("{}", summary(&model, label, args.held_out, &evaluation));
    Ok(evaluation)
}

fn summary(model: &ModelFile, label: &str, held_out: bool, evaluation: &Evaluation) -> String {
    let Evaluation { part, rows_without_label, rows_without_feature } = evaluation;
    let name = if held_out { "held out" } else { "all" };
    let mut text = format!(
        "model {} {}, label `{label}`: {:.1} % of the rows are positive\n\n{SUMMARY_HEAD}{}",
        model.name(),
        model.version(),
        100.0 * part.positives as f64 / part.rows as f64,
        summary_row(name, part),
    );
    if rows_without_label + rows_without_feature > 0 {
        text.push_str(&format!(
            "\nleft out: {rows_without_label} rows without label, {rows_without_feature} without a feature\n"
        ));
    }
    text.trim_end().to_owned()
}
