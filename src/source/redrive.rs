//! Sending dead letters to their topic again, once the registry knows their schemas.
//!
//! A message whose schema the registry did not know became a dead letter, and its partition went on: the order of a
//! stream is the order of its offsets, so it cannot be put in afterwards where it stood. Instead the message is sent
//! again, unchanged, to the same partition; there it gets a new offset and is a reading like any other, in the tables,
//! in the windows (or too late for them) and in a backtest.
//!
//! **Once.** Each copy carries the offset of its original in a header, [`HEADER`]. Before anything is sent the
//! partition is read from the oldest of the messages to its end, and what has a copy is left out. Kafka forgets from the
//! beginning, so as long as the original is there, its copies are; what is not there any more is not sent. So it may be
//! broken off and called again at any time, but not twice at once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers, Message, OwnedHeaders};
use rdkafka::{Offset, TopicPartitionList};

use super::kafka::KafkaSettings;
use super::produce::{ProduceError, Producer, ProducerOptions};

/// The header of a message that was sent again: the offset of the original in the same partition, as text.
pub const HEADER: &str = "coldstream-redriven";

/// How long a broker may take for one answer.
const ANSWER: Duration = Duration::from_secs(10);
/// How long nothing may come of what is there.
const SILENCE: Duration = Duration::from_secs(30);

/// A dead letter that can be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Letter {
    /// Where it is.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
    /// Its Kafka timestamp, milliseconds since 1970.
    pub sent: i64,
    /// Length of its payload, bytes.
    pub bytes: usize,
}

/// What became of the letters.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Redriven {
    /// Sent now; in a dry run: that would be sent.
    pub sent: u64,
    /// Sent by an earlier call.
    pub before: u64,
    /// Not in the topic any more.
    pub gone: u64,
}

/// Why letters could not be sent again.
#[derive(Debug, thiserror::Error)]
pub enum RedriveError {
    /// The topic cannot be read.
    #[error("topic `{topic}` at {brokers} cannot be read: {cause}")]
    Read {
        /// The topic.
        topic: String,
        /// The brokers as configured.
        brokers: String,
        /// What the client library says.
        cause: KafkaError,
    },
    /// Messages that must be there do not come.
    #[error("topic `{topic}`: nothing came of partition {partition} within {} s", SILENCE.as_secs())]
    Silent {
        /// The topic.
        topic: String,
        /// A partition of which messages are missing.
        partition: i32,
    },
    /// It cannot be written.
    #[error(transparent)]
    Send(#[from] ProduceError),
}

impl RedriveError {
    /// What to do about it, where known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Read { .. } => Some("is the broker running, and is `kafka.brokers` its address?".into()),
            Self::Silent { .. } => Some("look at the broker's log, and call this again".into()),
            Self::Send(error) => error.hint(),
        }
    }
}

/// Sends letters again that were not sent again before. Blocks.
pub fn redrive(settings: &KafkaSettings, letters: &[Letter], dry: bool) -> Result<Redriven, RedriveError> {
    let mut outcome = Redriven::default();
    let topic = Topic::connect(settings)?;
    let mut open: BTreeMap<(i32, i64), &Letter> = BTreeMap::new();
    let mut spans: BTreeMap<i32, Span> = BTreeMap::new();
    for letter in letters {
        let span = match spans.entry(letter.partition) {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::btree_map::Entry::Vacant(entry) => entry.insert(topic.span(letter.partition)?),
        };
        if (span.first..span.end).contains(&letter.offset) {
            span.from = span.from.min(letter.offset);
            open.insert((letter.partition, letter.offset), letter);
        } else {
            outcome.gone += 1;
        }
    }
    spans.retain(|_, span| span.from < span.end);
    let mut done = BTreeSet::new();
    topic.read(&spans, |message| {
        done.extend(original(message).map(|offset| (message.partition(), offset)));
        Ok(())
    })?;
    let all = open.len();
    open.retain(|place, _| !done.contains(place));
    outcome.before = (all - open.len()) as u64;
    if open.is_empty() {
        return Ok(outcome);
    }
    let mut producer = match dry {
        true => None,
        false => {
            let options = ProducerOptions { client: settings.options.clone(), ..ProducerOptions::default() };
            Some(Producer::connect(&settings.brokers, &settings.topic, &options)?)
        }
    };
    topic.read(&spans, |message| {
        let Some(letter) = open.get(&(message.partition(), message.offset())) else { return Ok(()) };
        // A topic that was made anew has other messages at the same offsets.
        if message.timestamp().to_millis() != Some(letter.sent) || message.payload_len() != letter.bytes {
            return Ok(());
        }
        outcome.sent += 1;
        match &mut producer {
            Some(producer) => Ok(producer.resend(message, marked(message))?),
            None => Ok(()),
        }
    })?;
    outcome.gone += open.len() as u64 - outcome.sent;
    if let Some(producer) = producer {
        producer.finish()?;
    }
    Ok(outcome)
}

/// The headers of a message and the one that says what it is a copy of.
fn marked(message: &BorrowedMessage) -> OwnedHeaders {
    let mut headers = OwnedHeaders::new();
    for header in message.headers().into_iter().flat_map(|headers| headers.iter()) {
        // A copy of a copy is told apart by the copy.
        if header.key != HEADER {
            headers = headers.insert(header);
        }
    }
    let offset = message.offset().to_string();
    headers.insert(rdkafka::message::Header { key: HEADER, value: Some(&offset) })
}

/// The offset of what a message is a copy of.
fn original(message: &BorrowedMessage) -> Option<i64> {
    let headers = message.headers()?;
    let header = headers.iter().find(|header| header.key == HEADER)?;
    std::str::from_utf8(header.value?).ok()?.parse().ok()
}

/// What a partition holds, and from where it is read.
#[derive(Debug, Clone, Copy)]
struct Span {
    first: i64,
    from: i64,
    end: i64,
}

struct Topic<'a> {
    consumer: BaseConsumer,
    settings: &'a KafkaSettings,
}

impl<'a> Topic<'a> {
    fn connect(settings: &'a KafkaSettings) -> Result<Self, RedriveError> {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &settings.brokers)
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("receive.message.max.bytes", "134217728");
        for (key, value) in &settings.options {
            config.set(key, value);
        }
        // The client wants a name; partitions are assigned by hand, so the group is not joined.
        config.set("group.id", &settings.group);
        let failed = |cause| Self::failed(settings, cause);
        Ok(Self { consumer: config.create().map_err(failed)?, settings })
    }

    fn failed(settings: &KafkaSettings, cause: KafkaError) -> RedriveError {
        let (topic, brokers) = (settings.topic.clone(), settings.brokers.clone());
        RedriveError::Read { topic, brokers, cause }
    }

    fn span(&self, partition: i32) -> Result<Span, RedriveError> {
        let (first, end) = self
            .consumer
            .fetch_watermarks(&self.settings.topic, partition, ANSWER)
            .map_err(|cause| Self::failed(self.settings, cause))?;
        Ok(Span { first, from: end, end })
    }

    /// Hands on every message of the spans.
    fn read(
        &self,
        spans: &BTreeMap<i32, Span>,
        mut take: impl FnMut(&BorrowedMessage) -> Result<(), RedriveError>,
    ) -> Result<(), RedriveError> {
        let failed = |cause| Self::failed(self.settings, cause);
        let mut list = TopicPartitionList::new();
        for (&partition, span) in spans {
            let from = Offset::Offset(span.from);
            list.add_partition_offset(&self.settings.topic, partition, from).map_err(failed)?;
        }
        self.consumer.assign(&list).map_err(failed)?;
        let mut open: BTreeMap<i32, i64> =
            spans.iter().map(|(partition, span)| (*partition, span.end)).collect();
        let mut heard = Instant::now();
        while let Some((&partition, _)) = open.first_key_value() {
            match self.consumer.poll(Duration::from_millis(200)) {
                Some(Ok(message)) => {
                    heard = Instant::now();
                    let partition = message.partition();
                    let Some(&end) = open.get(&partition) else { continue };
                    if message.offset() < end {
                        take(&message)?;
                    }
                    if message.offset() + 1 >= end {
                        open.remove(&partition);
                    }
                }
                // The last offset may be the end of a transaction, which is no message.
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    open.remove(&partition);
                }
                // The client repairs what it can; what it cannot shows in the silence.
                Some(Err(error)) => tracing::debug!(target: "kafka", "{error}"),
                None if heard.elapsed() < SILENCE => {}
                None => return Err(RedriveError::Silent { topic: self.settings.topic.clone(), partition }),
            }
        }
        self.consumer.unassign().map_err(failed)
    }
}

#[cfg(test)]
mod tests;
