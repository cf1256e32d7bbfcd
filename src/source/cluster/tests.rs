use std::sync::mpsc::{RecvTimeoutError, channel};

use rdkafka::mocking::MockCluster;

use super::*;

const PATIENCE: Duration = Duration::from_secs(20);

fn settings(brokers: String) -> KafkaSettings {
    // What is meant for the consumer of the readings does not disturb.
    let options = [("statistics.interval.ms", "100"), ("group.instance.id", "one")];
    let options = options.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    KafkaSettings { brokers, topic: "a".into(), group: "g".into(), options }
}

#[test]
fn a_cluster_tells_its_brokers_and_the_topics_of_its_users() {
    let cluster = MockCluster::new(2).unwrap();
    for (topic, partitions) in [("a", 3), ("b", 1), ("__consumer_offsets", 5)] {
        cluster.create_topic(topic, partitions, 1).unwrap();
    }
    let (tell, told) = channel();
    let stop = Arc::new(AtomicBool::new(false));
    observe(settings(cluster.bootstrap_servers()), Arc::clone(&stop), move |answer| {
        tell.send(answer).unwrap();
    })
    .unwrap();
    let view = told.recv_timeout(PATIENCE).unwrap().unwrap();
    assert_eq!(view.topics, [("a".to_owned(), 3), ("b".to_owned(), 1)].into());
    let brokers = cluster.bootstrap_servers();
    let mut addresses: Vec<&str> = brokers.split(',').collect();
    addresses.sort_unstable();
    let mut seen: Vec<&str> = view.brokers.values().map(String::as_str).collect();
    seen.sort_unstable();
    assert_eq!((view.brokers.len(), seen), (2, addresses));
    // The thread ends, and with it its end of the channel.
    stop.store(true, Ordering::Relaxed);
    let end = std::iter::repeat_with(|| told.recv_timeout(PATIENCE)).find_map(Result::err);
    assert_eq!(end, Some(RecvTimeoutError::Disconnected));
}

#[test]
fn a_cluster_that_does_not_answer_is_told_too() {
    let (tell, told) = channel();
    let stop = Arc::new(AtomicBool::new(false));
    // Port 1 of this machine answers nobody.
    observe(settings("127.0.0.1:1".into()), Arc::clone(&stop), move |answer| {
        tell.send(answer).unwrap();
    })
    .unwrap();
    let error = told.recv_timeout(PATIENCE).unwrap().unwrap_err();
    assert!(!error.is_empty());
    stop.store(true, Ordering::Relaxed);
}
