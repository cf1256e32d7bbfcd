//! Recovery: what the store holds of a partition, and what its next owner does about it.
//!
//! [`decide`] is a pure function: whoever calls it has read the store, and acts on the answer. Each state in which a
//! store can be is a variant of [`Recovery`].
//!
//! **Which epochs count.** Each manifest says which one it follows, so the chain is read from its newest manifest
//! backwards. A worker that lost its partition while its request was under way can create a manifest where the
//! chain has been pruned since ([`Archive::create_epoch`](super::Archive::create_epoch) then tells it that it is
//! fenced, and its rows get into no table). Nothing of the chain follows such a *stray*, so it is never committed.
//!
//! ```text
//! 5 (stray)      7 ◀── 8 ◀── 9 newest          5 may be there; 6 was pruned, as the first 5 was
//! ```

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::epoch::Epoch;

/// What the store holds of one epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEpoch {
    /// Its number.
    pub epoch: Epoch,
    /// Its manifest's own mark; no two manifests have the same.
    pub nonce: Uuid,
    /// Mark of the manifest it follows; none where it is the first of its chain.
    pub follows: Option<Uuid>,
    /// The data files it has for each table, relative to the table. No table without a file.
    pub files: BTreeMap<String, Vec<String>>,
    /// The files of its state, in the chain's folder; earlier epochs may have written them.
    pub state: BTreeSet<String>,
}

/// What the store holds of a partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    /// The epochs that this version can read.
    pub epochs: Vec<StoredEpoch>,
    /// The others, with their formats.
    pub foreign: BTreeMap<Epoch, u32>,
    /// The files of state in the chain's folder.
    pub state: BTreeSet<String>,
    /// The newest epoch of the partition in each table that has one.
    pub tables: BTreeMap<String, Epoch>,
    /// Data files that are not there, of those in [`Self::uncommitted`]: table and path.
    pub gone: BTreeSet<(String, String)>,
}

/// What a partition's owner has to do before it may go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recovery {
    /// No epoch was ever made: start at the beginning.
    Empty,
    /// Every row of every epoch is in its tables: go on after `newest`.
    UpToDate {
        /// The newest epoch in the store.
        newest: Epoch,
    },
    /// The process died between an epoch and its commit: commit these first, then go on after `newest`.
    MustCommit {
        /// The newest epoch in the store.
        newest: Epoch,
        /// Epochs with rows that some table does not have yet, oldest first.
        epochs: Vec<Epoch>,
    },
    /// A table knows the partition and its chain is gone. Refuse: its epochs would begin at the first again, and the
    /// table, which has had those numbers, would leave their rows out.
    LostChain {
        /// The table.
        table: String,
        /// Its newest epoch of the partition.
        epoch: Epoch,
    },
    /// A table is ahead of the chain, the end of which is gone. Refuse: the table has had the next numbers.
    TableAhead {
        /// The table.
        table: String,
        /// Its newest epoch of the partition.
        epoch: Epoch,
        /// The newest epoch of the chain.
        newest: Epoch,
    },
    /// Another version wrote an epoch, in a format that is not known. Refuse: what it has may not be committed.
    Foreign {
        /// The epoch.
        epoch: Epoch,
        /// Its format.
        format: u32,
    },
    /// State of the newest epoch is gone. Refuse: windows that are open would lose their rows.
    LostState {
        /// The newest epoch.
        epoch: Epoch,
        /// The file, in the chain's folder.
        file: String,
    },
    /// A data file went before its table had it. Refuse: a table with a missing file cannot be read.
    LostFile {
        /// The epoch.
        epoch: Epoch,
        /// The table.
        table: String,
        /// The file, relative to the table.
        path: String,
    },
}

impl Held {
    /// The chain: the newest epoch and all it follows from that are in the store, newest first.
    pub fn chain(&self) -> Vec<&StoredEpoch> {
        let by_number: BTreeMap<Epoch, &StoredEpoch> = self.epochs.iter().map(|e| (e.epoch, e)).collect();
        let mut chain: Vec<&StoredEpoch> = Vec::new();
        for (number, &stored) in by_number.iter().rev() {
            if let Some(after) = chain.last()
                && (number.next() != after.epoch || after.follows != Some(stored.nonce))
            {
                break;
            }
            chain.push(stored);
        }
        chain
    }

    /// Epochs in the store that are none of the chain: a worker that had lost the partition left them.
    pub fn strays(&self) -> Vec<Epoch> {
        let chain: BTreeSet<Epoch> = self.chain().iter().map(|stored| stored.epoch).collect();
        self.epochs.iter().map(|stored| stored.epoch).filter(|epoch| !chain.contains(epoch)).collect()
    }

    /// The data files of the chain that their tables do not have yet, the oldest epoch first: epoch, table, path.
    pub fn uncommitted(&self) -> Vec<(Epoch, &str, &str)> {
        let mut files = Vec::new();
        for stored in self.chain().into_iter().rev() {
            for (table, paths) in &stored.files {
                if self.tables.get(table) < Some(&stored.epoch) {
                    files.extend(paths.iter().map(|path| (stored.epoch, table.as_str(), path.as_str())));
                }
            }
        }
        files
    }
}

/// Decides how to recover. What is refused is refused before anything is written.
pub fn decide(held: &Held) -> Recovery {
    if let Some((&epoch, &format)) = held.foreign.last_key_value() {
        return Recovery::Foreign { epoch, format };
    }
    let ahead = held.tables.iter().max_by_key(|(_, epoch)| **epoch);
    let Some(newest) = held.chain().first().copied() else {
        return match ahead {
            Some((table, &epoch)) => Recovery::LostChain { table: table.clone(), epoch },
            None => Recovery::Empty,
        };
    };
    if let Some((table, &epoch)) = ahead.filter(|(_, epoch)| **epoch > newest.epoch) {
        return Recovery::TableAhead { table: table.clone(), epoch, newest: newest.epoch };
    }
    if let Some(file) = newest.state.iter().find(|file| !held.state.contains(*file)) {
        return Recovery::LostState { epoch: newest.epoch, file: file.clone() };
    }
    let uncommitted = held.uncommitted();
    for (epoch, table, path) in &uncommitted {
        if held.gone.contains(&((*table).to_owned(), (*path).to_owned())) {
            return Recovery::LostFile { epoch: *epoch, table: (*table).into(), path: (*path).into() };
        }
    }
    let mut epochs: Vec<Epoch> = uncommitted.into_iter().map(|(epoch, ..)| epoch).collect();
    epochs.dedup();
    match epochs.is_empty() {
        true => Recovery::UpToDate { newest: newest.epoch },
        false => Recovery::MustCommit { newest: newest.epoch, epochs },
    }
}

#[cfg(test)]
mod tests;
