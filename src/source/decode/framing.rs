//! The frame that clients of a schema registry put before a message: a zero and the id of its schema.
//!
//! ```text
//! 0        1                5
//! ┌───┬───────────────┬───────────────────────────────────────────┐
//! │ 0 │ id, big-endian│ Avro, JSON, or message index and Protobuf │
//! └───┴───────────────┴───────────────────────────────────────────┘
//! ```

use std::collections::BTreeSet;

use super::super::dead::Reason;
use super::super::raw::RawBatch;
use super::row::Fault;

/// Length of the frame, in bytes.
pub(super) const FRAME: usize = 5;

/// The schema id of a message, if it has the frame.
fn framed(payload: &[u8]) -> Option<(u32, &[u8])> {
    let (frame, body) = payload.split_first_chunk::<FRAME>()?;
    let &[0, a, b, c, d] = frame else { return None };
    Some((u32::from_be_bytes([a, b, c, d]), body))
}

/// The schema id of a message, and what follows the frame.
pub(super) fn schema_id(payload: &[u8]) -> Result<(u32, &[u8]), Fault> {
    framed(payload).ok_or_else(|| {
        let why = match payload.first() {
            Some(0) => format!("{} bytes are too few for a zero and a schema id", payload.len()),
            Some(b'{') => "begins as JSON does, not with a zero and a schema id".to_string(),
            _ => "does not begin with a zero and a schema id".to_string(),
        };
        (Reason::NotFramed, why)
    })
}

/// A JSON message without the frame that a registry's client puts before it: no JSON begins with a zero byte.
pub(super) fn unframed(payload: &[u8]) -> &[u8] {
    match payload.first() {
        Some(0) => framed(payload).map_or(payload, |(_, body)| body),
        _ => payload,
    }
}

/// The schema ids that the messages of a batch name: what a [`super::SchemaSource`] must know before they are decoded.
pub fn schema_ids(raw: &RawBatch) -> BTreeSet<u32> {
    let mut ids = BTreeSet::new();
    let mut last = None;
    for message in raw.iter() {
        if let Some((id, _)) = framed(message.payload)
            && last.replace(id) != Some(id)
        {
            ids.insert(id);
        }
    }
    ids
}
