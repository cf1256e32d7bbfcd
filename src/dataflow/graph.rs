//! The query graph: every file of `queries/`, planned as a stream.
//!
//! A query's optimized plan is cut at its windows into **stages**: stateless SQL, window, stateless SQL, and so
//! on. The plan is made once and shared by all partitions; state belongs to the partitions.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::DATAFUSION_VERSION;
use datafusion::common::DataFusionError;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::execution::TaskContext;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::{Extension, LogicalPlan, Window};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionContext;
use futures::executor::block_on;
use sha2::{Digest, Sha256};

use super::checkpoint::STATE_FORMAT;
use super::error::DataflowError;
use super::lookup::PlanMachineJoins;
use super::query::{Parsed, Query, in_order};
use super::rolling;
use super::sql::functions::REVISION;
use super::sql::node::{StageInput, WindowAggregate};
use super::sql::plan::{compile_window, physical_plan};
use super::sql::{self, Extensions};
use super::stage::Stateful;
use super::streamable::{StreamTable, check};
use crate::machine::columns;
use crate::schema::{MACHINES, READINGS, TIMESTAMP, WINDOW_TIME};

/// One step of a query.
#[derive(Debug, Clone)]
pub enum Stage {
    /// Stateless SQL, run on each batch.
    Segment(Arc<dyn ExecutionPlan>),
    /// What remembers rows.
    Stateful(Stateful),
}

/// One query, planned.
#[derive(Debug)]
pub struct Stream {
    /// Name of the stream and of its table.
    pub name: Arc<str>,
    /// Position of the stream it reads; `None` for `readings`.
    pub input: Option<usize>,
    /// Steps, in the order of the data.
    pub stages: Vec<Stage>,
    /// Schema of its rows.
    pub schema: SchemaRef,
    /// The column that holds the event time of a row.
    pub event_time: &'static str,
    /// Whether its windows, if any, run over the time of the readings and not of another window.
    pub over_readings: bool,
}

/// All queries, in an order in which each comes after the one it reads.
#[derive(Debug)]
pub struct Graph {
    streams: Vec<Stream>,
    source: SchemaRef,
    context: Arc<TaskContext>,
    fingerprint: String,
}

impl Graph {
    /// Plans `queries` over readings of `source`. `version` tells whatever else a result depends on, such as the
    /// versions of the models: it is part of the fingerprint.
    pub fn plan(
        queries: Vec<Query>,
        source: &SchemaRef,
        extensions: &Extensions,
        version: &str,
    ) -> Result<Self, DataflowError> {
        let mut session = sql::session(extensions, 1);
        let state = SessionStateBuilder::new_from_existing(session.state());
        session =
            SessionContext::new_with_state(state.with_analyzer_rule(Arc::new(PlanMachineJoins)).build());
        session.register_table(READINGS, Arc::new(StreamTable::new(source)))?;
        session.register_table(MACHINES, Arc::new(StreamTable::new(&columns::schema())))?;
        let mut digest = Sha256::new();
        // What a partial state holds may change with DataFusion.
        digest.update(format!("{STATE_FORMAT} {DATAFUSION_VERSION}\n{source:?}\n{version}\n"));
        let mut streams: Vec<Stream> = Vec::new();
        let mut positions: HashMap<String, usize> = HashMap::new();
        for parsed in in_order(queries)? {
            digest.update(format!("{}\n{}\n", parsed.query.name, parsed.canonical));
            if parsed.machines.is_some() {
                // Which columns there are, but not what is in them: a query is the same after a new file.
                digest.update(format!("{:?}\n", columns::schema()));
            }
            let stream = plan_stream(&session, &parsed, &positions, &streams)?;
            let table = StreamTable::new(&stream.schema);
            session.register_table(parsed.query.name.as_str(), Arc::new(table))?;
            positions.insert(parsed.query.name, streams.len());
            streams.push(stream);
        }
        let fingerprint = hex(&digest.finalize());
        Ok(Self { streams, source: Arc::clone(source), context: session.task_ctx(), fingerprint })
    }

    /// The queries, each after the one it reads.
    pub fn streams(&self) -> &[Stream] {
        &self.streams
    }

    /// How far behind the watermark, in microseconds, a reading may lie that is part of a window not given yet: the
    /// longest way through windows over windows.
    pub fn reach(&self) -> i64 {
        let mut reaches: Vec<i64> = Vec::with_capacity(self.streams.len());
        for stream in &self.streams {
            let own = stream.stages.iter().map(|stage| match stage {
                Stage::Segment(_) => 0,
                Stage::Stateful(plan) => plan.reach(),
            });
            reaches.push(own.sum::<i64>() + stream.input.map_or(0, |input| reaches[input]));
        }
        reaches.into_iter().max().unwrap_or_default()
    }

    /// Checks that whoever reads a stream can tell a row from one that was given again: where windows may be revised,
    /// the streams of them show `revision`.
    pub fn check_revisions(&self) -> Result<(), DataflowError> {
        let mut revised: Vec<bool> = Vec::with_capacity(self.streams.len());
        for stream in &self.streams {
            // What is given again goes through stateless SQL, and no further.
            let last = stream.stages.iter().rev().find_map(|stage| match stage {
                Stage::Segment(_) => None,
                Stage::Stateful(plan) => Some(matches!(plan, Stateful::Window(_))),
            });
            let again = last.unwrap_or_else(|| stream.input.is_some_and(|input| revised[input]));
            if again && stream.schema.field_with_name(REVISION).is_err() {
                return Err(DataflowError::NoRevision { stream: stream.name.to_string() });
            }
            revised.push(again);
        }
        Ok(())
    }

    /// Schema of the readings.
    pub fn source(&self) -> &SchemaRef {
        &self.source
    }

    /// What the segments run in.
    pub fn context(&self) -> &Arc<TaskContext> {
        &self.context
    }

    /// Tells queries apart: 16 hexadecimal digits, equal when the same readings must give the same rows.
    /// Comments and layout do not change it.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().take(8).map(|b| format!("{b:02x}")).collect()
}

fn plan_stream(
    session: &SessionContext,
    parsed: &Parsed,
    positions: &HashMap<String, usize>,
    streams: &[Stream],
) -> Result<Stream, DataflowError> {
    let query = &parsed.query;
    let located = |e: DataFusionError| query.located(&e);
    let input = match parsed.inputs.iter().collect::<Vec<_>>().as_slice() {
        [(name, _)] => positions.get(*name).copied(),
        [] => return Err(query.error(1, "the query reads no stream", Some(format!("FROM {READINGS}")))),
        [_, (name, line), ..] => {
            let message = format!("a stream reads one other stream, and this query also reads `{name}`");
            let hint = "chain queries: each file reads the stream of the one before".to_string();
            return Err(query.error(**line, message, Some(hint)));
        }
    };
    let state = session.state();
    let plan = block_on(sql::logical_plan(&state, &query.sql)).map_err(located)?;
    let options = state.config_options();
    let analyzed = state.analyzer().execute_and_check(plan, options, |_, _| {}).map_err(located)?;
    let aggregates = state.aggregate_functions();
    check(parsed, &analyzed, &|name| aggregates.contains_key(name))?;
    let optimized = state.optimizer().optimize(analyzed, &state, |_, _| {}).map_err(located)?;
    let mut stages = Vec::new();
    cut(session, &optimized, &mut stages).map_err(located)?;
    let schema = match stages.last() {
        Some(Stage::Segment(plan)) => plan.schema(),
        Some(Stage::Stateful(plan)) => Arc::clone(plan.schema()),
        None => return Err(query.error(1, "the query has no step", None)),
    };
    let event_time = [WINDOW_TIME, TIMESTAMP]
        .into_iter()
        .find(|name| {
            schema.field_with_name(name).is_ok_and(|f| *f.data_type() == crate::schema::timestamp_type())
        })
        .ok_or_else(|| query.error(1, "the rows of a stream need their event time", None))?;
    let over_readings = input.is_none_or(|i| streams[i].event_time == TIMESTAMP);
    Ok(Stream { name: Arc::from(query.name.as_str()), input, stages, schema, event_time, over_readings })
}

/// Where a plan is cut: what remembers rows.
enum Remembers {
    Window(Box<WindowAggregate>),
    Rolling(Window),
}

impl Remembers {
    fn find(node: &LogicalPlan) -> Option<Self> {
        match node {
            LogicalPlan::Window(rolling) => Some(Self::Rolling(rolling.clone())),
            LogicalPlan::Extension(extension) => extension
                .node
                .as_any()
                .downcast_ref::<WindowAggregate>()
                .map(|window| Self::Window(Box::new(window.clone()))),
            _ => None,
        }
    }
}

/// Cuts a plan at its windows and appends the stages from the source upwards.
fn cut(session: &SessionContext, plan: &LogicalPlan, stages: &mut Vec<Stage>) -> Result<(), DataFusionError> {
    let mut found: Option<Remembers> = None;
    let upper = plan.clone().transform_down(|node| {
        let Some(remembers) = Remembers::find(&node) else { return Ok(Transformed::no(node)) };
        let input = StageInput { schema: Arc::clone(node.schema()) };
        found = Some(remembers);
        let leaf = LogicalPlan::Extension(Extension { node: Arc::new(input) });
        Ok(Transformed::new(leaf, true, TreeNodeRecursion::Jump))
    })?;
    let state = session.state();
    match found {
        None => {}
        Some(Remembers::Window(window)) => {
            cut(session, &window.input, stages)?;
            stages.push(Stage::Stateful(compile_window(&window, state.execution_props())?));
        }
        Some(Remembers::Rolling(window)) => {
            cut(session, &window.input, stages)?;
            let plan = rolling::compile(&window, state.execution_props())?;
            stages.push(Stage::Stateful(Stateful::Rolling(Arc::new(plan))));
        }
    }
    let upper = upper.data;
    if !matches!(&upper, LogicalPlan::Extension(e) if e.node.as_any().is::<StageInput>()) {
        stages.push(Stage::Segment(block_on(physical_plan(&state, &upper))?));
    }
    Ok(())
}
