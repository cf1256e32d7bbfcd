//! Rows that are not committed yet, for queries: with the tables' rows they make each row there once.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use arrow::array::RecordBatch;
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::archive::Epoch;

/// The rows of all partitions since their last commits.
#[derive(Debug, Default)]
pub struct HotRows {
    tables: Mutex<HashMap<String, Vec<HotBatch>>>,
    /// Held for reading while a query takes its snapshot, for writing while a commit takes place.
    turn: RwLock<()>,
}

#[derive(Debug)]
struct HotBatch {
    partition: i32,
    epoch: Epoch,
    rows: RecordBatch,
}

impl HotRows {
    /// Adds rows of an epoch that is not committed.
    pub fn add(&self, table: &str, partition: i32, epoch: Epoch, rows: RecordBatch) {
        let mut tables = self.tables();
        let batches = match tables.get_mut(table) {
            Some(batches) => batches,
            None => tables.entry(table.to_string()).or_default(),
        };
        batches.push(HotBatch { partition, epoch, rows });
    }

    /// Forgets rows that are in the tables now. Only while [`Self::committing`] is held.
    pub fn committed(&self, partition: i32, epoch: Epoch) {
        self.retain(|batch| batch.partition != partition || batch.epoch > epoch);
    }

    /// Forgets a partition that another process owns now.
    pub fn forget(&self, partition: i32) {
        self.retain(|batch| batch.partition != partition);
    }

    /// The rows of a table. Only while [`Self::reading`] is held until the table's snapshot is taken as well.
    pub fn rows(&self, table: &str) -> Vec<RecordBatch> {
        let tables = self.tables();
        tables.get(table).into_iter().flatten().map(|batch| batch.rows.clone()).collect()
    }

    /// Keeps commits out while a query takes its snapshot.
    pub async fn reading(&self) -> RwLockReadGuard<'_, ()> {
        self.turn.read().await
    }

    /// Keeps queries out while rows change from hot to committed.
    pub async fn committing(&self) -> RwLockWriteGuard<'_, ()> {
        self.turn.write().await
    }

    fn retain(&self, keep: impl Fn(&HotBatch) -> bool) {
        for batches in self.tables().values_mut() {
            batches.retain(&keep);
        }
    }

    fn tables(&self) -> std::sync::MutexGuard<'_, HashMap<String, Vec<HotBatch>>> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
