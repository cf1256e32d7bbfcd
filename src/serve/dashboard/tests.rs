//! Files made up for the test; the built ones are tried in a browser.

use rust_embed::Metadata;

use super::*;

/// A dashboard of three files.
fn files(path: &str) -> Option<EmbeddedFile> {
    let text: &'static str = match path {
        "index.html" => "<!doctype html>page",
        "assets/index-Ab1.js" => "code",
        "favicon.svg" => "<svg/>",
        _ => return None,
    };
    let mut hash = [0; 32];
    hash[0] = text.len() as u8;
    let metadata = Metadata::__rust_embed_new(hash, None, None);
    Some(EmbeddedFile { data: Cow::Borrowed(text.as_bytes()), metadata })
}

fn get(path: &str, headers: &[(&str, &str)]) -> Option<Response> {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    answer_from(files, &request.body(Body::empty()).unwrap())
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers()[name].to_str().unwrap()
}

async fn text(response: Response) -> String {
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    String::from_utf8(body.to_vec()).unwrap()
}

const BROWSER: (&str, &str) = ("accept", "application/xhtml+xml, text/html;q=0.9, */*;q=0.8");

#[tokio::test]
async fn a_file_comes_with_its_type_and_how_long_it_holds() {
    for (path, content_type, keep, body) in [
        ("/", "text/html; charset=utf-8", "no-cache", "<!doctype html>page"),
        ("/index.html", "text/html; charset=utf-8", "no-cache", "<!doctype html>page"),
        (
            "/assets/index-Ab1.js",
            "text/javascript; charset=utf-8",
            "public, max-age=31536000, immutable",
            "code",
        ),
        ("/favicon.svg", "image/svg+xml", "no-cache", "<svg/>"),
    ] {
        let response = get(path, &[]).unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert_eq!(header(&response, "content-type"), content_type, "{path}");
        assert_eq!(header(&response, "cache-control"), keep, "{path}");
        let policy = header(&response, "content-security-policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(text(response).await, body, "{path}");
    }
}

#[tokio::test]
async fn a_page_of_the_dashboard_is_the_index() {
    for path in ["/machines/3", "/alarms", "/machines/paris-03%2Fcompressor-1?since=1h"] {
        let response = get(path, &[BROWSER]).unwrap();
        assert_eq!(text(response).await, "<!doctype html>page", "{path}");
        assert!(get(path, &[("accept", "*/*")]).is_none(), "a script that is not there is no page");
    }
    let post = Request::post("/alarms").header("accept", "text/html").body(Body::empty()).unwrap();
    assert!(answer_from(files, &post).is_none());
}

#[tokio::test]
async fn what_the_browser_has_is_not_sent_again() {
    let tag = header(&get("/", &[]).unwrap(), "etag").to_owned();
    let other = header(&get("/favicon.svg", &[]).unwrap(), "etag").to_owned();
    assert_ne!(tag, other);
    for known in [tag.clone(), format!("{other}, W/{tag}")] {
        let response = get("/", &[("if-none-match", &known)]).unwrap();
        assert_eq!(response.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(header(&response, "etag"), tag);
        assert_eq!(text(response).await, "");
    }
    assert_eq!(get("/", &[("if-none-match", &other)]).unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn without_a_dashboard_the_page_says_how_to_get_one() {
    let request = Request::get("/").body(Body::empty()).unwrap();
    let response = answer_from(|_| None, &request).unwrap();
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert!(header(&response, "content-type").starts_with("text/plain"));
    assert!(text(response).await.contains("make dashboard"));
}
