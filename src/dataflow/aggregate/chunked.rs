//! Any aggregate function, made exact: what it computes depends on the order of a group's rows and on nothing else.
//!
//! An accumulator may add a batch in lanes, compress its state when it is asked for it, or take a merged state up with
//! another rounding than the rows that made it. Each of these lets the result depend on where a batch was cut or a checkpoint
//! taken. Here the accumulator of a group therefore does each of these things at fixed places: it is handed [`FOLD`] rows in one
//! batch, gives its state, and ends. The rows since then wait, and are part of the state word for word.
//!
//! Merging two groups goes on with the rows of the second behind those of the first, unless the second one
//! has been folded: then both are brought into states and these are merged, once.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, StructArray, UInt32Array, new_null_array};
use arrow::buffer::NullBuffer;
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::{Result, ScalarValue, internal_err, not_impl_err};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

use super::recipe::{Recipe, whole};
use super::rows::{Rows, conform, passing, unpack};

/// So many rows of a group are handed to the function at a time.
pub const FOLD: usize = 256;

/// The accumulator; see the module.
#[derive(Debug)]
pub struct Chunked {
    recipe: Arc<Recipe>,
    /// Columns of the function's own state.
    fields: Fields,
    rows: Rows,
    /// State of the function after the last fold of each group.
    folded: Vec<Option<Vec<ScalarValue>>>,
    bytes: usize,
}

impl Chunked {
    /// An accumulator without groups.
    pub fn new(recipe: Arc<Recipe>) -> Result<Self> {
        let fields = function_fields(&recipe)?;
        let rows = Rows::new(recipe.columns.clone());
        Ok(Self { recipe, fields, rows, folded: vec![], bytes: 0 })
    }

    /// State columns: what has been folded, and the rows since then.
    pub fn state_fields(recipe: &Recipe) -> Result<Vec<FieldRef>> {
        let folded = Field::new("folded", DataType::Struct(function_fields(recipe)?), true);
        let rows = Field::new("rows", Rows::list_type(&recipe.columns), true);
        Ok(vec![Arc::new(folded), Arc::new(rows)])
    }

    fn grow(&mut self, groups: usize) {
        self.rows.grow(groups);
        if groups > self.folded.len() {
            self.folded.resize_with(groups, || None);
        }
    }

    fn insert(&mut self, columns: &[ArrayRef], groups: &[usize], chosen: Vec<u32>) -> Result<()> {
        let touched: Vec<usize> = chosen.iter().map(|&row| groups[row as usize]).collect();
        self.rows.append(columns, groups, chosen)?;
        for group in touched {
            while self.rows.of(group).len() >= FOLD {
                self.fold(group, FOLD)?;
            }
        }
        self.rows.compact()
    }

    /// Hands the first `count` waiting rows of a group to the function.
    fn fold(&mut self, group: usize, count: usize) -> Result<()> {
        let rows = self.rows.remove(group, count);
        let columns = self.rows.gather(&rows)?;
        let arguments = self.recipe.arguments(&columns, rows.len())?;
        let mut accumulator = self.reopen(group)?;
        accumulator.update_batch(&arguments)?;
        self.keep(group, accumulator)
    }

    fn reopen(&self, group: usize) -> Result<Box<dyn Accumulator>> {
        let mut accumulator = self.recipe.function.create_accumulator()?;
        if let Some(state) = &self.folded[group] {
            let state = state.iter().map(|value| value.to_array_of_size(1)).collect::<Result<Vec<_>>>()?;
            accumulator.merge_batch(&state)?;
        }
        Ok(accumulator)
    }

    fn keep(&mut self, group: usize, mut accumulator: Box<dyn Accumulator>) -> Result<()> {
        let mut state = accumulator.state()?;
        for value in &mut state {
            value.compact();
        }
        self.adopt(group, state);
        Ok(())
    }

    fn adopt(&mut self, group: usize, state: Vec<ScalarValue>) {
        let size = |state: &Vec<ScalarValue>| state.iter().map(ScalarValue::size).sum::<usize>();
        self.bytes += size(&state);
        if let Some(old) = self.folded[group].replace(state) {
            self.bytes -= size(&old);
        }
    }

    /// The folded states of those groups that have one, in columns, and the groups.
    fn states(&self) -> Result<(Vec<ArrayRef>, Vec<usize>)> {
        let groups: Vec<usize> = (0..self.folded.len()).filter(|&g| self.folded[g].is_some()).collect();
        if groups.is_empty() {
            return Ok((vec![], groups));
        }
        let states: Vec<&Vec<ScalarValue>> = self.folded.iter().flatten().collect();
        let mut columns = Vec::with_capacity(self.fields.len());
        for (i, field) in self.fields.iter().enumerate() {
            let mut values = Vec::with_capacity(states.len());
            for state in &states {
                let Some(value) = state.get(i) else {
                    return internal_err!("{} gave another state than it said", self.recipe.function.name());
                };
                values.push(value.clone());
            }
            columns.push(conform(ScalarValue::iter_to_array(values)?, field.data_type())?);
        }
        Ok((columns, groups))
    }

    fn clear(&mut self) {
        self.rows = Rows::new(self.recipe.columns.clone());
        self.folded.clear();
        self.bytes = 0;
    }
}

/// Columns of the function's own state, under names that are its own no more.
fn function_fields(recipe: &Recipe) -> Result<Fields> {
    let fields = recipe.function.state_fields()?;
    let rename =
        |(i, field): (usize, &FieldRef)| Field::new(format!("s{i}"), field.data_type().clone(), true);
    Ok(fields.iter().enumerate().map(rename).collect())
}

impl GroupsAccumulator for Chunked {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.grow(total_num_groups);
        self.insert(values, group_indices, passing(group_indices.len(), opt_filter))
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.grow(total_num_groups);
        let [folded, rows] = values else { return internal_err!("a state of two columns") };
        let folded = folded.as_struct();
        for (i, &group) in group_indices.iter().enumerate() {
            if folded.is_null(i) {
                continue;
            }
            if !self.rows.of(group).is_empty() {
                self.fold(group, self.rows.of(group).len())?;
            }
            if self.folded[group].is_some() {
                let state: Vec<ArrayRef> = folded.columns().iter().map(|c| c.slice(i, 1)).collect();
                let mut accumulator = self.reopen(group)?;
                accumulator.merge_batch(&state)?;
                self.keep(group, accumulator)?;
            } else {
                let state = folded.columns().iter().map(|c| ScalarValue::try_from_array(c, i));
                let state = state.collect::<Result<Vec<_>>>()?;
                self.adopt(group, state);
            }
        }
        let (columns, groups) = unpack(rows, group_indices);
        self.insert(&columns, &groups, passing(groups.len(), None))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        if let EmitTo::First(_) = emit_to {
            return not_impl_err!("the groups of a window leave together");
        }
        let (columns, groups) = self.states()?;
        let all = self.folded.len();
        let mut place = vec![None; all];
        for (i, &group) in groups.iter().enumerate() {
            place[group] = Some(i as u32);
        }
        let place = UInt32Array::from(place);
        let spread = |(i, field): (usize, &FieldRef)| -> Result<ArrayRef> {
            match columns.get(i) {
                None => Ok(new_null_array(field.data_type(), all)),
                Some(column) => Ok(take(column, &place, None)?),
            }
        };
        let columns = self.fields.iter().enumerate().map(spread).collect::<Result<Vec<_>>>()?;
        let valid: NullBuffer = self.folded.iter().map(Option::is_some).collect();
        let folded = StructArray::try_new_with_length(self.fields.clone(), columns, Some(valid), all)?;
        let state: Vec<ArrayRef> = vec![Arc::new(folded), self.rows.lists()?];
        self.clear();
        Ok(state)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        if let EmitTo::First(_) = emit_to {
            return not_impl_err!("the groups of a window leave together");
        }
        let total = self.rows.groups();
        let mut accumulator = whole(&self.recipe.function, false)?;
        let (states, groups) = self.states()?;
        if !groups.is_empty() {
            accumulator.merge_batch(&states, &groups, total)?;
        }
        let (rows, groups) = self.rows.all();
        let arguments = self.recipe.arguments(&self.rows.gather(&rows)?, rows.len())?;
        accumulator.update_batch(&arguments, &groups, None, total)?;
        self.clear();
        accumulator.evaluate(EmitTo::All)
    }

    fn convert_to_state(&self, _: &[ArrayRef], _: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        not_impl_err!("a window's rows always meet their group")
    }

    fn size(&self) -> usize {
        self.rows.size() + self.bytes + self.folded.capacity() * size_of::<Option<Vec<ScalarValue>>>()
    }
}
