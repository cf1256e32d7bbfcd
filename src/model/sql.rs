//! `score('model')` and `model_version('model')` in SQL.
//!
//! `score` takes nothing but a model's name, so what it reads depends on where it stands. The SQL planner is
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

use super::registry::Registry;
use super::score::CompiledModel;

#[cfg(test)]
mod tests;

/// The placeholder functions, for a session's function registry.
pub fn functions() -> Vec<Arc<ScalarUDF>> {
    [Placeholder::SCORE, Placeholder::VERSION]
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
        Ok(if self.name == Self::SCORE { DataType::Float64 } else { DataType::Utf8 })
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
        let model = self.model(function, argument)?;
        let bound = if function == Placeholder::VERSION {
            Expr::Literal(ScalarValue::Utf8(Some(model.version().to_owned())), None)
        } else {
            let arguments = arguments(model, input)?;
            let udf = Arc::new(ScalarUDF::from(BoundScore::new(Arc::clone(model))));
            Expr::ScalarFunction(ScalarFunction::new_udf(udf, arguments))
        };
        Ok(Transformed::yes(bound))
    }

    fn model(
        &self,
        function: &'static str,
        argument: Option<&str>,
    ) -> Result<&Arc<CompiledModel>, BindError> {
        let model = argument.ok_or(BindError::NotAName { function })?;
        self.registry.get(model).ok_or_else(|| BindError::UnknownModel {
            model: model.to_owned(),
            known: self.registry.names().map(str::to_owned).collect(),
        })
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

/// The model's features as columns of the input, in the model's order, each as Float64.
fn arguments(model: &CompiledModel, input: &DFSchema) -> Result<Vec<Expr>, BindError> {
    let mut missing = Vec::new();
    let mut arguments = Vec::with_capacity(model.features().len());
    for feature in model.features() {
        match input.qualified_fields_with_unqualified_name(feature).as_slice() {
            [] => missing.push(feature.clone()),
            [(relation, field)] => {
                let column = Expr::Column(Column::new(relation.cloned(), feature));
                arguments.push(match field.data_type() {
                    DataType::Float64 => column,
                    number if number.is_numeric() => {
                        Expr::Cast(Cast::new(Box::new(column), DataType::Float64))
                    }
                    other => {
                        return Err(BindError::NotANumber {
                            model: model.name().to_owned(),
                            column: feature.clone(),
                            kind: other.to_string(),
                        });
                    }
                });
            }
            _ => {
                let (model, column) = (model.name().to_owned(), feature.clone());
                return Err(BindError::Ambiguous { model, column });
            }
        }
    }
    if missing.is_empty() {
        Ok(arguments)
    } else {
        Err(BindError::MissingColumns { model: model.name().to_owned(), missing })
    }
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
    #[error("unknown model `{model}`; {}", known_models(known))]
    UnknownModel {
        /// The name in the query.
        model: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// The input lacks features.
    #[error("score('{model}') needs columns its input does not have: {}", missing.join(", "))]
    MissingColumns {
        /// The model.
        model: String,
        /// Features that are no column of the input.
        missing: Vec<String>,
    },
    /// The input has a feature twice.
    #[error("score('{model}') cannot choose between several columns `{column}` of its input")]
    Ambiguous {
        /// The model.
        model: String,
        /// The feature.
        column: String,
    },
    /// The input has a feature that is no number.
    #[error("score('{model}') needs a number, but column `{column}` has type {kind}")]
    NotANumber {
        /// The model.
        model: String,
        /// The feature.
        column: String,
        /// Its type in the input.
        kind: String,
    },
}

fn known_models(known: &[String]) -> String {
    if known.is_empty() { "there is no model".into() } else { format!("known: {}", known.join(", ")) }
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
