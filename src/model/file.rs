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
//! A forest has `"forest": { "trees": [ … ] }` (see [`Tree`]) and features that are names only: a tree compares a
//! feature as it is.
//!
//! Invariants: the version matches the parameters (so a file edited by hand is refused), and nothing in the
//! file comes from a clock or from the order in which rows arrived (so that training again from the same data
//! gives the same bytes).

mod card;
mod error;
mod feature;
mod forest;

use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use self::card::{Card, Part, Settings};
pub use self::error::{FileError, Invalid};
pub use self::feature::{Feature, Scaling};
pub use self::forest::{InvalidForest, LARGEST_FOREST, Tree};

#[cfg(test)]
mod tests;

/// Number of hex digits of a version.
pub(super) const VERSION_DIGITS: usize = 12;

/// How a model makes a score of its features. The file names it, with its parameters.
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
    /// Random forest: the share of its trees that vote for the label.
    Forest {
        /// The trees; their number is odd, so that no vote is a tie.
        trees: Vec<Tree>,
    },
}

impl Algorithm {
    /// Its name, as `train --algorithm` takes it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Logistic { .. } => "logistic",
            Self::Forest { .. } => "forest",
        }
    }
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
        write_whole(path, &self.to_json()?)
    }

    /// The text of the file.
    pub fn to_json(&self) -> Result<String, FileError> {
        json_text(self)
    }

    fn check(&self) -> Result<(), Invalid> {
        if !is_plain_name(&self.name) {
            return Err(Invalid::Name(self.name.clone()));
        }
        if self.features.is_empty() {
            return Err(Invalid::NoFeature);
        }
        for (at, feature) in self.features.iter().enumerate() {
            if self.features[..at].iter().any(|other| other.name == feature.name) {
                return Err(Invalid::Twice(feature.name.clone()));
            }
            if !feature.scaling.is_none_or(Scaling::is_usable) {
                return Err(Invalid::Scale(feature.name.clone()));
            }
        }
        match &self.algorithm {
            Algorithm::Logistic { intercept, coefficients } => {
                self.check_logistic(*intercept, coefficients)?;
            }
            Algorithm::Forest { trees } => {
                if let Some(feature) = self.features.iter().find(|feature| feature.scaling.is_some()) {
                    return Err(Invalid::NeedlessScaling(feature.name.clone()));
                }
                forest::check(trees, self.features.len())?;
            }
        }
        let computed = version_of(&self.algorithm, &self.features);
        if computed != self.version {
            return Err(Invalid::Version { written: self.version.clone(), computed });
        }
        Ok(())
    }

    fn check_logistic(&self, intercept: f64, coefficients: &[f64]) -> Result<(), Invalid> {
        if let Some(feature) = self.features.iter().find(|feature| feature.scaling.is_none()) {
            return Err(Invalid::NoScaling(feature.name.clone()));
        }
        if coefficients.len() != self.features.len() {
            return Err(Invalid::Count { coefficients: coefficients.len(), features: self.features.len() });
        }
        if !intercept.is_finite() || coefficients.iter().any(|c| !c.is_finite()) {
            return Err(Invalid::NotFinite);
        }
        Ok(())
    }
}

/// Whether SQL can name it: a lower-case letter, then a-z, 0-9, _ and -.
pub(super) fn is_plain_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c))
}

/// Writes a file, making the folder where there is none. It appears whole or not at all.
pub(super) fn write_whole(path: &Path, text: &str) -> Result<(), FileError> {
    let failed = |source| FileError::Write { path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    std::fs::write(&partial, text).map_err(failed)?;
    std::fs::rename(&partial, path).map_err(failed)
}

/// The text of a model's file.
pub(super) fn json_text(model: &impl Serialize) -> Result<String, FileError> {
    let mut text = join_numbers(&serde_json::to_string_pretty(model).map_err(FileError::Encode)?);
    text.push('\n');
    Ok(text)
}

/// Indented JSON with each array of numbers on one line: a tree is four lines then, and not a thousand. Text
/// cannot be mistaken for anything else, since a line break inside it is escaped.
fn join_numbers(pretty: &str) -> String {
    let mut joined = String::with_capacity(pretty.len());
    let mut lines = pretty.lines().peekable();
    while let Some(line) = lines.next() {
        if !joined.is_empty() {
            joined.push('\n');
        }
        joined.push_str(line);
        let is_number = |line: &&str| line.trim().trim_end_matches(',').parse::<f64>().is_ok();
        if line.ends_with('[') && lines.peek().is_some_and(is_number) {
            while let Some(number) = lines.next_if(is_number) {
                joined.push_str(number.trim());
                if number.ends_with(',') {
                    joined.push(' ');
                }
            }
            if let Some(end) = lines.next() {
                joined.push_str(end.trim());
            }
        }
    }
    joined
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
