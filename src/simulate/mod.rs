//! The plant simulator: a fleet of cold rooms whose readings and faults follow from a seed.
//!
//! It is pure: no clock, no file, no network. [`Fleet::step`] gives the readings of one period, machine by
//! machine; whoever calls it writes them as JSON ([`Reading::write_json`]) or as columns ([`ReadingTable`]).
//!
//! - The same [`FleetConfig`] gives the same readings, byte for byte.
//! - Each machine has its own random streams, so machine 7 of 10 equals machine 7 of 1000, in whatever thread.
//! - The faults have streams of their own: a fleet with `faulty_share` 0 differs from the faulty one only by
//!   what the faults do. [`Fleet::faults`] is the ground truth.
//! - What is wrong with the data, not with the plant, is added behind: [`Soiler`].
//!
//! The physics is a lumped vapour-compression cycle with the properties of [`crate::thermo`]. Its four unknowns are in balance at every
//! moment (`balance`); room, product, frost and sensors follow in time (`plant`); a controller switches the compressor and
//! defrosts (`control`); weather, doors and goods are the load (`weather`). Machines are of several refrigerants and temperatures,
//! and no two are of one size (`design`).

mod balance;
mod control;
mod design;
mod dirt;
mod duration;
mod fault;
mod fleet;
mod growth;
mod machines;
mod plant;
mod random;
mod reading;
mod sense;
mod table;
#[cfg(test)]
mod tests;
mod weather;

pub use design::Application;
pub use dirt::{Dirt, DirtError, DirtKind, Soiler};
pub use duration::{DurationError, parse_duration};
pub use fault::{Fault, FaultKind};
pub use fleet::{Fleet, FleetConfig, FleetError, InjectError};
pub use growth::Growth;
pub use reading::{Mode, Reading, Sensor, write_timestamp};
pub use table::{ReadingTable, fault_schema, fault_table, maintenance_schema, maintenance_table};
