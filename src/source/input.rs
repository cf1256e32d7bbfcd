//! How the messages of the topic are written, with the registry that knows their schemas.

use std::fmt;
use std::sync::Arc;

use serde::Deserialize;

use super::decode::{Absent, Decoder, Encoding, SchemaSource};
use super::registry::{Registry, RegistryError, RegistrySettings};
use crate::schema::ReadingSchema;

/// The format of a topic's messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// One JSON object a message.
    #[default]
    Json,
    /// Avro, in the frame of a schema registry.
    Avro,
    /// Protobuf, in the frame of a schema registry.
    Protobuf,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::Json => "json",
            Self::Avro => "avro",
            Self::Protobuf => "protobuf",
        })
    }
}

/// How messages are read. The default is JSON.
#[derive(Debug, Clone, Default)]
pub struct Input {
    encoding: Encoding,
    registry: Option<Arc<Registry>>,
}

impl Input {
    /// Prepares a format; Avro and Protobuf need a registry, which [`crate::config::Config::format`] has made sure of.
    /// Nothing is asked yet.
    pub fn new(
        format: Format,
        absent: Absent,
        registry: Option<RegistrySettings>,
    ) -> Result<Self, RegistryError> {
        // JSON says by itself what it holds: its registry, where there is one, is for others.
        let registry =
            registry.filter(|_| format != Format::Json).map(Registry::new).transpose()?.map(Arc::new);
        let encoding = match (format, &registry) {
            (Format::Avro, Some(registry)) => Encoding::Avro(Arc::clone(registry) as Arc<dyn SchemaSource>),
            (Format::Protobuf, Some(registry)) => Encoding::Protobuf(Arc::clone(registry) as _, absent),
            (_, _) => Encoding::Json,
        };
        Ok(Self { encoding, registry })
    }

    /// The registry that must know the messages' schemas before they are decoded.
    pub fn registry(&self) -> Option<&Arc<Registry>> {
        self.registry.as_ref()
    }

    /// A decoder for one thread; see [`Decoder::new`].
    pub fn decoder(&self, topic: &str, schema: &ReadingSchema, max_skew: i64) -> Decoder {
        Decoder::with_encoding(topic, schema, max_skew, &self.encoding)
    }
}
