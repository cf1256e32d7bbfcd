//! A worker of the simulated world: what the threads of a real one do, one thing at a time.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::oneshot::{self, error::TryRecvError};

use super::broker::Broker;
use super::file::File;
use super::oracle::Event;
use super::setup::{IDLE, Setup, URL};
use super::store::{Fate, Objects, Trace, WorkerStore};
use super::tables::{Reader, texts};
use crate::archive::Archive;
use crate::serve::alarm::LiveAlarms;
use crate::serve::live::LiveState;
use crate::source::raw::RawBatch;
use crate::worker::WorkerError;
use crate::worker::committer::{Commits, Lost, SealedEpoch};
use crate::worker::hot::HotRows;
use crate::worker::partition::{Found, Now, PartitionContext, PartitionWork, find};

/// What takes longer is stuck: the store answers at once, or says that it hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a request of a worker came to.
pub(super) enum Done {
    Started(Result<(), WorkerError>),
    Found(usize, Result<Found, WorkerError>),
    Committed(Result<Vec<Lost>, WorkerError>),
}

/// One partition of a worker.
pub(super) struct Part {
    pub(super) work: PartitionWork,
    /// What it has gone through since its newest epoch was sealed.
    events: Vec<Event>,
    /// When the last reading came, steady clock.
    heard: i64,
    /// Ends when the epoch before is in the store.
    in_flight: Option<oneshot::Receiver<()>>,
    file: Arc<File>,
}

impl Part {
    pub(super) fn take(
        &mut self,
        batch: &RawBatch,
        event: Event,
        heard: bool,
        now: Now,
    ) -> Result<(), WorkerError> {
        if heard {
            self.heard = now.steady;
        }
        self.events.push(Event::File(self.file.number()));
        self.events.push(event);
        self.work.take(batch, now)
    }

    pub(super) fn idle(&mut self, now: Now) -> Result<(), WorkerError> {
        self.events.push(Event::File(self.file.number()));
        let silent = now.steady - self.heard;
        if silent >= IDLE {
            self.events.push(Event::Silence(silent));
        }
        self.work.idle(now)
    }

    /// Whether everything it has is stored.
    pub(super) fn is_clean(&self) -> bool {
        !self.work.changed() && self.in_flight.is_none()
    }
}

/// See the module.
pub(super) struct Worker {
    pub(super) fate: Arc<Fate>,
    pub(super) ready: bool,
    pub(super) parts: BTreeMap<usize, Part>,
    setup: &'static Setup,
    file: Arc<File>,
    commits: Arc<Commits>,
    live: Arc<LiveState>,
    alarms: Arc<LiveAlarms>,
    queue: Vec<SealedEpoch>,
    /// The request under way.
    job: Option<Pin<Box<dyn Future<Output = Done>>>>,
}

impl Worker {
    /// A worker that starts by making the tables, as [`Worker::new`](crate::worker::Worker::new) does.
    pub(super) fn new(
        id: u32,
        setup: &'static Setup,
        file: &Arc<File>,
        objects: &Arc<Objects>,
        trace: &Trace,
    ) -> Self {
        let fate = Fate::new(id, trace);
        let archive = Archive::over(URL, Arc::new(WorkerStore::new(objects, &fate))).unwrap();
        let commits = Commits {
            archive: archive.clone(),
            specs: setup.specs.clone(),
            topic: setup.settings.kafka.topic.clone(),
            fingerprint: setup.graph.fingerprint().to_string(),
            hot: Arc::new(HotRows::default()),
        };
        let start = async move {
            for spec in &setup.specs {
                if let Err(error) = archive.ensure_table(spec).await {
                    return Done::Started(Err(error.into()));
                }
            }
            Done::Started(Ok(()))
        };
        Self {
            fate,
            ready: false,
            parts: BTreeMap::new(),
            setup,
            file: Arc::clone(file),
            commits: Arc::new(commits),
            live: Arc::default(),
            alarms: Arc::default(),
            queue: Vec::new(),
            job: Some(Box::pin(start)),
        }
    }

    /// Whether it may begin with a request.
    pub(super) fn is_free(&self) -> bool {
        self.ready && self.job.is_none()
    }

    /// Asks the archive where a partition goes on.
    pub(super) fn find(&mut self, partition: usize) {
        let (commits, setup) = (Arc::clone(&self.commits), self.setup);
        self.job = Some(Box::pin(async move {
            let found = find(&commits.archive, &setup.settings, partition as i32).await;
            Done::Found(partition, found)
        }));
    }

    /// Takes a partition up.
    pub(super) fn begin(
        &mut self,
        partition: usize,
        found: Found,
        now: Now,
    ) -> Result<&mut Part, WorkerError> {
        self.give_up(partition);
        let context = PartitionContext {
            partition: partition as i32,
            settings: Arc::clone(&self.setup.settings),
            graph: Arc::clone(&self.setup.graph),
            rules: Arc::clone(&self.setup.rules),
            live: Arc::clone(&self.live),
            alarms: Arc::clone(&self.alarms),
            machines: Arc::clone(&self.file.machines),
            hot: Arc::clone(&self.commits.hot),
            high_watermark: Arc::new(AtomicI64::new(-1)),
        };
        let work = PartitionWork::begin(context, found, now)?;
        let (events, file) = (vec![Event::File(self.file.number())], Arc::clone(&self.file));
        let part = Part { work, events, heard: now.steady, in_flight: None, file };
        Ok(self.parts.entry(partition).insert_entry(part).into_mut())
    }

    /// Forgets a partition, as the worker does when it is revoked.
    pub(super) fn give_up(&mut self, partition: usize) {
        self.parts.remove(&partition);
        self.queue.retain(|sealed| sealed.partition != partition as i32);
        self.commits.hot.forget(partition as i32);
    }

    /// Seals an epoch if there is something to seal and the one before is stored: its number, and what it has gone
    /// through.
    pub(super) fn seal(
        &mut self,
        partition: usize,
        now: Now,
    ) -> Result<Option<(u64, Vec<Event>)>, WorkerError> {
        let Some(part) = self.parts.get_mut(&partition) else { return Ok(None) };
        if part.in_flight.is_some() {
            return Ok(None);
        }
        let Some(mut sealed) = part.work.seal(now)? else { return Ok(None) };
        let (stored, in_flight) = oneshot::channel();
        sealed.stored.push(stored);
        part.in_flight = Some(in_flight);
        let epoch = sealed.epoch.0;
        self.queue.push(sealed);
        Ok(Some((epoch, std::mem::take(&mut part.events))))
    }

    /// Begins to commit what is sealed; `false` where nothing is.
    pub(super) fn commit(&mut self) -> bool {
        if self.queue.is_empty() {
            return false;
        }
        let epochs = std::mem::take(&mut self.queue);
        let commits = Arc::clone(&self.commits);
        self.job = Some(Box::pin(async move { Done::Committed(commits.commit(epochs, |_| ()).await) }));
        true
    }

    /// Goes on with the request under way until it is answered or hangs.
    pub(super) async fn drive(&mut self) -> Option<Done> {
        let fate = Arc::clone(&self.fate);
        let job = self.job.as_mut()?;
        let answered = poll_fn(|context| match job.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if fate.is_stalled() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        });
        let done = tokio::time::timeout(PATIENCE, answered).await.expect("a request hangs for no reason")?;
        self.job = None;
        Some(done)
    }

    /// Partitions whose epochs are stored go on, those whose epochs will not be are given up, as their threads do.
    /// Gives the latter.
    pub(super) fn settle(&mut self) -> Vec<usize> {
        let mut refused = Vec::new();
        for (&partition, part) in &mut self.parts {
            let Some(in_flight) = &mut part.in_flight else { continue };
            match in_flight.try_recv() {
                Ok(()) => part.in_flight = None,
                Err(TryRecvError::Closed) => refused.push(partition),
                Err(TryRecvError::Empty) => {}
            }
        }
        for &partition in &refused {
            self.give_up(partition);
        }
        refused
    }

    /// What a query on this worker sees, committed and not: each message that a partition has taken, once. Where
    /// another worker has gone on with a partition, nobody asks this one.
    pub(super) fn check_view(
        &self,
        objects: &Objects,
        reader: &Reader,
        broker: &Broker,
    ) -> Result<(), String> {
        if self.job.is_some() {
            return Ok(());
        }
        for (&partition, part) in &self.parts {
            let newest =
                objects.created().iter().rev().find(|c| c.partition == partition).map_or(0, |c| c.epoch);
            if part.in_flight.is_some() || newest + 1 != part.work.epoch().0 {
                continue;
            }
            let mut seen = vec![0; broker.logs[partition].len()];
            for table in ["readings", "dead_letters"] {
                let hot = self.commits.hot.rows(table).into_iter().flat_map(|batch| texts(table, &batch));
                let stored = reader.rows.get(table).into_iter().flatten();
                for key in hot.map(|(key, _)| key).chain(stored.map(|(key, _)| key.clone())) {
                    let (of, offset) = key.split_once('/').unwrap();
                    if of == partition.to_string() {
                        seen[offset.parse::<usize>().unwrap()] += 1;
                    }
                }
            }
            let taken = part.work.next_offset().unwrap_or_default() as usize;
            let expected = |offset: usize| i32::from(offset < taken);
            if let Some(offset) = (0..seen.len()).find(|&offset| seen[offset] != expected(offset)) {
                let times = seen[offset];
                return Err(format!(
                    "a query sees message {offset} of partition {partition} {times} times, at {taken}"
                ));
            }
        }
        Ok(())
    }
}
