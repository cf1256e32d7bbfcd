//! The schema registry, through its REST contract.
//!
//! `GET /schemas/ids/{id}` gives a schema, `GET /subjects/{subject}/versions/{version}` one that it refers to. A schema
//! is asked for once and kept for ever, since an id never changes its meaning. An id that the registry does not know
//! (status 404 with an `error_code`) is asked for again, but not before some time has passed: what its messages become
//! meanwhile is the decoder's matter. A registry that does not answer, or answers as no registry does, says nothing
//! about an id; that is an error here, and whoever asked waits and asks again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::{StreamExt, TryStreamExt, stream};
use reqwest::{Client, StatusCode, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::decode::schemas::{Lookup, Reference, SchemaKind, SchemaSource, WrittenSchema};

/// Ids asked for at a time.
const AT_ONCE: usize = 8;
/// Schemas that one schema may refer to.
const MOST_REFERENCES: usize = 1_000;
/// Unknown ids that are kept: bytes that are no messages at all can name four thousand million of them.
const MOST_UNKNOWN: usize = 100_000;

/// How to reach the registry.
#[derive(Clone)]
pub struct RegistrySettings {
    /// Where it is; a path in it stays before the contract's own.
    pub url: Url,
    /// Name and password for HTTP basic authentication.
    pub login: Option<(String, String)>,
    /// How long one answer may take.
    pub timeout: Duration,
    /// After how long an unknown id is asked for again.
    pub retry_unknown: Duration,
}

impl std::fmt::Debug for RegistrySettings {
    /// Never shows the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegistrySettings")
            .field("url", &self.url.as_str())
            .field("username", &self.login.as_ref().map(|(name, _)| name))
            .field("timeout", &self.timeout)
            .field("retry_unknown", &self.retry_unknown)
            .finish()
    }
}

/// Why the registry could not be asked. None of these is about a schema.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The HTTP client cannot be made.
    #[error("the client of the schema registry cannot be made: {0}")]
    Client(String),
    /// No answer.
    #[error("the schema registry at {url} does not answer: {cause}")]
    Unreachable {
        /// As configured.
        url: String,
        /// Why.
        cause: String,
    },
    /// It wants to know who asks.
    #[error("the schema registry at {url} refuses the request ({status})")]
    Refused {
        /// As configured.
        url: String,
        /// The HTTP status.
        status: StatusCode,
    },
    /// It answers with an error, or as no registry does.
    #[error("the schema registry at {url} answers {answer}")]
    Answer {
        /// As configured.
        url: String,
        /// What it answers.
        answer: String,
    },
}

impl RegistryError {
    /// What to do about it, where known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Client(_) => None,
            Self::Unreachable { .. } => {
                Some("is the registry running, and is `schema_registry.url` its address?".into())
            }
            Self::Refused { .. } => {
                Some("check `username` and `password` under [schema_registry], and what they may read".into())
            }
            Self::Answer { .. } => Some(
                "`schema_registry.url` must be the address before `/schemas/ids/1`; a registry that fails says why in its log"
                    .into(),
            ),
        }
    }
}

/// A registry, and what it has said so far.
#[derive(Debug)]
pub struct Registry {
    client: Client,
    settings: RegistrySettings,
    known: Mutex<HashMap<u32, Known>>,
    /// Held while asking, so that partitions that meet the same new id ask once.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Debug, Clone)]
enum Known {
    Schema(Arc<WrittenSchema>),
    /// There is none; when that was said, and how.
    Unknown(Instant, String),
}

/// What the registry says of a schema.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    schema: String,
    /// Left out for Avro.
    schema_type: Option<String>,
    #[serde(default)]
    references: Option<Vec<AnswerReference>>,
}

#[derive(Debug, Clone, Deserialize)]
struct AnswerReference {
    name: String,
    subject: String,
    version: i64,
}

#[derive(Debug, Deserialize)]
struct AnswerError {
    error_code: i64,
    #[serde(default)]
    message: String,
}

impl Registry {
    /// A registry that was not asked yet.
    pub fn new(settings: RegistrySettings) -> Result<Self, RegistryError> {
        let client = Client::builder()
            .timeout(settings.timeout)
            .connect_timeout(settings.timeout)
            .user_agent(concat!("coldstream/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| RegistryError::Client(causes(&error)))?;
        Ok(Self { client, settings, known: Mutex::default(), asking: tokio::sync::Mutex::default() })
    }

    /// Makes sure that of each id is known what can be known now: asks for those that are new, and for those that
    /// were unknown some time ago.
    pub async fn learn(&self, ids: &BTreeSet<u32>) -> Result<(), RegistryError> {
        if self.due(ids).is_empty() {
            return Ok(());
        }
        let _asking = self.asking.lock().await;
        let due = self.due(ids);
        let asked = stream::iter(due).map(|id| async move {
            let found = self.ask(id).await?;
            Ok::<_, RegistryError>(self.keep(id, found))
        });
        let unknown: Vec<Option<String>> = asked.buffer_unordered(AT_ONCE).try_collect().await?;
        let mut unknown = unknown.into_iter().flatten();
        // One line, also where bytes that are no messages at all name thousands of ids.
        if let Some(first) = unknown.next() {
            let more = unknown.count();
            tracing::warn!(more, "{first}: its messages become dead letters");
        }
        Ok(())
    }

    /// How many subjects the registry has.
    pub async fn subjects(&self) -> Result<usize, RegistryError> {
        match self.get::<Vec<String>>(&["subjects"]).await? {
            Ok(subjects) => Ok(subjects.len()),
            Err(why) => Err(self.answer(format!("404: {why}"))),
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<u32, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The ids to ask for.
    fn due(&self, ids: &BTreeSet<u32>) -> Vec<u32> {
        let known = self.known();
        let due = |id: &u32| match known.get(id) {
            None => true,
            Some(Known::Schema(_)) => false,
            Some(Known::Unknown(since, _)) => since.elapsed() >= self.settings.retry_unknown,
        };
        ids.iter().copied().filter(due).collect()
    }

    /// Keeps an answer; gives the reason if there is no such schema.
    fn keep(&self, id: u32, found: Known) -> Option<String> {
        let mut known = self.known();
        let why = match &found {
            Known::Schema(_) => {
                tracing::info!("schema {id} is known");
                None
            }
            Known::Unknown(_, why) => Some(why.clone()),
        };
        if why.is_some() && known.len() >= MOST_UNKNOWN {
            known.retain(|_, known| matches!(known, Known::Schema(_)));
        }
        known.insert(id, found);
        why
    }

    async fn ask(&self, id: u32) -> Result<Known, RegistryError> {
        let unknown = |why: String| Ok(Known::Unknown(Instant::now(), why));
        // The contract has ids of 31 bits; of others it says nothing.
        if i32::try_from(id).is_err() {
            return unknown(format!("no registry has a schema {id}"));
        }
        let answer = match self.get::<Answer>(&["schemas", "ids", &id.to_string()]).await? {
            Ok(answer) => answer,
            Err(why) => return unknown(format!("the registry has no schema {id} ({why})")),
        };
        match self.references(answer.references.unwrap_or_default()).await? {
            Err(why) => unknown(format!("schema {id} refers to {why}")),
            Ok(references) => Ok(Known::Schema(Arc::new(WrittenSchema {
                kind: kind(answer.schema_type),
                text: answer.schema,
                references,
            }))),
        }
    }

    /// The schemas that are referred to, and those that these refer to; the inner error says which is not there.
    async fn references(
        &self,
        mut open: Vec<AnswerReference>,
    ) -> Result<Result<Vec<Reference>, String>, RegistryError> {
        let mut found = BTreeMap::new();
        while let Some(AnswerReference { name, subject, version }) = open.pop() {
            if found.contains_key(&name) {
                continue;
            }
            if found.len() >= MOST_REFERENCES {
                return Ok(Err(format!("more than {MOST_REFERENCES} others")));
            }
            match self.get::<Answer>(&["subjects", &subject, "versions", &version.to_string()]).await? {
                Err(why) => {
                    return Ok(Err(format!("`{subject}` version {version}, which is not there ({why})")));
                }
                Ok(answer) => {
                    open.extend(answer.references.unwrap_or_default());
                    found.insert(name, answer.schema);
                }
            }
        }
        Ok(Ok(found.into_iter().map(|(name, text)| Reference { name, text }).collect()))
    }

    /// Asks for a path; the inner error says that the registry knows that there is nothing.
    async fn get<T: DeserializeOwned>(&self, path: &[&str]) -> Result<Result<T, String>, RegistryError> {
        let mut url = self.settings.url.clone();
        url.path_segments_mut()
            .map_err(|()| RegistryError::Client(format!("{} is no base of paths", self.settings.url)))?
            .pop_if_empty()
            .extend(path);
        let mut request = self.client.get(url).header(
            reqwest::header::ACCEPT,
            "application/vnd.schemaregistry.v1+json, application/vnd.schemaregistry+json, application/json",
        );
        if let Some((name, password)) = &self.settings.login {
            request = request.basic_auth(name, Some(password));
        }
        let unreachable = |error| RegistryError::Unreachable { url: self.shown(), cause: causes(&error) };
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let body = response.bytes().await.map_err(unreachable)?;
        match status {
            StatusCode::OK => serde_json::from_slice(&body)
                .map(Ok)
                .map_err(|error| self.answer(format!("what no registry does: {error}"))),
            StatusCode::NOT_FOUND => match serde_json::from_slice::<AnswerError>(&body) {
                Ok(error) => {
                    Ok(Err(format!("{} {:.120}", error.error_code, error.message).trim().to_owned()))
                }
                Err(_) => Err(self.answer("404, and not as a registry does".into())),
            },
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(RegistryError::Refused { url: self.shown(), status })
            }
            other => Err(self.answer(other.to_string())),
        }
    }

    fn answer(&self, answer: String) -> RegistryError {
        RegistryError::Answer { url: self.shown(), answer }
    }

    fn shown(&self) -> String {
        self.settings.url.to_string()
    }
}

impl SchemaSource for Registry {
    fn schema(&self, id: u32) -> Lookup {
        match self.known().get(&id) {
            Some(Known::Schema(schema)) => Lookup::Known(Arc::clone(schema)),
            Some(Known::Unknown(_, why)) => Lookup::Unknown(why.clone()),
            None => Lookup::Unknown(format!("schema {id} was not asked for")),
        }
    }
}

fn kind(word: Option<String>) -> SchemaKind {
    match word.as_deref() {
        None | Some("AVRO") => SchemaKind::Avro,
        Some("PROTOBUF") => SchemaKind::Protobuf,
        Some("JSON") => SchemaKind::Json,
        Some(other) => SchemaKind::Other(other.into()),
    }
}

/// An error with what is behind it: the client's own words name no cause.
fn causes(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests;
