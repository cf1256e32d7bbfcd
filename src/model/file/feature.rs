//! The inputs of a model.

use serde::{Deserialize, Serialize};

/// One input of a model. In the file it is one flat object: `{ "name": …, "mean": …, "scale": … }`, or the name
/// alone where the algorithm takes the value as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Flat", into = "Flat")]
pub struct Feature {
    /// The column, in the training query and in every query that scores.
    pub name: String,
    /// How a value is standardised before use; `None` where it is used as it is.
    pub scaling: Option<Scaling>,
}

/// Standardisation: `(x - mean) / scale`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scaling {
    /// Mean over the training rows, in the column's unit.
    pub mean: f64,
    /// Standard deviation over the training rows, in the column's unit; more than 0.
    pub scale: f64,
}

impl Scaling {
    /// A value as it is.
    pub const NONE: Self = Self { mean: 0.0, scale: 1.0 };

    /// Whether both are numbers to calculate with.
    pub fn is_usable(self) -> bool {
        self.mean.is_finite() && self.scale.is_finite() && self.scale > 0.0
    }
}

/// A feature as the file has it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Flat {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mean: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scale: Option<f64>,
}

impl From<Feature> for Flat {
    fn from(Feature { name, scaling }: Feature) -> Self {
        Self { name, mean: scaling.map(|by| by.mean), scale: scaling.map(|by| by.scale) }
    }
}

impl TryFrom<Flat> for Feature {
    type Error = String;

    fn try_from(Flat { name, mean, scale }: Flat) -> Result<Self, String> {
        match (mean, scale) {
            (None, None) => Ok(Self { name, scaling: None }),
            (Some(mean), Some(scale)) => Ok(Self { name, scaling: Some(Scaling { mean, scale }) }),
            _ => Err(format!("feature `{name}` has one of mean and scale without the other")),
        }
    }
}
