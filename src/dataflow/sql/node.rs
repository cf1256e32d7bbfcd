//! The logical nodes of a windowed query.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;

use datafusion::common::{Column, DFSchemaRef, Result, plan_err};
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore};

use crate::dataflow::spec::WindowKind;

/// An aggregate whose grouping holds a window function. Its output has the columns of the aggregate that it
/// replaces: the grouping expressions in order, the window as a struct, then the aggregates.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WindowAggregate {
    /// What is aggregated.
    pub input: LogicalPlan,
    /// Event time of a row.
    pub time: Expr,
    /// The windows.
    pub kind: WindowKind,
    /// Grouping expressions without the window.
    pub keys: Vec<Expr>,
    /// Where the window stands among the grouping columns.
    pub window_at: usize,
    /// Aggregate calls.
    pub aggregates: Vec<Expr>,
    /// Schema of the output.
    pub schema: DFSchemaRef,
}

impl PartialOrd for WindowAggregate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self.kind, self.window_at).partial_cmp(&(other.kind, other.window_at)).filter(|_| self == other)
    }
}

impl UserDefinedLogicalNodeCore for WindowAggregate {
    fn name(&self) -> &str {
        "WindowAggregate"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        std::iter::once(&self.time).chain(&self.keys).chain(&self.aggregates).cloned().collect()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let list = |exprs: &[Expr]| exprs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        write!(
            f,
            "WindowAggregate: {}, time={}, keys=[{}], aggregates=[{}]",
            self.kind,
            self.time,
            list(&self.keys),
            list(&self.aggregates)
        )
    }

    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> Result<Self> {
        let mut exprs = exprs.into_iter();
        let (Some(time), Some(input), true) = (exprs.next(), inputs.pop(), inputs.is_empty()) else {
            return plan_err!("a window aggregate has one input and an event time");
        };
        let keys = exprs.by_ref().take(self.keys.len()).collect();
        let aggregates = exprs.collect();
        Ok(Self { input, time, keys, aggregates, ..self.clone() })
    }

    /// Only the columns that the expressions use: the optimizer prunes the rest from the input.
    fn necessary_children_exprs(&self, _output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        let schema = self.input.schema();
        let used: BTreeSet<usize> = self
            .expressions()
            .iter()
            .flat_map(|e| e.column_refs().into_iter().cloned().collect::<Vec<Column>>())
            .map(|column| schema.maybe_index_of_column(&column))
            .collect::<Option<_>>()?;
        Some(vec![used.into_iter().collect()])
    }
}

/// A place in a plan where batches are handed in: the output of a window, to the SQL above it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StageInput {
    /// Schema of the batches.
    pub schema: DFSchemaRef,
}

impl PartialOrd for StageInput {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self == other).then_some(Ordering::Equal)
    }
}

impl UserDefinedLogicalNodeCore for StageInput {
    fn name(&self) -> &str {
        "StageInput"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        vec![]
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "StageInput")
    }

    fn with_exprs_and_inputs(&self, _exprs: Vec<Expr>, _inputs: Vec<LogicalPlan>) -> Result<Self> {
        Ok(self.clone())
    }

    fn necessary_children_exprs(&self, _output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        Some(vec![])
    }
}
