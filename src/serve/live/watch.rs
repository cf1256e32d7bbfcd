//! Following machines without a queue.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use prost::Message;
use tokio::time::{Instant, sleep_until, timeout};

use super::{Filter, LiveState, MESSAGE_BYTES, Machine};
use crate::serve::proto::{self, MachineState};

/// How often a watcher looks for machines that fell silent: nothing else tells of them.
const STALE_CHECK: Duration = Duration::from_secs(1);

/// One follower of the live state.
pub struct Watcher {
    live: Arc<LiveState>,
    filter: Filter,
    min_interval: Duration,
    changed: tokio::sync::watch::Receiver<u64>,
    /// What the client knows of each machine, by the machine's index.
    sent: Vec<Sent>,
    /// The index at which the next look begins, so that no machine starves where messages fill up.
    cursor: usize,
    /// Whether the last message was full, so that the next follows at once.
    more: bool,
    first: bool,
    not_before: Instant,
}

/// What the client of a watcher knows of one machine.
#[derive(Clone, Copy)]
struct Sent {
    wanted: bool,
    version: u64,
    state: MachineState,
}

impl Watcher {
    pub(super) fn new(live: Arc<LiveState>, filter: Filter, min_interval: Duration) -> Self {
        let changed = live.changed.subscribe();
        Self {
            live,
            filter,
            min_interval,
            changed,
            sent: Vec::new(),
            cursor: 0,
            more: false,
            first: true,
            not_before: Instant::now(),
        }
    }

    /// Waits for changes and gives the machines that changed since the last call, each in its newest state: those
    /// with a new row, and those that fell silent or woke. The first call gives all machines at once, even if there
    /// is none. A call gives about a megabyte at most, the rest follows with the next calls; apart from that,
    /// calls are `min_interval` apart. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Vec<proto::Machine> {
        loop {
            if !self.more {
                sleep_until(self.not_before).await;
            }
            // Before the look: an update during it wakes us again.
            self.changed.borrow_and_update();
            let machines = self.look();
            if self.first || !machines.is_empty() {
                self.first = false;
                self.not_before = Instant::now() + self.min_interval;
                return machines;
            }
            // The sender lives in `self.live`, so this ends by a change or by the time only.
            if let Ok(Err(closed)) = timeout(STALE_CHECK, self.changed.changed()).await {
                tracing::error!(%closed, "the live state has lost its signal");
            }
        }
    }

    /// The machines that changed, up to a message full, from the cursor on.
    fn look(&mut self) -> Vec<proto::Machine> {
        let now = self.live.elapsed();
        let mut changed = Vec::new();
        {
            // Versions only, no machine's lock: 10,000 machines cost some tens of microseconds.
            let registry = self.live.registry.read().unwrap_or_else(PoisonError::into_inner);
            for machine in &registry.all[self.sent.len()..] {
                let wanted = self.filter.matches(&machine.id);
                self.sent.push(Sent { wanted, version: 0, state: MachineState::Unspecified });
            }
            let total = registry.all.len();
            for index in (self.cursor..total).chain(0..self.cursor) {
                if self.sent[index].wanted && self.is_news(&registry.all[index], self.sent[index], now) {
                    changed.push((index, Arc::clone(&registry.all[index])));
                }
            }
        }
        let mut bytes = 0;
        let mut machines = Vec::new();
        self.more = false;
        for (index, machine) in changed {
            if bytes > MESSAGE_BYTES {
                (self.more, self.cursor) = (true, index);
                return machines;
            }
            // The version first: a change between the two is then sent twice, never missed.
            let version = machine.version.load(Ordering::Acquire);
            let view = self.live.view(&machine, now);
            self.sent[index] = Sent { wanted: true, version, state: view.state() };
            bytes += view.encoded_len();
            machines.push(view);
        }
        machines
    }

    fn is_news(&self, machine: &Machine, sent: Sent, now: i64) -> bool {
        machine.version.load(Ordering::Acquire) != sent.version
            || (sent.version != 0 && self.live.is_stale(machine, now) != (sent.state == MachineState::Stale))
    }
}
