//! Whether `coldstream run` can go on where the archive ends: the checkpoints against the queries and the topic.

use std::collections::BTreeMap;

use super::Finding;
use super::kafka::Offsets;
use crate::archive::EpochManifest;
use crate::config::OnQueryChange;

/// What the other checks have seen; `None` is what they could not see.
pub(super) struct Facts<'a> {
    /// Fingerprint of the queries, models and columns.
    pub(super) fingerprint: Option<&'a str>,
    /// The newest epoch of each partition of the topic.
    pub(super) epochs: Option<&'a [EpochManifest]>,
    /// What each partition of the topic holds.
    pub(super) offsets: Option<&'a BTreeMap<i32, Offsets>>,
    /// What to do with a checkpoint of other queries.
    pub(super) on_query_change: OnQueryChange,
}

const CHECK: &str = "checkpoints";

/// The worst that the comparison shows.
pub(super) fn judge(facts: &Facts<'_>) -> Finding {
    let Some(epochs) = facts.epochs else {
        return Finding::unchecked(CHECK, "the archive cannot be read");
    };
    let Some(newest) = epochs.iter().max_by_key(|epoch| epoch.written_at) else {
        return Finding::ok(CHECK, "none of this topic: reading begins at its oldest message");
    };
    if let Some(lost) = facts.offsets.and_then(|offsets| beyond_the_end(epochs, offsets)) {
        return lost;
    }
    let age = super::span(chrono::Utc::now().timestamp_micros() - newest.written_at);
    let seen = format!("partitions: {}, the newest written {age} ago", epochs.len());
    let Some(fingerprint) = facts.fingerprint else {
        return Finding::unchecked(CHECK, "the queries cannot be planned");
    };
    let others = epochs.iter().filter(|epoch| epoch.fingerprint != fingerprint).count();
    match (others, facts.on_query_change) {
        (0, _) => Finding::ok(CHECK, format!("{seen}; they fit the queries")),
        (_, OnQueryChange::Rebuild) => {
            let seen = format!("{seen}; {others} of them were written by other queries or models");
            let cure = "the next start makes their windows anew from the archive, as configured".into();
            Finding::warning(CHECK, seen, Some(cure))
        }
        (_, OnQueryChange::StartEmpty) => {
            let seen = format!("{seen}; {others} of them were written by other queries or models");
            let cure = "the next start goes on at the same offset with empty windows, as configured".into();
            Finding::warning(CHECK, seen, Some(cure))
        }
        (_, OnQueryChange::Refuse) => {
            let seen = format!("{seen}; {others} of them were written by other queries or models");
            let cure = "`coldstream run` will refuse to start: put the queries and models back as they were, or set \
                        `dataflow.on_query_change` to \"rebuild\" or \"start_empty\"";
            Finding::failure(CHECK, seen, Some(cure.into()))
        }
    }
}

/// A checkpoint that goes on after the end of its partition, or before its beginning.
fn beyond_the_end(epochs: &[EpochManifest], offsets: &BTreeMap<i32, Offsets>) -> Option<Finding> {
    let placed = |epoch: &EpochManifest| offsets.get(&epoch.partition).map(|held| (epoch.next_offset, *held));
    let after = epochs.iter().find_map(|epoch| {
        let (next, held) = placed(epoch)?;
        (next > held.end).then(|| {
            let partition = epoch.partition;
            let seen = format!(
                "partition {partition} goes on at offset {next}, but the topic ends at {}: was it made anew?",
                held.end
            );
            let cure = "use a topic of another name, or start anew with another [archive] url";
            Finding::failure(CHECK, seen, Some(cure.into()))
        })
    });
    after.or_else(|| {
        epochs.iter().find_map(|epoch| {
            let (next, held) = placed(epoch)?;
            (next < held.begin).then(|| {
                let lost = held.begin - next;
                let partition = epoch.partition;
                let seen = format!(
                    "partition {partition}: Kafka has deleted {lost} messages that were not read yet"
                );
                let cure =
                    "they are lost; raise the topic's `retention.ms` above the longest stop of Coldstream";
                Finding::warning(CHECK, seen, Some(cure.into()))
            })
        })
    })
}
