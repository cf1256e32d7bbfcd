//! What the ids in the messages mean.

use std::collections::HashMap;
use std::fmt::{self, Debug};
use std::sync::Arc;

use super::super::dead::Reason;
use super::row::Fault;

/// A schema as it was registered. It never changes: another schema has another id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenSchema {
    /// Its language.
    pub kind: SchemaKind,
    /// The schema: JSON for Avro, a `.proto` file for Protobuf.
    pub text: String,
    /// All that it refers to, directly or through others.
    pub references: Vec<Reference>,
}

/// A schema that another one refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// By which name: a type's full name for Avro, the path of an `import` for Protobuf.
    pub name: String,
    /// The schema.
    pub text: String,
}

/// The language of a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchemaKind {
    /// Apache Avro.
    Avro,
    /// Protocol Buffers.
    Protobuf,
    /// JSON Schema.
    Json,
    /// Any other, by the registry's word for it.
    Other(String),
}

impl fmt::Display for SchemaKind {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::Avro => "AVRO",
            Self::Protobuf => "PROTOBUF",
            Self::Json => "JSON",
            Self::Other(word) => word,
        })
    }
}

/// What is known of an id.
#[derive(Debug, Clone)]
pub enum Lookup {
    /// Its schema.
    Known(Arc<WrittenSchema>),
    /// There is none, as of now; why.
    Unknown(String),
}

/// Knows schemas by their ids. Asked by the decoder, so it answers from memory.
pub trait SchemaSource: Debug + Send + Sync {
    /// What is known of `id`.
    fn schema(&self, id: u32) -> Lookup;
}

/// The schemas of one topic, each worked out once.
#[derive(Debug)]
pub(super) struct Plans<T> {
    source: Arc<dyn SchemaSource>,
    kind: SchemaKind,
    plans: HashMap<u32, Result<T, String>>,
}

impl<T> Plans<T> {
    pub(super) fn new(source: Arc<dyn SchemaSource>, kind: SchemaKind) -> Self {
        Self { source, kind, plans: HashMap::new() }
    }

    /// What `compile` makes of the schema `id`. An id that is not known is asked for again each time, a schema that
    /// cannot be used is not: it never changes.
    pub(super) fn get(
        &mut self,
        id: u32,
        compile: impl FnOnce(&WrittenSchema) -> Result<T, String>,
    ) -> Result<&mut T, Fault> {
        let Self { source, kind, plans } = self;
        let plan = match plans.entry(id) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => match source.schema(id) {
                Lookup::Unknown(why) => return Err((Reason::UnknownSchema, why)),
                Lookup::Known(schema) if schema.kind != *kind => {
                    entry.insert(Err(format!("it is {}, and the topic's format is {kind}", schema.kind)))
                }
                Lookup::Known(schema) => entry.insert(compile(&schema)),
            },
        };
        plan.as_mut().map_err(|why| (Reason::UnusableSchema, format!("schema {id}: {why}")))
    }
}
