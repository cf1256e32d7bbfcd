use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use proptest::prelude::*;

use super::*;
use crate::model::train::TrainError;

fn options() -> BaselineOptions {
    BaselineOptions {
        name: "current".into(),
        label: "current".into(),
        query: "SELECT 1".into(),
        data: "made up".into(),
        prior_rows: 1e-6,
    }
}

/// Machine, ambient, room, current.
type Sample = (&'static str, f64, f64, f64);

/// By a polynomial of each machine's own, without noise.
fn rows() -> Vec<Sample> {
    let truth = |machine: &str, ambient: f64, room: f64| match machine {
        "a" => 5.0 + 0.1 * ambient + 0.003 * ambient * ambient - 0.05 * room,
        _ => 7.0 + 0.2 * ambient + 0.01 * ambient * room,
    };
    let mut rows = Vec::new();
    for at in 0..120 {
        for machine in ["a", "b"] {
            let (ambient, room) = (10.0 + f64::from(at * 7 % 25), 2.0 + f64::from(at * 5 % 7));
            rows.push((machine, ambient, room, truth(machine, ambient, room)));
        }
    }
    rows.push(("few", 20.0, 4.0, 1.0));
    rows
}

fn batch(rows: &[(usize, Sample)]) -> RecordBatch {
    let floats = |of: fn(&Sample) -> f64| -> ArrayRef {
        Arc::new(rows.iter().map(|(_, row)| of(row)).collect::<Float64Array>())
    };
    RecordBatch::try_from_iter(vec![
        (
            "machine_id",
            Arc::new(rows.iter().map(|(_, row)| Some(row.0)).collect::<StringArray>()) as ArrayRef,
        ),
        (
            "window_end",
            Arc::new(TimestampMicrosecondArray::from_iter_values(rows.iter().map(|(at, _)| *at as i64))),
        ),
        ("temp_ambient", floats(|row| row.1)),
        ("temp_room", floats(|row| row.2)),
        ("current", floats(|row| row.3)),
    ])
    .unwrap()
}

fn learned() -> BaselineFile {
    train(&[batch(&rows().into_iter().enumerate().collect::<Vec<_>>())], &options()).unwrap()
}

fn expected(of: &[(&str, Option<f64>, Option<f64>)]) -> Vec<Option<f64>> {
    let machines: StringArray = of.iter().map(|row| Some(row.0)).collect();
    let ambient: Float64Array = of.iter().map(|row| row.1).collect();
    let room: Float64Array = of.iter().map(|row| row.2).collect();
    Expectation::new(&learned()).expected(&machines, &[&ambient, &room]).iter().collect()
}

#[test]
fn each_machine_is_expected_to_do_what_it_did() {
    let found = expected(&[("a", Some(20.0), Some(4.0)), ("b", Some(20.0), Some(4.0))]);
    for (found, truth) in found.into_iter().zip([5.0 + 2.0 + 1.2 - 0.2, 7.0 + 4.0 + 0.8]) {
        assert!((found.unwrap() - truth).abs() < 1e-3, "{found:?} {truth}");
    }
}

#[test]
fn nothing_is_expected_of_a_stranger_nor_under_unknown_conditions() {
    let rows = [
        ("c", Some(20.0), Some(4.0)),
        ("few", Some(20.0), Some(4.0)),
        ("a", None, Some(4.0)),
        ("a", Some(f64::NAN), Some(4.0)),
        ("a", Some(9.9), Some(4.0)),
        ("a", Some(34.1), Some(4.0)),
    ];
    assert_eq!(expected(&rows), [None; 6]);
    // The edge itself was seen.
    assert!(
        expected(&[("a", Some(10.0), Some(2.0)), ("a", Some(34.0), Some(8.0))]).iter().all(Option::is_some)
    );
}

#[test]
fn the_card_names_what_was_left_out() {
    let file = learned();
    let card = file.card();
    assert_eq!(card.machines_without_rows, ["few"]);
    assert_eq!((card.rows, card.rows_without_label, card.rows_without_condition), (240, 0, 0));
    assert!(card.error < 1e-3 && card.error_of_mean > 0.5, "{card:?}");
}

#[test]
fn a_file_is_read_as_it_was_written_and_refused_when_edited() {
    let file = learned();
    let text = crate::model::file::json_text(&file).unwrap();
    assert_eq!(BaselineFile::parse(&text, Path::new("x")).unwrap(), file);
    let edited = text.replacen("\"rows\": 120", "\"rows\": 121", 1);
    assert_ne!(edited, text);
    let error = BaselineFile::parse(&edited, Path::new("x")).unwrap_err().to_string();
    assert!(error.contains("edited by hand"), "{error}");
}

#[test]
fn what_cannot_be_learned_is_said() {
    let all: Vec<_> = rows().into_iter().enumerate().collect();
    let error = |rows: &[_], options: &BaselineOptions| train(&[batch(rows)], options).unwrap_err();
    assert!(matches!(
        error(&all[..20], &options()),
        TrainError::TooFewRows { needed: 30, most: 10, machines: 2 }
    ));
    assert!(matches!(error(&all, &BaselineOptions { prior_rows: 0.0, ..options() }), TrainError::Prior(_)));
    let same: Vec<_> =
        all.iter().map(|&(at, (machine, _, room, y))| (at, (machine, 20.0, room, y))).collect();
    assert!(matches!(error(&same, &options()), TrainError::Constant(name) if name == "temp_ambient"));
    let untimed = batch(&all).project(&[0, 2, 3, 4]).unwrap();
    assert!(matches!(train(&[untimed], &options()).unwrap_err(), TrainError::NoTime));
}

/// A strong prior leaves a machine no slope but the fleet's, and yet its own level.
#[test]
fn a_machine_of_few_rows_has_the_slopes_of_its_fleet() {
    let rows: Vec<_> = rows().into_iter().enumerate().collect();
    let file = train(&[batch(&rows)], &BaselineOptions { prior_rows: 1e12, ..options() }).unwrap();
    let machines = &file.parameters().machines;
    let slopes = |name: &str| machines[name].coefficients[1..].to_vec();
    for (a, b) in slopes("a").iter().zip(slopes("b")) {
        assert!((a - b).abs() < 1e-6, "{a} {b}");
    }
    assert!((machines["a"].coefficients[0] - machines["b"].coefficients[0]).abs() > 1.0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Queries give rows in any order and in any batches: one file comes out.
    #[test]
    fn order_and_batches_do_not_matter(order in Just((0..241usize).collect::<Vec<_>>()).prop_shuffle(), cut in 1usize..240) {
        let rows: Vec<_> = rows().into_iter().enumerate().collect();
        let shuffled: Vec<_> = order.iter().map(|&at| rows[at]).collect();
        let file = train(&[batch(&shuffled[..cut]), batch(&shuffled[cut..])], &options()).unwrap();
        prop_assert_eq!(file, learned());
    }
}
