//! Messages with any clocks, from bytes to windows, against a model that takes them one by one.

use std::collections::BTreeMap;

use arrow::array::AsArray;
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use coldstream::dataflow::Timing;
use coldstream::schema::{DEAD_LETTERS, KAFKA_OFFSET, LATE_READINGS};
use coldstream::source::raw::RawBatch;
use proptest::prelude::*;

use super::case::Case;
use super::input::{MAX_SKEW, Piece};
use super::lives;

const SECOND: i64 = 1_000_000;

/// A message: when it was sent, by how much its reading is older (or newer) than that, the machine; seconds.
type Message = (i64, i64, u8);

/// Clocks that go on, jump, stand still and are wrong by much, from before 1970 on.
fn messages() -> impl Strategy<Value = Vec<Message>> {
    let age = prop_oneof![
        8 => -3i64..8,
        2 => 8i64..200,
        1 => Just(0i64),
        // Around what is still believed, and far beyond.
        1 => (-603i64..-597),
        1 => (-400_000_000i64..-10_000),
        1 => 10_000i64..3_000_000_000,
    ];
    let step = (0i64..7, age, 0u8..3, 0u8..10);
    (prop::collection::vec(step, 1..120), prop_oneof![Just(-150i64), Just(1_700_000_000)]).prop_map(
        |(steps, start)| {
            let mut sent = start;
            let mut messages: Vec<Message> = Vec::new();
            for (pause, age, machine, again) in steps {
                sent += pause;
                let before = messages.last().copied().filter(|_| again == 0);
                // Sent again: the same reading, a little later.
                let message = before
                    .map_or((sent, age, machine), |(was, age, machine)| (sent, age + sent - was, machine));
                messages.push(message);
            }
            messages
        },
    )
}

fn instant(seconds: i64) -> String {
    chrono::DateTime::from_timestamp(seconds, 0).unwrap().format("%Y-%m-%dT%H:%M:%S").to_string()
}

fn pieces(messages: &[Message], lengths: &[usize]) -> Vec<Piece> {
    let mut lengths = lengths.iter().cycle();
    let (mut at, mut pieces) = (0, Vec::new());
    while at < messages.len() {
        let end = messages.len().min(at + lengths.next().unwrap());
        let mut batch = RawBatch::default();
        for (offset, (sent, age, machine)) in messages.iter().enumerate().take(end).skip(at) {
            let json = format!(r#"{{"timestamp":"{}","machine_id":{machine}}}"#, instant(sent - age));
            batch.push(json.as_bytes(), offset as i64, sent * SECOND);
        }
        pieces.push(Piece { partition: 0, messages: batch });
        at = end;
    }
    pieces
}

/// Windows by machine and end with their counts, offsets of late readings, offsets of dead letters.
type Model = (BTreeMap<(String, i64), i64>, Vec<i64>, Vec<i64>);

fn model(messages: &[Message], slide: i64, size: i64, delay: i64) -> Model {
    let (mut windows, mut late, mut dead) = Model::default();
    let mut watermark = i64::MIN;
    for (offset, &(sent, age, machine)) in messages.iter().enumerate() {
        let ts = sent - age;
        // What no clock can have shown, or no plant: before 1900.
        if ts - sent > MAX_SKEW / SECOND || ts < -2_208_988_800 {
            dead.push(offset as i64);
            continue;
        }
        let newest = ts - ts.rem_euclid(slide);
        let ends: Vec<i64> = (0..).map(|k| newest - k * slide + size).take_while(|end| *end > ts).collect();
        let open: Vec<i64> = ends.iter().copied().filter(|end| *end > watermark).collect();
        if open.is_empty() && !ends.is_empty() {
            late.push(offset as i64);
        }
        for end in open {
            *windows.entry((machine.to_string(), end)).or_default() += 1;
        }
        watermark = watermark.max(ts - delay);
    }
    (windows, late, dead)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    #[test]
    fn golden_any_clocks_give_the_windows_of_the_model(
        messages in messages(), slide in 1i64..20, size in 1i64..50, delay in 0i64..20,
        lengths in prop::collection::vec(1usize..40, 1..5),
    ) {
        let sql = format!(
            "SELECT machine_id, window_end, window_time, count(*) AS n FROM readings \
             GROUP BY machine_id, hop(timestamp, INTERVAL '{slide} seconds', INTERVAL '{size} seconds')"
        );
        let tables =
            lives::run(&Case::of("w", &sql), &pieces(&messages, &lengths), Timing::new(delay * SECOND));
        let (windows, late, dead) = model(&messages, slide, size, delay);
        let offsets = |table: &str| -> Vec<i64> {
            let column = tables.get(table).and_then(|rows| rows.column_by_name(KAFKA_OFFSET));
            column.map_or(Vec::new(), |offsets| offsets.as_primitive::<Int64Type>().values().to_vec())
        };
        prop_assert_eq!(offsets(DEAD_LETTERS), dead);
        prop_assert_eq!(offsets(LATE_READINGS), late);
        let mut found = BTreeMap::new();
        if let Some(rows) = tables.get("w") {
            let column = |name: &str| rows.column_by_name(name).unwrap();
            let ends = column("window_end").as_primitive::<TimestampMicrosecondType>().values();
            let counts = column("n").as_primitive::<Int64Type>().values();
            for (machine, (end, n)) in column("machine_id").as_string::<i32>().iter().zip(ends.iter().zip(counts)) {
                let key = (machine.unwrap().to_string(), end / SECOND);
                prop_assert!(found.insert(key, *n).is_none(), "a window is given once");
            }
        }
        prop_assert_eq!(found, windows);
    }
}
