//! The commands: one small file each, arguments and output, no logic.

pub mod train;
pub mod ingest;
pub mod simulate;
//! The command line: one small file per subcommand.
pub mod query;
