//! Apache Kafka: one broker that is its own controller (KRaft).

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message as _};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::{Offset, TopicPartitionList};

use super::process::{self, Process};
use super::{installed, port, wait};

/// What one message may weigh, on the broker, in its topics and in the clients made here: 20 MiB, because
/// 10 MB of garbage is a case that Coldstream must survive.
const MAX_MESSAGE: &str = "20971520";

/// A cold machine takes about ten seconds; the rest is for one that is busy compiling.
const START: Duration = Duration::from_secs(120);

const REQUEST: Duration = Duration::from_secs(30);

/// Any 16 bytes: `coldstream-tests` in base64.
const CLUSTER_ID: &str = "Y29sZHN0cmVhbS10ZXN0cw";

/// A broker.
pub struct Kafka {
    bootstrap: String,
    broker: Option<Process>,
    /// How it was started.
    command: Option<Command>,
    /// The processes of before, which hold the folder of its files.
    ended: Vec<Process>,
}

/// One message, to be sent or as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub partition: i32,
    pub key: Vec<u8>,
    pub payload: Vec<u8>,
}

impl Kafka {
    /// The one broker of this test process: tests tell their data apart by topics. Or the broker named by
    /// `COLDSTREAM_TEST_KAFKA` (`host:port`).
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Kafka> = OnceLock::new();
        SHARED.get_or_init(|| match std::env::var("COLDSTREAM_TEST_KAFKA") {
            Ok(bootstrap) if !bootstrap.is_empty() => {
                let mut kafka = Self { bootstrap, broker: None, command: None, ended: Vec::new() };
                kafka.wait_until_ready(REQUEST);
                kafka
            }
            _ => Self::start(),
        })
    }

    /// A broker of the test's own, for tests that end it. It is the installed one, also where
    /// `COLDSTREAM_TEST_KAFKA` names another.
    pub fn start() -> Self {
        let jars = format!("{}/*", installed("kafka").display());
        let (port, controller) = (port::free(), port::free());
        let bootstrap = format!("127.0.0.1:{port}");
        let dir = process::folder();
        let properties = dir.path().join("server.properties");
        fs::write(
            &properties,
            format!(
                "process.roles=broker,controller\n\
                 node.id=1\n\
                 controller.quorum.voters=1@127.0.0.1:{controller}\n\
                 controller.listener.names=CONTROLLER\n\
                 listeners=PLAINTEXT://{bootstrap},CONTROLLER://127.0.0.1:{controller}\n\
                 log.dirs={}\n\
                 offsets.topic.replication.factor=1\n\
                 offsets.topic.num.partitions=4\n\
                 transaction.state.log.replication.factor=1\n\
                 transaction.state.log.min.isr=1\n\
                 group.initial.rebalance.delay.ms=0\n\
                 message.max.bytes={MAX_MESSAGE}\n",
                dir.path().join("data").display(),
            ),
        )
        .unwrap();
        let java = |class: &str| {
            let mut command = Command::new("java");
            command.args(["-Xmx512m", "-XX:+UseSerialGC", "-cp", &jars, class]);
            command
        };
        let formatted = java("kafka.tools.StorageTool")
            .args(["format", "--cluster-id", CLUSTER_ID, "--config"])
            .arg(&properties)
            .output()
            .expect("java starts: `make parts` installs it");
        assert!(
            formatted.status.success(),
            "the broker's storage could not be formatted:\n{}{}",
            String::from_utf8_lossy(&formatted.stdout),
            String::from_utf8_lossy(&formatted.stderr),
        );
        let mut command = java("kafka.Kafka");
        command.arg(&properties);
        let broker = Some(Process::spawn_in(dir, &command));
        let mut kafka = Self { bootstrap, broker, command: Some(command), ended: Vec::new() };
        kafka.wait_until_ready(START);
        kafka
    }

    /// Ends the broker in good order; [`Self::resume`] starts it again, with what it had stored.
    pub fn stop(&mut self) {
        let mut broker = self.broker.take().expect("a broker of the test's own");
        broker.terminate();
        self.ended.push(broker);
    }

    /// Starts the broker that was stopped.
    pub fn resume(&mut self) {
        self.broker = Some(Process::spawn(self.command.as_ref().expect("it was started before")));
        self.wait_until_ready(START);
    }

    /// `host:port` for clients.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Creates a topic and returns its full name: `name` and something unique, so that tests that share the
    /// broker cannot meet.
    pub fn create_topic(&self, name: &str, partitions: i32) -> String {
        let topic = format!("{name}-{}", uuid::Uuid::new_v4().simple());
        self.create_topic_named(&topic, partitions);
        topic
    }

    /// Creates a topic of just that name.
    pub fn create_topic_named(&self, topic: &str, partitions: i32) {
        let admin: AdminClient<_> = self.client().create().unwrap();
        // A foreign broker may have a lower limit for messages; the topic's own limit stands above it.
        let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1))
            .set("max.message.bytes", MAX_MESSAGE);
        let options = AdminOptions::new().operation_timeout(Some(REQUEST));
        let created = futures::executor::block_on(admin.create_topics([&new], &options)).unwrap();
        for result in created {
            result.unwrap_or_else(|(topic, error)| panic!("topic {topic} was not created: {error}"));
        }
        // The broker answers before it leads every partition; until then a consumer may be sent away.
        let consumer: BaseConsumer = self.client().create().unwrap();
        wait::until(&format!("the leaders of {topic}"), REQUEST, || {
            let metadata = consumer.fetch_metadata(Some(topic), REQUEST).map_err(|e| e.to_string())?;
            let led = metadata.topics()[0].partitions().iter().filter(|p| p.leader() >= 0).count();
            if led == partitions as usize { Ok(()) } else { Err(format!("{led} of {partitions} have one")) }
        });
    }

    /// Deletes a topic, and returns when nobody sees it any more.
    pub fn delete_topic(&self, topic: &str) {
        let admin: AdminClient<_> = self.client().create().unwrap();
        let options = AdminOptions::new().operation_timeout(Some(REQUEST));
        for result in futures::executor::block_on(admin.delete_topics(&[topic], &options)).unwrap() {
            result.unwrap_or_else(|(topic, error)| panic!("topic {topic} was not deleted: {error}"));
        }
        let consumer: BaseConsumer = self.client().create().unwrap();
        wait::until(&format!("the end of {topic}"), REQUEST, || {
            let metadata = consumer.fetch_metadata(None, REQUEST).map_err(|e| e.to_string())?;
            let there = metadata.topics().iter().any(|found| found.name() == topic);
            if there { Err("it is there".into()) } else { Ok(()) }
        });
    }

    /// Gives a topic so many partitions in all.
    pub fn add_partitions(&self, topic: &str, partitions: usize) {
        let admin: AdminClient<_> = self.client().create().unwrap();
        let options = AdminOptions::new().operation_timeout(Some(REQUEST));
        let new = [NewPartitions::new(topic, partitions)];
        for result in futures::executor::block_on(admin.create_partitions(&new, &options)).unwrap() {
            result.unwrap_or_else(|(topic, error)| panic!("{topic} got no partitions: {error}"));
        }
    }

    /// Deletes the messages of a partition that are before `offset`, as retention does.
    pub fn delete_records(&self, topic: &str, partition: i32, offset: i64) {
        let admin: AdminClient<_> = self.client().create().unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(offset)).unwrap();
        let options = AdminOptions::new().operation_timeout(Some(REQUEST));
        let deleted = futures::executor::block_on(admin.delete_records(&list, &options)).unwrap();
        for element in deleted.elements() {
            element.error().unwrap();
        }
    }

    /// Sends messages, each to its partition, and returns when the broker has acknowledged all of them.
    pub fn send(&self, topic: &str, messages: impl IntoIterator<Item = Message>) {
        let failure = FirstFailure::default();
        let producer: BaseProducer<FirstFailure> =
            self.client().set("linger.ms", "5").create_with_context(failure.clone()).unwrap();
        for message in messages {
            let mut record = BaseRecord::to(topic)
                .partition(message.partition)
                .key(&message.key)
                .payload(&message.payload);
            // A full queue is not a failure: it empties as the broker acknowledges.
            while let Err((error, unsent)) = producer.send(record) {
                let full = KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull);
                assert_eq!(error, full, "a message for {topic} was refused");
                producer.poll(Duration::from_millis(10));
                record = unsent;
            }
        }
        producer.flush(REQUEST).unwrap();
        if let Some(error) = failure.0.lock().unwrap().as_ref() {
            panic!("a message for {topic} was not stored: {error}");
        }
    }

    /// The next offset of each partition: what was ever stored in it.
    pub fn end_offsets(&self, topic: &str) -> Vec<i64> {
        let consumer: BaseConsumer = self.client().create().unwrap();
        let metadata = consumer.fetch_metadata(Some(topic), REQUEST).unwrap();
        let mut partitions: Vec<i32> = metadata.topics()[0].partitions().iter().map(|p| p.id()).collect();
        partitions.sort_unstable();
        partitions.into_iter().map(|p| consumer.fetch_watermarks(topic, p, REQUEST).unwrap().1).collect()
    }

    /// Every message of a topic, from the beginning to what is its end now; each partition's in order.
    pub fn read(&self, topic: &str) -> Vec<Message> {
        let ends = self.end_offsets(topic);
        let mut open: BTreeMap<i32, i64> = (0..).zip(ends).filter(|(_, end)| *end > 0).collect();
        let mut assignment = TopicPartitionList::new();
        for partition in open.keys() {
            assignment.add_partition_offset(topic, *partition, Offset::Beginning).unwrap();
        }
        // librdkafka wants a group even of a consumer that joins none.
        let mut config = self.client();
        config.set("group.id", "none").set("enable.auto.commit", "false");
        let consumer: BaseConsumer = config.create().unwrap();
        consumer.assign(&assignment).unwrap();
        let mut messages = Vec::new();
        while !open.is_empty() {
            let message = consumer
                .poll(REQUEST)
                .unwrap_or_else(|| panic!("{topic}: nothing more came; missing up to {open:?}"))
                .unwrap();
            if open.get(&message.partition()).is_some_and(|end| message.offset() + 1 >= *end) {
                open.remove(&message.partition());
            }
            messages.push(Message {
                partition: message.partition(),
                key: message.key().unwrap_or_default().to_vec(),
                payload: message.payload().unwrap_or_default().to_vec(),
            });
        }
        messages
    }

    /// Settings of a client of this broker, for what the other methods do not do.
    pub fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", self.bootstrap())
            .set("message.max.bytes", MAX_MESSAGE)
            .set("reconnect.backoff.max.ms", "200");
        config
    }

    /// Ready is what a client sees: a broker that answers for its metadata.
    fn wait_until_ready(&mut self, limit: Duration) {
        let consumer: BaseConsumer = self.client().create().unwrap();
        let what = format!("Kafka at {}", self.bootstrap);
        wait::until(&what, limit, || {
            if let Some(broker) = &mut self.broker
                && let Some(status) = broker.try_wait()
            {
                panic!("{what}: it ended with {status}\n{}", broker.tail());
            }
            let tail = || self.broker.as_ref().map(Process::tail).unwrap_or_default();
            match consumer.fetch_metadata(None, Duration::from_secs(1)) {
                Ok(metadata) if !metadata.brokers().is_empty() => Ok(()),
                Ok(_) => Err(format!("it knows no broker\n{}", tail())),
                Err(error) => Err(format!("{error}\n{}", tail())),
            }
        });
    }
}

/// Keeps the first message that the broker did not take.
#[derive(Clone, Default)]
struct FirstFailure(Arc<Mutex<Option<KafkaError>>>);

impl ClientContext for FirstFailure {}

impl ProducerContext for FirstFailure {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): Self::DeliveryOpaque) {
        if let Err((error, _)) = result {
            self.0.lock().unwrap().get_or_insert_with(|| error.clone());
        }
    }
}
