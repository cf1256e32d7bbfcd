//! The state of a partition as pieces of bytes, of which only what changed is written again.
//!
//! The format, and why it is so: `docs/checkpoint-format.md`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::error::DataflowError;
use super::operator::{Chunk, OperatorState};

/// Version of the format.
pub const STATE_FORMAT: u32 = 2;
/// First column of a part: the number of the chunk.
const CHUNK: &str = "chunk";
/// Parts beyond which all chunks are written into one.
const MOST_PARTS: usize = 32;
/// Dead bytes below which it is not worth while.
const LEAST_DEAD: u64 = 64 * 1024;

/// One piece of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatePart {
    /// By which it is found again.
    pub name: String,
    /// What it holds.
    pub content: Content,
}

/// What a piece of a checkpoint holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Belongs to this checkpoint alone.
    Fresh(Bytes),
    /// Written now, and may be kept by later checkpoints.
    Lasting(Bytes),
    /// As an earlier checkpoint wrote it.
    Kept,
}

/// A checkpoint as a store holds it, after `parts` have been put over the one `before`.
///
/// # Errors
/// [`DataflowError::State`] for a piece that is to be kept and was never there.
pub fn stored(
    before: &[(String, Bytes)],
    parts: Vec<StatePart>,
) -> Result<Vec<(String, Bytes)>, DataflowError> {
    let part = |part: StatePart| match part.content {
        Content::Fresh(bytes) | Content::Lasting(bytes) => Ok((part.name, bytes)),
        Content::Kept => match before.iter().find(|(name, _)| *name == part.name) {
            Some((_, bytes)) => Ok((part.name, bytes.clone())),
            None => Err(unreadable(&part.name, "it was never written")),
        },
    };
    parts.into_iter().map(part).collect()
}

/// An error of the piece `name`.
pub(super) fn unreadable(name: &str, cause: impl std::fmt::Display) -> DataflowError {
    DataflowError::State { stream: name.to_string(), message: cause.to_string() }
}

/// Which parts of an operator's state are in the store, and what of them is alive.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    next: u64,
    parts: BTreeMap<u64, Part>,
}

#[derive(Debug)]
struct Part {
    bytes: u64,
    /// Length of each chunk that is alive.
    chunks: BTreeMap<i64, u64>,
}

#[derive(Serialize, Deserialize)]
struct Index {
    marks: serde_json::Value,
    next: u64,
    parts: Vec<(u64, Vec<i64>)>,
}

impl Ledger {
    /// Whether the next state should be asked for in full.
    pub(super) fn wants_all(&self) -> bool {
        let whole: u64 = self.parts.values().map(|part| part.bytes).sum();
        let alive: u64 = self.parts.values().flat_map(|part| part.chunks.values()).sum();
        let dead = whole.saturating_sub(alive);
        self.parts.len() >= MOST_PARTS || (dead > LEAST_DEAD && dead > alive)
    }

    /// The pieces of the operator's state. Its chunks have `schema`.
    pub(super) fn write(
        &mut self,
        name: &str,
        schema: &SchemaRef,
        state: OperatorState,
    ) -> Result<Vec<StatePart>, DataflowError> {
        for part in self.parts.values_mut() {
            part.chunks.retain(|chunk, _| matches!(state.chunks.get(chunk), Some(Chunk::Unchanged)));
        }
        self.parts.retain(|_, part| !part.chunks.is_empty());
        let alive: BTreeSet<i64> = self.parts.values().flat_map(|part| part.chunks.keys().copied()).collect();
        let mut pieces: Vec<StatePart> = Vec::new();
        pieces.extend(
            self.parts
                .keys()
                .map(|number| StatePart { name: part_name(name, *number), content: Content::Kept }),
        );
        let mut changed = Vec::new();
        for (number, chunk) in state.chunks {
            match chunk {
                Chunk::Changed(batch) => changed.push((number, batch)),
                Chunk::Unchanged if alive.contains(&number) => {}
                Chunk::Unchanged => {
                    return Err(unreadable(name, format!("chunk {number} was never written")));
                }
            }
        }
        if !changed.is_empty() {
            let (bytes, lengths) = encode(schema, &changed)?;
            let part = Part { bytes: bytes.len() as u64, chunks: lengths };
            self.parts.insert(self.next, part);
            pieces.push(StatePart { name: part_name(name, self.next), content: Content::Lasting(bytes) });
            self.next += 1;
        }
        let parts = self.parts.iter().map(|(number, part)| (*number, part.chunks.keys().copied().collect()));
        let index = Index { marks: state.marks, next: self.next, parts: parts.collect() };
        let index = serde_json::to_vec(&index).map_err(|e| unreadable(name, e))?;
        pieces.push(StatePart { name: name.to_string(), content: Content::Fresh(index.into()) });
        Ok(pieces)
    }

    /// Reads an operator's marks and chunks back from the pieces of a checkpoint.
    pub(super) fn read(
        name: &str,
        schema: &SchemaRef,
        pieces: &HashMap<&str, &Bytes>,
    ) -> Result<(Self, serde_json::Value, BTreeMap<i64, RecordBatch>), DataflowError> {
        let find = |name: &str| pieces.get(name).copied().ok_or_else(|| unreadable(name, "it is missing"));
        let index: Index = serde_json::from_slice(find(name)?).map_err(|e| unreadable(name, e))?;
        let mut ledger = Self { next: index.next, parts: BTreeMap::new() };
        let mut chunks = BTreeMap::new();
        for (number, alive) in index.parts {
            let name = part_name(name, number);
            let bytes = find(&name)?;
            let mut found = decode(&name, schema, bytes)?;
            let mut lengths = BTreeMap::new();
            for chunk in alive {
                let (batch, length) = found
                    .remove(&chunk)
                    .ok_or_else(|| unreadable(&name, format!("it has no chunk {chunk}")))?;
                chunks.insert(chunk, batch);
                lengths.insert(chunk, length);
            }
            ledger.parts.insert(number, Part { bytes: bytes.len() as u64, chunks: lengths });
        }
        Ok((ledger, index.marks, chunks))
    }
}

fn part_name(name: &str, number: u64) -> String {
    format!("{name}#{number}")
}

fn part_schema(schema: &SchemaRef) -> SchemaRef {
    let mut fields = vec![Arc::new(Field::new(CHUNK, DataType::Int64, false))];
    fields.extend(schema.fields().iter().cloned());
    Arc::new(Schema::new(fields))
}

/// An IPC stream of the chunks, and the length of each.
fn encode(
    schema: &SchemaRef,
    chunks: &[(i64, RecordBatch)],
) -> Result<(Bytes, BTreeMap<i64, u64>), DataflowError> {
    let schema = part_schema(schema);
    let mut writer = StreamWriter::try_new(Vec::new(), &schema)?;
    let mut lengths = BTreeMap::new();
    for (number, chunk) in chunks {
        let before = writer.get_ref().len();
        let mut columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from_value(*number, chunk.num_rows()))];
        columns.extend(chunk.columns().iter().cloned());
        writer.write(&RecordBatch::try_new(Arc::clone(&schema), columns)?)?;
        lengths.insert(*number, (writer.get_ref().len() - before) as u64);
    }
    Ok((Bytes::from(writer.into_inner()?), lengths))
}

/// The chunks of a part, without their numbers, and about how long each is.
fn decode(
    name: &str,
    schema: &SchemaRef,
    bytes: &Bytes,
) -> Result<HashMap<i64, (RecordBatch, u64)>, DataflowError> {
    let reader = StreamReader::try_new(bytes.as_ref(), None).map_err(|e| unreadable(name, e))?;
    if reader.schema().fields() != part_schema(schema).fields() {
        return Err(unreadable(name, "its columns are not those of the query"));
    }
    let batches = reader.collect::<Result<Vec<_>, _>>().map_err(|e| unreadable(name, e))?;
    let share = bytes.len() as u64 / batches.len().max(1) as u64;
    let mut chunks = HashMap::new();
    for batch in batches {
        let number = batch.column(0).as_primitive::<Int64Type>();
        if number.is_empty() {
            return Err(unreadable(name, "an empty chunk"));
        }
        let number = number.value(0);
        let columns = batch.columns()[1..].to_vec();
        chunks.insert(number, (RecordBatch::try_new(Arc::clone(schema), columns)?, share));
    }
    Ok(chunks)
}

#[cfg(test)]
mod tests;
