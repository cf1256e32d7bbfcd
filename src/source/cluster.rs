//! What the Kafka cluster says of itself: its brokers and topics, asked every few seconds.
//!
//! Asked through a client of its own, on a thread of its own: a cluster that does not answer holds up nothing but
//! the next question.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;

use super::kafka::KafkaSettings;

/// How often the cluster is asked.
const ASK: Duration = Duration::from_secs(5);
/// How long it may take to answer.
const TIMEOUT: Duration = Duration::from_secs(3);
/// How often the thread looks whether it is to stop.
const TICK: Duration = Duration::from_millis(200);

/// What a cluster says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClusterView {
    /// Address (host:port) of each broker, by its id.
    pub brokers: BTreeMap<i32, String>,
    /// Number of partitions of each topic, without Kafka's own (`__…`).
    pub topics: BTreeMap<String, u32>,
}

/// A client that asks, and does nothing else.
struct Observer(BaseConsumer<Quiet>);

/// The consumer of the readings tells of the same troubles, and at the right level.
struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, _: RDKafkaLogLevel, fac: &str, message: &str) {
        tracing::debug!(target: "kafka", "{fac}: {message}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(target: "kafka", "{error}: {reason}");
    }
}

impl ConsumerContext for Quiet {}

impl Observer {
    fn new(settings: &KafkaSettings) -> Result<Self, KafkaError> {
        let mut config = ClientConfig::new();
        // The options hold what it takes to be let in. Without a group it reads nothing.
        for (key, value) in &settings.options {
            config.set(key, value);
        }
        config.set("bootstrap.servers", &settings.brokers).set("statistics.interval.ms", "0");
        config.remove("group.id");
        config.create_with_context(Quiet).map(Self)
    }

    fn ask(&self) -> Result<ClusterView, KafkaError> {
        let metadata = self.0.fetch_metadata(None, TIMEOUT)?;
        let brokers = metadata.brokers().iter();
        let topics = metadata.topics().iter().filter(|topic| !topic.name().starts_with("__"));
        Ok(ClusterView {
            brokers: brokers.map(|b| (b.id(), format!("{}:{}", b.host(), b.port()))).collect(),
            topics: topics.map(|t| (t.name().to_owned(), t.partitions().len() as u32)).collect(),
        })
    }

    /// Takes what librdkafka has to say, which would pile up otherwise.
    fn listen(&self) {
        if let Some(Err(error)) = self.0.poll(Duration::ZERO) {
            tracing::debug!(target: "kafka", "{error}");
        }
    }
}

/// Asks the cluster until `stop` is set, on a thread of its own, and tells each answer, or why there was none. The
/// thread ends by itself, some seconds after `stop` at most; nobody needs to wait for it.
pub fn observe(
    settings: KafkaSettings,
    stop: Arc<AtomicBool>,
    tell: impl Fn(Result<ClusterView, String>) + Send + 'static,
) -> std::io::Result<()> {
    let observed = move || {
        let observer = match Observer::new(&settings) {
            Ok(observer) => observer,
            // The consumer has the same configuration and says more.
            Err(error) => return tell(Err(error.to_string())),
        };
        let mut due = Instant::now();
        while !stop.load(Ordering::Relaxed) {
            observer.listen();
            if Instant::now() < due {
                thread::sleep(TICK);
                continue;
            }
            tell(observer.ask().map_err(|error| error.to_string()));
            due = Instant::now() + ASK;
        }
    };
    thread::Builder::new().name("kafka-cluster".into()).spawn(observed).map(drop)
}

#[cfg(test)]
mod tests;
