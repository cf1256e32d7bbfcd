//! Why a model cannot be trained.

use super::DEEPEST;
use crate::model::baseline::InvalidBaseline;
use crate::model::file::{Invalid, LARGEST_FOREST};
use crate::model::score::ScoreError;

/// Why a model cannot be trained.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The penalty cannot be used.
    #[error("alpha {0}: the weight of the penalty must be a number of 0 or more")]
    Alpha(f64),
    /// The weight of the fleet cannot be used.
    #[error("prior of {0} rows: the fleet's weight must be a number of more than 0")]
    Prior(f64),
    /// The number of trees cannot be used.
    #[error("{0} trees: the number must be odd, so that no vote is a tie, and at most {LARGEST_FOREST}")]
    Trees(u16),
    /// The depth cannot be used.
    #[error("depth {0}: a tree asks 1 to {DEEPEST} questions on the way to a leaf")]
    Depth(u16),
    /// Leaves of nothing.
    #[error("a leaf needs at least one row")]
    MinLeaf,
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
    /// A baseline is tested on stretches of time.
    #[error("the training query has no column of time, such as `window_end`")]
    NoTime,
    /// No machine has a baseline.
    #[error("none of {machines} machines has enough usable rows: {needed} are needed, the most is {most}")]
    TooFewRows {
        /// Machines with a usable row.
        machines: usize,
        /// The most rows of one machine.
        most: usize,
        /// Rows that a machine needs.
        needed: usize,
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
    /// The library's forest is not what this program knows.
    #[error("the fitted forest cannot be exported: {0}")]
    Export(String),
    /// The parameters are not usable, such as infinite ones.
    #[error("the fitted model cannot be used: {0}")]
    Invalid(#[from] Invalid),
    /// The parameters of a baseline are not usable, such as infinite ones.
    #[error("the fitted baseline cannot be used: {0}")]
    InvalidBaseline(#[from] InvalidBaseline),
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
            Self::NoTime => "select the time of each row, for example window_end",
            Self::TooFewRows { .. } => "train on a longer time, or on fewer conditions",
            Self::InvalidBaseline(InvalidBaseline::Name(_)) | Self::Invalid(Invalid::Name(_)) => {
                "give a plain name with --name"
            }
            Self::Invalid(_) => {
                "raise --alpha: without penalty, classes that are easy to tell apart have no fit"
            }
            Self::NoMachine => "leave such rows out: WHERE machine_id IS NOT NULL",
            Self::InvalidBaseline(_) | Self::Prior(_) => return None,
            Self::Alpha(_) | Self::Trees(_) | Self::Depth(_) | Self::MinLeaf | Self::NoLabel(_) => {
                return None;
            }
            Self::Fit(_) | Self::Export(_) | Self::Score(_) | Self::Arrow(_) => return None,
        };
        Some(hint.into())
    }
}
