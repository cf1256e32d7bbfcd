//! Messages that are no readings, through the real broker.

use std::time::Duration;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;

use crate::parts::kafka::{Kafka, Message};
use crate::worker::{Store, Worker};

fn good(second: u32) -> Vec<u8> {
    format!(r#"{{"timestamp":"2024-01-15T10:30:{second:02}","machine_id":1,"temp_evaporator":-10.5}}"#)
        .into_bytes()
}

#[test]
fn each_bad_message_becomes_one_row_and_its_neighbours_are_kept() {
    let bad: Vec<(&str, Vec<u8>)> = vec![
        ("not_json", b"this is not JSON".to_vec()),
        ("wrong_type", br#"{"timestamp":"2024-01-15T10:30:00","machine_id":1,"superheat":"high"}"#.to_vec()),
        ("no_timestamp", br#"{"machine_id":1,"superheat":8.5}"#.to_vec()),
        ("bad_timestamp", br#"{"timestamp":"2024-02-30T10:30:00","machine_id":1}"#.to_vec()),
        ("not_json", vec![b'#'; 10 * 1024 * 1024]),
        ("not_json", vec![b'['; 1024 * 1024]),
        ("invalid_utf8", b"{\"timestamp\":\"2024-01-15T10:30:00\",\"machine_id\":\"\xff\xfe\"}".to_vec()),
        ("no_machine_id", br#"{"timestamp":"2024-01-15T10:30:00"}"#.to_vec()),
        ("future_timestamp", br#"{"timestamp":"2999-01-01T00:00:00","machine_id":1}"#.to_vec()),
        ("not_an_object", b"[1,2,3]".to_vec()),
        ("empty", Vec::new()),
    ];
    let worker = Worker::new("dead", 1, Store::Folder, "");
    let mut messages = vec![good(0)];
    for (second, (_, payload)) in bad.iter().enumerate() {
        messages.push(payload.clone());
        messages.push(good(second as u32 + 1));
    }
    let messages = messages.into_iter().map(|payload| Message { partition: 0, key: b"1".to_vec(), payload });
    Kafka::shared().send(&worker.topic, messages);
    let mut process = worker.start();
    worker.wait_for_rows(&mut process, "dead_letters", bad.len() as u64, Duration::from_secs(120));
    worker.wait_for_rows(&mut process, "readings", bad.len() as u64 + 1, Duration::from_secs(120));
    assert!(process.terminate().success(), "{}", process.tail());
    assert_eq!(worker.group_offsets(1), 2 * bad.len() as i64 + 1, "{}", process.tail());

    let rows = worker.sql(
        "SELECT reason, payload_bytes, payload, topic, kafka_offset, detail
         FROM dead_letters ORDER BY kafka_offset",
    );
    assert_eq!(rows.num_rows(), bad.len());
    for (row, (reason, payload)) in bad.iter().enumerate() {
        let number = |name: &str| rows.column_by_name(name).unwrap().as_primitive::<Int64Type>().value(row);
        let text =
            |column: &str| rows.column_by_name(column).unwrap().as_string::<i32>().value(row).to_string();
        assert_eq!(text("reason"), *reason, "{}", text("detail"));
        assert_eq!(number("payload_bytes"), payload.len() as i64);
        let kept = rows.column_by_name("payload").unwrap().as_binary::<i32>().value(row);
        assert_eq!(kept, &payload[..payload.len().min(64 * 1024)]);
        assert_eq!(number("kafka_offset"), 2 * row as i64 + 1);
        assert_eq!(text("topic"), worker.topic);
        assert!(!text("detail").contains('\n') && text("detail").len() < 300, "{}", text("detail"));
    }
}
