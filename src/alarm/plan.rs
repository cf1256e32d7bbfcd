//! Rules against streams: every condition becomes an expression over columns.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, SchemaRef};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, DataFusionError, ScalarValue};
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, Operator, Volatility};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::physical_expr::PhysicalExpr;
use toml::Spanned;

use super::error::AlarmError;
use super::life::{Delays, Severity};
use super::rule::{Rule, RuleFile};
use crate::dataflow::Graph;
use crate::dataflow::error::one_line;
use crate::dataflow::sql::{self, Extensions};
use crate::schema::{MACHINE_ID, READINGS, TIMESTAMP};

/// A stream that rules may look at.
#[derive(Debug, Clone)]
pub struct StreamRows {
    /// Its name.
    pub name: String,
    /// Schema of its rows.
    pub schema: SchemaRef,
    /// The column that holds the event time of a row.
    pub event_time: &'static str,
}

impl StreamRows {
    /// `readings` and every stream of the graph, in its order.
    pub fn of(graph: &Graph) -> Vec<Self> {
        let readings =
            Self { name: READINGS.into(), schema: Arc::clone(graph.source()), event_time: TIMESTAMP };
        let streams = graph.streams().iter().map(|stream| Self {
            name: stream.name.to_string(),
            schema: Arc::clone(&stream.schema),
            event_time: stream.event_time,
        });
        std::iter::once(readings).chain(streams).collect()
    }
}

/// A limit that can be read off a rule's condition, to be shown beside a value.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnLimit {
    /// The column.
    pub column: String,
    /// The value must not be below this.
    pub min: Option<f64>,
    /// The value must not be above this.
    pub max: Option<f64>,
    /// Severity of the alarm beyond it.
    pub severity: Severity,
}

/// A rule, ready to run.
#[derive(Debug)]
pub struct RulePlan {
    /// The rule, as written.
    pub rule: Rule,
    /// Limits that can be read off its condition, for rules over `readings`.
    pub limits: Vec<ColumnLimit>,
    when: Arc<dyn PhysicalExpr>,
    clear: Arc<dyn PhysicalExpr>,
    inhibit: Option<Arc<dyn PhysicalExpr>>,
    worse: Vec<Arc<dyn PhysicalExpr>>,
    value: Option<Arc<dyn PhysicalExpr>>,
    pub(super) delays: Delays,
}

impl RulePlan {
    /// Name of the rule.
    pub fn name(&self) -> &str {
        self.rule.name.get_ref()
    }

    /// The severity when `reached` escalations are.
    pub(super) fn severity(&self, reached: usize) -> Severity {
        let escalated = reached.checked_sub(1).and_then(|at| self.rule.escalate.get(at));
        escalated.map_or(self.rule.severity, |escalation| *escalation.severity.get_ref())
    }
}

/// The rules over one stream.
#[derive(Debug)]
pub(super) struct StreamPlan {
    pub(super) stream: StreamRows,
    /// Positions in [`AlarmPlan::rules`].
    pub(super) rules: Vec<usize>,
}

/// All rules, ready to run. Shared by the partitions.
#[derive(Debug, Default)]
pub struct AlarmPlan {
    rules: Vec<RulePlan>,
    pub(super) streams: Vec<StreamPlan>,
}

impl AlarmPlan {
    /// Plans `rules` over `streams`.
    ///
    /// # Errors
    /// [`AlarmError::Rule`], with file, line and rule, where a stream or a column is unknown or an expression
    /// is of the wrong kind.
    pub fn compile(
        rules: &RuleFile,
        streams: &[StreamRows],
        extensions: &Extensions,
    ) -> Result<Self, AlarmError> {
        let state = sql::session(extensions, 1).state();
        let mut plan = Self::default();
        for rule in &rules.rules {
            let wanted = rule.stream.get_ref();
            let Some(stream) = streams.iter().find(|stream| stream.name == *wanted) else {
                let names: Vec<&str> = streams.iter().map(|stream| stream.name.as_str()).collect();
                let hint = Some(format!("the streams are {}", names.join(", ")));
                let message = format!("there is no stream `{wanted}`");
                return Err(rules.error(rule, &rule.stream.span(), message, hint));
            };
            let compiler = Compiler::new(rules, rule, stream, &state)?;
            let number = plan.rules.len();
            plan.rules.push(compiler.rule()?);
            match plan.streams.iter_mut().find(|planned| planned.stream.name == *wanted) {
                Some(planned) => planned.rules.push(number),
                None => plan.streams.push(StreamPlan { stream: stream.clone(), rules: vec![number] }),
            }
        }
        Ok(plan)
    }

    /// The rules, in the order of their file.
    pub fn rules(&self) -> &[RulePlan] {
        &self.rules
    }
}

/// What a batch says of one rule; `None` in a condition is not known.
#[derive(Debug)]
pub(super) struct Columns {
    pub(super) when: BooleanArray,
    pub(super) clear: BooleanArray,
    pub(super) inhibit: Option<BooleanArray>,
    pub(super) worse: Vec<BooleanArray>,
    pub(super) value: Option<Float64Array>,
}

/// The rows of a batch, and what is known of them already: rules share conditions, above all those under which they
/// rest.
pub(super) struct Evaluated<'a> {
    batch: &'a RecordBatch,
    known: HashMap<Arc<dyn PhysicalExpr>, ArrayRef>,
}

impl<'a> Evaluated<'a> {
    pub(super) fn new(batch: &'a RecordBatch) -> Self {
        Self { batch, known: HashMap::new() }
    }

    fn array(&mut self, expr: &Arc<dyn PhysicalExpr>) -> Result<ArrayRef, DataFusionError> {
        if let Some(known) = self.known.get(expr) {
            return Ok(Arc::clone(known));
        }
        let array = expr.evaluate(self.batch)?.into_array(self.batch.num_rows())?;
        self.known.insert(Arc::clone(expr), Arc::clone(&array));
        Ok(array)
    }
}

impl RulePlan {
    /// Evaluates the rule's expressions over the rows of a batch.
    pub(super) fn evaluate(&self, rows: &mut Evaluated<'_>) -> Result<Columns, AlarmError> {
        let mut array = |expr: &Arc<dyn PhysicalExpr>| -> Result<ArrayRef, AlarmError> {
            rows.array(expr)
                .map_err(|error| AlarmError::Evaluate { rule: self.name().into(), message: one_line(&error) })
        };
        let mut boolean =
            |expr: &Arc<dyn PhysicalExpr>| Ok::<_, AlarmError>(array(expr)?.as_boolean().clone());
        let when = boolean(&self.when)?;
        let clear = boolean(&self.clear)?;
        let inhibit = self.inhibit.as_ref().map(&mut boolean).transpose()?;
        let worse = self.worse.iter().map(&mut boolean).collect::<Result<_, _>>()?;
        let value = match &self.value {
            None => None,
            Some(expr) => {
                Some(cast(&array(expr)?, &DataType::Float64)?.as_primitive::<Float64Type>().clone())
            }
        };
        Ok(Columns { when, clear, inhibit, worse, value })
    }
}

impl Columns {
    /// Whether row `row` could change a life that never began.
    pub(super) fn matters(&self, row: usize) -> bool {
        let holds = |array: &BooleanArray| array.is_valid(row) && array.value(row);
        holds(&self.when) || self.inhibit.as_ref().is_some_and(holds) || self.worse.iter().any(holds)
    }
}

/// Compiles one rule.
struct Compiler<'a> {
    rules: &'a RuleFile,
    rule: &'a Rule,
    stream: &'a StreamRows,
    schema: DFSchema,
    state: &'a SessionState,
}

impl<'a> Compiler<'a> {
    fn new(
        rules: &'a RuleFile,
        rule: &'a Rule,
        stream: &'a StreamRows,
        state: &'a SessionState,
    ) -> Result<Self, AlarmError> {
        let schema = DFSchema::try_from_qualified_schema(stream.name.as_str(), &stream.schema);
        let schema =
            schema.map_err(|error| rules.error(rule, &rule.stream.span(), one_line(&error), None))?;
        Ok(Self { rules, rule, stream, schema, state })
    }

    fn rule(&self) -> Result<RulePlan, AlarmError> {
        let rule = self.rule;
        let (when, parsed) = self.condition(rule.when.get_ref(), &rule.when.span())?;
        let clear_at = rule.clear.as_ref().map_or(rule.when.span(), Spanned::span);
        let (clear, _) = self.condition(&rule.clear_condition(), &clear_at)?;
        let inhibit =
            rule.inhibit.as_ref().map(|sql| self.condition(sql.get_ref(), &sql.span())).transpose()?;
        let mut worse = Vec::new();
        for escalation in &rule.escalate {
            let sql = escalation.when.as_ref().unwrap_or(&rule.when);
            worse.push(self.condition(sql.get_ref(), &sql.span())?.0);
        }
        let value = rule.value.as_ref().map(|sql| self.value(sql.get_ref(), &sql.span())).transpose()?;
        let mut limits = Vec::new();
        if self.stream.name == READINGS {
            collect_limits(&parsed, rule.severity, &mut limits);
            // What guards a division, or narrows a rule to some machines, is no limit of the value that it is about.
            if let Some(value) = &rule.value {
                limits.retain(|limit| limit.column == value.get_ref().trim());
            }
        }
        let delays = Delays {
            on: rule.on_delay.micros(),
            off: rule.off_delay.micros(),
            inhibit: rule.inhibit_delay.micros(),
            max_gap: rule.max_gap.micros(),
            escalations: rule.escalate.iter().map(|escalation| escalation.delay.micros()).collect(),
        };
        let inhibit = inhibit.map(|(expr, _)| expr);
        Ok(RulePlan { rule: rule.clone(), limits, when, clear, inhibit, worse, value, delays })
    }

    fn condition(&self, sql: &str, at: &Range<usize>) -> Result<(Arc<dyn PhysicalExpr>, Expr), AlarmError> {
        let (physical, expr, kind) = self.expression(sql, at)?;
        if kind != DataType::Boolean {
            let message = format!("`{sql}` is no condition: it gives {kind}");
            return Err(self.rules.error(self.rule, at, message, Some("compare it with something".into())));
        }
        Ok((physical, expr))
    }

    fn value(&self, sql: &str, at: &Range<usize>) -> Result<Arc<dyn PhysicalExpr>, AlarmError> {
        let (physical, _, kind) = self.expression(sql, at)?;
        if !kind.is_numeric() {
            let message = format!("the value `{sql}` is no number: it gives {kind}");
            return Err(self.rules.error(self.rule, at, message, None));
        }
        Ok(physical)
    }

    fn expression(
        &self,
        sql: &str,
        at: &Range<usize>,
    ) -> Result<(Arc<dyn PhysicalExpr>, Expr, DataType), AlarmError> {
        let refuse = |error: DataFusionError| {
            let text = one_line(&error);
            let (message, hint) = match text.split_once(" Did you mean ") {
                Some((message, meant)) => {
                    // Behind the nearest name stand all the others.
                    let meant = meant.split_once(" Valid fields are ").map_or(meant, |(nearest, _)| nearest);
                    (message.to_owned(), Some(format!("did you mean {meant}")))
                }
                None => match text.split_once(" Valid fields are ") {
                    Some((message, fields)) => {
                        (message.to_owned(), Some(format!("the columns are {fields}")))
                    }
                    None => (text, None),
                },
            };
            self.rules.error(self.rule, at, format!("`{sql}`: {message}"), hint)
        };
        let expr = self.state.create_logical_expr(sql, &self.schema).map_err(refuse)?.unalias();
        if let Some(reason) = impure(&expr) {
            let hint = Some("use the columns of the row alone".into());
            return Err(self.rules.error(self.rule, at, format!("`{sql}`: {reason}"), hint));
        }
        let physical = self.physical(expr.clone()).map_err(refuse)?;
        let kind = expr
            .get_type(&self.schema)
            .or_else(|_| physical.data_type(&self.stream.schema))
            .map_err(refuse)?;
        Ok((physical, expr, kind))
    }

    /// The expression, ready to run. Some functions, `coalesce` among them, exist only until they are simplified.
    fn physical(&self, expr: Expr) -> Result<Arc<dyn PhysicalExpr>, DataFusionError> {
        let context = SimplifyContext::builder()
            .with_schema(Arc::new(self.schema.clone()))
            .with_config_options(Arc::clone(self.state.config_options()));
        let simplifier = ExprSimplifier::new(context.build());
        let typed = simplifier.coerce(expr, &self.schema)?;
        self.state.create_physical_expr(simplifier.simplify(typed)?, &self.schema)
    }
}

/// Why an expression cannot be a rule's, if it cannot.
fn impure(expr: &Expr) -> Option<String> {
    let mut reason = None;
    let walk = expr.apply(|node| {
        reason = match node {
            Expr::ScalarFunction(call) if call.func.signature().volatility != Volatility::Immutable => {
                Some(format!("{}() gives another result each time", call.func.name()))
            }
            Expr::AggregateFunction(_) | Expr::WindowFunction(_) => Some(
                "a rule looks at one row at a time: aggregate in a query, and let the rule watch it".into(),
            ),
            Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_) => {
                Some("a rule looks at one row at a time: it cannot ask a table".into())
            }
            _ => None,
        };
        Ok(if reason.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    walk.err().map(|error| one_line(&error)).or(reason)
}

/// Finds comparisons of a column with a number that must hold for the condition to hold.
fn collect_limits(expr: &Expr, severity: Severity, limits: &mut Vec<ColumnLimit>) {
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = expr else { return };
    if *op == Operator::And {
        collect_limits(left, severity, limits);
        collect_limits(right, severity, limits);
        return;
    }
    let above = match op {
        Operator::Gt | Operator::GtEq => true,
        Operator::Lt | Operator::LtEq => false,
        _ => return,
    };
    let (column, limit, above) = match (column(left), number(right), column(right), number(left)) {
        (Some(column), Some(limit), _, _) => (column, limit, above),
        (_, _, Some(column), Some(limit)) => (column, limit, !above),
        _ => return,
    };
    if column.name == MACHINE_ID {
        return;
    }
    let (min, max) = if above { (None, Some(limit)) } else { (Some(limit), None) };
    limits.push(ColumnLimit { column: column.name.clone(), min, max, severity });
}

fn column(expr: &Expr) -> Option<&Column> {
    match expr {
        Expr::Column(column) => Some(column),
        Expr::Cast(cast) => column(&cast.expr),
        _ => None,
    }
}

fn number(expr: &Expr) -> Option<f64> {
    match expr {
        Expr::Literal(value, _) => match value.cast_to(&DataType::Float64) {
            Ok(ScalarValue::Float64(number)) => number,
            _ => None,
        },
        Expr::Negative(inner) => number(inner).map(|number| -number),
        Expr::Cast(cast) => number(&cast.expr),
        _ => None,
    }
}
