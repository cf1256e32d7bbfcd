//! CoolProp's answers in Coldstream's units: what the tables are made of and what they are compared with.
//!
//! The generator of the tables (`examples/thermo_tables`) and the tests share this file; the program does not contain it.

use rfluids::prelude::{AbstractState, FluidInputPair, FluidParam, FluidTrivialParam, Phase};

/// The zero of the Celsius scale, K.
pub const ZERO_CELSIUS: f64 = 273.15;

/// A fluid of CoolProp, with the IIR reference.
pub struct Fluid {
    /// Without a phase: for saturation.
    free: AbstractState,
    gas: AbstractState,
    liquid: AbstractState,
    h_shift: f64,
    s_shift: f64,
}

/// A state: bar, °C, kJ/kg, kJ/(kg K), kg/m³.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct State {
    pub p: f64,
    pub t: f64,
    pub h: f64,
    pub s: f64,
    pub rho: f64,
}

/// What may go wrong: CoolProp's own words.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

impl Fluid {
    /// The fluid of this name of CoolProp, such as `R134a` or `R449A.mix`.
    pub fn new(name: &str) -> Result<Self> {
        let state = || AbstractState::new("HEOS", name);
        let (mut gas, mut liquid) = (state()?, state()?);
        // Without an imposed phase every call for a mixture tests the stability of phases, some thousand times slower.
        gas.specify_phase(Phase::Gas)?;
        liquid.specify_phase(Phase::Liquid)?;
        let mut fluid = Self { free: state()?, gas, liquid, h_shift: 0.0, s_shift: 0.0 };
        let zero = fluid.saturated(0.0, 0.0)?;
        (fluid.h_shift, fluid.s_shift) = (200.0 - zero.h, 1.0 - zero.s);
        Ok(fluid)
    }

    fn state(&self, from: &AbstractState) -> Result<State> {
        let get = |key: FluidParam| from.keyed_output(key);
        Ok(State {
            p: get(FluidParam::P)? / 1e5,
            t: get(FluidParam::T)? - ZERO_CELSIUS,
            h: get(FluidParam::HMass)? / 1e3 + self.h_shift,
            s: get(FluidParam::SMass)? / 1e3 + self.s_shift,
            rho: get(FluidParam::DMass)?,
        })
    }

    /// Saturated at `t`, with vapour quality 0 (bubble) or 1 (dew).
    pub fn saturated(&mut self, t: f64, quality: f64) -> Result<State> {
        self.free.update(FluidInputPair::QT, quality, t + ZERO_CELSIUS)?;
        self.state(&self.free)
    }

    /// Saturated at `p`, with vapour quality 0 (bubble) or 1 (dew).
    pub fn saturated_at(&mut self, p: f64, quality: f64) -> Result<State> {
        self.free.update(FluidInputPair::PQ, p * 1e5, quality)?;
        self.state(&self.free)
    }

    /// Liquid and vapour together with this entropy at `p`; a pure fluid only.
    pub fn wet(&mut self, p: f64, s: f64) -> Result<State> {
        self.free.update(FluidInputPair::PSMass, p * 1e5, (s - self.s_shift) * 1e3)?;
        self.state(&self.free)
    }

    /// Vapour at a pressure and a temperature.
    pub fn vapour(&mut self, p: f64, t: f64) -> Result<State> {
        match self.gas.update(FluidInputPair::PT, p * 1e5, t + ZERO_CELSIUS) {
            Ok(()) => self.state(&self.gas),
            Err(_) => self.dense_vapour(p, t),
        }
    }

    /// Vapour of a blend near its critical point, where CoolProp's own search for the density fails: followed from 40 K hotter, step by
    /// step, by Newton's method.
    fn dense_vapour(&mut self, p: f64, t: f64) -> Result<State> {
        self.gas.update(FluidInputPair::PT, p * 1e5, t + 40.0 + ZERO_CELSIUS)?;
        let mut rho = self.state(&self.gas)?.rho;
        for step in (0..160).rev() {
            rho = find_density(&mut self.gas, rho, p, t + 0.25 * f64::from(step))?;
        }
        self.state(&self.gas)
    }

    /// Liquid at a pressure and a temperature, near this density.
    pub fn liquid(&mut self, p: f64, t: f64, rho: f64) -> Result<State> {
        find_density(&mut self.liquid, rho, p, t)?;
        self.state(&self.liquid)
    }

    /// The gas constant, kJ/(kg K).
    pub fn gas_constant(&self) -> Result<f64> {
        let get = |key: FluidTrivialParam| self.free.keyed_output(key);
        Ok(get(FluidTrivialParam::GasConstant)? / get(FluidTrivialParam::MolarMass)? / 1e3)
    }

    /// The highest temperature that the equation of state was made for, °C.
    pub fn t_max(&self) -> Result<f64> {
        Ok(self.free.keyed_output(FluidTrivialParam::TMax)? - ZERO_CELSIUS)
    }
}

/// Sets the density at which the pressure is `p`, by Newton's method from a guess, and says it.
fn find_density(state: &mut AbstractState, guess: f64, p: f64, t: f64) -> Result<f64> {
    let mut pressure = |rho: f64| -> Result<f64> {
        state.update(FluidInputPair::DMassT, rho, t + ZERO_CELSIUS)?;
        Ok(state.keyed_output(FluidParam::P)? / 1e5)
    };
    let mut rho = guess;
    for _ in 0..30 {
        let slope = (pressure(rho * (1.0 + 1e-6))? - pressure(rho * (1.0 - 1e-6))?) / (rho * 2e-6);
        let error = pressure(rho)? - p;
        if error.abs() < 1e-9 * p {
            return Ok(rho);
        }
        rho -= error / slope;
    }
    Err(format!("no density at {p} bar and {t} °C").into())
}
