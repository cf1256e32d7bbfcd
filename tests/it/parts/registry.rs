//! A schema registry: no real one comes from a package registry, so this is a small one that keeps to the REST contract
//! of Confluent's, as far as a reader and a writer of messages need it.
//!
//! | | |
//! |---|---|
//! | `GET /subjects` | the subjects' names |
//! | `POST /subjects/{subject}/versions` | registers a schema: `{"id": 1}` |
//! | `GET /subjects/{subject}/versions/{version}` | a version, by its number or `latest` |
//! | `GET /schemas/ids/{id}` | a schema |
//!
//! What is not there is a 404 with an `error_code`: 40401 a subject, 40402 a version, 40403 a schema. `schemaType` is
//! left out for Avro. It counts what it is asked, can want a password, and can fail.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};

/// A running registry; it ends when this is dropped.
pub struct Registry {
    url: String,
    state: Arc<Mutex<Contents>>,
    _runtime: tokio::runtime::Runtime,
}

#[derive(Default)]
struct Contents {
    /// By id, less one.
    schemas: Vec<Value>,
    /// The ids of each subject's versions.
    subjects: BTreeMap<String, Vec<usize>>,
    asked: HashMap<String, usize>,
    /// What it answers everything with.
    failing: Option<(u16, &'static str)>,
    /// What `Authorization` must be.
    authorization: Option<String>,
}

type Shared = Arc<Mutex<Contents>>;

impl Registry {
    /// Starts one on a free port of the loopback interface.
    pub fn start() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let state = Shared::default();
        let app = Router::new()
            .route("/subjects", get(subjects))
            .route("/subjects/{subject}/versions", post(register))
            .route("/subjects/{subject}/versions/{version}", get(version))
            .route("/schemas/ids/{id}", get(schema))
            .layer(middleware::from_fn_with_state(Arc::clone(&state), watch))
            .with_state(Arc::clone(&state));
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, state, _runtime: runtime }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Registers a schema, as a producer would; gives its id. `references` are (name, subject, version).
    pub fn register(
        &self,
        subject: &str,
        kind: &str,
        schema: &str,
        references: &[(&str, &str, usize)],
    ) -> u32 {
        let references: Vec<Value> = references
            .iter()
            .map(|(name, subject, version)| json!({"name": name, "subject": subject, "version": version}))
            .collect();
        let request = json!({"schema": schema, "schemaType": kind, "references": references});
        self.state.lock().unwrap().register(subject, request) as u32
    }

    /// How often a path, such as `/schemas/ids/1`, was asked for.
    pub fn asked(&self, path: &str) -> usize {
        self.state.lock().unwrap().asked.get(path).copied().unwrap_or_default()
    }

    /// From now on everything is answered with this status and body; `None`: no longer.
    pub fn fail(&self, answer: Option<(u16, &'static str)>) {
        self.state.lock().unwrap().failing = answer;
    }

    /// From now on every request must have this `Authorization` header.
    pub fn require(&self, authorization: &str) {
        self.state.lock().unwrap().authorization = Some(authorization.into());
    }
}

impl Contents {
    /// The same schema has one id, under whatever subjects.
    fn register(&mut self, subject: &str, mut request: Value) -> usize {
        let object = request.as_object_mut().unwrap();
        if object.get("schemaType").is_none_or(|kind| kind == "AVRO") {
            object.remove("schemaType");
        }
        if object.get("references").is_none_or(|list| list == &json!([])) {
            object.remove("references");
        }
        let known = self.schemas.iter().position(|schema| *schema == request);
        let id = known.unwrap_or_else(|| {
            self.schemas.push(request);
            self.schemas.len() - 1
        }) + 1;
        let versions = self.subjects.entry(subject.into()).or_default();
        if !versions.contains(&id) {
            versions.push(id);
        }
        id
    }
}

async fn watch(State(state): State<Shared>, request: Request, next: Next) -> Response {
    let refused = {
        let mut contents = state.lock().unwrap();
        *contents.asked.entry(request.uri().path().to_owned()).or_default() += 1;
        let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        match (&contents.failing, &contents.authorization) {
            (Some((status, body)), _) => {
                Some((StatusCode::from_u16(*status).unwrap(), *body).into_response())
            }
            (None, Some(wanted)) if given != Some(wanted.as_str()) => {
                Some(error(StatusCode::UNAUTHORIZED, 401, "Unauthorized"))
            }
            _ => None,
        }
    };
    match refused {
        Some(answer) => answer,
        None => next.run(request).await,
    }
}

fn answer(status: StatusCode, body: &Value) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/vnd.schemaregistry.v1+json")];
    (status, kind, body.to_string()).into_response()
}

fn error(status: StatusCode, code: u32, message: &str) -> Response {
    answer(status, &json!({"error_code": code, "message": message}))
}

async fn subjects(State(state): State<Shared>) -> Response {
    let names: Vec<String> = state.lock().unwrap().subjects.keys().cloned().collect();
    answer(StatusCode::OK, &json!(names))
}

async fn register(State(state): State<Shared>, Path(subject): Path<String>, body: Bytes) -> Response {
    match serde_json::from_slice::<Value>(&body) {
        Ok(request) if request["schema"].is_string() => {
            let id = state.lock().unwrap().register(&subject, request);
            answer(StatusCode::OK, &json!({"id": id}))
        }
        _ => error(StatusCode::UNPROCESSABLE_ENTITY, 42201, "Invalid schema"),
    }
}

async fn version(State(state): State<Shared>, Path((subject, version)): Path<(String, String)>) -> Response {
    let contents = state.lock().unwrap();
    let Some(versions) = contents.subjects.get(&subject) else {
        return error(StatusCode::NOT_FOUND, 40401, &format!("Subject '{subject}' not found."));
    };
    let number = if version == "latest" { Some(versions.len()) } else { version.parse::<usize>().ok() };
    let Some(number) = number.filter(|number| (1..=versions.len()).contains(number)) else {
        return error(StatusCode::NOT_FOUND, 40402, &format!("Version {version} not found."));
    };
    let id = versions[number - 1];
    let mut found = contents.schemas[id - 1].clone();
    found["subject"] = json!(subject);
    found["version"] = json!(number);
    found["id"] = json!(id);
    answer(StatusCode::OK, &found)
}

async fn schema(State(state): State<Shared>, Path(id): Path<String>) -> Response {
    let Ok(number) = id.parse::<i32>() else {
        return error(StatusCode::NOT_FOUND, 404, "HTTP 404 Not Found");
    };
    let contents = state.lock().unwrap();
    let found = usize::try_from(number).ok().and_then(|id| contents.schemas.get(id.checked_sub(1)?));
    match found {
        Some(schema) => answer(StatusCode::OK, schema),
        None => error(StatusCode::NOT_FOUND, 40403, &format!("Schema {number} not found")),
    }
}
