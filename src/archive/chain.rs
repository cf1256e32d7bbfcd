//! The checkpoint chain of a partition in the store: the I/O around [`epoch`](super::epoch).

use std::collections::{BTreeMap, HashMap, HashSet};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::{Error as StoreError, ObjectStore, ObjectStoreExt, PutMode, PutPayload, path::Path};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    epoch::{ChainFile, Epoch, EpochManifest, MANIFEST_FORMAT, StateBlob, StateRef},
    epoch::{chain_path, manifest_file, state_file},
    error::ArchiveError,
    recovery::StoredEpoch,
};
use crate::dataflow::checkpoint::{Content, StatePart};

/// Requests of one operation that are under way at a time.
pub(super) const PARALLEL: usize = 8;
/// How often a refused create is tried again when nothing is there that could have refused it.
const CREATE_ATTEMPTS: usize = 5;

/// A manifest as it lies in the store.
#[derive(Serialize, Deserialize)]
struct Stored {
    /// Unique for each attempt, so that a writer recognises its own manifest when the answer to its create
    /// was lost and the repeated request found it there.
    nonce: Uuid,
    /// Nonce of the manifest before it; none where there was none.
    follows: Option<Uuid>,
    #[serde(flatten)]
    manifest: EpochManifest,
}

/// A manifest as it was found.
pub(super) enum Found {
    /// One that this version can read.
    Known {
        /// What recovery looks at.
        stored: StoredEpoch,
        /// All of it.
        manifest: Box<EpochManifest>,
    },
    /// One in a format that it cannot.
    Foreign { epoch: Epoch, format: u32 },
}

/// The chain of one partition.
pub(super) struct Chain<'a> {
    store: &'a dyn ObjectStore,
    folder: Path,
}

/// The files of a chain's folder, by epoch.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) manifests: BTreeMap<Epoch, Path>,
    pub(super) state: BTreeMap<Epoch, Vec<Path>>,
}

impl<'a> Chain<'a> {
    pub(super) fn new(store: &'a dyn ObjectStore, topic: &str, partition: i32) -> Self {
        Self { store, folder: chain_path(topic, partition) }
    }

    pub(super) fn path(&self, file: &str) -> Path {
        self.folder.clone().join(file)
    }

    /// Everything in the folder.
    pub(super) async fn list(&self) -> Result<Listing, ArchiveError> {
        let mut listing = Listing::default();
        let mut objects = self.store.list(Some(&self.folder));
        while let Some(object) = objects.next().await {
            let path = object.map_err(|e| ArchiveError::store(&self.folder, e))?.location;
            match path.filename().and_then(ChainFile::parse) {
                Some(ChainFile::Manifest(epoch)) => {
                    listing.manifests.insert(epoch, path);
                }
                Some(ChainFile::State(epoch)) => listing.state.entry(epoch).or_default().push(path),
                None => {}
            }
        }
        Ok(listing)
    }

    /// Reads manifests, oldest first.
    pub(super) async fn read(&self, listing: &Listing) -> Result<Vec<Found>, ArchiveError> {
        let reads = listing.manifests.iter().map(async |(&epoch, path)| {
            let stored = match self.read_stored(path).await? {
                Ok(stored) => stored,
                Err(format) => return Ok(Found::Foreign { epoch, format }),
            };
            if stored.manifest.epoch == epoch {
                return Ok(stored.found());
            }
            let reason = format!("it says that it is epoch {}", stored.manifest.epoch);
            Err(ArchiveError::Corrupt { path: path.clone(), reason })
        });
        let reads: Vec<_> = reads.collect();
        stream::iter(reads).buffered(PARALLEL).try_collect().await
    }

    /// Reads a manifest, or its format where that is not ours.
    async fn read_stored(&self, path: &Path) -> Result<Result<Stored, u32>, ArchiveError> {
        /// Read before the rest, which another format may hold differently.
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let corrupt = |reason: String| ArchiveError::Corrupt { path: path.clone(), reason };
        let bytes = self.bytes(path).await?;
        let format: Format = serde_json::from_slice(&bytes).map_err(|e| corrupt(e.to_string()))?;
        if format.format != MANIFEST_FORMAT {
            return Ok(Err(format.format));
        }
        serde_json::from_slice(&bytes).map(Ok).map_err(|e| corrupt(e.to_string()))
    }

    /// The error for a manifest in a format that is not ours.
    pub(super) fn foreign(&self, epoch: Epoch, format: u32) -> ArchiveError {
        let path = self.path(&manifest_file(epoch));
        ArchiveError::Corrupt { path, reason: format!("format {format} is not known to this version") }
    }

    async fn bytes(&self, path: &Path) -> Result<Bytes, ArchiveError> {
        let result = self.store.get(path).await.map_err(|e| ArchiveError::store(path, e))?;
        result.bytes().await.map_err(|e| ArchiveError::store(path, e))
    }

    /// Makes the epoch exist.
    pub(super) async fn create(
        &self,
        manifest: &EpochManifest,
        state: Vec<StatePart>,
    ) -> Result<(), ArchiveError> {
        let (put, before) =
            futures::future::try_join(self.put_state(manifest.epoch, &state), self.before(manifest)).await?;
        let (follows, before) = before.map_or_else(Default::default, |b| (Some(b.nonce), b.state()));
        let of = |part: StatePart| match part.content {
            Content::Kept => before.get(&part.name).cloned().ok_or_else(|| ArchiveError::Corrupt {
                path: self.path(&manifest_file(manifest.epoch)),
                reason: format!("the epoch before has no state `{}` to keep", part.name),
            }),
            Content::Fresh(_) | Content::Lasting(_) => {
                put.get(&part.name).cloned().ok_or_else(|| ArchiveError::Corrupt {
                    path: self.path(&manifest_file(manifest.epoch)),
                    reason: format!("the state `{}` was not written", part.name),
                })
            }
        };
        let state = state.into_iter().map(of).collect::<Result<Vec<_>, _>>()?;
        let manifest = EpochManifest { state, ..manifest.clone() };
        let stored = Stored { nonce: Uuid::new_v4(), follows, manifest };
        self.put_manifest(&stored).await?;
        self.check_newest(&stored.manifest).await
    }

    async fn put_manifest(&self, stored: &Stored) -> Result<(), ArchiveError> {
        let path = self.path(&manifest_file(stored.manifest.epoch));
        let corrupt =
            |e: serde_json::Error| ArchiveError::Corrupt { path: path.clone(), reason: e.to_string() };
        let bytes = Bytes::from(serde_json::to_vec(stored).map_err(corrupt)?);
        for _ in 0..CREATE_ATTEMPTS {
            let created = self.store.put_opts(&path, bytes.clone().into(), PutMode::Create.into()).await;
            match created {
                Ok(_) => return Ok(()),
                Err(StoreError::AlreadyExists { .. }) => {}
                Err(e) => return Err(ArchiveError::store(&path, e)),
            }
            match self.read_stored(&path).await {
                Ok(Ok(found)) if found.nonce == stored.nonce => return Ok(()),
                Ok(_) => break,
                // Refused, yet nothing is there: a store answers so while the folder changes. Try again.
                Err(ArchiveError::Store { source: StoreError::NotFound { .. }, .. }) => {}
                Err(e) => return Err(e),
            }
        }
        Err(fenced(&stored.manifest))
    }

    /// The epoch before; none where this is the first of its chain. An owner's last epoch is the newest of the chain, so
    /// it is still there. Only a worker that lost the partition long ago finds it deleted, and could create its next
    /// one in the gap.
    async fn before(&self, manifest: &EpochManifest) -> Result<Option<Stored>, ArchiveError> {
        if let Some(last) = manifest.epoch.0.checked_sub(1) {
            let last = Epoch(last);
            match self.read_stored(&self.path(&manifest_file(last))).await {
                Ok(Ok(found)) => return Ok(Some(found)),
                Ok(Err(format)) => return Err(self.foreign(last, format)),
                Err(ArchiveError::Store { source: StoreError::NotFound { .. }, .. }) => {}
                Err(e) => return Err(e),
            }
        }
        if self.list().await?.manifests.is_empty() { Ok(None) } else { Err(fenced(manifest)) }
    }

    /// Between the look at the predecessor and the create, another worker may have gone on so far that it deleted
    /// the epoch it made under this number. The create is then no proof, but the newest manifest is never
    /// deleted: one that is newer than ours is. What we left is a stray, which recovery knows.
    async fn check_newest(&self, manifest: &EpochManifest) -> Result<(), ArchiveError> {
        match self.list().await?.manifests.last_key_value() {
            Some((newest, _)) if *newest > manifest.epoch => Err(fenced(manifest)),
            _ => Ok(()),
        }
    }

    /// Puts new pieces one after the other into two files: those of this epoch alone, and those that may be kept. A
    /// request for each piece would cost more than the bytes.
    async fn put_state(
        &self,
        epoch: Epoch,
        parts: &[StatePart],
    ) -> Result<HashMap<String, StateRef>, ArchiveError> {
        let fresh = parts.iter().filter_map(|part| match &part.content {
            Content::Fresh(bytes) => Some((&part.name, bytes)),
            Content::Lasting(_) | Content::Kept => None,
        });
        let lasting = parts.iter().filter_map(|part| match &part.content {
            Content::Lasting(bytes) => Some((&part.name, bytes)),
            Content::Fresh(_) | Content::Kept => None,
        });
        let (fresh, lasting) = (fresh.collect::<Vec<_>>(), lasting.collect::<Vec<_>>());
        let (fresh, lasting) =
            futures::future::try_join(self.put_pieces(epoch, &fresh), self.put_pieces(epoch, &lasting))
                .await?;
        Ok(by_name(fresh.into_iter().chain(lasting).collect()))
    }

    async fn put_pieces(
        &self,
        epoch: Epoch,
        pieces: &[(&String, &Bytes)],
    ) -> Result<Vec<StateRef>, ArchiveError> {
        if pieces.is_empty() {
            return Ok(Vec::new());
        }
        let file = state_file(epoch);
        let path = self.path(&file);
        let mut at = 0;
        let mut refs = Vec::with_capacity(pieces.len());
        for (name, bytes) in pieces {
            let size = bytes.len() as u64;
            refs.push(StateRef { name: (*name).clone(), file: file.clone(), at, size });
            at += size;
        }
        // A payload of several pieces is sent without being joined.
        let payload: PutPayload = pieces.iter().map(|(_, bytes)| (*bytes).clone()).collect();
        self.store.put(&path, payload).await.map_err(|e| ArchiveError::store(&path, e))?;
        Ok(refs)
    }

    /// Reads the state of an epoch.
    pub(super) async fn state(&self, manifest: &EpochManifest) -> Result<Vec<StateBlob>, ArchiveError> {
        let mut files: BTreeMap<&str, Vec<&StateRef>> = BTreeMap::new();
        for piece in &manifest.state {
            files.entry(&piece.file).or_default().push(piece);
        }
        let reads = files.into_iter().map(async |(file, pieces)| {
            let path = self.path(file);
            let ranges: Vec<_> = pieces.iter().map(|piece| piece.at..piece.at + piece.size).collect();
            // A shorter file gives fewer bytes or an error, as the store likes; its length says it clearly.
            let length = self.store.head(&path).await.map_err(|e| ArchiveError::store(&path, e))?.size;
            if let Some(least) = ranges.iter().map(|range| range.end).max().filter(|&end| end > length) {
                let reason = format!("{length} bytes instead of {least} or more");
                return Err(ArchiveError::Corrupt { path, reason });
            }
            let read =
                self.store.get_ranges(&path, &ranges).await.map_err(|e| ArchiveError::store(&path, e))?;
            let blobs =
                pieces.iter().zip(read).map(|(piece, bytes)| StateBlob { name: piece.name.clone(), bytes });
            Ok(blobs.collect::<Vec<_>>())
        });
        let reads: Vec<_> = reads.collect();
        let blobs: Vec<Vec<StateBlob>> = stream::iter(reads).buffered(PARALLEL).try_collect().await?;
        Ok(blobs.into_iter().flatten().collect())
    }

    /// Deletes every manifest older than the newest `keep` epochs up to `committed`, and the state that none of
    /// those left refers to. The newest manifest stays in any case.
    pub(super) async fn prune(&self, committed: Epoch, keep: usize) -> Result<(), ArchiveError> {
        let listing = self.list().await?;
        let oldest = listing.manifests.range(..=committed).rev().nth(keep.max(1) - 1);
        let Some((&oldest, _)) = oldest else {
            return Ok(());
        };
        // Manifests go first, the oldest before the others: what is left is a chain at every moment.
        for path in listing.manifests.range(..oldest).map(|(_, path)| path) {
            self.delete(path).await?;
        }
        // What the oldest kept epoch does not refer to, no later one does: an epoch keeps what the one before it had.
        let kept = match self.read_stored(&self.path(&manifest_file(oldest))).await? {
            Ok(stored) => stored.manifest.state,
            Err(format) => return Err(self.foreign(oldest, format)),
        };
        let kept: HashSet<&str> = kept.iter().map(|piece| piece.file.as_str()).collect();
        for path in listing.state.range(..oldest).flat_map(|(_, paths)| paths) {
            if !path.filename().is_some_and(|file| kept.contains(file)) {
                self.delete(path).await?;
            }
        }
        Ok(())
    }

    async fn delete(&self, path: &Path) -> Result<(), ArchiveError> {
        match self.store.delete(path).await {
            Ok(()) | Err(StoreError::NotFound { .. }) => Ok(()),
            Err(e) => Err(ArchiveError::store(path, e)),
        }
    }
}

impl Stored {
    /// The pieces of its state, by name.
    fn state(self) -> HashMap<String, StateRef> {
        by_name(self.manifest.state)
    }

    fn found(self) -> Found {
        let manifest = self.manifest;
        let mut files = BTreeMap::new();
        for (table, found) in manifest.files.iter().filter(|(_, files)| !files.is_empty()) {
            files.insert(table.clone(), found.iter().map(|file| file.path.clone()).collect());
        }
        let stored = StoredEpoch {
            epoch: manifest.epoch,
            nonce: self.nonce,
            follows: self.follows,
            files,
            state: manifest.state.iter().map(|piece| piece.file.clone()).collect(),
        };
        Found::Known { stored, manifest: Box::new(manifest) }
    }
}

fn by_name(state: Vec<StateRef>) -> HashMap<String, StateRef> {
    state.into_iter().map(|piece| (piece.name.clone(), piece)).collect()
}

fn fenced(manifest: &EpochManifest) -> ArchiveError {
    ArchiveError::Fenced {
        topic: manifest.topic.clone(),
        partition: manifest.partition,
        epoch: manifest.epoch,
    }
}
