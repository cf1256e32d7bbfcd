//! The worker: partitions of the consumer group, each a thread around the pure core, and one committer.
//!
//! ```text
//! poll thread ──batches──▶ partition thread: decode, process, live state ──epoch──▶ committer (async)
//!                            one for each partition                                files, manifest, tables
//! ```
//!
//! A partition hands over an epoch and goes on at once with the next; it waits only if the one before is not
//! in the store yet. What was read and is not in the tables has one bound for all partitions, whatever the store does
//! (see [`crate::source::budget`]).
//!
//! A partition whose epoch the store refuses, because another process has gone on with it, or does not take, because
//! it fails, is given up alone: nothing of it stays here, and where it is still ours it is recovered from its newest
//! epoch.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::alarm::{AlarmPlan, WatchedError, alarm_schema};
use crate::archive::{Archive, ArchiveError, TableSpec};
use crate::config::OnQueryChange;
use crate::dataflow::partition::late_schema;
use crate::dataflow::{DataflowError, Graph, Timing};
use crate::machine::columns;
use crate::machine::follow::CurrentMachines;
use crate::schema::{
    ALARMS, DEAD_LETTERS, GAPS, LATE_READINGS, MACHINES, READINGS, ReadingSchema, TIMESTAMP,
};
use crate::serve::alarm::{AlarmDesk, LiveAlarms};
use crate::serve::live::{LiveState, PartitionStatus};
use crate::source::budget::Budget;
use crate::source::cluster::observe;
use crate::source::dead::dead_letter_schema;
use crate::source::gap::gap_schema;
use crate::source::input::Input;
use crate::source::kafka::{KafkaSettings, KafkaSource, KafkaSourceError, Limits};

mod assign;
mod committer;
pub mod hot;
mod orders;
mod partition;
mod rebuild;
mod schemas;
#[cfg(test)]
mod simulation;
mod task;

use assign::Partitions;
use committer::{Commits, Committer, SealedEpoch};
use hot::HotRows;
use orders::Order;

/// What a worker works with.
#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// The source.
    pub kafka: KafkaSettings,
    /// How its messages are written.
    pub input: Input,
    /// Columns of the readings.
    pub schema: ReadingSchema,
    /// How often an epoch is sealed.
    pub commit_interval: Duration,
    /// How the partitions treat time; see [`crate::config::DataflowConfig`].
    pub timing: Timing,
    /// Microseconds.
    pub max_skew: i64,
    /// Microseconds.
    pub idle_timeout: i64,
    /// How many bytes of messages may be in memory and not in the tables yet, all partitions together.
    pub max_buffered: usize,
    /// How far a partition may be ahead of the slowest in event time on a backlog, microseconds.
    pub max_drift: Option<i64>,
    /// What to do with a checkpoint of other queries.
    pub on_query_change: OnQueryChange,
    /// Topics that the same machines, in the same partitions, were read from before, the newest first. A partition
    /// without history takes up the alarms, and nothing else, of the first of them that has any.
    pub former_topics: Vec<String>,
}

/// Why a worker stopped.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The archive failed.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A query failed.
    #[error(transparent)]
    Dataflow(#[from] DataflowError),
    /// A query or an alarm rule failed on a batch, or its state does not fit.
    #[error(transparent)]
    Watched(#[from] WatchedError),
    /// Kafka failed.
    #[error(transparent)]
    Kafka(#[from] KafkaSourceError),
    /// A batch could not be put together.
    #[error("partition {partition}: {source}")]
    Arrow {
        /// The Kafka partition.
        partition: i32,
        /// Arrow's reason.
        source: arrow::error::ArrowError,
    },
    /// A thread could not be started or has died.
    #[error("a thread of the worker failed: {0}")]
    Thread(String),
}

impl WorkerError {
    /// Whether it lies with the archive's store, and may be over when it is asked again.
    fn may_pass(&self) -> bool {
        matches!(self, Self::Archive(error) if error.may_pass())
    }

    /// What to do about it, where known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Archive(error) => error.hint(),
            Self::Dataflow(error) => error.hint(),
            Self::Watched(error) => error.hint(),
            Self::Kafka(error) => error.hint(),
            Self::Arrow { .. } | Self::Thread(_) => None,
        }
    }
}

/// The tables of a worker: the source's four, the alarms, the machines, and one for each query.
pub fn table_specs(graph: &Graph) -> Vec<TableSpec> {
    let spec = |name: &str, schema: SchemaRef, event_time: &str| TableSpec {
        name: name.into(),
        schema,
        event_time: event_time.into(),
    };
    let mut specs = vec![
        spec(READINGS, Arc::clone(graph.source()), TIMESTAMP),
        spec(DEAD_LETTERS, dead_letter_schema(), TIMESTAMP),
        spec(LATE_READINGS, late_schema(graph.source()), TIMESTAMP),
        spec(GAPS, gap_schema(), TIMESTAMP),
        spec(ALARMS, alarm_schema(), TIMESTAMP),
        spec(MACHINES, columns::archive_schema(), columns::RECORDED_AT),
    ];
    specs.extend(graph.streams().iter().map(|s| spec(&s.name, Arc::clone(&s.schema), s.event_time)));
    specs
}

/// A worker: gives its partitions' rows to the archive, the live state and the hot rows.
pub struct Worker {
    shared: Arc<Shared>,
    stop: Arc<AtomicBool>,
}

/// What a worker works on.
pub struct WorkerParts {
    /// The queries.
    pub graph: Arc<Graph>,
    /// The alarm rules.
    pub rules: Arc<AlarmPlan>,
    /// Where the rows go.
    pub archive: Archive,
    /// The newest rows, for the server.
    pub live: Arc<LiveState>,
    /// The newest alarms, for the server.
    pub alarms: Arc<LiveAlarms>,
    /// Rows that are not committed yet, for queries.
    pub hot: Arc<HotRows>,
    /// What is known of the machines.
    pub machines: Arc<CurrentMachines>,
}

/// What the threads share.
pub(crate) struct Shared {
    settings: Arc<WorkerSettings>,
    graph: Arc<Graph>,
    rules: Arc<AlarmPlan>,
    live: Arc<LiveState>,
    alarms: Arc<LiveAlarms>,
    machines: Arc<CurrentMachines>,
    commits: Commits,
    runtime: Handle,
    epochs: mpsc::UnboundedSender<SealedEpoch>,
    /// For what was read and is not in the tables yet.
    budget: Arc<Budget>,
    tasks: Mutex<HashMap<i32, Running>>,
    /// Where each partition goes on after its newest commit.
    offsets: Mutex<BTreeMap<i32, i64>>,
    /// The first error of any thread: it stops the worker.
    failure: Mutex<Option<WorkerError>>,
    stop: Arc<AtomicBool>,
}

struct Running {
    /// Takes acknowledgements.
    orders: std::sync::mpsc::Sender<Order>,
    high_watermark: Arc<std::sync::atomic::AtomicI64>,
}

impl Shared {
    fn fail(&self, error: WorkerError) {
        tracing::error!("{error}");
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        self.stop.store(true, Ordering::Relaxed);
    }

    fn offsets(&self) -> std::sync::MutexGuard<'_, BTreeMap<i32, i64>> {
        self.offsets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tasks(&self) -> std::sync::MutexGuard<'_, HashMap<i32, Running>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Worker {
    /// Prepares the tables. Must be called inside the runtime that is to commit.
    pub async fn new(settings: WorkerSettings, parts: WorkerParts) -> Result<Self, WorkerError> {
        let WorkerParts { graph, rules, archive, live, alarms, hot, machines } = parts;
        let specs = table_specs(&graph);
        for spec in &specs {
            archive.ensure_table(spec).await?;
        }
        let (epochs, sealed) = mpsc::unbounded_channel();
        let stop = Arc::new(AtomicBool::new(false));
        let topic = settings.kafka.topic.clone();
        let fingerprint = graph.fingerprint().to_string();
        let budget = Budget::new(settings.max_buffered);
        let shared = Arc::new(Shared {
            settings: Arc::new(settings),
            graph,
            rules,
            live,
            alarms,
            machines,
            commits: Commits { archive, specs, topic, fingerprint, hot },
            runtime: Handle::current(),
            epochs,
            budget,
            tasks: Mutex::default(),
            offsets: Mutex::default(),
            failure: Mutex::default(),
            stop: Arc::clone(&stop),
        });
        tokio::spawn(Committer::new(&shared).run(sealed));
        Ok(Self { shared, stop })
    }

    /// Set to stop: the worker then seals a last epoch of each partition and leaves the group.
    pub fn stop_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stop)
    }

    /// Where acknowledgements are handed in.
    pub fn desk(&self) -> Arc<dyn AlarmDesk> {
        Arc::new(orders::Desk(Arc::downgrade(&self.shared)))
    }

    /// Joins the group and works until the stop flag is set or something fails. Blocks; not for an async task.
    pub fn run(&self) -> Result<(), WorkerError> {
        let assignee = Arc::new(Partitions(Arc::clone(&self.shared)));
        let settings = &self.shared.settings;
        let limits = Limits { budget: Arc::clone(&self.shared.budget), max_drift: settings.max_drift };
        let source = KafkaSource::connect(&settings.kafka, limits, assignee)?;
        self.observe_cluster()?;
        let ended = source.run(&self.stop);
        let failure = self.shared.failure.lock().unwrap_or_else(PoisonError::into_inner).take();
        match failure {
            Some(error) => Err(error),
            None => Ok(ended?),
        }
    }
}

impl Worker {
    /// Tells the live state what the cluster says of itself, as long as the worker runs.
    fn observe_cluster(&self) -> Result<(), WorkerError> {
        let kafka = &self.shared.settings.kafka;
        let (topic, group) = (kafka.topic.clone(), kafka.group.clone());
        let live = Arc::clone(&self.shared.live);
        let tell = move |answer| live.set_cluster(&topic, &group, answer);
        observe(kafka.clone(), Arc::clone(&self.stop), tell).map_err(|e| WorkerError::Thread(e.to_string()))
    }
}

/// The state of a partition as the live state shows it.
pub(crate) fn status(
    partition: i32,
    next_offset: i64,
    high: i64,
    watermark: Option<i64>,
    epoch: u64,
) -> PartitionStatus {
    // What Kafka last told of the end may be older than what was read since.
    let high_watermark = (high >= 0).then_some(high.max(next_offset));
    PartitionStatus { partition, next_offset, high_watermark, watermark, epoch }
}
