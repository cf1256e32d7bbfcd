//! Floats as GROUP BY has them, with one zero and one value that is not a number; and their least and greatest.
//!
//! The stock `min` and `max` start from the greatest and least finite float and let whatever follows a NaN take its place: the least of
//! NaN and ∞ is ∞ or, if a checkpoint lies between, 1.8e308. Here NaN comes after every number, as in PostgreSQL, and
//! the order of the rows does not matter.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowNativeTypeOp, ArrowPrimitiveType, AsArray, BooleanArray, PrimitiveArray,
};
use arrow::datatypes::{DataType, Float16Type, Float32Type, Float64Type};
use datafusion::common::Result;
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};

/// A type of floats.
pub trait Float: ArrowPrimitiveType {
    /// The same value in its one form.
    fn canonical(value: Self::Native) -> Self::Native;
}

impl Float for Float64Type {
    fn canonical(value: f64) -> f64 {
        if value.is_nan() { f64::NAN } else { value + 0.0 }
    }
}

impl Float for Float32Type {
    fn canonical(value: f32) -> f32 {
        if value.is_nan() { f32::NAN } else { value + 0.0 }
    }
}

impl Float for Float16Type {
    fn canonical(value: Self::Native) -> Self::Native {
        if value.is_nan() { Self::Native::NAN } else { value + Self::Native::ZERO }
    }
}

/// A column whose floats, if it has such, are in their one form.
pub fn canonical(column: &ArrayRef) -> ArrayRef {
    fn of<T: Float>(column: &ArrayRef) -> ArrayRef {
        Arc::new(column.as_primitive::<T>().unary::<_, T>(T::canonical))
    }
    match column.data_type() {
        DataType::Float64 => of::<Float64Type>(column),
        DataType::Float32 => of::<Float32Type>(column),
        DataType::Float16 => of::<Float16Type>(column),
        _ => Arc::clone(column),
    }
}

/// An accumulator for the least or greatest of floats, or `None` for another type.
pub fn least_or_greatest(data_type: &DataType, greatest: bool) -> Option<Box<dyn GroupsAccumulator>> {
    match data_type {
        DataType::Float64 => Some(Box::new(Extreme::<Float64Type> { greatest, groups: vec![] })),
        DataType::Float32 => Some(Box::new(Extreme::<Float32Type> { greatest, groups: vec![] })),
        DataType::Float16 => Some(Box::new(Extreme::<Float16Type> { greatest, groups: vec![] })),
        _ => None,
    }
}

#[derive(Debug)]
struct Extreme<T: Float> {
    greatest: bool,
    groups: Vec<Option<T::Native>>,
}

impl<T: Float> GroupsAccumulator for Extreme<T> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.groups.resize(total_num_groups, None);
        let values = values[0].as_primitive::<T>();
        let greatest = self.greatest;
        let mut add = |group: usize, value: T::Native| {
            let value = T::canonical(value);
            let best = &mut self.groups[group];
            // The total order of floats: NaN is after all, and there is no other zero.
            let wins = best.is_none_or(|best| if greatest { value.is_gt(best) } else { value.is_lt(best) });
            if wins {
                *best = Some(value);
            }
        };
        if values.null_count() == 0 && opt_filter.is_none() {
            group_indices.iter().zip(values.values()).for_each(|(&group, &value)| add(group, value));
        } else {
            for (row, &group) in group_indices.iter().enumerate() {
                let passes = opt_filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
                if passes && values.is_valid(row) {
                    add(group, values.value(row));
                }
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let groups = emit_to.take_needed(&mut self.groups);
        Ok(Arc::new(groups.into_iter().collect::<PrimitiveArray<T>>()))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.evaluate(emit_to)?])
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.update_batch(values, group_indices, None, total_num_groups)
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        // Every row its own group.
        let rows: Vec<usize> = (0..values[0].len()).collect();
        let mut each = Self { greatest: self.greatest, groups: vec![] };
        each.update_batch(values, &rows, opt_filter, rows.len())?;
        each.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        self.groups.capacity() * size_of::<Option<T::Native>>()
    }
}
