//! Messages that are gone before they were read: where reading goes on, and one row of `gaps` for each hole.
//!
//! A checkpoint names the offset to go on from. The log of a partition may no longer have it: retention deleted what
//! was not read in time, or the topic was made anew and counts from 0 again. Either is said, recorded, and no
//! reason to stop. Offsets that are left out *inside* the log (by compaction or transactions) are no gaps.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;

use crate::schema::{KAFKA_PARTITION, TIMESTAMP, timestamp_type};

/// Why messages are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GapReason {
    /// Kafka deleted them before they were read.
    Retention,
    /// The log ends before the offset to go on from: it is another log, of a topic made anew under the same name.
    TopicRecreated,
}

impl GapReason {
    /// The word in the table's column `reason`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retention => "retention",
            Self::TopicRecreated => "topic_recreated",
        }
    }
}

/// A hole in what was read of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The first offset that is not there.
    pub first_missing: i64,
    /// Where reading goes on.
    pub next_offset: i64,
    /// How many messages are gone; `None` where nobody can know.
    pub missing: Option<i64>,
    /// Why.
    pub reason: GapReason,
}

/// Where reading of a partition begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// The first offset to read.
    pub offset: i64,
    /// What is missing before it.
    pub gap: Option<Gap>,
}

impl Start {
    /// Decides where to go on: `next` is the offset of the checkpoint, `None` where the partition was never read;
    /// the log has the offsets from `begin` to before `end`.
    ///
    /// A log that ends before `next` is taken for another one of the same name, and read from its beginning. (A
    /// log that a broker has lost the end of looks the same: what is left of it is then read twice.)
    pub fn decide(next: Option<i64>, begin: i64, end: i64) -> Self {
        let Some(next) = next else { return Self { offset: begin, gap: None } };
        let gap = if next < begin {
            let missing = Some(begin - next);
            Gap { first_missing: next, next_offset: begin, missing, reason: GapReason::Retention }
        } else if next > end {
            let reason = GapReason::TopicRecreated;
            Gap { first_missing: next, next_offset: begin, missing: None, reason }
        } else {
            return Self { offset: next, gap: None };
        };
        Self { offset: begin, gap: Some(gap) }
    }
}

/// Schema of `gaps`. `timestamp` is the event time of the newest reading before the hole, or `recorded_at`, the wall
/// clock, where there is none; `missing` is NULL where nobody can know the number.
pub fn gap_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new(TIMESTAMP, timestamp_type(), false),
        Field::new("reason", DataType::Utf8, false),
        Field::new("missing", DataType::Int64, true),
        Field::new("first_missing_offset", DataType::Int64, false),
        Field::new("next_offset", DataType::Int64, false),
        Field::new("topic", DataType::Utf8, false),
        Field::new(KAFKA_PARTITION, DataType::Int32, false),
        Field::new("recorded_at", timestamp_type(), false),
    ]))
}

impl Gap {
    /// The row of `gaps`. `newest` is the event time of the newest reading before the hole, `now` the wall clock;
    /// both in microseconds since the epoch.
    pub fn row(
        &self,
        topic: &str,
        partition: i32,
        newest: Option<i64>,
        now: i64,
    ) -> Result<RecordBatch, ArrowError> {
        let time = |micros: i64| TimestampMicrosecondArray::from(vec![micros]).with_timezone("UTC");
        let columns: Vec<ArrayRef> = vec![
            Arc::new(time(newest.unwrap_or(now))),
            Arc::new(StringArray::from(vec![self.reason.as_str()])),
            Arc::new(Int64Array::from(vec![self.missing])),
            Arc::new(Int64Array::from(vec![self.first_missing])),
            Arc::new(Int64Array::from(vec![self.next_offset])),
            Arc::new(StringArray::from(vec![topic])),
            Arc::new(Int32Array::from(vec![partition])),
            Arc::new(time(now)),
        ];
        RecordBatch::try_new(gap_schema(), columns)
    }

    /// Says it in the log.
    pub fn warn(&self, topic: &str, partition: i32) {
        let Self { first_missing, next_offset, missing, reason } = *self;
        match (reason, missing) {
            (GapReason::Retention, Some(missing)) => tracing::warn!(
                partition,
                "topic `{topic}`: Kafka has deleted {missing} messages from offset {first_missing} on that were not \
                 read yet; going on at {next_offset}, recorded in the table `gaps`. Raise the topic's `retention.ms` \
                 above the longest stop"
            ),
            _ => tracing::warn!(
                partition,
                "topic `{topic}` ends before offset {first_missing}, where the checkpoint goes on: it was made anew. \
                 Going on at its beginning, {next_offset}; recorded in the table `gaps`"
            ),
        }
    }
}

#[cfg(test)]
mod tests;
