//! A stretch of stateless SQL, planned once and run on every batch.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::execution::TaskContext;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::execution_plan::reset_plan_states;
use futures::TryStreamExt;
use futures::executor::block_on;

use super::lookup::MachineJoinExec;
use super::sql::exec::{Slot, SlotExec};
use crate::machine::versions::SharedVersions;

/// Every execution leaves its metrics behind in the plan; after this many they are thrown away.
const RUNS_BEFORE_RESET: u32 = 1_000;

/// A segment of one partition. The plan is shared by all partitions, its slot is the segment's own.
#[derive(Debug)]
pub struct Segment {
    plan: Arc<dyn ExecutionPlan>,
    slot: Arc<Slot>,
    context: Arc<TaskContext>,
    schema: SchemaRef,
    runs: u32,
}

impl Segment {
    /// The segment of `plan` for one partition, which has `machines`.
    pub fn new(
        plan: &Arc<dyn ExecutionPlan>,
        context: &Arc<TaskContext>,
        machines: &SharedVersions,
    ) -> Result<Self> {
        let slot = Arc::new(Slot::default());
        let bound = Arc::clone(plan).transform_up(|node| {
            let own: Arc<dyn ExecutionPlan> = if let Some(leaf) = node.downcast_ref::<SlotExec>() {
                Arc::new(leaf.with_slot(&slot))
            } else if let Some(join) = node.downcast_ref::<MachineJoinExec>() {
                Arc::new(join.with_machines(machines))
            } else {
                return Ok(Transformed::no(node));
            };
            Ok(Transformed::yes(own))
        })?;
        let schema = bound.data.schema();
        Ok(Self { plan: bound.data, slot, context: Arc::clone(context), schema, runs: 0 })
    }

    /// Runs the SQL on one batch; `None` where no row came out.
    pub fn run(&mut self, batch: RecordBatch) -> Result<Option<RecordBatch>> {
        self.runs += 1;
        if self.runs == RUNS_BEFORE_RESET {
            self.plan = reset_plan_states(Arc::clone(&self.plan))?;
            self.runs = 0;
        }
        self.slot.put(batch);
        let stream = self.plan.execute(0, Arc::clone(&self.context))?;
        // Nothing in a stateless plan ever waits, so this is a plain call and not a wait.
        let mut batches: Vec<RecordBatch> = block_on(stream.try_collect())?;
        batches.retain(|batch| batch.num_rows() > 0);
        match batches.len() {
            0 => Ok(None),
            1 => Ok(batches.pop()),
            _ => Ok(Some(concat_batches(&self.schema, &batches)?)),
        }
    }
}
