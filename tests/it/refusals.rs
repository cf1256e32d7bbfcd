//! What cannot work says so: one line with the cause, one with the cure, and no panic.

use std::net::TcpListener;
use std::path::Path;

use crate::parts::port;
use crate::parts::process;
use crate::worker::{Store, Worker};

/// Runs a command that must fail; gives its cause and its hint.
#[track_caller]
fn refused(args: &[&str]) -> (String, String) {
    let output = process::coldstream().args(args).env_remove("RUST_LOG").output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{args:?}\n{error}");
    for word in ["panicked", "backtrace", "RUST_BACKTRACE"] {
        assert!(!error.contains(word), "{error}");
    }
    let mut lines = error.lines().skip_while(|line| !line.starts_with("error: "));
    let cause = lines.next().unwrap_or_else(|| panic!("no cause:\n{error}")).to_string();
    let hint = lines.next().unwrap_or_default().to_string();
    assert_eq!(lines.next(), None, "{error}");
    assert!(hint.starts_with("hint: "), "no hint:\n{error}");
    (cause, hint)
}

fn with_config(text: &str) -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("coldstream.toml");
    std::fs::write(&path, text).unwrap();
    let path = path.display().to_string();
    (dir, path)
}

/// A configuration whose broker does not exist.
fn unreachable(dir: &Path, port: u16, queries: &Path) -> String {
    format!(
        "[kafka]\nbrokers = \"127.0.0.1:{}\"\ntopic = \"readings\"\n[archive]\nurl = \"{}\"\n\
         [serve]\nlisten = \"127.0.0.1:{port}\"\n[dataflow]\nqueries = \"{}\"\n",
        port::free(),
        dir.join("archive").display(),
        queries.display()
    )
}

#[test]
fn a_wrong_configuration_key_is_named_with_its_line() {
    let (_dir, path) = with_config("[kafka]\nbrokers = \"b\"\ntopik = \"readings\"\n");
    let (cause, _) = refused(&["run", "--config", &path]);
    assert!(cause.contains("coldstream.toml:3: unknown field `topik`"), "{cause}");
}

#[test]
fn missing_files_are_named() {
    let (cause, _) = refused(&["run", "--config", "/nowhere/coldstream.toml"]);
    assert!(cause.contains("/nowhere/coldstream.toml"), "{cause}");
    let (cause, _) = refused(&["ingest", "/nowhere/file.csv", "--to", "kafka://127.0.0.1:1/t"]);
    assert!(cause.contains("/nowhere/file.csv"), "{cause}");
    let out = tempfile::tempdir().unwrap();
    let out = out.path().join("out").display().to_string();
    let (cause, _) = refused(&[
        "backtest",
        "--input",
        "/nowhere/file.jsonl",
        "--out",
        &out,
        "--models",
        &out,
        "--queries",
        concat!(env!("CARGO_MANIFEST_DIR"), "/queries"),
        "--only",
        "features",
    ]);
    assert!(cause.contains("/nowhere/file.jsonl"), "{cause}");
    let (cause, _) = refused(&[
        "train",
        "--query",
        "/nowhere/q.sql",
        "--label",
        "y",
        "--input",
        "/nowhere",
        "--out",
        "m.json",
    ]);
    assert!(cause.contains("/nowhere"), "{cause}");
}

#[test]
fn a_busy_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("q")).unwrap();
    let (_config, path) = with_config(&unreachable(dir.path(), port, &dir.path().join("q")));
    let (cause, hint) = refused(&["run", "--config", &path]);
    assert!(cause.contains(&format!("127.0.0.1:{port} is in use")), "{cause}");
    assert!(hint.contains("serve.listen"), "{hint}");
}

#[test]
fn an_unreachable_broker_is_named() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("q")).unwrap();
    let (_config, path) = with_config(&unreachable(dir.path(), port::free(), &dir.path().join("q")));
    let (cause, hint) = refused(&["run", "--config", &path]);
    assert!(cause.contains("no Kafka broker answers at 127.0.0.1:"), "{cause}");
    assert!(hint.contains("kafka.brokers"), "{hint}");
    let (cause, _) = refused(&[
        "simulate",
        "--machines",
        "1",
        "--duration",
        "1s",
        "--out",
        &format!("kafka://127.0.0.1:{}/t", port::free()),
    ]);
    assert!(cause.contains("127.0.0.1:"), "{cause}");
    let (cause, _) =
        refused(&["query", "SELECT 1", "--server", &format!("http://127.0.0.1:{}", port::free())]);
    assert!(cause.contains("127.0.0.1:"), "{cause}");
}

#[test]
fn an_unknown_column_in_a_query_is_named_with_file_and_line() {
    let dir = tempfile::tempdir().unwrap();
    let queries = dir.path().join("q");
    std::fs::create_dir_all(&queries).unwrap();
    let sql = "SELECT machine_id, timestamp,\n       temp_evaporater\nFROM readings\n";
    std::fs::write(queries.join("bad.sql"), sql).unwrap();
    let (_config, path) = with_config(&unreachable(dir.path(), port::free(), &queries));
    let (cause, hint) = refused(&["run", "--config", &path]);
    assert!(cause.contains("bad.sql:2: ") && cause.contains("temp_evaporater"), "{cause}");
    assert!(hint.contains("temp_evaporator"), "{hint}");
}

#[test]
fn a_checkpoint_of_other_queries_is_rebuilt_refused_or_started_empty_as_told() {
    let dir = tempfile::tempdir().unwrap();
    let queries = dir.path().join("q");
    std::fs::create_dir_all(&queries).unwrap();
    let select = |value: &str| format!("SELECT machine_id, timestamp, {value} AS v FROM readings");
    std::fs::write(queries.join("mine.sql"), select("superheat")).unwrap();
    let worker = Worker::new("changed", 1, Store::Folder, "");
    let config = std::fs::read_to_string(worker.config()).unwrap();
    let shipped = format!("queries = \"{}/queries\"", crate::worker::project().display());
    std::fs::write(
        worker.config(),
        config.replace(&shipped, &format!("queries = \"{}\"", queries.display())),
    )
    .unwrap();
    let url = worker.kafka_url();
    worker.output(&["simulate", "--machines", "1", "--duration", "10s", "--out", &url]);
    let mut process = worker.start();
    worker.wait_for_rows(&mut process, "mine", 10, std::time::Duration::from_secs(60));
    assert!(process.terminate().success());

    let told = |how: &str| {
        let config = std::fs::read_to_string(worker.config()).unwrap();
        let config: String = config
            .lines()
            .filter(|line| !line.starts_with("on_query_change"))
            .map(|line| format!("{line}\n"))
            .collect();
        std::fs::write(worker.config(), format!("{config}on_query_change = \"{how}\"\n")).unwrap();
    };
    std::fs::write(queries.join("mine.sql"), select("subcooling")).unwrap();
    told("refuse");
    let (cause, hint) = refused(&["run", "--config", &worker.config().display().to_string()]);
    assert!(cause.contains("written by other queries"), "{cause}");
    assert!(hint.contains("on_query_change"), "{hint}");
    for (how, sensor, rows) in [("start_empty", "subcooling", 20), ("rebuild", "vibration", 30)] {
        std::fs::write(queries.join("mine.sql"), select(sensor)).unwrap();
        told(how);
        worker.output(&["simulate", "--machines", "1", "--duration", "10s", "--out", &url]);
        let mut process = worker.start();
        worker.wait_for_rows(&mut process, "mine", rows, std::time::Duration::from_secs(60));
        assert_eq!(worker.committed("mine"), rows, "{how}");
        assert!(process.terminate().success());
    }
}
