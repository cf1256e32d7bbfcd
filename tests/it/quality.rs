//! The verdicts on sensors: machines, each with one thing wrong, and one with nothing.

use std::fmt::Write;
use std::path::Path;

use arrow::array::AsArray;
use datafusion::prelude::SessionContext;

use crate::parts::process::coldstream;

/// 2024-05-01T00:00:00Z, seconds.
const START: i64 = 1_714_521_600;
/// Every quarter of an hour has 90 readings.
const PERIOD: i64 = 10;

/// What is wrong with a machine, the sensor that it shows at, and the verdict.
const WRONG: [(&str, &str, &str); 10] = [
    ("fine", "pressure_low", "good"),
    ("offset", "temp_evaporator", "inconsistent"),
    ("stuck", "temp_discharge", "stuck"),
    ("held", "pressure_high", "stuck"),
    ("silent", "vibration", "missing"),
    ("empty", "superheat", "zero"),
    ("reversed", "power", "negative"),
    ("broken", "temp_suction", "out_of_range"),
    ("absent", "readings", "gap"),
    // What never cooled is not judged.
    ("standing", "pressure_low", ""),
];

/// A reading of a machine at rest or cooling at -10/40 °C with R134a, with what is wrong with it.
fn reading(machine: &str, t: i64) -> Option<String> {
    let noise = ((t * 7_919) % 1_009) as f64 / 1_009.0 - 0.5;
    let gone = machine == "absent" && (2_700..3_300).contains(&t);
    if gone {
        return None;
    }
    let is = |name: &str| machine == name;
    let mut values = vec![
        ("pressure_low", 2.006 + 0.01 * noise),
        ("pressure_high", if is("held") { 10.166 } else { 10.166 + 0.05 * noise }),
        ("temp_evaporator", -10.0 + 0.2 * noise + if is("offset") { 5.0 } else { 0.0 }),
        ("temp_condenser", 40.0 + 0.2 * noise),
        ("superheat", if is("empty") { 0.0 } else { 8.0 + noise }),
        ("subcooling", 4.0 + 0.2 * noise),
        ("compressor_current", if is("standing") { 0.0 } else { 7.4 + 0.1 * noise }),
        ("temp_discharge", if is("stuck") { 72.3 } else { 72.0 + noise }),
        ("temp_suction", if is("broken") { 327.67 } else { -2.0 + noise }),
        ("power", if is("reversed") { -3.2 } else { 3.2 } + 0.1 * noise),
    ];
    if !is("silent") {
        values.push(("vibration", 0.02 + 0.002 * noise));
    }
    let mut json = format!("{{\"timestamp\":{},\"machine_id\":\"{machine}\"", (START + t) * 1_000);
    for (name, value) in values {
        write!(json, ",\"{name}\":{value:.4}").unwrap();
    }
    Some(json + "}")
}

#[test]
fn what_is_wrong_with_a_sensor_is_said_of_that_sensor() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str| dir.path().join(name);
    let mut text = String::new();
    for t in (0..7_200).step_by(PERIOD as usize) {
        for (machine, _, _) in WRONG {
            if let Some(reading) = reading(machine, t) {
                writeln!(text, "{reading}").unwrap();
            }
        }
    }
    std::fs::write(file("readings.jsonl"), text).unwrap();
    std::fs::write(file("machines.toml"), "[defaults]\nrefrigerant = \"R134a\"\n").unwrap();
    std::fs::create_dir(file("no-models")).unwrap();
    let run = coldstream()
        .args(["backtest", "--only", "quality", "--alarms", "none", "--input"])
        .args([file("readings.jsonl").as_path(), Path::new("--machines"), &file("machines.toml")])
        .args([Path::new("--models"), &file("no-models"), Path::new("--out"), &file("out")])
        .args(["--queries", concat!(env!("CARGO_MANIFEST_DIR"), "/queries")])
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));

    let sensors = "pressure_low, pressure_high, temp_evaporator, temp_condenser, superheat, subcooling, \
        compressor_current, temp_discharge, temp_suction, power, vibration, readings";
    // The last whole quarter but one before the end, and that in which readings are missing.
    let sql = format!(
        "SELECT machine_id, {sensors} FROM quality
         WHERE window_start = TIMESTAMP '2024-05-01T00:45:00Z' ORDER BY machine_id"
    );
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let found = runtime.block_on(async {
        let context = SessionContext::new();
        let path = file("out").join("quality").display().to_string();
        context.register_parquet("quality", path, Default::default()).await.unwrap();
        let batches = context.sql(&sql).await.unwrap().collect().await.unwrap();
        arrow::compute::concat_batches(&batches[0].schema(), &batches).unwrap()
    });
    assert_eq!(found.num_rows(), WRONG.len());
    for row in 0..found.num_rows() {
        let machine = found.column(0).as_string_view().value(row);
        let (_, wrong, verdict) = WRONG.into_iter().find(|(name, _, _)| *name == machine).unwrap();
        for (sensor, column) in sensors.split(", ").zip(&found.columns()[1..]) {
            let column = column.as_string_view();
            let expected = match machine {
                "standing" if !["readings", "power"].contains(&sensor) => "",
                _ if sensor == wrong => verdict,
                _ => "good",
            };
            let said = column.iter().nth(row).flatten().unwrap_or_default();
            assert_eq!(said, expected, "{sensor} of the machine `{machine}`");
        }
    }
}
