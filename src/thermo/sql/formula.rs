//! What stands between the functions' arguments and the physics: numbers in their order in, a number out, `None` where there
//! is no answer.

use super::declare::Numbers;
use crate::thermo::{self, Cycle, Line, Properties};

/// One standard atmosphere, bar.
const ATMOSPHERE: f64 = 1.01325;
/// Share of the compressor's electrical power that leaves through its shell and not with the refrigerant.
const HEAT_LOSS: f64 = 0.07;

/// Pressure of the air, bar, at an altitude in metres: the standard atmosphere of ISO 2533, from -500 m to 11 km.
pub fn atmosphere(altitude: f64) -> Option<f64> {
    (-500.0..=11_000.0).contains(&altitude).then(|| ATMOSPHERE * (1.0 - 2.25577e-5 * altitude).powf(5.25588))
}

/// COP of the ideal refrigerator between two temperatures.
pub fn cop_carnot(n: Numbers<'_>) -> Option<f64> {
    let [t_evap, t_cond] = *n else { return None };
    thermo::cop_carnot(t_evap, t_cond)
}

/// A COP as a share of the ideal one.
pub fn carnot_efficiency(n: Numbers<'_>) -> Option<f64> {
    let [cop, t_evap, t_cond] = *n else { return None };
    thermo::carnot_efficiency(cop, t_evap, t_cond)
}

/// High over low pressure.
pub fn pressure_ratio(n: Numbers<'_>) -> Option<f64> {
    let [high, low] = *n else { return None };
    thermo::pressure_ratio(high, low)
}

/// Saturation temperature.
pub fn t_sat(of: &Properties, line: Line, n: Numbers<'_>) -> Option<f64> {
    let [p] = *n else { return None };
    of.t_sat(p, line)
}

/// Saturation pressure.
pub fn p_sat(of: &Properties, line: Line, n: Numbers<'_>) -> Option<f64> {
    let [t] = *n else { return None };
    of.p_sat(t, line)
}

/// How far suction gas is above its dew temperature.
pub fn superheat(of: &Properties, _: Line, n: Numbers<'_>) -> Option<f64> {
    let [p, t] = *n else { return None };
    thermo::superheat(of, p, t)
}

/// How far liquid is below its bubble temperature.
pub fn subcooling(of: &Properties, _: Line, n: Numbers<'_>) -> Option<f64> {
    let [p, t] = *n else { return None };
    thermo::subcooling(of, p, t)
}

/// Enthalpy of vapour or of liquid. Between the two lines pressure and temperature do not tell it.
pub fn enthalpy(of: &Properties, _: Line, n: Numbers<'_>) -> Option<f64> {
    let [p, t] = *n else { return None };
    if t >= of.t_sat(p, Line::Dew)? { of.vapour_enthalpy(p, t) } else { of.subcooled_enthalpy(p, t) }
}

/// The work of a compression without losses over the work that the discharge temperature shows.
pub fn isentropic_efficiency(of: &Properties, _: Line, n: Numbers<'_>) -> Option<f64> {
    let [low, suction, high, discharge] = *n else { return None };
    let efficiency = thermo::isentropic_efficiency(of, low, suction, high, discharge)?;
    // More than 1 is a discharge sensor that has lost its pipe, not a good compressor.
    (efficiency > 0.0 && efficiency <= 1.0).then_some(efficiency)
}

/// Temperature at the end of a compression with losses.
pub fn discharge_temperature(of: &Properties, _: Line, n: Numbers<'_>) -> Option<f64> {
    let [low, suction, high, efficiency] = *n else { return None };
    thermo::discharge_temperature(of, low, suction, high, efficiency)
}

/// Cold over work of the cycle.
pub fn cop_cycle(of: &Properties, _: Line, n: Numbers<'_>) -> Option<f64> {
    let [t_evap, t_cond, superheat, subcooling, isentropic_efficiency] = *n else { return None };
    Some(Cycle { t_evap, t_cond, superheat, subcooling, isentropic_efficiency }.points(of)?.cop)
}

/// Refrigerant per second, from the energy balance of the compressor.
pub fn mass_flow(of: &Properties, _: Line, n: Numbers<'_>) -> Option<f64> {
    let (low, suction, high, discharge, power, loss) = match *n {
        [low, suction, high, discharge, power] => (low, suction, high, discharge, power, HEAT_LOSS),
        [low, suction, high, discharge, power, loss] => (low, suction, high, discharge, power, loss),
        _ => return None,
    };
    if high <= low || power <= 0.0 {
        return None;
    }
    thermo::mass_flow(power, loss, of.vapour_enthalpy(low, suction)?, of.vapour_enthalpy(high, discharge)?)
}

/// Heat that the evaporator and the suction line take up.
pub fn cooling_capacity(of: &Properties, _: Line, n: Numbers<'_>) -> Option<f64> {
    let [flow, low, suction, liquid] = *n else { return None };
    thermo::cooling_capacity(flow, of.vapour_enthalpy(low, suction)?, of.liquid_enthalpy(liquid)?)
}

/// The volume that is drawn in over the volume that is swept.
pub fn volumetric_efficiency(of: &Properties, _: Line, n: Numbers<'_>) -> Option<f64> {
    let [flow, displacement, low, suction] = *n else { return None };
    thermo::volumetric_efficiency(flow, of.vapour_density(low, suction)?, displacement)
}
