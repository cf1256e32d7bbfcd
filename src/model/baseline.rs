//! What a machine should show under given conditions, learned from its own past.
//!
//! A hot day moves a condenser as far as a fault does, and no two machines are alike. So a measurement is compared with
//! what this machine showed at this ambient, room and load: the difference is the symptom.
//!
//! A baseline is a polynomial of degree 2 in its conditions, one for each machine. A machine's own rows are few and alike,
//! so its slopes are drawn towards those that all machines share (ridge regression around the fleet's within-machine
//! slopes); its level is its own. A machine that was not in the training has no baseline, and conditions outside of what
//! the training saw have no expectation: both are NULL.
//!
//! ```text
//! { "name": "current", "version": "0f3a…",
//!   "baseline": { "conditions": [ { "name": "temp_ambient_avg", "mean": 18.2, "scale": 6.1, "low": 2.0, "high": 36.5 } ],
//!                 "machines": { "7": { "rows": 2880, "error": 0.11, "coefficients": [7.4, 0.6, 0.02] } } },
//!   "card": { … } }
//! ```
//!
//! Coefficients: the level, one for each condition, then one for each pair of conditions (`1·1, 1·2, …, 2·2, …`), all in
//! standardised conditions `(x - mean) / scale`.

mod expect;
mod file;
mod fit;
mod set;

pub use self::expect::Expectation;
pub use self::file::{BaselineCard, BaselineFile, Condition, InvalidBaseline, MachineBaseline, Parameters};
pub use self::fit::{BaselineOptions, train};

/// Number of coefficients over so many conditions.
pub(crate) fn terms(conditions: usize) -> usize {
    1 + conditions + conditions * (conditions + 1) / 2
}

/// Writes the terms of standardised conditions into `out`, in the order of the coefficients.
fn expand(standardised: &[f64], out: &mut Vec<f64>) {
    out.clear();
    out.push(1.0);
    out.extend_from_slice(standardised);
    for (at, a) in standardised.iter().enumerate() {
        out.extend(standardised[at..].iter().map(|b| a * b));
    }
}

#[cfg(test)]
mod tests;
