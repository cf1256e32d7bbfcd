//! How one aggregate of a query is computed, settled when the query is planned.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::compute::SortOptions;
use arrow::datatypes::{Field, FieldRef, Fields, Schema};
use arrow::row::{RowConverter, SortField};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::functions_aggregate::{
    any_value, approx_distinct, approx_median, approx_percentile_cont, approx_percentile_cont_with_weight,
    array_agg, average, bit_and_or_xor, bool_and_or, correlation, count, covariance, first_last, median,
    min_max, percentile_cont, regr, string_agg, sum,
};
use datafusion::logical_expr::{AggregateUDF, GroupsAccumulator};
use datafusion::physical_expr::aggregate::{AggregateExprBuilder, AggregateFunctionExpr, LoweredAggregate};
use datafusion::physical_expr::expressions::Literal;
use datafusion::physical_expr::{GroupsAccumulatorAdapter, PhysicalExpr, PhysicalSortExpr};

use super::chunked::Chunked;
use super::float::least_or_greatest;
use super::kept::Kept;
use crate::dataflow::exact::exact_aggregates;

/// Which accumulator does the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    /// The function's own vectorised one.
    Own,
    /// The least or greatest of floats.
    Float { greatest: bool },
    /// The function's own, a fixed number of rows at a time.
    Chunked,
    /// All rows, put in order at the end.
    Every,
    /// Each distinct row once.
    Distinct,
    /// The first or last row.
    Extreme { last: bool, skip_nulls: bool },
}

/// An argument of the function.
#[derive(Debug)]
enum Argument {
    /// One of the columns that are put aside.
    Column(usize),
    /// A constant of the query: not stored with each row.
    Constant(ScalarValue),
}

/// How one aggregate is computed.
#[derive(Debug)]
pub struct Recipe {
    /// The function as it is called in the end: without DISTINCT, and without ORDER BY unless that is what WITHIN GROUP became.
    pub function: AggregateFunctionExpr,
    /// Whether the function's vectorised accumulator is exact.
    pub exact: bool,
    /// The columns that are put aside where rows are.
    pub columns: Fields,
    /// The ORDER BY as positions among the columns.
    pub keys: Vec<(usize, SortOptions)>,
    arguments: Vec<Argument>,
    method: Method,
}

impl Recipe {
    /// The recipe of an aggregate over rows of the schema `input`, and the expressions whose values its accumulator takes.
    ///
    /// Fails where the function does not take such a call, or such types.
    pub fn new(call: &LoweredAggregate, input: &Schema) -> Result<(Self, Vec<Arc<dyn PhysicalExpr>>)> {
        let called = &call.aggregate;
        let known = Known::of(called.fun());
        // FIRST, MIN and their like give the same for each row once as for each row.
        let distinct = called.is_distinct() && !known.idempotent;
        let within_group = called.fun().supports_within_group_clause();
        let ordered = !call.order_bys.is_empty() && !known.any_order;
        let order_bys = if within_group { call.order_bys.clone() } else { vec![] };

        let function = AggregateExprBuilder::new(Arc::new(called.fun().clone()), called.expressions())
            .schema(Arc::new(input.clone()))
            .alias(called.name())
            .order_by(order_bys)
            .with_ignore_nulls(called.ignore_nulls())
            .build()?;
        let exact = known.exact && function.groups_accumulator_supported();
        let method = match known.extreme {
            Some((last, skip)) => Method::Extreme { last, skip_nulls: skip || called.ignore_nulls() },
            None if known.float.is_some() && function.field().data_type().is_floating() => {
                Method::Float { greatest: known.float == Some(true) }
            }
            None if distinct => Method::Distinct,
            None if ordered => Method::Every,
            None if exact => Method::Own,
            None => Method::Chunked,
        };
        if matches!(method, Method::Own | Method::Float { .. }) {
            let arguments = function.expressions();
            let recipe =
                Self { function, exact, columns: Fields::empty(), keys: vec![], arguments: vec![], method };
            return Ok((recipe, arguments));
        }
        let order = if ordered { call.order_bys.as_slice() } else { &[] };
        let mut columns = Columns { input, exprs: vec![], fields: vec![] };
        let mut arguments = columns.arguments(&function.expressions(), false)?;
        if columns.exprs.is_empty() {
            // Rows without columns could not be counted.
            arguments = columns.arguments(&function.expressions(), true)?;
        }
        let keys = order
            .iter()
            .map(|PhysicalSortExpr { expr, options }| Ok((columns.position(expr)?, *options)))
            .collect::<Result<Vec<_>>>()?;
        if within_group {
            // As in any DataFusion plan, the sort key follows the arguments.
            arguments.extend(keys.iter().map(|&(column, _)| Argument::Column(column)));
        }
        let (exprs, fields) = (columns.exprs, columns.fields.into());
        let recipe = Self { function, exact, columns: fields, keys, arguments, method };
        Ok((recipe, exprs))
    }

    /// Fails where the function refuses such arguments, or where they cannot be put aside.
    pub fn check(self: &Arc<Self>) -> Result<()> {
        if !self.exact {
            self.function.create_accumulator()?;
        }
        self.key_converter()?;
        self.accumulator().map(|_| ())
    }

    /// An empty accumulator.
    pub fn accumulator(self: &Arc<Self>) -> Result<Box<dyn GroupsAccumulator>> {
        let recipe = Arc::clone(self);
        Ok(match self.method {
            Method::Float { greatest } => {
                match least_or_greatest(self.function.field().data_type(), greatest) {
                    Some(accumulator) => accumulator,
                    None => return internal_err!("{} is not of floats", self.function.name()),
                }
            }
            Method::Own => self.function.create_groups_accumulator()?,
            Method::Chunked => Box::new(Chunked::new(recipe)?),
            Method::Every => Box::new(Kept::every(recipe)),
            Method::Distinct => Box::new(Kept::distinct(recipe)?),
            Method::Extreme { last, skip_nulls } => Box::new(Kept::extreme(recipe, last, skip_nulls)?),
        })
    }

    /// Columns of the accumulator's state.
    pub fn state_fields(&self) -> Result<Vec<FieldRef>> {
        match self.method {
            Method::Own | Method::Float { .. } => self.function.state_fields(),
            Method::Chunked => Chunked::state_fields(self),
            _ => Ok(Kept::state_fields(self)),
        }
    }

    /// The arguments of the function, from the columns that were put aside.
    pub fn arguments(&self, columns: &[ArrayRef], rows: usize) -> Result<Vec<ArrayRef>> {
        let argument = |argument: &Argument| match argument {
            Argument::Column(column) => Ok(Arc::clone(&columns[*column])),
            Argument::Constant(value) => value.to_array_of_size(rows),
        };
        self.arguments.iter().map(argument).collect()
    }

    /// The columns that are arguments, each once.
    pub fn argument_columns(&self) -> Vec<usize> {
        let mut columns = Vec::new();
        for argument in &self.arguments {
            if let Argument::Column(column) = argument
                && !columns.contains(column)
            {
                columns.push(*column);
            }
        }
        columns
    }

    /// Makes sort keys that compare as the ORDER BY does.
    pub fn key_converter(&self) -> Result<RowConverter> {
        let field = |&(column, options): &(usize, SortOptions)| {
            SortField::new_with_options(self.columns[column].data_type().clone(), options)
        };
        Ok(RowConverter::new(self.keys.iter().map(field).collect())?)
    }
}

/// An accumulator that is handed all rows of its groups in one batch: the vectorised one where that is exact, else one for each group.
pub fn whole(function: &AggregateFunctionExpr, exact: bool) -> Result<Box<dyn GroupsAccumulator>> {
    if exact {
        return function.create_groups_accumulator();
    }
    let function = function.clone();
    Ok(Box::new(GroupsAccumulatorAdapter::new(move || function.create_accumulator())))
}

/// The columns that are put aside, as they are found.
struct Columns<'a> {
    input: &'a Schema,
    exprs: Vec<Arc<dyn PhysicalExpr>>,
    fields: Vec<Field>,
}

impl Columns<'_> {
    fn arguments(&mut self, exprs: &[Arc<dyn PhysicalExpr>], constants: bool) -> Result<Vec<Argument>> {
        let argument = |expr: &Arc<dyn PhysicalExpr>| match expr.downcast_ref::<Literal>() {
            Some(literal) if !constants => Ok(Argument::Constant(literal.value().clone())),
            _ => Ok(Argument::Column(self.position(expr)?)),
        };
        exprs.iter().map(argument).collect()
    }

    fn position(&mut self, expr: &Arc<dyn PhysicalExpr>) -> Result<usize> {
        if let Some(position) = self.exprs.iter().position(|known| known == expr) {
            return Ok(position);
        }
        let data_type = expr.data_type(self.input)?;
        self.fields.push(Field::new(format!("c{}", self.exprs.len()), data_type, true));
        self.exprs.push(Arc::clone(expr));
        Ok(self.exprs.len() - 1)
    }
}

/// What is known of a function. Nothing is known of one that a user has defined, whatever its name.
struct Known {
    /// The vectorised accumulator adds row after row, and a state that is merged into an empty group is that state, to
    /// the bit. The tests hold each of these functions to that.
    exact: bool,
    /// The result is nothing that an ORDER BY in the call would have to settle.
    any_order: bool,
    /// A row that comes twice counts no more than once.
    idempotent: bool,
    /// The vectorised accumulator is not exact for floats: whether it looks for the greatest.
    float: Option<bool>,
    /// It wants one row only: the last one or the first, and whether NULLs are passed over.
    extreme: Option<(bool, bool)>,
}

impl Known {
    fn of(function: &AggregateUDF) -> Self {
        let is = |known: &[fn() -> Arc<AggregateUDF>]| known.iter().any(|known| known().as_ref() == function);
        let ours = exact_aggregates().contains(function);
        let idempotent = is(&[
            min_max::min_udaf,
            min_max::max_udaf,
            bool_and_or::bool_and_udaf,
            bool_and_or::bool_or_udaf,
            bit_and_or_xor::bit_and_udaf,
            bit_and_or_xor::bit_or_udaf,
            approx_distinct::approx_distinct_udaf,
        ]);
        let numbers = is(&[
            count::count_udaf,
            sum::sum_udaf,
            average::avg_udaf,
            bit_and_or_xor::bit_xor_udaf,
            median::median_udaf,
            percentile_cont::percentile_cont_udaf,
        ]);
        let lists = is(&[array_agg::array_agg_udaf, string_agg::string_agg_udaf]);
        let statistics = is(&[
            approx_median::approx_median_udaf,
            approx_percentile_cont::approx_percentile_cont_udaf,
            approx_percentile_cont_with_weight::approx_percentile_cont_with_weight_udaf,
            covariance::covar_samp_udaf,
            covariance::covar_pop_udaf,
            correlation::corr_udaf,
            regr::regr_intercept_udaf,
            regr::regr_count_udaf,
            regr::regr_r2_udaf,
            regr::regr_avgx_udaf,
            regr::regr_avgy_udaf,
            regr::regr_sxx_udaf,
            regr::regr_syy_udaf,
            regr::regr_sxy_udaf,
        ]);
        let first = is(&[first_last::first_value_udaf]);
        let last = is(&[first_last::last_value_udaf]);
        let any = is(&[any_value::any_value_udaf]);
        Self {
            exact: ours || idempotent || numbers || lists,
            any_order: ours
                || idempotent
                || numbers
                || statistics
                || function.order_sensitivity().is_insensitive(),
            idempotent: idempotent || first || last || any,
            float: if is(&[min_max::max_udaf]) {
                Some(true)
            } else {
                is(&[min_max::min_udaf]).then_some(false)
            },
            extreme: (first || last || any).then_some((last, any)),
        }
    }
}
