//! The schema of a table, and how it may change.
//!
//! A stored schema only ever widens: columns are added, and a column may become nullable. Files written
//! before stay as they are; readers fill the gaps with NULL.

use arrow::datatypes::{Field, Schema, SchemaRef};
use deltalake::kernel::{
    DataType, MetadataValue, PrimitiveType, StructField, StructType,
    engine::arrow_conversion::{TryIntoArrow, TryIntoKernel},
};

use super::{encode::DATE, error::ArchiveError};

/// A table as its writer sees it.
#[derive(Debug, Clone)]
pub struct TableSpec {
    /// Table name: the stream's.
    pub name: String,
    /// The stream's columns, without `date`.
    pub schema: SchemaRef,
    /// Name of the event-time column; `date` is its UTC day.
    pub event_time: String,
}

/// The Delta schema that rows of `spec` need: its columns and then `date`.
pub(super) fn delta_schema(spec: &TableSpec) -> Result<StructType, ArchiveError> {
    let bad = |reason: String| ArchiveError::BadSpec { table: spec.name.clone(), reason };
    let mut fields = Vec::with_capacity(spec.schema.fields().len() + 1);
    for field in spec.schema.fields() {
        if field.name().eq_ignore_ascii_case(DATE) {
            return Err(bad(format!("column `{}` is reserved for the day of the event time", field.name())));
        }
        fields.push(delta_field(spec, field)?);
    }
    let event_time = fields.iter().find(|f| f.name == spec.event_time);
    if event_time.is_none_or(|f| f.data_type != DataType::TIMESTAMP) {
        return Err(bad(format!("event time `{}` is not a timestamp column of it", spec.event_time)));
    }
    fields.push(StructField::nullable(DATE, DataType::DATE));
    StructType::try_new(fields).map_err(|e| bad(e.to_string()))
}

fn delta_field(spec: &TableSpec, field: &Field) -> Result<StructField, ArchiveError> {
    let unsupported = || ArchiveError::UnsupportedType {
        table: spec.name.clone(),
        column: field.name().clone(),
        found: field.data_type().to_string(),
    };
    let data_type: DataType = field.data_type().try_into_kernel().map_err(|_| unsupported())?;
    // A time without a zone is a table feature that many readers lack, and here a mistake anyway.
    if data_type == DataType::Primitive(PrimitiveType::TimestampNtz) {
        return Err(unsupported());
    }
    let metadata = field.metadata().iter().map(|(key, value)| (key, MetadataValue::String(value.clone())));
    Ok(StructField::new(field.name(), data_type, field.is_nullable()).with_metadata(metadata))
}

/// A Delta schema in Arrow.
pub(super) fn arrow_schema(table: &str, schema: &StructType) -> Result<Schema, ArchiveError> {
    schema.try_into_arrow().map_err(|e: arrow::error::ArrowError| ArchiveError::BadSpec {
        table: table.to_owned(),
        reason: e.to_string(),
    })
}

/// The schema that a stored table needs to take rows of `wanted`; none when it can take them as it is.
pub(super) fn widen(
    table: &str,
    stored: &StructType,
    wanted: &StructType,
) -> Result<Option<StructType>, ArchiveError> {
    let mut changed = false;
    let mut fields = Vec::new();
    for old in stored.fields().filter(|f| f.name != DATE) {
        let new = wanted.field(&old.name);
        if let Some(new) = new.filter(|new| new.data_type != old.data_type) {
            return Err(ArchiveError::TypeClash {
                table: table.to_owned(),
                column: old.name.clone(),
                stored: old.data_type.to_string(),
                wanted: new.data_type.to_string(),
            });
        }
        let mut field = old.clone();
        // A column that new files lack reads as NULL in them.
        if !field.nullable && new.is_none_or(|new| new.nullable) {
            field.nullable = true;
            changed = true;
        }
        fields.push(field);
    }
    for new in wanted.fields().filter(|f| stored.field(&f.name).is_none()) {
        // Old files lack it, so it reads as NULL in them whatever the writer promises.
        fields.push(StructField { nullable: true, ..new.clone() });
        changed = true;
    }
    let date = stored.field(DATE).filter(|f| f.data_type == DataType::DATE);
    let date = date.ok_or_else(|| ArchiveError::BadSpec {
        table: table.to_owned(),
        reason: format!("it has no column `{DATE}` of type DATE, so it is not a table of an archive"),
    })?;
    // `date` stays last: readers by position see new columns after the old ones, as in the query.
    fields.push(date.clone());
    if !changed {
        return Ok(None);
    }
    let schema = StructType::try_new(fields);
    schema.map(Some).map_err(|e| ArchiveError::BadSpec { table: table.to_owned(), reason: e.to_string() })
}

/// Whether `name` can be a table: a folder and an SQL name at once, and not one of our own folders.
pub(super) fn check_name(name: &str) -> Result<(), ArchiveError> {
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if plain { Ok(()) } else { Err(ArchiveError::BadTableName(name.to_owned())) }
}

#[cfg(test)]
mod tests;
