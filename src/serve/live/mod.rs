//! The plant as it is now: the newest row of each machine in each stream.
//!
//! Partition threads write whole batches and must never wait for a reader. So a machine has a lock of its own,
//! held only to exchange a pointer; rows are made column by column, once, and never changed. A watcher has no queue: each
//! machine carries a version, and a watcher compares it with the version that it sent last. However slow it
//! is, it costs the writers nothing and gets the newest state of each machine.
//!
//! ```text
//!  partition threads ── update(batch) ──▶ machine 1: version, newest row of each stream
//!                                         machine 2: …
//!                        wake-up ───────▶ watchers compare versions, at most every `min_interval`
//! ```

mod about;
mod cluster;
mod health;
mod messages;
mod predictions;
mod row;
#[cfg(test)]
mod tests;
mod watch;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arrow::array::RecordBatch;
use prost::Message;

use self::about::About;
use self::cluster::Cluster;
pub use self::health::AlarmCounts;
use self::health::state_of;
use self::messages::Messages;
pub use self::messages::{KEPT_MESSAGES, MESSAGE_HEAD};
pub use self::predictions::{PredictionFilter, PredictionWatcher};
use self::row::{Newest, Row};
pub use self::watch::Watcher;
use super::proto::{self, MachineState};
use super::{convert, metrics};
use crate::schema::{DEAD_LETTERS, LATE_READINGS, READINGS};

/// From this probability of failure on, a machine is in state `WARNING`.
pub const WARNING_FROM: f64 = 0.5;
/// From this probability of failure on, a machine is in state `CRITICAL`.
pub const CRITICAL_FROM: f64 = 0.8;
/// A machine without readings for this long is `STALE`, unless configured otherwise.
pub const STALE_AFTER: Duration = Duration::from_secs(60);

/// Text of messages is kept well below the 4 MiB that gRPC clients accept.
const MESSAGE_BYTES: usize = 1 << 20;
/// `last_seen` of a machine without readings.
const NEVER: i64 = i64::MIN;

/// Where the processing of a Kafka partition is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionStatus {
    /// Number of the partition.
    pub partition: i32,
    /// Offset of the next message to process.
    pub next_offset: i64,
    /// Offset after the newest message in Kafka, if known.
    pub high_watermark: Option<i64>,
    /// Event time up to which readings are complete, microseconds since the epoch; `None` before the first.
    pub watermark: Option<i64>,
    /// Number of the newest checkpoint, counted from 1; 0 before the first.
    pub epoch: u64,
}

impl PartitionStatus {
    /// Messages still to process, if known.
    pub fn lag(&self) -> Option<i64> {
        self.high_watermark.map(|end| (end - self.next_offset).max(0))
    }
}

/// Which machines; see `MachineFilter` of the API. The default lets all pass.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only these ids, unless empty.
    pub ids: HashSet<String>,
    /// Only ids that begin so.
    pub prefix: String,
}

impl Filter {
    /// Whether the machine `id` passes.
    pub fn matches(&self, id: &str) -> bool {
        (self.ids.is_empty() || self.ids.contains(id)) && id.starts_with(&self.prefix)
    }
}

impl From<proto::MachineFilter> for Filter {
    fn from(filter: proto::MachineFilter) -> Self {
        Self { ids: filter.machine_ids.into_iter().collect(), prefix: filter.id_prefix }
    }
}

/// Counts of a process since it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Readings processed.
    pub readings: u64,
    /// Messages that could not be used.
    pub dead_letters: u64,
    /// Readings too late for their windows.
    pub late_readings: u64,
}

/// The live state of a process. All methods take `&self` and may be called from any thread.
pub struct LiveState {
    stale_after: Duration,
    started_at: SystemTime,
    // Readings are dated by this clock, which nobody can set: a changed wall clock makes no machine stale.
    clock: Instant,
    registry: RwLock<Registry>,
    partitions: Mutex<BTreeMap<i32, PartitionStatus>>,
    messages: Mutex<Messages>,
    cluster: Mutex<Option<Cluster>>,
    readings: AtomicU64,
    dead_letters: AtomicU64,
    late_readings: AtomicU64,
    /// Machines that the file of machines does not know.
    unknown: AtomicU64,
    // Counts updates; a change of it wakes the watchers.
    changed: tokio::sync::watch::Sender<u64>,
}

/// All machines ever seen. Machines are added, never removed, so an index stands for a machine for good.
#[derive(Default)]
struct Registry {
    by_id: HashMap<Arc<str>, usize>,
    all: Vec<Arc<Machine>>,
}

struct Machine {
    id: Arc<str>,
    /// Grows with each change of `newest`, after the change.
    version: AtomicU64,
    /// When the newest reading was processed: microseconds of `LiveState::clock`, or `NEVER`.
    last_seen: AtomicI64,
    newest: Mutex<Streams>,
}

#[derive(Default, Clone)]
struct Streams {
    readings: u64,
    reading: Option<Row>,
    derived: BTreeMap<Arc<str>, Row>,
    alarms: AlarmCounts,
    about: Option<About>,
}

/// The lock even after a panic elsewhere: what it guards is replaced in one step, so it is never half-written.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Default for LiveState {
    fn default() -> Self {
        Self::new(STALE_AFTER)
    }
}

impl LiveState {
    /// An empty state. A machine without a reading for `stale_after` of wall clock is stale.
    pub fn new(stale_after: Duration) -> Self {
        Self {
            stale_after,
            started_at: SystemTime::now(),
            clock: Instant::now(),
            registry: RwLock::default(),
            partitions: Mutex::default(),
            messages: Mutex::default(),
            cluster: Mutex::default(),
            readings: AtomicU64::new(0),
            dead_letters: AtomicU64::new(0),
            late_readings: AtomicU64::new(0),
            unknown: AtomicU64::new(0),
            changed: tokio::sync::watch::Sender::new(0),
        }
    }

    /// Takes in a batch of `stream`: `readings`, or the name of a query. Rows of `dead_letters` and
    /// `late_readings` are only counted, as rows of that stream; tell their causes by
    /// [`LiveState::dead_letters`] and [`LiveState::late_readings`].
    ///
    /// A row replaces the machine's row in that stream if its event time (`window_time`, else `timestamp`) is
    /// not older. Counts the rows in the metrics, too.
    pub fn update(&self, stream: &str, batch: &RecordBatch) {
        let rows = batch.num_rows() as u64;
        if rows == 0 {
            return;
        }
        metrics::rows(stream, rows);
        if stream == READINGS {
            self.readings.fetch_add(rows, Ordering::Relaxed);
            metrics::readings(rows);
        }
        if stream == DEAD_LETTERS || stream == LATE_READINGS {
            return;
        }
        match Newest::of(batch) {
            Ok(Some(newest)) => self.apply(stream, newest),
            Ok(None) => {}
            // Only the view is poorer: the rows themselves are on their way to the tables.
            Err(error) => tracing::error!(stream, %error, "rows cannot be shown in the live state"),
        }
    }

    fn apply(&self, stream: &str, newest: Newest) {
        let name: Arc<str> = stream.into();
        let now = self.elapsed();
        let machines = self.machines(newest.picks.iter().map(|pick| newest.id(pick)));
        for ((pick, row), machine) in newest.picks.iter().zip(newest.rows).zip(machines) {
            let mut streams = lock(&machine.newest);
            if stream == READINGS {
                streams.readings += pick.rows;
                if streams.reading.as_ref().is_none_or(|held| row.time >= held.time) {
                    streams.reading = Some(row);
                }
                machine.last_seen.store(now, Ordering::Relaxed);
            } else if streams.derived.get(&name).is_none_or(|held| row.time >= held.time) {
                streams.derived.insert(Arc::clone(&name), row);
            } else {
                continue;
            }
            machine.version.fetch_add(1, Ordering::Release);
        }
        self.changed.send_modify(|updates| *updates += 1);
    }

    /// Tells how many alarms of `machine` are open.
    pub fn set_open_alarms(&self, machine: &str, open: AlarmCounts) {
        for machine in self.machines(std::iter::once(machine)) {
            lock(&machine.newest).alarms = open;
            machine.version.fetch_add(1, Ordering::Release);
        }
        self.changed.send_modify(|updates| *updates += 1);
    }

    /// Takes in rows of the table of machines: the newest of each counts.
    pub fn set_machines(&self, rows: &RecordBatch) {
        let abouts = About::of(rows);
        if abouts.is_empty() {
            return;
        }
        let machines = self.machines(abouts.iter().map(|(id, _)| id.as_str()));
        for ((_, about), machine) in abouts.into_iter().zip(machines) {
            let is_unknown = |about: &About| u64::from(!about.known);
            let now = is_unknown(&about);
            let before = lock(&machine.newest).about.replace(about).map_or(0, |about| is_unknown(&about));
            // Wraps where it falls: only one of the two is 1.
            self.unknown.fetch_add(now.wrapping_sub(before), Ordering::Relaxed);
            machine.version.fetch_add(1, Ordering::Release);
        }
        metrics::unknown_machines(self.unknown_machines());
        self.changed.send_modify(|updates| *updates += 1);
    }

    /// How many machines have sent readings that the file of machines does not know.
    pub fn unknown_machines(&self) -> u64 {
        self.unknown.load(Ordering::Relaxed)
    }

    /// The machines with these ids, made where they are new.
    fn machines<'a>(&self, ids: impl Iterator<Item = &'a str> + Clone) -> Vec<Arc<Machine>> {
        {
            let registry = self.registry.read().unwrap_or_else(PoisonError::into_inner);
            let known = ids.clone().map(|id| Some(Arc::clone(registry.get(id)?)));
            if let Some(all) = known.collect() {
                return all;
            }
        }
        let mut registry = self.registry.write().unwrap_or_else(PoisonError::into_inner);
        ids.map(|id| registry.get_or_add(id)).collect()
    }

    /// Counts messages that could not be used, for a `reason` out of a few fixed words.
    pub fn dead_letters(&self, reason: &'static str, messages: u64) {
        self.dead_letters.fetch_add(messages, Ordering::Relaxed);
        metrics::dead_letters(reason, messages);
    }

    /// Counts readings too late for the windows of `stream`.
    pub fn late_readings(&self, stream: &str, readings: u64) {
        self.late_readings.fetch_add(readings, Ordering::Relaxed);
        metrics::late_readings(stream, readings);
    }

    /// Notes where a partition is.
    pub fn set_partition(&self, status: PartitionStatus) {
        metrics::partition(&status);
        lock(&self.partitions).insert(status.partition, status);
    }

    /// Forgets a partition that moved to another worker.
    pub fn remove_partition(&self, partition: i32) {
        lock(&self.partitions).remove(&partition);
        lock(&self.messages).remove(&partition);
    }

    /// The partitions of this process, by number.
    pub fn partitions(&self) -> Vec<PartitionStatus> {
        lock(&self.partitions).values().copied().collect()
    }

    /// Counts since the start.
    pub fn totals(&self) -> Totals {
        Totals {
            readings: self.readings.load(Ordering::Relaxed),
            dead_letters: self.dead_letters.load(Ordering::Relaxed),
            late_readings: self.late_readings.load(Ordering::Relaxed),
        }
    }

    /// When this state was made, microseconds since the epoch, by the wall clock of that moment.
    pub fn started_at(&self) -> i64 {
        // A clock before 1970 is set wrongly; 1970 is then as good as any answer.
        self.started_at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64)
    }

    /// How long ago that was.
    pub fn uptime(&self) -> Duration {
        self.clock.elapsed()
    }

    fn elapsed(&self) -> i64 {
        self.clock.elapsed().as_micros() as i64
    }

    /// How many machines are in each state; a state without machines is absent.
    pub fn count_by_state(&self) -> BTreeMap<MachineState, u64> {
        let now = self.elapsed();
        let mut counts = BTreeMap::new();
        for machine in self.snapshot() {
            *counts.entry(self.state(&machine, now)).or_default() += 1;
        }
        counts
    }

    /// The machine `id`; `None` if no row of it was seen.
    pub fn machine(&self, id: &str) -> Option<proto::Machine> {
        let registry = self.registry.read().unwrap_or_else(PoisonError::into_inner);
        let machine = Arc::clone(registry.get(id)?);
        drop(registry);
        Some(self.view(&machine, self.elapsed()))
    }

    /// Up to `most` machines that pass `filter` and are in one of `states` (any, if empty), in the order of their
    /// ids, after the id `after`; fewer where they would make a message too large. The text is the id to go
    /// on after, `None` at the end.
    pub fn page(
        &self,
        filter: &Filter,
        states: &[MachineState],
        after: &str,
        most: usize,
    ) -> (Vec<proto::Machine>, Option<String>) {
        let now = self.elapsed();
        let mut machines = self.snapshot();
        machines.retain(|machine| {
            (after.is_empty() || &*machine.id > after)
                && filter.matches(&machine.id)
                && (states.is_empty() || states.contains(&self.state(machine, now)))
        });
        machines.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        let mut bytes = 0;
        let mut page: Vec<proto::Machine> = Vec::new();
        for machine in &machines {
            if page.len() == most || bytes > MESSAGE_BYTES {
                let next = page.last().map(|last| last.id.clone());
                return (page, next);
            }
            let view = self.view(machine, now);
            bytes += view.encoded_len();
            page.push(view);
        }
        (page, None)
    }

    /// Follows the machines that pass `filter`, see [`Watcher::next`].
    pub fn watch(self: &Arc<Self>, filter: Filter, min_interval: Duration) -> Watcher {
        Watcher::new(Arc::clone(self), filter, min_interval)
    }

    /// Follows the predictions that pass `filter`, see [`PredictionWatcher::next`].
    pub fn watch_predictions(
        self: &Arc<Self>,
        filter: PredictionFilter,
        min_interval: Duration,
    ) -> PredictionWatcher {
        PredictionWatcher::new(Arc::clone(self), filter, min_interval)
    }

    fn snapshot(&self) -> Vec<Arc<Machine>> {
        self.registry.read().unwrap_or_else(PoisonError::into_inner).all.clone()
    }

    fn is_stale(&self, machine: &Machine, now: i64) -> bool {
        let seen = machine.last_seen.load(Ordering::Relaxed);
        seen == NEVER || now.saturating_sub(seen) > self.stale_after.as_micros() as i64
    }

    fn state(&self, machine: &Machine, now: i64) -> MachineState {
        if self.is_stale(machine, now) {
            return MachineState::Stale;
        }
        let streams = lock(&machine.newest);
        state_of(streams.derived.values().filter_map(|row| row.probability()), streams.alarms)
    }

    /// The machine as the API gives it.
    fn view(&self, machine: &Machine, now: i64) -> proto::Machine {
        let streams = lock(&machine.newest).clone();
        let derived = || streams.derived.iter();
        let seen = machine.last_seen.load(Ordering::Relaxed);
        let state = if self.is_stale(machine, now) {
            MachineState::Stale
        } else {
            state_of(derived().filter_map(|(_, row)| row.probability()), streams.alarms)
        };
        proto::Machine {
            id: machine.id.to_string(),
            state: state.into(),
            last_reading: streams.reading.as_ref().map(|row| row.to_proto()),
            streams: derived().map(|(name, row)| (name.to_string(), row.to_proto())).collect(),
            predictions: derived()
                .filter(|(_, row)| row.is_prediction())
                .map(|(name, row)| row.to_prediction(name, &machine.id))
                .collect(),
            readings: streams.readings,
            last_seen: (seen != NEVER).then(|| convert::timestamp(self.started_at() + seen)),
            open_alarms: streams.alarms.to_proto(),
            about: streams.about.map(Into::into),
        }
    }
}

impl Registry {
    fn get(&self, id: &str) -> Option<&Arc<Machine>> {
        self.by_id.get(id).map(|&index| &self.all[index])
    }

    fn get_or_add(&mut self, id: &str) -> Arc<Machine> {
        if let Some(machine) = self.get(id) {
            return Arc::clone(machine);
        }
        let id: Arc<str> = id.into();
        let machine = Arc::new(Machine {
            id: Arc::clone(&id),
            version: AtomicU64::new(0),
            last_seen: AtomicI64::new(NEVER),
            newest: Mutex::default(),
        });
        self.by_id.insert(id, self.all.len());
        self.all.push(Arc::clone(&machine));
        machine
    }
}
