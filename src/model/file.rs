//! A trained model as a file: one JSON object, made to be read by people and compared by `diff`.
//!
//! ```json
//! {
//!   "name": "failure",
//!   "version": "0f3a…",                  first 12 hex digits of a SHA-256 over `algorithm` and `features`
//!   "algorithm": { "logistic": { "intercept": -3.2, "coefficients": [0.8] } },
//!   "features": [ { "name": "superheat_avg", "mean": 8.1, "scale": 1.3 } ],
//!   "card": { … }                          where it comes from and how good it is
//! }
//! ```
//!
//! Invariants: the version matches the parameters (so a file edited by hand is refused), and nothing in the
//! file comes from a clock or from the order in which rows arrived (so that training again from the same data
//! gives the same bytes).

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::metrics::Metrics;

#[cfg(test)]
mod tests;

/// Number of hex digits of a version.
const VERSION_DIGITS: usize = 12;

/// How a model makes a score of standardised features. The file names it, with its parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Algorithm {
    /// Logistic regression: `1 / (1 + exp(-(intercept + Σ coefficient · (x - mean) / scale)))`.
    Logistic {
        /// Log-odds of a row whose features are all at their mean.
        intercept: f64,
        /// One for each feature, in the order of the features: log-odds per standard deviation.
        coefficients: Vec<f64>,
    },
}

impl Algorithm {
    /// Its name, as `train --algorithm` takes it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Logistic { .. } => "logistic",
        }
    }
}

/// One input of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feature {
    /// The column, in the training query and in every query that scores.
    pub name: String,
    /// Its mean over the training rows, in the column's unit.
    pub mean: f64,
    /// Its standard deviation over the training rows, in the column's unit; more than 0.
    pub scale: f64,
}

/// Where a model comes from and how good it is: for people; nothing here influences a score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// The label column: what the score is the probability of.
    pub label: String,
    /// What the data is, in words.
    pub data: String,
    /// Text of the training query.
    pub query: String,
    /// SHA-256 of the query's text, in hex.
    pub query_sha: String,
    /// Weight of the L2 penalty in training.
    pub alpha: f64,
    /// Machines in the data.
    pub machines: usize,
    /// Rows that were used: labelled, and with every feature.
    pub rows: usize,
    /// Those of them whose label is 1.
    pub positives: usize,
    /// Rows left out because their label is NULL.
    pub rows_without_label: usize,
    /// Labelled rows left out because a feature is NULL or not finite.
    pub rows_without_feature: usize,
    /// How the machines were divided between training and test.
    pub split: String,
    /// The part that made the parameters.
    pub training: Part,
    /// The part the model has never seen: these numbers are the ones to quote.
    pub held_out: Part,
}

/// One part of the data and the model's performance on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Number of machines.
    pub machines: usize,
    /// Number of rows.
    pub rows: usize,
    /// Rows whose label is 1.
    pub positives: usize,
    /// How well the scores fit the labels.
    pub metrics: Metrics,
}

/// A trained model. Made by [`ModelFile::new`] or read by [`ModelFile::load`], so it is always consistent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFile {
    name: String,
    version: String,
    algorithm: Algorithm,
    features: Vec<Feature>,
    card: Card,
}

/// Everything that influences a score; the version is the hash of its JSON.
#[derive(Serialize)]
struct Influence<'a> {
    algorithm: &'a Algorithm,
    features: &'a [Feature],
}

impl ModelFile {
    /// A model with the version that belongs to its parameters. An error where the parameters do not fit
    /// together; see [`Invalid`].
    pub fn new(
        name: &str,
        algorithm: Algorithm,
        features: Vec<Feature>,
        card: Card,
    ) -> Result<Self, Invalid> {
        let version = version_of(&algorithm, &features);
        let model = Self { name: name.to_owned(), version, algorithm, features, card };
        model.check()?;
        Ok(model)
    }

    /// The name SQL knows the model by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// 12 hex digits that stand for everything that influences a score.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The algorithm and its parameters.
    pub fn algorithm(&self) -> &Algorithm {
        &self.algorithm
    }

    /// The inputs, in the order of the parameters.
    pub fn features(&self) -> &[Feature] {
        &self.features
    }

    /// Origin and quality.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// Reads and checks a model file.
    pub fn load(path: &Path) -> Result<Self, FileError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| FileError::Read { path: path.to_owned(), source })?;
        Self::parse(&text, path)
    }

    /// Reads the text of a model file; `path` is for messages.
    pub fn parse(text: &str, path: &Path) -> Result<Self, FileError> {
        let model: Self =
            serde_json::from_str(text).map_err(|source| FileError::Json { path: path.to_owned(), source })?;
        model.check().map_err(|source| FileError::Invalid { path: path.to_owned(), source })?;
        Ok(model)
    }

    /// Writes the model, making the folder where there is none. The file appears whole or not at all.
    pub fn save(&self, path: &Path) -> Result<(), FileError> {
        let failed = |source| FileError::Write { path: path.to_owned(), source };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        std::fs::write(&partial, self.to_json()?).map_err(failed)?;
        std::fs::rename(&partial, path).map_err(failed)
    }

    /// The text of the file.
    pub fn to_json(&self) -> Result<String, FileError> {
        let mut text = serde_json::to_string_pretty(self).map_err(FileError::Encode)?;
        text.push('\n');
        Ok(text)
    }

    fn check(&self) -> Result<(), Invalid> {
        let plain = self.name.starts_with(|c: char| c.is_ascii_lowercase())
            && self.name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c));
        if !plain {
            return Err(Invalid::Name(self.name.clone()));
        }
        if self.features.is_empty() {
            return Err(Invalid::NoFeature);
        }
        for (at, feature) in self.features.iter().enumerate() {
            if self.features[..at].iter().any(|other| other.name == feature.name) {
                return Err(Invalid::Twice(feature.name.clone()));
            }
            if !(feature.mean.is_finite() && feature.scale.is_finite() && feature.scale > 0.0) {
                return Err(Invalid::Scale(feature.name.clone()));
            }
        }
        let Algorithm::Logistic { intercept, coefficients } = &self.algorithm;
        if coefficients.len() != self.features.len() {
            return Err(Invalid::Count { coefficients: coefficients.len(), features: self.features.len() });
        }
        if !intercept.is_finite() || coefficients.iter().any(|c| !c.is_finite()) {
            return Err(Invalid::NotFinite);
        }
        let computed = version_of(&self.algorithm, &self.features);
        if computed != self.version {
            return Err(Invalid::Version { written: self.version.clone(), computed });
        }
        Ok(())
    }
}

/// Version of a set of parameters. Numbers that are not finite have no JSON; they give a version too, and
/// [`ModelFile::check`] refuses them by name.
fn version_of(algorithm: &Algorithm, features: &[Feature]) -> String {
    let canonical = serde_json::to_vec(&Influence { algorithm, features }).unwrap_or_default();
    let mut hex = sha256_hex(&canonical);
    hex.truncate(VERSION_DIGITS);
    hex
}

/// SHA-256 in lower-case hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `value` with 12 significant digits and at most 22 decimals: far more than the data can tell, and short
/// enough for a JSON reader without correct rounding of long numbers to give back the very same bits. Every
/// parameter goes through here before it is used, so that a model scores alike before and after its file.
pub fn tidy(value: f64) -> f64 {
    let text = if value.abs() >= 1e-10 { format!("{value:.11e}") } else { format!("{value:.22}") };
    text.parse().unwrap_or(value)
}

/// What can be wrong inside a model.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Invalid {
    /// The name is no plain identifier.
    #[error("model name `{0}`: a name starts with a lower-case letter and holds only a-z, 0-9, _ and -")]
    Name(String),
    /// A model needs at least one input.
    #[error("the model has no feature")]
    NoFeature,
    /// Two features of one name.
    #[error("feature `{0}` is there twice")]
    Twice(String),
    /// Mean or scale cannot be used.
    #[error("feature `{0}`: mean and scale must be finite and the scale more than 0")]
    Scale(String),
    /// The parameters do not match the features.
    #[error("{coefficients} coefficients for {features} features")]
    Count {
        /// Coefficients in the file.
        coefficients: usize,
        /// Features in the file.
        features: usize,
    },
    /// Intercept or a coefficient cannot be used.
    #[error("the intercept or a coefficient is not finite")]
    NotFinite,
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

/// A model file that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file cannot be read.
    #[error("model file {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file cannot be written.
    #[error("model file {} cannot be written: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Not JSON, or not the JSON of a model.
    #[error("model file {}: {source}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// The model has no JSON.
    #[error("the model cannot be written as JSON: {0}")]
    Encode(serde_json::Error),
    /// The parts of the model do not fit together.
    #[error("model file {}: {source}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: Invalid,
    },
    /// Two files of a folder hold models of one name.
    #[error("model `{name}` is in {} and in {}", first.display(), second.display())]
    Duplicate {
        /// The name.
        name: String,
        /// The file read first.
        first: PathBuf,
        /// The other file.
        second: PathBuf,
    },
}

impl FileError {
    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Read { .. } | Self::Encode(_) => None,
            Self::Write { .. } => Some("choose another --out, or make the folder writable".into()),
            Self::Json { .. } | Self::Invalid { .. } => {
                Some("train the model again with `coldstream train`, or take the file as it was made".into())
            }
            Self::Duplicate { .. } => {
                Some("remove one of the two files, or train it under another --name".into())
            }
        }
    }
}
