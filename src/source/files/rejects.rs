//! Rows that are no readings: counted, the first few told, all kept in a file on request.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::{FileError, Summary};
use crate::source::mapping::RowError;

/// How many rejected rows are told in words.
const EXAMPLES: usize = 5;

/// Where rejected rows go.
pub(super) struct Rejects {
    path: PathBuf,
    writer: Option<csv::Writer<File>>,
}

impl Rejects {
    /// Creates the file `path`, which must not exist, with the file's header after `reject_row` and
    /// `reject_reason`; so the corrected file can be ingested with the same map. No path: rows are counted
    /// only.
    pub(super) fn create(path: Option<&Path>, headers: &[String]) -> Result<Self, FileError> {
        let Some(path) = path else {
            return Ok(Self { path: PathBuf::new(), writer: None });
        };
        let file =
            File::create_new(path).map_err(|source| FileError::Rejects { path: path.to_owned(), source })?;
        let writer = csv::WriterBuilder::new().flexible(true).from_writer(file);
        let mut rejects = Self { path: path.to_owned(), writer: Some(writer) };
        rejects
            .write(["reject_row", "reject_reason"].into_iter().chain(headers.iter().map(String::as_str)))?;
        Ok(rejects)
    }

    /// One rejected row: its number in `place`, why, and its fields.
    pub(super) fn add(
        &mut self,
        place: (&str, u64),
        error: &RowError,
        fields: impl IntoIterator<Item = String>,
        summary: &mut Summary,
    ) -> Result<(), FileError> {
        summary.rejected += 1;
        let (unit, number) = place;
        if summary.examples.len() < EXAMPLES {
            summary.examples.push(format!("{unit} {number}: {error}"));
        }
        if self.writer.is_none() {
            return Ok(());
        }
        self.write([number.to_string(), error.to_string()].into_iter().chain(fields))
    }

    /// Makes sure that all rows are in the file.
    pub(super) fn finish(mut self) -> Result<(), FileError> {
        match &mut self.writer {
            Some(writer) => {
                writer.flush().map_err(|source| FileError::Rejects { path: self.path.clone(), source })
            }
            None => Ok(()),
        }
    }

    fn write<T: AsRef<[u8]>>(&mut self, fields: impl Iterator<Item = T>) -> Result<(), FileError> {
        match &mut self.writer {
            Some(writer) => writer.write_record(fields).map_err(|error| FileError::Rejects {
                path: self.path.clone(),
                source: std::io::Error::other(error),
            }),
            None => Ok(()),
        }
    }
}
