//! Where in the text of a query the things are that a plan may be refused for. A plan no longer knows its lines, so the
//! statement is walked once more.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, GroupByExpr, Select, SetExpr, Spanned, Visit, Visitor};

use super::text::{Words, line_of, name_of, query_of, selected, window_call};

/// What a refusal can be about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// GROUP BY without a window, or an aggregate without GROUP BY.
    Aggregate,
    /// GROUP BY with a window.
    Grouping,
    /// The window of a GROUP BY.
    Window,
    /// The second window of a GROUP BY.
    SecondWindow,
    /// A window function that belongs to no GROUP BY.
    StrayWindow,
    /// A call of the function of this name, in lower case.
    Call(String),
    /// A function with OVER.
    Over,
    /// The SELECT whose rows are those of the stream.
    Rows,
}

/// The places of a query, in the order of its text.
#[derive(Debug, Default)]
pub struct Places {
    found: Vec<(Place, u64)>,
}

impl Places {
    /// Walks the statement of `sql`; `aggregate` tells the names of aggregate functions.
    pub fn of(sql: &str, aggregate: &dyn Fn(&str) -> bool) -> Self {
        let mut walk = Walk { words: Words::of(sql), aggregate, places: Self::default() };
        if let Some(query) = query_of(sql) {
            let mut body = &query.body;
            while let SetExpr::Query(inner) = body.as_ref() {
                body = &inner.body;
            }
            if let SetExpr::Select(select) = body.as_ref() {
                walk.note(Place::Rows, select.select_token.0.span.start.line.max(1));
            }
            let ControlFlow::Continue(()) = query.visit(&mut walk);
        }
        walk.places
    }

    /// The line of the first such place.
    pub fn find(&self, place: &Place) -> Option<u64> {
        self.found.iter().find(|(found, _)| found == place).map(|(_, line)| *line)
    }

    /// The line of the first such place; 1 where there is none.
    pub fn line(&self, place: &Place) -> u64 {
        self.find(place).unwrap_or(1)
    }

    /// The line that a message of the planner is about, as far as it names a function: `tumble() wants …`.
    pub fn line_of_message(&self, message: &str) -> Option<u64> {
        if message.contains("GROUP BY names two") {
            return self.find(&Place::SecondWindow);
        }
        let (before, _) = message.split_once("()")?;
        let name = before.rsplit(|c: char| !c.is_alphanumeric() && c != '_').next()?;
        self.find(&Place::Call(name.to_lowercase()))
    }
}

struct Walk<'a> {
    words: Words,
    aggregate: &'a dyn Fn(&str) -> bool,
    places: Places,
}

impl Walk<'_> {
    fn note(&mut self, place: Place, line: u64) {
        self.places.found.push((place, line));
    }

    fn grouping(&mut self, select: &Select, exprs: &[Expr]) {
        let group = self.words.before(&["GROUP"], select.group_by.span().start);
        let mut windows = exprs.iter().filter_map(window_call);
        // A window may also stand in the SELECT and be grouped by under its name or number.
        let named = || select.projection.iter().filter_map(selected).find_map(window_call);
        let Some(window) = windows.next().or_else(named) else {
            return self.note(Place::Aggregate, group);
        };
        self.note(Place::Grouping, group);
        self.note(Place::Window, line_of(window));
        if let Some(second) = windows.next() {
            self.note(Place::SecondWindow, line_of(second));
        }
    }

    /// Window functions that belong to no grouping: those in WHERE, and all where GROUP BY names none.
    fn stray_windows(&mut self, select: &Select, grouped: bool) {
        let mut calls = Calls { wanted: &|expr| window_call(expr).is_some(), lines: Vec::new() };
        if !grouped {
            for item in &select.projection {
                let ControlFlow::Continue(()) = item.visit(&mut calls);
            }
        }
        let ControlFlow::Continue(()) = select.selection.visit(&mut calls);
        for line in calls.lines {
            self.note(Place::StrayWindow, line);
        }
    }

    fn aggregates(&mut self, select: &Select) {
        let aggregate = self.aggregate;
        let wanted =
            |expr: &Expr| matches!(expr, Expr::Function(f) if f.over.is_none() && aggregate(&name_of(f)));
        let mut calls = Calls { wanted: &wanted, lines: Vec::new() };
        for item in &select.projection {
            let ControlFlow::Continue(()) = item.visit(&mut calls);
        }
        if let Some(line) = calls.lines.first() {
            self.note(Place::Aggregate, *line);
        }
    }
}

impl Visitor for Walk<'_> {
    type Break = std::convert::Infallible;

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<Self::Break> {
        let grouped = match &select.group_by {
            GroupByExpr::Expressions(exprs, _) if !exprs.is_empty() => {
                self.grouping(select, exprs);
                exprs.iter().any(|expr| window_call(expr).is_some())
            }
            GroupByExpr::Expressions(..) => {
                self.aggregates(select);
                false
            }
            GroupByExpr::All(_) => true,
        };
        self.stray_windows(select, grouped);
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Self::Break> {
        if let Expr::Function(function) = expr {
            self.note(Place::Call(name_of(function)), line_of(function));
            if function.over.is_some() {
                self.note(Place::Over, line_of(function));
            }
        }
        ControlFlow::Continue(())
    }
}

/// Lines of the expressions that are wanted.
struct Calls<'a> {
    wanted: &'a dyn Fn(&Expr) -> bool,
    lines: Vec<u64>,
}

impl Visitor for Calls<'_> {
    type Break = std::convert::Infallible;

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Self::Break> {
        if (self.wanted)(expr) {
            self.lines.push(line_of(expr));
        }
        ControlFlow::Continue(())
    }
}
