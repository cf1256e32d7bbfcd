//! From logical nodes to what runs: the extension planner and the compilation of a window.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::{DFSchema, Result};
use datafusion::execution::context::ExecutionProps;
use datafusion::execution::context::QueryPlanner;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{
    LogicalPlan, UserDefinedLogicalNode, physical_planning_context::PhysicalPlanningContext,
};
use datafusion::physical_expr::aggregate::LoweredAggregateBuilder;
use datafusion::physical_expr::{PhysicalExpr, create_physical_expr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};

use super::exec::{SlotExec, WindowExec};
use super::node::{StageInput, WindowAggregate};
use crate::dataflow::accumulate::{Aggregate, TableShape};
use crate::dataflow::lookup::{self, MachineJoin};
use crate::dataflow::rolling;
use crate::dataflow::rolling::table::{Rolling, replace_windows};
use crate::dataflow::session::SessionPlan;
use crate::dataflow::spec::WindowKind;
use crate::dataflow::stage::Stateful;
use crate::dataflow::window::{Grouping, WindowPlan};

/// Plans the stock nodes and Coldstream's own.
#[derive(Debug, Default)]
pub struct Planner;

#[async_trait]
impl QueryPlanner for Planner {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = replace_windows(plan.clone())?;
        DefaultPhysicalPlanner::with_extension_planners(vec![Arc::new(Windows)])
            .create_physical_plan(&plan, session)
            .await
    }
}

struct Windows;

#[async_trait]
impl ExtensionPlanner for Windows {
    async fn plan_extension(
        &self,
        _planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _logical_inputs: &[&LogicalPlan],
        physical_inputs: &[Arc<dyn ExecutionPlan>],
        session: &dyn Session,
        _planning_ctx: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        if let (Some(window), [input]) = (node.as_any().downcast_ref::<WindowAggregate>(), physical_inputs) {
            let plan = compile_window(window, session.execution_props())?;
            return Ok(Some(Arc::new(WindowExec::new(Arc::clone(input), plan))));
        }
        if let (Some(rolling), [input]) = (node.as_any().downcast_ref::<Rolling>(), physical_inputs) {
            let plan = rolling::compile(&rolling.window, session.execution_props())?;
            let plan = Stateful::Rolling(Arc::new(plan));
            return Ok(Some(Arc::new(WindowExec::new(Arc::clone(input), plan))));
        }
        if let Some(join) = node.as_any().downcast_ref::<MachineJoin>() {
            return lookup::physical(join, physical_inputs).map(Some);
        }
        if let Some(stage) = node.as_any().downcast_ref::<StageInput>() {
            return Ok(Some(Arc::new(SlotExec::try_new(stage.schema.inner(), None)?)));
        }
        Ok(None)
    }
}

/// Compiles the expressions of a window against the schema of its input.
pub fn compile_window(node: &WindowAggregate, props: &ExecutionProps) -> Result<Stateful> {
    let logical: &DFSchema = node.input.schema();
    let input: &Schema = logical.as_arrow();
    let context = PhysicalPlanningContext::default();
    let physical = |expr| create_physical_expr(expr, logical, props, &context);

    let mut inputs: Vec<Arc<dyn PhysicalExpr>> = Vec::new();
    let mut position = |expr: Arc<dyn PhysicalExpr>| {
        inputs.iter().position(|known| known == &expr).unwrap_or_else(|| {
            inputs.push(expr);
            inputs.len() - 1
        })
    };
    let mut aggregates = Vec::new();
    for call in &node.aggregates {
        let lowered = LoweredAggregateBuilder::new(call, logical, input, props, &context).build()?;
        aggregates.push(Aggregate::new(lowered, input, &mut position)?);
    }
    let keys = node.keys.iter().map(physical).collect::<Result<Vec<_>>>()?;
    let mut key_fields = keys
        .iter()
        .enumerate()
        .map(|(i, key)| Ok(Field::new(format!("key{i}"), key.data_type(input)?, key.nullable(input)?)))
        .collect::<Result<Vec<_>>>()?;
    if matches!(node.kind, WindowKind::Session(_)) {
        // The number of the session: two sessions of one key are two groups.
        key_fields.push(Field::new("session", DataType::Int64, false));
    }
    let grouping = Grouping {
        time: physical(&node.time)?,
        keys,
        inputs,
        shape: Arc::new(TableShape { keys: Arc::new(Schema::new(key_fields)), aggregates }),
        window_at: node.window_at,
        schema: Arc::clone(node.schema.inner()),
    };
    Ok(match node.kind {
        WindowKind::Fixed(spec) => Stateful::Window(Arc::new(WindowPlan { spec, grouping })),
        WindowKind::Session(gap) => Stateful::Session(Arc::new(SessionPlan { gap, grouping })),
    })
}

/// The physical plan of an optimized logical plan.
pub async fn physical_plan(state: &SessionState, plan: &LogicalPlan) -> Result<Arc<dyn ExecutionPlan>> {
    state.query_planner().create_physical_plan(plan, state).await
}
