use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, StringArray, TimestampMicrosecondArray};
use arrow::compute::concat_batches;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use smartcore::linear::logistic_regression::{LogisticRegression, LogisticRegressionParameters};

use super::*;
use crate::model::Algorithm;

/// Log-odds of a made-up row: the truth the training should find again.
fn true_log_odds(superheat: f64, vibration: f64) -> f64 {
    -1.0 + 0.8 * (superheat - 8.0) + 90.0 * (vibration - 0.03)
}

fn options() -> TrainOptions {
    TrainOptions {
        name: "failure".into(),
        label: "failure".into(),
        query: "SELECT * FROM made_up".into(),
        data: "made up".into(),
        settings: Settings::Logistic { alpha: 1.0 },
    }
}

/// A small forest.
const FOREST: Settings = Settings::Forest { trees: 21, depth: 5, min_leaf: 4, seed: 3 };

/// Rows of `machines` machines, one batch for each, drawn from [`true_log_odds`].
pub(super) fn data(machines: usize, rows: usize) -> Vec<RecordBatch> {
    let mut rng = Pcg64::seed_from_u64(7);
    (0..machines)
        .map(|machine| {
            let superheat: Vec<f64> = (0..rows).map(|_| 4.0 + 8.0 * rng.random::<f64>()).collect();
            let vibration: Vec<f64> = (0..rows).map(|_| 0.06 * rng.random::<f64>()).collect();
            let label: Vec<i64> = superheat
                .iter()
                .zip(&vibration)
                .map(|(&s, &v)| {
                    let probability = 1.0 / (1.0 + (-true_log_odds(s, v)).exp());
                    i64::from(rng.random::<f64>() < probability)
                })
                .collect();
            batch(&[
                ("machine_id", Arc::new(StringArray::from(vec![format!("m{machine}"); rows]))),
                ("window_end", Arc::new(TimestampMicrosecondArray::from(vec![0; rows]))),
                ("site", Arc::new(StringArray::from(vec!["north"; rows]))),
                ("superheat_avg", Arc::new(Float64Array::from(superheat))),
                ("vibration_avg", Arc::new(Float64Array::from(vibration))),
                ("failure", Arc::new(Int64Array::from(label))),
            ])
        })
        .collect()
}

fn batch(columns: &[(&str, ArrayRef)]) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(
        columns.iter().map(|(name, column)| (*name, column.clone(), true)),
    )
    .unwrap()
}

/// Machines a to d with labels 0 and 1 each, and the given feature and label columns of 8 rows.
fn small(feature: Vec<Option<f64>>, label: ArrayRef) -> RecordBatch {
    batch(&[
        ("machine_id", Arc::new(StringArray::from(vec!["a", "a", "b", "b", "c", "c", "d", "d"]))),
        ("x", Arc::new(Float64Array::from(feature))),
        ("failure", label),
    ])
}

fn alternating() -> ArrayRef {
    Arc::new(Int64Array::from(vec![0, 1, 0, 1, 0, 1, 0, 1]))
}

fn numbers() -> Vec<Option<f64>> {
    [1.0, 3.0, 2.0, 5.0, 1.5, 2.5, 0.5, 4.0].map(Some).to_vec()
}

fn error(batches: &[RecordBatch]) -> TrainError {
    train(batches, &options()).unwrap_err()
}

#[test]
fn training_finds_the_truth_behind_noisy_labels() {
    let model = train(&data(40, 500), &options()).unwrap();
    let names: Vec<&str> = model.features().iter().map(|feature| feature.name.as_str()).collect();
    assert_eq!(names, ["superheat_avg", "vibration_avg"]);

    let Algorithm::Logistic { intercept, coefficients } = model.algorithm() else { unreachable!() };
    let scalings: Vec<_> = model.features().iter().map(|feature| feature.scaling.unwrap()).collect();
    let slope = |at: usize| coefficients[at] / scalings[at].scale;
    assert!((slope(0) - 0.8).abs() < 0.05, "{}", slope(0));
    assert!((slope(1) - 90.0).abs() < 5.0, "{}", slope(1));
    let at_means = true_log_odds(scalings[0].mean, scalings[1].mean);
    assert!((intercept - at_means).abs() < 0.1, "{intercept}");

    let card = model.card();
    assert_eq!((card.machines, card.training.machines, card.held_out.machines), (40, 30, 10));
    assert_eq!((card.rows, card.training.rows, card.held_out.rows), (20_000, 15_000, 5_000));
    assert_eq!(card.positives, card.training.positives + card.held_out.positives);
    assert_eq!(card.query_sha, sha256_hex(b"SELECT * FROM made_up"));
    // The best possible ranking of these rows has an area of about 0.91; machines do not differ, so the
    // held-out part must do as well as the other.
    assert!(card.held_out.metrics.roc_auc > 0.88, "{:?}", card.held_out);
    assert!((card.held_out.metrics.roc_auc - card.training.metrics.roc_auc).abs() < 0.03);
}

#[test]
fn scores_agree_with_the_library_that_trained() {
    let batches = data(12, 200);
    let model = train(&batches, &options()).unwrap();

    // The same fit by hand, over the same rows; the library predicts classes.
    let set = TrainingSet::read(&batches, "failure").unwrap();
    let split = Split::by_machine(&set, "failure").unwrap();
    let y: Vec<u32> = split.training.iter().map(|&row| u32::from(set.labels[row])).collect();
    let scalings: Vec<_> = model.features().iter().map(|feature| feature.scaling.unwrap()).collect();
    let x = logistic::standardised(&set, &split.training, &scalings).unwrap();
    let parameters = LogisticRegressionParameters::default().with_alpha(1.0);
    let library = LogisticRegression::fit(&x, &y, parameters).unwrap();
    let all: Vec<usize> = (0..set.labels.len()).collect();
    let classes = library.predict(&logistic::standardised(&set, &all, &scalings).unwrap()).unwrap();

    let columns: Vec<Float64Array> = set.columns.iter().cloned().map(Float64Array::from).collect();
    let scores = CompiledModel::new(&model).score(&columns.iter().collect::<Vec<_>>()).unwrap();
    let ours: Vec<u32> = scores.values().iter().map(|&score| u32::from(score > 0.5)).collect();
    assert_eq!(ours, classes);
    assert_eq!(ours.iter().collect::<HashSet<_>>().len(), 2);
}

#[test]
fn a_forest_finds_the_truth_too() {
    let model = train(&data(40, 200), &TrainOptions { settings: FOREST, ..options() }).unwrap();
    let card = model.card();
    assert_eq!(card.settings, FOREST);
    assert!(model.features().iter().all(|feature| feature.scaling.is_none()));
    assert!(card.held_out.metrics.roc_auc > 0.85, "{:?}", card.held_out);
}

#[test]
fn training_again_gives_the_same_bytes_whatever_the_order_of_rows() {
    let batches = data(10, 60);
    let whole = concat_batches(&batches[0].schema(), &batches).unwrap();
    let mut order: Vec<u32> = (0..whole.num_rows() as u32).collect();
    let mut rng = Pcg64::seed_from_u64(3);
    for at in (1..order.len()).rev() {
        order.swap(at, rng.random_range(0..=at));
    }
    let order = arrow::array::UInt32Array::from(order);
    let shuffled = arrow::compute::take_record_batch(&whole, &order).unwrap();
    let pieces = [shuffled.slice(0, 100), shuffled.slice(100, 500)];
    for settings in [options().settings, FOREST] {
        let options = TrainOptions { settings, ..options() };
        let first = train(&batches, &options).unwrap().to_json().unwrap();
        assert_eq!(train(&batches, &options).unwrap().to_json().unwrap(), first);
        assert_eq!(train(&pieces, &options).unwrap().to_json().unwrap(), first);
    }
}

#[test]
fn no_machine_is_in_both_parts() {
    let set = TrainingSet::read(&data(17, 20), "failure").unwrap();
    let split = Split::by_machine(&set, "failure").unwrap();
    let of = |rows: &[usize]| -> HashSet<usize> { rows.iter().map(|&row| set.machines[row]).collect() };
    let (training, held_out) = (of(&split.training), of(&split.held_out));
    assert!(training.is_disjoint(&held_out));
    assert_eq!((training.len(), held_out.len()), (13, 4));
    assert_eq!(split.training.len() + split.held_out.len(), set.labels.len());
}

#[test]
fn a_machine_keeps_its_side_when_rows_are_added() {
    let of = |rows| {
        let set = TrainingSet::read(&data(12, rows), "failure").unwrap();
        let split = Split::by_machine(&set, "failure").unwrap();
        split.held_out.iter().map(|&row| set.machine_names[set.machines[row]].clone()).collect::<HashSet<_>>()
    };
    assert_eq!(of(40), of(80));
}

#[test]
fn rows_that_cannot_be_used_are_counted() {
    let (mut feature, mut label) =
        (numbers(), vec![Some(0), Some(1), Some(0), Some(1), Some(0), Some(1), Some(0), Some(1)]);
    feature.extend([None, Some(f64::NAN), Some(f64::INFINITY), Some(1.0)]);
    label.extend([Some(1), Some(0), Some(0), None]);
    let machines = vec!["a", "a", "b", "b", "c", "c", "d", "d", "a", "b", "c", "d"];
    let rows = batch(&[
        ("machine_id", Arc::new(StringArray::from(machines))),
        ("x", Arc::new(Float64Array::from(feature))),
        ("failure", Arc::new(Int64Array::from(label))),
    ]);
    let with_holes = train(&[rows], &options()).unwrap();
    let card = with_holes.card();
    assert_eq!((card.rows, card.rows_without_feature, card.rows_without_label), (8, 3, 1));
    // They leave no trace in the parameters.
    let without = train(&[small(numbers(), alternating())], &options()).unwrap();
    assert_eq!(with_holes.version(), without.version());
}

#[test]
fn labels_may_be_boolean_and_machines_numbers() {
    let labels = BooleanArray::from(vec![false, true, false, true, false, true, false, true]);
    let by_text = train(&[small(numbers(), alternating())], &options()).unwrap();
    let by_flag = train(&[small(numbers(), Arc::new(labels))], &options()).unwrap();
    assert_eq!(by_flag.version(), by_text.version());

    let numbered = batch(&[
        ("machine_id", Arc::new(Int64Array::from(vec![1, 1, 2, 2, 3, 3, 4, 4]))),
        ("x", Arc::new(Float64Array::from(numbers()))),
        ("failure", alternating()),
    ]);
    assert_eq!(train(&[numbered], &options()).unwrap().card().machines, 4);
}

#[test]
fn a_missing_label_column_is_named_with_the_columns_there_are() {
    let options = TrainOptions { label: "broken".into(), ..options() };
    let error = train(&[small(numbers(), alternating())], &options).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the training query has no column `broken`; it has: machine_id, x, failure"
    );
    assert!(error.hint().unwrap().contains("--label"));
}

#[test]
fn a_label_that_is_neither_0_nor_1_is_an_error() {
    let labels: ArrayRef = Arc::new(Int64Array::from(vec![0, 1, 2, 1, 0, 1, 0, 1]));
    let error = error(&[small(numbers(), labels)]);
    assert_eq!(error.to_string(), "label `failure` is 2 in a row: a label is 0 or 1, or boolean");
}

#[test]
fn a_label_of_text_is_an_error() {
    let labels: ArrayRef = Arc::new(StringArray::from(vec!["no"; 8]));
    let error = error(&[small(numbers(), labels)]).to_string();
    assert!(error.contains("`failure` has type Utf8"), "{error}");
}

#[test]
fn one_class_only_is_an_error() {
    let error = error(&[small(numbers(), Arc::new(Int64Array::from(vec![0; 8])))]);
    assert_eq!(
        error.to_string(),
        "label `failure` is 0 in all 8 usable rows: there is nothing to tell apart"
    );
}

#[test]
fn one_faulty_machine_is_too_few() {
    let error = error(&[small(numbers(), Arc::new(Int64Array::from(vec![0, 1, 0, 0, 0, 0, 0, 0])))]);
    assert_eq!(error.to_string(), "label `failure` is 1 on 1 of 4 machines: too few to hold some out");
}

#[test]
fn a_query_without_features_is_an_error() {
    let rows = batch(&[
        ("machine_id", Arc::new(Int64Array::from(vec![1, 2]))),
        ("kafka_offset", Arc::new(Int64Array::from(vec![1, 2]))),
        ("failure", Arc::new(Int64Array::from(vec![0, 1]))),
    ]);
    assert!(matches!(error(&[rows]), TrainError::NoFeature));
}

#[test]
fn a_constant_feature_is_named() {
    // 0.1 has no exact mean in binary, so a test on the deviation alone could miss this.
    let error = error(&[small(vec![Some(0.1); 8], alternating())]);
    assert_eq!(error.to_string(), "feature `x` has the same value in every training row");
}

#[test]
fn a_column_without_values_is_named() {
    let error = error(&[small(vec![None; 8], alternating())]);
    assert_eq!(
        error.to_string(),
        "no row can be used: column `x` is NULL or not finite in 8 of 8 labelled rows"
    );
}

#[test]
fn no_rows_and_no_labels_are_errors() {
    assert!(matches!(error(&[]), TrainError::NoRow));
    assert!(matches!(error(&[small(numbers(), alternating()).slice(0, 0)]), TrainError::NoRow));
    let nulls: ArrayRef = Arc::new(Int64Array::from(vec![None; 8]));
    assert!(matches!(error(&[small(numbers(), nulls)]), TrainError::NoLabel(_)));
}

#[test]
fn settings_that_make_no_sense_are_errors() {
    let forest = |trees, depth, min_leaf| Settings::Forest { trees, depth, min_leaf, seed: 1 };
    for (settings, wanted) in [
        (Settings::Logistic { alpha: -1.0 }, "alpha -1"),
        (Settings::Logistic { alpha: f64::NAN }, "alpha NaN"),
        (Settings::Logistic { alpha: f64::INFINITY }, "alpha inf"),
        (forest(0, 5, 1), "0 trees: the number must be odd"),
        (forest(50, 5, 1), "50 trees: the number must be odd, so that no vote is a tie"),
        (forest(1_003, 5, 1), "1003 trees"),
        (forest(51, 0, 1), "depth 0"),
        (forest(51, 16, 1), "depth 16: a tree asks 1 to 15 questions"),
        (forest(51, 5, 0), "at least one row"),
    ] {
        let options = TrainOptions { settings, ..options() };
        let error = train(&[small(numbers(), alternating())], &options).unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
    }
}
