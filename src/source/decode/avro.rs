//! Avro in the registry's frame, decoded in columns by `arrow-avro`.
//!
//! All messages of a batch that have the same schema are decoded together, wherever they stand in it, with the schema
//! of their writer; only the fields that are columns of a reading are kept. A bad message spoils the decoder it was
//! given to, which then holds a part of it and cannot take it back. So what came before it is decoded once more in a
//! new one, and the rest goes on after it. What shows only when the columns are built (a text that is not UTF-8, an
//! enum's value that does not exist) is found by halving. A batch without bad messages is decoded once.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow_avro::reader::{Decoder, ReaderBuilder};
use arrow_avro::schema::{AvroSchema, Fingerprint, FingerprintAlgorithm, SchemaStore};

use super::super::dead::Reason;
use super::super::raw::RawBatch;
use super::framing::{FRAME, schema_id};
use super::row::{Fault, Key, Layout, Row};
use super::schemas::{Plans, SchemaKind, SchemaSource, WrittenSchema};

mod given;
mod resolve;

use given::given;
use resolve::resolve;

/// Messages that are decoded together at most.
const TOGETHER: usize = 65_536;
/// How much of the decoder's words is kept.
const LONGEST_DETAIL: usize = 200;

/// Reads Avro.
#[derive(Debug)]
pub(super) struct AvroReader {
    plans: Plans<Plan>,
}

/// How to decode the messages of one schema.
#[derive(Debug)]
struct Plan {
    id: u32,
    schema: String,
    /// The fields to decode, and which column each of them is.
    projection: Vec<usize>,
    keys: Arc<[Key]>,
    /// How many fields are no column.
    unknown: u64,
    /// A decoder that holds nothing.
    idle: Option<Decoder>,
}

/// The messages of a batch, decoded.
#[derive(Debug)]
pub(super) struct Rows {
    /// For each message of the batch what became of it.
    places: Vec<Place>,
    chunks: Vec<Chunk>,
}

#[derive(Debug, Clone)]
enum Place {
    /// A row of a chunk.
    Row(usize, usize),
    Fault(Fault),
}

/// Messages that were decoded together.
#[derive(Debug)]
struct Chunk {
    columns: RecordBatch,
    keys: Arc<[Key]>,
    unknown: u64,
}

/// A message and its place in the batch.
type Numbered<'a> = (usize, &'a [u8]);

/// Why messages could not be decoded together.
enum Stopped {
    /// At this one of them.
    At(usize, String),
    /// At all of them together.
    Together(String),
}

impl AvroReader {
    pub(super) fn new(source: Arc<dyn SchemaSource>) -> Self {
        Self { plans: Plans::new(source, SchemaKind::Avro) }
    }

    /// Decodes a batch.
    pub(super) fn decode(&mut self, layout: &Layout, raw: &RawBatch) -> Rows {
        let nothing = Place::Fault((Reason::NotAvro, "the message was not decoded".into()));
        let mut rows = Rows { places: vec![nothing; raw.len()], chunks: Vec::new() };
        let mut by_schema: BTreeMap<u32, Vec<Numbered>> = BTreeMap::new();
        for (nth, message) in raw.iter().enumerate() {
            match schema_id(message.payload) {
                Ok((id, _)) => by_schema.entry(id).or_default().push((nth, message.payload)),
                Err(fault) => rows.places[nth] = Place::Fault(fault),
            }
        }
        for (id, messages) in by_schema {
            match self.plans.get(id, |schema| Plan::new(id, schema, layout)) {
                Ok(plan) => messages.chunks(TOGETHER).for_each(|part| plan.decode(part, &mut rows)),
                Err(fault) => {
                    messages.iter().for_each(|&(nth, _)| rows.places[nth] = Place::Fault(fault.clone()));
                }
            }
        }
        rows
    }
}

impl Rows {
    /// Fills an empty row with the message at `nth`.
    pub(super) fn read<'a>(&'a self, layout: &Layout, nth: usize, row: &mut Row<'a>) -> Result<(), Fault> {
        let (chunk, at) = match &self.places[nth] {
            Place::Row(chunk, at) => (&self.chunks[*chunk], *at),
            Place::Fault(fault) => return Err(fault.clone()),
        };
        for (&key, column) in chunk.keys.iter().zip(chunk.columns.columns()) {
            row.set(layout, key, given(column, at))?;
        }
        row.unknown = chunk.unknown;
        Ok(())
    }
}

impl Plan {
    fn new(id: u32, schema: &WrittenSchema, layout: &Layout) -> Result<Self, String> {
        let resolved = resolve(schema)?;
        let known = |(nth, name): (usize, &String)| Some((nth, layout.key(name))).filter(is_column);
        let (projection, keys): (Vec<usize>, Vec<Key>) =
            resolved.fields.iter().enumerate().filter_map(known).unzip();
        if keys.is_empty() {
            return Err("none of its fields is a column of a reading".into());
        }
        let unknown = (resolved.fields.len() - keys.len()) as u64;
        let keys = keys.into();
        let mut plan = Self { id, schema: resolved.text, projection, keys, unknown, idle: None };
        plan.idle = Some(plan.decoder()?);
        Ok(plan)
    }

    fn decoder(&self) -> Result<Decoder, String> {
        let mut store = SchemaStore::new_with_type(FingerprintAlgorithm::Id);
        store
            .set(Fingerprint::Id(self.id), AvroSchema::new(self.schema.clone()))
            .map_err(|error| one_line(&error))?;
        ReaderBuilder::new()
            .with_writer_schema_store(store)
            .with_projection(self.projection.clone())
            // One more than is ever asked of it: a decoder that is full stops by itself.
            .with_batch_size(TOGETHER + 1)
            .build_decoder()
            .map_err(|error| one_line(&error))
    }

    /// Decodes messages of this schema, each of which ends up in `rows`.
    fn decode(&mut self, messages: &[Numbered], rows: &mut Rows) {
        let mut rest = messages;
        while !rest.is_empty() {
            match self.together(rest) {
                Ok(columns) => {
                    let chunk = rows.chunks.len();
                    for (row, (nth, _)) in rest.iter().enumerate() {
                        rows.places[*nth] = Place::Row(chunk, row);
                    }
                    rows.chunks.push(Chunk { columns, keys: Arc::clone(&self.keys), unknown: self.unknown });
                    return;
                }
                Err(Stopped::At(bad, why)) => {
                    self.decode(&rest[..bad], rows);
                    rows.places[rest[bad].0] = Place::Fault(fault(why));
                    rest = &rest[bad + 1..];
                }
                Err(Stopped::Together(why)) => match rest {
                    [(nth, _)] => {
                        rows.places[*nth] = Place::Fault(fault(why));
                        return;
                    }
                    _ => {
                        let (first, second) = rest.split_at(rest.len() / 2);
                        self.decode(first, rows);
                        rest = second;
                    }
                },
            }
        }
    }

    /// Decodes messages into one batch of columns, or none of them.
    fn together(&mut self, messages: &[Numbered]) -> Result<RecordBatch, Stopped> {
        let mut decoder = match self.idle.take() {
            Some(decoder) => decoder,
            None => self.decoder().map_err(Stopped::Together)?,
        };
        for (at, (_, payload)) in messages.iter().enumerate() {
            one(&mut decoder, payload).map_err(|why| Stopped::At(at, why))?;
        }
        let columns = decoder.flush().map_err(|error| Stopped::Together(one_line(&error)))?;
        let columns = columns.filter(|columns| columns.num_rows() == messages.len());
        let columns = columns.ok_or_else(|| Stopped::Together("it has no row".into()))?;
        self.idle = Some(decoder);
        Ok(columns)
    }
}

/// Gives a decoder one message: all of it must be one record.
fn one(decoder: &mut Decoder, payload: &[u8]) -> Result<(), String> {
    let (frame, body) = payload.split_at_checked(FRAME).ok_or("it is too short")?;
    let free = decoder.capacity();
    decoder.decode(frame).map_err(|error| one_line(&error))?;
    let taken = decoder.decode(body);
    // Where bytes are left, the decoder looks for another message in them: its error is not about this one.
    if free - decoder.capacity() > 0 && !taken.as_ref().is_ok_and(|taken| *taken == body.len()) {
        return Err("there are bytes after the record".into());
    }
    match (taken, free - decoder.capacity()) {
        (Ok(_), 1) => Ok(()),
        (Ok(_), 0) => Err("it ends before the record does".into()),
        (Ok(_), _) => Err("there are bytes after the record".into()),
        (Err(error), _) => Err(one_line(&error)),
    }
}

fn is_column(field: &(usize, Key)) -> bool {
    field.1 != Key::Unknown
}

fn fault(why: String) -> Fault {
    // Texts are checked when the columns are built.
    let reason = if why.contains("UTF") { Reason::InvalidUtf8 } else { Reason::NotAvro };
    (reason, why)
}

fn one_line(error: &dyn std::fmt::Display) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().chars().take(LONGEST_DETAIL).collect()
}

#[cfg(test)]
mod tests;
