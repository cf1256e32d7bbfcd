use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, StringArray, TimestampMicrosecondArray};
use arrow::record_batch::RecordBatch;
use clap::{Args as _, Command, FromArgMatches};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::*;

const SECOND: i64 = 1_000_000;

fn parse(args: &[&str]) -> Result<TrainArgs, clap::Error> {
    let command = TrainArgs::augment_args(Command::new("train"));
    command.try_get_matches_from(args).and_then(|matches| TrainArgs::from_arg_matches(&matches))
}

fn times(seconds: Vec<Option<i64>>) -> ArrayRef {
    let micros = seconds.into_iter().map(|at| at.map(|at| at * SECOND)).collect::<Vec<_>>();
    Arc::new(TimestampMicrosecondArray::from(micros).with_timezone("UTC"))
}

/// The columns `failure.sql` reads, and two it does not.
const SENSORS: [&str; 12] = [
    "temp_evaporator_avg",
    "temp_condenser_avg",
    "temp_difference",
    "pressure_ratio",
    "superheat_avg",
    "subcooling_avg",
    "compressor_current_avg",
    "vibration_avg",
    "superheat_stddev",
    "pressure_low_stddev",
    "vibration_stddev",
    "samples",
];

/// 8 machines with 900 windows of 60 s every 10 s, the first ending at second 60. Machines 1 to 4 are sick:
/// 1 from second 1,000 to 4,790, 2 twice in that time, 3 and 4 from second 5,000 without end.
pub(crate) fn context() -> SessionContext {
    let (machines, windows) = (8, 900);
    let rows = machines * windows;
    let mut rng = Pcg64::seed_from_u64(5);
    let ends: Vec<i64> = (0..rows).map(|row| 60 + 10 * (row % windows) as i64).collect();
    let mut columns: Vec<(String, ArrayRef)> = vec![
        (
            "machine_id".into(),
            Arc::new(StringArray::from_iter_values((0..rows).map(|row| (row / windows + 1).to_string()))),
        ),
        ("window_start".into(), times(ends.iter().map(|end| Some(end - 60)).collect())),
        ("window_end".into(), times(ends.into_iter().map(Some).collect())),
    ];
    for sensor in SENSORS {
        let values: Vec<f64> = (0..rows).map(|_| rng.random()).collect();
        columns.push((sensor.into(), Arc::new(Float64Array::from(values))));
    }
    let faults: Vec<(&str, ArrayRef)> = vec![
        ("machine_id", Arc::new(StringArray::from(vec!["1", "2", "2", "3", "4"]))),
        ("fault", Arc::new(StringArray::from(vec!["leak", "leak", "fan", "fan", "fan"]))),
        ("onset", times([1_000, 1_000, 1_000, 5_000, 5_000].map(Some).to_vec())),
        ("failure", times(vec![Some(4_790), Some(1_490), Some(4_790), None, None])),
    ];
    let context = SessionContext::new();
    context.register_batch("features", RecordBatch::try_from_iter(columns).unwrap()).unwrap();
    context
        .register_batch(
            "faults",
            RecordBatch::try_from_iter_with_nullable(
                faults.into_iter().map(|(name, column)| (name, column, true)),
            )
            .unwrap(),
        )
        .unwrap();
    context
}

fn args(query: &Path, out: &Path) -> TrainArgs {
    let (query, out) = (query.to_str().unwrap(), out.to_str().unwrap());
    parse(&["train", "--query", query, "--label", "failure", "--input", "some/where/sim/", "--out", out])
        .unwrap()
}

#[tokio::test]
async fn the_shipped_query_labels_windows_and_trains() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("failure.json");
    let query = Path::new(env!("CARGO_MANIFEST_DIR")).join("queries/training/failure.sql");
    train(&context(), &args(&query, &out)).await.unwrap();
    let model = ModelFile::load(&out).unwrap();

    let card = model.card();
    assert_eq!((model.name(), card.data.as_str(), card.machines), ("failure", "sim", 8));
    // One window in five minutes. Machines 1 and 2: those that end at 1200, 1500, …, 4500; each once, though
    // machine 2 has two faults. Machines 3 and 4: those that end at 5100, 5400, …, 9000.
    assert_eq!(card.positives, 2 * 12 + 2 * 14);
    // The repair at 4790 is inside the window that ends at 4800.
    assert_eq!(card.rows_without_label, 2);
    assert_eq!(card.rows, 8 * 30 - 2);
    let features: Vec<&str> = model.features().iter().map(|feature| feature.name.as_str()).collect();
    let wanted: Vec<&str> =
        SENSORS.into_iter().filter(|name| !["temp_difference", "samples"].contains(name)).collect();
    assert_eq!(features, wanted);

    let text = summary(&model, &out);
    assert!(text.contains(model.version()) && text.contains("held out"), "{text}");
    assert!(text.contains("left out: 2 rows without label"), "{text}");
}

#[tokio::test]
async fn a_forest_is_trained_with_the_options_given() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("failure_forest.json");
    let query = Path::new(env!("CARGO_MANIFEST_DIR")).join("queries/training/failure.sql");
    let mut args = args(&query, &out);
    args.algorithm = AlgorithmKind::Forest;
    (args.trees, args.depth, args.min_leaf, args.seed) = (11, 4, 5, 9);
    train(&context(), &args).await.unwrap();
    let model = ModelFile::load(&out).unwrap();
    assert_eq!((model.name(), model.algorithm().name()), ("failure_forest", "forest"));
    assert_eq!(model.card().settings, Settings::Forest { trees: 11, depth: 4, min_leaf: 5, seed: 9 });
}

#[tokio::test]
async fn a_baseline_is_trained_on_the_time_of_its_rows() {
    let folder = tempfile::tempdir().unwrap();
    let (query, out) = (folder.path().join("current.sql"), folder.path().join("expected_current.json"));
    let sql =
        "SELECT machine_id, window_end, compressor_current_avg, superheat_avg, vibration_avg FROM features";
    std::fs::write(&query, sql).unwrap();
    let mut args = args(&query, &out);
    args.algorithm = AlgorithmKind::Baseline;
    (args.label, args.name) = ("compressor_current_avg".into(), Some("current".into()));
    train(&context(), &args).await.unwrap();
    let file = BaselineFile::parse(&std::fs::read_to_string(&out).unwrap(), &out).unwrap();
    let conditions: Vec<&str> = file.parameters().conditions.iter().map(|c| c.name.as_str()).collect();
    assert_eq!((file.name(), conditions), ("current", vec!["superheat_avg", "vibration_avg"]));
    assert_eq!((file.parameters().machines.len(), file.card().rows), (8, 8 * 900));
    let text = summary_of_baseline(&file, &out);
    assert!(text.contains("8 machines, 7200 rows") && text.contains(file.version()), "{text}");
}

#[tokio::test]
async fn errors_are_one_line_that_names_the_query() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("failure.json");
    let error = train(&context(), &args(Path::new("no/such.sql"), &out)).await.unwrap_err();
    assert!(error.to_string().starts_with("training query no/such.sql: "), "{error}");
    assert!(error.hint().is_some());

    let query = folder.path().join("q.sql");
    for (sql, wanted) in [
        ("SELECT nonsense FROM features", "nonsense"),
        ("DROP TABLE features", "DDL not supported"),
        ("SELECT", "SQL error"),
    ] {
        std::fs::write(&query, sql).unwrap();
        let error = train(&context(), &args(&query, &out)).await.unwrap_err().to_string();
        assert!(error.contains("q.sql") && error.contains(wanted), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
    assert!(!out.exists());
}

#[test]
fn one_source_of_data_is_needed_and_no_more() {
    let base = ["train", "--query", "q.sql", "--label", "failure", "--out", "models/m.json"];
    assert!(parse(&base).is_err());
    assert!(parse(&[&base[..], &["--input", "a", "--archive", "file:///b"]].concat()).is_err());
    let args = parse(&[&base[..], &["--archive", "s3://bucket/plants"]].concat()).unwrap();
    assert_eq!(source(&args), "plants");
    assert_eq!(args.alpha, 1.0);
    assert_eq!(stem(&args.out), "m");
}
