//! Arguments as columns, some of which are one constant.

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, StringArray};
use arrow::datatypes::Float64Type;
use datafusion::common::{Result, internal_err};

/// Columns of numbers. A column of one row is a constant.
#[derive(Debug)]
pub struct Numbers {
    columns: Vec<Float64Array>,
}

impl Numbers {
    /// The columns, which are Float64.
    pub fn of<'a>(arrays: impl Iterator<Item = &'a ArrayRef>) -> Result<Self> {
        let mut columns = Vec::new();
        for array in arrays {
            match array.as_primitive_opt::<Float64Type>() {
                Some(column) => columns.push(column.clone()),
                None => return internal_err!("a number came as {}", array.data_type()),
            }
        }
        Ok(Self { columns })
    }

    /// How many columns there are.
    pub fn count(&self) -> usize {
        self.columns.len()
    }

    /// The number of a column in a row; `None` for NULL and for what is no number.
    pub fn get(&self, column: usize, row: usize) -> Option<f64> {
        let column = self.columns.get(column)?;
        let row = if column.len() == 1 { 0 } else { row };
        (column.is_valid(row)).then(|| column.value(row)).filter(|value| value.is_finite())
    }

    /// The numbers of a row, if all are known.
    pub fn all(&self, row: usize, into: &mut Vec<f64>) -> bool {
        into.clear();
        into.extend((0..self.columns.len()).map_while(|column| self.get(column, row)));
        into.len() == self.columns.len()
    }
}

/// A column of words that stand for something. Neighbours are often the same word, which is then looked up once.
pub struct Words<'a, T, F: Fn(&str) -> Option<T>> {
    column: &'a StringArray,
    parse: F,
    last: Option<(&'a str, Option<T>)>,
}

impl<'a, T: Copy, F: Fn(&str) -> Option<T>> Words<'a, T, F> {
    /// The column, which is Utf8.
    pub fn of(array: Option<&'a ArrayRef>, parse: F) -> Result<Self> {
        match array.and_then(|array| array.as_string_opt::<i32>()) {
            Some(column) => Ok(Self { column, parse, last: None }),
            None => internal_err!("a text is missing, or came as another type"),
        }
    }

    /// What the word in a row stands for; `None` for NULL and for an unknown word.
    pub fn get(&mut self, row: usize) -> Option<T> {
        let row = if self.column.len() == 1 { 0 } else { row };
        if self.column.is_null(row) {
            return None;
        }
        let text = self.column.value(row);
        match self.last {
            Some((last, value)) if last == text => value,
            _ => {
                let value = (self.parse)(text);
                self.last = Some((text, value));
                value
            }
        }
    }
}
