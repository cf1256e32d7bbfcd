//! The Kafka cluster, as it last answered.

use std::time::{SystemTime, UNIX_EPOCH};

use super::{LiveState, lock};
use crate::serve::{convert, proto};
use crate::source::cluster::ClusterView;

/// What is known of the cluster.
#[derive(Debug, Default)]
pub(super) struct Cluster {
    topic: String,
    group: String,
    view: ClusterView,
    /// Wall clock, microseconds since the epoch.
    answered_at: Option<i64>,
    error: String,
}

impl LiveState {
    /// Notes what the cluster answered, or why it did not: what it answered before then stays.
    pub fn set_cluster(&self, topic: &str, group: &str, answer: Result<ClusterView, String>) {
        let mut known = lock(&self.cluster);
        let cluster = known.get_or_insert_with(|| Cluster {
            topic: topic.to_owned(),
            group: group.to_owned(),
            ..Cluster::default()
        });
        match answer {
            Ok(view) => {
                cluster.view = view;
                cluster.error.clear();
                // A clock before 1970 is set wrongly; 1970 is then as good as any answer.
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                cluster.answered_at = Some(now.as_micros() as i64);
            }
            Err(error) => cluster.error = error,
        }
    }

    /// What is known of the cluster; `None` before it was first asked.
    pub fn cluster(&self) -> Option<proto::KafkaState> {
        let known = lock(&self.cluster);
        let cluster = known.as_ref()?;
        let brokers = cluster.view.brokers.iter();
        let topics = cluster.view.topics.iter();
        Some(proto::KafkaState {
            topic: cluster.topic.clone(),
            group: cluster.group.clone(),
            brokers: brokers
                .map(|(id, address)| proto::Broker { id: *id, address: address.clone() })
                .collect(),
            topics: topics
                .map(|(name, &partitions)| proto::Topic { name: name.clone(), partitions })
                .collect(),
            answered_at: cluster.answered_at.map(convert::timestamp),
            error: cluster.error.clone(),
        })
    }
}
