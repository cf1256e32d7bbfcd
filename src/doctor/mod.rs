//! The system test: is everything reachable and sane?
//!
//! Four parts of the system are looked at side by side: Kafka (after the schema registry, which its messages may need), the archive, what runs (models, queries, alarm rules, machines),
//! and this machine (port, disk, files). None waits for another, each has a time limit, and what one cannot find out
//! hides nothing of the others. Three last findings compare what the parts have seen: the checkpoints with the queries
//! and the topic, the file of machines with the machines that have sent readings, and the clocks.
//!
//! Nothing is changed by it: no topic is made, the consumer group is not joined, no checkpoint is committed. One
//! object is written into the archive and deleted again, because only writing shows that it can be written.

mod archive;
mod checkpoints;
mod clock;
mod kafka;
mod machines;
mod messages;
mod place;
mod programs;
mod registry;
mod report;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use crate::config::Config;

use messages::Expected;
pub use report::{Finding, Level, Report};

/// How long each part may take. They run side by side, so it bounds the whole.
const LIMIT: Duration = Duration::from_secs(40);

/// The checks, in the order in which they are told.
pub const CHECKS: [&str; 16] = [
    "configuration",
    "broker",
    "topic",
    "registry",
    "messages",
    "group",
    "archive",
    "tables",
    "models",
    "queries",
    "alarms",
    "machines",
    "checkpoints",
    "port",
    "clock",
    "machine",
];

/// Looks at everything that the configuration `path` names. `progress` is told what is still being looked at, each
/// time that changes.
pub async fn examine(path: &Path, progress: impl Fn(&[&str]) + Sync) -> Report {
    let began = Instant::now();
    let shown = path.display().to_string();
    let config = Config::load(path).and_then(|config| Ok((config.reading_schema()?, config)));
    let (schema, config) = match config {
        Ok(loaded) => loaded,
        Err(error) => {
            let finding = Finding::failure("configuration", &error, error.hint());
            return Report::new(shown, vec![finding], began.elapsed());
        }
    };
    let seen = format!("{shown}: topic `{}`, archive {}", config.kafka.topic, config.archive.url);
    let mut findings = vec![Finding::ok("configuration", seen)];
    let running = Running { names: Mutex::default(), progress: &progress };
    let max_skew = config.dataflow.max_skew.micros();

    let (settings, columns) = (config.kafka.settings(), schema.clone());
    let kafka = async {
        let looked = running.part("registry", async { Ok(registry::look(&config).await) }).await;
        let (input, finding) = looked.unwrap_or_else(|finding| (None, Some(finding)));
        let (runtime, expected) = (Handle::current(), Expected { schema: columns, input, max_skew });
        let look = in_thread(move || kafka::look(&settings, &expected, &runtime));
        (running.part("broker", look).await, finding)
    };
    let archive = archive::look(&config.archive.url, &config.archive.s3, &config.kafka.topic);
    let archive = running.part("archive", async { Ok(archive.await) });
    let own = config.clone();
    let programs = running.part("queries", in_thread(move || programs::look(&own, &schema)));
    let port = running.part("port", async { Ok(vec![place::port(&config.serve).await]) });
    let url = config.archive.url.clone();
    let machine = running.part("machine", in_thread(move || place::machine(&url)));
    let ((kafka, registry), archive, programs, port, machine) =
        tokio::join!(kafka, archive, programs, port, machine);
    findings.extend(registry);

    let (kafka, unseen) = or_unseen(kafka);
    findings.extend(unseen);
    let (archive, unseen) = or_unseen(archive);
    findings.extend(unseen);
    let (programs, unseen) = or_unseen(programs);
    findings.extend(unseen);
    let facts = checkpoints::Facts {
        fingerprint: programs.fingerprint.as_deref(),
        epochs: archive.epochs.as_deref(),
        offsets: kafka.offsets.as_ref(),
        on_query_change: config.dataflow.on_query_change,
    };
    findings.push(checkpoints::judge(&facts));
    findings.push(machines::judge(&config.machines, archive.machines.as_ref()));
    findings.push(clock::judge(archive.ahead, kafka.ahead, max_skew));
    findings.extend(kafka.findings);
    findings.extend(archive.findings);
    findings.extend(programs.findings);
    for part in [port, machine] {
        match part {
            Ok(found) => findings.extend(found),
            Err(finding) => findings.push(finding),
        }
    }
    Report::new(shown, findings, began.elapsed())
}

/// What a part has seen; where it broke off, nothing, and the finding that says so.
fn or_unseen<T: Default>(seen: Result<T, Finding>) -> (T, Option<Finding>) {
    match seen {
        Ok(seen) => (seen, None),
        Err(finding) => (T::default(), Some(finding)),
    }
}

/// The parts that are being looked at.
struct Running<'a, P> {
    names: Mutex<Vec<&'static str>>,
    progress: &'a P,
}

impl<P: Fn(&[&str])> Running<'_, P> {
    /// Awaits one part within the limit. Its error is the finding of the check `name`.
    async fn part<T>(
        &self,
        name: &'static str,
        work: impl Future<Output = Result<T, String>>,
    ) -> Result<T, Finding> {
        self.change(|names| names.push(name));
        let ended = tokio::time::timeout(LIMIT, work).await;
        self.change(|names| names.retain(|running| *running != name));
        match ended {
            Ok(Ok(seen)) => Ok(seen),
            Ok(Err(reason)) => Err(Finding::failure(name, format!("the check broke off: {reason}"), None)),
            Err(_) => {
                let seen = format!("no end within {} s", LIMIT.as_secs());
                Err(Finding::failure(
                    name,
                    seen,
                    Some("look at the load of that server, and try again".into()),
                ))
            }
        }
    }

    fn change(&self, change: impl FnOnce(&mut Vec<&'static str>)) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut names);
        (self.progress)(&names);
    }
}

/// Runs what blocks in a thread that nobody waits for when its time is over: a folder of a dead file server would hold
/// the runtime's own threads for ever.
async fn in_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    let (done, result) = tokio::sync::oneshot::channel();
    let thread = std::thread::Builder::new().name("doctor".into()).spawn(move || {
        if done.send(work()).is_err() {
            tracing::debug!("a check ended after its time");
        }
    });
    thread.map_err(|error| format!("a thread cannot be started: {error}"))?;
    result.await.map_err(|_| "its thread panicked".into())
}

/// A span of time in the largest unit that says it: `3 s`, `5 min`, `2 h`, `4 days`. Microseconds.
fn span(micros: i64) -> String {
    let seconds = micros.unsigned_abs().div_ceil(1_000_000);
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}
