//! What the tables must hold: the rules of the engine once more, one row at a time and in no hurry.

use std::collections::BTreeMap;

use super::broker::{MAX_DELAY, Message, Truth};
use super::file::said;

/// Rows of each table: what identifies a row, and the rest of it.
pub(super) type Rows = BTreeMap<String, BTreeMap<String, String>>;

/// What a partition has gone through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// Messages `from..to` came.
    Messages { from: i64, to: i64 },
    /// The file of machines of this number was looked at.
    File(u8),
    /// No reading came for so many microseconds, and event time went on.
    Silence(i64),
}

/// The windows of the query under test; microseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Windows {
    pub(super) table: &'static str,
    pub(super) slide: i64,
    pub(super) size: i64,
}

/// Adds the rows that follow when a partition goes through `events`.
pub(super) fn expect(
    partition: usize,
    messages: &[Message],
    events: &[Event],
    windows: Windows,
    rows: &mut Rows,
) {
    let mut add = |table: &str, key: String, value: String| {
        let doubled = rows.entry(table.into()).or_default().insert(key, value);
        assert!(doubled.is_none(), "the oracle gives a row of {table} twice");
    };
    let mut newest: Option<i64> = None;
    let mut watermark = i64::MIN;
    let mut open: BTreeMap<(String, i64), (i64, Option<i64>)> = BTreeMap::new();
    // What was true of each machine from when on.
    let mut held: BTreeMap<String, Vec<(i64, Option<i64>)>> = BTreeMap::new();
    let (mut file, mut version) = (0, 0);
    for event in events {
        let range = match *event {
            Event::Silence(silent) => {
                if let Some(newest) = newest {
                    watermark = watermark.max(newest + silent - MAX_DELAY);
                }
                0..0
            }
            Event::File(k) => {
                file = k;
                let since = newest.max(newest.map(|_| watermark)).map_or(i64::MIN, |now| now + 1);
                let mut news = Vec::new();
                for (machine, rows) in &mut held {
                    if rows.last().unwrap().1 != said(k, machine) {
                        rows.retain(|(from, _)| *from != since);
                        rows.push((since, said(k, machine)));
                        news.push(machine);
                    }
                }
                version += i32::from(!news.is_empty());
                for machine in news {
                    let key = format!("{partition}/{machine}/{version}");
                    add("machines", key, known(Some(since), said(k, machine)));
                }
                0..0
            }
            Event::Messages { from, to } => from..to,
        };
        for offset in range {
            let key = format!("{partition}/{offset}");
            let (ts, machine, x) = match &messages[offset as usize].truth {
                Truth::Dead { reason } => {
                    add("dead_letters", key, (*reason).into());
                    continue;
                }
                Truth::Reading { ts, machine, x } => (*ts, machine, *x),
            };
            add("readings", key.clone(), reading(ts, machine, x));
            if !held.contains_key(machine) {
                held.insert(machine.clone(), vec![(i64::MIN, said(file, machine))]);
                version = version.max(1);
                add("machines", format!("{partition}/{machine}/{version}"), known(None, said(file, machine)));
            }
            let first = ts - ts.rem_euclid(windows.slide) + windows.size;
            let ends = (0..).map(|k| first - k * windows.slide).take_while(|end| *end > ts);
            let mut late = true;
            for end in ends.filter(|end| *end > watermark) {
                late = false;
                let (n, sum) = open.entry((machine.clone(), end)).or_default();
                *n += 1;
                *sum = x.map(|x| x + sum.unwrap_or_default()).or(*sum);
            }
            if late {
                add("late_readings", key, reading(ts, machine, x));
            }
            newest = newest.max(Some(ts));
            watermark = watermark.max(ts - MAX_DELAY);
        }
    }
    for ((machine, end), (n, sum)) in open {
        if end <= watermark {
            let rated = held[&machine].iter().rev().find(|(since, _)| *since < end).unwrap().1;
            let value = window(n, sum.map(|sum| sum as f64), rated.map(|rated| rated as f64));
            add(windows.table, format!("{machine}/{end}"), value);
        }
    }
}

/// A reading, as text.
pub(super) fn reading(ts: i64, machine: &str, x: Option<i64>) -> String {
    format!("{ts} {machine} {x:?}")
}

/// A window's values, as text.
pub(super) fn window(n: i64, sum: Option<f64>, rated: Option<f64>) -> String {
    format!("{n} {sum:?} {rated:?}")
}

/// What is known of a machine, as text.
pub(super) fn known(valid_from: Option<i64>, rated: Option<i64>) -> String {
    format!("{valid_from:?} {rated:?}")
}
