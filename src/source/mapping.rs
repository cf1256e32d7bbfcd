//! Mapping files: how the rows of a foreign CSV or Parquet file become readings.
//!
//! ```toml
//! [timestamp]
//! column = "time"                    # where the event time is
//! format = "%d.%m.%Y %H:%M:%S"       # auto (default) | rfc3339 | epoch_s | epoch_ms | a strftime pattern
//! offset = "+02:00"                  # zone of times that carry none; default UTC
//!
//! [machine_id]
//! value = "case-1"                   # or: column = "unit"
//!
//! [columns.pressure_low]             # a column of the readings
//! from = "suction_bar_gauge"         # a column of the file
//! scale = 1.0                        # value = cell * scale + offset
//! offset = 1.01325
//! unit = "bar"                       # checked against the unit of the reading's column
//! min = 0.0                          # a value outside of min..max becomes null
//! max = 50.0
//!
//! [columns.operating_mode]
//! from = "defrost"
//! values = { "0" = "cooling", "1" = "defrost" }    # a text for each text of the file
//!
//! [columns.door_open]                # not built in: declare it in coldstream.toml, too
//! from = "door"
//! type = "boolean"
//!
//! [constants]
//! compressor_speed = 50.0            # the same in every reading
//!
//! [csv]
//! delimiter = ";"
//! decimal_comma = true
//! ```
//!
//! Every key is optional but `[timestamp] column` and `[machine_id]`. Empty cells and `nan`, `null`, `na`,
//! `n/a` in any case are missing values. The constant 1.01325 bar turns gauge into absolute pressure.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::schema::{Column, ColumnType, MACHINE_ID, ReadingSchema, TIMESTAMP};

mod row;
#[cfg(test)]
mod tests;
mod time;

pub use row::{Binding, Cell, RowError};
use time::TimeFormat;

/// A mapping that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MapError {
    /// The file cannot be read.
    #[error("cannot read the map `{path}`: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not TOML, an unknown key or a value of the wrong type.
    #[error("the map is not valid: {0}")]
    Syntax(String),
    /// A key whose value makes no sense.
    #[error("the map's `{key}`: {reason}")]
    Key {
        /// The key at fault.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The data file lacks a column.
    #[error("the file has no column `{column}`")]
    NoColumn {
        /// The missing column.
        column: String,
        /// The columns it has.
        found: Vec<String>,
    },
}

impl MapError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Read { .. } => None,
            Self::Syntax(_) | Self::Key { .. } => Some("see examples/maps/ for a complete map".into()),
            Self::NoColumn { column, found } => {
                let found = found.join(", ");
                let with_map = if [TIMESTAMP, MACHINE_ID].contains(&column.as_str()) {
                    "name the right one in a map (--map); "
                } else {
                    ""
                };
                Some(format!("{with_map}it has: {found}"))
            }
        }
    }

    fn key(key: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Key { key: key.into(), reason: reason.into() }
    }
}

/// The file as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MapFile {
    timestamp: TimestampKeys,
    machine_id: MachineKeys,
    #[serde(default)]
    columns: BTreeMap<String, ColumnKeys>,
    #[serde(default)]
    constants: BTreeMap<String, toml::Value>,
    #[serde(default)]
    csv: CsvKeys,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TimestampKeys {
    column: String,
    format: Option<String>,
    offset: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MachineKeys {
    value: Option<String>,
    column: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct CsvKeys {
    delimiter: Option<char>,
    #[serde(default)]
    decimal_comma: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ColumnKeys {
    from: String,
    scale: Option<f64>,
    offset: Option<f64>,
    unit: Option<String>,
    min: Option<f64>,
    max: Option<f64>,
    values: Option<BTreeMap<String, String>>,
    #[serde(rename = "type")]
    kind: Option<ColumnType>,
}

/// Where the machine's id comes from.
#[derive(Debug, Clone, PartialEq)]
enum MachineSource {
    Value(String),
    Column(String),
}

/// How one column of the readings is made.
#[derive(Debug, Clone, PartialEq)]
struct ColumnRule {
    target: String,
    from: String,
    kind: ColumnType,
    scale: f64,
    offset: f64,
    min: f64,
    max: f64,
    values: Option<BTreeMap<String, String>>,
}

/// A checked mapping, independent of any data file.
#[derive(Debug, Clone, PartialEq)]
pub struct Mapping {
    timestamp: String,
    format: TimeFormat,
    machine: MachineSource,
    columns: Vec<ColumnRule>,
    /// The constants as a piece of JSON that starts with a comma; empty if there are none.
    constants: String,
    delimiter: u8,
    decimal_comma: bool,
}

impl Mapping {
    /// Reads and checks the mapping file at `path`.
    pub fn load(path: &Path) -> Result<Self, MapError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| MapError::Read { path: path.to_owned(), source })?;
        Self::parse(&text)
    }

    /// Checks the text of a mapping file.
    pub fn parse(text: &str) -> Result<Self, MapError> {
        let file: MapFile = toml::from_str(text).map_err(|error| MapError::Syntax(one_line(text, &error)))?;
        let format = TimeFormat::new(file.timestamp.format.as_deref(), file.timestamp.offset.as_deref())?;
        let machine = match (file.machine_id.value, file.machine_id.column) {
            (Some(value), None) if !value.is_empty() => MachineSource::Value(value),
            (None, Some(column)) => MachineSource::Column(column),
            _ => return Err(MapError::key(MACHINE_ID, "give either `value` or `column`")),
        };
        let schema = ReadingSchema::default();
        let columns: Vec<ColumnRule> = file
            .columns
            .into_iter()
            .map(|(target, keys)| ColumnRule::new(target, keys, &schema))
            .collect::<Result<_, _>>()?;
        let mut constants = String::new();
        for (target, value) in &file.constants {
            if columns.iter().any(|rule| rule.target == *target) {
                return Err(MapError::key(format!("constants.{target}"), "is also under [columns]"));
            }
            constants += &constant(target, value, &schema)?;
        }
        let delimiter = match file.csv.delimiter {
            None => b',',
            Some(c) if c.is_ascii() && c != '"' && c != '\n' => c as u8,
            Some(c) => return Err(MapError::key("csv.delimiter", format!("`{c}` cannot separate fields"))),
        };
        let decimal_comma = file.csv.decimal_comma;
        if decimal_comma && delimiter == b',' {
            return Err(MapError::key("csv.decimal_comma", "needs another `delimiter` than the comma"));
        }
        let timestamp = file.timestamp.column;
        Ok(Self { timestamp, format, machine, columns, constants, delimiter, decimal_comma })
    }

    /// The mapping of a file whose columns already carry the names of the readings' columns, in its units.
    pub fn by_name() -> Self {
        let rule = |column: &Column| ColumnRule {
            target: column.name.clone(),
            from: column.name.clone(),
            kind: column.kind,
            scale: 1.0,
            offset: 0.0,
            min: f64::NEG_INFINITY,
            max: f64::INFINITY,
            values: None,
        };
        Self {
            timestamp: TIMESTAMP.into(),
            format: TimeFormat::default(),
            machine: MachineSource::Column(MACHINE_ID.into()),
            columns: ReadingSchema::default().sensors().iter().map(rule).collect(),
            constants: String::new(),
            delimiter: b',',
            decimal_comma: false,
        }
    }

    /// Keeps only the sensor columns that `headers` has, as a file without a map may lack some.
    pub fn restricted_to(mut self, headers: &[String]) -> Self {
        self.columns.retain(|rule| headers.contains(&rule.from));
        self
    }

    /// Whether anything is made of the file's column `name`.
    pub fn uses(&self, name: &str) -> bool {
        self.timestamp == name
            || matches!(&self.machine, MachineSource::Column(column) if column == name)
            || self.columns.iter().any(|rule| rule.from == name)
    }

    /// The byte between two fields of a CSV file.
    pub fn delimiter(&self) -> u8 {
        self.delimiter
    }

    /// Finds the mapping's columns among those of a data file.
    pub fn bind(&self, headers: &[String]) -> Result<Binding<'_>, MapError> {
        Binding::new(self, headers)
    }
}

impl ColumnRule {
    fn new(target: String, keys: ColumnKeys, schema: &ReadingSchema) -> Result<Self, MapError> {
        let error = |key: &str, reason: String| Err(MapError::key(format!("columns.{target}{key}"), reason));
        let known = schema.sensors().iter().find(|column| column.name == target);
        let kind = match (known, keys.kind) {
            (Some(column), None) => column.kind,
            (Some(column), Some(kind)) if column.kind == kind => kind,
            (Some(column), Some(_)) => {
                return error(".type", format!("this built-in column is {:?}", column.kind));
            }
            (None, Some(kind)) => {
                let extra = Column { name: target.clone(), kind, unit: String::new() };
                if let Err(bad) = ReadingSchema::with_extra(&[extra]) {
                    return error("", bad.to_string());
                }
                kind
            }
            (None, None) => return error("", "is not a built-in column: give its `type`".into()),
        };
        if let (Some(column), Some(unit)) = (known, &keys.unit)
            && column.unit != *unit
        {
            return error(".unit", format!("the reading's unit is `{}`, not `{unit}`", column.unit));
        }
        let numeric = matches!(kind, ColumnType::Float64 | ColumnType::Int64);
        let arithmetic = [keys.scale, keys.offset, keys.min, keys.max];
        if !numeric && arithmetic.iter().any(Option::is_some) {
            return error("", "scale, offset, min and max are for numbers only".into());
        }
        if arithmetic.iter().flatten().any(|number| !number.is_finite()) {
            return error("", "scale, offset, min and max must be finite".into());
        }
        if kind != ColumnType::Text && keys.values.is_some() {
            return error(".values", "is for text columns only".into());
        }
        let min = keys.min.unwrap_or(f64::NEG_INFINITY);
        let max = keys.max.unwrap_or(f64::INFINITY);
        if min > max {
            return error(".min", "is larger than `max`".into());
        }
        let (scale, offset) = (keys.scale.unwrap_or(1.0), keys.offset.unwrap_or(0.0));
        Ok(Self { target, from: keys.from, kind, scale, offset, min, max, values: keys.values })
    }
}

/// One constant as JSON: `,"name":value`.
fn constant(target: &str, value: &toml::Value, schema: &ReadingSchema) -> Result<String, MapError> {
    let key = || format!("constants.{target}");
    let kind = schema.sensors().iter().find(|column| column.name == target).map(|column| column.kind);
    let json = match (value, kind) {
        (toml::Value::String(text), None | Some(ColumnType::Text)) => serde_json::json!(text),
        (toml::Value::Boolean(state), None | Some(ColumnType::Boolean)) => serde_json::json!(state),
        (toml::Value::Integer(number), None | Some(ColumnType::Int64 | ColumnType::Float64)) => {
            serde_json::json!(number)
        }
        (toml::Value::Float(number), None | Some(ColumnType::Float64)) if number.is_finite() => {
            serde_json::json!(number)
        }
        (_, Some(kind)) => return Err(MapError::key(key(), format!("is not {kind:?}"))),
        _ => return Err(MapError::key(key(), "must be a number, a text or a truth value")),
    };
    if [TIMESTAMP, MACHINE_ID].contains(&target) {
        return Err(MapError::key(key(), format!("has a section of its own, [{target}]")));
    }
    Ok(format!(",{}:{json}", serde_json::json!(target)))
}

/// A TOML error as one line that names the line of the file.
fn one_line(text: &str, error: &toml::de::Error) -> String {
    let message = error.message().lines().next().unwrap_or_default();
    match error.span() {
        Some(span) => {
            let line = text.get(..span.start).unwrap_or_default().matches('\n').count() + 1;
            format!("line {line}: {message}")
        }
        None => message.to_owned(),
    }
}
