//! `window_start`, `window_end`, `window_time` and `revision` in a query.
//!
//! They are no columns of any table: they belong to the window function of the same SELECT's GROUP BY. Before
//! planning, each is replaced by that field of the window function, which the planner then recognises as a
//! grouping expression:
//!
//! ```sql
//! SELECT window_end, avg(x) FROM readings GROUP BY tumble(timestamp, INTERVAL '1 minute')
//! -- becomes
//! SELECT get_field(tumble(timestamp, …), 'window_end') AS window_end, avg(x) …
//! ```
//!
//! A column of an input that has such a name is written with its table: `features.window_end`.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, GroupByExpr,
    Ident, ObjectName, Select, SelectItem, Statement, Value, VisitMut, VisitorMut,
};

use super::functions::{WINDOW_COLUMNS, is_window_name};

/// Rewrites every SELECT of the statement that groups by a window.
pub fn rewrite_window_columns(statement: &mut Statement) {
    let mut selects = Selects;
    let ControlFlow::Continue(()) = statement.visit(&mut selects);
}

struct Selects;

impl VisitorMut for Selects {
    type Break = std::convert::Infallible;

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Self::Break> {
        if let Some(window) = window_call(&select.group_by) {
            for item in &mut select.projection {
                name_bare_column(item);
            }
            let mut columns = WindowColumns { window, subqueries: 0 };
            for item in &mut select.projection {
                item.visit(&mut columns)?;
            }
            if let Some(having) = &mut select.having {
                having.visit(&mut columns)?;
            }
        }
        ControlFlow::Continue(())
    }
}

/// The window function among the grouping expressions.
fn window_call(group_by: &GroupByExpr) -> Option<Expr> {
    let GroupByExpr::Expressions(exprs, _) = group_by else { return None };
    exprs.iter().find(|e| matches!(e, Expr::Function(f) if is_window(&f.name))).cloned()
}

fn is_window(name: &ObjectName) -> bool {
    is_window_name(&name.to_string().to_lowercase())
}

fn is_window_column(ident: &Ident) -> bool {
    ident.quote_style.is_none() && WINDOW_COLUMNS.contains(&ident.value.to_lowercase().as_str())
}

/// A selected `window_end` keeps its name once it is an expression.
fn name_bare_column(item: &mut SelectItem) {
    if let SelectItem::UnnamedExpr(Expr::Identifier(ident)) = item
        && is_window_column(ident)
    {
        let alias = Ident { value: ident.value.to_lowercase(), ..ident.clone() };
        *item = SelectItem::ExprWithAlias { expr: Expr::Identifier(ident.clone()), alias };
    }
}

struct WindowColumns {
    window: Expr,
    /// Inside a subquery the names mean what they mean there.
    subqueries: usize,
}

impl VisitorMut for WindowColumns {
    type Break = std::convert::Infallible;

    fn pre_visit_select(&mut self, _select: &mut Select) -> ControlFlow<Self::Break> {
        self.subqueries += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, _select: &mut Select) -> ControlFlow<Self::Break> {
        self.subqueries -= 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Self::Break> {
        if self.subqueries == 0
            && let Expr::Identifier(ident) = expr
            && is_window_column(ident)
        {
            *expr = field_of(&self.window, &ident.value.to_lowercase());
        }
        ControlFlow::Continue(())
    }
}

fn field_of(window: &Expr, field: &str) -> Expr {
    let field = Expr::value(Value::SingleQuotedString(field.to_string()));
    let args = [window.clone(), field].map(|e| FunctionArg::Unnamed(FunctionArgExpr::Expr(e)));
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new("get_field")]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: args.into(),
            clauses: vec![],
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: vec![],
    })
}
