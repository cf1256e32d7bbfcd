//! `coldstream demo`: everything in one process, on an embedded broker.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use chrono::Utc;
use clap::Args;
use rdkafka::mocking::MockCluster;

use super::failure::Failure;
use super::run::stopped;
use crate::alarm::RuleFile;
use crate::app::App;
use crate::archive::{Archive, StoreOptions};
use crate::config::OnQueryChange;
use crate::dataflow::{Query, Timing};
use crate::machine::follow::CurrentMachines;
use crate::model::Registry;
use crate::schema::ReadingSchema;
use crate::simulate::parse_duration;
use crate::source::input::Input;
use crate::source::kafka::KafkaSettings;
use crate::worker::WorkerSettings;

mod plants;

use plants::PlantsThread;

/// Partitions of the embedded broker's topic.
const PARTITIONS: i32 = 4;
/// Every run has a topic of its own, whose name begins so.
const TOPIC: &str = "readings-";

/// Run everything in one process, with simulated plants and an embedded broker
///
/// Needs nothing else. What is known of the machines is in DIR/machines.toml; change it and see. The tables stay in DIR/archive and grow with each run; alarms that were open when a run ended,
/// even by a kill, go on in the next.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:\n  coldstream demo --machines 50 --alarms classic --port 5002 --for 10m")]
pub struct DemoArgs {
    /// Number of simulated machines
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub machines: u32,
    /// Port to serve on, on 127.0.0.1
    #[arg(long, default_value_t = 5001)]
    pub port: u16,
    /// Folder of the tables
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub data: PathBuf,
    /// Alarm rules: a file, or a shipped set (default, classic, none)
    #[arg(long, value_name = "FILE|SET", default_value = "default")]
    pub alarms: String,
    /// Stop after this time, e.g. 60s [default: at Ctrl-C]
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration)]
    pub lasting: Option<i64>,
}

/// Runs the demonstration.
pub async fn run(args: &DemoArgs) -> Result<(), Failure> {
    let broker =
        MockCluster::new(1).map_err(|e| Failure::new(format!("the embedded broker failed: {e}"), None))?;
    // The embedded broker forgets, the archive does not: a topic of its own keeps the offsets of two runs apart.
    let topic = format!("{TOPIC}{}", Utc::now().format("%Y%m%dT%H%M%S%3f"));
    broker
        .create_topic(&topic, PARTITIONS, 1)
        .map_err(|e| Failure::new(format!("the embedded broker failed: {e}"), None))?;
    let brokers = broker.bootstrap_servers();
    let folder = args.data.join("archive");
    let archive = Archive::open(&folder.display().to_string(), &StoreOptions::default()).await?;
    // The same machines go on, in the same partitions: their alarms must not stay open for ever in a topic that is gone.
    let mut former_topics = archive.topics().await?;
    former_topics.retain(|former| former.starts_with(TOPIC) && *former < topic);
    former_topics.sort_unstable_by(|a, b| b.cmp(a));
    let stop = Arc::new(AtomicBool::new(false));
    let (plants, hand) = PlantsThread::new(args.machines, brokers.clone(), topic.clone(), Arc::clone(&stop));
    let known = args.data.join("machines.toml");
    plants.write_machines(&known)?;
    let app = App {
        worker: WorkerSettings {
            kafka: KafkaSettings {
                brokers,
                topic,
                group: "coldstream-demo".into(),
                options: BTreeMap::new(),
            },
            input: Input::default(),
            schema: ReadingSchema::default(),
            commit_interval: Duration::from_secs(5),
            timing: Timing::new(2_000_000),
            max_skew: 600_000_000,
            idle_timeout: 30_000_000,
            max_buffered: 64 << 20,
            max_drift: None,
            on_query_change: OnQueryChange::Rebuild,
            former_topics,
        },
        queries: shipped_queries(),
        rules: RuleFile::load(&args.alarms)?,
        models: Arc::new(shipped_models()?),
        archive,
        machines: Arc::new(CurrentMachines::load(&known)?),
        listen: format!("127.0.0.1:{}", args.port),
        allow_anonymous: false,
        plants: Some(hand),
    };
    let plants = thread::Builder::new().name("plants".into()).spawn(move || plants.run());
    let plants = plants.map_err(|e| Failure::new(format!("a thread cannot be started: {e}"), None))?;
    let ended = {
        let signal = stopped()?;
        let lasting = args.lasting.map(|micros| Duration::from_micros(micros.unsigned_abs()));
        let shutdown = async move {
            match lasting {
                None => signal.await,
                Some(lasting) => tokio::select! {
                    () = signal => {}
                    () = tokio::time::sleep(lasting) => {}
                },
            }
        };
        let machines = args.machines;
        app.run(shutdown, move |address| welcome(machines, address, &folder)).await
    };
    stop.store(true, Ordering::Relaxed);
    let sent = plants.join().map_err(|_| Failure::new("the simulated plants failed", None))?;
    drop(broker);
    ended?;
    println!("{} readings were simulated", sent?);
    Ok(())
}

fn welcome(machines: u32, address: std::net::SocketAddr, folder: &Path) {
    let folder = folder.display();
    println!(
        "Coldstream demo: {machines} simulated machines, one reading a second each.\n\
         The dashboard:        http://{address}  (REST under /api; gRPC, gRPC-Web and /metrics too)\n\
         The tables:           {folder}  (Delta Lake; committed every 5 s)\n\
         \n\
         Ask it in another terminal, after about half a minute:\n\
         \x20 coldstream query \"SELECT machine_id, count(*) FROM readings GROUP BY machine_id\"{port}\n\
         \x20 coldstream query \"SELECT * FROM predictions ORDER BY window_end DESC LIMIT 10\"{port}\n\
         Ctrl-C stops it.",
        port = if address.port() == 5001 { String::new() } else { format!(" --server http://{address}") },
    );
}

/// The queries of the project, as they were when it was built.
fn shipped_queries() -> Vec<Query> {
    [
        ("features", include_str!("../../queries/features.sql")),
        ("predictions", include_str!("../../queries/predictions.sql")),
        ("predictions_forest", include_str!("../../queries/predictions_forest.sql")),
        ("quality", include_str!("../../queries/quality.sql")),
        ("residuals", include_str!("../../queries/baselines/residuals.sql")),
    ]
    .map(|(name, sql)| Query { name: name.into(), file: format!("queries/{name}.sql"), sql: sql.into() })
    .into()
}

fn shipped_models() -> Result<Registry, Failure> {
    let mut registry = Registry::default();
    for (path, text) in [
        ("models/demo/expected_condensing.json", include_str!("../../models/demo/expected_condensing.json")),
        ("models/demo/expected_cop.json", include_str!("../../models/demo/expected_cop.json")),
        ("models/demo/expected_current.json", include_str!("../../models/demo/expected_current.json")),
        (
            "models/demo/expected_evaporating.json",
            include_str!("../../models/demo/expected_evaporating.json"),
        ),
        ("models/failure.json", include_str!("../../models/failure.json")),
        ("models/failure_forest.json", include_str!("../../models/failure_forest.json")),
    ] {
        registry.insert_text(text, Path::new(path))?;
    }
    Ok(registry)
}
