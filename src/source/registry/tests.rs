//! Against the registry of the integration tests, which keeps to the REST contract.

use super::*;

#[path = "../../../tests/it/parts/registry.rs"]
mod server;

use server::Registry as Server;

const ONE: &str = r#"{"type":"record","name":"One","fields":[]}"#;

fn settings(url: &str) -> RegistrySettings {
    RegistrySettings {
        url: Url::parse(url).unwrap(),
        login: None,
        timeout: Duration::from_secs(10),
        retry_unknown: Duration::from_secs(3_600),
    }
}

/// A client of its own, with a runtime to ask in.
struct Client {
    registry: Registry,
    runtime: tokio::runtime::Runtime,
}

impl Client {
    fn new(settings: RegistrySettings) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { registry: Registry::new(settings).unwrap(), runtime }
    }

    fn learn(&self, ids: &[u32]) -> Result<(), RegistryError> {
        self.runtime.block_on(self.registry.learn(&ids.iter().copied().collect()))
    }

    fn schema(&self, id: u32) -> Result<Arc<WrittenSchema>, String> {
        match self.registry.schema(id) {
            Lookup::Known(schema) => Ok(schema),
            Lookup::Unknown(why) => Err(why),
        }
    }
}

#[test]
fn a_schema_is_asked_for_once() {
    let server = Server::start();
    let id = server.register("readings-value", "AVRO", ONE, &[]);
    let client = Client::new(settings(server.url()));
    assert_eq!(client.schema(id).unwrap_err(), format!("schema {id} was not asked for"));
    for _ in 0..3 {
        client.learn(&[id]).unwrap();
    }
    let schema = client.schema(id).unwrap();
    assert_eq!((&schema.kind, schema.text.as_str()), (&SchemaKind::Avro, ONE));
    assert_eq!(server.asked(&format!("/schemas/ids/{id}")), 1);
    // What is known needs no registry.
    server.fail(Some((500, "")));
    client.learn(&[id]).unwrap();
}

#[test]
fn partitions_that_meet_the_same_id_ask_once() {
    let server = Server::start();
    let id = server.register("readings-value", "AVRO", ONE, &[]);
    let client = Client::new(settings(server.url()));
    let ids = BTreeSet::from([id]);
    let together = (0..16).map(|_| client.registry.learn(&ids));
    client.runtime.block_on(futures::future::try_join_all(together)).unwrap();
    assert_eq!(server.asked(&format!("/schemas/ids/{id}")), 1);
}

#[test]
fn an_unknown_id_is_asked_for_again_after_a_while() {
    let server = Server::start();
    let patient = Client::new(settings(server.url()));
    let eager = Client::new(RegistrySettings { retry_unknown: Duration::ZERO, ..settings(server.url()) });
    for client in [&patient, &eager] {
        client.learn(&[1]).unwrap();
        client.learn(&[1]).unwrap();
        let why = client.schema(1).unwrap_err();
        assert_eq!(why, "the registry has no schema 1 (40403 Schema 1 not found)");
    }
    assert_eq!(server.asked("/schemas/ids/1"), 1 + 2);
    assert_eq!(server.register("readings-value", "AVRO", ONE, &[]), 1);
    patient.learn(&[1]).unwrap();
    eager.learn(&[1]).unwrap();
    assert!(patient.schema(1).is_err());
    assert_eq!(eager.schema(1).unwrap().text, ONE);
}

#[test]
fn an_id_that_no_registry_can_have_is_not_asked_for() {
    let server = Server::start();
    let client = Client::new(settings(server.url()));
    client.learn(&[u32::MAX, 1 << 31, 0]).unwrap();
    assert_eq!(client.schema(u32::MAX).unwrap_err(), "no registry has a schema 4294967295");
    assert_eq!(server.asked("/schemas/ids/4294967295") + server.asked("/schemas/ids/2147483648"), 0);
    assert_eq!(server.asked("/schemas/ids/0"), 1);
}

#[test]
fn references_are_followed_to_their_end() {
    let server = Server::start();
    server.register("unit", "PROTOBUF", "syntax = \"proto3\"; enum Unit { bar = 0; }", &[]);
    let common = "syntax = \"proto3\"; import \"a/unit.proto\";";
    server.register("common/2", "PROTOBUF", common, &[("a/unit.proto", "unit", 1)]);
    let references = [("a/common.proto", "common/2", 1), ("a/unit.proto", "unit", 1)];
    let main = "syntax = \"proto3\"; import \"a/common.proto\"; import \"a/unit.proto\";";
    let id = server.register("readings-value", "PROTOBUF", main, &references);
    let client = Client::new(settings(server.url()));
    client.learn(&[id]).unwrap();
    let schema = client.schema(id).unwrap();
    assert_eq!(schema.kind, SchemaKind::Protobuf);
    let names: Vec<_> = schema.references.iter().map(|reference| reference.name.as_str()).collect();
    assert_eq!(names, ["a/common.proto", "a/unit.proto"]);
    assert!(schema.references[1].text.contains("enum Unit"));

    let lost = server.register("lost-value", "PROTOBUF", common, &[("a/unit.proto", "unit", 9)]);
    client.learn(&[lost]).unwrap();
    let why = client.schema(lost).unwrap_err();
    assert!(why.contains("refers to `unit` version 9, which is not there (40402"), "{why}");
}

#[test]
fn a_registry_that_fails_says_nothing_about_an_id() {
    let server = Server::start();
    let id = server.register("readings-value", "AVRO", ONE, &[]);
    let client = Client::new(settings(server.url()));
    for (status, body, said) in [
        (503, "busy", "answers 503 Service Unavailable"),
        (500, r#"{"error_code":50001,"message":"store"}"#, "answers 500"),
        (429, "", "answers 429"),
        (404, "<html>no such page</html>", "404, and not as a registry does"),
        (200, "<html>hello</html>", "what no registry does"),
        (200, r#"{"id":1}"#, "missing field `schema`"),
        (401, r#"{"error_code":401,"message":"Unauthorized"}"#, "refuses the request (401"),
        (403, "", "refuses the request (403"),
    ] {
        server.fail(Some((status, body)));
        let error = client.learn(&[id]).unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("the schema registry at http://127.0.0.1:") && text.contains(said),
            "{text}"
        );
        assert!(error.hint().is_some());
    }
    server.fail(None);
    client.learn(&[id]).unwrap();
    assert_eq!(client.schema(id).unwrap().text, ONE);
}

#[test]
fn a_registry_that_is_not_there_is_named_with_the_cause() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let client = Client::new(settings(&format!("http://127.0.0.1:{port}")));
    let error = client.learn(&[1]).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "the schema registry at http://127.0.0.1:{port}/ does not answer: Connection refused (os error 111)"
        )
    );
    // One that takes the connection and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let client = Client::new(RegistrySettings { timeout: Duration::from_millis(100), ..settings(&url) });
    let text = client.learn(&[1]).unwrap_err().to_string();
    assert!(text.contains("does not answer: "), "{text}");
}

#[test]
fn the_login_is_sent_and_never_shown() {
    let server = Server::start();
    let id = server.register("readings-value", "AVRO", ONE, &[]);
    // `anna:geheim` in base64.
    server.require("Basic YW5uYTpnZWhlaW0=");
    let settings =
        RegistrySettings { login: Some(("anna".into(), "geheim".into())), ..settings(server.url()) };
    assert!(!format!("{settings:?}").contains("geheim"));
    let client = Client::new(settings);
    client.learn(&[id]).unwrap();
    assert_eq!(client.runtime.block_on(client.registry.subjects()).unwrap(), 1);
    assert!(!format!("{:?}", client.registry).contains("geheim"));
}
