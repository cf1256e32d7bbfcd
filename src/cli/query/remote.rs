//! A statement run by a server: HistoryService's Arrow stream as batches.

use std::collections::VecDeque;
use std::error::Error;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow::ipc::reader::StreamDecoder;
use futures::{StreamExt, stream};
use tonic::transport::Endpoint;
use tonic::{Code, Status, Streaming};

use super::{QueryError, Rows};
use crate::serve::proto::history_service_client::HistoryServiceClient;
use crate::serve::proto::{QueryRequest, QueryResponse};
use crate::serve::sql::SqlError;

/// A server that does not even take the connection in this time is not there.
const CONNECT: Duration = Duration::from_secs(5);
/// A piece is about 1 MiB, or one row: room for a large one.
const MOST_BYTES: usize = 256 << 20;

/// Runs `sql` in the server at `url`, `http://HOST:PORT` or `HOST:PORT`.
pub(super) async fn query(url: &str, sql: &str) -> Result<Rows, QueryError> {
    let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    let bad = |cause: String| QueryError::BadServer { url: url.clone(), cause };
    let endpoint = Endpoint::from_shared(url.clone()).map_err(|error| bad(innermost(&error)))?;
    if endpoint.uri().scheme_str() != Some("http") {
        return Err(bad("only http:// is spoken".into()));
    }
    let channel = endpoint
        .connect_timeout(CONNECT)
        .connect()
        .await
        .map_err(|error| QueryError::Unreachable { url: url.clone(), cause: innermost(&error) })?;
    let mut client = HistoryServiceClient::new(channel).max_decoding_message_size(MOST_BYTES);
    let request = QueryRequest { sql: sql.to_owned(), limit: None };
    let pieces = client.query(request).await.map_err(|status| failed(&url, &status))?.into_inner();
    let decoder = StreamDecoder::new();
    let mut answer = Answer { url, pieces, decoder, ready: VecDeque::new() };
    // The schema comes with the first piece; the rows of that piece wait for their turn.
    while answer.decoder.schema().is_none() {
        if !answer.receive().await? {
            return Err(QueryError::BrokenAnswer("it ends before it says what the columns are".into()));
        }
    }
    let schema = answer.decoder.schema();
    let schema = schema.ok_or_else(|| QueryError::BrokenAnswer("it has no columns".into()))?;
    let batches = stream::try_unfold(answer, |mut answer| async move {
        let batch = answer.next().await?;
        Ok(batch.map(|batch| (batch, answer)))
    });
    Ok(Rows { schema, batches: batches.boxed() })
}

/// An answer on its way.
struct Answer {
    url: String,
    pieces: Streaming<QueryResponse>,
    decoder: StreamDecoder,
    ready: VecDeque<RecordBatch>,
}

impl Answer {
    async fn next(&mut self) -> Result<Option<RecordBatch>, QueryError> {
        loop {
            if let Some(batch) = self.ready.pop_front() {
                return Ok(Some(batch));
            }
            if !self.receive().await? {
                self.decoder.finish().map_err(|error| QueryError::BrokenAnswer(error.to_string()))?;
                return Ok(None);
            }
        }
    }

    /// Takes in one piece; false after the last.
    async fn receive(&mut self) -> Result<bool, QueryError> {
        let piece = self.pieces.message().await.map_err(|status| failed(&self.url, &status))?;
        let Some(piece) = piece else { return Ok(false) };
        let mut bytes = Buffer::from_vec(piece.arrow_ipc);
        while !bytes.is_empty() {
            let batch = self.decoder.decode(&mut bytes);
            self.ready.extend(batch.map_err(|error| QueryError::BrokenAnswer(error.to_string()))?);
        }
        Ok(true)
    }
}

/// What a failed call means to the user.
fn failed(url: &str, status: &Status) -> QueryError {
    let url = url.to_owned();
    match status.code() {
        Code::Unavailable => QueryError::Unreachable { url, cause: status.message().to_owned() },
        Code::Unimplemented => {
            QueryError::BadServer { url, cause: "it runs, but is no Coldstream server".into() }
        }
        _ => QueryError::Sql(SqlError::from_status(status)),
    }
}

/// The cause under all causes: `transport error` says nothing, `Connection refused` does.
fn innermost(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
