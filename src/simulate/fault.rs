//! Faults: what they do to a plant, and when.
//!
//! What a fault does is an [`Effect`]: factors and offsets on the terms of the cycle's balance and on the sensors, by
//! practice's table of signatures (Breuker & Braun 1998, Rossi & Braun 1997, Li & Braun 2003-2009, NIST 2015). The
//! figures at full severity are those at which that table was checked with the same equations; the tests repeat the check.

use super::growth::{Growth, Plan};
use super::random::{Purpose, Stream};

/// The faults a simulated machine can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// Refrigerant is lost: subcooling falls first; then evaporation falls, superheat and discharge rise.
    SlowLeak,
    /// Too much refrigerant, after a service visit: condensation and subcooling rise.
    Overcharge,
    /// The condenser gets dirty: condensation, discharge temperature and current rise.
    FouledCondenser,
    /// The condenser's fan dies: as fouling, but faster and far stronger, to the trip of the high pressure.
    FailingFan,
    /// Ice that a defrost does not take away: evaporation and capacity fall, the valve hunts.
    IcedEvaporator,
    /// The evaporator's fan dies: as icing, but at once and far stronger.
    FailingEvaporatorFan,
    /// The filter-drier blocks or the valve sticks closed: evaporation falls, superheat rises, subcooling stays.
    Restriction,
    /// The compressor's valves leak: evaporation rises, condensation and current fall, discharge rises.
    LeakingValves,
    /// Air in the circuit: the high pressure is above that of condensation, also at a standstill.
    NonCondensables,
    /// The valve sticks open: superheat and discharge temperature fall, liquid may reach the compressor.
    Floodback,
    /// The compressor's bearing wears out: vibration grows exponentially, current rises a little.
    WornBearing,
    /// Oil in the evaporator and too little in the compressor: capacity and evaporation fall slightly.
    ExcessOil,
    /// The suction pressure sensor drifts down: it alone, and the superheat that the controller takes from it,
    /// are wrong. The plant is well: the pressure no longer fits the evaporation temperature.
    DriftingSensor,
}

impl FaultKind {
    /// All kinds.
    pub const ALL: [Self; 13] = [
        Self::SlowLeak,
        Self::Overcharge,
        Self::FouledCondenser,
        Self::FailingFan,
        Self::IcedEvaporator,
        Self::FailingEvaporatorFan,
        Self::Restriction,
        Self::LeakingValves,
        Self::NonCondensables,
        Self::Floodback,
        Self::WornBearing,
        Self::ExcessOil,
        Self::DriftingSensor,
    ];

    /// The name in the ground truth.
    pub fn name(self) -> &'static str {
        match self {
            Self::SlowLeak => "slow_leak",
            Self::Overcharge => "overcharge",
            Self::FouledCondenser => "fouled_condenser",
            Self::FailingFan => "failing_fan",
            Self::IcedEvaporator => "iced_evaporator",
            Self::FailingEvaporatorFan => "failing_evaporator_fan",
            Self::Restriction => "restriction",
            Self::LeakingValves => "leaking_valves",
            Self::NonCondensables => "non_condensables",
            Self::Floodback => "floodback",
            Self::WornBearing => "worn_bearing",
            Self::ExcessOil => "excess_oil",
            Self::DriftingSensor => "drifting_sensor",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// What a technician writes down after the repair.
    pub fn repair(self) -> &'static str {
        match self {
            Self::SlowLeak => "leak sealed, refrigerant added",
            Self::Overcharge => "refrigerant taken out",
            Self::FouledCondenser => "condenser cleaned",
            Self::FailingFan => "condenser fan replaced",
            Self::IcedEvaporator => "defrost heater replaced, evaporator freed of ice",
            Self::FailingEvaporatorFan => "evaporator fan replaced",
            Self::Restriction => "filter-drier replaced",
            Self::LeakingValves => "valve plate of the compressor replaced",
            Self::NonCondensables => "circuit evacuated and charged anew",
            Self::Floodback => "expansion valve replaced",
            Self::WornBearing => "compressor replaced",
            Self::ExcessOil => "oil brought to its level",
            Self::DriftingSensor => "suction pressure sensor replaced",
        }
    }

    /// The fault at `level`, 0..=1, of its full size.
    pub(super) fn effect(self, level: f64) -> Effect {
        let none = Effect::NONE;
        let less = |share: f64| 1.0 - share * level;
        match self {
            Self::SlowLeak => Effect { charge: -0.35 * level, ..none },
            Self::Overcharge => Effect { charge: 0.20 * level, ..none },
            Self::FouledCondenser => Effect { condenser: less(0.40), ..none },
            Self::FailingFan => Effect { condenser: less(0.65), ..none },
            // A valve that is too large for what the evaporator still does hunts around a lower superheat.
            Self::IcedEvaporator => Effect {
                evaporator: less(0.40),
                superheat: -2.0 * level,
                hunting: 1.0 + 2.0 * level,
                defrost: less(0.30),
                ..none
            },
            Self::FailingEvaporatorFan => {
                Effect { evaporator: less(0.75), superheat: -3.0 * level, hunting: 1.0 + level, ..none }
            }
            Self::Restriction => Effect { valve: less(0.40), ..none },
            Self::LeakingValves => Effect { volumetric: less(0.255), isentropic: less(0.155), ..none },
            Self::NonCondensables => Effect { non_condensables: 1.5 * level, ..none },
            // What is stuck open passes more than the valve of this size is meant to.
            Self::Floodback => Effect { superheat: -6.5 * level, valve: 1.0 + 0.3 * level, ..none },
            // At its worst it is above 0.12 g on every machine: nothing good shakes like this.
            Self::WornBearing => {
                Effect { vibration: (2.7 * level).exp(), friction: 1.0 + 0.06 * level, ..none }
            }
            Self::ExcessOil => {
                Effect { evaporator: less(0.08), volumetric: less(0.03), superheat: 0.7 * level, ..none }
            }
            Self::DriftingSensor => Effect { suction_offset: -0.6 * level, ..none },
        }
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
    /// When it has reached its severity, at which it then stays, microseconds since the epoch.
    pub grown: i64,
    /// When the machine fails, microseconds since the epoch: planned, or earlier where its safety switches lock it out. A machine that has
    /// failed stands until it is repaired.
    pub failure: i64,
    /// From when on the machine is healthy again, microseconds since the epoch.
    pub repair: i64,
    /// How bad it becomes: 0..=1, where 1 is the size of the fault's full effect (a leak of 35 % of the charge, 20 % overcharge, 40 % of
    /// the condenser fouled, 65 % lost without its fan, 40 % of the evaporator iced, 75 % lost without its fan, 40 % of the valve
    /// closed, a quarter of the flow lost by the compressor, 1.5 bar of air, a superheat of 1.5 K, fifteen-fold vibration, 8 % of the evaporator under
    /// oil, a pressure sensor 0.6 bar off).
    pub severity: f64,
}

/// What the faults of a moment do to a plant; [`Effect::NONE`] is a healthy one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Effect {
    /// Share of the refrigerant that is too much (negative: too little).
    pub(super) charge: f64,
    /// Factor on the condenser's conductance.
    pub(super) condenser: f64,
    /// Factor on the evaporator's conductance.
    pub(super) evaporator: f64,
    /// Factor on the flow that the open expansion valve lets through.
    pub(super) valve: f64,
    /// Added to the superheat that the valve holds, K.
    pub(super) superheat: f64,
    /// Factor on the gas that the compressor moves.
    pub(super) volumetric: f64,
    /// Factor on the compressor's isentropic efficiency.
    pub(super) isentropic: f64,
    /// Factor on the compressor's work for the same gas.
    pub(super) friction: f64,
    /// Partial pressure of air in the condenser, bar.
    pub(super) non_condensables: f64,
    /// Factor on the vibration.
    pub(super) vibration: f64,
    /// Factor on the unrest of the superheat.
    pub(super) hunting: f64,
    /// Share of the frost that a defrost takes away.
    pub(super) defrost: f64,
    /// How far the suction pressure sensor is off, bar.
    pub(super) suction_offset: f64,
}

impl Effect {
    pub(super) const NONE: Self = Self {
        charge: 0.0,
        condenser: 1.0,
        evaporator: 1.0,
        valve: 1.0,
        superheat: 0.0,
        volumetric: 1.0,
        isentropic: 1.0,
        friction: 1.0,
        non_condensables: 0.0,
        vibration: 1.0,
        hunting: 1.0,
        defrost: 1.0,
        suction_offset: 0.0,
    };

    /// Both at once.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            charge: self.charge + other.charge,
            condenser: self.condenser * other.condenser,
            evaporator: self.evaporator * other.evaporator,
            valve: self.valve * other.valve,
            superheat: self.superheat + other.superheat,
            volumetric: self.volumetric * other.volumetric,
            isentropic: self.isentropic * other.isentropic,
            friction: self.friction * other.friction,
            non_condensables: self.non_condensables + other.non_condensables,
            vibration: self.vibration * other.vibration,
            hunting: self.hunting * other.hunting,
            defrost: self.defrost * other.defrost,
            suction_offset: self.suction_offset + other.suction_offset,
        }
    }
}

/// Whether people have taken a machine out of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Service {
    /// It is in use.
    InUse,
    /// It has failed and waits for someone.
    Failed,
    /// Someone works on it.
    Working,
}

impl Fault {
    /// The fault of `machine` within `horizon` microseconds after `start`. Whether the machine gets one at
    /// all is decided by the caller.
    pub(super) fn plan(seed: u64, machine: u32, start: i64, horizon: i64, growth: Growth) -> Self {
        let mut stream = Stream::new(seed, machine, Purpose::Fault);
        let kind = FaultKind::ALL[(stream.uniform() * FaultKind::ALL.len() as f64) as usize];
        let severity = (stream.between(0.6, 1.0) * 100.0).round() / 100.0;
        let Plan { onset, grown, failure, repair } = growth.plan(kind, start, horizon, &mut stream);
        Self { machine, kind, onset, grown, failure, repair, severity }
    }

    /// Whether it acts at `time`.
    pub(super) fn acts(&self, time: i64) -> bool {
        (self.onset..self.repair).contains(&time)
    }

    /// What the fault does at `time`.
    pub(super) fn effect(&self, time: i64) -> Effect {
        if !self.acts(time) {
            return Effect::NONE;
        }
        let progress = match self.grown - self.onset {
            growth if growth > 0 && time < self.grown => (time - self.onset) as f64 / growth as f64,
            _ => 1.0,
        };
        let shape = match self.kind {
            // The fan loses speed slowly first, then quickly.
            FaultKind::FailingFan => progress * progress,
            // A broken reed, then its neighbours.
            FaultKind::LeakingValves => 0.5 + 0.5 * progress,
            _ => progress,
        };
        self.kind.effect(self.severity * shape)
    }

    /// What it means for the machine's use at `time`.
    pub(super) fn service(&self, time: i64) -> Service {
        match time {
            time if time < self.failure || time >= self.repair => Service::InUse,
            time if time - self.failure < (self.repair - self.failure) / 2 => Service::Failed,
            _ => Service::Working,
        }
    }

    /// Fails now, at `time`, because the machine has locked itself out, unless it has done so before. A fault that nobody is
    /// to repair does not: the machine will try again.
    pub(super) fn lock_out(&mut self, time: i64) {
        let delay = self.repair - self.failure;
        if self.acts(time) && time < self.failure && delay > 0 {
            (self.failure, self.repair) = (time, time + delay);
        }
    }
}
