//! What the server asks of the rest of the program: SQL, and what is known of the tables.

use async_trait::async_trait;
use datafusion::common::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::context::{SQLOptions, SessionContext};
use tonic::{Code, Status};

/// Runs SQL over the tables.
#[async_trait]
pub trait SqlEngine: Send + Sync {
    /// Plans and starts one statement, and streams its rows. A statement that would change something (data, tables,
    /// settings) is refused as [`SqlErrorKind::Invalid`]. Dropping the stream cancels the work.
    async fn query(&self, sql: &str) -> Result<SendableRecordBatchStream, SqlError>;
}

/// Knows the tables of the archive.
#[async_trait]
pub trait TableSource: Send + Sync {
    /// The tables as they are now, in any order.
    async fn tables(&self) -> Result<Vec<TableInfo>, SqlError>;
}

/// A table of the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableInfo {
    /// Name, as in SQL.
    pub name: String,
    /// Rows committed; `None` where the files do not say.
    pub rows: Option<u64>,
    /// Files of the newest version.
    pub files: u64,
    /// Size of those files, in bytes.
    pub bytes: u64,
    /// Number of its newest commit.
    pub version: u64,
}

/// Runs `sql` in `context` if it is one statement that only reads. The engines of this program go through
/// here, so that they refuse the same statements in the same words.
pub async fn query_context(
    context: &SessionContext,
    sql: &str,
) -> Result<SendableRecordBatchStream, SqlError> {
    let read_only =
        SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    let plan = crate::dataflow::sql::logical_plan(&context.state(), sql).await?;
    read_only.verify_plan(&plan).map_err(|_| SqlError {
        kind: SqlErrorKind::Invalid,
        message: "only statements that read are allowed here".into(),
        hint: Some("use SELECT; the tables are written by the stream alone".into()),
    })?;
    Ok(context.execute_logical_plan(plan).await?.execute_stream().await?)
}

/// Whose fault a failed statement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SqlErrorKind {
    /// The statement is wrong, or not allowed.
    Invalid,
    /// It names a table that does not exist.
    NotFound,
    /// The server could not answer: storage, memory, a defect.
    Internal,
}

/// A statement that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SqlError {
    /// Whose fault it is.
    pub kind: SqlErrorKind,
    /// What is wrong, in one line.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl SqlError {
    /// What to do about it, where known.
    pub fn hint(&self) -> Option<String> {
        self.hint.clone()
    }

    /// Reads back what `Status::from(error)` wrote, on the client's side.
    pub fn from_status(status: &Status) -> Self {
        let kind = match status.code() {
            Code::InvalidArgument => SqlErrorKind::Invalid,
            Code::NotFound => SqlErrorKind::NotFound,
            _ => SqlErrorKind::Internal,
        };
        match status.message().split_once(HINT) {
            Some((message, hint)) => Self { kind, message: message.into(), hint: Some(hint.into()) },
            None => Self { kind, message: status.message().into(), hint: None },
        }
    }
}

/// Between message and hint in the message of a gRPC status.
const HINT: &str = "\nhint: ";

impl From<SqlError> for Status {
    fn from(error: SqlError) -> Self {
        let code = match error.kind {
            SqlErrorKind::Invalid => Code::InvalidArgument,
            SqlErrorKind::NotFound => Code::NotFound,
            SqlErrorKind::Internal => Code::Internal,
        };
        match error.hint {
            Some(hint) => Status::new(code, format!("{}{HINT}{hint}", error.message)),
            None => Status::new(code, error.message),
        }
    }
}

impl From<DataFusionError> for SqlError {
    fn from(error: DataFusionError) -> Self {
        use DataFusionError as E;
        let root = error.find_root();
        let text = match root {
            E::SQL(cause, _) => cause.to_string(),
            E::SchemaError(cause, _) => cause.to_string(),
            E::ArrowError(cause, _) => cause.to_string(),
            E::Plan(text) | E::Execution(text) | E::NotImplemented(text) | E::Configuration(text) => {
                text.clone()
            }
            other => other.strip_backtrace(),
        };
        let text = text.split(DataFusionError::BACK_TRACE_SEP).next().unwrap_or_default();
        let message = text.lines().map(str::trim).collect::<Vec<_>>().join(" ");
        let unknown_table =
            matches!(root, E::Plan(_)) && message.starts_with("table '") && message.ends_with("' not found");
        let (kind, hint) = match root {
            _ if unknown_table => (SqlErrorKind::NotFound, Some("SHOW TABLES lists the tables")),
            E::SQL(..)
            | E::SchemaError(..)
            | E::ArrowError(..)
            | E::Plan(_)
            | E::Execution(_)
            | E::NotImplemented(_)
            | E::Configuration(_) => (SqlErrorKind::Invalid, None),
            E::ResourcesExhausted(_) => (
                SqlErrorKind::Internal,
                Some("ask for less at once: a condition on `date` reads fewer files"),
            ),
            _ => (SqlErrorKind::Internal, None),
        };
        Self { kind, message, hint: hint.map(Into::into) }
    }
}
