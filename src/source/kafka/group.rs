//! The callbacks of librdkafka. They run inside `poll`, on the polling thread, and only note what is to be done: a
//! rebalance is answered from the polling loop, when the partitions concerned have finished.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rdkafka::bindings::rd_kafka_resp_err_t::{
    RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS, RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS,
};
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::statistics::Statistics;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};

use super::lease::Assignee;

/// What the group has decided.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rebalance {
    /// These partitions are ours as well.
    Assigned(Vec<i32>),
    /// These are to be given away, or where they are `lost`, are gone already.
    Revoked { partitions: Vec<i32>, lost: bool },
}

/// What the callbacks have.
pub(super) struct Group {
    pub(super) topic: String,
    pub(super) assignee: Arc<dyn Assignee>,
    /// Counts rebalances, so that the polling loop need not take the lock after each message.
    noted: AtomicU64,
    rebalances: Mutex<VecDeque<Rebalance>>,
    /// Set when the polling loop has ended: what librdkafka then asks while it leaves is answered here.
    closing: AtomicBool,
    /// The newest offset of each partition, as far as it is known.
    ends: Mutex<BTreeMap<i32, i64>>,
    /// The offsets last told to Kafka; empty where telling failed, so that it is tried again.
    told: Mutex<BTreeMap<i32, i64>>,
    failure: Mutex<Option<String>>,
}

impl ClientContext for Group {
    fn stats(&self, statistics: Statistics) {
        let Some(topic) = statistics.topics.get(&self.topic) else { return };
        for (partition, state) in &topic.partitions {
            if state.hi_offset >= 0 {
                self.assignee.high_watermark(*partition, state.hi_offset);
                lock(&self.ends).insert(*partition, state.hi_offset);
            }
        }
    }

    fn log(&self, level: RDKafkaLogLevel, fac: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Debug => tracing::debug!(target: "kafka", "{fac}: {message}"),
            RDKafkaLogLevel::Info | RDKafkaLogLevel::Notice => {
                tracing::info!(target: "kafka", "{fac}: {message}");
            }
            _ => tracing::warn!(target: "kafka", "{fac}: {message}"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // librdkafka reconnects by itself for ever; this is for the log. That all brokers are down it says a hundred
        // times over, and never why: the error before it does. What the polling loop deals with it tells itself.
        use RDKafkaErrorCode::{AllBrokersDown, AutoOffsetReset, UnknownTopicOrPartition};
        let quiet = [AllBrokersDown, AutoOffsetReset, UnknownTopicOrPartition];
        if error.rdkafka_error_code().is_some_and(|code| quiet.contains(&code)) {
            tracing::debug!(target: "kafka", "{error}: {reason}");
        } else {
            tracing::warn!(target: "kafka", "{error}: {reason}");
        }
    }
}

impl ConsumerContext for Group {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, err: RDKafkaRespErr, tpl: &mut TopicPartitionList) {
        if self.closing.load(Ordering::Relaxed) {
            // Every partition has finished; while it leaves, librdkafka takes any answer for this one.
            if let Err(error) = consumer.unassign() {
                tracing::debug!(target: "kafka", "leaving the group: {error}");
            }
            return;
        }
        let partitions = tpl.elements().iter().map(|element| element.partition()).collect();
        let rebalance = match err {
            RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => Rebalance::Assigned(partitions),
            RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS => {
                Rebalance::Revoked { partitions, lost: consumer.assignment_lost() }
            }
            other => {
                return self.fail(format!("the consumer group failed: {}", RDKafkaErrorCode::from(other)));
            }
        };
        tracing::debug!(target: "kafka", "{rebalance:?}");
        lock(&self.rebalances).push_back(rebalance);
        self.noted.fetch_add(1, Ordering::Relaxed);
    }

    fn commit_callback(&self, result: KafkaResult<()>, offsets: &TopicPartitionList) {
        // A commit as a whole may succeed and yet refuse some of its partitions.
        let refused = offsets.elements().iter().find_map(|element| element.error().err());
        if let Some(error) = result.err().or(refused) {
            tracing::info!(%error, "the group's offsets were not told; trying again");
            lock(&self.told).clear();
        }
    }
}

impl Group {
    pub(super) fn new(topic: String, assignee: Arc<dyn Assignee>) -> Self {
        Self {
            topic,
            assignee,
            noted: AtomicU64::new(0),
            rebalances: Mutex::default(),
            closing: AtomicBool::new(false),
            ends: Mutex::default(),
            told: Mutex::default(),
            failure: Mutex::default(),
        }
    }

    /// From now on nobody polls but librdkafka itself, to leave the group.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }

    pub(super) fn fail(&self, message: String) {
        lock(&self.failure).get_or_insert(message);
    }

    pub(super) fn failure(&self) -> Option<String> {
        lock(&self.failure).take()
    }

    /// How many rebalances were noted so far.
    pub(super) fn noted(&self) -> u64 {
        self.noted.load(Ordering::Relaxed)
    }

    /// The oldest rebalance that nobody has dealt with.
    pub(super) fn next_rebalance(&self) -> Option<Rebalance> {
        lock(&self.rebalances).pop_front()
    }

    /// The newest offset of a partition, as far as it is known.
    pub(super) fn end(&self, partition: i32) -> Option<i64> {
        lock(&self.ends).get(&partition).copied()
    }

    /// Tells Kafka up to where the partitions of which `ours` holds are committed. Tools show the lag by it; nothing
    /// depends on it, so a failure is no more than a line in the log and another try.
    pub(super) fn tell(&self, consumer: &BaseConsumer<Self>, mode: CommitMode, ours: impl Fn(i32) -> bool) {
        let mut committed = self.assignee.committed();
        committed.retain(|partition, _| ours(*partition));
        // What was told before a last, synchronous call may have been lost on its way.
        let known = matches!(mode, CommitMode::Async) && *lock(&self.told) == committed;
        if committed.is_empty() || known {
            return;
        }
        let mut list = TopicPartitionList::new();
        let added = committed.iter().try_for_each(|(&partition, &offset)| {
            list.add_partition_offset(&self.topic, partition, Offset::Offset(offset))
        });
        match added.and_then(|()| consumer.commit(&list, mode)) {
            Ok(()) => *lock(&self.told) = committed,
            Err(error) => tracing::info!(%error, "the group's offsets were not told"),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
