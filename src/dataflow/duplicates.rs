//! Readings that came before: the same machine and the same event time, which a producer that delivers at least once
//! sends again when an answer was lost.
//!
//! Each machine's event times are remembered for `horizon` behind its newest one. Whether a reading is a duplicate depends
//! on the readings before it alone, so it is the same live, restored and in a backtest. The first of them counts.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use arrow::array::TimestampMicrosecondArray;
use arrow::array::{ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use datafusion::common::{Result, internal_err};

use super::operator::{Chunk, OperatorState};
use crate::schema::MACHINE_ID;

/// Chunks of the state into which a horizon is cut.
const CHUNKS: i64 = 8;

/// The event times seen of late.
#[derive(Debug)]
pub(super) struct Seen {
    horizon: i64,
    machines: HashMap<Box<str>, VecDeque<i64>>,
    /// Chunks with a time that was not in the last checkpoint.
    changed: BTreeSet<i64>,
}

impl Seen {
    pub(super) fn new(horizon: i64) -> Self {
        Self { horizon: horizon.max(1), machines: HashMap::new(), changed: BTreeSet::new() }
    }

    fn chunk_of(&self, ts: i64) -> i64 {
        ts.div_euclid((self.horizon / CHUNKS).max(1))
    }

    /// Whether each reading is new; `None` where all are. Readings older than the horizon are taken for new.
    pub(super) fn look(
        &mut self,
        machines: &StringArray,
        times: &TimestampMicrosecondArray,
    ) -> Option<BooleanArray> {
        let mut repeated = Vec::new();
        for row in 0..times.len() {
            let ts = times.value(row);
            let machine = machines.value(row);
            let new = match self.machines.get_mut(machine) {
                Some(seen) => remember(seen, ts, self.horizon),
                None => {
                    self.machines.insert(machine.into(), VecDeque::from([ts]));
                    true
                }
            };
            if new {
                let chunk = self.chunk_of(ts);
                self.changed.insert(chunk);
            } else {
                repeated.push(row);
            }
        }
        if repeated.is_empty() {
            return None;
        }
        let mut new = vec![true; times.len()];
        repeated.iter().for_each(|&row| new[row] = false);
        Some(BooleanArray::from(new))
    }

    pub(super) fn schema() -> SchemaRef {
        Arc::new(Schema::new(vec![
            Field::new(MACHINE_ID, DataType::Utf8, false),
            Field::new("ts", DataType::Int64, false),
        ]))
    }

    /// The times, a chunk for each stretch of event time.
    pub(super) fn state(&mut self, all: bool) -> Result<OperatorState> {
        let mut rows: BTreeMap<i64, Vec<(&str, i64)>> = BTreeMap::new();
        let mut alive: BTreeSet<i64> = BTreeSet::new();
        for (machine, seen) in &self.machines {
            for &ts in seen {
                let chunk = self.chunk_of(ts);
                alive.insert(chunk);
                if all || self.changed.contains(&chunk) {
                    rows.entry(chunk).or_default().push((machine, ts));
                }
            }
        }
        let mut chunks = BTreeMap::new();
        for chunk in alive {
            let state = match rows.remove(&chunk) {
                None => Chunk::Unchanged,
                Some(mut rows) => {
                    rows.sort_unstable();
                    let machines: StringArray = rows.iter().map(|row| Some(row.0)).collect();
                    let times: Int64Array = rows.iter().map(|row| Some(row.1)).collect();
                    let columns: Vec<ArrayRef> = vec![Arc::new(machines), Arc::new(times)];
                    Chunk::Changed(RecordBatch::try_new(Self::schema(), columns)?)
                }
            };
            chunks.insert(chunk, state);
        }
        self.changed.clear();
        // The numbers of the chunks hang on the horizon.
        Ok(OperatorState { marks: serde_json::json!({ "horizon": self.horizon }), chunks })
    }

    /// What another one saw, with a horizon that may have been another.
    pub(super) fn restore(
        horizon: i64,
        marks: &serde_json::Value,
        chunks: &BTreeMap<i64, RecordBatch>,
    ) -> Result<Self> {
        let mut seen = Self::new(horizon);
        for chunk in chunks.values() {
            let machines = chunk.column(0).as_string_opt::<i32>();
            let times = chunk.column(1).as_primitive_opt::<Int64Type>();
            let (Some(machines), Some(times)) = (machines, times) else {
                return internal_err!("the times seen are of another type");
            };
            for row in 0..chunk.num_rows() {
                let machine = seen.machines.entry(machines.value(row).into()).or_default();
                machine.push_back(times.value(row));
            }
        }
        for times in seen.machines.values_mut() {
            times.make_contiguous().sort_unstable();
        }
        if marks.get("horizon").and_then(serde_json::Value::as_i64) != Some(horizon) {
            // The chunks have other numbers now: all of them are to be written again.
            let times = seen.machines.values().flatten();
            seen.changed = times.map(|&ts| seen.chunk_of(ts)).collect();
        }
        Ok(seen)
    }

    pub(super) fn memory(&self) -> usize {
        let times: usize = self.machines.values().map(|seen| seen.capacity() * size_of::<i64>()).sum();
        times + self.machines.len() * 96
    }
}

/// Adds a time to those of its machine, in their order; gives whether it is new.
fn remember(seen: &mut VecDeque<i64>, ts: i64, horizon: i64) -> bool {
    match seen.back() {
        Some(&newest) if ts > newest => {
            seen.push_back(ts);
            while seen.front().is_some_and(|&oldest| oldest < ts - horizon) {
                seen.pop_front();
            }
            true
        }
        Some(&newest) if ts < newest - horizon => true,
        Some(_) => match seen.binary_search(&ts) {
            Ok(_) => false,
            Err(at) => {
                seen.insert(at, ts);
                true
            }
        },
        None => {
            seen.push_back(ts);
            true
        }
    }
}
