//! Messages into Arrow columns: JSON (design §7), Avro and Protobuf.
//!
//! Whatever the format, a message becomes a row of cells that borrow from it, the row is checked, and only one
//! that is whole goes into the columns; so one bad message becomes a dead letter and its neighbours are kept. The
//! formats differ in how they fill the row:
//!
//! - JSON is parsed once, without a value tree, straight from the message;
//! - Avro is decoded in columns by `arrow-avro`, all messages of one schema together, and the rows are read from those;
//! - Protobuf is walked field by field, by the numbers that its schema gives to the columns.
//!
//! Nothing here does I/O. What a schema id means is asked of a [`SchemaSource`]; the shell around the decoder has made
//! sure before that the source knows all that can be known ([`schema_ids`]).

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;

use super::cell::Cell;
use super::dead::{DeadLetters, Reason};
use super::raw::{RawBatch, RawMessage};
use crate::schema::ReadingSchema;

mod avro;
mod columns;
mod framing;
mod json;
mod protobuf;
mod row;
pub mod schemas;

use avro::AvroReader;
use columns::Columns;
use json::JsonReader;
use protobuf::ProtobufReader;
use row::{Fault, Layout, Row};

pub use framing::schema_ids;
pub use protobuf::Absent;
pub use schemas::SchemaSource;

/// What a batch of messages became.
#[derive(Debug)]
pub struct Decoded {
    /// The readings, in the order of their offsets.
    pub readings: RecordBatch,
    /// The messages that are none.
    pub dead: Option<RecordBatch>,
    /// Why, one reason for each row of `dead`.
    pub reasons: Vec<Reason>,
    /// Keys that are no column, ignored.
    pub unknown_keys: u64,
}

/// How the messages of a topic are written.
#[derive(Debug, Clone, Default)]
pub enum Encoding {
    /// One JSON object a message; the registry's frame before it is skipped where there is one.
    #[default]
    Json,
    /// Avro in the registry's frame.
    Avro(Arc<dyn SchemaSource>),
    /// Protobuf in the registry's frame.
    Protobuf(Arc<dyn SchemaSource>, Absent),
}

/// Decodes the messages of one topic.
#[derive(Debug)]
pub struct Decoder {
    topic: String,
    layout: Layout,
    /// How much later than the message's own timestamp a reading may be, microseconds.
    max_skew: i64,
    reader: Reader,
}

#[derive(Debug)]
enum Reader {
    Json(JsonReader),
    Avro(AvroReader),
    Protobuf(ProtobufReader),
}

impl Decoder {
    /// A decoder of JSON for readings of `schema`; `max_skew` in microseconds.
    pub fn new(topic: &str, schema: &ReadingSchema, max_skew: i64) -> Self {
        Self::with_encoding(topic, schema, max_skew, &Encoding::Json)
    }

    /// [`Self::new`] for messages of any format.
    pub fn with_encoding(topic: &str, schema: &ReadingSchema, max_skew: i64, encoding: &Encoding) -> Self {
        let reader = match encoding {
            Encoding::Json => Reader::Json(JsonReader::default()),
            Encoding::Avro(source) => Reader::Avro(AvroReader::new(Arc::clone(source))),
            Encoding::Protobuf(source, absent) => {
                Reader::Protobuf(ProtobufReader::new(Arc::clone(source), *absent))
            }
        };
        Self { topic: topic.into(), layout: Layout::new(schema), max_skew, reader }
    }

    /// Schema of the readings.
    pub fn schema(&self) -> &SchemaRef {
        &self.layout.schema
    }

    /// Decodes messages of one Kafka partition. It fails only if Arrow does; a message never makes it fail.
    pub fn decode(&mut self, partition: i32, raw: &RawBatch) -> Result<Decoded, ArrowError> {
        let Self { topic, layout, max_skew, reader } = self;
        let gather = Gather { topic, layout, max_skew: *max_skew, partition, raw };
        match reader {
            Reader::Json(json) => gather.rows(|_, message, row| json.read(layout, message.payload, row)),
            Reader::Avro(avro) => {
                let decoded = avro.decode(layout, raw);
                gather.rows(|nth, _, row| decoded.read(layout, nth, row))
            }
            Reader::Protobuf(protobuf) => {
                gather.rows(|_, message, row| protobuf.read(layout, message.payload, row))
            }
        }
    }
}

/// What is the same for all formats.
struct Gather<'d, 'a> {
    topic: &'d str,
    layout: &'d Layout,
    max_skew: i64,
    partition: i32,
    raw: &'a RawBatch,
}

impl<'a> Gather<'_, 'a> {
    /// Builds the columns. `read` fills the row of a message, which it is given with its place in the batch.
    fn rows(
        self,
        mut read: impl FnMut(usize, &RawMessage<'a>, &mut Row<'a>) -> Result<(), Fault>,
    ) -> Result<Decoded, ArrowError> {
        let mut columns = Columns::new(&self.layout.sensors, self.raw.len());
        let mut dead = DeadLetters::default();
        let mut unknown_keys = 0;
        let mut row = Row { sensors: vec![Cell::Null; self.layout.sensors.len()], ..Row::default() };
        for (nth, message) in self.raw.iter().enumerate() {
            row.clear();
            let read = if message.payload.is_empty() {
                Err((Reason::Empty, "the message has no value".into()))
            } else {
                read(nth, &message, &mut row)
            };
            match read.and_then(|()| row.check(message.received, self.max_skew)) {
                Ok(timestamp) => {
                    columns.push(timestamp, &row, message.offset);
                    unknown_keys += row.unknown;
                }
                Err((reason, detail)) => dead.push(self.topic, self.partition, &message, reason, &detail),
            }
        }
        let reasons = dead.reasons().to_vec();
        let readings = columns.finish(&self.layout.schema, self.partition)?;
        Ok(Decoded { readings, dead: dead.finish()?, reasons, unknown_keys })
    }
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
