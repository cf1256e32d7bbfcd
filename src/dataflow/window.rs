//! The window operator: rows in, windows out, state in panes.
//!
//! ```text
//! rows ──▶ pane of each row ──▶ open pane (accumulators) ──end of a window──▶ closed pane (states)
//!                         └───▶ late rows of a closed pane, beside it
//!          watermark ≥ end of a window ──▶ merge ──▶ one row for each key
//! ```
//!
//! **Constant work.** A window of `size / slide = 360` holds 360 times the panes of its slide; merging them all each
//! time would cost 360 times as much. So time is cut into blocks as long as a window ([`WindowSpec::block_of`]):
//! every window is the end of one block and the beginning of the next, and both are at hand but for a few panes. This
//! is the two-stacks queue with its turning points fixed in time, so that a window is merged in one way only, wherever
//! the stream began. The ends of long blocks are kept in two levels, to hold some `√n` tables beside the `n` panes and
//! not another `n`:
//!
//! ```text
//! block before                           |  block of the window's end
//! … pane pane [pane pane  group  group ] | [pane pane pane] pane …
//!             └──── end of the block ───┘   └─ beginning ─┘
//! window      |--------------------------------------------|
//! ```
//!
//! **Late rows** of a window that is still open, or that may be revised (`allowed_lateness`), stay in tables of their
//! own and are merged last. So nothing that was merged before is ever made again for the sake of one row.
//!
//! **When.** The operator acts only when the watermark passes the end of a window; between two ends nothing changes but
//! the tables of the rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Int32Array, RecordBatch, StructArray, TimestampMicrosecondArray, UInt32Array,
};
use arrow::compute::{concat_batches, take};
use arrow::datatypes::{SchemaRef, TimestampMicrosecondType};
use datafusion::common::Result;
use datafusion::physical_expr::PhysicalExpr;

use self::blocks::Blocks;
use self::pane::{Pane, Table};
use super::accumulate::{AggregateTable, TableShape};
use super::operator::{Emitted, Operator, OperatorState};
use super::spec::WindowSpec;
use super::sql::functions::window_fields;

mod blocks;
mod pane;
mod revise;
mod state;

/// An aggregation over event time, compiled: what to evaluate on a batch and what comes out.
#[derive(Debug)]
pub struct Grouping {
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

/// The columns of a batch that an aggregation works on.
pub(super) struct Evaluated {
    pub(super) times: TimestampMicrosecondArray,
    pub(super) keys: Vec<ArrayRef>,
    pub(super) inputs: Vec<ArrayRef>,
}

impl Grouping {
    pub(super) fn evaluate(&self, batch: &RecordBatch) -> Result<Evaluated> {
        let evaluate = |exprs: &[Arc<dyn PhysicalExpr>]| -> Result<Vec<ArrayRef>> {
            exprs.iter().map(|e| e.evaluate(batch)?.into_array(batch.num_rows())).collect()
        };
        let times = self.time.evaluate(batch)?.into_array(batch.num_rows())?;
        let times = times.as_primitive::<TimestampMicrosecondType>().clone();
        Ok(Evaluated { times, keys: evaluate(&self.keys)?, inputs: evaluate(&self.inputs)? })
    }

    /// The output rows of keys and results in the windows of `window`.
    pub(super) fn rows(
        &self,
        mut keys: Vec<ArrayRef>,
        results: Vec<ArrayRef>,
        window: ArrayRef,
    ) -> Result<RecordBatch> {
        keys.insert(self.window_at, window);
        keys.extend(results);
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), keys)?)
    }
}

/// Windows of fixed length, compiled.
#[derive(Debug)]
pub struct WindowPlan {
    /// The windows.
    pub spec: WindowSpec,
    /// What is aggregated in them.
    pub grouping: Grouping,
}

/// The state of one windowed query in one partition.
#[derive(Debug)]
pub struct WindowOperator {
    plan: Arc<WindowPlan>,
    /// How long after its end a window takes late rows and is given again; microseconds.
    lateness: i64,
    panes: BTreeMap<i64, Pane>,
    /// The last end of a window that the watermark has passed; windows that end here or before have fired.
    mark: i64,
    /// How often each window that may still be revised has been, by its end.
    revisions: BTreeMap<i64, i32>,
    /// What is merged already; follows from the panes.
    blocks: Blocks,
}

impl WindowOperator {
    /// An operator without state. Windows take late rows until `lateness` microseconds after their end.
    pub fn new(plan: Arc<WindowPlan>, lateness: i64) -> Self {
        let blocks = Blocks::new(plan.spec);
        Self { plan, lateness, panes: BTreeMap::new(), mark: i64::MIN, revisions: BTreeMap::new(), blocks }
    }

    fn shape(&self) -> &Arc<TableShape> {
        &self.plan.grouping.shape
    }

    /// Whether rows of the pane are left out: every window that holds it has fired, and its time for late rows is over.
    fn is_over(&self, pane: i64) -> bool {
        self.plan.spec.last_end(pane).saturating_add(self.lateness) <= self.mark
    }

    /// The rows of each pane. Rows in time order give one slice a pane; scattered rows are gathered, keeping
    /// their order within a pane.
    fn runs(&self, times: &TimestampMicrosecondArray) -> (Vec<Run>, Vec<u32>) {
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
                // A row without event time or between two windows is in no pane.
                let fate = if times.is_null(row) || !spec.covers(pane) {
                    Fate::Nowhere
                } else if self.is_over(pane) {
                    Fate::Late
                } else {
                    Fate::Taken
                };
                if times.is_null(row) {
                    bounds = (0, i64::MIN);
                }
                if fate == Fate::Taken {
                    scattered |= pane <= newest;
                    newest = newest.max(pane);
                }
                runs.push(Run { pane, rows: Rows::Slice(row, 0), fate });
            }
            if let Some(Run { rows: Rows::Slice(_, length), .. }) = runs.last_mut() {
                *length += 1;
            }
        }
        let late = runs.iter().filter(|run| run.fate == Fate::Late).flat_map(Run::numbers).collect();
        runs.retain(|run| run.fate == Fate::Taken);
        (if scattered { gather(&runs) } else { runs }, late)
    }

    /// The end of the next window, after `after` and not after `to`, that holds a row.
    fn next_end(&self, after: i64, to: i64) -> Option<i64> {
        let spec = &self.plan.spec;
        let pane = self.panes.keys().copied().find(|&pane| spec.last_end(pane) > after)?;
        let next = if after == i64::MIN { i64::MIN } else { after.saturating_add(spec.slide()) };
        Some(spec.first_end(pane).max(next)).filter(|&end| end <= to)
    }

    fn fire(&mut self, end: i64) -> Result<RecordBatch> {
        let spec = self.plan.spec;
        let start = end - spec.size();
        let shape = Arc::clone(self.shape());
        for (_, pane) in self.panes.range_mut(start..end) {
            pane.close()?;
        }
        let mut table = AggregateTable::new(&shape)?;
        self.blocks.merge(&mut table, &shape, &self.panes, end)?;
        for late in self.panes.range(start..end).filter_map(|(_, pane)| pane.late.as_ref()) {
            table.merge(late)?;
        }
        let rows = table.groups();
        let (keys, results) = table.finish()?;
        self.plan.grouping.rows(keys, results, window_column(start, end, 0, rows))
    }

    fn forget(&mut self) {
        let (spec, lateness, mark) = (self.plan.spec, self.lateness, self.mark);
        if mark == i64::MAX {
            self.panes.clear();
            self.revisions.clear();
        }
        // Panes end in the order of their starts, so the first that is needed ends the search.
        while let Some((&pane, _)) = self.panes.first_key_value()
            && spec.last_end(pane).saturating_add(lateness) <= mark
        {
            self.panes.remove(&pane);
        }
        self.revisions.retain(|end, _| end.saturating_add(lateness) > mark);
    }
}

impl Operator for WindowOperator {
    fn push(&mut self, batch: &RecordBatch) -> Result<Vec<u32>> {
        if batch.num_rows() == 0 {
            return Ok(Vec::new());
        }
        let columns = self.plan.grouping.evaluate(batch)?;
        let (runs, late) = self.runs(&columns.times);
        let shape = Arc::clone(self.shape());
        for run in runs {
            let (keys, inputs) = (run.of(&columns.keys)?, run.of(&columns.inputs)?);
            let closed = self.plan.spec.pane_end(run.pane) <= self.mark;
            let pane = self.panes.entry(run.pane).or_default();
            pane.changed = true;
            let table = if closed { &mut pane.fresh } else { &mut pane.rows };
            Table::open(table, &shape)?.update(&keys, &inputs, run.len())?;
        }
        Ok(late)
    }

    fn advance(&mut self, watermark: i64) -> Result<Emitted> {
        let to = self.plan.spec.boundary(watermark);
        if to <= self.mark {
            return Ok(Emitted::default());
        }
        let revised = self.revise()?;
        let mut fired = Vec::new();
        let mut after = self.mark;
        while let Some(end) = self.next_end(after, to) {
            fired.push(self.fire(end)?);
            after = end;
        }
        self.mark = to;
        self.forget();
        let schema = &self.plan.grouping.schema;
        let rows = match fired.len() {
            0 | 1 => fired.pop(),
            _ => Some(concat_batches(schema, &fired)?),
        };
        Ok(Emitted { rows, revised })
    }

    fn state(&mut self, all: bool) -> Result<OperatorState> {
        self.put_away(all)
    }

    fn memory(&self) -> usize {
        self.panes.values().map(Pane::memory).sum::<usize>() + self.blocks.memory()
    }
}

/// The struct column `{window_start, window_end, window_time, revision}` of one window.
pub(super) fn window_column(start: i64, end: i64, revision: i32, rows: usize) -> ArrayRef {
    let column = |ts: i64| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from_value(ts, rows).with_timezone("UTC"))
    };
    let revision = Arc::new(Int32Array::from_value(revision, rows));
    let columns = vec![column(start), column(end), column(end - 1), revision];
    Arc::new(StructArray::new(window_fields(), columns, None))
}

/// What becomes of the rows of a pane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Taken,
    Late,
    Nowhere,
}

/// Rows of a batch that fall into one pane.
struct Run {
    pane: i64,
    rows: Rows,
    fate: Fate,
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

    /// Row numbers. Batches are far smaller than u32: the source cuts them by rows.
    fn numbers(&self) -> Vec<u32> {
        match &self.rows {
            Rows::Slice(start, length) => (*start..start + length).map(|row| row as u32).collect(),
            Rows::Gather(rows) => rows.values().to_vec(),
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
        by_pane.entry(run.pane).or_default().extend(run.numbers());
    }
    let run = |(pane, rows)| Run { pane, rows: Rows::Gather(UInt32Array::from(rows)), fate: Fate::Taken };
    by_pane.into_iter().map(run).collect()
}
