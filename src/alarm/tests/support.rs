//! Rows and rules for tests.

use std::path::Path;
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::array::{
    ArrayRef, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray, new_null_array,
};

use crate::alarm::{AlarmPlan, RuleFile, StreamRows};
use crate::dataflow::sql::Extensions;
use crate::dataflow::{Graph, Query};
use crate::history::{model_extensions, model_versions};
use crate::model::Registry;
use crate::schema::{MACHINE_ID, ReadingSchema, TIMESTAMP};

/// `readings` alone.
pub fn readings() -> Vec<StreamRows> {
    let graph = Graph::plan(Vec::new(), &ReadingSchema::default().arrow(), &Extensions::default(), "");
    StreamRows::of(&graph.unwrap())
}

/// The streams of the shipped queries.
pub fn shipped() -> Vec<StreamRows> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let models = Arc::new(Registry::load_dir(&root.join("models")).unwrap());
    let queries = Query::load_dir(&root.join("queries")).unwrap();
    let extensions = model_extensions(&models);
    let source = ReadingSchema::default().arrow();
    StreamRows::of(&Graph::plan(queries, &source, &extensions, &model_versions(&models)).unwrap())
}

/// Rules over `readings`.
pub fn plan(rules: &str) -> Arc<AlarmPlan> {
    let rules = RuleFile::parse(rules, "test.toml").unwrap();
    Arc::new(AlarmPlan::compile(&rules, &readings(), &Extensions::default()).unwrap())
}

/// One rule `a` over `superheat`, with further lines.
pub fn rule(when: &str, more: &str) -> String {
    format!(
        "[[alarm]]\nname = \"a\"\nstream = \"readings\"\nwhen = \"{when}\"\nseverity = \"medium\"\n\
         value = \"superheat\"\nen = \"at {{value}}\"\nfr = \"à {{value}}\"\n{more}\n"
    )
}

/// A reading: machine, seconds, superheat, mode.
pub type Row<'a> = (&'a str, i64, Option<f64>, &'a str);

/// Readings with nothing but superheat and mode.
pub fn batch(rows: &[Row<'_>]) -> RecordBatch {
    let schema = ReadingSchema::default().arrow();
    let times = rows.iter().map(|row| row.1 * 1_000_000).collect::<Vec<_>>();
    let columns = schema.fields().iter().map(|field| -> ArrayRef {
        match field.name().as_str() {
            TIMESTAMP => Arc::new(TimestampMicrosecondArray::from(times.clone()).with_timezone("UTC")),
            MACHINE_ID => Arc::new(rows.iter().map(|row| Some(row.0)).collect::<StringArray>()),
            "superheat" => Arc::new(rows.iter().map(|row| row.2).collect::<Float64Array>()),
            "operating_mode" => Arc::new(rows.iter().map(|row| Some(row.3)).collect::<StringArray>()),
            "kafka_partition" => Arc::new(arrow::array::Int32Array::from(vec![0; rows.len()])),
            "kafka_offset" => Arc::new(arrow::array::Int64Array::from(vec![0; rows.len()])),
            _ => new_null_array(field.data_type(), rows.len()),
        }
    });
    RecordBatch::try_new(Arc::clone(&schema), columns.collect()).unwrap()
}

/// `machine seconds transition severity value`, row by row.
pub fn told(batch: &RecordBatch) -> Vec<String> {
    let text = |name: &str| batch.column_by_name(name).unwrap().as_string::<i32>().clone();
    let time = batch.column(0).as_primitive::<arrow::datatypes::TimestampMicrosecondType>();
    let value = batch.column_by_name("value").unwrap().as_primitive::<arrow::datatypes::Float64Type>();
    let (machine, transition, severity) = (text("machine_id"), text("transition"), text("severity"));
    (0..batch.num_rows())
        .map(|row| {
            let value = arrow::array::Array::is_valid(value, row).then(|| value.value(row));
            format!(
                "{} {} {} {} {}",
                machine.value(row),
                time.value(row) / 1_000_000,
                transition.value(row),
                severity.value(row),
                value.map_or_else(|| "-".into(), |v| v.to_string())
            )
        })
        .collect()
}
