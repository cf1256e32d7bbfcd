//! The Kafka consumer group: messages of each assigned partition, in batches, to whoever owns the partition.
//!
//! One thread polls. Offsets are not Kafka's to keep: when a partition is assigned, its [`Assignee`] is asked where
//! to go on, which is the offset of its newest checkpoint; when it is revoked, the assignee has finished (last
//! checkpoint included) before Kafka may give the partition to another process. The group's offsets are
//! committed as well, for tools that show the lag.
//!
//! **Back-pressure.** Batches go through a short queue. Where it is full, polling waits for a moment; where that was
//! not enough the partition is paused, its messages stay in Kafka, and polling goes on, so that the process
//! keeps its place in the group however long the store stalls. (Pausing at once would be dear: librdkafka then
//! throws away what it has fetched ahead.)

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::bindings::rd_kafka_resp_err_t::{
    RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS, RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS,
};
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::statistics::Statistics;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};

use super::raw::RawBatch;

/// Messages in one batch at most: large enough to work in columns, small enough to stay in the caches.
const BATCH_MESSAGES: usize = 8_192;
/// Bytes in one batch, beyond which it is sent on.
const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// How long the first message of a batch waits for others.
const LINGER: Duration = Duration::from_millis(50);
/// Batches that wait for a partition's owner.
const QUEUED_BATCHES: usize = 4;
/// How long polling waits for a full queue before it pauses the partition.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often the group's offsets are told to Kafka.
const TELL: Duration = Duration::from_secs(1);
/// How long a broker may take to answer at start.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// How to reach the readings.
#[derive(Debug, Clone)]
pub struct KafkaSettings {
    /// `host:port`, several with commas.
    pub brokers: String,
    /// The topic.
    pub topic: String,
    /// The consumer group.
    pub group: String,
    /// Further properties of librdkafka.
    pub options: BTreeMap<String, String>,
}

/// Who takes the partitions of this process. Called from the polling thread.
pub trait Assignee: Send + Sync + 'static {
    /// The partition is ours: messages will come through `batches`, which ends when it is revoked. Gives the
    /// offset to go on from, or `None` for the oldest message there is.
    fn assigned(&self, partition: i32, batches: Receiver<RawBatch>) -> Result<Option<i64>, String>;
    /// The partition is no longer ours; its queue has ended. Returns when the owner has finished.
    fn revoked(&self, partition: i32);
    /// The newest offset of a partition in Kafka, told every few seconds.
    fn high_watermark(&self, partition: i32, offset: i64);
    /// For each partition that has a commit the offset to go on from.
    fn committed(&self) -> BTreeMap<i32, i64>;
}

/// Why the source cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum KafkaSourceError {
    /// No broker answers.
    #[error("no Kafka broker answers at {brokers}: {cause}")]
    Unreachable {
        /// As configured.
        brokers: String,
        /// What librdkafka says.
        cause: KafkaError,
    },
    /// The configuration is refused.
    #[error("Kafka's client refuses its configuration: {0}")]
    Config(KafkaError),
    /// Polling failed for good.
    #[error("reading from Kafka failed: {0}")]
    Failed(KafkaError),
    /// The owner of a partition cannot start.
    #[error("{0}")]
    Assignee(String),
}

impl KafkaSourceError {
    /// What to do about it, where known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unreachable { .. } => {
                Some("is the broker running, and is `kafka.brokers` its address as it advertises it?".into())
            }
            Self::Config(_) => Some("check [kafka.options] in coldstream.toml".into()),
            Self::Failed(_) | Self::Assignee(_) => None,
        }
    }
}

/// A consumer in its group.
pub struct KafkaSource {
    consumer: BaseConsumer<Group>,
}

/// The callbacks of librdkafka, on the polling thread.
struct Group {
    topic: String,
    assignee: Arc<dyn Assignee>,
    queues: Mutex<HashMap<i32, SyncSender<RawBatch>>>,
    /// Counts assignments and revocations: messages gathered before one belong to nobody after it.
    rebalances: AtomicU64,
    /// Our partitions: of others nothing is told any more.
    owned: Mutex<BTreeSet<i32>>,
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
        // times over, and never why: the error before it does.
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            tracing::debug!(target: "kafka", "{error}: {reason}");
        } else {
            tracing::warn!(target: "kafka", "{error}: {reason}");
        }
    }
}

impl ConsumerContext for Group {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, err: RDKafkaRespErr, tpl: &mut TopicPartitionList) {
        self.rebalances.fetch_add(1, Ordering::Relaxed);
        let result = match err {
            RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => self.assign(tpl).and_then(|list| consumer.assign(&list)),
            RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS => {
                let partitions: Vec<i32> = tpl.elements().iter().map(|e| e.partition()).collect();
                self.revoke(&partitions);
                self.tell(consumer, CommitMode::Sync);
                self.owned().clear();
                consumer.unassign()
            }
            other => {
                self.fail(format!("the consumer group failed: {}", RDKafkaErrorCode::from(other)));
                consumer.unassign()
            }
        };
        if let Err(error) = result {
            self.fail(format!("partitions cannot be assigned: {error}"));
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, offsets: &TopicPartitionList) {
        // A commit as a whole may succeed and yet refuse some of its partitions.
        let refused = offsets.elements().iter().find_map(|element| element.error().err());
        if let Some(error) = result.err().or(refused) {
            tracing::info!(%error, "the group's offsets were not told; trying again");
            self.told().clear();
        }
    }
}

impl Group {
    fn fail(&self, message: String) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(message);
    }

    fn queues(&self) -> std::sync::MutexGuard<'_, HashMap<i32, SyncSender<RawBatch>>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn owned(&self) -> std::sync::MutexGuard<'_, BTreeSet<i32>> {
        self.owned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn told(&self) -> std::sync::MutexGuard<'_, BTreeMap<i32, i64>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells Kafka up to where our partitions are committed. Tools show the lag by it; nothing depends on it, so
    /// a failure is no more than a line in the log and another try.
    fn tell(&self, consumer: &BaseConsumer<Self>, mode: CommitMode) {
        let mut committed = self.assignee.committed();
        committed.retain(|partition, _| self.owned().contains(partition));
        // What was told before a last, synchronous call may have been lost on its way.
        let known = matches!(mode, CommitMode::Async) && *self.told() == committed;
        if committed.is_empty() || known {
            return;
        }
        let mut list = TopicPartitionList::new();
        let added = committed.iter().try_for_each(|(&partition, &offset)| {
            list.add_partition_offset(&self.topic, partition, Offset::Offset(offset))
        });
        match added.and_then(|()| consumer.commit(&list, mode)) {
            Ok(()) => *self.told() = committed,
            Err(error) => tracing::info!(%error, "the group's offsets were not told"),
        }
    }

    fn assign(&self, tpl: &TopicPartitionList) -> Result<TopicPartitionList, KafkaError> {
        let mut list = TopicPartitionList::new();
        for element in tpl.elements() {
            let partition = element.partition();
            let (sender, receiver) = sync_channel(QUEUED_BATCHES);
            match self.assignee.assigned(partition, receiver) {
                Ok(next) => {
                    let offset = next.map_or(Offset::Beginning, Offset::Offset);
                    list.add_partition_offset(element.topic(), partition, offset)?;
                    self.queues().insert(partition, sender);
                    self.owned().insert(partition);
                }
                Err(message) => self.fail(message),
            }
        }
        Ok(list)
    }

    fn revoke(&self, partitions: &[i32]) {
        // All queues end first, so that the partitions finish side by side.
        for partition in partitions {
            self.queues().remove(partition);
        }
        for &partition in partitions {
            self.assignee.revoked(partition);
        }
    }
}

impl KafkaSource {
    /// Connects, and joins the group. An unreachable broker is an error after ten seconds; a topic that does
    /// not exist yet is waited for.
    pub fn connect(settings: &KafkaSettings, assignee: Arc<dyn Assignee>) -> Result<Self, KafkaSourceError> {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &settings.brokers)
            .set("group.id", &settings.group)
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest")
            .set("partition.assignment.strategy", "range")
            // How long the partitions of a killed process stay without owner; librdkafka beats in a thread of its
            // own, so a busy process is not taken for a dead one. The default is 45 s.
            .set("session.timeout.ms", "10000")
            .set("topic.metadata.refresh.interval.ms", "5000")
            .set("statistics.interval.ms", "2000")
            // The default of one second leaves the fetcher idle once its queue has been full.
            .set("fetch.queue.backoff.ms", "10")
            .set("fetch.message.max.bytes", "4194304")
            .set("receive.message.max.bytes", "134217728");
        for (key, value) in &settings.options {
            config.set(key, value);
        }
        let group = Group {
            topic: settings.topic.clone(),
            assignee,
            queues: Mutex::default(),
            rebalances: AtomicU64::new(0),
            owned: Mutex::default(),
            told: Mutex::default(),
            failure: Mutex::default(),
        };
        let consumer: BaseConsumer<Group> =
            config.create_with_context(group).map_err(KafkaSourceError::Config)?;
        let metadata = consumer
            .fetch_metadata(Some(&settings.topic), START_TIMEOUT)
            .map_err(|cause| KafkaSourceError::Unreachable { brokers: settings.brokers.clone(), cause })?;
        if metadata.topics().iter().all(|topic| topic.partitions().is_empty()) {
            tracing::warn!("topic `{}` does not exist yet: waiting for it", settings.topic);
        }
        consumer.subscribe(&[&settings.topic]).map_err(KafkaSourceError::Failed)?;
        Ok(Self { consumer })
    }

    /// Polls until `stop` is set, then leaves the group; every partition has finished when it returns.
    pub fn run(&self, stop: &AtomicBool) -> Result<(), KafkaSourceError> {
        let group = self.consumer.context();
        let mut batches: HashMap<i32, Pending> = HashMap::new();
        let mut failed = None;
        let mut round = 0u32;
        let mut rebalances = 0;
        let mut told = Instant::now();
        while !stop.load(Ordering::Relaxed) && failed.is_none() {
            let polled = self.consumer.poll(Duration::from_millis(10));
            // Callbacks run inside `poll`. What was gathered before a rebalance is read again by whoever owns the
            // partition now, from the offset of its checkpoint: handing it on as well would count it twice.
            let seen = group.rebalances.load(Ordering::Relaxed);
            if seen != rebalances {
                rebalances = seen;
                batches.clear();
            }
            match polled {
                Some(Ok(message)) => self.take(&mut batches, &message),
                Some(Err(error)) => failed = fatal(error),
                None => self.flush(&mut batches, Instant::now()),
            }
            round = round.wrapping_add(1);
            if round.is_multiple_of(256) {
                self.flush(&mut batches, Instant::now());
            }
            if round.is_multiple_of(64) && told.elapsed() >= TELL {
                told = Instant::now();
                group.tell(&self.consumer, CommitMode::Async);
            }
            let failure = group.failure.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(message) = failure {
                failed = Some(KafkaSourceError::Assignee(message));
            }
        }
        // Messages that were not handed on are read again later: their offsets are in no checkpoint.
        let owned: Vec<i32> = group.owned().iter().copied().collect();
        group.revoke(&owned);
        group.tell(&self.consumer, CommitMode::Sync);
        self.consumer.unassign().map_err(KafkaSourceError::Failed)?;
        failed.map_or(Ok(()), Err)
    }

    fn take(&self, batches: &mut HashMap<i32, Pending>, message: &BorrowedMessage) {
        let now = rdkafka::message::Timestamp::now();
        let received = message.timestamp().to_millis().or_else(|| now.to_millis()).unwrap_or_default();
        let pending = batches.entry(message.partition()).or_insert_with(Pending::new);
        if pending.batch.is_empty() {
            pending.since = Instant::now();
        }
        pending.batch.push(message.payload().unwrap_or_default(), message.offset(), received * 1_000);
        if pending.is_full() {
            self.send(message.partition(), pending);
        }
    }

    /// Hands on the batches that have waited long enough, and tries again those that found no place.
    fn flush(&self, batches: &mut HashMap<i32, Pending>, now: Instant) {
        for (&partition, pending) in batches {
            let due = now.duration_since(pending.since) >= LINGER || pending.is_full();
            if !pending.batch.is_empty() && due {
                self.send(partition, pending);
            }
        }
    }

    fn send(&self, partition: i32, pending: &mut Pending) {
        let group = self.consumer.context();
        let Some(queue) = group.queues().get(&partition).cloned() else { return };
        let mut sent = queue.try_send(std::mem::take(&mut pending.batch));
        let since = Instant::now();
        while let Err(TrySendError::Full(batch)) = sent {
            if pending.paused || since.elapsed() > PATIENCE {
                pending.batch = batch;
                self.set_paused(partition, pending, true);
                return;
            }
            std::thread::sleep(Duration::from_micros(500));
            sent = queue.try_send(batch);
        }
        match sent {
            Ok(()) => self.set_paused(partition, pending, false),
            Err(TrySendError::Full(batch)) => pending.batch = batch,
            Err(TrySendError::Disconnected(_)) => {
                group.fail(format!("the task of partition {partition} has ended: see the error above"));
            }
        }
    }

    /// A paused partition may still give the messages that are on their way: they join the pending batch.
    fn set_paused(&self, partition: i32, pending: &mut Pending, pause: bool) {
        if pending.paused == pause {
            return;
        }
        let mut list = TopicPartitionList::new();
        list.add_partition(&self.consumer.context().topic, partition);
        let done = if pause { self.consumer.pause(&list) } else { self.consumer.resume(&list) };
        match done {
            Ok(()) => pending.paused = pause,
            // The partition is about to be revoked.
            Err(error) => tracing::debug!(partition, %error, "pausing or resuming failed"),
        }
    }
}

/// The batch being gathered for a partition.
struct Pending {
    batch: RawBatch,
    since: Instant,
    paused: bool,
}

impl Pending {
    fn new() -> Self {
        Self { batch: RawBatch::default(), since: Instant::now(), paused: false }
    }

    fn is_full(&self) -> bool {
        self.batch.len() >= BATCH_MESSAGES || self.batch.byte_len() >= BATCH_BYTES
    }
}

/// Whether an error of `poll` ends the source. librdkafka repairs all but its own fatal ones.
fn fatal(error: KafkaError) -> Option<KafkaSourceError> {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::Fatal | RDKafkaErrorCode::GroupAuthorizationFailed) => {
            Some(KafkaSourceError::Failed(error))
        }
        _ => {
            tracing::warn!(target: "kafka", "{error}");
            None
        }
    }
}
