//! Golden SQL: every query of `tests/golden/cases` gives the same rows in each of its lives, and the right ones.
//!
//! `readings.jsonl` is small and nasty: machines that drift apart, readings out of order, late, sent twice, from
//! before 1970 and from the future, NULLs, messages that are none. Through it goes each case
//! - straight, one batch for each Kafka partition,
//! - in batches of several lengths,
//! - put away and taken out again after every batch,
//! - on one, then three, then two workers,
//! - as `coldstream backtest` over a Parquet file,
//!
//! and all must agree to the last bit and in the order of the rows. `expected/` holds the rows; those that
//! DuckDB can compute too are in `oracle/`, as SQL that knows nothing of panes or watermarks but the definition.
//! With all the patience that it takes for no reading to be late, a case also equals ad-hoc SQL over the table.
//!
//! `machines.toml` is what the cases know of the machines; the oracle reads it by itself.
//!
//! A new case: write `cases/NAME.sql` and `oracle/NAME.sql`, run once with `COLDSTREAM_GOLDEN=write`, which writes
//! `expected/NAME.csv`, and read it. A stream gives its rows window after window, so the first lines can be checked by hand.

mod case;
mod input;
mod lives;
mod properties;
mod tables;

use std::collections::BTreeMap;

use arrow::array::AsArray;
use coldstream::dataflow::Timing;
use coldstream::schema::{DEAD_LETTERS, LATE_READINGS};

use crate::parts::python;
use case::{Case, folder, read};
use tables::{assert_same, csv, sorted_lines, without_origin};

/// 300 years, microseconds: longer than the readings span.
const PATIENCE: i64 = 9_467_280_000_000_000;

/// Runs `check` on every case. All that fail are named, not only the first.
#[track_caller]
fn for_each_case(check: impl Fn(&Case)) {
    let mut failed = Vec::new();
    for case in Case::all() {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(&case)));
        if outcome.is_err() {
            failed.push(case.name);
        }
    }
    assert!(failed.is_empty(), "{} cases failed, see above: {}", failed.len(), failed.join(", "));
}

#[test]
fn golden_rows_are_the_expected_ones() {
    let write = std::env::var("COLDSTREAM_GOLDEN").is_ok_and(|mode| mode == "write");
    for_each_case(|case| {
        let found = lives::straight(case);
        for query in &case.queries {
            assert!(found.contains_key(&query.name), "{}: no row of {}", case.name, query.name);
        }
        for (table, rows) in &found {
            let (path, text) = (case.expected(table), csv(rows));
            // What is late is written down for the cases that are about that.
            if table == DEAD_LETTERS || (table == LATE_READINGS && !path.exists()) {
                continue;
            }
            if write {
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(&path, &text).unwrap();
            }
            let expected = read(&path);
            let differing = expected.lines().zip(text.lines()).enumerate().find(|(_, (a, b))| a != b);
            assert!(expected == text, "{}: {table} is not {}: {differing:?}", case.name, path.display());
        }
    });
}

#[test]
fn golden_rows_do_not_depend_on_batches() {
    for_each_case(|case| {
        let whole = lives::straight(case);
        for lengths in [&[1][..], &[2, 31, 1, 7], &[64]] {
            let cut = lives::cut(case, lengths, case.timing);
            assert_same(&format!("{} in batches of {lengths:?}", case.name), &whole, &cut);
        }
    });
}

#[test]
fn golden_rows_survive_a_restore_after_every_batch() {
    for_each_case(|case| {
        let whole = lives::straight(case);
        for lengths in [&[5, 1, 17][..], &[40]] {
            let restored = lives::restored(case, lengths);
            assert_same(&format!("{} restored after {lengths:?}", case.name), &whole, &restored);
        }
    });
}

#[test]
fn golden_rows_move_between_one_three_and_two_workers() {
    for_each_case(|case| {
        let rescaled = lives::rescaled(case, &[9, 4]);
        assert_same(&format!("{} rescaled", case.name), &lives::straight(case), &rescaled);
    });
}

#[test]
fn golden_rows_are_those_of_a_backtest() {
    for_each_case(|case| {
        let mut live = lives::straight(case);
        live.remove(DEAD_LETTERS);
        assert_same(&format!("{} as a backtest", case.name), &live, &lives::backtest(case));
    });
}

/// Where nothing is late, a stream, a backtest of a file of messages and SQL over the table are one.
#[test]
fn golden_rows_are_those_of_sql_over_the_table() {
    for_each_case(|case| {
        let timing = Timing { max_delay: PATIENCE, ..case.timing };
        let mut patient = lives::cut(case, &[64], timing);
        assert!(patient.remove(DEAD_LETTERS).is_some());
        assert!(patient.remove(LATE_READINGS).is_none(), "{}: late in spite of patience", case.name);
        let lines = lives::backtest_of_lines(case, timing);
        let table = lives::ad_hoc(case, &patient);
        for (name, rows) in &patient {
            assert_eq!(
                sorted_lines(rows),
                sorted_lines(&table[name]),
                "{}: {name} over the table",
                case.name
            );
            // A file of messages is one partition, so only where a reading was read differs.
            let (live, past) = (without_origin(rows), without_origin(&lines[name]));
            assert_eq!(sorted_lines(&live), sorted_lines(&past), "{}: {name} as a backtest", case.name);
        }
    });
}

/// DuckDB computes the same rows from the definition of a window, over the readings that Python's JSON reads.
#[test]
fn golden_rows_are_those_of_an_independent_engine() {
    let dir = tempfile::tempdir().unwrap();
    let readings = dir.path().join("readings.parquet");
    lives::write_parquet(&readings, &lives::readings());
    let delays: BTreeMap<String, i64> =
        Case::all().into_iter().map(|case| (case.name, case.timing.max_delay)).collect();
    let delays = serde_json::to_string(&delays).unwrap();
    let args = [&folder("").display().to_string(), &readings.display().to_string(), &delays];
    let text = python::run("golden.py", &args.map(String::as_str), []);
    let rows: BTreeMap<String, u64> = serde_json::from_str(&text).unwrap();
    assert!(rows.len() >= 25, "only {} tables have an oracle", rows.len());
    assert!(rows.values().all(|rows| *rows > 0), "{rows:?}");
}

/// What is no reading is a dead letter, and one from the future moves no watermark: the readings after it are in time.
#[test]
fn golden_messages_that_are_no_readings_are_dead_letters() {
    let case = Case::all().into_iter().find(|case| case.name == "stateless").unwrap();
    let dead = &lives::straight(&case)[DEAD_LETTERS];
    let column = |name: &str| dead.column_by_name(name).unwrap();
    let reasons = column("reason").as_string::<i32>();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    reasons.iter().flatten().for_each(|reason| *counts.entry(reason).or_default() += 1);
    let expected = [
        ("bad_timestamp", 1),
        ("future_timestamp", 3),
        ("no_machine_id", 1),
        ("no_timestamp", 1),
        ("not_an_object", 1),
        ("not_json", 1),
        ("wrong_type", 1),
    ];
    assert_eq!(counts, BTreeMap::from(expected));
    // Kafka's place of each message is known: together they are all that was sent.
    let sent = read(&folder("readings.jsonl")).lines().count();
    assert_eq!(lives::readings().num_rows() + dead.num_rows(), sent);
    assert!(input::pieces(&[usize::MAX]).iter().all(|piece| piece.partition != 4), "one partition is silent");
}
