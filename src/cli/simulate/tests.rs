use std::collections::BTreeSet;

use clap::Parser;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use rdkafka::mocking::MockCluster;
use tempfile::TempDir;

use super::*;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: SimulateArgs,
}

fn args(line: &[&str]) -> Result<SimulateArgs, clap::Error> {
    Cli::try_parse_from(std::iter::once(&"simulate").chain(line)).map(|cli| cli.args)
}

fn simulate(line: &[&str]) -> Result<(), SimulateError> {
    run(args(line).unwrap())
}

#[test]
fn files_hold_the_run_and_are_not_overwritten() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (jsonl, parquet, faults) = (path("a.jsonl"), path("a.parquet"), path("f.parquet"));
    let line = |out: &str| -> Vec<String> {
        ["--machines", "3", "--duration", "1m", "--faulty-share", "1", "--seed", "4", "--out", out]
            .map(str::to_owned)
            .to_vec()
    };
    let go = |out: &str, more: &[&str]| {
        let line = line(out);
        let line: Vec<&str> = line.iter().map(String::as_str).chain(more.iter().copied()).collect();
        simulate(&line)
    };
    go(&jsonl, &[]).unwrap();
    go(&parquet, &["--faults", &faults]).unwrap();
    let lines = std::fs::read_to_string(&jsonl).unwrap();
    assert_eq!(lines.lines().count(), 180);
    assert!(lines.starts_with("{\"timestamp\":\"2024-01-01T00:00:00Z\",\"machine_id\":1,"), "{lines:.80}");
    let rows = |path: &str| {
        let file = std::fs::File::open(path).unwrap();
        ParquetRecordBatchReaderBuilder::try_new(file).unwrap().metadata().file_metadata().num_rows()
    };
    assert_eq!((rows(&parquet), rows(&faults)), (180, 3));
    let names: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 3, "no partial file stays: {names:?}");

    let error = go(&jsonl, &[]).unwrap_err();
    assert!(error.to_string().contains("exists already") && error.hint().unwrap().contains("--force"));
    go(&jsonl, &["--force", "--start", "2024-05-01 00:00:00"]).unwrap();
    assert!(std::fs::read_to_string(&jsonl).unwrap().starts_with("{\"timestamp\":\"2024-05-01"));
    go(&jsonl, &["--force", "--faults", &path("f.jsonl")]).unwrap();
    assert_eq!(std::fs::read_to_string(path("f.jsonl")).unwrap().lines().count(), 3);
}

#[test]
fn what_is_known_of_the_fleet_is_written_beside_its_readings() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (out, faults, maintenance, machines) =
        (path("a.jsonl"), path("f.jsonl"), path("w.jsonl"), path("machines.toml"));
    let line = [
        "--machines",
        "6",
        "--duration",
        "6h",
        "--period",
        "1m",
        "--faulty-share",
        "1",
        "--refrigerants",
        "R134a,R449A",
        "--applications",
        "all",
        "--gauge-share",
        "0.5",
        "--out",
        &out,
        "--faults",
        &faults,
        "--maintenance",
        &maintenance,
        "--machines-out",
        &machines,
    ];
    simulate(&line).unwrap();
    let rows = |path: &str| -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let (faults, repairs) = (rows(&faults), rows(&maintenance));
    assert_eq!((faults.len(), repairs.len()), (6, 6));
    // Every repair is the end of the fault that it names.
    for repair in &repairs {
        let fault = faults.iter().find(|fault| fault["machine_id"] == repair["machine_id"]).unwrap();
        assert_eq!((&repair["timestamp"], &repair["fault"]), (&fault["repair"], &fault["fault"]));
        assert!(
            fault["onset"].as_str() < fault["failure"].as_str()
                && fault["failure"].as_str() < fault["repair"].as_str()
        );
    }
    let text = std::fs::read_to_string(&machines).unwrap();
    let toml: toml::Table = text.parse().unwrap();
    let entries = toml["machines"].as_array().unwrap();
    let of = |key: &str| entries.iter().map(|entry| entry[key].as_str().unwrap()).collect::<Vec<_>>();
    let ids: Vec<i64> = entries.iter().map(|entry| entry["id"].as_integer().unwrap()).collect();
    assert_eq!(ids, [1, 2, 3, 4, 5, 6]);
    // Two refrigerants for three uses, of which R134a has no part in the third.
    let pairs: BTreeSet<_> = of("refrigerant").into_iter().zip(of("application")).collect();
    assert!(pairs.len() >= 4 && !pairs.contains(&("R134a", "low")), "{pairs:?}");
    let gauges = of("pressure_reference").iter().filter(|reference| **reference == "gauge").count();
    assert!((2..=4).contains(&gauges), "{text}");
    assert!(simulate(&line).unwrap_err().to_string().contains("exists already"));
}

#[test]
fn dirt_reaches_the_file_and_the_truth_stays() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let run = |name: &str, more: &[&str]| {
        let (out, faults) = (path(&format!("{name}.jsonl")), path(&format!("{name}-faults.jsonl")));
        let line =
            ["--machines", "4", "--duration", "2h", "--period", "1m", "--out", &out, "--faults", &faults];
        simulate(&line.into_iter().chain(more.iter().copied()).collect::<Vec<_>>()).unwrap();
        [out, faults].map(|path| std::fs::read_to_string(path).unwrap())
    };
    let [clean, truth] = run("clean", &[]);
    let [dirty, same_truth] = run("dirty", &["--dirt", "duplicates=1,replay=1,psi=0.5"]);
    assert_eq!(clean.lines().count(), 480);
    assert!(dirty.lines().count() > 480 && truth == same_truth);
}

#[test]
fn a_topic_gets_every_reading() {
    let cluster: MockCluster<'_, _> = MockCluster::new(1).unwrap();
    cluster.create_topic("readings", 2, 1).unwrap();
    let out = format!("kafka://{}/readings", cluster.bootstrap_servers());
    simulate(&["--machines", "2", "--duration", "10s", "--out", &out]).unwrap();
}

#[test]
fn mistakes_are_told_in_a_line() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("a.txt");
    let error = simulate(&["--out", out.to_str().unwrap()]).unwrap_err();
    assert!(matches!(error, SimulateError::Target(_)) && error.hint().is_some(), "{error}");
    let out = folder.path().join("no/such/folder/a.jsonl");
    let error = simulate(&["--out", out.to_str().unwrap()]).unwrap_err();
    assert!(error.to_string().contains("no/such/folder"), "{error}");
    let out = folder.path().join("a.jsonl");
    let error = simulate(&["--out", out.to_str().unwrap(), "--machines", "0"]).unwrap_err();
    assert!(matches!(error, SimulateError::Fleet(FleetError::NoMachines)), "{error}");
    let refused = |option: &str, value: &str| {
        simulate(&["--out", out.to_str().unwrap(), option, value]).unwrap_err().to_string()
    };
    assert!(refused("--refrigerants", "R134a,R12").contains("no `R12`: there are all, R134a"));
    assert!(refused("--applications", "tropical").contains("high, medium, low"));
    assert_eq!(refused("--applications", "low"), "R134a suits none of the applications asked for");
    assert!(!out.exists());
    for (option, value, mention) in [
        ("--duration", "1x", "is not a duration"),
        ("--start", "yesterday", "write a time as"),
        ("--partitions", "0", "0 is not in"),
        ("--growth", "slow", "write run or real"),
        ("--dirt", "mud", "no dirt `mud`"),
    ] {
        let error = args(&["--out", "x.jsonl", option, value]).unwrap_err().to_string();
        assert!(error.contains(mention), "{error}");
    }
}

#[test]
fn realtime_keeps_the_pace_of_the_clock() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("a.jsonl");
    let begun = Instant::now();
    simulate(&[
        "--realtime",
        "--machines",
        "1",
        "--period",
        "50ms",
        "--duration",
        "200ms",
        "--out",
        out.to_str().unwrap(),
    ])
    .unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(150));
    assert_eq!(std::fs::read_to_string(out).unwrap().lines().count(), 4);
}
