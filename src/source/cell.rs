//! One value of a message, typed by the column it is for.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Error, Visitor};

use crate::schema::ColumnType;

/// A value that borrows from its message where it can.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Cell<'a> {
    /// Missing or null.
    #[default]
    Null,
    /// A measured value.
    Float(f64),
    /// A whole number.
    Int(i64),
    /// On or off.
    Bool(bool),
    /// A text.
    Text(Cow<'a, str>),
    /// An instant of a format that has instants, microseconds since 1970.
    Micros(i64),
}

/// A value as a format with types of its own has it.
#[derive(Debug, Clone)]
pub enum Given<'a> {
    /// Absent or null.
    Null,
    /// A boolean.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number without sign.
    Unsigned(u64),
    /// A number; not a number (NaN) is no value.
    Float(f64),
    /// A text.
    Text(&'a str),
    /// The name of an enum's value.
    Symbol(Cow<'a, str>),
    /// An instant, microseconds since 1970.
    Micros(i64),
    /// Something that no column holds: what it is, such as `a list`.
    Other(&'static str),
}

/// What a value is for.
#[derive(Debug, Clone, Copy)]
pub enum Wanted {
    /// A sensor column.
    Value(ColumnType),
    /// The event time: text or milliseconds.
    Instant,
    /// The machine: text or whole number.
    Id,
}

/// Reads one value.
#[derive(Debug, Clone, Copy)]
pub struct CellSeed<'n> {
    /// The key, for messages.
    pub name: &'n str,
    /// What it is for.
    pub wanted: Wanted,
}

impl<'de> DeserializeSeed<'de> for CellSeed<'_> {
    type Value = Cell<'de>;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Cell<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// Why a value is not what its column wants.
pub type WrongType = serde::de::value::Error;

impl CellSeed<'_> {
    /// The cell of a value that a format with types gives.
    pub fn given<'a>(self, given: Given<'a>) -> Result<Cell<'a>, WrongType> {
        match given {
            Given::Null => Ok(Cell::Null),
            Given::Bool(value) => self.visit_bool(value),
            Given::Int(value) => self.visit_i64(value),
            Given::Unsigned(value) => self.visit_u64(value),
            // Senders write it where a sensor gave nothing.
            Given::Float(value) if value.is_nan() => Ok(Cell::Null),
            Given::Float(value) if value.is_infinite() => Err(self.wrong("an infinite number")),
            Given::Float(value) => self.visit_f64(value),
            Given::Text(text) => self.text(Cow::Borrowed(text)),
            Given::Symbol(name) => match self.wanted {
                Wanted::Value(ColumnType::Text) | Wanted::Id => Ok(Cell::Text(name)),
                _ => Err(self.wrong("the name of an enum")),
            },
            Given::Micros(micros) => match self.wanted {
                Wanted::Instant => Ok(Cell::Micros(micros)),
                _ => Err(self.wrong("a time")),
            },
            Given::Other(found) => Err(self.wrong(found)),
        }
    }

    fn wrong<E: Error>(self, found: &str) -> E {
        E::custom(format_args!("`{}`: found {found}, wanted {}", self.name, Expected(self.wanted)))
    }

    fn text<'de, E: Error>(self, text: Cow<'de, str>) -> Result<Cell<'de>, E> {
        match self.wanted {
            Wanted::Value(ColumnType::Text) | Wanted::Instant | Wanted::Id => Ok(Cell::Text(text)),
            Wanted::Value(_) => Err(self.wrong("a text")),
        }
    }
}

struct Expected(Wanted);

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self.0 {
            Wanted::Value(ColumnType::Float64) => "a number",
            Wanted::Value(ColumnType::Int64) => "a whole number",
            Wanted::Value(ColumnType::Text) => "a text",
            Wanted::Value(ColumnType::Boolean) => "true or false",
            Wanted::Instant => "a time: RFC 3339 or milliseconds since 1970",
            Wanted::Id => "a text or a whole number",
        })
    }
}

impl<'de> Visitor<'de> for CellSeed<'_> {
    type Value = Cell<'de>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        fmt::Display::fmt(&Expected(self.wanted), f)
    }

    fn visit_unit<E: Error>(self) -> Result<Cell<'de>, E> {
        Ok(Cell::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Cell<'de>, E> {
        match self.wanted {
            Wanted::Value(ColumnType::Boolean) => Ok(Cell::Bool(value)),
            _ => Err(self.wrong("true or false")),
        }
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Cell<'de>, E> {
        match self.wanted {
            Wanted::Value(ColumnType::Float64) | Wanted::Instant => Ok(Cell::Float(value)),
            _ => Err(self.wrong("a number with a fraction")),
        }
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Cell<'de>, E> {
        match self.wanted {
            Wanted::Value(ColumnType::Float64) => Ok(Cell::Float(value as f64)),
            Wanted::Value(ColumnType::Int64) | Wanted::Instant => Ok(Cell::Int(value)),
            Wanted::Id => Ok(id_text(value)),
            Wanted::Value(_) => Err(self.wrong("a number")),
        }
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Cell<'de>, E> {
        match (self.wanted, i64::try_from(value)) {
            (Wanted::Value(ColumnType::Float64), _) => Ok(Cell::Float(value as f64)),
            (Wanted::Id, _) => Ok(id_text(value)),
            (_, Ok(value)) => self.visit_i64(value),
            _ => Err(self.wrong("a number that is too large")),
        }
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Cell<'de>, E> {
        self.text(Cow::Borrowed(text))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Cell<'de>, E> {
        self.text(Cow::Owned(text.to_string()))
    }
}

/// A number as the text of a machine's id.
fn id_text(number: impl fmt::Display) -> Cell<'static> {
    Cell::Text(Cow::Owned(number.to_string()))
}
