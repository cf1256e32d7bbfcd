//! What is merged already, so that a window costs a few merges however many panes it holds.
//!
//! A window is `end of a block ⊕ beginning of the next` (see the picture in the module above). Each is merged in one way
//! only, which depends on where the panes lie and not on which window asked first. Panes are taken in **strides** of a few,
//! counted from the start of a block: whatever is kept begins or ends with a stride, and the few panes between are merged
//! with each window. To merge two panes costs less than to keep two more tables.
//! - The end of a block, from a stride on: the panes of that stride, then the end from the next stride on. Long blocks are cut
//!   into groups of some √n panes; then only the ends from the start of each group on are kept, and those within the group of
//!   the window's start. A whole group is merged from its first pane to its last.
//! - The beginning: the panes of the next block up to the last whole stride of the window, from the first to the last.
//!
//! All panes in here are closed, so nothing of it ever changes; it is dropped when the windows have moved on, and made
//! again from the panes after a restore.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use datafusion::common::Result;

use super::pane::Pane;
use crate::dataflow::accumulate::{AggregateTable, Sealed, TableShape};
use crate::dataflow::spec::WindowSpec;

/// Panes of a window up to which a block is one group: its ends are then no more than as many tables.
const ONE_GROUP: i64 = 128;

/// Panes of a stride. Measured with the shipped features: 1 keeps three times the tables, which costs more time in memory
/// than it saves; with 4 and more, windows of few panes get dearer.
const STRIDE: i64 = 3;

#[derive(Debug)]
pub(super) struct Blocks {
    spec: WindowSpec,
    /// Length of a group.
    group: i64,
    /// Length of a stride.
    stride: i64,
    /// The group of the window's start, once `from_stride` has been made for it.
    group_start: Option<i64>,
    /// Ends of the block from strides of the window's group on, by the start of the stride.
    from_stride: BTreeMap<i64, Sealed>,
    /// Ends of the block from groups on, by the start of the first.
    from_group: BTreeMap<i64, Sealed>,
    /// End of the block for which `from_group` has been made.
    block_end: Option<i64>,
    /// The beginning of a block: its start, how far, and what is there.
    beginning: Option<(i64, i64, Option<Sealed>)>,
}

type Panes = BTreeMap<i64, Pane>;

impl Blocks {
    pub(super) fn new(spec: WindowSpec) -> Self {
        let panes = spec.size() / spec.pane();
        let root = (1..).find(|g| g * g >= panes).unwrap_or(panes);
        let group = if panes <= ONE_GROUP { spec.size() } else { root * spec.pane() };
        Self {
            spec,
            group,
            stride: STRIDE * spec.pane(),
            group_start: None,
            from_stride: BTreeMap::new(),
            from_group: BTreeMap::new(),
            block_end: None,
            beginning: None,
        }
    }

    /// Merges the closed panes of the window that ends at `end` into `table`. Windows come in the order of their ends.
    pub(super) fn merge(
        &mut self,
        table: &mut AggregateTable,
        shape: &Arc<TableShape>,
        panes: &Panes,
        end: i64,
    ) -> Result<()> {
        let start = end - self.spec.size();
        if self.spec.slide() >= self.spec.size() {
            // No two windows share a pane.
            return closed(panes, start..end).try_for_each(|states| table.merge(states));
        }
        self.from_stride = self.from_stride.split_off(&start);
        self.from_group = self.from_group.split_off(&start);
        let block = self.spec.block_of(start);
        let block_end = block + self.spec.size();
        self.end_of_block(table, shape, panes, start, block)?;
        self.beginning(table, shape, panes, block_end, end)
    }

    /// Merges the end of a block from `start` on.
    fn end_of_block(
        &mut self,
        table: &mut AggregateTable,
        shape: &Arc<TableShape>,
        panes: &Panes,
        start: i64,
        block: i64,
    ) -> Result<()> {
        let block_end = block + self.spec.size();
        let group_start = start - (start - block).rem_euclid(self.group);
        let group_end = block_end.min(group_start + self.group);
        self.groups(shape, panes, group_end, block_end)?;
        // The panes up to the next stride, and from there on what is merged already.
        let from = group_end.min(start + (group_start - start).rem_euclid(self.stride));
        closed(panes, start..from).try_for_each(|states| table.merge(states))?;
        if self.group_start != Some(group_start) {
            self.strides(shape, panes, from..group_end, group_start, block_end)?;
            self.group_start = Some(group_start);
        }
        let within = self.from_stride.range(from..group_end).next();
        match within.or_else(|| self.from_group.range(group_end..block_end).next()) {
            Some((_, part)) => table.merge(part),
            None => Ok(()),
        }
    }

    /// Makes the ends of the block from each stride of `within` on, which is the rest of the group at `group`.
    fn strides(
        &mut self,
        shape: &Arc<TableShape>,
        panes: &Panes,
        within: Range<i64>,
        group: i64,
        block_end: i64,
    ) -> Result<()> {
        self.from_stride.clear();
        let mut rest = self.from_group.range(within.end..block_end).next().map(|(_, part)| part.clone());
        let mut to = within.end;
        while to > within.start {
            let from = within.start.max(to - 1 - (to - 1 - group).rem_euclid(self.stride));
            let mut table = AggregateTable::new(shape)?;
            closed(panes, from..to).try_for_each(|states| table.merge(states))?;
            if table.groups() > 0 {
                if let Some(rest) = &rest {
                    table.merge(rest)?;
                }
                let part = table.seal()?;
                self.from_stride.insert(from, part.clone());
                rest = Some(part);
            }
            to = from;
        }
        Ok(())
    }

    /// Makes the ends of the block from the group at `start` on. Windows move on, so what they need of a block is never
    /// more than what the first of them did.
    fn groups(&mut self, shape: &Arc<TableShape>, panes: &Panes, start: i64, end: i64) -> Result<()> {
        if self.block_end == Some(end) {
            return Ok(());
        }
        self.from_group.clear();
        self.block_end = Some(end);
        let mut group = end - 1 - (end - 1 - start).rem_euclid(self.group);
        let mut rest: Option<Sealed> = None;
        while group >= start {
            let mut table = AggregateTable::new(shape)?;
            closed(panes, group..end.min(group + self.group)).try_for_each(|states| table.merge(states))?;
            if table.groups() > 0 {
                if let Some(rest) = &rest {
                    table.merge(rest)?;
                }
                let part = table.seal()?;
                self.from_group.insert(group, part.clone());
                rest = Some(part);
            }
            group -= self.group;
        }
        Ok(())
    }

    /// Merges the beginning of the block at `block`, up to `end`.
    fn beginning(
        &mut self,
        table: &mut AggregateTable,
        shape: &Arc<TableShape>,
        panes: &Panes,
        block: i64,
        end: i64,
    ) -> Result<()> {
        let (mut to, mut part) = match self.beginning.take() {
            Some((of, to, part)) if of == block => (to, part),
            _ => (block, None),
        };
        while to + self.stride <= end {
            let next = to + self.stride;
            let mut further = closed(panes, to..next).peekable();
            if further.peek().is_some() {
                let mut longer = AggregateTable::new(shape)?;
                part.iter().chain(further).try_for_each(|states| longer.merge(states))?;
                part = Some(longer.seal()?);
            }
            to = next;
        }
        part.iter().chain(closed(panes, to..end.max(to))).try_for_each(|states| table.merge(states))?;
        self.beginning = Some((block, to, part));
        Ok(())
    }

    pub(super) fn memory(&self) -> usize {
        let beginning = self.beginning.iter().filter_map(|(_, _, part)| part.as_ref());
        self.from_stride.values().chain(self.from_group.values()).chain(beginning).map(Sealed::memory).sum()
    }
}

/// The states of the closed panes of a stretch of time, from the first to the last.
fn closed(panes: &Panes, of: Range<i64>) -> impl Iterator<Item = &Sealed> {
    panes.range(of).filter_map(|(_, pane)| pane.closed())
}
