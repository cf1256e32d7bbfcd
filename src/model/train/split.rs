//! Which machines the model learns from, and which it is tested on.

use sha2::{Digest, Sha256};

use super::{TrainError, TrainingSet};

/// Rows of a [`TrainingSet`] in two parts, no machine in both.
#[derive(Debug, PartialEq, Eq)]
pub struct Split {
    /// Rows of the training machines.
    pub training: Vec<usize>,
    /// Rows of the held-out machines.
    pub held_out: Vec<usize>,
    /// Number of training machines.
    pub training_machines: usize,
    /// Number of held-out machines.
    pub held_out_machines: usize,
}

impl Split {
    /// How the machines are divided, for the card.
    pub const DESCRIPTION: &str = "by machine: of the machines with a positive row, and of the others, the \
                                   quarter whose SHA-256 of machine_id is smallest is held out";

    /// Holds a quarter of the machines out, at least one; those with a positive row and those without are
    /// divided separately, since faults are rare and both parts need some. Which machine goes where depends on
    /// names and labels only. An error where two parts with both classes cannot be made.
    pub fn by_machine(set: &TrainingSet, label: &str) -> Result<Self, TrainError> {
        let rows = set.labels.len();
        let positives = set.labels.iter().filter(|&&label| label).count();
        if positives == 0 || positives == rows {
            let value = u8::from(positives > 0);
            return Err(TrainError::OneClass { label: label.to_owned(), value, rows });
        }
        let machines = set.machine_names.len();
        let mut has_positive = vec![false; machines];
        for (&machine, &label) in set.machines.iter().zip(&set.labels) {
            has_positive[machine] |= label;
        }
        let (faulty, healthy): (Vec<usize>, Vec<usize>) =
            (0..machines).partition(|&machine| has_positive[machine]);
        if faulty.len() < 2 {
            let (label, positive) = (label.to_owned(), faulty.len());
            return Err(TrainError::TooFewMachines { label, positive, machines });
        }
        let mut is_held_out = vec![false; machines];
        for machine in quarter(set, faulty).into_iter().chain(quarter(set, healthy)) {
            is_held_out[machine] = true;
        }
        let (held_out, training) = (0..rows).partition(|&row| is_held_out[set.machines[row]]);
        let held_out_machines = is_held_out.iter().filter(|&&held_out| held_out).count();
        let split =
            Self { training, held_out, training_machines: machines - held_out_machines, held_out_machines };
        // Positives are in both parts; a negative row may still be missing from one.
        for part in [&split.training, &split.held_out] {
            if part.iter().all(|&row| set.labels[row]) {
                return Err(TrainError::OneClassPart);
            }
        }
        Ok(split)
    }
}

/// A quarter of the machines, at least one of two or more, chosen by the hash of their names.
fn quarter(set: &TrainingSet, mut machines: Vec<usize>) -> Vec<usize> {
    machines.sort_by_cached_key(|&machine| {
        let name = &set.machine_names[machine];
        (Sha256::digest(name.as_bytes()).to_vec(), name.clone())
    });
    let count = if machines.len() < 2 { 0 } else { ((machines.len() + 2) / 4).max(1) };
    machines.truncate(count);
    machines
}
