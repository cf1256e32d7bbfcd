//! `score('model')`, `expected('baseline')`, `expected_error('baseline')` and `model_version('…')` in SQL.
//!
//! `score` and `expected` take nothing but a name, so what they read depends on where they stand. The SQL planner is
//! given a placeholder; an analyzer rule then looks at the input of the plan node around it and puts a function
//! in its place whose arguments are the model's features, found there by name:
//!
//! ```text
//!  SELECT machine_id, score('failure') AS p FROM features
//!     Projection: machine_id, score[failure@0f3a…](superheat_avg, vibration_avg) AS p
//! ```
//!
//! After that the optimizer sees ordinary column references: it pushes projections and predicates down as for
//! any other function. `model_version` becomes a text constant.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::{DataType, Float64Type};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, Result, ScalarValue};
use datafusion::error::DataFusionError;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::expr::{Cast, ScalarFunction};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlan, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::optimizer::AnalyzerRule;

use self::expected::BoundExpected;
use super::baseline::Expectation;
use super::registry::Registry;
use super::score::CompiledModel;
use crate::schema::MACHINE_ID;

mod expected;
#[cfg(test)]
mod tests;

/// The placeholder functions, for a session's function registry.
pub fn functions() -> Vec<Arc<ScalarUDF>> {
    [Placeholder::SCORE, Placeholder::EXPECTED, Placeholder::ERROR, Placeholder::VERSION]
        .into_iter()
        .map(|name| {
            // Volatile, so that nothing evaluates the placeholder before it is bound.
            let signature = Signature::string(1, Volatility::Volatile);
            Arc::new(ScalarUDF::from(Placeholder { name, signature }))
        })
        .collect()
}

/// The rule that binds the placeholders to the models of `registry` and to their input's columns. It belongs
/// after the stock analyzer rules, since what it makes needs no type coercion.
pub fn analyzer_rule(registry: Arc<Registry>) -> Arc<dyn AnalyzerRule + Send + Sync> {
    Arc::new(BindModels { registry })
}

/// Adds functions and rule to a session.
pub fn register(mut builder: SessionStateBuilder, registry: Arc<Registry>) -> SessionStateBuilder {
    builder.scalar_functions().get_or_insert_with(Vec::new).extend(functions());
    builder.with_analyzer_rule(analyzer_rule(registry))
}

/// What SQL calls before the rule has run.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Placeholder {
    name: &'static str,
    signature: Signature,
}

impl Placeholder {
    const SCORE: &'static str = "score";
    const EXPECTED: &'static str = "expected";
    const ERROR: &'static str = "expected_error";
    const VERSION: &'static str = "model_version";
}

impl ScalarUDFImpl for Placeholder {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(if self.name == Self::VERSION { DataType::Utf8 } else { DataType::Float64 })
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        // A session with the functions and without the rule: a fault of the program, not of the query.
        Err(DataFusionError::Internal(format!("{}() was not bound to a model", self.name)))
    }
}

/// `score` of one model, over its features as arguments.
#[derive(Debug)]
struct BoundScore {
    /// `score[name@version]`: two models over the same columns stay two expressions, in plans and by name.
    name: String,
    model: Arc<CompiledModel>,
    signature: Signature,
}

impl BoundScore {
    fn new(model: Arc<CompiledModel>) -> Self {
        let arguments = vec![DataType::Float64; model.features().len()];
        Self {
            name: format!("score[{}@{}]", model.name(), model.version()),
            model,
            signature: Signature::exact(arguments, Volatility::Immutable),
        }
    }
}

/// The name holds the version, and the version stands for everything that influences a score.
impl PartialEq for BoundScore {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for BoundScore {}

impl Hash for BoundScore {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for BoundScore {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn is_strict(&self) -> bool {
        true
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays =
            args.args.iter().map(|arg| arg.to_array(args.number_rows)).collect::<Result<Vec<_>>>()?;
        let columns: Vec<_> = arrays.iter().map(|array| array.as_primitive::<Float64Type>()).collect();
        let scores =
            self.model.score(&columns).map_err(|error| DataFusionError::External(Box::new(error)))?;
        Ok(ColumnarValue::Array(Arc::new(scores)))
    }
}

#[derive(Debug)]
struct BindModels {
    registry: Arc<Registry>,
}

impl AnalyzerRule for BindModels {
    fn name(&self) -> &str {
        "bind_models"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|node| self.bind_node(node)).map(|bound| bound.data)
    }
}

impl BindModels {
    /// Binds the placeholders in one node's expressions to its input's columns.
    fn bind_node(&self, node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        let mut found = false;
        node.apply_expressions(|expr| {
            found |= expr.exists(|part| Ok(placeholder(part).is_some()))?;
            Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })?;
        if !found {
            return Ok(Transformed::no(node));
        }
        let input = merge_schema(&node.inputs());
        let names = NamePreserver::new(&node);
        node.map_expressions(|expr| {
            let name = names.save(&expr);
            let bound = expr.transform_up(|part| self.bind(part, &input))?;
            Ok(bound.update_data(|expr| name.restore(expr)))
        })?
        .map_data(LogicalPlan::recompute_schema)
    }

    /// Binds one expression, if it is a placeholder.
    fn bind(&self, expr: Expr, input: &DFSchema) -> Result<Transformed<Expr>> {
        let Some((function, argument)) = placeholder(&expr) else { return Ok(Transformed::no(expr)) };
        let name = argument.ok_or(BindError::NotAName { function })?;
        let call = Call { function, name };
        let bound = match function {
            Placeholder::VERSION => {
                let found = self.registry.versions().find(|(known, _)| *known == name);
                let (_, version) = found.ok_or_else(|| self.unknown(call))?;
                Expr::Literal(ScalarValue::Utf8(Some(version.to_owned())), None)
            }
            Placeholder::SCORE => {
                let model = self.registry.get(name).ok_or_else(|| self.unknown(call))?;
                let arguments = call.numbers(model.features().iter().map(String::as_str), input)?;
                let udf = Arc::new(ScalarUDF::from(BoundScore::new(Arc::clone(model))));
                Expr::ScalarFunction(ScalarFunction::new_udf(udf, arguments))
            }
            _ => {
                let baseline = self.registry.baseline(name).ok_or_else(|| self.unknown(call))?;
                call.expectation(baseline, input)?
            }
        };
        Ok(Transformed::yes(bound))
    }

    /// No model or baseline of that name.
    fn unknown(&self, call: Call) -> BindError {
        let names: Vec<String> = match call.function {
            Placeholder::SCORE => self.registry.names().map(str::to_owned).collect(),
            Placeholder::VERSION => self.registry.versions().map(|(name, _)| name.to_owned()).collect(),
            _ => self.registry.baseline_names().map(str::to_owned).collect(),
        };
        let (model, kind) = (call.name.to_owned(), call.kind());
        BindError::UnknownModel { model, kind, known: names }
    }
}

/// A call that is to be bound.
#[derive(Debug, Clone, Copy)]
struct Call<'a> {
    function: &'static str,
    name: &'a str,
}

impl Call<'_> {
    /// What it names.
    fn kind(self) -> &'static str {
        match self.function {
            Placeholder::SCORE | Placeholder::VERSION => "model",
            _ => "baseline",
        }
    }

    fn text(self) -> String {
        format!("{}('{}')", self.function, self.name)
    }

    fn expectation(self, baseline: &Arc<Expectation>, input: &DFSchema) -> Result<Expr, BindError> {
        let error = self.function == Placeholder::ERROR;
        let machine = match input.qualified_fields_with_unqualified_name(MACHINE_ID).as_slice() {
            [] => return Err(self.missing(vec![MACHINE_ID.into()])),
            [(relation, field)] => {
                let column = Expr::Column(Column::new(relation.cloned(), MACHINE_ID));
                match field.data_type() {
                    DataType::Utf8 => column,
                    _ => Expr::Cast(Cast::new(Box::new(column), DataType::Utf8)),
                }
            }
            _ => return Err(BindError::Ambiguous { call: self.text(), column: MACHINE_ID.into() }),
        };
        let mut arguments = vec![machine];
        if !error {
            arguments.extend(self.numbers(baseline.conditions(), input)?);
        }
        let udf = Arc::new(ScalarUDF::from(BoundExpected::new(Arc::clone(baseline), error)));
        Ok(Expr::ScalarFunction(ScalarFunction::new_udf(udf, arguments)))
    }

    fn missing(self, missing: Vec<String>) -> BindError {
        BindError::MissingColumns { call: self.text(), missing }
    }

    /// The named columns of the input, in that order, each as Float64.
    fn numbers<'n>(
        self,
        names: impl ExactSizeIterator<Item = &'n str>,
        input: &DFSchema,
    ) -> Result<Vec<Expr>, BindError> {
        let mut missing = Vec::new();
        let mut arguments = Vec::with_capacity(names.len());
        for name in names {
            match input.qualified_fields_with_unqualified_name(name).as_slice() {
                [] => missing.push(name.to_owned()),
                [(relation, field)] => {
                    let column = Expr::Column(Column::new(relation.cloned(), name));
                    arguments.push(match field.data_type() {
                        DataType::Float64 => column,
                        number if number.is_numeric() => {
                            Expr::Cast(Cast::new(Box::new(column), DataType::Float64))
                        }
                        other => {
                            let (column, kind) = (name.to_owned(), other.to_string());
                            return Err(BindError::NotANumber { call: self.text(), column, kind });
                        }
                    });
                }
                _ => return Err(BindError::Ambiguous { call: self.text(), column: name.to_owned() }),
            }
        }
        if missing.is_empty() { Ok(arguments) } else { Err(self.missing(missing)) }
    }
}

/// Function and argument, if the expression is a placeholder; the argument is `None` where it is no text constant.
fn placeholder(expr: &Expr) -> Option<(&'static str, Option<&str>)> {
    let Expr::ScalarFunction(call) = expr else { return None };
    let placeholder = call.func.inner().downcast_ref::<Placeholder>()?;
    let argument = match call.args.as_slice() {
        [Expr::Literal(value, _)] => value.try_as_str().flatten(),
        _ => None,
    };
    Some((placeholder.name, argument))
}

/// A call that cannot be bound. In a DataFusion error it is the external cause: see [`BindError::find`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BindError {
    /// The argument is no text constant.
    #[error("{function}() takes the name of a model in quotes, such as {function}('failure')")]
    NotAName {
        /// The function.
        function: &'static str,
    },
    /// No model of that name.
    #[error("unknown {kind} `{model}`; {}", known_models(kind, known))]
    UnknownModel {
        /// The name in the query.
        model: String,
        /// Model or baseline.
        kind: &'static str,
        /// The names there are.
        known: Vec<String>,
    },
    /// The input lacks features.
    #[error("{call} needs columns its input does not have: {}", missing.join(", "))]
    MissingColumns {
        /// The call.
        call: String,
        /// Features that are no column of the input.
        missing: Vec<String>,
    },
    /// The input has a feature twice.
    #[error("{call} cannot choose between several columns `{column}` of its input")]
    Ambiguous {
        /// The call.
        call: String,
        /// The feature.
        column: String,
    },
    /// The input has a feature that is no number.
    #[error("{call} needs a number, but column `{column}` has type {kind}")]
    NotANumber {
        /// The call.
        call: String,
        /// The feature.
        column: String,
        /// Its type in the input.
        kind: String,
    },
}

fn known_models(kind: &str, known: &[String]) -> String {
    if known.is_empty() { format!("there is no {kind}") } else { format!("known: {}", known.join(", ")) }
}

impl From<BindError> for DataFusionError {
    fn from(error: BindError) -> Self {
        Self::External(Box::new(error))
    }
}

impl BindError {
    /// The binding error inside a DataFusion error, if that is its cause: its text is the one line to show.
    pub fn find(error: &DataFusionError) -> Option<&Self> {
        match error.find_root() {
            DataFusionError::External(cause) => cause.downcast_ref(),
            _ => None,
        }
    }

    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotAName { .. } | Self::NotANumber { .. } => None,
            Self::UnknownModel { .. } => {
                Some("put the model's file into the folder of models, or make it with `coldstream train`".into())
            }
            Self::MissingColumns { .. } => {
                Some("score where the features are: in a SELECT directly over them, and not after they are left out".into())
            }
            Self::Ambiguous { .. } => Some("score in a subquery over one of the two tables, before the join".into()),
        }
    }
}
