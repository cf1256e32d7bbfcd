//! The session operator: rows of a key that follow each other closely, until a gap.
//!
//! A row at `ts` is a session `[ts, ts + gap)` of its own; sessions of one key that touch become one (as in Flink, two
//! rows exactly a gap apart are one session). So a session ends a gap after its last row, and it is given once the
//! watermark is *past* that end: a row at the very end could still have come until then. What follows a session
//! operator therefore sees a watermark that is one microsecond behind ([`Operator::delay`]).
//!
//! All sessions lie in one table, under their keys and a number. A row that joins two sessions joins their numbers;
//! their states are merged when the session is given.
//!
//! A session is never revised: a row that comes after its session was given, and a gap or more before the watermark,
//! is late.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use arrow::array::TimestampMicrosecondArray;
use arrow::array::{ArrayRef, AsArray, Int32Array, Int64Array, RecordBatch, StructArray, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use arrow::row::{RowConverter, SortField};
use datafusion::common::{Result, internal_err};
use serde::{Deserialize, Serialize};

use super::accumulate::{AggregateTable, Sealed, TableShape};
use super::operator::{Chunk, Emitted, Operator, OperatorState};
use super::sql::functions::window_fields;
use super::window::Grouping;

/// Sessions, compiled.
#[derive(Debug)]
pub struct SessionPlan {
    /// The longest silence within a session, microseconds.
    pub gap: i64,
    /// What is aggregated. The last key of its shape is the number of the session.
    pub grouping: Grouping,
}

/// A session of a key that has not been given yet.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Session {
    start: i64,
    end: i64,
    /// Its numbers in the table, ascending.
    numbers: Vec<i64>,
}

/// The state of one query over sessions in one partition.
#[derive(Debug)]
pub struct SessionOperator {
    plan: Arc<SessionPlan>,
    rows: RowConverter,
    table: AggregateTable,
    /// Sessions of each key, in the order of time.
    open: HashMap<Box<[u8]>, Vec<Session>>,
    watermark: i64,
    /// The number of the next session.
    next: i64,
    changed: bool,
}

impl SessionPlan {
    /// Schema of the operator's chunk: extent and first number of the row's session, then keys, number and states.
    pub fn chunk_schema(&self) -> Result<SchemaRef> {
        let mut fields: Vec<_> =
            ["start", "end", "session"].map(|name| Arc::new(Field::new(name, DataType::Int64, false))).into();
        fields.extend(self.grouping.shape.state_schema()?.fields().iter().cloned());
        Ok(Arc::new(Schema::new(fields)))
    }
}

impl SessionOperator {
    /// An operator without state.
    pub fn new(plan: Arc<SessionPlan>) -> Result<Self> {
        let fields = plan.grouping.shape.keys.fields();
        let keys = fields.iter().take(fields.len().saturating_sub(1));
        let rows = RowConverter::new(keys.map(|key| SortField::new(key.data_type().clone())).collect())?;
        let table = AggregateTable::new(&plan.grouping.shape)?;
        Ok(Self { plan, rows, table, open: HashMap::new(), watermark: i64::MIN, next: 0, changed: false })
    }

    /// The number of the session that a row joins or begins; none for a row that is late.
    fn place(&mut self, key: &[u8], ts: i64) -> Option<i64> {
        let end = ts.saturating_add(self.plan.gap);
        if !self.open.contains_key(key) {
            self.open.insert(key.into(), Vec::new());
        }
        let sessions = self.open.get_mut(key)?;
        let from = sessions.partition_point(|session| session.end < ts);
        let to = sessions.partition_point(|session| session.start <= end);
        if from < to {
            let mut joined = sessions.drain(from..to).reduce(|mut one, other| {
                one.end = other.end;
                one.numbers.extend(other.numbers);
                one
            })?;
            joined.start = joined.start.min(ts);
            joined.end = joined.end.max(end);
            joined.numbers.sort_unstable();
            let number = joined.numbers.first().copied();
            sessions.insert(from, joined);
            return number;
        }
        if end < self.watermark {
            return None;
        }
        let number = self.next;
        self.next += 1;
        sessions.insert(from, Session { start: ts, end, numbers: vec![number] });
        Some(number)
    }

    /// Takes out the sessions that end before `watermark`, in the order of their ends.
    fn closed(&mut self, watermark: i64) -> Vec<Session> {
        let mut closed = Vec::new();
        self.open.retain(|_, sessions| {
            // A session ends before the next of its key begins.
            let over = sessions.partition_point(|s| s.end < watermark || watermark == i64::MAX);
            closed.extend(sessions.drain(..over));
            !sessions.is_empty()
        });
        closed.sort_unstable_by(|a, b| (a.end, &a.numbers).cmp(&(b.end, &b.numbers)));
        closed
    }

    fn give(&mut self, sessions: &[Session]) -> Result<RecordBatch> {
        let grouping = &self.plan.grouping;
        let all = std::mem::replace(&mut self.table, AggregateTable::new(&grouping.shape)?).seal()?;
        let numbers = self.numbers(&all)?;
        let at: HashMap<i64, u32> = numbers.values().iter().copied().zip(0u32..).collect();
        let given: HashSet<i64> = sessions.iter().flat_map(|s| s.numbers.iter().copied()).collect();
        let rest: UInt32Array =
            (0u32..).zip(numbers.values()).filter(|(_, n)| !given.contains(n)).map(|(row, _)| row).collect();
        self.table.merge(&rows_of(&all, &rest)?)?;

        // Every part of a session goes under its first number, in the order in which the sessions are given.
        let (mut rows, mut under) = (Vec::new(), Vec::new());
        for session in sessions {
            for number in &session.numbers {
                let (Some(&row), Some(&first)) = (at.get(number), session.numbers.first()) else {
                    return internal_err!("session {number} is in no table");
                };
                rows.push(row);
                under.push(first);
            }
        }
        let mut parts = rows_of(&all, &UInt32Array::from(rows))?;
        parts.keys.pop();
        parts.keys.push(Arc::new(Int64Array::from(under)));
        let mut table = AggregateTable::new(&grouping.shape)?;
        table.merge_parts(&parts)?;
        let (mut keys, results) = table.finish()?;
        keys.pop();
        grouping.rows(keys, results, window_column(sessions))
    }

    fn numbers(&self, sealed: &Sealed) -> Result<Int64Array> {
        match sealed.keys.last().and_then(|column| column.as_primitive_opt::<Int64Type>()) {
            Some(numbers) => Ok(numbers.clone()),
            None => internal_err!("a session has no number"),
        }
    }
}

impl Operator for SessionOperator {
    fn push(&mut self, batch: &RecordBatch) -> Result<Vec<u32>> {
        if batch.num_rows() == 0 {
            return Ok(Vec::new());
        }
        let columns = self.plan.grouping.evaluate(batch)?;
        let keys = self.rows.convert_columns(&columns.keys)?;
        let mut late = Vec::new();
        let mut taken = Vec::with_capacity(batch.num_rows());
        let mut numbers = Vec::with_capacity(batch.num_rows());
        for (row, ts) in (0u32..).zip(columns.times.iter()) {
            // A row without event time is in no session.
            let Some(ts) = ts else { continue };
            match self.place(keys.row(row as usize).as_ref(), ts) {
                Some(number) => {
                    taken.push(row);
                    numbers.push(number);
                }
                None => late.push(row),
            }
        }
        if taken.is_empty() {
            return Ok(late);
        }
        self.changed = true;
        let whole = taken.len() == batch.num_rows();
        let taken = UInt32Array::from(taken);
        let of = |columns: Vec<ArrayRef>| -> Result<Vec<ArrayRef>> {
            if whole {
                return Ok(columns);
            }
            columns.iter().map(|column| Ok(take(column, &taken, None)?)).collect()
        };
        let (mut keys, inputs) = (of(columns.keys)?, of(columns.inputs)?);
        let rows = numbers.len();
        keys.push(Arc::new(Int64Array::from(numbers)));
        self.table.update(&keys, &inputs, rows)?;
        Ok(late)
    }

    fn advance(&mut self, watermark: i64) -> Result<Emitted> {
        if watermark <= self.watermark {
            return Ok(Emitted::default());
        }
        self.watermark = watermark;
        let closed = self.closed(watermark);
        if closed.is_empty() {
            return Ok(Emitted::default());
        }
        self.changed = true;
        Ok(Emitted { rows: Some(self.give(&closed)?), revised: None })
    }

    fn delay(&self) -> i64 {
        1
    }

    fn state(&mut self, all: bool) -> Result<OperatorState> {
        let marks =
            Marks { watermark: (self.watermark != i64::MIN).then_some(self.watermark), next: self.next };
        let marks = match serde_json::to_value(marks) {
            Ok(marks) => marks,
            Err(error) => return internal_err!("marks are no JSON: {error}"),
        };
        let mut chunks = BTreeMap::new();
        if !self.open.is_empty() {
            let changed = self.changed || all;
            let chunk = if changed { Chunk::Changed(self.put_away()?) } else { Chunk::Unchanged };
            chunks.insert(0, chunk);
        }
        self.changed = false;
        Ok(OperatorState { marks, chunks })
    }

    fn memory(&self) -> usize {
        let entry = size_of::<Box<[u8]>>() + size_of::<Vec<Session>>() + size_of::<Session>() + 64;
        self.table.memory() + self.open.len() * entry
    }
}

#[derive(Serialize, Deserialize)]
struct Marks {
    watermark: Option<i64>,
    next: i64,
}

impl SessionOperator {
    fn put_away(&mut self) -> Result<RecordBatch> {
        let shape = &self.plan.grouping.shape;
        let sealed = std::mem::replace(&mut self.table, AggregateTable::new(shape)?).seal()?;
        self.table.merge(&sealed)?;
        let mut of: HashMap<i64, &Session> = HashMap::new();
        for session in self.open.values().flatten() {
            of.extend(session.numbers.iter().map(|&number| (number, session)));
        }
        let numbers = self.numbers(&sealed)?;
        let column = |value: fn(&Session) -> i64| -> Result<ArrayRef> {
            let values: Option<Vec<i64>> =
                numbers.values().iter().map(|number| of.get(number).map(|session| value(session))).collect();
            match values {
                Some(values) => Ok(Arc::new(Int64Array::from(values))),
                None => internal_err!("a row of the table is in no session"),
            }
        };
        let first = |session: &Session| session.numbers.first().copied().unwrap_or_default();
        let mut columns = vec![column(|s| s.start)?, column(|s| s.end)?, column(first)?];
        columns.extend(sealed.keys.iter().chain(sealed.states.iter().flatten()).cloned());
        Ok(RecordBatch::try_new(self.plan.chunk_schema()?, columns)?)
    }

    /// An operator that goes on from the state of another.
    pub fn restore(
        plan: Arc<SessionPlan>,
        marks: serde_json::Value,
        chunks: &BTreeMap<i64, RecordBatch>,
    ) -> Result<Self> {
        let marks: Marks = match serde_json::from_value(marks) {
            Ok(marks) => marks,
            Err(error) => return internal_err!("the marks of sessions: {error}"),
        };
        let mut operator = Self::new(plan)?;
        operator.watermark = marks.watermark.unwrap_or(i64::MIN);
        operator.next = marks.next;
        for chunk in chunks.values() {
            operator.take_out(chunk)?;
        }
        Ok(operator)
    }

    fn take_out(&mut self, chunk: &RecordBatch) -> Result<()> {
        let shape: &TableShape = &self.plan.grouping.shape;
        let widths: Vec<usize> =
            shape.aggregates.iter().map(|a| Ok(a.state_fields()?.len())).collect::<Result<_>>()?;
        let mut columns = chunk.columns()[3..].iter().cloned();
        let keys: Vec<ArrayRef> = columns.by_ref().take(shape.keys.fields().len()).collect();
        let states = widths.iter().map(|&width| columns.by_ref().take(width).collect()).collect();
        let sealed = Sealed { keys, states, rows: chunk.num_rows() };
        let numbers = self.numbers(&sealed)?;
        let names = self.rows.convert_columns(&sealed.keys[..sealed.keys.len() - 1])?;
        let integers = |at: usize| chunk.column(at).as_primitive::<Int64Type>();
        let (starts, ends, firsts) = (integers(0), integers(1), integers(2));
        let mut sessions: BTreeMap<i64, (Box<[u8]>, Session)> = BTreeMap::new();
        for row in 0..chunk.num_rows() {
            let (_, session) = sessions.entry(firsts.value(row)).or_insert_with(|| {
                let session = Session { start: starts.value(row), end: ends.value(row), numbers: Vec::new() };
                (names.row(row).as_ref().into(), session)
            });
            session.numbers.push(numbers.value(row));
        }
        for (key, mut session) in sessions.into_values() {
            session.numbers.sort_unstable();
            self.open.entry(key).or_default().push(session);
        }
        for sessions in self.open.values_mut() {
            sessions.sort_unstable_by_key(|session| session.start);
        }
        self.table.merge(&sealed)
    }
}

/// Rows of a table, in the order asked for.
fn rows_of(sealed: &Sealed, rows: &UInt32Array) -> Result<Sealed> {
    let of = |column: &ArrayRef| Ok(take(column, rows, None)?);
    let keys = sealed.keys.iter().map(of).collect::<Result<_>>()?;
    let states =
        sealed.states.iter().map(|columns| columns.iter().map(of).collect()).collect::<Result<_>>()?;
    Ok(Sealed { keys, states, rows: rows.len() })
}

/// The struct column `{window_start, window_end, window_time, revision}` of sessions.
fn window_column(sessions: &[Session]) -> ArrayRef {
    let column = |of: fn(&Session) -> i64| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from_iter_values(sessions.iter().map(of)).with_timezone("UTC"))
    };
    let revision = Arc::new(Int32Array::from_value(0, sessions.len()));
    let columns = vec![column(|s| s.start), column(|s| s.end), column(|s| s.end - 1), revision];
    Arc::new(StructArray::new(window_fields(), columns, None))
}
