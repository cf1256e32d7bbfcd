//! The physical operators of a windowed query.
//!
//! On a stream a plan is run once for each batch: its leaf is a [`SlotExec`], which hands out the batch that
//! was put into its slot. Over a table the window is an ordinary operator, [`WindowExec`]: it reads all of its
//! input and then fires every window, with the same code as the stream.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, SchedulingType};
use datafusion::physical_plan::memory::MemoryStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, Partitioning,
    PlanProperties, ReplaceChildrenOptions,
};
use futures::{StreamExt, TryStreamExt};

use crate::dataflow::stage::Stateful;

/// Where the batch at hand waits for the plan that is about to run.
#[derive(Debug, Default)]
pub struct Slot(Mutex<Option<RecordBatch>>);

impl Slot {
    /// Puts a batch in, in place of one that was not taken.
    pub fn put(&self, batch: RecordBatch) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(batch);
    }

    fn take(&self) -> Option<RecordBatch> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

pub(in crate::dataflow) fn properties(schema: SchemaRef, emission: EmissionType) -> Arc<PlanProperties> {
    Arc::new(
        PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(1),
            emission,
            Boundedness::Bounded,
        )
        .with_scheduling_type(SchedulingType::Cooperative),
    )
}

/// Leaf that hands out the batch in its slot.
#[derive(Debug)]
pub struct SlotExec {
    slot: Arc<Slot>,
    projection: Option<Vec<usize>>,
    properties: Arc<PlanProperties>,
}

impl SlotExec {
    /// A leaf for batches of `schema`, of which the columns of `projection` are handed on.
    pub fn try_new(schema: &SchemaRef, projection: Option<&Vec<usize>>) -> Result<Self> {
        let out = match projection {
            Some(columns) => Arc::new(schema.project(columns)?),
            None => Arc::clone(schema),
        };
        Ok(Self {
            slot: Arc::default(),
            projection: projection.cloned(),
            properties: properties(out, EmissionType::Incremental),
        })
    }

    /// Which columns of the batch are handed on; all, if none are named.
    pub fn projection(&self) -> Option<&[usize]> {
        self.projection.as_deref()
    }

    /// The same leaf over another slot.
    pub fn with_slot(&self, slot: &Arc<Slot>) -> Self {
        Self {
            slot: Arc::clone(slot),
            projection: self.projection.clone(),
            properties: Arc::clone(&self.properties),
        }
    }
}

impl DisplayAs for SlotExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "SlotExec")
    }
}

impl ExecutionPlan for SlotExec {
    fn name(&self) -> &str {
        "SlotExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![]
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(&self, _partition: usize, _context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let batches = match (self.slot.take(), &self.projection) {
            (None, _) => vec![],
            (Some(batch), None) => vec![batch],
            (Some(batch), Some(columns)) => vec![batch.project(columns)?],
        };
        Ok(Box::pin(MemoryStream::try_new(batches, self.schema(), None)?))
    }
}

/// A stateful step of a stream over a whole table.
#[derive(Debug)]
pub struct WindowExec {
    input: Arc<dyn ExecutionPlan>,
    plan: Stateful,
    properties: Arc<PlanProperties>,
}

impl WindowExec {
    /// The step of `plan` over `input`.
    pub fn new(input: Arc<dyn ExecutionPlan>, plan: Stateful) -> Self {
        let properties = properties(Arc::clone(plan.schema()), EmissionType::Final);
        Self { input, plan, properties }
    }
}

impl DisplayAs for WindowExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "WindowExec: {}", self.plan)
    }
}

impl ExecutionPlan for WindowExec {
    fn name(&self) -> &str {
        "WindowExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        vec![Distribution::SinglePartition]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        for expr in self.plan.expressions() {
            if f(&expr)? == TreeNodeRecursion::Stop {
                return Ok(TreeNodeRecursion::Stop);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.is_empty()) {
            (Some(input), true) => Ok(Arc::new(Self::new(input, self.plan.clone()))),
            _ => datafusion::common::internal_err!("WindowExec has one child"),
        }
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let mut input = self.input.execute(partition, context)?;
        // A table has all its rows: nothing is late, and nothing is revised.
        let mut operator = self.plan.operator(0)?;
        let rows = async move {
            while let Some(batch) = input.next().await {
                operator.push(&batch?)?;
            }
            Ok(operator.advance(i64::MAX)?.rows)
        };
        let rows = futures::stream::once(rows).try_filter_map(|batch| async move { Ok(batch) });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }
}
