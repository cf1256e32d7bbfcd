//! Chaos: processes of one group killed, ended, frozen and started at random while readings come, and in the long run the
//! broker as well. Afterwards every table holds what independent SQL over the readings gives.
//!
//! `make test` runs it for a while, `make chaos` for five minutes. `COLDSTREAM_CHAOS_SECONDS` sets how long, and
//! `COLDSTREAM_CHAOS_SEED` repeats the same actions (how the processes take them is up to the machine).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use coldstream::simulate::{Fleet, FleetConfig};

use crate::alarms::{assert_classic, assert_equals_backtest};
use crate::end_to_end::{assert_backtest_equals, differing_features};
use crate::parts::kafka::{Kafka, Message};
use crate::parts::{Process, port, wait};
use crate::worker::{Store, Worker};

const PARTITIONS: i32 = 16;
const MEMBERS: usize = 3;
/// Ten in each partition.
const MACHINES: u32 = 160;
/// Every partition has the same newest event time, so that one watermark is true for all of them.
const PERIOD: i64 = 1_000_000;
/// A day in summer: half of the machines fall ill, so that there are alarms.
const START: i64 = 1_721_001_600_000_000;
/// How long the last readings may take to be in the tables.
const END: Duration = Duration::from_secs(300);
/// Longer than the session of the group: whoever is frozen so long has lost its partitions.
const FROZEN: Duration = Duration::from_secs(14);

/// SplitMix64: all that a sequence of actions needs.
struct Random(u64);

impl Random {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }
}

/// What was done, and what came of it.
#[derive(Debug, Default)]
struct Figures {
    started: u32,
    killed: u32,
    ended: u32,
    frozen: u32,
    broker_restarts: u32,
    /// From the logs: partitions taken up, released, taken away by the group, given up after a refusal.
    assigned: usize,
    released: usize,
    lost: usize,
    given_up: usize,
    readings: i64,
}

enum Member {
    Off,
    On(Process),
    /// Told to end; that must go well.
    Ending(Process),
    Frozen(Process, Instant),
}

struct Chaos<'a> {
    worker: &'a Worker,
    ports: Vec<u16>,
    members: Vec<Member>,
    random: Random,
    figures: Figures,
}

impl Chaos<'_> {
    fn log(&mut self, process: &Process) {
        let log = process.stderr();
        self.figures.assigned += log.matches("partition assigned").count();
        self.figures.released += log.matches("partition released").count();
        self.figures.lost += log.matches("the group has taken partitions away").count();
        self.figures.given_up += log.matches("given up; it is still ours").count();
    }

    /// Takes note of who has ended, and wakes who was frozen long enough. Nobody may end who was not told to.
    fn look(&mut self) {
        for at in 0..self.members.len() {
            let member = std::mem::replace(&mut self.members[at], Member::Off);
            self.members[at] = match member {
                Member::Off => Member::Off,
                Member::On(mut process) => {
                    if let Some(status) = process.try_wait() {
                        panic!("member {at} ended with {status}\n{}", process.tail());
                    }
                    Member::On(process)
                }
                Member::Ending(mut process) => match process.try_wait() {
                    None => Member::Ending(process),
                    Some(status) => {
                        assert!(status.success(), "member {at} ended with {status}\n{}", process.tail());
                        self.log(&process);
                        Member::Off
                    }
                },
                Member::Frozen(process, since) if since.elapsed() >= FROZEN => {
                    process.signal("CONT");
                    Member::On(process)
                }
                frozen => frozen,
            };
        }
    }

    /// Does something to somebody.
    fn act(&mut self) {
        let at = self.random.next(MEMBERS as u64) as usize;
        let what = self.random.next(10);
        let member = std::mem::replace(&mut self.members[at], Member::Off);
        self.members[at] = match member {
            Member::Off => {
                self.figures.started += 1;
                Member::On(self.worker.start_member(self.ports[at]))
            }
            Member::On(mut process) if what < 5 => {
                process.kill();
                self.log(&process);
                self.figures.killed += 1;
                Member::Off
            }
            Member::On(process) if what < 8 && process.stderr().contains("serves on") => {
                process.signal("TERM");
                self.figures.ended += 1;
                Member::Ending(process)
            }
            Member::On(process) if what == 8 => {
                process.signal("STOP");
                self.figures.frozen += 1;
                Member::Frozen(process, Instant::now())
            }
            other => other,
        };
    }

    /// Wakes everybody, and starts who is not there.
    fn all_on(&mut self) {
        for at in 0..self.members.len() {
            let member = std::mem::replace(&mut self.members[at], Member::Off);
            self.members[at] = match member {
                Member::On(process) => Member::On(process),
                Member::Frozen(process, _) => {
                    process.signal("CONT");
                    Member::On(process)
                }
                Member::Ending(mut process) => {
                    let status = process.wait(Duration::from_secs(60));
                    assert!(status.success(), "member {at} ended with {status}\n{}", process.tail());
                    self.log(&process);
                    self.figures.started += 1;
                    Member::On(self.worker.start_member(self.ports[at]))
                }
                Member::Off => {
                    self.figures.started += 1;
                    Member::On(self.worker.start_member(self.ports[at]))
                }
            };
        }
    }

    fn tails(&self) -> String {
        let processes = self.members.iter().filter_map(|member| match member {
            Member::On(process) | Member::Ending(process) | Member::Frozen(process, _) => {
                Some(process.tail())
            }
            Member::Off => None,
        });
        processes.collect()
    }
}

/// The readings of the next `steps` periods, each machine always in the same partition.
fn readings(fleet: &mut Fleet, steps: usize) -> Vec<Message> {
    let mut messages = Vec::new();
    for _ in 0..steps {
        for reading in fleet.step().expect("it goes on for ever") {
            let mut payload = Vec::new();
            reading.write_json(&mut payload);
            let key = reading.machine.to_string().into_bytes();
            messages.push(Message { partition: (reading.machine as i32) % PARTITIONS, key, payload });
        }
    }
    messages
}

fn number_from(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok().filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text} is no number")))
}

#[test]
fn chaos_leaves_every_table_as_if_nothing_had_happened() {
    let lasting = Duration::from_secs(number_from("COLDSTREAM_CHAOS_SECONDS").unwrap_or(45));
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64;
    let seed = number_from("COLDSTREAM_CHAOS_SEED").unwrap_or(now % 1_000_000);
    println!("chaos for {lasting:?}: COLDSTREAM_CHAOS_SEED={seed}");
    let mut kafka = Kafka::start();
    let extra = "idle_timeout = \"1h\"\n[alarms]\nrules = \"classic\"";
    let worker = Worker::on(&kafka, "chaos", PARTITIONS, Store::Folder, extra);
    let mut fleet = Fleet::new(&FleetConfig {
        machines: MACHINES,
        seed,
        start: START,
        period: PERIOD,
        duration: None,
        faulty_share: 0.5,
        ..FleetConfig::default()
    })
    .unwrap();
    let mut chaos = Chaos {
        worker: &worker,
        ports: (0..MEMBERS).map(|_| port::free()).collect(),
        members: (0..MEMBERS).map(|_| Member::Off).collect(),
        random: Random(seed),
        figures: Figures::default(),
    };
    chaos.all_on();
    let began = Instant::now();
    let mut sent = 0;
    let mut next_act = Duration::from_secs(5);
    // In the long run the broker goes down once as well, in the middle.
    let mut broker_restart = (lasting >= Duration::from_secs(120)).then(|| lasting / 2);
    while began.elapsed() < lasting {
        let round = Instant::now();
        let messages = readings(&mut fleet, 10);
        sent += messages.len() as i64;
        kafka.send(&worker.topic, messages);
        chaos.look();
        if broker_restart.is_some_and(|at| began.elapsed() >= at) {
            broker_restart = None;
            kafka.stop();
            kafka.resume();
            chaos.figures.broker_restarts += 1;
        }
        if began.elapsed() >= next_act {
            chaos.act();
            next_act = began.elapsed() + Duration::from_millis(1_000 + chaos.random.next(4_000));
        }
        // The pace of the load: it goes on whether anybody reads or not.
        std::thread::sleep(Duration::from_millis(400).saturating_sub(round.elapsed()));
    }
    chaos.all_on();
    wait::until("every reading in the table", END, || {
        chaos.look();
        let found = worker.committed("readings") as i64;
        if found >= sent { Ok(()) } else { Err(format!("{found} of {sent}\n{}", chaos.tails())) }
    });
    for at in 0..MEMBERS {
        if let Member::On(mut process) = std::mem::replace(&mut chaos.members[at], Member::Off) {
            process.wait_for_line("serves on", Duration::from_secs(60));
            assert!(process.terminate().success(), "{}", process.tail());
            chaos.log(&process);
        }
    }
    chaos.figures.readings = sent;
    println!("{:#?}", chaos.figures);
    assert_tables(&worker, &kafka, sent);
    assert!(chaos.figures.killed + chaos.figures.ended + chaos.figures.frozen > 0, "{:?}", chaos.figures);
}

fn assert_tables(worker: &Worker, kafka: &Kafka, sent: i64) {
    let count = |what: &str| worker.number(&format!("SELECT count(*) FROM {what}"));
    let distinct = "(SELECT DISTINCT kafka_partition, kafka_offset FROM readings)";
    assert_eq!((count("readings"), count(distinct)), (sent, sent));
    let ends: BTreeMap<i32, i64> = (0..).zip(kafka.end_offsets(&worker.topic)).collect();
    assert_eq!(ends.values().sum::<i64>(), sent, "{ends:?}");
    assert_eq!(worker.group_offsets(PARTITIONS), sent);
    for table in ["dead_letters", "late_readings", "gaps"] {
        assert_eq!(count(table), 0, "{table}");
    }
    let (differing, features) = differing_features(worker);
    let seconds = sent / i64::from(MACHINES);
    assert_eq!((differing, features), (0, i64::from(MACHINES) * ((seconds - 6) / 10)));
    for table in ["predictions", "predictions_forest"] {
        let unscored = format!(
            "features f FULL JOIN {table} p ON f.machine_id = p.machine_id AND f.window_end = p.window_end
             WHERE f.machine_id IS NULL OR p.machine_id IS NULL"
        );
        assert_eq!(count(&unscored), 0, "{table}");
    }
    assert_classic(worker);
    assert!(count("alarms") > 0);
    let out = assert_backtest_equals(worker, &["--alarms", "classic"]);
    assert_equals_backtest(worker, &out);
}
