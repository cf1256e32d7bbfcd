//! The table of routes, and what the descriptors say about each.

use std::collections::{BTreeMap, VecDeque};

use axum::http::Method;
use axum::http::uri::PathAndQuery;
use prost_reflect::{DescriptorPool, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor};

use super::RestError;

/// How a method is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    /// The request is in the path and in the query parameters.
    Get,
    /// The request is in the path and, as JSON, in the body.
    Post,
}

impl Verb {
    /// As HTTP says it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Get => Method::GET.as_str(),
            Self::Post => Method::POST.as_str(),
        }
    }
}

/// Which method answers where. A piece of a path in braces is a field of the request.
///
/// Acknowledging has the episode in the body, because the id of an episode has slashes in it.
pub(super) const TABLE: &[(Verb, &str, &str)] = &[
    (Verb::Get, "/api/system_status", "StatusService.GetSystemStatus"),
    (Verb::Get, "/api/machines", "StatusService.ListMachines"),
    (Verb::Get, "/api/machines/watch", "StatusService.WatchMachines"),
    (Verb::Get, "/api/machines/{id}", "StatusService.GetMachine"),
    (Verb::Get, "/api/machines/{machine_id}/series", "HistoryService.GetSeries"),
    (Verb::Get, "/api/sensors", "StatusService.ListSensors"),
    (Verb::Get, "/api/messages", "StatusService.ListMessages"),
    (Verb::Get, "/api/alarms", "AlarmService.ListAlarms"),
    (Verb::Get, "/api/alarms/watch", "AlarmService.WatchAlarms"),
    (Verb::Post, "/api/alarms/acknowledge", "AlarmService.AcknowledgeAlarm"),
    (Verb::Get, "/api/alarm_rules", "AlarmService.ListAlarmRules"),
    (Verb::Get, "/api/predictions", "PredictionService.ListPredictions"),
    (Verb::Get, "/api/predictions/watch", "PredictionService.WatchPredictions"),
    (Verb::Post, "/api/query", "HistoryService.QueryJson"),
    (Verb::Get, "/api/demo/faults", "DemoService.ListFaultKinds"),
    (Verb::Post, "/api/demo/faults", "DemoService.InjectFault"),
];

/// A line of the table, with its method.
#[derive(Debug, Clone)]
pub(super) struct Route {
    pub(super) verb: Verb,
    pub(super) path: &'static str,
    pub(super) method: MethodDescriptor,
    /// Where gRPC has the method.
    pub(super) grpc: PathAndQuery,
    /// The fields that are in the path, and for GET all others as well.
    pub(super) parameters: Parameters,
}

/// The fields of a request that can be written as one text each.
#[derive(Debug, Clone)]
pub(super) struct Parameters {
    pub(super) all: Vec<Parameter>,
    /// All names that are understood, and whose they are.
    names: BTreeMap<String, usize>,
}

/// One such field.
#[derive(Debug, Clone)]
pub(super) struct Parameter {
    /// Its name in the documentation: that of the field alone, where no other has it.
    pub(super) name: String,
    /// The way to it from the request on, through the fields that hold it.
    pub(super) fields: Vec<FieldDescriptor>,
    pub(super) in_path: bool,
}

impl Parameter {
    /// The path of the field, such as `filter.rules`.
    pub(super) fn path(&self) -> String {
        path_of(&self.fields)
    }
}

fn path_of(fields: &[FieldDescriptor]) -> String {
    fields.iter().map(FieldDescriptor::name).collect::<Vec<_>>().join(".")
}

/// The routes of the table.
pub(super) fn resolve(pool: &DescriptorPool) -> Result<Vec<Route>, RestError> {
    TABLE.iter().map(|&(verb, path, name)| route(pool, verb, path, name)).collect()
}

fn route(pool: &DescriptorPool, verb: Verb, path: &'static str, name: &str) -> Result<Route, RestError> {
    let missing = || RestError::NoMethod(name.to_owned());
    let (service, method) = name.split_once('.').ok_or_else(missing)?;
    let service = pool.get_service_by_name(&format!("coldstream.v1.{service}")).ok_or_else(missing)?;
    let method = service.methods().find(|it| it.name() == method).ok_or_else(missing)?;
    let grpc = format!("/{}/{}", service.full_name(), method.name());
    let grpc = PathAndQuery::try_from(grpc).map_err(|_| missing())?;
    let parameters = Parameters::new(verb, path, &method.input())?;
    Ok(Route { verb, path, method, grpc, parameters })
}

impl Parameters {
    fn new(verb: Verb, path: &'static str, request: &MessageDescriptor) -> Result<Self, RestError> {
        let in_path: Vec<&str> =
            path.split('/').filter_map(|piece| piece.strip_prefix('{')?.strip_suffix('}')).collect();
        let leaves = leaves(request);
        for field in &in_path {
            if !leaves.iter().any(|fields| path_of(fields) == *field) {
                return Err(RestError::NoField { path, field: (*field).to_owned() });
            }
        }
        let is_in_path = |fields: &[FieldDescriptor]| in_path.contains(&path_of(fields).as_str());
        let mut all = Vec::new();
        for fields in leaves {
            let in_path = is_in_path(&fields);
            if in_path || verb == Verb::Get {
                all.push(Parameter { name: path_of(&fields), fields, in_path });
            }
        }
        let mut names: BTreeMap<String, usize> =
            all.iter().enumerate().map(|(index, parameter)| (parameter.path(), index)).collect();
        for (index, parameter) in all.iter().enumerate() {
            for name in parameter.fields.last().map(short_names).unwrap_or_default() {
                names.entry(name).or_insert(index);
            }
        }
        for (index, parameter) in all.iter_mut().enumerate() {
            let short = parameter.fields.last().map(|field| field.name().to_owned()).unwrap_or_default();
            if names.get(&short) == Some(&index) {
                parameter.name = short;
            }
        }
        Ok(Self { all, names })
    }

    /// The parameter that `name` means.
    pub(super) fn find(&self, name: &str) -> Option<(usize, &Parameter)> {
        let index = *self.names.get(name)?;
        Some((index, &self.all[index]))
    }
}

/// The fields that can be written as a text, those of the request before those of what it holds.
fn leaves(request: &MessageDescriptor) -> Vec<Vec<FieldDescriptor>> {
    let mut leaves = Vec::new();
    let mut waiting = VecDeque::from([(Vec::new(), request.clone())]);
    while let Some((way, message)) = waiting.pop_front() {
        for field in message.fields() {
            let mut fields = way.clone();
            fields.push(field.clone());
            match field.kind() {
                Kind::Message(inner) if is_text(&inner) => leaves.push(fields),
                // A message that holds itself would have no end.
                Kind::Message(inner) if !field.is_list() && !field.is_map() && fields.len() < 4 => {
                    waiting.push_back((fields, inner));
                }
                Kind::Message(_) => {}
                _ => leaves.push(fields),
            }
        }
    }
    leaves
}

/// Whether JSON writes the message as a text.
fn is_text(message: &MessageDescriptor) -> bool {
    ["google.protobuf.Timestamp", "google.protobuf.Duration"].contains(&message.full_name())
}

/// How a field can be called without those that hold it: `machine_ids` also `machine_id` and `machine`, because one
/// value is the common case.
fn short_names(field: &FieldDescriptor) -> Vec<String> {
    let name = field.name();
    let mut names = vec![name.to_owned()];
    if field.is_list() {
        let one = match name.strip_suffix("ies") {
            Some(stem) => format!("{stem}y"),
            None => name.strip_suffix('s').unwrap_or(name).to_owned(),
        };
        names.extend(one.strip_suffix("_id").map(str::to_owned));
        names.push(one);
    }
    names
}
