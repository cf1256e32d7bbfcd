//! The state of a window operator: a chunk a pane, whose rows are those of its tables one after the other.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int8Array, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Int8Type, Schema, SchemaRef};
use datafusion::common::{Result, internal_err};
use serde::{Deserialize, Serialize};

use super::pane::{Pane, Table};
use super::{WindowOperator, WindowPlan};
use crate::dataflow::accumulate::{Sealed, TableShape};
use crate::dataflow::operator::{Chunk, OperatorState};

/// Column of a chunk: which of the pane's tables a row is of.
const TABLE: &str = "table";
const ROWS: i8 = 0;
const LATE: i8 = 1;
const FRESH: i8 = 2;

#[derive(Serialize, Deserialize)]
struct Marks {
    /// Windows that end here or before have fired; none before the first row.
    mark: Option<i64>,
    /// End of a window, and how often it was revised.
    revisions: Vec<(i64, i32)>,
}

impl TableShape {
    /// Schema of the chunks of an operator that keeps tables of this shape.
    pub fn chunk_schema(&self) -> Result<SchemaRef> {
        let mut fields = vec![Arc::new(Field::new(TABLE, DataType::Int8, false))];
        fields.extend(self.state_schema()?.fields().iter().cloned());
        Ok(Arc::new(Schema::new(fields)))
    }
}

impl WindowOperator {
    pub(super) fn put_away(&mut self, all: bool) -> Result<OperatorState> {
        let shape = Arc::clone(self.shape());
        let schema = shape.chunk_schema()?;
        let mut chunks = BTreeMap::new();
        for (&start, pane) in &mut self.panes {
            let changed = std::mem::take(&mut pane.changed);
            let chunk =
                if changed || all { Chunk::Changed(encode(pane, &schema)?) } else { Chunk::Unchanged };
            chunks.insert(start, chunk);
        }
        let marks = Marks {
            mark: (self.mark != i64::MIN).then_some(self.mark),
            revisions: self.revisions.iter().map(|(&end, &revision)| (end, revision)).collect(),
        };
        match serde_json::to_value(marks) {
            Ok(marks) => Ok(OperatorState { marks, chunks }),
            Err(error) => internal_err!("marks are no JSON: {error}"),
        }
    }

    /// An operator that goes on from the state of another.
    pub fn restore(
        plan: Arc<WindowPlan>,
        lateness: i64,
        marks: serde_json::Value,
        chunks: BTreeMap<i64, RecordBatch>,
    ) -> Result<Self> {
        let marks: Marks = match serde_json::from_value(marks) {
            Ok(marks) => marks,
            Err(error) => return internal_err!("the marks of a window: {error}"),
        };
        let mut operator = Self::new(plan, lateness);
        operator.mark = marks.mark.unwrap_or(i64::MIN);
        operator.revisions = marks.revisions.into_iter().collect();
        let shape = Arc::clone(operator.shape());
        for (start, chunk) in chunks {
            operator.panes.insert(start, decode(&chunk, &shape)?);
        }
        Ok(operator)
    }
}

fn encode(pane: &mut Pane, schema: &SchemaRef) -> Result<RecordBatch> {
    let mut batches = Vec::new();
    let mut add = |number: i8, states: &Sealed| -> Result<()> {
        let mut columns: Vec<ArrayRef> = vec![Arc::new(Int8Array::from_value(number, states.rows))];
        columns.extend(states.keys.iter().chain(states.states.iter().flatten()).cloned());
        batches.push(RecordBatch::try_new(Arc::clone(schema), columns)?);
        Ok(())
    };
    if let Some(rows) = Table::seal(&mut pane.rows)? {
        add(ROWS, rows)?;
    }
    if let Some(late) = &pane.late {
        add(LATE, late)?;
    }
    if let Some(fresh) = Table::seal(&mut pane.fresh)? {
        add(FRESH, fresh)?;
    }
    Ok(concat_batches(schema, &batches)?)
}

fn decode(chunk: &RecordBatch, shape: &TableShape) -> Result<Pane> {
    let widths: Vec<usize> =
        shape.aggregates.iter().map(|a| Ok(a.state_fields()?.len())).collect::<Result<_>>()?;
    let Some(numbers) = chunk.columns().first().and_then(|c| c.as_primitive_opt::<Int8Type>()) else {
        return internal_err!("a chunk of a window does not say which table its rows are of");
    };
    let table = |number: i8| {
        let start = numbers.values().partition_point(|n| *n < number);
        let rows = numbers.values().partition_point(|n| *n <= number) - start;
        if rows == 0 {
            return None;
        }
        let part = chunk.slice(start, rows);
        let mut columns = part.columns()[1..].iter().cloned();
        let keys = columns.by_ref().take(shape.keys.fields().len()).collect();
        let states = widths.iter().map(|&width| columns.by_ref().take(width).collect()).collect();
        Some(Sealed { keys, states, rows })
    };
    Ok(Pane {
        rows: table(ROWS).map(Table::Sealed),
        late: table(LATE),
        fresh: table(FRESH).map(Table::Sealed),
        changed: false,
    })
}
