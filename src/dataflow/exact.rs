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

impl Moment {}

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
        Ok(match self.moment {
            Moment::Slope => Box::new(MomentsAccumulator::<Line>::new(self.moment)),
            _ => Box::new(MomentsAccumulator::<Spread>::new(self.moment)),
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.stock.documentation()
    }
}

/// What an accumulator keeps of one group. Small, because a window of many panes is limited by how fast memory is read.
trait Moments: std::fmt::Debug + Copy + Default + Send + Sync + 'static {
    /// Number of arguments.
    const ARGUMENTS: usize;

    /// Number of rows seen.
    fn count(&self) -> u64;
    /// The columns of floats in the state of groups, which follow the count.
    fn columns(groups: &[Self]) -> Vec<ArrayRef>;
    /// The group of a row of a state.
    fn of_state(count: u64, columns: &[&[f64]], row: usize) -> Self;
    /// Adds a row. `x` is that of a regression.
    fn add(&mut self, y: f64, x: f64);
    /// Adds the rows of another group; both have rows.
    fn merge(&mut self, other: &Self);
    /// The result, NULL where it is not defined.
    fn result(&self, moment: Moment) -> Option<f64>;
}

/// Count, mean and sum of squared differences from it.
#[derive(Debug, Clone, Copy, Default)]
struct Spread {
    count: u64,
    mean: f64,
    m2: f64,
}

/// A column of a state: one field of each group.
macro_rules! column {
    ($groups:ident, $field:ident) => {
        Arc::new(Float64Array::from_iter_values($groups.iter().map(|group| group.$field)))
    };
}

impl Moments for Spread {
    const ARGUMENTS: usize = 1;

    fn count(&self) -> u64 {
        self.count
    }

    fn columns(groups: &[Self]) -> Vec<ArrayRef> {
        vec![column!(groups, mean), column!(groups, m2)]
    }

    fn of_state(count: u64, columns: &[&[f64]], row: usize) -> Self {
        Self { count, mean: columns[0][row], m2: columns[1][row] }
    }

    fn add(&mut self, y: f64, _: f64) {
        self.count += 1;
        let delta = y - self.mean;
        self.mean += delta / self.count as f64;
        self.m2 += delta * (y - self.mean);
    }

    fn merge(&mut self, other: &Self) {
        let (n1, n2) = (self.count as f64, other.count as f64);
        let n = n1 + n2;
        let delta = other.mean - self.mean;
        self.count += other.count;
        self.mean += delta * n2 / n;
        self.m2 += other.m2 + delta * delta * (n1 * n2 / n);
    }

    fn result(&self, moment: Moment) -> Option<f64> {
        let n = self.count as f64;
        match moment {
            Moment::VarPop => (self.count > 0).then(|| self.m2 / n),
            Moment::StddevPop => (self.count > 0).then(|| (self.m2 / n).sqrt()),
            Moment::VarSamp => (self.count > 1).then(|| self.m2 / (n - 1.0)),
            Moment::StddevSamp => (self.count > 1).then(|| (self.m2 / (n - 1.0)).sqrt()),
            Moment::Slope => None,
        }
    }
}

/// What the slope of a line through the points needs.
#[derive(Debug, Clone, Copy, Default)]
struct Line {
    count: u64,
    mean_x: f64,
    mean_y: f64,
    m2_x: f64,
    /// The first `x` of the group; `mean_x` counts from here.
    origin: f64,
    c_xy: f64,
}

impl Moments for Line {
    const ARGUMENTS: usize = 2;

    fn count(&self) -> u64 {
        self.count
    }

    // The stock order is count, mean_x, mean_y, m2_x, m2_y, co-moment; a slope has no use for m2_y, and its place holds the
    // origin.
    fn columns(groups: &[Self]) -> Vec<ArrayRef> {
        let (x, y, m2) = (column!(groups, mean_x), column!(groups, mean_y), column!(groups, m2_x));
        vec![x, y, m2, column!(groups, origin), column!(groups, c_xy)]
    }

    fn of_state(count: u64, columns: &[&[f64]], row: usize) -> Self {
        Self {
            count,
            mean_x: columns[0][row],
            mean_y: columns[1][row],
            m2_x: columns[2][row],
            origin: columns[3][row],
            c_xy: columns[4][row],
        }
    }

    fn add(&mut self, y: f64, x: f64) {
        self.count += 1;
        self.mean_y += (y - self.mean_y) / self.count as f64;
        if self.count == 1 {
            self.origin = x;
        }
        let x = x - self.origin;
        let delta_x = x - self.mean_x;
        self.mean_x += delta_x / self.count as f64;
        self.m2_x += delta_x * (x - self.mean_x);
        self.c_xy += delta_x * (y - self.mean_y);
    }

    fn merge(&mut self, other: &Self) {
        let (n1, n2) = (self.count as f64, other.count as f64);
        let n = n1 + n2;
        let delta = other.mean_y - self.mean_y;
        let delta_x = (other.origin - self.origin) + other.mean_x - self.mean_x;
        let weight = n1 * n2 / n;
        self.count += other.count;
        self.mean_y += delta * n2 / n;
        self.mean_x += delta_x * n2 / n;
        self.m2_x += other.m2_x + delta_x * delta_x * weight;
        self.c_xy += other.c_xy + delta_x * delta * weight;
    }

    fn result(&self, _: Moment) -> Option<f64> {
        (self.count > 1 && self.m2_x > 0.0).then(|| self.c_xy / self.m2_x)
    }
}

#[derive(Debug)]
struct MomentsAccumulator<M> {
    moment: Moment,
    groups: Vec<M>,
}

impl<M: Moments> MomentsAccumulator<M> {
    fn new(moment: Moment) -> Self {
        Self { moment, groups: Vec::new() }
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

impl<M: Moments> GroupsAccumulator for MomentsAccumulator<M> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.groups.resize(total_num_groups, M::default());
        let groups = &mut self.groups;
        let y = values[0].as_primitive::<Float64Type>();
        // Without an x, y stands for it, and nobody looks.
        let x = values[M::ARGUMENTS - 1].as_primitive::<Float64Type>();
        if y.null_count() == 0 && x.null_count() == 0 && opt_filter.is_none() {
            for ((&y, &x), &group) in y.values().iter().zip(x.values()).zip(group_indices) {
                groups[group].add(y, x);
            }
        } else {
            each_row(y.len(), opt_filter, |row| {
                if y.is_valid(row) && x.is_valid(row) {
                    groups[group_indices[row]].add(y.value(row), x.value(row));
                }
            });
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let moment = self.moment;
        let groups = emit_to.take_needed(&mut self.groups);
        let results: Float64Array = groups.iter().map(|group| group.result(moment)).collect();
        Ok(Arc::new(results))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let groups = emit_to.take_needed(&mut self.groups);
        let count = UInt64Array::from_iter_values(groups.iter().map(M::count));
        let mut state: Vec<ArrayRef> = vec![Arc::new(count)];
        state.extend(M::columns(&groups));
        Ok(state)
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.groups.resize(total_num_groups, M::default());
        let count = values[0].as_primitive::<UInt64Type>().values();
        let columns = values[1..].iter().map(|column| column.as_primitive::<Float64Type>().values().as_ref());
        let columns: Vec<&[f64]> = columns.collect();
        for (row, (&group, &count)) in group_indices.iter().zip(count).enumerate() {
            if count == 0 {
                continue;
            }
            let other = M::of_state(count, &columns, row);
            let group = &mut self.groups[group];
            if group.count() == 0 {
                *group = other;
            } else {
                group.merge(&other);
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
        let mut rows = Self::new(self.moment);
        let Some(first) = values.first() else { return internal_err!("an aggregate without argument") };
        let indices: Vec<usize> = (0..first.len()).collect();
        rows.update_batch(values, &indices, opt_filter, first.len())?;
        rows.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        self.groups.capacity() * size_of::<M>()
    }
}

#[cfg(test)]
mod tests;
