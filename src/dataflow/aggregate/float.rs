//! Floats as GROUP BY has them, with one zero and one value that is not a number; and their least and greatest.
//!
//! The stock `min` and `max` start from the greatest and least finite float and let whatever follows a NaN take its place: the least of
//! NaN and ∞ is ∞ or, if a checkpoint lies between, 1.8e308. Here NaN comes after every number, as in PostgreSQL, and
//! the order of the rows does not matter.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowNativeTypeOp, ArrowPrimitiveType, AsArray, BooleanArray, PrimitiveArray,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Float16Type, Float32Type, Float64Type};
use datafusion::common::Result;
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};

/// A type of floats.
pub trait Float: ArrowPrimitiveType {
    /// Not a number, in its one form.
    const NAN: Self::Native;
    /// The greatest.
    const INFINITY: Self::Native;
    /// The least.
    const NEG_INFINITY: Self::Native;

    /// The same value in its one form.
    fn canonical(value: Self::Native) -> Self::Native;
}

macro_rules! float {
    ($type:ty, $native:ty) => {
        impl Float for $type {
            const NAN: $native = <$native>::NAN;
            const INFINITY: $native = <$native>::INFINITY;
            const NEG_INFINITY: $native = <$native>::NEG_INFINITY;

            fn canonical(value: $native) -> $native {
                // Added to zero, zero loses its sign.
                if value.is_nan() { Self::NAN } else { value + <$native as ArrowNativeTypeOp>::ZERO }
            }
        }
    };
}

float!(Float64Type, f64);
float!(Float32Type, f32);
float!(Float16Type, <Float16Type as ArrowPrimitiveType>::Native);

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
    fn of<T: Float>(greatest: bool) -> Option<Box<dyn GroupsAccumulator>> {
        if greatest {
            Some(Box::new(Extreme::<T, true>(vec![])))
        } else {
            Some(Box::new(Extreme::<T, false>(vec![])))
        }
    }
    match data_type {
        DataType::Float64 => of::<Float64Type>(greatest),
        DataType::Float32 => of::<Float32Type>(greatest),
        DataType::Float16 => of::<Float16Type>(greatest),
        _ => None,
    }
}

/// What a group has seen: its best number, and whether there was a number, or one that is none.
#[derive(Debug, Clone, Copy)]
struct Best<N> {
    number: N,
    seen: u8,
}

const NUMBER: u8 = 1;
const NOT_A_NUMBER: u8 = 2;

#[derive(Debug)]
struct Extreme<T: Float, const GREATEST: bool>(Vec<Best<T::Native>>);

impl<T: Float, const GREATEST: bool> Extreme<T, GREATEST> {
    const NOTHING: Best<T::Native> =
        Best { number: if GREATEST { T::NEG_INFINITY } else { T::INFINITY }, seen: 0 };

    fn result(group: Best<T::Native>) -> T::Native {
        match group.seen {
            // The least is a number if there was one: every number is less than NaN.
            0 | NUMBER => T::canonical(group.number),
            seen if !GREATEST && seen & NUMBER != 0 => T::canonical(group.number),
            _ => T::NAN,
        }
    }
}

impl<N: PartialOrd + Copy> Best<N> {
    /// No branch depends on the values.
    fn add<const GREATEST: bool>(&mut self, value: N) {
        // NaN compares with nothing, not even with itself.
        self.seen |= if value.partial_cmp(&value).is_some() { NUMBER } else { NOT_A_NUMBER };
        let wins = if GREATEST { value > self.number } else { value < self.number };
        self.number = if wins { value } else { self.number };
    }
}

impl<T: Float, const GREATEST: bool> GroupsAccumulator for Extreme<T, GREATEST> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.0.resize(total_num_groups, Self::NOTHING);
        let values = values[0].as_primitive::<T>();
        if values.null_count() == 0 && opt_filter.is_none() {
            for (&group, &value) in group_indices.iter().zip(values.values()) {
                self.0[group].add::<GREATEST>(value);
            }
        } else {
            for (row, &group) in group_indices.iter().enumerate() {
                let passes = opt_filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
                if passes && values.is_valid(row) {
                    self.0[group].add::<GREATEST>(values.value(row));
                }
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let groups = emit_to.take_needed(&mut self.0);
        let nulls = groups.iter().any(|group| group.seen == 0);
        let nulls: Option<NullBuffer> = nulls.then(|| groups.iter().map(|group| group.seen != 0).collect());
        let values: Vec<T::Native> = groups.into_iter().map(Self::result).collect();
        Ok(Arc::new(PrimitiveArray::<T>::new(values.into(), nulls)))
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
        let mut each = Self(vec![]);
        each.update_batch(values, &rows, opt_filter, rows.len())?;
        each.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        self.0.capacity() * size_of::<Best<T::Native>>()
    }
}
