use std::collections::BTreeSet;

use arrow::array::Float64Array;
use smartcore::tree::decision_tree_classifier::DecisionTreeClassifier;

use super::super::tests::data;
use super::super::{Split, TrainOptions, train};
use super::*;
use crate::model::CompiledModel;

const SETTINGS: Settings = Settings::Forest { trees: 31, depth: 6, min_leaf: 3, seed: 5 };

/// The data of one training, and smartcore's own fit of its training rows.
fn fitted() -> (TrainingSet, Vec<usize>, Fitted) {
    let set = TrainingSet::read(&data(12, 150), "failure").unwrap();
    let rows = Split::by_machine(&set, "failure").unwrap().training;
    let fitted = fit_smartcore(&set, &rows, SETTINGS).unwrap();
    (set, rows, fitted)
}

/// Rows to score: all rows of the data, those the forest has seen and those of machines it has not, and rows that
/// lie exactly on its thresholds or one bit beside them.
fn rows_to_score(set: &TrainingSet, trees: &[Tree]) -> Vec<Vec<f64>> {
    let mut columns = set.columns.clone();
    let thresholds = |feature: u16| -> Vec<f32> {
        let of = |tree: &Tree| -> Vec<f32> {
            let asked = tree.feature.iter().zip(&tree.threshold);
            asked.filter(|(asked, _)| **asked == feature).map(|(_, &threshold)| threshold).collect()
        };
        trees.iter().flat_map(of).flat_map(|t| [t, t.next_up(), t.next_down()]).collect()
    };
    let edges = [thresholds(0), thresholds(1)];
    let count = edges[0].len().max(edges[1].len());
    assert!(edges.iter().all(|edges| edges.len() > 100));
    for (column, edges) in columns.iter_mut().zip(&edges) {
        column.extend(edges.iter().cycle().take(count).map(|&edge| f64::from(edge)));
    }
    columns
}

#[test]
fn scores_are_smartcore_s_own_votes() {
    let (set, _, fitted) = fitted();
    // The model as it is shipped: through training, the file's text and the compiled scorer.
    let options = TrainOptions {
        name: "forest".into(),
        label: "failure".into(),
        query: String::new(),
        data: String::new(),
        settings: SETTINGS,
    };
    let text = train(&data(12, 150), &options).unwrap().to_json().unwrap();
    let model = crate::model::ModelFile::parse(&text, std::path::Path::new("forest.json")).unwrap();
    let Algorithm::Forest { trees } = model.algorithm() else { unreachable!() };
    let columns = rows_to_score(&set, trees);
    let arrays: Vec<Float64Array> = columns.iter().cloned().map(Float64Array::from).collect();
    let scores = CompiledModel::new(&model).score(&arrays.iter().collect::<Vec<_>>()).unwrap();
    let classes: Vec<u32> = scores.values().iter().map(|&score| u32::from(score >= 0.5)).collect();

    let rows = columns[0].len();
    let values = columns.iter().flatten().map(|&value| value as f32).collect();
    let x = DenseMatrix::new(rows, columns.len(), values, true).unwrap();
    assert_eq!(classes, fitted.predict(&x).unwrap());

    // Tree by tree: smartcore reads its own trees back, each for itself, and predicts.
    let exported = serde_json::to_value(&fitted).unwrap();
    let mut votes = vec![0_u32; rows];
    for tree in exported["trees"].as_array().unwrap() {
        let tree: DecisionTreeClassifier<f32, u32, DenseMatrix<f32>, Vec<u32>> =
            serde_json::from_value(tree.clone()).unwrap();
        for (votes, class) in votes.iter_mut().zip(tree.predict(&x).unwrap()) {
            *votes += class;
        }
    }
    let shares: Vec<f64> = votes.iter().map(|&votes| f64::from(votes) / 31.0).collect();
    assert_eq!(scores.values().to_vec(), shares);
    // The rows are worth the comparison: every other share is among them.
    let distinct: BTreeSet<u32> = votes.into_iter().collect();
    assert!(distinct.len() > 15, "{distinct:?}");
}

#[test]
fn questions_that_decide_nothing_are_left_out() {
    let (_, _, fitted) = fitted();
    let exported: Exported = serde_json::from_value(serde_json::to_value(&fitted).unwrap()).unwrap();
    let trees = export(&fitted).unwrap();
    let asked = exported.trees.iter().flat_map(|tree| &tree.nodes).filter(|node| node.true_child.is_some());
    let kept: usize = trees.iter().map(Tree::len).sum();
    assert!(kept < asked.count());
    for tree in &trees {
        let both = tree.low.iter().zip(&tree.high);
        assert!(both.into_iter().all(|(low, high)| low != high), "{tree:?}");
    }
}

fn node(output: usize, children: Option<(usize, usize)>) -> Node {
    Node {
        output,
        split_feature: 1,
        split_value: children.map(|_| 0.5),
        true_child: children.map(|(low, _)| low),
        false_child: children.map(|(_, high)| high),
    }
}

#[test]
fn a_tree_whose_leaves_all_agree_is_one_question() {
    let tree = export_tree(&[node(0, Some((1, 2))), node(1, None), node(1, None)]).unwrap();
    assert_eq!((tree.low, tree.high), (vec![Tree::FOR], vec![Tree::FOR]));
    let tree = export_tree(&[node(0, None)]).unwrap();
    assert_eq!((tree.low, tree.high), (vec![Tree::AGAINST], vec![Tree::AGAINST]));
}

#[test]
fn nodes_that_are_no_tree_are_an_error() {
    let mut coarse = node(0, Some((1, 2)));
    coarse.split_value = Some(0.1);
    for nodes in [
        vec![],
        vec![node(0, Some((0, 1))), node(1, None)],
        vec![node(0, Some((1, 7))), node(1, None)],
        vec![coarse, node(0, None), node(1, None)],
    ] {
        assert!(matches!(export_tree(&nodes), Err(TrainError::Export(_))));
    }
}
