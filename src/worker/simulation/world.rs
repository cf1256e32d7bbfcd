//! Broker, store, clocks, group and workers, and what happens to them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::broker::{Broker, SECOND, Truth};
use super::dice::{Dice, mix};
use super::file::File;
use super::oracle::{Event, Rows, expect};
use super::setup::Setup;
use super::store::{FAULTS, Objects, Trace};
use super::tables::Reader;
use super::worker::{Done, Part, Worker};
use crate::worker::committer::Lost;
use crate::worker::partition::Now;

/// Workers that are there at the same time.
const WORKERS: usize = 3;
/// Operations of a request to find a partition, and to commit, among which a fault strikes.
const REACH: [usize; 2] = [10, 24];

/// What came of a seed.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Faults and kills, with the operations that they struck, and everything else that tells what was tried.
    pub(super) counts: BTreeMap<String, usize>,
}

/// Everything there is.
pub(super) struct World {
    dice: Dice,
    setup: &'static Setup,
    broker: Broker,
    objects: Arc<Objects>,
    file: Arc<File>,
    reader: Reader,
    trace: Trace,
    now: Now,
    workers: BTreeMap<u32, Worker>,
    /// Whom the group has given each partition.
    owners: Vec<Option<u32>>,
    next_worker: u32,
    /// What each epoch that was sealed has gone through, by partition, epoch and time of sealing.
    sealed: HashMap<(usize, u64, i64), Vec<Event>>,
    outcome: Outcome,
}

impl World {
    pub(super) async fn new(seed: u64, trace: &Trace) -> Self {
        let mut dice = Dice::new(seed);
        let setup = Setup::of(dice.below(3));
        let partitions = 1 + dice.below(3);
        let broker = Broker::draw(&mut dice, partitions);
        let objects = Arc::new(Objects::default());
        // Now and then the workers make the tables themselves.
        if !dice.chance(10) {
            setup.make_tables(&objects.memory, [3, 10, 100][dice.below(3)]).await;
        }
        trace.note(format!("{partitions} partitions, table {}", setup.windows.table));
        Self {
            dice,
            setup,
            owners: vec![None; broker.partitions()],
            broker,
            objects,
            file: Arc::default(),
            reader: Reader::default(),
            trace: trace.clone(),
            now: Now { steady: 0, wall: 1_700_000_000_000_000 },
            workers: BTreeMap::new(),
            next_worker: 1,
            sealed: HashMap::new(),
            outcome: Outcome::default(),
        }
    }

    /// Lives through the seed; an error is what must not happen.
    pub(super) async fn live(mut self) -> Result<Outcome, String> {
        let steps = 30 + self.dice.below(50);
        for _ in 0..steps {
            self.step().await?;
        }
        self.finish().await?;
        Ok(self.outcome)
    }

    fn count(&mut self, what: impl Into<String>) {
        *self.outcome.counts.entry(what.into()).or_default() += 1;
    }

    /// The clocks go on a little with everything that happens, so that no two epochs are sealed at the same time.
    fn tick(&mut self) -> Now {
        self.now.steady += 7;
        self.now.wall += 7;
        self.now
    }

    async fn step(&mut self) -> Result<(), String> {
        let workers: Vec<u32> = self.workers.keys().copied().collect();
        let Some(worker) = self.dice.pick(&workers) else { return self.start_worker().await };
        let partition = self.dice.below(self.broker.partitions());
        if self.owners[partition].is_none() && self.dice.chance(60) {
            return self.assign(worker, partition).await;
        }
        match self.dice.below(100) {
            0..10 => self.broker.produce(partition, 1 + self.dice.below(15)),
            10..34 => self.deliver(worker)?,
            34..70 => self.seal_and_commit(worker).await?,
            70..75 => self.go_on(worker).await?,
            75..79 if workers.len() < WORKERS => self.start_worker().await?,
            79..82 => self.kill(worker, "killed"),
            82..87 => self.move_cleanly(partition).await?,
            87..92 => self.move_unnoticed(worker, partition).await?,
            92..94 => self.lose(worker, partition),
            94..96 => self.jump(),
            96..98 => self.write_file(),
            98..100 => self.idle(worker)?,
            _ => {}
        }
        Ok(())
    }

    /// Sometimes something is going to happen to the request that follows.
    fn tempt(&mut self, worker: u32, reach: usize) {
        let (roll, after, fault) = (self.dice.below(100), self.dice.below(reach), self.dice.pick(&FAULTS));
        let by = self.dice.below(1 << 30) as u64;
        let Some(worker) = self.workers.get(&worker) else { return };
        match (roll, fault) {
            (0..55, Some(fault)) => worker.fate.plan(after, fault),
            (55..58, _) => worker.fate.unreadable(mix(by)),
            (58..70, _) => worker.fate.unreadable(0),
            _ => {}
        }
    }

    async fn start_worker(&mut self) -> Result<(), String> {
        let id = self.next_worker;
        self.next_worker += 1;
        self.trace.note(format!("worker {id} starts"));
        let worker = Worker::new(id, self.setup, &self.file, &self.objects, &self.trace);
        self.workers.insert(id, worker);
        self.tempt(id, REACH[0]);
        self.work_on(id).await
    }

    /// The group gives a worker a partition.
    async fn assign(&mut self, id: u32, partition: usize) -> Result<(), String> {
        let Some(worker) = self.workers.get_mut(&id).filter(|worker| worker.is_free()) else { return Ok(()) };
        self.trace.note(format!("partition {partition} is given to worker {id}"));
        worker.find(partition);
        self.owners[partition] = Some(id);
        self.tempt(id, REACH[0]);
        self.work_on(id).await
    }

    /// Goes on with the request of a worker until it is answered or hangs.
    async fn work_on(&mut self, id: u32) -> Result<(), String> {
        let now = self.tick();
        let Some(worker) = self.workers.get_mut(&id) else { return Ok(()) };
        let Some(done) = worker.drive().await else {
            if worker.fate.is_stalled() {
                self.trace.note(format!("worker {id} hangs"));
            }
            return Ok(());
        };
        if worker.fate.is_dead() {
            self.kill(id, "died in the store");
            return self.look().await;
        }
        match done {
            Done::Started(Ok(())) => worker.ready = true,
            Done::Found(partition, Ok(found)) => {
                let part = worker.begin(partition, found, now).map_err(|e| format!("cannot go on: {e}"))?;
                let offset = part.work.next_offset();
                self.trace.note(format!("worker {id} goes on with partition {partition} at {offset:?}"));
            }
            Done::Committed(Ok(lost)) => {
                let refused = worker.settle();
                for Lost { partition, error } in lost {
                    self.trace.note(format!("worker {id} has lost partition {partition}: {error}"));
                    *self.outcome.counts.entry("fenced".into()).or_default() += 1;
                }
                self.released(id, &refused);
            }
            Done::Committed(Err(error)) if error.may_pass() => {
                self.trace.note(format!("worker {id} has not committed: {error}"));
                let refused = worker.settle();
                self.released(id, &refused);
            }
            // It asks again, or the group gives the partition to another.
            Done::Found(partition, Err(error)) if error.may_pass() => {
                self.trace.note(format!("worker {id} cannot take partition {partition} yet: {error}"));
                self.released(id, &[partition]);
            }
            Done::Started(Err(error)) if error.may_pass() => self.kill(id, &format!("failed: {error}")),
            // No fault of the store may bring about what nobody may go on from.
            Done::Started(Err(error)) | Done::Found(_, Err(error)) | Done::Committed(Err(error)) => {
                return Err(format!("worker {id} fails with: {error}"));
            }
        }
        self.look().await
    }

    /// A worker has given partitions up that the group may have given to it.
    fn released(&mut self, id: u32, partitions: &[usize]) {
        for &partition in partitions {
            self.trace.note(format!("worker {id} gives up partition {partition}"));
            self.owners[partition] = self.owners[partition].filter(|owner| *owner != id);
        }
    }

    fn kill(&mut self, id: u32, why: &str) {
        self.trace.note(format!("worker {id}: {why}"));
        let Some(worker) = self.workers.remove(&id) else { return };
        worker.fate.die();
        for (fault, operation) in worker.fate.fired() {
            let kind = operation.split('/').filter(|part| part.parse::<u64>().is_err()).collect::<Vec<_>>();
            let kind = kind.join("/").replace(|c: char| c.is_ascii_digit(), "");
            self.count(format!("{fault:?} {kind}"));
        }
        self.count("killed");
        for owner in &mut self.owners {
            *owner = owner.filter(|owner| *owner != id);
        }
    }

    /// A worker reads on in one of its partitions.
    fn deliver(&mut self, id: u32) -> Result<(), String> {
        let now = self.tick();
        let most = 1 + self.dice.below(8);
        let Some(worker) = self.workers.get_mut(&id) else { return Ok(()) };
        let parts: Vec<usize> = worker.parts.keys().copied().collect();
        let Some(partition) = self.dice.pick(&parts) else { return Ok(()) };
        let part = worker.parts.get_mut(&partition).unwrap();
        read_on(&self.broker, part, partition, most, now)?;
        let offset = part.work.next_offset();
        self.trace.note(format!("worker {id} reads partition {partition} to {offset:?}"));
        Ok(())
    }

    /// A worker seals an epoch of some of its partitions, and commits what is sealed.
    async fn seal_and_commit(&mut self, id: u32) -> Result<(), String> {
        let Some(worker) = self.workers.get_mut(&id).filter(|worker| worker.ready) else { return Ok(()) };
        let parts: Vec<usize> = worker.parts.keys().copied().collect();
        for partition in parts {
            if self.dice.chance(75) {
                self.seal(id, partition)?;
            }
        }
        let worker = self.workers.get_mut(&id).unwrap();
        if worker.is_free() && worker.commit() {
            self.tempt(id, REACH[1]);
        }
        self.work_on(id).await
    }

    fn seal(&mut self, id: u32, partition: usize) -> Result<(), String> {
        let now = self.tick();
        let Some(worker) = self.workers.get_mut(&id) else { return Ok(()) };
        let sealed = worker.seal(partition, now).map_err(|e| format!("cannot seal: {e}"))?;
        if let Some((epoch, events)) = sealed {
            self.trace.note(format!("worker {id} seals partition {partition}, epoch {epoch}: {events:?}"));
            self.sealed.insert((partition, epoch, now.wall), events);
            self.count("sealed");
        }
        Ok(())
    }

    /// A request that hangs goes on.
    async fn go_on(&mut self, id: u32) -> Result<(), String> {
        let Some(worker) = self.workers.get_mut(&id) else { return Ok(()) };
        if worker.fate.is_stalled() {
            self.trace.note(format!("worker {id} goes on"));
            worker.fate.go_on();
            self.tempt(id, REACH[1]);
        }
        self.work_on(id).await
    }

    /// The group takes a partition from its owner, who finishes with it first.
    async fn move_cleanly(&mut self, partition: usize) -> Result<(), String> {
        let Some(id) = self.owners[partition] else { return Ok(()) };
        for _ in 0..2 {
            // First what is under way, then what has come since.
            self.seal(id, partition)?;
            let Some(worker) = self.workers.get_mut(&id) else { return Ok(()) };
            if worker.fate.is_stalled() {
                return Ok(());
            }
            if worker.is_free() && worker.commit() {
                self.tempt(id, REACH[1]);
            }
            self.work_on(id).await?;
        }
        let Some(worker) = self.workers.get_mut(&id) else { return Ok(()) };
        if worker.is_free() && worker.parts.get(&partition).is_none_or(Part::is_clean) {
            self.trace.note(format!("partition {partition} is taken from worker {id}"));
            worker.give_up(partition);
            self.owners[partition] = self.owners[partition].filter(|owner| *owner != id);
        }
        Ok(())
    }

    /// The group gives a partition to another worker, and the old owner does not notice.
    async fn move_unnoticed(&mut self, id: u32, partition: usize) -> Result<(), String> {
        if self.owners[partition] != Some(id) {
            self.count("zombie");
            self.assign(id, partition).await?;
        }
        Ok(())
    }

    /// A worker notices that it is out of the group: what it has not sealed is gone.
    fn lose(&mut self, id: u32, partition: usize) {
        if let Some(worker) = self.workers.get_mut(&id).filter(|worker| worker.is_free()) {
            self.trace.note(format!("worker {id} drops partition {partition}"));
            worker.give_up(partition);
            self.owners[partition] = self.owners[partition].filter(|owner| *owner != id);
        }
    }

    fn jump(&mut self) {
        self.now.steady += self.dice.between(1, 60) * SECOND;
        // The wall clock may be set back, but no further than leaves each epoch a time of its own.
        self.now.wall += self.dice.between(-1, 60) * SECOND + 13;
        self.trace.note("the clocks jump".into());
    }

    /// Somebody changes the file of machines.
    fn write_file(&mut self) {
        let number = self.dice.below(32) as u8;
        self.trace.note(format!("the file of machines is number {number}"));
        self.file.write(number);
        self.count("file");
    }

    fn idle(&mut self, id: u32) -> Result<(), String> {
        let now = self.tick();
        let Some(worker) = self.workers.get_mut(&id) else { return Ok(()) };
        for part in worker.parts.values_mut() {
            part.idle(now).map_err(|e| format!("cannot advance: {e}"))?;
        }
        Ok(())
    }

    /// Reads the tables as anybody might at this moment.
    async fn look(&mut self) -> Result<(), String> {
        for table in self.setup.tables() {
            self.reader.read_on(&self.objects.memory, table).await?;
        }
        for (id, worker) in &self.workers {
            worker
                .check_view(&self.objects, &self.reader, &self.broker)
                .map_err(|e| format!("worker {id}: {e}"))?;
        }
        Ok(())
    }

    /// The store heals, fresh workers read to the end, and the tables are compared.
    async fn finish(&mut self) -> Result<(), String> {
        self.trace.note("the store heals".into());
        self.broker.produce_all();
        let old: Vec<u32> = self.workers.keys().copied().collect();
        for id in &old {
            let worker = &self.workers[id];
            worker.fate.heal();
            if !worker.fate.is_stalled() {
                self.kill(*id, "ends");
            }
        }
        self.drain().await?;
        // Whoever hung all the time goes on now, and finds that it has lost everything.
        let mut hung = false;
        for id in old {
            while self.workers.get(&id).is_some_and(|worker| worker.fate.is_stalled()) {
                self.trace.note(format!("worker {id} goes on"));
                self.workers[&id].fate.go_on();
                self.work_on(id).await?;
                hung = true;
            }
        }
        if hung {
            self.drain().await?;
        }
        self.compare()
    }

    /// A fresh worker takes all partitions to their ends.
    async fn drain(&mut self) -> Result<(), String> {
        let id = self.next_worker;
        self.next_worker += 1;
        self.trace.note(format!("worker {id} starts, to the end"));
        let worker = Worker::new(id, self.setup, &self.file, &self.objects, &self.trace);
        self.workers.insert(id, worker);
        self.work_on(id).await?;
        let alive = |world: &Self| world.workers.contains_key(&id);
        for partition in 0..self.broker.partitions() {
            let worker = self.workers.get_mut(&id).ok_or("a healed world fails")?;
            worker.find(partition);
            self.work_on(id).await?;
        }
        self.now.steady += 1000 * SECOND;
        let now = self.tick();
        let worker = self.workers.get_mut(&id).ok_or("a healed world fails")?;
        for (partition, part) in &mut worker.parts {
            read_on(&self.broker, part, *partition, usize::MAX, now)?;
        }
        self.now.steady += 1000 * SECOND;
        self.idle(id)?;
        for partition in 0..self.broker.partitions() {
            self.seal(id, partition)?;
        }
        let worker = self.workers.get_mut(&id).ok_or("a healed world fails")?;
        worker.commit();
        self.work_on(id).await?;
        if !alive(self) || self.workers[&id].parts.len() < self.broker.partitions() {
            return Err("the last worker of a healed world has lost a partition".into());
        }
        self.kill(id, "ends");
        Ok(())
    }

    fn compare(&mut self) -> Result<(), String> {
        let mut expected: Rows = self.setup.tables().map(|name| (name.into(), BTreeMap::new())).collect();
        for partition in 0..self.broker.partitions() {
            let events = self.chain(partition)?;
            expect(partition, &self.broker.logs[partition], &events, self.setup.windows, &mut expected);
        }
        for (table, expected) in &expected {
            let found = self.reader.rows.get(table).cloned().unwrap_or_default();
            let lost: Vec<_> = expected.iter().filter(|(key, _)| !found.contains_key(*key)).collect();
            let added: Vec<_> = found.iter().filter(|(key, _)| !expected.contains_key(*key)).collect();
            let other: Vec<_> =
                expected.iter().filter(|(k, v)| found.get(*k).is_some_and(|found| found != *v)).collect();
            if !(lost.is_empty() && added.is_empty() && other.is_empty()) {
                return Err(format!(
                    "{table}: lost {lost:?}, too many {added:?}, with other values {other:?}"
                ));
            }
            *self.outcome.counts.entry(format!("rows of {}", kind(table))).or_default() += found.len();
        }
        let messages: usize = self.broker.logs.iter().map(Vec::len).sum();
        let kept = expected["readings"].len() + expected["dead_letters"].len();
        if messages != kept {
            return Err(format!("{kept} of {messages} messages are in the tables"));
        }
        Ok(())
    }

    /// What the epochs that exist have gone through. Of several of the same number the first is the true one: those
    /// after it were created where it had been deleted.
    fn chain(&self, partition: usize) -> Result<Vec<Event>, String> {
        let mut events = Vec::new();
        let mut next = 0;
        for number in 1.. {
            let mut created = self.objects.created().into_iter();
            let Some(made) = created.find(|made| made.partition == partition && made.epoch == number) else {
                break;
            };
            let sealed = &self.sealed[&(partition, number, made.written_at)];
            for event in sealed {
                if let Event::Messages { from, to } = *event {
                    if from != next {
                        return Err(format!(
                            "epoch {number} of {partition} goes on at {from}, not at {next}"
                        ));
                    }
                    next = to;
                }
            }
            events.extend(sealed.iter().cloned());
        }
        Ok(events)
    }
}

fn kind(table: &str) -> &str {
    if table.ends_with("windows") { "features" } else { table }
}

/// Gives a partition the messages after those it has.
fn read_on(broker: &Broker, part: &mut Part, partition: usize, most: usize, now: Now) -> Result<(), String> {
    let from = part.work.next_offset().unwrap_or_default();
    let batch = broker.fetch(partition, from, most.min(1 << 20));
    if batch.is_empty() {
        return Ok(());
    }
    let to = batch.next_offset().unwrap();
    let taken = &broker.logs[partition][from as usize..to as usize];
    let heard = taken.iter().any(|message| matches!(message.truth, Truth::Reading { .. }));
    part.take(&batch, Event::Messages { from, to }, heard, now).map_err(|e| format!("cannot take: {e}"))
}
