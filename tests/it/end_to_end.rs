//! The main job on a real broker: readings to features and tables, killed on the way.

use std::time::Duration;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;

use crate::parts::process::Process;
use crate::parts::python;
use crate::parts::s3::S3;
use crate::parts::wait;
use crate::worker::{Store, Worker};

const LONG: Duration = Duration::from_secs(600);

/// The sensors with features, and the aggregates of each.
const SENSORS: [&str; 8] = [
    "temp_evaporator",
    "temp_condenser",
    "pressure_high",
    "pressure_low",
    "superheat",
    "subcooling",
    "compressor_current",
    "vibration",
];

/// A mode in which the compressor runs. The simulated machines report theirs.
const RUNS: &str = "(operating_mode IN ('normal', 'cooling', 'starting', 'pump_down', 'fan_delay'))";
/// A window from which something can be known.
const SETTLED: &str = "(bool_and(operating_mode IN ('normal', 'cooling'))
                        AND window_start >= max(runs_since) + INTERVAL '3 minutes')";

/// The features by plain SQL: every reading is repeated for each of the six windows that hold it. Windows end
/// at most at the watermark: the newest reading less five seconds. What a window gives is known where the machine cooled
/// all the time, and its compressor had run for three minutes when the window began. Time is counted from the first reading: the
/// stock slope over seconds since 1970 is good for six digits only.
fn features_oracle() -> String {
    let mut aggregates = String::new();
    for s in SENSORS {
        for (name, value) in [
            ("avg", format!("avg({s})")),
            ("min", format!("min({s})")),
            ("max", format!("max({s})")),
            ("stddev", format!("stddev({s})")),
            ("slope", format!("regr_slope({s}, date_part('epoch', timestamp) - 1704067200)")),
        ] {
            aggregates += &format!(", CASE WHEN {SETTLED} THEN {value} END AS {s}_{name}");
        }
    }
    let together = "avg(pressure_high) - avg(pressure_low) <= 1";
    let apart = format!("{SETTLED} AND ({together}) IS NOT TRUE");
    format!(
        "SELECT machine_id, window_start, count(*) AS samples {aggregates},
                CASE WHEN {SETTLED} THEN avg(efficiency) END AS compressor_efficiency,
                CASE WHEN {apart} AND avg(temp_condenser) > avg(temp_evaporator) THEN
                    (avg(temp_evaporator) + 273.15) / (avg(temp_condenser) - avg(temp_evaporator)) END AS cop_carnot,
                CASE WHEN {apart} THEN avg(pressure_high) / avg(pressure_low) END AS pressure_ratio,
                CASE WHEN {apart} THEN avg(temp_condenser) - avg(temp_evaporator) END AS temp_difference
         FROM (SELECT *, date_bin(INTERVAL '10 seconds', timestamp) - k.back AS window_start
               FROM (SELECT *, coalesce(max(CASE WHEN NOT {RUNS} THEN timestamp END)
                                            OVER (PARTITION BY machine_id ORDER BY timestamp),
                                        min(timestamp) OVER (PARTITION BY machine_id)) AS runs_since
                     FROM readings)
               CROSS JOIN (VALUES
                   (INTERVAL '0 seconds'), (INTERVAL '10 seconds'), (INTERVAL '20 seconds'),
                   (INTERVAL '30 seconds'), (INTERVAL '40 seconds'), (INTERVAL '50 seconds')) AS k(back))
         WHERE window_start + INTERVAL '60 seconds'
               <= (SELECT max(timestamp) FROM readings) - INTERVAL '5 seconds'
         GROUP BY machine_id, window_start"
    )
}

/// How many rows of `features` differ from the oracle's in any column, or are on one side only.
pub fn differing_features(worker: &Worker) -> (i64, i64) {
    let mut names: Vec<String> =
        ["samples", "compressor_efficiency", "cop_carnot", "pressure_ratio", "temp_difference"]
            .map(String::from)
            .into();
    for s in SENSORS {
        names.extend(["avg", "min", "max", "stddev", "slope"].map(|a| format!("{s}_{a}")));
    }
    // Both sides add in another order, so the last digits of a float differ. NULL equals NULL only.
    let differs = |name: &String| {
        format!(
            "(f.{name} IS NULL) <> (o.{name} IS NULL) OR abs(f.{name} - o.{name}) > 1e-9 * (1 + abs(o.{name}))"
        )
    };
    let any = names.iter().map(differs).collect::<Vec<_>>().join(" OR ");
    let sql = format!(
        "SELECT count(*) FILTER (WHERE f.machine_id IS NULL OR o.machine_id IS NULL OR {any})
         FROM features f FULL JOIN ({}) o ON f.machine_id = o.machine_id AND f.window_start = o.window_start",
        features_oracle()
    );
    (worker.number(&sql), worker.number("SELECT count(*) FROM features"))
}

/// Waits for so many committed rows, kills the process and starts another.
pub fn kill_and_restart(worker: &Worker, process: &mut Process, table: &str, rows: u64) {
    worker.wait_for_rows(process, table, rows, LONG);
    process.kill();
    *process = worker.start();
}

fn counts_by_other_readers(worker: &Worker, env: &[(&str, &str)], tables: &[&str]) {
    let args: Vec<&str> = std::iter::once(worker.url.as_str()).chain(tables.iter().copied()).collect();
    let text = python::run("tables.py", &args, env.iter().copied());
    let found: serde_json::Value = serde_json::from_str(&text).unwrap();
    for table in tables {
        let ours = worker.number(&format!("SELECT count(*) FROM {table}"));
        for reader in ["deltalake", "duckdb"] {
            assert_eq!(found[table]["rows"][reader], ours, "{table} by {reader}: {text}");
        }
    }
}

/// A million readings of 200 machines over 8 partitions; the process is killed three times. Every reading is in
/// the archive once, and every feature is what plain SQL over the archived readings gives.
#[test]
fn a_million_readings_survive_three_kills_each_exactly_once() {
    let worker = Worker::new("million", 8, Store::Folder, "idle_timeout = \"1h\"");
    let url = worker.kafka_url();
    worker.output(&["simulate", "--machines", "200", "--duration", "5000s", "--period", "1s", "--out", &url]);
    let mut process = worker.start();
    for rows in [150_000, 450_000, 750_000] {
        kill_and_restart(&worker, &mut process, "readings", rows);
    }
    worker.wait_for_rows(&mut process, "readings", 1_000_000, LONG);
    // Tools that show the lag of the group see none.
    wait::until("the offsets of the group", Duration::from_secs(60), || match worker.group_offsets(8) {
        1_000_000 => Ok(()),
        found => Err(format!("{found}\n{}", process.tail())),
    });
    assert!(process.terminate().success(), "{}", process.tail());
    assert_eq!(worker.group_offsets(8), 1_000_000, "{}", process.tail());

    assert_eq!(worker.number("SELECT count(*) FROM readings"), 1_000_000);
    let distinct = "SELECT count(*) FROM (SELECT DISTINCT kafka_partition, kafka_offset FROM readings)";
    assert_eq!(worker.number(distinct), 1_000_000);
    assert_eq!(worker.number("SELECT count(DISTINCT kafka_partition) FROM readings"), 8);
    assert_eq!(worker.number("SELECT count(*) FROM dead_letters"), 0);
    assert_eq!(worker.number("SELECT count(*) FROM late_readings"), 0);

    let (differing, features) = differing_features(&worker);
    // 5,000 s: windows end every 10 s from 10 s to 4,990 s.
    assert_eq!((differing, features), (0, 200 * 499));
    for table in ["predictions", "predictions_forest"] {
        let unscored = format!(
            "SELECT count(*) FROM features f FULL JOIN {table} p
             ON f.machine_id = p.machine_id AND f.window_end = p.window_end
             WHERE f.machine_id IS NULL OR p.machine_id IS NULL"
        );
        assert_eq!(worker.number(&unscored), 0, "{table}");
        assert!(worker.number(&format!("SELECT count(probability) FROM {table}")) > features / 2, "{table}");
    }

    assert_backtest_equals(&worker, &[]);
    counts_by_other_readers(&worker, &[], &["readings", "features", "predictions", "dead_letters"]);
}

/// The same queries over the archive give the same rows, to the last bit. Gives the folder of the backtest.
pub fn assert_backtest_equals(worker: &Worker, args: &[&str]) -> std::path::PathBuf {
    let out = worker.dir.path().join("backtest");
    let out_arg = out.display().to_string();
    worker.output(&[&["backtest", "--input", &worker.url, "--out", &out_arg], args].concat());
    for table in ["features", "predictions", "predictions_forest"] {
        let both = format!(
            "WITH live AS (SELECT * EXCLUDE (date) FROM {table}),
                  past AS (SELECT * FROM again WHERE window_end <= (SELECT max(window_end) FROM live))
             SELECT count(*) FROM ((SELECT * FROM live EXCEPT ALL SELECT * FROM past) UNION ALL
                                   (SELECT * FROM past EXCEPT ALL SELECT * FROM live))"
        );
        let differing = worker.sql_with(&[("again", &out.join(table))], &both);
        assert_eq!(differing.column(0).as_primitive::<Int64Type>().value(0), 0, "{table}");
    }
    out
}

/// The same on an S3-compatible store, with one kill.
#[test]
fn an_archive_on_s3_is_complete_after_a_kill() {
    let s3 = S3::shared();
    let worker = Worker::new("onstore", 4, Store::S3(s3), "idle_timeout = \"1h\"");
    let url = worker.kafka_url();
    worker.output(&["simulate", "--machines", "40", "--duration", "2500s", "--period", "1s", "--out", &url]);
    let mut process = worker.start();
    kill_and_restart(&worker, &mut process, "readings", 20_000);
    worker.wait_for_rows(&mut process, "readings", 100_000, LONG);
    assert!(process.terminate().success(), "{}", process.tail());
    let distinct = "SELECT count(*) FROM (SELECT DISTINCT kafka_partition, kafka_offset FROM readings)";
    assert_eq!((worker.number("SELECT count(*) FROM readings"), worker.number(distinct)), (100_000, 100_000));
    assert_eq!(differing_features(&worker), (0, 40 * 249));
    counts_by_other_readers(&worker, &s3.env(), &["readings", "features"]);
}
