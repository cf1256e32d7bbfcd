//! Which field of a message is which column, and how its values are read.

use std::borrow::Cow;

use prost_reflect::{EnumDescriptor, FieldDescriptor, MessageDescriptor};

use super::super::super::cell::Given;
use super::super::row::{Key, Layout};
use super::wire::{Malformed, Value, Wire, bytes, fixed32, fixed64, varint, zigzag};

/// The fields of a message that are columns, by ascending number.
#[derive(Debug)]
pub(super) struct Fields {
    fields: Vec<Field>,
}

/// A field that is a column.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) number: u32,
    pub(super) name: String,
    pub(super) key: Key,
    pub(super) kind: Kind,
    /// Whether a message without the field says that it is zero.
    zero_if_absent: bool,
}

/// How the value of a field is read.
#[derive(Debug)]
pub(super) enum Kind {
    Double,
    Float,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint,
    Fixed32,
    Fixed64,
    Sfixed32,
    Sfixed64,
    Bool,
    Text,
    Enum(EnumDescriptor),
    /// `google.protobuf.Timestamp`.
    Timestamp,
    /// `google.protobuf.DoubleValue` and the like: a value that may be missing.
    Wrapper(Box<Kind>),
    /// What no column holds.
    Other(&'static str),
}

impl Fields {
    pub(super) fn new(message: &MessageDescriptor, layout: &Layout) -> Self {
        let mut fields: Vec<Field> = message
            .fields()
            .map(|field| (layout.key(field.name()), field))
            .filter(|(key, _)| *key != Key::Unknown)
            .map(|(key, field)| Field::new(key, &field))
            .collect();
        fields.sort_by_key(|field| field.number);
        Self { fields }
    }

    /// The field with a number. `at` is where to look first: messages have their fields in ascending order.
    pub(super) fn find(&self, number: u32, at: &mut usize) -> Option<&Field> {
        let guess = self.fields.get(*at).is_some_and(|field| field.number == number);
        if !guess {
            *at = self.fields.binary_search_by_key(&number, |field| field.number).ok()?;
        }
        *at += 1;
        self.fields.get(*at - 1)
    }

    /// The sensors that a message without them says to be zero.
    pub(super) fn zeros(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|field| field.zero_if_absent)
    }
}

impl Field {
    fn new(key: Key, field: &FieldDescriptor) -> Self {
        let kind = if field.is_map() {
            Kind::Other("a map")
        } else if field.is_list() {
            Kind::Other("a list")
        } else {
            Kind::new(field.kind())
        };
        // A time of zero would be 1970, which no plant means.
        let zero_if_absent =
            key != Key::Timestamp && !field.supports_presence() && !matches!(kind, Kind::Other(_));
        Self { number: field.number(), name: field.name().into(), key, kind, zero_if_absent }
    }
}

impl Kind {
    fn new(kind: prost_reflect::Kind) -> Self {
        use prost_reflect::Kind as Proto;
        match kind {
            Proto::Double => Self::Double,
            Proto::Float => Self::Float,
            Proto::Int32 => Self::Int32,
            Proto::Int64 => Self::Int64,
            Proto::Uint32 => Self::Uint32,
            Proto::Uint64 => Self::Uint64,
            Proto::Sint32 | Proto::Sint64 => Self::Sint,
            Proto::Fixed32 => Self::Fixed32,
            Proto::Fixed64 => Self::Fixed64,
            Proto::Sfixed32 => Self::Sfixed32,
            Proto::Sfixed64 => Self::Sfixed64,
            Proto::Bool => Self::Bool,
            Proto::String => Self::Text,
            Proto::Bytes => Self::Other("bytes"),
            Proto::Enum(names) => Self::Enum(names),
            Proto::Message(message) => Self::message(&message),
        }
    }

    fn message(message: &MessageDescriptor) -> Self {
        let wrapped = match message.full_name() {
            "google.protobuf.Timestamp" => return Self::Timestamp,
            "google.protobuf.DoubleValue" => Self::Double,
            "google.protobuf.FloatValue" => Self::Float,
            "google.protobuf.Int32Value" => Self::Int32,
            "google.protobuf.Int64Value" => Self::Int64,
            "google.protobuf.UInt32Value" => Self::Uint32,
            "google.protobuf.UInt64Value" => Self::Uint64,
            "google.protobuf.BoolValue" => Self::Bool,
            "google.protobuf.StringValue" => Self::Text,
            _ => return Self::Other("a message"),
        };
        Self::Wrapper(Box::new(wrapped))
    }

    /// The value that stands on the wire.
    pub(super) fn given<'a>(&self, value: Value<'a>) -> Result<Given<'a>, Malformed> {
        Ok(match self {
            Self::Double => Given::Float(f64::from_bits(fixed64(value)?)),
            Self::Float => Given::Float(f32::from_bits(fixed32(value)?).into()),
            // A negative one has ten bytes on the wire; what is above 32 bits is cut off, as everywhere.
            Self::Int32 => Given::Int((varint(value)? as i32).into()),
            Self::Int64 => Given::Int(varint(value)? as i64),
            Self::Uint32 => Given::Unsigned((varint(value)? as u32).into()),
            Self::Uint64 => Given::Unsigned(varint(value)?),
            Self::Sint => Given::Int(zigzag(varint(value)?)),
            Self::Fixed32 => Given::Unsigned(fixed32(value)?.into()),
            Self::Fixed64 => Given::Unsigned(fixed64(value)?),
            Self::Sfixed32 => Given::Int((fixed32(value)? as i32).into()),
            Self::Sfixed64 => Given::Int(fixed64(value)? as i64),
            Self::Bool => Given::Bool(varint(value)? != 0),
            Self::Text => Given::Text(std::str::from_utf8(bytes(value)?).map_err(|_| Malformed::NotUtf8)?),
            Self::Enum(names) => Given::Symbol(symbol(names, varint(value)? as i32)),
            Self::Timestamp => Given::Micros(instant(bytes(value)?)?),
            Self::Wrapper(kind) => match last(bytes(value)?, 1)? {
                Some(value) => kind.given(value)?,
                None => kind.zero(),
            },
            Self::Other(what) => Given::Other(what),
        })
    }

    /// What the language says of a value that is not on the wire.
    pub(super) fn zero(&self) -> Given<'static> {
        match self {
            Self::Double | Self::Float => Given::Float(0.0),
            Self::Bool => Given::Bool(false),
            Self::Text => Given::Text(""),
            Self::Enum(names) => Given::Symbol(symbol(names, names.default_value().number())),
            Self::Timestamp | Self::Wrapper(_) | Self::Other(_) => Given::Null,
            _ => Given::Int(0),
        }
    }
}

/// The name of an enum's value; of one that the schema does not have the number.
fn symbol(names: &EnumDescriptor, number: i32) -> Cow<'static, str> {
    let name = names.get_value(number).map(|value| value.name().to_owned());
    Cow::Owned(name.unwrap_or_else(|| number.to_string()))
}

/// The last value of a field, which is the one that counts.
fn last(message: &[u8], number: u32) -> Result<Option<Value<'_>>, Malformed> {
    let mut wire = Wire::new(message);
    let mut found = None;
    while let Some((at, value)) = wire.next()? {
        if at == number {
            found = Some(value);
        }
    }
    Ok(found)
}

/// Microseconds since 1970 of a `google.protobuf.Timestamp`; of one beyond all time the end of it.
fn instant(message: &[u8]) -> Result<i64, Malformed> {
    let seconds = last(message, 1)?.map_or(Ok(0), varint)? as i64;
    let nanos = last(message, 2)?.map_or(Ok(0), varint)? as i32;
    Ok(seconds.saturating_mul(1_000_000).saturating_add(i64::from(nanos).div_euclid(1_000)))
}
