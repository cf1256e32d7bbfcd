//! Timestamps as foreign files write them.

use chrono::format::{Item, StrftimeItems};
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, TimeZone};

use super::MapError;
use super::row::Cell;

/// How a file writes its event time, and the zone of times without one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TimeFormat {
    kind: Kind,
    /// East of UTC, seconds.
    offset: i32,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    /// RFC 3339 with or without zone; a plain number is epoch milliseconds.
    Auto,
    Rfc3339,
    EpochSeconds,
    EpochMillis,
    Pattern {
        pattern: String,
        zoned: bool,
    },
}

impl Default for TimeFormat {
    fn default() -> Self {
        Self { kind: Kind::Auto, offset: 0 }
    }
}

impl TimeFormat {
    pub(super) fn new(format: Option<&str>, offset: Option<&str>) -> Result<Self, MapError> {
        let kind = match format {
            None | Some("auto") => Kind::Auto,
            Some("rfc3339") => Kind::Rfc3339,
            Some("epoch_s") => Kind::EpochSeconds,
            Some("epoch_ms") => Kind::EpochMillis,
            Some(pattern) if pattern.contains('%') => {
                if StrftimeItems::new(pattern).any(|item| item == Item::Error) {
                    let reason = format!("`{pattern}` is not a strftime pattern");
                    return Err(MapError::key("timestamp.format", reason));
                }
                let zoned = ["%z", "%:z", "%#z", "%+"].iter().any(|mark| pattern.contains(mark));
                Kind::Pattern { pattern: pattern.to_owned(), zoned }
            }
            Some(other) => {
                let reason =
                    format!("`{other}` is none of auto, rfc3339, epoch_s, epoch_ms, a strftime pattern");
                return Err(MapError::key("timestamp.format", reason));
            }
        };
        let offset = match offset {
            None | Some("Z" | "UTC") => 0,
            Some(text) => text
                .parse::<FixedOffset>()
                .map_err(|_| MapError::key("timestamp.offset", format!("`{text}` is not like `+02:00`")))?
                .local_minus_utc(),
        };
        Ok(Self { kind, offset })
    }

    /// The cell's time in microseconds since the epoch, or `None` if it is not a time in the years 0..=9999.
    pub(super) fn read(&self, cell: Cell<'_>) -> Option<i64> {
        let time = match cell {
            Cell::Time(micros) => Some(micros),
            Cell::LocalTime(micros) => micros.checked_sub(i64::from(self.offset) * 1_000_000),
            Cell::Int(number) => self.scale().and_then(|scale| number.checked_mul(scale)),
            Cell::Number(number) => self.scale().map(|scale| (number * scale as f64).round() as i64),
            Cell::Text(text) => self.read_text(text.trim()),
            Cell::Null | Cell::Bool(_) => None,
        };
        let years = -62_167_219_200_000_000..253_402_300_800_000_000;
        time.filter(|micros| years.contains(micros))
    }

    /// Microseconds in one unit of a plain number.
    fn scale(&self) -> Option<i64> {
        match self.kind {
            Kind::Auto | Kind::EpochMillis => Some(1_000),
            Kind::EpochSeconds => Some(1_000_000),
            Kind::Rfc3339 | Kind::Pattern { .. } => None,
        }
    }

    fn read_text(&self, text: &str) -> Option<i64> {
        let number = || {
            let scale = self.scale()?;
            match text.parse::<i64>() {
                Ok(number) => number.checked_mul(scale),
                Err(_) => {
                    let number: f64 = text.parse().ok()?;
                    number.is_finite().then_some((number * scale as f64).round() as i64)
                }
            }
        };
        match &self.kind {
            Kind::Auto => self.rfc3339(text).or_else(number),
            Kind::Rfc3339 => self.rfc3339(text),
            Kind::EpochSeconds | Kind::EpochMillis => number(),
            Kind::Pattern { pattern, zoned: true } => {
                DateTime::parse_from_str(text, pattern).ok().map(|time| time.timestamp_micros())
            }
            Kind::Pattern { pattern, zoned: false } => NaiveDateTime::parse_from_str(text, pattern)
                .ok()
                .or_else(|| NaiveDate::parse_from_str(text, pattern).ok()?.and_hms_opt(0, 0, 0))
                .and_then(|local| self.local(local)),
        }
    }

    fn rfc3339(&self, text: &str) -> Option<i64> {
        if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            return Some(time.timestamp_micros());
        }
        ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"]
            .iter()
            .find_map(|pattern| NaiveDateTime::parse_from_str(text, pattern).ok())
            .and_then(|local| self.local(local))
    }

    fn local(&self, local: NaiveDateTime) -> Option<i64> {
        let zone = FixedOffset::east_opt(self.offset)?;
        zone.from_local_datetime(&local).single().map(|time| time.timestamp_micros())
    }
}
