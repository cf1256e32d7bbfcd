//! The rolling operator: rows in, rows with their results out.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, RecordBatch, StructArray, UInt32Array};
use arrow::buffer::OffsetBuffer;
use arrow::compute::take;
use arrow::datatypes::{DataType, SchemaRef, TimestampMicrosecondType};
use datafusion::common::{Result, internal_err};
use datafusion::physical_expr::PhysicalExpr;
use serde::{Deserialize, Serialize};

use super::evaluate::{Group, evaluate};
use super::held::Held;
use super::plan::RollingPlan;
use super::stretch::{Stretch, Stretches};
use super::tail::Tails;
use crate::dataflow::operator::{Chunk, Emitted, Operator, OperatorState};

/// The state of one step of rolling functions in one partition.
#[derive(Debug)]
pub struct RollingOperator {
    plan: Arc<RollingPlan>,
    held: Held,
    tails: Tails,
    watermark: i64,
    /// At this watermark the tails of silent machines are looked through.
    next_look: i64,
    /// Number of the next chunk.
    next_chunk: i64,
}

/// `None` for a watermark that has not begun.
#[derive(Serialize, Deserialize)]
struct Marks {
    watermark: Option<i64>,
    next: i64,
    held: Vec<Stretch>,
    tail: Vec<Stretch>,
}

impl RollingOperator {
    /// An operator without state.
    pub fn new(plan: Arc<RollingPlan>) -> Result<Self> {
        let tails = Tails::new(&plan)?;
        Ok(Self {
            plan,
            held: Held::default(),
            tails,
            watermark: i64::MIN,
            next_look: i64::MIN,
            next_chunk: 0,
        })
    }

    /// An operator that goes on from the state of another.
    pub fn restore(
        plan: Arc<RollingPlan>,
        marks: serde_json::Value,
        mut chunks: BTreeMap<i64, RecordBatch>,
    ) -> Result<Self> {
        let marks: Marks = match serde_json::from_value(marks) {
            Ok(marks) => marks,
            Err(error) => return internal_err!("the marks of rolling functions: {error}"),
        };
        let mut operator = Self::new(plan)?;
        operator.watermark = marks.watermark.unwrap_or(i64::MIN);
        operator.next_chunk = marks.next;
        let mut rows =
            |stretch: &Stretch, column: usize, schema: &SchemaRef| match chunks.get_mut(&stretch.number) {
                Some(chunk) => rows_of(chunk.column(column), schema),
                None => internal_err!("chunk {} is missing", stretch.number),
            };

        // Numbers of arrival begin anew, in the same order.
        let mut held = marks.held;
        let mut batches = Vec::with_capacity(held.len());
        let mut arrived = 0;
        for stretch in &mut held {
            let batch = rows(stretch, 0, &operator.plan.input)?;
            arrived += batch.num_rows() as i64;
            stretch.to = arrived;
            batches.push(batch);
        }
        operator.held.stretches = Stretches::restore(held);
        for batch in batches {
            operator.hold(&batch, true)?;
        }

        let schema = operator.plan.tail_schema();
        let parts = marks.tail.iter().map(|stretch| rows(stretch, 1, &schema)).collect::<Result<Vec<_>>>()?;
        operator.tails.stretches = Stretches::restore(marks.tail);
        for part in parts {
            operator.tails.put_back(&part)?;
        }
        // Chunks may hold rows that were no longer needed.
        operator.tails.trim_all(operator.watermark)?;
        operator.tails.stretches.all_written();
        operator.held.stretches.all_written();
        Ok(operator)
    }

    /// Takes rows in, and gives the numbers of those that are late.
    fn hold(&mut self, batch: &RecordBatch, put_back: bool) -> Result<Vec<u32>> {
        let times = self.plan.time.evaluate(batch)?.into_array(batch.num_rows())?;
        let Some(times) = times.as_primitive_opt::<TimestampMicrosecondType>() else {
            return internal_err!("an event time is no timestamp");
        };
        let mut late = Vec::new();
        let mut taken = Vec::with_capacity(times.len());
        for (row, ts) in times.iter().enumerate() {
            match ts {
                Some(ts) if ts >= self.watermark => taken.push((row, ts)),
                Some(_) => late.push(row as u32),
                // A row without event time is nowhere.
                None => {}
            }
        }
        self.held.add(batch, taken.into_iter(), put_back);
        Ok(late)
    }

    /// The results of rows that the watermark has passed. They go into the tails of their machines.
    fn roll(&mut self, rows: RecordBatch, times: &[i64]) -> Result<RecordBatch> {
        let count = rows.num_rows();
        let columns = |exprs: &[Arc<dyn PhysicalExpr>]| -> Result<Vec<ArrayRef>> {
            exprs.iter().map(|expr| expr.evaluate(&rows)?.into_array(count)).collect()
        };
        let keys = self.tails.keys(&columns(&self.plan.keys)?)?;
        let mut by_machine: Vec<(usize, u32)> =
            (0u32..).zip(keys.iter()).map(|(row, key)| (self.tails.slot(key.as_ref()), row)).collect();
        by_machine.sort_unstable();
        let order: UInt32Array = by_machine.iter().map(|(_, row)| *row).collect();
        let inputs = columns(&self.plan.inputs)?;
        let inputs = inputs.iter().map(|input| Ok(take(input, &order, None)?)).collect::<Result<Vec<_>>>()?;
        let mut groups = Vec::new();
        let mut start = 0;
        for run in by_machine.chunk_by(|a, b| a.0 == b.0) {
            let group = Group { slot: run[0].0, rows: run.iter().map(|(_, row)| *row).collect() };
            let part: Vec<ArrayRef> = inputs.iter().map(|input| input.slice(start, run.len())).collect();
            self.tails.append(group.slot, group.rows.iter().map(|&row| times[row as usize]), &part)?;
            start += run.len();
            groups.push(group);
        }
        let results = evaluate(&self.plan, &self.tails, &groups, count)?;
        for group in &groups {
            self.tails.trim(group.slot, self.watermark)?;
        }
        let columns = rows.columns().iter().cloned().chain(results).collect();
        Ok(RecordBatch::try_new(Arc::clone(&self.plan.schema), columns)?)
    }

    /// From time to time, what silent machines leave behind is forgotten.
    fn look_after_silent(&mut self) -> Result<()> {
        if let Some(range) = self.plan.reach.range
            && self.watermark >= self.next_look
        {
            self.tails.trim_all(self.watermark)?;
            self.next_look = self.watermark.saturating_add(range.max(1_000_000));
        }
        Ok(())
    }

    fn chunk(&self, held: RecordBatch, tail: StructArray) -> Result<Chunk> {
        let schema = self.plan.chunk_schema();
        let lists = [StructArray::from(held), tail];
        let columns = lists.into_iter().zip(schema.fields()).map(|(rows, field)| -> Result<ArrayRef> {
            let DataType::List(item) = field.data_type() else { return internal_err!("no list") };
            let offsets = OffsetBuffer::from_lengths([rows.len()]);
            Ok(Arc::new(ListArray::try_new(Arc::clone(item), offsets, Arc::new(rows), None)?))
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        Ok(Chunk::Changed(RecordBatch::try_new(schema, columns)?))
    }
}

/// The rows of a list that is one row.
fn rows_of(column: &ArrayRef, schema: &SchemaRef) -> Result<RecordBatch> {
    let list = column.as_list_opt::<i32>().filter(|list| list.len() == 1);
    let Some(rows) = list.map(|list| list.value(0)) else {
        return internal_err!("a chunk has no list of rows");
    };
    match rows.as_struct_opt() {
        Some(rows) => Ok(RecordBatch::try_new(Arc::clone(schema), rows.columns().to_vec())?),
        None => internal_err!("a chunk has no rows"),
    }
}

impl Operator for RollingOperator {
    fn push(&mut self, batch: &RecordBatch) -> Result<Vec<u32>> {
        if batch.num_rows() == 0 {
            return Ok(Vec::new());
        }
        let batch = RecordBatch::try_new(Arc::clone(&self.plan.input), batch.columns().to_vec())?;
        self.hold(&batch, false)
    }

    fn advance(&mut self, watermark: i64) -> Result<Emitted> {
        self.watermark = self.watermark.max(watermark);
        let rows = match self.held.release(self.watermark)? {
            Some((rows, times)) => Some(self.roll(rows, &times)?),
            None => None,
        };
        self.look_after_silent()?;
        Ok(Emitted { rows, revised: None })
    }

    fn state(&mut self, all: bool) -> Result<OperatorState> {
        self.tails.trim_all(self.watermark)?;
        let held = self.held.stretches.seal(self.held.next(), &mut self.next_chunk, all);
        let tail = self.tails.stretches.seal(self.watermark, &mut self.next_chunk, all);
        let mut chunks = BTreeMap::new();
        let mut from = 0;
        for stretch in &held {
            let chunk = if stretch.written > 0 {
                Chunk::Unchanged
            } else {
                let nothing = StructArray::from(RecordBatch::new_empty(self.plan.tail_schema()));
                self.chunk(self.held.between(from, stretch.to)?, nothing)?
            };
            chunks.insert(stretch.number, chunk);
            from = stretch.to;
        }
        let mut from = i64::MIN;
        for stretch in &tail {
            let chunk = if stretch.written > 0 {
                Chunk::Unchanged
            } else {
                let nothing = RecordBatch::new_empty(Arc::clone(&self.plan.input));
                self.chunk(nothing, self.tails.between(from, stretch.to)?)?
            };
            chunks.insert(stretch.number, chunk);
            from = stretch.to;
        }
        let watermark = (self.watermark != i64::MIN).then_some(self.watermark);
        match serde_json::to_value(Marks { watermark, next: self.next_chunk, held, tail }) {
            Ok(marks) => Ok(OperatorState { marks, chunks }),
            Err(error) => internal_err!("marks are no JSON: {error}"),
        }
    }

    fn memory(&self) -> usize {
        self.held.memory() + self.tails.memory()
    }
}
