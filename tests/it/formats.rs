//! Avro and Protobuf, written by other people's libraries, through the real broker. The registry is one of the tests' own
//! that keeps to the REST contract (`parts/registry.rs`): none comes from a package registry.

use std::collections::BTreeSet;
use std::time::Duration;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, Int64Type, TimestampMicrosecondType};
use serde_json::{Value, json};

use crate::parts::kafka::{Kafka, Message};
use crate::parts::python;
use crate::parts::registry::Registry;
use crate::parts::wait;
use crate::worker::{Store, Worker, succeeded};

const LIMIT: Duration = Duration::from_secs(120);
/// 2024-01-15T10:30:00Z, milliseconds.
const T0: i64 = 1_705_314_600_000;

/// A Coldstream that reads `format` with the schemas of `registry`, which wants a password.
fn worker(name: &str, format: &str, registry: &Registry) -> Worker {
    // `anna:geheim` in base64.
    registry.require("Basic YW5uYTpnZWhlaW0=");
    let extra = format!(
        "[schema_registry]\nurl = \"{}\"\nusername = \"anna\"\npassword = \"geheim\"\nretry_unknown = \"1s\"\n\
         [[columns]]\nname = \"oil_pressure\"\ntype = \"float64\"\nunit = \"bar\"\n",
        registry.url()
    );
    let worker = Worker::new(name, 1, Store::Folder, &extra);
    let text = std::fs::read_to_string(worker.config()).unwrap();
    let text = text.replace("[archive]", &format!("format = \"{format}\"\n[archive]"));
    std::fs::write(worker.config(), text).unwrap();
    worker
}

/// The messages of jobs for `tests/python/encode.py`.
fn encoded(jobs: &[Value]) -> Vec<Vec<u8>> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), json!(jobs).to_string()).unwrap();
    let hex = python::run("encode.py", &[&file.path().display().to_string()], []);
    let byte = |pair: &str| u8::from_str_radix(pair, 16).unwrap();
    hex.lines().map(|line| (0..line.len()).step_by(2).map(|at| byte(&line[at..at + 2])).collect()).collect()
}

fn send(worker: &Worker, messages: Vec<Vec<u8>>) {
    let messages = messages.into_iter().map(|payload| Message { partition: 0, key: b"7".to_vec(), payload });
    Kafka::shared().send(&worker.topic, messages);
}

fn config(worker: &Worker) -> String {
    worker.config().display().to_string()
}

fn floats(rows: &RecordBatch, name: &str) -> Vec<Option<f64>> {
    rows.column_by_name(name).unwrap().as_primitive::<Float64Type>().iter().collect()
}

/// What `coldstream doctor` finds in a check.
fn doctor(worker: &Worker, check: &str) -> String {
    let output = worker.command(&["doctor", "--config", &config(worker)]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let found = text.lines().find(|line| line.split_whitespace().nth(1) == Some(check));
    found.unwrap_or_else(|| panic!("{text}")).to_owned()
}

/// The schema of the records below; `more` fields come after the others.
fn avro_schema(more: &str) -> String {
    format!(
        r#"{{"type":"record","name":"Reading","namespace":"plant","fields":[
        {{"name":"machine_id","type":"int"}},
        {{"name":"timestamp","type":{{"type":"long","logicalType":"timestamp-millis"}}}},
        {{"name":"operating_mode","type":["null",{{"type":"enum","name":"Mode","symbols":["normal","defrost"]}}],"default":null}},
        {{"name":"temp_evaporator","type":"float"}},
        {{"name":"note","type":{{"type":"map","values":"string"}}}}{more}]}}"#
    )
}

fn avro_job(id: u32, schema: &str, seconds: std::ops::Range<i64>) -> Value {
    let record = |second: i64| {
        json!({
            "machine_id": 7, "timestamp": T0 + second * 1_000, "operating_mode": if second % 3 == 0 { None } else { Some("defrost") },
            "temp_evaporator": -10.5 + second as f64 / 8.0, "note": {"by": "fastavro"},
            // Fields that the schema does not have are not written.
            "oil_pressure": second as f64 / 3.0, "power": second,
        })
    };
    json!({"format": "avro", "id": id, "schema": schema, "records": seconds.map(record).collect::<Vec<_>>()})
}

#[test]
fn avro_with_schemas_that_grow_and_one_that_comes_too_late() {
    let registry = Registry::start();
    let worker = worker("avro", "avro", &registry);
    let first = avro_schema("");
    let second = avro_schema(r#",{"name":"oil_pressure","type":"double"}"#);
    let third =
        avro_schema(r#",{"name":"oil_pressure","type":["null","double"]},{"name":"power","type":"long"}"#);
    let subject = format!("{}-value", worker.topic);
    assert_eq!(registry.register(&subject, "AVRO", &first, &[]), 1);
    assert_eq!(registry.register(&subject, "AVRO", &second, &[]), 2);
    let late = encoded(&[avro_job(3, &third, 300..320)]);
    let all = encoded(&[
        avro_job(1, &first, 0..300),
        avro_job(3, &third, 300..320),
        avro_job(2, &second, 320..600),
    ]);
    send(&worker, all);

    let mut process = worker.start();
    worker.wait_for_rows(&mut process, "readings", 580, LIMIT);
    worker.wait_for_rows(&mut process, "dead_letters", 20, LIMIT);
    let rows = worker.sql(
        "SELECT timestamp, machine_id, operating_mode, temp_evaporator, oil_pressure, power, kafka_offset
         FROM readings ORDER BY kafka_offset",
    );
    let seconds: Vec<i64> = (0..300).chain(320..600).collect();
    let offsets = rows.column_by_name("kafka_offset").unwrap().as_primitive::<Int64Type>();
    assert_eq!(offsets.values().as_ref(), seconds, "nothing lost, nothing twice");
    let times = rows.column(0).as_primitive::<TimestampMicrosecondType>().values();
    assert!(times.iter().zip(&seconds).all(|(time, second)| *time == (T0 + second * 1_000) * 1_000));
    let expected: Vec<Option<f64>> = seconds.iter().map(|s| Some(-10.5 + *s as f64 / 8.0)).collect();
    assert_eq!(floats(&rows, "temp_evaporator"), expected);
    let expected: Vec<Option<f64>> = seconds.iter().map(|s| (*s >= 320).then(|| *s as f64 / 3.0)).collect();
    assert_eq!(floats(&rows, "oil_pressure"), expected);
    assert!(rows.column_by_name("power").unwrap().null_count() == 580);
    let modes = rows.column_by_name("operating_mode").unwrap().as_string::<i32>();
    assert!(modes.iter().zip(&seconds).all(|(mode, s)| mode == (s % 3 != 0).then_some("defrost")));
    assert_eq!(worker.number("SELECT count(*) FROM readings WHERE machine_id = '7'"), 580);

    let dead = worker.sql("SELECT DISTINCT reason, detail FROM dead_letters");
    assert_eq!(dead.num_rows(), 1);
    assert_eq!(dead.column(0).as_string::<i32>().value(0), "unknown_schema");
    let detail = dead.column(1).as_string::<i32>().value(0);
    assert_eq!(detail, "the registry has no schema 3 (40403 Schema 3 not found)");
    assert_eq!(
        (registry.asked("/schemas/ids/1"), registry.asked("/schemas/ids/2")),
        (1, 1),
        "schemas are kept"
    );
    assert!(doctor(&worker, "registry").starts_with("ok "));
    // Before the schema is there, there is nothing to send again.
    let told = worker.output(&["redrive", "--config", &config(&worker)]);
    assert!(told.contains("still unknown to the registry: 20"), "{told}");

    // The schema is registered: its messages are readings from the next question on.
    assert_eq!(registry.register(&subject, "AVRO", &third, &[]), 3);
    let power = || worker.number("SELECT count(*) FROM readings WHERE power IS NOT NULL");
    let stored = || worker.committed("readings") + worker.committed("dead_letters");
    let mut sent = 600;
    wait::until("a reading of schema 3", LIMIT, || {
        // The answer that there is none is kept for a second, so the first of these may come too early.
        if stored() == sent {
            send(&worker, late[..1].to_vec());
            sent += 1;
        }
        if stored() == sent && power() > 0 { Ok(()) } else { Err(process.tail()) }
    });
    let dead = worker.committed("dead_letters");
    let before = power();

    // The dead letters join the stream, each once, however often they are sent again.
    let dry = worker.output(&["redrive", "--config", &config(&worker), "--dry-run"]);
    assert!(dry.contains(&format!("to be sent again: {dead}")), "{dry}");
    let told = worker.output(&["redrive", "--config", &config(&worker)]);
    assert!(told.contains(&format!("sent again: {dead}")), "{told}");
    worker.wait_for_rows(&mut process, "readings", sent, LIMIT);
    let told = worker.output(&["redrive", "--config", &config(&worker)]);
    assert!(told.contains("sent again: 0") && told.contains(&format!("sent again before: {dead}")), "{told}");
    assert!(process.terminate().success(), "{}", process.tail());
    assert_eq!(power(), before + dead as i64);
    assert_eq!(worker.committed("dead_letters"), dead);
    assert_eq!(worker.group_offsets(1), (sent + dead) as i64, "{}", process.tail());
    let again = worker.sql("SELECT DISTINCT power FROM readings WHERE power IS NOT NULL ORDER BY power");
    let expected: Vec<Option<f64>> = (300..320).map(|second| Some(f64::from(second))).collect();
    assert_eq!(floats(&again, "power"), expected);
}

const MODE: &str =
    "syntax = \"proto3\";\npackage plant;\nenum Mode { unknown = 0; normal = 1; defrost = 2; }\n";

const READING: &str = r#"syntax = "proto3";
package plant;
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
import "plant/mode.proto";
message Envelope {
  message Reading {
    google.protobuf.Timestamp timestamp = 1;
    string machine_id = 2;
    Mode operating_mode = 3;
    double temp_evaporator = 4;
    optional double superheat = 5;
    google.protobuf.DoubleValue subcooling = 6;
    float vibration = 7;
    repeated string tags = 8;
  }
}
"#;

fn protobuf_job(id: u32, seconds: std::ops::Range<i64>) -> Value {
    let record = |second: i64| {
        let time = format!("2024-01-15T10:{:02}:{:02}.5Z", 30 + second / 60, second % 60);
        let mut record = json!({
            "timestamp": time, "machineId": "case-7", "operatingMode": "defrost", "tempEvaporator": second as f64,
            "vibration": 0.1, "tags": ["a", "b"],
        });
        if second % 2 == 0 {
            record["superheat"] = json!(0.0);
            record["subcooling"] = json!(0.0);
        }
        record
    };
    json!({"format": "protobuf", "id": id, "files": {"plant/reading.proto": READING, "plant/mode.proto": MODE},
           "message": "plant.Envelope.Reading", "indexes": [0, 0], "records": seconds.map(record).collect::<Vec<_>>()})
}

#[test]
fn protobuf_waits_for_a_registry_that_does_not_answer_and_loses_nothing() {
    let registry = Registry::start();
    let worker = worker("protobuf", "protobuf", &registry);
    assert_eq!(registry.register("mode", "PROTOBUF", MODE, &[]), 1);
    let references = [("plant/mode.proto", "mode", 1)];
    assert_eq!(registry.register("reading", "PROTOBUF", READING, &references), 2);
    send(&worker, encoded(&[protobuf_job(2, 0..50)]));

    registry.fail(Some((503, "getting ready")));
    assert!(doctor(&worker, "registry").contains("503 Service Unavailable"));
    assert!(doctor(&worker, "messages").contains("not checked"));
    let mut process = worker.start();
    process.wait_for_line("503 Service Unavailable: the partition waits", LIMIT);
    // It ends when it is told to, although it waits, and has decided nothing about the messages.
    assert!(process.terminate().success(), "{}", process.tail());
    assert_eq!(worker.committed("readings") + worker.committed("dead_letters"), 0);

    let mut process = worker.start();
    process.wait_for_line("the partition waits", LIMIT);
    registry.fail(None);
    worker.wait_for_rows(&mut process, "readings", 50, LIMIT);
    // What is known needs no registry.
    registry.fail(Some((503, "gone again")));
    send(&worker, encoded(&[protobuf_job(2, 50..100)]));
    worker.wait_for_rows(&mut process, "readings", 100, LIMIT);
    registry.fail(None);
    assert!(process.terminate().success(), "{}", process.tail());
    assert_eq!(worker.committed("dead_letters"), 0);
    assert!(doctor(&worker, "messages").contains("is a reading of machine case-7"));

    let rows = worker.sql(
        "SELECT timestamp, temp_evaporator, superheat, subcooling, vibration, operating_mode, kafka_offset
         FROM readings ORDER BY kafka_offset",
    );
    let offsets = rows.column_by_name("kafka_offset").unwrap().as_primitive::<Int64Type>();
    assert_eq!(offsets.values().as_ref(), (0..100).collect::<Vec<i64>>());
    let times = rows.column(0).as_primitive::<TimestampMicrosecondType>().values();
    assert!(times.iter().zip(0..).all(|(time, second)| *time == (T0 + second * 1_000 + 500) * 1_000));
    // A true zero of a field without `optional` is not on the wire: see docs/formats.md.
    let expected: Vec<Option<f64>> = (0..100).map(|s| (s > 0).then_some(f64::from(s))).collect();
    assert_eq!(floats(&rows, "temp_evaporator"), expected);
    let expected: Vec<Option<f64>> = (0..100).map(|s| (s % 2 == 0).then_some(0.0)).collect();
    assert_eq!(floats(&rows, "superheat"), expected);
    assert_eq!(floats(&rows, "subcooling"), expected);
    assert_eq!(floats(&rows, "vibration"), [Some(f64::from(0.1f32)); 100]);
    let modes: BTreeSet<_> =
        rows.column_by_name("operating_mode").unwrap().as_string::<i32>().iter().collect();
    assert_eq!(modes, BTreeSet::from([Some("defrost")]));
}

#[test]
fn a_format_without_a_registry_is_refused_with_a_hint() {
    let worker = Worker::new("unused", 1, Store::Folder, "");
    let text = std::fs::read_to_string(worker.config()).unwrap();
    std::fs::write(worker.config(), text.replace("[archive]", "format = \"avro\"\n[archive]")).unwrap();
    let args = ["run", "--config", &config(&worker)];
    let output = worker.command(&args).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(error.contains("kafka.format: `avro` needs a schema registry"), "{error}");
    assert!(error.contains("hint: add [schema_registry]"), "{error}");
    let args = ["redrive", "--help"];
    assert!(succeeded(&args, &worker.command(&args).output().unwrap()).contains("Example:"));
}
