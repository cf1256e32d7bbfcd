//! The committer: epochs in, tables out. Files first, then the manifest, then the tables (design §5).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use chrono::Utc;
use futures::future::try_join_all;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use super::{Shared, WorkerError};
use crate::archive::{Epoch, EpochManifest, MANIFEST_FORMAT};
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
    pub(super) rows: BTreeMap<String, Vec<RecordBatch>>,
    pub(super) state: Vec<StatePart>,
    /// Told once the epoch is in the tables.
    pub(super) stored: Vec<oneshot::Sender<()>>,
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
            if let Err(error) = commit(&shared, epochs).await {
                shared.fail(error);
                return;
            }
        }
    }
}

async fn commit(shared: &Shared, epochs: Vec<SealedEpoch>) -> Result<(), WorkerError> {
    let began = Instant::now();
    let mut waiting = Vec::with_capacity(epochs.len());
    let stores = epochs.into_iter().map(|epoch| store(shared, epoch));
    let mut manifests = Vec::new();
    for (manifest, stored) in try_join_all(stores).await? {
        waiting.extend(stored);
        manifests.push(manifest);
    }
    {
        // Nobody may read between the commit and the moment the rows stop being hot: they would count twice.
        let _turn = shared.hot.committing().await;
        shared.archive.commit(&manifests).await?;
        for manifest in &manifests {
            shared.hot.committed(manifest.partition, manifest.epoch);
            shared.offsets().insert(manifest.partition, manifest.next_offset);
        }
    }
    for stored in waiting {
        if stored.send(()).is_err() {
            tracing::debug!("nobody waits for the epoch any more");
        }
    }
    crate::serve::metrics::commit(began.elapsed());
    for manifest in &manifests {
        shared.archive.prune_epochs(&manifest.topic, manifest.partition, KEPT_EPOCHS).await?;
    }
    Ok(())
}

/// Writes the files and then the manifest: from here on the epoch exists.
async fn store(
    shared: &Shared,
    sealed: SealedEpoch,
) -> Result<(EpochManifest, Vec<oneshot::Sender<()>>), WorkerError> {
    let writes = shared.specs.iter().filter_map(|spec| {
        let rows = sealed.rows.get(&spec.name)?;
        Some(async move {
            let files = shared.archive.write_files(spec, rows).await?;
            Ok::<_, WorkerError>((spec.name.clone(), files))
        })
    });
    let files = try_join_all(writes).await?.into_iter().collect();
    let manifest = EpochManifest {
        format: MANIFEST_FORMAT,
        topic: shared.settings.kafka.topic.clone(),
        partition: sealed.partition,
        epoch: sealed.epoch,
        next_offset: sealed.next_offset,
        watermark: sealed.watermark,
        fingerprint: shared.graph.fingerprint().to_string(),
        written_at: Utc::now().timestamp_micros(),
        files,
        state: Vec::new(),
    };
    shared.archive.create_epoch(&manifest, sealed.state).await?;
    Ok((manifest, sealed.stored))
}
