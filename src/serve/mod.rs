//! Serving: live state and history to any client, on one port.
//!
//! The port speaks HTTP/1.1 and HTTP/2 without TLS, told apart by their first bytes: gRPC, gRPC-Web, health,
//! reflection, the same services as REST/JSON under `/api`, the dashboard, and the pages `/metrics`, `/healthz`,
//! `/readyz`. What is served comes through three doors: the
//! partition threads write into [`live::LiveState`], SQL goes to a [`sql::SqlEngine`], the tables are known by
//! a [`sql::TableSource`].

pub mod alarm;
mod convert;
mod dashboard;
pub mod demo;
pub mod error;
pub(crate) mod history;
mod http;
pub mod live;
pub mod metrics;
mod prediction;
pub(crate) mod request;
pub mod rest;
mod series;
pub mod sql;
pub(crate) mod statement;
mod status;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::future::{Future, IntoFuture};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::ListenerExt;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tonic_health::ServingStatus;

use self::alarm::{AlarmDesk, LiveAlarms};
use self::demo::Plants;
use self::live::LiveState;
use self::sql::{SqlEngine, TableSource};
use crate::alarm::AlarmPlan;
use crate::machine::follow::CurrentMachines;
use crate::schema::ReadingSchema;

/// The types and services of `proto/coldstream/v1`.
#[allow(missing_docs, clippy::all, reason = "generated: documented in the protos, styled by its generator")]
pub mod proto {
    tonic::include_proto!("coldstream.v1");

    /// The protos themselves, as reflection serves them.
    pub const FILE_DESCRIPTOR_SET: &[u8] = tonic::include_file_descriptor_set!("coldstream_v1");
}

/// How long calls in progress may go on after the order to stop.
const GRACE: Duration = Duration::from_secs(5);
/// How often the samples of the histograms are gathered, so that they do not pile up where nobody scrapes.
const UPKEEP: Duration = Duration::from_secs(5);
/// The services whose health is told one by one; the empty name is the server.
const HEALTH: [&str; 5] = [
    "",
    "coldstream.v1.StatusService",
    "coldstream.v1.HistoryService",
    "coldstream.v1.AlarmService",
    "coldstream.v1.PredictionService",
];

/// A model in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelInfo {
    /// Name, as in `score('name')`.
    pub name: String,
    /// Version: the fingerprint of its file.
    pub version: String,
    /// How it was trained.
    pub algorithm: String,
    /// Its card, as JSON.
    pub card: String,
}

impl From<ModelInfo> for proto::ModelState {
    fn from(model: ModelInfo) -> Self {
        Self { name: model.name, version: model.version, algorithm: model.algorithm, card: model.card }
    }
}

/// What the server serves.
#[derive(Clone)]
pub struct Services {
    /// The plant as it is now.
    pub live: Arc<LiveState>,
    /// The plant as it was.
    pub sql: Arc<dyn SqlEngine>,
    /// The tables of the archive.
    pub tables: Arc<dyn TableSource>,
    /// The models in use.
    pub models: Vec<ModelInfo>,
    /// What is watched, and what was seen.
    pub alarms: AlarmParts,
    /// What is known of the machines.
    pub machines: Arc<CurrentMachines>,
    /// Columns of the readings.
    pub sensors: ReadingSchema,
    /// The simulated plants, where this process has them.
    pub plants: Option<Arc<dyn Plants>>,
    /// What [`metrics::install`] gave.
    pub metrics: PrometheusHandle,
    /// Whether the process is ready to answer, as `/readyz` and the gRPC health service tell it.
    pub ready: watch::Receiver<bool>,
}

/// What the service of the alarms is made of.
#[derive(Clone)]
pub struct AlarmParts {
    /// The alarms as they are now.
    pub live: Arc<LiveAlarms>,
    /// Takes acknowledgements.
    pub desk: Arc<dyn AlarmDesk>,
    /// The rules.
    pub rules: Arc<AlarmPlan>,
}

/// A server that cannot be.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The port is taken.
    #[error("{0} is in use by another program")]
    Busy(SocketAddr),
    /// Not an address.
    #[error("`{address}` is not an address to listen on: {cause}")]
    BadAddress {
        /// As configured.
        address: String,
        /// What is wrong.
        cause: io::Error,
    },
    /// An address that others reach, and no authentication.
    #[error("{0} can be reached from other machines, and the server has no authentication")]
    Exposed(SocketAddr),
    /// The system refuses the address.
    #[error("cannot listen on {address}: {cause}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        cause: io::Error,
    },
    /// The connections cannot be accepted any more.
    #[error("the server failed: {0}")]
    Io(#[from] io::Error),
    /// The descriptors compiled into the program are broken.
    #[error("reflection cannot be set up: {0}")]
    Reflection(tonic_reflection::server::Error),
    /// The routes of REST and the protos do not fit.
    #[error("REST cannot be set up: {0}")]
    Rest(#[from] rest::RestError),
    /// The metrics recorder is taken.
    #[error("metrics cannot be set up: {0}")]
    Metrics(String),
}

impl ServeError {
    /// What to do about it, where known.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Busy(_) => {
                "stop that program, or choose another port: --port, or `serve.listen` in coldstream.toml"
            }
            Self::BadAddress { .. } => "write host and port, such as `listen = \"127.0.0.1:5001\"`",
            Self::Exposed(_) => {
                "listen on 127.0.0.1, or set `serve.allow_anonymous = true` where only trusted machines reach the port"
            }
            Self::Bind { address, .. } if address.port() < 1024 && address.port() != 0 => {
                "ports below 1024 are for the system: choose another one"
            }
            Self::Bind { .. } => "choose an address of this machine: `serve.listen` in coldstream.toml",
            Self::Io(_) | Self::Reflection(_) | Self::Rest(_) | Self::Metrics(_) => return None,
        };
        Some(hint.into())
    }
}

/// Takes the port of `address`, such as `127.0.0.1:5001`; port 0 takes any free one.
///
/// There is no authentication yet, so an address other machines can reach is refused, unless
/// `allow_anonymous` says that this is meant.
pub async fn bind(address: &str, allow_anonymous: bool) -> Result<TcpListener, ServeError> {
    let bad = |cause| ServeError::BadAddress { address: address.to_owned(), cause };
    let resolved: Vec<SocketAddr> = tokio::net::lookup_host(address).await.map_err(bad)?.collect();
    if let Some(open) = resolved.iter().find(|address| !address.ip().is_loopback() && !allow_anonymous) {
        return Err(ServeError::Exposed(*open));
    }
    let Some(&address) = resolved.first() else {
        return Err(bad(io::Error::other("the name has no address")));
    };
    TcpListener::bind(address).await.map_err(|cause| match cause.kind() {
        io::ErrorKind::AddrInUse => ServeError::Busy(address),
        _ => ServeError::Bind { address, cause },
    })
}

/// Serves on `listener` until `shutdown` ends; then watches end, calls in progress get a few seconds, and the
/// function returns.
pub async fn serve(
    listener: TcpListener,
    services: Services,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    let (stop, stopping) = watch::channel(false);
    let (mut reporter, health) = tonic_health::server::health_reporter();
    let mut ready = services.ready.clone();
    let metrics = services.metrics.clone();
    let router = http::router(services, health, stopping.clone())?;
    // Small messages, such as one changed machine, go out at once.
    let listener = listener.tap_io(|socket| {
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "a connection cannot be set to send at once");
        }
    });
    let mut server =
        pin!(axum::serve(listener, router).with_graceful_shutdown(stopped(stopping)).into_future());
    let mut shutdown = pin!(shutdown);
    let mut upkeep = tokio::time::interval(UPKEEP);
    let mut follow_ready = true;
    let is_ready = *ready.borrow_and_update();
    report(&reporter, is_ready).await;
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            ended = &mut server => return Ok(ended?),
            _ = upkeep.tick() => metrics.run_upkeep(),
            changed = ready.changed(), if follow_ready => {
                // Without its sender the value stays as it is.
                follow_ready = changed.is_ok();
                let is_ready = *ready.borrow_and_update();
                report(&reporter, is_ready).await;
            }
        }
    }
    report(&reporter, false).await;
    // Ends the streams of those who watch the health: a stream without end would use up the grace.
    for service in HEALTH {
        reporter.clear_service_status(service).await;
    }
    stop.send_replace(true);
    match tokio::time::timeout(GRACE, server).await {
        Ok(ended) => Ok(ended?),
        Err(_) => {
            tracing::warn!(
                "calls still in progress {} s after the order to stop are cut off",
                GRACE.as_secs()
            );
            Ok(())
        }
    }
}

async fn report(reporter: &tonic_health::server::HealthReporter, ready: bool) {
    let status = if ready { ServingStatus::Serving } else { ServingStatus::NotServing };
    for service in HEALTH {
        reporter.set_service_status(service, status).await;
    }
}

/// Ends when the server is to stop, or is gone.
async fn stopped(mut stopping: watch::Receiver<bool>) {
    while !*stopping.borrow_and_update() {
        if stopping.changed().await.is_err() {
            return;
        }
    }
}
