//! The real parts do what the other tests rely on.

use std::process::Command;
use std::time::Duration;

use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use serde_json::{Value, json};

use crate::parts::kafka::Message;
use crate::parts::process::coldstream;
use crate::parts::{Kafka, Process, S3, python, wait};

const SOON: Duration = Duration::from_secs(30);

#[test]
fn kafka_gives_back_every_message_in_order() {
    let kafka = Kafka::shared();
    let topic = kafka.create_topic("round-trip", 4);
    let mut sent: Vec<Message> = (0..1000)
        .map(|i| Message { partition: i % 4, key: vec![b'k'], payload: i.to_string().into_bytes() })
        .collect();
    // Bytes that do not compress: the limits hold for what is on the wire.
    let mut noise = 1_u32;
    let payload = (0..10_000_000)
        .map(|_| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            noise.to_be_bytes()[0]
        })
        .collect();
    sent.push(Message { partition: 0, key: Vec::new(), payload });
    kafka.send(&topic, sent.clone());

    assert_eq!(kafka.end_offsets(&topic), [251, 250, 250, 250]);
    let mut read = kafka.read(&topic);
    // Partitions come interleaved; within one, the order is the sender's.
    read.sort_by_key(|message| message.partition);
    sent.sort_by_key(|message| message.partition);
    assert!(read == sent, "the messages read differ from the messages sent");
}

#[test]
fn a_server_ends_with_its_owner() {
    let store = S3::start();
    let address = store.env()[0].1.strip_prefix("http://").unwrap().to_owned();
    assert!(std::net::TcpStream::connect(&address).is_ok());
    drop(store);
    assert!(std::net::TcpStream::connect(&address).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_concurrent_creators_of_an_object_one_wins() {
    let store = S3::shared().client();
    for round in 0..20 {
        let path = Path::from(format!("creators/{round}"));
        let attempts = (0..8_u8).map(|creator| {
            let (store, path) = (store.clone(), path.clone());
            tokio::spawn(async move {
                let options = PutOptions::from(PutMode::Create);
                (creator, store.put_opts(&path, PutPayload::from(vec![creator]), options).await)
            })
        });
        let mut winners = Vec::new();
        for attempt in futures::future::join_all(attempts).await {
            match attempt.unwrap() {
                (creator, Ok(_)) => winners.push(creator),
                (_, Err(object_store::Error::AlreadyExists { .. })) => {}
                (creator, Err(error)) => panic!("creator {creator}: {error}"),
            }
        }
        assert_eq!(winners.len(), 1, "round {round}: {winners:?} all created one object");
        let stored = store.get(&path).await.unwrap().bytes().await.unwrap();
        assert_eq!(stored.as_ref(), winners);
    }
}

#[test]
fn python_reads_a_table_on_a_folder_and_on_s3_as_its_log_says() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    let store = S3::shared();
    let bucket = store.url("python");
    for (archive, env) in [(folder, None), (bucket.as_str(), Some(store.env()))] {
        let env = || env.into_iter().flatten();
        python::run("sample.py", &[archive, "sample"], env());
        let printed = python::run("tables.py", &[archive, "sample"], env());
        let found: Value = serde_json::from_str(&printed).unwrap();
        let columns = json!({
            "timestamp": "TIMESTAMP WITH TIME ZONE",
            "machine_id": "VARCHAR",
            "temp_evaporator": "DOUBLE",
            "date": "DATE",
        });
        let rows = json!({"deltalake": 4, "duckdb": 4});
        assert_eq!(found, json!({"sample": {"version": 2, "rows": rows, "columns": columns}}), "{archive}");
    }
}

#[test]
fn a_line_of_a_program_is_awaited_on_both_outputs() {
    let mut command = Command::new("sh");
    command.args(["-c", "echo one; echo two >&2; echo $GREETING"]).env("GREETING", "three");
    let mut process = Process::spawn(&command);
    assert_eq!(process.wait_for_line("tw", SOON), "two");
    assert_eq!(process.wait_for_line("three", SOON), "three");
    assert!(process.wait(SOON).success());
    assert_eq!((process.stdout().as_str(), process.stderr().as_str()), ("one\nthree\n", "two\n"));
}

#[test]
fn a_program_is_killed_or_asked_to_end() {
    let mut command = Command::new("sh");
    command.args(["-c", "trap 'echo asked; exit 7' TERM; echo ready; while :; do sleep 0.01; done"]);
    let mut asked = Process::spawn(&command);
    asked.wait_for_line("ready", SOON);
    assert_eq!(asked.terminate().code(), Some(7));
    assert_eq!(asked.stdout(), "ready\nasked\n");

    let mut killed = Process::spawn(&command);
    killed.wait_for_line("ready", SOON);
    killed.kill();
    assert_eq!(killed.stdout(), "ready\n");
}

/// A test process that is killed drops nothing: its children end all the same.
#[test]
fn a_program_does_not_outlive_a_killed_owner() {
    // The owner is this test binary, running one test that never ends by itself.
    let mut owner = Command::new(std::env::current_exe().unwrap());
    owner.args(["--exact", "--ignored", "--nocapture", "parts_work::owner_of_a_sleeper"]);
    let mut owner = Process::spawn(&owner);
    let line = owner.wait_for_line("sleeper ", SOON);
    let sleeper = line.rsplit(' ').next().unwrap().to_owned();
    assert!(is_running(&sleeper));
    owner.kill();
    wait::until("the end of the sleeper", SOON, || {
        if is_running(&sleeper) { Err(format!("process {sleeper} runs")) } else { Ok(()) }
    });
}

fn is_running(pid: &str) -> bool {
    let known = Command::new("sh").args(["-c", "kill -0 $0 2>/dev/null", pid]).status().unwrap().success();
    // In a container nobody may collect an orphan that has ended; it keeps its id, as a zombie.
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    known && !state.contains(") Z ")
}

#[test]
#[ignore = "run by a_program_does_not_outlive_a_killed_owner"]
fn owner_of_a_sleeper() {
    let mut command = Command::new("sleep");
    command.arg("600");
    let mut sleeper = Process::spawn(&command);
    println!("sleeper {}", sleeper.id());
    sleeper.wait(Duration::from_secs(600));
}

#[test]
fn the_binary_under_test_starts() {
    let mut command = coldstream();
    command.arg("--help");
    let mut process = Process::spawn(&command);
    assert!(process.wait(SOON).success(), "{}", process.tail());
}

#[test]
#[should_panic(expected = "waited 30ms for the moon; last seen: a cloud")]
fn what_was_awaited_in_vain_is_told() {
    wait::until::<()>("the moon", Duration::from_millis(30), || Err("a cloud".into()));
}

#[tokio::test]
async fn what_happens_while_waiting_is_seen() {
    let (sender, receiver) = tokio::sync::watch::channel(0);
    let counting = tokio::spawn(async move {
        while *sender.borrow() < 3 {
            tokio::task::yield_now().await;
            sender.send_modify(|n| *n += 1);
        }
    });
    let seen = wait::until_async("three", SOON, async || match *receiver.borrow() {
        n if n >= 3 => Ok(n),
        n => Err(n.to_string()),
    });
    assert_eq!(seen.await, 3);
    counting.await.unwrap();
}
