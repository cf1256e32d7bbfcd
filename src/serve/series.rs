//! `GetSeries`: the course of a machine's values, reduced to what a chart can show.
//!
//! Where there are no more rows than points, every row is a point. Otherwise time is cut into slices of equal
//! length, and each slice that has rows gives mean, minimum and maximum. A slice is as long as one would read it off a
//! clock (1, 2, 5, 10, 15, 30 s, …) and begins at a multiple of its length since 1970: while a chart moves on with time,
//! its points stay where they are.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type, Schema};
use chrono::{DateTime, Days, NaiveDate, Utc};
use futures::TryStreamExt;
use tonic::Status;

use super::error::{invalid, of_field, with_hint};
use super::proto;
use super::request;
use super::sql::{SqlEngine, SqlError, SqlErrorKind};
use super::statement::{identifier, instant, quote};
use crate::archive::DATE;
use crate::schema::{MACHINE_ID, TIMESTAMP, WINDOW_TIME};

/// Columns in one answer at most.
const MOST_COLUMNS: usize = 20;
/// Points of each column where the client does not say.
const POINTS: u32 = 300;
/// Most points of each column.
const MOST_POINTS: u32 = 2_000;
/// Length of a series where the client does not say where it begins, microseconds.
const LENGTH: i64 = 15 * 60 * SECOND;
const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// What to ask of a table.
struct Course<'a> {
    sql: &'a dyn SqlEngine,
    /// The table, quoted.
    table: String,
    /// Its event time, quoted.
    time: String,
    /// Whether it is partitioned by `date`.
    dated: bool,
    /// The machine, quoted.
    machine: String,
    /// The columns as SQL expressions of type DOUBLE.
    values: Vec<String>,
}

/// Rows of a range, event times in microseconds.
struct Extent {
    rows: i64,
    first: i64,
    last: i64,
}

/// Answers a request.
pub(super) async fn series(
    sql: &dyn SqlEngine,
    request: proto::GetSeriesRequest,
) -> Result<proto::GetSeriesResponse, Status> {
    let proto::GetSeriesRequest { machine_id, table, columns, from, to, max_points } = request;
    let most = request::bounded("max_points", max_points, POINTS, MOST_POINTS)?;
    let micros = |field, time: Option<prost_types::Timestamp>| {
        time.map(|time| request::micros(field, &time)).transpose()
    };
    let (from, to) = (micros("from", from)?, micros("to", to)?);
    if machine_id.is_empty() {
        return Err(invalid("machine_id", "`machine_id` names the machine, as ListMachines gives it"));
    }
    if columns.is_empty() || columns.len() > MOST_COLUMNS {
        let message = format!("`columns` has {} names: it must have 1 to {MOST_COLUMNS}", columns.len());
        return Err(invalid("columns", message));
    }
    if let (Some(from), Some(to)) = (from, to)
        && from >= to
    {
        return Err(invalid("from", "`from` must be before `to`"));
    }
    let course = Course::of(sql, &machine_id, &table, &columns).await?;
    let to = match to {
        Some(to) => Some(to),
        None => course.newest(from).await?.map(|newest| newest.saturating_add(1)),
    };
    // Without a newest row there is no row at all.
    let points = match to {
        Some(to) => course.points(from.unwrap_or(to.saturating_sub(LENGTH)), to, most).await?,
        None => Points::default(),
    };
    Ok(points.into_proto(columns))
}

impl<'a> Course<'a> {
    /// Checks that the table and its columns are there.
    async fn of(
        sql: &'a dyn SqlEngine,
        machine: &str,
        table: &str,
        columns: &[String],
    ) -> Result<Self, Status> {
        let name = identifier(table);
        let empty = sql.query(&format!("SELECT * FROM {name} LIMIT 0")).await;
        let schema = match empty {
            Ok(rows) => rows.schema(),
            Err(SqlError { kind: SqlErrorKind::NotFound, .. }) => {
                let message =
                    with_hint(format!("there is no table `{table}`"), "SHOW TABLES lists the tables");
                return Err(of_field("table", Status::not_found(message)));
            }
            Err(error) => return Err(error.into()),
        };
        let time = [WINDOW_TIME, TIMESTAMP].into_iter().find(|name| schema.index_of(name).is_ok());
        let (Some(time), Ok(_)) = (time, schema.index_of(MACHINE_ID)) else {
            let message = format!("`table`: the rows of `{table}` are not those of machines");
            return Err(invalid("table", message));
        };
        let values = columns.iter().map(|column| number(&schema, table, column)).collect::<Result<_, _>>()?;
        Ok(Self {
            sql,
            table: name,
            time: identifier(time),
            dated: schema.index_of(DATE).is_ok(),
            machine: quote(machine),
            values,
        })
    }

    /// The event time of the machine's newest row, from `from` on.
    async fn newest(&self, from: Option<i64>) -> Result<Option<i64>, SqlError> {
        // The newest row of a plant that runs is one of today's: that spares the files of all other days.
        let yesterday = Utc::now().date_naive().checked_sub_days(Days::new(1));
        if self.dated
            && let Some(yesterday) = yesterday
        {
            let recent = format!("{} AND {DATE} >= DATE '{yesterday}'", self.rows(from, None));
            if let Some(Extent { last, .. }) = self.extent(&recent).await? {
                return Ok(Some(last));
            }
        }
        Ok(self.extent(&self.rows(from, None)).await?.map(|extent| extent.last))
    }

    /// What there is from `from` on and before `to`, in `most` points at most.
    async fn points(&self, from: i64, to: i64, most: usize) -> Result<Points, SqlError> {
        let rows = self.rows(Some(from), Some(to));
        let Some(Extent { rows: count, first, last }) = self.extent(&rows).await? else {
            return Ok(Points::default());
        };
        let time = micros(&self.time);
        if usize::try_from(count).is_ok_and(|count| count <= most) {
            let values = named(&self.values);
            // Rows may have come since they were counted.
            let statement = format!(
                "SELECT {time} AS t, {values} FROM {} WHERE {rows} ORDER BY 1 LIMIT {most}",
                self.table
            );
            return Points::read(0, &self.ask(&statement).await?, |column| [column; 3]);
        }
        let (step, origin) = slices(first, last, most);
        // Slices whose length is no whole number of months, so that plain numbers do: no interval is too long for them.
        let behind = format!("({time} - {origin})");
        let slice = format!("{origin} + {behind} - ({behind} % {step} + {step}) % {step}");
        let aggregates = |value: &String| ["avg", "min", "max"].map(|name| format!("{name}({value})"));
        let values: Vec<String> = self.values.iter().flat_map(aggregates).collect();
        let statement = format!(
            "SELECT {slice} AS t, {} FROM {} WHERE {rows} GROUP BY 1 ORDER BY 1 LIMIT {most}",
            named(&values),
            self.table
        );
        Points::read(step, &self.ask(&statement).await?, |column| {
            [3 * column, 3 * column + 1, 3 * column + 2]
        })
    }

    /// The condition on the machine's rows of a range.
    fn rows(&self, from: Option<i64>, to: Option<i64>) -> String {
        let mut condition = format!("{MACHINE_ID} = {}", self.machine);
        let mut and = |text: String| {
            condition.push_str(" AND ");
            condition.push_str(&text);
        };
        if let Some(from) = from {
            and(format!("{} >= {}", self.time, instant(from)));
            // Skips the files of other days without a look into them.
            if let (true, Some(day)) = (self.dated, day(from)) {
                and(format!("{DATE} >= DATE '{day}'"));
            }
        }
        if let Some(to) = to {
            and(format!("{} < {}", self.time, instant(to)));
            if let (true, Some(day)) = (self.dated, day(to)) {
                and(format!("{DATE} <= DATE '{day}'"));
            }
        }
        condition
    }

    async fn extent(&self, rows: &str) -> Result<Option<Extent>, SqlError> {
        let time = micros(&self.time);
        let statement = format!("SELECT count(*), min({time}), max({time}) FROM {} WHERE {rows}", self.table);
        for batch in self.ask(&statement).await? {
            let number = |column: usize| -> Result<Option<i64>, SqlError> {
                let column = typed(batch.column(column), &DataType::Int64)?;
                let column = column.as_primitive::<Int64Type>();
                Ok((batch.num_rows() > 0 && column.is_valid(0)).then(|| column.value(0)))
            };
            if let (Some(rows), Some(first), Some(last)) = (number(0)?, number(1)?, number(2)?) {
                return Ok(Some(Extent { rows, first, last }));
            }
        }
        Ok(None)
    }

    async fn ask(&self, statement: &str) -> Result<Vec<RecordBatch>, SqlError> {
        self.sql.query(statement).await?.try_collect().await.map_err(SqlError::from)
    }
}

/// The points of an answer.
#[derive(Debug, Default)]
struct Points {
    step: i64,
    times: Vec<i64>,
    /// Mean, minimum and maximum of each column.
    values: Vec<[Vec<f64>; 3]>,
}

impl Points {
    /// Reads rows of a time and values; `place` says which of the values are mean, minimum and maximum of a column.
    fn read(step: i64, rows: &[RecordBatch], place: impl Fn(usize) -> [usize; 3]) -> Result<Self, SqlError> {
        let mut points = Self { step, ..Self::default() };
        for batch in rows {
            let times = typed(batch.column(0), &DataType::Int64)?;
            points.times.extend_from_slice(times.as_primitive::<Int64Type>().values());
            let columns = (0..).map(&place).take_while(|[.., last]| *last + 1 < batch.num_columns());
            for (number, places) in columns.enumerate() {
                if points.values.len() == number {
                    points.values.push(Default::default());
                }
                for (values, place) in points.values[number].iter_mut().zip(places) {
                    let column = typed(batch.column(place + 1), &DataType::Float64)?;
                    let column = column.as_primitive::<Float64Type>();
                    values.extend(column.iter().map(|value| value.unwrap_or(f64::NAN)));
                }
            }
        }
        Ok(points)
    }

    fn into_proto(self, columns: Vec<String>) -> proto::GetSeriesResponse {
        let Self { step, times, values } = self;
        let mut values = values.into_iter();
        let series = columns.into_iter().map(|column| {
            let [mean, min, max] = values.next().unwrap_or_default();
            proto::Series { column, mean, min, max }
        });
        let series = series.collect();
        proto::GetSeriesResponse { times, step, series }
    }
}

/// Length of the slices, and a time at which one begins, so that the times from `first` to `last` lie in `most` slices
/// at most.
fn slices(first: i64, last: i64, most: usize) -> (i64, i64) {
    let range = last.saturating_sub(first).saturating_add(1);
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    if most <= 1 {
        // One slice that holds everything cannot begin at a round time.
        return (range, first);
    }
    let fits = |step: &i64| last.div_euclid(*step) - first.div_euclid(*step) < most;
    let below_a_second = (0..6).flat_map(|digits| [1, 2, 5].map(|digit| digit * 10_i64.pow(digits)));
    let sixtieths = [1, 2, 5, 10, 15, 30];
    let seconds = sixtieths.map(|seconds| seconds * SECOND);
    let minutes = sixtieths.map(|minutes| minutes * 60 * SECOND);
    let hours = [1, 2, 3, 6, 12].map(|hours| hours * 3_600 * SECOND);
    // 2^26 days are longer than all of time from the year 1 to 9999.
    let days = (0..27).map(|doublings| DAY << doublings);
    let round = below_a_second.chain(seconds).chain(minutes).chain(hours).chain(days).find(fits);
    (round.unwrap_or(range), 0)
}

/// The expression of a column as a number; an error if it is none.
fn number(schema: &Schema, table: &str, column: &str) -> Result<String, Status> {
    let Ok(field) = schema.field_with_name(column) else {
        let message = format!("`columns`: table `{table}` has no column `{column}`");
        return Err(invalid("columns", message));
    };
    let name = identifier(column);
    match field.data_type() {
        // A truth value has no mean; its 0 or 1 has.
        DataType::Boolean => Ok(format!("CAST(CAST({name} AS INT) AS DOUBLE)")),
        kind if kind.is_numeric() => Ok(format!("CAST({name} AS DOUBLE)")),
        kind => {
            let message = format!("`columns`: `{column}` of table `{table}` is no number but {kind}");
            Err(invalid("columns", message))
        }
    }
}

fn typed(column: &ArrayRef, kind: &DataType) -> Result<ArrayRef, SqlError> {
    cast(column, kind).map_err(|error| SqlError {
        kind: SqlErrorKind::Internal,
        message: format!("the series cannot be read: {error}"),
        hint: None,
    })
}

/// The expressions under names of their own: one may come twice, and SQL does not take two columns of one name.
fn named(values: &[String]) -> String {
    let named = values.iter().enumerate().map(|(at, value)| format!("{value} AS v{at}"));
    named.collect::<Vec<_>>().join(", ")
}

fn micros(time: &str) -> String {
    format!("arrow_cast({time}, 'Int64')")
}

fn day(micros: i64) -> Option<NaiveDate> {
    // Years that SQL cannot write skip no file.
    let day = DateTime::from_timestamp_micros(micros)?.date_naive();
    (NaiveDate::from_ymd_opt(1, 1, 1)? <= day && day <= NaiveDate::from_ymd_opt(9999, 12, 31)?).then_some(day)
}

#[cfg(test)]
mod tests;
