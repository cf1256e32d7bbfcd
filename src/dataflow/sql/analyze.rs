//! The analyzer rule that turns an aggregate over a window function into a [`WindowAggregate`].
//!
//! It runs after the stock analyzer, so all types are settled, and before the optimizer, which stays the stock
//! one: it sees the event-time column among the node's expressions and keeps it in the input.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{Aggregate, Expr, ExprSchemable, Extension, LogicalPlan, cast};
use datafusion::optimizer::AnalyzerRule;

use super::functions::{calls_window, window_of};
use super::node::WindowAggregate;
use crate::schema::timestamp_type;

/// See the module.
#[derive(Debug, Default)]
pub struct PlanWindows;

impl AnalyzerRule for PlanWindows {
    fn name(&self) -> &str {
        "plan_windows"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let plan = plan.transform_up_with_subqueries(|node| match node {
            LogicalPlan::Aggregate(aggregate) => plan_window(aggregate),
            other => Ok(Transformed::no(other)),
        })?;
        Ok(plan.data)
    }
}

fn plan_window(aggregate: Aggregate) -> Result<Transformed<LogicalPlan>> {
    let mut window = None;
    let mut keys = Vec::new();
    for (position, expr) in aggregate.group_expr.iter().enumerate() {
        match window_of(expr)? {
            Some(found) if window.is_none() => window = Some((position, found)),
            Some(_) => return plan_err!("a query has one window: GROUP BY names two"),
            None if calls_window(expr) => {
                return plan_err!("a window function stands by itself in GROUP BY, not inside {expr}");
            }
            None => keys.push(expr.clone()),
        }
    }
    let Some((window_at, (time, kind))) = window else {
        return Ok(Transformed::no(LogicalPlan::Aggregate(aggregate)));
    };
    if keys.iter().any(|key| matches!(key, Expr::GroupingSet(_))) {
        return plan_err!("GROUPING SETS, CUBE and ROLLUP cannot be combined with a window");
    }
    let schema = aggregate.input.schema();
    let time = if time.get_type(schema)? == timestamp_type() { time } else { cast(time, timestamp_type()) };
    let node = WindowAggregate {
        input: Arc::unwrap_or_clone(aggregate.input),
        time,
        kind,
        keys,
        window_at,
        aggregates: aggregate.aggr_expr,
        schema: aggregate.schema,
    };
    Ok(Transformed::yes(LogicalPlan::Extension(Extension { node: Arc::new(node) })))
}
