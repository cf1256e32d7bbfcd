//! The window operator: rows in, windows out, state in panes.
//!
//! ```text
//! rows ──▶ pane of each row ──▶ open pane (accumulators) ──seal──▶ sealed pane (states)
//!                                        ▲                              │
//!                                        └────── a row that comes late ─┘
//!          watermark ≥ end of a window ──▶ merge its panes ──▶ one row for each key
//! ```
//!
//! Results depend only on the order of the rows, never on how they were cut into batches nor on where a
//! checkpoint was taken: each pane adds its rows one after the other, panes are merged in time order, and
//! merging a state into an empty table gives that same state back (`exact.rs` sees to it).

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, RecordBatch, StructArray, TimestampMicrosecondArray, UInt32Array,
};
use arrow::compute::{concat_batches, take};
use arrow::datatypes::{SchemaRef, TimestampMicrosecondType};
use datafusion::common::Result;
use datafusion::physical_expr::PhysicalExpr;

use super::accumulate::{AggregateTable, Sealed, TableShape};
use super::spec::WindowSpec;
use super::sql::functions::window_fields;

/// A windowed aggregation, compiled: what to evaluate on a batch and what comes out.
#[derive(Debug)]
pub struct WindowPlan {
    /// The windows.
    pub spec: WindowSpec,
    /// Event time of a row: timestamp in microseconds.
    pub time: Arc<dyn PhysicalExpr>,
    /// The keys, without the window.
    pub keys: Vec<Arc<dyn PhysicalExpr>>,
    /// Arguments, orderings and filters of the aggregates, each evaluated once however many aggregates use it.
    pub inputs: Vec<Arc<dyn PhysicalExpr>>,
    /// Keys and aggregates.
    pub shape: Arc<TableShape>,
    /// Where among the output's grouping columns the window stands.
    pub window_at: usize,
    /// Schema of the output: grouping columns, then the aggregates.
    pub schema: SchemaRef,
}

/// Rows of one pane: still being added to, or at rest.
#[derive(Debug)]
enum Pane {
    /// Takes rows.
    Open(AggregateTable),
    /// Has been used by a window or a checkpoint; opened again if a row comes.
    Sealed(Sealed),
}

/// The state of one windowed query in one partition.
#[derive(Debug)]
pub struct WindowOperator {
    plan: Arc<WindowPlan>,
    panes: BTreeMap<i64, Pane>,
    /// Windows that end here or before have fired.
    fired_to: i64,
}

/// State of an operator as a checkpoint holds it: the sealed panes by start, and the fired mark.
#[derive(Debug, Clone)]
pub struct WindowState {
    /// Panes by start.
    pub panes: Vec<(i64, Sealed)>,
    /// Windows that end here or before have fired.
    pub fired_to: i64,
}

impl WindowOperator {
    /// An operator without state.
    pub fn new(plan: Arc<WindowPlan>) -> Self {
        Self { plan, panes: BTreeMap::new(), fired_to: i64::MIN }
    }

    /// An operator that goes on from a checkpoint.
    pub fn restore(plan: Arc<WindowPlan>, state: WindowState) -> Self {
        let panes = state.panes.into_iter().map(|(start, sealed)| (start, Pane::Sealed(sealed))).collect();
        Self { plan, panes, fired_to: state.fired_to }
    }

    /// What the operator computes.
    pub fn plan(&self) -> &Arc<WindowPlan> {
        &self.plan
    }

    /// Adds rows to their panes. A row all of whose windows have fired is left out: whoever feeds the
    /// operator has already told it as late.
    pub fn push(&mut self, batch: &RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let evaluate = |exprs: &[Arc<dyn PhysicalExpr>]| -> Result<Vec<ArrayRef>> {
            exprs.iter().map(|e| e.evaluate(batch)?.into_array(batch.num_rows())).collect()
        };
        let times = self.plan.time.evaluate(batch)?.into_array(batch.num_rows())?;
        let keys = evaluate(&self.plan.keys)?;
        let inputs = evaluate(&self.plan.inputs)?;
        for run in self.runs(times.as_primitive::<TimestampMicrosecondType>()) {
            let keys = run.of(&keys)?;
            let inputs = run.of(&inputs)?;
            self.open(run.pane)?.update(&keys, &inputs, run.len())?;
        }
        Ok(())
    }

    /// The rows of each pane. Rows in time order give one slice a pane; scattered rows are gathered, keeping
    /// their order within a pane.
    fn runs(&self, times: &TimestampMicrosecondArray) -> Vec<Run> {
        let spec = &self.plan.spec;
        let mut runs: Vec<Run> = Vec::new();
        let mut scattered = false;
        let mut newest = i64::MIN; // start of the newest pane so far
        let mut bounds = (0i64, i64::MIN); // the pane of the row before, as [start, end)
        for (row, &ts) in times.values().iter().enumerate() {
            let same = ts >= bounds.0 && ts < bounds.1;
            if !same || times.is_null(row) {
                let pane = spec.pane_of(ts);
                bounds = (pane, pane + spec.pane());
                // A row without event time, between windows, or late for all of its windows: in no pane.
                let taken = !times.is_null(row) && spec.covers(pane) && spec.last_end(pane) > self.fired_to;
                if times.is_null(row) {
                    bounds = (0, i64::MIN);
                }
                if taken {
                    scattered |= pane <= newest;
                    newest = newest.max(pane);
                }
                runs.push(Run { pane, rows: Rows::Slice(row, 0), taken });
            }
            if let Some(Run { rows: Rows::Slice(_, length), .. }) = runs.last_mut() {
                *length += 1;
            }
        }
        runs.retain(|run| run.taken);
        if scattered { gather(&runs) } else { runs }
    }

    fn open(&mut self, start: i64) -> Result<&mut AggregateTable> {
        let pane = match self.panes.remove(&start) {
            Some(Pane::Open(table)) => table,
            Some(Pane::Sealed(sealed)) => {
                let mut table = AggregateTable::new(&self.plan.shape)?;
                table.merge(&sealed)?;
                table
            }
            None => AggregateTable::new(&self.plan.shape)?,
        };
        match self.panes.entry(start).or_insert(Pane::Open(pane)) {
            Pane::Open(table) => Ok(table),
            Pane::Sealed(_) => datafusion::common::internal_err!("a pane just opened is sealed"),
        }
    }

    /// Fires every window that ends at or before `watermark`, in order of its end, and forgets the panes no
    /// later window needs. One batch with the rows of all of them, or none.
    pub fn advance(&mut self, watermark: i64) -> Result<Option<RecordBatch>> {
        let mut fired = Vec::new();
        while let Some((&first, _)) = self.panes.first_key_value() {
            let end = self.plan.spec.first_end(first).max(self.next_end());
            if end > watermark {
                break;
            }
            fired.push(self.fire(end)?);
            self.fired_to = end;
            let spec = self.plan.spec;
            self.panes.retain(|&pane, _| spec.last_end(pane) > end);
        }
        // Even where no pane was hit: a row for a window that ends before the watermark is late from now on.
        self.fired_to = self.fired_to.max(watermark);
        match fired.len() {
            0 => Ok(None),
            1 => Ok(fired.pop()),
            _ => Ok(Some(concat_batches(&self.plan.schema, &fired)?)),
        }
    }

    /// Fires every window that holds a row, the input being over.
    pub fn finish(&mut self) -> Result<Option<RecordBatch>> {
        self.advance(i64::MAX)
    }

    fn next_end(&self) -> i64 {
        if self.fired_to == i64::MIN { i64::MIN } else { self.plan.spec.next_end(self.fired_to) }
    }

    fn fire(&mut self, end: i64) -> Result<RecordBatch> {
        let start = end - self.plan.spec.size();
        let mut table = AggregateTable::new(&self.plan.shape)?;
        for (_, pane) in self.panes.range_mut(start..end) {
            table.merge(seal(pane, &self.plan.shape)?)?;
        }
        let rows = table.groups();
        let (mut columns, results) = table.finish()?;
        columns.insert(self.plan.window_at, window_column(start, end, rows));
        columns.extend(results);
        Ok(RecordBatch::try_new(Arc::clone(&self.plan.schema), columns)?)
    }

    /// The state between two batches. Panes are sealed by it, which does not change any result.
    pub fn state(&mut self) -> Result<WindowState> {
        let mut panes = Vec::with_capacity(self.panes.len());
        for (&start, pane) in &mut self.panes {
            panes.push((start, seal(pane, &self.plan.shape)?.clone()));
        }
        Ok(WindowState { panes, fired_to: self.fired_to })
    }

    /// End of the last window that holds a row so far: closing the stream means advancing to here.
    pub fn last_end(&self) -> Option<i64> {
        self.panes.last_key_value().map(|(&pane, _)| self.plan.spec.last_end(pane))
    }
}

fn seal<'a>(pane: &'a mut Pane, shape: &Arc<TableShape>) -> Result<&'a Sealed> {
    if let Pane::Open(table) = pane {
        let table = std::mem::replace(table, AggregateTable::new(shape)?);
        *pane = Pane::Sealed(table.seal()?);
    }
    match pane {
        Pane::Sealed(sealed) => Ok(sealed),
        Pane::Open(_) => datafusion::common::internal_err!("a pane just sealed is open"),
    }
}

/// The struct column `{window_start, window_end, window_time}` of one window.
fn window_column(start: i64, end: i64, rows: usize) -> ArrayRef {
    let column = |ts: i64| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from_value(ts, rows).with_timezone("UTC"))
    };
    Arc::new(StructArray::new(window_fields(), vec![column(start), column(end), column(end - 1)], None))
}

/// Rows of a batch that fall into one pane.
struct Run {
    pane: i64,
    rows: Rows,
    taken: bool,
}

enum Rows {
    /// First row and length.
    Slice(usize, usize),
    /// Row numbers.
    Gather(UInt32Array),
}

impl Run {
    fn len(&self) -> usize {
        match &self.rows {
            Rows::Slice(_, length) => *length,
            Rows::Gather(rows) => rows.len(),
        }
    }

    fn of(&self, columns: &[ArrayRef]) -> Result<Vec<ArrayRef>> {
        columns
            .iter()
            .map(|column| match &self.rows {
                Rows::Slice(start, length) => Ok(column.slice(*start, *length)),
                Rows::Gather(rows) => Ok(take(column, rows, None)?),
            })
            .collect()
    }
}

/// Joins the slices of each pane into one list of rows.
fn gather(slices: &[Run]) -> Vec<Run> {
    let mut by_pane: BTreeMap<i64, Vec<u32>> = BTreeMap::new();
    for run in slices {
        if let Rows::Slice(start, length) = run.rows {
            // Batches are far smaller than u32: the source cuts them by rows.
            by_pane.entry(run.pane).or_default().extend((start..start + length).map(|row| row as u32));
        }
    }
    by_pane
        .into_iter()
        .map(|(pane, rows)| Run { pane, rows: Rows::Gather(UInt32Array::from(rows)), taken: true })
        .collect()
}
