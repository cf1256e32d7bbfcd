//! Properties over columns: a batch in, a batch out.
//!
//! A result is NULL where an input is NULL, the refrigerant is not known, or the property has no value. The loops have no branch
//! a row: values are computed for every row, also under a NULL, and what has none is masked at the end.

use arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::error::ArrowError;

use super::{Line, Properties, Quantity, Refrigerant};

/// The refrigerants of the rows of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refrigerants {
    /// The same one in every row.
    One(Refrigerant),
    /// One for each row; `None` where it is NULL or unknown.
    Each(Vec<Option<Refrigerant>>),
}

impl Refrigerants {
    /// Reads a column of names: any kind of strings, or a dictionary of them. A name is only looked at where it differs from that of
    /// the row before.
    ///
    /// # Errors
    /// The column holds no strings.
    pub fn of(names: &dyn Array) -> Result<Self, ArrowError> {
        if let Some(dictionary) = names.as_any_dictionary_opt() {
            let known = match Self::of(dictionary.values())? {
                Self::One(refrigerant) => vec![Some(refrigerant); dictionary.values().len()],
                Self::Each(known) => known,
            };
            if known.is_empty() {
                return Ok(Self::Each(vec![None; names.len()]));
            }
            let keys = dictionary.normalized_keys();
            let row = |(row, key): (usize, usize)| {
                known.get(key).copied().flatten().filter(|_| names.is_valid(row))
            };
            return Ok(Self::together(keys.into_iter().enumerate().map(row).collect()));
        }
        let names: ArrayRef = match names.data_type() {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => cast(names, &DataType::Utf8View)?,
            other => {
                let message =
                    format!("refrigerants are names, not {other}; give a column of text such as 'R134a'");
                return Err(ArrowError::InvalidArgumentError(message));
            }
        };
        let mut before: Option<(&str, Option<Refrigerant>)> = None;
        let mut rows = Vec::with_capacity(names.len());
        for name in names.as_string_view() {
            rows.push(name.and_then(|name| match before {
                Some((text, refrigerant)) if text == name => refrigerant,
                _ => {
                    let refrigerant = Refrigerant::parse(name);
                    before = Some((name, refrigerant));
                    refrigerant
                }
            }));
        }
        Ok(Self::together(rows))
    }

    /// One where all are the same.
    fn together(rows: Vec<Option<Refrigerant>>) -> Self {
        match rows.first() {
            Some(&Some(first)) if rows.iter().all(|&row| row == Some(first)) => Self::One(first),
            _ => Self::Each(rows),
        }
    }
}

/// Computes a column from `N` columns of the same length, row by row. All properties are built on it; so can be whatever else needs the properties of a
/// refrigerant in each row, such as the functions of the cycle.
pub fn each<const N: usize>(
    refrigerants: &Refrigerants,
    columns: [&Float64Array; N],
    property: impl Fn(&Properties, [f64; N]) -> Option<f64>,
) -> Float64Array {
    let rows = columns.iter().map(|column| column.len()).min().unwrap_or(0);
    let columns_values = columns.map(|column| column.values().get(..rows).unwrap_or(&[]));
    let inputs = |row: usize| columns_values.map(|column| column.get(row).copied().unwrap_or(f64::NAN));
    let values: Vec<f64> = match refrigerants {
        Refrigerants::One(refrigerant) => {
            let fluid = refrigerant.properties();
            (0..rows).map(|row| property(fluid, inputs(row)).unwrap_or(f64::NAN)).collect()
        }
        Refrigerants::Each(each) => {
            let of = |row: usize| {
                let refrigerant = each.get(row).copied().flatten()?;
                property(refrigerant.properties(), inputs(row))
            };
            (0..rows).map(|row| of(row).unwrap_or(f64::NAN)).collect()
        }
    };
    let known = NullBuffer::from_iter(values.iter().map(|value| !value.is_nan()));
    let known = Some(known).filter(|known| known.null_count() > 0);
    let given = columns.iter().map(|column| column.nulls().map(|nulls| nulls.slice(0, rows)));
    let nulls = given.fold(known, |all, nulls| NullBuffer::union(all.as_ref(), nulls.as_ref()));
    Float64Array::new(values.into(), nulls)
}

/// Saturation temperature, °C, at pressures in bar absolute.
pub fn t_sat(refrigerants: &Refrigerants, p: &Float64Array, line: Line) -> Float64Array {
    each(refrigerants, [p], |fluid, [p]| fluid.t_sat(p, line))
}

/// Saturation pressure, bar absolute, at temperatures in °C.
pub fn p_sat(refrigerants: &Refrigerants, t: &Float64Array, line: Line) -> Float64Array {
    each(refrigerants, [t], |fluid, [t]| fluid.p_sat(t, line))
}

/// A property of vapour at pressures in bar absolute and temperatures in °C.
pub fn vapour(
    refrigerants: &Refrigerants,
    quantity: Quantity,
    p: &Float64Array,
    t: &Float64Array,
) -> Float64Array {
    each(refrigerants, [p, t], |fluid, [p, t]| fluid.vapour(quantity, p, t))
}

/// Enthalpy of liquid on the bubble line, kJ/kg, at temperatures in °C.
pub fn liquid_enthalpy(refrigerants: &Refrigerants, t: &Float64Array) -> Float64Array {
    each(refrigerants, [t], |fluid, [t]| fluid.liquid_enthalpy(t))
}

/// Enthalpy after isentropic compressions of vapour from `p1` and `t1` to `p2`, kJ/kg.
pub fn isentropic_enthalpy(
    refrigerants: &Refrigerants,
    p1: &Float64Array,
    t1: &Float64Array,
    p2: &Float64Array,
) -> Float64Array {
    each(refrigerants, [p1, t1, p2], |fluid, [p1, t1, p2]| fluid.isentropic_enthalpy(p1, t1, p2))
}

/// Temperature of vapour, °C, at pressures in bar absolute and enthalpies in kJ/kg.
pub fn vapour_temperature(refrigerants: &Refrigerants, p: &Float64Array, h: &Float64Array) -> Float64Array {
    each(refrigerants, [p, h], |fluid, [p, h]| fluid.vapour_temperature(p, h))
}
