//! The partition against naive models, row by row.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::Array;
use arrow::datatypes::{Float64Type, Int32Type, Int64Type};
use proptest::prelude::*;

use super::*;
use crate::dataflow::testing::{Ran, Row, SECOND, batch, graph_of, rows, run};
use crate::schema::KAFKA_OFFSET;

const VALUES: &str = "count(*) AS n, sum(x) AS s, min(x) AS lo, max(x) AS hi, avg(x) AS mean, stddev(x) AS sd, \
                      regr_slope(x, date_part('epoch', timestamp)) AS slope";

fn windowed(slide: i64, size: i64) -> String {
    format!(
        "SELECT machine_id, window_start, window_end, window_time, revision, {VALUES} FROM readings \
         GROUP BY machine_id, hop(timestamp, INTERVAL '{slide} seconds', INTERVAL '{size} seconds')"
    )
}

fn sessions(gap: i64) -> String {
    format!(
        "SELECT machine_id, window_start, window_end, window_time, revision, {VALUES} FROM readings \
         GROUP BY machine_id, session(timestamp, INTERVAL '{gap} seconds')"
    )
}

/// Windows by machine, end and revision: the rows in them, in the order of arrival.
type Windows = BTreeMap<(String, i64, i32), Vec<(i64, Option<f64>)>>;

/// The rows of a window: time and value.
type Values = Vec<(i64, Option<f64>)>;

/// What should come out.
#[derive(Debug, Default)]
struct Expected {
    windows: Windows,
    revised: Windows,
    late: Vec<usize>,
}

fn name(row: &Row) -> String {
    format!("m{}", row.1)
}

/// Flink's rules, one row at a time: a window takes a row until the watermark has reached its end, and for `lateness`
/// after that; windows to be given again are so when the next end of any window is reached.
fn naive(rows: &[Row], slide: i64, size: i64, delay: i64, lateness: i64) -> Expected {
    let mut expected = Expected::default();
    let mut held: BTreeMap<(String, i64), Values> = BTreeMap::new();
    let mut revisions: BTreeMap<i64, i32> = BTreeMap::new();
    let mut dirty: BTreeSet<(i64, String)> = BTreeSet::new();
    let mut newest = i64::MIN;
    // The last end of a window that the watermark has reached.
    let mut mark = i64::MIN;
    for step in 0..=rows.len() {
        let to = if let Some(row) = rows.get(step) {
            let (ts, _, x) = *row;
            let first = ts - ts.rem_euclid(slide);
            let ends: Vec<i64> =
                (0..).map(|k| first - k * slide).take_while(|s| s + size > ts).map(|s| s + size).collect();
            let open = ends.iter().filter(|&&end| mark == i64::MIN || end + lateness > mark);
            if open.clone().count() == 0 && !ends.is_empty() {
                expected.late.push(step);
            }
            for &end in open {
                held.entry((name(row), end)).or_default().push((ts, x));
                if end <= mark {
                    dirty.insert((end, name(row)));
                }
            }
            newest = newest.max(ts);
            let watermark = newest - delay;
            watermark - (watermark - size).rem_euclid(slide)
        } else {
            i64::MAX
        };
        if to <= mark {
            continue;
        }
        for end in dirty.iter().map(|(end, _)| *end).collect::<BTreeSet<_>>() {
            *revisions.entry(end).or_default() += 1;
        }
        for (end, machine) in std::mem::take(&mut dirty) {
            let values = held[&(machine.clone(), end)].clone();
            expected.revised.insert((machine, end, revisions[&end]), values);
        }
        for ((machine, end), values) in &held {
            if *end > mark && *end <= to {
                expected.windows.insert((machine.clone(), *end, 0), values.clone());
            }
        }
        mark = to;
    }
    expected
}

/// Rows that follow each other within a gap, until the watermark is past the end.
fn naive_sessions(rows: &[Row], gap: i64, delay: i64) -> Expected {
    type Open = (i64, i64, Vec<(usize, i64, Option<f64>)>);
    let mut expected = Expected::default();
    let mut open: BTreeMap<String, Vec<Open>> = BTreeMap::new();
    let mut watermark = i64::MIN;
    for (i, row) in rows.iter().enumerate() {
        let (ts, _, x) = *row;
        let all = open.entry(name(row)).or_default();
        let (mut joined, others): (Vec<Open>, Vec<Open>) =
            all.drain(..).partition(|(start, end, _)| *start <= ts + gap && *end >= ts);
        *all = others;
        if joined.is_empty() && ts + gap < watermark {
            expected.late.push(i);
            continue;
        }
        joined.push((ts, ts + gap, vec![(i, ts, x)]));
        let start = joined.iter().map(|s| s.0).min().unwrap();
        let end = joined.iter().map(|s| s.1).max().unwrap();
        all.push((start, end, joined.into_iter().flat_map(|s| s.2).collect()));
        watermark = watermark.max(ts - delay);
        close(&mut open, watermark, &mut expected);
    }
    close(&mut open, i64::MAX, &mut expected);
    return expected;

    fn close(open: &mut BTreeMap<String, Vec<Open>>, watermark: i64, expected: &mut Expected) {
        for (machine, all) in open {
            let (over, rest): (Vec<Open>, Vec<Open>) =
                all.drain(..).partition(|(_, end, _)| *end < watermark);
            *all = rest;
            for (_, end, mut rows) in over {
                rows.sort_unstable_by_key(|row| row.0);
                let rows = rows.into_iter().map(|(_, ts, x)| (ts, x)).collect();
                assert!(expected.windows.insert((machine.clone(), end, 0), rows).is_none());
            }
        }
    }
}

/// The first reading of a machine and a time within the horizon of the machine's newest.
fn naive_duplicates(rows: &[Row], horizon: i64) -> Vec<Row> {
    let mut seen: BTreeMap<u8, (i64, BTreeSet<i64>)> = BTreeMap::new();
    let new = |row: &&Row| {
        let (newest, times) = seen.entry(row.1).or_insert((i64::MIN, BTreeSet::new()));
        let repeated = row.0 >= newest.saturating_sub(horizon) && times.contains(&row.0);
        *newest = (*newest).max(row.0);
        times.insert(row.0);
        !repeated
    };
    rows.iter().filter(new).copied().collect()
}

fn check(batch: &RecordBatch, windows: &Windows) -> Result<(), TestCaseError> {
    prop_assert_eq!(batch.num_rows(), windows.len());
    let column = |name: &str| batch.column_by_name(name).unwrap();
    let ends = column("window_end").as_primitive::<arrow::datatypes::TimestampMicrosecondType>();
    for row in 0..batch.num_rows() {
        let machine = column("machine_id").as_string::<i32>().value(row).to_string();
        let end = ends.value(row) / SECOND;
        let revision = column("revision").as_primitive::<Int32Type>().value(row);
        let rows = windows.get(&(machine.clone(), end, revision));
        prop_assert!(rows.is_some(), "no window of {machine} ends at {end}, revision {revision}");
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

fn offsets(late: Option<&RecordBatch>) -> Vec<usize> {
    let column = late.and_then(|batch| batch.column_by_name(KAFKA_OFFSET));
    let offsets =
        column.map(|c| c.as_primitive::<Int64Type>().values().iter().map(|&o| o as usize).collect());
    offsets.unwrap_or_default()
}

fn equal(ran: &Ran, expected: &Expected) -> Result<(), TestCaseError> {
    check(&ran.streams[0], &expected.windows)?;
    check(&ran.revised[0], &expected.revised)?;
    prop_assert_eq!(offsets(ran.late.as_ref()), expected.late.clone());
    Ok(())
}

fn timing(delay: i64, lateness: i64) -> Timing {
    Timing { allowed_lateness: lateness * SECOND, ..Timing::new(delay * SECOND) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn windows_and_late_rows_are_those_of_the_naive_model(
        rows in rows(), slide in 1i64..25, size in 1i64..60, delay in 0i64..20, lateness in prop::option::of(0i64..60),
        cuts in prop::collection::vec(1usize..40, 1..6),
    ) {
        let lateness = lateness.unwrap_or_default();
        let graph = Arc::new(graph_of(&[("w", &windowed(slide, size))]).unwrap());
        let ran = run(&graph, &rows, &cuts, timing(delay, lateness), false);
        equal(&ran, &naive(&rows, slide, size, delay, lateness))?;
    }

    /// Many panes, so that all parts of a block take part.
    #[test]
    fn long_windows_are_those_of_the_naive_model(
        rows in rows(), size in 20i64..300, delay in 0i64..20, cuts in prop::collection::vec(1usize..40, 1..6),
    ) {
        let graph = Arc::new(graph_of(&[("w", &windowed(1, size))]).unwrap());
        let ran = run(&graph, &rows, &cuts, timing(delay, 0), true);
        equal(&ran, &naive(&rows, 1, size, delay, 0))?;
    }

    #[test]
    fn sessions_are_those_of_the_naive_model(
        rows in rows(), gap in 1i64..30, delay in 0i64..20, cuts in prop::collection::vec(1usize..40, 1..6),
    ) {
        let graph = Arc::new(graph_of(&[("s", &sessions(gap))]).unwrap());
        let ran = run(&graph, &rows, &cuts, timing(delay, 0), false);
        equal(&ran, &naive_sessions(&rows, gap, delay))?;
    }

    #[test]
    fn duplicates_are_those_of_the_naive_model(
        rows in rows(), horizon in 1i64..40, drop in any::<bool>(), cuts in prop::collection::vec(1usize..40, 1..6),
    ) {
        let graph = Arc::new(graph_of(&[("w", &windowed(10, 10))]).unwrap());
        let timing =
            Timing { duplicate_horizon: horizon * SECOND, drop_duplicates: drop, ..Timing::new(5 * SECOND) };
        let ran = run(&graph, &rows, &cuts, timing, true);
        let new = naive_duplicates(&rows, horizon);
        prop_assert_eq!(ran.duplicates as usize, rows.len() - new.len());
        let expected = naive(if drop { &new } else { &rows }, 10, 10, 5, 0);
        check(&ran.streams[0], &expected.windows)?;
    }

    /// To the last bit, and in the same order.
    #[test]
    fn neither_batches_nor_checkpoints_change_a_bit(
        rows in rows(), slide in 1i64..25, size in 1i64..60, gap in 1i64..30, delay in 0i64..20, lateness in 0i64..60,
        cuts in prop::collection::vec(1usize..40, 1..6),
    ) {
        let chained = "SELECT machine_id, window_end, window_time, avg(mean) AS m, max(n) AS n FROM w \
                       GROUP BY machine_id, tumble(window_time, INTERVAL '1 minute')";
        let over_sessions = chained.replace("FROM w", "FROM s");
        let graph = graph_of(&[
            ("w", &windowed(slide, size)), ("v", chained), ("s", &sessions(gap)), ("t", &over_sessions),
        ]);
        let graph = Arc::new(graph.unwrap());
        let timing = timing(delay, lateness);
        let whole = run(&graph, &rows, &[rows.len()], timing, false);
        for (how, other) in [
            ("cut", run(&graph, &rows, &cuts, timing, false)),
            ("restored", run(&graph, &rows, &cuts, timing, true)),
            ("one by one", run(&graph, &rows, &[1], timing, false)),
        ] {
            for (position, stream) in graph.streams().iter().enumerate() {
                prop_assert_eq!(&whole.streams[position], &other.streams[position], "{}: {}", how, stream.name);
                prop_assert_eq!(&whole.revised[position], &other.revised[position], "{}: {}", how, stream.name);
            }
            prop_assert_eq!(&whole, &other, "{}", how);
        }
        // Nothing is lost on the way to a window over windows: it counts the largest n of all of them.
        let most = |name: &str| {
            let position = graph.streams().iter().position(|s| &*s.name == name).unwrap();
            let n = whole.streams[position].column_by_name("n").unwrap();
            n.as_primitive::<Int64Type>().values().iter().copied().max()
        };
        prop_assert_eq!(most("w"), most("v"));
        prop_assert_eq!(most("s"), most("t"));
    }
}

#[test]
fn stateless_sql_filters_and_computes_each_reading() {
    let sql = "SELECT timestamp, machine_id, x * 2 AS y FROM readings WHERE x > 1";
    let graph = Arc::new(graph_of(&[("doubled", sql)]).unwrap());
    let rows = [(1, 1, Some(1.0)), (2, 1, Some(2.0)), (3, 2, None), (4, 2, Some(5.0))];
    let streams = run(&graph, &rows, &[2], timing(0, 0), false).streams;
    let y = streams[0].column_by_name("y").unwrap().as_primitive::<Float64Type>();
    assert_eq!(y.values().as_ref(), [4.0, 10.0]);
    assert_eq!(graph.streams()[0].event_time, TIMESTAMP);
}

/// Revised rows go no further than to the table: where a query goes on with them, a late reading must not vanish between.
#[test]
fn a_window_that_a_rolling_function_follows_is_not_revised_and_says_who_was_late() {
    let n = "SELECT machine_id, window_time, revision, count(*) AS n FROM readings \
             GROUP BY machine_id, tumble(timestamp, INTERVAL '10 seconds')";
    let rolled = format!(
        "SELECT *, n - lag(n) OVER (PARTITION BY machine_id ORDER BY window_time) AS change FROM ({n})"
    );
    let rows = [(1, 1, None), (25, 1, None), (2, 1, None), (50, 1, None)];
    for (sql, late, again) in [(n, vec![], 1), (rolled.as_str(), vec![2], 0)] {
        let graph = Arc::new(graph_of(&[("w", sql)]).unwrap());
        for restore in [false, true] {
            let ran = run(&graph, &rows, &[1], timing(0, 60), restore);
            assert_eq!(offsets(ran.late.as_ref()), late, "{sql}");
            assert_eq!(ran.revised.iter().map(RecordBatch::num_rows).sum::<usize>(), again, "{sql}");
        }
    }
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
fn where_windows_may_be_revised_their_streams_say_so() {
    let window = |columns: &str| {
        format!(
            "SELECT machine_id, window_time, {columns} count(*) AS n FROM readings \
             GROUP BY machine_id, tumble(timestamp, INTERVAL '1 minute')"
        )
    };
    let stateless = "SELECT machine_id, window_time, n + 1 AS m FROM w";
    let check = |queries: &[(&str, &str)]| graph_of(queries).unwrap().check_revisions();
    let error = check(&[("w", &window(""))]).unwrap_err();
    assert_eq!(error.to_string(), "the stream `w` may give a window again, and its rows do not say so");
    assert!(error.hint().unwrap().contains("revision"));
    let error = check(&[("w", &window("revision,")), ("x", stateless)]).unwrap_err().to_string();
    assert!(error.contains("`x`"), "{error}");
    // A window over windows takes each of them once, and a session is never revised.
    let over = "SELECT machine_id, window_time, sum(n) AS n FROM w \
                GROUP BY machine_id, session(window_time, INTERVAL '1 hour')";
    check(&[("w", &window("revision,")), ("x", over)]).unwrap();
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
