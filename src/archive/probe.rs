//! Whether the store does what the epochs rest on, and where their chains end. Nothing here commits anything.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::{Error as StoreError, ObjectStore, ObjectStoreExt, PutMode, PutOptions, path::Path};

use super::chain::{Chain, Found, Listing, PARALLEL};
use super::epoch::topic_path;
use super::error::ArchiveError;
use super::store::parse_local;
use super::{Archive, EpochManifest};

/// Folder of the objects that a probe writes and deletes.
const FOLDER: &str = "_doctor";

/// What a probe saw of a store that does all it must.
#[derive(Debug, Clone, Copy)]
pub struct Probe {
    /// How long all of it took.
    pub took: Duration,
    /// How far the store's clock is ahead of this machine's, microseconds; negative where it is behind. Differences
    /// that the time of the request and the store's resolution of one second explain are 0.
    pub clock_ahead: i64,
}

/// The local folder that an archive's URL names, if it names one.
pub fn local_folder(url: &str) -> Option<PathBuf> {
    parse_local(url).ok().flatten()
}

impl Archive {
    /// Writes an object of its own, reads it, tries to create it a second time, and deletes it.
    ///
    /// # Errors
    /// [`ArchiveError::Unsuitable`] where the store lets the second create through, or does not give back what was
    /// written: two workers could then both own an epoch. Otherwise the error of the step.
    pub async fn probe(&self) -> Result<Probe, ArchiveError> {
        let path = Path::from_iter([FOLDER, &uuid::Uuid::new_v4().simple().to_string()]);
        let began = Instant::now();
        let probed = check(self.store(), &path).await;
        let deleted = match self.store().delete(&path).await {
            Ok(()) | Err(StoreError::NotFound { .. }) => Ok(()),
            Err(source) => Err(ArchiveError::store(&path, source)),
        };
        if let Some(folder) = local_folder(self.url())
            && let Err(error) = std::fs::remove_dir(folder.join(FOLDER))
        {
            // It is not empty while another probe is under way.
            tracing::debug!(%error, "the folder of the probe stays");
        }
        let clock_ahead = probed.map_err(|fault| match fault {
            Fault::Store(source) => ArchiveError::store(&path, source),
            Fault::Unsuitable(reason) => ArchiveError::Unsuitable { url: self.url().to_owned(), reason },
        })?;
        deleted?;
        Ok(Probe { took: began.elapsed(), clock_ahead })
    }

    /// The newest epoch of each partition of `topic`, whether its rows are in their tables or not; by partition.
    pub async fn newest_epochs(&self, topic: &str) -> Result<Vec<EpochManifest>, ArchiveError> {
        let folder = topic_path(topic);
        let listed = self.store().list_with_delimiter(Some(&folder)).await;
        let listed = listed.map_err(|source| ArchiveError::store(&folder, source))?;
        let partitions = listed.common_prefixes.iter().filter_map(|path| path.filename()?.parse().ok());
        let reads = partitions.map(async |partition: i32| {
            let chain = Chain::new(self.store(), topic, partition);
            let manifests = chain.list().await?.manifests.into_iter().next_back();
            let newest = Listing { manifests: manifests.into_iter().collect(), ..Listing::default() };
            match chain.read(&newest).await?.pop() {
                Some(Found::Known { manifest, .. }) => Ok(Some(*manifest)),
                Some(Found::Foreign { epoch, format }) => Err(chain.foreign(epoch, format)),
                None => Ok(None),
            }
        });
        let reads: Vec<_> = reads.collect();
        let mut epochs: Vec<EpochManifest> = stream::iter(reads)
            .buffered(PARALLEL)
            .try_filter_map(|newest| std::future::ready(Ok(newest)))
            .try_collect()
            .await?;
        epochs.sort_by_key(|epoch| epoch.partition);
        Ok(epochs)
    }
}

/// What a step of the probe shows.
#[derive(Debug)]
pub(super) enum Fault {
    /// The store failed or refused.
    Store(StoreError),
    /// It did something that no store of checkpoints may do.
    Unsuitable(&'static str),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Creates the object twice; the second time must be refused. Gives how far the store's clock is ahead, microseconds.
pub(super) async fn check(store: &dyn ObjectStore, path: &Path) -> Result<i64, Fault> {
    let (first, second) = (Bytes::from_static(b"first"), Bytes::from_static(b"second"));
    let create = || PutOptions::from(PutMode::Create);
    let before = chrono::Utc::now().timestamp_micros();
    store.put_opts(path, first.clone().into(), create()).await?;
    let after = chrono::Utc::now().timestamp_micros();
    let found = store.get(path).await?;
    let stamped = found.meta.last_modified.timestamp_micros();
    if found.bytes().await? != first {
        return Err(Fault::Unsuitable("what is read is not what was written"));
    }
    match store.put_opts(path, second.into(), create()).await {
        Err(StoreError::AlreadyExists { .. }) => {}
        Ok(_) => return Err(Fault::Unsuitable("it lets an object be created a second time")),
        Err(error) => return Err(error.into()),
    }
    if store.get(path).await?.bytes().await? != first {
        return Err(Fault::Unsuitable("a create that it refused has changed the object"));
    }
    // A resolution of one second may round either way.
    let (earliest, latest) = (before - 1_000_000, after + 1_000_000);
    Ok((stamped - latest).max(0) + (stamped - earliest).min(0))
}
