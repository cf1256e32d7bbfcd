//! Thermodynamics: properties of refrigerants, the cycle, and both over columns.
//!
//! A plant's pressures and temperatures mean something only through its refrigerant. Equations of state answer in microseconds,
//! those of blends in milliseconds, and come as a native library; a reading has some ten nanoseconds. So the properties are small tables
//! (`tables/`, 430 kB for all fifteen), made from CoolProp 8.0.0 by `make thermo-tables` and checked against it by the tests.
//!
//! **Units**: pressure bar **absolute**, temperature °C, difference K, enthalpy kJ/kg, entropy kJ/(kg K), density kg/m³, power kW. Enthalpy and
//! entropy follow the IIR reference: 200 kJ/kg and 1 kJ/(kg K) for liquid on the bubble line at 0 °C. Only their differences mean anything.
//!
//! **Range**: saturation from -50 °C or below to 3..9 K under the critical point; vapour on the dew line and up to 145 K hotter, as far as the equation
//! of state was made for; liquid up to 60 K colder than its bubble line. R744 is subcritical: -56..29 °C. [`Properties::range`] tells. Outside,
//! for NaN and in another phase the answer is `None`, over columns NULL: nothing is extrapolated.
//!
//! **Accuracy** against CoolProp, the worst of all refrigerants over the whole range: saturation 0.02 mK and 0.0001 %, enthalpy of vapour 42 J/kg (R717;
//! 25 J/kg for the others), density 0.02 %, a cycle's cooling, work and COP 0.003 %. What CoolProp itself is worth is said by its sources:
//! `docs/thermodynamics.md`.
//!
//! Nothing here does I/O or knows of it; only [`sql`] knows of DataFusion.

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
