//! The window functions of `GROUP BY` as SQL sees them: `tumble(ts, size)` and `hop(ts, slide, size)`, each with
//! an optional offset, and `session(ts, gap)`. They are never called: the analyzer turns the aggregate around them into a window.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::dataflow::spec::{WindowKind, WindowSpec};
use crate::schema::timestamp_type;

/// How often a window has been given before: 0, unless late readings revised it.
pub const REVISION: &str = "revision";
/// Columns that a window adds to its query.
pub const WINDOW_COLUMNS: [&str; 4] = ["window_start", "window_end", "window_time", REVISION];

/// Fields of the struct a window function stands for.
pub fn window_fields() -> Fields {
    let kind = |name| if name == REVISION { DataType::Int32 } else { timestamp_type() };
    WINDOW_COLUMNS.iter().map(|name| Field::new(*name, kind(*name), false)).collect()
}

/// A window function: the name and where its arguments are.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct WindowFunction {
    name: &'static str,
    signature: Signature,
}

/// Names of the window functions.
const WINDOW_FUNCTIONS: [&str; 3] = ["tumble", "hop", "session"];

/// Whether a function of this name, in lower case, is a window function.
pub fn is_window_name(name: &str) -> bool {
    WINDOW_FUNCTIONS.contains(&name)
}

/// `tumble`, `hop` and `session`.
pub fn window_functions() -> Vec<Arc<ScalarUDF>> {
    WINDOW_FUNCTIONS
        .into_iter()
        .map(|name| {
            let signature = Signature::variadic_any(Volatility::Immutable);
            Arc::new(ScalarUDF::new_from_impl(WindowFunction { name, signature }))
        })
        .collect()
}

impl ScalarUDFImpl for WindowFunction {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        match args.first() {
            Some(DataType::Timestamp(..)) => Ok(DataType::Struct(window_fields())),
            Some(other) => plan_err!("{}() wants a timestamp as its first argument, not {other}", self.name),
            None => plan_err!("{}() wants a timestamp and an interval", self.name),
        }
    }

    fn invoke_with_args(&self, _args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        exec_err!("{}() can only be used in GROUP BY", self.name)
    }
}

/// The window function in `expr`, if it is one: its event time and its windows.
pub fn window_of(expr: &Expr) -> Result<Option<(Expr, WindowKind)>> {
    let expr = match expr {
        Expr::Alias(alias) => alias.expr.as_ref(),
        other => other,
    };
    let Expr::ScalarFunction(call) = expr else { return Ok(None) };
    if call.func.inner().downcast_ref::<WindowFunction>().is_none() {
        return Ok(None);
    }
    let name = call.func.name();
    let lengths = call.args[1..].iter().map(|arg| interval(name, arg)).collect::<Result<Vec<_>>>()?;
    let kind = match (name, lengths.as_slice()) {
        ("session", [gap]) if *gap > 0 => return Ok(Some((call.args[0].clone(), WindowKind::Session(*gap)))),
        ("session", [_]) => return plan_err!("session(): the gap must be positive"),
        ("session", _) => return plan_err!("session() wants (timestamp, gap)"),
        ("tumble", [size]) => WindowSpec::hop(*size, *size, 0),
        ("tumble", [size, offset]) => WindowSpec::hop(*size, *size, *offset),
        ("hop", [slide, size]) => WindowSpec::hop(*slide, *size, 0),
        ("hop", [slide, size, offset]) => WindowSpec::hop(*slide, *size, *offset),
        ("tumble", _) => return plan_err!("tumble() wants (timestamp, size[, offset])"),
        _ => return plan_err!("hop() wants (timestamp, slide, size[, offset])"),
    };
    match kind {
        Ok(spec) => Ok(Some((call.args[0].clone(), WindowKind::Fixed(spec)))),
        Err(error) => plan_err!("{name}(): {error}"),
    }
}

/// Whether `expr` calls a window function anywhere.
pub fn calls_window(expr: &Expr) -> bool {
    use datafusion::common::tree_node::TreeNode;
    expr.exists(|e| {
        Ok(matches!(e, Expr::ScalarFunction(call)
            if call.func.inner().downcast_ref::<WindowFunction>().is_some()))
    })
    .unwrap_or(false)
}

/// A constant length in microseconds.
fn interval(function: &str, expr: &Expr) -> Result<i64> {
    const DAY: i64 = 86_400_000_000;
    let Expr::Literal(value, _) = expr else {
        return plan_err!("{function}() wants constant intervals, such as INTERVAL '10 seconds', not {expr}");
    };
    let micros = match value {
        ScalarValue::IntervalMonthDayNano(Some(v)) if v.months == 0 && v.nanoseconds % 1_000 == 0 => {
            i64::from(v.days).checked_mul(DAY).and_then(|d| d.checked_add(v.nanoseconds / 1_000))
        }
        ScalarValue::IntervalDayTime(Some(v)) => {
            i64::from(v.days).checked_mul(DAY).and_then(|d| d.checked_add(i64::from(v.milliseconds) * 1_000))
        }
        ScalarValue::IntervalMonthDayNano(Some(v)) if v.months != 0 => {
            return plan_err!("{function}(): a month has no fixed length, use days");
        }
        other => return plan_err!("{function}() wants intervals of whole microseconds, not {other}"),
    };
    match micros {
        // About 3,000 years: so that no sum of times and lengths can overflow.
        Some(length) if length.unsigned_abs() < 100_000_000_000_000_000 => Ok(length),
        _ => plan_err!("{function}(): the interval {expr} is too long"),
    }
}
