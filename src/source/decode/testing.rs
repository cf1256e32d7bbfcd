//! Schemas and encoders for tests, written from the specifications alone.

use std::collections::HashMap;
use std::sync::Arc;

use super::schemas::{Lookup, Reference, SchemaKind, SchemaSource, WrittenSchema};
use super::*;

/// 2024-01-15T10:30:00Z, microseconds.
pub(super) const T0: i64 = 1_705_314_600_000_000;

/// Schemas by id.
#[derive(Debug, Default)]
pub(super) struct Table(HashMap<u32, Arc<WrittenSchema>>);

impl Table {
    pub(super) fn with(mut self, id: u32, kind: SchemaKind, text: &str) -> Self {
        self.0.insert(id, Arc::new(written(kind, text, &[])));
        self
    }

    pub(super) fn avro(self, id: u32, text: &str) -> Self {
        self.with(id, SchemaKind::Avro, text)
    }

    pub(super) fn protobuf(self, id: u32, text: &str) -> Self {
        self.with(id, SchemaKind::Protobuf, text)
    }
}

impl SchemaSource for Table {
    fn schema(&self, id: u32) -> Lookup {
        match self.0.get(&id) {
            Some(schema) => Lookup::Known(Arc::clone(schema)),
            None => Lookup::Unknown(format!("there is no schema {id}")),
        }
    }
}

pub(super) fn written(kind: SchemaKind, text: &str, references: &[(&str, &str)]) -> WrittenSchema {
    let references =
        references.iter().map(|(name, text)| Reference { name: (*name).into(), text: (*text).into() });
    WrittenSchema { kind, text: text.into(), references: references.collect() }
}

/// A message of the registry's clients.
pub(super) fn framed(id: u32, body: &[u8]) -> Vec<u8> {
    [&[0u8][..], &id.to_be_bytes(), body].concat()
}

/// A varint of seven bits a byte, the lowest first: both formats have it.
pub(super) fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// An `int` or a `long` of Avro.
pub(super) fn long(value: i64) -> Vec<u8> {
    varint((value << 1 ^ value >> 63) as u64)
}

/// A `string` or `bytes` of Avro.
pub(super) fn text(value: impl AsRef<[u8]>) -> Vec<u8> {
    [long(value.as_ref().len() as i64), value.as_ref().to_vec()].concat()
}

/// A value of `["null", …]`.
pub(super) fn nullable(value: Option<Vec<u8>>) -> Vec<u8> {
    value.map_or_else(|| long(0), |value| [long(1), value].concat())
}

/// Decodes messages, all received at [`T0`], at the offsets 0, 1, ….
pub(super) fn decode(encoding: Encoding, messages: &[Vec<u8>]) -> Decoded {
    let mut raw = RawBatch::default();
    for (offset, message) in messages.iter().enumerate() {
        raw.push(message, offset as i64, T0);
    }
    let mut decoder = Decoder::with_encoding("readings", &ReadingSchema::default(), 600_000_000, &encoding);
    decoder.decode(0, &raw).unwrap()
}

/// The reason and the detail of the one message in a batch, or why it is none.
pub(super) fn dead(encoding: Encoding, message: Vec<u8>) -> (&'static str, String) {
    use arrow::array::AsArray;
    let decoded = decode(encoding, &[message]);
    let dead = decoded.dead.unwrap_or_else(|| panic!("a reading: {:?}", decoded.readings));
    let detail = dead.column_by_name("detail").unwrap().as_string::<i32>().value(0).to_string();
    (decoded.reasons[0].as_str(), detail)
}
