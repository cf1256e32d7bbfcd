//! Messages that are not readings: one row of `dead_letters` each, with the reason.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, Int32Builder, Int64Builder, RecordBatch, StringBuilder,
    TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;

use super::raw::RawMessage;
use crate::schema::{KAFKA_OFFSET, KAFKA_PARTITION, TIMESTAMP, timestamp_type};

/// How much of a message is kept.
pub const KEPT_BYTES: usize = 64 * 1024;

/// Why a message is not a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// The message has no value.
    Empty,
    /// A text in it, or all of it, is not UTF-8.
    InvalidUtf8,
    /// It is not JSON.
    NotJson,
    /// It is JSON, but not an object.
    NotAnObject,
    /// It does not begin as a message of the schema registry does: with a zero and a schema id.
    NotFramed,
    /// The registry does not know its schema id.
    UnknownSchema,
    /// Its schema is of another format, or no reading can have it.
    UnusableSchema,
    /// It is not Avro of its schema.
    NotAvro,
    /// It is not Protobuf of its schema.
    NotProtobuf,
    /// `timestamp` is missing or null.
    NoTimestamp,
    /// `timestamp` is not an instant: no known form, or a date that does not exist.
    BadTimestamp,
    /// `machine_id` is missing, null, empty or too long.
    NoMachineId,
    /// A value has another type than its column.
    WrongType,
    /// Its time is later than the message's own by more than `max_skew`.
    FutureTimestamp,
}

impl Reason {
    /// The word in the table's column `reason`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::NotJson => "not_json",
            Self::NotAnObject => "not_an_object",
            Self::NotFramed => "not_framed",
            Self::UnknownSchema => "unknown_schema",
            Self::UnusableSchema => "unusable_schema",
            Self::NotAvro => "not_avro",
            Self::NotProtobuf => "not_protobuf",
            Self::NoTimestamp => "no_timestamp",
            Self::BadTimestamp => "bad_timestamp",
            Self::NoMachineId => "no_machine_id",
            Self::WrongType => "wrong_type",
            Self::FutureTimestamp => "future_timestamp",
        }
    }
}

/// Schema of `dead_letters`. `timestamp` is that of the Kafka message; `payload` its first 64 KiB,
/// `payload_bytes` its whole length.
pub fn dead_letter_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new(TIMESTAMP, timestamp_type(), false),
        Field::new("reason", DataType::Utf8, false),
        Field::new("detail", DataType::Utf8, false),
        Field::new("payload", DataType::Binary, false),
        Field::new("payload_bytes", DataType::Int64, false),
        Field::new("topic", DataType::Utf8, false),
        Field::new(KAFKA_PARTITION, DataType::Int32, false),
        Field::new(KAFKA_OFFSET, DataType::Int64, false),
    ]))
}

/// Rows of `dead_letters` under construction.
#[derive(Debug)]
pub struct DeadLetters {
    timestamp: TimestampMicrosecondBuilder,
    reason: StringBuilder,
    detail: StringBuilder,
    payload: BinaryBuilder,
    payload_bytes: Int64Builder,
    topic: StringBuilder,
    partition: Int32Builder,
    offset: Int64Builder,
    reasons: Vec<Reason>,
}

impl Default for DeadLetters {
    fn default() -> Self {
        Self {
            timestamp: TimestampMicrosecondBuilder::new().with_timezone("UTC"),
            reason: StringBuilder::new(),
            detail: StringBuilder::new(),
            payload: BinaryBuilder::new(),
            payload_bytes: Int64Builder::new(),
            topic: StringBuilder::new(),
            partition: Int32Builder::new(),
            offset: Int64Builder::new(),
            reasons: Vec::new(),
        }
    }
}

impl DeadLetters {
    /// Notes one message.
    pub fn push(&mut self, topic: &str, partition: i32, message: &RawMessage, reason: Reason, detail: &str) {
        self.timestamp.append_value(message.received);
        self.reason.append_value(reason.as_str());
        self.detail.append_value(detail);
        self.payload.append_value(&message.payload[..message.payload.len().min(KEPT_BYTES)]);
        self.payload_bytes.append_value(message.payload.len() as i64);
        self.topic.append_value(topic);
        self.partition.append_value(partition);
        self.offset.append_value(message.offset);
        self.reasons.push(reason);
    }

    /// The reason of each row so far.
    pub fn reasons(&self) -> &[Reason] {
        &self.reasons
    }

    /// The rows, or `None` where there is none.
    pub fn finish(mut self) -> Result<Option<RecordBatch>, ArrowError> {
        if self.reasons.is_empty() {
            return Ok(None);
        }
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.timestamp.finish()),
            Arc::new(self.reason.finish()),
            Arc::new(self.detail.finish()),
            Arc::new(self.payload.finish()),
            Arc::new(self.payload_bytes.finish()),
            Arc::new(self.topic.finish()),
            Arc::new(self.partition.finish()),
            Arc::new(self.offset.finish()),
        ];
        RecordBatch::try_new(dead_letter_schema(), columns).map(Some)
    }
}
