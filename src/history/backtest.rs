//! The same queries over the past: files or an archive through [`WatchedPartition::process`], into Parquet files.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int32Type};
use chrono::Utc;
use flate2::read::MultiGzDecoder;
use futures::TryStreamExt;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use crate::alarm::{AlarmPlan, WatchedError, WatchedOutputs, WatchedPartition};
use crate::dataflow::{Graph, Timing};
use crate::machine::Machines;
use crate::schema::{
    ALARMS, DEAD_LETTERS, KAFKA_PARTITION, LATE_READINGS, MACHINE_VERSIONS, READINGS, ReadingSchema, aligned,
};
use crate::serve::sql::{SqlEngine, SqlError, SqlErrorKind};
use crate::source::decode::Decoder;
use crate::source::raw::RawBatch;

use super::History;

/// Messages of a JSONL file that are decoded together.
const LINES: usize = 8_192;

/// What a backtest reads.
#[derive(Debug, Clone)]
pub enum Input {
    /// One reading a line; `.gz` is unpacked.
    Jsonl(PathBuf),
    /// Columns of readings.
    Parquet(PathBuf),
    /// The table `readings` of an archive, in the order in which Kafka had them.
    Archive(History),
}

/// What a backtest did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Readings taken.
    pub readings: u64,
    /// Rows written, by table.
    pub rows: BTreeMap<String, u64>,
}

/// Why a backtest failed.
#[derive(Debug, thiserror::Error)]
pub enum BacktestError {
    /// The input cannot be read.
    #[error("cannot read {path}: {cause}")]
    Read {
        /// The input.
        path: String,
        /// What is wrong.
        cause: String,
    },
    /// The output cannot be written.
    #[error("cannot write {path}: {cause}")]
    Write {
        /// The file or folder.
        path: String,
        /// What is wrong.
        cause: String,
    },
    /// The folder holds results already.
    #[error("{0} is not empty")]
    NotEmpty(String),
    /// A query or an alarm rule failed.
    #[error(transparent)]
    Watched(#[from] WatchedError),
    /// The archive's readings cannot be queried.
    #[error(transparent)]
    Sql(#[from] SqlError),
    /// Columns cannot be put together.
    #[error("{0}")]
    Arrow(#[from] arrow::error::ArrowError),
}

impl BacktestError {
    /// What to do about it, where known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Read { .. } => {
                Some("--input takes a .jsonl, .jsonl.gz or .parquet file, or the URL of an archive".into())
            }
            Self::NotEmpty(_) => Some("choose a new folder, or empty this one".into()),
            Self::Write { .. } | Self::Arrow(_) => None,
            Self::Watched(error) => error.hint(),
            Self::Sql(error) => error.hint(),
        }
    }
}

/// A backtest under way.
pub struct Backtest<'a> {
    graph: Arc<Graph>,
    rules: Arc<AlarmPlan>,
    schema: ReadingSchema,
    timing: Timing,
    max_skew: i64,
    partitions: BTreeMap<i32, WatchedPartition>,
    /// What is known of the machines, for all time.
    machines: Option<Arc<Machines>>,
    /// Else: what each partition knew of them, in the order in which it came to know it.
    versions: BTreeMap<i32, Vec<RecordBatch>>,
    out: Tables,
    summary: Summary,
    /// Told the number of readings now and then.
    progress: &'a (dyn Fn(u64) + Sync),
}

impl<'a> Backtest<'a> {
    /// A backtest of the queries and the alarm rules over them into the new or empty folder `out`. Times in microseconds.
    pub fn new(
        (graph, rules): (Arc<Graph>, Arc<AlarmPlan>),
        schema: ReadingSchema,
        (timing, max_skew): (Timing, i64),
        out: &Path,
        progress: &'a (dyn Fn(u64) + Sync),
    ) -> Result<Self, BacktestError> {
        let out = Tables::create(out)?;
        Ok(Self {
            graph,
            rules,
            schema,
            timing,
            max_skew,
            partitions: BTreeMap::new(),
            machines: None,
            versions: BTreeMap::new(),
            out,
            summary: Summary::default(),
            progress,
        })
    }

    /// The same with what is known of the machines, in place of what the archive says was known at each time.
    #[must_use]
    pub fn with_machines(mut self, machines: Machines) -> Self {
        self.machines = Some(Arc::new(machines));
        self
    }

    /// Reads all of `input`, closes every window and every file.
    pub async fn run(mut self, input: &Input) -> Result<Summary, BacktestError> {
        match input {
            Input::Jsonl(path) => self.jsonl(path)?,
            Input::Parquet(path) => self.parquet(path)?,
            Input::Archive(history) => {
                if self.machines.is_none() {
                    self.read_versions(history).await?;
                }
                let sql = format!("SELECT * FROM {READINGS} ORDER BY {KAFKA_PARTITION}, kafka_offset");
                let mut rows = history.query(&sql).await?;
                while let Some(batch) = rows.try_next().await.map_err(SqlError::from)? {
                    self.readings(&batch)?;
                }
            }
        }
        for mut partition in std::mem::take(&mut self.partitions).into_values() {
            let outputs = partition.finish()?;
            self.outputs(outputs)?;
        }
        self.summary.rows = self.out.close()?;
        Ok(self.summary)
    }

    /// Reads which machine had which rows, by partition. An archive from before there were such has none.
    async fn read_versions(&mut self, history: &History) -> Result<(), BacktestError> {
        let sql =
            format!("SELECT * FROM {MACHINE_VERSIONS} ORDER BY {KAFKA_PARTITION}, recorded_at, version");
        let mut rows = match history.query(&sql).await {
            Ok(rows) => rows,
            Err(error) if error.kind == SqlErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        while let Some(batch) = rows.try_next().await.map_err(SqlError::from)? {
            let missing = || arrow::error::ArrowError::SchemaError(format!("no column `{KAFKA_PARTITION}`"));
            let numbers = batch.column_by_name(KAFKA_PARTITION).ok_or_else(missing)?;
            let numbers = cast(numbers, &DataType::Int32)?;
            for (start, length) in runs(numbers.as_primitive::<Int32Type>().values()) {
                let number = numbers.as_primitive::<Int32Type>().value(start);
                self.versions.entry(number).or_default().push(batch.slice(start, length));
            }
        }
        Ok(())
    }

    /// A partition that knows of the machines what it is to know.
    fn partition(&mut self, number: i32) -> Result<WatchedPartition, BacktestError> {
        let mut partition = WatchedPartition::new(&self.graph, &self.rules, self.timing)?;
        if let Some(machines) = &self.machines {
            partition.set_machines(machines)?;
        } else if let Some(rows) = self.versions.remove(&number) {
            partition.take_machines(&rows)?;
        }
        Ok(partition)
    }

    fn jsonl(&mut self, path: &Path) -> Result<(), BacktestError> {
        let read = |cause: std::io::Error| BacktestError::Read {
            path: path.display().to_string(),
            cause: cause.to_string(),
        };
        let file = File::open(path).map_err(read)?;
        let packed = path.extension().is_some_and(|e| e == "gz");
        let file: Box<dyn Read> = if packed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
        let mut lines = BufReader::with_capacity(1 << 20, file);
        let mut decoder = Decoder::new(&path.display().to_string(), &self.schema, self.max_skew);
        let (mut line, mut offset, mut raw) = (Vec::new(), 0, RawBatch::default());
        // A file has no time of sending: its lines were sent now.
        let now = Utc::now().timestamp_micros();
        loop {
            line.clear();
            let more = lines.read_until(b'\n', &mut line).map_err(read)? > 0;
            let text = line.trim_ascii_end();
            if !text.is_empty() {
                raw.push(text, offset, now);
            }
            offset += i64::from(more);
            if raw.len() >= LINES || (!more && !raw.is_empty()) {
                let decoded = decoder.decode(0, &std::mem::take(&mut raw))?;
                if let Some(dead) = decoded.dead {
                    self.out.write(DEAD_LETTERS, &dead)?;
                }
                self.readings(&decoded.readings)?;
            }
            if !more {
                return Ok(());
            }
        }
    }

    fn parquet(&mut self, path: &Path) -> Result<(), BacktestError> {
        let read = |cause: String| BacktestError::Read { path: path.display().to_string(), cause };
        let file = File::open(path).map_err(|e| read(e.to_string()))?;
        let reader = ParquetRecordBatchReaderBuilder::try_new(file)
            .and_then(|builder| builder.with_batch_size(LINES).build())
            .map_err(|e| read(e.to_string()))?;
        for batch in reader {
            self.readings(&batch.map_err(|e| read(e.to_string()))?)?;
        }
        Ok(())
    }

    /// Gives rows to their partitions, in order.
    fn readings(&mut self, batch: &RecordBatch) -> Result<(), BacktestError> {
        let batch = aligned(batch, self.graph.source())?;
        let numbers = batch.column_by_name(KAFKA_PARTITION).map(|c| c.as_primitive::<Int32Type>().clone());
        let numbers = numbers.unwrap_or_else(|| vec![0; batch.num_rows()].into());
        for (start, length) in runs(numbers.values()) {
            let number = numbers.value(start);
            let mut partition = match self.partitions.remove(&number) {
                Some(partition) => partition,
                None => self.partition(number)?,
            };
            let outputs = partition.process(&batch.slice(start, length))?;
            self.partitions.insert(number, partition);
            self.outputs(outputs)?;
        }
        self.summary.readings += batch.num_rows() as u64;
        (self.progress)(self.summary.readings);
        Ok(())
    }

    fn outputs(&mut self, outputs: WatchedOutputs) -> Result<(), BacktestError> {
        let WatchedOutputs { streams: outputs, alarms } = outputs;
        for (position, batch) in outputs.streams.into_iter().chain(outputs.revised) {
            self.out.write(&self.graph.streams()[position].name, &batch)?;
        }
        if let Some(rows) = &alarms.rows {
            self.out.write(ALARMS, rows)?;
        }
        match outputs.late {
            Some(late) => self.out.write(LATE_READINGS, &late),
            None => Ok(()),
        }
    }
}

/// Where equal numbers stand together: start and length of each run.
fn runs(numbers: &[i32]) -> Vec<(usize, usize)> {
    let mut start = 0;
    let run = |run: &[i32]| {
        let begin = start;
        start += run.len();
        (begin, run.len())
    };
    numbers.chunk_by(|a, b| a == b).map(run).collect()
}

/// One Parquet file for each table: `DIR/<table>/part-0.parquet`.
struct Tables {
    folder: PathBuf,
    open: BTreeMap<String, (ArrowWriter<File>, u64)>,
}

impl Tables {
    fn create(folder: &Path) -> Result<Self, BacktestError> {
        let path = folder.display().to_string();
        let failed = |cause: std::io::Error| BacktestError::Write {
            path: folder.display().to_string(),
            cause: cause.to_string(),
        };
        std::fs::create_dir_all(folder).map_err(failed)?;
        if std::fs::read_dir(folder).map_err(failed)?.next().is_some() {
            return Err(BacktestError::NotEmpty(path));
        }
        Ok(Self { folder: folder.to_path_buf(), open: BTreeMap::new() })
    }

    fn write(&mut self, table: &str, batch: &RecordBatch) -> Result<(), BacktestError> {
        let folder = self.folder.join(table);
        let failed = |cause: String| BacktestError::Write { path: folder.display().to_string(), cause };
        if !self.open.contains_key(table) {
            std::fs::create_dir_all(&folder).map_err(|e| failed(e.to_string()))?;
            let file = File::create(folder.join("part-0.parquet")).map_err(|e| failed(e.to_string()))?;
            let level = ZstdLevel::try_new(1).map_err(|e| failed(e.to_string()))?;
            let properties = WriterProperties::builder().set_compression(Compression::ZSTD(level)).build();
            let writer = ArrowWriter::try_new(file, batch.schema(), Some(properties));
            self.open.insert(table.to_string(), (writer.map_err(|e| failed(e.to_string()))?, 0));
        }
        if let Some((writer, rows)) = self.open.get_mut(table) {
            writer.write(batch).map_err(|e| failed(e.to_string()))?;
            *rows += batch.num_rows() as u64;
        }
        Ok(())
    }

    fn close(self) -> Result<BTreeMap<String, u64>, BacktestError> {
        let mut counts = BTreeMap::new();
        for (table, (writer, rows)) in self.open {
            let path = self.folder.join(&table).display().to_string();
            writer.close().map_err(|e| BacktestError::Write { path, cause: e.to_string() })?;
            counts.insert(table, rows);
        }
        Ok(counts)
    }
}
