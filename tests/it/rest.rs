//! REST over a whole Coldstream: what gRPC says, as JSON, as the OpenAPI document says.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::parts::process::Process;
use crate::parts::{python, wait};
use crate::serving::grpcurl_output;
use crate::worker::{Store, Worker};

const PATIENCE: Duration = Duration::from_secs(60);

fn send(port: u16, request: &str) -> BufReader<TcpStream> {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.write_all(request.as_bytes()).unwrap();
    BufReader::new(socket)
}

fn ask(port: u16, method: &str, path: &str, body: &str) -> Value {
    let length = body.len();
    let mut text = String::new();
    send(
        port,
        &format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        ),
    )
    .read_to_string(&mut text)
    .unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{method} {path}: {text}");
    serde_json::from_str(body).unwrap()
}

#[test]
fn the_demo_answers_as_json_what_its_document_says() {
    let worker = Worker::new("unused", 1, Store::Folder, "");
    let (port, data) = (worker.port, worker.dir.path().join("demo").display().to_string());
    // Enough that one of them runs: where the compressor is off there is no score.
    let demo = ["demo", "--machines", "20", "--port", &port.to_string(), "--data", &data];
    let mut demo = Process::spawn(&worker.command(&demo));
    demo.wait_for_line("coldstream query", PATIENCE);
    let scored = wait::until("scored predictions", PATIENCE, || {
        let answer = ask(port, "GET", "/api/predictions?min_probability=0&page_size=1", "");
        match answer["predictions"].as_array().unwrap().first() {
            Some(prediction) => Ok(prediction.clone()),
            None => Err(answer.to_string()),
        }
    });
    assert!((0.0..=1.0).contains(&scored["probability"].as_f64().unwrap()), "{scored}");
    assert!(!scored["model_version"].as_str().unwrap().is_empty(), "{scored}");

    // Page by page, each row of both models once. A machine may still be a window behind: then both are asked again.
    let end = scored["window_end"].as_str().unwrap();
    wait::until("pages with the rows of the tables", PATIENCE, || {
        let (mut rows, mut token) = (BTreeMap::<String, u64>::new(), String::new());
        loop {
            let page = ask(
                port,
                "GET",
                &format!("/api/predictions?before={end}&page_size=7&page_token={token}"),
                "",
            );
            for prediction in page["predictions"].as_array().unwrap() {
                *rows.entry(prediction["stream"].as_str().unwrap().to_owned()).or_default() += 1;
            }
            token = page["next_page_token"].as_str().unwrap().to_owned();
            if token.is_empty() {
                break;
            }
        }
        let mut tables = BTreeMap::new();
        for table in ["predictions", "predictions_forest"] {
            let sql = format!("SELECT count(*) AS n FROM {table} WHERE window_time < TIMESTAMP '{end}'");
            let answer = ask(port, "POST", "/api/query", &json!({ "sql": sql }).to_string());
            tables.insert(table.to_owned(), answer["rows"][0]["n"].as_u64().unwrap());
        }
        let enough = tables.values().all(|rows| *rows >= 20);
        if enough && rows == tables { Ok(()) } else { Err(format!("pages {rows:?}, tables {tables:?}")) }
    });

    // The same as gRPC says.
    let rules = ask(port, "GET", "/api/alarm_rules", "");
    let grpc: Value =
        serde_json::from_str(&grpcurl_output(&worker, &["coldstream.v1.AlarmService/ListAlarmRules"]))
            .unwrap();
    let names = |rules: &Value| -> Vec<Value> {
        rules["rules"].as_array().unwrap().iter().map(|rule| rule["name"].clone()).collect()
    };
    assert_eq!(names(&rules), names(&grpc));

    let statuses = python::run("openapi.py", &[&format!("http://127.0.0.1:{port}")], []);
    let statuses: BTreeMap<String, u16> = serde_json::from_str(&statuses).unwrap();
    for path in [
        "system_status",
        "machines",
        "sensors",
        "messages",
        "alarms",
        "alarm_rules",
        "predictions",
        "demo/faults",
    ] {
        assert_eq!(statuses.get(&format!("/api/{path}")), Some(&200), "{path}: {statuses:?}");
    }

    let mut watch = send(port, "GET /api/machines/watch HTTP/1.1\r\nHost: localhost\r\n\r\n").lines();
    let mut events = std::iter::from_fn(|| {
        let data = watch.find_map(|line| line.unwrap().strip_prefix("data: ").map(str::to_owned))?;
        Some(serde_json::from_str::<Value>(&data).unwrap())
    });
    let all = events.next().unwrap();
    assert_eq!(all["machines"].as_array().unwrap().len(), 20, "{all}");
    let news = events.next().unwrap();
    assert!(!news["machines"].as_array().unwrap().is_empty(), "{news}");
    // With the watch still open.
    assert!(demo.terminate().success(), "{}", demo.tail());
}
