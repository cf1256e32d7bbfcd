//! The arithmetic of windows: which windows hold an instant, which panes make up a window.
//!
//! Windows are half-open `[start, end)`, start at every multiple of `slide` from the epoch plus `offset`, and
//! are `size` long; a tumbling window is one with `slide == size`. A **pane** is the longest stretch that no
//! window edge cuts: `gcd(slide, size)` long. Every row falls into exactly one pane, every window is a whole
//! number of panes; so a row is aggregated once, however many windows hold it.
//!
//! ```text
//! size 60 s, slide 25 s: panes of 5 s
//! window k      |------------|
//! window k+1         |------------|
//! panes         | | | | | | | | | |
//! ```

use super::error::DataflowError;
use datafusion::common::DataFusionError;

/// The window function of a query. All lengths in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WindowKind {
    /// Windows of fixed length.
    Fixed(WindowSpec),
    /// Sessions, which end after a silence of this length.
    Session(i64),
}

impl std::fmt::Display for WindowKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Fixed(spec) => write!(f, "size={}us, slide={}us", spec.size, spec.slide),
            Self::Session(gap) => write!(f, "gap={gap}us"),
        }
    }
}

/// Windows of fixed length over event time. All lengths in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WindowSpec {
    size: i64,
    slide: i64,
    offset: i64,
}

impl WindowSpec {
    /// A window of `size` every `slide`, shifted by `offset` against the epoch; microseconds. Lengths that
    /// are not positive are refused.
    pub fn hop(slide: i64, size: i64, offset: i64) -> Result<Self, DataflowError> {
        if size <= 0 || slide <= 0 {
            return Err(DataFusionError::Plan("a window's size and slide must be positive".into()).into());
        }
        Ok(Self { size, slide, offset: offset.rem_euclid(slide) })
    }

    /// Length of a window.
    pub fn size(&self) -> i64 {
        self.size
    }

    /// Distance between the starts of two windows.
    pub fn slide(&self) -> i64 {
        self.slide
    }

    /// Length of a pane.
    pub fn pane(&self) -> i64 {
        gcd(self.size, self.slide)
    }

    /// Start of the pane that holds `ts`.
    pub fn pane_of(&self, ts: i64) -> i64 {
        floor_to(ts, self.pane(), self.offset)
    }

    /// End of the first window, in time, that holds the pane starting at `pane`. Where `slide > size` a pane
    /// may lie between two windows: then this is later than [`Self::last_end`].
    pub fn first_end(&self, pane: i64) -> i64 {
        // The first window that holds the pane is the first whose end is past the pane's start.
        self.boundary(pane) + self.slide
    }

    /// End of the last window that holds the pane starting at `pane`.
    pub fn last_end(&self, pane: i64) -> i64 {
        floor_to(pane, self.slide, self.offset) + self.size
    }

    /// Whether any window holds the pane.
    pub fn covers(&self, pane: i64) -> bool {
        self.first_end(pane) <= self.last_end(pane)
    }

    /// End of the pane that holds `ts`.
    pub fn pane_end(&self, ts: i64) -> i64 {
        self.pane_of(ts) + self.pane()
    }

    /// The last window end that is not after `instant`. The two ends of time are their own.
    pub fn boundary(&self, instant: i64) -> i64 {
        if instant == i64::MIN || instant == i64::MAX {
            return instant;
        }
        floor_to(instant, self.slide, (self.offset + self.size).rem_euclid(self.slide))
    }

    /// Start of the block that holds the pane starting at `pane`. Blocks are as long as a window, so that a window
    /// is the last panes of one block and the first of the next.
    pub fn block_of(&self, pane: i64) -> i64 {
        floor_to(pane, self.size, self.offset)
    }
}

/// The greatest multiple of `step`, counted from `offset`, that is not after `ts`; also before 1970.
fn floor_to(ts: i64, step: i64, offset: i64) -> i64 {
    ts - (ts - offset).rem_euclid(step)
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests;
