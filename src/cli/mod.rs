//! The commands: one small file each, arguments and output, no logic.

pub mod train;
pub mod ingest;
pub mod simulate;
