//! The alarms on a real broker, killed on the way, against plain SQL over the archive.

use std::path::Path;
use std::time::Duration;

use crate::end_to_end::kill_and_restart;
use crate::parts::kafka::{Kafka, Message};
use crate::parts::wait;
use crate::serving::{grpcurl, grpcurl_output};
use crate::worker::{Store, Worker};

const LONG: Duration = Duration::from_secs(300);

/// The original's rules over `readings`: name, value, condition on it, severity.
const LIMITS: [(&str, &str, &str, &str); 9] = [
    ("evaporator_warm", "temp_evaporator", "> -5", "medium"),
    ("condenser_hot", "temp_condenser", "> 50", "high"),
    ("pressure_high", "pressure_high", "> 16", "high"),
    ("pressure_low", "pressure_low", "< 1.5", "high"),
    ("superheat_low", "superheat", "< 3", "high"),
    ("superheat_high", "superheat", "> 15", "medium"),
    ("current_high", "compressor_current", "> 12", "high"),
    ("vibration_high", "vibration", "> 0.05", "medium"),
    ("pressure_ratio_high", "pressure_high / pressure_low", "> 8", "medium"),
];

/// The transitions of one rule by plain SQL: where the condition turns from not known to hold to holding an episode
/// begins, where it then is known not to hold it ends. Rows where it is not known are as if they were not there.
fn transitions(
    stream: &str,
    time: &str,
    order: &str,
    rule: &(&str, &str, &str, &str),
    worse: &str,
) -> String {
    let (name, value, condition, severity) = rule;
    format!(
        "SELECT machine_id, '{name}' AS rule, began AS raised_at, ts, transition, severity, value FROM (
            SELECT *, max(CASE WHEN holds AND NOT held THEN ts END) OVER episode_rows AS began,
                min(CASE WHEN holds AND worse THEN ts END) OVER episode_rows AS worse_at,
                unnest(['raised', 'escalated', 'cleared']) AS transition,
                CASE WHEN (min(CASE WHEN holds AND worse THEN ts END) OVER episode_rows) <= ts
                    THEN 'high' ELSE '{severity}' END AS severity
            FROM (
                SELECT *, sum(CASE WHEN holds AND NOT held THEN 1 ELSE 0 END) OVER in_order AS episode FROM (
                    SELECT machine_id, {time} AS ts, {order} AS tie, {value} AS value,
                        ({value}) {condition} AS holds, {worse} AS worse,
                        coalesce(lag(({value}) {condition}) OVER
                            (PARTITION BY machine_id ORDER BY {time}, {order}), false) AS held
                    FROM {stream} WHERE (({value}) {condition}) IS NOT NULL
                ) WINDOW in_order AS (PARTITION BY machine_id ORDER BY ts, tie)
            ) WINDOW episode_rows AS (PARTITION BY machine_id, episode)
         ) WHERE (transition = 'raised' AND holds AND NOT held)
              OR (transition = 'cleared' AND held AND NOT holds)
              OR (transition = 'escalated' AND holds AND held AND worse AND ts = worse_at)"
    )
}

/// The streams of the predictions, and the model of each.
const MODELS: [(&str, &str); 2] = [("predictions", "failure"), ("predictions_forest", "failure_forest")];

/// All transitions of the set `classic`, by plain SQL.
fn classic() -> String {
    let risk = ("failure_risk", "probability", ">= 0.5", "medium");
    let risk = transitions("predictions", "window_time", "0", &risk, "probability >= 0.8");
    let limits =
        LIMITS.iter().map(|rule| transitions("readings", "timestamp", "kafka_offset", rule, "false"));
    std::iter::once(risk).chain(limits).collect::<Vec<_>>().join("\nUNION ALL\n")
}

/// How many rows two selects do not have in common.
fn differing(one: &str, other: &str) -> String {
    format!("SELECT count(*) FROM ((({one}) EXCEPT ALL ({other})) UNION ALL (({other}) EXCEPT ALL ({one})))")
}

/// The table of the alarms, by the set `classic`, holds what plain SQL over the archived rows gives.
pub fn assert_classic(worker: &Worker) {
    let table = "SELECT machine_id, rule, min(timestamp) FILTER (WHERE transition = 'raised')
            OVER (PARTITION BY machine_id, episode) AS raised_at, timestamp AS ts, transition, severity, value
        FROM alarms";
    assert_eq!(worker.number(&differing(table, &classic())), 0);
}

/// A backtest over the archive, with its tables in `out`, raises the same alarms, texts and ids included.
pub fn assert_equals_backtest(worker: &Worker, out: &Path) {
    let columns = "timestamp, machine_id, rule, episode, transition, severity, value, text_en, text_fr";
    // A backtest ends its windows at the end of the input; the live stream waits for more.
    let until = "rule <> 'failure_risk' OR timestamp <= (SELECT max(window_time) FROM predictions)";
    let both = differing(
        &format!("SELECT {columns} FROM alarms"),
        &format!("SELECT {columns} FROM again WHERE {until}"),
    );
    let found = worker.sql_with(&[("again", &out.join("alarms"))], &both);
    assert_eq!(
        arrow::util::pretty::pretty_format_batches(&[found]).unwrap().to_string().matches("| 0 ").count(),
        1
    );

    // The scores are those that the models give when they are asked again, over the archived features.
    for (stream, model) in MODELS {
        let again = format!(
            "SELECT count(*) AS n FROM (SELECT machine_id, window_end, probability FROM {stream}
             EXCEPT SELECT machine_id, window_end, score('{model}') FROM features)"
        );
        let rows = worker.output(&["query", &again, "--archive", &worker.url, "--format", "json"]);
        assert_eq!(rows.trim(), r#"{"n":0}"#, "{stream}");
        assert!(worker.number(&format!("SELECT count(probability) FROM {stream}")) > 1_000);
    }
}

/// 200,000 readings of 40 machines that all fall ill on hot days, over 4 partitions; the process is killed three times.
/// Episode by episode, transition by transition, the table holds what plain SQL over the archived rows gives.
#[test]
fn classic_alarms_equal_plain_sql_after_three_kills() {
    let worker =
        Worker::new("classic", 4, Store::Folder, "idle_timeout = \"1h\"\n[alarms]\nrules = \"classic\"");
    let url = worker.kafka_url();
    worker.output(&[
        "simulate",
        "--machines",
        "40",
        "--start",
        "2024-07-15T00:00:00Z",
        "--duration",
        "50000s",
        "--period",
        "10s",
        "--faulty-share",
        "1",
        "--seed",
        "5",
        "--out",
        &url,
    ]);
    let mut process = worker.start();
    for rows in [40_000, 90_000, 150_000] {
        kill_and_restart(&worker, &mut process, "readings", rows);
    }
    worker.wait_for_rows(&mut process, "readings", 200_000, LONG);
    assert!(process.terminate().success(), "{}", process.tail());
    assert_eq!(worker.number("SELECT count(*) FROM readings"), 200_000);

    assert_classic(&worker);
    // What was compared is not nothing: every kind of rule was at work.
    let seen = |what: &str| worker.number(&format!("SELECT count(*) FROM alarms WHERE {what}"));
    assert!(seen("transition = 'raised'") > 500, "{}", seen("transition = 'raised'"));
    assert!(seen("transition = 'cleared'") > 500);
    assert!(seen("transition = 'escalated'") > 0);
    assert!(worker.number("SELECT count(DISTINCT rule) FROM alarms") >= 8);
    // An episode is raised once and cleared once at most, and its id says machine, rule and time.
    let odd = "SELECT count(*) FROM (
            SELECT episode, count(*) FILTER (WHERE transition = 'raised') AS raised,
                count(*) FILTER (WHERE transition = 'cleared') AS cleared,
                count(DISTINCT machine_id || rule) AS owners FROM alarms GROUP BY episode
        ) WHERE raised <> 1 OR cleared > 1 OR owners <> 1";
    assert_eq!(worker.number(odd), 0);

    let out = worker.dir.path().join("backtest");
    let out_arg = out.display().to_string();
    worker.output(&["backtest", "--input", &worker.url, "--alarms", "classic", "--out", &out_arg]);
    assert_equals_backtest(&worker, &out);
}

fn shaking(vibration: f64, seconds: i64) -> Message {
    let time = chrono::Utc::now() + chrono::Duration::seconds(seconds);
    let payload =
        format!(r#"{{"timestamp":"{}","machine_id":"m1","vibration":{vibration}}}"#, time.to_rfc3339());
    Message { partition: 0, key: "m1".into(), payload: payload.into_bytes() }
}

/// An acknowledgement answers once it is stored: the next kill cannot take it back, nor can it happen twice.
#[test]
fn an_acknowledgement_survives_a_kill() {
    let worker = Worker::new("acknowledge", 1, Store::Folder, "[alarms]\nrules = \"classic\"");
    let mut process = worker.start();
    let list = |filter: &str| {
        let request = format!(r#"{{"filter":{{{filter}}}}}"#);
        let text = grpcurl_output(&worker, &["-d", &request, "coldstream.v1.AlarmService/ListAlarms"]);
        let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
        answer["alarms"].as_array().cloned().unwrap_or_default()
    };
    Kafka::shared().send(&worker.topic, [shaking(0.02, -3), shaking(0.09, -2)]);
    let alarm =
        wait::until("an alarm", Duration::from_secs(60), || list("").pop().ok_or_else(|| process.tail()));
    assert_eq!((alarm["rule"].as_str(), alarm["value"].as_f64()), (Some("vibration_high"), Some(0.09)));
    assert_eq!(alarm["textFr"], "Vibration 0,09\u{a0}g, au-dessus de 0,05\u{a0}g");
    assert!(alarm.get("acknowledgedAt").is_none(), "{alarm}");
    let episode = alarm["episode"].as_str().unwrap();
    let acknowledge = |who: &str| {
        let request =
            serde_json::json!({"episode": episode, "who": who, "comment": "palier commandé"}).to_string();
        let text = grpcurl_output(&worker, &["-d", &request, "coldstream.v1.AlarmService/AcknowledgeAlarm"]);
        serde_json::from_str::<serde_json::Value>(&text).unwrap()
    };
    assert_eq!(acknowledge("Zoé")["acknowledgedBy"], "Zoé");
    process.kill();
    let mut process = worker.start();
    let known = wait::until("the alarm after the kill", Duration::from_secs(60), || {
        list(r#""acknowledged":true,"open":true"#).pop().ok_or_else(|| process.tail())
    });
    assert_eq!((&known["episode"], &known["acknowledgedBy"]), (&alarm["episode"], &"Zoé".into()));
    assert_eq!(known["comment"], "palier commandé");
    // Once more, by someone else: the first one counts. The partition must be back for this.
    wait::until("the partition", Duration::from_secs(60), || {
        let request = serde_json::json!({"episode": episode, "who": "Max"}).to_string();
        let call = ["-d", request.as_str(), "coldstream.v1.AlarmService/AcknowledgeAlarm"];
        let output = grpcurl(&worker, &call).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if text.contains("Zoé") { Ok(()) } else { Err(format!("{text}{}", process.tail())) }
    });
    Kafka::shared().send(&worker.topic, [shaking(0.03, -1)]);
    wait::until("the end of the alarm", Duration::from_secs(60), || {
        list(r#""open":false"#).pop().map(|_| ()).ok_or_else(|| process.tail())
    });
    assert!(process.terminate().success(), "{}", process.tail());
    let rows = |transition: &str| {
        worker.number(&format!("SELECT count(*) FROM alarms WHERE transition = '{transition}'"))
    };
    assert_eq!((rows("raised"), rows("acknowledged"), rows("cleared")), (1, 1, 1));
}
