//! A writer's schema, reduced to what its bytes depend on.
//!
//! What comes out has no names of types, no namespaces, aliases, defaults or documentation: a type that is used by its
//! name stands there itself, also one of a referenced schema. So `arrow-avro` has nothing to look up, and what it would
//! refuse in a part that no bytes depend on (a default, say) does no harm. A type that contains itself cannot be
//! written like this and is refused; no reading has one.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::super::schemas::WrittenSchema;

/// How deep types may nest, and how many there may be: a schema of types that each use another one twice would
/// otherwise grow without end.
const DEEPEST: usize = 64;
const MOST: usize = 20_000;

/// A writer's schema: a record.
#[derive(Debug, PartialEq)]
pub(super) struct Resolved {
    /// The schema, reduced.
    pub(super) text: String,
    /// The names of the record's fields, in order.
    pub(super) fields: Vec<String>,
}

/// Reduces a schema; the error says what is wrong with it.
pub(super) fn resolve(schema: &WrittenSchema) -> Result<Resolved, String> {
    let parse = |text: &str| serde_json::from_str::<Value>(text).map_err(|error| error.to_string());
    let root = parse(&schema.text).map_err(|error| format!("it is no JSON: {error}"))?;
    let mut others = Vec::new();
    for reference in &schema.references {
        let other = parse(&reference.text).map_err(|error| {
            format!("the schema `{}` that it refers to is no JSON: {error}", reference.name)
        })?;
        others.push(other);
    }
    let mut types = HashMap::new();
    for schema in others.iter().chain([&root]) {
        collect(schema, "", &mut types);
    }
    let mut resolver = Resolver { types, open: Vec::new(), named: 0, seen: 0, depth: 0 };
    let (reduced, _) = resolver.reduce(&root, "")?;
    let fields = match (&reduced["type"], reduced["fields"].as_array()) {
        (Value::String(kind), Some(fields)) if kind == "record" => fields,
        _ => return Err("it is not a record".into()),
    };
    let fields = fields.iter().filter_map(|field| field["name"].as_str().map(str::to_owned)).collect();
    Ok(Resolved { text: reduced.to_string(), fields })
}

/// Full name of the type that `object` defines, and the namespace inside it.
fn full_name(object: &Map<String, Value>, namespace: &str) -> Option<(String, String)> {
    let name = object.get("name")?.as_str()?;
    if let Some((inside, _)) = name.rsplit_once('.') {
        return Some((name.to_owned(), inside.to_owned()));
    }
    let inside = object.get("namespace").and_then(Value::as_str).unwrap_or(namespace);
    Some((qualified(name, inside), inside.to_owned()))
}

fn qualified(name: &str, namespace: &str) -> String {
    if namespace.is_empty() || name.contains('.') { name.into() } else { format!("{namespace}.{name}") }
}

/// Notes the types with names, each with the namespace around it. JSON nests 128 levels at most.
fn collect<'s>(schema: &'s Value, namespace: &str, types: &mut HashMap<String, (&'s Value, String)>) {
    match schema {
        Value::Array(branches) => branches.iter().for_each(|branch| collect(branch, namespace, types)),
        Value::Object(object) => match object.get("type") {
            Some(Value::String(kind)) => match kind.as_str() {
                "record" | "error" | "enum" | "fixed" => {
                    let Some((name, inside)) = full_name(object, namespace) else { return };
                    types.entry(name).or_insert_with(|| (schema, namespace.to_owned()));
                    let fields = object.get("fields").and_then(Value::as_array);
                    for field in fields.into_iter().flatten() {
                        collect(&field["type"], &inside, types);
                    }
                }
                "array" => object.get("items").into_iter().for_each(|items| collect(items, namespace, types)),
                "map" => {
                    object.get("values").into_iter().for_each(|values| collect(values, namespace, types))
                }
                _ => {}
            },
            Some(inner) => collect(inner, namespace, types),
            None => {}
        },
        _ => {}
    }
}

struct Resolver<'s> {
    types: HashMap<String, (&'s Value, String)>,
    /// The names of the types that we are inside of.
    open: Vec<String>,
    /// How many types with names were written: their names are numbers.
    named: usize,
    seen: usize,
    depth: usize,
}

impl Resolver<'_> {
    /// A type, reduced, and the least number of bytes that a value of it takes.
    fn reduce(&mut self, schema: &Value, namespace: &str) -> Result<(Value, u64), String> {
        self.seen += 1;
        if self.seen > MOST || self.depth > DEEPEST {
            return Err("its types are too many or nest too deep".into());
        }
        self.depth += 1;
        let reduced = self.reduce_one(schema, namespace);
        self.depth -= 1;
        reduced
    }

    fn reduce_one(&mut self, schema: &Value, namespace: &str) -> Result<(Value, u64), String> {
        match schema {
            Value::String(name) => match primitive(name) {
                Some(least) => Ok((schema.clone(), least)),
                None => self.named(name, namespace),
            },
            Value::Array(branches) => {
                let branches: Result<Vec<_>, String> =
                    branches.iter().map(|branch| Ok(self.reduce(branch, namespace)?.0)).collect();
                Ok((Value::Array(branches?), 1))
            }
            Value::Object(object) => match object.get("type") {
                Some(Value::String(kind)) => self.object(kind, object, schema, namespace),
                Some(inner) => self.reduce(inner, namespace),
                None => Err("one of its types has no `type`".into()),
            },
            other => Err(format!("`{other:.40}` is no type")),
        }
    }

    /// A type that is used by its name.
    fn named(&mut self, name: &str, namespace: &str) -> Result<(Value, u64), String> {
        let full = qualified(name, namespace);
        let found = self.types.get(&full).or_else(|| self.types.get(name)).cloned();
        let (definition, around) = found.ok_or_else(|| format!("the type `{full}` is not defined"))?;
        self.reduce(definition, &around)
    }

    fn object(
        &mut self,
        kind: &str,
        object: &Map<String, Value>,
        schema: &Value,
        namespace: &str,
    ) -> Result<(Value, u64), String> {
        match kind {
            "record" | "error" => {
                let (name, inside) = full_name(object, namespace).ok_or("a record has no name")?;
                if self.open.contains(&name) {
                    return Err(format!("the record `{name}` contains itself"));
                }
                self.open.push(name);
                let mut least = 0u64;
                let mut fields = Vec::new();
                for field in
                    object.get("fields").and_then(Value::as_array).ok_or("a record has no `fields`")?
                {
                    let name = field["name"].as_str().ok_or("a field has no name")?;
                    let (reduced, bytes) = self.reduce(&field["type"], &inside)?;
                    least = least.saturating_add(bytes);
                    fields.push(json!({"name": name, "type": reduced}));
                }
                self.open.pop();
                Ok((json!({"type": "record", "name": self.number(), "fields": fields}), least))
            }
            "enum" => {
                let symbols = object.get("symbols").ok_or("an enum has no `symbols`")?;
                Ok((json!({"type": "enum", "name": self.number(), "symbols": symbols}), 1))
            }
            "fixed" => {
                let size = object.get("size").and_then(Value::as_u64).ok_or("a fixed type has no `size`")?;
                let mut reduced = json!({"type": "fixed", "name": self.number(), "size": size});
                keep_logical(kind, object, &mut reduced);
                Ok((reduced, size))
            }
            "array" => {
                let items = object.get("items").ok_or("an array has no `items`")?;
                let (items, least) = self.reduce(items, namespace)?;
                if least == 0 {
                    // A few bytes could then tell of any number of items, and who reads them would never end.
                    return Err("it has an array whose items take no bytes".into());
                }
                Ok((json!({"type": "array", "items": items}), 1))
            }
            "map" => {
                let values = object.get("values").ok_or("a map has no `values`")?;
                Ok((json!({"type": "map", "values": self.reduce(values, namespace)?.0}), 1))
            }
            _ => match primitive(kind) {
                Some(least) => {
                    let mut reduced = json!({"type": kind});
                    keep_logical(kind, object, &mut reduced);
                    Ok((reduced, least))
                }
                None => self.reduce(&schema["type"], namespace),
            },
        }
    }

    fn number(&mut self) -> String {
        self.named += 1;
        format!("t{}", self.named)
    }
}

/// The least number of bytes of a type that needs no definition; `None` if it is none.
fn primitive(name: &str) -> Option<u64> {
    Some(match name {
        "null" => 0,
        "boolean" | "int" | "long" | "bytes" | "string" => 1,
        "float" => 4,
        "double" => 8,
        _ => return None,
    })
}

/// Keeps a logical type that changes what a value is, if it is a valid one; another is to be ignored, says Avro.
fn keep_logical(kind: &str, object: &Map<String, Value>, reduced: &mut Value) {
    let Some(logical) = object.get("logicalType").and_then(Value::as_str) else { return };
    let number = |key: &str| object.get(key).and_then(Value::as_u64);
    match (kind, logical) {
        (
            "long",
            "timestamp-millis"
            | "timestamp-micros"
            | "timestamp-nanos"
            | "local-timestamp-millis"
            | "local-timestamp-micros"
            | "local-timestamp-nanos"
            | "time-micros",
        )
        | ("int", "date" | "time-millis") => reduced["logicalType"] = logical.into(),
        ("bytes" | "fixed", "decimal") => {
            let (precision, scale) = (number("precision").unwrap_or(0), number("scale").unwrap_or(0));
            if (1..=76).contains(&precision) && scale <= precision {
                reduced["logicalType"] = logical.into();
                reduced["precision"] = precision.into();
                reduced["scale"] = scale.into();
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
