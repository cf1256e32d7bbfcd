//! Kafka: brokers, topic, newest messages, consumer group.
//!
//! The consumer here has the group's name only to ask for its offsets: partitions are assigned by hand, so it never
//! joins and nobody's partitions move. Metadata is asked for all topics, since a broker may create one that is asked
//! for by its name.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::metadata::Metadata;
use rdkafka::{Offset, TopicPartitionList};
use tokio::runtime::Handle;

use super::Finding;
use super::messages::{Expected, Newest, messages};
use crate::source::kafka::KafkaSettings;

/// How long a broker may take for one answer.
const ANSWER: Duration = Duration::from_secs(5);
/// How long the client may take to say why.
const WORD: Duration = Duration::from_millis(500);
/// How many names of other topics are told.
const TOLD: usize = 6;

/// What a partition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Offsets {
    /// Offset of its oldest message.
    pub(super) begin: i64,
    /// Offset after its newest message.
    pub(super) end: i64,
}

/// What was found, and what other checks compare.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) findings: Vec<Finding>,
    /// What each partition holds, where that could be asked.
    pub(super) offsets: Option<BTreeMap<i32, Offsets>>,
    /// How far the newest message is dated ahead of our clock, microseconds; negative for one of the past.
    pub(super) ahead: Option<i64>,
}

/// Asks the brokers. Blocks, for seven times [`ANSWER`] at most, and for as long as the schema registry takes.
pub(super) fn look(settings: &KafkaSettings, expected: &Expected, runtime: &Handle) -> Seen {
    let mut seen = Seen::default();
    let consumer = match connect(settings) {
        Ok(consumer) => consumer,
        Err(error) => {
            let seen_here = format!("Kafka's client refuses its configuration: {error}");
            let cure = Some("check [kafka.options] in coldstream.toml".into());
            seen.findings.push(Finding::failure("broker", seen_here, cure));
            seen.unchecked(&["topic", "messages", "group"], "there is no client");
            return seen;
        }
    };
    let asked = Instant::now();
    let metadata = match consumer.fetch_metadata(None, ANSWER) {
        Ok(metadata) => metadata,
        Err(error) => {
            let seen_here =
                format!("no Kafka broker answers at {}: {}", settings.brokers, cause(&consumer, &error));
            let cure = "start the broker, or correct `kafka.brokers`; in a container 127.0.0.1 is the container itself";
            seen.findings.push(Finding::failure("broker", seen_here, Some(cure.into())));
            seen.unchecked(&["topic", "messages", "group"], "no broker answers");
            return seen;
        }
    };
    let brokers: Vec<String> =
        metadata.brokers().iter().map(|broker| format!("{}:{}", broker.host(), broker.port())).collect();
    let (addresses, took) = (brokers.join(", "), asked.elapsed().as_millis());
    seen.findings.push(Finding::ok("broker", format!("brokers: {addresses}; answered in {took} ms")));
    let partitions = match topic(settings, &metadata) {
        Ok((partitions, finding)) => {
            seen.findings.push(finding);
            partitions
        }
        Err(finding) => {
            seen.findings.push(finding);
            seen.unchecked(&["messages", "group"], "there is no topic");
            return seen;
        }
    };
    match offsets(&consumer, &settings.topic, &partitions) {
        Ok(offsets) => {
            let newest = Newest::read(&consumer, &settings.topic, &offsets, ANSWER);
            seen.ahead = newest.sent().map(|sent| sent - chrono::Utc::now().timestamp_micros());
            match newest.learn(expected, runtime) {
                Some(input) => seen.findings.extend(messages(&newest, settings, expected, input, &offsets)),
                None => seen.unchecked(&["messages"], "the schema registry does not answer"),
            }
            seen.findings.push(group(&consumer, &settings.group, &settings.topic, &offsets));
            seen.offsets = Some(offsets);
        }
        Err(error) => {
            let seen_here =
                format!("the leader of a partition does not answer: {}", cause(&consumer, &error));
            let cure = format!(
                "the brokers give their address as {addresses}: can this machine reach that? It is set by \
                 `advertised.listeners`"
            );
            seen.findings.push(Finding::failure("messages", seen_here, Some(cure)));
            seen.unchecked(&["group"], "the leader of a partition does not answer");
        }
    }
    seen
}

impl Seen {
    fn unchecked(&mut self, checks: &[&'static str], because: &str) {
        self.findings.extend(checks.iter().map(|check| Finding::unchecked(check, because)));
    }
}

/// Keeps the client library's last word on a connection: its error codes alone say little.
#[derive(Debug, Default)]
pub(super) struct LastWord(Mutex<Option<String>>);

impl ClientContext for LastWord {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(target: "kafka", "{facility}: {message}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // The end of a partition is told in this way, too.
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::PartitionEOF) {
            return;
        }
        // The first names the broker; the one that all brokers are down adds nothing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| reason.to_owned());
    }
}

impl ConsumerContext for LastWord {}

fn connect(settings: &KafkaSettings) -> KafkaResult<BaseConsumer<LastWord>> {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &settings.brokers)
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("fetch.wait.max.ms", "100")
        .set("receive.message.max.bytes", "134217728");
    for (key, value) in &settings.options {
        config.set(key, value);
    }
    config.set("group.id", &settings.group);
    config.create_with_context(LastWord::default())
}

/// Why a request failed, with what the client has said about the connection meanwhile.
fn cause(consumer: &BaseConsumer<LastWord>, error: &KafkaError) -> String {
    let word = || consumer.context().0.lock().unwrap_or_else(PoisonError::into_inner).take();
    // Callbacks run inside a poll, one at a time.
    let began = Instant::now();
    let mut last = word();
    while last.is_none() && began.elapsed() < WORD {
        if let Some(Err(told)) = consumer.poll(WORD / 10) {
            tracing::debug!(target: "kafka", "{told}");
        }
        last = word();
    }
    last.unwrap_or_else(|| {
        error.rdkafka_error_code().map_or_else(|| error.to_string(), |code| code.to_string())
    })
}

/// The partitions of the topic, and what is to be said of it.
fn topic(settings: &KafkaSettings, metadata: &Metadata) -> Result<(Vec<i32>, Finding), Finding> {
    let name = &settings.topic;
    let Some(topic) = metadata.topics().iter().find(|topic| topic.name() == name) else {
        let mut others: Vec<&str> = metadata
            .topics()
            .iter()
            .map(|topic| topic.name())
            .filter(|topic| !topic.starts_with("__"))
            .collect();
        others.sort_unstable();
        let there = match others.len() {
            0 => "there is no topic".into(),
            1..=TOLD => format!("the topics are {}", others.join(", ")),
            more => format!("the topics are {} and {} more", others[..TOLD].join(", "), more - TOLD),
        };
        let cure = format!(
            "correct `kafka.topic`, or make it: kafka-topics.sh --bootstrap-server {} --create --topic {name} \
             --partitions 8; Coldstream waits until it is there",
            settings.brokers
        );
        return Err(Finding::failure("topic", format!("`{name}` does not exist; {there}"), Some(cure)));
    };
    let mut partitions: Vec<i32> = topic.partitions().iter().map(|partition| partition.id()).collect();
    partitions.sort_unstable();
    let leaderless: Vec<String> = topic
        .partitions()
        .iter()
        .filter(|partition| partition.leader() < 0)
        .map(|partition| partition.id().to_string())
        .collect();
    if !leaderless.is_empty() {
        let seen = format!("`{name}`: no broker leads partition {}", leaderless.join(", "));
        return Err(Finding::failure("topic", seen, Some("start the brokers that hold it".into())));
    }
    let finding = Finding::ok("topic", format!("`{name}`, partitions: {}", partitions.len()));
    Ok((partitions, finding))
}

/// What each partition holds, all within [`ANSWER`].
fn offsets(
    consumer: &BaseConsumer<LastWord>,
    topic: &str,
    partitions: &[i32],
) -> KafkaResult<BTreeMap<i32, Offsets>> {
    let began = Instant::now();
    partitions
        .iter()
        .map(|&partition| {
            let left = ANSWER.saturating_sub(began.elapsed()).max(Duration::from_millis(1));
            let (begin, end) = consumer.fetch_watermarks(topic, partition, left)?;
            Ok((partition, Offsets { begin, end }))
        })
        .collect()
}

/// Asks again while the broker that keeps the group is only getting ready, as it does after its start.
fn patiently<T>(ask: impl Fn() -> KafkaResult<T>) -> KafkaResult<T> {
    let began = Instant::now();
    loop {
        match ask() {
            Err(error) if getting_ready(&error) && began.elapsed() < ANSWER => {
                std::thread::sleep(Duration::from_millis(200));
            }
            answer => return answer,
        }
    }
}

fn getting_ready(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{CoordinatorLoadInProgress, CoordinatorNotAvailable, NotCoordinator};
    let passing = [CoordinatorLoadInProgress, CoordinatorNotAvailable, NotCoordinator];
    error.rdkafka_error_code().is_some_and(|code| passing.contains(&code))
}

/// Who is in the group, and how far behind it is.
fn group(
    consumer: &BaseConsumer<LastWord>,
    group: &str,
    topic: &str,
    offsets: &BTreeMap<i32, Offsets>,
) -> Finding {
    let failed = |error: &KafkaError| {
        let cure =
            "the group's offsets are told for tools only; Coldstream itself goes on from its checkpoints";
        let seen = format!("`{group}` cannot be asked for: {}", cause(consumer, error));
        Finding::warning("group", seen, Some(cure.into()))
    };
    let groups = match patiently(|| consumer.fetch_group_list(Some(group), ANSWER)) {
        Ok(groups) => groups,
        Err(error) => return failed(&error),
    };
    let known = groups.groups().iter().find(|known| known.name() == group && known.state() != "Dead");
    let Some(known) = known else {
        return Finding::ok("group", format!("`{group}`: nobody has used it yet"));
    };
    let mut asked = TopicPartitionList::new();
    for &partition in offsets.keys() {
        asked.add_partition(topic, partition);
    }
    let told = match patiently(|| consumer.committed_offsets(asked.clone(), ANSWER)) {
        Ok(told) => told,
        Err(error) => return failed(&error),
    };
    let behind: i64 = told
        .elements()
        .iter()
        .filter_map(|element| {
            let held = offsets.get(&element.partition())?;
            let next = match element.offset() {
                Offset::Offset(next) => next,
                _ => held.begin,
            };
            Some((held.end - next).max(0))
        })
        .sum();
    let members = match known.members().len() {
        0 => "no process is in it now".into(),
        1 => "1 process is in it".into(),
        members => format!("{members} processes are in it"),
    };
    Finding::ok("group", format!("`{group}`: {members}; messages not committed yet: {behind}"))
}
