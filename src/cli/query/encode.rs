//! From batches to the bytes of each format. Pure: the caller writes the bytes where they belong.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::csv;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::util::display::FormatOptions;
use arrow::util::pretty::pretty_format_batches_with_options;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use super::{Format, QueryError};
use crate::serve::history::json_lines;

/// Rows of one printed table: its widths are known only when it is complete.
const TABLE_ROWS: usize = 1_000;

/// Turns batches of one schema into bytes of a format, in the order in which they come.
pub(super) struct Encoder {
    format: Format,
    state: State,
}

enum State {
    Table { schema: SchemaRef, waiting: Vec<RecordBatch>, rows: usize, printed: bool },
    Json,
    Csv { header: Option<SchemaRef> },
    Parquet(Box<ArrowWriter<Vec<u8>>>),
}

impl Encoder {
    /// An encoder for rows of `schema`.
    pub(super) fn new(format: Format, schema: &SchemaRef) -> Result<Self, QueryError> {
        let schema = Arc::clone(schema);
        let state = match format {
            Format::Table => State::Table { schema, waiting: Vec::new(), rows: 0, printed: false },
            Format::Json => State::Json,
            Format::Csv => State::Csv { header: Some(schema) },
            Format::Parquet => {
                let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
                let writer = ArrowWriter::try_new(Vec::new(), schema, Some(properties));
                State::Parquet(Box::new(writer.map_err(|error| format.error(error))?))
            }
        };
        Ok(Self { format, state })
    }

    /// Appends the bytes of `batch` to `out`; some may wait for a later call.
    pub(super) fn encode(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), QueryError> {
        self.append(batch, out).map_err(|error| self.format.error(error))
    }

    fn append(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        match &mut self.state {
            State::Table { schema, waiting, rows, printed } => {
                *rows += batch.num_rows();
                waiting.push(batch.clone());
                if *rows >= TABLE_ROWS {
                    print(schema, waiting, out)?;
                    (*rows, *printed) = (0, true);
                    waiting.clear();
                }
            }
            State::Json => out.extend(json_lines(batch)?.into_bytes()),
            State::Csv { header } => {
                let header = header.take().is_some();
                csv::WriterBuilder::new().with_header(header).build(out).write(batch)?;
            }
            State::Parquet(writer) => {
                writer.write(batch)?;
                // The writer counts its bytes by itself: what it gave can go.
                out.append(writer.inner_mut());
            }
        }
        Ok(())
    }

    /// Appends what is left.
    pub(super) fn finish(self, out: &mut Vec<u8>) -> Result<(), QueryError> {
        let format = self.format;
        Self::end(self.state, out).map_err(|error| format.error(error))
    }

    fn end(state: State, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        match state {
            State::Table { schema, waiting, rows, printed } => {
                // No rows still have columns to show.
                if rows > 0 || !printed {
                    print(&schema, &waiting, out)?;
                }
            }
            State::Json => {}
            State::Csv { header } => {
                if let Some(schema) = header {
                    csv::WriterBuilder::new().build(out).write(&RecordBatch::new_empty(schema))?;
                }
            }
            State::Parquet(writer) => out.append(&mut writer.into_inner()?),
        }
        Ok(())
    }
}

fn print(schema: &SchemaRef, batches: &[RecordBatch], out: &mut Vec<u8>) -> Result<(), ArrowError> {
    let options = FormatOptions::default().with_null("NULL").with_display_error(true);
    let batches: Vec<_> =
        if batches.is_empty() { vec![RecordBatch::new_empty(Arc::clone(schema))] } else { batches.to_vec() };
    let table = pretty_format_batches_with_options(&batches, &options)?;
    out.extend(format!("{table}\n").into_bytes());
    Ok(())
}
