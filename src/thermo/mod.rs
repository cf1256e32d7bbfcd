//! Thermodynamics: properties of refrigerants, the cycle, and both over columns.
//!
//! Pressures are bar **absolute**, temperatures °C, differences K, enthalpies kJ/kg, entropies kJ/(kg K), densities kg/m³.

mod batch;
mod cycle;
mod properties;
mod refrigerant;
mod spline;
pub mod sql;
mod table;
#[cfg(test)]
mod tests;

pub use batch::*;
pub use cycle::*;
pub use properties::{Line, Properties, Quantity, Range, ZERO_CELSIUS};
pub use refrigerant::Refrigerant;
