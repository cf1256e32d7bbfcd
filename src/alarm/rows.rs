//! The table `alarms`: one row for each transition of an episode.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float64Builder, RecordBatch, StringBuilder, TimestampMicrosecondArray,
    TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;

use super::life::Episode;
use crate::schema::{MACHINE_ID, TIMESTAMP, timestamp_type};

/// What happened to an episode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition {
    /// It began.
    Raised,
    /// It reached a worse severity.
    Escalated,
    /// Someone knows of it.
    Acknowledged,
    /// It ended.
    Cleared,
}

impl Transition {
    /// The word in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Escalated => "escalated",
            Self::Acknowledged => "acknowledged",
            Self::Cleared => "cleared",
        }
    }
}

const RECORDED_AT: &str = "recorded_at";

/// Schema of `alarms`. `timestamp` is event time; `recorded_at` is wall clock, NULL in a backtest; `value` has the
/// unit of what its rule looks at.
pub fn alarm_schema() -> SchemaRef {
    let text = |name: &str, nullable: bool| Field::new(name, DataType::Utf8, nullable);
    Arc::new(Schema::new(vec![
        Field::new(TIMESTAMP, timestamp_type(), false),
        text(MACHINE_ID, false),
        text("rule", false),
        text("episode", false),
        text("transition", false),
        text("severity", false),
        Field::new(RECORDED_AT, timestamp_type(), true),
        Field::new("value", DataType::Float64, true),
        text("who", true),
        text("comment", true),
        text("text_en", false),
        text("text_fr", false),
    ]))
}

/// Rows in the making.
#[derive(Debug, Default)]
pub(super) struct Rows {
    times: TimestampMicrosecondBuilder,
    machines: StringBuilder,
    rules: StringBuilder,
    episodes: StringBuilder,
    transitions: StringBuilder,
    severities: StringBuilder,
    recorded: TimestampMicrosecondBuilder,
    values: Float64Builder,
    who: StringBuilder,
    comments: StringBuilder,
    english: StringBuilder,
    french: StringBuilder,
    count: usize,
}

impl Rows {
    /// Adds a transition of `episode`, which is as it is after it.
    pub(super) fn add(&mut self, ts: i64, transition: Transition, episode: &Episode) {
        let acknowledged = transition == Transition::Acknowledged;
        let words = |text: &'_ str| acknowledged.then(|| text.to_owned());
        self.times.append_value(ts);
        self.machines.append_value(&episode.machine_id);
        self.rules.append_value(&episode.rule);
        self.episodes.append_value(&episode.id);
        self.transitions.append_value(transition.name());
        self.severities.append_value(episode.severity.name());
        self.recorded.append_option(episode.acknowledged_at.filter(|_| acknowledged));
        self.values.append_option(episode.value);
        self.who.append_option(words(&episode.acknowledged_by));
        self.comments.append_option(words(&episode.comment));
        self.english.append_value(&episode.text_en);
        self.french.append_value(&episode.text_fr);
        self.count += 1;
    }

    /// The rows as a batch; `None` where there are none.
    pub(super) fn finish(mut self) -> Result<Option<RecordBatch>, ArrowError> {
        if self.count == 0 {
            return Ok(None);
        }
        let utc = |array: TimestampMicrosecondArray| -> ArrayRef { Arc::new(array.with_timezone("UTC")) };
        let columns: Vec<ArrayRef> = vec![
            utc(self.times.finish()),
            Arc::new(self.machines.finish()),
            Arc::new(self.rules.finish()),
            Arc::new(self.episodes.finish()),
            Arc::new(self.transitions.finish()),
            Arc::new(self.severities.finish()),
            utc(self.recorded.finish()),
            Arc::new(self.values.finish()),
            Arc::new(self.who.finish()),
            Arc::new(self.comments.finish()),
            Arc::new(self.english.finish()),
            Arc::new(self.french.finish()),
        ];
        RecordBatch::try_new(alarm_schema(), columns).map(Some)
    }
}

/// The rows, recorded at `now`, wall clock in microseconds.
pub fn stamped(rows: &RecordBatch, now: i64) -> Result<RecordBatch, ArrowError> {
    let schema = rows.schema();
    let mut columns = rows.columns().to_vec();
    let stamps = TimestampMicrosecondArray::from_value(now, rows.num_rows()).with_timezone("UTC");
    columns[schema.index_of(RECORDED_AT)?] = Arc::new(stamps);
    RecordBatch::try_new(schema, columns)
}
