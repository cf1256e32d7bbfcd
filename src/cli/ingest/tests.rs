use std::path::Path;

use clap::Parser;
use rdkafka::ClientConfig;
use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::mocking::MockCluster;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tempfile::TempDir;

use super::*;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: IngestArgs,
}

fn args(line: &[&str]) -> Result<IngestArgs, clap::Error> {
    Cli::try_parse_from(std::iter::once(&"ingest").chain(line)).map(|cli| cli.args)
}

fn ingest(file: &Path, to: &str, more: &[&str]) -> Result<(), IngestError> {
    let line: Vec<&str> =
        [file.to_str().unwrap(), "--to", to].into_iter().chain(more.iter().copied()).collect();
    run(args(&line).unwrap())
}

#[test]
fn a_file_is_in_the_topic_afterwards() {
    let cluster: MockCluster<'_, _> = MockCluster::new(1).unwrap();
    cluster.create_topic("readings", 1, 1).unwrap();
    let brokers = cluster.bootstrap_servers();
    let to = format!("kafka://{brokers}/readings");
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("a.csv");
    std::fs::write(&file, "timestamp,machine_id\n0,7\nbad,7\n1000,8\n").unwrap();
    ingest(&file, &to, &[]).unwrap();
    let rejects = folder.path().join("bad.csv");
    let error = ingest(&file, &to, &["--strict", "--rejects", rejects.to_str().unwrap()]).unwrap_err();
    assert!(error.to_string().contains("line 3") && error.hint().is_some(), "{error}");
    assert_eq!(std::fs::read_to_string(rejects).unwrap().lines().count(), 2);

    let consumer: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", &brokers).set("group.id", "test").create().unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset("readings", 0, Offset::Beginning).unwrap();
    consumer.assign(&list).unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut keys = Vec::new();
    while keys.len() < 4 {
        assert!(Instant::now() < deadline, "only {keys:?}");
        if let Some(message) = consumer.poll(Duration::from_millis(200)) {
            keys.push(String::from_utf8(message.unwrap().key().unwrap().to_vec()).unwrap());
        }
    }
    assert_eq!(keys, ["7", "8", "7", "8"]);
}

#[test]
fn a_file_without_readings_fails() {
    let cluster: MockCluster<'_, _> = MockCluster::new(1).unwrap();
    cluster.create_topic("readings", 1, 1).unwrap();
    let to = format!("kafka://{}/readings", cluster.bootstrap_servers());
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("a.csv");
    std::fs::write(&file, "timestamp,machine_id\nbad,7\n").unwrap();
    let error = ingest(&file, &to, &[]).unwrap_err();
    assert!(matches!(error, IngestError::Nothing { .. }) && error.hint().is_some(), "{error}");
}

#[test]
fn mistakes_show_before_the_broker_is_asked() {
    // Nothing listens there: reaching for it would be another error.
    let to = "kafka://127.0.0.1:1/readings";
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("a.csv");
    let error = ingest(&file, to, &[]).unwrap_err();
    assert!(matches!(error, IngestError::File(FileError::Read { .. })), "{error}");
    std::fs::write(&file, "timestamp,machine_id\n0,7\n").unwrap();
    let error = ingest(&file, to, &["--map", "no-such-map.toml"]).unwrap_err();
    assert!(error.to_string().contains("no-such-map.toml"), "{error}");
    let error = ingest(&file, "readings", &[]).unwrap_err();
    assert!(error.hint().unwrap().contains("kafka://"), "{error}");
}

#[test]
fn a_rate_is_kept() {
    let rate = args(&["a.csv", "--to", "x", "--rate", "100/s"]).unwrap().rate;
    let mut pace = Pace { start: Instant::now(), sent: 0, rate };
    for _ in 0..11 {
        pace.wait();
    }
    assert!(pace.start.elapsed() >= Duration::from_millis(100));
    for text in ["0", "fast", "-1", "10/min"] {
        assert!(args(&["a.csv", "--to", "x", "--rate", text]).is_err(), "{text}");
    }
}
