//! A baseline as a file: see the module above for its shape.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::terms;
use crate::model::file::{FileError, VERSION_DIGITS, is_plain_name, json_text, sha256_hex, write_whole};

/// One condition that an expectation depends on, with its range in the training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// The column, in the training query and wherever `expected` stands.
    pub name: String,
    /// Mean over the training rows, in the column's unit.
    pub mean: f64,
    /// Standard deviation over the training rows, in the column's unit; more than 0.
    pub scale: f64,
    /// The least value in the training; below it nothing is expected.
    pub low: f64,
    /// The greatest value in the training; above it nothing is expected.
    pub high: f64,
}

/// The baseline of one machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MachineBaseline {
    /// Rows it was learned from.
    pub rows: usize,
    /// Root mean square of measured − expected over a quarter of its rows, expected from the other three; in the unit of the
    /// label.
    pub error: f64,
    /// Level, slopes, products: see the module.
    pub coefficients: Vec<f64>,
}

/// Everything that influences an expectation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// The conditions, in the order of the coefficients.
    pub conditions: Vec<Condition>,
    /// Each machine's polynomial.
    pub machines: BTreeMap<String, MachineBaseline>,
}

/// Where a baseline comes from and how good it is: for people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaselineCard {
    /// The label column: what is expected.
    pub label: String,
    /// What the data is, in words.
    pub data: String,
    /// Text of the training query.
    pub query: String,
    /// SHA-256 of the query's text, in hex.
    pub query_sha: String,
    /// How many rows of its own weigh as much for a machine's slopes as those of the fleet.
    pub prior_rows: f64,
    /// Rows that were used.
    pub rows: usize,
    /// Rows left out because their label is NULL or not finite.
    pub rows_without_label: usize,
    /// Labelled rows left out because a condition is NULL or not finite.
    pub rows_without_condition: usize,
    /// Machines left out because they have too few rows.
    pub machines_without_rows: Vec<String>,
    /// Root mean square of measured − expected over the quarter of each machine's rows that was held out: every fourth of
    /// twenty stretches of time.
    pub error: f64,
    /// The same of the machine's own mean instead of the expectation: what the baseline has to beat.
    pub error_of_mean: f64,
}

/// A baseline of a fleet. Made by [`BaselineFile::new`] or read by [`BaselineFile::parse`], so it is always consistent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaselineFile {
    name: String,
    version: String,
    baseline: Parameters,
    card: BaselineCard,
}

/// What can be wrong inside a baseline.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidBaseline {
    /// The name is no plain identifier.
    #[error("baseline name `{0}`: a name starts with a lower-case letter and holds only a-z, 0-9, _ and -")]
    Name(String),
    /// There is nothing to depend on.
    #[error("the baseline has no condition")]
    NoCondition,
    /// Two conditions of one name.
    #[error("condition `{0}` is there twice")]
    Twice(String),
    /// Numbers of a condition cannot be used.
    #[error(
        "condition `{0}`: mean, scale and range must be finite, the scale more than 0, and low no more than high"
    )]
    Range(String),
    /// There is nobody to expect something of.
    #[error("the baseline has no machine")]
    NoMachine,
    /// The parameters of a machine do not match the conditions, or are not finite.
    #[error("machine `{machine}`: {needed} finite coefficients and an error of 0 or more are needed")]
    Coefficients {
        /// The machine.
        machine: String,
        /// Coefficients that belong to so many conditions.
        needed: usize,
    },
    /// The parameters were changed after training.
    #[error(
        "version {written} does not match the parameters, which have version {computed}: edited by hand?"
    )]
    Version {
        /// Version in the file.
        written: String,
        /// Version of the parameters in the file.
        computed: String,
    },
}

impl BaselineFile {
    /// A baseline with the version that belongs to its parameters.
    pub fn new(name: &str, baseline: Parameters, card: BaselineCard) -> Result<Self, InvalidBaseline> {
        let version = version_of(&baseline);
        let file = Self { name: name.to_owned(), version, baseline, card };
        file.check()?;
        Ok(file)
    }

    /// The name SQL knows it by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// 12 hex digits that stand for everything that influences an expectation.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Conditions and machines.
    pub fn parameters(&self) -> &Parameters {
        &self.baseline
    }

    /// Origin and quality.
    pub fn card(&self) -> &BaselineCard {
        &self.card
    }

    /// Reads the text of a baseline file; `path` is for messages.
    pub fn parse(text: &str, path: &Path) -> Result<Self, FileError> {
        let file: Self =
            serde_json::from_str(text).map_err(|source| FileError::Json { path: path.to_owned(), source })?;
        file.check().map_err(|source| FileError::InvalidBaseline { path: path.to_owned(), source })?;
        Ok(file)
    }

    /// Writes the file, making the folder where there is none. It appears whole or not at all.
    pub fn save(&self, path: &Path) -> Result<(), FileError> {
        write_whole(path, &json_text(self)?)
    }

    fn check(&self) -> Result<(), InvalidBaseline> {
        if !is_plain_name(&self.name) {
            return Err(InvalidBaseline::Name(self.name.clone()));
        }
        let Parameters { conditions, machines } = &self.baseline;
        if conditions.is_empty() {
            return Err(InvalidBaseline::NoCondition);
        }
        for (at, condition) in conditions.iter().enumerate() {
            if conditions[..at].iter().any(|other| other.name == condition.name) {
                return Err(InvalidBaseline::Twice(condition.name.clone()));
            }
            let &Condition { mean, scale, low, high, .. } = condition;
            let finite = [mean, scale, low, high].iter().all(|number| number.is_finite());
            if !finite || scale <= 0.0 || low > high {
                return Err(InvalidBaseline::Range(condition.name.clone()));
            }
        }
        if machines.is_empty() {
            return Err(InvalidBaseline::NoMachine);
        }
        let needed = terms(conditions.len());
        for (machine, of) in machines {
            let finite = of.coefficients.iter().all(|number| number.is_finite());
            if of.coefficients.len() != needed || !finite || !of.error.is_finite() || of.error < 0.0 {
                return Err(InvalidBaseline::Coefficients { machine: machine.clone(), needed });
            }
        }
        let computed = version_of(&self.baseline);
        if computed != self.version {
            return Err(InvalidBaseline::Version { written: self.version.clone(), computed });
        }
        Ok(())
    }
}

fn version_of(parameters: &Parameters) -> String {
    // Numbers that are not finite have no JSON; `check` refuses them by name.
    let mut hex = sha256_hex(&serde_json::to_vec(parameters).unwrap_or_default());
    hex.truncate(VERSION_DIGITS);
    hex
}
