//! One message's values, whatever its format, and what makes them a reading.

use std::collections::HashMap;

use arrow::compute::kernels::cast_utils::string_to_datetime;
use arrow::datatypes::SchemaRef;
use chrono::Utc;

use super::super::cell::{Cell, CellSeed, Given, Wanted};
use super::super::dead::Reason;
use crate::schema::{ColumnType, MACHINE_ID, ReadingSchema, TIMESTAMP};

/// 1900-01-01 and 10000-01-01, microseconds: no plant has readings outside.
const EARLIEST: i64 = -2_208_988_800_000_000;
const LATEST: i64 = 253_402_300_800_000_000;
/// The longest `machine_id`, in bytes.
const LONGEST_ID: usize = 256;

/// Why a message is not a reading, and the detail.
pub(super) type Fault = (Reason, String);

/// What a key of a message stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Timestamp,
    MachineId,
    Sensor(usize),
    Unknown,
}

/// Names and types of a reading's columns.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) schema: SchemaRef,
    pub(super) sensors: Vec<(String, ColumnType)>,
    by_name: HashMap<String, Key>,
}

impl Layout {
    pub(super) fn new(schema: &ReadingSchema) -> Self {
        let sensors: Vec<_> = schema.sensors().iter().map(|c| (c.name.clone(), c.kind)).collect();
        let mut by_name: HashMap<String, Key> =
            sensors.iter().enumerate().map(|(i, (name, _))| (name.clone(), Key::Sensor(i))).collect();
        by_name.insert(TIMESTAMP.into(), Key::Timestamp);
        by_name.insert(MACHINE_ID.into(), Key::MachineId);
        Self { schema: schema.arrow(), sensors, by_name }
    }

    /// What `name` stands for.
    pub(super) fn key(&self, name: &str) -> Key {
        self.by_name.get(name).copied().unwrap_or(Key::Unknown)
    }

    /// How the value of `key` is read; `None` for a key that is no column.
    pub(super) fn seed(&self, key: Key) -> Option<CellSeed<'_>> {
        Some(match key {
            Key::Timestamp => CellSeed { name: TIMESTAMP, wanted: Wanted::Instant },
            Key::MachineId => CellSeed { name: MACHINE_ID, wanted: Wanted::Id },
            Key::Sensor(i) => {
                let (name, kind) = &self.sensors[i];
                CellSeed { name, wanted: Wanted::Value(*kind) }
            }
            Key::Unknown => return None,
        })
    }
}

/// One message's values.
#[derive(Debug, Default)]
pub(super) struct Row<'a> {
    pub(super) timestamp: Cell<'a>,
    pub(super) machine_id: Cell<'a>,
    pub(super) sensors: Vec<Cell<'a>>,
    /// How many keys of the message are no column.
    pub(super) unknown: u64,
}

impl<'a> Row<'a> {
    pub(super) fn clear(&mut self) {
        self.timestamp = Cell::Null;
        self.machine_id = Cell::Null;
        self.sensors.fill(Cell::Null);
        self.unknown = 0;
    }

    /// Puts a value where it belongs, if it has the type of its column. A key that is no column is counted.
    pub(super) fn set(&mut self, layout: &Layout, key: Key, given: Given<'a>) -> Result<(), Fault> {
        let Some(seed) = layout.seed(key) else {
            self.unknown += 1;
            return Ok(());
        };
        let cell = seed.given(given).map_err(|error| (Reason::WrongType, error.to_string()))?;
        match key {
            Key::Timestamp => self.timestamp = cell,
            Key::MachineId => self.machine_id = cell,
            Key::Sensor(i) => self.sensors[i] = cell,
            Key::Unknown => {}
        }
        Ok(())
    }

    /// Whether the row is a reading; gives its event time. `received` is the message's own time; microseconds.
    pub(super) fn check(&self, received: i64, max_skew: i64) -> Result<i64, Fault> {
        let timestamp = event_time(&self.timestamp)?;
        if timestamp.saturating_sub(received) > max_skew {
            let ahead = (timestamp - received) / 1_000_000;
            return Err((Reason::FutureTimestamp, format!("{ahead} s ahead of the message's own time")));
        }
        match &self.machine_id {
            Cell::Null => Err((Reason::NoMachineId, "`machine_id` is missing".into())),
            Cell::Text(id) if id.is_empty() => Err((Reason::NoMachineId, "`machine_id` is empty".into())),
            Cell::Text(id) if id.len() > LONGEST_ID => {
                Err((Reason::NoMachineId, format!("`machine_id` is longer than {LONGEST_ID} bytes")))
            }
            _ => Ok(timestamp),
        }
    }
}

/// Event time in microseconds of what stands under `timestamp`.
fn event_time(cell: &Cell) -> Result<i64, Fault> {
    let bad = |why: String| (Reason::BadTimestamp, why);
    let micros = match cell {
        Cell::Null => return Err((Reason::NoTimestamp, "`timestamp` is missing".into())),
        Cell::Micros(micros) => Some(*micros),
        Cell::Int(millis) => millis.checked_mul(1_000),
        Cell::Float(millis) if millis.is_finite() => Some((millis * 1_000.0).round() as i64),
        Cell::Text(text) => {
            // A date alone would be read as midnight, which nobody measured.
            let full = text.len() >= 19 && matches!(text.as_bytes()[10], b'T' | b't' | b' ');
            let parsed = full.then(|| string_to_datetime(&Utc, text).ok()).flatten();
            let parsed = parsed.ok_or_else(|| bad(format!("`timestamp` is no instant: {:.40}", text)))?;
            Some(parsed.timestamp_micros())
        }
        _ => None,
    };
    match micros {
        Some(micros) if (EARLIEST..LATEST).contains(&micros) => Ok(micros),
        _ => Err(bad("`timestamp` is outside the years 1900 to 9999".into())),
    }
}
