//! Protobuf in the registry's frame, walked field by field.
//!
//! The schema is the `.proto` text that the registry has; it is compiled when its id is first seen, and its descriptors
//! say which field number is which column. A message is then read straight from its bytes: there is no message object,
//! and what is no column is passed over. Which message of the file it is, is said by a list of indexes between the
//! frame and the message.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;

use super::super::cell::Given;
use super::super::dead::Reason;
use super::framing::schema_id;
use super::row::{Fault, Layout, Row};
use super::schemas::{Plans, SchemaKind, SchemaSource};

mod fields;
mod schema;
mod wire;

use fields::{Field, Fields};
use schema::File;
use wire::{Value, Wire};

/// What a number or a truth value without `optional` is when it is not in the message.
///
/// Protobuf does not send such a field when it is zero, so that "0" and "no sensor" are the same bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Absent {
    /// NULL: nothing is invented. A true zero is then lost, unless its field is `optional`.
    #[default]
    Null,
    /// Zero, as the language says. A sensor that is not there is then zero.
    Zero,
}

/// Reads Protobuf.
#[derive(Debug)]
pub(super) struct ProtobufReader {
    plans: Plans<Plan>,
    absent: Absent,
}

/// The messages of one schema.
#[derive(Debug)]
struct Plan {
    file: File,
    /// The fields of each message that was seen, by its indexes.
    messages: HashMap<Vec<u32>, Arc<Fields>>,
}

impl ProtobufReader {
    pub(super) fn new(source: Arc<dyn SchemaSource>, absent: Absent) -> Self {
        Self { plans: Plans::new(source, SchemaKind::Protobuf), absent }
    }

    /// Reads one message into an empty row.
    pub(super) fn read<'a>(
        &mut self,
        layout: &Layout,
        payload: &'a [u8],
        row: &mut Row<'a>,
    ) -> Result<(), Fault> {
        let (id, body) = schema_id(payload)?;
        let plan = self
            .plans
            .get(id, |schema| Ok(Plan { file: File::compile(id, schema)?, messages: HashMap::new() }))?;
        let mut wire = Wire::new(body);
        let path = wire.indexes().map_err(malformed)?;
        let fields = plan.fields(path, layout).map_err(|why| (Reason::UnusableSchema, why))?;
        if self.absent == Absent::Zero {
            for field in fields.zeros() {
                row.set(layout, field.key, field.kind.zero())?;
            }
        }
        let mut at = 0;
        while let Some((number, value)) = wire.next().map_err(malformed)? {
            match fields.find(number, &mut at) {
                Some(field) => row.set(layout, field.key, field.given(value)?)?,
                None => row.unknown += 1,
            }
        }
        Ok(())
    }
}

impl Plan {
    /// The fields of the message with the indexes `path`.
    fn fields(&mut self, path: Vec<u32>, layout: &Layout) -> Result<Arc<Fields>, String> {
        if let Some(known) = self.messages.get(&path) {
            return Ok(Arc::clone(known));
        }
        let fields = Arc::new(Fields::new(&self.file.message(&path)?, layout));
        self.messages.insert(path, Arc::clone(&fields));
        Ok(fields)
    }
}

impl Field {
    /// The value of the field as the wire has it.
    fn given<'a>(&self, value: Value<'a>) -> Result<Given<'a>, Fault> {
        self.kind.given(value).map_err(|error| match error {
            wire::Malformed::NotUtf8 => (Reason::InvalidUtf8, format!("`{}` is not UTF-8", self.name)),
            other => (Reason::NotProtobuf, format!("`{}`: {other}", self.name)),
        })
    }
}

fn malformed(error: wire::Malformed) -> Fault {
    (Reason::NotProtobuf, error.to_string())
}

#[cfg(test)]
mod tests;
