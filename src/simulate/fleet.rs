//! Many plants, stepped together.

use std::ops::Range;

use super::design::{Application, Build, Design};
use super::fault::{Effect, Fault, FaultKind, Service};
use super::growth::Growth;
use super::plant::Plant;
use super::random::{Purpose, Stream};
use super::reading::Reading;
use crate::thermo::Refrigerant;

/// One day in microseconds: how far ahead the faults of an endless run are planned.
const DAY: i64 = 86_400_000_000;
/// The physics takes steps of at most this many microseconds, however long the period is.
const LONGEST_STEP: i64 = 20_000_000;
/// 9999-12-31 in microseconds since the epoch: the last day that RFC 3339 can write.
const LAST_TIME: i64 = 253_402_214_400_000_000;

/// What to simulate.
#[derive(Debug, Clone, PartialEq)]
pub struct FleetConfig {
    /// Number of machines; their ids are 1..=N.
    pub machines: u32,
    /// The same seed gives the same readings.
    pub seed: u64,
    /// Time of the first readings, microseconds since the epoch.
    pub start: i64,
    /// Time between two readings of a machine, microseconds.
    pub period: i64,
    /// Length of the run, microseconds; `None` goes on for ever. The last reading comes before
    /// `start + duration`.
    pub duration: Option<i64>,
    /// Share of the machines, 0..=1, that get one fault within the run (in an endless run: within the first
    /// day). The share is kept for every number of machines, to one machine.
    pub faulty_share: f64,
    /// How fast these faults grow.
    pub growth: Growth,
    /// Refrigerants of the machines.
    pub refrigerants: Vec<Refrigerant>,
    /// What the machines keep cold. Every pair of the two is there equally often; those that nobody builds are left out.
    pub applications: Vec<Application>,
    /// Share of the machines, 0..=1, whose pressures are above that of the air, not absolute.
    pub gauge_share: f64,
}

impl Default for FleetConfig {
    fn default() -> Self {
        let start = 1_704_067_200_000_000; // 2024-01-01T00:00:00Z
        Self {
            machines: 20,
            seed: 1,
            start,
            period: 1_000_000,
            duration: None,
            faulty_share: 0.2,
            growth: Growth::Run,
            refrigerants: vec![Refrigerant::R134a],
            applications: vec![Application::Medium],
            gauge_share: 0.0,
        }
    }
}

/// A fleet that cannot be simulated.
#[derive(Debug, Clone, thiserror::Error, PartialEq)]
pub enum FleetError {
    /// Zero machines.
    #[error("a fleet needs at least one machine")]
    NoMachines,
    /// A period of zero or less.
    #[error("the period must be longer than zero")]
    Period,
    /// Not a share.
    #[error("a share of the machines must lie between 0 and 1, not {0}")]
    Share(f64),
    /// No refrigerant or no application.
    #[error("a fleet needs at least one refrigerant and one application")]
    NoDesign,
    /// A refrigerant for none of the applications.
    #[error("{} suits none of the applications asked for", .0.name())]
    Refrigerant(Refrigerant),
    /// An application that none of the refrigerants is for.
    #[error("none of the refrigerants asked for suits {} temperature", .0.name())]
    Application(Application),
    /// A run that starts before 1970, ends after the year 9999 or has no length.
    #[error("the run must have a length and lie between the years 1970 and 9999")]
    Time,
}

/// A fault that cannot be.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq)]
pub enum InjectError {
    /// The fleet does not have the machine.
    #[error("there is no machine {machine}: the ids are 1 to {machines}")]
    Machine {
        /// The machine asked for.
        machine: u32,
        /// Number of machines.
        machines: usize,
    },
    /// Not a severity.
    #[error("a severity lies between 0 and 1; {0} does not")]
    Severity(f64),
    /// A growth that goes backwards.
    #[error("a fault cannot grow in less than no time")]
    Growth,
    /// A fault that is over before it begins.
    #[error("a fault must last longer than zero")]
    Duration,
    /// No reading follows.
    #[error("the run is over")]
    Over,
}

/// A running simulation.
#[derive(Debug)]
pub struct Fleet {
    plants: Vec<Plant>,
    faults: Vec<Fault>,
    /// For each plant where its faults are: they lie machine by machine.
    faults_of: Vec<Range<usize>>,
    readings: Vec<Reading>,
    start: i64,
    period: i64,
    step: u64,
    steps: Option<u64>,
}

impl Fleet {
    /// Builds the machines and plans their faults.
    pub fn new(config: &FleetConfig) -> Result<Self, FleetError> {
        let &FleetConfig {
            machines, seed, start, period, duration, faulty_share, growth, gauge_share, ..
        } = config;
        if machines == 0 {
            return Err(FleetError::NoMachines);
        }
        if period <= 0 {
            return Err(FleetError::Period);
        }
        if let Some(share) =
            [faulty_share, gauge_share].into_iter().find(|share| !(0.0..=1.0).contains(share))
        {
            return Err(FleetError::Share(share));
        }
        let horizon = duration.unwrap_or(DAY);
        let end = start.checked_add(horizon);
        if start < 0 || horizon <= 0 || end.is_none_or(|end| end > LAST_TIME) {
            return Err(FleetError::Time);
        }
        let designs = designs(config)?;
        // The fractions of k times the share are spread evenly, so any first N machines hold the share.
        let shift = Stream::new(seed, 0, Purpose::Fleet).uniform();
        let faulty = |machine: &u32| (f64::from(*machine) * faulty_share + shift).fract() < faulty_share;
        let faulty = (1..=machines).filter(faulty);
        let faults: Vec<_> =
            faulty.map(|machine| Fault::plan(seed, machine, start, horizon, growth)).collect();
        let (kinds, references) = (Spread::of_designs(seed), Spread::of_references(seed));
        let plant = |machine: u32| {
            let at = (kinds.place(machine) * designs.len() as f64) as usize;
            let (refrigerant, application, design) = &designs[at];
            let gauge = references.place(machine) < gauge_share;
            let build = Build::new(seed, machine, *refrigerant, *application, design, gauge);
            Plant::new(seed, machine, start, build)
        };
        let plants = (1..=machines).map(plant).collect();
        let steps = duration.map(|duration| parts(duration, period));
        let faults_of = ranges(&faults, machines);
        Ok(Self { plants, faults, faults_of, readings: Vec::new(), start, period, step: 0, steps })
    }

    /// The readings of the next period: one for each machine in the order of their numbers, all at the same
    /// time. `None` after the end of the run.
    pub fn step(&mut self) -> Option<&[Reading]> {
        if self.steps.is_some_and(|steps| self.step >= steps) {
            return None;
        }
        let time = self.next_time()?;
        self.readings.clear();
        let parts = if self.step > 0 { parts(self.period, LONGEST_STEP) } else { 0 };
        let part = self.period as f64 / parts as f64;
        for (plant, faults) in self.plants.iter_mut().zip(&self.faults_of) {
            let faults = &mut self.faults[faults.clone()];
            for left in (0..parts).rev() {
                let time = time - (part * left as f64) as i64;
                if plant.advance(time, part / 1e6, &effect(faults, time), service(faults, time)) {
                    faults.iter_mut().for_each(|fault| fault.lock_out(time));
                }
            }
            self.readings.push(plant.read(time, &effect(faults, time)));
        }
        self.step += 1;
        Some(&self.readings)
    }

    /// Gives `machine` a fault of `kind` from its next reading on: it grows for `growth` microseconds to `severity`
    /// (0..=1) and is repaired after `duration` microseconds, or never. A fault of the same kind is replaced: it ends
    /// now, or never comes if it was still to come. Without a failure that someone repairs, a machine that its safety switches lock out
    /// tries again after half an hour.
    pub fn inject(
        &mut self,
        machine: u32,
        kind: FaultKind,
        severity: f64,
        growth: i64,
        duration: Option<i64>,
    ) -> Result<Fault, InjectError> {
        let machines = self.plants.len();
        if machine == 0 || machine as usize > machines {
            return Err(InjectError::Machine { machine, machines });
        }
        if !(0.0..=1.0).contains(&severity) {
            return Err(InjectError::Severity(severity));
        }
        if growth < 0 {
            return Err(InjectError::Growth);
        }
        if duration.is_some_and(|duration| duration <= 0) {
            return Err(InjectError::Duration);
        }
        let onset = self.next_time().ok_or(InjectError::Over)?;
        let until = |time: i64| onset.saturating_add(time).min(LAST_TIME);
        let failure = duration.map_or(LAST_TIME, until);
        let fault = Fault { machine, kind, onset, grown: until(growth), failure, repair: failure, severity };
        let same = |other: &Fault| other.machine == machine && other.kind == kind;
        self.faults.retain(|other| !same(other) || other.onset < onset);
        for other in self.faults.iter_mut().filter(|other| same(other)) {
            other.failure = other.failure.min(onset);
            other.repair = other.repair.min(onset);
        }
        let behind = self.faults.partition_point(|other| other.machine <= machine);
        self.faults.insert(behind, fault);
        self.faults_of = ranges(&self.faults, machines as u32);
        Ok(fault)
    }

    /// The machines, those first that will be cooling longest from now on, and those that are not cooling last: what
    /// a compressor does wrong shows only while it runs.
    pub fn machines_by_run(&self) -> Vec<u32> {
        let mut machines: Vec<(u32, Option<f64>)> =
            (1..).zip(self.plants.iter().map(Plant::still_to_cool)).collect();
        machines.sort_by(|(_, a), (_, b)| b.unwrap_or(f64::MIN).total_cmp(&a.unwrap_or(f64::MIN)));
        machines.into_iter().map(|(machine, _)| machine).collect()
    }

    /// Time of the next readings; none after the last time that can be written.
    pub(super) fn next_time(&self) -> Option<i64> {
        self.start.checked_add(self.period.checked_mul(i64::try_from(self.step).ok()?)?)
    }

    /// The ground truth: every fault of the run, machine by machine.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// Number of periods of the whole run; `None` if it is endless.
    pub fn steps(&self) -> Option<u64> {
        self.steps
    }

    /// The machines and how they are built.
    pub(super) fn builds(&self) -> impl Iterator<Item = (u32, &Build)> {
        self.plants.iter().map(|plant| (plant.machine, &plant.build))
    }

    /// Whether `machine` reports pressures above that of the air, and the pressure of that, bar.
    pub(super) fn pressure_reference(&self, machine: u32) -> (bool, f64) {
        let plant = self.plants.get((machine as usize).wrapping_sub(1));
        plant.map_or((false, 0.0), |plant| (plant.build.gauge, plant.build.air_pressure()))
    }

    /// Number of machines.
    pub fn machines(&self) -> usize {
        self.plants.len()
    }
}

/// What `faults` of one machine do together at `time`.
fn effect(faults: &[Fault], time: i64) -> Effect {
    faults.iter().map(|fault| fault.effect(time)).fold(Effect::NONE, Effect::and)
}

/// Whether `faults` of one machine have taken it out of use at `time`.
fn service(faults: &[Fault], time: i64) -> Service {
    let services = faults.iter().map(|fault| fault.service(time));
    services.max().unwrap_or(Service::InUse)
}

/// The pairs of refrigerant and application. Pairs that nobody builds are left out; a refrigerant or an
/// application that is left without a pair is refused.
fn designs(config: &FleetConfig) -> Result<Vec<(Refrigerant, Application, Design)>, FleetError> {
    let FleetConfig { refrigerants, applications, .. } = config;
    let mut designs: Vec<(Refrigerant, Application, Design)> = Vec::new();
    for &application in applications {
        for &refrigerant in refrigerants {
            designs.extend(
                Design::new(refrigerant, application).map(|design| (refrigerant, application, design)),
            );
        }
    }
    if let Some(refrigerant) = refrigerants.iter().find(|one| designs.iter().all(|(other, ..)| other != *one))
    {
        return Err(FleetError::Refrigerant(*refrigerant));
    }
    if let Some(application) =
        applications.iter().find(|one| designs.iter().all(|(_, other, _)| other != *one))
    {
        return Err(FleetError::Application(*application));
    }
    if designs.is_empty() { Err(FleetError::NoDesign) } else { Ok(designs) }
}

/// A place between 0 and 1 for each machine, evenly spread over any first N of them. The steps of two spreads have no
/// common measure, so what one chooses has nothing to do with what the other does, nor with which machines are faulty.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spread {
    step: f64,
    shift: f64,
}

impl Spread {
    fn new(seed: u64, number: u32, step: f64) -> Self {
        Self { step, shift: Stream::new(seed, number, Purpose::Fleet).uniform() }
    }

    fn of_designs(seed: u64) -> Self {
        Self::new(seed, 1, std::f64::consts::SQRT_2 - 1.0)
    }

    fn of_references(seed: u64) -> Self {
        Self::new(seed, 2, 0.618_033_988_749_895)
    }

    /// Of kind number `kind` of dirt.
    pub(super) fn of_dirt(seed: u64, kind: usize) -> Self {
        Self::new(seed, 3 + kind as u32, 0.754_877_666_246_693)
    }

    pub(super) fn place(self, machine: u32) -> f64 {
        (f64::from(machine) * self.step + self.shift).fract()
    }
}

/// Where in `faults` those of each machine are.
fn ranges(faults: &[Fault], machines: u32) -> Vec<Range<usize>> {
    let before = |machine: u32| faults.partition_point(|fault| fault.machine < machine);
    (1..=machines).map(|machine| before(machine)..before(machine + 1)).collect()
}

/// How many parts of at most `part` make up `whole`; both are positive.
fn parts(whole: i64, part: i64) -> u64 {
    whole.unsigned_abs().div_ceil(part.unsigned_abs())
}
