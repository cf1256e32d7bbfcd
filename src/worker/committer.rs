//! The committer: epochs in, tables out. Files first, then the manifest, then the tables (design §5).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use futures::future::{join_all, try_join_all};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use super::hot::HotRows;
use super::{Shared, WorkerError};
use crate::archive::{Archive, ArchiveError, Epoch, EpochManifest, MANIFEST_FORMAT, TableSpec};
use crate::dataflow::StatePart;

/// How long the first epoch waits for those of the other partitions, so that they share a commit.
const GATHER: Duration = Duration::from_millis(150);
/// Committed epochs that stay in the store behind the newest.
const KEPT_EPOCHS: usize = 2;

/// An epoch of one partition, complete in memory.
pub(crate) struct SealedEpoch {
    pub(super) partition: i32,
    pub(super) epoch: Epoch,
    pub(super) next_offset: i64,
    pub(super) watermark: Option<i64>,
    /// Wall clock, microseconds since the epoch.
    pub(super) sealed_at: i64,
    pub(super) rows: BTreeMap<String, Vec<RecordBatch>>,
    pub(super) state: Vec<StatePart>,
    /// Told once the epoch is in the tables.
    pub(super) stored: Vec<oneshot::Sender<()>>,
}

/// A partition that is another worker's by now.
#[derive(Debug)]
pub(super) struct Lost {
    pub(super) partition: i32,
    /// [`ArchiveError::Fenced`].
    pub(super) error: ArchiveError,
}

/// Where a worker's epochs are committed.
pub(super) struct Commits {
    pub(super) archive: Archive,
    pub(super) specs: Vec<TableSpec>,
    pub(super) topic: String,
    /// Of the queries that made the epochs.
    pub(super) fingerprint: String,
    pub(super) hot: Arc<HotRows>,
}

pub(crate) struct Committer {
    shared: std::sync::Weak<Shared>,
}

impl Committer {
    /// The committer must not keep the worker alive: it ends when the worker does.
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        Self { shared: Arc::downgrade(shared) }
    }

    pub(crate) async fn run(self, mut sealed: mpsc::UnboundedReceiver<SealedEpoch>) {
        while let Some(first) = sealed.recv().await {
            let mut epochs = vec![first];
            let until = Instant::now() + GATHER;
            while let Ok(Some(next)) = timeout_at(until, sealed.recv()).await {
                epochs.push(next);
            }
            let Some(shared) = self.shared.upgrade() else { return };
            let began = Instant::now();
            let committed = |manifest: &EpochManifest| {
                shared.offsets().insert(manifest.partition, manifest.next_offset);
            };
            match shared.commits.commit(epochs, committed).await {
                Ok(lost) => {
                    crate::serve::metrics::commit(began.elapsed());
                    // Whoever waits for their epochs hears that they are not stored, and gives the partition up.
                    for Lost { partition, error } in lost {
                        tracing::warn!(partition, "{error}");
                    }
                }
                // The same for all of these partitions, which are recovered once the store answers again.
                Err(error) if error.may_pass() => {
                    tracing::warn!("epochs were not committed, their partitions are recovered: {error}");
                }
                Err(error) => {
                    shared.fail(error);
                    return;
                }
            }
        }
    }
}

impl Commits {
    /// Commits epochs, at most one of each partition. `committed` hears of each that is in the tables before those
    /// who wait for it do. Gives the partitions that other workers have gone on with; their epochs are nowhere.
    ///
    /// After an error, epochs may exist or not: the partitions must be recovered before anything of them is sealed.
    pub(super) async fn commit(
        &self,
        epochs: Vec<SealedEpoch>,
        committed: impl Fn(&EpochManifest),
    ) -> Result<Vec<Lost>, WorkerError> {
        let mut waiting = Vec::with_capacity(epochs.len());
        let mut manifests = Vec::with_capacity(epochs.len());
        let mut lost = Vec::new();
        let stores = epochs.into_iter().map(async |epoch| (epoch.partition, self.store(epoch).await));
        for (partition, stored) in join_all(stores).await {
            match stored {
                Ok((manifest, stored)) => {
                    waiting.extend(stored);
                    manifests.push(manifest);
                }
                // One partition that has moved does not hold the others up.
                Err(error @ ArchiveError::Fenced { .. }) => lost.push(Lost { partition, error }),
                Err(error) => return Err(error.into()),
            }
        }
        {
            // Nobody may read between the commit and the moment the rows stop being hot: they would count twice.
            let _turn = self.hot.committing().await;
            self.archive.commit(&manifests).await?;
            for manifest in &manifests {
                self.hot.committed(manifest.partition, manifest.epoch);
                committed(manifest);
            }
        }
        for stored in waiting {
            if stored.send(()).is_err() {
                tracing::debug!("nobody waits for the epoch any more");
            }
        }
        for manifest in &manifests {
            self.archive.prune_epochs(&manifest.topic, manifest.partition, KEPT_EPOCHS).await?;
        }
        Ok(lost)
    }

    /// Writes the files and then the manifest: from here on the epoch exists.
    async fn store(
        &self,
        sealed: SealedEpoch,
    ) -> Result<(EpochManifest, Vec<oneshot::Sender<()>>), ArchiveError> {
        let writes = self.specs.iter().filter_map(|spec| {
            let rows = sealed.rows.get(&spec.name)?;
            Some(async move { Ok((spec.name.clone(), self.archive.write_files(spec, rows).await?)) })
        });
        let files = try_join_all(writes).await?.into_iter().collect();
        let manifest = EpochManifest {
            format: MANIFEST_FORMAT,
            topic: self.topic.clone(),
            partition: sealed.partition,
            epoch: sealed.epoch,
            next_offset: sealed.next_offset,
            watermark: sealed.watermark,
            fingerprint: self.fingerprint.clone(),
            written_at: sealed.sealed_at,
            files,
            state: Vec::new(),
        };
        self.archive.create_epoch(&manifest, sealed.state).await?;
        Ok((manifest, sealed.stored))
    }
}
