//! From the archive's URL to an object store, and to the log stores of its Delta tables.
//!
//! Both kinds of store go through plain `object_store` and the default log store of `deltalake`, which
//! commits a version with one conditional put. That put is a hard link on a local folder and
//! `If-None-Match: *` on S3: neither needs a lock table, and neither ever renames.

use std::{error::Error, path::PathBuf, sync::Arc, time::Duration};

use deltalake::logstore::{LogStoreRef, ObjectStoreRef, StorageConfig, default_logstore};
use object_store::{
    ClientOptions, ObjectStore, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder, S3ConditionalPut},
    local::LocalFileSystem,
    path::Path,
    prefix::PrefixStore,
};
use url::Url;

use super::error::ArchiveError;

/// How long `open` waits for the store's first answer.
const PROBE_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a request is retried before its error reaches the caller, who then knows better what to do.
const RETRY_TIMEOUT: Duration = Duration::from_secs(60);

/// Access to an S3 compatible store: the table `[archive.s3]` of `coldstream.toml`. What is not given comes
/// from the usual `AWS_*` variables.
#[derive(Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreOptions {
    /// URL of the server, such as `http://127.0.0.1:7070`; none for AWS itself.
    pub endpoint: Option<String>,
    /// Region, such as `eu-west-3`.
    pub region: Option<String>,
    /// Access key.
    pub access_key_id: Option<String>,
    /// Its secret.
    pub secret_access_key: Option<String>,
    /// Whether the endpoint may be plain HTTP.
    pub allow_http: bool,
}

impl std::fmt::Debug for StoreOptions {
    /// Shows which keys are set, never the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreOptions")
            .field("endpoint", &self.endpoint)
            .field("region", &self.region)
            .field("access_key_id", &self.access_key_id.is_some())
            .field("secret_access_key", &self.secret_access_key.is_some())
            .field("allow_http", &self.allow_http)
            .finish()
    }
}

/// Where the archive lies.
#[derive(Debug)]
pub(super) struct Location {
    /// Folder of the archive; ends with a slash.
    url: Url,
    /// The whole file system or bucket: Delta tables address it by full paths.
    root: ObjectStoreRef,
    /// The same store, seen from the archive's folder.
    store: ObjectStoreRef,
}

impl Location {
    /// Finds the store of `url` and checks that it answers. A local folder is created.
    pub(super) async fn open(url: &str, options: &StoreOptions) -> Result<Self, ArchiveError> {
        let bad = |reason: &str| ArchiveError::BadUrl { url: url.to_owned(), reason: reason.to_owned() };
        let (location, probe) = match parse_local(url)? {
            Some(folder) => Self::local(&folder)?,
            None => {
                let parsed = Url::parse(url).map_err(|e| bad(&e.to_string()))?;
                match parsed.scheme() {
                    "s3" => Self::s3(url, parsed, options)?,
                    scheme => return Err(bad(&format!("no store for `{scheme}://`"))),
                }
            }
        };
        match tokio::time::timeout(PROBE_TIMEOUT, probe.list_with_delimiter(None)).await {
            Ok(Ok(_)) => Ok(location),
            Ok(Err(e)) => Err(location.unreachable(root_cause(&e))),
            Err(_) => Err(location.unreachable(format!("no answer within {PROBE_TIMEOUT:?}"))),
        }
    }

    fn unreachable(&self, reason: String) -> ArchiveError {
        ArchiveError::Unreachable { url: self.as_str().to_owned(), reason }
    }

    fn local(folder: &std::path::Path) -> Result<(Self, ObjectStoreRef), ArchiveError> {
        let shown = folder.display().to_string();
        let failed =
            |e: std::io::Error| ArchiveError::Unreachable { url: shown.clone(), reason: e.to_string() };
        std::fs::create_dir_all(folder).map_err(failed)?;
        // Delta compares table addresses: one folder must have one name, whatever links lead to it.
        let folder = std::fs::canonicalize(folder).map_err(failed)?;
        let url = Url::from_directory_path(&folder).map_err(|()| ArchiveError::BadUrl {
            url: shown.clone(),
            reason: "not an absolute path".to_owned(),
        })?;
        let location = Self::at(url, Arc::new(LocalFileSystem::new()))?;
        let probe = location.store.clone();
        Ok((location, probe))
    }

    fn s3(shown: &str, mut url: Url, options: &StoreOptions) -> Result<(Self, ObjectStoreRef), ArchiveError> {
        let bad = |reason: String| ArchiveError::BadUrl { url: shown.to_owned(), reason };
        let bucket = url.host_str().ok_or_else(|| bad("no bucket".to_owned()))?.to_owned();
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        let build = |retry| s3_store(&bucket, options, retry).map_err(|e| bad(root_cause(&e)));
        let location = Self::at(url, Arc::new(build(RetryConfig::default())?))?;
        // The probe gives up at the first refusal: a wrong endpoint must be an error at once, not a silence.
        let retry = RetryConfig { max_retries: 1, ..RetryConfig::default() };
        let probe = PrefixStore::new(build(retry)?, location.path("")?);
        Ok((location, Arc::new(probe)))
    }

    /// The archive under the path of `url` in `root`.
    #[cfg(test)]
    pub(super) fn over(url: &str, root: ObjectStoreRef) -> Result<Self, ArchiveError> {
        let bad = |e: url::ParseError| ArchiveError::BadUrl { url: url.to_owned(), reason: e.to_string() };
        Self::at(Url::parse(url).map_err(bad)?, root)
    }

    fn at(url: Url, root: ObjectStoreRef) -> Result<Self, ArchiveError> {
        let mut location = Self { url, store: root.clone(), root };
        location.store = Arc::new(PrefixStore::new(location.root.clone(), location.path("")?));
        Ok(location)
    }

    /// Full path, in the file system or bucket, of something in the archive.
    fn path(&self, relative: &str) -> Result<Path, ArchiveError> {
        Path::from_url_path(format!("{}{relative}", self.url.path()))
            .map_err(|e| ArchiveError::BadUrl { url: self.as_str().to_owned(), reason: e.to_string() })
    }

    /// The archive's URL, without a slash at its end.
    pub(super) fn as_str(&self) -> &str {
        self.url.as_str().trim_end_matches('/')
    }

    /// The archive's own store: paths are relative to its folder.
    pub(super) fn store(&self) -> &dyn ObjectStore {
        self.store.as_ref()
    }

    /// The log store of one Delta table. `table` is a valid table name.
    pub(super) fn log_store(&self, table: &str) -> Result<LogStoreRef, ArchiveError> {
        let bad = |e: url::ParseError| ArchiveError::BadUrl {
            url: self.as_str().to_owned(),
            reason: e.to_string(),
        };
        let url = self.url.join(&format!("{table}/")).map_err(bad)?;
        let prefixed = Arc::new(PrefixStore::new(self.root.clone(), self.path(table)?));
        Ok(default_logstore(prefixed, self.root.clone(), &url, &StorageConfig::default()))
    }
}

/// The folder that `url` names, if it names one: a path, or `file://…`.
pub(super) fn parse_local(url: &str) -> Result<Option<PathBuf>, ArchiveError> {
    let bad = |reason: &str| ArchiveError::BadUrl { url: url.to_owned(), reason: reason.to_owned() };
    if url.is_empty() {
        return Err(bad("it is empty"));
    }
    if !url.contains("://") {
        return Ok(Some(PathBuf::from(url)));
    }
    let parsed = Url::parse(url).map_err(|e| bad(&e.to_string()))?;
    if parsed.scheme() != "file" {
        return Ok(None);
    }
    parsed.to_file_path().map(Some).map_err(|()| bad("not an absolute path"))
}

fn s3_store(
    bucket: &str,
    options: &StoreOptions,
    retry: RetryConfig,
) -> Result<AmazonS3, object_store::Error> {
    let mut builder = AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .with_retry(RetryConfig { retry_timeout: RETRY_TIMEOUT, ..retry });
    if let Some(endpoint) = &options.endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    if let Some(region) = &options.region {
        builder = builder.with_region(region);
    }
    if let Some(key) = &options.access_key_id {
        builder = builder.with_access_key_id(key);
    }
    if let Some(secret) = &options.secret_access_key {
        builder = builder.with_secret_access_key(secret);
    }
    if options.allow_http {
        builder = builder.with_client_options(ClientOptions::default().with_allow_http(true));
    }
    builder.build()
}

/// The innermost cause of an error, on one line: the layers above it only repeat the request.
fn root_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    readable(&cause.to_string())
}

/// An S3 server answers with XML, of which the message is for people.
fn readable(cause: &str) -> String {
    let message = cause.split_once("<Message>").and_then(|(_, rest)| rest.split_once("</Message>"));
    let text = match (message, cause.split_once(": <")) {
        (Some((message, _)), _) => message,
        (None, Some((status, _))) => status,
        (None, None) => cause,
    };
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
