//! The operator of a join with `machines`.

use std::fmt;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::TimestampMicrosecondType;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, exec_err, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::Expr;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::execution_plan::EmissionType;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, PlanProperties,
    ReplaceChildrenOptions,
};
use futures::StreamExt;

use super::MachineJoin;
use crate::dataflow::sql::exec::properties;
use crate::machine::columns;
use crate::machine::versions::SharedVersions;

/// Puts beside each row the row of `machines` that holds for it. Rows stay in their order.
#[derive(Debug, Clone)]
pub struct MachineJoinExec {
    input: Arc<dyn ExecutionPlan>,
    machines: SharedVersions,
    /// Columns of the input: the machine and the event time.
    key: usize,
    time: usize,
    /// Columns of `machines` that are put beside the input's.
    columns: Vec<usize>,
    properties: Arc<PlanProperties>,
}

impl MachineJoinExec {
    /// The operator of `node`, of whose table `projection` is asked for.
    pub fn try_new(
        node: &MachineJoin,
        input: Arc<dyn ExecutionPlan>,
        projection: Option<&[usize]>,
    ) -> Result<Self> {
        let index = |expr: &Expr| match expr {
            Expr::Column(column) => node.input.schema().index_of_column(column),
            other => internal_err!("{other} is no column"),
        };
        let all = || (0..columns::schema().fields().len()).collect();
        Ok(Self {
            input,
            machines: SharedVersions::default(),
            key: index(&node.key)?,
            time: index(&node.time)?,
            columns: projection.map_or_else(all, <[usize]>::to_vec),
            properties: properties(Arc::clone(node.schema.inner()), EmissionType::Incremental),
        })
    }

    /// The same over the machines of a partition.
    pub fn with_machines(&self, machines: &SharedVersions) -> Self {
        Self { machines: machines.clone(), ..self.clone() }
    }

    fn join(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let keys = batch.column(self.key).as_string_opt::<i32>();
        let times = batch.column(self.time).as_primitive_opt::<TimestampMicrosecondType>();
        let (Some(keys), Some(times)) = (keys, times) else {
            return exec_err!("machine and event time of a row have other types than expected");
        };
        let mut columns = batch.columns().to_vec();
        columns.extend(self.machines.lock().join(keys, times, &self.columns)?);
        Ok(RecordBatch::try_new(self.schema(), columns)?)
    }
}

impl DisplayAs for MachineJoinExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        let names: Vec<String> =
            self.columns.iter().map(|column| columns::schema().field(*column).name().clone()).collect();
        write!(f, "MachineJoinExec: [{}]", names.join(", "))
    }
}

impl ExecutionPlan for MachineJoinExec {
    fn name(&self) -> &str {
        "MachineJoinExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        vec![Distribution::SinglePartition]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.is_empty()) {
            (Some(input), true) => Ok(Arc::new(Self { input, ..self.as_ref().clone() })),
            _ => internal_err!("a join with machines has one child"),
        }
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let this = self.clone();
        let rows = self.input.execute(partition, context)?.map(move |batch| this.join(&batch?));
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }
}
