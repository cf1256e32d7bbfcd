//! The thread of one partition: a thin shell around the decoder and the core.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use arrow::array::{AsArray, RecordBatch};
use chrono::Utc;
use tokio::sync::oneshot;

use super::committer::SealedEpoch;
use super::orders::{Order, Waiting};
use super::schemas::known;
use super::{Shared, WorkerError, status};
use crate::alarm::{
    Acknowledged, AlarmError, AlarmOutputs, WatchedError, WatchedOutputs, WatchedPartition, stamped,
};
use crate::archive::{Epoch, StateBlob};
use crate::config::OnQueryChange;
use crate::dataflow::{DataflowError, Outputs};
use crate::schema::{ALARMS, DEAD_LETTERS, LATE_READINGS, READINGS};
use crate::source::decode::Decoder;
use crate::source::raw::RawBatch;

/// Readings in an epoch beyond which it is sealed before its time, so that memory stays bounded on a backlog.
const EPOCH_ROWS: usize = 400_000;
/// How often a silent partition looks at the clock.
const TICK: Duration = Duration::from_millis(200);

/// What a task belongs to.
pub(super) struct TaskContext {
    pub(super) shared: Arc<Shared>,
    pub(super) partition: i32,
    /// Newest offset in Kafka; negative while unknown.
    pub(super) high_watermark: Arc<AtomicI64>,
    /// Set when the partition is to be given up.
    pub(super) leaving: Arc<AtomicBool>,
}

/// One partition at work.
pub(super) struct Task {
    context: TaskContext,
    decoder: Decoder,
    core: WatchedPartition,
    /// Acknowledgements to take.
    orders: Receiver<Order>,
    /// Whoever waits for rows of this epoch to be stored.
    waiting: Vec<Waiting>,
    /// The epoch being filled.
    epoch: Epoch,
    /// Where reading goes on; `None` before the first message ever.
    next_offset: Option<i64>,
    /// Rows of the epoch, by table.
    rows: BTreeMap<String, Vec<RecordBatch>>,
    readings: usize,
    changed: bool,
    /// Ends when the epoch before is in the store.
    in_flight: Option<oneshot::Receiver<()>>,
    sealed_at: Instant,
    /// When the last reading came.
    heard: Instant,
}

/// A partition that begins, with the alarms of the same machines in the newest former topic that knows the partition.
/// What that topic's last process had not committed is committed on the way.
fn first(shared: &Shared, partition: i32) -> Result<WatchedPartition, WorkerError> {
    let (graph, rules, max_delay) = (&shared.graph, &shared.rules, shared.settings.max_delay);
    for topic in &shared.settings.former_topics {
        if let Some(found) = shared.runtime.block_on(shared.archive.recover(topic, partition))? {
            let blobs: Vec<_> = found.state.into_iter().map(|b| (b.name, b.bytes)).collect();
            return Ok(WatchedPartition::restore(graph, rules, max_delay, &blobs, false)?);
        }
    }
    Ok(WatchedPartition::new(graph, rules, max_delay)?)
}

impl Task {
    /// Takes up the partition where its newest epoch ends.
    pub(super) fn recover(
        context: TaskContext,
        orders: Receiver<Order>,
    ) -> Result<(Self, Option<i64>), WorkerError> {
        let shared = Arc::clone(&context.shared);
        let settings = &shared.settings;
        let recover = shared.archive.recover(&settings.kafka.topic, context.partition);
        let recovered = shared.runtime.block_on(recover)?;
        let decoder = settings.input.decoder(&settings.kafka.topic, &settings.schema, settings.max_skew);
        let (core, epoch, next_offset) = match recovered {
            None => (first(shared.as_ref(), context.partition)?, Epoch::FIRST, None),
            Some(found) => {
                let manifest = found.manifest;
                let same = manifest.fingerprint == shared.graph.fingerprint();
                if !same && settings.on_query_change == OnQueryChange::StartEmpty {
                    tracing::warn!(partition = context.partition, "the queries changed: windows start empty");
                } else if !same {
                    return Err(DataflowError::Fingerprint(format!(
                        "partition {}, epoch {}: fingerprint {}, now {}",
                        context.partition,
                        manifest.epoch,
                        manifest.fingerprint,
                        shared.graph.fingerprint()
                    ))
                    .into());
                }
                let blobs: Vec<_> = found.state.into_iter().map(|b| (b.name, b.bytes)).collect();
                let (graph, rules) = (&shared.graph, &shared.rules);
                let core = WatchedPartition::restore(graph, rules, settings.max_delay, &blobs, same)?;
                (core, manifest.epoch.next(), Some(manifest.next_offset))
            }
        };
        let known = core.alarms().episodes().cloned().collect();
        shared.alarms.update(&shared.live, context.partition, known);
        let task = Self {
            context,
            decoder,
            core,
            orders,
            waiting: Vec::new(),
            epoch,
            next_offset,
            rows: BTreeMap::new(),
            readings: 0,
            changed: false,
            in_flight: None,
            sealed_at: Instant::now(),
            heard: Instant::now(),
        };
        Ok((task, next_offset))
    }

    /// Works until the queue ends; the last epoch is in the store when this returns.
    pub(super) fn run(mut self, batches: &Receiver<RawBatch>) {
        if let Err(error) = self.work(batches) {
            self.context.shared.fail(error);
        }
    }

    fn work(&mut self, batches: &Receiver<RawBatch>) -> Result<(), WorkerError> {
        let interval = self.context.shared.settings.commit_interval;
        loop {
            match batches.recv_timeout(TICK) {
                Ok(raw) if known(&self.context, &raw) => self.take(&raw)?,
                // What was not decoded is read again by whoever has the partition next: the epoch ends before it.
                Ok(_) => break,
                Err(RecvTimeoutError::Timeout) => self.idle()?,
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.take_orders()?;
            // Whoever acknowledges waits for the store: they do not wait for the interval as well.
            let hurry = !self.waiting.is_empty();
            if hurry || self.readings >= EPOCH_ROWS || self.sealed_at.elapsed() >= interval {
                self.seal()?;
            }
        }
        self.seal()?;
        self.wait_for_store();
        Ok(())
    }

    fn take(&mut self, raw: &RawBatch) -> Result<(), WorkerError> {
        let partition = self.context.partition;
        let arrow = |source| WorkerError::Arrow { partition, source };
        let decoded = self.decoder.decode(partition, raw).map_err(arrow)?;
        if decoded.readings.num_rows() > 0 {
            self.heard = Instant::now();
            self.readings += decoded.readings.num_rows();
            let outputs = self.core.process(&decoded.readings)?;
            self.add(READINGS, decoded.readings);
            self.add_watched(outputs)?;
        }
        if let Some(dead) = decoded.dead {
            self.readings += dead.num_rows();
            let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
            for reason in decoded.reasons {
                *counts.entry(reason.as_str()).or_default() += 1;
            }
            for (reason, count) in counts {
                self.context.shared.live.dead_letters(reason, count);
            }
            self.add(DEAD_LETTERS, dead);
        }
        self.context.shared.live.keep_messages(partition, raw);
        self.next_offset = raw.next_offset().or(self.next_offset);
        self.changed = true;
        self.tell();
        Ok(())
    }

    /// After a long silence event time goes on as the wall clock does: windows that hold readings then close. The
    /// watermark that this gives is part of the next epoch, so a restart does not take it back.
    fn idle(&mut self) -> Result<(), WorkerError> {
        let silent = i64::try_from(self.heard.elapsed().as_micros()).unwrap_or(i64::MAX);
        let settings = &self.context.shared.settings;
        let Some(newest) = self.core.streams().newest() else { return Ok(()) };
        if silent < settings.idle_timeout {
            return Ok(());
        }
        let outputs = self.core.advance(newest.saturating_add(silent) - settings.max_delay)?;
        // An advance that closes no window needs no epoch: it follows again from the silence.
        self.changed |= !outputs.streams.streams.is_empty();
        self.add_watched(outputs)?;
        self.tell();
        Ok(())
    }

    /// Takes acknowledgements. Their rows are part of the epoch being filled.
    fn take_orders(&mut self) -> Result<(), WorkerError> {
        while let Ok(Order { machine, episode, who, comment, answer }) = self.orders.try_recv() {
            let now = Utc::now().timestamp_micros();
            let result = self.core.acknowledge(&machine, &episode, &who, &comment, now)?;
            match result {
                Acknowledged::Unknown => Waiting::answer(answer, None),
                Acknowledged::Already(episode) => Waiting::answer(answer, Some(episode)),
                Acknowledged::Now(episode, outputs) => {
                    self.changed = true;
                    self.add_alarms(outputs)?;
                    self.waiting.push(Waiting::new(answer, episode));
                }
            }
        }
        Ok(())
    }

    fn add_watched(&mut self, outputs: WatchedOutputs) -> Result<(), WorkerError> {
        self.add_outputs(outputs.streams);
        self.add_alarms(outputs.alarms)
    }

    fn add_alarms(&mut self, outputs: AlarmOutputs) -> Result<(), WorkerError> {
        if let Some(rows) = outputs.rows {
            let rows = stamped(&rows, Utc::now().timestamp_micros());
            self.add(ALARMS, rows.map_err(|source| WatchedError::from(AlarmError::from(source)))?);
        }
        if !outputs.episodes.is_empty() {
            let shared = &self.context.shared;
            shared.alarms.update(&shared.live, self.context.partition, outputs.episodes);
        }
        Ok(())
    }

    fn add_outputs(&mut self, outputs: Outputs) {
        let shared = Arc::clone(&self.context.shared);
        for (position, batch) in outputs.streams {
            self.add(&shared.graph.streams()[position].name, batch);
        }
        if let Some(late) = outputs.late {
            for stream in shared.graph.streams() {
                let late_for = late.column_by_name("stream").and_then(|c| c.as_string_opt::<i32>());
                let count =
                    late_for.map_or(0, |c| c.iter().filter(|name| *name == Some(&*stream.name)).count());
                if count > 0 {
                    shared.live.late_readings(&stream.name, count as u64);
                }
            }
            self.add(LATE_READINGS, late);
        }
    }

    fn add(&mut self, table: &str, batch: RecordBatch) {
        if batch.num_rows() == 0 {
            return;
        }
        let shared = &self.context.shared;
        if ![DEAD_LETTERS, LATE_READINGS, ALARMS].contains(&table) {
            shared.live.update(table, &batch);
        }
        shared.hot.add(table, self.context.partition, self.epoch, batch.clone());
        self.rows.entry(table.to_string()).or_default().push(batch);
    }

    fn tell(&self) {
        let high = self.context.high_watermark.load(Ordering::Relaxed);
        self.context.shared.live.set_partition(status(
            self.context.partition,
            self.next_offset.unwrap_or_default(),
            high,
            self.core.streams().watermark(),
            self.epoch.0.saturating_sub(1),
        ));
    }

    /// Seals the epoch and hands it to the committer.
    fn seal(&mut self) -> Result<(), WorkerError> {
        self.sealed_at = Instant::now();
        let (true, Some(next_offset)) = (self.changed, self.next_offset) else { return Ok(()) };
        self.wait_for_store();
        let shared = &self.context.shared;
        let blobs = self.core.encode()?;
        let (stored, in_flight) = oneshot::channel();
        let mut told: Vec<_> = std::mem::take(&mut self.waiting).into_iter().map(Waiting::stored).collect();
        told.push(stored);
        let sealed = SealedEpoch {
            partition: self.context.partition,
            epoch: self.epoch,
            next_offset,
            watermark: self.core.streams().watermark(),
            rows: std::mem::take(&mut self.rows),
            state: blobs.into_iter().map(|(name, bytes)| StateBlob { name, bytes }).collect(),
            stored: told,
        };
        if shared.epochs.send(sealed).is_err() {
            return Err(WorkerError::Thread("the committer has ended".into()));
        }
        self.in_flight = Some(in_flight);
        self.epoch = self.epoch.next();
        self.readings = 0;
        self.changed = false;
        Ok(())
    }

    /// Waits until the epoch before is stored. If it never will be, the committer has said why.
    fn wait_for_store(&mut self) {
        if let Some(in_flight) = self.in_flight.take()
            && in_flight.blocking_recv().is_err()
        {
            tracing::debug!(partition = self.context.partition, "the epoch before was not stored");
        }
    }
}
