//! The commands: one small file each, arguments and output, no logic.

pub mod backtest;
pub mod demo;
pub mod doctor;
pub mod evaluate;
pub mod failure;
pub mod ingest;
pub mod query;
pub mod redrive;
pub mod run;
pub mod simulate;
pub mod tables;
pub mod train;
