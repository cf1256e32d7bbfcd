use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::concat_batches;
use proptest::prelude::*;

use super::support::{Row, batch, plan, rule, told};
use crate::alarm::{Acknowledged, AlarmPlan, Alarms, alarm_schema};

const RULES: &str = r#"
[[alarm]]
name = "low"
stream = "readings"
when = "superheat < 3"
severity = "high"
value = "superheat"
en = "{value}"
fr = "{value}"
[[alarm]]
name = "slow"
stream = "readings"
when = "superheat > 6"
for = "4s"
clear = "superheat < 5"
clear_for = "3s"
inhibit = "operating_mode = 'off'"
inhibit_for = "2s"
max_gap = "10s"
severity = "low"
en = "-"
fr = "-"
[[alarm.escalate]]
severity = "medium"
when = "superheat > 8"
for = "2s"
"#;

/// Machine, seconds to the row before (may go back), value, running.
type Step = (u8, i64, Option<f64>, bool);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (
        0..3_u8,
        -2..5_i64,
        prop::option::weighted(0.9, (0..10_u8).prop_map(f64::from)),
        prop::bool::weighted(0.85),
    );
    prop::collection::vec(step, 1..120)
}

fn rows(steps: &[Step]) -> Vec<(String, i64, Option<f64>, &'static str)> {
    let mut ts = 100;
    steps
        .iter()
        .map(|&(machine, step, value, running)| {
            ts += step;
            (machine.to_string(), ts, value, if running { "cooling" } else { "off" })
        })
        .collect()
}

fn as_batch(rows: &[(String, i64, Option<f64>, &'static str)]) -> RecordBatch {
    let rows: Vec<Row<'_>> = rows.iter().map(|row| (row.0.as_str(), row.1, row.2, row.3)).collect();
    batch(&rows)
}

/// Episodes, ids included, and everything else of each row.
fn all(batches: &[RecordBatch]) -> Vec<String> {
    let all = concat_batches(&alarm_schema(), batches).unwrap();
    let ids = all.column_by_name("episode").unwrap().as_string::<i32>();
    let rules = all.column_by_name("rule").unwrap().as_string::<i32>();
    let rows = told(&all).into_iter().enumerate();
    rows.map(|(at, row)| format!("{row} {} {}", rules.value(at), ids.value(at))).collect()
}

/// The rule `low`, as one would write it without this module.
fn oracle(rows: &[(String, i64, Option<f64>, &'static str)]) -> Vec<String> {
    let (mut newest, mut open) = (HashMap::new(), HashMap::new());
    let mut out = Vec::new();
    for (machine, ts, value, _) in rows {
        let newest = newest.entry(machine).or_insert(i64::MIN);
        if ts < newest {
            continue;
        }
        *newest = *ts;
        let (Some(value), open) = (value, open.entry(machine).or_insert(false)) else { continue };
        if *open != (*value < 3.0) {
            *open = !*open;
            out.push(format!("{machine} {ts} {} high {value}", if *open { "raised" } else { "cleared" }));
        }
    }
    out
}

proptest! {
    #[test]
    fn a_rule_without_delays_equals_a_loop_over_the_rows(steps in steps()) {
        let rows = rows(&steps);
        let mut alarms = Alarms::new(&plan(RULES));
        let seen = alarms.look("readings", &as_batch(&rows)).unwrap().rows;
        let seen: Vec<String> = seen.iter().flat_map(|b| all(std::slice::from_ref(b))).collect();
        let low = seen.iter().filter(|row| row.contains("/low/"));
        let low: Vec<String> = low.map(|row| row.split(" low ").next().unwrap().to_owned()).collect();
        prop_assert_eq!(low, oracle(&rows));
        let ids: Vec<_> = seen.iter().filter(|r| r.contains("raised")).map(|r| r.rsplit(' ').next()).collect();
        let unique: std::collections::HashSet<_> = ids.iter().collect();
        prop_assert_eq!(unique.len(), ids.len(), "every episode has an id of its own");
    }

    #[test]
    fn batches_and_restarts_do_not_matter(steps in steps(), cuts in prop::collection::vec(1..9_usize, 120)) {
        let rows = rows(&steps);
        let plan = plan(RULES);
        let mut straight = Alarms::new(&plan);
        let whole = straight.look("readings", &as_batch(&rows)).unwrap();
        let whole: Vec<String> = whole.rows.iter().flat_map(|b| all(std::slice::from_ref(b))).collect();
        let mut alarms = Alarms::new(&plan);
        let (mut parts, mut start) = (Vec::new(), 0);
        for cut in cuts {
            let end = (start + cut).min(rows.len());
            let bytes = alarms.encode().unwrap();
            alarms = Alarms::restore(&plan, &bytes).unwrap();
            prop_assert_eq!(&bytes, &alarms.encode().unwrap());
            parts.extend(alarms.look("readings", &as_batch(&rows[start..end])).unwrap().rows);
            start = end;
        }
        prop_assert_eq!(all(&parts), whole);
    }
}

fn one_open(plan: &Arc<AlarmPlan>) -> Alarms {
    let mut alarms = Alarms::new(plan);
    alarms
        .look("readings", &batch(&[("1", 60, Some(1.0), "cooling"), ("1", 70, Some(2.0), "cooling")]))
        .unwrap();
    alarms
}

#[test]
fn an_acknowledgement_is_a_row_and_counts_once() {
    let plan = plan(&rule("superheat < 3", ""));
    let mut alarms = one_open(&plan);
    let id = "1/a/19700101T000100.000000Z";
    let now = 1_700_000_000_000_000;
    let Acknowledged::Now(episode, outputs) = alarms.acknowledge("1", id, "Ana", "on my way", now).unwrap()
    else {
        panic!("it is there");
    };
    assert_eq!((episode.acknowledged_at, episode.acknowledged_by.as_str()), (Some(now), "Ana"));
    let rows = outputs.rows.unwrap();
    assert_eq!(told(&rows), ["1 70 acknowledged medium 1"]);
    let recorded = rows.column_by_name("recorded_at").unwrap();
    assert_eq!(recorded.as_primitive::<arrow::datatypes::TimestampMicrosecondType>().value(0), now);
    assert_eq!(rows.column_by_name("comment").unwrap().as_string::<i32>().value(0), "on my way");
    let mut alarms = Alarms::restore(&plan, &alarms.encode().unwrap()).unwrap();
    let again = alarms.acknowledge("1", id, "Bo", "", now + 1).unwrap();
    assert!(matches!(again, Acknowledged::Already(e) if e.acknowledged_by == "Ana"));
    for (machine, id) in [("2", id), ("1", "1/a/19700101T000101.000000Z")] {
        assert!(matches!(alarms.acknowledge(machine, id, "x", "", now).unwrap(), Acknowledged::Unknown));
    }
}

#[test]
fn rules_may_change_between_checkpoints() {
    let plan_a = plan(&rule("superheat < 3", ""));
    let bytes = one_open(&plan_a).encode().unwrap();
    // The same name with another limit: the episode goes on.
    let mut other = Alarms::restore(&plan(&rule("superheat < 5", "")), &bytes).unwrap();
    let rows = batch(&[("1", 71, Some(4.0), "cooling"), ("1", 72, Some(6.0), "cooling")]);
    let rows = other.look("readings", &rows).unwrap().rows.unwrap();
    assert_eq!(told(&rows), ["1 72 cleared medium 6"]);
    // Gone: it is over, at the last that was known of the machine.
    let renamed = rule("superheat < 3", "").replace("name = \"a\"", "name = \"b\"");
    let gone = Alarms::restore(&plan(&renamed), &bytes).unwrap();
    assert_eq!(gone.episodes().count(), 0);
    // A checkpoint may come before the next row.
    let mut gone = Alarms::restore(&plan(&renamed), &gone.encode().unwrap()).unwrap();
    let rows = gone.look("readings", &batch(&[("2", 80, Some(9.0), "cooling")])).unwrap();
    assert_eq!(told(&rows.rows.unwrap()), ["1 70 cleared medium -"]);
    assert_eq!(rows.episodes.len(), 1);
}

#[test]
fn a_state_that_cannot_be_read_is_an_error() {
    let plan = plan(&rule("superheat < 3", ""));
    for bytes in [&b"x"[..], br#"{"format":2,"streams":[],"machines":[],"newest":[],"lives":[]}"#] {
        assert!(Alarms::restore(&plan, bytes).is_err());
    }
}
