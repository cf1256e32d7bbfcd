//! The machines: what people know of each, beside what its sensors tell.
//!
//! `machines.toml` says for each machine which refrigerant it has, whether its transmitters show absolute or gauge pressure,
//! what it is rated for, and which limits apply. A stream joins it as the table `machines` (`dataflow/lookup`).
//!
//! ```text
//! machines.toml ─▶ file (parse, with line and key) ─▶ limits (what follows from refrigerant and application)
//!                                                        ▼
//!                       readings of a partition ─▶ versions: one row per machine and version, found by event time
//! ```
//!
//! A machine that the file does not know has the file's `[defaults]`, and `known` is false. What nobody has said is NULL.
//!
//! `columns`, `file`, `limits` and `versions` are pure; [`follow`] looks at the file again while the process runs.

pub mod columns;
mod error;
mod file;
pub mod follow;
mod limits;
mod quantity;
mod refrigerant;
#[cfg(test)]
mod tests;
pub mod versions;
mod write;

use std::collections::BTreeMap;

pub use error::MachineError;
pub use limits::atmosphere;
pub use quantity::Quantity;

use crate::thermo::Refrigerant;

/// What a pressure transmitter shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PressureReference {
    /// Pressure above vacuum.
    Absolute,
    /// Pressure above that of the air around it.
    Gauge,
}

impl PressureReference {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Absolute, Self::Gauge];

    /// Its name in `machines.toml` and in SQL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Absolute => "absolute",
            Self::Gauge => "gauge",
        }
    }
}

/// What a machine cools, by the temperature of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Application {
    /// Air conditioning, process cooling, heat pumps: evaporating at -5 to 15 °C.
    High,
    /// Chilled goods: evaporating at -20 to 5 °C.
    Medium,
    /// Frozen goods: evaporating at -45 to -15 °C.
    Low,
}

impl Application {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::High, Self::Medium, Self::Low];

    /// Its name in `machines.toml` and in SQL.
    pub fn name(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

/// What is known of a machine, as `machines.toml` says it, or with everything that follows from that.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Machine {
    /// Where it stands.
    pub site: Option<String>,
    /// What people call it.
    pub name: Option<String>,
    /// Its refrigerant.
    pub refrigerant: Option<Refrigerant>,
    /// What its pressure transmitters show.
    pub pressure_reference: Option<PressureReference>,
    /// What it cools.
    pub application: Option<Application>,
    /// Its numbers: [`Machine::get`], [`Machine::with`].
    pub quantities: Quantities,
}

/// A number, or none, for each quantity.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Quantities([Option<f64>; Quantity::COUNT]);

impl Machine {
    /// A quantity, in its unit; `None` where nobody has said it.
    pub fn get(&self, quantity: Quantity) -> Option<f64> {
        self.quantities.0[quantity as usize]
    }

    /// Sets a quantity.
    pub fn set(&mut self, quantity: Quantity, value: Option<f64>) {
        self.quantities.0[quantity as usize] = value;
    }

    /// The same with a quantity set.
    #[must_use]
    pub fn with(mut self, quantity: Quantity, value: f64) -> Self {
        self.set(quantity, Some(value));
        self
    }

    /// What this machine does not say is as `defaults` say it.
    fn or(&self, defaults: &Self) -> Self {
        let mut quantities = self.quantities;
        for (own, default) in quantities.0.iter_mut().zip(defaults.quantities.0) {
            *own = own.or(default);
        }
        Self {
            site: self.site.clone().or_else(|| defaults.site.clone()),
            name: self.name.clone().or_else(|| defaults.name.clone()),
            refrigerant: self.refrigerant.or(defaults.refrigerant),
            pressure_reference: self.pressure_reference.or(defaults.pressure_reference),
            application: self.application.or(defaults.application),
            quantities,
        }
    }
}

/// All of a `machines.toml`.
#[derive(Debug, Clone, PartialEq)]
pub struct Machines {
    /// As the file says it.
    defaults: Machine,
    /// As the file says them, in its order.
    entries: Vec<(String, Machine)>,
    /// With defaults and limits.
    unknown: Machine,
    /// The same of each machine, by id.
    resolved: BTreeMap<String, Machine>,
}

impl Default for Machines {
    /// No machine is known, and no default is set.
    fn default() -> Self {
        let defaults = Machine::default();
        let unknown = limits::resolve(&defaults);
        Self { defaults, entries: Vec::new(), unknown, resolved: BTreeMap::new() }
    }
}

impl Machines {
    /// Machines by id, with what is said of those that say nothing themselves.
    ///
    /// # Errors
    /// [`MachineError::Invalid`] for an id that is empty or there twice, and for limits that contradict each other.
    pub fn new(defaults: Machine, entries: Vec<(String, Machine)>) -> Result<Self, MachineError> {
        let unknown = limits::resolve(&defaults);
        limits::check(&unknown).map_err(|fault| fault.of(None))?;
        let mut resolved = BTreeMap::new();
        for (id, machine) in &entries {
            if id.is_empty() {
                return Err(error::Fault::new(
                    "id",
                    "the id is empty",
                    "give the machine_id of its readings",
                )
                .of(None));
            }
            let machine = limits::resolve(&machine.or(&defaults));
            limits::check(&machine).map_err(|fault| fault.of(Some(id)))?;
            if resolved.insert(id.clone(), machine).is_some() {
                let hint = "each machine has one entry: put the two together";
                return Err(error::Fault::new("id", "the id is there twice", hint).of(Some(id)));
            }
        }
        Ok(Self { defaults, entries, unknown, resolved })
    }

    /// The machine with defaults and limits, and whether the file knows it.
    pub fn machine(&self, id: &str) -> (&Machine, bool) {
        self.resolved.get(id).map_or((&self.unknown, false), |machine| (machine, true))
    }

    /// Number of machines that the file knows.
    pub fn len(&self) -> usize {
        self.resolved.len()
    }

    /// Whether it knows none.
    pub fn is_empty(&self) -> bool {
        self.resolved.is_empty()
    }
}
