//! `coldstream run`: the worker and the server, as `coldstream.toml` says.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::failure::Failure;
use crate::alarm::RuleFile;
use crate::app::App;
use crate::archive::Archive;
use crate::config::Config;
use crate::dataflow::Query;
use crate::model::Registry;
use crate::source::input::Input;
use crate::worker::WorkerSettings;

/// Read from Kafka, compute, score, archive and serve
///
/// Ends on SIGTERM or Ctrl-C after a last commit. After a kill it goes on where the tables end.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:\n  coldstream run --config coldstream.toml")]
pub struct RunArgs {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "coldstream.toml")]
    pub config: PathBuf,
}

/// Runs until it is told to stop.
pub async fn run(args: &RunArgs) -> Result<(), Failure> {
    let config = Config::load(&args.config)?;
    let queries = Query::load_dir(&config.dataflow.queries)?;
    let models = Arc::new(Registry::load_dir(&config.dataflow.models)?);
    let rules = RuleFile::choose(config.alarms.rules.as_deref(), &config.dataflow.queries)?;
    if rules.rules.is_empty() {
        tracing::warn!("no alarm rules: nothing is watched; see [alarms] in coldstream.toml");
    }
    let machines = Arc::new(config.machines.load()?);
    let (format, absent, registry) = config.format()?;
    let worker = WorkerSettings {
        kafka: config.kafka.settings(),
        input: Input::new(format, absent, registry)?,
        schema: config.reading_schema()?,
        commit_interval: config.archive.commit_interval.duration(),
        timing: config.dataflow.timing(),
        max_skew: config.dataflow.max_skew.micros(),
        idle_timeout: config.dataflow.idle_timeout.micros(),
        max_buffered: config.dataflow.max_buffered.bytes(),
        max_drift: Some(config.dataflow.max_drift.micros()).filter(|drift| *drift > 0),
        on_query_change: config.dataflow.on_query_change,
        former_topics: Vec::new(),
    };
    let archive = Archive::open(&config.archive.url, &config.archive.s3).await?;
    let app = App {
        worker,
        queries,
        rules,
        models,
        archive,
        machines,
        listen: config.serve.listen,
        allow_anonymous: config.serve.allow_anonymous,
        plants: None,
    };
    let topic = config.kafka.topic;
    let started = move |address| eprintln!("coldstream reads `{topic}` and serves on http://{address}");
    app.run(stopped()?, started).await?;
    Ok(())
}

/// Ends at SIGTERM or Ctrl-C.
pub fn stopped() -> Result<impl Future<Output = ()> + Send, Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let listen =
        |kind| signal(kind).map_err(|e| Failure::new(format!("signals cannot be received: {e}"), None));
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
