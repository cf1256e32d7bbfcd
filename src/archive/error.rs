//! What can go wrong with the archive.

use deltalake::DeltaTableError;
use object_store::path::Path;

use super::epoch::Epoch;

/// An archive operation that failed.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The URL names no store that we know, or is no URL.
    #[error("archive url `{url}`: {reason}")]
    BadUrl {
        /// The URL as given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The store does not answer, or refuses us.
    #[error("archive {url} cannot be reached: {reason}")]
    Unreachable {
        /// The archive's URL.
        url: String,
        /// What the store or the network said.
        reason: String,
    },
    /// The store answers, but not as the epochs need it.
    #[error("archive {url} is no place for checkpoints: {reason}")]
    Unsuitable {
        /// The archive's URL.
        url: String,
        /// What it does.
        reason: &'static str,
    },
    /// Another worker owns the partition by now: its epoch is in the store.
    #[error("topic `{topic}`, partition {partition}: epoch {epoch} belongs to another worker")]
    Fenced {
        /// Kafka topic.
        topic: String,
        /// Kafka partition.
        partition: i32,
        /// The epoch that could not be made.
        epoch: Epoch,
    },
    /// A table name that cannot be a folder and an SQL name.
    #[error("`{0}` cannot be the name of a table")]
    BadTableName(String),
    /// The table has not been made.
    #[error("table `{table}` does not exist in {url}")]
    NoTable {
        /// Table name.
        table: String,
        /// The archive's URL.
        url: String,
    },
    /// A column of the table has another type than the rows to write.
    #[error("table `{table}`: column `{column}` is {stored} in the archive and {wanted} in the new rows")]
    TypeClash {
        /// Table name.
        table: String,
        /// Column name.
        column: String,
        /// Type in the archive.
        stored: String,
        /// Type of the rows to write.
        wanted: String,
    },
    /// A type that Delta tables do not have.
    #[error("table `{table}`: column `{column}` is {found}, which a Delta table cannot hold")]
    UnsupportedType {
        /// Table name.
        table: String,
        /// Column name.
        column: String,
        /// Its Arrow type.
        found: String,
    },
    /// A table description that contradicts itself.
    #[error("table `{table}`: {reason}")]
    BadSpec {
        /// Table name.
        table: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Rows that are not of the table's schema.
    #[error("table `{table}`: rows do not fit: {reason}")]
    BadRows {
        /// Table name.
        table: String,
        /// Where they differ.
        reason: String,
    },
    /// Encoding to Parquet failed.
    #[error("table `{table}`: Parquet: {source}")]
    Encode {
        /// Table name.
        table: String,
        /// Cause.
        source: parquet::errors::ParquetError,
    },
    /// The blocking task that encodes was cancelled or panicked.
    #[error("table `{table}`: the encoding task did not finish: {source}")]
    Task {
        /// Table name.
        table: String,
        /// Cause.
        source: tokio::task::JoinError,
    },
    /// The transaction log could not be read or written.
    #[error("table `{table}`: {source}")]
    Delta {
        /// Table name.
        table: String,
        /// Cause.
        source: Box<DeltaTableError>,
    },
    /// Other writers won every attempt to commit.
    #[error("table `{table}`: gave up after {attempts} commits lost against other writers")]
    Contended {
        /// Table name.
        table: String,
        /// Number of attempts.
        attempts: usize,
    },
    /// An object could not be read or written.
    #[error("{path}: {source}")]
    Store {
        /// The object.
        path: Path,
        /// Cause.
        source: object_store::Error,
    },
    /// An object of the checkpoint chain does not hold what it should.
    #[error("{path}: {reason}")]
    Corrupt {
        /// The object.
        path: Path,
        /// What is wrong with it.
        reason: String,
    },
    /// A table has rows of a partition whose chain of epochs is gone.
    #[error(
        "table `{table}` has rows of {topic}/{partition} up to epoch {epoch}, whose checkpoints are gone"
    )]
    LostChain {
        /// Table name.
        table: String,
        /// Kafka topic.
        topic: String,
        /// Kafka partition.
        partition: i32,
        /// The newest epoch in the table.
        epoch: Epoch,
    },
    /// A table has rows of epochs that are gone from the end of a chain.
    #[error(
        "table `{table}` has rows of {topic}/{partition} up to epoch {epoch}, its newest checkpoint is epoch {newest}"
    )]
    TableAhead {
        /// Table name.
        table: String,
        /// Kafka topic.
        topic: String,
        /// Kafka partition.
        partition: i32,
        /// The newest epoch in the table.
        epoch: Epoch,
        /// The newest epoch of the chain.
        newest: Epoch,
    },
    /// State of the newest epoch is gone.
    #[error("{path}: the state of epoch {epoch} is gone")]
    LostState {
        /// The object.
        path: Path,
        /// The epoch.
        epoch: Epoch,
    },
    /// An epoch that is not in its tables yet names a data file that is gone.
    #[error("table `{table}`: file {path} of epoch {epoch} is gone before it was committed")]
    LostFile {
        /// Table name.
        table: String,
        /// Path of the file, relative to the table.
        path: String,
        /// The epoch that wrote it.
        epoch: Epoch,
    },
}

impl ArchiveError {
    /// Whether it is about what the store was seen to hold. Another worker on the same partition may have changed that
    /// while it was looked at, object by object: only what is seen again and again is so.
    pub fn may_be_torn(&self) -> bool {
        matches!(
            self,
            Self::LostChain { .. } | Self::TableAhead { .. } | Self::LostState { .. } | Self::LostFile { .. }
        )
    }

    /// Whether it lies with the store or with other writers, and may be over when it is tried again.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Store { .. } | Self::Delta { .. } | Self::Contended { .. })
    }

    /// What to do about it, where there is something to do.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::BadUrl { .. } => {
                "write file:///absolute/path, a path, or s3://bucket/prefix under [archive] url"
            }
            Self::Unreachable { url, .. } if url.starts_with("s3://") => {
                "check that the bucket exists, and endpoint, region and keys in [archive.s3] or AWS_* \
                 variables; an http:// endpoint needs allow_http = true"
            }
            Self::Unreachable { .. } => "check that the folder may be created and written",
            Self::Unsuitable { .. } => {
                "exactly-once needs a store with conditional writes (`If-None-Match: *`): AWS S3, MinIO and versitygw \
                 have them; some compatible stores must be updated, or told so"
            }
            Self::Fenced { .. } => "recover the partition again before going on; its other owner is ahead",
            Self::BadTableName(_) => {
                "a name starts with a letter and holds only letters, digits and underscores"
            }
            Self::NoTable { .. } => "check [archive] url; a table appears when its first rows are written",
            Self::TypeClash { .. } => {
                "rename the column in the query, cast it to the old type, or move the old table away"
            }
            Self::UnsupportedType { .. } => {
                "cast it in the query, for example to DOUBLE, BIGINT, VARCHAR or TIMESTAMP WITH TIME ZONE"
            }
            Self::BadSpec { .. } => "rename the column in the query",
            Self::Contended { .. } => "too many writers commit to one table: raise commit_interval",
            Self::LostFile { .. } => {
                "the table was deleted or vacuumed by hand: restore it, or start anew with another [archive] url"
            }
            Self::LostChain { .. } | Self::TableAhead { .. } | Self::LostState { .. } => {
                "restore the topic's folder under _coldstream/checkpoints, or start anew with another [archive] url"
            }
            Self::BadRows { .. }
            | Self::Encode { .. }
            | Self::Task { .. }
            | Self::Delta { .. }
            | Self::Store { .. }
            | Self::Corrupt { .. } => return None,
        };
        Some(hint.to_owned())
    }

    /// Names the table in an error of the Delta library.
    pub(super) fn delta(table: &str, source: impl Into<DeltaTableError>) -> Self {
        Self::Delta { table: table.to_owned(), source: Box::new(source.into()) }
    }

    /// Names the object in an error of the store.
    pub(super) fn store(path: &Path, source: object_store::Error) -> Self {
        Self::Store { path: path.clone(), source }
    }
}
