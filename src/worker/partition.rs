//! One partition at work, without thread, channel, store or clock: messages in, sealed epochs out.
//!
//! [`task`](super::task) is the thread around it; the [simulation](super::simulation) drives it step by step. Both say
//! what time it is with each call, so that what comes out follows from what goes in.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arrow::array::{AsArray, RecordBatch};

use super::committer::SealedEpoch;
use super::hot::HotRows;
use super::{WorkerError, WorkerSettings, status};
use crate::alarm::{
    Acknowledged, AlarmError, AlarmOutputs, AlarmPlan, Episode, Take, WatchedError, WatchedOutputs,
    WatchedPartition, stamped,
};
use crate::archive::{Archive, Epoch, EpochManifest, Recovered};
use crate::config::OnQueryChange;
use crate::dataflow::{DataflowError, Graph, Outputs};
use crate::machine::columns;
use crate::machine::follow::CurrentMachines;
use crate::schema::{ALARMS, DEAD_LETTERS, GAPS, LATE_READINGS, MACHINES, READINGS};
use crate::serve::alarm::LiveAlarms;
use crate::serve::live::LiveState;
use crate::source::decode::Decoder;
use crate::source::raw::RawBatch;

/// Readings in an epoch beyond which it is sealed before its time, so that memory stays bounded on a backlog.
const EPOCH_ROWS: usize = 400_000;

/// What time it is, by two clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Now {
    /// Since some fixed moment, microseconds: a clock that nobody sets, for what has lasted how long.
    pub(super) steady: i64,
    /// Since the epoch, microseconds: the wall clock, for what people read. It may jump.
    pub(super) wall: i64,
}

/// What a partition works with.
#[derive(Clone)]
pub(super) struct PartitionContext {
    pub(super) partition: i32,
    pub(super) settings: Arc<WorkerSettings>,
    pub(super) graph: Arc<Graph>,
    pub(super) rules: Arc<AlarmPlan>,
    pub(super) live: Arc<LiveState>,
    pub(super) alarms: Arc<LiveAlarms>,
    pub(super) machines: Arc<CurrentMachines>,
    pub(super) hot: Arc<HotRows>,
    /// Newest offset in Kafka; negative while unknown.
    pub(super) high_watermark: Arc<AtomicI64>,
}

/// What the archive has of a partition.
pub(super) enum Found {
    /// Nothing: it begins.
    Nothing,
    /// Its newest epoch.
    Own(Recovered),
    /// Its newest epoch was written by other queries; the windows of these were made anew.
    Rebuilt(Box<WatchedPartition>, EpochManifest),
    /// Nothing of its own; the newest epoch of the same machines in a former topic.
    Former(Recovered),
}

/// Finds where a partition goes on. What its last process had not committed, in the topic or in the former one, is
/// committed on the way.
pub(super) async fn find(
    archive: &Archive,
    settings: &WorkerSettings,
    partition: i32,
) -> Result<Found, WorkerError> {
    if let Some(own) = archive.recover(&settings.kafka.topic, partition).await? {
        return Ok(Found::Own(own));
    }
    for topic in &settings.former_topics {
        if let Some(former) = archive.recover(topic, partition).await? {
            return Ok(Found::Former(former));
        }
    }
    Ok(Found::Nothing)
}

/// One partition at work.
pub(super) struct PartitionWork {
    context: PartitionContext,
    decoder: Decoder,
    core: WatchedPartition,
    /// The epoch being filled.
    epoch: Epoch,
    /// Where reading goes on; `None` before the first message ever.
    next_offset: Option<i64>,
    /// Rows of the epoch, by table.
    rows: BTreeMap<String, Vec<RecordBatch>>,
    readings: usize,
    changed: bool,
    /// Which of [`CurrentMachines`] the partition has.
    machines: Option<u64>,
    /// When the epoch before was sealed, or would have been; steady clock.
    sealed_at: i64,
    /// When the last reading came; steady clock.
    heard: i64,
}

impl PartitionWork {
    /// Takes up the partition from what was found of it.
    pub(super) fn begin(context: PartitionContext, found: Found, now: Now) -> Result<Self, WorkerError> {
        let settings = &context.settings;
        let (graph, rules, timing) = (&context.graph, &context.rules, settings.timing);
        let blobs = |found: Recovered| -> Vec<_> {
            found.state.into_iter().map(|blob| (blob.name, blob.bytes)).collect()
        };
        let (core, epoch, next_offset) = match found {
            Found::Nothing => (WatchedPartition::new(graph, rules, timing)?, Epoch::FIRST, None),
            // The alarms, and nothing else: the windows of the former topic are its own.
            Found::Former(found) => {
                let core = WatchedPartition::restore(graph, rules, timing, &blobs(found), Take::Alarms)?;
                (core, Epoch::FIRST, None)
            }
            Found::Rebuilt(core, manifest) => (*core, manifest.epoch.next(), Some(manifest.next_offset)),
            Found::Own(found) => {
                let manifest = &found.manifest;
                let same = manifest.fingerprint == graph.fingerprint();
                if !same && settings.on_query_change == OnQueryChange::StartEmpty {
                    tracing::warn!(partition = context.partition, "the queries changed: windows start empty");
                } else if !same {
                    return Err(DataflowError::Fingerprint(format!(
                        "partition {}, epoch {}: fingerprint {}, now {}",
                        context.partition,
                        manifest.epoch,
                        manifest.fingerprint,
                        graph.fingerprint()
                    ))
                    .into());
                }
                let (epoch, next_offset) = (manifest.epoch.next(), manifest.next_offset);
                let take = if same { Take::All } else { Take::Source };
                let core = WatchedPartition::restore(graph, rules, timing, &blobs(found), take)?;
                (core, epoch, Some(next_offset))
            }
        };
        let known = core.alarms().episodes().cloned().collect();
        context.alarms.update(&context.live, context.partition, known);
        let decoder = settings.input.decoder(&settings.kafka.topic, &settings.schema, settings.max_skew);
        let mut work = Self {
            context,
            decoder,
            core,
            epoch,
            next_offset,
            rows: BTreeMap::new(),
            readings: 0,
            changed: false,
            machines: None,
            sealed_at: now.steady,
            heard: now.steady,
        };
        let machines = work.core.streams().machines()?;
        work.context.live.set_machines(&machines);
        work.follow_machines(now)?;
        Ok(work)
    }

    /// Takes what is known of the machines, where it has changed.
    fn follow_machines(&mut self, now: Now) -> Result<(), WorkerError> {
        let generation = self.context.machines.generation();
        if self.machines == Some(generation) {
            return Ok(());
        }
        self.machines = Some(generation);
        if let Some(rows) = self.core.set_machines(&self.context.machines.get())? {
            self.changed = true;
            self.add_machines(&rows, now)?;
        }
        Ok(())
    }

    fn add_machines(&mut self, rows: &RecordBatch, now: Now) -> Result<(), WorkerError> {
        let partition = self.context.partition;
        let stamped = columns::stamped(rows, partition, now.wall);
        self.context.live.set_machines(rows);
        self.store(MACHINES, stamped.map_err(|source| WorkerError::Arrow { partition, source })?);
        Ok(())
    }

    /// Where reading goes on; `None` before the first message ever.
    pub(super) fn next_offset(&self) -> Option<i64> {
        self.next_offset
    }

    /// The epoch being filled.
    #[cfg(test)]
    pub(super) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Event time of the newest reading, microseconds.
    pub(super) fn newest(&self) -> Option<i64> {
        self.core.streams().newest()
    }

    /// Takes messages, which go on at [`Self::next_offset`].
    pub(super) fn take(&mut self, raw: &RawBatch, now: Now) -> Result<(), WorkerError> {
        let partition = self.context.partition;
        let arrow = |source| WorkerError::Arrow { partition, source };
        self.follow_machines(now)?;
        if let Some(gap) = &raw.gap {
            let topic = &self.context.settings.kafka.topic;
            let row = gap.row(topic, partition, self.newest(), now.wall).map_err(arrow)?;
            crate::serve::metrics::gap(gap.reason.as_str(), gap.missing);
            self.add(GAPS, row);
        }
        let decoded = self.decoder.decode(partition, raw).map_err(arrow)?;
        if decoded.readings.num_rows() > 0 {
            self.heard = now.steady;
            self.readings += decoded.readings.num_rows();
            let outputs = self.core.process(&decoded.readings)?;
            self.add(READINGS, decoded.readings);
            self.add_watched(outputs, now)?;
        }
        if let Some(dead) = decoded.dead {
            self.readings += dead.num_rows();
            let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
            for reason in decoded.reasons {
                *counts.entry(reason.as_str()).or_default() += 1;
            }
            for (reason, count) in counts {
                self.context.live.dead_letters(reason, count);
            }
            self.add(DEAD_LETTERS, dead);
        }
        self.context.live.keep_messages(partition, raw);
        self.next_offset = raw.next_offset().or(self.next_offset);
        self.changed = true;
        self.tell();
        Ok(())
    }

    /// After a long silence event time goes on as the clock does: windows that hold readings then close. The watermark
    /// that this gives is part of the next epoch, so a restart does not take it back.
    pub(super) fn idle(&mut self, now: Now) -> Result<(), WorkerError> {
        self.follow_machines(now)?;
        let silent = now.steady.saturating_sub(self.heard);
        let settings = &self.context.settings;
        let Some(newest) = self.core.streams().newest() else { return Ok(()) };
        if silent < settings.idle_timeout {
            return Ok(());
        }
        let outputs = self.core.advance(newest.saturating_add(silent) - settings.timing.max_delay)?;
        // An advance that closes no window needs no epoch: it follows again from the silence.
        self.changed |= !outputs.streams.streams.is_empty() || !outputs.streams.revised.is_empty();
        self.add_watched(outputs, now)?;
        self.tell();
        Ok(())
    }

    /// Someone knows of an alarm: gives the alarm as it is then, if there is one, and whether that is something to
    /// store. If so its rows are part of the epoch being filled.
    pub(super) fn acknowledge(
        &mut self,
        machine: &str,
        episode: &str,
        who: &str,
        comment: &str,
        now: Now,
    ) -> Result<(Option<Episode>, bool), WorkerError> {
        Ok(match self.core.acknowledge(machine, episode, who, comment, now.wall)? {
            Acknowledged::Unknown => (None, false),
            Acknowledged::Already(episode) => (Some(episode), false),
            Acknowledged::Now(episode, outputs) => {
                self.changed = true;
                self.add_alarms(outputs, now)?;
                (Some(episode), true)
            }
        })
    }

    /// Whether it is time to seal the epoch.
    pub(super) fn due(&self, now: Now) -> bool {
        let interval = i64::try_from(self.context.settings.commit_interval.as_micros()).unwrap_or(i64::MAX);
        self.readings >= EPOCH_ROWS || now.steady.saturating_sub(self.sealed_at) >= interval
    }

    /// Whether there is anything to seal.
    pub(super) fn changed(&self) -> bool {
        self.changed && self.next_offset.is_some()
    }

    /// Seals the epoch, where there is anything to seal, and begins the next. The epoch before must be in the store by
    /// now: otherwise two epochs of a partition could be without their rows after a crash, and memory would grow.
    pub(super) fn seal(&mut self, now: Now) -> Result<Option<SealedEpoch>, WorkerError> {
        self.sealed_at = now.steady;
        let (true, Some(next_offset)) = (self.changed, self.next_offset) else { return Ok(None) };
        let state = self.core.checkpoint()?;
        let sealed = SealedEpoch {
            partition: self.context.partition,
            epoch: self.epoch,
            next_offset,
            watermark: self.core.streams().watermark(),
            sealed_at: now.wall,
            rows: std::mem::take(&mut self.rows),
            state,
            stored: Vec::new(),
        };
        self.epoch = self.epoch.next();
        self.readings = 0;
        self.changed = false;
        Ok(Some(sealed))
    }

    fn add_watched(&mut self, outputs: WatchedOutputs, now: Now) -> Result<(), WorkerError> {
        if let Some(rows) = &outputs.streams.machines {
            self.add_machines(rows, now)?;
        }
        self.add_outputs(outputs.streams);
        self.add_alarms(outputs.alarms, now)
    }

    fn add_alarms(&mut self, outputs: AlarmOutputs, now: Now) -> Result<(), WorkerError> {
        if let Some(rows) = outputs.rows {
            let rows = stamped(&rows, now.wall);
            self.add(ALARMS, rows.map_err(|source| WatchedError::from(AlarmError::from(source)))?);
        }
        if !outputs.episodes.is_empty() {
            self.context.alarms.update(&self.context.live, self.context.partition, outputs.episodes);
        }
        Ok(())
    }

    fn add_outputs(&mut self, outputs: Outputs) {
        let graph = Arc::clone(&self.context.graph);
        crate::serve::metrics::duplicates(outputs.duplicates);
        crate::serve::metrics::unknown_readings(outputs.unknown);
        for (position, batch) in outputs.revised {
            // For the tables alone: what is live is newer.
            self.store(&graph.streams()[position].name, batch);
        }
        for (position, batch) in outputs.streams {
            self.add(&graph.streams()[position].name, batch);
        }
        if let Some(late) = outputs.late {
            for stream in graph.streams() {
                let late_for = late.column_by_name("stream").and_then(|c| c.as_string_opt::<i32>());
                let count =
                    late_for.map_or(0, |c| c.iter().filter(|name| *name == Some(&*stream.name)).count());
                if count > 0 {
                    self.context.live.late_readings(&stream.name, count as u64);
                }
            }
            self.add(LATE_READINGS, late);
        }
    }

    fn add(&mut self, table: &str, batch: RecordBatch) {
        if batch.num_rows() == 0 {
            return;
        }
        if ![DEAD_LETTERS, LATE_READINGS, GAPS, ALARMS].contains(&table) {
            self.context.live.update(table, &batch);
        }
        self.store(table, batch);
    }

    fn store(&mut self, table: &str, batch: RecordBatch) {
        self.context.hot.add(table, self.context.partition, self.epoch, batch.clone());
        self.rows.entry(table.to_string()).or_default().push(batch);
    }

    fn tell(&self) {
        let high = self.context.high_watermark.load(Ordering::Relaxed);
        self.context.live.set_partition(status(
            self.context.partition,
            self.next_offset.unwrap_or_default(),
            high,
            self.core.streams().watermark(),
            self.epoch.0.saturating_sub(1),
        ));
    }
}
