//! The balance of the cycle: where compressor, evaporator, valve and condenser agree.
//!
//! Four unknowns: evaporation, condensation, the wetted share of the evaporator (sigma), superheat. Two regimes: the valve
//! holds its superheat as long as it can pass what the compressor draws; fully open, it fixes the flow and superheat
//! floats. [`Balance::settle`] is a damped fixed point that goes on from the balance before: a step of a second takes one or two rounds of
//! half a microsecond. Powers are kW, conductances kW/K, flows kg/s, pressures bar absolute, temperatures °C.
//!
//! - Compressor: flow = eta_v V rho1, eta_v = 1 + C - C PR^(1/1.12); eta_is = 0.70 - 0.012 |PR - 3.5|; 7 % of the work leave through the shell.
//! - Evaporator: flow (hg - h4) = UA sigma (air - Te); SH = (air - Te)(1 - exp(-0.35 UA (1 - sigma) / (flow cp))).
//! - Condenser: cooling + 0.93 work = UA fan^0.6 (Tc - ambient).
//! - Valve: flow <= kv sqrt(dp / 8 bar) max(0.1, 1 - 1.6 starve); starve = max(0, missing charge - 0.16).
//! - Charge: SC = max(0, SC0 + 25 (charge - 1)); an overcharge also floods part of the condenser.
//! - Non-condensables add their pressure to that of condensation.

use super::fault::Effect;
use crate::thermo::{Line, Properties};

/// Heat capacity of superheated vapour, kJ/(kg K): the one constant of the dry part of the evaporator.
const VAPOUR: f64 = 0.9;
/// Conductance of a dry surface, relative to a wetted one.
const DRY: f64 = 0.35;
/// Rounds at most; the warm start needs one or two, a cold one about ten.
const ROUNDS: usize = 60;
/// A change below this ends the rounds, K.
const TOLERANCE: f64 = 2e-3;
/// A condenser fan is not slowed below this share of its speed.
const SLOWEST_FAN: f64 = 0.15;

/// The parts of a machine.
#[derive(Debug, Clone)]
pub(super) struct Unit {
    pub(super) fluid: &'static Properties,
    /// Swept volume, m³/s.
    pub(super) displacement: f64,
    /// Conductance of the wetted evaporator, kW/K.
    pub(super) evaporator: f64,
    /// Conductance of the condenser at full fan speed, kW/K.
    pub(super) condenser: f64,
    /// Flow through the open valve at 8 bar, kg/s.
    pub(super) valve: f64,
    /// Superheat that the valve holds, K.
    pub(super) superheat: f64,
    /// Subcooling at the right charge, K.
    pub(super) subcooling: f64,
    /// Share of the work that stays in the gas; the rest leaves through the shell, or with the oil of a cooled compressor.
    pub(super) in_gas: f64,
    /// The highest pressure that the properties know, bar: air in the circuit may go beyond it, and the last state known is taken.
    pub(super) p_most: f64,
    /// The fan keeps condensation above this, °C.
    pub(super) head_floor: f64,
}

/// What the machine works against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Around {
    /// Air onto the evaporator, °C.
    pub(super) air: f64,
    /// Air onto the condenser, °C.
    pub(super) ambient: f64,
    /// Factor on the evaporator's conductance: frost, and whether its fan runs.
    pub(super) evaporator: f64,
    /// Speed of the compressor, 0..=1.
    pub(super) speed: f64,
}

/// A balanced cycle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Balance {
    /// Evaporation (dew), °C.
    pub(super) te: f64,
    /// Condensation (dew), °C.
    pub(super) tc: f64,
    /// Wetted share of the evaporator.
    pub(super) sigma: f64,
    pub(super) superheat: f64,
    pub(super) subcooling: f64,
    pub(super) flow: f64,
    /// Heat taken from the air.
    pub(super) cooling: f64,
    /// Work put into gas and shell.
    pub(super) work: f64,
    pub(super) isentropic: f64,
    /// Enthalpy of the discharge gas, kJ/kg, and its pressure.
    pub(super) h2: f64,
    pub(super) p_high: f64,
    /// Speed of the condenser's fan, 0..=1.
    pub(super) fan: f64,
    /// Opening of the valve, 0..=1.
    pub(super) valve: f64,
}

impl Balance {
    /// A place to start from.
    pub(super) fn guess(te: f64, tc: f64) -> Self {
        Self {
            te,
            tc,
            sigma: 0.8,
            superheat: 8.0,
            subcooling: 4.0,
            flow: 0.0,
            cooling: 0.0,
            work: 0.0,
            isentropic: 0.65,
            h2: 0.0,
            p_high: 0.0,
            fan: 1.0,
            valve: 0.9,
        }
    }

    /// Goes to the balance and returns how many rounds it took. `limits` are the lowest evaporation and the highest condensation that
    /// may be looked at: beyond them the machine's safety switches have acted, and the properties may end.
    pub(super) fn settle(
        &mut self,
        unit: &Unit,
        around: &Around,
        effect: &Effect,
        limits: (f64, f64),
    ) -> usize {
        // Where the two regimes of the valve meet, each may lead into the other: halve the steps that turn back.
        let (mut damping, mut last) = (1.0, 0.0);
        for round in 1..=ROUNDS {
            let before = self.te;
            match self.refine(unit, around, effect, limits, damping) {
                Some(change) if change < TOLERANCE => return round,
                Some(_) => {
                    let step = self.te - before;
                    if step * last < 0.0 && step.abs() > 0.4 * f64::abs(last) {
                        damping = f64::max(0.6 * damping, 0.1);
                    }
                    last = step;
                }
                // Outside of the properties: back to where they hold.
                None => {
                    self.te = (self.te + around.air - 12.0) / 2.0;
                    self.tc = (self.tc + around.ambient + 12.0) / 2.0;
                }
            }
        }
        ROUNDS
    }

    /// One round: evaluates the machine at (te, tc) and moves both. Returns by how much, K.
    fn refine(
        &mut self,
        unit: &Unit,
        around: &Around,
        effect: &Effect,
        limits: (f64, f64),
        damping: f64,
    ) -> Option<f64> {
        let fluid = unit.fluid;
        let gap = (around.air - self.te).max(0.5);
        let p_low = fluid.p_sat(self.te, Line::Dew)?;
        let p_gas = fluid.p_sat(self.tc, Line::Dew)?;
        let p_high = p_gas + effect.non_condensables;
        let ratio = (p_high / p_low).max(1.05);
        let subcooling = (unit.subcooling + 25.0 * effect.charge).max(0.0);
        let h4 = fluid.liquid_enthalpy(fluid.t_sat(p_gas, Line::Bubble)? - subcooling)?;
        // Just off the dew line, on which the two roundings of p and t would decide whether it is vapour.
        let latent = fluid.vapour_enthalpy(p_low, self.te + 0.05)? - h4;

        let volumetric = volumetric_efficiency(ratio);
        let swept = unit.displacement * around.speed * volumetric * effect.volumetric;
        // How the compressor's flow grows with the evaporation temperature, 1/K: through density and re-expansion.
        let steam = (fluid.p_sat(self.te + 0.5, Line::Dew)? / p_low).ln() / 0.5;
        let growth = steam * (1.0 + (1.04 - volumetric) / 1.12 / volumetric) - 0.004;
        let surface = unit.evaporator * around.evaporator * effect.evaporator;
        let open = unit.valve * ((p_high - p_low).max(0.1) / 8.0).sqrt();
        let starve = (-effect.charge - 0.16).max(0.0);
        let most = open * effect.valve * (1.0 - 1.6 * starve).max(0.1);

        let mut superheat = (unit.superheat + effect.superheat).max(1.0).min(0.9 * gap);
        let mut flow = swept * fluid.vapour_density(p_low, self.te + superheat)?;
        let te_step = if flow <= most {
            let vapour = flow * VAPOUR / (DRY * surface);
            let dry = -(1.0 - superheat / gap).ln() * vapour;
            self.sigma = (1.0 - dry).max(0.05);
            let drop = flow * latent / (surface * self.sigma);
            // Newton: more flow asks for a larger gap, and a smaller gap dries more of the evaporator.
            let drying = growth * dry + vapour * superheat / (gap * (gap - superheat));
            (around.air - drop - self.te) / (1.0 + drop * (growth + drying / self.sigma))
        } else {
            self.sigma = (most * latent / (surface * gap)).clamp(0.02, 1.0);
            superheat = gap * (1.0 - (-DRY * surface * (1.0 - self.sigma) / (most * VAPOUR)).exp());
            superheat = superheat.clamp(0.0, gap);
            flow = swept * fluid.vapour_density(p_low, self.te + superheat)?;
            // Superheat grows as evaporation falls, and the difference of the pressures with it: both add to the slope.
            (most / flow).ln() / (growth + 0.012)
        };

        let h1 = fluid.vapour_enthalpy(p_low, self.te + superheat)?;
        let ideal = fluid.isentropic_enthalpy(
            p_low,
            self.te + superheat,
            p_high.max(1.05 * p_low).min(unit.p_most),
        )? - h1;
        self.isentropic = (0.70 - 0.012 * (ratio - 3.5).abs()).max(0.25) * effect.isentropic;
        self.work = flow * ideal / self.isentropic * effect.friction;
        self.cooling = flow * (h1 - h4);
        let rejected = self.cooling + unit.in_gas * self.work;
        let surface = unit.condenser * effect.condenser * (1.0 - 0.9 * effect.charge.max(0.0));
        let mut target = around.ambient + rejected / surface;
        self.fan = 1.0;
        if target < unit.head_floor {
            let needed = rejected / (surface * (unit.head_floor - around.ambient));
            self.fan = needed.powf(1.0 / 0.6).clamp(SLOWEST_FAN, 1.0);
            target = around.ambient + rejected / (surface * self.fan.powf(0.6));
        }
        (self.superheat, self.subcooling, self.flow, self.p_high) = (superheat, subcooling, flow, p_high);
        self.h2 = h1 + unit.in_gas * self.work / flow;
        // The valve opens as far as it takes, whatever holds the liquid up.
        self.valve = (flow / most).min(1.0);
        // Not `clamp`, which panics where the limits cross: in a room far too cold.
        let te = (self.te + damping * te_step.clamp(-6.0, 6.0)).min(around.air - 1.0).max(limits.0);
        let tc = (self.tc + 0.95 * (target - self.tc).clamp(-10.0, 10.0)).max(self.te + 2.0).min(limits.1);
        let change = (te - self.te).abs() + (tc - self.tc).abs();
        (self.te, self.tc) = (te, tc);
        Some(change)
    }

    /// Temperature of the discharge gas, °C.
    pub(super) fn discharge(&self, unit: &Unit) -> Option<f64> {
        unit.fluid.vapour_temperature(self.p_high.min(unit.p_most), self.h2)
    }
}

/// Share of the displacement that is really moved: re-expansion of 4 % dead space.
fn volumetric_efficiency(ratio: f64) -> f64 {
    (1.04 - 0.04 * ratio.powf(1.0 / 1.12)).max(0.2)
}
