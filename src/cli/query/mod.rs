//! `coldstream query`: one SQL statement over an archive or a running server.

mod encode;
mod remote;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use clap::{Args, ValueEnum};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};

use self::encode::Encoder;
use crate::serve::sql::{SqlEngine, SqlError};

/// Where a server listens unless told otherwise.
const DEFAULT_SERVER: &str = "http://127.0.0.1:5001";

/// Run one SQL statement and print its rows.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  coldstream query \"SELECT machine_id, count(*) FROM readings GROUP BY machine_id\"
  coldstream query \"SELECT * FROM features LIMIT 5\" --archive data/archive --format json
  coldstream query \"SELECT * FROM predictions\" --format parquet --out predictions.parquet")]
pub struct QueryArgs {
    /// The statement, which may only read
    pub sql: String,
    /// Read the tables of this archive, without a server: a folder, file://…, s3://bucket/prefix
    #[arg(long, value_name = "URL", conflicts_with = "server")]
    pub archive: Option<String>,
    /// Ask this running server, which knows the rows not yet committed too [default: http://127.0.0.1:5001]
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// How to print the rows
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Write to this file instead of the terminal
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// How rows are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For eyes; long results come as several tables
    Table,
    /// One JSON object in a line for each row
    Json,
    /// With a header line
    Csv,
    /// One Parquet file
    Parquet,
}

/// A query without its answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The statement failed.
    #[error(transparent)]
    Sql(#[from] SqlError),
    /// Not the address of a server.
    #[error("`{url}` is not the address of a server: {cause}")]
    BadServer {
        /// As given.
        url: String,
        /// What is wrong.
        cause: String,
    },
    /// Nobody answers there.
    #[error("no server answers at {url}: {cause}")]
    Unreachable {
        /// The server's address.
        url: String,
        /// The system's reason.
        cause: String,
    },
    /// The server ended the answer in the middle, or sent what is not Arrow.
    #[error("the answer of the server is broken: {0}")]
    BrokenAnswer(String),
    /// The rows cannot be written in the format.
    #[error("the rows cannot be written as {format}: {cause}")]
    Encode {
        /// The format.
        format: &'static str,
        /// What is wrong.
        cause: String,
    },
    /// Parquet on a terminal.
    #[error("Parquet is not text: it cannot be shown on a terminal")]
    Terminal,
    /// The rows cannot be stored.
    #[error("cannot write {}: {cause}", path.display())]
    Write {
        /// The file, or `-` for the standard output.
        path: PathBuf,
        /// The system's reason.
        cause: io::Error,
    },
}

impl QueryError {
    /// What to do about it, where known.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Sql(error) => return error.hint(),
            Self::BadServer { .. } => "write it as http://HOST:PORT",
            Self::Unreachable { .. } => {
                "start one with `coldstream run` or `coldstream demo`, or read the tables directly with --archive URL"
            }
            Self::BrokenAnswer(_) => "see the server's log",
            Self::Encode { .. } => "try --format json, or select plain columns",
            Self::Terminal => "add --out FILE, or redirect the output",
            Self::Write { .. } => "choose another place with --out FILE",
        };
        Some(hint.into())
    }
}

/// Rows on their way to the user.
struct Rows {
    schema: SchemaRef,
    batches: BoxStream<'static, Result<RecordBatch, QueryError>>,
}

/// Runs the statement in `engine`, or, without one, in the server of `args`, and writes the rows as they come. A
/// reader that goes away, as `| head` does, ends the query without an error.
pub async fn run(args: &QueryArgs, engine: Option<Arc<dyn SqlEngine>>) -> Result<(), QueryError> {
    let to_terminal = args.out.is_none() && io::stdout().is_terminal();
    if args.format == Format::Parquet && to_terminal {
        return Err(QueryError::Terminal);
    }
    let rows = match engine {
        Some(engine) => {
            let batches = engine.query(&args.sql).await?;
            let schema = batches.schema();
            Rows { schema, batches: batches.map_err(|error| QueryError::Sql(error.into())).boxed() }
        }
        None => remote::query(args.server.as_deref().unwrap_or(DEFAULT_SERVER), &args.sql).await?,
    };
    // Not before the statement is known to be good: a typing error leaves an older file as it was.
    match &args.out {
        Some(path) => {
            let file = File::create(path).map_err(|cause| cannot_write(path, cause))?;
            let written = write(rows, args.format, file, path).await;
            if written.is_err() {
                remove_half(path);
            }
            written
        }
        None => write(rows, args.format, io::stdout(), Path::new("-")).await,
    }
}

fn cannot_write(path: &Path, cause: io::Error) -> QueryError {
    QueryError::Write { path: path.to_owned(), cause }
}

/// A file cut in the middle would pass for a whole one. What is not a plain file, such as a pipe, stays.
fn remove_half(path: &Path) {
    let plain = std::fs::symlink_metadata(path).is_ok_and(|found| found.is_file());
    if plain && let Err(error) = std::fs::remove_file(path) {
        tracing::warn!(path = %path.display(), %error, "the unfinished file cannot be removed");
    }
}

/// Writes all rows to `out`, batch by batch.
async fn write(mut rows: Rows, format: Format, mut out: impl Write, path: &Path) -> Result<(), QueryError> {
    let mut encoder = Encoder::new(format, &rows.schema)?;
    let mut bytes = Vec::new();
    while let Some(batch) = rows.batches.next().await.transpose()? {
        encoder.encode(&batch, &mut bytes)?;
        if !send(&mut bytes, &mut out, path)? {
            return Ok(());
        }
    }
    encoder.finish(&mut bytes)?;
    send(&mut bytes, &mut out, path).map(drop)
}

/// Writes `bytes` out and empties it; false if the reader has gone.
fn send(bytes: &mut Vec<u8>, out: &mut impl Write, path: &Path) -> Result<bool, QueryError> {
    let written = out.write_all(bytes).and_then(|()| out.flush());
    bytes.clear();
    match written {
        Ok(()) => Ok(true),
        Err(cause) if cause.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(cause) => Err(cannot_write(path, cause)),
    }
}

impl Format {
    fn name(self) -> &'static str {
        match self {
            Self::Table => "a table",
            Self::Json => "JSON",
            Self::Csv => "CSV",
            Self::Parquet => "Parquet",
        }
    }

    fn error(self, cause: impl Into<ArrowError>) -> QueryError {
        QueryError::Encode { format: self.name(), cause: cause.into().to_string() }
    }
}
