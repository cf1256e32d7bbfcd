use std::collections::HashMap;
use std::net::TcpListener;
use std::time::Instant;

use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::*;

fn cluster(topic: &str, partitions: i32) -> MockCluster<'static, DefaultProducerContext> {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic(topic, partitions, 1).unwrap();
    cluster
}

/// A message as the topic holds it.
struct Stored {
    partition: i32,
    key: Option<String>,
    payload: String,
}

/// Reads `count` messages of a topic from its beginning, each partition in its order.
fn read_all(brokers: &str, topic: &str, partitions: i32, count: usize) -> Vec<Stored> {
    let consumer: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", brokers).set("group.id", "test").create().unwrap();
    let mut list = TopicPartitionList::new();
    for partition in 0..partitions {
        list.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
    }
    consumer.assign(&list).unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut found = Vec::new();
    while found.len() < count {
        assert!(Instant::now() < deadline, "only {} of {count} messages", found.len());
        let Some(message) = consumer.poll(Duration::from_millis(200)) else { continue };
        let message = message.unwrap();
        found.push(Stored {
            partition: message.partition(),
            key: message.key().map(|key| String::from_utf8(key.to_vec()).unwrap()),
            payload: String::from_utf8(message.payload().unwrap().to_vec()).unwrap(),
        });
    }
    found
}

#[test]
fn every_message_arrives_once_in_the_order_of_its_key() {
    let cluster = cluster("readings", 4);
    let brokers = cluster.bootstrap_servers();
    let mut producer = Producer::connect(&brokers, "readings", &ProducerOptions::default()).unwrap();
    for number in 0..20_000 {
        producer.send(&format!("m{}", number % 37), number.to_string().as_bytes()).unwrap();
    }
    assert_eq!(producer.finish().unwrap(), 20_000);

    let mut next: HashMap<String, u32> = (0..37).map(|key| (format!("m{key}"), key)).collect();
    let mut home: HashMap<String, i32> = HashMap::new();
    for stored in read_all(&brokers, "readings", 4, 20_000) {
        let key = stored.key.unwrap();
        let expected = next.get_mut(&key).unwrap();
        assert_eq!(stored.payload, expected.to_string());
        *expected += 37;
        assert_eq!(*home.entry(key).or_insert(stored.partition), stored.partition);
    }
    assert!(next.values().all(|&number| (20_000..20_037).contains(&number)));
}

#[test]
fn keys_go_to_the_partition_that_the_java_client_chooses() {
    // Hashes published in Kafka's own tests of its murmur2.
    let published = [("21", -973_932_308), ("foobar", -790_332_482), ("abc", 479_470_107)];
    let cluster = cluster("readings", 7);
    let brokers = cluster.bootstrap_servers();
    let mut producer = Producer::connect(&brokers, "readings", &ProducerOptions::default()).unwrap();
    for (key, _) in published {
        producer.send(key, b"x").unwrap();
    }
    producer.finish().unwrap();
    let homes: HashMap<String, i32> = read_all(&brokers, "readings", 7, 3)
        .into_iter()
        .map(|stored| (stored.key.unwrap(), stored.partition))
        .collect();
    for (key, hash) in published {
        let hash: i32 = hash;
        assert_eq!(homes[key], (hash & 0x7fff_ffff) % 7, "{key}");
    }
}

#[test]
fn an_empty_key_is_no_key() {
    let cluster = cluster("readings", 1);
    let brokers = cluster.bootstrap_servers();
    let mut producer = Producer::connect(&brokers, "readings", &ProducerOptions::default()).unwrap();
    producer.send("", b"x").unwrap();
    assert_eq!(producer.finish().unwrap(), 1);
    assert_eq!(read_all(&brokers, "readings", 1, 1)[0].key, None);
}

#[test]
fn a_full_queue_waits_and_drops_nothing() {
    let cluster = cluster("readings", 1);
    cluster.broker_round_trip_time(-1, Duration::from_millis(20)).unwrap();
    let brokers = cluster.bootstrap_servers();
    let options = ProducerOptions { queue: 100, ..ProducerOptions::default() };
    let mut producer = Producer::connect(&brokers, "readings", &options).unwrap();
    for number in 0..1_000 {
        producer.send("m", number.to_string().as_bytes()).unwrap();
    }
    assert_eq!(producer.finish().unwrap(), 1_000);
    let payloads: Vec<String> =
        read_all(&brokers, "readings", 1, 1_000).into_iter().map(|stored| stored.payload).collect();
    assert_eq!(payloads, (0..1_000).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[test]
fn messages_that_the_broker_refuses_are_an_error() {
    let cluster = cluster("readings", 1);
    let mut producer =
        Producer::connect(&cluster.bootstrap_servers(), "readings", &ProducerOptions::default()).unwrap();
    cluster.request_errors(RDKafkaApiKey::Produce, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE]);
    producer.send("m", b"x").unwrap();
    let error = producer.finish().unwrap_err();
    assert!(matches!(&error, ProduceError::Undelivered { failed: 1, sent: 1, .. }), "{error}");
    assert!(error.to_string().contains("too large"), "{error}");
    assert!(error.hint().unwrap().contains("max.message.bytes"));
}

#[test]
fn an_unreachable_broker_is_found_quickly_and_named() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let brokers = format!("127.0.0.1:{port}");
    let options = ProducerOptions { timeout: Duration::from_secs(1), ..ProducerOptions::default() };
    let begun = Instant::now();
    let error = Producer::connect(&brokers, "readings", &options).unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert!(matches!(error, ProduceError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains(&brokers), "{error}");
    assert!(error.hint().is_some());
}

#[test]
fn a_topic_that_cannot_be_created_is_named() {
    // The mock cluster does not know how to create a topic on request.
    let cluster = cluster("readings", 1);
    let options = ProducerOptions { timeout: Duration::from_secs(2), ..ProducerOptions::default() };
    let error = Producer::connect(&cluster.bootstrap_servers(), "other", &options).unwrap_err();
    assert!(matches!(error, ProduceError::Create { .. }), "{error}");
    assert!(error.to_string().contains("`other`"), "{error}");
}

#[test]
fn topics_are_named_by_url() {
    let url: KafkaUrl = "kafka://a:9092,b.example:9093/plant.readings-1".parse().unwrap();
    assert_eq!((url.brokers.as_str(), url.topic.as_str()), ("a:9092,b.example:9093", "plant.readings-1"));
    assert_eq!(url.to_string(), "kafka://a:9092,b.example:9093/plant.readings-1");
    for text in [
        "kafka://a:9092",
        "kafka://a:9092/",
        "kafka://a/t",
        "kafka://:1/t",
        "http://a:1/t",
        "kafka://a:1/t t",
    ] {
        let error = text.parse::<KafkaUrl>().unwrap_err();
        assert!(matches!(&error, ProduceError::Url(bad) if bad == text), "{text}");
        assert!(error.hint().is_some());
    }
}
