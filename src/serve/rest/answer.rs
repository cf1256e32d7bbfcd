//! From messages and errors to JSON.

use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use prost_reflect::{DynamicMessage, Kind, MessageDescriptor, ReflectMessage, SerializeOptions};
use serde_json::{Value as Json, json as object};
use tonic::{Code, Status};

use crate::serve::error::{field_of, split_hint};

/// Fields whose text is JSON: they go into an answer as what it says, not as a text with quotes in quotes.
pub(super) const JSON_TEXTS: [&str; 2] =
    ["coldstream.v1.ModelState.card", "coldstream.v1.QueryJsonResponse.rows"];

/// A message as JSON.
pub(super) fn json(message: &DynamicMessage) -> Result<Json, Status> {
    let options = SerializeOptions::new().use_proto_field_name(true).skip_default_fields(false);
    let json = message.serialize_with_options(serde_json::value::Serializer, &options);
    let mut json = json.map_err(|error| Status::internal(format!("the answer is no JSON: {error}")))?;
    unfold(&mut json, &message.descriptor());
    Ok(json)
}

/// Puts the JSON that is in texts in their place. A text that is empty is nothing known.
fn unfold(json: &mut Json, message: &MessageDescriptor) {
    let Json::Object(values) = json else { return };
    for field in message.fields() {
        if JSON_TEXTS.contains(&field.full_name()) {
            match values.get_mut(field.name()) {
                Some(Json::String(text)) if text.is_empty() => {
                    values.remove(field.name());
                }
                Some(Json::Array(texts)) => texts.iter_mut().for_each(unfold_text),
                Some(text) => unfold_text(text),
                None => {}
            }
            continue;
        }
        let Kind::Message(inner) = field.kind() else { continue };
        match values.get_mut(field.name()) {
            Some(Json::Array(elements)) => elements.iter_mut().for_each(|it| unfold(it, &inner)),
            Some(Json::Object(entries)) if field.is_map() => {
                if let Kind::Message(value) = inner.map_entry_value_field().kind() {
                    entries.values_mut().for_each(|it| unfold(it, &value));
                }
            }
            Some(value) => unfold(value, &inner),
            None => {}
        }
    }
}

fn unfold_text(json: &mut Json) {
    let Json::String(text) = json else { return };
    match serde_json::from_str(text) {
        Ok(inner) => *json = inner,
        Err(error) => tracing::debug!(%error, "a text that should be JSON is not"),
    }
}

/// JSON as a page.
pub(super) fn page(status: StatusCode, json: impl Into<Body>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (status, headers, json.into()).into_response()
}

/// A request that was not served.
pub(super) struct Refusal<'a> {
    pub(super) status: StatusCode,
    pub(super) code: &'a str,
    pub(super) message: &'a str,
    pub(super) field: Option<&'a str>,
    pub(super) hint: Option<&'a str>,
}

impl Refusal<'_> {
    fn json(&self) -> Json {
        let mut error = object!({"code": self.code, "message": self.message});
        for (name, value) in [("field", self.field), ("hint", self.hint)] {
            if let Some(value) = value {
                error[name] = value.into();
            }
        }
        object!({ "error": error })
    }
}

impl IntoResponse for Refusal<'_> {
    fn into_response(self) -> Response {
        page(self.status, self.json().to_string())
    }
}

/// The error of a method as a page.
pub(super) fn refused(status: &Status) -> Response {
    refusal(status).into_response()
}

/// The error of a method as JSON.
pub(super) fn error(status: &Status) -> Json {
    refusal(status).json()
}

fn refusal(status: &Status) -> Refusal<'_> {
    let (http, code) = codes(status.code());
    let (message, hint) = split_hint(status.message());
    Refusal { status: http, code, message, field: field_of(status), hint }
}

/// HTTP's code and the name of gRPC's.
fn codes(code: Code) -> (StatusCode, &'static str) {
    match code {
        Code::Ok => (StatusCode::OK, "OK"),
        // The caller is gone, so nobody reads this one.
        Code::Cancelled => (StatusCode::REQUEST_TIMEOUT, "CANCELLED"),
        Code::InvalidArgument => (StatusCode::BAD_REQUEST, "INVALID_ARGUMENT"),
        Code::FailedPrecondition => (StatusCode::BAD_REQUEST, "FAILED_PRECONDITION"),
        Code::OutOfRange => (StatusCode::BAD_REQUEST, "OUT_OF_RANGE"),
        Code::Unauthenticated => (StatusCode::UNAUTHORIZED, "UNAUTHENTICATED"),
        Code::PermissionDenied => (StatusCode::FORBIDDEN, "PERMISSION_DENIED"),
        Code::NotFound => (StatusCode::NOT_FOUND, "NOT_FOUND"),
        Code::AlreadyExists => (StatusCode::CONFLICT, "ALREADY_EXISTS"),
        Code::Aborted => (StatusCode::CONFLICT, "ABORTED"),
        Code::ResourceExhausted => (StatusCode::TOO_MANY_REQUESTS, "RESOURCE_EXHAUSTED"),
        Code::Unimplemented => (StatusCode::NOT_IMPLEMENTED, "UNIMPLEMENTED"),
        Code::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE"),
        Code::DeadlineExceeded => (StatusCode::GATEWAY_TIMEOUT, "DEADLINE_EXCEEDED"),
        Code::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL"),
        Code::DataLoss => (StatusCode::INTERNAL_SERVER_ERROR, "DATA_LOSS"),
        Code::Unknown => (StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN"),
    }
}
