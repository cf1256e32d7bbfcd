use super::*;

fn options() -> StoreOptions {
    StoreOptions {
        endpoint: None,
        region: Some("eu-west-3".into()),
        access_key_id: Some("key".into()),
        secret_access_key: Some("hidden".into()),
        allow_http: true,
    }
}

#[tokio::test]
async fn a_folder_is_created_and_has_one_url_however_it_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("a folder").join("archive");
    let plain = Location::open(folder.to_str().unwrap(), &StoreOptions::default()).await.unwrap();
    assert!(folder.is_dir());
    let url = Url::from_file_path(&folder).unwrap();
    let by_url = Location::open(url.as_str(), &StoreOptions::default()).await.unwrap();
    assert_eq!(plain.as_str(), by_url.as_str());
    assert!(plain.as_str().starts_with("file:///") && plain.as_str().ends_with("a%20folder/archive"));
}

#[tokio::test]
async fn a_path_through_a_file_is_unreachable() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let url = format!("{}/archive", file.path().display());
    let error = Location::open(&url, &StoreOptions::default()).await.unwrap_err();
    assert!(matches!(error, ArchiveError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains(&url));
}

#[tokio::test]
async fn urls_without_a_store_are_refused() {
    for url in ["", "gopher://x/y", "s3://", "file://host/x"] {
        let error = Location::open(url, &options()).await.unwrap_err();
        assert!(matches!(error, ArchiveError::BadUrl { .. }), "{url}: {error}");
        assert!(error.hint().is_some());
    }
}

#[tokio::test]
async fn a_server_that_refuses_connections_is_unreachable_at_once() {
    // The port was free a moment ago, so nothing listens on it.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let options = StoreOptions { endpoint: Some(format!("http://127.0.0.1:{port}")), ..options() };
    let error = Location::open("s3://bucket/prefix", &options).await.unwrap_err();
    assert!(matches!(error, ArchiveError::Unreachable { .. }), "{error}");
    let shown = error.to_string();
    assert!(shown.starts_with("archive s3://bucket/prefix cannot be reached: "), "{shown}");
    assert!(shown.to_lowercase().contains("refused"), "{shown}");
    assert!(error.hint().unwrap().contains("endpoint"));
}

#[test]
fn the_log_store_of_a_bucket_lies_under_its_prefix() {
    let url = Url::parse("s3://bucket/some/prefix").unwrap();
    let (location, _) = Location::s3("s3://bucket/some/prefix", url, &options()).unwrap();
    assert_eq!(location.as_str(), "s3://bucket/some/prefix");
    let log_store = location.log_store("readings").unwrap();
    assert_eq!(log_store.root_url().as_str().trim_end_matches('/'), "s3://bucket/some/prefix/readings");
}

#[test]
fn options_are_read_from_toml_and_hide_the_secret() {
    let read: StoreOptions = toml::from_str("endpoint = 'http://localhost:9000'\nallow_http = true").unwrap();
    assert_eq!(read.endpoint.as_deref(), Some("http://localhost:9000"));
    assert!(read.allow_http && read.region.is_none());
    assert!(toml::from_str::<StoreOptions>("endpont = 'x'").is_err());
    assert!(!format!("{:?}", options()).contains("hidden"));
}

#[test]
fn the_answer_of_a_server_is_one_readable_line() {
    let xml = "Server returned non-2xx status code: 403 Forbidden: <?xml version=\"1.0\"?>\n<Error>";
    assert_eq!(
        readable(&format!("{xml}<Code>AccessDenied</Code><Message>Access Denied.</Message></Error>")),
        "Access Denied."
    );
    assert_eq!(readable(xml), "Server returned non-2xx status code: 403 Forbidden");
    assert_eq!(readable("Connection refused (os error 111)\nmore"), "Connection refused (os error 111)");
}
