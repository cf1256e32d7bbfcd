//! The plant simulator: a fleet of R134a cold rooms whose readings and faults follow from a seed.
//!
//! It is pure: no clock, no file, no network. [`Fleet::step`] gives the readings of one period, machine by
//! machine; whoever calls it writes them as JSON ([`Reading::write_json`]) or as columns ([`ReadingTable`]).
//!
//! - The same [`FleetConfig`] gives the same readings, byte for byte.
//! - Each machine has its own random streams, so machine 7 of 10 equals machine 7 of 1000.
//! - The faults have streams of their own: a fleet with `faulty_share` 0 differs from the faulty one only by
//!   what the faults do. [`Fleet::faults`] is the ground truth.
//!
//! The physics is a lumped vapour-compression cycle: the evaporator and the condenser balance the cycle's
//! heat flows with first-order lags, a thermostat switches the compressor, a defrost comes every few hours.

mod duration;
mod fault;
mod fleet;
mod plant;
mod random;
mod reading;
mod refrigerant;
mod table;
#[cfg(test)]
mod tests;

pub use duration::{DurationError, parse_duration};
pub use fault::{Fault, FaultKind};
pub use fleet::{Fleet, FleetConfig, FleetError, InjectError};
pub use reading::{Mode, Reading, Sensor, write_timestamp};
pub use table::{ReadingTable, fault_schema, fault_table};
