//! The archive: Delta tables on an object store, written exactly once.
//!
//! The problem: results of a stream must each be in their table once, whatever is killed when. The way:
//!
//! 1. [`Archive::write_files`] puts Parquet files under names nobody has used. They are in no table yet, so
//!    they can be lost or repeated without harm.
//! 2. [`Archive::create_epoch`] puts what is new of the state and then the manifest, which names the files, the state
//!    and the Kafka offset to go on from. The manifest is created, never overwritten: that create is the
//!    moment the epoch exists, and only one of several workers can make it.
//! 3. [`Archive::commit`] adds the files to their tables, together with a `txn` action that says which epoch
//!    of the partition the table has. It may be repeated at will: what a table has, it skips.
//!
//! After a crash [`Archive::recover`] finishes step 3 for every epoch that exists, and gives back the newest
//! one to go on from. A crash before step 2 leaves files that no table refers to, for vacuum to collect.
//!
//! ```text
//! <archive>/
//!     <table>/_delta_log/                     transaction log
//!     <table>/date=2024-01-15/<uuid>.parquet  rows of one UTC day of event time
//!     _coldstream/checkpoints/<topic>/<partition>/
//! ```

mod chain;
mod encode;
mod epoch;
mod error;
mod evolve;
mod probe;
mod recovery;
mod stats;
mod store;
mod table;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use datafusion::{
    catalog::TableProvider,
    execution::SessionState,
    prelude::{SessionConfig, SessionContext},
};
use futures::{StreamExt, TryStreamExt, stream};
use object_store::{Error as StoreError, ObjectStore, ObjectStoreExt, WriteMultipart, path::Path};

use self::{
    chain::{Chain, Found, Listing, PARALLEL},
    encode::{Encoded, Layout, file_schema},
    evolve::{arrow_schema, check_name, delta_schema},
    store::Location,
    table::Table,
};
pub use self::{
    encode::{DATE, DataFile},
    epoch::{Epoch, EpochManifest, MANIFEST_FORMAT, StateBlob, StateRef},
    error::ArchiveError,
    evolve::TableSpec,
    probe::{Probe, local_folder},
    recovery::{Held, Recovery, StoredEpoch, decide},
    store::StoreOptions,
    table::TableInfo,
};
use crate::dataflow::checkpoint::StatePart;

/// Files longer than this are put in parts, so that a slow link loses a part and not the file.
const MULTIPART: usize = 32 * 1024 * 1024;
/// Length of such a part.
const PART: usize = 8 * 1024 * 1024;

/// How often a recovery looks again that another owner's progress has disturbed.
const LOOKS: usize = 5;

/// An archive. Clones share the tables they have opened.
#[derive(Clone)]
pub struct Archive {
    inner: Arc<Inner>,
}

struct Inner {
    location: Location,
    /// The tables opened so far.
    tables: Mutex<HashMap<String, Arc<Table>>>,
    /// For each partition the epoch up to which everything is known to be in its tables.
    committed: Mutex<HashMap<(String, i32), Epoch>>,
    /// Settings of the tables' scans.
    session: Arc<SessionState>,
    /// Whether work is spread over threads and tables. If not, everything is done by the task that asks for it and in a
    /// fixed order, so that a simulation can be repeated.
    spread: bool,
}

/// What a commit added.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CommitSummary {
    /// Tables that got rows.
    pub tables: usize,
    /// Data files.
    pub files: u64,
    /// Rows.
    pub rows: u64,
    /// Length of the files.
    pub bytes: u64,
}

/// Where a partition goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// Its newest epoch, all of whose rows are in their tables.
    pub manifest: EpochManifest,
    /// That epoch's state.
    pub state: Vec<StateBlob>,
}

impl std::fmt::Debug for Archive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Archive").field(&self.url()).finish()
    }
}

impl Archive {
    /// Opens the archive at `url`: `file:///absolute/path`, a path, or `s3://bucket/prefix`. A local folder is
    /// created where it is missing, a bucket is not.
    ///
    /// # Errors
    /// [`ArchiveError::BadUrl`], or [`ArchiveError::Unreachable`] when the store does not answer in 15 s.
    pub async fn open(url: &str, options: &StoreOptions) -> Result<Self, ArchiveError> {
        Ok(Self::at(Location::open(url, options).await?, true))
    }

    /// An archive in any store, under the path of `url`; for tests. All its work is done by the task that asks for it,
    /// one table after the other.
    #[cfg(test)]
    pub(crate) fn over(url: &str, store: Arc<dyn ObjectStore>) -> Result<Self, ArchiveError> {
        Ok(Self::at(Location::over(url, store)?, false))
    }

    fn at(location: Location, spread: bool) -> Self {
        let mut config = SessionConfig::new();
        let parquet = &mut config.options_mut().execution.parquet;
        parquet.schema_force_view_types = false;
        parquet.pushdown_filters = true;
        let session = Arc::new(SessionContext::new_with_config(config).state());
        let (tables, committed) = Default::default();
        Self { inner: Arc::new(Inner { location, tables, committed, session, spread }) }
    }

    /// The archive's URL.
    pub fn url(&self) -> &str {
        self.inner.location.as_str()
    }

    /// Makes the table when it does not exist: the columns of `spec` and `date`, the UTC day of the event
    /// time, by which it is partitioned. A table that exists is widened: missing columns are added, and
    /// columns that may be NULL by now become nullable.
    ///
    /// # Errors
    /// [`ArchiveError::TypeClash`] where a column exists with another type, [`ArchiveError::UnsupportedType`],
    /// [`ArchiveError::BadSpec`], and those of the store.
    pub async fn ensure_table(&self, spec: &TableSpec) -> Result<(), ArchiveError> {
        self.table(&spec.name)?.ensure(spec).await
    }

    /// Names of the tables, sorted.
    pub async fn table_names(&self) -> Result<Vec<String>, ArchiveError> {
        let root = Path::default();
        let listed = self.store().list_with_delimiter(None).await;
        let mut names = Vec::new();
        for folder in listed.map_err(|e| ArchiveError::store(&root, e))?.common_prefixes {
            let Some(name) = folder.filename().filter(|name| check_name(name).is_ok()) else {
                continue;
            };
            let log_store = self.inner.location.log_store(name)?;
            if log_store.is_delta_table_location().await.map_err(|e| ArchiveError::delta(name, e))? {
                names.push(name.to_owned());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Encodes rows and puts them into the store: one Parquet file for each day of event time, under a name
    /// that is never used again. The rows are in the table only after [`commit`](Self::commit). Batches have
    /// the columns of `spec` in any order; types that Delta does not have are cast to those of the table.
    pub async fn write_files(
        &self,
        spec: &TableSpec,
        batches: &[RecordBatch],
    ) -> Result<Vec<DataFile>, ArchiveError> {
        check_name(&spec.name)?;
        let schema = arrow_schema(&spec.name, &delta_schema(spec)?)?;
        let layout = Layout {
            table: spec.name.clone(),
            schema: file_schema(&schema),
            event_time: spec.event_time.clone(),
        };
        let encoded = if self.inner.spread {
            let batches = batches.to_vec();
            let encoded = tokio::task::spawn_blocking(move || layout.encode(&batches)).await;
            encoded.map_err(|source| ArchiveError::Task { table: spec.name.clone(), source })??
        } else {
            layout.encode(batches)?
        };
        let puts = encoded.into_iter().map(|encoded| self.put_file(&spec.name, encoded));
        let puts: Vec<_> = puts.collect();
        stream::iter(puts).buffered(PARALLEL).try_collect().await
    }

    async fn put_file(&self, table: &str, encoded: Encoded) -> Result<DataFile, ArchiveError> {
        let path = data_path(table, &encoded.file.path);
        let put = async |bytes: Bytes| {
            if bytes.len() <= MULTIPART {
                return self.store().put(&path, bytes.into()).await;
            }
            let upload = self.store().put_multipart(&path).await?;
            let mut parts = WriteMultipart::new_with_chunk_size(upload, PART);
            parts.put(bytes);
            parts.finish().await
        };
        put(encoded.bytes).await.map_err(|e| ArchiveError::store(&path, e))?;
        Ok(encoded.file)
    }

    /// Makes an epoch exist: puts what is new of its state, then creates its manifest. `manifest.state` is filled in
    /// here. A piece that is to be kept must be part of the epoch before.
    ///
    /// Epochs of a partition follow each other by one; the first one of a chain may have any number
    /// ([`Epoch::FIRST`] by custom).
    ///
    /// # Errors
    /// [`ArchiveError::Fenced`] when another worker has gone on with the partition: stop, and recover it
    /// before writing again. After any other error the epoch may exist or not; the call may be repeated only
    /// after [`recover`](Self::recover).
    pub async fn create_epoch(
        &self,
        manifest: &EpochManifest,
        state: Vec<StatePart>,
    ) -> Result<(), ArchiveError> {
        self.chain(&manifest.topic, manifest.partition).create(manifest, state).await
    }

    /// Adds the files of epochs to their tables: one Delta commit for each table, for all partitions. What a
    /// table has already is skipped, so a commit may be repeated.
    ///
    /// For each partition, `epochs` must go on where the last commit ended, without a gap: a table takes an
    /// epoch to mean that it has all those before.
    ///
    /// # Errors
    /// After an error some tables may have their rows and others not; repeat the commit.
    pub async fn commit(&self, epochs: &[EpochManifest]) -> Result<CommitSummary, ArchiveError> {
        let mut ordered: Vec<&EpochManifest> = epochs.iter().collect();
        ordered.sort_by_key(|manifest| manifest.epoch);
        let names: BTreeSet<&str> = epochs.iter().flat_map(EpochManifest::tables).collect();
        let tables = names.into_iter().map(|name| self.table(name)).collect::<Result<Vec<_>, _>>()?;
        let commits: Vec<_> = tables.iter().map(|table| Box::pin(table.commit(&ordered))).collect();
        let at_once = if self.inner.spread { PARALLEL } else { 1 };
        let added: Vec<_> = stream::iter(commits).buffered(at_once).try_collect().await?;
        let mut summary = CommitSummary::default();
        for added in added.into_iter().filter(|added| added.files > 0) {
            summary.tables += 1;
            summary.files += added.files;
            summary.rows += added.rows;
            summary.bytes += added.bytes;
        }
        let mut committed = lock(&self.inner.committed);
        for manifest in ordered {
            let newest = committed.entry((manifest.topic.clone(), manifest.partition));
            let newest = newest.or_insert(manifest.epoch);
            *newest = manifest.epoch.max(*newest);
        }
        Ok(summary)
    }

    /// Brings a partition's tables up to its newest epoch and gives that epoch back; none where the partition
    /// has no epoch. Every owner of a partition starts with this. What is to be done is [`decide`]d apart from this.
    ///
    /// # Errors
    /// Nothing is written where the store holds what nobody may go on from, which only deleting by hand or an older
    /// version can bring about: [`ArchiveError::LostChain`] when the tables know the partition and its checkpoints
    /// are gone, [`ArchiveError::TableAhead`] when the newest of them are, [`ArchiveError::LostState`] and
    /// [`ArchiveError::LostFile`] when what they refer to is, [`ArchiveError::Corrupt`] for an unknown format.
    pub async fn recover(&self, topic: &str, partition: i32) -> Result<Option<Recovered>, ArchiveError> {
        let chain = self.chain(topic, partition);
        let mut listing = chain.list().await?;
        for _ in 1..LOOKS {
            match self.recover_from(&chain, &listing, topic, partition).await {
                // The owner before may have gone on between our looks at the chain and at the tables. Then the chain
                // has changed, and what seemed to be missing was not.
                Err(error) if error.may_be_another_owner() => {
                    let now = chain.list().await?;
                    if now.manifests == listing.manifests {
                        return Err(error);
                    }
                    listing = now;
                }
                recovered => return recovered,
            }
        }
        self.recover_from(&chain, &listing, topic, partition).await
    }

    async fn recover_from(
        &self,
        chain: &Chain<'_>,
        listing: &Listing,
        topic: &str,
        partition: i32,
    ) -> Result<Option<Recovered>, ArchiveError> {
        let (held, mut manifests) = self.look(chain, listing, topic, partition).await?;
        let strays = held.strays();
        if !strays.is_empty() {
            tracing::warn!(topic, partition, ?strays, "epochs that a fenced worker left are left out");
        }
        let newest = match decide(&held) {
            Recovery::Empty => return Ok(None),
            Recovery::UpToDate { newest } => newest,
            Recovery::MustCommit { newest, epochs } => {
                let missing: Vec<EpochManifest> =
                    epochs.iter().filter_map(|epoch| manifests.get(epoch)).cloned().collect();
                let added = self.commit(&missing).await?;
                tracing::info!(topic, partition, %newest, rows = added.rows, "committed what a crash left");
                newest
            }
            Recovery::LostChain { table, epoch } => {
                return Err(ArchiveError::LostChain { table, topic: topic.to_owned(), partition, epoch });
            }
            Recovery::TableAhead { table, epoch, newest } => {
                let topic = topic.to_owned();
                return Err(ArchiveError::TableAhead { table, topic, partition, epoch, newest });
            }
            Recovery::Foreign { epoch, format } => return Err(chain.foreign(epoch, format)),
            Recovery::LostState { epoch, file } => {
                return Err(ArchiveError::LostState { path: chain.path(&file), epoch });
            }
            Recovery::LostFile { epoch, table, path } => {
                return Err(ArchiveError::LostFile { table, path, epoch });
            }
        };
        lock(&self.inner.committed).insert((topic.to_owned(), partition), newest);
        let Some(manifest) = manifests.remove(&newest) else {
            return Ok(None);
        };
        let state = chain.state(&manifest).await?;
        Ok(Some(Recovered { manifest, state }))
    }

    /// Reads all that the store holds of a partition.
    async fn look(
        &self,
        chain: &Chain<'_>,
        listing: &Listing,
        topic: &str,
        partition: i32,
    ) -> Result<(Held, BTreeMap<Epoch, EpochManifest>), ArchiveError> {
        let mut held = Held::default();
        let mut manifests = BTreeMap::new();
        for found in chain.read(listing).await? {
            match found {
                Found::Known { stored, manifest } => {
                    manifests.insert(stored.epoch, *manifest);
                    held.epochs.push(stored);
                }
                Found::Foreign { epoch, format } => {
                    held.foreign.insert(epoch, format);
                }
            }
        }
        let state = listing.state.values().flatten();
        held.state = state.filter_map(|path| path.filename().map(str::to_owned)).collect();
        // Where there is no chain any table may know the partition. Otherwise those count that we write to.
        let mut names: BTreeSet<String> = match held.epochs.is_empty() {
            true => self.table_names().await?.into_iter().collect(),
            false => lock(&self.inner.tables).keys().cloned().collect(),
        };
        names.extend(held.epochs.iter().flat_map(|stored| stored.files.keys().cloned()));
        let app_id = epoch::app_id(topic, partition);
        for name in names {
            if let Some(epoch) = Box::pin(self.table(&name)?.committed(&app_id)).await? {
                held.tables.insert(name, epoch);
            }
        }
        held.gone = self.gone(&held).await?;
        Ok((held, manifests))
    }

    /// Those files that a table is to get, and that are not there.
    async fn gone(&self, held: &Held) -> Result<BTreeSet<(String, String)>, ArchiveError> {
        let heads = held.uncommitted().into_iter().map(async |(_, table, file)| {
            let path = data_path(table, file);
            match self.store().head(&path).await {
                Ok(_) => Ok(None),
                Err(StoreError::NotFound { .. }) => Ok(Some((table.to_owned(), file.to_owned()))),
                Err(e) => Err(ArchiveError::store(&path, e)),
            }
        });
        let heads: Vec<_> = heads.collect();
        let heads = stream::iter(heads).buffered(PARALLEL);
        heads.try_filter_map(|gone| std::future::ready(Ok(gone))).try_collect().await
    }

    /// The topics of which the archive holds checkpoints, in no order.
    pub async fn topics(&self) -> Result<Vec<String>, ArchiveError> {
        let folder = epoch::chains_path();
        let listed = self.store().list_with_delimiter(Some(&folder)).await;
        let listed = listed.map_err(|e| ArchiveError::store(&folder, e))?;
        let folders = listed.common_prefixes.iter();
        Ok(folders.filter_map(|folder| folder.filename().map(str::to_owned)).collect())
    }

    /// Deletes manifests and state of a partition but the newest `keep` epochs whose rows are in their tables
    /// and those that are not there yet. The newest epoch always stays. Does nothing before this process has
    /// recovered or committed the partition.
    pub async fn prune_epochs(&self, topic: &str, partition: i32, keep: usize) -> Result<(), ArchiveError> {
        let committed = lock(&self.inner.committed).get(&(topic.to_owned(), partition)).copied();
        match committed {
            Some(committed) => self.chain(topic, partition).prune(committed, keep).await,
            None => Ok(()),
        }
    }

    /// The table as of its newest commit, for DataFusion: the columns in their order and types as written,
    /// then `date`. Filters skip files by day and by statistics.
    ///
    /// # Errors
    /// [`ArchiveError::NoTable`] where it does not exist.
    pub async fn table_provider(&self, name: &str) -> Result<Arc<dyn TableProvider>, ArchiveError> {
        self.table(name)?.provider(self.inner.session.clone()).await
    }

    /// Size of the table as of its newest commit, from the transaction log alone.
    ///
    /// # Errors
    /// [`ArchiveError::NoTable`] where it does not exist.
    pub async fn table_info(&self, name: &str) -> Result<TableInfo, ArchiveError> {
        self.table(name)?.info().await
    }

    fn store(&self) -> &dyn ObjectStore {
        self.inner.location.store()
    }

    fn chain(&self, topic: &str, partition: i32) -> Chain<'_> {
        Chain::new(self.store(), topic, partition)
    }

    fn table(&self, name: &str) -> Result<Arc<Table>, ArchiveError> {
        check_name(name)?;
        let mut tables = lock(&self.inner.tables);
        if let Some(table) = tables.get(name) {
            return Ok(table.clone());
        }
        let log_store = self.inner.location.log_store(name)?;
        let table = Arc::new(Table::new(name, self.url(), log_store));
        tables.insert(name.to_owned(), table.clone());
        Ok(table)
    }
}

/// Path of a data file in the archive.
fn data_path(table: &str, file: &str) -> Path {
    Path::from_iter(std::iter::once(table).chain(file.split('/')))
}

/// The maps behind these locks are whole at every moment: a panic elsewhere does not spoil them.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
