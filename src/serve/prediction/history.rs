//! Predictions of the past: the rows of every table with a column `probability`, by SQL.
//!
//! The tables are not known in advance, nor do they have the same columns: a stream says which model it used, or
//! not; it has windows, or not. So the columns are asked for first, and what a table lacks is left empty.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, TimestampMicrosecondType};
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};

use crate::archive::DATE;
use crate::schema::{MACHINE_ID, TIMESTAMP, WINDOW_TIME};
use crate::serve::convert::timestamp;
use crate::serve::proto;
use crate::serve::sql::{SqlEngine, SqlError, SqlErrorKind};
use crate::serve::statement::{clause, identifier, instant, quote, quoted};

/// Which predictions; the empty filter is all.
#[derive(Debug, Clone, Default)]
pub(super) struct ListFilter {
    pub(super) machines: Vec<String>,
    pub(super) id_prefix: String,
    pub(super) streams: Vec<String>,
    pub(super) min_probability: Option<f64>,
    pub(super) from: Option<i64>,
    pub(super) before: Option<i64>,
}

/// A prediction and its event time, in microseconds since the epoch.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Found {
    pub(super) time: i64,
    pub(super) prediction: proto::Prediction,
}

/// A place in the list: the newest first, those of one time by stream and machine. A query without windows may
/// have several rows of one machine and time; of those, `rows` are before the place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) time: i64,
    pub(super) stream: String,
    pub(super) machine: String,
    pub(super) rows: usize,
}

impl Place {
    fn is_of(&self, Found { time, prediction }: &Found) -> bool {
        (self.time, self.stream.as_str(), self.machine.as_str())
            == (*time, prediction.stream.as_str(), prediction.machine_id.as_str())
    }

    /// The place after the page `found`, which itself began at `before`; `None` after an empty page.
    pub(super) fn after(found: &[Found], before: Option<Self>) -> Option<Self> {
        let Found { time, prediction } = found.last()?;
        let (stream, machine) = (prediction.stream.clone(), prediction.machine_id.clone());
        let place = Self { time: *time, stream, machine, rows: 0 };
        let mut rows = found.iter().rev().take_while(|found| place.is_of(found)).count();
        if rows == found.len() {
            let of_the_page_before = before.filter(|before| found.last().is_some_and(|it| before.is_of(it)));
            rows += of_the_page_before.map_or(0, |before| before.rows);
        }
        Some(Self { rows, ..place })
    }
}

/// Up to `most` predictions from the place `after` on.
pub(super) async fn list(
    sql: &dyn SqlEngine,
    filter: &ListFilter,
    after: Option<&Place>,
    most: usize,
) -> Result<Vec<Found>, SqlError> {
    let tables = tables(sql).await?;
    let wanted = |stream: &str| filter.streams.is_empty() || filter.streams.iter().any(|it| it == stream);
    let selects = tables.iter().filter(|(stream, _)| wanted(stream));
    let selects: Vec<String> =
        selects.filter_map(|(stream, columns)| select(stream, columns, filter, after)).collect();
    let mut found = Vec::new();
    if selects.is_empty() {
        return Ok(found);
    }
    let skip = after.map_or(0, |place| place.rows);
    // The columns after the machine only make an order of rows that a place cannot tell apart.
    let statement = format!(
        "{} ORDER BY time DESC, stream, machine_id, window_end, model, model_version, predicted_class, probability \
         LIMIT {most} OFFSET {skip}",
        selects.join(" UNION ALL ")
    );
    for batch in &rows(sql, &statement).await? {
        read(batch, &mut found).ok_or_else(|| unexpected("predictions"))?;
    }
    Ok(found)
}

async fn rows(sql: &dyn SqlEngine, statement: &str) -> Result<Vec<RecordBatch>, SqlError> {
    sql.query(statement).await?.try_collect().await.map_err(SqlError::from)
}

fn unexpected(what: &str) -> SqlError {
    SqlError {
        kind: SqlErrorKind::Internal,
        message: format!("the {what} do not have the columns they should"),
        hint: None,
    }
}

/// The tables that hold predictions, and their columns.
async fn tables(sql: &dyn SqlEngine) -> Result<BTreeMap<String, BTreeSet<String>>, SqlError> {
    // Float64, as the live state has it: a column of that name that is no number is none of ours.
    let statement = "SELECT arrow_cast(table_name, 'Utf8') AS name, arrow_cast(column_name, 'Utf8') AS part
        FROM information_schema.columns WHERE table_name IN (
            SELECT table_name FROM information_schema.columns
            WHERE column_name = 'probability' AND data_type = 'Float64')";
    let mut tables: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for batch in &rows(sql, statement).await? {
        let text = |name: &str| batch.column_by_name(name)?.as_string_opt::<i32>();
        let (Some(names), Some(columns)) = (text("name"), text("part")) else {
            return Err(unexpected("tables"));
        };
        for (name, column) in names.iter().zip(columns).filter_map(|(name, column)| name.zip(column)) {
            tables.entry(name.to_owned()).or_default().insert(column.to_owned());
        }
    }
    Ok(tables)
}

/// The predictions of one table that meet `filter`; `None` where its rows are not of machines and times.
fn select(
    stream: &str,
    columns: &BTreeSet<String>,
    filter: &ListFilter,
    after: Option<&Place>,
) -> Option<String> {
    let time = [WINDOW_TIME, TIMESTAMP].into_iter().find(|name| columns.contains(*name))?;
    if !columns.contains(MACHINE_ID) {
        return None;
    }
    let text = |name: &str| {
        let value = if columns.contains(name) { name } else { "''" };
        format!("arrow_cast({value}, 'Utf8')")
    };
    let end = if columns.contains("window_end") { "window_end" } else { time };
    let as_time = |name: &str| format!("arrow_cast({name}, 'Timestamp(Microsecond, Some(\"UTC\"))')");
    let mut conditions = conditions(stream, time, filter, after);
    if columns.contains(DATE) {
        // Days that cannot have such rows are not even opened.
        let day = |micros: i64| format!("CAST({} AS DATE)", instant(micros));
        let last = filter.before.into_iter().chain(after.map(|place| place.time)).min();
        conditions.extend(filter.from.map(|from| format!("{DATE} >= {}", day(from))));
        conditions.extend(last.map(|last| format!("{DATE} <= {}", day(last))));
    }
    Some(format!(
        "SELECT arrow_cast({}, 'Utf8') AS stream, {} AS time, arrow_cast({MACHINE_ID}, 'Utf8') AS machine_id, probability,
            {} AS window_end, {} AS model, {} AS model_version, {} AS predicted_class FROM {}{}",
        quote(stream),
        as_time(time),
        as_time(end),
        text("model"),
        text("model_version"),
        text("predicted_class"),
        identifier(stream),
        clause(&conditions),
    ))
}

fn conditions(stream: &str, time: &str, filter: &ListFilter, after: Option<&Place>) -> Vec<String> {
    let mut conditions = Vec::new();
    if !filter.machines.is_empty() {
        conditions.push(format!("{MACHINE_ID} IN ({})", quoted(&filter.machines)));
    }
    if !filter.id_prefix.is_empty() {
        conditions.push(format!("starts_with({MACHINE_ID}, {})", quote(&filter.id_prefix)));
    }
    if let Some(least) = filter.min_probability {
        // NaN is greater than all numbers here.
        conditions.push(format!("probability >= {least:?} AND NOT isnan(probability)"));
    }
    conditions.extend(filter.from.map(|from| format!("{time} >= {}", instant(from))));
    conditions.extend(filter.before.map(|before| format!("{time} < {}", instant(before))));
    if let Some(place) = after {
        let at = instant(place.time);
        conditions.push(match stream.cmp(&place.stream) {
            std::cmp::Ordering::Less => format!("{time} < {at}"),
            std::cmp::Ordering::Greater => format!("{time} <= {at}"),
            std::cmp::Ordering::Equal => {
                let machine = quote(&place.machine);
                format!("({time} < {at} OR ({time} = {at} AND {MACHINE_ID} >= {machine}))")
            }
        });
    }
    conditions
}

/// Reads the rows of [`list`]; `None` where a column is missing or of another type.
fn read(batch: &RecordBatch, found: &mut Vec<Found>) -> Option<()> {
    let text = |name: &str| batch.column_by_name(name)?.as_string_opt::<i32>();
    let time = |name: &str| batch.column_by_name(name)?.as_primitive_opt::<TimestampMicrosecondType>();
    let (streams, machines) = (text("stream")?, text("machine_id")?);
    let (times, ends) = (time("time")?, time("window_end")?);
    let (models, versions, classes) = (text("model")?, text("model_version")?, text("predicted_class")?);
    let probabilities = batch.column_by_name("probability")?.as_primitive_opt::<Float64Type>()?;
    for row in 0..batch.num_rows() {
        let word = |of: &arrow::array::StringArray| {
            if of.is_valid(row) { of.value(row).to_owned() } else { String::new() }
        };
        let probability = probabilities.is_valid(row).then(|| probabilities.value(row));
        let prediction = proto::Prediction {
            stream: word(streams),
            probability: probability.filter(|probability| probability.is_finite()),
            model_version: word(versions),
            window_end: Some(timestamp(if ends.is_valid(row) { ends.value(row) } else { times.value(row) })),
            machine_id: word(machines),
            model: word(models),
            predicted_class: word(classes),
        };
        found.push(Found { time: times.value(row), prediction });
    }
    Some(())
}
