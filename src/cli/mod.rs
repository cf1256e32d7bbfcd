//! The command line: one small file per subcommand.

pub mod query;
