//! What happens to the partitions of a group: they come, move, vanish and lose messages; and what happens where two
//! processes believe that a partition is theirs, or the store does not take anything.

use std::time::{Duration, Instant};

use arrow::util::pretty::pretty_format_batches;

use crate::parts::kafka::{Kafka, Message};
use crate::parts::s3::S3;
use crate::parts::{Process, port, wait};
use crate::serving::get;
use crate::worker::{Store, Worker};

const LONG: Duration = Duration::from_secs(180);

/// Readings of one machine in one partition, a second apart from second `from` on.
fn readings(partition: i32, seconds: std::ops::Range<u32>) -> Vec<Message> {
    let reading = |second: u32| {
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        let payload = format!(
            r#"{{"timestamp":"2024-01-15T{hour:02}:{minute:02}:{second:02}","machine_id":{partition},"superheat":8}}"#
        );
        Message { partition, key: partition.to_string().into_bytes(), payload: payload.into_bytes() }
    };
    seconds.map(reading).collect()
}

/// The gaps, in the order in which they were recorded.
fn gaps(worker: &Worker) -> String {
    let rows = worker.sql(
        "SELECT reason, kafka_partition AS p, first_missing_offset AS first, next_offset AS next, missing,
            date_trunc('second', timestamp) AS newest, recorded_at > now() - INTERVAL '1 hour' AS today
         FROM gaps ORDER BY reason, first_missing_offset, kafka_partition",
    );
    pretty_format_batches(&[rows]).unwrap().to_string()
}

fn assert_once(worker: &Worker, rows: i64) {
    let distinct = "SELECT count(*) FROM (SELECT DISTINCT kafka_partition, kafka_offset FROM readings)";
    let found = (worker.number("SELECT count(*) FROM readings"), worker.number(distinct));
    assert_eq!(found, (rows, rows));
}

#[test]
fn messages_that_retention_took_are_counted_and_reading_goes_on() {
    let kafka = Kafka::shared();
    let worker = Worker::new("retention", 1, Store::Folder, "");
    kafka.send(&worker.topic, readings(0, 0..100));
    let mut process = worker.start();
    worker.wait_for_rows(&mut process, "readings", 100, LONG);
    assert!(process.terminate().success(), "{}", process.tail());

    // Twenty messages are gone when it starts again.
    kafka.send(&worker.topic, readings(0, 100..150));
    kafka.delete_records(&worker.topic, 0, 120);
    let mut process = worker.start();
    worker.wait_for_rows(&mut process, "readings", 130, LONG);
    process.wait_for_line("Kafka has deleted 20 messages from offset 100 on", LONG);

    // Some more while it does not get to read them: the first one answers a request that is under way, if there is one.
    process.signal("STOP");
    kafka.send(&worker.topic, readings(0, 150..151));
    kafka.send(&worker.topic, readings(0, 151..180));
    kafka.delete_records(&worker.topic, 0, 160);
    process.signal("CONT");
    worker.wait_for_rows(&mut process, "gaps", 2, LONG);
    worker.wait_for_rows(&mut process, "readings", 150, LONG);
    assert!(process.terminate().success(), "{}", process.tail());
    // 9 or 10 of them.
    let missing = worker.number("SELECT sum(missing) FROM gaps") - 20;
    let newest = if missing == 9 { "2024-01-15T00:02:30Z" } else { "2024-01-15T00:02:29Z" };
    assert_once(&worker, 160 - missing);
    assert_eq!(
        gaps(&worker),
        format!(
            "\
+-----------+---+-------+------+---------+----------------------+-------+
| reason    | p | first | next | missing | newest               | today |
+-----------+---+-------+------+---------+----------------------+-------+
| retention | 0 | 100   | 120  | 20      | 2024-01-15T00:01:39Z | true  |
| retention | 0 | {}   | 160  | {missing:<7} | {newest} | true  |
+-----------+---+-------+------+---------+----------------------+-------+",
            160 - missing
        )
    );
    assert_eq!(worker.group_offsets(1), 180);
    let config = worker.config().display().to_string();
    let told = worker.command(&["doctor", "--config", &config]).output().unwrap();
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(told.contains(&format!("{} messages were gone before they were read", 20 + missing)), "{told}");
}

#[test]
fn a_topic_made_anew_is_read_from_its_beginning_and_that_is_recorded() {
    let kafka = Kafka::shared();
    let worker = Worker::new("recreated", 2, Store::Folder, "");
    let both = |seconds: std::ops::Range<u32>| [readings(0, seconds.clone()), readings(1, seconds)].concat();
    kafka.send(&worker.topic, both(0..60));
    let mut process = worker.start();
    worker.wait_for_rows(&mut process, "readings", 120, LONG);
    kafka.delete_topic(&worker.topic);
    let said = process.wait_for_line("does not exist any more", LONG);
    assert!(said.contains(&worker.topic), "{said}");
    kafka.create_topic_named(&worker.topic, 2);
    kafka.send(&worker.topic, both(60..70));
    worker.wait_for_rows(&mut process, "readings", 140, LONG);
    worker.wait_for_rows(&mut process, "gaps", 2, LONG);
    // It goes on as if nothing had been.
    kafka.send(&worker.topic, both(70..80));
    worker.wait_for_rows(&mut process, "readings", 160, LONG);
    assert!(process.terminate().success(), "{}", process.tail());
    assert_eq!(
        gaps(&worker),
        "\
+-----------------+---+-------+------+---------+----------------------+-------+
| reason          | p | first | next | missing | newest               | today |
+-----------------+---+-------+------+---------+----------------------+-------+
| topic_recreated | 0 | 60    | 0    |         | 2024-01-15T00:00:59Z | true  |
| topic_recreated | 1 | 60    | 0    |         | 2024-01-15T00:00:59Z | true  |
+-----------------+---+-------+------+---------+----------------------+-------+"
    );
    // Offsets count again, event times do not.
    let distinct = "SELECT count(*) FROM (SELECT DISTINCT machine_id, timestamp FROM readings)";
    assert_eq!((worker.number("SELECT count(*) FROM readings"), worker.number(distinct)), (160, 160));
}

#[test]
fn new_partitions_are_read_from_their_first_message_and_a_broker_may_restart() {
    let mut kafka = Kafka::start();
    let worker = Worker::on(&kafka, "grows", 2, Store::Folder, "");
    kafka.send(&worker.topic, [readings(0, 0..50), readings(1, 0..50)].concat());
    let mut process = worker.start();
    worker.wait_for_rows(&mut process, "readings", 100, LONG);
    kafka.add_partitions(&worker.topic, 4);
    // Sent before the group knows of these partitions.
    kafka.send(&worker.topic, [readings(2, 0..50), readings(3, 0..50)].concat());
    worker.wait_for_rows(&mut process, "readings", 200, LONG);

    kafka.stop();
    kafka.resume();
    kafka.send(&worker.topic, (0..4).flat_map(|partition| readings(partition, 50..100)));
    worker.wait_for_rows(&mut process, "readings", 400, LONG);
    // The group's offsets, too, once its coordinator is back.
    wait::until("the offsets of the group", LONG, || match worker.group_offsets(4) {
        400 => Ok(()),
        found => Err(format!("{found}\n{}", process.tail())),
    });
    assert!(process.terminate().success(), "{}", process.tail());
    assert_once(&worker, 400);
    assert_eq!(worker.number("SELECT count(*) FROM gaps"), 0);
}

/// The partitions that a process has taken up, with the offsets, in order.
fn assigned(process: &Process) -> Vec<(i32, i64)> {
    let log = process.stderr();
    let assigned = log.lines().filter(|line| line.contains("partition assigned"));
    let value = |line: &str, key: &str| -> Option<i64> {
        let (_, rest) = line.split_once(&format!("{key}="))?;
        rest.split(|c: char| !c.is_ascii_digit()).find(|part| !part.is_empty())?.parse().ok()
    };
    let mut found: Vec<(i32, i64)> = assigned
        .map(|line| {
            (value(line, "partition").expect("its number") as i32, value(line, "offset").unwrap_or(0))
        })
        .collect();
    found.sort_unstable();
    found
}

/// Two processes share four partitions; one is told to end, and the other goes on with what it had, from exactly where
/// it was, without waiting for a session to expire.
fn one_goes_and_the_other_takes_over(name: &str, options: &str) {
    let kafka = Kafka::shared();
    let worker = Worker::new(name, 4, Store::Folder, &format!("[kafka.options]\n{options}"));
    let all = |seconds: std::ops::Range<u32>| (0..4).flat_map(move |p| readings(p, seconds.clone()));
    let (mut first, mut second) = (worker.start_member(port::free()), worker.start_member(port::free()));
    wait::until("partitions for both", LONG, || {
        let (one, other) = (assigned(&first), assigned(&second));
        if one.is_empty() || other.is_empty() { Err(format!("{one:?} {other:?}")) } else { Ok(()) }
    });
    kafka.send(&worker.topic, all(0..50));
    worker.wait_for_rows(&mut first, "readings", 200, LONG);
    assert!(first.terminate().success(), "{}", first.tail());
    let moved = wait::until("all partitions with the other", LONG, || {
        let moved = assigned(&second).into_iter().filter(|(_, offset)| *offset > 0).collect::<Vec<_>>();
        let lasting = second.stderr().matches("partition assigned").count()
            - second.stderr().matches("partition released").count();
        if lasting == 4 { Ok(moved) } else { Err(format!("{moved:?} {}", second.tail())) }
    });
    // Everything was committed when the first one left: nothing is read again.
    assert!(!moved.is_empty() && moved.iter().all(|(_, offset)| *offset == 50), "{moved:?}");
    kafka.send(&worker.topic, all(50..60));
    worker.wait_for_rows(&mut second, "readings", 240, LONG);
    assert!(second.terminate().success(), "{}", second.tail());
    assert_once(&worker, 240);
}

/// A session of four minutes: only a member that leaves is missed before the test's patience ends.
#[test]
fn a_process_that_is_told_to_end_leaves_the_group_at_once() {
    one_goes_and_the_other_takes_over("leaves", "\"session.timeout.ms\" = \"240000\"");
}

#[test]
fn the_next_generation_group_protocol_works_as_well() {
    one_goes_and_the_other_takes_over("nextgen", "\"group.protocol\" = \"consumer\"");
}

#[test]
fn the_eager_group_protocol_works_as_well() {
    one_goes_and_the_other_takes_over("eager", "\"partition.assignment.strategy\" = \"range\"");
}

/// Two groups on one archive: each process is told that all partitions are its own, and each takes them from the other
/// as it can. Neither stops, and every reading is there once.
#[test]
fn two_owners_of_the_same_partitions_fence_each_other_and_lose_nothing() {
    let kafka = Kafka::shared();
    let worker = Worker::new("fenced", 2, Store::Folder, "");
    let mut one = worker.start();
    let other_config = worker.dir.path().join("other.toml");
    let config = std::fs::read_to_string(worker.config()).unwrap();
    let group = format!("group = \"{}\"", worker.topic);
    let config = config
        .replace(&group, "group = \"another\"")
        .replace(&format!("127.0.0.1:{}", worker.port), &format!("127.0.0.1:{}", port::free()));
    std::fs::write(&other_config, config).unwrap();
    let mut other =
        Process::spawn(&worker.command(&["run", "--config", &other_config.display().to_string()]));
    let mut sent = 0;
    wait::until("partitions given up three times", LONG, || {
        let seconds = sent..sent + 20;
        sent += 20;
        kafka.send(&worker.topic, [readings(0, seconds.clone()), readings(1, seconds)].concat());
        for process in [&mut one, &mut other] {
            if let Some(status) = process.try_wait() {
                panic!("ended with {status}\n{}", process.tail());
            }
        }
        // Which of them is the quicker is not for a test to say.
        let given_up = |process: &Process| process.stderr().matches("given up; it is still ours").count();
        if given_up(&one) + given_up(&other) >= 3 {
            Ok(())
        } else {
            Err(format!("{}{}", one.tail(), other.tail()))
        }
    });
    assert!(other.terminate().success(), "{}", other.tail());
    worker.wait_for_rows(&mut one, "readings", u64::from(2 * sent), LONG);
    assert!(one.terminate().success(), "{}", one.tail());
    assert_once(&worker, i64::from(2 * sent));
    assert_eq!(worker.number("SELECT count(*) FROM late_readings"), 0);
}

/// A value at `/metrics`, summed over its labels.
fn metric(worker: &Worker, name: &str) -> f64 {
    let answer = get(worker.port, "/metrics");
    let lines = answer.lines().filter(|line| line.starts_with(name));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

/// The store hangs while readings come, several times as many as may be kept. Memory stays within what the configuration
/// says, the process stays in its group, and when the store answers again everything arrives, once.
#[test]
fn a_store_that_hangs_costs_neither_memory_nor_readings() {
    const MIB: u64 = 1024 * 1024;
    let s3: &'static S3 = Box::leak(Box::new(S3::start()));
    // `extra` follows `[dataflow]`.
    let extra = "idle_timeout = \"1h\"\nmax_buffered = \"8MiB\"\n[kafka.options]\n\
                 \"queued.max.messages.kbytes\" = \"8192\"";
    let worker = Worker::new("stalled", 4, Store::S3(s3), extra);
    let url = worker.kafka_url();
    let simulate = |start: &str, duration: &str| {
        worker.output(&[
            "simulate",
            "--machines",
            "80",
            "--start",
            start,
            "--duration",
            duration,
            "--period",
            "1s",
            "--out",
            &url,
        ]);
    };
    simulate("2024-01-01T00:00:00Z", "100s");
    let mut process = worker.start();
    worker.wait_for_rows(&mut process, "readings", 8_000, LONG);
    let before = (metric(&worker, "coldstream_readings_total"), process.memory());

    s3.freeze();
    simulate("2024-01-01T00:01:40Z", "4000s");
    // It takes what there is room for, and then no more.
    let mut last = (before.0, Instant::now());
    let mut most = 0;
    let taken = wait::until("no more readings taken", LONG, || {
        most = most.max(process.memory());
        let now = metric(&worker, "coldstream_readings_total");
        if now > last.0 {
            last = (now, Instant::now());
        }
        // What comes is taken within milliseconds: so long without any is the end of it.
        let quiet = now > before.0 && last.1.elapsed() > Duration::from_secs(15);
        if quiet { Ok(now - before.0) } else { Err(format!("{now}\n{}", process.tail())) }
    });
    let message = 250.0;
    println!("taken {taken}, memory {} MiB, then at most {} MiB", before.1 / MIB, most / MIB);
    assert!(taken < 20.0 * MIB as f64 / message, "{taken} readings were taken");
    // The budget as messages and as rows of all tables, what the client may fetch ahead, and what allocators keep.
    assert!(most < before.1 + 160 * MIB, "{} MiB, then {} MiB", before.1 / MIB, most / MIB);
    assert_eq!(process.stderr().matches("partition released").count(), 0, "{}", process.tail());

    s3.thaw();
    worker.wait_for_rows(&mut process, "readings", 328_000, Duration::from_secs(400));
    assert!(process.terminate().success(), "{}", process.tail());
    assert_once(&worker, 328_000);
    assert_eq!(worker.number("SELECT count(*) FROM late_readings"), 0);
}
