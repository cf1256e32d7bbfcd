//! One row of a foreign file becomes the JSON of a reading.

use std::borrow::Cow;
use std::fmt;
use std::io::Write;

use super::{ColumnRule, MachineSource, MapError, Mapping};
use crate::schema::{ColumnType, MACHINE_ID, TIMESTAMP};
use crate::simulate::write_timestamp;

/// One value of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// No value.
    Null,
    /// Text; all cells of a CSV file are.
    Text(&'a str),
    /// A real number.
    Number(f64),
    /// A whole number.
    Int(i64),
    /// True or false.
    Bool(bool),
    /// A time, microseconds since the epoch UTC.
    Time(i64),
    /// A time of an unknown zone, microseconds.
    LocalTime(i64),
}

impl fmt::Display for Cell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => Ok(()),
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => write!(f, "{number}"),
            Self::Int(number) | Self::Time(number) | Self::LocalTime(number) => write!(f, "{number}"),
            Self::Bool(state) => write!(f, "{state}"),
        }
    }
}

impl<'a> Cell<'a> {
    /// The cell, or `Null` for the texts that stand for a missing value.
    fn or_null(self) -> Self {
        match self {
            Self::Text(text) => {
                let text = text.trim();
                let missing = ["", "nan", "null", "na", "n/a"];
                if missing.iter().any(|word| word.eq_ignore_ascii_case(text)) {
                    Self::Null
                } else {
                    Self::Text(text)
                }
            }
            Self::Number(number) if !number.is_finite() => Self::Null,
            cell => cell,
        }
    }

    fn text(self) -> Cow<'a, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            cell => Cow::Owned(cell.to_string()),
        }
    }

    fn number(self, decimal_comma: bool) -> Option<f64> {
        match self {
            Self::Text(text) if decimal_comma => text.replace(',', ".").parse().ok(),
            Self::Text(text) => text.parse().ok(),
            Self::Number(number) => Some(number),
            Self::Int(number) => Some(number as f64),
            Self::Bool(state) => Some(f64::from(u8::from(state))),
            Self::Null | Self::Time(_) | Self::LocalTime(_) => None,
        }
    }

    fn truth(self) -> Option<bool> {
        match self {
            Self::Bool(state) => Some(state),
            Self::Int(0) => Some(false),
            Self::Int(1) => Some(true),
            Self::Text(text) => match text.to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" | "on" => Some(true),
                "false" | "0" | "no" | "off" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }
}

/// A row that is no reading.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum RowError {
    /// A cell that is not what the column needs.
    #[error("column `{column}`: `{cell}` is not {wanted}")]
    Cell {
        /// The file's column.
        column: String,
        /// Its content, at most 40 characters.
        cell: String,
        /// What was wanted.
        wanted: &'static str,
    },
    /// A row with too many or too few fields.
    #[error("{found} fields instead of {wanted}")]
    Fields {
        /// Fields found.
        found: usize,
        /// Fields of the header.
        wanted: usize,
    },
    /// Bytes that are not text.
    #[error("it is not valid UTF-8")]
    Utf8,
}

impl RowError {
    fn cell(column: &str, cell: Cell<'_>, wanted: &'static str) -> Self {
        let cell = cell.text().chars().take(40).collect();
        Self::Cell { column: column.to_owned(), cell, wanted }
    }
}

/// A [`Mapping`] whose columns are found in a data file.
#[derive(Debug)]
pub struct Binding<'a> {
    mapping: &'a Mapping,
    timestamp: usize,
    machine: Option<usize>,
    /// For each rule the index of its cell.
    columns: Vec<usize>,
    width: usize,
}

impl<'a> Binding<'a> {
    pub(super) fn new(mapping: &'a Mapping, headers: &[String]) -> Result<Self, MapError> {
        let find = |name: &str| {
            headers
                .iter()
                .position(|header| header == name)
                .ok_or_else(|| MapError::NoColumn { column: name.to_owned(), found: headers.to_vec() })
        };
        let machine = match &mapping.machine {
            MachineSource::Value(_) => None,
            MachineSource::Column(name) => Some(find(name)?),
        };
        let columns = mapping.columns.iter().map(|rule| find(&rule.from)).collect::<Result<_, _>>()?;
        let timestamp = find(&mapping.timestamp)?;
        Ok(Self { mapping, timestamp, machine, columns, width: headers.len() })
    }

    /// Turns a row into the JSON of a reading, appended to `json`; `key` is set to the machine's id. On an
    /// error `json` may hold a part of the reading.
    pub fn write(&self, row: &[Cell<'_>], key: &mut String, json: &mut Vec<u8>) -> Result<(), RowError> {
        if row.len() != self.width {
            return Err(RowError::Fields { found: row.len(), wanted: self.width });
        }
        let mapping = self.mapping;
        let cell = row[self.timestamp];
        let time = mapping.format.read(cell.or_null());
        let time =
            time.ok_or_else(|| RowError::cell(&mapping.timestamp, cell, "a time of the map's format"))?;
        key.clear();
        match (&mapping.machine, self.machine.map(|at| row[at].or_null())) {
            (MachineSource::Value(value), _) => key.push_str(value),
            (MachineSource::Column(name), Some(Cell::Null) | None) => {
                return Err(RowError::cell(name, Cell::Null, "the name of a machine"));
            }
            (MachineSource::Column(_), Some(cell)) => key.push_str(&cell.text()),
        }
        json.extend_from_slice(b"{\"");
        json.extend_from_slice(TIMESTAMP.as_bytes());
        json.extend_from_slice(b"\":\"");
        write_timestamp(time, json);
        json.extend_from_slice(b"\",\"");
        json.extend_from_slice(MACHINE_ID.as_bytes());
        json.extend_from_slice(b"\":");
        write_text(key, json);
        for (rule, &at) in mapping.columns.iter().zip(&self.columns) {
            rule.write(row[at].or_null(), mapping.decimal_comma, json)?;
        }
        json.extend_from_slice(mapping.constants.as_bytes());
        json.push(b'}');
        Ok(())
    }
}

impl ColumnRule {
    /// Appends `,"target":value`, or nothing for a missing value.
    fn write(&self, cell: Cell<'_>, decimal_comma: bool, json: &mut Vec<u8>) -> Result<(), RowError> {
        if cell == Cell::Null {
            return Ok(());
        }
        let error = |wanted| RowError::cell(&self.from, cell, wanted);
        match self.kind {
            ColumnType::Float64 | ColumnType::Int64 => {
                let number = cell.number(decimal_comma).ok_or_else(|| error("a number"))?;
                let value = number * self.scale + self.offset;
                if !value.is_finite() || value < self.min || value > self.max {
                    return Ok(());
                }
                self.write_name(json);
                match self.kind {
                    ColumnType::Int64 => write_display(value.round() as i64, json),
                    _ => write_display(format_args!("{value:?}"), json),
                }
            }
            ColumnType::Boolean => {
                let state = cell.truth().ok_or_else(|| error("true or false"))?;
                self.write_name(json);
                write_display(state, json);
            }
            ColumnType::Text => {
                let text = cell.text();
                let text = match &self.values {
                    Some(values) => {
                        let known = values.get(text.as_ref());
                        known.ok_or_else(|| error("among the map's `values`"))?.as_str()
                    }
                    None => text.as_ref(),
                };
                self.write_name(json);
                write_text(text, json);
            }
        }
        Ok(())
    }

    fn write_name(&self, json: &mut Vec<u8>) {
        json.extend_from_slice(b",\"");
        json.extend_from_slice(self.target.as_bytes());
        json.extend_from_slice(b"\":");
    }
}

/// Appends a number or truth value.
fn write_display(value: impl fmt::Display, json: &mut Vec<u8>) {
    // Writing to a `Vec` cannot fail.
    write!(json, "{value}").unwrap_or_default();
}

/// Appends a JSON string.
fn write_text(text: &str, json: &mut Vec<u8>) {
    json.push(b'"');
    for c in text.chars() {
        match c {
            '"' => json.extend_from_slice(b"\\\""),
            '\\' => json.extend_from_slice(b"\\\\"),
            c if c < ' ' => write_display(format_args!("\\u{:04x}", c as u32), json),
            c => json.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    json.push(b'"');
}
