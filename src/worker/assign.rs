//! The owners of the partitions: each takes one up on a thread of its own, works, and leaves nothing behind.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::Duration;

use super::task::{Task, TaskContext};
use super::{Running, Shared, WorkerError};
use crate::source::kafka::{Assignee, Lease};
use crate::source::raw::RawBatch;

/// How long to wait before the archive is asked again for a partition.
const AGAIN: Duration = Duration::from_secs(1);

/// Takes the partitions of this process.
pub(super) struct Partitions(pub(super) Arc<Shared>);

impl Assignee for Partitions {
    fn assigned(&self, lease: Lease, batches: Receiver<RawBatch>) {
        let name = format!("partition-{}", lease.partition());
        let owner = Owner { shared: Arc::clone(&self.0), lease };
        if let Err(error) = thread::Builder::new().name(name).spawn(move || owner.own(&batches)) {
            self.0.fail(WorkerError::Thread(error.to_string()));
        }
    }

    fn high_watermark(&self, partition: i32, offset: i64) {
        if let Some(running) = self.0.tasks().get(&partition) {
            running.high_watermark.store(offset, Ordering::Relaxed);
        }
    }

    fn committed(&self) -> BTreeMap<i32, i64> {
        self.0.offsets().clone()
    }
}

/// Who has a partition. The lease ends when this is dropped, after nothing of the partition is left in this process.
struct Owner {
    shared: Arc<Shared>,
    lease: Lease,
}

impl Owner {
    fn own(self, batches: &Receiver<RawBatch>) {
        let Some((task, offset)) = self.recover() else { return };
        let partition = self.lease.partition();
        tracing::info!(partition, offset, "partition assigned");
        // Another process may have committed it meanwhile, or died before it told the group: this is what counts.
        self.shared.offsets().remove(&partition);
        self.shared.offsets().extend(offset.map(|offset| (partition, offset)));
        self.lease.ready(offset);
        task.run(batches);
    }

    /// Recovers the partition, as often as it takes while the archive does not answer.
    fn recover(&self) -> Option<(Task, Option<i64>)> {
        let partition = self.lease.partition();
        while self.lease.tenure().is_held() {
            let high_watermark = Arc::new(AtomicI64::new(-1));
            let (orders, taken) = std::sync::mpsc::channel();
            let context = TaskContext {
                shared: Arc::clone(&self.shared),
                partition,
                high_watermark: Arc::clone(&high_watermark),
                tenure: Arc::clone(self.lease.tenure()),
            };
            match Task::recover(context, taken) {
                Ok(recovered) => {
                    self.shared.tasks().insert(partition, Running { orders, high_watermark });
                    return Some(recovered);
                }
                Err(error) if error.may_pass() => {
                    tracing::warn!(partition, "the partition cannot be taken up yet: {error}");
                    thread::sleep(AGAIN);
                }
                Err(error) => {
                    self.shared.fail(error);
                    return None;
                }
            }
        }
        None
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let (shared, partition) = (&self.shared, self.lease.partition());
        if thread::panicking() {
            shared.fail(WorkerError::Thread(format!("the thread of partition {partition} panicked")));
        }
        shared.tasks().remove(&partition);
        shared.live.remove_partition(partition);
        shared.alarms.forget(&shared.live, partition);
        shared.commits.hot.forget(partition);
        tracing::info!(partition, "partition released");
    }
}
