use std::sync::Arc;

use arrow::array::{
    BooleanArray, Date32Array, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray,
};
use proptest::prelude::*;
use tonic::Code;

use super::*;
use crate::serve::error::field_of;
use crate::serve::testing::Engine;

/// One row: machine, event time in microseconds, value.
type Row = (&'static str, i64, Option<f64>);

/// A table as the archive has them: event time, machine, a number, a whole number, a truth value, a word, the day.
fn table(time: &str, rows: &[Row]) -> RecordBatch {
    let times = TimestampMicrosecondArray::from_iter_values(rows.iter().map(|row| row.1));
    let days = rows.iter().map(|row| i32::try_from(row.1.div_euclid(DAY)).unwrap());
    RecordBatch::try_from_iter_with_nullable([
        (time, Arc::new(times.with_timezone("UTC")) as ArrayRef, false),
        ("machine_id", Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.0))), false),
        ("t", Arc::new(Float64Array::from_iter(rows.iter().map(|row| row.2))), true),
        ("whole", Arc::new(Int64Array::from_iter(rows.iter().map(|r| r.2.map(|v| v as i64)))), true),
        ("odd \"name\"", Arc::new(Float64Array::from_iter(rows.iter().map(|row| row.2))), true),
        ("on", Arc::new(BooleanArray::from_iter(rows.iter().map(|r| r.2.map(|v| v > 0.0)))), true),
        ("word", Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.0))), true),
        ("date", Arc::new(Date32Array::from_iter_values(days)), true),
    ])
    .unwrap()
}

fn timestamp(micros: i64) -> Option<prost_types::Timestamp> {
    Some(crate::serve::convert::timestamp(micros))
}

fn request(columns: &[&str]) -> proto::GetSeriesRequest {
    proto::GetSeriesRequest {
        machine_id: "m".into(),
        table: "rows".into(),
        columns: columns.iter().map(|column| (*column).to_owned()).collect(),
        ..Default::default()
    }
}

async fn ask(rows: &[Row], request: proto::GetSeriesRequest) -> Result<proto::GetSeriesResponse, Status> {
    series(Engine::with_table("rows", table(WINDOW_TIME, rows)).as_ref(), request).await
}

/// What the slices of `step` hold, by walking the rows: start, mean, minimum, maximum.
fn naive(rows: &[Row], step: i64, from: i64, to: i64) -> Vec<(i64, [f64; 3])> {
    let mut slices: std::collections::BTreeMap<i64, Vec<f64>> = Default::default();
    for &(machine, time, value) in rows {
        if machine == "m" && (from..to).contains(&time) {
            slices.entry(time.div_euclid(step) * step).or_default().extend(value);
        }
    }
    let of = |values: Vec<f64>| match values.len() {
        0 => [f64::NAN; 3],
        n => {
            let (min, max) = (f64::min, f64::max);
            [
                values.iter().sum::<f64>() / n as f64,
                values.iter().copied().reduce(min).unwrap(),
                values.iter().copied().reduce(max).unwrap(),
            ]
        }
    };
    slices.into_iter().map(|(start, values)| (start, of(values))).collect()
}

fn same(a: f64, b: f64) -> bool {
    (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-9 * (1.0 + a.abs())
}

fn check(answer: &proto::GetSeriesResponse, expected: &[(i64, [f64; 3])]) {
    let starts: Vec<i64> = expected.iter().map(|slice| slice.0).collect();
    assert_eq!(answer.times, starts);
    for series in &answer.series {
        for (values, at) in [(&series.mean, 0), (&series.min, 1), (&series.max, 2)] {
            assert_eq!(values.len(), expected.len());
            for (value, (_, wanted)) in values.iter().zip(expected) {
                assert!(same(*value, wanted[at]), "{series:?} {expected:?}");
            }
        }
    }
}

fn value() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![3 => (-50..50_i32).prop_map(|v| Some(f64::from(v) / 4.0)), 1 => Just(None)]
}

/// Rows over some minutes, around the epoch and around today's midnight.
fn rows() -> impl Strategy<Value = (i64, Vec<Row>)> {
    let start = prop_oneof![Just(-300 * SECOND), Just(20_000 * DAY - 300 * SECOND)];
    let row = (prop_oneof![3 => Just("m"), 1 => Just("n")], 0..600_000_i64, value());
    (start, prop::collection::vec(row, 1..120)).prop_map(|(start, rows)| {
        let at = |millis: i64| start + millis * 1_000;
        (start, rows.into_iter().map(|(machine, millis, value)| (machine, at(millis), value)).collect())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn slices_equal_a_walk_over_the_rows(
        (start, rows) in rows(), most in 1..40_u32, from in 0..600_i64, length in 1..600_i64,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let from = start + from * SECOND;
        let to = from + length * SECOND;
        let request = proto::GetSeriesRequest {
            from: timestamp(from), to: timestamp(to), max_points: most, ..request(&["t", "odd \"name\"", "t"])
        };
        let answer = runtime.block_on(ask(&rows, request)).unwrap();
        let names: Vec<_> = answer.series.iter().map(|series| series.column.as_str()).collect();
        prop_assert_eq!(names, ["t", "odd \"name\"", "t"]);
        let inside: Vec<Row> =
            rows.iter().filter(|r| r.0 == "m" && (from..to).contains(&r.1)).copied().collect();
        prop_assert!(answer.times.len() <= most as usize);
        if inside.len() <= most as usize {
            prop_assert_eq!(answer.step, 0);
            let mut times: Vec<i64> = inside.iter().map(|row| row.1).collect();
            times.sort_unstable();
            prop_assert_eq!(&answer.times, &times);
            prop_assert_eq!(&answer.series[0].mean.len(), &times.len());
        } else if most == 1 {
            let first = inside.iter().map(|row| row.1).min().unwrap();
            prop_assert_eq!(&answer.times, &[first]);
            let values = || inside.iter().filter_map(|row| row.2);
            let largest = values().reduce(f64::max).unwrap_or(f64::NAN);
            let mean = values().sum::<f64>() / values().count() as f64;
            prop_assert!(same(answer.series[0].max[0], largest) && same(answer.series[0].mean[0], mean));
        } else {
            prop_assert!(answer.step > 0);
            check(&answer, &naive(&inside, answer.step, from, to));
        }
    }
}

#[tokio::test]
async fn few_rows_are_points_of_their_own() {
    let rows = [("m", 3 * SECOND, None), ("m", SECOND, Some(1.5)), ("n", 2 * SECOND, Some(9.0))];
    let answer = ask(&rows, request(&["t", "whole", "on"])).await.unwrap();
    assert_eq!((answer.step, answer.times), (0, vec![SECOND, 3 * SECOND]));
    let [t, whole, on] = answer.series.as_slice() else { panic!("{:?}", answer.series) };
    for values in [&t.mean, &t.min, &t.max] {
        assert!(values[0] == 1.5 && values[1].is_nan(), "{t:?}");
    }
    assert_eq!((whole.mean[0], on.max[0]), (1.0, 1.0));
}

#[tokio::test]
async fn the_range_ends_with_the_newest_row_and_is_a_quarter_of_an_hour() {
    let minutes = |n: i64| 20_000 * DAY + n * 60 * SECOND;
    let rows: Vec<Row> = (0..60).map(|n| ("m", minutes(n), Some(n as f64))).collect();
    let answer = ask(&rows, request(&["t"])).await.unwrap();
    assert_eq!(answer.times, (45..60).map(minutes).collect::<Vec<_>>());
    // An end alone, a beginning alone.
    let until = proto::GetSeriesRequest { to: timestamp(minutes(30)), ..request(&["t"]) };
    assert_eq!(ask(&rows, until).await.unwrap().times, (15..30).map(minutes).collect::<Vec<_>>());
    let since = proto::GetSeriesRequest { from: timestamp(minutes(20)), ..request(&["t"]) };
    assert_eq!(ask(&rows, since).await.unwrap().times, (20..60).map(minutes).collect::<Vec<_>>());
    // A machine of today, whose older days need not be looked at.
    let now = Utc::now().timestamp_micros();
    let recent: Vec<Row> = rows.iter().copied().chain([("m", now, Some(7.0))]).collect();
    assert_eq!(ask(&recent, request(&["t"])).await.unwrap().times, [now]);
}

#[tokio::test]
async fn a_machine_without_rows_has_an_empty_series() {
    let rows = [("n", SECOND, Some(1.0))];
    let nobody = proto::GetSeriesRequest { machine_id: "it's nobody".into(), ..request(&["t", "on"]) };
    let answer = ask(&rows, nobody).await.unwrap();
    assert!(answer.times.is_empty() && answer.step == 0);
    assert_eq!(answer.series.len(), 2);
    assert!(answer.series.iter().all(|series| series.mean.is_empty()));
}

#[tokio::test]
async fn wrong_requests_name_their_field() {
    let rows = [("m", SECOND, Some(1.0))];
    let base = || request(&["t"]);
    let many: Vec<&str> = vec!["t"; 21];
    for (wrong, code, field) in [
        (proto::GetSeriesRequest { table: "x\" y".into(), ..base() }, Code::NotFound, "table"),
        (proto::GetSeriesRequest { table: String::new(), ..base() }, Code::NotFound, "table"),
        (
            proto::GetSeriesRequest { machine_id: String::new(), ..base() },
            Code::InvalidArgument,
            "machine_id",
        ),
        (request(&[]), Code::InvalidArgument, "columns"),
        (request(&many), Code::InvalidArgument, "columns"),
        (request(&["t", "nothing"]), Code::InvalidArgument, "columns"),
        (request(&["word"]), Code::InvalidArgument, "columns"),
        (request(&["window_time"]), Code::InvalidArgument, "columns"),
        (proto::GetSeriesRequest { max_points: 2_001, ..base() }, Code::InvalidArgument, "max_points"),
        (
            proto::GetSeriesRequest { from: timestamp(5), to: timestamp(5), ..base() },
            Code::InvalidArgument,
            "from",
        ),
        (
            proto::GetSeriesRequest {
                to: Some(prost_types::Timestamp { seconds: i64::MAX, nanos: 0 }),
                ..base()
            },
            Code::InvalidArgument,
            "to",
        ),
    ] {
        let refused = ask(&rows, wrong).await.unwrap_err();
        assert_eq!((refused.code(), field_of(&refused)), (code, Some(field)), "{refused}");
    }
    // A table whose rows belong to no machine.
    let big = proto::GetSeriesRequest { table: "big".into(), ..request(&["x"]) };
    let refused = series(Engine::with_rows(3).as_ref(), big).await.unwrap_err();
    assert_eq!((refused.code(), field_of(&refused)), (Code::InvalidArgument, Some("table")));
}

#[test]
fn slices_are_as_long_as_one_reads_off_a_clock() {
    let hour = 3_600 * SECOND;
    let start = 20_000 * DAY;
    for (length, most, step) in [
        (900 * SECOND, 300, 5 * SECOND),
        (900 * SECOND, 1_000, SECOND),
        (24 * hour, 300, 5 * 60 * SECOND),
        (7 * 24 * hour, 300, hour),
        (1_000, 100, 10),
        (400 * DAY, 300, 2 * DAY),
    ] {
        assert_eq!(slices(start, start + length - 1, most), (step, 0), "{length} µs");
    }
    // All of time, in as few slices as can be asked for.
    for most in 1..4 {
        let (first, last) = (-62_135_596_800 * SECOND, 253_402_300_799 * SECOND);
        let (step, origin) = slices(first, last, most);
        let slices = (last - origin).div_euclid(step) - (first - origin).div_euclid(step) + 1;
        assert!(slices <= most as i64, "{most}");
    }
}
