//! The card of a model: for people; nothing here influences a score.

use serde::{Deserialize, Serialize};

use crate::model::metrics::Metrics;

/// Where a model comes from and how good it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// The label column: what the score is the probability of.
    pub label: String,
    /// What the data is, in words.
    pub data: String,
    /// Text of the training query.
    pub query: String,
    /// SHA-256 of the query's text, in hex.
    pub query_sha: String,
    /// How it was trained.
    pub settings: Settings,
    /// Machines in the data.
    pub machines: usize,
    /// Rows that were used: labelled, and with every feature.
    pub rows: usize,
    /// Those of them whose label is 1.
    pub positives: usize,
    /// Rows left out because their label is NULL.
    pub rows_without_label: usize,
    /// Labelled rows left out because a feature is NULL or not finite.
    pub rows_without_feature: usize,
    /// How the machines were divided between training and test.
    pub split: String,
    /// The part that made the parameters.
    pub training: Part,
    /// The part the model has never seen: these numbers are the ones to quote.
    pub held_out: Part,
}

/// Which algorithm to train, and how. Together with the rows it determines the model.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Settings {
    /// Logistic regression.
    Logistic {
        /// Weight of the L2 penalty `alpha/2 · Σ coefficient²`, against the log-loss summed over the rows; 0 or
        /// more.
        alpha: f64,
    },
    /// Random forest: each tree learns from rows drawn with replacement, and each of its questions is the best
    /// about a few features drawn anew (as many as the square root of their number).
    Forest {
        /// Number of trees: odd, so that no vote is a tie.
        trees: u16,
        /// Most questions between the root and a leaf.
        depth: u16,
        /// Least rows on either side of a question.
        min_leaf: usize,
        /// Where the random numbers start.
        seed: u64,
    },
}

/// One part of the data and the model's performance on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Number of machines.
    pub machines: usize,
    /// Number of rows.
    pub rows: usize,
    /// Rows whose label is 1.
    pub positives: usize,
    /// How well the scores fit the labels.
    pub metrics: Metrics,
}
