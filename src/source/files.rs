//! Replaying a file as messages: JSON lines as they are, CSV and Parquet rows as the JSON of readings.
//!
//! A row that is no reading is counted, shown and, on request, kept in a file of its own; the rows around it
//! go on. A JSON line is never judged here: what is wrong with it becomes a dead letter where it is read.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use serde::Deserialize;

use super::mapping::{Binding, Cell, MapError, Mapping, RowError};
use super::produce::{LARGEST_MESSAGE, ProduceError};

mod columns;
mod rejects;
#[cfg(test)]
mod tests;

use rejects::Rejects;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// One JSON object a line.
    JsonLines,
    /// Comma-separated values with a header.
    Csv,
    /// Apache Parquet.
    Parquet,
}

/// A file to replay; its kind follows from its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it holds.
    pub kind: FileKind,
    gzip: bool,
}

impl InputFile {
    /// Tells the kind from the ending: `.jsonl`, `.ndjson`, `.csv`, these with `.gz`, or `.parquet`.
    pub fn new(path: &Path) -> Result<Self, FileError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let (plain, gzip) = name.strip_suffix(".gz").map_or((name.as_str(), false), |plain| (plain, true));
        let kind = match plain.rsplit_once('.').map(|(_, ending)| ending) {
            Some("jsonl" | "ndjson") => FileKind::JsonLines,
            Some("csv") => FileKind::Csv,
            Some("parquet") if !gzip => FileKind::Parquet,
            _ => return Err(FileError::Kind(path.to_owned())),
        };
        Ok(Self { path: path.to_owned(), kind, gzip })
    }

    /// Size in bytes as stored.
    pub fn size(&self) -> Result<u64, FileError> {
        let meta = std::fs::metadata(&self.path).and_then(|meta| {
            if meta.is_dir() { Err(std::io::ErrorKind::IsADirectory.into()) } else { Ok(meta) }
        });
        Ok(meta.map_err(|source| self.read_error(source))?.len())
    }

    fn read_error(&self, source: std::io::Error) -> FileError {
        FileError::Read { path: self.path.clone(), source }
    }
}

/// Why a file cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// An ending that tells nothing.
    #[error("cannot tell what `{0}` holds from its name")]
    Kind(PathBuf),
    /// Missing, unreadable or cut short.
    #[error("cannot read `{path}`: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not Parquet, or damaged.
    #[error("cannot read `{path}` as Parquet: {reason}")]
    Parquet {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A CSV file without header.
    #[error("`{0}` is empty")]
    Empty(PathBuf),
    /// A line that no broker takes.
    #[error("line {line} of `{path}` is longer than {} MiB", LARGEST_MESSAGE >> 20)]
    LongLine {
        /// The file.
        path: PathBuf,
        /// Its number, from 1.
        line: u64,
    },
    /// JSON lines are sent as they are.
    #[error("a map does not apply to JSON lines: `{0}` is sent as it is")]
    MapForJson(PathBuf),
    /// The file for the rejected rows.
    #[error("cannot write the rejected rows to `{path}`: {source}")]
    Rejects {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The map does not fit.
    #[error(transparent)]
    Map(#[from] MapError),
    /// The messages cannot be sent.
    #[error(transparent)]
    Send(#[from] ProduceError),
}

impl FileError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Kind(_) => {
                Some("name it .jsonl, .csv (both also with .gz) or .parquet, according to its content".into())
            }
            Self::MapForJson(_) => Some("leave --map away".into()),
            Self::Rejects { source, .. } if source.kind() == std::io::ErrorKind::AlreadyExists => {
                Some("remove that file or name another one".into())
            }
            Self::Read { .. } => Some("check the path: a relative one starts from the current folder".into()),
            Self::Map(error) => error.hint(),
            Self::Send(error) => error.hint(),
            _ => None,
        }
    }
}

/// What became of a file.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Messages handed on.
    pub messages: u64,
    /// Those of them without a machine's id in them; they are sent without key.
    pub keyless: u64,
    /// Rows that are no readings.
    pub rejected: u64,
    /// The first of these, as `line 12: why`.
    pub examples: Vec<String>,
    /// Columns of the file that nothing was made of, if there was no map.
    pub ignored_columns: Vec<String>,
}

/// Takes a message: its key (empty for none) and its payload.
pub type Send<'a> = dyn FnMut(&str, &[u8]) -> Result<(), ProduceError> + 'a;

/// A file about to be replayed.
pub struct Replay<'a> {
    /// The file.
    pub file: &'a InputFile,
    /// How its rows become readings; without a map its columns carry the readings' names.
    pub mapping: Option<&'a Mapping>,
    /// Where to write the rows that are no readings: a CSV file that must not exist yet.
    pub rejects: Option<&'a Path>,
    /// Told the number of bytes read since the last call.
    pub progress: &'a dyn Fn(u64),
}

impl Replay<'_> {
    /// Reads the whole file and hands every message to `send`, in the file's order.
    pub fn run(&self, send: &mut Send<'_>) -> Result<Summary, FileError> {
        let mut summary = Summary::default();
        match self.file.kind {
            FileKind::JsonLines => self.json_lines(send, &mut summary)?,
            FileKind::Csv => self.csv(send, &mut summary)?,
            FileKind::Parquet => self.parquet(send, &mut summary)?,
        }
        Ok(summary)
    }

    fn open(&self) -> Result<Box<dyn Read + '_>, FileError> {
        let file = File::open(&self.file.path).map_err(|source| self.file.read_error(source))?;
        let counted = Counted { inner: file, progress: self.progress };
        Ok(if self.file.gzip { Box::new(MultiGzDecoder::new(counted)) } else { Box::new(counted) })
    }

    fn json_lines(&self, send: &mut Send<'_>, summary: &mut Summary) -> Result<(), FileError> {
        if self.mapping.is_some() {
            return Err(FileError::MapForJson(self.file.path.clone()));
        }
        let mut reader = BufReader::with_capacity(1 << 20, self.open()?);
        let mut buffer = Vec::new();
        let limit = u64::from(LARGEST_MESSAGE);
        for line in 1.. {
            buffer.clear();
            let read = reader.by_ref().take(limit + 1).read_until(b'\n', &mut buffer);
            if read.map_err(|source| self.file.read_error(source))? == 0 {
                break;
            }
            let text = buffer.strip_suffix(b"\n").unwrap_or(&buffer);
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            if text.len() as u64 > limit {
                return Err(FileError::LongLine { path: self.file.path.clone(), line });
            }
            if text.is_empty() {
                continue;
            }
            let key = key_of(text);
            summary.keyless += u64::from(key.is_empty());
            summary.messages += 1;
            send(&key, text)?;
        }
        Ok(())
    }

    fn csv(&self, send: &mut Send<'_>, summary: &mut Summary) -> Result<(), FileError> {
        let delimiter = self.mapping.map_or(b',', Mapping::delimiter);
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .flexible(true)
            .buffer_capacity(1 << 20)
            .from_reader(self.open()?);
        let error = |error: csv::Error| match error.into_kind() {
            csv::ErrorKind::Io(source) => self.file.read_error(source),
            kind => self.file.read_error(std::io::Error::other(format!("{kind:?}"))),
        };
        let headers: Vec<String> = reader
            .byte_headers()
            .map_err(error)?
            .iter()
            .map(|name| String::from_utf8_lossy(name).trim().to_owned())
            .collect();
        if headers.is_empty() {
            return Err(FileError::Empty(self.file.path.clone()));
        }
        let mapping = self.mapping_for(&headers, summary);
        let mut writer = self.writer(&mapping, &headers)?;
        let mut record = csv::ByteRecord::new();
        while reader.read_byte_record(&mut record).map_err(error)? {
            let line = record.position().map_or(0, csv::Position::line);
            let cells: Result<Vec<Cell<'_>>, _> =
                record.iter().map(|field| std::str::from_utf8(field).map(Cell::Text)).collect();
            match cells {
                Ok(cells) => writer.row(("line", line), &cells, send, summary)?,
                Err(_) => {
                    let lossy: Vec<String> =
                        record.iter().map(|field| String::from_utf8_lossy(field).into_owned()).collect();
                    writer.rejects.add(("line", line), &RowError::Utf8, lossy, summary)?;
                }
            }
        }
        writer.rejects.finish()
    }

    /// The map given, or the columns by their own names.
    fn mapping_for(&self, headers: &[String], summary: &mut Summary) -> Cow<'_, Mapping> {
        if let Some(mapping) = self.mapping {
            return Cow::Borrowed(mapping);
        }
        let mapping = Mapping::by_name().restricted_to(headers);
        summary.ignored_columns = headers.iter().filter(|name| !mapping.uses(name)).cloned().collect();
        Cow::Owned(mapping)
    }

    fn writer<'m>(&self, mapping: &'m Mapping, headers: &[String]) -> Result<RowWriter<'m>, FileError> {
        let binding = mapping.bind(headers)?;
        let rejects = Rejects::create(self.rejects, headers)?;
        Ok(RowWriter { binding, rejects, key: String::new(), json: Vec::new() })
    }
}

/// Turns rows into messages.
struct RowWriter<'m> {
    binding: Binding<'m>,
    rejects: Rejects,
    key: String,
    json: Vec<u8>,
}

impl RowWriter<'_> {
    /// One row at `place` (what is counted, and its number), as message or as reject.
    fn row(
        &mut self,
        place: (&str, u64),
        cells: &[Cell<'_>],
        send: &mut Send<'_>,
        summary: &mut Summary,
    ) -> Result<(), FileError> {
        self.json.clear();
        match self.binding.write(cells, &mut self.key, &mut self.json) {
            Ok(()) => {
                summary.messages += 1;
                Ok(send(&self.key, &self.json)?)
            }
            Err(error) => self.rejects.add(place, &error, cells.iter().map(Cell::to_string), summary),
        }
    }
}

/// A reader that tells how far it is.
struct Counted<'a> {
    inner: File,
    progress: &'a dyn Fn(u64),
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        (self.progress)(read as u64);
        Ok(read)
    }
}

/// The part of a reading that decides its partition.
#[derive(Deserialize)]
struct Keyed<'a> {
    #[serde(borrow)]
    machine_id: MachineId<'a>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum MachineId<'a> {
    Number(serde_json::Number),
    #[serde(borrow)]
    Text(Cow<'a, str>),
}

/// The machine's id in a JSON line; empty if it has none or is not JSON.
fn key_of(line: &[u8]) -> String {
    match serde_json::from_slice::<Keyed<'_>>(line) {
        Ok(Keyed { machine_id: MachineId::Number(number) }) => number.to_string(),
        Ok(Keyed { machine_id: MachineId::Text(text) }) => text.into_owned(),
        Err(_) => String::new(),
    }
}
