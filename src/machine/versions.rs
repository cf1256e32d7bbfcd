//! The machines of one partition, each with its versions: a temporal table, found by machine and event time.
//!
//! The problem: `machines.toml` changes while readings come, and yet the same readings must give the same rows when they
//! are taken up again after a crash, and in a backtest a year later. The way: a row of the table says what was true of a
//! machine from one event time of the partition on. It is made when the partition meets the machine, and again when a new
//! file says something else of it; it never changes, is part of the checkpoint and goes to the archive in the same epoch.
//!
//! ```text
//!                  event time of the partition ─▶
//! machine 7        ├──── version 1 ─────────────┼──── version 3 ────
//! machine 8        ├──── version 1 ─────────────────────────────────    the file said nothing new
//! machine 9        ├──── version 2, for all time ───────────────────    met after the first new file
//!                                               ▲ valid_from: after everything seen so far
//! ```
//!
//! Invariants:
//! - The first row of a machine holds for all time (`valid_from` is NULL), however late its readings come.
//! - A new version holds from after the newest event time, and after the watermark: no row that was given out before, of
//!   a reading or of a window, is as new. So which version a row meets follows from its event time alone.
//! - Of two rows of a machine with one `valid_from`, the one with the higher `version` counts: nothing came between them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::{
    Array, ArrayRef, AsArray, RecordBatch, StringArray, TimestampMicrosecondArray, UInt32Array,
    new_null_array,
};
use arrow::compute::{concat_batches, take, take_record_batch};
use arrow::datatypes::{FieldRef, Int64Type, Schema, TimestampMicrosecondType};
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use arrow::row::{RowConverter, SortField};
use bytes::Bytes;
// Several times faster on short texts than that of the standard library.
use datafusion::common::HashMap;

use super::Machines;
use super::columns::{KNOWN, VALID_FROM, VERSION, of_version, schema, version_schema};
use crate::schema::MACHINE_ID;

/// The machines of a partition, shared by the partition and the joins in its queries.
#[derive(Debug, Clone, Default)]
pub struct SharedVersions(Arc<Mutex<Versions>>);

impl SharedVersions {
    /// The machines, for one batch.
    pub fn lock(&self) -> MutexGuard<'_, Versions> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See the module.
#[derive(Debug)]
pub struct Versions {
    /// What the file says now.
    current: Arc<Machines>,
    /// All rows, in the order in which they were made ([`version_schema`]).
    rows: RecordBatch,
    index: HashMap<Box<str>, Held>,
    /// The newest version; 0 before the first row.
    version: i64,
    /// Rows that nobody has been told of.
    fresh: usize,
    /// Whether there are rows that are in no checkpoint.
    changed: bool,
}

/// The rows of a machine.
#[derive(Debug)]
struct Held {
    newest: u32,
    /// From when on the newest holds; `i64::MIN` for all time.
    since: i64,
    known: bool,
    /// The rows before, in the order of time, each with the time from which on it holds.
    older: Vec<(i64, u32)>,
}

impl Held {
    /// The first row of a machine.
    fn new(newest: u32, known: bool) -> Self {
        Self { newest, since: i64::MIN, known, older: Vec::new() }
    }

    fn at(&self, time: i64) -> u32 {
        if time >= self.since {
            return self.newest;
        }
        let older = self.older.iter().rfind(|(since, _)| time >= *since);
        older.map_or(self.newest, |(_, row)| *row)
    }

    /// A row that holds from `since` on, in place of one that has held from the same time on.
    fn put(&mut self, since: i64, row: u32, known: bool) {
        if since < self.since {
            match self.older.binary_search_by_key(&since, |(since, _)| *since) {
                Ok(same) => self.older[same].1 = row,
                Err(at) => self.older.insert(at, (since, row)),
            }
            return;
        }
        if since > self.since {
            self.older.push((self.since, self.newest));
        }
        (self.newest, self.since, self.known) = (row, since, known);
    }
}

impl Default for Versions {
    fn default() -> Self {
        Self {
            current: Arc::default(),
            rows: RecordBatch::new_empty(version_schema()),
            index: HashMap::new(),
            version: 0,
            fresh: 0,
            changed: true,
        }
    }
}

impl Versions {
    /// Meets the machines of readings, and counts the readings of those that the file does not know.
    pub fn meet(&mut self, machines: &StringArray) -> Result<u64, ArrowError> {
        let mut unknown = 0;
        let mut new: Vec<&str> = Vec::new();
        for machine in machines.iter().flatten() {
            match self.index.get(machine) {
                Some(held) => unknown += u64::from(!held.known),
                None => {
                    let known = self.current.machine(machine).1;
                    let row = self.next_row(new.len());
                    self.index.insert(machine.into(), Held::new(row, known));
                    new.push(machine);
                    unknown += u64::from(!known);
                }
            }
        }
        if !new.is_empty() {
            self.version = self.version.max(1);
            self.append(&self.current.rows(&new)?, None)?;
        }
        Ok(unknown)
    }

    /// Takes a file: what it says is true from after `now` on, which nothing that was given out has reached.
    pub fn set(&mut self, machines: &Arc<Machines>, now: Option<i64>) -> Result<(), ArrowError> {
        self.current = Arc::clone(machines);
        // In the order of their rows, so that equal histories give equal rows.
        let mut newest: Vec<(u32, &str)> = self.index.iter().map(|(id, held)| (held.newest, &**id)).collect();
        newest.sort_unstable();
        let ids: Vec<&str> = newest.iter().map(|(_, id)| *id).collect();
        let rows: UInt32Array = newest.iter().map(|(row, _)| Some(*row)).collect();
        let before: Vec<usize> = (0..schema().fields().len()).collect();
        let before = take_record_batch(&self.rows.project(&before)?, &rows)?;
        let after = machines.rows(&ids)?;
        let changed = differing(&before, &after)?;
        if changed.is_empty() {
            return Ok(());
        }
        let since = now.map(|now| now.saturating_add(1));
        let changed_ids: Vec<Box<str>> = changed.iter().map(|row| ids[*row as usize].into()).collect();
        for (number, id) in changed_ids.into_iter().enumerate() {
            let (row, known) = (self.next_row(number), machines.machine(&id).1);
            if let Some(held) = self.index.get_mut(&id) {
                held.put(since.unwrap_or(i64::MIN), row, known);
            }
        }
        self.version += 1;
        self.append(&take_record_batch(&after, &UInt32Array::from(changed))?, since)
    }

    /// The number of the row that is `ahead` of the next one.
    fn next_row(&self, ahead: usize) -> u32 {
        (self.rows.num_rows() + ahead) as u32
    }

    fn append(&mut self, rows: &RecordBatch, since: Option<i64>) -> Result<(), ArrowError> {
        let rows = of_version(rows, since, self.version)?;
        self.fresh += rows.num_rows();
        self.changed = true;
        self.rows = concat_batches(&version_schema(), [&self.rows, &rows])?;
        Ok(())
    }

    /// The rows since the last call ([`version_schema`]): who calls this gives them to the table.
    pub fn fresh(&mut self) -> Option<RecordBatch> {
        let fresh = std::mem::take(&mut self.fresh);
        (fresh > 0).then(|| self.rows.slice(self.rows.num_rows() - fresh, fresh))
    }

    /// The newest row of each machine ([`schema`]), in the order in which they were made.
    pub fn newest(&self) -> Result<RecordBatch, ArrowError> {
        let mut rows: Vec<u32> = self.index.values().map(|held| held.newest).collect();
        rows.sort_unstable();
        let columns: Vec<usize> = (0..schema().fields().len()).collect();
        take_record_batch(&self.rows.project(&columns)?, &UInt32Array::from(rows))
    }

    /// The columns with these numbers of the rows that hold for each machine at its time, microseconds.
    pub fn join(
        &mut self,
        machines: &StringArray,
        times: &TimestampMicrosecondArray,
        columns: &[usize],
    ) -> Result<Vec<ArrayRef>, ArrowError> {
        let mut rows = Vec::with_capacity(machines.len());
        for (row, time) in times.values().iter().enumerate() {
            let Some(held) = self.index.get(machines.value(row)) else {
                // Of a window whose readings came before there was a table of machines.
                self.meet(machines)?;
                return self.join(machines, times, columns);
            };
            rows.push(held.at(*time));
        }
        let rows = UInt32Array::from(rows);
        columns.iter().map(|column| take(self.rows.column(*column), &rows, None)).collect()
    }

    /// The table, for a checkpoint: an Arrow IPC stream. `None` where it is as it was when last asked for.
    pub fn state(&mut self) -> Result<Option<Bytes>, ArrowError> {
        if !std::mem::take(&mut self.changed) {
            return Ok(None);
        }
        let mut writer = StreamWriter::try_new(Vec::new(), &version_schema())?;
        writer.write(&self.rows)?;
        Ok(Some(writer.into_inner()?.into()))
    }

    /// Goes on from a checkpoint's table. What the file says must be [set](Self::set) again.
    pub fn restore(&mut self, state: &Bytes) -> Result<(), ArrowError> {
        let batches = StreamReader::try_new(state.as_ref(), None)?.collect::<Result<Vec<_>, _>>()?;
        self.take_rows(&batches)?;
        self.changed = false;
        Ok(())
    }

    /// Takes up rows that were made before, in their order. They may lack columns that there are by now.
    pub fn take_rows(&mut self, batches: &[RecordBatch]) -> Result<(), ArrowError> {
        let batches = batches.iter().map(aligned).collect::<Result<Vec<_>, _>>()?;
        let rows = concat_batches(&version_schema(), &batches)?;
        let column = |name: &str| rows.column_by_name(name).ok_or_else(|| missing(name));
        let ids = column(MACHINE_ID)?.as_string::<i32>();
        let known = column(KNOWN)?.as_boolean();
        let since = column(VALID_FROM)?.as_primitive::<TimestampMicrosecondType>();
        let versions = column(VERSION)?.as_primitive::<Int64Type>();
        let mut index: HashMap<Box<str>, Held> = HashMap::new();
        for (row, id) in ids.iter().flatten().enumerate() {
            let (newest, known) = (row as u32, known.value(row));
            let from = if since.is_null(row) { i64::MIN } else { since.value(row) };
            match index.get_mut(id) {
                Some(held) => held.put(from, newest, known),
                None => {
                    // Whatever its first row says: there is none before it.
                    index.insert(id.into(), Held::new(newest, known));
                }
            }
        }
        self.version = versions.iter().flatten().max().unwrap_or_default();
        (self.rows, self.index, self.fresh, self.changed) = (rows, index, 0, true);
        Ok(())
    }

    /// Bytes of memory, roughly.
    pub fn memory(&self) -> usize {
        const ENTRY: usize = 96;
        self.rows.get_array_memory_size() + self.index.len() * ENTRY
    }
}

/// The numbers of the rows that are not the same.
fn differing(before: &RecordBatch, after: &RecordBatch) -> Result<Vec<u32>, ArrowError> {
    let fields = schema().fields().iter().map(|field| SortField::new(field.data_type().clone())).collect();
    let converter = RowConverter::new(fields)?;
    let before = converter.convert_columns(before.columns())?;
    let after = converter.convert_columns(after.columns())?;
    Ok((0u32..)
        .zip(before.iter().zip(after.iter()))
        .filter(|(_, (b, a))| b != a)
        .map(|(row, _)| row)
        .collect())
}

/// The batch with the columns of [`version_schema`]; those that it lacks are NULL.
fn aligned(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let column = |field: &FieldRef| match batch.column_by_name(field.name()) {
        Some(column) => arrow::compute::cast(column, field.data_type()),
        None if field.is_nullable() => Ok(new_null_array(field.data_type(), batch.num_rows())),
        None => Err(missing(field.name())),
    };
    let schema: Arc<Schema> = version_schema();
    let columns = schema.fields().iter().map(column).collect::<Result<Vec<_>, _>>()?;
    RecordBatch::try_new(schema, columns)
}

fn missing(column: &str) -> ArrowError {
    ArrowError::SchemaError(format!("rows of machines have no column `{column}`"))
}
