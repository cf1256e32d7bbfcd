//! One columnar table of keys and partial aggregates: what a pane is made of, and what a window is merged into.
//!
//! A table is filled from rows (`update`) or from the states of other tables (`merge`), and is emptied either
//! into states (`seal`) or into results (`finish`). Keys and states always leave together, because `state()`
//! drains an accumulator.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, new_empty_array};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::common::{Result, internal_err, plan_err};
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::LoweredAggregate;
use datafusion::physical_plan::aggregates::group_values::{GroupValues, new_group_values};
use datafusion::physical_plan::aggregates::order::GroupOrdering;

use super::aggregate::Recipe;

/// One aggregate of a query, with what it takes as positions among the window's evaluated inputs.
#[derive(Debug, Clone)]
pub struct Aggregate {
    /// The function and how it is computed.
    pub recipe: Arc<Recipe>,
    /// Positions of the columns that its accumulator takes.
    pub args: Vec<usize>,
    /// Position of its FILTER condition.
    pub filter: Option<usize>,
}

impl Aggregate {
    /// Settles how a call over rows of the schema `input` is computed. `position` gives an expression its place among the
    /// inputs. Fails where the function does not take such a call.
    pub fn new(
        call: LoweredAggregate,
        input: &Schema,
        mut position: impl FnMut(Arc<dyn PhysicalExpr>) -> usize,
    ) -> Result<Self> {
        if let Some(filter) = &call.filter
            && filter.data_type(input)? != DataType::Boolean
        {
            return plan_err!("the FILTER of {} is no condition: {filter}", call.aggregate.name());
        }
        let (recipe, columns) = Recipe::new(&call, input)?;
        let recipe = Arc::new(recipe);
        // What it cannot do is to be known now, and not when rows come.
        recipe.check()?;
        let args = columns.into_iter().map(&mut position).collect();
        Ok(Self { recipe, args, filter: call.filter.map(position) })
    }

    /// Fields of its state.
    pub fn state_fields(&self) -> Result<Vec<FieldRef>> {
        self.recipe.state_fields()
    }
}

/// The keys and aggregates of one query: the shape of its tables.
#[derive(Debug, Clone)]
pub struct TableShape {
    /// The grouping keys, without the window.
    pub keys: SchemaRef,
    /// The aggregates.
    pub aggregates: Vec<Aggregate>,
}

/// Keys and partial states, in columns. One row for each key; immutable.
#[derive(Debug, Clone)]
pub struct Sealed {
    /// Key columns.
    pub keys: Vec<ArrayRef>,
    /// State columns of each aggregate.
    pub states: Vec<Vec<ArrayRef>>,
    /// Number of rows.
    pub rows: usize,
}

impl Sealed {
    /// Bytes of memory held.
    pub fn memory(&self) -> usize {
        self.keys.iter().chain(self.states.iter().flatten()).map(|c| c.get_array_memory_size()).sum()
    }
}

impl TableShape {
    /// Fields of a sealed table: the keys, then every state column, under unique names.
    pub fn state_schema(&self) -> Result<SchemaRef> {
        let mut fields: Vec<FieldRef> = Vec::new();
        for (i, key) in self.keys.fields().iter().enumerate() {
            fields.push(Arc::new(key.as_ref().clone().with_name(format!("key{i}"))));
        }
        for (i, aggregate) in self.aggregates.iter().enumerate() {
            for (j, field) in aggregate.state_fields()?.into_iter().enumerate() {
                let field: Field =
                    field.as_ref().clone().with_name(format!("agg{i}.{j}")).with_nullable(true);
                fields.push(Arc::new(field));
            }
        }
        Ok(Arc::new(Schema::new(fields)))
    }
}

/// A table under construction.
pub struct AggregateTable {
    shape: Arc<TableShape>,
    groups: Groups,
    accumulators: Vec<Box<dyn GroupsAccumulator>>,
    /// Scratch: the group of each row of the batch at hand.
    indices: Vec<usize>,
}

/// The keys of a table, one for each group.
enum Groups {
    /// None yet.
    Empty,
    /// The query has no key but the window: there is one group.
    One,
    /// The keys of the sealed tables that were merged so far: all had the same, in the same order. Tables of one stream
    /// mostly do, and then nothing is hashed.
    Same(Vec<ArrayRef>, usize),
    /// Any.
    Hashed(Box<dyn GroupValues>),
}

impl std::fmt::Debug for AggregateTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AggregateTable").field("groups", &self.groups()).finish_non_exhaustive()
    }
}

impl AggregateTable {
    /// An empty table.
    pub fn new(shape: &Arc<TableShape>) -> Result<Self> {
        let accumulators = shape.aggregates.iter().map(|a| a.recipe.accumulator()).collect::<Result<_>>()?;
        Ok(Self { shape: Arc::clone(shape), groups: Groups::Empty, accumulators, indices: Vec::new() })
    }

    /// Number of groups.
    pub fn groups(&self) -> usize {
        match &self.groups {
            Groups::Empty => 0,
            Groups::One => 1,
            Groups::Same(_, rows) => *rows,
            Groups::Hashed(groups) => groups.len(),
        }
    }

    /// Bytes of memory held, roughly.
    pub fn memory(&self) -> usize {
        let groups = match &self.groups {
            Groups::Empty | Groups::One => 0,
            Groups::Same(keys, _) => keys.iter().map(|key| key.get_array_memory_size()).sum(),
            Groups::Hashed(groups) => groups.size(),
        };
        groups + self.accumulators.iter().map(|a| a.size()).sum::<usize>()
    }

    /// Finds the group of each row.
    fn intern(&mut self, keys: &[ArrayRef], rows: usize) -> Result<()> {
        if keys.is_empty() {
            self.groups = Groups::One;
            self.indices.clear();
            self.indices.resize(rows, 0);
            return Ok(());
        }
        if !matches!(self.groups, Groups::Hashed(_)) {
            let mut groups = new_group_values(Arc::clone(&self.shape.keys), &GroupOrdering::None)?;
            if let Groups::Same(known, _) = &self.groups {
                groups.intern(known, &mut self.indices)?;
            }
            self.groups = Groups::Hashed(groups);
        }
        match &mut self.groups {
            Groups::Hashed(groups) => groups.intern(keys, &mut self.indices),
            _ => internal_err!("the groups of a table are hashed by now"),
        }
    }

    /// Finds the group of each row of a sealed table, whose keys are each there once.
    fn intern_sealed(&mut self, sealed: &Sealed) -> Result<()> {
        let same = match &self.groups {
            Groups::Empty => !sealed.keys.is_empty(),
            Groups::Same(keys, rows) => *rows == sealed.rows && *keys == sealed.keys,
            Groups::One | Groups::Hashed(_) => false,
        };
        if !same {
            return self.intern(&sealed.keys, sealed.rows);
        }
        self.groups = Groups::Same(sealed.keys.clone(), sealed.rows);
        self.indices.clear();
        self.indices.extend(0..sealed.rows);
        Ok(())
    }

    /// Adds rows: `keys` are the key columns, `inputs` the evaluated inputs, all `rows` long.
    pub fn update(&mut self, keys: &[ArrayRef], inputs: &[ArrayRef], rows: usize) -> Result<()> {
        self.intern(keys, rows)?;
        let groups = self.groups();
        let mut arguments: Vec<ArrayRef> = Vec::with_capacity(2);
        for (aggregate, accumulator) in self.shape.aggregates.iter().zip(&mut self.accumulators) {
            arguments.clear();
            arguments.extend(aggregate.args.iter().map(|&i| Arc::clone(&inputs[i])));
            let filter: Option<&BooleanArray> = aggregate.filter.map(|i| inputs[i].as_boolean());
            accumulator.update_batch(&arguments, &self.indices, filter, groups)?;
        }
        Ok(())
    }

    /// Adds the states of a sealed table, in which each key is there once.
    pub fn merge(&mut self, sealed: &Sealed) -> Result<()> {
        self.intern_sealed(sealed)?;
        self.merge_states(sealed)
    }

    /// Adds parts of which several may have one key: they become one, in their order.
    pub fn merge_parts(&mut self, parts: &Sealed) -> Result<()> {
        self.intern(&parts.keys, parts.rows)?;
        self.merge_states(parts)
    }

    fn merge_states(&mut self, sealed: &Sealed) -> Result<()> {
        let groups = self.groups();
        for (states, accumulator) in sealed.states.iter().zip(&mut self.accumulators) {
            accumulator.merge_batch(states, &self.indices, groups)?;
        }
        Ok(())
    }

    /// Empties the table into its states.
    pub fn seal(mut self) -> Result<Sealed> {
        let rows = self.groups();
        let keys = self.emit_keys()?;
        let states =
            self.accumulators.iter_mut().map(|a| a.state(EmitTo::All)).collect::<Result<Vec<_>>>()?;
        Ok(Sealed { keys, states, rows })
    }

    /// Empties the table into its keys and results, one column for each aggregate.
    pub fn finish(mut self) -> Result<(Vec<ArrayRef>, Vec<ArrayRef>)> {
        let keys = self.emit_keys()?;
        let results =
            self.accumulators.iter_mut().map(|a| a.evaluate(EmitTo::All)).collect::<Result<Vec<_>>>()?;
        Ok((keys, results))
    }

    fn emit_keys(&mut self) -> Result<Vec<ArrayRef>> {
        match std::mem::replace(&mut self.groups, Groups::Empty) {
            Groups::Empty => {
                Ok(self.shape.keys.fields().iter().map(|key| new_empty_array(key.data_type())).collect())
            }
            Groups::One => Ok(Vec::new()),
            Groups::Same(keys, _) => Ok(keys),
            Groups::Hashed(mut groups) => groups.emit(EmitTo::All),
        }
    }
}
