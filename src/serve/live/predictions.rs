//! Following predictions without a queue.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use prost::Message;
use tokio::time::{Instant, sleep_until};

use super::row::{Mark, Row};
use super::{Filter, LiveState, MESSAGE_BYTES, Machine, lock};
use crate::serve::proto;

/// Which predictions; the default lets all pass.
#[derive(Debug, Clone, Default)]
pub struct PredictionFilter {
    /// Of which machines.
    pub machines: Filter,
    /// Of these streams, unless empty.
    pub streams: HashSet<String>,
    /// With at least this probability.
    pub min_probability: Option<f64>,
}

impl PredictionFilter {
    fn passes(&self, row: &Row) -> bool {
        self.min_probability.is_none_or(|least| row.probability().is_some_and(|it| it >= least))
    }
}

/// One follower of the predictions.
pub struct PredictionWatcher {
    live: Arc<LiveState>,
    filter: PredictionFilter,
    min_interval: Duration,
    changed: tokio::sync::watch::Receiver<u64>,
    /// What the follower has of each machine, by the machine's index.
    seen: Vec<Seen>,
    /// The index at which the next look begins, so that no machine starves where messages fill up.
    cursor: usize,
    /// Whether the last message was full, so that the next follows at once.
    more: bool,
    first: bool,
    not_before: Instant,
}

/// What a follower has of one machine.
struct Seen {
    wanted: bool,
    /// The version of the machine at the last look. Readings change it as well; the marks tell them apart.
    version: u64,
    rows: BTreeMap<Arc<str>, Mark>,
}

impl PredictionWatcher {
    pub(super) fn new(live: Arc<LiveState>, filter: PredictionFilter, min_interval: Duration) -> Self {
        let changed = live.changed.subscribe();
        Self {
            live,
            filter,
            min_interval,
            changed,
            seen: Vec::new(),
            cursor: 0,
            more: false,
            first: true,
            not_before: Instant::now(),
        }
    }

    /// Waits for predictions that are newer than those of the last call, and gives the newest of each stream and
    /// machine. The first call gives what there is at once, even if there is none. A call gives about a megabyte
    /// at most, the rest follows with the next calls; apart from that, calls are `min_interval` apart. Dropping
    /// the future loses nothing.
    pub async fn next(&mut self) -> Vec<proto::Prediction> {
        loop {
            if !self.more {
                sleep_until(self.not_before).await;
            }
            // Before the look: an update during it wakes us again.
            self.changed.borrow_and_update();
            let predictions = self.look();
            // Most updates are readings, and no news here: they are not looked at more often than messages go.
            self.not_before = Instant::now() + self.min_interval;
            if self.first || !predictions.is_empty() {
                self.first = false;
                return predictions;
            }
            // The sender lives in `self.live`, so only a change ends this.
            if let Err(closed) = self.changed.changed().await {
                tracing::error!(%closed, "the live state has lost its signal");
            }
        }
    }

    /// The predictions that are new, up to a message full, from the cursor on.
    fn look(&mut self) -> Vec<proto::Prediction> {
        let changed = self.changed_machines();
        let mut bytes = 0;
        let mut predictions = Vec::new();
        self.more = false;
        for (index, machine) in changed {
            if bytes > MESSAGE_BYTES {
                (self.more, self.cursor) = (true, index);
                break;
            }
            let seen = &mut self.seen[index];
            // The version first: a change between the two is then looked at twice, never missed.
            seen.version = machine.version.load(Ordering::Acquire);
            let rows = lock(&machine.newest).derived.clone();
            for (stream, row) in rows {
                let wanted = self.filter.streams.is_empty() || self.filter.streams.contains(&*stream);
                let known = seen.rows.get(&stream).is_some_and(|mark| row.has_mark(mark));
                if !wanted || known || !row.is_prediction() {
                    continue;
                }
                if self.filter.passes(&row) {
                    let prediction = row.to_prediction(&stream, &machine.id);
                    bytes += prediction.encoded_len();
                    predictions.push(prediction);
                }
                seen.rows.insert(stream, row.mark());
            }
        }
        predictions
    }

    /// The machines with a change of any kind.
    fn changed_machines(&mut self) -> Vec<(usize, Arc<Machine>)> {
        // Versions only, no machine's lock.
        let registry = self.live.registry.read().unwrap_or_else(PoisonError::into_inner);
        for machine in &registry.all[self.seen.len()..] {
            let wanted = self.filter.machines.matches(&machine.id);
            self.seen.push(Seen { wanted, version: 0, rows: BTreeMap::new() });
        }
        let total = registry.all.len();
        let indices = (self.cursor..total).chain(0..self.cursor);
        let is_news = |index: &usize| {
            let seen = &self.seen[*index];
            seen.wanted && registry.all[*index].version.load(Ordering::Acquire) != seen.version
        };
        indices.filter(is_news).map(|index| (index, Arc::clone(&registry.all[index]))).collect()
    }
}
