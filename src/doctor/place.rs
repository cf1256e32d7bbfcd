//! This machine: the port, the disk under a local archive, the limit of open files.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::{Finding, span};
use crate::archive::local_folder;
use crate::config::ServeConfig;
use crate::serve::proto::GetSystemStatusRequest;
use crate::serve::proto::status_service_client::StatusServiceClient;
use crate::serve::{self, ServeError};

/// How long whoever has the port may take for an answer.
const ANSWER: Duration = Duration::from_secs(5);
/// The service by whose health a Coldstream is known.
const SERVICE: &str = "coldstream.v1.StatusService";
/// Below so much free space nothing can be written for long, bytes.
const FULL: u64 = 256 << 20;
/// Below so much, or a twentieth of the whole, somebody should make room, bytes.
const TIGHT: u64 = 2 << 30;
/// Files, sockets and tables together stay below this.
const FEW_FILES: u64 = 1_024;

/// Whether the port is free, or a Coldstream's already.
pub(super) async fn port(config: &ServeConfig) -> Finding {
    // Taken and given back at once: nothing else shows that it can be had.
    match serve::bind(&config.listen, config.allow_anonymous).await {
        Ok(_) => Finding::ok("port", format!("{} is free", config.listen)),
        Err(ServeError::Busy(address)) => match coldstream_at(reachable(address)).await {
            Some(finding) => finding,
            None => {
                let error = ServeError::Busy(address);
                Finding::failure("port", &error, error.hint())
            }
        },
        Err(error) => Finding::failure("port", &error, error.hint()),
    }
}

/// A server that listens everywhere is asked on loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// What the Coldstream at `address` says of itself; none where it is something else.
async fn coldstream_at(address: SocketAddr) -> Option<Finding> {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).ok()?;
    let endpoint = endpoint.connect_timeout(ANSWER).timeout(ANSWER);
    // A listener that takes the connection and says nothing holds up the handshake as well.
    let channel = tokio::time::timeout(ANSWER, endpoint.connect()).await.ok()?.ok()?;
    let request = HealthCheckRequest { service: SERVICE.into() };
    let health = HealthClient::new(channel.clone()).check(request).await.ok()?.into_inner();
    let itself = itself(channel).await;
    Some(match health.status() {
        ServingStatus::Serving => Finding::ok("port", format!("{address} is served by a running {itself}")),
        _ => {
            let cure = "it is starting or stopping: ask again in some seconds, and look at its log";
            let seen = format!("{address} belongs to a {itself} that is not ready");
            Finding::warning("port", seen, Some(cure.into()))
        }
    })
}

async fn itself(channel: Channel) -> String {
    match StatusServiceClient::new(channel).get_system_status(GetSystemStatusRequest {}).await {
        Ok(status) => {
            let status = status.into_inner();
            let up = status.uptime.map_or(0, |uptime| uptime.seconds);
            format!("Coldstream {}, for {}", status.version, span(up.saturating_mul(1_000_000)))
        }
        // It may be busy with its tables; that it is a Coldstream is known.
        Err(_) => "Coldstream".into(),
    }
}

/// The disk and the limits. Blocks.
pub(super) fn machine(archive: &str) -> Vec<Finding> {
    let disk = match local_folder(archive) {
        Some(folder) => disk(&folder),
        None => Finding::ok("machine", "the archive and its checkpoints take no disk of this machine"),
    };
    std::iter::once(disk).chain(open_files()).collect()
}

fn disk(folder: &Path) -> Finding {
    let there = folder.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("."));
    let shown = folder.display();
    let space = match rustix::fs::statvfs(there) {
        Ok(space) => space,
        Err(error) => {
            let seen = format!("the free space of {shown} cannot be asked for: {error}");
            return Finding::warning("machine", seen, None);
        }
    };
    let free = space.f_bavail.saturating_mul(space.f_frsize);
    let whole = space.f_blocks.saturating_mul(space.f_frsize);
    judge_disk(&shown.to_string(), free, whole)
}

/// `free` and `whole` in bytes.
pub(super) fn judge_disk(folder: &str, free: u64, whole: u64) -> Finding {
    let seen = format!("{} of {} free for the tables and checkpoints in {folder}", size(free), size(whole));
    let cure = || Some("make room, or move the archive to a larger disk or to s3://".into());
    match free {
        _ if free < FULL => Finding::failure("machine", seen, cure()),
        _ if free < TIGHT || free < whole / 20 => Finding::warning("machine", seen, cure()),
        _ => Finding::ok("machine", seen),
    }
}

fn size(bytes: u64) -> String {
    let gigabytes = bytes as f64 / 1e9;
    if gigabytes < 1.0 { format!("{:.0} MB", bytes as f64 / 1e6) } else { format!("{gigabytes:.0} GB") }
}

/// The limit of open files, where the system tells it (Linux).
fn open_files() -> Option<Finding> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    judge_open_files(soft_limit(&limits)?)
}

/// From the line `Max open files  1024  1048576  files`.
pub(super) fn soft_limit(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    let soft = line.split_whitespace().next()?;
    if soft == "unlimited" { Some(u64::MAX) } else { soft.parse().ok() }
}

/// A limit that is high enough is nothing to tell.
fn judge_open_files(limit: u64) -> Option<Finding> {
    (limit < FEW_FILES).then(|| {
        let cure = "raise it: `ulimit -n 65536`, or LimitNOFILE=65536 of the service";
        Finding::warning("machine", format!("only {limit} files may be open at a time"), Some(cure.into()))
    })
}
