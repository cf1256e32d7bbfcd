//! Which rolling functions a stream refuses, why, and in which line.

use std::ops::ControlFlow;

use datafusion::common::{DFSchema, DataFusionError};
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::{
    Expr, ExprSchemable, Window, WindowFrame, WindowFrameBound, WindowFunctionDefinition,
};
use datafusion::scalar::ScalarValue;
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast::{
    Expr as SqlExpr, Function, FunctionArguments, ObjectNamePart, Visit, Visitor, WindowType,
};

use super::plan::{call_of, understand};
use crate::dataflow::sql::functions::window_fields;
use crate::schema::{MACHINE_ID, TIMESTAMP, WINDOW_TIME};

/// Why a call is refused.
#[derive(Debug)]
pub struct Refused {
    /// What is wrong, in one line.
    pub reason: String,
    /// What to do about it.
    pub hint: Option<&'static str>,
}

impl Refused {
    pub(super) fn new(reason: impl Into<String>, hint: Option<&'static str>) -> Self {
        Self { reason: reason.into(), hint }
    }

    /// The same as an error of planning.
    pub(super) fn into_plan(self) -> DataFusionError {
        DataFusionError::Plan(self.reason)
    }
}

/// What a stream cannot do of a window node, with the line in `sql`.
pub fn refuse(sql: &str, node: &Window) -> Option<(u64, Refused)> {
    let calls: Vec<&WindowFunction> = node.window_expr.iter().filter_map(call_of).collect();
    calls.iter().find_map(|call| {
        let refused = match understand(call, node.input.schema()) {
            Err(refused) => Some(refused),
            Ok(_) => misplaced(call, node.input.schema()),
        };
        let refused = refused.or_else(|| {
            let differs = call.params.partition_by != calls[0].params.partition_by;
            let reason = "two OVER clauses with the same rows in another PARTITION BY";
            differs.then(|| Refused::new(reason, Some("give each a query of its own")))
        })?;
        Some((line_of(sql, call), refused))
    })
}

/// What of the partitioning and the order does not fit a stream, whatever the function.
fn misplaced(call: &WindowFunction, schema: &DFSchema) -> Option<Refused> {
    let column = |expr: &Expr, name: &str| matches!(expr, Expr::Column(c) if c.name == name);
    if !call.params.partition_by.iter().any(|key| column(key, MACHINE_ID)) {
        return Some(Refused::new(
            "OVER lacks PARTITION BY machine_id: a machine's readings are in one Kafka partition, the machines are \
             not, and no partition sees them all",
            Some("OVER (PARTITION BY machine_id ORDER BY timestamp …)"),
        ));
    }
    let order = call.params.order_by.first().map(|order| &order.expr)?;
    if is_event_time(order, schema) {
        return None;
    }
    Some(Refused::new(
        format!("ORDER BY {order} in OVER is not the stream's event time"),
        Some("use `timestamp`, or `window_time` over the rows of a window"),
    ))
}

fn is_event_time(expr: &Expr, schema: &DFSchema) -> bool {
    match expr {
        Expr::Column(column) => {
            let time = [WINDOW_TIME, TIMESTAMP]
                .into_iter()
                .find(|name| schema.has_column_with_unqualified_name(name));
            time.is_some_and(|time| column.name == time)
        }
        // `window_time` in the SELECT that has the window itself.
        Expr::ScalarFunction(call) if call.func.name() == "get_field" => match call.args.as_slice() {
            [window, Expr::Literal(ScalarValue::Utf8(Some(field)), _)] => {
                let of = window.get_type(schema);
                let is_window = of.is_ok_and(|of| {
                    matches!(of, arrow::datatypes::DataType::Struct(fields) if fields == window_fields())
                });
                is_window && field == WINDOW_TIME
            }
            _ => false,
        },
        _ => false,
    }
}

/// The line of the call in the text: the first call of that function whose OVER has the same shape.
fn line_of(sql: &str, call: &WindowFunction) -> u64 {
    let statements = DFParserBuilder::new(sql).build().and_then(|mut parser| parser.parse_statements());
    let mut calls = Calls { of: call, found: Vec::new() };
    if let Ok(statements) = statements {
        for statement in statements {
            if let Statement::Statement(statement) = statement {
                let ControlFlow::Continue(()) = statement.visit(&mut calls);
            }
        }
    }
    calls.found.sort_by_key(|(matches, line)| (std::cmp::Reverse(*matches), *line));
    calls.found.first().map_or(1, |(_, line)| *line)
}

struct Calls<'a> {
    of: &'a WindowFunction,
    /// In how many respects a call is like the one that is sought, and its line.
    found: Vec<(usize, u64)>,
}

impl Visitor for Calls<'_> {
    type Break = std::convert::Infallible;

    fn pre_visit_expr(&mut self, expr: &SqlExpr) -> ControlFlow<Self::Break> {
        if let SqlExpr::Function(function) = expr
            && let Some(over) = &function.over
            && let Some(ObjectNamePart::Identifier(name)) = function.name.0.last()
            && is_named(self.of, &name.value)
        {
            self.found.push((self.likeness(function, over), name.span.start.line.max(1)));
        }
        ControlFlow::Continue(())
    }
}

impl Calls<'_> {
    fn likeness(&self, function: &Function, over: &WindowType) -> usize {
        let WindowType::WindowSpec(spec) = over else { return 0 };
        let params = &self.of.params;
        let frame = match &spec.window_frame {
            Some(frame) => WindowFrame::try_from(frame.clone()).ok(),
            None => Some(WindowFrame::new((!params.order_by.is_empty()).then_some(false))),
        };
        let same_frame = frame.is_some_and(|frame| {
            frame.units == params.window_frame.units
                && is_like(&frame.start_bound, &params.window_frame.start_bound)
                && is_like(&frame.end_bound, &params.window_frame.end_bound)
        });
        let directions = spec.order_by.iter().map(|order| order.options.asc.unwrap_or(true));
        let partition = |expr: &Expr| expr.schema_name().to_string().to_lowercase();
        let text = |expr: &SqlExpr| expr.to_string().to_lowercase();
        let keys = params.partition_by.iter().map(partition);
        let same_keys = spec.partition_by.len() == params.partition_by.len()
            && spec.partition_by.iter().map(text).zip(keys).all(|(text, key)| key.ends_with(&text));
        let same_order = directions.eq(params.order_by.iter().map(|order| order.asc))
            && spec.order_by.iter().zip(&params.order_by).all(|(text, order)| {
                order
                    .expr
                    .schema_name()
                    .to_string()
                    .to_lowercase()
                    .ends_with(&text.expr.to_string().to_lowercase())
            });
        let same_filter = function.filter.is_some() == params.filter.is_some();
        let same_nulls = function.null_treatment.is_some() == params.null_treatment.is_some();
        let same_args = match &function.args {
            FunctionArguments::List(list) => list.args.len() == params.args.len(),
            _ => params.args.is_empty(),
        };
        [same_frame, same_keys, same_order, same_filter, same_nulls, same_args]
            .into_iter()
            .filter(|same| *same)
            .count()
    }
}

fn is_named(call: &WindowFunction, name: &str) -> bool {
    let aliases = match &call.fun {
        WindowFunctionDefinition::AggregateUDF(function) => function.aliases(),
        WindowFunctionDefinition::WindowUDF(function) => function.aliases(),
    };
    call.fun.name().eq_ignore_ascii_case(name) || aliases.iter().any(|alias| alias.eq_ignore_ascii_case(name))
}

/// Whether two bounds look in the same direction. How far is not compared: planning changes its type.
fn is_like(one: &WindowFrameBound, other: &WindowFrameBound) -> bool {
    match (one, other) {
        (WindowFrameBound::CurrentRow, WindowFrameBound::CurrentRow) => true,
        (WindowFrameBound::Preceding(a), WindowFrameBound::Preceding(b))
        | (WindowFrameBound::Following(a), WindowFrameBound::Following(b)) => a.is_null() == b.is_null(),
        _ => false,
    }
}
