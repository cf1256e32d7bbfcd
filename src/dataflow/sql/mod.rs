//! SQL with windows, on stock DataFusion.
//!
//! A statement is parsed, its window columns are rewritten ([`rewrite`]), it is planned, and an analyzer rule
//! turns the aggregate over a window function into one node ([`analyze`]). From there on a query over a table
//! is an ordinary DataFusion query; a stream cuts the plan at its windows (`graph.rs`).

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::{AggregateUDF, LogicalPlan, ScalarUDF};
use datafusion::optimizer::{Analyzer, AnalyzerRule};
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::parser::Statement;

pub mod analyze;
pub mod exec;
pub mod functions;
pub mod node;
pub mod plan;
pub mod rewrite;
#[cfg(test)]
mod tests;

use super::exact::exact_aggregates;
use crate::thermo;

/// What a session knows besides SQL itself: the functions and rules of the models.
#[derive(Debug, Clone, Default)]
pub struct Extensions {
    /// Scalar functions.
    pub functions: Vec<Arc<ScalarUDF>>,
    /// Aggregate functions. Any of DataFusion's will do: its results are made to depend on the order of the rows alone.
    pub aggregates: Vec<Arc<AggregateUDF>>,
    /// Analyzer rules, run before the windows are planned.
    pub rules: Vec<Arc<dyn AnalyzerRule + Send + Sync>>,
}

/// A session for Coldstream's SQL: windows, exact aggregates, the functions of refrigeration and those of `extensions`. `partitions` is
/// the parallelism of a query over tables; a stream has one.
pub fn session(extensions: &Extensions, partitions: usize) -> SessionContext {
    let mut config = SessionConfig::new().with_target_partitions(partitions).with_information_schema(true);
    let options = config.options_mut();
    // Errors can then name the line of the file they come from.
    options.sql_parser.collect_spans = true;
    // Text is Utf8 in memory as it is in the tables, so that a row is the same row everywhere.
    options.sql_parser.map_string_types_to_utf8view = false;
    options.execution.parquet.schema_force_view_types = false;
    // Sorted partition by partition, the first rows of a UNION ALL can be wrong: DataFusion 55 leaves a key out that is
    // constant within each partition, such as the name of the branch, and yet compares the partitions' rows by the rest.
    options.optimizer.repartition_sorts = false;
    let mut rules = Analyzer::new().rules;
    rules.extend(extensions.rules.iter().cloned());
    rules.push(Arc::new(analyze::PlanWindows));
    let state = SessionStateBuilder::new()
        .with_config(config)
        .with_default_features()
        .with_analyzer_rules(rules)
        .with_query_planner(Arc::new(plan::Planner))
        .build();
    let context = SessionContext::new_with_state(state);
    let own = functions::window_functions().into_iter().chain(thermo::sql::functions());
    for function in own.chain(extensions.functions.iter().cloned()) {
        context.register_udf(function.as_ref().clone());
    }
    for function in
        exact_aggregates().into_iter().chain(extensions.aggregates.iter().map(|f| f.as_ref().clone()))
    {
        context.register_udaf(function);
    }
    context
}

/// Parses one statement and rewrites its window columns.
pub fn parse(state: &SessionState, sql: &str) -> Result<Statement> {
    let mut statement = state.sql_to_statement(sql, &state.config().options().sql_parser.dialect)?;
    match &mut statement {
        Statement::Statement(inner) => rewrite::rewrite_window_columns(inner),
        Statement::Explain(explain) => {
            if let Statement::Statement(inner) = explain.statement.as_mut() {
                rewrite::rewrite_window_columns(inner);
            }
        }
        _ => {}
    }
    Ok(statement)
}

/// The logical plan of one statement, not yet optimized.
pub async fn logical_plan(state: &SessionState, sql: &str) -> Result<LogicalPlan> {
    let statement = parse(state, sql)?;
    state.statement_to_plan(statement).await
}
