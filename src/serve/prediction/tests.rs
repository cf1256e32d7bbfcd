//! The list against rows written down by hand, the watch through a real client.

use std::time::Duration;

use async_trait::async_trait;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::context::{SessionConfig, SessionContext};
use tokio::time::timeout;
use tonic::Code;

use super::history::{Found, ListFilter, Place, list};
use crate::schema::{READINGS, TIMESTAMP, WINDOW_TIME};
use crate::serve::proto::prediction_service_client::PredictionServiceClient;
use crate::serve::proto::*;
use crate::serve::sql::{SqlEngine, SqlError, query_context};
use crate::serve::testing::{PATIENCE, Server, batch};

/// Tables in memory.
struct Tables(SessionContext);

#[async_trait]
impl SqlEngine for Tables {
    async fn query(&self, sql: &str) -> Result<SendableRecordBatchStream, SqlError> {
        query_context(&self.0, sql).await
    }
}

/// `predictions` with windows and models, `raw` with neither and two rows of one machine and time, and two
/// tables that are no predictions.
async fn tables() -> Tables {
    let context = SessionContext::new_with_config(SessionConfig::new().with_information_schema(true));
    let time =
        |second: &str| format!("arrow_cast({second} * 1000000, 'Timestamp(Microsecond, Some(\"UTC\"))')");
    for statement in [
        format!(
            "CREATE TABLE predictions AS SELECT machine AS machine_id, {} AS window_time, {} AS window_end,
                 arrow_cast(p, 'Float64') AS probability, 'failure' AS model, 'v1' AS model_version,
                 DATE '1970-01-01' AS date
             FROM (VALUES ('x', 10, 0.9), ('y', 10, 0.2), ('x', 20, NULL), ('x', 30, 'NaN')) AS t(machine, at, p)",
            time("at"),
            time("(at + 1)"),
        ),
        format!(
            "CREATE TABLE raw AS SELECT machine AS machine_id, {} AS timestamp, p AS probability, class AS predicted_class
             FROM (VALUES ('x', 10, 0.5, 'normal'), ('x', 10, 0.6, 'failure'), ('it''s', 5, 0.7, 'failure'))
             AS t(machine, at, p, class)",
            time("at"),
        ),
        "CREATE TABLE features AS SELECT 'x' AS machine_id, 1.0 AS superheat".into(),
        format!("CREATE TABLE odd AS SELECT 'x' AS machine_id, {} AS timestamp, 'high' AS probability", time("9")),
    ] {
        context.sql(&statement).await.unwrap().collect().await.unwrap();
    }
    Tables(context)
}

/// `stream machine time probability [model version class] end`
fn line(Found { time, prediction }: &Found) -> String {
    let Prediction { stream, machine_id, model, model_version, predicted_class, .. } = prediction;
    let probability = prediction.probability.map_or_else(|| "-".into(), |it| it.to_string());
    let (second, end) = (time / 1_000_000, prediction.window_end.unwrap().seconds);
    format!("{stream} {machine_id} {second} {probability} [{model} {model_version} {predicted_class}] {end}")
}

const ALL: [&str; 7] = [
    "predictions x 30 - [failure v1 ] 31",
    "predictions x 20 - [failure v1 ] 21",
    "predictions x 10 0.9 [failure v1 ] 11",
    "predictions y 10 0.2 [failure v1 ] 11",
    "raw x 10 0.6 [  failure] 10",
    "raw x 10 0.5 [  normal] 10",
    "raw it's 5 0.7 [  failure] 5",
];

async fn found(filter: ListFilter) -> Vec<String> {
    list(&tables().await, &filter, None, 100).await.unwrap().iter().map(line).collect()
}

#[tokio::test]
async fn every_table_with_a_probability_is_read_with_the_columns_it_has() {
    assert_eq!(found(ListFilter::default()).await, ALL);
}

#[tokio::test]
async fn each_condition_of_the_filter_counts() {
    let all = ListFilter::default;
    let cases: [(ListFilter, &[usize]); 9] = [
        (ListFilter { machines: vec!["y".into(), "it's".into()], ..all() }, &[3, 6]),
        (ListFilter { id_prefix: "it'".into(), ..all() }, &[6]),
        (ListFilter { streams: vec!["raw".into()], ..all() }, &[4, 5, 6]),
        (ListFilter { streams: vec!["features".into()], ..all() }, &[]),
        (ListFilter { min_probability: Some(0.6), ..all() }, &[2, 4, 6]),
        (ListFilter { min_probability: Some(0.0), ..all() }, &[2, 3, 4, 5, 6]),
        (ListFilter { from: Some(20_000_000), ..all() }, &[0, 1]),
        (ListFilter { before: Some(10_000_000), ..all() }, &[6]),
        (ListFilter { from: Some(10_000_000), before: Some(20_000_000), ..all() }, &[2, 3, 4, 5]),
    ];
    for (filter, expected) in cases {
        let expected: Vec<&str> = expected.iter().map(|&index| ALL[index]).collect();
        assert_eq!(found(filter.clone()).await, expected, "{filter:?}");
    }
}

#[tokio::test]
async fn pages_of_any_size_bring_each_row_once() {
    let tables = tables().await;
    for size in 1..=ALL.len() {
        let (mut after, mut seen) = (None, Vec::new());
        loop {
            let page = list(&tables, &ListFilter::default(), after.as_ref(), size).await.unwrap();
            seen.extend(page.iter().map(line));
            match Place::after(&page, after) {
                Some(place) => after = Some(place),
                None => break,
            }
        }
        assert_eq!(seen, ALL, "pages of {size}");
    }
}

#[tokio::test]
async fn without_predictions_the_list_is_empty_and_a_bad_request_names_its_field() {
    let server = Server::start().await;
    let mut client = PredictionServiceClient::new(server.channel().await);
    let empty = client.list_predictions(ListPredictionsRequest::default()).await.unwrap().into_inner();
    assert!(empty.predictions.is_empty() && empty.next_page_token.is_empty());
    let filter = PredictionFilter { min_probability: Some(1.5), ..Default::default() };
    let refused = client
        .list_predictions(ListPredictionsRequest { filter: Some(filter), ..Default::default() })
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(crate::serve::error::field_of(&refused), Some("filter.min_probability"));
}

/// `machine stream probability` of the next message.
async fn next(watch: &mut tonic::Streaming<WatchPredictionsResponse>) -> Vec<String> {
    let message = timeout(PATIENCE, watch.message()).await.unwrap().unwrap().unwrap();
    let line = |it: &Prediction| format!("{} {} {:?}", it.machine_id, it.stream, it.probability);
    message.predictions.iter().map(line).collect()
}

#[tokio::test]
async fn a_watch_brings_the_newest_and_then_only_what_is_new() {
    let server = Server::start().await;
    let predict = |stream: &str, machine: &str, time: i64, probability| {
        let rows = batch(WINDOW_TIME, "probability", &[(machine, time, Some(probability))]);
        server.live.update(stream, &rows);
    };
    let read = |machine: &str| {
        server.live.update(READINGS, &batch(TIMESTAMP, "superheat", &[(machine, 1, Some(7.0))]));
    };
    predict("predictions", "m1", 1, 0.1);
    predict("forest", "m1", 1, 0.2);
    predict("forest", "other", 1, 0.3);
    read("m2");
    let mut client = PredictionServiceClient::new(server.channel().await);
    let filter = |least| PredictionFilter {
        machines: Some(MachineFilter { id_prefix: "m".into(), ..Default::default() }),
        min_probability: least,
        ..Default::default()
    };
    let mut watch = async |least| {
        let request = WatchPredictionsRequest { filter: Some(filter(least)), min_interval: None };
        client.watch_predictions(request).await.unwrap().into_inner()
    };
    let mut all = watch(None).await;
    assert_eq!(next(&mut all).await, ["m1 forest Some(0.2)", "m1 predictions Some(0.1)"]);
    let mut high = watch(Some(0.5)).await;
    assert!(next(&mut high).await.is_empty(), "the first message comes even if there is nothing");

    // A reading is no news, an older prediction neither; a new row of the same window is.
    read("m1");
    predict("forest", "m1", 0, 0.9);
    predict("predictions", "m1", 1, 0.4);
    assert_eq!(next(&mut all).await, ["m1 predictions Some(0.4)"]);
    predict("predictions", "other", 5, 0.9);
    predict("predictions", "m2", 5, 0.8);
    assert_eq!(next(&mut all).await, ["m2 predictions Some(0.8)"]);
    assert_eq!(next(&mut high).await, ["m2 predictions Some(0.8)"]);

    let stopping = server.stop();
    let end = timeout(PATIENCE, all.message()).await.unwrap().unwrap_err();
    assert_eq!(end.code(), Code::Unavailable);
    drop((all, high));
    timeout(PATIENCE, stopping).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_live_prediction_says_what_made_it() {
    let server = Server::start().await;
    let rows = Tables(SessionContext::new())
        .query(
            "SELECT 'm1' AS machine_id, to_timestamp(5) AS window_time, to_timestamp(6) AS window_end,
                 CAST(0.25 AS DOUBLE) AS probability, 'failure' AS model, 'v7' AS model_version,
                 'normal' AS predicted_class",
        )
        .await
        .unwrap();
    for batch in futures::TryStreamExt::try_collect::<Vec<_>>(rows).await.unwrap() {
        server.live.update("forest", &batch);
    }
    let expected = Prediction {
        stream: "forest".into(),
        probability: Some(0.25),
        model_version: "v7".into(),
        window_end: Some(prost_types::Timestamp { seconds: 6, nanos: 0 }),
        machine_id: "m1".into(),
        model: "failure".into(),
        predicted_class: "normal".into(),
    };
    let mut watcher = server.live.watch_predictions(Default::default(), Duration::ZERO);
    assert_eq!(watcher.next().await, std::slice::from_ref(&expected));
    assert_eq!(server.live.machine("m1").unwrap().predictions, [expected]);
}
