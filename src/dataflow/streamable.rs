//! Which SQL runs on a stream: the table a stream's name stands for, and the check of a plan. What is refused, and why,
//! is told to users in `docs/sql-streams.md`.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, JoinType, LogicalPlan, TableType, Volatility, Window};
use datafusion::physical_plan::ExecutionPlan;

use super::error::DataflowError;
use super::lookup::is_machines;
use super::query::{Parsed, Query};
use super::rolling::refuse;
use super::sql::exec::SlotExec;
use super::sql::functions::calls_window;
use super::sql::node::WindowAggregate;
use crate::schema::{MACHINE_ID, TIMESTAMP, WINDOW_TIME, timestamp_type};

pub mod origin;
pub mod places;
pub mod syntax;
mod text;

use origin::Origin;
use places::{Place, Places};

/// What a stream's name stands for in SQL: batches that are handed in.
#[derive(Debug)]
pub struct StreamTable {
    schema: SchemaRef,
}

impl StreamTable {
    /// The table of a stream with rows of `schema`.
    pub fn new(schema: &SchemaRef) -> Self {
        Self { schema: Arc::clone(schema) }
    }
}

#[async_trait]
impl TableProvider for StreamTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(SlotExec::try_new(&self.schema, projection)?))
    }
}

/// Refuses what a stream cannot do, with the reason and the line. `plan` is analyzed but not optimized, so that it still
/// has the shape of the text; `aggregate` tells the names of aggregate functions.
pub fn check(
    parsed: &Parsed,
    plan: &LogicalPlan,
    aggregate: &dyn Fn(&str) -> bool,
) -> Result<(), DataflowError> {
    let query = &parsed.query;
    let places = Places::of(&query.sql, aggregate);
    let mut refusal: Option<Refusal> = None;
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Window(window) = node {
            refusal = refuse_rolling(window, query, &places);
        }
        refusal = refusal
            .take()
            .or_else(|| refuse_join(node, parsed))
            .or_else(|| refuse_node(node, &places))
            .or_else(|| refuse_expressions(node, &places));
        Ok(if refusal.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    match refusal.or_else(|| refuse_rows(plan, &places)) {
        None => Ok(()),
        Some(refusal) => Err(query.error(refusal.line, refusal.message, refusal.hint)),
    }
}

/// Why a query is refused, and where.
#[derive(Debug)]
pub struct Refusal {
    /// Line of the text, from 1.
    pub line: u64,
    /// The reason.
    pub message: String,
    /// What to do instead.
    pub hint: Option<String>,
}

/// A join with `machines` that could not be planned as one: the machine or the event time is not there as it came.
fn refuse_join(node: &LogicalPlan, parsed: &Parsed) -> Option<Refusal> {
    let (LogicalPlan::Join(join), Some(line)) = (node, parsed.machines) else { return None };
    let what = match join.join_type {
        JoinType::Inner | JoinType::Left if is_machines(&join.right) => {
            "a join with `machines` needs `machine_id` and the event time of the stream as they came"
        }
        _ => "only a stream can be joined with `machines`, which stands on the right and by its name",
    };
    let hint = "FROM readings r JOIN machines m ON m.machine_id = r.machine_id; a SELECT in brackets before JOIN selects \
                machine_id and timestamp, or window_time";
    Some(Refusal { line, message: what.into(), hint: Some(hint.into()) })
}

fn refuse_node(node: &LogicalPlan, places: &Places) -> Option<Refusal> {
    let refusal = |place: Place, message: &str, hint: &str| {
        Some(Refusal { line: places.line(&place), message: message.into(), hint: Some(hint.into()) })
    };
    match node {
        LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::TableScan(_)
        | LogicalPlan::Window(_) => None,
        LogicalPlan::Extension(extension) => {
            let window = extension.node.as_any().downcast_ref::<WindowAggregate>();
            // A join with `machines` keeps machine and event time: whatever else is refused shows elsewhere.
            window.and_then(|window| refuse_window(window, places))
        }
        LogicalPlan::Aggregate(_) => refusal(
            Place::Aggregate,
            "an aggregate without a window never ends on a stream",
            "add a window: GROUP BY machine_id, tumble(timestamp, INTERVAL '1 minute')",
        ),
        // Its syntax has been refused already, but for what this does not know.
        other => {
            let name = other.display().to_string();
            let name = name.split([':', ' ']).next().unwrap_or_default().to_string();
            let message = format!("{name} is not possible on a stream");
            Some(Refusal { line: places.line(&Place::Rows), message, hint: None })
        }
    }
}

/// What of rolling functions is refused. Their own module knows what they can do; that their machine and time are not
/// computed, this one.
fn refuse_rolling(window: &Window, query: &Query, places: &Places) -> Option<Refusal> {
    if let Some((line, refused)) = refuse::refuse(&query.sql, window) {
        return Some(Refusal { line, message: refused.reason, hint: refused.hint.map(str::to_string) });
    }
    let as_it_came = |expr: &Expr, origin: Origin| origin::of(expr, &window.input) == origin;
    let fits = |expr: &Expr| match expr {
        Expr::WindowFunction(call) => {
            call.params.partition_by.iter().any(|key| as_it_came(key, Origin::Machine))
                && call.params.order_by.iter().all(|order| as_it_came(&order.expr, Origin::EventTime))
        }
        _ => true,
    };
    let bare = |expr: &Expr| match expr {
        Expr::Alias(alias) => fits(&alias.expr),
        other => fits(other),
    };
    if window.window_expr.iter().all(bare) {
        return None;
    }
    Some(Refusal {
        line: places.line(&Place::Over),
        message:
            "`machine_id` or the event time in OVER is computed, and rolling functions need both as they came"
                .into(),
        hint: Some("give the computed column another name, and use the one that came".into()),
    })
}

fn refuse_window(window: &WindowAggregate, places: &Places) -> Option<Refusal> {
    let refusal = |place: Place, message: String, hint: &str| {
        Some(Refusal { line: places.line(&place), message, hint: Some(hint.into()) })
    };
    if !window.keys.iter().any(|key| origin::of(key, &window.input) == Origin::Machine) {
        return refusal(
            Place::Grouping,
            "the grouping lacks `machine_id`: a machine's readings are in one Kafka partition, the machines are \
             not, and no partition sees them all"
                .into(),
            "add machine_id, as it came, to GROUP BY, and group over machines when you ask the table",
        );
    }
    if origin::of(&window.time, &window.input) != Origin::EventTime {
        return refusal(
            Place::Window,
            format!("the window runs over {}, which is not the stream's event time", window.time),
            "use `timestamp`, or `window_time` over the rows of another window, as they came",
        );
    }
    None
}

/// Refuses rows that do not tell whose they are and of when.
fn refuse_rows(plan: &LogicalPlan, places: &Places) -> Option<Refusal> {
    let refusal = |message: String, hint: String| {
        Some(Refusal { line: places.line(&Place::Rows), message, hint: Some(hint) })
    };
    let schema = plan.schema();
    let is = |name: &str, origin: Origin| {
        schema.index_of_column_by_name(None, name).map(|index| origin::of_output(plan, index) == origin)
    };
    let instant = |name: &str| {
        schema.field_with_unqualified_name(name).is_ok_and(|field| *field.data_type() == timestamp_type())
    };
    let Some(time) = [WINDOW_TIME, TIMESTAMP].into_iter().find(|name| instant(name)) else {
        return refusal(
            "the rows of a stream need their event time".into(),
            format!("select `{WINDOW_TIME}` of a window, or `{TIMESTAMP}`"),
        );
    };
    if is(time, Origin::EventTime) == Some(false) {
        return refusal(
            format!("`{time}` is computed, and the rows of a stream need their event time as it came"),
            format!(
                "select `{TIMESTAMP}`, or `{WINDOW_TIME}` of a window, and give the computed one another name"
            ),
        );
    }
    match is(MACHINE_ID, Origin::Machine) {
        Some(true) => None,
        None => refusal("the rows of a stream need `machine_id`".into(), "select it".into()),
        Some(false) => refusal(
            "`machine_id` is computed, and a stream is split by the machine as it came".into(),
            "select `machine_id`, and give the computed one another name".into(),
        ),
    }
}

fn refuse_expressions(node: &LogicalPlan, places: &Places) -> Option<Refusal> {
    let mut found = None;
    for expr in node.expressions() {
        if calls_window(&expr) {
            return Some(Refusal {
                line: places.line(&Place::StrayWindow),
                message: "a window function can only be used in GROUP BY".into(),
                hint: Some(
                    "group by machine_id and the window, and select window_start, window_end, window_time"
                        .into(),
                ),
            });
        }
        let walk = expr.apply(|e| {
            if let Expr::ScalarFunction(call) = e
                && call.func.signature().volatility != Volatility::Immutable
            {
                let names = std::iter::once(call.func.name().to_string());
                let names = names.chain(call.func.aliases().iter().cloned());
                found = Some(Refusal {
                    line: names.filter_map(|name| places.find(&Place::Call(name))).min().unwrap_or(1),
                    message: format!(
                        "{}() gives another result each time, so history and backtest would differ from the stream",
                        call.func.name()
                    ),
                    hint: Some("use the event time: `timestamp` or `window_end`".into()),
                });
                return Ok(TreeNodeRecursion::Stop);
            }
            Ok(TreeNodeRecursion::Continue)
        });
        if walk.is_err() || found.is_some() {
            return found;
        }
    }
    None
}

#[cfg(test)]
mod tests;
