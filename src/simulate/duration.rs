//! Durations as people write them: `10s`, `5m`, `1h30m`, `1d`.

/// Microseconds of each unit a duration may be written in.
const UNITS: &[(&str, i64)] = &[
    ("ms", 1_000),
    ("s", 1_000_000),
    ("m", 60_000_000),
    ("h", 3_600_000_000),
    ("d", 86_400_000_000),
    ("w", 604_800_000_000),
];

/// A text that is not a duration.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a duration: write it as `10s`, `5m`, `1h30m` or `1d` (units ms, s, m, h, d, w)")]
pub struct DurationError(String);

/// Reads a duration, such as `1h30m`, as microseconds. It is whole numbers with units, largest range
/// 292,000 years, and is never zero.
pub fn parse_duration(text: &str) -> Result<i64, DurationError> {
    let bad = || DurationError(text.to_owned());
    let mut rest = text.trim();
    let mut total = 0i64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let number: i64 = number.parse().map_err(|_| bad())?;
        let (_, scale) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(bad)?;
        total = number.checked_mul(*scale).and_then(|part| total.checked_add(part)).ok_or_else(bad)?;
        rest = after;
    }
    if total == 0 { Err(bad()) } else { Ok(total) }
}
