//! A small model for the tests of this module.

use super::baseline::{BaselineCard, BaselineFile, Condition, MachineBaseline, Parameters};
use super::file::{Algorithm, Card, Feature, ModelFile, Part, Scaling, Settings, Tree};
use super::metrics::Metrics;

/// The card of no real training.
pub(crate) fn card() -> Card {
    let metrics = Metrics {
        log_loss: 0.2,
        brier: 0.05,
        roc_auc: 0.9,
        pr_auc: 0.8,
        accuracy: 0.95,
        recall: 0.7,
        precision: Some(0.75),
    };
    Card {
        label: "failure".into(),
        data: "made up".into(),
        query: "SELECT 1".into(),
        query_sha: "00".into(),
        settings: Settings::Logistic { alpha: 1.0 },
        machines: 8,
        rows: 80,
        positives: 20,
        rows_without_label: 0,
        rows_without_feature: 3,
        split: "by machine".into(),
        training: Part { machines: 6, rows: 60, positives: 15, metrics },
        held_out: Part { machines: 2, rows: 20, positives: 5, metrics },
    }
}

/// A logistic model; each feature is (name, mean, scale, coefficient).
pub(crate) fn model(name: &str, intercept: f64, features: &[(&str, f64, f64, f64)]) -> ModelFile {
    let algorithm = Algorithm::Logistic {
        intercept,
        coefficients: features.iter().map(|&(_, _, _, coefficient)| coefficient).collect(),
    };
    let feature = |&(name, mean, scale, _): &(&str, f64, f64, f64)| Feature {
        name: name.into(),
        scaling: Some(Scaling { mean, scale }),
    };
    let features = features.iter().map(feature).collect();
    ModelFile::new(name, algorithm, features, card()).unwrap()
}

/// `failure`: superheat and vibration.
pub(crate) fn failure() -> ModelFile {
    model("failure", -1.5, &[("superheat_avg", 8.0, 2.0, 0.75), ("vibration_avg", 0.02, 0.005, 1.25)])
}

/// A forest over the named features.
pub(crate) fn forest(name: &str, features: &[&str], trees: Vec<Tree>) -> ModelFile {
    let features = features.iter().map(|&name| Feature { name: name.into(), scaling: None }).collect();
    ModelFile::new(name, Algorithm::Forest { trees }, features, card()).unwrap()
}

/// `failure_forest`: three trees over superheat and vibration. The first asks about both, the second about
/// superheat, the third about vibration.
pub(crate) fn failure_forest() -> ModelFile {
    let tree = |feature: &[u16], threshold: &[f32], low: &[i32], high: &[i32]| Tree {
        feature: feature.into(),
        threshold: threshold.into(),
        low: low.into(),
        high: high.into(),
    };
    let trees = vec![
        tree(&[1, 0], &[0.0205, 11.5], &[0, 0], &[1, -1]),
        tree(&[0], &[8.5], &[0], &[-1]),
        tree(&[1], &[0.015], &[-1], &[0]),
    ];
    forest("failure_forest", &["superheat_avg", "vibration_avg"], trees)
}

/// A baseline `superheat` of the machines a and c, under the condition `vibration_avg` from 0.01 to 0.025.
pub(crate) fn superheat() -> BaselineFile {
    let condition =
        Condition { name: "vibration_avg".into(), mean: 0.01, scale: 0.01, low: 0.01, high: 0.025 };
    let machine = |level, error| MachineBaseline { rows: 50, error, coefficients: vec![level, 1.0, 0.5] };
    let machines = [("a".into(), machine(8.0, 0.25)), ("c".into(), machine(6.0, 0.5))].into();
    let card = BaselineCard {
        label: "superheat_avg".into(),
        data: "made up".into(),
        query: "SELECT 1".into(),
        query_sha: "00".into(),
        prior_rows: 100.0,
        rows: 100,
        rows_without_label: 0,
        rows_without_condition: 0,
        machines_without_rows: vec![],
        error: 0.4,
        error_of_mean: 1.0,
    };
    BaselineFile::new("superheat", Parameters { conditions: vec![condition], machines }, card).unwrap()
}
