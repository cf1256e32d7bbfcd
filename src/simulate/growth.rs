//! How faults grow: within the run, so that a day shows whole lives, or as slowly as real ones do.

use super::fault::FaultKind;
use super::random::Stream;

/// One day, microseconds.
const DAY: f64 = 86_400e6;

/// How fast planned faults grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Growth {
    /// Within the run, however short: onset in its first half, failure before its end. For training sets and demonstrations.
    #[default]
    Run,
    /// As slowly as real faults: a bearing takes weeks, a condenser months. Onset anywhere in the run, which the failure may outlast.
    Real,
}

/// When a fault begins, is fully grown, ends in a failure, and is repaired; microseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) onset: i64,
    pub(super) grown: i64,
    pub(super) failure: i64,
    pub(super) repair: i64,
}

impl Growth {
    /// The plan of a fault in a run of `horizon` microseconds after `start`.
    pub(super) fn plan(self, kind: FaultKind, start: i64, horizon: i64, stream: &mut Stream) -> Plan {
        let (begin, length) = (start as f64, horizon as f64);
        let sudden = is_sudden(kind);
        let (onset, growth, life, down) = match self {
            Self::Run => {
                let onset = stream.between(0.1, 0.5) * length;
                let life = stream.between(0.2, 0.4) * length;
                let growth = match kind {
                    // A dead fan is lived with until the machine trips.
                    FaultKind::FailingFan => 0.3 * life,
                    _ if sudden => 0.02 * life,
                    _ => life,
                };
                (onset, growth, life, stream.between(0.01, 0.03) * length)
            }
            Self::Real => {
                let onset = stream.between(0.05, 0.95) * length;
                let (least, most) = days(kind);
                let mut growth = stream.between(least, most) * DAY;
                // One leak in four is a broken pipe: hours, not months.
                if kind == FaultKind::SlowLeak && stream.uniform() < 0.25 {
                    growth = stream.between(0.15, 0.7) * DAY;
                }
                // What is there at once is lived with for a while; the rest ends when it is grown, or a little after.
                let life = if sudden || kind == FaultKind::FailingFan {
                    growth + stream.between(3.0, 60.0) * DAY
                } else {
                    growth * stream.between(1.0, 1.2)
                };
                (onset, growth, life, stream.between(0.05, 1.0) * DAY)
            }
        };
        let at = |offset: f64| (begin + offset) as i64;
        let failure = at(onset + life);
        Plan {
            onset: at(onset),
            grown: at(onset + growth).min(failure),
            failure,
            repair: at(onset + life + down),
        }
    }
}

/// Faults that come with a service visit or with a part that breaks.
fn is_sudden(kind: FaultKind) -> bool {
    matches!(kind, FaultKind::Overcharge | FaultKind::NonCondensables | FaultKind::FailingEvaporatorFan)
}

/// Days from the first sign to full size, at least and at most. Sources: rates of leaks and fouling seen in service
/// (0.05-0.5 % of the charge a day; 40 % of a condenser in 60-180 days), time constants of bearings of 8-30 days.
fn days(kind: FaultKind) -> (f64, f64) {
    match kind {
        FaultKind::SlowLeak => (70.0, 700.0),
        FaultKind::FouledCondenser => (60.0, 180.0),
        FaultKind::FailingFan => (0.5, 5.0),
        FaultKind::IcedEvaporator => (3.0, 10.0),
        FaultKind::Restriction => (2.0, 20.0),
        FaultKind::LeakingValves => (20.0, 60.0),
        FaultKind::Floodback => (1.0, 10.0),
        FaultKind::WornBearing => (21.0, 81.0),
        FaultKind::ExcessOil => (10.0, 40.0),
        FaultKind::DriftingSensor => (60.0, 180.0),
        FaultKind::Overcharge | FaultKind::NonCondensables | FaultKind::FailingEvaporatorFan => (0.01, 0.1),
    }
}
