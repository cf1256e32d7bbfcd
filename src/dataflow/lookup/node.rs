//! The logical node of a join with `machines`.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use datafusion::common::{DFSchemaRef, JoinType, Result, plan_err};
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore, build_join_schema};

/// Rows, each with the row of `machines` that holds for its machine at its event time. The columns are those of the
/// input, then those of `machines`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MachineJoin {
    /// The stream.
    pub input: LogicalPlan,
    /// The table, by which the optimizer knows its columns.
    pub machines: LogicalPlan,
    /// The machine of a row of the input.
    pub key: Expr,
    /// Its event time.
    pub time: Expr,
    /// INNER or LEFT, which differ in what the planner takes for nullable, and in nothing else.
    pub join_type: JoinType,
    /// Schema of the output.
    pub schema: DFSchemaRef,
}

impl PartialOrd for MachineJoin {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self == other).then_some(Ordering::Equal)
    }
}

impl UserDefinedLogicalNodeCore for MachineJoin {
    fn name(&self) -> &str {
        "MachineJoin"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input, &self.machines]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        vec![self.key.clone(), self.time.clone()]
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "MachineJoin: key={}, time={}", self.key, self.time)
    }

    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        let (Ok([key, time]), Ok([input, machines])) =
            (<[Expr; 2]>::try_from(exprs), <[LogicalPlan; 2]>::try_from(inputs))
        else {
            return plan_err!("a join with machines has two sides, a machine and an event time");
        };
        let schema = Arc::new(build_join_schema(input.schema(), machines.schema(), &self.join_type)?);
        Ok(Self { input, machines, key, time, join_type: self.join_type, schema })
    }

    /// Of each side the columns that are asked for; of the input also machine and event time.
    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        let schema = self.input.schema();
        let width = schema.fields().len();
        let (left, right): (Vec<usize>, Vec<usize>) =
            output_columns.iter().partition(|column| **column < width);
        let mut left: BTreeSet<usize> = left.into_iter().collect();
        for expr in [&self.key, &self.time] {
            for column in expr.column_refs() {
                left.insert(schema.maybe_index_of_column(column)?);
            }
        }
        Some(vec![left.into_iter().collect(), right.into_iter().map(|column| column - width).collect()])
    }
}
