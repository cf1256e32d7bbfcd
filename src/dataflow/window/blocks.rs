//! What is merged already, so that a window costs three merges however many panes it holds.
//!
//! A window is `in group ⊕ after ⊕ beginning` (see the picture in the module above). Each is merged in one way only,
//! which depends on where the panes lie and not on which window asked first:
//! - `in group`: the panes of a group from the window's start on, from the last to the first;
//! - `after`: the whole groups behind it up to the end of the block, from the last to the first;
//! - `beginning`: the panes of the next block up to the window's end, from the first to the last.
//!
//! All panes in here are closed, so nothing of it ever changes; it is dropped when the windows have moved on, and made
//! again from the panes after a restore.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::common::Result;

use super::pane::{Pane, merged};
use crate::dataflow::accumulate::{AggregateTable, Sealed, TableShape};
use crate::dataflow::spec::WindowSpec;

#[derive(Debug)]
pub(super) struct Blocks {
    spec: WindowSpec,
    /// Length of a group: some √n panes.
    group: i64,
    /// `in group`, by the first pane.
    in_group: BTreeMap<i64, Sealed>,
    /// `after`, by the start of its first group.
    after: BTreeMap<i64, Sealed>,
    /// End of the block for which `after` has been made.
    after_of: Option<i64>,
    /// `beginning`: start of its block, end, and what is there.
    beginning: Option<(i64, i64, Option<Sealed>)>,
}

type Panes = BTreeMap<i64, Pane>;

impl Blocks {
    pub(super) fn new(spec: WindowSpec) -> Self {
        let panes = spec.size() / spec.pane();
        let group = (1..).find(|g| g * g >= panes).unwrap_or(1) * spec.pane();
        Self {
            spec,
            group,
            in_group: BTreeMap::new(),
            after: BTreeMap::new(),
            after_of: None,
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
            return panes
                .range(start..end)
                .filter_map(|(_, pane)| pane.closed())
                .try_for_each(|s| table.merge(s));
        }
        self.in_group = self.in_group.split_off(&start);
        self.after = self.after.split_off(&start);
        let block = self.spec.block_of(start);
        let block_end = block + self.spec.size();
        let group_end = block_end.min(start - (start - block).rem_euclid(self.group) + self.group);
        if let Some(part) = self.in_group(shape, panes, start, group_end)? {
            table.merge(part)?;
        }
        if let Some(part) = self.after(shape, panes, group_end, block_end)? {
            table.merge(part)?;
        }
        if let Some(part) = self.beginning(shape, panes, block_end, end)? {
            table.merge(part)?;
        }
        Ok(())
    }

    fn in_group(
        &mut self,
        shape: &Arc<TableShape>,
        panes: &Panes,
        start: i64,
        end: i64,
    ) -> Result<Option<&Sealed>> {
        let mut closed = panes.range(start..end).filter(|(_, pane)| pane.closed().is_some());
        let Some((&first, _)) = closed.next() else { return Ok(None) };
        if !self.in_group.contains_key(&first) {
            let mut last: Option<i64> = None;
            for (&at, pane) in panes.range(first..end).rev() {
                let Some(states) = pane.closed() else { continue };
                let part = match last.and_then(|last| self.in_group.get(&last)) {
                    None => states.clone(),
                    Some(rest) => merged(shape, [states, rest])?,
                };
                self.in_group.insert(at, part);
                last = Some(at);
            }
        }
        Ok(self.in_group.get(&first))
    }

    fn after(
        &mut self,
        shape: &Arc<TableShape>,
        panes: &Panes,
        start: i64,
        end: i64,
    ) -> Result<Option<&Sealed>> {
        // Windows move on, so what they need of a block is never more than what the first of them did.
        if self.after_of != Some(end) {
            self.after.clear();
            self.after_of = Some(end);
            let mut group = end - 1 - (end - 1 - start).rem_euclid(self.group);
            let mut last: Option<i64> = None;
            while group >= start {
                let mut whole = AggregateTable::new(shape)?;
                let to = end.min(group + self.group);
                for states in panes.range(group..to).filter_map(|(_, pane)| pane.closed()) {
                    whole.merge(states)?;
                }
                if whole.groups() > 0 {
                    let whole = whole.seal()?;
                    let part = match last.and_then(|last| self.after.get(&last)) {
                        None => whole,
                        Some(rest) => merged(shape, [&whole, rest])?,
                    };
                    self.after.insert(group, part);
                    last = Some(group);
                }
                group -= self.group;
            }
        }
        Ok(self.after.range(start..end).next().map(|(_, part)| part))
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
        self.in_group.values().chain(self.after.values()).chain(beginning).map(Sealed::memory).sum()
    }
}
