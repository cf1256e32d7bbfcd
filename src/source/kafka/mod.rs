//! The Kafka consumer group: messages of each assigned partition, in batches, to whoever owns the partition.
//!
//! One thread polls. Offsets are not Kafka's to keep: the owner of a partition says where to go on, which is the
//! offset of its newest checkpoint; when the partition is revoked, its owner finishes (last checkpoint included) before
//! Kafka may give it to another process. The group's offsets are committed as well, for tools that show the lag.
//!
//! **Rebalances** are cooperative: a partition that stays goes on. Owners recover and finish on threads of their own,
//! side by side, and the polling thread never waits for them (see `held`); so a slow store does not cost the process its
//! place in the group. A partition that was lost all the same is fenced by the store: its owner gives it up, and takes
//! it again from its newest checkpoint where the group still says so.
//!
//! **Offsets out of range.** What is gone is counted, recorded with the next checkpoint, and reading goes on (see
//! [`super::gap`]).
//!
//! **Back-pressure.** Batches go through a short queue, within one budget for all partitions. Where there is no room,
//! polling waits for a moment; where that was not enough the partition is paused, its messages stay in Kafka, and
//! polling goes on, so that the process keeps its place in the group however long the store stalls. (Pausing at once
//! would be dear: librdkafka then throws away what it has fetched ahead.) On a backlog, partitions that run ahead of the
//! others in event time are paused as well (see `drift`).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::budget::Budget;
use held::Partitions;

mod drift;
mod group;
mod held;
mod lease;
mod options;
mod pending;

use group::Group;
pub use lease::{Assignee, Lease, Tenure};

/// Batches that wait for a partition's owner.
const QUEUED_BATCHES: usize = 4;
/// How long polling waits for a full queue before it pauses the partition.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often the group's offsets are told to Kafka.
const TELL: Duration = Duration::from_secs(1);
/// How often the event times of the partitions are compared.
const LEVEL: Duration = Duration::from_millis(250);
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

/// What a source may read ahead.
#[derive(Debug, Clone)]
pub struct Limits {
    /// For what is in memory and not in the tables yet.
    pub budget: Arc<Budget>,
    /// How far a partition may be ahead of the slowest in event time, microseconds; `None` for any distance.
    pub max_drift: Option<i64>,
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
    /// The group failed, or refuses our answer to what it decided.
    #[error("{0}")]
    Group(String),
}

impl KafkaSourceError {
    /// What to do about it, where known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unreachable { .. } => {
                Some("is the broker running, and is `kafka.brokers` its address as it advertises it?".into())
            }
            Self::Config(_) => Some("check [kafka.options] in coldstream.toml".into()),
            Self::Failed(_) | Self::Group(_) => None,
        }
    }
}

/// A consumer in its group.
pub struct KafkaSource {
    consumer: Arc<BaseConsumer<Group>>,
    limits: Limits,
}

impl KafkaSource {
    /// Connects, and joins the group. An unreachable broker is an error after ten seconds; a topic that does
    /// not exist yet is waited for.
    pub fn connect(
        settings: &KafkaSettings,
        limits: Limits,
        assignee: Arc<dyn Assignee>,
    ) -> Result<Self, KafkaSourceError> {
        let config: ClientConfig = options::client_config(settings);
        let group = Group::new(settings.topic.clone(), assignee);
        let consumer: BaseConsumer<Group> =
            config.create_with_context(group).map_err(KafkaSourceError::Config)?;
        let metadata = consumer
            .fetch_metadata(Some(&settings.topic), START_TIMEOUT)
            .map_err(|cause| KafkaSourceError::Unreachable { brokers: settings.brokers.clone(), cause })?;
        if metadata.topics().iter().all(|topic| topic.partitions().is_empty()) {
            tracing::warn!("topic `{}` does not exist yet: waiting for it", settings.topic);
        }
        consumer.subscribe(&[&settings.topic]).map_err(KafkaSourceError::Failed)?;
        Ok(Self { consumer: Arc::new(consumer), limits })
    }

    /// Polls until `stop` is set; every partition has finished when it returns. The group is left when the source is
    /// dropped.
    pub fn run(&self, stop: &AtomicBool) -> Result<(), KafkaSourceError> {
        let group: &Group = self.consumer.context();
        let mut partitions = Partitions::new(&self.consumer, &self.limits);
        let mut failed = None;
        let mut stopping = false;
        let mut missing = false;
        let mut rebalances = 0;
        let mut round = 0u32;
        let (mut told, mut levelled) = (Instant::now(), Instant::now());
        loop {
            if !stopping && (stop.load(Ordering::Relaxed) || failed.is_some()) {
                stopping = true;
                partitions.stop();
            }
            if stopping && partitions.is_empty() {
                break;
            }
            let polled = self.consumer.poll(Duration::from_millis(10));
            // Callbacks run inside `poll`, and note what the group has decided: it counts before the message does.
            if group.noted() != rebalances {
                rebalances = group.noted();
                while let Some(rebalance) = group.next_rebalance() {
                    note(&mut failed, partitions.rebalance(rebalance));
                }
            }
            let idle = polled.is_none();
            match polled {
                Some(Ok(message)) => {
                    missing = false;
                    partitions.take(&message);
                }
                Some(Err(error)) => match error.rdkafka_error_code() {
                    Some(RDKafkaErrorCode::AutoOffsetReset) => partitions.look(),
                    Some(RDKafkaErrorCode::UnknownTopicOrPartition) => {
                        if !std::mem::replace(&mut missing, true) {
                            let topic = &group.topic;
                            tracing::warn!("topic `{topic}` does not exist any more: waiting for it");
                        }
                    }
                    _ => failed = failed.or(fatal(error)),
                },
                None => {}
            }
            round = round.wrapping_add(1);
            if idle || round.is_multiple_of(256) {
                partitions.flush();
            }
            if idle || round.is_multiple_of(64) {
                note(&mut failed, partitions.proceed());
                if told.elapsed() >= TELL {
                    told = Instant::now();
                    group.tell(&self.consumer, CommitMode::Async, |p| partitions.is_ours(p));
                }
                if levelled.elapsed() >= LEVEL {
                    levelled = Instant::now();
                    partitions.level();
                }
                let failure = group.failure().map(KafkaSourceError::Group);
                failed = failed.or(failure);
            }
        }
        partitions.close();
        failed.map_or(Ok(()), Err)
    }
}

/// Keeps the first failure to answer the group.
fn note(failed: &mut Option<KafkaSourceError>, result: Result<(), KafkaError>) {
    if let Err(error) = result {
        failed.get_or_insert(KafkaSourceError::Group(format!("partitions cannot be assigned: {error}")));
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
