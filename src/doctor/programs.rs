//! What runs: models, queries, alarm rules. The same planning as at the start of `coldstream run`, without a start.

use std::sync::Arc;

use super::Finding;
use crate::alarm::{AlarmPlan, RuleFile, StreamRows};
use crate::config::Config;
use crate::dataflow::{DataflowError, Graph, Query};
use crate::history::{model_extensions, model_versions};
use crate::model::Registry;
use crate::schema::ReadingSchema;

/// What was found, and what other checks compare.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) findings: Vec<Finding>,
    /// Of the queries with their models, where they can be planned.
    pub(super) fingerprint: Option<String>,
}

/// Loads and plans everything. Blocks.
pub(super) fn look(config: &Config, schema: &ReadingSchema) -> Seen {
    let mut seen = Seen::default();
    let registry = match Registry::load_dir(&config.dataflow.models) {
        Ok(registry) => {
            seen.findings.push(Finding::ok("models", models(&registry, config)));
            Some(Arc::new(registry))
        }
        Err(error) => {
            seen.findings.push(Finding::failure("models", &error, error.hint()));
            None
        }
    };
    let graph = match (Query::load_dir(&config.dataflow.queries), &registry) {
        (Err(error), _) => {
            seen.findings.push(Finding::failure("queries", &error, error.hint()));
            None
        }
        (Ok(_), None) => {
            seen.findings.push(Finding::unchecked("queries", "the models cannot be read"));
            None
        }
        (Ok(queries), Some(registry)) => plan(queries, schema, registry, &mut seen.findings),
    };
    seen.findings.push(alarms(config, graph.as_ref(), registry.as_ref()));
    seen.fingerprint = graph.map(|graph| graph.fingerprint().to_owned());
    seen
}

fn models(registry: &Registry, config: &Config) -> String {
    let names: Vec<String> = registry
        .files()
        .map(|file| format!("{} ({}, version {})", file.name(), file.algorithm().name(), file.version()))
        .collect();
    let folder = config.dataflow.models.display();
    if names.is_empty() { format!("none in {folder}: nothing is scored") } else { names.join(", ") }
}

/// Plans the queries. Where that fails, each is planned again by itself, so that one fault does not hide the next.
fn plan(
    queries: Vec<Query>,
    schema: &ReadingSchema,
    registry: &Arc<Registry>,
    findings: &mut Vec<Finding>,
) -> Option<Graph> {
    let source = schema.arrow();
    let (extensions, versions) = (model_extensions(registry), model_versions(registry));
    let planned = |queries| Graph::plan(queries, &source, &extensions, &versions);
    let first = match planned(queries.clone()) {
        Ok(graph) => {
            findings.push(streams(&graph));
            return Some(graph);
        }
        Err(error) => error,
    };
    let mut faults: Vec<DataflowError> = vec![first];
    for query in &queries {
        let alone = Query::restrict(queries.clone(), std::slice::from_ref(&query.name));
        if let Err(error) = alone.and_then(planned)
            && faults.iter().all(|known| known.to_string() != error.to_string())
        {
            faults.push(error);
        }
    }
    findings.extend(faults.iter().map(|error| Finding::failure("queries", error, error.hint())));
    None
}

fn streams(graph: &Graph) -> Finding {
    let names: Vec<&str> = graph.streams().iter().map(|stream| &*stream.name).collect();
    if names.is_empty() {
        let cure = "put a SELECT into the folder `dataflow.queries`, such as the shipped features.sql".into();
        return Finding::warning(
            "queries",
            "there is none: readings are stored, nothing is computed",
            Some(cure),
        );
    }
    Finding::ok("queries", format!("they plan, and every score() has its model: {}", names.join(", ")))
}

fn alarms(config: &Config, graph: Option<&Graph>, registry: Option<&Arc<Registry>>) -> Finding {
    let rules = match RuleFile::choose(config.alarms.rules.as_deref(), &config.dataflow.queries) {
        Ok(rules) => rules,
        Err(error) => return Finding::failure("alarms", &error, error.hint()),
    };
    if rules.rules.is_empty() {
        let cure = "choose a set under [alarms] in coldstream.toml: `default`, or `classic` for the original's limits";
        return Finding::warning("alarms", "no alarm rules: nothing is watched", Some(cure.into()));
    }
    let (Some(graph), Some(registry)) = (graph, registry) else {
        return Finding::unchecked("alarms", "the queries cannot be planned");
    };
    match AlarmPlan::compile(&rules, &StreamRows::of(graph), &model_extensions(registry)) {
        Ok(plan) => Finding::ok("alarms", format!("{} rules of {}", plan.rules().len(), rules.file)),
        Err(error) => Finding::failure("alarms", &error, error.hint()),
    }
}
