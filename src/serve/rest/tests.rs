//! Over real HTTP/1.1, against what the gRPC clients get; the document against its own rules.

use std::collections::BTreeSet;

use prost_reflect::DescriptorPool;
use serde_json::{Value as Json, json};

use super::routes::{TABLE, Verb, resolve};
use super::*;
use crate::alarm::{Episode, Severity};
use crate::schema::{READINGS, TIMESTAMP, WINDOW_TIME};
use crate::serve::testing::{Http, Server, batch};

fn pool() -> DescriptorPool {
    DescriptorPool::decode(proto::FILE_DESCRIPTOR_SET).unwrap()
}

async fn get(server: &Server, path: &str) -> (u16, Json) {
    let answer = server.http("GET", path, &[], "").await;
    assert_eq!(answer.header("content-type"), Some("application/json"), "{path}");
    (answer.status, serde_json::from_str(&answer.body).unwrap())
}

async fn post(server: &Server, path: &str, body: &str) -> (u16, Json) {
    let answer = server.http("POST", path, &[("Content-Type", "application/json")], body).await;
    (answer.status, serde_json::from_str(&answer.body).unwrap())
}

/// `code field` of a refused GET.
async fn refusal(server: &Server, path: &str) -> (u16, String) {
    let (status, answer) = get(server, path).await;
    let error = &answer["error"];
    assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{answer}");
    (status, format!("{} {}", error["code"].as_str().unwrap(), error["field"].as_str().unwrap_or("-")))
}

fn episode(machine: &str, severity: Severity) -> Episode {
    Episode {
        id: format!("{machine}/warm/1970-01-01T00:00:01Z"),
        machine_id: machine.into(),
        rule: "warm".into(),
        severity,
        raised_at: 1_000_000,
        cleared_at: None,
        acknowledged_at: None,
        acknowledged_by: String::new(),
        comment: String::new(),
        value: Some(-4.5),
        text_en: "warm".into(),
        text_fr: "chaud".into(),
    }
}

fn reading(server: &Server, machine: &str, value: f64) {
    server.live.update(READINGS, &batch(TIMESTAMP, "temp_evaporator", &[(machine, 1_500_000, Some(value))]));
}

#[test]
fn every_method_has_a_route() {
    // Arrow in pieces is for gRPC; QueryJson is the same for REST.
    let without = ["HistoryService.Query"];
    let routed: BTreeSet<&str> = TABLE.iter().map(|(_, _, method)| *method).collect();
    let mut count = 0;
    for service in pool().services().filter(|it| it.package_name() == "coldstream.v1") {
        for method in service.methods() {
            let name = format!("{}.{}", service.name(), method.name());
            let routed = routed.contains(name.as_str());
            assert_ne!(
                routed,
                without.contains(&name.as_str()),
                "{name} needs a line in the table of routes"
            );
            count += 1;
        }
    }
    assert_eq!(count, TABLE.len() + without.len());
}

#[tokio::test]
async fn machines_come_as_json_with_the_names_of_the_protos() {
    let server = Server::start().await;
    for (machine, value) in [("paris/1", -10.5), ("paris/2", -9.0), ("rome/1", f64::INFINITY)] {
        reading(&server, machine, value);
    }
    let (status, first) = get(&server, "/api/machines?page_size=1&id_prefix=paris/").await;
    assert_eq!(status, 200);
    let machine = &first["machines"][0];
    assert_eq!(machine["id"], "paris/1");
    assert_eq!(machine["state"], "MACHINE_STATE_UNSPECIFIED");
    assert_eq!(machine["readings"], "1", "64 bits are a text");
    let row =
        json!({"timestamp": "1970-01-01T00:00:01.500Z", "values": {"temp_evaporator": -10.5}, "texts": {}});
    assert_eq!(machine["last_reading"], row);
    assert_eq!(machine["predictions"], json!([]), "an empty list is there");
    let token = first["next_page_token"].as_str().unwrap();
    let next = format!("/api/machines?page_size=1&filter.id_prefix=paris/&page_token={token}");
    let (_, second) = get(&server, &next).await;
    assert_eq!((&second["machines"][0]["id"], &second["next_page_token"]), (&json!("paris/2"), &json!("")));

    let (_, two) = get(&server, "/api/machines?machine=rome%2F1&machine_ids=paris/2&state=unspecified").await;
    let ids: Vec<_> = two["machines"].as_array().unwrap().iter().map(|it| it["id"].clone()).collect();
    assert_eq!(ids, ["paris/2", "rome/1"]);
    let (_, one) = get(&server, "/api/machines/rome%2F1").await;
    assert_eq!(one["last_reading"]["values"]["temp_evaporator"], "Infinity");
    let (_, status) = get(&server, "/api/system_status").await;
    assert_eq!((&status["readings_total"], &status["models"][0]["name"]), (&json!("3"), &json!("failure")));
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_said_with_its_field() {
    let server = Server::start().await;
    for (path, code, error) in [
        ("/api/predictions?page_size=1001", 400, "INVALID_ARGUMENT page_size"),
        ("/api/machines?page_size=many", 400, "INVALID_ARGUMENT page_size"),
        ("/api/machines?page_size=1&page_size=2", 400, "INVALID_ARGUMENT page_size"),
        ("/api/machines?wrong=1", 400, "INVALID_ARGUMENT wrong"),
        ("/api/machines?state=broken", 400, "INVALID_ARGUMENT states"),
        ("/api/machines/7?id=8", 400, "INVALID_ARGUMENT id"),
        ("/api/machines/7", 404, "NOT_FOUND id"),
        ("/api/machines/%ff", 400, "INVALID_ARGUMENT -"),
        ("/api/alarms?open=maybe", 400, "INVALID_ARGUMENT filter.open"),
        ("/api/alarms?filter.raised_from=yesterday", 400, "INVALID_ARGUMENT filter.raised_from"),
        ("/api/predictions?min_probability=2", 400, "INVALID_ARGUMENT filter.min_probability"),
        ("/api/predictions?page_token=abc", 400, "INVALID_ARGUMENT page_token"),
        ("/api/predictions/watch?min_interval=-1s", 400, "INVALID_ARGUMENT min_interval"),
        ("/api/sensor", 404, "NOT_FOUND -"),
        ("/api", 404, "NOT_FOUND -"),
        // The table of this server does not exist.
        ("/api/alarms?severity=high&rule=a&raised_before=2024-01-15T10:30:00%2B01:00", 404, "NOT_FOUND -"),
    ] {
        assert_eq!(refusal(&server, path).await, (code, error.to_owned()), "{path}");
    }
    let (_, answer) = get(&server, "/api/predictions?page=2").await;
    let hint = answer["error"]["hint"].as_str().unwrap();
    assert!(
        hint.contains("page_size") && hint.contains("min_probability") && hint.contains("machine_ids"),
        "{hint}"
    );
    let (_, answer) = get(&server, "/api/alarms?severity=bad").await;
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(message.contains("low, medium, high, critical"), "{message}");
}

#[tokio::test]
async fn another_verb_is_told_which_to_use() {
    let server = Server::start().await;
    for (method, path, allow) in [
        ("DELETE", "/api/machines", "GET"),
        ("GET", "/api/query", "POST"),
        ("PUT", "/api/demo/faults", "GET, POST"),
    ] {
        let answer = server.http(method, path, &[], "").await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some(allow)), "{method} {path}");
        let body: Json = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(body["error"]["code"], "METHOD_NOT_ALLOWED");
    }
    let head = server.http("HEAD", "/api/machines", &[], "").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
}

#[tokio::test]
async fn sql_comes_as_rows_of_json() {
    let server = Server::start().await;
    let sql = json!({"sql": "SELECT n, x FROM big WHERE n < 3 ORDER BY n", "limit": 2}).to_string();
    let (status, answer) = post(&server, "/api/query", &sql).await;
    let columns = json!([{"name": "n", "type": "Int64"}, {"name": "x", "type": "Float64"}]);
    let rows = json!([{"n": 0, "x": null}, {"n": 1, "x": 0.25}]);
    assert_eq!((status, answer), (200, json!({"columns": columns, "rows": rows, "truncated": true})));

    for (body, code, error, field) in [
        (r#"{"sql": "SELECT * FROM nothing"}"#, 404, "NOT_FOUND", None),
        (r#"{"sql": "DROP TABLE big"}"#, 400, "INVALID_ARGUMENT", None),
        (r#"{"sql": 5}"#, 400, "INVALID_ARGUMENT", Some("sql")),
        (r#"{"sequel": "SELECT 1"}"#, 400, "INVALID_ARGUMENT", Some("sequel")),
        ("[1]", 400, "INVALID_ARGUMENT", None),
        ("{", 400, "INVALID_ARGUMENT", None),
    ] {
        let (status, answer) = post(&server, "/api/query", body).await;
        let refused = (status, answer["error"]["code"].as_str(), answer["error"]["field"].as_str());
        assert_eq!(refused, (code, Some(error), field), "{body}: {answer}");
    }
    let form = server.http("POST", "/api/query", &[("Content-Type", "text/plain")], "{}").await;
    assert_eq!(form.status, 415, "another site's page must not be able to post");
    let long = format!(r#"{{"sql": "SELECT '{}'"}}"#, "x".repeat(BODY_BYTES));
    assert_eq!(post(&server, "/api/query", &long).await.0, 413);
}

#[tokio::test]
async fn an_alarm_is_acknowledged_by_its_id() {
    let server = Server::start().await;
    server.alarms.update(&server.live, 0, vec![episode("paris/1", Severity::High)]);
    let id = "paris/1/warm/1970-01-01T00:00:01Z";
    let body = json!({"episode": id, "who": "Zoé", "comment": "vu"}).to_string();
    let (status, alarm) = post(&server, "/api/alarms/acknowledge", &body).await;
    assert_eq!((status, &alarm["episode"], &alarm["acknowledged_by"]), (200, &json!(id), &json!("Zoé")));
    assert_eq!((&alarm["severity"], &alarm["value"]), (&json!("SEVERITY_HIGH"), &json!(-4.5)));
    assert_eq!(alarm["cleared_at"], Json::Null, "what is not known is not there");
    let (status, answer) = post(&server, "/api/alarms/acknowledge", r#"{"episode": "a"}"#).await;
    assert_eq!((status, &answer["error"]["field"]), (400, &json!("who")));
    let (status, answer) = post(&server, "/api/alarms/acknowledge", r#"{"episode": "a", "who": "b"}"#).await;
    assert_eq!(status, 404);
    assert_eq!(answer["error"]["hint"], "ListAlarms lists the alarms");
    let (status, rules) = get(&server, "/api/alarm_rules").await;
    assert_eq!((status, rules), (200, json!({"rules": []})));
}

#[tokio::test]
async fn watches_are_streams_of_events_that_end_with_the_server() {
    let server = Server::start().await;
    let predict = |machine: &str, probability| {
        let rows = batch(WINDOW_TIME, "probability", &[(machine, 2_000_000, Some(probability))]);
        server.live.update("forest", &rows);
    };
    predict("m1", 0.25);
    server.alarms.update(&server.live, 0, vec![episode("m1", Severity::Low), episode("m2", Severity::High)]);
    let mut predictions =
        Http::open(server.address, "/api/predictions/watch?stream=forest&min_interval=0.01s").await;
    assert_eq!(predictions.header("content-type"), Some("text/event-stream"));
    let first = predictions.event().await;
    assert_eq!(first["predictions"][0]["probability"], 0.25);
    predict("m2", 0.5);
    assert_eq!(predictions.event().await["predictions"][0]["machine_id"], "m2");
    let mut alarms = Http::open(server.address, "/api/alarms/watch?severity=high").await;
    let open = alarms.event().await;
    assert_eq!(
        (open["alarms"].as_array().unwrap().len(), &open["alarms"][0]["machine_id"]),
        (1, &json!("m2"))
    );
    let mut machines = Http::open(server.address, "/api/machines/watch?machine=m2").await;
    assert_eq!(machines.event().await["machines"][0]["id"], "m2");
    let stopping = server.stop();
    for mut stream in [predictions, alarms, machines] {
        assert_eq!(stream.event().await["error"]["code"], "UNAVAILABLE");
        assert!(stream.ended().await);
    }
    tokio::time::timeout(crate::serve::testing::PATIENCE, stopping).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn the_document_describes_every_route_and_refers_to_what_is_there() {
    let server = Server::start().await;
    let (status, document) = get(&server, "/api/openapi.json").await;
    assert_eq!((status, &document["openapi"]), (200, &json!("3.1.0")));
    for (verb, path, method) in TABLE {
        let operation = &document["paths"][path][verb.name().to_ascii_lowercase()];
        assert_eq!(Some(operation["operationId"].as_str().unwrap()), method.split('.').nth(1), "{path}");
        assert!(operation["description"].as_str().is_some_and(|it| it.len() > 10), "{path} is not described");
        let in_path = operation["parameters"].as_array().into_iter().flatten();
        let in_path = in_path.filter(|it| it["in"] == "path").count();
        assert_eq!(in_path, path.matches('{').count(), "{path}");
        assert_eq!(operation["requestBody"].is_object(), *verb == Verb::Post, "{path}");
    }
    let mut references = 0;
    let mut waiting = vec![&document];
    while let Some(value) = waiting.pop() {
        match value {
            Json::Object(entries) => {
                if let Some(Json::String(reference)) = entries.get("$ref") {
                    let pointer = reference.strip_prefix('#').unwrap();
                    assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
                    references += 1;
                }
                waiting.extend(entries.values());
            }
            Json::Array(elements) => waiting.extend(elements),
            _ => {}
        }
    }
    assert!(references > TABLE.len());
    let schemas = &document["components"]["schemas"];
    assert_eq!(schemas["Severity"]["enum"][4], "SEVERITY_CRITICAL");
    let probability = &schemas["Prediction"]["properties"]["probability"];
    let about = probability["description"].as_str().unwrap();
    assert!(about.starts_with("Probability of failure, 0 to 1. Absent where"), "{about}");
    let required: Vec<_> = schemas["Prediction"]["required"].as_array().unwrap().iter().collect();
    assert_eq!(required, ["stream", "model_version", "machine_id", "model", "predicted_class"]);
    let parameters = document["paths"]["/api/alarms"]["get"]["parameters"].as_array().unwrap();
    let severities = parameters.iter().find(|it| it["name"] == "severities").unwrap();
    assert_eq!(severities["schema"]["items"]["enum"][3], "high");
}

#[test]
fn the_name_of_each_documented_parameter_means_it() {
    for route in resolve(&pool()).unwrap() {
        for (index, parameter) in route.parameters.all.iter().enumerate() {
            for name in [parameter.name.clone(), parameter.path()] {
                let found = route.parameters.find(&name).map(|(index, _)| index);
                assert_eq!(found, Some(index), "`{name}` of {}", route.path);
            }
        }
    }
}
