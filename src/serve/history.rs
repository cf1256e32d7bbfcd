//! `HistoryService`: SQL over the tables, as Arrow or as JSON.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;

use arrow::array::{Array, RecordBatch};
use arrow::buffer::Buffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamEncoder;
use arrow::json::LineDelimitedWriter;
use arrow::json::writer::{LineDelimited, WriterBuilder};
use datafusion::execution::SendableRecordBatchStream;
use futures::{Stream, StreamExt, stream};
use tonic::{Request, Response, Status};

use super::error::{invalid, with_hint};
use super::proto::{self, history_service_server::HistoryService};
use super::series::series;
use super::sql::{SqlEngine, SqlError, SqlErrorKind};

/// Aimed size of a piece of Arrow, in bytes: gRPC clients accept messages of 4 MiB.
const PIECE_BYTES: usize = 1 << 20;
/// Most text in a JSON answer, in bytes, for the same reason.
const JSON_BYTES: usize = 2 << 20;
/// Rows of a JSON answer where the client does not say.
const JSON_ROWS: u32 = 1_000;
/// Most rows of a JSON answer.
const MOST_JSON_ROWS: u32 = 10_000;

/// The service over an engine.
pub(super) struct HistoryApi {
    pub(super) sql: Arc<dyn SqlEngine>,
}

type QueryStream = Pin<Box<dyn Stream<Item = Result<proto::QueryResponse, Status>> + Send>>;

#[tonic::async_trait]
impl HistoryService for HistoryApi {
    type QueryStream = QueryStream;

    async fn query(
        &self,
        request: Request<proto::QueryRequest>,
    ) -> Result<Response<Self::QueryStream>, Status> {
        let request = request.into_inner();
        let rows = self.sql.query(&request.sql).await?;
        let pieces = Pieces::new(rows, request.limit)?;
        let messages = stream::try_unfold(pieces, |mut pieces| async move {
            let piece = pieces.next().await?;
            Ok(piece.map(|arrow_ipc| (proto::QueryResponse { arrow_ipc }, pieces)))
        });
        Ok(Response::new(Box::pin(messages)))
    }

    async fn query_json(
        &self,
        request: Request<proto::QueryJsonRequest>,
    ) -> Result<Response<proto::QueryJsonResponse>, Status> {
        let request = request.into_inner();
        let limit = request.limit.unwrap_or(JSON_ROWS);
        if !(1..=MOST_JSON_ROWS).contains(&limit) {
            let message = format!("`limit` is {limit}: it must be from 1 to {MOST_JSON_ROWS}");
            return Err(invalid("limit", with_hint(message, "Query streams any number of rows")));
        }
        let rows = self.sql.query(&request.sql).await?;
        Ok(Response::new(json(rows, limit as usize).await?))
    }

    async fn get_series(
        &self,
        request: Request<proto::GetSeriesRequest>,
    ) -> Result<Response<proto::GetSeriesResponse>, Status> {
        Ok(Response::new(series(self.sql.as_ref(), request.into_inner()).await?))
    }
}

fn encoding(error: ArrowError) -> SqlError {
    SqlError {
        kind: SqlErrorKind::Internal,
        message: format!("the result cannot be sent: {error}"),
        hint: Some("cast its columns to plain types".into()),
    }
}

/// A result on its way to Arrow IPC.
struct Pieces {
    input: SendableRecordBatchStream,
    schema: SchemaRef,
    /// Rows that may still be sent.
    left: u64,
    waiting: VecDeque<RecordBatch>,
    /// `None` when the end mark was given.
    encoder: Option<StreamEncoder>,
}

impl Pieces {
    fn new(input: SendableRecordBatchStream, limit: Option<u64>) -> Result<Self, SqlError> {
        let schema = plain_schema(&input.schema());
        let encoder = StreamEncoder::try_new(&schema).map_err(encoding)?;
        let left = limit.unwrap_or(u64::MAX);
        Ok(Self { input, schema, left, waiting: VecDeque::new(), encoder: Some(encoder) })
    }

    /// The next piece of the IPC stream; `None` after the last.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, SqlError> {
        loop {
            if let (Some(batch), Some(encoder)) = (self.waiting.pop_front(), &mut self.encoder) {
                return Ok(Some(joined(&encoder.encode(&batch).map_err(encoding)?)));
            }
            let batch = if self.left == 0 { None } else { self.input.next().await.transpose()? };
            match batch {
                Some(batch) => {
                    let rows = (batch.num_rows() as u64).min(self.left);
                    self.left -= rows;
                    let batch = plain(&batch.slice(0, rows as usize), &self.schema).map_err(encoding)?;
                    self.waiting.extend(split(&batch, PIECE_BYTES).map_err(encoding)?);
                }
                None => {
                    let last = self.encoder.take().map(StreamEncoder::finish).transpose();
                    return Ok(last.map_err(encoding)?.map(|buffers| joined(&buffers)));
                }
            }
        }
    }
}

fn joined(buffers: &[Buffer]) -> Vec<u8> {
    buffers.iter().map(Buffer::as_slice).collect::<Vec<_>>().concat()
}

/// The schema on the wire: without Arrow's view types, which older readers do not know and whose slices carry
/// all the text of the batch that they were cut from.
fn plain_schema(schema: &Schema) -> SchemaRef {
    let field = |field: &Arc<Field>| match field.data_type() {
        DataType::Utf8View => Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8)),
        DataType::BinaryView => Arc::new(field.as_ref().clone().with_data_type(DataType::Binary)),
        _ => Arc::clone(field),
    };
    let fields: Vec<_> = schema.fields().iter().map(field).collect();
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

fn plain(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().zip(schema.fields());
    let columns = columns.map(|(column, field)| cast(column, field.data_type()));
    let rows = arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns.collect::<Result<_, _>>()?, &rows)
}

/// Cuts a batch into slices of about `bytes` bytes; none for a batch without rows.
fn split(batch: &RecordBatch, bytes: usize) -> Result<Vec<RecordBatch>, ArrowError> {
    let size = batch.columns().iter().map(|column| column.to_data().get_slice_memory_size());
    let size = size.sum::<Result<usize, _>>()?;
    let rows = batch.num_rows();
    let step = (rows * bytes / size.max(1)).clamp(1, rows.max(1));
    Ok((0..rows).step_by(step).map(|at| batch.slice(at, step.min(rows - at))).collect())
}

/// The first `limit` rows, or about `JSON_BYTES` of them, as JSON.
async fn json(
    mut input: SendableRecordBatchStream,
    limit: usize,
) -> Result<proto::QueryJsonResponse, SqlError> {
    let columns = input.schema().fields().iter().map(column).collect();
    let mut answer = proto::QueryJsonResponse { columns, rows: Vec::new(), truncated: false };
    let mut bytes = 0;
    while let Some(batch) = input.next().await.transpose()? {
        // In pieces, so that a batch of large rows is not written out to be thrown away.
        for piece in split(&batch, JSON_BYTES / 8).map_err(encoding)? {
            for line in json_lines(&piece).map_err(encoding)?.lines() {
                if answer.rows.len() == limit || bytes > JSON_BYTES {
                    answer.truncated = true;
                    return Ok(answer);
                }
                bytes += line.len();
                answer.rows.push(line.to_owned());
            }
        }
    }
    Ok(answer)
}

fn column(field: &Arc<Field>) -> proto::ResultColumn {
    proto::ResultColumn { name: field.name().clone(), r#type: field.data_type().to_string() }
}

/// One JSON object in a line for each row, with every column, NULL as null. Each line ends with a line break.
pub(crate) fn json_lines(batch: &RecordBatch) -> Result<String, ArrowError> {
    let mut writer: LineDelimitedWriter<Vec<u8>> =
        WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(Vec::new());
    writer.write(batch)?;
    writer.finish()?;
    String::from_utf8(writer.into_inner()).map_err(|error| ArrowError::JsonError(error.to_string()))
}
