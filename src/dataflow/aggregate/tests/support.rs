//! Rows, calls and tables for the tests of the aggregates.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use datafusion::common::Result;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::datasource::MemTable;
use datafusion::logical_expr::{AggregateUDF, LogicalPlan};

use crate::dataflow::accumulate::{AggregateTable, Sealed};
use crate::dataflow::sql::node::WindowAggregate;
use crate::dataflow::sql::plan::compile_window;
use crate::dataflow::sql::{Extensions, logical_plan, session};
use crate::dataflow::stage::Stateful;
use crate::dataflow::window::WindowPlan;

/// Numbers that look random and are the same each time.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.roll(100) < percent
    }

    fn float(&mut self, wild: bool) -> f64 {
        match self.roll(12) {
            0 => 0.0,
            1 => -0.0,
            2 if wild => f64::NAN,
            3 if wild => [f64::INFINITY, f64::NEG_INFINITY][self.roll(2) as usize],
            4 if wild => 1e300,
            // Few values, so that many are the same.
            5..8 => self.roll(5) as f64 / 2.0 - 1.0,
            _ => (self.roll(2_000_001) as f64 - 1e6) / 7e4,
        }
    }

    fn maybe<T>(&mut self, some: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.chance(12) { None } else { Some(some(self)) }
    }
}

/// Rows of three keys, some far more frequent than others, with NULLs and repeated values in every type. `wild` ones have NaN and infinities as
/// well.
pub fn rows(seed: u64, count: usize, wild: bool) -> RecordBatch {
    let dice = &mut Dice(seed);
    let of = |n: usize| 0..n;
    let column = |name: &'static str, array: ArrayRef| (name, array, true);
    let floats = |dice: &mut Dice| -> ArrayRef {
        Arc::new(of(count).map(|_| dice.maybe(|d| d.float(wild))).collect::<Float64Array>())
    };
    let times = of(count).map(|_| dice.maybe(|d| d.roll(40) as i64 * 500_000)).collect::<Vec<_>>();
    let decimals =
        of(count).map(|_| dice.maybe(|d| i128::from(d.roll(9_999)) - 5_000)).collect::<Decimal128Array>();
    let columns = vec![
        column(
            "k",
            Arc::new(
                of(count).map(|_| Some([0, 0, 0, 0, 1, 1, 2][dice.roll(7) as usize])).collect::<Int64Array>(),
            ),
        ),
        column("f", floats(dice)),
        column("g", floats(dice)),
        column(
            "i",
            Arc::new(of(count).map(|_| dice.maybe(|d| d.roll(60) as i64 - 20)).collect::<Int64Array>()),
        ),
        column(
            "s",
            Arc::new(of(count).map(|_| dice.maybe(|d| format!("s{}", d.roll(40)))).collect::<StringArray>()),
        ),
        column("b", Arc::new(of(count).map(|_| dice.maybe(|d| d.chance(70))).collect::<BooleanArray>())),
        column("d", Arc::new(decimals.with_precision_and_scale(12, 3).unwrap())),
        column("t", Arc::new(TimestampMicrosecondArray::from(times).with_timezone("UTC"))),
        column("w", Arc::new(of(count).map(|_| Some(1.0 + dice.roll(9) as f64)).collect::<Float64Array>())),
        column("o", Arc::new(of(count).map(|_| dice.maybe(|d| d.roll(8) as i64)).collect::<Int64Array>())),
        column("id", Arc::new(of(count).map(|i| Some(i as i64)).collect::<Int64Array>())),
        column("keep", Arc::new(of(count).map(|_| dice.maybe(|d| d.chance(60))).collect::<BooleanArray>())),
    ];
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

/// An aggregate call, compiled.
pub struct Call {
    pub sql: String,
    pub plan: Arc<WindowPlan>,
    /// The columns that the optimizer left to the window.
    columns: Vec<usize>,
}

/// Compiles one aggregate call over such rows, by way of SQL.
pub fn compile(call: &str, aggregates: &[Arc<AggregateUDF>]) -> Result<Call> {
    let extensions = Extensions { aggregates: aggregates.to_vec(), ..Extensions::default() };
    let context = session(&extensions, 1);
    let schema = rows(0, 1, false).schema();
    let table = MemTable::try_new(Arc::clone(&schema), vec![vec![]])?;
    context.register_table("rows", Arc::new(table))?;
    let state = context.state();
    let sql = format!("SELECT k, {call} AS a FROM rows GROUP BY k, tumble(t, INTERVAL '1 hour')");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let plan = state.optimize(&runtime.block_on(logical_plan(&state, &sql))?)?;
    let mut compiled = None;
    plan.apply(|node| {
        if let LogicalPlan::Extension(extension) = node
            && let Some(window) = extension.node.as_any().downcast_ref::<WindowAggregate>()
        {
            let columns = window.input.schema().columns();
            let columns = columns.iter().map(|c| schema.index_of(&c.name).unwrap()).collect();
            let Stateful::Window(plan) = compile_window(window, state.execution_props())? else { panic!() };
            compiled = Some(Call { sql: call.to_string(), plan, columns });
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(compiled.unwrap())
}

/// The rows of a batch added to a table.
pub fn update(table: &mut AggregateTable, call: &Call, batch: &RecordBatch) -> Result<()> {
    let batch = &batch.project(&call.columns)?;
    let evaluate = |expr: &Arc<dyn datafusion::physical_expr::PhysicalExpr>| {
        expr.evaluate(batch)?.into_array(batch.num_rows())
    };
    let keys = call.plan.grouping.keys.iter().map(evaluate).collect::<Result<Vec<_>>>()?;
    let inputs = call.plan.grouping.inputs.iter().map(evaluate).collect::<Result<Vec<_>>>()?;
    table.update(&keys, &inputs, batch.num_rows())
}

/// A state as it is after a checkpoint: through the bytes of a file, under the schema that the shape says.
pub fn stored(call: &Call, sealed: &Sealed) -> Sealed {
    let schema = call.plan.grouping.shape.state_schema().unwrap();
    let columns = sealed.keys.iter().chain(sealed.states.iter().flatten()).cloned().collect();
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
    let mut bytes = Vec::new();
    let mut writer = arrow::ipc::writer::StreamWriter::try_new(&mut bytes, &schema).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    let mut reader = arrow::ipc::reader::StreamReader::try_new(bytes.as_slice(), None).unwrap();
    let batch = reader.next().unwrap().unwrap();
    let mut columns = batch.columns().iter().cloned();
    let keys = columns.by_ref().take(sealed.keys.len()).collect();
    let states = sealed.states.iter().map(|state| columns.by_ref().take(state.len()).collect()).collect();
    Sealed { keys, states, rows: batch.num_rows() }
}

/// Where a run is cut: how many rows come at a time, and whether the state is put away and taken out again after each.
#[derive(Debug, Clone, Copy)]
pub struct Cuts<'a> {
    pub lengths: &'a [usize],
    pub reopen: bool,
}

impl Cuts<'_> {
    /// Calls `each` for each piece of `batch`.
    pub fn pieces(&self, batch: &RecordBatch) -> Vec<RecordBatch> {
        let mut lengths = self.lengths.iter().cycle();
        let mut pieces = Vec::new();
        let mut at = 0;
        while at < batch.num_rows() {
            let length = (*lengths.next().unwrap()).clamp(1, batch.num_rows() - at);
            pieces.push(batch.slice(at, length));
            at += length;
        }
        pieces
    }
}

/// A table of all rows of a batch, which come in pieces.
pub fn fill(call: &Call, batch: &RecordBatch, cuts: Cuts<'_>) -> Result<AggregateTable> {
    let mut table = AggregateTable::new(&call.plan.grouping.shape)?;
    for piece in cuts.pieces(batch) {
        update(&mut table, call, &piece)?;
        if cuts.reopen {
            table = reopen(call, table)?;
        }
    }
    Ok(table)
}

/// The same table after a checkpoint.
pub fn reopen(call: &Call, table: AggregateTable) -> Result<AggregateTable> {
    let sealed = stored(call, &table.seal()?);
    let mut table = AggregateTable::new(&call.plan.grouping.shape)?;
    table.merge(&sealed)?;
    Ok(table)
}

/// Keys and results.
pub fn finish(table: AggregateTable) -> Result<Vec<ArrayRef>> {
    let (mut keys, results) = table.finish()?;
    keys.extend(results);
    Ok(keys)
}

/// Bit for bit the same columns.
pub fn same(a: &[ArrayRef], b: &[ArrayRef]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_data() == b.to_data())
}

/// The columns of the rows with the smallest key first.
pub fn by_key(columns: &[ArrayRef]) -> Vec<ArrayRef> {
    let order = arrow::compute::sort_to_indices(&columns[0], None, None).unwrap();
    arrow::compute::take_arrays(columns, &order, None).unwrap()
}

/// For messages.
pub fn shown(columns: &[ArrayRef]) -> String {
    let named = columns.iter().enumerate().map(|(i, column)| (format!("c{i}"), Arc::clone(column)));
    let batch = RecordBatch::try_from_iter(named).unwrap();
    arrow::util::pretty::pretty_format_batches(&[batch]).unwrap().to_string()
}
