//! Refrigeration in SQL: functions over whole columns, which every session has.
//!
//! Each function is declared once ([`catalog`]): its arguments, units, range, source and examples. The planner checks calls
//! against the declaration, a test runs the examples, and `docs/sql-functions.md` is made from it ([`page`]).
//!
//! What cannot be known is NULL: a NULL among the arguments, a state outside the refrigerant's table, gas that is wet, a
//! refrigerant that is not known. A *constant* that is wrong (`t_sat('R12', 2)`) is an error when the query is planned.

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;

use super::Refrigerant;

pub mod catalog;
mod columns;
pub mod declare;
mod formula;
mod function;
pub mod mode;
pub mod page;
#[cfg(test)]
mod tests;

/// The functions, for a session.
pub fn functions() -> Vec<Arc<ScalarUDF>> {
    let udf = |declaration| Arc::new(ScalarUDF::from(function::Function::new(declaration)));
    catalog::FUNCTIONS.iter().map(udf).collect()
}

/// The names of the refrigerants.
fn known_refrigerants() -> Vec<&'static str> {
    Refrigerant::ALL.iter().map(|refrigerant| refrigerant.name()).collect()
}

/// What a pressure is counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reference {
    /// Vacuum.
    Absolute,
    /// The air around the machine.
    Gauge,
}

impl Reference {
    fn parse(text: &str) -> Option<Self> {
        match text {
            _ if text.eq_ignore_ascii_case("absolute") => Some(Self::Absolute),
            _ if text.eq_ignore_ascii_case("gauge") => Some(Self::Gauge),
            _ => None,
        }
    }
}
