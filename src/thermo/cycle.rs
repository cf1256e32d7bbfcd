//! The cycle of a compression machine, planned ([`Cycle`]) and measured (the functions).
//!
//! States are numbered as usual: 1 at the suction, 2 at the discharge (2s if the compression were isentropic), 3 the liquid before the
//! valve, 4 behind it with the enthalpy of 3. Superheat counts from the dew line at the low pressure, subcooling from
//! the bubble line at the high one; evaporating and condensing temperatures are those of the dew line. There are no pressure
//! drops, and the isentropic efficiency refers to the fluid: no heat is lost on the way.
//!
//! Every function gives `None` where its result is not known or means nothing.

use super::{Line, Properties, ZERO_CELSIUS};

/// A number that is finite, where the condition holds.
#[inline]
fn given(condition: bool, value: f64) -> Option<f64> {
    (condition && value.is_finite()).then_some(value)
}

/// The coefficient of performance of a Carnot machine between two temperatures, °C: `T_evap / (T_cond - T_evap)` in kelvin. `None`
/// unless it condenses hotter than it evaporates.
#[inline]
pub fn cop_carnot(t_evap: f64, t_cond: f64) -> Option<f64> {
    let (low, high) = (t_evap + ZERO_CELSIUS, t_cond + ZERO_CELSIUS);
    given(low > 0.0 && high > low, low / (high - low))
}

/// The share of the Carnot machine's coefficient of performance that `cop` is. Temperatures as in [`cop_carnot`].
#[inline]
pub fn carnot_efficiency(cop: f64, t_evap: f64, t_cond: f64) -> Option<f64> {
    cop_carnot(t_evap, t_cond).and_then(|carnot| given(cop > 0.0, cop / carnot))
}

/// The ratio of two absolute pressures. `None` unless both are positive.
#[inline]
pub fn pressure_ratio(p_high: f64, p_low: f64) -> Option<f64> {
    given(p_high > 0.0 && p_low > 0.0, p_high / p_low)
}

/// Superheat of the suction gas, K: its temperature less the dew temperature at `p_low`. Negative says that one of the sensors is wrong.
#[inline]
pub fn superheat(fluid: &Properties, p_low: f64, t_suction: f64) -> Option<f64> {
    fluid.t_sat(p_low, Line::Dew).and_then(|dew| given(true, t_suction - dew))
}

/// Subcooling of the liquid, K: the bubble temperature at `p_high` less its temperature.
#[inline]
pub fn subcooling(fluid: &Properties, p_high: f64, t_liquid: f64) -> Option<f64> {
    fluid.t_sat(p_high, Line::Bubble).and_then(|bubble| given(true, bubble - t_liquid))
}

/// Isentropic efficiency by the measured discharge temperature: `(h2s - h1) / (h2 - h1)`. `None` unless the gas is vapour at both
/// places and comes out with more enthalpy at a higher pressure.
pub fn isentropic_efficiency(fluid: &Properties, p1: f64, t1: f64, p2: f64, t2: f64) -> Option<f64> {
    let h1 = fluid.vapour_enthalpy(p1, t1)?;
    let h2 = fluid.vapour_enthalpy(p2, t2)?;
    let ideal = fluid.isentropic_enthalpy(p1, t1, p2)?;
    given(p2 > p1 && h2 > h1, (ideal - h1) / (h2 - h1))
}

/// Discharge temperature, °C, of a compression with this isentropic efficiency (0..1]; that of the dew line where it ends wet.
pub fn discharge_temperature(fluid: &Properties, p1: f64, t1: f64, p2: f64, efficiency: f64) -> Option<f64> {
    let h1 = fluid.vapour_enthalpy(p1, t1)?;
    let ideal = fluid.isentropic_enthalpy(p1, t1, p2)? - h1;
    let h2 = given(p2 > p1 && efficiency > 0.0 && efficiency <= 1.0, h1 + ideal / efficiency)?;
    discharge(fluid, p2, h2)
}

/// Temperature, °C, of what leaves a compressor, vapour or slightly wet. Only refrigerants with little or no glide come out wet, so
/// that one temperature is as good as that of the dew line.
fn discharge(fluid: &Properties, p: f64, h: f64) -> Option<f64> {
    let t_dew = fluid.t_sat(p, Line::Dew)?;
    if h < fluid.vapour_enthalpy(p, t_dew)? { Some(t_dew) } else { fluid.vapour_temperature(p, h) }
}

/// Coefficient of performance of the fluid's cycle by what is measured at its four corners: `(h1 - h4) / (h2 - h1)`. `None`
/// unless suction and discharge are vapour, the liquid is subcooled, and both differences are positive.
pub fn cop_cycle(
    fluid: &Properties,
    (p_low, t_suction): (f64, f64),
    (p_high, t_discharge): (f64, f64),
    t_liquid: f64,
) -> Option<f64> {
    let h1 = fluid.vapour_enthalpy(p_low, t_suction)?;
    let h2 = fluid.vapour_enthalpy(p_high, t_discharge)?;
    let h3 = fluid.subcooled_enthalpy(p_high, t_liquid)?;
    given(p_high > p_low && h2 > h1 && h1 > h3, (h1 - h3) / (h2 - h1))
}

/// Mass flow, kg/s, by the electric power in kW: what reaches the fluid of it, over what a kilogram takes up. `loss` is the share that
/// leaves the compressor as heat (0.07 is usual).
#[inline]
pub fn mass_flow(power: f64, loss: f64, h1: f64, h2: f64) -> Option<f64> {
    given(power >= 0.0 && (0.0..1.0).contains(&loss) && h2 > h1, power * (1.0 - loss) / (h2 - h1))
}

/// Cooling capacity, kW, of a mass flow in kg/s.
#[inline]
pub fn cooling_capacity(mass_flow: f64, h1: f64, h4: f64) -> Option<f64> {
    given(mass_flow >= 0.0 && h1 > h4, mass_flow * (h1 - h4))
}

/// Volumetric efficiency: the volume that the mass flow (kg/s) has at the suction (density in kg/m³) over the swept volume in m³/h.
#[inline]
pub fn volumetric_efficiency(mass_flow: f64, density: f64, displacement: f64) -> Option<f64> {
    given(
        mass_flow >= 0.0 && density > 0.0 && displacement > 0.0,
        3600.0 * mass_flow / (density * displacement),
    )
}

/// What a cycle is planned by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cycle {
    /// Evaporating temperature (dew), °C.
    pub t_evap: f64,
    /// Condensing temperature (dew), °C.
    pub t_cond: f64,
    /// At the suction, K.
    pub superheat: f64,
    /// Before the valve, K.
    pub subcooling: f64,
    /// 0..1.
    pub isentropic_efficiency: f64,
}

/// The corners of a [`Cycle`] and what follows from them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Points {
    /// Evaporating pressure, bar absolute.
    pub p_low: f64,
    /// Condensing pressure, bar absolute.
    pub p_high: f64,
    /// `p_high / p_low`.
    pub pressure_ratio: f64,
    /// Suction temperature, °C.
    pub t1: f64,
    /// After an isentropic compression, °C; the dew temperature where that ends wet, `None` above the table.
    pub t2s: Option<f64>,
    /// Discharge temperature, °C; the same holds.
    pub t2: Option<f64>,
    /// Liquid temperature, °C.
    pub t3: f64,
    /// Suction enthalpy, kJ/kg.
    pub h1: f64,
    /// After an isentropic compression, kJ/kg.
    pub h2s: f64,
    /// Discharge enthalpy, kJ/kg.
    pub h2: f64,
    /// Liquid enthalpy, before and behind the valve, kJ/kg.
    pub h3: f64,
    /// Suction density, kg/m³.
    pub density: f64,
    /// Coefficient of performance for cooling.
    pub cop: f64,
    /// That of a Carnot machine between the two dew temperatures.
    pub cop_carnot: f64,
    /// Cooling by the volume sucked in, kJ/m³.
    pub volumetric_capacity: f64,
}

impl Cycle {
    /// The cycle with this fluid. `None` where a corner lies outside the table, or nothing is compressed or cooled.
    pub fn points(&self, fluid: &Properties) -> Option<Points> {
        let (p_low, p_high) = (fluid.p_sat(self.t_evap, Line::Dew)?, fluid.p_sat(self.t_cond, Line::Dew)?);
        let cop_carnot = cop_carnot(self.t_evap, self.t_cond)?;
        let possible = self.superheat >= 0.0
            && self.subcooling >= 0.0
            && self.isentropic_efficiency > 0.0
            && self.isentropic_efficiency <= 1.0;
        let t1 = given(possible, self.t_evap + self.superheat)?;
        let t3 = fluid.t_sat(p_high, Line::Bubble)? - self.subcooling;
        let h1 = fluid.vapour_enthalpy(p_low, t1)?;
        let h2s = fluid.isentropic_enthalpy(p_low, t1, p_high)?;
        let h2 = h1 + (h2s - h1) / self.isentropic_efficiency;
        let h3 = fluid.subcooled_enthalpy(p_high, t3)?;
        let density = fluid.vapour_density(p_low, t1)?;
        Some(Points {
            p_low,
            p_high,
            pressure_ratio: p_high / p_low,
            t1,
            t2s: discharge(fluid, p_high, h2s),
            t2: discharge(fluid, p_high, h2),
            t3,
            h1,
            h2s,
            h2,
            h3,
            density,
            cop: given(h1 > h3 && h2 > h1, (h1 - h3) / (h2 - h1))?,
            cop_carnot,
            volumetric_capacity: (h1 - h3) * density,
        })
    }
}
