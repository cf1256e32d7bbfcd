//! Writing messages to a Kafka topic: what `simulate`, `ingest` and the embedded demo send through.
//!
//! Messages are never dropped: a full queue makes [`Producer::send`] wait, and [`Producer::finish`] says how
//! many messages the broker has acknowledged. The producer is idempotent, so a retry does not double a
//! message, and the messages of one key keep their order.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message, OwnedHeaders, ToBytes};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer as _, ProducerContext, ThreadedProducer};

#[cfg(test)]
mod tests;

/// The largest message that is sent at all, bytes. The broker's own limit is usually 1 MB; whatever it
/// refuses is reported by [`Producer::finish`].
pub(super) const LARGEST_MESSAGE: u32 = 64 << 20;
/// How long [`Producer::send`] lets the queue drain before it tries again.
const QUEUE_WAIT: Duration = Duration::from_millis(10);

/// A topic as the command line names it: `kafka://HOST:PORT/TOPIC`, several brokers separated by commas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KafkaUrl {
    /// Brokers to start from, `host:port` separated by commas.
    pub brokers: String,
    /// The topic.
    pub topic: String,
}

impl fmt::Display for KafkaUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kafka://{}/{}", self.brokers, self.topic)
    }
}

impl FromStr for KafkaUrl {
    type Err = ProduceError;

    fn from_str(text: &str) -> Result<Self, ProduceError> {
        let bad = || ProduceError::Url(text.to_owned());
        let rest = text.strip_prefix("kafka://").ok_or_else(bad)?;
        let (brokers, topic) = rest.split_once('/').ok_or_else(bad)?;
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let host_and_port = |broker: &str| {
            broker
                .rsplit_once(':')
                .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
        };
        if topic.is_empty() || topic.len() > 249 || !topic.chars().all(legal) {
            return Err(bad());
        }
        if !brokers.split(',').all(host_and_port) {
            return Err(bad());
        }
        Ok(Self { brokers: brokers.to_owned(), topic: topic.to_owned() })
    }
}

/// How to connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerOptions {
    /// Number of partitions of a topic that does not exist yet; one that exists is left as it is.
    pub partitions: i32,
    /// How long to wait for an answer of the broker before it counts as unreachable.
    pub timeout: Duration,
    /// How many messages may wait for the broker, 1 or more; then [`Producer::send`] waits.
    pub queue: u32,
    /// Further properties of librdkafka, such as `security.protocol`.
    pub client: BTreeMap<String, String>,
}

impl Default for ProducerOptions {
    fn default() -> Self {
        Self { partitions: 8, timeout: Duration::from_secs(5), queue: 500_000, client: BTreeMap::new() }
    }
}

/// Why messages cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum ProduceError {
    /// Not the address of a topic.
    #[error("`{0}` is not the address of a Kafka topic")]
    Url(String),
    /// No broker answered.
    #[error("no Kafka broker answers at {brokers}: {source}")]
    Unreachable {
        /// The brokers as given.
        brokers: String,
        /// What the client library says.
        source: KafkaError,
    },
    /// The topic is missing and cannot be made.
    #[error("Kafka topic `{topic}` does not exist and cannot be created: {reason}")]
    Create {
        /// The topic.
        topic: String,
        /// Why not.
        reason: String,
    },
    /// The client library refuses its settings or a message.
    #[error("cannot send to Kafka topic `{topic}`: {source}")]
    Send {
        /// The topic.
        topic: String,
        /// What the client library says.
        source: KafkaError,
    },
    /// The broker did not take every message.
    #[error("Kafka topic `{topic}` did not take {failed} of {sent} messages: {reason}")]
    Undelivered {
        /// The topic.
        topic: String,
        /// Messages that are not in the topic.
        failed: u64,
        /// Messages that were to be sent.
        sent: u64,
        /// Why the first of them failed.
        reason: String,
    },
}

impl ProduceError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Url(_) => {
                Some("write it as kafka://HOST:PORT/TOPIC, e.g. kafka://127.0.0.1:9092/readings".into())
            }
            Self::Unreachable { .. } => {
                Some("start the broker, or check host and port (and the broker's advertised listener)".into())
            }
            Self::Create { .. } => {
                Some("create the topic with Kafka's own tools, or choose another one".into())
            }
            Self::Undelivered { reason, .. } if reason.contains("too large") => {
                Some("raise the topic's `max.message.bytes`, or leave the large messages out".into())
            }
            Self::Undelivered { .. } => Some("look at the broker's log and send the file again".into()),
            Self::Send { .. } => None,
        }
    }
}

/// Counts what the broker acknowledged.
#[derive(Debug, Default)]
struct Deliveries {
    stored: AtomicU64,
    failed: AtomicU64,
    first_failure: Mutex<Option<String>>,
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(_) => {
                self.stored.fetch_add(1, Ordering::Relaxed);
            }
            Err((error, _)) => {
                self.failed.fetch_add(1, Ordering::Relaxed);
                if let Ok(mut first) = self.first_failure.lock() {
                    first.get_or_insert_with(|| reason_of(error));
                }
            }
        }
    }
}

/// An open connection that sends to one topic.
pub struct Producer {
    inner: ThreadedProducer<Deliveries>,
    topic: String,
    sent: u64,
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer")
            .field("topic", &self.topic)
            .field("sent", &self.sent)
            .finish_non_exhaustive()
    }
}

impl Producer {
    /// Connects to `brokers` (`host:port`, separated by commas), makes sure that a broker answers and that
    /// `topic` exists. Blocks for up to twice `options.timeout`.
    pub fn connect(brokers: &str, topic: &str, options: &ProducerOptions) -> Result<Self, ProduceError> {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", brokers)
            .set("enable.idempotence", "true")
            .set("compression.codec", "lz4")
            // The same partition for a key as the Java client chooses.
            .set("partitioner", "murmur2_random")
            .set("linger.ms", "50")
            .set("batch.num.messages", "100000")
            .set("queue.buffering.max.messages", options.queue.to_string())
            .set("queue.buffering.max.kbytes", "262144")
            .set("message.max.bytes", LARGEST_MESSAGE.to_string());
        for (key, value) in &options.client {
            config.set(key, value);
        }
        let send_error = |source| ProduceError::Send { topic: topic.to_owned(), source };
        let inner: ThreadedProducer<Deliveries> =
            config.create_with_context(Deliveries::default()).map_err(send_error)?;
        // All topics, because asking for one by name may create it with the broker's number of partitions.
        let metadata = inner
            .client()
            .fetch_metadata(None, options.timeout)
            .map_err(|source| ProduceError::Unreachable { brokers: brokers.to_owned(), source })?;
        if !metadata.topics().iter().any(|known| known.name() == topic) {
            create_topic(brokers, topic, options)?;
        }
        Ok(Self { inner, topic: topic.to_owned(), sent: 0 })
    }

    /// Queues one message. An empty `key` means none: such messages go to any partition. Waits while the
    /// queue is full.
    pub fn send(&mut self, key: &str, payload: &[u8]) -> Result<(), ProduceError> {
        let mut record: BaseRecord<'_, str, [u8], ()> = BaseRecord::to(&self.topic).payload(payload);
        if !key.is_empty() {
            record = record.key(key);
        }
        self.queue(record)?;
        self.sent += 1;
        Ok(())
    }

    /// Queues a copy of a message for its partition, with its key and its time, and with other headers.
    pub fn resend(&mut self, message: &BorrowedMessage, headers: OwnedHeaders) -> Result<(), ProduceError> {
        let mut record: BaseRecord<'_, [u8], [u8], ()> = BaseRecord::to(&self.topic)
            .partition(message.partition())
            .payload(message.payload().unwrap_or_default())
            .headers(headers);
        if let Some(key) = message.key() {
            record = record.key(key);
        }
        if let Some(sent) = message.timestamp().to_millis() {
            record = record.timestamp(sent);
        }
        self.queue(record)?;
        self.sent += 1;
        Ok(())
    }

    /// Waits while the queue is full.
    fn queue<K: ToBytes + ?Sized>(
        &self,
        mut record: BaseRecord<'_, K, [u8], ()>,
    ) -> Result<(), ProduceError> {
        loop {
            record = match self.inner.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), record)) => {
                    self.inner.poll(QUEUE_WAIT);
                    record
                }
                Err((source, _)) => return Err(ProduceError::Send { topic: self.topic.clone(), source }),
            };
        }
    }

    /// Waits until the broker has answered for every message and returns how many it stored. A message that
    /// it did not store makes this an error. A message waits at most librdkafka's `message.timeout.ms`
    /// (5 minutes), so this ends also when the broker is gone.
    pub fn finish(self) -> Result<u64, ProduceError> {
        let send_error = |source| ProduceError::Send { topic: self.topic.clone(), source };
        self.inner.flush(rdkafka::util::Timeout::Never).map_err(send_error)?;
        let deliveries = self.inner.context();
        // The other thread may still hold reports that the flush has already counted as delivered.
        let answered =
            || deliveries.stored.load(Ordering::Acquire) + deliveries.failed.load(Ordering::Acquire);
        while answered() < self.sent {
            self.inner.poll(QUEUE_WAIT);
        }
        let failed = deliveries.failed.load(Ordering::Acquire);
        if failed == 0 {
            return Ok(self.sent);
        }
        let reason = deliveries.first_failure.lock().ok().and_then(|mut first| first.take());
        let reason = reason.unwrap_or_else(|| "reason unknown".into());
        Err(ProduceError::Undelivered { topic: self.topic.clone(), failed, sent: self.sent, reason })
    }
}

/// Creates `topic` with as many replicas as the broker's default.
fn create_topic(brokers: &str, topic: &str, options: &ProducerOptions) -> Result<(), ProduceError> {
    let error = |reason: String| ProduceError::Create { topic: topic.to_owned(), reason };
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .create()
        .map_err(|source| error(source.to_string()))?;
    let new = NewTopic::new(topic, options.partitions, TopicReplication::Fixed(-1));
    let timeout = Some(options.timeout);
    // `operation_timeout` lets the broker answer only when every partition has a leader.
    let admin_options = AdminOptions::new().request_timeout(timeout).operation_timeout(timeout);
    let results = futures::executor::block_on(admin.create_topics([&new], &admin_options))
        .map_err(|source| error(reason_of(&source)))?;
    for result in results {
        match result {
            // Somebody else was quicker.
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((_, code)) => return Err(error(code.to_string())),
        }
    }
    Ok(())
}

/// The cause without the client library's own words around it.
fn reason_of(error: &KafkaError) -> String {
    error.rdkafka_error_code().map_or_else(|| error.to_string(), |code| code.to_string())
}
