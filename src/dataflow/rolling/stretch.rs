//! Stretches: how a growing and shrinking row of rows is cut into the chunks of a checkpoint.
//!
//! Rows have an ascending position (here: number of arrival, or event time), new ones come at the end, and any of them
//! may go. All that came since the last checkpoint becomes a stretch; it is written once, and again only when more than
//! half of it has gone. Small neighbours are joined, so that their number is bounded by the rows that are alive, not by
//! how often a checkpoint was taken nor by how long a silent machine keeps its last row.

use serde::{Deserialize, Serialize};

/// Two neighbours are joined where they have no more rows than this together.
const SMALL: usize = 4096;

/// A stretch: the rows before `to`, and not before the end of the stretch before it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Stretch {
    /// Number of its chunk.
    pub number: i64,
    /// The first position behind it.
    pub to: i64,
    /// Rows that are still needed.
    #[serde(skip)]
    pub alive: usize,
    /// Rows in its chunk; 0 where it has to be written.
    #[serde(skip)]
    pub written: usize,
}

/// The stretches of one row of rows.
#[derive(Debug, Default)]
pub struct Stretches {
    closed: Vec<Stretch>,
    /// Rows behind the last stretch.
    open: usize,
}

impl Stretches {
    /// Stretches of a checkpoint. Nothing is alive in them yet.
    pub fn restore(closed: Vec<Stretch>) -> Self {
        Self { closed, open: 0 }
    }

    /// Rows have come, behind all that there are.
    pub fn add(&mut self, rows: usize) {
        self.open += rows;
    }

    fn holder(&mut self, position: i64) -> &mut usize {
        let at = self.closed.partition_point(|stretch| stretch.to <= position);
        self.closed.get_mut(at).map_or(&mut self.open, |stretch| &mut stretch.alive)
    }

    /// A row of a checkpoint is at `position`.
    pub fn put_back(&mut self, position: i64) {
        *self.holder(position) += 1;
    }

    /// All that is there now is in the chunks that were read.
    pub fn all_written(&mut self) {
        self.closed.iter_mut().for_each(|stretch| stretch.written = stretch.alive);
    }

    /// The row at `position` is no longer needed.
    pub fn remove(&mut self, position: i64) {
        let rows = self.holder(position);
        *rows = rows.saturating_sub(1);
    }

    /// The stretches of a checkpoint that is taken now; `to` is behind all rows. Those that have to be written have
    /// `written == 0`, and count as written from now on. `next` is the number of the next chunk.
    pub fn seal(&mut self, to: i64, next: &mut i64, all: bool) -> Vec<Stretch> {
        let mut number = || {
            *next += 1;
            *next - 1
        };
        if self.open > 0 {
            self.closed.push(Stretch { number: number(), to, alive: self.open, written: 0 });
            self.open = 0;
        }
        let mut joined: Vec<Stretch> = Vec::with_capacity(self.closed.len());
        for stretch in self.closed.drain(..).filter(|stretch| stretch.alive > 0) {
            match joined.last_mut() {
                Some(last) if last.alive + stretch.alive <= SMALL => {
                    *last = Stretch {
                        number: number(),
                        to: stretch.to,
                        alive: last.alive + stretch.alive,
                        written: 0,
                    };
                }
                _ => joined.push(stretch),
            }
        }
        for stretch in &mut joined {
            if all || stretch.alive * 2 < stretch.written {
                stretch.written = 0;
            }
        }
        self.closed.clone_from(&joined);
        for stretch in &mut self.closed {
            stretch.written = stretch.written.max(stretch.alive);
        }
        joined
    }
}
