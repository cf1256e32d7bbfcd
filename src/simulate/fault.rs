//! Faults: what they do to a plant, and when.

use super::random::{Purpose, Stream};

/// The faults a simulated machine can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// Refrigerant is lost: subcooling falls first; then evaporation falls, superheat and discharge rise.
    SlowLeak,
    /// The condenser gets dirty: condensation, discharge temperature and current rise.
    FouledCondenser,
    /// The condenser's fan dies: as fouling, but faster and far stronger.
    FailingFan,
    /// The compressor's bearing wears out: vibration grows exponentially, current rises a little.
    WornBearing,
    /// The suction pressure sensor drifts down: it alone, and the superheat that the controller takes from it,
    /// are wrong. The plant is well: the pressure no longer fits the evaporation temperature.
    DriftingSensor,
}

impl FaultKind {
    /// All kinds.
    pub const ALL: [Self; 5] =
        [Self::SlowLeak, Self::FouledCondenser, Self::FailingFan, Self::WornBearing, Self::DriftingSensor];

    /// The name in the ground truth.
    pub fn name(self) -> &'static str {
        match self {
            Self::SlowLeak => "slow_leak",
            Self::FouledCondenser => "fouled_condenser",
            Self::FailingFan => "failing_fan",
            Self::WornBearing => "worn_bearing",
            Self::DriftingSensor => "drifting_sensor",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// One fault of one machine: a row of the ground truth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fault {
    /// The machine, 1..=N.
    pub machine: u32,
    /// What is wrong.
    pub kind: FaultKind,
    /// Since when, microseconds since the epoch.
    pub onset: i64,
    /// When it has reached its severity, at which it then stays, microseconds since the epoch. A planned fault
    /// grows until the failure.
    pub grown: i64,
    /// When the machine fails and is repaired, microseconds since the epoch. From here on it is healthy.
    pub failure: i64,
    /// How bad it becomes: 0..=1, where 1 is the size of the fault's full effect (a leak of 35 % of the charge,
    /// 40 % of the condenser fouled, 65 % lost without the fan, fifteen-fold vibration, a pressure sensor 0.6 bar
    /// off).
    pub severity: f64,
}

/// What the faults of a moment do to a plant; [`Effect::NONE`] is a healthy one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Effect {
    /// Share of the refrigerant that is gone.
    pub(super) charge_lost: f64,
    /// Factor on the condenser's conductance.
    pub(super) condenser: f64,
    /// Factor on the vibration.
    pub(super) vibration: f64,
    /// Factor on the compressor's work for the same gas.
    pub(super) friction: f64,
    /// How far the suction pressure sensor is off, bar.
    pub(super) suction_offset: f64,
}

impl Effect {
    pub(super) const NONE: Self =
        Self { charge_lost: 0.0, condenser: 1.0, vibration: 1.0, friction: 1.0, suction_offset: 0.0 };

    /// Both at once.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            charge_lost: self.charge_lost + other.charge_lost,
            condenser: self.condenser * other.condenser,
            vibration: self.vibration * other.vibration,
            friction: self.friction * other.friction,
            suction_offset: self.suction_offset + other.suction_offset,
        }
    }
}

impl Fault {
    /// The fault of `machine` within `horizon` microseconds after `start`. Whether the machine gets one at
    /// all is decided by the caller.
    pub(super) fn plan(seed: u64, machine: u32, start: i64, horizon: i64) -> Self {
        let mut stream = Stream::new(seed, machine, Purpose::Fault);
        let kind = FaultKind::ALL[(stream.uniform() * FaultKind::ALL.len() as f64) as usize];
        let onset = stream.between(0.1, 0.5);
        let failure = onset + stream.between(0.2, 0.4);
        let severity = (stream.between(0.6, 1.0) * 100.0).round() / 100.0;
        let at = |share: f64| start + (horizon as f64 * share) as i64;
        let (onset, failure) = (at(onset), at(failure));
        Self { machine, kind, onset, grown: failure, failure, severity }
    }

    /// What the fault does at `time`.
    pub(super) fn effect(&self, time: i64) -> Effect {
        if time < self.onset || time >= self.failure {
            return Effect::NONE;
        }
        let progress = match self.grown - self.onset {
            growth if growth > 0 && time < self.grown => (time - self.onset) as f64 / growth as f64,
            _ => 1.0,
        };
        let level = self.severity * progress;
        match self.kind {
            FaultKind::SlowLeak => Effect { charge_lost: 0.35 * level, ..Effect::NONE },
            FaultKind::FouledCondenser => Effect { condenser: 1.0 - 0.40 * level, ..Effect::NONE },
            // The fan loses speed slowly first, then quickly.
            FaultKind::FailingFan => Effect { condenser: 1.0 - 0.65 * level * progress, ..Effect::NONE },
            // At its worst it is above 0.12 g on every machine: nothing good shakes like this.
            FaultKind::WornBearing => {
                Effect { vibration: (2.7 * level).exp(), friction: 1.0 + 0.06 * level, ..Effect::NONE }
            }
            FaultKind::DriftingSensor => Effect { suction_offset: -0.6 * level, ..Effect::NONE },
        }
    }
}
