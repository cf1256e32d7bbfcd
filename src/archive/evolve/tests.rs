use std::sync::Arc;

use arrow::datatypes::{DataType as Arrow, TimeUnit};

use super::*;
use crate::schema::{ReadingSchema, timestamp_type};

fn spec(fields: Vec<Field>) -> TableSpec {
    TableSpec {
        name: "features".to_owned(),
        schema: Arc::new(Schema::new(fields)),
        event_time: "timestamp".to_owned(),
    }
}

fn time() -> Field {
    Field::new("timestamp", timestamp_type(), false)
}

fn schema(fields: Vec<Field>) -> StructType {
    delta_schema(&spec(fields)).unwrap()
}

fn names(schema: &StructType) -> Vec<&str> {
    schema.fields().map(|f| f.name.as_str()).collect()
}

#[test]
fn a_reading_keeps_its_types_and_units() {
    let readings = ReadingSchema::default().arrow();
    let spec =
        TableSpec { name: "readings".into(), schema: readings.clone(), event_time: "timestamp".into() };
    let table = arrow_schema("readings", &delta_schema(&spec).unwrap()).unwrap();
    let (date, columns) = table.fields().split_last().unwrap();
    assert_eq!(date.as_ref(), &Field::new("date", Arrow::Date32, true));
    assert_eq!(columns, &readings.fields()[..]);
}

#[test]
fn rows_that_fit_change_nothing() {
    let stored = schema(vec![time(), Field::new("a", Arrow::Float64, true)]);
    let narrower = schema(vec![time(), Field::new("a", Arrow::Float64, false)]);
    assert_eq!(widen("t", &stored, &stored).unwrap(), None);
    assert_eq!(widen("t", &stored, &narrower).unwrap(), None);
}

#[test]
fn a_new_column_is_added_as_nullable_before_the_date() {
    let stored = schema(vec![time()]);
    let wanted = schema(vec![Field::new("n", Arrow::Int64, false), time()]);
    let widened = widen("t", &stored, &wanted).unwrap().unwrap();
    assert_eq!(names(&widened), ["timestamp", "n", "date"]);
    assert!(widened.field("n").unwrap().nullable);
    assert!(!widened.field("timestamp").unwrap().nullable);
}

#[test]
fn a_column_that_new_rows_lack_becomes_nullable() {
    let stored = schema(vec![time(), Field::new("n", Arrow::Int64, false)]);
    let widened = widen("t", &stored, &schema(vec![time()])).unwrap().unwrap();
    assert_eq!(names(&widened), ["timestamp", "n", "date"]);
    assert!(widened.field("n").unwrap().nullable);
}

#[test]
fn another_type_is_refused_by_name() {
    let stored = schema(vec![time(), Field::new("a", Arrow::Float64, true)]);
    let wanted = schema(vec![time(), Field::new("a", Arrow::Utf8, true)]);
    let error = widen("features", &stored, &wanted).unwrap_err();
    assert_eq!(
        error.to_string(),
        "table `features`: column `a` is double in the archive and string in the new rows"
    );
    assert!(error.hint().is_some());
}

#[test]
fn types_without_a_counterpart_are_refused_by_name() {
    let naive = Arrow::Timestamp(TimeUnit::Microsecond, None);
    for bad in [naive, Arrow::Duration(TimeUnit::Second), Arrow::Time64(TimeUnit::Microsecond)] {
        let error = delta_schema(&spec(vec![time(), Field::new("a", bad, true)])).unwrap_err();
        assert!(error.to_string().starts_with("table `features`: column `a` is "), "{error}");
    }
}

#[test]
fn a_date_column_or_a_missing_event_time_is_refused() {
    let date = spec(vec![time(), Field::new("Date", Arrow::Date32, true)]);
    assert!(delta_schema(&date).unwrap_err().to_string().contains("`Date` is reserved"));
    let no_time = spec(vec![Field::new("timestamp", Arrow::Int64, false)]);
    assert!(delta_schema(&no_time).unwrap_err().to_string().contains("event time `timestamp`"));
}

#[test]
fn only_plain_names_are_tables() {
    for good in ["readings", "late_readings", "Features2"] {
        assert!(check_name(good).is_ok(), "{good}");
    }
    for bad in ["", "_coldstream", "a/b", "..", "a b", "2x", "é"] {
        assert!(check_name(bad).is_err(), "{bad}");
    }
}
