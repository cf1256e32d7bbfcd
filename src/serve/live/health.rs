//! What the state of a machine follows from: its newest predictions and its open alarms.

use super::{CRITICAL_FROM, WARNING_FROM};
use crate::serve::proto::{self, MachineState, Severity};

/// Open alarms, by the severity they have reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AlarmCounts {
    /// Of severity LOW.
    pub low: u64,
    /// Of severity MEDIUM.
    pub medium: u64,
    /// Of severity HIGH.
    pub high: u64,
    /// Of severity CRITICAL.
    pub critical: u64,
}

impl AlarmCounts {
    /// As the API gives them: from little to most, without the severities that have none.
    pub(in crate::serve) fn to_proto(self) -> Vec<proto::AlarmCount> {
        let counts = [
            (Severity::Low, self.low),
            (Severity::Medium, self.medium),
            (Severity::High, self.high),
            (Severity::Critical, self.critical),
        ];
        let open = counts.into_iter().filter(|(_, alarms)| *alarms > 0);
        open.map(|(severity, alarms)| proto::AlarmCount { severity: severity.into(), alarms }).collect()
    }

    /// The state that they alone stand for; `Unspecified` where they say nothing against the machine.
    fn state(self) -> MachineState {
        if self.critical + self.high > 0 {
            MachineState::Critical
        } else if self.medium > 0 {
            MachineState::Warning
        } else {
            MachineState::Unspecified
        }
    }
}

/// The state of a machine that is not stale: the worse of what the newest probabilities of failure and the open
/// alarms stand for.
pub(super) fn state_of(probabilities: impl Iterator<Item = f64>, alarms: AlarmCounts) -> MachineState {
    let predicted = match probabilities.reduce(f64::max) {
        None => MachineState::Unspecified,
        Some(worst) if worst >= CRITICAL_FROM => MachineState::Critical,
        Some(worst) if worst >= WARNING_FROM => MachineState::Warning,
        Some(_) => MachineState::Normal,
    };
    // UNSPECIFIED, NORMAL, WARNING, CRITICAL: the numbers of the proto are in the order of what is known against it.
    std::cmp::max_by_key(predicted, alarms.state(), |state| *state as i32)
}
