use arrow::array::AsArray;
use arrow::datatypes::{Float64Type, Int64Type, TimestampMicrosecondType};
use proptest::prelude::*;

use super::super::testing::{T0, Table, dead, decode, framed, long, nullable, text, written};
use super::super::{Decoded, Encoding};
use super::*;

/// A reading with fields of many types, some of which are no columns.
const SCHEMA: &str = r#"{"type":"record","name":"Reading","namespace":"plant","doc":"one","fields":[
    {"name":"timestamp","type":{"type":"long","logicalType":"timestamp-millis"}},
    {"name":"machine_id","type":"int"},
    {"name":"note","type":["null",{"type":"record","name":"Note","fields":[{"name":"tags","type":{"type":"array","items":"string"}}]}],"default":null},
    {"name":"temp_evaporator","type":"float"},
    {"name":"superheat","type":["null","double"],"default":null},
    {"name":"operating_mode","type":{"type":"enum","name":"Mode","symbols":["normal","defrost"]}}]}"#;

fn source(schema: &str) -> Encoding {
    Encoding::Avro(Arc::new(Table::default().avro(7, schema)))
}

fn reading(second: i64, superheat: Option<f64>, mode: i64) -> Vec<u8> {
    let body = [
        long(T0 / 1_000 + second * 1_000),
        long(3),
        nullable(Some([long(2), text("a"), text("b"), long(0)].concat())),
        (-10.5f32).to_le_bytes().to_vec(),
        nullable(superheat.map(|value| value.to_le_bytes().to_vec())),
        long(mode),
    ];
    framed(7, &body.concat())
}

fn offsets(decoded: &Decoded) -> Vec<i64> {
    let column = decoded.readings.column_by_name("kafka_offset").unwrap();
    column.as_primitive::<Int64Type>().values().to_vec()
}

fn floats(decoded: &Decoded, name: &str) -> Vec<Option<f64>> {
    decoded.readings.column_by_name(name).unwrap().as_primitive::<Float64Type>().iter().collect()
}

#[test]
fn a_record_becomes_a_row_and_its_other_fields_are_counted() {
    let decoded = decode(source(SCHEMA), &[reading(0, Some(8.25), 1), reading(1, None, 0)]);
    assert!(decoded.dead.is_none(), "{:?}", decoded.dead);
    assert_eq!(decoded.unknown_keys, 2);
    let row = &decoded.readings;
    let times = row.column(0).as_primitive::<TimestampMicrosecondType>().values();
    assert_eq!(times.as_ref(), [T0, T0 + 1_000_000]);
    let texts = |name: &str| -> Vec<String> {
        let column = row.column_by_name(name).unwrap().as_string::<i32>();
        column.iter().map(|text| text.unwrap_or("NULL").to_string()).collect()
    };
    assert_eq!(texts("machine_id"), ["3", "3"]);
    assert_eq!(texts("operating_mode"), ["defrost", "normal"]);
    assert_eq!(floats(&decoded, "temp_evaporator"), [Some(-10.5), Some(-10.5)]);
    assert_eq!(floats(&decoded, "superheat"), [Some(8.25), None]);
    assert_eq!(floats(&decoded, "power"), [None, None]);
}

/// The one sensor value that a record (timestamp, machine, `power` of `kind`) gives.
fn power(kind: &str, bytes: Vec<u8>) -> Result<Option<f64>, (&'static str, String)> {
    let schema = format!(
        r#"{{"type":"record","name":"R","fields":[{{"name":"timestamp","type":"long"}},
           {{"name":"machine_id","type":"string"}},{{"name":"power","type":{kind}}}]}}"#
    );
    let message = framed(7, &[long(T0 / 1_000), text("a"), bytes].concat());
    let decoded = decode(source(&schema), std::slice::from_ref(&message));
    if decoded.dead.is_some() {
        Err(dead(source(&schema), message))
    } else {
        Ok(floats(&decoded, "power")[0])
    }
}

#[test]
fn numbers_of_every_type_become_the_nearest_number() {
    let decimal = r#"{"type":"bytes","logicalType":"decimal","precision":9,"scale":3}"#;
    let fixed = r#"{"type":"fixed","name":"F","size":3,"logicalType":"decimal","precision":6,"scale":1}"#;
    let wide = r#"{"type":"bytes","logicalType":"decimal","precision":50,"scale":20}"#;
    let union = r#"["null","int","double","string"]"#;
    let java = r#"{"type":"double","connect.default":0}"#;
    assert_eq!(power("\"int\"", long(-7)), Ok(Some(-7.0)));
    assert_eq!(power("\"long\"", long(1 << 40)), Ok(Some((1u64 << 40) as f64)));
    assert_eq!(power("\"float\"", 4.1f32.to_le_bytes().to_vec()), Ok(Some(f64::from(4.1f32))));
    assert_eq!(power("\"double\"", 4.1f64.to_le_bytes().to_vec()), Ok(Some(4.1)));
    assert_eq!(power(java, 4.1f64.to_le_bytes().to_vec()), Ok(Some(4.1)));
    assert_eq!(power("\"double\"", f64::NAN.to_le_bytes().to_vec()), Ok(None));
    assert_eq!(power("\"null\"", vec![]), Ok(None));
    // 4.100 and -0.3, as whole numbers in big-endian two's complement.
    assert_eq!(power(decimal, text([0x10, 0x04])), Ok(Some(4.1)));
    assert_eq!(power(fixed, vec![0xff, 0xff, 0xfd]), Ok(Some(-0.3)));
    assert_eq!(power(wide, text(410_000_000_000_000_000_000i128.to_be_bytes())), Ok(Some(4.1)));
    assert_eq!(power(union, [long(1), long(5)].concat()), Ok(Some(5.0)));
    assert_eq!(power(union, [long(2), 0.5f64.to_le_bytes().to_vec()].concat()), Ok(Some(0.5)));
    assert_eq!(power(union, long(0)), Ok(None));
}

#[test]
fn a_value_of_the_wrong_type_is_a_dead_letter_that_names_the_column() {
    let union = r#"["null","int","double","string"]"#;
    for (kind, bytes, found) in [
        ("\"string\"", text("4"), "a text"),
        ("\"boolean\"", vec![1], "true or false"),
        ("\"bytes\"", text("4"), "bytes"),
        (union, [long(3), text("4")].concat(), "a text"),
        ("\"double\"", f64::INFINITY.to_le_bytes().to_vec(), "an infinite number"),
        (r#"{"type":"int","logicalType":"date"}"#, long(3), "a date"),
        (r#"{"type":"long","logicalType":"timestamp-millis"}"#, long(3), "a time"),
        (r#"{"type":"array","items":"double"}"#, long(0), "a list"),
        (r#"{"type":"map","values":"double"}"#, long(0), "a map"),
        (r#"{"type":"enum","name":"E","symbols":["A"]}"#, long(0), "the name of an enum"),
        (r#"{"type":"record","name":"I","fields":[{"name":"x","type":"int"}]}"#, long(0), "a record"),
    ] {
        let (reason, detail) = power(kind, bytes).unwrap_err();
        assert_eq!(reason, "wrong_type", "{kind}: {detail}");
        assert_eq!(detail, format!("`power`: found {found}, wanted a number"), "{kind}");
    }
}

/// The event time that a `timestamp` of `kind` gives.
fn time(kind: &str, bytes: Vec<u8>) -> Result<i64, (&'static str, String)> {
    let schema = format!(
        r#"{{"type":"record","name":"R","fields":[{{"name":"machine_id","type":"string"}},{{"name":"timestamp","type":{kind}}}]}}"#
    );
    let message = framed(7, &[text("a"), bytes].concat());
    let decoded = decode(source(&schema), std::slice::from_ref(&message));
    if decoded.dead.is_some() {
        return Err(dead(source(&schema), message));
    }
    Ok(decoded.readings.column(0).as_primitive::<TimestampMicrosecondType>().value(0))
}

#[test]
fn timestamps_of_every_type_are_the_same_instant() {
    let logical = |name: &str| format!(r#"{{"type":"long","logicalType":"{name}"}}"#);
    for zone in ["", "local-"] {
        assert_eq!(time(&logical(&format!("{zone}timestamp-millis")), long(T0 / 1_000)), Ok(T0));
        assert_eq!(time(&logical(&format!("{zone}timestamp-micros")), long(T0 + 1)), Ok(T0 + 1));
        assert_eq!(time(&logical(&format!("{zone}timestamp-nanos")), long(T0 * 1_000 + 1_999)), Ok(T0 + 1));
    }
    assert_eq!(time("\"long\"", long(T0 / 1_000)), Ok(T0));
    assert_eq!(time("\"double\"", (T0 as f64 / 1e3).to_le_bytes().to_vec()), Ok(T0));
    assert_eq!(time("\"string\"", text("2024-01-15T11:30:00+01:00")), Ok(T0));
    let nullable_time = format!(r#"["null",{}]"#, logical("timestamp-micros"));
    assert_eq!(time(&nullable_time, nullable(Some(long(T0)))), Ok(T0));

    let fault = |kind: &str, bytes| time(kind, bytes).unwrap_err().0;
    assert_eq!(fault(&nullable_time, nullable(None)), "no_timestamp");
    assert_eq!(fault(&logical("timestamp-millis"), long(i64::MAX)), "bad_timestamp");
    assert_eq!(fault("\"string\"", text("yesterday")), "bad_timestamp");
    assert_eq!(fault("\"boolean\"", vec![1]), "wrong_type");
    assert_eq!(fault("\"long\"", long(T0 / 1_000 + 601_000)), "future_timestamp");
}

#[test]
fn bad_messages_become_dead_letters_and_their_neighbours_are_kept() {
    let good = |second| reading(second, Some(1.0), 0);
    let cut = |length: usize| good(0)[..length].to_vec();
    let bad_text = {
        let schema = r#"{"type":"record","name":"R","fields":[{"name":"timestamp","type":"long"},{"name":"machine_id","type":"string"}]}"#;
        let ok = framed(7, &[long(T0 / 1_000), text("a")].concat());
        let not = framed(7, &[long(T0 / 1_000), text([0xff, 0xfe])].concat());
        let decoded = decode(source(schema), &[ok.clone(), not.clone(), ok.clone(), ok.clone(), not]);
        assert_eq!(offsets(&decoded), [0, 2, 3]);
        decoded.reasons
    };
    assert_eq!(bad_text, [Reason::InvalidUtf8; 2]);

    let bad = [
        cut(6),
        cut(20),
        cut(5),
        [good(0), vec![0]].concat(),
        // Another whole message behind it, frame and all.
        [good(0), good(0)].concat(),
        // The third value of an enum of two.
        reading(0, None, 2),
        // A text of 2^60 bytes.
        framed(7, &[long(T0 / 1_000), long(3), long(1), long(2), long(1 << 60)].concat()),
        // A block of 2^60 texts, and one whose length in bytes is negative.
        framed(7, &[long(T0 / 1_000), long(3), long(1), long(1 << 60)].concat()),
        framed(7, &[long(T0 / 1_000), long(3), long(1), long(i64::MIN), long(-1)].concat()),
        // A branch that the union does not have.
        framed(7, &[long(T0 / 1_000), long(3), long(9)].concat()),
        framed(7, &[0xff; 12]),
    ];
    for (nth, bad) in bad.iter().enumerate() {
        let decoded = decode(source(SCHEMA), &[good(0), bad.clone(), good(1), good(2)]);
        assert_eq!(offsets(&decoded), [0, 2, 3], "case {nth}");
        assert_eq!(decoded.reasons, [Reason::NotAvro], "case {nth}: {:?}", decoded.dead);
    }
    // All of them in a row, with good ones around.
    let mut messages = vec![good(0)];
    messages.extend(bad.iter().cloned());
    messages.push(good(1));
    let decoded = decode(source(SCHEMA), &messages);
    assert_eq!(offsets(&decoded), [0, bad.len() as i64 + 1]);
    assert_eq!(decoded.reasons, [Reason::NotAvro; 11]);
}

#[test]
fn what_is_no_framed_message_is_told_apart() {
    let good = reading(0, None, 0);
    let fault = |message: &[u8]| dead(source(SCHEMA), message.to_vec());
    assert_eq!(fault(b"").0, "empty");
    assert_eq!(fault(&[0, 0, 0]).0, "not_framed");
    assert_eq!(fault(&good[5..]).0, "not_framed");
    assert_eq!(
        fault(br#"{"timestamp":1}"#),
        ("not_framed", "begins as JSON does, not with a zero and a schema id".into())
    );
    assert_eq!(fault(&framed(8, &good[5..])), ("unknown_schema", "there is no schema 8".into()));
}

#[test]
fn schemas_of_one_batch_may_alternate() {
    let newer = SCHEMA.replace(
        r#"{"name":"operating_mode""#,
        r#"{"name":"power","type":"double"},{"name":"operating_mode""#,
    );
    let table = Table::default().avro(7, SCHEMA).avro(300, &newer);
    let body = reading(0, Some(1.0), 1);
    let newer = framed(300, &[&body[5..body.len() - 1], &2.5f64.to_le_bytes(), &long(1)].concat());
    let messages = [body.clone(), newer.clone(), body.clone(), newer];
    let decoded = decode(Encoding::Avro(Arc::new(table)), &messages);
    assert_eq!(offsets(&decoded), [0, 1, 2, 3], "{:?}", decoded.dead);
    assert_eq!(floats(&decoded, "power"), [None, Some(2.5), None, Some(2.5)]);
}

#[test]
fn a_schema_that_no_reading_can_have_is_a_reason_and_not_an_end() {
    for (schema, why) in [
        ("\"string\"", "it is not a record"),
        ("{", "it is no JSON"),
        (r#"{"type":"record","name":"R","fields":[{"name":"x","type":"int"}]}"#, "none of its fields"),
        (
            r#"{"type":"record","name":"R","fields":[{"name":"power","type":"Lost"}]}"#,
            "`Lost` is not defined",
        ),
    ] {
        let (reason, detail) = dead(source(schema), framed(7, &[2; 9]));
        assert_eq!(reason, "unusable_schema", "{schema}");
        assert!(detail.starts_with("schema 7: ") && detail.contains(why), "{schema}: {detail}");
    }
    let other = Encoding::Avro(Arc::new(Table::default().protobuf(7, "syntax = \"proto3\";")));
    assert_eq!(dead(other, framed(7, &[2; 9])).1, "schema 7: it is PROTOBUF, and the topic's format is AVRO");
    let no_time = r#"{"type":"record","name":"R","fields":[{"name":"machine_id","type":"string"}]}"#;
    assert_eq!(dead(source(no_time), framed(7, &text("a"))).0, "no_timestamp");
}

#[test]
fn a_machine_is_a_text_a_number_or_the_name_of_an_enum() {
    let id = |kind: &str, bytes: Vec<u8>| {
        let schema = format!(
            r#"{{"type":"record","name":"R","fields":[{{"name":"timestamp","type":"long"}},{{"name":"machine_id","type":{kind}}}]}}"#
        );
        let message = framed(7, &[long(T0 / 1_000), bytes].concat());
        let decoded = decode(source(&schema), std::slice::from_ref(&message));
        match decoded.dead {
            Some(_) => dead(source(&schema), message).0.to_string(),
            None => decoded.readings.column(1).as_string::<i32>().value(0).to_string(),
        }
    };
    assert_eq!(id("\"long\"", long(1 << 50)), "1125899906842624");
    assert_eq!(id("\"string\"", text("case-7")), "case-7");
    assert_eq!(id(r#"{"type":"enum","name":"E","symbols":["A","B"]}"#, long(1)), "B");
    assert_eq!(id(r#"["null","string","int"]"#, [long(2), long(4)].concat()), "4");
    let uuid = "c9f3a1de-0000-4000-8000-000000000001";
    assert_eq!(id(r#"{"type":"string","logicalType":"uuid"}"#, text(uuid)), uuid);
    assert_eq!(id(r#"{"type":"string","logicalType":"uuid"}"#, text("case-7")), "case-7");
    assert_eq!(id("\"double\"", 1.5f64.to_le_bytes().to_vec()), "wrong_type");
    assert_eq!(id("\"string\"", text("")), "no_machine_id");
    assert_eq!(id("\"string\"", text("x".repeat(257))), "no_machine_id");
}

#[test]
fn the_types_of_a_referenced_schema_are_found() {
    let main = r#"{"type":"record","name":"Reading","namespace":"plant","fields":[
        {"name":"timestamp","type":"long"},{"name":"machine_id","type":"string"},{"name":"operating_mode","type":"plant.shared.Mode"}]}"#;
    let mode = r#"{"type":"enum","name":"Mode","namespace":"plant.shared","symbols":["normal","defrost"]}"#;
    let schema = written(SchemaKind::Avro, main, &[("plant.shared.Mode", mode)]);
    let plan = Plan::new(7, &schema, &Layout::new(&Default::default())).unwrap();
    assert_eq!((plan.keys.len(), plan.unknown), (3, 0));
}

proptest! {
    /// No bytes whatever make decoding fail or end it, and every message is either a reading or a dead letter.
    #[test]
    fn every_message_ends_somewhere(
        bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..20), good in any::<u32>(),
    ) {
        let messages: Vec<Vec<u8>> = bodies.iter().enumerate().map(|(nth, body)| {
            if good >> (nth % 32) & 1 == 1 { reading(nth as i64, None, 1) } else { framed(7, body) }
        }).collect();
        let whole = (0..messages.len()).filter(|nth| good >> (nth % 32) & 1 == 1);
        let decoded = decode(source(SCHEMA), &messages);
        prop_assert_eq!(decoded.readings.num_rows() + decoded.reasons.len(), messages.len());
        let kept = offsets(&decoded);
        for nth in whole {
            prop_assert!(kept.contains(&(nth as i64)));
        }
    }

    /// One byte changed somewhere: the others are kept.
    #[test]
    fn a_changed_byte_touches_no_neighbour(at in 5usize..33, byte in any::<u8>()) {
        let mut changed = reading(1, Some(1.0), 1);
        let at = at.min(changed.len() - 1);
        changed[at] = byte;
        let decoded = decode(source(SCHEMA), &[reading(0, None, 0), changed, reading(2, Some(8.25), 1)]);
        let kept = offsets(&decoded);
        prop_assert!(kept.contains(&0) && kept.contains(&2), "{kept:?}");
        prop_assert_eq!(*floats(&decoded, "superheat").last().unwrap(), Some(8.25));
    }

    /// The same where columns have every type that Avro has, also those that no column can hold.
    #[test]
    fn no_type_ends_the_decoder(bodies in prop::collection::vec(bytes(), 1..8)) {
        let messages: Vec<Vec<u8>> = bodies.iter().map(|body| framed(7, body)).collect();
        let decoded = decode(source(EVERY_TYPE), &messages);
        prop_assert_eq!(decoded.readings.num_rows() + decoded.reasons.len(), messages.len());
        prop_assert!(!decoded.reasons.contains(&Reason::UnusableSchema), "{:?}", decoded.dead);
    }

    /// A schema that is damaged is a reason, or is used as it now is.
    #[test]
    fn no_schema_ends_the_decoder(
        every in any::<bool>(), at in 0usize..2_000, with in "[\\[\\]{}\",:a-z0-9]{0,3}", body in bytes(),
    ) {
        let mut schema = if every { EVERY_TYPE } else { SCHEMA }.to_string();
        let at = at % schema.len();
        schema.replace_range(at..at + 1, &with);
        let decoded = decode(source(&schema), &[framed(7, &body)]);
        prop_assert_eq!(decoded.readings.num_rows() + decoded.reasons.len(), 1);
    }
}

/// Bytes that often are small numbers, so that they get far.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop_oneof![4 => 0u8..8, 1 => any::<u8>()], 0..120)
}

const EVERY_TYPE: &str = r#"{"type":"record","name":"R","fields":[
    {"name":"timestamp","type":["null","string",{"type":"long","logicalType":"timestamp-nanos"},"double"]},
    {"name":"machine_id","type":["null","string","int"]},
    {"name":"operating_mode","type":{"type":"enum","name":"E","symbols":["A","B","C"]}},
    {"name":"temp_evaporator","type":{"type":"array","items":"double"}},
    {"name":"temp_condenser","type":{"type":"map","values":["null","int"]}},
    {"name":"pressure_high","type":{"type":"bytes","logicalType":"decimal","precision":20,"scale":2}},
    {"name":"pressure_low","type":{"type":"fixed","name":"F","size":2,"logicalType":"decimal","precision":4,"scale":2}},
    {"name":"superheat","type":["int","null"]},
    {"name":"subcooling","type":{"type":"record","name":"S","fields":[{"name":"a","type":{"type":"array","items":{"type":"array","items":"E"}}}]}},
    {"name":"compressor_current","type":["null",{"type":"array","items":"S"}]},
    {"name":"vibration","type":{"type":"int","logicalType":"time-millis"}},
    {"name":"efficiency","type":["boolean","float","F"]},
    {"name":"power","type":{"type":"bytes","logicalType":"decimal","precision":60,"scale":2}},
    {"name":"fan_speed","type":{"type":"fixed","name":"D","size":12,"logicalType":"duration"}},
    {"name":"valve_opening","type":"null"},
    {"name":"other","type":{"type":"map","values":{"type":"map","values":"E"}}},
    {"name":"another","type":["null",{"type":"array","items":["null","S","string"]}]}]}"#;
