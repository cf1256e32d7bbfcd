//! A random forest, and its export.
//!
//! smartcore keeps its trees to itself but writes them through serde, and that is the one way out of it: the nodes
//! are read once, and what does not look as expected is an error. A tree of smartcore votes with a class at each
//! leaf, so the score, the share of the trees that vote for the label, is exactly smartcore's own count, and with
//! an odd number of trees the class with a score above one half is exactly what it predicts.
//!
//! Where all leaves below a question vote alike, the question decides nothing: it is left out. No vote changes, and
//! the file is a good deal smaller.

use serde::Deserialize;
use smartcore::ensemble::random_forest_classifier::{
    RandomForestClassifier, RandomForestClassifierParameters,
};
use smartcore::linalg::basic::matrix::DenseMatrix;

use super::{Settings, TrainError, TrainingSet};
use crate::model::file::{Algorithm, Feature, Tree};

#[cfg(test)]
mod tests;

/// smartcore's forest over rows in single precision.
type Fitted = RandomForestClassifier<f32, u32, DenseMatrix<f32>, Vec<u32>>;

/// Fits the given rows.
pub(super) fn fit(
    set: &TrainingSet,
    rows: &[usize],
    settings: Settings,
) -> Result<(Algorithm, Vec<Feature>), TrainError> {
    let trees = export(&fit_smartcore(set, rows, settings)?)?;
    let features = set.features.iter().map(|name| Feature { name: name.clone(), scaling: None });
    Ok((Algorithm::Forest { trees }, features.collect()))
}

fn fit_smartcore(set: &TrainingSet, rows: &[usize], settings: Settings) -> Result<Fitted, TrainError> {
    let y: Vec<u32> = rows.iter().map(|&row| u32::from(set.labels[row])).collect();
    let mut parameters = RandomForestClassifierParameters::default();
    if let Settings::Forest { trees, depth, min_leaf, seed } = settings {
        parameters = parameters
            .with_n_trees(trees)
            // smartcore counts the leaf's level too.
            .with_max_depth(depth + 1)
            .with_min_samples_leaf(min_leaf)
            .with_seed(seed);
    }
    Fitted::fit(&matrix(set, rows)?, &y, parameters).map_err(TrainError::Fit)
}

/// The rows as a matrix of features in single precision, column after column in memory.
fn matrix(set: &TrainingSet, rows: &[usize]) -> Result<DenseMatrix<f32>, TrainError> {
    let columns = set.columns.iter();
    let values = columns.flat_map(|column| rows.iter().map(|&row| column[row] as f32)).collect();
    DenseMatrix::new(rows.len(), set.columns.len(), values, true).map_err(TrainError::Fit)
}

/// What smartcore writes of a forest, as far as a prediction needs it.
#[derive(Deserialize)]
struct Exported {
    trees: Vec<ExportedTree>,
    /// The class of each output.
    classes: Vec<u32>,
}

#[derive(Deserialize)]
struct ExportedTree {
    nodes: Vec<Node>,
}

/// A leaf where there are no children.
#[derive(Deserialize)]
struct Node {
    output: usize,
    split_feature: usize,
    split_value: Option<f64>,
    true_child: Option<usize>,
    false_child: Option<usize>,
}

/// The trees as the model file holds them.
fn export(fitted: &Fitted) -> Result<Vec<Tree>, TrainError> {
    let unknown = |error: serde_json::Error| TrainError::Export(error.to_string());
    let exported = serde_json::to_value(fitted).map_err(unknown)?;
    let Exported { trees, classes } = serde_json::from_value(exported).map_err(unknown)?;
    if classes != [0, 1] {
        return Err(TrainError::Export(format!("classes {classes:?} instead of 0 and 1")));
    }
    trees.iter().map(|tree| export_tree(&tree.nodes)).collect()
}

fn export_tree(nodes: &[Node]) -> Result<Tree, TrainError> {
    let votes = unanimous(nodes)?;
    let mut tree = Tree::default();
    if let Some(vote) = votes[0] {
        // The file has no tree without a question: both answers to this one are the vote.
        let leaf = leaf(vote);
        return Ok(Tree { feature: vec![0], threshold: vec![0.0], low: vec![leaf], high: vec![leaf] });
    }
    // The questions in the order of the file: their places among smartcore's nodes.
    let mut order = vec![0];
    let mut next = 0;
    while let Some(&at) = order.get(next) {
        next += 1;
        let node = &nodes[at];
        let threshold = node.split_value.unwrap_or(f64::NAN);
        let single = threshold as f32;
        if f64::from(single) != threshold {
            return Err(TrainError::Export(format!("threshold {threshold} is not in single precision")));
        }
        let feature = u16::try_from(node.split_feature);
        tree.feature.push(feature.map_err(|_| TrainError::Export("too many features".into()))?);
        tree.threshold.push(single);
        for (child, column) in [(node.true_child, &mut tree.low), (node.false_child, &mut tree.high)] {
            let child = child.unwrap_or_default();
            column.push(match votes[child] {
                Some(vote) => leaf(vote),
                None => {
                    order.push(child);
                    i32::try_from(order.len() - 1).map_err(|_| TrainError::Export("too many nodes".into()))?
                }
            });
        }
    }
    Ok(tree)
}

fn leaf(vote: bool) -> i32 {
    if vote { Tree::FOR } else { Tree::AGAINST }
}

/// For each node, how the leaves below it vote, where they all vote alike.
fn unanimous(nodes: &[Node]) -> Result<Vec<Option<bool>>, TrainError> {
    let mut votes = vec![None; nodes.len()];
    // smartcore puts children after their parent.
    for (at, node) in nodes.iter().enumerate().rev() {
        votes[at] = match (node.true_child, node.false_child) {
            (None, None) => Some(node.output == 1),
            (Some(low), Some(high)) if low.min(high) > at && low.max(high) < nodes.len() => {
                votes[low].filter(|_| votes[low] == votes[high])
            }
            _ => return Err(TrainError::Export(format!("node {at} has no two children after it"))),
        };
    }
    if votes.is_empty() { Err(TrainError::Export("a tree without nodes".into())) } else { Ok(votes) }
}
