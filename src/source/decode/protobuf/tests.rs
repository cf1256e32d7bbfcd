use arrow::array::{Array, AsArray};
use arrow::datatypes::{Float64Type, Int64Type, TimestampMicrosecondType};
use proptest::prelude::*;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};

use super::super::testing::{T0, Table, dead, decode, framed, varint, written};
use super::super::{Decoded, Encoding};
use super::*;

const SCHEMA: &str = r#"syntax = "proto3";
package plant;
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
enum Mode { UNKNOWN = 0; normal = 1; defrost = 2; }
message Note { string text = 1; message Inner { double power = 5; } map<string, int32> many = 2; message After { int32 machine_id = 1; int64 timestamp = 2; } }
message Reading {
  google.protobuf.Timestamp timestamp = 1;
  int32 machine_id = 2;
  Mode operating_mode = 3;
  double temp_evaporator = 4;
  optional double superheat = 5;
  google.protobuf.DoubleValue subcooling = 6;
  float vibration = 7;
  sint64 power = 8;
  uint64 fan_speed = 9;
  fixed32 compressor_speed = 10;
  sfixed64 valve_opening = 11;
  Note note = 20;
  repeated int32 counts = 21;
  string extra = 22;
  oneof kind { double efficiency = 23; bool other = 24; }
}"#;

fn source_with(schema: &str, absent: Absent) -> Encoding {
    Encoding::Protobuf(Arc::new(Table::default().protobuf(7, schema)), absent)
}

fn source() -> Encoding {
    source_with(SCHEMA, Absent::Null)
}

/// The message of `Reading` with the JSON of Protobuf, written by the library's own encoder.
fn encoded(json: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("reading.proto"), SCHEMA).unwrap();
    let files = protox::compile(["reading.proto"], [folder.path()]).unwrap();
    let pool = DescriptorPool::from_file_descriptor_set(files).unwrap();
    let reading = pool.get_message_by_name("plant.Reading").unwrap();
    let message =
        DynamicMessage::deserialize(reading, &mut serde_json::Deserializer::from_str(json)).unwrap();
    message.encode_to_vec()
}

/// The second message of the file: indexes `[1]`.
fn reading(json: &str) -> Vec<u8> {
    framed(7, &[vec![2, 2], encoded(json)].concat())
}

const WHOLE: &str = r#"{"timestamp":"2024-01-15T10:30:00.25Z","machineId":3,"operatingMode":"defrost","tempEvaporator":-10.5,
    "superheat":0,"subcooling":0,"vibration":4.1,"power":"-7","fanSpeed":"12","compressorSpeed":9,"valveOpening":"-4",
    "note":{"text":"x"},"counts":[1,2,3],"extra":"y","efficiency":0.85}"#;

fn floats(decoded: &Decoded, name: &str) -> Vec<Option<f64>> {
    decoded.readings.column_by_name(name).unwrap().as_primitive::<Float64Type>().iter().collect()
}

#[test]
fn a_message_becomes_a_row_and_its_other_fields_are_counted() {
    let decoded = decode(source(), &[reading(WHOLE)]);
    assert!(decoded.dead.is_none(), "{:?}", decoded.dead);
    assert_eq!(decoded.unknown_keys, 3);
    let row = &decoded.readings;
    assert_eq!(row.column(0).as_primitive::<TimestampMicrosecondType>().value(0), T0 + 250_000);
    let text = |name: &str| row.column_by_name(name).unwrap().as_string::<i32>().value(0);
    assert_eq!((text("machine_id"), text("operating_mode")), ("3", "defrost"));
    for (name, value) in [
        ("temp_evaporator", -10.5),
        ("superheat", 0.0),
        ("subcooling", 0.0),
        ("vibration", f64::from(4.1f32)),
        ("power", -7.0),
        ("fan_speed", 12.0),
        ("compressor_speed", 9.0),
        ("valve_opening", -4.0),
        ("efficiency", 0.85),
    ] {
        assert_eq!(floats(&decoded, name), [Some(value)], "{name}");
    }
}

#[test]
fn an_absent_field_is_null_or_zero_as_configured_and_never_where_presence_is_known() {
    let bare = reading(r#"{"timestamp":"2024-01-15T10:30:00Z","machineId":3}"#);
    let decoded = decode(source(), std::slice::from_ref(&bare));
    for name in ["temp_evaporator", "superheat", "subcooling", "vibration", "power", "efficiency"] {
        assert_eq!(floats(&decoded, name), [None], "{name}");
    }
    assert!(decoded.readings.column_by_name("operating_mode").unwrap().is_null(0));

    let decoded = decode(source_with(SCHEMA, Absent::Zero), &[bare, reading(WHOLE)]);
    assert_eq!(floats(&decoded, "temp_evaporator"), [Some(0.0), Some(-10.5)]);
    assert_eq!(floats(&decoded, "power"), [Some(0.0), Some(-7.0)]);
    assert_eq!(floats(&decoded, "superheat"), [None, Some(0.0)]);
    assert_eq!(floats(&decoded, "subcooling"), [None, Some(0.0)]);
    assert_eq!(floats(&decoded, "efficiency"), [None, Some(0.85)]);
    let modes = decoded.readings.column_by_name("operating_mode").unwrap().as_string::<i32>();
    assert_eq!((modes.value(0), modes.value(1)), ("UNKNOWN", "defrost"));

    let nobody = reading(r#"{"timestamp":"2024-01-15T10:30:00Z"}"#);
    assert_eq!(dead(source(), nobody.clone()).0, "no_machine_id");
    let decoded = decode(source_with(SCHEMA, Absent::Zero), &[nobody]);
    assert_eq!(decoded.readings.column(1).as_string::<i32>().value(0), "0");
    let never = reading(r#"{"machineId":3}"#);
    assert_eq!(dead(source_with(SCHEMA, Absent::Zero), never).0, "no_timestamp");
}

#[test]
fn the_indexes_choose_the_message() {
    // `Note.After` is `[0, 1]`: the entry of the map before it, a message that nobody wrote, does not count.
    let inner = [varint(1 << 3), varint(4), varint(2 << 3), varint((T0 / 1_000) as u64)].concat();
    let message = framed(7, &[vec![4, 0, 2], inner.clone()].concat());
    let decoded = decode(source(), &[message]);
    assert_eq!(decoded.readings.column(1).as_string::<i32>().value(0), "4", "{:?}", decoded.dead);
    for indexes in [vec![2, 14], vec![4, 0, 8], vec![6, 0, 0, 0]] {
        let message = framed(7, &[indexes, inner.clone()].concat());
        let (reason, detail) = dead(source(), message);
        assert_eq!(reason, "unusable_schema");
        assert!(detail.contains("no message with the indexes"), "{detail}");
    }
    // A single zero stands for the first message.
    let first = SCHEMA.replace(
        "message Note",
        "message First { int32 machine_id = 1; int64 timestamp = 2; }\nmessage Note",
    );
    let message = framed(7, &[vec![0], inner.clone()].concat());
    assert_eq!(decode(source_with(&first, Absent::Null), &[message]).readings.num_rows(), 1);
    for indexes in [vec![1], vec![0xfe, 0xff, 0xff, 0xff, 0x0f], vec![4, 0]] {
        assert_eq!(dead(source(), framed(7, &indexes)).0, "not_protobuf");
    }
}

#[test]
fn bad_messages_become_dead_letters_and_their_neighbours_are_kept() {
    let body = |bytes: &[u8]| framed(7, &[&[2, 2], bytes].concat());
    let good = reading(WHOLE);
    for (bad, reason) in [
        (good[..good.len() - 1].to_vec(), "not_protobuf"),
        (body(&[0x21, 1, 2]), "not_protobuf"),
        // `temp_evaporator` as a varint.
        (body(&[0x20, 1]), "not_protobuf"),
        // Field 0, wire type 7, the end of no group, a group without end.
        (body(&[0x02, 0]), "not_protobuf"),
        (body(&[0x0f]), "not_protobuf"),
        (body(&[0x0c]), "not_protobuf"),
        (body(&[0x93, 0x06, 0x08, 0x01]), "not_protobuf"),
        // A length of 2^60, a varint of eleven bytes.
        (body(&[&[0xa2, 0x01][..], &varint(1 << 60)].concat()), "not_protobuf"),
        (body(&[0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0x01]), "not_protobuf"),
        (framed(8, &[0]), "unknown_schema"),
        (b"{}".to_vec(), "not_framed"),
        (body(&[]), "no_timestamp"),
        (reading(r#"{"timestamp":"9999-12-31T23:59:59Z","machineId":1}"#), "future_timestamp"),
        (Vec::new(), "empty"),
    ] {
        let decoded = decode(source(), &[good.clone(), bad, good.clone()]);
        let offsets = decoded.readings.column_by_name("kafka_offset").unwrap().as_primitive::<Int64Type>();
        assert_eq!(offsets.values().as_ref(), [0, 2]);
        assert_eq!(decoded.reasons[0].as_str(), reason, "{:?}", decoded.dead);
    }
}

#[test]
fn groups_and_unknown_numbers_are_passed_over() {
    // Group 100 with a group 3 inside, then field 99.
    let more = [0xa3, 0x06, 0x1b, 0x08, 0x05, 0x1c, 0xa4, 0x06, 0x98, 0x06, 0x01];
    let decoded = decode(source(), &[[reading(WHOLE), more.to_vec()].concat()]);
    assert_eq!((decoded.readings.num_rows(), decoded.unknown_keys), (1, 5), "{:?}", decoded.dead);
    let deep = [vec![0x1b; 1 << 20]].concat();
    assert_eq!(dead(source(), [reading(WHOLE), deep].concat()).0, "not_protobuf");
}

#[test]
fn a_field_of_the_wrong_type_is_a_dead_letter_that_names_the_column() {
    for (kind, value, found) in [
        ("string", &b"\x1a\x01x"[..], "a text"),
        ("bytes", b"\x1a\x01x", "bytes"),
        ("bool", b"\x18\x01", "true or false"),
        ("repeated double", b"\x1a\x00", "a list"),
        ("map<string, double>", b"\x1a\x00", "a map"),
        ("M", b"\x1a\x00", "a message"),
        ("E", b"\x18\x00", "the name of an enum"),
        ("google.protobuf.Timestamp", b"\x1a\x00", "a time"),
        ("google.protobuf.StringValue", b"\x1a\x00", "a text"),
    ] {
        let schema = format!(
            "syntax = \"proto3\"; import \"google/protobuf/timestamp.proto\"; import \"google/protobuf/wrappers.proto\";
             message R {{ int64 timestamp = 1; string machine_id = 2; {kind} power = 3; }} message M {{}} enum E {{ A = 0; }}"
        );
        let head = [varint(1 << 3), varint((T0 / 1_000) as u64), b"\x12\x01a".to_vec()].concat();
        let message = framed(7, &[vec![0], head, value.to_vec()].concat());
        let (reason, detail) = dead(source_with(&schema, Absent::Null), message);
        assert_eq!(reason, "wrong_type", "{kind}: {detail}");
        assert_eq!(detail, format!("`power`: found {found}, wanted a number"), "{kind}");
    }
}

#[test]
fn texts_must_be_utf8_and_an_enum_may_grow() {
    let schema = "syntax = \"proto3\"; message R { int64 timestamp = 1; string machine_id = 2; E operating_mode = 3; } enum E { A = 0; }";
    let head = [varint(1 << 3), varint((T0 / 1_000) as u64)].concat();
    let with = |rest: &[u8]| framed(7, &[&[0], &head[..], rest].concat());
    assert_eq!(
        dead(source_with(schema, Absent::Null), with(b"\x12\x01\xff")),
        ("invalid_utf8", "`machine_id` is not UTF-8".into())
    );
    let decoded =
        decode(source_with(schema, Absent::Null), &[with(b"\x12\x01a\x18\x05"), with(b"\x12\x01a\x18\x00")]);
    let modes = decoded.readings.column_by_name("operating_mode").unwrap().as_string::<i32>();
    assert_eq!((modes.value(0), modes.value(1)), ("5", "A"), "{:?}", decoded.dead);
}

#[test]
fn imports_are_found_among_the_references() {
    let main = "syntax = \"proto3\"; import \"shared/mode.proto\"; message R { int64 timestamp = 1; shared.Mode operating_mode = 2; }";
    let mode = "syntax = \"proto3\"; package shared; enum Mode { normal = 0; }";
    let compile = |references: &[(&str, &str)]| {
        File::compile(7, &written(SchemaKind::Protobuf, main, references)).and_then(|file| file.message(&[0]))
    };
    assert_eq!(compile(&[("shared/mode.proto", mode)]).unwrap().fields().len(), 2);
    let error = compile(&[]).unwrap_err();
    assert!(error.contains("shared/mode.proto") && !error.contains('\n'), "{error}");
    let error = dead(source_with("syntax = \"proto3\"; message {", Absent::Null), framed(7, &[0]));
    assert_eq!(error.0, "unusable_schema");
}

proptest! {
    /// No bytes whatever make decoding fail or end it, and every message is either a reading or a dead letter.
    #[test]
    fn every_message_ends_somewhere(bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..20)) {
        let messages: Vec<Vec<u8>> = bodies.iter().map(|body| framed(7, &[&[2, 2], &body[..]].concat())).collect();
        let decoded = decode(source(), &messages);
        prop_assert_eq!(decoded.readings.num_rows() + decoded.reasons.len(), messages.len());
    }

    /// Where the library can read changed bytes and they are UTF-8, so can we; and the other way round.
    #[test]
    fn what_is_protobuf_is_what_the_library_takes_for_it(at in 0usize..200, byte in any::<u8>()) {
        let mut body = encoded(WHOLE);
        let at = at % body.len();
        body[at] = byte;
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("reading.proto"), SCHEMA).unwrap();
        let pool = DescriptorPool::from_file_descriptor_set(protox::compile(["reading.proto"], [folder.path()]).unwrap()).unwrap();
        let library = DynamicMessage::decode(pool.get_message_by_name("plant.Reading").unwrap(), &body[..]);
        let ours = decode(source(), &[framed(7, &[vec![2, 2], body].concat())]);
        // The library looks into what we pass over, so it refuses more.
        if library.is_ok() {
            let bytes_are_wrong = ours.reasons.iter().any(|r| matches!(r, Reason::NotProtobuf | Reason::InvalidUtf8));
            prop_assert!(!bytes_are_wrong, "{:?}", ours.dead);
        }
    }

    /// A schema that is damaged is a reason, or is used as it now is.
    #[test]
    fn no_schema_ends_the_decoder(at in 0usize..2_000, with in "[{};=a-z0-9\"]{0,3}") {
        let mut schema = SCHEMA.to_string();
        let at = at % schema.len();
        schema.replace_range(at..at + 1, &with);
        let decoded = decode(source_with(&schema, Absent::Zero), &[reading(WHOLE)]);
        prop_assert_eq!(decoded.readings.num_rows() + decoded.reasons.len(), 1);
    }
}
