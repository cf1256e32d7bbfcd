//! Where simulated readings go.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use arrow::error::ArrowError;
use arrow::json::LineDelimitedWriter;
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::SimulateError;
use crate::simulate::{Reading, ReadingTable};
use crate::source::produce::{KafkaUrl, Producer, ProducerOptions};

/// Rows of one record batch on the way to Parquet.
const BATCH: usize = 8_192;
/// Rows of one row group: about 20 MB of columns in memory.
const ROW_GROUP: usize = 131_072;

/// An open output.
pub(super) struct Output {
    sink: Sink,
    json: Vec<u8>,
    count: u64,
}

enum Sink {
    Jsonl(Draft, BufWriter<File>),
    Parquet(Draft, Box<ArrowWriter<File>>, Box<ReadingTable>),
    Kafka { producer: Box<Producer>, key: String },
}

impl Output {
    /// Opens what `target` names: a topic, or a file that must not exist unless `force`.
    pub(super) fn create(
        target: &str,
        force: bool,
        options: &ProducerOptions,
    ) -> Result<Self, SimulateError> {
        let sink = if target.contains("://") {
            let url: KafkaUrl = target.parse()?;
            let producer = Box::new(Producer::connect(&url.brokers, &url.topic, options)?);
            Sink::Kafka { producer, key: String::new() }
        } else {
            let path = Path::new(target);
            match path.extension().and_then(|ending| ending.to_str()) {
                Some("jsonl") => {
                    let (draft, file) = Draft::create(path, force)?;
                    Sink::Jsonl(draft, BufWriter::with_capacity(1 << 20, file))
                }
                Some("parquet") => {
                    let table = ReadingTable::default();
                    let (draft, file) = Draft::create(path, force)?;
                    let writer = ArrowWriter::try_new(file, table.schema(), Some(properties()))
                        .map_err(|source| SimulateError::write(path, source))?;
                    Sink::Parquet(draft, Box::new(writer), Box::new(table))
                }
                _ => return Err(SimulateError::Target(target.to_owned())),
            }
        };
        Ok(Self { sink, json: Vec::with_capacity(512), count: 0 })
    }

    pub(super) fn write(&mut self, reading: &Reading) -> Result<(), SimulateError> {
        self.count += 1;
        match &mut self.sink {
            Sink::Jsonl(draft, file) => {
                self.json.clear();
                reading.write_json(&mut self.json);
                self.json.push(b'\n');
                file.write_all(&self.json).map_err(|source| draft.error(source))
            }
            Sink::Parquet(draft, writer, table) => {
                table.push(reading);
                if table.len() < BATCH { Ok(()) } else { draft.batch(writer, table) }
            }
            Sink::Kafka { producer, key } => {
                self.json.clear();
                reading.write_json(&mut self.json);
                key.clear();
                key.push_str(&reading.machine.to_string());
                Ok(producer.send(key, &self.json)?)
            }
        }
    }

    /// Completes the output and returns the number of readings that are in it.
    pub(super) fn finish(self) -> Result<u64, SimulateError> {
        match self.sink {
            Sink::Jsonl(draft, file) => {
                file.into_inner().map_err(|error| draft.error(error.into_error()))?;
                draft.publish()?;
            }
            Sink::Parquet(draft, mut writer, mut table) => {
                draft.batch(&mut writer, &mut table)?;
                writer.close().map_err(|source| draft.error(source))?;
                draft.publish()?;
            }
            Sink::Kafka { producer, .. } => return Ok(producer.finish()?),
        }
        Ok(self.count)
    }
}

/// A file under another name until it is complete, so that a broken run leaves no half file behind.
struct Draft {
    path: PathBuf,
    partial: PathBuf,
    published: bool,
}

impl Draft {
    fn create(path: &Path, force: bool) -> Result<(Self, File), SimulateError> {
        if !force && path.exists() {
            return Err(SimulateError::Exists(path.to_owned()));
        }
        if path.is_dir() {
            return Err(SimulateError::write(path, std::io::ErrorKind::IsADirectory));
        }
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let file = File::create(&partial).map_err(|source| SimulateError::write(path, source))?;
        Ok((Self { path: path.to_owned(), partial, published: false }, file))
    }

    fn error(&self, source: impl Into<std::io::Error>) -> SimulateError {
        SimulateError::write(&self.path, source)
    }

    fn batch(&self, writer: &mut ArrowWriter<File>, table: &mut ReadingTable) -> Result<(), SimulateError> {
        let batch = table.take().map_err(|error| self.error(std::io::Error::other(error)))?;
        writer.write(&batch).map_err(|source| self.error(source))
    }

    fn publish(mut self) -> Result<(), SimulateError> {
        std::fs::rename(&self.partial, &self.path).map_err(|source| self.error(source))?;
        self.published = true;
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.published && std::fs::remove_file(&self.partial).is_err() {
            tracing::warn!(file = %self.partial.display(), "a partial file could not be removed");
        }
    }
}

fn properties() -> WriterProperties {
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(ROW_GROUP))
        .build()
}

/// A `.parquet` or `.jsonl` file for one table, open from the beginning of the run on.
pub(super) struct TableFile {
    draft: Draft,
    file: File,
    parquet: bool,
}

impl TableFile {
    pub(super) fn create(path: &Path, force: bool) -> Result<Self, SimulateError> {
        let parquet = match path.extension().and_then(|ending| ending.to_str()) {
            Some("parquet") => true,
            Some("jsonl") => false,
            _ => return Err(SimulateError::Target(path.display().to_string())),
        };
        let (draft, file) = Draft::create(path, force)?;
        Ok(Self { draft, file, parquet })
    }

    /// Writes the table, and completes the file.
    pub(super) fn write(self, table: Result<RecordBatch, ArrowError>) -> Result<(), SimulateError> {
        let Self { draft, file, parquet } = self;
        let error = |source| draft.error(std::io::Error::other::<ArrowError>(source));
        let batch = table.map_err(error)?;
        if parquet {
            let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties()))
                .map_err(|source| draft.error(source))?;
            writer.write(&batch).map_err(|source| draft.error(source))?;
            writer.close().map_err(|source| draft.error(source))?;
        } else {
            let mut writer = LineDelimitedWriter::new(BufWriter::new(file));
            writer.write(&batch).map_err(error)?;
            writer.finish().map_err(error)?;
            writer.into_inner().flush().map_err(|source| draft.error(source))?;
        }
        draft.publish()
    }
}

/// Writes a text to a file.
pub(super) fn write_text(path: &Path, force: bool, text: &str) -> Result<(), SimulateError> {
    let (draft, mut file) = Draft::create(path, force)?;
    file.write_all(text.as_bytes()).map_err(|source| draft.error(source))?;
    draft.publish()
}
