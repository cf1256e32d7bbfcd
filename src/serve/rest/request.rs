//! From paths, query parameters and bodies to the messages of the methods.

use std::collections::HashSet;

use axum::extract::RawPathParams;
use prost_reflect::{DynamicMessage, EnumDescriptor, EnumValueDescriptor, FieldDescriptor, Kind, Value};
use serde_json::Value as Json;
use tonic::Status;
use url::form_urlencoded;

use super::routes::{Parameter, Route};
use crate::serve::error::{invalid, with_hint};

/// The request of a GET.
pub(super) fn of_query(route: &Route, path: &RawPathParams, query: &str) -> Result<DynamicMessage, Status> {
    let mut message = DynamicMessage::new(route.method.input());
    of_path(route, path, &mut message)?;
    let mut given = HashSet::new();
    for (name, text) in form_urlencoded::parse(query.as_bytes()) {
        let Some((index, parameter)) = route.parameters.find(&name).filter(|(_, it)| !it.in_path) else {
            return Err(unknown(&name, "parameter", &names(route)));
        };
        let is_list = parameter.fields.last().is_some_and(FieldDescriptor::is_list);
        if !given.insert(index) && !is_list {
            return Err(invalid(&parameter.path(), format!("`{name}` is given twice")));
        }
        set(&mut message, parameter, &name, &text)?;
    }
    Ok(message)
}

/// The request of a POST.
pub(super) fn of_body(route: &Route, path: &RawPathParams, body: &[u8]) -> Result<DynamicMessage, Status> {
    let mut message = DynamicMessage::new(route.method.input());
    let fields = match serde_json::from_slice(body) {
        Ok(Json::Object(fields)) => fields,
        Ok(_) => return Err(Status::invalid_argument("the body must be a JSON object")),
        Err(error) => return Err(Status::invalid_argument(format!("the body is not JSON: {error}"))),
    };
    let descriptor = route.method.input();
    for (name, value) in fields {
        let field = descriptor.get_field_by_name(&name).or_else(|| descriptor.get_field_by_json_name(&name));
        let Some(field) = field else {
            let names: Vec<_> = descriptor.fields().map(|field| field.name().to_owned()).collect();
            return Err(unknown(&name, "field of the body", &names));
        };
        // One by one, so that a value that does not fit has a name.
        let alone = Json::Object([(name, value)].into_iter().collect());
        let read = DynamicMessage::deserialize(descriptor.clone(), alone);
        let mut read = read.map_err(|error| {
            let message = format!("`{}` is not {}: {error}", field.name(), expected(&field));
            invalid(field.name(), message)
        })?;
        if let Some(value) = read.take_field(&field) {
            message.set_field(&field, value);
        }
    }
    of_path(route, path, &mut message)?;
    Ok(message)
}

fn of_path(route: &Route, path: &RawPathParams, message: &mut DynamicMessage) -> Result<(), Status> {
    for (name, text) in path {
        if let Some((_, parameter)) = route.parameters.find(name) {
            set(message, parameter, name, text)?;
        }
    }
    Ok(())
}

fn names(route: &Route) -> Vec<String> {
    let parameters = route.parameters.all.iter().filter(|parameter| !parameter.in_path);
    parameters.map(|parameter| parameter.name.clone()).collect()
}

fn unknown(name: &str, what: &str, known: &[String]) -> Status {
    let message = format!("`{name}` is no {what}");
    match known {
        [] => invalid(name, with_hint(message, "there are none here")),
        known => invalid(name, with_hint(message, &format!("there are {}", known.join(", ")))),
    }
}

/// Puts a text where it belongs.
fn set(message: &mut DynamicMessage, parameter: &Parameter, name: &str, text: &str) -> Result<(), Status> {
    let Some((field, holders)) = parameter.fields.split_last() else { return Ok(()) };
    let value = parse(field, text).ok_or_else(|| {
        invalid(&parameter.path(), format!("`{name}` is `{text}`: it must be {}", expected(field)))
    })?;
    let mut holder = message;
    for field in holders {
        holder = (holder.get_field_mut(field).as_message_mut())
            .ok_or_else(|| Status::internal(format!("`{}` holds nothing", field.name())))?;
    }
    match holder.get_field_mut(field) {
        Value::List(list) => list.push(value),
        place => *place = value,
    }
    Ok(())
}

/// A text as a value of `field`, or an element of it.
fn parse(field: &FieldDescriptor, text: &str) -> Option<Value> {
    Some(match field.kind() {
        Kind::Bool => Value::Bool(text.parse().ok()?),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(text.parse().ok()?),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(text.parse().ok()?),
        Kind::Uint32 | Kind::Fixed32 => Value::U32(text.parse().ok()?),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(text.parse().ok()?),
        Kind::Float => Value::F32(text.parse().ok()?),
        Kind::Double => Value::F64(text.parse().ok()?),
        Kind::String => Value::String(text.to_owned()),
        Kind::Bytes => return None,
        Kind::Enum(of) => {
            let known = of.values().find(|it| it.name() == text || short(&of, it) == text)?;
            Value::EnumNumber(known.number())
        }
        Kind::Message(of) => {
            Value::Message(DynamicMessage::deserialize(of, Json::String(text.to_owned())).ok()?)
        }
    })
}

/// The name of a value without that of its enum, in small letters: `high` for `SEVERITY_HIGH`.
pub(super) fn short(of: &EnumDescriptor, value: &EnumValueDescriptor) -> String {
    let mut prefix = String::new();
    for (index, letter) in of.name().char_indices() {
        if index > 0 && letter.is_ascii_uppercase() {
            prefix.push('_');
        }
        prefix.push(letter.to_ascii_uppercase());
    }
    let name = value.name();
    let rest = name.strip_prefix(&prefix).and_then(|rest| rest.strip_prefix('_'));
    rest.unwrap_or(name).to_ascii_lowercase()
}

fn expected(field: &FieldDescriptor) -> String {
    let one = match field.kind() {
        Kind::Bool => "true or false".to_owned(),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 | Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => {
            "a whole number".to_owned()
        }
        Kind::Uint32 | Kind::Fixed32 | Kind::Uint64 | Kind::Fixed64 => "a whole number from 0 on".to_owned(),
        Kind::Float | Kind::Double => "a number".to_owned(),
        Kind::String => "a text".to_owned(),
        Kind::Bytes => "bytes in base64".to_owned(),
        Kind::Enum(of) => {
            let names: Vec<_> = of.values().map(|value| short(&of, &value)).collect();
            format!("one of {}", names.join(", "))
        }
        Kind::Message(of) if of.full_name() == "google.protobuf.Timestamp" => {
            "a time such as 2024-01-15T10:30:00Z".to_owned()
        }
        Kind::Message(of) if of.full_name() == "google.protobuf.Duration" => {
            "a time in seconds such as 1.5s".to_owned()
        }
        Kind::Message(_) => "an object".to_owned(),
    };
    if field.is_list() { format!("a list; each element {one}") } else { one }
}
