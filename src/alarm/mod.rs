//! Alarms: rules over the rows of the streams, and one open episode for each machine and rule.
//!
//! A rule names a stream and two SQL conditions: one that raises the alarm and one that clears it. The rows of a
//! stream are evaluated batch by batch, column by column; what follows from them is a life cycle per machine and
//! rule, moved on by event time alone:
//!
//! ```text
//!            condition holds for `for`                  clear condition holds for `clear_for`
//!   quiet ──────────────────────────────▶ open ────────────────────────────────────────────────▶ quiet
//!                raised                   │  ▲                       cleared
//!                                         └──┘ escalated, acknowledged
//! ```
//!
//! Rules that keep this the same live, after a restart and in a backtest:
//! - There is no clock in here. A condition that is NULL is not known, and changes nothing.
//! - A row older than the newest row of its machine in its stream changes nothing either.
//! - All state is in [`Alarms::encode`], which is part of the partition's checkpoint, together with the rows of the
//!   table that it explains.
//! - An episode's id is made of machine, rule and event time.

mod error;
mod life;
mod plan;
mod rows;
mod rule;
mod state;
mod step;
mod text;
mod watched;

pub use error::AlarmError;
pub use life::{Episode, Severity};
pub use plan::{AlarmPlan, ColumnLimit, RulePlan, StreamRows};
pub use rows::{Transition, alarm_schema, stamped};
pub use rule::{Escalation, Rule, RuleFile};
pub use step::{Acknowledged, AlarmOutputs, Alarms};
pub use watched::{Take, WatchedError, WatchedOutputs, WatchedPartition};

/// The shipped rule sets, by name.
pub const SHIPPED: [(&str, &str); 2] = [
    ("default", include_str!("../../queries/alarms.toml")),
    ("classic", include_str!("../../queries/alarms-classic.toml")),
];

#[cfg(test)]
pub(crate) mod tests;
