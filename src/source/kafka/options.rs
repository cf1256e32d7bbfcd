//! How the client is configured: what Coldstream needs, what suits it, and what `[kafka.options]` says.

use rdkafka::config::ClientConfig;

use super::KafkaSettings;

/// What the checkpoints rest on, and what no option may change.
const OURS: &[(&str, &str)] = &[
    // Offsets are kept in the checkpoints.
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    // Messages that are gone are recorded, not skipped in silence.
    ("auto.offset.reset", "error"),
];

/// What the classic group protocol takes and the next-generation one (`group.protocol=consumer`) refuses: there the
/// broker decides.
const CLASSIC: &[(&str, &str)] = &[
    // Only what moves is interrupted.
    ("partition.assignment.strategy", "cooperative-sticky"),
    // How long the partitions of a killed process stay without owner; librdkafka beats in a thread of its own, so a
    // busy process is not taken for a dead one. The default is 45 s.
    ("session.timeout.ms", "10000"),
];

const OTHERS: &[(&str, &str)] = &[
    // How soon a new partition is seen.
    ("topic.metadata.refresh.interval.ms", "5000"),
    ("statistics.interval.ms", "2000"),
    // The default of one second leaves the fetcher idle once its queue has been full.
    ("fetch.queue.backoff.ms", "10"),
    ("fetch.message.max.bytes", "4194304"),
    ("receive.message.max.bytes", "134217728"),
];

/// The configuration of the consumer.
pub(super) fn client_config(settings: &KafkaSettings) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &settings.brokers).set("group.id", &settings.group);
    let next_generation =
        settings.options.get("group.protocol").is_some_and(|value| value.eq_ignore_ascii_case("consumer"));
    let classic = if next_generation { &[] } else { CLASSIC };
    for (key, value) in OTHERS.iter().chain(classic) {
        config.set(*key, *value);
    }
    for (key, value) in &settings.options {
        config.set(key, value);
    }
    for (key, value) in OURS {
        if settings.options.get(*key).is_some_and(|given| given != value) {
            tracing::warn!("`{key}` in [kafka.options] is left out: the offsets of the checkpoints count");
        }
        config.set(*key, *value);
    }
    config
}

#[cfg(test)]
mod tests {
    use rdkafka::consumer::BaseConsumer;

    use super::*;

    fn settings(options: &[(&str, &str)]) -> KafkaSettings {
        KafkaSettings {
            brokers: "127.0.0.1:1".into(),
            topic: "t".into(),
            group: "g".into(),
            options: options.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
        }
    }

    #[test]
    fn librdkafka_takes_the_configuration_with_each_group_protocol() {
        for options in [
            &[][..],
            &[("group.protocol", "consumer")],
            &[("group.protocol", "classic"), ("partition.assignment.strategy", "range")],
        ] {
            let config = client_config(&settings(options));
            let made: Result<BaseConsumer, _> = config.create();
            assert!(made.is_ok(), "{options:?}: {:?}", made.err());
        }
    }

    #[test]
    fn an_option_wins_but_where_exactly_once_depends_on_it() {
        let config = client_config(&settings(&[
            ("session.timeout.ms", "30000"),
            ("auto.offset.reset", "latest"),
            ("enable.auto.commit", "true"),
        ]));
        assert_eq!(config.get("session.timeout.ms"), Some("30000"));
        assert_eq!(config.get("auto.offset.reset"), Some("error"));
        assert_eq!(config.get("enable.auto.commit"), Some("false"));
        assert_eq!(config.get("partition.assignment.strategy"), Some("cooperative-sticky"));
    }
}
