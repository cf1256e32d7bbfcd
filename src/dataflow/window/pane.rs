//! A pane: the rows of the shortest stretch of time that no window edge cuts.

use std::sync::Arc;

use datafusion::common::{Result, internal_err};

use crate::dataflow::accumulate::{AggregateTable, Sealed, TableShape};

/// A table that still takes rows, or is at rest.
#[derive(Debug)]
pub(super) enum Table {
    /// Takes rows.
    Open(AggregateTable),
    /// Has been used by a window or a checkpoint; opened again if a row comes.
    Sealed(Sealed),
}

impl Table {
    /// The table of `place`, ready for rows. Sealing a table and opening it again changes no bit of it.
    pub(super) fn open<'a>(
        place: &'a mut Option<Self>,
        shape: &Arc<TableShape>,
    ) -> Result<&'a mut AggregateTable> {
        let open = match place.take() {
            Some(Self::Open(table)) => table,
            Some(Self::Sealed(sealed)) => {
                let mut table = AggregateTable::new(shape)?;
                table.merge(&sealed)?;
                table
            }
            None => AggregateTable::new(shape)?,
        };
        match place.insert(Self::Open(open)) {
            Self::Open(table) => Ok(table),
            Self::Sealed(_) => internal_err!("a table just opened is sealed"),
        }
    }

    /// The states of the table of `place`, which is at rest then; none where there is no table.
    pub(super) fn seal(place: &mut Option<Self>) -> Result<Option<&Sealed>> {
        let sealed = match place.take() {
            None => return Ok(None),
            Some(Self::Open(table)) => table.seal()?,
            Some(Self::Sealed(sealed)) => sealed,
        };
        match place.insert(Self::Sealed(sealed)) {
            Self::Sealed(sealed) => Ok(Some(sealed)),
            Self::Open(_) => internal_err!("a table just sealed is open"),
        }
    }

    fn memory(&self) -> usize {
        match self {
            Self::Open(table) => table.memory(),
            Self::Sealed(sealed) => sealed.memory(),
        }
    }
}

/// The tables of one pane.
#[derive(Debug, Default)]
pub(super) struct Pane {
    /// Rows that came before a window that holds them had fired; at rest from then on.
    pub(super) rows: Option<Table>,
    /// Rows that came later, up to the last end of a window.
    pub(super) late: Option<Sealed>,
    /// Rows that came later, since the last end of a window.
    pub(super) fresh: Option<Table>,
    /// Whether a table has changed since the last checkpoint.
    pub(super) changed: bool,
}

impl Pane {
    /// Puts the rows at rest: a window is about to fire.
    pub(super) fn close(&mut self) -> Result<()> {
        Table::seal(&mut self.rows)?;
        Ok(())
    }

    /// The rows at rest, once a window with them has fired.
    pub(super) fn closed(&self) -> Option<&Sealed> {
        match &self.rows {
            Some(Table::Sealed(sealed)) => Some(sealed),
            _ => None,
        }
    }

    pub(super) fn memory(&self) -> usize {
        let tables = self.rows.iter().chain(&self.fresh).map(Table::memory).sum::<usize>();
        tables + self.late.as_ref().map_or(0, Sealed::memory)
    }
}

/// One table after the other, as one.
pub(super) fn merged(shape: &Arc<TableShape>, parts: [&Sealed; 2]) -> Result<Sealed> {
    let mut table = AggregateTable::new(shape)?;
    for part in parts {
        table.merge(part)?;
    }
    table.seal()
}
