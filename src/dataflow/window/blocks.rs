//! What is merged already, so that a window costs two merges however many panes it holds.
//!
//! A window is `end of a block ⊕ beginning of the next` (see the picture in the module above). Each is merged in one way
//! only, which depends on where the panes lie and not on which window asked first:
//! - the end of a block, from a pane on: that pane before the end from the next pane on. Long blocks are cut into groups of
//!   some √n panes; then only the ends from the start of each group on are kept, and those within the group of the
//!   window's start. A whole group is merged from its first pane to its last;
//! - the beginning: the panes of the next block up to the window's end, from the first to the last.
//!
//! All panes in here are closed, so nothing of it ever changes; it is dropped when the windows have moved on, and made
//! again from the panes after a restore.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::common::Result;

use super::pane::{Pane, merged};
use crate::dataflow::accumulate::{AggregateTable, Sealed, TableShape};
use crate::dataflow::spec::WindowSpec;

/// Panes of a window up to which a block is one group: its ends are then no more than as many tables.
const ONE_GROUP: i64 = 128;

#[derive(Debug)]
pub(super) struct Blocks {
    spec: WindowSpec,
    /// Length of a group.
    group: i64,
    /// Ends of the block from panes of the window's group on, by the first pane.
    from_pane: BTreeMap<i64, Sealed>,
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
        let (from_pane, from_group) = (BTreeMap::new(), BTreeMap::new());
        Self { spec, group, from_pane, from_group, block_end: None, beginning: None }
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
            return panes
                .range(start..end)
                .filter_map(|(_, pane)| pane.closed())
                .try_for_each(|s| table.merge(s));
        }
        self.from_pane = self.from_pane.split_off(&start);
        self.from_group = self.from_group.split_off(&start);
        let block = self.spec.block_of(start);
        let block_end = block + self.spec.size();
        if let Some(part) = self.end_of_block(shape, panes, start, block)? {
            table.merge(part)?;
        }
        if let Some(part) = self.beginning(shape, panes, block_end, end)? {
            table.merge(part)?;
        }
        Ok(())
    }

    /// The end of a block from `start` on.
    fn end_of_block(
        &mut self,
        shape: &Arc<TableShape>,
        panes: &Panes,
        start: i64,
        block: i64,
    ) -> Result<Option<&Sealed>> {
        let block_end = block + self.spec.size();
        let group_end = block_end.min(start - (start - block).rem_euclid(self.group) + self.group);
        self.groups(shape, panes, group_end, block_end)?;
        let after = self.from_group.range(group_end..block_end).next().map(|(_, part)| part);
        let first = panes.range(start..group_end).find(|(_, pane)| pane.closed().is_some());
        let Some((&first, _)) = first else { return Ok(after) };
        if !self.from_pane.contains_key(&first) {
            let mut rest = after.cloned();
            for (&at, pane) in panes.range(first..group_end).rev() {
                let Some(states) = pane.closed() else { continue };
                let part = match &rest {
                    None => states.clone(),
                    Some(rest) => merged(shape, [states, rest])?,
                };
                self.from_pane.insert(at, part.clone());
                rest = Some(part);
            }
        }
        Ok(self.from_pane.get(&first))
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
            let mut whole = AggregateTable::new(shape)?;
            let to = end.min(group + self.group);
            for states in panes.range(group..to).filter_map(|(_, pane)| pane.closed()) {
                whole.merge(states)?;
            }
            if whole.groups() > 0 {
                let whole = whole.seal()?;
                let part = match &rest {
                    None => whole,
                    Some(rest) => merged(shape, [&whole, rest])?,
                };
                self.from_group.insert(group, part.clone());
                rest = Some(part);
            }
            group -= self.group;
        }
        Ok(())
    }

    fn beginning(
        &mut self,
        shape: &Arc<TableShape>,
        panes: &Panes,
        block: i64,
        end: i64,
    ) -> Result<Option<&Sealed>> {
        let (from, mut part) = match self.beginning.take() {
            Some((of, to, part)) if of == block => (to, part),
            _ => (block, None),
        };
        for states in panes.range(from..end.max(from)).filter_map(|(_, pane)| pane.closed()) {
            part = Some(match &part {
                None => states.clone(),
                Some(before) => merged(shape, [before, states])?,
            });
        }
        self.beginning = Some((block, end.max(from), part));
        Ok(self.beginning.as_ref().and_then(|(_, _, part)| part.as_ref()))
    }

    pub(super) fn memory(&self) -> usize {
        let beginning = self.beginning.iter().filter_map(|(_, _, part)| part.as_ref());
        self.from_pane.values().chain(self.from_group.values()).chain(beginning).map(Sealed::memory).sum()
    }
}
