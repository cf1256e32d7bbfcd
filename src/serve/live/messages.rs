//! The newest messages of Kafka, as they came: what one looks at when a plant's readings do not show up.
//!
//! They are copied out of each batch before it is forgotten, only the last few tens of them and only their
//! beginnings: the copy costs microseconds for a batch of thousands.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};

use super::{LiveState, lock};
use crate::serve::{convert, proto};
use crate::source::raw::{RawBatch, RawMessage};

/// Messages kept of each partition.
pub const KEPT_MESSAGES: usize = 50;
/// Bytes kept of each message.
pub const MESSAGE_HEAD: usize = 4096;
/// Most text in one answer, in bytes: gRPC clients accept messages of 4 MiB.
const ANSWER_BYTES: usize = 2 << 20;

/// The newest messages of each partition, the oldest of them first.
pub(super) type Messages = BTreeMap<i32, VecDeque<Kept>>;

/// The beginning of a message.
pub(super) struct Kept {
    offset: i64,
    received: i64,
    head: Box<[u8]>,
    truncated: bool,
}

impl Kept {
    fn of(message: RawMessage<'_>) -> Self {
        let RawMessage { payload, offset, received } = message;
        let head = &payload[..payload.len().min(MESSAGE_HEAD)];
        Self { offset, received, head: head.into(), truncated: head.len() < payload.len() }
    }

    fn to_proto(&self, partition: i32) -> proto::Message {
        // A character that was cut in the middle is left out: it was none of the message's faults.
        let head = if self.truncated { whole_characters(&self.head) } else { &self.head };
        proto::Message {
            partition,
            offset: self.offset,
            timestamp: Some(convert::timestamp(self.received)),
            payload: String::from_utf8_lossy(head).into_owned(),
            truncated: self.truncated,
        }
    }
}

/// `bytes` without the beginning of a character at their end whose rest is missing.
fn whole_characters(bytes: &[u8]) -> &[u8] {
    for tail in 1..=bytes.len().min(3) {
        let (head, last) = bytes.split_at(bytes.len() - tail);
        match last[0] {
            0b1000_0000..=0b1011_1111 => {}
            first => {
                let length = match first {
                    0b1100_0000..=0b1101_1111 => 2,
                    0b1110_0000..=0b1110_1111 => 3,
                    0b1111_0000..=0b1111_0111 => 4,
                    _ => 1,
                };
                return if length > tail { head } else { bytes };
            }
        }
    }
    bytes
}

impl LiveState {
    /// Keeps the last messages of a batch of `partition`, until newer ones come or the partition is removed.
    pub fn keep_messages(&self, partition: i32, batch: &RawBatch) {
        // Copied before the lock is taken: a reader never waits for the copy.
        let newest: Vec<Kept> = batch.last(KEPT_MESSAGES).map(Kept::of).collect();
        let mut messages = lock(&self.messages);
        let kept = messages.entry(partition).or_default();
        let surplus = (kept.len() + newest.len()).saturating_sub(KEPT_MESSAGES);
        kept.drain(..surplus.min(kept.len()));
        kept.extend(newest);
    }

    /// Up to `most` messages of `partition`, or of all partitions, the newest first; fewer where they would make an
    /// answer too large.
    pub fn messages(&self, partition: Option<i32>, most: usize) -> Vec<proto::Message> {
        let messages = lock(&self.messages);
        let mut newest: Vec<(i32, &Kept)> = Vec::new();
        for (&number, kept) in messages.iter().filter(|(number, _)| partition.is_none_or(|p| p == **number)) {
            newest.extend(kept.iter().map(|message| (number, message)));
        }
        newest.sort_unstable_by_key(|(number, kept)| (Reverse(kept.received), *number, Reverse(kept.offset)));
        let mut bytes = 0;
        let mut answer = Vec::new();
        for (number, kept) in newest.into_iter().take(most) {
            let message = kept.to_proto(number);
            bytes += message.payload.len();
            if bytes > ANSWER_BYTES {
                break;
            }
            answer.push(message);
        }
        answer
    }
}
