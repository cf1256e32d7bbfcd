//! The thread of one partition: a thin shell of channels and clocks around [`PartitionWork`].

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use chrono::Utc;
use tokio::sync::oneshot::{self, error::TryRecvError};

use super::orders::{Order, Waiting};
use super::partition::{Now, PartitionContext, PartitionWork, find};
use super::rebuild::rebuilt;
use super::schemas::known;
use super::{Shared, WorkerError};
use crate::source::budget::Permit;
use crate::source::kafka::Tenure;
use crate::source::raw::RawBatch;

/// How often a silent partition looks at the clock.
const TICK: Duration = Duration::from_millis(200);

/// What a task belongs to.
pub(super) struct TaskContext {
    pub(super) shared: Arc<Shared>,
    pub(super) partition: i32,
    /// Newest offset in Kafka; negative while unknown.
    pub(super) high_watermark: Arc<AtomicI64>,
    /// How long the partition is ours.
    pub(super) tenure: Arc<Tenure>,
}

impl TaskContext {
    fn partition(&self) -> PartitionContext {
        let shared = &self.shared;
        PartitionContext {
            partition: self.partition,
            settings: Arc::clone(&shared.settings),
            graph: Arc::clone(&shared.graph),
            rules: Arc::clone(&shared.rules),
            live: Arc::clone(&shared.live),
            alarms: Arc::clone(&shared.alarms),
            machines: Arc::clone(&shared.machines),
            hot: Arc::clone(&shared.commits.hot),
            high_watermark: Arc::clone(&self.high_watermark),
        }
    }
}

/// The clocks of this process.
struct Clock(Instant);

impl Clock {
    fn now(&self) -> Now {
        let steady = i64::try_from(self.0.elapsed().as_micros()).unwrap_or(i64::MAX);
        Now { steady, wall: Utc::now().timestamp_micros() }
    }
}

/// One partition at work.
pub(super) struct Task {
    context: TaskContext,
    clock: Clock,
    work: PartitionWork,
    /// Acknowledgements to take.
    orders: Receiver<Order>,
    /// Whoever waits for rows of this epoch to be stored.
    waiting: Vec<Waiting>,
    /// The room that the rows of this epoch take.
    room: Vec<Arc<Permit>>,
    /// The epoch before, until it is in the tables.
    in_flight: Option<InFlight>,
}

/// An epoch on its way.
struct InFlight {
    stored: oneshot::Receiver<()>,
    /// Given back when it has arrived, or will not.
    _room: Vec<Arc<Permit>>,
}

impl Task {
    /// Takes up the partition where its newest epoch ends.
    pub(super) fn recover(
        context: TaskContext,
        orders: Receiver<Order>,
    ) -> Result<(Self, Option<i64>), WorkerError> {
        let shared = &context.shared;
        let find = find(&shared.commits.archive, &shared.settings, context.partition);
        let found = shared.runtime.block_on(find)?;
        let partition = context.partition();
        let found = shared.runtime.block_on(rebuilt(&shared.commits.archive, &partition, found))?;
        let clock = Clock(Instant::now());
        let work = PartitionWork::begin(partition, found, clock.now())?;
        let next_offset = work.next_offset();
        Ok((
            Self { context, clock, work, orders, waiting: Vec::new(), room: Vec::new(), in_flight: None },
            next_offset,
        ))
    }

    /// Works until the queue ends, and the last epoch is in the tables then; or until one is refused, which the next
    /// owner goes on from.
    pub(super) fn run(mut self, batches: &Receiver<RawBatch>) {
        if let Err(error) = self.work(batches) {
            self.context.shared.fail(error);
        }
    }

    fn work(&mut self, batches: &Receiver<RawBatch>) -> Result<(), WorkerError> {
        loop {
            match batches.recv_timeout(TICK) {
                Ok(mut raw) if known(&self.context, &raw) => {
                    self.room.extend(raw.permit.take());
                    self.work.take(&raw, self.clock.now())?;
                    self.context.tenure.tell_newest(self.work.newest());
                }
                // What was not decoded is read again by whoever has the partition next: the epoch ends before it.
                Ok(_) => break,
                Err(RecvTimeoutError::Timeout) => self.work.idle(self.clock.now())?,
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.take_orders()?;
            if !self.look_at_store() {
                return Ok(());
            }
            // Whoever acknowledges waits for the store: they do not wait for the interval as well.
            // Where room is scarce, only what is stored gives some back.
            let scarce = self.in_flight.is_none() && self.context.shared.budget.is_scarce();
            let hurry = !self.waiting.is_empty() || scarce;
            if (hurry || self.work.due(self.clock.now())) && !self.seal()? {
                return Ok(());
            }
        }
        // A partition that was lost has another owner, whose first epoch this would only be in the way of.
        if !self.context.tenure.is_lost() && self.seal()? {
            self.wait_for_store();
        }
        Ok(())
    }

    fn take_orders(&mut self) -> Result<(), WorkerError> {
        while let Ok(Order { machine, episode, who, comment, answer }) = self.orders.try_recv() {
            let now = self.clock.now();
            match self.work.acknowledge(&machine, &episode, &who, &comment, now)? {
                (Some(episode), true) => self.waiting.push(Waiting::new(answer, episode)),
                (episode, _) => Waiting::answer(answer, episode),
            }
        }
        Ok(())
    }

    /// Seals the epoch and hands it to the committer; `false` where the one before was not stored.
    fn seal(&mut self) -> Result<bool, WorkerError> {
        let now = self.clock.now();
        if self.work.changed() && !self.wait_for_store() {
            return Ok(false);
        }
        let Some(mut sealed) = self.work.seal(now)? else { return Ok(true) };
        let (told, stored) = oneshot::channel();
        sealed.stored.extend(std::mem::take(&mut self.waiting).into_iter().map(Waiting::stored));
        sealed.stored.push(told);
        if self.context.shared.epochs.send(sealed).is_err() {
            return Err(WorkerError::Thread("the committer has ended".into()));
        }
        self.in_flight = Some(InFlight { stored, _room: std::mem::take(&mut self.room) });
        Ok(true)
    }

    /// [`Self::wait_for_store`] for one who does not wait: `true` also while it is on its way.
    fn look_at_store(&mut self) -> bool {
        let Some(in_flight) = &mut self.in_flight else { return true };
        let stored = match in_flight.stored.try_recv() {
            Err(TryRecvError::Empty) => return true,
            Err(TryRecvError::Closed) => false,
            Ok(()) => true,
        };
        self.in_flight = None;
        stored
    }

    /// Waits until the epoch before is stored. If it never will be, the committer has said why, and gives `false`: what
    /// was to follow that epoch must not be stored either.
    fn wait_for_store(&mut self) -> bool {
        let stored = self.in_flight.take().is_none_or(|in_flight| in_flight.stored.blocking_recv().is_ok());
        if !stored {
            tracing::debug!(partition = self.context.partition, "the epoch before was not stored");
        }
        stored
    }
}
