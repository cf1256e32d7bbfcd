use arrow::array::{Array, AsArray};
use arrow::datatypes::{Float64Type, Int64Type, TimestampMicrosecondType};
use proptest::prelude::*;

use super::*;

const SECOND: i64 = 1_000_000;
/// 2024-01-15T10:30:00Z.
const T0: i64 = 1_705_314_600 * SECOND;

fn decode_with(messages: &[&[u8]], received: i64) -> Decoded {
    let mut raw = RawBatch::default();
    for (offset, message) in messages.iter().enumerate() {
        raw.push(message, 100 + offset as i64, received);
    }
    Decoder::new("readings", &ReadingSchema::default(), 600 * SECOND).decode(3, &raw).unwrap()
}

fn decode(messages: &[&[u8]]) -> Decoded {
    decode_with(messages, T0)
}

fn reading(timestamp: &str) -> String {
    format!(r#"{{"timestamp":{timestamp},"machine_id":1,"temp_evaporator":-10.5}}"#)
}

/// The only dead letter of a bad message between two good ones: its reason and detail.
fn dead_between_good(bad: &[u8]) -> (String, String) {
    let good = reading("\"2024-01-15T10:30:00\"");
    let decoded = decode(&[good.as_bytes(), bad, good.as_bytes()]);
    let offsets = decoded.readings.column_by_name("kafka_offset").unwrap().as_primitive::<Int64Type>();
    assert_eq!(offsets.values().as_ref(), [100, 102], "the neighbours are kept");
    let dead = decoded.dead.expect("a dead letter");
    assert_eq!(dead.num_rows(), 1);
    assert_eq!(dead.column_by_name("kafka_offset").unwrap().as_primitive::<Int64Type>().value(0), 101);
    assert_eq!(
        dead.column_by_name("payload_bytes").unwrap().as_primitive::<Int64Type>().value(0),
        bad.len() as i64
    );
    let kept = dead.column_by_name("payload").unwrap().as_binary::<i32>().value(0).to_vec();
    assert_eq!(kept, bad[..bad.len().min(64 * 1024)]);
    let text = |name: &str| dead.column_by_name(name).unwrap().as_string::<i32>().value(0).to_string();
    assert_eq!(text("topic"), "readings");
    (text("reason"), text("detail"))
}

#[test]
fn the_reading_of_the_design_becomes_a_row() {
    let message = br#"{"timestamp":"2024-01-15T10:30:00","machine_id":1,"operating_mode":"normal","temp_evaporator":-10.5,
        "temp_condenser":40.5,"pressure_high":12.5,"pressure_low":2.1,"superheat":8.5,"subcooling":5.2,
        "compressor_current":8.2,"vibration":0.020,"efficiency":0.85}"#;
    let decoded = decode(&[message]);
    assert!(decoded.dead.is_none());
    let row = &decoded.readings;
    let float = |name: &str| row.column_by_name(name).unwrap().as_primitive::<Float64Type>().value(0);
    assert_eq!(row.column(0).as_primitive::<TimestampMicrosecondType>().value(0), T0);
    assert_eq!(row.column(1).as_string::<i32>().value(0), "1");
    assert_eq!(row.column(2).as_string::<i32>().value(0), "normal");
    assert_eq!((float("temp_evaporator"), float("vibration"), float("efficiency")), (-10.5, 0.020, 0.85));
    assert!(row.column_by_name("power").unwrap().is_null(0));
}

#[test]
fn timestamps_of_every_form_are_the_same_instant() {
    for form in [
        "\"2024-01-15T10:30:00\"",
        "\"2024-01-15T10:30:00Z\"",
        "\"2024-01-15T11:30:00+01:00\"",
        "\"2024-01-15 10:30:00.000\"",
        "1705314600000",
        "1705314600000.0",
    ] {
        let decoded = decode(&[reading(form).as_bytes()]);
        assert_eq!(decoded.readings.num_rows(), 1, "{form}: {:?}", decoded.reasons);
        assert_eq!(
            decoded.readings.column(0).as_primitive::<TimestampMicrosecondType>().value(0),
            T0,
            "{form}"
        );
    }
}

#[test]
fn ids_are_text_whether_sent_as_number_or_text() {
    let decoded = decode(&[
        br#"{"timestamp":1705314600000,"machine_id":7}"#,
        br#"{"machine_id":"case-7","timestamp":1705314600000}"#,
        br#"{"machine_id":18446744073709551615,"timestamp":1705314600000}"#,
    ]);
    let ids: Vec<_> = decoded.readings.column(1).as_string::<i32>().iter().flatten().collect();
    assert_eq!(ids, ["7", "case-7", "18446744073709551615"]);
}

#[test]
fn unknown_keys_are_ignored_and_counted() {
    let decoded = decode(&[
        br#"{"timestamp":1705314600000,"machine_id":1,"colour":"red","nested":{"a":[1,2]}}"#,
        br#"{"timestamp":1705314600000,"machine_id":1,"power":2,"colour":null}"#,
    ]);
    assert_eq!((decoded.readings.num_rows(), decoded.unknown_keys), (2, 3));
}

#[test]
fn a_message_that_is_no_json_is_a_dead_letter() {
    for bad in [
        &b"hello"[..],
        b"{\"timestamp\":",
        b"{\"timestamp\":1705314600000,\"machine_id\":1} x",
        b"{\"a\":NaN}",
        b"{\"timestamp\":1705314600000,\"machine_id\":1,\"power\":1e999}",
        b"{\"power\":tru}",
    ] {
        assert_eq!(dead_between_good(bad).0, "not_json", "{}", String::from_utf8_lossy(bad));
    }
    for bad in [&b"[1,2]"[..], b"12", b"\"text\"", b"null"] {
        assert_eq!(dead_between_good(bad).0, "not_an_object", "{}", String::from_utf8_lossy(bad));
    }
    assert_eq!(dead_between_good(b"").0, "empty");
}

#[test]
fn a_value_of_the_wrong_type_is_a_dead_letter_that_names_the_column() {
    let (reason, detail) =
        dead_between_good(br#"{"timestamp":1705314600000,"machine_id":1,"superheat":"8.5"}"#);
    assert_eq!(reason, "wrong_type");
    assert!(detail.contains("`superheat`: found a text, wanted a number"), "{detail}");
    for bad in [
        &br#"{"timestamp":1705314600000,"machine_id":1,"superheat":true}"#[..],
        br#"{"timestamp":1705314600000,"machine_id":1,"superheat":[8.5]}"#,
        br#"{"timestamp":1705314600000,"machine_id":1,"operating_mode":3}"#,
        br#"{"timestamp":1705314600000,"machine_id":1.5}"#,
        br#"{"timestamp":1705314600000,"machine_id":{"id":1}}"#,
        br#"{"timestamp":true,"machine_id":1}"#,
    ] {
        assert_eq!(dead_between_good(bad).0, "wrong_type", "{}", String::from_utf8_lossy(bad));
    }
}

#[test]
fn a_message_without_time_or_machine_is_a_dead_letter() {
    assert_eq!(dead_between_good(br#"{"machine_id":1}"#).0, "no_timestamp");
    assert_eq!(dead_between_good(br#"{"timestamp":null,"machine_id":1}"#).0, "no_timestamp");
    assert_eq!(dead_between_good(br#"{"timestamp":1705314600000}"#).0, "no_machine_id");
    assert_eq!(dead_between_good(br#"{"timestamp":1705314600000,"machine_id":""}"#).0, "no_machine_id");
    let long = format!(r#"{{"timestamp":1705314600000,"machine_id":"{}"}}"#, "x".repeat(300));
    assert_eq!(dead_between_good(long.as_bytes()).0, "no_machine_id");
}

#[test]
fn an_impossible_date_is_a_dead_letter() {
    for bad in [
        "\"2024-02-30T10:30:00\"",
        "\"2024-13-01T00:00:00\"",
        "\"2024-01-15T25:00:00\"",
        "\"yesterday\"",
        "\"2024-01-15\"",
        "\"\"",
        "\"0001-01-01T00:00:00\"",
        "9223372036854775807",
        "-1e300",
    ] {
        assert_eq!(dead_between_good(reading(bad).as_bytes()).0, "bad_timestamp", "{bad}");
    }
}

#[test]
fn a_clock_that_runs_ahead_is_a_dead_letter_and_one_that_lags_is_not() {
    let at = |seconds: i64| reading(&((T0 / SECOND + seconds) * 1_000).to_string());
    assert_eq!(dead_between_good(at(601).as_bytes()).0, "future_timestamp");
    let decoded = decode(&[at(600).as_bytes(), at(-86_400 * 20_000).as_bytes()]);
    assert_eq!(decoded.readings.num_rows(), 2, "{:?}", decoded.reasons);
}

#[test]
fn ten_megabytes_of_garbage_keep_64_kib() {
    let garbage = vec![b'x'; 10 * 1024 * 1024];
    assert_eq!(dead_between_good(&garbage).0, "not_json");
    let nested = vec![b'['; 10 * 1024 * 1024];
    assert_eq!(dead_between_good(&nested).0, "not_json");
    let deep = [br#"{"timestamp":1705314600000,"machine_id":1,"x":"#.to_vec(), vec![b'['; 1 << 20]].concat();
    assert_eq!(dead_between_good(&deep).0, "not_json");
}

#[test]
fn nesting_is_limited_but_width_is_not() {
    let message = |inner: &str| format!(r#"{{"timestamp":1705314600000,"machine_id":1,"x":{inner}}}"#);
    let wide = message(&format!("[{}[]]", "[],{},".repeat(1_000)));
    let text = message(&format!("\"\\\"{}\"", "[".repeat(1_000)));
    let deep_enough = message(&format!("{}{}", "[".repeat(63), "]".repeat(63)));
    let decoded = decode(&[wide.as_bytes(), text.as_bytes(), deep_enough.as_bytes()]);
    assert_eq!(decoded.readings.num_rows(), 3, "{:?}", decoded.reasons);
    let too_deep = message(&format!("{}{}", "[".repeat(64), "]".repeat(64)));
    assert_eq!(
        dead_between_good(too_deep.as_bytes()),
        ("not_json".into(), "nested deeper than 64 levels".into())
    );
}

#[test]
fn invalid_utf8_is_a_dead_letter() {
    let (reason, detail) = dead_between_good(b"{\"timestamp\":1705314600000,\"machine_id\":\"a\xff\"}");
    assert_eq!(reason, "invalid_utf8");
    assert!(detail.contains("byte"), "{detail}");
    assert_eq!(dead_between_good(b"\xff\xfe\x00\x01").0, "invalid_utf8");
}

proptest! {
    /// No bytes whatever make decoding fail, and every message is either a reading or a dead letter.
    #[test]
    fn every_message_ends_somewhere(messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..20)) {
        let messages: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
        let decoded = decode(&messages);
        let dead = decoded.dead.map_or(0, |d| d.num_rows());
        prop_assert_eq!(decoded.readings.num_rows() + dead, messages.len());
    }

    /// Against Rust's own reading of the numbers, to the last bit, whatever the order of the keys.
    #[test]
    fn values_are_those_that_were_written(
        values in prop::collection::vec(prop::option::of(-1e6f64..1e6), 5), turn in 0usize..5, id in any::<i32>(),
    ) {
        let names = ["temp_evaporator", "pressure_low", "vibration", "power", "fan_speed"];
        let mut object = serde_json::Map::new();
        for i in 0..5 {
            let i = (i + turn) % 5;
            object.insert(names[i].into(), serde_json::json!(values[i]));
        }
        object.insert("machine_id".into(), serde_json::json!(id));
        object.insert("timestamp".into(), serde_json::json!("2024-01-15T10:30:00.25Z"));
        let text = serde_json::Value::Object(object).to_string();
        let decoded = decode(&[text.as_bytes(), text.as_bytes()]);
        prop_assert_eq!(decoded.readings.num_rows(), 2);
        for (name, value) in names.iter().zip(&values) {
            let column = decoded.readings.column_by_name(name).unwrap().as_primitive::<Float64Type>();
            prop_assert_eq!(column.is_valid(1).then(|| column.value(1)), *value);
        }
        prop_assert_eq!(decoded.readings.column(1).as_string::<i32>().value(1), id.to_string());
    }
}

#[test]
fn the_frame_of_a_registry_before_json_is_skipped() {
    let framed = testing::framed(7, reading("1705314600000").as_bytes());
    let decoded = decode(&[&framed, reading("1705314600000").as_bytes()]);
    assert_eq!(decoded.readings.num_rows(), 2, "{:?}", decoded.reasons);
    assert_eq!(dead_between_good(&framed[..4]).0, "not_json");
    assert_eq!(dead_between_good(&framed[..5]).0, "not_json");
}

/// One reading of the test below: seconds after [`T0`], machine, values.
type Values = (i64, u16, [Option<f64>; 3], Option<bool>);

const NAMES: [&str; 3] = ["temp_evaporator", "superheat", "power"];

fn as_json((second, machine, values, defrosts): &Values) -> Vec<u8> {
    let mut object = serde_json::json!({
        "timestamp": T0 / 1_000 + second * 1_000, "machine_id": machine, "operating_mode": mode(*defrosts),
    });
    for (name, value) in NAMES.iter().zip(values) {
        object[*name] = serde_json::json!(value);
    }
    object.to_string().into_bytes()
}

fn mode(defrosts: Option<bool>) -> Option<&'static str> {
    defrosts.map(|defrosts| if defrosts { "defrost" } else { "normal" })
}

const AVRO: &str = r#"{"type":"record","name":"R","fields":[
    {"name":"operating_mode","type":["null",{"type":"enum","name":"M","symbols":["normal","defrost"]}]},
    {"name":"temp_evaporator","type":["null","double"]},{"name":"superheat","type":["null","double"]},
    {"name":"timestamp","type":{"type":"long","logicalType":"timestamp-micros"}},
    {"name":"power","type":["null","double"]},{"name":"machine_id","type":"int"}]}"#;

fn as_avro((second, machine, values, defrosts): &Values) -> Vec<u8> {
    use testing::{long, nullable};
    let [evaporator, superheat, power] =
        values.map(|value| nullable(value.map(|value| value.to_le_bytes().to_vec())));
    let mode = nullable(defrosts.map(|defrosts| long(defrosts.into())));
    let (time, machine) = (long(T0 + second * SECOND), long((*machine).into()));
    testing::framed(1, &[mode, evaporator, superheat, time, power, machine].concat())
}

const PROTOBUF: &str = r#"syntax = "proto3"; import "google/protobuf/timestamp.proto";
    enum Mode { normal = 0; defrost = 1; }
    message Reading { google.protobuf.Timestamp timestamp = 1; string machine_id = 2; optional double temp_evaporator = 3;
        optional double superheat = 4; optional double power = 5; optional Mode operating_mode = 6; }"#;

fn as_protobuf((second, machine, values, defrosts): &Values) -> Vec<u8> {
    use testing::varint;
    let time = [vec![1 << 3], varint((T0 / SECOND + second) as u64)].concat();
    let machine = machine.to_string();
    let mut body = vec![0, 1 << 3 | 2, time.len() as u8];
    body.extend(time);
    body.extend([2 << 3 | 2, machine.len() as u8]);
    body.extend(machine.bytes());
    for (number, value) in (3u8..).zip(values) {
        if let Some(value) = value {
            body.push(number << 3 | 1);
            body.extend(value.to_le_bytes());
        }
    }
    body.extend(defrosts.iter().flat_map(|defrosts| [6 << 3, u8::from(*defrosts)]));
    testing::framed(2, &body)
}

proptest! {
    /// The same readings in each format become the same columns, to the last bit.
    #[test]
    fn a_reading_is_the_same_in_every_format(readings in prop::collection::vec((
        -1_000_000i64..600, any::<u16>(), prop::array::uniform3(prop::option::of(-1e9f64..1e9)), any::<Option<bool>>(),
    ), 0..30)) {
        let source: Arc<dyn SchemaSource> = Arc::new(testing::Table::default().avro(1, AVRO).protobuf(2, PROTOBUF));
        let all = |encoding, write: fn(&Values) -> Vec<u8>| {
            let decoded = testing::decode(encoding, &readings.iter().map(write).collect::<Vec<_>>());
            assert!(decoded.dead.is_none(), "{:?}", decoded.dead);
            decoded.readings
        };
        let json = all(Encoding::Json, as_json);
        prop_assert_eq!(json.num_rows(), readings.len());
        prop_assert_eq!(&json, &all(Encoding::Avro(Arc::clone(&source)), as_avro));
        prop_assert_eq!(&json, &all(Encoding::Protobuf(source, Absent::Null), as_protobuf));
    }
}
