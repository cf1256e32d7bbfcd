//! SQL over the past: the archive's tables together with the rows that are not committed yet, each row once.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::prelude::SessionContext;

use crate::archive::{Archive, ArchiveError};
use crate::dataflow::sql::{self, Extensions};
use crate::machine::columns::{RECORDED_AT, VERSION};
use crate::model::registry::Registry;
use crate::schema::{MACHINE_ID, MACHINE_VERSIONS, MACHINES, TIMESTAMP, WINDOW_TIME};
use crate::serve::sql::{SqlEngine, SqlError, SqlErrorKind, TableInfo, TableSource, query_context};
use crate::worker::hot::HotRows;

pub mod backtest;

/// The functions and rules of the models, for a session.
pub fn model_extensions(registry: &Arc<Registry>) -> Extensions {
    Extensions {
        aggregates: vec![],
        functions: crate::model::sql::functions(),
        rules: vec![crate::model::sql::analyzer_rule(Arc::clone(registry))],
    }
}

/// Names and versions of the models, for a fingerprint.
pub fn model_versions(registry: &Registry) -> String {
    registry.versions().map(|(name, version)| format!("{name}@{version} ")).collect()
}

/// Answers SQL over an archive, and over a worker's rows where there is one in this process.
#[derive(Debug, Clone)]
pub struct History {
    archive: Archive,
    hot: Option<Arc<HotRows>>,
    extensions: Extensions,
}

impl History {
    /// An engine over `archive`; `hot` are the rows of this process's worker.
    pub fn new(archive: Archive, hot: Option<Arc<HotRows>>, extensions: Extensions) -> Self {
        Self { archive, hot, extensions }
    }

    /// A session in which every table of the archive is there under its name, as it is now.
    pub async fn session(&self) -> Result<SessionContext, SqlError> {
        let context = sql::session(&self.extensions, cores());
        for name in self.archive.table_names().await.map_err(internal)? {
            let table = self.table(&context, &name).await?;
            if name == MACHINES {
                machines(&context, table).await?;
            } else {
                context.register_table(name.as_str(), table)?;
            }
        }
        Ok(context)
    }

    async fn table(&self, context: &SessionContext, name: &str) -> Result<Arc<dyn TableProvider>, SqlError> {
        let Some(hot) = &self.hot else {
            return self.archive.table_provider(name).await.map_err(internal);
        };
        // No commit can come between the two snapshots, so no row is in both and none in neither.
        let (committed, rows) = {
            let _turn = hot.reading().await;
            (self.archive.table_provider(name).await.map_err(internal)?, hot.rows(name))
        };
        if rows.is_empty() {
            return Ok(committed);
        }
        let schema = committed.schema();
        let rows = rows.iter().map(|batch| as_stored(batch, &schema)).collect::<Result<Vec<_>, _>>()?;
        let fresh = MemTable::try_new(schema, vec![rows])?;
        let both = context.read_table(committed)?.union(context.read_table(Arc::new(fresh))?)?;
        Ok(both.into_view())
    }
}

/// The table of the machines holds all that ever was true of them. Under its name there is what is true now, one row a
/// machine, so that it can be joined; the whole has another name.
async fn machines(context: &SessionContext, table: Arc<dyn TableProvider>) -> Result<(), SqlError> {
    let columns: Vec<String> =
        table.schema().fields().iter().map(|field| format!("\"{}\"", field.name())).collect();
    let columns = columns.join(", ");
    context.register_table(MACHINE_VERSIONS, table)?;
    let newest = format!(
        "SELECT {columns} FROM (SELECT *, row_number() OVER (PARTITION BY {MACHINE_ID} ORDER BY {RECORDED_AT} DESC, \
         {VERSION} DESC) AS place FROM {MACHINE_VERSIONS}) WHERE place = 1"
    );
    let view = context.sql(&newest).await?.into_view();
    context.register_table(MACHINES, view)?;
    Ok(())
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn internal(error: ArchiveError) -> SqlError {
    SqlError { kind: SqlErrorKind::Internal, message: error.to_string(), hint: error.hint() }
}

/// A batch with the columns of its table: `date` is the day of the event time, and columns that the rows do not
/// have are NULL.
fn as_stored(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, SqlError> {
    let rows = batch.num_rows();
    let column = |field: &arrow::datatypes::FieldRef| -> Result<ArrayRef, arrow::error::ArrowError> {
        if let Some(column) = batch.column_by_name(field.name()) {
            return cast(column, field.data_type());
        }
        let time =
            [WINDOW_TIME, TIMESTAMP, RECORDED_AT].into_iter().find_map(|name| batch.column_by_name(name));
        match time {
            Some(time) if field.name() == crate::archive::DATE => {
                cast(&cast(time, &DataType::Date32)?, field.data_type())
            }
            _ => Ok(arrow::array::new_null_array(field.data_type(), rows)),
        }
    };
    let columns = schema.fields().iter().map(column).collect::<Result<Vec<_>, _>>();
    let stored = columns.and_then(|columns| RecordBatch::try_new(Arc::clone(schema), columns));
    stored.map_err(|error| SqlError {
        kind: SqlErrorKind::Internal,
        message: format!("rows that are not committed yet do not fit their table: {error}"),
        hint: None,
    })
}

#[async_trait]
impl SqlEngine for History {
    async fn query(&self, sql: &str) -> Result<SendableRecordBatchStream, SqlError> {
        query_context(&self.session().await?, sql).await
    }
}

#[async_trait]
impl TableSource for History {
    async fn tables(&self) -> Result<Vec<TableInfo>, SqlError> {
        let mut tables = Vec::new();
        for name in self.archive.table_names().await.map_err(internal)? {
            let info = self.archive.table_info(&name).await.map_err(internal)?;
            tables.push(TableInfo {
                name: info.name,
                rows: Some(info.rows),
                files: info.files,
                bytes: info.bytes,
                version: info.version,
            });
        }
        Ok(tables)
    }
}
