//! `coldstream ingest`: replays a file as readings into a Kafka topic.

use std::io::{Write, stdout};
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::source::files::{FileError, InputFile, Replay, Summary};
use crate::source::mapping::Mapping;
use crate::source::produce::{KafkaUrl, ProduceError, Producer, ProducerOptions};

#[cfg(test)]
mod tests;

/// Replay a file as readings
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Example:\n  coldstream ingest readings.jsonl.gz --to kafka://127.0.0.1:9092/readings\n  \
    coldstream ingest case.csv --map examples/maps/r290_display_case.toml --to kafka://127.0.0.1:9092/readings"
)]
pub struct IngestArgs {
    /// FILE.jsonl, FILE.csv (both also .gz) or FILE.parquet
    file: PathBuf,
    /// How a CSV or Parquet file's columns become readings, if they have other names or units
    #[arg(long, value_name = "MAP.toml")]
    map: Option<PathBuf>,
    /// The topic, kafka://HOST:PORT/TOPIC
    #[arg(long, value_name = "TOPIC")]
    to: String,
    /// Messages a second at most, e.g. 1000/s [default: as fast as possible]
    #[arg(long, value_parser = parse_rate)]
    rate: Option<NonZeroU64>,
    /// Write the rows that are no readings to this CSV file
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Fail if any row is no reading
    #[arg(long)]
    strict: bool,
    /// Partitions of the topic if it has to be created
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    partitions: i32,
}

/// Why a file cannot be ingested.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The file or its map.
    #[error(transparent)]
    File(#[from] FileError),
    /// The broker.
    #[error(transparent)]
    Send(#[from] ProduceError),
    /// No message came out of the file.
    #[error("nothing in `{path}` is a reading{why}")]
    Nothing {
        /// The file.
        path: PathBuf,
        /// The first reason, after a colon.
        why: String,
    },
    /// `--strict` and rejected rows.
    #[error("`{path}` has rows that are no readings ({rejected}): {first}")]
    Strict {
        /// The file.
        path: PathBuf,
        /// How many.
        rejected: u64,
        /// The first of them.
        first: String,
    },
    /// Standard output fails.
    #[error("cannot write to the terminal: {0}")]
    Terminal(#[from] std::io::Error),
}

impl IngestError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::File(error) => error.hint(),
            Self::Send(error) => error.hint(),
            Self::Nothing { why, .. } if why.is_empty() => None,
            Self::Nothing { .. } => Some("describe its columns in a map (--map), see examples/maps/".into()),
            Self::Strict { .. } => Some("the readings were sent; keep the others with --rejects FILE".into()),
            Self::Terminal(_) => None,
        }
    }
}

/// Runs the command and prints what it did.
pub fn run(args: IngestArgs) -> Result<(), IngestError> {
    // Everything that can be wrong with the arguments shows before the broker is asked.
    let url: KafkaUrl = args.to.parse()?;
    let file = InputFile::new(&args.file)?;
    let size = file.size()?;
    let mapping = args.map.as_deref().map(Mapping::load).transpose().map_err(FileError::from)?;
    let options = ProducerOptions { partitions: args.partitions, ..ProducerOptions::default() };
    let mut producer = Producer::connect(&url.brokers, &url.topic, &options)?;

    let bar = progress_bar(size);
    let mut pace = Pace { start: Instant::now(), sent: 0, rate: args.rate };
    let replay = Replay {
        file: &file,
        mapping: mapping.as_ref(),
        rejects: args.rejects.as_deref(),
        progress: &|bytes| bar.inc(bytes),
    };
    let outcome = replay.run(&mut |key, payload| {
        pace.wait();
        producer.send(key, payload)
    });
    // What was read before a fault of the file is delivered before the fault is told.
    let stored = producer.finish()?;
    bar.finish_and_clear();
    let summary = outcome?;
    report(&args, &url, stored, &summary)?;
    let first = summary.examples.first();
    if summary.messages == 0 {
        let why = first.map_or_else(String::new, |first| format!(": {first}"));
        return Err(IngestError::Nothing { path: args.file, why });
    }
    match first {
        Some(first) if args.strict => {
            let rejected = summary.rejected;
            Err(IngestError::Strict { path: args.file, rejected, first: first.clone() })
        }
        _ => Ok(()),
    }
}

fn report(args: &IngestArgs, url: &KafkaUrl, stored: u64, summary: &Summary) -> std::io::Result<()> {
    let mut out = stdout();
    writeln!(out, "{stored} messages from {} to {url}", args.file.display())?;
    if summary.keyless > 0 {
        writeln!(out, "without machine_id, so future dead letters: {}", summary.keyless)?;
    }
    if !summary.ignored_columns.is_empty() {
        writeln!(out, "columns not used: {}", summary.ignored_columns.join(", "))?;
    }
    if summary.rejected > 0 {
        writeln!(out, "left out, because they are no readings: {}", summary.rejected)?;
        for example in &summary.examples {
            writeln!(out, "  {example}")?;
        }
        let more = summary.rejected - summary.examples.len() as u64;
        if more > 0 {
            writeln!(out, "  and {more} more")?;
        }
        if let Some(path) = &args.rejects {
            writeln!(out, "they are kept in {}", path.display())?;
        }
    }
    Ok(())
}

/// A bar that counts the file's bytes; invisible where standard error is no terminal.
fn progress_bar(size: u64) -> ProgressBar {
    let bar = ProgressBar::new(size);
    // A template that does not parse would only cost the looks.
    match ProgressStyle::with_template("{wide_bar} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Holds messages back to a rate.
struct Pace {
    start: Instant,
    sent: u64,
    rate: Option<NonZeroU64>,
}

impl Pace {
    fn wait(&mut self) {
        let Some(rate) = self.rate else { return };
        let due = Duration::from_secs_f64(self.sent as f64 / rate.get() as f64);
        self.sent += 1;
        if let Some(early) = due.checked_sub(self.start.elapsed()) {
            thread::sleep(early);
        }
    }
}

/// `1000` or `1000/s`.
fn parse_rate(text: &str) -> Result<NonZeroU64, String> {
    let number = text.strip_suffix("/s").unwrap_or(text);
    number.trim().parse().map_err(|_| "write a rate as 1000/s".to_owned())
}
