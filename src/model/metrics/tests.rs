use proptest::prelude::*;

use super::*;

fn close(got: f64, wanted: f64) -> bool {
    (got - wanted).abs() <= 1e-6
}

#[test]
fn a_small_example_worked_by_hand() {
    // Ranked: 0.8 (1), 0.4 (0), 0.35 (1), 0.1 (0). Of the 4 pairs of positive and negative, 3 are in order.
    // Precision is 1/1 at the first positive and 2/3 at the second: their mean is 5/6.
    let scores = [0.1, 0.4, 0.35, 0.8];
    let labels = [false, false, true, true];
    let metrics = Metrics::measure(&scores, &labels).unwrap();
    assert!(close(metrics.roc_auc, 0.75));
    assert!(close(metrics.pr_auc, 5.0 / 6.0));
    assert!(close(metrics.accuracy, 0.75));
    // One of the two positives scores 0.5 or more, and nothing else does.
    assert_eq!((metrics.recall, metrics.precision), (0.5, Some(1.0)));
    assert!(close(metrics.brier, (0.01 + 0.16 + 0.4225 + 0.04) / 4.0));
    let log_loss = -(0.9_f64.ln() + 0.6_f64.ln() + 0.35_f64.ln() + 0.8_f64.ln()) / 4.0;
    assert!(close(metrics.log_loss, log_loss));
}

#[test]
fn equal_scores_are_chance() {
    let metrics = Metrics::measure(&[0.3; 4], &[true, false, false, false]).unwrap();
    assert!(close(metrics.roc_auc, 0.5));
    assert!(close(metrics.pr_auc, 0.25));
    assert_eq!((metrics.recall, metrics.precision), (0.0, None));
    // One half is on the side of the positives.
    let metrics = Metrics::measure(&[0.5; 4], &[true, false, false, false]).unwrap();
    assert_eq!((metrics.recall, metrics.precision, metrics.accuracy), (1.0, Some(0.25), 0.25));
}

#[test]
fn perfect_scores_are_perfect() {
    let metrics = Metrics::measure(&[1.0, 0.0, 1.0], &[true, false, true]).unwrap();
    let wanted = Metrics {
        log_loss: 0.0,
        brier: 0.0,
        roc_auc: 1.0,
        pr_auc: 1.0,
        accuracy: 1.0,
        recall: 1.0,
        precision: Some(1.0),
    };
    assert_eq!(metrics, wanted);
}

#[test]
fn a_sure_and_wrong_score_has_a_finite_loss() {
    let metrics = Metrics::measure(&[0.0, 1.0], &[true, false]).unwrap();
    assert!(close(metrics.log_loss, -LOG_LOSS_MARGIN.ln()));
    assert!(close(metrics.roc_auc, 0.0));
}

#[test]
fn one_class_has_no_metrics() {
    assert_eq!(Metrics::measure(&[0.2, 0.3], &[true, true]), None);
    assert_eq!(Metrics::measure(&[], &[]), None);
    assert_eq!(Metrics::measure(&[0.5], &[true, false]), None);
}

/// Share of the pairs of a positive and a negative that are in order; a tie is half in order.
fn pairs_in_order(rows: &[(f64, bool)]) -> f64 {
    let (mut in_order, mut pairs) = (0.0, 0.0);
    for positive in rows.iter().filter(|row| row.1) {
        for negative in rows.iter().filter(|row| !row.1) {
            pairs += 1.0;
            in_order += if positive.0 > negative.0 {
                1.0
            } else if positive.0 == negative.0 {
                0.5
            } else {
                0.0
            };
        }
    }
    in_order / pairs
}

/// Average precision by its definition: for each threshold, from the highest, precision × gain in recall.
fn average_precision(rows: &[(f64, bool)]) -> f64 {
    let mut thresholds: Vec<f64> = rows.iter().map(|row| row.0).collect();
    thresholds.sort_by(|a, b| b.total_cmp(a));
    thresholds.dedup();
    let positives = rows.iter().filter(|row| row.1).count() as f64;
    let (mut sum, mut last_recall) = (0.0, 0.0);
    for threshold in thresholds {
        let alarms = rows.iter().filter(|row| row.0 >= threshold).count() as f64;
        let hits = rows.iter().filter(|row| row.0 >= threshold && row.1).count() as f64;
        sum += hits / alarms * (hits / positives - last_recall);
        last_recall = hits / positives;
    }
    sum
}

proptest! {
    #[test]
    fn the_areas_match_their_definitions(
        // Few distinct scores, so that ties are common.
        mut rows in prop::collection::vec(((0_u8..12).prop_map(|tenth| f64::from(tenth) / 11.0), any::<bool>()), 2..60)
    ) {
        rows[0].1 = true;
        rows[1].1 = false;
        let (scores, labels): (Vec<f64>, Vec<bool>) = rows.iter().copied().unzip();
        let metrics = Metrics::measure(&scores, &labels).unwrap();
        prop_assert!(close(metrics.roc_auc, pairs_in_order(&rows)));
        prop_assert!(close(metrics.pr_auc, average_precision(&rows)));
    }
}
