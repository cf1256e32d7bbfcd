use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Float64Array, Int32Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use parquet::{arrow::ArrowWriter, file::properties::WriterProperties};

use super::*;

/// Statistics of rows written as row groups of `group` rows.
fn stats(columns: Vec<(&str, ArrayRef)>, group: usize) -> Value {
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, column)| (name, column, true)),
    )
    .unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(group)).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    serde_json::from_str(&file_stats(&batch.schema(), &writer.close().unwrap())).unwrap()
}

#[test]
fn bounds_cover_all_row_groups() {
    let stats = stats(
        vec![
            ("i", Arc::new(Int32Array::from(vec![Some(3), Some(-7), None, None, Some(5)]))),
            ("f", Arc::new(Float64Array::from(vec![1.5, 2.5, -0.5, 9.0, 0.0]))),
            ("s", Arc::new(StringArray::from(vec!["b", "c", "a", "b", "b"]))),
            ("d", Arc::new(Date32Array::from(vec![0, -1, 1, 0, 19_000]))),
        ],
        2,
    );
    assert_eq!(
        stats,
        json!({
            "numRecords": 5,
            "minValues": { "i": -7, "f": -0.5, "s": "a", "d": "1969-12-31" },
            "maxValues": { "i": 5, "f": 9.0, "s": "c", "d": "2022-01-08" },
            "nullCount": { "i": 2, "f": 0, "s": 0, "d": 0 },
        })
    );
}

#[test]
fn times_are_milliseconds_rounded_down_on_both_sides_of_1970() {
    let times = TimestampMicrosecondArray::from(vec![-1, 1_705_314_600_123_999]).with_timezone("UTC");
    let stats = stats(vec![("t", Arc::new(times))], 10);
    assert_eq!(stats["minValues"]["t"], "1969-12-31T23:59:59.999Z");
    assert_eq!(stats["maxValues"]["t"], "2024-01-15T10:30:00.123Z");
}

#[test]
fn long_text_has_short_bounds_around_it() {
    let long = "x".repeat(1000);
    let stats = stats(vec![("s", Arc::new(StringArray::from(vec![long.as_str()])))], 10);
    let (min, max) = (stats["minValues"]["s"].as_str().unwrap(), stats["maxValues"]["s"].as_str().unwrap());
    assert!(min <= long.as_str() && long.as_str() <= max);
    assert!(min.len() <= 64 && max.len() <= 64);
}

#[test]
fn what_json_cannot_say_has_no_bounds() {
    let stats = stats(
        vec![
            ("inf", Arc::new(Float64Array::from(vec![1.0, f64::INFINITY]))),
            ("far", Arc::new(TimestampMicrosecondArray::from(vec![0, i64::MAX]).with_timezone("UTC"))),
            ("none", Arc::new(Int32Array::from(vec![None, None]))),
            ("flag", Arc::new(BooleanArray::from(vec![Some(true), None]))),
        ],
        10,
    );
    assert_eq!(stats["minValues"], json!({}));
    assert_eq!(stats["maxValues"], json!({}));
    assert_eq!(stats["nullCount"], json!({ "inf": 0, "far": 0, "none": 2, "flag": 1 }));
}

#[test]
fn only_the_first_columns_have_statistics() {
    let names: Vec<String> = (0..40).map(|i| format!("c{i}")).collect();
    let columns =
        names.iter().map(|name| (name.as_str(), Arc::new(Int32Array::from(vec![1])) as ArrayRef)).collect();
    assert_eq!(stats(columns, 10)["minValues"].as_object().unwrap().len(), INDEXED_COLUMNS);
}
