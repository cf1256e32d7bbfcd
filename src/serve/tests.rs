use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use arrow::array::{AsArray, RecordBatch};
use arrow::buffer::Buffer;
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Int64Type};
use arrow::ipc::reader::StreamDecoder;
use prost::Message;
use tokio::time::timeout;
use tonic::Code;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::{v1, v1alpha};

use super::error::field_of;
use super::live::PartitionStatus;
use super::proto::history_service_client::HistoryServiceClient;
use super::proto::status_service_client::StatusServiceClient;
use super::proto::*;
use super::sql::{SqlError, SqlErrorKind};
use super::testing::{PATIENCE, Server, batch, big};
use super::*;
use crate::alarm::{Episode, Severity};
use crate::machine::Machines;
use crate::schema::{READINGS, TIMESTAMP, WINDOW_TIME};
use crate::source::raw::RawBatch;

/// Sends `request` and reads until the server closes: head and body.
async fn raw(address: SocketAddr, request: Vec<u8>) -> (String, Vec<u8>) {
    let answer = tokio::task::spawn_blocking(move || {
        let mut socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.write_all(&request).unwrap();
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).unwrap();
        answer
    })
    .await
    .unwrap();
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
    (String::from_utf8(answer[..end].to_vec()).unwrap(), answer[end + 4..].to_vec())
}

async fn page(address: SocketAddr, path: &str) -> (String, String) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    let (head, body) = raw(address, request.into_bytes()).await;
    (head, String::from_utf8(body).unwrap())
}

fn reading(server: &Server, machine: &str, time: i64, value: f64) {
    server.live.update(READINGS, &batch(TIMESTAMP, "temp_evaporator", &[(machine, time, Some(value))]));
}

#[tokio::test]
async fn status_tells_counts_partitions_tables_and_models() {
    let server = Server::start().await;
    reading(&server, "1", 1_500_000, -10.5);
    reading(&server, "2", 1_500_000, -9.0);
    server.live.update("predictions", &batch(WINDOW_TIME, "probability", &[("1", 2_000_000, Some(0.6))]));
    server.live.dead_letters("not_json", 3);
    server.live.late_readings("features", 2);
    server.live.set_partition(PartitionStatus {
        partition: 0,
        next_offset: 40,
        high_watermark: Some(50),
        watermark: Some(1_250_000),
        epoch: 9,
    });
    let mut client = StatusServiceClient::new(server.channel().await);
    let status = client.get_system_status(GetSystemStatusRequest {}).await.unwrap().into_inner();
    assert_eq!(status.version, env!("CARGO_PKG_VERSION"));
    assert_eq!((status.readings_total, status.dead_letters_total, status.late_readings_total), (2, 3, 2));
    let states: Vec<_> = status.machines.iter().map(|it| (it.state(), it.machines)).collect();
    assert_eq!(states, [(MachineState::Unspecified, 1), (MachineState::Warning, 1)]);
    assert_eq!(
        status.partitions,
        [PartitionState {
            partition: 0,
            next_offset: 40,
            high_watermark: Some(50),
            lag: Some(10),
            watermark: Some(prost_types::Timestamp { seconds: 1, nanos: 250_000_000 }),
            epoch: 9,
        }]
    );
    let tables: Vec<_> = status.tables.iter().map(|it| (it.name.as_str(), it.rows)).collect();
    assert_eq!(tables, [("features", None), ("readings", Some(1_000))]);
    assert_eq!(
        (status.models[0].algorithm.as_str(), status.models[0].card.as_str()),
        ("logistic", r#"{"rows":3}"#)
    );
    assert!(!status.demo && status.kafka.is_none() && status.open_alarms.is_empty());
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
    assert!((0..3600).contains(&(now - status.started_at.unwrap().seconds)));
    assert!(status.uptime.unwrap().seconds < 3600);
}

#[tokio::test]
async fn machines_are_listed_and_found() {
    let server = Server::start().await;
    for machine in ["a/1", "a/2", "b/1"] {
        reading(&server, machine, 1_000_000, 4.5);
    }
    let mut client = StatusServiceClient::new(server.channel().await);
    let filter = Some(MachineFilter { id_prefix: "a/".into(), ..Default::default() });
    let request = ListMachinesRequest { filter, page_size: 1, ..Default::default() };
    let first = client.list_machines(request.clone()).await.unwrap().into_inner();
    assert_eq!((first.machines.len(), first.machines[0].id.as_str()), (1, "a/1"));
    let request = ListMachinesRequest { page_token: first.next_page_token, ..request };
    let second = client.list_machines(request).await.unwrap().into_inner();
    assert_eq!((second.machines[0].id.as_str(), second.next_page_token.as_str()), ("a/2", ""));

    let machine = client.get_machine(GetMachineRequest { id: "b/1".into() }).await.unwrap().into_inner();
    assert_eq!(machine.readings, 1);
    assert_eq!(machine.last_reading.unwrap().values["temp_evaporator"], 4.5);
    assert!(machine.last_seen.is_some());

    let unknown = client.get_machine(GetMachineRequest { id: "c".into() }).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    assert!(unknown.message().contains("machine `c`") && unknown.message().contains("hint: "));
    let large = ListMachinesRequest { page_size: 1001, ..Default::default() };
    assert_eq!(client.list_machines(large).await.unwrap_err().code(), Code::InvalidArgument);
    let odd = ListMachinesRequest { states: vec![99], ..Default::default() };
    assert_eq!(client.list_machines(odd).await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn what_is_known_of_a_machine_is_shown_and_the_unknown_are_counted() {
    let server = Server::start().await;
    for machine in ["1", "2", "3"] {
        reading(&server, machine, 1_000_000, 4.5);
    }
    let file =
        "[defaults]\nsite = \"Harbour\"\n[[machines]]\nid = 1\nname = \"Case\"\nrefrigerant = \"R290\"\n";
    let rows = |file: &str| Machines::parse(file, "machines.toml").unwrap().rows(&["1", "2", "3"]).unwrap();
    server.live.set_machines(&rows(file));
    let mut client = StatusServiceClient::new(server.channel().await);
    let about = async |client: &mut StatusServiceClient<Channel>, id: &str| {
        let machine = client.get_machine(GetMachineRequest { id: id.into() }).await.unwrap().into_inner();
        let about = machine.about.unwrap();
        (about.known, about.name, about.site, about.refrigerant, about.application)
    };
    let one = (true, "Case".into(), "Harbour".into(), "R290".into(), String::new());
    assert_eq!(about(&mut client, "1").await, one);
    assert_eq!(
        about(&mut client, "2").await,
        (false, String::new(), "Harbour".into(), String::new(), String::new())
    );
    let unknown = async |client: &mut StatusServiceClient<Channel>| {
        client.get_system_status(GetSystemStatusRequest {}).await.unwrap().into_inner().unknown_machines
    };
    assert_eq!(unknown(&mut client).await, 2);
    // One of them becomes known, and one that was is not any more.
    server.live.set_machines(&rows("[[machines]]\nid = 2\n[[machines]]\nid = 3\n"));
    assert_eq!(unknown(&mut client).await, 1);
    let status = client.get_system_status(GetSystemStatusRequest {}).await.unwrap().into_inner();
    assert_eq!(status.machines_file.unwrap(), MachinesFile::default(), "there is none");
}

#[tokio::test]
async fn status_tells_the_cluster_the_open_alarms_the_sensors_and_the_newest_messages() {
    let server = Server::start().await;
    server.live.set_cluster("readings", "coldstream", Err("silence".into()));
    let episode = Episode {
        id: "m/a/1".into(),
        machine_id: "m".into(),
        rule: "a".into(),
        severity: Severity::High,
        raised_at: 1,
        cleared_at: None,
        acknowledged_at: None,
        acknowledged_by: String::new(),
        comment: String::new(),
        value: None,
        text_en: String::new(),
        text_fr: String::new(),
    };
    server.alarms.update(&server.live, 0, vec![episode]);
    let mut client = StatusServiceClient::new(server.channel().await);
    let status = client.get_system_status(GetSystemStatusRequest {}).await.unwrap().into_inner();
    assert_eq!(status.kafka.unwrap().error, "silence");
    let open = [AlarmCount { severity: super::proto::Severity::High.into(), alarms: 1 }];
    assert_eq!(status.open_alarms, open);
    let machine = client.get_machine(GetMachineRequest { id: "m".into() }).await.unwrap().into_inner();
    assert_eq!(machine.open_alarms, open);

    let sensors = client.list_sensors(ListSensorsRequest {}).await.unwrap().into_inner().sensors;
    let sensor = |name: &str| sensors.iter().find(|sensor| sensor.name == name).unwrap();
    assert_eq!((sensor("temp_room").unit.as_str(), sensor("temp_room").r#type.as_str()), ("°C", "float64"));
    assert_eq!(sensors[0].name, "operating_mode");
    assert_eq!((sensors[0].unit.as_str(), sensors[0].r#type.as_str()), ("", "text"));
    assert_eq!(sensors.len(), ReadingSchema::default().sensors().len());

    let mut batch = RawBatch::default();
    (0..60).for_each(|offset| batch.push(b"{}", offset, offset));
    server.live.keep_messages(3, &batch);
    let request = ListMessagesRequest { partition: Some(3), limit: 2 };
    let messages = client.list_messages(request).await.unwrap().into_inner().messages;
    assert_eq!(messages.iter().map(|it| it.offset).collect::<Vec<_>>(), [59, 58]);
    let request = ListMessagesRequest { partition: None, limit: 501 };
    let refused = client.list_messages(request).await.unwrap_err();
    assert_eq!((refused.code(), field_of(&refused)), (Code::InvalidArgument, Some("limit")));
}

#[tokio::test]
async fn a_watch_sees_a_reading_within_a_second_and_ends_with_the_server() {
    let server = Server::start().await;
    let mut client = StatusServiceClient::new(server.channel().await);
    let filter = Some(MachineFilter { machine_ids: vec!["1".into()], ..Default::default() });
    let request = WatchMachinesRequest { filter, min_interval: None };
    let mut watch = client.watch_machines(request).await.unwrap().into_inner();
    let first = timeout(PATIENCE, watch.message()).await.unwrap().unwrap().unwrap();
    assert!(first.machines.is_empty());
    for value in [1.0, 2.0] {
        let sent = Instant::now();
        reading(&server, "2", 1, 7.0);
        reading(&server, "1", 1, value);
        let message = timeout(PATIENCE, watch.message()).await.unwrap().unwrap().unwrap();
        assert!(sent.elapsed() < Duration::from_secs(1), "took {:?}", sent.elapsed());
        assert_eq!(message.machines.len(), 1);
        assert_eq!(message.machines[0].last_reading.as_ref().unwrap().values["temp_evaporator"], value);
    }
    let negative = prost_types::Duration { seconds: -1, nanos: 0 };
    let request = WatchMachinesRequest { filter: None, min_interval: Some(negative) };
    assert_eq!(client.watch_machines(request).await.unwrap_err().code(), Code::InvalidArgument);

    let channel = server.channel().await;
    let health = HealthClient::new(channel).watch(HealthCheckRequest::default()).await.unwrap();
    let started = Instant::now();
    let task = server.stop();
    let end = timeout(PATIENCE, watch.message()).await.unwrap().unwrap_err();
    assert_eq!((end.code(), end.message()), (Code::Unavailable, "the server is stopping"));
    drop((client, watch));
    timeout(PATIENCE, task).await.unwrap().unwrap().unwrap();
    assert!(started.elapsed() < GRACE, "an open health watch held the server: {:?}", started.elapsed());
    drop(health);
}

async fn arrow_pieces(server: &Server, sql: &str, limit: Option<u64>) -> (Vec<usize>, RecordBatch) {
    let mut client = HistoryServiceClient::new(server.channel().await);
    let mut pieces = client.query(QueryRequest { sql: sql.into(), limit }).await.unwrap().into_inner();
    let (mut sizes, mut batches, mut decoder) = (Vec::new(), Vec::new(), StreamDecoder::new());
    while let Some(piece) = pieces.message().await.unwrap() {
        sizes.push(piece.arrow_ipc.len());
        let mut bytes = Buffer::from_vec(piece.arrow_ipc);
        while !bytes.is_empty() {
            batches.extend(decoder.decode(&mut bytes).unwrap());
        }
        assert!(decoder.schema().is_some(), "the first piece carries the schema");
    }
    decoder.finish().unwrap();
    (sizes, concat_batches(&decoder.schema().unwrap(), &batches).unwrap())
}

#[tokio::test]
async fn a_large_result_comes_whole_in_pieces_of_about_a_mebibyte() {
    let server = Server::start().await;
    let (sizes, rows) = arrow_pieces(&server, "SELECT * FROM big ORDER BY n", None).await;
    assert!(sizes.len() > 4 && sizes.iter().all(|size| *size < 3 << 19), "{sizes:?}");
    let expected = big(100_000);
    assert_eq!(rows.num_rows(), 100_000);
    assert_eq!((rows.column(0), rows.column(2)), (expected.column(0), expected.column(2)));
    assert_eq!(rows.schema().field(1).data_type(), &DataType::Utf8, "no view types on the wire");
    assert_eq!(
        rows.column(1).as_string::<i32>().iter().collect::<Vec<_>>(),
        expected.column(1).as_string_view().iter().collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn a_result_stops_at_its_limit_and_an_empty_one_has_columns() {
    let server = Server::start().await;
    let (_, rows) = arrow_pieces(&server, "SELECT n FROM big ORDER BY n", Some(10)).await;
    assert_eq!(rows.column(0).as_primitive::<Int64Type>().values().to_vec(), (0..10).collect::<Vec<_>>());
    let (sizes, rows) = arrow_pieces(&server, "SELECT n, name FROM big WHERE n < 0", None).await;
    assert_eq!((sizes.len(), rows.num_rows(), rows.num_columns()), (1, 0, 2));
    let (_, rows) = arrow_pieces(&server, "SELECT n FROM big", Some(0)).await;
    assert_eq!(rows.num_rows(), 0);
}

#[tokio::test]
async fn json_rows_name_every_column_and_say_when_there_are_more() {
    let server = Server::start().await;
    let mut client = HistoryServiceClient::new(server.channel().await);
    let mut ask = async |sql: &str, limit| {
        client.query_json(QueryJsonRequest { sql: sql.into(), limit }).await.map(tonic::Response::into_inner)
    };
    let sql = "SELECT n, x, to_timestamp_micros(1705314600000000 + n * 0) AT TIME ZONE 'UTC' AS t FROM big WHERE n < 2 ORDER BY n";
    let answer = ask(sql, None).await.unwrap();
    let rows: Vec<serde_json::Value> =
        answer.rows.iter().map(|row| serde_json::from_str(row).unwrap()).collect();
    assert_eq!(rows[0]["x"], serde_json::Value::Null);
    assert_eq!((&rows[1]["n"], &rows[1]["x"]), (&1.into(), &0.25.into()));
    assert_eq!(rows[0]["t"], "2024-01-15T10:30:00Z");
    assert_eq!((rows.len(), answer.truncated), (2, false));
    let columns: Vec<_> = answer.columns.iter().map(|it| (it.name.as_str(), it.r#type.as_str())).collect();
    assert_eq!(columns[..2], [("n", "Int64"), ("x", "Float64")]);

    let answer = ask("SELECT n FROM big WHERE n < 5", Some(5)).await.unwrap();
    assert_eq!((answer.rows.len(), answer.truncated), (5, false));
    let answer = ask("SELECT n FROM big WHERE n < 6", Some(5)).await.unwrap();
    assert_eq!((answer.rows.len(), answer.truncated), (5, true));
    let answer = ask("SELECT repeat('x', 10000) AS t FROM big", Some(10_000)).await.unwrap();
    assert!(answer.truncated && answer.encoded_len() < 3 << 20, "{} bytes", answer.encoded_len());
    assert_eq!(ask("SELECT 1", Some(0)).await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_bad_statement_is_the_clients_fault_and_nothing_can_be_changed() {
    let server = Server::start().await;
    let mut client = HistoryServiceClient::new(server.channel().await);
    let mut fail = async |sql: &str| {
        let status = client.query(QueryRequest { sql: sql.into(), limit: None }).await.unwrap_err();
        (status.code(), SqlError::from_status(&status))
    };
    let (code, error) = fail("SELEC 1").await;
    assert_eq!((code, error.kind), (Code::InvalidArgument, SqlErrorKind::Invalid), "{error}");
    let (code, error) = fail("SELECT wrong FROM big").await;
    assert_eq!(code, Code::InvalidArgument);
    assert!(error.message.contains("wrong") && !error.message.contains('\n'), "{error}");
    let (code, error) = fail("SELECT * FROM nothing").await;
    assert_eq!((code, error.kind), (Code::NotFound, SqlErrorKind::NotFound), "{error}");
    assert!(error.message.contains("nothing") && error.hint.is_some());
    for sql in [
        "CREATE TABLE t AS SELECT 1",
        "INSERT INTO big VALUES (1, 'a', 2.0)",
        "DROP TABLE big",
        "COPY big TO '/tmp/coldstream-must-not-be-written.csv'",
        "SET datafusion.execution.batch_size = 1",
        "EXPLAIN ANALYZE INSERT INTO big VALUES (1, 'a', 2.0)",
        "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'",
    ] {
        let (code, error) = fail(sql).await;
        assert_eq!(code, Code::InvalidArgument, "{sql}");
        assert_eq!(error.message, "only statements that read are allowed here", "{sql}");
        assert!(error.hint.is_some());
    }
    let (code, _) = fail("SELECT 1; SELECT 2").await;
    assert_eq!(code, Code::InvalidArgument);
    // An error in the middle of the rows reaches the client as an error, too.
    let sql = "SELECT CAST(name AS BIGINT) FROM big".to_owned();
    let mut rows = client.query(QueryRequest { sql, limit: None }).await.unwrap().into_inner();
    assert_eq!(rows.message().await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn reflection_lists_the_services_in_both_dialects() {
    let server = Server::start().await;
    let ours = ["coldstream.v1.HistoryService", "coldstream.v1.StatusService", "grpc.health.v1.Health"];

    use v1::server_reflection_request::MessageRequest;
    use v1::server_reflection_response::MessageResponse;
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(server.channel().await);
    let ask = |request| v1::ServerReflectionRequest { host: String::new(), message_request: Some(request) };
    let requests = [
        ask(MessageRequest::ListServices(String::new())),
        ask(MessageRequest::FileContainingSymbol("coldstream.v1.Machine".into())),
    ];
    let answers = client.server_reflection_info(futures::stream::iter(requests)).await.unwrap();
    let mut answers = answers.into_inner();
    let Some(MessageResponse::ListServicesResponse(list)) =
        answers.message().await.unwrap().unwrap().message_response
    else {
        panic!("no list")
    };
    let names: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
    assert!(ours.iter().all(|name| names.iter().any(|it| it == name)), "{names:?}");
    let Some(MessageResponse::FileDescriptorResponse(files)) =
        answers.message().await.unwrap().unwrap().message_response
    else {
        panic!("no file")
    };
    let file = prost_types::FileDescriptorProto::decode(&*files.file_descriptor_proto[0]).unwrap();
    assert_eq!(file.name(), "coldstream/v1/status.proto");

    let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(server.channel().await);
    use v1alpha::server_reflection_request::MessageRequest as AlphaRequest;
    let request = v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(AlphaRequest::ListServices(String::new())),
    };
    let answers = client.server_reflection_info(futures::stream::iter([request])).await.unwrap();
    let answer = answers.into_inner().message().await.unwrap().unwrap().message_response.unwrap();
    let v1alpha::server_reflection_response::MessageResponse::ListServicesResponse(list) = answer else {
        panic!("no list")
    };
    assert!(ours.iter().all(|name| list.service.iter().any(|it| it.name == *name)));
}

#[tokio::test]
async fn health_and_readyz_follow_readiness() {
    let server = Server::start().await;
    let mut client = HealthClient::new(server.channel().await);
    for service in HEALTH {
        let request = HealthCheckRequest { service: service.into() };
        let status = client.check(request).await.unwrap().into_inner().status();
        assert_eq!(status.as_str_name(), "SERVING", "{service}");
    }
    assert_eq!(page(server.address, "/healthz").await.1, "ok\n");
    assert_eq!(page(server.address, "/readyz").await.1, "ready\n");

    let mut watch = client.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status().as_str_name(), "SERVING");
    server.ready.send(false).unwrap();
    let next = timeout(PATIENCE, watch.message()).await.unwrap().unwrap().unwrap();
    assert_eq!(next.status().as_str_name(), "NOT_SERVING");
    let (head, body) = page(server.address, "/readyz").await;
    assert!(head.starts_with("HTTP/1.1 503") && body == "starting\n", "{head}");
    assert!(page(server.address, "/healthz").await.0.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn metrics_are_described_and_count() {
    let server = Server::start().await;
    reading(&server, "1", 1, 1.0);
    server.live.dead_letters("not_json", 1);
    server.live.late_readings("features", 1);
    let status = PartitionStatus {
        partition: 77,
        next_offset: 3,
        high_watermark: Some(10),
        watermark: Some(1_500_000),
        epoch: 1,
    };
    server.live.set_partition(status);
    metrics::commit(Duration::from_millis(30));
    let (head, body) = page(server.address, "/metrics").await;
    assert!(head.to_lowercase().contains("content-type: text/plain; version=0.0.4"), "{head}");
    for (name, kind) in [
        ("coldstream_readings_total", "counter"),
        ("coldstream_dead_letters_total", "counter"),
        ("coldstream_late_readings_total", "counter"),
        ("coldstream_rows_total", "counter"),
        ("coldstream_watermark_seconds", "gauge"),
        ("coldstream_consumer_lag", "gauge"),
        ("coldstream_commit_seconds", "histogram"),
    ] {
        assert!(body.contains(&format!("# HELP {name} ")), "{name} has no help:\n{body}");
        assert!(body.contains(&format!("# TYPE {name} {kind}")), "{name} is no {kind}:\n{body}");
    }
    for line in [
        "coldstream_dead_letters_total{reason=\"not_json\"} ",
        "coldstream_late_readings_total{stream=\"features\"} ",
        "coldstream_rows_total{stream=\"readings\"} ",
        "coldstream_watermark_seconds{partition=\"77\"} 1.5\n",
        "coldstream_consumer_lag{partition=\"77\"} 7\n",
        "coldstream_commit_seconds_bucket{le=\"0.05\"} ",
        "coldstream_commit_seconds_count ",
    ] {
        assert!(body.contains(line), "no line {line}:\n{body}");
    }
}

#[tokio::test]
async fn grpc_web_is_answered_over_http_1() {
    let server = Server::start().await;
    reading(&server, "1", 1, 1.0);
    let message = GetMachineRequest { id: "1".into() }.encode_to_vec();
    let mut request = format!(
        "POST /coldstream.v1.StatusService/GetMachine HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\
         Content-Type: application/grpc-web+proto\r\nAccept: application/grpc-web+proto\r\n\
         Content-Length: {}\r\n\r\n",
        message.len() + 5
    )
    .into_bytes();
    request.push(0);
    request.extend((message.len() as u32).to_be_bytes());
    request.extend(message);
    let (head, body) = raw(server.address, request).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(head.to_lowercase().contains("content-type: application/grpc-web+proto"), "{head}");
    let body = unchunk(&body);
    let length = u32::from_be_bytes(body[1..5].try_into().unwrap()) as usize;
    assert_eq!(body[0], 0, "a message comes first");
    let machine = Machine::decode(&body[5..5 + length]).unwrap();
    assert_eq!((machine.id.as_str(), machine.readings), ("1", 1));
    let trailers = &body[5 + length..];
    assert_eq!(trailers[0], 0x80, "then the trailers");
    assert!(String::from_utf8_lossy(&trailers[5..]).contains("grpc-status:0"));
}

/// The body of an HTTP/1.1 answer in chunks.
fn unchunk(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    loop {
        let line = body.windows(2).position(|bytes| bytes == b"\r\n").unwrap();
        let size = usize::from_str_radix(std::str::from_utf8(&body[..line]).unwrap(), 16).unwrap();
        if size == 0 {
            return whole;
        }
        whole.extend(&body[line + 2..line + 2 + size]);
        body = &body[line + 4 + size..];
    }
}

#[tokio::test]
async fn what_is_not_there_is_refused_in_the_callers_language() {
    let server = Server::start().await;
    let (head, body) = page(server.address, "/nothing").await;
    assert!(head.starts_with("HTTP/1.1 404") && body.contains("/metrics"), "{head}");
    let mut grpc = tonic::client::Grpc::new(server.channel().await);
    grpc.ready().await.unwrap();
    let path = "/coldstream.v1.NoService/Call".parse().unwrap();
    let codec = tonic_prost::ProstCodec::<GetSystemStatusRequest, SystemStatus>::default();
    let refused = grpc.unary(tonic::Request::new(GetSystemStatusRequest {}), path, codec).await;
    assert_eq!(refused.unwrap_err().code(), Code::Unimplemented);
}

#[tokio::test]
async fn a_busy_port_is_named_with_a_way_out() {
    let first = bind("127.0.0.1:0", false).await.unwrap();
    let address = first.local_addr().unwrap().to_string();
    let error = bind(&address, false).await.unwrap_err();
    assert_eq!(error.to_string(), format!("{address} is in use by another program"));
    assert!(error.hint().unwrap().contains("--port"));
}

#[tokio::test]
async fn an_address_others_reach_needs_permission() {
    for address in ["0.0.0.0:0", "[::]:0"] {
        let error = bind(address, false).await.unwrap_err();
        assert!(matches!(error, ServeError::Exposed(_)), "{error}");
        assert!(error.hint().unwrap().contains("allow_anonymous"));
    }
    bind("0.0.0.0:0", true).await.unwrap();
    for address in ["nonsense", "127.0.0.1:99999"] {
        let error = bind(address, false).await.unwrap_err();
        assert!(error.to_string().contains(address), "{error}");
        assert!(error.hint().unwrap().contains("listen = "));
    }
}
