//! The dashboard's files, as `make dashboard` built them into `dashboard/dist`.
//!
//! They are part of the program. The dashboard has pages of its own (`/machines/3`), which are all the one file
//! `index.html`: what a browser asks for as a page, and is no file, gets that. Vite names the files under `assets/` by their
//! contents, so a browser may keep them for good; it must ask for the page each time, because that names the assets.

use std::borrow::Cow;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

/// The page.
const INDEX: &str = "index.html";
/// What to say where the dashboard was left out.
const NOT_BUILT: &str = "This Coldstream was built without its dashboard: `make dashboard` builds it, then build again.\n\
    The API is there: /api/openapi.json describes it.\n";
/// Everything comes from this server, and nothing is run that is not a file of it. Vite writes small pictures into the
/// style sheets (`data:`).
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
    connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[derive(RustEmbed)]
#[folder = "dashboard/dist/"]
#[allow_missing = true]
struct Files;

/// The answer to a request that no other part of the server knows; `None` if the dashboard does not either.
pub(super) fn answer(request: &Request<Body>) -> Option<Response> {
    answer_from(Files::get, request)
}

fn answer_from(files: impl Fn(&str) -> Option<EmbeddedFile>, request: &Request<Body>) -> Option<Response> {
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        return None;
    }
    let path = request.uri().path().trim_start_matches('/');
    if let Some(found) = files(path) {
        return Some(file(path, found, request.headers()));
    }
    if !path.is_empty() && !is_for_a_page(request.headers()) {
        return None;
    }
    Some(match files(INDEX) {
        Some(index) => file(INDEX, index, request.headers()),
        None => (StatusCode::NOT_FOUND, NOT_BUILT).into_response(),
    })
}

fn is_for_a_page(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|kind| kind.trim_start().starts_with("text/html"))
}

fn file(path: &str, file: EmbeddedFile, asked: &HeaderMap) -> Response {
    let hash = file.metadata.sha256_hash();
    let tag: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("\"{tag}\"");
    let keep = if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let known = asked.get_all(header::IF_NONE_MATCH).into_iter().filter_map(|value| value.to_str().ok());
    let known = known.flat_map(|value| value.split(',')).any(|it| it.trim().trim_start_matches("W/") == tag);
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let content_type = [(header::CONTENT_TYPE, content_type(path))];
        let body = match file.data {
            Cow::Borrowed(bytes) => Body::from(bytes),
            Cow::Owned(bytes) => Body::from(bytes),
        };
        (content_type, body).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if let Ok(tag) = HeaderValue::try_from(tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("txt") => "text/plain; charset=utf-8",
        Some("json" | "map") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("webp") => "image/webp",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests;
