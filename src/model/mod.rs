//! Trained models: the file with its card, the compiled scorer, training, and the SQL functions.
//!
//! ```text
//!  training SELECT ─▶ train ─▶ ModelFile (JSON with its card) ─▶ Registry (a folder of them, by name)
//!                                                                   │
//!        score('failure') in any SQL ─▶ sql: bound to columns ─▶ CompiledModel, one batch at a time
//! ```
//!
//! A baseline is a model of another kind: not how likely a failure is, but what a machine should show ([`baseline`]).
//!
//! Two promises shape this module. A score is reproducible: the version of a model is the hash of everything
//! that influences a score, it is checked whenever a file is read, and a row's score depends on that row alone,
//! to the last bit. And a score is never invented: a row that lacks a feature has a NULL score.

#[cfg(test)]
pub(crate) mod fixture;

pub mod baseline;
pub mod file;
pub mod metrics;
pub mod registry;
pub mod score;
pub mod sql;
pub mod train;

pub use file::{Algorithm, Card, Feature, ModelFile, Settings};
pub use metrics::Metrics;
pub use registry::Registry;
pub use score::CompiledModel;
