//! Aggregates whose states can be put away and taken out again without changing a bit.
//!
//! A pane's state goes through `state` → `merge_batch` at every checkpoint, and results must not depend on when
//! one was taken. Sums, counts and averages of stock DataFusion have that property; its variance does
//! not (merging into an empty group computes `mean * n / n`), and its regressions keep one boxed accumulator a
//! group, which costs far more than the sums. So the two families are vectorised here. Names, types and state
//! columns stay those of the stock functions; this only replaces their accumulator over groups. All that is neither stock and exact
//! nor here is made exact in [`super::aggregate`], whatever it costs.
//!
//! The `x` of a regression is most often a time, and in seconds since 1970 a float resolves only 0.2 µs: a slope
//! over a few seconds would lose half its digits. So `x` is counted from the first one of each group.
//!
//! Updates are Welford's; merges are those of Chan, Golub and LeVeque (1979), "Updating formulae and a
//! pairwise algorithm for computing sample variances".

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, UInt64Array};
use arrow::datatypes::{DataType, FieldRef, Float64Type, UInt64Type};
use datafusion::common::{Result, internal_err};
use datafusion::functions_aggregate::{regr, stddev, variance};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, EmitTo, GroupsAccumulator, Signature,
};

/// What is computed from the moments of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Moment {
    VarSamp,
    VarPop,
    StddevSamp,
    StddevPop,
    Slope,
}

impl Moment {
    fn is_regression(self) -> bool {
        self == Self::Slope
    }

    /// The result of a group, NULL where it is not defined.
    fn of(self, group: &Moments) -> Option<f64> {
        let n = group.count as f64;
        match self {
            Self::VarPop => (group.count > 0).then(|| group.m2 / n),
            Self::StddevPop => (group.count > 0).then(|| (group.m2 / n).sqrt()),
            Self::VarSamp => (group.count > 1).then(|| group.m2 / (n - 1.0)),
            Self::StddevSamp => (group.count > 1).then(|| (group.m2 / (n - 1.0)).sqrt()),
            Self::Slope => (group.count > 1 && group.m2_x > 0.0).then(|| group.c_xy / group.m2_x),
        }
    }
}

/// The stock function with another accumulator over groups.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Exact {
    stock: Arc<AggregateUDF>,
    moment: Moment,
}

/// The functions that replace the stock ones of the same names.
pub fn exact_aggregates() -> Vec<AggregateUDF> {
    [
        (variance::var_samp_udaf(), Moment::VarSamp),
        (variance::var_pop_udaf(), Moment::VarPop),
        (stddev::stddev_udaf(), Moment::StddevSamp),
        (stddev::stddev_pop_udaf(), Moment::StddevPop),
        (regr::regr_slope_udaf(), Moment::Slope),
    ]
    .into_iter()
    .map(|(stock, moment)| AggregateUDF::new_from_impl(Exact { stock, moment }))
    .collect()
}

impl AggregateUDFImpl for Exact {
    fn name(&self) -> &str {
        self.stock.name()
    }

    fn aliases(&self) -> &[String] {
        self.stock.aliases()
    }

    fn signature(&self) -> &Signature {
        self.stock.signature()
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        self.stock.coerce_types(arg_types)
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.stock.return_type(arg_types)
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        self.stock.state_fields(args)
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        self.stock.accumulator(args)
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        self.stock.create_sliding_accumulator(args)
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        !args.is_distinct
    }

    fn create_groups_accumulator(&self, _args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(MomentsAccumulator { moment: self.moment, groups: Vec::new() }))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.stock.documentation()
    }
}

/// Moments of one group. `y` is the value; `x` is there only in a regression.
#[derive(Debug, Clone, Copy, Default)]
struct Moments {
    count: u64,
    mean: f64,
    m2: f64,
    /// The first `x` of the group; `mean_x` counts from here.
    origin: f64,
    mean_x: f64,
    m2_x: f64,
    c_xy: f64,
}

impl Moments {
    fn add(&mut self, y: f64) {
        self.count += 1;
        let delta = y - self.mean;
        self.mean += delta / self.count as f64;
        self.m2 += delta * (y - self.mean);
    }

    fn add_pair(&mut self, y: f64, x: f64) {
        self.add(y);
        if self.count == 1 {
            self.origin = x;
        }
        let x = x - self.origin;
        let delta_x = x - self.mean_x;
        self.mean_x += delta_x / self.count as f64;
        self.m2_x += delta_x * (x - self.mean_x);
        self.c_xy += delta_x * (y - self.mean);
    }

    fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            *self = *other;
            return;
        }
        let (n1, n2) = (self.count as f64, other.count as f64);
        let n = n1 + n2;
        let delta = other.mean - self.mean;
        let delta_x = (other.origin - self.origin) + other.mean_x - self.mean_x;
        let weight = n1 * n2 / n;
        self.count += other.count;
        self.mean += delta * n2 / n;
        self.m2 += other.m2 + delta * delta * weight;
        self.mean_x += delta_x * n2 / n;
        self.m2_x += other.m2_x + delta_x * delta_x * weight;
        self.c_xy += other.c_xy + delta_x * delta * weight;
    }
}

#[derive(Debug)]
struct MomentsAccumulator {
    moment: Moment,
    groups: Vec<Moments>,
}

impl MomentsAccumulator {
    fn emit(&mut self, emit_to: EmitTo) -> Vec<Moments> {
        emit_to.take_needed(&mut self.groups)
    }
}

/// Calls `add(row)` for every row that the filter lets pass.
fn each_row(rows: usize, filter: Option<&BooleanArray>, mut add: impl FnMut(usize)) {
    match filter {
        None => (0..rows).for_each(add),
        Some(filter) => {
            for row in 0..rows {
                if filter.is_valid(row) && filter.value(row) {
                    add(row);
                }
            }
        }
    }
}

impl GroupsAccumulator for MomentsAccumulator {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.groups.resize(total_num_groups, Moments::default());
        let groups = &mut self.groups;
        let y = values[0].as_primitive::<Float64Type>();
        if self.moment.is_regression() {
            let x = values[1].as_primitive::<Float64Type>();
            each_row(y.len(), opt_filter, |row| {
                if y.is_valid(row) && x.is_valid(row) {
                    groups[group_indices[row]].add_pair(y.value(row), x.value(row));
                }
            });
        } else if y.null_count() == 0 && opt_filter.is_none() {
            for (&value, &group) in y.values().iter().zip(group_indices) {
                groups[group].add(value);
            }
        } else {
            each_row(y.len(), opt_filter, |row| {
                if y.is_valid(row) {
                    groups[group_indices[row]].add(y.value(row));
                }
            });
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let moment = self.moment;
        let results: Float64Array = self.emit(emit_to).iter().map(|group| moment.of(group)).collect();
        Ok(Arc::new(results))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let groups = self.emit(emit_to);
        let count: UInt64Array = groups.iter().map(|g| Some(g.count)).collect();
        let column = |of: fn(&Moments) -> f64| -> ArrayRef {
            Arc::new(Float64Array::from_iter_values(groups.iter().map(of)))
        };
        let mut state: Vec<ArrayRef> = vec![Arc::new(count)];
        if self.moment.is_regression() {
            // The stock order is count, mean_x, mean_y, m2_x, m2_y, co-moment; a slope has no use for m2_y, and its
            // place holds the origin.
            state.extend([column(|g| g.mean_x), column(|g| g.mean), column(|g| g.m2_x)]);
            state.extend([column(|g| g.origin), column(|g| g.c_xy)]);
        } else {
            state.extend([column(|g| g.mean), column(|g| g.m2)]);
        }
        Ok(state)
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.groups.resize(total_num_groups, Moments::default());
        let count = values[0].as_primitive::<UInt64Type>();
        let column = |i: usize| values[i].as_primitive::<Float64Type>();
        if self.moment.is_regression() {
            let (mean_x, mean, m2_x, origin, c_xy) = (column(1), column(2), column(3), column(4), column(5));
            for (row, &group) in group_indices.iter().enumerate() {
                self.groups[group].merge(&Moments {
                    count: count.value(row),
                    mean: mean.value(row),
                    m2: 0.0,
                    origin: origin.value(row),
                    mean_x: mean_x.value(row),
                    m2_x: m2_x.value(row),
                    c_xy: c_xy.value(row),
                });
            }
        } else {
            let (mean, m2) = (column(1), column(2));
            for (row, &group) in group_indices.iter().enumerate() {
                let (count, mean, m2) = (count.value(row), mean.value(row), m2.value(row));
                self.groups[group].merge(&Moments { count, mean, m2, ..Moments::default() });
            }
        }
        Ok(())
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        // Every row its own group.
        let mut rows = Self { moment: self.moment, groups: Vec::new() };
        let Some(first) = values.first() else { return internal_err!("an aggregate without argument") };
        let indices: Vec<usize> = (0..first.len()).collect();
        rows.update_batch(values, &indices, opt_filter, first.len())?;
        rows.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        self.groups.capacity() * size_of::<Moments>()
    }
}

#[cfg(test)]
mod tests;
