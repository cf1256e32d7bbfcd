//! A partition's time with this process, and what its owner tells the source meanwhile.

use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};

use super::group::Group;
use crate::source::gap::Start;
use crate::source::raw::RawBatch;

/// How long a broker may take to say what a partition holds.
const ANSWER: Duration = Duration::from_secs(5);
/// How long to wait before it is asked again.
const AGAIN: Duration = Duration::from_millis(500);
/// Every how many tries it is said that there is no answer.
const SAID: u32 = 20;

const HELD: u8 = 0;
const ENDING: u8 = 1;
const LOST: u8 = 2;

/// Who takes the partitions of this process.
pub trait Assignee: Send + Sync + 'static {
    /// The partition is ours as long as the group says so. Called from the polling thread, and returns at once: the
    /// owner recovers in its own time, says [`Lease::ready`], and takes the messages that then come through
    /// `batches`. The queue ends when the partition is to be given away; the owner finishes what it has (last
    /// checkpoint included, unless [`Tenure::is_lost`]) and drops the lease, after which another process may have it.
    ///
    /// An owner that drops the lease before gives the partition up. Where the group still says that it is ours, it is
    /// assigned again.
    fn assigned(&self, lease: Lease, batches: Receiver<RawBatch>);
    /// The newest offset of a partition in Kafka, told every few seconds.
    fn high_watermark(&self, partition: i32, offset: i64);
    /// For each partition that has a commit the offset to go on from.
    fn committed(&self) -> std::collections::BTreeMap<i32, i64>;
}

/// What both ends of a lease look at.
#[derive(Debug)]
pub struct Tenure {
    phase: AtomicU8,
    /// Event time of the newest reading, microseconds; `i64::MIN` while there is none.
    newest: AtomicI64,
}

impl Tenure {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { phase: AtomicU8::new(HELD), newest: AtomicI64::new(i64::MIN) })
    }

    /// The partition is to be given away; where it is `lost`, another process may have it already.
    pub(super) fn end(&self, lost: bool) {
        self.phase.fetch_max(if lost { LOST } else { ENDING }, Ordering::Relaxed);
    }

    /// Whether the partition is ours to keep.
    pub fn is_held(&self) -> bool {
        self.phase.load(Ordering::Relaxed) == HELD
    }

    /// Whether the group has taken the partition away without asking. A last checkpoint may then be refused, and
    /// where it is not it is in the way of the next owner's first.
    pub fn is_lost(&self) -> bool {
        self.phase.load(Ordering::Relaxed) == LOST
    }

    /// Tells the event time of the newest reading, microseconds since the epoch.
    pub fn tell_newest(&self, newest: Option<i64>) {
        self.newest.store(newest.unwrap_or(i64::MIN), Ordering::Relaxed);
    }

    pub(super) fn newest(&self) -> Option<i64> {
        Some(self.newest.load(Ordering::Relaxed)).filter(|newest| *newest != i64::MIN)
    }
}

/// What the polling thread hears.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) partition: i32,
    /// Which of the partition's leases says it.
    pub(super) lease: u64,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    /// The owner is ready.
    Ready(Start),
    /// The owner has finished.
    Ended,
    /// The log of the partition begins and ends there.
    Range(i64, i64),
}

/// A partition's time with this process. It ends when this is dropped.
pub struct Lease {
    pub(super) partition: i32,
    pub(super) number: u64,
    pub(super) tenure: Arc<Tenure>,
    pub(super) reports: Sender<Report>,
    /// Not to be kept alive: it leaves the group when it is dropped.
    pub(super) consumer: Weak<BaseConsumer<Group>>,
}

impl Lease {
    /// The partition.
    pub fn partition(&self) -> i32 {
        self.partition
    }

    /// How the lease stands.
    pub fn tenure(&self) -> &Arc<Tenure> {
        &self.tenure
    }

    /// The owner has recovered the partition and goes on at `next`; `None` where nothing was ever read of it, and its
    /// oldest message is the first. Asks the broker whether the log still has that offset, as long as it takes.
    pub fn ready(&self, next: Option<i64>) {
        let mut tries = 0u32;
        while self.tenure.is_held() {
            let Some(consumer) = self.consumer.upgrade() else { return };
            let topic = &consumer.context().topic;
            match consumer.fetch_watermarks(topic, self.partition, ANSWER) {
                Ok((begin, end)) => return self.report(What::Ready(Start::decide(next, begin, end))),
                Err(error) if tries.is_multiple_of(SAID) => {
                    let partition = self.partition;
                    tracing::info!(partition, %error, "Kafka does not say what `{topic}` holds; asking again");
                }
                Err(_) => {}
            }
            tries = tries.wrapping_add(1);
            drop(consumer);
            thread::sleep(AGAIN);
        }
    }

    fn report(&self, what: What) {
        let report = Report { partition: self.partition, lease: self.number, what };
        if self.reports.send(report).is_err() {
            tracing::debug!(partition = self.partition, "the source has ended");
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.report(What::Ended);
    }
}
