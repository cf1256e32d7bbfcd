//! The OpenAPI 3.1 document: the routes, with schemas and descriptions out of the protos.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use prost_reflect::{EnumDescriptor, FieldDescriptor, FileDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value as Json, json};

use super::answer::JSON_TEXTS;
use super::request::short;
use super::routes::{Parameter, Route, Verb};

/// What holds for all paths.
const ABOUT: &str = "The services of Coldstream as JSON. Fields are named as in the protos; 64-bit integers are texts; \
    times are RFC 3339, in UTC; durations are seconds with an `s`. A list or number that is empty or zero is there, a value \
    that is not known is absent. Query parameters: a list is the parameter given again for each element (`machine` and \
    `machine_id` mean `machine_ids`); a field may be named with those that hold it (`filter.rules`); values of enums also go \
    by their full names (`SEVERITY_HIGH`). The body of a POST needs the header `Content-Type: application/json`. A machine's \
    id with a slash in it is written with `%2F` in a path. Streams are server-sent events, as an `EventSource` reads them: \
    each event is a message as JSON, an event `error` an error like that of other answers, after which the stream ends. \
    SQL results as Arrow, and everything here as well, come by gRPC and gRPC-Web on the same port.";

/// The document.
pub(super) fn document(routes: &[Route]) -> Json {
    let mut schemas = Schemas::default();
    let mut tags = BTreeMap::new();
    let mut paths: Map<String, Json> = Map::new();
    for route in routes {
        let service = route.method.parent_service();
        let about = schemas.comments.of(&service.parent_file(), service.path());
        tags.insert(service.name().to_owned(), about);
        let verb = route.verb.name().to_ascii_lowercase();
        let operation = schemas.operation(route);
        paths.entry(route.path).or_insert_with(|| json!({}))[verb] = operation;
    }
    let tags: Vec<Json> =
        tags.into_iter().map(|(name, about)| json!({"name": name, "description": about})).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Coldstream",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "tags": tags,
        "paths": paths,
        "components": {"schemas": schemas.finish(), "responses": {"Error": error_response()}},
    })
}

fn error_response() -> Json {
    json!({
        "description": "The request was not served.",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    })
}

fn error_schema() -> Json {
    let text = |about: &str| json!({"type": "string", "description": about});
    json!({
        "type": "object",
        "required": ["error"],
        "properties": {"error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": text("The name of the gRPC code, such as `INVALID_ARGUMENT`, or of the HTTP one where gRPC has none."),
                "message": text("What is wrong."),
                "field": text("The field of the request it is about, such as `filter.from`, if it is one."),
                "hint": text("What to do about it, where that is known."),
            },
        }},
    })
}

/// The schemas of the messages and enums, as they are met.
#[derive(Default)]
struct Schemas {
    comments: Comments,
    /// Those still to be written, and whether an answer holds them.
    waiting: Vec<(MessageDescriptor, bool)>,
    seen: BTreeSet<(String, bool)>,
    messages: BTreeMap<String, Json>,
    enums: BTreeMap<String, Json>,
}

impl Schemas {
    fn operation(&mut self, route: &Route) -> Json {
        let method = &route.method;
        let about = self.comments.of(&method.parent_file(), method.path());
        let summary = about.split_once(". ").map_or(about.trim_end_matches('.'), |(first, _)| first);
        let parameters: Vec<Json> = route.parameters.all.iter().map(|it| self.parameter(it)).collect();
        let mut operation = json!({
            "operationId": method.name(),
            "tags": [method.parent_service().name()],
            "summary": summary,
            "description": about,
            "responses": {
                "200": self.answer(route),
                "default": {"$ref": "#/components/responses/Error"},
            },
        });
        if !parameters.is_empty() {
            operation["parameters"] = parameters.into();
        }
        if route.verb == Verb::Post {
            let schema = self.message(&method.input(), false);
            operation["requestBody"] =
                json!({"required": true, "content": {"application/json": {"schema": schema}}});
        }
        operation
    }

    fn answer(&mut self, route: &Route) -> Json {
        let output = route.method.output();
        let schema = self.message(&output, true);
        let about = self.comments.of(&output.parent_file(), output.path());
        if route.method.is_server_streaming() {
            // OpenAPI 3.1 has no words for the events of a stream.
            let stream = json!({"type": "string", "x-event-data": schema});
            return json!({"description": about, "content": {"text/event-stream": {"schema": stream}}});
        }
        json!({"description": about, "content": {"application/json": {"schema": schema}}})
    }

    fn parameter(&mut self, parameter: &Parameter) -> Json {
        let Some(field) = parameter.fields.last() else { return Json::Null };
        let about = self.comments.of(&field.parent_file(), field.path());
        let schema = match field.kind() {
            // In parameters the short names do.
            Kind::Enum(of) => {
                let names: Vec<_> = of.values().map(|value| short(&of, &value)).collect();
                let one = json!({"type": "string", "enum": names});
                if field.is_list() { json!({"type": "array", "items": one}) } else { one }
            }
            _ => self.field(field, false),
        };
        json!({
            "name": parameter.name,
            "in": if parameter.in_path { "path" } else { "query" },
            "required": parameter.in_path,
            "description": about,
            "schema": schema,
        })
    }

    /// The schema of a message, by reference.
    fn message(&mut self, message: &MessageDescriptor, in_answer: bool) -> Json {
        match message.full_name() {
            "google.protobuf.Timestamp" => json!({"type": "string", "format": "date-time"}),
            "google.protobuf.Duration" => json!({"type": "string", "pattern": "^-?[0-9]+(\\.[0-9]{1,9})?s$"}),
            name => {
                if self.seen.insert((name.to_owned(), in_answer)) {
                    self.waiting.push((message.clone(), in_answer));
                }
                json!({"$ref": format!("#/components/schemas/{}", message.name())})
            }
        }
    }

    fn field(&mut self, field: &FieldDescriptor, in_answer: bool) -> Json {
        if let (true, Kind::Message(entry)) = (field.is_map(), field.kind()) {
            let values = self.one(&entry.map_entry_value_field(), in_answer);
            return json!({"type": "object", "additionalProperties": values});
        }
        let one = self.one(field, in_answer);
        if field.is_list() { json!({"type": "array", "items": one}) } else { one }
    }

    /// The schema of one value of a field.
    fn one(&mut self, field: &FieldDescriptor, in_answer: bool) -> Json {
        if JSON_TEXTS.contains(&field.full_name()) {
            return json!({"type": "object"});
        }
        match field.kind() {
            Kind::Bool => json!({"type": "boolean"}),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => json!({"type": "integer", "format": "int32"}),
            Kind::Uint32 | Kind::Fixed32 => json!({"type": "integer", "minimum": 0, "maximum": u32::MAX}),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => json!({"type": "string", "pattern": "^-?[0-9]+$"}),
            Kind::Uint64 | Kind::Fixed64 => json!({"type": "string", "pattern": "^[0-9]+$"}),
            // In an answer, a number that JSON cannot write is a word.
            Kind::Float | Kind::Double if in_answer => json!({"anyOf": [
                {"type": "number"}, {"type": "string", "enum": ["NaN", "Infinity", "-Infinity"]},
            ]}),
            Kind::Float | Kind::Double => json!({"type": "number"}),
            Kind::String => json!({"type": "string"}),
            Kind::Bytes => json!({"type": "string", "contentEncoding": "base64"}),
            Kind::Enum(of) => self.of_enum(&of),
            Kind::Message(of) => self.message(&of, in_answer),
        }
    }

    fn of_enum(&mut self, of: &EnumDescriptor) -> Json {
        if !self.enums.contains_key(of.name()) {
            let mut about = self.comments.of(&of.parent_file(), of.path());
            for value in of.values() {
                let meaning = self.comments.of(&of.parent_file(), value.path());
                about.push_str(&format!("\n\n- `{}`: {meaning}", value.name()));
            }
            let names: Vec<_> = of.values().map(|value| value.name().to_owned()).collect();
            let schema = json!({"type": "string", "enum": names, "description": about});
            self.enums.insert(of.name().to_owned(), schema);
        }
        json!({"$ref": format!("#/components/schemas/{}", of.name())})
    }

    /// All that was met.
    fn finish(mut self) -> Json {
        while let Some((message, in_answer)) = self.waiting.pop() {
            let mut properties = Map::new();
            let mut required = Vec::new();
            for field in message.fields() {
                let mut schema = self.field(&field, in_answer);
                schema["description"] = self.comments.of(&field.parent_file(), field.path()).into();
                properties.insert(field.name().to_owned(), schema);
                let may_be_empty_text = JSON_TEXTS.contains(&field.full_name()) && !field.is_list();
                if in_answer && !field.supports_presence() && !may_be_empty_text {
                    required.push(field.name().to_owned());
                }
            }
            let about = self.comments.of(&message.parent_file(), message.path());
            let mut schema = json!({"type": "object", "description": about, "properties": properties});
            if !required.is_empty() {
                schema["required"] = required.into();
            }
            // What is in an answer and in a request is described as the request may have it.
            if !in_answer || !self.messages.contains_key(message.name()) {
                self.messages.insert(message.name().to_owned(), schema);
            }
        }
        self.messages.append(&mut self.enums);
        self.messages.insert("Error".into(), error_schema());
        json!(self.messages)
    }
}

/// The comments of the protos, file by file.
#[derive(Default)]
struct Comments {
    files: HashMap<String, HashMap<Vec<i32>, String>>,
}

impl Comments {
    /// The comment on what is at `path`; empty where there is none.
    fn of(&mut self, file: &FileDescriptor, path: &[i32]) -> String {
        let known = self.files.entry(file.name().to_owned()).or_insert_with(|| read(file));
        known.get(path).cloned().unwrap_or_default()
    }
}

fn read(file: &FileDescriptor) -> HashMap<Vec<i32>, String> {
    let info = file.file_descriptor_proto().source_code_info.as_ref();
    let locations = info.map(|info| info.location.as_slice()).unwrap_or_default();
    locations.iter().map(|it| (it.path.clone(), paragraphs(it.leading_comments()))).collect()
}

/// A comment without the line breaks that only keep lines short.
fn paragraphs(comment: &str) -> String {
    let mut text = String::new();
    for line in comment.lines().map(str::trim) {
        match line {
            "" if !text.is_empty() => text.push_str("\n\n"),
            line => {
                if !text.is_empty() && !text.ends_with('\n') {
                    text.push(' ');
                }
                text.push_str(line);
            }
        }
    }
    text.trim_end().to_owned()
}
