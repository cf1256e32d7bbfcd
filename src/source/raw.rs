//! Messages as they came: one arena of bytes for a whole batch.

use super::budget::Permit;
use super::gap::Gap;

/// Consecutive messages of one Kafka partition, not yet decoded. The payloads lie end to end in one arena,
/// so that a batch costs two allocations and not one for each message.
#[derive(Debug, Default)]
pub struct RawBatch {
    /// What is missing before the first message.
    pub gap: Option<Gap>,
    /// The room it has been given, which whoever has its rows keeps as long as it has them.
    pub permit: Option<Permit>,
    bytes: Vec<u8>,
    ends: Vec<usize>,
    offsets: Vec<i64>,
    received: Vec<i64>,
}

/// One message of a [`RawBatch`].
#[derive(Debug, Clone, Copy)]
pub struct RawMessage<'a> {
    /// The message's value, as sent; empty for a message without value.
    pub payload: &'a [u8],
    /// Its Kafka offset.
    pub offset: i64,
    /// Its Kafka timestamp, microseconds since the epoch: the wall clock that came with the message.
    pub received: i64,
}

impl RawBatch {
    /// No message, behind a gap.
    pub fn after(gap: Option<Gap>) -> Self {
        Self { gap, ..Self::default() }
    }

    /// Appends a message. `received` is in microseconds since the epoch.
    pub fn push(&mut self, payload: &[u8], offset: i64, received: i64) {
        self.bytes.extend_from_slice(payload);
        self.ends.push(self.bytes.len());
        self.offsets.push(offset);
        self.received.push(received);
    }

    /// Number of messages.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no message.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Total length of the payloads, in bytes.
    pub fn byte_len(&self) -> usize {
        self.bytes.len()
    }

    /// Offset after the last message, or after the gap: where reading goes on.
    pub fn next_offset(&self) -> Option<i64> {
        let behind = self.offsets.last().map(|last| last + 1);
        behind.or(self.gap.map(|gap| gap.next_offset))
    }

    /// The messages in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = RawMessage<'_>> {
        self.last(self.len())
    }

    /// The last `most` messages, in the order in which they came.
    pub fn last(&self, most: usize) -> impl Iterator<Item = RawMessage<'_>> {
        let from = self.len().saturating_sub(most);
        let before = from.checked_sub(1).map_or(0, |last| self.ends[last]);
        let starts = std::iter::once(before).chain(self.ends[from..].iter().copied());
        starts.zip(&self.ends[from..]).zip(&self.offsets[from..]).zip(&self.received[from..]).map(
            |(((start, &end), &offset), &received)| RawMessage {
                payload: &self.bytes[start..end],
                offset,
                received,
            },
        )
    }
}
