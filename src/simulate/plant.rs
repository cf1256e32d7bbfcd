//! One plant: a cold room with its machine, second by second.
//!
//! The cycle is in balance at every moment ([`super::balance`]); what is measured follows it with first-order lags: evaporation in 30 s,
//! condensation in 90 s, the discharge gas in 200 s. Air and product of the room store heat; frost grows on the coil and is melted.

use super::balance::{Around, Balance};
use super::control::{Control, THERMOSTAT, View};
use super::design::{Build, HUMIDITY, IDLE_CURRENT, KW_PER_AMPERE, MOTOR, saturated};
use super::fault::{Effect, Service};
use super::random::{Purpose, Stream, Wander};
use super::reading::Mode;
use super::weather::{Load, Weather};
use crate::thermo::Line;

/// Heat capacity of the air and of what follows it within minutes (coil, shelves, packaging), kJ/K.
const AIR: f64 = 600.0;
/// Heat capacity of the product, kJ/K, and its conductance to the air, kW/K.
const PRODUCT: f64 = 3_000.0;
const PRODUCT_TO_AIR: f64 = 0.15;
/// Lag of the controller's air sensor, s.
const AIR_SENSOR: f64 = 100.0;
/// Electrical power of the defrost heater, kW, and what of it melts ice; the rest warms the room.
pub(super) const HEATER: f64 = 2.5;
const HEATER_TO_COIL: f64 = 1.5;
/// Heat capacity of the coil, kJ/K, and heat that melts one unit of frost, kJ.
const COIL: f64 = 45.0;
const MELTING: f64 = 2_000.0;
/// Without its fan the evaporator has this share of its conductance.
const NO_FAN: f64 = 0.3;

/// A plant between two steps.
#[derive(Debug, Clone)]
pub(super) struct Plant {
    pub(super) machine: u32,
    pub(super) build: Build,
    pub(super) stream: Stream,
    pub(super) weather: Weather,
    load: Load,
    hunting: Wander,
    pub(super) control: Control,
    pub(super) balance: Balance,
    pub(super) air: f64,
    pub(super) product: f64,
    pub(super) air_sensor: f64,
    pub(super) ambient: f64,
    pub(super) te: f64,
    pub(super) tc: f64,
    pub(super) superheat: f64,
    pub(super) subcooling: f64,
    pub(super) discharge: f64,
    /// Power into the gas, kW.
    pub(super) work: f64,
    pub(super) cooling: f64,
    pub(super) speed: f64,
    /// Frost, in units of what halves the evaporator; what a defrost will leave.
    pub(super) frost: f64,
    left: f64,
}

impl Plant {
    /// Plant number `machine` at `start`, run in for up to an hour, so that the machines of a fleet do not
    /// switch together.
    pub(super) fn new(seed: u64, machine: u32, start: i64, build: Build) -> Self {
        let mut stream = Stream::new(seed, machine, Purpose::Plant);
        let weather = Weather::new(&build, &mut stream);
        let load = Load::new(&build, &mut stream);
        let hunting = Wander::new(0.5, 120.0, &mut stream);
        let air = build.set_point + stream.between(-0.5, 1.0);
        let until_defrost = build.defrost_interval * stream.uniform() + 900.0;
        let balance = build.balance;
        let mut plant = Self {
            machine,
            stream,
            weather,
            load,
            hunting,
            control: Control::new(until_defrost),
            air,
            product: air,
            air_sensor: air,
            ambient: build.ambient,
            te: balance.te,
            tc: balance.tc - 8.0,
            superheat: build.unit.superheat,
            subcooling: build.unit.subcooling,
            discharge: 65.0_f64.min(balance.tc + 30.0),
            work: balance.work,
            cooling: balance.cooling,
            balance,
            speed: 1.0,
            frost: 0.2 * (1.0 - until_defrost / build.defrost_interval).max(0.0),
            left: 0.0,
            build,
        };
        let steps = 40 + (plant.stream.uniform() * 200.0) as u32;
        for _ in 0..steps {
            plant.advance(start, 15.0, &Effect::NONE, Service::InUse);
        }
        plant
    }

    /// Lets `dt` seconds (at most 20) pass, up to `time` in microseconds since the epoch. True when the machine locks itself out.
    pub(super) fn advance(&mut self, time: i64, dt: f64, effect: &Effect, service: Service) -> bool {
        self.hunting.advance(dt, &mut self.stream);
        self.ambient = self.weather.advance(time, dt, &mut self.stream);
        let load = self.load.advance(time, dt, self.air, self.ambient, &mut self.stream);
        self.air_sensor += lag(dt, AIR_SENSOR) * (self.air - self.air_sensor);
        let before = self.control.mode;
        let view = View {
            air: self.air_sensor,
            te: self.te,
            p_high: self.p_high(effect),
            discharge: self.discharge,
            current: self.current(),
            service,
        };
        let locked_out = self.control.advance(dt, &self.build, &view);
        if self.control.mode == Mode::Defrost && before != Mode::Defrost {
            self.left = self.frost * (1.0 - effect.defrost);
        }
        if service == Service::Working {
            self.frost = 0.0;
        }
        let heat = match self.control.mode {
            Mode::Starting | Mode::Cooling => {
                self.run(dt, effect, 1.0);
                -self.cooling
            }
            Mode::FanDelay => {
                self.run(dt, effect, NO_FAN);
                -self.cooling
            }
            Mode::PumpDown => self.pump_down(dt),
            Mode::Defrost => self.melt(dt),
            Mode::Off | Mode::Drip | Mode::Standby | Mode::Fault => self.rest(dt, self.air),
        };
        let from_product = PRODUCT_TO_AIR * (self.product - self.air);
        self.air += dt * (load + heat + from_product) / AIR;
        self.product -= dt * from_product / PRODUCT;
        locked_out
    }

    /// The compressor runs, with `fan` times the evaporator's conductance.
    fn run(&mut self, dt: f64, effect: &Effect, fan: f64) {
        if self.build.variable {
            let wanted = (0.7 + 0.3 * (self.air_sensor - self.build.set_point) / THERMOSTAT).clamp(0.5, 1.0);
            self.speed += lag(dt, 60.0) * (wanted - self.speed);
        }
        let frosted = 1.0 / (1.0 + self.frost * self.frost.sqrt());
        let around =
            Around { air: self.air, ambient: self.ambient, evaporator: frosted * fan, speed: self.speed };
        self.balance.settle(&self.build.unit, &around, effect, self.build.limits.search);
        let balance = &self.balance;
        let superheat = (balance.superheat + self.hunting.value * effect.hunting).max(0.0);
        self.superheat += lag(dt, 60.0) * (superheat - self.superheat);
        self.subcooling += lag(dt, 90.0) * (balance.subcooling - self.subcooling);
        self.te += lag(dt, 30.0) * (balance.te - self.te);
        self.tc += lag(dt, 90.0) * (balance.tc - self.tc);
        self.work += lag(dt, 8.0) * (balance.work - self.work);
        self.cooling += lag(dt, 30.0) * (balance.cooling - self.cooling);
        // A discharge beyond the tables is hotter than any safety switch allows.
        let discharge = balance.discharge(&self.build.unit).unwrap_or(self.build.limits.discharge + 20.0);
        self.discharge += lag(dt, 200.0) * (discharge - self.discharge);
        let damp = HUMIDITY * saturated(self.air) - saturated(self.te);
        self.frost += self.build.frosting * damp.max(0.0) * dt;
    }

    /// The liquid line is closed: the compressor empties the evaporator.
    fn pump_down(&mut self, dt: f64) -> f64 {
        self.te += lag(dt, 20.0) * (self.build.limits.pump_down - 6.0 - self.te);
        self.tc += lag(dt, 90.0) * (self.ambient + 4.0 - self.tc);
        self.work += lag(dt, 20.0) * (0.4 * self.balance.work - self.work);
        self.cooling += lag(dt, 20.0) * -self.cooling;
        -self.cooling
    }

    /// The heater warms the coil, and melts its frost at 0 °C.
    fn melt(&mut self, dt: f64) -> f64 {
        let te = self.te;
        self.rest(dt, te);
        let melting = te >= 0.0 && self.frost > self.left;
        match melting {
            true => self.frost = (self.frost - HEATER_TO_COIL * dt / MELTING).max(self.left),
            false => self.te = te + HEATER_TO_COIL * dt / COIL,
        }
        HEATER - HEATER_TO_COIL
    }

    /// The compressor stands: the pressures drift to those of the coil (at `coil` °C) and of the ambient.
    fn rest(&mut self, dt: f64, coil: f64) -> f64 {
        // The closed valves of a pump-down leak slowly.
        let tau = if self.build.pumps_down { 900.0 } else { 300.0 };
        self.te += lag(dt, tau) * (coil - self.te);
        self.tc += lag(dt, 400.0) * (self.ambient - self.tc);
        self.discharge += lag(dt, 1_200.0) * (self.ambient - self.discharge);
        self.superheat += lag(dt, 300.0) * -self.superheat;
        self.subcooling += lag(dt, 300.0) * -self.subcooling;
        self.work = 0.0;
        self.cooling = 0.0;
        if self.build.variable {
            self.speed = 0.5;
        }
        0.0
    }

    /// Pressure in the condenser, bar absolute.
    pub(super) fn p_high(&self, effect: &Effect) -> f64 {
        let gas = self.build.unit.fluid.p_sat(self.tc, Line::Dew).unwrap_or(self.build.limits.p_high);
        gas + effect.non_condensables
    }

    /// Current of the compressor, A.
    pub(super) fn current(&self) -> f64 {
        if self.control.mode.runs() { IDLE_CURRENT + self.work / MOTOR / KW_PER_AMPERE } else { 0.0 }
    }

    /// While it cools: how far its air is above the temperature at which the thermostat switches the compressor
    /// off, K.
    pub(super) fn still_to_cool(&self) -> Option<f64> {
        let cooling = self.control.mode == Mode::Cooling && self.control.until_defrost > 900.0;
        cooling.then_some(self.air_sensor - (self.build.set_point - THERMOSTAT))
    }
}

/// The share of a gap that a first-order lag of `tau` seconds closes in `dt` seconds (implicit Euler, which
/// never overshoots).
fn lag(dt: f64, tau: f64) -> f64 {
    dt / (dt + tau)
}
