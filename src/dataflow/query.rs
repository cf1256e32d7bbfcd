//! The files of `queries/`: reading them, what they refer to, and in which order they run.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::Path;

use datafusion::common::DataFusionError;
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast::{
    ObjectName, Query as SqlQuery, Spanned, Statement as SqlStatement, Visit, Visitor,
};

use super::error::{DataflowError, one_line};
use super::streamable::places::Places;
use super::streamable::syntax;
use crate::model::sql::BindError;
use crate::schema::{ALARMS, DEAD_LETTERS, GAPS, LATE_READINGS, MACHINE_VERSIONS, MACHINES, READINGS};

/// One file of `queries/`: one SELECT, whose stream has the file's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Name of the stream and of its table.
    pub name: String,
    /// File name, for messages.
    pub file: String,
    /// The text.
    pub sql: String,
}

/// A query that was parsed: what it reads, and its text without comments.
#[derive(Debug)]
pub struct Parsed {
    /// The query.
    pub query: Query,
    /// Streams it refers to, with the line of the first reference.
    pub inputs: BTreeMap<String, u64>,
    /// Line of the first reference to the table of the machines, which is no stream but may be joined.
    pub machines: Option<u64>,
    /// The statement printed again: the same for every layout and comment.
    pub canonical: String,
}

impl Query {
    /// All `*.sql` of a folder, sorted by name.
    pub fn load_dir(path: &Path) -> Result<Vec<Self>, DataflowError> {
        let read = |source| DataflowError::Read { path: path.display().to_string(), source };
        let mut queries = Vec::new();
        for entry in std::fs::read_dir(path).map_err(read)? {
            let path = entry.map_err(read)?.path();
            let stem = path.file_stem().and_then(|s| s.to_str());
            if let (Some("sql"), Some(name)) = (path.extension().and_then(|e| e.to_str()), stem) {
                let sql = std::fs::read_to_string(&path)
                    .map_err(|source| DataflowError::Read { path: path.display().to_string(), source })?;
                queries.push(Self { name: name.to_string(), file: path.display().to_string(), sql });
            }
        }
        queries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(queries)
    }

    /// The queries of the given names and all that they read.
    pub fn restrict(queries: Vec<Self>, names: &[String]) -> Result<Vec<Self>, DataflowError> {
        let ordered = in_order(queries)?;
        let mut wanted: BTreeSet<String> = names.iter().cloned().collect();
        for name in names {
            if !ordered.iter().any(|p| p.query.name == *name) {
                let plan = DataFusionError::Plan(format!("there is no stream `{name}` to restrict to"));
                return Err(plan.into());
            }
        }
        // From the last to the first: whoever is wanted wants what it reads.
        for parsed in ordered.iter().rev() {
            if wanted.contains(&parsed.query.name) {
                wanted.extend(parsed.inputs.keys().cloned());
            }
        }
        Ok(ordered.into_iter().map(|p| p.query).filter(|q| wanted.contains(&q.name)).collect())
    }

    /// An error at a line of this file.
    pub fn error(&self, line: u64, message: impl Into<String>, hint: Option<String>) -> DataflowError {
        DataflowError::Query { file: self.file.clone(), line, message: message.into(), hint }
    }

    /// A DataFusion error as an error of this file, with the line as far as it is known.
    pub fn located(&self, error: &DataFusionError) -> DataflowError {
        let text = one_line(error);
        let line = span_line(error).or_else(|| line_in_text(&text));
        let line = line.or_else(|| Places::of(&self.sql, &|_| false).line_of_message(&text)).unwrap_or(1);
        // The list of all fields is a hint, not the cause.
        let (cause, hint) =
            match text.split_once(" Did you mean ").or_else(|| text.split_once(" Valid fields are ")) {
                Some((cause, rest)) if text.contains(" Did you mean ") => {
                    // Behind the nearest name stand all the others.
                    let nearest = rest.split_once(" Valid fields are ").map_or(rest, |(nearest, _)| nearest);
                    (cause, Some(format!("did you mean {nearest}")))
                }
                Some((cause, rest)) => (cause, Some(format!("the columns are {rest}"))),
                None => (text.as_str(), BindError::find(error).and_then(BindError::hint)),
            };
        self.error(line, cause.trim_end_matches('.'), hint)
    }

    /// Parses the file: exactly one SELECT.
    pub fn parse(self) -> Result<Parsed, DataflowError> {
        let statements =
            DFParserBuilder::new(self.sql.as_str()).build().and_then(|mut p| p.parse_statements());
        let mut statements = statements.map_err(|e| self.located(&e))?;
        let (Some(statement), true) = (statements.pop_front(), statements.is_empty()) else {
            return Err(self.error(1, "a query file holds exactly one SELECT", None));
        };
        let Statement::Statement(inner) = &statement else {
            return Err(self.error(1, "a query file holds a SELECT and nothing else", None));
        };
        let SqlStatement::Query(query) = inner.as_ref() else {
            return Err(self.error(1, "a query file holds a SELECT and nothing else", None));
        };
        if let Some(refusal) = syntax::refuse(&self.sql, query) {
            return Err(self.error(refusal.line, refusal.message, refusal.hint));
        }
        let mut relations = Relations::default();
        let ControlFlow::Continue(()) = query.visit(&mut relations);
        let mut inputs: BTreeMap<String, u64> =
            relations.tables.into_iter().filter(|(name, _)| !relations.ctes.contains(name)).collect();
        let machines = inputs.remove(MACHINES);
        let canonical = statement.to_string();
        Ok(Parsed { query: self, inputs, machines, canonical })
    }
}

/// Orders queries so that each comes after those it reads. Unknown names and cycles are errors.
pub fn in_order(queries: Vec<Query>) -> Result<Vec<Parsed>, DataflowError> {
    let mut waiting: BTreeMap<String, Parsed> = BTreeMap::new();
    for query in queries {
        if [READINGS, DEAD_LETTERS, LATE_READINGS, GAPS, ALARMS, MACHINES, MACHINE_VERSIONS]
            .contains(&query.name.as_str())
            || waiting.contains_key(&query.name)
        {
            return Err(DataflowError::NameTaken { file: query.file, name: query.name });
        }
        waiting.insert(query.name.clone(), query.parse()?);
    }
    let known: BTreeSet<String> = waiting.keys().cloned().chain([READINGS.to_string()]).collect();
    for parsed in waiting.values() {
        for (input, line) in &parsed.inputs {
            if !known.contains(input) {
                let names = known.iter().cloned().collect::<Vec<_>>().join(", ");
                let message = match input.as_str() {
                    DEAD_LETTERS | LATE_READINGS | ALARMS | GAPS | MACHINE_VERSIONS => {
                        format!("`{input}` is a table, not a stream")
                    }
                    _ => format!("there is no stream `{input}`"),
                };
                return Err(parsed.query.error(*line, message, Some(format!("the streams are {names}"))));
            }
        }
    }
    let mut done: BTreeSet<String> = [READINGS.to_string()].into();
    let mut ordered = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let ready = waiting.iter().find(|(_, p)| p.inputs.keys().all(|i| done.contains(i)));
        let Some(name) = ready.map(|(name, _)| name.clone()) else { return Err(cycle(&waiting, &done)) };
        if let Some(parsed) = waiting.remove(&name) {
            done.insert(name);
            ordered.push(parsed);
        }
    }
    Ok(ordered)
}

/// Every stream left over waits for another one: following the references must come back to where it began.
fn cycle(waiting: &BTreeMap<String, Parsed>, done: &BTreeSet<String>) -> DataflowError {
    let mut path: Vec<&str> = Vec::new();
    let mut at = waiting.values().next();
    while let Some(parsed) = at {
        let name = parsed.query.name.as_str();
        let next = parsed.inputs.iter().find(|(input, _)| !done.contains(*input));
        if let Some(start) = path.iter().position(|seen| *seen == name) {
            let line = next.map_or(1, |(_, line)| *line);
            let circle = path[start..].iter().chain([&name]).copied().collect::<Vec<_>>().join(" → ");
            return parsed.query.error(
                line,
                format!("queries read each other in a circle: {circle}"),
                Some("a stream can only read streams that do not depend on it".into()),
            );
        }
        path.push(name);
        at = next.and_then(|(input, _)| waiting.get(input));
    }
    DataflowError::DataFusion(DataFusionError::Internal("no order of the queries was found".into()))
}

#[derive(Default)]
struct Relations {
    tables: BTreeMap<String, u64>,
    ctes: BTreeSet<String>,
}

impl Visitor for Relations {
    type Break = std::convert::Infallible;

    fn pre_visit_query(&mut self, query: &SqlQuery) -> ControlFlow<Self::Break> {
        if let Some(with) = &query.with {
            self.ctes.extend(with.cte_tables.iter().map(|cte| cte.alias.name.value.to_lowercase()));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<Self::Break> {
        let name = relation.to_string().replace('"', "").to_lowercase();
        self.tables.entry(name).or_insert(relation.span().start.line.max(1));
        ControlFlow::Continue(())
    }
}

/// The line of the innermost diagnostic that has one.
fn span_line(error: &DataFusionError) -> Option<u64> {
    match error {
        DataFusionError::Diagnostic(diagnostic, inner) => {
            diagnostic.span.map(|span| span.start.line).or_else(|| span_line(inner))
        }
        DataFusionError::Context(_, inner) => span_line(inner),
        DataFusionError::Shared(inner) => span_line(inner),
        DataFusionError::Collection(all) => all.iter().find_map(span_line),
        _ => None,
    }
    .filter(|line| *line > 0)
}

/// The parser names the line in its text only: `… at Line: 3, Column: 7`.
fn line_in_text(text: &str) -> Option<u64> {
    let (_, rest) = text.split_once("Line: ")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}
