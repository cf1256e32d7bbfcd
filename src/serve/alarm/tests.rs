//! The list against rows written down by hand, the watch and the desk through a real client.

use std::time::Duration;

use async_trait::async_trait;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::context::SessionContext;
use tokio::time::timeout;
use tonic::Code;

use super::history::{ListFilter, Place, list};
use crate::alarm::tests::support::{batch, plan, rule};
use crate::alarm::{Acknowledged, Alarms, Episode, Severity};
use crate::serve::live::AlarmCounts;
use crate::serve::proto::{self, alarm_service_client::AlarmServiceClient};
use crate::serve::sql::{SqlEngine, SqlError, query_context};
use crate::serve::testing::{PATIENCE, Server};

/// Table `alarms` in memory.
struct Table(SessionContext);

#[async_trait]
impl SqlEngine for Table {
    async fn query(&self, sql: &str) -> Result<SendableRecordBatchStream, SqlError> {
        query_context(&self.0, sql).await
    }
}

/// What became of three alarms: `x` raised at 10, worse at 20, acknowledged, cleared at 30, raised again at 40;
/// `y` raised at 10.
fn table() -> Table {
    let worse = "[[alarm.escalate]]\nseverity = \"high\"\nwhen = \"superheat < 1\"";
    let mut alarms = Alarms::new(&plan(&rule("superheat < 3", worse)));
    let mut rows = Vec::new();
    let mut look = |alarms: &mut Alarms, machine: &str, second: i64, value: f64| {
        let readings = batch(&[(machine, second, Some(value), "cooling")]);
        rows.extend(alarms.look("readings", &readings).unwrap().rows);
    };
    look(&mut alarms, "x", 10, 2.0);
    look(&mut alarms, "y", 10, 2.5);
    look(&mut alarms, "x", 20, 0.5);
    let id = alarms.episodes().find(|episode| episode.machine_id == "x").unwrap().id.clone();
    let Acknowledged::Now(_, outputs) = alarms.acknowledge("x", &id, "Zoé", "vu", 99_000_000).unwrap()
    else {
        panic!("the alarm is open")
    };
    let acknowledged = outputs.rows;
    look(&mut alarms, "x", 30, 7.0);
    look(&mut alarms, "x", 40, 1.5);
    rows.extend(acknowledged);
    let context = SessionContext::new();
    let rows = arrow::compute::concat_batches(&crate::alarm::alarm_schema(), &rows).unwrap();
    context.register_batch("alarms", rows).unwrap();
    Table(context)
}

/// `machine raised cleared severity who value` of those found.
async fn found(filter: ListFilter, after: Option<&Place>, most: usize) -> Vec<String> {
    let episodes = list(&table(), &filter, after, most).await.unwrap();
    let second = |micros: i64| micros / 1_000_000;
    let line = |episode: &Episode| {
        let cleared = episode.cleared_at.map_or_else(|| "-".into(), |at| second(at).to_string());
        let value = episode.value.unwrap();
        let Episode { machine_id, raised_at, severity, acknowledged_by, .. } = episode;
        format!(
            "{machine_id} {} {cleared} {} [{acknowledged_by}] {value}",
            second(*raised_at),
            severity.name()
        )
    };
    episodes.iter().map(line).collect()
}

#[tokio::test]
async fn the_list_puts_the_transitions_of_an_episode_together() {
    let all = found(ListFilter::default(), None, 10).await;
    assert_eq!(all, ["x 40 - medium [] 1.5", "x 10 30 high [Zoé] 7", "y 10 - medium [] 2.5"]);
}

#[tokio::test]
async fn each_condition_of_the_filter_counts() {
    let x40 = "x 40 - medium [] 1.5";
    let x10 = "x 10 30 high [Zoé] 7";
    let y10 = "y 10 - medium [] 2.5";
    let all = ListFilter::default;
    let cases: [(ListFilter, &[&str]); 10] = [
        (ListFilter { machines: vec!["y".into()], ..all() }, &[y10]),
        (ListFilter { id_prefix: "x".into(), ..all() }, &[x40, x10]),
        (ListFilter { rules: vec!["it's none".into()], ..all() }, &[]),
        (ListFilter { rules: vec!["a".into()], ..all() }, &[x40, x10, y10]),
        (ListFilter { severities: vec![Severity::High], ..all() }, &[x10]),
        (ListFilter { open: Some(true), ..all() }, &[x40, y10]),
        (ListFilter { open: Some(false), ..all() }, &[x10]),
        (ListFilter { acknowledged: Some(true), ..all() }, &[x10]),
        (ListFilter { acknowledged: Some(false), raised_from: Some(40_000_000), ..all() }, &[x40]),
        (ListFilter { raised_before: Some(40_000_000), ..all() }, &[x10, y10]),
    ];
    for (filter, expected) in cases {
        assert_eq!(found(filter.clone(), None, 10).await, expected, "{filter:?}");
    }
}

#[tokio::test]
async fn pages_follow_on_one_another() {
    let mut after = None;
    let mut seen = Vec::new();
    while let [episode] = list(&table(), &ListFilter::default(), after.as_ref(), 1).await.unwrap().as_slice()
    {
        seen.push(format!("{} {}", episode.machine_id, episode.raised_at / 1_000_000));
        after = Some(Place::of(episode));
    }
    assert_eq!(seen, ["x 40", "x 10", "y 10"]);
}

fn open(machine: &str, severity: Severity) -> Episode {
    Episode {
        id: format!("{machine}/a/1"),
        machine_id: machine.into(),
        rule: "a".into(),
        severity,
        raised_at: 1_000_000,
        cleared_at: None,
        acknowledged_at: None,
        acknowledged_by: String::new(),
        comment: String::new(),
        value: None,
        text_en: "english".into(),
        text_fr: "français".into(),
    }
}

async fn next(stream: &mut tonic::Streaming<proto::WatchAlarmsResponse>) -> Vec<String> {
    let message = timeout(PATIENCE, stream.message()).await.unwrap().unwrap().unwrap();
    message.alarms.into_iter().map(|alarm| alarm.episode).collect()
}

#[tokio::test]
async fn a_watch_brings_what_is_open_and_then_what_changes() {
    let server = Server::start().await;
    server.alarms.update(&server.live, 0, vec![open("m1", Severity::Low), open("m2", Severity::High)]);
    let mut client = AlarmServiceClient::new(server.channel().await);
    let filter = proto::AlarmFilter {
        machines: Some(proto::MachineFilter { id_prefix: "m".into(), ..Default::default() }),
        ..Default::default()
    };
    let request = proto::WatchAlarmsRequest { filter: Some(filter), min_interval: None };
    let mut stream = client.watch_alarms(request).await.unwrap().into_inner();
    assert_eq!(next(&mut stream).await, ["m1/a/1", "m2/a/1"]);
    let cleared = Episode { cleared_at: Some(5_000_000), ..open("m2", Severity::High) };
    server.alarms.update(&server.live, 0, vec![open("other", Severity::High), cleared]);
    assert_eq!(next(&mut stream).await, ["m2/a/1"]);
    assert_eq!(server.alarms.open(), AlarmCounts { low: 1, high: 1, ..AlarmCounts::default() });
    let stopping = server.stop();
    let end = timeout(PATIENCE, stream.message()).await.unwrap().unwrap_err();
    assert_eq!(end.code(), Code::Unavailable);
    timeout(PATIENCE, stopping).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn an_empty_watch_says_so_at_once() {
    let server = Server::start().await;
    let mut client = AlarmServiceClient::new(server.channel().await);
    let request = proto::WatchAlarmsRequest::default();
    let mut stream = client.watch_alarms(request).await.unwrap().into_inner();
    assert!(next(&mut stream).await.is_empty());
}

#[tokio::test]
async fn an_acknowledgement_needs_an_alarm_and_a_name() {
    let server = Server::start().await;
    server.alarms.update(&server.live, 0, vec![open("m1", Severity::Low)]);
    let mut client = AlarmServiceClient::new(server.channel().await);
    let mut acknowledge = async |episode: &str, who: &str, comment: String| {
        let request = proto::AcknowledgeAlarmRequest { episode: episode.into(), who: who.into(), comment };
        client.acknowledge_alarm(request).await.map(|alarm| alarm.into_inner().acknowledged_by)
    };
    assert_eq!(acknowledge("m1/a/1", " Zoé ", String::new()).await.unwrap(), "Zoé");
    assert_eq!(acknowledge("m1/a/2", "Zoé", String::new()).await.unwrap_err().code(), Code::NotFound);
    for (episode, who, comment) in
        [("", "Zoé", String::new()), ("m1/a/1", "  ", String::new()), ("m1/a/1", "Zoé", "x".repeat(2001))]
    {
        let refused = acknowledge(episode, who, comment).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{refused:?}");
    }
}

#[test]
fn a_partition_that_is_gone_takes_its_alarms_along() {
    let live = crate::serve::live::LiveState::new(Duration::from_secs(60));
    let alarms = std::sync::Arc::new(super::LiveAlarms::default());
    alarms.update(&live, 0, vec![open("m1", Severity::Low)]);
    alarms.update(&live, 1, vec![open("m2", Severity::Critical)]);
    assert_eq!(alarms.find("m2/a/1"), Some((1, "m2".into())));
    let open_on = |machine: &str| live.machine(machine).unwrap().open_alarms.len();
    assert_eq!((open_on("m1"), open_on("m2")), (1, 1));
    alarms.forget(&live, 1);
    assert_eq!((open_on("m1"), open_on("m2")), (1, 0));
    assert_eq!(alarms.find("m2/a/1"), None);
    assert_eq!(alarms.open(), AlarmCounts { low: 1, ..AlarmCounts::default() });
}
