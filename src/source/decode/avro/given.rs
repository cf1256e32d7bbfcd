//! The values of a decoded Arrow column, one by one.

use std::borrow::Cow;

use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, UnionArray};
use arrow::datatypes::{
    DataType, Decimal128Type, Decimal256Type, Float32Type, Float64Type, Int32Type, Int64Type, TimeUnit,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
};

use super::super::super::cell::Given;

/// The value in `row` of a column. A time without zone is UTC, as it is in JSON.
pub(super) fn given(column: &ArrayRef, row: usize) -> Given<'_> {
    if let DataType::Union(_, _) = column.data_type() {
        return in_union(column.as_union(), row);
    }
    if column.is_null(row) {
        return Given::Null;
    }
    match column.data_type() {
        DataType::Null => Given::Null,
        DataType::Boolean => Given::Bool(column.as_boolean().value(row)),
        DataType::Int32 => Given::Int(column.as_primitive::<Int32Type>().value(row).into()),
        DataType::Int64 => Given::Int(column.as_primitive::<Int64Type>().value(row)),
        DataType::Float32 => Given::Float(column.as_primitive::<Float32Type>().value(row).into()),
        DataType::Float64 => Given::Float(column.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => Given::Text(column.as_string::<i32>().value(row)),
        DataType::Dictionary(_, _) => match column.as_dictionary_opt::<Int32Type>() {
            Some(names) => symbol(names, row),
            None => Given::Other("an unknown kind of enum"),
        },
        DataType::Timestamp(unit, _) => {
            let micros = match unit {
                TimeUnit::Millisecond => {
                    column.as_primitive::<TimestampMillisecondType>().value(row).saturating_mul(1_000)
                }
                TimeUnit::Microsecond => column.as_primitive::<TimestampMicrosecondType>().value(row),
                TimeUnit::Nanosecond => {
                    column.as_primitive::<TimestampNanosecondType>().value(row).div_euclid(1_000)
                }
                TimeUnit::Second => return Given::Other("a time in seconds"),
            };
            Given::Micros(micros)
        }
        DataType::Decimal128(_, scale) => {
            let value = column.as_primitive::<Decimal128Type>().value(row);
            Given::Float(decimal(&value.to_string(), *scale))
        }
        DataType::Decimal256(_, scale) => {
            let value = column.as_primitive::<Decimal256Type>().value(row);
            Given::Float(decimal(&value.to_string(), *scale))
        }
        DataType::Date32 => Given::Other("a date"),
        DataType::Time32(_) | DataType::Time64(_) => Given::Other("a time of the day"),
        DataType::Binary | DataType::FixedSizeBinary(_) => Given::Other("bytes"),
        DataType::List(_) => Given::Other("a list"),
        DataType::Map(_, _) => Given::Other("a map"),
        DataType::Struct(_) => Given::Other("a record"),
        _ => Given::Other("a value of another type"),
    }
}

fn symbol(names: &DictionaryArray<Int32Type>, row: usize) -> Given<'_> {
    match (names.key(row), names.values().as_string_opt::<i32>()) {
        (Some(key), Some(values)) if key < values.len() => Given::Symbol(Cow::Borrowed(values.value(key))),
        _ => Given::Null,
    }
}

fn in_union(union: &UnionArray, row: usize) -> Given<'_> {
    given(union.child(union.type_id(row)), union.value_offset(row))
}

/// The nearest number to `digits` / 10^`scale`.
fn decimal(digits: &str, scale: i8) -> f64 {
    // Reading it as text rounds once; dividing would round twice.
    format!("{digits}e{}", -i32::from(scale)).parse().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests;
