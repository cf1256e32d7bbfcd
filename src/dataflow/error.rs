//! What can go wrong in the dataflow: a query that cannot run, or state that does not fit it.

use datafusion::common::DataFusionError;

/// An error of the dataflow.
#[derive(Debug, thiserror::Error)]
pub enum DataflowError {
    /// A query file cannot be planned as a stream.
    #[error("{file}:{line}: {message}")]
    Query {
        /// File name of the query.
        file: String,
        /// Line in the file, from 1.
        line: u64,
        /// What is wrong, in one line.
        message: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// The folder of queries or one of its files cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The path.
        path: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Two files would make the same stream, or a file takes the name of a built-in table.
    #[error("{file}: the stream name `{name}` is taken")]
    NameTaken {
        /// File name of the query.
        file: String,
        /// The name.
        name: String,
    },
    /// Windows may be given again, and a query of them does not show it.
    #[error("the stream `{stream}` may give a window again, and its rows do not say so")]
    NoRevision {
        /// The stream.
        stream: String,
    },
    /// The state of a checkpoint belongs to other queries.
    #[error("the checkpoint was written by other queries: {0}")]
    Fingerprint(String),
    /// The bytes of a checkpoint's state cannot be read.
    #[error("the state of stream `{stream}` cannot be read: {message}")]
    State {
        /// The stream whose state it is.
        stream: String,
        /// What is wrong.
        message: String,
    },
    /// DataFusion refused or failed.
    #[error("{}", one_line(.0))]
    DataFusion(#[from] DataFusionError),
    /// An Arrow kernel failed.
    #[error("{0}")]
    Arrow(#[from] arrow::error::ArrowError),
}

impl DataflowError {
    /// What the operator can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Query { hint, .. } => hint.clone(),
            Self::Read { .. } => Some("check the path, or set `queries` in coldstream.toml".into()),
            Self::NameTaken { .. } => Some("rename the file: its name is the name of the stream".into()),
            Self::Fingerprint(_) => Some(
                "put the queries and models back as they were, or set `dataflow.on_query_change` to \"rebuild\" \
                 (windows anew from the archive) or \"start_empty\" (same offset, empty windows)"
                    .into(),
            ),
            Self::NoRevision { .. } => {
                Some("select `revision` as well, or set `dataflow.allowed_lateness = \"0s\"`".into())
            }
            _ => None,
        }
    }
}

/// The innermost message of a DataFusion error, on one line and without its wrappers.
pub fn one_line(error: &DataFusionError) -> String {
    let root = match error {
        DataFusionError::Diagnostic(_, inner) => return one_line(inner),
        DataFusionError::Context(_, inner) => return one_line(inner),
        DataFusionError::Shared(inner) => return one_line(inner),
        DataFusionError::Collection(all) => return all.first().map(one_line).unwrap_or_default(),
        other => other.strip_backtrace(),
    };
    let text = root.lines().map(str::trim).filter(|l| !l.is_empty()).collect::<Vec<_>>().join(" ");
    let prefixes = [
        "Schema error: ",
        "Error during planning: ",
        "SQL error: ",
        "External error: ",
        "This feature is not implemented: ",
        "Execution error: ",
    ];
    let trimmed = prefixes.iter().fold(text.as_str(), |t, p| t.strip_prefix(p).unwrap_or(t));
    trimmed.to_string()
}
