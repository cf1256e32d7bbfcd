//! One Delta table: opening, widening, committing.
//!
//! The opened table is kept, so that a commit reads only what was committed since. `txn` versions are kept
//! with it, for they cost a replay of the log. Both may be behind the store: a commit made from them is
//! checked by `deltalake` against every version in between, and fails when one of those touched the same
//! `appId`. Then all is read anew and decided again.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use datafusion::{catalog::TableProvider, execution::SessionState};
use deltalake::{
    DeltaTable, DeltaTableError,
    checkpoints::{cleanup_metadata, create_checkpoint},
    kernel::{
        Action, Add, MetadataExt, Transaction,
        transaction::{CommitBuilder, CommitConflictError, CommitProperties, TransactionError},
    },
    logstore::LogStoreRef,
    operations::create::CreateBuilder,
    protocol::{DeltaOperation, SaveMode},
    table::config::TablePropertiesExt,
};
use serde_json::Value;
use tokio::sync::{Mutex, MutexGuard};

use super::{
    encode::{DATE, DataFile},
    epoch::{Epoch, EpochManifest},
    error::ArchiveError,
    evolve::{TableSpec, delta_schema, widen},
};

/// Commits lost against others before giving up; each of these already retries within.
const ATTEMPTS: usize = 20;

/// A table of the archive.
pub(super) struct Table {
    name: String,
    /// The archive's URL, for errors.
    archive: String,
    log_store: LogStoreRef,
    /// One commit or refresh of a table at a time; none until it is opened.
    opened: Mutex<Option<Opened>>,
}

#[derive(Clone)]
struct Opened {
    delta: DeltaTable,
    /// Newest version of each `appId` asked for, as of `delta`.
    txns: HashMap<String, Option<i64>>,
}

/// What a table holds.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct TableInfo {
    /// Table name.
    pub name: String,
    /// Version of the newest commit.
    pub version: u64,
    /// Number of rows.
    pub rows: u64,
    /// Number of data files.
    pub files: u64,
    /// Their length in bytes.
    pub bytes: u64,
}

/// What one commit added to a table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Added {
    pub(super) files: u64,
    pub(super) rows: u64,
    pub(super) bytes: u64,
}

impl Table {
    pub(super) fn new(name: &str, archive: &str, log_store: LogStoreRef) -> Self {
        Self { name: name.to_owned(), archive: archive.to_owned(), log_store, opened: Mutex::new(None) }
    }

    fn failed(&self, error: DeltaTableError) -> ArchiveError {
        ArchiveError::delta(&self.name, error)
    }

    /// The table as of the newest commit.
    async fn newest(&self) -> Result<Access<'_>, ArchiveError> {
        let mut access = self.opened().await?;
        access.refresh().await?;
        Ok(access)
    }

    /// The table as of some commit.
    async fn opened(&self) -> Result<Access<'_>, ArchiveError> {
        let mut slot = self.opened.lock().await;
        let opened = match slot.take() {
            Some(opened) => opened,
            None => self.load().await?,
        };
        Ok(Access { table: self, slot, opened })
    }

    async fn load(&self) -> Result<Opened, ArchiveError> {
        let mut delta = DeltaTable::new(self.log_store.clone());
        match Box::pin(delta.load()).await {
            Ok(()) => Ok(Opened { delta, txns: HashMap::new() }),
            // Each kind of store has its own error for a table that is not there.
            Err(error) => match self.log_store.is_delta_table_location().await {
                Ok(false) => {
                    Err(ArchiveError::NoTable { table: self.name.clone(), url: self.archive.clone() })
                }
                _ => Err(self.failed(error)),
            },
        }
    }

    /// Makes the table, or widens it so that it takes rows of `spec`.
    pub(super) async fn ensure(&self, spec: &TableSpec) -> Result<(), ArchiveError> {
        let wanted = delta_schema(spec)?;
        if !self.log_store.is_delta_table_location().await.map_err(|e| self.failed(e))? {
            let create = CreateBuilder::new()
                .with_log_store(self.log_store.clone())
                .with_table_name(&spec.name)
                .with_columns(wanted.fields().cloned())
                .with_partition_columns([DATE])
                .with_save_mode(SaveMode::Ignore);
            match Box::pin(create.into_future()).await {
                Ok(_) => {}
                // Another worker made it meanwhile: check below that it fits us too.
                Err(error) if is_conflict(&error) => {}
                Err(error) => return Err(self.failed(error)),
            }
        }
        for _ in 0..ATTEMPTS {
            let mut access = self.newest().await?;
            let state = access.opened.delta.snapshot().map_err(|e| self.failed(e))?;
            let Some(schema) = widen(&self.name, state.schema().as_ref(), &wanted)? else {
                access.keep();
                return Ok(());
            };
            let metadata =
                state.metadata().clone().with_schema(&schema).map_err(|e| self.failed(e.into()))?;
            let fields = schema.fields().filter(|f| state.schema().field(&f.name) != Some(f)).cloned();
            let operation = DeltaOperation::AddColumn { fields: fields.collect() };
            match access.commit(vec![Action::Metadata(metadata)], Vec::new(), operation).await {
                Ok(()) => return access.finish().await,
                Err(error) if is_conflict(&error) => {}
                Err(error) => return Err(self.failed(error)),
            }
        }
        Err(self.contended())
    }

    fn contended(&self) -> ArchiveError {
        ArchiveError::Contended { table: self.name.clone(), attempts: ATTEMPTS }
    }

    /// Commits the files that these epochs have for this table and the table does not have yet, in one
    /// version. `epochs` are oldest first within each partition.
    pub(super) async fn commit(&self, epochs: &[&EpochManifest]) -> Result<Added, ArchiveError> {
        for _ in 0..ATTEMPTS {
            let mut access = self.opened().await?;
            let mut actions = Vec::new();
            let mut newest = BTreeMap::new();
            let mut added = Added::default();
            for manifest in epochs {
                let app_id = manifest.app_id();
                let files = manifest.files.get(&self.name).map_or(&[][..], Vec::as_slice);
                if files.is_empty() || access.txn(&app_id).await? >= Some(manifest.epoch.version()) {
                    continue;
                }
                for file in files {
                    added.files += 1;
                    added.rows += file.rows;
                    added.bytes += file.size;
                    actions.push(Action::Add(add(file)));
                }
                let version = newest.entry(app_id).or_insert(manifest.epoch.version());
                *version = manifest.epoch.version().max(*version);
            }
            if actions.is_empty() {
                access.keep();
                return Ok(added);
            }
            let now = chrono::Utc::now().timestamp_millis();
            let txns = newest.into_iter().map(|(id, v)| Transaction::new_with_last_update(id, v, Some(now)));
            let operation = DeltaOperation::Write {
                mode: SaveMode::Append,
                partition_by: Some(vec![DATE.to_owned()]),
                predicate: None,
            };
            match access.commit(actions, txns.collect(), operation).await {
                Ok(()) => {
                    access.finish().await?;
                    return Ok(added);
                }
                Err(error) if is_conflict(&error) => {}
                Err(error) => return Err(self.failed(error)),
            }
        }
        Err(self.contended())
    }

    /// The newest epoch of a partition in this table; none also where the table does not exist.
    pub(super) async fn committed(&self, app_id: &str) -> Result<Option<Epoch>, ArchiveError> {
        let mut access = match self.newest().await {
            Ok(access) => access,
            Err(ArchiveError::NoTable { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let version = access.txn(app_id).await?;
        access.keep();
        Ok(version.and_then(|version| u64::try_from(version).ok()).map(Epoch))
    }

    /// The newest snapshot, for DataFusion.
    pub(super) async fn provider(
        &self,
        session: Arc<SessionState>,
    ) -> Result<Arc<dyn TableProvider>, ArchiveError> {
        let access = self.newest().await?;
        let builder = access.opened.delta.table_provider().with_session(session);
        access.keep();
        let provider = builder.await.map_err(|e| self.failed(e.into()))?;
        Ok(provider)
    }

    /// Counts of the newest snapshot.
    pub(super) async fn info(&self) -> Result<TableInfo, ArchiveError> {
        let access = self.newest().await?;
        let state = access.opened.delta.snapshot().map_err(|e| self.failed(e))?;
        let mut info =
            TableInfo { name: self.name.clone(), version: state.version(), rows: 0, files: 0, bytes: 0 };
        for file in state.log_data().iter() {
            info.files += 1;
            info.rows += file.num_records().unwrap_or_default() as u64;
            info.bytes += u64::try_from(file.size()).unwrap_or_default();
        }
        access.keep();
        Ok(info)
    }
}

/// The opened table, taken out of its slot. It goes back with [`keep`](Self::keep) only after everything
/// went well: whatever fails, or is cancelled half-way, is read from the store again.
struct Access<'a> {
    table: &'a Table,
    slot: MutexGuard<'a, Option<Opened>>,
    opened: Opened,
}

impl Access<'_> {
    fn keep(mut self) {
        *self.slot = Some(self.opened);
    }

    async fn refresh(&mut self) -> Result<(), ArchiveError> {
        let before = self.opened.delta.version();
        let result = Box::pin(self.opened.delta.update_state()).await;
        result.map_err(|e| self.table.failed(e))?;
        if self.opened.delta.version() != before {
            self.opened.txns.clear();
        }
        Ok(())
    }

    async fn txn(&mut self, app_id: &str) -> Result<Option<i64>, ArchiveError> {
        if let Some(version) = self.opened.txns.get(app_id) {
            return Ok(*version);
        }
        let state = self.opened.delta.snapshot().map_err(|e| self.table.failed(e))?;
        let version = state.transaction_version(&self.table.log_store, app_id).await;
        let version = version.map_err(|e| self.table.failed(e))?;
        self.opened.txns.insert(app_id.to_owned(), version);
        Ok(version)
    }

    /// One commit on top of the opened version.
    async fn commit(
        &mut self,
        actions: Vec<Action>,
        txns: Vec<Transaction>,
        operation: DeltaOperation,
    ) -> Result<(), DeltaTableError> {
        let blind = actions.iter().all(|action| matches!(action, Action::Add(_)));
        let before = self.opened.delta.version();
        // Checkpoint and clean-up are ours: an error in housekeeping must not look like a failed commit.
        let properties = CommitProperties::default()
            .with_metadata([("isBlindAppend".to_owned(), Value::Bool(blind))])
            .with_application_transactions(txns.clone())
            .with_create_checkpoint(false)
            .with_cleanup_expired_logs(Some(false));
        let state = self.opened.delta.snapshot()?;
        let commit = CommitBuilder::from(properties).with_actions(actions).build(
            Some(state),
            self.table.log_store.clone(),
            operation,
        );
        let done = commit.await?;
        let version = done.version();
        self.opened.delta.state = Some(done.snapshot);
        // The commits of others in between were checked for our application ids only.
        if before.map(|before| before + 1) != Some(version) {
            self.opened.txns.clear();
        }
        self.opened.txns.extend(txns.into_iter().map(|txn| (txn.app_id, Some(txn.version))));
        Ok(())
    }

    /// Keeps the table after a commit. When a checkpoint of the log is due it is written before, and old log
    /// entries are deleted; that may fail without harm, the next one makes up for it.
    async fn finish(self) -> Result<(), ArchiveError> {
        let state = self.opened.delta.snapshot().map_err(|e| self.table.failed(e))?;
        let interval = state.table_config().checkpoint_interval().get();
        if !(state.version() + 1).is_multiple_of(interval) {
            self.keep();
            return Ok(());
        }
        let delta = &self.opened.delta;
        let done = match Box::pin(create_checkpoint(delta, None)).await {
            Ok(()) => cleanup_metadata(delta, None).await.map(|_| ()),
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            tracing::warn!(table = self.table.name, %error, "no checkpoint of the transaction log");
        }
        // Dropped, not kept: the next access loads the table from the checkpoint, which is shorter and does
        // not refer to log entries that are deleted.
        Ok(())
    }
}

fn add(file: &DataFile) -> Add {
    Add {
        path: file.path.clone(),
        partition_values: HashMap::from([(DATE.to_owned(), file.date.clone())]),
        size: i64::try_from(file.size).unwrap_or(i64::MAX),
        modification_time: file.modified,
        data_change: true,
        stats: Some(file.stats.clone()),
        ..Add::default()
    }
}

/// Whether another writer was faster, so that reading anew and deciding again helps.
fn is_conflict(error: &DeltaTableError) -> bool {
    match error {
        DeltaTableError::VersionAlreadyExists(_) => true,
        DeltaTableError::Transaction { source } => match source {
            TransactionError::VersionAlreadyExists(_) | TransactionError::MaxCommitAttempts(_) => true,
            TransactionError::CommitConflict(conflict) => matches!(
                conflict,
                CommitConflictError::ConcurrentAppend
                    | CommitConflictError::ConcurrentDeleteRead
                    | CommitConflictError::ConcurrentDeleteDelete
                    | CommitConflictError::ConcurrentTransaction
                    | CommitConflictError::MetadataChanged
                    | CommitConflictError::ProtocolChanged(_)
            ),
            _ => false,
        },
        _ => false,
    }
}
