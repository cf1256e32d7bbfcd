//! What can be wrong with a model and with its file.

use std::path::PathBuf;

use super::forest::InvalidForest;
use crate::model::baseline::InvalidBaseline;

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
    /// A logistic model standardises each of its features.
    #[error("feature `{0}` has no mean and scale, which a logistic model needs")]
    NoScaling(String),
    /// A forest compares a feature as it is.
    #[error("feature `{0}` has a mean and a scale, which a forest does not use")]
    NeedlessScaling(String),
    /// The trees cannot be walked.
    #[error(transparent)]
    Forest(#[from] InvalidForest),
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
    /// The parts of the baseline do not fit together.
    #[error("model file {}: {source}", path.display())]
    InvalidBaseline {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: InvalidBaseline,
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
            Self::Json { .. } | Self::Invalid { .. } | Self::InvalidBaseline { .. } => {
                Some("train the model again with `coldstream train`, or take the file as it was made".into())
            }
            Self::Duplicate { .. } => {
                Some("remove one of the two files, or train it under another --name".into())
            }
        }
    }
}
