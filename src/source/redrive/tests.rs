use rdkafka::message::Header;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};

use super::*;

const TOPIC: &str = "readings";
const SENT: i64 = 1_705_314_600_000;

fn settings(cluster: &MockCluster<'_, DefaultProducerContext>) -> KafkaSettings {
    KafkaSettings {
        brokers: cluster.bootstrap_servers(),
        topic: TOPIC.into(),
        group: "test".into(),
        options: BTreeMap::new(),
    }
}

/// What the topic holds: partition, key, payload, time and headers, in order.
type Stored = (i32, Vec<u8>, Vec<u8>, i64, Vec<(String, String)>);

fn stored(settings: &KafkaSettings) -> Vec<Stored> {
    let topic = Topic::connect(settings).unwrap();
    let mut spans = BTreeMap::new();
    for partition in 0..2 {
        let span = topic.span(partition).unwrap();
        spans.insert(partition, Span { from: span.first, ..span });
    }
    let mut found = Vec::new();
    let take = |message: &BorrowedMessage| {
        let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let headers = headers.map(|header| (header.key.to_owned(), text(header.value.unwrap()))).collect();
        let (key, payload) = (message.key().unwrap_or_default(), message.payload().unwrap());
        let time = message.timestamp().to_millis().unwrap();
        found.push((message.partition(), key.to_vec(), payload.to_vec(), time, headers));
        Ok(())
    };
    topic.read(&spans, take).unwrap();
    found.sort_by_key(|stored| stored.0);
    found
}

/// A topic of two partitions with four messages each: `0-0` to `0-3` and `1-0` to `1-3`.
fn topic() -> (MockCluster<'static, DefaultProducerContext>, KafkaSettings) {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic(TOPIC, 2, 1).unwrap();
    let settings = settings(&cluster);
    let producer: ThreadedProducer<DefaultProducerContext> =
        ClientConfig::new().set("bootstrap.servers", &settings.brokers).create().unwrap();
    for partition in 0..2 {
        for number in 0..4 {
            let (key, payload) = (format!("m{partition}"), format!("{partition}-{number}"));
            let headers = OwnedHeaders::new().insert(Header { key: "trace", value: Some("abc") });
            let record: BaseRecord<'_, String, String, ()> = BaseRecord::to(TOPIC)
                .partition(partition)
                .key(&key)
                .payload(&payload)
                .timestamp(SENT + number)
                .headers(headers);
            producer.send(record).map_err(|(error, _)| error).unwrap();
            // One by one, so that the offsets are known.
            producer.flush(Duration::from_secs(30)).unwrap();
        }
    }
    (cluster, settings)
}

fn letter(partition: i32, offset: i64) -> Letter {
    Letter { partition, offset, sent: SENT + offset, bytes: 3 }
}

fn copy(partition: i32, number: i64) -> Stored {
    let headers = vec![("trace".into(), "abc".into()), (HEADER.into(), number.to_string())];
    let (key, payload) = (format!("m{partition}"), format!("{partition}-{number}"));
    (partition, key.into_bytes(), payload.into_bytes(), SENT + number, headers)
}

#[test]
fn letters_are_sent_again_once_as_they_were() {
    let (_cluster, settings) = topic();
    let letters = [letter(0, 2), letter(1, 0), letter(0, 1)];
    let dry = redrive(&settings, &letters, true).unwrap();
    assert_eq!(dry, Redriven { sent: 3, before: 0, gone: 0 });
    assert_eq!(stored(&settings).len(), 8, "a dry run sends nothing");

    assert_eq!(redrive(&settings, &letters, false).unwrap(), dry);
    let found = stored(&settings);
    assert_eq!(found.len(), 11);
    assert_eq!(found[4..6], [copy(0, 1), copy(0, 2)], "in the order in which they were");
    assert_eq!(found[10..], [copy(1, 0)]);

    // One more letter: only that one.
    let letters = [letters[0], letters[1], letters[2], letter(1, 3)];
    let again = redrive(&settings, &letters, false).unwrap();
    assert_eq!(again, Redriven { sent: 1, before: 3, gone: 0 });
    assert_eq!(redrive(&settings, &letters, false).unwrap(), Redriven { sent: 0, before: 4, gone: 0 });
    assert_eq!(stored(&settings).len(), 12);
}

#[test]
fn a_copy_that_became_a_letter_is_sent_again_by_itself() {
    let (_cluster, settings) = topic();
    redrive(&settings, &[letter(0, 2)], false).unwrap();
    // The copy has offset 4 and the time of its original.
    let letters = [letter(0, 2), Letter { sent: SENT + 2, ..letter(0, 4) }];
    assert_eq!(redrive(&settings, &letters, false).unwrap(), Redriven { sent: 1, before: 1, gone: 0 });
    assert_eq!(redrive(&settings, &letters, false).unwrap(), Redriven { sent: 0, before: 2, gone: 0 });
    let last = stored(&settings)[5].4.clone();
    assert_eq!(last, [("trace".to_string(), "abc".to_string()), (HEADER.to_string(), "4".to_string())]);
}

#[test]
fn what_is_not_in_the_topic_any_more_is_not_sent() {
    let (_cluster, settings) = topic();
    let other_time = Letter { sent: SENT - 1, ..letter(0, 1) };
    let other_length = Letter { bytes: 4, ..letter(0, 2) };
    let letters = [letter(0, 99), letter(0, -1), other_time, other_length, letter(1, 1)];
    assert_eq!(redrive(&settings, &letters, false).unwrap(), Redriven { sent: 1, before: 0, gone: 4 });
    assert_eq!(stored(&settings).len(), 9);
}

#[test]
fn a_broker_that_does_not_answer_is_named() {
    let (cluster, settings) = topic();
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut settings = KafkaSettings { brokers: unused.to_string(), ..settings };
    settings.options.insert("log_level".into(), "0".into());
    let error = redrive(&settings, &[letter(0, 1)], false).unwrap_err();
    assert!(
        error.to_string().starts_with(&format!("topic `readings` at {unused} cannot be read: ")),
        "{error}"
    );
    assert!(error.hint().is_some());
    drop(cluster);
}
