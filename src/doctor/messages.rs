//! The newest message of each partition: how old it is, and whether it is a reading.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::TimestampMicrosecondType;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};
use tokio::runtime::Handle;

use super::kafka::Offsets;
use super::{Finding, span};
use crate::schema::{MACHINE_ID, ReadingSchema, TIMESTAMP};
use crate::source::dead::Reason;
use crate::source::decode::schema_ids;
use crate::source::input::Input;
use crate::source::kafka::KafkaSettings;
use crate::source::raw::RawBatch;

const CHECK: &str = "messages";
/// A live plant's newest message is not older, microseconds.
const OLD: i64 = 300_000_000;

const SEND_A_TIME: &str = "send `timestamp` as RFC 3339 (2024-01-15T10:30:00Z) or as milliseconds since 1970";

/// What the messages should be.
#[derive(Debug)]
pub(super) struct Expected {
    pub(super) schema: ReadingSchema,
    /// How they are written, where that could be found out.
    pub(super) input: Option<Input>,
    /// How far they may be ahead of their own time, microseconds.
    pub(super) max_skew: i64,
}

/// The newest message of each partition that has one.
#[derive(Debug, Default)]
pub(super) struct Newest {
    messages: BTreeMap<i32, Raw>,
    /// Why some are missing.
    error: Option<String>,
}

#[derive(Debug, Clone)]
struct Raw {
    payload: Vec<u8>,
    offset: i64,
    /// The message's own time, microseconds since the epoch.
    sent: i64,
}

impl Newest {
    /// Reads them, within `limit`.
    pub(super) fn read<C: ConsumerContext>(
        consumer: &BaseConsumer<C>,
        topic: &str,
        offsets: &BTreeMap<i32, Offsets>,
        limit: Duration,
    ) -> Self {
        let mut newest = Self::default();
        let mut open: Vec<i32> =
            offsets.iter().filter(|(_, held)| held.end > held.begin).map(|(id, _)| *id).collect();
        let assigned = assign(consumer, topic, &open, offsets);
        let began = Instant::now();
        if let Err(error) = assigned {
            newest.error = Some(error.to_string());
        }
        while newest.error.is_none() && !open.is_empty() {
            match consumer.poll(limit.saturating_sub(began.elapsed())) {
                Some(Ok(message)) => {
                    open.retain(|id| *id != message.partition());
                    let raw = Raw {
                        payload: message.payload().unwrap_or_default().to_vec(),
                        offset: message.offset(),
                        sent: message.timestamp().to_millis().unwrap_or_default() * 1_000,
                    };
                    newest.messages.insert(message.partition(), raw);
                }
                // The last offset of a partition may be the end of a transaction, which is no message.
                Some(Err(KafkaError::PartitionEOF(partition))) => open.retain(|id| *id != partition),
                // The client repairs what it can; what it cannot shows in the time.
                Some(Err(error)) => tracing::debug!(target: "kafka", "{error}"),
                None if began.elapsed() < limit => {}
                None => newest.error = Some(format!("nothing came within {} s", limit.as_secs())),
            }
        }
        newest
    }

    /// Asks the schema registry, where there is one, for the schemas of the messages; gives how they are to be read, or
    /// nothing if it does not answer.
    pub(super) fn learn<'e>(&self, expected: &'e Expected, runtime: &Handle) -> Option<&'e Input> {
        let input = expected.input.as_ref()?;
        let Some(registry) = input.registry() else { return Some(input) };
        let mut batch = RawBatch::default();
        self.messages.values().for_each(|raw| batch.push(&raw.payload, raw.offset, raw.sent));
        runtime.block_on(registry.learn(&schema_ids(&batch))).ok().map(|()| input)
    }

    /// Adds the message at the beginning of a partition.
    #[cfg(test)]
    pub(super) fn add(&mut self, partition: i32, payload: &[u8], sent: i64) {
        self.messages.insert(partition, Raw { payload: payload.to_vec(), offset: 0, sent });
    }

    /// When the newest of all was sent, microseconds since the epoch.
    pub(super) fn sent(&self) -> Option<i64> {
        self.messages.values().map(|raw| raw.sent).max()
    }
}

fn assign<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topic: &str,
    partitions: &[i32],
    offsets: &BTreeMap<i32, Offsets>,
) -> KafkaResult<()> {
    let mut list = TopicPartitionList::new();
    for partition in partitions {
        if let Some(held) = offsets.get(partition) {
            list.add_partition_offset(topic, *partition, Offset::Offset(held.end - 1))?;
        }
    }
    consumer.assign(&list)
}

/// What the newest message of all shows, and whether those of other partitions are worse.
pub(super) fn messages(
    newest: &Newest,
    settings: &KafkaSettings,
    expected: &Expected,
    input: &Input,
    offsets: &BTreeMap<i32, Offsets>,
) -> Vec<Finding> {
    if let Some(error) = &newest.error {
        let cure = "look at the broker's log, and at what is between it and this machine";
        let seen = format!("the newest cannot be read: {error}");
        return vec![Finding::failure(CHECK, seen, Some(cure.into()))];
    }
    let stored: i64 = offsets.values().map(|held| held.end - held.begin).sum();
    let mut by_age: Vec<_> = newest.messages.iter().collect();
    by_age.sort_by_key(|(_, raw)| -raw.sent);
    let Some(((partition, raw), others)) = by_age.split_first() else {
        let url = format!("kafka://{}/{}", settings.brokers, settings.topic);
        let cure =
            format!("start what sends the readings, or try `coldstream simulate --realtime --out {url}`");
        return vec![Finding::warning(CHECK, format!("there is none in `{}`", settings.topic), Some(cure))];
    };
    let judge = |partition: i32, raw: &Raw| verdict(&settings.topic, expected, input, partition, raw);
    let age = chrono::Utc::now().timestamp_micros() - raw.sent;
    let old = span(age.max(0));
    let place = format!("the newest of {stored} (partition {partition}, offset {}, {old} old)", raw.offset);
    let first = match judge(**partition, raw) {
        Err((reason, detail)) => {
            let seen = format!("{place} is no reading: {detail}; it becomes a row of `dead_letters`");
            Finding::failure(CHECK, seen, reason.map(|reason| cure(reason, &detail)))
        }
        Ok(reading) if age > OLD => {
            let cure =
                "nothing new arrives: is what sends the readings running, and does it send to this topic?";
            Finding::warning(CHECK, format!("{place} is a reading of {reading}"), Some(cure.into()))
        }
        Ok(reading) => Finding::ok(CHECK, format!("{place} is a reading of {reading}")),
    };
    let bad = others.iter().find_map(|(partition, raw)| {
        let (reason, detail) = judge(**partition, raw).err()?;
        let seen =
            format!("the newest of partition {partition}, offset {}, is no reading: {detail}", raw.offset);
        Some(Finding::warning(CHECK, seen, reason.map(|reason| cure(reason, &detail))))
    });
    std::iter::once(first).chain(bad).collect()
}

/// Whose reading a message is and of when, or why it is none. Decoded as the worker does it.
fn verdict(
    topic: &str,
    expected: &Expected,
    input: &Input,
    partition: i32,
    raw: &Raw,
) -> Result<String, (Option<Reason>, String)> {
    let mut batch = RawBatch::default();
    batch.push(&raw.payload, raw.offset, raw.sent);
    let decoded = input.decoder(topic, &expected.schema, expected.max_skew).decode(partition, &batch);
    let decoded = decoded.map_err(|error| (None, error.to_string()))?;
    match decoded.dead {
        Some(dead) => {
            let detail = dead.column_by_name("detail").map(|column| column.as_string::<i32>().value(0));
            Err((decoded.reasons.first().copied(), detail.unwrap_or_default().to_owned()))
        }
        None => Ok(reading(&decoded.readings)),
    }
}

fn reading(readings: &RecordBatch) -> String {
    let machine = readings.column_by_name(MACHINE_ID).map(|column| column.as_string::<i32>().value(0));
    let time = readings.column_by_name(TIMESTAMP).and_then(|column| {
        chrono::DateTime::from_timestamp_micros(column.as_primitive::<TimestampMicrosecondType>().value(0))
    });
    let time = time.map_or_else(String::new, |time| time.format(", %Y-%m-%d %H:%M:%S UTC").to_string());
    format!("machine {}{time}", machine.unwrap_or_default())
}

/// What the sender has to change.
fn cure(reason: Reason, detail: &str) -> String {
    // A time that is a JSON object, as MongoDB exports it, is a wrong type to the decoder.
    let no_time = detail.contains("expected a time");
    let cure = match reason {
        Reason::WrongType if no_time => SEND_A_TIME,
        Reason::Empty => "a message's value is the reading; the key alone is not enough",
        Reason::InvalidUtf8 | Reason::NotJson | Reason::NotAnObject => {
            "send one JSON object a message, as UTF-8: {\"timestamp\":\"2024-01-15T10:30:00Z\",\"machine_id\":1,…}; \
             files of other forms go through `coldstream ingest --map`"
        }
        Reason::NotFramed => {
            "send it with a serializer of the schema registry, or set `kafka.format` to what is sent (json, avro, protobuf)"
        }
        Reason::UnknownSchema => {
            "register the schema with the registry of [schema_registry], or name the registry that the senders use; then \
             `coldstream redrive` sends such messages again"
        }
        Reason::UnusableSchema => {
            "the schema must be a record (Avro) or a message (Protobuf) with `timestamp` and `machine_id`, in the language \
             that `kafka.format` names"
        }
        Reason::NotAvro | Reason::NotProtobuf => {
            "write each message with the very schema whose id stands before it"
        }
        Reason::NoTimestamp | Reason::BadTimestamp => SEND_A_TIME,
        Reason::NoMachineId => "send `machine_id`, a number or a text",
        Reason::WrongType => "send numbers as numbers; a sensor of its own is declared under [[columns]]",
        Reason::FutureTimestamp => {
            "a time without a zone is read as UTC: send UTC, or the zone with it (2024-01-15T10:30:00+01:00); for a clock \
             that is wrong, set it, or raise `dataflow.max_skew`"
        }
    };
    cure.into()
}
