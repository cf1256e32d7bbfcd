//! The join of a stream with the table `machines`.
//!
//! A join in general would have to wait for the other side. This one need not: to each row belongs exactly one row of
//! `machines`, the one that holds for its machine at its event time ([`crate::machine::versions`]), and a machine that
//! nobody knows has the defaults. So INNER and LEFT are the same, no row is lost or doubled, and the rows stay in their order.
//!
//! An analyzer rule makes of `stream JOIN machines` a node of its own ([`MachineJoin`]) rather than leave it to the
//! optimizer, which may swap the sides of a join, or sort it, or hash it; none of these keeps the order of rows by contract.
//! The table is the node's second input so that the optimizer prunes the columns that nobody asks for. At run time it is not
//! an input: the rows are looked up in the partition's versions ([`MachineJoinExec`]).

mod exec;
mod node;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, Result, internal_err};
use datafusion::logical_expr::expr::BinaryExpr;
use datafusion::logical_expr::{Expr, Extension, Join, JoinType, LogicalPlan, Operator};
use datafusion::optimizer::AnalyzerRule;
use datafusion::physical_plan::ExecutionPlan;

pub use exec::MachineJoinExec;
pub use node::MachineJoin;

use super::sql::exec::SlotExec;
use super::streamable::origin::{self, Origin};
use crate::schema::{MACHINE_ID, MACHINES, TIMESTAMP, WINDOW_TIME};

/// The analyzer rule of a stream's session; it runs after the windows are planned.
#[derive(Debug, Default)]
pub struct PlanMachineJoins;

impl AnalyzerRule for PlanMachineJoins {
    fn name(&self) -> &str {
        "plan_machine_joins"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let plan = plan.transform_up_with_subqueries(|node| match node {
            LogicalPlan::Join(join) => plan_join(join),
            other => Ok(Transformed::no(other)),
        })?;
        Ok(plan.data)
    }
}

/// Joins that are none with `machines`, or lack what it takes, stay as they are: the check of the plan refuses them.
fn plan_join(join: Join) -> Result<Transformed<LogicalPlan>> {
    let fits = matches!(join.join_type, JoinType::Inner | JoinType::Left) && is_machines(&join.right);
    let (Some(key), Some(time)) = (key_of(&join).filter(|_| fits), event_time(&join.left)) else {
        return Ok(Transformed::no(LogicalPlan::Join(join)));
    };
    let node = MachineJoin {
        input: Arc::unwrap_or_clone(join.left),
        machines: Arc::unwrap_or_clone(join.right),
        key,
        time,
        join_type: join.join_type,
        schema: join.schema,
    };
    Ok(Transformed::yes(LogicalPlan::Extension(Extension { node: Arc::new(node) })))
}

/// Whether a plan is the table `machines`, under whatever name.
pub fn is_machines(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::SubqueryAlias(alias) => is_machines(&alias.input),
        LogicalPlan::TableScan(scan) => scan.table_name.table() == MACHINES,
        _ => false,
    }
}

/// The machine of the left side, where the join is on that and on nothing else.
fn key_of(join: &Join) -> Option<Expr> {
    let (one, other) = match (join.on.as_slice(), &join.filter) {
        ([(left, right)], None) => (left, right),
        ([], Some(Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }))) => {
            (left.as_ref(), right.as_ref())
        }
        _ => return None,
    };
    let (Expr::Column(one), Expr::Column(other)) = (one, other) else { return None };
    let is_id = |column: &Column| column.name == MACHINE_ID && join.right.schema().has_column(column);
    let is_key = |column: &Column| {
        let index = join.left.schema().maybe_index_of_column(column);
        index.is_some_and(|index| origin::of_output(&join.left, index) == Origin::Machine)
    };
    match (one, other) {
        (key, id) if is_key(key) && is_id(id) => Some(Expr::Column(key.clone())),
        (id, key) if is_key(key) && is_id(id) => Some(Expr::Column(key.clone())),
        _ => None,
    }
}

/// The event time of a plan's rows, as it came.
fn event_time(plan: &LogicalPlan) -> Option<Expr> {
    let schema = plan.schema();
    let times = (0..schema.fields().len()).filter(|&i| origin::of_output(plan, i) == Origin::EventTime);
    let best = times.min_by_key(|&i| match schema.field(i).name().as_str() {
        WINDOW_TIME => 0,
        TIMESTAMP => 1,
        _ => 2,
    })?;
    Some(Expr::Column(Column::from(schema.qualified_field(best))))
}

/// What runs for a node.
pub fn physical(node: &MachineJoin, inputs: &[Arc<dyn ExecutionPlan>]) -> Result<Arc<dyn ExecutionPlan>> {
    let [input, machines] = inputs else { return internal_err!("a join with machines has two sides") };
    let Some(table) = machines.downcast_ref::<SlotExec>() else {
        return internal_err!("the table machines is joined as it is, not {}", machines.name());
    };
    Ok(Arc::new(MachineJoinExec::try_new(node, Arc::clone(input), table.projection())?))
}
