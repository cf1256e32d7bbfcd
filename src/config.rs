//! The one configuration file, `coldstream.toml`.
//!
//! Every key has a default but `kafka.brokers`, `kafka.topic` and `archive.url`; an unknown key, a wrong type or a
//! value out of range is an error that names the key and its line.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use crate::alarm::RuleFile;
use crate::archive::StoreOptions;
use crate::dataflow::Timing;
use crate::machine::MachineError;
use crate::machine::follow::CurrentMachines;
use crate::schema::{Column, ReadingSchema, SchemaError};
use crate::simulate::{DurationError, parse_duration};
use crate::source::decode::Absent;
use crate::source::input::Format;
use crate::source::kafka::KafkaSettings;

mod format;

pub use format::SchemaRegistryConfig;

/// All of `coldstream.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the readings come from.
    pub kafka: KafkaConfig,
    /// Who knows the schemas of Avro and Protobuf messages.
    pub schema_registry: Option<SchemaRegistryConfig>,
    /// Where the tables are.
    pub archive: ArchiveConfig,
    /// The port.
    #[serde(default)]
    pub serve: ServeConfig,
    /// Queries, models and time.
    #[serde(default)]
    pub dataflow: DataflowConfig,
    /// What is watched.
    #[serde(default)]
    pub alarms: AlarmsConfig,
    /// What is known of the machines.
    #[serde(default)]
    pub machines: MachinesConfig,
    /// Sensor columns besides the built-in ones.
    #[serde(default)]
    pub columns: Vec<Column>,
}

/// `[kafka]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KafkaConfig {
    /// `host:port`, several with commas.
    pub brokers: String,
    /// The topic of the readings.
    pub topic: String,
    /// The consumer group.
    #[serde(default = "default_group")]
    pub group: String,
    /// How the topic's messages are written.
    #[serde(default)]
    pub format: Format,
    /// What a Protobuf field without `optional` is when a message does not have it.
    #[serde(default)]
    pub proto3_absent: Absent,
    /// Further properties of librdkafka, such as `security.protocol`.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
}

impl KafkaConfig {
    /// The same, as the source takes it.
    pub fn settings(&self) -> KafkaSettings {
        KafkaSettings {
            brokers: self.brokers.clone(),
            topic: self.topic.clone(),
            group: self.group.clone(),
            options: self.options.clone(),
        }
    }
}

/// `[archive]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArchiveConfig {
    /// `file:///path` or `s3://bucket/prefix`.
    pub url: String,
    /// How often an epoch is committed to the tables.
    #[serde(default = "default_commit_interval")]
    pub commit_interval: Span,
    /// Access to an S3 store; what is missing is taken from the environment (`AWS_…`).
    #[serde(default)]
    pub s3: StoreOptions,
}

/// `[serve]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServeConfig {
    /// Address of the port.
    pub listen: String,
    /// Whether anyone may connect to an address that is not loopback.
    pub allow_anonymous: bool,
}

/// `[dataflow]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataflowConfig {
    /// Folder of the queries.
    pub queries: PathBuf,
    /// Folder of the models.
    pub models: PathBuf,
    /// How much older than the newest reading of its partition a reading may be and still be waited for.
    pub max_delay: Span,
    /// How far a reading may be ahead of the time its message was sent; further is a dead letter.
    pub max_skew: Span,
    /// After how long without a reading a partition's time goes on by the wall clock.
    pub idle_timeout: Span,
    /// How long after its end a window takes late readings and is given again, with a higher `revision`.
    #[serde(deserialize_with = "span_or_none")]
    pub allowed_lateness: Span,
    /// What to do with a reading of a machine and an event time that were there before.
    pub duplicates: OnDuplicate,
    /// How far behind a machine's newest reading a repeated one is known.
    pub duplicate_horizon: Span,
    /// How much of the messages may be in memory before it is in the tables, all partitions of a process together.
    pub max_buffered: Size,
    /// How far a partition may be ahead of the slowest in event time, on a backlog; `0s` for any distance.
    #[serde(deserialize_with = "span_or_none")]
    pub max_drift: Span,
    /// What to do with a checkpoint of other queries.
    pub on_query_change: OnQueryChange,
}

impl DataflowConfig {
    /// How partitions treat time.
    pub fn timing(&self) -> Timing {
        Timing {
            max_delay: self.max_delay.micros(),
            allowed_lateness: self.allowed_lateness.micros(),
            duplicate_horizon: self.duplicate_horizon.micros(),
            drop_duplicates: self.duplicates == OnDuplicate::Drop,
        }
    }
}

/// What to do with a reading that came before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDuplicate {
    /// Count it, and use it like any other.
    Count,
    /// Count it, and leave it out of the queries; the table of the readings has it.
    Drop,
}

/// `[alarms]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AlarmsConfig {
    /// A rule file, or a shipped set: `default`, `classic`, `none`. Absent: `alarms.toml` in the folder of the
    /// queries, where there is one.
    pub rules: Option<String>,
}

/// `[machines]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MachinesConfig {
    /// The file of the machines. Absent: every machine has defaults.
    pub file: Option<PathBuf>,
}

impl MachinesConfig {
    /// What the file says; it is read again when it changes.
    pub fn load(&self) -> Result<CurrentMachines, MachineError> {
        self.file.as_deref().map_or_else(|| Ok(CurrentMachines::default()), CurrentMachines::load)
    }
}

/// What to do when the queries are not those the checkpoint was written by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnQueryChange {
    /// Make their windows anew from the readings in the archive, and go on.
    Rebuild,
    /// Stop and say so.
    Refuse,
    /// Go on at the same offset with empty windows.
    StartEmpty,
}

/// A duration as text, such as `10s` or `1h30m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(i64);

impl Span {
    /// A span of whole seconds.
    pub const fn seconds(seconds: i64) -> Self {
        Self(seconds * 1_000_000)
    }

    /// Its length in microseconds.
    pub fn micros(self) -> i64 {
        self.0
    }

    /// The same as a [`Duration`].
    pub fn duration(self) -> Duration {
        Duration::from_micros(self.0.unsigned_abs())
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.trim() == "0s" {
            return Ok(Self(0));
        }
        parse_duration(&text).map(Self).map_err(serde::de::Error::custom)
    }
}

/// A duration as text that may be `0s`; microseconds.
pub fn parse_span_or_none(text: &str) -> Result<i64, DurationError> {
    if text.trim() == "0s" { Ok(0) } else { parse_duration(text) }
}

fn span_or_none<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_span_or_none(&text).map(Span).map_err(serde::de::Error::custom)
}

/// A number of bytes as text, such as `64MiB`, `512KiB` or `2GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size(usize);

impl Size {
    /// In bytes.
    pub fn bytes(self) -> usize {
        self.0
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let units = [("KiB", 10), ("MiB", 20), ("GiB", 30)];
        units
            .iter()
            .find_map(|(unit, bits)| {
                let number: usize = text.strip_suffix(unit)?.trim().parse().ok()?;
                number.checked_mul(1 << bits).filter(|bytes| *bytes > 0).map(Self)
            })
            .ok_or_else(|| {
                serde::de::Error::custom(format!("`{text}` is no size such as 64MiB, 512KiB or 2GiB"))
            })
    }
}

fn default_group() -> String {
    "coldstream".into()
}

fn default_commit_interval() -> Span {
    Span::seconds(10)
}

impl Default for ServeConfig {
    fn default() -> Self {
        Self { listen: "127.0.0.1:5001".into(), allow_anonymous: false }
    }
}

impl Default for DataflowConfig {
    fn default() -> Self {
        Self {
            queries: "queries".into(),
            models: "models".into(),
            max_delay: Span::seconds(5),
            max_skew: Span::seconds(600),
            idle_timeout: Span::seconds(30),
            allowed_lateness: Span::seconds(0),
            duplicates: OnDuplicate::Count,
            duplicate_horizon: Span::seconds(120),
            max_buffered: Size(256 << 20),
            max_drift: Span::seconds(600),
            on_query_change: OnQueryChange::Rebuild,
        }
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {path}: {source}")]
    Read {
        /// Path of the file.
        path: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A key is unknown, missing or has a wrong value.
    #[error("{path}:{line}: {message}")]
    Invalid {
        /// Path of the file.
        path: String,
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// The format lacks its registry, or the registry's keys are wrong.
    #[error("{path}: {message}")]
    Registry {
        /// Path of the file.
        path: String,
        /// The key, and what is wrong with it.
        message: String,
        /// What to do about it.
        hint: String,
    },
    /// A declared column cannot be.
    #[error("{path}: [[columns]]: {source}")]
    Column {
        /// Path of the file.
        path: String,
        /// Why.
        source: SchemaError,
    },
}

impl ConfigError {
    /// What the operator can do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Read { .. } => {
                "name the file with --config FILE; `coldstream.toml` of the project explains every key".into()
            }
            Self::Invalid { .. } => "see the project's `coldstream.toml`, which explains every key".into(),
            Self::Registry { hint, .. } => hint.clone(),
            Self::Column { .. } => {
                "a column has a name, a type (float64, int64, text, boolean) and a unit".into()
            }
        })
    }
}

impl Config {
    /// Reads and checks a file. Relative folders in it are relative to the file.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: shown.clone(), source })?;
        let mut config = Self::parse(&text, &shown)?;
        let base = path.parent().unwrap_or(Path::new(""));
        config.dataflow.queries = base.join(&config.dataflow.queries);
        config.dataflow.models = base.join(&config.dataflow.models);
        config.machines.file = config.machines.file.map(|file| base.join(file));
        if let Some(rules) = &mut config.alarms.rules
            && !RuleFile::is_shipped(rules)
        {
            *rules = base.join(&rules).display().to_string();
        }
        Ok(config)
    }

    /// Checks the text of a file called `path`.
    pub fn parse(text: &str, path: &str) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let line = text[..at.min(text.len())].matches('\n').count() + 1;
            let message = error.message().lines().collect::<Vec<_>>().join(" ");
            ConfigError::Invalid { path: path.into(), line, message }
        })?;
        config.reading_schema_of(path)?;
        config.format_of(path)?;
        Ok(config)
    }

    /// The columns of a reading.
    pub fn reading_schema(&self) -> Result<ReadingSchema, ConfigError> {
        self.reading_schema_of("coldstream.toml")
    }

    fn reading_schema_of(&self, path: &str) -> Result<ReadingSchema, ConfigError> {
        ReadingSchema::with_extra(&self.columns)
            .map_err(|source| ConfigError::Column { path: path.into(), source })
    }
}

#[cfg(test)]
mod tests;
