//! What no stream can run whatever it means: refused by its syntax, before anything is planned, with its line.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, GroupByExpr, Join, JoinConstraint, JoinOperator, Query, Select, SetExpr,
    SetOperator, Spanned, TableFactor, TableWithJoins, Visit, Visitor,
};
use datafusion::sql::sqlparser::tokenizer::Location;

use super::Refusal;
use super::text::{Words, line_of, name_of, window_call};
use crate::schema::{MACHINE_ID, MACHINES};

/// The first thing in the query `sql` that no stream can run.
pub fn refuse(sql: &str, query: &Query) -> Option<Refusal> {
    let mut walk = Walk { words: Words::of(sql) };
    match query.visit(&mut walk) {
        ControlFlow::Break(refusal) => Some(refusal),
        ControlFlow::Continue(()) => None,
    }
}

struct Walk {
    words: Words,
}

type Flow = ControlFlow<Refusal>;

fn refuse_at(line: u64, message: &str, hint: &str) -> Flow {
    ControlFlow::Break(Refusal { line, message: message.into(), hint: Some(hint.into()) })
}

fn refuse_order(line: u64) -> Flow {
    refuse_at(
        line,
        "ORDER BY is not possible on a stream: its rows never end, so there is no last one to wait for",
        "sort when you ask the table: `coldstream query \"SELECT … ORDER BY …\"`",
    )
}

fn refuse_limit(line: u64) -> Flow {
    refuse_at(
        line,
        "LIMIT and OFFSET are not possible on a stream: which rows would be the first depends on when it was started",
        "filter by a column, or limit when you ask the table",
    )
}

fn refuse_join(line: u64, relation: &TableFactor) -> Flow {
    if is_machines(relation) {
        return refuse_at(
            line,
            "a stream is joined with `machines` by the machine alone, and each row has one: INNER and LEFT are the same, \
             and other joins, or conditions in ON, cannot be",
            "JOIN machines m ON m.machine_id = r.machine_id, or USING (machine_id); conditions go to WHERE",
        );
    }
    refuse_at(
        line,
        "a join is not possible on a stream: the other side's rows come in other partitions or at other times, and \
         none of them can be waited for",
        "use one input, or join it with `machines`; join streams when you ask the tables: `coldstream query`",
    )
}

/// Whether it is the table of the machines.
fn is_machines(relation: &TableFactor) -> bool {
    matches!(relation, TableFactor::Table { name, .. } if name.to_string().eq_ignore_ascii_case(MACHINES))
}

/// Whether a join is one with the table of the machines, by the machine.
fn is_lookup(join: &Join) -> bool {
    let constraint = match &join.join_operator {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint) => constraint,
        _ => return false,
    };
    let by_machine = match constraint {
        JoinConstraint::Using(columns) => {
            matches!(columns.as_slice(), [column] if column.to_string().eq_ignore_ascii_case(MACHINE_ID))
        }
        JoinConstraint::On(condition) => is_machine_equality(condition),
        _ => false,
    };
    by_machine && is_machines(&join.relation)
}

/// Whether a condition is `a.machine_id = b.machine_id`. Whose they are is seen when it is planned.
fn is_machine_equality(condition: &Expr) -> bool {
    let is_id = |expr: &Expr| match expr {
        Expr::CompoundIdentifier(parts) => {
            parts.last().is_some_and(|ident| ident.value.eq_ignore_ascii_case(MACHINE_ID))
        }
        _ => false,
    };
    match condition {
        Expr::Nested(inner) => is_machine_equality(inner),
        Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => is_id(left) && is_id(right),
        _ => false,
    }
}

impl Walk {
    fn body(&self, body: &SetExpr) -> Flow {
        match body {
            SetExpr::SetOperation { op, right, .. } => {
                let at = right.span().start;
                let line = self.words.before(&["UNION", "EXCEPT", "INTERSECT", "MINUS"], at);
                if *op == SetOperator::Union {
                    return refuse_at(
                        line,
                        "UNION is not possible on a stream: the order of its rows would depend on how the readings \
                         came in batches",
                        "write OR or CASE in one SELECT, or a query for each part and UNION when you ask the tables",
                    );
                }
                refuse_at(
                    line,
                    "EXCEPT and INTERSECT are not possible on a stream: they would have to remember every row for ever",
                    "use them when you ask the tables",
                )
            }
            SetExpr::Values(values) => {
                let first = values.rows.first().and_then(|row| row.first());
                let at = first.map_or(Location::empty(), |value| value.span().start);
                refuse_at(
                    self.words.before(&["VALUES", "VALUE"], at),
                    "VALUES is not possible on a stream: fixed rows have no event time",
                    "use CASE, or a column of its own",
                )
            }
            _ => Flow::Continue(()),
        }
    }

    fn from(&self, from: &[TableWithJoins]) -> Flow {
        if let Some(second) = from.get(1) {
            return refuse_join(line_of(&second.relation), &second.relation);
        }
        if let Some(first) = from.first()
            && is_machines(&first.relation)
        {
            return refuse_at(
                line_of(&first.relation),
                "`machines` is a table, not a stream: its rows never come",
                "name the stream first: FROM readings r JOIN machines m ON m.machine_id = r.machine_id",
            );
        }
        match from.iter().flat_map(|from| &from.joins).find(|join| !is_lookup(join)) {
            Some(join) => {
                let line = self.words.before(&["JOIN", "APPLY"], join.relation.span().start);
                refuse_join(line, &join.relation)
            }
            None => Flow::Continue(()),
        }
    }

    fn grouping(&self, exprs: &[Expr]) -> Flow {
        for expr in exprs {
            if matches!(expr, Expr::GroupingSets(_) | Expr::Cube(_) | Expr::Rollup(_)) {
                return refuse_at(
                    self.words.before(&["GROUPING", "CUBE", "ROLLUP"], expr.span().start),
                    "GROUPING SETS, CUBE and ROLLUP are not possible on a stream: a total over machines needs rows of \
                     all partitions",
                    "write a query for each grouping with machine_id, and totals when you ask the tables",
                );
            }
            let mut inside = InsideWindow { line: None };
            if window_call(expr).is_none() {
                let ControlFlow::Continue(()) = expr.visit(&mut inside);
            }
            if let Some(line) = inside.line {
                return refuse_at(
                    line,
                    "a window function stands by itself in GROUP BY, not inside another expression",
                    "group by the window, and compute with window_start or window_end in SELECT",
                );
            }
        }
        Flow::Continue(())
    }
}

/// A window function inside an expression.
struct InsideWindow {
    line: Option<u64>,
}

impl Visitor for InsideWindow {
    type Break = std::convert::Infallible;

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Self::Break> {
        self.line = self.line.or(window_call(expr).map(line_of));
        ControlFlow::Continue(())
    }
}

impl Visitor for Walk {
    type Break = Refusal;

    fn pre_visit_query(&mut self, query: &Query) -> Flow {
        if let Some(with) = query.with.as_ref().filter(|with| with.recursive) {
            return refuse_at(
                with.with_token.0.span.start.line.max(1),
                "WITH RECURSIVE is not possible on a stream: it would run over all rows again and again, and they \
                 never end",
                "chain queries: each file reads the stream of the one before",
            );
        }
        self.body(&query.body)?;
        if let Some(order) = &query.order_by {
            return refuse_order(self.words.before(&["ORDER"], order.span().start));
        }
        if let Some(limit) = &query.limit_clause {
            return refuse_limit(self.words.before(&["LIMIT", "OFFSET"], limit.span().start));
        }
        if let Some(fetch) = &query.fetch {
            return refuse_limit(self.words.before(&["FETCH"], fetch.span().start));
        }
        if !query.locks.is_empty() {
            let line = self.words.before(&["FOR"], Location::empty());
            return refuse_at(line, "a stream's rows cannot be locked", "leave FOR UPDATE or FOR SHARE out");
        }
        Flow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> Flow {
        let start = select.select_token.0.span.start;
        if select.distinct.is_some() {
            return refuse_at(
                self.words.after(&["DISTINCT"], start),
                "SELECT DISTINCT on a stream would have to remember every row for ever",
                "group by the columns and a window instead",
            );
        }
        if select.top.is_some() {
            return refuse_limit(self.words.after(&["TOP"], start));
        }
        if select.into.is_some() {
            let line = self.words.after(&["INTO"], start);
            let message = "INTO is not possible on a stream: its table has the name of the file";
            return refuse_at(line, message, "leave it out, and name the file as the table");
        }
        if let Some(first) = select.sort_by.first() {
            return refuse_order(self.words.before(&["SORT"], first.span().start));
        }
        self.from(&select.from)?;
        match &select.group_by {
            GroupByExpr::Expressions(exprs, _) => self.grouping(exprs),
            GroupByExpr::All(_) => Flow::Continue(()),
        }
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> Flow {
        let at = factor.span().start;
        let hint = "FROM takes `readings`, another stream, or a SELECT over one of them in brackets";
        match factor {
            TableFactor::Table { sample: Some(_), .. } | TableFactor::Derived { sample: Some(_), .. } => {
                refuse_at(
                    self.words.after(&["TABLESAMPLE", "SAMPLE"], at),
                    "TABLESAMPLE is not possible on a stream: which rows it takes differs each time",
                    "filter by a column: WHERE kafka_offset % 10 = 0",
                )
            }
            TableFactor::Derived { lateral: true, .. } => {
                let line = self.words.before(&["LATERAL"], at);
                refuse_at(line, "LATERAL is not possible on a stream: it is a join", hint)
            }
            TableFactor::Table { args: Some(_), .. }
            | TableFactor::TableFunction { .. }
            | TableFactor::Function { .. }
            | TableFactor::UNNEST { .. } => {
                let message = "a function in FROM is not possible on a stream: its rows have no event time";
                refuse_at(line_of(factor), message, hint)
            }
            TableFactor::Pivot { .. } | TableFactor::Unpivot { .. } => refuse_at(
                self.words.after(&["PIVOT", "UNPIVOT"], at),
                "PIVOT is not possible on a stream: it groups without a window",
                "use one aggregate with FILTER or CASE for each column",
            ),
            TableFactor::NestedJoin { table_with_joins, .. } => {
                self.from(std::slice::from_ref(table_with_joins))
            }
            TableFactor::Table { .. } | TableFactor::Derived { .. } => Flow::Continue(()),
            _ => refuse_at(line_of(factor), "this kind of FROM is not possible on a stream", hint),
        }
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> Flow {
        let subquery = match expr {
            Expr::Subquery(query) => Some((query, None)),
            Expr::Exists { subquery, .. } => Some((subquery, Some("EXISTS"))),
            Expr::InSubquery { subquery, .. } => Some((subquery, Some("IN"))),
            _ => None,
        };
        if let Some((query, word)) = subquery {
            let at = query.span().start;
            return refuse_at(
                word.map_or(at.line.max(1), |word| self.words.before(&[word], at)),
                "a subquery in an expression is not possible on a stream: its rows never end, so it has no result to \
                 compare with",
                "put it in FROM, or chain queries and compare when you ask the tables",
            );
        }
        if let Expr::Function(function) = expr
            && name_of(function) == "unnest"
        {
            return refuse_at(
                line_of(function),
                "unnest() is not possible on a stream: one row would become several of the same machine and instant",
                "take the elements by their number: list[1]",
            );
        }
        Flow::Continue(())
    }
}
