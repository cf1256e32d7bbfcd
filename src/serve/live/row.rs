//! From a batch to the newest row of each machine in it.
//!
//! A batch of 8,000 readings may hold 40 rows of each of 200 machines, or one of each of 8,000. Only the two
//! columns that decide are walked row by row; the newest rows are then taken column by column.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Weak};

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray, UInt32Array,
};
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, Float64Type, Schema, TimestampMicrosecondType};
use arrow::error::ArrowError;
use chrono::{DateTime, SecondsFormat};

use crate::schema::{KAFKA_OFFSET, KAFKA_PARTITION, MACHINE_ID, TIMESTAMP, WINDOW_TIME, timestamp_type};
use crate::serve::convert;
use crate::serve::proto;

/// Rows that lie together. A machine that falls silent keeps its whole chunk in memory, about 50 kB of
/// readings; smaller chunks cost the writers more.
const CHUNK: usize = 256;

/// The names of the columns of a stream, and where those of a prediction are.
#[derive(Debug)]
struct Names {
    names: Vec<String>,
    probability: Option<usize>,
    predicted_class: Option<usize>,
    model: Option<usize>,
    model_version: Option<usize>,
    window_end: Option<usize>,
}

/// The newest rows of some machines.
#[derive(Debug)]
struct Chunk {
    names: Arc<Names>,
    columns: Vec<Column>,
}

/// The values of one column.
#[derive(Debug)]
enum Column {
    Number(Float64Array),
    Text(StringArray),
    Time(TimestampMicrosecondArray),
}

/// One value.
enum Value<'a> {
    Number(f64),
    Text(&'a str),
    /// Microseconds since the epoch.
    Time(i64),
}

/// The newest row of one machine in one stream.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// Event time, microseconds since the epoch.
    pub(super) time: i64,
    chunk: Arc<Chunk>,
    index: usize,
}

/// Which row it was, without keeping its values in memory. The place of a chunk is not given to another one while
/// a mark points there, so a mark never stands for two rows.
#[derive(Debug, Clone)]
pub(super) struct Mark {
    chunk: Weak<Chunk>,
    index: usize,
}

/// Where the newest row of a machine is in a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pick {
    /// Index of the row. Of rows with the same event time the last counts: it is the newest revision.
    pub(super) row: usize,
    /// How many rows of the machine there are.
    pub(super) rows: u64,
}

/// The newest rows of a batch.
pub(super) struct Newest {
    ids: StringArray,
    /// One for each machine, in the order in which they first appear.
    pub(super) picks: Vec<Pick>,
    /// Their rows, in the same order.
    pub(super) rows: Vec<Row>,
}

impl Newest {
    /// The newest row of each machine in `batch`; `None` if the stream is not one of machines: if it lacks
    /// `machine_id` or an event time.
    pub(super) fn of(batch: &RecordBatch) -> Result<Option<Self>, ArrowError> {
        let schema = batch.schema_ref();
        let event_time = [WINDOW_TIME, TIMESTAMP].into_iter().find(|name| schema.index_of(name).is_ok());
        let (Some(ids), Some((event_time, times))) = (
            batch.column_by_name(MACHINE_ID),
            event_time.and_then(|name| Some((name, batch.column_by_name(name)?))),
        ) else {
            return Ok(None);
        };
        if kind(ids.data_type()) != Some(Kind::Text) || kind(times.data_type()) != Some(Kind::Time) {
            return Ok(None);
        }
        let ids = as_type(ids, &DataType::Utf8)?.as_string::<i32>().clone();
        let times = as_type(times, &timestamp_type())?;
        let times = times.as_primitive::<TimestampMicrosecondType>();
        let valid = |row: usize| ids.is_valid(row) && times.is_valid(row);
        let picks = pick(batch.num_rows(), |row| valid(row).then(|| (ids.value(row), times.value(row))));
        let rows = gather(batch, event_time, &picks, times)?;
        Ok(Some(Self { ids, picks, rows }))
    }

    /// The id of the machine of `pick`.
    pub(super) fn id(&self, pick: &Pick) -> &str {
        self.ids.value(pick.row)
    }
}

/// The newest row of each machine among `rows` rows; `get` gives machine and event time, `None` for a row
/// that has not both.
fn pick<'a>(rows: usize, get: impl Fn(usize) -> Option<(&'a str, i64)>) -> Vec<Pick> {
    let mut slots: HashMap<&str, usize> = HashMap::new();
    let mut picks: Vec<Pick> = Vec::new();
    let mut newest: Vec<i64> = Vec::new();
    let mut last: Option<(&str, usize)> = None;
    for row in 0..rows {
        let Some((id, time)) = get(row) else { continue };
        // A run of rows of one machine, as windows give them, costs one look-up.
        let slot = match last {
            Some((same, slot)) if same == id => slot,
            _ => *slots.entry(id).or_insert_with(|| {
                picks.push(Pick { row, rows: 0 });
                newest.push(time);
                picks.len() - 1
            }),
        };
        last = Some((id, slot));
        picks[slot].rows += 1;
        if time >= newest[slot] {
            newest[slot] = time;
            picks[slot].row = row;
        }
    }
    picks
}

/// How a column is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Text,
    Time,
}

fn kind(data_type: &DataType) -> Option<Kind> {
    match data_type {
        DataType::Boolean => Some(Kind::Number),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Some(Kind::Text),
        DataType::Dictionary(_, value) => kind(value),
        DataType::Timestamp(_, _) => Some(Kind::Time),
        number if number.is_numeric() => Some(Kind::Number),
        _ => None,
    }
}

fn as_type(column: &ArrayRef, data_type: &DataType) -> Result<ArrayRef, ArrowError> {
    if column.data_type() == data_type { Ok(Arc::clone(column)) } else { cast(column, data_type) }
}

/// Whether a column is shown: not the key and the event time, which are known otherwise, nor where in Kafka
/// the row came from.
fn shown(name: &str, event_time: &str) -> bool {
    ![MACHINE_ID, KAFKA_PARTITION, KAFKA_OFFSET, event_time].contains(&name)
}

fn names(schema: &Schema, shown: &[usize]) -> Names {
    let position = |name: &str, wanted: fn(&DataType) -> bool| {
        shown.iter().position(|&column| {
            let field = schema.field(column);
            field.name() == name && wanted(field.data_type())
        })
    };
    Names {
        names: shown.iter().map(|&column| schema.field(column).name().clone()).collect(),
        probability: position("probability", |of| *of == DataType::Float64),
        predicted_class: position("predicted_class", |of| kind(of) == Some(Kind::Text)),
        model: position("model", |of| kind(of) == Some(Kind::Text)),
        model_version: position("model_version", |of| kind(of) == Some(Kind::Text)),
        window_end: position("window_end", |of| kind(of) == Some(Kind::Time)),
    }
}

/// Takes the picked rows out of the batch, which may then go.
fn gather(
    batch: &RecordBatch,
    event_time: &str,
    picks: &[Pick],
    times: &TimestampMicrosecondArray,
) -> Result<Vec<Row>, ArrowError> {
    let schema = batch.schema_ref();
    let (shown, kinds): (Vec<usize>, Vec<Kind>) = (0..schema.fields().len())
        .filter(|&column| shown(schema.field(column).name(), event_time))
        .filter_map(|column| Some((column, kind(schema.field(column).data_type())?)))
        .unzip();
    let names = Arc::new(names(schema, &shown));
    let mut rows = Vec::with_capacity(picks.len());
    for picks in picks.chunks(CHUNK) {
        let indices = UInt32Array::from_iter_values(picks.iter().map(|pick| pick.row as u32));
        let columns = shown.iter().zip(&kinds).map(|(&column, kind)| {
            let taken = take(batch.column(column), &indices, None)?;
            Column::of(&taken, *kind)
        });
        let columns = columns.collect::<Result<_, _>>()?;
        let chunk = Arc::new(Chunk { names: Arc::clone(&names), columns });
        rows.extend(picks.iter().enumerate().map(|(index, pick)| Row {
            time: times.value(pick.row),
            chunk: Arc::clone(&chunk),
            index,
        }));
    }
    Ok(rows)
}

impl Column {
    fn of(values: &ArrayRef, kind: Kind) -> Result<Self, ArrowError> {
        Ok(match kind {
            Kind::Number => {
                Self::Number(as_type(values, &DataType::Float64)?.as_primitive::<Float64Type>().clone())
            }
            Kind::Text => Self::Text(as_type(values, &DataType::Utf8)?.as_string::<i32>().clone()),
            Kind::Time => Self::Time(
                as_type(values, &timestamp_type())?.as_primitive::<TimestampMicrosecondType>().clone(),
            ),
        })
    }

    /// The value at `index`; `None` for NULL.
    fn get(&self, index: usize) -> Option<Value<'_>> {
        match self {
            Self::Number(column) => column.is_valid(index).then(|| Value::Number(column.value(index))),
            Self::Text(column) => column.is_valid(index).then(|| Value::Text(column.value(index))),
            Self::Time(column) => column.is_valid(index).then(|| Value::Time(column.value(index))),
        }
    }
}

impl Row {
    fn get(&self, column: Option<usize>) -> Option<Value<'_>> {
        self.chunk.columns[column?].get(self.index)
    }

    /// Whether the row is one of a prediction stream.
    pub(super) fn is_prediction(&self) -> bool {
        self.chunk.names.probability.is_some()
    }

    /// Probability of failure, if the row has one.
    pub(super) fn probability(&self) -> Option<f64> {
        match self.get(self.chunk.names.probability) {
            Some(Value::Number(probability)) if probability.is_finite() => Some(probability),
            _ => None,
        }
    }

    /// The row as the API gives it.
    pub(super) fn to_proto(&self) -> proto::Row {
        let mut values = BTreeMap::new();
        let mut texts = BTreeMap::new();
        for (name, column) in self.chunk.names.names.iter().zip(&self.chunk.columns) {
            match column.get(self.index) {
                None => {}
                Some(Value::Number(value)) => {
                    values.insert(name.clone(), value);
                }
                Some(Value::Text(text)) => {
                    texts.insert(name.clone(), text.to_owned());
                }
                Some(Value::Time(time)) => {
                    // A time beyond chrono's years (about ±262,000) has no RFC 3339 form: as good as unknown.
                    if let Some(time) = DateTime::from_timestamp_micros(time) {
                        texts.insert(name.clone(), time.to_rfc3339_opts(SecondsFormat::AutoSi, true));
                    }
                }
            }
        }
        proto::Row { timestamp: Some(convert::timestamp(self.time)), values, texts }
    }

    /// A mark by which the row is known again.
    pub(super) fn mark(&self) -> Mark {
        Mark { chunk: Arc::downgrade(&self.chunk), index: self.index }
    }

    /// Whether `mark` was made of this very row.
    pub(super) fn has_mark(&self, mark: &Mark) -> bool {
        std::ptr::eq(mark.chunk.as_ptr(), Arc::as_ptr(&self.chunk)) && mark.index == self.index
    }

    /// The row as a prediction of `stream` for the machine `machine_id`.
    pub(super) fn to_prediction(&self, stream: &str, machine_id: &str) -> proto::Prediction {
        let text = |column| match self.get(column) {
            Some(Value::Text(text)) => text.to_owned(),
            _ => String::new(),
        };
        let names = &self.chunk.names;
        let window_end = match self.get(self.chunk.names.window_end) {
            Some(Value::Time(end)) => end,
            _ => self.time,
        };
        proto::Prediction {
            stream: stream.to_owned(),
            probability: self.probability(),
            model_version: text(names.model_version),
            window_end: Some(convert::timestamp(window_end)),
            machine_id: machine_id.to_owned(),
            model: text(names.model),
            predicted_class: text(names.predicted_class),
        }
    }
}
