use arrow::array::{Array, AsArray};
use arrow::datatypes::Int64Type;

use super::*;

#[test]
fn a_partition_never_read_begins_at_its_oldest_message_without_a_gap() {
    assert_eq!(Start::decide(None, 40, 90), Start { offset: 40, gap: None });
    assert_eq!(Start::decide(None, 0, 0), Start { offset: 0, gap: None });
}

#[test]
fn an_offset_within_the_log_or_at_its_end_is_taken_as_it_is() {
    for next in [40, 41, 89, 90] {
        assert_eq!(Start::decide(Some(next), 40, 90), Start { offset: next, gap: None });
    }
    // Nothing is left of a log whose messages were all read and then deleted.
    assert_eq!(Start::decide(Some(90), 90, 90), Start { offset: 90, gap: None });
}

#[test]
fn messages_deleted_before_they_were_read_are_counted() {
    let start = Start::decide(Some(25), 40, 90);
    let gap = Gap { first_missing: 25, next_offset: 40, missing: Some(15), reason: GapReason::Retention };
    assert_eq!(start, Start { offset: 40, gap: Some(gap) });
}

#[test]
fn a_log_that_ends_before_the_offset_is_another_one() {
    let start = Start::decide(Some(91), 0, 90);
    let gap = Gap { first_missing: 91, next_offset: 0, missing: None, reason: GapReason::TopicRecreated };
    assert_eq!(start, Start { offset: 0, gap: Some(gap) });
}

#[test]
fn a_row_has_the_event_time_before_the_hole_and_the_wall_clock() {
    let gap = Start::decide(Some(25), 40, 90).gap.unwrap();
    let row = gap.row("t", 3, Some(1_000), 2_000).unwrap();
    let number = |name: &str| row.column_by_name(name).unwrap().as_primitive::<Int64Type>().value(0);
    assert_eq!((number("missing"), number("first_missing_offset"), number("next_offset")), (15, 25, 40));
    let time = |row: &RecordBatch, name: &str| {
        let column = row.column_by_name(name).unwrap();
        column.as_primitive::<arrow::datatypes::TimestampMicrosecondType>().value(0)
    };
    assert_eq!((time(&row, "timestamp"), time(&row, "recorded_at")), (1_000, 2_000));
    let other = Start::decide(Some(5), 0, 4).gap.unwrap().row("t", 3, None, 2_000).unwrap();
    assert!(other.column_by_name("missing").unwrap().is_null(0));
    assert_eq!(time(&other, "timestamp"), 2_000);
}
