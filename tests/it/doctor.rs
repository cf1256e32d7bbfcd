//! `coldstream doctor` against real parts: what is well is told so, and each fault by itself, with its cure.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use futures::TryStreamExt;
use object_store::ObjectStore;
use serde_json::Value;

use crate::parts::kafka::{Kafka, Message};
use crate::parts::{S3, port};
use crate::worker::{Store, Worker};

const CHECKS: [&str; 15] = [
    "configuration",
    "broker",
    "topic",
    "messages",
    "group",
    "archive",
    "tables",
    "models",
    "queries",
    "alarms",
    "machines",
    "checkpoints",
    "port",
    "clock",
    "machine",
];

/// A report, by check: the level, what was seen, and the cure.
struct Report {
    whole: Value,
    checks: BTreeMap<String, (String, String, String)>,
}

impl Report {
    /// Runs `doctor --json`; `ok` is what its exit code must say.
    #[track_caller]
    fn of(worker: &Worker, ok: bool) -> Self {
        let config = worker.config().display().to_string();
        let output = worker.command(&["doctor", "--json", "--config", &config]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(if ok { 0 } else { 1 }), "{text}");
        let whole: Value = serde_json::from_str(&text).unwrap();
        let of = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
        let mut checks = BTreeMap::new();
        for finding in whole["checks"].as_array().unwrap() {
            let told = (of(finding, "level"), of(finding, "seen"), of(finding, "cure"));
            // Of several findings of a check the worst counts.
            let kept = checks.entry(of(finding, "check")).or_insert_with(|| told.clone());
            if kept.0 == "ok" {
                *kept = told;
            }
        }
        Self { whole, checks }
    }

    /// The checks that are not ok, with their levels.
    fn troubles(&self) -> Vec<(&str, &str)> {
        let troubles = self.checks.iter().filter(|(_, told)| told.0 != "ok");
        troubles.map(|(check, told)| (check.as_str(), told.0.as_str())).collect()
    }

    #[track_caller]
    fn expect(&self, check: &str, level: &str, seen: &str, cure: &str) {
        let told = &self.checks[check];
        assert_eq!(told.0, level, "{check}: {told:?}");
        assert!(told.1.contains(seen), "{check}: {told:?}");
        assert!(told.2.contains(cure), "{check}: {told:?}");
    }
}

fn reading() -> Message {
    let payload = format!(r#"{{"timestamp":"{}","machine_id":1}}"#, chrono::Utc::now().to_rfc3339());
    Message { partition: 0, key: b"1".to_vec(), payload: payload.into_bytes() }
}

/// Puts `with` into the configuration in place of `what`.
fn reconfigure(worker: &Worker, what: &str, with: &str) {
    let config = std::fs::read_to_string(worker.config()).unwrap();
    assert!(config.contains(what), "{config}");
    std::fs::write(worker.config(), config.replace(what, with)).unwrap();
}

#[test]
fn a_whole_system_is_well_before_while_and_after_it_runs() {
    let s3 = S3::shared();
    let worker = Worker::new("well", 2, Store::S3(s3), "");
    Kafka::shared().send(&worker.topic, [reading()]);
    let report = Report::of(&worker, true);
    assert_eq!(report.troubles(), [], "{}", report.whole);
    // The shape for machines.
    let found: Vec<&str> = CHECKS.into_iter().filter(|check| report.checks.contains_key(*check)).collect();
    assert_eq!(found, CHECKS);
    assert_eq!(report.whole["ok"], Value::Bool(true));
    assert_eq!((&report.whole["failures"], &report.whole["warnings"]), (&0.into(), &0.into()));
    assert!(report.whole["took_ms"].is_u64() && report.whole["version"].is_string());
    assert_eq!(report.whole["checks"][0]["cure"], Value::Null);
    report.expect("topic", "ok", "partitions: 2", "");
    report.expect("messages", "ok", "is a reading of machine 1", "");
    report.expect("group", "ok", "nobody has used it yet", "");
    report.expect("archive", "ok", "created only once", "");
    report.expect("checkpoints", "ok", "none of this topic", "");
    report.expect("port", "ok", "is free", "");
    report.expect("machine", "ok", "no disk of this machine", "");
    report.expect("machines", "ok", "no file of machines", "");

    let mut process = worker.start();
    worker.wait_for_rows(&mut process, "readings", 1, Duration::from_secs(60));
    let report = Report::of(&worker, true);
    report.expect("group", "ok", "1 process is in it", "");
    report.expect("port", "ok", "served by a running Coldstream", "");
    report.expect("tables", "ok", "readings 1 row", "");
    report.expect("checkpoints", "ok", "they fit the queries", "");
    // The partitions are still the worker's: a doctor that joined the group would have taken some.
    Kafka::shared().send(&worker.topic, [reading()]);
    worker.wait_for_rows(&mut process, "readings", 2, Duration::from_secs(60));
    assert!(!process.stderr().contains("partition released"), "{}", process.tail());
    assert!(process.terminate().success());

    let report = Report::of(&worker, true);
    report.expect("group", "ok", "no process is in it now; messages not committed yet: 0", "");
    let text = worker.output(&["doctor", "--config", &worker.config().display().to_string()]);
    assert!(text.lines().next().unwrap().starts_with("ok       configuration  "), "{text}");
    assert!(text.lines().last().unwrap().starts_with("15 ok, 0 warnings, 0 failures, in "), "{text}");

    // The probe is gone from the store.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let prefix = worker.topic.as_str().into();
    let client = s3.client();
    let listed = client.list(Some(&prefix)).try_collect::<Vec<_>>();
    let listed = runtime.block_on(listed).unwrap();
    assert!(listed.len() > 4 && listed.iter().all(|object| !object.location.as_ref().contains("_doctor")));
}

#[test]
fn each_fault_is_told_and_hides_no_other() {
    // No broker, a foreign program on the port, a folder that cannot be, a model that is missing.
    let worker = Worker::new("ill", 1, Store::Folder, "");
    let taken = TcpListener::bind(("127.0.0.1", worker.port)).unwrap();
    let nobody = format!("brokers = \"127.0.0.1:{}\"", port::free());
    reconfigure(&worker, &format!("brokers = \"{}\"", Kafka::shared().bootstrap()), &nobody);
    let blocked = worker.dir.path().join("a-file");
    std::fs::write(&blocked, "not a folder").unwrap();
    reconfigure(&worker, &worker.url, &format!("{}/archive", blocked.display()));
    let queries = worker.dir.path().join("queries");
    std::fs::create_dir(&queries).unwrap();
    let query = |sql: &str| format!("SELECT machine_id, timestamp, {sql} AS v FROM readings");
    std::fs::write(queries.join("scores.sql"), query("score('nosuch')")).unwrap();
    std::fs::write(queries.join("typo.sql"), query("temp_evaporater")).unwrap();
    let shipped = format!("queries = \"{}/queries\"", crate::worker::project().display());
    reconfigure(&worker, &shipped, &format!("queries = \"{}\"", queries.display()));

    let began = Instant::now();
    let report = Report::of(&worker, false);
    assert!(began.elapsed() < Duration::from_secs(30), "it took {:?}", began.elapsed());
    report.expect("broker", "failure", "no Kafka broker answers at 127.0.0.1:", "kafka.brokers");
    report.expect("broker", "failure", "Connection refused", "start the broker");
    report.expect("topic", "warning", "not checked", "");
    report.expect("archive", "failure", "a-file/archive", "may be created and written");
    report.expect("port", "failure", "is in use by another program", "serve.listen");
    report.expect("models", "ok", "failure (", "");
    let faults = report.whole["checks"].as_array().unwrap();
    let faults: Vec<&str> = faults.iter().filter_map(|f| f["seen"].as_str()).collect();
    let unknown_model = faults.iter().filter(|seen| seen.contains("unknown model `nosuch`")).count();
    let unknown_column = faults.iter().filter(|seen| seen.contains("temp_evaporater")).count();
    assert_eq!((unknown_model, unknown_column), (1, 1), "{faults:#?}");
    let cures = report.whole["checks"].to_string();
    assert!(cures.contains("make it with `coldstream train`") && cures.contains("did you mean"), "{cures}");
    report.expect("alarms", "warning", "nothing is watched", "classic");
    drop(taken);
}

#[test]
fn a_missing_topic_and_a_refused_key_are_told() {
    let worker =
        Worker::new("lost", 1, Store::S3(S3::shared()), "[archive.s3]\nsecret_access_key = \"wrong\"\n");
    let wanted = format!("topic = \"{}\"", worker.topic);
    reconfigure(&worker, &wanted, "topic = \"no-such-topic\"");
    let report = Report::of(&worker, false);
    report.expect("topic", "failure", "`no-such-topic` does not exist", "kafka.topic");
    report.expect("archive", "failure", "cannot be reached", "keys in [archive.s3]");
    report.expect("checkpoints", "warning", "not checked", "");
    assert_eq!(report.checks["broker"].0, "ok");
    // Asking must not make it.
    let report = Report::of(&worker, false);
    report.expect("topic", "failure", "does not exist", "");
}

#[test]
fn messages_that_are_no_readings_and_a_configuration_that_is_none_are_told() {
    let worker = Worker::new("garbage", 1, Store::Folder, "");
    let report = Report::of(&worker, true);
    report.expect("messages", "warning", "there is none", "coldstream simulate --realtime");
    let garbage = Message { partition: 0, key: Vec::new(), payload: b"22.5;12.1".to_vec() };
    Kafka::shared().send(&worker.topic, [garbage]);
    let report = Report::of(&worker, false);
    report.expect("messages", "failure", "is no reading", "one JSON object");
    // Nothing is left of the question, not even the folder of the archive.
    assert!(!worker.dir.path().join("archive").exists());

    reconfigure(&worker, "topic = ", "topik = ");
    let report = Report::of(&worker, false);
    assert_eq!(report.checks.len(), 1);
    report.expect("configuration", "failure", "unknown field `topik`", "explains every key");
}
