//! The recording of a display case: no mode, gauge pressures, a current transformer mounted the wrong way round, a defrost in the
//! air of the case every few hours. The test makes it, so it knows what the case did at every instant.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, Int64Type};
use datafusion::prelude::SessionContext;

use crate::parts::process::coldstream;

/// 2024-05-01T00:00:00Z, seconds.
const START: i64 = 1_714_521_600;
const DAY: i64 = 86_400;
/// Between two readings, seconds.
const PERIOD: i64 = 20;
/// From one defrost to the next: seven in a day, none of them cut off.
const CYCLE: i64 = DAY / 7;
const DEFROST: i64 = 20 * 60;

/// What the case does `t` seconds after midnight: cools, rests for its thermostat, or thaws, and for how long it has.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Doing {
    Cooling(i64),
    Resting(i64),
    Thawing(i64),
}

fn doing(t: i64) -> Doing {
    // A defrost ends each cycle; before it the thermostat stops the compressor for six minutes in every forty.
    let t = t % CYCLE;
    let thaw = CYCLE - DEFROST;
    if t >= thaw {
        return Doing::Thawing(t - thaw);
    }
    match t % 2_400 {
        t if t < 2_040 => Doing::Cooling(t),
        t => Doing::Resting(t - 2_040),
    }
}

/// A reading as JSON. Noise is a hash of the time.
fn reading(t: i64) -> String {
    let noise = |salt: i64| ((t * 7_919 + salt * 104_729) % 1_009) as f64 / 1_009.0 - 0.5;
    let (low, high, coil, discharge, suction, amperes, watts) = match doing(t) {
        Doing::Cooling(since) => {
            let settled = (since as f64 / 120.0).min(1.0);
            let coil = 4.0 - 12.0 * settled;
            (4.0 - 2.0 * settled, 5.0 + 5.0 * settled, coil, 25.0 + 35.0 * settled, 8.0, 8.0, -1_900.0)
        }
        // Too short to thaw anything: the coil stays below the air.
        Doing::Resting(since) => (3.8, 3.9, -8.0 + since as f64 / 36.0, 40.0, 12.0, 0.1, -10.0),
        Doing::Thawing(since) => {
            // Ice melts at 0 °C for seven minutes; then the coil follows the air.
            let warm = (since as f64 / 60.0 - 7.0).clamp(0.0, 11.0);
            (3.8 + 0.1 * warm, 3.9 + 0.1 * warm, warm, 30.0, 20.0, 0.1, -10.0)
        }
    };
    format!(
        "{{\"timestamp\":{},\"machine_id\":\"case\",\"pressure_low\":{:.3},\"pressure_high\":{:.3},\
         \"temp_evaporator\":{:.2},\"temp_discharge\":{:.1},\"temp_suction\":{:.1},\"temp_ambient\":23,\
         \"temp_room\":{:.1},\"compressor_current\":{:.2},\"power\":{:.4},\"subcooling\":{:.2}}}",
        (START + t) * 1_000,
        low + 0.2 * noise(1),
        high + 0.4 * noise(2),
        coil + 0.3 * noise(3),
        discharge + noise(4),
        suction + noise(5),
        12.0 + noise(6),
        amperes * (1.0 + 0.05 * noise(7)),
        watts / 1_000.0 * (1.0 + 0.05 * noise(8)),
        4.0 + noise(9),
    )
}

/// The rows of a query over the tables of a folder.
fn rows(folder: &Path, sql: &str) -> RecordBatch {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let context = SessionContext::new();
        for table in ["features", "quality"] {
            let path = folder.join(table).display().to_string();
            context.register_parquet(table, path, Default::default()).await.unwrap();
        }
        let batches = context.sql(sql).await.unwrap().collect().await.unwrap();
        arrow::compute::concat_batches(&batches[0].schema(), &batches).unwrap()
    })
}

/// Every column that says something about the cycle.
const INDICATORS: &str = "temp_evaporator_avg, pressure_high_avg, pressure_low_avg, compressor_current_avg, t_evap, t_cond, \
    suction_superheat, discharge_superheat, condenser_approach, evaporator_approach, cop_carnot, pressure_ratio, \
    temp_difference, isentropic_efficiency, cop_cycle, carnot_efficiency, subcooling_avg, temp_discharge_avg";

#[test]
fn a_display_case_is_understood_without_a_word_from_it() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("case.jsonl");
    let mut text = String::new();
    for t in (0..DAY).step_by(PERIOD as usize) {
        writeln!(text, "{}", reading(t)).unwrap();
    }
    std::fs::write(&input, text).unwrap();
    let machines = dir.path().join("machines.toml");
    let known = "[[machines]]\nid = \"case\"\nrefrigerant = \"R290\"\npressure_reference = \"gauge\"\n";
    std::fs::write(&machines, known).unwrap();
    let queries = Path::new(env!("CARGO_MANIFEST_DIR")).join("queries");
    let (out, empty) = (dir.path().join("out"), dir.path().join("no-models"));
    std::fs::create_dir(&empty).unwrap();
    let run = coldstream()
        .args(["backtest", "--only", "features", "--only", "quality", "--alarms", "none", "--input"])
        .args([
            &input,
            Path::new("--machines"),
            &machines,
            Path::new("--queries"),
            &queries,
            Path::new("--out"),
            &out,
        ])
        .args([Path::new("--models"), &empty])
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));

    let sql = format!(
        "SELECT CAST(date_part('epoch', window_start) AS BIGINT) AS start, operating_mode, invalid_reason, \
                {INDICATORS} FROM features ORDER BY window_start"
    );
    let rows_found = rows(&out, &sql);
    let starts = rows_found.column(0).as_primitive::<Int64Type>();
    let modes = rows_found.column(1).as_string_view();
    let mut defrosts = Vec::new();
    let mut figures: BTreeMap<&str, usize> = BTreeMap::new();
    let mut settled_windows = 0;
    for row in 0..rows_found.num_rows() {
        let start = starts.value(row) - START;
        let times = (start.max(0)..(start + 60).min(DAY)).filter(|t| t % PERIOD == 0);
        let done: Vec<Doing> = times.map(doing).collect();
        let mode = modes.value(row);
        if mode == "defrost" {
            // Known once the coil has thawed, until the compressor runs again.
            assert!(done.iter().any(|d| matches!(d, Doing::Thawing(_))), "a defrost at {start} s: {done:?}");
            if row == 0 || modes.value(row - 1) != "defrost" {
                defrosts.push(start / CYCLE);
            }
        }
        // A window from which something can be known: cooling all through, and for three minutes before it began.
        let settled = start >= 0
            && start + 60 <= DAY
            && (start - 180..start + 60).all(|t| t >= 0 && matches!(doing(t), Doing::Cooling(_)));
        // It is counted from the last reading in which the case stood: the start lies between that and the next.
        let may_be = done.iter().all(|d| matches!(d, Doing::Cooling(since) if *since >= 180 - PERIOD));
        for (name, column) in INDICATORS.split(", ").zip(&rows_found.columns()[3..]) {
            if column.is_valid(row) {
                assert!(may_be, "{name} is given at {start} s, where the case did {done:?} ({mode})");
                *figures.entry(name).or_default() += 1;
            }
        }
        settled_windows += usize::from(settled);
        assert_eq!(mode == "cooling", rows_found.column(3).is_valid(row), "{mode} at {start} s");
    }
    assert_eq!(defrosts, (0..7).collect::<Vec<_>>(), "seven defrosts, one in each cycle, each once");
    // What can be known is given: all of it but the minute around the edges.
    assert!(settled_windows > 5_000, "{settled_windows}");
    for name in INDICATORS.split(", ") {
        let given = figures.get(name).copied().unwrap_or_default();
        assert!(
            given >= settled_windows && given < settled_windows + settled_windows / 10,
            "{name}: {given}"
        );
    }

    // Gauge pressures were made absolute, and the numbers are those of propane: -14.05 °C at 3.013 bar, 30.83 °C at 11.013 bar
    // (CoolProp).
    let means = rows(
        &out,
        "SELECT avg(t_evap), avg(t_cond), avg(pressure_ratio), avg(suction_superheat) FROM features",
    );
    let mean = |column: usize| means.column(column).as_primitive::<Float64Type>().value(0);
    for (column, wanted, within) in [(0, PROPANE[0], 0.3), (1, PROPANE[1], 0.3), (2, 11.013 / 3.013, 0.03)] {
        assert!((mean(column) - wanted).abs() < within, "{column}: {} and not {wanted}", mean(column));
    }
    assert!((mean(3) - (8.0 - mean(0))).abs() < 0.2);

    // Sensors are judged where the case cooled; a defrost may fill a quarter of an hour.
    let quality = "SELECT DISTINCT power, compressor_current, temp_condenser, temp_discharge FROM quality \
                   WHERE compressor_current IS NOT NULL";
    let verdicts = rows(&out, quality);
    let verdict = |column: usize| verdicts.column(column).as_string_view().value(0).to_string();
    assert_eq!(verdicts.num_rows(), 1);
    assert_eq!([0, 1, 2, 3].map(verdict), ["negative", "good", "missing", "good"]);
}

/// Saturation temperatures of propane at 3.013 and 11.013 bar, °C, by CoolProp.
const PROPANE: [f64; 2] = [-14.05, 30.83];
