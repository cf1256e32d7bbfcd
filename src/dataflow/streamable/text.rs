//! Lines of a query's text.
//!
//! The syntax tree knows where expressions begin, but not where `ORDER BY` or `JOIN` stands: that is the last such word
//! before the expression, and the tokens know it. Words in comments and quotes are no tokens.

use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast::{
    Expr, Function, ObjectNamePart, Query, SelectItem, Spanned, Statement as SqlStatement,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Location, Token, Tokenizer};

use crate::dataflow::sql::functions::is_window_name;

/// The words of a text, in upper case, with their places.
pub struct Words(Vec<(String, Location)>);

impl Words {
    /// The words of `sql`; none if it cannot be read.
    pub fn of(sql: &str) -> Self {
        let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize_with_location().unwrap_or_default();
        let word = |token: Token| match token {
            Token::Word(word) if word.quote_style.is_none() => Some(word.value.to_uppercase()),
            _ => None,
        };
        Self(tokens.into_iter().filter_map(|t| word(t.token).map(|word| (word, t.span.start))).collect())
    }

    /// Line of the last of `words` before `at`, of which the line is taken where there is none. An unknown place is
    /// the end of the text.
    pub fn before(&self, words: &[&str], at: Location) -> u64 {
        let is_before = |place: Location| at.line == 0 || place < at;
        let mut known = self.0.iter().rev();
        let found = known.find(|(word, place)| is_before(*place) && words.contains(&word.as_str()));
        found.map_or(at.line, |(_, place)| place.line).max(1)
    }

    /// Line of the first of `words` after `at`, of which the line is taken where there is none.
    pub fn after(&self, words: &[&str], at: Location) -> u64 {
        let found = self.0.iter().find(|(word, place)| *place > at && words.contains(&word.as_str()));
        found.map_or(at.line, |(_, place)| place.line).max(1)
    }
}

/// Line of the first word of a piece of syntax.
pub fn line_of(part: &impl Spanned) -> u64 {
    part.span().start.line.max(1)
}

/// The query that `sql` is, if it is one.
pub fn query_of(sql: &str) -> Option<Box<Query>> {
    let mut statements = DFParserBuilder::new(sql).build().and_then(|mut p| p.parse_statements()).ok()?;
    match statements.pop_front()? {
        Statement::Statement(statement) => match *statement {
            SqlStatement::Query(query) => Some(query),
            _ => None,
        },
        _ => None,
    }
}

/// The name of a called function, in lower case.
pub fn name_of(function: &Function) -> String {
    match function.name.0.last() {
        Some(ObjectNamePart::Identifier(ident)) => ident.value.to_lowercase(),
        _ => String::new(),
    }
}

/// The call of a window function that an expression is.
pub fn window_call(expr: &Expr) -> Option<&Function> {
    match expr {
        Expr::Function(function) if is_window_name(&name_of(function)) => Some(function),
        Expr::Nested(inner) => window_call(inner),
        _ => None,
    }
}

/// The expression of a selected item.
pub fn selected(item: &SelectItem) -> Option<&Expr> {
    match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => Some(expr),
        _ => None,
    }
}
