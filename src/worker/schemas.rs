//! Waiting for the schema registry.
//!
//! A registry that does not answer says nothing about the messages, so they must not become dead letters for it: the
//! partition waits and asks again, and its messages stay in Kafka. It waits alone; other partitions go on as long as
//! they know the schemas they need.

use std::time::Duration;

use super::task::TaskContext;
use crate::serve::metrics;
use crate::source::decode::schema_ids;
use crate::source::raw::RawBatch;

/// The wait after the first question without answer; it doubles up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// How often whoever waits looks whether the partition is still ours.
const LOOK: Duration = Duration::from_millis(50);

/// Makes sure that everything that can be known of a batch's schemas is known. `false`: the partition is to be given
/// up, and the batch must not be decoded.
pub(super) fn known(context: &TaskContext, raw: &RawBatch) -> bool {
    let Some(registry) = context.shared.settings.input.registry() else { return true };
    let ids = schema_ids(raw);
    let learn = async {
        let mut wait = FIRST_WAIT;
        while let Err(error) = registry.learn(&ids).await {
            metrics::registry_failure();
            let hint = error.hint().unwrap_or_default();
            tracing::error!(partition = context.partition, "{error}: the partition waits; hint: {hint}");
            tokio::time::sleep(wait).await;
            wait = (2 * wait).min(LONGEST_WAIT);
        }
    };
    let leaving = async {
        while context.tenure.is_held() {
            tokio::time::sleep(LOOK).await;
        }
    };
    context.shared.runtime.block_on(async {
        tokio::select! {
            biased;
            () = learn => true,
            () = leaving => false,
        }
    })
}
