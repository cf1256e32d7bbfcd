//! The kinds of stateful steps, compiled: what the planner makes and a partition runs.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::physical_expr::PhysicalExpr;

use super::operator::{Cut, Operator};
use super::session::{SessionOperator, SessionPlan};
use super::spec::WindowKind;
use super::window::{Grouping, WindowOperator, WindowPlan};

/// A stateful step of a query.
#[derive(Debug, Clone)]
pub enum Stateful {
    /// An aggregation over windows of fixed length.
    Window(Arc<WindowPlan>),
    /// An aggregation over sessions.
    Session(Arc<SessionPlan>),
}

impl Stateful {
    /// Schema of its rows.
    pub fn schema(&self) -> &SchemaRef {
        &self.grouping().schema
    }

    fn grouping(&self) -> &Grouping {
        match self {
            Self::Window(plan) => &plan.grouping,
            Self::Session(plan) => &plan.grouping,
        }
    }

    /// The expressions it evaluates on its input.
    pub fn expressions(&self) -> Vec<Arc<dyn PhysicalExpr>> {
        let grouping = self.grouping();
        std::iter::once(&grouping.time).chain(&grouping.keys).chain(&grouping.inputs).cloned().collect()
    }

    /// Where batches that reach it are cut.
    pub fn cut(&self) -> Cut {
        match self {
            Self::Window(plan) => Cut::Boundaries(plan.spec),
            Self::Session(_) => Cut::Behind,
        }
    }

    /// How far back, in microseconds, rows matter to what it has not given yet. A session has no bound: it is taken to
    /// be no longer than a day.
    pub fn reach(&self) -> i64 {
        const DAY: i64 = 86_400_000_000;
        match self {
            Self::Window(plan) => plan.spec.size(),
            Self::Session(plan) => plan.gap.saturating_add(DAY),
        }
    }

    /// Schema of the chunks of its state.
    pub fn chunk_schema(&self) -> Result<SchemaRef> {
        match self {
            Self::Window(plan) => plan.grouping.shape.chunk_schema(),
            Self::Session(plan) => plan.chunk_schema(),
        }
    }

    /// An operator without state. Windows of fixed length may be revised for `lateness` microseconds.
    pub fn operator(&self, lateness: i64) -> Result<Box<dyn Operator>> {
        Ok(match self {
            Self::Window(plan) => Box::new(WindowOperator::new(Arc::clone(plan), lateness)),
            Self::Session(plan) => Box::new(SessionOperator::new(Arc::clone(plan))?),
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
        })
    }
}

impl fmt::Display for Stateful {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Window(plan) => WindowKind::Fixed(plan.spec).fmt(f),
            Self::Session(plan) => WindowKind::Session(plan.gap).fmt(f),
        }
    }
}
