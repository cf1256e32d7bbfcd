//! Windows that are given again, because rows came after they had fired.
//!
//! A late row waits in its pane's `fresh` table until the watermark passes the next end of a window. Then every window
//! that holds it, has fired, and ended less than `allowed_lateness` ago is given once more, with `revision` one higher,
//! for the keys of the late rows and no others. After that the rows are `late` rows like those that need no revision.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::row::{OwnedRow, RowConverter, SortField};
use datafusion::common::Result;

use super::pane::{Table, merged};
use super::{WindowOperator, window_column};
use crate::dataflow::accumulate::{AggregateTable, Sealed, TableShape};

impl WindowOperator {
    /// Gives the windows again that fresh rows belong to, and joins the rows to the late ones.
    pub(super) fn revise(&mut self) -> Result<Option<RecordBatch>> {
        let shape = Arc::clone(self.shape());
        let mut fresh: Vec<(i64, Sealed)> = Vec::new();
        for (&start, pane) in &mut self.panes {
            let Some(states) = Table::seal(&mut pane.fresh)?.cloned() else { continue };
            pane.fresh = None;
            pane.late = Some(match &pane.late {
                None => states.clone(),
                Some(before) => merged(&shape, [before, &states])?,
            });
            pane.changed = true;
            fresh.push((start, states));
        }
        let mut revised = Vec::new();
        for end in self.revisable(&fresh) {
            let start = end - self.plan.spec.size();
            let within = fresh.iter().filter(|(pane, _)| (start..end).contains(pane));
            let wanted = Keys::new(&shape, within.map(|(_, states)| states))?;
            revised.push(self.again(start, end, &wanted)?);
        }
        match revised.len() {
            0 | 1 => Ok(revised.pop()),
            _ => Ok(Some(concat_batches(&self.plan.grouping.schema, &revised)?)),
        }
    }

    /// Ends of the windows that have fired, hold one of the panes and may still be revised.
    fn revisable(&self, fresh: &[(i64, Sealed)]) -> BTreeSet<i64> {
        let (spec, lateness, mark) = (self.plan.spec, self.lateness, self.mark);
        let step = usize::try_from(spec.slide()).unwrap_or(usize::MAX);
        let ends =
            fresh.iter().flat_map(|&(pane, _)| (spec.first_end(pane)..=spec.last_end(pane)).step_by(step));
        ends.filter(|&end| end <= mark && end.saturating_add(lateness) > mark).collect()
    }

    fn again(&mut self, start: i64, end: i64, wanted: &Keys) -> Result<RecordBatch> {
        let revision = self.revisions.entry(end).or_default();
        *revision += 1;
        let mut table = AggregateTable::new(&self.plan.grouping.shape)?;
        for (_, pane) in self.panes.range(start..end) {
            for states in pane.closed().into_iter().chain(&pane.late) {
                table.merge(&wanted.of(states)?)?;
            }
        }
        let rows = table.groups();
        let (keys, results) = table.finish()?;
        self.plan.grouping.rows(keys, results, window_column(start, end, *revision, rows))
    }
}

/// A set of keys.
struct Keys {
    rows: RowConverter,
    set: HashSet<OwnedRow>,
}

impl Keys {
    fn new<'a>(shape: &TableShape, tables: impl Iterator<Item = &'a Sealed>) -> Result<Self> {
        let fields =
            shape.keys.fields().iter().map(|field| SortField::new(field.data_type().clone())).collect();
        let rows = RowConverter::new(fields)?;
        let mut set = HashSet::new();
        for table in tables {
            set.extend(rows.convert_columns(&table.keys)?.iter().map(|row| row.owned()));
        }
        Ok(Self { rows, set })
    }

    /// The rows of a table whose keys are in the set.
    fn of(&self, table: &Sealed) -> Result<Sealed> {
        let rows = self.rows.convert_columns(&table.keys)?;
        let mask: BooleanArray = rows.iter().map(|row| Some(self.set.contains(&row.owned()))).collect();
        let filter = |column: &ArrayRef| Ok(arrow::compute::filter(column, &mask)?);
        let keys = table.keys.iter().map(filter).collect::<Result<_>>()?;
        let states =
            table.states.iter().map(|columns| columns.iter().map(filter).collect()).collect::<Result<_>>()?;
        Ok(Sealed { keys, states, rows: mask.true_count() })
    }
}
