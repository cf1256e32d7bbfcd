//! The newest episode of each machine and rule, and its followers.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::alarm::{Episode, Severity};
use crate::serve::live::{AlarmCounts, Filter, LiveState};

/// The alarms of this process's partitions. All methods take `&self` and may be called from any thread.
#[derive(Debug)]
pub struct LiveAlarms {
    known: Mutex<Known>,
    /// The newest version; a change of it wakes the followers.
    changed: tokio::sync::watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Known {
    version: u64,
    /// By machine and rule.
    entries: BTreeMap<(String, String), Entry>,
}

#[derive(Debug)]
struct Entry {
    partition: i32,
    /// [`Known::version`] of its newest change.
    version: u64,
    episode: Episode,
}

impl Default for LiveAlarms {
    fn default() -> Self {
        Self { known: Mutex::default(), changed: tokio::sync::watch::Sender::new(0) }
    }
}

impl LiveAlarms {
    /// Takes in episodes that changed, and tells `live` how many are open on their machines.
    pub fn update(&self, live: &LiveState, partition: i32, episodes: Vec<Episode>) {
        if episodes.is_empty() {
            return;
        }
        let mut known = self.known();
        known.version += 1;
        let version = known.version;
        let mut machines = BTreeSet::new();
        for episode in episodes {
            machines.insert(episode.machine_id.clone());
            let key = (episode.machine_id.clone(), episode.rule.clone());
            known.entries.insert(key, Entry { partition, version, episode });
        }
        for machine in &machines {
            live.set_open_alarms(machine, known.open_on(machine));
        }
        drop(known);
        self.changed.send_replace(version);
    }

    /// Forgets a partition that another process owns now, and tells `live` that its alarms are not known here any
    /// more.
    pub fn forget(&self, live: &LiveState, partition: i32) {
        let mut known = self.known();
        let mut machines = BTreeSet::new();
        known.entries.retain(|(machine, _), entry| {
            let stays = entry.partition != partition;
            if !stays {
                machines.insert(machine.clone());
            }
            stays
        });
        for machine in &machines {
            live.set_open_alarms(machine, known.open_on(machine));
        }
    }

    /// The partition and the machine of an episode.
    pub fn find(&self, episode: &str) -> Option<(i32, String)> {
        let known = self.known();
        let mut entries = known.entries.values();
        let entry = entries.find(|entry| entry.episode.id == episode)?;
        Some((entry.partition, entry.episode.machine_id.clone()))
    }

    /// How many alarms are open.
    pub fn open(&self) -> AlarmCounts {
        let known = self.known();
        count(known.entries.values())
    }

    /// Follows the alarms that pass `filter`, see [`Watcher::next`].
    pub fn watch(self: &Arc<Self>, filter: WatchFilter, min_interval: Duration) -> Watcher {
        let changed = self.changed.subscribe();
        Watcher {
            alarms: Arc::clone(self),
            filter,
            min_interval,
            changed,
            seen: None,
            not_before: Instant::now(),
        }
    }

    /// The lock even after a panic elsewhere: entries are replaced whole.
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn open_on(&self, machine: &str) -> AlarmCounts {
        let from = (machine.to_owned(), String::new());
        let entries = self.entries.range(from..).take_while(|((id, _), _)| id == machine);
        count(entries.map(|(_, entry)| entry))
    }
}

fn count<'a>(entries: impl Iterator<Item = &'a Entry>) -> AlarmCounts {
    let mut counts = AlarmCounts::default();
    for entry in entries.filter(|entry| entry.episode.is_open()) {
        *match entry.episode.severity {
            Severity::Low => &mut counts.low,
            Severity::Medium => &mut counts.medium,
            Severity::High => &mut counts.high,
            Severity::Critical => &mut counts.critical,
        } += 1;
    }
    counts
}

/// Which alarms a follower wants.
#[derive(Debug, Clone, Default)]
pub struct WatchFilter {
    /// Of which machines.
    pub machines: Filter,
    /// Of these rules, unless empty.
    pub rules: HashSet<String>,
    /// Of these severities, unless empty.
    pub severities: HashSet<Severity>,
    /// Raised at this event time or later, microseconds.
    pub raised_from: Option<i64>,
    /// Raised before this event time, microseconds.
    pub raised_before: Option<i64>,
}

impl WatchFilter {
    fn passes(&self, episode: &Episode) -> bool {
        self.machines.matches(&episode.machine_id)
            && (self.rules.is_empty() || self.rules.contains(&episode.rule))
            && (self.severities.is_empty() || self.severities.contains(&episode.severity))
            && self.raised_from.is_none_or(|from| episode.raised_at >= from)
            && self.raised_before.is_none_or(|before| episode.raised_at < before)
    }
}

/// One follower of the alarms.
#[derive(Debug)]
pub struct Watcher {
    alarms: Arc<LiveAlarms>,
    filter: WatchFilter,
    min_interval: Duration,
    changed: tokio::sync::watch::Receiver<u64>,
    /// The version that the follower has; `None` before the first message.
    seen: Option<u64>,
    not_before: Instant,
}

impl Watcher {
    /// Waits for changes and gives the alarms that changed since the last call. The first call gives all that are
    /// open or not acknowledged, even if there is none. Calls are at least the interval apart. Dropping the
    /// future loses nothing.
    pub async fn next(&mut self) -> Vec<Episode> {
        loop {
            sleep_until(self.not_before).await;
            // Before the look: an update during it wakes us again.
            self.changed.borrow_and_update();
            let first = self.seen.is_none();
            let changed = self.look();
            if first || !changed.is_empty() {
                self.not_before = Instant::now() + self.min_interval;
                return changed;
            }
            // The sender lives in `self.alarms`, so only a change ends this.
            if let Err(closed) = self.changed.changed().await {
                tracing::error!(%closed, "the live alarms have lost their signal");
            }
        }
    }

    fn look(&mut self) -> Vec<Episode> {
        let known = self.alarms.known();
        let news = |entry: &&Entry| match self.seen {
            None => entry.episode.is_open() || entry.episode.acknowledged_at.is_none(),
            Some(seen) => entry.version > seen,
        };
        let entries = known.entries.values().filter(news).map(|entry| &entry.episode);
        let changed = entries.filter(|episode| self.filter.passes(episode)).cloned().collect();
        self.seen = Some(known.version);
        changed
    }
}
