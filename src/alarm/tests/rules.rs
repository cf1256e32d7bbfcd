use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, new_null_array};
use arrow::datatypes::{DataType, SchemaRef};

use super::support::{plan, readings, rule, shipped};
use crate::alarm::{AlarmPlan, Alarms, ColumnLimit, RuleFile, Severity};
use crate::dataflow::sql::Extensions;

fn refused(rules: &str) -> (String, Option<String>) {
    let error = match RuleFile::parse(rules, "test.toml") {
        Err(error) => error,
        Ok(rules) => AlarmPlan::compile(&rules, &readings(), &Extensions::default()).unwrap_err(),
    };
    (error.to_string(), error.hint())
}

/// One row with a value in every column.
fn filled(schema: &SchemaRef) -> RecordBatch {
    let columns = schema.fields().iter().map(|field| -> ArrayRef {
        match field.data_type() {
            DataType::Utf8 => Arc::new(StringArray::from(vec!["cooling"])),
            other => arrow::compute::cast(&Int64Array::from(vec![100]), other).unwrap(),
        }
    });
    RecordBatch::try_new(Arc::clone(schema), columns.collect()).unwrap()
}

#[test]
fn the_shipped_sets_fit_the_shipped_queries() {
    let streams = shipped();
    for (name, rules) in [("default", 11), ("classic", 10)] {
        let file = RuleFile::load(name).unwrap();
        let plan = AlarmPlan::compile(&file, &streams, &Extensions::default()).unwrap();
        assert_eq!(plan.rules().len(), rules, "{name}");
        // Compiling is not all: a condition must also run, on rows that know everything and on rows that know nothing.
        let mut alarms = Alarms::new(&Arc::new(plan));
        for stream in &streams {
            let schema = &stream.schema;
            alarms.look(&stream.name, &filled(schema)).unwrap();
            let columns = schema.fields().iter().map(|f| match f.is_nullable() {
                true => new_null_array(f.data_type(), 1),
                false => filled(schema).column_by_name(f.name()).unwrap().clone(),
            });
            alarms
                .look(&stream.name, &RecordBatch::try_new(schema.clone(), columns.collect()).unwrap())
                .unwrap();
        }
    }
    assert!(RuleFile::load("none").unwrap().rules.is_empty());
}

#[test]
fn what_is_wrong_is_said_with_file_line_and_rule() {
    let cases = [
        (
            rule("superheat < 3", "").replace("readings", "reading"),
            "test.toml:3: alarm `a`: there is no stream `reading`",
        ),
        (rule("superheet < 3", ""), "test.toml:4: alarm `a`: `superheet < 3`: No field named superheet."),
        (
            rule("superheat + 3", ""),
            "test.toml:4: alarm `a`: `superheat + 3` is no condition: it gives Float64",
        ),
        (
            rule("superheat < 3", "clear = \"avg(superheat) > 3\""),
            "test.toml:9: alarm `a`: `avg(superheat) > 3`: a rule looks at one row at a time: aggregate in a query, and let the rule watch it",
        ),
        (
            rule("timestamp < now()", ""),
            "test.toml:4: alarm `a`: `timestamp < now()`: now() gives another result each time",
        ),
        (rule("superheat <", ""), "test.toml:4: alarm `a`: `superheat <`: "),
        (rule("superheat < 3; DROP TABLE readings", ""), "test.toml:4: alarm `a`: "),
        (
            rule("superheat < 3", "").replace("{value}\"\nfr", "{valeu}\"\nfr"),
            "test.toml:7: alarm `a`: the text has `{valeu}`: there are only {value} and {percent}",
        ),
        (
            rule("superheat < 3", "").replace("value = \"superheat\"\n", ""),
            "test.toml:6: alarm `a`: the text has `{value}`, and the rule names no `value`",
        ),
        (
            rule("superheat < 3", "").replace("value = \"superheat\"", "value = \"operating_mode\""),
            "test.toml:6: alarm `a`: the value `operating_mode` is no number: it gives Utf8",
        ),
        (
            rule("superheat < 3", "").replace("\"medium\"", "\"bad\""),
            "test.toml:5: unknown variant `bad`, expected one of `low`, `medium`, `high`, `critical`",
        ),
        (rule("superheat < 3", "colour = \"red\""), "test.toml:9: unknown field `colour`"),
        (rule("superheat < 3", "for = \"10\""), "test.toml:9: "),
        (
            rule("superheat < 3", "[[alarm.escalate]]\nseverity = \"low\""),
            "test.toml:10: alarm `a`: it escalates from medium to low: each severity must be worse than the one before",
        ),
        (
            format!("{}{}", rule("superheat < 3", ""), rule("superheat > 9", "")),
            "test.toml:11: alarm `a`: there are two rules of this name",
        ),
        (
            rule("superheat < 3", "").replace("name = \"a\"", "name = \"A b\""),
            "test.toml:2: alarm `A b`: a name starts with a lower-case letter and holds only a-z, 0-9 and _",
        ),
    ];
    for (rules, expected) in cases {
        let (message, _) = refused(&rules);
        assert!(message.starts_with(expected), "{message}\nis not\n{expected}");
        assert!(!message.contains('\n'), "{message}");
    }
    let (_, hint) = refused(&rule("superheet < 3", ""));
    assert_eq!(hint.as_deref(), Some("did you mean 'readings.superheat'?"));
    let missing = RuleFile::load("/nowhere/rules.toml").unwrap_err();
    assert!(
        missing.to_string().starts_with("cannot read the alarm rules /nowhere/rules.toml: "),
        "{missing}"
    );
}

#[test]
fn limits_are_read_off_simple_conditions() {
    let limits = |when: &str| plan(&rule(when, "")).rules()[0].limits.clone();
    let limit =
        |min, max| vec![ColumnLimit { column: "superheat".into(), min, max, severity: Severity::Medium }];
    assert_eq!(limits("superheat < 3"), limit(Some(3.0), None));
    assert_eq!(limits("superheat > 15 AND operating_mode = 'cooling'"), limit(None, Some(15.0)));
    assert_eq!(limits("-5 >= superheat"), limit(Some(-5.0), None));
    assert_eq!(limits("superheat < 3 OR superheat > 15"), []);
    assert_eq!(limits("superheat > subcooling"), []);
    // Only of what the rule is about.
    assert_eq!(limits("superheat > 15 AND subcooling > 2"), limit(None, Some(15.0)));
}

#[test]
fn a_value_is_shown_as_its_sensor_gives_it() {
    let shown = |value| crate::alarm::text::fill("{value}", value, false);
    assert_eq!(shown(Some(-4.9)), "-4.9");
    assert_eq!(shown(Some(0.0521)), "0.052");
    assert_eq!(shown(Some(16.04)), "16");
    assert_eq!(shown(Some(-0.0001)), "0");
    assert_eq!(shown(None), "?");
    assert_eq!(crate::alarm::text::fill("{value} K, {percent} %", Some(0.256), true), "0,256 K, 26 %");
}
