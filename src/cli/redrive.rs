//! `coldstream redrive`: sends messages again that had a schema which the registry did not know.

use std::collections::BTreeSet;
use std::io::{Write, stdout};
use std::path::PathBuf;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow::error::ArrowError;
use clap::Args;
use futures::TryStreamExt;

use super::failure::Failure;
use super::tables;
use crate::archive::Archive;
use crate::config::Config;
use crate::schema::DEAD_LETTERS;
use crate::serve::sql::{SqlEngine, SqlError};
use crate::source::dead::Reason;
use crate::source::decode::{SchemaSource, schema_ids, schemas::Lookup};
use crate::source::input::Input;
use crate::source::raw::RawBatch;
use crate::source::redrive::{Letter, Redriven, redrive};

/// Send dead letters again whose schema is known by now
///
/// Messages with a schema id that the registry did not know are in the table `dead_letters` with the reason
/// `unknown_schema`. Those whose schema it knows now are sent to their partition again, unchanged, each once however
/// often this is called; what is no longer in the topic is not. One call at a time.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:\n  coldstream redrive --config coldstream.toml --dry-run")]
pub struct RedriveArgs {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "coldstream.toml")]
    pub config: PathBuf,
    /// Only say what would be sent
    #[arg(long)]
    pub dry_run: bool,
}

/// Finds the letters, asks the registry, sends, and says what it did.
pub async fn run(args: &RedriveArgs) -> Result<(), Failure> {
    let config = Config::load(&args.config)?;
    let (format, absent, settings) = config.format()?;
    let input = Input::new(format, absent, settings)?;
    let Some(registry) = input.registry() else {
        let hint = "only `format = \"avro\"` and `\"protobuf\"` have schemas that can be unknown";
        return Err(Failure::new(
            format!("kafka.format is `{format}`: nothing to send again"),
            Some(hint.into()),
        ));
    };
    let archive = Archive::open(&config.archive.url, &config.archive.s3).await?;
    let found = letters(archive, &config.kafka.topic).await?;
    let ids: BTreeSet<u32> = found.iter().filter_map(|(_, id)| *id).collect();
    registry.learn(&ids).await?;
    let known: BTreeSet<u32> =
        ids.into_iter().filter(|id| matches!(registry.schema(*id), Lookup::Known(_))).collect();
    let all = found.len();
    let open: Vec<Letter> = found
        .into_iter()
        .filter(|(_, id)| id.is_some_and(|id| known.contains(&id)))
        .map(|(letter, _)| letter)
        .collect();
    let unknown = all - open.len();
    let (kafka, dry) = (config.kafka.settings(), args.dry_run);
    let redriven = match open.is_empty() {
        true => Redriven::default(),
        false => {
            let work = tokio::task::spawn_blocking(move || redrive(&kafka, &open, dry));
            work.await.map_err(|error| Failure::new(error, None))??
        }
    };
    report(all, unknown, &redriven, dry)
        .map_err(|error| Failure::new(format!("cannot write to the terminal: {error}"), None))
}

fn report(all: usize, unknown: usize, redriven: &Redriven, dry: bool) -> std::io::Result<()> {
    let mut out = stdout();
    writeln!(out, "dead letters with an unknown schema: {all}")?;
    for (count, what) in [
        (unknown as u64, "still unknown to the registry"),
        (redriven.before, "sent again before"),
        (redriven.gone, "no longer in the topic"),
    ] {
        if count > 0 {
            writeln!(out, "{what}: {count}")?;
        }
    }
    let what = if dry { "to be sent again" } else { "sent again" };
    writeln!(out, "{what}: {}", redriven.sent)
}

/// The letters of a topic with the reason `unknown_schema`, and the schema id of each.
async fn letters(archive: Archive, topic: &str) -> Result<Vec<(Letter, Option<u32>)>, Failure> {
    if !archive.table_names().await?.iter().any(|name| name == DEAD_LETTERS) {
        return Ok(Vec::new());
    }
    let history = tables::history(archive, &std::sync::Arc::default());
    let sql = format!(
        "SELECT kafka_partition, kafka_offset, timestamp, payload_bytes, payload FROM {DEAD_LETTERS}
         WHERE reason = '{}' AND topic = '{}'",
        Reason::UnknownSchema.as_str(),
        topic.replace('\'', "''"),
    );
    let mut rows = history.query(&sql).await?;
    let mut letters = Vec::new();
    while let Some(batch) = rows.try_next().await.map_err(SqlError::from)? {
        letters.extend(read(&batch).map_err(|error| Failure::new(error, None))?);
    }
    Ok(letters)
}

fn read(batch: &RecordBatch) -> Result<Vec<(Letter, Option<u32>)>, ArrowError> {
    let payload = cast(batch.column(4), &DataType::Binary)?;
    let (partitions, offsets) =
        (batch.column(0).as_primitive::<Int32Type>(), batch.column(1).as_primitive::<Int64Type>());
    let times = batch.column(2).as_primitive::<TimestampMicrosecondType>();
    let (lengths, payload) = (batch.column(3).as_primitive::<Int64Type>(), payload.as_binary::<i32>());
    let letter = |row: usize| {
        let letter = Letter {
            partition: partitions.value(row),
            offset: offsets.value(row),
            sent: times.value(row) / 1_000,
            bytes: usize::try_from(lengths.value(row)).unwrap_or_default(),
        };
        let mut raw = RawBatch::default();
        raw.push(payload.value(row), letter.offset, letter.sent);
        (letter, schema_ids(&raw).first().copied())
    };
    Ok((0..payload.len()).map(letter).collect())
}
