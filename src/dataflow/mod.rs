//! The engine: query graph, windows, watermark, partition, state.
//!
//! ```text
//! queries/*.sql ─▶ query (parse, order) ─▶ graph (plan, cut into stages) ─┐ shared
//!                                                                          ▼
//! readings ─▶ partition ─▶ segment ─▶ window ─▶ segment ─▶ rows of each stream
//!                              state (Arrow IPC) ◀──┘ between two batches
//! ```
//!
//! Nothing here waits, and nothing here knows of Kafka, files or gRPC.

pub mod accumulate;
pub mod aggregate;
pub mod error;
pub mod exact;
pub mod graph;
pub mod partition;
pub mod query;
pub mod segment;
pub mod spec;
pub mod sql;
pub mod state;
pub mod streamable;
pub mod window;

pub use error::DataflowError;
pub use graph::Graph;
pub use partition::{Outputs, Partition, PartitionState};
pub use query::Query;
