//! The port, as its clients see it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::parts::installed;
use crate::parts::kafka::{Kafka, Message};
use crate::parts::process::Process;
use crate::parts::wait;
use crate::worker::{Store, Worker};

fn reading(machine: &str, value: f64) -> Message {
    let now = chrono::Utc::now().to_rfc3339();
    let payload = format!(r#"{{"timestamp":"{now}","machine_id":"{machine}","temp_evaporator":{value}}}"#);
    Message { partition: 0, key: machine.into(), payload: payload.into_bytes() }
}

/// A call of the worker's port; the last argument is the method.
pub fn grpcurl(worker: &Worker, args: &[&str]) -> Command {
    let mut command = Command::new(installed("bin/grpcurl"));
    let (options, call) = args.split_at(args.len() - 1);
    command.arg("-plaintext").args(options).arg(format!("127.0.0.1:{}", worker.port));
    if !call[0].is_empty() {
        command.arg(call[0]);
    }
    command
}

/// The answer of a call that succeeds.
pub fn grpcurl_output(worker: &Worker, args: &[&str]) -> String {
    let output = grpcurl(worker, args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

pub fn get(port: u16, path: &str) -> String {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(socket, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    socket.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn one_port_serves_reflection_a_live_watch_sql_and_metrics() {
    let worker = Worker::new("serving", 1, Store::Folder, "");
    let mut process = worker.start();
    let services = grpcurl_output(&worker, &["list"]);
    for service in ["coldstream.v1.StatusService", "coldstream.v1.HistoryService", "grpc.health.v1.Health"] {
        assert!(services.contains(service), "{services}");
    }
    let health = grpcurl_output(&worker, &["grpc.health.v1.Health/Check"]);
    assert!(health.contains("SERVING"), "{health}");

    // A first reading shows that the consumer has its partition; the next is seen within a second.
    let mut watch = Process::spawn(&grpcurl(&worker, &["coldstream.v1.StatusService/WatchMachines"]));
    Kafka::shared().send(&worker.topic, [reading("case-1", -10.25)]);
    watch.wait_for_line("-10.25", Duration::from_secs(60));
    let sent = Instant::now();
    Kafka::shared().send(&worker.topic, [reading("case-1", -11.75)]);
    watch.wait_for_line("-11.75", Duration::from_secs(60));
    let seen = sent.elapsed();
    assert!(seen < Duration::from_secs(1), "a watch saw the reading after {seen:?}");

    // SQL knows rows that are not committed, each once.
    let server = format!("http://127.0.0.1:{}", worker.port);
    let count = ["query", "SELECT count(*) AS n FROM readings", "--server", &server, "--format", "json"];
    assert_eq!(worker.output(&count).trim(), r#"{"n":2}"#);
    worker.wait_for_rows(&mut process, "readings", 2, Duration::from_secs(60));
    assert_eq!(worker.output(&count).trim(), r#"{"n":2}"#);
    // Windows work in SQL over the tables too.
    let sql = "SELECT machine_id, count(*) AS n FROM readings GROUP BY machine_id, tumble(timestamp, INTERVAL '1 day')";
    let rows = worker.output(&["query", sql, "--server", &server, "--format", "csv"]);
    assert!(rows.starts_with("machine_id,n\ncase-1,"), "{rows}");

    let metrics = get(worker.port, "/metrics");
    assert!(metrics.contains("coldstream_readings_total 2"), "{metrics}");
    assert!(get(worker.port, "/readyz").starts_with("HTTP/1.1 200"));
    let status = grpcurl_output(&worker, &["coldstream.v1.StatusService/GetSystemStatus"]);
    assert!(status.contains("\"readingsTotal\": \"2\""), "{status}");
    assert!(process.terminate().success(), "{}", process.tail());
}

#[test]
fn the_demo_shows_machines_scores_and_tables_within_a_minute() {
    let began = Instant::now();
    let worker = Worker::new("unused", 1, Store::Folder, "");
    let data = worker.dir.path().join("demo");
    let (port, data_arg) = (worker.port.to_string(), data.display().to_string());
    let mut demo =
        Process::spawn(&worker.command(&["demo", "--machines", "5", "--port", &port, "--data", &data_arg]));
    demo.wait_for_line("coldstream query", Duration::from_secs(60));
    let server = format!("http://127.0.0.1:{port}");
    let ask = |sql: &str| worker.output(&["query", sql, "--server", &server, "--format", "csv"]);
    wait::until("scores of the demo", Duration::from_secs(60), || {
        let text = ask(
            "SELECT count(DISTINCT machine_id) AS n, count(model_version) > 0 AS scored FROM predictions",
        );
        if text == "n,scored\n5,true\n" { Ok(()) } else { Err(text) }
    });
    let machines = grpcurl_output(&worker, &["coldstream.v1.StatusService/ListMachines"]);
    assert_eq!(machines.matches("\"lastReading\"").count(), 5, "{machines}");
    let archive = data.join("archive").display().to_string();
    wait::until("rows in the archive", Duration::from_secs(30), || {
        let sql = "SELECT count(*) > 0 AS some FROM features";
        let text = worker.output(&["query", sql, "--archive", &archive, "--format", "csv"]);
        if text == "some\ntrue\n" { Ok(()) } else { Err(text) }
    });
    assert!(began.elapsed() < Duration::from_secs(60), "it took {:?}", began.elapsed());
    assert!(demo.terminate().success(), "{}", demo.tail());
}

#[test]
fn a_fault_of_the_demo_is_an_alarm_within_seconds_and_outlives_a_kill() {
    let worker = Worker::new("unused-too", 1, Store::Folder, "");
    let data = worker.dir.path().join("demo").display().to_string();
    let port = worker.port.to_string();
    let start = || {
        let mut demo = Process::spawn(&worker.command(&["demo", "--port", &port, "--data", &data]));
        demo.wait_for_line("coldstream query", Duration::from_secs(60));
        demo
    };
    let call = |method: &str, request: &str| {
        let text = grpcurl_output(&worker, &["-d", request, &format!("coldstream.v1.{method}")]);
        serde_json::from_str::<serde_json::Value>(&text).unwrap()
    };
    let mut demo = start();
    wait::until("all machines", Duration::from_secs(60), || {
        let machines = call("StatusService/ListMachines", "{}");
        let known = machines["machines"].as_array().map_or(0, Vec::len);
        if known == 20 { Ok(()) } else { Err(machines.to_string()) }
    });
    // The first machine of the list runs for a while yet.
    let machine = call("DemoService/ListFaultKinds", "{}")["machineIds"][0].as_str().unwrap().to_owned();
    let fault = format!(r#"{{"machine_id":"{machine}","kind":"worn_bearing"}}"#);
    let injected = Instant::now();
    call("DemoService/InjectFault", &fault);
    let only = r#"{"filter":{"rules":["vibration_severe"]}}"#;
    let alarm = || call("AlarmService/ListAlarms", only)["alarms"][0].clone();
    wait::until("the alarm", Duration::from_secs(60), || {
        if alarm()["machineId"] == machine.as_str() { Ok(()) } else { Err(demo.tail()) }
    });
    let seen = injected.elapsed();
    assert!(seen < Duration::from_secs(15), "the alarm came after {seen:?}");
    let request = format!(r#"{{"id":"{machine}"}}"#);
    let state = call("StatusService/GetMachine", &request);
    assert_eq!(state["state"], "MACHINE_STATE_CRITICAL", "{state}");
    assert_eq!(state["openAlarms"][0]["severity"], "SEVERITY_CRITICAL", "{state}");
    let series = format!(r#"{{"machine_id":"{machine}","table":"readings","columns":["vibration"]}}"#);
    let series = call("HistoryService/GetSeries", &series);
    let newest = series["series"][0]["max"].as_array().unwrap().last().unwrap().as_f64().unwrap();
    assert!(newest > 0.12, "{series}");

    // Once it is in the archive, neither a kill nor the new topic of the next run loses it.
    let archive = format!("{data}/archive");
    wait::until("the alarm in the archive", Duration::from_secs(30), || {
        let sql = "SELECT count(*) AS n FROM alarms WHERE rule = 'vibration_severe'";
        let text = worker.output(&["query", sql, "--archive", &archive, "--format", "csv"]);
        if text == "n\n1\n" { Ok(()) } else { Err(text) }
    });
    let before = alarm();
    demo.kill();
    let mut demo = start();
    wait::until("the alarm after the kill", Duration::from_secs(30), || {
        let status = call("StatusService/GetSystemStatus", "{}");
        if status["openAlarms"][0]["severity"] == "SEVERITY_CRITICAL" {
            Ok(())
        } else {
            Err(status.to_string())
        }
    });
    assert_eq!(alarm()["episode"], before["episode"]);
    assert!(demo.terminate().success(), "{}", demo.tail());
}
