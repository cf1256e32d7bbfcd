//! Coldstream: a stream-processing engine for refrigeration plants.
//!
//! One SQL file in `queries/` is a live stream, a history table and a backtest. The core
//! ([`dataflow`], [`model`]) is synchronous and pure: no clock, no network, no file. Everything that does
//! I/O is a thin shell around it.

pub mod alarm;
pub mod app;
pub mod archive;
pub mod cli;
pub mod config;
pub mod dataflow;
pub mod doctor;
pub mod history;
pub mod machine;
pub mod model;
pub mod schema;
pub mod serve;
pub mod simulate;
pub mod source;
pub mod thermo;
pub mod worker;
