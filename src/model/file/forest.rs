//! The trees of a random forest, as the file holds them.
//!
//! ```json
//! { "feature": [2, 0], "threshold": [0.031, 11.5], "low": [0, 0], "high": [1, -1] }
//! ```
//!
//! This tree votes for the label where feature 2 is above 0.031 and feature 0 is above 11.5.
//!
//! Thresholds are in single precision, and so are the values that meet them: a value is rounded to single
//! precision first, in training as in scoring. That is a thousand times finer than any sensor, and the shortest
//! text of such a number is short and read back without loss by every JSON reader.
//!
//! A file may come from anywhere, so [`check`] trusts nothing: a child must come after its parent, which leaves no
//! way round in a circle, and every question is the child of one other.

use serde::{Deserialize, Serialize};

/// Most trees of a forest, and most questions of a tree: far above what is useful, and low enough to count the
/// nodes of a whole forest in 32 bits.
pub const LARGEST_FOREST: usize = 1_001;
const LARGEST_TREE: usize = 65_536;

/// One tree: its questions, the root first, level by level. Four columns of one length.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tree {
    /// The feature that is asked about: its place in the features of the model.
    pub feature: Vec<u16>,
    /// The threshold, in the feature's unit.
    pub threshold: Vec<f32>,
    /// Where a row goes whose value is not above the threshold: to the question of that number, or, at a leaf,
    /// [`Tree::AGAINST`] or [`Tree::FOR`].
    pub low: Vec<i32>,
    /// Where a row goes whose value is above the threshold.
    pub high: Vec<i32>,
}

impl Tree {
    /// A leaf that votes for label 0. No question can have this number as a child: it is the root's.
    pub const AGAINST: i32 = 0;
    /// A leaf that votes for label 1.
    pub const FOR: i32 = -1;

    /// Number of questions.
    pub fn len(&self) -> usize {
        self.feature.len()
    }

    /// Whether it asks nothing, which [`ModelFile`](super::ModelFile) refuses.
    pub fn is_empty(&self) -> bool {
        self.feature.is_empty()
    }
}

/// Checks that every row of `features` values finds its way through every tree.
pub(super) fn check(trees: &[Tree], features: usize) -> Result<(), InvalidForest> {
    if trees.len().is_multiple_of(2) || trees.len() > LARGEST_FOREST {
        return Err(InvalidForest::Count(trees.len()));
    }
    trees.iter().enumerate().try_for_each(|(at, tree)| check_tree(at, tree, features))
}

fn check_tree(tree: usize, columns: &Tree, features: usize) -> Result<(), InvalidForest> {
    let Tree { feature, threshold, low, high } = columns;
    let questions = feature.len();
    let one_length = [threshold.len(), low.len(), high.len()].iter().all(|&len| len == questions);
    if !one_length || questions == 0 || questions > LARGEST_TREE {
        return Err(InvalidForest::Length { tree });
    }
    let mut has_parent = vec![false; questions];
    for question in 0..questions {
        if usize::from(feature[question]) >= features {
            return Err(InvalidForest::Feature { tree, feature: feature[question], features });
        }
        if !threshold[question].is_finite() {
            return Err(InvalidForest::Threshold { tree, question });
        }
        for child in [low[question], high[question]] {
            if child == Tree::AGAINST || child == Tree::FOR {
                continue;
            }
            let fits = usize::try_from(child).ok().filter(|&at| at > question && at < questions);
            match fits {
                Some(at) if !has_parent[at] => has_parent[at] = true,
                _ => return Err(InvalidForest::Child { tree, question, child }),
            }
        }
    }
    match has_parent.iter().skip(1).position(|has| !has) {
        None => Ok(()),
        Some(at) => Err(InvalidForest::Orphan { tree, question: at + 1 }),
    }
}

/// Trees that no row can walk.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidForest {
    /// A vote could be a tie, or there are too many.
    #[error("a forest of {0} trees: the number must be odd and at most {LARGEST_FOREST}")]
    Count(usize),
    /// The four columns are not one tree.
    #[error("tree {tree}: its columns are empty, too long or not of one length")]
    Length {
        /// The tree, from 0.
        tree: usize,
    },
    /// A question about nothing.
    #[error("tree {tree} asks about feature {feature} of {features}, counted from 0")]
    Feature {
        /// The tree, from 0.
        tree: usize,
        /// The number in the file.
        feature: u16,
        /// How many features there are.
        features: usize,
    },
    /// A threshold that nothing can be compared with.
    #[error("tree {tree}, question {question}: the threshold is not finite")]
    Threshold {
        /// The tree, from 0.
        tree: usize,
        /// The question, from 0.
        question: usize,
    },
    /// A way that leads nowhere, back, or to where another way leads already.
    #[error("tree {tree}, question {question}: {child} is no leaf and no later question of its own")]
    Child {
        /// The tree, from 0.
        tree: usize,
        /// The question, from 0.
        question: usize,
        /// The child in the file.
        child: i32,
    },
    /// A question that no row is asked.
    #[error("tree {tree}, question {question} is the child of none")]
    Orphan {
        /// The tree, from 0.
        tree: usize,
        /// The question, from 0.
        question: usize,
    },
}
