//! The core: one Kafka partition's readings in, rows of every stream out.
//!
//! A [`Partition`] owns all state of one Kafka partition. It has no clock, no network and no channel; what it
//! gives depends on the readings and their order alone, not on how they were cut into batches.
//!
//! **Time.** The watermark is the newest event time less `max_delay`: nothing older is waited for. It moves
//! with every reading, so a window fires *between* two readings. To keep that true for whole batches, a batch is
//! cut, but only where it matters: before a reading that belongs to a window which the readings before it
//! have just closed. Readings in order are never cut.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::error::DataflowError;
use super::graph::{Graph, Stage};
use super::segment::Segment;
use super::spec::WindowSpec;
use super::window::{WindowOperator, WindowState};
use crate::schema::{TIMESTAMP, timestamp_type};

/// What one call gave.
#[derive(Debug, Default)]
pub struct Outputs {
    /// Rows by stream: position in [`Graph::streams`] and a batch that is not empty.
    pub streams: Vec<(usize, RecordBatch)>,
    /// Readings that were late for every window of a stream ([`late_schema`]).
    pub late: Option<RecordBatch>,
}

/// The state of a partition between two batches.
#[derive(Debug, Clone)]
pub struct PartitionState {
    /// Newest event time so far, microseconds.
    pub newest: Option<i64>,
    /// Watermark, microseconds; `None` before the first reading.
    pub watermark: Option<i64>,
    /// State of each window: position of the stream, position of the stage, state.
    pub windows: Vec<(usize, usize, WindowState)>,
}

/// Schema of `late_readings`: a reading, the stream it was late for, and the watermark it met.
pub fn late_schema(readings: &SchemaRef) -> SchemaRef {
    let mut fields: Vec<_> = readings.fields().iter().cloned().collect();
    fields.push(Arc::new(Field::new("stream", DataType::Utf8, false)));
    fields.push(Arc::new(Field::new("watermark", timestamp_type(), false)));
    Arc::new(Schema::new(fields))
}

#[derive(Debug)]
enum Step {
    Segment(Segment),
    Window(WindowOperator),
}

/// See the module.
#[derive(Debug)]
pub struct Partition {
    graph: Arc<Graph>,
    /// Steps of each stream, in the order of [`Graph::streams`].
    streams: Vec<Vec<Step>>,
    /// Windows over the time of the readings: these decide what is late.
    windows: Vec<(usize, WindowSpec)>,
    late_schema: SchemaRef,
    max_delay: i64,
    newest: Option<i64>,
    watermark: Option<i64>,
}

impl Partition {
    /// A partition without history. `max_delay`, in microseconds, is how much older than the newest reading a
    /// reading may be and still be waited for.
    pub fn new(graph: &Arc<Graph>, max_delay: i64) -> Result<Self, DataflowError> {
        let mut streams = Vec::with_capacity(graph.streams().len());
        let mut windows = Vec::new();
        for (position, stream) in graph.streams().iter().enumerate() {
            let mut steps = Vec::with_capacity(stream.stages.len());
            let mut over_readings = stream.over_readings;
            for stage in &stream.stages {
                steps.push(match stage {
                    Stage::Segment(plan) => Step::Segment(Segment::new(plan, graph.context())?),
                    Stage::Window(plan) => {
                        if over_readings {
                            windows.push((position, plan.spec));
                            over_readings = false;
                        }
                        Step::Window(WindowOperator::new(Arc::clone(plan)))
                    }
                });
            }
            streams.push(steps);
        }
        Ok(Self {
            graph: Arc::clone(graph),
            streams,
            windows,
            late_schema: late_schema(graph.source()),
            max_delay,
            newest: None,
            watermark: None,
        })
    }

    /// A partition that goes on from a checkpoint of the same queries.
    pub fn restore(graph: &Arc<Graph>, max_delay: i64, state: PartitionState) -> Result<Self, DataflowError> {
        let mut partition = Self::new(graph, max_delay)?;
        partition.newest = state.newest;
        partition.watermark = state.watermark;
        for (stream, stage, window) in state.windows {
            match partition.streams.get_mut(stream).and_then(|steps| steps.get_mut(stage)) {
                Some(Step::Window(operator)) => {
                    *operator = WindowOperator::restore(Arc::clone(operator.plan()), window);
                }
                _ => return Err(DataflowError::Fingerprint("a window is missing".into())),
            }
        }
        Ok(partition)
    }

    /// The queries.
    pub fn graph(&self) -> &Arc<Graph> {
        &self.graph
    }

    /// Newest event time so far.
    pub fn newest(&self) -> Option<i64> {
        self.newest
    }

    /// Event time up to which everything is taken to be there; `None` before the first reading.
    pub fn watermark(&self) -> Option<i64> {
        self.watermark
    }

    /// Takes readings, in the order of their offsets, and gives what follows from them.
    pub fn process(&mut self, readings: &RecordBatch) -> Result<Outputs, DataflowError> {
        let mut collected = Collected::new(self.streams.len());
        let times = self.times(readings)?;
        let mut start = 0;
        let mut newest = self.newest;
        for (row, &ts) in times.values().iter().enumerate() {
            if let Some(passed) = newest.map(|newest| newest - self.max_delay)
                && ts < passed
                && self.closed_between(ts, self.watermark, passed)
            {
                self.newest = newest;
                self.feed(readings.slice(start, row - start), passed, &mut collected)?;
                start = row;
            }
            newest = newest.max(Some(ts));
        }
        self.newest = newest;
        if let Some(newest) = newest {
            let rest = readings.slice(start, readings.num_rows() - start);
            self.feed(rest, newest - self.max_delay, &mut collected)?;
        }
        self.outputs(collected)
    }

    /// Moves the watermark to `watermark` without a reading: the source has been silent for long enough.
    pub fn advance(&mut self, watermark: i64) -> Result<Outputs, DataflowError> {
        let mut collected = Collected::new(self.streams.len());
        let empty = RecordBatch::new_empty(Arc::clone(self.graph.source()));
        self.feed(empty, watermark, &mut collected)?;
        self.outputs(collected)
    }

    /// Fires every window that holds a row: the input is over.
    pub fn finish(&mut self) -> Result<Outputs, DataflowError> {
        self.advance(i64::MAX)
    }

    /// The state between two batches.
    pub fn state(&mut self) -> Result<PartitionState, DataflowError> {
        let mut windows = Vec::new();
        for (stream, steps) in self.streams.iter_mut().enumerate() {
            for (stage, step) in steps.iter_mut().enumerate() {
                if let Step::Window(operator) = step {
                    windows.push((stream, stage, operator.state()?));
                }
            }
        }
        Ok(PartitionState { newest: self.newest, watermark: self.watermark, windows })
    }

    fn times<'a>(&self, readings: &'a RecordBatch) -> Result<&'a TimestampMicrosecondArray, DataflowError> {
        let column = readings.column_by_name(TIMESTAMP).and_then(|c| c.as_primitive_opt());
        column.ok_or_else(|| {
            arrow::error::ArrowError::SchemaError(format!("readings have no column `{TIMESTAMP}`")).into()
        })
    }

    /// Whether a window that holds `ts` ends after `from` and not after `to`.
    fn closed_between(&self, ts: i64, from: Option<i64>, to: i64) -> bool {
        self.windows.iter().any(|(_, spec)| {
            let pane = spec.pane_of(ts);
            let next = from.map_or(i64::MIN, |from| spec.next_end(from)).max(spec.first_end(pane));
            next <= to.min(spec.last_end(pane))
        })
    }

    /// Runs all streams over readings none of which is separated from another by the end of its window.
    fn feed(
        &mut self,
        readings: RecordBatch,
        watermark: i64,
        collected: &mut Collected,
    ) -> Result<(), DataflowError> {
        self.find_late(&readings, collected)?;
        let watermark = self.watermark.map_or(watermark, |old| old.max(watermark));
        self.watermark = Some(watermark);
        let mut rows: Vec<Option<RecordBatch>> = Vec::with_capacity(self.streams.len());
        for (position, steps) in self.streams.iter_mut().enumerate() {
            let mut batch = match self.graph.streams()[position].input {
                None => Some(readings.clone()).filter(|b| b.num_rows() > 0),
                Some(input) => rows[input].clone(),
            };
            for step in steps {
                batch = match step {
                    Step::Segment(segment) => match batch {
                        Some(batch) => segment.run(batch)?,
                        None => None,
                    },
                    Step::Window(operator) => {
                        if let Some(batch) = batch {
                            operator.push(&batch)?;
                        }
                        operator.advance(watermark)?
                    }
                };
            }
            if let Some(batch) = &batch {
                collected.streams[position].push(batch.clone());
            }
            rows.push(batch);
        }
        Ok(())
    }

    /// Notes the readings all of whose windows have fired, once for each stream that leaves them out.
    fn find_late(&self, readings: &RecordBatch, collected: &mut Collected) -> Result<(), DataflowError> {
        let Some(watermark) = self.watermark else { return Ok(()) };
        let times = self.times(readings)?;
        if times.values().iter().all(|&ts| ts >= watermark) {
            return Ok(());
        }
        for &(stream, spec) in &self.windows {
            let late = |ts: i64| {
                let pane = spec.pane_of(ts);
                ts < watermark && spec.covers(pane) && spec.last_end(pane) <= watermark
            };
            let mask: BooleanArray = times.values().iter().map(|&ts| Some(late(ts))).collect();
            if mask.true_count() > 0 {
                let rows = filter_record_batch(readings, &mask)?;
                let count = rows.num_rows();
                let mut columns: Vec<ArrayRef> = rows.columns().to_vec();
                let name: &str = &self.graph.streams()[stream].name;
                columns.push(Arc::new(StringArray::from(vec![name; count])));
                let met = TimestampMicrosecondArray::from_value(watermark, count).with_timezone("UTC");
                columns.push(Arc::new(met));
                collected.late.push(RecordBatch::try_new(Arc::clone(&self.late_schema), columns)?);
            }
        }
        Ok(())
    }

    fn outputs(&self, collected: Collected) -> Result<Outputs, DataflowError> {
        let mut outputs = Outputs::default();
        for (position, batches) in collected.streams.iter().enumerate() {
            if let Some(batch) = joined(batches)? {
                outputs.streams.push((position, batch));
            }
        }
        outputs.late = joined(&collected.late)?;
        Ok(outputs)
    }
}

/// Batches of one call, before they are joined.
struct Collected {
    streams: Vec<Vec<RecordBatch>>,
    late: Vec<RecordBatch>,
}

impl Collected {
    fn new(streams: usize) -> Self {
        Self { streams: vec![Vec::new(); streams], late: Vec::new() }
    }
}

fn joined(batches: &[RecordBatch]) -> Result<Option<RecordBatch>, DataflowError> {
    match batches {
        [] => Ok(None),
        [one] => Ok(Some(one.clone())),
        [first, ..] => Ok(Some(concat_batches(&first.schema(), batches)?)),
    }
}

#[cfg(test)]
mod tests;
