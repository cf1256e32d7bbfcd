//! The numbers at `/metrics`, in Prometheus' text format.
//!
//! All names are here, so that the dashboards have one place to look. The functions may be called from any
//! thread; they do nothing until [`install`] was called.

use std::sync::OnceLock;
use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use super::ServeError;
use super::live::PartitionStatus;

const READINGS: &str = "coldstream_readings_total";
const DEAD_LETTERS: &str = "coldstream_dead_letters_total";
const LATE_READINGS: &str = "coldstream_late_readings_total";
const DUPLICATES: &str = "coldstream_duplicate_readings_total";
const UNKNOWN_MACHINES: &str = "coldstream_unknown_machines";
const UNKNOWN_READINGS: &str = "coldstream_unknown_machine_readings_total";
const MACHINE_FILES: &str = "coldstream_machines_file_changes_total";
const MACHINE_FILE_REFUSED: &str = "coldstream_machines_file_refused";
const ROWS: &str = "coldstream_rows_total";
const GAPS: &str = "coldstream_gaps_total";
const MISSING: &str = "coldstream_missing_messages_total";
const WATERMARK: &str = "coldstream_watermark_seconds";
const LAG: &str = "coldstream_consumer_lag";
const REGISTRY_FAILURES: &str = "coldstream_schema_registry_failures_total";
const COMMIT: &str = "coldstream_commit_seconds";

/// Upper bounds of the commit histogram, in seconds: from a local folder to a slow object store.
const COMMIT_BUCKETS: &[f64] = &[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// Makes this process keep metrics, and describes them. Later calls give the same handle.
///
/// Fails if another recorder was installed in the process before.
pub fn install() -> Result<PrometheusHandle, ServeError> {
    // A lock that waits, because the tests of one binary come here together.
    static INSTALLED: OnceLock<Result<PrometheusHandle, String>> = OnceLock::new();
    INSTALLED
        .get_or_init(|| {
            let handle = PrometheusBuilder::new()
                .set_buckets_for_metric(Matcher::Full(COMMIT.into()), COMMIT_BUCKETS)
                .and_then(PrometheusBuilder::install_recorder)
                .map_err(|error| error.to_string())?;
            describe();
            Ok(handle)
        })
        .clone()
        .map_err(ServeError::Metrics)
}

fn describe() {
    describe_counter!(READINGS, "Readings processed.");
    describe_counter!(DEAD_LETTERS, "Messages that could not be used as readings, by reason.");
    describe_counter!(
        LATE_READINGS,
        "Readings that came after every window they belong to was closed, by stream."
    );
    describe_counter!(
        REGISTRY_FAILURES,
        "Questions to the schema registry that it did not answer; while it does not, partitions wait."
    );
    describe_counter!(DUPLICATES, "Readings of a machine and an event time that were there before.");
    describe_counter!(GAPS, "Times that reading went on behind messages that were gone, by reason.");
    describe_counter!(MISSING, "Messages that were gone before they were read, where their number is known.");
    describe_gauge!(
        UNKNOWN_MACHINES,
        "Machines whose readings came and that the file of machines does not know."
    );
    describe_counter!(UNKNOWN_READINGS, "Readings of machines that the file of machines does not know.");
    describe_counter!(MACHINE_FILES, "Changes of the file of machines, by outcome: taken or refused.");
    describe_gauge!(MACHINE_FILE_REFUSED, "1 while the newest content of the file of machines is not used.");
    describe_counter!(ROWS, "Rows produced, by stream.");
    describe_gauge!(
        WATERMARK,
        Unit::Seconds,
        "Event time up to which readings are complete, in seconds since the epoch, by Kafka partition."
    );
    describe_gauge!(LAG, "Messages in Kafka that are not processed yet, by Kafka partition.");
    describe_histogram!(COMMIT, Unit::Seconds, "Time to commit a checkpoint to all tables.");
    // The metric without labels is there from the start, so that a rate over it has its first point.
    counter!(READINGS).increment(0);
    counter!(DUPLICATES).increment(0);
    counter!(UNKNOWN_READINGS).increment(0);
}

/// Counts readings processed.
pub fn readings(rows: u64) {
    counter!(READINGS).increment(rows);
}

/// Counts rows of a stream.
pub fn rows(stream: &str, rows: u64) {
    counter!(ROWS, "stream" => stream.to_owned()).increment(rows);
}

/// Counts messages that could not be used. `reason` is one of a few fixed words: each becomes a time series.
pub fn dead_letters(reason: &'static str, messages: u64) {
    counter!(DEAD_LETTERS, "reason" => reason).increment(messages);
}

/// Counts a question to the schema registry that was not answered.
pub fn registry_failure() {
    counter!(REGISTRY_FAILURES).increment(1);
}

/// Counts readings too late for the windows of `stream`.
pub fn late_readings(stream: &str, readings: u64) {
    counter!(LATE_READINGS, "stream" => stream.to_owned()).increment(readings);
}

/// Counts readings that had come before.
pub fn duplicates(readings: u64) {
    counter!(DUPLICATES).increment(readings);
}

/// Counts readings of machines that the file of machines does not know.
pub fn unknown_readings(readings: u64) {
    counter!(UNKNOWN_READINGS).increment(readings);
}

/// Notes how many machines the file of machines does not know.
pub fn unknown_machines(machines: u64) {
    gauge!(UNKNOWN_MACHINES).set(machines as f64);
}

/// Counts a change of the file of machines, and whether it could be used.
pub fn machines_file(taken: bool) {
    let outcome = if taken { "taken" } else { "refused" };
    counter!(MACHINE_FILES, "outcome" => outcome).increment(1);
    gauge!(MACHINE_FILE_REFUSED).set(f64::from(u8::from(!taken)));
}

/// Counts a gap, and the messages that are missing, where their number is known.
pub fn gap(reason: &'static str, missing: Option<i64>) {
    counter!(GAPS, "reason" => reason).increment(1);
    counter!(MISSING).increment(missing.map_or(0, i64::unsigned_abs));
}

/// Notes how long a commit took.
pub fn commit(took: Duration) {
    histogram!(COMMIT).record(took.as_secs_f64());
}

/// Notes where a partition is.
pub fn partition(status: &PartitionStatus) {
    let label = status.partition.to_string();
    if let Some(watermark) = status.watermark {
        gauge!(WATERMARK, "partition" => label.clone()).set(watermark as f64 / 1e6);
    }
    if let Some(lag) = status.lag() {
        gauge!(LAG, "partition" => label).set(lag as f64);
    }
}
