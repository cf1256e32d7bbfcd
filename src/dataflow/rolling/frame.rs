//! Frames: which rows of a machine a function sees.

use std::ops::Range;

use datafusion::logical_expr::{WindowFrame, WindowFrameBound, WindowFrameUnits};
use datafusion::scalar::ScalarValue;

use super::refuse::Refused;

/// The rows that a function sees from a row of its machine. Bounded on both sides, and never ahead of the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame {
    /// From `from` to `to` rows before.
    Rows { from: usize, to: usize },
    /// From `from` to `to` microseconds before. Rows of one event time are in it together.
    Range { from: i64, to: i64 },
}

impl Frame {
    /// The frame as SQL has it, or why it cannot be one of a stream.
    pub fn of(frame: &WindowFrame) -> Result<Self, Refused> {
        let empty = || Refused::new("the frame ends before it begins", None);
        match frame.units {
            WindowFrameUnits::Rows => {
                let (from, to) = (rows(&frame.start_bound)?, rows(&frame.end_bound)?);
                if from < to { Err(empty()) } else { Ok(Self::Rows { from, to }) }
            }
            WindowFrameUnits::Range => {
                let (from, to) = (length(&frame.start_bound)?, length(&frame.end_bound)?);
                if from < to { Err(empty()) } else { Ok(Self::Range { from, to }) }
            }
            WindowFrameUnits::Groups => {
                Err(Refused::new("a GROUPS frame is not possible on a stream", Some("use ROWS or RANGE")))
            }
        }
    }

    /// The frame of the row `at` among a machine's rows, whose event times are `times`, ascending.
    pub fn at(self, times: &[i64], at: usize) -> Range<usize> {
        let (start, end) = match self {
            Self::Rows { from, to } => (at.saturating_sub(from), (at + 1).saturating_sub(to)),
            Self::Range { from, to } => {
                let (first, last) = (times[at].saturating_sub(from), times[at].saturating_sub(to));
                (times.partition_point(|&ts| ts < first), times.partition_point(|&ts| ts <= last))
            }
        };
        start.min(end)..end
    }
}

/// What stands on the other side of a bound that looks back: it is the same for ROWS and RANGE.
fn back(bound: &WindowFrameBound) -> Result<Option<&ScalarValue>, Refused> {
    match bound {
        WindowFrameBound::CurrentRow => Ok(None),
        WindowFrameBound::Preceding(value) if value.is_null() => Err(Refused::new(
            "without a frame, or with UNBOUNDED PRECEDING, it reaches back to the first row that there ever was",
            Some("write a frame, such as RANGE BETWEEN INTERVAL '5 minutes' PRECEDING AND CURRENT ROW"),
        )),
        WindowFrameBound::Preceding(value) => Ok(Some(value)),
        WindowFrameBound::Following(_) => Err(Refused::new(
            "the frame reaches to FOLLOWING rows, and these have not come yet",
            Some("end the frame at CURRENT ROW"),
        )),
    }
}

fn rows(bound: &WindowFrameBound) -> Result<usize, Refused> {
    match back(bound)? {
        None => Ok(0),
        Some(ScalarValue::UInt64(Some(rows))) => Ok(usize::try_from(*rows).unwrap_or(usize::MAX)),
        Some(other) => Err(Refused::new(format!("ROWS wants a number of rows, not {other}"), None)),
    }
}

/// Microseconds.
fn length(bound: &WindowFrameBound) -> Result<i64, Refused> {
    const DAY: i64 = 86_400_000_000;
    let Some(value) = back(bound)? else { return Ok(0) };
    let micros = match value {
        ScalarValue::IntervalMonthDayNano(Some(v)) if v.months != 0 => {
            return Err(Refused::new("RANGE: a month has no fixed length", Some("use days")));
        }
        ScalarValue::IntervalMonthDayNano(Some(v)) if v.nanoseconds % 1_000 == 0 => {
            i64::from(v.days).checked_mul(DAY).and_then(|days| days.checked_add(v.nanoseconds / 1_000))
        }
        _ => None,
    };
    match micros {
        Some(length) if length >= 0 => Ok(length),
        _ => Err(Refused::new(
            format!("RANGE wants an interval of whole microseconds that is not negative, not {value}"),
            Some("such as RANGE BETWEEN INTERVAL '5 minutes' PRECEDING AND CURRENT ROW"),
        )),
    }
}
