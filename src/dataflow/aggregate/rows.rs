//! Rows of many groups, put aside until an aggregate function wants them.
//!
//! The rows lie in columns, in chunks of growing size, each under the number under which it came; a group is a list
//! of such numbers in order of arrival. Chunks can therefore be joined without touching the groups, and rows that no group needs any
//! longer are dropped once they are more than half.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, StructArray, UInt32Array, new_empty_array};
use arrow::buffer::OffsetBuffer;
use arrow::compute::{cast, concat, interleave, take};
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::Result;

/// A chunk this long is not joined with others: copying it again would cost more than a chunk does.
const LONG: usize = 16 * 1024;
/// Fewer dead rows than this are not worth dropping.
const FEW: usize = 4 * 1024;

#[derive(Debug)]
struct Chunk {
    /// Number of its first row.
    first: usize,
    rows: usize,
    columns: Vec<ArrayRef>,
}

/// Rows of many groups.
#[derive(Debug)]
pub struct Rows {
    fields: Fields,
    chunks: Vec<Chunk>,
    /// Number of the next row to come.
    next: usize,
    groups: Vec<Vec<usize>>,
    /// Rows that belong to a group.
    live: usize,
    /// Bytes of the chunks.
    bytes: usize,
}

impl Rows {
    /// No rows yet, of columns like `fields`.
    pub fn new(fields: Fields) -> Self {
        Self { fields, chunks: vec![], next: 0, groups: vec![], live: 0, bytes: 0 }
    }

    /// Makes room for so many groups.
    pub fn grow(&mut self, groups: usize) {
        if groups > self.groups.len() {
            self.groups.resize_with(groups, Vec::new);
        }
    }

    /// Number of groups.
    pub fn groups(&self) -> usize {
        self.groups.len()
    }

    /// The rows of a group, by number, in order of arrival.
    pub fn of(&self, group: usize) -> &[usize] {
        &self.groups[group]
    }

    /// The rows of all groups, by number, one group after the other; and the group of each.
    pub fn all(&self) -> (Vec<usize>, Vec<usize>) {
        let mut rows = Vec::with_capacity(self.live);
        let mut groups = Vec::with_capacity(self.live);
        for (group, of) in self.groups.iter().enumerate() {
            rows.extend_from_slice(of);
            groups.resize(rows.len(), group);
        }
        (rows, groups)
    }

    /// Copies the rows `chosen` of `columns` behind those that are there. `groups` are the groups of all rows of the columns.
    pub fn append(&mut self, columns: &[ArrayRef], groups: &[usize], chosen: Vec<u32>) -> Result<()> {
        if chosen.is_empty() {
            return Ok(());
        }
        for (i, &row) in chosen.iter().enumerate() {
            self.groups[groups[row as usize]].push(self.next + i);
        }
        let rows = chosen.len();
        let chosen = UInt32Array::from(chosen);
        // A copy also where every row is chosen: the columns are slices of a batch, and would keep all of it.
        let columns = columns
            .iter()
            .zip(&self.fields)
            .map(|(column, field)| conform(take(column, &chosen, None)?, field.data_type()))
            .collect::<Result<Vec<_>>>()?;
        self.push(columns, rows)
    }

    fn push(&mut self, columns: Vec<ArrayRef>, rows: usize) -> Result<()> {
        self.bytes += bytes(&columns);
        self.chunks.push(Chunk { first: self.next, rows, columns });
        self.next += rows;
        self.live += rows;
        while let [.., before, last] = self.chunks.as_slice()
            && before.rows <= last.rows
            && before.rows < LONG
        {
            let columns = before
                .columns
                .iter()
                .zip(&last.columns)
                .map(|(a, b)| Ok(concat(&[a.as_ref(), b.as_ref()])?))
                .collect::<Result<Vec<_>>>()?;
            let joined = Chunk { first: before.first, rows: before.rows + last.rows, columns };
            self.bytes -= bytes(&before.columns) + bytes(&last.columns);
            self.bytes += bytes(&joined.columns);
            self.chunks.truncate(self.chunks.len() - 2);
            self.chunks.push(joined);
        }
        Ok(())
    }

    /// Takes the first `count` rows out of a group. Their numbers hold until the next change.
    pub fn remove(&mut self, group: usize, count: usize) -> Vec<usize> {
        let rest = self.groups[group].split_off(count);
        let removed = std::mem::replace(&mut self.groups[group], rest);
        self.live -= removed.len();
        removed
    }

    /// Drops the rows that belong to no group, if they are many.
    pub fn compact(&mut self) -> Result<()> {
        let stored: usize = self.chunks.iter().map(|chunk| chunk.rows).sum();
        if stored - self.live <= self.live + FEW {
            return Ok(());
        }
        let (rows, _) = self.all();
        let columns = self.gather(&rows)?;
        let mut next = 0;
        for group in &mut self.groups {
            for row in group {
                *row = next;
                next += 1;
            }
        }
        (self.chunks, self.next, self.live, self.bytes) = (vec![], 0, 0, 0);
        if rows.is_empty() { Ok(()) } else { self.push(columns, rows.len()) }
    }

    /// The given rows, in columns.
    pub fn gather(&self, rows: &[usize]) -> Result<Vec<ArrayRef>> {
        let places = self.places(rows);
        (0..self.fields.len()).map(|column| self.column_at(column, &places)).collect()
    }

    /// One column of the given rows.
    pub fn column(&self, column: usize, rows: &[usize]) -> Result<ArrayRef> {
        self.column_at(column, &self.places(rows))
    }

    fn places(&self, rows: &[usize]) -> Vec<(usize, usize)> {
        let mut at = 0;
        let place = |&row: &usize| {
            let holds = |chunk: &Chunk| row >= chunk.first && row < chunk.first + chunk.rows;
            if !self.chunks.get(at).is_some_and(holds) {
                at = self.chunks.partition_point(|chunk| chunk.first <= row) - 1;
            }
            (at, row - self.chunks[at].first)
        };
        rows.iter().map(place).collect()
    }

    fn column_at(&self, column: usize, places: &[(usize, usize)]) -> Result<ArrayRef> {
        if places.is_empty() {
            return Ok(new_empty_array(self.fields[column].data_type()));
        }
        let chunks: Vec<&dyn Array> =
            self.chunks.iter().map(|chunk| chunk.columns[column].as_ref()).collect();
        Ok(interleave(&chunks, places)?)
    }

    /// The type of [`Self::lists`].
    pub fn list_type(fields: &Fields) -> DataType {
        DataType::List(list_item(fields))
    }

    /// The rows of each group as a list of structs, for a state.
    pub fn lists(&self) -> Result<ArrayRef> {
        let (rows, _) = self.all();
        let values = StructArray::try_new(self.fields.clone(), self.gather(&rows)?, None)?;
        let offsets = OffsetBuffer::from_lengths(self.groups.iter().map(Vec::len));
        Ok(Arc::new(ListArray::try_new(list_item(&self.fields), offsets, Arc::new(values), None)?))
    }

    /// Bytes held.
    pub fn size(&self) -> usize {
        self.bytes + self.groups.capacity() * size_of::<Vec<usize>>() + self.live * size_of::<usize>()
    }
}

fn list_item(fields: &Fields) -> FieldRef {
    Arc::new(Field::new("item", DataType::Struct(fields.clone()), true))
}

fn bytes(columns: &[ArrayRef]) -> usize {
    columns.iter().map(|column| column.get_array_memory_size()).sum()
}

/// What [`Rows::lists`] gave: the columns, and the group of each row, where `groups` are those of the lists.
pub fn unpack(lists: &ArrayRef, groups: &[usize]) -> (Vec<ArrayRef>, Vec<usize>) {
    let lists = lists.as_list::<i32>();
    let offsets = lists.value_offsets();
    let (first, last) = (offsets[0] as usize, offsets[lists.len()] as usize);
    let columns = lists.values().as_struct().columns().iter().map(|c| c.slice(first, last - first)).collect();
    let mut of = Vec::with_capacity(last - first);
    for (bounds, &group) in offsets.windows(2).zip(groups) {
        of.resize(bounds[1] as usize - first, group);
    }
    (columns, of)
}

/// The array under the type that was planned: the names of the fields inside of a list may differ from function to function.
pub fn conform(array: ArrayRef, data_type: &DataType) -> Result<ArrayRef> {
    if array.data_type() == data_type { Ok(array) } else { Ok(cast(&array, data_type)?) }
}

/// Numbers of the rows that a filter lets pass.
pub fn passing(rows: usize, filter: Option<&arrow::array::BooleanArray>) -> Vec<u32> {
    // A batch is far shorter than u32: the source cuts it by rows.
    let rows = 0..rows as u32;
    match filter {
        None => rows.collect(),
        Some(filter) => {
            let passes = |&row: &u32| filter.is_valid(row as usize) && filter.value(row as usize);
            rows.filter(passes).collect()
        }
    }
}
