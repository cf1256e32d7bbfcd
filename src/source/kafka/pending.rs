//! The batch being gathered for a partition.

use std::time::{Duration, Instant};

use rdkafka::message::{BorrowedMessage, Message, Timestamp};

use crate::source::gap::Gap;
use crate::source::raw::RawBatch;

/// Messages in one batch at most: large enough to work in columns, small enough to stay in the caches.
const MESSAGES: usize = 8_192;
/// Bytes in one batch, beyond which it is sent on.
const BYTES: usize = 4 * 1024 * 1024;
/// How long the first message of a batch waits for others.
const LINGER: Duration = Duration::from_millis(50);

/// Why a partition is not read on.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pauses {
    /// Its owner, or the store behind, does not keep up.
    pub(super) full: bool,
    /// Its event time is too far ahead of the others.
    pub(super) ahead: bool,
}

impl Pauses {
    pub(super) fn any(self) -> bool {
        self.full || self.ahead
    }
}

/// What has come and was not handed on.
#[derive(Debug)]
pub(super) struct Pending {
    batch: RawBatch,
    since: Instant,
    pub(super) pauses: Pauses,
    /// Whether librdkafka has been told to pause.
    pub(super) paused: bool,
}

impl Default for Pending {
    fn default() -> Self {
        Self::after(None)
    }
}

impl Pending {
    /// Nothing, behind a gap.
    pub(super) fn after(gap: Option<Gap>) -> Self {
        Self { batch: RawBatch::after(gap), since: Instant::now(), pauses: Pauses::default(), paused: false }
    }

    /// Whether there is neither message nor gap.
    pub(super) fn is_empty(&self) -> bool {
        self.batch.is_empty() && self.batch.gap.is_none()
    }

    /// When its oldest message came.
    pub(super) fn since(&self) -> Instant {
        self.since
    }

    /// Adds a message, and tells whether that makes a full batch.
    pub(super) fn push(&mut self, message: &BorrowedMessage<'_>) -> bool {
        if self.is_empty() {
            self.since = Instant::now();
        }
        let sent = message.timestamp().to_millis().or_else(|| Timestamp::now().to_millis());
        let received = sent.unwrap_or_default() * 1_000;
        self.batch.push(message.payload().unwrap_or_default(), message.offset(), received);
        self.is_full()
    }

    fn is_full(&self) -> bool {
        self.batch.len() >= MESSAGES || self.batch.byte_len() >= BYTES
    }

    /// Whether it is to be handed on.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        !self.is_empty() && (now.duration_since(self.since) >= LINGER || self.is_full())
    }

    /// Takes the batch to hand it on.
    pub(super) fn take(&mut self) -> RawBatch {
        std::mem::take(&mut self.batch)
    }

    /// Puts a batch back that found no place.
    pub(super) fn put_back(&mut self, batch: RawBatch) {
        self.batch = batch;
    }
}
