//! Tests of the alarms: rules as files, rules as life cycles, and the step as a whole.

mod functions;
mod life;
mod rules;
mod step;
pub(crate) mod support;
