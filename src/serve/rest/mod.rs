//! REST/JSON and server-sent events: the gRPC services, transcoded.
//!
//! A request is turned into the method's message with the help of the descriptors of the protos, the method is called
//! in this process like by any gRPC client, and its answer is turned into JSON. So there is one implementation of each
//! method, and what holds for gRPC (checks, messages, codes) holds here. `routes::TABLE` says which method answers
//! where; the OpenAPI document at `/api/openapi.json` is made of the same table.
//!
//! JSON is proto3's, with the fields as the protos name them. A list or number that is empty or zero is there; a value
//! that is not known is absent. Text that is JSON itself (`answer::JSON_TEXTS`) goes in as what it says.

mod answer;
mod call;
mod openapi;
mod request;
mod routes;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::RawPathParams;
use axum::extract::rejection::RawPathParamsRejection;
use axum::http::{Method, Request, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use futures::StreamExt;
use prost_reflect::{DescriptorError, DescriptorPool, DynamicMessage};
use tonic::Status;

use self::answer::{Refusal, json, page};
use self::call::Methods;
use self::routes::{Route, Verb};
use super::proto;

/// The paths of this interface begin so.
pub(super) const ROOT: &str = "/api";
/// Most bytes of a request's body: a long SQL statement.
const BODY_BYTES: usize = 256 << 10;

/// Routes that cannot be: the table or the descriptors compiled into the program are broken.
#[derive(Debug, thiserror::Error)]
pub enum RestError {
    /// The descriptors cannot be read.
    #[error("the descriptors of the protos cannot be read: {0}")]
    Descriptors(#[from] DescriptorError),
    /// A route without its method.
    #[error("no method `{0}` in the protos")]
    NoMethod(String),
    /// A piece of a path that is no field.
    #[error("`{field}` in `{path}` is no field of the request")]
    NoField {
        /// The path.
        path: &'static str,
        /// In braces.
        field: String,
    },
    /// The document cannot be written.
    #[error("the OpenAPI document cannot be written: {0}")]
    Document(#[from] serde_json::Error),
}

/// The pages under [`ROOT`] over the gRPC services in `methods`.
pub(super) fn router(methods: Router) -> Result<Router, RestError> {
    let pool = DescriptorPool::decode(proto::FILE_DESCRIPTOR_SET)?;
    let routes = routes::resolve(&pool)?;
    let document = axum::body::Bytes::from(serde_json::to_vec_pretty(&openapi::document(&routes))?);
    let document = move || async move { page(StatusCode::OK, document) };
    let mut router = Router::new().route("/api/openapi.json", get(document));
    let mut paths: BTreeMap<&str, Vec<Route>> = BTreeMap::new();
    for route in routes {
        paths.entry(route.path).or_default().push(route);
    }
    for (path, routes) in paths {
        let rest = Arc::new(Rest { routes, methods: Methods::new(methods.clone()) });
        let handler = move |parameters: Result<RawPathParams, RawPathParamsRejection>, request| async move {
            rest.answer(parameters, request).await
        };
        router = router.route(path, any(handler));
    }
    Ok(router)
}

/// What to say where nothing is.
pub(super) fn not_found(path: &str) -> Response {
    Refusal {
        status: StatusCode::NOT_FOUND,
        code: "NOT_FOUND",
        message: &format!("there is no `{path}`"),
        field: None,
        hint: Some("GET /api/openapi.json tells what there is"),
    }
    .into_response()
}

/// The routes of one path.
struct Rest {
    routes: Vec<Route>,
    methods: Methods,
}

impl Rest {
    async fn answer(
        &self,
        parameters: Result<RawPathParams, RawPathParamsRejection>,
        request: Request<Body>,
    ) -> Response {
        let verb = match *request.method() {
            Method::GET | Method::HEAD => Some(Verb::Get),
            Method::POST => Some(Verb::Post),
            _ => None,
        };
        let Some(route) = self.routes.iter().find(|route| Some(route.verb) == verb) else {
            return self.not_allowed(request.method());
        };
        let parameters = match parameters {
            Ok(parameters) => parameters,
            Err(error) => return answer::refused(&Status::invalid_argument(error.body_text())),
        };
        let message = match route.verb {
            Verb::Get => request::of_query(route, &parameters, request.uri().query().unwrap_or_default()),
            Verb::Post => match body(request).await {
                Ok(body) => request::of_body(route, &parameters, &body),
                Err(refusal) => return refusal,
            },
        };
        let answer = match message {
            Ok(message) if route.method.is_server_streaming() => self.follow(route, message).await,
            Ok(message) => self.ask(route, message).await,
            Err(status) => Err(status),
        };
        answer.unwrap_or_else(|status| answer::refused(&status))
    }

    async fn ask(&self, route: &Route, message: DynamicMessage) -> Result<Response, Status> {
        let answer = self.methods.ask(route, message).await?;
        Ok(page(StatusCode::OK, json(&answer)?.to_string()))
    }

    /// The messages of a stream as events. An error ends it, as an event `error`.
    async fn follow(&self, route: &Route, message: DynamicMessage) -> Result<Response, Status> {
        let messages = self.methods.follow(route, message).await?;
        let events = messages.map(|message| {
            let event = match message.and_then(|message| json(&message)) {
                Ok(message) => Event::default().data(message.to_string()),
                Err(status) => Event::default().event("error").data(answer::error(&status).to_string()),
            };
            Ok::<_, Infallible>(event)
        });
        Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response())
    }

    fn not_allowed(&self, method: &Method) -> Response {
        let allowed: Vec<&str> = self.routes.iter().map(|route| route.verb.name()).collect();
        let allowed = allowed.join(", ");
        let refusal = Refusal {
            status: StatusCode::METHOD_NOT_ALLOWED,
            code: "METHOD_NOT_ALLOWED",
            message: &format!("{method} is not possible here"),
            field: None,
            hint: Some(&format!("this path answers {allowed}")),
        };
        ([(header::ALLOW, allowed.clone())], refusal).into_response()
    }
}

/// The body of a request. It must say that it is JSON: a page of another site can make a browser send a form or plain
/// text here, but not this, unless we allow it.
async fn body(request: Request<Body>) -> Result<axum::body::Bytes, Response> {
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_json = content_type.is_some_and(|it| {
        it.split(';').next().is_some_and(|it| it.trim().eq_ignore_ascii_case("application/json"))
    });
    if !is_json {
        return Err(Refusal {
            status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
            code: "UNSUPPORTED_MEDIA_TYPE",
            message: "the body must be JSON, and say so",
            field: None,
            hint: Some("send the header `Content-Type: application/json`"),
        }
        .into_response());
    }
    axum::body::to_bytes(request.into_body(), BODY_BYTES).await.map_err(|error| {
        tracing::debug!(%error, "a body was not taken");
        Refusal {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            code: "PAYLOAD_TOO_LARGE",
            message: &format!("the body did not arrive, or is longer than {BODY_BYTES} bytes"),
            field: None,
            hint: Some("gRPC takes up to 4 MiB"),
        }
        .into_response()
    })
}
