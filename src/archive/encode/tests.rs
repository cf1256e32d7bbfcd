use arrow::array::{Float64Array, Int64Array, StringArray, StringViewArray, TimestampMicrosecondArray};
use arrow::datatypes::Field;
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;

use super::*;
use crate::schema::timestamp_type;

fn layout() -> Layout {
    let fields = vec![
        Field::new("timestamp", timestamp_type(), true),
        Field::new("name", DataType::Utf8, true),
        Field::new("value", DataType::Float64, true),
    ];
    Layout { table: "t".into(), schema: Arc::new(Schema::new(fields)), event_time: "timestamp".into() }
}

fn rows(times: Vec<Option<i64>>) -> RecordBatch {
    let names: StringArray = times.iter().map(|t| t.map(|t| t.to_string())).collect();
    let values = Float64Array::from_iter(times.iter().map(|t| t.map(|t| t as f64)));
    let times = TimestampMicrosecondArray::from(times).with_timezone("UTC");
    RecordBatch::try_new(layout().schema, vec![Arc::new(times), Arc::new(names), Arc::new(values)]).unwrap()
}

fn read(encoded: &Encoded) -> RecordBatch {
    let reader = ParquetRecordBatchReader::try_new(encoded.bytes.clone(), 10_000).unwrap();
    let batches: Vec<_> = reader.map(|batch| batch.unwrap()).collect();
    arrow::compute::concat_batches(batches[0].schema_ref(), &batches).unwrap()
}

fn dates(files: &[Encoded]) -> Vec<Option<&str>> {
    files.iter().map(|encoded| encoded.file.date.as_deref()).collect()
}

#[test]
fn each_day_gets_one_file_with_its_rows_in_their_order() {
    let (a, b) = (Some(5), Some(DAY + 1));
    let batches = [rows(vec![b, a, b, a]), rows(vec![]), rows(vec![a, a]), rows(vec![Some(-1), None])];
    let files = layout().encode(&batches).unwrap();
    assert_eq!(dates(&files), [None, Some("1969-12-31"), Some("1970-01-01"), Some("1970-01-02")]);
    for (file, expected) in files.iter().zip([vec![None], vec![Some(-1)], vec![a; 4], vec![b; 2]]) {
        assert_eq!(file.file.rows, expected.len() as u64);
        assert_eq!(file.file.size, file.bytes.len() as u64);
        assert_eq!(read(file).columns(), rows(expected).columns());
    }
    assert!(files[0].file.path.starts_with("date=__HIVE_DEFAULT_PARTITION__/"));
    assert!(files[1].file.path.starts_with("date=1969-12-31/"));
}

#[test]
fn years_without_an_agreed_text_have_no_date() {
    let day = |day: i64| Some(day * DAY);
    let (first, last) = (i64::from(*DAYS.start()), i64::from(*DAYS.end()));
    let batch = rows(vec![day(first), day(last), day(first - 1), day(last + 1), Some(i64::MAX)]);
    let files = layout().encode(&[batch]).unwrap();
    assert_eq!(dates(&files), [None, Some("0001-01-01"), Some("9999-12-31")]);
    assert_eq!(files[0].file.rows, 3);
}

#[test]
fn no_file_name_is_used_twice() {
    let batch = rows(vec![Some(0)]);
    let path = || layout().encode(std::slice::from_ref(&batch)).unwrap()[0].file.path.clone();
    assert_ne!(path(), path());
}

#[test]
fn columns_are_found_by_name_and_cast_to_the_types_of_the_table() {
    let plain = rows(vec![Some(7)]);
    let odd = RecordBatch::try_from_iter_with_nullable([
        ("value", Arc::new(Int64Array::from(vec![7])) as ArrayRef, true),
        ("name", Arc::new(StringViewArray::from(vec!["7"])), true),
        ("timestamp", plain.column(0).clone(), true),
    ])
    .unwrap();
    let files = layout().encode(&[odd]).unwrap();
    assert_eq!(read(&files[0]).columns(), plain.columns());
}

#[test]
fn rows_that_do_not_fit_are_refused_by_column() {
    let plain = rows(vec![Some(7)]);
    let without = plain.project(&[0, 1]).unwrap();
    let error = layout().encode(&[without]).unwrap_err();
    assert_eq!(error.to_string(), "table `t`: rows do not fit: column `value` is missing");

    let extra = RecordBatch::try_from_iter(
        plain
            .schema()
            .fields()
            .iter()
            .map(|f| f.name().as_str())
            .chain(["more"])
            .zip(plain.columns().iter().chain([plain.column(1)]).cloned()),
    )
    .unwrap();
    let error = layout().encode(&[extra]).unwrap_err();
    assert_eq!(error.to_string(), "table `t`: rows do not fit: no column `more` in the table");

    let text = RecordBatch::try_from_iter([
        ("timestamp", plain.column(0).clone()),
        ("name", plain.column(1).clone()),
        ("value", Arc::new(StringArray::from(vec!["warm"])) as ArrayRef),
    ])
    .unwrap();
    let error = layout().encode(&[text]).unwrap_err().to_string();
    assert!(error.starts_with("table `t`: rows do not fit: column `value`:"), "{error}");
}

#[test]
fn a_column_with_nan_has_no_bounds_anywhere() {
    let batch = rows(vec![Some(0), Some(1)]);
    let mut columns = batch.columns().to_vec();
    columns[2] = Arc::new(Float64Array::from(vec![1.0, f64::NAN]));
    let batch = RecordBatch::try_new(batch.schema(), columns).unwrap();
    let file = layout().encode(&[batch]).unwrap().remove(0);
    let stats: serde_json::Value = serde_json::from_str(&file.file.stats).unwrap();
    assert!(stats["maxValues"].get("value").is_none());
    assert!(stats["maxValues"].get("name").is_some());
    let builder = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file.bytes).unwrap();
    assert!(builder.metadata().row_group(0).column(2).statistics().is_none());
}
