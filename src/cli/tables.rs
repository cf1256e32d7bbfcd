//! `--input PATH` and `--archive URL` of the commands that read tables.

use std::path::Path;
use std::sync::Arc;

use datafusion::common::DataFusionError;
use datafusion::prelude::{ParquetReadOptions, SessionContext};

use crate::archive::{Archive, ArchiveError, StoreOptions};
use crate::dataflow::error::one_line;
use crate::dataflow::sql::{self, Extensions};
use crate::history::{History, model_extensions};
use crate::model::Registry;
use crate::serve::sql::SqlError;

/// Tables that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TablesError {
    /// The path is not there, or cannot be listed.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The path.
        path: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// There is no table in it.
    #[error("{0} holds no table")]
    Empty(String),
    /// A table cannot be opened.
    #[error("table {name}: {}", one_line(source))]
    Table {
        /// Its name.
        name: String,
        /// Why.
        source: DataFusionError,
    },
    /// The archive cannot be opened.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The archive's tables cannot be opened.
    #[error(transparent)]
    Sql(#[from] SqlError),
}

impl TablesError {
    /// What to do about it, where known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Read { .. } | Self::Empty(_) | Self::Table { .. } => Some(
                "give a .parquet file, or a folder with NAME.parquet or NAME/*.parquet for each table".into(),
            ),
            Self::Archive(error) => error.hint(),
            Self::Sql(error) => error.hint(),
        }
    }
}

/// A session with the tables of `archive` or else of `input`. Nothing is scored in it: no model is known.
pub async fn session(archive: Option<&str>, input: Option<&Path>) -> Result<SessionContext, TablesError> {
    if let Some(url) = archive {
        let archive = Archive::open(url, &StoreOptions::default()).await?;
        return Ok(history(archive, &Arc::default()).session().await?);
    }
    let context = sql::session(&Extensions::default(), 2);
    if let Some(input) = input {
        register(&context, input).await?;
    }
    Ok(context)
}

/// The engine over an archive that no worker of this process writes to.
pub fn history(archive: Archive, models: &Arc<Registry>) -> History {
    History::new(archive, None, model_extensions(models))
}

async fn register(context: &SessionContext, input: &Path) -> Result<(), TablesError> {
    let read = |source| TablesError::Read { path: input.display().to_string(), source };
    let paths = if std::fs::metadata(input).map_err(read)?.is_dir() {
        let entries = std::fs::read_dir(input).map_err(read)?;
        entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, _>>().map_err(read)?
    } else {
        vec![input.to_path_buf()]
    };
    let mut found = false;
    for path in paths {
        let parquet = path.extension().is_some_and(|e| e == "parquet");
        let (Some(name), true) = (path.file_stem().and_then(|s| s.to_str()), parquet || path.is_dir()) else {
            continue;
        };
        let registered =
            context.register_parquet(name, path.display().to_string(), ParquetReadOptions::default()).await;
        registered.map_err(|source| TablesError::Table { name: name.into(), source })?;
        found = true;
    }
    if found { Ok(()) } else { Err(TablesError::Empty(input.display().to_string())) }
}
