use std::collections::HashMap;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray, StringViewArray,
    TimestampMicrosecondArray,
};
use futures::FutureExt;
use proptest::prelude::*;

use super::*;
use crate::schema::{MACHINE_ID, TIMESTAMP, WINDOW_TIME};
use crate::serve::testing::{PATIENCE, batch};
use crate::source::cluster::ClusterView;
use crate::source::raw::RawBatch;

fn times(values: &[i64]) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from(values.to_vec()).with_timezone("UTC"))
}

fn live() -> Arc<LiveState> {
    Arc::new(LiveState::default())
}

fn predict(live: &LiveState, machine: &str, time: i64, probability: Option<f64>) {
    live.update("predictions", &batch(WINDOW_TIME, "probability", &[(machine, time, probability)]));
}

#[test]
fn a_row_keeps_numbers_words_and_times_and_leaves_out_nulls() {
    let batch = RecordBatch::try_from_iter_with_nullable([
        (MACHINE_ID, Arc::new(StringArray::from(vec!["7"])) as ArrayRef, false),
        ("window_end", times(&[60_000_000]), false),
        (WINDOW_TIME, times(&[59_999_999]), false),
        ("cop", Arc::new(Float64Array::from(vec![3.25])) as ArrayRef, true),
        ("missing", Arc::new(Float64Array::from(vec![None])) as ArrayRef, true),
        ("rows", Arc::new(Int64Array::from(vec![60])) as ArrayRef, true),
        ("running", Arc::new(BooleanArray::from(vec![true])) as ArrayRef, true),
        ("mode", Arc::new(StringViewArray::from(vec!["defrost"])) as ArrayRef, true),
        ("kafka_partition", Arc::new(Int32Array::from(vec![3])) as ArrayRef, false),
    ])
    .unwrap();
    let live = live();
    live.update("features", &batch);
    let machine = live.machine("7").unwrap();
    let row = &machine.streams["features"];
    assert_eq!(row.timestamp, Some(prost_types::Timestamp { seconds: 59, nanos: 999_999_000 }));
    let values: Vec<_> = row.values.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    assert_eq!(values, [("cop", 3.25), ("rows", 60.0), ("running", 1.0)]);
    let texts: Vec<_> = row.texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    assert_eq!(texts, [("mode", "defrost"), ("window_end", "1970-01-01T00:01:00Z")]);
    assert!(machine.predictions.is_empty() && machine.last_reading.is_none());
}

#[test]
fn a_batch_without_machines_or_times_is_counted_and_not_shown() {
    let live = live();
    let only_times = RecordBatch::try_from_iter([(TIMESTAMP, times(&[1]))]).unwrap();
    let only_machines =
        RecordBatch::try_from_iter([(MACHINE_ID, Arc::new(StringArray::from(vec!["1"])) as ArrayRef)])
            .unwrap();
    live.update("odd", &only_times);
    live.update("odd", &only_machines);
    live.update(READINGS, &only_machines);
    live.update(LATE_READINGS, &batch(TIMESTAMP, "x", &[("1", 1, None)]));
    assert!(live.count_by_state().is_empty());
    assert_eq!(live.totals(), Totals { readings: 1, dead_letters: 0, late_readings: 0 });
}

#[test]
fn the_worst_probability_decides_the_state_from_its_limit_on() {
    let live = live();
    let state = |probability| {
        live.update(READINGS, &batch(TIMESTAMP, "x", &[("1", 1, Some(1.0))]));
        predict(&live, "1", 1, probability);
        live.machine("1").unwrap().state()
    };
    assert_eq!(state(None), MachineState::Unspecified);
    assert_eq!(state(Some(f64::NAN)), MachineState::Unspecified);
    assert_eq!(state(Some(0.49)), MachineState::Normal);
    assert_eq!(state(Some(WARNING_FROM)), MachineState::Warning);
    assert_eq!(state(Some(0.79)), MachineState::Warning);
    assert_eq!(state(Some(CRITICAL_FROM)), MachineState::Critical);
    live.update("leaks", &batch(WINDOW_TIME, "probability", &[("1", 1, Some(0.1))]));
    assert_eq!(live.machine("1").unwrap().state(), MachineState::Critical);
    assert_eq!(live.machine("1").unwrap().predictions.len(), 2);
    predict(&live, "2", 1, Some(0.9));
    assert_eq!(live.machine("2").unwrap().state(), MachineState::Stale, "no reading was ever seen");
    let counts = live.count_by_state();
    assert_eq!(counts, BTreeMap::from([(MachineState::Critical, 1), (MachineState::Stale, 1)]));
}

#[test]
fn an_open_alarm_counts_for_the_state_as_much_as_a_prediction() {
    let live = live();
    live.update(READINGS, &batch(TIMESTAMP, "superheat", &[("1", 1, Some(7.0))]));
    let state = |probability, alarms| {
        predict(&live, "1", 1, probability);
        live.set_open_alarms("1", alarms);
        assert_eq!(live.count_by_state(), [(live.machine("1").unwrap().state(), 1)].into());
        live.machine("1").unwrap().state()
    };
    let none = AlarmCounts::default();
    let (low, medium) = (AlarmCounts { low: 2, ..none }, AlarmCounts { medium: 1, low: 1, ..none });
    let (high, critical) = (AlarmCounts { high: 1, ..none }, AlarmCounts { critical: 1, ..none });
    assert_eq!(state(None, low), MachineState::Unspecified);
    assert_eq!(state(None, medium), MachineState::Warning);
    assert_eq!(state(Some(0.1), low), MachineState::Normal);
    assert_eq!(state(Some(0.1), medium), MachineState::Warning);
    assert_eq!(state(Some(0.1), high), MachineState::Critical);
    assert_eq!(state(Some(0.6), critical), MachineState::Critical);
    assert_eq!(state(Some(0.9), medium), MachineState::Critical);
    assert_eq!(state(Some(0.6), none), MachineState::Warning);
    // Nothing is known of a silent machine, whatever alarms are open.
    live.set_open_alarms("silent", critical);
    assert_eq!(live.machine("silent").unwrap().state(), MachineState::Stale);
    // The counts as the API gives them.
    live.set_open_alarms("1", medium);
    let counts: Vec<_> =
        live.machine("1").unwrap().open_alarms.iter().map(|it| (it.severity(), it.alarms)).collect();
    assert_eq!(counts, [(proto::Severity::Low, 1), (proto::Severity::Medium, 1)]);
}

#[tokio::test]
async fn an_alarm_alone_tells_a_watcher() {
    let live = live();
    live.update(READINGS, &batch(TIMESTAMP, "superheat", &[("1", 1, Some(7.0))]));
    let mut watcher = live.watch(Filter::default(), Duration::ZERO);
    assert_eq!(watcher.next().await[0].state(), MachineState::Unspecified);
    live.set_open_alarms("1", AlarmCounts { critical: 1, ..AlarmCounts::default() });
    let changed = tokio::time::timeout(PATIENCE, watcher.next()).await.unwrap();
    assert_eq!(changed[0].state(), MachineState::Critical);
}

fn messages(partition_offsets: std::ops::Range<i64>, received: impl Fn(i64) -> i64) -> RawBatch {
    let mut batch = RawBatch::default();
    for offset in partition_offsets {
        batch.push(format!("message {offset}").as_bytes(), offset, received(offset));
    }
    batch
}

#[test]
fn the_newest_messages_of_each_partition_are_kept() {
    let live = live();
    let places = |partition, most| -> Vec<(i32, i64)> {
        live.messages(partition, most).iter().map(|it| (it.partition, it.offset)).collect()
    };
    assert!(places(None, 10).is_empty());
    live.keep_messages(0, &messages(0..3, |offset| offset * 10));
    live.keep_messages(1, &messages(7..9, |offset| offset * 2));
    assert_eq!(places(None, 10), [(0, 2), (1, 8), (1, 7), (0, 1), (0, 0)]);
    assert_eq!(places(Some(1), 10), [(1, 8), (1, 7)]);
    assert_eq!(places(None, 2), [(0, 2), (1, 8)]);
    // In batches of whatever size, the newest KEPT_MESSAGES stay.
    live.keep_messages(0, &messages(3..40, |offset| offset * 10));
    live.keep_messages(0, &messages(40..60, |offset| offset * 10));
    let kept = KEPT_MESSAGES as i64;
    assert_eq!(places(Some(0), 500), (60 - kept..60).rev().map(|at| (0, at)).collect::<Vec<_>>());
    live.keep_messages(0, &messages(60..1000, |offset| offset * 10));
    assert_eq!(places(Some(0), 500), (1000 - kept..1000).rev().map(|at| (0, at)).collect::<Vec<_>>());
    let newest = &live.messages(Some(0), 1)[0];
    assert_eq!((newest.payload.as_str(), newest.truncated), ("message 999", false));
    assert_eq!(newest.timestamp.unwrap(), prost_types::Timestamp { seconds: 0, nanos: 9_990_000 });
    live.remove_partition(0);
    assert_eq!(places(None, 10), [(1, 8), (1, 7)]);
}

#[test]
fn of_a_message_the_beginning_is_shown_as_text() {
    let live = live();
    let shown = |payload: &[u8]| {
        let mut batch = RawBatch::default();
        batch.push(payload, 0, 0);
        live.keep_messages(0, &batch);
        let message = live.messages(Some(0), 1).remove(0);
        live.remove_partition(0);
        (message.payload, message.truncated)
    };
    assert_eq!(shown(b""), (String::new(), false));
    assert_eq!(shown(b"a\xffb\xc3"), ("a\u{fffd}b\u{fffd}".into(), false));
    assert_eq!(shown(&[b'x'; MESSAGE_HEAD]), ("x".repeat(MESSAGE_HEAD), false));
    assert_eq!(shown(&[b'x'; MESSAGE_HEAD + 1]), ("x".repeat(MESSAGE_HEAD), true));
    // A character is not cut in two, whatever its length and wherever the cut falls.
    for (letter, shift) in [("é", 1), ("€", 1), ("€", 2), ("😀", 1), ("😀", 2), ("😀", 3), ("😀", 0)]
    {
        let text = "x".repeat(shift) + &letter.repeat(MESSAGE_HEAD);
        let (payload, truncated) = shown(text.as_bytes());
        assert!(truncated && text.starts_with(&payload), "{letter} {shift}");
        assert!(payload.len() > MESSAGE_HEAD - letter.len(), "{letter} {shift}");
    }
}

#[test]
fn large_messages_do_not_make_an_answer_too_large() {
    let live = live();
    for partition in 0..20 {
        let mut batch = RawBatch::default();
        // Each byte becomes the three of U+FFFD.
        (0..50).for_each(|offset| batch.push(&[0xff; 5000], offset, offset));
        live.keep_messages(partition, &batch);
    }
    let answer = proto::ListMessagesResponse { messages: live.messages(None, 500) };
    assert!((1 << 20..4 << 20).contains(&answer.encoded_len()), "{}", answer.encoded_len());
}

#[test]
fn what_the_cluster_answered_stays_when_it_falls_silent() {
    let live = live();
    assert!(live.cluster().is_none());
    live.set_cluster("readings", "coldstream", Err("no broker".into()));
    let state = live.cluster().unwrap();
    assert_eq!((state.topic.as_str(), state.group.as_str()), ("readings", "coldstream"));
    assert_eq!((state.answered_at, state.error.as_str()), (None, "no broker"));
    let view = ClusterView {
        brokers: [(1, "one:9092".into())].into(),
        topics: [("b".into(), 3), ("a".into(), 1)].into(),
    };
    live.set_cluster("readings", "coldstream", Ok(view));
    let state = live.cluster().unwrap();
    assert_eq!(state.brokers, [proto::Broker { id: 1, address: "one:9092".into() }]);
    let topics: Vec<_> = state.topics.iter().map(|it| (it.name.as_str(), it.partitions)).collect();
    assert_eq!(topics, [("a", 1), ("b", 3)]);
    assert!(state.answered_at.is_some() && state.error.is_empty());
    live.set_cluster("readings", "coldstream", Err("gone".into()));
    let silent = live.cluster().unwrap();
    assert_eq!(silent, proto::KafkaState { error: "gone".into(), ..state });
}

#[test]
fn pages_hold_every_machine_once_in_order_and_stay_small() {
    let live = live();
    let ids: Vec<String> = (0..300).map(|n| format!("site-{}/{n}", n % 3)).collect();
    let long = "x".repeat(10_000);
    let rows = RecordBatch::try_from_iter([
        (MACHINE_ID, Arc::new(StringArray::from(ids.clone())) as ArrayRef),
        (TIMESTAMP, times(&vec![1; 300])),
        ("note", Arc::new(StringArray::from(vec![long.as_str(); 300])) as ArrayRef),
    ])
    .unwrap();
    live.update(READINGS, &rows);
    let all = |filter: &Filter, most| {
        let (mut seen, mut after, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let (page, next) = live.page(filter, &[], &after, most);
            let bytes: usize = page.iter().map(Message::encoded_len).sum();
            assert!(
                page.len() <= most && bytes < 2 * MESSAGE_BYTES,
                "{} machines, {bytes} bytes",
                page.len()
            );
            seen.extend(page.into_iter().map(|machine| machine.id));
            pages += 1;
            match next {
                Some(next) => after = next,
                None => return (seen, pages),
            }
        }
    };
    let mut sorted = ids.clone();
    sorted.sort();
    assert_eq!(all(&Filter::default(), 1000), (sorted.clone(), 3), "3 MB in pages of about 1 MiB");
    assert_eq!(all(&Filter::default(), 70), (sorted.clone(), 5));
    let site: Vec<_> = sorted.into_iter().filter(|id| id.starts_with("site-1/")).collect();
    assert_eq!(all(&Filter { prefix: "site-1/".into(), ..Filter::default() }, 50).0, site);
    let filter = Filter { ids: ["site-1/1".into(), "site-2/2".into()].into(), prefix: "site-2/".into() };
    assert_eq!(all(&filter, 50).0, ["site-2/2"]);
    let (none, next) = live.page(&Filter::default(), &[MachineState::Critical], "", 10);
    assert!(none.is_empty() && next.is_none());
}

#[tokio::test]
async fn a_slow_watcher_gets_the_newest_state_once() {
    let live = live();
    let mut watcher = live.watch(Filter::default(), Duration::ZERO);
    assert!(watcher.next().await.is_empty(), "the first message says that the watch is on");
    for time in 0..10_000 {
        live.update(READINGS, &batch(TIMESTAMP, "x", &[("a", time, Some(time as f64))]));
    }
    let machines = watcher.next().await;
    assert_eq!(machines.len(), 1);
    assert_eq!(machines[0].last_reading.as_ref().unwrap().values["x"], 9_999.0);
    assert_eq!(machines[0].readings, 10_000);
    assert!(watcher.next().now_or_never().is_none(), "nothing is left over");
    predict(&live, "a", 5, Some(0.5));
    assert_eq!(watcher.next().await[0].state(), MachineState::Warning);
    predict(&live, "a", 4, Some(0.9));
    assert!(watcher.next().now_or_never().is_none(), "an older row is no change");
}

#[tokio::test]
async fn a_watcher_gets_what_it_asked_for_no_more_often_than_it_asked() {
    let live = live();
    let filter = Filter { prefix: "a".into(), ..Filter::default() };
    let interval = Duration::from_millis(150);
    let mut watcher = live.watch(filter, interval);
    watcher.next().await;
    let started = Instant::now();
    for _ in 0..2 {
        live.update(READINGS, &batch(TIMESTAMP, "x", &[("b1", 1, None), ("a1", 1, None), ("a2", 1, None)]));
        let ids: Vec<_> = watcher.next().await.into_iter().map(|machine| machine.id).collect();
        assert_eq!(ids, ["a1", "a2"]);
    }
    assert!(started.elapsed() >= 2 * interval - Duration::from_millis(5), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_plant_too_large_for_one_message_comes_in_several() {
    let live = live();
    let ids: Vec<String> = (0..400).map(|n| n.to_string()).collect();
    let long = "x".repeat(10_000);
    let rows = RecordBatch::try_from_iter([
        (MACHINE_ID, Arc::new(StringArray::from(ids.clone())) as ArrayRef),
        (TIMESTAMP, times(&vec![1; 400])),
        ("note", Arc::new(StringArray::from(vec![long.as_str(); 400])) as ArrayRef),
    ])
    .unwrap();
    live.update(READINGS, &rows);
    let mut watcher = live.watch(Filter::default(), Duration::from_secs(3600));
    let mut seen = Vec::new();
    while seen.len() < ids.len() {
        // The long interval is for changes: the rest of one look does not wait for it.
        let machines = tokio::time::timeout(PATIENCE, watcher.next()).await.unwrap();
        assert!(machines.len() < 200);
        seen.extend(machines.into_iter().map(|machine| machine.id));
    }
    assert_eq!(seen, ids);
}

#[tokio::test]
async fn a_watcher_is_told_of_a_machine_that_falls_silent() {
    let live = Arc::new(LiveState::new(Duration::from_millis(300)));
    live.update(READINGS, &batch(TIMESTAMP, "x", &[("a", 1, None)]));
    let mut watcher = live.watch(Filter::default(), Duration::ZERO);
    let silent = async { while watcher.next().await.iter().all(|it| it.state() != MachineState::Stale) {} };
    tokio::time::timeout(PATIENCE, silent).await.unwrap();
    live.update(READINGS, &batch(TIMESTAMP, "x", &[("a", 2, None)]));
    let woken = watcher.next().await;
    assert_eq!(woken[0].last_reading.as_ref().unwrap().timestamp.unwrap().nanos, 2_000);
}

#[test]
fn writers_in_parallel_lose_nothing() {
    let live = live();
    std::thread::scope(|scope| {
        for partition in 0..4 {
            let live = &live;
            scope.spawn(move || {
                for time in 0..200 {
                    let own = format!("{partition}");
                    live.update(
                        READINGS,
                        &batch(TIMESTAMP, "x", &[(&own, time, None), ("shared", time, None)]),
                    );
                    live.page(&Filter::default(), &[], "", 10);
                }
            });
        }
    });
    assert_eq!(live.totals().readings, 1_600);
    assert_eq!(live.machine("shared").unwrap().readings, 800);
    let last = live.machine("3").unwrap().last_reading.unwrap().timestamp.unwrap();
    assert_eq!((last.seconds, last.nanos), (0, 199_000));
}

#[test]
fn a_partition_lags_by_what_is_left_in_kafka() {
    let live = live();
    let status = PartitionStatus {
        partition: 3,
        next_offset: 90,
        high_watermark: Some(100),
        watermark: None,
        epoch: 2,
    };
    live.set_partition(status);
    live.set_partition(PartitionStatus { partition: 1, high_watermark: None, ..status });
    let lags: Vec<_> = live.partitions().iter().map(|it| (it.partition, it.lag())).collect();
    assert_eq!(lags, [(1, None), (3, Some(10))]);
    assert_eq!(
        PartitionStatus { high_watermark: Some(80), ..status }.lag(),
        Some(0),
        "an old answer of Kafka"
    );
    live.remove_partition(3);
    assert_eq!(live.partitions().len(), 1);
}

/// A row of the model: machine, event time, value.
type ModelRow = (u8, i64, Option<f64>);

fn rows() -> impl Strategy<Value = Vec<ModelRow>> {
    prop::collection::vec((0..6_u8, 0..40_i64, prop::option::of(-1e3..1e3)), 0..40)
}

proptest! {
    /// Row by row: a row replaces the one held if it is not older.
    #[test]
    fn the_newest_row_of_each_machine_is_held(batches in prop::collection::vec((0..3_usize, rows()), 0..20)) {
        let live = live();
        let names = [READINGS, "features", "predictions"];
        let mut held: HashMap<(usize, String), (i64, Option<f64>)> = HashMap::new();
        let mut readings: HashMap<String, u64> = HashMap::new();
        for (stream, rows) in &batches {
            let ids: Vec<String> = rows.iter().map(|row| format!("m{}", row.0)).collect();
            let time = if *stream == 0 { TIMESTAMP } else { WINDOW_TIME };
            let column = if *stream == 2 { "probability" } else { "x" };
            let rows: Vec<_> = rows.iter().zip(&ids).map(|(row, id)| (id.as_str(), row.1, row.2)).collect();
            live.update(names[*stream], &batch(time, column, &rows));
            for (id, time, value) in rows {
                if *stream == 0 {
                    *readings.entry(id.into()).or_default() += 1;
                }
                let entry = held.entry((*stream, id.into())).or_insert((time, value));
                if time >= entry.0 {
                    *entry = (time, value);
                }
            }
        }
        for id in (0..6).map(|machine| format!("m{machine}")) {
            let expected = |stream: usize| held.get(&(stream, id.clone())).copied();
            let seen = live.machine(&id);
            prop_assert_eq!(seen.is_some(), (0..3).any(|stream| expected(stream).is_some()));
            let seen = seen.unwrap_or_default();
            prop_assert_eq!(seen.readings, readings.get(&id).copied().unwrap_or(0));
            let rows = [
                seen.last_reading.as_ref(),
                seen.streams.get("features"),
                seen.streams.get("predictions"),
            ];
            for (stream, row) in rows.into_iter().enumerate() {
                let column = if stream == 2 { "probability" } else { "x" };
                let row = row.map(|row| {
                    let time = row.timestamp.unwrap();
                    let micros = time.seconds * 1_000_000 + i64::from(time.nanos) / 1_000;
                    (micros, row.values.get(column).copied())
                });
                prop_assert_eq!(row, expected(stream));
            }
            let probability = seen.predictions.first().and_then(|prediction| prediction.probability);
            prop_assert_eq!(probability, expected(2).and_then(|(_, probability)| probability));
        }
    }
}
