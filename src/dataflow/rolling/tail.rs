//! What of each machine's past later frames can reach.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, StructArray, new_empty_array};
use arrow::compute::{concat, take};
use arrow::datatypes::{DataType, Int64Type};
use arrow::row::{RowConverter, Rows, SortField};
use datafusion::common::{Result, internal_err};

use super::plan::{Reach, RollingPlan};
use super::stretch::Stretches;

/// Where a tail is a small part of the arrays that it was cut from, it is copied, so that they can go.
const MOST_SHARED: usize = 64;

/// A machine's rows: its tail, and behind it, while they are being evaluated, the rows released now.
#[derive(Debug)]
pub struct Machine {
    key: Box<[u8]>,
    /// Event times, ascending.
    pub times: Vec<i64>,
    /// The plan's inputs.
    pub inputs: Vec<ArrayRef>,
    /// Length of the arrays behind `inputs`.
    shared: usize,
}

/// The tails of all machines.
#[derive(Debug)]
pub struct Tails {
    plan: Arc<RollingPlan>,
    converter: RowConverter,
    slots: HashMap<Box<[u8]>, usize>,
    machines: Vec<Machine>,
    /// Slots without a machine.
    free: Vec<usize>,
    /// By event time.
    pub stretches: Stretches,
}

impl Tails {
    /// Tails of nothing.
    pub fn new(plan: &Arc<RollingPlan>) -> Result<Self> {
        let keys = plan.tail.iter().take(plan.keys.len());
        let converter = RowConverter::new(keys.map(|of| SortField::new(of.clone())).collect())?;
        Ok(Self {
            plan: Arc::clone(plan),
            converter,
            slots: HashMap::new(),
            machines: Vec::new(),
            free: Vec::new(),
            stretches: Stretches::default(),
        })
    }

    /// The keys of rows, as bytes.
    pub fn keys(&self, columns: &[ArrayRef]) -> Result<Rows> {
        Ok(self.converter.convert_columns(columns)?)
    }

    /// The slot of the machine with this key.
    pub fn slot(&mut self, key: &[u8]) -> usize {
        if let Some(&slot) = self.slots.get(key) {
            return slot;
        }
        let inputs = &self.plan.tail[self.plan.keys.len()..];
        let machine = Machine {
            key: key.into(),
            times: Vec::new(),
            inputs: inputs.iter().map(new_empty_array).collect(),
            shared: 0,
        };
        let slot = self.free.pop().unwrap_or(self.machines.len());
        match self.machines.get_mut(slot) {
            Some(place) => *place = machine,
            None => self.machines.push(machine),
        }
        self.slots.insert(key.into(), slot);
        slot
    }

    /// The machine in a slot.
    pub fn machine(&self, slot: usize) -> &Machine {
        &self.machines[slot]
    }

    /// Puts rows behind a machine's tail: their event times, and their inputs.
    pub fn append(
        &mut self,
        slot: usize,
        times: impl Iterator<Item = i64>,
        inputs: &[ArrayRef],
    ) -> Result<()> {
        let machine = &mut self.machines[slot];
        let before = machine.times.len();
        machine.times.extend(times);
        for (old, new) in machine.inputs.iter_mut().zip(inputs) {
            *old = concat(&[old.as_ref(), new.as_ref()])?;
        }
        machine.shared = machine.times.len();
        self.stretches.add(machine.times.len() - before);
        Ok(())
    }

    /// Forgets what of a machine no frame reaches any more, all rows before `watermark` having been given.
    pub fn trim(&mut self, slot: usize, watermark: i64) -> Result<()> {
        let machine = &mut self.machines[slot];
        let dead = beyond(self.plan.reach, &machine.times, watermark);
        if dead > 0 {
            for &ts in &machine.times[..dead] {
                self.stretches.remove(ts);
            }
            machine.times.drain(..dead);
            machine.times.shrink_to(2 * machine.times.len());
        }
        let left = machine.times.len();
        if left == 0 {
            if let Some(slot) = self.slots.remove(&machine.key) {
                self.free.push(slot);
            }
            machine.inputs.clear();
            machine.shared = 0;
            return Ok(());
        }
        let copied = machine.shared > 2 * left + MOST_SHARED;
        let rows = copied.then(|| Int64Array::from_iter_values(0..left as i64));
        for input in &mut machine.inputs {
            *input = input.slice(input.len() - left, left);
            if let Some(rows) = &rows {
                *input = take(input, rows, None)?;
            }
        }
        if copied {
            machine.shared = left;
        }
        Ok(())
    }

    /// Forgets what no frame reaches any more of all machines: also of those that are silent.
    pub fn trim_all(&mut self, watermark: i64) -> Result<()> {
        let mut slots: Vec<usize> = self.slots.values().copied().collect();
        slots.retain(|&slot| beyond(self.plan.reach, &self.machines[slot].times, watermark) > 0);
        slots.sort_unstable();
        slots.into_iter().try_for_each(|slot| self.trim(slot, watermark))
    }

    /// The rows with an event time from `from` to before `to`, machine by machine: columns of the tail's schema.
    pub fn between(&self, from: i64, to: i64) -> Result<StructArray> {
        let mut slots: Vec<usize> = self.slots.values().copied().collect();
        slots.sort_unstable();
        let mut times: Vec<i64> = Vec::new();
        let mut keys = Vec::new();
        let mut parts: Vec<Vec<ArrayRef>> = vec![Vec::new(); self.plan.inputs.len()];
        let parser = self.converter.parser();
        for slot in slots {
            let machine = &self.machines[slot];
            let start = machine.times.partition_point(|&ts| ts < from);
            let rows = machine.times[start..].partition_point(|&ts| ts < to);
            if rows == 0 {
                continue;
            }
            times.extend(&machine.times[start..start + rows]);
            keys.extend(std::iter::repeat_n(parser.parse(&machine.key), rows));
            for (part, input) in parts.iter_mut().zip(&machine.inputs) {
                part.push(input.slice(start, rows));
            }
        }
        let mut columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(times))];
        columns.extend(self.converter.convert_rows(keys)?);
        for (part, of) in parts.iter().zip(&self.plan.tail[self.plan.keys.len()..]) {
            let arrays: Vec<&dyn arrow::array::Array> = part.iter().map(AsRef::as_ref).collect();
            columns.push(if arrays.is_empty() { new_empty_array(of) } else { concat(&arrays)? });
        }
        Ok(StructArray::try_new(self.plan.tail_schema().fields().clone(), columns, None)?)
    }

    /// Takes back rows of [`Self::between`]. Stretches come in their order.
    pub fn put_back(&mut self, rows: &RecordBatch) -> Result<()> {
        let Some(times) = rows.column(0).as_primitive_opt::<Int64Type>() else {
            return internal_err!("a tail has no event times");
        };
        let (keys, inputs) = rows.columns()[1..].split_at(self.plan.keys.len());
        let keys = self.keys(keys)?;
        let mut start = 0;
        while start < rows.num_rows() {
            let key = keys.row(start);
            let run = (start..rows.num_rows()).take_while(|&row| keys.row(row) == key).count();
            let slot = self.slot(key.as_ref());
            let part: Vec<ArrayRef> = inputs.iter().map(|input| input.slice(start, run)).collect();
            let of_run = &times.values()[start..start + run];
            let machine = &mut self.machines[slot];
            machine.times.extend(of_run);
            for (old, new) in machine.inputs.iter_mut().zip(&part) {
                *old = concat(&[old.as_ref(), new.as_ref()])?;
            }
            machine.shared = machine.times.len();
            of_run.iter().for_each(|&ts| self.stretches.put_back(ts));
            start += run;
        }
        Ok(())
    }

    /// Bytes of memory held, roughly.
    pub fn memory(&self) -> usize {
        let fixed = |of: &DataType| of.primitive_width().unwrap_or(32);
        let row = 8 + self.plan.tail[self.plan.keys.len()..].iter().map(fixed).sum::<usize>();
        let machine = size_of::<Machine>() + 2 * 32 + self.plan.inputs.len() * 200;
        self.machines.iter().map(|m| m.times.capacity() * 8 + m.shared * (row - 8) + machine).sum()
    }
}

/// How many of a machine's first rows no frame of a later row reaches.
fn beyond(reach: Reach, times: &[i64], watermark: i64) -> usize {
    let by_rows = times.len().saturating_sub(reach.rows);
    let by_range = match reach.range {
        // Rows to come are at the watermark or later.
        Some(range) => times.partition_point(|&ts| ts < watermark.saturating_sub(range)),
        None => times.len(),
    };
    by_rows.min(by_range)
}
