//! Rolling functions against a naive model, against stock DataFusion, and against themselves.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::prelude::SessionContext;
use proptest::prelude::*;

use super::*;
use crate::dataflow::Timing;
use crate::dataflow::graph::Stage;
use crate::dataflow::operator::{Chunk, Operator};
use crate::dataflow::stage::Stateful;
use crate::dataflow::testing::{Row, SECOND, batch, graph_of, rows, run};

/// A frame of the naive model, in rows or seconds before the row.
#[derive(Debug, Clone, Copy)]
enum Sees {
    Rows(usize, usize),
    Range(i64, i64),
}

type Naive = fn(&[Option<f64>]) -> Option<f64>;

fn values(frame: &[Option<f64>]) -> Vec<f64> {
    frame.iter().flatten().copied().collect()
}

fn deviation(frame: &[Option<f64>]) -> Option<f64> {
    let values = values(frame);
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (values.len() > 1).then(|| (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt())
}

fn median(frame: &[Option<f64>]) -> Option<f64> {
    let mut values = values(frame);
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    match values.len() {
        0 => None,
        n if n % 2 == 1 => Some(values[half]),
        _ => Some((values[half - 1] + values[half]) / 2.0),
    }
}

/// Calls of SQL, and what they are.
const CALLS: &[(&str, Naive)] = &[
    ("avg(x)", |f| (!values(f).is_empty()).then(|| values(f).iter().sum::<f64>() / values(f).len() as f64)),
    ("sum(x)", |f| (!values(f).is_empty()).then(|| values(f).iter().sum())),
    ("min(x)", |f| values(f).into_iter().reduce(f64::min)),
    ("max(x)", |f| values(f).into_iter().reduce(f64::max)),
    ("count(*)", |f| Some(f.len() as f64)),
    ("count(x)", |f| Some(values(f).len() as f64)),
    ("stddev(x)", deviation),
    ("median(x)", median),
    ("count(DISTINCT x)", |f| {
        Some(values(f).iter().map(|v| v.to_bits()).collect::<HashSet<_>>().len() as f64)
    }),
    ("sum(x) FILTER (WHERE x > 0)", |f| values(f).into_iter().filter(|v| *v > 0.0).reduce(|a, b| a + b)),
    ("first_value(x)", |f| f.first().copied().flatten()),
    ("last_value(x)", |f| f.last().copied().flatten()),
    ("last_value(x) IGNORE NULLS", |f| values(f).last().copied()),
    ("nth_value(x, 2)", |f| f.get(1).copied().flatten()),
    ("nth_value(x, -2)", |f| f.len().checked_sub(2).and_then(|i| f[i])),
];

/// Every call with every frame, and some of `lag`. `rows` and `range` are what follows ORDER BY.
fn query(sees: &[Sees], rows_order: &str, from: &str) -> String {
    let mut columns = vec!["timestamp, machine_id, x, kafka_offset".to_string()];
    for (i, sees) in sees.iter().enumerate() {
        let (order, frame) = match sees {
            Sees::Rows(a, b) => (rows_order, format!("ROWS BETWEEN {a} PRECEDING AND {b} PRECEDING")),
            Sees::Range(a, 0) => {
                ("timestamp", format!("RANGE BETWEEN INTERVAL '{a} seconds' PRECEDING AND CURRENT ROW"))
            }
            Sees::Range(a, b) => (
                "timestamp",
                format!(
                    "RANGE BETWEEN INTERVAL '{a} seconds' PRECEDING AND INTERVAL '{b} seconds' PRECEDING"
                ),
            ),
        };
        let over = format!("OVER (PARTITION BY machine_id ORDER BY {order} {frame})");
        columns.extend(
            CALLS
                .iter()
                .enumerate()
                .map(|(j, (call, _))| format!("CAST({call} {over} AS DOUBLE) AS c{i}_{j}")),
        );
    }
    let over = format!("OVER (PARTITION BY machine_id ORDER BY {rows_order})");
    columns.push(format!("lag(x) {over} AS lag1, lag(x, 3, -1.5) {over} AS lag3, x - lag(x) {over} AS step"));
    format!("SELECT {} FROM {from}", columns.join(", "))
}

/// Which rows are late, by the rule, and the others in order: by event time, then as they came.
fn in_order(rows: &[Row], delay: i64) -> (Vec<usize>, Vec<usize>) {
    let mut watermark = i64::MIN;
    let (mut late, mut taken) = (Vec::new(), Vec::new());
    for (i, row) in rows.iter().enumerate() {
        if row.0 < watermark {
            late.push(i)
        } else {
            taken.push(i)
        }
        watermark = watermark.max(row.0 - delay);
    }
    taken.sort_by_key(|&i| (rows[i].0, i));
    (late, taken)
}

fn floats(batch: &RecordBatch, name: &str) -> Vec<Option<f64>> {
    batch.column_by_name(name).unwrap().as_primitive::<Float64Type>().iter().collect()
}

fn offsets(batch: &RecordBatch) -> Vec<usize> {
    let column = batch.column_by_name("kafka_offset").unwrap().as_primitive::<Int64Type>();
    column.values().iter().map(|&offset| offset as usize).collect()
}

fn close(found: Option<f64>, expected: Option<f64>) -> bool {
    match (found, expected) {
        (Some(a), Some(b)) => (a - b).abs() < 1e-9,
        (a, b) => a == b,
    }
}

fn check(found: &RecordBatch, rows: &[Row], taken: &[usize], sees: &[Sees]) -> Result<(), TestCaseError> {
    prop_assert_eq!(&offsets(found), taken);
    for (place, &i) in taken.iter().enumerate() {
        let of_machine: Vec<Row> = taken.iter().map(|&j| rows[j]).filter(|row| row.1 == rows[i].1).collect();
        let at = taken[..place].iter().filter(|&&j| rows[j].1 == rows[i].1).count();
        let before = |n: usize| at.checked_sub(n).map(|j| of_machine[j].2);
        for (k, sees) in sees.iter().enumerate() {
            let frame: Vec<Option<f64>> = match *sees {
                Sees::Rows(a, b) => (b..=a).rev().filter_map(before).collect(),
                Sees::Range(a, b) => {
                    let now = rows[i].0;
                    of_machine.iter().filter(|r| r.0 >= now - a && r.0 <= now - b).map(|r| r.2).collect()
                }
            };
            for (j, (call, naive)) in CALLS.iter().enumerate() {
                let result = floats(found, &format!("c{k}_{j}"))[place];
                prop_assert!(close(result, naive(&frame)), "{call} over {sees:?}: {result:?} of {frame:?}");
            }
        }
        let lag = before(1).flatten();
        prop_assert_eq!(floats(found, "lag1")[place], lag);
        prop_assert_eq!(floats(found, "lag3")[place], before(3).unwrap_or(Some(-1.5)));
        prop_assert_eq!(floats(found, "step")[place], rows[i].2.zip(lag).map(|(x, lag)| x - lag));
    }
    Ok(())
}

fn sees() -> impl Strategy<Value = Vec<Sees>> {
    let rows = (0usize..6).prop_flat_map(|a| (Just(a), 0..=a)).prop_map(|(a, b)| Sees::Rows(a, b));
    let range = (0i64..60).prop_flat_map(|a| (Just(a), 0..=a)).prop_map(|(a, b)| Sees::Range(a, b));
    (rows, range, (0i64..60).prop_map(|a| Sees::Range(a, 0))).prop_map(|(a, b, c)| vec![a, b, c])
}

/// The same SQL over the rows that are not late, in a session that knows nothing of Coldstream.
fn stock(rows: &[Row], taken: &[usize], sees: &[Sees]) -> RecordBatch {
    let mut picked: Vec<usize> = taken.to_vec();
    picked.sort_unstable();
    let parts: Vec<RecordBatch> = picked.iter().map(|&i| batch(&rows[i..=i], i)).collect();
    let whole = concat_batches(&parts[0].schema(), &parts).unwrap();
    let session = SessionContext::new();
    session.register_batch("readings", whole).unwrap();
    let sql =
        format!("{} ORDER BY timestamp, kafka_offset", query(sees, "timestamp, kafka_offset", "readings"));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let found = runtime.block_on(async { session.sql(&sql).await.unwrap().collect().await.unwrap() });
    concat_batches(&found[0].schema(), &found).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn results_and_late_rows_are_those_of_the_naive_model_and_of_plain_sql(
        rows in rows(), sees in sees(), delay in 0i64..20, cuts in prop::collection::vec(1usize..40, 1..6),
    ) {
        let graph = Arc::new(graph_of(&[("r", &query(&sees, "timestamp", "readings"))]).unwrap());
        let ran = run(&graph, &rows, &cuts, Timing::new(delay * SECOND), false);
        let (late, taken) = in_order(&rows, delay);
        check(&ran.streams[0], &rows, &taken, &sees)?;
        prop_assert_eq!(ran.late.as_ref().map(offsets).unwrap_or_default(), late);

        let plain = stock(&rows, &taken, &sees);
        prop_assert_eq!(offsets(&plain), taken);
        for field in plain.schema().fields().iter().filter(|f| *f.data_type() == DataType::Float64) {
            let (found, plain) = (floats(&ran.streams[0], field.name()), floats(&plain, field.name()));
            for (found, plain) in found.into_iter().zip(plain) {
                // Its deviation loses half of the digits on the way, or becomes the root of less than nothing: it takes
                // away what leaves the frame.
                let close = match (found, plain) {
                    (Some(found), Some(plain)) if field.name().ends_with("_6") => {
                        (found - plain).abs() < 1e-5 || (plain.is_nan() && found < 1e-5)
                    }
                    _ => close(found, plain),
                };
                prop_assert!(close, "{}: {found:?} {plain:?}", field.name());
            }
        }
    }

    /// To the last bit, and in the same order; also where rolled rows are windowed, windows rolled, and rolled rows
    /// rolled again.
    #[test]
    fn neither_batches_nor_checkpoints_change_a_bit(
        rows in rows(), a in 0usize..5, r in 0i64..60, delay in 0i64..20,
        cuts in prop::collection::vec(1usize..40, 1..6),
    ) {
        let over = "OVER (PARTITION BY machine_id ORDER BY timestamp";
        let rolled = format!(
            "SELECT timestamp, machine_id, avg(x / 3) {over} ROWS {a} PRECEDING) AS m, lag(x / 7) {over}) AS l, \
             sum(x / 3) {over} RANGE INTERVAL '{r} seconds' PRECEDING) AS s, stddev(x / 3) {over} ROWS 7 PRECEDING) AS d, \
             array_agg(machine_id) {over} RANGE INTERVAL '{r} seconds' PRECEDING) AS names FROM readings"
        );
        let windowed = "SELECT machine_id, window_time, sum(m) AS m, stddev(s) AS s, count(*) AS n FROM r \
                        GROUP BY machine_id, tumble(timestamp, INTERVAL '10 seconds')";
        let again = "SELECT machine_id, window_time, m - lag(m) OVER (PARTITION BY machine_id ORDER BY window_time) AS d, \
                     sum(n) OVER (PARTITION BY machine_id ORDER BY window_time ROWS 3 PRECEDING) AS n FROM w";
        let twice = "SELECT machine_id, timestamp, sum(l / 3) OVER (PARTITION BY machine_id ORDER BY timestamp \
                     ROWS 2 PRECEDING) AS s FROM r WHERE l IS NOT NULL";
        let graph = graph_of(&[("r", &rolled), ("w", windowed), ("x", again), ("y", twice)]).unwrap();
        let graph = Arc::new(graph);
        let timing = Timing::new(delay * SECOND);
        let whole = run(&graph, &rows, &[rows.len()], timing, false);
        prop_assert_eq!(&run(&graph, &rows, &[1], timing, false), &whole);
        prop_assert_eq!(&run(&graph, &rows, &cuts, timing, false), &whole);
        prop_assert_eq!(&run(&graph, &rows, &cuts, timing, true), &whole);
        // No row is lost on the way into the windows.
        let windows = &whole.streams[graph.streams().iter().position(|s| &*s.name == "w").unwrap()];
        let counted: i64 = windows.column_by_name("n").unwrap().as_primitive::<Int64Type>().values().iter().sum();
        let rolled = &whole.streams[graph.streams().iter().position(|s| &*s.name == "r").unwrap()];
        prop_assert_eq!(counted as usize, rolled.num_rows());
        prop_assert_eq!(rolled.num_rows(), in_order(&rows, delay).1.len());
    }
}

fn stream(sql: &str, rows: &[Row], delay: i64) -> RecordBatch {
    let graph = Arc::new(graph_of(&[("q", sql)]).unwrap());
    run(&graph, rows, &[1], Timing::new(delay * SECOND), false).streams.remove(0)
}

/// By hand: two windows a machine, and what changed from one to the next, in one SELECT.
#[test]
fn a_window_is_compared_with_the_one_before_in_the_same_select() {
    let sql = "SELECT machine_id, window_time, avg(x) AS mean,
                 avg(x) - lag(avg(x)) OVER (PARTITION BY machine_id ORDER BY window_time) AS step
               FROM readings GROUP BY machine_id, tumble(timestamp, INTERVAL '10 seconds')";
    let rows =
        [(0, 1, Some(2.0)), (1, 2, Some(7.0)), (5, 1, Some(4.0)), (12, 1, Some(10.0)), (25, 2, Some(1.0))];
    let found = stream(sql, &rows, 0);
    assert_eq!(floats(&found, "mean"), [Some(3.0), Some(7.0), Some(10.0), Some(1.0)]);
    assert_eq!(floats(&found, "step"), [None, None, Some(7.0), Some(-6.0)]);
}

/// Readings at −3, 0, 0 and 2 s: both of one instant see each other, and the first sees nothing of them.
#[test]
fn readings_of_one_instant_see_each_other_in_range_and_not_in_rows() {
    let sql = "SELECT timestamp, machine_id, \
               sum(x) OVER (PARTITION BY machine_id ORDER BY timestamp RANGE INTERVAL '2 seconds' PRECEDING) AS a, \
               sum(x) OVER (PARTITION BY machine_id ORDER BY timestamp ROWS 1 PRECEDING) AS b FROM readings";
    let rows = [(0, 1, Some(2.0)), (-3, 1, Some(1.0)), (0, 1, Some(4.0)), (2, 1, Some(8.0))];
    let found = stream(sql, &rows, 5);
    assert_eq!(floats(&found, "a"), [Some(1.0), Some(6.0), Some(6.0), Some(14.0)]);
    assert_eq!(floats(&found, "b"), [Some(1.0), Some(3.0), Some(6.0), Some(12.0)]);
}

#[test]
fn texts_are_rolled_too() {
    let sql = "SELECT timestamp, machine_id, lag(machine_id, 1, 'none') OVER w AS l, \
               first_value(CASE WHEN x > 1 THEN 'high' END) IGNORE NULLS OVER (PARTITION BY machine_id ORDER BY timestamp \
               ROWS 5 PRECEDING) AS f FROM readings WINDOW w AS (PARTITION BY machine_id ORDER BY timestamp)";
    let found = stream(sql, &[(0, 1, Some(1.0)), (1, 1, Some(2.0)), (2, 2, None)], 0);
    let text = |name: &str| -> Vec<Option<String>> {
        found.column_by_name(name).unwrap().as_string::<i32>().iter().map(|t| t.map(String::from)).collect()
    };
    assert_eq!(text("l"), [Some("none".into()), Some("m1".into()), Some("none".into())]);
    assert_eq!(text("f"), [None, Some("high".into()), None]);
}

#[test]
fn what_a_stream_cannot_roll_is_refused_with_line_and_reason() {
    let over = "OVER (PARTITION BY machine_id ORDER BY timestamp";
    for (call, reason) in [
        (format!("avg(x) {over})"), "reaches back to the first row"),
        (format!("first_value(x) {over})"), "reaches back to the first row"),
        (format!("avg(x) {over} ROWS UNBOUNDED PRECEDING)"), "reaches back to the first row"),
        (format!("avg(x) {over} ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING)"), "have not come yet"),
        (format!("avg(x) {over} ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)"), "have not come yet"),
        (format!("avg(x) {over} RANGE INTERVAL '1 month' PRECEDING)"), "no fixed length"),
        (format!("avg(x) {over} ROWS BETWEEN 1 PRECEDING AND 2 PRECEDING)"), "ends before it begins"),
        (format!("avg(x) {over} GROUPS 2 PRECEDING)"), "GROUPS"),
        (format!("lead(x) {over})"), "have not come yet"),
        (format!("lag(x, -1) {over})"), "have not come yet"),
        (format!("lag(x) IGNORE NULLS {over})"), "without end"),
        (format!("row_number() {over})"), "counts all rows"),
        (format!("rank() {over})"), "counts all rows"),
        (format!("ntile(4) {over})"), "counts all rows"),
        ("avg(x) OVER (ORDER BY timestamp ROWS 3 PRECEDING)".into(), "lacks PARTITION BY machine_id"),
        (
            "avg(x) OVER (PARTITION BY x ORDER BY timestamp ROWS 3 PRECEDING)".into(),
            "lacks PARTITION BY machine_id",
        ),
        (
            "avg(x) OVER (PARTITION BY machine_id ORDER BY x ROWS 3 PRECEDING)".into(),
            "goes along the event time",
        ),
        (
            "avg(x) OVER (PARTITION BY machine_id ORDER BY later ROWS 3 PRECEDING)".into(),
            "not the stream's event time",
        ),
        (
            "lag(x) OVER (PARTITION BY machine_id ORDER BY timestamp DESC)".into(),
            "begins with the newest row",
        ),
        ("avg(x) OVER (PARTITION BY machine_id)".into(), "goes along the event time"),
    ] {
        // Calls that are good stand before and behind, on lines of their own.
        let sql = format!(
            "SELECT timestamp, machine_id,\n lag(x) {over}) AS a,\n avg(x) {over} ROWS 3 PRECEDING) AS b,\n {call} AS c,\n \
             first_value(x) {over} ROWS 3 PRECEDING) AS d\nFROM (SELECT *, timestamp + INTERVAL '1 hour' AS later FROM readings)"
        );
        let error = graph_of(&[("q", &sql)]).unwrap_err();
        let text = format!("{error} | {}", error.hint().unwrap_or_default());
        assert!(text.starts_with("q.sql:4: ") && text.contains(reason), "{call}\n→ {text}");
        assert!(!text.contains('\n'), "one line: {text}");
    }
}

fn operator(sql: &str) -> (Arc<RollingPlan>, RollingOperator) {
    let graph = graph_of(&[("q", sql)]).unwrap();
    let plan = graph.streams()[0].stages.iter().find_map(|stage| match stage {
        Stage::Stateful(Stateful::Rolling(plan)) => Some(Arc::clone(plan)),
        _ => None,
    });
    let plan = plan.unwrap();
    (Arc::clone(&plan), RollingOperator::new(plan).unwrap())
}

/// Rows of `plan`'s input, of which it has fewer columns than there are readings.
fn input(plan: &RollingPlan, rows: &[Row]) -> RecordBatch {
    let whole = batch(rows, 0);
    let columns = plan.input.fields().iter().map(|f| Arc::clone(whole.column_by_name(f.name()).unwrap()));
    RecordBatch::try_new(Arc::clone(&plan.input), columns.collect()).unwrap()
}

fn rows_in(chunk: &RecordBatch) -> usize {
    chunk.columns().iter().map(|column| column.as_list::<i32>().values().len()).sum()
}

const LAST_ROWS: &str = "SELECT timestamp, machine_id, lag(x) OVER (PARTITION BY machine_id ORDER BY timestamp) AS l FROM readings";

const LAST_MINUTES: &str = "SELECT timestamp, machine_id, avg(x) OVER (PARTITION BY machine_id ORDER BY timestamp \
                            RANGE INTERVAL '300 seconds' PRECEDING) AS m FROM readings";

#[test]
fn a_checkpoint_writes_what_came_since_the_one_before() {
    let (plan, mut operator) = operator(LAST_MINUTES);
    let mut last = BTreeMap::new();
    for second in 0..900 {
        let rows: Vec<Row> = (0..100).map(|machine| (second, machine, Some(1.0))).collect();
        assert!(operator.push(&input(&plan, &rows)).unwrap().is_empty());
        operator.advance((second - 4) * SECOND).unwrap();
        if second % 100 == 99 {
            let state = operator.state(false).unwrap();
            let written: usize = state
                .chunks
                .values()
                .map(|chunk| match chunk {
                    Chunk::Unchanged => 0,
                    Chunk::Changed(batch) => rows_in(batch),
                })
                .sum();
            // 100 machines × 100 s are new, 5 s of them are written twice: first held, then given. Up to one stretch
            // of the past is written again for having lost more than half.
            assert!(written <= 100 * (100 + 5 + 50), "{written} rows at {second}");
            last = state.chunks;
        }
    }
    let rows: usize = operator
        .state(true)
        .unwrap()
        .chunks
        .into_values()
        .map(|chunk| match chunk {
            Chunk::Changed(batch) => rows_in(&batch),
            Chunk::Unchanged => panic!("all was asked for"),
        })
        .sum();
    assert_eq!(rows, 100 * (300 + 5), "what the last five minutes need");
    assert!(last.len() <= 5, "{} chunks", last.len());
}

#[test]
fn machines_that_went_silent_one_by_one_do_not_leave_a_chunk_each() {
    let (plan, mut operator) = operator(LAST_ROWS);
    let mut chunks = 0;
    for second in 0..200 {
        let rows: Vec<Row> = (second..200).map(|machine| (second, machine as u8, Some(1.0))).collect();
        operator.push(&input(&plan, &rows)).unwrap();
        operator.advance(second * SECOND).unwrap();
        chunks = operator.state(false).unwrap().chunks.len();
    }
    assert!(chunks <= 2, "{chunks} chunks for 200 rows");
}

#[test]
fn a_silent_machine_is_forgotten_by_range_and_its_last_row_kept_by_lag() {
    let memory = |sql: &str| {
        let (plan, mut operator) = operator(sql);
        let many: Vec<Row> = (0..20_000).map(|i| (i / 200, (i % 200) as u8, Some(1.0))).collect();
        operator.push(&input(&plan, &many)).unwrap();
        operator.advance(100 * SECOND).unwrap();
        let full = operator.memory();
        operator.push(&input(&plan, &[(10_000, 201, None)])).unwrap();
        operator.advance(10_000 * SECOND).unwrap();
        (full, operator.memory())
    };
    let (full, left) = memory(LAST_MINUTES);
    assert!(full > 20_000 * 16 && left < full / 4, "{full} → {left}");
    let (plan, mut operator) = operator(LAST_ROWS);
    operator.push(&input(&plan, &[(0, 1, Some(5.0)), (100_000, 2, None)])).unwrap();
    operator.advance(100_000 * SECOND).unwrap();
    operator.push(&input(&plan, &[(100_000, 1, None)])).unwrap();
    let rows = operator.advance(200_000 * SECOND).unwrap().rows.unwrap();
    assert_eq!(
        rows.column(rows.num_columns() - 1).as_primitive::<Float64Type>().iter().collect::<Vec<_>>(),
        [None, Some(5.0)]
    );
}

#[test]
fn a_reading_of_the_far_future_does_not_hold_on_to_all_that_came_with_it() {
    let (plan, mut operator) = operator(LAST_ROWS);
    let width = 40; // bytes of a row, generously
    for second in 0..200 {
        let mut rows: Vec<Row> = (0..1_000).map(|_| (second, 1, Some(1.0))).collect();
        rows.push((1_000_000 + second, 2, Some(2.0)));
        operator.push(&input(&plan, &rows)).unwrap();
        operator.advance(second * SECOND).unwrap();
    }
    assert!(operator.memory() < 25_000 * width, "{} bytes", operator.memory());
    let rows = operator.advance(i64::MAX).unwrap().rows.unwrap();
    assert_eq!(rows.num_rows(), 1_000 + 200, "those of the last second, and those of the future");
}

#[test]
fn ad_hoc_sql_over_a_table_gives_the_same_bits() {
    let rows: Vec<Row> = (0..500).map(|i| (i / 2, (i % 3) as u8, Some(f64::from(i as i32) / 7.0))).collect();
    let over = "OVER (PARTITION BY machine_id ORDER BY timestamp";
    let sql = format!(
        "SELECT timestamp, machine_id, avg(x) {over} RANGE INTERVAL '20 seconds' PRECEDING) AS m, \
         stddev(x) {over} ROWS 30 PRECEDING) AS d FROM readings"
    );
    let live = stream(&sql, &rows, 0);
    let session = crate::dataflow::sql::session(&crate::dataflow::sql::Extensions::default(), 3);
    session.register_batch("readings", batch(&rows, 0)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let found = runtime.block_on(async { session.sql(&sql).await.unwrap().collect().await.unwrap() });
    let found = concat_batches(&found[0].schema(), &found).unwrap();
    let sorted = |batch: &RecordBatch| -> Vec<(String, i64, Option<u64>, Option<u64>)> {
        let names = batch.column_by_name("machine_id").unwrap().as_string::<i32>().clone();
        let times = batch.column_by_name("timestamp").unwrap();
        let times = times.as_primitive::<arrow::datatypes::TimestampMicrosecondType>();
        let bits =
            |name: &str| floats(batch, name).into_iter().map(|x| x.map(f64::to_bits)).collect::<Vec<_>>();
        let (m, d) = (bits("m"), bits("d"));
        let mut all: Vec<_> =
            (0..batch.num_rows()).map(|i| (names.value(i).to_string(), times.value(i), m[i], d[i])).collect();
        all.sort();
        all
    };
    assert_eq!(sorted(&found), sorted(&live));
}
