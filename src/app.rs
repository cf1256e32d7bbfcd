//! A running Coldstream: the worker and the server of one process, put together and taken apart.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::watch;

use crate::alarm::{AlarmError, AlarmPlan, RuleFile, StreamRows};
use crate::archive::{Archive, ArchiveError};
use crate::dataflow::{DataflowError, Graph, Query};
use crate::history::{History, model_extensions, model_versions};
use crate::machine::MachineError;
use crate::machine::follow::CurrentMachines;
use crate::model::ModelFile;
use crate::model::registry::Registry;
use crate::serve::alarm::LiveAlarms;
use crate::serve::demo::Plants;
use crate::serve::live::LiveState;
use crate::serve::{self, AlarmParts, ModelInfo, ServeError, Services};
use crate::worker::hot::HotRows;
use crate::worker::{Worker, WorkerError, WorkerParts, WorkerSettings};

/// What a process runs with.
pub struct App {
    /// Settings of the worker.
    pub worker: WorkerSettings,
    /// The queries.
    pub queries: Vec<Query>,
    /// The alarm rules.
    pub rules: RuleFile,
    /// The models.
    pub models: Arc<Registry>,
    /// The open archive.
    pub archive: Archive,
    /// What is known of the machines.
    pub machines: Arc<CurrentMachines>,
    /// Address of the port.
    pub listen: String,
    /// Whether anyone may connect from elsewhere.
    pub allow_anonymous: bool,
    /// The simulated plants, where this process has them.
    pub plants: Option<Arc<dyn Plants>>,
}

/// Why a process stopped.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The queries cannot run.
    #[error(transparent)]
    Dataflow(#[from] DataflowError),
    /// The alarm rules cannot run.
    #[error(transparent)]
    Alarm(#[from] AlarmError),
    /// The archive failed.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The port failed.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The worker failed.
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// A model's card cannot be written as JSON.
    #[error("the card of model `{model}` cannot be shown: {cause}")]
    Card {
        /// The model.
        model: String,
        /// Why.
        cause: serde_json::Error,
    },
    /// A thread of the process died.
    #[error("a task of the process failed: {0}")]
    Task(#[from] tokio::task::JoinError),
}

impl AppError {
    /// What to do about it, where known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Dataflow(error) => error.hint(),
            Self::Alarm(error) => error.hint(),
            Self::Archive(error) => error.hint(),
            Self::Serve(error) => error.hint(),
            Self::Worker(error) => error.hint(),
            Self::Card { .. } | Self::Task(_) => None,
        }
    }
}

/// A model as the server shows it.
fn model_info(file: &ModelFile) -> Result<ModelInfo, AppError> {
    let card = serde_json::to_string(file.card())
        .map_err(|cause| AppError::Card { model: file.name().into(), cause })?;
    Ok(ModelInfo {
        name: file.name().into(),
        version: file.version().into(),
        algorithm: file.algorithm().name().into(),
        card,
    })
}

/// Tells what came of a changed file of machines.
fn machines_changed(outcome: Result<usize, MachineError>) {
    serve::metrics::machines_file(outcome.is_ok());
    match outcome {
        Ok(machines) => tracing::info!(machines, "the file of machines has changed and is used"),
        Err(error) => {
            let hint = error.hint().unwrap_or_default();
            tracing::error!("the file of machines has changed and is not used: {error} ({hint})");
        }
    }
}

impl App {
    /// Runs until `shutdown` ends or something fails. The last epoch is committed when this returns. `started` is
    /// called with the address of the port once it is open.
    pub async fn run(
        self,
        shutdown: impl Future<Output = ()> + Send,
        started: impl FnOnce(std::net::SocketAddr) + Send,
    ) -> Result<(), AppError> {
        let extensions = model_extensions(&self.models);
        let sensors = self.worker.schema.clone();
        let source = sensors.arrow();
        let graph = Graph::plan(self.queries, &source, &extensions, &model_versions(&self.models))?;
        if self.worker.timing.allowed_lateness > 0 {
            graph.check_revisions()?;
        }
        let rules = Arc::new(AlarmPlan::compile(&self.rules, &StreamRows::of(&graph), &extensions)?);
        let listener = serve::bind(&self.listen, self.allow_anonymous).await?;
        let metrics = serve::metrics::install()?;
        let live = Arc::new(LiveState::default());
        let hot = Arc::new(HotRows::default());
        let history = Arc::new(History::new(self.archive.clone(), Some(Arc::clone(&hot)), extensions));
        let alarms = Arc::new(LiveAlarms::default());
        let parts = WorkerParts {
            graph: Arc::new(graph),
            rules: Arc::clone(&rules),
            archive: self.archive,
            live: Arc::clone(&live),
            alarms: Arc::clone(&alarms),
            hot,
            machines: Arc::clone(&self.machines),
        };
        let worker = Worker::new(self.worker, parts).await?;
        let stop_worker = worker.stop_flag();
        let follow = self.machines.follow(Arc::clone(&stop_worker), machines_changed);
        follow.map_err(|e| WorkerError::Thread(e.to_string()))?;
        let (ready, is_ready) = watch::channel(false);
        let models = self.models.files().map(model_info).collect::<Result<_, _>>()?;
        let services = Services {
            live,
            sql: Arc::clone(&history) as _,
            tables: history,
            models,
            alarms: AlarmParts { live: alarms, desk: worker.desk(), rules },
            machines: Arc::clone(&self.machines),
            sensors,
            plants: self.plants,
            metrics,
            ready: is_ready,
        };
        let address = listener.local_addr().map_err(ServeError::from)?;
        let (stop_server, stopping) = watch::channel(false);
        let mut stopping_server = stopping.clone();
        let server = tokio::spawn(serve::serve(listener, services, async move {
            // An error means that the process is going down anyway.
            if stopping_server.wait_for(|stop| *stop).await.is_err() {
                tracing::debug!("the server outlived its process");
            }
        }));
        let mut worker = tokio::task::spawn_blocking(move || worker.run());
        ready.send_replace(true);
        started(address);
        let ended = tokio::select! {
            () = shutdown => {
                stop_worker.store(true, Ordering::Relaxed);
                (&mut worker).await
            }
            ended = &mut worker => ended,
        };
        ready.send_replace(false);
        stop_server.send_replace(true);
        server.await??;
        Ok(ended??)
    }
}
