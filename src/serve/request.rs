//! What the requests of all services have in common: sizes, times, intervals, page tokens.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tonic::Status;

use super::error::invalid;

/// Page size where the client does not say.
const PAGE: u32 = 100;
/// Largest page.
const LARGEST_PAGE: u32 = 1_000;
/// Least time between two messages of a watch, where the client does not say.
const MIN_INTERVAL: Duration = Duration::from_millis(100);
/// Longest such time: more is a mistake of unit, not a wish.
const LONGEST_INTERVAL: Duration = Duration::from_secs(3600);
/// The years 1 to 9999, in seconds since the epoch: what a Timestamp may hold.
const SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// Entries of a page: `page_size` of a request.
pub(crate) fn page_size(asked: u32) -> Result<usize, Status> {
    bounded("page_size", asked, PAGE, LARGEST_PAGE)
}

/// A number of things: `default` if the client asks for 0, at most `most`.
pub(crate) fn bounded(field: &str, asked: u32, default: u32, most: u32) -> Result<usize, Status> {
    match asked {
        0 => Ok(default as usize),
        _ if asked <= most => Ok(asked as usize),
        _ => Err(invalid(
            field,
            format!("`{field}` is {asked}: it must be from 1 to {most}, or 0 for {default}"),
        )),
    }
}

/// The least time between two messages: `min_interval` of a watch.
pub(crate) fn min_interval(asked: Option<prost_types::Duration>) -> Result<Duration, Status> {
    let Some(asked) = asked else { return Ok(MIN_INTERVAL) };
    let asked = Duration::try_from(asked).ok().filter(|asked| *asked <= LONGEST_INTERVAL);
    asked.ok_or_else(|| invalid("min_interval", "`min_interval` must be between 0 and 3600 seconds"))
}

/// Microseconds since the epoch.
pub(crate) fn micros(field: &str, time: &prost_types::Timestamp) -> Result<i64, Status> {
    if SECONDS.contains(&time.seconds) && (0..1_000_000_000).contains(&time.nanos) {
        return Ok(time.seconds * 1_000_000 + i64::from(time.nanos) / 1_000);
    }
    Err(invalid(field, format!("`{field}` is no time between the years 1 and 9999")))
}

/// A page token out of whatever says where the next page begins. Clients are not meant to read it.
pub(crate) fn token(position: &impl Serialize) -> Result<String, Status> {
    let json = serde_json::to_vec(position);
    let json = json.map_err(|error| Status::internal(format!("the next page has no token: {error}")))?;
    Ok(json.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Reads back what [`token`] made; `None` for the first page.
pub(crate) fn position<P: DeserializeOwned>(token: &str) -> Result<Option<P>, Status> {
    if token.is_empty() {
        return Ok(None);
    }
    let digits = |at: usize| u8::from_str_radix(token.get(at..at + 2)?, 16).ok();
    let bytes: Option<Vec<u8>> = (0..token.len()).step_by(2).map(digits).collect();
    let position = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    position.map(Some).ok_or_else(|| {
        invalid("page_token", "`page_token` is not the `next_page_token` of an answer of this method")
    })
}
