//! The engine: query graph, windows, watermark, partition, state.
//!
//! ```text
//! queries/*.sql ─▶ query (parse, order) ─▶ graph (plan, cut into stages) ─┐ shared
//!                                                                          ▼
//! readings ─▶ partition ─▶ segment ─▶ operator ─▶ segment ─▶ rows of each stream
//!                                        └──▶ checkpoint: what changed, between two batches
//! ```
//!
//! Nothing here waits, and nothing here knows of Kafka, files or gRPC.

pub mod accumulate;
pub mod aggregate;
pub mod checkpoint;
mod duplicates;
pub mod error;
pub mod exact;
pub mod graph;
pub mod lookup;
pub mod operator;
pub mod partition;
pub mod query;
pub mod rolling;
pub mod segment;
pub mod session;
pub mod spec;
pub mod sql;
pub mod stage;
pub mod streamable;
#[cfg(test)]
pub(crate) mod testing;
pub mod window;

pub use checkpoint::StatePart;
pub use error::DataflowError;
pub use graph::Graph;
pub use partition::{Outputs, Partition, Timing};
pub use query::Query;
