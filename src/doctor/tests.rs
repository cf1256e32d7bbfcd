//! What is concluded from what was seen; tests/it/doctor.rs looks at real parts.

use std::collections::BTreeMap;

use super::kafka::Offsets;
use super::messages::{Newest, messages};
use super::*;
use crate::archive::{Epoch, EpochManifest, MANIFEST_FORMAT};
use crate::config::{MachinesConfig, OnQueryChange};
use crate::schema::ReadingSchema;
use crate::source::input::Input;
use crate::source::kafka::KafkaSettings;

const SKEW: i64 = 600_000_000;

fn epoch(partition: i32, next_offset: i64, fingerprint: &str) -> EpochManifest {
    EpochManifest {
        format: MANIFEST_FORMAT,
        topic: "readings".into(),
        partition,
        epoch: Epoch(7),
        next_offset,
        watermark: None,
        fingerprint: fingerprint.into(),
        written_at: 1,
        files: BTreeMap::new(),
        state: Vec::new(),
    }
}

fn compared(epochs: &[EpochManifest], held: (i64, i64), on_query_change: OnQueryChange) -> Finding {
    let offsets = BTreeMap::from([(0, Offsets { begin: held.0, end: held.1 })]);
    checkpoints::judge(&checkpoints::Facts {
        fingerprint: Some("now"),
        epochs: Some(epochs),
        offsets: Some(&offsets),
        on_query_change,
    })
}

#[test]
fn checkpoints_are_compared_with_queries_and_topic() {
    let fits = compared(&[epoch(0, 10, "now")], (0, 12), OnQueryChange::Refuse);
    assert_eq!(fits.level, Level::Ok, "{fits:?}");
    let other = [epoch(0, 10, "before")];
    let refused = compared(&other, (0, 12), OnQueryChange::Refuse);
    assert_eq!(refused.level, Level::Failure);
    assert!(refused.cure.unwrap().contains("on_query_change"));
    assert_eq!(compared(&other, (0, 12), OnQueryChange::StartEmpty).level, Level::Warning);
    let anew = compared(&[epoch(0, 10, "now")], (0, 9), OnQueryChange::Refuse);
    assert_eq!(anew.level, Level::Warning);
    assert!(anew.seen.contains("offset 10") && anew.seen.contains("ends at 9"), "{anew:?}");
    let lost = compared(&[epoch(0, 10, "now")], (13, 20), OnQueryChange::Refuse);
    assert_eq!(lost.level, Level::Warning);
    assert!(lost.seen.contains("deleted 3 messages"), "{lost:?}");
    assert_eq!(compared(&[], (0, 12), OnQueryChange::Refuse).level, Level::Ok);
}

#[test]
fn a_clock_is_judged_by_its_worst_difference() {
    let level = |store, message| clock::judge(store, message, SKEW).level;
    assert_eq!(level(Some(0), Some(-3_600_000_000)), Level::Ok);
    assert_eq!(level(Some(-60_000_000), None), Level::Warning);
    assert_eq!(level(Some(0), Some(60_000_000)), Level::Warning);
    assert_eq!(level(Some(-3_600_000_000), Some(0)), Level::Failure);
    let seen = clock::judge(Some(-120_000_000), None, SKEW).seen;
    assert!(seen.contains("2 min behind"), "{seen}");
    assert_eq!(level(None, None), Level::Warning);
}

/// The finding about one message sent just now in the first partition, and about one in the second.
fn judged(first: &str, second: Option<&str>) -> Vec<Finding> {
    let now = chrono::Utc::now().timestamp_micros();
    let mut newest = Newest::default();
    newest.add(0, first.as_bytes(), now);
    let mut offsets = BTreeMap::from([(0, Offsets { begin: 0, end: 1 })]);
    if let Some(second) = second {
        newest.add(1, second.as_bytes(), now - 1_000_000);
        offsets.insert(1, Offsets { begin: 0, end: 1 });
    }
    let settings = KafkaSettings {
        brokers: "127.0.0.1:9092".into(),
        topic: "readings".into(),
        group: "g".into(),
        options: BTreeMap::new(),
    };
    let expected = Expected { schema: ReadingSchema::default(), input: None, max_skew: SKEW };
    messages(&newest, &settings, &expected, &Input::default(), &offsets)
}

#[test]
fn a_message_that_is_no_reading_comes_with_its_cure() {
    let good = r#"{"timestamp":"2024-01-15T10:30:00","machine_id":7}"#;
    let found = judged(good, None);
    assert_eq!((found.len(), found[0].level), (1, Level::Ok));
    assert!(found[0].seen.contains("machine 7, 2024-01-15 10:30:00 UTC"), "{found:?}");

    // The local time of Paris without its zone: an hour or two from the future, taken as UTC.
    let ahead = (chrono::Utc::now() + chrono::TimeDelta::hours(2)).format("%Y-%m-%dT%H:%M:%S");
    let found = judged(&format!(r#"{{"timestamp":"{ahead}","machine_id":7}}"#), None);
    assert_eq!(found[0].level, Level::Failure);
    assert!(found[0].cure.as_ref().unwrap().contains("without a zone is read as UTC"), "{found:?}");

    let found = judged(r#"{"timestamp":{"$date":"2024-01-15T10:30:00Z"},"machine_id":7}"#, None);
    assert!(found[0].cure.as_ref().unwrap().contains("send `timestamp` as RFC 3339"), "{found:?}");

    let found = judged(good, Some("pressure=12"));
    assert_eq!(found.iter().map(|finding| finding.level).collect::<Vec<_>>(), [Level::Ok, Level::Warning]);
    assert!(found[1].cure.as_ref().unwrap().contains("one JSON object"), "{found:?}");
}

#[test]
fn a_full_disk_fails_and_a_tight_one_warns() {
    let level = |free, whole| place::judge_disk("/archive", free, whole).level;
    assert_eq!(level(100 << 30, 200 << 30), Level::Ok);
    assert_eq!(level(100 << 30, 4_000 << 30), Level::Warning);
    assert_eq!(level(1 << 30, 10 << 30), Level::Warning);
    assert_eq!(level(1 << 20, 10 << 30), Level::Failure);
}

#[test]
fn the_soft_limit_of_open_files_is_read() {
    let limits = "Limit                     Soft Limit           Hard Limit           Units\n\
                  Max processes             30000                30000                processes\n\
                  Max open files            1024                 1048576              files\n";
    assert_eq!(place::soft_limit(limits), Some(1_024));
    assert_eq!(place::soft_limit(&limits.replace("1024 ", "unlimited ")), Some(u64::MAX));
    assert_eq!(place::soft_limit("Max processes 1 1 processes"), None);
}

#[test]
fn a_report_is_in_the_order_of_the_checks_and_counts() {
    let findings = vec![
        Finding::ok("machine", "a disk"),
        Finding::failure("broker", "no answer\n  from it", Some("start it".into())),
        Finding::warning("topic", "not checked", None),
        Finding::ok("configuration", "read"),
    ];
    let report = Report::new("c.toml".into(), findings, Duration::from_millis(1_250));
    assert!(!report.ok);
    assert_eq!((report.failures, report.warnings), (1, 1));
    let text = report.text(false);
    let expected = "\
ok       configuration  read
FAILURE  broker         no answer from it
                        hint: start it
WARNING  topic          not checked
ok       machine        a disk
2 ok, 1 warning, 1 failure, in 1.2 s
";
    assert_eq!(text, expected);
    assert!(report.text(true).contains("\x1b[31mFAILURE\x1b[0m"));
}

#[test]
fn spans_are_told_in_the_unit_that_fits() {
    let told = [1, 1_500_000, 119_000_000, 120_000_000, 7_200_000_000, 172_800_000_000].map(span);
    assert_eq!(told, ["1 s", "2 s", "119 s", "2 min", "2 h", "2 days"]);
    assert_eq!(span(-3_000_000), "3 s");
}

#[test]
fn machines_that_have_sent_readings_are_looked_for_in_the_file() {
    let met = |ids: &[&str]| Some(ids.iter().map(|id| (*id).to_string()).collect());
    let none = machines::judge(&MachinesConfig::default(), met(&["1"]).as_ref());
    assert_eq!(none.level, Level::Ok);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("machines.toml");
    std::fs::write(&path, "[[machines]]\nid = 1\n").unwrap();
    let config = MachinesConfig { file: Some(path.clone()) };
    assert_eq!(machines::judge(&config, None).level, Level::Ok);
    assert_eq!(machines::judge(&config, met(&["1"]).as_ref()).level, Level::Ok);
    let unknown = machines::judge(&config, met(&["1", "7", "rack"]).as_ref());
    assert_eq!(unknown.level, Level::Warning);
    assert!(unknown.seen.contains("2 that have sent readings are not in it: `7`, `rack`"), "{unknown:?}");
    std::fs::write(&path, "[[machines]]\nid = 1\nrefrigerant = \"R9\"\n").unwrap();
    let wrong = machines::judge(&config, None);
    assert_eq!(wrong.level, Level::Failure);
    assert!(wrong.seen.contains("machine `1`: refrigerant"), "{wrong:?}");
}
