//! JSON readings (design §7) straight into Arrow columns.
//!
//! A message is parsed once, into a row of cells that borrow from it, and only a row that is whole goes into
//! the columns; so one bad message becomes a dead letter and its neighbours are kept. There is no value tree, and
//! no look-up by name for messages that have the keys in the order of the message before.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Float64Builder, Int32Array, Int64Array, Int64Builder, RecordBatch,
    StringBuilder, TimestampMicrosecondArray,
};
use arrow::compute::kernels::cast_utils::string_to_datetime;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use chrono::Utc;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};

use super::cell::{Cell, CellSeed, Wanted};
use super::dead::{DeadLetters, Reason};
use super::raw::{RawBatch, RawMessage};
use crate::schema::{ColumnType, MACHINE_ID, ReadingSchema, TIMESTAMP};

/// 1900-01-01 and 10000-01-01, microseconds: no plant has readings outside.
const EARLIEST: i64 = -2_208_988_800_000_000;
const LATEST: i64 = 253_402_300_800_000_000;
/// How deep a message may nest; a reading does not nest at all, but may have unknown keys.
const DEEPEST: usize = 64;
/// The longest `machine_id`, in bytes.
const LONGEST_ID: usize = 256;

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

/// Decodes the messages of one topic.
#[derive(Debug)]
pub struct Decoder {
    topic: String,
    schema: SchemaRef,
    sensors: Vec<(String, ColumnType)>,
    by_name: HashMap<String, Key>,
    /// How much later than the message's own timestamp a reading may be, microseconds.
    max_skew: i64,
    /// The keys of the message before, in order.
    order: Vec<Key>,
}

/// What a key of the JSON stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Timestamp,
    MachineId,
    Sensor(usize),
    Unknown,
}

/// One message's values.
#[derive(Default)]
struct Row<'a> {
    timestamp: Cell<'a>,
    machine_id: Cell<'a>,
    sensors: Vec<Cell<'a>>,
    unknown: u64,
}

impl Decoder {
    /// A decoder for readings of `schema`; `max_skew` in microseconds.
    pub fn new(topic: &str, schema: &ReadingSchema, max_skew: i64) -> Self {
        let sensors: Vec<_> = schema.sensors().iter().map(|c| (c.name.clone(), c.kind)).collect();
        let mut by_name: HashMap<String, Key> =
            sensors.iter().enumerate().map(|(i, (name, _))| (name.clone(), Key::Sensor(i))).collect();
        by_name.insert(TIMESTAMP.into(), Key::Timestamp);
        by_name.insert(MACHINE_ID.into(), Key::MachineId);
        Self { topic: topic.into(), schema: schema.arrow(), sensors, by_name, max_skew, order: Vec::new() }
    }

    /// Schema of the readings.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Decodes messages of one Kafka partition. It fails only if Arrow does; a message never makes it fail.
    pub fn decode(&mut self, partition: i32, raw: &RawBatch) -> Result<Decoded, ArrowError> {
        let mut columns = Columns::new(&self.sensors, raw.len());
        let mut dead = DeadLetters::default();
        let mut unknown_keys = 0;
        let mut row = Row { sensors: vec![Cell::Null; self.sensors.len()], ..Row::default() };
        for message in raw.iter() {
            match self.message(&message, &mut row) {
                Ok(timestamp) => {
                    columns.push(timestamp, &row, message.offset);
                    unknown_keys += row.unknown;
                }
                Err((reason, detail)) => dead.push(&self.topic, partition, &message, reason, &detail),
            }
        }
        let reasons = dead.reasons().to_vec();
        let readings = columns.finish(&self.schema, partition)?;
        Ok(Decoded { readings, dead: dead.finish()?, reasons, unknown_keys })
    }

    /// Parses and checks one message; gives its event time.
    fn message<'a>(&mut self, message: &RawMessage<'a>, row: &mut Row<'a>) -> Result<i64, (Reason, String)> {
        if message.payload.is_empty() {
            return Err((Reason::Empty, "the message has no value".into()));
        }
        row.timestamp = Cell::Null;
        row.machine_id = Cell::Null;
        row.sensors.fill(Cell::Null);
        row.unknown = 0;
        let text = std::str::from_utf8(message.payload).map_err(|error| {
            (Reason::InvalidUtf8, format!("invalid UTF-8 at byte {}", error.valid_up_to()))
        })?;
        if nested_deeper_than(text, DEEPEST) {
            return Err((Reason::NotJson, format!("nested deeper than {DEEPEST} levels")));
        }
        let mut json = sonic_rs::Deserializer::from_json(text);
        let seed = RowSeed { decoder: self, row };
        seed.deserialize(&mut json).and_then(|()| json.end()).map_err(|error| explain(&error))?;
        let timestamp = event_time(&row.timestamp)?;
        if timestamp.saturating_sub(message.received) > self.max_skew {
            let ahead = (timestamp - message.received) / 1_000_000;
            return Err((Reason::FutureTimestamp, format!("{ahead} s ahead of the message's own time")));
        }
        match &row.machine_id {
            Cell::Null => Err((Reason::NoMachineId, "`machine_id` is missing".into())),
            Cell::Text(id) if id.is_empty() => Err((Reason::NoMachineId, "`machine_id` is empty".into())),
            Cell::Text(id) if id.len() > LONGEST_ID => {
                Err((Reason::NoMachineId, format!("`machine_id` is longer than {LONGEST_ID} bytes")))
            }
            _ => Ok(timestamp),
        }
    }

    /// What `name` stands for; `at` is its place in the message.
    fn key(&self, name: &str, at: usize) -> Key {
        if let Some(&guess) = self.order.get(at)
            && match guess {
                Key::Timestamp => name == TIMESTAMP,
                Key::MachineId => name == MACHINE_ID,
                Key::Sensor(i) => self.sensors[i].0 == name,
                Key::Unknown => false,
            }
        {
            return guess;
        }
        self.by_name.get(name).copied().unwrap_or(Key::Unknown)
    }
}

/// Event time in microseconds of what stands under `timestamp`.
fn event_time(cell: &Cell) -> Result<i64, (Reason, String)> {
    let bad = |why: String| (Reason::BadTimestamp, why);
    let micros = match cell {
        Cell::Null => return Err((Reason::NoTimestamp, "`timestamp` is missing".into())),
        Cell::Int(millis) => millis.checked_mul(1_000),
        Cell::Float(millis) if millis.is_finite() => Some((millis * 1_000.0).round() as i64),
        Cell::Text(text) => {
            // A date alone would be read as midnight, which nobody measured.
            let full = text.len() >= 19 && matches!(text.as_bytes()[10], b'T' | b't' | b' ');
            let parsed = full.then(|| string_to_datetime(&Utc, text).ok()).flatten();
            let parsed = parsed.ok_or_else(|| bad(format!("`timestamp` is no instant: {:.40}", text)))?;
            Some(parsed.timestamp_micros())
        }
        _ => None,
    };
    match micros {
        Some(micros) if (EARLIEST..LATEST).contains(&micros) => Ok(micros),
        _ => Err(bad("`timestamp` is outside the years 1900 to 9999".into())),
    }
}

/// Why a message could not be parsed. The parser adds a picture of the place below its first line.
fn explain(error: &sonic_rs::Error) -> (Reason, String) {
    let text = error.to_string().lines().next().unwrap_or_default().to_string();
    if !error.is_unmatched_type() {
        return (Reason::NotJson, text);
    }
    let reason = if text.contains(OBJECT) { Reason::NotAnObject } else { Reason::WrongType };
    (reason, text)
}

/// Whether brackets nest deeper than `limit`. The parser recurses, so without a limit a message of brackets alone
/// would end the process. Few messages have so many brackets at all; only those are looked at one by one.
fn nested_deeper_than(text: &str, limit: usize) -> bool {
    let opens = |b: &&u8| matches!(b, b'[' | b'{');
    if text.as_bytes().iter().filter(opens).count() <= limit {
        return false;
    }
    let (mut depth, mut in_text, mut escaped) = (0usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => depth += 1,
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > limit {
            return true;
        }
    }
    false
}

/// What a message must be.
const OBJECT: &str = "a JSON object";

struct RowSeed<'d, 'r, 'a> {
    decoder: &'d mut Decoder,
    row: &'r mut Row<'a>,
}

impl<'de: 'a, 'a> DeserializeSeed<'de> for RowSeed<'_, '_, 'a> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de: 'a, 'a> Visitor<'de> for RowSeed<'_, '_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(OBJECT)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut at = 0;
        while let Some(key) = map.next_key_seed(KeySeed { decoder: self.decoder, at })? {
            match key {
                Key::Timestamp => {
                    let seed = CellSeed { name: TIMESTAMP, wanted: Wanted::Instant };
                    self.row.timestamp = map.next_value_seed(seed)?;
                }
                Key::MachineId => {
                    let seed = CellSeed { name: MACHINE_ID, wanted: Wanted::Id };
                    self.row.machine_id = map.next_value_seed(seed)?;
                }
                Key::Sensor(i) => {
                    let (name, kind) = &self.decoder.sensors[i];
                    let seed = CellSeed { name, wanted: Wanted::Value(*kind) };
                    self.row.sensors[i] = map.next_value_seed(seed)?;
                }
                Key::Unknown => {
                    map.next_value::<IgnoredAny>()?;
                    self.row.unknown += 1;
                }
            }
            match self.decoder.order.get_mut(at) {
                Some(known) => *known = key,
                // A message with endless keys must not make the order endless.
                None if at <= self.decoder.sensors.len() + 16 => self.decoder.order.push(key),
                None => {}
            }
            at += 1;
        }
        Ok(())
    }
}

struct KeySeed<'d> {
    decoder: &'d Decoder,
    at: usize,
}

impl<'de> DeserializeSeed<'de> for KeySeed<'_> {
    type Value = Key;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed<'_> {
    type Value = Key;

    fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Key, E> {
        Ok(self.decoder.key(name, self.at))
    }
}

/// The columns under construction.
struct Columns {
    timestamp: Vec<i64>,
    machine_id: StringBuilder,
    sensors: Vec<SensorBuilder>,
    offset: Vec<i64>,
}

enum SensorBuilder {
    Float(Float64Builder),
    Int(Int64Builder),
    Text(StringBuilder),
    Bool(BooleanBuilder),
}

impl Columns {
    fn new(sensors: &[(String, ColumnType)], rows: usize) -> Self {
        let sensors = sensors
            .iter()
            .map(|(_, kind)| match kind {
                ColumnType::Float64 => SensorBuilder::Float(Float64Builder::with_capacity(rows)),
                ColumnType::Int64 => SensorBuilder::Int(Int64Builder::with_capacity(rows)),
                ColumnType::Text => SensorBuilder::Text(StringBuilder::with_capacity(rows, rows * 8)),
                ColumnType::Boolean => SensorBuilder::Bool(BooleanBuilder::with_capacity(rows)),
            })
            .collect();
        Self {
            timestamp: Vec::with_capacity(rows),
            machine_id: StringBuilder::with_capacity(rows, rows * 8),
            sensors,
            offset: Vec::with_capacity(rows),
        }
    }

    fn push(&mut self, timestamp: i64, row: &Row, offset: i64) {
        self.timestamp.push(timestamp);
        self.offset.push(offset);
        match &row.machine_id {
            Cell::Text(id) => self.machine_id.append_value(id),
            // A number was made text when it was read; nothing else gets here.
            _ => self.machine_id.append_value(""),
        }
        for (builder, cell) in self.sensors.iter_mut().zip(&row.sensors) {
            match (builder, cell) {
                (SensorBuilder::Float(b), Cell::Float(v)) => b.append_value(*v),
                (SensorBuilder::Int(b), Cell::Int(v)) => b.append_value(*v),
                (SensorBuilder::Text(b), Cell::Text(v)) => b.append_value(v),
                (SensorBuilder::Bool(b), Cell::Bool(v)) => b.append_value(*v),
                (SensorBuilder::Float(b), _) => b.append_null(),
                (SensorBuilder::Int(b), _) => b.append_null(),
                (SensorBuilder::Text(b), _) => b.append_null(),
                (SensorBuilder::Bool(b), _) => b.append_null(),
            }
        }
    }

    fn finish(mut self, schema: &SchemaRef, partition: i32) -> Result<RecordBatch, ArrowError> {
        let rows = self.timestamp.len();
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(TimestampMicrosecondArray::from(self.timestamp).with_timezone("UTC")),
            Arc::new(self.machine_id.finish()),
        ];
        for builder in &mut self.sensors {
            columns.push(match builder {
                SensorBuilder::Float(b) => Arc::new(b.finish()),
                SensorBuilder::Int(b) => Arc::new(b.finish()),
                SensorBuilder::Text(b) => Arc::new(b.finish()),
                SensorBuilder::Bool(b) => Arc::new(b.finish()),
            });
        }
        columns.push(Arc::new(Int32Array::from_value(partition, rows)));
        columns.push(Arc::new(Int64Array::from(self.offset)));
        RecordBatch::try_new(Arc::clone(schema), columns)
    }
}

/// A number as the text of a machine's id.
pub(super) fn id_text(number: impl std::fmt::Display) -> Cell<'static> {
    Cell::Text(Cow::Owned(number.to_string()))
}

#[cfg(test)]
mod tests;
