//! Aggregates that keep rows: all of them where the call has an ORDER BY, each one once where it is DISTINCT, and only the
//! best one for `first_value` and `last_value`.
//!
//! The function itself sees its rows once, at the end, in one batch and in an order that is settled: that of the ORDER
//! BY, and of arrival among equals. Neither the order in which a hash table would give them nor the cuts of the stream
//! reach it. The state is the rows.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray};
use arrow::datatypes::{Field, FieldRef};
use arrow::row::{RowConverter, SortField};
use datafusion::common::{HashSet, Result, internal_err, not_impl_err};
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};

use super::float::canonical;
use super::recipe::{Recipe, whole};
use super::rows::{Rows, passing, unpack};

/// Which rows are kept.
#[derive(Debug)]
enum Policy {
    Every,
    Distinct(Distinct),
    Extreme(Extreme),
}

/// The accumulator; see the module.
#[derive(Debug)]
pub struct Kept {
    recipe: Arc<Recipe>,
    rows: Rows,
    policy: Policy,
}

impl Kept {
    /// Keeps every row.
    pub fn every(recipe: Arc<Recipe>) -> Self {
        Self { rows: Rows::new(recipe.columns.clone()), policy: Policy::Every, recipe }
    }

    /// Keeps the first of the rows that have the same arguments.
    pub fn distinct(recipe: Arc<Recipe>) -> Result<Self> {
        let columns = recipe.argument_columns();
        let fields = columns.iter().map(|&c| SortField::new(recipe.columns[c].data_type().clone()));
        let converter = RowConverter::new(fields.collect())?;
        let policy = Policy::Distinct(Distinct { converter, columns, seen: vec![], bytes: 0 });
        Ok(Self { rows: Rows::new(recipe.columns.clone()), policy, recipe })
    }

    /// Keeps the row that comes first in the order of the call, or last; without an order, in that of arrival.
    pub fn extreme(recipe: Arc<Recipe>, last: bool, skip_nulls: bool) -> Result<Self> {
        let converter = if recipe.keys.is_empty() { None } else { Some(recipe.key_converter()?) };
        // The value may be a constant; then there is no NULL to skip, or nothing else.
        let value = if skip_nulls { recipe.argument_columns().first().copied() } else { None };
        let keys = recipe.keys.iter().map(|&(column, _)| column).collect();
        let policy =
            Policy::Extreme(Extreme { last, value, keys, converter, best: vec![], challenger: vec![] });
        Ok(Self { rows: Rows::new(recipe.columns.clone()), policy, recipe })
    }

    /// State columns: the rows.
    pub fn state_fields(recipe: &Recipe) -> Vec<FieldRef> {
        vec![Arc::new(Field::new("rows", Rows::list_type(&recipe.columns), true))]
    }

    fn insert(&mut self, columns: &[ArrayRef], groups: &[usize], candidates: Vec<u32>) -> Result<()> {
        let distinct: Vec<ArrayRef>;
        let columns = match &self.policy {
            Policy::Distinct(_) => {
                distinct = columns.iter().map(canonical).collect();
                &distinct
            }
            _ => columns,
        };
        let chosen = match &mut self.policy {
            Policy::Every => candidates,
            Policy::Distinct(distinct) => distinct.choose(columns, groups, candidates, self.rows.groups())?,
            Policy::Extreme(extreme) => {
                let chosen = extreme.choose(columns, groups, candidates, self.rows.groups())?;
                for &row in &chosen {
                    let group = groups[row as usize];
                    self.rows.remove(group, self.rows.of(group).len());
                }
                chosen
            }
        };
        self.rows.append(columns, groups, chosen)?;
        self.rows.compact()
    }

    /// The rows of all groups in the order in which the function wants them, and the group of each.
    fn settled(&self) -> Result<(Vec<usize>, Vec<usize>)> {
        let (rows, groups) = self.rows.all();
        if self.recipe.keys.is_empty() || matches!(self.policy, Policy::Extreme(_)) {
            return Ok((rows, groups));
        }
        let keys = self.recipe.keys.iter().map(|&(column, _)| self.rows.column(column, &rows));
        let keys = self.recipe.key_converter()?.convert_columns(&keys.collect::<Result<Vec<_>>>()?)?;
        let mut order: Vec<usize> = (0..rows.len()).collect();
        // Stable: rows that are equal stay in order of arrival.
        order.sort_by(|&a, &b| groups[a].cmp(&groups[b]).then_with(|| keys.row(a).cmp(&keys.row(b))));
        Ok((order.iter().map(|&i| rows[i]).collect(), groups))
    }

    fn clear(&mut self) {
        self.rows = Rows::new(self.recipe.columns.clone());
        match &mut self.policy {
            Policy::Every => {}
            Policy::Distinct(distinct) => {
                distinct.seen.clear();
                distinct.bytes = 0;
            }
            Policy::Extreme(extreme) => extreme.best.clear(),
        }
    }
}

/// The rows that each group has seen.
#[derive(Debug)]
struct Distinct {
    converter: RowConverter,
    /// Columns that make a row distinct.
    columns: Vec<usize>,
    seen: Vec<HashSet<Box<[u8]>>>,
    bytes: usize,
}

impl Distinct {
    fn choose(
        &mut self,
        columns: &[ArrayRef],
        groups: &[usize],
        mut candidates: Vec<u32>,
        total: usize,
    ) -> Result<Vec<u32>> {
        self.seen.resize_with(total.max(self.seen.len()), HashSet::default);
        let columns: Vec<ArrayRef> = self.columns.iter().map(|&c| Arc::clone(&columns[c])).collect();
        let rows = self.converter.convert_columns(&columns)?;
        candidates.retain(|&candidate| {
            let row = rows.row(candidate as usize);
            let row: &[u8] = row.as_ref();
            let seen = &mut self.seen[groups[candidate as usize]];
            // Most rows are known already, and looking one up costs no allocation.
            let new = !seen.contains(row);
            if new {
                self.bytes += row.len() + size_of::<Box<[u8]>>() * 2;
                seen.insert(row.into());
            }
            new
        });
        Ok(candidates)
    }
}

/// The best row of each group.
#[derive(Debug)]
struct Extreme {
    last: bool,
    /// Column in which a NULL is passed over.
    value: Option<usize>,
    keys: Vec<usize>,
    converter: Option<RowConverter>,
    /// The sort key of each group's row; empty without an ORDER BY.
    best: Vec<Option<Box<[u8]>>>,
    /// Scratch: the best row of the batch at hand; nothing between two batches.
    challenger: Vec<Option<u32>>,
}

impl Extreme {
    fn choose(
        &mut self,
        columns: &[ArrayRef],
        groups: &[usize],
        candidates: Vec<u32>,
        total: usize,
    ) -> Result<Vec<u32>> {
        self.best.resize_with(total.max(self.best.len()), || None);
        self.challenger.resize(total.max(self.challenger.len()), None);
        let keys = match &mut self.converter {
            None => None,
            Some(converter) => {
                let keys: Vec<ArrayRef> = self.keys.iter().map(|&c| Arc::clone(&columns[c])).collect();
                Some(converter.convert_columns(&keys)?)
            }
        };
        let key = |row: u32| keys.as_ref().map(|keys| keys.row(row as usize));
        let value = self.value.map(|column| &columns[column]);
        let mut touched = Vec::new();
        for row in candidates {
            if value.is_some_and(|value| value.is_null(row as usize)) {
                continue;
            }
            let group = groups[row as usize];
            let before = self.challenger[group];
            let wins = match (before, key(row)) {
                (Some(before), Some(new)) => {
                    key(before).is_none_or(|old| self.beats(new.as_ref(), old.as_ref()))
                }
                (None, Some(new)) => {
                    self.best[group].as_ref().is_none_or(|old| self.beats(new.as_ref(), old))
                }
                (Some(_), None) => self.last,
                (None, None) => self.last || self.best[group].is_none(),
            };
            if wins {
                if before.is_none() {
                    touched.push(group);
                }
                self.challenger[group] = Some(row);
            }
        }
        let mut chosen = Vec::with_capacity(touched.len());
        for group in touched {
            if let Some(row) = self.challenger[group].take() {
                self.best[group] = Some(key(row).map(|key| key.as_ref().into()).unwrap_or_default());
                chosen.push(row);
            }
        }
        Ok(chosen)
    }

    /// Whether a row takes the place of one that came before it. Among equals the first one to come is the first of them, and
    /// the last one to come the last.
    fn beats(&self, new: &[u8], old: &[u8]) -> bool {
        if self.last { new >= old } else { new < old }
    }
}

impl GroupsAccumulator for Kept {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.rows.grow(total_num_groups);
        self.insert(values, group_indices, passing(group_indices.len(), opt_filter))
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.rows.grow(total_num_groups);
        let [lists] = values else { return internal_err!("a state of one column") };
        let (columns, groups) = unpack(lists, group_indices);
        self.insert(&columns, &groups, passing(groups.len(), None))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        if let EmitTo::First(_) = emit_to {
            return not_impl_err!("the groups of a window leave together");
        }
        let state = vec![self.rows.lists()?];
        self.clear();
        Ok(state)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        if let EmitTo::First(_) = emit_to {
            return not_impl_err!("the groups of a window leave together");
        }
        let total = self.rows.groups();
        let (rows, groups) = self.settled()?;
        let arguments = self.recipe.arguments(&self.rows.gather(&rows)?, rows.len())?;
        // Without a filter some accumulators take every group for one that has had a row.
        let filter = BooleanArray::from(vec![true; rows.len()]);
        self.clear();
        let mut accumulator = whole(&self.recipe.function, self.recipe.exact)?;
        accumulator.update_batch(&arguments, &groups, Some(&filter), total)?;
        accumulator.evaluate(EmitTo::All)
    }

    fn convert_to_state(&self, _: &[ArrayRef], _: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        not_impl_err!("a window's rows always meet their group")
    }

    fn size(&self) -> usize {
        let policy = match &self.policy {
            Policy::Every => 0,
            Policy::Distinct(distinct) => {
                distinct.bytes + distinct.seen.capacity() * size_of::<HashSet<Box<[u8]>>>()
            }
            // A sort key is some ten bytes a column.
            Policy::Extreme(extreme) => {
                extreme.best.len() * (size_of::<Box<[u8]>>() + 10 * extreme.keys.len())
            }
        };
        self.rows.size() + policy
    }
}
