use super::support::{Row, batch, plan, rule, told};
use crate::alarm::Alarms;

/// What one rule says of rows `(seconds, superheat, mode)` of one machine.
fn run(rules: &str, rows: &[(i64, Option<f64>, &str)]) -> Vec<String> {
    let rows: Vec<Row<'_>> = rows.iter().map(|&(ts, value, mode)| ("1", ts, value, mode)).collect();
    let mut alarms = Alarms::new(&plan(rules));
    let outputs = alarms.look("readings", &batch(&rows)).unwrap();
    outputs.rows.map_or_else(Vec::new, |rows| told(&rows))
}

fn values(values: &[(i64, f64)]) -> Vec<(i64, Option<f64>, &'static str)> {
    values.iter().map(|&(ts, value)| (ts, Some(value), "cooling")).collect()
}

#[test]
fn without_delays_it_follows_the_condition_row_by_row() {
    let rows = values(&[(1, 5.0), (2, 2.0), (3, 2.5), (4, 3.0), (5, 1.0)]);
    assert_eq!(
        run(&rule("superheat < 3", ""), &rows),
        ["1 2 raised medium 2", "1 4 cleared medium 3", "1 5 raised medium 1"]
    );
}

#[test]
fn what_is_not_known_changes_nothing() {
    let rows =
        [(1, Some(2.0), "x"), (2, None, "x"), (3, Some(f64::NAN), "x"), (4, Some(4.0), "x"), (5, None, "x")];
    assert_eq!(run(&rule("superheat < 3", ""), &rows[..2]), ["1 1 raised medium 2"]);
    // SQL orders NaN above every number: it is known not to be below 3.
    assert_eq!(run(&rule("superheat < 3", ""), &rows), ["1 1 raised medium 2", "1 3 cleared medium NaN"]);
}

#[test]
fn a_delay_wants_the_condition_to_hold() {
    let rules = rule("superheat < 3", "for = \"10s\"");
    let rows = values(&[(0, 2.0), (5, 2.0), (9, 4.0), (10, 2.0), (15, 2.0), (20, 1.0)]);
    assert_eq!(run(&rules, &rows), ["1 20 raised medium 1"]);
}

#[test]
fn a_silence_longer_than_max_gap_proves_nothing() {
    let rules = rule("superheat < 3", "for = \"10s\"\nmax_gap = \"1m\"");
    let rows = values(&[(0, 2.0), (60, 2.0)]);
    assert_eq!(run(&rules, &rows), ["1 60 raised medium 2"]);
    let rows = values(&[(0, 2.0), (61, 2.0), (70, 2.0), (71, 2.0)]);
    assert_eq!(run(&rules, &rows), ["1 71 raised medium 2"]);
}

#[test]
fn it_clears_by_its_own_condition_and_delay() {
    let rules = rule("superheat < 3", "clear = \"superheat > 4.5\"\nclear_for = \"10s\"");
    let rows = values(&[(0, 2.0), (1, 4.0), (2, 5.0), (8, 4.0), (9, 5.0), (18, 5.0), (19, 6.0)]);
    assert_eq!(run(&rules, &rows), ["1 0 raised medium 2", "1 19 cleared medium 6"]);
}

#[test]
fn a_row_that_raises_does_not_clear() {
    let rules = rule("superheat < 3", "clear = \"superheat < 10\"");
    assert_eq!(
        run(&rules, &values(&[(0, 2.0), (1, 2.0), (2, 5.0)])),
        ["1 0 raised medium 2", "1 2 cleared medium 5"]
    );
}

#[test]
fn it_rests_while_inhibited_and_after() {
    let rules = rule("superheat < 3", "inhibit = \"operating_mode = 'defrost'\"\ninhibit_for = \"10s\"");
    let rows = [
        (0, Some(1.0), "defrost"),
        (1, Some(1.0), "cooling"),
        (9, Some(1.0), "cooling"),
        (10, Some(1.0), "cooling"),
        (11, Some(9.0), "defrost"),
        (20, Some(9.0), "cooling"),
        (21, Some(9.0), "cooling"),
    ];
    assert_eq!(run(&rules, &rows), ["1 10 raised medium 1", "1 21 cleared medium 9"]);
}

#[test]
fn what_held_before_a_rest_has_to_hold_anew() {
    let rules = rule("superheat < 3", "for = \"10s\"\ninhibit = \"operating_mode = 'defrost'\"");
    let rows = [
        (0, Some(1.0), "cooling"),
        (5, Some(1.0), "defrost"),
        (6, Some(1.0), "cooling"),
        (15, Some(1.0), "cooling"),
        (16, Some(1.0), "cooling"),
    ];
    assert_eq!(run(&rules, &rows), ["1 16 raised medium 1"]);
}

#[test]
fn it_escalates_and_stays_at_the_worst() {
    let rules = rule(
        "superheat < 3",
        "[[alarm.escalate]]\nseverity = \"high\"\nwhen = \"superheat < 2\"\n\
        [[alarm.escalate]]\nseverity = \"critical\"\nfor = \"10s\"",
    );
    let rows = values(&[(0, 2.5), (1, 1.5), (2, 2.5), (3, 1.0), (10, 2.5), (11, 4.0), (12, 1.0)]);
    assert_eq!(
        run(&rules, &rows),
        [
            "1 0 raised medium 2.5",
            "1 1 escalated high 1.5",
            "1 10 escalated critical 2.5",
            "1 11 cleared critical 4",
            "1 12 raised high 1"
        ]
    );
}

#[test]
fn an_older_row_changes_nothing() {
    let rows = values(&[(5, 5.0), (4, 1.0), (5, 1.0), (3, 9.0), (6, 9.0)]);
    assert_eq!(run(&rule("superheat < 3", ""), &rows), ["1 5 raised medium 1", "1 6 cleared medium 9"]);
}
