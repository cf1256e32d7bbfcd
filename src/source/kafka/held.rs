//! The partitions of this process: who owns them, how far they are read, and what is on its way to them.
//!
//! ```text
//!  assigned ──▶ Recovering ──ready──▶ Ready ──placed──▶ Reading ──revoked──▶ Finishing ──ended──▶ gone
//!                   ▲                   ▲                  │ │                                      │
//!                   │                   └──out of range────┘ │ given up by its owner     assigned again
//!                   └──────────── Resting ◀──────────────────┴──────────────────────────────────────┘
//! ```
//!
//! An assignment is acknowledged at once, empty, so that the partitions that stay are not held up; librdkafka gets each
//! new partition when its owner has recovered it. A revocation is acknowledged when the owners have finished, while
//! polling goes on. Where the partitions are lost there is nothing to wait for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, RebalanceProtocol};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::{Offset, TopicPartitionList};

use super::drift::{self, Pace};
use super::group::{Group, Rebalance};
use super::lease::{Lease, Report, Tenure, What};
use super::pending::Pending;
use super::{Limits, PATIENCE, QUEUED_BATCHES};
use crate::source::gap::Start;
use crate::source::raw::RawBatch;

/// How long a partition that was given up waits before it is recovered again.
const REST: Duration = Duration::from_secs(1);
/// How long after one look at the logs the next follows at the earliest.
const LOOK: Duration = Duration::from_secs(1);
/// How long a broker may take for that.
const ANSWER: Duration = Duration::from_secs(5);
/// How long giving partitions away takes until it is said.
const SLOW: Duration = Duration::from_secs(10);
/// How long after its last message a partition counts as one that goes on.
const ACTIVE: Duration = Duration::from_secs(10);

/// Where a partition is in its life.
#[derive(Debug)]
enum Place {
    /// Its owner recovers it.
    Recovering,
    /// To be read from there.
    Ready(Start),
    /// It is read.
    Reading,
    /// Its queue has ended.
    Finishing,
    /// Nobody owns it; it is recovered from then on.
    Resting(Instant),
}

struct Held {
    /// Whether the group says that it is ours.
    ours: bool,
    place: Place,
    /// Number of its newest lease.
    lease: u64,
    tenure: Arc<Tenure>,
    queue: Option<SyncSender<RawBatch>>,
    pending: Pending,
    /// The next offset to take.
    position: i64,
    /// When the last message came.
    heard: Instant,
}

struct Revoking {
    partitions: Vec<i32>,
    lost: bool,
    since: Instant,
    said: bool,
}

/// All partitions of a source.
pub(super) struct Partitions<'a> {
    consumer: &'a BaseConsumer<Group>,
    shared: Weak<BaseConsumer<Group>>,
    limits: &'a Limits,
    held: BTreeMap<i32, Held>,
    /// What librdkafka reads.
    fetched: BTreeSet<i32>,
    /// A revocation that is not acknowledged yet.
    revoking: Option<Revoking>,
    leases: u64,
    reports: (Sender<Report>, Receiver<Report>),
    /// Looks at the logs that are under way.
    looks: Vec<JoinHandle<()>>,
    looked: Option<Instant>,
    stopping: bool,
    /// What was ours when that began.
    ours_at_last: BTreeSet<i32>,
}

impl<'a> Partitions<'a> {
    pub(super) fn new(consumer: &'a Arc<BaseConsumer<Group>>, limits: &'a Limits) -> Self {
        Self {
            consumer,
            shared: Arc::downgrade(consumer),
            limits,
            held: BTreeMap::new(),
            fetched: BTreeSet::new(),
            revoking: None,
            leases: 0,
            reports: channel(),
            looks: Vec::new(),
            looked: None,
            stopping: false,
            ours_at_last: BTreeSet::new(),
        }
    }

    fn group(&self) -> &'a Group {
        self.consumer.context()
    }

    fn is_eager(&self) -> bool {
        matches!(self.consumer.rebalance_protocol(), RebalanceProtocol::Eager)
    }

    fn list(&self, partitions: impl IntoIterator<Item = i32>) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            list.add_partition(&self.group().topic, partition);
        }
        list
    }

    /// Whether the partition is ours by the group.
    pub(super) fn is_ours(&self, partition: i32) -> bool {
        self.held.get(&partition).is_some_and(|held| held.ours)
    }

    /// Whether nobody has anything left to do.
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty() && self.revoking.is_none()
    }

    /// Begins the end: every owner finishes.
    pub(super) fn stop(&mut self) {
        self.stopping = true;
        self.ours_at_last = self.held.iter().filter(|(_, held)| held.ours).map(|(p, _)| *p).collect();
        let all: Vec<i32> = self.held.keys().copied().collect();
        self.release(&all, false);
    }

    /// Says a last time how far everything is committed, and waits for what was asked and is not answered.
    pub(super) fn close(self) {
        let ours = &self.ours_at_last;
        self.group().tell(self.consumer, CommitMode::Sync, |p| ours.contains(&p));
        self.group().close();
        for look in self.looks {
            if look.join().is_err() {
                tracing::debug!("a look at the logs failed");
            }
        }
    }

    /// Does what the group has decided.
    pub(super) fn rebalance(&mut self, rebalance: Rebalance) -> Result<(), KafkaError> {
        match rebalance {
            Rebalance::Assigned(partitions) => {
                let none = TopicPartitionList::new();
                if self.is_eager() {
                    self.consumer.assign(&none)?;
                } else {
                    self.consumer.incremental_assign(&none)?;
                }
                for partition in partitions {
                    match self.held.get_mut(&partition) {
                        // Its owner of before has not finished yet.
                        Some(held) => held.ours = true,
                        None if self.stopping => {}
                        None => self.start(partition),
                    }
                }
            }
            Rebalance::Revoked { partitions, lost } => {
                if lost {
                    tracing::warn!(
                        ?partitions,
                        "the group has taken partitions away: another process may have them"
                    );
                }
                for partition in &partitions {
                    self.ours_at_last.remove(partition);
                    if let Some(held) = self.held.get_mut(partition) {
                        held.ours = false;
                    }
                }
                self.release(&partitions, lost);
                self.revoking = Some(Revoking { partitions, lost, since: Instant::now(), said: false });
            }
        }
        Ok(())
    }

    /// Gives a partition to an owner.
    fn start(&mut self, partition: i32) {
        self.leases += 1;
        let (sender, batches) = sync_channel(QUEUED_BATCHES);
        let tenure = Tenure::new();
        let lease = Lease {
            partition,
            number: self.leases,
            tenure: Arc::clone(&tenure),
            reports: self.reports.0.clone(),
            consumer: Weak::clone(&self.shared),
        };
        let held = Held {
            ours: true,
            place: Place::Recovering,
            lease: self.leases,
            tenure,
            queue: Some(sender),
            pending: Pending::default(),
            position: 0,
            heard: Instant::now(),
        };
        self.held.insert(partition, held);
        self.group().assignee.assigned(lease, batches);
    }

    /// Ends the queues, all before anybody waits, so that the partitions finish side by side.
    fn release(&mut self, partitions: &[i32], lost: bool) {
        for partition in partitions {
            let Some(held) = self.held.get_mut(partition) else { continue };
            held.tenure.end(lost);
            held.queue = None;
            // What was gathered is in no checkpoint: whoever reads on reads it again.
            held.pending = Pending::default();
            if matches!(held.place, Place::Resting(_)) {
                self.held.remove(partition);
            } else {
                held.place = Place::Finishing;
            }
        }
    }

    /// Hears the owners, and does what has come due.
    pub(super) fn proceed(&mut self) -> Result<(), KafkaError> {
        while let Ok(report) = self.reports.1.try_recv() {
            self.hear(report);
        }
        let now = Instant::now();
        let due = |held: &Held| matches!(held.place, Place::Resting(until) if until <= now);
        let rested: Vec<i32> = self.held.iter().filter(|(_, held)| due(held)).map(|(p, _)| *p).collect();
        for partition in rested {
            self.start(partition);
        }
        self.give_away()?;
        self.place()
    }

    fn hear(&mut self, Report { partition, lease, what }: Report) {
        let Some(held) = self.held.get_mut(&partition).filter(|held| held.lease == lease) else { return };
        match (what, &held.place) {
            (What::Ready(start), Place::Recovering) => held.place = Place::Ready(start),
            (What::Range(begin, end), Place::Reading) => {
                held.place = Place::Ready(Start::decide(Some(held.position), begin, end));
            }
            (What::Ended, place) => {
                let given_up = !matches!(place, Place::Finishing);
                if self.stopping || !held.ours {
                    self.held.remove(&partition);
                    return;
                }
                if given_up {
                    tracing::warn!(
                        partition,
                        "given up; it is still ours by the group, and is recovered again"
                    );
                }
                held.queue = None;
                held.pending = Pending::default();
                held.place = Place::Resting(Instant::now() + if given_up { REST } else { Duration::ZERO });
            }
            _ => {}
        }
    }

    /// Acknowledges a revocation once everybody has finished.
    fn give_away(&mut self) -> Result<(), KafkaError> {
        let Some(revoking) = &mut self.revoking else { return Ok(()) };
        let left = revoking.partitions.iter().filter(|p| self.held.contains_key(p)).count();
        if left > 0 && !revoking.lost {
            if !revoking.said && revoking.since.elapsed() > SLOW {
                revoking.said = true;
                tracing::warn!(
                    "{left} partitions to be given away wait for the archive to take their last checkpoint"
                );
            }
            return Ok(());
        }
        let Some(Revoking { partitions, lost, .. }) = self.revoking.take() else { return Ok(()) };
        if !lost {
            self.group()
                .tell(self.consumer, CommitMode::Sync, |p| partitions.contains(&p) || self.is_ours(p));
        }
        if self.is_eager() {
            self.fetched.clear();
            return self.consumer.unassign();
        }
        let given: Vec<i32> = partitions.iter().filter(|p| self.fetched.remove(p)).copied().collect();
        self.consumer.incremental_unassign(&self.list(given))
    }

    /// Has librdkafka read those that are ready. Not while a revocation waits: it would be taken for its answer.
    fn place(&mut self) -> Result<(), KafkaError> {
        let ready = |held: &Held| match held.place {
            // What was read before goes to the owner first.
            Place::Ready(start) if held.pending.is_empty() => Some(start),
            _ => None,
        };
        if self.revoking.is_some() || self.stopping {
            return Ok(());
        }
        let placed: Vec<(i32, Start)> =
            self.held.iter().filter_map(|(&partition, held)| Some((partition, ready(held)?))).collect();
        if placed.is_empty() {
            return Ok(());
        }
        let topic = &self.group().topic;
        let mut list = TopicPartitionList::new();
        for (partition, start) in &placed {
            list.add_partition_offset(topic, *partition, Offset::Offset(start.offset))?;
        }
        if self.is_eager() {
            // This protocol knows whole assignments only.
            for (&partition, held) in &self.held {
                if matches!(held.place, Place::Reading) {
                    list.add_partition_offset(topic, partition, Offset::Offset(held.position))?;
                }
            }
            self.consumer.assign(&list)?;
        } else {
            let again: Vec<i32> =
                placed.iter().map(|(p, _)| *p).filter(|p| self.fetched.contains(p)).collect();
            if !again.is_empty() {
                self.consumer.incremental_unassign(&self.list(again))?;
            }
            self.consumer.incremental_assign(&list)?;
        }
        // A pause outlives the assignment.
        self.consumer.resume(&list)?;
        for (partition, Start { offset, gap }) in placed {
            self.fetched.insert(partition);
            if let Some(gap) = gap {
                gap.warn(topic, partition);
            }
            if let Some(held) = self.held.get_mut(&partition) {
                held.place = Place::Reading;
                held.position = offset;
                held.heard = Instant::now();
                held.pending = Pending::after(gap);
            }
        }
        Ok(())
    }

    /// Takes a message.
    pub(super) fn take(&mut self, message: &BorrowedMessage<'_>) {
        let partition = message.partition();
        let Some(held) = self.held.get_mut(&partition) else { return };
        // Whatever comes while nobody takes it is read again from the checkpoint.
        if !matches!(held.place, Place::Reading) || message.offset() < held.position {
            return;
        }
        held.position = message.offset() + 1;
        let full = held.pending.push(message);
        if full {
            self.send(partition, PATIENCE);
        }
    }

    /// Hands on the batches that have waited long enough, and tries again those that found no place.
    pub(super) fn flush(&mut self) {
        let now = Instant::now();
        let mut due: Vec<(Instant, i32)> = self
            .held
            .iter()
            .filter(|(_, held)| held.pending.is_due(now))
            .map(|(&partition, held)| (held.pending.since(), partition))
            .collect();
        // Who has waited longest comes first: where room is scarce, everybody gets some.
        due.sort_unstable();
        for (_, partition) in due {
            self.send(partition, PATIENCE);
        }
    }

    fn send(&mut self, partition: i32, patience: Duration) {
        let Some(held) = self.held.get_mut(&partition) else { return };
        let Some(queue) = &held.queue else { return };
        let since = Instant::now();
        let mut batch = held.pending.take();
        loop {
            let room = self.limits.budget.take(batch.byte_len());
            if room.is_some() {
                batch.permit = room;
                match queue.try_send(batch) {
                    Ok(()) => {
                        held.pending.pauses.full = false;
                        held.heard = Instant::now();
                        break;
                    }
                    // The owner has given the partition up, and its lease ends.
                    Err(TrySendError::Disconnected(_)) => return,
                    Err(TrySendError::Full(back)) => batch = back,
                }
                batch.permit = None;
            }
            if held.pending.pauses.full || since.elapsed() > patience {
                held.pending.put_back(batch);
                held.pending.pauses.full = true;
                break;
            }
            thread::sleep(Duration::from_micros(500));
        }
        self.pause_or_resume(partition);
    }

    /// Brings a partition to what its pauses say. A paused one may still give the messages that are on their way: they
    /// join the pending batch.
    fn pause_or_resume(&mut self, partition: i32) {
        let list = self.list([partition]);
        let Some(held) = self.held.get_mut(&partition) else { return };
        let pause = held.pending.pauses.any();
        if held.pending.paused == pause || !self.fetched.contains(&partition) {
            return;
        }
        let done = if pause { self.consumer.pause(&list) } else { self.consumer.resume(&list) };
        match done {
            Ok(()) => held.pending.paused = pause,
            // The partition is about to be revoked.
            Err(error) => tracing::debug!(partition, %error, "pausing or resuming failed"),
        }
    }

    /// Pauses the partitions that are too far ahead of the others in event time, and resumes those that no longer are.
    pub(super) fn level(&mut self) {
        let Some(most) = self.limits.max_drift else { return };
        let reading = self.held.iter().filter(|(_, held)| matches!(held.place, Place::Reading));
        let paces: Vec<Pace> = reading
            .map(|(&partition, held)| Pace {
                partition,
                newest: held.tenure.newest(),
                behind: self.group().end(partition).is_some_and(|end| held.position < end),
                active: held.heard.elapsed() < ACTIVE,
                paused: held.pending.pauses.ahead,
            })
            .collect();
        let ahead = drift::ahead(&paces, most);
        for pace in paces {
            let pause = ahead.contains(&pace.partition);
            if pause != pace.paused
                && let Some(held) = self.held.get_mut(&pace.partition)
            {
                tracing::debug!(partition = pace.partition, pause, "event time against the other partitions");
                held.pending.pauses.ahead = pause;
                self.pause_or_resume(pace.partition);
            }
        }
    }

    /// Somewhere an offset is not in the log any more; librdkafka does not say where. Asks what each log holds, on a
    /// thread of its own; the answers come as reports.
    pub(super) fn look(&mut self) {
        if self.looked.is_some_and(|looked| looked.elapsed() < LOOK) {
            return;
        }
        self.looked = Some(Instant::now());
        self.looks.retain(|look| !look.is_finished());
        let reading = self.held.iter().filter(|(_, held)| matches!(held.place, Place::Reading));
        let asked: Vec<(i32, u64)> = reading.map(|(&partition, held)| (partition, held.lease)).collect();
        let (shared, reports) = (Weak::clone(&self.shared), self.reports.0.clone());
        let look = move || {
            let Some(consumer) = shared.upgrade() else { return };
            for (partition, lease) in asked {
                let what = match consumer.fetch_watermarks(&consumer.context().topic, partition, ANSWER) {
                    Ok((begin, end)) => What::Range(begin, end),
                    Err(error) => {
                        tracing::debug!(target: "kafka", partition, %error, "what the log holds is not known");
                        continue;
                    }
                };
                if reports.send(Report { partition, lease, what }).is_err() {
                    return;
                }
            }
        };
        match thread::Builder::new().name("kafka-offsets".into()).spawn(look) {
            Ok(look) => self.looks.push(look),
            Err(error) => tracing::warn!(%error, "a thread cannot be started"),
        }
    }
}
