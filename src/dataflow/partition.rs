//! The core: one Kafka partition's readings in, rows of every stream out.
//!
//! A [`Partition`] owns all state of one Kafka partition. It has no clock, no network and no channel; what it
//! gives depends on the readings and their order alone, not on how they were cut into batches.
//!
//! **Time.** The watermark is the newest event time less `max_delay`: nothing older is waited for. It moves
//! with every reading, so a window fires *between* two readings. To keep that true for whole batches, a batch is
//! cut, but only where it matters ([`Cut`]): before a reading that comes after the end of a window which the readings
//! before it have just closed. Readings in order are never cut.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::array::UInt32Array;
use arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::compute::{concat_batches, filter_record_batch, take_record_batch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::checkpoint::{Content, Ledger, STATE_FORMAT, StatePart, unreadable};
use super::duplicates::Seen;
use super::error::DataflowError;
use super::graph::{Graph, Stage, Stream};
use super::operator::{Cut, Operator};
use super::segment::Segment;
use crate::machine::Machines;
use crate::machine::versions::SharedVersions;
use crate::schema::{MACHINE_ID, MACHINES, TIMESTAMP, timestamp_type};

/// Name of the piece of a checkpoint with the partition's own state.
const PARTITION: &str = "partition";
/// Name of the piece with the readings seen of late.
const DUPLICATES: &str = "readings.duplicates";

/// How a partition treats time. Microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// How much older than the newest reading a reading may be and still be waited for.
    pub max_delay: i64,
    /// How long after its end a window takes late readings and is given again.
    pub allowed_lateness: i64,
    /// How far behind a machine's newest reading a repeated one is known.
    pub duplicate_horizon: i64,
    /// Whether the queries leave repeated readings out.
    pub drop_duplicates: bool,
}

impl Timing {
    /// Readings are waited for `max_delay`, no window is revised, and duplicates of the last two minutes are counted.
    pub fn new(max_delay: i64) -> Self {
        Self { max_delay, allowed_lateness: 0, duplicate_horizon: 120_000_000, drop_duplicates: false }
    }
}

/// What one call gave.
#[derive(Debug, Default)]
pub struct Outputs {
    /// Rows by stream: position in [`Graph::streams`] and a batch that is not empty.
    pub streams: Vec<(usize, RecordBatch)>,
    /// Rows that were given before and are given again with other values, by stream. They are for tables.
    pub revised: Vec<(usize, RecordBatch)>,
    /// Readings that were late for every window of a stream ([`late_schema`]).
    pub late: Option<RecordBatch>,
    /// Readings that had come before.
    pub duplicates: u64,
    /// New rows of the table of machines ([`crate::machine::columns::version_schema`]).
    pub machines: Option<RecordBatch>,
    /// Readings of machines that the file of machines does not know.
    pub unknown: u64,
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
    Stateful(Box<dyn Operator>, Ledger),
}

/// The piece [`PARTITION`] of a checkpoint.
#[derive(Serialize, Deserialize)]
struct Times {
    format: u32,
    newest: Option<i64>,
    watermark: Option<i64>,
    idle: bool,
}

/// See the module.
#[derive(Debug)]
pub struct Partition {
    graph: Arc<Graph>,
    timing: Timing,
    /// Steps of each stream, in the order of [`Graph::streams`].
    streams: Vec<Vec<Step>>,
    /// Where batches are cut, each once.
    cuts: Vec<Cut>,
    late_schema: SchemaRef,
    seen: Seen,
    seen_ledger: Ledger,
    machines: SharedVersions,
    newest: Option<i64>,
    watermark: Option<i64>,
    /// Whether the clock moved the watermark last, and not a reading.
    idle: bool,
}

/// For how long the windows of a step may be revised. What is given again does not go into another step that remembers rows;
/// where one follows, a reading that is late is late, and is kept as such.
fn lateness(stream: &Stream, step: usize, timing: Timing) -> i64 {
    let goes_on = stream.stages[step + 1..].iter().any(|stage| matches!(stage, Stage::Stateful(_)));
    if goes_on { 0 } else { timing.allowed_lateness }
}

impl Partition {
    /// A partition without state.
    pub fn new(graph: &Arc<Graph>, timing: Timing) -> Result<Self, DataflowError> {
        let machines = SharedVersions::default();
        let mut streams = Vec::with_capacity(graph.streams().len());
        let mut cuts: Vec<Cut> = Vec::new();
        for stream in graph.streams() {
            let mut steps = Vec::with_capacity(stream.stages.len());
            let mut over_readings = stream.over_readings;
            for (number, stage) in stream.stages.iter().enumerate() {
                steps.push(match stage {
                    Stage::Segment(plan) => Step::Segment(Segment::new(plan, graph.context(), &machines)?),
                    Stage::Stateful(plan) => {
                        if over_readings && !cuts.contains(&plan.cut()) {
                            cuts.push(plan.cut());
                        }
                        over_readings = false;
                        Step::Stateful(plan.operator(lateness(stream, number, timing))?, Ledger::default())
                    }
                });
            }
            streams.push(steps);
        }
        Ok(Self {
            graph: Arc::clone(graph),
            timing,
            streams,
            cuts,
            late_schema: late_schema(graph.source()),
            seen: Seen::new(timing.duplicate_horizon),
            seen_ledger: Ledger::default(),
            machines,
            newest: None,
            watermark: None,
            idle: false,
        })
    }

    /// A partition that goes on from a checkpoint of the same queries: from the pieces of [`Self::checkpoint`].
    pub fn restore(
        graph: &Arc<Graph>,
        timing: Timing,
        pieces: &[(String, Bytes)],
    ) -> Result<Self, DataflowError> {
        let mut partition = Self::new(graph, timing)?;
        let pieces: HashMap<&str, &Bytes> = pieces.iter().map(|(n, b)| (n.as_str(), b)).collect();
        partition.read_source(&pieces)?;
        for (steps, stream) in partition.streams.iter_mut().zip(graph.streams()) {
            for (number, (step, stage)) in steps.iter_mut().zip(&stream.stages).enumerate() {
                if let (Step::Stateful(operator, ledger), Stage::Stateful(plan)) = (step, stage) {
                    let name = format!("{}.{number}", stream.name);
                    let (read, marks, chunks) = Ledger::read(&name, &plan.chunk_schema()?, &pieces)?;
                    *operator = plan.restore(lateness(stream, number, timing), marks, chunks)?;
                    *ledger = read;
                }
            }
        }
        Ok(partition)
    }

    /// A partition that takes up the state of the source, event time and what was seen, but no window: the queries are
    /// others. Windows that end before the watermark have been given by those, and are not given again.
    pub fn restore_source(
        graph: &Arc<Graph>,
        timing: Timing,
        pieces: &[(String, Bytes)],
    ) -> Result<Self, DataflowError> {
        let mut partition = Self::new(graph, timing)?;
        partition.take_source(pieces)?;
        Ok(partition)
    }

    /// Goes on from the source's state of a checkpoint, with the windows as they are.
    pub fn take_source(&mut self, pieces: &[(String, Bytes)]) -> Result<(), DataflowError> {
        let pieces: HashMap<&str, &Bytes> = pieces.iter().map(|(n, b)| (n.as_str(), b)).collect();
        self.read_source(&pieces)?;
        if let Some(watermark) = self.watermark {
            let empty = RecordBatch::new_empty(Arc::clone(self.graph.source()));
            self.feed(empty, watermark, &mut Collected::new(self.streams.len()))?;
        }
        Ok(())
    }

    fn read_source(&mut self, pieces: &HashMap<&str, &Bytes>) -> Result<(), DataflowError> {
        let Some(bytes) = pieces.get(PARTITION) else { return Err(unreadable(PARTITION, "it is missing")) };
        let times: Times = serde_json::from_slice(bytes).map_err(|e| unreadable(PARTITION, e))?;
        if times.format != STATE_FORMAT {
            return Err(unreadable(PARTITION, format!("format {} is not {STATE_FORMAT}", times.format)));
        }
        (self.newest, self.watermark, self.idle) = (times.newest, times.watermark, times.idle);
        let (ledger, marks, chunks) = Ledger::read(DUPLICATES, &Seen::schema(), pieces)?;
        self.seen = Seen::restore(self.timing.duplicate_horizon, &marks, &chunks)?;
        self.seen_ledger = ledger;
        self.read_machines(pieces)
    }

    fn read_machines(&mut self, pieces: &HashMap<&str, &Bytes>) -> Result<(), DataflowError> {
        // A checkpoint from before there was a table of machines has none: they are met again.
        match pieces.get(MACHINES) {
            Some(bytes) => self.machines.lock().restore(bytes).map_err(|e| unreadable(MACHINES, e)),
            None => Ok(()),
        }
    }

    /// Takes up the table of machines of a checkpoint, and nothing else.
    pub fn restore_machines(&mut self, pieces: &[(String, Bytes)]) -> Result<(), DataflowError> {
        self.read_machines(&pieces.iter().map(|(n, b)| (n.as_str(), b)).collect())
    }

    /// Takes what is known of the machines: it is true for rows from after everything seen so far on. Gives the new rows
    /// of the table of machines, which belong to the same epoch as the state from now on.
    pub fn set_machines(&mut self, machines: &Arc<Machines>) -> Result<Option<RecordBatch>, DataflowError> {
        let mut versions = self.machines.lock();
        // A silent partition's windows may have been given for times that no reading has reached.
        versions.set(machines, self.newest.max(self.watermark))?;
        Ok(versions.fresh())
    }

    /// Takes up rows of the table of machines that were made before, in their order: each holds again for the times for
    /// which it did.
    pub fn take_machines(&mut self, rows: &[RecordBatch]) -> Result<(), DataflowError> {
        Ok(self.machines.lock().take_rows(rows)?)
    }

    /// The newest row of each machine that this partition has met ([`crate::machine::columns::schema`]).
    pub fn machines(&self) -> Result<RecordBatch, DataflowError> {
        Ok(self.machines.lock().newest()?)
    }

    /// The state between two batches, as pieces; those that have not changed since the last call are not written
    /// again. Who calls this must store the pieces before it calls again.
    pub fn checkpoint(&mut self) -> Result<Vec<StatePart>, DataflowError> {
        let times =
            Times { format: STATE_FORMAT, newest: self.newest, watermark: self.watermark, idle: self.idle };
        let json = serde_json::to_vec(&times).map_err(|e| unreadable(PARTITION, e))?;
        let mut pieces = vec![StatePart { name: PARTITION.into(), content: Content::Fresh(json.into()) }];
        let seen = self.seen.state(self.seen_ledger.wants_all())?;
        pieces.extend(self.seen_ledger.write(DUPLICATES, &Seen::schema(), seen)?);
        let content = self.machines.lock().state()?.map_or(Content::Kept, Content::Lasting);
        pieces.push(StatePart { name: MACHINES.into(), content });
        for (steps, stream) in self.streams.iter_mut().zip(self.graph.streams()) {
            for (number, (step, stage)) in steps.iter_mut().zip(&stream.stages).enumerate() {
                if let (Step::Stateful(operator, ledger), Stage::Stateful(plan)) = (step, stage) {
                    let state = operator.state(ledger.wants_all())?;
                    let name = format!("{}.{number}", stream.name);
                    pieces.extend(ledger.write(&name, &plan.chunk_schema()?, state)?);
                }
            }
        }
        Ok(pieces)
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

    /// Bytes of memory that the state takes, roughly.
    pub fn memory(&self) -> usize {
        let operators = self.streams.iter().flatten().filter_map(|step| match step {
            Step::Segment(_) => None,
            Step::Stateful(operator, _) => Some(operator.memory()),
        });
        operators.sum::<usize>() + self.seen.memory() + self.machines.lock().memory()
    }

    /// Takes readings, in the order of their offsets, and gives what follows from them.
    pub fn process(&mut self, readings: &RecordBatch) -> Result<Outputs, DataflowError> {
        let mut collected = Collected::new(self.streams.len());
        collected.unknown = self.machines.lock().meet(machines_of(readings)?)?;
        let kept = self.without_duplicates(readings, &mut collected)?;
        let readings = kept.as_ref().unwrap_or(readings);
        let times = times_of(readings)?;
        let mut start = 0;
        let mut newest = self.newest;
        for (row, &ts) in times.values().iter().enumerate() {
            if let Some(passed) = newest.map(|newest| newest - self.timing.max_delay)
                && ts < passed
                && self.cuts.iter().any(|cut| cut.is_before(ts, self.watermark, passed))
            {
                self.newest = newest;
                self.feed(readings.slice(start, row - start), passed, &mut collected)?;
                start = row;
            }
            newest = newest.max(Some(ts));
        }
        self.idle &= newest == self.newest;
        self.newest = newest;
        if let Some(newest) = newest {
            let rest = readings.slice(start, readings.num_rows() - start);
            self.feed(rest, newest - self.timing.max_delay, &mut collected)?;
        }
        self.outputs(collected)
    }

    /// Moves the watermark to `watermark` without a reading: the source has been silent for long enough.
    pub fn advance(&mut self, watermark: i64) -> Result<Outputs, DataflowError> {
        let mut collected = Collected::new(self.streams.len());
        let empty = RecordBatch::new_empty(Arc::clone(self.graph.source()));
        self.idle = true;
        self.feed(empty, watermark, &mut collected)?;
        self.outputs(collected)
    }

    /// Fires every window that holds a row: the input is over.
    pub fn finish(&mut self) -> Result<Outputs, DataflowError> {
        self.advance(i64::MAX)
    }

    /// Counts the readings that have come before. Gives those that are left where they are to be dropped.
    fn without_duplicates(
        &mut self,
        readings: &RecordBatch,
        collected: &mut Collected,
    ) -> Result<Option<RecordBatch>, DataflowError> {
        let machines = machines_of(readings)?;
        let Some(new) = self.seen.look(machines, times_of(readings)?) else { return Ok(None) };
        collected.duplicates += new.false_count() as u64;
        if !self.timing.drop_duplicates {
            return Ok(None);
        }
        Ok(Some(filter_record_batch(readings, &new)?))
    }

    /// Runs all streams over readings none of which is separated from another by the end of its window.
    fn feed(
        &mut self,
        readings: RecordBatch,
        watermark: i64,
        collected: &mut Collected,
    ) -> Result<(), DataflowError> {
        let before = self.watermark;
        let watermark = self.watermark.map_or(watermark, |old| old.max(watermark));
        self.watermark = Some(watermark);
        let mut late_rows = Vec::new();
        let mut flows: Vec<Flow> = Vec::with_capacity(self.streams.len());
        for (position, steps) in self.streams.iter_mut().enumerate() {
            let stream = &self.graph.streams()[position];
            let mut flow = match stream.input {
                None => Flow { rows: Some(readings.clone()).filter(|b| b.num_rows() > 0), ..Flow::default() },
                Some(input) => flows[input].clone(),
            };
            let mut over_readings = stream.over_readings;
            for step in steps {
                match step {
                    Step::Segment(segment) => {
                        flow.rows = flow.rows.map(|rows| segment.run(rows)).transpose()?.flatten();
                        flow.revised = flow.revised.map(|rows| segment.run(rows)).transpose()?.flatten();
                    }
                    Step::Stateful(operator, _) => {
                        if let Some(rows) = &flow.rows {
                            let late = operator.push(rows)?;
                            if over_readings && !late.is_empty() {
                                let rows = reading_rows(&readings, rows, late)?;
                                late_rows.extend(rows.into_iter().map(|row| (row, position)));
                            }
                        }
                        over_readings = false;
                        // Rows that are given again would count twice: they end here.
                        let emitted = operator.advance(flow.delayed(watermark))?;
                        let delay = flow.delay + operator.delay();
                        flow = Flow { rows: emitted.rows, revised: emitted.revised, delay };
                    }
                }
            }
            collected.streams[position].extend(flow.rows.clone());
            collected.revised[position].extend(flow.revised.clone());
            flows.push(flow);
        }
        if !late_rows.is_empty() {
            // In the order of the readings, so that it does not show where a batch was cut.
            late_rows.sort_unstable();
            collected.late.push(self.late(&readings, &late_rows, before)?);
        }
        Ok(())
    }

    /// Late readings, in the order of their numbers, each with the stream it was late for and the watermark it met:
    /// the one `before` the readings, moved on by those that came before the late one.
    fn late(
        &self,
        readings: &RecordBatch,
        rows: &[(u32, usize)],
        before: Option<i64>,
    ) -> Result<RecordBatch, DataflowError> {
        let numbers: UInt32Array = rows.iter().map(|(row, _)| Some(*row)).collect();
        let names: StringArray =
            rows.iter().map(|(_, stream)| Some(&*self.graph.streams()[*stream].name)).collect();
        let mut columns: Vec<ArrayRef> = take_record_batch(readings, &numbers)?.columns().to_vec();
        columns.push(Arc::new(names));
        let times = times_of(readings)?.values();
        let (mut watermark, mut at) = (before, 0);
        let met: TimestampMicrosecondArray = (rows.iter())
            .map(|(row, _)| {
                let newest = times[at..*row as usize].iter().max();
                watermark = watermark.max(newest.map(|newest| newest - self.timing.max_delay));
                at = *row as usize;
                watermark
            })
            .collect();
        columns.push(Arc::new(met.with_timezone("UTC")));
        Ok(RecordBatch::try_new(Arc::clone(&self.late_schema), columns)?)
    }

    fn outputs(&self, collected: Collected) -> Result<Outputs, DataflowError> {
        let Collected { duplicates, unknown, .. } = collected;
        let machines = self.machines.lock().fresh();
        let mut outputs = Outputs { duplicates, unknown, machines, ..Outputs::default() };
        for (position, batches) in collected.streams.iter().enumerate() {
            outputs.streams.extend(joined(batches)?.map(|batch| (position, batch)));
        }
        for (position, batches) in collected.revised.iter().enumerate() {
            outputs.revised.extend(joined(batches)?.map(|batch| (position, batch)));
        }
        outputs.late = joined(&collected.late)?;
        Ok(outputs)
    }
}

/// What goes from one step to the next.
#[derive(Debug, Clone, Default)]
struct Flow {
    rows: Option<RecordBatch>,
    revised: Option<RecordBatch>,
    /// By how much rows to come may be behind the watermark.
    delay: i64,
}

impl Flow {
    fn delayed(&self, watermark: i64) -> i64 {
        if watermark == i64::MAX { watermark } else { watermark.saturating_sub(self.delay) }
    }
}

fn missing(column: &str) -> DataflowError {
    arrow::error::ArrowError::SchemaError(format!("readings have no column `{column}`")).into()
}

fn machines_of(readings: &RecordBatch) -> Result<&StringArray, DataflowError> {
    let column = readings.column_by_name(MACHINE_ID).and_then(|c| c.as_string_opt::<i32>());
    column.ok_or_else(|| missing(MACHINE_ID))
}

fn times_of(readings: &RecordBatch) -> Result<&TimestampMicrosecondArray, DataflowError> {
    let column = readings.column_by_name(TIMESTAMP).and_then(|c| c.as_primitive_opt());
    column.ok_or_else(|| missing(TIMESTAMP))
}

/// The numbers of the readings behind the rows `late` of `pushed`, which is what a stateless query made of `readings`.
fn reading_rows(
    readings: &RecordBatch,
    pushed: &RecordBatch,
    late: Vec<u32>,
) -> Result<Vec<u32>, DataflowError> {
    if pushed.num_rows() == readings.num_rows() {
        return Ok(late);
    }
    // The query left some out: the others are found by machine and time.
    let names = |batch: &RecordBatch| -> Result<(StringArray, TimestampMicrosecondArray), DataflowError> {
        Ok((machines_of(batch)?.clone(), times_of(batch)?.clone()))
    };
    let (machines, times) = names(&take_record_batch(pushed, &UInt32Array::from(late))?)?;
    let wanted: HashSet<(&str, i64)> =
        machines.iter().flatten().zip(times.values().iter().copied()).collect();
    let (machines, times) = names(readings)?;
    let rows = (0u32..).zip(machines.iter().flatten()).zip(times.values());
    Ok(rows
        .filter(|((_, machine), ts)| wanted.contains(&(*machine, **ts)))
        .map(|((row, _), _)| row)
        .collect())
}

/// Batches of one call, before they are joined.
struct Collected {
    streams: Vec<Vec<RecordBatch>>,
    revised: Vec<Vec<RecordBatch>>,
    late: Vec<RecordBatch>,
    duplicates: u64,
    unknown: u64,
}

impl Collected {
    fn new(streams: usize) -> Self {
        let none = || vec![Vec::new(); streams];
        Self { streams: none(), revised: none(), late: Vec::new(), duplicates: 0, unknown: 0 }
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
