//! `coldstream train`: a training query over an archive or a folder of tables becomes a model file.

use std::path::{Path, PathBuf};

use arrow::record_batch::RecordBatch;
use clap::{Args, ValueEnum};
use datafusion::error::DataFusionError;
use datafusion::execution::context::SQLOptions;
use datafusion::prelude::SessionContext;

use crate::model::baseline::{self, BaselineFile, BaselineOptions};
use crate::model::file::{FileError, Part};
use crate::model::sql::BindError;
use crate::model::train::{self as trainer, TrainOptions};
use crate::model::{ModelFile, Settings};

#[cfg(test)]
pub(crate) mod tests;

/// Train a model on a SQL query and write it with its card
///
/// The query is one SELECT. Its numeric columns, other than the label and `machine_id`, become the features;
/// columns of another type are ignored. A quarter of the machines is held out to test the model. A baseline learns
/// each machine's usual value of the label under the other columns' conditions, for `expected('NAME')` in SQL; it
/// is tested on a quarter of each machine's rows, every fourth of twenty stretches of time. The same data and options give the same file, byte for byte.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  coldstream train --query queries/training/failure.sql --label failure \\\n    \
    --input data/training/tables --out models/failure.json\n  \
    coldstream train --algorithm forest --query queries/training/failure.sql \\\n    \
    --label failure --input data/training/tables --out models/failure_forest.json\n  \
    coldstream train --algorithm baseline --query queries/training/current.sql \\\n    \
    --label compressor_current_avg --input data/training/tables --name current --out models/expected_current.json"
)]
pub struct TrainArgs {
    /// The training query: a file with one SELECT that gives `machine_id`, the label and the features
    #[arg(long, value_name = "FILE")]
    pub query: PathBuf,
    /// The label column: boolean, or 0 and 1; for a baseline any number; rows where it is NULL are left out
    #[arg(long, value_name = "COLUMN")]
    pub label: String,
    /// The algorithm
    #[arg(long, value_enum, default_value = "logistic")]
    pub algorithm: AlgorithmKind,
    /// The archive whose tables the query reads
    #[arg(long, value_name = "URL", required_unless_present = "input", conflicts_with = "input")]
    pub archive: Option<String>,
    /// A file or a folder of tables the query reads, as `backtest --out` and `simulate --faults` write them
    #[arg(long, value_name = "PATH")]
    pub input: Option<PathBuf>,
    /// The model file to write; one that is there is replaced
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Name of the model in SQL [default: the name of --out without its ending]
    #[arg(long)]
    pub name: Option<String>,
    /// Logistic: weight of the L2 penalty against the log-loss summed over the rows; 0 for none
    #[arg(long, default_value_t = 1.0)]
    pub alpha: f64,
    /// Baseline: how many rows of its own weigh as much for a machine's slopes as those of all machines
    #[arg(long, value_name = "ROWS", default_value_t = 100.0)]
    pub prior: f64,
    /// Forest: number of trees, which must be odd
    #[arg(long, value_name = "N", default_value_t = 75)]
    pub trees: u16,
    /// Forest: most questions between the root of a tree and a leaf
    #[arg(long, value_name = "N", default_value_t = 12)]
    pub depth: u16,
    /// Forest: least rows on either side of a question
    #[arg(long, value_name = "ROWS", default_value_t = 5)]
    pub min_leaf: usize,
    /// Forest: where the random numbers start
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// What the data is, for the model's card [default: the last part of --archive or --input]
    #[arg(long, value_name = "TEXT")]
    pub data: Option<String>,
}

/// Which algorithm to train.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AlgorithmKind {
    /// Logistic regression: one weight per feature, easy to explain
    Logistic,
    /// Random forest: the share of many small trees that vote for the label
    Forest,
    /// Baseline: what each machine should show under given conditions
    Baseline,
}

impl TrainArgs {
    /// Settings of a model; `None` for a baseline, which has its own.
    fn settings(&self) -> Option<Settings> {
        let &Self { alpha, trees, depth, min_leaf, seed, .. } = self;
        match self.algorithm {
            AlgorithmKind::Logistic => Some(Settings::Logistic { alpha }),
            AlgorithmKind::Forest => Some(Settings::Forest { trees, depth, min_leaf, seed }),
            AlgorithmKind::Baseline => None,
        }
    }
}

/// Why `train` failed.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The query file cannot be read.
    #[error("training query {}: {source}", path.display())]
    Query {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The query cannot be planned or run.
    #[error("training query {}: {}", path.display(), one_line(source))]
    Sql {
        /// The file.
        path: PathBuf,
        /// What DataFusion says.
        source: Box<DataFusionError>,
    },
    /// The rows give no model.
    #[error(transparent)]
    Train(#[from] trainer::TrainError),
    /// The model cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
}

impl TrainError {
    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Query { .. } => Some("training queries are in queries/training".into()),
            Self::Sql { source, .. } => BindError::find(source).and_then(BindError::hint),
            Self::Train(error) => error.hint(),
            Self::File(error) => error.hint(),
        }
    }
}

/// The cause at the bottom of a DataFusion error, in one line.
fn one_line(error: &DataFusionError) -> String {
    let cause = match BindError::find(error) {
        Some(cause) => cause.to_string(),
        None => error.find_root().strip_backtrace(),
    };
    cause.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Runs the training query in `ctx`, where the tables of the archive or of the input are registered, trains,
/// writes the model file and prints a summary.
pub async fn train(ctx: &SessionContext, args: &TrainArgs) -> Result<(), TrainError> {
    let (query, rows) = rows(ctx, &args.query).await?;
    let name = args.name.clone().unwrap_or_else(|| stem(&args.out));
    let label = args.label.clone();
    let data = args.data.clone().unwrap_or_else(|| source(args));
    let summary = match args.settings() {
        Some(settings) => {
            let model = trainer::train(&rows, &TrainOptions { name, label, query, data, settings })?;
            model.save(&args.out)?;
            summary(&model, &args.out)
        }
        None => {
            let options = BaselineOptions { name, label, query, data, prior_rows: args.prior };
            let baseline = baseline::train(&rows, &options)?;
            baseline.save(&args.out)?;
            summary_of_baseline(&baseline, &args.out)
        }
    };
    println!("{summary}");
    Ok(())
}

/// The baseline and its quality.
fn summary_of_baseline(file: &BaselineFile, path: &Path) -> String {
    let (card, parameters) = (file.card(), file.parameters());
    let conditions: Vec<&str> = parameters.conditions.iter().map(|c| c.name.as_str()).collect();
    let mut text = format!(
        "baseline {} {} of `{}` under {}\n\n{} machines, {} rows\n\
         measured - expected on the quarter of the time that was held out: {:.4} (root mean square)\n\
         measured - the machine's mean:                                     {:.4}\n",
        file.name(),
        file.version(),
        card.label,
        conditions.join(", "),
        parameters.machines.len(),
        card.rows,
        card.error,
        card.error_of_mean,
    );
    if card.rows_without_label + card.rows_without_condition > 0 {
        text.push_str(&format!(
            "\nleft out: {} rows without label, {} without a condition\n",
            card.rows_without_label, card.rows_without_condition
        ));
    }
    if !card.machines_without_rows.is_empty() {
        text.push_str(&format!("\nmachines with too few rows: {}\n", card.machines_without_rows.join(", ")));
    }
    text.push_str(&format!("\nwritten to {}", path.display()));
    text
}

/// The text of a training query and its rows.
pub(super) async fn rows(
    ctx: &SessionContext,
    path: &Path,
) -> Result<(String, Vec<RecordBatch>), TrainError> {
    let query = std::fs::read_to_string(path)
        .map_err(|source| TrainError::Query { path: path.to_owned(), source })?;
    let sql_error = |source| TrainError::Sql { path: path.to_owned(), source: Box::new(source) };
    // A training query reads; it creates and changes nothing.
    let read_only =
        SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    let frame = ctx.sql_with_options(&query, read_only).await.map_err(sql_error)?;
    let rows = frame.collect().await.map_err(sql_error)?;
    Ok((query, rows))
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// The last part of the data's address: the whole of it would put one machine's folders into the file.
fn source(args: &TrainArgs) -> String {
    let address = match (&args.archive, &args.input) {
        (Some(url), _) => url.clone(),
        (None, Some(path)) => path.to_string_lossy().into_owned(),
        (None, None) => String::new(),
    };
    address.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned()
}

/// Head of the summary's table, above its rows of one part each.
pub(super) const SUMMARY_HEAD: &str = "            machines       rows  positives  log-loss   Brier  ROC-AUC  PR-AUC  \
                                       accuracy  recall  precision\n";

/// One row of the summary's table.
pub(super) fn summary_row(name: &str, part: &Part) -> String {
    let Part { machines, rows, positives, metrics } = part;
    let precision = metrics.precision.map_or("-".into(), |precision| format!("{precision:.4}"));
    format!(
        "{name:<10}{machines:>10}{rows:>11}{positives:>11}{:>10.4}{:>8.4}{:>9.4}{:>8.4}{:>10.4}{:>8.4}{precision:>11}\n",
        metrics.log_loss, metrics.brier, metrics.roc_auc, metrics.pr_auc, metrics.accuracy, metrics.recall,
    )
}

/// The model and its quality as a small table.
fn summary(model: &ModelFile, path: &Path) -> String {
    let card = model.card();
    let (name, version, features) = (model.name(), model.version(), model.features().len());
    let mut text =
        format!("model {name} {version}: {features} features, label `{}`\n\n{SUMMARY_HEAD}", card.label);
    for (name, part) in [("training", &card.training), ("held out", &card.held_out)] {
        text.push_str(&summary_row(name, part));
    }
    let left_out = card.rows_without_label + card.rows_without_feature;
    if left_out > 0 {
        text.push_str(&format!(
            "\nleft out: {} rows without label, {} without a feature\n",
            card.rows_without_label, card.rows_without_feature
        ));
    }
    text.push_str(&format!("\nwritten to {}", path.display()));
    text
}
