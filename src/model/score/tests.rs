use proptest::prelude::*;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::*;
use crate::model::file::Tree;
use crate::model::fixture;

/// Parameters of one feature: mean, scale, coefficient.
type Parameters = (f64, f64, f64);

/// A number, or now and then a NULL or something that is no measurement.
fn cell() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![
        20 => (-100.0_f64..100.0).prop_map(Some),
        1 => Just(None),
        1 => prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY]).prop_map(Some),
    ]
}

fn parameters() -> impl Strategy<Value = Vec<Parameters>> {
    prop::collection::vec((-50.0_f64..50.0, 0.01_f64..20.0, -3.0_f64..3.0), 1..6)
}

/// A model, and the columns of some rows for it.
fn case() -> impl Strategy<Value = (f64, Vec<Parameters>, Vec<Vec<Option<f64>>>)> {
    (-3.0_f64..3.0, parameters(), 0_usize..70).prop_flat_map(|(intercept, parameters, rows)| {
        let columns = prop::collection::vec(prop::collection::vec(cell(), rows), parameters.len());
        (Just(intercept), Just(parameters), columns)
    })
}

fn compile(intercept: f64, parameters: &[Parameters]) -> CompiledModel {
    let names: Vec<String> = (0..parameters.len()).map(|at| format!("x{at}")).collect();
    let features: Vec<_> = names
        .iter()
        .zip(parameters)
        .map(|(name, &(mean, scale, coefficient))| (name.as_str(), mean, scale, coefficient))
        .collect();
    CompiledModel::new(&fixture::model("m", intercept, &features))
}

/// The textbook formula, one row at a time.
fn naive(intercept: f64, parameters: &[Parameters], row: &[Option<f64>]) -> Option<f64> {
    let mut log_odds = intercept;
    for (&(mean, scale, coefficient), value) in parameters.iter().zip(row) {
        let value = (*value).filter(|value| value.is_finite())?;
        log_odds += coefficient * ((value - mean) / scale);
    }
    let odds = log_odds.exp();
    Some(if odds.is_infinite() { 1.0 } else { odds / (1.0 + odds) })
}

fn score(model: &CompiledModel, columns: &[Float64Array]) -> Float64Array {
    model.score(&columns.iter().collect::<Vec<_>>()).unwrap()
}

/// The scores' bits; `None` is NULL.
fn bits(scores: &Float64Array) -> Vec<Option<u64>> {
    scores.iter().map(|score| score.map(f64::to_bits)).collect()
}

proptest! {
    #[test]
    fn scores_equal_the_formula_row_by_row((intercept, parameters, columns) in case()) {
        let model = compile(intercept, &parameters);
        let arrays: Vec<Float64Array> = columns.iter().cloned().map(Float64Array::from).collect();
        let scores = score(&model, &arrays);
        for (row, got) in scores.iter().enumerate() {
            let values: Vec<_> = columns.iter().map(|column| column[row]).collect();
            let wanted = naive(intercept, &parameters, &values);
            prop_assert_eq!(got.is_some(), wanted.is_some(), "row {} {:?}", row, values);
            if let (Some(got), Some(wanted)) = (got, wanted) {
                prop_assert!((got - wanted).abs() <= 1e-9, "row {}: {} and {}", row, got, wanted);
            }
        }
    }

    #[test]
    fn batches_of_any_size_give_the_same_bits((intercept, parameters, columns) in case(), size in 1_usize..20) {
        let model = compile(intercept, &parameters);
        let arrays: Vec<Float64Array> = columns.into_iter().map(Float64Array::from).collect();
        let rows = arrays[0].len();
        let mut pieces = Vec::new();
        for start in (0..rows).step_by(size) {
            let length = size.min(rows - start);
            let slices: Vec<_> = arrays.iter().map(|array| array.slice(start, length)).collect();
            pieces.extend(bits(&score(&model, &slices)));
        }
        prop_assert_eq!(bits(&score(&model, &arrays)), pieces);
    }
}

/// A tree grown at random over `features` features, with thresholds that some cells meet exactly.
fn random_tree(rng: &mut Pcg64, features: u16) -> Tree {
    let mut tree = Tree::default();
    let mut open = 1;
    while tree.len() < open {
        tree.feature.push(rng.random_range(0..features));
        tree.threshold.push((f32::from(rng.random::<i8>()) / 4.0).round());
        for side in [&mut tree.low, &mut tree.high] {
            side.push(match rng.random_range(0..10) {
                0..4 if open < 60 => {
                    open += 1;
                    open as i32 - 1
                }
                0..7 => Tree::AGAINST,
                _ => Tree::FOR,
            });
        }
    }
    tree
}

/// A forest, its trees and the columns of some rows for it: more rows than a block has.
fn forest_case() -> impl Strategy<Value = (Vec<Tree>, Vec<Vec<Option<f64>>>)> {
    (any::<u64>(), 1_u16..5, 0_usize..4, 0_usize..300).prop_flat_map(|(seed, features, pairs, rows)| {
        let mut rng = Pcg64::seed_from_u64(seed);
        let trees: Vec<Tree> = (0..2 * pairs + 1).map(|_| random_tree(&mut rng, features)).collect();
        let value = prop_oneof![cell(), (-30_i32..30).prop_map(|value| Some(f64::from(value)))];
        let columns = prop::collection::vec(prop::collection::vec(value, rows), usize::from(features));
        (Just(trees), columns)
    })
}

fn compile_forest(trees: &[Tree], features: usize) -> CompiledModel {
    let names: Vec<String> = (0..features).map(|at| format!("x{at}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    CompiledModel::new(&fixture::forest("f", &names, trees.to_vec()))
}

/// One row through the trees of the file, question by question.
fn walk(trees: &[Tree], row: &[Option<f64>]) -> Option<f64> {
    let row: Option<Vec<f64>> = row.iter().map(|value| value.filter(|value| value.is_finite())).collect();
    let row = row?;
    let votes_for = |tree: &&Tree| {
        let mut at = 0;
        loop {
            let above = row[usize::from(tree.feature[at])] as f32 > tree.threshold[at];
            match if above { tree.high[at] } else { tree.low[at] } {
                Tree::FOR => return true,
                Tree::AGAINST => return false,
                next => at = next as usize,
            }
        }
    };
    Some(trees.iter().filter(votes_for).count() as f64 / trees.len() as f64)
}

proptest! {
    #[test]
    fn a_forest_scores_as_its_trees_are_walked((trees, columns) in forest_case()) {
        let model = compile_forest(&trees, columns.len());
        let arrays: Vec<Float64Array> = columns.iter().cloned().map(Float64Array::from).collect();
        let scores = score(&model, &arrays);
        for (row, got) in scores.iter().enumerate() {
            let values: Vec<_> = columns.iter().map(|column| column[row]).collect();
            prop_assert_eq!(got, walk(&trees, &values), "row {} {:?}", row, values);
        }
    }

    #[test]
    fn a_forest_gives_the_same_bits_in_batches_of_any_size((trees, columns) in forest_case(), size in 1_usize..200) {
        let model = compile_forest(&trees, columns.len());
        let arrays: Vec<Float64Array> = columns.into_iter().map(Float64Array::from).collect();
        let rows = arrays[0].len();
        let mut pieces = Vec::new();
        for start in (0..rows).step_by(size) {
            let length = size.min(rows - start);
            let slices: Vec<_> = arrays.iter().map(|array| array.slice(start, length)).collect();
            pieces.extend(bits(&score(&model, &slices)));
        }
        prop_assert_eq!(bits(&score(&model, &arrays)), pieces);
    }
}

#[test]
fn a_forest_counts_votes() {
    let model = CompiledModel::new(&fixture::failure_forest());
    let superheat = vec![Some(12.0), Some(11.5), Some(9.0), Some(8.0), None, Some(f64::NAN), Some(1e300)];
    let vibration = vec![Some(0.03), Some(0.03), Some(0.01), Some(0.02), Some(0.01), Some(0.01), Some(0.01)];
    let scores = score(&model, &[superheat.into(), vibration.into()]);
    // For: the first two trees; the second; the last two; none. A value beyond single precision says nothing.
    let wanted = [Some(2.0 / 3.0), Some(1.0 / 3.0), Some(2.0 / 3.0), Some(0.0), None, None, None];
    assert_eq!(scores.iter().collect::<Vec<_>>(), wanted);
}

#[test]
fn a_row_at_the_means_scores_the_intercept() {
    let model = CompiledModel::new(&fixture::failure());
    let scores = score(&model, &[vec![8.0, 10.0].into(), vec![0.02, 0.025].into()]);
    assert_eq!(scores.value(0), 1.0 / (1.0 + 1.5_f64.exp()));
    // One standard deviation up in both: -1.5 + 0.75 + 1.25.
    assert!((scores.value(1) - 1.0 / (1.0 + (-0.5_f64).exp())).abs() < 1e-12);
    assert_eq!(scores.null_count(), 0);
}

#[test]
fn extreme_log_odds_saturate() {
    let model = CompiledModel::new(&fixture::model("m", 0.0, &[("x", 0.0, 1.0, 1.0)]));
    assert_eq!(bits(&score(&model, &[vec![-1e6, 1e6].into()])), [Some(0), Some(1.0_f64.to_bits())]);
}

#[test]
fn a_sum_that_overflows_is_null() {
    let model = CompiledModel::new(&fixture::model("m", 0.0, &[("x", 0.0, 0.1, 1.0)]));
    assert_eq!(bits(&score(&model, &[vec![f64::MAX].into()])), [None]);
}

#[test]
fn columns_that_do_not_fit_are_an_error() {
    let model = CompiledModel::new(&fixture::failure());
    let (two, three) = (Float64Array::from(vec![1.0; 2]), Float64Array::from(vec![1.0; 3]));
    assert_eq!(model.score(&[&two]), Err(ScoreError::Columns { wanted: 2, got: 1 }));
    assert_eq!(model.score(&[&two, &three]), Err(ScoreError::Lengths { first: 2, other: 3 }));
}
