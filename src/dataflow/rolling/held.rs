//! Rows that wait for the watermark.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use arrow::array::{Array, RecordBatch, UInt32Array};
use arrow::compute::{interleave_record_batch, take_record_batch};
use datafusion::common::{Result, internal_err};

use super::stretch::Stretches;

/// Rows of batches that no longer wait, beyond which the batches are made smaller.
const MOST_DEAD: usize = 16_384;

/// Rows in the order of event time. They lie in the batches in which they came until the last one of a batch has gone.
#[derive(Debug, Default)]
pub struct Held {
    /// Batches by the number of arrival of their first row, with the number of their rows that still wait.
    batches: BTreeMap<i64, (RecordBatch, usize)>,
    /// Rows in these batches.
    rows: usize,
    /// Event time and number of arrival of each row that waits: the first one first.
    waiting: BinaryHeap<Reverse<(i64, i64)>>,
    /// Number of arrival of the next row.
    next: i64,
    /// By number of arrival.
    pub stretches: Stretches,
}

impl Held {
    /// Adds those rows of `batch` that `taken` gives: number and event time. `put_back` where they come from a
    /// checkpoint, as the rows of its next stretch.
    pub fn add(&mut self, batch: &RecordBatch, taken: impl Iterator<Item = (usize, i64)>, put_back: bool) {
        let first = self.next;
        let before = self.waiting.len();
        self.waiting.extend(taken.map(|(row, ts)| Reverse((ts, first + row as i64))));
        self.next += batch.num_rows() as i64;
        let added = self.waiting.len() - before;
        if added > 0 {
            self.batches.insert(first, (batch.clone(), added));
            self.rows += batch.num_rows();
        }
        if put_back {
            (0..added).for_each(|_| self.stretches.put_back(first));
        } else {
            self.stretches.add(added);
        }
    }

    /// The number of arrival that the next row will have.
    pub fn next(&self) -> i64 {
        self.next
    }

    /// Takes out all rows before `watermark`, with their event times: in the order of event time, and then of arrival.
    pub fn release(&mut self, watermark: i64) -> Result<Option<(RecordBatch, Vec<i64>)>> {
        let (mut times, mut arrivals) = (Vec::new(), Vec::new());
        while let Some(Reverse((ts, arrival))) = self.waiting.peek().copied()
            && (ts < watermark || watermark == i64::MAX)
        {
            self.waiting.pop();
            self.stretches.remove(arrival);
            times.push(ts);
            arrivals.push(arrival);
        }
        if times.is_empty() {
            return Ok(None);
        }
        let rows = self.gather(&arrivals)?;
        let mut at = 0;
        while let Some(&arrival) = arrivals.get(at) {
            // Neighbours are most often of one batch.
            let Some((&first, (batch, waiting))) = self.batches.range_mut(..=arrival).next_back() else {
                return internal_err!("row {arrival} is in no batch");
            };
            let end = first + batch.num_rows() as i64;
            let run = arrivals[at..].iter().take_while(|&&a| a >= first && a < end).count();
            *waiting = waiting.saturating_sub(run);
            at += run;
            if *waiting == 0 {
                self.rows -= batch.num_rows();
                self.batches.remove(&first);
            }
        }
        if self.rows > 2 * self.waiting.len() + MOST_DEAD {
            self.shrink()?;
        }
        if self.waiting.capacity() > 4 * self.waiting.len() + MOST_DEAD {
            self.waiting.shrink_to(2 * self.waiting.len());
        }
        Ok(Some((rows, times)))
    }

    /// The rows of these numbers of arrival, in this order.
    fn gather(&self, arrivals: &[i64]) -> Result<RecordBatch> {
        let firsts: Vec<i64> = self.batches.keys().copied().collect();
        let batches: Vec<&RecordBatch> = self.batches.values().map(|(batch, _)| batch).collect();
        let mut places = Vec::with_capacity(arrivals.len());
        let mut bounds = (0, i64::MAX, i64::MIN);
        for &arrival in arrivals {
            if arrival < bounds.1 || arrival >= bounds.2 {
                let at = firsts.partition_point(|&first| first <= arrival).saturating_sub(1);
                bounds = (at, firsts[at], firsts[at] + batches[at].num_rows() as i64);
            }
            places.push((bounds.0, (arrival - bounds.1) as usize));
        }
        // A whole batch in its own order, which is what comes of readings in order, need not be copied.
        if let Some(&(only, start)) = places.first()
            && places.iter().zip(start..).all(|(&place, row)| place == (only, row))
        {
            return Ok(batches[only].slice(start, places.len()));
        }
        Ok(interleave_record_batch(&batches, &places)?)
    }

    /// Rows that wait and came from `from` to before `to`, in the order of arrival.
    pub fn between(&self, from: i64, to: i64) -> Result<RecordBatch> {
        let mut arrivals: Vec<i64> = self
            .waiting
            .iter()
            .map(|Reverse((_, arrival))| *arrival)
            .filter(|a| (from..to).contains(a))
            .collect();
        arrivals.sort_unstable();
        self.gather(&arrivals)
    }

    /// Keeps of each batch only the rows that wait. Their numbers of arrival become those of the batch's first rows:
    /// they keep their order, and stay in their stretch.
    fn shrink(&mut self) -> Result<()> {
        let mut of_batch: BTreeMap<i64, Vec<(i64, i64)>> = BTreeMap::new();
        for Reverse((ts, arrival)) in std::mem::take(&mut self.waiting) {
            let Some((&first, _)) = self.batches.range(..=arrival).next_back() else {
                return internal_err!("row {arrival} is in no batch");
            };
            of_batch.entry(first).or_default().push((arrival, ts));
        }
        self.rows = 0;
        for (first, mut rows) in of_batch {
            let Some((batch, _)) = self.batches.get_mut(&first) else { continue };
            rows.sort_unstable();
            let numbers: UInt32Array = rows.iter().map(|(arrival, _)| (arrival - first) as u32).collect();
            *batch = take_record_batch(batch, &numbers)?;
            self.rows += rows.len();
            self.waiting.extend(rows.iter().zip(first..).map(|((_, ts), arrival)| Reverse((*ts, arrival))));
        }
        Ok(())
    }

    /// Bytes of memory held, roughly.
    pub fn memory(&self) -> usize {
        let size = |batch: &RecordBatch| -> usize {
            let sizes =
                batch.columns().iter().map(|c| c.to_data().get_slice_memory_size().unwrap_or_default());
            sizes.sum()
        };
        self.batches.values().map(|(batch, _)| size(batch)).sum::<usize>() + self.waiting.capacity() * 16
    }
}
