//! Where a column of a plan comes from: whether it still is the machine or the event time that the input had.
//!
//! A stream is split by machine and watched by event time. A computed `machine_id` could be the same in two Kafka
//! partitions, and a computed `timestamp` could be behind the watermark without being late; neither would be noticed at run
//! time, where only names are left.

use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::{Expr, LogicalPlan};

use crate::dataflow::lookup::MachineJoin;
use crate::dataflow::sql::node::WindowAggregate;
use crate::schema::{MACHINE_ID, MACHINES, TIMESTAMP, WINDOW_TIME};

/// What a column is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The machine, unchanged.
    Machine,
    /// The event time of the input, unchanged.
    EventTime,
    /// A window, of which the field `window_time` is the event time.
    Window,
    /// Anything else.
    Other,
}

/// What the expression is over the rows of `input`.
pub fn of(expr: &Expr, input: &LogicalPlan) -> Origin {
    match expr {
        Expr::Alias(alias) => of(&alias.expr, input),
        Expr::Column(column) => of_column(column, input),
        Expr::ScalarFunction(call) if call.func.name() == "get_field" => match call.args.as_slice() {
            [window, Expr::Literal(ScalarValue::Utf8(Some(field)), _)]
                if field == WINDOW_TIME && of(window, input) == Origin::Window =>
            {
                Origin::EventTime
            }
            _ => Origin::Other,
        },
        _ => Origin::Other,
    }
}

/// What the column `index` of the plan's rows is.
pub fn of_output(plan: &LogicalPlan, index: usize) -> Origin {
    match plan {
        LogicalPlan::Projection(projection) => {
            projection.expr.get(index).map_or(Origin::Other, |expr| of(expr, &projection.input))
        }
        LogicalPlan::SubqueryAlias(alias) => of_output(&alias.input, index),
        LogicalPlan::Filter(filter) => of_output(&filter.input, index),
        // The input's columns, then those of the functions.
        LogicalPlan::Window(window) if index < window.input.schema().fields().len() => {
            of_output(&window.input, index)
        }
        LogicalPlan::Extension(extension) => {
            match extension.node.as_any().downcast_ref::<WindowAggregate>() {
                Some(window) => of_window(window, index),
                None => match extension.node.as_any().downcast_ref::<MachineJoin>() {
                    Some(join) => of_join(join, index),
                    None => Origin::Other,
                },
            }
        }
        // Not a stream: only a join makes rows of it those of a machine and a time.
        LogicalPlan::TableScan(scan) if scan.table_name.table() == MACHINES => Origin::Other,
        LogicalPlan::TableScan(scan) => {
            let schema = &scan.projected_schema;
            let time =
                if schema.has_column_with_unqualified_name(WINDOW_TIME) { WINDOW_TIME } else { TIMESTAMP };
            match schema.field(index).name().as_str() {
                MACHINE_ID => Origin::Machine,
                name if name == time => Origin::EventTime,
                _ => Origin::Other,
            }
        }
        _ => Origin::Other,
    }
}

fn of_column(column: &Column, input: &LogicalPlan) -> Origin {
    input.schema().maybe_index_of_column(column).map_or(Origin::Other, |index| of_output(input, index))
}

/// The input's columns, then those of `machines`, of which the machine is that of the row.
fn of_join(join: &MachineJoin, index: usize) -> Origin {
    if index < join.input.schema().fields().len() {
        return of_output(&join.input, index);
    }
    if join.schema.field(index).name() == MACHINE_ID { Origin::Machine } else { Origin::Other }
}

fn of_window(window: &WindowAggregate, index: usize) -> Origin {
    if index == window.window_at {
        return Origin::Window;
    }
    let key = if index < window.window_at { index } else { index - 1 };
    // An event time that is grouped by is older than the rows around it once its window has been given.
    match window.keys.get(key).map(|key| of(key, &window.input)) {
        Some(Origin::Machine) => Origin::Machine,
        _ => Origin::Other,
    }
}
