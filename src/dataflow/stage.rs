//! The kinds of stateful steps, compiled: what the planner makes and a partition runs.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::physical_expr::PhysicalExpr;

use super::operator::{Cut, Operator};
use super::rolling::{RollingOperator, RollingPlan};
use super::session::{SessionOperator, SessionPlan};
use super::spec::WindowKind;
use super::window::{WindowOperator, WindowPlan};

/// A stateful step of a query.
#[derive(Debug, Clone)]
pub enum Stateful {
    /// An aggregation over windows of fixed length.
    Window(Arc<WindowPlan>),
    /// An aggregation over sessions.
    Session(Arc<SessionPlan>),
    /// Functions with OVER.
    Rolling(Arc<RollingPlan>),
}

impl Stateful {
    /// Schema of its rows.
    pub fn schema(&self) -> &SchemaRef {
        match self {
            Self::Window(plan) => &plan.grouping.schema,
            Self::Session(plan) => &plan.grouping.schema,
            Self::Rolling(plan) => &plan.schema,
        }
    }

    /// The expressions it evaluates on its input.
    pub fn expressions(&self) -> Vec<Arc<dyn PhysicalExpr>> {
        let (time, keys, inputs) = match self {
            Self::Window(plan) => (&plan.grouping.time, &plan.grouping.keys, &plan.grouping.inputs),
            Self::Session(plan) => (&plan.grouping.time, &plan.grouping.keys, &plan.grouping.inputs),
            Self::Rolling(plan) => (&plan.time, &plan.keys, &plan.inputs),
        };
        std::iter::once(time).chain(keys).chain(inputs).cloned().collect()
    }

    /// Where batches that reach it are cut.
    pub fn cut(&self) -> Cut {
        match self {
            Self::Window(plan) => Cut::Boundaries(plan.spec),
            Self::Session(_) | Self::Rolling(_) => Cut::Behind,
        }
    }

    /// How far back, in microseconds, rows matter to what it has not given yet. Sessions and frames of rows have no
    /// bound in time: they are taken to be no longer than a day.
    pub fn reach(&self) -> i64 {
        const DAY: i64 = 86_400_000_000;
        match self {
            Self::Window(plan) => plan.spec.size(),
            Self::Session(plan) => plan.gap.saturating_add(DAY),
            Self::Rolling(plan) => plan.reach.range.filter(|_| plan.reach.rows == 0).unwrap_or(DAY),
        }
    }

    /// The column by which its rows must be sorted where they come from a table.
    pub fn sorted_by(&self) -> Option<&Arc<dyn PhysicalExpr>> {
        match self {
            Self::Window(_) | Self::Session(_) => None,
            Self::Rolling(plan) => Some(&plan.time),
        }
    }

    /// Schema of the chunks of its state.
    pub fn chunk_schema(&self) -> Result<SchemaRef> {
        match self {
            Self::Window(plan) => plan.grouping.shape.chunk_schema(),
            Self::Session(plan) => plan.chunk_schema(),
            Self::Rolling(plan) => Ok(plan.chunk_schema()),
        }
    }

    /// An operator without state. Windows of fixed length may be revised for `lateness` microseconds.
    pub fn operator(&self, lateness: i64) -> Result<Box<dyn Operator>> {
        Ok(match self {
            Self::Window(plan) => Box::new(WindowOperator::new(Arc::clone(plan), lateness)),
            Self::Session(plan) => Box::new(SessionOperator::new(Arc::clone(plan))?),
            Self::Rolling(plan) => Box::new(RollingOperator::new(Arc::clone(plan))?),
        })
    }

    /// An operator that goes on from the state of another.
    pub fn restore(
        &self,
        lateness: i64,
        marks: serde_json::Value,
        chunks: BTreeMap<i64, RecordBatch>,
    ) -> Result<Box<dyn Operator>> {
        Ok(match self {
            Self::Window(plan) => {
                Box::new(WindowOperator::restore(Arc::clone(plan), lateness, marks, chunks)?)
            }
            Self::Session(plan) => Box::new(SessionOperator::restore(Arc::clone(plan), marks, &chunks)?),
            Self::Rolling(plan) => Box::new(RollingOperator::restore(Arc::clone(plan), marks, chunks)?),
        })
    }
}

impl fmt::Display for Stateful {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Window(plan) => WindowKind::Fixed(plan.spec).fmt(f),
            Self::Session(plan) => WindowKind::Session(plan.gap).fmt(f),
            Self::Rolling(plan) => write!(f, "rolling, {} functions", plan.functions.len()),
        }
    }
}
