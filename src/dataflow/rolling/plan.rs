//! From the logical plan to what runs.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::{DFSchema, Result, plan_err};
use datafusion::execution::context::ExecutionProps;
use datafusion::logical_expr::expr::{NullTreatment, WindowFunction};
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Expr, ExprSchemable, Window, WindowFunctionDefinition};
use datafusion::physical_expr::aggregate::{AggregateExprBuilder, AggregateFunctionExpr};
use datafusion::physical_expr::expressions::Literal;
use datafusion::physical_expr::{PhysicalExpr, create_physical_expr};
use datafusion::scalar::ScalarValue;

use super::frame::Frame;
use super::refuse::Refused;
use crate::schema::timestamp_type;

/// Rolling functions over one partitioning, compiled.
#[derive(Debug)]
pub struct RollingPlan {
    /// Event time of a row.
    pub time: Arc<dyn PhysicalExpr>,
    /// PARTITION BY.
    pub keys: Vec<Arc<dyn PhysicalExpr>>,
    /// Arguments and filters that a tail keeps, each once.
    pub inputs: Vec<Arc<dyn PhysicalExpr>>,
    /// The functions, in the order of their columns.
    pub functions: Vec<Function>,
    /// How far back the frames reach.
    pub reach: Reach,
    /// Schema of the rows that come in.
    pub input: SchemaRef,
    /// Schema of the rows that go out: those that came in, and a column for each function.
    pub schema: SchemaRef,
    /// Types of the keys and the inputs.
    pub tail: Vec<DataType>,
}

/// What of a machine's past the frames can reach.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reach {
    /// This many of its last rows.
    pub rows: usize,
    /// All rows that are at most this old, microseconds.
    pub range: Option<i64>,
}

/// An argument of a function.
#[derive(Debug, Clone)]
pub enum Arg {
    /// The same for every row.
    Constant(ScalarValue),
    /// Position among the plan's inputs.
    Input(usize),
}

/// A function, compiled.
#[derive(Debug)]
pub enum Function {
    /// An aggregate of the frame.
    Aggregate {
        /// The function and how it was called.
        expr: Arc<AggregateFunctionExpr>,
        /// Its arguments.
        args: Vec<Arg>,
        /// Position of its FILTER among the inputs.
        filter: Option<usize>,
        /// What it sees.
        frame: Frame,
    },
    /// The value of one row.
    Pick {
        /// The value.
        arg: Arg,
        /// Which row.
        pick: Pick,
        /// The value where there is no such row.
        otherwise: ScalarValue,
    },
}

/// Which row of a machine a function picks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pick {
    /// That many rows before.
    Lag(usize),
    /// The one with this number in the frame, from 1; from −1, counted from the end.
    Nth {
        /// The number.
        n: i64,
        /// What it sees.
        frame: Frame,
        /// Whether rows without a value do not count.
        ignore_nulls: bool,
    },
}

impl Pick {
    fn reach(self) -> Reach {
        match self {
            Self::Lag(rows) => Reach { rows, range: None },
            Self::Nth { frame, .. } => Reach::of(frame),
        }
    }
}

impl Reach {
    fn of(frame: Frame) -> Self {
        match frame {
            Frame::Rows { from, .. } => Self { rows: from, range: None },
            Frame::Range { from, .. } => Self { rows: 0, range: Some(from) },
        }
    }

    fn and(self, other: Self) -> Self {
        Self { rows: self.rows.max(other.rows), range: self.range.max(other.range) }
    }
}

impl RollingPlan {
    /// Schema of the chunks: of a row two lists, one of which is empty. `held` has rows as they came in, in the order in
    /// which they came; `tail` has the event time, keys and inputs of rows that were given, in their order machine by
    /// machine.
    pub fn chunk_schema(&self) -> SchemaRef {
        let list = |name: &str, fields: &Schema| {
            let item = Field::new_list_field(DataType::Struct(fields.fields().clone()), false);
            Field::new(name, DataType::List(Arc::new(item)), false)
        };
        Arc::new(Schema::new(vec![list("held", &self.input), list("tail", &self.tail_schema())]))
    }

    /// Schema of a tail.
    pub fn tail_schema(&self) -> SchemaRef {
        let name = |i: usize| match i.checked_sub(self.keys.len()) {
            None => format!("key{i}"),
            Some(input) => format!("arg{input}"),
        };
        let rest = self.tail.iter().enumerate().map(|(i, of)| Field::new(name(i), of.clone(), true));
        let time = Field::new("ts", DataType::Int64, false);
        Arc::new(Schema::new(std::iter::once(time).chain(rest).collect::<Vec<_>>()))
    }
}

/// What a call asks for, as far as that can be told without its arguments being compiled.
pub(super) enum Call {
    Aggregate(Frame),
    Pick(Pick, ScalarValue),
}

/// The call in a column of a window node.
pub(super) fn call_of(expr: &Expr) -> Option<&WindowFunction> {
    match expr {
        Expr::Alias(alias) => call_of(&alias.expr),
        Expr::WindowFunction(call) => Some(call),
        _ => None,
    }
}

/// What a call asks for, or why it cannot be had with a bounded memory of the past.
pub(super) fn understand(call: &WindowFunction, schema: &DFSchema) -> Result<Call, Refused> {
    let params = &call.params;
    match params.order_by.as_slice() {
        [order] if !order.asc => {
            return Err(Refused::new(
                "ORDER BY … DESC begins with the newest row, and a stream has none",
                Some("ORDER BY timestamp; lag() looks back, and so do frames with PRECEDING"),
            ));
        }
        [order] if order.expr.get_type(schema).is_ok_and(|of| of == timestamp_type()) => {}
        _ => {
            return Err(Refused::new(
                "a rolling function goes along the event time: its OVER needs exactly that in ORDER BY",
                Some("OVER (PARTITION BY machine_id ORDER BY timestamp …)"),
            ));
        }
    }
    let name = call.fun.name();
    if matches!(call.fun, WindowFunctionDefinition::AggregateUDF(_)) {
        return Ok(Call::Aggregate(Frame::of(&params.window_frame)?));
    }
    if params.distinct || params.filter.is_some() {
        return Err(Refused::new(format!("{name}() has no DISTINCT and no FILTER"), None));
    }
    let ignore_nulls = params.null_treatment == Some(NullTreatment::IgnoreNulls);
    let of = || match params.args.first().map(|arg| arg.get_type(schema)) {
        Some(Ok(of)) => Ok(of),
        _ => Err(Refused::new(format!("{name}() wants a value"), None)),
    };
    let nth = |n| -> Result<Call, Refused> {
        let pick = Pick::Nth { n, frame: Frame::of(&params.window_frame)?, ignore_nulls };
        Ok(Call::Pick(pick, null(&of()?)?))
    };
    match name {
        "first_value" => nth(1),
        "last_value" => nth(-1),
        "nth_value" => nth(whole(name, params.args.get(1), 0)?),
        "lag" if ignore_nulls => Err(Refused::new(
            "lag() IGNORE NULLS may have to look back without end",
            Some("last_value(x) IGNORE NULLS OVER (… ROWS BETWEEN 100 PRECEDING AND 1 PRECEDING)"),
        )),
        "lag" => {
            let rows = usize::try_from(whole(name, params.args.get(1), 1)?).map_err(|_| {
                Refused::new("lag() with a negative number looks at rows that have not come yet", None)
            })?;
            let otherwise = match params.args.get(2) {
                None => null(&of()?)?,
                Some(Expr::Literal(value, _)) => {
                    value.cast_to(&of()?).map_err(|error| Refused::new(error.strip_backtrace(), None))?
                }
                Some(_) => return Err(Refused::new("lag() wants a constant default", None)),
            };
            Ok(Call::Pick(Pick::Lag(rows), otherwise))
        }
        "lead" => Err(Refused::new(
            "lead() looks at rows that have not come yet",
            Some("lag() compares each row with the one before"),
        )),
        "row_number" | "rank" | "dense_rank" | "percent_rank" | "cume_dist" | "ntile" => Err(Refused::new(
            format!("{name}() counts all rows of the machine, from the first that there ever was"),
            Some(
                "count(*) OVER (… RANGE BETWEEN INTERVAL '1 hour' PRECEDING AND CURRENT ROW) counts the last ones",
            ),
        )),
        _ => Err(Refused::new(format!("{name}() may look at any row, however old"), None)),
    }
}

fn null(of: &DataType) -> Result<ScalarValue, Refused> {
    ScalarValue::try_from(of).map_err(|error| Refused::new(error.strip_backtrace(), None))
}

/// A constant whole number among the arguments.
fn whole(name: &str, arg: Option<&Expr>, if_none: i64) -> Result<i64, Refused> {
    let value = match arg {
        None => return Ok(if_none),
        Some(Expr::Literal(value, _)) if !value.is_null() => value.cast_to(&DataType::Int64).ok(),
        Some(_) => None,
    };
    match value {
        Some(ScalarValue::Int64(Some(value))) => Ok(value),
        _ => Err(Refused::new(format!("{name}() wants a constant number of rows"), None)),
    }
}

/// Compiles a window node against the schema of its input.
pub fn compile(node: &Window, props: &ExecutionProps) -> Result<RollingPlan> {
    let logical: &DFSchema = node.input.schema();
    let input = Arc::clone(logical.inner());
    let context = PhysicalPlanningContext::default();
    let physical = |expr: &Expr| create_physical_expr(expr, logical, props, &context);
    let Some(first) = node.window_expr.first().and_then(call_of) else {
        return plan_err!("a window node without a function");
    };
    let mut inputs: Vec<Arc<dyn PhysicalExpr>> = Vec::new();
    let mut position = |expr: Arc<dyn PhysicalExpr>| {
        inputs.iter().position(|known| known == &expr).unwrap_or_else(|| {
            inputs.push(expr);
            inputs.len() - 1
        })
    };
    let mut reach = Reach::default();
    let mut functions = Vec::with_capacity(node.window_expr.len());
    for (expr, field) in node.window_expr.iter().zip(node.schema.fields().iter().skip(input.fields().len())) {
        let Some(call) = call_of(expr) else { return plan_err!("{expr} is no window function") };
        if call.params.partition_by != first.params.partition_by {
            return plan_err!(
                "OVER clauses with one ORDER BY have the same PARTITION BY, or differ in its columns"
            );
        }
        let understood = understand(call, logical).map_err(Refused::into_plan)?;
        let args = call.params.args.iter().map(physical).collect::<Result<Vec<_>>>()?;
        let mut arg = |expr: &Arc<dyn PhysicalExpr>| match expr.downcast_ref::<Literal>() {
            Some(literal) => Arg::Constant(literal.value().clone()),
            None => Arg::Input(position(Arc::clone(expr))),
        };
        functions.push(match (understood, &call.fun) {
            (Call::Aggregate(frame), WindowFunctionDefinition::AggregateUDF(function)) => {
                reach = reach.and(Reach::of(frame));
                let compiled = args.iter().map(&mut arg).collect();
                let ignore_nulls = call.params.null_treatment == Some(NullTreatment::IgnoreNulls);
                let builder = AggregateExprBuilder::new(Arc::clone(function), args)
                    .schema(Arc::clone(&input))
                    .alias(field.name())
                    .with_ignore_nulls(ignore_nulls)
                    .with_distinct(call.params.distinct);
                let filter = call.params.filter.as_deref().map(physical).transpose()?;
                let filter = filter.map(&mut position);
                Function::Aggregate { expr: Arc::new(builder.build()?), args: compiled, filter, frame }
            }
            (Call::Pick(pick, otherwise), _) => {
                reach = reach.and(pick.reach());
                let Some(value) = args.first() else { return plan_err!("{expr} has no value") };
                Function::Pick { arg: arg(value), pick, otherwise }
            }
            (Call::Aggregate(_), _) => return plan_err!("{expr} is no aggregate"),
        });
    }
    let keys = first.params.partition_by.iter().map(physical).collect::<Result<Vec<_>>>()?;
    let Some(order) = first.params.order_by.first() else { return plan_err!("OVER without ORDER BY") };
    let time = physical(&order.expr)?;
    let tail = keys.iter().chain(&inputs).map(|expr| expr.data_type(&input)).collect::<Result<_>>()?;
    let schema = Arc::clone(node.schema.inner());
    Ok(RollingPlan { time, keys, inputs, functions, reach, input, schema, tail })
}
