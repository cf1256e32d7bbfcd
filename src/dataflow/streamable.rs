//! Which SQL runs on a stream: the table a stream's name stands for, and the check of a plan.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan, TableType, Volatility};
use datafusion::physical_plan::ExecutionPlan;

use super::error::DataflowError;
use super::query::Query;
use super::rolling::refuse::{Refused, refuse};
use super::sql::exec::SlotExec;
use super::sql::functions::calls_window;
use super::sql::node::WindowAggregate;
use crate::schema::{MACHINE_ID, TIMESTAMP, WINDOW_TIME};

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

/// Refuses what a stream cannot do, with the reason. `plan` is analyzed but not optimized, so that it still has
/// the shape of the text.
pub fn check(query: &Query, plan: &LogicalPlan) -> Result<(), DataflowError> {
    let mut refusal: Option<Refusal> = None;
    let mut rolling: Option<(u64, Refused)> = None;
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Window(window) = node {
            rolling = refuse(&query.sql, window);
            if rolling.is_some() {
                return Ok(TreeNodeRecursion::Stop);
            }
        }
        refusal = refuse_node(node).or_else(|| refuse_expressions(node));
        Ok(if refusal.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    if let Some((line, refused)) = rolling {
        return Err(query.error(line, refused.reason, refused.hint.map(str::to_string)));
    }
    match refusal {
        None => Ok(()),
        Some(refusal) => {
            let line = line_of(&query.sql, refusal.keyword);
            Err(query.error(line, refusal.message, refusal.hint.map(str::to_string)))
        }
    }
}

/// Why a plan is refused; `keyword` is a word of the text near the cause.
struct Refusal {
    keyword: &'static str,
    message: String,
    hint: Option<&'static str>,
}

fn refusal(keyword: &'static str, message: &str, hint: Option<&'static str>) -> Option<Refusal> {
    Some(Refusal { keyword, message: message.to_string(), hint })
}

fn refuse_node(node: &LogicalPlan) -> Option<Refusal> {
    match node {
        LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::TableScan(_) => None,
        LogicalPlan::Extension(extension) => {
            extension.node.as_any().downcast_ref::<WindowAggregate>().and_then(refuse_window)
        }
        LogicalPlan::Sort(_) => refusal(
            "ORDER",
            "ORDER BY is not possible on a stream: its rows never end, so there is no last one to wait for",
            Some("sort when you ask the table: `coldstream query \"SELECT … ORDER BY …\"`"),
        ),
        LogicalPlan::Limit(_) => refusal(
            "LIMIT",
            "LIMIT is not possible on a stream: which rows would be the first depends on when it was started",
            None,
        ),
        LogicalPlan::Aggregate(_) => refusal(
            "GROUP",
            "an aggregate without a window never ends on a stream",
            Some("add a window: GROUP BY machine_id, tumble(timestamp, INTERVAL '1 minute')"),
        ),
        LogicalPlan::Distinct(_) => refusal(
            "DISTINCT",
            "SELECT DISTINCT on a stream would have to remember every row for ever",
            Some("group by the columns and a window instead"),
        ),
        LogicalPlan::Join(_) => refusal("JOIN", "a join is not possible on a stream yet", None),
        // Checked by `rolling`, which knows the line of each call.
        LogicalPlan::Window(_) => None,
        other => {
            let name = other.display().to_string();
            let name = name.split([':', ' ']).next().unwrap_or_default().to_string();
            Some(Refusal {
                keyword: "SELECT",
                message: format!("{name} is not possible on a stream"),
                hint: None,
            })
        }
    }
}

fn refuse_window(window: &WindowAggregate) -> Option<Refusal> {
    let column = |expr: &Expr, name: &str| matches!(expr, Expr::Column(c) if c.name == name);
    if !window.keys.iter().any(|key| column(key, MACHINE_ID)) {
        return refusal(
            "GROUP",
            "the grouping lacks `machine_id`: a machine's readings are in one Kafka partition, the machines are \
             not, and no partition sees them all",
            Some("add machine_id to GROUP BY, and group over machines when you ask the table"),
        );
    }
    let time = [WINDOW_TIME, TIMESTAMP]
        .into_iter()
        .find(|name| window.input.schema().has_column_with_unqualified_name(name));
    if !time.is_some_and(|name| column(&window.time, name)) {
        return Some(Refusal {
            keyword: "GROUP",
            message: format!("the window runs over {}, which is not the stream's event time", window.time),
            hint: Some("use `timestamp`, or `window_time` over the rows of another window"),
        });
    }
    None
}

fn refuse_expressions(node: &LogicalPlan) -> Option<Refusal> {
    let mut found = None;
    for expr in node.expressions() {
        if calls_window(&expr) {
            return refusal("SELECT", "a window function can only be used in GROUP BY", None);
        }
        let walk = expr.apply(|e| {
            if let Expr::ScalarFunction(call) = e
                && call.func.signature().volatility != Volatility::Immutable
            {
                found = Some(Refusal {
                    keyword: "SELECT",
                    message: format!(
                        "{}() gives another result each time, so history and backtest would differ from the stream",
                        call.func.name()
                    ),
                    hint: Some("use the event time: `timestamp` or `window_end`"),
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

/// The first line that holds `keyword` as a word outside a comment.
fn line_of(sql: &str, keyword: &str) -> u64 {
    let holds = |line: &str| {
        let code = line.split("--").next().unwrap_or_default();
        code.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word.eq_ignore_ascii_case(keyword))
    };
    sql.lines().position(holds).map_or(1, |at| at as u64 + 1)
}
