//! R134a in a few lines: saturation, enthalpies and the compression, fitted for -30..65 °C.
//!
//! The simulator needs speed and coherence, not the last digit. The coefficients were fitted to values of
//! CoolProp 8.0.0; the tests hold reference values and the error allowed. Enthalpies follow the IIR
//! reference (200 kJ/kg for saturated liquid at 0 °C).

const ZERO_CELSIUS: f64 = 273.15;

/// Antoine coefficients: `ln(p / bar) = A - B / (t + C)`. Within 0.4 % from -45 to 65 °C.
const ANTOINE: (f64, f64, f64) = (9.871_250, 2_129.954, 242.1);

/// Saturation pressure in bar absolute at `t` °C.
pub(super) fn p_sat(t: f64) -> f64 {
    let (a, b, c) = ANTOINE;
    (a - b / (t + c)).exp()
}

/// Saturation temperature in °C at `p` bar absolute.
pub(super) fn t_sat(p: f64) -> f64 {
    let (a, b, c) = ANTOINE;
    b / (a - p.ln()) - c
}

/// Enthalpy of saturated vapour in kJ/kg at `t` °C.
fn h_vapour(t: f64) -> f64 {
    398.588 + t * (0.588_82 - t * (0.001_065_4 + t * 1.608_9e-5))
}

/// Enthalpy of liquid in kJ/kg at `t` °C.
fn h_liquid(t: f64) -> f64 {
    200.479 + t * (1.294_09 + t * 0.002_612_2)
}

/// The state of a cycle between two saturation temperatures.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cycle {
    /// Evaporation (saturation) temperature, °C.
    pub(super) te: f64,
    /// Condensation (saturation) temperature, °C.
    pub(super) tc: f64,
    /// Superheat at the compressor, K.
    pub(super) superheat: f64,
    /// Subcooling at the valve, K.
    pub(super) subcooling: f64,
}

/// What a compressor of one m³/s displacement makes of a [`Cycle`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Duty {
    /// Cooling capacity per displacement, kW per m³/s.
    pub(super) cooling: f64,
    /// Power into the gas per displacement, kW per m³/s.
    pub(super) work: f64,
    /// Discharge temperature, °C.
    pub(super) discharge: f64,
    /// Isentropic efficiency, 0..1.
    pub(super) efficiency: f64,
}

impl Cycle {
    /// The duty of a reciprocating compressor whose isentropic efficiency is 0.70 at best; `friction` (1 =
    /// none extra) divides that efficiency.
    pub(super) fn duty(&self, friction: f64) -> Duty {
        let low = p_sat(self.te);
        let ratio = (p_sat(self.tc) / low).max(1.1);
        let efficiency = (0.70 - 0.012 * (ratio - 3.5).abs()).max(0.25) / friction;
        self.duty_with(low, ratio, volumetric_efficiency(ratio), efficiency)
    }

    /// The duty for given efficiencies, low pressure (bar) and pressure ratio.
    pub(super) fn duty_with(&self, low: f64, ratio: f64, volumetric: f64, efficiency: f64) -> Duty {
        let t_sat = self.te + ZERO_CELSIUS;
        let density = low * (4.93 - 0.008_5 * self.te) * t_sat / (t_sat + self.superheat);
        let h1 = h_vapour(self.te) + 0.85 * self.superheat;
        // Isentropic work of a gas whose p-v exponent is constant; 100 turns bar m³/kg into kJ/kg.
        const SLOPE: f64 = (1.06 - 1.0) / 1.06;
        let ideal = 100.0 * low / density / SLOPE * (ratio.powf(SLOPE) - 1.0);
        let work = ideal / efficiency;
        let discharge = self.tc + (h1 + work - h_vapour(self.tc)) / (0.90 + 0.005 * self.tc);
        let flow = volumetric * density;
        let cooling = flow * (h1 - h_liquid(self.tc - self.subcooling));
        Duty { cooling, work: flow * work, discharge, efficiency }
    }
}

/// Share of the displacement that is really moved: re-expansion of 4 % dead space.
fn volumetric_efficiency(ratio: f64) -> f64 {
    (1.04 - 0.04 * ratio.powf(1.0 / 1.12)).max(0.2)
}
