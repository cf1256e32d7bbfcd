use super::super::super::schemas::SchemaKind;
use super::super::super::testing::written;
use super::*;

fn resolved(text: &str) -> Result<Value, String> {
    let resolved = resolve(&written(SchemaKind::Avro, text, &[]))?;
    Ok(serde_json::from_str(&resolved.text).unwrap())
}

#[test]
fn a_schema_is_reduced_to_what_its_bytes_depend_on() {
    let text = r#"{"type":"record","name":"R","namespace":"a.b","doc":"d","aliases":["x"],"fields":[
        {"name":"m","doc":"d","order":"ignore","default":"A","type":{"type":"enum","name":"M","symbols":["A","B"],"default":"A"}},
        {"name":"n","type":["null","M"],"default":null},
        {"name":"s","type":{"type":"string","avro.java.string":"String"}},
        {"name":"u","type":{"type":"string","logicalType":"uuid"}},
        {"name":"d","type":{"type":"bytes","logicalType":"decimal","precision":4,"scale":9}}]}"#;
    let mode = |name: &str| json!({"type": "enum", "name": name, "symbols": ["A", "B"]});
    assert_eq!(
        resolved(text).unwrap(),
        json!({"type": "record", "name": "t3", "fields": [
            {"name": "m", "type": mode("t1")},
            {"name": "n", "type": ["null", mode("t2")]},
            {"name": "s", "type": {"type": "string"}},
            {"name": "u", "type": {"type": "string"}},
            {"name": "d", "type": {"type": "bytes"}},
        ]})
    );
}

#[test]
fn names_are_found_in_the_namespace_around_them() {
    let text = r#"{"type":"record","name":"a.Outer","fields":[
        {"name":"x","type":{"type":"record","name":"Inner","namespace":"b","fields":[{"name":"f","type":{"type":"fixed","name":"F","size":3}}]}},
        {"name":"y","type":"b.F"},{"name":"z","type":"b.Inner"}]}"#;
    let reduced = resolved(text).unwrap();
    assert_eq!(reduced["fields"][1]["type"]["size"], 3);
    assert_eq!(reduced["fields"][2]["type"]["fields"][0]["type"]["size"], 3);
    assert!(resolved(&text.replace("\"b.F\"", "\"F\"")).unwrap_err().contains("`a.F` is not defined"));
}

#[test]
fn what_would_never_end_is_refused() {
    let list = r#"{"type":"record","name":"L","fields":[{"name":"next","type":["null","L"]}]}"#;
    assert_eq!(resolved(list).unwrap_err(), "the record `L` contains itself");
    for items in [
        "\"null\"",
        r#"{"type":"record","name":"E","fields":[{"name":"n","type":"null"}]}"#,
        r#"{"type":"fixed","name":"Z","size":0}"#,
    ] {
        let text = format!(
            r#"{{"type":"record","name":"R","fields":[{{"name":"a","type":{{"type":"array","items":{items}}}}}]}}"#
        );
        assert_eq!(resolved(&text).unwrap_err(), "it has an array whose items take no bytes");
    }
    // Each type has the one before it twice: 2^40 types when all are written out.
    let mut text =
        r#"{"name":"f0","type":{"type":"record","name":"T0","fields":[{"name":"x","type":"int"}]}}"#
            .to_string();
    for n in 1..40 {
        let before = n - 1;
        text += &format!(
            r#",{{"name":"f{n}","type":{{"type":"record","name":"T{n}","fields":[{{"name":"a","type":"T{before}"}},{{"name":"b","type":"T{before}"}}]}}}}"#
        );
    }
    let text = format!(r#"{{"type":"record","name":"R","fields":[{text}]}}"#);
    assert_eq!(resolved(&text).unwrap_err(), "its types are too many or nest too deep");
    let deep = format!(
        r#"{{"type":"record","name":"R","fields":[{{"name":"a","type":{}"int"{}}}]}}"#,
        r#"{"type":"array","items":"#.repeat(100),
        "}".repeat(100)
    );
    assert_eq!(resolved(&deep).unwrap_err(), "its types are too many or nest too deep");
}
