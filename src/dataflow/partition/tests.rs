//! The partition against a naive model, row by row.

use std::collections::BTreeMap;

use arrow::array::{Array, Float64Array, Int32Array, Int64Array};
use arrow::datatypes::{Float64Type, Int64Type};
use proptest::prelude::*;

use super::*;
use crate::dataflow::Query;
use crate::dataflow::checkpoint::stored;
use crate::dataflow::sql::Extensions;
use crate::schema::{KAFKA_OFFSET, KAFKA_PARTITION, MACHINE_ID};

const SECOND: i64 = 1_000_000;

/// Event time in seconds, machine, value.
type Row = (i64, u8, Option<f64>);

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new(TIMESTAMP, timestamp_type(), false),
        Field::new(MACHINE_ID, DataType::Utf8, false),
        Field::new("x", DataType::Float64, true),
        Field::new(KAFKA_PARTITION, DataType::Int32, false),
        Field::new(KAFKA_OFFSET, DataType::Int64, false),
    ]))
}

fn batch(rows: &[Row], first_offset: usize) -> RecordBatch {
    let times = rows.iter().map(|r| r.0 * SECOND).collect::<Vec<_>>();
    let ids = rows.iter().map(|r| Some(format!("m{}", r.1))).collect::<StringArray>();
    let offsets = (0..rows.len()).map(|i| (first_offset + i) as i64).collect::<Vec<_>>();
    RecordBatch::try_new(
        schema(),
        vec![
            Arc::new(TimestampMicrosecondArray::from(times).with_timezone("UTC")),
            Arc::new(ids),
            Arc::new(rows.iter().map(|r| r.2).collect::<Float64Array>()),
            Arc::new(Int32Array::from_value(0, rows.len())),
            Arc::new(Int64Array::from(offsets)),
        ],
    )
    .unwrap()
}

fn graph_of(queries: &[(&str, &str)]) -> Result<Graph, DataflowError> {
    let queries = queries
        .iter()
        .map(|(name, sql)| Query { name: (*name).into(), file: format!("{name}.sql"), sql: (*sql).into() })
        .collect();
    Graph::plan(queries, &schema(), &Extensions::default(), "")
}

fn windowed(slide: i64, size: i64) -> String {
    format!(
        "SELECT machine_id, window_start, window_end, window_time, count(*) AS n, sum(x) AS s, min(x) AS lo, \
         max(x) AS hi, avg(x) AS mean, stddev(x) AS sd, regr_slope(x, date_part('epoch', timestamp)) AS slope \
         FROM readings GROUP BY machine_id, hop(timestamp, INTERVAL '{slide} seconds', INTERVAL '{size} seconds')"
    )
}

/// Runs rows cut into batches of the given lengths; `restore` puts the state away and takes it out after each.
fn run(
    graph: &Arc<Graph>,
    rows: &[Row],
    cuts: &[usize],
    delay: i64,
    restore: bool,
) -> (Vec<RecordBatch>, Vec<RecordBatch>) {
    let timing = Timing::new(delay * SECOND);
    let mut partition = Partition::new(graph, timing).unwrap();
    let mut pieces = Vec::new();
    let mut streams = vec![Vec::new(); graph.streams().len()];
    let mut late = Vec::new();
    let mut at = 0;
    let mut cuts = cuts.iter().cycle();
    let mut collect = |outputs: Outputs| {
        outputs.streams.into_iter().for_each(|(i, b)| streams[i].push(b));
        late.extend(outputs.late);
    };
    while at < rows.len() {
        let length = (*cuts.next().unwrap()).clamp(1, rows.len() - at);
        collect(partition.process(&batch(&rows[at..at + length], at)).unwrap());
        at += length;
        if restore {
            pieces = stored(&pieces, partition.checkpoint().unwrap()).unwrap();
            partition = Partition::restore(graph, timing, &pieces).unwrap();
        }
    }
    collect(partition.finish().unwrap());
    let streams = streams
        .into_iter()
        .zip(graph.streams())
        .map(|(batches, stream)| concat_batches(&stream.schema, &batches).unwrap())
        .collect();
    (streams, late)
}

/// Windows of a machine: (machine, end) → values, in the order of arrival.
type Windows = BTreeMap<(String, i64), Vec<(i64, Option<f64>)>>;

/// Flink's rules, one row at a time: a window takes a row until the watermark has reached its end.
fn naive(rows: &[Row], slide: i64, size: i64, delay: i64) -> (Windows, Vec<usize>) {
    let mut windows = Windows::new();
    let mut late = Vec::new();
    let mut watermark = i64::MIN;
    for (i, &(ts, machine, x)) in rows.iter().enumerate() {
        let first = ts - ts.rem_euclid(slide);
        let ends: Vec<i64> =
            (0..).map(|k| first - k * slide).take_while(|s| s + size > ts).map(|s| s + size).collect();
        let open: Vec<i64> = ends.iter().copied().filter(|&end| end > watermark).collect();
        if open.is_empty() && !ends.is_empty() {
            late.push(i);
        }
        for end in open {
            windows.entry((format!("m{machine}"), end)).or_default().push((ts, x));
        }
        watermark = watermark.max(ts - delay);
    }
    (windows, late)
}

fn check(batch: &RecordBatch, windows: &Windows) -> Result<(), TestCaseError> {
    prop_assert_eq!(batch.num_rows(), windows.len());
    let column = |name: &str| batch.column_by_name(name).unwrap();
    let ends = column("window_end").as_primitive::<arrow::datatypes::TimestampMicrosecondType>();
    for row in 0..batch.num_rows() {
        let machine = column("machine_id").as_string::<i32>().value(row).to_string();
        let end = ends.value(row) / SECOND;
        let rows = windows.get(&(machine.clone(), end));
        prop_assert!(rows.is_some(), "no window of {machine} ends at {end}");
        let rows = rows.unwrap();
        let values: Vec<f64> = rows.iter().filter_map(|r| r.1).collect();
        prop_assert_eq!(column("n").as_primitive::<Int64Type>().value(row), rows.len() as i64);
        let float = |name: &str| {
            let array = column(name).as_primitive::<Float64Type>();
            array.is_valid(row).then(|| array.value(row))
        };
        // The values are whole numbers, so sums are exact in any order.
        let sum: f64 = values.iter().sum();
        prop_assert_eq!(float("s"), (!values.is_empty()).then_some(sum));
        prop_assert_eq!(float("lo"), values.iter().copied().reduce(f64::min));
        prop_assert_eq!(float("hi"), values.iter().copied().reduce(f64::max));
        let n = values.len() as f64;
        prop_assert_eq!(float("mean"), (!values.is_empty()).then(|| sum / n));
        let variance = values.iter().map(|v| (v - sum / n).powi(2)).sum::<f64>() / (n - 1.0);
        match float("sd") {
            None => prop_assert!(values.len() < 2),
            Some(sd) => prop_assert!((sd - variance.sqrt()).abs() < 1e-9, "{sd} {variance}"),
        }
        let pairs: Vec<(f64, f64)> = rows.iter().filter_map(|r| r.1.map(|x| (r.0 as f64, x))).collect();
        let mean_t = pairs.iter().map(|p| p.0).sum::<f64>() / n;
        let spread = pairs.iter().map(|p| (p.0 - mean_t).powi(2)).sum::<f64>();
        let slope = pairs.iter().map(|p| (p.0 - mean_t) * (p.1 - sum / n)).sum::<f64>() / spread;
        match float("slope") {
            None => prop_assert!(spread == 0.0 || pairs.len() < 2),
            Some(found) => prop_assert!((found - slope).abs() < 1e-6, "{found} {slope}"),
        }
    }
    Ok(())
}

/// Rows that move on with jitter: late, duplicate, before 1970.
fn rows() -> impl Strategy<Value = Vec<Row>> {
    let step = (-40i64..30, 0u8..3, prop::option::weighted(0.9, (-20i32..20).prop_map(f64::from)));
    (prop::collection::vec(step, 1..120), -200i64..200).prop_map(|(steps, start)| {
        let mut now = start;
        steps
            .into_iter()
            .map(|(jump, machine, x)| {
                let ts = now + jump;
                now += 3;
                (ts, machine, x)
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn windows_and_late_rows_are_those_of_the_naive_model(
        rows in rows(), slide in 1i64..25, size in 1i64..60, delay in 0i64..20,
        cuts in prop::collection::vec(1usize..40, 1..6),
    ) {
        let graph = Arc::new(graph_of(&[("w", &windowed(slide, size))]).unwrap());
        let (windows, late) = naive(&rows, slide, size, delay);
        let (streams, found) = run(&graph, &rows, &cuts, delay, false);
        check(&streams[0], &windows)?;
        let offsets: Vec<usize> = found.iter().flat_map(|b| {
            b.column_by_name(KAFKA_OFFSET).unwrap().as_primitive::<Int64Type>().values().iter().map(|&o| o as usize).collect::<Vec<_>>()
        }).collect();
        prop_assert_eq!(offsets, late);
    }

    /// To the last bit, and in the same order.
    #[test]
    fn neither_batches_nor_checkpoints_change_a_bit(
        rows in rows(), slide in 1i64..25, size in 1i64..60, delay in 0i64..20,
        cuts in prop::collection::vec(1usize..40, 1..6),
    ) {
        let chained = "SELECT machine_id, window_end, window_time, avg(mean) AS m, max(n) AS n FROM w \
                       GROUP BY machine_id, tumble(window_time, INTERVAL '1 minute')";
        let graph = Arc::new(graph_of(&[("w", &windowed(slide, size)), ("v", chained)]).unwrap());
        let (whole, _) = run(&graph, &rows, &[rows.len()], delay, false);
        let (cut, _) = run(&graph, &rows, &cuts, delay, false);
        let (restored, _) = run(&graph, &rows, &cuts, delay, true);
        for i in 0..whole.len() {
            prop_assert_eq!(&whole[i], &cut[i]);
            prop_assert_eq!(&whole[i], &restored[i]);
        }
    }
}

#[test]
fn stateless_sql_filters_and_computes_each_reading() {
    let sql = "SELECT timestamp, machine_id, x * 2 AS y FROM readings WHERE x > 1";
    let graph = Arc::new(graph_of(&[("doubled", sql)]).unwrap());
    let rows = [(1, 1, Some(1.0)), (2, 1, Some(2.0)), (3, 2, None), (4, 2, Some(5.0))];
    let (streams, _) = run(&graph, &rows, &[2], 0, false);
    let y = streams[0].column_by_name("y").unwrap().as_primitive::<Float64Type>();
    assert_eq!(y.values().as_ref(), [4.0, 10.0]);
    assert_eq!(graph.streams()[0].event_time, TIMESTAMP);
}

#[test]
fn a_silent_partition_closes_its_windows_when_told_the_time() {
    let graph = Arc::new(graph_of(&[("w", &windowed(10, 10))]).unwrap());
    let mut partition = Partition::new(&graph, Timing::new(5 * SECOND)).unwrap();
    assert!(partition.process(&batch(&[(3, 1, Some(1.0))], 0)).unwrap().streams.is_empty());
    assert!(partition.advance(9 * SECOND).unwrap().streams.is_empty());
    let outputs = partition.advance(10 * SECOND).unwrap();
    assert_eq!(outputs.streams[0].1.num_rows(), 1);
    assert_eq!(partition.process(&batch(&[(4, 1, None)], 1)).unwrap().late.unwrap().num_rows(), 1);
}

fn refusal(sql: &str) -> String {
    let error = graph_of(&[("q", sql)]).unwrap_err();
    format!("{error} | {}", error.hint().unwrap_or_default())
}

#[test]
fn what_a_stream_cannot_do_is_refused_with_file_line_and_reason() {
    let group = "GROUP BY machine_id, tumble(timestamp, INTERVAL '1 minute')";
    for (sql, expected) in [
        (
            "SELECT machine_id, timestamp\nFROM readings\nORDER BY timestamp".to_string(),
            "q.sql:3: ORDER BY is not possible",
        ),
        ("SELECT machine_id, timestamp FROM readings LIMIT 3".into(), "q.sql:1: LIMIT"),
        (
            "SELECT machine_id,\n count(*) FROM readings\nGROUP BY machine_id".into(),
            "q.sql:3: an aggregate without a window",
        ),
        (
            "SELECT window_time, count(*) FROM readings GROUP BY tumble(timestamp, INTERVAL '1 minute')"
                .into(),
            "lacks `machine_id`",
        ),
        (
            "SELECT a.machine_id, a.timestamp FROM readings a JOIN readings b ON a.x = b.x".into(),
            "a join is not possible",
        ),
        (format!("SELECT machine_id, window_time,\n nope FROM readings {group}"), "q.sql:2: "),
        (
            format!("SELECT machine_id, window_time, count(*) FROM reading {group}"),
            "there is no stream `reading`",
        ),
        ("SELECT machine_id, timestamp,\n random() AS r FROM readings".into(), "another result each time"),
        ("SELECT machine_id, now() AS timestamp FROM readings".into(), "another result each time"),
        ("SELECT machine_id, x FROM readings".into(), "need their event time"),
        ("SELECT timestamp, x FROM readings".into(), "need `machine_id`"),
        (
            "SELECT machine_id, tumble(timestamp, INTERVAL '1 minute') AS timestamp FROM readings".into(),
            "only be used in GROUP BY",
        ),
        (
            format!("SELECT machine_id, count(*) FROM readings {}", group.replace("'1 minute'", "'1 month'")),
            "month has no fixed length",
        ),
        (
            format!(
                "SELECT machine_id, count(*) FROM readings {}",
                group.replace("INTERVAL '1 minute'", "60")
            ),
            "wants",
        ),
        ("SELECT machine_id,\n\n FROM FROM readings".into(), "q.sql:3: "),
        ("INSERT INTO readings VALUES (1)".into(), "a SELECT and nothing else"),
        ("SELECT 1 AS timestamp; SELECT 2".into(), "exactly one SELECT"),
    ] {
        let text = refusal(&sql);
        assert!(text.contains(expected), "{sql}\n→ {text}");
        assert!(!text.contains('\n'), "one line: {text}");
    }
}

#[test]
fn an_unknown_column_names_its_line_and_the_columns_there_are() {
    let text = refusal("SELECT machine_id, timestamp,\n       xx\nFROM readings");
    assert!(text.starts_with("q.sql:2: ") && text.contains("xx"), "{text}");
}

#[test]
fn queries_that_read_each_other_in_a_circle_are_refused() {
    let select = |from: &str| format!("SELECT machine_id, timestamp\nFROM {from}");
    let error =
        graph_of(&[("a", &select("b")), ("b", &select("c")), ("c", &select("a"))]).unwrap_err().to_string();
    assert!(error.contains(".sql:2: queries read each other in a circle: a → b → c → a"), "{error}");
}

#[test]
fn comments_and_layout_do_not_change_the_fingerprint_and_meaning_does() {
    let of = |sql: &str| graph_of(&[("w", sql)]).unwrap().fingerprint().to_string();
    let base = of("SELECT machine_id, timestamp FROM readings WHERE x > 1");
    assert_eq!(base, of("-- a comment\nselect machine_id,\n  timestamp from readings where x > 1"));
    assert_ne!(base, of("SELECT machine_id, timestamp FROM readings WHERE x > 2"));
}
