//! The schema registry, where the messages need one.

use std::time::Instant;

use super::Finding;
use crate::config::Config;
use crate::source::input::Input;

const CHECK: &str = "registry";

/// How the messages are to be read, where that can be known, and what is to be said of the registry; nothing where none is
/// needed.
pub(super) async fn look(config: &Config) -> (Option<Input>, Option<Finding>) {
    let input = config.format().map_err(|error| Finding::failure(CHECK, &error, error.hint())).and_then(
        |(format, absent, registry)| {
            Input::new(format, absent, registry)
                .map_err(|error| Finding::failure(CHECK, &error, error.hint()))
        },
    );
    let input = match input {
        Ok(input) => input,
        Err(finding) => return (None, Some(finding)),
    };
    let Some(registry) = input.registry() else { return (Some(input), None) };
    let asked = Instant::now();
    let finding = match registry.subjects().await {
        Ok(subjects) => {
            let url = config.schema_registry.as_ref().map_or("", |registry| registry.url.as_str());
            let took = asked.elapsed().as_millis();
            Finding::ok(CHECK, format!("{url} has subjects: {subjects}; answered in {took} ms"))
        }
        Err(error) => Finding::failure(CHECK, &error, error.hint()),
    };
    (Some(input), Some(finding))
}
