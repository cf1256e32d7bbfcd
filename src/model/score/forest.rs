//! A random forest over columns.
//!
//! All trees lie in one flat array of nodes. A block of rows is turned into rows of single-precision values, small
//! enough to stay in the nearest cache while every tree passes over it:
//!
//! ```text
//!  for each tree
//!    for each level of the tree
//!      for each row of the block      node = node.child + (value > node.threshold)
//! ```
//!
//! The inner loop has no branch and its rows do not wait for one another, so the processor works on many at
//! once. A row that is at its leaf stays there: a leaf is its own child, and nothing is above its infinite
//! threshold. The two children of a node are neighbours, so that a comparison is an addition.

use arrow::buffer::BooleanBuffer;

use crate::model::file::Tree;

/// Rows of a block: with ten features their values fill 5 KiB.
const BLOCK: usize = 128;

/// The compiled trees.
#[derive(Debug, Clone)]
pub(super) struct Forest {
    nodes: Vec<Node>,
    trees: Vec<Walk>,
}

/// A question or a leaf: 16 bytes, so that a step touches one line of the cache.
#[derive(Debug, Clone, Copy)]
struct Node {
    threshold: f32,
    feature: u32,
    /// The child for a value that is not above the threshold; the other is the next node.
    child: u32,
    /// 1 at a leaf that votes for the label.
    vote: u32,
}

/// A tree among the nodes.
#[derive(Debug, Clone, Copy)]
struct Walk {
    root: u32,
    /// Steps after which every row is at a leaf.
    steps: u32,
}

impl Forest {
    /// Compiles trees that a model file has checked.
    pub(super) fn new(trees: &[Tree]) -> Self {
        let mut forest = Self { nodes: Vec::new(), trees: Vec::with_capacity(trees.len()) };
        for tree in trees {
            let walk = forest.add(tree);
            forest.trees.push(walk);
        }
        forest
    }

    /// Lays a tree out, level by level: two neighbours for the two children of each question.
    fn add(&mut self, tree: &Tree) -> Walk {
        let root = self.reserve(1);
        let mut steps = 0;
        // The place of a node, and the question that belongs there.
        let mut level = vec![(root, 0_usize)];
        while !level.is_empty() {
            let mut next = Vec::with_capacity(2 * level.len());
            for &(place, question) in &level {
                let child = self.reserve(2);
                self.nodes[place as usize] = Node {
                    threshold: tree.threshold[question],
                    feature: u32::from(tree.feature[question]),
                    child,
                    vote: 0,
                };
                for (place, to) in [(child, tree.low[question]), (child + 1, tree.high[question])] {
                    match usize::try_from(to) {
                        Ok(question) if to != Tree::AGAINST => next.push((place, question)),
                        _ => self.nodes[place as usize].vote = u32::from(to == Tree::FOR),
                    }
                }
            }
            level = next;
            steps += 1;
        }
        Walk { root, steps }
    }

    /// Room for `count` more nodes, each a leaf that votes against; gives the place of the first.
    fn reserve(&mut self, count: u32) -> u32 {
        // The limits of a model file keep this far below what 32 bits count.
        let first = self.nodes.len() as u32;
        for child in first..first + count {
            self.nodes.push(Node { threshold: f32::INFINITY, feature: 0, child, vote: 0 });
        }
        first
    }

    /// A score for each row, and which of them are known: `None` where all are.
    pub(super) fn score(&self, columns: &[&[f64]], rows: usize) -> (Vec<f64>, Option<BooleanBuffer>) {
        let width = columns.len();
        let trees = self.trees.len() as f64;
        let mut scores = Vec::with_capacity(rows);
        let mut known = vec![true; rows];
        let mut values = vec![0.0_f32; BLOCK * width];
        for start in (0..rows).step_by(BLOCK) {
            let count = BLOCK.min(rows - start);
            let known = &mut known[start..start + count];
            for (at, column) in columns.iter().enumerate() {
                for (row, &value) in column[start..start + count].iter().enumerate() {
                    let value = value as f32;
                    known[row] &= value.is_finite();
                    values[row * width + at] = value;
                }
            }
            let mut votes = [0_u32; BLOCK];
            for tree in &self.trees {
                self.vote(tree, &values, width, &mut votes[..count]);
            }
            scores.extend(votes[..count].iter().map(|&votes| f64::from(votes) / trees));
        }
        let unknown = known.iter().any(|known| !known);
        (scores, unknown.then(|| BooleanBuffer::from(known)))
    }

    /// Adds the votes of one tree on a block of rows.
    fn vote(&self, tree: &Walk, values: &[f32], width: usize, votes: &mut [u32]) {
        let mut at = [tree.root; BLOCK];
        for _ in 0..tree.steps {
            for (at, row) in at.iter_mut().zip(values.chunks_exact(width)).take(votes.len()) {
                let node = &self.nodes[*at as usize];
                *at = node.child + u32::from(row[node.feature as usize] > node.threshold);
            }
        }
        for (votes, at) in votes.iter_mut().zip(at) {
            *votes += self.nodes[at as usize].vote;
        }
    }
}
