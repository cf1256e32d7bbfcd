//! `readings.jsonl` as Kafka would hand it out: messages in partitions, cut into batches.

use std::collections::BTreeMap;

use coldstream::source::decode::Decoder;
use coldstream::source::raw::RawBatch;

use super::case::{folder, read, schema};

/// Kafka partitions; one of them stays empty.
pub const PARTITIONS: i32 = 6;
/// 2024-03-03, when every message was sent: what is ten minutes later is in the future.
const SENT: i64 = 1_709_424_000_000_000;
/// How much later than its message a reading may be, microseconds.
pub const MAX_SKEW: i64 = 600_000_000;

/// Consecutive messages of one partition.
#[derive(Debug)]
pub struct Piece {
    pub partition: i32,
    pub messages: RawBatch,
}

/// The whole file as pieces of the given lengths in turn, in the order in which their last messages came.
pub fn pieces(lengths: &[usize]) -> Vec<Piece> {
    let text = read(&folder("readings.jsonl"));
    let mut open: BTreeMap<i32, RawBatch> = BTreeMap::new();
    let mut offsets = [0i64; PARTITIONS as usize];
    let mut lengths = lengths.iter().cycle();
    let mut wanted = [0usize; PARTITIONS as usize];
    let mut pieces = Vec::new();
    for line in text.lines() {
        let partition = partition_of(&machine_of(line));
        let at = partition as usize;
        if wanted[at] == 0 {
            wanted[at] = *lengths.next().unwrap();
        }
        let piece = open.entry(partition).or_default();
        piece.push(line.as_bytes(), offsets[at], SENT);
        offsets[at] += 1;
        if piece.len() == wanted[at] {
            wanted[at] = 0;
            pieces.extend(open.remove(&partition).map(|messages| Piece { partition, messages }));
        }
    }
    pieces.extend(open.into_iter().map(|(partition, messages)| Piece { partition, messages }));
    pieces
}

/// A decoder of these messages.
pub fn decoder() -> Decoder {
    Decoder::new("readings", &schema(), MAX_SKEW)
}

/// The Kafka partition of a key. Any function of the key does; this is FNV-1a.
pub fn partition_of(machine: &str) -> i32 {
    let hash = machine.bytes().fold(0x811c_9dc5_u32, |h, b| (h ^ u32::from(b)).wrapping_mul(0x0100_0193));
    (hash % PARTITIONS as u32) as i32
}

/// The key of a message: its machine, or nothing where it names none.
fn machine_of(line: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
    match value.get("machine_id") {
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(number) => number.to_string(),
        None => String::new(),
    }
}
