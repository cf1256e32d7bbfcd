//! `kafka.format` and `[schema_registry]`: how the messages are written, and who knows their schemas.

use reqwest::Url;
use serde::Deserialize;

use super::{Config, ConfigError, Span};
use crate::source::decode::Absent;
use crate::source::input::Format;
use crate::source::registry::RegistrySettings;

/// `[schema_registry]`.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SchemaRegistryConfig {
    /// `http://…` or `https://…`; the paths of the registry's REST contract begin behind it.
    pub url: String,
    /// Name for HTTP basic authentication.
    pub username: Option<String>,
    /// Its password.
    pub password: Option<String>,
    /// How long one answer may take.
    #[serde(default = "default_timeout")]
    pub timeout: Span,
    /// After how long an id that the registry did not know is asked for again.
    #[serde(default = "default_retry_unknown")]
    pub retry_unknown: Span,
}

impl std::fmt::Debug for SchemaRegistryConfig {
    /// Never shows the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SchemaRegistryConfig")
            .field("url", &self.url)
            .field("username", &self.username)
            .field("password", &self.password.is_some())
            .field("timeout", &self.timeout)
            .field("retry_unknown", &self.retry_unknown)
            .finish()
    }
}

fn default_timeout() -> Span {
    Span::seconds(10)
}

fn default_retry_unknown() -> Span {
    Span::seconds(30)
}

impl SchemaRegistryConfig {
    /// The same, checked; the error is a message and a hint.
    fn settings(&self) -> Result<RegistrySettings, (String, String)> {
        let wrong = |message: String, hint: &str| Err((message, hint.to_owned()));
        let url = match Url::parse(&self.url) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => url,
            _ => {
                let message = format!("schema_registry.url: `{}` is no address of a registry", self.url);
                return wrong(message, "write it as http://host:8081 or https://host/path");
            }
        };
        if !url.username().is_empty() || url.password().is_some() {
            // Not shown: the URL stands in the log, and so would the password.
            return wrong(
                "schema_registry.url: it has a name or a password in it".into(),
                "use the keys `username` and `password` of [schema_registry]",
            );
        }
        let login = match (&self.username, &self.password) {
            (Some(name), Some(password)) => Some((name.clone(), password.clone())),
            (None, None) => None,
            (Some(_), None) => {
                return wrong(
                    "schema_registry.password: it is missing".into(),
                    "a `username` comes with one",
                );
            }
            (None, Some(_)) => {
                return wrong(
                    "schema_registry.username: it is missing".into(),
                    "a `password` comes with one",
                );
            }
        };
        if self.timeout.micros() <= 0 {
            return wrong("schema_registry.timeout: no answer takes no time".into(), "10s is the default");
        }
        let (timeout, retry_unknown) = (self.timeout.duration(), self.retry_unknown.duration());
        Ok(RegistrySettings { url, login, timeout, retry_unknown })
    }
}

impl Config {
    /// How the messages are written, and where their schemas are.
    pub fn format(&self) -> Result<(Format, Absent, Option<RegistrySettings>), ConfigError> {
        self.format_of("coldstream.toml")
    }

    pub(super) fn format_of(
        &self,
        path: &str,
    ) -> Result<(Format, Absent, Option<RegistrySettings>), ConfigError> {
        let fail = |(message, hint)| ConfigError::Registry { path: path.into(), message, hint };
        let registry = self.schema_registry.as_ref().map(SchemaRegistryConfig::settings).transpose();
        let registry = registry.map_err(fail)?;
        let format = self.kafka.format;
        if format != Format::Json && registry.is_none() {
            return Err(fail((
                format!("kafka.format: `{format}` needs a schema registry, and there is no [schema_registry]"),
                "add [schema_registry] with url = \"http://host:8081\"; only JSON says by itself what it holds".into(),
            )));
        }
        Ok((format, self.kafka.proto3_absent, registry))
    }
}
