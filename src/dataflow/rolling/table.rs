//! Rolling functions in SQL over tables: the same operator, so that a query over the past gives the bits of the stream.
//!
//! The stock operator subtracts what leaves a frame, so its floats depend on all rows before. A window node whose frames
//! are those of a stream is therefore replaced, after the optimizer, by a node of our own; all others stay stock.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchemaRef, Result, internal_err};
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::{
    Expr, ExprSchemable, Extension, LogicalPlan, UserDefinedLogicalNodeCore, Window,
};

use super::plan::{call_of, understand};

/// A window node that is run by a [`RollingOperator`](super::RollingOperator).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Rolling {
    /// The node that it stands for.
    pub window: Window,
}

/// Puts our node in the place of every window node of `plan` that it can stand for.
pub fn replace_windows(plan: LogicalPlan) -> Result<LogicalPlan> {
    let plan = plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Window(window) if can_roll(&window) => {
            Ok(Transformed::yes(LogicalPlan::Extension(Extension { node: Arc::new(Rolling { window }) })))
        }
        other => Ok(Transformed::no(other)),
    })?;
    Ok(plan.data)
}

fn can_roll(node: &Window) -> bool {
    let calls: Option<Vec<&WindowFunction>> = node.window_expr.iter().map(call_of).collect();
    let Some(calls) = calls else { return false };
    let Some(first) = calls.first() else { return false };
    let schema = node.input.schema();
    // A row without event time is in no stream, but it is a row of a table.
    let timeless = first.params.order_by.iter().any(|order| order.expr.nullable(schema).unwrap_or(true));
    !timeless
        && !first.params.partition_by.is_empty()
        && calls.iter().all(|call| {
            call.params.partition_by == first.params.partition_by
                && call.params.order_by == first.params.order_by
                && understand(call, schema).is_ok()
        })
}

impl PartialOrd for Rolling {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self == other).then_some(Ordering::Equal)
    }
}

impl UserDefinedLogicalNodeCore for Rolling {
    fn name(&self) -> &str {
        "Rolling"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.window.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.window.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        self.window.window_expr.clone()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let calls = self.window.window_expr.iter().map(ToString::to_string).collect::<Vec<_>>();
        write!(f, "Rolling: {}", calls.join(", "))
    }

    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> Result<Self> {
        let (Some(input), true) = (inputs.pop(), inputs.is_empty()) else {
            return internal_err!("rolling functions have one input");
        };
        let schema = Arc::clone(&self.window.schema);
        Ok(Self { window: Window { input: Arc::new(input), window_expr: exprs, schema } })
    }
}
