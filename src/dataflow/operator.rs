//! What a stateful step of a stream is: rows in, time moves on, rows out, and a state that can be put away.
//!
//! The rule that all of them keep: what comes out depends on the order of the rows alone, never on how they were cut
//! into batches nor on when a checkpoint was taken. An operator may therefore act only at instants of event time that
//! the rows themselves determine. [`Partition`](super::Partition) does its part: it cuts a batch where a row comes
//! after such an instant has passed ([`Cut`]).

use std::collections::BTreeMap;
use std::fmt::Debug;

use arrow::array::RecordBatch;
use datafusion::common::Result;

use super::spec::WindowSpec;

/// A stateful step of a stream in one partition.
pub trait Operator: Debug + Send {
    /// Adds rows in the order of the stream. Gives the numbers, ascending, of the rows that came too late and were
    /// left out.
    fn push(&mut self, batch: &RecordBatch) -> Result<Vec<u32>>;

    /// Event time has reached `watermark`, microseconds: gives what follows from it. `i64::MAX` ends the stream.
    fn advance(&mut self, watermark: i64) -> Result<Emitted>;

    /// By how much, in microseconds, the rows that this operator still owes may be behind the watermark: what follows
    /// it sees a watermark that is earlier by that.
    fn delay(&self) -> i64 {
        0
    }

    /// The state between two batches. A chunk that has not changed since the last call need not be given again,
    /// unless `all` is asked for.
    fn state(&mut self, all: bool) -> Result<OperatorState>;

    /// Bytes of memory held, roughly.
    fn memory(&self) -> usize;
}

/// What an operator gave when time moved on.
#[derive(Debug, Default)]
pub struct Emitted {
    /// Rows, in the order of their event time.
    pub rows: Option<RecordBatch>,
    /// Rows that were given before and are given again with other values: only tables and stateless SQL take them.
    pub revised: Option<RecordBatch>,
}

/// The state of an operator, in pieces.
#[derive(Debug)]
pub struct OperatorState {
    /// Small, and written anew each time.
    pub marks: serde_json::Value,
    /// The bulk, by a number that the operator chooses, such as the start of a pane. What is not named here is gone.
    pub chunks: BTreeMap<i64, Chunk>,
}

/// One piece of an operator's state.
#[derive(Debug)]
pub enum Chunk {
    /// As it was given before.
    Unchanged,
    /// New, or changed. All chunks of an operator have one schema.
    Changed(RecordBatch),
}

/// Where a batch has to be cut for the sake of an operator that it reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Before a row whose pane has been closed, since the last cut, by the end of a window.
    Boundaries(WindowSpec),
    /// Before every row that is older than the watermark at that moment.
    Behind,
}

impl Cut {
    /// Whether the batch is cut before a row at `ts`, where the rows before it have moved the watermark from `from` to
    /// `to`, and `ts < to`.
    pub fn is_before(self, ts: i64, from: Option<i64>, to: i64) -> bool {
        match self {
            Self::Boundaries(spec) => {
                let crossed = spec.boundary(to);
                from.is_none_or(|from| from < crossed) && spec.pane_end(ts) <= crossed
            }
            Self::Behind => from.is_none_or(|from| from < to),
        }
    }
}
