//! One columnar table of keys and partial aggregates: what a pane is made of, and what a window is merged into.
//!
//! A table is filled from rows (`update`) or from the states of other tables (`merge`), and is emptied either
//! into states (`seal`) or into results (`finish`). Keys and states always leave together, because `state()`
//! drains an accumulator.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::common::{Result, plan_err};
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
    /// `None` where a query has no key but the window: then there is one group.
    groups: Option<Box<dyn GroupValues>>,
    accumulators: Vec<Box<dyn GroupsAccumulator>>,
    /// Scratch: the group of each row of the batch at hand.
    indices: Vec<usize>,
    touched: bool,
}

impl std::fmt::Debug for AggregateTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AggregateTable").field("groups", &self.groups()).finish_non_exhaustive()
    }
}

impl AggregateTable {
    /// An empty table.
    pub fn new(shape: &Arc<TableShape>) -> Result<Self> {
        let groups = if shape.keys.fields().is_empty() {
            None
        } else {
            Some(new_group_values(Arc::clone(&shape.keys), &GroupOrdering::None)?)
        };
        let accumulators = shape.aggregates.iter().map(|a| a.recipe.accumulator()).collect::<Result<_>>()?;
        Ok(Self { shape: Arc::clone(shape), groups, accumulators, indices: Vec::new(), touched: false })
    }

    /// Number of groups.
    pub fn groups(&self) -> usize {
        match &self.groups {
            Some(groups) => groups.len(),
            None => usize::from(self.touched),
        }
    }

    /// Bytes of memory held, roughly.
    pub fn memory(&self) -> usize {
        let groups = self.groups.as_ref().map_or(0, |groups| groups.size());
        groups + self.accumulators.iter().map(|a| a.size()).sum::<usize>()
    }

    fn intern(&mut self, keys: &[ArrayRef], rows: usize) -> Result<()> {
        self.touched = true;
        if let Some(groups) = &mut self.groups {
            groups.intern(keys, &mut self.indices)
        } else {
            self.indices.clear();
            self.indices.resize(rows, 0);
            Ok(())
        }
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

    /// Adds the states of a sealed table.
    pub fn merge(&mut self, sealed: &Sealed) -> Result<()> {
        self.intern(&sealed.keys, sealed.rows)?;
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
        self.groups.as_mut().map_or_else(|| Ok(Vec::new()), |groups| groups.emit(EmitTo::All))
    }
}
