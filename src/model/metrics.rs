//! How well scores fit labels.

use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

/// Scores of exactly 0 or 1 that are wrong would make the log-loss infinite; they count as this far off.
const LOG_LOSS_MARGIN: f64 = 1e-15;

/// From this score on, a row is taken for a positive one.
const ALARM_FROM: f64 = 0.5;

/// Quality of a set of scores, each rounded to 6 decimals.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// Mean of -ln(probability given to what happened). 0 is perfect.
    pub log_loss: f64,
    /// Mean squared difference of score and label. 0 is perfect.
    pub brier: f64,
    /// Probability that a positive row scores above a negative one, ties counted half. 1 is perfect, 0.5 is chance.
    pub roc_auc: f64,
    /// Average precision: the mean of the precision over the recall, one step per distinct score.
    /// 1 is perfect; chance is the share of positives.
    pub pr_auc: f64,
    /// Share of the rows on the right side of 0.5.
    pub accuracy: f64,
    /// Share of the positive rows that score 0.5 or more.
    pub recall: f64,
    /// Share of the rows that score 0.5 or more that are positive; none where no row does.
    pub precision: Option<f64>,
}

impl Metrics {
    /// Measures `scores` (0 to 1) against their `labels`. `None` where the two differ in length or where only
    /// one class is there, since the areas have no meaning then.
    pub fn measure(scores: &[f64], labels: &[bool]) -> Option<Self> {
        let positives = labels.iter().filter(|&&label| label).count();
        let negatives = labels.len() - positives;
        if scores.len() != labels.len() || positives == 0 || negatives == 0 {
            return None;
        }
        let rows = labels.len() as f64;
        let (mut log_loss, mut brier, mut right) = (0.0, 0.0, 0_usize);
        let (mut hits, mut alarms) = (0_usize, 0_usize);
        for (&score, &label) in scores.iter().zip(labels) {
            let given = if label { score } else { 1.0 - score };
            log_loss -= given.clamp(LOG_LOSS_MARGIN, 1.0).ln();
            brier += (1.0 - given) * (1.0 - given);
            let alarm = score >= ALARM_FROM;
            right += usize::from(alarm == label);
            hits += usize::from(alarm && label);
            alarms += usize::from(alarm);
        }
        let (roc_auc, pr_auc) = areas(scores, labels, positives as f64, negatives as f64);
        Some(Self {
            log_loss: round(log_loss / rows),
            brier: round(brier / rows),
            roc_auc: round(roc_auc),
            pr_auc: round(pr_auc),
            accuracy: round(right as f64 / rows),
            recall: round(hits as f64 / positives as f64),
            precision: (alarms > 0).then(|| round(hits as f64 / alarms as f64)),
        })
    }
}

/// Areas under the ROC curve and the precision-recall curve, in one walk from the highest score down. Rows of
/// equal score are one step, so the areas do not depend on the order of rows.
fn areas(scores: &[f64], labels: &[bool], positives: f64, negatives: f64) -> (f64, f64) {
    let mut ranked: Vec<(f64, bool)> = scores.iter().copied().zip(labels.iter().copied()).collect();
    ranked.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let (mut roc, mut precision_recall) = (0.0, 0.0);
    let (mut hits, mut alarms) = (0.0, 0.0);
    for step in ranked.chunk_by(|a, b| a.0 == b.0) {
        let new_hits = step.iter().filter(|(_, label)| *label).count() as f64;
        let new_false = step.len() as f64 - new_hits;
        // The step is a straight line on the ROC curve: half of its positives count for its negatives.
        roc += new_false * (hits + new_hits / 2.0);
        hits += new_hits;
        alarms += step.len() as f64;
        precision_recall += new_hits / positives * (hits / alarms);
    }
    (roc / (positives * negatives), precision_recall)
}

fn round(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}
