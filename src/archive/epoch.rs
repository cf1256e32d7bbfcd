//! Epochs: what a manifest says. What its existence decides is [`recovery`](super::recovery)'s.
//!
//! The chain of a Kafka partition is a folder of the archive:
//!
//! ```text
//! _coldstream/checkpoints/<topic>/<partition:05>/
//!     <epoch:020>.json             manifest: created once, never overwritten
//!     <epoch:020>-<uuid>.state     pieces of state, written with that epoch
//! ```
//! The format is in `docs/checkpoint-format.md`.
//!
//! Invariants:
//! - An epoch exists exactly when its manifest does; all it refers to was stored before.
//! - Epochs of one partition are committed to a table in their order, and the table's `txn` holds the newest.
//! - The newest manifest of a chain is never deleted. So a worker that lost its partition finds either its
//!   next epoch taken or its last one gone, and knows that it is fenced.

use std::collections::BTreeMap;

use bytes::Bytes;
use object_store::path::Path;
use serde::{Deserialize, Serialize};

use super::encode::DataFile;

/// Version of the manifest's format.
pub const MANIFEST_FORMAT: u32 = 2;

/// Number of a checkpoint in the chain of its partition: each follows the one before by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u64);

impl Epoch {
    /// The first epoch of a partition.
    pub const FIRST: Self = Self(1);

    /// The epoch after this one.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// As the version of a Delta `txn`, which is signed.
    pub(super) fn version(self) -> i64 {
        i64::try_from(self.0).unwrap_or(i64::MAX)
    }
}

impl std::fmt::Display for Epoch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// One sealed piece of state, opaque to the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateBlob {
    /// Name by which the dataflow finds it again; unique within its epoch.
    pub name: String,
    /// Its content.
    pub bytes: Bytes,
}

/// Where a manifest's state lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateRef {
    /// Name of the [`StateBlob`].
    pub name: String,
    /// File name, in the folder of the manifest. It may have been written with an earlier epoch.
    pub file: String,
    /// Its first byte in the file.
    pub at: u64,
    /// Length in bytes.
    pub size: u64,
}

/// Everything an epoch is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochManifest {
    /// [`MANIFEST_FORMAT`] of its writer.
    pub format: u32,
    /// Kafka topic.
    pub topic: String,
    /// Kafka partition.
    pub partition: i32,
    /// Number of the epoch.
    pub epoch: Epoch,
    /// Offset of the first message that is not in it: where the source goes on.
    pub next_offset: i64,
    /// Watermark of the partition, microseconds since the epoch; none before the first row.
    pub watermark: Option<i64>,
    /// Fingerprint of the queries that made the state.
    pub fingerprint: String,
    /// Wall clock, microseconds since the epoch.
    pub written_at: i64,
    /// The data files of this epoch, by table.
    pub files: BTreeMap<String, Vec<DataFile>>,
    /// The sealed state; filled in by [`create_epoch`](super::Archive::create_epoch).
    pub state: Vec<StateRef>,
}

impl EpochManifest {
    /// The `appId` of this partition's `txn` actions.
    pub(super) fn app_id(&self) -> String {
        app_id(&self.topic, self.partition)
    }

    /// The tables this epoch has rows for.
    pub(super) fn tables(&self) -> impl Iterator<Item = &str> {
        self.files.iter().filter(|(_, files)| !files.is_empty()).map(|(table, _)| table.as_str())
    }
}

/// The `appId` under which a partition's epochs are recorded in each table.
pub(super) fn app_id(topic: &str, partition: i32) -> String {
    format!("coldstream/{topic}/{partition}")
}

/// Folder of all chains, a folder for each topic.
pub(super) fn chains_path() -> Path {
    Path::from_iter(["_coldstream", "checkpoints"])
}

/// Folder of the chains of a topic's partitions.
pub(super) fn topic_path(topic: &str) -> Path {
    chains_path().join(topic)
}

/// Folder of a partition's chain.
pub(super) fn chain_path(topic: &str, partition: i32) -> Path {
    topic_path(topic).join(format!("{partition:05}"))
}

/// File name of a manifest.
pub(super) fn manifest_file(epoch: Epoch) -> String {
    format!("{:020}.json", epoch.0)
}

/// A new file name for a piece of state.
pub(super) fn state_file(epoch: Epoch) -> String {
    format!("{:020}-{}.state", epoch.0, uuid::Uuid::new_v4())
}

/// A file of a chain's folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChainFile {
    /// The manifest of an epoch.
    Manifest(Epoch),
    /// State of an epoch.
    State(Epoch),
}

impl ChainFile {
    /// Reads a file name; none for a file that is not ours.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let epoch = |digits: &str| (digits.len() == 20).then(|| digits.parse().ok().map(Epoch))?;
        if let Some(digits) = name.strip_suffix(".json") {
            epoch(digits).map(Self::Manifest)
        } else {
            let (digits, _) = name.strip_suffix(".state")?.split_once('-')?;
            epoch(digits).map(Self::State)
        }
    }
}

#[cfg(test)]
mod tests;
